package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

const (
	// exportTime bounds one delivery of spans; a collector that is down holds nothing up.
	exportTime = 5 * time.Second
	// flushTime is how long the last spans may take when the program ends.
	flushTime = 3 * time.Second
)

// startTraces sends spans to OTEL_EXPORTER_OTLP_ENDPOINT over HTTP. Without one tracer is nil and nothing is traced.
// stop delivers what is left.
func startTraces(ctx context.Context, cfg *config, log *slog.Logger) (tracer trace.Tracer, stop func(), err error) {
	if cfg.OTLPEndpoint == "" {
		return nil, func() {}, nil
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { log.Warn("traces", "err", err) }))
	endpoint, err := url.JoinPath(cfg.OTLPEndpoint, "v1/traces") // as OpenTelemetry's own rule for this variable says
	if err != nil {
		return nil, nil, fmt.Errorf("OTEL_EXPORTER_OTLP_ENDPOINT: %w", err)
	}
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(endpoint), otlptracehttp.WithTimeout(exportTime))
	if err != nil {
		return nil, nil, fmt.Errorf("traces: %w", err)
	}
	v, c := build()
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(resource.NewSchemaless(
		attribute.String("service.name", "tsunagu"), attribute.String("service.version", v), attribute.String("commit", c))))
	stop = func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTime)
		defer cancel()
		if err := provider.Shutdown(ctx); err != nil {
			log.Warn("the last traces were not delivered", "err", err)
		}
	}
	return provider.Tracer("tsunagu"), stop, nil
}
