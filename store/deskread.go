package store

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"tsunagu/flows"
)

// What the desk shows.

// DeskState is the desk as it is now.
func (s *Store) DeskState(ctx context.Context) (flows.DeskState, error) {
	var row deskRow
	if err := s.reads.WithContext(ctx).Raw(`SELECT version, auto, day, opens, closes FROM desk WHERE id = 1`).Scan(&row).Error; err != nil {
		return flows.DeskState{}, fmt.Errorf("read the desk: %w", err)
	}
	return flows.DeskState{Version: row.Version, Auto: row.Auto, Exception: row.exception()}, nil
}

func (s *Store) deskRows(ctx context.Context, sql string, args ...any) ([]flows.DeskRow, error) {
	var rows []sessionRow
	if err := s.reads.WithContext(ctx).Raw(sql, args...).Scan(&rows).Error; err != nil {
		return nil, fmt.Errorf("list sessions: %w", err)
	}
	all := make([]flows.DeskRow, len(rows))
	for i, r := range rows {
		all[i] = r.row()
	}
	return all, nil
}

// mostOpen bounds the lists of sessions that go on.
const mostOpen = 2000

// OpenSessions are those that go on: waiting, connected, being written, left.
func (s *Store) OpenSessions(ctx context.Context) ([]flows.DeskRow, error) {
	return s.deskRows(ctx, `SELECT * FROM help_sessions WHERE phase <> 'closed' ORDER BY phase, last_at, id LIMIT ?`, mostOpen)
}

// ChangedSessions are those with a version after one, in the order of their versions.
func (s *Store) ChangedSessions(ctx context.Context, after int64) ([]flows.DeskRow, error) {
	return s.deskRows(ctx, `SELECT * FROM help_sessions WHERE version > ? ORDER BY version LIMIT ?`, after, mostOpen)
}

// ClosedSessions is a page of those that are over, the latest first: those before a session of the page before, by its end
// and ID; zero for the first page.
func (s *Store) ClosedSessions(ctx context.Context, before time.Time, id string, limit int) ([]flows.DeskRow, error) {
	if before.IsZero() {
		return s.deskRows(ctx, `SELECT * FROM help_sessions WHERE phase = 'closed' ORDER BY ended_at DESC, id DESC LIMIT ?`, limit)
	}
	return s.deskRows(ctx, `SELECT * FROM help_sessions WHERE phase = 'closed' AND (ended_at, id) < (?, ?) ORDER BY ended_at DESC, id DESC LIMIT ?`, micros(before), clean(id), limit)
}

// SessionsOf are a person's sessions, the latest first.
func (s *Store) SessionsOf(ctx context.Context, lane string, limit int) ([]flows.DeskRow, error) {
	return s.deskRows(ctx, `SELECT * FROM help_sessions WHERE lane = ? ORDER BY began_at DESC LIMIT ?`, lane, limit)
}

// Session is one session: flows.ErrNoSession.
func (s *Store) Session(ctx context.Context, id string) (flows.DeskRow, error) {
	rows, err := s.deskRows(ctx, `SELECT * FROM help_sessions WHERE id = ?`, clean(id))
	if err == nil && len(rows) == 0 {
		err = flows.ErrNoSession
	}
	if err != nil {
		return flows.DeskRow{}, err
	}
	return rows[0], nil
}

// mostEntries bounds a transcript that is read at once.
const mostEntries = 2000

// Transcript is what was said in a session, in order: what is new or has changed after a version.
func (s *Store) Transcript(ctx context.Context, session string, after int64) ([]flows.DeskEntry, error) {
	var rows []struct {
		Session, ID, Who, Name, Kind, Text, MessageID, Attachment, Delivery, Error string
		Pos, At, Version                                                           int64
		Erased                                                                     bool
	}
	err := s.reads.WithContext(ctx).Raw(`SELECT * FROM help_entries WHERE session = ? AND version > ? ORDER BY pos LIMIT ?`, clean(session), after, mostEntries).Scan(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("read a transcript: %w", err)
	}
	all := make([]flows.DeskEntry, len(rows))
	for i, r := range rows {
		e := flows.DeskEntry{Pos: r.Pos, Error: r.Error, Erased: r.Erased, Version: r.Version}
		e.ID, e.Session, e.At, e.By, e.Name, e.Kind, e.Text, e.Message, e.Delivery = r.ID, r.Session, fromMicros(r.At), r.Who, r.Name, r.Kind, r.Text, r.MessageID, r.Delivery
		if r.Attachment != "" {
			if err := json.Unmarshal([]byte(r.Attachment), &e.Attachment); err != nil {
				return nil, fmt.Errorf("read a transcript: %w", err)
			}
		}
		all[i] = e
	}
	return all, nil
}

// Notes are the notes that were written after a version, in all sessions.
func (s *Store) Notes(ctx context.Context, after int64) (notes []flows.Entry, err error) {
	var rows []struct{ Session, Name, Text string }
	err = s.reads.WithContext(ctx).Raw(`SELECT session, name, text FROM help_entries WHERE who = 'note' AND version > ? ORDER BY version LIMIT ?`, after, mostEntries).Scan(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("read notes: %w", err)
	}
	for _, r := range rows {
		notes = append(notes, flows.Entry{Session: r.Session, By: flows.ByNote, Name: r.Name, Text: r.Text})
	}
	return notes, nil
}

// LinksOf are a person's links.
func (s *Store) LinksOf(ctx context.Context, lane string) ([]flows.Link, error) {
	var rows []struct {
		Kind, Ref, Label, Nickname string
		At                         int64
	}
	err := s.reads.WithContext(ctx).Raw(`SELECT kind, ref, label, nickname, at FROM links WHERE lane = ? ORDER BY at, kind, ref`, lane).Scan(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("read links: %w", err)
	}
	all := make([]flows.Link, len(rows))
	for i, r := range rows {
		all[i] = flows.Link{Kind: flows.LinkKind(r.Kind), Ref: r.Ref, Label: r.Label, Nickname: r.Nickname, At: fromMicros(r.At)}
	}
	return all, nil
}

// Recent is what happened last in a lane before a moment, oldest first, with the calls that followed; bodies that were
// erased are empty.
func (s *Store) Recent(ctx context.Context, lane string, before time.Time, limit int) (arrivals []flows.Arrival, deeds []flows.Deed, err error) {
	db := s.reads.WithContext(ctx)
	var rows []struct {
		ID, Sort, MessageID string
		Seq, At             int64
		Body                []byte
	}
	err = db.Raw(`SELECT id, sort, message_id, seq, at, body FROM inputs WHERE lane = ? AND at < ? ORDER BY seq DESC LIMIT ?`, lane, micros(before), limit).Scan(&rows).Error
	if err != nil || len(rows) == 0 {
		return nil, nil, err
	}
	slices.Reverse(rows)
	for _, r := range rows {
		body, err := s.keys.open(inputRow(r.ID), r.Body)
		if err != nil {
			return nil, nil, fmt.Errorf("read what happened: %w", err)
		}
		arrivals = append(arrivals, flows.Arrival{ID: r.ID, Lane: lane, Seq: r.Seq, Sort: r.Sort, At: fromMicros(r.At), MessageID: r.MessageID, Body: body})
	}
	var done []struct {
		ID, Kind, State string
		Seq, At         int64
		N               int
		Body            []byte
	}
	err = db.Raw(`SELECT id, kind, state, seq, at, n, body FROM deeds WHERE lane = ? AND seq BETWEEN ? AND ? ORDER BY seq, n`,
		lane, rows[0].Seq, rows[len(rows)-1].Seq).Scan(&done).Error
	if err != nil {
		return nil, nil, fmt.Errorf("read what was answered: %w", err)
	}
	for _, r := range done {
		body, err := s.keys.open(deedRow(r.ID), r.Body)
		if err != nil {
			return nil, nil, fmt.Errorf("read what was answered: %w", err)
		}
		deeds = append(deeds, flows.Deed{ID: r.ID, Lane: lane, Seq: r.Seq, N: r.N, Kind: r.Kind, State: r.State, At: fromMicros(r.At), Body: body})
	}
	return arrivals, deeds, nil
}

// Arrival is one arrival of a lane; ok is false when it is gone. Its body is empty when it was erased.
func (s *Store) Arrival(ctx context.Context, lane string, seq int64) (a flows.Arrival, ok bool, err error) {
	var rows []struct {
		ID, Sort, MessageID string
		At                  int64
		Body                []byte
	}
	err = s.reads.WithContext(ctx).Raw(`SELECT id, sort, message_id, at, body FROM inputs WHERE lane = ? AND seq = ?`, lane, seq).Scan(&rows).Error
	if err != nil || len(rows) == 0 {
		return a, false, err
	}
	body, err := s.keys.open(inputRow(rows[0].ID), rows[0].Body)
	if err != nil {
		return a, false, fmt.Errorf("read an arrival: %w", err)
	}
	return flows.Arrival{ID: rows[0].ID, Lane: lane, Seq: seq, Sort: rows[0].Sort, At: fromMicros(rows[0].At), MessageID: rows[0].MessageID, Body: body}, true, nil
}

// Talking are the people who wrote to the automatic side since then and have no session, the latest first.
func (s *Store) Talking(ctx context.Context, since time.Time, limit int) (lanes []string, at []time.Time, err error) {
	var rows []struct {
		Lane string
		Last int64
	}
	err = s.reads.WithContext(ctx).Raw(`SELECT lane, max(at) AS last FROM (SELECT lane, at FROM inputs WHERE at >= ? AND sort IN ('line', 'secret') ORDER BY at DESC LIMIT 2000) AS lately
		WHERE lane NOT IN (SELECT lane FROM help_sessions WHERE phase <> 'closed' AND phase IN ('queued', 'connected', 'writing')) AND lane LIKE 'U%' GROUP BY lane ORDER BY last DESC LIMIT ?`, micros(since), limit).Scan(&rows).Error
	if err != nil {
		return nil, nil, fmt.Errorf("list who talks to the bot: %w", err)
	}
	for _, r := range rows {
		lanes, at = append(lanes, r.Lane), append(at, fromMicros(r.Last))
	}
	return lanes, at, nil
}

// Search finds entries that hold a text of two characters or more, the latest first. Width, case and spaces do not matter.
func (s *Store) Search(ctx context.Context, text string, limit int) ([]flows.DeskHit, error) {
	want := normal(text)
	if utf8.RuneCountInString(want) < 2 {
		return nil, nil
	}
	grams := gramsOf(want)
	if len(grams) > 8 {
		grams = grams[:8]
	}
	sql, args := `SELECT g.session, g.pos FROM help_grams g WHERE g.gram = ?`, []any{grams[0]}
	for i, g := range grams[1:] {
		name := "g" + itoa(i)
		sql += ` AND EXISTS (SELECT 1 FROM help_grams ` + name + ` WHERE ` + name + `.gram = ? AND ` + name + `.session = g.session AND ` + name + `.pos = g.pos)`
		args = append(args, g)
	}
	var rows []struct {
		Session, Text, Who, Name string
		At                       int64
	}
	const candidates = 500
	err := s.reads.WithContext(ctx).Raw(`SELECT e.session, e.text, e.who, e.at, h.name FROM (`+sql+` ORDER BY g.pos DESC LIMIT ?) AS f
		JOIN help_entries e ON e.session = f.session AND e.pos = f.pos JOIN help_sessions h ON h.id = e.session ORDER BY e.pos DESC`, append(args, candidates)...).Scan(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("search transcripts: %w", err)
	}
	var hits []flows.DeskHit
	for _, r := range rows {
		if strings.Contains(normal(r.Text), want) && len(hits) < limit {
			hits = append(hits, flows.DeskHit{Session: r.Session, Name: r.Name, Text: r.Text, By: r.Who, At: fromMicros(r.At)})
		}
	}
	return hits, nil
}

// CannedReplies lists them by title.
func (s *Store) CannedReplies(ctx context.Context) (all []flows.CannedReply, err error) {
	err = s.reads.WithContext(ctx).Raw(`SELECT id, title, text FROM canned_replies ORDER BY title, id`).Scan(&all).Error
	if err != nil {
		return nil, fmt.Errorf("list canned replies: %w", err)
	}
	return all, nil
}

// KeepCannedReply adds one, or changes the one with its ID; an empty text deletes it.
func (s *Store) KeepCannedReply(ctx context.Context, r flows.CannedReply) error {
	db := s.db.WithContext(ctx)
	var err error
	switch {
	case r.Text == "":
		err = db.Exec(`DELETE FROM canned_replies WHERE id = ?`, clean(r.ID)).Error
	default:
		if r.ID == "" {
			r.ID = rand.Text()
		}
		err = db.Exec(`INSERT INTO canned_replies (id, title, text) VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET title = excluded.title, text = excluded.text`,
			clean(r.ID), clean(r.Title), clean(r.Text)).Error
	}
	if err != nil {
		return fmt.Errorf("keep a canned reply: %w", err)
	}
	return nil
}

// KeepFile keeps content of a chat; one that is kept already stays as it is.
func (s *Store) KeepFile(ctx context.Context, f flows.DeskFile) error {
	err := s.db.WithContext(ctx).Exec(`INSERT INTO help_files (id, session, type, at, body) VALUES (?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`,
		clean(f.ID), clean(f.Session), clean(f.Type), micros(s.now()), s.keys.seal("file "+f.ID, f.Body)).Error
	if err != nil {
		return fmt.Errorf("keep a file: %w", err)
	}
	return nil
}

// File is content of a chat; ok is false when it is not kept.
func (s *Store) File(ctx context.Context, id string) (f flows.DeskFile, ok bool, err error) {
	var rows []struct {
		ID, Session, Type string
		Body              []byte
	}
	err = s.reads.WithContext(ctx).Raw(`SELECT id, session, type, body FROM help_files WHERE id = ?`, clean(id)).Scan(&rows).Error
	if err == nil && len(rows) > 0 {
		f = flows.DeskFile{ID: rows[0].ID, Session: rows[0].Session, Type: rows[0].Type}
		f.Body, err = s.keys.open("file "+f.ID, rows[0].Body)
	}
	if err != nil {
		return f, false, fmt.Errorf("read a file: %w", err)
	}
	return f, len(rows) > 0, nil
}

// DeskAudit lists what was done at the desk, the latest first: entries before one of the page before, by its time.
func (s *Store) DeskAudit(ctx context.Context, before time.Time, limit int) (all []flows.Audit, err error) {
	var rows []struct {
		At                             int64
		Actor, Kind, Link, Ref, Reason string
	}
	end := int64(1) << 62
	if !before.IsZero() {
		end = micros(before)
	}
	err = s.reads.WithContext(ctx).Raw(`SELECT at, actor, kind, link, ref, reason FROM audit WHERE at < ? ORDER BY at DESC LIMIT ?`, end, limit).Scan(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("read the audit: %w", err)
	}
	for _, r := range rows {
		all = append(all, flows.Audit{At: fromMicros(r.At), Actor: r.Actor, Kind: r.Kind, Link: flows.LinkKind(r.Link), Ref: r.Ref, Reason: r.Reason})
	}
	return all, nil
}

// Report counts the sessions that began from one moment to another, by day and hour in JST and by operator.
func (s *Store) Report(ctx context.Context, from, to time.Time) (flows.DeskReport, error) {
	const jst = int64(9 * time.Hour / time.Microsecond)
	const sums = `count(*) AS sessions, sum(CASE WHEN taken_at IS NULL THEN 0 ELSE 1 END) AS taken,
		sum(CASE WHEN phase = 'left' OR ended = 'hours' THEN 1 ELSE 0 END) AS tickets,
		sum(CASE WHEN score IS NULL THEN 0 ELSE 1 END) AS scored, coalesce(sum(score), 0) AS score_sum,
		coalesce(sum(taken_at - began_at), 0) AS wait, coalesce(sum(ended_at - taken_at), 0) AS handling`
	var report flows.DeskReport
	count := func(key string, where string) (all []flows.DeskCount, err error) {
		var rows []struct {
			Key                                        string
			Sessions, Taken, Tickets, Scored, ScoreSum int
			Wait, Handling                             float64
		}
		err = s.reads.WithContext(ctx).Raw(`SELECT `+key+` AS key, `+sums+` FROM help_sessions WHERE began_at >= ? AND began_at < ?`+where+` GROUP BY 1 ORDER BY 1`,
			micros(from), micros(to)).Scan(&rows).Error
		for _, r := range rows {
			all = append(all, flows.DeskCount{
				Key: r.Key, Sessions: r.Sessions, Taken: r.Taken, Tickets: r.Tickets, Scored: r.Scored, ScoreSum: r.ScoreSum,
				Wait: time.Duration(r.Wait) * time.Microsecond, Handling: time.Duration(r.Handling) * time.Microsecond,
			})
		}
		return all, err
	}
	day := fmt.Sprintf(`CAST((began_at + %d) / 86400000000 AS TEXT)`, jst)
	hour := fmt.Sprintf(`CAST(((began_at + %d) / 3600000000) %% 24 AS TEXT)`, jst)
	var err error
	for _, q := range []struct {
		into       *[]flows.DeskCount
		key, where string
	}{{&report.Days, day, ""}, {&report.Hours, hour, ""}, {&report.Operators, "handled_by", " AND handled_by <> ''"}} {
		if *q.into, err = count(q.key, q.where); err != nil {
			return report, fmt.Errorf("report: %w", err)
		}
	}
	for i, d := range report.Days {
		var n int64
		fmt.Sscan(d.Key, &n)
		report.Days[i].Key = time.Unix(n*86400, 0).UTC().Format(time.DateOnly)
	}
	var scores []struct{ Score, N int }
	err = s.reads.WithContext(ctx).Raw(`SELECT coalesce(score, 0) AS score, count(*) AS n FROM help_sessions WHERE began_at >= ? AND began_at < ? AND taken_at IS NOT NULL GROUP BY 1`,
		micros(from), micros(to)).Scan(&scores).Error
	if err != nil {
		return report, fmt.Errorf("report: %w", err)
	}
	for _, r := range scores {
		if r.Score >= 0 && r.Score < len(report.Scores) {
			report.Scores[r.Score] = r.N
		}
	}
	return report, nil
}
