package flows

import (
	"strconv"
	"strings"
	"time"
)

// いつでもヘルプ with operators (domain.md §6). What an operator does comes as a letter; whether operators are there is asked
// of the desk, see desk.go.
//
//	オペレーター ─▶ ReadDesk ─▶ closed: message? │ busy: wait or message? │ queued
//	queued ─▶ DeskTook ─▶ connected ─▶ DeskClosed, silence, 19:30 ─▶ survey ─▶ comment ─▶ over
//	   ▲──── DeskReturned, operator silent ────┘
//	メッセージを残す ─▶ writing ─▶ 送り終えた ─▶ left ─▶ DeskTook ─▶ connected
//
// While connected everything the person does goes to the operator and nothing is answered (HLP-27): see heard.

// Timers of a session.
const (
	helpTimer     = "help/"
	placeTimer    = helpTimer + "place"    // tell the place (HLP-26)
	closeTimer    = helpTimer + "close"    // the hours are over (HLP-29)
	operatorTimer = helpTimer + "operator" // the operator is silent (HLP-31)
	remindTimer   = helpTimer + "remind"   // the customer is silent (HLP-30)
	idleTimer     = helpTimer + "idle"     // and still is
	wroteTimer    = helpTimer + "wrote"    // the message is taken for complete
	surveyTimer   = helpTimer + "survey"   // nobody says any more how it was (HLP-35)
)

const (
	// placeEvery is the least time between two messages about the place; placeLook is how often it is looked at after that.
	placeEvery, placeLook = 2 * time.Minute, 30 * time.Second
)

// SurveyComment conversations have said how the chat was and may add words.
const SurveyComment State = "help/comment"

var (
	waitButton    = choice("このまま待つ", wordWait)
	leaveButton   = choice("メッセージを残す", wordLeave)
	sentButton    = choice("送り終えた", wordSent)
	giveUpChoices = []Choice{leaveButton, choice("待つのをやめる", wordCancel)}
	writeChoices  = []Choice{sentButton, cancel}
)

// linked reports whether the person has any link: without one there is only the automatic side (HLP-03).
func (t *turn) linked() bool { return len(t.c.Links) > 0 }

// help is 「いつでもヘルプ」.
func (t *turn) help() {
	if t.c.Help.Phase == HelpQueued || t.linked() {
		t.readDesk(DeskStart)
		return
	}
	t.say(Text{Text: helpText, Choices: t.menu()})
}

// operator is an explicit wish for a person (HLP-23).
func (t *turn) operator() {
	if !t.linked() {
		t.say(Buttons{Text: operatorNeedsLink, Buttons: []Choice{holderLinkButton, userLinkButton}, Choices: t.menu()})
		return
	}
	t.readDesk(DeskWish)
}

func (t *turn) wait() {
	if !t.linked() {
		t.operator()
		return
	}
	t.readDesk(DeskWait)
}

// leave begins a message to the operators, for whom the hours are over or who cannot wait.
func (t *turn) leave() {
	if !t.linked() {
		t.operator()
		return
	}
	h := &t.c.Help
	switch h.Phase {
	case HelpQueued, HelpLeft:
		t.stopHelpTimers()
	case HelpWriting:
	default:
		t.beginHelp()
	}
	h.Phase, h.Since, h.Front = HelpWriting, t.At, false
	t.keepSession()
	t.event(EventWriting)
	t.do(SetTimer{Name: wroteTimer, At: t.At.Add(t.Settings.DialogWait)})
	t.say(Text{Text: leaveMessage, Choices: writeChoices})
}

// sentAll says that the message is complete.
func (t *turn) sentAll() {
	switch {
	case t.c.Help.Phase != HelpWriting:
		t.say(Text{Text: nothingToSend, Choices: t.menu()})
	case !t.c.Help.Wrote:
		t.say(Text{Text: nothingWritten, Choices: writeChoices})
	default:
		t.readDesk(DeskWrote)
	}
}

// cancelHelp gives up waiting, or the message; ok is false when there was neither.
func (t *turn) cancelHelp() (ok bool) {
	switch t.c.Help.Phase {
	case HelpQueued:
		t.endHelp(EndedByCustomer)
		t.say(Text{Text: gaveUp, Choices: t.menu()})
	case HelpWriting:
		t.endHelp(EndedByCustomer)
		t.say(Text{Text: notLeft, Choices: t.menu()})
	default:
		return false
	}
	return true
}

// attended takes what is no function while the person waits or leaves a message: it is kept for the operator (HLP-28).
func (t *turn) attended() bool {
	h := &t.c.Help
	switch h.Phase {
	case HelpQueued:
		h.Wrote = true
		t.say(Text{Text: keptForOperator, Choices: giveUpChoices})
	case HelpWriting:
		h.Wrote = true
		t.do(SetTimer{Name: wroteTimer, At: t.At.Add(t.Settings.DialogWait)})
		t.say(Text{Text: keptMessage, Choices: writeChoices})
	default:
		return false
	}
	return true
}

// overheard puts what the person does during a session into its transcript. It reports whether an operator has the person:
// then that is all that happens (HLP-27).
func (t *turn) overheard(in Input) (connected bool) {
	h := &t.c.Help
	switch h.Phase {
	case HelpQueued, HelpWriting, HelpConnected:
	default:
		return false
	}
	e := Entry{By: ByCustomer, Message: t.Message}
	switch in := in.(type) {
	case Said:
		e.Kind, e.Text = "text", in.Text
		if in.HoldsCode(t.Settings.CodeDigits) || in.HoldsClaim() { // HLP-33: not even the operator sees it
			e.By, e.Kind, e.Text = BySystem, "event", EventWithheld
		}
	case SaidSecret:
		e.By, e.Kind, e.Text = BySystem, "event", EventWithheld
	case Sent:
		e.Kind, e.Text, e.Attachment = in.Kind, in.Text, in.Attachment
	case Tapped:
		if in.Data == "" || strings.HasPrefix(in.Data, "1:tab") {
			return h.Phase == HelpConnected
		}
		e.Kind, e.Text = "event", EventTapped+":"+in.Label()
	default:
		return false
	}
	t.keepEntry(e)
	if h.Phase != HelpConnected {
		return false
	}
	t.present()
	h.Last, h.LastAt = t.Seq, t.At
	if !h.Turn {
		t.passTurn(true)
	}
	return true
}

// Label is what a tap stands for, in words.
func (in Tapped) Label() string {
	if word, ok := strings.CutPrefix(in.Data, SayData("")); ok {
		return word
	}
	verb, _, _ := strings.Cut(strings.TrimPrefix(in.Data, "1:"), ":")
	return verb
}

// passTurn says whose turn it is while connected, and sets the timers of whoever has to answer.
func (t *turn) passTurn(operators bool) {
	h := &t.c.Help
	h.Turn, h.TurnAt = operators, t.At
	if operators {
		t.do(StopTimer{Name: remindTimer}, StopTimer{Name: idleTimer}, SetTimer{Name: operatorTimer, At: t.At.Add(t.Settings.OperatorWait)})
		return
	}
	t.do(StopTimer{Name: operatorTimer}, SetTimer{Name: remindTimer, At: t.At.Add(t.Settings.CustomerRemind)},
		SetTimer{Name: idleTimer, At: t.At.Add(t.Settings.CustomerEnd)})
}

// helpInput takes the desk's answers and letters.
func (t *turn) helpInput(in Input) {
	switch in := in.(type) {
	case DeskRead:
		t.deskRead(in)
	case DeskTook:
		t.took(in)
	case DeskSaid:
		t.deskSaid(in)
	case DeskReturned:
		if t.hasOperator(in.Session, in.Operator) {
			t.event(EventReturned + ":" + in.Operator)
			t.readDesk(DeskBack)
		}
	case DeskClosed:
		if t.hasOperator(in.Session, in.Operator) {
			t.tags = in.Tags
			t.say(Text{Text: chatOver})
			t.endHelp(EndedByOperator)
		}
	case DeskHoursChanged:
		switch t.c.Help.Phase {
		case HelpQueued, HelpConnected:
			t.readDesk(DeskHours)
		}
	}
}

func (t *turn) hasOperator(session, operator string) bool {
	h := t.c.Help
	return h.Phase == HelpConnected && h.ID == session && h.Operator == operator
}

// readDesk asks about the person's session.
func (t *turn) readDesk(why DeskReason) { t.do(ReadDesk{Session: t.c.Help.ID, For: why}) }

func (t *turn) deskRead(in DeskRead) {
	hours := t.Settings.HelpHours(t.At, in.Load.Exception)
	h := &t.c.Help
	switch in.For {
	case DeskStart, DeskWish, DeskWait:
		t.wish(in.For, in.Load, hours)
	case DeskWrote:
		h.Phase, h.Since, h.Until = HelpLeft, t.At, time.Time{}
		t.do(StopTimer{Name: wroteTimer})
		t.keepSession()
		t.event(EventLeft)
		t.say(Text{Text: messageLeft(t.At, hours), Choices: t.menu()})
	case DeskPlace:
		switch {
		case h.Phase != HelpQueued:
		case !hours.Open:
			t.closeQueue()
		default:
			t.place(in.Load)
		}
	case DeskHours:
		switch {
		case h.Phase == HelpQueued && !hours.Open:
			t.closeQueue()
		case h.Phase == HelpQueued:
			t.until(hours.Closes)
		case h.Phase == HelpConnected && h.Until.IsZero(): // taken when the hours were over
		case h.Phase == HelpConnected && !t.At.Before(hours.HardEnd):
			t.say(Text{Text: chatOverByHours})
			t.endHelp(EndedByHours)
		case h.Phase == HelpConnected:
			t.until(hours.HardEnd)
		}
	case DeskBegan:
		if t.At.Before(hours.HardEnd) {
			t.until(hours.HardEnd)
		}
	case DeskBack:
		t.backToQueue(in.Load, hours)
	}
}

// until sets when the clock ends what goes on.
func (t *turn) until(at time.Time) {
	t.c.Help.Until = at
	t.do(SetTimer{Name: closeTimer, At: at})
}

// wish answers 「いつでもヘルプ」 and 「オペレーター」 by what the desk can do now.
func (t *turn) wish(why DeskReason, load DeskLoad, hours Hours) {
	h := &t.c.Help
	switch {
	case h.Phase == HelpQueued && hours.Open:
		h.Place, h.Told = load.Ahead+1, t.At
		t.say(Text{Text: placeIs(load.Ahead + 1), Choices: giveUpChoices})
	case !hours.Open && why == DeskStart:
		t.say(Text{Text: afterHours(t.Settings, t.At) + "\n" + helpShort, Choices: append([]Choice{leaveButton}, t.menu()...)})
	case !hours.Open:
		t.say(Text{Text: afterHours(t.Settings, t.At), Choices: append([]Choice{leaveButton}, t.menu()...)})
	case why == DeskStart:
		t.say(Text{Text: helpText, Choices: append([]Choice{operatorButton}, t.menu()...)})
	case why == DeskWish && t.Settings.busy(load): // HLP-25
		t.say(Text{Text: helpBusy, Choices: append([]Choice{waitButton, leaveButton}, t.menu()...)})
	default:
		t.queue(load, hours)
	}
}

// queue lets the person wait. A message that was left is answered in its turn, and keeps its place.
func (t *turn) queue(load DeskLoad, hours Hours) {
	h := &t.c.Help
	if h.Phase != HelpLeft && h.Phase != HelpWriting {
		t.beginHelp()
		h.Since = t.At
	}
	t.stopHelpTimers()
	h.Phase = HelpQueued
	t.keepSession()
	t.event(EventQueued)
	t.until(hours.Closes)
	t.tellPlace(helpQueued, load.Ahead+1)
}

// place tells the place when it changed and long enough ago (HLP-26).
func (t *turn) place(load DeskLoad) {
	h := &t.c.Help
	next := h.Told.Add(placeEvery)
	switch {
	case t.At.Before(next):
	case load.Ahead+1 != h.Place:
		t.tellPlace(placeNow, load.Ahead+1)
		return
	default:
		next = t.At.Add(placeLook)
	}
	t.do(SetTimer{Name: placeTimer, At: next})
}

func (t *turn) tellPlace(text string, place int) {
	h := &t.c.Help
	h.Place, h.Told = place, t.At
	t.do(SetTimer{Name: placeTimer, At: t.At.Add(placeEvery)})
	t.say(Text{Text: strings.ReplaceAll(text, "{n}", strconv.Itoa(place)), Choices: giveUpChoices})
}

// closeQueue tells whoever waits that the hours are over (HLP-29).
func (t *turn) closeQueue() {
	t.endHelp(EndedByHours)
	t.say(Text{Text: queueClosed, Choices: append([]Choice{leaveButton}, t.menu()...)})
}

// took connects the person with an operator, or with another one.
func (t *turn) took(in DeskTook) {
	h := &t.c.Help
	if h.ID != in.Session || h.Phase == HelpConnected && h.Operator == in.Operator {
		return
	}
	was := h.Phase
	text, event := connectedTo(in.Name), EventConnected
	switch was {
	case HelpConnected:
		text, event = strings.ReplaceAll(nowWith, "{name}", in.Name), EventTransferred
	case HelpQueued:
	case HelpLeft:
		text += answersMessage
	default:
		return
	}
	t.idle()
	t.stopHelpTimers()
	h.Phase, h.Operator, h.Name, h.Front = HelpConnected, in.Operator, in.Name, false
	t.keepSession()
	t.event(event + ":" + in.Operator)
	t.say(Text{Text: text})
	t.passTurn(true)
	if was == HelpConnected {
		t.readDesk(DeskHours)
		return
	}
	h.Until = time.Time{}
	t.readDesk(DeskBegan)
}

// deskSaid sends an operator's words, if the operator still has the person.
func (t *turn) deskSaid(in DeskSaid) {
	h := &t.c.Help
	e := Entry{ID: in.ID, Session: in.Session, By: ByOperator, Name: in.Operator, Kind: in.Kind, Text: in.Text, Attachment: in.Attachment, Delivery: Sending}
	if !t.hasOperator(in.Session, in.Operator) {
		e.Delivery = NotSent
		t.keepEntry(e)
		return
	}
	t.keepEntry(e)
	h.Spoke = true
	t.passTurn(false)
	said := Say{As: in.Name, Entry: in.ID, ReplyTo: h.Last, ReplyAt: h.LastAt}
	h.Last, h.LastAt = 0, time.Time{}
	switch in.Kind {
	case "sticker":
		said.Messages = []Message{Sticker{Package: in.Attachment.Package, Sticker: in.Attachment.Sticker}}
	case "image":
		said.Messages = []Message{Image{URL: in.URL, Preview: in.Preview}}
	default:
		said.Messages = []Message{Text{Text: in.Text}}
	}
	t.do(said)
}

// backToQueue puts the person before all others (HLP-31). When the hours are over meanwhile, what they asked stays as a
// message, so that nobody waits in vain.
func (t *turn) backToQueue(load DeskLoad, hours Hours) {
	h := &t.c.Help
	if h.Phase != HelpConnected {
		return
	}
	t.stopHelpTimers()
	h.Operator, h.Name, h.Front, h.Turn = "", "", true, false
	if !hours.Open {
		h.Phase, h.Until = HelpLeft, time.Time{}
		t.keepSession()
		t.event(EventLeft)
		t.say(Text{Text: keptUntil(t.At, hours), Choices: t.menu()})
		return
	}
	h.Phase = HelpQueued
	t.keepSession()
	t.until(hours.Closes)
	t.tellPlace(backInQueue, load.Ahead+1)
}

func (t *turn) helpDue(name string) {
	h := &t.c.Help
	switch name {
	case placeTimer:
		if h.Phase == HelpQueued {
			t.readDesk(DeskPlace)
		}
	case closeTimer:
		if h.Phase == HelpQueued || h.Phase == HelpConnected {
			t.readDesk(DeskHours)
		}
	case operatorTimer:
		if h.Phase == HelpConnected && h.Turn && !t.At.Before(h.TurnAt.Add(t.Settings.OperatorWait)) {
			t.event(EventSilent + ":" + h.Operator)
			t.readDesk(DeskBack)
		}
	case remindTimer:
		if h.Phase == HelpConnected && !h.Turn && !t.At.Before(h.TurnAt.Add(t.Settings.CustomerRemind)) && t.At.Before(h.TurnAt.Add(t.Settings.CustomerEnd)) {
			t.event(EventReminded)
			left := t.Settings.CustomerEnd - t.Settings.CustomerRemind
			t.say(Text{Text: strings.ReplaceAll(stillThere, "{time}", minutes(left))})
		}
	case idleTimer:
		if h.Phase == HelpConnected && !h.Turn && !t.At.Before(h.TurnAt.Add(t.Settings.CustomerEnd)) {
			t.say(Text{Text: idleEnd})
			t.endHelp(EndedIdle)
		}
	case wroteTimer:
		switch {
		case h.Phase != HelpWriting:
		case h.Wrote:
			t.readDesk(DeskWrote)
		default:
			t.endHelp(EndedByCustomer)
		}
	case surveyTimer:
		if h.Phase == HelpSurvey && !t.At.Before(h.Until) {
			t.c.Help = Help{}
		}
	}
}

// beginHelp begins a session. What is left of an earlier one is its survey.
func (t *turn) beginHelp() {
	t.do(StopTimer{Name: surveyTimer})
	t.c.Help = Help{ID: t.ID}
}

// endHelp ends the session whatever it is, and asks how it was if an operator spoke (HLP-35).
func (t *turn) endHelp(why string) {
	h := &t.c.Help
	switch h.Phase {
	case HelpAI:
		return
	case HelpSurvey:
		t.do(StopTimer{Name: surveyTimer})
		t.c.Help = Help{}
		return
	}
	asks := h.Phase == HelpConnected && h.Spoke && why != EndedByBlock &&
		(t.c.Surveyed.IsZero() || !t.At.Before(t.c.Surveyed.Add(t.Settings.SurveyEvery)))
	t.stopHelpTimers()
	t.event(EventEnded + ":" + why)
	h.Phase, t.ended = HelpClosed, why
	t.keepSession()
	id := h.ID
	t.c.Help = Help{}
	if !asks {
		return
	}
	t.c.Help = Help{ID: id, Phase: HelpSurvey, Until: t.At.Add(t.Settings.SurveyTTL)}
	t.c.Surveyed = t.At
	t.do(SetTimer{Name: surveyTimer, At: t.c.Help.Until})
	var scores []Choice
	for i, label := range surveyLabels {
		scores = append(scores, Choice{Label: label, Data: "1:rate:" + id + ":" + strconv.Itoa(len(surveyLabels)-i)})
	}
	t.say(Buttons{Text: surveyText, Buttons: scores})
}

func (t *turn) stopHelpTimers() {
	for _, name := range []string{placeTimer, closeTimer, operatorTimer, remindTimer, idleTimer, wroteTimer} {
		t.do(StopTimer{Name: name})
	}
}

// rate takes a score for a session: "ID:5".
func (t *turn) rate(arg string) {
	id, n, _ := strings.Cut(arg, ":")
	score, err := strconv.Atoi(n)
	h := &t.c.Help
	if err != nil || score < 1 || score > len(surveyLabels) || h.Phase != HelpSurvey || h.ID != id || !t.At.Before(h.Until) {
		t.idle()
		t.say(Text{Text: surveyIsOver, Choices: t.menu()})
		return
	}
	t.do(KeepScore{Session: id, Score: score})
	t.ask(SurveyComment, id, Text{Text: askComment, Choices: []Choice{{Label: "書かずに終わる", Say: string(wordCancel)}}})
	t.c.Until = h.Until
}

func (t *turn) commentSaid(in Said) {
	t.do(KeepScore{Session: t.c.About, Comment: in.Text})
	t.surveyDone()
}

func (t *turn) surveyDone() {
	t.idle()
	t.do(StopTimer{Name: surveyTimer})
	if t.c.Help.Phase == HelpSurvey {
		t.c.Help = Help{}
	}
	t.say(Text{Text: surveyThanks, Choices: t.menu()})
}

// keepSession writes the session as it is now.
func (t *turn) keepSession() {
	h := t.c.Help
	t.do(KeepSession{Session: Session{
		ID: h.ID, Lane: t.Lane, Phase: h.Phase, At: t.At, Since: h.Since, Front: h.Front, Operator: h.Operator,
		Ended: t.ended, Tags: t.tags,
	}})
}

// keepEntry adds to the transcript of the session.
func (t *turn) keepEntry(e Entry) {
	if e.Session == "" {
		e.Session = t.c.Help.ID
	}
	e.At = t.At
	t.do(KeepEntry{Entry: e})
}

func (t *turn) event(text string) { t.keepEntry(Entry{By: BySystem, Kind: "event", Text: text}) }
