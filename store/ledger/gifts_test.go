package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tsunagu/flows"
)

// why is the refusal in an error, "" without one.
func why(t *testing.T, err error) flows.Refusal {
	t.Helper()
	var no *flows.RefusedError
	if err != nil && !errors.As(err, &no) {
		t.Fatal(err)
	}
	if no == nil {
		return ""
	}
	return no.Reason
}

// give makes a gift that must be made.
func (c *carrier) give(id, line string, mb int) flows.DataGift {
	c.t.Helper()
	g, err := c.CreateGift(c.t.Context(), id, line, mb, "giver")
	if err != nil {
		c.t.Fatal(err)
	}
	return g
}

// sums are base without what is reserved, what is reserved, and received gifts, in MB.
func (c *carrier) sums(line string) [3]int64 {
	c.t.Helper()
	a := c.accountsOf(c.t, line)
	return [3]int64{a["base"] / bytesPerMB, a[held] / bytesPerMB, a["gift"] / bytesPerMB}
}

func (c *carrier) wantSums(what, line string, want [3]int64) {
	c.t.Helper()
	if got := c.sums(line); got != want {
		c.t.Errorf("%s: base, reserved and received are %v, want %v", what, got, want)
	}
}

// GFT-21, GFT-22, GFT-24, GFT-35, GFT-37: made, claimed, cancelled; each once, however often it is said.
func TestGift(t *testing.T) {
	each(t, func(t *testing.T, c *carrier) {
		c.load(string(Demo))
		from, to := c.lineOf(taro), c.lineOf(hanako)
		made := c.give("g1", from, 500)
		c.wantSums("made", from, [3]int64{1340, 500, 0})
		if again := c.give("g1", from, 500); again != made {
			t.Errorf("made again it is %+v, was %+v", again, made)
		}
		c.wantSums("made again", from, [3]int64{1340, 500, 0})
		found, err := c.GiftByToken(t.Context(), strings.ToUpper(made.Token))
		if err != nil || found != made || len(made.Token) != 32 {
			t.Errorf("by its token it is %+v, %v", found, err)
		}
		var stored []string
		if err := c.db.Raw("SELECT token FROM ledger_gifts").Scan(&stored).Error; err != nil || strings.Contains(stored[0], made.Token) {
			t.Errorf("stored as %v, %v", stored, err)
		}
		for range 2 {
			claimed, err := c.ClaimGift(t.Context(), "claim 1", "g1", to, "taker")
			if err != nil || claimed.State != flows.GiftClaimed || claimed.To != to || claimed.Taker != "taker" ||
				!claimed.Until.Equal(time.Date(2026, 12, 1, 0, 0, 0, 0, flows.JST)) {
				t.Errorf("claimed: %+v, %v", claimed, err)
			}
			c.wantSums("claimed", from, [3]int64{1340, 0, 0})
			c.wantSums("claimed", to, [3]int64{4275, 0, 1000})
		}
		for what, err := range map[string]error{
			"by another tap": second(c.ClaimGift(t.Context(), "claim 2", "g1", to, "taker")),
			"cancelled":      second(c.CancelGift(t.Context(), "cancel 1", "g1", "giver")),
		} {
			if got := why(t, err); got != flows.AlreadyClaimed {
				t.Errorf("a claimed gift %s: %q", what, got)
			}
		}
		c.give("g2", from, 1000)
		if got := why(t, second(c.CancelGift(t.Context(), "x", "g2", "somebody else"))); got != flows.NoSuchGift {
			t.Errorf("cancelled by somebody else: %q", got)
		}
		for range 2 {
			if g, err := c.CancelGift(t.Context(), "cancel 2", "g2", "giver"); err != nil || g.State != flows.GiftCancelled {
				t.Errorf("cancelled: %+v, %v", g, err)
			}
			c.wantSums("cancelled", from, [3]int64{1340, 0, 0})
		}
		if got := why(t, second(c.ClaimGift(t.Context(), "claim 3", "g2", to, "taker"))); got != flows.AlreadyReturned {
			t.Errorf("a cancelled gift claimed: %q", got)
		}
		for _, id := range []string{"none", "\x00", ""} {
			if got := why(t, second(c.Gift(t.Context(), id))); got != flows.NoSuchGift {
				t.Errorf("gift %q: %q", id, got)
			}
		}
		if got := why(t, second(c.GiftByToken(t.Context(), made.ID))); got != flows.NoSuchGift {
			t.Errorf("the ID is a token: %q", got)
		}
		if err := c.Reconcile(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func second[T any](_ T, err error) error { return err }

// GFT-22: a token stays good when the key is replaced, and is shown to its giver as it was.
func TestGiftKeysAreReplaced(t *testing.T) {
	each(t, func(t *testing.T, c *carrier) {
		c.load(string(Demo))
		made := c.give("g1", c.lineOf(taro), 500)
		c.giftKeys = append([][]byte{[]byte("a newer key than the newest")}, c.giftKeys...)
		if found, err := c.GiftByToken(t.Context(), made.Token); err != nil || found.Token != made.Token {
			t.Errorf("found %+v, %v", found, err)
		}
		c.giftKeys = c.giftKeys[:1]
		if found, err := c.Gift(t.Context(), "g1"); err != nil || found.Token != "" {
			t.Errorf("without its key it is %+v, %v", found, err)
		}
	})
}

// What is refused, and that nothing has changed then.
func TestGiftRefusals(t *testing.T) {
	const line = "usage_code: \"0123456789012345\"\n        plan: {name: 3GB, quota_mb: 3000, base_fee_yen: 1210}\n        status: active\n        gift_enabled: true\n        buckets: {carryover_mb: 200, gift_mb: 0, base_mb: 1840, topup_mb: 0}"
	with := func(old, with string) string { return in(line, swap(line, old, with)) }
	november := func(d, h, m, s int) time.Time { return time.Date(2026, 11, d, h, m, s, 0, flows.JST) }
	for _, tt := range []struct {
		name   string
		file   string
		at     time.Time
		mb     int
		before func(c *carrier, from, to string)
		want   flows.Refusal
	}{
		{"GFT-06 less than 500MB", "", noon, 499, nil, flows.BelowMinimum},
		{"GFT-06 nothing", "", noon, 0, nil, flows.BelowMinimum},
		{"GFT-06 not a step", "", noon, 750, nil, flows.NotStep},
		{"GFT-05 more than base", "", noon, 2000, nil, flows.OverGiftable},
		{"GFT-05 carry-over does not count", with("carryover_mb: 200, gift_mb: 0, base_mb: 1840, topup_mb: 0", "carryover_mb: 900, gift_mb: 900, base_mb: 499, topup_mb: 900"), noon, 500, nil, flows.OverGiftable},
		{"GFT-20 with 500MB", with("base_mb: 1840", "base_mb: 500"), noon, 500, nil, ""},
		{"GFT-20 with 999MB", with("base_mb: 1840", "base_mb: 999"), noon, 1000, nil, flows.OverGiftable},
		{"GFT-20 with 1,000MB", with("base_mb: 1840", "base_mb: 1000"), noon, 1000, nil, ""},
		{"GFT-21 reserved is not given again", "", noon, 1000, func(c *carrier, from, _ string) { c.give("a", from, 1000) }, flows.OverGiftable},
		{"GFT-07 more than the quota of a month", with("base_mb: 1840", "base_mb: 9000"), noon, 1000, func(c *carrier, from, to string) {
			c.give("a", from, 2500)
			_, err := c.ClaimGift(c.t.Context(), "a", "a", to, "taker")
			if err != nil {
				c.t.Fatal(err)
			}
		}, flows.OverMonthCap},
		{"GFT-24 cancelled does not count for the quota", with("base_mb: 1840", "base_mb: 9000"), noon, 3000, func(c *carrier, from, _ string) {
			c.give("a", from, 3000)
			_, err := c.CancelGift(c.t.Context(), "a", "a", "giver")
			if err != nil {
				c.t.Fatal(err)
			}
		}, ""},
		{"GFT-25 a fourth on its way", with("base_mb: 1840", "base_mb: 3000"), noon, 500, func(c *carrier, from, _ string) {
			for _, id := range []string{"a", "b", "c"} {
				c.give(id, from, 500)
			}
		}, flows.TooManyPending},
		{"GFT-26 the eleventh of a day", "", noon, 500, func(c *carrier, from, _ string) { c.giveAndCancel(from, 10) }, flows.DailyLimit},
		{"GFT-26 the tenth of a day", "", noon, 500, func(c *carrier, from, _ string) { c.giveAndCancel(from, 9) }, ""},
		{"GFT-26 the next day", "", noon, 500, func(c *carrier, from, _ string) {
			c.now = november(23, 23, 59, 59)
			c.giveAndCancel(from, 10)
			c.now = november(24, 0, 0, 0)
		}, ""},
		{"GFT-13 a line that cannot", with("gift_enabled: true", "gift_enabled: true\n        gift_capable: false"), noon, 500, nil, flows.GiftDisabled},
		{"GFT-29 switched off", with("gift_enabled: true", "gift_enabled: false"), noon, 500, nil, flows.GiftDisabled},
		{"GFT-28 suspended", with("status: active", "status: suspended"), noon, 500, nil, flows.LineNotInUse},
		{"GFT-28 ended", with("status: active", "status: ended"), noon, 500, nil, flows.LineNotInUse},
		{"GFT-30 a second before", "", november(30, 22, 59, 59), 500, nil, ""},
		{"GFT-30 begins", "", november(30, 23, 0, 0), 500, nil, flows.Blackout},
		{"GFT-30 a second before its end", "", time.Date(2026, 12, 1, 8, 59, 59, 0, flows.JST), 500, nil, flows.Blackout},
		{"GFT-30 ends", "", time.Date(2026, 12, 1, 9, 0, 0, 0, flows.JST), 500, nil, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			each(t, func(t *testing.T, c *carrier) {
				file := tt.file
				if file == "" {
					file = string(Demo)
				}
				c.load(string(Demo))
				from, to := c.lineOf(taro), c.lineOf(hanako)
				c.load(file)
				c.now = tt.at
				if tt.before != nil {
					tt.before(c, from, to)
				}
				before := c.sums(from)
				_, err := c.CreateGift(t.Context(), "g", from, tt.mb, "giver")
				if got := why(t, err); got != tt.want {
					t.Errorf("refused for %q, want %q", got, tt.want)
				}
				if tt.want != "" && tt.at.Month() == time.November {
					c.wantSums("refused", from, before)
				}
				if err := c.Reconcile(t.Context()); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// giveAndCancel makes n gifts of 500MB and takes them back.
func (c *carrier) giveAndCancel(line string, n int) {
	c.t.Helper()
	for i := range n {
		id := fmt.Sprint(c.now.Unix(), "/", i)
		c.give(id, line, 500)
		if _, err := c.CancelGift(c.t.Context(), id, id, "giver"); err != nil {
			c.t.Fatal(err)
		}
	}
}

// What a claim is refused for; the gift stays as it was.
func TestClaimRefusals(t *testing.T) {
	const other = "2718281828459045" // Takeru's, in use
	for _, tt := range []struct {
		name   string
		change func(c *carrier, from, to string) // after the gift was made
		claim  func(from, to string) string      // the line that claims
		want   flows.Refusal
	}{
		{"GFT-02 a line of another contract", nil, nil, ""},
		{"GFT-27 the giving line", nil, func(from, _ string) string { return from }, flows.SameLine},
		{"no such line", nil, func(string, string) string { return "l_none" }, flows.LineNotInUse},
		{"GFT-28 the giver's line is suspended", func(c *carrier, from, _ string) { c.set(from, "status", "suspended") }, nil, flows.LineNotInUse},
		{"GFT-28 the receiver's line is suspended", func(c *carrier, _, to string) { c.set(to, "status", "suspended") }, nil, flows.LineNotInUse},
		{"GFT-13 the receiver's line cannot", func(c *carrier, _, to string) { c.set(to, "gift_capable", 0) }, nil, flows.GiftDisabled},
		{"GFT-29 the receiver may not give", func(c *carrier, _, to string) { c.set(to, "gift_enabled", 0) }, nil, ""},
		{"GFT-23 the last second", func(c *carrier, _, _ string) { c.now = time.Date(2026, 11, 26, 23, 59, 59, 0, flows.JST) }, nil, ""},
		{"GFT-23 too late", func(c *carrier, _, _ string) { c.now = time.Date(2026, 11, 27, 0, 0, 0, 0, flows.JST) }, nil, flows.TooLate},
	} {
		t.Run(tt.name, func(t *testing.T) {
			each(t, func(t *testing.T, c *carrier) {
				c.load(string(Demo))
				from, to := c.lineOf(taro), c.lineOf(other)
				c.give("g", from, 500)
				if tt.change != nil {
					tt.change(c, from, to)
				}
				line := to
				if tt.claim != nil {
					line = tt.claim(from, to)
				}
				_, err := c.ClaimGift(t.Context(), "claim", "g", line, "taker")
				if got := why(t, err); got != tt.want {
					t.Errorf("refused for %q, want %q", got, tt.want)
				}
				if tt.want == "" {
					c.wantSums("claimed", to, [3]int64{0, 0, 500})
				} else {
					c.wantSums("refused", from, [3]int64{1340, 500, 0})
				}
			})
		})
	}
}

func (c *carrier) set(line, column string, value any) {
	c.t.Helper()
	if err := c.db.Exec("UPDATE ledger_lines SET "+column+" = ? WHERE id = ?", value, line).Error; err != nil {
		c.t.Fatal(err)
	}
}

// GFT-10: what was received lifts the limit; GFT-09: it is shown, and used, second.
func TestGiftLiftsTheLimit(t *testing.T) {
	each(t, func(t *testing.T, c *carrier) {
		c.load(string(Demo))
		to := c.lineOf("2718281828459045")
		c.give("g", c.lineOf(taro), 500)
		if _, err := c.ClaimGift(t.Context(), "claim", "g", to, "taker"); err != nil {
			t.Fatal(err)
		}
		b, err := c.Balance(t.Context(), to)
		if err != nil || b.Buckets[1] != (flows.BucketLeft{Bucket: flows.Gift, LeftMB: 500, Until: time.Date(2026, 12, 1, 0, 0, 0, 0, flows.JST)}) {
			t.Errorf("%+v, %v", b, err)
		}
	})
}

// GFT-23, GFT-24: gifts whose time is over go back by themselves, and no earlier.
func TestGiftsExpire(t *testing.T) {
	each(t, func(t *testing.T, c *carrier) {
		c.load(string(Demo))
		from := c.lineOf(taro)
		made := c.give("g1", from, 500)
		c.give("g2", from, 500)
		if _, err := c.CancelGift(t.Context(), "cancel", "g2", "giver"); err != nil {
			t.Fatal(err)
		}
		c.now = made.ClaimBy.Add(-time.Second)
		if n, err := c.ExpireGifts(t.Context()); n != 0 || err != nil {
			t.Errorf("%d expired before their time, %v", n, err)
		}
		if g, err := c.ExpireGift(t.Context(), "g1"); err != nil || g.State != flows.GiftPending {
			t.Errorf("before its time: %+v, %v", g, err)
		}
		c.now = made.ClaimBy
		for _, want := range []int{1, 0} {
			if n, err := c.ExpireGifts(t.Context()); n != want || err != nil {
				t.Errorf("%d expired, %v; want %d", n, err, want)
			}
		}
		c.wantSums("expired", from, [3]int64{1840, 0, 0})
		if g, err := c.ExpireGift(t.Context(), "g1"); err != nil || g.State != flows.GiftExpired {
			t.Errorf("once more: %+v, %v", g, err)
		}
		if got := why(t, second(c.CancelGift(t.Context(), "late", "g1", "giver"))); got != flows.TooLate {
			t.Errorf("cancelled too late: %q", got)
		}
	})
}

// What a person is shown: how much can be given, what is on its way and what is over.
func TestGiftsOfALine(t *testing.T) {
	each(t, func(t *testing.T, c *carrier) {
		c.load(string(Demo))
		from, to := c.lineOf(taro), c.lineOf(hanako)
		minute := func() { c.now = c.now.Add(time.Minute) }
		c.give("old", from, 500)
		minute()
		if _, err := c.ClaimGift(t.Context(), "claim", "old", to, "taker"); err != nil {
			t.Fatal(err)
		}
		minute()
		c.give("back", from, 500)
		if _, err := c.CancelGift(t.Context(), "cancel", "back", "giver"); err != nil {
			t.Fatal(err)
		}
		minute()
		made := c.give("new", from, 1000)
		gifts, err := c.Gifts(t.Context(), from)
		if err != nil || gifts.CanGiveMB != 0 || gifts.Why != "" || len(gifts.Pending) != 1 || gifts.Pending[0] != made {
			t.Errorf("%+v, %v", gifts, err)
		}
		var past []string
		for _, g := range gifts.Past {
			past = append(past, g.ID)
		}
		if !slices.Equal(past, []string{"back", "old"}) {
			t.Errorf("past: %v", past)
		}
		if gifts, err := c.Gifts(t.Context(), to); err != nil || gifts.CanGiveMB != 4000 || len(gifts.Past) != 1 || gifts.Past[0].ID != "old" {
			t.Errorf("the receiver's: %+v, %v", gifts, err)
		}
		c.set(from, "gift_enabled", 0)
		if gifts, err := c.Gifts(t.Context(), from); err != nil || gifts.CanGiveMB != 0 || gifts.Why != flows.GiftDisabled {
			t.Errorf("switched off: %+v, %v", gifts, err)
		}
		if _, err := c.Gifts(t.Context(), "l_none"); !errors.Is(err, flows.ErrNoLine) {
			t.Errorf("no line: %v", err)
		}
	})
}

// GFT-34: of ten who claim at the same time, and a giver who cancels, one succeeds.
func TestGFT34OneOfManyClaims(t *testing.T) {
	each(t, func(t *testing.T, c *carrier) {
		c.load(string(Demo))
		from, to := c.lineOf(taro), []string{c.lineOf(hanako), c.lineOf("2718281828459045")}
		for round := range 5 {
			id := fmt.Sprint("g", round)
			c.give(id, from, 500)
			won := make(chan flows.GiftState, 11)
			var all sync.WaitGroup
			claim := func(command string, call func(context.Context) (flows.DataGift, error)) {
				all.Go(func() {
					switch g, err := call(t.Context()); why(t, err) {
					case "":
						won <- g.State
					case flows.AlreadyClaimed, flows.AlreadyReturned:
					default:
						t.Errorf("%s: %v", command, err)
					}
				})
			}
			for i := range 10 {
				command := fmt.Sprint(id, "/", i)
				claim(command, func(ctx context.Context) (flows.DataGift, error) {
					return c.ClaimGift(ctx, command, id, to[i%2], command)
				})
			}
			claim("cancel", func(ctx context.Context) (flows.DataGift, error) { return c.CancelGift(ctx, id, id, "giver") })
			all.Wait()
			close(won)
			if len(won) != 1 {
				t.Fatalf("%d succeeded", len(won))
			}
			if g, err := c.Gift(t.Context(), id); err != nil || g.State != <-won {
				t.Errorf("it is %+v, %v", g, err)
			}
			if c.sums(from)[0] < 500 { // give it back for the next round
				c.transfer("round/"+id, move{issued, accountID(from, "base"), 500 * bytesPerMB})
			}
		}
		if err := c.Reconcile(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// GFT-03, GFT-04, GFT-14: friendship is nobody's question, a gift costs nothing, and their number in a month has no limit.
func TestGiftsAreFreeAndMany(t *testing.T) {
	each(t, func(t *testing.T, c *carrier) {
		c.load(string(Demo))
		money := func() (sum int64) {
			err := c.db.Raw("SELECT (SELECT COALESCE(SUM(line_points), 0) FROM ledger_contracts) + (SELECT COALESCE(SUM(base_fee_sen + options_sen + points_used), 0) FROM ledger_bills)").Scan(&sum).Error
			if err != nil {
				t.Fatal(err)
			}
			return sum
		}
		before := money()
		from, to := c.lineOf(taro), c.lineOf("2718281828459045")
		for day := range 3 {
			c.now = noon.AddDate(0, 0, day)
			c.giveAndCancel(from, 9)
			id := fmt.Sprint("g", day)
			c.give(id, from, 500)
			if _, err := c.ClaimGift(t.Context(), id, id, to, "somebody who is no friend of the giver's"); err != nil {
				t.Fatal(err)
			}
		}
		c.wantSums("thirty gifts later", to, [3]int64{0, 0, 1500})
		if after := money(); after != before {
			t.Errorf("points and bills went from %d to %d", before, after)
		}
	})
}
