package linesim

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	longestTokenLife   = 30 * 24 * time.Hour
	statelessTokenLife = 15 * time.Minute
	mostTokens         = 30 // with a life of their own, per channel
	longestAssertion   = 30 * time.Minute
	assertionType      = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
)

// An issuedToken is a channel access token got by an assertion or the channel's secret.
type issuedToken struct {
	keyID   string // "" for stateless ones
	expires time.Time
}

func (s *Sim) isIssued(token string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, ok := s.issued.get(token, s.now())
	return ok && s.now().Before(t.expires)
}

func oauthError(code, description string) answer {
	return answerJSON(http.StatusBadRequest, map[string]string{"error": code, "error_description": description})
}

// issueToken is POST /oauth2/v2.1/token: a token with the life the assertion asks for.
func (s *Sim) issueToken(c *call) answer {
	form, err := url.ParseQuery(string(c.body))
	if err != nil || form.Get("grant_type") != "client_credentials" {
		return oauthError("invalid_request", "grant_type must be client_credentials")
	}
	life, wrong := s.assertion(form)
	if wrong == "" && life == 0 {
		wrong = "Invalid token_exp"
	}
	if wrong != "" {
		return oauthError("invalid_client", wrong)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	live := 0
	for _, t := range s.issued.byKey {
		if t.value.keyID != "" && s.now().Before(t.value.expires) {
			live++
		}
	}
	if live >= mostTokens {
		return oauthError("invalid_request", "The number of channel access tokens exceeds the limit")
	}
	token, t := randomHex(64), issuedToken{randomHex(16), s.now().Add(life)}
	s.issued.put(token, t, s.now())
	return answerJSON(http.StatusOK, map[string]any{
		"access_token": token, "token_type": "Bearer", "expires_in": int(life.Seconds()), "key_id": t.keyID,
	})
}

// issueStatelessToken is POST /oauth2/v3/token: fifteen minutes, by assertion or by the channel's secret.
func (s *Sim) issueStatelessToken(c *call) answer {
	form, err := url.ParseQuery(string(c.body))
	if err != nil || form.Get("grant_type") != "client_credentials" {
		return oauthError("invalid_request", "grant_type must be client_credentials")
	}
	if form.Has("client_secret") {
		if form.Get("client_id") != s.cfg.ChannelID || form.Get("client_secret") != s.cfg.ChannelSecret {
			return oauthError("invalid_client", "Invalid client_id or client_secret")
		}
	} else if _, wrong := s.assertion(form); wrong != "" {
		return oauthError("invalid_client", wrong)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	token := randomHex(64)
	s.issued.put(token, issuedToken{"", s.now().Add(statelessTokenLife)}, s.now())
	return answerJSON(http.StatusOK, map[string]any{
		"access_token": token, "token_type": "Bearer", "expires_in": int(statelessTokenLife.Seconds()),
	})
}

// assertion checks the form's JWT for this channel and returns the life it asks for, or what is wrong with it. Its
// signature is not checked: the simulator knows no keys.
func (s *Sim) assertion(form url.Values) (life time.Duration, wrong string) {
	if form.Get("client_assertion_type") != assertionType {
		return 0, "Invalid client_assertion_type"
	}
	parts := strings.Split(form.Get("client_assertion"), ".")
	if len(parts) != 3 || parts[2] == "" {
		return 0, "Invalid client_assertion"
	}
	var head struct{ Alg, Typ, Kid string }
	var claims struct {
		Iss, Sub string
		Aud      any
		Exp      int64
		TokenExp int64 `json:"token_exp"`
	}
	if !decodePart(parts[0], &head) || !decodePart(parts[1], &claims) || head.Alg != "RS256" || head.Typ != "JWT" || head.Kid == "" {
		return 0, "Invalid client_assertion"
	}
	left := time.Unix(claims.Exp, 0).Sub(s.Now())
	life = time.Duration(claims.TokenExp) * time.Second
	switch {
	case claims.Iss != s.cfg.ChannelID || claims.Sub != s.cfg.ChannelID:
		return 0, "Invalid issuer or subject"
	case claims.Aud != "https://api.line.me/":
		return 0, "Invalid audience"
	case left <= 0 || left > longestAssertion:
		return 0, "Invalid exp"
	case claims.TokenExp < 0 || life > longestTokenLife:
		return 0, "Invalid token_exp"
	}
	return life, ""
}

func decodePart(part string, v any) bool {
	raw, err := base64.RawURLEncoding.DecodeString(part)
	return err == nil && json.Unmarshal(raw, v) == nil
}

// verifyToken is GET /oauth2/v2.1/verify.
func (s *Sim) verifyToken(c *call) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	t, ok := s.issued.get(c.URL.Query().Get("access_token"), now)
	if !ok || !now.Before(t.expires) {
		return oauthError("invalid_request", "access token expired")
	}
	return answerJSON(http.StatusOK, map[string]any{
		"client_id": s.cfg.ChannelID, "expires_in": int(t.expires.Sub(now).Seconds()), "scope": "profile chat_message.write",
	})
}
