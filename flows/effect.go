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

// A Command changes something at the carrier. Like a question it is answered within the turn, and the turn may be made
// again after a crash: what it does is known to the carrier by the gift's ID, so that it is done once (GFT-35).
type Command interface {
	Effect
	command()
}

type (
	// ReadGifts asks the carrier: GiftsRead or AskFailed. Then comes back with the answer.
	ReadGifts struct {
		Line string
		Then GiftView
	}
	// FindGift asks the carrier for a gift, by its token or by its ID: GiftFound, GiftRefused or AskFailed.
	FindGift struct{ Token, ID string }
	// SettleGift asks what became of a command that was not answered: GiftFound, GiftRefused or GiftUnknown.
	SettleGift struct {
		ID    string
		Doing GiftDoing
		Tries int
	}

	// CreateGift makes a gift and reserves its data (GFT-21): GiftMade, GiftRefused or GiftUnknown. The gift's ID comes
	// from the arrival.
	CreateGift struct {
		Line string
		MB   int
	}
	// ClaimGift moves the data to a line: GiftTaken, GiftRefused or GiftUnknown.
	ClaimGift struct{ ID, Line string }
	// CancelGift takes a pending gift of the person's back: GiftReturned, GiftRefused or GiftUnknown.
	CancelGift struct{ ID string }
	// ExpireGift takes back a pending gift whose time is over, and leaves any other as it is: GiftOver or GiftUnknown.
	ExpireGift struct{ ID string }
)

// A GiftView tells what the gifts of a line are read for.
type GiftView string

const (
	GiftOffer   GiftView = "offer"   // the card: how much can be given
	GiftAmounts GiftView = "amounts" // to choose one
	GiftList    GiftView = "list"    // what is on its way
	GiftHistory GiftView = "history" // what is over
)

// A GiftDoing tells what was to be done with a gift.
type GiftDoing string

const (
	GiftMaking     GiftDoing = "make"
	GiftClaiming   GiftDoing = "claim"
	GiftCancelling GiftDoing = "cancel"
	GiftExpiring   GiftDoing = "expire"
)

func (ReadGifts) effect()    {}
func (FindGift) effect()     {}
func (SettleGift) effect()   {}
func (CreateGift) effect()   {}
func (ClaimGift) effect()    {}
func (CancelGift) effect()   {}
func (ExpireGift) effect()   {}
func (ReadGifts) question()  {}
func (FindGift) question()   {}
func (SettleGift) question() {}
func (CreateGift) command()  {}
func (ClaimGift) command()   {}
func (CancelGift) command()  {}
func (ExpireGift) command()  {}

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
