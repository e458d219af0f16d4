package bot

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Metrics counts what the bot does. Names say what they count.
type Metrics struct {
	bodies        *prometheus.CounterVec
	events        *prometheus.CounterVec
	deeds         *prometheus.CounterVec
	lineCalls     *prometheus.CounterVec
	lineSeconds   *prometheus.HistogramVec
	lineWaits     *prometheus.CounterVec
	lineResting   *prometheus.GaugeVec
	carrierErrors *prometheus.CounterVec
	claimErrors   prometheus.Counter
	codeAlarm     prometheus.Gauge
	bodySeconds   prometheus.Observer
	answerSeconds prometheus.Observer
	working       prometheus.Gauge
	quota         *prometheus.GaugeVec
	quotaUsed     *prometheus.GaugeVec
}

// waits are the bounds of times that people notice.
var waits = []float64{.005, .01, .02, .05, .1, .2, .5, 1, 2, 5, 10, 30, 60}

// NewMetrics registers the bot's metrics.
func NewMetrics(r prometheus.Registerer) *Metrics {
	f := promauto.With(r)
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return f.NewCounterVec(prometheus.CounterOpts{Name: "tsunagu_" + name, Help: help}, labels)
	}
	gauge := func(name, help string, labels ...string) *prometheus.GaugeVec {
		return f.NewGaugeVec(prometheus.GaugeOpts{Name: "tsunagu_" + name, Help: help}, labels)
	}
	seconds := func(name, help string, labels ...string) *prometheus.HistogramVec {
		return f.NewHistogramVec(prometheus.HistogramOpts{Name: "tsunagu_" + name, Help: help, Buckets: waits}, labels)
	}
	return &Metrics{
		bodies:        counter("webhook_bodies_total", "Webhook bodies by what became of them.", "result"),
		bodySeconds:   seconds("webhook_seconds", "From a webhook body to its answer. LINE waits for two seconds.").WithLabelValues(),
		events:        counter("events_total", "Events turned, by type and fate.", "type", "fate"),
		answerSeconds: seconds("answer_seconds", "From an event's acceptance until LINE took the answer.").WithLabelValues(),
		deeds:         counter("deeds_total", "Tries of replies, pushes and menus, by the state they ended in.", "kind", "state"),
		working:       gauge("lanes_working", "Lanes in hand in this process.").WithLabelValues(),
		lineCalls:     counter("line_calls_total", "Calls to LINE by endpoint and HTTP status.", "endpoint", "status"),
		lineSeconds:   seconds("line_call_seconds", "How long calls to LINE took.", "endpoint"),
		lineWaits:     counter("line_waits_total", "Calls held back to stay inside LINE's rate limit.", "endpoint"),
		lineResting:   gauge("line_resting", "1 while an endpoint of LINE that kept failing is left alone.", "endpoint"),
		quota:         gauge("push_quota", "Messages that may be pushed this month; -1: no limit. Absent until LINE told."),
		quotaUsed:     gauge("push_quota_used", "Messages pushed this month, by LINE's own count. Absent until LINE told."),
		carrierErrors: counter("carrier_failures_total", "Questions that the carrier did not answer in time.", "asked"),
		claimErrors:   counter("claim_failures_total", "Times that due lanes could not be claimed.").WithLabelValues(),
		codeAlarm:     gauge("wrong_codes_alarm", "1 while more than 100 wrong usage codes came in 10 minutes.").WithLabelValues(),
	}
}
