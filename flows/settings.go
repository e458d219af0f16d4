package flows

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Settings: what is linked, what a line is called, unlinking.
//
//	設定 ─▶ 回線の呼び名 ─▶ line? ─▶ name? ─▶ renamed
//	   └──▶ 連携を解除 ─▶ which? ─▶ sure? ─▶ unlinked

const (
	// UnlinkWhich conversations have been shown their links, to end one.
	UnlinkWhich State = "settings/unlink"
	// UnlinkConfirm conversations have been asked whether they are sure; About names the link.
	UnlinkConfirm State = "settings/unlink/confirm"
	// NameWhich conversations have been asked which line gets a name.
	NameWhich State = "settings/name"
	// NameText conversations have been asked for the name; About is the line.
	NameText State = "settings/name/text"
)

// maxNickname is in characters: it fits a button with a verb before it.
const maxNickname = 12

func (t *turn) settings() {
	text, buttons := settingsEmpty, []Choice{holderLinkButton, userLinkButton}
	if names := t.linkNames(); names != "" {
		text, buttons = strings.ReplaceAll(settingsText, "{links}", names), nil
		if t.has(UserLink) {
			buttons = append(buttons, Choice{Label: "回線の呼び名", Data: "1:name:"})
		}
		buttons = append(buttons, choice("連携を解除", wordUnlink), choice("連携を追加", wordLink))
	}
	t.say(Buttons{Title: "設定", Text: text, Buttons: buttons, Choices: t.menu()})
}

// key names a link in a button and in About.
func (l Link) key() string { return string(l.Kind) + ":" + l.Ref }

func (t *turn) linkByKey(key string) (Link, bool) {
	kind, ref, _ := strings.Cut(key, ":")
	return t.link(LinkKind(kind), ref)
}

func (t *turn) unlinkMenu() {
	if len(t.c.Links) == 0 {
		t.say(Buttons{Text: nothingLinked, Buttons: []Choice{holderLinkButton, userLinkButton}, Choices: t.menu()})
		return
	}
	var cs []Choice
	for _, l := range t.c.Links {
		cs = append(cs, Choice{Label: "解除 " + short(l.name(), 17), Data: "1:unlink:" + l.key()})
	}
	t.ask(UnlinkWhich, "", Text{Text: strings.ReplaceAll(whichUnlink, "{links}", t.linkNames()), Choices: append(cs, cancel)})
}

func (t *turn) unlinkWhichSaid(in Said) {
	said := strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(in.Plain), "解除"))
	for _, l := range t.c.Links {
		if said == l.name() || said == l.Label {
			t.unlinkAsk(l.key())
			return
		}
	}
	t.unlinkMenu()
}

func (t *turn) unlinkAsk(key string) {
	t.idle()
	l, ok := t.linkByKey(key)
	if !ok {
		t.say(Text{Text: unlinkedBefore, Choices: t.menu()})
		return
	}
	text := unlinkUserSure
	if l.Kind == HolderLink {
		text = unlinkHolderSure // LNK-44
	}
	t.ask(UnlinkConfirm, key, Text{
		Text:    strings.ReplaceAll(text, "{link}", l.title()),
		Choices: []Choice{{Label: "解除する", Data: "1:unlinked:" + key}, cancel},
	})
}

func (t *turn) unlinkConfirmSaid(in Said) {
	switch strings.TrimSpace(in.Plain) {
	case "解除する", "はい":
		t.unlink(t.c.About)
	default:
		t.unlinkAsk(t.c.About)
	}
}

// unlink ends the person's own link (LNK-42).
func (t *turn) unlink(key string) {
	l, ok := t.linkByKey(key)
	if !ok {
		t.idle()
		t.say(Text{Text: unlinkedBefore, Choices: t.menu()})
		return
	}
	t.removeLink(l)
	t.audit("unlink", t.Lane, l, "owner")
	t.say(Text{Text: unlinked + "\n" + l.title(), Choices: t.menu()})
	t.useMenu()
}

// nameAsk asks for a line's nickname, and before that for the line when there are several (LNK-41).
func (t *turn) nameAsk(ref string) {
	t.idle()
	if !t.needUserLink() {
		return
	}
	lines := t.lines()
	if ref == "" && len(lines) == 1 {
		ref = lines[0].Ref
	}
	if ref == "" {
		t.ask(NameWhich, "", Text{Text: whichName, Choices: t.lineChoices("name")})
		return
	}
	l, ok := t.link(UserLink, ref)
	if !ok {
		t.say(Text{Text: lineGone, Choices: t.menu()})
		return
	}
	choices := []Choice{cancel}
	if l.Nickname != "" {
		choices = []Choice{{Label: "呼び名をなくす", Data: "1:noname:" + ref}, cancel}
	}
	t.ask(NameText, ref, Text{Text: strings.ReplaceAll(askName, "{line}", l.name()), Choices: choices})
}

func (t *turn) nameWhichSaid(in Said) {
	l, ok := t.lineNamed(in.Plain)
	if !ok {
		t.nameAsk("")
		return
	}
	t.nameAsk(l.Ref)
}

func (t *turn) nameSaid(in Said) {
	name := strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, in.Text)), " ")
	if name == "" || utf8.RuneCountInString(name) > maxNickname {
		t.ask(NameText, t.c.About, Text{Text: nameTooLong, Choices: []Choice{cancel}})
		return
	}
	for _, l := range t.lines() {
		if l.name() == name && l.Ref != t.c.About {
			t.ask(NameText, t.c.About, Text{Text: nameTaken, Choices: []Choice{cancel}})
			return
		}
	}
	t.rename(t.c.About, name)
}

func (t *turn) rename(ref, name string) {
	t.idle()
	for i, l := range t.c.Links {
		if l.Kind == UserLink && l.Ref == ref {
			t.c.Links[i].Nickname = name
			text := strings.NewReplacer("{line}", l.Label, "{name}", name).Replace(renamed)
			if name == "" {
				text = strings.ReplaceAll(nameRemoved, "{line}", l.Label)
			}
			t.say(Text{Text: text, Choices: t.menu()})
			return
		}
	}
	t.say(Text{Text: lineGone, Choices: t.menu()})
}

// short cuts a name to n characters.
func short(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	return string(r[:n-1]) + "…"
}
