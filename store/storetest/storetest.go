// Package storetest gives tests empty databases of both kinds the program runs on: SQLite files and real PostgreSQL.
//
//	storetest.Each(t, func(t *testing.T, url string) {
//		s, err := store.Open(ctx, url)
//		…
//	})
//
// [Each] runs a test on both engines, [Postgres] hands out one PostgreSQL database, and a [Cluster] is a whole
// PostgreSQL server of the test's own, to stop, kill and restart.
//
// PostgreSQL is found in this order:
//
//  1. TSUNAGU_TEST_DATABASE_URL, else DATABASE_URL when it is a postgres:// address: a server on which the user may
//     create databases. Every test gets a new one there and nothing else is touched.
//  2. A private server from the installed binaries (pg_config, /usr/lib/postgresql, PATH), started when the first
//     test asks and shared by the tests of one process.
//
// Without either, tests skip and say so in one line. Where the variable CI is set the skip is a failure, so that a
// missing server cannot pass for a green run.
//
// The package is for tests only, knows nothing of the product's tables, and imports no other package of it.
package storetest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Each runs f once an engine, as the subtests "sqlite" and "postgres". The url is a DATABASE_URL as the program takes
// it, of an empty database that goes away with the subtest.
func Each(t *testing.T, f func(t *testing.T, url string)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		f(t, "sqlite:"+filepath.Join(t.TempDir(), "tsunagu.db"))
	})
	t.Run("postgres", func(t *testing.T) {
		f(t, Postgres(t))
	})
}

// Postgres returns the postgres:// address of a new, empty database, dropped with its connections when the test ends.
// It skips the test when there is no PostgreSQL, and fails it when CI is set or a server was named that cannot be used.
func Postgres(t testing.TB) string {
	t.Helper()
	server, err := sharedServer()
	if errors.Is(err, errNotInstalled) {
		missing(t)
	}
	if err != nil {
		t.Fatalf("PostgreSQL for tests: %v", err)
	}
	address, name := create(t, server)
	t.Cleanup(func() {
		if err := execute(server, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)"); err != nil {
			t.Logf("drop the test's database: %v", err)
		}
	})
	return address
}

// sharedServer is the address of the one server this process's tests share. The private one runs without fsync: no
// test that shares it crashes it, and a Cluster is at hand for those that do.
var sharedServer = sync.OnceValues(func() (string, error) {
	for _, name := range []string{"TSUNAGU_TEST_DATABASE_URL", "DATABASE_URL"} {
		if address := os.Getenv(name); strings.HasPrefix(address, "postgres://") || strings.HasPrefix(address, "postgresql://") {
			return address, nil
		}
	}
	c, err := newCluster("fsync=off", "full_page_writes=off", "synchronous_commit=off")
	if err != nil {
		return "", err
	}
	return c.URL("postgres"), nil
})

// create makes a database on the server.
func create(t testing.TB, server string) (address, name string) {
	t.Helper()
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal("PostgreSQL for tests: the address of the server cannot be read") // err would show a password
	}
	name = "tsunagu_test_" + strings.ToLower(rand.Text())
	if err := execute(server, "CREATE DATABASE "+name+" TEMPLATE template0 ENCODING 'UTF8'"); err != nil {
		t.Fatalf("create a database for the test: %v", err)
	}
	u.Path = "/" + name
	return u.String(), name
}

func execute(server, statement string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, server)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, statement); err != nil {
		return fmt.Errorf("%s: %w", statement, err)
	}
	return nil
}

// missing ends a test that needs PostgreSQL where there is none.
func missing(t testing.TB) {
	t.Helper()
	const what = "no PostgreSQL: run `make test`, install its server, or set TSUNAGU_TEST_DATABASE_URL"
	if os.Getenv("CI") != "" {
		t.Fatal(what)
	}
	t.Skip(what)
}
