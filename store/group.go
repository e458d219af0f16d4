package store

import (
	"context"
	"errors"
	"sync"
)

// errClosed is what calls get that come after Close.
var errClosed = errors.New("the store is closed")

// A group commits what many callers bring with as few transactions as it can: what queued up during one commit goes
// into the next. There is no timer, so whoever comes alone waits for nobody.
type group[T any] struct {
	// commit stores the members. It answers with an error for all, or with one for each: nil or as long as members.
	commit func(members []T) ([]error, error)
	// contagious reports whether an error for all may be the fault of one of them. Then each is committed alone.
	contagious func(error) bool
	// weight and key of a member: one commit takes up to limit together and never two with the same key.
	weight func(T) int
	key    func(T) string
	limit  int

	mu      sync.Mutex
	queue   []*member[T]
	running bool // a goroutine is committing
	closed  bool
	idle    sync.Cond // running turned false
}

type member[T any] struct {
	value T
	done  chan error
}

func newGroup[T any](limit int, weight func(T) int, key func(T) string, contagious func(error) bool, commit func([]T) ([]error, error)) *group[T] {
	g := &group[T]{commit: commit, contagious: contagious, weight: weight, key: key, limit: limit}
	g.idle.L = &g.mu
	return g
}

// do commits v together with others and returns what became of it. Once queued, v is committed whether or not ctx
// ends: an answer that nobody waited for would leave open what happened.
func (g *group[T]) do(ctx context.Context, v T) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m := &member[T]{value: v, done: make(chan error, 1)}
	g.mu.Lock()
	if g.closed {
		g.mu.Unlock()
		return errClosed
	}
	g.queue = append(g.queue, m)
	if !g.running {
		g.running = true
		go g.run()
	}
	g.mu.Unlock()
	return <-m.done
}

// close refuses new members and returns when all that were queued have their answer.
func (g *group[T]) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = true
	for g.running {
		g.idle.Wait()
	}
}

// run commits until the queue is empty.
func (g *group[T]) run() {
	for {
		g.mu.Lock()
		batch := g.take()
		if len(batch) == 0 {
			g.running = false
			g.idle.Broadcast()
			g.mu.Unlock()
			return
		}
		g.mu.Unlock()
		g.flush(batch)
	}
}

// take removes the next batch from the queue; members whose key is in it already keep their place for a later one.
func (g *group[T]) take() []*member[T] {
	var batch, left []*member[T]
	weight, keys := 0, make(map[string]bool)
	for i, m := range g.queue {
		w := g.weight(m.value)
		if len(batch) > 0 && weight+w > g.limit {
			left = append(left, g.queue[i:]...)
			break
		}
		if g.key != nil {
			k := g.key(m.value)
			if keys[k] {
				left = append(left, m)
				continue
			}
			keys[k] = true
		}
		weight += w
		batch = append(batch, m)
	}
	g.queue = left
	return batch
}

func (g *group[T]) flush(batch []*member[T]) {
	values := make([]T, len(batch))
	for i, m := range batch {
		values[i] = m.value
	}
	errs, err := g.commit(values)
	if err != nil && len(batch) > 1 && g.contagious(err) {
		for _, m := range batch {
			g.flush([]*member[T]{m})
		}
		return
	}
	for i, m := range batch {
		if err == nil && errs != nil {
			m.done <- errs[i]
		} else {
			m.done <- err
		}
	}
}
