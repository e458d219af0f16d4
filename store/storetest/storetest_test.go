package storetest

import (
	"bufio"
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

func TestEach(t *testing.T) {
	var urls []string
	Each(t, func(t *testing.T, url string) {
		urls = append(urls, url)
		if !strings.HasSuffix(t.Name(), "/postgres") {
			path, ok := strings.CutPrefix(url, "sqlite:")
			if _, err := os.Stat(filepath.Dir(path)); !ok || err != nil {
				t.Fatalf("url %q is no SQLite file in an existing folder: %v", url, err)
			}
			return
		}
		conn := connect(t, url)
		if n := count(t, conn, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"); n != 0 {
			t.Errorf("a new database has %d tables", n)
		}
	})
	if len(urls) == 2 && urls[0] == urls[1] {
		t.Errorf("both engines got %q", urls[0])
	}
}

func TestDatabasesAreSeparate(t *testing.T) {
	one, other := Postgres(t), Postgres(t)
	execOn(t, connect(t, one), "CREATE TABLE lanes (id int)")
	execOn(t, connect(t, other), "CREATE TABLE lanes (id int)")
}

func TestDatabaseIsDropped(t *testing.T) {
	var url string
	t.Run("uses one", func(t *testing.T) {
		url = Postgres(t)
		connect(t, url) // left open: dropping does not wait for it
	})
	if url == "" {
		t.Skip("no PostgreSQL")
	}
	if conn, err := pgx.Connect(t.Context(), url); err == nil {
		conn.Close(t.Context())
		t.Error("the database of a finished test is still there")
	}
}

// What a test commits survives SIGKILL, and the address stays the same.
func TestClusterKill(t *testing.T) {
	c := NewCluster(t)
	url := c.Create(t)
	conn := connect(t, url)
	if got := count(t, conn, "SELECT count(*) FROM pg_settings WHERE name IN ('fsync', 'synchronous_commit') AND setting = 'on'"); got != 2 {
		t.Error("a cluster for crash tests does not have the default durability")
	}
	execOn(t, conn, "CREATE TABLE kept (id int)")
	execOn(t, conn, "INSERT INTO kept VALUES (1)")
	if err := c.Kill(); err != nil {
		t.Fatal(err)
	}
	if _, err := pgx.Connect(t.Context(), url); err == nil {
		t.Error("a killed server takes connections")
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	if n := count(t, connect(t, url), "SELECT count(*) FROM kept"); n != 1 {
		t.Errorf("%d rows after the crash, want 1", n)
	}
	if err := c.Restart(); err != nil {
		t.Fatal(err)
	}
	if n := count(t, connect(t, url), "SELECT count(*) FROM kept"); n != 1 {
		t.Errorf("%d rows after the restart, want 1", n)
	}
	for range 2 {
		if err := c.Stop(); err != nil {
			t.Errorf("stop: %v", err)
		}
	}
}

// Neither a server nor its folder outlives a test process that is killed outright.
func TestNothingOutlivesTheTests(t *testing.T) {
	if os.Getenv("STORETEST_VICTIM") != "" {
		c := NewCluster(t)
		os.Stdout.WriteString("folder " + c.dir + "\n")
		select {} // until killed
	}
	if _, err := binaries(); err != nil {
		missing(t)
	}
	victim := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestNothingOutlivesTheTests$")
	victim.Env = append(os.Environ(), "STORETEST_VICTIM=1")
	out, err := victim.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := victim.Start(); err != nil {
		t.Fatal(err)
	}
	var dir string
	for lines := bufio.NewScanner(out); dir == "" && lines.Scan(); {
		dir, _ = strings.CutPrefix(lines.Text(), "folder ")
	}
	if dir == "" {
		t.Fatal("the victim started no server")
	}
	pid, err := os.ReadFile(filepath.Join(dir, "data", "postmaster.pid"))
	if err != nil {
		t.Fatal(err)
	}
	victim.Process.Kill()
	victim.Wait()

	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	limit := time.After(30 * time.Second)
	for {
		if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
			break
		}
		select {
		case <-poll.C:
		case <-limit:
			t.Fatalf("%s is still there", dir)
		}
	}
	first, _, _ := strings.Cut(string(pid), "\n")
	if state, err := exec.Command("ps", "-o", "stat=", "-p", first).Output(); err == nil && !strings.HasPrefix(string(state), "Z") {
		t.Errorf("the server (process %s) still runs", first)
	}
}

func TestMissing(t *testing.T) {
	for _, ci := range []string{"", "true"} {
		t.Setenv("CI", ci)
		seen := &spy{TB: t}
		done := make(chan struct{})
		go func() {
			defer close(done)
			missing(seen)
		}()
		<-done
		if seen.fatal != (ci != "") || seen.skipped != (ci == "") {
			t.Errorf("CI=%q: failed %v, skipped %v", ci, seen.fatal, seen.skipped)
		}
	}
}

// A spy records how a test was ended, and ends its goroutine as the real one would.
type spy struct {
	testing.TB
	fatal, skipped bool
}

func (s *spy) Fatal(...any) {
	s.fatal = true
	runtime.Goexit()
}

func (s *spy) Skip(...any) {
	s.skipped = true
	runtime.Goexit()
}

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

func execOn(t *testing.T, conn *pgx.Conn, statement string) {
	t.Helper()
	if _, err := conn.Exec(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
}

func count(t *testing.T, conn *pgx.Conn, query string) (n int) {
	t.Helper()
	if err := conn.QueryRow(t.Context(), query).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}
