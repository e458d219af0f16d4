package console

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"tsunagu/flows"
)

// OIDC is the company's identity provider (OpenID Connect Core 1.0, authorization code with PKCE). Whoever it names by
// preferred_username, or else by email, has to have an account of that name here: roles are this desk's.
type OIDC struct {
	Issuer, ClientID, ClientSecret string
}

// oidcCookie keeps state, nonce and verifier while the browser is at the provider.
const oidcCookie, oidcTime = "desk-oidc", 10 * time.Minute

func (c *Console) provider(ctx context.Context) (*oidc.Provider, *oauth2.Config, error) {
	p, err := oidc.NewProvider(ctx, c.OIDC.Issuer)
	if err != nil {
		return nil, nil, err
	}
	return p, &oauth2.Config{
		ClientID: c.OIDC.ClientID, ClientSecret: c.OIDC.ClientSecret, Endpoint: p.Endpoint(),
		RedirectURL: c.PublicURL + "/console/login/oidc/back", Scopes: []string{oidc.ScopeOpenID, "profile", "email"},
	}, nil
}

func (c *Console) oidcStart(v *visit) error {
	if c.OIDC == nil {
		return v.Redirect(http.StatusSeeOther, "/console/login")
	}
	ctx, cancel := context.WithTimeout(v.ctx(), 10*time.Second)
	defer cancel()
	_, cfg, err := c.provider(ctx)
	if err != nil {
		return err
	}
	state, nonce, verifier := rand.Text(), rand.Text(), oauth2.GenerateVerifier()
	cookie := c.cookie(state+"."+nonce+"."+verifier, int(oidcTime/time.Second))
	cookie.Name, cookie.Path = oidcCookie, "/console/login"
	v.SetCookie(cookie)
	return v.Redirect(http.StatusSeeOther, cfg.AuthCodeURL(state, oidc.Nonce(nonce), oauth2.S256ChallengeOption(verifier)))
}

// errOIDC says that what came back from the provider is not good.
var errOIDC = errors.New("the identity provider's answer is not good")

func (c *Console) oidcBack(v *visit) error {
	if c.OIDC == nil {
		return v.Redirect(http.StatusSeeOther, "/console/login")
	}
	name, err := c.oidcName(v)
	if err == nil {
		_, err = c.Desk.Operator(v.ctx(), name)
	}
	if err != nil {
		c.Log.Warn("desk: sign-in by the identity provider failed", "err", err)
		if errors.Is(err, flows.ErrNoOperator) {
			if err := c.auditAs(v.ctx(), name, "signin-failed", v.RealIP(), "oidc"); err != nil {
				return err
			}
		}
		return c.show(v, http.StatusUnauthorized, "login", loginForm{OIDC: true, Wrong: v.say("noOperator")})
	}
	return c.enter(v, name, "oidc")
}

// oidcName is who the provider says came back.
func (c *Console) oidcName(v *visit) (string, error) {
	cookie, err := v.Cookie(oidcCookie)
	if err != nil {
		return "", errors.Join(errOIDC, err)
	}
	parts := strings.Split(cookie.Value, ".")
	if len(parts) != 3 || parts[0] == "" || v.QueryParam("state") != parts[0] {
		return "", errOIDC
	}
	nonce, verifier := parts[1], parts[2]
	ctx, cancel := context.WithTimeout(v.ctx(), 10*time.Second)
	defer cancel()
	p, cfg, err := c.provider(ctx)
	if err != nil {
		return "", err
	}
	token, err := cfg.Exchange(ctx, v.QueryParam("code"), oauth2.VerifierOption(verifier))
	if err != nil {
		return "", err
	}
	raw, ok := token.Extra("id_token").(string)
	if !ok {
		return "", errOIDC
	}
	id, err := p.Verifier(&oidc.Config{ClientID: c.OIDC.ClientID}).Verify(ctx, raw)
	if err != nil {
		return "", err
	}
	if id.Nonce != nonce {
		return "", errOIDC
	}
	var claims struct {
		Name  string `json:"preferred_username"`
		Email string `json:"email"`
	}
	if err := id.Claims(&claims); err != nil {
		return "", err
	}
	if claims.Name == "" {
		claims.Name = claims.Email
	}
	if claims.Name == "" {
		return "", errOIDC
	}
	return claims.Name, nil
}
