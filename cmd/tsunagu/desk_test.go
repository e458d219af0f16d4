package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"image"
	"image/png"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"tsunagu/bot/linesim"
	"tsunagu/flows"
)

// A deskWalker is an operator at a browser of their own.
type deskWalker struct {
	walker
	base string
}

// atDesk signs an operator in and waits for the desk to be drawn.
func atDesk(t *testing.T, base, name string) deskWalker {
	t.Helper()
	w := deskWalker{walker{t, browser(t)}, base}
	w.do(chromedp.EmulateViewport(1440, 900), chromedp.Navigate(base+"/console"))
	w.waits(`!!document.querySelector("#name")`)
	w.do(chromedp.SendKeys("#name", name), chromedp.SendKeys("#password", demoPassword), chromedp.Click("button.primary"))
	w.arrives(deskReady)
	return w
}

// deskReady holds once the desk is drawn.
const deskReady = `document.documentElement.dataset.ready === "true" && !!document.querySelector(".tab")`

// arrives waits for what a page shows that is on its way: one that is left meanwhile is asked no more.
func (w deskWalker) arrives(condition string) {
	w.t.Helper()
	var err error
	for range 10 {
		if _, err = chromedp.Run(w.ctx, chromedp.Poll[bool](condition, chromedp.WithPollingTimeout(5*time.Second))); err == nil {
			return
		}
	}
	w.t.Fatalf("%s: %v", condition, err)
}

// goes opens a page of the desk.
func (w deskWalker) goes(path, condition string) {
	w.t.Helper()
	w.do(chromedp.Navigate(w.base + "/console" + path))
	w.arrives(`location.pathname === "/console` + path + `" && ` + condition)
}

func (w deskWalker) on() {
	w.t.Helper()
	w.clicks(`[data-presence=on]`)
	w.waits(`document.querySelector("[data-presence=on]").getAttribute("aria-checked") === "true"`)
}

// reads waits until a text is in the conversation.
func (w deskWalker) reads(text string) {
	w.t.Helper()
	w.waits(`document.querySelector("#talk")?.innerText.includes("` + text + `")`)
}

func (w deskWalker) shows(selector, text string) {
	w.t.Helper()
	w.waits(`document.querySelector("` + selector + `")?.innerText.includes("` + text + `")`)
}

func (w deskWalker) writes(text string) {
	w.t.Helper()
	w.do(chromedp.SendKeys("#draft", text), chromedp.Click("#send"))
}

// noon sets the demo's clock into the hours of a day on which the sample contracts can be linked.
func noon(sim *linesim.Sim) time.Time {
	year, month, day := time.Now().In(flows.JST).Date()
	at := time.Date(year, month, day, 12, 0, 0, 0, flows.JST)
	sim.SetNow(at)
	return at
}

// HLP-50, HLP-34: a new operator's first chat, with a colleague: taken, answered both ways, handed over, closed, rated.
func TestDeskWalk(t *testing.T) {
	a, sim, base := demo(t)
	noon(sim)
	hanako := linked(t, sim, "花子", "0123456789012345")
	sato := atDesk(t, base, demoOperator)
	screenshot(t, sato.ctx, "desk-empty")
	sato.on()
	hanako.Say("残量")
	hanako.Say("オペレーター")
	hanako.Say("通話料が高いのはなぜですか")
	sato.shows("#lists", "花子")
	screenshot(t, sato.ctx, "desk-waiting")
	sato.clicks("button.next")
	sato.reads("通話料が高いのはなぜですか")
	sato.shows("#talk", "さんが対応を始めました")
	screenshot(t, sato.ctx, "desk-taken")
	said(t, sim, hanako, "オペレーターにつながりました。担当は佐藤です。")

	sato.writes("お待たせしました。確認します。")
	said(t, sim, hanako, "お待たせしました。確認します。")
	hanako.Say("お願いします")
	sato.reads("お願いします")
	hanako.Sticker("446", "1989")
	sato.reads("スタンプ")
	sato.waits(`[...document.querySelectorAll(".delivery")].some(e => e.textContent === "送信済み")`)
	sato.clicks(`[data-act=balance]`)
	sato.shows("#person", "GB")
	screenshot(t, sato.ctx, "desk-chat")

	// A picture each way.
	if _, err := hanako.Picture(smallPNG(t)); err != nil {
		t.Fatal(err)
	}
	sato.waits(`document.querySelector(".bubble.customer .thumb img")?.naturalWidth > 0`)
	sato.sendsPicture(smallPNG(t))
	sato.waits(`document.querySelector(".bubble.operator .thumb img")?.naturalWidth > 0`)
	awaits(t, sim, "a picture of the operator's", func() bool {
		chat := hanako.Chat()
		return strings.Contains(string(chat[len(chat)-1].Message), "/media/")
	})
	sato.clicks(`[data-tool=sticker]`)
	sato.clicks(`dialog[open] button.primary`)
	sato.waits(`[...document.querySelectorAll(".bubble.operator .sticker")].length === 1`)
	sato.do(chromedp.SendKeys("#draft", "/"))
	sato.shows("#palette", "花子様、お待たせしました。つなぐモバイルです。")
	screenshot(t, sato.ctx, "desk-canned")
	sato.clicks(`#palette button`)
	sato.waits(`document.querySelector("#draft").value.startsWith("花子様")`)
	sato.evaluates(`(() => { const d = document.querySelector("#draft"); d.value = ""; d.dispatchEvent(new Event("input")); })()`)

	// HLP-34: wrong once, then right. What was typed is gone from the form.
	sato.checks("サトウ ハナコ", "1985-04-02", "5678")
	sato.shows("#person", "一致しませんでした")
	sato.checks("やまだ たろう", "2012-08-10", "5678")
	sato.shows("#person", "本人確認済み")

	// A note for the colleague, who is told of it, and over to her.
	suzuki := atDesk(t, base, demoSecond)
	suzuki.on()
	sato.clicks("#as-note")
	sato.writes("@suzuki 料金プランの件です")
	sato.waits(`document.querySelector(".bubble.note")?.innerText.includes("料金プラン")`)
	suzuki.shows("#toasts", "佐藤さんがあなたに知らせています")
	sato.clicks(`[data-act=transfer]`)
	sato.waits(`!!document.querySelector("dialog[open] option[value=suzuki]:not(:disabled)")`)
	sato.clicks(`dialog[open] button.primary`)
	said(t, sim, hanako, "担当が鈴木に代わりました")
	suzuki.clicks(`[data-list=mine]`)
	suzuki.clicks(`#lists .row`)
	suzuki.reads("@suzuki 料金プランの件です")
	screenshot(t, suzuki.ctx, "desk-transferred")
	suzuki.writes("鈴木です。")
	said(t, sim, hanako, "鈴木です。")
	suzuki.clicks(`[data-act=close]`)
	suzuki.waits(`!!document.querySelector("dialog[open] input[name=tags]")`)
	screenshot(t, suzuki.ctx, "desk-close")
	suzuki.do(chromedp.SendKeys("dialog[open] input[name=tags]", "料金,プラン"), chromedp.Click("dialog[open] button.primary"))
	said(t, sim, hanako, "今回の対応はいかがでしたか？")
	for _, action := range actionsOf(t, hanako.Chat()[len(hanako.Chat())-1]) {
		if action.Label == "満足" {
			hanako.Postback(action.Data, action.DisplayText, nil)
		}
	}
	said(t, sim, hanako, "ご回答ありがとうございます。")
	hanako.Say("助かりました")
	said(t, sim, hanako, "ご協力ありがとうございました。")

	sato.clicks(`[data-list=closed]`)
	sato.shows("#lists", "★★★★")
	sato.clicks(`#lists .row`)
	sato.shows("#person", "助かりました")
	screenshot(t, sato.ctx, "desk-closed")
	sato.evaluates(`(() => { document.querySelector("#search input").value = "料金プラ"; document.querySelector("#search").requestSubmit(); })()`)
	sato.shows("#lists", "検索結果")
	sato.shows("#lists", "料金プランの件です")

	audit, err := a.store.DeskAudit(t.Context(), time.Time{}, 100)
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]int{}
	for _, e := range audit {
		kinds[e.Kind]++
	}
	for _, kind := range []string{"desk.signin", "desk.presence", "desk.take", "desk.say", "desk.balance", "desk.check", "desk.note", "desk.transfer", "desk.close"} {
		if kinds[kind] == 0 {
			t.Errorf("no %s in the audit: %v", kind, kinds)
		}
	}
	for _, view := range []string{"report", "audit", "operators", "account"} {
		sato.goes("/"+view, `!!document.querySelector("h1")`)
		screenshot(t, sato.ctx, "desk-"+view)
	}
}

// sendsPicture hands a file to the composer, as the browser's file dialog does.
func (w deskWalker) sendsPicture(data []byte) {
	w.t.Helper()
	w.evaluates(`(() => { const bytes = Uint8Array.from(atob("` + base64.StdEncoding.EncodeToString(data) + `"), c => c.charCodeAt(0));
		const list = new DataTransfer(); list.items.add(new File([bytes], "a.png", {type: "image/png"}));
		const input = document.querySelector("#composer input[type=file]"); input.files = list.files; input.dispatchEvent(new Event("change")); })()`)
}

func (w deskWalker) checks(kana, birthdate, last4 string) {
	w.t.Helper()
	w.waits(`!!document.querySelector("form.identity")`)
	w.evaluates(`(() => { const f = document.querySelector("form.identity"); f.kana.value = "` + kana + `"; f.birthdate.value = "` + birthdate + `"; f.last4.value = "` + last4 + `"; f.requestSubmit(); })()`)
	w.waits(`!document.querySelector("form.identity")?.kana.value`)
}

func smallPNG(t *testing.T) []byte {
	t.Helper()
	picture := image.NewRGBA(image.Rect(0, 0, 120, 80))
	for i := range picture.Pix {
		picture.Pix[i] = byte(i)
	}
	var out bytes.Buffer
	if err := png.Encode(&out, picture); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// said waits until the bot's side of a chat says something last.
func said(t testing.TB, sim *linesim.Sim, p *linesim.Person, text string) {
	t.Helper()
	awaits(t, sim, text, func() bool {
		for _, e := range p.Chat() {
			if e.From == linesim.FromBot && strings.Contains(e.Text(), text) {
				return true
			}
		}
		return false
	})
}

// awaits waits for something in the chats, and not for ever.
func awaits(t testing.TB, sim *linesim.Sim, what string, cond func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := sim.Await(ctx, cond); err != nil {
		t.Fatalf("never seen: %s (%v)", what, err)
	}
}
