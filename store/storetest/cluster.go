package storetest

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// errNotInstalled says that no PostgreSQL server binaries were found on this machine.
var errNotInstalled = errors.New("PostgreSQL is not installed")

// errExited says that the server ended before it took connections; its log, quoted with it, says why.
var errExited = errors.New("the server ended while starting")

// A Cluster is a private PostgreSQL server with a data folder of its own, on 127.0.0.1 and a Unix socket, without
// passwords. Its methods are safe for concurrent use, so that one goroutine may kill what others are working on.
//
// Neither the server nor its folder outlives the test process, however that ends: see janitor.
type Cluster struct {
	bin      string   // folder of the PostgreSQL binaries
	dir      string   // holds data/, server.log and the Unix socket
	settings []string // name=value, as postgres -c takes them
	port     int
	owner    *syscall.Credential // nil: the user who runs the tests
	janitor  *exec.Cmd
	orders   io.WriteCloser // to the janitor; closing it is the order to clean up

	mu     sync.Mutex
	server *exec.Cmd     // nil: not running
	exited chan struct{} // closed when server has ended
}

// NewCluster starts a server with PostgreSQL's default durability, for tests that stop or crash it, and removes it when
// the test ends. Like [Postgres] it skips, or under CI fails, a test where PostgreSQL is not installed; a server named
// in the environment is no substitute, for it is not the test's to kill.
func NewCluster(t testing.TB) *Cluster {
	t.Helper()
	c, err := newCluster()
	if errors.Is(err, errNotInstalled) {
		missing(t)
	}
	if err != nil {
		t.Fatalf("PostgreSQL for tests: %v", err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("end of the server's log:\n%s", c.logTail())
		}
		c.remove()
	})
	return c
}

// URL is the address of database db on this server. It stays the same over restarts.
func (c *Cluster) URL(db string) string {
	return fmt.Sprintf("postgres://postgres@127.0.0.1:%d/%s?sslmode=disable", c.port, db)
}

// Tool is the path of one of the programs that come with the server, such as pg_dump.
func (c *Cluster) Tool(name string) string { return filepath.Join(c.bin, name) }

// Create returns the address of a new, empty database, which lasts as long as the cluster.
func (c *Cluster) Create(t testing.TB) string {
	t.Helper()
	address, _ := create(t, c.URL("postgres"))
	return address
}

// Start starts a stopped or killed server and returns once it takes connections, recovery included. A running one it
// leaves alone.
func (c *Cluster) Start() error {
	// A killed server's children hold its shared memory until they notice; until then a new server ends at once.
	var err error
	for tries := 0; tries < 100; tries++ {
		if err = c.launch(); !errors.Is(err, errExited) {
			break
		}
		<-time.After(100 * time.Millisecond)
	}
	return err
}

// Stop shuts the server down as an administrator would: open transactions are rolled back, connections closed, and
// everything written out. Stopping a stopped server does nothing.
func (c *Cluster) Stop() error { return c.end(syscall.SIGINT) }

// Kill ends the server with SIGKILL, as a crash would. What was committed comes back with the next Start.
func (c *Cluster) Kill() error { return c.end(syscall.SIGKILL) }

// Restart is Stop, then Start.
func (c *Cluster) Restart() error {
	if err := c.Stop(); err != nil {
		return err
	}
	return c.Start()
}

func newCluster(settings ...string) (*Cluster, error) {
	bin, err := binaries()
	if err != nil {
		return nil, err
	}
	owner, err := owner()
	if err != nil {
		return nil, err
	}
	// Not os.TempDir: a socket's path must be short and its folder open to the server's user; a TMPDIR may be neither.
	dir, err := os.MkdirTemp("/tmp", "tsunagu-postgres-")
	if err != nil {
		return nil, err
	}
	c := &Cluster{bin: bin, dir: dir, settings: settings, owner: owner}
	if err := c.prepare(); err != nil {
		c.remove()
		return nil, err
	}
	for range 5 {
		c.port = freePort()
		if err = c.launch(); !errors.Is(err, errExited) { // else: someone was faster to take the port
			break
		}
	}
	if err != nil {
		c.remove()
		return nil, err
	}
	return c, nil
}

// prepare hands the folder to the server's user, sets the janitor over it, and fills it.
func (c *Cluster) prepare() (err error) {
	if c.owner != nil {
		if err := os.Chown(c.dir, int(c.owner.Uid), int(c.owner.Gid)); err != nil {
			return err
		}
	}
	c.janitor = c.command("/bin/sh", "-c", janitor, "janitor", c.dir)
	if c.orders, err = c.janitor.StdinPipe(); err != nil {
		return err
	}
	if err := c.janitor.Start(); err != nil {
		c.janitor = nil
		return err
	}
	initdb := c.command(filepath.Join(c.bin, "initdb"), "-D", c.data(), "--no-sync", "-A", "trust", "-U", "postgres",
		"-E", "UTF8", "--locale=C")
	if out, err := initdb.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	return nil
}

// janitor cleans up behind a test process. It reads the server's process id at every start, and 0 at every end, from a
// pipe that only the test process holds, and so learns of its end in any case: exit, panic, time limit or SIGKILL.
// Then it ends the server and removes the folder.
const janitor = `
server=0
while read -r pid; do server=$pid; done
if [ "$server" != 0 ] && kill -QUIT "$server"; then
	n=0
	while [ -e "$1/data/postmaster.pid" ] && [ "$n" -lt 100 ]; do sleep 0.1; n=$((n + 1)); done
fi
rm -rf "$1"
`

// launch starts the server once and waits until it takes connections.
func (c *Cluster) launch() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.server != nil {
		select {
		case <-c.exited:
		default:
			return nil
		}
	}
	args := []string{"-D", c.data()}
	for _, setting := range append([]string{
		"listen_addresses=127.0.0.1",
		fmt.Sprintf("port=%d", c.port),
		"unix_socket_directories=" + c.dir,
		"max_connections=200",
	}, c.settings...) {
		args = append(args, "-c", setting)
	}
	log, err := os.OpenFile(c.log(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	server, exited := c.command(filepath.Join(c.bin, "postgres"), args...), make(chan struct{})
	server.Stdout, server.Stderr = log, log
	if err := server.Start(); err != nil {
		return err
	}
	fmt.Fprintln(c.orders, server.Process.Pid)
	go func() {
		server.Wait()
		fmt.Fprintln(c.orders, 0)
		close(exited)
	}()
	c.server, c.exited = server, exited

	poll := time.NewTicker(10 * time.Millisecond)
	defer poll.Stop()
	limit := time.After(60 * time.Second)
	for !c.ready() {
		select {
		case <-poll.C:
		case <-exited:
			c.server = nil
			return fmt.Errorf("%w:\n%s", errExited, c.logTail())
		case <-limit:
			return fmt.Errorf("the server does not become ready:\n%s", c.logTail())
		}
	}
	return nil
}

// ready reads postmaster.pid: the first line is the process id (a killed server leaves its file behind), the eighth
// its status.
func (c *Cluster) ready() bool {
	text, err := os.ReadFile(filepath.Join(c.data(), "postmaster.pid"))
	lines := strings.Split(string(text), "\n")
	return err == nil && len(lines) >= 8 &&
		lines[0] == strconv.Itoa(c.server.Process.Pid) && strings.TrimSpace(lines[7]) == "ready"
}

func (c *Cluster) end(signal syscall.Signal) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.server == nil {
		return nil
	}
	if err := c.server.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-c.exited:
		c.server = nil
		return nil
	case <-time.After(60 * time.Second):
		return fmt.Errorf("the server does not end:\n%s", c.logTail())
	}
}

// remove ends the server, if it runs, and deletes its folder.
func (c *Cluster) remove() {
	c.end(syscall.SIGQUIT)
	if c.janitor != nil {
		c.orders.Close()
		c.janitor.Wait()
	}
	os.RemoveAll(c.dir) // what is left when there was no janitor
}

// command runs a program as the server's user, away from the terminal, so that Ctrl-C reaches only the tests.
func (c *Cluster) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Dir = c.dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: c.owner}
	return cmd
}

func (c *Cluster) data() string { return filepath.Join(c.dir, "data") }
func (c *Cluster) log() string  { return filepath.Join(c.dir, "server.log") }

func (c *Cluster) logTail() string {
	text, _ := os.ReadFile(c.log())
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-20):], "\n")
}

// binaries finds the folder that holds PostgreSQL's server programs.
func binaries() (string, error) {
	var folders []string
	if out, err := exec.Command("pg_config", "--bindir").Output(); err == nil {
		folders = append(folders, strings.TrimSpace(string(out)))
	}
	newest, folder := 0, ""
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	for _, bin := range found {
		if version, _ := strconv.Atoi(filepath.Base(filepath.Dir(bin))); version > newest {
			newest, folder = version, bin
		}
	}
	folders = append(folders, folder)
	if path, err := exec.LookPath("postgres"); err == nil {
		folders = append(folders, filepath.Dir(path))
	}
	for _, folder := range folders {
		if executable(folder, "initdb") && executable(folder, "postgres") {
			return folder, nil
		}
	}
	return "", errNotInstalled
}

func executable(folder, name string) bool {
	info, err := os.Stat(filepath.Join(folder, name))
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}

// owner is who the server runs as: PostgreSQL refuses root, so root's tests lend it to another user.
func owner() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err := strconv.ParseUint(u.Uid, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("user %s: %w", name, err)
		}
		gid, err := strconv.ParseUint(u.Gid, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("user %s: %w", name, err)
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
	}
	return nil, errors.New("PostgreSQL refuses to run as root, and there is no user postgres or nobody")
}

// freePort finds a port below the range from which outgoing connections get theirs. A port of that range could be
// taken while a restarting server leaves it free, even by a client that dials it in vain.
func freePort() int {
	for {
		port := 20000 + rand.IntN(12000)
		if l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			l.Close()
			return port
		}
	}
}
