package flows

import (
	"strings"
	"time"
)

// A Say is one to five messages for the person, in order. It goes out as a reply where that is possible.
type Say struct {
	Messages []Message
	// As is the name that speaks, "" for the account itself.
	As string
	// Entry is the transcript's entry that these are; what becomes of them is told there.
	Entry string
	// ReplyTo is an earlier arrival of the lane whose reply token is unused, taken in at ReplyAt; 0 for none. It is used
	// while it lives.
	ReplyTo int64
	ReplyAt time.Time
}

// UseMenu shows the rich menu of a link state (MNU-03).
type UseMenu struct{ Holder, User bool }

func (Say) effect()     {}
func (UseMenu) effect() {}

// A Message is one bubble. It says what is shown; how it looks on LINE is decided where LINE's JSON is written.
type Message interface{ message() }

// A Text is plain words. Choices become quick replies.
type Text struct {
	Text    string
	Choices []Choice
}

// A Sticker is one of LINE's, by its package and its own ID.
type Sticker struct{ Package, Sticker string }

// An Image is a picture, at addresses that LINE and the person's app can fetch.
type Image struct{ URL, Preview string }

// Buttons is a question with buttons that stay in the chat: at most five, each a Choice.
type Buttons struct {
	Title   string
	Text    string
	Buttons []Choice
	Choices []Choice // quick replies below
}

// A BalanceCard is what is left on one line. All strings are ready to show.
type BalanceCard struct {
	Line    string // nickname or masked number
	Total   string
	Rows    []BalanceRow
	Used    string
	Speed   string
	Slow    bool // limited or suspended: shown with emphasis
	At      string
	Notes   []string
	Alt     string // BAL-15, the whole card in words
	Choices []Choice
}

// A BalanceRow is one bucket. Part is what is left of it as a share of the plan's quota, 0 to 1.
type BalanceRow struct {
	Label, Amount, Until string
	Part                 float64
}

// A GiftCard is one gift, or what can be given. All strings are ready to show; empty ones are left out.
type GiftCard struct {
	Title   string
	Caption string // above the amount
	Amount  string
	Rows    []GiftRow
	Notes   []string
	Buttons []Choice // at most four
	Choices []Choice
}

// A GiftRow is one line of a card.
type GiftRow struct{ Label, Text string }

// GiftCards are several cards side by side, at most maxCards.
type GiftCards struct {
	Alt     string
	Cards   []GiftCard
	Choices []Choice
}

// maxCards is how many cards LINE shows side by side.
const maxCards = 12

// Alt is the whole card in words.
func (c GiftCard) Alt() string {
	lines := []string{c.Title}
	switch {
	case c.Caption != "" && c.Amount != "":
		lines = append(lines, c.Caption+" "+c.Amount)
	case c.Caption != "":
		lines = append(lines, c.Caption)
	case c.Amount != "" && !strings.Contains(c.Title, c.Amount):
		lines = append(lines, c.Amount)
	}
	for _, r := range c.Rows {
		lines = append(lines, r.Label+" "+r.Text)
	}
	return strings.Join(append(lines, c.Notes...), "\n")
}

// InWords is what a message says, without its buttons.
func InWords(m Message) string {
	switch m := m.(type) {
	case Text:
		return m.Text
	case Buttons:
		return strings.TrimPrefix(m.Title+"\n"+m.Text, "\n")
	case BalanceCard:
		return m.Alt
	case GiftCard:
		return m.Alt()
	case GiftCards:
		return m.Alt
	case Sticker:
		return "（スタンプ）"
	case Image:
		return "（写真）"
	}
	return ""
}

func (Sticker) message()     {}
func (Image) message()       {}
func (GiftCard) message()    {}
func (GiftCards) message()   {}
func (Text) message()        {}
func (Buttons) message()     {}
func (BalanceCard) message() {}

// A Choice is a button or quick reply. Exactly one of Say, Data, URL and Share is set.
type Choice struct {
	// Label is at most 20 characters.
	Label string
	// Say is sent as if the person had typed it.
	Say string
	// Data comes back as Tapped; the label is shown as the person's words.
	Data string
	// URL is opened.
	URL string
	// Share opens LINE's share screen with these words and a link; whoever opens that finds Types written, to be sent.
	Share, Types string
}
