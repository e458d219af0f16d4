package answer

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// normal is a text as it is compared: NFKC (half-width kana and full-width letters become the usual ones), lower case,
// without signs and spaces.
func normal(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == 'ー' || r == '々':
			return r
		case unicode.IsLetter(r), unicode.IsDigit(r), r == '%':
			return unicode.ToLower(r)
		}
		return -1
	}, norm.NFKC.String(text))
}

// filler is what people say around a question. It is taken out, the longest first, so that only the question counts.
var filler = []string{
	"教えていただけますでしょうか", "教えていただけますか", "教えてください", "教えて下さい", "おしえてください", "教えてほしい", "教えて", "おしえて",
	"についてお聞きしたいのですが", "についてお尋ねします", "について知りたいです", "について知りたい", "について", "を知りたいです", "を知りたい", "知りたいのですが", "知りたいです", "知りたい",
	"よろしくお願いいたします", "よろしくお願いします", "お願いいたします", "お願いします", "おねがいします", "お願い", "よろしく",
	"お世話になっております", "お世話になります", "すみませんが", "すみません", "すいません", "恐れ入りますが", "お手数ですが", "質問なのですが", "質問です", "聞きたいのですが", "聞きたい",
	"のでしょうか", "でしょうか", "なのですが", "のですが", "んですけど", "んですが", "ますでしょうか", "ましたか", "ませんか", "ますか", "ですか", "ですよね", "なんですか", "んだけど", "だけど", "けど", "かな", "のかな",
	"どうやって", "どうすればいい", "どうすれば", "どうしたらいい", "どうしたら", "どのように", "どうやる", "やり方は", "方法は", "はどう", "とは何", "って何", "ってなに", "とはなに", "って",
	"わからない", "分からない", "わかりません", "分かりません", "ください", "下さい", "いいの", "いいですか", "できますか", "できる", "出来ますか", "出来る", "できない", "できません", "したいです", "したい",
	"ましょう", "です", "ます",
}

// pairs are the pairs of neighbouring characters, and single kanji: a word of one character, such as 昼, counts too.
func pairs(text string) (grams []string) {
	r := []rune(text)
	for i := range r {
		if i+1 < len(r) && !(hiragana(r[i]) && hiragana(r[i+1])) {
			grams = append(grams, string(r[i:i+2]))
		}
		if unicode.Is(unicode.Han, r[i]) {
			grams = append(grams, string(r[i]))
		}
	}
	return grams
}

func hiragana(r rune) bool { return 'ぁ' <= r && r <= 'ん' }

// terms is what a text is found by: its concepts, and the pairs of characters that are left without filler.
func terms(text string) (all []string) {
	text = normal(text)
	for _, c := range concepts {
		if c.in(text) {
			all = append(all, c.term)
		}
	}
	for _, f := range filler {
		text = strings.ReplaceAll(text, f, " ")
	}
	for part := range strings.FieldsSeq(text) {
		all = append(all, pairs(part)...)
	}
	return all
}
