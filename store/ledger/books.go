package ledger

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"tsunagu/flows"
)

// The books: who has how much data, and every movement that made it so.
//
// A line has an account for each of flows.Buckets and two more, held and used. All that ever happens to data is a
// transfer, a set of postings between two accounts each:
//
//	import      issued ─▶ bucket, used        (or back, when a figure was too high)
//	use         bucket ─▶ used                in the order of flows.Buckets
//	gift        base ─▶ held                  reserved
//	            held ─▶ the receiver's gift   claimed
//	            held ─▶ base                  cancelled or expired
//	month turn  carryover, gift ─▶ expired; base, topup ─▶ carryover; used ─▶ consumed; issued ─▶ base
//
// Amounts are bytes, so that use adds up before it is rounded; people see whole MB (BKT-08, BKT-09).

const (
	held = "held" // reserved for pending gifts: shown as part of base (BAL-03)
	used = "used" // this month's use

	issued = "carrier/issued" // the account all data comes from
)

const bytesPerMB = 1_000_000

func accountID(line, name string) string { return line + "/" + name }

type accountRow struct {
	ID       string
	LineID   *string
	Name     string
	Bytes    int64
	Until    moment
	StatedMB *int64 `gorm:"column:stated_mb"`
	StatedAt moment
}

func (accountRow) TableName() string { return "ledger_accounts" }

// until is when data of an account, put there at t, can no longer be used, exclusive (the table of domain.md §3;
// bought data is taken as bought in t's month), or when the month of use ends.
func until(name string, t time.Time) moment {
	switch name {
	case string(flows.Base), string(flows.Topup):
		return at(monthStart(t, 2))
	case held:
		return 0
	}
	return at(monthStart(t, 1))
}

type transferRow struct {
	ID   string
	Kind string
	At   moment
}

func (transferRow) TableName() string { return "ledger_transfers" }

type postingRow struct {
	Transfer    string
	N           int
	FromAccount string
	ToAccount   string
	Bytes       int64
}

func (postingRow) TableName() string { return "ledger_postings" }

// forTransfer locks accounts until the transfer is done. The lock leaves the rows' keys alone: a new posting refers to
// them, and would otherwise wait for its own account in an order that is not this one.
var forTransfer = clause.Locking{Strength: "NO KEY UPDATE"}

// A move is one posting to be made, bytes > 0.
type move struct {
	from, to string // account ids
	bytes    int64
}

// post does one transfer: it writes the postings and brings the balances after them. The database refuses a transfer
// that was done before and one that would take more from a line than it has.
func post(tx *gorm.DB, t transferRow, moves []move) error {
	if err := tx.Create(&t).Error; err != nil {
		return fmt.Errorf("post %s: %w", t.Kind, err)
	}
	rows := make([]postingRow, 0, batch)
	n := 0
	for part := range slices.Chunk(moves, batch) {
		rows = rows[:0]
		for _, m := range part {
			n++
			rows = append(rows, postingRow{t.ID, n, m.from, m.to, m.bytes})
		}
		if err := tx.Create(&rows).Error; err != nil {
			return fmt.Errorf("post %s: %w", t.Kind, err)
		}
	}
	// Transfers that meet on several accounts must lock them in one order.
	var ids []string
	err := tx.Model(&accountRow{}).Clauses(forTransfer).Order("id").
		Where("id IN (SELECT from_account FROM ledger_postings WHERE transfer = ?"+
			" UNION SELECT to_account FROM ledger_postings WHERE transfer = ?)", t.ID, t.ID).Pluck("id", &ids).Error
	if err != nil {
		return fmt.Errorf("post %s: %w", t.Kind, err)
	}
	err = tx.Exec("UPDATE ledger_accounts SET bytes = bytes + moved.delta FROM ("+movedBy("WHERE transfer = ?")+") AS moved"+
		" WHERE ledger_accounts.id = moved.account", t.ID, t.ID).Error
	if err != nil {
		return fmt.Errorf("post %s: %w", t.Kind, err)
	}
	return nil
}

// movedBy is a query for what the postings of a condition did to each account.
func movedBy(where string) string {
	return "SELECT account, SUM(moved) AS delta FROM (" +
		"SELECT to_account AS account, bytes AS moved FROM ledger_postings " + where +
		" UNION ALL SELECT from_account, -bytes FROM ledger_postings " + where + ") AS postings GROUP BY account"
}

// Reconcile checks the books: every balance must be the sum of its postings, and then all balances together are zero.
// It reads all of them, for tests and inspections, not for requests. The error names the accounts that differ.
func (l *Ledger) Reconcile(ctx context.Context) error {
	var wrong []string
	err := l.db.WithContext(ctx).Raw("SELECT id FROM ledger_accounts LEFT JOIN (" + movedBy("") + ") AS moved ON account = id" +
		" WHERE bytes <> COALESCE(delta, 0) ORDER BY id").Scan(&wrong).Error
	if err != nil {
		return fmt.Errorf("reconcile the books: %w", err)
	}
	if len(wrong) > 0 {
		return fmt.Errorf("the postings of %d accounts do not add up to their balances: %s", len(wrong), strings.Join(wrong, ", "))
	}
	return nil
}
