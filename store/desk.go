package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
	"gorm.io/gorm"

	"tsunagu/flows"
)

// Support sessions and the operators' desk. A session belongs to its person's lane: what the lane decides is written with
// its turns, what operators do goes into the lane as letters. Who gets a waiting person is decided here, under one lock.
//
// Locks are taken in this order: lanes, the desk, sessions. Only a person who is handed out unforeseen is locked later.

// seenFor is how long an operator counts as present after their browser was last heard of.
const seenFor = 90 * time.Second

// previewLength is how much of the last entry a list shows, in characters.
const previewLength = 60

// A deskTx is a transaction that holds the desk.
type deskTx struct {
	*Store
	tx        *gorm.DB
	now       time.Time
	version   int64 // of everything it changes
	auto      bool
	exception flows.DeskException
	arrivals  []flows.Arrival // letters
}

// holdDesk takes the desk's lock until the transaction ends.
func (s *Store) holdDesk(tx *gorm.DB) (*deskTx, error) {
	var row deskRow
	err := tx.Raw(`UPDATE desk SET version = version + 1 WHERE id = 1 RETURNING version, auto, day, opens, closes`).Scan(&row).Error
	return &deskTx{Store: s, tx: tx, now: s.now(), version: row.Version, auto: row.Auto, exception: row.exception()}, err
}

type deskRow struct {
	Version       int64
	Auto          bool
	Day           string
	Opens, Closes int64
}

func (r deskRow) exception() flows.DeskException {
	micro := func(us int64) time.Duration { return time.Duration(us) * time.Microsecond }
	return flows.DeskException{Date: r.Day, Open: micro(r.Opens), Close: micro(r.Closes)}
}

// atDesk runs f in a transaction that holds the lanes and the desk, and sends the letters that f leaves. Whoever waits
// longest is among the lanes when it may be handed out.
func (s *Store) atDesk(ctx context.Context, lanes []string, f func(d *deskTx) error) error {
	err := s.transaction(ctx, func(tx *gorm.DB) error {
		if err := s.holdLanes(tx, lanes, 4); err != nil {
			return err
		}
		d, err := s.holdDesk(tx)
		if err != nil {
			return err
		}
		if err := f(d); err != nil {
			return err
		}
		if err := d.handOut(); err != nil {
			return err
		}
		return d.sendLetters()
	})
	if err == nil {
		s.signal()
		s.deskChanged()
	}
	return err
}

// holdLanes locks lanes, and those of the next people who could be handed out.
func (s *Store) holdLanes(tx *gorm.DB, lanes []string, next int) error {
	if s.sqlite() {
		return nil
	}
	var waiting []string
	if next > 0 {
		if err := tx.Raw(`SELECT lane FROM help_sessions WHERE (SELECT auto FROM desk WHERE id = 1) AND `+isWaiting+` ORDER BY `+longest+` LIMIT ?`, next).Scan(&waiting).Error; err != nil {
			return err
		}
	}
	lanes = append(waiting, lanes...)
	if len(lanes) == 0 {
		return nil
	}
	return tx.Exec(`SELECT lane FROM lanes WHERE lane IN ? ORDER BY lane`+s.forUpdate(""), lanes).Error
}

const (
	// isWaiting holds for sessions that an operator may take; tickets are among them (HLP-32).
	isWaiting = `phase IN ('queued', 'left') AND operator = ''`
	// longest is their order: who was given back first, then who waits longest.
	longest = `front DESC, since, id`
)

// letter leaves an input for a lane.
func (d *deskTx) letter(id, lane string, in flows.Input) error {
	body, err := flows.EncodeInput(in)
	if err == nil {
		d.arrivals = append(d.arrivals, flows.Arrival{ID: id, Lane: lane, Sort: flows.FromLetter, At: d.now, Body: body})
	}
	return err
}

func (d *deskTx) sendLetters() error {
	rows, err := d.inputs(d.arrivals)
	if err != nil || len(rows) == 0 {
		return err
	}
	return d.insert(d.tx, rows)
}

// letterID names a letter of this transaction.
func (d *deskTx) letterID(what string) string {
	return fmt.Sprintf("desk/%d/%d/%s", d.version, len(d.arrivals), what)
}

// handOut gives waiting people to operators with a free seat, the longest waiting first to whoever has been without a new
// one for longest, if that is switched on.
func (d *deskTx) handOut() error {
	if !d.auto || d.deskOpen != nil && !d.deskOpen(d.now, d.exception) {
		return nil
	}
	for {
		var free []operatorRow
		if err := d.tx.Raw(operatorColumns+` WHERE presence = 'on' AND NOT disabled AND seen_at >= ? AND seats > `+takenSeats+
			` ORDER BY free_since, name LIMIT 1`, micros(d.wall().Add(-seenFor))).Scan(&free).Error; err != nil || len(free) == 0 {
			return err
		}
		var next []sessionRow
		if err := d.tx.Raw(`SELECT * FROM help_sessions WHERE ` + isWaiting + ` ORDER BY ` + longest + ` LIMIT 1`).Scan(&next).Error; err != nil || len(next) == 0 {
			return err
		}
		if err := d.give(next[0], free[0]); err != nil {
			return err
		}
	}
}

// give hands a session to an operator and tells its lane.
func (d *deskTx) give(session sessionRow, to operatorRow) error {
	err := d.tx.Exec(`UPDATE help_sessions SET operator = ?, version = ? WHERE id = ?`, to.Name, d.version, session.ID).Error
	if err == nil {
		err = d.tx.Exec(`UPDATE operators SET free_since = ? WHERE name = ?`, micros(d.now), to.Name).Error
	}
	if err != nil {
		return err
	}
	return d.letter(d.letterID("took"), session.Lane, flows.DeskTook{Session: session.ID, Operator: to.Name, Name: to.Display})
}

// A sessionRow is a row of help_sessions.
type sessionRow struct {
	ID, Lane, Phase, Operator       string
	Front                           bool
	BeganAt, Since, LastAt, Version int64
	TakenAt, EndedAt                *int64
	LastBy, Preview, Ended, Tags    string
	Score                           *int
	Comment                         string
	Checks                          int
	Checked                         bool
	Name, Picture, HandledBy        string
}

func (r sessionRow) row() flows.DeskRow {
	row := flows.DeskRow{
		ID: r.ID, Lane: r.Lane, Phase: flows.HelpPhase(r.Phase), Operator: r.Operator, Front: r.Front, Began: fromMicros(r.BeganAt),
		Since: fromMicros(r.Since), Last: fromMicros(r.LastAt), HandledBy: r.HandledBy, LastBy: r.LastBy, Preview: r.Preview, Ended: r.Ended,
		Comment: r.Comment, Checks: r.Checks, Checked: r.Checked, Name: r.Name, Picture: r.Picture, Version: r.Version,
	}
	if r.TakenAt != nil {
		row.Taken = fromMicros(*r.TakenAt)
	}
	if r.EndedAt != nil {
		row.EndedAt = fromMicros(*r.EndedAt)
	}
	if r.Score != nil {
		row.Score = *r.Score
	}
	if r.Tags != "" {
		row.Tags = strings.Split(r.Tags, ",")
	}
	return row
}

func (d *deskTx) session(id string) (sessionRow, error) {
	var rows []sessionRow
	if err := d.tx.Raw(`SELECT * FROM help_sessions WHERE id = ?`, clean(id)).Scan(&rows).Error; err != nil {
		return sessionRow{}, err
	}
	if len(rows) == 0 {
		return sessionRow{}, flows.ErrNoSession
	}
	return rows[0], nil
}

// laneOf is whose session it is.
func (s *Store) laneOf(ctx context.Context, session string) (string, error) {
	var lanes []string
	if err := s.reads.WithContext(ctx).Raw(`SELECT lane FROM help_sessions WHERE id = ?`, clean(session)).Scan(&lanes).Error; err != nil {
		return "", err
	}
	if len(lanes) == 0 {
		return "", flows.ErrNoSession
	}
	return lanes[0], nil
}

// onSession does something with a session, at the desk.
func (s *Store) onSession(ctx context.Context, session string, f func(d *deskTx, row sessionRow) error) error {
	lane, err := s.laneOf(ctx, session)
	if err == nil {
		err = s.atDesk(ctx, []string{lane}, func(d *deskTx) error {
			row, err := d.session(session)
			if err != nil {
				return err
			}
			return f(d, row)
		})
	}
	if err != nil {
		return fmt.Errorf("session: %w", err)
	}
	return nil
}

// held checks that an operator has a session that goes on.
func (r sessionRow) held(operator string) error {
	switch {
	case r.Phase == string(flows.HelpClosed):
		return flows.ErrSessionOver
	case r.Operator != operator:
		return flows.ErrNotYours
	}
	return nil
}

// Take gives a waiting session to an operator. It fails with flows.ErrNoSession, ErrSessionOver, ErrNoSeat, ErrNotOn, and
// *TakenError when somebody was first; to have it already is no failure.
func (s *Store) Take(ctx context.Context, session, operator string) error {
	return s.onSession(ctx, session, func(d *deskTx, row sessionRow) error {
		switch {
		case row.Phase == string(flows.HelpClosed), row.Phase == string(flows.HelpWriting):
			return flows.ErrSessionOver
		case row.Operator == operator:
			return nil
		case row.Operator != "":
			return &flows.TakenError{By: row.Operator}
		}
		to, err := d.free(operator)
		if err != nil {
			return err
		}
		return d.give(row, to)
	})
}

// TakeNext gives an operator who waits longest, and tells which session that is. Beside Take's errors there is
// flows.ErrNobody.
func (s *Store) TakeNext(ctx context.Context, operator string) (session string, err error) {
	var lanes []string
	if err := s.reads.WithContext(ctx).Raw(`SELECT lane FROM help_sessions WHERE ` + isWaiting + ` ORDER BY ` + longest + ` LIMIT 4`).Scan(&lanes).Error; err != nil {
		return "", fmt.Errorf("take the next: %w", err)
	}
	err = s.atDesk(ctx, lanes, func(d *deskTx) error {
		to, err := d.free(operator)
		if err != nil {
			return err
		}
		var next []sessionRow
		if err := d.tx.Raw(`SELECT * FROM help_sessions WHERE ` + isWaiting + ` ORDER BY ` + longest + ` LIMIT 1`).Scan(&next).Error; err != nil {
			return err
		}
		if len(next) == 0 {
			return flows.ErrNobody
		}
		session = next[0].ID
		return d.give(next[0], to)
	})
	if err != nil {
		return "", fmt.Errorf("take the next: %w", err)
	}
	return session, nil
}

// free is an operator with a free seat.
func (d *deskTx) free(name string) (operatorRow, error) {
	var rows []operatorRow
	if err := d.tx.Raw(operatorColumns+` WHERE name = ?`, clean(name)).Scan(&rows).Error; err != nil {
		return operatorRow{}, err
	}
	switch {
	case len(rows) == 0 || rows[0].Disabled:
		return operatorRow{}, flows.ErrNoOperator
	case rows[0].Presence == string(flows.PresenceOff):
		return operatorRow{}, flows.ErrNotOn
	case rows[0].Taken >= rows[0].Seats:
		return operatorRow{}, flows.ErrNoSeat
	}
	return rows[0], nil
}

// Transfer gives a session that an operator has to another one, whose seats have to allow it: flows.ErrNotYours,
// ErrSessionOver, ErrNoSeat, ErrNotOn, ErrNoOperator.
func (s *Store) Transfer(ctx context.Context, session, from, to string) error {
	return s.onSession(ctx, session, func(d *deskTx, row sessionRow) error {
		if err := row.held(from); err != nil {
			return err
		}
		if from == to {
			return nil
		}
		other, err := d.free(to)
		if err != nil {
			return err
		}
		return d.give(row, other)
	})
}

// Return puts a session back to the front of the queue: flows.ErrNotYours, ErrSessionOver.
func (s *Store) Return(ctx context.Context, session, operator string) error {
	return s.onSession(ctx, session, func(d *deskTx, row sessionRow) error {
		if err := row.held(operator); err != nil {
			return err
		}
		return d.letter(d.letterID("returned"), row.Lane, flows.DeskReturned{Session: session, Operator: operator})
	})
}

// Finish ends a session: flows.ErrNotYours, ErrSessionOver.
func (s *Store) Finish(ctx context.Context, session, operator string, tags []string) error {
	return s.onSession(ctx, session, func(d *deskTx, row sessionRow) error {
		if err := row.held(operator); err != nil {
			return err
		}
		return d.letter(d.letterID("closed"), row.Lane, flows.DeskClosed{Session: session, Operator: operator, Tags: tags})
	})
}

// SayAs gives an operator's message to the session's lane, which sends it: flows.ErrNotYours, ErrSessionOver. The same ID
// again is dropped.
func (s *Store) SayAs(ctx context.Context, said flows.DeskSaid) error {
	return s.onSession(ctx, said.Session, func(d *deskTx, row sessionRow) error {
		if err := row.held(said.Operator); err != nil {
			return err
		}
		return d.letter("said/"+said.ID, row.Lane, said)
	})
}

// Note adds what only the desk sees to a transcript.
func (s *Store) Note(ctx context.Context, e flows.Entry) error {
	return s.onSession(ctx, e.Session, func(d *deskTx, row sessionRow) error {
		e.At = d.now
		return d.keepEntries([]keptEntry{{e, false}})
	})
}

// Checked keeps the outcome of an identity check (HLP-34). After flows.MaxChecks failures it fails with ErrChecksSpent,
// and so does a success that comes later.
func (s *Store) Checked(ctx context.Context, session, operator string, ok bool) error {
	return s.onSession(ctx, session, func(d *deskTx, row sessionRow) error {
		if err := row.held(operator); err != nil {
			return err
		}
		if row.Checks >= flows.MaxChecks {
			return flows.ErrChecksSpent
		}
		e := flows.Entry{Session: session, At: d.now, By: flows.BySystem, Name: operator, Kind: "event", Text: flows.EventUnchecked}
		sql := `UPDATE help_sessions SET checks = checks + 1, version = ? WHERE id = ?`
		if ok {
			e.Text = flows.EventChecked
			sql = `UPDATE help_sessions SET checked = true, version = ? WHERE id = ?`
		}
		if err := d.tx.Exec(sql, d.version, session).Error; err != nil {
			return err
		}
		return d.keepEntries([]keptEntry{{e, false}})
	})
}

// NameSessions keeps what LINE calls a person and shows of them.
func (s *Store) NameSessions(ctx context.Context, lane, name, picture string) error {
	err := s.atDesk(ctx, nil, func(d *deskTx) error {
		return d.tx.Exec(`UPDATE help_sessions SET name = ?, picture = ?, version = ? WHERE lane = ? AND (name <> ? OR picture <> ?)`,
			clean(name), clean(picture), d.version, lane, clean(name), clean(picture)).Error
	})
	if err != nil {
		return fmt.Errorf("name sessions: %w", err)
	}
	return nil
}

// SetAuto switches on or off that people are handed out by themselves.
func (s *Store) SetAuto(ctx context.Context, on bool) error {
	err := s.atDesk(ctx, nil, func(d *deskTx) error {
		d.auto = on
		return d.tx.Exec(`UPDATE desk SET auto = ? WHERE id = 1`, on).Error
	})
	if err != nil {
		return fmt.Errorf("switch the handing out: %w", err)
	}
	return nil
}

// SetHours sets other hours for one day and tells everybody who waits or is connected; an empty Date takes them back.
func (s *Store) SetHours(ctx context.Context, e flows.DeskException) error {
	var lanes []string
	if err := s.reads.WithContext(ctx).Raw(`SELECT lane FROM help_sessions WHERE phase <> 'closed' AND phase IN ('queued', 'connected')`).Scan(&lanes).Error; err != nil {
		return fmt.Errorf("set hours: %w", err)
	}
	err := s.atDesk(ctx, lanes, func(d *deskTx) error {
		d.exception = e
		err := d.tx.Exec(`UPDATE desk SET day = ?, opens = ?, closes = ? WHERE id = 1`, clean(e.Date), e.Open.Microseconds(), e.Close.Microseconds()).Error
		for _, lane := range lanes {
			err = errors.Join(err, d.letter(d.letterID("hours"), lane, flows.DeskHoursChanged{}))
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("set hours: %w", err)
	}
	return nil
}

// ReadDesk tells a turn how the desk is, seen from a session; "" is one that would begin now.
func (s *Store) ReadDesk(ctx context.Context, session string) (load flows.DeskLoad, err error) {
	db := s.reads.WithContext(ctx)
	gone := micros(s.wall().Add(-seenFor))
	var row struct {
		deskRow              `gorm:"embedded"`
		Seats, Busy, Waiting int
		Handling             *float64
	}
	err = db.Raw(`SELECT d.*,
		(SELECT coalesce(sum(seats), 0) FROM operators WHERE presence = 'on' AND NOT disabled AND seen_at >= ?) AS seats,
		(SELECT count(*) FROM help_sessions h JOIN operators o ON o.name = h.operator
			WHERE h.operator <> '' AND h.phase <> 'closed' AND o.presence = 'on' AND NOT o.disabled AND o.seen_at >= ?) AS busy,
		(SELECT count(*) FROM help_sessions WHERE `+isWaiting+`) AS waiting,
		(SELECT avg(took) FROM (SELECT ended_at - taken_at AS took FROM help_sessions
			WHERE phase = 'closed' AND taken_at IS NOT NULL ORDER BY ended_at DESC, id DESC LIMIT 20) AS lately) AS handling
		FROM desk d WHERE d.id = 1`, gone, gone).Scan(&row).Error
	if err != nil {
		return load, fmt.Errorf("read the desk: %w", err)
	}
	load = flows.DeskLoad{Seats: row.Seats, Free: row.Seats - row.Busy, Waiting: row.Waiting, Ahead: row.Waiting, Exception: row.exception()}
	if row.Handling != nil {
		load.Handling = time.Duration(*row.Handling) * time.Microsecond
	}
	if session == "" {
		return load, nil
	}
	var own []sessionRow
	if err := db.Raw(`SELECT * FROM help_sessions WHERE id = ?`, clean(session)).Scan(&own).Error; err != nil {
		return load, fmt.Errorf("read the desk: %w", err)
	}
	if len(own) == 0 || own[0].Operator != "" || own[0].Phase != string(flows.HelpQueued) && own[0].Phase != string(flows.HelpLeft) {
		return load, nil
	}
	err = db.Raw(`SELECT count(*) FROM help_sessions WHERE `+isWaiting+` AND (front AND NOT ? OR front = ? AND (since < ? OR since = ? AND id < ?))`,
		own[0].Front, own[0].Front, own[0].Since, own[0].Since, own[0].ID).Scan(&load.Ahead).Error
	load.Waiting--
	if err != nil {
		return load, fmt.Errorf("read the desk: %w", err)
	}
	return load, nil
}

// writeDesk writes what turns did to support sessions, and hands out the seats that became free.
func (s *Store) writeDesk(tx *gorm.DB, live []liveStep) (changed, due bool, err error) {
	var d *deskTx
	var entries []keptEntry
	for _, p := range live {
		for _, r := range p.records {
			switch r.Record.(type) {
			case flows.KeepSession, flows.KeepEntry, flows.KeepScore, flows.Erase:
			default:
				continue
			}
			if d == nil {
				if d, err = s.holdDesk(tx); err != nil {
					return false, false, err
				}
			}
			switch e := r.Record.(type) {
			case flows.KeepSession:
				err = d.keepSession(e.Session)
			case flows.KeepScore:
				err = d.keepScore(e)
			case flows.Erase:
				err = d.eraseEntries(p.Lane, e.MessageID)
			case flows.KeepEntry:
				if e.Entry.ID == "" {
					e.Entry.ID = r.id
				}
				erased := false
				if p.erased && e.Entry.Message != "" {
					err = tx.Raw(`SELECT count(*) > 0 FROM erased WHERE lane = ? AND message_id = ?`, p.Lane, e.Entry.Message).Scan(&erased).Error
				}
				entries = append(entries, keptEntry{e.Entry, erased})
			}
			if err != nil {
				return false, false, err
			}
		}
		for _, o := range p.Delivered {
			if d == nil {
				if d, err = s.holdDesk(tx); err != nil {
					return false, false, err
				}
			}
			err = tx.Exec(`UPDATE help_entries SET delivery = ?, error = ?, version = ? WHERE id = ?`, clean(o.State), clean(o.Error), d.version, o.Entry).Error
			if err == nil {
				err = tx.Exec(`UPDATE help_sessions SET version = ? WHERE id = (SELECT session FROM help_entries WHERE id = ?)`, d.version, o.Entry).Error
			}
			if err != nil {
				return false, false, err
			}
		}
	}
	if d == nil {
		return false, false, nil
	}
	if err := d.keepEntries(entries); err != nil {
		return false, false, err
	}
	if err := d.handOut(); err != nil {
		return false, false, err
	}
	return true, len(d.arrivals) > 0, d.sendLetters()
}

const putSession = `INSERT INTO help_sessions (id, lane, phase, operator, front, began_at, since, taken_at, handled_by, last_at, last_by, preview,
	ended_at, ended, tags, comment, checks, checked, name, picture, version)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, '', '', ?, ?, ?, '', 0, false, '', '', ?)
ON CONFLICT (id) DO UPDATE SET phase = excluded.phase, operator = excluded.operator, front = excluded.front, since = excluded.since,
	taken_at = coalesce(help_sessions.taken_at, excluded.taken_at),
	handled_by = CASE WHEN excluded.handled_by = '' THEN help_sessions.handled_by ELSE excluded.handled_by END, ended_at = excluded.ended_at, ended = excluded.ended,
	tags = excluded.tags, version = excluded.version`

func (d *deskTx) keepSession(k flows.Session) error {
	var taken, ended *int64
	at := micros(k.At)
	if k.Phase == flows.HelpConnected {
		taken = &at
	}
	if k.Phase == flows.HelpClosed {
		ended = &at
	}
	return d.tx.Exec(putSession, k.ID, k.Lane, string(k.Phase), clean(k.Operator), k.Front, at, micros(k.Since), taken, clean(k.Operator), at, ended, clean(k.Ended),
		clean(strings.Join(k.Tags, ",")), d.version).Error
}

func (d *deskTx) keepScore(k flows.KeepScore) error {
	if k.Score > 0 {
		return d.tx.Exec(`UPDATE help_sessions SET score = ?, version = ? WHERE id = ?`, k.Score, d.version, k.Session).Error
	}
	return d.tx.Exec(`UPDATE help_sessions SET comment = ?, version = ? WHERE id = ?`, clean(k.Comment), d.version, k.Session).Error
}

// A keptEntry is an entry on its way into the transcript; of one that was unsent before only the place is kept.
type keptEntry struct {
	flows.Entry
	erased bool
}

func (d *deskTx) keepEntries(entries []keptEntry) error {
	type gram struct {
		gram, session string
		pos           int64
	}
	var grams []gram
	for i, e := range entries {
		pos := d.version*1000 + int64(i)
		if e.ID == "" {
			e.ID = fmt.Sprintf("desk/%d/%d", d.version, i)
		}
		attachment := ""
		if e.Attachment != (flows.Attachment{}) {
			body, err := json.Marshal(e.Attachment)
			if err != nil {
				return err
			}
			attachment = clean(string(body))
		}
		text := clean(e.Text)
		if e.erased {
			text, attachment = "", ""
		}
		done := d.tx.Exec(`INSERT INTO help_entries (session, pos, id, at, who, name, kind, text, message_id, attachment, delivery, error, erased, version)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, '', ?, ?) ON CONFLICT (id) DO NOTHING`,
			e.Session, pos, e.ID, micros(e.At), e.By, clean(e.Name), clean(e.Kind), text, clean(e.Message), attachment, e.Delivery, e.erased, d.version)
		if done.Error != nil {
			return done.Error
		}
		if done.RowsAffected == 0 {
			continue
		}
		preview := ""
		switch {
		case e.erased:
		case e.Kind == "text":
			preview = firstRunes(strings.Join(strings.Fields(text), " "), previewLength)
		case e.Kind != "event":
			preview = "<" + clean(e.Kind) + ">" // the desk puts it into words
		}
		sql, args := `UPDATE help_sessions SET version = ? WHERE id = ?`, []any{d.version, e.Session}
		if e.By == flows.ByCustomer || e.By == flows.ByOperator {
			sql, args = `UPDATE help_sessions SET version = ?, last_at = ?, last_by = ?, preview = ? WHERE id = ?`, []any{d.version, micros(e.At), e.By, preview, e.Session}
		}
		if err := d.tx.Exec(sql, args...).Error; err != nil {
			return err
		}
		if e.Kind == "text" {
			for _, g := range gramsOf(text) {
				grams = append(grams, gram{g, e.Session, pos})
			}
		}
	}
	if len(grams) == 0 {
		return nil
	}
	return d.tx.Exec(`INSERT INTO help_grams (gram, session, pos) SELECT t.gram, t.session, t.pos FROM ? WHERE true ON CONFLICT DO NOTHING`, d.table(
		texts("gram", grams, func(g gram) string { return g.gram }),
		texts("session", grams, func(g gram) string { return g.session }),
		numbers("pos", grams, func(g gram) int64 { return g.pos }))).Error
}

// eraseEntries blanks a message that was unsent, and forgets what was made of it. Its place stays.
func (d *deskTx) eraseEntries(lane, message string) error {
	const of = ` message_id = ? AND message_id <> '' AND session IN (SELECT id FROM help_sessions WHERE lane = ?)`
	for _, sql := range []string{
		`DELETE FROM help_grams WHERE (session, pos) IN (SELECT session, pos FROM help_entries WHERE` + of + `)`,
		`DELETE FROM help_files WHERE id IN (SELECT message_id FROM help_entries WHERE` + of + `)`,
		`UPDATE help_sessions SET preview = '' WHERE id IN (SELECT session FROM help_entries WHERE` + of + `)`,
	} {
		if err := d.tx.Exec(sql, clean(message), lane).Error; err != nil {
			return err
		}
	}
	err := d.tx.Exec(`UPDATE help_entries SET text = '', attachment = '', erased = true, version = ? WHERE`+of, d.version, clean(message), lane).Error
	if err == nil {
		err = d.tx.Exec(`UPDATE help_sessions SET version = ? WHERE id IN (SELECT session FROM help_entries WHERE`+of+`)`, d.version, clean(message), lane).Error
	}
	return err
}

// normal is a text as it is searched: width, case and spaces do not matter.
func normal(text string) string {
	return strings.Join(strings.Fields(strings.ToLower(norm.NFKC.String(text))), "")
}

// gramsOf are the pairs of characters in a text, each once, of the first 2,000.
func gramsOf(text string) (grams []string) {
	r := []rune(normal(text))
	for i := 0; i+1 < len(r) && i < 2000; i++ {
		grams = append(grams, string(r[i:i+2]))
	}
	slices.Sort(grams)
	return slices.Compact(grams)
}

func firstRunes(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	return string([]rune(s)[:n-1]) + "…"
}
