package flows

import (
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// The help machine, explored: every order in which a person, two operators, the clock and the lane can act, to a bounded depth.
// The lane works its inputs later than they come; the desk sees the row of the session, which is behind the conversation.

// A helpWorld is one state of everything.
type helpWorld struct {
	now    time.Time
	c      Conversation
	timers map[string]time.Time
	inbox  []Input // in the order of the lane
	row    Session // as the store has it; Phase "" for none
	n      int     // arrivals so far
}

func (w helpWorld) clone() helpWorld {
	w.timers, w.inbox = maps.Clone(w.timers), slices.Clone(w.inbox)
	return w
}

// key tells states apart: times count by how far they are from now.
func (w helpWorld) key() string {
	c := w.c
	since := func(t time.Time) time.Duration {
		if t.IsZero() {
			return -1
		}
		return t.Sub(w.now)
	}
	var timers []string
	for name, at := range w.timers {
		timers = append(timers, fmt.Sprint(name, since(at)))
	}
	slices.Sort(timers)
	ids := map[string]string{c.Help.ID: "a", w.row.ID: "b"}
	ids[c.Help.ID] = "a"
	return fmt.Sprint(w.now.Format("15:04"), c.State, since(c.Until), c.Help.Phase, ids[c.Help.ID], c.Help.Operator, c.Help.Turn, since(c.Help.TurnAt), c.Help.Wrote,
		c.Help.Spoke, c.Help.Front, since(c.Help.Until), c.Surveyed.IsZero(), c.BlockedAt.IsZero(), timers, len(w.inbox), fmt.Sprintf("%T", w.inbox), w.inboxKey(),
		w.row.Phase, ids[w.row.ID], w.row.Operator)
}

func (w helpWorld) inboxKey() string {
	var b strings.Builder
	for _, in := range w.inbox {
		fmt.Fprintf(&b, "%T", in)
		switch in := in.(type) {
		case Said:
			b.WriteString(in.Text)
		case DeskTook:
			b.WriteString(in.Operator)
		case DeskSaid:
			b.WriteString(in.Operator)
		case DeskClosed:
			b.WriteString(in.Operator)
		case DeskReturned:
			b.WriteString(in.Operator)
		case Due:
			b.WriteString(in.Name)
		}
	}
	return b.String()
}

// moves are all that can happen next.
func (w helpWorld) moves() map[string]helpWorld {
	next := map[string]helpWorld{}
	put := func(name string, change func(*helpWorld)) {
		v := w.clone()
		change(&v)
		next[name] = v
	}
	send := func(name string, in Input) { put(name, func(v *helpWorld) { v.inbox = append(v.inbox, in) }) }
	if len(w.inbox) < 3 {
		for _, words := range []string{"オペレーター", "困っています", "やめる", "メッセージを残す", "送り終えた"} {
			send(words, Said{Text: words, Plain: words})
		}
		if w.c.BlockedAt.IsZero() {
			send("block", Unfollowed{})
		}
		row := w.row
		waiting := (row.Phase == HelpQueued || row.Phase == HelpLeft) && row.Operator == ""
		for _, op := range []string{"A", "B"} {
			if waiting {
				put(op+" takes", func(v *helpWorld) {
					v.row.Operator = op
					v.inbox = append(v.inbox, DeskTook{Session: row.ID, Operator: op, Name: op})
				})
			}
			if row.Operator != op || row.Phase == HelpClosed {
				continue
			}
			send(op+" says", DeskSaid{Session: row.ID, Operator: op, Name: op, ID: fmt.Sprint("said", w.n, len(w.inbox)), Kind: "text", Text: "はい"})
			send(op+" closes", DeskClosed{Session: row.ID, Operator: op})
			send(op+" returns", DeskReturned{Session: row.ID, Operator: op})
			other := map[string]string{"A": "B", "B": "A"}[op]
			put(op+" transfers", func(v *helpWorld) {
				v.row.Operator = other
				v.inbox = append(v.inbox, DeskTook{Session: row.ID, Operator: other, Name: other})
			})
		}
		if name, at, ok := w.nextTimer(); ok {
			put("clock", func(v *helpWorld) {
				if at.After(v.now) {
					v.now = at
				}
				delete(v.timers, name)
				v.inbox = append(v.inbox, Due{Name: name})
			})
		}
	}
	return next
}

func (w helpWorld) nextTimer() (name string, at time.Time, ok bool) {
	for n, t := range w.timers {
		if n != blockedTimer && (!ok || t.Before(at) || t.Equal(at) && n < name) {
			name, at, ok = n, t, true
		}
	}
	return name, at, ok
}

// work turns the first input of the lane and returns what is wrong about it.
func (w *helpWorld) work() (wrong string) {
	in := w.inbox[0]
	w.inbox = w.inbox[1:]
	w.n++
	before := w.c
	c, effects := w.turn(in)
	if again, same := w.turn(in); !reflect.DeepEqual(c, again) || !reflect.DeepEqual(effects, same) {
		return "a turn that is made again after a crash is another one"
	}
	w.c = c
	kept, spoken := false, 0
	for _, e := range effects {
		switch e := e.(type) {
		case SetTimer:
			w.timers[e.Name] = e.At
		case StopTimer:
			delete(w.timers, e.Name)
		case KeepSession:
			if w.row.ID != "" && w.row.ID != e.Session.ID && w.row.Phase != HelpClosed {
				return "a second session while one goes on (HLP-39)"
			}
			w.row = e.Session
		case KeepEntry:
			if e.Entry.Session == "" {
				return "an entry of no session"
			}
			said, isSaid := in.(Said)
			words, isWords := in.(DeskSaid)
			kept = kept || isSaid && e.Entry.By == ByCustomer && e.Entry.Text == said.Text ||
				isWords && e.Entry.ID == words.ID && (e.Entry.Delivery == Sending) == (before.Help.Phase == HelpConnected && before.Help.Operator == words.Operator && before.Help.ID == words.Session)
		case Say:
			spoken++
			if e.Entry != "" && (before.Help.Phase != HelpConnected || before.Help.Operator != in.(DeskSaid).Operator) {
				return "an operator speaks who does not have the person"
			}
		}
	}
	switch in := in.(type) {
	case Said:
		switch before.Help.Phase {
		case HelpConnected:
			if spoken > 0 {
				return "the bot speaks while an operator has the person (HLP-27)"
			}
			fallthrough
		case HelpQueued, HelpWriting:
			if !kept {
				return "a word got lost (HLP-28)"
			}
		default:
			if spoken == 0 && w.c.BlockedAt.IsZero() {
				return "silence"
			}
		}
	case DeskSaid:
		if !kept {
			return "an operator's words got lost: " + in.ID
		}
	}
	return w.wrong()
}

func (w *helpWorld) turn(in Input) (Conversation, []Effect) {
	m := Moment{At: w.now, Lane: "U1", ID: fmt.Sprint("e", w.n), Seq: int64(w.n), Settings: Defaults()}
	c := w.c
	var all []Effect
	for in != nil {
		var effects []Effect
		c, effects = Turn(m, c, in)
		in = nil
		for _, e := range effects {
			switch q := e.(type) {
			case ReadDesk:
				in = DeskRead{For: q.For}
			case FindAnswer:
				in = AnswerFound{}
			default:
				all = append(all, e)
			}
		}
	}
	return c, all
}

// wrong tells what may never be, whatever happened.
func (w *helpWorld) wrong() string {
	h := w.c.Help
	timer := func(name string) bool { // set, or rung and not heard yet
		_, set := w.timers[name]
		return set || slices.Contains(w.inbox, Input(Due{Name: name}))
	}
	owned := map[HelpPhase]HelpPhase{HelpAI: HelpClosed, HelpSurvey: HelpClosed}
	phase, ok := owned[h.Phase]
	if !ok {
		phase = h.Phase
	}
	if len(w.inbox) == 0 && w.row.ID != "" && w.row.Phase != phase {
		return fmt.Sprintf("the desk has it as %q, the lane as %q", w.row.Phase, h.Phase)
	}
	switch h.Phase {
	case HelpQueued:
		if !timer(closeTimer) || !timer(placeTimer) {
			return "somebody waits for ever (HLP-29)"
		}
		if len(w.inbox) == 0 && w.row.Operator != "" {
			return "a session that " + w.row.Operator + " has and does not know of"
		}
	case HelpConnected:
		if h.Operator == "" {
			return "a session nobody owns"
		}
		if h.Turn && !timer(operatorTimer) || !h.Turn && !timer(idleTimer) {
			return "nobody is waited for (HLP-30, HLP-31)"
		}
		if len(w.inbox) == 0 && w.row.Operator != h.Operator {
			return fmt.Sprintf("%q at the desk and %q in the lane", w.row.Operator, h.Operator)
		}
	case HelpWriting:
		if !timer(wroteTimer) {
			return "a message that is never taken"
		}
	case HelpSurvey:
		if !timer(surveyTimer) {
			return "a survey that never closes"
		}
	case HelpAI, HelpLeft:
		for name := range w.timers {
			if strings.HasPrefix(name, helpTimer) {
				return "a timer is left over: " + name
			}
		}
	}
	return ""
}

// ends lets the clock alone act: the session has to come to an end, or be a ticket.
func (w helpWorld) ends() (wrong string) {
	w = w.clone()
	for range 500 {
		for len(w.inbox) > 0 {
			if wrong := w.work(); wrong != "" {
				return wrong
			}
		}
		name, at, ok := w.nextTimer()
		if !ok {
			break
		}
		if at.After(w.now) {
			w.now = at
		}
		delete(w.timers, name)
		w.inbox = append(w.inbox, Due{Name: name})
	}
	if p := w.c.Help.Phase; p != HelpAI && p != HelpLeft {
		return "somebody is left in the middle: " + string(p)
	}
	return ""
}

func TestHelpModel(t *testing.T) {
	depth := 12
	if os.Getenv("CHAOS") == "long" {
		depth = 14
	}
	type found struct {
		helpWorld
		path string
	}
	start := helpWorld{
		now: time.Date(2026, 11, 24, 18, 50, 0, 0, JST), timers: map[string]time.Time{},
		c: Conversation{Links: []Link{{Kind: UserLink, Ref: "L", Label: "090-****-5678"}}},
	}
	seen := map[string]bool{start.key(): true}
	frontier, states, turns := []found{{start, ""}}, 1, 0
	phases := map[HelpPhase]int{}
	for range depth {
		var next []found
		for _, f := range frontier {
			moves := f.moves()
			if len(f.inbox) > 0 {
				v := f.clone()
				turns++
				if wrong := v.work(); wrong != "" {
					t.Fatalf("%s\nafter:%s, the lane works", wrong, f.path)
				}
				moves["the lane works"] = v
			}
			for name, v := range moves {
				if key := v.key(); !seen[key] {
					seen[key] = true
					states++
					phases[v.c.Help.Phase]++
					if name == "the lane works" {
						if wrong := v.ends(); wrong != "" {
							t.Fatalf("%s\nafter:%s, %s, and time", wrong, f.path, name)
						}
					}
					next = append(next, found{v, f.path + ", " + name})
				}
			}
		}
		frontier = next
	}
	t.Logf("%d states, %d turns, to %d moves: %v", states, turns, depth, phases)
	for _, p := range []HelpPhase{HelpQueued, HelpConnected, HelpWriting, HelpLeft, HelpSurvey} {
		if phases[p] == 0 {
			t.Errorf("no state of phase %q was reached", p)
		}
	}
}
