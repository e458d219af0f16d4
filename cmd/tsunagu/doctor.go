package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/line/line-bot-sdk-go/v8/linebot/messaging_api"

	"tsunagu/store"
)

type doctorCmd struct{}

// A fault is something an operator can put right.
type fault struct{ is, do string }

func (f fault) Error() string { return f.is + "\n        → " + f.do }

const (
	// maxSkew is how far the machine's clock may be from LINE's.
	maxSkew = 30 * time.Second
	// quotaWarning is the share of the month's pushes from which it is time to act.
	quotaWarning = 0.9
)

// errFaults is what doctor ends with when something is wrong; the faults have been printed.
var errFaults = errors.New("something needs attention")

func (doctorCmd) Run(p *program) error {
	cfg, err := p.settings(needServe)
	if err != nil {
		return err
	}
	installer, err := newInstaller(cfg)
	if err != nil {
		return err
	}
	d := doctor{p: p, cfg: cfg, api: installer.API}
	d.check("settings", func() (string, error) { return "complete", nil })
	d.check("database", d.database)
	if d.check("token", d.token) {
		d.check("clock", d.clock)
		d.check("webhook", d.webhook)
		d.check("quota", d.quota)
		d.check("menus", func() (string, error) {
			changes, err := installer.Diff(p.ctx)
			if err == nil && len(changes) > 0 {
				err = fault{fmt.Sprintf("%d things differ from this program's menus", len(changes)), "run: tsunagu richmenu apply"}
			}
			return "LINE has this program's", err
		})
	}
	if d.faults > 0 {
		return errFaults
	}
	return nil
}

// A doctor looks at one thing after another.
type doctor struct {
	p      *program
	cfg    *config
	api    *messaging_api.MessagingApiAPI
	info   *messaging_api.BotInfoResponse
	date   time.Time // LINE's clock when it told the bot's name
	faults int
}

// check prints how one thing is, and what to do where it is not well.
func (d *doctor) check(name string, look func() (string, error)) bool {
	fine, err := look()
	if err != nil {
		d.faults++
		fmt.Fprintf(d.p.out, "FAULT   %-9s %s\n", name, err)
		return false
	}
	fmt.Fprintf(d.p.out, "ok      %-9s %s\n", name, fine)
	return true
}

func (d *doctor) database() (string, error) {
	s, err := openStore(d.p.ctx, d.cfg, d.p.logger(d.cfg), time.Now)
	if err != nil {
		return "", fault{"cannot be reached: " + err.Error(), "check DATABASE_URL, and that the server runs"}
	}
	defer s.Close()
	ctx, cancel := context.WithTimeout(d.p.ctx, 5*time.Second)
	defer cancel()
	switch err := s.Ping(ctx); {
	case errors.Is(err, store.ErrSchemaOlder):
		return "", fault{"its schema is older than this program", "run: tsunagu migrate up (or start serve, which does it)"}
	case errors.Is(err, store.ErrSchemaNewer):
		return "", fault{"its schema is newer than this program", "run the version that migrated it, or a newer one"}
	case err != nil:
		return "", fault{"does not answer: " + err.Error(), "check DATABASE_URL, and that the server runs"}
	}
	return "reachable, schema up to date", nil
}

// line is the SDK's client for one call.
func (d *doctor) line() *messaging_api.MessagingApiAPI {
	c := *d.api
	return c.WithContext(d.p.ctx)
}

// unanswered is the fault of a call that LINE refused or did not answer.
func unanswered(resp *http.Response, what string) error {
	switch {
	case resp == nil:
		return fault{"LINE does not answer", "check LINE_API_URL and the way out to the internet"}
	case resp.StatusCode == http.StatusUnauthorized:
		return fault{"LINE refuses the channel access token", "issue a new one in the LINE Developers Console and set LINE_CHANNEL_ACCESS_TOKEN"}
	default:
		return fault{fmt.Sprintf("LINE answers %d to %s", resp.StatusCode, what), "see LINE's status page, and try again"}
	}
}

func (d *doctor) token() (string, error) {
	resp, info, err := d.line().GetBotInfoWithHttpInfo()
	if err != nil {
		return "", unanswered(resp, "who the token is for")
	}
	d.info = info
	if at, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		d.date = at
	}
	chat := ""
	if info.ChatMode == messaging_api.BotInfoResponseCHAT_MODE_CHAT {
		chat = "; chat is on: see that greeting and auto-reply messages are off in the Official Account Manager"
	}
	return fmt.Sprintf("%s (%s)%s", info.DisplayName, info.BasicId, chat), nil
}

func (d *doctor) clock() (string, error) {
	switch skew := time.Since(d.date).Abs(); {
	case d.date.IsZero():
		return "LINE did not tell the time", nil
	case skew > maxSkew:
		return "", fault{fmt.Sprintf("this machine's clock is %s away from LINE's", skew.Round(time.Second)), "set the clock (NTP): reply tokens and locks go by it"}
	}
	return "agrees with LINE's", nil
}

func (d *doctor) webhook() (string, error) {
	want := d.cfg.PublicURL + "/webhook"
	resp, registered, err := d.line().GetWebhookEndpointWithHttpInfo()
	switch {
	case resp != nil && resp.StatusCode == http.StatusNotFound:
		return "", fault{"no webhook address is registered", "set it in the Console to " + want}
	case err != nil:
		return "", unanswered(resp, "the registered webhook")
	case registered.Endpoint != want:
		return "", fault{"the registered address is " + registered.Endpoint, "set it in the Console to " + want + ", or correct PUBLIC_URL"}
	case !registered.Active:
		return "", fault{"the webhook is switched off", "switch \"Use webhook\" on in the Console"}
	}
	resp, tested, err := d.line().TestWebhookEndpointWithHttpInfo(&messaging_api.TestWebhookEndpointRequest{Endpoint: want})
	switch {
	case err != nil:
		return "", unanswered(resp, "a test of the webhook")
	case tested.Success:
		return want + " answers", nil
	case tested.StatusCode == http.StatusBadRequest:
		return "", fault{"the program refuses LINE's signature", "set LINE_CHANNEL_SECRET to the channel secret of the Console"}
	}
	return "", fault{fmt.Sprintf("LINE's test failed: %s %s", tested.Reason, tested.Detail), "see that serve runs and that " + want + " reaches it over https"}
}

func (d *doctor) quota() (string, error) {
	resp, quota, err := d.line().GetMessageQuotaWithHttpInfo()
	if err != nil {
		return "", unanswered(resp, "the month's quota")
	}
	if quota.Type == messaging_api.QuotaType_NONE {
		return "no limit", nil
	}
	resp, used, err := d.line().GetMessageQuotaConsumptionWithHttpInfo()
	if err != nil {
		return "", unanswered(resp, "the month's quota")
	}
	state := fmt.Sprintf("%d of %d pushes used this month", used.TotalUsage, quota.Value)
	if float64(used.TotalUsage) >= quotaWarning*float64(quota.Value) {
		return "", fault{state, "book more messages in the Official Account Manager: replies go on, pushes will fail"}
	}
	return state, nil
}
