package linesim

import "time"

// expiring is a map that forgets: an entry after its life, and the oldest when there are too many.
type expiring[V any] struct {
	life  time.Duration
	most  int
	byKey map[string]born[V]
	order []string // keys as they were put, oldest first
}

type born[V any] struct {
	value V
	at    time.Time
}

// put keeps value under a key not used before.
func (e *expiring[V]) put(key string, value V, now time.Time) {
	if e.byKey == nil {
		e.byKey = map[string]born[V]{}
	}
	for len(e.order) > 0 && (len(e.order) >= e.most || now.Sub(e.byKey[e.order[0]].at) > e.life) {
		delete(e.byKey, e.order[0])
		e.order = e.order[1:]
	}
	if _, again := e.byKey[key]; !again {
		e.order = append(e.order, key)
	}
	e.byKey[key] = born[V]{value, now}
}

// get returns what is kept under key, if its life is not over.
func (e *expiring[V]) get(key string, now time.Time) (V, bool) {
	b, ok := e.byKey[key]
	if !ok || now.Sub(b.at) > e.life {
		var none V
		return none, false
	}
	return b.value, true
}

// ring keeps the last size values.
type ring[V any] struct {
	size   int
	values []V
	next   int // where the oldest is, once full
}

func (r *ring[V]) add(v V) {
	if len(r.values) < r.size {
		r.values = append(r.values, v)
		return
	}
	r.values[r.next] = v
	r.next = (r.next + 1) % r.size
}

// all returns the values, oldest first.
func (r *ring[V]) all() []V { return r.latest(len(r.values)) }

// latest returns the last n of the values, oldest first.
func (r *ring[V]) latest(n int) []V {
	out := make([]V, n)
	for i := range out {
		out[i] = r.values[(r.next+len(r.values)-n+i)%len(r.values)]
	}
	return out
}
