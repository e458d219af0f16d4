package load

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"tsunagu/bot/linesim"
)

// Lines of the made-up contract have these numbers and usage codes, one each from the first.
const (
	firstNumber = 90_1000_0000
	firstCode   = 7_000_000_000_000_000
)

// Code is the usage code of the i-th line.
func Code(i int) string { return fmt.Sprintf("%016d", firstCode+i) }

// linesOfAContract is the most a carrier file allows.
const linesOfAContract = 5

// CarrierFile writes a carrier file with so many lines.
func CarrierFile(w io.Writer, lines int) error {
	b := new(bytes.Buffer)
	fmt.Fprint(b, "version: 1\ncontracts:\n")
	for i := range lines {
		if i%linesOfAContract == 0 {
			fmt.Fprintf(b, `  - login_id: load-%d
    password: load-test-only-2026
    holder: {name: 負荷 試験, kana: フカ シケン, birthdate: 1985-04-02}
    mnp: true
    switch_completed_at: 2026-01-01T10:00:00+09:00
    shipping_mail_at: null
    line_points: 0
    bills: []
    lines:
`, i/linesOfAContract)
		}
		fmt.Fprintf(b, `      - msisdn: "0%d"
        user: {name: 利用 者, kana: リヨウ シャ, birthdate: 2000-01-01}
        usage_code: "%s"
        plan: {name: 3GB, quota_mb: 3000, base_fee_yen: 1210}
        status: active
        gift_enabled: true
        buckets: {carryover_mb: 200, gift_mb: 0, base_mb: 1840, topup_mb: 0}
        used_mb: 1150
`, firstNumber+i, Code(i))
	}
	_, err := w.Write(b.Bytes())
	return err
}

// People adds so many people to a LINE. They have the same user IDs on every LINE, so that a bot that was loaded before
// still knows them and their lines.
func People(sim *linesim.Sim, n int) []*linesim.Person {
	people := make([]*linesim.Person, n)
	for i := range people {
		name := fmt.Sprint("load-", i)
		spread := sha256.Sum256([]byte(name)) // IDs lie as far apart as LINE's
		people[i] = sim.AddStrangerAs(fmt.Sprintf("U%x", spread[:16]), name)
	}
	return people
}

// linkers is how many people link at once.
const linkers = 32

// Link lets each person add the account and link the line of the same place in CarrierFile, and returns when all are
// linked; that the bot has linked them before is fine. progress may be nil. The error says what the first who could not
// was told instead.
func Link(ctx context.Context, sim *linesim.Sim, people []*linesim.Person, progress func(done int)) error {
	work := make(chan int)
	var all sync.WaitGroup
	var mu sync.Mutex
	var failed error
	done := 0
	for range linkers {
		all.Go(func() {
			for i := range work {
				err := link(ctx, sim, people[i], Code(i))
				mu.Lock()
				switch {
				case err == nil:
					done++
					if progress != nil {
						progress(done)
					}
				case failed == nil: // the others most likely fail for the same reason
					failed = err
				}
				mu.Unlock()
			}
		})
	}
	for i := range people {
		mu.Lock()
		stop := failed != nil
		mu.Unlock()
		if stop || ctx.Err() != nil {
			break
		}
		work <- i
	}
	close(work)
	all.Wait()
	if failed == nil && done < len(people) {
		return ctx.Err()
	}
	return failed
}

// patience is how long one answer is waited for while linking.
const patience = 30 * time.Second

func link(ctx context.Context, sim *linesim.Sim, p *linesim.Person, code string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	p.Follow()
	p.Say("利用者連携")
	if err := hears(ctx, sim, p, "利用コードを入力", false); err != nil { // after a greeting, as the case may be
		return err
	}
	p.Say(code)
	return hears(ctx, sim, p, "連携が完了", true)
}

// hears waits until the person was told something after they last wrote; with next the first thing they are told has to
// be it.
func hears(ctx context.Context, sim *linesim.Sim, p *linesim.Person, words string, next bool) error {
	var heard linesim.Entry
	told := func() (right bool) {
		for _, e := range slices.Backward(p.Chat()) {
			if e.From == linesim.FromPerson {
				break
			}
			if e.From == linesim.FromBot {
				heard, right = e, right || bytes.Contains(e.Message, []byte(words))
			}
		}
		return right
	}
	err := sim.Await(ctx, func() bool { return told() || next && heard.Seq > 0 })
	if !told() {
		return errors.Join(fmt.Errorf("%s was told %q and not %q", p.Name, heard.Text(), words), err)
	}
	return nil
}
