package linesim

import (
	"net/url"
	"strings"
	"testing"
	"time"
)

const nonce = "bm9uY2Utbm9uY2Utbm9uY2U"

func (w *world) linkToken(p *Person) string {
	w.t.Helper()
	return w.call("POST", "/v2/bot/user/"+p.ID+"/linkToken", "").json(w.t)["linkToken"].(string)
}

func linkPath(token, nonce string) string {
	return "/dialog/bot/accountLink?" + url.Values{"linkToken": {token}, "nonce": {nonce}}.Encode()
}

// §9: "ok: link.result: ok, link.nonce, source.userId, replyToken"; the token is good once.
func TestAccountLinkOK(t *testing.T) {
	w := newWorld(t, Config{})
	p, _ := w.friend("たろう")
	token := w.linkToken(p)
	w.want(w.ask("GET", linkPath(token, nonce), ""), 200, "連携しました。トークに戻ってください。")
	e := w.await(2)[1]
	got := e["link"].(map[string]any)
	if e["type"] != "accountLink" || got["result"] != "ok" || got["nonce"] != nonce || e["source"].(map[string]any)["userId"] != p.ID {
		t.Errorf("event %v", e)
	}
	w.want(w.call("POST", "/v2/bot/message/reply", replyBody(e["replyToken"].(string), "a")), 200, "")
	w.want(w.ask("GET", linkPath(token, nonce), ""), 400, "連携できませんでした")
	p.Say("その後")
	if last := w.await(3)[2]; last["type"] != "message" {
		t.Errorf("a used token made the event %v", last)
	}
}

// §9: "failed: result: failed + nonce, without source and replyToken (e.g. someone else opened the link)".
func TestAccountLinkBySomebodyElse(t *testing.T) {
	w := newWorld(t, Config{})
	p, _ := w.friend("たろう")
	other, _ := w.friend("はなこ")
	w.want(w.ask("GET", linkPath(w.linkToken(p), nonce), "", "Cookie", personCookie+"="+other.ID), 200, "別のアカウント")
	e := w.await(3)[2]
	if got := e["link"].(map[string]any); got["result"] != "failed" || got["nonce"] != nonce {
		t.Errorf("event %v", e)
	}
	if e["source"] != nil || e["replyToken"] != nil {
		t.Errorf("a failed link names %v with reply token %v", e["source"], e["replyToken"])
	}
}

// §9: "bad/expired/used token: LINE shows an error to the user and sends no event"; "10 minutes"; nonce "10–255
// characters"; "the user must be a friend".
func TestAccountLinkRefused(t *testing.T) {
	w := newWorld(t, Config{})
	p, _ := w.friend("たろう")
	token := w.linkToken(p)
	for _, path := range []string{
		linkPath("nosuch", nonce), linkPath(token, "123456789"), linkPath(token, strings.Repeat("a", 256)),
	} {
		w.want(w.ask("GET", path, ""), 400, "連携できませんでした")
	}
	w.forward(10*time.Minute + time.Second)
	w.want(w.ask("GET", linkPath(token, nonce), ""), 400, "連携できませんでした")
	w.want(w.call("POST", "/v2/bot/user/"+w.AddStranger("はなこ").ID+"/linkToken", ""), 404, "")
	w.want(w.call("POST", "/v2/bot/user/taro/linkToken", ""), 400, "userId")
	p.Say("その後")
	if all := w.await(2); all[1]["type"] != "message" {
		t.Errorf("a refused link made the event %v", all[1])
	}
}

// URLS: line.me/R/share opens the share screen; what is sent there reaches a friend and not the bot.
func TestShare(t *testing.T) {
	w := newWorld(t, Config{})
	a, _ := w.friend("たろう")
	b, _ := w.friend("はなこ")
	me := []string{"Cookie", personCookie + "=" + a.ID}
	const gift = "受け取る: https://example.jp/g/1?a=1&b=<2>"
	page := w.ask("GET", "/R/share?text="+url.QueryEscape(gift), "", me...)
	w.want(page, 200, "はなこ")
	w.want(page, 200, `name="as" value="`+a.ID+`"`)
	if strings.Contains(page.text, "たろう") {
		t.Error("the share screen offers to send to oneself")
	}
	if strings.Contains(page.text, "<2>") {
		t.Error("the page holds the text unescaped")
	}
	// Meanwhile the browser has become another's phone; the text is from whoever opened the share screen.
	form := []string{"Content-Type", "application/x-www-form-urlencoded", "Cookie", personCookie + "=" + b.ID}
	body := url.Values{"to": {b.ID}, "text": {gift}, "as": {a.ID}}.Encode()
	w.want(w.ask("POST", "/R/share", body, append(form, "Sec-Fetch-Site", "cross-site")...), 403, "")
	w.want(w.ask("POST", "/R/share", body, form...), 200, "はなこさんに送信しました")
	chat := b.Chat()
	last := chat[len(chat)-1]
	if len(chat) != 2 || last.From != FromFriend || last.Text() != gift || last.Sender.Name != "たろう" {
		t.Errorf("chat %+v", chat)
	}
	if n := len(w.bot.heard()); n != 2 {
		t.Errorf("the bot heard %d events, want the two follows", n)
	}
}

// URLS: line.me/R/oaMessage/{basic id}/?{text} opens the chat with the text to send.
func TestOpenChat(t *testing.T) {
	w := newWorld(t, Config{})
	p, _ := w.friend("たろう")
	got := w.ask("GET", "/R/oaMessage/%40tsunagu/?%E6%AE%8B+1%26", "", "Cookie", personCookie+"="+p.ID)
	if want := "/phone?person=" + p.ID + "&text=%E6%AE%8B%2B1%26"; got.status != 302 || got.header.Get("Location") != want {
		t.Errorf("%d to %s, want %s", got.status, got.header.Get("Location"), want)
	}
}
