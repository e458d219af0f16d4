package console

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"tsunagu/flows"
)

const (
	// maxWrong wrong passwords or codes of one name within wrongWindow lock it for lockTime; an address may err more often,
	// since a whole office shares one.
	maxWrong, maxWrongAddress = 5, 50
	wrongWindow, lockTime     = 15 * time.Minute, 15 * time.Minute
	// ticketLife is how long the second step may come after the first.
	ticketLife = 5 * time.Minute
	// leastPassword is the shortest password of the desk.
	leastPassword = 10
)

func shortHash(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:8])
}

// cookieName is the session's cookie. Browsers take the prefix over https only.
func (c *Console) cookieName() string {
	if c.secure {
		return "__Host-desk"
	}
	return "desk"
}

// cookie is Lax and not Strict: whoever comes back from the identity provider comes from another site. Forms of other sites
// are refused by guard.
func (c *Console) cookie(value string, age int) *http.Cookie {
	return &http.Cookie{Name: c.cookieName(), Value: value, Path: "/", MaxAge: age, HttpOnly: true, Secure: c.secure, SameSite: http.SameSiteLaxMode}
}

// whoIs is who sent a request: flows.ErrNoOperator when nobody who is signed in.
func (c *Console) whoIs(r *http.Request) (flows.Operator, string, error) {
	cookie, err := r.Cookie(c.cookieName())
	if err != nil || cookie.Value == "" {
		return flows.Operator{}, "", flows.ErrNoOperator
	}
	me, err := c.Desk.AtDesk(r.Context(), cookie.Value)
	return me, cookie.Value, err
}

// A loginForm is what login.html is given.
type loginForm struct {
	Wrong  string
	Name   string
	Ticket string // set: the second step
	OIDC   bool
}

func (c *Console) showLogin(v *visit) error {
	if _, _, err := c.whoIs(v.Request()); err == nil {
		return v.Redirect(http.StatusSeeOther, "/console")
	}
	return c.show(v, http.StatusOK, "login", loginForm{OIDC: c.OIDC != nil})
}

// login checks name and password. Attempts are counted before, by name and by address.
func (c *Console) login(v *visit) error {
	name, password := strings.TrimSpace(v.FormValue("name")), v.FormValue("password")
	form := loginForm{Name: name, OIDC: c.OIDC != nil}
	switch ok, err := c.attempt(v, name); {
	case err != nil:
		return err
	case !ok:
		form.Wrong = v.say("locked")
		return c.show(v, http.StatusTooManyRequests, "login", form)
	}
	me, err := c.Desk.CheckOperator(v.ctx(), name, password)
	switch {
	case errors.Is(err, flows.ErrWrongCredentials):
		form.Wrong = v.say("wrongPassword")
		if err := c.auditAs(v.ctx(), name, "signin-failed", v.RealIP(), ""); err != nil {
			return err
		}
		return c.show(v, http.StatusUnauthorized, "login", form)
	case err != nil:
		return err
	}
	if me.TOTP {
		return c.show(v, http.StatusOK, "login", loginForm{Ticket: c.ticket(me.Name)})
	}
	return c.enter(v, me.Name, "password")
}

// attempt reserves an attempt to sign in; ok is false while the name or the address is locked.
func (c *Console) attempt(v *visit, name string) (ok bool, err error) {
	ctx := v.ctx()
	if _, ok, err = c.Desk.TrySignIn(ctx, []string{"desk name " + name}, maxWrong, wrongWindow, lockTime); err != nil || !ok {
		return false, err
	}
	_, ok, err = c.Desk.TrySignIn(ctx, []string{"desk address " + v.RealIP()}, maxWrongAddress, wrongWindow, lockTime)
	return ok, err
}

// loginCode is the second step: a code of the authenticator app, or a recovery code.
func (c *Console) loginCode(v *visit) error {
	name, ok := c.ticketOf(v.FormValue("ticket"))
	if !ok {
		return c.show(v, http.StatusUnauthorized, "login", loginForm{Wrong: v.say("tooLate"), OIDC: c.OIDC != nil})
	}
	switch ok, err := c.attempt(v, name); {
	case err != nil:
		return err
	case !ok:
		return c.show(v, http.StatusTooManyRequests, "login", loginForm{Wrong: v.say("locked")})
	}
	switch err := c.Desk.CheckTOTP(v.ctx(), name, v.FormValue("code")); {
	case errors.Is(err, flows.ErrWrongCredentials):
		if err := c.auditAs(v.ctx(), name, "signin-failed", v.RealIP(), "code"); err != nil {
			return err
		}
		return c.show(v, http.StatusUnauthorized, "login", loginForm{Ticket: c.ticket(name), Wrong: v.say("wrongCode")})
	case err != nil:
		return err
	}
	return c.enter(v, name, "code")
}

// enter begins a session.
func (c *Console) enter(v *visit, name, how string) error {
	if err := c.Desk.SignedIn(v.ctx(), []string{"desk name " + name}); err != nil {
		return err
	}
	secret, err := c.Desk.BeginDesk(v.ctx(), name, v.RealIP(), v.Request().UserAgent())
	if err != nil {
		return err
	}
	if err := c.auditAs(v.ctx(), name, "signin", v.RealIP(), how); err != nil {
		return err
	}
	v.SetCookie(c.cookie(secret, 0))
	return v.Redirect(http.StatusSeeOther, "/console")
}

func (c *Console) logout(v *visit) error {
	if err := c.Desk.EndDesk(v.ctx(), v.secret); err != nil {
		return err
	}
	if err := c.audit(v, "signout", "", ""); err != nil {
		return err
	}
	v.SetCookie(c.cookie("", -1))
	return v.Redirect(http.StatusSeeOther, "/console/login")
}

// ticket proves that a name's password was right, for a few minutes.
func (c *Console) ticket(name string) string {
	body := strconv.FormatInt(c.Now().Add(ticketLife).Unix(), 10) + "." + name
	return base64.RawURLEncoding.EncodeToString([]byte(body)) + "." + c.sign("ticket", body)
}

func (c *Console) ticketOf(ticket string) (name string, ok bool) {
	encoded, mac, _ := strings.Cut(ticket, ".")
	body, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil || !hmac.Equal([]byte(mac), []byte(c.sign("ticket", string(body)))) {
		return "", false
	}
	until, name, _ := strings.Cut(string(body), ".")
	at, err := strconv.ParseInt(until, 10, 64)
	return name, err == nil && c.Now().Before(time.Unix(at, 0))
}

// sign is a keyed hash of text for one purpose.
func (c *Console) sign(purpose, text string) string {
	mac := hmac.New(sha256.New, c.Key)
	mac.Write([]byte(purpose + "\x00" + text))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// An account is what account.html is given.
type account struct {
	Done, Wrong string
	Secret      string // of a second step that is being set up
	Recovery    []string
	Setup       string // secret and codes, signed, for the form
}

func (c *Console) showAccount(v *visit) error {
	a := account{Done: v.say(v.QueryParam("done"))}
	if !v.me.TOTP {
		c.setUp(v, &a)
	}
	return c.show(v, http.StatusOK, "account", a)
}

// setUp offers a second step. Nothing of it is kept before the first code came.
func (c *Console) setUp(v *visit, a *account) {
	a.Secret, a.Recovery = c.Desk.BeginTOTP()
	body := v.me.Name + " " + a.Secret + " " + strings.Join(a.Recovery, " ")
	a.Setup = body + " " + c.sign("totp", body)
}

func (c *Console) confirmTOTP(v *visit) error {
	parts := strings.Fields(v.FormValue("setup"))
	if len(parts) < 4 || parts[0] != v.me.Name || !hmac.Equal([]byte(parts[len(parts)-1]), []byte(c.sign("totp", strings.Join(parts[:len(parts)-1], " ")))) {
		return badRequest("badRequest")
	}
	err := c.Desk.ConfirmTOTP(v.ctx(), v.me.Name, parts[1], strings.TrimSpace(v.FormValue("code")), parts[2:len(parts)-1])
	if errors.Is(err, flows.ErrWrongCredentials) {
		a := account{Wrong: v.say("wrongCode"), Secret: parts[1], Recovery: parts[2 : len(parts)-1], Setup: v.FormValue("setup")}
		return c.show(v, http.StatusUnprocessableEntity, "account", a)
	}
	if err != nil {
		return err
	}
	return errors.Join(c.audit(v, "totp-on", "", ""), v.Redirect(http.StatusSeeOther, "/console/account?done=totpOn"))
}

func (c *Console) dropTOTP(v *visit) error {
	if err := c.confirmPassword(v); err != nil {
		return err
	}
	if err := c.Desk.DropTOTP(v.ctx(), v.me.Name); err != nil {
		return err
	}
	return errors.Join(c.audit(v, "totp-off", "", ""), v.Redirect(http.StatusSeeOther, "/console/account?done=totpOff"))
}

func (c *Console) changePassword(v *visit) error {
	fresh := v.FormValue("fresh")
	if len([]rune(fresh)) < leastPassword {
		return badRequest("shortPassword")
	}
	if err := c.confirmPassword(v); err != nil {
		return err
	}
	if err := c.Desk.SetOperatorPassword(v.ctx(), v.me.Name, fresh); err != nil {
		return err
	}
	if err := c.audit(v, "password", v.me.Name, ""); err != nil {
		return err
	}
	return v.Redirect(http.StatusSeeOther, "/console/login") // all sessions ended, this one too
}

// confirmPassword asks for the password once more, before what a borrowed browser should not do.
func (c *Console) confirmPassword(v *visit) error {
	switch ok, err := c.attempt(v, v.me.Name); {
	case err != nil:
		return err
	case !ok:
		return badRequest("locked")
	}
	_, err := c.Desk.CheckOperator(v.ctx(), v.me.Name, v.FormValue("password"))
	if errors.Is(err, flows.ErrWrongCredentials) {
		return badRequest("wrongPassword")
	}
	if err == nil {
		err = c.Desk.SignedIn(v.ctx(), []string{"desk name " + v.me.Name})
	}
	return err
}
