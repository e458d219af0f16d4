package store_test

import (
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tsunagu/flows"
	"tsunagu/store"
	"tsunagu/store/storetest"
)

// PostgreSQL is stopped and killed under load. Callers give again what was not acknowledged, as LINE does; workers drop
// a lane whose save failed, as if they had died. Afterwards each arrival was turned once, in its order.
func TestPostgresRestartsUnderLoad(t *testing.T) {
	cluster := storetest.NewCluster(t)
	s, err := store.Open(t.Context(), store.Config{
		URL: cluster.Create(t), Keys: [][]byte{testKey}, Lease: time.Second, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	const callers, lanes = 16, 7
	deadline := time.Now().Add(2 * time.Minute)

	var accepted, turned atomic.Int64
	stop := make(chan struct{})
	var calling, working sync.WaitGroup
	for n := range callers {
		calling.Go(func() {
			for i := 0; ; i++ {
				for pause := time.Duration(0); ; pause = time.Millisecond {
					select {
					case <-stop:
						return
					case <-time.After(pause):
					}
					if accepted.Load()-turned.Load() < 200 {
						break
					}
				}
				a := arrival(fmt.Sprintf("U%d", (n+i)%lanes), fmt.Sprintf("e%d-%d", n, i))
				for s.Accept(t.Context(), []flows.Arrival{a}) != nil && time.Now().Before(deadline) {
				}
				accepted.Add(1)
			}
		})
	}
	finished := make(chan struct{})
	for range 2 {
		working.Go(func() {
			for {
				claims, err := s.Claim(t.Context(), 3, 8)
				for _, c := range claims {
					turned.Add(int64(count(t, s, c)))
				}
				if err == nil && len(claims) > 0 {
					continue
				}
				select {
				case <-finished:
					return
				case <-s.Wake():
				case <-time.After(50 * time.Millisecond):
				}
			}
		})
	}
	grown := func(by int64) { // so much more was turned
		goal := turned.Load() + by
		for turned.Load() < goal && time.Now().Before(deadline) {
			<-time.After(5 * time.Millisecond)
		}
	}
	for _, end := range []func() error{cluster.Stop, cluster.Kill, cluster.Kill} {
		grown(300)
		if err := end(); err != nil {
			t.Fatal(err)
		}
		if err := cluster.Start(); err != nil {
			t.Fatal(err)
		}
	}
	grown(300)
	close(stop)
	calling.Wait()
	var rows []struct {
		Lane                string
		Inputs, Open, Talks int64
	}
	for {
		err := s.DB().Raw(`SELECT lane, count(*) AS inputs, count(*) FILTER (WHERE fate IS NULL) AS open,
			(SELECT (state::json->>'about')::bigint FROM conversations c WHERE c.lane = i.lane) AS talks
			FROM inputs i GROUP BY lane`).Scan(&rows).Error
		if err != nil {
			t.Fatal(err)
		}
		open := int64(0)
		for _, r := range rows {
			open += r.Open
		}
		if open == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d arrivals are not turned", open)
		}
		<-time.After(20 * time.Millisecond)
	}
	close(finished)
	working.Wait()
	total := int64(0)
	for _, r := range rows {
		if r.Talks != r.Inputs {
			t.Errorf("lane %s counted %d turns of %d arrivals", r.Lane, r.Talks, r.Inputs)
		}
		total += r.Inputs
	}
	if total != accepted.Load() {
		t.Errorf("%d arrivals are stored, %d were acknowledged", total, accepted.Load())
	}
}

// count makes turns that do nothing but count themselves, and returns how many it saved.
func count(t *testing.T, s *store.Store, c flows.Claim) (saved int) {
	for i := range c.Arrivals {
		save := turn(c, i, func(t *flows.Turned) {
			n, _ := strconv.Atoi(t.Before.About)
			t.After.About = strconv.Itoa(n + 1)
		})
		if s.Save(t.Context(), save) != nil {
			return saved
		}
		saved++
		c.Conversation = save.Turn.After
	}
	_ = s.Save(t.Context(), free(c)) // when it fails the lease runs out
	return saved
}
