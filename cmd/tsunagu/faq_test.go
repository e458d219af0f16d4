package main

import (
	"encoding/json"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tsunagu/bot/linesim"
)

func faqFile(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const parrots = "version: 1\nlocale: ja\nentries:\n  - {id: parrots, category: 鳥, question: オウムは飼えますか？, answer: 飼えます。}\n"

func TestFAQCommands(t *testing.T) {
	good, bad := faqFile(t, "good.yaml", parrots), faqFile(t, "bad.yaml", "version: 1\nentries:\n  - id: A\n")
	rows := faqFile(t, "rows.tsv", "question\ttopic\nテザリングは使えますか？\ttethering\n今日の天気は？\tnone\nテザリングは使えますか？\treceipt\n")
	for _, tt := range []struct {
		args string
		env  map[string]string
		code int
		says []string
	}{
		{args: "faq check", says: []string{"46 topics", "no mistakes"}},
		{args: "faq check " + good, says: []string{"1 topics"}},
		{args: "faq check", env: map[string]string{"FAQ_FILE": good}, says: []string{"1 topics"}},
		{args: "faq check " + bad, code: exitFailed, says: []string{bad, "line 3: question is missing", `line 3: id "A" must be`}},
		{args: "faq check /none", code: exitUsage},
		{args: "faq eval " + rows, says: []string{"right topic first    1 of 2, 50.0 %", "none refused         1 of 1, 100.0 %", "answers alone right  1 of 2", "wrong: テザリングは使えますか？\treceipt\tgot [tethering]"}},
		{args: "faq eval " + bad, code: exitFailed, says: []string{"line 2: a row is a question, a tab and a topic"}},
	} {
		env := maps.Clone(tt.env)
		var out, errs syncBuffer
		code := run(t.Context(), strings.Fields(tt.args), func(name string) (string, bool) { v, ok := env[name]; return v, ok }, &out, &errs)
		if code != tt.code {
			t.Errorf("%s: exit code %d, want %d", tt.args, code, tt.code)
		}
		for _, want := range tt.says {
			if !strings.Contains(out.String()+errs.String(), want) {
				t.Errorf("%s: no %q in\n%s%s", tt.args, want, out.String(), errs.String())
			}
		}
	}
	var out, errs syncBuffer
	run(t.Context(), []string{"faq", "eval", "--json", rows}, func(string) (string, bool) { return "", false }, &out, &errs)
	var got map[string]any
	if err := json.Unmarshal([]byte(out.String()), &got); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]float64{"answerable": 2, "right_first": 1, "right_offered": 1, "none": 1, "refused": 1, "answered": 2, "answered_right": 1} {
		if got[key] != want {
			t.Errorf("%s is %v, want %v", key, got[key], want)
		}
	}
	if wrong, ok := got["wrong"].([]any); !ok || len(wrong) != 1 {
		t.Errorf("wrong is %v", got["wrong"])
	}
}

// The FAQ file is used anew when it was changed, without a restart; a bad one leaves the old one in use.
func TestFAQFileIsReloaded(t *testing.T) {
	path, logs := faqFile(t, "faq.yaml", parrots), new(syncBuffer)
	sim := linesim.New(linesim.Config{})
	t.Cleanup(sim.Close)
	env := settingsFor(sim, "http://127.0.0.1:1", "http://127.0.0.1:2", "sqlite:"+filepath.Join(t.TempDir(), "tsunagu.db"))
	env["FAQ_FILE"] = path
	a := appWith(t, env, slog.New(slog.NewTextHandler(logs, nil)), time.Now, seams{}) // it does not run: nobody else looks
	t.Cleanup(func() { _ = a.store.Close() })
	ask := func(text string) string {
		found := a.faq.responder.Find(text)
		if found.Answer == nil {
			return ""
		}
		return found.Answer.ID
	}
	if got := ask("オウムは飼えますか？"); got != "parrots" {
		t.Fatalf("found %q", got)
	}
	rewrite := func(content string, age time.Duration) {
		t.Helper()
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		at := time.Now().Add(age)
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
		a.lookAtFAQ()
	}
	rewrite("version: 2", time.Minute)
	if got := ask("オウムは飼えますか？"); got != "parrots" || !strings.Contains(logs.String(), "the old one stays in use") {
		t.Errorf("after a bad file: %q", got)
	}
	rewrite(strings.ReplaceAll(parrots, "オウム", "インコ"), 2*time.Minute)
	if got := ask("インコは飼えますか？"); got != "parrots" {
		t.Errorf("after a good file: %q", got)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	a.lookAtFAQ()
	if got := ask("インコは飼えますか？"); got != "parrots" {
		t.Errorf("after the file is gone: %q", got)
	}
}

// A question in somebody's own words is answered in the chat of the demo's corpus.
func TestQuestionInTheChat(t *testing.T) {
	w := newWorld(t, "sqlite:"+filepath.Join(t.TempDir(), "tsunagu.db"))
	p := w.person("花子")
	if got := w.say(p, "ギガが余ったら来月も使えますか"); !strings.Contains(got, "翌月末まで使えます") {
		t.Errorf("said %q", got)
	}
	if got := w.say(p, "ドコモの料金プランは？"); !strings.Contains(got, "お答えできません") {
		t.Errorf("said %q", got)
	}
}
