package linesim

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// noon is where the tests' clock stands until it is set.
var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, japan)

// A world is a LINE, served, and a bot that only listens.
type world struct {
	*Sim
	t   *testing.T
	url string
	bot *listener
}

// A listener keeps the webhook bodies it gets and answers with the statuses it is given, then with 200.
type listener struct {
	mu       sync.Mutex
	bodies   [][]byte
	headers  []http.Header
	statuses []int
}

func (l *listener) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.bodies, l.headers = append(l.bodies, body), append(l.headers, r.Header)
	if len(l.statuses) > 0 {
		w.WriteHeader(l.statuses[0])
		l.statuses = l.statuses[1:]
	}
}

// heard returns all events, in the order they came.
func (l *listener) heard() []map[string]any {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []map[string]any
	for _, body := range l.bodies {
		var b struct{ Events []map[string]any }
		json.Unmarshal(body, &b)
		all = append(all, b.Events...)
	}
	return all
}

func newWorld(t *testing.T, cfg Config) *world {
	t.Helper()
	bot := &listener{}
	hook := httptest.NewServer(bot)
	t.Cleanup(hook.Close)
	if cfg.Clock == nil {
		cfg.Clock = func() time.Time { return noon }
	}
	cfg.Webhook = hook.URL
	s := New(cfg)
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	t.Cleanup(s.Close)
	return &world{s, t, server.URL, bot}
}

// await waits until the bot heard n events and returns them.
func (w *world) await(n int) []map[string]any {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 10*time.Second)
	defer cancel()
	if err := w.Await(ctx, func() bool { return len(w.bot.heard()) >= n }); err != nil {
		w.t.Fatalf("heard %d events, want %d: %v", len(w.bot.heard()), n, err)
	}
	return w.bot.heard()
}

// friend adds a person and returns them with the reply token of their follow.
func (w *world) friend(name string) (*Person, string) {
	w.t.Helper()
	n := len(w.bot.heard())
	p := w.AddPerson(name)
	return p, w.await(n + 1)[n]["replyToken"].(string)
}

func (w *world) forward(d time.Duration) { w.SetNow(w.Now().Add(d)) }

// A result is what came back from a call.
type result struct {
	status int
	header http.Header
	text   string
}

func (r result) json(t *testing.T) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal([]byte(r.text), &v); err != nil {
		t.Fatalf("answer %q: %v", r.text, err)
	}
	return v
}

// call makes an API call with the account's token. Headers come in pairs.
func (w *world) call(method, path, body string, headers ...string) result {
	w.t.Helper()
	headers = append([]string{"Authorization", "Bearer " + w.Config().AccessToken, "Content-Type", "application/json"}, headers...)
	return w.ask(method, path, body, headers...)
}

func (w *world) ask(method, path, body string, headers ...string) result {
	w.t.Helper()
	r, err := http.NewRequest(method, w.url+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer res.Body.Close()
	var text bytes.Buffer
	if _, err := text.ReadFrom(res.Body); err != nil {
		w.t.Fatal(err)
	}
	return result{res.StatusCode, res.Header, text.String()}
}

func (w *world) want(r result, status int, part string) {
	w.t.Helper()
	if r.status != status || !strings.Contains(r.text, part) {
		w.t.Errorf("got %d %s; want %d with %q", r.status, r.text, status, part)
	}
}

func replyBody(token string, texts ...string) string {
	var messages []any
	for _, text := range texts {
		messages = append(messages, map[string]string{"type": "text", "text": text})
	}
	return string(compact(map[string]any{"replyToken": token, "messages": messages}))
}

func pushBody(to, text string) string {
	return string(compact(map[string]any{"to": to, "messages": []any{map[string]string{"type": "text", "text": text}}}))
}
