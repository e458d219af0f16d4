package main

import (
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"tsunagu/bot"
	"tsunagu/bot/answer"
	"tsunagu/bot/console"
	"tsunagu/bot/pages"
	"tsunagu/flows"
	"tsunagu/richmenu"
	"tsunagu/store"
	"tsunagu/store/ledger"
)

// stopTime is how long work in hand may take after the signal to stop.
const stopTime = 25 * time.Second

// An app is the product, built and not yet running.
type app struct {
	cfg    *config
	log    *slog.Logger
	now    func() time.Time
	store  *store.Store
	ledger *ledger.Ledger
	bot    *bot.Bot
	desk   *console.Console
	public *echo.Echo
	ops    *http.ServeMux
	faq    faqWatch

	registry   *prometheus.Registry
	swept      *prometheus.CounterVec
	repaired   *prometheus.CounterVec
	stopTraces func()
}

// What the bot is built on: a test puts its own between.
type seams struct {
	lanes   func(bot.Lanes) bot.Lanes
	carrier func(bot.Carrier) bot.Carrier
}

// newApp opens the database and builds the parts. migrate brings the schema up to date first.
func newApp(ctx context.Context, cfg *config, log *slog.Logger, now func() time.Time, migrate bool, between seams) (*app, error) {
	if cfg.Carrier != "ledger" {
		return nil, settingsError{"CARRIER: only the built-in carrier (ledger) is in this version"}
	}
	token, err := channelToken(cfg, now)
	if err != nil {
		return nil, err
	}
	a := &app{cfg: cfg, log: log, now: now}
	tracer, stopTraces, err := startTraces(ctx, cfg, log)
	if err != nil {
		return nil, err
	}
	a.stopTraces = stopTraces
	if a.store, err = openStore(ctx, cfg, log, now); err != nil {
		return nil, err
	}
	if migrate {
		if err := a.store.Migrate(ctx); err != nil {
			return nil, errors.Join(err, a.store.Close())
		}
	}
	a.ledger = newLedger(a.store, cfg, now)

	corpus, err := faqCorpus(cfg)
	if err != nil {
		return nil, errors.Join(settingsError{"FAQ_FILE: " + err.Error()}, a.store.Close())
	}
	a.faq.responder = answer.New(corpus)
	if info, err := os.Stat(cfg.FAQFile); err == nil {
		a.faq.changed = info.ModTime()
	}

	a.measure()
	var lanes bot.Lanes = a.store
	if between.lanes != nil {
		lanes = between.lanes(lanes)
	}
	var carrier bot.Carrier = a.ledger
	if between.carrier != nil {
		carrier = between.carrier(carrier)
	}
	a.bot, err = bot.New(bot.Config{
		Lanes: lanes, Carrier: carrier, Answers: a.faq.responder, Settings: cfg.Flows, Log: log, Metrics: bot.NewMetrics(a.registry), Now: now,
		ChannelSecrets: plainly(cfg.LineSecrets), Token: token, APIURL: cfg.LineAPI, DataURL: cfg.LineAPIData, PublicURL: cfg.PublicURL, WebURL: cfg.LineWeb,
		MenuAlias: richmenu.For, MenuTabs: richmenu.Tabs, Tracer: tracer, InFlight: cfg.InFlight, LimitShare: cfg.RateShare,
	})
	if err != nil {
		return nil, errors.Join(err, a.store.Close())
	}
	a.public = a.routes()
	a.ops = opsRoutes(a.registry)
	return a, nil
}

// measure registers what is measured outside of the bot: the process, the database's connections, what is swept, and
// what waits: how many lanes are due, and for how long the first has been.
func (a *app) measure() {
	a.registry = prometheus.NewRegistry()
	a.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if conns, err := a.store.DB().DB(); err == nil {
		a.registry.MustRegister(collectors.NewDBStatsCollector(conns, "tsunagu"))
	}
	f := promauto.With(a.registry)
	a.swept = f.NewCounterVec(prometheus.CounterOpts{
		Name: "tsunagu_swept_rows_total", Help: "Rows deleted because they were kept for long enough.",
	}, []string{"table"})
	a.repaired = f.NewCounterVec(prometheus.CounterOpts{
		Name: "tsunagu_menus_repaired_total", Help: "People linked anew to their rich menu: stale, as we knew; wrong, as LINE told when asked.",
	}, []string{"why"})
	v, c := build()
	f.NewGaugeVec(prometheus.GaugeOpts{
		Name: "tsunagu_build_info", Help: "1; the labels tell which program this is.",
	}, []string{"version", "commit"}).WithLabelValues(v, c).Set(1)
	measure := func(name, help string, value func(due int, oldest time.Time) float64) {
		a.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "tsunagu_" + name, Help: help}, func() float64 {
			ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
			defer cancel()
			due, oldest, err := a.store.Counts(ctx)
			if err != nil {
				return -1 // the database does not answer: no number is right
			}
			return value(due, oldest)
		}))
	}
	measure("lanes_due", "Lanes that wait for a worker, at most 10,000; -1 while the database does not answer.",
		func(due int, _ time.Time) float64 { return float64(due) })
	measure("oldest_due_lane_seconds", "For how long the first lane has been waiting; -1 while the database does not answer.",
		func(_ int, oldest time.Time) float64 {
			if oldest.IsZero() {
				return 0
			}
			return max(0, a.now().Sub(oldest).Seconds())
		})
}

// channelToken is the way to a channel access token that the settings give.
func channelToken(cfg *config, now func() time.Time) (*bot.Token, error) {
	client := &http.Client{Timeout: 10 * time.Second}
	switch {
	case cfg.LineToken != "":
		return bot.LongLived(string(cfg.LineToken)), nil
	case cfg.LineAssertionKey == "":
		return bot.Stateless(cfg.LineAPI, cfg.LineChannelID, plainly(cfg.LineSecrets), client, now)
	}
	token, err := bot.Assertion(cfg.LineAPI, cfg.LineChannelID, []byte(cfg.LineAssertionKey), client, now)
	if err != nil {
		return nil, settingsError{"LINE_ASSERTION_KEY_FILE: " + err.Error()}
	}
	return token, nil
}

// plainly takes the cover off secrets.
func plainly(secrets []secret) []string {
	out := make([]string, len(secrets))
	for i, s := range secrets {
		out[i] = string(s)
	}
	return out
}

// openStore opens the database with the keys derived from SECRET_KEY.
func openStore(ctx context.Context, cfg *config, log *slog.Logger, now func() time.Time) (*store.Store, error) {
	v, c := build()
	return store.Open(ctx, store.Config{
		URL: string(cfg.Database), Keys: cfg.keys("seal"), Now: now, Pool: cfg.Connections, Build: v + " " + c, Log: log,
		DeskOpen: func(now time.Time, e flows.DeskException) bool { return cfg.Flows.HelpHours(now, e).Open },
	})
}

func newLedger(s *store.Store, cfg *config, now func() time.Time) *ledger.Ledger {
	return ledger.New(ledger.Config{DB: s.DB(), CodeKeys: cfg.keys("usage code"), GiftKeys: cfg.keys("gift"), Now: now, Settings: cfg.Flows})
}

// keys derives the keys for one purpose: the current one, and the one of SECRET_KEY_OLD.
func (c *config) keys(purpose string) (keys [][]byte) {
	for _, k := range []secret{c.SecretKey, c.SecretKeyOld} {
		if k == "" {
			continue
		}
		key, err := hkdf.Key(sha256.New, []byte(k), nil, "tsunagu "+purpose, 32)
		if err != nil {
			panic(err) // only for lengths that SHA-256 cannot give
		}
		keys = append(keys, key)
	}
	return keys
}

// routes is the public listener.
func (a *app) routes() *echo.Echo {
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	options := []echo.TrustOption{echo.TrustLoopback(false), echo.TrustLinkLocal(false), echo.TrustPrivateNet(false)}
	for _, p := range a.cfg.TrustedProxies {
		_, network, err := net.ParseCIDR(p.String())
		if err == nil {
			options = append(options, echo.TrustIPRange(network))
		}
	}
	e.IPExtractor = echo.ExtractIPFromXFFHeader(options...)
	e.GET("/favicon.ico", func(c echo.Context) error { return c.NoContent(http.StatusNoContent) }) // browsers ask by themselves
	e.GET("/healthz", func(c echo.Context) error { return c.String(http.StatusOK, "ok\n") })
	e.GET("/readyz", a.ready)
	a.bot.Register(e)
	pages.Register(e, pages.Config{
		Carrier: a.ledger, Links: a.store, Settings: a.cfg.Flows,
		AccessURL: a.cfg.LineAccess, Now: a.now, Log: a.log,
	})
	desk := console.Config{
		Desk: a.store, LINE: a.bot, Carrier: a.ledger, Settings: a.cfg.Flows, PublicURL: a.cfg.PublicURL,
		Key: a.cfg.keys("desk")[0], Now: a.now, Log: a.log,
	}
	if a.cfg.OIDCIssuer != "" {
		desk.OIDC = &console.OIDC{Issuer: a.cfg.OIDCIssuer, ClientID: a.cfg.OIDCClientID, ClientSecret: string(a.cfg.OIDCClientSecret)}
	}
	a.desk = console.Register(e, desk)
	return e
}

func (a *app) ready(c echo.Context) error {
	ctx, cancel := context.WithTimeout(c.Request().Context(), 2*time.Second)
	defer cancel()
	if err := a.store.Ping(ctx); err != nil {
		a.log.Warn("not ready", "err", err)
		return c.String(http.StatusServiceUnavailable, "not ready: "+notReady(err)+"\n")
	}
	return c.String(http.StatusOK, "ready\n")
}

// notReady says why in words that may be seen from outside.
func notReady(err error) string {
	switch {
	case errors.Is(err, store.ErrSchemaNewer):
		return "the database's schema is newer than this program"
	case errors.Is(err, store.ErrSchemaOlder):
		return "the database's schema is older than this program: run tsunagu migrate up"
	default:
		return "the database cannot be reached"
	}
}

// opsRoutes is the listener for operations.
func opsRoutes(registry *prometheus.Registry) *http.ServeMux {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return mux
}

// run serves until ctx ends or a listener fails, then finishes what is in hand and closes the database.
func (a *app) run(ctx context.Context, public, ops net.Listener) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	grace, graceOver := context.WithCancel(context.WithoutCancel(ctx))
	defer graceOver()

	servers := []*http.Server{
		{Handler: a.public, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute},
		{Handler: a.ops, ReadHeaderTimeout: 5 * time.Second},
	}
	for i, l := range []net.Listener{public, ops} {
		go func() {
			if err := servers[i].Serve(l); !errors.Is(err, http.ErrServerClosed) {
				cancel(fmt.Errorf("listener %s: %w", l.Addr(), err))
			}
		}()
	}
	worked := make(chan struct{})
	go func() { a.bot.Run(ctx, grace); close(worked) }()
	go a.store.Listen(ctx)
	go a.sweep(ctx)
	go a.keepBooks(ctx)

	<-ctx.Done()
	a.log.Info("stopping", "why", context.Cause(ctx))
	stop, stopped := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
	defer stopped()
	context.AfterFunc(stop, graceOver)
	a.desk.Close() // its streams would hold the listener open
	for _, s := range servers {
		if err := s.Shutdown(stop); err != nil {
			_ = s.Close() // whoever still holds a connection has had the time to finish
		}
	}
	<-worked
	err := a.store.Close()
	a.stopTraces()
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
		err = errors.Join(cause, err)
	}
	return err
}

const (
	// lookAtClock is how often the calendar is looked at, so that a clock that is set takes effect.
	lookAtClock = 5 * time.Second
	// quietHour is when fewest people write (line-platform §1: the busiest hours end at midnight).
	quietHour = 3
)

// sweep looks at the FAQ file and does what is due by the calendar: every hour it ends the links of lines and contracts
// that ended in an earlier month (LNK-46), and once a day it deletes what was kept for long enough and repairs menus.
func (a *app) sweep(ctx context.Context) {
	tick := time.NewTicker(lookAtClock)
	defer tick.Stop()
	var hour time.Time
	var day string
	for {
		now := a.now().In(flows.JST)
		a.lookAtFAQ()
		if h := now.Truncate(time.Hour); !h.Equal(hour) {
			if err := a.endLinks(ctx); err != nil {
				a.log.Error("links of ended lines were not ended, next try within the hour", "err", err)
			}
			hour = h
		}
		if today := now.Format(time.DateOnly); today != day && now.Hour() >= quietHour {
			a.forget(ctx)
			a.repairMenus(ctx)
			day = today
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// keepBooks expires gifts and turns the month in the built-in carrier, within seconds of their time. Many lines take long,
// and nothing else waits for them.
func (a *app) keepBooks(ctx context.Context) {
	tick := time.NewTicker(lookAtClock)
	defer tick.Stop()
	for {
		gifts, err := a.ledger.ExpireGifts(ctx)
		lines, turnErr := a.ledger.TurnMonth(ctx)
		switch err := errors.Join(err, turnErr); {
		case err != nil && ctx.Err() == nil:
			a.log.Error("the carrier's books are behind, next try in seconds", "err", err)
		case gifts+lines > 0:
			a.log.Info("books kept", "gifts_expired", gifts, "lines_turned", lines)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// forget deletes what was kept for long enough.
func (a *app) forget(ctx context.Context) {
	swept, err := a.store.Sweep(ctx, a.cfg.KeepEvents)
	chats, chatsErr := a.store.SweepChats(ctx, a.now().Add(-a.cfg.KeepChats))
	err = errors.Join(err, chatsErr)
	maps.Copy(swept, chats)
	for table, n := range swept {
		a.swept.WithLabelValues(table).Add(float64(n))
	}
	switch {
	case err != nil && ctx.Err() == nil:
		a.log.Error("not all that was kept for long enough is deleted, next try tomorrow", "err", err)
	case len(swept) > 0:
		a.log.Info("swept", "rows", swept)
	}
}

// repairMenus links people anew whose rich menu is not what their link state asks for.
func (a *app) repairMenus(ctx context.Context) {
	done, err := a.bot.RepairMenus(ctx)
	a.repaired.WithLabelValues("stale").Add(float64(done.Stale))
	a.repaired.WithLabelValues("wrong").Add(float64(done.Wrong))
	switch {
	case err != nil && ctx.Err() == nil:
		a.log.Error("not all rich menus were looked at, next try tomorrow", "err", err, "people", done.People, "stale", done.Stale)
	case done.Wrong > done.Asked/10:
		a.log.Error("LINE shows many people another rich menu than they were linked to: run tsunagu richmenu apply", "asked", done.Asked, "wrong", done.Wrong)
	case done.Stale+done.Wrong > 0:
		a.log.Info("rich menus repaired", "people", done.People, "stale", done.Stale, "asked", done.Asked, "wrong", done.Wrong)
	}
}

func (a *app) endLinks(ctx context.Context) error {
	now := a.now()
	lines, err := a.ledger.EndedLines(ctx, now)
	if err != nil {
		return err
	}
	contracts, err := a.ledger.EndedContracts(ctx, now)
	if err != nil {
		return err
	}
	return errors.Join(
		a.store.LettersFor(ctx, nil, flows.UserLink, lines, "contract_ended"),
		a.store.LettersFor(ctx, nil, flows.HolderLink, contracts, "contract_ended"),
	)
}
