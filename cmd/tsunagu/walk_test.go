package main

import (
	"context"
	"io"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"tsunagu/bot/linesim"
)

// A new user on the phone page of the demo: adds the account, links as holder with the printed sign-in and as user with
// a printed code, sees the balance card, names a line and unlinks it.
func TestWalkThroughTheDemo(t *testing.T) {
	_, sim, base := demo(t)
	w := walker{t, browser(t)}
	w.do(chromedp.EmulateViewport(1280, 860), chromedp.Navigate(base+"/phone"))
	w.do(chromedp.WaitVisible(`[data-test=add-person] input[name=name]`))
	screenshot(t, w.ctx, "phone-empty")
	w.do(chromedp.SendKeys(`[data-test=add-person] input[name=name]`, "花子\r"))
	w.sees("友だち追加ありがとうございます")
	w.do(chromedp.WaitVisible(`[data-test=menu] [data-test=menu-area]`))
	screenshot(t, w.ctx, "phone-welcome")

	// 契約者連携, in a tab.
	w.types("契約者連携")
	w.sees("IDとパスワードを入力")
	var address string
	for _, person := range sim.People() {
		for _, e := range person.Chat() {
			for _, action := range actionsOf(t, e) {
				if action.Type == "uri" {
					address = action.URI
				}
			}
		}
	}
	w.do(chromedp.Navigate(address), chromedp.WaitVisible(`input[name=login_id]`))
	screenshot(t, w.ctx, "sign-in")
	w.do(chromedp.SendKeys(`input[name=login_id]`, "hanako"), chromedp.SendKeys(`input[name=password]`, "hanako-demo-2026\r"))
	w.do(chromedp.WaitVisible(`a[href^="/phone"]`))
	person := sim.People()[0]
	w.do(chromedp.Navigate(base + "/phone?person=" + person.ID))
	w.sees("連携が完了しました")

	// 利用者連携, with the digits as people write them.
	w.types("利用者連携")
	w.sees("16桁の利用コードを入力")
	w.types("０１２３-４５６７-８９０１-２３４５")
	w.sees("利用者連携：090-****-")
	w.types("残量")
	w.sees("今月の利用")
	screenshot(t, w.ctx, "phone-balance")
	w.do(chromedp.EmulateViewport(390, 844), chromedp.Navigate(base+"/phone?person="+person.ID))
	w.sees("今月の利用")
	screenshot(t, w.ctx, "phone-balance-390")
	w.do(chromedp.EmulateViewport(1280, 860), chromedp.Navigate(base+"/phone?person="+person.ID))

	// A name for the line, and the end of the link.
	w.types("設定")
	w.presses(`[data-test=flex-button]`, "回線の呼び名")
	w.sees("新しい呼び名")
	w.types("太郎")
	w.sees("呼び名を「太郎」にしました")
	w.types("残量")
	w.waits(`[...document.querySelectorAll("[data-test=chat] [data-test=entry][data-from=bot]")].at(-1).innerText.includes("太郎")`)
	w.types("連携を解除")
	w.presses(`[data-test=quick-reply]`, "解除 太郎")
	w.presses(`[data-test=quick-reply]`, "解除する")
	w.sees("連携を解除しました。")
	screenshot(t, w.ctx, "phone-unlinked")
}

// The rest of the phone: a second person, stickers, taking words back, blocking, and a clock that moves the product too.
func TestPhonePage(t *testing.T) {
	a, sim, base := demo(t)
	w := walker{t, browser(t)}
	w.do(chromedp.EmulateViewport(1280, 860), chromedp.Navigate(base+"/phone"))
	w.adds("花子")
	w.sees("友だち追加ありがとうございます")
	w.adds("太郎")
	w.waits(`document.querySelectorAll("[data-test=person]").length === 2`)
	w.sees("友だち追加ありがとうございます")
	taro := sim.People()[1]

	w.clicks(`[data-test=stickers]`)
	w.clicks(`[data-test=sticker]`)
	w.sees("スタンプありがとうございます")

	w.types("とりけすことば")
	w.sees("お答えできません")
	more := `[...document.querySelectorAll("[data-test=entry][data-from=person]")].find(e => e.innerText.includes("とりけすことば"))`
	w.evaluates(more + `.querySelector("[data-test=entry-more]").click()`)
	w.clicks(`[data-test=unsend]`)
	w.waits("!" + more)

	w.clicks(`[data-test=person][data-id="` + taro.ID + `"] ~ [data-test=block], [data-test=person][data-id="` + taro.ID + `"] [data-test=block]`)
	w.sees("ブロックしました")
	w.clicks(`[data-test=unblock]`)
	w.waits(`[...document.querySelectorAll("[data-test=chat] [data-test=entry][data-from=bot]")].at(-1).innerText.includes("はじめに")`)

	w.presses(`[data-test=clock-advance]`, "＋1日")
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := sim.Await(ctx, func() bool { return time.Until(a.now()) > 23*time.Hour }); err != nil {
		t.Errorf("the product's clock is %v ahead: %v", time.Until(a.now()), err)
	}
}

// A person at the phone page makes LINE fail, and is answered once all the same.
func TestFaultsOnThePhonePage(t *testing.T) {
	_, sim, base := demo(t)
	w := walker{t, browser(t)}
	w.do(chromedp.EmulateViewport(1280, 1000), chromedp.Navigate(base+"/phone"))
	w.adds("花子")
	w.sees("友だち追加ありがとうございます")
	w.clicks(`[data-test=faults] summary`)
	w.waits(`document.querySelectorAll("[data-fault]").length === ` + strconv.Itoa(len(linesim.FaultKinds)))
	for _, kind := range []string{linesim.FaultDuplicate, linesim.FaultLost} {
		w.evaluates(`(() => { const i = document.querySelector('[data-fault="` + kind + `"]'); i.value = 100; i.dispatchEvent(new Event("change")); })()`)
	}
	w.waits(`document.getElementById("fault-count").textContent === "2種類"`)
	w.types("メニュー")
	w.sees("ご利用になる機能")
	w.waits(`document.querySelectorAll(".fault-struck")[0].textContent === "1回"`)
	screenshot(t, w.ctx, "phone-faults")
	w.do(chromedp.EmulateViewport(390, 844))
	w.evaluates(`document.getElementById("open-tools").click()`)
	screenshot(t, w.ctx, "phone-faults-narrow")
	w.clicks(`[data-test=fault-none]`)
	w.waits(`document.getElementById("fault-count").textContent === "なし"`)
	if _, left := sim.Faults(); len(left) != 0 {
		t.Errorf("faults are left: %v", left)
	}
	answers := 0
	for _, e := range sim.People()[0].Chat() {
		if e.From == linesim.FromBot && strings.Contains(e.Text(), "ご利用になる機能") {
			answers++
		}
	}
	if answers != 1 {
		t.Errorf("answered %d times", answers)
	}
}

// demo starts what `tsunagu demo` starts.
func demo(t testing.TB) (*app, *linesim.Sim, string) {
	t.Helper()
	return demoWith(t, nil)
}

// demoWith starts it with settings.
func demoWith(t testing.TB, settings map[string]string) (*app, *linesim.Sim, string) {
	t.Helper()
	listener := freeListener(t)
	p := &program{ctx: t.Context(), getenv: func(name string) (string, bool) { v, ok := settings[name]; return v, ok }, out: io.Discard, errs: new(syncBuffer)}
	a, sim, err := newDemo(p, t.TempDir(), listener)
	if err != nil {
		t.Fatal(err)
	}
	start(t, a, listener)
	t.Cleanup(sim.Close)
	if err := installMenus(t.Context(), a.cfg); err != nil {
		t.Fatal(err)
	}
	return a, sim, "http://" + localAddress(listener)
}

// A walker is a person at a browser.
type walker struct {
	t   *testing.T
	ctx context.Context
}

func (w walker) do(steps ...chromedp.Action[chromedp.Void]) {
	w.t.Helper()
	if err := chromedp.Do(w.ctx, steps...); err != nil {
		w.t.Fatal(err)
	}
}

func (w walker) types(text string) {
	w.t.Helper()
	w.do(chromedp.WaitVisible(`[data-test=input]`), chromedp.SendKeys(`[data-test=input]`, text), chromedp.Click(`[data-test=send]`))
}

// sees waits until a text is in the chat.
func (w walker) sees(text string) {
	w.t.Helper()
	w.waits(`document.querySelector("[data-test=chat]")?.innerText.includes("` + text + `")`)
}

// presses clicks the last of the elements with this text.
func (w walker) presses(selector, text string) {
	w.t.Helper()
	found := `[...document.querySelectorAll("` + selector + `")].filter(e => e.innerText.trim() === "` + text + `").at(-1)`
	w.waits("!!" + found)
	w.evaluates(found + ".click()")
}

// adds adds a friend. The form moves when the first one is there, so it is not clicked but sent.
func (w walker) adds(name string) {
	w.t.Helper()
	w.waits(`!!document.querySelector("[data-test=add-person]")`)
	w.evaluates(`(() => { const f = document.querySelector("[data-test=add-person]"); f.querySelector("input[name=name]").value = "` + name + `"; f.requestSubmit() })()`)
}

// clicks clicks the first of what is there, once it is.
func (w walker) clicks(selector string) {
	w.t.Helper()
	found := "document.querySelector('" + selector + "')"
	w.waits("!!" + found)
	w.evaluates(found + ".click()")
}

func (w walker) evaluates(expression string) {
	w.t.Helper()
	if _, err := chromedp.Run(w.ctx, chromedp.Evaluate[bool](expression+" || true")); err != nil {
		w.t.Fatal(err)
	}
}

func (w walker) waits(condition string) {
	w.t.Helper()
	if _, err := chromedp.Run(w.ctx, chromedp.Poll[bool](condition, chromedp.WithPollingTimeout(20*time.Second))); err != nil {
		w.t.Fatalf("%s: %v", strings.TrimSpace(condition), err)
	}
}
