package linesim

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// A Config says which account is simulated and where the parts find each other. Its zero value works.
type Config struct {
	ChannelID     string // default "1234567890"
	ChannelSecret string // key of the webhook's signature; default 32 random hex digits
	AccessToken   string // long-lived channel access token; default random. Issued ones (token.go) are taken beside it
	BotUserID     string // "U" and 32 hex digits, the webhook's destination; default random
	Name          string // shown on the phone; default "つなぐモバイル"
	BasicID       string // with its "@"; default "@tsunagu"

	// Clock is the base clock, default time.Now. Sim.Now adds to it what SetNow asked for.
	Clock func() time.Time
	// Webhook is the address of the bot's webhook. While it is empty nothing is delivered and events are lost.
	Webhook string
	// WebURL is the address under which people's browsers reach this handler. Empty: what the request says.
	WebURL string
	Log    *slog.Logger // default: discards
	// HTTP delivers webhooks; default: gives up after LINE's 2 seconds, follows no redirect.
	HTTP *http.Client

	NoRedelivery bool // a webhook that was not answered with 2xx is given up at once; faults still deliver again
	NoRateLimits bool // for load: calls are never refused with 429
	Quota        int  // pushes a month; 0: no limit
	ChatLimit    int  // entries kept per person; default 1,000
}

const requestsKept = 10_000

// A Sim is one simulated LINE with one official account. It is an http.Handler, safe for concurrent use.
type Sim struct {
	cfg     Config
	browser http.Handler
	feed    feed

	sealing  *key // of the tokens that carry what they stand for
	signing  *key // of webhook bodies
	observer Observer
	troubles atomic.Pointer[troubles] // nil: none, which costs a call nothing
	verdicts verdicts

	sending chan struct{} // a place in it is held by each webhook under way
	ended   context.Context
	end     context.CancelFunc
	after   func(time.Duration) <-chan time.Time // waits between redeliveries, and of faults

	mu          sync.Mutex
	offset      time.Duration
	webhook     string
	changed     chan struct{} // closed at the next change; nil while nobody awaits one
	onClock     []func(time.Time)
	onMessage   []func(*Person, Entry)
	people      map[string]*Person
	order       []*Person // as added
	nobody      lane      // events without a source
	gathering   *batch    // waits for more events
	replyTokens expiring[*replyToken]
	linkTokens  expiring[*linkToken]
	retries     expiring[accepted]
	issued      expiring[issuedToken]
	contents    expiring[*content]
	menus       menus
	requests    ring[Request]
	buckets     map[string]*bucket
	messages    int64 // message ids given out
	used        usage
}

// New returns a LINE where nobody has the account as a friend yet.
func New(cfg Config) *Sim {
	cfg.ChannelID = cmp.Or(cfg.ChannelID, "1234567890")
	cfg.ChannelSecret = cmp.Or(cfg.ChannelSecret, randomHex(16))
	cfg.AccessToken = cmp.Or(cfg.AccessToken, randomHex(64))
	cfg.BotUserID = cmp.Or(cfg.BotUserID, "U"+randomHex(16))
	cfg.Name = cmp.Or(cfg.Name, "つなぐモバイル")
	cfg.BasicID = cmp.Or(cfg.BasicID, "@tsunagu")
	cfg.ChatLimit = cmp.Or(cfg.ChatLimit, 1000)
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.HTTP == nil {
		cfg.HTTP = &http.Client{
			Timeout:       webhookTimeout,
			Transport:     &http.Transport{MaxIdleConns: 2 * webhooksAtOnce, MaxIdleConnsPerHost: webhooksAtOnce},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}
	}
	s := &Sim{
		cfg:         cfg,
		sealing:     newKey(cfg.AccessToken),
		signing:     newKey(cfg.ChannelSecret),
		webhook:     cfg.Webhook,
		feed:        feed{kept: ring[news]{size: newsKept}},
		sending:     make(chan struct{}, webhooksAtOnce),
		after:       time.After,
		people:      map[string]*Person{},
		replyTokens: expiring[*replyToken]{life: replyTokenCap, most: 1 << 19},
		linkTokens:  expiring[*linkToken]{life: linkTokenLife, most: 1 << 16},
		retries:     expiring[accepted]{life: retryKeyLife, most: 1 << 18},
		issued:      expiring[issuedToken]{life: longestTokenLife, most: 1 << 12},
		contents:    expiring[*content]{life: contentLife, most: 200},
		menus:       menus{byID: map[string]*menu{}, aliases: map[string]string{}},
		requests:    ring[Request]{size: requestsKept},
		buckets:     map[string]*bucket{},
	}
	s.ended, s.end = context.WithCancel(context.Background())
	s.browser = s.pages()
	return s
}

// Close ends what runs in the background: waiting redeliveries and the phones' event streams. The handler itself
// keeps answering.
func (s *Sim) Close() { s.end() }

// Config returns the configuration with its defaults filled in.
func (s *Sim) Config() Config { return s.cfg }

// Now is the time on this LINE: the base clock, moved by SetNow.
func (s *Sim) Now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now()
}

// now is Now for callers that hold mu.
func (s *Sim) now() time.Time { return s.cfg.Clock().Add(s.offset) }

// SetNow moves the clock to t; it runs on from there as the base clock runs. Tokens and limits go by it.
func (s *Sim) SetNow(t time.Time) {
	s.moveClock(func(base time.Time) time.Duration { return t.Sub(base) })
}

// moveClock sets the clock's offset to what move makes of the base clock's time, tells everybody and returns the new time.
func (s *Sim) moveClock(move func(base time.Time) time.Duration) time.Time {
	s.mu.Lock()
	s.offset = move(s.cfg.Clock())
	now := s.now()
	told := slices.Clone(s.onClock)
	s.feed.publish("clock", clockView{Now: now})
	s.touched()
	s.mu.Unlock()
	for _, f := range told {
		f(now)
	}
	return now
}

// OnClock has f called with the new time after each SetNow, so that a program can go by the same clock.
func (s *Sim) OnClock(f func(time.Time)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.onClock = append(s.onClock, f)
}

// OnMessage has f called for every message of the bot after it reached a person's chat and before the bot has its
// answer. One person's messages that the bot sends one after another arrive here in that order.
func (s *Sim) OnMessage(f func(*Person, Entry)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.onMessage = append(s.onMessage, f)
}

// SetWebhook sets the address of the bot's webhook. Events that still wait go there too.
func (s *Sim) SetWebhook(url string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.webhook = url
	s.touched()
}

// Await returns nil as soon as cond is true, or ctx's error. It asks again after every change of this LINE's state
// (a call received, an entry in a chat, a webhook answered), holding no lock.
func (s *Sim) Await(ctx context.Context, cond func() bool) error {
	for {
		s.mu.Lock()
		if s.changed == nil {
			s.changed = make(chan struct{})
		}
		changed := s.changed
		s.mu.Unlock()
		if cond() {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// debug logs what passes between this LINE and the bot, and costs nothing where nobody reads it.
func (s *Sim) debug(ctx context.Context, message string, attrs ...slog.Attr) {
	if s.cfg.Log.Enabled(ctx, slog.LevelDebug) {
		s.cfg.Log.LogAttrs(ctx, slog.LevelDebug, message, slices.Clone(attrs)...) // the caller's stay on its stack
	}
}

// touched wakes those who await a change. The caller holds mu.
func (s *Sim) touched() {
	if s.changed != nil {
		close(s.changed)
		s.changed = nil
	}
}

// Requests returns the API calls received, oldest first; the last 10,000 are kept.
func (s *Sim) Requests() []Request {
	s.mu.Lock()
	all := s.requests.all()
	s.mu.Unlock()
	for i := range all {
		all[i].Header = all[i].Header.Clone()
		delete(all[i].Header, "Authorization")
	}
	return all
}

// Person returns the person with this user id, or nil.
func (s *Sim) Person(id string) *Person {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.people[id]
}

// People returns everybody in the order they were added.
func (s *Sim) People() []*Person {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.order)
}
