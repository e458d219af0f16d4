package flows_test

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"tsunagu/flows"
	"tsunagu/flows/flowtest"
)

// asker is a person whose world answers one question.
func asker() *flowtest.Pure {
	p := story(1, 0)
	p.World.FAQ = []flows.Topic{{ID: "tethering", Action: "mypage", Question: "テザリングは使えますか？", Answer: "{brand}では使えます。"}}
	return p
}

// HLP-22: the answer with its brand, its action, and the ways on.
func TestHLP22Answer(t *testing.T) {
	p := asker()
	shown, err := p.Turn(flows.Said{Text: "テザリングは使えますか？", Plain: "テザリングは使えますか?"})
	if err != nil {
		t.Fatal(err)
	}
	if want := "テザリングは使えますか？\n\nつなぐモバイルでは使えます。"; shown[0].Text != want {
		t.Errorf("said %q", shown[0].Text)
	}
	if want := []string{"マイページ", "解決した", "解決しない", "オペレーターに相談"}; !slices.Equal(shown[0].Labels, want) {
		t.Errorf("buttons %q, want %q", shown[0].Labels, want)
	}
}

// HLP-24: two in a row without success offer an operator by themselves, one does not, and a success in between starts anew.
func TestHLP24OperatorAfterTwo(t *testing.T) {
	for name, chat := range map[string]struct {
		says []string
		want bool
	}{
		"one":                       {[]string{"ほげ"}, false},
		"two":                       {[]string{"ほげ", "ふが"}, true},
		"a third begins anew":       {[]string{"ほげ", "ふが", "ぴよ"}, false},
		"not solved, not found":     {[]string{"テザリングは使えますか？", "解決しない", "ほげ"}, true},
		"not found, not solved":     {[]string{"ほげ", "テザリングは使えますか？", "解決しない"}, true},
		"solved in between":         {[]string{"ほげ", "テザリングは使えますか？", "解決した", "ふが"}, false},
		"an answer nobody minded":   {[]string{"ほげ", "テザリングは使えますか？", "ふが"}, false},
		"HLP-41 insult, then again": {[]string{"バカ", "バカ"}, true},
		"thanks in between":         {[]string{"ほげ", "ありがとう", "ふが"}, false},
	} {
		p := asker()
		var last string
		for _, text := range chat.says {
			last = said(t, p, text)
		}
		if got := strings.Contains(last, "オペレーターに相談することもできます"); got != chat.want {
			t.Errorf("%s: %q", name, last)
		}
	}
}

// A button of a topic that is gone says so; labels fit LINE's buttons; what was asked is not kept.
func TestTopicsAndButtons(t *testing.T) {
	p := asker()
	has(t, turn(t, p, flows.Tapped{Data: "1:faq:gone"}), "ご案内は終了しました")
	has(t, turn(t, p, flows.Tapped{Data: "1:faq:tethering"}), "では使えます")
	long := strings.Repeat("とても長い質問", 10)
	_, out := flows.Turn(flows.Moment{At: now, Lane: flowtest.Me, Settings: flows.Defaults()}, flows.Conversation{},
		flows.AnswerFound{Found: flows.Found{Choices: []flows.Topic{{ID: "a", Question: long}, {ID: "b", Question: "短い"}}}})
	for _, c := range out[0].(flows.Say).Messages[0].(flows.Text).Choices {
		if utf8.RuneCountInString(c.Label) > 20 {
			t.Errorf("label %q", c.Label)
		}
	}
	said(t, p, "ほげほげ")
	if kept, err := p.Conversation.Encode(); err != nil || strings.Contains(string(kept), "ほげ") {
		t.Errorf("kept %s, %v", kept, err)
	}
}

// HLP-36, HLP-37, HLP-43: fixed words.
func TestManners(t *testing.T) {
	for text, want := range map[string]string{
		"人間ですか？": "人ではありません", "火事です": "119（救急・消防）または110（警察）", "死にたい": "相談窓口", "こんにちは": "自動応答です", "ありがとう": "どういたしまして",
	} {
		has(t, said(t, asker(), text), want)
	}
}
