package flows

import (
	"slices"
	"strings"
)

// Receiving data (domain.md §5).
//
//	データを受け取る TOKEN ─▶ FindGift ─▶ card ─▶ (利用者連携) ─▶ line? ─▶ ClaimGift ─▶ received; the giver is told

// GiftClaimLine conversations have been asked which line receives; About is the gift.
const GiftClaimLine State = "gift/claim/line"

// claimToken finds the token, letters and digits, in the text that a shared link types for whoever opens it.
func (in Said) claimToken() (token string, ok bool) {
	token, ok = strings.CutPrefix(strings.TrimSpace(in.Plain), ClaimPrefix)
	token = strings.TrimSpace(token)
	other := func(r rune) bool { return !('0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z') }
	return token, ok && token != "" && !strings.ContainsFunc(token, other)
}

// HoldsClaim reports whether a text holds the token of a gift: it is not kept.
func (in Said) HoldsClaim() bool { _, ok := in.claimToken(); return ok }

// giftFound shows a gift to somebody who has its token, or what became of it.
func (t *turn) giftFound(in GiftFound) {
	g := in.Gift
	if in.Doing != "" {
		t.giftSettled(in)
		return
	}
	t.c.Claim = ""
	switch {
	case g.State == GiftPending && t.At.Before(g.ClaimBy) && t.Settings.GiftBlackout(t.At):
		t.say(Text{Text: giftBlackout, Choices: t.menu()})
	case g.State == GiftPending && t.At.Before(g.ClaimBy):
		t.offerClaim(g, in.Giver)
	default:
		t.say(Text{Text: t.refusal(whyOver(g), GiftClaiming), Choices: t.menu()})
	}
}

// whyOver tells why a gift cannot be claimed any more.
func whyOver(g DataGift) Refusal {
	switch g.State {
	case GiftClaimed:
		return AlreadyClaimed
	case GiftCancelled:
		return AlreadyReturned
	}
	return TooLate
}

func (t *turn) offerClaim(g DataGift, giver string) {
	if !t.has(UserLink) { // GFT-31
		t.c.Claim = g.ID
		t.say(Buttons{
			Text:    needUserLink + strings.ReplaceAll(claimAfterLink, "{amount}", Amount(g.MB)),
			Buttons: []Choice{userLinkButton}, Choices: t.menu(),
		})
		return
	}
	able := slices.DeleteFunc(t.lines(), func(l Link) bool { return l.Ref == g.From })
	if len(able) == 0 { // GFT-33
		t.say(Text{Text: t.refusal(SameLine, GiftClaiming), Choices: t.menu()})
		return
	}
	data := "1:claim:" + g.ID
	if len(able) == 1 {
		data += ":" + able[0].Ref
	}
	title := giftForYou
	if giver != "" { // GFT-39: the name on LINE, and nothing of the line
		title = strings.ReplaceAll(giftFrom, "{name}", giver)
	}
	t.say(GiftCard{
		Title: title, Amount: Amount(g.MB),
		Rows:    []GiftRow{{"使える期限", lastDay(g.Until) + "まで"}, {"受け取り期限", until(g.ClaimBy)}},
		Buttons: []Choice{{Label: Amount(g.MB) + "を受け取る", Data: data}},
		Choices: t.menu(),
	})
}

// claimTapped claims, and asks for the line before that where there are several (GFT-32).
func (t *turn) claimTapped(id, ref string) {
	t.idle()
	if !t.has(UserLink) {
		t.do(FindGift{ID: id})
		return
	}
	lines := t.lines()
	if ref == "" && len(lines) == 1 {
		ref = lines[0].Ref
	}
	if ref == "" {
		t.ask(GiftClaimLine, id, Text{Text: whichLineTakes, Choices: t.lineChoices("claim:" + id)})
		return
	}
	if _, ok := t.link(UserLink, ref); !ok {
		t.say(Text{Text: lineGone, Choices: t.menu()})
		return
	}
	t.do(ClaimGift{ID: id, Line: ref})
}

func (t *turn) claimLineSaid(in Said) {
	l, ok := t.lineNamed(in.Plain)
	if !ok {
		t.claimTapped(t.c.About, "")
		return
	}
	t.claimTapped(t.c.About, l.Ref)
}

func (t *turn) giftTaken(g DataGift, taker string) {
	card := GiftCard{
		Title:   strings.NewReplacer("{amount}", Amount(g.MB), "{date}", lastDay(g.Until)).Replace(giftReceived),
		Amount:  Amount(g.MB),
		Rows:    []GiftRow{{"回線", t.lineName(g.To)}},
		Choices: t.menu(),
	}
	t.say(card)
	if g.Giver == t.Lane {
		t.do(StopTimer{Name: giftOverTimer + g.ID})
	} else if g.Giver != "" {
		t.do(Letter{To: g.Giver, Input: GiftGone{ID: g.ID, MB: g.MB, Taker: taker}})
	}
}
