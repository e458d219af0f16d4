package store

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	// dueChannel is where processes tell each other that a lane became due. The payload names who tells.
	dueChannel = "tsunagu_due"
	// tellEvery is how long the next word waits after one: under load others are woken 200 times a second and no more.
	tellEvery = 5 * time.Millisecond
	// tellTime bounds one word.
	tellTime = 2 * time.Second
	// listenAgain is the pause before a lost connection is made again. Meanwhile there is the poll.
	listenAgain = time.Second
)

// A herald tells the other processes on one PostgreSQL that something became due here. Nothing depends on it: who does
// not hear finds the lane at the next poll.
type herald struct {
	name string // of this process
	tell func(ctx context.Context, name string) error

	news chan struct{}
	quit chan struct{}
	once sync.Once
	gone sync.WaitGroup
}

func newHerald(name string, tell func(ctx context.Context, name string) error) *herald {
	h := &herald{name: name, tell: tell, news: make(chan struct{}, 1), quit: make(chan struct{})}
	h.gone.Go(h.run)
	return h
}

// due has the others told soon. What comes within a short while is one word.
func (h *herald) due() {
	select {
	case h.news <- struct{}{}:
	default:
	}
}

func (h *herald) run() {
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		select {
		case <-h.news:
			h.word()
		case <-h.quit:
			select { // a command that ends at once has something to tell, too
			case <-h.news:
				h.word()
			default:
			}
			return
		}
		pause.Reset(tellEvery)
		select {
		case <-pause.C:
		case <-h.quit:
		}
	}
}

func (h *herald) word() {
	ctx, cancel := context.WithTimeout(context.Background(), tellTime)
	defer cancel()
	_ = h.tell(ctx, h.name) // the poll finds what nobody heard of
}

func (h *herald) close() {
	h.once.Do(func() { close(h.quit) })
	h.gone.Wait()
}

// Listen makes Wake ready when something became due in another process, until ctx ends. On SQLite there is no other
// process to hear of. A connection that gets lost is made again.
func (s *Store) Listen(ctx context.Context) {
	if s.sqlite() {
		return
	}
	for ctx.Err() == nil {
		err := s.listen(ctx)
		if ctx.Err() != nil {
			return
		}
		s.log.Warn("not listening to other processes, due lanes are found by the poll", "err", withoutAddress(err))
		pause := time.NewTimer(listenAgain)
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
		}
	}
}

func (s *Store) listen(ctx context.Context) (err error) {
	conn, err := pgx.ConnectConfig(ctx, s.listens.Copy())
	if err != nil {
		return err
	}
	defer func() {
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), tellTime)
		defer cancel()
		err = errors.Join(err, conn.Close(ending))
	}()
	if _, err := conn.Exec(ctx, "LISTEN "+dueChannel); err != nil {
		return err
	}
	s.awake() // for what was said before we listened
	for {
		word, err := conn.WaitForNotification(ctx)
		if err != nil {
			return err
		}
		if word.Payload != s.herald.name {
			s.awake()
		}
	}
}
