package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

var (
	// ErrSchemaNewer: a newer version of the program migrated the database to what this one cannot work with.
	ErrSchemaNewer = errors.New("the database's schema is newer than this program")
	// ErrSchemaOlder: the database has to be migrated.
	ErrSchemaOlder = errors.New("the database's schema is older than this program")
)

// A Migration is one step of the schema.
type Migration struct {
	Version int64
	Name    string
	// AppliedAt is zero while the step is pending.
	AppliedAt time.Time
}

//go:embed migrations
var migrations embed.FS

// dialectFS shows the steps for both databases and those for one as one folder.
type dialectFS struct{ own string }

func (d dialectFS) Open(name string) (fs.File, error) {
	f, err := migrations.Open(path.Join("migrations", name))
	if errors.Is(err, fs.ErrNotExist) {
		return migrations.Open(path.Join("migrations", d.own, name))
	}
	return f, err
}

// Glob is how goose looks for steps.
func (d dialectFS) Glob(pattern string) (names []string, err error) {
	for _, dir := range []string{"migrations", path.Join("migrations", d.own)} {
		found, err := fs.Glob(migrations, path.Join(dir, pattern))
		if err != nil {
			return nil, err
		}
		for _, f := range found {
			names = append(names, path.Base(f))
		}
	}
	slices.Sort(names) // goose applies them in the order in which it finds them
	return names, nil
}

func (s *Store) provider() (*goose.Provider, *sql.DB, error) {
	conns, err := s.db.DB()
	if err != nil {
		return nil, nil, err
	}
	dialect, own := goose.DialectPostgres, "postgres"
	var options []goose.ProviderOption
	if s.sqlite() {
		dialect, own = goose.DialectSQLite3, "sqlite"
	} else {
		locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 300)) // asks every second, for 5 minutes
		if err != nil {
			return nil, nil, err
		}
		options = append(options, goose.WithSessionLocker(locker))
	}
	p, err := goose.NewProvider(dialect, conns, dialectFS{own}, options...)
	return p, conns, err
}

// Migrate brings the schema up to date. Several processes may do so at the same time. A newer schema that only added to
// this program's is left as it is; with another it fails with ErrSchemaNewer.
//
// On PostgreSQL one works while the others wait for a lock. On SQLite they take turns step by step: a step and the
// note of it are one transaction, the note is unique, and who comes late goes on with the next step.
func (s *Store) Migrate(ctx context.Context) error {
	p, conns, err := s.provider()
	if err != nil {
		return fmt.Errorf("read the migrations: %w", err)
	}
	for {
		before, err := version(ctx, conns)
		if err != nil {
			return err
		}
		if before > newest(p) {
			return newer(ctx, conns, p)
		}
		_, err = p.Up(ctx)
		if err == nil {
			return nil
		}
		if after, vErr := version(ctx, conns); vErr != nil || after <= before {
			return fmt.Errorf("migrate the schema: %w", err)
		}
	}
}

// Ping checks that the database can be reached and has this program's schema. It fails with ErrSchemaOlder and
// ErrSchemaNewer.
func (s *Store) Ping(ctx context.Context) error {
	p, conns, err := s.provider()
	if err != nil {
		return err
	}
	current, err := version(ctx, conns)
	switch {
	case err != nil:
		return err
	case current < newest(p):
		return ErrSchemaOlder
	case current > newest(p):
		return newer(ctx, conns, p)
	}
	return nil
}

// newer judges a schema that is newer than this program: the floor tells whether this program still works with it, as
// it must while another version takes over.
func newer(ctx context.Context, conns *sql.DB, p *goose.Provider) error {
	var oldest int64
	if err := conns.QueryRowContext(ctx, "SELECT oldest FROM schema_floor").Scan(&oldest); err != nil {
		return fmt.Errorf("read the schema's floor: %w", err)
	}
	if oldest > newest(p) {
		return ErrSchemaNewer
	}
	return nil
}

// Schema lists the steps of the schema in order.
func (s *Store) Schema(ctx context.Context) ([]Migration, error) {
	p, _, err := s.provider()
	if err != nil {
		return nil, err
	}
	status, err := p.Status(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the schema's state: %w", err)
	}
	var steps []Migration
	for _, m := range status {
		steps = append(steps, Migration{Version: m.Source.Version, Name: path.Base(m.Source.Path), AppliedAt: m.AppliedAt})
	}
	return steps, nil
}

// version is the newest step in the database, 0 when it has none.
func version(ctx context.Context, conns *sql.DB) (v int64, err error) {
	err = conns.QueryRowContext(ctx, "SELECT max(version_id) FROM "+goose.DefaultTablename).Scan(&v)
	if pg := new(pgconn.PgError); errors.As(err, &pg) && pg.Code == "42P01" { // no such table
		return 0, nil
	}
	var lite interface{ Code() int }
	if errors.As(err, &lite) && lite.Code() == 1 { // SQLITE_ERROR: the statement is right, so its table is missing
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read the schema's version: %w", err)
	}
	return v, nil
}

func newest(p *goose.Provider) (v int64) {
	for _, source := range p.ListSources() {
		v = max(v, source.Version)
	}
	return v
}
