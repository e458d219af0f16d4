package linesim

import (
	"encoding/json"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/line/line-bot-sdk-go/v8/linebot/webhook"
)

// line-platform.md §1.1: "Test vector [SIG; recomputed]".
func TestSignatureIsTheDocumentedOne(t *testing.T) {
	body := []byte(`{"destination":"U8e742f61d673b39c7fff3cecb7536ef0","events":[]}`)
	got := newKey("8c570fa6dd201bb328f1c1eac23a96d8").signature(body)
	if want := "GhRKmvmHys4Pi8DxkF4+EayaH0OqtJtaZxgTD9fMDLs="; got != want {
		t.Errorf("signature %s, want %s", got, want)
	}
}

// §1: "HTTPS POST, Content-Type: application/json; charset=utf-8"; §1.1: the SDK's check of the raw bytes.
func TestWebhookIsSignedAndReadByTheSDK(t *testing.T) {
	w := newWorld(t, Config{})
	p, _ := w.friend("たろう")
	id := p.Say("残容量 <&>")
	w.await(2)

	w.bot.mu.Lock()
	defer w.bot.mu.Unlock()
	header, body := w.bot.headers[1], w.bot.bodies[1]
	if got := header.Get("Content-Type"); got != "application/json; charset=utf-8" {
		t.Errorf("Content-Type %q", got)
	}
	if !webhook.ValidateSignature(w.Config().ChannelSecret, header.Get("X-Line-Signature"), body) {
		t.Error("the SDK refuses the signature")
	}
	var got webhook.CallbackRequest
	if err := json.Unmarshal(body, &got); err != nil {
		t.Fatal(err)
	}
	e, ok := got.Events[0].(webhook.MessageEvent)
	if !ok || got.Destination != w.Config().BotUserID {
		t.Fatalf("%T to %s", got.Events[0], got.Destination)
	}
	text, ok := e.Message.(webhook.TextMessageContent)
	if !ok || text.Text != "残容量 <&>" || text.Id != id || text.QuoteToken == "" || text.MarkAsReadToken == "" {
		t.Errorf("message %+v", e.Message)
	}
	if e.Timestamp != noon.UnixMilli() || e.Mode != webhook.EventMode_ACTIVE || len(e.WebhookEventId) != 26 || e.ReplyToken == "" ||
		e.Source.(webhook.UserSource).UserId != p.ID || e.DeliveryContext.IsRedelivery {
		t.Errorf("event %+v", e)
	}
}

// §2, table: which events carry a reply token; §2.3: a postback's data and params.
func TestEventsOfOnePersonComeInOrder(t *testing.T) {
	w := newWorld(t, Config{})
	p := w.AddPerson("たろう")
	id := p.Say("a")
	p.Sticker("446", "1988")
	p.Postback("day", "選ぶ", map[string]string{"date": "2026-11-30"})
	p.Unsend(id)
	p.Block()
	p.Unblock()
	events := w.await(7)

	var kinds []string
	for _, e := range events {
		kinds = append(kinds, e["type"].(string))
		_, replyable := e["replyToken"]
		if silent := e["type"] == "unsend" || e["type"] == "unfollow"; replyable == silent {
			t.Errorf("%s with a reply token: %v", e["type"], replyable)
		}
	}
	if want := []string{"follow", "message", "message", "postback", "unsend", "unfollow", "follow"}; !slices.Equal(kinds, want) {
		t.Errorf("heard %v, want %v", kinds, want)
	}
	if got := events[3]["postback"].(map[string]any); got["data"] != "day" || got["params"].(map[string]any)["date"] != "2026-11-30" {
		t.Errorf("postback %v", got)
	}
	if got := events[4]["unsend"].(map[string]any)["messageId"]; got != id {
		t.Errorf("unsent %v, want %s", got, id)
	}
	if events[0]["follow"].(map[string]any)["isUnblocked"] != false || events[6]["follow"].(map[string]any)["isUnblocked"] != true {
		t.Errorf("follow %v, then %v", events[0]["follow"], events[6]["follow"])
	}
}

// §1.2: "A redelivered event is identical except deliveryContext.isRedelivery: true"; redelivered when not 2xx.
func TestRedeliveryRepeatsTheEvent(t *testing.T) {
	w := newWorld(t, Config{})
	w.bot.statuses = []int{500, 503, 204}
	var waits []time.Duration
	w.after = func(d time.Duration) <-chan time.Time {
		waits = append(waits, d) // only this person's lane waits
		now := make(chan time.Time, 1)
		now <- noon
		return now
	}
	p := w.AddPerson("たろう")
	p.Say("a")
	events := w.await(4)
	for i, e := range events[:3] {
		for _, same := range []string{"type", "webhookEventId", "timestamp", "replyToken"} {
			if e[same] != events[0][same] {
				t.Errorf("delivery %d has %s %v, want %v", i, same, e[same], events[0][same])
			}
		}
		if again := e["deliveryContext"].(map[string]any)["isRedelivery"]; again != (i > 0) {
			t.Errorf("delivery %d: isRedelivery %v", i, again)
		}
	}
	if events[3]["type"] != "message" {
		t.Errorf("after the follow came %v", events[3]["type"])
	}
	if want := []time.Duration{time.Second, 5 * time.Second}; !slices.Equal(waits, want) {
		t.Errorf("waited %v, want %v", waits, want)
	}
}

// §1: "one body may hold several events of different users and types", and "events": [].
func TestDeliverSendsWhatItIsGiven(t *testing.T) {
	w := newWorld(t, Config{})
	w.bot.statuses = []int{202}
	status, err := w.Deliver(t.Context(), json.RawMessage(`{"type":"nosuch","source":5}`), json.RawMessage(`null`))
	if status != http.StatusAccepted || err != nil {
		t.Errorf("status %d, %v", status, err)
	}
	if _, err := w.Deliver(t.Context()); err != nil {
		t.Error(err)
	}
	want := []string{`"events":[{"type":"nosuch","source":5},null]}`, `"events":[]}`}
	for i, part := range want {
		if got := string(w.bot.bodies[i]); got != `{"destination":"`+w.Config().BotUserID+`",`+part {
			t.Errorf("body %s", got)
		}
	}
}

// §12: the webhook endpoint's settings and its test; failures by their reasons.
func TestWebhookEndpoint(t *testing.T) {
	w := newWorld(t, Config{})
	const path = "/v2/bot/channel/webhook/endpoint"
	hook := w.webhook
	w.want(w.call("GET", path, ""), 200, `{"active":true,"endpoint":"`+hook+`"}`)
	w.want(w.call("POST", "/v2/bot/channel/webhook/test", ""), 200, `"success":true,"timestamp":"2026-11-24T03:00:00.000Z","statusCode":200,"reason":"OK","detail":"200"`)
	if got := string(w.bot.bodies[0]); got != `{"destination":"`+w.Config().BotUserID+`","events":[]}` {
		t.Errorf("the test sent %s", got)
	}
	w.bot.statuses = []int{404}
	w.want(w.call("POST", "/v2/bot/channel/webhook/test", `{"endpoint":"`+hook+`"}`), 200, `"success":false,"timestamp":"2026-11-24T03:00:00.000Z","statusCode":404,"reason":"ERROR_STATUS_CODE"`)
	w.want(w.call("POST", "/v2/bot/channel/webhook/test", `{"endpoint":"http://127.0.0.1:1/"}`), 200, `"statusCode":0,"reason":"COULD_NOT_CONNECT"`)
	w.want(w.call("PUT", path, `{"endpoint":"http://example.com/hook"}`), 400, "")
	w.want(w.call("PUT", path, `{"endpoint":"https://example.com/hook"}`), 200, "{}")
	w.want(w.call("GET", path, ""), 200, "https://example.com/hook")
	w.SetWebhook("")
	w.want(w.call("GET", path, ""), 404, "Webhook endpoint not found")
}

// §1.2: "Redelivery is off by default" on LINE; Config.NoRedelivery makes it so here.
func TestWithoutRedeliveryAnEventIsGivenUp(t *testing.T) {
	w := newWorld(t, Config{NoRedelivery: true})
	w.bot.statuses = []int{500}
	w.AddPerson("たろう").Say("a")
	events := w.await(2)
	if events[0]["type"] != "follow" || events[1]["type"] != "message" {
		t.Errorf("heard %v, then %v", events[0]["type"], events[1]["type"])
	}
}
