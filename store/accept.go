package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"gorm.io/gorm"

	"tsunagu/flows"
)

// errRaced says that another process stored the same arrival at the same moment.
var errRaced = errors.New("stored by another process at this moment")

// maxKey is how long IDs and lanes may be, in bytes. They are keys of indexes.
const maxKey = 500

// An input is an arrival as it is stored.
type input struct {
	flows.Arrival
	place int64 // among the others of its statement
	at    int64
	body  []byte // sealed
}

// Accept stores arrivals durably and makes their lanes due. An arrival whose ID is known is dropped; the others get the
// next numbers of their lanes, in the order in which they are given. The arrivals of one call are stored all or not at
// all; on an error they may have been stored all the same, and giving them again does no harm.
//
// Calls share commits. The end of ctx is noticed before, not during one.
func (s *Store) Accept(ctx context.Context, arrivals []flows.Arrival) error {
	if len(arrivals) == 0 {
		return ctx.Err()
	}
	rows, err := s.inputs(arrivals)
	if err == nil {
		err = s.accepts.do(ctx, rows)
	}
	if err != nil {
		return fmt.Errorf("accept: %w", err)
	}
	return nil
}

// inputs seals arrivals and checks that they can be stored.
func (s *Store) inputs(arrivals []flows.Arrival) ([]input, error) {
	rows := make([]input, len(arrivals))
	for i, a := range arrivals {
		if !isKey(a.ID) || !isKey(a.Lane) {
			return nil, errors.New("an arrival's ID or lane is empty, too long, or not text")
		}
		a.MessageID, a.Sort = clean(a.MessageID), clean(a.Sort)
		rows[i] = input{Arrival: a, at: micros(a.At), body: s.keys.seal(inputRow(a.ID), a.Body)}
		rows[i].Body = nil
	}
	return rows, nil
}

func isKey(text string) bool {
	return text != "" && len(text) <= maxKey && utf8.ValidString(text) && !strings.Contains(text, "\x00")
}

// inputRow and deedRow name rows for sealing.
func inputRow(id string) string { return "input " + id }
func deedRow(id string) string  { return "deed " + id }

// commitArrivals commits the arrivals of several calls. Doing it twice does no harm: their IDs are known then.
func (s *Store) commitArrivals(calls [][]input) ([]error, error) {
	rows := slices.Concat(calls...)
	err := s.insist(func(ctx context.Context, _ bool) error {
		db := s.db.WithContext(ctx)
		if len(rows) <= maxRows && !s.sqlite() {
			return s.insert(db, rows) // one statement is a transaction
		}
		return db.Transaction(func(tx *gorm.DB) error { return s.insert(tx, rows) })
	})
	if err == nil {
		s.signal()
	}
	return nil, err
}

// insert numbers and stores inputs, whose order within a lane is kept, and makes their lanes due. Of several with one
// ID the first is taken. More than maxRows need a transaction.
func (s *Store) insert(db *gorm.DB, rows []input) error {
	seen := make(map[string]bool, len(rows))
	fresh := make([]input, 0, len(rows))
	for _, r := range rows {
		if !seen[r.ID] {
			seen[r.ID] = true
			fresh = append(fresh, r)
		}
	}
	// By lane, for the locks of several chunks are taken in that order too.
	slices.SortStableFunc(fresh, func(a, b input) int { return cmp.Compare(a.Lane, b.Lane) })
	for chunk := range slices.Chunk(fresh, maxRows) {
		if err := s.insertChunk(db, chunk); err != nil {
			return err
		}
	}
	return nil
}

const (
	// numberLanes raises tails by the number of new inputs. In the order of lanes, so that two commits do not wait for
	// each other; a lane with a worker or backing off is due already, at a time that stays.
	numberLanes = `INSERT INTO lanes AS l (lane, tail, done, due_at, owner, paused, fence, tries)
	SELECT f.lane, count(*), 0, CAST(? AS BIGINT), false, false, 0, 0 FROM fresh f WHERE true GROUP BY f.lane ORDER BY f.lane %s
	ON CONFLICT (lane) DO UPDATE SET tail = l.tail + excluded.tail,
		due_at = CASE WHEN l.owner OR l.paused OR l.due_at < excluded.due_at THEN l.due_at ELSE excluded.due_at END`

	// insertInputs counts back from the raised tail. The body of a message that was unsent before it came is never
	// claimed, and goes when it is turned.
	insertInputs = `INSERT INTO inputs (lane, seq, id, sort, at, message_id, body)
	SELECT f.lane, n.tail - f.behind, f.id, f.sort, f.at, f.message_id, f.body
	FROM fresh f %s n ON n.lane = f.lane ORDER BY f.id %s`
)

// What is known already is left out before lanes are numbered. When two processes store the same ID at the same moment
// the later one fails, and finds it known when it tries again. ON CONFLICT would spare it that, and make every event
// dearer: PostgreSQL then writes each row twice to its log.
//
// Every lane is on both sides of PostgreSQL's FULL JOIN. It stands for JOIN, because it cannot be run as a loop in a
// loop, which the planner would choose: it takes arrays to be short.
var (
	insertPostgres = `WITH fresh AS MATERIALIZED (
	SELECT t.*, row_number() OVER (PARTITION BY t.lane ORDER BY t.place DESC) - 1 AS behind
	FROM ? WHERE (SELECT 1 FROM inputs i WHERE i.id = t.id) IS NULL
), numbered AS (
	` + fmt.Sprintf(numberLanes, `COLLATE "C"`) + ` RETURNING l.lane, l.tail
) ` + fmt.Sprintf(insertInputs, "FULL JOIN numbered", `COLLATE "C"`)

	// SQLite has no statements within statements; it needs none, for the transaction is alone.
	numberSQLite = `WITH fresh AS (SELECT t.lane FROM ? WHERE (SELECT 1 FROM inputs i WHERE i.id = t.id) IS NULL) ` +
		fmt.Sprintf(numberLanes, "")
	insertSQLite = `WITH fresh AS MATERIALIZED (
	SELECT t.*, row_number() OVER (PARTITION BY t.lane ORDER BY t.place DESC) - 1 AS behind
	FROM ? WHERE (SELECT 1 FROM inputs i WHERE i.id = t.id) IS NULL
) ` + fmt.Sprintf(insertInputs, "JOIN lanes", "")
)

func (s *Store) insertChunk(db *gorm.DB, rows []input) error {
	for i := range rows {
		rows[i].place = int64(i)
	}
	id := texts("id", rows, func(r input) string { return r.ID })
	lane := texts("lane", rows, func(r input) string { return r.Lane })
	all := s.table(id, lane,
		numbers("place", rows, func(r input) int64 { return r.place }),
		texts("sort", rows, func(r input) string { return r.Sort }),
		numbers("at", rows, func(r input) int64 { return r.at }),
		texts("message_id", rows, func(r input) string { return r.MessageID }),
		blobs("body", rows, func(r input) []byte { return r.body }))
	now := micros(s.now())
	if !s.sqlite() {
		err := db.Exec(insertPostgres, all, now).Error
		if errors.Is(err, gorm.ErrDuplicatedKey) {
			return errRaced
		}
		return err
	}
	if err := db.Exec(numberSQLite, s.table(id, lane), now).Error; err != nil {
		return err
	}
	return db.Exec(insertSQLite, all).Error
}

// Counts is how many lanes are due, at most 10,000, and since when the oldest is; zero when none is.
func (s *Store) Counts(ctx context.Context) (due int, oldest time.Time, err error) {
	var found struct {
		N      int
		Oldest *int64
	}
	err = s.reads.WithContext(ctx).Raw(`SELECT count(*) AS n, min(due_at) AS oldest FROM
		(SELECT due_at FROM lanes WHERE due_at <= ? ORDER BY due_at LIMIT 10000) AS t`, micros(s.now())).Scan(&found).Error
	if err != nil {
		return 0, time.Time{}, fmt.Errorf("count due lanes: %w", err)
	}
	if found.Oldest != nil {
		oldest = fromMicros(*found.Oldest)
	}
	return found.N, oldest, nil
}
