package linesim

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"hash"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

func randomHex(bytes int) string {
	b := make([]byte, bytes)
	rand.Read(b)
	return hex.EncodeToString(b)
}

func newUUID() string {
	var b [16]byte
	rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	text := hex.EncodeToString(b[:])
	return text[:8] + "-" + text[8:12] + "-" + text[12:16] + "-" + text[16:20] + "-" + text[20:]
}

// NewEventID returns a webhook event id as LINE makes them: a ULID of Now.
func (s *Sim) NewEventID() string { return newULID(s.Now()) }

// newULID writes 48 bits of milliseconds and 80 random bits in Crockford's base 32, most significant first.
func newULID(t time.Time) string {
	const digits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	var random [16]byte
	rand.Read(random[:])
	var out [26]byte
	ms := uint64(t.UnixMilli())
	for i := 9; i >= 0; i-- {
		out[i] = digits[ms&31]
		ms >>= 5
	}
	for i, b := range random {
		out[10+i] = digits[b&31]
	}
	return string(out[:])
}

// newMessageID returns the next message id: digits only, as LINE's are. The caller holds mu.
func (s *Sim) newMessageID() string {
	s.messages++
	return strconv.FormatInt(560_000_000_000_000_000+s.messages, 10)
}

var (
	userIDForm  = regexp.MustCompile(`^U[0-9a-f]{32}$`)
	chatIDForm  = regexp.MustCompile(`^[CR][0-9a-f]{32}$`)
	uuidForm    = regexp.MustCompile(`(?i)^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)
	aliasIDForm = regexp.MustCompile(`^[a-z0-9_-]{1,32}$`)
)

// What a sealed token is for.
const (
	quoting = "q"
	marking = "r"
)

// seal makes a token that never expires and needs no memory: it carries what it stands for and a signature. LINE's
// quote and mark-as-read tokens live as long as the chat.
func (s *Sim) seal(purpose, person, value string) string {
	plain := purpose + " " + person + " " + value
	return base64.RawURLEncoding.EncodeToString(append(s.sealOf(plain), plain...))
}

// unseal returns what seal was given, or false for a token made elsewhere or for another purpose.
func (s *Sim) unseal(purpose, token string) (person, value string, ok bool) {
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(raw) < sealLength {
		return "", "", false
	}
	plain := string(raw[sealLength:])
	parts := strings.Split(plain, " ")
	if len(parts) != 3 || parts[0] != purpose || !hmac.Equal(raw[:sealLength], s.sealOf(plain)) {
		return "", "", false
	}
	return parts[1], parts[2], true
}

const sealLength = 9

func (s *Sim) sealOf(plain string) []byte {
	return s.sealing.sum([]byte(plain))[:sealLength]
}

// A key makes HMAC-SHA256 sums. What is set up for one sum serves the next: that costs more than the sum of a short text.
type key struct{ idle sync.Pool }

func newKey(secret string) *key {
	return &key{sync.Pool{New: func() any { return hmac.New(sha256.New, []byte(secret)) }}}
}

func (k *key) sum(text []byte) []byte {
	mac := k.idle.Get().(hash.Hash)
	defer k.idle.Put(mac)
	mac.Reset()
	mac.Write(text)
	return mac.Sum(nil)
}

// signature is the value of x-line-signature for a body, when the key is the channel's secret.
func (k *key) signature(body []byte) string { return base64.StdEncoding.EncodeToString(k.sum(body)) }
