package bot

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"tsunagu/flows"
)

const (
	// arrivalsAtOnce is how many waiting arrivals of one lane are taken with one claim.
	arrivalsAtOnce = 16
	// maxQuestions is how many questions one turn may ask, or commands give; more is a loop in a flow.
	maxQuestions = 4
	// maxBackOff is the longest wait between two tries: somebody waits for the answer.
	maxBackOff = 15 * time.Second
)

// Run claims and works lanes until ctx ends, then finishes the arrivals in hand. It returns when none is left or when
// the grace context ends; what was not finished is taken up by the next worker.
func (b *Bot) Run(ctx, grace context.Context) {
	slots := make(chan struct{}, b.InFlight)
	var working sync.WaitGroup
	poll := time.NewTicker(b.Poll)
	defer poll.Stop()
	b.learnSelf(ctx)
	go b.watchQuota(ctx)
	for ctx.Err() == nil {
		if b.claim(ctx, grace, slots, &working) {
			continue
		}
		select {
		case <-b.Lanes.Wake():
		case <-poll.C:
		case <-ctx.Done():
		}
	}
	finished := make(chan struct{})
	go func() { working.Wait(); close(finished) }()
	select {
	case <-finished:
	case <-grace.Done():
	}
}

// claim starts work on as many due lanes as there are free slots, and reports whether more may be due.
func (b *Bot) claim(ctx, grace context.Context, slots chan struct{}, working *sync.WaitGroup) (more bool) {
	select { // with all slots taken there is nothing to claim until one is free
	case slots <- struct{}{}:
		<-slots
	case <-ctx.Done():
		return false
	}
	free := cap(slots) - len(slots)
	claims, err := b.Lanes.Claim(ctx, free, arrivalsAtOnce)
	if err != nil {
		if ctx.Err() == nil {
			b.Log.Error("lanes could not be claimed", "err", err)
			b.Metrics.claimErrors.Inc()
		}
		return false
	}
	for _, c := range claims {
		slots <- struct{}{}
		working.Add(1)
		go func() {
			b.Metrics.working.Inc()
			defer func() { <-slots; working.Done(); b.Metrics.working.Dec() }()
			b.work(ctx, grace, c)
		}()
	}
	return len(claims) == free && free > 0
}

// work takes a claimed lane as far as it goes. ctx ends when the program is to stop: then the lane is given back after
// the arrival in hand. grace bounds everything that is under way.
func (b *Bot) work(ctx, grace context.Context, c flows.Claim) {
	w := worker{Bot: b, claim: c, conversation: c.Conversation, calls: make(map[string]call)}
	err := w.run(ctx, grace)
	switch {
	case err == nil:
	case errors.Is(err, flows.ErrFenced):
		b.Log.Warn("lane taken over by another worker", "fence", c.Fence)
	default:
		// The lane comes back by itself when its lease ends.
		b.Log.Error("lane left in the middle", "err", err)
	}
}

// A worker has one lane in hand.
type worker struct {
	*Bot
	claim        flows.Claim
	conversation flows.Conversation
	outcomes     []flows.Deed // performed, not yet saved
	menu         string       // linked since the last save, see flows.Save
	delivered    []flows.Delivery
	calls        map[string]call // planned in this claim, by the deed's ID
}

func (w *worker) run(ctx, grace context.Context) error {
	if done, err := w.performAll(grace, w.claim.Unfinished, true); !done || err != nil {
		return err
	}
	for i, a := range w.claim.Arrivals {
		if i > 0 && ctx.Err() != nil {
			break
		}
		last := i == len(w.claim.Arrivals)-1
		released, err := w.take(grace, a, last)
		if released || err != nil {
			return err
		}
	}
	return w.save(grace, flows.Save{Release: true})
}

// take turns one arrival, saves the turn and performs what follows. It reports whether the lane was given back.
func (w *worker) take(ctx context.Context, a flows.Arrival, last bool) (released bool, err error) {
	var turned flows.Turned
	var kind string
	for try := 0; ; try++ {
		turnCtx, end := w.span(ctx, "turn", a.ID, time.Now())
		turned, kind, err = w.turn(turnCtx, a)
		end(err, attribute.String("type", kind), attribute.String("fate", turned.Fate))
		if err != nil {
			return w.failed(ctx, a, kind, err)
		}
		release := last && len(turned.Deeds) == 0
		err = w.save(ctx, flows.Save{Turn: &turned, Release: release})
		if errors.Is(err, flows.ErrLinkTaken) && try < 3 {
			continue // somebody else linked it meanwhile: ask again, the answer is another one now
		}
		if err != nil {
			return false, err
		}
		w.conversation = turned.After
		w.Metrics.events.WithLabelValues(kind, turned.Fate).Inc()
		if release {
			return true, nil
		}
		break
	}
	done, err := w.performAll(ctx, turned.Deeds, false)
	return !done, err
}

// failed handles a turn that could not be made: the lane backs off and tries again, and at last the arrival is parked
// with an apology and the lane goes on.
func (w *worker) failed(ctx context.Context, a flows.Arrival, kind string, why error) (released bool, err error) {
	tries := 1
	if a.Seq == w.claim.Arrivals[0].Seq {
		tries += w.claim.Tries
	}
	if tries < w.Tries {
		w.Log.Warn("turn failed, will be tried again", "event", a.ID, "tries", tries, "err", why)
		return true, w.save(ctx, flows.Save{Release: true, RetryAt: w.Now().Add(backOff(tries))})
	}
	w.Log.Error("event parked", "event", a.ID, "tries", tries, "err", why)
	deeds, err := w.plan(ctx, a, "", []flows.Effect{flows.Apology()})
	if err != nil || a.Lane == noLane || a.Sort == flows.FromTimer {
		deeds = nil
	}
	turned := flows.Turned{
		Seq: a.Seq, Fate: flows.Parked, Reason: why.Error(),
		Before: w.conversation, After: w.conversation, Deeds: deeds,
	}
	if err := w.save(ctx, flows.Save{Turn: &turned}); err != nil {
		return false, err
	}
	w.Metrics.events.WithLabelValues(kind, flows.Parked).Inc()
	done, err := w.performAll(ctx, deeds, false)
	return !done, err
}

// turn makes an arrival's turn with all its questions answered and its commands given. Should it never be saved it is made
// again: then questions may have other answers, and commands have the ones they had.
func (w *worker) turn(ctx context.Context, a flows.Arrival) (turned flows.Turned, kind string, err error) {
	defer func() {
		if p := recover(); p != nil {
			w.Log.Error("turn panicked", "event", a.ID, "stack", string(debug.Stack()))
			err = fmt.Errorf("panic in the turn: %T", p) // a value could hold what the person wrote
		}
	}()
	r, err := read(a)
	if err != nil {
		return turned, r.kind, err
	}
	turned = flows.Turned{
		Seq: a.Seq, Fate: r.fate, Reason: r.reason,
		Before: w.conversation, After: w.conversation,
	}
	if r.input == nil {
		return turned, r.kind, nil
	}
	switch in := r.input.(type) { // what opens a link is not kept, not even sealed, once it has been used
	case flows.Said:
		turned.Forget = in.HoldsCode(w.Settings.CodeDigits) || in.HoldsClaim()
	case flows.AccountLinked, flows.AccountLinkFailed:
		turned.Forget = true
	}
	moment := flows.Moment{At: a.At, Lane: a.Lane, ID: a.ID, Seq: a.Seq, Message: a.MessageID, Settings: w.Settings}
	var effects []flows.Effect
	in := r.input
	for n := 0; in != nil; n++ {
		if n > maxQuestions {
			return turned, r.kind, fmt.Errorf("turn asked more than %d questions", maxQuestions)
		}
		var todo []flows.Effect
		turned.After, todo = flows.Turn(moment, turned.After, in)
		in = nil
		for _, e := range todo {
			switch e := e.(type) {
			case flows.Question:
				if in, err = w.ask(ctx, a, e); err != nil {
					return turned, r.kind, err
				}
			case flows.Command:
				in = w.command(ctx, a, e)
			case flows.Record:
				turned.Records = append(turned.Records, e)
			default:
				effects = append(effects, e)
			}
		}
	}
	turned.Fate = flows.Recorded
	if len(effects) > 0 {
		turned.Fate = flows.Answered
	}
	turned.Deeds, err = w.plan(ctx, a, r.replyToken, effects)
	return turned, r.kind, err
}

// performAll performs deeds in order. done is false when one has to wait and the lane was given back until then.
func (w *worker) performAll(ctx context.Context, deeds []flows.Deed, resumed bool) (done bool, err error) {
	for _, d := range deeds {
		callCtx, end := w.span(ctx, d.Kind, strings.TrimSuffix(d.ID, "/"+strconv.Itoa(d.N)), time.Now())
		d, wait, err := w.perform(callCtx, d, resumed)
		end(err, attribute.String("state", d.State), attribute.String("line.request_id", d.RequestID))
		if err != nil {
			return false, err
		}
		w.outcomes = append(w.outcomes, d)
		delete(w.calls, d.ID)
		if wait > 0 {
			return false, w.save(ctx, flows.Save{Release: true, RetryAt: w.Now().Add(wait)})
		}
	}
	return true, nil
}

// save stores a step with the outcomes that are known so far.
func (w *worker) save(ctx context.Context, step flows.Save) error {
	step.Lane, step.Fence, step.Outcomes, step.Menu, step.Delivered = w.claim.Lane, w.claim.Fence, w.outcomes, w.menu, w.delivered
	if err := w.Lanes.Save(ctx, step); err != nil {
		return err
	}
	w.outcomes, w.menu, w.delivered = nil, "", nil
	return nil
}

// backOff doubles with every try, up to maxBackOff, give or take a quarter so that lanes do not come back together.
func backOff(tries int) time.Duration {
	d := min(time.Second<<min(max(tries-1, 0), 10), maxBackOff)
	return d*3/4 + rand.N(d/2)
}

// deedID numbers the deeds of an arrival.
func deedID(a flows.Arrival, n int) string { return a.ID + "/" + strconv.Itoa(n) }
