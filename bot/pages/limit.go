package pages

import (
	"container/list"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

const (
	// perMinute is generous: many people of one mobile network share an address, and each login ID has its own lock.
	perMinute = 120
	// rememberAddresses bounds the memory; the address that was quiet longest is forgotten first.
	rememberAddresses = 10_000
)

// An addressLimit lets every client address do perMinute things a minute, as many at once.
type addressLimit struct {
	now    func() time.Time
	mu     sync.Mutex
	recent *list.List // of *address, the latest in front
	known  map[netip.Prefix]*list.Element
}

type address struct {
	prefix  netip.Prefix
	limiter *rate.Limiter
}

func newAddressLimit(now func() time.Time) *addressLimit {
	return &addressLimit{now: now, recent: list.New(), known: map[netip.Prefix]*list.Element{}}
}

// take counts one thing done by ip. It returns how long to wait when that is too much, and counts nothing then.
func (l *addressLimit) take(ip string) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	key := neighbourhood(ip)
	e, ok := l.known[key]
	if ok {
		l.recent.MoveToFront(e)
	} else {
		e = l.recent.PushFront(&address{key, rate.NewLimiter(rate.Limit(perMinute)/60, perMinute)})
		l.known[key] = e
	}
	if l.recent.Len() > rememberAddresses {
		oldest := l.recent.Remove(l.recent.Back()).(*address)
		delete(l.known, oldest.prefix)
	}
	now := l.now()
	reservation := e.Value.(*address).limiter.ReserveN(now, 1)
	wait := reservation.DelayFrom(now)
	if wait > 0 {
		reservation.CancelAt(now)
	}
	return wait
}

// neighbourhood is what one subscriber can choose from: an IPv4 address, or the /64 of an IPv6 address. Whatever is
// no address at all shares one.
func neighbourhood(ip string) netip.Prefix {
	addr, err := netip.ParseAddr(ip)
	if err != nil {
		return netip.Prefix{}
	}
	addr = addr.Unmap().WithZone("")
	bits := addr.BitLen()
	if addr.Is6() {
		bits = 64
	}
	prefix, _ := addr.Prefix(bits)
	return prefix
}
