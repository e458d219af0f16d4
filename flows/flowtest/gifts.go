package flowtest

import (
	"slices"
	"strconv"
	"strings"

	"tsunagu/flows"
)

// The gifts of a Pure chat's carrier: enough of domain.md §5 for a story. The built-in carrier has the rules, and plays
// the same stories. The other person of a world has the line that is taken.

// OtherName is what SomeoneElse is called on LINE.
const OtherName = "よその人"

func (p *Pure) playGift(s Step) ([]Shown, error) {
	newest := func(giver string) *flows.DataGift {
		for _, g := range slices.Backward(p.gifts) {
			if g.Giver == giver {
				return g
			}
		}
		return &flows.DataGift{Token: "none"}
	}
	switch s.Verb + " " + s.Args {
	case "opens the gift":
		return p.said(flows.ClaimPrefix + newest(SomeoneElse).Token)
	case "opens my gift":
		return p.said(flows.ClaimPrefix + newest(Me).Token)
	case "other claims":
		g := newest(Me)
		if p.claim(g, p.otherLine(), SomeoneElse) != "" {
			return nil, nil
		}
		return p.Turn(flows.GiftGone{ID: g.ID, MB: g.MB, Taker: OtherName})
	case "other cancels":
		newest(SomeoneElse).State = flows.GiftCancelled
		return nil, nil
	}
	amount, _, _ := strings.Cut(s.Args, " ") // of "500 from another"
	mb, err := strconv.Atoi(amount)
	if err != nil {
		return nil, err
	}
	p.newGift(p.otherLine(), mb, SomeoneElse)
	return nil, nil
}

func (p *Pure) otherLine() string {
	for _, k := range p.World.Contracts {
		for _, l := range k.Lines {
			if l.Taken {
				return l.Number
			}
		}
	}
	return ""
}

func (p *Pure) newGift(line string, mb int, giver string) *flows.DataGift {
	p.serial++
	id := "g" + strconv.Itoa(p.serial)
	g := &flows.DataGift{
		ID: id, Token: id + "token", State: flows.GiftPending, MB: mb, From: line, Giver: giver, At: p.now,
		ClaimBy: flows.Defaults().GiftDeadline(p.now), Until: p.balance(Line{}).Buckets[0].Until,
	}
	p.gifts = append(p.gifts, g)
	return g
}

func (p *Pure) claim(g *flows.DataGift, line, taker string) flows.Refusal {
	switch {
	case g.State == flows.GiftClaimed:
		return flows.AlreadyClaimed
	case g.State == flows.GiftCancelled:
		return flows.AlreadyReturned
	case g.State == flows.GiftExpired || !p.now.Before(g.ClaimBy):
		return flows.TooLate
	case flows.Defaults().GiftBlackout(p.now):
		return flows.Blackout
	case g.From == line:
		return flows.SameLine
	}
	g.State, g.To, g.Taker, g.Settled = flows.GiftClaimed, line, taker, p.now
	return ""
}

// giftsOf is what a line can give, and its gifts.
func (p *Pure) giftsOf(number string) flows.Gifts {
	out := flows.Gifts{Line: number}
	s := flows.Defaults()
	for _, k := range p.World.Contracts {
		for _, l := range k.Lines {
			if l.Number == number {
				b := p.balance(l)
				out.CanGiveMB = (b.Buckets[2].LeftMB - b.ReservedMB) / s.GiftStepMB * s.GiftStepMB
			}
		}
	}
	for _, g := range p.gifts {
		switch {
		case g.State == flows.GiftPending && g.From == number:
			out.Pending = append(out.Pending, *g)
		case g.State != flows.GiftPending && (g.From == number || g.To == number):
			out.Past = append(out.Past, *g)
		}
	}
	slices.Reverse(out.Past)
	switch {
	case s.GiftBlackout(p.now):
		out.CanGiveMB, out.Why = 0, flows.Blackout
	case len(out.Pending) >= s.GiftMaxPending:
		out.CanGiveMB, out.Why = 0, flows.TooManyPending
	}
	return out
}

func (p *Pure) find(id, token string) *flows.DataGift {
	for _, g := range p.gifts {
		if id != "" && g.ID == id || token != "" && g.Token == token {
			return g
		}
	}
	return nil
}

// askGift answers the questions about gifts, and nil to any other.
func (p *Pure) askGift(q flows.Question) flows.Input {
	giver := func(g *flows.DataGift) string {
		if g.Giver == SomeoneElse {
			return OtherName
		}
		return "太郎"
	}
	switch q := q.(type) {
	case flows.ReadGifts:
		if p.carrier == "down" {
			return flows.AskFailed{}
		}
		return flows.GiftsRead{Gifts: p.giftsOf(q.Line), Then: q.Then}
	case flows.FindGift:
		g := p.find(q.ID, q.Token)
		switch {
		case p.carrier == "down":
			return flows.AskFailed{}
		case g == nil:
			return flows.GiftRefused{Reason: flows.NoSuchGift}
		}
		return flows.GiftFound{Gift: *g, Giver: giver(g)}
	case flows.SettleGift:
		g := p.find(q.ID, "")
		switch {
		case p.carrier == "down":
			return flows.GiftUnknown(q)
		case g == nil:
			return flows.GiftRefused{Reason: flows.NoSuchGift, Doing: q.Doing}
		}
		return flows.GiftFound{Gift: *g, Giver: giver(g), Doing: q.Doing}
	}
	return nil
}

func (p *Pure) command(c flows.Command) flows.Input {
	in, id, doing := p.obey(c)
	if p.carrier == "down" || p.carrier == "loses" {
		return flows.GiftUnknown{ID: id, Doing: doing}
	}
	return in
}

func (p *Pure) obey(c flows.Command) (in flows.Input, id string, doing flows.GiftDoing) {
	switch c := c.(type) {
	case flows.CreateGift:
		doing = flows.GiftMaking
		if p.carrier == "down" {
			return nil, "g" + strconv.Itoa(p.serial+1), doing
		}
		if p.giftsOf(c.Line).CanGiveMB < c.MB {
			return flows.GiftRefused{Reason: flows.OverGiftable, Doing: doing}, "", doing
		}
		g := p.newGift(c.Line, c.MB, Me)
		return flows.GiftMade{Gift: *g}, g.ID, doing
	case flows.ClaimGift:
		g := p.find(c.ID, "")
		if p.carrier == "down" {
			return nil, c.ID, flows.GiftClaiming
		}
		if why := p.claim(g, c.Line, Me); why != "" {
			return flows.GiftRefused{Reason: why, Doing: flows.GiftClaiming}, c.ID, flows.GiftClaiming
		}
		return flows.GiftTaken{Gift: *g, Taker: "太郎"}, c.ID, flows.GiftClaiming
	case flows.CancelGift:
		g := p.find(c.ID, "")
		doing = flows.GiftCancelling
		switch {
		case p.carrier == "down":
			return nil, c.ID, doing
		case g.State == flows.GiftClaimed:
			return flows.GiftRefused{Reason: flows.AlreadyClaimed, Doing: doing}, c.ID, doing
		case g.State != flows.GiftPending:
			return flows.GiftRefused{Reason: flows.AlreadyReturned, Doing: doing}, c.ID, doing
		}
		g.State, g.Settled = flows.GiftCancelled, p.now
		return flows.GiftReturned{Gift: *g}, c.ID, doing
	case flows.ExpireGift:
		g := p.find(c.ID, "")
		if g.State == flows.GiftPending && !p.now.Before(g.ClaimBy) {
			g.State, g.Settled = flows.GiftExpired, p.now
		}
		return flows.GiftOver{Gift: *g}, c.ID, flows.GiftExpiring
	}
	return flows.AskFailed{}, "", ""
}
