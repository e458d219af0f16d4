package main

import (
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"tsunagu/flows"
	"tsunagu/store"
)

type eventsCmd struct {
	Failed eventsFailedCmd `cmd:"" help:"List what was given up on, and messages that failed or are in doubt."`
	Retry  eventsRetryCmd  `cmd:"" help:"Take up again what was given up on."`
	Show   eventsShowCmd   `cmd:"" help:"Show the whole fate of one event."`
}

type eventsFailedCmd struct {
	Limit int `default:"100" help:"How many, the newest first."`
}

func (c eventsFailedCmd) Run(p *program) error {
	return p.withStore(needKeys, func(_ *config, s *store.Store) error {
		events, err := s.FailedEvents(p.ctx, c.Limit)
		if err != nil {
			return err
		}
		if len(events) == 0 {
			_, err := fmt.Fprintln(p.out, "Nothing was given up on.")
			return err
		}
		w := tabwriter.NewWriter(p.out, 0, 8, 2, ' ', 0)
		fmt.Fprintln(w, "EVENT\tACCEPTED\tFATE\tWHY")
		for _, e := range events {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", e.ID, stamp(e.AcceptedAt), e.Fate, e.Reason)
			for _, d := range e.Deeds {
				if d.State == flows.Failed || d.State == flows.InDoubt {
					fmt.Fprintf(w, "  %s\t\t%s\t%s\n", d.Kind, d.State, d.Error)
				}
			}
		}
		return w.Flush()
	})
}

type eventsRetryCmd struct {
	IDs []string `arg:"" name:"id" help:"webhookEventId of an event."`
}

func (c eventsRetryCmd) Run(p *program) error {
	return p.withStore(needKeys, func(_ *config, s *store.Store) (err error) {
		for _, id := range c.IDs {
			if retryErr := s.RetryEvent(p.ctx, id); retryErr != nil {
				err = errors.Join(err, retryErr)
				continue
			}
			fmt.Fprintln(p.out, id, "is taken up again")
		}
		return err
	})
}

type eventsShowCmd struct {
	ID string `arg:"" help:"webhookEventId of the event."`
}

func (c eventsShowCmd) Run(p *program) error {
	return p.withStore(needKeys, func(_ *config, s *store.Store) error {
		e, err := s.Event(p.ctx, c.ID)
		if err != nil {
			return fmt.Errorf("%s: %w", c.ID, err)
		}
		w := tabwriter.NewWriter(p.out, 0, 8, 2, ' ', 0)
		fmt.Fprintf(w, "event\t%s\nsort\t%s\nlane\t%s, number %d\naccepted\t%s\n", e.ID, e.Sort, e.Lane, e.Seq, stamp(e.AcceptedAt))
		if e.Fate == "" {
			fmt.Fprintln(w, "fate\twaits for its turn")
		} else {
			fmt.Fprintf(w, "fate\t%s %s\nturned\t%s by %s\n", e.Fate, e.Reason, stamp(e.TurnedAt), e.TurnedBy)
		}
		for _, d := range e.Deeds {
			fmt.Fprintf(w, "%s\t%s after %d tries, request %s %s\n", d.Kind, d.State, d.Tries, d.RequestID, d.Error)
		}
		return w.Flush()
	})
}

func stamp(t time.Time) string { return t.In(flows.JST).Format("2006-01-02 15:04:05.000 MST") }
