package bot

import (
	"encoding/json"
	"strings"
	"testing"

	"tsunagu/flows"
)

func TestSplitText(t *testing.T) {
	for _, test := range []struct {
		name, text string
		limit      int
		want       []string
	}{
		{"short", "はい。", 5, []string{"はい。"}},
		{"empty", "", 5, []string{""}},
		{"at a sentence end", "はい。そうです。", 6, []string{"はい。", "そうです。"}},
		{"without one, between characters", "ああああああ", 4, []string{"ああああ", "ああ"}},
		{"an emoji is two units", "🍎🍎🍎", 5, []string{"🍎🍎", "🍎"}},
		{"a family is not torn apart", "あ👨‍👩‍👧", 8, []string{"あ", "👨‍👩‍👧"}},
		{"longer than the limit by itself", "👨‍👩‍👧", 3, []string{"👨‍👩‍👧"}},
		{"line ends at the cut go", "あ。\nい。", 3, []string{"あ。", "い。"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := splitText(test.text, test.limit)
			if strings.Join(got, "|") != strings.Join(test.want, "|") {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestCutLabelCountsPeopleNotCodePoints(t *testing.T) {
	twenty := strings.Repeat("👨‍👩‍👧", 20)
	if got := cutLabel(twenty); got != twenty {
		t.Errorf("20 characters were cut to %q", got)
	}
	if got, want := cutLabel(twenty+"x"), strings.Repeat("👨‍👩‍👧", 19)+"…"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestRenderStaysInsideTheLimits(t *testing.T) {
	var choices []flows.Choice
	for range 20 {
		choices = append(choices, flows.Choice{Label: strings.Repeat("長", 30), Say: "残量"})
	}
	messages, err := new(Bot).render(t.Context(), flows.Text{Text: strings.Repeat("とても長い文です。", 1000), Choices: choices}, "")
	if err != nil {
		t.Fatal(err)
	}
	if len(messages) != 2 {
		t.Fatalf("9,000 units became %d messages, want 2", len(messages))
	}
	for i, raw := range messages {
		var m textMessage
		if err := json.Unmarshal(raw, &m); err != nil {
			t.Fatal(err)
		}
		if units(m.Text) > maxText || !strings.HasSuffix(m.Text, "。") {
			t.Errorf("message %d has %d units and ends in %q", i, units(m.Text), m.Text[len(m.Text)-3:])
		}
		if i == 0 && m.QuickReply != nil {
			t.Error("quick replies belong to the last message")
		}
		if i == 1 && (m.QuickReply == nil || len(m.QuickReply.Items) != maxQuickReplies) {
			t.Errorf("quick replies %+v, want %d", m.QuickReply, maxQuickReplies)
		}
	}
}

func TestAltTextIsCut(t *testing.T) {
	messages, err := new(Bot).render(t.Context(), flows.Buttons{Text: strings.Repeat("あ", 1600)}, "")
	if err != nil {
		t.Fatal(err)
	}
	var m flexMessage
	if err := json.Unmarshal(messages[0], &m); err != nil {
		t.Fatal(err)
	}
	if n := units(m.AltText); n != maxAltText {
		t.Errorf("altText has %d units, want %d", n, maxAltText)
	}
}
