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
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	jwk, err := jose.JSONWebKey{Key: private, KeyID: "kid-1", Algorithm: "RS256", Use: "sig"}.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
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
		if claims["iss"] != "1234567890" || claims["sub"] != "1234567890" || claims["aud"] != "https://api.line.me/" || claims["token_exp"] != 2592000.0 {
			t.Errorf("claims %v", claims)
		}
		if h := token.Headers[0]; h.KeyID != "kid-1" || h.ExtraHeaders["typ"] != "JWT" {
			t.Errorf("header %+v", h)
		}
		answer := `{"access_token":"token-` + strings.Repeat("i", issued) + `","expires_in":2592000,"token_type":"Bearer","key_id":"k"}`
		return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(answer)), Request: req}, nil
	})
	token, err := Assertion("https://api.line.me", "1234567890", jwk, &http.Client{Transport: line}, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	is := func(want string, calls int) {
		t.Helper()
		if got, err := token.get(context.Background()); got != want || issued != calls || err != nil {
			t.Errorf("token %q after %d calls (%v), want %q after %d", got, issued, err, want, calls)
		}
	}
	is("token-i", 1)
	now = now.Add(14 * 24 * time.Hour)
	is("token-i", 1)
	now = now.Add(2 * 24 * time.Hour)
	is("token-ii", 2) // half of its life is over
	now, broken = now.Add(16*24*time.Hour), true
	is("token-ii", 2) // LINE does not answer: the old one goes on
	now, broken = now.Add(time.Minute), false
	is("token-iii", 3)
	token.refused("token-ii") // an answer to a call that was under way
	is("token-iii", 3)
	token.refused("token-iii")
	is("token-iiii", 4)

	for name, bad := range map[string]string{"no JSON": "secret", "no key": `{"kty":"RSA","kid":"k"}`} {
		if _, err := Assertion("https://api.line.me", "1", []byte(bad), http.DefaultClient, time.Now); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
