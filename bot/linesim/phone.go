package linesim

import (
	"embed"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// The phone page: HTML, styles and ES modules, served as they are.
//
//go:embed page
var page embed.FS

const maxUpload = 10 << 20

// pages is what people's browsers ask for.
func (s *Sim) pages() http.Handler {
	files, err := fs.Sub(page, "page")
	if err != nil {
		panic(err) // the name is the one above
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/phone", http.StatusFound)
	})
	mux.HandleFunc("GET /phone", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFileFS(w, r, files, "index.html")
	})
	mux.Handle("GET /phone/assets/", http.StripPrefix("/phone/assets/", http.FileServerFS(files)))

	mux.HandleFunc("GET /phone/api/state", s.getState)
	mux.HandleFunc("GET /phone/api/events", s.streamEvents)
	mux.HandleFunc("POST /phone/api/people", s.postPerson)
	mux.HandleFunc("GET /phone/api/people/{id}/chat", s.asPerson(s.getChat))
	mux.HandleFunc("POST /phone/api/people/{id}/messages", s.asPerson(s.postMessage))
	mux.HandleFunc("POST /phone/api/people/{id}/postback", s.asPerson(s.postPostback))
	mux.HandleFunc("POST /phone/api/people/{id}/unsend", s.asPerson(s.postUnsend))
	mux.HandleFunc("POST /phone/api/people/{id}/richmenuswitch", s.asPerson(s.postMenuSwitch))
	mux.HandleFunc("POST /phone/api/people/{id}/follow", s.asPerson(s.becoming((*Person).Follow)))
	mux.HandleFunc("POST /phone/api/people/{id}/block", s.asPerson(s.becoming((*Person).Block)))
	mux.HandleFunc("POST /phone/api/people/{id}/unblock", s.asPerson(s.becoming((*Person).Unblock)))
	mux.HandleFunc("GET /phone/api/menus/{id}/image", s.getMenuPicture)
	mux.HandleFunc("GET /phone/api/content/{id}", s.getPicture)
	mux.HandleFunc("POST /phone/api/open", s.postOpen)
	mux.HandleFunc("GET /phone/api/faults", s.getFaults)
	mux.HandleFunc("PUT /phone/api/faults", s.putFaults)
	mux.HandleFunc("GET /phone/api/clock", s.getClock)
	mux.HandleFunc("PUT /phone/api/clock", s.putClock)

	mux.HandleFunc("GET /dialog/bot/accountLink", s.linkAccount)
	mux.HandleFunc("GET /dialog/line.css", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/css; charset=utf-8")
		io.WriteString(w, lineStyle)
	})
	mux.HandleFunc("GET /R/share", s.chooseFriend)
	mux.HandleFunc("GET /R/msg/text/", s.chooseFriend)
	mux.HandleFunc("POST /R/share", s.sendToFriend)
	mux.HandleFunc("GET /R/oaMessage/{basicId}/", s.openChat)
	mux.HandleFunc("GET /R/ti/p/{basicId}", s.openChat)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		writeJSON(w, http.StatusNotFound, errorBody{Message: "Not found"})
	})

	guarded := http.NewCrossOriginProtection().Handler(mux)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", "default-src 'self'; img-src 'self' data: blob: https:; base-uri 'none'; form-action 'self'; frame-ancestors 'self'")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Referrer-Policy", "no-referrer") // addresses here carry link tokens
		w.Header().Set("Cache-Control", "no-cache")
		guarded.ServeHTTP(w, r)
	})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write(compact(v))
}

func writeError(w http.ResponseWriter, status int, message string) {
	writeJSON(w, status, errorBody{Message: message})
}

// readJSON reads a phone's request into v, or answers it and reports false.
func readJSON(w http.ResponseWriter, r *http.Request, v any) bool {
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(v); err != nil {
		writeError(w, http.StatusBadRequest, "The request body is not the JSON expected here")
		return false
	}
	return true
}

// asPerson finds the person a path names.
func (s *Sim) asPerson(next func(http.ResponseWriter, *http.Request, *Person)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		p := s.Person(r.PathValue("id"))
		if p == nil {
			writeError(w, http.StatusNotFound, "No such person")
			return
		}
		next(w, r, p)
	}
}

// What the phone shows.
type (
	botView struct {
		Name    string `json:"name"`
		BasicID string `json:"basicId"`
		UserID  string `json:"userId"`
	}
	personView struct {
		ID      string    `json:"id"`
		Name    string    `json:"name"`
		Color   string    `json:"color"`
		Friend  bool      `json:"friend"`
		Blocked bool      `json:"blocked"`
		Unread  int       `json:"unread"`
		Menu    *menuView `json:"menu"`
	}
	menuView struct {
		ID string `json:"id"`
		menuObject
		Image string `json:"image"`
	}
	stateView struct {
		Bot    botView      `json:"bot"`
		Now    time.Time    `json:"now"`
		People []personView `json:"people"`
	}
)

// personView is the person as the phone shows them. The caller holds mu.
func (s *Sim) personView(p *Person) personView {
	return personView{p.ID, p.Name, p.color, p.friend, p.blocked, p.unread, s.menuView(p)}
}

// menuView is the menu the person is shown, or nil. The caller holds mu.
func (s *Sim) menuView(p *Person) *menuView {
	m := s.menus.byID[s.menuOf(p)]
	if m == nil || p.blocked {
		return nil
	}
	return &menuView{m.id, m.look, "/phone/api/menus/" + m.id + "/image"}
}

func (s *Sim) getState(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	state := stateView{botView{s.cfg.Name, s.cfg.BasicID, s.cfg.BotUserID}, s.now(), []personView{}}
	for _, p := range s.order {
		state.People = append(state.People, s.personView(p))
	}
	s.mu.Unlock()
	writeJSON(w, http.StatusOK, state)
}

// postPerson adds a person: {"name"}, a friend unless "friend" is false.
func (s *Sim) postPerson(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Name   string
		Friend *bool
	}
	if !readJSON(w, r, &in) {
		return
	}
	in.Name = strings.TrimSpace(in.Name)
	if n := graphemes(in.Name); n < 1 || n > 20 {
		writeError(w, http.StatusBadRequest, "名前は1〜20文字で入力してください。")
		return
	}
	add := s.AddPerson
	if in.Friend != nil && !*in.Friend {
		add = s.AddStranger
	}
	p := add(in.Name)
	s.mu.Lock()
	view := s.personView(p)
	s.mu.Unlock()
	writeJSON(w, http.StatusCreated, view)
}

func (s *Sim) becoming(change func(*Person)) func(http.ResponseWriter, *http.Request, *Person) {
	return func(w http.ResponseWriter, r *http.Request, p *Person) {
		change(p)
		s.mu.Lock()
		view := s.personView(p)
		s.mu.Unlock()
		writeJSON(w, http.StatusOK, view)
	}
}

// getChat returns the entries after ?after=; who reads them has none unread.
func (s *Sim) getChat(w http.ResponseWriter, r *http.Request, p *Person) {
	after, _ := strconv.ParseInt(r.URL.Query().Get("after"), 10, 64) // nonsense: everything
	s.mu.Lock()
	all := struct {
		Entries []Entry `json:"entries"`
	}{[]Entry{}}
	for _, e := range p.chat {
		if e.Seq > after {
			all.Entries = append(all.Entries, e)
		}
	}
	if p.unread > 0 {
		p.unread = 0
		s.changedPerson(p)
	}
	s.mu.Unlock()
	writeJSON(w, http.StatusOK, all)
}

// postMessage sends what the person wrote; a multipart body is a picture.
func (s *Sim) postMessage(w http.ResponseWriter, r *http.Request, p *Person) {
	var e Entry
	var ok bool
	var err error
	if strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/") {
		var data []byte
		if data, err = uploaded(w, r); err == nil {
			e, ok, err = p.picture(data)
		}
	} else {
		var in struct {
			Type, Text, PackageID, StickerID string
			Location
		}
		if !readJSON(w, r, &in) {
			return
		}
		switch {
		case in.Type == "text" && strings.TrimSpace(in.Text) != "" && utf16Length(in.Text) <= 10_000:
			e, ok = p.say(in.Text)
		case in.Type == "sticker" && in.PackageID != "" && in.StickerID != "":
			e, ok = p.sticker(in.PackageID, in.StickerID)
		case in.Type == "image":
			e, ok, err = p.picture(samplePicture())
		case in.Type == "location":
			e, ok = p.locate(in.Location)
		default:
			err = errors.New("no such message")
		}
	}
	switch {
	case err != nil:
		writeError(w, http.StatusBadRequest, "このメッセージは送れません。")
	case !ok:
		writeError(w, http.StatusConflict, "ブロック中は送信できません。")
	default:
		writeJSON(w, http.StatusOK, e)
	}
}

// uploaded returns the first file of a form.
func uploaded(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	r.Body = http.MaxBytesReader(w, r.Body, maxUpload)
	parts, err := r.MultipartReader()
	if err != nil {
		return nil, err
	}
	for {
		part, err := parts.NextPart()
		if err != nil {
			return nil, err
		}
		if part.FileName() != "" {
			return io.ReadAll(part)
		}
	}
}

func (s *Sim) postPostback(w http.ResponseWriter, r *http.Request, p *Person) {
	var in struct {
		Data, DisplayText string
		Params            map[string]string
	}
	if !readJSON(w, r, &in) {
		return
	}
	if !p.postback(in.Data, in.DisplayText, in.Params) {
		writeError(w, http.StatusConflict, "ブロック中は送信できません。")
		return
	}
	writeJSON(w, http.StatusOK, struct{}{})
}

func (s *Sim) postUnsend(w http.ResponseWriter, r *http.Request, p *Person) {
	var in struct{ ID string }
	if !readJSON(w, r, &in) {
		return
	}
	if !p.unsend(in.ID) {
		writeError(w, http.StatusNotFound, "このメッセージは取り消せません。")
		return
	}
	writeJSON(w, http.StatusOK, struct{}{})
}

func (s *Sim) postMenuSwitch(w http.ResponseWriter, r *http.Request, p *Person) {
	var in struct{ RichMenuAliasID, Data string }
	if !readJSON(w, r, &in) {
		return
	}
	p.SwitchMenu(in.RichMenuAliasID, in.Data)
	writeJSON(w, http.StatusOK, struct{}{})
}

func (s *Sim) getMenuPicture(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	m := s.menus.byID[r.PathValue("id")]
	var picture []byte
	if m != nil {
		picture = m.image
	}
	s.mu.Unlock()
	if picture == nil {
		writeError(w, http.StatusNotFound, "No such picture")
		return
	}
	w.Header().Set("Content-Type", m.imageType)
	w.Header().Set("Cache-Control", "max-age=86400, immutable") // a menu's image cannot be replaced
	w.Write(picture)
}

func (s *Sim) getPicture(w http.ResponseWriter, r *http.Request) {
	c, refused := s.contentOf(r.PathValue("id"))
	if refused.status != 0 {
		writeError(w, refused.status, "No such picture")
		return
	}
	w.Header().Set("Content-Type", c.mediaType)
	w.Write(c.data)
}

// postOpen says where a person's tap on an address leads, and makes the browser that person's. LINE's own addresses
// lead here.
func (s *Sim) postOpen(w http.ResponseWriter, r *http.Request) {
	var in struct{ Person, URI string }
	if !readJSON(w, r, &in) {
		return
	}
	p := s.Person(in.Person)
	target, ok := s.target(in.URI, r)
	if p == nil || !ok {
		writeError(w, http.StatusBadRequest, "このリンクは開けません。")
		return
	}
	http.SetCookie(w, &http.Cookie{Name: personCookie, Value: p.ID, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode})
	writeJSON(w, http.StatusOK, map[string]string{"url": target})
}

// target rewrites LINE's addresses to this server and refuses those an app would not open.
func (s *Sim) target(uri string, r *http.Request) (string, bool) {
	u, err := url.Parse(uri)
	if err != nil {
		return "", false
	}
	base := strings.TrimSuffix(s.cfg.WebURL, "/")
	if base == "" {
		base = "http://" + r.Host
		if r.TLS != nil {
			base = "https://" + r.Host
		}
	}
	switch {
	case u.Scheme == "line": // line://share?text=… is line.me/R/share?text=…
		return base + "/R/" + strings.TrimPrefix(uri, "line://"), true
	case u.Scheme == "https" && (u.Host == "line.me" || u.Host == "access.line.me"):
		return base + u.RequestURI(), true
	case (u.Scheme == "http" || u.Scheme == "https") && u.Host != "", u.Scheme == "tel":
		return uri, true
	}
	return "", false
}

func (s *Sim) getClock(w http.ResponseWriter, r *http.Request) {
	writeJSON(w, http.StatusOK, clockView{s.Now()})
}

// putClock sets the clock ({"now"}), moves it on ({"advance":"10m"}) or lets it go with the base clock ({"reset":true}).
func (s *Sim) putClock(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Now     time.Time
		Advance string
		Reset   bool
	}
	if !readJSON(w, r, &in) {
		return
	}
	advance, err := time.ParseDuration(in.Advance)
	var now time.Time
	switch {
	case in.Reset:
		now = s.moveClock(func(time.Time) time.Duration { return 0 })
	case !in.Now.IsZero():
		now = s.moveClock(func(base time.Time) time.Duration { return in.Now.Sub(base) })
	case in.Advance != "" && err == nil:
		now = s.moveClock(func(time.Time) time.Duration { return s.offset + advance })
	default:
		writeError(w, http.StatusBadRequest, `One of "now", "advance" and "reset" is needed`)
		return
	}
	writeJSON(w, http.StatusOK, clockView{now})
}

func isLoopback(host string) bool {
	return host == "localhost" || net.ParseIP(host).IsLoopback()
}
