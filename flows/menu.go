package flows

import (
	"slices"
	"strings"
)

// A word is a function of the bot, started by typing its name, tapping it in the menu or pressing a button (MNU-04).
type word string

const (
	wordBalance    word = "残容量確認"
	wordGift       word = "データプレゼント"
	wordMyPage     word = "マイページ"
	wordHelp       word = "いつでもヘルプ"
	wordOperator   word = "オペレーター"
	wordLink       word = "連携"
	wordHolderLink word = "契約者連携"
	wordUserLink   word = "利用者連携"
	wordSettings   word = "設定"
	wordUnlink     word = "連携を解除"
	wordBill       word = "請求"
	wordPoints     word = "ポイント"
	wordMenu       word = "メニュー"
	wordCancel     word = "やめる"
	wordSolved     word = "解決した"
	wordUnsolved   word = "解決しない"
	wordWait       word = "このまま待つ"
	wordLeave      word = "メッセージを残す"
	wordSent       word = "送り終えた"
)

var words = map[string]word{
	"残量": wordBalance, "残容量": wordBalance, "残容量確認": wordBalance, "データ残量": wordBalance,
	"プレゼント": wordGift, "データプレゼント": wordGift,
	"マイページ": wordMyPage,
	"ヘルプ":   wordHelp, "いつでもヘルプ": wordHelp,
	"オペレーター": wordOperator, "人と話したい": wordOperator,
	"連携": wordLink, "契約者連携": wordHolderLink, "利用者連携": wordUserLink,
	"設定": wordSettings, "連携を解除": wordUnlink, "連携解除": wordUnlink,
	"請求": wordBill, "料金": wordBill, "請求・料金": wordBill,
	"ポイント": wordPoints, "LINEポイント": wordPoints,
	"メニュー": wordMenu,
	"やめる":  wordCancel, "待つのをやめる": wordCancel, "書かずに終わる": wordCancel,
	"このまま待つ": wordWait, "メッセージを残す": wordLeave, "送り終えた": wordSent,
	"解決した": wordSolved, "解決しました": wordSolved,
	"解決しない": wordUnsolved, "解決しません": wordUnsolved, "解決しなかった": wordUnsolved, "解決していない": wordUnsolved, "どれでもない": wordUnsolved,
}

// missesMenu reports whether a text says that the menu cannot be seen: 「メニューが表示されない」 and the like.
func missesMenu(plain string) bool {
	_, after, ok := strings.Cut(plain, "メニュー")
	return ok && slices.ContainsFunc([]string{
		"表示されない", "表示されません", "表示しない", "表示できない", "出ない", "出ません", "でない", "出てこない", "出なくなった", "ない", "ありません",
		"消えた", "消えました", "見えない", "見えません", "開かない", "開けない", "開きません",
	}, func(missing string) bool {
		return strings.Trim(after, "がはもを、 　。！!？?") == missing || strings.HasPrefix(strings.TrimLeft(after, "がはもを、 　"), missing+"の")
	})
}

// wordOf finds the function a text names. Spaces and 。！. around or inside do not matter; NFKC has made the width one.
func wordOf(plain string) (word, bool) {
	w, ok := words[strings.Map(func(r rune) rune {
		switch r {
		case ' ', '\t', '\n', '\r', '　', '。', '!', '！', '.', '．', '｡':
			return -1
		}
		return r
	}, plain)]
	return w, ok
}

// word starts a function, whatever question is open.
func (t *turn) word(w word) {
	was := t.c.State
	t.idle()
	switch w {
	case wordBalance:
		t.balance()
	case wordLink:
		t.linkMenu()
	case wordHolderLink:
		t.holderLink()
	case wordUserLink:
		t.userLink()
	case wordSettings:
		t.settings()
	case wordUnlink:
		t.unlinkMenu()
	case wordMenu:
		t.showMenu(hereIsMenu)
	case wordCancel:
		switch {
		case was == SurveyComment:
			t.surveyDone()
			return
		case was == Idle && t.cancelHelp():
			return
		}
		text := nothingToCancel
		if was != Idle {
			text = cancelled
		}
		t.say(Text{Text: text, Choices: t.menu()})
	case wordGift:
		t.gift()
	case wordMyPage, wordBill, wordPoints:
		if t.needHolderLink(w) {
			t.notBuilt(w)
		}
	case wordHelp:
		t.help()
	case wordOperator:
		t.operator()
	case wordWait:
		t.wait()
	case wordLeave:
		t.leave()
	case wordSent:
		t.sentAll()
	case wordSolved:
		t.solved()
	case wordUnsolved:
		t.unsolved()
	}
}

// showMenu links the menu of the link state anew, whatever LINE shows now.
func (t *turn) showMenu(text string) {
	t.say(Text{Text: text, Choices: t.menu()})
	t.useMenu()
}

// notBuilt is the honest answer of a function that does not exist yet.
func (t *turn) notBuilt(w word) {
	t.say(Text{Text: strings.ReplaceAll(comingSoon, "{function}", string(w)), Choices: t.menu()})
}

// needUserLink reports whether the person has 利用者連携, and says how to get it if not (ACC-07, MNU-05).
func (t *turn) needUserLink() bool {
	if t.has(UserLink) {
		return true
	}
	t.say(Buttons{Text: needUserLink, Buttons: []Choice{userLinkButton}, Choices: t.menu()})
	return false
}

// needHolderLink is the same for 契約者連携. Who only uses a line is told that マイページ is the holder's (ACC-08).
func (t *turn) needHolderLink(w word) bool {
	if t.has(HolderLink) {
		return true
	}
	text := needHolderLink
	if w == wordMyPage && t.has(UserLink) {
		text = contractorOnly
	}
	t.say(Buttons{Text: text, Buttons: []Choice{holderLinkButton}, Choices: t.menu()})
	return false
}

var (
	cancel           = choice("やめる", wordCancel)
	holderLinkButton = choice("契約者連携", wordHolderLink)
	userLinkButton   = choice("利用者連携", wordUserLink)
)

// choice is a button for a function: its label carries the word.
func choice(label string, w word) Choice { return Choice{Label: label, Say: string(w)} }

// menu is the way on from any message: the functions of MNU-03 as quick replies.
func (t *turn) menu() []Choice {
	cs := []Choice{
		choice("残容量確認", wordBalance), choice("データプレゼント", wordGift),
		choice("マイページ", wordMyPage), choice("いつでもヘルプ", wordHelp),
	}
	if !t.has(HolderLink) {
		cs = append(cs, holderLinkButton)
	}
	if !t.has(UserLink) {
		cs = append(cs, userLinkButton)
	}
	return append(cs, choice("設定", wordSettings))
}
