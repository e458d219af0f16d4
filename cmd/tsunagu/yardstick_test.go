package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"tsunagu/bot/linesim"
	"tsunagu/store/storetest"
)

// The yardsticks are measured as a user would run them: each server is a process of its own, the load comes from this
// one, rounds are interleaved, and of the ratios within a round the median counts.

const rounds = 3

// TestMain lets the test binary be one of the servers that the yardsticks compare.
func TestMain(m *testing.M) {
	if kind := os.Getenv("YARDSTICK"); kind != "" {
		if err := beYardstick(kind); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// beYardstick serves on LISTEN until it is killed: "accept" is the product that stores events and does nothing more,
// "echo" the SDK's sample that stores nothing.
func beYardstick(kind string) error {
	var handler http.Handler
	switch kind {
	case "accept":
		cfg, err := loadConfig(os.LookupEnv, "", needServe)
		if err != nil {
			return err
		}
		log := slog.New(slog.NewJSONHandler(io.Discard, nil))
		a, err := newApp(context.Background(), cfg, log, time.Now, true, seams{})
		if err != nil {
			return err
		}
		handler = a.public
	case "echo":
		handler = echoBot(os.Getenv("LINE_API_URL"), os.Getenv("LINE_CHANNEL_SECRET"), os.Getenv("LINE_CHANNEL_ACCESS_TOKEN"))
	default:
		return fmt.Errorf("no yardstick %q", kind)
	}
	l, err := net.Listen("tcp", os.Getenv("LISTEN"))
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, "msg=serving")
	return http.Serve(l, handler)
}

// yardstick starts one of the servers of TestMain.
func yardstick(b *testing.B, kind string, env map[string]string) *exec.Cmd {
	b.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "CI=", "YARDSTICK="+kind)
	return running(b, cmd, env)
}

// BenchmarkAccept is how many webhooks of one event each are stored and answered in a second over 64 connections, as a
// multiple of what pgbench inserts on the same PostgreSQL, one such row a transaction, with 64 clients.
//
//	go test ./cmd/tsunagu -run '^$' -bench BenchmarkAccept -benchtime 1x
func BenchmarkAccept(b *testing.B) {
	const events, connections = 40_000, 64
	cluster := storetest.NewCluster(b) // with the durability a production server has
	sim := linesim.New(linesim.Config{})
	defer sim.Close()
	address := freeListener(b)
	target := address.Addr().String()
	address.Close()
	env := settingsFor(sim, "http://127.0.0.1:1", "http://"+target, cluster.Create(b))
	yardstick(b, "accept", env)
	bench := newPgbench(b, cluster, connections)
	var ratios, accepted, inserted []float64
	for round := range rounds {
		bodies := prepared(sim, target, round, events)
		start := time.Now()
		fire(b, target, bodies, connections)
		perSecond := events / time.Since(start).Seconds()
		tps := bench.run(b, 5*time.Second)
		accepted, inserted, ratios = append(accepted, perSecond), append(inserted, tps), append(ratios, perSecond/tps)
	}
	b.ReportMetric(median(accepted), "webhooks/s")
	b.ReportMetric(median(inserted), "pgbench-tps")
	b.ReportMetric(median(ratios), "×pgbench")
	b.ReportMetric(0, "ns/op")
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

// prepared are HTTP requests with one event each, of 5,000 people, signed and ready to be written.
func prepared(sim *linesim.Sim, host string, round, n int) [][]byte {
	requests := make([][]byte, n)
	for i := range requests {
		person := fmt.Sprintf("U%032x", i%5000)
		now := time.Now().UnixMilli()
		body := fmt.Appendf(nil, `{"destination":"%s","events":[{"type":"message","message":{"type":"text","id":"%d","quoteToken":"q3Plxr4AgKdV7Nyjzqs1A2b4C6d8E0fGhIjKlMnOpQrStUvWxYz","markAsReadToken":"30yhdy232","text":"今月のデータ残量を教えてください。"},"webhookEventId":"%s","deliveryContext":{"isRedelivery":false},"timestamp":%d,"source":{"type":"user","userId":"%s"},"replyToken":"%032x","mode":"active"}]}`,
			sim.Config().BotUserID, 500_000_000+i, fmt.Sprintf("01J%02dX%020d", round, i), now, person, i)
		mac := hmac.New(sha256.New, []byte(sim.Config().ChannelSecret))
		mac.Write(body)
		head := fmt.Sprintf("POST /webhook HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json; charset=utf-8\r\nUser-Agent: LineBotWebhook/2.0\r\nX-Line-Signature: %s\r\nContent-Length: %d\r\n\r\n",
			host, base64.StdEncoding.EncodeToString(mac.Sum(nil)), len(body))
		requests[i] = slices.Concat([]byte(head), body)
	}
	return requests
}

// fire writes the requests over so many connections, one at a time each, and wants each answered with 200. It does no
// more than that, for it shares the processors with the server.
func fire(b *testing.B, host string, requests [][]byte, connections int) {
	var all sync.WaitGroup
	for c := range connections {
		all.Go(func() {
			conn, err := net.Dial("tcp", host)
			if err != nil {
				b.Error(err)
				return
			}
			defer conn.Close()
			answers := bufio.NewReader(conn)
			for i := c; i < len(requests); i += connections {
				if _, err := conn.Write(requests[i]); err != nil {
					b.Error(err)
					return
				}
				for line := 0; ; line++ {
					text, err := answers.ReadSlice('\n')
					if err != nil || line == 0 && !bytes.HasPrefix(text, []byte("HTTP/1.1 200 ")) {
						b.Errorf("answered %q, %v", text, err)
						return
					}
					if len(text) == len("\r\n") {
						break
					}
				}
			}
		})
	}
	all.Wait()
}

// A pgbench inserts events one a transaction.
type pgbench struct {
	tool, script, database string
	clients                int
}

func newPgbench(b *testing.B, cluster *storetest.Cluster, clients int) *pgbench {
	b.Helper()
	p := &pgbench{tool: cluster.Tool("pgbench"), database: cluster.Create(b), clients: clients}
	if _, err := os.Stat(p.tool); err != nil {
		b.Skip("no pgbench: it comes with PostgreSQL's server package")
	}
	psql := exec.Command(cluster.Tool("psql"), p.database, "-qc", `CREATE TABLE events (
		lane TEXT NOT NULL, seq BIGINT NOT NULL, id TEXT NOT NULL UNIQUE, sort TEXT NOT NULL, at BIGINT NOT NULL, body BYTEA, PRIMARY KEY (lane, seq))`,
		"-c", "CREATE SEQUENCE numbers")
	if out, err := psql.CombinedOutput(); err != nil {
		b.Fatalf("%v: %s", err, out)
	}
	p.script = filepath.Join(b.TempDir(), "insert.sql")
	const insert = `\set person random(1, 5000)
INSERT INTO events (lane, seq, id, sort, at, body) VALUES ('U' || :person, nextval('numbers'), gen_random_uuid()::text, 'line', 1764000000000000, decode(repeat('5a', 555), 'hex'));
`
	if err := os.WriteFile(p.script, []byte(insert), 0o600); err != nil {
		b.Fatal(err)
	}
	return p
}

var tpsLine = regexp.MustCompile(`(?m)^tps = ([0-9.]+)`)

func (p *pgbench) run(b *testing.B, d time.Duration) (tps float64) {
	b.Helper()
	out, err := exec.Command(p.tool, "-n", "-M", "prepared", "-c", strconv.Itoa(p.clients), "-j", "2",
		"-T", strconv.Itoa(int(d.Seconds())), "-f", p.script, p.database).CombinedOutput()
	found := tpsLine.FindSubmatch(out)
	if err != nil || found == nil {
		b.Fatalf("pgbench: %v\n%s", err, out)
	}
	tps, err = strconv.ParseFloat(string(found[1]), 64)
	if err != nil {
		b.Fatal(err)
	}
	return tps
}

var errNotServing = errors.New("not serving after a minute")

// running starts a server with settings and waits until it serves.
func running(t testing.TB, cmd *exec.Cmd, env map[string]string) *exec.Cmd {
	t.Helper()
	for name, value := range env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	log := &syncBuffer{awaited: "msg=serving", seen: make(chan struct{})}
	cmd.Stderr = log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // may have ended
		_ = cmd.Wait()
		if t.Failed() {
			t.Log(strings.TrimSpace(log.String()))
		}
	})
	select {
	case <-log.seen:
	case <-time.After(time.Minute):
		t.Fatal(errNotServing)
	}
	return cmd
}
