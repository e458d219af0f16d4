package linesim

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptrace"
	"slices"
	"strings"
	"sync"
	"time"
)

// Faults of a webhook's delivery. They can meet in one event. Those that have it delivered again strike its first
// delivery only, so that a bot that works has every event in the end; a LINE without redelivery (Config.NoRedelivery)
// delivers again for them all the same.
const (
	FaultDuplicate = "duplicate" // the body is delivered twice, at the same time and without a mark
	FaultRedeliver = "redeliver" // the bot's 2xx gets lost: the event comes again
	FaultReorder   = "reorder"   // the event is held for Delay while later ones of the same person overtake it
	FaultBatch     = "batch"     // the event waits for Delay, and goes out in one body with others that wait
	FaultSignature = "signature" // it first comes wrongly signed, and then again
	FaultStandby   = "standby"   // another channel holds the chat: the event cannot be answered
	FaultHangUp    = "hang up"   // LINE hangs up Delay after it sent the body, and delivers the event again
)

// Faults of the bot's calls.
const (
	Fault429     = "429"         // refused for the rate limit
	FaultMonthly = "429 monthly" // refused for the month's quota; of messages only
	Fault500     = "500"         // failed, without effect
	Fault500Done = "500 done"    // failed, though it was carried out
	FaultSlow    = "slow"        // carried out after Delay, even if the bot hung up meanwhile
	FaultLost    = "lost"        // carried out; the connection is cut before the answer
	FaultDropped = "dropped"     // the connection is cut before anything is carried out
	FaultExpired = "expired"     // the access token is not taken
	FaultBlocked = "blocked"     // the friend concerned, of a multicast the first, blocks the account at that moment
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
	Delay Duration `json:"delay,omitempty"` // default: 1 s for slow, 300 ms for reorder, 50 ms for batch, 2 ms for hang up
}

// usualDelays are the kinds that have a delay.
var usualDelays = map[string]time.Duration{
	FaultReorder: 300 * time.Millisecond,
	FaultBatch:   50 * time.Millisecond,
	FaultHangUp:  2 * time.Millisecond, // about as long as a bot takes
	FaultSlow:    time.Second,
}

func (f Fault) delay() time.Duration { return cmp.Or(time.Duration(f.Delay), usualDelays[f.Kind]) }

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
// the same draws for the same chances. Of several faults of a webhook's kind or of calls, the first that strikes counts.
// The error says what is wrong with a fault, and nothing has changed.
func (s *Sim) SetFaults(seed uint64, faults ...Fault) error {
	t := &troubles{seed: seed, random: rand.New(rand.NewPCG(seed, seed))}
	for _, f := range faults {
		if wrong := f.wrong(); wrong != "" {
			return fmt.Errorf("%s: %s", f.Kind, wrong)
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

// wrong is what has to change before the fault can strike, or "".
func (f Fault) wrong() string {
	ofWebhooks := f.ofWebhooks()
	_, waits := usualDelays[f.Kind]
	switch {
	case !slices.Contains(FaultKinds, f.Kind):
		return "there is no such fault; choose one of: " + strings.Join(FaultKinds, ", ")
	case !(f.Share > 0 && f.Share <= 1): // also what is not a number
		return "the share must be above 0 and at most 1"
	case f.Count < 0:
		return "the count must be 0, for no limit, or more"
	case f.Delay < 0:
		return `the delay must be 0, for the usual one, or more, like "1.5s"`
	case f.Delay > 0 && !waits:
		return "leave the delay out; this fault waits for nothing"
	case f.Path != "" && ofWebhooks:
		return "leave the path out; only faults of calls have one"
	case f.Path != "" && !isAPI(f.Path):
		return "the path must begin with /v2/ or /oauth2/, like /v2/bot/message/push"
	case f.Kind == FaultMonthly && !slices.ContainsFunc(sending, func(path string) bool { return strings.HasPrefix(path, f.Path) }):
		return "only messages meet the month's limit; leave the path out or choose one of: " + strings.Join(sending, ", ")
	}
	return ""
}

func (f Fault) ofWebhooks() bool { return slices.Contains(FaultKinds[:webhookFaults], f.Kind) }

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
func (t *troubles) strike(fits func(Fault) bool) (Fault, bool) {
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
	return Fault{}, false
}

// strikes draws for one kind of webhook fault.
func (s *Sim) strikes(kind string) (Fault, bool) {
	t := s.troubles.Load()
	if t == nil {
		return Fault{}, false
	}
	return t.strike(func(f Fault) bool { return f.Kind == kind })
}

// sending are the endpoints of messages.
var sending = []string{"/v2/bot/message/reply", "/v2/bot/message/push", "/v2/bot/message/multicast"}

// What a fault without a path concerns: all that begins with one of atWork and with none of atRest.
var (
	atWork = []string{"/v2/bot/message/", "/v2/bot/user/", "/v2/bot/chat/", "/v2/bot/profile/"}
	atRest = []string{"/v2/bot/message/quota", "/v2/bot/message/validate/", "/v2/bot/user/all/"}
)

// hits reports whether a fault of calls concerns this path.
func (f Fault) hits(path string) bool {
	begins := func(prefix string) bool { return strings.HasPrefix(path, prefix) }
	switch {
	case f.ofWebhooks(), f.Kind == FaultMonthly && !slices.Contains(sending, path):
		return false
	case f.Path != "":
		return begins(f.Path)
	}
	return slices.ContainsFunc(atWork, begins) && !slices.ContainsFunc(atRest, begins)
}

// troubled is answer with the trouble that strikes this call. cut means that the bot gets no answer at all.
func (s *Sim) troubled(c *call) (a answer, cut bool) {
	t := s.troubles.Load()
	if t == nil {
		return s.answer(c), false
	}
	concerned := s.concerned(c)
	f, struck := t.strike(func(f Fault) bool {
		return f.hits(c.URL.Path) && (f.Kind != FaultBlocked || concerned != nil)
	})
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
		select {
		case <-s.after(f.delay()):
		case <-s.ended.Done():
		}
	case FaultBlocked:
		concerned.Block()
	}
	return s.answer(c), false
}

// concerned is the friend a call is about, or nil: named in its path or its body, or the one a token there is of.
func (s *Sim) concerned(c *call) *Person {
	var in struct {
		To                                  json.RawMessage // one ID or several
		ChatID, ReplyToken, MarkAsReadToken string
	}
	if body, err := c.read(); err == nil {
		_ = json.Unmarshal(body, &in) // what cannot be read names nobody
	}
	id := in.ChatID
	if _, params := endpointOf(c.Method, c.URL.EscapedPath()); len(params) > 0 {
		id = params[0]
	}
	var several []string
	if json.Unmarshal(in.To, &several) == nil && len(several) > 0 {
		id = several[0]
	} else if len(in.To) > 0 {
		_ = json.Unmarshal(in.To, &id)
	}
	if reader, _, ok := s.unseal(marking, in.MarkAsReadToken); ok {
		id = reader
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.people[id]
	if token, ok := s.replyTokens.get(in.ReplyToken, s.now()); ok {
		p = token.person
	}
	if p == nil || !p.friend || p.blocked {
		return nil
	}
	return p
}

var (
	tooManyCalls  = refuse(http.StatusTooManyRequests, "The API rate limit has been exceeded. Try again later.")
	internalError = refuse(http.StatusInternalServerError, "Internal server error")
	notAdmitted   = refuse(http.StatusUnauthorized, "Authentication failed due to the following reason: invalid token. Confirm that the access token in the authorization header is valid.")
)

// A batch is one body with the events of several people.
type batch struct {
	events []json.RawMessage
	twice  bool
	sent   chan struct{} // closed when it was delivered
	status int
	err    error
}

// join puts an event into the body that is waiting, or begins one that waits for so long, and returns what became of
// its delivery.
func (s *Sim) join(to string, raw json.RawMessage, twice bool, wait time.Duration) (status int, err error) {
	s.mu.Lock()
	b := s.gathering
	if b == nil {
		b = &batch{sent: make(chan struct{})}
		s.gathering = b
		go func() {
			select {
			case <-s.after(wait):
			case <-s.ended.Done():
			}
			s.mu.Lock()
			s.gathering = nil
			s.mu.Unlock()
			b.status, b.err = s.send(to, b.twice, b.events...)
			close(b.sent)
		}()
	}
	b.events = append(b.events, raw)
	b.twice = b.twice || twice
	s.touched()
	s.mu.Unlock()
	<-b.sent
	return b.status, b.err
}

// send posts a body, with a copy of it at the same time if it is to come twice. The original's answer counts.
func (s *Sim) send(to string, twice bool, events ...json.RawMessage) (status int, err error) {
	var copied sync.WaitGroup
	if twice {
		copied.Go(func() { _, _ = s.post(s.ended, to, events) })
	}
	defer copied.Wait()
	return s.post(s.ended, to, events)
}

// hangUp posts an event and cuts the connection so long after the body went out. Whatever the bot answers, LINE has not
// heard it.
func (s *Sim) hangUp(to string, raw json.RawMessage, wait time.Duration) error {
	ctx, cancel := context.WithCancelCause(s.ended)
	defer cancel(nil)
	wrote := func(httptrace.WroteRequestInfo) {
		go func() {
			select {
			case <-s.after(wait):
			case <-ctx.Done():
			}
			cancel(errHungUp)
		}()
	}
	_, err := s.post(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteRequest: wrote}), to, []json.RawMessage{raw})
	if err == nil {
		err = errHungUp
	}
	return err
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

// putFaults is PUT /phone/api/faults: {"seed":1,"faults":[{"kind":"lost","share":0.1}]}; an empty list ends all. It
// takes what GET answers, too.
func (s *Sim) putFaults(w http.ResponseWriter, r *http.Request) {
	var in faultsView
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	d.DisallowUnknownFields() // a mistyped name would be a fault that never strikes
	if err := d.Decode(&in); err != nil {
		writeError(w, http.StatusBadRequest, `The body must be like {"seed":1,"faults":[{"kind":"slow","share":0.1,"count":5,"delay":"1.5s","path":"/v2/bot/message/push"}]}: `+err.Error())
		return
	}
	faults := make([]Fault, len(in.Faults))
	for i, f := range in.Faults {
		faults[i] = f.Fault
	}
	if err := s.SetFaults(in.Seed, faults...); err != nil {
		writeError(w, http.StatusBadRequest, err.Error())
		return
	}
	s.getFaults(w, r)
}
