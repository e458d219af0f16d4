package bot

import (
	"context"
	"time"
)

const (
	// quotaEvery is how often LINE is asked how much of the month's pushes is used.
	quotaEvery = 10 * time.Minute
	// quotaWarning is the share from which each look is a warning in the log.
	quotaWarning = 0.9
)

// watchQuota follows the month's quota of pushes until ctx ends. Replies are free and not in it; what LINE's own count
// lags behind is small (line-platform §3.4).
func (b *Bot) watchQuota(ctx context.Context) {
	for {
		limit, used, err := b.line.quota(ctx)
		switch {
		case err != nil:
			b.Log.Warn("LINE did not tell the month's quota", "err", err)
		default:
			b.Metrics.quota.WithLabelValues().Set(float64(limit))
			b.Metrics.quotaUsed.WithLabelValues().Set(float64(used))
			if limit >= 0 && float64(used) >= quotaWarning*float64(limit) {
				b.Log.Warn("the month's pushes are running out; replies stay free", "used", used, "of", limit)
			}
		}
		if b.Pause(ctx, quotaEvery) != nil {
			return
		}
	}
}
