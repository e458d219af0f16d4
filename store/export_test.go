package store

import (
	"context"
	"fmt"
	"time"
)

// NextDue is the earliest time at which a lane wants a worker; ok is false when none does.
func (s *Store) NextDue(ctx context.Context) (at time.Time, ok bool, err error) {
	var due []int64
	err = s.reads.WithContext(ctx).Raw(`SELECT due_at FROM lanes WHERE due_at IS NOT NULL ORDER BY due_at LIMIT 1`).Scan(&due).Error
	if err != nil {
		return time.Time{}, false, fmt.Errorf("look for the next due lane: %w", err)
	}
	if len(due) == 0 {
		return time.Time{}, false, nil
	}
	return fromMicros(due[0]), true, nil
}
