package store

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // RFC 6238, as authenticator apps have it
	"encoding/base32"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"gorm.io/gorm"

	"tsunagu/flows"
)

// Accounts of the desk, who is signed in, and whether they take people.

const (
	// idleSession and wholeSession bound a session of the desk.
	idleSession, wholeSession = 2 * time.Hour, 12 * time.Hour
	// usualSeats is how many people an operator has at once before they say otherwise.
	usualSeats = 3
	// totpStep is the time step of RFC 6238.
	totpStep = 30 * time.Second
	// recoveryCodes is how many are given out with a second step.
	recoveryCodes = 8
)

// Purposes of hashes.
const (
	operatorSessionHash = "operator session"
	recoveryHash        = "recovery code"
)

// takenSeats is how many people an operator has.
const takenSeats = `(SELECT count(*) FROM help_sessions h WHERE h.operator = operators.name AND h.operator <> '' AND h.phase <> 'closed')`

const operatorColumns = `SELECT name, display, role, password, totp, totp_step, recovery, disabled, presence, seats, free_since, seen_at, ` + takenSeats + ` AS taken FROM operators`

// An operatorRow is a row of operators.
type operatorRow struct {
	Name, Display, Role, Password string
	Totp                          []byte
	TotpStep                      int64
	Recovery                      string
	Disabled                      bool
	Presence                      string
	Seats, Taken                  int
	FreeSince, SeenAt             int64
}

func (r operatorRow) operator(now time.Time) flows.Operator {
	o := flows.Operator{
		Name: r.Name, Display: r.Display, Role: flows.Role(r.Role), Disabled: r.Disabled, TOTP: len(r.Totp) > 0,
		Presence: flows.Presence(r.Presence), Seats: r.Seats, Taken: r.Taken, SeenAt: fromMicros(r.SeenAt),
	}
	if o.Presence != flows.PresenceOff && now.Sub(o.SeenAt) > seenFor {
		o.Presence = flows.PresenceOff // the browser is gone
	}
	return o
}

// AddOperator makes an account. It fails with flows.ErrNameTaken. An empty password is for who
// signs in by the company's identity provider.
func (s *Store) AddOperator(ctx context.Context, name, display string, role flows.Role, secret string) error {
	hash, err := s.hashed(ctx, secret)
	if err == nil {
		err = s.db.WithContext(ctx).Exec(`INSERT INTO operators (name, display, role, password, totp_step, recovery, disabled, presence, seats, free_since, seen_at)
			VALUES (?, ?, ?, ?, 0, '', false, 'off', ?, 0, 0)`, clean(name), clean(display), string(role), hash, usualSeats).Error
	}
	if errors.Is(err, gorm.ErrDuplicatedKey) {
		err = flows.ErrNameTaken
	}
	if err != nil {
		return fmt.Errorf("add an operator: %w", err)
	}
	return nil
}

func (s *Store) hashed(ctx context.Context, secret string) (string, error) {
	if secret == "" {
		return "", nil
	}
	return s.hasher.Hash(ctx, secret)
}

// SetOperatorPassword changes a password and ends all sessions of the account: flows.ErrNoOperator.
func (s *Store) SetOperatorPassword(ctx context.Context, name, secret string) error {
	hash, err := s.hashed(ctx, secret)
	if err == nil {
		err = s.changeOperator(ctx, name, `password = ?`, hash)
	}
	return err
}

// DisableOperator ends an account: flows.ErrNoOperator. Whom they have goes back to the front of the queue.
func (s *Store) DisableOperator(ctx context.Context, name string) error {
	if err := s.changeOperator(ctx, name, `disabled = ?`, true); err != nil {
		return err
	}
	var sessions []string
	if err := s.reads.WithContext(ctx).Raw(`SELECT id FROM help_sessions WHERE operator = ? AND operator <> '' AND phase <> 'closed'`, clean(name)).Scan(&sessions).Error; err != nil {
		return fmt.Errorf("disable an operator: %w", err)
	}
	for _, id := range sessions {
		if err := s.Return(ctx, id, name); err != nil && !errors.Is(err, flows.ErrSessionOver) && !errors.Is(err, flows.ErrNotYours) {
			return err
		}
	}
	return nil
}

// EnableOperator takes DisableOperator back.
func (s *Store) EnableOperator(ctx context.Context, name string) error {
	return s.changeOperator(ctx, name, `disabled = ?`, false)
}

// SetOperatorRole changes what an account may do, and what it is called on LINE.
func (s *Store) SetOperatorRole(ctx context.Context, name, display string, role flows.Role) error {
	return s.changeOperator(ctx, name, `display = ?, role = ?`, clean(display), string(role))
}

// changeOperator changes an account and ends its sessions.
func (s *Store) changeOperator(ctx context.Context, name, set string, args ...any) error {
	err := s.atDesk(ctx, nil, func(d *deskTx) error {
		done := d.tx.Exec(`UPDATE operators SET `+set+` WHERE name = ?`, append(args, clean(name))...)
		if done.Error != nil {
			return done.Error
		}
		if done.RowsAffected == 0 {
			return flows.ErrNoOperator
		}
		return d.tx.Exec(`DELETE FROM operator_sessions WHERE operator = ?`, clean(name)).Error
	})
	if err != nil {
		return fmt.Errorf("change an operator: %w", err)
	}
	return nil
}

// Operators lists all accounts by name.
func (s *Store) Operators(ctx context.Context) ([]flows.Operator, error) {
	var rows []operatorRow
	if err := s.reads.WithContext(ctx).Raw(operatorColumns + ` ORDER BY name`).Scan(&rows).Error; err != nil {
		return nil, fmt.Errorf("list operators: %w", err)
	}
	all := make([]flows.Operator, len(rows))
	for i, r := range rows {
		all[i] = r.operator(s.wall())
	}
	return all, nil
}

func (s *Store) operatorRow(ctx context.Context, name string) (operatorRow, error) {
	var rows []operatorRow
	if err := s.reads.WithContext(ctx).Raw(operatorColumns+` WHERE name = ?`, clean(name)).Scan(&rows).Error; err != nil {
		return operatorRow{}, err
	}
	if len(rows) == 0 {
		return operatorRow{}, flows.ErrNoOperator
	}
	return rows[0], nil
}

// CheckOperator checks a password. It fails with flows.ErrWrongCredentials, for an unknown or disabled account too, after the
// same work.
func (s *Store) CheckOperator(ctx context.Context, name, secret string) (flows.Operator, error) {
	row, err := s.operatorRow(ctx, name)
	known := err == nil && !row.Disabled && row.Password != ""
	if err != nil && !errors.Is(err, flows.ErrNoOperator) {
		return flows.Operator{}, fmt.Errorf("check an operator: %w", err)
	}
	hash := row.Password
	if !known {
		hash = s.hasher.Nobody
	}
	ok, err := s.hasher.Matches(ctx, hash, secret)
	switch {
	case err != nil:
		return flows.Operator{}, fmt.Errorf("check an operator: %w", err)
	case !ok || !known:
		return flows.Operator{}, flows.ErrWrongCredentials
	}
	return row.operator(s.wall()), nil
}

// Operator is an account that may sign in: flows.ErrNoOperator.
func (s *Store) Operator(ctx context.Context, name string) (flows.Operator, error) {
	row, err := s.operatorRow(ctx, name)
	if err == nil && row.Disabled {
		err = flows.ErrNoOperator
	}
	if err != nil {
		return flows.Operator{}, fmt.Errorf("operator: %w", err)
	}
	return row.operator(s.wall()), nil
}

// BeginDesk signs an operator in and returns the secret of the session, for their cookie.
func (s *Store) BeginDesk(ctx context.Context, name, address, agent string) (secret string, err error) {
	secret = rand.Text() + rand.Text()
	now := micros(s.wall())
	err = s.db.WithContext(ctx).Exec(`INSERT INTO operator_sessions (hash, id, operator, began_at, seen_at, address, agent) VALUES (?, ?, ?, ?, ?, ?, ?)`,
		s.keys.hash(operatorSessionHash, secret), rand.Text(), clean(name), now, now, clean(address), firstRunes(clean(agent), 200)).Error
	if err != nil {
		return "", fmt.Errorf("sign an operator in: %w", err)
	}
	return secret, nil
}

// AtDesk is who has a session: flows.ErrNoOperator when it ended, was ended, or the account is disabled. A session ends
// after two hours without a sign of life and twelve in all.
func (s *Store) AtDesk(ctx context.Context, secret string) (flows.Operator, error) {
	var rows []struct {
		Hash, Operator  string
		BeganAt, SeenAt int64
	}
	now := s.wall()
	err := s.reads.WithContext(ctx).Raw(`SELECT hash, operator, began_at, seen_at FROM operator_sessions WHERE hash IN ?`, s.keys.hashes(operatorSessionHash, secret)).Scan(&rows).Error
	if err != nil {
		return flows.Operator{}, fmt.Errorf("look up a desk session: %w", err)
	}
	if len(rows) == 0 || now.Sub(fromMicros(rows[0].SeenAt)) > idleSession || now.Sub(fromMicros(rows[0].BeganAt)) > wholeSession {
		return flows.Operator{}, flows.ErrNoOperator
	}
	if now.Sub(fromMicros(rows[0].SeenAt)).Abs() > time.Minute {
		if err := s.db.WithContext(ctx).Exec(`UPDATE operator_sessions SET seen_at = ? WHERE hash = ?`, micros(now), rows[0].Hash).Error; err != nil {
			return flows.Operator{}, fmt.Errorf("look up a desk session: %w", err)
		}
	}
	return s.Operator(ctx, rows[0].Operator)
}

// EndDesk ends a session by its secret. Who has no other goes off.
func (s *Store) EndDesk(ctx context.Context, secret string) error {
	return s.endDesk(ctx, `hash IN ?`, s.keys.hashes(operatorSessionHash, secret))
}

// EndDeskByID ends a session that an admin picked from DeskSessions.
func (s *Store) EndDeskByID(ctx context.Context, id string) error {
	return s.endDesk(ctx, `id = ?`, clean(id))
}

func (s *Store) endDesk(ctx context.Context, which string, arg any) error {
	err := s.atDesk(ctx, nil, func(d *deskTx) error {
		var names []string
		if err := d.tx.Raw(`DELETE FROM operator_sessions WHERE `+which+` RETURNING operator`, arg).Scan(&names).Error; err != nil || len(names) == 0 {
			return err
		}
		return d.tx.Exec(`UPDATE operators SET presence = 'off' WHERE name IN ? AND (SELECT 1 FROM operator_sessions s WHERE s.operator = operators.name LIMIT 1) IS NULL`, names).Error
	})
	if err != nil {
		return fmt.Errorf("sign an operator out: %w", err)
	}
	return nil
}

// DeskSessions lists who is signed in, the latest first.
func (s *Store) DeskSessions(ctx context.Context) (all []flows.DeskSession, err error) {
	var rows []struct {
		ID, Operator, Address, Agent string
		BeganAt, SeenAt              int64
	}
	now := s.wall()
	err = s.reads.WithContext(ctx).Raw(`SELECT id, operator, address, agent, began_at, seen_at FROM operator_sessions
		WHERE seen_at >= ? AND began_at >= ? ORDER BY began_at DESC, id`, micros(now.Add(-idleSession)), micros(now.Add(-wholeSession))).Scan(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("list desk sessions: %w", err)
	}
	for _, r := range rows {
		all = append(all, flows.DeskSession{ID: r.ID, Operator: r.Operator, Address: r.Address, Agent: r.Agent, Began: fromMicros(r.BeganAt), Seen: fromMicros(r.SeenAt)})
	}
	return all, nil
}

// SetPresence says whether an operator takes people, and how many at once. Who becomes free may be given somebody.
func (s *Store) SetPresence(ctx context.Context, name string, p flows.Presence, seats int) error {
	err := s.atDesk(ctx, nil, func(d *deskTx) error {
		return d.tx.Exec(`UPDATE operators SET presence = ?, seats = ?, seen_at = ?, free_since = CASE WHEN presence = ? THEN free_since ELSE ? END WHERE name = ?`,
			string(p), seats, micros(d.wall()), string(p), micros(d.now), clean(name)).Error
	})
	if err != nil {
		return fmt.Errorf("set presence: %w", err)
	}
	return nil
}

// Seen notes that operators' browsers are there.
func (s *Store) Seen(ctx context.Context, names []string) error {
	if len(names) == 0 {
		return nil
	}
	now := s.wall()
	var back []string // whoever was taken for gone counts again, and may be given somebody
	err := s.db.WithContext(ctx).Raw(`SELECT name FROM operators WHERE name IN ? AND presence = 'on' AND seen_at < ?`, names, micros(now.Add(-seenFor))).Scan(&back).Error
	switch {
	case err != nil:
	case len(back) > 0:
		err = s.atDesk(ctx, nil, func(d *deskTx) error { return markSeen(d.tx, names, now) })
	default:
		err = markSeen(s.db.WithContext(ctx), names, now)
	}
	if err != nil {
		return fmt.Errorf("note who is at the desk: %w", err)
	}
	return nil
}

func markSeen(db *gorm.DB, names []string, now time.Time) error {
	return db.Exec(`UPDATE operators SET seen_at = ? WHERE name IN ?`, micros(now), names).Error
}

// BeginTOTP makes the secret of a second step and the recovery codes for it. It is not in use before ConfirmTOTP.
func (s *Store) BeginTOTP() (secret string, recovery []string) {
	secret = rand.Text()
	for range recoveryCodes {
		recovery = append(recovery, strings.ToLower(rand.Text()[:10]))
	}
	return secret, recovery
}

// ConfirmTOTP takes a second step into use, when the code is one of its secret's: flows.ErrWrongCredentials.
func (s *Store) ConfirmTOTP(ctx context.Context, name, secret, code string, recovery []string) error {
	step, ok := totpMatches(secret, code, s.wall(), 0)
	if !ok {
		return flows.ErrWrongCredentials
	}
	hashes := make([]string, len(recovery))
	for i, c := range recovery {
		hashes[i] = s.keys.hash(recoveryHash, name+"\x00"+c)
	}
	err := s.db.WithContext(ctx).Exec(`UPDATE operators SET totp = ?, totp_step = ?, recovery = ? WHERE name = ?`,
		s.keys.seal("totp "+name, []byte(secret)), step, strings.Join(hashes, " "), clean(name)).Error
	if err != nil {
		return fmt.Errorf("take a second step into use: %w", err)
	}
	return nil
}

// DropTOTP takes the second step away.
func (s *Store) DropTOTP(ctx context.Context, name string) error {
	err := s.db.WithContext(ctx).Exec(`UPDATE operators SET totp = NULL, recovery = '' WHERE name = ?`, clean(name)).Error
	if err != nil {
		return fmt.Errorf("take a second step away: %w", err)
	}
	return nil
}

// CheckTOTP checks a code of the second step, or a recovery code, and uses it up: flows.ErrWrongCredentials.
func (s *Store) CheckTOTP(ctx context.Context, name, code string) error {
	code = strings.ToLower(strings.Join(strings.FieldsFunc(code, func(r rune) bool { return r == ' ' || r == '-' }), ""))
	err := s.transaction(ctx, func(tx *gorm.DB) error {
		var rows []operatorRow
		if err := tx.Raw(`SELECT name, totp, totp_step, recovery FROM operators WHERE name = ?`+s.forUpdate(""), clean(name)).Scan(&rows).Error; err != nil {
			return err
		}
		if len(rows) == 0 || len(rows[0].Totp) == 0 {
			return flows.ErrWrongCredentials
		}
		secret, err := s.keys.open("totp "+name, rows[0].Totp)
		if err != nil {
			return err
		}
		if step, ok := totpMatches(string(secret), code, s.wall(), rows[0].TotpStep); ok {
			return tx.Exec(`UPDATE operators SET totp_step = ? WHERE name = ?`, step, clean(name)).Error
		}
		left := strings.Fields(rows[0].Recovery)
		for _, h := range s.keys.hashes(recoveryHash, name+"\x00"+code) {
			for i, known := range left {
				if hmac.Equal([]byte(h), []byte(known)) {
					left = append(left[:i:i], left[i+1:]...)
					return tx.Exec(`UPDATE operators SET recovery = ? WHERE name = ?`, strings.Join(left, " "), clean(name)).Error
				}
			}
		}
		return flows.ErrWrongCredentials
	})
	if err != nil {
		return fmt.Errorf("check a second step: %w", err)
	}
	return nil
}

// totpMatches finds the time step of a code (RFC 6238: SHA-1, 6 digits, 30 s), one step off at most and later than the last
// one used.
func totpMatches(secret, code string, now time.Time, last int64) (step int64, ok bool) {
	current := now.Unix() / int64(totpStep/time.Second)
	for _, step := range []int64{current, current - 1, current + 1} {
		if step > last && hmac.Equal([]byte(totp(secret, step)), []byte(code)) {
			return step, true
		}
	}
	return 0, false
}

func totp(secret string, step int64) string {
	key, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(secret)
	if err != nil {
		return ""
	}
	mac := hmac.New(sha1.New, key)
	_ = binary.Write(mac, binary.BigEndian, step) // a hash takes everything
	sum := mac.Sum(nil)
	at := sum[len(sum)-1] & 0xf
	n := binary.BigEndian.Uint32(sum[at:at+4]) & 0x7fffffff % 1_000_000
	return strings.Repeat("0", max(0, 6-len(strconv.Itoa(int(n))))) + strconv.Itoa(int(n))
}
