package linesim

import (
	"encoding/json"
	"time"
)

// An Observer sees what passes between this LINE and the bot: how load is counted from outside. Its functions may be
// nil, are called with nothing locked, and must not block.
type Observer struct {
	// Event is called for each event before its first delivery.
	Event func(Event)
	// Delivered is called after each delivery of an event: with the bot's status, or with an error.
	Delivered func(id string, status int, err error)
	// Sent is called for each reply and push that LINE took, before the bot has its answer.
	Sent func(Sent)
}

// An Event is what the bot is told once, however often it is delivered.
type Event struct {
	ID         string // webhookEventId
	Type       string
	Person     string // user ID; "" where the event names nobody
	ReplyToken string // "" when it cannot be replied to
	Standby    bool   // another channel holds the chat: nobody may answer
}

// A Sent is one reply or push.
type Sent struct {
	At         time.Time
	Person     string
	ReplyToken string // "" for a push
	RetryKey   string
	Messages   []json.RawMessage
}

// Observe makes o the one observer. It has to be set before anything happens.
func (s *Sim) Observe(o Observer) { s.observer = o }

// says tells the observer of a call that was carried out.
func (s *Sim) says(sent *Sent) {
	if sent != nil && s.observer.Sent != nil {
		s.observer.Sent(*sent)
	}
}
