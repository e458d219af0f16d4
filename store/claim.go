package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"

	"gorm.io/gorm"

	"tsunagu/flows"
)

// unfinished holds for deeds that are not at their end. All of a lane are behind its settled number.
const unfinished = `state IN ('planned', 'sending', 'unknown')`

// nothingUnfinished holds for lanes with no such deed.
const nothingUnfinished = `(SELECT 1 FROM deeds d WHERE d.lane = lanes.lane AND d.seq > lanes.settled AND d.` + unfinished + ` LIMIT 1) IS NULL`

// A claimed lane, as its row is after the claim.
type claimed struct {
	Lane      string
	Fence     int64
	Tail      int64
	Done      int64
	Settled   int64
	Tries     int
	NextTimer *int64
}

// claimLanes takes what has been due longest. The rows are chosen and locked first, once: a subquery with LIMIT could
// be run again for every row. Whoever comes second passes over them.
//
// A lane that still has an owner was not given back: its worker is gone, and the input it had in hand was taken up in
// vain, unless it was busy with deeds of inputs before.
const claimLanes = `WITH due AS MATERIALIZED (
	SELECT lane AS due_lane FROM lanes WHERE due_at <= ? ORDER BY due_at LIMIT ?%s
) UPDATE lanes SET due_at = ?, fence = fence + 1, owner = true, paused = false,
	tries = tries + CASE WHEN owner AND ` + nothingUnfinished + ` THEN 1 ELSE 0 END
FROM due WHERE lane = due_lane
RETURNING lane, fence, tail, done, settled, tries, (SELECT min(m.due_at) FROM timers m WHERE m.lane = lanes.lane) AS next_timer`

// Claim hands out up to lanes due lanes to the caller alone, for as long as a lease, with up to arrivals waiting
// arrivals each. A lane comes with what was saved last: conversation, links, unfinished deeds. Timers that are due
// become arrivals. No claim is empty-handed.
//
// A lane with a body that does not open is left out until its lease ends: that takes another configuration, not
// another turn.
func (s *Store) Claim(ctx context.Context, lanes, arrivals int) (claims []flows.Claim, err error) {
	if lanes <= 0 || arrivals <= 0 {
		return nil, nil
	}
	again := false
	err = s.transaction(ctx, func(tx *gorm.DB) error {
		claims, again, err = s.claim(tx, lanes, arrivals)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("claim lanes: %w", err)
	}
	if again {
		s.signal()
	}
	return claims, nil
}

func (s *Store) claim(tx *gorm.DB, lanes, arrivals int) (claims []flows.Claim, again bool, err error) {
	now := s.now()
	until := now.Add(s.lease)
	var rows []claimed
	sql := fmt.Sprintf(claimLanes, s.forUpdate("SKIP LOCKED"))
	if err := tx.Raw(sql, micros(now), lanes, micros(until)).Scan(&rows).Error; err != nil || len(rows) == 0 {
		return nil, false, err
	}
	if err := s.ring(tx, rows); err != nil {
		return nil, false, err
	}
	// From here on a new statement sees all that earlier workers of these lanes saved.
	held, err := s.load(tx, rows, int64(arrivals))
	if err != nil {
		return nil, false, err
	}
	var empty []claimed
	for _, r := range rows {
		h := held[r.Lane]
		switch {
		case h.sealed != nil:
			s.log.Error("lane withheld: a body does not open", "row", h.sealed.row, "err", h.sealed.err)
		case len(h.claim.Arrivals) == 0 && len(h.claim.Unfinished) == 0:
			empty = append(empty, r)
		default:
			h.claim.Lane, h.claim.Fence, h.claim.Until, h.claim.Tries = r.Lane, r.Fence, until, r.Tries
			claims = append(claims, h.claim)
		}
	}
	if len(empty) == 0 {
		return claims, false, nil
	}
	return claims, true, s.settle(tx, empty, int64(arrivals))
}

// A ringing timer is due.
type ringing struct {
	Lane, Name string
	DueAt      int64
}

// ring turns the timers of the lanes that are due into arrivals.
func (s *Store) ring(tx *gorm.DB, rows []claimed) error {
	now := s.now()
	due := slices.DeleteFunc(slices.Clone(rows), func(r claimed) bool {
		return r.NextTimer == nil || *r.NextTimer > micros(now)
	})
	if len(due) == 0 {
		return nil
	}
	var timers []ringing
	names := make([]string, len(due))
	for i, r := range due {
		names[i] = r.Lane
	}
	err := tx.Raw(`DELETE FROM timers WHERE lane IN ? AND due_at <= ? RETURNING lane, name, due_at`, names, micros(now)).Scan(&timers).Error
	if err != nil {
		return err
	}
	slices.SortFunc(timers, func(a, b ringing) int {
		return cmp.Or(cmp.Compare(a.DueAt, b.DueAt), cmp.Compare(a.Name, b.Name))
	})
	arrivals := make([]flows.Arrival, len(timers))
	for i, t := range timers {
		arrivals[i] = flows.Arrival{
			ID:   "timer/" + t.Lane + "/" + t.Name + "/" + strconv.FormatInt(t.DueAt, 10),
			Lane: t.Lane, Sort: flows.FromTimer, At: now, Body: []byte(t.Name),
		}
	}
	inputs, err := s.inputs(arrivals)
	if err != nil {
		return err
	}
	return s.insert(tx, inputs)
}

// settleLanes gives back lanes that were due for nothing: a timer that was stopped meanwhile, or numbers that were
// handed out and not used, which are counted as done.
const settleLanes = `UPDATE lanes SET owner = false,
	done = CASE WHEN done + t.most < tail THEN done + t.most ELSE tail END,
	due_at = CASE WHEN done + t.most < tail THEN t.now ELSE (SELECT min(m.due_at) FROM timers m WHERE m.lane = lanes.lane) END
FROM ? WHERE lanes.lane = t.lane`

// settle does that with lanes in which no number up to done+most is in use.
func (s *Store) settle(tx *gorm.DB, rows []claimed, most int64) error {
	now := micros(s.now())
	return tx.Exec(settleLanes, s.table(
		texts("lane", rows, func(r claimed) string { return r.Lane }),
		numbers("most", rows, func(claimed) int64 { return most }),
		numbers("now", rows, func(claimed) int64 { return now }),
	)).Error
}

// A holding is what a lane holds.
type holding struct {
	claim  flows.Claim
	sealed *sealedError // the first body that does not open
}

type sealedError struct {
	row string
	err error
}

func (h *holding) fail(row string, err error) {
	if h.sealed == nil {
		h.sealed = &sealedError{row, err}
	}
}

// The joins name the short table first and are CROSS JOINs so that SQLite keeps that order.
const (
	waitingInputs = `SELECT i.id, i.lane, i.seq, i.sort, i.at, i.message_id,
	CASE WHEN i.message_id = '' OR (SELECT 1 FROM erased e WHERE e.lane = i.lane AND e.message_id = i.message_id) IS NULL THEN i.body END AS body
	FROM ? CROSS JOIN inputs i WHERE i.lane = t.lane AND i.seq > t.done AND i.seq <= t.done + ? ORDER BY i.lane, i.seq`
	unfinishedDeeds = `SELECT d.id, d.lane, d.seq, d.n, d.kind, d.state, d.tries, d.at, d.body, d.request_id, d.error
	FROM ? CROSS JOIN deeds d WHERE d.lane = t.lane AND d.seq > t.settled AND d.` + unfinished + ` ORDER BY d.lane, d.seq, d.n`
	conversationsOf = `SELECT c.lane, c.state FROM ? CROSS JOIN conversations c WHERE c.lane = t.lane`
	linksOf         = `SELECT l.lane, l.kind, l.ref, l.label, l.nickname, l.at FROM ? CROSS JOIN links l
	WHERE l.lane = t.lane ORDER BY l.lane, l.at, l.kind, l.ref`
)

// load reads what the lanes hold, with inputs numbered up to done+most.
func (s *Store) load(tx *gorm.DB, rows []claimed, most int64) (map[string]*holding, error) {
	held := make(map[string]*holding, len(rows))
	for _, r := range rows {
		held[r.Lane] = &holding{}
	}
	lanes := texts("lane", rows, func(r claimed) string { return r.Lane })
	done := numbers("done", rows, func(r claimed) int64 { return r.Done })

	var waiting []struct {
		ID, Lane, Sort, MessageID string
		Seq, At                   int64
		Body                      []byte
	}
	if err := tx.Raw(waitingInputs, s.table(lanes, done), most).Scan(&waiting).Error; err != nil {
		return nil, err
	}
	for _, r := range waiting {
		h := held[r.Lane]
		body, err := s.keys.open(inputRow(r.ID), r.Body)
		if err != nil {
			h.fail(inputRow(r.ID), err)
		}
		h.claim.Arrivals = append(h.claim.Arrivals, flows.Arrival{
			ID: r.ID, Lane: r.Lane, Seq: r.Seq, Sort: r.Sort, At: fromMicros(r.At), MessageID: r.MessageID, Body: body,
		})
	}

	var deeds []struct {
		ID, Lane, Kind, State, RequestID, Error string
		Seq, At                                 int64
		N, Tries                                int
		Body                                    []byte
	}
	settled := numbers("settled", rows, func(r claimed) int64 { return r.Settled })
	if err := tx.Raw(unfinishedDeeds, s.table(lanes, settled)).Scan(&deeds).Error; err != nil {
		return nil, err
	}
	for _, r := range deeds {
		h := held[r.Lane]
		body, err := s.keys.open(deedRow(r.ID), r.Body)
		if err != nil {
			h.fail(deedRow(r.ID), err)
		}
		h.claim.Unfinished = append(h.claim.Unfinished, flows.Deed{
			ID: r.ID, Lane: r.Lane, Seq: r.Seq, N: r.N, Kind: r.Kind, State: r.State, Tries: r.Tries,
			At: fromMicros(r.At), Body: body, RequestID: r.RequestID, Error: r.Error,
		})
	}

	var conversations []struct{ Lane, State string }
	if err := tx.Raw(conversationsOf, s.table(lanes)).Scan(&conversations).Error; err != nil {
		return nil, err
	}
	for _, r := range conversations {
		h := held[r.Lane]
		c, err := flows.DecodeConversation([]byte(r.State))
		if err != nil {
			h.fail("conversation", err)
		}
		h.claim.Conversation = c
	}

	var links []struct {
		Lane, Kind, Ref, Label, Nickname string
		At                               int64
	}
	if err := tx.Raw(linksOf, s.table(lanes)).Scan(&links).Error; err != nil {
		return nil, err
	}
	for _, r := range links {
		c := &held[r.Lane].claim.Conversation
		c.Links = append(c.Links, flows.Link{
			Kind: flows.LinkKind(r.Kind), Ref: r.Ref, Label: r.Label, Nickname: r.Nickname, At: fromMicros(r.At),
		})
	}
	return held, nil
}
