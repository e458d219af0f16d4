package store_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"tsunagu/flows"
)

// begins makes a session of a lane in one turn, as flows does, and returns its ID.
func (b *bench) begins(lane string, phase flows.HelpPhase, words ...string) string {
	b.t.Helper()
	id := "ask-" + lane
	b.accept(arrival(lane, id))
	records := []flows.Record{flows.KeepSession{Session: flows.Session{ID: id, Lane: lane, Phase: phase, At: b.clock.now(), Since: b.clock.now()}}}
	for i, w := range words {
		records = append(records, flows.KeepEntry{Entry: flows.Entry{Session: id, At: b.clock.now(), By: flows.ByCustomer, Kind: "text", Text: w, Message: fmt.Sprint("m-", lane, i)}})
	}
	b.turns(lane, records...)
	b.clock.pass(time.Second)
	return id
}

func withRecords(s flows.Save, records ...flows.Record) flows.Save {
	s.Turn.Records = records
	return s
}

// turns lets a lane take its last arrival with these records. What waits before it, and in other lanes, is taken without.
func (b *bench) turns(lane string, records ...flows.Record) {
	b.t.Helper()
	for _, c := range b.claim() {
		for i := range c.Arrivals {
			step := turn(c, i, nil)
			if c.Lane == lane && i == len(c.Arrivals)-1 {
				step = withRecords(step, records...)
			}
			b.save(step)
		}
		b.save(free(c))
	}
}

func (b *bench) operator(name string, seats int) {
	b.t.Helper()
	b.ok(b.AddOperator(b.t.Context(), name, name+"さん", flows.RoleOperator, ""))
	b.ok(b.SetPresence(b.t.Context(), name, flows.PresenceOn, seats))
}

func (b *bench) row(id string) flows.DeskRow {
	b.t.Helper()
	row, err := b.Session(b.t.Context(), id)
	b.ok(err)
	return row
}

// Two operators press 「対応する」 at the same moment, 200 times, on two processes: exactly one has the person, the other is
// told who, and the lane hears of the one.
func TestOneTakesAndTheOtherIsTold(t *testing.T) {
	each(t, func(b *bench) {
		b.operator("A", 1000)
		b.operator("B", 1000)
		other := b.open()
		for n := range 200 {
			lane := fmt.Sprintf("U%d", n)
			id := b.begins(lane, flows.HelpQueued)
			errs := make([]error, 2)
			together(2, func(i int) {
				s := b.Store
				if i == 1 {
					s = other
				}
				errs[i] = s.Take(t.Context(), id, string(rune('A'+i)))
			})
			winner, loser := 0, 1
			if errs[0] != nil {
				winner, loser = 1, 0
			}
			var taken *flows.TakenError
			if errs[winner] != nil || !errors.As(errs[loser], &taken) || taken.By != string(rune('A'+winner)) {
				t.Fatalf("%d: %v and %v", n, errs[0], errs[1])
			}
			if got := b.row(id).Operator; got != taken.By {
				t.Fatalf("%d: the desk has %q", n, got)
			}
			letters := 0
			for _, c := range b.claim() {
				for _, a := range c.Arrivals {
					in, err := flows.DecodeInput(a.Body)
					b.ok(err)
					if took := in.(flows.DeskTook); took.Operator != taken.By || took.Session != id {
						t.Fatalf("%d: the lane hears of %+v", n, took)
					}
					letters++
				}
				b.save(release(turn(c, 0, nil)))
			}
			if letters != 1 {
				t.Fatalf("%d: %d letters", n, letters)
			}
		}
	})
}

// The longest waiting is handed out by the transaction that frees the seat, whoever was given back before all others; and
// an operator is never given more people than seats.
func TestFreedSeatTakesTheLongestWaiting(t *testing.T) {
	each(t, func(b *bench) {
		ctx := t.Context()
		b.operator("A", 1)
		b.ok(b.SetAuto(ctx, true))
		first := b.begins("U1", flows.HelpQueued)
		if b.row(first).Operator != "A" {
			t.Fatal("a free seat was left free")
		}
		second, third := b.begins("U2", flows.HelpQueued), b.begins("U3", flows.HelpQueued)
		if b.row(second).Operator != "" || b.row(third).Operator != "" {
			t.Fatal("handed out without a seat")
		}
		// One that was given back goes before the others, though it waits since later.
		back := b.begins("U4", flows.HelpQueued)
		b.ok(b.DB().Exec(`UPDATE help_sessions SET front = true WHERE id = ?`, back).Error)
		load, err := b.ReadDesk(ctx, third)
		b.ok(err)
		if load.Ahead != 2 || load.Waiting != 2 || load.Free != 0 || load.Seats != 1 {
			t.Errorf("seen from the last: %+v", load)
		}
		b.accept(arrival("U1", "close-U1"))
		b.turns("U1", flows.KeepSession{Session: flows.Session{ID: first, Lane: "U1", Phase: flows.HelpClosed, At: b.clock.now(), Ended: flows.EndedByOperator}})
		if b.row(back).Operator != "A" || b.row(second).Operator != "" {
			t.Errorf("after one was closed: %q has who was given back, %q the second", b.row(back).Operator, b.row(second).Operator)
		}
		b.accept(arrival("U4", "close-U4"))
		b.turns("U4", flows.KeepSession{Session: flows.Session{ID: back, Lane: "U4", Phase: flows.HelpClosed, At: b.clock.now()}})
		if b.row(second).Operator != "A" || b.row(third).Operator != "" {
			t.Error("not the longest waiting")
		}
		// A colleague who comes on takes the rest; one whose browser is gone takes nobody.
		b.operator("B", 5)
		if b.row(third).Operator != "B" {
			t.Error("a new operator was given nobody")
		}
		b.clock.pass(10 * time.Minute)
		if late := b.begins("U5", flows.HelpQueued); b.row(late).Operator != "" {
			t.Error("given to somebody who is gone")
		}
	})
}

// With everybody at the same time the seats hold.
func TestSeatsHold(t *testing.T) {
	each(t, func(b *bench) {
		b.operator("A", 3)
		for n := range 12 {
			b.begins(fmt.Sprintf("U%02d", n), flows.HelpQueued)
		}
		var mu sync.Mutex
		got, full := map[string]bool{}, 0
		together(8, func(int) {
			id, err := b.TakeNext(t.Context(), "A")
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				got[id] = true
			case errors.Is(err, flows.ErrNoSeat):
				full++
			default:
				t.Error(err)
			}
		})
		if len(got) != 3 || full != 5 || !got["ask-U00"] || !got["ask-U01"] || !got["ask-U02"] {
			t.Errorf("took %v, refused %d", got, full)
		}
	})
}

func TestWhatOperatorsMayNotDo(t *testing.T) {
	each(t, func(b *bench) {
		ctx := t.Context()
		b.operator("A", 1)
		b.operator("B", 0)
		b.ok(b.AddOperator(ctx, "off", "", flows.RoleOperator, ""))
		id := b.begins("U1", flows.HelpQueued)
		b.ok(b.Take(ctx, id, "A"))
		b.ok(b.Take(ctx, id, "A")) // has it already
		second := b.begins("U2", flows.HelpQueued)
		writing := b.begins("U3", flows.HelpWriting)
		for what, tt := range map[string]struct{ got, want error }{
			"no seat":            {b.Take(ctx, second, "A"), flows.ErrNoSeat},
			"not on":             {b.Take(ctx, second, "off"), flows.ErrNotOn},
			"nobody":             {b.Take(ctx, second, "nobody"), flows.ErrNoOperator},
			"no session":         {b.Take(ctx, "none", "A"), flows.ErrNoSession},
			"being written":      {b.Take(ctx, writing, "A"), flows.ErrSessionOver},
			"another's words":    {b.SayAs(ctx, flows.DeskSaid{Session: id, Operator: "B", ID: "x"}), flows.ErrNotYours},
			"another's close":    {b.Finish(ctx, id, "B", nil), flows.ErrNotYours},
			"another's return":   {b.Return(ctx, id, "B"), flows.ErrNotYours},
			"another's transfer": {b.Transfer(ctx, id, "B", "A"), flows.ErrNotYours},
			"to one without":     {b.Transfer(ctx, id, "A", "B"), flows.ErrNoSeat},
			"another's check":    {b.Checked(ctx, id, "B", true), flows.ErrNotYours},
			"name taken":         {b.AddOperator(ctx, "A", "", flows.RoleAdmin, ""), flows.ErrNameTaken},
		} {
			if !errors.Is(tt.got, tt.want) {
				t.Errorf("%s: %v, want %v", what, tt.got, tt.want)
			}
		}
		// HLP-34: the third failure is the last try, also for what would be right.
		for range flows.MaxChecks {
			b.ok(b.Checked(ctx, id, "A", false))
		}
		if err := b.Checked(ctx, id, "A", true); !errors.Is(err, flows.ErrChecksSpent) || b.row(id).Checked {
			t.Errorf("a fourth check: %v", err)
		}
	})
}

// What was unsent leaves a tombstone in the transcript, is found by no search, and a message unsent before it came never
// shows (design §8). Search takes any width and needs two characters.
func TestTranscript(t *testing.T) {
	each(t, func(b *bench) {
		ctx := t.Context()
		id := b.begins("U1", flows.HelpQueued, "ＳＩＭカードが 届きません", "取り消す言葉")
		find := func(q string) int {
			hits, err := b.Search(ctx, q, 10)
			b.ok(err)
			return len(hits)
		}
		for q, want := range map[string]int{"simカード": 1, "届き": 1, "カードが届": 1, "取り消す言葉": 1, "無い言葉": 0, "届": 0, "SIM届": 0} {
			if got := find(q); got != want {
				t.Errorf("search %q: %d, want %d", q, got, want)
			}
		}
		entries, err := b.Transcript(ctx, id, 0)
		b.ok(err)
		seen := entries[len(entries)-1].Version
		b.accept(arrival("U1", "unsend"))
		b.turns("U1", flows.Erase{MessageID: "m-U11"}, flows.Erase{MessageID: "m-late"})
		b.accept(arrival("U1", "late"))
		b.turns("U1", flows.KeepEntry{Entry: flows.Entry{Session: id, At: b.clock.now(), By: flows.ByCustomer, Kind: "text", Text: "遅れた言葉", Message: "m-late"}})
		if find("取り消す言葉") != 0 || find("遅れた") != 0 {
			t.Error("what was unsent is found")
		}
		news, err := b.Transcript(ctx, id, seen)
		b.ok(err)
		if len(news) != 2 || !news[0].Erased || !news[1].Erased || news[0].Text+news[1].Text != "" {
			t.Errorf("news: %+v", news)
		}
		if row := b.row(id); row.Preview != "" {
			t.Errorf("the list still shows %q", row.Preview)
		}
	})
}

// Chats go a year after they ended, with every word; one that goes on stays.
func TestSweepChats(t *testing.T) {
	each(t, func(b *bench) {
		ctx := t.Context()
		over, going := b.begins("U1", flows.HelpQueued, "古い言葉"), b.begins("U2", flows.HelpQueued, "新しい言葉")
		b.ok(b.KeepFile(ctx, flows.DeskFile{ID: "file-0001", Session: over, Type: "image/jpeg", Body: []byte("picture")}))
		b.accept(arrival("U1", "end"))
		b.turns("U1", flows.KeepSession{Session: flows.Session{ID: over, Lane: "U1", Phase: flows.HelpClosed, At: b.clock.now(), Ended: flows.EndedIdle}})
		ended := b.clock.now()
		if swept, err := b.SweepChats(ctx, ended); err != nil || swept["help_sessions"] != 0 {
			t.Errorf("too early: %v, %v", swept, err)
		}
		swept, err := b.SweepChats(ctx, ended.Add(time.Second))
		b.ok(err)
		if swept["help_sessions"] != 1 || swept["help_entries"] != 1 || swept["help_files"] != 1 || swept["help_grams"] == 0 {
			t.Errorf("swept %v", swept)
		}
		if hits, err := b.Search(ctx, "言葉", 10); err != nil || len(hits) != 1 || hits[0].Session != going {
			t.Errorf("found %+v, %v", hits, err)
		}
	})
}

// Versions are seen in their order, whatever commits at the same time: a browser that has one misses nothing before it.
func TestVersionsAreSeenInOrder(t *testing.T) {
	each(t, func(b *bench) {
		ctx := t.Context()
		b.operator("A", 100)
		var ids []string
		for n := range 20 {
			ids = append(ids, b.begins(fmt.Sprintf("U%02d", n), flows.HelpQueued))
		}
		state, err := b.DeskState(ctx)
		b.ok(err)
		seen, last := map[string]bool{}, state.Version
		done := make(chan struct{})
		go func() {
			defer close(done)
			together(4, func(n int) {
				for i := n; i < len(ids); i += 4 {
					if err := b.Take(ctx, ids[i], "A"); err != nil {
						t.Error(err)
					}
				}
			})
		}()
		look := func() {
			rows, err := b.ChangedSessions(ctx, last)
			b.ok(err)
			for _, r := range rows {
				seen[r.ID], last = true, max(last, r.Version)
			}
		}
		for open := true; open; {
			select {
			case <-done:
				open = false
			default:
			}
			look()
		}
		if len(seen) != len(ids) {
			t.Errorf("%d of %d changes were seen", len(seen), len(ids))
		}
	})
}

func TestOperatorAccounts(t *testing.T) {
	each(t, func(b *bench) {
		ctx := t.Context()
		b.ok(b.AddOperator(ctx, "sato", "佐藤", flows.RoleAdmin, "right-password"))
		for _, tt := range [][2]string{{"sato", "wrong"}, {"nobody", "right-password"}, {"sato", ""}} {
			if _, err := b.CheckOperator(ctx, tt[0], tt[1]); !errors.Is(err, flows.ErrWrongCredentials) {
				t.Errorf("%v: %v", tt, err)
			}
		}
		o, err := b.CheckOperator(ctx, "sato", "right-password")
		if err != nil || o.Role != flows.RoleAdmin || o.Display != "佐藤" {
			t.Errorf("%+v, %v", o, err)
		}
		enter := func() string {
			secret, err := b.BeginDesk(ctx, "sato", "192.0.2.1", "test")
			b.ok(err)
			return secret
		}
		gone := func(secret, why string) {
			t.Helper()
			if _, err := b.AtDesk(ctx, secret); !errors.Is(err, flows.ErrNoOperator) {
				t.Errorf("%s: still signed in (%v)", why, err)
			}
		}
		secret := enter()
		if o, err := b.AtDesk(ctx, secret); err != nil || o.Name != "sato" {
			t.Errorf("%+v, %v", o, err)
		}
		gone("made up", "a made up session")
		b.ok(b.EndDesk(ctx, secret))
		gone(secret, "signed out")
		secret = enter()
		b.clock.pass(2*time.Hour + time.Second)
		gone(secret, "two hours idle")
		secret = enter()
		for range 12 {
			b.clock.pass(time.Hour)
			_, _ = b.AtDesk(ctx, secret)
		}
		b.clock.pass(time.Second)
		gone(secret, "twelve hours")
		secret = enter()
		b.ok(b.SetOperatorPassword(ctx, "sato", "another-password"))
		gone(secret, "a new password")
		secret = enter()
		b.ok(b.DisableOperator(ctx, "sato"))
		gone(secret, "disabled")
		if _, err := b.CheckOperator(ctx, "sato", "another-password"); !errors.Is(err, flows.ErrWrongCredentials) {
			t.Errorf("a disabled account: %v", err)
		}
	})
}

// RFC 6238 by the code of its own appendix B, shortened to six digits; each code and recovery code is good once.
func TestSecondStep(t *testing.T) {
	each(t, func(b *bench) {
		ctx := t.Context()
		b.ok(b.AddOperator(ctx, "sato", "佐藤", flows.RoleOperator, "right-password"))
		b.clock.pass(time.Unix(1111111109, 0).Sub(b.clock.now()))
		const secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ" // of "12345678901234567890"
		if err := b.ConfirmTOTP(ctx, "sato", secret, "000000", nil); !errors.Is(err, flows.ErrWrongCredentials) {
			t.Fatalf("a wrong code: %v", err)
		}
		b.ok(b.ConfirmTOTP(ctx, "sato", secret, "081804", []string{"recoverme2"}))
		if err := b.CheckTOTP(ctx, "sato", "081804"); !errors.Is(err, flows.ErrWrongCredentials) {
			t.Errorf("the same code again: %v", err)
		}
		b.clock.pass(2 * time.Second)
		b.ok(b.CheckTOTP(ctx, "sato", "050471"))
		b.ok(b.CheckTOTP(ctx, "sato", "recoverme2"))
		if err := b.CheckTOTP(ctx, "sato", "recoverme2"); !errors.Is(err, flows.ErrWrongCredentials) {
			t.Errorf("a recovery code again: %v", err)
		}
		b.ok(b.DropTOTP(ctx, "sato"))
		if err := b.CheckTOTP(ctx, "sato", "050471"); !errors.Is(err, flows.ErrWrongCredentials) {
			t.Errorf("without a second step: %v", err)
		}
	})
}
