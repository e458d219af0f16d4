package linesim

import (
	"net/http"
	"slices"
	"strconv"
)

// getBotInfo is GET /v2/bot/info. Chat is on in this account, so that marking as read is the bot's.
func (s *Sim) getBotInfo(*call) answer {
	return answerJSON(http.StatusOK, map[string]string{
		"userId": s.cfg.BotUserID, "basicId": s.cfg.BasicID, "displayName": s.cfg.Name,
		"chatMode": "chat", "markAsReadMode": "manual",
	})
}

// getProfile is GET /v2/bot/profile/{userId}: of friends, and of others who wrote.
func (s *Sim) getProfile(c *call) answer {
	if !userIDForm.MatchString(c.params[0]) {
		return invalidParameter("userId")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.people[c.params[0]]
	if p == nil || p.blocked || !p.friend && p.wrote.IsZero() {
		return notFound
	}
	return answerJSON(http.StatusOK, map[string]string{"displayName": p.Name, "userId": p.ID, "language": "ja"})
}

// getFollowers is GET /v2/bot/followers/ids. The continuation token is the last id of the page before.
func (s *Sim) getFollowers(c *call) answer {
	limit := 300
	query := c.URL.Query()
	if query.Has("limit") {
		n, err := strconv.Atoi(query.Get("limit"))
		if err != nil || n < 1 || n > 1000 {
			return invalidParameter("limit")
		}
		limit = n
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	from := 0
	if start := query.Get("start"); start != "" {
		from = 1 + slices.IndexFunc(s.order, func(p *Person) bool { return p.ID == start })
		if from == 0 {
			return invalidParameter("start")
		}
	}
	page := struct {
		UserIDs []string `json:"userIds"`
		Next    string   `json:"next,omitempty"`
	}{UserIDs: []string{}}
	for _, p := range s.order[from:] {
		if !p.friend || p.blocked {
			continue
		}
		if len(page.UserIDs) == limit {
			page.Next = page.UserIDs[limit-1]
			break
		}
		page.UserIDs = append(page.UserIDs, p.ID)
	}
	return answerJSON(http.StatusOK, page)
}
