package store_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"tsunagu/flows"
	"tsunagu/store"
)

func line(ref string) flows.Link {
	return flows.Link{Kind: flows.UserLink, Ref: ref, Label: "090-****-5678", At: newClock().at}
}

// links is a change of a turn to these links.
func links(all ...flows.Link) func(*flows.Turned) {
	return func(t *flows.Turned) { t.After.Links = all }
}

func TestLinksFollowTheConversation(t *testing.T) {
	each(t, func(b *bench) {
		a, c := line("L1"), flows.Link{Kind: flows.HolderLink, Ref: "L1", Label: "han***", At: newClock().at.Add(time.Second)}
		b.accept(arrival("U1", "e1"), arrival("U1", "e2"), arrival("U1", "e3"))
		claim := b.one()
		b.save(turn(claim, 0, links(a, c)))
		if lane, ok, err := b.Linked(t.Context(), flows.UserLink, "L1"); lane != "U1" || !ok || err != nil {
			t.Errorf("linked to %q, %v, %v", lane, ok, err)
		}
		named := a
		named.Nickname = "太郎"
		claim.Conversation.Links = []flows.Link{a, c}
		b.save(turn(claim, 1, links(named, c)))
		b.save(free(claim))
		claim = b.one()
		if got := claim.Conversation.Links; !slices.Equal(got, []flows.Link{named, c}) {
			t.Errorf("links are %v", got)
		}
		b.save(release(turn(claim, 0, links(c))))
		if lane, ok, _ := b.Linked(t.Context(), flows.UserLink, "L1"); ok {
			t.Errorf("still linked to %s", lane)
		}
		if _, ok, _ := b.Linked(t.Context(), flows.HolderLink, "L1"); !ok {
			t.Error("the other kind of link went too")
		}
	})
}

// ACC-04: twenty people link the same line at the same moment, through two processes; one gets it.
func TestLinkIsTakenOnce(t *testing.T) {
	each(t, func(b *bench) {
		other := b.open()
		const people = 20
		for i := range people {
			b.accept(arrival(fmt.Sprintf("U%02d", i), fmt.Sprintf("e%d", i)))
		}
		claims := b.claim()
		errs := make([]error, people)
		together(people, func(i int) {
			s := []*store.Store{b.Store, other}[i%2]
			errs[i] = s.Save(t.Context(), turn(claims[i], 0, func(t *flows.Turned) {
				t.After.Links = []flows.Link{line("L0"), line(fmt.Sprint("own", i))}
				t.After.About = "saved"
				t.Deeds = []flows.Deed{{ID: claims[i].Arrivals[0].ID + "/0", State: flows.Sending}}
			}))
		})
		winners := 0
		for i, err := range errs {
			switch {
			case err == nil:
				winners++
				if lane, _, _ := b.Linked(t.Context(), flows.UserLink, "L0"); lane != claims[i].Lane {
					t.Errorf("%s was told it has the line of %s", claims[i].Lane, lane)
				}
			case !errors.Is(err, flows.ErrLinkTaken):
				t.Error(err)
			}
		}
		if winners != 1 {
			t.Errorf("%d people have the line", winners)
		}
		if n := b.ask(`SELECT (SELECT count(*) FROM links) + (SELECT count(*) FROM conversations) + (SELECT count(*) FROM deeds)
			+ (SELECT count(*) FROM inputs WHERE fate IS NOT NULL)`); n != 2+1+1+1 {
			t.Errorf("losers left %d rows", n-5)
		}
	})
}

func TestLettersComeOnce(t *testing.T) {
	each(t, func(b *bench) {
		b.accept(arrival("U1", "e1"))
		c := b.one()
		drainWake(b)
		save := turn(c, 0, func(t *flows.Turned) {
			t.Records = []flows.Record{
				flows.Letter{To: "U2", Input: flows.LinkTried{Ref: "L1"}},
				flows.Letter{To: "U1", Input: flows.LinkFailed{}},
			}
		})
		b.save(save)
		select {
		case <-b.Wake():
		default:
			t.Error("nobody was woken for a letter")
		}
		if err := b.Save(t.Context(), save); err == nil {
			t.Error("the turn was saved twice")
		}
		b.save(free(c))
		claims := b.claim()
		if len(claims) != 2 {
			t.Fatalf("%d lanes have letters", len(claims))
		}
		for _, c := range claims {
			if len(c.Arrivals) != 1 || c.Arrivals[0].Sort != flows.FromLetter {
				t.Fatalf("%s got %+v", c.Lane, c.Arrivals)
			}
			in, err := flows.DecodeInput(c.Arrivals[0].Body)
			want := map[string]flows.Input{"U1": flows.LinkFailed{}, "U2": flows.LinkTried{Ref: "L1"}}[c.Lane]
			if err != nil || in != want {
				t.Errorf("%s got %v, %v", c.Lane, in, err)
			}
			if id := c.Arrivals[0].ID; id != map[string]string{"U1": "e1/letter/1", "U2": "e1/letter/0"}[c.Lane] {
				t.Errorf("%s got %s", c.Lane, id)
			}
		}
	})
}

// People who write to each other at the same time lock each other's lanes; nobody waits for ever and no letter is lost.
func TestLettersCross(t *testing.T) {
	each(t, func(b *bench) {
		other := b.open()
		const people, rounds = 10, 5
		lane := func(i int) string { return fmt.Sprintf("U%d", i%people) }
		for i := range people {
			for r := range rounds {
				b.accept(arrival(lane(i), fmt.Sprintf("e%d-%d", i, r)))
			}
		}
		claims := b.claim()
		slices.SortFunc(claims, func(a, b flows.Claim) int { return int(a.Lane[1]) - int(b.Lane[1]) })
		together(people+2, func(i int) {
			s := []*store.Store{b.Store, other}[i%2]
			if i >= people { // arrivals come in meanwhile
				for r := range rounds {
					var as []flows.Arrival
					for j := range people {
						as = append(as, arrival(lane(people-j), fmt.Sprintf("f%d-%d-%d", i, j, r)))
					}
					if err := s.Accept(t.Context(), as); err != nil {
						t.Error(err)
					}
				}
				return
			}
			for r := range rounds {
				err := s.Save(t.Context(), turn(claims[i], r, func(t *flows.Turned) {
					for j := range people {
						t.Records = append(t.Records, flows.Letter{To: lane(i + j), Input: flows.LinkFailed{}})
					}
				}))
				if err != nil {
					t.Error(err)
				}
			}
		})
		if n := b.ask(`SELECT count(*) FROM inputs WHERE sort = ?`, flows.FromLetter); n != people*people*rounds {
			t.Errorf("%d letters, want %d", n, people*people*rounds)
		}
		if n := b.ask(`SELECT count(*) FROM lanes l WHERE tail <> (SELECT count(*) FROM inputs i WHERE i.lane = l.lane)`); n != 0 {
			t.Errorf("%d lanes miscounted", n)
		}
	})
}

// LNK-29, LNK-43: a carrier's change tells whom it concerns, inside the carrier's transaction.
func TestLettersFor(t *testing.T) {
	each(t, func(b *bench) {
		b.accept(arrival("U1", "e1"))
		b.save(release(turn(b.one(), 0, links(line("L1"), line("L2")))))
		b.ok(b.LettersFor(t.Context(), nil, flows.UserLink, []string{"L1", "nobody's"}, "reissue"))
		b.ok(b.LettersFor(t.Context(), nil, flows.HolderLink, []string{"L2"}, "reissue"))
		b.ok(b.LettersFor(t.Context(), nil, flows.UserLink, nil, "reissue"))
		c := b.one()
		want := flows.LinkEnded{Kind: flows.UserLink, Ref: "L1", Reason: "reissue"}
		if in, err := flows.DecodeInput(c.Arrivals[0].Body); len(c.Arrivals) != 1 || in != want || err != nil {
			t.Errorf("got %v, %v", c.Arrivals, err)
		}
		b.save(release(turn(c, 0, nil)))

		tx := b.DB().Begin()
		b.ok(b.LettersFor(t.Context(), tx, flows.UserLink, []string{"L2"}, "user_changed"))
		b.ok(tx.Rollback().Error)
		b.idle()
	})
}

// LNK-11
func TestLinkTokens(t *testing.T) {
	each(t, func(b *bench) {
		b.ok(b.KeepLinkToken(t.Context(), "token", "U1", b.clock.now().Add(10*time.Minute)))
		if lane, ok, err := b.LinkTokenLane(t.Context(), "token"); lane != "U1" || !ok || err != nil {
			t.Errorf("token of %q, %v, %v", lane, ok, err)
		}
		if _, ok, _ := b.LinkTokenLane(t.Context(), "other"); ok {
			t.Error("an unknown token was known")
		}
		b.clock.pass(10 * time.Minute)
		if _, ok, _ := b.LinkTokenLane(t.Context(), "token"); ok {
			t.Error("an expired token was good")
		}
		if n := b.ask(`SELECT count(*) FROM link_tokens WHERE hash LIKE '%token%'`); n != 0 {
			t.Error("the token itself is stored")
		}
	})
}

// LNK-12: at least 128 random bits, ten minutes, once.
func TestNonceIsGoodOnce(t *testing.T) {
	each(t, func(b *bench) {
		contract := flows.Contract{ID: "C1", LoginID: "hanako"}
		nonce, err := b.MakeNonce(t.Context(), "U1", contract, 10*time.Minute)
		b.ok(err)
		another, err := b.MakeNonce(t.Context(), "U1", contract, 10*time.Minute)
		b.ok(err)
		if len(nonce) != 43 || nonce == another {
			t.Errorf("nonces %q and %q", nonce, another)
		}
		var mu sync.Mutex
		var winner string
		together(8, func(i int) {
			by := fmt.Sprint("event", i)
			lane, c, ok, err := b.RedeemNonce(t.Context(), nonce, by)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
			}
			if ok {
				if winner != "" || lane != "U1" || c != contract {
					t.Errorf("%s got %q %v after %q", by, lane, c, winner)
				}
				winner = by
			}
		})
		b.clock.pass(time.Hour)
		if _, c, ok, err := b.RedeemNonce(t.Context(), nonce, winner); !ok || c != contract || err != nil {
			t.Errorf("the winner could not ask again: %v, %v", ok, err)
		}
		if _, _, ok, _ := b.RedeemNonce(t.Context(), another, "event"); ok {
			t.Error("an expired nonce was good")
		}
		if _, _, ok, _ := b.RedeemNonce(t.Context(), "unknown", "event"); ok {
			t.Error("an unknown nonce was good")
		}
		if n := b.ask(`SELECT count(*) FROM nonces WHERE hash = ?`, nonce); n != 0 {
			t.Error("the nonce itself is stored")
		}
	})
}

// LNK-15: the fifth wrong password within the window locks, for the name and for the LINE account.
func TestSignInLock(t *testing.T) {
	each(t, func(b *bench) {
		const window, lock = time.Hour, time.Hour
		keys := []string{"login/hanako", "lane/U1"}
		try := func(keys ...string) (time.Time, bool) {
			until, ok, err := b.TrySignIn(t.Context(), keys, 5, window, lock)
			b.ok(err)
			return until, ok
		}
		left := func() int {
			n, err := b.SignInsLeft(t.Context(), keys, 5, window)
			b.ok(err)
			return n
		}
		for i := range 4 {
			if n := left(); n != 5-i {
				t.Errorf("%d attempts are left after %d", n, i)
			}
			if _, ok := try(keys...); !ok {
				t.Fatalf("attempt %d was refused", i+1)
			}
			b.clock.pass(time.Minute)
		}
		if _, ok := try(keys...); !ok {
			t.Fatal("the fifth attempt was refused")
		}
		fifth := b.clock.now()
		b.ok(b.UndoSignIn(t.Context(), keys)) // LNK-04: the right password, too early
		if n := left(); n != 1 {
			t.Errorf("%d attempts are left", n)
		}
		try(keys...)
		for _, k := range [][]string{keys, keys[:1], keys[1:], {"login/other", keys[1]}} {
			if until, ok := try(k...); ok || !until.Equal(fifth.Add(lock)) {
				t.Errorf("%v: ok %v, locked until %v", k, ok, until)
			}
		}
		if _, ok := try("login/other"); !ok || left() != 0 {
			t.Error("a refused attempt was counted for its other key, or the lock is not seen")
		}
		b.clock.pass(lock)
		if n := left(); n != 5 {
			t.Errorf("%d attempts are left after the lock", n)
		}
		try(keys...)
		b.ok(b.SignedIn(t.Context(), keys))
		if n := left(); n != 5 {
			t.Errorf("%d attempts are left after a sign-in", n)
		}
		for range 4 {
			try(keys...)
		}
		b.clock.pass(window)
		if n := left(); n != 5 {
			t.Errorf("%d attempts are left after the window", n)
		}
	})
}

// Guesses made at the same time are counted before they are checked.
func TestSignInGuessesAtTheSameTime(t *testing.T) {
	each(t, func(b *bench) {
		other := b.open()
		var mu sync.Mutex
		allowed := 0
		together(20, func(i int) {
			keys := []string{"login/hanako", "lane/U1"}
			if i%2 == 0 {
				slices.Reverse(keys)
			}
			_, ok, err := []*store.Store{b.Store, other}[i%2].TrySignIn(t.Context(), keys, 5, time.Hour, time.Hour)
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			if ok {
				allowed++
			}
		})
		if allowed != 5 {
			t.Errorf("%d guesses were allowed", allowed)
		}
	})
}

func TestAuditIsAppendOnly(t *testing.T) {
	each(t, func(b *bench) {
		b.accept(arrival("U1", "e1"))
		a := flows.Audit{At: b.clock.now(), Actor: "U1", Kind: "link", Link: flows.UserLink, Ref: "L1"}
		b.save(release(turn(b.one(), 0, func(t *flows.Turned) { t.Records = []flows.Record{a, a} })))
		b.ok(b.RecordAudit(t.Context(), a))
		if n := b.ask(`SELECT count(*) FROM audit WHERE actor = 'U1' AND ref = 'L1' AND link = 'user' AND at = ?`, a.At.UnixMicro()); n != 3 {
			t.Errorf("%d entries", n)
		}
		for _, sql := range []string{`UPDATE audit SET actor = 'x'`, `DELETE FROM audit`} {
			if err := b.DB().Exec(sql).Error; err == nil {
				t.Errorf("%s was allowed", sql)
			}
		}
	})
}

// LNK-25
func TestWrongCodesOfEverybody(t *testing.T) {
	each(t, func(b *bench) {
		for i := range 4 {
			b.accept(arrival(fmt.Sprint("U", i), fmt.Sprint("e", i)))
		}
		for i, c := range b.claim() {
			at := b.clock.now().Add(time.Duration(-i) * time.Minute)
			b.save(release(turn(c, 0, func(t *flows.Turned) { t.Records = []flows.Record{flows.WrongCode{At: at}} })))
		}
		for _, c := range []struct {
			since       time.Duration
			limit, want int
		}{{2 * time.Minute, 100, 3}, {time.Hour, 100, 4}, {time.Hour, 2, 2}, {-time.Second, 100, 0}} {
			if n, err := b.WrongCodes(t.Context(), b.clock.now().Add(-c.since), c.limit); n != c.want || err != nil {
				t.Errorf("%v: %d, %v", c, n, err)
			}
		}
	})
}
