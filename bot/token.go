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
	// tokenLife is what is asked for a channel access token v2.1. LINE gives up to 30 days, but no more than 30 tokens
	// that live at the same time: each start of a process takes one.
	tokenLife = 24 * time.Hour
	// assertionLife is the longest LINE takes for the assertion that asks for one.
	assertionLife = 30 * time.Minute
	// askAgain is how long a failed renewal rests while the old token is still good.
	askAgain = 30 * time.Second
	// renewalTime bounds one renewal.
	renewalTime = 10 * time.Second
)

// A Token is the channel access token of the moment: a long-lived one, or one that renews itself when half of its life
// is over. The old one goes on meanwhile, so no call waits but the first.
type Token struct {
	issue func(ctx context.Context) (token string, life time.Duration, err error)
	now   func() time.Time

	mu       sync.Mutex
	current  string
	renewAt  time.Time
	endsAt   time.Time
	renewing chan struct{} // closed when the renewal under way has ended; nil while there is none
	err      error         // of the last renewal
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
	assert := func() (string, error) {
		return jwt.Signed(signer).Claims(map[string]any{
			"iss": channelID, "sub": channelID, "aud": "https://api.line.me/",
			"exp":       time.Now().Add(assertionLife).Unix(), // judged by LINE's clock, whatever ours is set to
			"token_exp": int(tokenLife.Seconds()),
		}).Serialize()
	}
	issue := func(ctx context.Context) (string, time.Duration, error) {
		assertion, err := assert()
		if err != nil {
			return "", 0, err
		}
		c := *api
		resp, body, err := c.WithContext(ctx).IssueChannelTokenByJWTWithHttpInfo("client_credentials", assertionType, assertion)
		got := calledWith(resp, err)
		if got.outcome == accepted && body != nil {
			return body.AccessToken, time.Duration(body.ExpiresIn) * time.Second, nil
		}
		if got.outcome != refused {
			return "", 0, fmt.Errorf("issue a channel access token: %w", got)
		}
		// Thirty others may be alive. Of the stateless ones there is no such limit; they live for a quarter of an hour.
		if assertion, err = assert(); err != nil {
			return "", 0, err
		}
		token, life, err := stateless(ctx, api, assertionType, assertion, "", "")
		if err != nil {
			return "", 0, fmt.Errorf("issue a channel access token: %w; %w", got, err)
		}
		return token, life, nil
	}
	return &Token{issue: issue, now: now}, nil
}

const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// Stateless asks for stateless channel access tokens with the channel's ID and secret; while the secret is being
// rotated, with whichever LINE takes.
func Stateless(apiURL, channelID string, secrets []string, client *http.Client, now func() time.Time) (*Token, error) {
	api, err := channel_access_token.NewChannelAccessTokenAPI(
		channel_access_token.WithHTTPClient(client), channel_access_token.WithEndpoint(apiURL))
	if err != nil {
		return nil, err
	}
	issue := func(ctx context.Context) (token string, life time.Duration, err error) {
		for _, secret := range secrets {
			if token, life, err = stateless(ctx, api, "", "", channelID, secret); err == nil {
				break
			}
		}
		return token, life, err
	}
	return &Token{issue: issue, now: now}, nil
}

func stateless(ctx context.Context, api *channel_access_token.ChannelAccessTokenAPI, kind, assertion, id, secret string) (string, time.Duration, error) {
	c := *api
	resp, body, err := c.WithContext(ctx).IssueStatelessChannelTokenWithHttpInfo("client_credentials", kind, assertion, id, secret)
	if got := calledWith(resp, err); got.outcome != accepted || body == nil {
		return "", 0, fmt.Errorf("issue a stateless channel access token: %w", got)
	}
	return body.AccessToken, time.Duration(body.ExpiresIn) * time.Second, nil
}

// get returns a token that is good now.
func (t *Token) get(ctx context.Context) (string, error) {
	t.mu.Lock()
	if t.issue == nil || t.current != "" && t.now().Before(t.renewAt) {
		defer t.mu.Unlock()
		return t.current, nil
	}
	if t.renewing == nil {
		t.renewing = make(chan struct{})
		go t.renew()
	}
	if t.current != "" && t.now().Before(t.endsAt) {
		defer t.mu.Unlock()
		return t.current, nil
	}
	renewed := t.renewing
	t.mu.Unlock()
	select {
	case <-renewed:
	case <-ctx.Done():
		return "", ctx.Err()
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.current == "" {
		return "", t.err
	}
	return t.current, nil
}

// renew asks LINE for the next token. It belongs to no call: whoever asked first may be gone before the answer.
func (t *Token) renew() {
	ctx, cancel := context.WithTimeout(context.Background(), renewalTime)
	defer cancel()
	token, life, err := t.issue(ctx)
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	switch {
	case err == nil:
		t.current, t.renewAt, t.endsAt = token, now.Add(life/2), now.Add(life)
	case now.Before(t.endsAt):
		t.renewAt = now.Add(askAgain)
	default:
		t.current = ""
	}
	t.err = err
	close(t.renewing)
	t.renewing = nil
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
		return nil, &notSentError{why: "no access token", err: err}
	}
	req = req.Clone(req.Context())
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := b.next.RoundTrip(req)
	if err == nil && resp.StatusCode == http.StatusUnauthorized {
		b.token.refused(token)
	}
	return resp, err
}
