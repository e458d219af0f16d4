package store_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tsunagu/flows"
	"tsunagu/store"
	"tsunagu/store/storetest"
)

func unsends(message string) func(*flows.Turned) {
	return func(t *flows.Turned) { t.Records = []flows.Record{flows.Erase{MessageID: message}} }
}

// left counts what is still stored of an input and its deeds.
func left(b *bench, id string) int64 {
	return b.ask(`SELECT (SELECT count(*) FROM inputs WHERE id = ? AND body IS NOT NULL)
		+ (SELECT count(*) FROM deeds WHERE id LIKE ? AND body IS NOT NULL)`, id, id+"/%")
}

func TestUnsendErases(t *testing.T) {
	each(t, func(b *bench) {
		b.accept(arrival("U1", "e1"), arrival("U1", "e10"), arrival("U1", "unsend"))
		other := arrival("U2", "e2")
		other.MessageID = "m-e1" // of another lane
		b.accept(other)
		claims := b.claim()
		for _, c := range claims {
			for i, a := range c.Arrivals {
				switch a.ID {
				case "unsend":
					b.save(release(turn(c, i, unsends("m-e1"))))
				default:
					b.save(turn(c, i, func(t *flows.Turned) {
						t.Deeds = []flows.Deed{{ID: a.ID + "/0", State: flows.Done, Body: []byte("you said " + string(a.Body))}}
					}))
				}
			}
		}
		if left(b, "e1") != 0 || left(b, "e10") != 2 || left(b, "e2") != 2 {
			t.Errorf("left of the message %d, of another %d, of another lane's %d", left(b, "e1"), left(b, "e10"), left(b, "e2"))
		}
		b.accept(arrival("U1", "e1")) // a redelivery does not bring it back
		b.idle()
		if left(b, "e1") != 0 {
			t.Error("a redelivery was stored")
		}
	})
}

func TestUnsendBeforeTheMessageWasTurned(t *testing.T) {
	each(t, func(b *bench) {
		b.accept(arrival("U1", "unsend"), arrival("U1", "e1"), arrival("U1", "e2"))
		c := b.one()
		b.save(turn(c, 0, unsends("m-e1")))
		if left(b, "e1") != 0 || left(b, "e2") != 1 {
			t.Error("a waiting message was not erased, or another one was")
		}
		// The worker has the words in hand already; what it makes of them is not kept.
		b.save(turn(c, 1, func(t *flows.Turned) {
			t.Deeds = []flows.Deed{{ID: "e1/0", State: flows.Sending, Body: []byte("you said it")}}
		}))
		if left(b, "e1") != 0 {
			t.Error("a deed of the erased message was kept")
		}
		b.save(free(c))
		if c := b.one(); len(c.Unfinished) != 1 || c.Unfinished[0].Body != nil {
			t.Errorf("unfinished: %+v", c.Unfinished)
		}
	})
}

func TestUnsendBeforeTheMessageCame(t *testing.T) {
	each(t, func(b *bench) {
		b.accept(arrival("U1", "unsend"))
		b.save(release(turn(b.one(), 0, unsends("m-e1"))))
		b.accept(arrival("U1", "e1"), arrival("U1", "e2"))
		c := b.one()
		if len(c.Arrivals) != 2 || c.Arrivals[0].Body != nil || string(c.Arrivals[1].Body) != "body of e2" {
			t.Errorf("handed out: %+v", c.Arrivals)
		}
		b.save(turn(c, 0, nil))
		b.save(turn(c, 1, nil))
		if left(b, "e1") != 0 || left(b, "e2") != 1 {
			t.Error("the message is still stored, or another one is not")
		}
	})
}

// A message accepted at the very moment of its unsend may be stored with its text; it is handed out without, and loses
// it with its turn.
func TestUnsendWhileTheMessageComes(t *testing.T) {
	each(t, func(b *bench) {
		b.accept(arrival("U1", "unsend"), arrival("U1", "e1"))
		b.ok(b.DB().Exec(`INSERT INTO erased (lane, message_id, at) VALUES ('U1', 'm-e1', 0)`).Error) // seen by claim only
		c := b.one()
		if c.Arrivals[1].Body != nil {
			t.Error("the erased text was handed out")
		}
		b.save(turn(c, 0, nil))
		b.save(turn(c, 1, nil))
		if left(b, "e1") != 0 {
			t.Error("the text is still stored")
		}
	})
}

// LNK-14: a turn may forget what it was about.
func TestForget(t *testing.T) {
	each(t, func(b *bench) {
		b.accept(arrival("U1", "e1"), arrival("U1", "e2"))
		c := b.one()
		b.save(turn(c, 0, func(t *flows.Turned) { t.Forget = true }))
		b.save(turn(c, 1, nil))
		if left(b, "e1") != 0 || left(b, "e2") != 1 {
			t.Error("the wrong body was forgotten")
		}
	})
}

// A body is nowhere in the files of SQLite while it is stored, and its sealed form is gone from them once it is erased,
// from the write-ahead log too.
func TestSealedInTheFilesAndGoneWhenErased(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tsunagu.db")
	b := newBench(t, "sqlite:"+path)
	const secret = "VERY-SECRET-WORDS"
	a := arrival("U1", "e1")
	a.Body = []byte(strings.Repeat(secret, 20))
	b.accept(a, arrival("U1", "unsend"))
	c := b.one()
	b.save(turn(c, 0, func(t *flows.Turned) {
		t.Deeds = []flows.Deed{{ID: "e1/0", State: flows.Done, Body: a.Body}}
	}))
	var sealed []byte
	b.ok(b.DB().Raw(`SELECT body FROM inputs WHERE id = 'e1'`).Row().Scan(&sealed))
	nonce, err := b.MakeNonce(t.Context(), "U1", flows.Contract{ID: "C1", LoginID: secret}, time.Minute)
	b.ok(err)
	if !inFiles(t, path, sealed[:40]) {
		t.Fatal("this test does not find what is there")
	}
	if inFiles(t, path, []byte(secret)) || inFiles(t, path, []byte(nonce)) {
		t.Error("plain text in the database's files")
	}
	b.save(release(turn(c, 1, unsends("m-e1"))))
	if inFiles(t, path, sealed[:40]) {
		t.Error("the erased body is still in the database's files")
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file is %v, %v", info.Mode(), err)
	}
}

func inFiles(t *testing.T, path string, what []byte) bool {
	t.Helper()
	files, err := filepath.Glob(path + "*")
	if err != nil || len(files) < 2 {
		t.Fatalf("files are %v, %v", files, err)
	}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(data, what) {
			return true
		}
	}
	return false
}

func TestSealedInPostgres(t *testing.T) {
	b := newBench(t, storetest.Postgres(t))
	b.accept(arrival("U1", "e1"))
	b.save(turn(b.one(), 0, func(t *flows.Turned) {
		t.Deeds = []flows.Deed{{ID: "e1/0", State: flows.Done, Body: []byte("body of the reply")}}
	}))
	for _, table := range []string{"inputs", "deeds"} {
		if n := b.ask(fmt.Sprintf(`SELECT count(*) FROM %s WHERE position('body of'::bytea IN body) > 0`, table)); n != 0 {
			t.Errorf("plain text in %s", table)
		}
		if n := b.ask(fmt.Sprintf(`SELECT count(*) FROM %s WHERE length(body) > 20`, table)); n != 1 {
			t.Errorf("%d bodies in %s", n, table)
		}
	}
}

func TestKeyRotation(t *testing.T) {
	each(t, func(b *bench) {
		b.accept(arrival("U1", "e1"))
		nonce, err := b.MakeNonce(t.Context(), "U1", flows.Contract{ID: "C1", LoginID: "hanako"}, time.Minute)
		b.ok(err)
		b.ok(b.KeepLinkToken(t.Context(), "token", "U1", b.clock.now().Add(time.Minute)))
		newKey := bytes.Repeat([]byte{7}, 32)

		// Without the old key the lane is withheld, not emptied.
		if claims, err := b.open(newKey).Claim(t.Context(), 10, 10); len(claims) != 0 || err != nil {
			t.Errorf("claimed %+v, %v", claims, err)
		}
		b.clock.pass(15 * time.Second)

		both := b.open(newKey, testKey)
		claims, err := both.Claim(t.Context(), 10, 10)
		b.ok(err)
		if len(claims) != 1 || string(claims[0].Arrivals[0].Body) != "body of e1" {
			t.Fatalf("claimed %+v", claims)
		}
		b.ok(both.Save(t.Context(), release(turn(claims[0], 0, nil))))
		if _, ok, err := both.LinkTokenLane(t.Context(), "token"); !ok || err != nil {
			t.Errorf("link token: %v, %v", ok, err)
		}
		if _, c, ok, err := both.RedeemNonce(t.Context(), nonce, "e1"); !ok || c.LoginID != "hanako" || err != nil {
			t.Errorf("nonce: %v, %v", ok, err)
		}
		b.ok(both.Accept(t.Context(), []flows.Arrival{arrival("U1", "e2")}))
		claims, err = b.open(newKey).Claim(t.Context(), 10, 10)
		b.ok(err)
		if len(claims) != 1 || string(claims[0].Arrivals[0].Body) != "body of e2" {
			t.Errorf("the new key alone reads %+v", claims)
		}
	})
}

// A body does not open in another row's place.
func TestBodiesCannotBeSwapped(t *testing.T) {
	each(t, func(b *bench) {
		b.accept(arrival("U1", "e1"), arrival("U2", "e2"))
		b.ok(b.DB().Exec(`UPDATE inputs SET body = (SELECT body FROM inputs WHERE id = 'e2') WHERE id = 'e1'`).Error)
		if c := b.one(); c.Lane != "U2" {
			t.Errorf("claimed %+v", c)
		}
	})
}

func TestShortKeysAreRefused(t *testing.T) {
	_, err := store.Open(context.Background(), store.Config{
		URL: "sqlite:" + filepath.Join(t.TempDir(), "x.db"), Keys: [][]byte{testKey, []byte("short")},
	})
	if err == nil {
		t.Error("a short key was taken")
	}
}
