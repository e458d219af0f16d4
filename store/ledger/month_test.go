package ledger

import (
	"sync"
	"testing"
	"time"

	"tsunagu/flows"
)

// wantBuckets compares what is left in the four buckets, and what was used.
func (c *carrier) wantBuckets(what, line string, left [4]int, use int) {
	c.t.Helper()
	b, err := c.Balance(c.t.Context(), line)
	if err != nil {
		c.t.Fatal(err)
	}
	var got [4]int
	for i, bucket := range b.Buckets {
		got[i] = bucket.LeftMB
	}
	if got != left || b.UsedMB != use {
		c.t.Errorf("%s: %v left, %d used; want %v, %d", what, got, b.UsedMB, left, use)
	}
}

func dec(d, h, m, s int) time.Time { return time.Date(2026, 12, d, h, m, s, 0, flows.JST) }

// BKT-01, BKT-03, BKT-04, BKT-05, GFT-08: on the 1st at 00:00 JST base and bought data roll over once, what rolled over and what
// was received is gone, and the quota is there anew.
func TestMonthTurns(t *testing.T) {
	each(t, func(t *testing.T, c *carrier) {
		c.load(string(Demo))
		line := c.lineOf(hanako) // carry-over 0, received 500, base 4275, bought 1000, used 2925, quota 6000
		c.now = dec(1, 0, 0, 0).Add(-time.Second)
		if n, err := c.TurnMonth(t.Context()); n != 0 || err != nil {
			t.Errorf("%d turned before the month is over, %v", n, err)
		}
		c.wantBuckets("the last second", line, [4]int{0, 500, 4275, 1000}, 2925)
		c.now = dec(1, 0, 0, 0)
		if n, err := c.TurnMonth(t.Context()); n != 5 || err != nil {
			t.Errorf("%d turned, %v; want the 5 lines", n, err)
		}
		for range 2 { // and once more changes nothing
			c.wantBuckets("turned", line, [4]int{5275, 0, 6000, 0}, 0)
			if n, err := c.TurnMonth(t.Context()); n != 0 || err != nil {
				t.Errorf("%d turned twice, %v", n, err)
			}
		}
		b, err := c.Balance(t.Context(), line)
		if err != nil || !b.Buckets[0].Until.Equal(time.Date(2027, 1, 1, 0, 0, 0, 0, flows.JST)) || !b.Buckets[2].Until.Equal(time.Date(2027, 2, 1, 0, 0, 0, 0, flows.JST)) {
			t.Errorf("usable until %v and %v, %v", b.Buckets[0].Until, b.Buckets[2].Until, err)
		}
		if err := c.Reconcile(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// A line that is asked for is turned then, whether anybody turned the month or not; after a standstill of months each
// month is turned in its order.
func TestMonthsOfStandstill(t *testing.T) {
	each(t, func(t *testing.T, c *carrier) {
		c.load(string(Demo))
		line := c.lineOf(hanako)
		c.now = dec(1, 0, 0, 0)
		c.wantBuckets("asked for at midnight", line, [4]int{5275, 0, 6000, 0}, 0)
		c.now = time.Date(2027, 3, 5, 12, 0, 0, 0, flows.JST) // January and February went by
		c.wantBuckets("three months later", line, [4]int{6000, 0, 6000, 0}, 0)
		if n, err := c.TurnMonth(t.Context()); n != 4 || err != nil {
			t.Errorf("%d others turned, %v; want 4", n, err)
		}
		var turns int64
		if err := c.db.Model(&transferRow{}).Where("id LIKE ?", "turn/"+line+"/%").Count(&turns).Error; err != nil || turns != 4 {
			t.Errorf("%d turns of the line, %v; want December to March", turns, err)
		}
		if err := c.Reconcile(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// The turn of a year, of February in a leap year, and by Japan's calendar.
func TestTurnOfTheYear(t *testing.T) {
	for _, tt := range []struct{ from, to time.Time }{
		{time.Date(2026, 12, 31, 23, 59, 59, 0, flows.JST), time.Date(2027, 1, 1, 0, 0, 0, 0, flows.JST)},
		{time.Date(2027, 2, 28, 23, 59, 59, 0, flows.JST), time.Date(2027, 3, 1, 0, 0, 0, 0, flows.JST)},
		{time.Date(2028, 2, 29, 14, 59, 59, 0, time.UTC), time.Date(2028, 2, 29, 15, 0, 0, 0, time.UTC)},
	} {
		each(t, func(t *testing.T, c *carrier) {
			c.now = tt.from
			c.load(string(Demo))
			line := c.lineOf(taro)
			c.wantBuckets("before", line, [4]int{200, 0, 1840, 0}, 1150)
			c.now = tt.to
			c.wantBuckets("after", line, [4]int{1840, 0, 3000, 0}, 0)
		})
	}
}

// GFT-24: a gift that was on its way when its month ended, and was not looked at, went back before the month turned.
func TestPendingGiftsGoBackBeforeTheTurn(t *testing.T) {
	each(t, func(t *testing.T, c *carrier) {
		c.now = time.Date(2026, 11, 30, 20, 0, 0, 0, flows.JST)
		c.load(string(Demo))
		line := c.lineOf(taro)
		c.give("g", line, 1500)
		c.now = dec(1, 10, 0, 0)
		c.wantBuckets("after the turn", line, [4]int{1840, 0, 3000, 0}, 0)
		if g, err := c.Gift(t.Context(), "g"); err != nil || g.State != flows.GiftExpired {
			t.Errorf("the gift is %+v, %v", g, err)
		}
		if gifts, err := c.Gifts(t.Context(), line); err != nil || gifts.CanGiveMB != 3000 {
			t.Errorf("in the new month: %+v, %v", gifts, err)
		}
	})
}

// A line that ended gets no quota in the months after, and keeps nothing.
func TestEndedLinesAreNotTurnedOn(t *testing.T) {
	each(t, func(t *testing.T, c *carrier) {
		c.load(string(Demo))
		line := c.lineOf(taro)
		c.load(in("status: active", "status: ended"))
		c.now = dec(1, 0, 0, 0)
		if n, err := c.TurnMonth(t.Context()); n != 5 || err != nil {
			t.Errorf("%d turned, %v", n, err)
		}
		c.now = time.Date(2027, 1, 1, 0, 0, 0, 0, flows.JST)
		if n, err := c.TurnMonth(t.Context()); n != 4 || err != nil {
			t.Errorf("%d turned a month later, %v; want all but the ended one", n, err)
		}
		for name, bytes := range c.accountsOf(t, line) {
			if bytes != 0 {
				t.Errorf("%d bytes left in %s", bytes, name)
			}
		}
	})
}

// Several processes turn the month at the same time, while people look: each line is turned once.
func TestManyTurnTheMonth(t *testing.T) {
	each(t, func(t *testing.T, c *carrier) {
		c.load(string(Demo))
		line := c.lineOf(hanako)
		c.now = dec(1, 0, 0, 1)
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				if _, err := c.TurnMonth(t.Context()); err != nil {
					t.Error(err)
				}
			})
			all.Go(func() {
				if _, err := c.Balance(t.Context(), line); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		c.wantBuckets("turned", line, [4]int{5275, 0, 6000, 0}, 0)
		if err := c.Reconcile(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
