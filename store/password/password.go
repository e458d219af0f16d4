// Package password keeps passwords as argon2id hashes: those of the built-in carrier and those of the desk.
package password

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
)

// A Cost is what one argon2id hash takes. It is stored with each hash, so that it can be raised for new ones.
type Cost struct {
	MemoryKiB uint32
	Passes    uint32
	Lanes     uint8
}

// Usual is the second choice of the OWASP Password Storage Cheat Sheet: 19 MiB, 2 passes, 1 lane.
var Usual = Cost{MemoryKiB: 19 * 1024, Passes: 2, Lanes: 1}

const saltBytes, keyBytes = 16, 32

// A Hasher hashes and checks passwords, a few at a time: each takes memory and a core for some hundredths of a second.
type Hasher struct {
	cost  Cost
	seats chan struct{}
	// Nobody is a hash of the same cost that no password has. Whoever has no hash is checked against it, so that a
	// wrong login ID takes as long as a wrong password.
	Nobody string
}

// New makes a Hasher that hashes so many passwords at once.
func New(c Cost, seats int) *Hasher {
	return &Hasher{cost: c, seats: make(chan struct{}, seats), Nobody: encode(c, random(saltBytes), random(keyBytes))}
}

// Seats is how many passwords it hashes at once.
func (h *Hasher) Seats() int { return cap(h.seats) }

// Hash returns the PHC string of a password under a fresh salt.
func (h *Hasher) Hash(ctx context.Context, password string) (string, error) {
	salt := random(saltBytes)
	key, err := h.key(ctx, password, salt, h.cost, keyBytes)
	if err != nil {
		return "", err
	}
	return encode(h.cost, salt, key), nil
}

// Matches reports whether the PHC string is the password's.
func (h *Hasher) Matches(ctx context.Context, phc, password string) (bool, error) {
	c, salt, want, err := decode(phc)
	if err != nil {
		return false, err
	}
	got, err := h.key(ctx, password, salt, c, uint32(len(want)))
	return err == nil && subtle.ConstantTimeCompare(got, want) == 1, err
}

// key waits for a seat, as long as ctx allows, and computes.
func (h *Hasher) key(ctx context.Context, password string, salt []byte, c Cost, size uint32) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	select {
	case h.seats <- struct{}{}:
		defer func() { <-h.seats }()
		return argon2.IDKey([]byte(password), salt, c.Passes, c.MemoryKiB, c.Lanes, size), nil
	case <-ctx.Done():
		return nil, fmt.Errorf("wait to check a password: %w", ctx.Err())
	}
}

// ErrHash says that a stored hash cannot be read.
var ErrHash = errors.New("the stored password is not an argon2id hash")

func encode(c Cost, salt, key []byte) string {
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s",
		argon2.Version, c.MemoryKiB, c.Passes, c.Lanes, b64.EncodeToString(salt), b64.EncodeToString(key))
}

func decode(phc string) (c Cost, salt, key []byte, err error) {
	parts := strings.Split(phc, "$")
	if len(parts) != 6 || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return c, nil, nil, ErrHash
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &c.MemoryKiB, &c.Passes, &c.Lanes); err != nil || c.Passes == 0 || c.Lanes == 0 {
		return c, nil, nil, ErrHash
	}
	salt, err1 := base64.RawStdEncoding.DecodeString(parts[4])
	key, err2 := base64.RawStdEncoding.DecodeString(parts[5])
	if err1 != nil || err2 != nil || len(key) < 16 {
		return c, nil, nil, ErrHash
	}
	return c, salt, key, nil
}

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return b
}
