package bot

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"tsunagu/flows"
)

const (
	// maxBody is more than LINE is known to send.
	maxBody = 2 << 20
	// acceptTime is how long storing may take, whether LINE still listens or not.
	acceptTime = 10 * time.Second
)

// Register hangs POST /webhook under e.
func (b *Bot) Register(e *echo.Echo) { e.POST("/webhook", b.webhook) }

// webhook answers 200 once the events are safe, 400 without or with a wrong signature, 413 over 2 MiB and 503 when
// they could not be stored, so that LINE delivers them again.
func (b *Bot) webhook(c echo.Context) error {
	start := time.Now()
	defer func() { b.Metrics.bodySeconds.Observe(time.Since(start).Seconds()) }()
	r := c.Request()
	body, err := io.ReadAll(http.MaxBytesReader(c.Response(), r.Body, maxBody))
	if err != nil {
		if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
			return b.refuse(c, http.StatusRequestEntityTooLarge, "body over 2 MiB")
		}
		return b.refuse(c, http.StatusBadRequest, "body cut short")
	}
	if !signed(b.ChannelSecrets, r.Header.Get("x-line-signature"), body) {
		return b.refuse(c, http.StatusBadRequest, "signature missing or wrong")
	}
	var delivery struct {
		Destination string            `json:"destination"`
		Events      []json.RawMessage `json:"events"`
	}
	if err := json.Unmarshal(body, &delivery); err != nil {
		b.Log.Warn("webhook body is not what LINE sends", "bytes", len(body), "remote", c.RealIP())
		b.Metrics.bodies.WithLabelValues("unreadable").Inc()
		return c.NoContent(http.StatusOK)
	}
	arrivals := make([]flows.Arrival, len(delivery.Events))
	now, ours := b.Now(), b.isSelf(delivery.Destination)
	for i, raw := range delivery.Events {
		arrivals[i] = arrive(raw, now)
		if !ours {
			arrivals[i].Sort = elsewhere
		}
	}
	if len(arrivals) > 0 {
		// LINE may hang up; the events are stored all the same.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), acceptTime)
		defer cancel()
		err := b.Lanes.Accept(ctx, arrivals)
		for _, a := range arrivals {
			_, end := b.span(ctx, "accept", a.ID, start)
			end(err)
		}
		if err != nil {
			b.Log.Error("events could not be stored", "events", len(arrivals), "err", err)
			b.Metrics.bodies.WithLabelValues("not stored").Inc()
			return c.NoContent(http.StatusServiceUnavailable)
		}
	}
	b.Log.Info("webhook", "events", len(arrivals), "remote", c.RealIP(), "status", http.StatusOK)
	b.Metrics.bodies.WithLabelValues("accepted").Inc()
	return c.NoContent(http.StatusOK)
}

func (b *Bot) refuse(c echo.Context, status int, why string) error {
	b.Log.Warn("webhook refused", "status", status, "why", why, "remote", c.RealIP())
	b.Metrics.bodies.WithLabelValues("refused").Inc()
	return c.NoContent(status)
}

// signed reports whether the header is the base64 HMAC-SHA256 of the body under one of the secrets.
func signed(secrets []string, header string, body []byte) bool {
	got, err := base64.StdEncoding.DecodeString(header)
	if err != nil || len(got) == 0 {
		return false
	}
	ok := false
	for _, secret := range secrets {
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write(body)
		ok = hmac.Equal(got, mac.Sum(nil)) || ok
	}
	return ok
}
