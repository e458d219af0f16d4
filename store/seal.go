package store

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
)

// errSealed says that a body cannot be opened: none of the keys fits, or it belongs to another row.
var errSealed = errors.New("sealed with another key, or not this row's")

// A keyring seals bodies and hashes secrets.
type keyring []sealKey

type sealKey struct {
	id         byte // stands before what the key sealed
	seal, hash []byte
}

// newKeyring derives the keys. The first of masters seals and hashes; all are used to read. Without any, the store is
// good for its schema only.
func newKeyring(masters [][]byte) (keyring, error) {
	ring := make(keyring, len(masters))
	for i, master := range masters {
		if len(master) != 32 {
			return nil, fmt.Errorf("key %d has %d bytes, not 32", i+1, len(master))
		}
		derive := func(purpose string, n int) []byte {
			key, err := hkdf.Key(sha256.New, master, nil, "tsunagu store "+purpose, n)
			if err != nil {
				panic(err) // only for lengths that SHA-256 cannot give
			}
			return key
		}
		ring[i] = sealKey{id: derive("key id", 1)[0], seal: derive("seal", 32), hash: derive("hash", 32)}
	}
	return ring, nil
}

// seal encrypts the body of a row: one byte of key id, 12 random bytes, AES-256-GCM. An empty body stays nil.
//
// Each row has a key of its own, derived from its name, so that the number of rows is not bounded by how often random
// nonces may be used with one key. A body does not open under another row's name.
func (ring keyring) seal(row string, body []byte) []byte {
	if len(body) == 0 {
		return nil
	}
	k := ring[0]
	return k.aead(row).Seal([]byte{k.id}, nil, body, []byte(row))
}

// open decrypts what seal made for the same row; nil opens to nil. It fails with errSealed.
func (ring keyring) open(row string, sealed []byte) ([]byte, error) {
	if len(sealed) == 0 {
		return nil, nil
	}
	for _, k := range ring {
		if k.id != sealed[0] {
			continue
		}
		if body, err := k.aead(row).Open(nil, nil, sealed[1:], []byte(row)); err == nil {
			return body, nil
		}
	}
	return nil, errSealed
}

func (k sealKey) aead(row string) cipher.AEAD {
	block, err := aes.NewCipher(mac(k.seal, row))
	if err != nil {
		panic(err) // only for key lengths that a MAC does not have
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err) // only for other block sizes than AES's
	}
	return aead
}

// hash is a keyed hash of a secret, to find it again without keeping it. A hash made for one purpose fits no other.
func (ring keyring) hash(purpose, secret string) string { return ring.hashes(purpose, secret)[0] }

// hashes are the hashes of a secret under all keys, the current one first.
func (ring keyring) hashes(purpose, secret string) []string {
	all := make([]string, len(ring))
	for i, k := range ring {
		all[i] = base64.RawURLEncoding.EncodeToString(mac(k.hash, purpose+"\x00"+secret))
	}
	return all
}

func mac(key []byte, message string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(message))
	return h.Sum(nil)
}
