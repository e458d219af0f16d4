package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"
)

// Attempts to sign in are counted before the password is checked, so that guesses made at the same time count too. What
// is counted is a key: a login ID, a LINE account (LNK-15). A key's row is its lock.

// attempts are those of one key.
type attempts struct {
	Hash        string
	Times       string // JSON array of microseconds, oldest first
	LockedUntil int64
	times       []int64
}

// TrySignIn reserves one attempt for each of keys before the password is checked. When a key is locked it reserves
// nothing, ok is false and until is when the last lock opens. The attempt that makes max within window locks the key
// for lock, until SignedIn or UndoSignIn say that it was no failure.
func (s *Store) TrySignIn(ctx context.Context, keys []string, max int, window, lock time.Duration) (until time.Time, ok bool, err error) {
	err = s.withAttempts(ctx, keys, func(tx *gorm.DB, rows []attempts) error {
		now := s.now()
		until, ok = time.Time{}, true
		for _, a := range rows {
			if a.LockedUntil > micros(now) {
				ok = false
				until = later(until, fromMicros(a.LockedUntil))
			}
		}
		if !ok {
			return nil
		}
		for _, a := range rows {
			a.forget(micros(now), micros(now.Add(-window)))
			a.times = append(a.times, micros(now))
			if len(a.times) >= max {
				a.LockedUntil = micros(now.Add(lock))
			}
			if err := s.keepAttempts(tx, a); err != nil {
				return err
			}
		}
		return nil
	})
	return until, ok && err == nil, err
}

// forget drops attempts from before a time, and all of them once a lock has opened.
func (a *attempts) forget(now, before int64) {
	if a.LockedUntil != 0 && a.LockedUntil <= now {
		a.times, a.LockedUntil = nil, 0
	}
	a.times = slices.DeleteFunc(a.times, func(t int64) bool { return t <= before })
}

// SignInsLeft is how many attempts keys have before the first of them locks, 0 when one is locked.
func (s *Store) SignInsLeft(ctx context.Context, keys []string, max int, window time.Duration) (int, error) {
	now := s.now()
	var rows []attempts
	err := s.reads.WithContext(ctx).Raw(`SELECT hash, times, locked_until FROM sign_ins WHERE hash IN ?`, s.signInHashes(keys)).Scan(&rows).Error
	if err != nil {
		return 0, fmt.Errorf("count attempts to sign in: %w", err)
	}
	left := max
	for _, a := range rows {
		if err := json.Unmarshal([]byte(a.Times), &a.times); err != nil {
			return 0, fmt.Errorf("count attempts to sign in: %w", err)
		}
		if a.LockedUntil > micros(now) {
			return 0, nil
		}
		a.forget(micros(now), micros(now.Add(-window)))
		left = min(left, max-len(a.times))
	}
	return left, nil
}

// SignedIn says that an attempt was right: it and the failures before it are forgotten.
func (s *Store) SignedIn(ctx context.Context, keys []string) error {
	err := s.db.WithContext(ctx).Exec(`DELETE FROM sign_ins WHERE hash IN ?`, s.signInHashes(keys)).Error
	if err != nil {
		return fmt.Errorf("forget attempts to sign in: %w", err)
	}
	return nil
}

// UndoSignIn takes back one attempt, and the lock it set: the password was not judged, or does not count (LNK-04).
func (s *Store) UndoSignIn(ctx context.Context, keys []string) error {
	return s.withAttempts(ctx, keys, func(tx *gorm.DB, rows []attempts) error {
		for _, a := range rows {
			if len(a.times) == 0 {
				continue
			}
			a.times, a.LockedUntil = a.times[:len(a.times)-1], 0
			if err := s.keepAttempts(tx, a); err != nil {
				return err
			}
		}
		return nil
	})
}

// withAttempts runs f in a transaction that has locked the rows of keys.
func (s *Store) withAttempts(ctx context.Context, keys []string, f func(*gorm.DB, []attempts) error) error {
	err := s.transaction(ctx, func(tx *gorm.DB) error {
		rows := make([]attempts, 0, len(keys))
		for _, hash := range s.signInHashes(keys) {
			var a attempts
			err := tx.Raw(`INSERT INTO sign_ins (hash, times, locked_until, updated_at) VALUES (?, '[]', 0, ?)
				ON CONFLICT (hash) DO UPDATE SET updated_at = excluded.updated_at
				RETURNING hash, times, locked_until`, hash, micros(s.now())).Scan(&a).Error
			if err != nil {
				return err
			}
			if err := json.Unmarshal([]byte(a.Times), &a.times); err != nil {
				return err
			}
			rows = append(rows, a)
		}
		return f(tx, rows)
	})
	if err != nil {
		return fmt.Errorf("count attempts to sign in: %w", err)
	}
	return nil
}

func (s *Store) keepAttempts(tx *gorm.DB, a attempts) error {
	times, err := json.Marshal(a.times)
	if err != nil {
		return err
	}
	return tx.Exec(`UPDATE sign_ins SET times = ?, locked_until = ? WHERE hash = ?`, string(times), a.LockedUntil, a.Hash).Error
}

// signInHashes are the hashes of keys, without repetition and in the order in which they are locked.
func (s *Store) signInHashes(keys []string) []string {
	hashes := make([]string, len(keys))
	for i, k := range keys {
		hashes[i] = s.keys.hash(signInHash, k)
	}
	slices.Sort(hashes)
	return slices.Compact(hashes)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
