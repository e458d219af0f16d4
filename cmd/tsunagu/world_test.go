package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"tsunagu/bot"
	"tsunagu/bot/linesim"
	"tsunagu/bot/linetest"
	"tsunagu/flows"
)

// A world is the whole product on a database, with a simulated LINE around it and a clock that stands still until it
// is moved.
type world struct {
	*app
	t     *testing.T
	sim   *linesim.Sim
	url   string // of the product's public listener
	lanes *watchedLanes
	down  *carrierSwitch
	logs  *syncBuffer
	env   map[string]string // its settings

	mu  sync.Mutex
	now time.Time
}

var worldStart = time.Date(2026, 11, 22, 16, 5, 0, 0, flows.JST)

// newWorld starts the product on a database. Whatever it sends to LINE is held against LINE's specification.
func newWorld(t *testing.T, databaseURL string) *world {
	t.Helper()
	w := &world{t: t, now: worldStart, logs: new(syncBuffer)}
	checked := linetest.New(t)
	w.sim = linesim.New(linesim.Config{Clock: w.clock, NoRateLimits: true})
	t.Cleanup(w.sim.Close)
	line := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		if r.URL.Path != "/dialog/bot/accountLink" {
			if err := checked.Check(r.Method, r.URL.RequestURI(), r.Header, body); err != nil {
				t.Errorf("%s %s is not what LINE's specification says: %v", r.Method, r.URL.Path, err)
			}
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		w.sim.ServeHTTP(rw, r)
	}))
	t.Cleanup(line.Close)

	public := freeListener(t)
	w.url = "http://" + public.Addr().String()
	w.sim.SetWebhook(w.url + "/webhook")
	w.env = settingsFor(w.sim, line.URL, w.url, databaseURL)
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(w.logs.String())
		}
	})
	log := slog.New(slog.NewTextHandler(w.logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	w.app = appWith(t, w.env, log, w.clock, seams{
		lanes: func(next bot.Lanes) bot.Lanes {
			w.lanes = &watchedLanes{Lanes: next, waiting: map[string]int{}, busy: map[string]bool{}, retries: map[string]int{}, changed: make(chan struct{})}
			return w.lanes
		},
		carrier: func(next bot.Carrier) bot.Carrier {
			w.down = &carrierSwitch{Carrier: next}
			return w.down
		},
	})
	start(t, w.app, public)
	return w
}

// freeListener is a listener on a free port of this machine.
func freeListener(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// appWith builds the product with settings.
func appWith(t testing.TB, env map[string]string, log *slog.Logger, now func() time.Time, between seams) *app {
	t.Helper()
	cfg, err := loadConfig(func(name string) (string, bool) { v, ok := env[name]; return v, ok }, "", needServe)
	if err != nil {
		t.Fatal(err)
	}
	a, err := newApp(context.Background(), cfg, log, now, true, between)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// start runs the product until the test ends.
func start(t testing.TB, a *app, public net.Listener) {
	ops := freeListener(t)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- a.run(ctx, public, ops) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// settingsFor are the settings that point a serve at a simulated LINE.
func settingsFor(sim *linesim.Sim, line, public, database string) map[string]string {
	return map[string]string{
		"LISTEN": strings.TrimPrefix(public, "http://"), "OPS_LISTEN": "127.0.0.1:0",
		"PUBLIC_URL": public, "DATABASE_URL": database,
		"SECRET_KEY":          base64.StdEncoding.EncodeToString([]byte("a test's key of thirty-two bytes")),
		"LINE_CHANNEL_SECRET": sim.Config().ChannelSecret, "LINE_CHANNEL_ACCESS_TOKEN": sim.Config().AccessToken,
		"LINE_API_URL": line, "LINE_API_DATA_URL": line, "LINE_ACCESS_URL": line, "LINE_WEB_URL": line,
	}
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) setClock(t time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = t
}

// carrier loads a carrier file.
func (w *world) carrier(yaml string) {
	w.t.Helper()
	if _, err := importCarrier(w.t.Context(), w.store, w.ledger, strings.NewReader(yaml)); err != nil {
		w.t.Fatal(err)
	}
}

// ask does something as a person, waits until the product is done with it and returns what the person saw of it.
func (w *world) ask(p *linesim.Person, do func()) []linesim.Entry {
	w.t.Helper()
	before := int64(0)
	if chat := p.Chat(); len(chat) > 0 {
		before = chat[len(chat)-1].Seq
	}
	w.lanes.expect(p.ID)
	do()
	w.lanes.quiet(w.t, p.ID)
	var shown []linesim.Entry
	for _, e := range p.Chat() {
		if e.Seq > before && e.From == "bot" {
			shown = append(shown, e)
		}
	}
	return shown
}

func (w *world) say(p *linesim.Person, text string) string {
	w.t.Helper()
	var words []string
	for _, e := range w.ask(p, func() { p.Say(text) }) {
		words = append(words, shownOf(w.t, e).Text)
	}
	return strings.Join(words, "\n")
}

// person adds a friend, and lets the greeting pass.
func (w *world) person(name string) (p *linesim.Person) {
	w.t.Helper()
	p = w.sim.AddStranger(name)
	w.ask(p, p.Follow)
	return p
}

// watchedLanes knows when a lane has nothing left to do. An arrival is expected before it is caused.
type watchedLanes struct {
	bot.Lanes
	mu      sync.Mutex
	waiting map[string]int  // expected arrivals that were not turned yet
	busy    map[string]bool // claimed
	retries map[string]int  // times the lane was given back to try again
	changed chan struct{}

	tokens   error           // what keeping a link token fails with
	together *sync.WaitGroup // see holdTurns
}

func (l *watchedLanes) change(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f()
	close(l.changed)
	l.changed = make(chan struct{})
}

// next is closed at the next change.
func (l *watchedLanes) next() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.changed
}

// expect says that the next arrival of the lane is being caused.
func (l *watchedLanes) expect(lane string) { l.change(func() { l.waiting[lane]++ }) }

func (l *watchedLanes) Save(ctx context.Context, s flows.Save) error {
	l.mu.Lock()
	together := l.together
	l.mu.Unlock()
	if together != nil && s.Turn != nil && len(s.Turn.After.Links) > len(s.Turn.Before.Links) {
		together.Done()
		together.Wait()
		l.change(func() { l.together = nil })
	}
	err := l.Lanes.Save(ctx, s)
	if err == nil {
		l.change(func() {
			if s.Turn != nil && l.waiting[s.Lane] > 0 { // letters are turned without being expected
				l.waiting[s.Lane]--
			}
			l.busy[s.Lane] = !s.Release
			if !s.RetryAt.IsZero() {
				l.retries[s.Lane]++
			}
		})
	}
	return err
}

// quiet waits until what was expected of a lane has been turned, performed and given back.
func (l *watchedLanes) quiet(t *testing.T, lane string) {
	t.Helper()
	l.await(t, "lane "+lane+" is done", func() bool { return l.waiting[lane] == 0 && !l.busy[lane] })
}

// A carrierSwitch is a carrier that can be down, or do what it is told and lose the answer.
type carrierSwitch struct {
	bot.Carrier
	mu    sync.Mutex
	state string // up, down, loses
}

func (c *carrierSwitch) set(state string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.state = state
}

func (c *carrierSwitch) is(state string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state == state
}

func (c *carrierSwitch) err() error {
	if c.is("down") {
		return fmt.Errorf("the carrier is down")
	}
	return nil
}

// command does what is to be done, unless the carrier is down, and loses the answer where that is what it does.
func (c *carrierSwitch) command(do func() (flows.DataGift, error)) (flows.DataGift, error) {
	if err := c.err(); err != nil {
		return flows.DataGift{}, err
	}
	g, err := do()
	if c.is("loses") {
		return flows.DataGift{}, fmt.Errorf("the carrier's answer got lost")
	}
	return g, err
}

func (c *carrierSwitch) Gifts(ctx context.Context, line string) (flows.Gifts, error) {
	if err := c.err(); err != nil {
		return flows.Gifts{}, err
	}
	return c.Carrier.Gifts(ctx, line)
}

func (c *carrierSwitch) Gift(ctx context.Context, id string) (flows.DataGift, error) {
	if err := c.err(); err != nil {
		return flows.DataGift{}, err
	}
	return c.Carrier.Gift(ctx, id)
}

func (c *carrierSwitch) CreateGift(ctx context.Context, id, line string, mb int, giver string) (flows.DataGift, error) {
	return c.command(func() (flows.DataGift, error) { return c.Carrier.CreateGift(ctx, id, line, mb, giver) })
}

func (c *carrierSwitch) ClaimGift(ctx context.Context, command, id, line, taker string) (flows.DataGift, error) {
	return c.command(func() (flows.DataGift, error) { return c.Carrier.ClaimGift(ctx, command, id, line, taker) })
}

func (c *carrierSwitch) CancelGift(ctx context.Context, command, id, giver string) (flows.DataGift, error) {
	return c.command(func() (flows.DataGift, error) { return c.Carrier.CancelGift(ctx, command, id, giver) })
}

func (c *carrierSwitch) VerifyCode(ctx context.Context, code string) (flows.Line, error) {
	if err := c.err(); err != nil {
		return flows.Line{}, err
	}
	return c.Carrier.VerifyCode(ctx, code)
}

func (c *carrierSwitch) Balance(ctx context.Context, line string) (flows.Balance, error) {
	if err := c.err(); err != nil {
		return flows.Balance{}, err
	}
	return c.Carrier.Balance(ctx, line)
}

// A syncBuffer is a log that goroutines write to. It closes seen when what is awaited was written.
type syncBuffer struct {
	mu      sync.Mutex
	b       bytes.Buffer
	awaited string
	seen    chan struct{}
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, err := s.b.Write(p)
	if s.awaited != "" && strings.Contains(s.b.String(), s.awaited) {
		s.awaited = ""
		close(s.seen)
	}
	return n, err
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}
