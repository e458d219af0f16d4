package main

import (
	"context"
	"fmt"
	"net"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tsunagu/bot/linesim"
	"tsunagu/store/storetest"
)

// The server is killed in the middle of a burst, again and again, and started again: every event is answered exactly
// once, and each person's answers come in the order of the questions.
func TestKilledInTheMiddleOfABurst(t *testing.T) {
	if testing.Short() {
		t.Skip("starts and kills real processes")
	}
	binary := filepath.Join(t.TempDir(), "tsunagu")
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	storetest.Each(t, func(t *testing.T, database string) {
		const people, kills = 60, 3
		sim := linesim.New(linesim.Config{NoRateLimits: true})
		defer sim.Close()
		line := httptest.NewServer(sim)
		defer line.Close()
		address := freeAddress(t)
		sim.SetWebhook("http://" + address + "/webhook")
		env := settingsFor(sim, line.URL, "http://"+address, database)

		server := serve(t, binary, env)
		asked := []string{"残量", "メニュー", "設定", "ヘルプ", "やめる"}
		wanted := []string{"この機能を使うには利用者連携が必要です", "ご利用になる機能", "現在、連携はありません", "準備中", "取りやめる手続き"}
		var everyone []*linesim.Person
		for i := range people {
			p := sim.AddStranger(fmt.Sprint("人", i))
			everyone = append(everyone, p)
			for _, word := range asked {
				p.Say(word)
			}
		}
		answers := func() (n int) {
			for _, p := range everyone {
				for _, e := range p.Chat() {
					if e.From == linesim.FromBot {
						n++
					}
				}
			}
			return n
		}
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
		defer cancel()
		for kill := 1; kill <= kills; kill++ {
			// At a quarter, a half and three quarters of the answers.
			if err := sim.Await(ctx, func() bool { return answers() >= people*len(asked)*kill/(kills+1) }); err != nil {
				t.Fatalf("%d answers before kill %d: %v", answers(), kill, err)
			}
			if err := server.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = server.Wait() // killed: it says so
			server = serve(t, binary, env)
		}
		if err := sim.Await(ctx, func() bool { return answers() >= people*len(asked) }); err != nil {
			t.Errorf("%d of %d answers: %v", answers(), people*len(asked), err)
		}
		stopGently(t, server) // it finishes what it has in hand: what comes too much has come now
		for _, p := range everyone {
			var got []string
			for _, e := range p.Chat() {
				if e.From == linesim.FromBot {
					got = append(got, e.Text())
				}
			}
			if len(got) != len(wanted) {
				t.Errorf("%s was answered %d times: %q", p.Name, len(got), got)
				continue
			}
			for i := range wanted {
				if !strings.Contains(got[i], wanted[i]) {
					t.Errorf("%s asked %q as number %d and got %q", p.Name, asked[i], i, got[i])
				}
			}
		}
	})
}

// serve starts the program and waits until it is ready.
func serve(t testing.TB, binary string, env map[string]string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(binary, "serve")
	cmd.Env = append(os.Environ(), "CI=", "DATABASE_URL=", "LOG_FORMAT=text")
	return running(t, cmd, env)
}

func stopGently(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("after SIGINT: %v", err)
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
