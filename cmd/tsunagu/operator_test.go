package main

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"tsunagu/flows"
)

func TestOperatorCommand(t *testing.T) {
	env := map[string]string{"DATABASE_URL": "sqlite:" + filepath.Join(t.TempDir(), "o.db"), "SECRET_KEY": strings.Repeat("QUFB", 12), "LOG_LEVEL": "error"}
	tsunagu := func(password string, args ...string) (int, string) {
		t.Helper()
		var out, errs bytes.Buffer
		code := run(t.Context(), append([]string{"operator"}, args...), func(name string) (string, bool) {
			if name == "OPERATOR_PASSWORD" {
				return password, password != ""
			}
			v, ok := env[name]
			return v, ok
		}, &out, &errs)
		return code, out.String() + errs.String()
	}
	for _, tt := range []struct {
		password string
		args     []string
		code     int
		says     string
	}{
		{"a long password", []string{"add", "sato", "--role", "admin", "--display", "佐藤"}, 0, "added sato (admin)"},
		{"a long password", []string{"add", "sato", "--role", "operator"}, 1, "sato is there already"},
		{"short", []string{"add", "suzuki", "--role", "operator"}, 2, "10 characters at least"},
		{"a long password", []string{"add", "suzuki", "--role", "boss"}, 2, "boss"},
		{"a long password", []string{"add", "two words", "--role", "operator"}, 2, "no spaces"},
		{"a long password", []string{"add", "suzuki"}, 2, "--role"},
		{"another password", []string{"password", "sato"}, 0, "new password"},
		{"another password", []string{"password", "nobody"}, 1, "no operator is called nobody"},
		{"", []string{"list"}, 0, "佐藤"},
		{"", []string{"disable", "sato"}, 0, "sato disabled"},
		{"", []string{"list"}, 0, "disabled"},
		{"", []string{"disable", "nobody"}, 1, "tsunagu operator list"},
	} {
		if code, said := tsunagu(tt.password, tt.args...); code != tt.code || !strings.Contains(said, tt.says) {
			t.Errorf("operator %v: %d %q", tt.args, code, said)
		}
	}
	// From standard input the first line counts.
	p := &program{ctx: t.Context(), getenv: func(string) (string, bool) { return "", false }, in: strings.NewReader("typed password\nmore\n"), errs: io.Discard}
	if got, err := p.operatorPassword(); err != nil || got != "typed password" {
		t.Errorf("%q, %v", got, err)
	}
	p.in = strings.NewReader("")
	if _, err := p.operatorPassword(); err == nil {
		t.Error("no password is one")
	}
}

// An identityProvider signs everybody in as name.
type identityProvider struct {
	*httptest.Server
	key              *rsa.PrivateKey
	name             string
	nonce, challenge string
	spoilNonce       bool
}

func newIdentityProvider(t *testing.T) *identityProvider {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	p := &identityProvider{key: key}
	mux := http.NewServeMux()
	p.Server = httptest.NewServer(mux)
	t.Cleanup(p.Close)
	answer := func(w http.ResponseWriter, v any) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(v)
	}
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]any{"issuer": p.URL, "authorization_endpoint": p.URL + "/authorize", "token_endpoint": p.URL + "/token", "jwks_uri": p.URL + "/keys",
			"response_types_supported": []string{"code"}, "subject_types_supported": []string{"public"}, "id_token_signing_alg_values_supported": []string{"RS256"}})
	})
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: &key.PublicKey, KeyID: "k", Algorithm: "RS256", Use: "sig"}}})
	})
	mux.HandleFunc("GET /authorize", func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		p.nonce, p.challenge = q.Get("nonce"), q.Get("code_challenge")
		http.Redirect(w, r, q.Get("redirect_uri")+"?code=c&state="+url.QueryEscape(q.Get("state")), http.StatusFound)
	})
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("code_verifier") == "" || p.challenge == "" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: key, KeyID: "k"}}, nil)
		if err != nil {
			t.Error(err)
			return
		}
		nonce := p.nonce
		if p.spoilNonce {
			nonce = "another"
		}
		claims, _ := json.Marshal(map[string]any{"iss": p.URL, "aud": "desk", "sub": "1", "nonce": nonce, "preferred_username": p.name,
			"iat": time.Now().Unix(), "exp": time.Now().Add(time.Minute).Unix()})
		token, err := signer.Sign(claims)
		if err != nil {
			t.Error(err)
			return
		}
		compact, _ := token.CompactSerialize()
		answer(w, map[string]any{"access_token": "a", "token_type": "Bearer", "id_token": compact})
	})
	return p
}

// Operators sign in by the company's identity provider: those with an account here, and only with an answer to what this
// browser asked.
func TestSignInByIdentityProvider(t *testing.T) {
	idp := newIdentityProvider(t)
	a, _, base := demoWith(t, map[string]string{"OIDC_ISSUER": idp.URL, "OIDC_CLIENT_ID": "desk", "OIDC_CLIENT_SECRET": "secret"})
	if err := a.store.AddOperator(t.Context(), "tanaka", "田中", flows.RoleOperator, ""); err != nil {
		t.Fatal(err)
	}
	enter := func(path string) (int, string) {
		t.Helper()
		jar, err := cookiejar.New(nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := (&http.Client{Jar: jar}).Get(base + path)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		return resp.StatusCode, resp.Request.URL.Path
	}
	idp.name = "tanaka"
	if status, path := enter("/console/login/oidc"); status != http.StatusOK || path != "/console" {
		t.Errorf("%d at %s", status, path)
	}
	idp.name = "stranger"
	if status, _ := enter("/console/login/oidc"); status != http.StatusUnauthorized {
		t.Errorf("without an account: %d", status)
	}
	idp.name, idp.spoilNonce = "tanaka", true
	if status, _ := enter("/console/login/oidc"); status != http.StatusUnauthorized {
		t.Errorf("with another nonce: %d", status)
	}
	idp.spoilNonce = false
	if status, _ := enter("/console/login/oidc/back?code=c&state=made-up"); status != http.StatusUnauthorized {
		t.Errorf("without having asked: %d", status)
	}
	if _, err := a.store.CheckOperator(t.Context(), "tanaka", ""); err == nil {
		t.Error("an account without a password takes an empty one")
	}
}

// Sign-in by name locks after five wrong passwords, for the right one too; the second step is asked for where it is on.
func TestSignInAtTheDesk(t *testing.T) {
	a, _, base := demo(t)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Jar: jar}
	post := func(path string, form url.Values) (int, string) {
		t.Helper()
		resp, err := client.PostForm(base+"/console"+path, form)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		return resp.StatusCode, string(body)
	}
	for n := range 5 {
		if status, _ := post("/login", url.Values{"name": {demoSecond}, "password": {fmt.Sprint("wrong", n)}}); status != http.StatusUnauthorized {
			t.Errorf("try %d: %d", n, status)
		}
	}
	if status, body := post("/login", url.Values{"name": {demoSecond}, "password": {demoPassword}}); status != http.StatusTooManyRequests || !strings.Contains(body, "15分後") {
		t.Errorf("a locked name: %d", status)
	}
	secret, recovery := a.store.BeginTOTP()
	if err := a.store.ConfirmTOTP(t.Context(), demoOperator, secret, "not a code", recovery); err == nil {
		t.Fatal("a second step without a code")
	}
	if status, body := post("/login", url.Values{"name": {demoOperator}, "password": {demoPassword}}); status != http.StatusOK || strings.Contains(body, `name="ticket"`) {
		t.Errorf("without a second step: %d", status)
	}
}
