package store_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"tsunagu/store"
	"tsunagu/store/storetest"
)

func TestSeveralMigrateAtOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		b := &bench{t: t, clock: newClock(), url: url}
		b.Store = b.open()
		if err := b.Ping(t.Context()); !errors.Is(err, store.ErrSchemaOlder) {
			t.Errorf("an empty database: %v", err)
		}
		stores := []*store.Store{b.Store, b.open(), b.open()}
		together(len(stores), func(i int) {
			if err := stores[i].Migrate(within(t, time.Minute)); err != nil {
				t.Error(err)
			}
		})
		b.ok(b.Ping(t.Context()))
		b.ok(b.Migrate(t.Context()))
		steps, err := b.Schema(t.Context())
		b.ok(err)
		for i, s := range steps {
			if s.AppliedAt.IsZero() || s.Name == "" || i > 0 && s.Version <= steps[i-1].Version {
				t.Errorf("step %+v", s)
			}
		}
		if n := b.ask(`SELECT count(*) FROM goose_db_version WHERE version_id > 0`); n != int64(len(steps)) {
			t.Errorf("%d steps were applied, want %d", n, len(steps))
		}
	})
}

// While versions replace each other the older one works on a schema that the newer one only added to.
func TestNewerSchema(t *testing.T) {
	each(t, func(b *bench) {
		b.ok(b.DB().Exec(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, ?)`, true).Error)
		b.ok(b.Ping(t.Context()))
		b.ok(b.Migrate(t.Context()))
		b.ok(b.DB().Exec(`UPDATE schema_floor SET oldest = 99999`).Error)
		if err := b.Ping(t.Context()); !errors.Is(err, store.ErrSchemaNewer) {
			t.Errorf("Ping: %v", err)
		}
		if err := b.Migrate(t.Context()); !errors.Is(err, store.ErrSchemaNewer) {
			t.Errorf("Migrate: %v", err)
		}
	})
}

func TestOpenDoesNotShowThePassword(t *testing.T) {
	for _, url := range []string{
		"postgres://user:hunter2@127.0.0.1:1/db?connect_timeout=1", "postgres://user:hunter2@[::1/db", "mysql://user:hunter2@localhost/db", "sqlite:",
	} {
		_, err := store.Open(context.Background(), store.Config{URL: url, Keys: [][]byte{testKey}})
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q", err)
		}
	}
}
