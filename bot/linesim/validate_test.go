package linesim

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

func of(n int) string { return strings.Repeat("あ", n) }

// apples is n characters of two UTF-16 units each, "🍎 = 2" in §4.
func apples(n int) string { return strings.Repeat("🍎", n) }

func text(s string) string { return `{"type":"text","text":"` + s + `"}` }

func withQuickReplies(n int, item string) string {
	return `{"type":"text","text":"a","quickReply":{"items":[` + strings.TrimSuffix(strings.Repeat(item+",", n), ",") + `]}}`
}

func quick(action string) string { return `{"type":"action","action":` + action + `}` }

func flex(contents string) string {
	return `{"type":"flex","altText":"a","contents":` + contents + `}`
}

func bubble(body string) string {
	return `{"type":"bubble","body":{"type":"box","layout":"vertical","contents":[` + body + `]}}`
}

func inBubble(component string) string { return flex(bubble(component)) }

func inTemplateMessage(t string) string {
	return `{"type":"template","altText":"a","template":` + t + `}`
}

const yes = `{"type":"message","label":"はい","text":"はい"}`

func times(n int, s string) string { return strings.TrimSuffix(strings.Repeat(s+",", n), ",") }

// The limits of §4 "Message objects: limits" and §5 "Actions". wrong is the property refused and a part of why; "" for
// messages that are fine.
func TestMessageLimits(t *testing.T) {
	postback := func(more string) string { return `{"type":"postback","label":"a","data":"b"` + more + `}` }
	uri := func(to string) string { return `{"type":"uri","label":"a","uri":"` + to + `"}` }
	buttons := func(text, more string) string {
		return inTemplateMessage(`{"type":"buttons","text":"` + text + `","actions":[` + yes + `]` + more + `}`)
	}
	carousel := func(columns string) string {
		return inTemplateMessage(`{"type":"carousel","columns":[` + columns + `]}`)
	}
	column := func(text string, actions int) string {
		return `{"text":"` + text + `","actions":[` + times(actions, yes) + `]}`
	}
	for _, c := range []struct{ name, message, wrong string }{
		// text.text 5000, in UTF-16 units
		{"text", text(of(5000)), ""},
		{"text too long", text(of(5001)), "messages[0].text: Length must be between 0 and 5000"},
		{"text of apples", text(apples(2500)), ""},
		{"text of too many apples", text(apples(2500) + "a"), "messages[0].text: Length must be between 0 and 5000"},
		{"empty text", text(""), "messages[0].text: May not be empty"},
		{"no text", `{"type":"text"}`, "messages[0].text: May not be empty"},
		{"text is a number", `{"type":"text","text":5}`, "messages[0].text: Must be a string"},
		{"no type", `{"text":"a"}`, "messages[0].type: Must be one of the following values: [text, "},
		{"unknown type", `{"type":"nosuch"}`, "messages[0].type: Must be one of"},
		{"no object", `"a"`, "messages[0]: Must be an object"},
		{"null is absent", `{"type":"text","text":"a","quickReply":null,"sender":null}`, ""},
		// emojis ≤ 20, index must point at a $
		{"emoji", `{"type":"text","text":"🍎$","emojis":[{"index":2,"productId":"a","emojiId":"1"}]}`, ""},
		{"emoji beside the $", `{"type":"text","text":"🍎$","emojis":[{"index":1,"productId":"a","emojiId":"1"}]}`, "messages[0].emojis[0].index"},
		// textV2
		{"substitution", `{"type":"textV2","text":"{{a}} {b}","substitution":{"b":{"type":"emoji","productId":"a","emojiId":"1"}}}`, ""},
		{"open placeholder", `{"type":"textV2","text":"{b"}`, "messages[0].text: Invalid placeholder"},
		{"unknown placeholder", `{"type":"textV2","text":"{b}"}`, "messages[0].text: Invalid placeholder"},
		{"mention in a chat of two", `{"type":"textV2","text":"{b}","substitution":{"b":{"type":"mention","mentionee":{"type":"all"}}}}`, "messages[0].substitution.b.type"},
		// sender.name ≤ 20, not LINE
		{"sender", `{"type":"text","text":"a","sender":{"name":"` + of(20) + `","iconUrl":"https://example.jp/a.png"}}`, ""},
		{"long sender", `{"type":"text","text":"a","sender":{"name":"` + of(21) + `"}}`, "messages[0].sender.name: Length must be between 0 and 20"},
		{"sender LINE", `{"type":"text","text":"a","sender":{"name":"LINE担当"}}`, "messages[0].sender.name"},
		{"sender's icon by http", `{"type":"text","text":"a","sender":{"iconUrl":"http://example.jp/a.png"}}`, "messages[0].sender.iconUrl"},
		// quick reply ≤ 13 items, label ≤ 20 grapheme clusters
		{"quick replies", withQuickReplies(13, quick(yes)), ""},
		{"too many quick replies", withQuickReplies(14, quick(yes)), "messages[0].quickReply.items: Size must be between 1 and 13"},
		{"camera", withQuickReplies(1, quick(`{"type":"camera","label":"撮る"}`)), ""},
		{"quick reply without label", withQuickReplies(1, quick(`{"type":"message","text":"a"}`)), "messages[0].quickReply.items[0].action.label"},
		{"label of apples", withQuickReplies(1, quick(`{"type":"message","label":"`+apples(20)+`","text":"a"}`)), ""},
		{"label too long", withQuickReplies(1, quick(`{"type":"message","label":"`+of(21)+`","text":"a"}`)), "label: Length must be between 0 and 20"},
		// actions
		{"message action too long", withQuickReplies(1, quick(`{"type":"message","label":"a","text":"`+of(301)+`"}`)), "action.text: Length must be between 0 and 300"},
		{"postback", withQuickReplies(1, quick(postback(`,"displayText":"`+apples(300)+`"`))), ""},
		{"postback data in UTF-16", withQuickReplies(1, quick(`{"type":"postback","label":"a","data":"`+apples(151)+`"}`)), "action.data: Length must be between 0 and 300"},
		{"postback without data", withQuickReplies(1, quick(`{"type":"postback","label":"a"}`)), "action.data: May not be null"},
		{"fillInText", withQuickReplies(1, quick(postback(`,"inputOption":"openKeyboard","fillInText":"番号 "`))), ""},
		{"fillInText without keyboard", withQuickReplies(1, quick(postback(`,"fillInText":"番号 "`))), "action.fillInText"},
		{"unknown inputOption", withQuickReplies(1, quick(postback(`,"inputOption":"open"`))), "action.inputOption"},
		{"uri", withQuickReplies(1, quick(uri("tel:0120000000"))), ""},
		{"uri of LINE", withQuickReplies(1, quick(uri("https://line.me/R/share?text=%E3%81%82"))), ""},
		{"uri with a script", withQuickReplies(1, quick(uri("javascript:alert(1)"))), "action.uri: invalid uri scheme"},
		{"uri not encoded", withQuickReplies(1, quick(uri("https://example.jp/あ"))), "action.uri"},
		{"uri too long", withQuickReplies(1, quick(uri("https://example.jp/"+strings.Repeat("a", 982)))), "action.uri: Length must be between 0 and 1000"},
		{"picker", withQuickReplies(1, quick(`{"type":"datetimepicker","label":"a","data":"b","mode":"datetime","initial":"2026-11-24T12:00","max":"2100-12-31T23:59"}`)), ""},
		{"picker's day of another form", withQuickReplies(1, quick(`{"type":"datetimepicker","label":"a","data":"b","mode":"date","min":"2026/11/24"}`)), "action.min"},
		{"picker before 1900", withQuickReplies(1, quick(`{"type":"datetimepicker","label":"a","data":"b","mode":"date","min":"1899-12-31"}`)), "action.min"},
		{"clipboard", withQuickReplies(1, quick(`{"type":"clipboard","label":"a","clipboardText":"`+of(1000)+`"}`)), ""},
		{"clipboard empty", withQuickReplies(1, quick(`{"type":"clipboard","label":"a","clipboardText":""}`)), "action.clipboardText"},
		{"menu switch outside a menu", withQuickReplies(1, quick(`{"type":"richmenuswitch","label":"a","richMenuAliasId":"b","data":"c"}`)), "action.type"},
		// templates
		{"buttons alone", buttons(of(160), ""), ""},
		{"buttons alone too long", buttons(of(161), ""), "template.text: Length must be between 0 and 160"},
		{"buttons with title", buttons(of(60), `,"title":"`+of(40)+`"`), ""},
		{"buttons with title too long", buttons(of(61), `,"title":"a"`), "template.text: Length must be between 0 and 60"},
		{"buttons with long title", buttons("a", `,"title":"`+of(41)+`"`), "template.title"},
		{"five buttons", inTemplateMessage(`{"type":"buttons","text":"a","actions":[` + times(5, yes) + `]}`), "template.actions: Size must be between 1 and 4"},
		{"confirm", inTemplateMessage(`{"type":"confirm","text":"` + of(240) + `","actions":[` + times(2, yes) + `]}`), ""},
		{"confirm with one", inTemplateMessage(`{"type":"confirm","text":"a","actions":[` + yes + `]}`), "template.actions: Size must be between 2 and 2"},
		{"carousel", carousel(times(10, column(of(120), 3))), ""},
		{"carousel of eleven", carousel(times(11, column("a", 1))), "template.columns: Size must be between 1 and 10"},
		{"carousel uneven", carousel(column("a", 1) + "," + column("a", 2)), "template.columns"},
		{"image carousel label", inTemplateMessage(`{"type":"image_carousel","columns":[{"imageUrl":"https://example.jp/a.png","action":{"type":"message","label":"` + of(13) + `","text":"a"}}]}`), "label: Length must be between 0 and 12"},
		{"altText", strings.Replace(buttons("a", ""), `"altText":"a"`, `"altText":"`+of(1501)+`"`, 1), "messages[0].altText: Length must be between 0 and 1500"},
		// others
		{"image", `{"type":"image","originalContentUrl":"https://example.jp/a.png","previewImageUrl":"https://example.jp/b.png"}`, ""},
		{"image by http", `{"type":"image","originalContentUrl":"http://example.jp/a.png","previewImageUrl":"https://example.jp/b.png"}`, "originalContentUrl: Must be a valid HTTPS URL"},
		{"sticker", `{"type":"sticker","packageId":"446","stickerId":"1988"}`, ""},
		{"location", `{"type":"location","title":"a","address":"b","latitude":35.6,"longitude":139.7}`, ""},
		{"location off the earth", `{"type":"location","title":"a","address":"b","latitude":135.6,"longitude":139.7}`, "latitude"},
		{"imagemap", `{"type":"imagemap","baseUrl":"https://example.jp/a","altText":"a","baseSize":{"width":1040,"height":520},"actions":[]}`, ""},
		{"imagemap of another width", `{"type":"imagemap","baseUrl":"https://example.jp/a","altText":"a","baseSize":{"width":1041,"height":520},"actions":[]}`, "baseSize.width"},
	} {
		t.Run(c.name, func(t *testing.T) { judge(t, c.message, c.wrong) })
	}
}

// Flex: §4, and the required properties and enums of messaging-api.yml.
func TestFlexIsChecked(t *testing.T) {
	full := bubble(`{"type":"text","text":"` + strings.Repeat("a", maxBubble) + `"}`)
	for _, c := range []struct{ name, message, wrong string }{
		{"text", inBubble(`{"type":"text","text":"a","flex":0,"wrap":true,"size":"sm","color":"#112233","weight":"bold","margin":"md"}`), ""},
		{"spans", inBubble(`{"type":"text","contents":[{"type":"span","text":"a","size":"18px"}]}`), ""},
		{"text without words", inBubble(`{"type":"text"}`), "contents.body.contents[0].text: must be specified"},
		{"empty text", inBubble(`{"type":"text","text":""}`), "contents[0].text: must be non-empty text"},
		{"colour by name", inBubble(`{"type":"text","text":"a","color":"red"}`), "contents[0].color: invalid property"},
		{"unknown component", inBubble(`{"type":"spacer"}`), "contents[0].type: Must be one of"},
		{"unknown field", inBubble(`{"type":"text","text":"a","colour":"#112233"}`), "contents[0].colour: unknown field"},
		{"button", inBubble(`{"type":"button","style":"primary","height":"sm","action":` + yes + `}`), ""},
		{"button without label", inBubble(`{"type":"button","action":{"type":"uri","uri":"https://example.jp/"}}`), "action.label: May not be empty"},
		{"button with long label", inBubble(`{"type":"button","action":{"type":"message","label":"` + of(41) + `","text":"a"}}`), "action.label: Length must be between 0 and 40"},
		{"button without action", inBubble(`{"type":"button"}`), "contents[0].action: must be specified"},
		{"box without layout", inBubble(`{"type":"box","contents":[]}`), "contents[0].layout: must be specified"},
		{"tapped box", inBubble(`{"type":"box","layout":"horizontal","contents":[],"width":"40%","height":"6px","backgroundColor":"#00000022","action":{"type":"postback","data":"a"}}`), ""},
		{"gradient", inBubble(`{"type":"box","layout":"vertical","contents":[],"background":{"type":"linearGradient","angle":"90deg","startColor":"#112233","endColor":"#445566"}}`), ""},
		{"button in baseline", inBubble(`{"type":"box","layout":"baseline","contents":[{"type":"button","action":` + yes + `}]}`), "contents[0].contents[0].type: Must be one of the following values: [icon, text, filler]"},
		{"icon outside baseline", inBubble(`{"type":"icon","url":"https://example.jp/a.png"}`), "contents[0].type"},
		{"image", inBubble(`{"type":"image","url":"https://example.jp/a.png","size":"full","aspectRatio":"20:13","aspectMode":"cover"}`), ""},
		{"image by http", inBubble(`{"type":"image","url":"http://example.jp/a.png"}`), "contents[0].url"},
		{"body is a text", flex(`{"type":"bubble","body":{"type":"text","text":"a"}}`), "contents.body.type"},
		{"bubble of unknown size", flex(`{"type":"bubble","size":"huge"}`), "contents.size"},
		{"bubble over 30 KB", flex(full), "messages[0].contents: The size of a bubble must be at most 30 KB"},
		{"carousel", flex(`{"type":"carousel","contents":[` + times(12, bubble("")) + `]}`), ""},
		{"carousel of 13", flex(`{"type":"carousel","contents":[` + times(13, bubble("")) + `]}`), "contents.contents: Size must be between 1 and 12"},
		{"carousel up to 50 KB", flex(`{"type":"carousel","contents":[` + full + `]}`), ""},
		{"carousel over 50 KB", flex(`{"type":"carousel","contents":[` + full + "," + full + `]}`), "messages[0].contents: The size of a carousel must be at most 50 KB"},
		{"carousel of mixed sizes", flex(`{"type":"carousel","contents":[{"type":"bubble","size":"kilo"},{"type":"bubble"}]}`), "contents.contents: All bubbles must have the same size"},
		{"video", flex(`{"type":"bubble","hero":{"type":"video","url":"https://example.jp/a.mp4","previewUrl":"https://example.jp/a.png","altContent":{"type":"image","url":"https://example.jp/a.png"}}}`), ""},
		{"video without altContent", flex(`{"type":"bubble","hero":{"type":"video","url":"https://example.jp/a.mp4","previewUrl":"https://example.jp/a.png"}}`), "hero.altContent: must be specified"},
		{"no contents", `{"type":"flex","altText":"a"}`, "messages[0].contents: May not be null"},
	} {
		t.Run(c.name, func(t *testing.T) { judge(t, c.message, c.wrong) })
	}
}

func judge(t *testing.T, message, wrong string) {
	t.Helper()
	if !json.Valid([]byte(message)) {
		t.Fatalf("the test's message is no JSON: %s", message)
	}
	_, details := new(Sim).messagesOf(request{"messages": json.RawMessage("[" + message + "]")})
	switch {
	case wrong == "" && len(details) > 0:
		t.Errorf("refused: %v", details)
	case wrong != "" && (len(details) != 1 || !strings.Contains(details[0].Property+": "+details[0].Message, wrong)):
		t.Errorf("details %v, want one with %q", details, wrong)
	}
}

// §3.5: validating answers as sending does, without sending.
func TestValidateWithoutSending(t *testing.T) {
	w := newWorld(t, Config{})
	for _, kind := range []string{"reply", "push", "multicast", "narrowcast", "broadcast"} {
		path := "/v2/bot/message/validate/" + kind
		w.want(w.call("POST", path, `{"messages":[`+text("a")+`]}`), 200, "{}")
		w.want(w.call("POST", path, fmt.Sprintf(`{"messages":[%s]}`, text(of(5001)))), 400, "Length must be between 0 and 5000")
	}
}

// Unicode's text segmentation (UAX 29), which §4's "grapheme clusters" means.
func TestGraphemes(t *testing.T) {
	for text, want := range map[string]int{
		"":                       0,
		"つなぐ":                    3,
		"か\u3099":                1, // voiced by a combining mark
		"ｶﾞ":                     1, // halfwidth voicing mark
		"e\u0301e":               2,
		"\r\n":                   1,
		"\n\u0301":               2, // a mark does not join a line break
		"🍎🍎":                     2,
		"👍🏽":                     1, // skin tone
		"👨\u200d👩\u200d👧":        1, // family
		"a\u200d👧":               2, // only pictures are joined
		"❤\ufe0f":                1,
		"❤\ufe0f\u200d🔥":         1,
		"🏳\ufe0f\u200d🌈":         1,
		"🇯🇵🇺🇸":                   2, // flags by pairs
		"🇯🇵🇺":                    2,
		"1\ufe0f\u20e3":          1, // keycap
		"한국":                     2,
		"\u1112\u1161\u11ab":     1, // jamo of one syllable
		"🏴\U000e0067\U000e007f🏴": 2,
		"葛\U000e0100城":           2, // variation of an ideograph
	} {
		if got := graphemes(text); got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	}
}
