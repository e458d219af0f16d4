package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"

	"tsunagu/flows"
)

// errTurned says that a turn was saved before.
var errTurned = errors.New("the arrival was turned already")

// A step is a save, prepared outside of the transaction.
type step struct {
	flows.Save
	seq      int64  // of the turn, 0 without one
	state    string // the new conversation, "" when it is the old one
	deeds    []deed
	outcomes []deed
	records  []record
	links    linkChange
	letters  []flows.Letter
	seats    bool // it begins, moves or ends a support session, which may free a seat
}

// A deed is a deed as it is stored.
type deed struct {
	flows.Deed
	body []byte // sealed
}

// A record is a record of a turn, and what names it for ever.
type record struct {
	lane, id string
	flows.Record
}

// Save stores one step of a claimed lane, whole or not at all. It fails with flows.ErrFenced when the lane was claimed
// anew since, and with flows.ErrLinkTaken when a link belongs to another lane; then nothing was stored.
//
// Saves of different lanes share commits; one that changes links or sends letters is committed alone. The end of ctx is
// noticed before, not during a commit. A lease that runs out while its worker is saving steps is prolonged.
func (s *Store) Save(ctx context.Context, save flows.Save) error {
	p, err := s.prepare(save)
	if err == nil {
		err = s.saves.do(ctx, p)
	}
	if err != nil {
		return fmt.Errorf("save: %w", err)
	}
	return nil
}

func (s *Store) prepare(save flows.Save) (*step, error) {
	p := &step{Save: save}
	for i, d := range save.Outcomes {
		later := func(o flows.Deed) bool { return o.ID == d.ID }
		if !slices.ContainsFunc(save.Outcomes[i+1:], later) {
			p.outcomes = append(p.outcomes, deed{Deed: d})
		}
	}
	t := save.Turn
	if t == nil {
		return p, nil
	}
	if t.Seq <= 0 {
		return nil, fmt.Errorf("a turn of arrival number %d", t.Seq)
	}
	before, err := t.Before.Encode()
	if err != nil {
		return nil, err
	}
	after, err := t.After.Encode()
	if err != nil {
		return nil, err
	}
	p.seq = t.Seq
	if !bytes.Equal(before, after) {
		p.state = string(after)
	}
	p.links = changedLinks(t.Before.Links, t.After.Links)
	for _, d := range t.Deeds {
		if !isKey(d.ID) {
			return nil, errors.New("a deed's ID is empty, too long, or not text")
		}
		d.Lane, d.Seq = save.Lane, t.Seq
		p.deeds = append(p.deeds, deed{Deed: d, body: s.keys.seal(deedRow(d.ID), d.Body)})
	}
	for i, r := range t.Records {
		switch r := r.(type) {
		case flows.Letter:
			p.letters = append(p.letters, r)
			continue
		case flows.KeepSession:
			p.seats = true
		}
		p.records = append(p.records, record{save.Lane, fmt.Sprintf("%s/%d/%d", save.Lane, t.Seq, i), r})
	}
	return p, nil
}

// weight makes a step that touches more than its own lane fill a commit.
func (p *step) weight() int {
	if !p.links.empty() || len(p.letters) > 0 || p.seats {
		return maxSaves
	}
	return 1
}

// commitSaves commits steps of different lanes together. A commit whose answer got lost is found again by what it left
// in the lane.
func (s *Store) commitSaves(steps []*step) (errs []error, err error) {
	var done committed
	err = s.insist(func(ctx context.Context, again bool) error {
		return s.db.WithContext(ctx).Transaction(func(tx *gorm.DB) (err error) {
			done, err = s.write(tx, steps, again)
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	if done.due {
		s.signal()
	}
	if done.desk {
		s.deskChanged()
	}
	s.emptyLog(done.erased)
	return done.errs, nil
}

// committed is what a commit of steps came to.
type committed struct {
	errs   []error // one for each step
	due    bool    // a lane is due now
	erased bool    // something was removed that must not linger
	desk   bool    // the desk has something new to show
}

func (s *Store) write(tx *gorm.DB, steps []*step, again bool) (done committed, err error) {
	var to []string
	for _, p := range steps {
		for _, l := range p.letters {
			to = append(to, p.Lane, l.To)
		}
	}
	if len(to) > 0 { // all lanes in one go, in their order
		if err := tx.Exec(`SELECT lane FROM lanes WHERE lane IN ? ORDER BY lane`+s.forUpdate(""), to).Error; err != nil {
			return done, err
		}
	}
	for _, p := range steps {
		if p.seats {
			if err := s.holdLanes(tx, []string{p.Lane}, 4); err != nil {
				return done, err
			}
		}
	}
	live, errs, err := s.lock(tx, steps, again)
	if err != nil || len(live) == 0 {
		return committed{errs: errs}, err
	}
	done.errs = errs
	swept, err := s.writeTurns(tx, live)
	if err != nil {
		return done, err
	}
	for _, p := range live {
		if err := s.writeLinks(tx, p); err != nil {
			return done, err
		}
		if err := s.sendLetters(tx, p); err != nil {
			return done, err
		}
		done.due = done.due || len(p.letters) > 0
		done.erased = done.erased || p.Turn != nil && p.Turn.Forget
	}
	changed, handed, err := s.writeDesk(tx, live)
	if err != nil {
		return done, err
	}
	done.desk, done.due = changed, done.due || handed
	due, err := s.finish(tx, live)
	done.due = done.due || due
	done.erased = done.erased || swept
	return done, err
}

const lockLanes = `SELECT l.lane, l.done, l.owner, (SELECT 1 FROM erased e WHERE e.lane = l.lane LIMIT 1) IS NOT NULL AS erased
FROM ? CROSS JOIN lanes l WHERE l.lane = t.lane AND l.fence = t.fence ORDER BY l.lane`

type lockedLane struct {
	Lane   string
	Done   int64
	Owner  bool
	Erased bool
}

// A liveStep is a step whose lane is locked and still its own.
type liveStep struct {
	*step
	erased bool // the lane has unsent messages
}

// lock locks the lanes and tells which steps may be written. errs is for all steps.
func (s *Store) lock(tx *gorm.DB, steps []*step, again bool) (live []liveStep, errs []error, err error) {
	var rows []lockedLane
	err = tx.Raw(lockLanes+s.forUpdate("OF l"), s.table(
		texts("lane", steps, func(p *step) string { return p.Lane }),
		numbers("fence", steps, func(p *step) int64 { return p.Fence }),
	)).Scan(&rows).Error
	if err != nil {
		return nil, nil, err
	}
	locked := make(map[string]lockedLane, len(rows))
	for _, r := range rows {
		locked[r.Lane] = r
	}
	errs = make([]error, len(steps))
	for i, p := range steps {
		r, ok := locked[p.Lane]
		switch {
		case !ok:
			errs[i] = flows.ErrFenced
		case again && (p.Release && !r.Owner || p.seq > 0 && p.seq <= r.Done):
			// stored by the try before, whose answer got lost
		case p.seq > 0 && p.seq <= r.Done:
			errs[i] = errTurned
		default:
			live = append(live, liveStep{p, r.Erased})
		}
	}
	return live, errs, nil
}

const (
	markInputs = `UPDATE inputs SET fate = t.fate, reason = t.reason, turned_at = t.now, turned_by = t.build, body = CASE WHEN t.forget THEN NULL ELSE body END
	FROM ? WHERE inputs.lane = t.lane AND inputs.seq = t.seq`
	noteGivenUp = `INSERT INTO given_up (id, at) SELECT DISTINCT i.id, i.at FROM ? CROSS JOIN inputs i WHERE i.lane = t.lane AND i.seq = t.seq
	ON CONFLICT (id) DO NOTHING`
	insertDeeds = `INSERT INTO deeds (id, lane, seq, n, kind, state, tries, at, body, request_id, error, updated_at)
	SELECT t.id, t.lane, t.seq, t.n, t.kind, t.state, t.tries, t.at, t.body, t.request_id, t.error, t.now FROM ?`
	updateDeeds = `UPDATE deeds SET kind = t.kind, state = t.state, tries = t.tries, request_id = t.request_id, error = t.error, updated_at = t.now
	FROM ? WHERE deeds.lane = t.lane AND deeds.seq = t.seq AND deeds.n = t.n`
	putConversations = `INSERT INTO conversations (lane, state, updated_at) SELECT t.lane, t.state, t.now FROM ? WHERE true
	ON CONFLICT (lane) DO UPDATE SET state = excluded.state, updated_at = excluded.updated_at`
)

// writeTurns writes what belongs to the lanes alone, a statement a table. It reports whether messages were erased.
func (s *Store) writeTurns(tx *gorm.DB, live []liveStep) (swept bool, err error) {
	now := micros(s.now())
	var turns, talked, menus []liveStep
	var deeds, outcomes []deed
	var records []record
	for _, p := range live {
		if p.Turn != nil {
			turns = append(turns, p)
		}
		if p.state != "" {
			talked = append(talked, p)
		}
		if p.Menu != "" {
			menus = append(menus, p)
		}
		deeds = append(deeds, p.deeds...)
		records = append(records, p.records...)
		for _, d := range p.outcomes {
			d.Lane = p.Lane
			outcomes = append(outcomes, d)
		}
	}
	var statements []statement
	if len(turns) > 0 {
		statements = append(statements, statement{markInputs, s.table(
			texts("lane", turns, func(p liveStep) string { return p.Lane }),
			numbers("seq", turns, func(p liveStep) int64 { return p.seq }),
			texts("fate", turns, func(p liveStep) string { return clean(p.Turn.Fate) }),
			texts("reason", turns, func(p liveStep) string { return clean(p.Turn.Reason) }),
			flags("forget", turns, func(p liveStep) bool { return p.Turn.Forget }),
			texts("build", turns, func(liveStep) string { return s.build }),
			numbers("now", turns, func(liveStep) int64 { return now }))})
	}
	if len(deeds) > 0 {
		statements = append(statements, statement{insertDeeds, s.table(append(deedColumns(deeds, now),
			texts("id", deeds, func(d deed) string { return d.ID }),
			numbers("at", deeds, func(d deed) int64 { return micros(d.At) }),
			blobs("body", deeds, func(d deed) []byte { return d.body }))...)})
	}
	if len(outcomes) > 0 {
		statements = append(statements, statement{updateDeeds, s.table(deedColumns(outcomes, now)...)})
	}
	if lost := givenUp(turns, outcomes); len(lost) > 0 {
		statements = append(statements, statement{noteGivenUp, s.table(
			texts("lane", lost, func(p place) string { return p.lane }),
			numbers("seq", lost, func(p place) int64 { return p.seq }))})
	}
	if len(talked) > 0 {
		statements = append(statements, statement{putConversations, s.table(
			texts("lane", talked, func(p liveStep) string { return p.Lane }),
			texts("state", talked, func(p liveStep) string { return p.state }),
			numbers("now", talked, func(liveStep) int64 { return now }))})
	}
	if len(menus) > 0 {
		statements = append(statements, statement{putMenus, s.table(
			texts("lane", menus, func(p liveStep) string { return p.Lane }),
			texts("alias", menus, func(p liveStep) string { return clean(p.Menu) }),
			numbers("now", menus, func(liveStep) int64 { return now }))})
	}
	for _, st := range append(statements, s.recordStatements(records, now)...) {
		if err := tx.Exec(st.sql, st.table).Error; err != nil {
			return false, err
		}
	}
	return s.sweep(tx, live)
}

// A place is the number of an input in its lane.
type place struct {
	lane string
	seq  int64
}

// givenUp finds what an operator has to know of: parked inputs, and messages that failed or may have failed. Menus are
// left out: a daily sweep repairs them.
func givenUp(turns []liveStep, outcomes []deed) (lost []place) {
	for _, p := range turns {
		if p.Turn.Fate == flows.Parked {
			lost = append(lost, place{p.Lane, p.seq})
		}
	}
	for _, d := range outcomes {
		if (d.State == flows.Failed || d.State == flows.InDoubt) && d.Kind != "menu" {
			lost = append(lost, place{d.Lane, d.Seq})
		}
	}
	return lost
}

func deedColumns(deeds []deed, now int64) []column {
	return []column{
		texts("lane", deeds, func(d deed) string { return d.Lane }),
		numbers("seq", deeds, func(d deed) int64 { return d.Seq }),
		numbers("n", deeds, func(d deed) int64 { return int64(d.N) }),
		texts("kind", deeds, func(d deed) string { return clean(d.Kind) }),
		texts("state", deeds, func(d deed) string { return clean(d.State) }),
		numbers("tries", deeds, func(d deed) int64 { return int64(d.Tries) }),
		texts("request_id", deeds, func(d deed) string { return clean(d.RequestID) }),
		texts("error", deeds, func(d deed) string { return clean(d.Error) }),
		numbers("now", deeds, func(deed) int64 { return now }),
	}
}

// finishLanes moves the lanes on. A worker that saves keeps its lease; a lane given back is due at once when something
// waits in it, else at its next timer. The tail is the lock's own, so an arrival is either counted here or finds the
// lane without an owner and makes it due itself.
const finishLanes = `UPDATE lanes SET
	done = CASE WHEN t.seq > done THEN t.seq ELSE done END,
	settled = CASE WHEN NOT (t.release AND ` + nothingUnfinished + `) THEN settled WHEN t.seq > done THEN t.seq ELSE done END,
	owner = owner AND NOT t.release,
	paused = CASE WHEN t.release THEN t.retry_at > 0 ELSE paused END,
	tries = CASE WHEN t.seq > 0 THEN 0 ELSE tries END
		+ CASE WHEN t.release AND t.retry_at > 0 AND ` + nothingUnfinished + ` THEN 1 ELSE 0 END,
	due_at = CASE
		WHEN NOT t.release THEN CASE WHEN owner AND due_at < t.renew THEN t.lease ELSE due_at END
		WHEN t.retry_at > 0 THEN t.retry_at
		WHEN tail > done AND tail > t.seq THEN t.now
		WHEN ` + nothingUnfinished + ` THEN (SELECT min(m.due_at) FROM timers m WHERE m.lane = lanes.lane)
		ELSE t.now END
FROM ? WHERE lanes.lane = t.lane
RETURNING owner, due_at`

// finish moves the lanes on and reports whether one of them is due.
func (s *Store) finish(tx *gorm.DB, live []liveStep) (due bool, err error) {
	now := s.now()
	constant := func(name string, t time.Time) column {
		return numbers(name, live, func(liveStep) int64 { return micros(t) })
	}
	var rows []struct {
		Owner bool
		DueAt *int64
	}
	err = tx.Raw(finishLanes, s.table(
		texts("lane", live, func(p liveStep) string { return p.Lane }),
		numbers("seq", live, func(p liveStep) int64 { return p.seq }),
		flags("release", live, func(p liveStep) bool { return p.Release }),
		numbers("retry_at", live, func(p liveStep) int64 {
			if p.RetryAt.IsZero() {
				return 0
			}
			return micros(p.RetryAt)
		}),
		constant("now", now), constant("lease", now.Add(s.lease)), constant("renew", now.Add(s.lease/2)),
	)).Scan(&rows).Error
	for _, r := range rows {
		due = due || !r.Owner && r.DueAt != nil && *r.DueAt <= micros(now)
	}
	return due, err
}
