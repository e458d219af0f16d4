package main

import (
	"context"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// A new user on the phone page of the demo: adds the account, links as holder with the printed sign-in and as user with
// a printed code, sees the balance card, names a line and unlinks it.
func TestWalkThroughTheDemo(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ops, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &program{ctx: t.Context(), getenv: func(string) (string, bool) { return "", false }, out: io.Discard, errs: new(syncBuffer)}
	a, sim, err := newDemo(p, t.TempDir(), listener)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- a.run(ctx, listener, ops) }()
	t.Cleanup(func() {
		sim.Close()
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	if err := installMenus(ctx, a.cfg); err != nil {
		t.Fatal(err)
	}
	base := "http://" + localAddress(listener)

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
	if _, err := chromedp.Run(w.ctx, chromedp.Evaluate[bool](found+".click() || true")); err != nil {
		w.t.Fatal(err)
	}
}

func (w walker) waits(condition string) {
	w.t.Helper()
	if _, err := chromedp.Run(w.ctx, chromedp.Poll[bool](condition, chromedp.WithPollingTimeout(20*time.Second))); err != nil {
		w.t.Fatalf("%s: %v", strings.TrimSpace(condition), err)
	}
}
