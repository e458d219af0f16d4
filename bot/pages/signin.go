package pages

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/labstack/echo/v4"
	"golang.org/x/text/unicode/norm"

	"tsunagu/flows"
)

// 契約者連携 in the browser (LNK-10). The person comes from the chat with a link token, signs in here, and goes on to
// LINE with the same token and our nonce; LINE then tells the bot, see the accountLink event.
//
//	GET form ─▶ POST ─▶ attempt reserved ─▶ carrier asked ─▶ nonce ─▶ 303 to LINE
//	  ▲                     │ locked           │ wrong, not yet, down, linked elsewhere
//	  └─────────────────────┴──────────────────┘

const (
	linkPath = "/link/contract"

	maxToken    = 512      // characters; LINE's are far shorter
	maxLoginID  = 128      // characters
	maxPassword = 256      // characters
	maxForm     = 16 << 10 // bytes of a posted form
)

// A signInForm is what signin.html is given.
type signInForm struct {
	LinkToken string
	LoginID   string
	// Problem heads the form when it comes back; the two others say which field it is about.
	Problem     string
	BadLoginID  bool
	BadPassword bool
}

// Action is where the form goes. The token is in it as well as in the form, so that the address of the answer to a
// failed attempt, opened again, shows the form.
func (f signInForm) Action() string {
	return linkPath + "?" + url.Values{"linkToken": {f.LinkToken}}.Encode()
}

func (s *site) showSignIn(c echo.Context) error {
	token := c.QueryParam("linkToken")
	if _, ok, err := s.asker(c, token); !ok {
		return err
	}
	return s.signInPage(c, http.StatusOK, signInForm{LinkToken: token})
}

func (s *site) signInPage(c echo.Context, status int, f signInForm) error {
	return s.show(c, status, "signin", "契約者連携", f)
}

// asker is the LINE account that asked for the link token. When there is none it answers the request itself and ok is
// false.
func (s *site) asker(c echo.Context, token string) (lane string, ok bool, err error) {
	if token == "" {
		return "", false, s.notice(c, http.StatusBadRequest, withoutToken)
	}
	if len(token) > maxToken || unreadable(token) {
		return "", false, s.notice(c, http.StatusGone, expired)
	}
	lane, ok, err = s.Links.LinkTokenLane(c.Request().Context(), token)
	switch {
	case err != nil:
		return "", false, s.unavailable(c, "link token", err)
	case !ok:
		return "", false, s.notice(c, http.StatusGone, expired)
	}
	return lane, true, nil
}

func (s *site) signIn(c echo.Context) error {
	// What was begun is finished when the browser goes away, or else hanging up would undo an attempt that counts.
	ctx := context.WithoutCancel(c.Request().Context())
	r := c.Request()
	r.Body = http.MaxBytesReader(c.Response(), r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		return s.notice(c, http.StatusBadRequest, withoutToken)
	}
	token := r.Form.Get("linkToken") // the field if there is one, else the query
	lane, ok, err := s.asker(c, token)
	if !ok {
		return err
	}
	form := signInForm{LinkToken: token, LoginID: strings.TrimSpace(r.PostForm.Get("login_id"))}
	password := r.PostForm.Get("password")
	if form.check(password); form.Problem != "" {
		return s.signInPage(c, http.StatusBadRequest, form)
	}

	began := s.Now()
	keys := []string{"login:" + foldLoginID(form.LoginID), "lane:" + lane} // LNK-15
	until, ok, err := s.Links.TrySignIn(ctx, keys, s.Settings.MaxWrong, s.Settings.WrongWindow, s.Settings.Lock)
	if err != nil {
		return s.unavailable(c, "reserve attempt", err)
	}
	if !ok {
		return s.lockedOut(c, until, began)
	}
	contract, err := s.verify(ctx, form.LoginID, password)
	var early *flows.NotYetError
	switch {
	case err == nil:
		return s.handOver(ctx, c, lane, token, contract, keys)
	case errors.Is(err, flows.ErrWrongCredentials):
		return s.refuse(ctx, c, form, lane, keys, began)
	case errors.As(err, &early):
		s.undo(ctx, keys) // LNK-04
		return s.notice(c, http.StatusConflict, notYet(early))
	default:
		s.undo(ctx, keys)
		return s.unavailable(c, "verify holder", err)
	}
}

// check finds what is wrong with the form before anybody is asked; that is not an attempt.
func (f *signInForm) check(password string) {
	switch {
	case f.LoginID == "":
		f.Problem, f.BadLoginID = loginIDMissing, true
	case unreadable(f.LoginID):
		f.Problem, f.BadLoginID, f.LoginID = loginIDUnreadable, true, ""
	case utf8.RuneCountInString(f.LoginID) > maxLoginID:
		f.Problem, f.BadLoginID, f.LoginID = loginIDTooLong, true, ""
	case password == "":
		f.Problem, f.BadPassword = passwordMissing, true
	case unreadable(password):
		f.Problem, f.BadPassword = passwordBad, true
	case utf8.RuneCountInString(password) > maxPassword:
		f.Problem, f.BadPassword = passwordTooLong, true
	}
}

func unreadable(s string) bool {
	return !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl)
}

// foldLoginID brings spellings of one login ID together, so that writing it another way is no fresh start.
func foldLoginID(id string) string { return strings.ToLower(norm.NFKC.String(id)) }

// verify asks the carrier, for as long as a person is made to wait (BAL-12).
func (s *site) verify(ctx context.Context, loginID, password string) (flows.Contract, error) {
	ctx, cancel := context.WithTimeout(ctx, s.Settings.BalanceTimeout)
	defer cancel()
	return s.Carrier.VerifyHolder(ctx, loginID, password)
}

// refuse answers a wrong attempt: with the form again, or with the lock when this was the last one.
func (s *site) refuse(ctx context.Context, c echo.Context, form signInForm, lane string, keys []string, at time.Time) error {
	left, err := s.Links.SignInsLeft(ctx, keys, s.Settings.MaxWrong, s.Settings.WrongWindow)
	if err != nil {
		return s.unavailable(c, "count attempts", err)
	}
	if left > 0 {
		form.Problem, form.BadLoginID, form.BadPassword = wrong(left, s.Settings.Lock), true, true
		return s.signInPage(c, http.StatusUnauthorized, form)
	}
	// The login ID is left out: people type passwords into that field (LNK-47).
	entry := flows.Audit{At: at, Actor: lane, Kind: "lock", Link: flows.HolderLink, Reason: "wrong_password"}
	if err := s.Links.RecordAudit(ctx, entry); err != nil {
		s.Log.ErrorContext(ctx, "lock not recorded", "lane", lane, "err", err)
	}
	return s.lockedOut(c, at.Add(s.Settings.Lock), at)
}

func (s *site) lockedOut(c echo.Context, until, now time.Time) error {
	retryAfter(c, until.Sub(now))
	return s.notice(c, http.StatusTooManyRequests, locked(until, now))
}

// handOver sends a person who has proved to hold a contract on to LINE.
func (s *site) handOver(ctx context.Context, c echo.Context, lane, token string, contract flows.Contract, keys []string) error {
	if err := s.Links.SignedIn(ctx, keys); err != nil {
		return s.unavailable(c, "forget failures", err)
	}
	owner, taken, err := s.Links.Linked(ctx, flows.HolderLink, contract.ID)
	if err != nil {
		return s.unavailable(c, "look up link", err)
	}
	if taken && owner != lane { // ACC-04
		return s.notice(c, http.StatusConflict, heldElsewhere)
	}
	nonce, err := s.Links.MakeNonce(ctx, lane, contract, s.Settings.NonceTTL)
	if err != nil {
		return s.unavailable(c, "make nonce", err)
	}
	s.protect(c)
	to := url.Values{"linkToken": {token}, "nonce": {nonce}}
	return c.Redirect(http.StatusSeeOther, strings.TrimRight(s.AccessURL, "/")+"/dialog/bot/accountLink?"+to.Encode())
}

func (s *site) undo(ctx context.Context, keys []string) {
	if err := s.Links.UndoSignIn(ctx, keys); err != nil {
		s.Log.ErrorContext(ctx, "attempt not taken back", "err", err)
	}
}

func (s *site) unavailable(c echo.Context, doing string, err error) error {
	s.Log.ErrorContext(c.Request().Context(), "sign-in failed", "doing", doing, "err", err)
	return s.notice(c, http.StatusServiceUnavailable, down)
}
