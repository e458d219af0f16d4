package bot

import (
	"sync"
	"time"

	"tsunagu/flows"
)

// maxBalances bounds the cache; a full one starts again from nothing.
const maxBalances = 100_000

// A balanceCache keeps balances for balance.cache (BAL-06).
type balanceCache struct {
	mu   sync.Mutex
	kept map[string]keptBalance
}

type keptBalance struct {
	flows.Balance
	read time.Time
}

func (c *balanceCache) get(line string, now time.Time, keep time.Duration) (flows.Balance, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	b, ok := c.kept[line]
	age := now.Sub(b.read)
	return b.Balance, ok && age >= 0 && age < keep // a clock set back makes what was read unreliable
}

func (c *balanceCache) put(b flows.Balance, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.kept == nil || len(c.kept) >= maxBalances {
		c.kept = make(map[string]keptBalance)
	}
	c.kept[b.LineID] = keptBalance{b, now}
}

// drop forgets what gifts have changed.
func (c *balanceCache) drop(lines ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, line := range lines {
		delete(c.kept, line)
	}
}
