package flows_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"tsunagu/flows"
	"tsunagu/flows/flowtest"
)

var now = time.Date(2026, 11, 22, 16, 5, 0, 0, flows.JST)

// story is a person with so many linked lines, l0, l1 …
func story(lines, contracts int) *flowtest.Pure {
	w := flowtest.World{Clock: now, Contracts: []flowtest.Contract{{LoginID: "hanako", From: now.AddDate(0, -1, 0), Lines: []flowtest.Line{
		{Number: "09099998888", Code: "9999888877776666", Base: 1000, Quota: 3000, Status: flows.LineActive},
	}}}}
	p := flowtest.NewPure(w)
	p.SetClock(now)
	for i := range lines {
		p.Conversation.Links = append(p.Conversation.Links, flows.Link{Kind: flows.UserLink, Ref: fmt.Sprint("l", i), Label: fmt.Sprintf("090-****-000%d", i)})
	}
	for i := range contracts {
		p.Conversation.Links = append(p.Conversation.Links, flows.Link{Kind: flows.HolderLink, Ref: fmt.Sprint("c", i), Label: fmt.Sprintf("ha%d***", i)})
	}
	return p
}

// turn turns an input and returns what was said, as one text.
func turn(t *testing.T, p *flowtest.Pure, in flows.Input) string {
	t.Helper()
	shown, err := p.Turn(in)
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	for _, s := range shown {
		texts = append(texts, s.Text)
	}
	return strings.Join(texts, "\n")
}

func said(t *testing.T, p *flowtest.Pure, text string) string {
	t.Helper()
	return turn(t, p, flows.Said{Text: text, Plain: text})
}

func has(t *testing.T, got, want string) {
	t.Helper()
	if !strings.Contains(got, want) {
		t.Errorf("said %q, want %q in it", got, want)
	}
}

// effects of one type, of all turns so far.
func effects[E flows.Effect](p *flowtest.Pure) (out []E) {
	for _, e := range p.Effects {
		if e, ok := e.(E); ok {
			out = append(out, e)
		}
	}
	return out
}

// ACC-03: five lines, not six.
func TestACC03FiveLines(t *testing.T) {
	p := story(4, 0)
	said(t, p, "利用者連携")
	has(t, said(t, p, "9999888877776666"), "連携が完了しました")
	has(t, said(t, p, "利用者連携"), "5回線までです")
}

// ACC-02: five contracts, also when the sixth was signed in before the fifth was linked.
func TestACC02FiveContracts(t *testing.T) {
	p := story(0, 5)
	has(t, said(t, p, "契約者連携"), "5件までです")
	has(t, turn(t, p, flows.AccountLinked{Nonce: "hanako"}), "5件までです")
	if n := len(p.Conversation.Links); n != 5 {
		t.Errorf("%d links", n)
	}
}

// ACC-04 for contracts: linked to another LINE account. LNK-48: so a new LINE account has to wait for the old one.
func TestACC04ContractTaken(t *testing.T) {
	m := flows.Moment{At: now, Lane: flowtest.Me, Settings: flows.Defaults()}
	taken := flows.NonceRedeemed{Nonce: flows.LinkedNonce, Lane: flowtest.Me, Contract: flows.Contract{ID: "c", LoginID: "hanako"}, TakenBy: flowtest.SomeoneElse}
	c, out := flows.Turn(m, flows.Conversation{}, taken)
	if len(c.Links) != 0 {
		t.Error("linked all the same")
	}
	has(t, out[0].(flows.Say).Messages[0].(flows.Text).Text, "別のLINEアカウントと連携済みです")
}

// A nonce that another LINE account asked for links nobody.
func TestNonceOfAnotherAccount(t *testing.T) {
	m := flows.Moment{At: now, Lane: flowtest.Me, Settings: flows.Defaults()}
	c, _ := flows.Turn(m, flows.Conversation{}, flows.NonceRedeemed{Nonce: flows.LinkedNonce, Lane: flowtest.SomeoneElse, Contract: flows.Contract{ID: "c", LoginID: "hanako"}})
	if len(c.Links) != 0 {
		t.Error("linked")
	}
}

// A failed account link names no person; who asked for the sign-in hears of it.
func TestFailedAccountLinkIsTold(t *testing.T) {
	p := story(0, 0)
	turn(t, p, flows.AccountLinkFailed{Nonce: "hanako"})
	letters := effects[flows.Letter](p)
	if len(letters) != 1 || letters[0].To != flowtest.Me || letters[0].Input != (flows.LinkFailed{}) {
		t.Fatalf("letters %+v", letters)
	}
	has(t, turn(t, p, flows.LinkFailed{}), "契約者連携ができませんでした")
}

// BAL-01: without 利用者連携 nobody is asked for a balance.
func TestBAL01NeedsUserLink(t *testing.T) {
	p := story(0, 1)
	has(t, said(t, p, "残量"), "利用者連携が必要です")
	if n := len(effects[flows.ReadBalance](p)); n != 0 {
		t.Errorf("asked %d times", n)
	}
}

func card(t *testing.T, b flows.Balance, at time.Time) flows.BalanceCard {
	t.Helper()
	c := flows.Conversation{Links: []flows.Link{{Kind: flows.UserLink, Ref: "l", Label: "090-****-1234"}}}
	b.LineID, b.Number = "l", "09000001234"
	_, out := flows.Turn(flows.Moment{At: at, Lane: flowtest.Me, Settings: flows.Defaults()}, c, flows.BalanceRead{Balance: b})
	return out[0].(flows.Say).Messages[0].(flows.BalanceCard)
}

func left(carryover, gift, base, topup int) []flows.BucketLeft {
	return []flows.BucketLeft{
		{Bucket: flows.Carryover, LeftMB: carryover}, {Bucket: flows.Gift, LeftMB: gift},
		{Bucket: flows.Base, LeftMB: base}, {Bucket: flows.Topup, LeftMB: topup},
	}
}

// BAL-03: what is reserved for a gift is not left, and has a row of its own.
func TestBAL03Reserved(t *testing.T) {
	c := card(t, flows.Balance{Buckets: left(0, 500, 1840, 0), ReservedMB: 500, QuotaMB: 3000, At: now}, now)
	has(t, c.Alt, "残り 1.84GB")
	has(t, c.Alt, "・プレゼント送信中 500MB")
	c = card(t, flows.Balance{Buckets: left(0, 0, 500, 0), ReservedMB: 500, QuotaMB: 3000, At: now}, now)
	has(t, c.Alt, "残り 0MB")
	has(t, c.Alt, "制限中（最大200kbps）") // BAL-07 goes by what can be used
}

// BAL-06: figures of an hour are not called old, older ones are.
func TestBAL06Stale(t *testing.T) {
	b := flows.Balance{Buckets: left(0, 0, 1, 0), QuotaMB: 3000, At: now}
	for age, old := range map[time.Duration]bool{time.Hour: false, time.Hour + time.Second: true} {
		if got := strings.Contains(card(t, b, now.Add(age)).Alt, "最新ではない可能性があります"); got != old {
			t.Errorf("after %v: called old %v", age, got)
		}
	}
}

// BKT-01, BKT-02, BAL-02: the four buckets by their labels, in the order of consumption, empty ones too.
func TestBKT01BKT02Rows(t *testing.T) {
	var labels []string
	for _, r := range card(t, flows.Balance{Buckets: left(0, 0, 0, 0), QuotaMB: 3000, At: now}, now).Rows {
		labels = append(labels, r.Label+" "+r.Amount)
	}
	want := []string{"前月繰越 0MB", "データプレゼント 0MB", "基本データ量 0MB", "データ量の追加 0MB"}
	if !slices.Equal(labels, want) {
		t.Errorf("rows %q, want %q", labels, want)
	}
}

// BAL-07: the throttle's label is configured, and nothing left is what limits.
func TestBAL07Speed(t *testing.T) {
	for total, want := range map[int]string{0: "制限中（最大200kbps）", 1: "通常"} {
		if got := card(t, flows.Balance{Buckets: left(0, 0, total, 0), QuotaMB: 3000, At: now}, now).Speed; got != want {
			t.Errorf("%d left: %s, want %s", total, got, want)
		}
	}
}

// LNK-43, LNK-46: a change of user and the end of a contract take the link, with an audit entry of the carrier's.
func TestLNK43LNK46LinkEnded(t *testing.T) {
	for reason, words := range map[string]string{"user_changed": "利用者が変更されたため", "contract_ended": "ご契約が終了したため", "reissue": "再発行されたため"} {
		p := story(1, 0)
		has(t, turn(t, p, flows.LinkEnded{Kind: flows.UserLink, Ref: "l0", Reason: reason}), words)
		if len(p.Conversation.Links) != 0 {
			t.Error("the link is still there")
		}
		if a := effects[flows.Audit](p); len(a) != 1 || a[0].Actor != "carrier" || a[0].Reason != reason {
			t.Errorf("audit %+v", a)
		}
	}
}

// LNK-47: link, unlink, lock and the end after 90 days of blocking are in the audit, with time, actor, kind and reason.
func TestLNK47Audit(t *testing.T) {
	p := story(0, 0)
	said(t, p, "利用者連携")
	said(t, p, "9999888877776666")
	turn(t, p, flows.Tapped{Data: "1:unlinked:user:09099998888"})
	said(t, p, "利用者連携")
	for i := range 5 {
		said(t, p, fmt.Sprintf("111122223333444%d", i))
	}
	p.Conversation.Links = story(1, 1).Conversation.Links
	p.Conversation.BlockedAt = now.AddDate(0, 0, -90)
	turn(t, p, flows.Due{Name: "blocked"})
	var got []string
	for _, a := range effects[flows.Audit](p) {
		if !a.At.Equal(now) {
			t.Errorf("at %v", a.At)
		}
		got = append(got, fmt.Sprint(a.Kind, " ", a.Link, " ", a.Ref, " by ", a.Actor, " ", a.Reason))
	}
	want := []string{
		"link user 09099998888 by " + flowtest.Me + " ", "unlink user 09099998888 by " + flowtest.Me + " owner",
		"lock user  by " + flowtest.Me + " wrong_code", "unlink user l0 by system blocked", "unlink holder c0 by system blocked",
	}
	if !slices.Equal(got, want) {
		t.Errorf("audit\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// LNK-23: five wrong codes within the hour lock; four and one that is older than the window do not.
func TestLNK23Window(t *testing.T) {
	p := story(0, 0)
	said(t, p, "利用者連携")
	said(t, p, "1111222233334440")
	p.SetClock(now.Add(time.Hour))
	said(t, p, "利用者連携")
	for i := range 3 {
		said(t, p, fmt.Sprintf("111122223333444%d", i))
	}
	has(t, said(t, p, "1111222233334443"), "あと1回")
	has(t, said(t, p, "1111222233334444"), "上限に達しました")
	if n := len(effects[flows.WrongCode](p)); n != 6 { // LNK-25 counts every one
		t.Errorf("%d wrong codes counted", n)
	}
}

// LNK-22: what is no code does not count.
func TestLNK22BadFormatDoesNotCount(t *testing.T) {
	p := story(0, 0)
	said(t, p, "利用者連携")
	for range 6 {
		has(t, said(t, p, "12345"), "16桁の数字です")
	}
	if len(p.Conversation.Wrong) != 0 || len(effects[flows.CheckCode](p)) != 0 {
		t.Error("it was counted or checked")
	}
}

// LNK-45: a lost follow event does not silence us for ever: who writes is heard.
func TestLNK45WhoWritesIsNotBlocked(t *testing.T) {
	p := story(1, 0)
	turn(t, p, flows.Unfollowed{})
	if got := turn(t, p, flows.LinkTried{Ref: "l0"}); got != "" {
		t.Errorf("said %q to somebody who blocked us", got)
	}
	has(t, said(t, p, "メニュー"), "機能をお選びください")
	if stops := effects[flows.StopTimer](p); len(stops) != 1 || stops[0].Name != "blocked" {
		t.Errorf("timers stopped: %+v", stops)
	}
}

// MNU-03: the menu follows the link state, at link and unlink, and on every follow.
func TestMNU03MenuFollowsLinks(t *testing.T) {
	p := story(0, 0)
	turn(t, p, flows.Followed{})
	said(t, p, "利用者連携")
	said(t, p, "9999888877776666")
	turn(t, p, flows.AccountLinked{Nonce: "hanako"})
	turn(t, p, flows.Tapped{Data: "1:unlinked:user:09099998888"})
	turn(t, p, flows.LinkEnded{Kind: flows.HolderLink, Ref: "hanako", Reason: "contract_ended"})
	want := []flows.UseMenu{{}, {User: true}, {Holder: true, User: true}, {Holder: true}, {}}
	if got := effects[flows.UseMenu](p); !slices.Equal(got, want) {
		t.Errorf("menus %+v, want %+v", got, want)
	}
}

// Buttons stay in a chat for years: one for what is not the person's, or of another version, does nothing but say so.
func TestStaleAndForeignButtons(t *testing.T) {
	for data, words := range map[string]string{
		"1:balance:somebody-elses": "連携は解除されています", "1:unlink:user:somebody-elses": "すでに解除されています",
		"1:unlinked:holder:x": "すでに解除されています", "1:name:x": "連携は解除されています", "1:noname:x": "連携は解除されています",
		"0:balance:l0": "古い", "2:say:残量": "古い", "1:say:rm -rf": "古い", "": "古い", "1": "古い", "1:gift:x": "連携は解除されています",
		"1:give:x": "連携は解除されています", "1:amount:x:500": "連携は解除されています", "1:amount:l0:much": "古い", "1:make:l0:500:old": "手続きは終わっています",
	} {
		p := story(1, 0)
		has(t, turn(t, p, flows.Tapped{Data: data}), words)
		if len(p.Conversation.Links) != 1 || len(effects[flows.ReadBalance](p)) != 0 {
			t.Errorf("%q did something", data)
		}
	}
	if got := turn(t, story(1, 0), flows.Tapped{Data: "1:tab:tsunagu-user-contract"}); got != "" {
		t.Errorf("turning a page of the menu said %q", got)
	}
}

// MNU-04: an area of the rich menu does what the typed word does.
func TestMNU04TapIsTyping(t *testing.T) {
	for _, word := range []string{"残量", "プレゼント", "マイページ", "ヘルプ", "設定", "料金", "ポイント", "契約者連携", "利用者連携"} {
		a, b := story(0, 0), story(0, 0)
		if tapped, typed := turn(t, a, flows.Tapped{Data: flows.SayData(word)}), said(t, b, word); tapped != typed || typed == "" {
			t.Errorf("%s: tapped %q, typed %q", word, tapped, typed)
		}
	}
}

// The way out of every open question is among its buttons, and やめる is heard in it.
func TestWayOut(t *testing.T) {
	questions := map[string]func(*flowtest.Pure) flows.Input{
		"code":           func(*flowtest.Pure) flows.Input { return flows.Said{Plain: "利用者連携"} },
		"which line":     func(*flowtest.Pure) flows.Input { return flows.Said{Plain: "残量"} },
		"which link":     func(*flowtest.Pure) flows.Input { return flows.Said{Plain: "連携を解除"} },
		"sure to unlink": func(*flowtest.Pure) flows.Input { return flows.Tapped{Data: "1:unlink:user:l0"} },
		"which to name":  func(*flowtest.Pure) flows.Input { return flows.Tapped{Data: "1:name:"} },
		"what name":      func(*flowtest.Pure) flows.Input { return flows.Tapped{Data: "1:name:l0"} },
		"who gives":      func(*flowtest.Pure) flows.Input { return flows.Said{Plain: "プレゼント"} },
		"sure to give":   func(*flowtest.Pure) flows.Input { return flows.Tapped{Data: "1:amount:l0:500"} },
		"who receives":   func(*flowtest.Pure) flows.Input { return flows.Tapped{Data: "1:claim:g1"} },
	}
	for name, ask := range questions {
		p := story(2, 0)
		shown, err := p.Turn(ask(p))
		if err != nil {
			t.Fatal(err)
		}
		if p.Conversation.State == flows.Idle || !slices.Contains(shown[len(shown)-1].Labels, "やめる") {
			t.Errorf("%s: state %q, buttons %q", name, p.Conversation.State, shown[len(shown)-1].Labels)
		}
		has(t, said(t, p, "やめる"), "取りやめました")
		if p.Conversation.State != flows.Idle {
			t.Errorf("%s: still in %q", name, p.Conversation.State)
		}
	}
}

// A state that another version of the program stored does not leave a person without an answer.
func TestUnknownState(t *testing.T) {
	p := story(1, 0)
	p.Conversation.State, p.Conversation.Until = "gift/weather", now.Add(time.Minute)
	has(t, said(t, p, "500MB"), "お答えできません")
	if p.Conversation.State != flows.Idle {
		t.Errorf("state %q", p.Conversation.State)
	}
}

// A conversation is what it was after being stored, without its links, which have a table.
func TestConversationRoundTrip(t *testing.T) {
	c := flows.Conversation{State: flows.LinkCode, Until: now, About: "x", Line: "l", LineUntil: now, Wrong: []time.Time{now}, LockedUntil: now, BlockedAt: now}
	data, err := c.Encode()
	if err != nil {
		t.Fatal(err)
	}
	back, err := flows.DecodeConversation(data)
	again, err2 := back.Encode()
	if err != nil || err2 != nil || string(again) != string(data) || !back.Until.Equal(now) || len(back.Wrong) != 1 {
		t.Errorf("%v became %v, %v", c, back, err)
	}
	empty, _ := flows.Conversation{}.Encode()
	if string(empty) != "{}" {
		t.Errorf("a person never met is stored as %s", empty)
	}
}

func TestLettersRoundTrip(t *testing.T) {
	for _, in := range []flows.Input{flows.LinkTried{Ref: "l"}, flows.LinkEnded{Kind: flows.UserLink, Ref: "l", Reason: "reissue"}, flows.LinkFailed{}} {
		data, err := flows.EncodeInput(in)
		if err != nil {
			t.Fatal(err)
		}
		if back, err := flows.DecodeInput(data); err != nil || back != in {
			t.Errorf("%#v became %#v, %v", in, back, err)
		}
	}
	if _, err := flows.DecodeInput([]byte(`{"Type":"flows.Said"}`)); err == nil {
		t.Error("only letters are letters")
	}
}

func FuzzTurn(f *testing.F) {
	f.Add("残量", "1:balance:l0", int64(0))
	f.Add("0123456789012345", "1:unlink:user:l0", int64(600))
	f.Fuzz(func(t *testing.T, text, data string, seconds int64) {
		p := story(2, 1)
		for _, in := range []flows.Input{
			flows.Said{Text: text, Plain: text}, flows.Tapped{Data: data}, flows.Said{Text: text, Plain: text}, flows.Said{Plain: "やめる"},
		} {
			p.SetClock(now.Add(time.Duration(seconds) * time.Second))
			shown, err := p.Turn(in)
			if err != nil {
				t.Fatal(err)
			}
			if len(shown) == 0 && !strings.HasPrefix(data, "1:tab") {
				t.Fatalf("%#v was answered with silence", in)
			}
		}
	})
}

// BAL-11: from 00:00:00 to 08:59:59 on the 1st, in JST.
func TestBAL11MonthTurning(t *testing.T) {
	for at, want := range map[string]bool{
		"2026-11-30T23:59:59+09:00": false, "2026-12-01T00:00:00+09:00": true, "2026-11-30T15:00:00Z": true,
		"2026-12-01T08:59:59+09:00": true, "2026-12-01T09:00:00+09:00": false, "2027-01-01T00:00:00+09:00": true,
	} {
		moment, err := time.Parse(time.RFC3339, at)
		if err != nil {
			t.Fatal(err)
		}
		alt := card(t, flows.Balance{Buckets: left(0, 0, 1, 0), QuotaMB: 3000, At: moment}, moment).Alt
		if got := strings.Contains(alt, "月初の更新中"); got != want {
			t.Errorf("%s: %v, want %v", at, got, want)
		}
	}
}

// LNK-27: whose link it is hears of the try.
func TestLNK27OwnerIsTold(t *testing.T) {
	p := story(0, 0)
	p.World.Contracts[0].Lines[0].Taken = true
	said(t, p, "利用者連携")
	has(t, said(t, p, "9999888877776666"), "別のLINEアカウントと連携済みです")
	want := flows.Letter{To: flowtest.SomeoneElse, Input: flows.LinkTried{Ref: "09099998888"}}
	if got := effects[flows.Letter](p); len(got) != 1 || got[0] != want {
		t.Errorf("letters %+v, want %+v", got, want)
	}
	if len(p.Conversation.Links) != 0 {
		t.Error("linked all the same")
	}
}

// LNK-45: 90 days, to the second.
func TestLNK45NinetyDays(t *testing.T) {
	p := story(1, 0)
	turn(t, p, flows.Unfollowed{})
	end := now.AddDate(0, 0, 90)
	if got := effects[flows.SetTimer](p); len(got) != 1 || !got[0].At.Equal(end) {
		t.Fatalf("timers %+v", got)
	}
	p.SetClock(end.Add(-time.Second)) // a timer that comes early, by whatever clock
	turn(t, p, flows.Due{Name: "blocked"})
	if len(p.Conversation.Links) != 1 {
		t.Error("the link ended early")
	}
	p.SetClock(end)
	turn(t, p, flows.Due{Name: "blocked"})
	if len(p.Conversation.Links) != 0 {
		t.Error("the link is still there")
	}
}

// MNU-03: who misses the menu gets it linked again, however they say so; other words about menus are no such thing.
func TestMNU03Missed(t *testing.T) {
	for text, want := range map[string]bool{
		"メニューが表示されない": true, "メニューが出ない": true, "メニューでない": true, "リッチメニューが消えた！": true, "メニューがありません。": true, "メニュー、表示されないのですが": true,
		"メニューが見えません": true, "メニューを見せて": false, "メニューの料金": false, "表示されない": false, "メニューがない店": false,
	} {
		p := story(1, 0)
		said(t, p, text)
		if got := len(effects[flows.UseMenu](p)) == 1; got != want {
			t.Errorf("%s: linked %v", text, got)
		}
	}
}

// MNU-03: who asks for the menu gets the right one linked again.
func TestMNU03AskedFor(t *testing.T) {
	p := story(1, 1)
	said(t, p, "メニュー")
	if got := effects[flows.UseMenu](p); len(got) != 1 || got[0] != (flows.UseMenu{Holder: true, User: true}) {
		t.Errorf("menus %+v", got)
	}
}
