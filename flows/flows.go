// Package flows is the conversation: what is said, and when.
//
// Everything that happens to one person is an [Input] in that person's lane. [Turn] takes the person's
// [Conversation] and one input and gives back the new conversation and the effects that follow from it. It decides
// and never does: no clock (the [Moment] carries the time), no I/O, nothing but the standard library.
//
//	conversation + input ──▶ conversation + effects
//
// Effects come in four sorts. A [Question] asks the outside and changes nothing there (a balance, a code), a [Command]
// changes something at the carrier (a gift), once however often it is given; the answer of either is the next input of
// the same arrival. A message or menu ([Say], [UseMenu]) is performed after the turn was saved. A [Record] (a timer, an
// audit entry, a letter to another lane) is saved with the turn.
//
// Read words.go for the voice, link.go, balance.go and gift.go for three flows, lane.go for what the other packages exchange
// about a lane, and carrier.go for what a carrier knows. A flow is one file; every open question is one [State].
package flows

import (
	"slices"
	"strings"
	"time"
)

// A Moment is what a turn knows besides the conversation: when, whose lane, which arrival, and the configured values.
type Moment struct {
	At       time.Time
	Lane     string
	ID       string // the arrival's, with its place in the lane
	Seq      int64
	Message  string // LINE's ID of the message in it, or ""
	Settings Settings
}

// Turn takes one input through the conversation. The effects hold at most one Question or Command; what is said before it
// goes out first, together with what its answer has to say.
func Turn(m Moment, c Conversation, in Input) (Conversation, []Effect) {
	t := &turn{Moment: m, c: c}
	t.c.Links = append([]Link(nil), c.Links...)
	if t.c.State != Idle && !t.c.Until.IsZero() && !m.At.Before(t.c.Until) {
		t.idle() // LNK-32: nobody waits for this answer any more
	}
	t.take(in)
	return t.c, t.effects
}

// Idle conversations have no open question; the next message starts a flow.
const Idle State = ""

// steps answers words typed while a question is open. It is the whole list of open questions.
var steps = map[State]func(*turn, Said){
	Idle:          (*turn).idleSaid,
	LinkCode:      (*turn).codeSaid,
	BalanceLine:   (*turn).balanceLineSaid,
	UnlinkWhich:   (*turn).unlinkWhichSaid,
	UnlinkConfirm: (*turn).unlinkConfirmSaid,
	NameWhich:     (*turn).nameWhichSaid,
	NameText:      (*turn).nameSaid,
	GiftLine:      (*turn).giftLineSaid,
	GiftAmount:    (*turn).giftAmountSaid,
	GiftConfirm:   (*turn).giftConfirmSaid,
	GiftClaimLine: (*turn).claimLineSaid,
	SurveyComment: (*turn).commentSaid,
}

// A turn is one input being answered.
type turn struct {
	Moment
	c       Conversation
	effects []Effect

	// Of a support session that ends in this turn: why, and the operator's tags.
	ended string
	tags  []string
}

func (t *turn) take(in Input) {
	if t.overheard(in) {
		return
	}
	switch in := in.(type) {
	case Said:
		t.present()
		if token, ok := in.claimToken(); ok {
			t.idle()
			t.do(FindGift{Token: token})
			return
		}
		if word, ok := wordOf(in.Plain); ok {
			t.word(word)
			return
		}
		if in.HoldsCode(t.Settings.CodeDigits) && t.c.State != LinkCode { // LNK-31
			t.idle()
			t.say(Text{Text: looksLikeCode, Choices: []Choice{userLinkButton, cancel}})
			return
		}
		if step, ok := steps[t.c.State]; ok {
			step(t, in)
			return
		}
		t.idle() // a state of another version of the program
		t.idleSaid(in)
	case SaidSecret:
		t.present()
		t.say(Buttons{Text: passwordInChat, Buttons: []Choice{holderLinkButton}, Choices: t.menu()})
	case Sent:
		t.present()
		t.sent(in)
	case Tapped:
		t.present()
		t.tapped(in)
	case Followed:
		t.followed()
	case Unfollowed:
		t.unfollowed()
	case Due:
		t.due(in)
	case Unsent:
		t.do(Erase{MessageID: in.MessageID})
	case Joined:
		t.say(Text{Text: t.brand(joinedGroup)})
	case GiftsRead, GiftFound, GiftMade, GiftTaken, GiftReturned, GiftOver, GiftRefused, GiftUnknown, GiftGone:
		t.giftInput(in)
	case AnswerFound:
		t.answerFound(in.Found)
	case DeskRead, DeskTook, DeskSaid, DeskReturned, DeskClosed, DeskHoursChanged:
		t.helpInput(in)
	case TopicGone:
		t.say(Text{Text: topicGone, Choices: t.menu()})
	default:
		t.linkInput(in)
	}
}

// present notes that the person is here: who writes has not blocked us, even if the follow event got lost.
func (t *turn) present() {
	if !t.c.BlockedAt.IsZero() {
		t.c.BlockedAt = time.Time{}
		t.do(StopTimer{Name: blockedTimer})
	}
}

func (t *turn) idleSaid(in Said) {
	if t.attended() {
		return
	}
	if missesMenu(in.Plain) {
		t.showMenu(menuAgain)
		return
	}
	t.do(FindAnswer{Text: in.Text})
}

func (t *turn) sent(in Sent) {
	if t.attended() {
		return
	}
	text := onlyText
	if in.Kind == "sticker" {
		text = thanksForSticker
	}
	t.say(Text{Text: text, Choices: t.menu()})
}

// tapped reads a postback: "1:verb:argument". The number is the format's version, since buttons stay in a chat for
// years; what it does is checked against the links of now.
func (t *turn) tapped(in Tapped) {
	version, rest, _ := strings.Cut(in.Data, ":")
	verb, arg, _ := strings.Cut(rest, ":")
	if version == "1" {
		switch verb {
		case "say":
			if word, ok := wordOf(arg); ok {
				t.word(word)
				return
			}
		case "balance":
			t.balanceOf(arg)
			return
		case "tab": // the rich menu turned a page by itself
			return
		case "lines":
			t.askBalanceLine()
			return
		case "unlink":
			t.unlinkAsk(arg)
			return
		case "unlinked":
			t.unlink(arg)
			return
		case "name":
			t.nameAsk(arg)
			return
		case "rate":
			t.rate(arg)
			return
		case "noname":
			t.rename(arg, "")
			return
		}
		if verb == "faq" {
			t.idle()
			t.do(FindTopic{ID: arg})
			return
		}
		if t.giftTapped(verb, arg) {
			return
		}
	}
	t.idle()
	t.say(Text{Text: staleButton, Choices: t.menu()})
}

// SayData is the postback of a button that stands for a typed word, such as an area of the rich menu.
func SayData(word string) string { return "1:say:" + word }

// blockedTimer falls due when links of a blocked account end (LNK-45).
const blockedTimer = "blocked"

func (t *turn) followed() {
	back := len(t.c.Links) > 0
	t.c.BlockedAt = time.Time{}
	t.idle()
	t.do(StopTimer{Name: blockedTimer})
	if back {
		t.say(Text{Text: t.brand(welcomeBack), Choices: t.menu()})
	} else {
		t.say(
			Text{Text: t.brand(welcome)},
			Buttons{Title: welcomeTitle, Text: welcomeLinks, Buttons: []Choice{holderLinkButton, userLinkButton}, Choices: t.menu()},
		)
	}
	t.useMenu()
}

func (t *turn) unfollowed() {
	t.c.BlockedAt = t.At
	t.idle()
	t.endHelp(EndedByBlock) // HLP-38
	t.do(SetTimer{Name: blockedTimer, At: t.At.Add(t.Settings.BlockedKeep)})
}

func (t *turn) due(in Due) {
	if strings.HasPrefix(in.Name, giftOverTimer) || strings.HasPrefix(in.Name, giftAskTimer) {
		t.giftDue(in.Name)
		return
	}
	if strings.HasPrefix(in.Name, helpTimer) {
		t.helpDue(in.Name)
		return
	}
	if in.Name != blockedTimer || t.c.BlockedAt.IsZero() || t.At.Before(t.c.BlockedAt.Add(t.Settings.BlockedKeep)) {
		return // the timer's reason is gone
	}
	for _, l := range t.c.Links {
		t.audit("unlink", "system", l, "blocked")
	}
	t.c.Links = nil
}

func (t *turn) do(e ...Effect) { t.effects = append(t.effects, e...) }

// say speaks, unless the person has blocked us (LNK-45).
func (t *turn) say(m ...Message) {
	if !t.c.BlockedAt.IsZero() {
		return
	}
	for i := range m {
		if b, ok := m[i].(Buttons); ok { // a function is offered once: what is a button is no quick reply
			b.Choices = slices.DeleteFunc(b.Choices, func(c Choice) bool { return slices.Contains(b.Buttons, c) })
			m[i] = b
		}
	}
	t.do(Say{Messages: m})
	if p := t.c.Help.Phase; p == HelpQueued || p == HelpWriting || p == HelpConnected { // for the operator to see
		for _, m := range m {
			t.keepEntry(Entry{By: ByBot, Kind: "text", Text: InWords(m)})
		}
	}
}

// ask opens a question about something; it is dropped after link.dialog_timeout.
func (t *turn) ask(s State, about string, m ...Message) {
	t.c.State, t.c.About, t.c.Until = s, about, t.At.Add(t.Settings.DialogWait)
	t.say(m...)
}

func (t *turn) idle() { t.c.State, t.c.About, t.c.Until = Idle, "", time.Time{} }

func (t *turn) useMenu() { t.do(UseMenu{Holder: t.has(HolderLink), User: t.has(UserLink)}) }

func (t *turn) audit(kind, actor string, l Link, reason string) {
	t.do(Audit{At: t.At, Actor: actor, Kind: kind, Link: l.Kind, Ref: l.Ref, Reason: reason})
}

func (t *turn) has(k LinkKind) bool { return t.count(k) > 0 }

func (t *turn) count(k LinkKind) (n int) {
	for _, l := range t.c.Links {
		if l.Kind == k {
			n++
		}
	}
	return n
}

// link finds one of the person's own links; what is not theirs does not exist here.
func (t *turn) link(k LinkKind, ref string) (Link, bool) {
	for _, l := range t.c.Links {
		if l.Kind == k && l.Ref == ref {
			return l, true
		}
	}
	return Link{}, false
}

func (t *turn) lines() (ls []Link) {
	for _, l := range t.c.Links {
		if l.Kind == UserLink {
			ls = append(ls, l)
		}
	}
	return ls
}
