package store

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"time"

	"gorm.io/gorm"

	"tsunagu/flows"
)

// A linkChange is what a turn did to a person's links.
type linkChange struct{ gone, put []flows.Link }

func (c linkChange) empty() bool { return len(c.gone)+len(c.put) == 0 }

func changedLinks(before, after []flows.Link) (c linkChange) {
	same := func(l flows.Link) func(flows.Link) bool {
		return func(o flows.Link) bool { return o.Kind == l.Kind && o.Ref == l.Ref }
	}
	for _, l := range before {
		if !slices.ContainsFunc(after, same(l)) {
			c.gone = append(c.gone, l)
		}
	}
	for _, l := range after {
		i := slices.IndexFunc(before, same(l))
		if i < 0 || before[i].Label != l.Label || before[i].Nickname != l.Nickname {
			c.put = append(c.put, l)
		}
	}
	// Rows are locked in this order by everybody.
	slices.SortFunc(c.put, func(a, b flows.Link) int { return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Ref, b.Ref)) })
	return c
}

// putLink waits for whoever is about to link the same, and touches no row that is another lane's.
const putLink = `INSERT INTO links (kind, ref, lane, label, nickname, at) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (kind, ref) DO UPDATE SET label = excluded.label, nickname = excluded.nickname WHERE links.lane = excluded.lane`

func (s *Store) writeLinks(tx *gorm.DB, p liveStep) error {
	for _, l := range p.links.gone {
		err := tx.Exec(`DELETE FROM links WHERE kind = ? AND ref = ? AND lane = ?`, string(l.Kind), l.Ref, p.Lane).Error
		if err != nil {
			return err
		}
	}
	for _, l := range p.links.put {
		put := tx.Exec(putLink, string(l.Kind), l.Ref, p.Lane, clean(l.Label), clean(l.Nickname), micros(l.At))
		if put.Error != nil {
			return put.Error
		}
		if put.RowsAffected == 0 {
			return flows.ErrLinkTaken
		}
	}
	return nil
}

// sendLetters puts a step's letters into their lanes. Their IDs come from the arrival they answer, so each comes once.
func (s *Store) sendLetters(tx *gorm.DB, p liveStep) error {
	if len(p.letters) == 0 {
		return nil
	}
	var id string
	if err := tx.Raw(`SELECT id FROM inputs WHERE lane = ? AND seq = ?`, p.Lane, p.seq).Row().Scan(&id); err != nil {
		return err
	}
	arrivals := make([]flows.Arrival, len(p.letters))
	for n, l := range p.letters {
		body, err := flows.EncodeInput(l.Input)
		if err != nil {
			return err
		}
		arrivals[n] = flows.Arrival{
			ID: id + "/letter/" + itoa(n), Lane: l.To, Sort: flows.FromLetter, At: s.now(), Body: body,
		}
	}
	rows, err := s.inputs(arrivals)
	if err != nil {
		return err
	}
	return s.insert(tx, rows)
}

// LettersFor tells the lanes that refs of a kind are linked to that the link ended, for this reason. What is linked to
// nobody is passed over. With tx the letters are part of that transaction, which should end soon after: it holds the
// lanes. Without, they have their own.
func (s *Store) LettersFor(ctx context.Context, tx *gorm.DB, kind flows.LinkKind, refs []string, reason string) error {
	send := func(tx *gorm.DB) error { return s.lettersFor(tx.WithContext(ctx), kind, refs, reason) }
	var err error
	if tx != nil {
		err = send(tx)
	} else {
		err = s.transaction(ctx, send)
	}
	if err != nil {
		return fmt.Errorf("send letters to linked people: %w", err)
	}
	s.signal() // for a caller's transaction that is early, and the next look at the lanes finds them
	return nil
}

func (s *Store) lettersFor(tx *gorm.DB, kind flows.LinkKind, refs []string, reason string) error {
	now := s.now()
	var arrivals []flows.Arrival
	for chunk := range slices.Chunk(refs, maxRows) {
		var links []struct{ Ref, Lane string }
		err := tx.Raw(`SELECT ref, lane FROM links WHERE kind = ? AND ref IN ?`, string(kind), chunk).Scan(&links).Error
		if err != nil {
			return err
		}
		for _, l := range links {
			body, err := flows.EncodeInput(flows.LinkEnded{Kind: kind, Ref: l.Ref, Reason: reason})
			if err != nil {
				return err
			}
			arrivals = append(arrivals, flows.Arrival{
				ID:   reason + "/" + string(kind) + "/" + l.Ref + "/" + strconv.FormatInt(micros(now), 10),
				Lane: l.Lane, Sort: flows.FromLetter, At: now, Body: body,
			})
		}
	}
	rows, err := s.inputs(arrivals)
	if err != nil || len(rows) == 0 {
		return err
	}
	return s.insert(tx, rows)
}

// Linked tells which lane a contract or line is linked to.
func (s *Store) Linked(ctx context.Context, kind flows.LinkKind, ref string) (lane string, ok bool, err error) {
	var lanes []string
	err = s.reads.WithContext(ctx).Raw(`SELECT lane FROM links WHERE kind = ? AND ref = ?`, string(kind), clean(ref)).Scan(&lanes).Error
	if err != nil {
		return "", false, fmt.Errorf("look up a link: %w", err)
	}
	return first(lanes)
}

func first(found []string) (string, bool, error) {
	if len(found) == 0 {
		return "", false, nil
	}
	return found[0], true, nil
}

// WrongCodes counts the wrong usage codes of all people together from since on, up to limit (LNK-25).
func (s *Store) WrongCodes(ctx context.Context, since time.Time, limit int) (n int, err error) {
	err = s.reads.WithContext(ctx).Raw(`SELECT count(*) FROM (SELECT at FROM wrong_codes WHERE at >= ? LIMIT ?) AS t`, micros(since), limit).Scan(&n).Error
	if err != nil {
		return 0, fmt.Errorf("count wrong codes: %w", err)
	}
	return n, nil
}

// Purposes of hashes.
const (
	linkTokenHash = "link token"
	nonceHash     = "nonce"
	signInHash    = "sign-in"
)

// KeepLinkToken remembers, until it expires, that a link token was issued for lane (LNK-11). Only its hash is stored.
func (s *Store) KeepLinkToken(ctx context.Context, token, lane string, expires time.Time) error {
	err := s.db.WithContext(ctx).Exec(`INSERT INTO link_tokens (hash, lane, expires_at) VALUES (?, ?, ?)
		ON CONFLICT (hash) DO UPDATE SET lane = excluded.lane, expires_at = excluded.expires_at`,
		s.keys.hash(linkTokenHash, token), lane, micros(expires)).Error
	if err != nil {
		return fmt.Errorf("keep a link token: %w", err)
	}
	return nil
}

// LinkTokenLane tells for whom a link token was issued; ok is false when it is unknown or expired.
func (s *Store) LinkTokenLane(ctx context.Context, token string) (lane string, ok bool, err error) {
	var lanes []string
	err = s.reads.WithContext(ctx).Raw(`SELECT lane FROM link_tokens WHERE hash IN ? AND expires_at > ?`,
		s.keys.hashes(linkTokenHash, token), micros(s.now())).Scan(&lanes).Error
	if err != nil {
		return "", false, fmt.Errorf("look up a link token: %w", err)
	}
	return first(lanes)
}

// MakeNonce remembers that lane has proved to hold c, under a nonce that is good once and for ttl (LNK-12): 32 random
// bytes in unpadded base64url. Only its hash is stored.
func (s *Store) MakeNonce(ctx context.Context, lane string, c flows.Contract, ttl time.Duration) (nonce string, err error) {
	random := make([]byte, 32)
	rand.Read(random) // never fails
	nonce = base64.RawURLEncoding.EncodeToString(random)
	hash := s.keys.hash(nonceHash, nonce)
	err = s.db.WithContext(ctx).Exec(`INSERT INTO nonces (hash, lane, ref, login_id, expires_at) VALUES (?, ?, ?, ?, ?)`,
		hash, lane, c.ID, s.keys.seal("nonce "+hash, []byte(c.LoginID)), micros(s.now().Add(ttl))).Error
	if err != nil {
		return "", fmt.Errorf("make a nonce: %w", err)
	}
	return nonce, nil
}

// RedeemNonce tells what a nonce stands for and consumes it for the arrival by, which may ask again, also later. ok is
// false when the nonce is unknown, expired or consumed for another arrival.
func (s *Store) RedeemNonce(ctx context.Context, nonce, by string) (lane string, c flows.Contract, ok bool, err error) {
	var found []struct {
		Hash, Lane, Ref string
		LoginID         []byte
	}
	err = s.db.WithContext(ctx).Raw(`UPDATE nonces SET used_by = ?
		WHERE hash IN ? AND (used_by = ? OR used_by IS NULL AND expires_at > ?)
		RETURNING hash, lane, ref, login_id`,
		by, s.keys.hashes(nonceHash, nonce), by, micros(s.now())).Scan(&found).Error
	if err != nil {
		return "", flows.Contract{}, false, fmt.Errorf("redeem a nonce: %w", err)
	}
	if len(found) == 0 {
		return "", flows.Contract{}, false, nil
	}
	n := found[0]
	loginID, err := s.keys.open("nonce "+n.Hash, n.LoginID)
	if err != nil {
		return "", flows.Contract{}, false, fmt.Errorf("redeem a nonce: %w", err)
	}
	return n.Lane, flows.Contract{ID: n.Ref, LoginID: string(loginID)}, true, nil
}
