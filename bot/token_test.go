package bot

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// line-platform §11: what an assertion holds, and when a token is renewed.
func TestAssertion(t *testing.T) {
	private, jwk := channelKey(t)
	now := time.Date(2026, 11, 22, 16, 5, 0, 0, time.UTC)
	issued, broken := 0, false
	line := roundTrip(func(req *http.Request) (*http.Response, error) {
		if broken {
			return nil, errors.New("connection reset")
		}
		issued++
		body, _ := io.ReadAll(req.Body)
		form, err := url.ParseQuery(string(body))
		if err != nil {
			t.Error(err)
		}
		token, err := jwt.ParseSigned(form.Get("client_assertion"), []jose.SignatureAlgorithm{jose.RS256})
		if err != nil {
			t.Fatal(err)
		}
		var claims map[string]any
		if err := token.Claims(&private.PublicKey, &claims); err != nil {
			t.Error(err)
		}
		if claims["iss"] != "1234567890" || claims["sub"] != "1234567890" || claims["aud"] != "https://api.line.me/" || claims["token_exp"] != 86400.0 {
			t.Errorf("claims %v", claims)
		}
		if h := token.Headers[0]; h.KeyID != "kid-1" || h.ExtraHeaders["typ"] != "JWT" {
			t.Errorf("header %+v", h)
		}
		answer := `{"access_token":"token-` + strings.Repeat("i", issued) + `","expires_in":86400,"token_type":"Bearer","key_id":"k"}`
		return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(answer)), Request: req}, nil
	})
	token, err := Assertion("https://api.line.me", "1234567890", jwk, &http.Client{Transport: line}, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	is := func(want string, calls int) {
		t.Helper()
		got, err := token.get(context.Background())
		if n := settled(token, &issued); got != want || n != calls || err != nil {
			t.Errorf("token %q after %d calls (%v), want %q after %d", got, n, err, want, calls)
		}
	}
	is("token-i", 1)
	now = now.Add(11 * time.Hour)
	is("token-i", 1)
	now = now.Add(2 * time.Hour)
	is("token-i", 2) // half of its life is over: renewed while it goes on
	is("token-ii", 2)
	now, broken = now.Add(13*time.Hour), true
	is("token-ii", 2) // LINE does not answer: the old one goes on
	is("token-ii", 2)
	now, broken = now.Add(askAgain), false
	is("token-ii", 3)
	token.refused("token-ii") // an answer to a call that was under way
	is("token-iii", 3)
	token.refused("token-iii")
	is("token-iiii", 4)
	now, broken = now.Add(25*time.Hour), true
	if got, err := token.get(context.Background()); err == nil {
		t.Errorf("token %q, though it ended and LINE gives no other", got)
	}

	for name, bad := range map[string]string{"no JSON": "secret", "no key": `{"kty":"RSA","kid":"k"}`} {
		if _, err := Assertion("https://api.line.me", "1", []byte(bad), http.DefaultClient, time.Now); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// settled waits for the renewal under way and returns what n is then.
func settled(token *Token, n *int) int {
	token.mu.Lock()
	renewing := token.renewing
	token.mu.Unlock()
	if renewing != nil {
		<-renewing
	}
	token.mu.Lock()
	defer token.mu.Unlock()
	return *n
}

// With thirty tokens alive LINE refuses another one; a stateless one bridges that.
func TestAssertionAtTheLimitOfTokens(t *testing.T) {
	_, jwk := channelKey(t)
	token, err := Assertion("https://api.line.me", "1234567890", jwk, &http.Client{Transport: oauth(t, func(path string, form url.Values) (int, string) {
		if path == "/oauth2/v2.1/token" {
			return 400, `{"error":"invalid_request","error_description":"The number of channel access tokens exceeds the limit"}`
		}
		if path != "/oauth2/v3/token" || form.Get("client_assertion") == "" || form.Get("client_assertion_type") != assertionType {
			t.Errorf("%s %v", path, form)
		}
		return 200, `{"access_token":"bridge","expires_in":900,"token_type":"Bearer"}`
	})}, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := token.get(t.Context()); got != "bridge" || err != nil {
		t.Errorf("token %q, %v", got, err)
	}
}

// line-platform §11: a stateless token lives for 15 minutes; while the secret is rotated either may be the right one.
func TestStateless(t *testing.T) {
	now := time.Date(2026, 11, 22, 16, 5, 0, 0, time.UTC)
	asked := 0
	token, err := Stateless("https://api.line.me", "1234567890", []string{"new", "old"}, &http.Client{Transport: oauth(t, func(path string, form url.Values) (int, string) {
		asked++
		if path != "/oauth2/v3/token" || form.Get("grant_type") != "client_credentials" || form.Get("client_id") != "1234567890" {
			t.Errorf("%s %v", path, form)
		}
		if form.Get("client_secret") != "old" {
			return 400, `{"error":"invalid_client","error_description":"Invalid client_id or client_secret"}`
		}
		return 200, `{"access_token":"token-` + strings.Repeat("i", asked) + `","expires_in":900,"token_type":"Bearer"}`
	})}, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		move  time.Duration
		token string
		asked int
	}{{0, "token-ii", 2}, {7 * time.Minute, "token-ii", 2}, {time.Minute, "token-ii", 4}, {0, "token-iiii", 4}} {
		now = now.Add(step.move)
		got, err := token.get(t.Context())
		if n := settled(token, &asked); got != step.token || n != step.asked || err != nil {
			t.Errorf("token %q after %d requests (%v), want %q after %d", got, n, err, step.token, step.asked)
		}
	}
}

// oauth is LINE's token endpoints.
func oauth(t *testing.T, answer func(path string, form url.Values) (status int, body string)) roundTrip {
	return func(req *http.Request) (*http.Response, error) {
		body, _ := io.ReadAll(req.Body)
		form, err := url.ParseQuery(string(body))
		if err != nil {
			t.Error(err)
		}
		status, text := answer(req.URL.Path, form)
		return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(text)), Request: req}, nil
	}
}

// channelKey is a private key as LINE's Console makes one.
func channelKey(t *testing.T) (private *rsa.PrivateKey, jwk []byte) {
	t.Helper()
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	jwk, err = jose.JSONWebKey{Key: private, KeyID: "kid-1", Algorithm: "RS256", Use: "sig"}.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	return private, jwk
}
