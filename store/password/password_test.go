package password

import (
	"context"
	"errors"
	"strings"
	"testing"
)

// The real cost of a password, once: the other tests use a cheap one.
func TestPasswordCost(t *testing.T) {
	l := New(Usual, 2)
	a, err1 := l.Hash(t.Context(), "hanako-demo-2026")
	b, err2 := l.Hash(t.Context(), "hanako-demo-2026")
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	const params = "$argon2id$v=19$m=19456,t=2,p=1$"
	if !strings.HasPrefix(a, params) || !strings.HasPrefix(l.Nobody, params) || a == b {
		t.Errorf("hashes are %s and %s, and %s of nobody", a, b, l.Nobody)
	}
	if len(l.Nobody) != len(a) {
		t.Error("nobody's hash is of another size")
	}
}

func TestPasswordMatches(t *testing.T) {
	h := New(Cost{MemoryKiB: 64, Passes: 1, Lanes: 1}, 1)
	phc, err := h.Hash(t.Context(), "正しい password")
	if err != nil {
		t.Fatal(err)
	}
	dearer := New(Cost{MemoryKiB: 128, Passes: 2, Lanes: 2}, 1)
	for password, want := range map[string]bool{"正しい password": true, "正しい passwore": false, "": false} {
		for _, h := range []*Hasher{h, dearer} { // a hash is checked at its own cost
			if got, err := h.Matches(t.Context(), phc, password); err != nil || got != want {
				t.Errorf("matches(%q) = %v, %v", password, got, err)
			}
		}
	}
	for _, bad := range []string{"", "plain", "$2a$10$xx", strings.Replace(phc, "t=1", "t=0", 1), strings.Replace(phc, "v=19", "v=16", 1),
		phc[:len(phc)-30], phc + "!"} {
		if _, err := h.Matches(t.Context(), bad, "正しい password"); !errors.Is(err, ErrHash) {
			t.Errorf("a stored %q: %v", bad, err)
		}
	}
}

// No more passwords are hashed at once than there are seats, and who waits for one can leave.
func TestPasswordSeats(t *testing.T) {
	h := New(Cost{MemoryKiB: 64, Passes: 1, Lanes: 1}, 1)
	h.seats <- struct{}{}
	ctx, leave := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := h.Hash(ctx, "x")
		done <- err
	}()
	select {
	case err := <-done:
		t.Fatalf("hashed without a seat: %v", err)
	default:
	}
	leave()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("left with %v", err)
	}
	<-h.seats
	if _, err := h.Hash(t.Context(), "x"); err != nil {
		t.Errorf("with a free seat: %v", err)
	}
}
