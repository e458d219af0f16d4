package ledger

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"gorm.io/gorm"

	"tsunagu/flows"
)

// count is how many rows a table has.
func (c *carrier) count(table string) (n int64) {
	c.t.Helper()
	if err := c.db.Table(table).Count(&n).Error; err != nil {
		c.t.Fatal(err)
	}
	return n
}

func (c *carrier) left(line string) (buckets [4]int, used int) {
	c.t.Helper()
	b, err := c.Balance(c.t.Context(), line)
	if err != nil {
		c.t.Fatal(err)
	}
	for i, row := range b.Buckets {
		buckets[i] = row.LeftMB
	}
	return buckets, b.UsedMB
}

func TestImportTwiceChangesNothing(t *testing.T) {
	each(t, func(t *testing.T, c *carrier) {
		first := c.load(string(Demo))
		if first.Contracts != (Counts{Added: 3}) || first.Lines != (Counts{Added: 5}) || first.Postings != 11 {
			t.Errorf("first: %+v", first)
		}
		dump := func() (all []any) {
			for _, table := range []string{"contracts", "lines", "bills", "accounts", "transfers", "postings"} {
				var rows []map[string]any
				if err := c.db.Table("ledger_" + table).Order("1, 2").Find(&rows).Error; err != nil || len(rows) == 0 {
					t.Fatal(table, len(rows), err)
				}
				all = append(all, rows)
			}
			return all
		}
		before := dump()
		c.now = c.now.Add(5 * 24 * time.Hour)
		again := c.load(string(Demo))
		want := Changes{Contracts: Counts{Unchanged: 3}, Lines: Counts{Unchanged: 5}}
		if !reflect.DeepEqual(again, want) {
			t.Errorf("again: %+v", again)
		}
		if !reflect.DeepEqual(before, dump()) {
			t.Error("the database is another after the second import")
		}
		const said = "contracts: 0 added, 0 updated, 3 unchanged; lines: 0 added, 0 updated, 5 unchanged"
		if again.String() != said {
			t.Errorf("it says %q", again)
		}
	})
}

// A changed figure is corrected against the carrier's account; one that is not changed leaves alone what was used and
// given away since, until it is stated in another month.
func TestImportCorrects(t *testing.T) {
	each(t, func(t *testing.T, c *carrier) {
		c.load(string(Demo))
		line := c.lineOf(taro)
		if changes := c.load(in("base_mb: 1840", "base_mb: 1500")); changes.Postings != 1 || changes.Lines != (Counts{Updated: 1, Unchanged: 4}) {
			t.Errorf("correction: %+v", changes)
		}
		if left, _ := c.left(line); left != [4]int{200, 0, 1500, 0} {
			t.Errorf("left: %v", left)
		}
		c.transfer("use/1", move{accountID(line, "base"), accountID(line, used), 300 * bytesPerMB})
		if changes := c.load(in("base_mb: 1840", "base_mb: 1500")); changes.Postings != 0 {
			t.Errorf("the same figure again: %+v", changes)
		}
		if left, use := c.left(line); left != [4]int{200, 0, 1200, 0} || use != 1450 {
			t.Errorf("after use: %v, used %d", left, use)
		}
		if changes := c.load(swap(in("base_mb: 1840", "base_mb: 3000"), "used_mb: 1150", "used_mb: 1151")); changes.Postings != 2 {
			t.Errorf("both changed: %+v", changes)
		}
		if left, use := c.left(line); left != [4]int{200, 0, 3000, 0} || use != 1151 {
			t.Errorf("after the second correction: %v, used %d", left, use)
		}

		c.now = time.Date(2026, 12, 1, 0, 0, 0, 0, flows.JST)
		if left, use := c.left(line); left != [4]int{3000, 0, 3000, 0} || use != 0 {
			t.Errorf("on the 1st: %v, used %d", left, use)
		}
		c.transfer("use/2", move{accountID(line, "base"), accountID(line, used), 1})
		c.load(swap(in("base_mb: 1840", "base_mb: 3000"), "used_mb: 1150", "used_mb: 0"))
		if left, use := c.left(line); left != [4]int{200, 0, 3000, 0} || use != 0 {
			t.Errorf("stated for December: %v, used %d", left, use)
		}
	})
}

// BAL-03: the base figure of a file includes what is reserved for gifts.
func TestImportKeepsReservations(t *testing.T) {
	each(t, func(t *testing.T, c *carrier) {
		c.load(string(Demo))
		line := c.lineOf(taro)
		c.transfer("gift/1/reserve", move{accountID(line, "base"), accountID(line, held), 1000 * bytesPerMB})
		c.load(in("base_mb: 1840", "base_mb: 1000"))
		b, err := c.Balance(t.Context(), line)
		if err != nil || b.ReservedMB != 1000 || b.Buckets[2].LeftMB != 1000 {
			t.Errorf("%+v, %v", b, err)
		}
		_, err = c.Import(t.Context(), nil, strings.NewReader(in("base_mb: 1840", "base_mb: 999")))
		wantProblems(t, err, "line 19: buckets.base_mb is less than the 1000MB reserved for gifts that are on their way")
	})
}

// LNK-29, LNK-43.
func TestImportReports(t *testing.T) {
	const user = "user: {name: 山田 太郎, kana: ヤマダ タロウ, birthdate: 2012-08-10}"
	for _, tt := range []struct {
		name                  string
		old, with             string
		reissued, userChanged bool
		oldCode               error
	}{
		{"LNK-29 reissued", taro, "5555555555555555", true, false, flows.ErrWrongCode},
		{"LNK-43 another name", "name: 山田 太郎", "name: 山田 次郎", false, true, nil},
		{"LNK-43 another day of birth", "2012-08-10", "2014-01-03", false, true, nil},
		{"LNK-43 another user and code", user + "\n        usage_code: \"" + taro,
			strings.Replace(user, "太郎", "次郎", 1) + "\n        usage_code: \"5555555555555555", false, true, flows.ErrWrongCode},
		{"the same user, spelt", "ヤマダ タロウ", "ヤマダ タロー", false, false, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			each(t, func(t *testing.T, c *carrier) {
				c.load(string(Demo))
				line := c.lineOf(taro)
				changes := c.load(in(tt.old, tt.with))
				if (len(changes.Reissued) == 1 && changes.Reissued[0] == line) != tt.reissued ||
					(len(changes.UserChanged) == 1 && changes.UserChanged[0] == line) != tt.userChanged ||
					changes.Lines != (Counts{Updated: 1, Unchanged: 4}) {
					t.Errorf("%+v", changes)
				}
				if _, err := c.VerifyCode(t.Context(), taro); !errors.Is(err, tt.oldCode) {
					t.Errorf("the old code: %v", err)
				}
				if again := c.load(in(tt.old, tt.with)); again.Lines != (Counts{Unchanged: 5}) || len(again.Reissued)+len(again.UserChanged) > 0 {
					t.Errorf("again: %+v", again)
				}
			})
		})
	}
}

func TestImportChangesPassword(t *testing.T) {
	each(t, func(t *testing.T, c *carrier) {
		c.load(string(Demo))
		if changes := c.load(in("hanako-demo-2026", "another-2026")); changes.Contracts != (Counts{Updated: 1, Unchanged: 2}) {
			t.Errorf("%+v", changes)
		}
		if _, err := c.VerifyHolder(t.Context(), "hanako", "hanako-demo-2026"); !errors.Is(err, flows.ErrWrongCredentials) {
			t.Errorf("the old password: %v", err)
		}
		if _, err := c.VerifyHolder(t.Context(), "hanako", "another-2026"); err != nil {
			t.Errorf("the new password: %v", err)
		}
	})
}

// A file that was prepared before another import sees what that one stored.
func TestApplySeesLaterPassword(t *testing.T) {
	each(t, func(t *testing.T, c *carrier) {
		c.load(string(Demo))
		update, err := c.Prepare(t.Context(), strings.NewReader(in("hanako-demo-2026", "another-2026")))
		if err != nil {
			t.Fatal(err)
		}
		c.load(in("hanako-demo-2026", "a-third-2026"))
		err = c.db.Transaction(func(tx *gorm.DB) error {
			changes, err := update.Apply(t.Context(), tx)
			if changes.Contracts != (Counts{Updated: 1, Unchanged: 2}) {
				t.Errorf("%+v", changes)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.VerifyHolder(t.Context(), "hanako", "another-2026"); err != nil {
			t.Errorf("the password of the last file: %v", err)
		}
	})
}

// Every mistake is named at once, those of the file and those against the database, and nothing is stored.
func TestImportRefuses(t *testing.T) {
	each(t, func(t *testing.T, c *carrier) {
		c.load(string(Demo))
		before := c.count("ledger_postings")
		file := in("login_id: ichiro", "login_id: jiro")         // his number is ichiro's, his code too
		file = swap(file, "08023456789", "08023456780")          // a new line of hanako's, with the code of her old one
		file = swap(file, "used_mb: 1150", "used_mb: -1")        // a mistake in the file
		file = swap(file, "line_points: 85", "line_points: 100") // a change that must not be stored
		changes, err := c.Import(t.Context(), nil, strings.NewReader(file))
		wantProblems(t, err,
			"line 20: used_mb must be a whole number from 0 to 1000000, without separators",
			"line 23: usage_code is that of another line in the database: give this line a new one",
			"line 70: msisdn is a line of another contract in the database: a line cannot move; check the number and the login_id",
		)
		if !reflect.DeepEqual(changes, Changes{}) {
			t.Errorf("and yet it reports %+v", changes)
		}
		if again := c.load(string(Demo)); again.Contracts != (Counts{Unchanged: 3}) || c.count("ledger_postings") != before {
			t.Errorf("and yet something was stored: %+v", again)
		}
	})
}

// Two lines cannot exchange their codes: who knows a line's old code would link the other.
func TestImportRefusesUsedCode(t *testing.T) {
	each(t, func(t *testing.T, c *carrier) {
		c.load(string(Demo))
		swapped := strings.NewReplacer(taro, hanako, hanako, taro).Replace(string(Demo))
		_, err := c.Import(t.Context(), nil, strings.NewReader(swapped))
		const problem = ": usage_code is that of another line in the database: give this line a new one"
		wantProblems(t, err, "line 15"+problem, "line 23"+problem)
	})
}

// ACC-01 holds for the contract, whatever part of it the file names.
func TestImportCountsLinesInUse(t *testing.T) {
	each(t, func(t *testing.T, c *carrier) {
		numbered := func(from, n int, status string) string {
			s := ""
			for i := range n {
				s += testLine{n: from + i, status: status}.yaml()
			}
			return testContract("one", s)
		}
		c.load(numbered(1, 5, "active"))
		_, err := c.Import(t.Context(), nil, strings.NewReader(numbered(6, 1, "active")))
		wantProblems(t, err, "line 3: with its lines in the database the contract has 6 lines in use, and may have 5: end some of them in this file")
		c.load(numbered(1, 1, "ended"))
		c.load(numbered(6, 1, "active"))
	})
}

// In the caller's transaction the import is the caller's to undo.
func TestImportInTransaction(t *testing.T) {
	each(t, func(t *testing.T, c *carrier) {
		stop := errors.New("stop")
		err := c.db.Transaction(func(tx *gorm.DB) error {
			if changes, err := c.Import(t.Context(), tx, strings.NewReader(string(Demo))); err != nil || changes.Lines.Added != 5 {
				t.Errorf("%+v, %v", changes, err)
			}
			return stop
		})
		if !errors.Is(err, stop) || c.count("ledger_lines") != 0 || c.count("ledger_postings") != 0 {
			t.Errorf("%v, and %d lines", err, c.count("ledger_lines"))
		}
	})
}

func TestImportsWaitForEachOther(t *testing.T) {
	each(t, func(t *testing.T, c *carrier) {
		var (
			all   sync.WaitGroup
			mu    sync.Mutex
			added Counts
		)
		for range 8 {
			all.Go(func() {
				changes, err := c.Import(context.Background(), nil, strings.NewReader(string(Demo)))
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					t.Error(err)
				}
				added.Added += changes.Lines.Added
				added.Unchanged += changes.Lines.Unchanged
			})
		}
		all.Wait()
		if added != (Counts{Added: 5, Unchanged: 35}) {
			t.Errorf("in all: %+v", added)
		}
		if err := c.Reconcile(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// More rows than one statement takes.
func TestImportMany(t *testing.T) {
	each(t, func(t *testing.T, c *carrier) {
		var file strings.Builder
		file.WriteString("version: 1\ncontracts:\n")
		for i := range 300 {
			lines := ""
			for j := range 4 {
				lines += testLine{n: 4*i + j, figures: [5]int{1, 2, 3, 4, 5}}.yaml()
			}
			file.WriteString(contractYAML(fmt.Sprint("holder", i), lines))
		}
		if changes := c.load(file.String()); changes.Lines.Added != 1200 || changes.Postings != 6000 {
			t.Errorf("%+v", changes)
		}
		if again := c.load(file.String()); again.Lines.Unchanged != 1200 || again.Contracts.Unchanged != 300 {
			t.Errorf("%+v", again)
		}
		if left, use := c.left(c.lineOf(testLine{n: 1199}.code())); left != [4]int{1, 2, 3, 4} || use != 5 {
			t.Errorf("the last line has %v, used %d", left, use)
		}
	})
}

// A testLine is the n-th line of a generated carrier file.
type testLine struct {
	n       int
	status  string // active when empty
	figures [5]int
}

func (l testLine) code() string { return fmt.Sprintf("%016d", l.n) }

func (l testLine) yaml() string {
	status := l.status
	if status == "" {
		status = "active"
	}
	f := l.figures
	return fmt.Sprintf(`      - msisdn: "090%08d"
        user: {name: 利用者, kana: リヨウシャ, birthdate: 2001-01-01}
        usage_code: "%s"
        plan: {name: 3GB, quota_mb: 3000, base_fee_yen: 1210}
        status: %s
        buckets: {carryover_mb: %d, gift_mb: %d, base_mb: %d, topup_mb: %d}
        used_mb: %d
`, l.n, l.code(), status, f[0], f[1], f[2], f[3], f[4])
}

func contractYAML(login, lines string) string {
	return fmt.Sprintf(`  - login_id: %s
    password: password-of-%s
    holder: {name: 契約者, kana: ケイヤクシャ, birthdate: 1980-01-01}
    mnp: true
    switch_completed_at: 2026-11-01T10:00:00+09:00
    lines:
%s`, login, login, lines)
}

func testContract(login, lines string) string {
	return "version: 1\ncontracts:\n" + contractYAML(login, lines)
}
