package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/glebarez/sqlite"
	"github.com/pressly/goose/v3"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"tsunagu/flows"
	"tsunagu/store/password"
	"tsunagu/store/storetest"
)

// noon is when most tests happen: the shipping mails of Demo but the last are long out.
var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, flows.JST)

var testKeys = [][]byte{[]byte("the newest key of the usage codes"), []byte("the key before it, still accepted")}

// A carrier is a ledger on a database of its own, with a clock to set and passwords that are cheap to hash.
type carrier struct {
	*Ledger
	t   *testing.T
	now time.Time
}

// each runs a test on every database.
func each(t *testing.T, f func(t *testing.T, c *carrier)) {
	storetest.Each(t, func(t *testing.T, url string) { f(t, newCarrier(t, openDB(t, url))) })
}

func newCarrier(t *testing.T, db *gorm.DB) *carrier {
	c := &carrier{t: t, now: noon}
	c.Ledger = New(Config{DB: db, CodeKeys: testKeys, GiftKeys: testKeys, Now: func() time.Time { return c.now }, Settings: flows.Defaults()})
	c.hasher = password.New(password.Cost{MemoryKiB: 64, Passes: 1, Lanes: 1}, 2)
	return c
}

// openDB opens an empty database and makes the tables.
func openDB(t *testing.T, url string) *gorm.DB {
	t.Helper()
	dialector, dialect := postgres.Open(url), goose.DialectPostgres
	if path, ok := strings.CutPrefix(url, "sqlite:"); ok {
		dialector = sqlite.Open(path + "?_pragma=busy_timeout(10000)&_pragma=foreign_keys(1)&_pragma=journal_mode(WAL)&_pragma=synchronous(0)&_txlock=immediate")
		dialect = goose.DialectSQLite3
	}
	db, err := gorm.Open(dialector, &gorm.Config{Logger: logger.Discard, SkipDefaultTransaction: true})
	if err != nil {
		t.Fatal(err)
	}
	conn, err := db.DB()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	migrations := fstest.MapFS{}
	for _, name := range []string{"00010_ledger.sql", "00014_gifts.sql"} {
		migration, err := os.ReadFile("../migrations/" + name)
		if err != nil {
			t.Fatal(err)
		}
		migrations[name] = &fstest.MapFile{Data: migration}
	}
	p, err := goose.NewProvider(dialect, conn, migrations)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	return db
}

// load imports a carrier file that must be good, and checks the books.
func (c *carrier) load(file string) Changes {
	c.t.Helper()
	changes, err := c.Import(c.t.Context(), nil, strings.NewReader(file))
	if err != nil {
		c.t.Fatal(err)
	}
	if err := c.Reconcile(c.t.Context()); err != nil {
		c.t.Fatal(err)
	}
	return changes
}

// lineOf is the ID of the line with a usage code.
func (c *carrier) lineOf(code string) string {
	c.t.Helper()
	line, err := c.VerifyCode(c.t.Context(), code)
	if err != nil {
		c.t.Fatal(err)
	}
	return line.ID
}

const taro, hanako = "0123456789012345", "0123456789012346"

// in replaces a piece of Demo that must be there.
func in(old, with string) string { return swap(string(Demo), old, with) }

func swap(file, old, with string) string {
	if strings.Count(file, old) == 0 {
		panic("not in the file: " + old)
	}
	return strings.Replace(file, old, with, 1)
}

func TestHolder(t *testing.T) {
	each(t, func(t *testing.T, c *carrier) {
		c.load(string(Demo))
		contract, err := c.VerifyHolder(t.Context(), "hanako", "hanako-demo-2026")
		if err != nil || contract.LoginID != "hanako" || !strings.HasPrefix(contract.ID, "c_") {
			t.Fatalf("VerifyHolder = %+v, %v", contract, err)
		}
		c.load(string(Demo))
		if again, err := c.VerifyHolder(t.Context(), "hanako", "hanako-demo-2026"); err != nil || again != contract {
			t.Errorf("after another import the contract is %+v, %v; want %+v", again, err, contract)
		}
		for _, tt := range [][2]string{
			{"hanako", "hanako-demo-2027"}, {"hanako", ""}, {"Hanako", "hanako-demo-2026"}, {"nobody", "hanako-demo-2026"},
			{"", ""}, {"hana\x00ko", "x"}, {"\xff", "x"},
			{"ichiro", "hanako-demo-2026"}, // LNK-03: not_yet is only for right credentials
		} {
			if _, err := c.VerifyHolder(t.Context(), tt[0], tt[1]); !errors.Is(err, flows.ErrWrongCredentials) {
				t.Errorf("VerifyHolder(%q, %q) = %v", tt[0], tt[1], err)
			}
		}
	})
}

// With all seats taken a known and an unknown login ID both wait for one: neither is answered without hashing.
func TestUnknownLoginTakesTheSameWork(t *testing.T) {
	each(t, func(t *testing.T, c *carrier) {
		c.load(string(Demo))
		c.hasher = password.New(password.Usual, 0)
		for _, login := range []string{"hanako", "nobody"} {
			ctx, stop := context.WithCancel(t.Context())
			answer := make(chan error, 1)
			go func() {
				_, err := c.VerifyHolder(ctx, login, "hanako-demo-2026")
				answer <- err
			}()
			stop()
			if err := <-answer; !errors.Is(err, context.Canceled) {
				t.Errorf("%s: %v, want to have waited", login, err)
			}
		}
	})
}

func TestLinkingOpens(t *testing.T) {
	day := func(d, h, m, s int) time.Time { return time.Date(2026, 11, d, h, m, s, 0, flows.JST) }
	for _, tt := range []struct {
		name   string // with the rule
		dates  string
		now    time.Time
		notYet *flows.NotYetError
	}{
		{"LNK-02 shipped today", "mnp: false\n    switch_completed_at: null\n    shipping_mail_at: 2026-11-24T00:00:00+09:00",
			day(24, 23, 59, 59), &flows.NotYetError{From: day(25, 0, 0, 0)}},
		{"LNK-02 the day after", "mnp: false\n    switch_completed_at: null\n    shipping_mail_at: 2026-11-24T23:59:59+09:00",
			day(25, 0, 0, 0), nil},
		{"LNK-02 the day is Japan's", "mnp: false\n    switch_completed_at: null\n    shipping_mail_at: 2026-11-24T15:00:00Z",
			day(25, 23, 59, 59), &flows.NotYetError{From: day(26, 0, 0, 0)}},
		{"LNK-02 not shipped", "mnp: false\n    switch_completed_at: null\n    shipping_mail_at: null",
			day(30, 0, 0, 0), &flows.NotYetError{}},
		{"LNK-01 switched this moment", "mnp: true\n    switch_completed_at: 2026-11-24T10:00:00+09:00\n    shipping_mail_at: null",
			day(24, 10, 0, 0), nil},
		{"LNK-01 a second before", "mnp: true\n    switch_completed_at: 2026-11-24T10:00:00+09:00\n    shipping_mail_at: 2026-11-01T10:00:00+09:00",
			day(24, 9, 59, 59), &flows.NotYetError{MNP: true, From: day(24, 10, 0, 0)}},
		{"LNK-01 not switched", "mnp: true\n    switch_completed_at: null\n    shipping_mail_at: 2026-11-01T10:00:00+09:00",
			day(24, 10, 0, 0), &flows.NotYetError{MNP: true}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			each(t, func(t *testing.T, c *carrier) {
				c.load(in("mnp: true\n    switch_completed_at: 2026-11-01T10:00:00+09:00\n    shipping_mail_at: null", tt.dates))
				c.now = tt.now
				_, byPassword := c.VerifyHolder(t.Context(), "hanako", "hanako-demo-2026")
				_, byCode := c.VerifyCode(t.Context(), taro)
				for way, err := range map[string]error{"password": byPassword, "code": byCode} {
					var notYet *flows.NotYetError
					if errors.As(err, &notYet); tt.notYet == nil && err != nil {
						t.Errorf("by %s: %v", way, err)
					} else if tt.notYet != nil && (notYet == nil || notYet.MNP != tt.notYet.MNP || !notYet.From.Equal(tt.notYet.From)) {
						t.Errorf("by %s: %v %+v, want %+v", way, err, notYet, tt.notYet)
					}
				}
			})
		})
	}
}

// LNK-20, LNK-30.
func TestCode(t *testing.T) {
	each(t, func(t *testing.T, c *carrier) {
		c.load(in("status: suspended", "status: ended"))
		line, err := c.VerifyCode(t.Context(), taro)
		want := flows.Line{ID: line.ID, ContractID: line.ContractID, Number: "09012345678", Status: flows.LineActive, PlanName: "3GB"}
		if err != nil || line != want || !strings.HasPrefix(line.ID, "l_") {
			t.Errorf("VerifyCode = %#v, %v", line, err)
		}
		if got, err := c.Line(t.Context(), line.ID); err != nil || got != want {
			t.Errorf("Line = %#v, %v", got, err)
		}
		for _, code := range []string{
			"123456789012345", "00123456789012345", "0123456789012347", "０123456789012345", "0123-4567-8901-2345", "",
			" 123456789012345", "+123456789012345",
			"3141592653589793", // of an ended line
		} {
			if _, err := c.VerifyCode(t.Context(), code); !errors.Is(err, flows.ErrWrongCode) {
				t.Errorf("VerifyCode(%q) = %v", code, err)
			}
		}
	})
}

// A key is replaced by putting a new one before it; the next import stores what it meets under the new one.
func TestCodeKeyRotation(t *testing.T) {
	each(t, func(t *testing.T, c *carrier) {
		with := func(keys ...[]byte) *carrier {
			next := newCarrier(t, c.db)
			next.codeKeys = keys
			return next
		}
		before, both, after := with(testKeys[1]), with(testKeys...), with(testKeys[0])
		before.load(string(Demo))
		line := both.lineOf(taro)
		if changes := both.load(string(Demo)); changes.Lines != (Counts{Unchanged: 5}) || len(changes.Reissued) > 0 {
			t.Errorf("with a new key the same file changed %+v", changes)
		}
		if got := after.lineOf(taro); got != line {
			t.Errorf("without the old key the code is of line %s, want %s", got, line)
		}
	})
}

// BAL-02, BAL-05 and the table of domain.md §3.
func TestBalance(t *testing.T) {
	each(t, func(t *testing.T, c *carrier) {
		c.load(string(Demo))
		month := func(m time.Month) time.Time { return time.Date(2026, m, 1, 0, 0, 0, 0, flows.JST) }
		line := c.lineOf(hanako)
		c.now = noon.Add(90 * time.Second)
		b, err := c.Balance(t.Context(), line)
		if err != nil {
			t.Fatal(err)
		}
		want := flows.Balance{
			LineID: line, Number: "08023456789", Status: flows.LineActive, UsedMB: 2925, QuotaMB: 6000, At: c.now,
			Buckets: []flows.BucketLeft{
				{Bucket: flows.Carryover}, {Bucket: flows.Gift, LeftMB: 500, Until: month(12)},
				{Bucket: flows.Base, LeftMB: 4275, Until: month(13)}, {Bucket: flows.Topup, LeftMB: 1000, Until: month(13)},
			},
		}
		same(t, b, want)

		for _, id := range []string{"l_none", "", "\x00"} {
			if _, err := c.Balance(t.Context(), id); !errors.Is(err, flows.ErrNoLine) {
				t.Errorf("Balance(%q) = %v", id, err)
			}
			if _, err := c.Line(t.Context(), id); !errors.Is(err, flows.ErrNoLine) {
				t.Errorf("Line(%q) = %v", id, err)
			}
		}
	})
}

func same(t *testing.T, got, want flows.Balance) {
	t.Helper()
	equal := func(a, b flows.BucketLeft) bool {
		return a.Bucket == b.Bucket && a.LeftMB == b.LeftMB && a.Until.Equal(b.Until)
	}
	if !slices.EqualFunc(got.Buckets, want.Buckets, equal) {
		t.Errorf("buckets are %+v\nwant %+v", got.Buckets, want.Buckets)
	}
	got.Buckets, want.Buckets = nil, nil
	if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", want) || got.Number != want.Number {
		t.Errorf("balance is %+v\nwant %+v", got, want)
	}
}

// The last day of each month, leap years and the turn of the year among them (CAL-02).
func TestUntil(t *testing.T) {
	for _, tt := range []struct{ day, thisMonth, nextMonth string }{
		{"2026-11-01", "2026-12-01", "2027-01-01"},
		{"2026-12-31", "2027-01-01", "2027-02-01"},
		{"2027-01-31", "2027-02-01", "2027-03-01"},
		{"2028-02-29", "2028-03-01", "2028-04-01"},
	} {
		day, err := time.ParseInLocation(time.DateOnly, tt.day, flows.JST)
		if err != nil {
			t.Fatal(err)
		}
		for _, now := range []time.Time{day, day.Add(24*time.Hour - time.Microsecond).UTC()} {
			for name, want := range map[string]string{
				"carryover": tt.thisMonth, "gift": tt.thisMonth, "used": tt.thisMonth, "base": tt.nextMonth, "topup": tt.nextMonth,
			} {
				if got := until(name, now).time().Format(time.RFC3339); got != want+"T00:00:00+09:00" {
					t.Errorf("%s of %v: %s, want %s", name, now, got, want)
				}
			}
		}
	}
}

// LNK-46: links go at 00:00 of the 1st after the month in which a line ended, and a contract's with its last line.
func TestEnd(t *testing.T) {
	each(t, func(t *testing.T, c *carrier) {
		c.load(string(Demo))
		line := c.lineOf("2718281828459045")
		contract, err := c.VerifyHolder(t.Context(), "takeru", "takeru-demo-2026")
		if err != nil {
			t.Fatal(err)
		}
		ended := swap(in("status: suspended", "status: ended"),
			"usage_code: \"2718281828459045\"\n        plan: {name: 3GB, quota_mb: 3000, base_fee_yen: 1210}\n        status: active",
			"usage_code: \"2718281828459045\"\n        plan: {name: 3GB, quota_mb: 3000, base_fee_yen: 1210}\n        status: ended")
		c.now = time.Date(2026, 11, 30, 23, 59, 59, 0, flows.JST)
		if changes := c.load(ended); len(changes.Ended) != 2 || !slices.Contains(changes.Ended, line) {
			t.Errorf("ended: %+v", changes)
		}
		if _, err := c.Balance(t.Context(), line); err != nil {
			t.Errorf("in the month it ended: %v", err)
		}
		if _, err := c.VerifyHolder(t.Context(), "takeru", "takeru-demo-2026"); err != nil {
			t.Errorf("in the month the contract ended: %v", err)
		}
		for _, tt := range []struct {
			at               time.Time
			lines, contracts int
		}{{c.now, 0, 0}, {c.now.Add(time.Second), 2, 1}} {
			lines, err1 := c.EndedLines(t.Context(), tt.at)
			contracts, err2 := c.EndedContracts(t.Context(), tt.at)
			if err1 != nil || err2 != nil || len(lines) != tt.lines || len(contracts) != tt.contracts {
				t.Errorf("at %v: %v, %v, %v, %v", tt.at, lines, contracts, err1, err2)
			}
			if len(contracts) > 0 && contracts[0] != contract.ID {
				t.Errorf("ended contracts %v, want %v", contracts, contract.ID)
			}
		}
		c.now = c.now.Add(time.Second)
		if changes := c.load(ended); len(changes.Ended) != 0 {
			t.Errorf("ended again: %+v", changes)
		}
		if _, err := c.Balance(t.Context(), line); !errors.Is(err, flows.ErrNoLine) {
			t.Errorf("balance in the month after: %v", err)
		}
		if _, err := c.Line(t.Context(), line); !errors.Is(err, flows.ErrNoLine) {
			t.Errorf("line in the month after: %v", err)
		}
		if _, err := c.VerifyHolder(t.Context(), "takeru", "takeru-demo-2026"); !errors.Is(err, flows.ErrWrongCredentials) {
			t.Errorf("contract in the month after: %v", err)
		}
	})
}

// Passwords and codes are nowhere in the database, nor a part of them (LNK-30, design §8).
func TestSecretsAreNotKept(t *testing.T) {
	each(t, func(t *testing.T, c *carrier) {
		c.load(string(Demo))
		var kept bytes.Buffer
		for _, table := range []string{"ledger_contracts", "ledger_lines", "ledger_accounts", "ledger_transfers", "ledger_postings"} {
			var rows []map[string]any
			if err := c.db.Table(table).Find(&rows).Error; err != nil || len(rows) == 0 {
				t.Fatalf("%s: %d rows, %v", table, len(rows), err)
			}
			fmt.Fprintln(&kept, rows)
		}
		if !strings.Contains(kept.String(), "山田 花子") || !strings.Contains(kept.String(), "$argon2id$v=19$") {
			t.Fatal("the dump does not show what is kept")
		}
		for _, secret := range []string{"hanako-demo-2026", "-demo-", taro, "0123456789", "3141592653589793", "589793"} {
			if strings.Contains(kept.String(), secret) {
				t.Errorf("%q is in the database", secret)
			}
		}
	})
}

// Every question is answered through an index: with sequential scans forbidden, none is left in the plans.
func TestPlans(t *testing.T) {
	each(t, func(t *testing.T, c *carrier) {
		c.load(string(Demo))
		explain, scan := "EXPLAIN QUERY PLAN ", "SCAN"
		if c.db.Name() == "postgres" {
			explain, scan = "EXPLAIN ", "Seq Scan"
		}
		for _, tt := range []struct {
			query string
			args  []any
		}{
			{holderQuery, []any{at(noon), "hanako"}},
			{codeQuery, []any{[]string{"a", "b"}}},
			{balanceQuery, []any{"l_1"}},
			{"SELECT id FROM ledger_lines WHERE ended_at < ? ORDER BY ended_at, id", []any{at(noon)}},
		} {
			err := c.db.Transaction(func(tx *gorm.DB) error {
				if c.db.Name() == "postgres" {
					if err := tx.Exec("SET LOCAL enable_seqscan = off").Error; err != nil {
						return err
					}
				}
				var plan []map[string]any
				if err := tx.Raw(explain+tt.query, tt.args...).Scan(&plan).Error; err != nil {
					return err
				}
				if text := fmt.Sprint(plan); len(plan) == 0 || strings.Contains(text, scan) {
					t.Errorf("%s\n%s", tt.query, text)
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		}
	})
}
