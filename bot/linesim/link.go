package linesim

import (
	"html/template"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"
)

const linkTokenLife = 10 * time.Minute

// personCookie says whose phone a browser is.
const personCookie = "linesim_person"

// A linkToken lets one person link their account once.
type linkToken struct {
	person *Person
	used   bool
}

// issueLinkToken is POST /v2/bot/user/{userId}/linkToken, for friends.
func (s *Sim) issueLinkToken(c *call) answer {
	if !userIDForm.MatchString(c.params[0]) {
		return invalidParameter("userId")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.people[c.params[0]]
	if p == nil || !p.friend || p.blocked {
		return notFound
	}
	token := randomHex(16)
	s.linkTokens.put(token, &linkToken{person: p}, s.now())
	return answerJSON(http.StatusOK, map[string]string{"linkToken": token})
}

// linkAccount is the page a provider's site sends people to after sign-in: GET /dialog/bot/accountLink.
func (s *Sim) linkAccount(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	nonce := query.Get("nonce")
	browser := s.whose(r)

	s.mu.Lock()
	defer s.mu.Unlock()
	token, ok := s.linkTokens.get(query.Get("linkToken"), s.now())
	if n := utf8.RuneCountInString(nonce); !ok || token.used || !token.person.friend || token.person.blocked || n < 10 || n > 255 {
		show(w, http.StatusBadRequest, notePage, note{Title: "連携できませんでした", Text: "リンクの有効期限が切れているか、すでに使われています。トークからもう一度お試しください。", Back: phoneOf(browser)})
		return
	}
	token.used = true
	if browser == nil {
		browser = token.person
	}
	if browser != token.person {
		s.enqueue(&s.nobody, &event{Type: "accountLink", Link: &link{"failed", nonce}})
		s.touched()
		show(w, http.StatusOK, notePage, note{Title: "連携できませんでした", Text: "このリンクは別のアカウントに送られたものです。", Back: phoneOf(browser)})
		return
	}
	browser.happens(&event{Type: "accountLink", Link: &link{"ok", nonce}})
	s.touched()
	show(w, http.StatusOK, notePage, note{Title: "連携しました", Text: "連携しました。トークに戻ってください。", Back: phoneOf(browser)})
}

// whose returns the person a browser is signed in to LINE as: "as" in the address, else the cookie, else nil.
func (s *Sim) whose(r *http.Request) *Person {
	id := r.URL.Query().Get("as")
	if c, err := r.Cookie(personCookie); err == nil && id == "" {
		id = c.Value
	}
	return s.Person(id)
}

func phoneOf(p *Person) string {
	if p == nil {
		return "/phone"
	}
	return "/phone?person=" + p.ID
}

// chooseFriend is the share screen: GET /R/share?text=… and /R/msg/text/?….
func (s *Sim) chooseFriend(w http.ResponseWriter, r *http.Request) {
	text := r.URL.Query().Get("text")
	if strings.HasPrefix(r.URL.Path, "/R/msg/") {
		text = afterMark(r)
	}
	me := s.whose(r)
	page := sharePage{Text: text, Back: phoneOf(me)}
	if me != nil {
		page.As = me.ID
	}
	for _, p := range s.People() {
		if p != me {
			page.Friends = append(page.Friends, p)
		}
	}
	show(w, http.StatusOK, shareTemplate, page)
}

// sendToFriend takes the share screen's choice: POST /R/share.
func (s *Sim) sendToFriend(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	to, me := s.Person(r.FormValue("to")), s.Person(r.FormValue("as"))
	if text := r.FormValue("text"); to != nil && text != "" {
		from := "友だち"
		if me != nil {
			from = me.Name
		}
		s.share(from, to, text)
		show(w, http.StatusOK, notePage, note{Title: "送信しました", Text: to.Name + "さんに送信しました。", Back: phoneOf(me)})
		return
	}
	show(w, http.StatusBadRequest, notePage, note{Title: "送信できませんでした", Text: "送る相手を選んでください。", Back: phoneOf(me)})
}

// openChat opens the account's chat with a text to send: GET /R/oaMessage/{basicId}/?{text}.
func (s *Sim) openChat(w http.ResponseWriter, r *http.Request) {
	target := phoneOf(s.whose(r))
	if text := afterMark(r); text != "" {
		mark := "?"
		if strings.Contains(target, "?") {
			mark = "&"
		}
		target += mark + "text=" + url.QueryEscape(text)
	}
	http.Redirect(w, r, target, http.StatusFound)
}

// afterMark is the text that some LINE addresses carry as their whole query.
func afterMark(r *http.Request) string {
	text, err := url.PathUnescape(r.URL.RawQuery)
	if err != nil {
		return ""
	}
	return text
}

type note struct{ Title, Text, Back string }

type sharePage struct {
	Text, Back string
	As         string // who shares: another phone in the same browser may be opened before the choice is made
	Friends    []*Person
}

var linePages = template.Must(template.New("").Parse(`
{{define "head"}}<!doctype html>
<html lang="ja"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{.}}</title><link rel="stylesheet" href="/dialog/line.css"></head><body><main><h1>{{.}}</h1>{{end}}
{{define "note"}}{{template "head" .Title}}
<p>{{.Text}}</p>
<p><a href="{{.Back}}">トークに戻る</a></p>
</main></body></html>{{end}}
{{define "share"}}{{template "head" "送信先を選択"}}
<p class="text">{{.Text}}</p>
<form method="post" action="/R/share"><input type="hidden" name="text" value="{{.Text}}"><input type="hidden" name="as" value="{{.As}}">
{{range .Friends}}<button name="to" value="{{.ID}}">{{.Name}}</button>
{{else}}<p>ほかの人がいません。スマートフォンの画面で人を追加してください。</p>{{end}}</form>
<p><a href="{{.Back}}">トークに戻る</a></p>
</main></body></html>{{end}}`))

var (
	notePage      = linePages.Lookup("note")
	shareTemplate = linePages.Lookup("share")
)

const lineStyle = `body{margin:0;font:16px/1.6 system-ui,sans-serif;color:#1f1f1f;background:#f2f3f5}
main{max-width:26rem;margin:0 auto;padding:2rem 1.25rem}
h1{font-size:1.25rem}
.text{padding:.75rem;border-radius:.5rem;background:#fff;white-space:pre-wrap;overflow-wrap:anywhere}
form{display:grid;gap:.5rem}
button{min-height:3rem;padding:.5rem 1rem;border:1px solid #c4c7cc;border-radius:.5rem;background:#fff;color:inherit;font:inherit;text-align:start}
a{color:#0a6b38}
@media (prefers-color-scheme:dark){body{color:#eee;background:#161719}.text,button{background:#26282c;border-color:#4a4d53}a{color:#6fd39b}}
`

// show writes one of LINE's own pages.
func show(w http.ResponseWriter, status int, t *template.Template, page any) {
	var b strings.Builder
	if err := t.Execute(&b, page); err != nil {
		panic(err) // the templates and their pages are all in this file
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	w.Write([]byte(b.String()))
}
