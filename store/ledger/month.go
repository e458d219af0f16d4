package ledger

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm"

	"tsunagu/flows"
)

// The month's turn (BKT-01 to BKT-05): at 00:00 JST on the 1st what was left rolls over once, what had rolled over and
// what was received is gone, and the plan's quota is there anew. The account used knows in which month a line's books
// stand: its time ends with that month. A line is turned when it is asked for, and all others by TurnMonth; one that was
// not turned for months is turned month by month.

const (
	consumed = "carrier/consumed"
	expired  = "carrier/expired"
)

// turnedAtOnce is how many lines TurnMonth looks for at once.
const turnedAtOnce = 200

// TurnMonth turns every line whose month is over, and tells how many there were. It may run anywhere, any number of
// times, also at the same time.
func (l *Ledger) TurnMonth(ctx context.Context) (n int, err error) {
	for {
		now := l.now()
		var ids []string
		err := l.db.WithContext(ctx).Model(&accountRow{}).Where("name = 'used' AND until <= ?", at(now)).
			Order("until").Limit(turnedAtOnce).Pluck("line_id", &ids).Error
		if err != nil || len(ids) == 0 {
			return n, err
		}
		for _, id := range ids {
			if err := l.turn(ctx, now, id); err != nil {
				return n, err
			}
			n++
		}
	}
}

// turnIfDue turns those of the lines whose month is over.
func (l *Ledger) turnIfDue(ctx context.Context, now time.Time, lineIDs ...string) error {
	if len(lineIDs) == 0 {
		return nil
	}
	var due []string
	err := l.db.WithContext(ctx).Model(&accountRow{}).Where("line_id IN ? AND name = 'used' AND until <= ?", lineIDs, at(now)).Pluck("line_id", &due).Error
	if err != nil {
		return err
	}
	for _, id := range due {
		if err := l.turn(ctx, now, id); err != nil {
			return err
		}
	}
	return nil
}

// turn brings a line's books to the month of now.
func (l *Ledger) turn(ctx context.Context, now time.Time, lineID string) error {
	err := l.db.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		var pending []string
		err := tx.Model(&giftRow{}).Clauses(forTransfer).Where("from_line = ? AND state = 'pending' AND claim_by <= ?", lineID, at(now)).
			Order("id").Pluck("id", &pending).Error // all of them before any account, as claims do
		if err != nil {
			return err
		}
		for _, id := range pending { // within its month a gift goes back to base (GFT-24)
			if _, err := l.expire(tx, id, now); err != nil {
				return err
			}
		}
		var line lineRow
		if err := tx.Take(&line, "id = ?", lineID).Error; err != nil {
			return err
		}
		for {
			turned, err := turnOnce(tx, now, line)
			if !turned || err != nil {
				return err
			}
		}
	})
	if err != nil {
		return fmt.Errorf("turn a line's month: %w", err)
	}
	return nil
}

// turnOnce takes a line into the next month, if its own is over.
func turnOnce(tx *gorm.DB, now time.Time, line lineRow) (turned bool, err error) {
	var rows []accountRow
	if err := tx.Clauses(forTransfer).Order("id").Find(&rows, "line_id = ?", line.ID).Error; err != nil {
		return false, err
	}
	accounts := make(map[string]accountRow)
	for _, r := range rows {
		accounts[r.Name] = r
	}
	month := accounts[used].Until
	if month == 0 || at(now) < month {
		return false, nil
	}
	carryover, base := string(flows.Carryover), string(flows.Base)
	var moves []move
	shift := func(name, to string) {
		if r := accounts[name]; r.Bytes > 0 {
			moves = append(moves, move{r.ID, to, r.Bytes})
		}
	}
	over := line.EndedAt != 0 && line.EndedAt < month
	rest := accountID(line.ID, carryover) // BKT-03
	if over {
		rest = expired
	}
	shift(carryover, expired)
	shift(string(flows.Gift), expired) // GFT-08
	shift(base, rest)
	shift(string(flows.Topup), rest)
	shift(used, consumed)
	if !over && line.QuotaMB > 0 {
		moves = append(moves, move{issued, accountID(line.ID, base), line.QuotaMB * bytesPerMB})
	}
	if len(moves) > 0 {
		id := "turn/" + line.ID + "/" + month.time().Format("2006-01")
		if err := post(tx, transferRow{ID: id, Kind: "month", At: at(now)}, moves); err != nil {
			return false, err
		}
	}
	for name := range accounts {
		if name == held {
			continue
		}
		end := until(name, month.time())
		if over {
			end = 0 // nothing will come any more
		}
		if err := tx.Model(&accountRow{}).Where("id = ?", accountID(line.ID, name)).Update("until", end).Error; err != nil {
			return false, err
		}
	}
	return true, nil
}
