package bot

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sony/gobreaker/v2"
	"golang.org/x/time/rate"
)

const (
	// failuresInARow of one endpoint are no accident: it is left alone for restTime, then a few calls try it again.
	failuresInARow = 20
	restTime       = 5 * time.Second
	callsAfterRest = 3
	// longestWait is how long a call waits for its place in LINE's rate limit before it is given back unsent.
	longestWait = 2 * time.Second
)

// limits are LINE's rate limits for the calls made while people wait (line-platform §3.3), in calls a second. LINE
// counts all calls of a channel to an endpoint, so several processes have to share them.
var limits = map[string]float64{"POST /v2/bot/chat/loading/start": 100}

// otherLimit is the limit of all other endpoints that are called here.
const otherLimit = 2000

// A caller is the one way out to LINE. It keeps each endpoint inside its rate limit, leaves one alone that keeps
// failing, and logs and counts every call: LINE asks for its request ID, the time, the method, the endpoint and the
// status.
type caller struct {
	next    http.RoundTripper
	share   float64 // of LINE's limits; 0: they do not matter
	log     *slog.Logger
	metrics *Metrics
	now     func() time.Time
	pause   func(context.Context, time.Duration) error

	mu        sync.Mutex
	endpoints map[string]*endpoint
}

// An endpoint is a method and a path without the IDs in it.
type endpoint struct {
	method, path string
	bucket       *rate.Limiter
	breaker      *gobreaker.TwoStepCircuitBreaker[any]
	seconds      prometheus.Observer
	waits        prometheus.Counter
}

// A notSentError is a call that certainly did not reach LINE, and is no fault of the message.
type notSentError struct {
	why   string
	err   error // may be nil
	again time.Duration
}

func (e *notSentError) Error() string { return e.why }
func (e *notSentError) Unwrap() error { return e.err }

func (c *caller) RoundTrip(req *http.Request) (*http.Response, error) {
	e := c.endpoint(req.Method, req.URL.Path)
	now := c.now()
	place := e.bucket.ReserveN(now, 1)
	if wait := place.DelayFrom(now); wait > 0 {
		e.waits.Inc()
		if wait > longestWait {
			place.CancelAt(now)
			return nil, &notSentError{why: "too many calls to LINE at this moment", again: wait}
		}
		if err := c.pause(req.Context(), wait); err != nil {
			return nil, &notSentError{why: "no time left for the call", err: err}
		}
	}
	judge, err := e.breaker.Allow()
	if err != nil {
		return nil, &notSentError{why: "LINE keeps failing and is left alone for a moment", err: err, again: restTime}
	}
	start := time.Now()
	resp, err := c.next.RoundTrip(req)
	took := time.Since(start)
	e.seconds.Observe(took.Seconds())
	if err != nil {
		judge(err)
		c.metrics.lineCalls.WithLabelValues(e.path, "none").Inc()
		c.log.Warn("line call", "method", e.method, "endpoint", e.path, "ms", took.Milliseconds(), "err", withoutURL(err))
		return nil, err
	}
	judge(serverError(resp.StatusCode))
	if resp.StatusCode == http.StatusTooManyRequests {
		now := c.now()
		e.bucket.AllowN(now, max(0, int(e.bucket.TokensAt(now)))) // somebody else draws on the limit: no more bursts
	}
	c.metrics.lineCalls.WithLabelValues(e.path, strconv.Itoa(resp.StatusCode)).Inc()
	level := slog.LevelInfo // LINE keeps no log for us
	if resp.StatusCode >= 400 {
		level = slog.LevelWarn
	}
	if c.log.Enabled(req.Context(), level) {
		c.log.LogAttrs(req.Context(), level, "line call", slog.String("method", e.method), slog.String("endpoint", e.path),
			slog.Int("status", resp.StatusCode), slog.Int64("ms", took.Milliseconds()),
			slog.String("request_id", resp.Header.Get("x-line-request-id")))
	}
	return resp, nil
}

// serverError is an error for the statuses that say nothing about the call and something about LINE.
func serverError(status int) error {
	if status < 500 {
		return nil
	}
	return errors.New(http.StatusText(status))
}

// endpoint finds what is kept of an endpoint.
func (c *caller) endpoint(method, path string) *endpoint {
	path = withoutIDs(path)
	name := method + " " + path
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.endpoints[name]; e != nil {
		return e
	}
	perSecond, known := limits[name]
	if !known {
		perSecond = otherLimit
	}
	perSecond *= c.share
	bucket := rate.NewLimiter(rate.Limit(perSecond), max(1, int(perSecond)))
	if c.share == 0 {
		bucket = rate.NewLimiter(rate.Inf, 0)
	}
	resting := c.metrics.lineResting.WithLabelValues(name)
	e := &endpoint{
		method: method, path: path,
		bucket:  bucket,
		seconds: c.metrics.lineSeconds.WithLabelValues(path),
		waits:   c.metrics.lineWaits.WithLabelValues(path),
		breaker: gobreaker.NewTwoStepCircuitBreaker[any](gobreaker.Settings{
			MaxRequests: callsAfterRest, Timeout: restTime,
			ReadyToTrip: func(n gobreaker.Counts) bool { return n.ConsecutiveFailures >= failuresInARow },
			// Whoever asked has gone: that says nothing about LINE.
			IsExcluded: func(err error) bool { return errors.Is(err, context.Canceled) },
			OnStateChange: func(_ string, _, now gobreaker.State) {
				open := 0.0
				if now == gobreaker.StateOpen {
					open = 1
				}
				resting.Set(open)
				c.log.Warn("line calls", "endpoint", path, "circuit", now.String())
			},
		}),
	}
	if c.endpoints == nil {
		c.endpoints = make(map[string]*endpoint)
	}
	c.endpoints[name] = e
	return e
}

// withoutURL drops the address from an error: it may name a person.
func withoutURL(err error) error {
	if u := (*url.Error)(nil); errors.As(err, &u) {
		return u.Err
	}
	return err
}

// withoutIDs is a path that names the endpoint and not the person.
func withoutIDs(path string) string {
	switch path { // nearly all calls
	case "/v2/bot/message/reply", "/v2/bot/message/push":
		return path
	}
	parts := strings.Split(path, "/")
	for i, p := range parts {
		if len(p) > 24 || strings.HasPrefix(p, "richmenu-") || i > 0 && parts[i-1] == "alias" && p != "list" {
			parts[i] = "*"
		}
	}
	return strings.Join(parts, "/")
}
