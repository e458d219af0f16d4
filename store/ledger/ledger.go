// Package ledger is the built-in carrier: a small mobile carrier on tables of our own, so that the product runs alone.
//
// It knows contracts with their login IDs, lines with their usage codes, and how much data each line has. All of it
// comes from a carrier file (Import) and is asked for by the other methods of a [Ledger]:
//
//	ledger.go    what the product asks: who is this, which line is this, how much is left
//	books.go     data as double-entry postings, and the check that they add up
//	gifts.go     data on its way from one line to another
//	identity.go  is it the holder or user who writes
//	month.go     roll-over, expiry and new quota on the 1st
//	file.go      the carrier file, read with every mistake named by its line; fields.go: YAML for that purpose
//	import.go    what a carrier file changes
//	rows.go      the tables of migrations/00010_ledger.sql and 00014_gifts.sql
//
// Passwords are kept as argon2id hashes and usage codes as keyed hashes; neither is ever in an error or a log.
package ledger

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	_ "embed" // Demo
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"gorm.io/gorm"

	"tsunagu/flows"
	"tsunagu/store/password"
)

// Demo is a carrier file to try the product with: hanako (password hanako-demo-2026, codes 0123456789012345 and
// 0123456789012346), takeru, who has used up one line and has another suspended, and ichiro, whose SIM was just sent.
//
//go:embed demo.yaml
var Demo []byte

// Config is what a Ledger is made of.
type Config struct {
	// DB is PostgreSQL or SQLite with the tables in place.
	DB *gorm.DB
	// CodeKeys are the keys of HMAC-SHA256 for usage codes. The first is used to store, all are used to look up, so a
	// key is replaced by putting the new one before it; an import stores the codes it meets under the first.
	CodeKeys [][]byte
	// GiftKeys are the keys of claim tokens, used like CodeKeys.
	GiftKeys [][]byte
	Now      func() time.Time
	Settings flows.Settings
	// Hashes is how many passwords are hashed at once [2]. Each takes 19 MiB.
	Hashes int
}

// A Ledger is the carrier. Its methods may be called at the same time.
type Ledger struct {
	db       *gorm.DB
	codeKeys [][]byte
	giftKeys [][]byte
	now      func() time.Time
	settings flows.Settings
	hasher   *password.Hasher
}

// New returns the carrier of a database. It panics without keys: codes would be kept under a known hash, and tokens could
// be guessed.
func New(c Config) *Ledger {
	if len(c.CodeKeys) == 0 || len(c.GiftKeys) == 0 {
		panic("ledger: no key for usage codes or gifts")
	}
	return &Ledger{
		db: c.DB, codeKeys: c.CodeKeys, giftKeys: c.GiftKeys, now: c.Now, settings: c.Settings,
		hasher: password.New(password.Usual, cmp.Or(c.Hashes, 2)),
	}
}

const holderQuery = `SELECT c.*, EXISTS (SELECT 1 FROM ledger_lines l WHERE l.contract_id = c.id AND (l.ended_at IS NULL OR l.ended_at >= ?)) AS in_use
FROM ledger_contracts c WHERE c.login_id = ?`

// VerifyHolder returns the contract of a login ID. It fails with flows.ErrWrongCredentials, also for a contract that
// ended in an earlier month (LNK-46), and with a *flows.NotYetError when the credentials are right but linking has not
// opened (LNK-01 to LNK-03). A login ID that does not exist takes the same work as a wrong password.
func (l *Ledger) VerifyHolder(ctx context.Context, loginID, password string) (flows.Contract, error) {
	now := l.now()
	var found []struct {
		Contract contractRow `gorm:"embedded"`
		InUse    bool
	}
	if storable(loginID) {
		err := l.db.WithContext(ctx).Raw(holderQuery, at(monthStart(now, 0)), loginID).Scan(&found).Error
		if err != nil {
			return flows.Contract{}, fmt.Errorf("look up a login ID: %w", err)
		}
	}
	phc := l.hasher.Nobody
	if len(found) > 0 {
		phc = found[0].Contract.Password
	}
	ok, err := l.hasher.Matches(ctx, phc, password)
	switch {
	case err != nil:
		return flows.Contract{}, err
	case !ok || len(found) == 0 || !found[0].InUse:
		return flows.Contract{}, flows.ErrWrongCredentials
	}
	c := found[0].Contract
	if err := c.opens(now); err != nil {
		return flows.Contract{}, err
	}
	return flows.Contract{ID: c.ID, LoginID: c.LoginID}, nil
}

const codeQuery = `SELECT l.*, c.mnp, c.switch_completed_at, c.shipping_mail_at
FROM ledger_lines l JOIN ledger_contracts c ON c.id = l.contract_id WHERE l.usage_code IN ?`

// VerifyCode returns the line of a usage code, given as its digits and nothing else. It fails with flows.ErrWrongCode,
// also for the code of an ended line, and with a *flows.NotYetError when linking has not opened.
func (l *Ledger) VerifyCode(ctx context.Context, code string) (flows.Line, error) {
	if !isCode(code, l.settings.CodeDigits) {
		return flows.Line{}, flows.ErrWrongCode
	}
	var found []openedLine
	if err := l.db.WithContext(ctx).Raw(codeQuery, l.codeHashes(code)).Scan(&found).Error; err != nil {
		return flows.Line{}, fmt.Errorf("look up a usage code: %w", err)
	}
	if len(found) == 0 || found[0].Line.Status == string(flows.LineEnded) {
		return flows.Line{}, flows.ErrWrongCode
	}
	if err := found[0].opens(l.now()); err != nil {
		return flows.Line{}, err
	}
	return found[0].Line.line(), nil
}

// Line returns a line by its ID. It fails with flows.ErrNoLine when there is none or it ended in an earlier month.
func (l *Ledger) Line(ctx context.Context, id string) (flows.Line, error) {
	if !storable(id) {
		return flows.Line{}, flows.ErrNoLine
	}
	var row lineRow
	err := l.db.WithContext(ctx).Take(&row, "id = ?", id).Error
	if errors.Is(err, gorm.ErrRecordNotFound) || err == nil && row.gone(l.now()) {
		return flows.Line{}, flows.ErrNoLine
	}
	if err != nil {
		return flows.Line{}, fmt.Errorf("read a line: %w", err)
	}
	return row.line(), nil
}

const balanceQuery = `SELECT l.*, a.name, a.bytes, a.until
FROM ledger_lines l JOIN ledger_accounts a ON a.line_id = l.id WHERE l.id = ?`

// Balance reads what is left on a line, as of the ledger's own clock and in its month. It fails with
// flows.ErrNoLine as Line does.
func (l *Ledger) Balance(ctx context.Context, lineID string) (flows.Balance, error) {
	if !storable(lineID) {
		return flows.Balance{}, flows.ErrNoLine
	}
	now := l.now()
	var accounts []struct {
		Line  lineRow `gorm:"embedded"`
		Name  string
		Bytes int64
		Until moment
	}
	if err := l.db.WithContext(ctx).Raw(balanceQuery, lineID).Scan(&accounts).Error; err != nil {
		return flows.Balance{}, fmt.Errorf("read a balance: %w", err)
	}
	if len(accounts) == 0 || accounts[0].Line.gone(now) {
		return flows.Balance{}, flows.ErrNoLine
	}
	for _, a := range accounts {
		if a.Name == used && a.Until != 0 && a.Until <= at(now) { // the first to ask in a new month
			if err := l.turn(ctx, now, lineID); err != nil {
				return flows.Balance{}, err
			}
			return l.Balance(ctx, lineID)
		}
	}
	bytes, ends := make(map[string]int64), make(map[string]moment)
	for _, a := range accounts {
		bytes[a.Name], ends[a.Name] = a.Bytes, a.Until
	}
	line := accounts[0].Line.line()
	b := flows.Balance{
		LineID: line.ID, Number: line.Number, Status: line.Status, QuotaMB: int(accounts[0].Line.QuotaMB), At: now,
		ReservedMB: roundUp(bytes[held]), UsedMB: roundUp(bytes[used]),
	}
	for _, bucket := range flows.Buckets {
		left := bytes[string(bucket)]
		if bucket == flows.Base {
			left += bytes[held]
		}
		row := flows.BucketLeft{Bucket: bucket, LeftMB: int(left / bytesPerMB)}
		if row.LeftMB > 0 {
			row.Until = ends[string(bucket)].time()
		}
		b.Buckets = append(b.Buckets, row)
	}
	return b, nil
}

// EndedLines lists the lines that ended in a month before the month of before (JST): their links are to be removed
// (LNK-46).
func (l *Ledger) EndedLines(ctx context.Context, before time.Time) (ids []string, err error) {
	err = l.db.WithContext(ctx).Model(&lineRow{}).Where("ended_at < ?", at(monthStart(before, 0))).Order("ended_at, id").Pluck("id", &ids).Error
	if err != nil {
		return nil, fmt.Errorf("list ended lines: %w", err)
	}
	return ids, nil
}

// EndedContracts lists the contracts whose last line ended in a month before the month of before, as EndedLines does.
func (l *Ledger) EndedContracts(ctx context.Context, before time.Time) (ids []string, err error) {
	month := at(monthStart(before, 0))
	err = l.db.WithContext(ctx).Raw(`SELECT DISTINCT e.contract_id FROM ledger_lines e WHERE e.ended_at < ?
AND NOT EXISTS (SELECT 1 FROM ledger_lines l WHERE l.contract_id = e.contract_id AND (l.ended_at IS NULL OR l.ended_at >= ?))
ORDER BY e.contract_id`, month, month).Scan(&ids).Error
	if err != nil {
		return nil, fmt.Errorf("list ended contracts: %w", err)
	}
	return ids, nil
}

// codeHashes are what a code is stored as: under the first key, and under those before it.
func (l *Ledger) codeHashes(code string) []string {
	hashes := make([]string, len(l.codeKeys))
	for i, key := range l.codeKeys {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(code))
		hashes[i] = base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
	}
	return hashes
}

func isCode(s string, digits int) bool { return len(s) == digits && allDigits(s) }

func allDigits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

func roundUp(bytes int64) int { return int((bytes + bytesPerMB - 1) / bytesPerMB) }

// storable reports whether the databases can hold s as text; what they cannot hold is not there.
func storable(s string) bool { return utf8.ValidString(s) && !strings.ContainsRune(s, 0) }
