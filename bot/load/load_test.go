package load

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
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
				b.held = append(b.held, step{words: s.words, token: token})
				continue
			}
			b.call("reply", map[string]any{"replyToken": token, "messages": []any{message}})
			for _, h := range b.held {
				b.call("reply", map[string]any{"replyToken": h.token, "messages": []any{map[string]any{"type": "text", "text": h.words}}})
			}
			b.held = nil
		}
	}
}

func (b *bot) call(kind string, body any) {
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
func run(t *testing.T, events int, plan func(n int, words string) []step, questions ...Question) Report {
	t.Helper()
	b := &bot{t: t, plan: plan, seen: map[string]int{}}
	hook := httptest.NewServer(b)
	t.Cleanup(hook.Close)
	b.sim = linesim.New(linesim.Config{Webhook: hook.URL, NoRateLimits: true, NoRedelivery: true})
	t.Cleanup(b.sim.Close)
	count := Observe(b.sim)
	people := []*linesim.Person{b.sim.AddStranger("一")}
	r, err := Run(t.Context(), Config{
		Sim: b.sim, Count: count, People: people, Connections: 1, Events: events, Settle: time.Millisecond, Questions: questions,
	})
	if err != nil {
		t.Fatal(err)
	}
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
			if got.AckP50 <= 0 || got.AckP99 < got.AckP50 || got.ReplyP50 <= 0 {
				t.Errorf("times %+v", got)
			}
		})
	}
}

// The wrong words on the right token are an answer to another question: out of order.
func TestAnswersCrossed(t *testing.T) {
	r := run(t, 2, func(n int, words string) []step {
		return []step{{words: map[string]string{"a": "re b", "b": "re a"}[words]}}
	}, Question{"a", "re a"}, Question{"b", "re b"})
	if r.OutOfOrder != 2 || r.Sound() {
		t.Errorf("counted %+v", r)
	}
}

// With a rate, events come at even distances whoever waits for them; ctx ends the asking.
func TestSteadily(t *testing.T) {
	b := &bot{t: t, plan: echo, seen: map[string]int{}}
	hook := httptest.NewServer(b)
	defer hook.Close()
	b.sim = linesim.New(linesim.Config{Webhook: hook.URL, NoRateLimits: true})
	defer b.sim.Close()
	count := Observe(b.sim)
	var people []*linesim.Person
	for i := range 10 {
		people = append(people, b.sim.AddStranger(fmt.Sprint(i)))
	}
	r, err := Run(t.Context(), Config{Sim: b.sim, Count: count, People: people, Rate: 1000, Events: 50, Questions: []Question{{"x", "re x"}}})
	if err != nil || r.Events != 50 || r.Answered != 50 || !r.Sound() {
		t.Errorf("%+v, %v", r, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r, err = Run(ctx, Config{Sim: b.sim, Count: count, People: people, Rate: 1000, Questions: []Question{{"x", "re x"}}})
	if err != nil || r.Events > 1 {
		t.Errorf("after the end %d events, %v", r.Events, err)
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
