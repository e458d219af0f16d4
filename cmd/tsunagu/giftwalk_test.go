package main

import (
	"encoding/json"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"tsunagu/bot/linesim"
	"tsunagu/flows"
	"tsunagu/store/ledger"
)

// Two people on two phones give and receive 500MB, a third is told that it is taken, and another gift runs out as the
// clock moves.
func TestGiftOnTwoPhones(t *testing.T) {
	a, sim, base := demo(t)
	year, month, _ := time.Now().In(flows.JST).Date()
	sim.SetNow(time.Date(year, month, 10, 12, 0, 0, 0, flows.JST)) // far from the ends of the month
	w := walker{t, browser(t)}
	hanako, takeru, third := linked(t, sim, "花子", "0123456789012345"), linked(t, sim, "健", "2718281828459045"), linked(t, sim, "さくら", "0123456789012346")
	balances := func() (giver, taker flows.Balance) {
		t.Helper()
		giver, taker = balanceOf(t, a.ledger, "0123456789012345"), balanceOf(t, a.ledger, "2718281828459045")
		return giver, taker
	}
	giverBefore, takerBefore := balances()

	w.do(chromedp.EmulateViewport(1280, 900), chromedp.Navigate(base+"/phone?person="+hanako.ID))
	w.types("データプレゼント")
	w.sees("贈れるデータ量")
	screenshot(t, w.ctx, "gift-offer")
	w.presses(`[data-test=flex-button]`, "贈る")
	w.presses(`[data-test=quick-reply]`, "500MB")
	w.presses(`[data-test=quick-reply]`, "作成する")
	w.sees("プレゼントを作成しました")
	screenshot(t, w.ctx, "gift-made")

	// LINE's share screen, in the tab that the button opens.
	w.opens(base, hanako, shareLink(t, hanako))
	w.do(chromedp.WaitVisible(`button[name=to]`))
	screenshot(t, w.ctx, "gift-share")
	w.presses(`button[name=to]`, "健")
	w.do(chromedp.WaitVisible(`a[href^="/phone"]`))

	w.do(chromedp.EmulateViewport(390, 844), chromedp.Navigate(base+"/phone?person="+takeru.ID))
	w.sees("500MBのデータを贈ります")
	link := linkIn(t, takeru)
	w.opens(base, takeru, link)
	w.waits(`document.querySelector("[data-test=input]")?.value.startsWith("` + flows.ClaimPrefix + `")`)
	screenshot(t, w.ctx, "gift-opened-390")
	w.clicks(`[data-test=send]`)
	w.sees("花子さんからのプレゼント")
	screenshot(t, w.ctx, "gift-claim-390")
	w.presses(`[data-test=flex-button]`, "500MBを受け取る")
	w.sees("500MBを受け取りました。")
	screenshot(t, w.ctx, "gift-received-390")

	giver, taker := balances()
	if got := giverBefore.Buckets[2].LeftMB - giver.Buckets[2].LeftMB; got != 500 {
		t.Errorf("the giver's base is %dMB less", got)
	}
	if got := taker.Buckets[1].LeftMB - takerBefore.Buckets[1].LeftMB; got != 500 || giver.ReservedMB != 0 {
		t.Errorf("the receiver has %dMB more, %dMB are reserved", got, giver.ReservedMB)
	}
	w.do(chromedp.EmulateViewport(1280, 900), chromedp.Navigate(base+"/phone?person="+hanako.ID))
	w.sees("贈った500MBを、健さんが受け取りました。")

	// A third person with the same link.
	_, typed, _ := strings.Cut(link, "/?")
	typed, err := url.PathUnescape(typed)
	if err != nil {
		t.Fatal(err)
	}
	third.Say(typed)
	w.do(chromedp.Navigate(base + "/phone?person=" + third.ID))
	w.sees("このデータはすでに受け取り済みです。")

	// One that is taken back, and one whose time runs out.
	w.do(chromedp.Navigate(base + "/phone?person=" + hanako.ID))
	for range 2 {
		w.types("プレゼント")
		w.presses(`[data-test=flex-button]`, "贈る")
		w.presses(`[data-test=quick-reply]`, "500MB")
		w.presses(`[data-test=quick-reply]`, "作成する")
		w.waits(`[...document.querySelectorAll("[data-test=chat] [data-test=entry][data-from=bot]")].at(-1).innerText.includes("作成しました")`)
	}
	w.presses(`[data-test=flex-button]`, "取り消す")
	w.sees("取り消しました。500MBは基本データ量に戻りました。")
	w.types("プレゼント")
	w.presses(`[data-test=flex-button]`, "送信中の一覧")
	w.sees("送信中")
	screenshot(t, w.ctx, "gift-pending")
	for range 3 {
		w.presses(`[data-test=clock-advance]`, "＋1日")
	}
	w.sees("受け取りの期限が過ぎたため")
	w.types("プレゼント")
	w.presses(`[data-test=flex-button]`, "履歴")
	w.sees("期限切れ")
	screenshot(t, w.ctx, "gift-history")
	if giver, _ := balances(); giver.ReservedMB != 0 {
		t.Errorf("%dMB are still reserved", giver.ReservedMB)
	}
	if err := a.ledger.Reconcile(t.Context()); err != nil {
		t.Error(err)
	}
}

// opens follows a link on somebody's phone, in this tab.
func (w walker) opens(base string, p *linesim.Person, uri string) {
	w.t.Helper()
	body, err := json.Marshal(map[string]string{"person": p.ID, "uri": uri})
	if err != nil {
		w.t.Fatal(err)
	}
	w.do(chromedp.Navigate(base + "/phone?person=" + p.ID))
	w.evaluates("(() => { fetch('/phone/api/open', {method: 'POST', headers: {'Content-Type': 'application/json'}, body: " + strconv.Quote(string(body)) +
		"}).then(r => r.json()).then(({url}) => window.opened = url) })()")
	w.waits("!!window.opened")
	address, err := chromedp.Run(w.ctx, chromedp.Evaluate[string]("window.opened"))
	if err != nil {
		w.t.Fatal(err)
	}
	w.do(chromedp.Navigate(address))
}

// linked is a person with 利用者連携.
func linked(t testing.TB, sim *linesim.Sim, name, code string) *linesim.Person {
	t.Helper()
	p := sim.AddPerson(name)
	p.Say("利用者連携")
	p.Say(code)
	if err := sim.Await(t.Context(), func() bool { return saysLast(p, "連携が完了しました") }); err != nil {
		t.Fatal(err)
	}
	return p
}

// saysLast reports whether a text is in what the bot said last.
func saysLast(p *linesim.Person, text string) bool {
	chat := p.Chat()
	return len(chat) > 0 && strings.Contains(chat[len(chat)-1].Text(), text)
}

func balanceOf(t *testing.T, l *ledger.Ledger, code string) flows.Balance {
	t.Helper()
	line, err := l.VerifyCode(t.Context(), code)
	if err != nil {
		t.Fatal(err)
	}
	b, err := l.Balance(t.Context(), line.ID)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// shareLink is the last address in a person's chat that opens the share screen.
func shareLink(t *testing.T, p *linesim.Person) (address string) {
	t.Helper()
	for _, e := range p.Chat() {
		for _, action := range actionsOf(t, e) {
			if strings.Contains(action.URI, "/R/share?text=") {
				address = action.URI
			}
		}
	}
	if address == "" {
		t.Fatal("nothing to share")
	}
	return address
}

// linkIn is the link in what a friend sent last.
func linkIn(t *testing.T, p *linesim.Person) (link string) {
	t.Helper()
	for _, e := range p.Chat() {
		if e.From == linesim.FromFriend {
			_, link, _ = strings.Cut(e.Text(), "\n")
		}
	}
	if !strings.Contains(link, "/R/oaMessage/") {
		t.Fatalf("the friend sent no link: %q", link)
	}
	return link
}
