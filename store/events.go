package store

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"gorm.io/gorm"

	"tsunagu/flows"
)

// An Event is the fate of one arrival: what became of it, and of the calls that followed from it.
type Event struct {
	ID, Lane, Sort string
	Seq            int64
	AcceptedAt     time.Time
	TurnedAt       time.Time // zero while it waits
	Fate           string    // "" while it waits
	Reason         string
	TurnedBy       string       // the build of the program that turned it; "" while it waits
	Deeds          []flows.Deed // without their bodies
}

var (
	// ErrNoEvent: there is no arrival with this ID, or not any more.
	ErrNoEvent = errors.New("no such event")
	// ErrNothingToRetry: nothing of the event was given up on, or what it held was erased.
	ErrNothingToRetry = errors.New("nothing of this event was given up on, or it was erased")
)

// Event tells the fate of the arrival with this ID. It fails with ErrNoEvent.
func (s *Store) Event(ctx context.Context, id string) (Event, error) {
	events, err := s.events(ctx, `i.id = ?`, clean(id))
	if err != nil {
		return Event{}, fmt.Errorf("look up an event: %w", err)
	}
	if len(events) == 0 {
		return Event{}, ErrNoEvent
	}
	return events[0], nil
}

// FailedEvents are those that were given up on, or with a message that failed or whose outcome nobody knows; the newest
// first. Menus are left out: a person's next link or follow sets them again.
func (s *Store) FailedEvents(ctx context.Context, limit int) ([]Event, error) {
	events, err := s.events(ctx, `i.id IN (SELECT id FROM given_up ORDER BY at DESC LIMIT ?)`, limit)
	if err != nil {
		return nil, fmt.Errorf("list failed events: %w", err)
	}
	return events, nil
}

func (s *Store) events(ctx context.Context, where string, args ...any) ([]Event, error) {
	var rows []struct {
		ID, Lane, Sort string
		Seq, At        int64
		TurnedAt       *int64
		Fate, Reason   *string
		TurnedBy       *string
	}
	db := s.reads.WithContext(ctx)
	err := db.Raw(`SELECT i.id, i.lane, i.sort, i.seq, i.at, i.turned_at, i.turned_by, i.fate, i.reason FROM inputs i WHERE `+where+` ORDER BY i.at DESC, i.id`, args...).Scan(&rows).Error
	if err != nil {
		return nil, err
	}
	events := make([]Event, len(rows))
	for i, r := range rows {
		e := Event{ID: r.ID, Lane: r.Lane, Sort: r.Sort, Seq: r.Seq, AcceptedAt: fromMicros(r.At)}
		if r.TurnedAt != nil {
			e.TurnedAt = fromMicros(*r.TurnedAt)
		}
		if r.Fate != nil {
			e.Fate = *r.Fate
		}
		if r.Reason != nil {
			e.Reason = *r.Reason
		}
		if r.TurnedBy != nil {
			e.TurnedBy = *r.TurnedBy
		}
		var deeds []struct {
			ID, Kind, State, RequestID, Error string
			N, Tries                          int
			At                                int64
		}
		err := db.Raw(`SELECT d.id, d.n, d.kind, d.state, d.tries, d.at, d.request_id, d.error FROM deeds d WHERE d.lane = ? AND d.seq = ? ORDER BY n`, r.Lane, r.Seq).Scan(&deeds).Error
		if err != nil {
			return nil, err
		}
		for _, d := range deeds {
			e.Deeds = append(e.Deeds, flows.Deed{
				ID: d.ID, Lane: r.Lane, Seq: r.Seq, N: d.N, Kind: d.Kind, State: d.State, Tries: d.Tries,
				At: fromMicros(d.At), RequestID: d.RequestID, Error: d.Error,
			})
		}
		events[i] = e
	}
	return events, nil
}

// RetryEvent takes up again what was given up on. A parked arrival arrives anew, behind what waits in its lane; failed
// calls are planned again, and go out as pushes where their reply token is spent. Calls in doubt are left alone: they
// may have been heard. It fails with ErrNoEvent and ErrNothingToRetry.
func (s *Store) RetryEvent(ctx context.Context, id string) error {
	err := s.transaction(ctx, func(tx *gorm.DB) error {
		var rows []struct {
			ID, Lane, Sort, MessageID string
			Seq                       int64
			Fate                      *string
			Body                      []byte
		}
		err := tx.Raw(`SELECT id, lane, sort, message_id, seq, fate, body FROM inputs WHERE id = ?`+s.forUpdate(""), clean(id)).Scan(&rows).Error
		if err != nil {
			return err
		}
		if len(rows) == 0 {
			return ErrNoEvent
		}
		r := rows[0]
		if r.Fate != nil && *r.Fate == flows.Parked && r.Body != nil {
			return s.arriveAgain(tx, r.ID, r.Lane, r.Sort, r.MessageID, r.Seq, r.Body)
		}
		planned := tx.Exec(`UPDATE deeds SET state = 'planned', updated_at = ? WHERE lane = ? AND seq = ? AND state = 'failed' AND body IS NOT NULL`,
			micros(s.now()), r.Lane, r.Seq)
		if planned.Error != nil {
			return planned.Error
		}
		if planned.RowsAffected == 0 {
			return ErrNothingToRetry
		}
		err = tx.Exec(`UPDATE lanes SET settled = CASE WHEN settled < ? THEN settled ELSE ? END, due_at = CASE WHEN owner THEN due_at ELSE ? END WHERE lane = ?`,
			r.Seq, r.Seq-1, micros(s.now()), r.Lane).Error
		if err != nil {
			return err
		}
		return tx.Exec(`DELETE FROM given_up WHERE id = ?`, r.ID).Error
	})
	if err != nil {
		return fmt.Errorf("retry %s: %w", id, err)
	}
	s.signal()
	return nil
}

func (s *Store) arriveAgain(tx *gorm.DB, id, lane, sort, messageID string, seq int64, sealed []byte) error {
	body, err := s.keys.open(inputRow(id), sealed)
	if err != nil {
		return err
	}
	rows, err := s.inputs([]flows.Arrival{{
		ID: id + "/again/" + strconv.FormatInt(seq, 10), Lane: lane, Sort: sort, At: s.now(), MessageID: messageID, Body: body,
	}})
	if err != nil {
		return err
	}
	if err := tx.Exec(`UPDATE inputs SET fate = ? WHERE id = ?`, flows.Retried, id).Error; err != nil {
		return err
	}
	if err := tx.Exec(`DELETE FROM given_up WHERE id = ?`, id).Error; err != nil {
		return err
	}
	return s.insert(tx, rows)
}
