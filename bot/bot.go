package bot

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"go.opentelemetry.io/otel/trace"

	"tsunagu/flows"
)

// Lanes is where arrivals wait and turns are kept. *store.Store is one.
type Lanes interface {
	// Accept stores arrivals durably before it returns; those with a known ID are dropped.
	Accept(ctx context.Context, arrivals []flows.Arrival) error
	// Wake is ready when something became due in this process.
	Wake() <-chan struct{}
	// Claim hands out up to lanes due lanes with up to arrivals waiting arrivals each.
	Claim(ctx context.Context, lanes, arrivals int) ([]flows.Claim, error)
	// Save stores one step of a claimed lane: flows.ErrFenced, flows.ErrLinkTaken.
	Save(ctx context.Context, step flows.Save) error
	// Linked tells which LINE account a contract or line is linked to.
	Linked(ctx context.Context, kind flows.LinkKind, ref string) (lane string, ok bool, err error)
	// WrongCodes counts the wrong codes of all people since then, up to limit (LNK-25).
	WrongCodes(ctx context.Context, since time.Time, limit int) (int, error)
	// KeepLinkToken remembers for whom a link token was issued.
	KeepLinkToken(ctx context.Context, token, lane string, expires time.Time) error
	// People lists people with their menus, in the order of their lanes: at most limit of those after a lane.
	People(ctx context.Context, after string, limit int) ([]flows.MenuOf, error)
	// KeepMenus notes that lanes were linked to the menu of an alias.
	KeepMenus(ctx context.Context, alias string, lanes []string) error
	// ReadDesk tells how the operators' desk is, seen from a session, or from one that would begin now.
	ReadDesk(ctx context.Context, session string) (flows.DeskLoad, error)
	// Arrival is one arrival of a lane; ok is false when it is gone. Its body is empty when it was erased.
	Arrival(ctx context.Context, lane string, seq int64) (a flows.Arrival, ok bool, err error)
	// Recent is what happened last in a lane before a moment, with the calls that followed.
	Recent(ctx context.Context, lane string, before time.Time, limit int) ([]flows.Arrival, []flows.Deed, error)
	// RedeemNonce consumes a nonce for the arrival by; the same arrival may ask again.
	RedeemNonce(ctx context.Context, nonce, by string) (lane string, c flows.Contract, ok bool, err error)
}

// Carrier is what the bot asks the mobile carrier. Errors other than the named ones mean that it did not answer.
type Carrier interface {
	// VerifyCode finds the line of a usage code: flows.ErrWrongCode, *flows.NotYetError.
	VerifyCode(ctx context.Context, code string) (flows.Line, error)
	// Balance reads what is left on a line.
	Balance(ctx context.Context, lineID string) (flows.Balance, error)

	// Gifts tells what a line can give, and has given and received: flows.ErrNoLine.
	Gifts(ctx context.Context, lineID string) (flows.Gifts, error)
	// Gift and GiftByToken find a gift: *flows.RefusedError with flows.NoSuchGift.
	Gift(ctx context.Context, id string) (flows.DataGift, error)
	GiftByToken(ctx context.Context, token string) (flows.DataGift, error)
	// The commands fail with *flows.RefusedError when nothing was done. The same command again, known by the gift's id or
	// by command, has the same answer and changes nothing more.
	CreateGift(ctx context.Context, id, lineID string, mb int, giver string) (flows.DataGift, error)
	ClaimGift(ctx context.Context, command, id, lineID, taker string) (flows.DataGift, error)
	CancelGift(ctx context.Context, command, id, giver string) (flows.DataGift, error)
	ExpireGift(ctx context.Context, id string) (flows.DataGift, error)
}

// Answers finds what answers a sentence. *answer.Responder is one.
type Answers interface {
	Find(text string) flows.Found
	Topic(id string) (flows.Topic, bool)
}

// Config is what a Bot is made of. Zero values of the last group take the defaults in brackets.
type Config struct {
	Lanes    Lanes
	Carrier  Carrier
	Answers  Answers
	Settings flows.Settings
	Log      *slog.Logger
	Metrics  *Metrics
	Now      func() time.Time

	// ChannelSecrets are the channel secrets that are good now: two while rotating.
	ChannelSecrets []string
	// Token is put on every call to LINE: LongLived or Assertion.
	Token *Token
	// APIURL is https://api.line.me or a simulator.
	APIURL string
	// DataURL is https://api-data.line.me or a simulator: pictures and files that people sent.
	DataURL string
	// PublicURL is where people reach the pages, without a slash at the end.
	PublicURL string
	// WebURL is https://line.me or a simulator: links that open the LINE app.
	WebURL string

	// MenuAlias names the rich menu of a link state, as it was installed at LINE.
	MenuAlias func(holder, user bool) string
	// MenuTabs are the aliases of all menus that a person of a link state may have switched to by themselves.
	MenuTabs func(holder, user bool) []string

	// Tracer takes a span of each thing done for an event [none].
	Tracer trace.Tracer

	// InFlight is how many lanes are worked, and so how many calls to LINE are under way, at once [256].
	InFlight int
	// LimitShare is the part of LINE's rate limits that this process may use; 0 is for a simulator without limits.
	LimitShare float64
	// Poll is how often due lanes are looked for without being woken [500ms].
	Poll time.Duration
	// Tries is how often an arrival is taken up before it is parked [5].
	Tries int
	// Pause waits, or returns early with the context's error [a timer].
	Pause func(ctx context.Context, d time.Duration) error
	// Transport carries the calls to LINE [an own one with a connection per call in flight].
	Transport http.RoundTripper
}

// A Bot answers one LINE channel.
type Bot struct {
	Config
	line     *line
	balances balanceCache

	self struct { // who LINE says the bot is
		sync.Mutex
		id    string // user ID
		basic string // basic ID, "@…", by which links name the account
	}
}

// New makes a Bot. It does not call LINE.
func New(cfg Config) (*Bot, error) {
	if cfg.InFlight == 0 {
		cfg.InFlight = 256
	}
	if cfg.Poll == 0 {
		cfg.Poll = 500 * time.Millisecond
	}
	if cfg.Tries == 0 {
		cfg.Tries = 5
	}
	if cfg.Pause == nil {
		cfg.Pause = pause
	}
	l, err := newLine(cfg)
	if err != nil {
		return nil, err
	}
	return &Bot{Config: cfg, line: l}, nil
}

// isSelf reports whether a webhook's destination is this bot. While LINE has not told who we are, everything is.
func (b *Bot) isSelf(destination string) bool {
	b.self.Lock()
	defer b.self.Unlock()
	return b.self.id == "" || destination == b.self.id
}

// learnSelf asks LINE who the bot is, and goes on asking in the background while LINE does not answer.
func (b *Bot) learnSelf(ctx context.Context) {
	ask := func() bool {
		err := b.askSelf(ctx)
		if err != nil {
			b.Log.Warn("LINE did not tell the bot's user ID; events for any destination are answered", "err", err)
		}
		return err == nil
	}
	if ask() {
		return
	}
	go func() {
		for b.Pause(ctx, time.Minute) == nil && !ask() {
		}
	}()
}

func (b *Bot) askSelf(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	id, basic, err := b.line.botInfo(ctx)
	if err != nil {
		return err
	}
	b.self.Lock()
	defer b.self.Unlock()
	b.self.id, b.self.basic = id, basic
	return nil
}

// basicID is the account's own, "@…". It is asked for when LINE has not told yet.
func (b *Bot) basicID(ctx context.Context) (string, error) {
	known := func() string {
		b.self.Lock()
		defer b.self.Unlock()
		return b.self.basic
	}
	if basic := known(); basic != "" {
		return basic, nil
	}
	if err := b.askSelf(ctx); err != nil {
		return "", fmt.Errorf("LINE did not tell the account's ID: %w", err)
	}
	return known(), nil
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
