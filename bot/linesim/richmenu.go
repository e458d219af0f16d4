package linesim

import (
	"bytes"
	"encoding/json"
	"image"
	_ "image/jpeg" // the two formats
	_ "image/png"  // LINE takes
	"net/http"
	"slices"
)

const (
	maxMenus     = 1000
	maxMenuImage = 1 << 20
)

// menus is the account's rich menus as made through the API.
type menus struct {
	byID     map[string]*menu
	order    []string // as created
	aliases  map[string]string
	standard string // id of the default menu, or ""
}

type menu struct {
	id        string
	object    json.RawMessage // as created
	look      menuObject
	image     []byte
	imageType string
}

// A menuObject is what a rich menu says of itself.
type menuObject struct {
	Size struct {
		Width  int `json:"width"`
		Height int `json:"height"`
	} `json:"size"`
	Selected    bool       `json:"selected"`
	Name        string     `json:"name"`
	ChatBarText string     `json:"chatBarText"`
	Areas       []menuArea `json:"areas"`
}

type menuArea struct {
	Bounds struct {
		X      int `json:"x"`
		Y      int `json:"y"`
		Width  int `json:"width"`
		Height int `json:"height"`
	} `json:"bounds"`
	Action json.RawMessage `json:"action"`
}

// allowedSize is the rule for menus and their images alike.
func allowedSize(width, height int) bool {
	return width >= 800 && width <= 2500 && height >= 250 && float64(width)/float64(height) >= 1.45
}

// checkMenu checks a rich menu object.
func checkMenu(body []byte) []detail {
	var v map[string]any
	if json.Unmarshal(body, &v) != nil || v == nil {
		return []detail{{"Must be an object", "body"}}
	}
	var c checker
	n := node{&c, "", v}
	if size, ok := n.child("size", true); ok {
		width, height := size.whole("width", true, 1, 1<<31-1), size.whole("height", true, 1, 1<<31-1)
		if width > 0 && height > 0 && !allowedSize(width, height) {
			n.wrong("size", "Invalid size")
		}
	}
	if !n.has("selected") {
		n.wrong("selected", "May not be null")
	}
	n.boolean("selected")
	n.need("name", chars(300))
	n.need("chatBarText", chars(14))
	if !n.has("areas") {
		n.wrong("areas", "May not be null")
	}
	for i, v := range n.list("areas", 0, 20) {
		if area, ok := n.node(index("areas", i), v); ok {
			if b, ok := area.child("bounds", true); ok {
				b.bounds()
			}
			area.action("action", inRichMenu)
		}
	}
	return c.details
}

// validateMenu is POST /v2/bot/richmenu/validate.
func (s *Sim) validateMenu(c *call) answer {
	if wrong := checkMenu(c.body); len(wrong) > 0 {
		return refuseDetails(wrong)
	}
	return fine()
}

// createMenu is POST /v2/bot/richmenu.
func (s *Sim) createMenu(c *call) answer {
	if wrong := checkMenu(c.body); len(wrong) > 0 {
		return refuseDetails(wrong)
	}
	m := &menu{id: "richmenu-" + randomHex(16), object: squeezed(c.body)}
	if err := json.Unmarshal(c.body, &m.look); err != nil {
		return notJSON
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.menus.byID) >= maxMenus {
		return refuse(http.StatusBadRequest, "The number of rich menus exceeds the limit")
	}
	s.menus.byID[m.id] = m
	s.menus.order = append(s.menus.order, m.id)
	return answerJSON(http.StatusOK, map[string]string{"richMenuId": m.id})
}

var noMenu = refuse(http.StatusNotFound, "richmenu not found")

// menuJSON is the object with its id, as LINE returns it.
func (m *menu) menuJSON() json.RawMessage {
	return append([]byte(`{"richMenuId":"`+m.id+`",`), m.object[1:]...)
}

// getMenu is GET /v2/bot/richmenu/{richMenuId}.
func (s *Sim) getMenu(c *call) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.menus.byID[c.params[0]]
	if m == nil {
		return noMenu
	}
	return answerJSON(http.StatusOK, m.menuJSON())
}

// listMenus is GET /v2/bot/richmenu/list.
func (s *Sim) listMenus(*call) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]json.RawMessage, 0, len(s.menus.order))
	for _, id := range s.menus.order {
		list = append(list, s.menus.byID[id].menuJSON())
	}
	return answerJSON(http.StatusOK, map[string]any{"richmenus": list})
}

// deleteMenu is DELETE /v2/bot/richmenu/{richMenuId}. Here phones show the change at once, on LINE when the chat is
// opened again.
func (s *Sim) deleteMenu(c *call) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := c.params[0]
	if s.menus.byID[id] == nil {
		return noMenu
	}
	delete(s.menus.byID, id)
	s.menus.order = slices.DeleteFunc(s.menus.order, func(other string) bool { return other == id })
	if s.menus.standard == id {
		s.menus.standard = ""
	}
	for _, p := range s.order {
		if p.menu == id {
			p.menu = ""
		}
	}
	s.feed.reset()
	return fine()
}

// uploadMenuImage is POST /v2/bot/richmenu/{richMenuId}/content.
func (s *Sim) uploadMenuImage(c *call) answer {
	kind := c.Header.Get("Content-Type")
	if kind != "image/png" && kind != "image/jpeg" {
		return refuse(http.StatusUnsupportedMediaType, "Unsupported Media Type")
	}
	picture, format, err := image.DecodeConfig(bytes.NewReader(c.body))
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.menus.byID[c.params[0]]
	switch {
	case m == nil:
		return noMenu
	case m.image != nil:
		return refuse(http.StatusBadRequest, "An image has already been uploaded to the richmenu")
	case len(c.body) > maxMenuImage:
		return refuse(http.StatusBadRequest, "The image file is larger than 1 MB")
	case err != nil || "image/"+format != kind:
		return refuse(http.StatusBadRequest, "The image is not a JPEG or PNG image")
	case !allowedSize(picture.Width, picture.Height):
		return refuse(http.StatusBadRequest, "The image size is not allowed for richmenu")
	}
	m.image, m.imageType = c.body, kind
	return fine()
}

// getMenuImage is GET /v2/bot/richmenu/{richMenuId}/content.
func (s *Sim) getMenuImage(c *call) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.menus.byID[c.params[0]]
	if m == nil || m.image == nil {
		return notFound
	}
	return answer{status: http.StatusOK, mediaType: m.imageType, body: m.image}
}

// usable returns a menu people can be shown, or how LINE refuses it. The caller holds mu.
func (s *Sim) usable(id string) (*menu, answer) {
	m := s.menus.byID[id]
	switch {
	case m == nil:
		return nil, noMenu
	case m.image == nil:
		return nil, refuse(http.StatusBadRequest, "must upload richmenu image before applying it to user")
	}
	return m, answer{}
}

// setDefaultMenu is POST /v2/bot/user/all/richmenu/{richMenuId}.
func (s *Sim) setDefaultMenu(c *call) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, refused := s.usable(c.params[0])
	if m == nil {
		return refused
	}
	s.menus.standard = m.id
	s.feed.reset()
	return fine()
}

// getDefaultMenu is GET /v2/bot/user/all/richmenu.
func (s *Sim) getDefaultMenu(*call) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.menus.standard == "" {
		return refuse(http.StatusNotFound, "no default richmenu")
	}
	return answerJSON(http.StatusOK, map[string]string{"richMenuId": s.menus.standard})
}

// clearDefaultMenu is DELETE /v2/bot/user/all/richmenu.
func (s *Sim) clearDefaultMenu(*call) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.menus.standard = ""
	s.feed.reset()
	return fine()
}

// linkMenu is POST /v2/bot/user/{userId}/richmenu/{richMenuId}: 200 also for people it has no effect on.
func (s *Sim) linkMenu(c *call) answer {
	if !userIDForm.MatchString(c.params[0]) {
		return invalidParameter("userId")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	m, refused := s.usable(c.params[1])
	if m == nil {
		return refused
	}
	s.showMenu(c.params[0], m.id)
	return fine()
}

// unlinkMenu is DELETE /v2/bot/user/{userId}/richmenu.
func (s *Sim) unlinkMenu(c *call) answer {
	if !userIDForm.MatchString(c.params[0]) {
		return invalidParameter("userId")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.showMenu(c.params[0], "")
	return fine()
}

// showMenu links the menu, or none for "", to the person, if LINE would. The caller holds mu.
func (s *Sim) showMenu(userID, menuID string) {
	if p := s.people[userID]; p != nil && p.reachable() && p.menu != menuID {
		p.menu = menuID
		s.feed.publish("menu", menuNews{p.ID, s.menuView(p)})
	}
}

// getMenuOfUser is GET /v2/bot/user/{userId}/richmenu: the menu linked to the person, not the default.
func (s *Sim) getMenuOfUser(c *call) answer {
	if !userIDForm.MatchString(c.params[0]) {
		return invalidParameter("userId")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.people[c.params[0]]
	if p == nil || p.menu == "" {
		return refuse(http.StatusNotFound, "the user has no richmenu")
	}
	return answerJSON(http.StatusOK, map[string]string{"richMenuId": p.menu})
}

// linkMenus is POST /v2/bot/richmenu/bulk/link.
func (s *Sim) linkMenus(c *call) answer {
	return s.changeMenus(c, func(req request) (string, answer) {
		var id string
		req.read("richMenuId", &id)
		m, refused := s.usable(id)
		if m == nil {
			return "", refused
		}
		return m.id, answer{}
	})
}

// unlinkMenus is POST /v2/bot/richmenu/bulk/unlink.
func (s *Sim) unlinkMenus(c *call) answer {
	return s.changeMenus(c, func(request) (string, answer) { return "", answer{} })
}

// changeMenus shows everybody named in the call the menu that which picks; LINE does it within seconds of its 202, the
// simulator before it.
func (s *Sim) changeMenus(c *call, which func(request) (menuID string, refused answer)) answer {
	req, ok := parseRequest(c.body)
	if !ok {
		return notJSON
	}
	var users []string
	if !req.read("userIds", &users) || len(users) < 1 || len(users) > 500 {
		return refuseDetails([]detail{{"Size must be between 1 and 500", "userIds"}})
	}
	if i := slices.IndexFunc(users, func(id string) bool { return !userIDForm.MatchString(id) }); i >= 0 {
		return invalidProperty(index("userIds", i))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	id, refused := which(req)
	if refused.status != 0 {
		return refused
	}
	for _, user := range users {
		s.showMenu(user, id)
	}
	return answerJSON(http.StatusAccepted, struct{}{})
}
