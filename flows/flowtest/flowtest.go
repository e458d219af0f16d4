// Package flowtest plays chats that are written down in files, for tests.
//
// A file is a txtar archive: prose on top that says what the story is for, then two parts.
//
//	-- world --
//	clock 2026-11-22 16:05
//	contract hanako password hanako-demo-2026 from 2026-11-01 10:00
//	line hanako 09012345678 code 0123456789012345 base 1840 gift 500 used 1150 quota 3000
//	faq speed balance いつ元の速度に戻りますか？ = 月末に戻ります。
//	-- chat --
//	(follow)
//	bot:  友だち追加ありがとうございます。…
//	      [残容量確認] [設定]
//	user: 残量
//	tap:  設定
//	(wait 10m)
//
// What people do stays; what the bot says is played again, and a test compares it with the file or rewrites it. The
// same chat is played by [Pure], through flows.Turn alone, and by any other [Stage].
package flowtest

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"tsunagu/flows"
)

// A Chat is one file.
type Chat struct {
	World World
	// Steps are the lines of the chat that people make, as written.
	Steps   []Step
	archive *txtar.Archive
	prose   []byte
}

// A World is what the carrier knows before the chat begins.
type World struct {
	Clock     time.Time
	Contracts []Contract
	FAQ       []flows.Topic // none: nothing can be answered
}

// A Contract is a login ID with its lines.
type Contract struct {
	LoginID, Password string
	MNP               bool
	From              time.Time // the switch was completed, or the shipping mail sent; zero: not yet
	Lines             []Line
}

// A Line is one line of a contract. Someone else may hold its link.
type Line struct {
	Number, Code                              string
	Carryover, Gift, Base, Topup, Used, Quota int
	Status                                    flows.LineStatus
	Taken                                     bool // linked to somebody else's LINE account
}

// A Step is a line that people make: a verb and its words. The person's text has the verb "user", a button "tap", and
// what stands in brackets is its own verb with arguments.
type Step struct {
	Verb string
	Args string
	line string
}

// A Shown is one bubble as a person sees it: its words (a card's altText) and the labels of what can be tapped.
type Shown struct {
	Text   string
	Labels []string
}

// A Stage plays steps.
type Stage interface {
	// Play does a step at the stage's clock and returns what the bot showed because of it.
	Play(s Step) ([]Shown, error)
	// SetClock moves the clock of everything.
	SetClock(time.Time)
}

// Read reads a file.
func Read(data []byte) (*Chat, error) {
	a := txtar.Parse(data)
	c := &Chat{archive: a, prose: a.Comment}
	for _, f := range a.Files {
		var err error
		switch f.Name {
		case "world":
			err = c.readWorld(string(f.Data))
		case "chat":
			err = c.readChat(string(f.Data))
		default:
			err = fmt.Errorf("unknown part %q", f.Name)
		}
		if err != nil {
			return nil, err
		}
	}
	if c.World.Clock.IsZero() {
		return nil, fmt.Errorf("the world needs a clock")
	}
	return c, nil
}

func (c *Chat) readWorld(text string) error {
	for _, line := range strings.Split(text, "\n") {
		f := strings.Fields(line)
		if len(f) == 0 {
			continue
		}
		var err error
		switch f[0] {
		case "clock":
			c.World.Clock, err = clockTime(f[1] + " " + f[2])
		case "contract":
			err = c.World.contract(f[1:])
		case "line":
			err = c.World.line(f[1:])
		case "faq":
			err = c.World.faq(line)
		default:
			err = fmt.Errorf("unknown word")
		}
		if err != nil {
			return fmt.Errorf("world: %q: %w", line, err)
		}
	}
	return nil
}

func clockTime(s string) (time.Time, error) {
	layout := "2006-01-02 15:04"
	if strings.Count(s, ":") == 2 {
		layout += ":05"
	}
	return time.ParseInLocation(layout, s, flows.JST)
}

func (w *World) contract(f []string) (err error) {
	k := Contract{LoginID: f[0], Password: f[0] + "-demo-2026", From: w.Clock.AddDate(0, -1, 0)}
	for i := 1; i < len(f); i++ {
		switch f[i] {
		case "mnp":
			k.MNP = true
		case "never":
			k.From = time.Time{}
		case "from":
			k.From, err = clockTime(f[i+1] + " " + f[i+2])
			i += 2
		default:
			return fmt.Errorf("unknown %q", f[i])
		}
	}
	w.Contracts = append(w.Contracts, k)
	return err
}

// faq reads "faq ID ACTION QUESTION = ANSWER"; the action - is none.
func (w *World) faq(line string) error {
	f := strings.SplitN(line, " ", 4)
	if len(f) < 4 {
		return fmt.Errorf("a faq has an ID, an action, a question and an answer")
	}
	question, answer, ok := strings.Cut(f[3], " = ")
	if !ok {
		return fmt.Errorf("no answer")
	}
	w.FAQ = append(w.FAQ, flows.Topic{ID: f[1], Action: strings.Trim(f[2], "-"), Question: question, Answer: answer})
	return nil
}

func (w *World) line(f []string) error {
	l := Line{Number: f[1], Quota: 3000, Status: flows.LineActive}
	numbers := map[string]*int{
		"carryover": &l.Carryover, "gift": &l.Gift, "base": &l.Base, "topup": &l.Topup, "used": &l.Used, "quota": &l.Quota,
	}
	for i := 2; i < len(f); i++ {
		switch f[i] {
		case "code":
			i++
			l.Code = f[i]
		case "suspended", "ended":
			l.Status = flows.LineStatus(f[i])
		case "taken":
			l.Taken = true
		default:
			n, ok := numbers[f[i]]
			if !ok {
				return fmt.Errorf("unknown %q", f[i])
			}
			i++
			v, err := strconv.Atoi(f[i])
			if err != nil {
				return err
			}
			*n = v
		}
	}
	for i := range w.Contracts {
		if w.Contracts[i].LoginID == f[0] {
			w.Contracts[i].Lines = append(w.Contracts[i].Lines, l)
			return nil
		}
	}
	return fmt.Errorf("no contract %q", f[0])
}

func (c *Chat) readChat(text string) error {
	for _, line := range strings.Split(text, "\n") {
		verb, args, colon := strings.Cut(line, ":")
		switch {
		case strings.HasPrefix(line, "("):
			verb, args, _ = strings.Cut(strings.Trim(line, "()"), " ")
			c.Steps = append(c.Steps, Step{Verb: verb, Args: args, line: line})
		case colon && (verb == "user" || verb == "tap"):
			args = strings.ReplaceAll(strings.TrimSpace(args), `\n`, "\n")
			c.Steps = append(c.Steps, Step{Verb: verb, Args: args, line: line})
		case line == "", strings.HasPrefix(line, "bot:"), strings.HasPrefix(line, " "):
		default:
			return fmt.Errorf("chat: what is %q?", line)
		}
	}
	return nil
}

// Play plays the chat on a stage and returns the file as it is now.
func (c *Chat) Play(stage Stage) ([]byte, error) {
	var b strings.Builder
	clock := c.World.Clock
	stage.SetClock(clock)
	for _, s := range c.Steps {
		b.WriteString(s.line + "\n")
		if s.Verb == "wait" || s.Verb == "at" {
			var err error
			if clock, err = moved(clock, s); err != nil {
				return nil, err
			}
			stage.SetClock(clock)
		}
		shown, err := stage.Play(s)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.line, err)
		}
		for _, m := range shown {
			b.WriteString("bot:  " + strings.ReplaceAll(m.Text, "\n", "\n      ") + "\n")
			if len(m.Labels) > 0 {
				b.WriteString("      [" + strings.Join(m.Labels, "] [") + "]\n")
			}
		}
	}
	out := *c.archive
	out.Files = append([]txtar.File(nil), c.archive.Files...)
	for i := range out.Files {
		if out.Files[i].Name == "chat" {
			out.Files[i].Data = []byte(b.String())
		}
	}
	return txtar.Format(&out), nil
}

func moved(clock time.Time, s Step) (time.Time, error) {
	if s.Verb == "at" {
		return clockTime(s.Args)
	}
	if days, ok := strings.CutSuffix(s.Args, "d"); ok {
		n, err := strconv.Atoi(days)
		return clock.AddDate(0, 0, n), err
	}
	d, err := time.ParseDuration(s.Args)
	return clock.Add(d), err
}
