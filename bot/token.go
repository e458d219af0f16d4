package bot

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/line/line-bot-sdk-go/v8/linebot/channel_access_token"
)

const (
	// tokenLife is the longest LINE gives a channel access token v2.1.
	tokenLife = 30 * 24 * time.Hour
	// assertionLife is the longest LINE takes for the assertion that asks for one.
	assertionLife = 30 * time.Minute
	// askAgain is how long a failed renewal rests while the old token is still good.
	askAgain = time.Minute
)

// A Token is the channel access token of the moment: a long-lived one, or tokens v2.1 that renew themselves when half
// of their life is over, so that two are good at any time.
type Token struct {
	issue func(ctx context.Context) (token string, life time.Duration, err error)
	now   func() time.Time

	mu      sync.Mutex
	current string
	renewAt time.Time
	endsAt  time.Time
}

// LongLived is a token from the Console.
func LongLived(token string) *Token { return &Token{current: token} }

// Assertion signs for channel access tokens v2.1: JWT bearer assertions with the channel's private key, a JWK in JSON
// with the kid of the Console.
func Assertion(apiURL, channelID string, jwk []byte, client *http.Client, now func() time.Time) (*Token, error) {
	var key jose.JSONWebKey
	if err := key.UnmarshalJSON(jwk); err != nil {
		return nil, errors.New("the assertion key is not a JWK in JSON") // the error could quote the key
	}
	if key.IsPublic() || key.KeyID == "" {
		return nil, errors.New("the assertion key must be a private key with the kid of the Console")
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: key}, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return nil, errors.New("the assertion key must be an RSA key")
	}
	api, err := channel_access_token.NewChannelAccessTokenAPI(
		channel_access_token.WithHTTPClient(client), channel_access_token.WithEndpoint(apiURL))
	if err != nil {
		return nil, err
	}
	issue := func(ctx context.Context) (string, time.Duration, error) {
		assertion, err := jwt.Signed(signer).Claims(map[string]any{
			"iss": channelID, "sub": channelID, "aud": "https://api.line.me/",
			"exp":       time.Now().Add(assertionLife).Unix(), // judged by LINE's clock, whatever ours is set to
			"token_exp": int(tokenLife.Seconds()),
		}).Serialize()
		if err != nil {
			return "", 0, err
		}
		c := *api
		resp, body, err := c.WithContext(ctx).IssueChannelTokenByJWTWithHttpInfo(
			"client_credentials", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer", assertion)
		if got := calledWith(resp, err); got.outcome != accepted || body == nil {
			return "", 0, fmt.Errorf("issue a channel access token: %w", got)
		}
		return body.AccessToken, time.Duration(body.ExpiresIn) * time.Second, nil
	}
	return &Token{issue: issue, now: now}, nil
}

// get returns a token that is good now. Only one caller asks LINE; the others wait for it.
func (t *Token) get(ctx context.Context) (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.issue == nil || t.current != "" && t.now().Before(t.renewAt) {
		return t.current, nil
	}
	token, life, err := t.issue(ctx)
	switch {
	case err == nil:
		t.current, t.renewAt, t.endsAt = token, t.now().Add(life/2), t.now().Add(life)
	case t.current != "" && t.now().Before(t.endsAt):
		t.renewAt = t.now().Add(askAgain) // the old one goes on
	default:
		return "", err
	}
	return t.current, nil
}

// refused tells that LINE did not take this token: the next call gets a new one.
func (t *Token) refused(token string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.issue != nil && t.current == token {
		t.current = ""
	}
}

// Transport puts the token on every request that goes through it.
func (t *Token) Transport(next http.RoundTripper) http.RoundTripper {
	return &bearer{token: t, next: next}
}

// bearer puts the token of the moment on every call, and asks for another next time when LINE refused it.
type bearer struct {
	token *Token
	next  http.RoundTripper
}

func (b *bearer) RoundTrip(req *http.Request) (*http.Response, error) {
	token, err := b.token.get(req.Context())
	if err != nil {
		return nil, &notSentError{err}
	}
	req = req.Clone(req.Context())
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := b.next.RoundTrip(req)
	if err == nil && resp.StatusCode == http.StatusUnauthorized {
		b.token.refused(token)
	}
	return resp, err
}

// A notSentError is a call that certainly did not reach LINE.
type notSentError struct{ err error }

func (e *notSentError) Error() string { return e.err.Error() }
func (e *notSentError) Unwrap() error { return e.err }
