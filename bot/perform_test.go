package bot

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tsunagu/flows"
)

// script answers calls to LINE one after another.
type script struct {
	t       *testing.T
	answers []string // "200", "400 Invalid reply token", "lost", "refused connection"
	calls   []string // method path, with the retry key of a push
}

func (s *script) RoundTrip(req *http.Request) (*http.Response, error) {
	call := strings.TrimPrefix(req.URL.Path, "/v2/bot/")
	if key := req.Header.Get("X-Line-Retry-Key"); key != "" {
		call += " " + key
	}
	s.calls = append(s.calls, call)
	if len(s.answers) == 0 {
		s.t.Fatalf("unexpected call %s", call)
	}
	answer := s.answers[0]
	s.answers = s.answers[1:]
	switch answer {
	case "lost":
		return nil, errors.New("connection reset")
	case "no connection":
		return nil, &net.OpError{Op: "dial", Err: errors.New("refused")}
	}
	status, message, _ := strings.Cut(answer, " ")
	body := `{"message":"` + message + `","sentMessages":[],"richMenuId":"richmenu-1","richMenuAliasId":"a"}`
	code := map[string]int{"200": 200, "400": 400, "401": 401, "404": 404, "409": 409, "429": 429, "500": 500}[status]
	return &http.Response{
		StatusCode: code, Body: io.NopCloser(strings.NewReader(body)), Request: req,
		Header: http.Header{"X-Line-Request-Id": {"request-" + status}, "Content-Type": {"application/json"}},
	}, nil
}

// kept is a lane that remembers its saves.
type kept struct {
	Lanes
	saves []flows.Save
}

func (k *kept) Save(_ context.Context, s flows.Save) error {
	k.saves = append(k.saves, s)
	return nil
}

// What a deed may meet, by design.md §3: never sent twice, never turned into a push when its fate is not known.
func TestPerform(t *testing.T) {
	planned := time.Date(2026, 11, 22, 16, 5, 0, 0, flows.JST)
	for _, test := range []struct {
		name    string
		deed    flows.Deed
		age     time.Duration
		resumed bool
		answers []string
		calls   string
		state   string
		wait    bool
	}{
		{name: "reply taken", deed: flows.Deed{Kind: kindReply, State: flows.Sending},
			answers: []string{"200"}, calls: "message/reply", state: flows.Done},
		{name: "token refused at the first try becomes a push", deed: flows.Deed{Kind: kindReply, State: flows.Sending},
			answers: []string{"400 Invalid reply token", "200"}, calls: "message/reply,message/push KEY", state: flows.Done},
		{name: "answer lost", deed: flows.Deed{Kind: kindReply, State: flows.Sending},
			answers: []string{"lost"}, calls: "message/reply", state: flows.Unknown, wait: true},
		{name: "500", deed: flows.Deed{Kind: kindReply, State: flows.Sending},
			answers: []string{"500"}, calls: "message/reply", state: flows.Unknown, wait: true},
		{name: "same token after an unknown outcome", deed: flows.Deed{Kind: kindReply, State: flows.Unknown}, resumed: true,
			answers: []string{"200"}, calls: "message/reply", state: flows.Done},
		{name: "spent after an unknown outcome stays in doubt", deed: flows.Deed{Kind: kindReply, State: flows.Unknown}, resumed: true,
			answers: []string{"400 Invalid reply token"}, calls: "message/reply", state: flows.InDoubt},
		{name: "worker died while sending", deed: flows.Deed{Kind: kindReply, State: flows.Sending}, resumed: true, age: 2 * time.Minute,
			answers: []string{"400 Invalid reply token"}, calls: "message/reply", state: flows.InDoubt},
		{name: "unknown stays unknown through a busy minute", deed: flows.Deed{Kind: kindReply, State: flows.Unknown}, resumed: true,
			answers: []string{"429 The API rate limit has been exceeded."}, calls: "message/reply", state: flows.Unknown, wait: true},
		{name: "not taken, and then too old for its token", deed: flows.Deed{Kind: kindReply, State: flows.Planned}, resumed: true, age: time.Minute,
			answers: []string{"200"}, calls: "message/push KEY", state: flows.Done},
		{name: "no connection", deed: flows.Deed{Kind: kindReply, State: flows.Sending},
			answers: []string{"no connection"}, calls: "message/reply", state: flows.Planned, wait: true},
		{name: "busy minute", deed: flows.Deed{Kind: kindReply, State: flows.Sending},
			answers: []string{"429 The API rate limit has been exceeded."}, calls: "message/reply", state: flows.Planned, wait: true},
		{name: "access token refused", deed: flows.Deed{Kind: kindReply, State: flows.Sending},
			answers: []string{"401"}, calls: "message/reply", state: flows.Planned, wait: true},
		{name: "messages refused", deed: flows.Deed{Kind: kindReply, State: flows.Sending},
			answers: []string{"400 The request body has 1 error(s)"}, calls: "message/reply", state: flows.Failed},
		{name: "push again under its key", deed: flows.Deed{Kind: kindPush, State: flows.Unknown}, resumed: true,
			answers: []string{"409 The retry key is already accepted"}, calls: "message/push KEY", state: flows.Done},
		{name: "push lost", deed: flows.Deed{Kind: kindPush, State: flows.Sending},
			answers: []string{"lost"}, calls: "message/push KEY", state: flows.Unknown, wait: true},
		{name: "the month's pushes are used up", deed: flows.Deed{Kind: kindPush, State: flows.Sending},
			answers: []string{"429 You have reached your monthly limit."}, calls: "message/push KEY", state: flows.Failed},
		{name: "a key LINE may have forgotten", deed: flows.Deed{Kind: kindPush, State: flows.Unknown}, resumed: true, age: 24 * time.Hour,
			state: flows.Failed},
		{name: "menu", deed: flows.Deed{Kind: kindMenu, State: flows.Sending},
			answers: []string{"200", "200"}, calls: "richmenu/alias/tsunagu-none,user/" + person + "/richmenu/richmenu-1", state: flows.Done},
		{name: "menu gone: the alias is looked up again", deed: flows.Deed{Kind: kindMenu, State: flows.Sending},
			answers: []string{"200", "404", "200", "200"}, state: flows.Done,
			calls: "richmenu/alias/tsunagu-none,user/" + person + "/richmenu/richmenu-1,richmenu/alias/tsunagu-none,user/" + person + "/richmenu/richmenu-1"},
		{name: "menu given up in the end", deed: flows.Deed{Kind: kindMenu, State: flows.Unknown, Tries: menuTries - 1}, resumed: true,
			answers: []string{"500"}, calls: "richmenu/alias/tsunagu-none", state: flows.Failed},
	} {
		t.Run(test.name, func(t *testing.T) {
			line := &script{t: t, answers: test.answers}
			lanes := new(kept)
			b, err := New(Config{
				Lanes: lanes, Settings: flows.Defaults(), Log: slog.New(slog.DiscardHandler), Metrics: NewMetrics(prometheus.NewRegistry()),
				Now: func() time.Time { return planned.Add(test.age) }, Token: LongLived("token"), APIURL: "https://line.example", Transport: line,
			})
			if err != nil {
				t.Fatal(err)
			}
			d := test.deed
			d.ID, d.Lane, d.At = "01HZX/0", person, planned
			d.Body, _ = json.Marshal(call{ReplyToken: "t", Messages: []json.RawMessage{[]byte(`{"type":"text","text":"はい"}`)}, Menu: "tsunagu-none"})
			w := &worker{Bot: b, claim: flows.Claim{Lane: person, Fence: 1}}
			after, wait, err := w.perform(t.Context(), d, test.resumed)
			if err != nil {
				t.Fatal(err)
			}
			calls := strings.ReplaceAll(strings.Join(line.calls, ","), retryKey(d), "KEY")
			if calls != test.calls || after.State != test.state || (wait > 0) != test.wait {
				t.Errorf("called %q, state %q, wait %v (%s);\nwant %q, %q, %v", calls, after.State, wait, after.Error, test.calls, test.state, test.wait)
			}
			if len(line.answers) > 0 {
				t.Errorf("answers left: %q", line.answers)
			}
			becamePush := d.Kind == kindReply && after.Kind == kindPush
			stored := slices.ContainsFunc(lanes.saves, func(s flows.Save) bool {
				return len(s.Outcomes) == 1 && s.Outcomes[0].Kind == kindPush && s.Outcomes[0].State == flows.Sending
			})
			if becamePush != stored {
				t.Errorf("became a push: %v, stored before it was sent: %v", becamePush, stored)
			}
		})
	}
}

// line-platform §15: every call is logged with LINE's request ID, and without what people wrote or the address.
func TestCallsAreLogged(t *testing.T) {
	var log bytes.Buffer
	line := &script{t: t, answers: []string{"200"}}
	b, err := New(Config{
		Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})), Metrics: NewMetrics(prometheus.NewRegistry()),
		Now:   time.Now,
		Token: LongLived("token-0123"), APIURL: "https://line.example", Transport: line,
	})
	if err != nil {
		t.Fatal(err)
	}
	b.line.linkMenu(t.Context(), person, "richmenu-0123")
	for _, want := range []string{"request_id=request-200", "status=200", "method=POST", "endpoint=/v2/bot/user/*/richmenu/*"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("no %q in %s", want, log.String())
		}
	}
	for _, secret := range []string{person, "token-0123"} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("%q in %s", secret, log.String())
		}
	}
}

// A call reads back as it was written, short or compressed.
func TestCallsReadBack(t *testing.T) {
	for _, n := range []int{1, 10, 2000} {
		c := call{ReplyToken: `t"1`, Messages: []json.RawMessage{[]byte(`{"type":"text","text":"` + strings.Repeat("残り", n) + `"}`), []byte(`{"type":"text","text":"b"}`)}}
		body, err := c.encode()
		if err != nil {
			t.Fatal(err)
		}
		back, err := decodeCall(body)
		if err != nil || back.ReplyToken != c.ReplyToken || len(back.Messages) != 2 || string(back.Messages[0]) != string(c.Messages[0]) {
			t.Errorf("%d: %+v, %v", n, back, err)
		}
		if large := n == 2000; large != (len(body) < len(c.Messages[0])/4) {
			t.Errorf("%d bytes of %d", len(body), len(c.Messages[0]))
		}
	}
	for _, bad := range [][]byte{nil, {0}, {0, 1, 2}, []byte("x")} {
		if _, err := decodeCall(bad); err == nil {
			t.Errorf("%v was read", bad)
		}
	}
}
