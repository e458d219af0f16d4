package bot

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/line/line-bot-sdk-go/v8/linebot/messaging_api"
)

// callTime bounds one call to LINE. With the carrier's time before it, it fits the lease of a lane.
const callTime = 8 * time.Second

// A line is the Messaging API as this package uses it.
type line struct {
	api    *messaging_api.MessagingApiAPI
	client *http.Client
	url    string

	menus struct { // rich menu IDs by alias, as LINE last told
		sync.Mutex
		ids map[string]string
	}
}

func newLine(cfg Config) (*line, error) {
	transport := cfg.Transport
	if transport == nil {
		t := http.DefaultTransport.(*http.Transport).Clone()
		t.MaxIdleConns, t.MaxIdleConnsPerHost = cfg.InFlight, cfg.InFlight
		transport = t
	}
	transport = cfg.Token.Transport(&caller{next: transport, share: cfg.LimitShare, log: cfg.Log, metrics: cfg.Metrics, now: cfg.Now, pause: cfg.Pause})
	client := &http.Client{Timeout: callTime, Transport: transport}
	api, err := messaging_api.NewMessagingApiAPI("set by the transport",
		messaging_api.WithHTTPClient(client), messaging_api.WithEndpoint(cfg.APIURL))
	if err != nil {
		return nil, fmt.Errorf("LINE client: %w", err)
	}
	return &line{api: api, client: client, url: strings.TrimSuffix(cfg.APIURL, "/")}, nil
}

// with is the client for one call: the SDK's WithContext writes to the client it is called on.
func (l *line) with(ctx context.Context) *messaging_api.MessagingApiAPI {
	c := *l.api
	return c.WithContext(ctx)
}

// reply and push send messages as they were stored, byte for byte. The SDK would read them through twice on the way,
// which is a sixth of a server's whole work; everything else goes through it.
func (l *line) reply(ctx context.Context, token string, ms []json.RawMessage) called {
	return l.post(ctx, "/v2/bot/message/reply", "replyToken", token, "", ms)
}

func (l *line) push(ctx context.Context, to, retryKey string, ms []json.RawMessage) called {
	return l.post(ctx, "/v2/bot/message/push", "to", to, retryKey, ms)
}

func (l *line) post(ctx context.Context, path, name, value, retryKey string, ms []json.RawMessage) called {
	body, err := messagesBody(name, value, ms)
	if err != nil {
		return called{outcome: refused, message: "not JSON"}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, l.url+path, bytes.NewReader(body))
	if err != nil {
		return called{outcome: refused, message: "no request"}
	}
	req.Header.Set("Content-Type", "application/json")
	if retryKey != "" {
		req.Header.Set("X-Line-Retry-Key", retryKey)
	}
	resp, err := l.client.Do(req)
	if err != nil {
		return calledWith(nil, err)
	}
	defer resp.Body.Close()
	got := calledWith(resp, nil)
	_, _ = io.Copy(io.Discard, resp.Body) // so that the connection can be used again; the message IDs are of no use
	return got
}

// messagesBody is {"name":"value","messages":[…]}.
func messagesBody(name, value string, ms []json.RawMessage) ([]byte, error) {
	quoted, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	n := len(name) + len(quoted) + 32
	for _, m := range ms {
		n += len(m) + 1
	}
	body := append(make([]byte, 0, n), `{"`...)
	body = append(append(body, name...), `":`...)
	body = append(append(body, quoted...), `,"messages":[`...)
	for i, m := range ms {
		if i > 0 {
			body = append(body, ',')
		}
		body = append(body, m...)
	}
	return append(body, "]}"...), nil
}

func (l *line) linkMenu(ctx context.Context, user, menuID string) called {
	resp, _, err := l.with(ctx).LinkRichMenuIdToUserWithHttpInfo(user, menuID)
	return calledWith(resp, err)
}

// menuID looks an alias up, at LINE when fresh is set or it is not known yet.
func (l *line) menuID(ctx context.Context, alias string, fresh bool) (string, called) {
	l.menus.Lock()
	id := l.menus.ids[alias]
	l.menus.Unlock()
	if id != "" && !fresh {
		return id, called{outcome: accepted}
	}
	resp, body, err := l.with(ctx).GetRichMenuAliasWithHttpInfo(alias)
	got := calledWith(resp, err)
	if got.outcome == accepted && body != nil {
		l.menus.Lock()
		defer l.menus.Unlock()
		if l.menus.ids == nil {
			l.menus.ids = make(map[string]string)
		}
		l.menus.ids[alias] = body.RichMenuId
		return body.RichMenuId, got
	}
	return "", got
}

func (l *line) linkToken(ctx context.Context, user string) (string, error) {
	if !userID.MatchString(user) {
		return "", errors.New("not a LINE user ID")
	}
	resp, body, err := l.with(ctx).IssueLinkTokenWithHttpInfo(user)
	if got := calledWith(resp, err); got.outcome != accepted {
		return "", got
	}
	return body.LinkToken, nil
}

func (l *line) botInfo(ctx context.Context) (userID, basicID string, err error) {
	resp, body, err := l.with(ctx).GetBotInfoWithHttpInfo()
	if got := calledWith(resp, err); got.outcome != accepted || body == nil {
		return "", "", got
	}
	return body.UserId, body.BasicId, nil
}

// name is a friend's display name.
func (l *line) name(ctx context.Context, user string) (string, error) {
	resp, body, err := l.with(ctx).GetProfileWithHttpInfo(user)
	if got := calledWith(resp, err); got.outcome != accepted || body == nil {
		return "", got
	}
	return body.DisplayName, nil
}

// quota tells how many messages may be pushed this month, -1 for any number, and how many were.
func (l *line) quota(ctx context.Context) (limit, used int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	resp, quota, err := l.with(ctx).GetMessageQuotaWithHttpInfo()
	if got := calledWith(resp, err); got.outcome != accepted || quota == nil {
		return 0, 0, got
	}
	limit = -1
	if quota.Type == messaging_api.QuotaType_LIMITED {
		limit = quota.Value
	}
	resp, consumption, err := l.with(ctx).GetMessageQuotaConsumptionWithHttpInfo()
	if got := calledWith(resp, err); got.outcome != accepted || consumption == nil {
		return 0, 0, got
	}
	return limit, consumption.TotalUsage, nil
}

// What became of a call.
type outcome int

const (
	accepted outcome = iota
	refused          // LINE will not take it, now or later
	notTaken         // it certainly had no effect; it may be tried again
	unknown          // it may have had its effect
)

// A called is the answer to one call.
type called struct {
	outcome   outcome
	status    int
	requestID string
	message   string // LINE's own words, or what failed
	spentKey  bool   // 409: this retry key was accepted before

	unsent bool          // the call was not made at all
	again  time.Duration // when it may be made, if that is known
}

func (c called) Error() string { return fmt.Sprintf("%d %s", c.status, c.message) }

// calledWith judges an answer by its status (line-platform §3.2); only a 429 needs the text, to tell the month's limit
// from a busy minute.
func calledWith(resp *http.Response, err error) called {
	if resp == nil {
		c := called{outcome: unknown, message: "no answer"}
		if opErr := (*net.OpError)(nil); errors.As(err, &opErr) && opErr.Op == "dial" {
			c.outcome, c.message = notTaken, "no connection"
		}
		if unsent := (*notSentError)(nil); errors.As(err, &unsent) {
			c.outcome, c.message, c.unsent, c.again = notTaken, unsent.why, true, unsent.again
		}
		return c
	}
	c := called{status: resp.StatusCode, requestID: resp.Header.Get("x-line-request-id")}
	if resp.StatusCode < 300 {
		if err != nil { // accepted, but the answer could not be read
			c.message = "answer cut short"
		}
		return c
	}
	var body messaging_api.ErrorResponse
	if json.NewDecoder(resp.Body).Decode(&body) == nil {
		c.message = body.Message
	}
	switch {
	case c.status == http.StatusConflict:
		c.outcome, c.spentKey = refused, true
	case c.status == http.StatusTooManyRequests && strings.Contains(c.message, "monthly limit"):
		c.outcome = refused
	case c.status == http.StatusTooManyRequests, c.status == http.StatusUnauthorized:
		c.outcome = notTaken
	case c.status >= 500:
		c.outcome = unknown
	default:
		c.outcome = refused
	}
	return c
}
