package store

import (
	"context"
	"crypto/rand"
	"fmt"
	"math"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"tsunagu/flows"
)

// A statement is SQL with one question mark, for its table.
type statement struct {
	sql   string
	table clause.Expr
}

const (
	setTimers = `INSERT INTO timers (lane, name, due_at) SELECT t.lane, t.name, t.due_at FROM ? WHERE true
	ON CONFLICT (lane, name) DO UPDATE SET due_at = excluded.due_at`
	stopTimers   = `DELETE FROM timers WHERE (lane, name) IN (SELECT t.lane, t.name FROM ?)`
	insertAudit  = `INSERT INTO audit (id, at, actor, kind, link, ref, reason) SELECT t.id, t.at, t.actor, t.kind, t.link, t.ref, t.reason FROM ?`
	insertErased = `INSERT INTO erased (lane, message_id, at) SELECT t.lane, t.message_id, t.now FROM ? WHERE true
	ON CONFLICT (lane, message_id) DO NOTHING`
	insertWrong = `INSERT INTO wrong_codes (id, at) SELECT t.id, t.at FROM ?`
)

// A timer is set, or stopped when at is nil.
type timer struct {
	lane, name string
	at         *int64
}

// An erasure names a message that was unsent.
type erasure struct{ lane, message string }

// An entry is a line of the audit table.
type entry struct {
	id string
	flows.Audit
}

// A wrongCode is the name and time of a wrong code.
type wrongCode struct {
	id string
	at int64
}

// recordStatements stores records, a statement a table.
func (s *Store) recordStatements(records []record, now int64) (statements []statement) {
	var timers []timer
	var erasures []erasure
	var entries []entry
	var wrong []wrongCode
	for _, r := range records {
		switch e := r.Record.(type) {
		case flows.SetTimer:
			at := micros(e.At)
			timers = append(timers, timer{r.lane, clean(e.Name), &at})
		case flows.StopTimer:
			timers = append(timers, timer{r.lane, clean(e.Name), nil})
		case flows.Erase:
			erasures = append(erasures, erasure{r.lane, clean(e.MessageID)})
		case flows.Audit:
			entries = append(entries, entry{r.id, e})
		case flows.WrongCode:
			wrong = append(wrong, wrongCode{r.id, micros(e.At)})
		}
	}
	set, stop := lastTimers(timers)
	if len(set) > 0 {
		statements = append(statements, statement{setTimers, s.table(
			texts("lane", set, func(t timer) string { return t.lane }),
			texts("name", set, func(t timer) string { return t.name }),
			numbers("due_at", set, func(t timer) int64 { return *t.at }))})
	}
	if len(stop) > 0 {
		statements = append(statements, statement{stopTimers, s.table(
			texts("lane", stop, func(t timer) string { return t.lane }),
			texts("name", stop, func(t timer) string { return t.name }))})
	}
	if len(erasures) > 0 {
		statements = append(statements, statement{insertErased, s.table(
			texts("lane", erasures, func(e erasure) string { return e.lane }),
			texts("message_id", erasures, func(e erasure) string { return e.message }),
			numbers("now", erasures, func(erasure) int64 { return now }))})
	}
	if len(entries) > 0 {
		statements = append(statements, s.auditStatement(entries))
	}
	if len(wrong) > 0 {
		statements = append(statements, statement{insertWrong, s.table(
			texts("id", wrong, func(w wrongCode) string { return w.id }),
			numbers("at", wrong, func(w wrongCode) int64 { return w.at }))})
	}
	return statements
}

// lastTimers keeps the last word on each timer.
func lastTimers(timers []timer) (set, stop []timer) {
	type name struct{ lane, name string }
	last := make(map[name]timer)
	for _, t := range timers {
		last[name{t.lane, t.name}] = t
	}
	for _, t := range last {
		if t.at == nil {
			stop = append(stop, t)
		} else {
			set = append(set, t)
		}
	}
	return set, stop
}

func (s *Store) auditStatement(entries []entry) statement {
	return statement{insertAudit, s.table(
		texts("id", entries, func(e entry) string { return e.id }),
		numbers("at", entries, func(e entry) int64 { return micros(e.At) }),
		texts("actor", entries, func(e entry) string { return clean(e.Actor) }),
		texts("kind", entries, func(e entry) string { return clean(e.Kind) }),
		texts("link", entries, func(e entry) string { return clean(string(e.Link)) }),
		texts("ref", entries, func(e entry) string { return clean(e.Ref) }),
		texts("reason", entries, func(e entry) string { return clean(e.Reason) }))}
}

// RecordAudit adds a line to the audit table, outside of a turn.
func (s *Store) RecordAudit(ctx context.Context, a flows.Audit) error {
	st := s.auditStatement([]entry{{"record/" + rand.Text(), a}})
	if err := s.db.WithContext(ctx).Exec(st.sql, st.table).Error; err != nil {
		return fmt.Errorf("record an audit entry: %w", err)
	}
	return nil
}

// What was unsent loses its body, and so do the deeds made from it. The row stays, so that a redelivery is known.
const (
	wipeDeeds = `UPDATE deeds SET body = NULL WHERE body IS NOT NULL AND (lane, seq) IN (
	SELECT i.lane, i.seq FROM ? CROSS JOIN erased e CROSS JOIN inputs i
	WHERE e.lane = t.lane AND i.lane = t.lane AND i.seq BETWEEN t.first AND t.last AND i.message_id = e.message_id)`
	wipeInputs = `UPDATE inputs SET body = NULL WHERE body IS NOT NULL AND id IN (
	SELECT i.id FROM ? CROSS JOIN erased e CROSS JOIN inputs i
	WHERE e.lane = t.lane AND i.lane = t.lane AND i.seq BETWEEN t.first AND t.last AND i.message_id = e.message_id)`
)

// sweep erases unsent messages, whatever order things came in: a step that unsends looks through the whole lane; any
// other one looks at its own input, which may have been stored, or handed to its worker, while it was being unsent.
func (s *Store) sweep(tx *gorm.DB, live []liveStep) (swept bool, err error) {
	type reach struct {
		lane        string
		first, last int64
	}
	var reaches []reach
	for _, p := range live {
		unsends := false
		for _, r := range p.records {
			_, is := r.Record.(flows.Erase)
			unsends = unsends || is
		}
		switch {
		case unsends:
			reaches = append(reaches, reach{p.Lane, 0, math.MaxInt64})
		case p.erased && p.seq > 0:
			reaches = append(reaches, reach{p.Lane, p.seq, p.seq})
		}
	}
	if len(reaches) == 0 {
		return false, nil
	}
	for _, sql := range []string{wipeDeeds, wipeInputs} {
		result := tx.Exec(sql, s.table(
			texts("lane", reaches, func(r reach) string { return r.lane }),
			numbers("first", reaches, func(r reach) int64 { return r.first }),
			numbers("last", reaches, func(r reach) int64 { return r.last })))
		if result.Error != nil {
			return false, result.Error
		}
		swept = swept || result.RowsAffected > 0
	}
	return swept, nil
}

// emptyLog makes SQLite move its write-ahead log into the file and cut it off, where secure_delete has overwritten what
// was removed. It does so after something was erased, and again later when somebody was reading at that moment.
func (s *Store) emptyLog(erased bool) {
	if !s.sqlite() {
		return
	}
	s.scrub.Lock()
	defer s.scrub.Unlock()
	if !erased && !s.dirty {
		return
	}
	wait := 0 // milliseconds for readers to finish
	if erased {
		wait = 200
	}
	s.dirty = true
	err := s.db.Connection(func(conn *gorm.DB) error {
		if err := conn.Exec(fmt.Sprintf(`PRAGMA busy_timeout(%d)`, wait)).Error; err != nil {
			return err
		}
		var busy int
		err := conn.Raw(`PRAGMA wal_checkpoint(TRUNCATE)`).Row().Scan(&busy, new(int), new(int))
		s.dirty = err != nil || busy != 0
		if reset := conn.Exec(`PRAGMA ` + busyTimeout).Error; err == nil {
			err = reset
		}
		return err
	})
	if err != nil {
		s.log.Warn("what was erased may linger in the write-ahead log, trying again later", "err", err)
	}
}
