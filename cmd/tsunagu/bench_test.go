package main

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/line/line-bot-sdk-go/v8/linebot/messaging_api"
	"github.com/line/line-bot-sdk-go/v8/linebot/webhook"

	"tsunagu/bot/linesim"
	"tsunagu/bot/load"
	"tsunagu/store/storetest"
)

// A contender is a server under load with a LINE of its own.
type contender struct {
	name   string
	sim    *linesim.Sim
	count  *load.Counter
	people []*linesim.Person
	asks   load.Question
	ops    string // its listener for operations
}

// contend starts a simulated LINE and the server that start makes of settings for it.
func contend(b *testing.B, name, database string, start func(env map[string]string)) *contender {
	b.Helper()
	c := &contender{name: name, sim: linesim.New(linesim.Config{NoRateLimits: true, NoRedelivery: true, ChatLimit: 10})}
	b.Cleanup(c.sim.Close)
	c.count = load.Observe(c.sim)
	line := httptest.NewServer(c.sim)
	b.Cleanup(line.Close)
	public, ops := freeListener(b), freeListener(b)
	url := "http://" + public.Addr().String()
	env := settingsFor(c.sim, line.URL, url, database)
	env["OPS_LISTEN"], env["LINE_RATE_SHARE"], env["LOG_FORMAT"] = ops.Addr().String(), "off", "text" // LINE would take 2,000 replies a second
	c.ops = "http://" + ops.Addr().String()
	public.Close()
	ops.Close()
	c.sim.SetWebhook(url + "/webhook")
	start(env)
	return c
}

// product is a serve with a carrier of so many lines, and as many people who are linked to them.
func product(b *testing.B, path, name, database string, people int) *contender {
	b.Helper()
	c := contend(b, name, database, func(env map[string]string) {
		file := filepath.Join(b.TempDir(), "carrier.yaml")
		if err := writeCarrier(file, people); err != nil {
			b.Fatal(err)
		}
		var said bytes.Buffer
		if code := run(context.Background(), []string{"carrier", "import", file}, func(n string) (string, bool) { v, ok := env[n]; return v, ok }, &said, &said); code != 0 {
			b.Fatal(said.String())
		}
		cmd := exec.Command(path, "serve")
		cmd.Env = append(cmd.Environ(), "CI=", "DATABASE_URL=")
		running(b, cmd, env)
	})
	c.asks = load.Question{Say: "残量", Answer: "データ残量"}
	for i := range people {
		c.people = append(c.people, c.sim.AddStranger(strconv.Itoa(i)))
	}
	if err := load.Link(b.Context(), c.sim, c.people, nil); err != nil {
		b.Fatal(err)
	}
	return c
}

// sample is the echo bot.
func sample(b *testing.B, people int) *contender {
	b.Helper()
	c := contend(b, "echo", "", func(env map[string]string) { yardstick(b, "echo", env) })
	c.asks = load.Question{Say: "残量", Answer: "残量"}
	for i := range people {
		c.people = append(c.people, c.sim.AddStranger(strconv.Itoa(i)))
	}
	return c
}

// measure has the people ask, and wants every event answered once and in order.
func (c *contender) measure(b *testing.B, events int, rate float64) load.Report {
	b.Helper()
	r, err := load.Run(b.Context(), load.Config{
		Sim: c.sim, Count: c.count, People: c.people, Questions: []load.Question{c.asks}, Events: events, Rate: rate, Connections: 64,
	})
	if err != nil {
		b.Fatal(err)
	}
	if !r.Sound() {
		b.Errorf("%s: %+v", c.name, r)
	}
	return r
}

// BenchmarkAnswers is how many events are answered in a second, from the webhook to the reply that LINE took, as a
// multiple of an echo bot in the pattern of the SDK's sample, which stores nothing. 5,000 people ask for their balance;
// the simulated LINE, PostgreSQL and the servers share the machine.
//
//	go test ./cmd/tsunagu -run '^$' -bench BenchmarkAnswers -benchtime 1x
func BenchmarkAnswers(b *testing.B) {
	const people, events = 5000, 15_000
	path, err := binary()
	if err != nil {
		b.Fatal(err)
	}
	plain := sample(b, people)
	cluster := storetest.NewCluster(b) // with the durability a production server has
	products := []*contender{
		product(b, path, "postgres", cluster.Create(b), people),
		product(b, path, "sqlite", "sqlite:"+filepath.Join(b.TempDir(), "tsunagu.db"), people),
	}
	for _, c := range append(products, plain) { // everything is warm, and every balance read once
		c.measure(b, people, 0)
	}
	rates, ratios := map[string][]float64{}, map[string][]float64{}
	for range rounds {
		base := plain.measure(b, events, 0).RepliedPerSecond
		rates["echo"] = append(rates["echo"], base)
		for _, c := range products {
			r := c.measure(b, events, 0)
			rates[c.name] = append(rates[c.name], r.RepliedPerSecond)
			ratios[c.name] = append(ratios[c.name], r.RepliedPerSecond/base)
		}
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(median(rates["echo"]), "echo-replies/s")
	for _, c := range products {
		rate := median(rates[c.name])
		half := c.measure(b, int(5*rate), rate/2)
		b.ReportMetric(rate, c.name+"-replies/s")
		b.ReportMetric(median(ratios[c.name]), c.name+"×echo")
		b.ReportMetric(half.ReplyP99, c.name+"-p99ms-at-half")
		b.ReportMetric(residentMB(b.Context(), c.ops), c.name+"-MB")
	}
}

// BenchmarkAnswersOfASlowLINE is the same with a LINE that answers after 50 ms.
func BenchmarkAnswersOfASlowLINE(b *testing.B) {
	const people, events = 2000, 8000
	path, err := binary()
	if err != nil {
		b.Fatal(err)
	}
	contenders := []*contender{sample(b, people), product(b, path, "postgres", storetest.NewCluster(b).Create(b), people)}
	for _, c := range contenders {
		err := c.sim.SetFaults(1, linesim.Fault{Kind: linesim.FaultSlow, Path: "/v2/bot/message/reply", Share: 1, Delay: linesim.Duration(50 * time.Millisecond)})
		if err != nil {
			b.Fatal(err)
		}
		c.measure(b, people, 0)
	}
	var ratios []float64
	for range rounds {
		base := contenders[0].measure(b, events, 0).RepliedPerSecond
		ratios = append(ratios, contenders[1].measure(b, events, 0).RepliedPerSecond/base)
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(median(ratios), "×echo")
}

// BenchmarkPeople is what an event costs while a thousand, a hundred thousand and two million people are linked: the
// time for 10,000 of them, as a multiple of the time with a thousand. The others are made up in the database.
//
//	go test ./cmd/tsunagu -run '^$' -bench BenchmarkPeople -benchtime 1x -timeout 60m
func BenchmarkPeople(b *testing.B) {
	const events = 10_000
	path, err := binary()
	if err != nil {
		b.Fatal(err)
	}
	cluster := storetest.NewCluster(b)
	sizes := []int{1_000, 100_000, 2_000_000}
	var contenders []*contender
	for _, n := range sizes {
		database := cluster.Create(b)
		c := product(b, path, fmt.Sprint(n), database, 1)
		for i := 1; i < min(n, 5000); i++ {
			c.people = append(c.people, c.sim.AddStranger(strconv.Itoa(i)))
		}
		multiply(b, database, n, c.people)
		c.measure(b, len(c.people), 0)
		contenders = append(contenders, c)
	}
	rates := make([][]float64, len(sizes))
	for range rounds {
		for i, c := range contenders {
			rates[i] = append(rates[i], c.measure(b, events, 0).RepliedPerSecond)
		}
	}
	b.ReportMetric(0, "ns/op")
	for i, n := range sizes {
		var costs []float64
		for round, rate := range rates[i] {
			costs = append(costs, rates[0][round]/rate)
		}
		b.ReportMetric(median(costs), fmt.Sprint("cost-at-", n))
	}
}

// multiply makes n linked people out of the one who is, the first of whom are those given.
func multiply(b *testing.B, database string, n int, people []*linesim.Person) {
	b.Helper()
	db, err := sql.Open("pgx", database)
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	ids := make([]string, len(people))
	for i, p := range people {
		ids[i] = p.ID
	}
	for _, step := range []string{
		`SET session_replication_role = replica`, // no checks of what is copied
		`CREATE TEMPORARY TABLE given AS SELECT i, id FROM unnest(string_to_array($1, ',')) WITH ORDINALITY AS g(id, i)`,
		`CREATE TEMPORARY TABLE made AS SELECT i, 'l_made' || i AS line, COALESCE(g.id, 'U' || md5(i::text)) AS lane
			FROM generate_series(2, $1) i LEFT JOIN given g USING (i)`,
		`INSERT INTO ledger_lines SELECT m.line, l.contract_id, '0' || (8010000000 + m.i), l.user_name, l.user_kana, l.user_birthdate, 'code' || m.i,
			l.plan_name, l.quota_mb, l.base_fee_yen, l.status, l.gift_enabled, l.ended_at FROM made m, (SELECT * FROM ledger_lines LIMIT 1) l`,
		`INSERT INTO ledger_accounts SELECT m.line || '/' || a.name, m.line, a.name, a.bytes, a.until, a.stated_mb, a.stated_at
			FROM made m, (SELECT * FROM ledger_accounts WHERE line_id IS NOT NULL) a`,
		`INSERT INTO lanes (lane, tail, done, due_at, owner, paused, fence, tries, settled)
			SELECT m.lane, 1, 1, NULL, false, false, 1, 0, 1 FROM made m`,
		`INSERT INTO conversations SELECT m.lane, c.state, c.updated_at FROM made m, (SELECT * FROM conversations LIMIT 1) c`,
		`INSERT INTO links SELECT l.kind, m.line, m.lane, l.label, l.nickname, l.at FROM made m, (SELECT * FROM links LIMIT 1) l`,
		`VACUUM ANALYZE`,
	} {
		var args []any
		switch {
		case strings.Contains(step, "string_to_array"):
			args = append(args, strings.Join(ids, ","))
		case strings.Contains(step, "generate_series"):
			args = append(args, n)
		}
		if _, err := db.Exec(step, args...); err != nil {
			b.Fatalf("%v in %s", err, step)
		}
	}
}

// echoBot is the SDK's sample: parse, reply, 200.
func echoBot(line, secret, token string) http.Handler {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 256}}
	api, err := messaging_api.NewMessagingApiAPI(token, messaging_api.WithHTTPClient(client), messaging_api.WithEndpoint(line))
	if err != nil {
		panic(err) // only for an empty token or an address that is none
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		callback, err := webhook.ParseRequest(secret, r)
		if err != nil {
			http.Error(w, "bad request", http.StatusBadRequest)
			return
		}
		for _, event := range callback.Events {
			message, ok := event.(webhook.MessageEvent)
			if !ok {
				continue
			}
			text, ok := message.Message.(webhook.TextMessageContent)
			if !ok {
				continue
			}
			_, err := api.ReplyMessage(&messaging_api.ReplyMessageRequest{
				ReplyToken: message.ReplyToken,
				Messages:   []messaging_api.MessageInterface{&messaging_api.TextMessage{Text: strings.ToUpper(text.Text)}},
			})
			if err != nil {
				slog.Error("echo", "err", err)
			}
		}
	})
}
