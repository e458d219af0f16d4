package load

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"tsunagu/bot/linesim"
)

// A Counter sees every event and every answer, and holds one against the other. An answer belongs to the event whose
// reply token it spent; a push, which names none, to the oldest event of the person that is open, or with several
// Questions to the oldest whose answer it is.
type Counter struct {
	mu        sync.Mutex
	counting  bool
	once      bool // LINE gives an event up when its first delivery fails
	questions []Question

	people   map[string]*asker // by user ID
	byID     map[string]*event // open and answered, of this run
	byToken  map[string]*event
	begun    time.Time
	ended    time.Time // no event after it
	last     time.Time // last answer
	accepted int
	counts   Report
	acks     []time.Duration
	replies  []time.Duration
	changed  chan struct{}
}

// An asker is a person with what they asked and was not answered yet.
type asker struct {
	asked   int
	last    int             // the latest that was answered
	waiting []chan struct{} // of ask, oldest first, until the event is born
	open    []*event
}

type event struct {
	id       string
	number   int // among the person's, from 1
	question Question
	said     chan struct{} // of ask; nil once it is closed
	born     time.Time
	accepted bool
	answered bool
	silent   bool // nobody may answer it
}

// Observe makes a Counter the observer of a LINE.
func Observe(sim *linesim.Sim) *Counter {
	c := &Counter{changed: make(chan struct{})}
	sim.Observe(linesim.Observer{Event: c.event, Delivered: c.delivered, Sent: c.sent})
	return c
}

// start forgets everything and begins to count. once says that LINE delivers nothing again.
func (c *Counter) start(questions []Question, once bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.counting, c.once, c.questions = true, once, questions
	c.people, c.byID, c.byToken = map[string]*asker{}, map[string]*event{}, map[string]*event{}
	c.begun, c.ended, c.last, c.accepted = time.Now(), time.Time{}, time.Now(), 0
	c.counts, c.acks, c.replies = Report{}, nil, nil
}

// ask lets a person say the next question. The channel is closed when the bot accepted it or LINE gave it up.
func (c *Counter) ask(p *linesim.Person) (delivered <-chan struct{}) {
	said := make(chan struct{})
	c.mu.Lock()
	a := c.people[p.ID]
	if a == nil {
		a = new(asker)
		c.people[p.ID] = a
	}
	q := c.questions[a.asked%len(c.questions)]
	a.asked++
	a.waiting = append(a.waiting, said)
	c.counts.Events++
	c.mu.Unlock()
	if p.Say(q.Say) == "" { // the account is blocked
		p.Unblock()
		p.Say(q.Say)
	}
	return said
}

// event is told of each event before its first delivery.
func (c *Counter) event(told linesim.Event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.counting || told.Type != "message" {
		return
	}
	a := c.people[told.Person]
	if a == nil || len(a.waiting) == 0 {
		return
	}
	number := a.asked - len(a.waiting)
	e := &event{
		id: told.ID, number: number + 1, question: c.questions[number%len(c.questions)], said: a.waiting[0], born: time.Now(), silent: told.Standby,
	}
	a.waiting = a.waiting[1:]
	c.byID[e.id] = e
	if e.silent {
		c.counts.Events--
		return
	}
	a.open = append(a.open, e)
	if told.ReplyToken != "" {
		c.byToken[told.ReplyToken] = e
	}
}

// delivered is told of each delivery.
func (c *Counter) delivered(id string, status int, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.byID[id]
	if e == nil || e.accepted {
		return
	}
	taken := err == nil && status/100 == 2
	if (taken || c.once) && e.said != nil {
		close(e.said)
		e.said = nil
	}
	if !taken {
		return
	}
	e.accepted = true
	c.accepted++
	c.acks = append(c.acks, time.Since(e.born))
	if e.answered {
		delete(c.byID, id)
	}
}

// sent is told of each reply and push that LINE took.
func (c *Counter) sent(s linesim.Sent) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.counting {
		return
	}
	a := c.people[s.Person]
	if a == nil {
		return
	}
	e := c.byToken[s.ReplyToken]
	switch push := s.ReplyToken == ""; {
	case push && !c.isAnswer(s.Messages), !push && e == nil:
		return // to something else, such as a greeting
	case push:
		c.counts.Pushed++
		e = a.oldest(s.Messages)
	case !answers(e.question, s.Messages): // this token was spent on the answer to something else
		if e = a.oldest(s.Messages); e != nil {
			c.counts.OutOfOrder++
		}
	case e.answered: // by a push or on another's token, so that one of the two was too many
		e = nil
	case e.number < a.last:
		c.counts.OutOfOrder++
	}
	delete(c.byToken, s.ReplyToken)
	if e == nil {
		c.counts.Doubled++
		return
	}
	e.answered, a.last = true, max(a.last, e.number)
	c.counts.Answered++
	c.last = time.Now()
	c.replies = append(c.replies, c.last.Sub(e.born))
	for i, o := range a.open {
		if o == e {
			a.open = append(a.open[:i], a.open[i+1:]...)
			break
		}
	}
	if e.accepted {
		delete(c.byID, e.id)
	}
	close(c.changed)
	c.changed = make(chan struct{})
}

// isAnswer reports whether the messages answer any of the questions.
func (c *Counter) isAnswer(messages []json.RawMessage) bool {
	return slices.ContainsFunc(c.questions, func(q Question) bool { return answers(q, messages) })
}

// oldest is the first open event that the messages answer, or nil.
func (a *asker) oldest(messages []json.RawMessage) *event {
	for _, e := range a.open {
		if answers(e.question, messages) {
			return e
		}
	}
	return nil
}

// answers looks at the messages as they are in JSON, which holds Japanese words as they are.
func answers(q Question, messages []json.RawMessage) bool {
	return slices.ContainsFunc(messages, func(m json.RawMessage) bool { return bytes.Contains(m, []byte(q.Answer)) })
}

// Answered waits until everything asked before then is answered, or ctx ends: it tells whether the bot is moving again.
func (c *Counter) Answered(ctx context.Context, before time.Time) error {
	for {
		c.mu.Lock()
		open, changed := 0, c.changed
		for _, a := range c.people {
			for _, e := range a.open {
				if e.born.Before(before) {
					open++
				}
			}
		}
		c.mu.Unlock()
		if open == 0 {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("%d events are not answered: %w", open, ctx.Err())
		}
	}
}

// asked says that nobody asks any more.
func (c *Counter) asked() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = time.Now()
	if c.last.Before(c.ended) {
		c.last = c.ended
	}
}

// settle waits for the answers that are missing, as long as some come within patience.
func (c *Counter) settle(ctx context.Context, patience time.Duration, known func(id string) bool) Report {
	look := time.NewTicker(time.Second)
	defer look.Stop()
	for ctx.Err() == nil {
		c.mu.Lock()
		open, changed, quiet := c.counts.Events-c.counts.Answered, c.changed, time.Since(c.last)
		c.mu.Unlock()
		if open == 0 || quiet > patience {
			break
		}
		select {
		case <-changed:
			continue
		case <-look.C:
		case <-ctx.Done():
		}
		if known != nil && c.allKnown(known) {
			break
		}
	}
	r := c.report()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.counting = false
	r.AckP50, r.AckP99 = percentile(c.acks, 0.5), percentile(c.acks, 0.99)
	r.ReplyP50, r.ReplyP99 = percentile(c.replies, 0.5), percentile(c.replies, 0.99)
	return r
}

// allKnown reports whether known tells so of every event that is not answered. It is asked with nothing locked.
func (c *Counter) allKnown(known func(id string) bool) bool {
	c.mu.Lock()
	missing := c.missing()
	c.mu.Unlock()
	return !slices.ContainsFunc(missing, func(id string) bool { return !known(id) })
}

// missing are the events that are not answered. The caller holds mu.
func (c *Counter) missing() (ids []string) {
	for _, a := range c.people {
		for _, e := range a.open {
			ids = append(ids, e.id)
		}
		for range a.waiting {
			ids = append(ids, "not delivered")
		}
	}
	return ids
}

// report is what is known now, without the times.
func (c *Counter) report() Report {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := c.counts
	r.Lost = r.Events - r.Answered
	until := time.Now()
	if !c.ended.IsZero() {
		until = c.ended
	}
	if asking := until.Sub(c.begun).Seconds(); asking > 0 {
		r.AcceptedPerSecond = float64(c.accepted) / asking
	}
	if answering := c.last.Sub(c.begun).Seconds(); answering > 0 {
		r.RepliedPerSecond = float64(r.Answered) / answering
	}
	if !c.ended.IsZero() {
		r.LostIDs = c.missing()
	}
	return r
}
