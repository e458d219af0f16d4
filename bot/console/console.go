// Package console is the operators' desk: where people who asked for a person are taken over from the bot.
//
// The shell of the desk and everything that is looked at rarely (sign-in, reports, accounts) is rendered on the server; the
// three panes are drawn by the ES modules in assets and kept live by server-sent events:
//
//	console.go  what the desk is built on; every route with the role it takes
//	signin.go   signing in and out, the second step, sessions; oidc.go by the company's identity provider
//	live.go     what changed, told to every browser
//	chat.go     one session: what was said, and what an operator does with it
//	files.go    pictures and files, both ways
//	manage.go   supervisors and admins: the desk as a whole, accounts, audit
//	report.go   figures as charts and as CSV
//	words.go    every sentence, in Japanese and English
//
// A session belongs to its person's lane (package flows). Whatever an operator does is stored as a letter to that lane, or
// refused here at once; what became of it comes back as a change, like everything else.
package console

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"html/template"
	"io/fs"
	"log/slog"
	"mime"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"tsunagu/flows"
)

// A Desk keeps sessions and accounts. *store.Store is one; its methods say what they fail with.
type Desk interface {
	DeskState(ctx context.Context) (flows.DeskState, error)
	DeskChanged() <-chan struct{}
	OpenSessions(ctx context.Context) ([]flows.DeskRow, error)
	ChangedSessions(ctx context.Context, after int64) ([]flows.DeskRow, error)
	ClosedSessions(ctx context.Context, before time.Time, id string, limit int) ([]flows.DeskRow, error)
	SessionsOf(ctx context.Context, lane string, limit int) ([]flows.DeskRow, error)
	Session(ctx context.Context, id string) (flows.DeskRow, error)
	Transcript(ctx context.Context, session string, after int64) ([]flows.DeskEntry, error)
	Notes(ctx context.Context, after int64) ([]flows.Entry, error)
	LinksOf(ctx context.Context, lane string) ([]flows.Link, error)
	Talking(ctx context.Context, since time.Time, limit int) (lanes []string, at []time.Time, err error)
	Search(ctx context.Context, text string, limit int) ([]flows.DeskHit, error)
	Report(ctx context.Context, from, to time.Time) (flows.DeskReport, error)

	Take(ctx context.Context, session, operator string) error
	TakeNext(ctx context.Context, operator string) (session string, err error)
	Transfer(ctx context.Context, session, from, to string) error
	Return(ctx context.Context, session, operator string) error
	Finish(ctx context.Context, session, operator string, tags []string) error
	SayAs(ctx context.Context, said flows.DeskSaid) error
	Note(ctx context.Context, e flows.Entry) error
	Checked(ctx context.Context, session, operator string, ok bool) error
	NameSessions(ctx context.Context, lane, name, picture string) error
	SetAuto(ctx context.Context, on bool) error
	SetHours(ctx context.Context, e flows.DeskException) error
	CannedReplies(ctx context.Context) ([]flows.CannedReply, error)
	KeepCannedReply(ctx context.Context, r flows.CannedReply) error
	KeepFile(ctx context.Context, f flows.DeskFile) error
	File(ctx context.Context, id string) (f flows.DeskFile, ok bool, err error)

	Operators(ctx context.Context) ([]flows.Operator, error)
	Operator(ctx context.Context, name string) (flows.Operator, error)
	AddOperator(ctx context.Context, name, display string, role flows.Role, password string) error
	SetOperatorPassword(ctx context.Context, name, password string) error
	SetOperatorRole(ctx context.Context, name, display string, role flows.Role) error
	DisableOperator(ctx context.Context, name string) error
	EnableOperator(ctx context.Context, name string) error
	CheckOperator(ctx context.Context, name, password string) (flows.Operator, error)
	BeginDesk(ctx context.Context, name, address, agent string) (secret string, err error)
	AtDesk(ctx context.Context, secret string) (flows.Operator, error)
	EndDesk(ctx context.Context, secret string) error
	EndDeskByID(ctx context.Context, id string) error
	DeskSessions(ctx context.Context) ([]flows.DeskSession, error)
	SetPresence(ctx context.Context, name string, p flows.Presence, seats int) error
	Seen(ctx context.Context, names []string) error
	BeginTOTP() (secret string, recovery []string)
	ConfirmTOTP(ctx context.Context, name, secret, code string, recovery []string) error
	DropTOTP(ctx context.Context, name string) error
	CheckTOTP(ctx context.Context, name, code string) error

	TrySignIn(ctx context.Context, keys []string, max int, window, lock time.Duration) (until time.Time, ok bool, err error)
	SignedIn(ctx context.Context, keys []string) error
	RecordAudit(ctx context.Context, entry flows.Audit) error
	DeskAudit(ctx context.Context, before time.Time, limit int) ([]flows.Audit, error)
}

// LINE is what the desk asks of LINE. *bot.Bot is one.
type LINE interface {
	Profile(ctx context.Context, user string) (name, picture string, err error)
	Typing(ctx context.Context, user string) error
	MarkRead(ctx context.Context, user, messageID string) error
	Quota(ctx context.Context) (limit, used int64, err error)
	Content(ctx context.Context, messageID string, preview bool) (kind string, data []byte, err error)
	History(ctx context.Context, user string, before time.Time) ([]flows.Entry, error)
}

// A Carrier is what the desk asks the mobile carrier.
type Carrier interface {
	// Line is a line by its ID: flows.ErrNoLine.
	Line(ctx context.Context, id string) (flows.Line, error)
	Balance(ctx context.Context, lineID string) (flows.Balance, error)
	// CheckIdentity compares what a customer said with the holder or user behind a link (HLP-34).
	CheckIdentity(ctx context.Context, kind flows.LinkKind, ref string, said flows.Identity) (bool, error)
}

// Config is what a Console is made of. Every field but OIDC is required.
type Config struct {
	Desk     Desk
	LINE     LINE
	Carrier  Carrier
	Settings flows.Settings
	// PublicURL is where LINE fetches the pictures that operators send.
	PublicURL string
	// Key signs what a browser keeps between two steps of signing in; 32 bytes.
	Key  []byte
	Now  func() time.Time
	Log  *slog.Logger
	OIDC *OIDC
}

// A Console is the desk on the web.
type Console struct {
	Config
	hub    *hub
	secure bool // reached by https
	policy string
}

// Register adds the desk to e. Close ends what is open in browsers.
func Register(e *echo.Echo, cfg Config) *Console {
	c := &Console{Config: cfg, secure: strings.HasPrefix(cfg.PublicURL, "https://")}
	c.policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data: blob: https://profile.line-scdn.net; " +
		"media-src 'self' blob:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'; manifest-src 'self'"
	c.hub = newHub(c)
	for name, content := range assets {
		e.GET(name, serveAsset(path.Ext(name), content))
	}
	e.GET("/media/:id", c.media)
	for _, r := range c.routes() {
		e.Add(r.method, "/console"+r.path, c.guard(r))
	}
	return c
}

// Close ends the event streams, so that a server can stop.
func (c *Console) Close() { c.hub.close() }

// A route is an address of the desk and the least role that may use it; "" is for everybody.
type route struct {
	method, path string
	role         flows.Role
	does         func(*visit) error
}

// routes is all there is at the desk.
func (c *Console) routes() []route {
	const (
		anybody    flows.Role = ""
		operator              = flows.RoleOperator
		supervisor            = flows.RoleSupervisor
		admin                 = flows.RoleAdmin
	)
	return []route{
		{"GET", "/login", anybody, c.showLogin},
		{"POST", "/login", anybody, c.login},
		{"POST", "/login/code", anybody, c.loginCode},
		{"GET", "/login/oidc", anybody, c.oidcStart},
		{"GET", "/login/oidc/back", anybody, c.oidcBack},
		{"POST", "/logout", operator, c.logout},
		{"GET", "", operator, c.showDesk},
		{"GET", "/events", operator, c.events},

		{"GET", "/api/start", operator, c.start},
		{"GET", "/api/closed", operator, c.closed},
		{"GET", "/api/talking", supervisor, c.talking},
		{"GET", "/api/search", operator, c.search},
		{"POST", "/api/presence", operator, c.presence},
		{"POST", "/api/next", operator, c.next},
		{"GET", "/api/sessions/:id", operator, c.session},
		{"GET", "/api/sessions/:id/entries", operator, c.entries},
		{"GET", "/api/sessions/:id/balance", operator, c.balance},
		{"GET", "/api/sessions/:id/content/:message", operator, c.content},
		{"POST", "/api/sessions/:id/take", operator, c.take},
		{"POST", "/api/sessions/:id/say", operator, c.say},
		{"POST", "/api/sessions/:id/image", operator, c.sendImage},
		{"POST", "/api/sessions/:id/note", operator, c.note},
		{"POST", "/api/sessions/:id/typing", operator, c.typing},
		{"POST", "/api/sessions/:id/read", operator, c.read},
		{"POST", "/api/sessions/:id/check", operator, c.check},
		{"POST", "/api/sessions/:id/transfer", operator, c.transfer},
		{"POST", "/api/sessions/:id/return", operator, c.giveBack},
		{"POST", "/api/sessions/:id/close", operator, c.finish},
		{"POST", "/api/sessions/:id/takeover", supervisor, c.takeOver},
		{"POST", "/api/sessions/:id/assign", supervisor, c.assign},
		{"POST", "/api/canned", supervisor, c.keepCanned},
		{"POST", "/api/auto", supervisor, c.auto},
		{"POST", "/api/hours", supervisor, c.hours},

		{"GET", "/account", operator, c.showAccount},
		{"POST", "/account/password", operator, c.changePassword},
		{"POST", "/account/totp", operator, c.confirmTOTP},
		{"POST", "/account/totp/drop", operator, c.dropTOTP},
		{"GET", "/report", supervisor, c.showReport},
		{"GET", "/report.csv", supervisor, c.reportCSV},
		{"GET", "/audit", supervisor, c.showAudit},
		{"GET", "/operators", admin, c.showOperators},
		{"POST", "/operators", admin, c.changeOperator},
		{"POST", "/operators/end", admin, c.endSession},
	}
}

// A visit is one request of a browser.
type visit struct {
	echo.Context
	*words
	me     flows.Operator // zero before signing in
	secret string         // of the session
}

func (v *visit) ctx() context.Context { return v.Request().Context() }

// guard lets a route be used by who may, and not from other sites.
func (c *Console) guard(r route) echo.HandlerFunc {
	protection := http.NewCrossOriginProtection()
	api := strings.HasPrefix(r.path, "/api/") || r.path == "/events"
	return func(ec echo.Context) error {
		v := &visit{Context: ec, words: languageOf(ec.Request())}
		h := v.Response().Header()
		h.Set("Content-Security-Policy", c.policy)
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		h.Set("X-Content-Type-Options", "nosniff")
		if err := protection.Check(v.Request()); err != nil {
			return c.refuse(v, api, http.StatusForbidden, v.say("crossSite"))
		}
		if r.role != "" {
			me, secret, err := c.whoIs(v.Request())
			switch {
			case errors.Is(err, flows.ErrNoOperator) && api:
				return c.refuse(v, api, http.StatusUnauthorized, v.say("signInAgain"))
			case errors.Is(err, flows.ErrNoOperator):
				return v.Redirect(http.StatusSeeOther, "/console/login")
			case err != nil:
				return c.broken(v, api, err)
			}
			v.me, v.secret = me, secret
			if !me.Role.May(r.role) {
				return c.refuse(v, api, http.StatusForbidden, v.say("notAllowed"))
			}
		}
		err := r.does(v)
		if err == nil || v.Response().Committed {
			return err
		}
		if status, text, known := v.refusal(err); known {
			return c.refuse(v, api, status, text)
		}
		return c.broken(v, api, err)
	}
}

// refusal puts what the desk refuses into words.
func (w *words) refusal(err error) (status int, text string, known bool) {
	var taken *flows.TakenError
	var bad badRequest
	switch {
	case errors.As(err, &taken):
		return http.StatusConflict, w.with("takenBy", "{name}", taken.By), true
	case errors.As(err, &bad):
		return http.StatusBadRequest, w.say(string(bad)), true
	}
	for _, r := range []struct {
		err    error
		status int
		word   string
	}{
		{flows.ErrSessionOver, http.StatusConflict, "sessionOver"}, {flows.ErrNotYours, http.StatusConflict, "notYours"},
		{flows.ErrNoSession, http.StatusNotFound, "noSession"}, {flows.ErrNoSeat, http.StatusConflict, "noSeat"},
		{flows.ErrNotOn, http.StatusConflict, "notOn"}, {flows.ErrNobody, http.StatusConflict, "nobody"},
		{flows.ErrNoOperator, http.StatusNotFound, "noOperator"}, {flows.ErrChecksSpent, http.StatusConflict, "checksSpent"},
		{errNotShown, http.StatusForbidden, "notShown"},
	} {
		if errors.Is(err, r.err) {
			return r.status, w.say(r.word), true
		}
	}
	return 0, "", false
}

// A badRequest names the words that say what is wrong with what was sent.
type badRequest string

func (e badRequest) Error() string { return "bad request: " + string(e) }

// errNotShown: the chat is another operator's, and only supervisors look into those.
var errNotShown = errors.New("another operator's chat")

func (c *Console) refuse(v *visit, api bool, status int, text string) error {
	if api {
		return v.JSON(status, map[string]string{"error": text})
	}
	return c.show(v, status, "notice", notice{Says: text})
}

func (c *Console) broken(v *visit, api bool, err error) error {
	if v.ctx().Err() != nil {
		return nil // nobody is there to be told
	}
	c.Log.Error("desk", "path", v.Path(), "operator", v.me.Name, "err", err)
	return c.refuse(v, api, http.StatusInternalServerError, v.say("broken"))
}

// audit writes down what an operator did.
func (c *Console) audit(v *visit, kind, ref, reason string) error {
	return c.auditAs(v.ctx(), v.me.Name, kind, ref, reason)
}

func (c *Console) auditAs(ctx context.Context, actor, kind, ref, reason string) error {
	return c.Desk.RecordAudit(ctx, flows.Audit{At: c.Now(), Actor: actor, Kind: "desk." + kind, Ref: ref, Reason: reason})
}

// body reads a JSON request of at most 64 KiB.
func body[T any](v *visit) (in T, err error) {
	d := json.NewDecoder(http.MaxBytesReader(v.Response(), v.Request().Body, 64<<10))
	if d.Decode(&in) != nil {
		return in, badRequest("badRequest")
	}
	return in, nil
}

var (
	//go:embed templates/*.html
	templateFiles embed.FS
	//go:embed assets/*
	assetFiles embed.FS

	assets = loadAssets()
	views  = loadViews("login", "desk", "notice", "report", "audit", "operators", "account")
)

// loadAssets reads the assets under addresses that stay the same, for modules import each other by name; browsers ask anew each
// time, and are told that nothing changed by the entity tag.
func loadAssets() map[string][]byte {
	all := map[string][]byte{}
	files, err := fs.Glob(assetFiles, "assets/*")
	if err != nil {
		panic(err)
	}
	for _, file := range files {
		content, err := assetFiles.ReadFile(file)
		if err != nil {
			panic(err)
		}
		all["/console/assets/"+path.Base(file)] = content
	}
	return all
}

func serveAsset(ext string, content []byte) echo.HandlerFunc {
	tag := `"` + shortHash(content) + `"`
	kind := mime.TypeByExtension(ext)
	if ext == ".js" {
		kind = "text/javascript; charset=utf-8"
	}
	return func(c echo.Context) error {
		h := c.Response().Header()
		h.Set("Cache-Control", "no-cache")
		h.Set("ETag", tag)
		h.Set("X-Content-Type-Options", "nosniff")
		if c.Request().Header.Get("If-None-Match") == tag {
			return c.NoContent(http.StatusNotModified)
		}
		return c.Blob(http.StatusOK, kind, content)
	}
}

func loadViews(names ...string) map[string]*template.Template {
	all := map[string]*template.Template{}
	for _, name := range names {
		all[name] = template.Must(template.New("layout.html").Funcs(template.FuncMap{"wrap": wrap}).ParseFS(templateFiles, "templates/layout.html", "templates/"+name+".html"))
	}
	return all
}

// A table is what a table of figures in report.html is given.
type table struct {
	Page page
	Key  string
	Rows []reportRow
}

func wrap(p page, key string, rows []reportRow) table { return table{p, key, rows} }

// A page is what layout.html is given.
type page struct {
	*words
	Name  string // of the view
	Brand string
	Me    flows.Operator
	Body  any
}

// Supervises and Administers tell the layout what to link to.
func (p page) Supervises() bool  { return p.Me.Role.May(flows.RoleSupervisor) && p.Me.Name != "" }
func (p page) Administers() bool { return p.Me.Role.May(flows.RoleAdmin) && p.Me.Name != "" }

// A notice is a page that says one thing.
type notice struct{ Says string }

func (c *Console) show(v *visit, status int, name string, body any) error {
	var html strings.Builder
	if err := views[name].Execute(&html, page{words: v.words, Name: name, Brand: c.Settings.Brand, Me: v.me, Body: body}); err != nil {
		return err
	}
	return v.HTML(status, html.String())
}

func (c *Console) showDesk(v *visit) error { return c.show(v, http.StatusOK, "desk", nil) }
