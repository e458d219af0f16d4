package linesim

import (
	"net/http"
	"slices"
)

// aliasView is one alias as LINE returns it.
type aliasView struct {
	AliasID string `json:"richMenuAliasId"`
	MenuID  string `json:"richMenuId"`
}

var noAlias = refuse(http.StatusNotFound, "richmenu alias not found")

// createAlias is POST /v2/bot/richmenu/alias.
func (s *Sim) createAlias(c *call) answer {
	req, ok := parseRequest(c.body)
	if !ok {
		return notJSON
	}
	var id, menuID string
	if !req.read("richMenuAliasId", &id) || !aliasIDForm.MatchString(id) {
		return invalidProperty("richMenuAliasId")
	}
	req.read("richMenuId", &menuID)
	s.mu.Lock()
	defer s.mu.Unlock()
	_, taken := s.menus.aliases[id]
	switch {
	case s.menus.byID[menuID] == nil:
		return refuse(http.StatusBadRequest, "richmenu not found")
	case taken:
		return refuse(http.StatusBadRequest, "conflict richmenu alias id")
	case len(s.menus.aliases) >= maxMenus:
		return refuse(http.StatusBadRequest, "The number of rich menu aliases exceeds the limit")
	}
	s.menus.aliases[id] = menuID
	return fine()
}

// updateAlias is POST /v2/bot/richmenu/alias/{richMenuAliasId}.
func (s *Sim) updateAlias(c *call) answer {
	req, ok := parseRequest(c.body)
	if !ok {
		return notJSON
	}
	var menuID string
	req.read("richMenuId", &menuID)
	s.mu.Lock()
	defer s.mu.Unlock()
	_, known := s.menus.aliases[c.params[0]]
	switch {
	case !known:
		return noAlias
	case s.menus.byID[menuID] == nil:
		return refuse(http.StatusBadRequest, "richmenu not found")
	}
	s.menus.aliases[c.params[0]] = menuID
	return fine()
}

// getAlias is GET /v2/bot/richmenu/alias/{richMenuAliasId}.
func (s *Sim) getAlias(c *call) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	id, known := s.menus.aliases[c.params[0]]
	if !known {
		return noAlias
	}
	return answerJSON(http.StatusOK, aliasView{c.params[0], id})
}

// deleteAlias is DELETE /v2/bot/richmenu/alias/{richMenuAliasId}.
func (s *Sim) deleteAlias(c *call) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.menus.aliases[c.params[0]]; !known {
		return noAlias
	}
	delete(s.menus.aliases, c.params[0])
	return fine()
}

// listAliases is GET /v2/bot/richmenu/alias/list.
func (s *Sim) listAliases(*call) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]aliasView, 0, len(s.menus.aliases))
	for id, menuID := range s.menus.aliases {
		list = append(list, aliasView{id, menuID})
	}
	slices.SortFunc(list, func(a, b aliasView) int {
		if a.AliasID < b.AliasID {
			return -1
		}
		return 1
	})
	return answerJSON(http.StatusOK, map[string]any{"aliases": list})
}

// MenuOfAlias is the ID of the menu that an alias points at, "" for none.
func (s *Sim) MenuOfAlias(alias string) (richMenuID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.menus.aliases[alias]
}

// SwitchMenu is a tap on a richmenuswitch action: the alias's menu becomes the person's own, and the bot hears of it by
// a postback that says how it went.
func (p *Person) SwitchMenu(aliasID, data string) {
	s := p.sim
	s.mu.Lock()
	defer s.mu.Unlock()
	params := map[string]string{"status": "SUCCESS", "newRichMenuAliasId": aliasID}
	menuID, known := s.menus.aliases[aliasID]
	m := s.menus.byID[menuID]
	switch {
	case !known:
		params = map[string]string{"status": "RICHMENU_ALIAS_ID_NOTFOUND"}
	case m == nil:
		params = map[string]string{"status": "RICHMENU_NOTFOUND"}
	case m.image == nil || !p.reachable():
		params = map[string]string{"status": "FAILED"}
	default:
		s.showMenu(p.ID, menuID)
	}
	p.happens(&event{Type: "postback", Postback: &postback{data, params}})
	s.touched()
}
