package main

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"tsunagu/bot/linesim"
	"tsunagu/flows"
)

// The README's pictures, of our own phone page: `make pictures` writes them to the folder that PICTURES names.
func TestPictures(t *testing.T) {
	folder := os.Getenv("PICTURES")
	if folder == "" {
		t.Skip("make pictures asks for them")
	}
	_, sim, base := demo(t)
	sim.SetNow(time.Date(2026, 11, 24, 12, 34, 0, 0, flows.JST))
	w := walker{t, browser(t)}
	w.do(chromedp.EmulateViewport(390, 844))
	phone := func(p *linesim.Person) {
		t.Helper()
		w.do(chromedp.Navigate(base + "/phone?person=" + p.ID))
		w.waits(`document.getElementById("connection").dataset.online === "true"`)
		w.waits(`[...document.images].every(i => i.complete)`)
	}
	shot := func(name string) {
		t.Helper()
		w.waits(`document.getAnimations().length === 0`)
		picture, err := chromedp.Run(w.ctx, chromedp.CaptureScreenshot())
		if err != nil {
			t.Fatal(err)
		}
		writePicture(t, filepath.Join(folder, name+".png"), picture)
	}

	// The four menus, as they are shown to four people.
	both := linked(t, sim, "花子", "0123456789012345")
	holder := sim.AddPerson("健")
	for p, login := range map[*linesim.Person]string{both: "hanako", holder: "takeru"} {
		signIn(t, sim, p, login)
	}
	menus := map[string]*linesim.Person{
		"menu-none": sim.AddPerson("みなみ"), "menu-user": linked(t, sim, "一郎", "2718281828459045"), "menu-holder": holder, "menu-both": both,
	}
	for name, p := range menus {
		phone(p)
		w.waits(`!!document.querySelector("[data-test=menu] [data-test=menu-area]")`)
		picture, err := chromedp.Run(w.ctx, chromedp.Screenshot("[data-test=menu]"))
		if err != nil {
			t.Fatal(err)
		}
		writePicture(t, filepath.Join(folder, name+".png"), picture)
	}

	phone(both)
	w.types("残量")
	w.sees("今月の利用")
	shot("phone")
	w.types("データプレゼント")
	w.presses(`[data-test=flex-button]`, "贈る")
	w.presses(`[data-test=quick-reply]`, "500MB")
	w.presses(`[data-test=quick-reply]`, "作成する")
	w.sees("プレゼントを作成しました")
	w.clicks(`[data-test=menu-toggle]`)
	shot("gift-made")
	sakura := linked(t, sim, "さくら", "0123456789012346")
	w.opens(base, both, shareLink(t, both))
	w.presses(`button[name=to]`, "さくら")
	w.do(chromedp.WaitVisible(`a[href^="/phone"]`))
	w.opens(base, sakura, linkIn(t, sakura))
	w.waits(`document.querySelector("[data-test=input]")?.value.startsWith("` + flows.ClaimPrefix + `")`)
	w.clicks(`[data-test=send]`)
	w.sees("花子さんからのプレゼント")
	w.clicks(`[data-test=menu-toggle]`)
	shot("gift-received")
}

// TestPicturesOfTheDesk is the desk's.
func TestPicturesOfTheDesk(t *testing.T) {
	folder := os.Getenv("PICTURES")
	if folder == "" {
		t.Skip("set PICTURES to the folder")
	}
	_, sim, base := demo(t)
	noon(sim)
	hanako := linked(t, sim, "花子", "0123456789012345")
	w := atDesk(t, base, demoOperator)
	w.do(chromedp.EmulateViewport(1280, 800))
	w.on()
	hanako.Say("残量")
	hanako.Say("オペレーター")
	hanako.Say("データを贈りたいのですが、上限はありますか")
	w.shows("#lists", "花子")
	w.clicks("button.next")
	w.reads("さんが対応を始めました")
	w.writes("お待たせしました。毎月のデータ量まで、500MBずつ贈れます。")
	said(t, sim, hanako, "お待たせしました。毎月")
	hanako.Say("ありがとうございます！")
	w.reads("ありがとうございます！")
	linked(t, sim, "さくら", "0123456789012346").Say("オペレーター")
	w.waits(`document.querySelector("[data-list=waiting] .count").textContent === "1"`)
	w.clicks(`[data-act=balance]`)
	w.shows("#person", "GB")
	picture, err := chromedp.Run(w.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		t.Fatal(err)
	}
	writePicture(t, filepath.Join(folder, "desk.png"), picture)
}

// signIn signs somebody in as a holder, in a browser of theirs.
func signIn(t *testing.T, sim *linesim.Sim, p *linesim.Person, login string) {
	t.Helper()
	p.Say("契約者連携")
	var address string
	if err := sim.Await(t.Context(), func() bool {
		for _, e := range p.Chat() {
			for _, a := range actionsOf(t, e) {
				if a.Type == "uri" {
					address = a.URI
				}
			}
		}
		return address != ""
	}); err != nil {
		t.Fatal(err)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{Jar: jar}
	resp, err := browser.PostForm(address, url.Values{"login_id": {login}, "password": {login + "-demo-2026"}})
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if err := sim.Await(t.Context(), func() bool { return saysLast(p, "連携が完了しました") }); err != nil {
		t.Fatal(err)
	}
}

// writePicture keeps a screenshot small: its colours, of which a page has few, become a palette.
func writePicture(t *testing.T, path string, screenshot []byte) {
	t.Helper()
	full, err := png.Decode(bytes.NewReader(screenshot))
	if err != nil {
		t.Fatal(err)
	}
	small := image.NewPaletted(full.Bounds(), commonColours(full))
	for y := small.Rect.Min.Y; y < small.Rect.Max.Y; y++ {
		for x := small.Rect.Min.X; x < small.Rect.Max.X; x++ {
			small.Set(x, y, full.At(x, y))
		}
	}
	var out bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&out, small); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, out.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Logf("%s: %d bytes", path, out.Len())
}

// commonColours are the 256 colours met most often.
func commonColours(of image.Image) color.Palette {
	count := map[color.Color]int{}
	b := of.Bounds()
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			count[of.At(x, y)]++
		}
	}
	colours := slices.SortedFunc(maps.Keys(count), func(a, b color.Color) int { return count[b] - count[a] })
	return colours[:min(len(colours), 256)]
}
