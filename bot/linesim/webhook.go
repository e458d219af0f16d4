package linesim

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"time"
)

const (
	webhookTimeout = 2 * time.Second
	webhooksAtOnce = 256
	deliveriesMost = 20 // of one event
)

// redeliveries are the waits, in real time, before an event is delivered once more; the last one repeats. LINE does
// not say how often and when it redelivers.
var redeliveries = []time.Duration{time.Second, 5 * time.Second, 30 * time.Second}

// An event is one webhook event as it goes out.
type event struct {
	Type            string          `json:"type"`
	Message         any             `json:"message,omitempty"`
	Unsend          *unsend         `json:"unsend,omitempty"`
	Follow          *follow         `json:"follow,omitempty"`
	Postback        *postback       `json:"postback,omitempty"`
	Link            *link           `json:"link,omitempty"`
	WebhookEventID  string          `json:"webhookEventId"`
	DeliveryContext deliveryContext `json:"deliveryContext"`
	Timestamp       int64           `json:"timestamp"` // of the event, not of its delivery
	Source          *source         `json:"source,omitempty"`
	ReplyToken      string          `json:"replyToken,omitempty"`
	Mode            string          `json:"mode"`

	person *Person // who can be answered with ReplyToken
}

type (
	deliveryContext struct {
		IsRedelivery bool `json:"isRedelivery"`
	}
	source struct {
		Type   string `json:"type"`
		UserID string `json:"userId"`
	}
	unsend struct {
		MessageID string `json:"messageId"`
	}
	follow struct {
		IsUnblocked bool `json:"isUnblocked"`
	}
	postback struct {
		Data   string            `json:"data"`
		Params map[string]string `json:"params,omitempty"`
	}
	link struct {
		Result string `json:"result"`
		Nonce  string `json:"nonce"`
	}
)

// A lane is what waits to be delivered, in order, one at a time.
type lane struct {
	waiting []*event
	busy    bool
}

// happens completes the person's event and puts it in the person's lane. The caller holds mu.
func (p *Person) happens(e *event) {
	s := p.sim
	e.Source, e.person = &source{"user", p.ID}, p
	switch e.Type {
	case "unsend", "unfollow": // cannot be replied to
	default:
		e.ReplyToken = randomHex(16)
	}
	s.enqueue(&p.lane, e)
}

// enqueue gives the event its id and time and sees that the lane is worked. Without a webhook the event is lost, as on
// LINE. The caller holds mu.
func (s *Sim) enqueue(l *lane, e *event) {
	if s.webhook == "" {
		return
	}
	now := s.now()
	e.WebhookEventID, e.Timestamp, e.Mode = newULID(now), now.UnixMilli(), "active"
	if e.ReplyToken != "" {
		if _, struck := s.strikes(FaultStandby); struck {
			e.Mode, e.ReplyToken = "standby", ""
		}
	}
	l.waiting = append(l.waiting, e)
	if !l.busy {
		l.busy = true
		go s.work(l)
	}
}

// work delivers what waits in the lane until nothing does.
func (s *Sim) work(l *lane) {
	for {
		s.mu.Lock()
		if len(l.waiting) == 0 {
			l.waiting, l.busy = nil, false
			s.mu.Unlock()
			return
		}
		e := l.waiting[0]
		l.waiting = l.waiting[1:]
		s.mu.Unlock()
		if s.observer.Event != nil {
			s.observer.Event(e.told())
		}
		if f, struck := s.strikes(FaultReorder); struck {
			go func() {
				select {
				case <-s.after(f.delay()):
					s.deliverEvent(e)
				case <-s.ended.Done():
				}
			}()
			continue
		}
		s.deliverEvent(e)
	}
}

// told is the event as an observer hears of it.
func (e *event) told() Event {
	t := Event{ID: e.WebhookEventID, Type: e.Type, ReplyToken: e.ReplyToken, Standby: e.Mode == "standby"}
	if e.person != nil {
		t.Person = e.person.ID
	}
	return t
}

// deliverEvent delivers an event until the bot takes it, or gives it up.
func (s *Sim) deliverEvent(e *event) {
	for try := range deliveriesMost {
		e.DeliveryContext.IsRedelivery = try > 0
		select {
		case s.sending <- struct{}{}:
		case <-s.ended.Done():
			return
		}
		s.mu.Lock()
		to := s.webhook
		if e.ReplyToken != "" {
			s.startReplyToken(e.ReplyToken, e.person, time.UnixMilli(e.Timestamp))
		}
		s.mu.Unlock()
		status, again, err := s.attempt(to, compact(e), try == 0)
		<-s.sending
		if s.observer.Delivered != nil {
			s.observer.Delivered(e.WebhookEventID, status, err)
		}
		taken := err == nil && status/100 == 2
		if !again && (taken || s.cfg.NoRedelivery) {
			return
		}
		wait := redeliveries[min(try, len(redeliveries)-1)]
		if again {
			wait = soon
		}
		select {
		case <-s.after(wait):
		case <-s.ended.Done():
			return
		}
	}
}

// attempt delivers an event once, with the trouble that strikes it. again means that a fault has it delivered again,
// whatever the bot said and the configuration says of redelivery.
func (s *Sim) attempt(to string, raw json.RawMessage, first bool) (status int, again bool, err error) {
	if s.troubles.Load() == nil {
		status, err = s.post(s.ended, to, []json.RawMessage{raw})
		return status, false, err
	}
	if first {
		if _, struck := s.strikes(FaultSignature); struck {
			status, err = s.postSigned(s.ended, to, newKey("not "+s.cfg.ChannelSecret), []json.RawMessage{raw})
			return status, true, err
		}
		if f, struck := s.strikes(FaultHangUp); struck {
			return 0, true, s.hangUp(to, raw, f.delay())
		}
		_, again = s.strikes(FaultRedeliver)
	}
	_, twice := s.strikes(FaultDuplicate)
	if f, struck := s.strikes(FaultBatch); struck {
		status, err = s.join(to, raw, twice, f.delay())
	} else {
		status, err = s.send(to, twice, raw)
	}
	return status, again, err
}

// Deliver posts one signed body with these events, as they are, to the webhook and returns the bot's status. The
// person named in an event's source can be answered with its reply token for a minute, unless it was used before.
func (s *Sim) Deliver(ctx context.Context, events ...json.RawMessage) (status int, err error) {
	s.mu.Lock()
	to := s.webhook
	for _, raw := range events {
		var e struct {
			Source     source
			ReplyToken string
			Timestamp  int64
		}
		if json.Unmarshal(raw, &e) != nil || e.ReplyToken == "" {
			continue // a test's odd event, or one that cannot be answered
		}
		if p := s.people[e.Source.UserID]; p != nil {
			happened := s.now()
			if e.Timestamp != 0 {
				happened = time.UnixMilli(e.Timestamp)
			}
			s.startReplyToken(e.ReplyToken, p, happened)
		}
	}
	s.mu.Unlock()
	return s.post(ctx, to, events)
}

func (s *Sim) post(ctx context.Context, to string, events []json.RawMessage) (status int, err error) {
	return s.postSigned(ctx, to, s.signing, events)
}

// postSigned is the one way out to the bot.
func (s *Sim) postSigned(ctx context.Context, to string, with *key, events []json.RawMessage) (status int, err error) {
	if to == "" {
		return 0, errors.New("deliver webhook: no webhook is set")
	}
	body := s.webhookBody(events)
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(body))
	if err != nil {
		return 0, fmt.Errorf("deliver webhook: %w", err)
	}
	r.Header.Set("Content-Type", "application/json; charset=utf-8")
	r.Header.Set("User-Agent", "LineBotWebhook/2.0")
	r.Header.Set("X-Line-Signature", with.signature(body))
	res, err := s.cfg.HTTP.Do(r)
	s.mu.Lock()
	s.touched()
	s.mu.Unlock()
	if err != nil {
		s.debug(ctx, "webhook", slog.Int("events", len(events)), slog.Any("err", err))
		return 0, fmt.Errorf("deliver webhook: %w", err)
	}
	defer res.Body.Close()
	io.Copy(io.Discard, io.LimitReader(res.Body, 64<<10)) // so that the connection can be used again
	s.debug(ctx, "webhook", slog.Int("events", len(events)), slog.Int("status", res.StatusCode))
	return res.StatusCode, nil
}

// webhookBody puts events into a body as they are, without reading them again.
func (s *Sim) webhookBody(events []json.RawMessage) []byte {
	head, length := `{"destination":"`+s.cfg.BotUserID+`","events":[`, 0
	for _, raw := range events {
		length += len(raw) + 1
	}
	body := append(make([]byte, 0, len(head)+length+2), head...)
	for i, raw := range events {
		if i > 0 {
			body = append(body, ',')
		}
		body = append(body, raw...)
	}
	return append(body, "]}"...)
}

// getWebhookEndpoint is GET /v2/bot/channel/webhook/endpoint.
func (s *Sim) getWebhookEndpoint(*call) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.webhook == "" {
		return refuse(http.StatusNotFound, "Webhook endpoint not found")
	}
	return answerJSON(http.StatusOK, map[string]any{"endpoint": s.webhook, "active": true})
}

// validEndpoint reports addresses LINE takes, and besides plain http on this machine.
func validEndpoint(address string) bool {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || utf16Length(address) > 500 {
		return false
	}
	return u.Scheme == "https" || u.Scheme == "http" && isLoopback(u.Hostname())
}

// setWebhookEndpoint is PUT /v2/bot/channel/webhook/endpoint.
func (s *Sim) setWebhookEndpoint(c *call) answer {
	req, ok := parseRequest(c.body)
	if !ok {
		return notJSON
	}
	var address string
	if !req.read("endpoint", &address) || !validEndpoint(address) {
		return refuse(http.StatusBadRequest, "Invalid webhook endpoint URL")
	}
	s.SetWebhook(address)
	return fine()
}

// testWebhookEndpoint is POST /v2/bot/channel/webhook/test: a delivery without events.
func (s *Sim) testWebhookEndpoint(c *call) answer {
	s.mu.Lock()
	address, now := s.webhook, s.now()
	s.mu.Unlock()
	if len(c.body) > 0 {
		req, ok := parseRequest(c.body)
		if !ok {
			return notJSON
		}
		if _, given := req["endpoint"]; given && (!req.read("endpoint", &address) || !validEndpoint(address)) {
			return refuse(http.StatusBadRequest, "Invalid webhook endpoint URL")
		}
	}
	if address == "" {
		return refuse(http.StatusNotFound, "Webhook endpoint not found")
	}
	result := webhookTest{Timestamp: now.UTC().Format("2006-01-02T15:04:05.000Z")}
	status, err := s.post(c.Context(), address, nil)
	var late interface{ Timeout() bool }
	switch {
	case errors.As(err, &late) && late.Timeout():
		result.Reason, result.Detail = "REQUEST_TIMEOUT", "Request timeout"
	case err != nil:
		result.Reason, result.Detail = "COULD_NOT_CONNECT", "Could not connect"
	case status/100 != 2:
		result.StatusCode, result.Reason, result.Detail = status, "ERROR_STATUS_CODE", fmt.Sprint(status)
	default:
		result.Success, result.StatusCode, result.Reason, result.Detail = true, status, "OK", fmt.Sprint(status)
	}
	return answerJSON(http.StatusOK, result)
}

type webhookTest struct {
	Success    bool   `json:"success"`
	Timestamp  string `json:"timestamp"`
	StatusCode int    `json:"statusCode"`
	Reason     string `json:"reason"`
	Detail     string `json:"detail"`
}
