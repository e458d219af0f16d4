package linesim

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

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

// Without a path a fault concerns what bots call while people wait.
func TestPathsOfFaults(t *testing.T) {
	all, month, push := Fault{Kind: FaultLost}, Fault{Kind: FaultMonthly}, Fault{Kind: FaultMonthly, Path: "/v2/bot/message/p"}
	for path, want := range map[string][3]bool{
		"/v2/bot/message/reply":             {true, true, false},
		"/v2/bot/message/push":              {true, true, true},
		"/v2/bot/message/multicast":         {true, true, false},
		"/v2/bot/message/56/content":        {true, false, false},
		"/v2/bot/user/U1/linkToken":         {true, false, false},
		"/v2/bot/user/U1/richmenu/richmenu": {true, false, false},
		"/v2/bot/chat/loading/start":        {true, false, false},
		"/v2/bot/chat/markAsRead":           {true, false, false},
		"/v2/bot/profile/U1":                {true, false, false},
		"/v2/bot/message/quota":             {},
		"/v2/bot/message/quota/consumption": {},
		"/v2/bot/message/validate/reply":    {},
		"/v2/bot/user/all/richmenu":         {},
		"/v2/bot/richmenu":                  {},
		"/v2/bot/info":                      {},
		"/oauth2/v3/token":                  {},
	} {
		if got := [3]bool{all.hits(path), month.hits(path), push.hits(path)}; got != want {
			t.Errorf("%s: %v, want %v", path, got, want)
		}
	}
	if (Fault{Kind: FaultDuplicate}).hits("/v2/bot/message/reply") {
		t.Error("a webhook's fault strikes calls")
	}
}

// Whoever is concerned is blocked and not reached, and LINE answers what it answers of such a person.
func TestBlockedByAnyCall(t *testing.T) {
	w := newWorld(t, Config{})
	for name, test := range map[string]struct {
		call   func(p *Person, token string) result
		status int
	}{
		"push": {func(p *Person, _ string) result {
			return w.call("POST", "/v2/bot/message/push", pushBody(p.ID, "a"))
		}, 200},
		"multicast": {func(p *Person, _ string) result {
			return w.call("POST", "/v2/bot/message/multicast", `{"to":["`+p.ID+`","`+w.AddStranger("だれか").ID+`"],"messages":[{"type":"text","text":"a"}]}`)
		}, 200},
		"loading": {func(p *Person, _ string) result {
			return w.call("POST", "/v2/bot/chat/loading/start", `{"chatId":"`+p.ID+`"}`)
		}, 202},
		"mark as read": {func(p *Person, _ string) result {
			return w.call("POST", "/v2/bot/chat/markAsRead", `{"markAsReadToken":"`+w.seal(marking, p.ID, "1")+`"}`)
		}, 200},
		"link token": {func(p *Person, _ string) result {
			return w.call("POST", "/v2/bot/user/"+p.ID+"/linkToken", "")
		}, 404},
		"profile": {func(p *Person, _ string) result { return w.call("GET", "/v2/bot/profile/"+p.ID, "") }, 404},
	} {
		p, token := w.friend(name)
		before := len(w.await(1))
		w.faults(Fault{Kind: FaultBlocked, Share: 1, Count: 1})
		w.want(test.call(p, token), test.status, "")
		events := w.await(before + 1)
		if e := events[before]; e["type"] != "unfollow" || e["source"].(map[string]any)["userId"] != p.ID {
			t.Errorf("%s: heard %v", name, e)
		}
		if chat := p.Chat(); chat[len(chat)-1].From != FromSystem {
			t.Errorf("%s: reached with %s", name, chat[len(chat)-1].Message)
		}
		w.want(test.call(p, token), test.status, "") // blocked as they are, they cannot block again
		if _, states := w.Faults(); states[0].Struck != 1 {
			t.Errorf("%s: struck %d times", name, states[0].Struck)
		}
	}
	w.want(w.call("GET", "/v2/bot/message/quota/consumption", ""), 200, `{"totalUsage":0}`)
	w.faults(Fault{Kind: FaultBlocked, Share: 1})
	w.call("GET", "/v2/bot/message/1/content", "")
	w.call("POST", "/v2/bot/message/push", pushBody(w.AddStranger("だれか").ID, "a"))
	w.call("POST", "/v2/bot/message/push", "{")
	if _, states := w.Faults(); states[0].Struck != 0 {
		t.Errorf("struck %d times where there was no friend", states[0].Struck)
	}
}

// A slow call is carried out, whether the bot waits for its answer or not.
func TestSlowCallOutlivesItsCaller(t *testing.T) {
	w := newWorld(t, Config{})
	p, token := w.friend("たろう")
	held, waits := make(chan time.Time), make(chan time.Duration, 1)
	w.after = func(d time.Duration) <-chan time.Time { waits <- d; return held }
	w.faults(Fault{Kind: FaultSlow, Share: 1, Count: 1, Delay: Duration(time.Hour)})
	ctx, hangUp := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, "POST", w.url+"/v2/bot/message/reply", strings.NewReader(replyBody(token, strings.Repeat("あ", 5000))))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+w.Config().AccessToken)
	r.Header.Set("Content-Type", takesJSON)
	done := make(chan error)
	go func() {
		res, err := http.DefaultClient.Do(r)
		if err == nil {
			res.Body.Close()
		}
		done <- err
	}()
	if d := <-waits; d != time.Hour {
		t.Errorf("waits %v", d)
	}
	hangUp()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("answered with %v", err)
	}
	if n := len(p.Chat()); n != 1 {
		t.Errorf("%d entries before the time", n)
	}
	held <- noon
	if err := w.Await(t.Context(), func() bool { return len(p.Chat()) == 2 }); err != nil {
		t.Error(err)
	}
}

// Of several faults of calls the first that strikes counts, each as often as it may.
func TestFaultsInTheirOrderAndCount(t *testing.T) {
	w := newWorld(t, Config{})
	p, _ := w.friend("たろう")
	w.faults(Fault{Kind: Fault500, Share: 1, Count: 2}, Fault{Kind: Fault429, Share: 1, Count: 1})
	for _, status := range []int{500, 500, 429, 200, 200} {
		w.want(w.call("POST", "/v2/bot/message/push", pushBody(p.ID, "a")), status, "")
	}
	_, states := w.Faults()
	if states[0].Struck != 2 || states[1].Struck != 1 {
		t.Errorf("struck %d and %d times", states[0].Struck, states[1].Struck)
	}
	var statuses []int
	for _, r := range w.Requests() {
		statuses = append(statuses, r.Status)
	}
	if !slices.Equal(statuses, []int{500, 500, 429, 200, 200}) {
		t.Errorf("kept as %v", statuses)
	}
}

// Two faults of a webhook's kind each have their own delay.
func TestDelayIsOfTheFaultThatStruck(t *testing.T) {
	w := newWorld(t, Config{})
	waits := make(chan time.Duration, 2)
	p, _ := w.friend("たろう")
	w.after = func(d time.Duration) <-chan time.Time { waits <- d; return nil }
	w.faults(Fault{Kind: FaultReorder, Share: 1, Count: 1, Delay: Duration(time.Minute)}, Fault{Kind: FaultReorder, Share: 1, Delay: Duration(time.Hour)})
	p.Say("a")
	p.Say("b")
	if first, second := <-waits, <-waits; first+second != time.Minute+time.Hour {
		t.Errorf("waited %v and %v", first, second)
	}
}

// Where no faults are set, and where they were taken back, nothing is struck.
func TestWithoutFaultsThereIsNoTrouble(t *testing.T) {
	w := newWorld(t, Config{})
	delivered := make(chan int, 4)
	w.Observe(Observer{Delivered: func(_ string, status int, _ error) { delivered <- status }})
	for range 2 {
		n := len(w.bot.heard())
		p, token := w.friend("たろう")
		p.Say("a")
		w.want(w.call("POST", "/v2/bot/message/reply", replyBody(token, "b")), 200, "")
		if first, second := <-delivered, <-delivered; first != 200 || second != 200 {
			t.Errorf("delivered with %d and %d", first, second)
		}
		if events := w.bot.heard(); len(events) != n+2 {
			t.Errorf("heard %v", events)
		}
		w.faults(Fault{Kind: FaultDuplicate, Share: 1}, Fault{Kind: Fault500, Share: 1})
		w.faults()
	}
	if seed, faults := w.Faults(); seed != 0 || faults != nil {
		t.Errorf("faults of %d: %v", seed, faults)
	}
}

// The same seed gives the same draws.
func TestFaultsFollowTheirSeed(t *testing.T) {
	draw := func(seed uint64) (drawn []bool) {
		s := New(Config{})
		if err := s.SetFaults(seed, Fault{Kind: FaultLost, Share: 0.3}); err != nil {
			t.Fatal(err)
		}
		for range 200 {
			_, struck := s.strikes(FaultLost)
			drawn = append(drawn, struck)
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
	const at = "/faults"
	set := `"seed":7,"faults":[{"kind":"slow","path":"/v2/bot/message/push","share":0.5,"count":3,"delay":"1.5s","struck":0}]`
	w.want(w.phone("GET", at, ""), 200, `{"kinds":["duplicate","redeliver",`)
	w.want(w.phone("GET", at, ""), 200, `"seed":0,"faults":[]}`)
	open := w.stream("")
	w.want(w.phone("PUT", at, `{"seed":7,"faults":[{"kind":"slow","share":0.5,"count":3,"delay":"1.5s","path":"/v2/bot/message/push"}]}`), 200, set)
	if _, kind, _ := open.next(); kind != "faults" {
		t.Errorf("open phones hear of %s", kind)
	}
	w.want(w.phone("PUT", at, w.phone("GET", at, "").text), 200, set) // what it says, it takes
	for body, want := range map[string]string{
		`{"faults":[{"kind":"flood","share":1}]}`:                                 "flood: there is no such fault; choose one of: duplicate, ",
		`{"faults":[{"kind":"lost"}]}`:                                            "lost: the share must be above 0 and at most 1",
		`{"faults":[{"kind":"lost","share":1.1}]}`:                                "the share must be",
		`{"faults":[{"kind":"lost","share":1,"count":-1}]}`:                       "the count must be",
		`{"faults":[{"kind":"slow","share":1,"delay":"-1s"}]}`:                    "the delay must be",
		`{"faults":[{"kind":"lost","share":1,"delay":"1s"}]}`:                     "leave the delay out",
		`{"faults":[{"kind":"batch","share":1,"path":"/v2/"}]}`:                   "leave the path out",
		`{"faults":[{"kind":"lost","share":1,"path":"v2/bot/message/reply"}]}`:    "the path must begin with /v2/ or /oauth2/",
		`{"faults":[{"kind":"429 monthly","share":1,"path":"/v2/bot/profile/"}]}`: "only messages meet the month's limit",
		`{"faults":[{"kind":"slow","share":1,"delay":"soon"}]}`:                   `invalid duration \"soon\"`,
		`{"faults":[{"kind":"slow","share":1,"dealy":"1s"}]}`:                     `unknown field \"dealy\"`,
		`{"faults":[{"kind":"lost","share":1},{"kind":"expired","share":2}]}`:     "expired: the share",
		`{"faults":`: "The body must be like",
	} {
		w.want(w.phone("PUT", at, body), 400, want)
	}
	w.want(w.phone("GET", at, ""), 200, set) // a refused change changes nothing
	w.want(w.phone("PUT", at, `{"seed":7,"faults":[]}`), 200, `"faults":[]`)
}
