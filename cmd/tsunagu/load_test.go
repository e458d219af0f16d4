package main

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tsunagu/bot/linesim"
)

// An operator starts load, then a server as it says, with the carrier file it wrote: everybody is answered once.
func TestLoad(t *testing.T) {
	public, lineSide := freeListener(t), freeListener(t)
	lineAddress := lineSide.Addr().String()
	lineSide.Close()
	url := "http://" + public.Addr().String()
	sim := linesim.New(linesim.Config{}) // for its secret and token
	file := filepath.Join(t.TempDir(), "carrier.yaml")
	env := settingsFor(sim, "http://"+lineAddress, url, "sqlite:"+filepath.Join(t.TempDir(), "tsunagu.db"))
	a := appWith(t, env, slog.New(slog.DiscardHandler), time.Now, seams{})
	start(t, a, public)
	if err := writeCarrier(file, 5); err != nil {
		t.Fatal(err)
	}
	var imported bytes.Buffer
	lookup := func(name string) (string, bool) { v, ok := env[name]; return v, ok }
	if code := run(context.Background(), []string{"carrier", "import", file}, lookup, &imported, &imported); code != 0 {
		t.Fatalf("import: %d %s", code, imported.String())
	}
	var out, said bytes.Buffer
	code := run(t.Context(), []string{
		"load", "--url", url + "/webhook", "--secret", sim.Config().ChannelSecret, "--token", sim.Config().AccessToken,
		"--people", "5", "--duration", "300ms", "--connections", "2", "--listen", lineAddress, "--json",
	}, lookup, &out, &said)
	if code != 0 {
		t.Fatalf("exit %d: %s %s", code, out.String(), said.String())
	}
	var got map[string]any
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatalf("%v in %s", err, out.String())
	}
	for _, key := range strings.Fields("accepted_per_s replied_per_s ack_p50_ms ack_p99_ms reply_p50_ms reply_p99_ms events lost doubled out_of_order") {
		if _, ok := got[key].(float64); !ok {
			t.Errorf("no %s in %s", key, out.String())
		}
	}
	if got["events"].(float64) < 5 || got["lost"] != 0.0 || got["doubled"] != 0.0 || got["out_of_order"] != 0.0 {
		t.Errorf("report %s", out.String())
	}
	if !strings.Contains(said.String(), "LINE_API_URL=http://") || !strings.Contains(said.String(), "linked 5 of 5 people") {
		t.Errorf("said %s", said.String())
	}
}

// LINE allows no load tests, and strangers' servers are not ours to load.
func TestLoadStaysOnThisMachine(t *testing.T) {
	for _, args := range [][]string{
		{"load", "--url", "https://bot.example.jp/webhook"},
		{"load", "--url", "http://127.0.0.1:1/webhook", "--ops-url", "http://10.0.0.1:9090"},
		{"load", "--url", "http://127.0.0.1:1/webhook", "--people", "0"},
	} {
		var out bytes.Buffer
		if code := run(t.Context(), args, func(string) (string, bool) { return "", false }, &out, &out); code != exitUsage || !strings.Contains(out.String(), "load: --") {
			t.Errorf("%v: exit %d, %s", args, code, out.String())
		}
	}
}
