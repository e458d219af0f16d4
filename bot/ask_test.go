package bot

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"tsunagu/flows"
)

// asked is a carrier, and the tables its questions touch.
type asked struct {
	Lanes
	Carrier
	wrong   int
	calls   int
	balance func() (flows.Balance, error)
}

func (a *asked) WrongCodes(context.Context, time.Time, int) (int, error) { return a.wrong, nil }

func (a *asked) Linked(context.Context, flows.LinkKind, string) (string, bool, error) {
	return person, true, nil
}

func (a *asked) VerifyCode(context.Context, string) (flows.Line, error) {
	a.calls++
	return flows.Line{}, flows.ErrWrongCode
}

func (a *asked) Balance(context.Context, string) (flows.Balance, error) {
	a.calls++
	return a.balance()
}

func newAsking(t *testing.T, a *asked, log *bytes.Buffer) (b *Bot, clock *time.Time, paused *time.Duration) {
	t.Helper()
	clock, paused = new(time.Time), new(time.Duration)
	*clock = time.Date(2026, 11, 22, 16, 5, 0, 0, flows.JST)
	b, err := New(Config{
		Lanes: a, Carrier: a, Settings: flows.Defaults(), Log: slog.New(slog.NewTextHandler(log, nil)),
		Metrics: NewMetrics(prometheus.NewRegistry()), Now: func() time.Time { return *clock }, Token: LongLived("t"), APIURL: "https://line.example",
		Pause: func(_ context.Context, d time.Duration) error { *paused += d; return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	return b, clock, paused
}

// LNK-25: a hundred wrong codes of all people in ten minutes are let pass; more raise an alarm and slow each check.
func TestLNK25Alarm(t *testing.T) {
	for wrong, pause := range map[int]time.Duration{100: 0, 101: 2 * time.Second} {
		var log bytes.Buffer
		b, _, paused := newAsking(t, &asked{wrong: wrong}, &log)
		in, err := b.ask(t.Context(), flows.Arrival{Lane: person}, flows.CheckCode{Code: "0123456789012345"})
		if err != nil || in != (flows.CodeWrong{}) {
			t.Errorf("answer %#v, %v", in, err)
		}
		alarm := testutil.ToFloat64(b.Metrics.codeAlarm) == 1
		if *paused != pause || alarm != (pause > 0) || strings.Contains(log.String(), "guessing") != (pause > 0) {
			t.Errorf("%d wrong codes: paused %v, alarm %v, log %s", wrong, *paused, alarm, log.String())
		}
		if strings.Contains(log.String(), "0123456789012345") { // LNK-30
			t.Error("the code is in the log")
		}
	}
}

// BAL-06: figures are reused for 60 seconds and no longer, and not when the clock was set back.
func TestBAL06Cache(t *testing.T) {
	a := &asked{balance: func() (flows.Balance, error) { return flows.Balance{LineID: "l"}, nil }}
	b, clock, _ := newAsking(t, a, new(bytes.Buffer))
	for _, step := range []struct {
		move  time.Duration
		calls int
	}{{0, 1}, {59 * time.Second, 1}, {time.Second, 2}, {-time.Second, 3}} {
		*clock = clock.Add(step.move)
		if _, err := b.ask(t.Context(), flows.Arrival{}, flows.ReadBalance{Line: "l"}); err != nil || a.calls != step.calls {
			t.Errorf("after %v: asked %d times (%v), want %d", step.move, a.calls, err, step.calls)
		}
	}
}

// BAL-12: a carrier that fails, or does not answer in time, is an apology at once; its figures come too late.
func TestBAL12CarrierDown(t *testing.T) {
	late := make(chan struct{})
	defer close(late)
	for name, balance := range map[string]func() (flows.Balance, error){
		"fails":         func() (flows.Balance, error) { return flows.Balance{}, errors.New("down") },
		"never answers": func() (flows.Balance, error) { <-late; return flows.Balance{LineID: "l"}, nil },
	} {
		b, _, _ := newAsking(t, &asked{balance: balance}, new(bytes.Buffer))
		b.Settings.BalanceTimeout = time.Millisecond
		in, err := b.ask(t.Context(), flows.Arrival{}, flows.ReadBalance{Line: "l"})
		if err != nil || in != (flows.AskFailed{}) {
			t.Errorf("%s: %#v, %v", name, in, err)
		}
		if n := testutil.ToFloat64(b.Metrics.carrierErrors.WithLabelValues("balance")); n != 1 {
			t.Errorf("%s: counted %v failures", name, n)
		}
	}
}
