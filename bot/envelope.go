package bot

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"regexp"
	"time"

	"golang.org/x/text/unicode/norm"

	"tsunagu/flows"
)

// An envelope is the small part of an event that is looked at before the 200.
type envelope struct {
	Type       string           `json:"type"`
	Mode       string           `json:"mode,omitempty"`
	Timestamp  int64            `json:"timestamp,omitempty"`
	Source     *source          `json:"source,omitempty"`
	EventID    string           `json:"webhookEventId,omitempty"`
	ReplyToken string           `json:"replyToken,omitempty"`
	Delivery   *deliveryContext `json:"deliveryContext,omitempty"`
	Message    *messageHead     `json:"message,omitempty"`
	Postback   *struct {
		Data string `json:"data"`
	} `json:"postback,omitempty"`
	Unsend *struct {
		MessageID string `json:"messageId"`
	} `json:"unsend,omitempty"`
}

type source struct {
	Type    string `json:"type"`
	UserID  string `json:"userId,omitempty"`
	GroupID string `json:"groupId,omitempty"`
	RoomID  string `json:"roomId,omitempty"`
}

type deliveryContext struct {
	IsRedelivery bool `json:"isRedelivery"`
}

type messageHead struct {
	Type string `json:"type"`
	ID   string `json:"id"`
	Text string `json:"text,omitempty"`
}

const (
	// noLane takes what has no source; it is a lane like any other.
	noLane = "-"
	// elsewhere is the sort of arrivals for another destination.
	elsewhere = "elsewhere"
)

var (
	userID = regexp.MustCompile(`^U[0-9a-f]{32}$`)
	// LINE publishes no pattern for group and room IDs; they are seen as C or R and 32 hex digits.
	otherID = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
)

// arrive makes an arrival of one element of a webhook's events. It never fails: what cannot be read is kept as it came,
// and what may be a password is kept without its text (LNK-14).
func arrive(raw json.RawMessage, now time.Time) flows.Arrival {
	a := flows.Arrival{Lane: noLane, Sort: flows.FromLINE, At: now, Body: raw}
	var e envelope
	if err := json.Unmarshal(raw, &e); err != nil {
		a.ID = hashID(raw)
		return a
	}
	a.ID, a.Lane = e.EventID, e.lane()
	if !otherID.MatchString(a.ID) {
		a.ID = hashID(raw) // no ID of LINE's: the same bytes are the same event
	}
	if e.Message == nil {
		return a
	}
	if otherID.MatchString(e.Message.ID) {
		a.MessageID = e.Message.ID
	}
	if e.Message.Type == "text" && flows.LooksSecret(norm.NFKC.String(e.Message.Text)) {
		e.Message.Text = ""
		a.Sort = flows.Withheld
		if body, err := json.Marshal(e); err == nil {
			a.Body = body
		}
	}
	return a
}

// lane names whose lane the event belongs to. An ID that is not LINE's belongs to nobody.
func (e *envelope) lane() string {
	if e.Source == nil {
		return noLane
	}
	switch s := e.Source; {
	case s.Type == "user" && userID.MatchString(s.UserID):
		return s.UserID
	case s.Type == "group" && otherID.MatchString(s.GroupID) && s.GroupID != noLane:
		return s.GroupID
	case s.Type == "room" && otherID.MatchString(s.RoomID) && s.RoomID != noLane:
		return s.RoomID
	}
	return noLane
}

func hashID(raw []byte) string {
	sum := sha256.Sum256(raw)
	return "sha256-" + hex.EncodeToString(sum[:16])
}
