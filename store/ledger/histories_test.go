package ledger

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gorm.io/gorm"

	"tsunagu/flows"
)

// Random histories of gifts with faults: a statement that fails in the middle, a caller that hangs up, an answer that is
// lost, the same command given again, several people at once, month ends. Whatever happens, no megabyte is made or lost,
// no gift has two ends, who was told so has it, and every gift is in a final state or still to be claimed or returned.
//
// CHAOS=long plays ten thousand of them on each database, else a few hundred.

func histories() int {
	if os.Getenv("CHAOS") == "long" {
		return 10_000
	}
	return 300
}

// troubleKey carries how many statements of a call go well before the trouble comes.
type troubleKey struct{}

type trouble struct {
	left atomic.Int64
	stop context.CancelFunc // hangs up; nil: the statement fails
}

var errTrouble = errors.New("the database failed, for a test")

// troubled lets statements fail whose context says so.
func troubled(t *testing.T, db *gorm.DB) {
	t.Helper()
	strike := func(db *gorm.DB) {
		tr, ok := db.Statement.Context.Value(troubleKey{}).(*trouble)
		switch {
		case !ok || tr.left.Add(-1) != 0:
		case tr.stop != nil:
			tr.stop()
		default:
			_ = db.AddError(errTrouble)
		}
	}
	for _, err := range []error{
		db.Callback().Create().Before("gorm:create").Register("trouble", strike),
		db.Callback().Update().Before("gorm:update").Register("trouble", strike),
		db.Callback().Query().Before("gorm:query").Register("trouble", strike),
		db.Callback().Raw().Before("gorm:raw").Register("trouble", strike),
		db.Callback().Row().Before("gorm:row").Register("trouble", strike),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// withTrouble makes a context in which a call may go wrong at a random place.
func withTrouble(ctx context.Context, r *rand.Rand) (context.Context, context.CancelFunc) {
	ctx, stop := context.WithCancel(ctx)
	switch r.IntN(4) {
	case 0:
		tr := &trouble{}
		tr.left.Store(1 + r.Int64N(14))
		return context.WithValue(ctx, troubleKey{}, tr), stop
	case 1:
		tr := &trouble{stop: stop}
		tr.left.Store(1 + r.Int64N(14))
		return context.WithValue(ctx, troubleKey{}, tr), stop
	}
	return ctx, stop
}

func TestGiftHistories(t *testing.T) {
	each(t, func(t *testing.T, c *carrier) {
		c.load(string(Demo))
		troubled(t, c.db)
		c.settings.GiftMaxPerDay, c.settings.GiftMaxPending = 1e6, 1e6
		lines := []string{c.lineOf(taro), c.lineOf(hanako), c.lineOf("2718281828459045")}
		for i, line := range lines {
			c.set(line, "quota_mb", 10_000_000)
			c.transfer(fmt.Sprint("plenty/", i), move{issued, accountID(line, "base"), 10_000_000 * bytesPerMB})
		}
		seed := rand.Uint64()
		t.Logf("seed %d", seed)
		const monthly = 150
		var made atomic.Int64
		for month := 0; month*monthly < histories() && !t.Failed(); month++ {
			var next atomic.Int64
			var all sync.WaitGroup
			for range 4 {
				all.Go(func() {
					h := history{carrier: &carrier{Ledger: new(Ledger), t: t}, lines: lines, month: month}
					*h.Ledger = *c.Ledger
					h.Ledger.now = func() time.Time { return h.carrier.now }
					for n := next.Add(1); n <= monthly && !t.Failed(); n = next.Add(1) {
						h.r = rand.New(rand.NewPCG(seed, uint64(month*monthly)+uint64(n)))
						if h.play(fmt.Sprintf("h%d-%d", month, n)) {
							made.Add(1)
						}
					}
				})
			}
			all.Wait()
			c.now = monthStart(noon, month+1).Add(10 * time.Hour)
			if _, err := c.TurnMonth(t.Context()); err != nil {
				t.Error(err)
			}
			c.everyGiftHasOneEnd()
		}
		if made.Load()*2 < int64(histories()) {
			t.Errorf("only %d gifts were made", made.Load())
		}
		if err := c.Reconcile(t.Context()); err != nil {
			t.Error(err)
		}
		// What is still on its way goes back when its time is over.
		c.now = c.now.AddDate(0, 1, 0)
		if _, err := c.ExpireGifts(t.Context()); err != nil {
			t.Error(err)
		}
		var pending int64
		if err := c.db.Model(&giftRow{}).Where("state = 'pending'").Count(&pending).Error; err != nil || pending > 0 {
			t.Errorf("%d gifts are left for ever, %v", pending, err)
		}
		c.everyGiftHasOneEnd()
		if err := c.Reconcile(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// everyGiftHasOneEnd compares each gift with its transfers, and what is reserved with what is on its way.
func (c *carrier) everyGiftHasOneEnd() {
	c.t.Helper()
	var wrong []string
	err := c.db.Raw(`SELECT g.id FROM ledger_gifts g
		LEFT JOIN ledger_postings r ON r.transfer = 'gift/' || g.id || '/reserve'
		LEFT JOIN ledger_postings s ON s.transfer = 'gift/' || g.id || '/settle'
		WHERE r.transfer IS NULL OR r.from_account <> g.from_line || '/base' OR r.to_account <> g.from_line || '/held' OR r.bytes <> g.mb * 1000000
		OR (g.state = 'pending') <> (s.transfer IS NULL)
		OR s.transfer IS NOT NULL AND (s.bytes <> r.bytes OR s.from_account <> r.to_account
			OR s.to_account <> CASE WHEN g.state = 'claimed' THEN g.to_line || '/gift' ELSE g.from_line || '/base' END)`).Scan(&wrong).Error
	if err != nil || len(wrong) > 0 {
		c.t.Errorf("gifts that do not go with their transfers: %v, %v", wrong, err)
	}
	err = c.db.Raw(`SELECT a.line_id FROM ledger_accounts a WHERE a.name = 'held' AND a.bytes <>
		1000000 * (SELECT COALESCE(SUM(g.mb), 0) FROM ledger_gifts g WHERE g.from_line = a.line_id AND g.state = 'pending')`).Scan(&wrong).Error
	if err != nil || len(wrong) > 0 {
		c.t.Errorf("lines with other reservations than gifts: %v, %v", wrong, err)
	}
}

// A history is the life of one gift at a time, among others that live at the same time on the same lines.
type history struct {
	*carrier
	lines []string
	month int // after noon's
	r     *rand.Rand
}

// A deed is one command of a history, and whether its giver heard that it was done.
type deed struct {
	command string
	run     func(ctx context.Context) (flows.DataGift, error)
	state   flows.GiftState // it leads to
}

// settled collects who was told what, from several goroutines.
type settled struct {
	mu   sync.Mutex
	told map[flows.GiftState]map[string]bool // by state: the commands that were done
}

func (s *settled) tell(d deed, g flows.DataGift) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if g.State != d.state {
		return // an expiry that came late finds another end
	}
	if s.told[d.state] == nil {
		s.told[d.state] = map[string]bool{}
	}
	s.told[d.state][d.command] = true
}

// play reports whether the gift was made at all.
func (h *history) play(id string) bool {
	begin, end := monthStart(noon, h.month).Add(9*time.Hour), monthStart(noon, h.month+1).Add(-time.Hour)
	h.now = begin.Add(time.Duration(h.r.Int64N(int64(end.Sub(begin)))))
	if h.r.IntN(5) == 0 { // the last hours, after which nothing can be claimed
		h.now = end.Add(-time.Duration(h.r.IntN(3600)) * time.Second)
	}
	from := h.lines[h.r.IntN(len(h.lines))]
	mb := 500 * (1 + h.r.IntN(2))
	made := deed{command: "make", state: flows.GiftPending, run: func(ctx context.Context) (flows.DataGift, error) {
		return h.CreateGift(ctx, id, from, mb, "giver of "+id)
	}}
	if !h.insist(made, nil) {
		return false
	}
	told := &settled{told: map[flows.GiftState]map[string]bool{}}
	for range 1 + h.r.IntN(4) {
		together := 1
		if h.r.IntN(3) == 0 {
			together = 2 + h.r.IntN(3)
		}
		var at sync.WaitGroup
		for range together {
			d, r := h.deed(id), rand.New(rand.NewPCG(h.r.Uint64(), 0))
			at.Go(func() { (&history{h.carrier, h.lines, h.month, r}).insist(d, told) })
		}
		at.Wait()
		switch h.r.IntN(6) {
		case 0:
			h.now = h.now.Add(40 * time.Hour) // its time may be over, and its month
		case 1:
			if _, err := h.ExpireGifts(h.t.Context()); err != nil {
				h.t.Error(err)
			}
		}
	}
	g, err := h.Gift(h.t.Context(), id)
	if err != nil {
		h.t.Error(err)
		return false
	}
	ends := 0
	for state, commands := range told.told {
		if state != g.State || state != flows.GiftExpired && len(commands) > 1 {
			h.t.Errorf("%s is %s, and told were %v", id, g.State, told.told)
		}
		ends++
	}
	if ends > 1 {
		h.t.Errorf("%s has several ends: %v", id, told.told)
	}
	return true
}

// deed picks what happens to a gift.
func (h *history) deed(id string) deed {
	command := fmt.Sprint(id, "/", h.r.Uint64())
	switch h.r.IntN(6) {
	case 0:
		return deed{command: command, state: flows.GiftCancelled, run: func(ctx context.Context) (flows.DataGift, error) {
			return h.CancelGift(ctx, command, id, "giver of "+id)
		}}
	case 1:
		return deed{command: command, state: flows.GiftExpired, run: func(ctx context.Context) (flows.DataGift, error) { return h.ExpireGift(ctx, id) }}
	}
	line := h.lines[h.r.IntN(len(h.lines))]
	return deed{command: command, state: flows.GiftClaimed, run: func(ctx context.Context) (flows.DataGift, error) {
		return h.ClaimGift(ctx, command, id, line, command)
	}}
}

// insist gives a command until it is answered, as the bot does, and reports whether it was done. Now and then the answer
// is not heard, and the command given once more; and now and then nobody insists.
func (h *history) insist(d deed, told *settled) (done bool) {
	for try := 0; ; try++ {
		ctx, stop := context.WithCancel(h.t.Context())
		if try < 3 {
			stop()
			ctx, stop = withTrouble(h.t.Context(), h.r)
		}
		g, err := d.run(ctx)
		stop()
		var no *flows.RefusedError
		switch {
		case errors.As(err, &no):
			return false
		case err != nil && try > 8:
			h.t.Errorf("%s: %v", d.command, err)
			return false
		case err != nil && told != nil && h.r.IntN(8) == 0:
			return false // nobody asks again
		case err != nil:
			continue
		case h.r.IntN(5) == 0 && try < 6:
			continue // done, and its answer lost
		}
		if told != nil {
			told.tell(d, g)
		}
		return true
	}
}
