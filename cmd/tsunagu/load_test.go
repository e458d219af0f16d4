package main

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tsunagu/bot/linesim"
)

// A loaded is a serve on SQLite that waits for the load of a LINE that is not there yet.
type loaded struct {
	env         map[string]string
	url         string // of its webhook
	lineAddress string
	secrets     linesim.Config
}

// newLoaded starts the server, with the carrier file that load writes for so many people.
func newLoaded(t *testing.T, people int) *loaded {
	t.Helper()
	public, lineSide := freeListener(t), freeListener(t)
	l := &loaded{lineAddress: lineSide.Addr().String(), url: "http://" + public.Addr().String() + "/webhook"}
	lineSide.Close()
	sim := linesim.New(linesim.Config{})
	l.secrets = sim.Config()
	l.env = settingsFor(sim, "http://"+l.lineAddress, "http://"+public.Addr().String(), "sqlite:"+filepath.Join(t.TempDir(), "tsunagu.db"))
	a := appWith(t, l.env, slog.New(slog.DiscardHandler), time.Now, seams{})
	start(t, a, public)
	if people == 0 {
		return l
	}
	file := filepath.Join(t.TempDir(), "carrier.yaml")
	if err := writeCarrier(file, people); err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	if code := run(t.Context(), []string{"carrier", "import", file}, l.getenv, &said, &said); code != 0 {
		t.Fatalf("import: %d %s", code, said.String())
	}
	return l
}

func (l *loaded) getenv(name string) (string, bool) { v, ok := l.env[name]; return v, ok }

// load runs the command with these arguments more. What it says beside the report goes to said.
func (l *loaded) load(ctx context.Context, said *syncBuffer, args ...string) (code int, out string) {
	var b bytes.Buffer
	args = append([]string{"load", "--url", l.url, "--secret", l.secrets.ChannelSecret, "--token", l.secrets.AccessToken, "--listen", l.lineAddress}, args...)
	code = run(ctx, args, l.getenv, &b, said)
	return code, b.String()
}

// An operator starts load, then a server as it says, with the carrier file it wrote: everybody is answered once. The
// next load finds the same people, linked to their lines (LNK-28).
func TestLoad(t *testing.T) {
	l := newLoaded(t, 5)
	for range 2 {
		var said syncBuffer
		code, out := l.load(t.Context(), &said, "--people", "5", "--rate", "500", "--duration", "400ms", "--json")
		if code != 0 {
			t.Fatalf("exit %d: %s %s", code, out, said.String())
		}
		var got map[string]any
		if err := json.Unmarshal([]byte(out), &got); err != nil {
			t.Fatalf("%v in %s", err, out)
		}
		for _, key := range strings.Fields("accepted_per_s replied_per_s ack_p50_ms ack_p99_ms reply_p50_ms reply_p99_ms events lost doubled out_of_order") {
			if _, ok := got[key].(float64); !ok {
				t.Errorf("no %s in %s", key, out)
			}
		}
		if got["events"].(float64) < 5 || got["lost"] != 0.0 || got["doubled"] != 0.0 || got["out_of_order"] != 0.0 {
			t.Errorf("report %s", out)
		}
		if !strings.Contains(said.String(), "LINE_API_URL=http://") || !strings.Contains(said.String(), "linked 5 of 5 people") {
			t.Errorf("said %s", said.String())
		}
	}
}

// With trouble on the way everybody is answered all the same, and the table says how often it struck.
func TestLoadWithFaults(t *testing.T) {
	l := newLoaded(t, 5)
	var said syncBuffer
	code, out := l.load(t.Context(), &said, "--people", "5", "--rate", "200", "--duration", "400ms", "--fault", "duplicate=1", "--fault", "redeliver=0.5")
	if code != 0 || !strings.Contains(out, "fault duplicate") || !strings.Contains(out, "fault redeliver") || !strings.Contains(out, "replies/s") {
		t.Errorf("exit %d: %s %s", code, out, said.String())
	}
}

// Ctrl-C ends the asking; the report says what became of what was asked.
func TestLoadInterrupted(t *testing.T) {
	l := newLoaded(t, 5)
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	said := &syncBuffer{awaited: "linked 5 of 5 people", seen: make(chan struct{})}
	go func() {
		select {
		case <-said.seen:
			interrupt()
		case <-ctx.Done():
		}
	}()
	code, out := l.load(ctx, said, "--people", "5", "--duration", "1h", "--json")
	if code != 0 || !strings.Contains(out, `"lost":0,`) {
		t.Errorf("exit %d: %s %s", code, out, said.String())
	}
}

// Whatever is missing is said with what to do.
func TestLoadSaysWhatIsMissing(t *testing.T) {
	l := newLoaded(t, 0)
	var said syncBuffer
	if code, out := l.load(t.Context(), &said, "--people", "1", "--duration", "1s"); code != exitFailed || out != "" ||
		!strings.Contains(said.String(), "load-0 was told") || !strings.Contains(said.String(), "tsunagu carrier import FILE") {
		t.Errorf("without the carrier file: exit %d, %s %s", code, out, said.String())
	}
	said = syncBuffer{}
	if code, _ := l.load(t.Context(), &said, "--ops-url", strings.TrimSuffix(l.url, "/webhook")); code != exitFailed ||
		!strings.Contains(said.String(), "--ops-url is its OPS_LISTEN") {
		t.Errorf("without its memory: exit %d, %s", code, said.String())
	}
	for _, test := range []struct {
		url, secret, says string
	}{
		{l.url, "another", "start it with the LINE_CHANNEL_SECRET above"},
		{strings.TrimSuffix(l.url, "webhook"), l.secrets.ChannelSecret, "--url is the whole address"},
		{"http://" + freeAddress(t) + "/webhook", l.secrets.ChannelSecret, "nothing answers there yet"},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		said := &syncBuffer{awaited: test.says, seen: make(chan struct{})}
		go func() {
			defer cancel()
			select {
			case <-said.seen:
			case <-time.After(time.Minute):
			}
		}()
		if code, _ := l.load(ctx, said, "--url", test.url, "--secret", test.secret); code != exitFailed || !strings.Contains(said.String(), test.says) {
			t.Errorf("exit %d, and not %q but %s", code, test.says, said.String())
		}
		<-ctx.Done()
	}
}

// LINE allows no load tests, and strangers' servers are not ours to load.
func TestLoadRefusesWrongUsage(t *testing.T) {
	for _, args := range [][]string{
		{"--url", "https://bot.example.jp/webhook"},
		{"--url", "localhost:8080/webhook"},
		{"--url", "http://127.0.0.1:1/webhook", "--ops-url", "http://10.0.0.1:9090"},
		{"--url", "http://127.0.0.1:1/webhook", "--people", "0"},
		{"--url", "http://127.0.0.1:1/webhook", "--rate", "-1"},
		{"--url", "http://127.0.0.1:1/webhook", "--fault", "slow"},
		{"--url", "http://127.0.0.1:1/webhook", "--fault", "sleepy=0.5"},
		{"--url", "http://127.0.0.1:1/webhook", "--fault", "slow=2"},
		{"--rate", "5"},
	} {
		var out bytes.Buffer
		if code := run(t.Context(), append([]string{"load"}, args...), func(string) (string, bool) { return "", false }, &out, &out); code != exitUsage || !strings.Contains(out.String(), "--") {
			t.Errorf("%v: exit %d, %s", args, code, out.String())
		}
	}
}

// A server's metrics tell its memory; anything else tells none.
func TestResidentMB(t *testing.T) {
	for body, want := range map[string]float64{
		"# TYPE process_resident_memory_bytes gauge\nprocess_resident_memory_bytes 6.291456e+07\nx 1\n": 60,
		"x 1\n": 0,
	} {
		ops := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(body)) }))
		if got := residentMB(t.Context(), ops.URL+"/"); got != want {
			t.Errorf("%v of %q", got, body)
		}
		ops.Close()
	}
}
