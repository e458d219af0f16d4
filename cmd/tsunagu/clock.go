package main

import (
	"sync/atomic"
	"time"
)

// A clock is the program's time: the machine's, moved by an offset that the demo and CLOCK_AT set.
type clock struct{ offset atomic.Int64 }

func newClock(at time.Time) *clock {
	c := new(clock)
	if !at.IsZero() {
		c.set(at)
	}
	return c
}

func (c *clock) now() time.Time { return time.Now().Add(time.Duration(c.offset.Load())) }

func (c *clock) set(t time.Time) { c.offset.Store(int64(time.Until(t))) }
