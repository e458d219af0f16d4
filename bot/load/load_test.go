package load

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"tsunagu/bot/linesim"
)

// A bot answers each event by its plan: the n-th message of a person by the n-th step.
type bot struct {
	t    *testing.T
	sim  *linesim.Sim
	plan func(n int, words string) []step
	mu   sync.Mutex
	seen map[string]int
	held []step // of the person's events before

	before func() // each answer; nil: nothing
}

// A step sends words as a reply to this event, or as a push.
type step struct {
	words string
	push  bool
	token string
}

func (b *bot) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Events []struct {
			ReplyToken string
			Source     struct{ UserID string }
			Message    struct{ Text string }
		}
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		b.t.Error(err)
	}
	for _, e := range body.Events {
		b.mu.Lock()
		b.seen[e.Source.UserID]++
		n := b.seen[e.Source.UserID]
		b.mu.Unlock()
		for _, s := range b.plan(n, e.Message.Text) {
			message := map[string]any{"type": "text", "text": s.words}
			if s.push {
				b.call("push", map[string]any{"to": e.Source.UserID, "messages": []any{message}})
				continue
			}
			token := e.ReplyToken
			if s.token == "hold" {
				b.mu.Lock()
				b.held = append(b.held, step{words: s.words, token: token})
				b.mu.Unlock()
				continue
			}
			b.call("reply", map[string]any{"replyToken": token, "messages": []any{message}})
			for _, h := range b.takeHeld() {
				b.call("reply", map[string]any{"replyToken": h.token, "messages": []any{map[string]any{"type": "text", "text": h.words}}})
			}
		}
	}
}

func (b *bot) takeHeld() []step {
	b.mu.Lock()
	defer b.mu.Unlock()
	held := b.held
	b.held = nil
	return held
}

func (b *bot) call(kind string, body any) {
	if b.before != nil {
		b.before()
	}
	raw, err := json.Marshal(body)
	if err != nil {
		b.t.Error(err)
	}
	req := httptest.NewRequest("POST", "/v2/bot/message/"+kind, bytes.NewReader(raw))
	req.Header.Set("Authorization", "Bearer "+b.sim.Config().AccessToken)
	req.Header.Set("Content-Type", "application/json")
	answer := httptest.NewRecorder()
	b.sim.ServeHTTP(answer, req)
	if answer.Code != 200 {
		b.t.Errorf("%s: %d %s", kind, answer.Code, answer.Body)
	}
}

// run has one person ask so many questions, one when the one before was accepted.
func run(t *testing.T, events int, plan func(n int, words string) []step, questions ...Question) (r Report) {
	t.Helper()
	inBubble(t, 1, &wire{takes: time.Millisecond}, linesim.Config{NoRedelivery: true}, plan, func(t *testing.T, _ *bot, cfg Config) {
		cfg.Connections, cfg.Events, cfg.Questions = 1, events, questions
		r = runs(t.Context(), t, cfg)
	})
	return r
}

func echo(_ int, words string) []step { return []step{{words: "re " + words}} }

func TestCounting(t *testing.T) {
	two := []Question{{"a", "re a"}, {"b", "re b"}}
	for name, test := range map[string]struct {
		plan      func(n int, words string) []step
		questions []Question
		want      Report
	}{
		"all is well": {echo, two, Report{Answered: 6}},
		"one is not answered": {func(n int, words string) []step {
			if n == 6 {
				return nil
			}
			return echo(n, words)
		}, two, Report{Answered: 5, Lost: 1}},
		"one is answered by a push": {func(n int, words string) []step {
			return []step{{words: "re " + words, push: n == 3}}
		}, two, Report{Answered: 6, Pushed: 1}},
		"one is answered twice": {func(n int, words string) []step {
			if n == 3 {
				return []step{{words: "re " + words}, {words: "re " + words, push: true}}
			}
			return echo(n, words)
		}, two, Report{Answered: 6, Doubled: 1, Pushed: 1}},
		"the third is answered after the fourth": {func(n int, words string) []step {
			if n == 3 {
				return []step{{words: "re " + words, token: "hold"}}
			}
			return echo(n, words)
		}, two, Report{Answered: 6, OutOfOrder: 1}},
		"a push of something else": {func(n int, words string) []step {
			return append(echo(n, words), step{words: "お知らせ", push: true})
		}, two, Report{Answered: 6}},
		"one is answered wrongly": {func(n int, words string) []step {
			if n == 3 {
				return []step{{words: "お待ちください"}}
			}
			return echo(n, words)
		}, two, Report{Answered: 5, Lost: 1, Doubled: 1}},
		// The push takes the place of the answer that is held, and must not hide that the last event has none.
		"one is answered twice while another waits, and one never": {func(n int, words string) []step {
			switch n {
			case 2:
				return []step{{words: "re " + words, token: "hold"}, {words: "re " + words, push: true}}
			case 6:
				return nil
			}
			return echo(n, words)
		}, []Question{{"x", "re x"}}, Report{Answered: 5, Lost: 1, Doubled: 1, Pushed: 1}},
		"any answer will do": {echo, []Question{{"x", ""}}, Report{Answered: 6}},
	} {
		t.Run(name, func(t *testing.T) {
			got := run(t, 6, test.plan, test.questions...)
			if got.Events != 6 || got.Answered != test.want.Answered || got.Lost != test.want.Lost || got.Doubled != test.want.Doubled ||
				got.OutOfOrder != test.want.OutOfOrder || got.Pushed != test.want.Pushed {
				t.Errorf("counted %+v", got)
			}
			if sound := test.want.Lost+test.want.Doubled+test.want.OutOfOrder == 0; got.Sound() != sound || len(got.LostIDs) != test.want.Lost {
				t.Errorf("sound: %v, lost %v", got.Sound(), got.LostIDs)
			}
			if got.AckP50 != 1 || got.AckP99 != 1 || got.ReplyP50 != 1 {
				t.Errorf("times %+v", got)
			}
		})
	}
}

// Two answers on each other's tokens are both out of order.
func TestAnswersCrossed(t *testing.T) {
	r := run(t, 2, func(n int, words string) []step {
		if n == 1 {
			return []step{{words: "re b", token: "hold"}}
		}
		return []step{{words: "re a"}}
	}, Question{"a", "re a"}, Question{"b", "re b"})
	if r.OutOfOrder != 2 || r.Answered != 2 || r.Lost+r.Doubled != 0 {
		t.Errorf("counted %+v", r)
	}
}

func TestPercentile(t *testing.T) {
	var times []time.Duration
	for i := 100; i > 0; i-- {
		times = append(times, time.Duration(i)*time.Millisecond)
	}
	if p50, p99 := percentile(times, 0.5), percentile(times, 0.99); p50 != 51 || p99 != 100 {
		t.Errorf("p50 %v, p99 %v", p50, p99)
	}
	if percentile(nil, 0.5) != 0 {
		t.Error("of nothing")
	}
}

func TestCarrierFile(t *testing.T) {
	var b strings.Builder
	if err := CarrierFile(&b, 3); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`usage_code: "` + Code(0) + `"`, `usage_code: "` + Code(2) + `"`, `msisdn: "09010000002"`} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %s in\n%s", want, b.String())
		}
	}
}
