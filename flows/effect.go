package flows

import "time"

// An Effect is what follows from a turn: a Question, a Message to send, a menu to show, or a Record.
type Effect interface{ effect() }

// A Question asks the outside and changes nothing there. A turn asks at most one; its answer is the next input of the
// same arrival, before anything is saved.
type Question interface {
	Effect
	question()
}

type (
	// IssueLinkToken asks LINE for a link token: LinkTokenIssued or AskFailed.
	IssueLinkToken struct{}
	// RedeemNonce asks for what a nonce stands for: NonceRedeemed, NonceRefused or AskFailed.
	RedeemNonce struct {
		Nonce string
		Kind  NonceKind
	}
	// CheckCode asks the carrier for the line of a usage code: CodeVerified, CodeWrong, NotYet or AskFailed.
	CheckCode struct{ Code string }
	// ReadBalance asks the carrier: BalanceRead or AskFailed.
	ReadBalance struct{ Line string }
)

// A NonceKind tells why a nonce is redeemed; the answer carries it back.
type NonceKind string

const (
	LinkedNonce NonceKind = "linked" // LINE confirmed the link
	FailedNonce NonceKind = "failed" // LINE refused it: only who asked is wanted
)

func (IssueLinkToken) effect()   {}
func (RedeemNonce) effect()      {}
func (CheckCode) effect()        {}
func (ReadBalance) effect()      {}
func (IssueLinkToken) question() {}
func (RedeemNonce) question()    {}
func (CheckCode) question()      {}
func (ReadBalance) question()    {}

// A Record is an effect that is stored together with the turn.
type Record interface {
	Effect
	record()
}

// SetTimer delivers Due{Name} to this lane at At. A lane has one timer of a name: setting it again moves it.
type SetTimer struct {
	Name string
	At   time.Time
}

// StopTimer forgets a timer; one that is not set is no error.
type StopTimer struct{ Name string }

// Audit is one line of the audit table (LNK-47). No field holds a secret.
type Audit struct {
	At time.Time
	// Actor is the LINE user ID, or "carrier", "system", or an operator's name.
	Actor string
	// Kind is link, unlink, reissue or lock; what it was about is Link and Ref.
	Kind   string
	Link   LinkKind
	Ref    string
	Reason string
}

// Erase removes a message of this lane and whatever was derived from it (unsend).
type Erase struct{ MessageID string }

// WrongCode counts one wrong usage code of whoever it was (LNK-25).
type WrongCode struct{ At time.Time }

// A Letter is an input for another lane. The arrival's ID is made from this one's, so a letter arrives once.
type Letter struct {
	To    string
	Input Input
}

func (SetTimer) effect()  {}
func (StopTimer) effect() {}
func (Audit) effect()     {}
func (Erase) effect()     {}
func (WrongCode) effect() {}
func (Letter) effect()    {}

func (SetTimer) record()  {}
func (StopTimer) record() {}
func (Audit) record()     {}
func (Erase) record()     {}
func (WrongCode) record() {}
func (Letter) record()    {}
