package flows

import (
	"encoding/json"
	"fmt"
	"time"
)

// An Input is something that happened to a person.
type Input interface{ input() }

// What the person did.
type (
	// Said is a text message: as typed, and in NFKC form (half-width digits, full-width kana).
	Said struct{ Text, Plain string }
	// SaidSecret is a text that looks like a password; it was not kept (LNK-14).
	SaidSecret struct{}
	// Sent is a message that is not text: image, video, audio, file, location or sticker.
	// Text is what it says in words: a place, a sticker's keywords.
	Sent struct {
		Kind, Text string
		Attachment Attachment
	}
	// Tapped is a postback.
	Tapped struct{ Data string }
	// Followed: the account was added or unblocked.
	Followed struct{}
	// Unfollowed: the account was blocked.
	Unfollowed struct{}
	// Unsent: the person took a message back.
	Unsent struct{ MessageID string }
	// AccountLinked: LINE confirmed a sign-in on our page (LNK-11).
	AccountLinked struct{ Nonce string }
	// AccountLinkFailed: LINE did not confirm it; it names no person and comes in the lane of what has no source.
	AccountLinkFailed struct{ Nonce string }
	// Joined: the account was taken into a group or room.
	Joined struct{}
	// Due is a timer.
	Due struct{ Name string }
)

// Answers to questions.
type (
	// LinkTokenIssued brings the address of the sign-in page.
	LinkTokenIssued struct{ URL string }
	// NonceRedeemed: the nonce was ours, good and unused.
	NonceRedeemed struct {
		Nonce    NonceKind
		Lane     string // who asked for the sign-in
		Contract Contract
		TakenBy  string // the LINE account the contract is linked to now, "" for none
	}
	// NonceRefused: unknown, expired or used before.
	NonceRefused struct{ Nonce NonceKind }
	// CodeVerified brings the line of a usage code, and the LINE account it is linked to now, "" for none.
	CodeVerified struct {
		Line    Line
		TakenBy string
	}
	// CodeWrong: no line in use has the code.
	CodeWrong struct{}
	// NotYet: the line cannot be linked yet (LNK-03).
	NotYet struct {
		MNP  bool
		From time.Time
	}
	// BalanceRead brings the figures.
	BalanceRead struct{ Balance Balance }
	// GiftsRead brings the gifts of a line.
	GiftsRead struct {
		Gifts Gifts
		Then  GiftView
	}
	// GiftFound brings a gift, and its giver's name on LINE, "" when LINE does not tell. Doing is what SettleGift was about.
	GiftFound struct {
		Gift  DataGift
		Giver string
		Doing GiftDoing
	}
	// GiftMade: the gift is there and its data reserved.
	GiftMade struct{ Gift DataGift }
	// GiftTaken: the data is in. Taker is the person's own name on LINE, for the giver.
	GiftTaken struct {
		Gift  DataGift
		Taker string
	}
	// GiftReturned: the giver took it back.
	GiftReturned struct{ Gift DataGift }
	// GiftOver: what the gift was when its time was over.
	GiftOver struct{ Gift DataGift }
	// GiftRefused: nothing was done, and why.
	GiftRefused struct {
		Reason Refusal
		Doing  GiftDoing // "" when the gift was only looked for
	}
	// GiftUnknown: the carrier did not answer, and may have done it (GFT-36).
	GiftUnknown struct {
		ID    string
		Doing GiftDoing
		Tries int
	}
	// AskFailed: whoever was asked did not answer in time or not at all (BAL-12).
	AskFailed struct{}
)

// Letters: inputs that come from elsewhere in the program and not from LINE. They are stored encoded.
type (
	// LinkTried tells the owner of a link that another LINE account tried to link the same line (LNK-27).
	LinkTried struct{ Ref string }
	// LinkEnded ends a link from outside the chat.
	LinkEnded struct {
		Kind LinkKind
		Ref  string
		// Reason is reissue (LNK-29), user_changed (LNK-43) or contract_ended (LNK-46).
		Reason string
	}
	// GiftGone tells the giver that a gift was claimed (GFT-38), and by whom.
	GiftGone struct {
		ID    string
		MB    int
		Taker string
	}
	// LinkFailed tells who asked for a holder link that LINE could not confirm it.
	LinkFailed struct{}
)

func (Said) input()              {}
func (SaidSecret) input()        {}
func (Sent) input()              {}
func (Tapped) input()            {}
func (Followed) input()          {}
func (Unfollowed) input()        {}
func (Unsent) input()            {}
func (AccountLinked) input()     {}
func (AccountLinkFailed) input() {}
func (Joined) input()            {}
func (Due) input()               {}
func (LinkTokenIssued) input()   {}
func (NonceRedeemed) input()     {}
func (NonceRefused) input()      {}
func (CodeVerified) input()      {}
func (CodeWrong) input()         {}
func (NotYet) input()            {}
func (BalanceRead) input()       {}
func (GiftsRead) input()         {}
func (GiftFound) input()         {}
func (GiftMade) input()          {}
func (GiftTaken) input()         {}
func (GiftReturned) input()      {}
func (GiftOver) input()          {}
func (GiftRefused) input()       {}
func (GiftUnknown) input()       {}
func (GiftGone) input()          {}
func (AskFailed) input()         {}
func (LinkTried) input()         {}
func (LinkEnded) input()         {}
func (LinkFailed) input()        {}

// EncodeInput is the stored form of a letter.
func EncodeInput(in Input) ([]byte, error) {
	body, err := json.Marshal(in)
	if err != nil {
		return nil, err
	}
	return json.Marshal(letter{Type: fmt.Sprintf("%T", in), Body: body})
}

// DecodeInput reads what EncodeInput wrote.
func DecodeInput(data []byte) (Input, error) {
	var l letter
	if err := json.Unmarshal(data, &l); err != nil {
		return nil, err
	}
	switch l.Type {
	case "flows.LinkTried":
		return decode[LinkTried](l.Body)
	case "flows.LinkEnded":
		return decode[LinkEnded](l.Body)
	case "flows.LinkFailed":
		return decode[LinkFailed](l.Body)
	case "flows.DeskTook":
		return decode[DeskTook](l.Body)
	case "flows.DeskSaid":
		return decode[DeskSaid](l.Body)
	case "flows.DeskReturned":
		return decode[DeskReturned](l.Body)
	case "flows.DeskClosed":
		return decode[DeskClosed](l.Body)
	case "flows.DeskHoursChanged":
		return decode[DeskHoursChanged](l.Body)
	case "flows.GiftGone":
		return decode[GiftGone](l.Body)
	}
	return nil, fmt.Errorf("unknown letter %q", l.Type)
}

type letter struct {
	Type string
	Body json.RawMessage
}

func decode[T Input](data []byte) (Input, error) {
	var v T
	err := json.Unmarshal(data, &v)
	return v, err
}
