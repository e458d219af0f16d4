package pages

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"
)

func TestCrossSitePostsAreRefused(t *testing.T) {
	tests := []struct {
		name   string
		header http.Header
		status int
	}{
		{"own form", http.Header{"Sec-Fetch-Site": {"same-origin"}}, 303},
		{"own form, older browser", http.Header{"Origin": {"http://example.com"}}, 303},
		{"no browser", http.Header{}, 303},
		{"other site", http.Header{"Sec-Fetch-Site": {"cross-site"}}, 403},
		{"sister site", http.Header{"Sec-Fetch-Site": {"same-site"}}, 403},
		{"other site, older browser", http.Header{"Origin": {"https://evil.example"}}, 403},
		{"sandboxed frame, older browser", http.Header{"Origin": {"null"}}, 403},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld()
			r := form(credentials("hanako", password))
			r.Header.Del("Sec-Fetch-Site")
			for k, v := range tt.header {
				r.Header[k] = v
			}
			rec := w.do(r)
			if rec.Code != tt.status {
				t.Errorf("status %d, want %d", rec.Code, tt.status)
			}
			if rec.Code == 403 && (len(w.carrier.asked) > 0 || !strings.Contains(says(rec), crossSite.Title)) {
				t.Errorf("asked the carrier, or no page: %s", says(rec))
			}
		})
	}
}

func TestHeadersOfEveryAnswer(t *testing.T) {
	w := newWorld()
	cross := form(credentials("hanako", password))
	cross.Header.Set("Sec-Fetch-Site", "cross-site")
	answers := map[string]*httptest.ResponseRecorder{
		"form":     w.get(linkPath + "?linkToken=" + url.QueryEscape(token)),
		"missing":  w.get(linkPath),
		"expired":  w.get(linkPath + "?linkToken=x"),
		"wrong":    w.post(credentials("hanako", "wrong")),
		"redirect": w.post(credentials("hanako", password)),
		"cross":    w.do(cross),
	}
	want := map[string]string{
		"Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self' https://access.line.me; " +
			"frame-ancestors 'none'; base-uri 'none'",
		"Referrer-Policy":        "strict-origin",
		"Cache-Control":          "no-store",
		"X-Content-Type-Options": "nosniff",
	}
	for name, rec := range answers {
		for header, value := range want {
			if got := rec.Header().Get(header); got != value {
				t.Errorf("%s: %s = %q, want %q", name, header, got, value)
			}
		}
	}
}

func TestContentPolicyNamesTheOriginOnly(t *testing.T) {
	for access, want := range map[string]string{
		"https://access.line.me":      "form-action 'self' https://access.line.me;",
		"http://127.0.0.1:9000/line/": "form-action 'self' http://127.0.0.1:9000;",
		"":                            "form-action 'self';",
	} {
		if got := contentPolicy(access); !strings.Contains(got, want) {
			t.Errorf("%q: %s lacks %s", access, got, want)
		}
	}
}

func TestAssetsMayBeKeptForEver(t *testing.T) {
	w := newWorld()
	linked := regexp.MustCompile(`(?:href|src)="(/assets/[^"]+)"`).FindAllStringSubmatch(w.get(linkPath).Body.String(), -1)
	if len(linked) != 3 {
		t.Fatalf("the page links %d assets, want the style sheet, the icon and the mark", len(linked))
	}
	types := map[string]string{".css": "text/css", ".svg": "image/svg+xml"}
	for _, m := range linked {
		rec := w.get(m[1])
		kind := rec.Header().Get("Content-Type")
		if rec.Code != 200 || !strings.HasPrefix(kind, types[m[1][len(m[1])-4:]]) || !strings.Contains(rec.Header().Get("Cache-Control"), "immutable") {
			t.Errorf("%s: status %d, headers %v", m[1], rec.Code, rec.Header())
		}
	}
	if rec := w.get("/assets/pages.css"); rec.Code != 404 {
		t.Errorf("an asset without its hash: status %d", rec.Code)
	}
}

func TestBrandStandsOnEveryPage(t *testing.T) {
	w := newWorld()
	for _, target := range []string{linkPath, linkPath + "?linkToken=" + url.QueryEscape(token)} {
		if body := w.get(target).Body.String(); strings.Count(body, "つなぐモバイル") < 3 {
			t.Errorf("%s: the brand is missing in the title, the head or the foot", target)
		}
	}
}

// LNK-15: one address is slowed down whatever it signs in as, and let go on after a while.
func TestLNK15AddressIsLimited(t *testing.T) {
	w := newWorld()
	from := func(address string, n int) *httptest.ResponseRecorder {
		w.links.attempts = map[string]int{} // only the address is tested here
		r := form(credentials(fmt.Sprint("someone", n), "wrong"))
		r.RemoteAddr = address
		return w.do(r)
	}
	for n := range perMinute {
		if rec := from("192.0.2.1:5000", n); rec.Code != 401 {
			t.Fatalf("attempt %d: status %d", n+1, rec.Code)
		}
	}
	rec := from("192.0.2.1:5001", 0)
	if rec.Code != 429 || rec.Header().Get("Retry-After") != "1" || // half a second, in whole ones
		!strings.Contains(says(rec), tooFast.Title) {
		t.Errorf("over the limit: status %d, Retry-After %q: %s", rec.Code, rec.Header().Get("Retry-After"), says(rec))
	}
	if rec := from("192.0.2.2:5000", 0); rec.Code != 401 {
		t.Errorf("another address: status %d", rec.Code)
	}
	w.now = w.now.Add(time.Minute / perMinute)
	if rec := from("192.0.2.1:5002", 0); rec.Code != 401 {
		t.Errorf("after the wait: status %d", rec.Code)
	}
}

func TestAddressLimitIsBounded(t *testing.T) {
	l := newAddressLimit(func() time.Time { return noon })
	for i := range rememberAddresses + 500 {
		l.take(fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255))
	}
	if len(l.known) != rememberAddresses || l.recent.Len() != rememberAddresses {
		t.Errorf("remembers %d and %d addresses, want %d", len(l.known), l.recent.Len(), rememberAddresses)
	}
}

func TestNeighbourhood(t *testing.T) {
	for ip, want := range map[string]string{
		"192.0.2.1":           "192.0.2.1/32",
		"::ffff:192.0.2.1":    "192.0.2.1/32",
		"2001:db8:1:2:3::4":   "2001:db8:1:2::/64",
		"fe80::1%eth0":        "fe80::/64",
		"not an address":      "invalid Prefix",
		"":                    "invalid Prefix",
		"2001:db8:1:2:ffff::": "2001:db8:1:2::/64",
	} {
		if got := neighbourhood(ip).String(); got != want {
			t.Errorf("neighbourhood(%q) = %s, want %s", ip, got, want)
		}
	}
}

func TestSpan(t *testing.T) {
	for d, want := range map[time.Duration]string{time.Hour: "60分間", 90 * time.Second: "2分間", 24 * time.Hour: "24時間", 90 * time.Minute: "90分間"} {
		if got := span(d); got != want {
			t.Errorf("span(%v) = %s, want %s", d, got, want)
		}
	}
}
