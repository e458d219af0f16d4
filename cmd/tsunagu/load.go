package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"tsunagu/bot/linesim"
	"tsunagu/bot/load"
)

type loadCmd struct {
	URL          string        `required:"" help:"Webhook address of the running serve, on this machine." placeholder:"URL"`
	OpsURL       string        `help:"Its listener for operations: tells its memory." placeholder:"URL"`
	Secret       string        `help:"Channel secret [a new one]." env:"LINE_CHANNEL_SECRET"`
	Token        string        `help:"Channel access token [a new one]." env:"LINE_CHANNEL_ACCESS_TOKEN"`
	Rate         float64       `default:"0" help:"Events a second; 0: as fast as it goes."`
	People       int           `default:"1000" help:"How many people ask."`
	Duration     time.Duration `default:"30s" help:"For how long."`
	Connections  int           `default:"64" help:"Webhooks under way at once."`
	Listen       string        `default:":9001" help:"Listener of the simulated LINE."`
	WriteCarrier string        `help:"Write the carrier file that the people need." placeholder:"FILE" type:"path"`
	Fault        []string      `help:"Trouble that LINE makes once people are linked, such as slow=0.1 for a tenth of all chances; can be given again. Events may stay unanswered." placeholder:"KIND=SHARE" sep:"none"`
	JSON         bool          `help:"Report as one JSON object."`
}

// errUnsound is what load ends with when an event was not answered once and in order; the report has been printed.
var errUnsound = errors.New("not every event was answered once and in order")

const (
	// lostShown is how many of the lost are named.
	lostShown = 20
	// readyTime is how long load waits for the server.
	readyTime = 10 * time.Minute
	// lookEvery is how often it asks.
	lookEvery = 500 * time.Millisecond
)

func (c loadCmd) Run(p *program) error {
	switch {
	case !loopback(c.URL) || c.OpsURL != "" && !loopback(c.OpsURL):
		return usageError("load: --url and --ops-url must be whole addresses on this machine, like http://127.0.0.1:8080/webhook; " +
			"LINE allows no load tests, and nobody else's server wants one")
	case c.People < 1 || c.Connections < 1 || c.Rate < 0 || c.Duration <= 0:
		return usageError("load: --people, --connections and --duration must be above zero, --rate zero or more")
	}
	sim := linesim.New(linesim.Config{ChannelSecret: c.Secret, AccessToken: c.Token, Webhook: c.URL, NoRateLimits: true, ChatLimit: 10})
	defer sim.Close()
	trouble, err := c.trouble(sim)
	if err != nil {
		return err
	}
	if c.WriteCarrier != "" {
		if err := writeCarrier(c.WriteCarrier, c.People); err != nil {
			return err
		}
	}
	l, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return fmt.Errorf("%w (choose another with --listen)", err)
	}
	count := load.Observe(sim)
	server := &http.Server{Handler: sim, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = server.Serve(l) }() // ends with the process
	defer server.Close()
	c.instruct(p, "http://"+localAddress(l), sim)
	say := progress(p.errs)
	if err := c.ready(p.ctx, sim, say); err != nil {
		return err
	}
	people := load.People(sim, c.People)
	if err := load.Link(p.ctx, sim, people, func(n int) { say(fmt.Sprintf("linked %d of %d people", n, c.People), n == c.People) }); err != nil {
		return fmt.Errorf("%w\nload the carrier file into the server first: --write-carrier FILE, then tsunagu carrier import FILE", err)
	}
	trouble()
	// Ctrl-C ends the asking. What was asked is still waited for, as long as a server would take to stop.
	waiting, enough := context.WithCancel(context.WithoutCancel(p.ctx))
	defer enough()
	defer context.AfterFunc(p.ctx, func() { time.AfterFunc(stopTime, enough) })()
	report, err := load.Run(waiting, load.Config{
		Sim: sim, Count: count, People: people, Rate: c.Rate, Connections: c.Connections, Duration: c.Duration, Until: p.ctx.Done(),
		Progress: func(r load.Report) {
			say(fmt.Sprintf("%d events, %.0f accepted/s, %.0f answered/s, %d open", r.Events, r.AcceptedPerSecond, r.RepliedPerSecond, r.Lost), false)
		},
	})
	if err != nil {
		return err
	}
	if err := c.print(p, report, sim); err != nil {
		return err
	}
	if !report.Sound() {
		return errUnsound
	}
	return nil
}

// trouble checks --fault and returns what has LINE begin with it.
func (c loadCmd) trouble(sim *linesim.Sim) (begin func(), err error) {
	const seed = 1 // the same trouble each time
	var faults []linesim.Fault
	for _, text := range c.Fault {
		kind, share, _ := strings.Cut(text, "=")
		n, err := strconv.ParseFloat(share, 64)
		if err != nil {
			return nil, usageError(fmt.Sprintf("load: --fault is KIND=SHARE, like slow=0.1, and not %q", text))
		}
		faults = append(faults, linesim.Fault{Kind: kind, Share: n})
	}
	if err := linesim.New(linesim.Config{}).SetFaults(seed, faults...); err != nil {
		return nil, usageError("load: --fault: " + err.Error())
	}
	return func() { _ = sim.SetFaults(seed, faults...) }, nil // checked above
}

func writeCarrier(path string, lines int) error {
	var b bytes.Buffer
	if err := load.CarrierFile(&b, lines); err != nil {
		return err
	}
	return os.WriteFile(path, b.Bytes(), 0o600)
}

// instruct says how to start the server. It goes to where the report does not.
func (c loadCmd) instruct(p *program, base string, sim *linesim.Sim) {
	fmt.Fprintf(p.errs, `A simulated LINE for load is running. Start the server with

  LINE_API_URL=%[1]s LINE_API_DATA_URL=%[1]s LINE_ACCESS_URL=%[1]s LINE_WEB_URL=%[1]s
  LINE_CHANNEL_SECRET=%[2]s
  LINE_CHANNEL_ACCESS_TOKEN=%[3]s
  LINE_RATE_SHARE=off

and load the people's lines into its carrier: tsunagu carrier import %[4]s
Waiting for %[5]s …
`, base, sim.Config().ChannelSecret, sim.Config().AccessToken, cmp.Or(c.WriteCarrier, "FILE (of --write-carrier FILE)"), c.URL)
}

// ready waits until the server takes an empty webhook, and says what keeps it from that.
func (c loadCmd) ready(ctx context.Context, sim *linesim.Sim, say func(text string, last bool)) error {
	ctx, cancel := context.WithTimeout(ctx, readyTime)
	defer cancel()
	for {
		status, err := sim.Deliver(ctx)
		if err == nil && status/100 == 2 {
			break
		}
		why := fmt.Sprintf("it answers %d", status)
		switch {
		case err != nil:
			why = "nothing answers there yet"
		case status == http.StatusBadRequest:
			why += ": start it with the LINE_CHANNEL_SECRET above"
		case status == http.StatusNotFound, status == http.StatusMethodNotAllowed:
			why += ": --url is the whole address, with /webhook"
		}
		say("waiting for "+c.URL+": "+why, false)
		timer := time.NewTimer(lookEvery)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("%s is not ready: %s (%w)", c.URL, why, ctx.Err())
		}
	}
	if c.OpsURL != "" && residentMB(ctx, c.OpsURL) == 0 {
		return fmt.Errorf("%s/metrics does not tell the server's memory: --ops-url is its OPS_LISTEN, like http://127.0.0.1:9090", strings.TrimSuffix(c.OpsURL, "/"))
	}
	return nil
}

func (c loadCmd) print(p *program, r load.Report, sim *linesim.Sim) error {
	memory := 0.0
	if c.OpsURL != "" {
		memory = residentMB(context.WithoutCancel(p.ctx), c.OpsURL)
	}
	_, faults := sim.Faults()
	if c.JSON {
		return json.NewEncoder(p.out).Encode(struct {
			load.Report
			ServerMB float64              `json:"server_rss_mb,omitempty"`
			Faults   []linesim.FaultState `json:"faults,omitempty"`
		}{r, memory, faults})
	}
	w := tabwriter.NewWriter(p.out, 0, 8, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "events\t%d\t\naccepted/s\t%.0f\t\nreplies/s\t%.0f\t\n", r.Events, r.AcceptedPerSecond, r.RepliedPerSecond)
	fmt.Fprintf(w, "webhook to 200, p50\t%.1f ms\t\n… p99\t%.1f ms\t\nwebhook to reply, p50\t%.1f ms\t\n… p99\t%.1f ms\t\n", r.AckP50, r.AckP99, r.ReplyP50, r.ReplyP99)
	fmt.Fprintf(w, "lost\t%d\t\ndoubled\t%d\t\nout of order\t%d\t\nby push\t%d\t\n", r.Lost, r.Doubled, r.OutOfOrder, r.Pushed)
	if memory > 0 {
		fmt.Fprintf(w, "server's memory\t%.0f MB\t\n", memory)
	}
	for _, f := range faults {
		fmt.Fprintf(w, "fault %s\t%d times\t\n", f.Kind, f.Struck)
	}
	for _, id := range r.LostIDs[:min(len(r.LostIDs), lostShown)] {
		fmt.Fprintf(w, "lost\t%s\t\n", id)
	}
	return w.Flush()
}

var residentLine = regexp.MustCompile(`(?m)^process_resident_memory_bytes ([0-9.e+]+)$`)

// residentMB is a server's resident memory by its metrics, 0 when it does not tell within seconds.
func residentMB(ctx context.Context, opsURL string) float64 {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(opsURL, "/")+"/metrics", nil)
	if err != nil {
		return 0
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	var text bytes.Buffer
	if _, err := text.ReadFrom(resp.Body); err != nil {
		return 0
	}
	found := residentLine.FindSubmatch(text.Bytes())
	if found == nil {
		return 0
	}
	n, err := strconv.ParseFloat(string(found[1]), 64)
	if err != nil {
		return 0
	}
	return n / (1 << 20)
}
