package flows

import (
	"strings"
	"time"
)

// Looking at what is left.
//
//	line? ─▶ ReadBalance ─▶ card
//	  └──── やめる ─▶ idle      (one line, or one chosen in the last 30 minutes: no question)

// BalanceLine conversations have several lines and have been asked which one (LNK-40).
const BalanceLine State = "balance/line"

// lineMemory is how long a chosen line is remembered (LNK-40).
const lineMemory = 30 * time.Minute

func (t *turn) balance() {
	if !t.needUserLink() {
		return
	}
	if ref, ok := t.chosenLine(); ok {
		t.do(ReadBalance{Line: ref})
		return
	}
	t.askBalanceLine()
}

// chosenLine is the only line, or the one chosen lately (LNK-40).
func (t *turn) chosenLine() (ref string, ok bool) {
	if lines := t.lines(); len(lines) == 1 {
		return lines[0].Ref, true
	}
	_, ok = t.link(UserLink, t.c.Line)
	return t.c.Line, ok && t.At.Before(t.c.LineUntil)
}

// choose remembers a line for a while.
func (t *turn) choose(ref string) { t.c.Line, t.c.LineUntil = ref, t.At.Add(lineMemory) }

func (t *turn) askBalanceLine() {
	t.idle()
	if !t.needUserLink() {
		return
	}
	t.ask(BalanceLine, "", Text{Text: whichLine, Choices: t.lineChoices("balance")})
}

// lineChoices offers every line for a verb, and the way out.
func (t *turn) lineChoices(verb string) (cs []Choice) {
	for _, l := range t.lines() {
		cs = append(cs, Choice{Label: l.name(), Data: "1:" + verb + ":" + l.Ref})
	}
	return append(cs, cancel)
}

func (t *turn) balanceLineSaid(in Said) {
	if l, ok := t.lineNamed(in.Plain); ok {
		t.balanceOf(l.Ref)
		return
	}
	t.askBalanceLine()
}

// lineNamed finds a line by what people type for it: the nickname, the masked number or its last four digits.
func (t *turn) lineNamed(plain string) (Link, bool) {
	plain = strings.TrimSpace(plain)
	for _, l := range t.lines() {
		if plain != "" && (plain == l.Nickname || plain == l.Label || len(plain) == 4 && strings.HasSuffix(l.Label, plain)) {
			return l, true
		}
	}
	return Link{}, false
}

func (t *turn) balanceOf(ref string) {
	t.idle()
	if _, ok := t.link(UserLink, ref); !ok {
		t.say(Text{Text: lineGone, Choices: t.menu()})
		return
	}
	t.choose(ref)
	t.do(ReadBalance{Line: ref})
}

func (t *turn) balanceRead(b Balance) {
	name := b.Number.String()
	if l, ok := t.link(UserLink, b.LineID); ok {
		name = l.name()
	}
	card := balanceCard(t.Settings, name, b, t.At)
	if len(t.lines()) > 1 {
		card.Choices = append(card.Choices, Choice{Label: "別の回線", Data: "1:lines"})
	}
	card.Choices = append(card.Choices, t.menu()...)
	t.say(card)
}

// balanceCard sets the figures into words (BAL-02 to BAL-15).
func balanceCard(s Settings, name string, b Balance, now time.Time) BalanceCard {
	total := -b.ReservedMB
	for _, row := range b.Buckets {
		total += row.LeftMB
	}
	total = max(total, 0)

	card := BalanceCard{Line: name, Total: Amount(total), Used: Amount(b.UsedMB), At: asOf(b.At)}
	whole := max(b.QuotaMB, 1)
	for _, row := range b.Buckets {
		r := BalanceRow{Label: bucketLabels[row.Bucket], Amount: Amount(row.LeftMB), Part: min(1, float64(row.LeftMB)/float64(whole))}
		if row.LeftMB > 0 && !row.Until.IsZero() {
			r.Until = lastDay(row.Until) + "まで" // BAL-04
		}
		card.Rows = append(card.Rows, r)
	}
	if b.ReservedMB > 0 { // BAL-03
		card.Rows = append(card.Rows, BalanceRow{Label: "プレゼント送信中", Amount: Amount(b.ReservedMB), Part: min(1, float64(b.ReservedMB)/float64(whole))})
	}
	switch {
	case b.Status == LineSuspended: // BAL-13
		card.Speed, card.Slow = "利用停止中", true
	case total == 0: // BAL-07
		card.Speed, card.Slow = "制限中（"+s.ThrottleLabel+"）", true
	default:
		card.Speed = "通常"
	}
	if now.Sub(b.At) > s.BalanceStale { // BAL-06
		card.Notes = append(card.Notes, mayBeOld)
	}
	if d := now.In(JST); d.Day() == 1 && d.Hour() < 9 { // BAL-11
		card.Notes = append(card.Notes, monthTurning)
	}
	card.Alt = card.inWords()
	return card
}

// inWords is the plain-text form of BAL-15.
func (c BalanceCard) inWords() string {
	var b strings.Builder
	b.WriteString("【データ残量】" + c.Line + "\n残り " + c.Total + "\n")
	for _, r := range c.Rows {
		b.WriteString("・" + r.Label + " " + r.Amount)
		if r.Until != "" {
			b.WriteString("（" + r.Until + "）")
		}
		b.WriteString("\n")
	}
	b.WriteString("今月の利用 " + c.Used + "\n通信速度 " + c.Speed + "\n" + c.At)
	for _, n := range c.Notes {
		b.WriteString("\n" + n)
	}
	return b.String()
}
