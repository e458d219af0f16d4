package richmenu

import (
	"fmt"
	"image"
	"image/color"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/line/line-bot-sdk-go/v8/linebot/messaging_api"
)

// says are the words the menu's buttons say.
func (m Menu) says() []string {
	var words []string
	for _, p := range m.Parts {
		if p.Action.Say != "" {
			words = append(words, p.Action.Say)
		}
	}
	return words
}

// done are the links the menu shows as 「連携済み」.
func (m Menu) done() []string {
	var labels []string
	for _, p := range m.Parts {
		if p.Look == Done {
			labels = append(labels, p.Label)
		}
	}
	return labels
}

func menuOf(t *testing.T, alias string) Menu {
	t.Helper()
	for _, m := range All() {
		if m.Alias == alias {
			return m
		}
	}
	t.Fatalf("no menu has the alias %q", alias)
	return Menu{}
}

// MNU-03: four menus, chosen by link state; each has the five functions; the state decides which link is offered.
func TestMNU03MenuByLinkState(t *testing.T) {
	for _, c := range []struct {
		holder, user  bool
		alias         string
		offered, done []string
	}{
		{false, false, AliasNone, []string{"利用者連携", "契約者連携"}, nil},
		{false, true, AliasUser, []string{"契約者連携"}, []string{"利用者連携"}},
		{true, false, AliasHolder, []string{"利用者連携"}, []string{"契約者連携"}},
		{true, true, AliasBoth, nil, []string{"利用者連携", "契約者連携"}},
	} {
		t.Run(c.alias, func(t *testing.T) {
			if got := For(c.holder, c.user); got != c.alias {
				t.Fatalf("For(%v, %v) = %q, want %q", c.holder, c.user, got, c.alias)
			}
			first := menuOf(t, c.alias)
			for _, word := range []string{"残量", "プレゼント", "マイページ", "ヘルプ", "設定"} {
				if !slices.Contains(first.says(), word) {
					t.Errorf("nothing says 「%s」", word)
				}
			}
			menus := []Menu{first}
			if c.holder || c.user {
				pay := menuOf(t, c.alias+"-contract")
				menus = append(menus, pay)
				for _, word := range []string{"マイページ", "料金", "ポイント", "ヘルプ", "設定"} {
					if !slices.Contains(pay.says(), word) {
						t.Errorf("nothing of the second tab says 「%s」", word)
					}
				}
			}
			for _, m := range menus {
				var offered []string
				for _, word := range m.says() {
					if strings.HasSuffix(word, "連携") {
						offered = append(offered, word)
					}
				}
				if !slices.Equal(offered, c.offered) || !slices.Equal(m.done(), c.done) {
					t.Errorf("%s offers %q and shows %q as linked, want %q and %q", m.Name, offered, m.done(), c.offered, c.done)
				}
			}
		})
	}
}

// MNU-04: every button says a word that can be typed, and the word or its longer form stands in the label.
func TestMNU04ButtonsSayTypedWords(t *testing.T) {
	forms := map[string]string{ // word: the form of it that the label carries (interface.md, "What a person can type")
		"残量": "残容量", "プレゼント": "データプレゼント", "マイページ": "マイページ", "ヘルプ": "いつでもヘルプ", "設定": "設定",
		"料金": "料金", "ポイント": "ポイント", "契約者連携": "契約者連携", "利用者連携": "利用者連携",
	}
	for _, m := range All() {
		for _, p := range m.Parts {
			if p.Action.Say == "" {
				continue
			}
			form, known := forms[p.Action.Say]
			if !known || !strings.Contains(p.Label, form) {
				t.Errorf("%s: button 「%s」 says 「%s」", m.Name, p.Label, p.Action.Say)
			}
			tap, ok := p.action().(*messaging_api.PostbackAction)
			if !ok || tap.Data != "1:say:"+p.Action.Say || tap.DisplayText != p.Label || tap.Label != p.Label {
				t.Errorf("%s: button 「%s」 sends %+v", m.Name, p.Label, p.action())
			}
		}
	}
}

// MNU-05: what needs a link the person lacks is shown so and can be tapped all the same (ACC-07, ACC-08).
func TestMNU05LockedButtonsStayUsable(t *testing.T) {
	needs := map[string]string{"残量": "利用者連携", "プレゼント": "利用者連携", "マイページ": "契約者連携", "料金": "契約者連携", "ポイント": "契約者連携"}
	for _, m := range All() {
		for _, p := range m.Parts {
			missing := needs[p.Action.Say] != "" && !slices.Contains(m.done(), needs[p.Action.Say])
			if p.Locked != missing {
				t.Errorf("%s: 「%s」 locked is %v", m.Name, p.Label, p.Locked)
			}
			if p.Locked && (p.action() == nil || p.Strong || p.Hint != needs[p.Action.Say]+"が必要") {
				t.Errorf("%s: 「%s」 is locked with the action %v and the hint 「%s」", m.Name, p.Label, p.action(), p.Hint)
			}
		}
	}
}

func TestTabsSwitchToEachOther(t *testing.T) {
	for _, alias := range []string{AliasUser, AliasHolder, AliasBoth} {
		for from, to := range map[string]string{alias: alias + "-contract", alias + "-contract": alias} {
			var switches []string
			for _, area := range menuOf(t, from).Areas() {
				if s, ok := area.Action.(*messaging_api.RichMenuSwitchAction); ok {
					switches = append(switches, s.RichMenuAliasId)
				}
			}
			if !slices.Equal(switches, []string{to}) {
				t.Errorf("%s switches to %q, want %q", from, switches, to)
			}
		}
	}
}

// LINE's limits of rich menus and actions (line-platform.md §§5, 8). Our words have no combining characters, so runes
// are grapheme clusters here.
func TestMenusKeepLINEsLimits(t *testing.T) {
	alias := regexp.MustCompile(`^[a-z0-9_-]{1,32}$`)
	names, aliases := map[string]bool{}, map[string]bool{}
	for _, m := range All() {
		names[m.Name], aliases[m.Alias] = true, true
		if !alias.MatchString(m.Alias) {
			t.Errorf("alias %q", m.Alias)
		}
		if n := utf8.RuneCountInString(m.ChatBarText); n == 0 || n > 14 {
			t.Errorf("%s: chat bar text of %d characters", m.Name, n)
		}
		if n := len(m.Areas()); n == 0 || n > 20 {
			t.Errorf("%s: %d areas", m.Name, n)
		}
		for _, area := range m.Areas() {
			label, data := "", ""
			switch a := area.Action.(type) {
			case *messaging_api.PostbackAction:
				label, data = a.Label, a.Data
				if n := utf8.RuneCountInString(a.DisplayText); n == 0 || n > 300 {
					t.Errorf("%s: display text of %d characters", m.Name, n)
				}
			case *messaging_api.RichMenuSwitchAction:
				label, data = a.Label, a.Data
			}
			if n := utf8.RuneCountInString(label); n == 0 || n > 20 {
				t.Errorf("%s: label 「%s」 of %d characters", m.Name, label, n)
			}
			if len(data) == 0 || len(data) > 300 || !strings.HasPrefix(data, "1:") {
				t.Errorf("%s: data %q", m.Name, data)
			}
		}
	}
	if len(names) != 7 || len(aliases) != 7 {
		t.Errorf("%d names and %d aliases, want 7 each", len(names), len(aliases))
	}
}

func TestAreasLieApartWithinThePicture(t *testing.T) {
	for _, m := range All() {
		areas := m.tapAreas()
		for n, a := range areas {
			if a.Empty() || !a.In(image.Rectangle{Max: m.Size}) {
				t.Errorf("%s: area %v is not within the picture", m.Name, a)
			}
			for _, b := range areas[:n] {
				if a.Overlaps(b) {
					t.Errorf("%s: areas %v and %v overlap", m.Name, a, b)
				}
			}
		}
	}
}

// tapAreas are the areas as LINE is told them.
func (m Menu) tapAreas() []image.Rectangle {
	var list []image.Rectangle
	for _, a := range m.Areas() {
		b := a.Bounds
		list = append(list, image.Rect(int(b.X), int(b.Y), int(b.X+b.Width), int(b.Y+b.Height)))
	}
	return list
}

func TestWordsAreReadableInEveryBrandColor(t *testing.T) {
	for _, c := range []color.RGBA{{0x06, 0xC7, 0x55, 255}, {255, 200, 0, 255}, {230, 0, 60, 255}, {0, 80, 200, 255}, {255, 255, 255, 255}, {0, 0, 0, 255}} {
		t.Run(fmt.Sprintf("%02x%02x%02x", c.R, c.G, c.B), func(t *testing.T) {
			s := schemeOf(c)
			for what, pair := range map[string][2]color.RGBA{
				"strong button": {s.white, s.deep}, "its darker part": {s.white, s.shade}, "open tab": {s.deep, s.back},
				"chip": {s.deep, s.white}, "label": {s.ink, s.white}, "hint": {s.hint, s.white}, "linked": {s.ink, s.tint},
			} {
				if got := contrast(pair[0], pair[1]); got < readable {
					t.Errorf("%s: contrast %.2f, want %.1f or more", what, got, readable)
				}
			}
		})
	}
}
