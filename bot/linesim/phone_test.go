package linesim

import (
	"bufio"
	"bytes"
	"encoding/json"
	"image"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// phone calls the phone's API.
func (w *world) phone(method, path, body string) result {
	w.t.Helper()
	return w.ask(method, "/phone/api"+path, body, "Content-Type", "application/json")
}

func TestPhoneShowsPeopleAndMenus(t *testing.T) {
	w := newWorld(t, Config{})
	w.want(w.phone("GET", "/state", ""), 200, `{"bot":{"name":"つなぐモバイル","basicId":"@tsunagu","userId":"`+w.Config().BotUserID+`"},"now":"2026-11-24T12:00:00+09:00","people":[]}`)
	made := w.phone("POST", "/people", `{"name":"たろう"}`)
	w.want(made, 201, `"friend":true,"blocked":false,"unread":0,"menu":null`)
	id := made.json(t)["id"].(string)
	w.await(1)
	w.want(w.phone("POST", "/people", `{"name":"はなこ","friend":false}`), 201, `"friend":false`)
	w.want(w.phone("POST", "/people", `{"name":" "}`), 400, "message")

	menu := w.createdMenu(true)
	w.call("POST", "/v2/bot/user/"+id+"/richmenu/"+menu, "")
	w.want(w.phone("GET", "/state", ""), 200, `"menu":{"id":"`+menu+`","size":{"width":2500,"height":843},"selected":true,"name":"未連携","chatBarText":"メニュー","areas":[{"bounds":{"x":0,"y":0,"width":2500,"height":843},"action":{"type":"postback","data":"link","displayText":"連携する"}}],"image":"/phone/api/menus/`+menu+`/image"}`)
	if got := w.phone("GET", "/menus/"+menu+"/image", ""); got.text != pngOf(t, 800, 270) {
		t.Errorf("image of %d bytes", len(got.text))
	}

	w.want(w.phone("POST", "/people/"+id+"/block", ""), 200, `"blocked":true,"unread":0,"menu":null`)
	w.want(w.phone("POST", "/people/"+id+"/messages", `{"type":"text","text":"a"}`), 409, "message")
	w.want(w.phone("POST", "/people/"+id+"/postback", `{"data":"a"}`), 409, "message")
	w.want(w.phone("POST", "/people/"+id+"/unblock", ""), 200, `"blocked":false`)
	w.want(w.phone("POST", "/people/nosuch/block", ""), 404, "message")
}

func TestPhoneChat(t *testing.T) {
	w := newWorld(t, Config{})
	p, token := w.friend("たろう")
	base := "/people/" + p.ID
	w.call("POST", "/v2/bot/message/reply", replyBody(token, "ようこそ"))
	w.want(w.phone("GET", "/state", ""), 200, `"unread":1`)
	w.want(w.phone("GET", base+"/chat", ""), 200, `{"entries":[{"seq":1,"at":"2026-11-24T12:00:00+09:00","from":"system","id":"","message":{"type":"system","text":"友だちに追加しました"},"read":false,"unsent":false,"via":""},{"seq":2,`)
	w.want(w.phone("GET", "/state", ""), 200, `"unread":0`)

	said := w.phone("POST", base+"/messages", `{"type":"text","text":"残容量"}`)
	w.want(said, 200, `"from":"person"`)
	for _, message := range []string{
		`{"type":"sticker","packageId":"446","stickerId":"1988"}`,
		`{"type":"image"}`,
		`{"type":"location","title":"駅","address":"東京都","latitude":35.6,"longitude":139.7}`,
	} {
		w.want(w.phone("POST", base+"/messages", message), 200, `"id":"56`)
	}
	for _, message := range []string{`{"type":"text","text":" "}`, `{"type":"video"}`, `{`} {
		w.want(w.phone("POST", base+"/messages", message), 400, "message")
	}
	w.want(w.phone("POST", base+"/postback", `{"data":"yes","displayText":"はい"}`), 200, "{}")
	w.want(w.phone("GET", base+"/chat?after=6", ""), 200, `{"entries":[{"seq":7,"at":"2026-11-24T12:00:00+09:00","from":"person","id":"","message":{"type":"text","text":"はい"}`)

	id := said.json(t)["id"].(string)
	w.want(w.phone("POST", base+"/unsend", `{"id":"`+id+`"}`), 200, "{}")
	w.want(w.phone("POST", base+"/unsend", `{"id":"`+id+`"}`), 404, "")
	w.want(w.phone("GET", base+"/chat?after=2", ""), 200, `"unsent":true`)
	if got := w.phone("GET", base+"/chat", ""); strings.Contains(got.text, "残容量") {
		t.Error("an unsent message can still be read")
	}
	kinds := []string{"text", "sticker", "image", "location"}
	for i, e := range w.await(7)[1:5] {
		if got := e["message"].(map[string]any); got["type"] != kinds[i] {
			t.Errorf("message %d is %v, want %s", i, got, kinds[i])
		}
	}
}

// line-platform.md §7: content is 200 with its type, 404 unknown, 410 unsent; transcoding only of video and audio.
func TestContent(t *testing.T) {
	w := newWorld(t, Config{})
	p, _ := w.friend("たろう")
	var form bytes.Buffer
	parts := multipart.NewWriter(&form)
	file, err := parts.CreateFormFile("image", "a.png")
	if err != nil {
		t.Fatal(err)
	}
	file.Write([]byte(pngOf(t, 600, 300)))
	parts.Close()
	sent := w.ask("POST", "/phone/api/people/"+p.ID+"/messages", form.String(), "Content-Type", parts.FormDataContentType())
	id := sent.json(t)["id"].(string)
	w.want(sent, 200, `"message":{"type":"image","url":"/phone/api/content/`+id+`"}`)
	if got := w.await(2)[1]["message"].(map[string]any); got["id"] != id || got["contentProvider"].(map[string]any)["type"] != "line" {
		t.Errorf("event of %v", got)
	}

	path := "/v2/bot/message/" + id + "/content"
	if got := w.call("GET", path, ""); got.text != pngOf(t, 600, 300) || got.header.Get("Content-Type") != "image/png" {
		t.Errorf("%d bytes of %s", len(got.text), got.header.Get("Content-Type"))
	}
	small, _, err := image.DecodeConfig(strings.NewReader(w.call("GET", path+"/preview", "").text))
	if err != nil || small.Width != 240 || small.Height != 120 {
		t.Errorf("preview %dx%d, %v", small.Width, small.Height, err)
	}
	w.want(w.call("GET", path+"/transcoding", ""), 400, "")
	w.want(w.call("GET", "/v2/bot/message/1/content", ""), 404, "")
	w.want(w.phone("GET", "/content/"+id, ""), 200, "")
	p.Unsend(id)
	w.want(w.call("GET", path, ""), 410, "")
	w.want(w.phone("GET", "/content/"+id, ""), 410, "")
	if _, err := p.Picture([]byte("no picture")); err == nil {
		t.Error("what is no picture was sent as one")
	}
}

// LINE's addresses lead to this server, others stay as they are, scripts are refused (§5: uri schemes).
func TestPhoneOpensLinks(t *testing.T) {
	w := newWorld(t, Config{})
	p, _ := w.friend("たろう")
	for uri, want := range map[string]string{
		"https://line.me/R/share?text=a%20b":                         w.url + "/R/share?text=a%20b",
		"https://line.me/R/oaMessage/%40tsunagu/?a":                  w.url + "/R/oaMessage/%40tsunagu/?a",
		"line://share?text=a":                                        w.url + "/R/share?text=a",
		"https://access.line.me/dialog/bot/accountLink?linkToken=a":  w.url + "/dialog/bot/accountLink?linkToken=a",
		"https://example.jp/link?a=1":                                "https://example.jp/link?a=1",
		"tel:0120000000":                                             "tel:0120000000",
		"javascript:alert(1)":                                        "",
		"data:text/html,a":                                           "",
		"https://":                                                   "",
		"https://line.me.example.jp/R/share?text=taken-for-somebody": "https://line.me.example.jp/R/share?text=taken-for-somebody",
	} {
		got := w.phone("POST", "/open", string(compact(map[string]string{"person": p.ID, "uri": uri})))
		if want == "" {
			w.want(got, 400, "message")
			continue
		}
		w.want(got, 200, `{"url":"`+want+`"}`)
		if cookie := got.header.Get("Set-Cookie"); !strings.HasPrefix(cookie, personCookie+"="+p.ID+";") {
			t.Errorf("%s: cookie %q", uri, cookie)
		}
	}
	far := newWorld(t, Config{WebURL: "https://sim.example.jp/"})
	q, _ := far.friend("たろう")
	far.want(far.phone("POST", "/open", `{"person":"`+q.ID+`","uri":"https://line.me/R/share?text=a"}`), 200, `{"url":"https://sim.example.jp/R/share?text=a"}`)
}

func TestPhoneClock(t *testing.T) {
	w := newWorld(t, Config{})
	var told []time.Time
	w.OnClock(func(now time.Time) { told = append(told, now) })
	w.want(w.phone("PUT", "/clock", `{"now":"2026-12-01T09:00:00+09:00"}`), 200, `{"now":"2026-12-01T09:00:00+09:00"}`)
	w.want(w.phone("PUT", "/clock", `{"advance":"10m"}`), 200, `{"now":"2026-12-01T09:10:00+09:00"}`)
	w.want(w.phone("GET", "/clock", ""), 200, `{"now":"2026-12-01T09:10:00+09:00"}`)
	w.want(w.phone("PUT", "/clock", `{"reset":true}`), 200, `{"now":"2026-11-24T12:00:00+09:00"}`)
	w.want(w.phone("PUT", "/clock", `{"advance":"soon"}`), 400, "")
	if len(told) != 3 || !told[2].Equal(noon) {
		t.Errorf("told %v", told)
	}
}

// A page elsewhere must not act as the phone.
func TestPhoneRefusesOtherSites(t *testing.T) {
	w := newWorld(t, Config{})
	for _, header := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Origin", "https://example.com"}} {
		w.want(w.ask("POST", "/phone/api/people", `{"name":"a"}`, header...), 403, "")
	}
	got := w.ask("GET", "/phone", "")
	w.want(got, 200, "<html")
	if policy := got.header.Get("Content-Security-Policy"); !strings.HasPrefix(policy, "default-src 'self'; ") || strings.Contains(policy, "unsafe") {
		t.Errorf("policy %q", policy)
	}
	if got := w.ask("GET", "/", ""); got.status != 302 || got.header.Get("Location") != "/phone" {
		t.Errorf("/ is %d to %q", got.status, got.header.Get("Location"))
	}
}

// A stream is an open connection for server-sent events.
type stream struct {
	t     *testing.T
	lines *bufio.Scanner
}

func (w *world) stream(lastID string) stream {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), "GET", w.url+"/phone/api/events", nil)
	if err != nil {
		w.t.Fatal(err)
	}
	if lastID != "" {
		r.Header.Set("Last-Event-ID", lastID)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { res.Body.Close() })
	s := stream{w.t, bufio.NewScanner(res.Body)}
	if s.lines.Scan(); s.lines.Text() != ": hello" { // now the stream is at its beginning
		w.t.Fatalf("a stream begins with %q", s.lines.Text())
	}
	return s
}

// next returns the next event.
func (s stream) next() (id, kind string, data map[string]any) {
	s.t.Helper()
	for s.lines.Scan() {
		name, value, _ := strings.Cut(s.lines.Text(), ": ")
		switch name {
		case "id":
			id = value
		case "event":
			kind = value
		case "data":
			if err := json.Unmarshal([]byte(value), &data); err != nil {
				s.t.Fatal(err)
			}
			return id, kind, data
		}
	}
	s.t.Fatalf("the stream ended: %v", s.lines.Err())
	return
}

func TestPhoneEvents(t *testing.T) {
	w := newWorld(t, Config{})
	p, token := w.friend("たろう")
	menu := w.createdMenu(true)
	open := w.stream("")
	w.call("POST", "/v2/bot/message/reply", replyBody(token, "a"))
	w.call("POST", "/v2/bot/chat/loading/start", `{"chatId":"`+p.ID+`","loadingSeconds":10}`)
	w.call("POST", "/v2/bot/user/"+p.ID+"/richmenu/"+menu, "")
	id := p.Say("b")
	p.Unsend(id)
	p.Block()
	w.SetNow(noon.Add(time.Hour))
	w.call("POST", "/v2/bot/user/all/richmenu/"+menu, "")

	var first string
	for i, want := range []string{"entry", "loading", "menu", "entry", "update", "entry", "person", "clock", "reset"} {
		id, kind, data := open.next()
		if kind != want {
			t.Fatalf("event %d is %s %v, want %s", i, kind, data, want)
		}
		if i == 0 {
			first = id
		}
		if data["person"] != nil && data["person"] != p.ID {
			t.Errorf("%s of %v", kind, data["person"])
		}
	}

	again := w.stream(first)
	if _, kind, data := again.next(); kind != "loading" || data["seconds"] != 10.0 {
		t.Errorf("after the first came %s %v", kind, data)
	}
	if _, kind, _ := w.stream("99999").next(); kind != "reset" {
		t.Errorf("after an id of another run came %s", kind)
	}
	for range newsKept + 1 {
		w.SetNow(noon)
	}
	if _, kind, _ := w.stream(first).next(); kind != "reset" {
		t.Errorf("after a forgotten id came %s", kind)
	}
}

func TestShareByMessageAddress(t *testing.T) {
	w := newWorld(t, Config{})
	w.AddPerson("はなこ")
	w.want(w.ask("GET", "/R/msg/text/?"+url.PathEscape("贈り物 1+1"), ""), 200, "贈り物 1&#43;1")
}
