package linesim

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"net/http"
	"regexp"
	"sync"
	"time"
)

const (
	replyTokenLife = time.Minute
	replyTokenCap  = 20 * time.Minute // however often the event was redelivered
	retryKeyLife   = 24 * time.Hour
	afterWriting   = 7 * 24 * time.Hour // for so long a non-friend who wrote can be pushed to
)

// A replyToken lets the bot answer one event once.
type replyToken struct {
	person  *Person
	event   time.Time // when the event happened
	expires time.Time
	used    bool
}

// startReplyToken has the token's minute begin, for a new delivery or a redelivery. The caller holds mu.
func (s *Sim) startReplyToken(value string, p *Person, event time.Time) {
	now := s.now()
	t, ok := s.replyTokens.get(value, now)
	if !ok {
		t = &replyToken{person: p, event: event}
		s.replyTokens.put(value, t, now)
	}
	t.expires = now.Add(replyTokenLife)
	if last := t.event.Add(replyTokenCap); last.Before(t.expires) {
		t.expires = last
	}
}

// accepted is what was answered to a call with a retry key.
type accepted struct {
	requestID string
	sent      []sentMessage
}

// usage counts pushes of one month, Japan time.
type usage struct {
	month string
	count int
}

// thisMonth forgets the count of another month. The caller holds mu.
func (s *Sim) thisMonth() *usage {
	if month := s.now().In(japan).Format("2006-01"); s.used.month != month {
		s.used = usage{month: month}
	}
	return &s.used
}

var japan = time.FixedZone("JST", 9*60*60)

// An outgoing is one message a bot asks to send.
type outgoing struct {
	raw        json.RawMessage // without spaces
	kind       string
	sender     *Sender
	quoteToken string
}

// A request is a JSON body whose properties are read one by one.
type request map[string]json.RawMessage

func parseRequest(body []byte) (request, bool) {
	var r request
	err := json.Unmarshal(body, &r)
	return r, err == nil && r != nil
}

var notJSON = refuse(http.StatusBadRequest, "The request body could not be parsed as JSON")

// read decodes the property into v and reports whether it is there and of v's kind.
func (r request) read(name string, v any) bool {
	raw, ok := r[name]
	return ok && string(raw) != "null" && json.Unmarshal(raw, v) == nil
}

// A verdicts cache holds messages that were found right: bots say the same things again and again, and to check a large
// card costs ten times as much as all the rest of a call.
type verdicts struct {
	mu    sync.Mutex
	right map[[sha256.Size]byte]outgoing
}

const (
	verdictsKept = 1 << 14
	// worthKeeping is how large a message is whose verdict is kept.
	worthKeeping = 512
)

func (v *verdicts) of(raw json.RawMessage, check func() (outgoing, bool)) outgoing {
	if len(raw) < worthKeeping {
		m, _ := check()
		return m
	}
	key := sha256.Sum256(raw)
	v.mu.Lock()
	m, known := v.right[key]
	v.mu.Unlock()
	if known {
		return m
	}
	m, right := check()
	if right {
		v.mu.Lock()
		defer v.mu.Unlock()
		if v.right == nil || len(v.right) >= verdictsKept {
			v.right = make(map[[sha256.Size]byte]outgoing)
		}
		v.right[key] = m
	}
	return m
}

// messagesOf checks and returns a request's messages.
func (s *Sim) messagesOf(r request) ([]outgoing, []detail) {
	var raws []json.RawMessage
	r.read("messages", &raws)
	var c checker
	if len(raws) < 1 || len(raws) > 5 {
		c.fail("messages", "Size must be between 1 and 5")
		return nil, c.details
	}
	out := make([]outgoing, len(raws))
	for i, raw := range raws {
		out[i] = s.verdicts.of(raw, func() (outgoing, bool) {
			before := len(c.details)
			m := c.message(raw, index("messages", i))
			return m, len(c.details) == before
		})
	}
	var silent bool
	if v, ok := r["notificationDisabled"]; ok && string(v) != "null" && json.Unmarshal(v, &silent) != nil {
		c.fail("notificationDisabled", "Must be a boolean")
	}
	return out, c.details
}

// reply is POST /v2/bot/message/reply.
func (s *Sim) reply(c *call) answer {
	req, ok := parseRequest(c.body)
	if !ok {
		return notJSON
	}
	messages, wrong := s.messagesOf(req)
	if len(wrong) > 0 {
		return refuseDetails(wrong)
	}
	var value string
	if !req.read("replyToken", &value) || value == "" {
		return refuseDetails([]detail{{"May not be empty", "replyToken"}})
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	token, ok := s.replyTokens.get(value, now)
	if !ok || token.used || now.After(token.expires) {
		return refuse(http.StatusBadRequest, "Invalid reply token")
	}
	if at := s.wrongQuote(token.person.ID, messages); at >= 0 {
		return refuseDetails([]detail{{"Invalid quote token", index("messages", at) + ".quoteToken"}})
	}
	token.used = true
	s.note(c, Sent{Person: token.person.ID, ReplyToken: value}, messages)
	return answerJSON(http.StatusOK, sentBody{s.deliver(c, token.person, messages, "reply")})
}

type sentBody struct {
	SentMessages []sentMessage `json:"sentMessages"`
}

// push is POST /v2/bot/message/push.
func (s *Sim) push(c *call) answer {
	req, ok := parseRequest(c.body)
	if !ok {
		return notJSON
	}
	messages, wrong := s.messagesOf(req)
	wrong = append(wrong, req.units()...)
	if len(wrong) > 0 {
		return refuseDetails(wrong)
	}
	var to string
	req.read("to", &to)
	switch {
	case chatIDForm.MatchString(to):
		return refuse(http.StatusBadRequest, "Failed to send messages") // the account is in no group
	case !userIDForm.MatchString(to):
		return invalidProperty("to")
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	key := c.Header.Get("X-Line-Retry-Key")
	if done, ok := s.retries.get(key, s.now()); ok {
		return alreadyAccepted(done)
	}
	if at := s.wrongQuote(to, messages); at >= 0 {
		return refuseDetails([]detail{{"Invalid quote token", index("messages", at) + ".quoteToken"}})
	}
	p := s.people[to]
	if !s.spend([]*Person{p}) {
		return overQuota
	}
	s.note(c, Sent{Person: to, RetryKey: key}, messages)
	sent := s.deliver(c, p, messages, "push")
	s.accept(key, c.id, sent)
	return answerJSON(http.StatusOK, sentBody{sent})
}

// multicast is POST /v2/bot/message/multicast.
func (s *Sim) multicast(c *call) answer {
	req, ok := parseRequest(c.body)
	if !ok {
		return notJSON
	}
	messages, wrong := s.messagesOf(req)
	wrong = append(wrong, req.units()...)
	var to []string
	if !req.read("to", &to) || len(to) < 1 || len(to) > 500 {
		wrong = append(wrong, detail{"Size must be between 1 and 500", "to"})
	}
	if len(wrong) > 0 {
		return refuseDetails(wrong)
	}
	for i, id := range to {
		if !userIDForm.MatchString(id) {
			return invalidProperty(index("to", i))
		}
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	key := c.Header.Get("X-Line-Retry-Key")
	if done, ok := s.retries.get(key, s.now()); ok {
		return alreadyAccepted(done)
	}
	people := make([]*Person, len(to))
	for i, id := range to {
		people[i] = s.people[id]
	}
	if !s.spend(people) {
		return overQuota
	}
	for _, p := range people {
		s.deliver(c, p, messages, "push")
	}
	s.accept(key, c.id, nil)
	return fine()
}

var overQuota = refuse(http.StatusTooManyRequests, "You have reached your monthly limit.")

// alreadyAccepted is the answer to a retry of what was done.
func alreadyAccepted(done accepted) answer {
	a := answerJSON(http.StatusConflict, errorBody{Message: "The retry key is already accepted", SentMessages: done.sent})
	a.header = map[string]string{"X-Line-Accepted-Request-Id": done.requestID}
	return a
}

// accept remembers what a call with a retry key did. The caller holds mu.
func (s *Sim) accept(key, requestID string, sent []sentMessage) {
	if key != "" {
		s.retries.put(key, accepted{requestID, sent}, s.now())
	}
}

// spend counts one push for each recipient it reaches, or reports that the month's quota does not allow them. The
// caller holds mu.
func (s *Sim) spend(to []*Person) bool {
	reached := 0
	for _, p := range to {
		if p != nil && p.reachable() {
			reached++
		}
	}
	u := s.thisMonth()
	if s.cfg.Quota > 0 && u.count+reached > s.cfg.Quota {
		return false
	}
	u.count += reached
	return true
}

var unitForm = regexp.MustCompile(`^[a-zA-Z0-9_]{1,30}$`)

// units checks customAggregationUnits.
func (r request) units() []detail {
	raw, ok := r["customAggregationUnits"]
	if !ok || string(raw) == "null" {
		return nil
	}
	var units []string
	if json.Unmarshal(raw, &units) != nil || len(units) > 1 || len(units) == 1 && !unitForm.MatchString(units[0]) {
		return []detail{{"At most one unit of 1 to 30 letters, digits and underscores", "customAggregationUnits"}}
	}
	return nil
}

// validateMessages is POST /v2/bot/message/validate/….
func (s *Sim) validateMessages(c *call) answer {
	req, ok := parseRequest(c.body)
	if !ok {
		return notJSON
	}
	if _, wrong := s.messagesOf(req); len(wrong) > 0 {
		return refuseDetails(wrong)
	}
	return fine()
}

// wrongQuote returns the index of a message that quotes another chat's message, or -1.
func (s *Sim) wrongQuote(to string, messages []outgoing) int {
	for i, m := range messages {
		if m.quoteToken == "" {
			continue
		}
		if person, _, ok := s.unseal(quoting, m.quoteToken); !ok || person != to {
			return i
		}
	}
	return -1
}

// deliver puts the messages into p's chat, if LINE delivers to p at all, and says what LINE says was sent, which is the
// same either way. p may be nil. The caller holds mu.
func (s *Sim) deliver(c *call, p *Person, messages []outgoing, via string) []sentMessage {
	sent := make([]sentMessage, len(messages))
	for i, m := range messages {
		sent[i].ID = s.newMessageID()
		if p == nil {
			continue
		}
		switch m.kind {
		case "text", "textV2", "sticker", "image", "video", "template", "flex":
			sent[i].QuoteToken = s.seal(quoting, p.ID, sent[i].ID)
		}
		if p.reachable() {
			e := p.add(Entry{From: FromBot, ID: sent[i].ID, Message: m.raw, Sender: m.sender, Via: via})
			if len(s.onMessage) > 0 {
				c.delivered = append(c.delivered, delivered{p, e})
			}
		}
	}
	return sent
}

// note keeps what was sent for the observer. The caller holds mu.
func (s *Sim) note(c *call, sent Sent, messages []outgoing) {
	if s.observer.Sent == nil {
		return
	}
	sent.At = s.now()
	for _, m := range messages {
		sent.Messages = append(sent.Messages, m.raw)
	}
	c.sent = &sent
}

// A delivered message is told to OnMessage's functions after the call, when nothing is locked.
type delivered struct {
	to    *Person
	entry Entry
}

func (s *Sim) tell(news []delivered) {
	if len(news) == 0 {
		return
	}
	s.mu.Lock()
	told := s.onMessage
	s.mu.Unlock()
	for _, n := range news {
		for _, f := range told {
			f(n.to, n.entry)
		}
	}
}

// getQuota is GET /v2/bot/message/quota.
func (s *Sim) getQuota(*call) answer {
	if s.cfg.Quota == 0 {
		return answerJSON(http.StatusOK, map[string]any{"type": "none"})
	}
	return answerJSON(http.StatusOK, map[string]any{"type": "limited", "value": s.cfg.Quota})
}

// getConsumption is GET /v2/bot/message/quota/consumption.
func (s *Sim) getConsumption(*call) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	return answerJSON(http.StatusOK, map[string]any{"totalUsage": s.thisMonth().count})
}

// startLoading is POST /v2/bot/chat/loading/start.
func (s *Sim) startLoading(c *call) answer {
	req, ok := parseRequest(c.body)
	if !ok {
		return notJSON
	}
	var id string
	if !req.read("chatId", &id) || !userIDForm.MatchString(id) {
		return invalidProperty("chatId")
	}
	seconds := 20
	if raw, given := req["loadingSeconds"]; given && json.Unmarshal(raw, &seconds) != nil || seconds < 5 || seconds > 60 || seconds%5 != 0 {
		return invalidProperty("loadingSeconds")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.people[id]; p != nil && p.reachable() {
		s.feed.publish("loading", loadingView{p.ID, seconds})
	}
	return answerJSON(http.StatusAccepted, struct{}{})
}

// markAsRead is POST /v2/bot/chat/markAsRead: the message the token came with, and all before it.
func (s *Sim) markAsRead(c *call) answer {
	req, ok := parseRequest(c.body)
	if !ok {
		return notJSON
	}
	var token string
	req.read("markAsReadToken", &token)
	id, message, ok := s.unseal(marking, token)
	if !ok {
		return invalidProperty("markAsReadToken")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.people[id]; p != nil {
		p.markRead(message)
	}
	return fine()
}

// squeezed is raw without insignificant spaces, in memory of its own.
func squeezed(raw json.RawMessage) json.RawMessage {
	var b bytes.Buffer
	b.Grow(len(raw))
	if json.Compact(&b, raw) != nil {
		return bytes.Clone(raw)
	}
	return b.Bytes()
}
