package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
)

var errBad = errors.New("bad")

// A fakeTable keeps what is committed; a commit can be held up, and fails when a member is "bad".
type fakeTable struct {
	mu      sync.Mutex
	commits [][]string
	gate    chan struct{} // a commit waits for one receive from it
	begun   chan struct{}
}

func (f *fakeTable) commit(members []string) ([]error, error) {
	f.begun <- struct{}{}
	<-f.gate
	if slices.Contains(members, "bad") {
		return nil, errBad
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.commits = append(f.commits, slices.Clone(members))
	errs := make([]error, len(members))
	for i, m := range members {
		if m == "loser" {
			errs[i] = errBad
		}
	}
	return errs, nil
}

func newFake(limit int) (*fakeTable, *group[string]) {
	f := &fakeTable{gate: make(chan struct{}), begun: make(chan struct{}, 100)}
	key := func(s string) string { return strings.TrimRight(s, "'") }
	return f, newGroup(limit, func(string) int { return 1 }, key, func(err error) bool { return errors.Is(err, errBad) }, f.commit)
}

// queued waits until n members wait behind the commit that is under way.
func queued(g *group[string], n int) {
	for {
		g.mu.Lock()
		m := len(g.queue)
		g.mu.Unlock()
		if m >= n {
			return
		}
	}
}

// send lets members join in this order and returns their answers.
func send(g *group[string], members ...string) func() map[string]error {
	var all sync.WaitGroup
	var mu sync.Mutex
	answers := map[string]error{}
	for i, m := range members {
		all.Go(func() {
			err := g.do(context.Background(), m)
			mu.Lock()
			defer mu.Unlock()
			answers[m] = err
		})
		queued(g, i+1)
	}
	return func() map[string]error { all.Wait(); return answers }
}

func TestGroupSharesCommits(t *testing.T) {
	f, g := newFake(3)
	alone := send1(g, "first")
	<-f.begun
	rest := send(g, "a", "b", "a'", "loser", "c")
	close(f.gate)
	answers := rest()
	if err := alone(); err != nil {
		t.Error(err)
	}
	// a' has the key of a and waits; three is the limit
	want := [][]string{{"first"}, {"a", "b", "loser"}, {"a'", "c"}}
	if fmt.Sprint(f.commits) != fmt.Sprint(want) {
		t.Errorf("commits were %v, want %v", f.commits, want)
	}
	for m, err := range answers {
		if (m == "loser") != (err != nil) {
			t.Errorf("%s got %v", m, err)
		}
	}
}

func send1(g *group[string], m string) func() error {
	answer := make(chan error, 1)
	go func() { answer <- g.do(context.Background(), m) }()
	return func() error { return <-answer }
}

func TestOneBadMemberDoesNotFailItsNeighbours(t *testing.T) {
	f, g := newFake(10)
	alone := send1(g, "first")
	<-f.begun
	rest := send(g, "a", "bad", "b")
	close(f.gate)
	answers := rest()
	if err := alone(); err != nil {
		t.Error(err)
	}
	for m, err := range answers {
		if (m == "bad") != (err != nil) {
			t.Errorf("%s got %v", m, err)
		}
	}
}

func TestClosingWaitsForWhatIsQueued(t *testing.T) {
	f, g := newFake(10)
	alone := send1(g, "first")
	<-f.begun
	rest := send(g, "a", "b")
	closed := make(chan struct{})
	go func() { g.close(); close(closed) }()
	close(f.gate)
	<-closed
	if len(f.commits) != 2 {
		t.Errorf("commits were %v", f.commits)
	}
	for m, err := range rest() {
		if err != nil {
			t.Errorf("%s got %v", m, err)
		}
	}
	if err := alone(); err != nil {
		t.Error(err)
	}
	if err := g.do(context.Background(), "late"); !errors.Is(err, errClosed) {
		t.Errorf("after closing: %v", err)
	}
}

// A caller that leaves before its turn is refused; one that leaves later still gets the truth.
func TestEndOfAContextDoesNotCancelACommit(t *testing.T) {
	f, g := newFake(10)
	ctx, cancel := context.WithCancel(context.Background())
	answer := make(chan error, 1)
	go func() { answer <- g.do(ctx, "a") }()
	<-f.begun
	cancel()
	close(f.gate)
	if err := <-answer; err != nil || len(f.commits) != 1 {
		t.Errorf("got %v, committed %v", err, f.commits)
	}
	if err := g.do(ctx, "b"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
