package ledger

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

// A cost is what one argon2id hash takes. It is stored with each hash, so that it can be raised for new ones.
type cost struct {
	memoryKiB uint32
	passes    uint32
	lanes     uint8
}

// defaultCost is the second choice of the OWASP Password Storage Cheat Sheet: 19 MiB, 2 passes, 1 lane.
var defaultCost = cost{memoryKiB: 19 * 1024, passes: 2, lanes: 1}

const saltBytes, keyBytes = 16, 32

// A hasher hashes and checks passwords, a few at a time: each takes memory and a core for some hundredths of a second.
type hasher struct {
	cost  cost
	seats chan struct{}
	// nobody is a hash of the same cost that no password has. Whoever has no hash is checked against it, so that a
	// wrong login ID takes as long as a wrong password.
	nobody string
}

func newHasher(c cost, seats int) *hasher {
	return &hasher{cost: c, seats: make(chan struct{}, seats), nobody: encode(c, random(saltBytes), random(keyBytes))}
}

// hash returns the PHC string of a password under a fresh salt.
func (h *hasher) hash(ctx context.Context, password string) (string, error) {
	salt := random(saltBytes)
	key, err := h.key(ctx, password, salt, h.cost, keyBytes)
	if err != nil {
		return "", err
	}
	return encode(h.cost, salt, key), nil
}

// matches reports whether the PHC string is the password's.
func (h *hasher) matches(ctx context.Context, phc, password string) (bool, error) {
	c, salt, want, err := decode(phc)
	if err != nil {
		return false, err
	}
	got, err := h.key(ctx, password, salt, c, uint32(len(want)))
	return err == nil && subtle.ConstantTimeCompare(got, want) == 1, err
}

// key waits for a seat, as long as ctx allows, and computes.
func (h *hasher) key(ctx context.Context, password string, salt []byte, c cost, size uint32) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	select {
	case h.seats <- struct{}{}:
		defer func() { <-h.seats }()
		return argon2.IDKey([]byte(password), salt, c.passes, c.memoryKiB, c.lanes, size), nil
	case <-ctx.Done():
		return nil, fmt.Errorf("wait to check a password: %w", ctx.Err())
	}
}

var errHash = errors.New("the stored password is not an argon2id hash")

func encode(c cost, salt, key []byte) string {
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s",
		argon2.Version, c.memoryKiB, c.passes, c.lanes, b64.EncodeToString(salt), b64.EncodeToString(key))
}

func decode(phc string) (c cost, salt, key []byte, err error) {
	parts := strings.Split(phc, "$")
	if len(parts) != 6 || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return c, nil, nil, errHash
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &c.memoryKiB, &c.passes, &c.lanes); err != nil || c.passes == 0 || c.lanes == 0 {
		return c, nil, nil, errHash
	}
	salt, err1 := base64.RawStdEncoding.DecodeString(parts[4])
	key, err2 := base64.RawStdEncoding.DecodeString(parts[5])
	if err1 != nil || err2 != nil || len(key) < 16 {
		return c, nil, nil, errHash
	}
	return c, salt, key, nil
}

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return b
}
