package linesim

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestNewFillsTheDefaults(t *testing.T) {
	cfg := New(Config{Name: "別名"}).Config()
	if cfg.ChannelID != "1234567890" || len(cfg.ChannelSecret) != 32 || cfg.AccessToken == "" || !userIDForm.MatchString(cfg.BotUserID) ||
		cfg.Name != "別名" || cfg.BasicID != "@tsunagu" {
		t.Errorf("config %+v", cfg)
	}
}

func TestClockRunsOnFromWhereItWasSet(t *testing.T) {
	base := noon
	s := New(Config{Clock: func() time.Time { return base }})
	s.SetNow(noon.Add(24 * time.Hour))
	base = base.Add(time.Minute)
	if got, want := s.Now(), noon.Add(24*time.Hour+time.Minute); !got.Equal(want) {
		t.Errorf("now %v, want %v", got, want)
	}
}

// §2: "webhookEventId is a ULID string": 26 characters that sort by time.
func TestEventIDsSortByTime(t *testing.T) {
	s := New(Config{Clock: func() time.Time { return noon }})
	a := s.NewEventID()
	s.SetNow(noon.Add(time.Millisecond))
	b := s.NewEventID()
	if len(a) != 26 || len(b) != 26 || a >= b || a[0] > '7' {
		t.Errorf("ids %s, %s", a, b)
	}
	if got, want := newULID(time.UnixMilli(1469918176385))[:10], "01ARYZ6S41"; got != want { // the ULID specification's time
		t.Errorf("time part %s, want %s", got, want)
	}
}

func TestAwait(t *testing.T) {
	w := newWorld(t, Config{})
	p, _ := w.friend("たろう")
	done := make(chan error)
	asked := make(chan struct{}, 100)
	go func() {
		done <- w.Await(t.Context(), func() bool { asked <- struct{}{}; return len(p.Chat()) == 3 })
	}()
	<-asked // it waits now, or will ask again
	w.call("POST", "/v2/bot/message/push", pushBody(p.ID, "a"))
	p.Say("b")
	if err := <-done; err != nil {
		t.Error(err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if err := w.Await(gone, func() bool { return false }); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestChatAndRequestsAreBounded(t *testing.T) {
	s := New(Config{ChatLimit: 10, NoRateLimits: true})
	p := s.AddPerson("たろう")
	for range 100 {
		p.Say("a")
	}
	chat := p.Chat()
	if len(chat) < 10 || len(chat) > 20 || chat[len(chat)-1].Seq != 101 {
		t.Errorf("%d entries up to %d", len(chat), chat[len(chat)-1].Seq)
	}
	for i := range requestsKept + 5 {
		r := httptest.NewRequest("GET", "/v2/bot/"+strconv.Itoa(i), nil)
		s.ServeHTTP(httptest.NewRecorder(), r)
	}
	all := s.Requests()
	if len(all) != requestsKept || all[0].Path != "/v2/bot/5" || all[len(all)-1].Path != "/v2/bot/10004" {
		t.Errorf("%d requests from %s to %s", len(all), all[0].Path, all[len(all)-1].Path)
	}
}

func TestExpiringForgets(t *testing.T) {
	e := expiring[int]{life: time.Minute, most: 2}
	e.put("a", 1, noon)
	e.put("b", 2, noon)
	e.put("c", 3, noon)
	if _, ok := e.get("a", noon); ok {
		t.Error("the oldest of too many is still there")
	}
	if v, ok := e.get("c", noon.Add(time.Minute)); !ok || v != 3 {
		t.Errorf("got %d, %v", v, ok)
	}
	if _, ok := e.get("c", noon.Add(time.Minute+1)); ok {
		t.Error("an entry outlived its life")
	}
	e.put("d", 4, noon.Add(time.Hour))
	if len(e.byKey) != 1 || len(e.order) != 1 {
		t.Errorf("%d kept in %d", len(e.byKey), len(e.order))
	}
}

// OnMessage hears every message that reached somebody, before the bot has its answer.
func TestOnMessage(t *testing.T) {
	w := newWorld(t, Config{})
	p, token := w.friend("たろう")
	var heard []string
	w.OnMessage(func(to *Person, e Entry) { heard = append(heard, to.Name+" "+e.Text()) })
	w.call("POST", "/v2/bot/message/reply", replyBody(token, "a", "b"))
	p.Block()
	w.call("POST", "/v2/bot/message/push", pushBody(p.ID, "c"))
	if got := strings.Join(heard, ","); got != "たろう a,たろう b" {
		t.Errorf("heard %s", got)
	}
}

// Many people at once, each in order: what load and the end-to-end tests lean on.
func TestManyPeopleAtOnce(t *testing.T) {
	const people, each = 50, 20
	var s *Sim
	last := map[string]string{} // by reply token's person, under lock
	var mu sync.Mutex
	bot := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body struct {
			Events []struct {
				ReplyToken string
				Source     source
				Message    struct{ Text string }
			}
		}
		if !readJSON(w, r, &body) {
			return
		}
		e := body.Events[0]
		if e.Message.Text == "" {
			return
		}
		mu.Lock()
		if was, _ := strconv.Atoi(last[e.Source.UserID]); strconv.Itoa(was+1) != e.Message.Text {
			t.Errorf("after %d came %s", was, e.Message.Text)
		}
		last[e.Source.UserID] = e.Message.Text
		mu.Unlock()
		req := httptest.NewRequest("POST", "/v2/bot/message/reply", strings.NewReader(replyBody(e.ReplyToken, e.Message.Text)))
		req.Header.Set("Authorization", "Bearer "+s.Config().AccessToken)
		req.Header.Set("Content-Type", takesJSON)
		s.ServeHTTP(httptest.NewRecorder(), req)
	}))
	defer bot.Close()
	s = New(Config{Webhook: bot.URL, NoRateLimits: true})
	defer s.Close()
	all := make([]*Person, people)
	for i := range all {
		all[i] = s.AddPerson(strconv.Itoa(i))
	}
	for n := range each {
		for _, p := range all {
			p.Say(strconv.Itoa(n + 1))
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := s.Await(ctx, func() bool {
		for _, p := range all {
			if len(p.Chat()) < 1+2*each {
				return false
			}
		}
		return true
	}); err != nil {
		t.Fatal(err)
	}
}

// A reply costs the simulator a few dozen microseconds, so that load measures the bot.
func BenchmarkReply(b *testing.B) {
	s := New(Config{NoRateLimits: true})
	people := make([]*Person, 1000)
	for i := range people {
		people[i] = s.AddPerson("a")
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		token := strconv.Itoa(i)
		s.mu.Lock()
		s.startReplyToken(token, people[i%len(people)], s.now())
		s.mu.Unlock()
		r := httptest.NewRequest("POST", "/v2/bot/message/reply", strings.NewReader(replyBody(token, "残り 3.2GB です。")))
		r.Header.Set("Authorization", "Bearer "+s.cfg.AccessToken)
		r.Header.Set("Content-Type", takesJSON)
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code != 200 {
			b.Fatal(w.Body)
		}
	}
}
