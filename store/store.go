package store

import (
	"cmp"
	"context"
	cryptorand "crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/glebarez/sqlite"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"tsunagu/flows"
	"tsunagu/store/password"
)

// Config is what a Store is made of. Values in brackets are defaults.
type Config struct {
	// URL is "sqlite:PATH" or "postgres://…".
	URL string
	// Keys are 32 bytes each. The first seals bodies and hashes secrets, all are used to read, so a key is replaced by
	// putting the new one before it. Without any, the store is good for Migrate, Schema and Ping only.
	Keys [][]byte
	Now  func() time.Time // [time.Now]
	// Wall is the clock of who is signed in and who is at the desk, which goes on when Now is set for a trial [time.Now].
	Wall func() time.Time
	// Lease is how long a claimed lane is left to a worker that says nothing [15s].
	Lease time.Duration
	// Pool is how many connections to PostgreSQL are open at most [16].
	Pool int
	// Build names the program in the fate of each event it turns.
	Build string
	// PasswordCost is what an operator's password takes to check [password.Usual].
	PasswordCost password.Cost
	// DeskOpen reports whether operators take people, so that nobody is handed out when they do not [always].
	DeskOpen func(time.Time, flows.DeskException) bool
	Log      *slog.Logger // [slog.Default]
}

const (
	// commitTime bounds a group's commit with all its tries.
	commitTime = 10 * time.Second
	// readers is how many SQLite connections read at the same time, beside the one that writes.
	readers = 4
	// maxRows is how many arrivals one commit takes up to, maxSaves how many saves.
	maxRows, maxSaves = 1000, 256
)

// busyTimeout is how long SQLite waits for another process that writes, in milliseconds.
const busyTimeout = "busy_timeout(10000)"

// A Store is the database. Its methods may be called at the same time.
type Store struct {
	db    *gorm.DB // on SQLite the one writer
	reads *gorm.DB // pure reads; on PostgreSQL the same as db
	keys  keyring
	now   func() time.Time
	wall  func() time.Time
	lease time.Duration
	build string
	log   *slog.Logger

	deskOpen func(time.Time, flows.DeskException) bool
	hasher   *password.Hasher // of operators

	accepts *group[[]input]
	saves   *group[*step]
	wake    chan struct{}
	desk    chan struct{}
	herald  *herald         // on PostgreSQL
	listens *pgx.ConnConfig // to other processes, on PostgreSQL

	scrub sync.Mutex // on SQLite: held while the write-ahead log is emptied
	dirty bool       // it may hold what was erased
}

// Open connects to a database. It does not touch the schema: see Migrate.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	keys, err := newKeyring(cfg.Keys)
	if err != nil {
		return nil, err
	}
	s := &Store{
		keys: keys, now: cfg.Now, build: clean(cfg.Build), log: cfg.Log,
		lease: cmp.Or(cfg.Lease, 15*time.Second),
		wake:  make(chan struct{}, 1), desk: make(chan struct{}, 1),
		deskOpen: cfg.DeskOpen, hasher: password.New(cmp.Or(cfg.PasswordCost, password.Usual), 2),
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.wall = cfg.Wall; s.wall == nil {
		s.wall = time.Now
	}
	if s.log == nil {
		s.log = slog.Default()
	}
	path, isFile := strings.CutPrefix(cfg.URL, "sqlite:")
	switch {
	case isFile:
		err = s.openSQLite(ctx, path)
	case strings.HasPrefix(cfg.URL, "postgres://"), strings.HasPrefix(cfg.URL, "postgresql://"):
		err = s.openPostgres(ctx, cfg.URL, cmp.Or(cfg.Pool, 16))
	default:
		err = errors.New("the database URL is neither sqlite:PATH nor postgres://…")
	}
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	contagious := func(err error) bool { return faultOf(err) == refused }
	s.accepts = newGroup(maxRows, func(rows []input) int { return len(rows) }, nil, contagious, s.commitArrivals)
	s.saves = newGroup(maxSaves, (*step).weight, func(p *step) string { return p.Lane }, contagious, s.commitSaves)
	return s, nil
}

func (s *Store) openPostgres(ctx context.Context, address string, pool int) error {
	cfg, err := pgx.ParseConfig(address)
	if err != nil {
		return errors.New("the address of PostgreSQL cannot be read") // err would show it, password and all
	}
	for name, value := range map[string]string{
		"application_name": "tsunagu",
		// Every statement here finds its rows by key, but a plan made while a table was small would go on reading all of
		// it after it grew. Compiling such short statements never pays.
		"enable_seqscan": "off",
		"jit":            "off",
		// A machine that vanished in the middle of a transaction must not keep its lanes locked for long.
		"idle_in_transaction_session_timeout": "15000",
		"tcp_user_timeout":                    "15000",
	} {
		if _, set := cfg.RuntimeParams[name]; !set {
			cfg.RuntimeParams[name] = value
		}
	}
	conns := stdlib.OpenDB(*cfg)
	conns.SetMaxOpenConns(pool)
	conns.SetMaxIdleConns(pool)
	conns.SetConnMaxLifetime(time.Hour)
	if s.db, err = openGORM(ctx, postgres.New(postgres.Config{Conn: conns}), conns); err != nil {
		return err
	}
	s.reads, s.listens = s.db, cfg
	s.herald = newHerald(cryptorand.Text(), func(ctx context.Context, name string) error {
		return s.db.WithContext(ctx).Exec(`SELECT pg_notify(?, ?)`, dueChannel, name).Error
	})
	return nil
}

func (s *Store) openSQLite(ctx context.Context, path string) error {
	if path == "" {
		return errors.New("sqlite: without a path")
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) // SQLite would let everybody read it
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	const pragmas = "?_txlock=immediate&_pragma=" + busyTimeout + "&_pragma=journal_mode(wal)&_pragma=synchronous(full)" +
		"&_pragma=foreign_keys(1)&_pragma=secure_delete(1)&_pragma=temp_store(memory)"
	dsn := "file:" + strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(path) + pragmas
	if s.db, err = openFile(ctx, dsn, 1); err != nil {
		return err
	}
	if s.reads, err = openFile(ctx, dsn+"&_pragma=query_only(1)", readers); err != nil {
		return errors.Join(err, closeGORM(s.db))
	}
	return nil
}

func openFile(ctx context.Context, dsn string, conns int) (*gorm.DB, error) {
	db, err := sql.Open(sqlite.DriverName, dsn)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(conns)
	return openGORM(ctx, &sqlite.Dialector{Conn: db}, db)
}

func openGORM(ctx context.Context, dialect gorm.Dialector, conns *sql.DB) (*gorm.DB, error) {
	if err := conns.PingContext(ctx); err != nil {
		return nil, errors.Join(withoutAddress(err), conns.Close())
	}
	db, err := gorm.Open(dialect, &gorm.Config{
		SkipDefaultTransaction: true,
		TranslateError:         true,
		DisableAutomaticPing:   true,
		Logger:                 logger.Discard,
	})
	if err != nil {
		return nil, errors.Join(err, conns.Close())
	}
	return db, nil
}

// withoutAddress drops what a failed connection says of the URL it was made from.
func withoutAddress(err error) error {
	if bad := new(url.Error); errors.As(err, &bad) {
		return bad.Err
	}
	return err
}

func closeGORM(db *gorm.DB) error {
	conns, err := db.DB()
	if err != nil {
		return err
	}
	return conns.Close()
}

// Close waits for the calls of Accept and Save that are under way, refuses later ones, and closes the database.
func (s *Store) Close() error {
	s.accepts.close()
	s.saves.close()
	s.emptyLog(false)
	if s.herald != nil {
		s.herald.close()
	}
	err := closeGORM(s.db)
	if s.reads != s.db {
		err = errors.Join(err, closeGORM(s.reads))
	}
	return err
}

// DB is the database for the built-in carrier, whose tables lie beside the store's. On SQLite it has one connection,
// the one that writes: whoever holds it in a transaction must not call the store before the end, but for LettersFor.
func (s *Store) DB() *gorm.DB { return s.db }

func (s *Store) sqlite() bool { return s.db.Name() == "sqlite" }

// forUpdate is the end of a query that locks the rows it finds. On SQLite whoever writes is alone already.
func (s *Store) forUpdate(how string) string {
	if s.sqlite() {
		return ""
	}
	return " FOR UPDATE " + how
}

// Wake is ready when something may have become due: in this process, or in another one that Listen heard of.
func (s *Store) Wake() <-chan struct{} { return s.wake }

// signal tells this process and the others that something may be due.
func (s *Store) signal() {
	s.awake()
	if s.herald != nil {
		s.herald.due()
	}
}

func (s *Store) awake() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// DeskChanged is ready when this process changed something at the desk. What others change is found by asking for the
// version, see DeskVersion.
func (s *Store) DeskChanged() <-chan struct{} { return s.desk }

func (s *Store) deskChanged() {
	select {
	case s.desk <- struct{}{}:
	default:
	}
}

// A fault says what an error of the database means for a transaction.
type fault int

const (
	refused fault = iota // it will be refused again
	undone               // undone for the sake of another one: it may be run again
	cut                  // nobody knows whether it was committed: it may be run again if that does no harm
)

func faultOf(err error) fault {
	if pg := new(pgconn.PgError); errors.As(err, &pg) {
		switch pg.Code {
		case "40001", "40P01", "55P03": // serialization failure, deadlock, lock not available
			return undone
		}
		switch pg.Code[:2] {
		case "08", "25", "53", "57", "58": // connection, transaction timed out, resources, shutdown, system
			return cut
		}
		return refused
	}
	var lite interface{ Code() int }
	if errors.As(err, &lite) {
		switch lite.Code() & 0xff {
		case 5, 6: // SQLITE_BUSY, SQLITE_LOCKED
			return undone
		case 7, 8, 9, 10, 13, 14: // out of memory, read-only, interrupted, I/O error, disk full, cannot open
			return cut
		}
		return refused
	}
	if errors.Is(err, errRaced) {
		return undone
	}
	for _, own := range []error{flows.ErrFenced, flows.ErrLinkTaken, errTurned, gorm.ErrDuplicatedKey, gorm.ErrForeignKeyViolated, gorm.ErrCheckConstraintViolated} {
		if errors.Is(err, own) {
			return refused
		}
	}
	return cut
}

// insist runs f until it succeeds, is refused, or time is up. f may run after a try that was committed without our
// knowing; again is true then.
func (s *Store) insist(f func(ctx context.Context, again bool) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), commitTime)
	defer cancel()
	again := false
	for try := 0; ; try++ {
		err := f(ctx, again)
		if err == nil {
			return nil
		}
		fault := faultOf(err)
		if fault == refused || try == 7 {
			return err
		}
		again = again || fault == cut
		s.log.Warn("commit failed, trying again", "try", try+1, "err", err)
		pause := time.NewTimer(10*time.Millisecond<<try + rand.N(10*time.Millisecond))
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return err
		}
	}
}

// transaction runs f in a transaction, and anew when it was undone for the sake of another one.
func (s *Store) transaction(ctx context.Context, f func(tx *gorm.DB) error) error {
	for try := 0; ; try++ {
		err := s.db.WithContext(ctx).Transaction(f)
		if err == nil || try == 7 || faultOf(err) != undone || ctx.Err() != nil {
			return err
		}
	}
}

// micros is how times are stored.
func micros(t time.Time) int64 { return t.UnixMicro() }

func fromMicros(us int64) time.Time { return time.UnixMicro(us).UTC() }

func itoa(n int) string { return strconv.Itoa(n) }

// clean drops what PostgreSQL does not take in text.
func clean(text string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "")
}
