package store

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tsunagu/flows"
	"tsunagu/store/storetest"
)

// However much becomes due, the others are told every few milliseconds at most; and the last news is told for certain.
func TestHeraldSaysItSeldom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var words []time.Time
		h := newHerald("me", func(_ context.Context, name string) error {
			if name != "me" {
				t.Errorf("told by %q", name)
			}
			words = append(words, time.Now())
			return nil
		})
		start := time.Now()
		for range 100 {
			h.due()
			synctest.Wait()
			<-time.After(time.Millisecond)
		}
		h.due()
		h.close()
		if n := len(words); n < 18 || n > 22 {
			t.Errorf("%d words in 100 ms", n)
		}
		for i, w := range words[1 : len(words)-1] {
			if gap := w.Sub(words[i]); gap < tellEvery {
				t.Errorf("a word %v after another", gap)
			}
		}
		if last := words[len(words)-1]; last.Sub(start) < 100*time.Millisecond {
			t.Errorf("the last news was not told: last word after %v", last.Sub(start))
		}
	})
}

// What is accepted by one process wakes another one, also after the connection it listens on was cut.
func TestOneProcessWakesAnother(t *testing.T) {
	url := storetest.Postgres(t)
	here, there := openWith(t, url), openWith(t, url)
	ctx, stop := context.WithCancel(t.Context())
	var listening sync.WaitGroup
	listening.Go(func() { there.Listen(ctx) })
	defer func() {
		stop()
		listening.Wait()
		for _, s := range []*Store{here, there} {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
	}()
	woken := func(why string) {
		t.Helper()
		select {
		case <-there.Wake():
		case <-time.After(time.Minute):
			t.Fatalf("not woken: %s", why)
		}
	}
	woken("it listens from now on")
	accept := func(id string) {
		t.Helper()
		if err := here.Accept(t.Context(), []flows.Arrival{{ID: id, Lane: "U1", Sort: flows.FromLINE, At: time.Now()}}); err != nil {
			t.Fatal(err)
		}
	}
	accept("e1")
	woken("an arrival elsewhere")
	if err := here.db.Exec(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = 'LISTEN tsunagu_due'`).Error; err != nil {
		t.Fatal(err)
	}
	woken("it listens again")
	accept("e2")
	woken("another arrival")
}
