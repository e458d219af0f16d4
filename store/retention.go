package store

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm"
)

// LeastKept is how long the IDs of events have to be known at least. LINE does not say for how long it may deliver an
// event again; a week is longer than anything seen (line-platform §1.2).
const LeastKept = 7 * 24 * time.Hour

const (
	// sweptAtOnce is how many rows one transaction of a sweep deletes: few enough that nobody waits for it.
	sweptAtOnce = 500
	// sweepPause is the rest between two of them.
	sweepPause = 20 * time.Millisecond
	// wrongKept, expiredKept and signInsKept are how long it is of use that somebody guessed or could have signed in.
	wrongKept, expiredKept, signInsKept = 24 * time.Hour, 24 * time.Hour, 7 * 24 * time.Hour
)

// SweepChats deletes support sessions that ended before a time, with all that was said in them, and sign-ins of operators that
// are long over. It goes in small transactions like Sweep.
func (s *Store) SweepChats(ctx context.Context, before time.Time) (swept map[string]int, err error) {
	swept = map[string]int{}
	for more := true; more; {
		var ids []string
		err := s.transaction(ctx, func(tx *gorm.DB) error {
			ids = nil
			if err := tx.Raw(`SELECT id FROM help_sessions WHERE phase = 'closed' AND ended_at < ? ORDER BY ended_at LIMIT ?`, micros(before), sweptAtOnce/10).Scan(&ids).Error; err != nil || len(ids) == 0 {
				return err
			}
			for table, key := range map[string]string{"help_grams": "session", "help_entries": "session", "help_files": "session", "help_sessions": "id"} {
				done := tx.Exec(fmt.Sprintf(`DELETE FROM %s WHERE %s IN ?`, table, key), ids)
				if done.Error != nil {
					return done.Error
				}
				swept[table] += int(done.RowsAffected)
			}
			return nil
		})
		if err == nil {
			if more = len(ids) == sweptAtOnce/10; more {
				err = rest(ctx)
			}
		}
		if err != nil {
			return swept, fmt.Errorf("sweep chats: %w", err)
		}
	}
	done := s.db.WithContext(ctx).Exec(`DELETE FROM operator_sessions WHERE began_at < ?`, micros(s.wall().Add(-2*wholeSession)))
	if done.Error != nil {
		return swept, fmt.Errorf("sweep sign-ins of operators: %w", done.Error)
	}
	swept["operator_sessions"] = int(done.RowsAffected)
	s.emptyLog(s.sqlite() && swept["help_sessions"] > 0)
	return swept, nil
}

// Sweep deletes what was kept for long enough, in small transactions with rests between them, and tells how many rows
// of each table went. Events go with what was answered, keep after they came, even those that were given up on; one
// that waits, or has a call that is not at its end, stays. Expired tokens, old guesses and the marks of unsent messages
// go, too. keep is raised to LeastKept.
//
// Several processes may sweep at the same time. When ctx ends the rest is left for the next time.
func (s *Store) Sweep(ctx context.Context, keep time.Duration) (swept map[string]int, err error) {
	now := s.now()
	swept = map[string]int{}
	old := now.Add(-max(keep, LeastKept))
	if err := s.sweepEvents(ctx, old, swept); err != nil {
		return swept, fmt.Errorf("sweep events: %w", err)
	}
	for _, t := range []struct {
		table, key, at string
		before         time.Time
	}{
		{"erased", "(lane, message_id)", "at", old},
		{"wrong_codes", "id", "at", now.Add(-wrongKept)},
		{"link_tokens", "hash", "expires_at", now.Add(-expiredKept)},
		{"nonces", "hash", "expires_at", now.Add(-expiredKept)},
		{"sign_ins", "hash", "updated_at", now.Add(-signInsKept)},
	} {
		columns := t.key
		if columns[0] == '(' {
			columns = columns[1 : len(columns)-1]
		}
		sql := fmt.Sprintf(`DELETE FROM %s WHERE %s IN (SELECT %s FROM %s WHERE %s < ? ORDER BY %s LIMIT ?)`, t.table, t.key, columns, t.table, t.at, t.at)
		for more := true; more; {
			done := s.db.WithContext(ctx).Exec(sql, micros(t.before), sweptAtOnce)
			if done.Error != nil {
				return swept, fmt.Errorf("sweep %s: %w", t.table, done.Error)
			}
			swept[t.table] += int(done.RowsAffected)
			if more = done.RowsAffected == sweptAtOnce; more {
				err = rest(ctx)
			}
			if err != nil {
				return swept, err
			}
		}
	}
	s.emptyLog(s.sqlite() && swept["inputs"] > 0)
	return swept, nil
}

// An oldInput may be swept.
type oldInput struct {
	Lane string
	Seq  int64
	ID   string
	At   int64
	Over bool // it was turned, and so were its calls
}

// oldInputs are the next ones from a time on. Those that somebody has in hand are passed over.
const oldInputs = `SELECT i.lane, i.seq, i.id, i.at, i.fate IS NOT NULL AND i.seq <= l.settled AS over FROM inputs i JOIN lanes l ON l.lane = i.lane
WHERE i.at < ? AND (i.at > ? OR i.at = ? AND i.id > ?) ORDER BY i.at, i.id LIMIT ?`

const (
	sweepDeeds   = `DELETE FROM deeds WHERE (lane, seq) IN (SELECT t.lane, t.seq FROM ?)`
	sweepGivenUp = `DELETE FROM given_up WHERE id IN (SELECT t.id FROM ?)`
	sweepInputs  = `DELETE FROM inputs WHERE (lane, seq) IN (SELECT t.lane, t.seq FROM ?)`
)

// sweepEvents walks from the oldest event to those that are kept.
func (s *Store) sweepEvents(ctx context.Context, old time.Time, swept map[string]int) error {
	last := oldInput{At: -1}
	for {
		var rows []oldInput
		counts := map[string]int{}
		err := s.transaction(ctx, func(tx *gorm.DB) error {
			rows, counts = nil, map[string]int{}
			err := tx.Raw(oldInputs+s.forUpdate("OF i SKIP LOCKED"), micros(old), last.At, last.At, last.ID, sweptAtOnce).Scan(&rows).Error
			if err != nil {
				return err
			}
			var over []oldInput
			for _, r := range rows {
				if r.Over {
					over = append(over, r)
				}
			}
			if len(over) == 0 {
				return nil
			}
			places := s.table(texts("lane", over, func(r oldInput) string { return r.Lane }), numbers("seq", over, func(r oldInput) int64 { return r.Seq }))
			ids := s.table(texts("id", over, func(r oldInput) string { return r.ID }))
			for _, step := range []struct {
				table string
				statement
			}{
				{"deeds", statement{sweepDeeds, places}},
				{"given_up", statement{sweepGivenUp, ids}},
				{"inputs", statement{sweepInputs, places}},
			} {
				done := tx.Exec(step.sql, step.statement.table)
				if done.Error != nil {
					return done.Error
				}
				counts[step.table] = int(done.RowsAffected)
			}
			return nil
		})
		if err != nil {
			return err
		}
		for table, n := range counts {
			swept[table] += n
		}
		if len(rows) < sweptAtOnce {
			return nil
		}
		last = rows[len(rows)-1]
		if err := rest(ctx); err != nil {
			return err
		}
	}
}

// rest lets others go on.
func rest(ctx context.Context) error {
	pause := time.NewTimer(sweepPause)
	defer pause.Stop()
	select {
	case <-pause.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
