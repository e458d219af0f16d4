package store_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"tsunagu/flows"
)

func TestArrivalComesBackAsItCame(t *testing.T) {
	each(t, func(b *bench) {
		a := arrival("U1", "e1")
		b.accept(a)
		c := b.one()
		a.Seq = c.Arrivals[0].Seq
		if got := c.Arrivals[0]; fmt.Sprint(got) != fmt.Sprint(a) {
			t.Errorf("got %+v, want %+v", got, a)
		}
		if c.Lane != "U1" || c.Fence != 1 || !c.Until.Equal(b.clock.now().Add(15*time.Second)) || c.Tries != 0 {
			t.Errorf("claim is %+v", c)
		}
	})
}

func TestKnownIDsAreDropped(t *testing.T) {
	each(t, func(b *bench) {
		a := arrival("U1", "e1")
		again := a
		again.Body = []byte("another body")
		elsewhere := a
		elsewhere.Lane = "U2"
		b.accept(a, again, elsewhere)
		b.accept(again)
		b.accept(elsewhere, arrival("U1", "e2"))
		c := b.one()
		if got := ids(c.Arrivals); !slices.Equal(got, []string{"e1", "e2"}) || string(c.Arrivals[0].Body) != "body of e1" {
			t.Errorf("arrivals are %v", c.Arrivals)
		}
		b.save(turn(c, 0, nil))
		b.save(release(turn(c, 1, nil)))
		b.accept(a, elsewhere) // a redelivery after everything is done
		b.idle()
		if due, ok, err := b.NextDue(t.Context()); ok || err != nil {
			t.Errorf("a lane is due at %v, %v", due, err)
		}
	})
}

// Two processes store the same deliveries at the same moment, in another order and with neighbours.
func TestSameIDAtTheSameMoment(t *testing.T) {
	each(t, func(b *bench) {
		other := b.open()
		const rounds, lanes = 20, 6
		together(8, func(n int) {
			s := b.Store
			if n%2 == 1 {
				s = other
			}
			for r := range rounds {
				var as []flows.Arrival
				for l := range lanes {
					as = append(as, arrival(fmt.Sprintf("U%d", (l+n)%lanes), fmt.Sprintf("e%d-%d", r, (l+n)%lanes)))
				}
				if err := s.Accept(t.Context(), as); err != nil {
					t.Error(err)
				}
			}
		})
		if n := b.ask(`SELECT count(*) FROM inputs`); n != rounds*lanes {
			t.Errorf("%d inputs, want %d", n, rounds*lanes)
		}
		drain(b, func(c flows.Claim) {
			for i := range c.Arrivals {
				b.save(turn(c, i, nil))
			}
			b.save(free(c))
		})
		if n := b.ask(`SELECT count(*) FROM inputs WHERE fate IS NULL`); n != 0 {
			t.Errorf("%d inputs were never handed out", n)
		}
		if n := b.ask(`SELECT count(*) FROM lanes WHERE due_at IS NOT NULL OR tail <> done`); n != 0 {
			t.Errorf("%d lanes do not rest", n)
		}
		if strings.HasPrefix(b.url, "postgres") { // everybody locks in the same order, so nobody had to be undone
			b.ok(errors.Join(b.Close(), other.Close())) // connections hand in their counts when they end
			b.Store = b.open()
			if n := b.ask(`SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()`); n != 0 {
				t.Errorf("%d deadlocks", n)
			}
		}
	})
}

// drain works due lanes until none is.
func drain(b *bench, work func(flows.Claim)) {
	for {
		claims := b.claim()
		for _, c := range claims {
			work(c)
		}
		if len(claims) == 0 && b.ask(`SELECT count(*) FROM lanes WHERE due_at <= ?`, b.clock.now().UnixMicro()) == 0 {
			return
		}
	}
}

// Numbers that were handed out and not used do not keep a lane due, and hide nothing behind them.
func TestGapsAreSteppedOver(t *testing.T) {
	each(t, func(b *bench) {
		b.accept(arrival("U1", "e1"))
		b.ok(b.DB().Exec(`UPDATE lanes SET tail = tail + 40`).Error)
		b.accept(arrival("U1", "e2"))
		b.ok(b.DB().Exec(`UPDATE lanes SET tail = tail + 40`).Error)
		var got []string
		drain(b, func(c flows.Claim) {
			got = append(got, ids(c.Arrivals)...)
			for i := range c.Arrivals {
				b.save(turn(c, i, nil))
			}
			b.save(free(c))
		})
		if !slices.Equal(got, []string{"e1", "e2"}) {
			t.Errorf("got %v", got)
		}
		if n := b.ask(`SELECT count(*) FROM lanes WHERE due_at IS NOT NULL OR tail <> done`); n != 0 {
			t.Errorf("the lane does not rest")
		}
	})
}

// A reader that sees a number sees all lower ones: numbers become visible in their order, under 64 writers in two
// processes, and each writer's own arrivals keep their order.
func TestNumberOrderIsCommitOrder(t *testing.T) {
	each(t, func(b *bench) {
		other := b.open()
		const writers, each = 64, 12
		stop, watched := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(watched)
			seen := map[string]int64{}
			for {
				var rows []struct {
					Lane   string
					N, Top int64
				}
				if err := b.DB().Raw(`SELECT lane, count(*) AS n, max(seq) AS top FROM inputs GROUP BY lane`).Scan(&rows).Error; err != nil {
					t.Error(err)
					return
				}
				for _, r := range rows {
					if r.N != r.Top {
						t.Errorf("lane %s shows %d inputs up to number %d", r.Lane, r.N, r.Top)
					}
					if r.Top < seen[r.Lane] {
						t.Errorf("lane %s went back to %d", r.Lane, r.Top)
					}
					seen[r.Lane] = r.Top
				}
				select {
				case <-stop:
					return
				default:
				}
			}
		}()
		together(writers, func(w int) {
			s := b.Store
			if w%2 == 1 {
				s = other
			}
			for i := range each {
				as := []flows.Arrival{
					arrival(fmt.Sprintf("U%d", w%3), fmt.Sprintf("w%d-%03da", w, i)),
					arrival(fmt.Sprintf("U%d", (w+1)%3), fmt.Sprintf("w%d-%03db", w, i)),
				}
				if err := s.Accept(t.Context(), as); err != nil {
					t.Error(err)
				}
			}
		})
		close(stop)
		<-watched
		var rows []struct{ ID, Writer string }
		b.ok(b.DB().Raw(`SELECT id, lane AS writer FROM inputs ORDER BY lane, seq`).Scan(&rows).Error)
		if len(rows) != writers*each*2 {
			t.Fatalf("%d inputs, want %d", len(rows), writers*each*2)
		}
		last := map[string]string{}
		for _, r := range rows {
			var w int
			if _, err := fmt.Sscanf(r.ID, "w%d-", &w); err != nil {
				t.Fatal(err)
			}
			key := fmt.Sprint(r.Writer, w, r.ID[len(r.ID)-1:])
			if r.ID < last[key] {
				t.Errorf("%s came after %s", r.ID, last[key])
			}
			last[key] = r.ID
		}
	})
}

func TestMoreArrivalsThanOneStatementTakes(t *testing.T) {
	each(t, func(b *bench) {
		var as []flows.Arrival
		for i := range 2500 {
			as = append(as, arrival(fmt.Sprintf("U%d", i%2), fmt.Sprintf("e%04d", i)))
		}
		b.accept(as...)
		if n := b.ask(`SELECT count(*) FROM inputs i JOIN inputs j ON j.lane = i.lane AND j.seq = i.seq + 1 WHERE j.id < i.id`); n != 0 {
			t.Errorf("%d arrivals are out of order", n)
		}
		if n := b.ask(`SELECT min(tail) FROM lanes`); n != 1250 {
			t.Errorf("a lane ends at %d", n)
		}
	})
}

func TestWhatCannotBeStoredIsRefusedAlone(t *testing.T) {
	each(t, func(b *bench) {
		for _, id := range []string{"", "nul\x00", "\xff", string(make([]byte, 501))} {
			a := arrival("U1", id)
			if err := b.Accept(t.Context(), []flows.Arrival{a}); err == nil {
				t.Errorf("ID %q was taken", id)
			}
			a.ID, a.Lane = "e", id
			if err := b.Accept(t.Context(), []flows.Arrival{a}); err == nil {
				t.Errorf("lane %q was taken", id)
			}
		}
		odd := arrival("U1", "e1")
		odd.MessageID, odd.Body = "a\x00b\xff", []byte("\x00\xff\n'\"\\{}NULL")
		b.accept(odd)
		if c := b.one(); string(c.Arrivals[0].Body) != string(odd.Body) {
			t.Errorf("the body became %q", c.Arrivals[0].Body)
		}
	})
}

func TestClaimersNeverShareALane(t *testing.T) {
	each(t, func(b *bench) {
		other := b.open()
		const lanes = 120
		for i := range lanes {
			b.accept(arrival(fmt.Sprintf("U%d", i), fmt.Sprintf("e%d", i)))
		}
		taken := make(chan string, lanes*100)
		together(8, func(n int) {
			s := b.Store
			if n%2 == 1 {
				s = other
			}
			for {
				claims, err := s.Claim(t.Context(), 7, 16)
				if err != nil {
					t.Error(err)
					return
				}
				if len(claims) == 0 {
					return
				}
				for _, c := range claims {
					taken <- c.Lane
				}
			}
		})
		for _, c := range b.claim() { // those that all passed over because they were locked
			taken <- c.Lane
		}
		close(taken)
		seen := map[string]bool{}
		for lane := range taken {
			if seen[lane] {
				t.Errorf("%s was claimed twice", lane)
			}
			seen[lane] = true
		}
		if len(seen) != lanes {
			t.Errorf("%d lanes were claimed, want %d", len(seen), lanes)
		}
	})
}

func TestDeadWorkerIsSucceededAndRefused(t *testing.T) {
	each(t, func(b *bench) {
		b.accept(arrival("U1", "e1"))
		dead := b.one()
		b.accept(arrival("U1", "e2")) // does not take the lane away
		b.idle()
		b.clock.pass(15 * time.Second)
		heir := b.one()
		if heir.Fence <= dead.Fence || heir.Tries != 1 || len(heir.Arrivals) != 2 {
			t.Errorf("the heir got %+v", heir)
		}
		for _, late := range []flows.Save{turn(dead, 0, nil), free(dead)} {
			if err := b.Save(t.Context(), late); !errors.Is(err, flows.ErrFenced) {
				t.Errorf("the late worker got %v", err)
			}
		}
		if n := b.ask(`SELECT count(*) FROM inputs WHERE fate IS NOT NULL`); n != 0 {
			t.Error("the late worker's turn was saved")
		}
		b.save(turn(heir, 0, nil))
		if err := b.Save(t.Context(), turn(heir, 0, nil)); err == nil {
			t.Error("a turn was saved twice")
		}
		b.save(release(turn(heir, 1, nil)))
		b.idle()
	})
}

// A worker that saves keeps its lane; a save after the lease's end counts as long as nobody else came.
func TestLeaseIsProlongedBySaving(t *testing.T) {
	each(t, func(b *bench) {
		b.accept(arrival("U1", "e1"), arrival("U1", "e2"))
		c := b.one()
		b.clock.pass(10 * time.Second)
		b.save(turn(c, 0, nil))
		b.clock.pass(10 * time.Second)
		b.idle()
		b.clock.pass(10 * time.Second)
		b.save(turn(c, 1, nil))
		b.idle()
		b.save(free(c))
	})
}

func TestReleasedLaneIsDueWhenSomethingWaits(t *testing.T) {
	each(t, func(b *bench) {
		drainWake(b)
		b.accept(arrival("U1", "e1"))
		c := b.one()
		b.accept(arrival("U1", "e2"))
		drainWake(b)
		b.save(release(turn(c, 0, nil)))
		select {
		case <-b.Wake():
		default:
			t.Error("nobody was woken for the arrival that waits")
		}
		c = b.one()
		if got := ids(c.Arrivals); !slices.Equal(got, []string{"e2"}) {
			t.Errorf("waiting: %v", got)
		}
		b.save(release(turn(c, 0, nil)))
		b.idle()
		if _, ok, _ := b.NextDue(t.Context()); ok {
			t.Error("a finished lane is due")
		}
		b.accept(arrival("U1", "e3"))
		if due, ok, _ := b.NextDue(t.Context()); !ok || !due.Equal(b.clock.now()) {
			t.Errorf("due at %v, %v", due, ok)
		}
		if n, oldest, err := b.Counts(t.Context()); n != 1 || !oldest.Equal(b.clock.now()) || err != nil {
			t.Errorf("counts: %d, %v, %v", n, oldest, err)
		}
	})
}

func drainWake(b *bench) {
	select {
	case <-b.Wake():
	default:
	}
}

func TestBackOff(t *testing.T) {
	each(t, func(b *bench) {
		b.accept(arrival("U1", "e1"))
		for try := range 3 {
			c := b.one()
			if c.Tries != try {
				t.Errorf("claim %d counts %d tries", try, c.Tries)
			}
			s := free(c)
			s.RetryAt = b.clock.now().Add(time.Minute)
			b.save(s)
			b.accept(arrival("U1", fmt.Sprint("more", try))) // waits with the others
			b.idle()
			b.clock.pass(time.Minute)
		}
		c := b.one()
		b.save(release(turn(c, 0, nil)))
		if c = b.one(); c.Tries != 0 || len(c.Arrivals) != 3 {
			t.Errorf("the next arrival's claim is %+v", c)
		}
	})
}

func TestRestartWithUnfinishedDeeds(t *testing.T) {
	each(t, func(b *bench) {
		b.accept(arrival("U1", "e1"), arrival("U1", "e2"))
		c := b.one()
		deeds := []flows.Deed{
			{ID: "e1/0", N: 0, Kind: "reply", State: flows.Sending, At: b.clock.now(), Body: []byte("words")},
			{ID: "e1/1", N: 1, Kind: "menu", State: flows.Sending, At: b.clock.now()},
		}
		b.save(turn(c, 0, func(t *flows.Turned) { t.Deeds = deeds }))
		b.clock.pass(15 * time.Second) // the worker died

		c = b.one()
		if len(c.Unfinished) != 2 || c.Unfinished[0].ID != "e1/0" || string(c.Unfinished[0].Body) != "words" ||
			c.Unfinished[0].Seq != 1 || c.Unfinished[1].Kind != "menu" || c.Tries != 0 {
			t.Fatalf("the heir got %+v", c)
		}
		if got := ids(c.Arrivals); !slices.Equal(got, []string{"e2"}) {
			t.Errorf("waiting: %v", got)
		}
		done, wait := c.Unfinished[0], c.Unfinished[1]
		done.State, done.Tries, done.RequestID = flows.Done, 1, "r1"
		wait.State, wait.Tries, wait.Error = flows.Unknown, 1, "no answer"
		s := free(c)
		s.Outcomes, s.RetryAt = []flows.Deed{c.Unfinished[0], done, wait}, b.clock.now().Add(time.Second)
		b.save(s)
		b.idle()
		b.clock.pass(time.Second)

		c = b.one()
		if len(c.Unfinished) != 1 || c.Unfinished[0].State != flows.Unknown || c.Unfinished[0].Tries != 1 || c.Unfinished[0].Error != "no answer" {
			t.Errorf("still unfinished: %+v", c.Unfinished)
		}
		if c.Tries != 0 {
			t.Error("the next arrival was never taken up, but a try is counted")
		}
		b.save(turn(c, 0, nil))
		b.save(free(c)) // without settling the deed: it keeps the lane due
		if c = b.one(); len(c.Unfinished) != 1 || len(c.Arrivals) != 0 {
			t.Errorf("got %+v", c)
		}
		wait.State = flows.Failed
		s = free(c)
		s.Outcomes = []flows.Deed{wait}
		b.save(s)
		b.idle()
	})
}

func TestConversationIsKept(t *testing.T) {
	each(t, func(b *bench) {
		b.accept(arrival("U1", "e1"))
		c := b.one()
		after := flows.Conversation{State: flows.LinkCode, Until: b.clock.now().Add(time.Minute), About: "x"}
		b.save(release(turn(c, 0, func(t *flows.Turned) { t.After = after })))
		b.accept(arrival("U1", "e2"))
		if c = b.one(); fmt.Sprint(c.Conversation) != fmt.Sprint(after) {
			t.Errorf("got %+v, want %+v", c.Conversation, after)
		}
	})
}

func TestTimersBecomeArrivalsOnceAndInOrder(t *testing.T) {
	each(t, func(b *bench) {
		at := func(d time.Duration) time.Time { return b.clock.now().Add(d) }
		b.accept(arrival("U1", "e1"))
		c := b.one()
		b.save(release(turn(c, 0, func(t *flows.Turned) {
			t.Records = []flows.Record{
				flows.SetTimer{Name: "late", At: at(3 * time.Hour)},
				flows.SetTimer{Name: "second", At: at(2 * time.Hour)},
				flows.SetTimer{Name: "first", At: at(time.Minute)},
				flows.SetTimer{Name: "first", At: at(time.Hour)}, // moved
				flows.SetTimer{Name: "never", At: at(time.Minute)},
				flows.StopTimer{Name: "never"},
				flows.StopTimer{Name: "unknown"},
			}
		})))
		if due, ok, _ := b.NextDue(t.Context()); !ok || !due.Equal(at(time.Hour)) {
			t.Errorf("due at %v, %v", due, ok)
		}
		b.clock.pass(time.Hour - time.Microsecond)
		b.idle()
		b.clock.pass(time.Hour + time.Microsecond)
		c = b.one()
		if len(c.Arrivals) != 2 || string(c.Arrivals[0].Body) != "first" || string(c.Arrivals[1].Body) != "second" ||
			c.Arrivals[0].Sort != flows.FromTimer || !c.Arrivals[0].At.Equal(b.clock.now()) {
			t.Fatalf("got %+v", c.Arrivals)
		}
		b.save(turn(c, 0, func(t *flows.Turned) { t.Records = []flows.Record{flows.StopTimer{Name: "late"}} }))
		b.save(release(turn(c, 1, nil)))
		b.clock.pass(2 * time.Hour)
		b.idle()
	})
}

// A timer that was stopped after the lane was made due for it brings nobody anything, and the lane comes to rest.
func TestDueForNothing(t *testing.T) {
	each(t, func(b *bench) {
		b.accept(arrival("U1", "e1"))
		b.save(release(turn(b.one(), 0, nil)))
		b.ok(b.DB().Exec(`UPDATE lanes SET due_at = 1`).Error)
		b.idle()
		if due, ok, _ := b.NextDue(t.Context()); ok {
			t.Errorf("due at %v", due)
		}
	})
}

func TestClaimTakesWhatWaitsLongest(t *testing.T) {
	each(t, func(b *bench) {
		for i := range 4 {
			b.accept(arrival(fmt.Sprintf("U%d", 9-i), fmt.Sprintf("e%d", i)))
			b.clock.pass(time.Second)
		}
		claims, err := b.Claim(t.Context(), 1, 16)
		b.ok(err)
		if len(claims) != 1 || claims[0].Lane != "U9" {
			t.Errorf("got %+v", claims)
		}
		var as []flows.Arrival
		for i := range 20 {
			as = append(as, arrival("U9", fmt.Sprintf("f%d", i)))
		}
		b.accept(as...)
		b.save(free(claims[0]))
		b.clock.pass(time.Second)
		for _, c := range b.claim() {
			if c.Lane == "U9" && len(c.Arrivals) != 16 {
				t.Errorf("%d arrivals were handed out, want 16", len(c.Arrivals))
			}
		}
	})
}
