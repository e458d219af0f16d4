package ledger

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"gorm.io/gorm"
	"pgregory.net/rapid"

	"tsunagu/flows"
)

// transfer does one transfer that must go well.
func (c *carrier) transfer(id string, moves ...move) {
	c.t.Helper()
	if err := c.try(id, moves...); err != nil {
		c.t.Fatal(err)
	}
}

func (c *carrier) try(id string, moves ...move) error {
	return c.db.Transaction(func(tx *gorm.DB) error {
		return post(tx, transferRow{ID: id, Kind: "test", At: at(c.now)}, moves)
	})
}

// accountsOf are a line's balances in bytes.
func (c *carrier) accountsOf(t interface{ Fatal(...any) }, line string) map[string]int64 {
	var rows []accountRow
	if err := c.db.Find(&rows, "line_id = ?", line).Error; err != nil {
		t.Fatal(err)
	}
	all := make(map[string]int64)
	for _, row := range rows {
		all[row.Name] = row.Bytes
	}
	return all
}

// BKT-09: what is left is rounded down, what was used up.
func TestRounding(t *testing.T) {
	each(t, func(t *testing.T, c *carrier) {
		c.load(string(Demo))
		line := c.lineOf(taro)
		c.transfer("use/1", move{accountID(line, "base"), accountID(line, used), 1})
		if left, use := c.left(line); left[2] != 1839 || use != 1151 {
			t.Errorf("a byte used: %d left, %d used; want 1839, 1151", left[2], use)
		}
		c.transfer("use/2", move{accountID(line, "base"), accountID(line, used), 1839*bytesPerMB + 1})
		b, err := c.Balance(t.Context(), line)
		if err != nil || b.Buckets[2].LeftMB != 0 || !b.Buckets[2].Until.IsZero() {
			t.Errorf("less than 1MB left: %+v, %v", b.Buckets[2], err)
		}
	})
}

// A gift is three kinds of transfer that are done once each (BAL-03, GFT-24, GFT-35, GFT-37).
func TestGiftTransfers(t *testing.T) {
	each(t, func(t *testing.T, c *carrier) {
		c.load(string(Demo))
		from, to := c.lineOf(taro), c.lineOf(hanako)
		reserve := move{accountID(from, "base"), accountID(from, held), 500 * bytesPerMB}
		claim := move{accountID(from, held), accountID(to, "gift"), 500 * bytesPerMB}
		release := move{reserve.to, reserve.from, reserve.bytes}
		for _, tt := range []struct {
			id             string
			move           move
			base, reserved int // of the sender
			gift           int // of the receiver
		}{
			{"gift/1/reserve", reserve, 1840, 500, 500},
			{"gift/1/transfer", claim, 1340, 0, 1000},
			{"gift/2/reserve", reserve, 1340, 500, 1000},
			{"gift/2/release", release, 1340, 0, 1000},
		} {
			c.transfer(tt.id, tt.move)
			if err := c.try(tt.id, tt.move); err == nil {
				t.Errorf("%s was done twice", tt.id)
			}
			sender, err1 := c.Balance(t.Context(), from)
			receiver, err2 := c.Balance(t.Context(), to)
			if err1 != nil || err2 != nil || sender.Buckets[2].LeftMB != tt.base || sender.ReservedMB != tt.reserved || receiver.Buckets[1].LeftMB != tt.gift {
				t.Errorf("after %s: %+v, %+v", tt.id, sender, receiver)
			}
		}
		if err := c.Reconcile(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// What no transfer may do, the database refuses.
func TestConstraints(t *testing.T) {
	each(t, func(t *testing.T, c *carrier) {
		c.load(string(Demo))
		line := c.lineOf(taro)
		base, use := accountID(line, "base"), accountID(line, used)
		for name, m := range map[string]move{
			"more than there is": {base, use, 1840*bytesPerMB + 1},
			"nothing":            {base, use, 0},
			"less than nothing":  {use, base, -1},
			"to itself":          {base, base, 1},
			"to no account":      {base, "l_none/base", 1},
			"from no account":    {"l_none/base", base, 1},
		} {
			if err := c.try("bad", m); err == nil {
				t.Errorf("%s can be posted", name)
			}
		}
		if left, _ := c.left(line); left[2] != 1840 {
			t.Errorf("%dMB left", left[2])
		}
		if err := c.db.Exec("UPDATE ledger_accounts SET bytes = -1 WHERE id = ?", base).Error; err == nil {
			t.Error("a line's account can be below zero")
		}
		if err := c.db.Exec("UPDATE ledger_accounts SET bytes = bytes + 1 WHERE id = ?", base).Error; err != nil {
			t.Fatal(err)
		}
		if err := c.Reconcile(t.Context()); err == nil || !strings.Contains(err.Error(), base) || strings.Contains(err.Error(), use) {
			t.Errorf("one byte that no posting moved: %v", err)
		}
	})
}

// Transfers that cross between the same two lines wait for each other and all arrive.
func TestCrossingTransfers(t *testing.T) {
	each(t, func(t *testing.T, c *carrier) {
		c.load(string(Demo))
		a, b := accountID(c.lineOf(taro), "base"), accountID(c.lineOf(hanako), "base")
		before, _ := c.left(strings.TrimSuffix(a, "/base"))
		var all sync.WaitGroup
		for i := range 8 {
			from, to := a, b
			if i%2 == 1 {
				from, to = b, a
			}
			all.Go(func() {
				for j := range 10 {
					if err := c.try(fmt.Sprint("cross/", i, "/", j), move{from, to, bytesPerMB}); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		all.Wait()
		if after, _ := c.left(strings.TrimSuffix(a, "/base")); after != before {
			t.Errorf("%v, want %v", after, before)
		}
		if err := c.Reconcile(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// Whatever is imported, corrected, used and given, in any order: balances are what a simple sum says, nothing goes
// below zero, and the books agree (GFT-37, design §5).
func TestConservation(t *testing.T) {
	each(t, func(t *testing.T, c *carrier) {
		lines, transfers := 0, 0
		rapid.Check(t, func(t *rapid.T) {
			lines += 2
			login := fmt.Sprint("holder", lines)
			of := [2]testLine{{n: lines}, {n: lines + 1}}
			figure := rapid.SampledFrom([]int{0, 1, 499, 500, 1840, 3000})
			var ids [2]string
			var said [2]*[5]int
			var model [2]map[string]int64
			load := func(t *rapid.T) {
				file := ""
				for i := range of {
					for j := range of[i].figures {
						of[i].figures[j] = figure.Draw(t, "figure")
					}
					file += of[i].yaml()
				}
				_, err := c.Import(context.Background(), nil, strings.NewReader(testContract(login, file)))
				tooLow := false // less than what is reserved
				for i := range of {
					base := of[i].figures[baseFigure]
					tooLow = tooLow || said[i] != nil && base != said[i][baseFigure] && int64(base)*bytesPerMB < model[i][held]
				}
				var refused *ImportError
				if tooLow != errors.As(err, &refused) || !tooLow && err != nil {
					t.Fatalf("too low %v, and import says %v", tooLow, err)
				}
				if tooLow {
					return
				}
				for i := range of {
					if said[i] == nil {
						line, err := c.VerifyCode(context.Background(), of[i].code())
						if err != nil {
							t.Fatal(err)
						}
						ids[i], model[i] = line.ID, map[string]int64{held: 0}
					}
					for j, name := range stated {
						if said[i] != nil && said[i][j] == of[i].figures[j] {
							continue
						}
						model[i][name] = int64(of[i].figures[j]) * bytesPerMB
						if name == string(flows.Base) {
							model[i][name] -= model[i][held]
						}
					}
					figures := of[i].figures
					said[i] = &figures
				}
			}
			give := func(t *rapid.T, from int, fromName string, to int, toName string, bytes int64) {
				transfers++
				err := c.try(fmt.Sprint("transfer/", transfers), move{accountID(ids[from], fromName), accountID(ids[to], toName), bytes})
				if enough := model[from][fromName] >= bytes; enough != (err == nil) {
					t.Fatalf("%d of %d bytes from %s to %s: %v", bytes, model[from][fromName], fromName, toName, err)
				}
				if err == nil {
					model[from][fromName] -= bytes
					model[to][toName] += bytes
				}
			}
			who, amount := rapid.IntRange(0, 1), rapid.Int64Range(1, 900*bytesPerMB)
			load(t)
			t.Repeat(map[string]func(*rapid.T){
				"import": load,
				"use": func(t *rapid.T) {
					i, bucket := who.Draw(t, "line"), rapid.SampledFrom(flows.Buckets[:]).Draw(t, "bucket")
					give(t, i, string(bucket), i, used, amount.Draw(t, "bytes"))
				},
				"reserve": func(t *rapid.T) {
					i := who.Draw(t, "line")
					give(t, i, "base", i, held, 500*bytesPerMB)
				},
				"release": func(t *rapid.T) {
					i := who.Draw(t, "line")
					give(t, i, held, i, "base", 500*bytesPerMB)
				},
				"claim": func(t *rapid.T) {
					i := who.Draw(t, "line")
					give(t, i, held, 1-i, "gift", 500*bytesPerMB)
				},
			})
			for i, id := range ids {
				if got := c.accountsOf(t, id); fmt.Sprint(got) != fmt.Sprint(model[i]) {
					t.Fatalf("line %d has %v, want %v", i, got, model[i])
				}
			}
		})
		if err := c.Reconcile(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
