// Package load lets the people of a simulated LINE ask a bot, as many as it takes, and counts from outside what became
// of every single event: answered once, answered twice, out of order, or not at all.
//
//	people ask ──▶ linesim ──▶ the bot under test
//	Count      ◀── linesim ◀── its replies and pushes
//
// [Link] brings people to where they can ask for their balance, [Run] asks and counts. Nothing here knows the bot's
// database or its code; what it does not answer over LINE it did not do.
package load

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"tsunagu/bot/linesim"
)

// Config says who asks what, and how fast.
type Config struct {
	Sim    *linesim.Sim      // its webhook is the bot; the Counter is its observer
	Count  *Counter          // see Observe
	People []*linesim.Person // who ask, in turn

	Questions []Question // each person asks one after the other [残量]
	// Rate is the number of events a second. 0: as fast as Connections allow, the next one when one is accepted, or given
	// up by a LINE without redelivery.
	Rate        float64
	Connections int           // webhooks under way at once [64]; with a Rate, LINE's own number
	Duration    time.Duration // how long is asked
	Events      int           // how many are asked at most; 0: no limit
	// Until ends the asking when it is closed, and not the waiting for answers [never].
	Until <-chan struct{}
	// Settle is how long answers are waited for after the last one came, before those missing count as lost [20s].
	Settle time.Duration
	// Known tells of an event that was not answered whether that is known: it is not waited for [none is].
	Known    func(id string) bool
	Progress func(Report) // told every second [nobody]
}

// A Question is what somebody says, and a part of every right answer to it; "" stands for any answer.
type Question struct{ Say, Answer string }

// A Report is what was counted. Times are milliseconds.
type Report struct {
	AcceptedPerSecond float64 `json:"accepted_per_s"`
	RepliedPerSecond  float64 `json:"replied_per_s"`
	AckP50            float64 `json:"ack_p50_ms"` // from the webhook to its 2xx
	AckP99            float64 `json:"ack_p99_ms"`
	ReplyP50          float64 `json:"reply_p50_ms"` // from the webhook to the answer that LINE took
	ReplyP99          float64 `json:"reply_p99_ms"`
	Events            int     `json:"events"`
	Answered          int     `json:"answered"`
	Lost              int     `json:"lost"`         // never answered
	Doubled           int     `json:"doubled"`      // answers too many, and wrong ones
	OutOfOrder        int     `json:"out_of_order"` // answered after a later event of the same person
	Pushed            int     `json:"pushed"`       // of the answers: pushes, when the reply token was spent or too old

	LostIDs []string `json:"lost_ids,omitempty"` // webhookEventIds
}

// Sound reports whether every event was answered once and in order.
func (r Report) Sound() bool { return r.Lost == 0 && r.Doubled == 0 && r.OutOfOrder == 0 }

// Run asks until the time or the events are used up or ctx ends, waits for the answers, and reports. It does not wait
// for answers any more when ctx ends, and reports what came until then.
func Run(ctx context.Context, cfg Config) (Report, error) {
	if len(cfg.People) == 0 {
		return Report{}, fmt.Errorf("load: nobody to ask")
	}
	cfg.Connections = cmp.Or(cfg.Connections, 64)
	cfg.Settle = cmp.Or(cfg.Settle, 20*time.Second)
	if len(cfg.Questions) == 0 {
		cfg.Questions = []Question{{"残量", "データ残量"}}
	}
	cfg.Count.start(cfg.Questions, cfg.Sim.Config().NoRedelivery)
	asking, enough := context.WithCancel(ctx)
	defer enough()
	if cfg.Duration > 0 {
		stop := time.AfterFunc(cfg.Duration, enough)
		defer stop.Stop()
	}
	if cfg.Until != nil {
		go func() {
			select {
			case <-cfg.Until:
				enough()
			case <-asking.Done():
			}
		}()
	}
	if cfg.Progress != nil {
		done := make(chan struct{})
		defer close(done)
		go func() {
			tick := time.NewTicker(time.Second)
			defer tick.Stop()
			for {
				select {
				case <-tick.C:
					cfg.Progress(cfg.Count.report())
				case <-done:
					return
				}
			}
		}()
	}
	if cfg.Rate > 0 {
		steadily(asking, cfg)
	} else {
		flatOut(asking, cfg)
	}
	cfg.Count.asked()
	return cfg.Count.settle(ctx, cfg.Settle, cfg.Known), nil
}

// flatOut keeps so many webhooks under way.
func flatOut(ctx context.Context, cfg Config) {
	var next turns
	next.limit = cfg.Events
	var all sync.WaitGroup
	for c := range min(cfg.Connections, len(cfg.People)) {
		all.Go(func() {
			// Each connection has people of its own, so that nobody waits behind themselves.
			for i := c; ctx.Err() == nil && next.take(); i += cfg.Connections {
				if i >= len(cfg.People) {
					i = c
				}
				delivered := cfg.Count.ask(cfg.People[i])
				select {
				case <-delivered:
				case <-ctx.Done():
				}
			}
		})
	}
	all.Wait()
}

// steadily asks at even distances, whether the bot keeps up or not.
func steadily(ctx context.Context, cfg Config) {
	start := time.Now()
	for n := 0; cfg.Events == 0 || n < cfg.Events; n++ {
		due := start.Add(time.Duration(float64(n) / cfg.Rate * float64(time.Second)))
		if wait := time.Until(due); wait > 0 {
			timer := time.NewTimer(wait)
			select {
			case <-timer.C:
			case <-ctx.Done():
				timer.Stop()
			}
		}
		if ctx.Err() != nil {
			return
		}
		cfg.Count.ask(cfg.People[n%len(cfg.People)])
	}
}

// turns counts up to a limit; 0 is none.
type turns struct {
	mu    sync.Mutex
	taken int
	limit int
}

func (t *turns) take() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.taken++
	return t.limit == 0 || t.taken <= t.limit
}

// percentile of times, in milliseconds. It sorts them.
func percentile(times []time.Duration, part float64) float64 {
	if len(times) == 0 {
		return 0
	}
	slices.Sort(times)
	return float64(times[min(len(times)-1, int(part*float64(len(times))))].Microseconds()) / 1000
}
