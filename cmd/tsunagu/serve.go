package main

import (
	"fmt"
	"net"
	"net/http"
	"runtime/debug"
	"time"
)

// garbage is how far the heap may grow between collections, in percent of what is in use: an event leaves much garbage
// and little else. At full load that is under 150 MB instead of under 80, and a tenth less work. GOGC overrides it.
const garbage = 400

type serveCmd struct {
	NoMigrate bool `help:"Do not bring the schema up to date at start; tsunagu migrate up does it."`
}

func (s serveCmd) Run(p *program) error {
	cfg, err := p.settings(needServe)
	if err != nil {
		return err
	}
	log := p.logger(cfg)
	if _, set := p.getenv("GOGC"); !set {
		debug.SetGCPercent(garbage)
	}
	a, err := newApp(p.ctx, cfg, log, newClock(cfg.ClockAt).now, !s.NoMigrate, seams{})
	if err != nil {
		return err
	}
	public, err := net.Listen("tcp", cfg.Listen)
	if err != nil {
		return fmt.Errorf("LISTEN: %w", err)
	}
	ops, err := net.Listen("tcp", cfg.OpsListen)
	if err != nil {
		return fmt.Errorf("OPS_LISTEN: %w", err)
	}
	v, c := build()
	log.Info("serving", "listen", public.Addr().String(), "ops", ops.Addr().String(), "webhook", cfg.PublicURL+"/webhook",
		"version", v, "commit", c, "settings", *cfg)
	return a.run(p.ctx, public, ops)
}

// healthzCmd lets a container without a shell ask whether its server is alive.
type healthzCmd struct{}

func (healthzCmd) Run(p *program) error {
	cfg, err := p.settings(needDatabase)
	if err != nil {
		return err
	}
	_, port, err := net.SplitHostPort(cfg.Listen)
	if err != nil {
		return err
	}
	client := http.Client{Timeout: 3 * time.Second}
	resp, err := client.Get("http://" + net.JoinHostPort("127.0.0.1", port) + "/healthz")
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("/healthz answered %d", resp.StatusCode)
	}
	return nil
}
