package bot

import "github.com/prometheus/client_golang/prometheus"

// Metrics counts what the bot does. Names say what they count.
type Metrics struct {
	bodies        *prometheus.CounterVec
	events        *prometheus.CounterVec
	deeds         *prometheus.CounterVec
	lineCalls     *prometheus.CounterVec
	lineSeconds   *prometheus.HistogramVec
	carrierErrors *prometheus.CounterVec
	claimErrors   prometheus.Counter
	codeAlarm     prometheus.Gauge
}

// NewMetrics registers the bot's metrics.
func NewMetrics(r prometheus.Registerer) *Metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "tsunagu_" + name, Help: help}, labels)
		r.MustRegister(c)
		return c
	}
	m := &Metrics{
		bodies:        counter("webhook_bodies_total", "Webhook bodies by what became of them.", "result"),
		events:        counter("events_total", "Events turned, by type and fate.", "type", "fate"),
		deeds:         counter("deeds_total", "Replies, pushes and menus performed, by the state they ended in.", "kind", "state"),
		lineCalls:     counter("line_calls_total", "Calls to LINE by endpoint and HTTP status.", "endpoint", "status"),
		carrierErrors: counter("carrier_failures_total", "Questions that the carrier did not answer in time.", "asked"),
		lineSeconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "tsunagu_line_call_seconds", Help: "How long calls to LINE took.",
			Buckets: []float64{.005, .02, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"endpoint"}),
		claimErrors: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "tsunagu_claim_failures_total", Help: "Times that due lanes could not be claimed.",
		}),
		codeAlarm: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "tsunagu_wrong_codes_alarm", Help: "1 while more than 100 wrong usage codes came in 10 minutes.",
		}),
	}
	r.MustRegister(m.lineSeconds, m.claimErrors, m.codeAlarm)
	return m
}
