package flows

import (
	"encoding/json"
	"time"
)

// A State names where a conversation stands: the flow, a slash, the question last asked. It is stored by name.
type State string

// A LinkKind tells 契約者連携 from 利用者連携.
type LinkKind string

const (
	HolderLink LinkKind = "holder" // 契約者連携: the LINE account ↔ a contract
	UserLink   LinkKind = "user"   // 利用者連携: the LINE account ↔ a line
)

// A Link ties the LINE account to a contract or a line. (Kind, Ref) is linked to at most one LINE account (ACC-04).
type Link struct {
	Kind LinkKind
	Ref  string // the carrier's ID of the contract or line
	// Label is how it is shown without a nickname: the first letters of a login ID, or a masked number.
	Label    string
	Nickname string
	At       time.Time
}

// A Conversation is everything the bot remembers of one person. The zero value is a person never met.
// Links are kept in a table of their own and not in the JSON.
type Conversation struct {
	State State `json:"state,omitempty"`
	// Until is when the open question is dropped.
	Until time.Time `json:"until,omitzero"`
	// About is what the open question is about: a line's or link's Ref, or the word that started it.
	About string `json:"about,omitempty"`
	// Line is the line chosen last, good until LineUntil (LNK-40).
	Line      string    `json:"line,omitempty"`
	LineUntil time.Time `json:"line_until,omitzero"`
	// Claim is a gift that waits for the person to link a line (GFT-31).
	Claim string `json:"claim,omitempty"`
	// Misses counts answers in a row without success (HLP-24); Open says that one was given and nobody said what it was
	// worth.
	Misses int  `json:"misses,omitempty"`
	Open   bool `json:"open,omitempty"`
	// Help is the support session, if there is one. Surveyed is when the person was last asked how one was (HLP-35).
	Help     Help      `json:"help,omitzero"`
	Surveyed time.Time `json:"surveyed,omitzero"`
	// Wrong are the times of wrong codes within the window, LockedUntil the end of the lock (LNK-23).
	Wrong       []time.Time `json:"wrong,omitempty"`
	LockedUntil time.Time   `json:"locked_until,omitzero"`
	// BlockedAt is when the person blocked the account; zero while we may write.
	BlockedAt time.Time `json:"blocked_at,omitzero"`
	Links     []Link    `json:"-"`
}

// Encode is the stored form without the links.
func (c Conversation) Encode() ([]byte, error) { return json.Marshal(c) }

// DecodeConversation reads what Encode wrote; empty data is a person never met.
func DecodeConversation(data []byte) (Conversation, error) {
	var c Conversation
	if len(data) == 0 {
		return c, nil
	}
	err := json.Unmarshal(data, &c)
	return c, err
}
