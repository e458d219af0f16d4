// Package pages is what people open in a browser: the sign-in page of 契約者連携.
//
// Every page is rendered on the server from a template of the same name inside layout.html, works without scripts,
// and is sent by [site.show], which sets the headers that keep tokens and passwords to themselves. A page that only
// says something is a notice. words.go holds every sentence that depends on what happened; templates hold the rest.
//
// [Register] hangs the pages on an Echo server. Two things are the caller's: e.IPExtractor, by which the limit per
// address knows a proxy's header from a forged one, and TLS.
package pages

import (
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"html/template"
	"io/fs"
	"log/slog"
	"math"
	"mime"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"tsunagu/flows"
)

// A Carrier checks who holds a contract.
type Carrier interface {
	// VerifyHolder returns the contract of a login ID. It fails with flows.ErrWrongCredentials, a
	// *flows.NotYetError when both are right but linking has not opened, or any other error when it could not tell.
	VerifyHolder(ctx context.Context, loginID, password string) (flows.Contract, error)
}

// Links remember who asked for a link, and who tried to sign in.
type Links interface {
	// LinkTokenLane tells who asked for the link token; ok is false when it is unknown or expired.
	LinkTokenLane(ctx context.Context, token string) (lane string, ok bool, err error)
	// MakeNonce remembers that lane has proved to hold c, under a nonce that is good once and for ttl.
	MakeNonce(ctx context.Context, lane string, c flows.Contract, ttl time.Duration) (nonce string, err error)
	// TrySignIn reserves one attempt for each key before the password is checked. When a key is locked it reserves
	// nothing, ok is false and until is when the last lock opens.
	TrySignIn(ctx context.Context, keys []string, max int, window, lock time.Duration) (until time.Time, ok bool, err error)
	// SignInsLeft is how many attempts keys have before the first of them locks; 0 when one is locked.
	SignInsLeft(ctx context.Context, keys []string, max int, window time.Duration) (int, error)
	// SignedIn forgets the failures of keys, UndoSignIn only the attempt reserved last.
	SignedIn(ctx context.Context, keys []string) error
	UndoSignIn(ctx context.Context, keys []string) error
	RecordAudit(ctx context.Context, entry flows.Audit) error
	// Linked tells to whom a contract or line is linked.
	Linked(ctx context.Context, kind flows.LinkKind, ref string) (lane string, ok bool, err error)
}

// Config is what the pages need. Every field is required.
type Config struct {
	Carrier  Carrier
	Links    Links
	Settings flows.Settings
	// AccessURL is LINE_ACCESS_URL: the origin, with or without a path, of the account link dialog.
	AccessURL string
	Now       func() time.Time
	Log       *slog.Logger
}

// Register adds the pages to e.
func Register(e *echo.Echo, cfg Config) {
	s := &site{Config: cfg, addresses: newAddressLimit(cfg.Now)}
	s.policy = contentPolicy(cfg.AccessURL)
	for name, content := range assets {
		e.GET(name, serveAsset(path.Ext(name), content))
	}
	e.GET(linkPath, s.showSignIn)
	e.POST(linkPath, s.signIn, s.sameSiteOnly, s.limitAddress)
}

type site struct {
	Config
	addresses *addressLimit
	policy    string // Content-Security-Policy of every page
}

var (
	//go:embed templates/*.html
	templateFiles embed.FS
	//go:embed assets/*
	assetFiles embed.FS

	assets, assetNames = hashedAssets()
	views              = map[string]*template.Template{"signin": view("signin"), "notice": view("notice")}
)

// hashedAssets gives every asset an address that changes with its content, so that browsers may keep it for ever.
// The second map leads from the plain name to that address.
func hashedAssets() (map[string][]byte, map[string]string) {
	byAddress, addresses := map[string][]byte{}, map[string]string{}
	files, err := fs.Glob(assetFiles, "assets/*")
	if err != nil {
		panic(err)
	}
	for _, file := range files {
		content, err := assetFiles.ReadFile(file)
		if err != nil {
			panic(err)
		}
		sum := sha256.Sum256(content)
		base, ext := path.Base(file), path.Ext(file)
		address := "/assets/" + strings.TrimSuffix(base, ext) + "-" + hex.EncodeToString(sum[:6]) + ext
		byAddress[address], addresses[base] = content, address
	}
	return byAddress, addresses
}

func serveAsset(ext string, content []byte) echo.HandlerFunc {
	return func(c echo.Context) error {
		h := c.Response().Header()
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
		h.Set("X-Content-Type-Options", "nosniff")
		return c.Blob(http.StatusOK, mime.TypeByExtension(ext), content)
	}
}

func view(name string) *template.Template {
	asset := func(name string) string { return assetNames[name] }
	return template.Must(template.New("layout.html").Funcs(template.FuncMap{"asset": asset}).
		ParseFS(templateFiles, "templates/layout.html", "templates/"+name+".html"))
}

// A page is what layout.html is given.
type page struct {
	Title string
	Brand string
	Body  any // what the page's own template is given
}

// A notice is a page that says one thing: what happened, and what to do now.
type notice struct {
	Title string
	Says  []string
}

// show sends a page. A page that could not be rendered is an error and nothing of it is sent.
func (s *site) show(c echo.Context, status int, name, title string, body any) error {
	var html bytes.Buffer
	if err := views[name].Execute(&html, page{Title: title, Brand: s.Settings.Brand, Body: body}); err != nil {
		return err
	}
	s.protect(c)
	return c.HTMLBlob(status, html.Bytes())
}

func (s *site) notice(c echo.Context, status int, n notice) error {
	return s.show(c, status, "notice", n.Title, n)
}

// protect sets the headers of every answer that belongs to one person.
//
// The referrer holds at most our origin, never a link token. It is not switched off altogether: with no-referrer a
// browser sends "Origin: null" with its own forms, and one without Sec-Fetch-Site would look like a stranger.
func (s *site) protect(c echo.Context) {
	h := c.Response().Header()
	h.Set("Content-Security-Policy", s.policy)
	h.Set("Referrer-Policy", "strict-origin")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
}

// contentPolicy forbids everything a page does not use. The access origin counts as a target of our forms because
// browsers hold the redirect that follows a form to the same rule.
func contentPolicy(accessURL string) string {
	targets := "'self'"
	if u, err := url.Parse(accessURL); err == nil && u.Host != "" {
		targets += " " + u.Scheme + "://" + u.Host
	}
	return "default-src 'none'; style-src 'self'; img-src 'self'; form-action " + targets +
		"; frame-ancestors 'none'; base-uri 'none'"
}

// sameSiteOnly refuses forms that another site sent.
func (s *site) sameSiteOnly(next echo.HandlerFunc) echo.HandlerFunc {
	protection := http.NewCrossOriginProtection()
	return func(c echo.Context) error {
		if err := protection.Check(c.Request()); err != nil {
			s.Log.WarnContext(c.Request().Context(), "form from another site refused", "path", c.Path())
			return s.notice(c, http.StatusForbidden, crossSite)
		}
		return next(c)
	}
}

// limitAddress slows one address down, whatever it signs in as (LNK-15).
func (s *site) limitAddress(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if wait := s.addresses.take(c.RealIP()); wait > 0 {
			retryAfter(c, wait)
			return s.notice(c, http.StatusTooManyRequests, tooFast)
		}
		return next(c)
	}
}

func retryAfter(c echo.Context, wait time.Duration) {
	seconds := max(1, int(math.Ceil(wait.Seconds())))
	c.Response().Header().Set("Retry-After", strconv.Itoa(seconds))
}
