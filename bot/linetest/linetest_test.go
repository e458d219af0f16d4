package linetest

import (
	"net/http"
	"strings"
	"testing"
)

const retryKey = "123e4567-e89b-42d3-a456-426614174000"

// A message LINE takes, beside the same message with one thing wrong: the check has to tell them apart.
func TestMessages(t *testing.T) {
	check := loaded(t)
	bubble := `{"type":"flex","altText":"残り1.50GB","contents":{"type":"bubble","body":{"type":"box","layout":"vertical","contents":[
		{"type":"text","text":"残り","weight":"bold","flex":1,"contents":[{"type":"span","text":"1.50GB"}]},
		{"type":"separator"},{"type":"button","action":{"type":"postback","label":"贈る","data":"gift"}}]}}}`
	buttons := `{"type":"template","altText":"確認","template":{"type":"confirm","text":"贈りますか？","actions":[
		{"type":"message","label":"はい","text":"はい"},{"type":"uri","label":"開く","uri":"https://example.jp/"}]}}`
	quick := `{"type":"text","text":"どうしますか？","quickReply":{"items":[{"type":"action","action":{"type":"message","label":"残量","text":"残量"}}]}}`

	for _, tt := range []struct{ name, message, replace, with, want string }{
		{"text", `{"type":"text","text":"こんにちは"}`, "", "", ""},
		{"text with sender", `{"type":"text","text":"はい","sender":{"name":"担当 佐藤"}}`, "", "", ""},
		{"textV2 mention", `{"type":"textV2","text":"{who}","substitution":{"who":{"type":"mention","mentionee":{"type":"all"}}}}`, "", "", ""},
		{"flex bubble", bubble, "", "", ""},
		{"flex carousel", `{"type":"flex","altText":"一覧","contents":{"type":"carousel","contents":[{"type":"bubble"}]}}`, "", "", ""},
		{"template", buttons, "", "", ""},
		{"quick reply", quick, "", "", ""},
		{"sticker", `{"type":"sticker","packageId":"446","stickerId":"1988"}`, "", "", ""},

		{"text without text", `{"type":"text"}`, "", "", `property "text" is missing`},
		{"unknown type", `{"type":"nosuch"}`, "", "", "type"},
		{"no type", `{"text":"こんにちは"}`, "", "", "type"},
		{"number for text", `{"type":"text","text":1}`, "", "", `"/text": value must be a string`},
		{"misspelt property", `{"type":"text","text":"はい","quickreply":{}}`, "", "", "quickreply"},
		{"unknown substitution", `{"type":"textV2","text":"{who}","substitution":{"who":{"type":"nosuch"}}}`, "", "", "type"},
		{"flex without altText", bubble, `"altText":"残り1.50GB",`, "", `property "altText" is missing`},
		{"empty container type", bubble, `"type":"bubble"`, `"type":""`, "type"},
		{"unknown component", bubble, `"type":"separator"`, `"type":"line"`, "type"},
		{"box without layout", bubble, `"layout":"vertical",`, "", `property "layout" is missing`},
		{"text for number", bubble, `"flex":1`, `"flex":"1"`, "flex"},
		{"unknown span property", bubble, `"text":"1.50GB"`, `"txt":"1.50GB"`, "txt"},
		{"unknown action", buttons, `"type":"uri"`, `"type":"url"`, "type"},
		{"confirm without actions", buttons, `"actions":`, `"action":`, "action"},
		{"unknown template", buttons, `"type":"confirm"`, `"type":"yesno"`, "type"},
		{"quick reply's action", quick, `"action":{"type":"message"`, `"action":{"type":"say"`, "type"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.replace != "" && !strings.Contains(tt.message, tt.replace) {
				t.Fatalf("nothing to replace in %s", tt.message)
			}
			message := strings.Replace(tt.message, tt.replace, tt.with, 1)
			judge(t, check.Check("POST", "/v2/bot/message/reply", signed(), []byte(`{"replyToken":"r","messages":[`+message+`]}`)), tt.want)
			judge(t, check.Check("POST", "https://127.0.0.1:9000/v2/bot/message/push", signed("X-Line-Retry-Key", retryKey),
				[]byte(`{"to":"U1","messages":[`+message+`]}`)), tt.want)
		})
	}
}

func TestRequests(t *testing.T) {
	check := loaded(t)
	const reply = `{"replyToken":"r","messages":[{"type":"text","text":"はい"}]}`
	const push = `{"to":"U1","messages":[{"type":"text","text":"はい"}]}`
	form := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}

	for _, tt := range []struct {
		name, method, path string
		header             http.Header
		body, want         string
	}{
		{"reply", "POST", "/v2/bot/message/reply", signed(), reply, ""},
		{"loading", "POST", "/v2/bot/chat/loading/start", signed(), `{"chatId":"U1","loadingSeconds":20}`, ""},
		{"mark as read", "POST", "/v2/bot/chat/markAsRead", signed(), `{"markAsReadToken":"t"}`, ""},
		{"link token", "POST", "/v2/bot/user/U1/linkToken", signed(), "", ""},
		{"profile", "GET", "/v2/bot/profile/U1", signed(), "", ""},
		{"content", "GET", "/v2/bot/message/325708/content", signed(), "", ""},
		{"link menu", "POST", "/v2/bot/user/U1/richmenu/richmenu-1", signed(), "", ""},
		{"list menus", "GET", "/v2/bot/richmenu/list", signed(), "", ""},
		{"menu picture", "POST", "/v2/bot/richmenu/richmenu-1/content", signed("Content-Type", "image/png"), "\x89PNG", ""},
		{"stateless token", "POST", "/oauth2/v3/token", form, "grant_type=client_credentials&client_id=1&client_secret=s", ""},
		{"token by assertion", "POST", "/oauth2/v2.1/token", form,
			"grant_type=client_credentials&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer&client_assertion=j", ""},
		{"query", "GET", "/v2/bot/followers/ids?limit=10", signed(), "", ""},

		{"no access token", "POST", "/v2/bot/message/reply", http.Header{"Content-Type": {"application/json"}}, reply, "no channel access token"},
		{"no reply token", "POST", "/v2/bot/message/reply", signed(), strings.Replace(reply, "replyToken", "token", 1), "token"},
		{"six messages", "POST", "/v2/bot/message/reply", signed(),
			`{"replyToken":"r","messages":[` + strings.Repeat(`{"type":"text","text":"1"},`, 5) + `{"type":"text","text":"6"}]}`, "maximum number of items"},
		{"no messages", "POST", "/v2/bot/message/reply", signed(), `{"replyToken":"r","messages":[]}`, "minimum number of items"},
		{"broken JSON", "POST", "/v2/bot/message/reply", signed(), reply[1:], "body"},
		{"no body", "POST", "/v2/bot/message/reply", signed(), "", "required"},
		{"wrong Content-Type", "POST", "/v2/bot/message/reply", signed("Content-Type", "text/plain"), reply, "Content-Type"},
		{"retry key no UUID", "POST", "/v2/bot/message/push", signed("X-Line-Retry-Key", "once"), push, "X-Line-Retry-Key"},
		{"empty retry key", "POST", "/v2/bot/message/push", signed("X-Line-Retry-Key", ""), push, "X-Line-Retry-Key"},
		{"wrong method", "GET", "/v2/bot/message/reply", signed(), "", "no such operation"},
		{"unknown path", "POST", "/v2/bot/message/replies", signed(), reply, "no such operation"},
		{"query of the wrong type", "GET", "/v2/bot/followers/ids?limit=ten", signed(), "", "limit"},
		{"token without secret", "POST", "/oauth2/v3/token", form, "grant_type=client_credentials&client_id=1", "body"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			judge(t, check.Check(tt.method, tt.path, tt.header, []byte(tt.body)), tt.want)
		})
	}
}

func TestNilAcceptsEverything(t *testing.T) {
	var c *Checker
	if err := c.Check("POST", "/nowhere", nil, []byte("{")); err != nil {
		t.Error(err)
	}
}

// judge compares a verdict with what it must mention; "" is acceptance.
func judge(t *testing.T, err error, want string) {
	t.Helper()
	switch {
	case want == "" && err != nil:
		t.Errorf("refused: %v", err)
	case want != "" && err == nil:
		t.Errorf("accepted, want an error about %s", want)
	case want != "" && !strings.Contains(err.Error(), want):
		t.Errorf("refused for something other than %s: %v", want, err)
	}
}

// signed is the header of a JSON request with an access token; pairs are set over it.
func signed(pairs ...string) http.Header {
	h := http.Header{"Authorization": {"Bearer token"}, "Content-Type": {"application/json"}}
	for i := 0; i < len(pairs); i += 2 {
		h.Set(pairs[i], pairs[i+1])
	}
	return h
}

func loaded(t *testing.T) *Checker {
	t.Helper()
	c := New(t)
	if c == nil {
		t.Skip("LINE's OpenAPI descriptions are not beside the repository")
	}
	return c
}
