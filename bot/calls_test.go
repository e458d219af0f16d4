package bot

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// newCaller calls a LINE that answers with what status returns; 0 is no answer.
func newCaller(status func() int) (c *caller, calls *atomic.Int64) {
	calls = new(atomic.Int64)
	line := roundTrip(func(req *http.Request) (*http.Response, error) {
		calls.Add(1)
		code := status()
		if code == 0 {
			return nil, errors.New("connection reset")
		}
		return &http.Response{StatusCode: code, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("{}")), Request: req}, nil
	})
	return &caller{next: line, share: 0.9, log: slog.New(slog.DiscardHandler), metrics: NewMetrics(prometheus.NewRegistry()), now: time.Now, pause: pause}, calls
}

func (c *caller) try(t *testing.T, path string) error {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://api.line.me"+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := c.RoundTrip(req)
	if err == nil {
		resp.Body.Close()
	}
	return err
}

const loading, replying = "/v2/bot/chat/loading/start", "/v2/bot/message/reply"

// line-platform §3.3: the loading sign may be started 100 times a second, a reply be sent 2,000 times.
func TestCallsStayInsideTheRateLimit(t *testing.T) {
	for path, perSecond := range map[string]int{loading: 90, replying: 1800} {
		synctest.Test(t, func(t *testing.T) {
			c, calls := newCaller(func() int { return 200 })
			start := time.Now()
			for range 3 * perSecond { // a burst, and two seconds' worth
				if err := c.try(t, path); err != nil {
					t.Fatal(err)
				}
			}
			if took := time.Since(start); took < 1900*time.Millisecond || took > 2100*time.Millisecond {
				t.Errorf("%s: %d calls took %v", path, calls.Load(), took)
			}
			if n := testutil.ToFloat64(c.metrics.lineWaits.WithLabelValues(path)); n != float64(2*perSecond) {
				t.Errorf("%s: %v calls were held back", path, n)
			}
		})
	}
}

// A call that would wait for long is given back unsent, and leaves the waiting no longer than it was.
func TestTooManyCallsAreGivenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, calls := newCaller(func() int { return 200 })
		given := make(chan error, 500)
		for range cap(given) {
			go func() { given <- c.try(t, loading) }()
		}
		sent, back := 0, 0
		for range cap(given) {
			unsent := (*notSentError)(nil)
			switch err := <-given; {
			case err == nil:
				sent++
			case errors.As(err, &unsent) && unsent.again > longestWait && unsent.again < longestWait+time.Second:
				back++
			default:
				t.Error(err)
			}
		}
		if sent != 3*90 || int(calls.Load()) != sent || back != 500-sent {
			t.Errorf("%d sent (%d calls), %d given back", sent, calls.Load(), back)
		}
	})
}

// After a 429 somebody else draws on the limit too: what was saved up for a burst is given up.
func TestBusyMinuteEndsTheBurst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		status := 429
		c, _ := newCaller(func() int { return status })
		start := time.Now()
		for range 10 {
			if err := c.try(t, loading); err != nil {
				t.Fatal(err)
			}
			status = 200
		}
		if took := time.Since(start); took < 99*time.Millisecond {
			t.Errorf("ten calls took %v", took)
		}
	})
}

// An endpoint that keeps failing is left alone, others are not; it is tried again, and heard when it is well.
func TestFailingEndpointRests(t *testing.T) {
	for name, failure := range map[string]int{"5xx": 503, "no answer": 0} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				status := failure
				c, calls := newCaller(func() int { return status })
				for range failuresInARow - 1 {
					_ = c.try(t, replying) // fails, as it is meant to
				}
				status = 429 // LINE answers: that is no failure of LINE's
				_ = c.try(t, replying)
				status = failure
				for range failuresInARow {
					_ = c.try(t, replying)
				}
				made := calls.Load()
				unsent := (*notSentError)(nil)
				if err := c.try(t, replying); !errors.As(err, &unsent) || unsent.again != restTime || calls.Load() != made {
					t.Errorf("after %d failures in a row: %v, %d more calls", failuresInARow, err, calls.Load()-made)
				}
				resting := c.metrics.lineResting.WithLabelValues("POST " + replying)
				if testutil.ToFloat64(resting) != 1 {
					t.Error("not shown as resting")
				}
				_ = c.try(t, loading)
				if calls.Load() != made+1 {
					t.Error("another endpoint rests, too")
				}
				_ = pause(t.Context(), restTime+time.Millisecond)
				if _ = c.try(t, replying); calls.Load() != made+2 {
					t.Error("not tried again after its rest")
				}
				_ = pause(t.Context(), restTime+time.Millisecond)
				status = 200
				for range callsAfterRest + 1 {
					if err := c.try(t, replying); err != nil {
						t.Error(err)
					}
				}
				if testutil.ToFloat64(resting) != 0 {
					t.Error("still shown as resting")
				}
			})
		})
	}
}

// Somebody who hangs up says nothing about LINE.
func TestHangingUpIsNoFailure(t *testing.T) {
	gone, hangUp := context.WithCancel(t.Context())
	hangUp()
	line := roundTrip(func(req *http.Request) (*http.Response, error) { return nil, req.Context().Err() })
	c := &caller{next: line, log: slog.New(slog.DiscardHandler), metrics: NewMetrics(prometheus.NewRegistry()), now: time.Now, pause: pause}
	req, err := http.NewRequestWithContext(gone, http.MethodPost, "https://api.line.me"+replying, nil)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 * failuresInARow {
		if _, err := c.RoundTrip(req); errors.As(err, new(*notSentError)) {
			t.Fatal("the endpoint is left alone")
		}
	}
}
