package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"gorm.io/gorm"

	"tsunagu/flows"
	"tsunagu/store"
	"tsunagu/store/ledger"
)

type carrierCmd struct {
	Import carrierImportCmd `cmd:"" help:"Load or update contracts, lines and balances: all of the file or nothing. Running it twice changes nothing."`
}

type carrierImportCmd struct {
	File string `arg:"" type:"existingfile" help:"Carrier file (YAML)."`
}

func (c carrierImportCmd) Run(p *program) error {
	f, err := os.Open(c.File)
	if err != nil {
		return err
	}
	defer f.Close()
	return p.withStore(needKeys, func(cfg *config, s *store.Store) error {
		if err := s.Migrate(p.ctx); err != nil {
			return err
		}
		changes, err := importCarrier(p.ctx, s, newLedger(s, cfg, newClock(cfg.ClockAt).now), f)
		if err != nil {
			return fmt.Errorf("%s: %w", c.File, err)
		}
		_, err = fmt.Fprintln(p.out, changes)
		return err
	})
}

// importCarrier loads a carrier file and ends the links that it makes void (LNK-29, LNK-43), in one transaction.
// Passwords are hashed before it: that takes time, and SQLite has one writer.
func importCarrier(ctx context.Context, s *store.Store, l *ledger.Ledger, r io.Reader) (changes ledger.Changes, err error) {
	update, err := l.Prepare(ctx, r)
	if err != nil {
		return changes, err
	}
	err = s.DB().WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		if changes, err = update.Apply(ctx, tx); err != nil {
			return err
		}
		return errors.Join(
			s.LettersFor(ctx, tx, flows.UserLink, changes.Reissued, "reissue"),
			s.LettersFor(ctx, tx, flows.UserLink, changes.UserChanged, "user_changed"),
		)
	})
	return changes, err
}
