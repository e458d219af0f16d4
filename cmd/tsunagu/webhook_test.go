package main

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"tsunagu/bot/linesim"
	"tsunagu/store/storetest"
)

func signature(secret string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// post sends a body to the webhook, signed with secret unless that is "".
func (w *world) post(secret string, body []byte) int {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, w.url+"/webhook", bytes.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	if secret != "" {
		req.Header.Set("X-Line-Signature", signature(secret, body))
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	return resp.StatusCode
}

// said is a text message event as LINE writes it.
func (w *world) said(p *linesim.Person, id, text string) string {
	encoded, err := json.Marshal(text)
	if err != nil {
		w.t.Fatal(err)
	}
	return fmt.Sprintf(`{"type":"message","mode":"active","timestamp":%d,"webhookEventId":%q,"deliveryContext":{"isRedelivery":false},`+
		`"source":{"type":"user","userId":%q},"replyToken":"made-up-%s","message":{"type":"text","id":%q,"quoteToken":"q","text":%s}}`,
		w.clock().UnixMilli(), id, p.ID, id, id, encoded)
}

func (w *world) body(events ...string) []byte {
	return fmt.Appendf(nil, `{"destination":%q,"events":[%s]}`, w.sim.Config().BotUserID, strings.Join(events, ","))
}

// What comes to the webhook besides what LINE sends: a clear status, one log line without what people wrote, and the
// next message works.
func TestBadWebhookBodies(t *testing.T) {
	storetest.Each(t, func(t *testing.T, database string) {
		w := newWorld(t, database)
		hanako := w.person("花子")
		secret := w.sim.Config().ChannelSecret
		good := w.said(hanako, "01HZX000000000000000000001", "himitsu no kotoba")
		deep := strings.Repeat(`{"a":`, 20_000) + "1" + strings.Repeat("}", 20_000)
		for _, test := range []struct {
			name, secret string
			body         []byte
			status       int
		}{
			{"no signature", "", w.body(good), 400},
			{"wrong secret", "wrong", w.body(good), 400},
			{"cut short but signed as it is", secret, w.body(good)[:80], 200},
			{"3 MiB", secret, bytes.Repeat([]byte(" "), 3<<20), 413},
			{"not JSON", secret, []byte("himitsu no kotoba"), 200},
			{"empty", secret, nil, 200},
			{"an array", secret, []byte(`[]`), 200},
			{"null", secret, []byte(`null`), 200},
			{"events is a text", secret, []byte(`{"destination":"U","events":"himitsu no kotoba"}`), 200},
			{"no events", secret, w.body(), 200},
			{"deep nesting", secret, w.body(deep), 200},
			{"invalid UTF-8", secret, w.body(strings.Replace(good, "himitsu", "\xff\xfe", 1)), 200},
		} {
			if test.name == "invalid UTF-8" {
				w.lanes.expect(hanako.ID) // read with a sign for what is no letter, and answered
			}
			if got := w.post(test.secret, test.body); got != test.status {
				t.Errorf("%s: status %d, want %d", test.name, got, test.status)
			}
			w.lanes.quiet(t, hanako.ID)
		}
		for _, method := range []string{http.MethodGet, http.MethodPut} {
			req, _ := http.NewRequestWithContext(t.Context(), method, w.url+"/webhook", nil)
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode != http.StatusMethodNotAllowed {
				t.Errorf("%s /webhook: %d", method, resp.StatusCode)
			}
		}
		if log := w.logs.String(); strings.Contains(log, "himitsu") {
			t.Error("the log holds what a person wrote")
		}
		if got := w.say(hanako, "メニュー"); !strings.Contains(got, "機能をお選びください") {
			t.Errorf("after all that the answer is %q", got)
		}
	})
}

// A thousand events in a body, bad ones among them: each good one is answered, and those of one person in order.
func TestManyEventsInOneBody(t *testing.T) {
	w := newWorld(t, storetest.Postgres(t))
	var people []*linesim.Person
	var events []string
	for i := range 100 {
		people = append(people, w.sim.AddStranger(fmt.Sprint(i)))
	}
	words := []string{"メニュー", "設定", "残量", "連携"}
	for n, word := range words {
		for i, p := range people {
			w.lanes.expect(p.ID)
			id := fmt.Sprintf("01HZX%d%020d", n, i)
			events = append(events, w.said(p, id, word), `{"type":"message"}`, `null`)
			if i%10 == 0 {
				events = append(events, w.said(p, id, word)) // twice in one body
			}
		}
	}
	for len(events) < 1000 {
		events = append(events, "1")
	}
	if status := w.post(w.sim.Config().ChannelSecret, w.body(events...)); status != http.StatusOK {
		t.Fatalf("status %d", status)
	}
	for _, p := range people {
		w.lanes.quiet(t, p.ID)
	}
	for _, req := range w.sim.Requests() {
		if strings.HasSuffix(req.Path, "/reply") && strings.Contains(string(req.Body), "made-up") && req.Status != 400 {
			t.Errorf("a made-up token was taken: %d", req.Status)
		}
	}
	var turned int64
	if err := w.store.DB().Raw(`SELECT count(*) FROM inputs WHERE lane LIKE 'U%' AND fate = 'answered'`).Scan(&turned).Error; err != nil {
		t.Fatal(err)
	}
	if want := int64(len(people) * len(words)); turned != want {
		t.Errorf("%d events were turned, want %d", turned, want)
	}
}

// Secret rotation, standby (HLP-51) and another destination: taken, recorded, nothing sent.
func TestRecordedAndNotAnswered(t *testing.T) {
	w := newWorld(t, storetest.Postgres(t))
	hanako := w.person("花子")
	secret := w.sim.Config().ChannelSecret
	standby := strings.Replace(w.said(hanako, "01HZX000000000000000000002", "メニュー"), `"active"`, `"standby"`, 1)
	w.ask(hanako, func() {
		if status := w.post(secret, w.body(standby)); status != http.StatusOK {
			t.Errorf("status %d", status)
		}
	})
	other := fmt.Appendf(nil, `{"destination":"U00000000000000000000000000000000","events":[%s]}`, w.said(hanako, "01HZX000000000000000000003", "メニュー"))
	shown := w.ask(hanako, func() {
		if status := w.post(secret, other); status != http.StatusOK {
			t.Errorf("status %d", status)
		}
	})
	if len(shown) > 0 {
		t.Errorf("answered %d times", len(shown))
	}
	var recorded int64
	if err := w.store.DB().Raw(`SELECT count(*) FROM inputs WHERE fate = 'recorded' AND id LIKE '01HZX%'`).Scan(&recorded).Error; err != nil {
		t.Fatal(err)
	}
	if recorded != 2 {
		t.Errorf("%d events recorded, want 2", recorded)
	}
}

// LNK-14, LNK-30 and unsend: codes, passwords and unsent words are in no file of the database, nor in the log.
func TestSecretsAreInNoFile(t *testing.T) {
	dir := t.TempDir()
	w := newWorld(t, "sqlite:"+dir+"/tsunagu.db")
	w.carrier(strings.Replace(sampleCarrier, "CODE", "7314159265358979", 1))
	hanako := w.person("花子")
	w.say(hanako, "利用者連携")
	if got := w.say(hanako, "7314-1592-6535-8979"); !strings.Contains(got, "連携が完了") {
		t.Fatalf("linking said %q", got)
	}
	w.say(hanako, "7314159265358979") // outside the dialogue (LNK-31)
	var kept int64
	if err := w.store.DB().Raw(`SELECT count(*) FROM inputs WHERE message_id <> '' AND body IS NOT NULL`).Scan(&kept).Error; err != nil || kept != 1 {
		t.Errorf("%d message bodies are kept, want the one without a code; %v", kept, err)
	}
	w.say(hanako, "hanako ohimitsu2026")
	var id string
	w.ask(hanako, func() { id = hanako.Say("torikeshitai kotoba") })
	w.ask(hanako, func() { hanako.Unsend(id) })

	files, err := os.ReadDir(dir)
	if err != nil || len(files) == 0 {
		t.Fatal(err, "no database files")
	}
	for _, f := range files {
		data, err := os.ReadFile(dir + "/" + f.Name())
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range []string{"7314159265358979", "7314-1592-6535-8979", "ohimitsu2026", "torikeshitai", "hanako-demo-2026"} {
			if bytes.Contains(data, []byte(secret)) {
				t.Errorf("%s holds %q", f.Name(), secret)
			}
			if strings.Contains(w.logs.String(), secret) {
				t.Errorf("the log holds %q", secret)
			}
		}
	}
	var left int64
	if err := w.store.DB().Raw(`SELECT count(*) FROM inputs WHERE message_id = ? AND body IS NOT NULL`, id).Scan(&left).Error; err != nil || left != 0 {
		t.Errorf("%d bodies of the unsent message are left, %v", left, err)
	}
}

const sampleCarrier = `version: 1
contracts:
  - login_id: hanako
    password: hanako-demo-2026
    holder: {name: 山田 花子, kana: ヤマダ ハナコ, birthdate: 1985-04-02}
    mnp: true
    switch_completed_at: 2026-11-01T10:00:00+09:00
    shipping_mail_at: null
    line_points: 1200
    lines:
      - msisdn: "09012345678"
        user: {name: 山田 太郎, kana: ヤマダ タロウ, birthdate: 2012-08-10}
        usage_code: "CODE"
        plan: {name: 3GB, quota_mb: 3000, base_fee_yen: 1210}
        status: active
        gift_enabled: true
        buckets: {carryover_mb: 200, gift_mb: 0, base_mb: 1840, topup_mb: 0}
        used_mb: 1150
    bills: []
`
