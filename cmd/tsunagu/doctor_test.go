package main

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// doctor names each planted fault in plain words, says what to do, and ends with 1; a healthy account is 0.
func TestDoctor(t *testing.T) {
	w := newWorld(t, "sqlite:"+filepath.Join(t.TempDir(), "tsunagu.db"))
	if err := installMenus(t.Context(), w.cfg); err != nil {
		t.Fatal(err)
	}
	answers := map[string]func(http.ResponseWriter){} // by path, instead of what the simulated LINE says
	line := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if answer, ok := answers[r.URL.Path]; ok {
			rw.Header().Set("Content-Type", "application/json")
			answer(rw)
			return
		}
		w.sim.ServeHTTP(rw, r)
	}))
	t.Cleanup(line.Close)
	json := func(body string) func(http.ResponseWriter) {
		return func(rw http.ResponseWriter) { _, _ = rw.Write([]byte(body)) } // the test hears of it otherwise
	}
	webhook := w.url + "/webhook"
	nowhere := "http://" + freeAddress(t)
	const endpoint, quota = "/v2/bot/channel/webhook/endpoint", "/v2/bot/message/quota"
	for _, test := range []struct {
		name    string
		set     map[string]string
		answers map[string]func(http.ResponseWriter)
		plant   func()
		says    []string // none: healthy
	}{
		{name: "healthy"},
		{name: "token refused", set: map[string]string{"LINE_CHANNEL_ACCESS_TOKEN": "wrong"}, says: []string{"refuses the channel access token", "issue a new one"}},
		{name: "LINE unreachable", set: map[string]string{"LINE_API_URL": nowhere}, says: []string{"LINE does not answer"}},
		{name: "database unreachable", set: map[string]string{"DATABASE_URL": "postgres://nobody@" + strings.TrimPrefix(nowhere, "http://") + "/x"}, says: []string{"FAULT   database", "DATABASE_URL"}},
		{name: "schema older", set: map[string]string{"DATABASE_URL": "sqlite:" + filepath.Join(t.TempDir(), "new.db")}, says: []string{"older than this program", "migrate up"}},
		{name: "webhook not registered", plant: func() { w.sim.SetWebhook("") }, says: []string{"no webhook address", webhook}},
		{name: "webhook elsewhere", plant: func() { w.sim.SetWebhook("https://old.example.jp/webhook") }, says: []string{"old.example.jp", webhook}},
		{name: "webhook off", answers: map[string]func(http.ResponseWriter){endpoint: json(`{"endpoint":"` + webhook + `","active":false}`)}, says: []string{"switched off"}},
		{name: "program does not run", set: map[string]string{"PUBLIC_URL": nowhere}, plant: func() { w.sim.SetWebhook(nowhere + "/webhook") }, says: []string{"COULD_NOT_CONNECT", "serve runs"}},
		{name: "wrong channel secret", answers: map[string]func(http.ResponseWriter){"/v2/bot/channel/webhook/test": json(`{"success":false,"timestamp":"2026-11-22T00:00:00.000Z","statusCode":400,"reason":"ERROR_STATUS_CODE","detail":"400"}`)}, says: []string{"signature", "LINE_CHANNEL_SECRET"}},
		{name: "quota nearly used up", answers: map[string]func(http.ResponseWriter){quota: json(`{"type":"limited","value":200}`), quota + "/consumption": json(`{"totalUsage":180}`)}, says: []string{"180 of 200", "Official Account Manager"}},
		{name: "quota with room", answers: map[string]func(http.ResponseWriter){quota: json(`{"type":"limited","value":200}`), quota + "/consumption": json(`{"totalUsage":179}`)}},
		{name: "menus not installed", answers: map[string]func(http.ResponseWriter){"/v2/bot/richmenu/list": json(`{"richmenus":[]}`)}, says: []string{"FAULT   menus", "richmenu apply"}},
		{name: "clock wrong", answers: map[string]func(http.ResponseWriter){"/v2/bot/info": func(rw http.ResponseWriter) {
			rw.Header().Set("Date", time.Now().Add(-2*time.Minute).UTC().Format(http.TimeFormat))
			json(`{"userId":"U1","basicId":"@t","displayName":"t","chatMode":"bot","markAsReadMode":"auto"}`)(rw)
		}}, says: []string{"clock is 2m", "NTP"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			clear(answers)
			maps.Copy(answers, test.answers)
			w.sim.SetWebhook(webhook)
			if test.plant != nil {
				test.plant()
			}
			env := maps.Clone(w.env)
			env["LINE_API_URL"], env["LINE_API_DATA_URL"] = line.URL, line.URL
			maps.Copy(env, test.set)
			var out, errs syncBuffer
			code := run(t.Context(), []string{"doctor"}, func(name string) (string, bool) { v, ok := env[name]; return v, ok }, &out, &errs)
			wantCode := 0
			if len(test.says) > 0 {
				wantCode = exitFailed
			}
			if code != wantCode {
				t.Errorf("exit code %d, want %d", code, wantCode)
			}
			if faults := strings.Count(out.String(), "FAULT"); faults != wantCode {
				t.Errorf("%d faults, want %d", faults, wantCode)
			}
			for _, want := range test.says {
				if !strings.Contains(out.String(), want) {
					t.Errorf("no %q", want)
				}
			}
			if t.Failed() {
				t.Log(out.String(), errs.String())
			}
		})
	}
}
