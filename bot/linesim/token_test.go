package linesim

import (
	"encoding/base64"
	"net/url"
	"strings"
	"testing"
	"time"
)

// jwt is an assertion with these claims, signed by nobody.
func jwt(head, claims map[string]any) string {
	part := func(v any) string { return base64.RawURLEncoding.EncodeToString(compact(v)) }
	return part(head) + "." + part(claims) + ".c2lnbmF0dXJl"
}

func (w *world) claims() map[string]any {
	return map[string]any{
		"iss": w.Config().ChannelID, "sub": w.Config().ChannelID, "aud": "https://api.line.me/",
		"exp": w.Now().Add(30 * time.Minute).Unix(), "token_exp": 86400,
	}
}

var rs256 = map[string]any{"alg": "RS256", "typ": "JWT", "kid": "key"}

func (w *world) issue(path string, form url.Values) result {
	w.t.Helper()
	form.Set("grant_type", "client_credentials")
	return w.ask("POST", path, form.Encode(), "Content-Type", takesForm)
}

func (w *world) issueByJWT(head, claims map[string]any) result {
	w.t.Helper()
	return w.issue("/oauth2/v2.1/token", url.Values{"client_assertion_type": {assertionType}, "client_assertion": {jwt(head, claims)}})
}

// §11: v2.1 tokens live as long as chosen; "returns key_id"; verify tells what is left.
func TestTokenByJWT(t *testing.T) {
	w := newWorld(t, Config{})
	got := w.issueByJWT(rs256, w.claims())
	w.want(got, 200, `"expires_in":86400`)
	token := got.json(t)["access_token"].(string)
	if got.json(t)["key_id"] == "" {
		t.Error("no key_id")
	}
	bearer := []string{"Authorization", "Bearer " + token}
	w.want(w.ask("GET", "/v2/bot/info", "", bearer...), 200, "")
	w.forward(time.Hour)
	w.want(w.ask("GET", "/oauth2/v2.1/verify?access_token="+token, ""), 200, `"client_id":"1234567890","expires_in":82800`)
	w.forward(23 * time.Hour)
	w.want(w.ask("GET", "/v2/bot/info", "", bearer...), 401, "")
	w.want(w.ask("GET", "/oauth2/v2.1/verify?access_token="+token, ""), 400, "invalid_request")
}

// §11 JWT: "alg=RS256, typ=JWT, kid; iss = sub = channel id, aud, exp ≤ 30 min ahead, token_exp ≤ 2,592,000".
func TestAssertionIsChecked(t *testing.T) {
	w := newWorld(t, Config{})
	with := func(key string, value any) map[string]any { c := w.claims(); c[key] = value; return c }
	for name, got := range map[string]result{
		"HS256":          w.issueByJWT(map[string]any{"alg": "HS256", "typ": "JWT", "kid": "key"}, w.claims()),
		"no kid":         w.issueByJWT(map[string]any{"alg": "RS256", "typ": "JWT"}, w.claims()),
		"issuer":         w.issueByJWT(rs256, with("iss", "1")),
		"subject":        w.issueByJWT(rs256, with("sub", "1")),
		"audience":       w.issueByJWT(rs256, with("aud", "https://example.com/")),
		"past":           w.issueByJWT(rs256, with("exp", w.Now().Unix())),
		"far":            w.issueByJWT(rs256, with("exp", w.Now().Add(31*time.Minute).Unix())),
		"long":           w.issueByJWT(rs256, with("token_exp", 2_592_001)),
		"no JWT":         w.issue("/oauth2/v2.1/token", url.Values{"client_assertion_type": {assertionType}, "client_assertion": {"a.b"}}),
		"assertion type": w.issue("/oauth2/v2.1/token", url.Values{"client_assertion": {jwt(rs256, w.claims())}}),
	} {
		if got.status != 400 || !strings.Contains(got.text, `"error":"invalid_client"`) {
			t.Errorf("%s: %d %s", name, got.status, got.text)
		}
	}
}

// §11: "30 per channel, then refused"; stateless tokens are unlimited, "15 min (900 s)", by JWT or secret.
func TestHowManyTokens(t *testing.T) {
	w := newWorld(t, Config{})
	secret := url.Values{"client_id": {w.Config().ChannelID}, "client_secret": {w.Config().ChannelSecret}}
	for range mostTokens + 1 {
		w.want(w.issue("/oauth2/v3/token", secret), 200, `"expires_in":900`)
	}
	for range mostTokens {
		w.want(w.issueByJWT(rs256, w.claims()), 200, "")
	}
	w.want(w.issueByJWT(rs256, w.claims()), 400, "exceeds the limit")
	w.want(w.issue("/oauth2/v3/token", url.Values{"client_assertion_type": {assertionType}, "client_assertion": {jwt(rs256, w.claims())}}), 200, "")
	secret.Set("client_secret", "x")
	w.want(w.issue("/oauth2/v3/token", secret), 400, "invalid_client")
}
