package bot

import (
	"bytes"
	"compress/flate"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/google/uuid"

	"tsunagu/flows"
)

// Kinds of deeds.
const (
	kindReply = "reply"
	kindPush  = "push"
	kindMenu  = "menu"
)

const (
	// replyWindow is how long a reply token is trusted: LINE promises a minute.
	replyWindow = 50 * time.Second
	// retryKeyLife is how long a push may be sent again under its key: LINE remembers it for 24 hours.
	retryKeyLife = 23 * time.Hour
	// menuTries bounds a menu, which is not worth holding the lane for.
	menuTries = 3
	// messagesPerCall is LINE's limit.
	messagesPerCall = 5
)

// retryKeys is the name space of retry keys (UUID version 5).
var retryKeys = uuid.MustParse("6d2f0c1e-3f0b-5a57-9a50-2b1d7f4be6a1")

// A call is the body of a deed: what to send, in LINE's JSON, as it will be sent every time.
type call struct {
	ReplyToken string            `json:"reply_token,omitempty"`
	Messages   []json.RawMessage `json:"messages,omitempty"`
	Menu       string            `json:"menu,omitempty"`  // a rich menu's alias
	Entry      string            `json:"entry,omitempty"` // of the transcript, when an operator speaks
}

// packed is how long a call is whose JSON is compressed: cards repeat themselves, and shrink to a quarter.
const packed = 1 << 10

// packers compress; to make one costs more than to use it.
var packers = sync.Pool{New: func() any {
	w, err := flate.NewWriter(nil, flate.BestSpeed)
	if err != nil {
		panic(err) // only for levels that there are not
	}
	return w
}}

// encode is c in JSON, compressed where that pays. The messages are JSON already, and not looked through once more.
func (c call) encode() ([]byte, error) {
	if len(c.Messages) == 0 || c.Entry != "" {
		return json.Marshal(c)
	}
	body, err := messagesBody("reply_token", c.ReplyToken, c.Messages)
	if err != nil || len(body) < packed {
		return body, err
	}
	var small bytes.Buffer
	small.Grow(packed)
	small.WriteByte(0) // no JSON begins so
	w := packers.Get().(*flate.Writer)
	defer packers.Put(w)
	w.Reset(&small)
	if _, err := w.Write(body); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return small.Bytes(), nil
}

// decodeCall is the way back.
func decodeCall(body []byte) (c call, err error) {
	if len(body) > 0 && body[0] == 0 {
		if body, err = io.ReadAll(flate.NewReader(bytes.NewReader(body[1:]))); err != nil {
			return c, err
		}
	}
	err = json.Unmarshal(body, &c)
	return c, err
}

// plan writes effects down as deeds. What is said in one turn goes out in one reply, free of charge; what does not fit
// is pushed after it. The worker remembers the calls, for it performs them next.
func (w *worker) plan(ctx context.Context, a flows.Arrival, replyToken string, effects []flows.Effect) (deeds []flows.Deed, err error) {
	var messages []json.RawMessage
	var menus []call
	entry, at := "", a.At
	for _, e := range effects {
		switch e := e.(type) {
		case flows.Say:
			for _, m := range e.Messages {
				rendered, err := w.render(ctx, m, e.As)
				if err != nil {
					return nil, err
				}
				messages = append(messages, rendered...)
			}
			if e.Entry != "" {
				entry = e.Entry
			}
			if e.ReplyTo > 0 && w.Now().Sub(e.ReplyAt) < replyWindow {
				if replyToken, err = w.tokenOf(ctx, e.ReplyTo); err != nil {
					return nil, err
				}
				at = e.ReplyAt
			}
		case flows.UseMenu:
			menus = append(menus, call{Menu: w.MenuAlias(e.Holder, e.User)})
		default:
			return nil, fmt.Errorf("nobody performs %T", e)
		}
	}
	add := func(kind string, c call) error {
		body, err := c.encode()
		d := flows.Deed{
			ID: deedID(a, len(deeds)), Lane: a.Lane, Seq: a.Seq, N: len(deeds),
			Kind: kind, State: flows.Sending, At: at, Body: body,
		}
		deeds, w.calls[d.ID] = append(deeds, d), c
		return err
	}
	for len(messages) > 0 {
		n := min(len(messages), messagesPerCall)
		c := call{Messages: messages[:n], Entry: entry}
		messages = messages[n:]
		kind := kindPush
		if replyToken != "" && len(deeds) == 0 && w.Now().Sub(at) < replyWindow {
			kind, c.ReplyToken = kindReply, replyToken
		}
		if err := add(kind, c); err != nil {
			return nil, err
		}
	}
	for _, m := range menus {
		if err := add(kindMenu, m); err != nil {
			return nil, err
		}
	}
	return deeds, nil
}

// perform does a deed and tells its new state. resumed deeds come from an earlier claim of the lane: one that was
// Sending then has an outcome that nobody knows. With a wait it has to be done again after that time, and nothing of the
// lane may overtake it.
//
//	            first try        after a try with an unknown outcome
//	reply       token            the same token while LINE takes it; spent: in doubt, never a push
//	push        retry key        the same key for 23 hours; 409 is success
//	menu        –                simply again
func (w *worker) perform(ctx context.Context, d flows.Deed, resumed bool) (after flows.Deed, wait time.Duration, err error) {
	c, planned := w.calls[d.ID]
	defer func() {
		if c.Entry != "" && err == nil {
			w.delivered = append(w.delivered, flows.Delivery{Entry: c.Entry, State: after.State, Error: after.Error})
		}
	}()
	if !planned {
		if c, err = decodeCall(d.Body); err != nil {
			d.State, d.Error = flows.Failed, "erased, or not readable"
			return d, 0, nil
		}
	}
	again := d.State == flows.Unknown || resumed && d.State == flows.Sending
	if d.Kind == kindReply && d.State == flows.Planned && w.Now().Sub(d.At) >= replyWindow {
		if d, err = w.turnIntoPush(ctx, d); err != nil {
			return d, 0, err
		}
	}
	d.Tries++
	var got called
	switch d.Kind {
	case kindReply:
		got = w.line.reply(ctx, c.ReplyToken, c.Messages)
		if got.outcome == refused && got.message == "Invalid reply token" {
			if again { // LINE took it the first time, or it never arrived: nobody can tell
				d.State, d.RequestID, d.Error = flows.InDoubt, got.requestID, "reply token spent after an unknown outcome"
				w.count(d)
				return d, 0, nil
			}
			if d, err = w.turnIntoPush(ctx, d); err != nil {
				return d, 0, err
			}
			d.Tries++
			got = w.line.push(ctx, d.Lane, retryKey(d), c.Messages)
		}
	case kindPush:
		if w.Now().Sub(d.At) > retryKeyLife {
			d.State, d.Error = flows.Failed, "not accepted for 23 hours"
			w.count(d)
			return d, 0, nil
		}
		got = w.line.push(ctx, d.Lane, retryKey(d), c.Messages)
	case kindMenu:
		got = w.useMenu(ctx, d.Lane, c.Menu)
		if got.outcome != accepted && d.Tries >= menuTries {
			got.outcome = refused
		}
		w.menu = flows.MenuUnknown
		if got.outcome == accepted {
			w.menu = c.Menu
		}
	default:
		got = called{outcome: refused, message: "unknown kind of deed"}
	}
	d.RequestID, d.Error = got.requestID, ""
	switch {
	case got.outcome == accepted, got.spentKey && d.Kind == kindPush:
		d.State = flows.Done
		if d.Kind != kindMenu && d.N == 0 && c.Entry == "" {
			w.Metrics.answerSeconds.Observe(w.Now().Sub(d.At).Seconds())
		}
	case got.outcome == notTaken:
		d.State, d.Error, wait = flows.Planned, got.Error(), backOff(d.Tries)
		if again && d.Kind == kindReply {
			d.State = flows.Unknown // the earlier try may still have arrived
		}
		if got.unsent { // no try at all
			d.Tries--
			wait = max(got.again, time.Second) + rand.N(time.Second)
		}
	case got.outcome == unknown:
		d.State, d.Error, wait = flows.Unknown, got.Error(), backOff(d.Tries)
	default:
		d.State, d.Error = flows.Failed, got.Error()
		w.Log.Error("LINE refused", "deed", d.ID, "kind", d.Kind, "status", got.status, "request_id", got.requestID, "says", got.message)
	}
	w.count(d)
	return d, wait, nil
}

func (w *worker) count(d flows.Deed) { w.Metrics.deeds.WithLabelValues(d.Kind, d.State).Inc() }

// tokenOf is the reply token of an earlier arrival that was not answered yet, "" when it is gone.
func (w *worker) tokenOf(ctx context.Context, seq int64) (string, error) {
	a, ok, err := w.Lanes.Arrival(ctx, w.claim.Lane, seq)
	if err != nil || !ok || len(a.Body) == 0 {
		return "", err
	}
	var e envelope
	if json.Unmarshal(a.Body, &e) != nil {
		return "", nil
	}
	return e.ReplyToken, nil
}

// turnIntoPush changes a reply that LINE certainly did not take into a push, and stores that before the push is sent:
// a crash in between must not find a reply token in doubt.
func (w *worker) turnIntoPush(ctx context.Context, d flows.Deed) (flows.Deed, error) {
	d.Kind, d.State = kindPush, flows.Sending
	w.outcomes = append(w.outcomes, d)
	return d, w.save(ctx, flows.Save{})
}

func retryKey(d flows.Deed) string { return uuid.NewSHA1(retryKeys, []byte(d.ID)).String() }

// useMenu links a rich menu by alias; an alias that points nowhere any more is looked up once more.
func (b *Bot) useMenu(ctx context.Context, user, alias string) called {
	if !userID.MatchString(user) {
		return called{outcome: refused, message: "not a LINE user ID"}
	}
	for _, fresh := range []bool{false, true} {
		id, got := b.line.menuID(ctx, alias, fresh)
		if got.outcome != accepted {
			return got
		}
		if got = b.line.linkMenu(ctx, user, id); got.status != 404 {
			return got
		}
	}
	return called{outcome: refused, status: 404, message: "rich menu " + alias + " is not installed"}
}
