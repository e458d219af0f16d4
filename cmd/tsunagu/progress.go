package main

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// progressEvery is how often progress is told where there is no terminal.
const progressEvery = 5 * time.Second

// progress returns a function that tells how far long work is: in one line that is written over on a terminal, in a
// line every few seconds elsewhere. The last word is always told.
func progress(w io.Writer) func(text string, last bool) {
	var mu sync.Mutex
	var told time.Time
	live := terminal(w)
	return func(text string, last bool) {
		mu.Lock()
		defer mu.Unlock()
		switch {
		case live && last:
			fmt.Fprintf(w, "\r\x1b[K%s\n", text)
		case live:
			fmt.Fprintf(w, "\r\x1b[K%s", text)
		case last, time.Since(told) >= progressEvery:
			told = time.Now()
			fmt.Fprintln(w, text)
		}
	}
}
