package flows

import (
	"strings"
	"time"
)

// Linking.
//
//	契約者連携: IssueLinkToken ─▶ button to our page ─▶ (sign-in, LINE) ─▶ AccountLinked ─▶ RedeemNonce ─▶ linked
//	利用者連携: code? ─▶ CheckCode ─▶ linked | wrong ─▶ code? … locked
//	              └─── やめる, 10 minutes ─▶ idle

// LinkCode conversations have been asked for a usage code; the person answers, gives up or lets it run out.
const LinkCode State = "link/code"

func (t *turn) linkMenu() {
	text := linkChoice
	if names := t.linkNames(); names != "" {
		text = strings.ReplaceAll(linkedNow, "{links}", names)
	}
	t.say(Buttons{Title: "連携", Text: text, Buttons: []Choice{holderLinkButton, userLinkButton}, Choices: t.menu()})
}

func (t *turn) linkNames() string {
	var names []string
	for _, l := range t.c.Links {
		names = append(names, l.title())
	}
	return strings.Join(names, "\n")
}

func (t *turn) holderLink() {
	if t.count(HolderLink) >= t.Settings.MaxContracts { // ACC-02
		t.say(Text{Text: tooMany(tooManyContracts, t.Settings.MaxContracts), Choices: t.menu()})
		return
	}
	t.do(IssueLinkToken{})
}

func (t *turn) userLink() {
	switch {
	case t.At.Before(t.c.LockedUntil): // LNK-23
		t.say(Text{Text: LockedUntil(t.At, t.c.LockedUntil), Choices: t.menu()})
	case t.count(UserLink) >= t.Settings.MaxLines: // ACC-03
		t.say(Text{Text: tooMany(tooManyLines, t.Settings.MaxLines), Choices: t.menu()})
	default:
		t.ask(LinkCode, "", Text{Text: askCode, Choices: []Choice{cancel}})
	}
}

func (t *turn) codeSaid(in Said) {
	code, ok := parseCode(in.Plain, t.Settings.CodeDigits)
	switch {
	case t.At.Before(t.c.LockedUntil):
		t.idle()
		t.say(Text{Text: LockedUntil(t.At, t.c.LockedUntil), Choices: t.menu()})
	case !ok: // LNK-22
		t.ask(LinkCode, "", Text{Text: codeBadFormat, Choices: []Choice{cancel}})
	default:
		t.do(CheckCode{Code: code})
	}
}

// parseCode reads a usage code as people type it: NFKC has been done, spaces, hyphens and the long-vowel mark between
// digits are dropped, then it must be the digits alone (LNK-20, LNK-21).
func parseCode(plain string, digits int) (string, bool) {
	var code strings.Builder
	plain = strings.TrimSpace(plain)
	for i, r := range plain {
		switch {
		case '0' <= r && r <= '9':
			code.WriteRune(r)
		case !strings.ContainsRune(" 　\t\r\n-‐‑‒–—―−ー", r) || !digitAfter(plain[i:]):
			return "", false
		case code.Len() == 0:
			return "", false
		}
	}
	return code.String(), code.Len() == digits
}

// HoldsCode reports whether a text is a usage code, in the dialogue or outside of it (LNK-30, LNK-31): it is not kept.
func (in Said) HoldsCode(digits int) bool {
	_, ok := parseCode(in.Plain, digits)
	return ok
}

func digitAfter(s string) bool { return strings.ContainsAny(s, "0123456789") }

// linkInput takes what linking hears from outside the chat: answers, LINE's account link, letters.
func (t *turn) linkInput(in Input) {
	switch in := in.(type) {
	case LinkTokenIssued:
		text := t.brand(openSignIn)
		if t.has(HolderLink) {
			text = t.brand(openSignInAgain)
		}
		t.say(Buttons{Title: "契約者連携", Text: text, Buttons: []Choice{{Label: "契約者連携へ進む", URL: in.URL}}, Choices: []Choice{cancel}})
	case AccountLinked:
		t.do(RedeemNonce{Nonce: in.Nonce, Kind: LinkedNonce})
	case AccountLinkFailed:
		t.do(RedeemNonce{Nonce: in.Nonce, Kind: FailedNonce})
	case NonceRedeemed:
		t.nonceRedeemed(in)
	case NonceRefused:
		if in.Nonce == LinkedNonce {
			t.say(Buttons{Text: signInExpired, Buttons: []Choice{holderLinkButton}, Choices: t.menu()})
		}
	case LinkFailed:
		t.say(Buttons{Text: signInFailed, Buttons: []Choice{holderLinkButton}, Choices: t.menu()})
	case CodeVerified:
		t.codeVerified(in)
	case CodeWrong:
		t.codeWrong()
	case NotYet:
		t.idle()
		t.say(Text{Text: in.Words(), Choices: t.menu()})
	case BalanceRead:
		t.balanceRead(in.Balance)
	case AskFailed:
		t.askFailed()
	case LinkTried:
		if l, ok := t.link(UserLink, in.Ref); ok {
			t.say(Text{Text: strings.ReplaceAll(otherTried, "{line}", l.name()), Choices: t.menu()})
		}
	case LinkEnded:
		t.linkEnded(in)
	}
}

func (t *turn) nonceRedeemed(in NonceRedeemed) {
	if in.Nonce == FailedNonce {
		t.do(Letter{To: in.Lane, Input: LinkFailed{}})
		return
	}
	link := Link{Kind: HolderLink, Ref: in.Contract.ID, Label: maskLogin(in.Contract.LoginID), At: t.At}
	switch {
	case in.Lane != t.Lane: // signed in on a page that another LINE account asked for
		t.say(Buttons{Text: signInFailed, Buttons: []Choice{holderLinkButton}, Choices: t.menu()})
	case t.owns(link):
		t.say(Text{Text: linkedAlready, Choices: t.menu()})
	case in.TakenBy != "": // ACC-04
		t.say(Text{Text: contractTaken, Choices: t.menu()})
	case t.count(HolderLink) >= t.Settings.MaxContracts:
		t.say(Text{Text: tooMany(tooManyContracts, t.Settings.MaxContracts), Choices: t.menu()})
	default:
		t.addLink(link)
	}
}

func (t *turn) codeVerified(in CodeVerified) {
	t.idle()
	t.c.Wrong = nil
	link := Link{Kind: UserLink, Ref: in.Line.ID, Label: in.Line.Number.String(), At: t.At}
	switch {
	case t.owns(link): // LNK-28
		t.say(Text{Text: linkedAlready, Choices: t.menu()})
	case in.TakenBy != "": // LNK-27
		t.say(Text{Text: alreadyLinked, Choices: t.menu()})
		t.do(Letter{To: in.TakenBy, Input: LinkTried{Ref: in.Line.ID}})
	default:
		t.addLink(link)
	}
}

func (t *turn) owns(l Link) bool {
	_, ok := t.link(l.Kind, l.Ref)
	return ok
}

// addLink completes a link and tells how to remove it (LNK-13).
func (t *turn) addLink(l Link) {
	t.c.Links = append(t.c.Links, l)
	t.audit("link", t.Lane, l, "")
	t.say(Text{Text: linkDone + "\n" + l.title(), Choices: t.menu()})
	t.useMenu()
	if l.Kind == UserLink && t.c.Claim != "" { // GFT-31
		t.do(FindGift{ID: t.c.Claim})
	}
}

// codeWrong counts and, at the last one, locks (LNK-23). It never says whether the code exists (LNK-24).
func (t *turn) codeWrong() {
	var recent []time.Time
	for _, at := range t.c.Wrong {
		if t.At.Sub(at) < t.Settings.WrongWindow {
			recent = append(recent, at)
		}
	}
	t.c.Wrong = append(recent, t.At)
	t.do(WrongCode{At: t.At})
	if left := t.Settings.MaxWrong - len(t.c.Wrong); left > 0 {
		t.ask(LinkCode, "", Text{Text: codeWrongLeft(left), Choices: []Choice{cancel}})
		return
	}
	t.idle()
	t.c.Wrong, t.c.LockedUntil = nil, t.At.Add(t.Settings.Lock)
	t.do(Audit{At: t.At, Actor: t.Lane, Kind: "lock", Link: UserLink, Reason: "wrong_code"})
	t.say(Text{Text: LockedUntil(t.At, t.c.LockedUntil), Choices: t.menu()})
}

// linkEnded removes a link that ended elsewhere: reissue, change of user, end of contract.
func (t *turn) linkEnded(in LinkEnded) {
	l, ok := t.link(in.Kind, in.Ref)
	if !ok {
		return
	}
	t.removeLink(l)
	kind := "unlink"
	if in.Reason == "reissue" {
		kind = "reissue"
	}
	t.audit(kind, "carrier", l, in.Reason)
	t.say(Text{Text: strings.ReplaceAll(endedBy(in.Reason), "{link}", l.title()), Choices: t.menu()})
	t.useMenu()
}

func (t *turn) removeLink(gone Link) {
	var kept []Link
	for _, l := range t.c.Links {
		if l.Kind != gone.Kind || l.Ref != gone.Ref {
			kept = append(kept, l)
		}
	}
	t.c.Links = kept
	if t.c.Line == gone.Ref {
		t.c.Line, t.c.LineUntil = "", time.Time{}
	}
	t.idle()
}

// askFailed speaks for whoever did not answer (BAL-12). The question stays open where there was one.
func (t *turn) askFailed() { t.say(Text{Text: BackendDown, Choices: t.menu()}) }

// name is how a link is shown: its nickname, else the masked number or login ID (LNK-41).
func (l Link) name() string {
	if l.Nickname != "" {
		return l.Nickname
	}
	return l.Label
}

// maskLogin shows enough of a login ID to tell two contracts apart: it is half of a key.
func maskLogin(id string) string {
	r := []rune(id)
	return string(r[:min(3, len(r))]) + "***"
}

// title is the name with what it is: 「利用者連携：太郎」.
func (l Link) title() string {
	if l.Kind == HolderLink {
		return "契約者連携：" + l.name()
	}
	return "利用者連携：" + l.name()
}
