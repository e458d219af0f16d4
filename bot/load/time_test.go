package load

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tsunagu/bot/linesim"
)

// These tests run in a bubble where time is made up, so that they know to the millisecond when everything happens. A
// bubble has no network: webhooks go to the bot directly.

// A wire brings webhooks to a bot.
type wire struct {
	to      http.Handler
	takes   time.Duration // to the bot
	refuses int           // so many are refused before one is let through

	mu    sync.Mutex
	tried int
}

func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	<-time.After(w.takes)
	w.mu.Lock()
	w.tried++
	refused := w.tried <= w.refuses
	w.mu.Unlock()
	answer := httptest.NewRecorder()
	if refused {
		answer.WriteHeader(http.StatusServiceUnavailable)
	} else {
		w.to.ServeHTTP(answer, r)
	}
	return answer.Result(), nil
}

// inBubble has do ask so many people about x, on a LINE that is made for it.
func inBubble(t *testing.T, people int, w *wire, line linesim.Config, plan func(n int, words string) []step, do func(*testing.T, *bot, Config)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := &bot{t: t, plan: plan, seen: map[string]int{}}
		w.to = b
		line.Webhook, line.NoRateLimits, line.HTTP = "http://bot.invalid/webhook", true, &http.Client{Transport: w}
		b.sim = linesim.New(line)
		defer func() {
			b.sim.Close()
			<-time.After(time.Minute) // what is under way ends within the bubble
		}()
		do(t, b, Config{Sim: b.sim, Count: Observe(b.sim), People: People(b.sim, people), Questions: []Question{{"x", "re x"}}})
	})
}

func runs(ctx context.Context, t *testing.T, cfg Config) Report {
	t.Helper()
	r, err := Run(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// With a rate, people ask in turn at even distances, though each webhook takes longer than that.
func TestSteadily(t *testing.T) {
	var mu sync.Mutex
	var came []time.Time
	plan := func(n int, words string) []step {
		mu.Lock()
		defer mu.Unlock()
		came = append(came, time.Now())
		return echo(n, words)
	}
	inBubble(t, 10, &wire{takes: 30 * time.Millisecond}, linesim.Config{}, plan, func(t *testing.T, b *bot, cfg Config) {
		start := time.Now()
		cfg.Rate, cfg.Duration = 100, 1995*time.Millisecond
		r := runs(t.Context(), t, cfg)
		if r.Events != 200 || !r.Sound() || r.AckP50 != 30 || r.AckP99 != 30 || r.ReplyP99 != 30 {
			t.Errorf("%+v", r)
		}
		for i, at := range came {
			if want := start.Add(30*time.Millisecond + time.Duration(i)*10*time.Millisecond); !at.Equal(want) {
				t.Fatalf("event %d came %v late", i, at.Sub(want))
			}
		}
		for _, p := range cfg.People {
			if b.seen[p.ID] != 20 {
				t.Errorf("%s asked %d times", p.Name, b.seen[p.ID])
			}
		}
	})
}

// Without a rate, each connection sends the next event when the bot has taken the one before, and everybody asks.
func TestFlatOut(t *testing.T) {
	inBubble(t, 10, &wire{takes: 10 * time.Millisecond}, linesim.Config{}, echo, func(t *testing.T, b *bot, cfg Config) {
		cfg.Connections, cfg.Duration = 4, 995*time.Millisecond
		r := runs(t.Context(), t, cfg)
		if r.Events != 400 || !r.Sound() || r.AckP50 != 10 {
			t.Errorf("%+v", r)
		}
		for _, p := range cfg.People {
			if n := b.seen[p.ID]; n < 33 || n > 50 { // a connection has two or three people
				t.Errorf("%s asked %d times", p.Name, n)
			}
		}
	})
}

// A webhook that the bot refuses comes again; the times count from the first.
func TestRefusedAndDeliveredAgain(t *testing.T) {
	inBubble(t, 1, &wire{takes: time.Millisecond, refuses: 2}, linesim.Config{}, echo, func(t *testing.T, b *bot, cfg Config) {
		cfg.Connections, cfg.Events = 1, 1
		r := runs(t.Context(), t, cfg)
		if r.Events != 1 || !r.Sound() || r.ReplyP50 != 6003 || r.AckP50 != 6003 { // LINE waits 1 s, then 5 s
			t.Errorf("%+v", r)
		}
	})
}

// A LINE without redelivery gives a refused event up: it is lost, and its connection goes on with the next.
func TestRefusedForGood(t *testing.T) {
	inBubble(t, 4, &wire{refuses: 3}, linesim.Config{NoRedelivery: true}, echo, func(t *testing.T, b *bot, cfg Config) {
		cfg.Connections, cfg.Events = 1, 8
		r := runs(t.Context(), t, cfg)
		if r.Events != 8 || r.Answered != 5 || r.Lost != 3 || len(r.LostIDs) != 3 || r.Doubled+r.OutOfOrder != 0 {
			t.Errorf("%+v", r)
		}
	})
}

// Until ends the asking: what was asked is still waited for. The end of ctx ends that too.
func TestEnds(t *testing.T) {
	for name, waits := range map[string]bool{"until": true, "ctx": false} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, 5, &wire{takes: 10 * time.Second}, linesim.Config{}, echo, func(t *testing.T, b *bot, cfg Config) {
				// The bot takes its time before each answer.
				b.before = func() { <-time.After(5 * time.Second) }
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				end := time.AfterFunc(995*time.Millisecond, cancel)
				defer end.Stop()
				cfg.Rate = 5
				asking := ctx
				if waits {
					cfg.Until, asking = ctx.Done(), t.Context()
				}
				r := runs(asking, t, cfg)
				if answered := map[bool]int{true: 5}[waits]; r.Events != 5 || r.Answered != answered || r.Lost != 5-answered {
					t.Errorf("%+v", r)
				}
			})
		})
	}
}

// What an operator knows of is not waited for; everything else is, until nothing has come for as long as Settle.
func TestPatience(t *testing.T) {
	for name, test := range map[string]struct {
		known func(id string) bool
		waits time.Duration
	}{
		"unknown": {nil, 9 * time.Second}, // looked at once a second
		"known":   {func(id string) bool { return id != "" }, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			silent := func(int, string) []step { return nil }
			inBubble(t, 1, &wire{}, linesim.Config{}, silent, func(t *testing.T, b *bot, cfg Config) {
				cfg.Connections, cfg.Events, cfg.Settle, cfg.Known = 1, 1, 8*time.Second, test.known
				start := time.Now()
				r := runs(t.Context(), t, cfg)
				if waited := time.Since(start); r.Lost != 1 || waited != test.waits {
					t.Errorf("waited %v, %+v", waited, r)
				}
			})
		})
	}
}

// Everybody links the line of their place; who cannot is named with what they heard instead.
func TestLink(t *testing.T) {
	for name, test := range map[string]struct {
		last  string // what the last person is told
		done  int
		wrong string
	}{
		"all":            {last: "連携が完了しました。", done: 3},
		"one is refused": {last: "利用コードが正しくありません。", done: 2, wrong: `load-2 was told "利用コードが正しくありません。" and not "連携が完了"`},
	} {
		t.Run(name, func(t *testing.T) {
			plan := func(_ int, words string) []step {
				switch words {
				case "": // the follow
					return nil
				case "利用者連携":
					return []step{{words: "利用コードを入力してください。"}}
				case Code(2):
					return []step{{words: test.last}}
				}
				return []step{{words: "連携が完了しました。"}}
			}
			inBubble(t, 3, &wire{}, linesim.Config{}, plan, func(t *testing.T, b *bot, cfg Config) {
				done := 0
				err := Link(t.Context(), b.sim, cfg.People, func(n int) { done = n })
				if done != test.done || (err == nil) != (test.wrong == "") || err != nil && !strings.Contains(err.Error(), test.wrong) {
					t.Errorf("%d done, %v", done, err)
				}
			})
		})
	}
}
