package flows_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"tsunagu/flows/flowtest"
)

var update = flag.Bool("update", false, "rewrite testdata/*.txtar with what the bot says now")

// The chats of testdata, through Turn alone. `go test ./flows -update` rewrites them; the diff is the review.
func TestChats(t *testing.T) {
	files, _ := filepath.Glob("testdata/*.txtar")
	if len(files) == 0 {
		t.Fatal("no chats in testdata")
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			chat, err := flowtest.Read(want)
			if err != nil {
				t.Fatal(err)
			}
			got, err := chat.Play(flowtest.NewPure(chat.World))
			if err != nil {
				t.Fatal(err)
			}
			if *update {
				if err := os.WriteFile(file, got, 0o644); err != nil {
					t.Fatal(err)
				}
			} else if !bytes.Equal(got, want) {
				t.Errorf("the chat reads otherwise now (go test ./flows -update rewrites it):\n%s", got)
			}
		})
	}
}
