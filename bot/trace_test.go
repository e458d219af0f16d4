package bot

import (
	"errors"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
)

// What several processes do for one event is one trace, without anything handed from one to the other.
func TestSpansOfAnEventShareATrace(t *testing.T) {
	spans := tracetest.NewSpanRecorder()
	process := func() *Bot {
		return &Bot{Config: Config{Tracer: sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans)).Tracer("test")}}
	}
	at := time.Date(2026, 11, 22, 16, 5, 0, 0, time.UTC)
	for _, event := range []string{"01HZX", "01HZX", "01HZY"} {
		_, end := process().span(t.Context(), "turn", event, at)
		end(errors.New("carrier down"), attribute.String("fate", "parked"))
	}
	ended := spans.Ended()
	if len(ended) != 3 {
		t.Fatalf("%d spans", len(ended))
	}
	first, second, other := ended[0].SpanContext(), ended[1].SpanContext(), ended[2].SpanContext()
	if first.TraceID() != second.TraceID() || first.TraceID() == other.TraceID() || first.SpanID() == second.SpanID() {
		t.Errorf("traces %v, %v and %v", first, second, other)
	}
	if s := ended[0]; s.Name() != "turn" || !s.StartTime().Equal(at) || s.Status().Code != codes.Error ||
		!hasAttribute(s, attribute.String("event", "01HZX")) || !hasAttribute(s, attribute.String("fate", "parked")) {
		t.Errorf("span %v from %v, %v, %v", s.Name(), s.StartTime(), s.Status(), s.Attributes())
	}
	_, end := new(Bot).span(t.Context(), "turn", "01HZX", at) // nobody traces
	end(nil)
}

func hasAttribute(s sdktrace.ReadOnlySpan, want attribute.KeyValue) bool {
	for _, a := range s.Attributes() {
		if a == want {
			return true
		}
	}
	return false
}
