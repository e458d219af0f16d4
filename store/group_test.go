package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"gorm.io/gorm"

	"tsunagu/flows"
	"tsunagu/store/storetest"
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

// The same on real databases: what the database refuses of one caller it takes of the others that shared its commit.
func TestRefusedArrivalDoesNotFailItsNeighbours(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := openWith(t, url)
		defer s.Close()
		refuse := []string{`CREATE TRIGGER refuse BEFORE INSERT ON inputs WHEN new.id = 'bad' BEGIN SELECT RAISE(ABORT, 'refused'); END`}
		block := `SELECT 1`
		if !s.sqlite() {
			refuse = []string{
				`CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'refused'; END $$`,
				`CREATE TRIGGER refuse BEFORE INSERT ON inputs FOR EACH ROW WHEN (new.id = 'bad') EXECUTE FUNCTION refuse()`,
			}
			block = `LOCK TABLE lanes`
		}
		for _, sql := range refuse {
			if err := s.db.Exec(sql).Error; err != nil {
				t.Fatal(err)
			}
		}
		tx := s.db.Begin() // holds up the first commit until all others share the second
		if err := tx.Exec(block).Error; err != nil {
			t.Fatal(err)
		}
		errs := map[string]error{}
		var mu sync.Mutex
		var all sync.WaitGroup
		for i, id := range []string{"first", "a", "bad", "b"} {
			all.Go(func() {
				err := s.Accept(context.Background(), []flows.Arrival{{ID: id, Lane: "U1"}})
				mu.Lock()
				defer mu.Unlock()
				errs[id] = err
			})
			for taken := false; !taken; {
				s.accepts.mu.Lock()
				taken = s.accepts.running && len(s.accepts.queue) == i
				s.accepts.mu.Unlock()
			}
		}
		tx.Rollback()
		all.Wait()
		for id, err := range errs {
			if (id == "bad") != (err != nil) {
				t.Errorf("%s got %v", id, err)
			}
		}
		var n int
		if err := s.db.Raw(`SELECT count(*) FROM inputs`).Scan(&n).Error; err != nil || n != 3 {
			t.Errorf("%d were stored, %v", n, err)
		}
	})
}

// A commit whose answer got lost is recognised by the next try, and nothing is done twice.
func TestCommitWhoseAnswerGotLost(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := openWith(t, url)
		defer s.Close()
		ctx := t.Context()
		if err := s.Accept(ctx, []flows.Arrival{{ID: "e1", Lane: "U1"}, {ID: "e2", Lane: "U1"}}); err != nil {
			t.Fatal(err)
		}
		claims, err := s.Claim(ctx, 1, 10)
		if err != nil {
			t.Fatal(err)
		}
		c := claims[0]
		again := func(save flows.Save) error {
			p, err := s.prepare(save)
			if err != nil {
				t.Fatal(err)
			}
			var done committed
			err = s.transaction(ctx, func(tx *gorm.DB) (err error) {
				done, err = s.write(tx, []*step{p}, true)
				return err
			})
			return errors.Join(append(done.errs, err)...)
		}
		turn := flows.Save{Lane: "U1", Fence: c.Fence, Turn: &flows.Turned{
			Seq: 1, Deeds: []flows.Deed{{ID: "e1/0", State: flows.Done}}, Records: []flows.Record{flows.Audit{Kind: "link"}},
		}}
		pause := flows.Save{Lane: "U1", Fence: c.Fence, Release: true, RetryAt: s.now()}
		for _, save := range []flows.Save{turn, pause} {
			if err := s.Save(ctx, save); err != nil {
				t.Fatal(err)
			}
			if err := again(save); err != nil {
				t.Error(err)
			}
		}
		// And one that did not get through is done by it.
		claims, err = s.Claim(ctx, 1, 10)
		if err != nil || len(claims) != 1 || claims[0].Tries != 1 {
			t.Fatalf("claims %+v, %v", claims, err)
		}
		turn = flows.Save{Lane: "U1", Fence: claims[0].Fence, Turn: &flows.Turned{Seq: 2, Fate: flows.Recorded}, Release: true}
		if err := again(turn); err != nil {
			t.Error(err)
		}
		var n int
		err = s.db.Raw(`SELECT count(*) FROM inputs WHERE fate = 'recorded' AND id = 'e2'`).Scan(&n).Error
		if err != nil || n != 1 {
			t.Errorf("the second try stored %d turns, %v", n, err)
		}
	})
}

// A save that has looked at the fence holds the lane until it is committed: an heir comes before or after, not between.
func TestNobodyClaimsALaneThatIsBeingSaved(t *testing.T) {
	s := openWith(t, storetest.Postgres(t))
	defer s.Close()
	ctx := t.Context()
	if err := s.Accept(ctx, []flows.Arrival{{ID: "e1", Lane: "U1"}}); err != nil {
		t.Fatal(err)
	}
	claims, err := s.Claim(ctx, 1, 10)
	if err != nil || len(claims) != 1 {
		t.Fatal(claims, err)
	}
	if err := s.db.Exec(`UPDATE lanes SET due_at = 1`).Error; err != nil { // the lease is over
		t.Fatal(err)
	}
	p, err := s.prepare(flows.Save{Lane: "U1", Fence: claims[0].Fence})
	if err != nil {
		t.Fatal(err)
	}
	tx := s.db.Begin()
	defer tx.Rollback()
	if live, _, err := s.lock(tx, []*step{p}, false); err != nil || len(live) != 1 {
		t.Fatal(live, err)
	}
	if heirs, err := s.Claim(ctx, 1, 10); err != nil || len(heirs) != 0 {
		t.Errorf("claimed %v, %v", heirs, err)
	}
	tx.Rollback()
	if heirs, err := s.Claim(ctx, 1, 10); err != nil || len(heirs) != 1 {
		t.Errorf("then claimed %v, %v", heirs, err)
	}
}
