package main

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"tsunagu/bot/linesim"
)

type simCmd struct {
	Listen  string `default:":9000" help:"Listener of the simulated LINE and its phone page."`
	Webhook string `help:"Address of the bot's webhook." placeholder:"URL"`
	Secret  string `help:"Channel secret [a new one]." env:"LINE_CHANNEL_SECRET"`
	Token   string `help:"Channel access token [a new one]." env:"LINE_CHANNEL_ACCESS_TOKEN"`
}

func (c simCmd) Run(p *program) error {
	cfg, err := p.settings(needDatabase)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return err
	}
	sim := linesim.New(linesim.Config{
		ChannelSecret: c.Secret, AccessToken: c.Token, Webhook: c.Webhook, Name: cfg.Flows.Brand,
		Clock: newClock(cfg.ClockAt).now, Log: p.logger(cfg),
	})
	base := "http://" + localAddress(l)
	fmt.Fprintf(p.out, `A simulated LINE is running.

  Phone page            %[1]s/phone
  Start the bot with    LINE_API_URL=%[1]s LINE_API_DATA_URL=%[1]s LINE_ACCESS_URL=%[1]s LINE_WEB_URL=%[1]s
                        LINE_CHANNEL_SECRET=%[2]s
                        LINE_CHANNEL_ACCESS_TOKEN=%[3]s
  Tell LINE the webhook --webhook URL, or PUT %[1]s/v2/bot/channel/webhook/endpoint

Ctrl-C ends it.
`, base, sim.Config().ChannelSecret, sim.Config().AccessToken)
	server := &http.Server{Handler: sim, ReadHeaderTimeout: 5 * time.Second}
	go func() {
		<-p.ctx.Done()
		_ = server.Close() // nothing here outlives the process
	}()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// localAddress is how people on this machine reach a listener.
func localAddress(l net.Listener) string {
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		return l.Addr().String()
	}
	return net.JoinHostPort("localhost", port)
}
