package main

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/line/line-bot-sdk-go/v8/linebot/messaging_api"
	"github.com/line/line-bot-sdk-go/v8/linebot/webhook"

	"tsunagu/bot/linesim"
	"tsunagu/store/storetest"
)

// From webhook to the reply that LINE accepted, one event a webhook, up to 256 webhooks under way: the product on each database,
// and the yardstick, an echo bot in the pattern of the SDK's sample that stores nothing. All in one process, so the
// ratios between them are what counts.
func BenchmarkWebhookToReply(b *testing.B) {
	b.Run("echo", func(b *testing.B) {
		benchmarkWebhook(b, func(b *testing.B, sim *linesim.Sim, line string) string {
			server := httptest.NewServer(echoBot(line, sim.Config().ChannelSecret, sim.Config().AccessToken))
			b.Cleanup(server.Close)
			return server.URL
		})
	})
	for _, database := range []string{"sqlite", "postgres"} {
		b.Run(database, func(b *testing.B) {
			benchmarkWebhook(b, func(b *testing.B, sim *linesim.Sim, line string) string {
				address := "sqlite:" + b.TempDir() + "/tsunagu.db"
				if database == "postgres" {
					cluster := storetest.NewCluster(b) // with the durability a production server has
					address = cluster.Create(b)
				}
				return startProduct(b, sim, line, address)
			})
		})
	}
}

func benchmarkWebhook(b *testing.B, start func(b *testing.B, sim *linesim.Sim, line string) string) {
	const people, senders = 500, 64
	sim := linesim.New(linesim.Config{NoRateLimits: true, NoRedelivery: true, ChatLimit: 10})
	b.Cleanup(sim.Close)
	var replies atomic.Int64
	changed := make(chan struct{}, 1)
	sim.OnMessage(func(*linesim.Person, linesim.Entry) {
		replies.Add(1)
		select {
		case changed <- struct{}{}:
		default:
		}
	})
	line := httptest.NewServer(sim)
	b.Cleanup(line.Close)
	sim.SetWebhook(start(b, sim, line.URL) + "/webhook")
	everyone := make([]*linesim.Person, people)
	for i := range everyone {
		everyone[i] = sim.AddStranger(fmt.Sprint(i))
	}
	until := func(n int64) {
		deadline := time.After(2 * time.Minute)
		for replies.Load() < n {
			select {
			case <-changed:
			case <-deadline:
				b.Fatalf("%d replies of %d after two minutes", replies.Load(), n)
			}
		}
	}
	for _, p := range everyone { // every lane exists before the clock runs
		p.Say("残量")
	}
	until(people)
	b.ResetTimer()
	var asked atomic.Int64
	var asking sync.WaitGroup
	for c := range senders {
		asking.Go(func() { // each sender has people of its own
			for i := c; ; i += senders {
				if asked.Add(1) > int64(b.N) {
					return
				}
				everyone[i%people].Say("残量")
			}
		})
	}
	asking.Wait()
	until(people + int64(b.N))
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
	if n := replies.Load(); n != people+int64(b.N) {
		b.Errorf("%d replies to %d events", n, people+b.N)
	}
}

func startProduct(b *testing.B, sim *linesim.Sim, line, database string) string {
	public := freeListener(b)
	url := "http://" + public.Addr().String()
	settings := settingsFor(sim, line, url, database)
	settings["LINE_RATE_SHARE"] = "off" // LINE would take 2,000 replies a second
	start(b, appWith(b, settings, slog.New(slog.NewJSONHandler(io.Discard, nil)), time.Now, seams{}), public)
	return url
}

// echoBot is the SDK's sample: parse, reply, 200.
func echoBot(line, secret, token string) http.Handler {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 256}}
	api, err := messaging_api.NewMessagingApiAPI(token, messaging_api.WithHTTPClient(client), messaging_api.WithEndpoint(line))
	if err != nil {
		panic(err) // only for an empty token or an address that is none
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
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
