package flowtest

import (
	"fmt"
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"

	"tsunagu/flows"
)

// Pure plays a chat through flows.Turn, with the world as its carrier and nothing else.
type Pure struct {
	World        World
	Conversation flows.Conversation
	// Desk is how the operators' desk is.
	Desk flows.DeskLoad
	// Effects are all effects so far, for tests that look further than at the words.
	Effects []flows.Effect

	now      time.Time
	taken    string // the operator who has the person, as the chat calls them
	carrier  string // up, down, or loses: does what it is told, and its answer gets lost
	serial   int
	arrivals int
	gifts    []*flows.DataGift
	buttons  map[string]flows.Choice
	timers   map[string]time.Time
}

// Me is the lane of the person in a Pure chat; SomeoneElse holds the links that a world calls taken.
const (
	Me          = "U00000000000000000000000000000001"
	SomeoneElse = "U00000000000000000000000000000002"
)

// NewPure makes a stage for a world.
func NewPure(w World) *Pure {
	return &Pure{World: w, buttons: make(map[string]flows.Choice), timers: make(map[string]time.Time)}
}

// SetClock moves the clock and lets the timers fall due that lie before it.
func (p *Pure) SetClock(t time.Time) { p.now = t }

// Play does a step.
func (p *Pure) Play(s Step) ([]Shown, error) {
	switch s.Verb {
	case "user":
		return p.said(s.Args)
	case "tap":
		c, ok := p.buttons[s.Args]
		switch {
		case !ok:
			return nil, fmt.Errorf("no such button")
		case c.Data != "":
			return p.Turn(flows.Tapped{Data: c.Data})
		case c.Say != "":
			return p.said(c.Say)
		}
		return nil, fmt.Errorf("a link: say who signs in")
	case "follow":
		return p.Turn(flows.Followed{})
	case "block":
		return p.Turn(flows.Unfollowed{})
	case "sticker", "image":
		return p.Turn(flows.Sent{Kind: s.Verb})
	case "unsend":
		return p.Turn(flows.Unsent{MessageID: "1"})
	case "signs": // signs in as NAME
		return p.Turn(flows.AccountLinked{Nonce: strings.TrimPrefix(s.Args, "in as ")})
	case "carrier": // carrier down, carrier up
		p.carrier = s.Args
		return nil, nil
	case "desk":
		return p.playDesk(s.Args)
	case "gift", "opens", "other":
		return p.playGift(s)
	case "reissue": // reissue of NUMBER
		return p.Turn(flows.LinkEnded{Kind: flows.UserLink, Ref: strings.TrimPrefix(s.Args, "of "), Reason: "reissue"})
	case "tried": // tried to link NUMBER
		return p.Turn(flows.LinkTried{Ref: strings.TrimPrefix(s.Args, "to link ")})
	case "wait", "at":
		var shown []Shown
		for range 100 { // what falls due may set what is due, too
			name, ok := p.due()
			if !ok {
				break
			}
			delete(p.timers, name)
			more, err := p.Turn(flows.Due{Name: name})
			if err != nil {
				return nil, err
			}
			shown = append(shown, more...)
		}
		return shown, nil
	}
	return nil, fmt.Errorf("nobody knows how to %q", s.Verb)
}

// due is the timer that falls due next, if its time has come.
func (p *Pure) due() (name string, ok bool) {
	for n, at := range p.timers {
		if !at.After(p.now) && (!ok || at.Before(p.timers[name]) || at.Equal(p.timers[name]) && n < name) {
			name, ok = n, true
		}
	}
	return name, ok
}

func (p *Pure) said(text string) ([]Shown, error) {
	plain := norm.NFKC.String(text)
	if flows.LooksSecret(plain) {
		return p.Turn(flows.SaidSecret{})
	}
	return p.Turn(flows.Said{Text: text, Plain: plain})
}

// Turn turns one input with the answers to its questions.
func (p *Pure) Turn(in flows.Input) (shown []Shown, err error) {
	p.arrivals++
	m := flows.Moment{At: p.now, Lane: Me, ID: fmt.Sprintf("event-%d", p.arrivals), Seq: int64(p.arrivals), Settings: flows.Defaults()}
	for in != nil {
		var effects []flows.Effect
		p.Conversation, effects = flows.Turn(m, p.Conversation, in)
		p.Effects = append(p.Effects, effects...)
		in = nil
		for _, e := range effects {
			switch e := e.(type) {
			case flows.Say:
				for _, m := range e.Messages {
					shown = append(shown, p.show(m))
				}
			case flows.Question:
				if in, err = p.answer(e); err != nil {
					return shown, err
				}
			case flows.Command:
				in = p.command(e)
			case flows.SetTimer:
				p.timers[e.Name] = e.At
			case flows.StopTimer:
				delete(p.timers, e.Name)
			}
		}
	}
	return shown, nil
}

func (p *Pure) show(m flows.Message) (s Shown) {
	var cs []flows.Choice
	switch m := m.(type) {
	case flows.Text:
		s.Text, cs = m.Text, m.Choices
	case flows.Buttons:
		s.Text = m.Text
		if m.Title != "" {
			s.Text = m.Title + "\n" + m.Text
		}
		cs = append(append(cs, m.Buttons...), m.Choices...)
	case flows.BalanceCard:
		s.Text, cs = m.Alt, m.Choices
	case flows.GiftCard:
		s.Text, cs = m.Alt(), append(append(cs, m.Buttons...), m.Choices...)
	case flows.GiftCards:
		s.Text = m.Alt
		for _, card := range m.Cards {
			cs = append(cs, card.Buttons...)
		}
		cs = append(cs, m.Choices...)
	}
	for _, c := range cs {
		s.Labels = append(s.Labels, c.Label)
		p.buttons[c.Label] = c
	}
	return s
}

func (p *Pure) answer(q flows.Question) (flows.Input, error) {
	switch q := q.(type) {
	case flows.IssueLinkToken:
		p.serial++
		return flows.LinkTokenIssued{URL: fmt.Sprintf("https://example.jp/link/contract?linkToken=%d", p.serial)}, nil
	case flows.RedeemNonce:
		for _, k := range p.World.Contracts {
			if k.LoginID == q.Nonce {
				return flows.NonceRedeemed{Nonce: q.Kind, Lane: Me, Contract: flows.Contract{ID: k.LoginID, LoginID: k.LoginID}}, nil
			}
		}
		return flows.NonceRefused{Nonce: q.Kind}, nil
	}
	switch q := q.(type) {
	case flows.ReadDesk:
		return flows.DeskRead{For: q.For, Load: p.Desk}, nil
	case flows.FindAnswer:
		return flows.AnswerFound{Found: p.World.find(q.Text)}, nil
	case flows.FindTopic:
		for _, topic := range p.World.FAQ {
			if topic.ID == q.ID {
				return flows.AnswerFound{Found: flows.Found{Answer: &topic}}, nil
			}
		}
		return flows.TopicGone{}, nil
	}
	if in := p.askGift(q); in != nil {
		return in, nil
	}
	if p.carrier == "down" {
		return flows.AskFailed{}, nil
	}
	switch q := q.(type) {
	case flows.CheckCode:
		for _, k := range p.World.Contracts {
			for _, l := range k.Lines {
				if l.Code == q.Code && l.Status != flows.LineEnded {
					return p.verified(k, l), nil
				}
			}
		}
		return flows.CodeWrong{}, nil
	case flows.ReadBalance:
		for _, k := range p.World.Contracts {
			for _, l := range k.Lines {
				if l.Number == q.Line {
					return flows.BalanceRead{Balance: p.balance(l)}, nil
				}
			}
		}
		return flows.AskFailed{}, nil
	}
	return nil, fmt.Errorf("nobody answers %T", q)
}

// manners are sentences that any responder takes so.
var manners = map[string]flows.Manner{
	"こんにちは": flows.Greeting, "ありがとう": flows.Thanks, "バカ": flows.Insult,
	"人間ですか？": flows.IsHuman, "火事です": flows.Emergency, "死にたい": flows.SelfHarm,
}

// find answers a question that is asked as it stands in the world, and offers those that share its first two characters.
func (w World) find(text string) (f flows.Found) {
	for _, topic := range w.FAQ {
		if topic.Question == text {
			return flows.Found{Answer: &topic}
		}
		if r := []rune(text); len(r) > 1 && strings.HasPrefix(topic.Question, string(r[:2])) {
			f.Choices = append(f.Choices, topic)
		}
	}
	if len(f.Choices) < 2 {
		f.Choices = nil
	}
	if manner, ok := manners[text]; ok {
		return flows.Found{Manner: manner}
	}
	return f
}

func (p *Pure) verified(k Contract, l Line) flows.Input {
	from := k.From
	if !k.MNP && !from.IsZero() {
		y, m, d := from.In(flows.JST).Date()
		from = time.Date(y, m, d+1, 0, 0, 0, 0, flows.JST)
	}
	if from.IsZero() || p.now.Before(from) {
		return flows.NotYet{MNP: k.MNP, From: from}
	}
	v := flows.CodeVerified{Line: flows.Line{ID: l.Number, ContractID: k.LoginID, Number: flows.MSISDN(l.Number), Status: l.Status}}
	if l.Taken {
		v.TakenBy = SomeoneElse
	}
	return v
}

// balance is the line's figures with the expiries of domain.md §3, after its gifts.
func (p *Pure) balance(l Line) flows.Balance {
	now, reserved := p.now, 0
	for _, g := range p.gifts {
		switch {
		case g.State == flows.GiftClaimed && g.To == l.Number:
			l.Gift += g.MB
		case g.State == flows.GiftClaimed && g.From == l.Number:
			l.Base -= g.MB
		case g.State == flows.GiftPending && g.From == l.Number:
			reserved += g.MB
		}
	}
	y, m, _ := now.In(flows.JST).Date()
	began, first, _ := p.World.Clock.In(flows.JST).Date()
	for range 12*(y-began) + int(m-first) { // the month turned (BKT-03)
		l.Carryover, l.Gift, l.Base, l.Topup, l.Used = l.Base+l.Topup, 0, l.Quota, 0, 0
	}
	month := func(n int) time.Time { return time.Date(y, m+time.Month(n), 1, 0, 0, 0, 0, flows.JST) }
	return flows.Balance{
		LineID: l.Number, Number: flows.MSISDN(l.Number), Status: l.Status, ReservedMB: reserved, UsedMB: l.Used, QuotaMB: l.Quota, At: now,
		Buckets: []flows.BucketLeft{
			{Bucket: flows.Carryover, LeftMB: l.Carryover, Until: month(1)},
			{Bucket: flows.Gift, LeftMB: l.Gift, Until: month(1)},
			{Bucket: flows.Base, LeftMB: l.Base, Until: month(2)},
			{Bucket: flows.Topup, LeftMB: l.Topup, Until: month(2)},
		},
	}
}
