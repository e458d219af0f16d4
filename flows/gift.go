package flows

import (
	"strconv"
	"strings"
	"time"
)

// Giving data away (domain.md §5).
//
//	データプレゼント ─▶ line? ─▶ ReadGifts ─▶ card ─▶ 贈る ─▶ how much? ─▶ sure? ─▶ CreateGift ─▶ made ─▶ 相手に送る
//	                                           └──▶ 送信中の一覧 ─▶ CancelGift ─▶ returned
//
// A command whose answer gets lost is never given anew: a timer asks the carrier what became of it (GFT-36).

const (
	// GiftLine conversations have several lines and have been asked which one gives (LNK-40).
	GiftLine State = "gift/line"
	// GiftAmount conversations have been asked how much; About is the line.
	GiftAmount State = "gift/amount"
	// GiftConfirm conversations have been asked whether they are sure; About is what the button has to bring.
	GiftConfirm State = "gift/confirm"
)

// giftChoices is how many amounts are offered: LINE shows 13 quick replies, and one of them is the way out.
const giftChoices = 12

// Timers of gifts are named by what is to be done, and the gift.
const (
	giftOverTimer = "gift over " // ID
	giftAskTimer  = "gift ask "  // doing, ID and tries
)

func (t *turn) gift() {
	if !t.needUserLink() {
		return
	}
	ref, ok := t.chosenLine()
	if !ok {
		t.askGiftLine()
		return
	}
	t.do(ReadGifts{Line: ref, Then: GiftOffer})
}

func (t *turn) askGiftLine() {
	t.idle()
	if t.needUserLink() {
		t.ask(GiftLine, "", Text{Text: whichLineGives, Choices: t.lineChoices("gift")})
	}
}

func (t *turn) giftLineSaid(in Said) {
	if l, ok := t.lineNamed(in.Plain); ok {
		t.giftsOf(l.Ref, GiftOffer)
		return
	}
	t.askGiftLine()
}

// giftsOf reads the gifts of one of the person's lines, for a view.
func (t *turn) giftsOf(ref string, view GiftView) {
	t.idle()
	if _, ok := t.link(UserLink, ref); !ok {
		t.say(Text{Text: lineGone, Choices: t.menu()})
		return
	}
	t.choose(ref)
	t.do(ReadGifts{Line: ref, Then: view})
}

func (t *turn) giftsRead(in GiftsRead) {
	switch in.Then {
	case GiftAmounts:
		t.askGiftAmount(in.Gifts)
	case GiftList:
		t.listGifts(in.Gifts)
	case GiftHistory:
		t.giftHistory(in.Gifts)
	default:
		t.offerGift(in.Gifts)
	}
}

// offerGift is the first card: what can be given, and the ways on.
func (t *turn) offerGift(g Gifts) {
	card := GiftCard{
		Title: "データプレゼント", Caption: "贈れるデータ量", Amount: Amount(g.CanGiveMB),
		Rows: []GiftRow{{"回線", t.lineName(g.Line)}},
	}
	if g.CanGiveMB > 0 {
		card.Notes = []string{giftableNote}
		card.Buttons = append(card.Buttons, Choice{Label: "贈る", Data: "1:give:" + g.Line})
	} else {
		card.Notes = []string{t.refusal(g.Why, GiftMaking)}
	}
	card.Buttons = append(card.Buttons,
		Choice{Label: "送信中の一覧", Data: "1:gifts:" + g.Line}, Choice{Label: "履歴", Data: "1:pastgifts:" + g.Line})
	if len(t.lines()) > 1 {
		card.Choices = append(card.Choices, Choice{Label: "別の回線", Data: "1:giftlines"})
	}
	card.Choices = append(card.Choices, t.menu()...)
	t.say(card)
}

// giftAmounts are the amounts offered, up to giftChoices of them: all steps, or evenly chosen ones with both ends.
func giftAmounts(s Settings, most int) (mbs []int) {
	var all []int
	for mb := s.GiftMinMB; mb <= most; mb += s.GiftStepMB {
		all = append(all, mb)
	}
	if len(all) <= giftChoices {
		return all
	}
	for i := range giftChoices {
		mbs = append(mbs, all[i*(len(all)-1)/(giftChoices-1)])
	}
	return mbs
}

func (t *turn) askGiftAmount(g Gifts) {
	if g.CanGiveMB == 0 {
		t.offerGift(g)
		return
	}
	var cs []Choice
	for _, mb := range giftAmounts(t.Settings, g.CanGiveMB) {
		cs = append(cs, Choice{Label: Amount(mb), Data: "1:amount:" + g.Line + ":" + strconv.Itoa(mb)})
	}
	text := strings.NewReplacer("{most}", Amount(g.CanGiveMB), "{step}", Amount(t.Settings.GiftStepMB)).Replace(askAmount)
	t.ask(GiftAmount, g.Line, Text{Text: text, Choices: append(cs, cancel)})
}

func (t *turn) giftAmountSaid(in Said) {
	if mb, ok := parseAmount(in.Plain); ok {
		t.confirmGift(t.c.About, mb)
		return
	}
	t.giftsOf(t.c.About, GiftAmounts)
}

// parseAmount reads an amount as people type it: 500MB, 1.5GB, 1ギガ, 500. At most a hundred thousand GB.
func parseAmount(plain string) (mb int, ok bool) {
	text := strings.ToUpper(strings.Join(strings.Fields(plain), ""))
	unit := 1.0
	for suffix, mbs := range map[string]float64{"MB": 1, "GB": 1000, "G": 1000, "M": 1, "ギガ": 1000, "メガ": 1} {
		if number, cut := strings.CutSuffix(text, suffix); cut {
			text, unit = number, mbs
			break
		}
	}
	if text == "" || strings.Trim(text, "0123456789.") != "" {
		return 0, false
	}
	n, err := strconv.ParseFloat(text, 64)
	if n *= unit; err != nil || n > 1e8 || n != float64(int(n)) {
		return 0, false
	}
	return int(n), true
}

// confirmGift asks once more. What the carrier would certainly refuse is said at once.
func (t *turn) confirmGift(ref string, mb int) {
	t.idle()
	if _, ok := t.link(UserLink, ref); !ok {
		t.say(Text{Text: lineGone, Choices: t.menu()})
		return
	}
	again := Choice{Label: "量を選び直す", Data: "1:give:" + ref}
	switch {
	case mb < t.Settings.GiftMinMB:
		t.say(Text{Text: t.refusal(BelowMinimum, GiftMaking), Choices: []Choice{again, cancel}})
		return
	case mb%t.Settings.GiftStepMB != 0:
		t.say(Text{Text: t.refusal(NotStep, GiftMaking), Choices: []Choice{again, cancel}})
		return
	}
	about := ref + ":" + strconv.Itoa(mb) + ":" + strconv.FormatInt(t.At.UnixMicro(), 36)
	t.ask(GiftConfirm, about, Text{
		Text:    strings.ReplaceAll(giftSure, "{amount}", Amount(mb)),
		Choices: []Choice{{Label: "作成する", Data: "1:make:" + about}, cancel},
	})
}

func (t *turn) giftConfirmSaid(in Said) {
	switch strings.TrimSpace(in.Plain) {
	case "作成する", "はい":
		t.makeGift(t.c.About)
	default:
		ref, rest, _ := strings.Cut(t.c.About, ":")
		mb, _, _ := strings.Cut(rest, ":")
		n, _ := strconv.Atoi(mb) // as it was written
		t.confirmGift(ref, n)
	}
}

// makeGift takes the answer to the open question and no other: a second tap finds it answered (GFT-35).
func (t *turn) makeGift(about string) {
	open := t.c.State == GiftConfirm && t.c.About == about
	t.idle()
	ref, rest, _ := strings.Cut(about, ":")
	amount, _, _ := strings.Cut(rest, ":")
	mb, err := strconv.Atoi(amount)
	_, own := t.link(UserLink, ref)
	if !open || !own || err != nil {
		t.say(Text{Text: giftAnswered, Choices: append([]Choice{{Label: "送信中の一覧", Data: "1:gifts:" + ref}}, t.menu()...)})
		return
	}
	t.do(CreateGift{Line: ref, MB: mb})
}

func (t *turn) giftMade(g DataGift) {
	t.do(SetTimer{Name: giftOverTimer + g.ID, At: g.ClaimBy})
	card := t.pendingCard(g)
	card.Title, card.Notes = giftMade, []string{giftMadeNote}
	card.Choices = t.menu()
	t.say(card)
}

// pendingCard is a gift on its way, for its giver.
func (t *turn) pendingCard(g DataGift) GiftCard {
	return GiftCard{
		Title: "送信中", Amount: Amount(g.MB),
		Rows: []GiftRow{{"作成", Day(g.At)}, {"受け取り期限", until(g.ClaimBy)}},
		Buttons: []Choice{
			{Label: "相手に送る", Share: strings.NewReplacer("{amount}", Amount(g.MB), "{until}", until(g.ClaimBy)).Replace(giftShare), Types: ClaimPrefix + g.Token},
			{Label: "取り消す", Data: "1:ungive:" + g.ID},
		},
	}
}

func (t *turn) listGifts(g Gifts) {
	if len(g.Pending) == 0 {
		t.say(Text{Text: noGiftsPending, Choices: t.menu()})
		return
	}
	list := GiftCards{Alt: strings.ReplaceAll(giftsPending, "{n}", strconv.Itoa(len(g.Pending))), Choices: t.menu()}
	for _, p := range g.Pending[:min(len(g.Pending), maxCards)] {
		list.Cards = append(list.Cards, t.pendingCard(p))
		list.Alt += "\n" + Amount(p.MB) + " " + until(p.ClaimBy)
	}
	t.say(list)
}

func (t *turn) giftHistory(g Gifts) {
	if len(g.Past) == 0 {
		t.say(Text{Text: noGiftsPast, Choices: t.menu()})
		return
	}
	card := GiftCard{Title: "データプレゼントの履歴", Caption: t.lineName(g.Line), Choices: t.menu()}
	for _, p := range g.Past {
		what := "受け取り"
		if p.From == g.Line {
			what = map[GiftState]string{GiftClaimed: "贈りました", GiftCancelled: "取り消し", GiftExpired: "期限切れ"}[p.State]
		}
		card.Rows = append(card.Rows, GiftRow{Day(p.Settled), what + " " + Amount(p.MB)})
	}
	t.say(card)
}

func (t *turn) giftReturned(g DataGift) {
	t.do(StopTimer{Name: giftOverTimer + g.ID})
	t.say(Text{Text: strings.ReplaceAll(giftReturned, "{amount}", Amount(g.MB)), Choices: t.menu()})
}

func (t *turn) giftOver(g DataGift) {
	if g.State == GiftExpired {
		t.say(Text{Text: strings.ReplaceAll(giftOver, "{amount}", Amount(g.MB)), Choices: t.menu()})
	}
}

// giftGone tells the giver (GFT-38).
func (t *turn) giftGone(in GiftGone) {
	t.do(StopTimer{Name: giftOverTimer + in.ID})
	text := giftGone
	if in.Taker != "" {
		text = giftGoneTo
	}
	t.say(Text{Text: strings.NewReplacer("{amount}", Amount(in.MB), "{name}", in.Taker).Replace(text), Choices: t.menu()})
}

// giftUnknown tells once that the outcome is being looked for, and sets the time to look (GFT-36).
func (t *turn) giftUnknown(in GiftUnknown) {
	if in.Tries == 0 && in.Doing != GiftExpiring {
		t.say(Text{Text: giftChecking, Choices: t.menu()})
	}
	waits := [...]time.Duration{10 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, time.Hour}
	t.do(SetTimer{
		Name: giftAskTimer + strings.Join([]string{string(in.Doing), in.ID, strconv.Itoa(in.Tries + 1)}, " "),
		At:   t.At.Add(waits[min(in.Tries, len(waits)-1)]),
	})
}

// giftDue takes the timers of gifts.
func (t *turn) giftDue(name string) {
	if id, ok := strings.CutPrefix(name, giftOverTimer); ok {
		t.do(ExpireGift{ID: id})
		return
	}
	f := strings.Fields(strings.TrimPrefix(name, giftAskTimer))
	if len(f) != 3 {
		return
	}
	if doing := GiftDoing(f[0]); doing == GiftExpiring {
		t.do(ExpireGift{ID: f[1]})
	} else {
		tries, _ := strconv.Atoi(f[2]) // as it was written
		t.do(SettleGift{ID: f[1], Doing: doing, Tries: tries})
	}
}

// giftSettled tells what became of a command that was not answered.
func (t *turn) giftSettled(in GiftFound) {
	g := in.Gift
	switch {
	case in.Doing == GiftMaking && g.State == GiftPending:
		t.giftMade(g)
	case in.Doing == GiftClaiming && g.State == GiftClaimed && g.Taker == t.Lane:
		t.giftTaken(g, "")
	case in.Doing == GiftClaiming && g.State == GiftPending:
		t.say(Text{Text: claimNotDone, Choices: t.menu()})
		t.offerClaim(g, in.Giver)
	case in.Doing == GiftCancelling && g.State == GiftCancelled:
		t.giftReturned(g)
	case in.Doing == GiftCancelling && g.State == GiftPending:
		card := t.pendingCard(g)
		card.Notes, card.Choices = []string{cancelNotDone}, t.menu()
		t.say(card)
	default:
		t.say(Text{Text: t.refusal(whyOver(g), in.Doing), Choices: t.menu()})
	}
}

func (t *turn) giftRefused(in GiftRefused) {
	if in.Doing == GiftMaking && in.Reason == NoSuchGift { // asked after the answer got lost
		t.say(Text{Text: giftNotMade, Choices: t.menu()})
		return
	}
	if in.Doing == "" {
		t.c.Claim = ""
	}
	t.say(Text{Text: t.refusal(in.Reason, in.Doing), Choices: t.menu()})
}

// giftInput takes the carrier's answers about gifts.
func (t *turn) giftInput(in Input) {
	switch in := in.(type) {
	case GiftsRead:
		t.giftsRead(in)
	case GiftFound:
		t.giftFound(in)
	case GiftMade:
		t.giftMade(in.Gift)
	case GiftTaken:
		t.giftTaken(in.Gift, in.Taker)
	case GiftReturned:
		t.giftReturned(in.Gift)
	case GiftOver:
		t.giftOver(in.Gift)
	case GiftRefused:
		t.giftRefused(in)
	case GiftUnknown:
		t.giftUnknown(in)
	case GiftGone:
		t.giftGone(in)
	}
}

// giftTapped takes the buttons of gifts, and reports whether this is one.
func (t *turn) giftTapped(verb, arg string) bool {
	switch verb {
	case "gift":
		t.giftsOf(arg, GiftOffer)
	case "giftlines":
		t.askGiftLine()
	case "give":
		t.giftsOf(arg, GiftAmounts)
	case "gifts":
		t.giftsOf(arg, GiftList)
	case "pastgifts":
		t.giftsOf(arg, GiftHistory)
	case "amount":
		ref, amount, _ := strings.Cut(arg, ":")
		mb, err := strconv.Atoi(amount)
		if err != nil {
			return false
		}
		t.confirmGift(ref, mb)
	case "make":
		t.makeGift(arg)
	case "ungive":
		t.idle()
		t.do(CancelGift{ID: arg})
	case "claim":
		id, ref, _ := strings.Cut(arg, ":")
		t.claimTapped(id, ref)
	default:
		return false
	}
	return true
}

// lineName is how one of the person's lines is shown, "" for one that is not theirs.
func (t *turn) lineName(ref string) string {
	l, _ := t.link(UserLink, ref)
	return l.name()
}
