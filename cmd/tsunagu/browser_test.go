package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// browser starts a headless Chromium of the test's own, with a fresh profile and one tab, and returns the context for
// chromedp.Do and chromedp.Run. A test with two people calls it twice. The browser ends with the test, which fails if
// the page wrote an error to the console or a part of it could not be loaded. Without Chromium the test is skipped, and
// fails where CI is set.
func browser(t *testing.T) context.Context {
	t.Helper()
	ctx := startChromium(t)
	heard := listen(t, ctx)
	t.Cleanup(func() {
		for _, complaint := range heard() {
			t.Errorf("browser: %s", complaint)
		}
	})
	// A page that never shows what a test waits for should fail that test, not use up the time of all.
	limited, cancel := context.WithTimeout(ctx, 5*time.Minute)
	t.Cleanup(cancel)
	return limited
}

// screenshot keeps a picture of the whole page as $TEST_ARTIFACTS/name.png, and does nothing when TEST_ARTIFACTS is
// not set.
func screenshot(t *testing.T, ctx context.Context, name string) {
	t.Helper()
	folder := os.Getenv("TEST_ARTIFACTS")
	if folder == "" {
		return
	}
	picture, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err != nil {
		t.Fatalf("screenshot %s: %v", name, err)
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, name+".png"), picture, 0o644); err != nil {
		t.Fatal(err)
	}
}

func startChromium(t *testing.T) context.Context {
	t.Helper()
	path, err := findChromium()
	if err != nil {
		const what = "no Chromium: run `make test`, install it, or set CHROME"
		if os.Getenv("CI") != "" {
			t.Fatal(what)
		}
		t.Skip(what)
	}
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]), // headless, no first run, no sync
		chromedp.ExecPath(path),
		chromedp.NoSandbox, // containers and root have none to offer
		chromedp.DisableGPU,
		chromedp.WindowSize(1280, 900),
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("lang", "ja"),
		chromedp.Flag("accept-lang", "ja"),
	)
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(stop)
	ctx, closeTab := chromedp.NewContext(allocator)
	t.Cleanup(closeTab)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("start %s: %v", path, err)
	}
	return ctx
}

// findChromium looks where CHROME says, else in PATH.
func findChromium() (string, error) {
	if path := os.Getenv("CHROME"); path != "" {
		return exec.LookPath(path)
	}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", exec.ErrNotFound
}

// listen hears the tab's console from now on. Calling heard ends that and returns the complaints: errors that scripts
// logged or did not catch, refusals of the Content-Security-Policy, and parts of a page answered with 400 or above.
// What a page or a script's own request is answered is the test's business.
func listen(t *testing.T, ctx context.Context) (heard func() []string) {
	t.Helper()
	var mu sync.Mutex
	var complaints []string
	complain := func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		complaints = append(complaints, fmt.Sprintf(format, args...))
	}
	parts := []network.ResourceType{network.ResourceTypeStylesheet, network.ResourceTypeScript, network.ResourceTypeImage,
		network.ResourceTypeFont, network.ResourceTypeManifest, network.ResourceTypeOther}
	err := chromedp.Listen(ctx, func(event any) {
		e, ok := event.(*network.EventResponseReceived)
		if ok && e.Response.Status >= 400 && slices.Contains(parts, e.Type) {
			complain("%d %s", e.Response.Status, e.Response.URL)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	const last = "the test is over"
	messages, done := chromedp.Console(ctx), make(chan struct{})
	go func() {
		defer close(done)
		for m, err := range messages {
			if err != nil || m.Text == last {
				return
			}
			if m.Source != "network" && (m.Type == chromedp.ConsoleError || m.Type == chromedp.ConsoleException) {
				complain("%s (%s:%d)", m, m.URL, m.Line+1)
			}
		}
	}()
	return func() []string {
		// What was said before is heard before the last word.
		ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		_, err := chromedp.Run(ctx, chromedp.Evaluate[any](fmt.Sprintf("console.debug(%q)", last)))
		if err != nil && !errors.Is(err, chromedp.ErrJSUndefined) {
			complain("the page does not answer: %v", err)
		} else {
			<-done
		}
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(complaints)
	}
}

// Pages nothing is wrong with; one of them is an error page, which is what some tests look at.
func TestBrowser(t *testing.T) {
	site := complaintSite(t)
	for _, page := range []string{"quiet", "refused"} {
		t.Run(page, func(t *testing.T) {
			ctx := browser(t)
			if err := chromedp.Do(ctx, chromedp.Navigate(site+"/"+page)); err != nil {
				t.Fatal(err)
			}
			if text, err := chromedp.Run(ctx, chromedp.Text("p")); err != nil || text != "残り1.50GB" {
				t.Errorf("the page reads %q, %v", text, err)
			}
			screenshot(t, ctx, "browser-"+page)
		})
	}
}

func TestBrowserHearsComplaints(t *testing.T) {
	site := complaintSite(t)
	ctx := startChromium(t)
	heard := listen(t, ctx)
	if err := chromedp.Do(ctx, chromedp.Navigate(site+"/loud")); err != nil {
		t.Fatal(err)
	}
	complaints := heard()
	want := []string{"404 " + site + "/missing.png", "Content Security Policy", "logged", "thrown"}
	if len(complaints) != len(want) {
		t.Errorf("%d complaints, want %d: %q", len(complaints), len(want), complaints)
	}
	for _, w := range want {
		if !slices.ContainsFunc(complaints, func(c string) bool { return strings.Contains(c, w) }) {
			t.Errorf("nothing about %q in %q", w, complaints)
		}
	}
}

func complaintSite(t *testing.T) string {
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		const start = `<!doctype html><html lang="ja"><link rel="icon" href="data:,"><title>残量</title><p>残り1.50GB</p>`
		switch r.URL.Path {
		case "/quiet":
			fmt.Fprint(w, start, `<script>console.log("fine"); fetch("/missing")</script>`)
		case "/refused":
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprint(w, start)
		case "/loud":
			w.Header().Set("Content-Security-Policy", "style-src 'self'")
			fmt.Fprint(w, start, `<p style="color:red"></p><img src="/missing.png">`+
				`<script>console.error("logged"); throw new Error("thrown")</script>`)
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(site.Close)
	return site.URL
}
