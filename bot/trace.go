package bot

import (
	"context"
	"crypto/sha256"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// span starts a span of what is done for an event. All spans of one event are in one trace whose ID is made from the
// event's, so that whatever process sees the event adds to it and nothing has to be handed on. Call end with what
// became of it.
func (b *Bot) span(ctx context.Context, name, event string, start time.Time) (_ context.Context, end func(error, ...attribute.KeyValue)) {
	if b.Tracer == nil {
		return ctx, func(error, ...attribute.KeyValue) {}
	}
	sum := sha256.Sum256([]byte(event))
	root := trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID(sum[:16]), SpanID: trace.SpanID(sum[16:24]), TraceFlags: trace.FlagsSampled, Remote: true,
	})
	ctx, span := b.Tracer.Start(trace.ContextWithRemoteSpanContext(ctx, root), name,
		trace.WithTimestamp(start), trace.WithAttributes(attribute.String("event", event)))
	return ctx, func(err error, more ...attribute.KeyValue) {
		span.SetAttributes(more...)
		if err != nil {
			span.SetStatus(codes.Error, err.Error())
		}
		span.End()
	}
}
