package linesim

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
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

// textOf is what the message of an event says, or "".
func textOf(event map[string]any) string {
	m, _ := event["message"].(map[string]any)
	said, _ := m["text"].(string)
	return said
}

// bodiesHeard are the bodies that came, each with whether its signature is right.
func (w *world) bodiesHeard() (bodies []string, signed []bool) {
	w.bot.mu.Lock()
	defer w.bot.mu.Unlock()
	for i, body := range w.bot.bodies {
		bodies = append(bodies, string(body))
		signed = append(signed, webhook.ValidateSignature(w.Config().ChannelSecret, w.bot.headers[i].Get("X-Line-Signature"), body))
	}
	return bodies, signed
}

// Every event is struck, and comes all the same, before the next one, also from a LINE that does not redeliver.
func TestWebhookFaults(t *testing.T) {
	for kind, want := range map[string]struct{ marks, signed []bool }{
		FaultDuplicate: {[]bool{false, false}, []bool{true, true}},
		FaultRedeliver: {[]bool{false, true}, []bool{true, true}},
		FaultSignature: {[]bool{false, true}, []bool{false, true}},
	} {
		t.Run(kind, func(t *testing.T) {
			w := newWorld(t, Config{NoRedelivery: true})
			w.atOnce()
			p, _ := w.friend("たろう")
			w.faults(Fault{Kind: kind, Share: 1})
			p.Say("a")
			p.Say("b")
			events := w.await(5)
			_, signed := w.bodiesHeard()
			for i, said := range []string{"a", "b"} {
				at := 1 + 2*i
				if textOf(events[at]) != said || textOf(events[at+1]) != said || events[at]["replyToken"] != events[at+1]["replyToken"] {
					t.Errorf("events %d and %d are %v and %v, want %s", at, at+1, events[at], events[at+1], said)
				}
				if got := redelivered(events, events[at]["webhookEventId"]); !slices.Equal(got, want.marks) {
					t.Errorf("%s was marked as redelivered: %v, want %v", said, got, want.marks)
				}
				if got := signed[at : at+2]; !slices.Equal(got, want.signed) {
					t.Errorf("%s was rightly signed: %v, want %v", said, got, want.signed)
				}
			}
			if _, states := w.Faults(); states[0].Struck != 2 {
				t.Errorf("struck %d times", states[0].Struck)
			}
		})
	}
}

// LINE hangs up on a bot that has the body and has not answered.
func TestHangUpDeliversAgain(t *testing.T) {
	w := newWorld(t, Config{NoRedelivery: true})
	p, _ := w.friend("たろう")
	held, has := make(chan time.Time), make(chan struct{})
	w.atOnce()
	atOnce := w.after
	w.after = func(d time.Duration) <-chan time.Time {
		if d == time.Minute {
			return held
		}
		return atOnce(d)
	}
	var late atomic.Bool
	bot := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.bot.ServeHTTP(rw, r)
		if late.CompareAndSwap(false, true) {
			close(has)
			<-r.Context().Done() // or the test never ends
		}
	}))
	t.Cleanup(bot.Close)
	w.SetWebhook(bot.URL)
	w.faults(Fault{Kind: FaultHangUp, Share: 1, Count: 1, Delay: Duration(time.Minute)})
	p.Say("a")
	p.Say("b")
	<-has
	held <- noon
	events := w.await(4)
	if got := redelivered(events, events[1]["webhookEventId"]); !slices.Equal(got, []bool{false, true}) || textOf(events[3]) != "b" {
		t.Errorf("delivered as %v, then %v", got, events[3])
	}
}

// A bot that answers before LINE hangs up has not been heard either.
func TestHangUpHearsNoAnswer(t *testing.T) {
	w := newWorld(t, Config{})
	p, _ := w.friend("たろう")
	w.after = func(d time.Duration) <-chan time.Time {
		if d == time.Minute {
			return nil // never
		}
		now := make(chan time.Time, 1)
		now <- noon
		return now
	}
	heard := make(chan error, 4)
	w.Observe(Observer{Delivered: func(_ string, _ int, err error) { heard <- err }})
	w.faults(Fault{Kind: FaultHangUp, Share: 1, Delay: Duration(time.Minute)})
	p.Say("a")
	p.Say("b")
	for _, want := range []error{errHungUp, nil, errHungUp, nil} {
		if err := <-heard; !errors.Is(err, want) {
			t.Errorf("LINE heard %v, want %v", err, want)
		}
	}
	w.await(5)
}

func TestReorder(t *testing.T) {
	w := newWorld(t, Config{})
	held := make(chan time.Time)
	var waits []time.Duration
	p, _ := w.friend("たろう")
	w.after = func(d time.Duration) <-chan time.Time { waits = append(waits, d); return held }
	w.faults(Fault{Kind: FaultReorder, Share: 1, Count: 1})
	p.Say("a")
	p.Say("b")
	p.Say("c")
	w.await(3)
	held <- noon
	events := w.await(4)
	if textOf(events[1]) != "b" || textOf(events[2]) != "c" || textOf(events[3]) != "a" {
		t.Errorf("heard %v", events[1:])
	}
	if !slices.Equal(waits, []time.Duration{300 * time.Millisecond}) {
		t.Errorf("waited %v", waits)
	}
}

// §1: "several events of different users and types" in one body; duplicated, it comes twice; refused, each of its events
// is redelivered.
func TestBatch(t *testing.T) {
	for name, test := range map[string]struct {
		beside   []Fault
		statuses []int
		sizes    []int // of the bodies after the two follows
	}{
		"alone":     {nil, nil, []int{2}},
		"duplicate": {[]Fault{{Kind: FaultDuplicate, Share: 1, Count: 2}}, nil, []int{2, 2}},
		"refused":   {nil, []int{503}, []int{2, 1, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, Config{})
			p, _ := w.friend("たろう")
			q, _ := w.friend("はなこ")
			gone := make(chan time.Time)
			w.after = func(time.Duration) <-chan time.Time { return gone }
			w.faults(append(test.beside, Fault{Kind: FaultBatch, Share: 1, Count: 2})...)
			w.bot.statuses = test.statuses
			p.Say("a")
			q.Postback("b", "", nil)
			full := func() bool {
				w.mu.Lock()
				defer w.mu.Unlock()
				return w.gathering != nil && len(w.gathering.events) == 2
			}
			if err := w.Await(t.Context(), full); err != nil {
				t.Fatal(err)
			}
			close(gone)
			events := 2
			for _, n := range test.sizes {
				events += n
			}
			w.await(events)
			bodies, _ := w.bodiesHeard()
			var sizes []int
			for _, body := range bodies[2:] {
				var b struct{ Events []json.RawMessage }
				if err := json.Unmarshal([]byte(body), &b); err != nil {
					t.Fatal(err)
				}
				sizes = append(sizes, len(b.Events))
			}
			if !slices.Equal(sizes, test.sizes) || name == "duplicate" && bodies[2] != bodies[3] {
				t.Errorf("bodies of %v events, want %v: %s", sizes, test.sizes, bodies[2:])
			}
		})
	}
}

// What a test delivers by itself comes as it is, once.
func TestFaultsLeaveDeliverAlone(t *testing.T) {
	w := newWorld(t, Config{})
	w.faults(Fault{Kind: FaultDuplicate, Share: 1}, Fault{Kind: FaultSignature, Share: 1})
	if status, err := w.Deliver(t.Context(), json.RawMessage(`{"type":"a"}`)); status != 200 || err != nil {
		t.Errorf("status %d, %v", status, err)
	}
	if bodies, signed := w.bodiesHeard(); len(bodies) != 1 || !signed[0] {
		t.Errorf("heard %v, %v", bodies, signed)
	}
}

func TestStandby(t *testing.T) {
	w := newWorld(t, Config{})
	p, _ := w.friend("たろう")
	w.faults(Fault{Kind: FaultStandby, Share: 1, Count: 1})
	p.Say("a")
	p.Say("b")
	events := w.await(3)
	if _, token := events[1]["replyToken"]; token || events[1]["mode"] != "standby" || textOf(events[1]) != "a" || events[2]["mode"] != "active" {
		t.Errorf("heard %v", events[1:])
	}
	id := p.Say("c")
	w.faults(Fault{Kind: FaultStandby, Share: 1})
	p.Unsend(id) // nobody could answer it anyway
	if events := w.await(5); events[4]["mode"] != "active" {
		t.Errorf("heard %v", events[4])
	}
}
