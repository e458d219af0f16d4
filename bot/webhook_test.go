package bot

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"

	"tsunagu/flows"
)

// line-platform §1.1: the test vector of LINE's documentation, over the raw bytes, and two secrets while rotating.
func TestSigned(t *testing.T) {
	const secret, header = "8c570fa6dd201bb328f1c1eac23a96d8", "GhRKmvmHys4Pi8DxkF4+EayaH0OqtJtaZxgTD9fMDLs="
	body := []byte(`{"destination":"U8e742f61d673b39c7fff3cecb7536ef0","events":[]}`)
	reordered := []byte(`{"events":[],"destination":"U8e742f61d673b39c7fff3cecb7536ef0"}`)
	empty := hmac.New(sha256.New, nil)
	empty.Write(body)
	for name, test := range map[string]struct {
		secrets []string
		header  string
		body    []byte
		want    bool
	}{
		"LINE's vector":               {[]string{secret}, header, body, true},
		"while rotating, the old":     {[]string{"new", secret}, header, body, true},
		"while rotating, the new":     {[]string{secret, "old"}, header, body, true},
		"after rotating":              {[]string{"new"}, header, body, false},
		"same JSON, other bytes":      {[]string{secret}, header, reordered, false},
		"no header":                   {[]string{secret}, "", body, false},
		"not base64":                  {[]string{secret}, "!" + header, body, false},
		"cut":                         {[]string{secret}, header[:40], body, false},
		"no secret is no good secret": {nil, base64.StdEncoding.EncodeToString(empty.Sum(nil)), body, false},
	} {
		if got := signed(test.secrets, test.header, test.body); got != test.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// accepting keeps what is accepted.
type accepting struct {
	Lanes
	arrivals []flows.Arrival
}

func (a *accepting) Accept(_ context.Context, arrivals []flows.Arrival) error {
	a.arrivals = append(a.arrivals, arrivals...)
	return nil
}

// Whatever LINE signs is answered with 200 and kept, an arrival an event; what it did not sign is refused and leaves
// nothing behind.
func FuzzWebhook(f *testing.F) {
	const secret = "8c570fa6dd201bb328f1c1eac23a96d8"
	f.Add([]byte(`{"destination":"U8e742f61d673b39c7fff3cecb7536ef0","events":[]}`))
	f.Add([]byte(`{"destination":"U8e742f61d673b39c7fff3cecb7536ef0","events":[` + event("message", `,"message":{"type":"text","id":"1","text":"残量"}`) + `,null,{},1]}`))
	f.Add([]byte(`{"events":{"type":"message"}}`))
	f.Add([]byte(`{"events":[{"webhookEventId":"\u0000","source":{"type":"group","groupId":"-"}}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		lanes := new(accepting)
		b := &Bot{Config: Config{
			Lanes: lanes, ChannelSecrets: []string{secret}, Log: slog.New(slog.DiscardHandler),
			Metrics: NewMetrics(prometheus.NewRegistry()), Now: func() time.Time { return time.Unix(1, 0) },
		}}
		e := echo.New()
		b.Register(e)
		post := func(signature []byte) int {
			req := httptest.NewRequest(http.MethodPost, "/webhook", bytes.NewReader(body))
			req.Header.Set("X-Line-Signature", base64.StdEncoding.EncodeToString(signature))
			answer := httptest.NewRecorder()
			e.ServeHTTP(answer, req)
			return answer.Code
		}
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write(body)
		signature := mac.Sum(nil)
		signature[0] ^= 1
		if status := post(signature); status != http.StatusBadRequest || len(lanes.arrivals) > 0 {
			t.Fatalf("wrongly signed: %d, %d arrivals", status, len(lanes.arrivals))
		}
		signature[0] ^= 1
		if status := post(signature); status != http.StatusOK {
			t.Fatalf("rightly signed: %d", status)
		}
		var delivery struct{ Events []json.RawMessage }
		if json.Unmarshal(body, &delivery) == nil && len(lanes.arrivals) > len(delivery.Events) {
			t.Fatalf("%d arrivals of %d events", len(lanes.arrivals), len(delivery.Events))
		}
		for _, a := range lanes.arrivals {
			if a.ID == "" || a.Lane == "" || !a.At.Equal(time.Unix(1, 0)) {
				t.Fatalf("arrival %+v", a)
			}
		}
	})
}
