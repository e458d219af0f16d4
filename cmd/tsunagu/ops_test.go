package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"tsunagu/store/storetest"
)

func get(t *testing.T, h http.Handler, path string) (int, string) {
	t.Helper()
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, path, nil))
	body, err := io.ReadAll(rec.Body)
	if err != nil {
		t.Fatal(err)
	}
	return rec.Code, string(body)
}

// /healthz, /readyz and /metrics, each on its own listener; a database that is gone or ahead of the program is said.
func TestHealthReadyMetrics(t *testing.T) {
	storetest.Each(t, func(t *testing.T, database string) {
		w := newWorld(t, database)
		w.say(w.person("花子"), "メニュー")
		for path, want := range map[string]string{"/healthz": "ok", "/readyz": "ready"} {
			if status, body := get(t, w.public, path); status != 200 || !strings.Contains(body, want) {
				t.Errorf("%s: %d %s", path, status, body)
			}
		}
		if status, _ := get(t, w.public, "/metrics"); status != http.StatusNotFound {
			t.Errorf("metrics on the public listener: %d", status)
		}
		status, body := get(t, w.ops, "/metrics")
		for _, want := range []string{
			`tsunagu_events_total{fate="answered",type="follow"} 1`, `tsunagu_events_total{fate="answered",type="message"} 1`,
			`tsunagu_deeds_total{kind="reply",state="done"} 2`, `tsunagu_line_calls_total{endpoint="/v2/bot/message/reply",status="200"} 2`,
			"tsunagu_lanes_due 0", "tsunagu_oldest_due_lane_seconds 0",
		} {
			if status != 200 || !strings.Contains(body, want) {
				t.Errorf("no %q in /metrics (%d)", want, status)
			}
		}
		if strings.Contains(body, "U0") {
			t.Error("metrics name a person")
		}
		for _, newer := range []string{`INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, true)`, `UPDATE schema_floor SET oldest = 99999`} {
			if err := w.store.DB().Exec(newer).Error; err != nil {
				t.Fatal(err)
			}
		}
		if status, body := get(t, w.public, "/readyz"); status != 503 || !strings.Contains(body, "newer") {
			t.Errorf("ready on a newer schema: %d %s", status, body)
		}
	})
}

// What people call wrongly is said in words, with exit code 2; what fails has 1.
func TestExitCodes(t *testing.T) {
	nobodyThere := map[string]string{"LISTEN": "127.0.0.1:1"}
	getenv := func(name string) (string, bool) { v, ok := nobodyThere[name]; return v, ok }
	for _, test := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"version"}, 0, "tsunagu"},
		{[]string{"--help"}, 0, "LINE_CHANNEL_SECRET"},
		{[]string{"sing"}, 2, "unexpected argument"},
		{[]string{"serve"}, 2, "PUBLIC_URL: is missing"},
		{[]string{"serve", "--config", "/nowhere.yaml"}, 2, "/nowhere.yaml"},
		{[]string{"carrier", "import"}, 2, "expected"},
		{[]string{"richmenu", "preview", "x", "--font", "/dev/null", "--color", "green"}, 2, "#06C755"},
		{[]string{"healthz"}, 1, "connect"},
	} {
		var out syncBuffer
		if code := run(t.Context(), test.args, getenv, &out, &out); code != test.code || !strings.Contains(out.String(), test.says) {
			t.Errorf("%q: exit code %d, said %s", test.args, code, out.String())
		}
	}
}
