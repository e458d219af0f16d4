package main

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"tsunagu/flows"
)

// accessibilityAudit is what a page must not have for whoever cannot see it well or uses no mouse (WCAG 2.2 AA, the part that can be
// computed): controls and pictures without a name, text with too little contrast, IDs that stand twice, a language that is
// not said, headings out of order, targets smaller than 24 pixels, what only a mouse can reach.
const accessibilityAudit = `(() => {
  const wrong = [];
  const shown = (e) => e.checkVisibility({ checkOpacity: true, checkVisibilityCSS: true });
  const text = (e) => (e.innerText || '').trim();
  const named = (e) => e.getAttribute('aria-label') || text(e) || e.getAttribute('title') || [...(e.labels || [])].map(text).join('') ||
    (e.getAttribute('aria-labelledby') || '').split(' ').map((id) => document.getElementById(id)?.innerText || '').join('') || [...e.querySelectorAll('img')].map((i) => i.alt).join('');
  if (!document.documentElement.lang) wrong.push('no language');
  if (!document.title) wrong.push('no title');
  const ids = [...document.querySelectorAll('[id]')].map((e) => e.id);
  for (const id of new Set(ids.filter((id, i) => ids.indexOf(id) !== i))) wrong.push('twice: #' + id);
  for (const e of document.querySelectorAll('a[href], button, input:not([type=hidden]), select, textarea, summary, [role=button], [role=radio]')) {
    if (!shown(e)) continue;
    if (!named(e)) wrong.push('no name: ' + e.outerHTML.slice(0, 80));
    if (e.tabIndex < 0 && !e.disabled) wrong.push('no keyboard: ' + e.outerHTML.slice(0, 80));
    const box = e.getBoundingClientRect();
    if ((box.width < 24 || box.height < 20) && !['radio', 'checkbox'].includes(e.type) && getComputedStyle(e).display !== 'inline' && !e.matches('.link')) wrong.push('small: ' + e.outerHTML.slice(0, 80) + box.width + 'x' + box.height);
  }
  for (const e of document.querySelectorAll('img')) if (!e.hasAttribute('alt')) wrong.push('no alt: ' + e.src);
  for (const e of document.querySelectorAll('svg[role=img]')) if (!e.getAttribute('aria-label')) wrong.push('no label: svg');
  for (const e of document.querySelectorAll('[onclick]')) wrong.push('inline script');
  let level = 0;
  for (const h of document.querySelectorAll('h1, h2, h3, h4')) {
    if (!shown(h)) continue;
    const next = Number(h.tagName[1]);
    if (next > level + 1 && level > 0) wrong.push('heading after h' + level + ': ' + h.outerHTML.slice(0, 60));
    level = next;
  }
  const parse = (c) => { const m = c.match(/[\d.]+/g).map(Number); return { rgb: m.slice(0, 3), a: m[3] ?? 1 }; };
  const lum = (rgb) => { const [r, g, b] = rgb.map((v) => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; }); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const ground = (e) => { for (let n = e; n; n = n.parentElement) { const c = parse(getComputedStyle(n).backgroundColor); if (c.a > 0.99) return c.rgb; } return parse(getComputedStyle(document.documentElement).colorScheme.includes('dark') ? 'rgb(18,18,18)' : 'rgb(255,255,255)').rgb; };
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const seen = new Set();
  while (walk.nextNode()) {
    const e = walk.currentNode.parentElement;
    if (!walk.currentNode.data.trim() || seen.has(e) || !shown(e) || e.closest('svg, [disabled], script, style')) continue;
    seen.add(e);
    const style = getComputedStyle(e);
    const [a, b] = [lum(parse(style.color).rgb), lum(ground(e))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    const large = parseFloat(style.fontSize) >= 24 || parseFloat(style.fontSize) >= 18.66 && Number(style.fontWeight) >= 700;
    if (ratio < (large ? 3 : 4.5)) wrong.push('contrast ' + ratio.toFixed(2) + ': ' + text(e).slice(0, 40));
  }
  if (document.documentElement.scrollWidth > innerWidth + 1) wrong.push('scrolls sideways: ' + document.documentElement.scrollWidth);
  return wrong.join('\n');
})()`

func (w deskWalker) accessible(view string) {
	w.t.Helper()
	wrong, err := chromedp.Run(w.ctx, chromedp.Evaluate[string](accessibilityAudit))
	if err != nil {
		w.t.Fatal(err)
	}
	if wrong != "" {
		w.t.Errorf("%s:\n%s", view, wrong)
	}
	screenshot(w.t, w.ctx, "view-"+view)
}

// Every view, light and dark, in both languages, at a desk's and at a phone's width.
func TestEveryViewOfTheDesk(t *testing.T) {
	a, sim, base := demo(t)
	noon(sim)
	hanako := linked(t, sim, "花子", "0123456789012345")
	hanako.Say("オペレーター")
	waiting := linked(t, sim, "さくら", "0123456789012346")
	waiting.Say("オペレーター")
	sessionOf(t, a, waiting.ID, flows.HelpQueued)
	w := deskWalker{walker{t, browser(t)}, base}
	w.do(chromedp.EmulateViewport(1440, 900), chromedp.Navigate(base+"/console/login"))
	w.accessible("login")
	w.do(chromedp.SendKeys("#name", demoOperator), chromedp.SendKeys("#password", "wrong"), chromedp.Click("button.primary"))
	w.arrives(`!!document.querySelector("[role=alert]")`)
	w.accessible("login-wrong")
	w.do(chromedp.SendKeys("#password", demoPassword), chromedp.Click("button.primary"))
	w.arrives(deskReady)
	w.on()
	w.clicks("button.next")
	w.reads("さんが対応を始めました")
	w.writes("お待たせしました")
	w.waits(`[...document.querySelectorAll(".delivery")].some(e => e.textContent === "送信済み")`)
	for _, theme := range []string{"light", "dark"} {
		w.evaluates(`(() => { localStorage.setItem("theme", "` + theme + `") })()`)
		for _, lang := range []string{"ja", "en"} {
			w.evaluates(`(() => { document.cookie = "desk-lang=` + lang + `; path=/console" })()`)
			at := theme + "-" + lang
			w.do(chromedp.EmulateViewport(1440, 900))
			w.goes("", deskReady)
			w.clicks(`[data-list=mine]`)
			w.clicks(`#lists .row`)
			w.waits(`!!document.querySelector("#draft")`)
			w.accessible("chat-" + at)
			for _, list := range []string{"waiting", "all", "left", "talking", "closed"} {
				w.clicks(`[data-list=` + list + `]`)
				w.accessible("list-" + list + "-" + at)
			}
			w.clicks("#menu summary")
			w.accessible("menu-" + at)
			w.clicks("[data-item=keys]")
			w.waits(`!!document.querySelector("dialog[open]")`)
			w.accessible("keys-" + at)
			w.clicks("dialog[open] button")
			w.do(chromedp.EmulateViewport(390, 844))
			w.clicks(`[data-list=mine]`)
			w.accessible("narrow-lists-" + at)
			w.clicks(`#lists .row`)
			w.accessible("narrow-chat-" + at)
			w.evaluates(`document.body.classList.add("in-person")`)
			w.accessible("narrow-person-" + at)
			for _, page := range []string{"report", "audit", "operators", "account"} {
				w.goes("/"+page, `!!document.querySelector("h1")`)
				w.accessible("narrow-" + page + "-" + at)
				w.do(chromedp.EmulateViewport(1440, 900))
				w.accessible(page + "-" + at)
				w.do(chromedp.EmulateViewport(390, 844))
			}
		}
	}
}

// The shortcuts: next, note, reply, lists and the sheet, and no shortcut while somebody writes.
func TestDeskByKeyboard(t *testing.T) {
	a, sim, base := demo(t)
	noon(sim)
	hanako := linked(t, sim, "花子", "0123456789012345")
	w := atDesk(t, base, demoOperator)
	w.on()
	hanako.Say("オペレーター")
	sessionOf(t, a, hanako.ID, flows.HelpQueued)
	w.shows("#lists", "花子")
	w.evaluates(`document.activeElement.blur()`)
	w.do(chromedp.KeyEvent("n"))
	w.waits(`document.activeElement?.id === "draft"`)
	w.do(chromedp.KeyEvent("nml?"))
	w.waits(`document.querySelector("#draft").value === "nml?"`)
	w.evaluates(`(() => { const d = document.querySelector("#draft"); d.value = ""; d.dispatchEvent(new Event("input")); d.blur(); })()`)
	w.do(chromedp.KeyEvent("m"))
	w.waits(`document.querySelector("#as-note").checked`)
	w.evaluates(`document.activeElement.blur()`)
	w.do(chromedp.KeyEvent("r"))
	w.waits(`!document.querySelector("#as-note").checked`)
	w.evaluates(`document.activeElement.blur()`)
	w.do(chromedp.KeyEvent("?"))
	w.waits(`!!document.querySelector("dialog#keys[open]")`)
	w.do(chromedp.KeyEvent("\r"))
	w.waits(`!document.querySelector("dialog[open]")`)
	w.do(chromedp.KeyEvent("e"))
	w.waits(`!!document.querySelector("dialog[open] input[name=tags]")`)
}

// What each role may use: an operator is kept from what is a supervisor's or an admin's, nobody uses anything without signing
// in, and forms of other sites are refused.
func TestDeskRoles(t *testing.T) {
	a, sim, base := demo(t)
	noon(sim)
	suzuki, sato := clientOf(t, base, demoSecond), clientOf(t, base, demoOperator)
	sato.on(3)
	suzuki.on(3)
	hanako := linked(t, sim, "花子", "0123456789012345")
	hanako.Say("オペレーター")
	id := sessionOf(t, a, hanako.ID, flows.HelpQueued).ID
	sato.must("sessions/"+id+"/take", struct{}{})
	sessionOf(t, a, hanako.ID, flows.HelpConnected)
	status := func(client *http.Client, method, path string, header http.Header) int {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, base+"/console"+path, strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		for name, values := range header {
			req.Header[name] = values
		}
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		return resp.StatusCode
	}
	stranger := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for _, tt := range []struct {
		method, path             string
		stranger, operator, both int // both: what an admin gets
	}{
		{"GET", "", 303, 200, 200},
		{"GET", "/api/start", 401, 200, 200},
		{"GET", "/report", 303, 403, 200},
		{"GET", "/report.csv", 303, 403, 200},
		{"GET", "/audit", 303, 403, 200},
		{"GET", "/operators", 303, 403, 200},
		{"GET", "/api/talking", 401, 403, 200},
		{"POST", "/api/auto", 401, 403, 200},
		{"GET", "/api/sessions/" + id, 401, 403, 200}, // another's chat
		{"POST", "/api/sessions/" + id + "/note", 401, 403, 400},
		{"POST", "/api/sessions/" + id + "/say", 401, 400, 400},
		{"POST", "/api/sessions/" + id + "/typing", 401, 403, 204},
		{"POST", "/api/sessions/" + id + "/takeover", 401, 403, 200},
		{"GET", "/api/sessions/none", 401, 404, 404},
	} {
		if got := status(stranger, tt.method, tt.path, nil); got != tt.stranger {
			t.Errorf("%s %s without signing in: %d, want %d", tt.method, tt.path, got, tt.stranger)
		}
		if got := status(suzuki.http, tt.method, tt.path, nil); got != tt.operator {
			t.Errorf("%s %s as operator: %d, want %d", tt.method, tt.path, got, tt.operator)
		}
		if got := status(sato.http, tt.method, tt.path, nil); got != tt.both {
			t.Errorf("%s %s as admin: %d, want %d", tt.method, tt.path, got, tt.both)
		}
	}
	if got := status(sato.http, "POST", "/api/auto", http.Header{"Sec-Fetch-Site": {"cross-site"}}); got != http.StatusForbidden {
		t.Errorf("a form of another site: %d", got)
	}
	// HLP-33: neither the number nor the code nor anything of the password is in what the desk is told.
	resp, err := sato.http.Get(base + "/console/api/sessions/" + id)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var text strings.Builder
	if _, err := io.Copy(&text, resp.Body); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(text.String(), "090-****-5678") {
		t.Error("the masked line is missing")
	}
	for _, secret := range []string{"09012345678", "0123456789012345", "hanako-demo"} {
		if strings.Contains(text.String(), secret) {
			t.Errorf("the desk is told %s", secret)
		}
	}
}

// Coming and going does not use up the connections that a browser has to a server.
func TestDeskVisitedAgainAndAgain(t *testing.T) {
	_, _, base := demo(t)
	w := atDesk(t, base, demoOperator)
	for range 10 {
		w.goes("/report", `!!document.querySelector("h1")`)
		w.goes("", deskReady)
	}
	w.shows("#connection", "接続中")
}
