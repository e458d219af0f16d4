package flows

import (
	"errors"
	"time"
)

// What the engine and the store exchange about a lane. The engine (package bot) understands arrivals and performs
// deeds; the store keeps them; neither imports the other, so the words they share stand here.

// Sorts of arrivals.
const (
	FromLINE   = "line"   // Body is one element of a webhook's events array, as it came
	FromTimer  = "timer"  // Body is the timer's name
	FromLetter = "letter" // Body is an encoded Input, see EncodeInput
	Withheld   = "secret" // a message that was not kept (LNK-14); Body is the event without its text
)

// An Arrival is something that happened in a lane and was stored before it was understood.
type Arrival struct {
	// ID is unique for ever: a webhookEventId, or an ID made by whoever delivers. A second arrival with the same ID is
	// dropped.
	ID string
	// Lane is the LINE user ID, or a group's or room's ID, or "-" for what has no source.
	Lane string
	// Seq is the place in the lane, given by the store; it grows in commit order and may have gaps.
	Seq  int64
	Sort string
	// At is when it was accepted, by the program's clock.
	At time.Time
	// MessageID is LINE's id of the message in it, by which unsend finds it; often "".
	MessageID string
	// Body is sealed at rest and empty once it was erased.
	Body []byte
}

// Fates of an arrival.
const (
	Answered = "answered" // its turn had something to say or do
	Recorded = "recorded" // kept on purpose without an answer
	Ignored  = "ignored"  // nothing to do with it, known or unknown
	Unread   = "unreadable"
	Parked   = "parked"  // given up on after its tries
	Retried  = "retried" // parked, and arrived anew when an operator asked for it
)

// States of a deed (design.md §3). A deed is Sending before the outside is called.
const (
	Planned = "planned"
	Sending = "sending"
	Done    = "done"
	Failed  = "failed"
	Unknown = "unknown"
	InDoubt = "in doubt"
)

// A Deed is one call to the outside that must not get lost: a reply, a push, a menu.
type Deed struct {
	// ID is the arrival's ID, a slash and a number; idempotency keys are made from it.
	ID   string
	Lane string
	Seq  int64 // the arrival it belongs to
	N    int   // its place among the arrival's deeds
	Kind string
	// State is one of Planned, Sending, Done, Failed, Unknown, InDoubt.
	State string
	// Tries counts the calls made so far.
	Tries int
	// At is when it was planned, by the program's clock.
	At   time.Time
	Body []byte // sealed at rest; the engine's own encoding
	// RequestID is LINE's x-line-request-id of the last answer.
	RequestID string
	// Error says in plain words why it failed, without personal data.
	Error string
}

// A Claim is a lane handed to one worker until Until.
type Claim struct {
	Lane  string
	Fence int64 // grows with every claim; a save with an older one is refused
	Until time.Time
	// Tries counts how often the first waiting arrival was taken up before and not finished.
	Tries int
	// Conversation is as saved, with its links.
	Conversation Conversation
	// Arrivals wait in the order of Seq; at most the number that was asked for.
	Arrivals []Arrival
	// Unfinished deeds of earlier arrivals, in order: they come first.
	Unfinished []Deed
}

// A Save is one step of a claimed lane, stored whole or not at all.
type Save struct {
	Lane  string
	Fence int64
	// Turn is nil when the step only tells outcomes or gives the lane back.
	Turn *Turned
	// Outcomes are deeds with their new State, Tries, RequestID and Error.
	Outcomes []Deed
	// Menu is the alias of the rich menu that the person was linked to in this step, MenuUnknown when that failed, "" when
	// there was none to link.
	Menu string
	// Delivered tells what became of operators' messages.
	Delivered []Delivery
	// Release gives the lane back. It is due again at once when arrivals wait or deeds are unfinished and RetryAt is
	// zero; at RetryAt when that is set (Tries is then counted up); else at its next timer.
	Release bool
	RetryAt time.Time
}

// A Delivery is what became of an operator's message: the state of its deed.
type Delivery struct{ Entry, State, Error string }

// Turned is an arrival with what its turn made of it.
type Turned struct {
	Seq    int64
	Fate   string
	Reason string // for Parked, Ignored and Unread: why, without personal data
	// Before and After are the conversation around the turn; the store writes what differs, links included.
	Before, After Conversation
	Records       []Record
	Deeds         []Deed
	// Forget erases the arrival's body with this save: it held a secret.
	Forget bool
}

// MenuUnknown stands for a menu that nobody can tell.
const MenuUnknown = "?"

// A MenuOf is a person with the link state that decides about the rich menu (MNU-03), and the alias of the menu linked
// last: "" when none was, MenuUnknown when that failed.
type MenuOf struct {
	Lane         string
	Holder, User bool
	Alias        string
}

// What a save may answer.
var (
	// ErrFenced: the lane belongs to another worker now; nothing was saved.
	ErrFenced = errors.New("the lane was claimed by another worker")
	// ErrLinkTaken: a link of Turned.After belongs to another LINE account (ACC-04); nothing was saved.
	ErrLinkTaken = errors.New("linked to another LINE account already")
)
