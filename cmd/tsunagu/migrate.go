package main

import (
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"tsunagu/store"
)

type migrateCmd struct {
	Up     migrateUpCmd     `cmd:"" help:"Apply what is pending. Safe with several at once."`
	Status migrateStatusCmd `cmd:"" help:"Show every step and when it was applied."`
}

// withStore runs a command on the database.
func (p *program) withStore(needs need, run func(*config, *store.Store) error) error {
	cfg, err := p.settings(needs)
	if err != nil {
		return err
	}
	s, err := openStore(p.ctx, cfg, p.logger(cfg), newClock(cfg.ClockAt).now)
	if err != nil {
		return err
	}
	return errors.Join(run(cfg, s), s.Close())
}

type migrateUpCmd struct{}

func (migrateUpCmd) Run(p *program) error {
	return p.withStore(needDatabase, func(_ *config, s *store.Store) error {
		if err := s.Migrate(p.ctx); err != nil {
			return err
		}
		_, err := fmt.Fprintln(p.out, "The schema is up to date.")
		return err
	})
}

type migrateStatusCmd struct{}

func (migrateStatusCmd) Run(p *program) error {
	return p.withStore(needDatabase, func(_ *config, s *store.Store) error {
		steps, err := s.Schema(p.ctx)
		if err != nil {
			return err
		}
		w := tabwriter.NewWriter(p.out, 0, 8, 2, ' ', 0)
		for _, m := range steps {
			applied := "pending"
			if !m.AppliedAt.IsZero() {
				applied = m.AppliedAt.UTC().Format(time.RFC3339)
			}
			fmt.Fprintf(w, "%d\t%s\t%s\n", m.Version, m.Name, applied)
		}
		return w.Flush()
	})
}
