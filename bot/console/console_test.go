package console

import (
	"bytes"
	"encoding/xml"
	"errors"
	"image"
	"image/jpeg"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"tsunagu/flows"
)

// Every sentence that is asked for by name is there in both languages, and none is left that nobody asks for.
func TestSentences(t *testing.T) {
	asked := map[string]bool{"": true}
	families := regexp.MustCompile(`^((event|ended|score|bucket|role)\..*|holder|user)$`) // picked by what happened
	byName := map[string]*regexp.Regexp{
		".js":   regexp.MustCompile(`'([A-Za-z0-9.]+)'`),
		".html": regexp.MustCompile(`"([A-Za-z0-9.]+)"`),
		".go":   regexp.MustCompile(`(?:"|done=)([A-Za-z0-9.]+)"`),
	}
	read := func(name string, text []byte, form *regexp.Regexp) {
		for _, m := range form.FindAllSubmatch(text, -1) {
			asked[string(m[1])] = true
		}
		for _, m := range regexp.MustCompile(`\b(?:say|Say)(?:\(| )["']([A-Za-z0-9.]*[A-Za-z0-9])["']`).FindAllSubmatch(text, -1) {
			if _, ok := sentences[string(m[1])]; !ok {
				t.Errorf("%s asks for %q, which nobody wrote", name, m[1])
			}
		}
	}
	for name, text := range assets {
		if strings.HasSuffix(name, ".js") {
			read(name, text, byName[".js"])
		}
	}
	files, err := templateFiles.ReadDir("templates")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		text, err := templateFiles.ReadFile("templates/" + f.Name())
		if err != nil {
			t.Fatal(err)
		}
		read(f.Name(), text, byName[".html"])
	}
	for name, text := range goFiles(t) {
		read(name, text, byName[".go"])
	}
	for key, s := range sentences {
		if key != "" && (s[0] == "" || s[1] == "") {
			t.Errorf("%q is said in one language only", key)
		}
		if !asked[key] && !families.MatchString(key) {
			t.Errorf("nobody says %q", key)
		}
	}
}

// The chart is well-formed whatever the figures and names are.
func TestChart(t *testing.T) {
	for _, bars := range [][]bar{nil, {{"<&>", 0, 0, `"quoted" & <tag>`}}, {{"1", 3, 1, ""}, {"2", 1234, 1000, ""}}, {{"x", 0.2, 0, ""}}} {
		svg := string(chart(`title "<&`, bars))
		d := xml.NewDecoder(strings.NewReader(svg))
		for {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%v in %s", err, svg)
			}
		}
		if n := strings.Count(svg, `class="bar"`); n != len(bars) {
			t.Errorf("%d bars of %d", n, len(bars))
		}
	}
}

// A picture goes out as a JPEG of its pixels and nothing else, no larger than LINE takes; what is no picture is refused.
func TestPicturesAreMadeAnew(t *testing.T) {
	var in bytes.Buffer
	if err := png.Encode(&in, image.NewRGBA(image.Rect(0, 0, 3000, 30))); err != nil {
		t.Fatal(err)
	}
	full, preview, err := madeAnew(append(in.Bytes(), "<script>trailing</script>"...))
	if err != nil {
		t.Fatal(err)
	}
	for side, data := range map[int][]byte{longSide: full, previewSide: preview} {
		size, err := jpeg.DecodeConfig(bytes.NewReader(data))
		if err != nil || size.Width != side || bytes.Contains(data, []byte("script")) {
			t.Errorf("%+v, %v", size, err)
		}
	}
	for _, bad := range [][]byte{nil, []byte("<svg/>"), in.Bytes()[:40], []byte("GIF89a")} {
		if _, _, err := madeAnew(bad); err == nil {
			t.Errorf("%q was taken for a picture", bad)
		}
	}
}

// The ticket of the second step is good for five minutes and for its name only.
func TestTicket(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	c := &Console{Config: Config{Key: make([]byte, 32), Now: func() time.Time { return now }}}
	ticket := c.ticket("佐藤.1")
	if name, ok := c.ticketOf(ticket); !ok || name != "佐藤.1" {
		t.Errorf("%q, %v", name, ok)
	}
	other := &Console{Config: Config{Key: bytes.Repeat([]byte{1}, 32), Now: c.Now}}
	for _, bad := range []string{"", ".", ticket + "x", "x" + ticket, other.ticket("佐藤.1")} {
		if _, ok := c.ticketOf(bad); ok {
			t.Errorf("%q is good", bad)
		}
	}
	now = now.Add(ticketLife)
	if _, ok := c.ticketOf(ticket); ok {
		t.Error("good after its time")
	}
}

// Who may read which chat (HLP-33): all but what another operator has, which is a supervisor's.
func TestShown(t *testing.T) {
	operator, supervisor := flows.Operator{Name: "A", Role: flows.RoleOperator}, flows.Operator{Name: "S", Role: flows.RoleSupervisor}
	for _, tt := range []struct {
		row  flows.DeskRow
		want bool
	}{
		{flows.DeskRow{Phase: flows.HelpQueued}, true},
		{flows.DeskRow{Phase: flows.HelpConnected, Operator: "A"}, true},
		{flows.DeskRow{Phase: flows.HelpConnected, Operator: "B"}, false},
		{flows.DeskRow{Phase: flows.HelpQueued, Operator: "B"}, false},
		{flows.DeskRow{Phase: flows.HelpClosed, Operator: "B"}, true},
	} {
		if got := shown(tt.row, operator); got != tt.want {
			t.Errorf("%+v: %v", tt.row, got)
		}
		if !shown(tt.row, supervisor) {
			t.Errorf("%+v is hidden from a supervisor", tt.row)
		}
	}
}

func goFiles(t *testing.T) map[string][]byte {
	t.Helper()
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]byte{}
	for _, name := range names {
		if name == "words.go" || strings.HasSuffix(name, "_test.go") {
			continue
		}
		if all[name], err = os.ReadFile(name); err != nil {
			t.Fatal(err)
		}
	}
	return all
}
