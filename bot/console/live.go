package console

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"tsunagu/flows"
)

const (
	// lookEvery is how often other processes' changes are looked for; this one's are known at once.
	lookEvery = 150 * time.Millisecond
	// beatEvery is how often a stream shows that it is alive, and its operator is noted as present.
	beatEvery = 10 * time.Second
	// askNameEvery is how long a person without a known name is left alone after LINE did not tell it.
	askNameEvery = 10 * time.Minute
)

// A hub looks what changed at the desk and tells every browser that listens. It works while somebody does.
type hub struct {
	console *Console
	ctx     context.Context
	stop    context.CancelFunc

	mu      sync.Mutex
	streams map[*stream]bool
	running bool
	version int64
	asked   map[string]time.Time // people whose name was asked for
}

// A stream is one browser that listens. What comes is dropped once it lags behind: then it is ended, and asks for what it
// missed when it comes back.
type stream struct {
	operator flows.Operator
	news     chan []byte
}

func newHub(c *Console) *hub {
	ctx, stop := context.WithCancel(context.Background())
	return &hub{console: c, ctx: ctx, stop: stop, streams: map[*stream]bool{}, asked: map[string]time.Time{}}
}

func (h *hub) close() { h.stop() }

func (h *hub) join(o flows.Operator) *stream {
	s := &stream{operator: o, news: make(chan []byte, 64)}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.streams[s] = true
	if !h.running {
		h.running = true
		go h.run()
	}
	return s
}

func (h *hub) leave(s *stream) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.streams[s] {
		delete(h.streams, s)
		close(s.news)
	}
}

// run looks for changes until nobody listens any more.
func (h *hub) run() {
	tick, beat := time.NewTicker(lookEvery), time.NewTicker(beatEvery)
	defer tick.Stop()
	defer beat.Stop()
	h.present()
	for {
		h.look()
		select {
		case <-h.console.Desk.DeskChanged():
		case <-tick.C:
		case <-beat.C:
			h.present()
		case <-h.ctx.Done():
			return
		}
		h.mu.Lock()
		if len(h.streams) == 0 {
			h.running = false
			h.mu.Unlock()
			return
		}
		h.mu.Unlock()
	}
}

// present notes whose browsers listen.
func (h *hub) present() {
	h.mu.Lock()
	var names []string
	for s := range h.streams {
		names = append(names, s.operator.Name)
	}
	h.mu.Unlock()
	slices.Sort(names)
	if err := h.console.Desk.Seen(h.ctx, slices.Compact(names)); err != nil && h.ctx.Err() == nil {
		h.console.Log.Warn("desk: who is present was not noted", "err", err)
	}
}

// look tells what changed since the last time.
func (h *hub) look() {
	state, err := h.console.Desk.DeskState(h.ctx)
	if err != nil {
		if h.ctx.Err() == nil {
			h.console.Log.Warn("desk: changes could not be read", "err", err)
		}
		return
	}
	h.mu.Lock()
	since, n := h.version, len(h.streams)
	h.mu.Unlock()
	if state.Version == since || n == 0 {
		return
	}
	news, err := h.console.news(h.ctx, since, state)
	if err != nil {
		if h.ctx.Err() == nil {
			h.console.Log.Warn("desk: changes could not be read", "err", err)
		}
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.version = state.Version
	for s := range h.streams {
		select {
		case s.news <- news.bytesFor(s.operator):
		default:
			delete(h.streams, s)
			close(s.news)
		}
	}
	if since > 0 {
		for _, r := range news.rows {
			h.name(r)
		}
	}
}

// name asks LINE what a person is called, once in a while. The caller holds mu.
func (h *hub) name(r flows.DeskRow) {
	now := h.console.Now()
	if r.Name != "" || r.Phase == flows.HelpClosed || now.Sub(h.asked[r.Lane]).Abs() < askNameEvery {
		return
	}
	if len(h.asked) > 10_000 {
		clear(h.asked)
	}
	h.asked[r.Lane] = now
	go h.console.learnName(h.ctx, r.Lane)
}

func (c *Console) learnName(ctx context.Context, lane string) {
	name, picture, err := c.LINE.Profile(ctx, lane)
	if err == nil && name != "" {
		err = c.Desk.NameSessions(ctx, lane, name, picture)
	}
	if err != nil && ctx.Err() == nil {
		c.Log.Debug("desk: a name was not told", "err", err)
	}
}

// A news is what changed, for all.
type news struct {
	version    int64
	rows       []flows.DeskRow
	full, less []byte // as supervisors see it, and without the words of others' chats
	own        map[string][]byte
	common     newsView
}

// A newsView is an event as browsers get it.
type newsView struct {
	Version   int64          `json:"version"`
	Now       int64          `json:"now"` // milliseconds
	Rows      []rowView      `json:"rows"`
	Operators []operatorView `json:"operators"`
	State     stateView      `json:"state"`
	Mentions  []mention      `json:"mentions"` // since the version before
}

// A mention is a note that holds "@name".
type mention struct {
	To      string `json:"to"`
	By      string `json:"by"`
	Session string `json:"session"`
}

// mentions finds whom new notes are for.
func (c *Console) mentions(ctx context.Context, since int64, operators []operatorView) ([]mention, error) {
	notes, err := c.Desk.Notes(ctx, since)
	found := []mention{}
	for _, n := range notes {
		for _, o := range operators {
			if strings.Contains(n.Text, "@"+o.Name) && n.Name != o.Name {
				found = append(found, mention{To: o.Name, By: n.Name, Session: n.Session})
			}
		}
	}
	return found, err
}

type stateView struct {
	Auto    bool   `json:"auto"`
	Open    bool   `json:"open"`
	Closes  string `json:"closes"`  // 19:00
	HardEnd string `json:"hardEnd"` // 19:30
	Opens   string `json:"opens"`   // next, when closed
	Changed bool   `json:"changed"` // today's hours are not the usual ones
}

type operatorView struct {
	Name     string `json:"name"`
	Display  string `json:"display"`
	Role     string `json:"role"`
	Presence string `json:"presence"`
	Seats    int    `json:"seats"`
	Taken    int    `json:"taken"`
}

func (c *Console) stateView(s flows.DeskState) stateView {
	now := c.Now()
	h := c.Settings.HelpHours(now, s.Exception)
	clock := func(t time.Time) string { return t.In(flows.JST).Format("15:04") }
	view := stateView{Auto: s.Auto, Open: h.Open, Closes: clock(h.Closes), HardEnd: clock(h.HardEnd), Changed: s.Exception.Date == now.In(flows.JST).Format(time.DateOnly)}
	if !h.Open && !h.Opens.IsZero() {
		view.Opens = flows.Clock(now, h.Opens)
	}
	return view
}

// news reads what changed after a version; rows of everything that goes on when that is 0.
func (c *Console) news(ctx context.Context, since int64, state flows.DeskState) (*news, error) {
	n := &news{version: state.Version, own: map[string][]byte{}}
	var err error
	if since == 0 {
		n.rows, err = c.Desk.OpenSessions(ctx)
	} else {
		n.rows, err = c.Desk.ChangedSessions(ctx, since)
	}
	if err != nil {
		return nil, err
	}
	operators, err := c.operators(ctx)
	if err != nil {
		return nil, err
	}
	n.common = newsView{Version: state.Version, Now: c.Now().UnixMilli(), Operators: operators, State: c.stateView(state), Mentions: []mention{}}
	if since > 1 {
		n.common.Mentions, err = c.mentions(ctx, since, operators)
	}
	return n, err
}

func (c *Console) operators(ctx context.Context) ([]operatorView, error) {
	all, err := c.Desk.Operators(ctx)
	views := []operatorView{}
	for _, o := range all {
		if !o.Disabled {
			views = append(views, operatorView{Name: o.Name, Display: o.Display, Role: string(o.Role), Presence: string(o.Presence), Seats: o.Seats, Taken: o.Taken})
		}
	}
	return views, err
}

// bytesFor is the event for one operator. Many get the same bytes.
func (n *news) bytesFor(o flows.Operator) []byte {
	if o.Role.May(flows.RoleSupervisor) {
		if n.full == nil {
			n.full = n.encode(func(flows.DeskRow) bool { return true })
		}
		return n.full
	}
	mine := slices.ContainsFunc(n.rows, func(r flows.DeskRow) bool { return r.Operator == o.Name })
	if !mine {
		if n.less == nil {
			n.less = n.encode(func(r flows.DeskRow) bool { return shown(r, flows.Operator{Role: flows.RoleOperator}) })
		}
		return n.less
	}
	if n.own[o.Name] == nil {
		n.own[o.Name] = n.encode(func(r flows.DeskRow) bool { return shown(r, o) })
	}
	return n.own[o.Name]
}

func (n *news) encode(words func(flows.DeskRow) bool) []byte {
	view := n.common
	view.Rows = make([]rowView, len(n.rows))
	for i, r := range n.rows {
		view.Rows[i] = viewOf(r, words(r))
	}
	data, err := json.Marshal(view)
	if err != nil {
		panic(err) // plain structs
	}
	return fmt.Appendf(nil, "id: %d\nevent: desk\ndata: %s\n\n", n.version, data)
}

// shown reports whether an operator may read a session: all but those that others have, which are a supervisor's.
func shown(r flows.DeskRow, o flows.Operator) bool {
	return o.Role.May(flows.RoleSupervisor) || r.Operator == "" || r.Operator == o.Name || r.Phase == flows.HelpClosed
}

// events is the stream of changes: since the version that the browser has, then as they come.
func (c *Console) events(v *visit) error {
	since, _ := strconv.ParseInt(v.QueryParam("since"), 10, 64)
	if last, err := strconv.ParseInt(v.Request().Header.Get("Last-Event-ID"), 10, 64); err == nil && last > since {
		since = last
	}
	s := c.hub.join(v.me)
	defer c.hub.leave(s)
	state, err := c.Desk.DeskState(v.ctx())
	if err != nil {
		return err
	}
	missed, err := c.news(v.ctx(), max(since, 1), state)
	if err != nil {
		return err
	}
	w := v.Response()
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no") // a proxy would hold events back
	w.WriteHeader(http.StatusOK)
	write := func(data []byte) bool {
		_, err := w.Write(data)
		if err == nil {
			w.Flush()
		}
		return err == nil
	}
	if !write(missed.bytesFor(v.me)) {
		return nil
	}
	beat := time.NewTicker(beatEvery)
	defer beat.Stop()
	for {
		select {
		case data, open := <-s.news:
			if !open || !write(data) {
				return nil
			}
		case <-beat.C:
			if _, _, err := c.whoIs(v.Request()); err != nil { // the session was ended
				write([]byte("event: over\ndata: {}\n\n"))
				return nil
			}
			if !write(fmt.Appendf(nil, "event: beat\ndata: {\"now\":%d}\n\n", c.Now().UnixMilli())) {
				return nil
			}
		case <-v.ctx().Done():
			return nil
		case <-c.hub.ctx.Done():
			return nil
		}
	}
}
