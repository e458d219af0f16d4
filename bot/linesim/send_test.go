package linesim

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/line/line-bot-sdk-go/v8/linebot/messaging_api"
)

// §3: reply tokens are "one use", "use within 1 minute".
func TestReplyTokenIsGoodOnceForAMinute(t *testing.T) {
	w := newWorld(t, Config{})
	p, token := w.friend("たろう")
	w.forward(time.Minute)
	got := w.call("POST", "/v2/bot/message/reply", replyBody(token, "一", "二"))
	w.want(got, 200, `"sentMessages":[{"id":"`)
	w.want(w.call("POST", "/v2/bot/message/reply", replyBody(token, "三")), 400, `{"message":"Invalid reply token"}`)
	w.want(w.call("POST", "/v2/bot/message/reply", replyBody("nosuch", "三")), 400, `{"message":"Invalid reply token"}`)

	chat := p.Chat()
	if len(chat) != 3 || chat[1].Text() != "一" || chat[2].Text() != "二" || chat[1].Via != "reply" || chat[1].From != FromBot {
		t.Errorf("chat %+v", chat)
	}
	var sent sentBody
	json.Unmarshal([]byte(got.text), &sent)
	if len(sent.SentMessages) != 2 || sent.SentMessages[0].ID != chat[1].ID || sent.SentMessages[1].ID != chat[2].ID {
		t.Errorf("sent %+v, chat %+v", sent, chat)
	}

	p.Say("a")
	late := w.await(2)[1]["replyToken"].(string)
	w.forward(time.Minute + time.Millisecond)
	w.want(w.call("POST", "/v2/bot/message/reply", replyBody(late, "遅い")), 400, "Invalid reply token")
}

// §3: a redelivered event's token is "usable within 1 minute of the redelivery, unless the token was used already or
// 20 minutes have passed since the event".
func TestReplyTokenLivesAgainAfterRedelivery(t *testing.T) {
	w := newWorld(t, Config{})
	p, _ := w.friend("たろう")
	event := json.RawMessage(compact(event{Type: "message", ReplyToken: "again", Timestamp: noon.UnixMilli(), Source: &source{"user", p.ID}}))
	w.Deliver(t.Context(), event)
	w.forward(5 * time.Minute)
	w.want(w.call("POST", "/v2/bot/message/reply", replyBody("again", "a")), 400, "Invalid reply token")
	w.Deliver(t.Context(), event)
	w.want(w.call("POST", "/v2/bot/message/reply", replyBody("again", "a")), 200, "")
	w.Deliver(t.Context(), event)
	w.want(w.call("POST", "/v2/bot/message/reply", replyBody("again", "a")), 400, "Invalid reply token")

	old := json.RawMessage(strings.Replace(string(event), "again", "old", 1))
	w.Deliver(t.Context(), old)
	w.SetNow(noon.Add(19*time.Minute + 30*time.Second))
	w.Deliver(t.Context(), old)
	w.SetNow(noon.Add(20*time.Minute + time.Second))
	w.want(w.call("POST", "/v2/bot/message/reply", replyBody("old", "a")), 400, "Invalid reply token")
}

// §3: "on any error nothing is sent"; a refused message leaves the token as it is.
func TestNothingIsSentOnAnError(t *testing.T) {
	w := newWorld(t, Config{})
	p, token := w.friend("たろう")
	w.want(w.call("POST", "/v2/bot/message/reply", replyBody(token, "よし", strings.Repeat("あ", 5001))), 400,
		`{"message":"The request body has 1 error(s)","details":[{"message":"Length must be between 0 and 5000","property":"messages[1].text"}]}`)
	w.want(w.call("POST", "/v2/bot/message/reply", replyBody(token)), 400, `{"message":"Size must be between 1 and 5","property":"messages"}`)
	w.want(w.call("POST", "/v2/bot/message/reply", replyBody(token, "1", "2", "3", "4", "5", "6")), 400, "Size must be between 1 and 5")
	w.want(w.call("POST", "/v2/bot/message/reply", `{"replyToken":`), 400, "could not be parsed")
	if n := len(p.Chat()); n != 1 {
		t.Errorf("%d entries after errors", n)
	}
	w.want(w.call("POST", "/v2/bot/message/reply", replyBody(token, "よし")), 200, "")
}

// §3.1: "any other endpoint (also reply) answers 400 when it is present"; §16.2: the SDK sends an empty key.
func TestRetryKey(t *testing.T) {
	w := newWorld(t, Config{})
	p, token := w.friend("たろう")
	const key = "123e4567-e89b-12d3-a456-426614174000"
	w.want(w.call("POST", "/v2/bot/message/reply", replyBody(token, "a"), "X-Line-Retry-Key", key), 400, "")
	w.want(w.call("GET", "/v2/bot/info", "", "X-Line-Retry-Key", key), 400, "")
	w.want(w.call("POST", "/v2/bot/message/push", pushBody(p.ID, "a"), "X-Line-Retry-Key", "no uuid"), 400, "")

	first := w.call("POST", "/v2/bot/message/push", pushBody(p.ID, "a"), "X-Line-Retry-Key", key)
	w.want(first, 200, "sentMessages")
	again := w.call("POST", "/v2/bot/message/push", pushBody(p.ID, "a"), "X-Line-Retry-Key", key)
	w.want(again, 409, `{"message":"The retry key is already accepted",`+first.text[1:])
	if got := again.header.Get("x-line-accepted-request-id"); got != first.header.Get("x-line-request-id") || got == "" {
		t.Errorf("accepted request %q, want %q", got, first.header.Get("x-line-request-id"))
	}
	w.forward(24*time.Hour + time.Second) // "after that the same key sends again"
	w.want(w.call("POST", "/v2/bot/message/push", pushBody(p.ID, "b"), "X-Line-Retry-Key", key), 200, "")
	for range 2 {
		w.want(w.call("POST", "/v2/bot/message/push", pushBody(p.ID, "c"), "X-Line-Retry-Key", ""), 200, "")
	}
	if n := len(p.Chat()); n != 5 {
		t.Errorf("%d entries, want 5", n)
	}
}

// §3: "To blocked, deleted or non-friend users LINE answers 200 and delivers nothing", non-friends are reached "for 7
// days after they wrote in 1:1".
func TestPushReachesFriendsAndThoseWhoWrote(t *testing.T) {
	w := newWorld(t, Config{})
	p, _ := w.friend("たろう")
	stranger := w.AddStranger("はなこ")
	push := func(to string) {
		w.want(w.call("POST", "/v2/bot/message/push", pushBody(to, "a")), 200, "sentMessages")
	}
	count := func(p *Person) (n int) {
		for _, e := range p.Chat() {
			if e.From == FromBot {
				n++
			}
		}
		return n
	}
	push(p.ID)
	p.Block()
	push(p.ID)
	push("U" + strings.Repeat("0", 32))
	push(stranger.ID)
	if count(p) != 1 || count(stranger) != 0 {
		t.Errorf("friend got %d, stranger %d", count(p), count(stranger))
	}
	stranger.Say("こんにちは")
	push(stranger.ID)
	w.forward(7*24*time.Hour + time.Second)
	push(stranger.ID)
	if count(stranger) != 1 {
		t.Errorf("stranger who wrote got %d", count(stranger))
	}
	w.want(w.call("POST", "/v2/bot/message/push", pushBody("taro", "a")), 400, "'to'")
	w.want(w.call("POST", "/v2/bot/message/push", pushBody("C"+strings.Repeat("0", 32), "a")), 400, "Failed to send messages")
}

// §3: multicast takes "≤ 500 user ids, no groups" and answers {}.
func TestMulticast(t *testing.T) {
	w := newWorld(t, Config{})
	a, _ := w.friend("たろう")
	b, _ := w.friend("はなこ")
	body := func(to ...string) string {
		return string(compact(map[string]any{"to": to, "messages": []any{map[string]string{"type": "text", "text": "a"}}}))
	}
	got := w.call("POST", "/v2/bot/message/multicast", body(a.ID, b.ID))
	if w.want(got, 200, ""); got.text != "{}" || len(a.Chat()) != 2 || len(b.Chat()) != 2 {
		t.Errorf("%s; chats %d and %d", got.text, len(a.Chat()), len(b.Chat()))
	}
	w.want(w.call("POST", "/v2/bot/message/multicast", body()), 400, "Size must be between 1 and 500")
	w.want(w.call("POST", "/v2/bot/message/multicast", body("R"+strings.Repeat("0", 32))), 400, "to[0]")
}

// §3.4 and PRICE: pushes count per recipient who is reached, replies do not; then 429.
func TestQuota(t *testing.T) {
	w := newWorld(t, Config{Quota: 2})
	p, token := w.friend("たろう")
	w.want(w.call("GET", "/v2/bot/message/quota", ""), 200, `{"type":"limited","value":2}`)
	w.call("POST", "/v2/bot/message/reply", replyBody(token, "a"))
	w.call("POST", "/v2/bot/message/push", pushBody("U"+strings.Repeat("0", 32), "a"))
	w.want(w.call("GET", "/v2/bot/message/quota/consumption", ""), 200, `{"totalUsage":0}`)
	for range 2 {
		w.want(w.call("POST", "/v2/bot/message/push", pushBody(p.ID, "a")), 200, "")
	}
	w.want(w.call("POST", "/v2/bot/message/push", pushBody(p.ID, "a")), 429, "You have reached your monthly limit.")
	w.want(w.call("GET", "/v2/bot/message/quota/consumption", ""), 200, `{"totalUsage":2}`)
	w.SetNow(time.Date(2026, 12, 1, 0, 0, 0, 0, japan))
	w.want(w.call("POST", "/v2/bot/message/push", pushBody(p.ID, "a")), 200, "")
}

// §3.2: 401, 404, 413, 415, and "every response has x-line-request-id".
func TestEveryCall(t *testing.T) {
	w := newWorld(t, Config{})
	big := `{"messages":[{"type":"text","text":"` + strings.Repeat("a", maxBody) + `"}]}`
	for _, c := range []struct {
		name   string
		got    result
		status int
		part   string
	}{
		{"no bearer", w.ask("GET", "/v2/bot/info", ""), 401, "Authentication failed due to the following reason: "},
		{"wrong bearer", w.ask("GET", "/v2/bot/info", "", "Authorization", "Bearer x"), 401, "Authentication failed"},
		{"unknown path", w.call("GET", "/v2/bot/nosuch", ""), 404, `{"message":"Not found"}`},
		{"a slash more", w.call("GET", "/v2/bot/info/", ""), 404, "message"},
		{"two slashes", w.call("GET", "/v2/bot//info", ""), 404, "message"},
		{"over 2 MB", w.call("POST", "/v2/bot/message/validate/push", big), 413, "message"},
		{"not JSON by type", w.call("POST", "/v2/bot/message/push", "{}", "Content-Type", "text/plain"), 415, "message"},
		{"right", w.call("GET", "/v2/bot/info", ""), 200, `"basicId":"@tsunagu"`},
	} {
		w.want(c.got, c.status, c.part)
		if !uuidForm.MatchString(c.got.header.Get("x-line-request-id")) {
			t.Errorf("%s: request id %q", c.name, c.got.header.Get("x-line-request-id"))
		}
	}
	all := w.Requests()
	last := all[len(all)-1]
	if last.Path != "/v2/bot/info" || last.Status != 200 || last.Header.Get("Authorization") != "" || !last.Time.Equal(noon) {
		t.Errorf("last request %+v", last)
	}
}

// §3.3: "token bucket"; "100 / hour create rich menu".
func TestRateLimits(t *testing.T) {
	w := newWorld(t, Config{})
	for range 100 {
		w.call("POST", "/v2/bot/richmenu", "{}") // a refused call counts too
	}
	w.want(w.call("POST", "/v2/bot/richmenu", "{}"), 429, "The API rate limit has been exceeded. Try again later.")
	w.want(w.call("POST", "/v2/bot/richmenu/validate", "{}"), 400, "")
	w.forward(36 * time.Second)
	w.want(w.call("POST", "/v2/bot/richmenu", "{}"), 400, "")
	w.want(w.call("POST", "/v2/bot/richmenu", "{}"), 429, "")

	free := newWorld(t, Config{NoRateLimits: true})
	for range 101 {
		free.want(free.call("POST", "/v2/bot/richmenu", "{}"), 400, "")
	}
}

// §6: "5–60 in steps of 5, default 20; 1:1 only", 202 even for nobody; §6: a mark-as-read token "marks that message
// and all before it", "400 for a token of another bot".
func TestLoadingAndReadMarks(t *testing.T) {
	w := newWorld(t, Config{})
	p, _ := w.friend("たろう")
	const loading = "/v2/bot/chat/loading/start"
	w.want(w.call("POST", loading, `{"chatId":"`+p.ID+`"}`), 202, "{}")
	w.want(w.call("POST", loading, `{"chatId":"U`+strings.Repeat("0", 32)+`","loadingSeconds":60}`), 202, "{}")
	w.want(w.call("POST", loading, `{"chatId":"C`+strings.Repeat("0", 32)+`"}`), 400, "chatId")
	for _, n := range []string{"0", "7", "65", `"5"`} {
		w.want(w.call("POST", loading, `{"chatId":"`+p.ID+`","loadingSeconds":`+n+`}`), 400, "loadingSeconds")
	}

	p.Say("a")
	p.Say("b")
	p.Say("c")
	token := w.await(4)[2]["message"].(map[string]any)["markAsReadToken"].(string)
	w.want(w.call("POST", "/v2/bot/chat/markAsRead", `{"markAsReadToken":"`+token+`"}`), 200, "{}")
	chat := p.Chat()
	if !chat[1].Read || !chat[2].Read || chat[3].Read {
		t.Errorf("read: %v %v %v", chat[1].Read, chat[2].Read, chat[3].Read)
	}
	other := New(Config{})
	w.want(w.call("POST", "/v2/bot/chat/markAsRead", `{"markAsReadToken":"`+other.seal(marking, p.ID, "1")+`"}`), 400, "markAsReadToken")
}

// §2.1: a quote token "only in the same chat".
func TestQuoteToken(t *testing.T) {
	w := newWorld(t, Config{})
	a, _ := w.friend("たろう")
	b, _ := w.friend("はなこ")
	a.Say("a")
	token := w.await(3)[2]["message"].(map[string]any)["quoteToken"].(string)
	quote := func(to string) string {
		return `{"to":"` + to + `","messages":[{"type":"text","text":"a","quoteToken":"` + token + `"}]}`
	}
	w.want(w.call("POST", "/v2/bot/message/push", quote(a.ID)), 200, "")
	w.want(w.call("POST", "/v2/bot/message/push", quote(b.ID)), 400, "messages[0].quoteToken")
}

// §7: profiles of friends and of those who wrote; 404 when blocked or unknown.
func TestProfileAndFollowers(t *testing.T) {
	w := newWorld(t, Config{})
	a, _ := w.friend("たろう")
	b, _ := w.friend("はなこ")
	stranger := w.AddStranger("じろう")
	w.want(w.call("GET", "/v2/bot/profile/"+a.ID, ""), 200, `"displayName":"たろう"`)
	w.want(w.call("GET", "/v2/bot/profile/"+stranger.ID, ""), 404, "message")
	stranger.Say("a")
	w.want(w.call("GET", "/v2/bot/profile/"+stranger.ID, ""), 200, "じろう")
	w.want(w.call("GET", "/v2/bot/followers/ids?limit=1", ""), 200, `{"userIds":["`+a.ID+`"],"next":"`)
	w.want(w.call("GET", "/v2/bot/followers/ids?limit=1&start="+a.ID, ""), 200, `{"userIds":["`+b.ID+`"]}`)
	w.want(w.call("GET", "/v2/bot/followers/ids?limit=0", ""), 400, "limit")
	a.Block()
	w.want(w.call("GET", "/v2/bot/profile/"+a.ID, ""), 404, "message")
	w.want(w.call("GET", "/v2/bot/followers/ids", ""), 200, `{"userIds":["`+b.ID+`"]}`)
}

// §16.2: the SDK pointed at a simulator by WithEndpoint.
func TestTheSDKTalksToIt(t *testing.T) {
	w := newWorld(t, Config{})
	p, token := w.friend("たろう")
	client, err := messaging_api.NewMessagingApiAPI(w.Config().AccessToken, messaging_api.WithEndpoint(w.url))
	if err != nil {
		t.Fatal(err)
	}
	sent, err := client.ReplyMessage(&messaging_api.ReplyMessageRequest{ReplyToken: token, Messages: []messaging_api.MessageInterface{
		&messaging_api.TextMessage{Text: "a", Sender: &messaging_api.Sender{Name: "佐藤"}, QuickReply: &messaging_api.QuickReply{Items: []messaging_api.QuickReplyItem{
			{Type: "action", Action: &messaging_api.PostbackAction{Label: "はい", Data: "yes", DisplayText: "はい"}},
		}}},
		&messaging_api.FlexMessage{AltText: "b", Contents: &messaging_api.FlexBubble{Body: &messaging_api.FlexBox{
			Layout: messaging_api.FlexBoxLAYOUT_VERTICAL, Contents: []messaging_api.FlexComponentInterface{
				&messaging_api.FlexText{Text: "残り"},
				&messaging_api.FlexButton{Action: &messaging_api.UriAction{Label: "開く", Uri: "https://example.jp/"}},
			}}}},
	}})
	if err != nil || len(sent.SentMessages) != 2 {
		t.Fatalf("reply: %+v, %v", sent, err)
	}
	if _, err := client.PushMessage(&messaging_api.PushMessageRequest{To: p.ID, Messages: []messaging_api.MessageInterface{&messaging_api.TextMessage{Text: "c"}}}, ""); err != nil {
		t.Error(err)
	}
	if _, err := client.ShowLoadingAnimation(&messaging_api.ShowLoadingAnimationRequest{ChatId: p.ID}); err != nil {
		t.Error(err)
	}
	res, _, err := client.ReplyMessageWithHttpInfo(&messaging_api.ReplyMessageRequest{ReplyToken: token, Messages: []messaging_api.MessageInterface{&messaging_api.TextMessage{Text: "a"}}})
	if err == nil || res.StatusCode != http.StatusBadRequest {
		t.Errorf("second reply: %v", err)
	}
	chat := p.Chat()
	if len(chat) != 4 || chat[1].Sender == nil || chat[1].Sender.Name != "佐藤" || chat[2].Text() != "b" {
		t.Errorf("chat %+v", chat)
	}
}
