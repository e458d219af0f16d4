package main

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var updateReadme = flag.Bool("update", false, "rewrite the README's table of settings")

// The README's table of settings is the program's own: `go test ./cmd/tsunagu -run README -update` writes it.
func TestREADMEHoldsEverySetting(t *testing.T) {
	const path, from, to = "../../README.md", "-->\n", "<!-- /settings -->"
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok := strings.Cut(string(data), "<!-- settings:")
	mark, rest, ok2 := strings.Cut(rest, from)
	got, tail, ok3 := strings.Cut(rest, to)
	if !ok || !ok2 || !ok3 {
		t.Fatal("the README has lost the marks around its table of settings")
	}
	var want strings.Builder
	want.WriteString("\n| setting | default | meaning |\n|---|---|---|\n")
	for _, s := range settingsTable() {
		value := s.Default
		switch {
		case s.Required:
			value = "**required** for `serve`"
		case value != "":
			value = "`" + value + "`"
		}
		fmt.Fprintf(&want, "| `%s` | %s | %s |\n", s.Name, value, strings.ReplaceAll(s.Meaning, "|", `\|`))
	}
	want.WriteString("\n")
	if *updateReadme {
		data = []byte(head + "<!-- settings:" + mark + from + want.String() + to + tail)
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got != want.String() {
		t.Error("the README's table of settings is not the program's (go test ./cmd/tsunagu -run README -update)")
	}
}
