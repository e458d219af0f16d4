package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"tsunagu/bot/linesim"
)

// With a collector set, an event's way arrives there: accepted, turned, replied, in one trace.
func TestTracesReachTheCollector(t *testing.T) {
	var mu sync.Mutex
	var got bytes.Buffer
	collector := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := io.Reader(r.Body)
		if r.Header.Get("Content-Encoding") == "gzip" {
			unpacked, err := gzip.NewReader(r.Body)
			if err != nil {
				t.Error(err)
				return
			}
			body = unpacked
		}
		mu.Lock()
		defer mu.Unlock()
		if r.URL.Path != "/v1/traces" || r.Header.Get("Content-Type") != "application/x-protobuf" {
			t.Errorf("%s %s", r.URL.Path, r.Header.Get("Content-Type"))
		}
		if _, err := got.ReadFrom(body); err != nil {
			t.Error(err)
		}
	}))
	defer collector.Close()

	sim := linesim.New(linesim.Config{NoRateLimits: true})
	defer sim.Close()
	line := httptest.NewServer(sim)
	defer line.Close()
	public := freeListener(t)
	url := "http://" + public.Addr().String()
	sim.SetWebhook(url + "/webhook")
	env := settingsFor(sim, line.URL, url, "sqlite:"+t.TempDir()+"/tsunagu.db")
	env["OTEL_EXPORTER_OTLP_ENDPOINT"] = collector.URL
	a := appWith(t, env, slog.New(slog.DiscardHandler), time.Now, seams{})
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- a.run(ctx, public, freeListener(t)) }()
	p := sim.AddStranger("花子")
	p.Say("メニュー")
	if err := sim.Await(t.Context(), func() bool { return len(p.Chat()) == 2 }); err != nil {
		t.Fatal(err)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	mu.Lock()
	defer mu.Unlock()
	for _, want := range []string{"accept", "turn", "reply", "tsunagu", "line.request_id"} {
		if !bytes.Contains(got.Bytes(), []byte(want)) {
			t.Errorf("no %q in what the collector got (%d bytes)", want, got.Len())
		}
	}
	for _, secret := range []string{"メニュー", p.ID} {
		if bytes.Contains(got.Bytes(), []byte(secret)) {
			t.Errorf("%q is in the traces", secret)
		}
	}
}

// A collector that is not there holds nothing up.
func TestTracesWithoutTheCollector(t *testing.T) {
	var log bytes.Buffer
	tracer, stop, err := startTraces(t.Context(), &config{OTLPEndpoint: "http://127.0.0.1:1"}, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	_, span := tracer.Start(t.Context(), "turn")
	span.End()
	stop()
	if !bytes.Contains(log.Bytes(), []byte("traces")) {
		t.Errorf("log: %s", log.String())
	}
	if tracer, stop, err = startTraces(t.Context(), &config{}, nil); tracer != nil || err != nil {
		t.Errorf("traced without an endpoint: %v, %v", tracer, err)
	}
	stop()
}
