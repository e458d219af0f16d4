package linesim

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Faults of a webhook's delivery.
const (
	FaultDuplicate = "duplicate" // the body is delivered twice, at the same time and without a mark
	FaultRedeliver = "redeliver" // the bot's 2xx gets lost: the event comes again
	FaultReorder   = "reorder"   // the event is held for Delay while later ones of the same person overtake it
	FaultBatch     = "batch"     // the event waits for Delay, and goes out in one body with others that wait
	FaultSignature = "signature" // it first comes wrongly signed
	FaultStandby   = "standby"   // another channel holds the chat: the event cannot be answered
	FaultHangUp    = "hang up"   // LINE hangs up before the bot's answer, and delivers the event again
)

// Faults of the bot's calls.
const (
	Fault429     = "429"         // refused for the rate limit
	FaultMonthly = "429 monthly" // refused for the month's quota; of messages only
	Fault500     = "500"         // failed, without effect
	Fault500Done = "500 done"    // failed, though it was carried out
	FaultSlow    = "slow"        // carried out after Delay
	FaultLost    = "lost"        // carried out; the connection is cut before the answer
	FaultDropped = "dropped"     // the connection is cut before anything is carried out
	FaultExpired = "expired"     // the access token is not taken
	FaultBlocked = "blocked"     // the person concerned blocks the account at that moment
)

// FaultKinds are all kinds, those of webhooks first.
var FaultKinds = []string{
	FaultDuplicate, FaultRedeliver, FaultReorder, FaultBatch, FaultSignature, FaultStandby, FaultHangUp,
	Fault429, FaultMonthly, Fault500, Fault500Done, FaultSlow, FaultLost, FaultDropped, FaultExpired, FaultBlocked,
}

const webhookFaults = 7 // of FaultKinds

// A Fault is one kind of trouble this LINE makes.
type Fault struct {
	Kind string `json:"kind"`
	// Path limits a fault of calls to paths that begin so. Without one it concerns what bots call while people wait:
	// messages, link tokens, people's menus, profiles, content, the loading sign. Webhooks have none.
	Path  string   `json:"path,omitempty"`
	Share float64  `json:"share"`           // of the chances it has: above 0, at most 1
	Count int      `json:"count,omitempty"` // strikes at most so often; 0: no limit
	Delay Duration `json:"delay,omitempty"` // default: 1 s for slow, 300 ms for reorder, 50 ms for batch
}

// A FaultState is a fault and how often it struck.
type FaultState struct {
	Fault
	Struck int `json:"struck"`
}

// A Duration is written as in Go: "1.5s".
type Duration time.Duration

func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	*d = Duration(parsed)
	return err
}

// soon is the wait before an event comes again that a fault kept from the bot.
const soon = 100 * time.Millisecond

// troubles are the faults that are set.
type troubles struct {
	mu     sync.Mutex
	seed   uint64
	random *rand.Rand
	faults []FaultState
}

// SetFaults replaces the faults; without any, LINE makes no trouble. Chances are drawn from seed: the same seed gives
// the same draws for the same chances. The error says what is wrong with a fault.
func (s *Sim) SetFaults(seed uint64, faults ...Fault) error {
	t := &troubles{seed: seed, random: rand.New(rand.NewPCG(seed, seed))}
	for _, f := range faults {
		at := slices.Index(FaultKinds, f.Kind)
		switch {
		case at < 0:
			return fmt.Errorf("no fault is called %q; there are: %s", f.Kind, strings.Join(FaultKinds, ", "))
		case !(f.Share > 0 && f.Share <= 1):
			return fmt.Errorf("%s: the share must be above 0 and at most 1", f.Kind)
		case f.Count < 0 || f.Delay < 0:
			return fmt.Errorf("%s: count and delay cannot be negative", f.Kind)
		case f.Path != "" && at < webhookFaults:
			return fmt.Errorf("%s: a path belongs to faults of calls; webhooks have none", f.Kind)
		case f.Path != "" && !strings.HasPrefix(f.Path, "/"):
			return fmt.Errorf("%s: the path must begin with a slash, like /v2/bot/message/push", f.Kind)
		}
		t.faults = append(t.faults, FaultState{Fault: f})
	}
	if len(faults) == 0 {
		t = nil
	}
	s.troubles.Store(t)
	s.feed.publish("faults", struct{}{})
	return nil
}

// Faults returns what is set.
func (s *Sim) Faults() (seed uint64, faults []FaultState) {
	t := s.troubles.Load()
	if t == nil {
		return 0, nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.seed, slices.Clone(t.faults)
}

// strike draws for each fault that fits, in their order, and returns the first that strikes.
func (s *Sim) strike(fits func(Fault) bool) (f Fault, struck bool) {
	t := s.troubles.Load()
	if t == nil {
		return f, false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range t.faults {
		f := &t.faults[i]
		if !fits(f.Fault) || f.Count > 0 && f.Struck >= f.Count || t.random.Float64() >= f.Share {
			continue
		}
		f.Struck++
		return f.Fault, true
	}
	return f, false
}

// strikes draws for one kind of webhook fault.
func (s *Sim) strikes(kind string) bool {
	_, struck := s.strike(func(f Fault) bool { return f.Kind == kind })
	return struck
}

// delayOf is the delay of a kind that is set, or the usual one.
func (s *Sim) delayOf(kind string, usual time.Duration) time.Duration {
	_, faults := s.Faults()
	for _, f := range faults {
		if f.Kind == kind && f.Delay > 0 {
			return time.Duration(f.Delay)
		}
	}
	return usual
}

// atWork are the endpoints that a fault without a path concerns.
var atWork = []string{
	"/v2/bot/message/reply", "/v2/bot/message/push", "/v2/bot/message/multicast", "/v2/bot/user/", "/v2/bot/chat/",
	"/v2/bot/profile/", "/v2/bot/message/",
}

// hits reports whether a fault of calls concerns this path.
func (f Fault) hits(path string) bool {
	at := slices.Index(FaultKinds, f.Kind)
	sends := strings.HasPrefix(path, "/v2/bot/message/reply") || strings.HasPrefix(path, "/v2/bot/message/push") ||
		strings.HasPrefix(path, "/v2/bot/message/multicast")
	switch {
	case at < webhookFaults, f.Kind == FaultMonthly && !sends:
		return false
	case f.Path != "":
		return strings.HasPrefix(path, f.Path)
	case strings.HasPrefix(path, "/v2/bot/message/quota"), strings.HasPrefix(path, "/v2/bot/user/all/"):
		return false
	}
	return slices.ContainsFunc(atWork, func(prefix string) bool { return strings.HasPrefix(path, prefix) })
}

// troubled is answer with the trouble that strikes this call. cut means that the bot gets no answer at all.
func (s *Sim) troubled(c *call) (a answer, cut bool) {
	f, struck := s.strike(func(f Fault) bool { return f.hits(c.URL.Path) })
	if !struck {
		return s.answer(c), false
	}
	switch f.Kind {
	case Fault429:
		return tooManyCalls, false
	case FaultMonthly:
		return overQuota, false
	case Fault500:
		return internalError, false
	case Fault500Done:
		s.answer(c)
		return internalError, false
	case FaultExpired:
		return notAdmitted, false
	case FaultDropped:
		return answer{}, true
	case FaultLost:
		return s.answer(c), true
	case FaultSlow:
		wait := time.Duration(f.Delay)
		if wait == 0 {
			wait = time.Second
		}
		select {
		case <-s.after(wait):
		case <-c.Context().Done():
			return answer{}, true
		}
	case FaultBlocked:
		c.blocked = true
	}
	return s.answer(c), false
}

var (
	tooManyCalls  = refuse(http.StatusTooManyRequests, "The API rate limit has been exceeded. Try again later.")
	internalError = refuse(http.StatusInternalServerError, "Internal server error")
	notAdmitted   = refuse(http.StatusUnauthorized, "Authentication failed due to the following reason: invalid token. Confirm that the access token in the authorization header is valid.")
)

// A batch is one body with the events of several people.
type batch struct {
	events []json.RawMessage
	sent   chan struct{} // closed when it was delivered
	status int
	err    error
}

// join puts an event into the body that is waiting, or begins one, and returns what became of its delivery.
func (s *Sim) join(to string, raw json.RawMessage) (status int, err error) {
	s.mu.Lock()
	b := s.gathering
	if b == nil {
		b = &batch{sent: make(chan struct{})}
		s.gathering = b
		go func() {
			select {
			case <-s.after(s.delayOf(FaultBatch, 50*time.Millisecond)):
			case <-s.ended.Done():
			}
			s.mu.Lock()
			s.gathering = nil
			s.mu.Unlock()
			b.status, b.err = s.post(s.ended, to, b.events)
			close(b.sent)
		}()
	}
	b.events = append(b.events, raw)
	s.mu.Unlock()
	<-b.sent
	return b.status, b.err
}

var errHungUp = errors.New("LINE hung up")

type faultsView struct {
	Kinds  []string     `json:"kinds"`
	Seed   uint64       `json:"seed"`
	Faults []FaultState `json:"faults"`
}

// getFaults is GET /phone/api/faults.
func (s *Sim) getFaults(w http.ResponseWriter, r *http.Request) {
	seed, faults := s.Faults()
	if faults == nil {
		faults = []FaultState{}
	}
	writeJSON(w, http.StatusOK, faultsView{FaultKinds, seed, faults})
}

// putFaults is PUT /phone/api/faults: {"seed":1,"faults":[{"kind":"lost","share":0.1}]}; an empty list ends all.
func (s *Sim) putFaults(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Seed   uint64
		Faults []Fault
	}
	if !readJSON(w, r, &in) {
		return
	}
	if err := s.SetFaults(in.Seed, in.Faults...); err != nil {
		writeError(w, http.StatusBadRequest, err.Error())
		return
	}
	s.getFaults(w, r)
}
