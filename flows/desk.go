package flows

import (
	"errors"
	"time"
)

// What the conversation, the store and the operators' desk (package bot/console) exchange about a support session.

// A HelpPhase is where a person's support session stands (domain.md §6).
//
//	"" ─▶ queued ⇄ connected ─▶ survey ─▶ ""
//	│       └─▶ ""   (gives up, 19:00)
//	└────▶ writing ─▶ left ─▶ connected
type HelpPhase string

const (
	// HelpAI: no session; the bot answers.
	HelpAI HelpPhase = ""
	// HelpQueued: waits for an operator. The bot goes on answering its functions; words are kept for the operator (HLP-28).
	HelpQueued HelpPhase = "queued"
	// HelpConnected: an operator has the person; the bot says nothing (HLP-27).
	HelpConnected HelpPhase = "connected"
	// HelpWriting: the person is leaving a message.
	HelpWriting HelpPhase = "writing"
	// HelpLeft: the message is a ticket, to be answered when the desk opens (HLP-32). The bot answers meanwhile.
	HelpLeft HelpPhase = "left"
	// HelpSurvey: the chat is over and the person may say how it was (HLP-35). For the desk that is closed.
	HelpSurvey HelpPhase = "survey"
	// HelpClosed is how the desk keeps a session that is over; a conversation forgets it.
	HelpClosed HelpPhase = "closed"
)

// Why a session ended.
const (
	EndedByOperator = "operator"
	EndedByCustomer = "customer" // gave up waiting, or a message
	EndedIdle       = "idle"     // HLP-30
	EndedByHours    = "hours"    // HLP-29
	EndedByBlock    = "block"    // HLP-38
)

// A Help is the support session in a person's conversation; there is at most one (HLP-39).
type Help struct {
	// ID is the arrival that began the session.
	ID    string    `json:"id"`
	Phase HelpPhase `json:"phase"`
	// Place was told last, at Told (HLP-26).
	Place int       `json:"place,omitempty"`
	Told  time.Time `json:"told,omitzero"`
	// Since is from when the person waits.
	Since time.Time `json:"since,omitzero"`
	// Front: an operator gave the person back, who comes before all others (HLP-31).
	Front bool `json:"front,omitempty"`
	// Operator has the person while connected; Name is what they are called on LINE.
	Operator string `json:"operator,omitempty"`
	Name     string `json:"name,omitempty"`
	// Spoke: an operator has said something.
	Spoke bool `json:"spoke,omitempty"`
	// Last is the customer's last message that may still be answered with its reply token, at LastAt; 0 for none.
	Last   int64     `json:"last,omitempty"`
	LastAt time.Time `json:"last_at,omitzero"`
	// Turn is whose turn it is while connected, since TurnAt: true for the operator's.
	Turn   bool      `json:"turn,omitempty"`
	TurnAt time.Time `json:"turn_at,omitzero"`
	// Wrote: the person left at least one message.
	Wrote bool `json:"wrote,omitempty"`
	// Until is when the survey closes, the waiting or the chat ends by the clock.
	Until time.Time `json:"until,omitzero"`
}

// A Session is the support session as the desk keeps it: one row, written with each turn that changes it.
type Session struct {
	ID, Lane string
	Phase    HelpPhase
	At       time.Time // of the change
	Since    time.Time // waits since
	Front    bool
	Operator string
	// Ended says why, once Phase is HelpClosed.
	Ended string
	Tags  []string
}

// Who speaks in a transcript.
const (
	ByCustomer = "customer"
	ByOperator = "operator"
	ByBot      = "bot"
	BySystem   = "system"
	ByNote     = "note" // an operator, to colleagues
)

// An Entry is one line of a session's transcript.
type Entry struct {
	// ID is unique; an entry that is known already is dropped.
	ID      string
	Session string
	At      time.Time
	By      string
	// Name is the operator's account, or whoever made a note.
	Name string
	// Kind is text, a kind of LINE message (sticker, image, video, audio, file, location), or "event": Text is then one of
	// the Event names, with what goes with it after a colon.
	Kind string
	Text string
	// Message is LINE's ID of the customer's message, by which it is unsent and its content fetched.
	Message    string
	Attachment Attachment
	// Delivery of an operator's message: a deed's state, or NotSent.
	Delivery string
}

// NotSent is the delivery of an operator's words that came when the chat was over; they were not sent.
const NotSent = "not sent"

// An Attachment is what a message holds besides words. JSON names are the desk's.
type Attachment struct {
	Package   string  `json:"package,omitempty"` // of a sticker
	Sticker   string  `json:"sticker,omitempty"`
	File      string  `json:"file,omitempty"` // the desk's own file, of a picture that an operator sends
	Name      string  `json:"name,omitempty"`
	Bytes     int64   `json:"bytes,omitempty"`
	Millis    int64   `json:"millis,omitempty"`
	Latitude  float64 `json:"latitude,omitempty"`
	Longitude float64 `json:"longitude,omitempty"`
}

// Events of a transcript.
const (
	EventQueued      = "queued"
	EventWriting     = "writing"
	EventLeft        = "left"
	EventConnected   = "connected"   // :operator
	EventTransferred = "transferred" // :operator
	EventReturned    = "returned"    // :operator who gave it back
	EventSilent      = "silent"      // :operator who did not answer (HLP-31)
	EventReminded    = "reminded"
	EventEnded       = "ended"    // :why
	EventTapped      = "tapped"   // :label or data
	EventWithheld    = "withheld" // a message that looked like a password
	EventSurvey      = "survey"   // :score
	EventComment     = "comment"  // :words
	EventChecked     = "checked"  // identity check passed (HLP-34)
	EventUnchecked   = "unchecked"
)

// The desk's records.
type (
	// KeepSession writes a session as it is now.
	KeepSession struct{ Session Session }
	// KeepEntry adds to a transcript.
	KeepEntry struct{ Entry Entry }
	// KeepScore keeps what a person said of a session, 1 to 5, or a comment on it.
	KeepScore struct {
		Session string
		Score   int
		Comment string
	}
)

// A DeskException is other hours than the usual ones on one day: a supervisor closed early, or stays longer. Times are
// since midnight; Open not before Close is a day off.
type DeskException struct {
	Date        string `json:"date"` // 2026-11-24, in JST
	Open, Close time.Duration
}

// Hours are the operators' hours as they are at one moment.
type Hours struct {
	Open bool
	// Closes is when no new chat begins, HardEnd when the last one ends (HLP-29); of the day asked about.
	Closes, HardEnd time.Time
	// Opens is the next time they open, when they are not.
	Opens time.Time
}

// A DeskLoad is what the desk tells a turn.
type DeskLoad struct {
	// Seats of operators who take people, and how many of them are free.
	Seats, Free int
	// Waiting people, tickets among them; Ahead is how many of them come before this person.
	Waiting, Ahead int
	// Handling is how long a chat has taken lately; 0 when nobody knows.
	Handling  time.Duration
	Exception DeskException
}

// ReadDesk asks the desk: DeskRead. It is a question about the person's session, or about one that would begin now.
type ReadDesk struct {
	Session string
	For     DeskReason
}

// A DeskReason is why the desk is asked; the answer carries it back.
type DeskReason string

const (
	DeskStart DeskReason = "start" // 「いつでもヘルプ」
	DeskWish  DeskReason = "wish"  // 「オペレーター」
	DeskWait  DeskReason = "wait"  // 「このまま待つ」, although it is busy
	DeskLeave DeskReason = "leave" // 「メッセージを残す」
	DeskWrote DeskReason = "wrote" // the message is complete
	DeskPlace DeskReason = "place" // how many are before the person
	DeskHours DeskReason = "hours" // whether the hours are over
	DeskBegan DeskReason = "began" // until when the chat that just began may last
	DeskBack  DeskReason = "back"  // the operator gave the person back, or was silent
)

// DeskRead is the desk's answer.
type DeskRead struct {
	For  DeskReason
	Load DeskLoad
}

// What happens at the desk, as letters to the customer's lane. Session names the session that the operator saw.
type (
	// DeskTook: an operator took the person, or was given them, from the queue or from a colleague.
	DeskTook struct{ Session, Operator, Name string }
	// DeskSaid is a message of an operator. ID names its entry. Kind is text, sticker or image; an image has addresses that
	// LINE can fetch.
	DeskSaid struct {
		Session, Operator, Name, ID string
		Kind, Text                  string
		Attachment                  Attachment
		URL, Preview                string
	}
	// DeskReturned: the operator put the person back to the front of the queue.
	DeskReturned struct{ Session, Operator string }
	// DeskClosed: the operator ended the chat.
	DeskClosed struct {
		Session, Operator string
		Tags              []string
	}
	// DeskHoursChanged: today's hours are others now.
	DeskHoursChanged struct{}
)

func (ReadDesk) effect()        {}
func (ReadDesk) question()      {}
func (KeepSession) effect()     {}
func (KeepSession) record()     {}
func (KeepEntry) effect()       {}
func (KeepEntry) record()       {}
func (KeepScore) effect()       {}
func (KeepScore) record()       {}
func (DeskRead) input()         {}
func (DeskTook) input()         {}
func (DeskSaid) input()         {}
func (DeskReturned) input()     {}
func (DeskClosed) input()       {}
func (DeskHoursChanged) input() {}

// HelpHours are the operators' hours at t (HLP-20), with the exception of a day.
func (s Settings) HelpHours(t time.Time, e DeskException) Hours {
	today := s.helpDay(t, 0, e)
	h := Hours{Closes: today.close, HardEnd: today.hardEnd, Open: !t.Before(today.open) && t.Before(today.close)}
	for days := 0; !h.Open && h.Opens.IsZero() && days < 400; days++ {
		if d := s.helpDay(t, days, e); d.open.Before(d.close) && t.Before(d.open) {
			h.Opens = d.open
		}
	}
	return h
}

type helpDay struct{ open, close, hardEnd time.Time }

// helpDay are the hours of the day so many days after t's. A day off closes when it opens.
func (s Settings) helpDay(t time.Time, days int, e DeskException) helpDay {
	year, month, day := t.In(JST).Date()
	at := func(since time.Duration) time.Time {
		return time.Date(year, month, day+days, 0, 0, 0, 0, JST).Add(since)
	}
	open, end := s.HelpOpen, s.HelpClose
	for _, off := range s.HelpClosedDates {
		if off.Equal(at(0)) {
			end = open
		}
	}
	if at(0).Format(time.DateOnly) == e.Date {
		open, end = e.Open, max(e.Open, e.Close)
	}
	return helpDay{at(open), at(end), at(end + s.HelpHardEnd - s.HelpClose)}
}

// busy is HLP-25: no free seat, and many people or a long time before this person. How long is known once chats have been held;
// a desk without any seat is taken for one with a single seat, since somebody will come.
func (s Settings) busy(l DeskLoad) bool {
	wait := time.Duration(l.Waiting) * l.Handling / time.Duration(max(l.Seats, 1))
	return l.Free <= 0 && (l.Waiting >= s.BusyQueue || wait > s.BusyWait)
}

// A Role is what an operator may do at the desk; each may do what those before it may.
type Role string

const (
	RoleOperator   Role = "operator"
	RoleSupervisor Role = "supervisor"
	RoleAdmin      Role = "admin"
)

// Roles is all of them, the least first.
var Roles = [...]Role{RoleOperator, RoleSupervisor, RoleAdmin}

// May reports whether a role may do what another one may.
func (r Role) May(least Role) bool {
	rank := func(r Role) int {
		for i, known := range Roles {
			if known == r {
				return i
			}
		}
		return -1
	}
	return rank(r) >= rank(least)
}

// A Presence says whether an operator takes people.
type Presence string

const (
	PresenceOff  Presence = "off"  // 退席
	PresenceAway Presence = "away" // 一時離席
	PresenceOn   Presence = "on"   // 受付中
)

// An Operator is an account of the desk.
type Operator struct {
	Name     string // the account
	Display  string // what people see on LINE
	Role     Role
	Disabled bool
	TOTP     bool // a second step is asked for
	Presence Presence
	// Seats is how many people at once, Taken how many they have.
	Seats, Taken int
	SeenAt       time.Time
}

// A DeskRow is a support session as the desk lists it.
type DeskRow struct {
	ID, Lane      string
	Phase         HelpPhase
	Operator      string // has the person, or gets them
	HandledBy     string // had them last
	Front         bool
	Began, Since  time.Time
	Taken         time.Time // zero: by nobody yet
	Last          time.Time
	LastBy        string
	Preview       string
	EndedAt       time.Time
	Ended         string
	Tags          []string
	Score         int // 0: none
	Comment       string
	Checks        int
	Checked       bool
	Name, Picture string
	Version       int64
}

// A DeskEntry is an Entry as it is kept.
type DeskEntry struct {
	Entry
	Pos     int64
	Error   string
	Erased  bool
	Version int64
}

// MaxChecks is how many identity checks of a chat may fail (HLP-34).
const MaxChecks = 3

// What the desk may answer instead of doing what was asked.
var (
	ErrSessionOver = errors.New("the session is over")
	ErrNoSession   = errors.New("no such session")
	ErrNotYours    = errors.New("another operator has this session")
	ErrNoSeat      = errors.New("no free seat")
	ErrNotOn       = errors.New("not taking people")
	ErrNobody      = errors.New("nobody is waiting")
	ErrNoOperator  = errors.New("no such operator")
	ErrNameTaken   = errors.New("there is an operator of this name")
	ErrChecksSpent = errors.New("the identity check has failed too often")
)

// TakenError says that another operator was first.
type TakenError struct{ By string }

func (e *TakenError) Error() string { return "taken by " + e.By }

// An Identity is what is compared at the carrier before a contract is changed (HLP-34). It prints as nothing.
type Identity struct {
	Kana      string // of the holder or user
	Birthdate string // 2006-01-02
	Last4     string // of the number
}

// String keeps it out of logs.
func (Identity) String() string { return "(identity)" }

// A DeskSession is somebody signed in to the desk.
type DeskSession struct {
	ID, Operator, Address, Agent string
	Began, Seen                  time.Time
}

// A DeskState is the desk as a whole.
type DeskState struct {
	Version   int64
	Auto      bool // people are handed out by themselves
	Exception DeskException
}

// A CannedReply is a text that operators use again and again, with {customer}, {line} and {brand} in it.
type CannedReply struct{ ID, Title, Text string }

// A DeskHit is an entry that a search found.
type DeskHit struct {
	Session, Name, Text, By string
	At                      time.Time
}

// A DeskFile is a picture or other content of a chat.
type DeskFile struct {
	ID, Session, Type string
	Body              []byte
}

// A DeskReport counts the sessions that began within some days, in JST.
type DeskReport struct {
	Days      []DeskCount // by day, 2026-11-24
	Hours     []DeskCount // by hour of the day, 0 to 23
	Operators []DeskCount
	Scores    [6]int // by score; 0 is no answer
}

// A DeskCount is one row of a report.
type DeskCount struct {
	Key                      string
	Sessions, Taken, Tickets int
	Scored, ScoreSum         int
	Wait, Handling           time.Duration // sums over Taken
}
