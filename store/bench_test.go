package store_test

import (
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tsunagu/flows"
	"tsunagu/store"
	"tsunagu/store/storetest"
)

// BenchmarkAcceptSave takes events of 5,000 people from 64 callers all the way: accepted, claimed, turned with one deed,
// the deed's outcome saved with the release. Commits are durable. BenchmarkAccept is the first part alone.
//
//	go test ./store -run '^$' -bench . -benchtime 20000x
func BenchmarkAcceptSave(b *testing.B) { benchEach(b, benchAcceptSave) }
func BenchmarkAccept(b *testing.B)     { benchEach(b, benchAccept) }

func benchEach(b *testing.B, f func(*testing.B, *store.Store)) {
	urls := map[string]func() string{
		"sqlite":   func() string { return "sqlite:" + filepath.Join(b.TempDir(), "bench.db") },
		"postgres": func() string { return storetest.NewCluster(b).Create(b) },
	}
	for name, url := range urls {
		b.Run(name, func(b *testing.B) {
			s, err := store.Open(b.Context(), store.Config{URL: url(), Keys: [][]byte{testKey}})
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(func() { _ = s.Close() })
			if err := s.Migrate(b.Context()); err != nil {
				b.Fatal(err)
			}
			f(b, s)
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

// acceptAll accepts n events from 64 callers, one at a time each.
func acceptAll(b *testing.B, s *store.Store, n int) {
	body := make([]byte, 555)
	var next atomic.Int64
	var callers sync.WaitGroup
	for range 64 {
		callers.Go(func() {
			for i := next.Add(1); i <= int64(n); i = next.Add(1) {
				err := s.Accept(b.Context(), []flows.Arrival{{
					ID: fmt.Sprintf("01HZX%021d", i), Lane: fmt.Sprintf("U%032x", i%5000), Sort: flows.FromLINE,
					At: time.Now(), MessageID: fmt.Sprint(i), Body: body,
				}})
				if err != nil {
					b.Error(err)
				}
			}
		})
	}
	callers.Wait()
}

func benchAccept(b *testing.B, s *store.Store) { acceptAll(b, s, b.N) }

func benchAcceptSave(b *testing.B, s *store.Store) {
	var left atomic.Int64
	left.Store(int64(b.N))
	finished := make(chan struct{})
	work := func(c flows.Claim) {
		for i, a := range c.Arrivals {
			d := flows.Deed{ID: a.ID + "/0", Seq: a.Seq, Kind: "reply", State: flows.Sending, At: a.At, Body: a.Body}
			err := s.Save(b.Context(), turn(c, i, func(t *flows.Turned) { t.Deeds = []flows.Deed{d} }))
			if err != nil {
				b.Error(err)
			}
			d.State, d.Tries, d.RequestID = flows.Done, 1, "00000000-0000-0000-0000-000000000000"
			out := flows.Save{Lane: c.Lane, Fence: c.Fence, Outcomes: []flows.Deed{d}, Release: i == len(c.Arrivals)-1}
			if err := s.Save(b.Context(), out); err != nil {
				b.Error(err)
			}
			if left.Add(-1) == 0 {
				close(finished)
			}
		}
	}
	go func() {
		slots := make(chan struct{}, 256)
		for {
			claims, err := s.Claim(b.Context(), max(1, cap(slots)-len(slots)), 16)
			if err != nil {
				b.Error(err)
			}
			for _, c := range claims {
				slots <- struct{}{}
				go func() { work(c); <-slots }()
			}
			if len(claims) > 0 {
				continue
			}
			select {
			case <-s.Wake():
			case <-time.After(500 * time.Millisecond):
			case <-finished:
				return
			}
		}
	}()
	acceptAll(b, s, b.N)
	<-finished
}

// BenchmarkClosedPages is a page of 50 among 100,000 closed sessions: the first, and one from the middle.
//
//	go test ./store -run '^$' -bench ClosedPages
func BenchmarkClosedPages(b *testing.B) {
	const closed, page = 100_000, 50
	benchEach(b, func(b *testing.B, s *store.Store) {
		err := s.DB().Exec(`INSERT INTO help_sessions (id, lane, phase, operator, front, began_at, since, handled_by, last_at, last_by, preview,
				ended_at, ended, tags, comment, checks, checked, name, picture, version)
			WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
			SELECT 's' || i, 'U' || (i % 5000), 'closed', '', false, CAST(1000000 AS BIGINT) * i, CAST(1000000 AS BIGINT) * i, 'A', CAST(1000000 AS BIGINT) * i, 'operator', 'ありがとうございました',
				CAST(1000000 AS BIGINT) * i, 'operator', '', '', 0, false, '花子', '', i FROM n`, closed).Error
		if err != nil {
			b.Fatal(err)
		}
		middle := time.UnixMicro(1_000_000 * closed / 2)
		for b.Loop() {
			for _, before := range []time.Time{{}, middle} {
				if rows, err := s.ClosedSessions(b.Context(), before, "s", page); err != nil || len(rows) != page {
					b.Fatalf("%d rows, %v", len(rows), err)
				}
			}
		}
		b.ReportMetric(float64(b.Elapsed().Microseconds())/1000/float64(2*b.N), "ms/page")
	})
}
