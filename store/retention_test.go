package store_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"tsunagu/flows"
	"tsunagu/store"
)

const keep = 30 * 24 * time.Hour

// handled takes all waiting arrivals to their end, with a deed each in this state.
func handled(b *bench, state string) {
	b.t.Helper()
	for _, c := range b.claim() {
		for i, a := range c.Arrivals {
			b.save(turn(c, i, func(t *flows.Turned) {
				t.Fate = flows.Answered
				t.Deeds = []flows.Deed{{ID: a.ID + "/0", Kind: "reply", State: state, Body: []byte("answer")}}
			}))
		}
		b.save(free(c))
	}
}

// old accepts events of a hundred people.
func old(b *bench, n int) {
	b.t.Helper()
	events := make([]flows.Arrival, n)
	for i := range events {
		events[i] = arrival(fmt.Sprint("U", i%100), fmt.Sprint("old", i))
	}
	b.accept(events...)
}

func sweep(b *bench) map[string]int {
	b.t.Helper()
	swept, err := b.Sweep(within(b.t, time.Minute), keep)
	b.ok(err)
	return swept
}

func TestSweep(t *testing.T) {
	each(t, func(b *bench) {
		ctx := t.Context()
		old(b, 1300)  // more than two transactions take
		for range 2 { // at most 16 of a lane are claimed at once
			handled(b, flows.Done)
		}
		b.accept(arrival("U1", "failed"))
		c := b.one()
		b.save(turn(c, 0, func(t *flows.Turned) {
			t.Deeds = []flows.Deed{{ID: "failed/0", Kind: "reply", State: flows.Sending}}
		}))
		s := free(c)
		s.Outcomes = []flows.Deed{{ID: "failed/0", Seq: c.Arrivals[0].Seq, Kind: "reply", State: flows.Failed}}
		b.save(s)
		b.accept(arrival("U2", "unfinished"))
		handled(b, flows.Unknown)
		b.accept(arrival("U3", "unsend"))
		b.save(release(turn(b.oneOf("U3"), 0, unsends("m-never"))))
		b.ok(b.KeepLinkToken(ctx, "token", "U1", b.clock.now().Add(time.Minute)))
		_, err := b.MakeNonce(ctx, "U1", flows.Contract{ID: "C"}, time.Minute)
		b.ok(err)
		_, _, err = b.TrySignIn(ctx, []string{"hanako"}, 5, time.Hour, time.Hour)
		b.ok(err)
		b.accept(arrival("U4", "waiting"))

		if swept := sweep(b); len(nonzero(swept)) > 0 {
			t.Errorf("young, and swept: %v", swept)
		}
		b.clock.pass(keep + time.Second)
		b.accept(arrival("U5", "young"))
		swept := sweep(b)
		want := map[string]int{"inputs": 1302, "deeds": 1301, "given_up": 1, "erased": 1, "link_tokens": 1, "nonces": 1, "sign_ins": 1}
		if fmt.Sprint(nonzero(swept)) != fmt.Sprint(want) {
			t.Errorf("swept %v, want %v", nonzero(swept), want)
		}
		for _, id := range []string{"unfinished", "waiting", "young"} {
			if _, err := b.Event(ctx, id); err != nil {
				t.Errorf("%s is gone: %v", id, err)
			}
		}
		if n := b.ask(`SELECT count(*) FROM deeds`); n != 1 {
			t.Errorf("%d calls are left, want the unfinished one", n)
		}
		if again := sweep(b); len(nonzero(again)) > 0 {
			t.Errorf("swept once more: %v", again)
		}
		handled(b, flows.Done) // what was left goes on
	})
}

func nonzero(counts map[string]int) map[string]int {
	left := map[string]int{}
	for table, n := range counts {
		if n > 0 {
			left[table] = n
		}
	}
	return left
}

// oneOf claims all due lanes and returns one of them; the others come back when their lease ends.
func (b *bench) oneOf(lane string) flows.Claim {
	b.t.Helper()
	for _, c := range b.claim() {
		if c.Lane == lane {
			return c
		}
	}
	b.t.Fatalf("%s is not due", lane)
	return flows.Claim{}
}

// LINE may deliver an event again for some days: whatever the setting says, its ID is known for a week.
func TestSweepKeepsIDsForAWeek(t *testing.T) {
	each(t, func(b *bench) {
		b.accept(arrival("U1", "e1"))
		handled(b, flows.Done)
		b.clock.pass(store.LeastKept - time.Second)
		_, err := b.Sweep(t.Context(), time.Hour)
		b.ok(err)
		b.accept(arrival("U1", "e1"))
		b.idle()
		b.clock.pass(2 * time.Second)
		_, err = b.Sweep(t.Context(), time.Hour)
		b.ok(err)
		if _, err := b.Event(t.Context(), "e1"); !errors.Is(err, store.ErrNoEvent) {
			t.Errorf("after a week: %v", err)
		}
	})
}

// Two processes sweep while events come and are turned: each old row goes once, nothing young is missing.
func TestSweepWhileOthersWork(t *testing.T) {
	each(t, func(b *bench) {
		const n = 1200
		old(b, n)
		handled(b, flows.Done)
		b.clock.pass(keep + time.Second)
		other := b.open()
		var all sync.WaitGroup
		gone := make([]int, 2)
		for i, s := range []*store.Store{b.Store, other} {
			all.Go(func() {
				swept, err := s.Sweep(within(t, time.Minute), keep)
				if err != nil {
					t.Error(err)
				}
				gone[i] = swept["inputs"]
			})
		}
		for i := range 50 {
			young := arrival(fmt.Sprint("U", i), fmt.Sprint("young", i))
			young.At = b.clock.now()
			b.accept(young)
			handled(b, flows.Done)
		}
		all.Wait()
		left := sweep(b)["inputs"] // passed over by one while the other had them in hand
		if gone[0]+gone[1]+left != n {
			t.Errorf("%v and %d went, want %d", gone, left, n)
		}
		if young := b.ask(`SELECT count(*) FROM inputs`); young != 50 {
			t.Errorf("%d young ones are left", young)
		}
	})
}

func TestSweepStops(t *testing.T) {
	each(t, func(b *bench) {
		old(b, 700)
		handled(b, flows.Done)
		b.clock.pass(keep + time.Second)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := b.Sweep(ctx, keep); !errors.Is(err, context.Canceled) {
			t.Errorf("after the end: %v", err)
		}
		if n := sweep(b)["inputs"]; n != 700 {
			t.Errorf("%d went the next time", n)
		}
	})
}
