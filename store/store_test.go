package store_test

import (
	"context"
	"io"
	"log/slog"
	"sync"
	"testing"
	"time"

	"tsunagu/flows"
	"tsunagu/store"
	"tsunagu/store/storetest"
)

// A clock stands still until it is moved.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func newClock() *clock { return &clock{at: time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

var testKey = []byte("0123456789abcdef0123456789abcdef")

// A bench is a migrated store with a clock of its own, and its test.
type bench struct {
	*store.Store
	t     testing.TB
	clock *clock
	url   string
}

func each(t *testing.T, f func(b *bench)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, url string) { f(newBench(t, url)) })
}

func newBench(t testing.TB, url string) *bench {
	b := &bench{t: t, clock: newClock(), url: url}
	b.Store = b.open()
	if err := b.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return b
}

// open opens the same database once more, as another process would.
func (b *bench) open(keys ...[]byte) *store.Store {
	b.t.Helper()
	if keys == nil {
		keys = [][]byte{testKey}
	}
	s, err := store.Open(b.t.Context(), store.Config{
		URL: b.url, Keys: keys, Now: b.clock.now, Wall: b.clock.now, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = s.Close() })
	return s
}

func (b *bench) ok(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) accept(arrivals ...flows.Arrival) {
	b.t.Helper()
	b.ok(b.Accept(b.t.Context(), arrivals))
}

// claim claims all due lanes.
func (b *bench) claim() []flows.Claim {
	b.t.Helper()
	claims, err := b.Claim(b.t.Context(), 100, 16)
	b.ok(err)
	return claims
}

// one claims the one lane that has to be due.
func (b *bench) one() flows.Claim {
	b.t.Helper()
	claims := b.claim()
	if len(claims) != 1 {
		b.t.Fatalf("%d lanes are due, want 1", len(claims))
	}
	return claims[0]
}

// idle checks that no lane is due.
func (b *bench) idle() {
	b.t.Helper()
	if claims := b.claim(); len(claims) != 0 {
		b.t.Fatalf("due: %+v", claims)
	}
}

func (b *bench) save(s flows.Save) {
	b.t.Helper()
	b.ok(b.Save(b.t.Context(), s))
}

// turn saves a turn of the claim's arrival i.
func turn(c flows.Claim, i int, change func(*flows.Turned)) flows.Save {
	t := flows.Turned{Seq: c.Arrivals[i].Seq, Fate: flows.Answered, Before: c.Conversation, After: c.Conversation}
	if change != nil {
		change(&t)
	}
	return flows.Save{Lane: c.Lane, Fence: c.Fence, Turn: &t}
}

func release(s flows.Save) flows.Save {
	s.Release = true
	return s
}

func free(c flows.Claim) flows.Save { return flows.Save{Lane: c.Lane, Fence: c.Fence, Release: true} }

func arrival(lane, id string) flows.Arrival {
	return flows.Arrival{ID: id, Lane: lane, Sort: flows.FromLINE, At: newClock().at, MessageID: "m-" + id, Body: []byte("body of " + id)}
}

// ask reads one number from the database.
func (b *bench) ask(sql string, args ...any) (n int64) {
	b.t.Helper()
	b.ok(b.DB().Raw(sql, args...).Scan(&n).Error)
	return n
}

// together runs f n times at once.
func together(n int, f func(i int)) {
	var all sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		all.Go(func() { <-start; f(i) })
	}
	close(start)
	all.Wait()
}

func ids(arrivals []flows.Arrival) (all []string) {
	for _, a := range arrivals {
		all = append(all, a.ID)
	}
	return all
}

func within(t testing.TB, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}
