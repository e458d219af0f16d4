package pages

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"html"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"tsunagu/flows"
)

const (
	token    = "tok+/=&1" // every character that a query would eat unescaped
	hanako   = "U00000000000000000000000000000001"
	password = "hanako-demo-2026"
	nonce    = "nonce+/=&2"
)

// noon is 12:00:30 JST.
var noon = time.Date(2026, 11, 22, 3, 0, 30, 0, time.UTC)

// fakeCarrier knows one contract; err is what it answers instead.
type fakeCarrier struct {
	err   error
	asked []string // login IDs
}

func (f *fakeCarrier) VerifyHolder(ctx context.Context, loginID, pass string) (flows.Contract, error) {
	f.asked = append(f.asked, loginID)
	if _, ok := ctx.Deadline(); !ok {
		return flows.Contract{}, errors.New("asked without a time limit (BAL-12)")
	}
	switch {
	case ctx.Err() != nil:
		return flows.Contract{}, ctx.Err()
	case f.err != nil:
		return flows.Contract{}, f.err
	case loginID != "hanako" || pass != password:
		return flows.Contract{}, flows.ErrWrongCredentials
	}
	return flows.Contract{ID: "c-1", LoginID: "hanako"}, nil
}

// fakeLinks counts attempts by key like the store: max of them lock until an hour after noon.
type fakeLinks struct {
	err      error // of every method named in failing
	failing  string
	attempts map[string]int
	owner    string // whom c-1 is linked to
	audit    []flows.Audit
	calls    []string
}

func (f *fakeLinks) call(name string) error {
	f.calls = append(f.calls, name)
	if f.failing == name {
		return f.err
	}
	return nil
}

func (f *fakeLinks) LinkTokenLane(_ context.Context, t string) (string, bool, error) {
	return hanako, t == token, f.call("LinkTokenLane")
}

func (f *fakeLinks) MakeNonce(_ context.Context, lane string, c flows.Contract, ttl time.Duration) (string, error) {
	if lane != hanako || c.ID != "c-1" || ttl != 10*time.Minute {
		return "", fmt.Errorf("MakeNonce(%s, %v, %v)", lane, c, ttl)
	}
	return nonce, f.call("MakeNonce")
}

func (f *fakeLinks) TrySignIn(_ context.Context, keys []string, max int, _, _ time.Duration) (time.Time, bool, error) {
	for _, k := range keys {
		if f.attempts[k] >= max {
			return noon.Add(time.Hour), false, nil
		}
	}
	for _, k := range keys {
		f.attempts[k]++
	}
	return time.Time{}, true, f.call("TrySignIn")
}

func (f *fakeLinks) SignInsLeft(_ context.Context, keys []string, most int, _ time.Duration) (int, error) {
	left := most
	for _, k := range keys {
		left = min(left, most-f.attempts[k])
	}
	return left, f.call("SignInsLeft")
}

func (f *fakeLinks) SignedIn(_ context.Context, keys []string) error {
	for _, k := range keys {
		delete(f.attempts, k)
	}
	return f.call("SignedIn")
}

func (f *fakeLinks) UndoSignIn(_ context.Context, keys []string) error {
	for _, k := range keys {
		f.attempts[k]--
	}
	return f.call("UndoSignIn")
}

func (f *fakeLinks) RecordAudit(_ context.Context, a flows.Audit) error {
	f.audit = append(f.audit, a)
	return f.call("RecordAudit")
}

func (f *fakeLinks) Linked(_ context.Context, kind flows.LinkKind, ref string) (string, bool, error) {
	return f.owner, f.owner != "" && kind == flows.HolderLink && ref == "c-1", f.call("Linked")
}

// A world is the pages with everything around them faked.
type world struct {
	carrier fakeCarrier
	links   fakeLinks
	now     time.Time
	log     bytes.Buffer
	echo    *echo.Echo
}

func newWorld() *world {
	w := &world{now: noon, echo: echo.New()}
	w.links.attempts = map[string]int{}
	w.echo.IPExtractor = echo.ExtractIPDirect()
	Register(w.echo, Config{
		Carrier: &w.carrier, Links: &w.links, Settings: flows.Defaults(), AccessURL: "https://access.line.me/",
		Now: func() time.Time { return w.now },
		Log: slog.New(slog.NewTextHandler(&w.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	return w
}

func (w *world) do(r *http.Request) *httptest.ResponseRecorder {
	rec := httptest.NewRecorder()
	w.echo.ServeHTTP(rec, r)
	return rec
}

func (w *world) get(target string) *httptest.ResponseRecorder {
	return w.do(httptest.NewRequest("GET", target, nil))
}

func (w *world) post(fields url.Values) *httptest.ResponseRecorder {
	return w.do(form(fields))
}

func form(fields url.Values) *http.Request {
	r := httptest.NewRequest("POST", linkPath+"?linkToken="+url.QueryEscape(token), strings.NewReader(fields.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	return r
}

func credentials(loginID, pass string) url.Values {
	return url.Values{"linkToken": {token}, "login_id": {loginID}, "password": {pass}}
}

var tags = regexp.MustCompile(`(?s)<head>.*</head>|<[^>]*>`)

// says is the text of a page.
func says(rec *httptest.ResponseRecorder) string {
	return strings.Join(strings.Fields(html.UnescapeString(tags.ReplaceAllString(rec.Body.String(), " "))), " ")
}

func TestLNK10FormIsShownForALinkToken(t *testing.T) {
	rec := newWorld().get(linkPath + "?linkToken=" + url.QueryEscape(token))
	body := rec.Body.String()
	if rec.Code != http.StatusOK {
		t.Fatalf("status %d", rec.Code)
	}
	for _, want := range []string{
		`action="/link/contract?linkToken=tok%2B%2F%3D%261"`, `name="linkToken" value="tok&#43;/=&amp;1"`,
		`<label for="login_id">`, `autocomplete="username"`, `<label for="password">`, `autocomplete="current-password"`,
		"つなぐモバイル", `<html lang="ja">`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("the form lacks %s", want)
		}
	}
	for _, never := range []string{"<script", "style=", "<style", "aria-invalid", "onclick"} {
		if strings.Contains(body, never) {
			t.Errorf("the page holds %s", never)
		}
	}
}

// LNK-11: a token lives ten minutes; whoever comes too late is sent back to the chat.
func TestLinkTokenMissingOrExpired(t *testing.T) {
	tests := []struct {
		name, query string
		status      int
	}{
		{"missing", "", http.StatusBadRequest},
		{"empty", "?linkToken=", http.StatusBadRequest},
		{"unknown or expired", "?linkToken=other", http.StatusGone},
		{"not UTF-8", "?linkToken=%ff%fe", http.StatusGone},
		{"NUL", "?linkToken=a%00b", http.StatusGone},
		{"too long", "?linkToken=" + strings.Repeat("a", maxToken+1), http.StatusGone},
	}
	for _, tt := range tests {
		for _, method := range []string{"GET", "POST"} {
			t.Run(tt.name+" "+method, func(t *testing.T) {
				w := newWorld()
				r := httptest.NewRequest(method, linkPath+tt.query, strings.NewReader("login_id=hanako&password="+password))
				r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
				rec := w.do(r)
				if rec.Code != tt.status || !strings.Contains(says(rec), "もう一度「契約者連携」を押してください") {
					t.Errorf("status %d, want %d: %s", rec.Code, tt.status, says(rec))
				}
				if len(w.carrier.asked) > 0 || strings.Contains(rec.Body.String(), "<form") {
					t.Error("went on without a link token")
				}
			})
		}
	}
}

func TestSignInOutcomes(t *testing.T) {
	shipped := time.Date(2026, 11, 23, 0, 0, 0, 0, flows.JST)
	good := credentials("hanako", password)
	tests := []struct {
		name     string
		arrange  func(*world)
		fields   url.Values
		status   int
		says     string
		attempts int // left standing against the login ID
	}{
		{"LNK-15 wrong password counts", nil, credentials("hanako", "wrong"), 401,
			"ログインIDまたはパスワードがちがいます。あと4回まちがえると60分間ログインできなくなります。", 1},
		{"LNK-03 LNK-04 not shipped, date known", func(w *world) { w.carrier.err = &flows.NotYetError{From: shipped} }, good, 409,
			"連携は商品発送メールの翌日（11月23日）からご利用いただけます。", 0},
		{"LNK-03 LNK-04 not shipped, no date", func(w *world) { w.carrier.err = &flows.NotYetError{} }, good, 409,
			"連携は商品発送メールの翌日からご利用いただけます。", 0},
		{"LNK-01 LNK-04 switch not complete", func(w *world) { w.carrier.err = &flows.NotYetError{MNP: true} }, good, 409,
			"回線の切り替えがまだ完了していません。完了のメールが届いてからもう一度お試しください。", 0},
		{"LNK-01 LNK-03 switch not complete, date known", func(w *world) {
			w.carrier.err = fmt.Errorf("carrier: %w", &flows.NotYetError{MNP: true, From: shipped})
		}, good, 409, "お試しください。 11月23日からご利用いただける予定です。", 0},
		{"ACC-04 held by another LINE account", func(w *world) { w.links.owner = "U2" }, good, 409,
			"このご契約は別のLINEアカウントと連携済みです。先にそちらの連携を解除してください。", 0},
		{"BAL-12 carrier down does not count", func(w *world) { w.carrier.err = errors.New("connection refused") }, good, 503,
			"ただいま情報を確認できません。しばらくしてからもう一度お試しください。", 0},
		{"BAL-12 carrier slow does not count", func(w *world) { w.carrier.err = context.DeadlineExceeded }, good, 503,
			"ただいま情報を確認できません。", 0},
		{"no login ID is no attempt", nil, credentials(" ", password), 400, "ログインIDを入力してください。", 0},
		{"no password is no attempt", nil, credentials("hanako", ""), 400, "パスワードを入力してください。", 0},
		{"NUL in login ID", nil, credentials("hana\x00ko", password), 400, "ログインIDに使えない文字が含まれています。", 0},
		{"login ID not UTF-8", nil, credentials("hana\xffko", password), 400, "ログインIDに使えない文字が含まれています。", 0},
		{"login ID too long", nil, credentials(strings.Repeat("あ", maxLoginID+1), password), 400, "ログインIDは128文字以内で入力してください。", 0},
		{"NUL in password", nil, credentials("hanako", "a\x00b"), 400, "パスワードに使えない文字が含まれています。", 0},
		{"password not UTF-8", nil, credentials("hanako", "\xff"), 400, "パスワードに使えない文字が含まれています。", 0},
		{"password too long", nil, credentials("hanako", strings.Repeat("a", maxPassword+1)), 400, "パスワードは256文字以内で入力してください。", 0},
		{"form too long", nil, credentials("hanako", strings.Repeat("a", maxForm)), 400, "この画面を開けませんでした", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld()
			if tt.arrange != nil {
				tt.arrange(w)
			}
			rec := w.post(tt.fields)
			if rec.Code != tt.status || !strings.Contains(says(rec), tt.says) {
				t.Errorf("status %d, want %d; says %s, want %s", rec.Code, tt.status, says(rec), tt.says)
			}
			if got := w.links.attempts["login:hanako"]; got != tt.attempts {
				t.Errorf("%d attempts stand, want %d", got, tt.attempts)
			}
			if rec.Header().Get("Location") != "" || len(w.links.audit) > 0 || slices.Contains(w.links.calls, "MakeNonce") {
				t.Error("a refused sign-in left a redirect, an audit record or a nonce")
			}
		})
	}
}

func TestLNK12GoodSignInGoesOnToLINE(t *testing.T) {
	for _, loginID := range []string{"hanako", "  hanako "} {
		for _, owner := range []string{"", hanako} { // linking again what is linked to oneself is fine
			w := newWorld()
			w.links.owner = owner
			w.post(credentials("hanako", "wrong"))
			rec := w.post(credentials(loginID, password))
			want := "https://access.line.me/dialog/bot/accountLink?linkToken=tok%2B%2F%3D%261&nonce=nonce%2B%2F%3D%262"
			if rec.Code != http.StatusSeeOther || rec.Header().Get("Location") != want {
				t.Errorf("login %q: status %d, Location %q", loginID, rec.Code, rec.Header().Get("Location"))
			}
			if len(w.links.attempts) != 0 {
				t.Errorf("earlier failures are not forgotten: %v", w.links.attempts)
			}
		}
	}
}

// LNK-15: the 4th wrong password does not lock, the 5th does, for the login ID and for the LINE account.
func TestLNK15FifthWrongPasswordLocks(t *testing.T) {
	w := newWorld()
	for n := 4; n >= 1; n-- {
		rec := w.post(credentials("hanako", "wrong"))
		if want := fmt.Sprintf("あと%d回", n); rec.Code != 401 || !strings.Contains(says(rec), want) {
			t.Fatalf("status %d, want 401 and %s: %s", rec.Code, want, says(rec))
		}
	}
	const sentence = "入力の回数が上限に達しました。13:01以降にもう一度お試しください。"
	rec := w.post(credentials("hanako", "wrong"))
	if rec.Code != 429 || !strings.Contains(says(rec), sentence) || rec.Header().Get("Retry-After") != "3600" {
		t.Errorf("5th: status %d, Retry-After %s: %s", rec.Code, rec.Header().Get("Retry-After"), says(rec))
	}
	want := []flows.Audit{{At: noon, Actor: hanako, Kind: "lock", Link: flows.HolderLink, Reason: "wrong_password"}}
	if !slices.Equal(w.links.audit, want) { // LNK-47
		t.Errorf("audit = %+v, want %+v", w.links.audit, want)
	}

	asked := len(w.carrier.asked)
	for _, spelling := range []string{"hanako", "HANAKO", "ｈａｎａｋｏ"} {
		if rec := w.post(credentials(spelling, password)); rec.Code != 429 || !strings.Contains(says(rec), sentence) {
			t.Errorf("locked %s: status %d: %s", spelling, rec.Code, says(rec))
		}
	}
	w.links.attempts["login:hanako"] = 0 // what is left is the lock of the LINE account
	if rec := w.post(credentials("taro", "anything")); rec.Code != 429 {
		t.Errorf("another login ID from the locked LINE account: status %d", rec.Code)
	}
	if len(w.carrier.asked) != asked || len(w.links.audit) != 1 {
		t.Error("a locked attempt reached the carrier or the audit")
	}
}

// Like LNK-24: an unknown login ID and a wrong password are told apart by nobody.
func TestWrongLoginIDAndWrongPasswordLookTheSame(t *testing.T) {
	page := func(loginID, pass string) string {
		return strings.ReplaceAll(newWorld().post(credentials(loginID, pass)).Body.String(), loginID, "ID")
	}
	if page("hanako", "wrong") != page("nobody", password) {
		t.Error("the pages differ")
	}
}

func TestWrongAttemptKeepsLoginIDAndNeverThePassword(t *testing.T) {
	w := newWorld()
	evil := `"><script>alert(1)</script>`
	rec := w.post(credentials(evil, "s3cret-s3cret"))
	body := rec.Body.String()
	if rec.Code != 401 || strings.Contains(body, "<script") || !strings.Contains(body, `value="&#34;&gt;&lt;script&gt;alert(1)&lt;/script&gt;"`) {
		t.Errorf("status %d, login ID not kept or not escaped:\n%s", rec.Code, body)
	}
	if strings.Contains(body, "s3cret") {
		t.Error("the password is in the page")
	}
	if strings.Count(body, `aria-invalid="true"`) != 2 || !strings.Contains(body, `id="problem" role="alert" tabindex="-1" autofocus`) ||
		!strings.Contains(body, "<title>エラー：契約者連携") {
		t.Error("the error is not announced")
	}
}

func TestStoreFailuresAreAnApology(t *testing.T) {
	for _, failing := range []string{"LinkTokenLane", "TrySignIn", "SignedIn", "Linked", "MakeNonce", "SignInsLeft"} {
		t.Run(failing, func(t *testing.T) {
			w := newWorld()
			w.links.failing, w.links.err = failing, errors.New("database is gone")
			pass := password
			if failing == "SignInsLeft" {
				pass = "wrong"
			}
			rec := w.post(credentials("hanako", pass))
			if rec.Code != 503 || !strings.Contains(says(rec), flows.BackendDown) || strings.Contains(says(rec), "database") {
				t.Errorf("status %d: %s", rec.Code, says(rec))
			}
			if !strings.Contains(w.log.String(), "database is gone") {
				t.Error("the cause is not in the log")
			}
		})
	}
	for _, failing := range []string{"UndoSignIn", "RecordAudit"} { // the person is told what was meant all the same
		w := newWorld()
		w.links.failing, w.links.err = failing, errors.New("database is gone")
		w.carrier.err, w.links.attempts["lane:"+hanako] = &flows.NotYetError{}, 0
		want := 409
		if failing == "RecordAudit" {
			w.carrier.err, w.links.attempts["lane:"+hanako], want = flows.ErrWrongCredentials, 4, 429
		}
		if rec := w.post(credentials("hanako", password)); rec.Code != want || !strings.Contains(w.log.String(), "database is gone") {
			t.Errorf("%s: status %d, log %s", failing, rec.Code, w.log.String())
		}
	}
}

// Hanging up must not make a guess free: the attempt is finished without the browser.
func TestLNK15HangingUpDoesNotUndoAnAttempt(t *testing.T) {
	w := newWorld()
	ctx, hangUp := context.WithCancel(context.Background())
	hangUp()
	w.do(form(credentials("hanako", "wrong")).WithContext(ctx))
	if w.links.attempts["login:hanako"] != 1 {
		t.Errorf("attempts = %v, want one that stands", w.links.attempts)
	}
}

func TestNothingSecretIsLogged(t *testing.T) {
	w := newWorld()
	w.post(credentials("hanako", "wrong-pass"))
	w.post(credentials("hanako", password))
	w.carrier.err = errors.New("timeout")
	w.post(credentials("hanako", password))
	w.get(linkPath + "?linkToken=other-token")
	cross := form(credentials("hanako", password))
	cross.Header.Set("Sec-Fetch-Site", "cross-site")
	w.do(cross)
	if w.log.Len() == 0 {
		t.Fatal("nothing was logged, so nothing was tested")
	}
	for _, secret := range []string{token, url.QueryEscape(token), nonce, password, "wrong-pass", "other-token", "hanako"} {
		if strings.Contains(w.log.String(), secret) {
			t.Errorf("the log holds %q:\n%s", secret, w.log.String())
		}
	}
}
