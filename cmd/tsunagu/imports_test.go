package main

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "tsunagu"

// below is the picture of the code: what a package may import of the others. Whoever reads a folder can do so knowing
// only these. A package that is not in the picture is refused, so that adding one is a decision.
var below = map[string][]string{
	"flows":          {},
	"bot/answer":     {"flows"},
	"bot/linesim":    {"flows"},
	"bot/load":       {"flows", "bot/linesim"},
	"bot":            {"flows", "bot/answer"},
	"bot/pages":      {"flows", "bot"},
	"bot/console":    {"flows", "bot"},
	"store":          {"flows", "store/password"},
	"store/ledger":   {"flows", "store/password"},
	"store/tmf":      {"flows"},
	"store/password": {},
	"richmenu":       {"flows"},
	"cmd/tsunagu": {"flows", "bot", "bot/answer", "bot/console", "bot/linesim", "bot/load", "bot/pages", "richmenu", "store",
		"store/ledger", "store/tmf"},

	"flows/flowtest":  {"flows"},
	"bot/linetest":    {},
	"store/storetest": {},
}

// forTests are packages that only tests import, by the top folder of those tests, and the simulated LINE, which the
// tests of all that sends to LINE have to talk to.
var forTests = map[string][]string{
	"flows": {"flows/flowtest"},
	"bot":   {"flows/flowtest", "bot/linesim", "bot/linetest", "store/storetest"},
	"store": {"store/storetest"},
	"cmd":   {"flows/flowtest", "bot/linesim", "bot/linetest", "store/storetest"},
}

// An arrow is one package importing another, or, with an empty to, that the package is there.
type arrow struct {
	from, to string
	test     bool // from a test file
}

// allowed reports whether the picture has the arrow.
func (a arrow) allowed() bool {
	known, drawn := below[a.from]
	if !drawn {
		return false
	}
	if a.from == "flows" && !a.test && !strings.HasPrefix(a.to, module+"/") {
		first, _, _ := strings.Cut(a.to, "/")
		return !strings.Contains(first, ".") // the standard library and nothing else
	}
	to, ours := strings.CutPrefix(a.to, module+"/")
	if !ours || slices.Contains(known, to) {
		return true
	}
	top, _, _ := strings.Cut(a.from, "/")
	return a.test && (to == a.from || slices.Contains(forTests[top], to))
}

// Every import points down (design: cmd over bot, store and richmenu, which do not know each other, over flows).
func TestImportsPointDown(t *testing.T) {
	arrows, err := readImports("../..")
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(arrows, arrow{from: "cmd/tsunagu", to: "go/parser", test: true}) {
		t.Fatal("this file's own imports were not found")
	}
	bad := slices.DeleteFunc(slices.Clone(arrows), arrow.allowed)
	for _, a := range bad {
		if _, drawn := below[a.from]; drawn {
			t.Errorf("%s must not import %s%s", a.from, a.to, map[bool]string{true: " in its tests"}[a.test])
		} else if a.to == "" {
			t.Errorf("%s is not in the picture", a.from)
		}
	}
	if t.Failed() {
		t.Logf("the imports as they are, and ✗ the ones to take back:\n%s", draw(arrows))
	}
}

func TestArrows(t *testing.T) {
	for _, tt := range []struct {
		from, to      string
		plain, inTest bool
	}{
		{"bot", "tsunagu/flows", true, true},
		{"cmd/tsunagu", "tsunagu/store/ledger", true, true},
		{"bot/console", "tsunagu/bot", true, true},
		{"bot", "github.com/labstack/echo/v4", true, true},
		{"flows", "time", true, true},

		{"flows", "tsunagu/bot", false, false},
		{"bot", "tsunagu/store", false, false},
		{"store", "tsunagu/bot", false, false},
		{"store", "tsunagu/store/ledger", false, false},
		{"richmenu", "tsunagu/bot", false, false},
		{"bot", "tsunagu/bot/console", false, false},
		{"bot/pages", "tsunagu/bot/console", false, false},
		{"store", "tsunagu/cmd/tsunagu", false, false},
		{"store", "tsunagu/bot/linetest", false, false},
		{"util", "", false, false},
		{"bot/extra", "", false, false},
		{"cmd/tsunagu", "tsunagu/flows/flowtest", false, true},
		{"store", "tsunagu/flows/flowtest", false, false},

		{"flows", "pgregory.net/rapid", false, true},
		{"bot", "tsunagu/bot/linesim", false, true},
		{"bot", "tsunagu/bot/linetest", false, true},
		{"store/ledger", "tsunagu/store/storetest", false, true},
		{"cmd/tsunagu", "tsunagu/store/storetest", false, true},
		{"bot", "tsunagu/bot", false, true}, // from package bot_test
	} {
		if got := (arrow{tt.from, tt.to, false}).allowed(); got != tt.plain {
			t.Errorf("%s → %s: %v, want %v", tt.from, tt.to, got, tt.plain)
		}
		if got := (arrow{tt.from, tt.to, true}).allowed(); got != tt.inTest {
			t.Errorf("%s → %s in a test: %v, want %v", tt.from, tt.to, got, tt.inTest)
		}
	}
}

// readImports reads the imports of every Go file under root, tests' as well, sorted.
func readImports(root string) ([]arrow, error) {
	arrows := map[arrow]bool{}
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if base := entry.Name(); entry.IsDir() && name != root &&
			(base == "testdata" || strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_")) {
			return filepath.SkipDir
		}
		if entry.IsDir() || filepath.Ext(name) != ".go" {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		from, err := filepath.Rel(root, filepath.Dir(name))
		if err != nil {
			return err
		}
		arrows[arrow{from: filepath.ToSlash(from)}] = true
		for _, imported := range file.Imports {
			to, err := strconv.Unquote(imported.Path.Value)
			if err != nil {
				return err
			}
			arrows[arrow{filepath.ToSlash(from), to, strings.HasSuffix(name, "_test.go")}] = true
		}
		return nil
	})
	return slices.SortedFunc(maps.Keys(arrows), func(a, b arrow) int {
		return strings.Compare(fmt.Sprint(a.from, " ", a.test, a.to), fmt.Sprint(b.from, " ", b.test, b.to))
	}), err
}

// draw lists each package with what it imports of the project, or should not import at all.
func draw(arrows []arrow) string {
	var b strings.Builder
	from := ""
	for _, a := range arrows {
		to, ours := strings.CutPrefix(a.to, module+"/")
		if !ours && a.allowed() || a.to == "" {
			continue
		}
		if a.from != from {
			from = a.from
			fmt.Fprintln(&b, path.Join(module, from))
		}
		fmt.Fprintf(&b, "    %s %s%s\n", map[bool]string{true: "─▶", false: "✗▶"}[a.allowed()], to,
			map[bool]string{true: " (tests)"}[a.test])
	}
	return b.String()
}
