package linesim

import (
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"
)

const (
	newsKept  = 1024
	pingEvery = 15 * time.Second
)

// A feed is the news for the phones. News waits in a ring from the first stream's beginning on, and each stream reads on
// from where it is. A stream that fell behind the ring is told to start over.
type feed struct {
	mu   sync.Mutex
	read bool // by any stream, ever
	last int64
	kept ring[news]
	more chan struct{} // closed at the next news; nil while nobody waits
}

// news is one server-sent event; data becomes JSON where it is sent.
type news struct {
	id   int64
	kind string
	data any
}

// What the events carry.
type (
	entryNews struct {
		Person string `json:"person"`
		Entry  Entry  `json:"entry"`
	}
	menuNews struct {
		Person string    `json:"person"`
		Menu   *menuView `json:"menu"`
	}
	loadingView struct {
		Person  string `json:"person"`
		Seconds int    `json:"seconds"`
	}
	clockView struct {
		Now time.Time `json:"now"`
	}
)

// publish adds news. data must not change afterwards.
func (f *feed) publish(kind string, data any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.last++
	if !f.read {
		return
	}
	f.kept.add(news{f.last, kind, data})
	if f.more != nil {
		close(f.more)
		f.more = nil
	}
}

// reset tells the phones to ask for everything again.
func (f *feed) reset() { f.publish("reset", struct{}{}) }

// since returns what came after an id and a channel that is closed when there is more; ok is false when some of it is
// forgotten, or the id is of another run.
func (f *feed) since(id int64) (all []news, last int64, ok bool, more <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.read = true
	if f.more == nil {
		f.more = make(chan struct{})
	}
	missed := f.last - id
	if missed < 0 || missed > int64(len(f.kept.values)) {
		return nil, f.last, false, f.more
	}
	return f.kept.latest(int(missed)), f.last, true, f.more
}

// streamEvents is GET /phone/api/events.
func (s *Sim) streamEvents(w http.ResponseWriter, r *http.Request) {
	out := http.NewResponseController(w)
	out.SetWriteDeadline(time.Time{}) // a server without deadlines has none to lift
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	_, last, _, _ := s.feed.since(0) // a new stream begins here
	if id, err := strconv.ParseInt(r.Header.Get("Last-Event-ID"), 10, 64); err == nil {
		last = id
	}
	fmt.Fprint(w, ": hello\n\n")
	ping := time.NewTicker(pingEvery)
	defer ping.Stop()
	for {
		all, now, ok, more := s.feed.since(last)
		if !ok {
			all = []news{{now, "reset", struct{}{}}}
		}
		for _, n := range all {
			fmt.Fprintf(w, "id: %d\nevent: %s\ndata: %s\n\n", n.id, n.kind, compact(n.data))
		}
		last = now
		if out.Flush() != nil {
			return
		}
		select {
		case <-more:
		case <-ping.C:
			fmt.Fprint(w, ": ping\n\n")
		case <-r.Context().Done():
			return
		case <-s.ended.Done():
			return
		}
	}
}
