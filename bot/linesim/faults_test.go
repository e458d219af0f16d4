package linesim

import (
	"encoding/json"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/line/line-bot-sdk-go/v8/linebot/webhook"
)

// atOnce makes all waits of faults and redeliveries pass at once.
func (w *world) atOnce() {
	w.after = func(time.Duration) <-chan time.Time {
		now := make(chan time.Time, 1)
		now <- noon
		return now
	}
}

func (w *world) faults(faults ...Fault) {
	w.t.Helper()
	if err := w.SetFaults(1, faults...); err != nil {
		w.t.Fatal(err)
	}
}

// redelivered are the marks of the deliveries of one event, in their order.
func redelivered(events []map[string]any, id any) (marks []bool) {
	for _, e := range events {
		if e["webhookEventId"] == id {
			marks = append(marks, e["deliveryContext"].(map[string]any)["isRedelivery"].(bool))
		}
	}
	return marks
}

func TestWebhookFaults(t *testing.T) {
	for kind, marks := range map[string][]bool{
		FaultDuplicate: {false, false},
		FaultRedeliver: {false, true},
		FaultSignature: {false, true},
	} {
		t.Run(kind, func(t *testing.T) {
			w := newWorld(t, Config{NoRedelivery: true}) // faults deliver again all the same
			w.atOnce()
			p, _ := w.friend("たろう")
			w.faults(Fault{Kind: kind, Share: 1, Count: 1})
			p.Say("a")
			p.Say("b")
			events := w.await(4)
			if got := redelivered(events, events[1]["webhookEventId"]); !slices.Equal(got, marks) {
				t.Errorf("delivered as %v, want %v", got, marks)
			}
			if events[3]["message"].(map[string]any)["text"] != "b" || len(events) != 4 {
				t.Errorf("the next event came before, or twice: %v", events[3])
			}
			w.bot.mu.Lock()
			defer w.bot.mu.Unlock()
			for i, body := range w.bot.bodies {
				good := webhook.ValidateSignature(w.Config().ChannelSecret, w.bot.headers[i].Get("X-Line-Signature"), body)
				if good == (kind == FaultSignature && i == 1) {
					t.Errorf("body %d: signature good: %v", i, good)
				}
			}
			if _, states := w.Faults(); states[0].Struck != 1 {
				t.Errorf("struck %d times", states[0].Struck)
			}
		})
	}
}

func TestHangUpDeliversAgain(t *testing.T) {
	w := newWorld(t, Config{})
	p, _ := w.friend("たろう")
	w.atOnce()
	w.faults(Fault{Kind: FaultHangUp, Share: 1, Count: 1})
	p.Say("a")
	p.Say("b")
	ok := func() bool { // whether the first delivery reached the bot, nobody knows
		events := w.bot.heard()
		last := events[len(events)-1]
		m, _ := last["message"].(map[string]any)
		return m != nil && m["text"] == "b"
	}
	if err := w.Await(t.Context(), ok); err != nil {
		t.Fatal(err)
	}
	events := w.bot.heard()
	if before := events[len(events)-2]; !before["deliveryContext"].(map[string]any)["isRedelivery"].(bool) {
		t.Errorf("not delivered again: %v", before)
	}
}

func TestReorder(t *testing.T) {
	w := newWorld(t, Config{})
	held := make(chan time.Time)
	w.after = func(time.Duration) <-chan time.Time { return held }
	p, _ := w.friend("たろう")
	w.faults(Fault{Kind: FaultReorder, Share: 1, Count: 1})
	p.Say("a")
	p.Say("b")
	w.await(2)
	held <- noon
	events := w.await(3)
	if events[1]["message"].(map[string]any)["text"] != "b" || events[2]["message"].(map[string]any)["text"] != "a" {
		t.Errorf("heard %v", events[1:])
	}
}

func TestBatch(t *testing.T) {
	w := newWorld(t, Config{})
	held := make(chan time.Time)
	w.after = func(time.Duration) <-chan time.Time { return held }
	p, _ := w.friend("たろう")
	q, _ := w.friend("はなこ")
	w.faults(Fault{Kind: FaultBatch, Share: 1, Count: 2})
	p.Say("a")
	q.Say("b")
	p.Say("c") // waits for a
	for gathered := 0; gathered < 2; runtime.Gosched() {
		w.mu.Lock()
		if w.gathering != nil {
			gathered = len(w.gathering.events)
		}
		w.mu.Unlock()
	}
	held <- noon
	w.await(5)
	w.bot.mu.Lock()
	defer w.bot.mu.Unlock()
	var body struct{ Events []json.RawMessage }
	if err := json.Unmarshal(w.bot.bodies[2], &body); err != nil || len(body.Events) != 2 {
		t.Errorf("a body with %d events, %v", len(body.Events), err)
	}
}

func TestStandby(t *testing.T) {
	w := newWorld(t, Config{})
	p, _ := w.friend("たろう")
	w.faults(Fault{Kind: FaultStandby, Share: 1, Count: 1})
	p.Say("a")
	p.Say("b")
	events := w.await(3)
	if _, token := events[1]["replyToken"]; token || events[1]["mode"] != "standby" || events[2]["mode"] != "active" {
		t.Errorf("heard %v", events[1:])
	}
}

func TestCallFaults(t *testing.T) {
	for _, test := range []struct {
		kind      string
		status    int // 0: no answer
		text      string
		delivered int
		again     int // status of the same call without a fault
	}{
		{Fault429, 429, "rate limit", 0, 200},
		{FaultMonthly, 429, "monthly limit", 0, 200},
		{Fault500, 500, "", 0, 200},
		{Fault500Done, 500, "", 1, 400},
		{FaultSlow, 200, "sentMessages", 1, 400},
		{FaultLost, 0, "", 1, 400},
		{FaultDropped, 0, "", 0, 200},
		{FaultExpired, 401, "Authentication failed", 0, 200},
		{FaultBlocked, 200, "sentMessages", 0, 400},
	} {
		t.Run(test.kind, func(t *testing.T) {
			w := newWorld(t, Config{})
			w.atOnce()
			_, token := w.friend("たろう")
			var delivered atomic.Int64
			w.OnMessage(func(*Person, Entry) { delivered.Add(1) })
			w.faults(Fault{Kind: test.kind, Share: 1, Count: 1})
			w.want(w.call("GET", "/v2/bot/info", ""), 200, "userId") // not concerned
			req, err := http.NewRequest("POST", w.url+"/v2/bot/message/reply", strings.NewReader(replyBody(token, "a")))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Authorization", "Bearer "+w.Config().AccessToken)
			req.Header.Set("Content-Type", "application/json")
			resp, err := http.DefaultClient.Do(req)
			status := 0
			if err == nil {
				status = resp.StatusCode
				resp.Body.Close()
			}
			if status != test.status || int(delivered.Load()) != test.delivered {
				t.Errorf("status %d (%v), %d delivered; want %d, %d", status, err, delivered.Load(), test.status, test.delivered)
			}
			w.want(w.call("POST", "/v2/bot/message/reply", replyBody(token, "a")), test.again, "")
			if test.kind == FaultBlocked {
				if events := w.await(2); events[1]["type"] != "unfollow" {
					t.Errorf("heard %v", events[1])
				}
			}
		})
	}
}

// A fault with a path strikes there and nowhere else, also where faults without one do not.
func TestFaultOfAPath(t *testing.T) {
	w := newWorld(t, Config{})
	p, token := w.friend("たろう")
	w.faults(Fault{Kind: Fault500, Path: "/v2/bot/message/push", Share: 1}, Fault{Kind: Fault429, Path: "/v2/bot/info", Share: 1})
	w.want(w.call("POST", "/v2/bot/message/reply", replyBody(token, "a")), 200, "")
	w.want(w.call("POST", "/v2/bot/message/push", pushBody(p.ID, "a")), 500, "")
	w.want(w.call("GET", "/v2/bot/info", ""), 429, "")
}

// The same seed gives the same draws.
func TestFaultsFollowTheirSeed(t *testing.T) {
	draw := func(seed uint64) (drawn []bool) {
		s := New(Config{})
		if err := s.SetFaults(seed, Fault{Kind: FaultLost, Share: 0.3}); err != nil {
			t.Fatal(err)
		}
		for range 200 {
			drawn = append(drawn, s.strikes(FaultLost))
		}
		return drawn
	}
	one := draw(1)
	if !slices.Equal(one, draw(1)) || slices.Equal(one, draw(2)) {
		t.Error("the draws do not follow the seed")
	}
	struck := 0
	for _, s := range one {
		if s {
			struck++
		}
	}
	if struck < 40 || struck > 80 {
		t.Errorf("struck %d of 200 times at 0.3", struck)
	}
}

func TestFaultsOverHTTP(t *testing.T) {
	w := newWorld(t, Config{})
	w.want(w.call("GET", "/phone/api/faults", ""), 200, `"faults":[]`)
	w.want(w.call("PUT", "/phone/api/faults", `{"seed":7,"faults":[{"kind":"slow","share":0.5,"delay":"1.5s","path":"/v2/bot/message/push"}]}`), 200,
		`"seed":7,"faults":[{"kind":"slow","path":"/v2/bot/message/push","share":0.5,"delay":"1.5s","struck":0}]`)
	for body, want := range map[string]string{
		`{"faults":[{"kind":"flood","share":1}]}`:                              "no fault is called",
		`{"faults":[{"kind":"lost","share":0}]}`:                               "above 0 and at most 1",
		`{"faults":[{"kind":"lost","share":1.1}]}`:                             "above 0 and at most 1",
		`{"faults":[{"kind":"lost","share":1,"count":-1}]}`:                    "cannot be negative",
		`{"faults":[{"kind":"batch","share":1,"path":"/v2"}]}`:                 "webhooks have none",
		`{"faults":[{"kind":"lost","share":1,"path":"v2/bot/message/reply"}]}`: "begin with a slash",
		`{"faults":[{"kind":"slow","share":1,"delay":"soon"}]}`:                "JSON",
	} {
		w.want(w.call("PUT", "/phone/api/faults", body), 400, want)
	}
	if seed, faults := w.Faults(); seed != 7 || len(faults) != 1 {
		t.Errorf("a refused change changed the faults: %d, %v", seed, faults)
	}
	w.want(w.call("PUT", "/phone/api/faults", `{"faults":[]}`), 200, `"faults":[]`)
	if w.troubles.Load() != nil {
		t.Error("faults are left")
	}
}

func TestObserver(t *testing.T) {
	w := newWorld(t, Config{})
	var events []Event
	var delivered []int
	var sent []Sent
	w.Observe(Observer{
		Event:     func(e Event) { events = append(events, e) },
		Delivered: func(_ string, status int, _ error) { delivered = append(delivered, status) },
		Sent:      func(s Sent) { sent = append(sent, s) },
	})
	p, token := w.friend("たろう")
	w.call("POST", "/v2/bot/message/reply", replyBody(token, "a"))
	p.Block()
	w.await(2)
	w.call("POST", "/v2/bot/message/push", pushBody(p.ID, "b"), "X-Line-Retry-Key", "6d2f0c1e-3f0b-5a57-9a50-2b1d7f4be6a1")
	if len(events) != 2 || events[0].ReplyToken != token || events[0].Person != p.ID || events[1].Type != "unfollow" || events[1].ReplyToken != "" {
		t.Errorf("events %+v", events)
	}
	if len(sent) != 2 || sent[0].ReplyToken != token || sent[1].Person != p.ID || sent[1].RetryKey == "" || !strings.Contains(string(sent[1].Messages[0]), `"b"`) {
		t.Errorf("sent %+v", sent)
	}
	if len(delivered) == 0 || delivered[0] != 200 {
		t.Errorf("delivered with %v", delivered)
	}
}
