package ledger

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"

	"tsunagu/flows"
)

// Gifts of data (domain.md §5). A gift's state and its transfer are one transaction:
//
//	pending ─▶ claimed      held ─▶ the receiver's gift bucket
//	        ─▶ cancelled    held ─▶ base
//	        ─▶ expired      held ─▶ base
//
// Every command has a name of its own, given by the caller; the same command again changes nothing and has the same
// answer (GFT-35). Rows are locked in this order: the gift, then accounts by ID.

type giftRow struct {
	ID        string
	Token     string
	State     string
	MB        int64 `gorm:"column:mb"`
	FromLine  string
	ToLine    *string
	Giver     string
	Taker     string
	MadeAt    moment
	ClaimBy   moment
	SettledAt moment
	SettledBy string
}

func (giftRow) TableName() string { return "ledger_gifts" }

// gift is the row as others see it, with its token.
func (l *Ledger) gift(r giftRow, now time.Time) flows.DataGift {
	g := flows.DataGift{
		ID: r.ID, Token: l.tokenOf(r), State: flows.GiftState(r.State), MB: int(r.MB), From: r.FromLine,
		Giver: r.Giver, Taker: r.Taker, At: r.MadeAt.time(), ClaimBy: r.ClaimBy.time(), Settled: r.SettledAt.time(),
	}
	received := now
	if r.ToLine != nil {
		g.To, received = *r.ToLine, g.Settled
	}
	g.Until = monthStart(received, 1)
	return g
}

// tokens are the claim tokens of a gift: under the first key, and under those before it. 160 bits, in letters and digits
// that can be typed.
func (l *Ledger) tokens(id string) (tokens []string) {
	for _, key := range l.giftKeys {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte("token\x00" + id))
		tokens = append(tokens, strings.ToLower(base32.StdEncoding.EncodeToString(mac.Sum(nil)[:20])))
	}
	return tokens
}

// tokenHashes are what a token is stored as, under each key.
func (l *Ledger) tokenHashes(token string) (hashes []string) {
	for _, key := range l.giftKeys {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte("stored\x00" + strings.ToLower(token)))
		hashes = append(hashes, base64.RawURLEncoding.EncodeToString(mac.Sum(nil)))
	}
	return hashes
}

// tokenOf is the token that was issued for a stored gift, "" when its key is no longer there.
func (l *Ledger) tokenOf(r giftRow) string {
	for i, token := range l.tokens(r.ID) {
		if l.tokenHashes(token)[i] == r.Token {
			return token
		}
	}
	return ""
}

func refused(why flows.Refusal) error { return &flows.RefusedError{Reason: why} }

// A giver is a line with what decides about its gifts.
type giver struct {
	line    lineRow
	opened  bool
	base    int64 // MB that are there and not reserved
	given   int64 // MB claimed this month
	pending int64 // MB on their way
	waiting int   // gifts on their way
	today   int   // gifts made today
}

// refusal is why the line cannot give mb now, "" when it can.
func (l *Ledger) refusal(g giver, mb int, now time.Time) flows.Refusal {
	s := l.settings
	switch {
	case g.line.Status != string(flows.LineActive) || !g.opened: // GFT-28
		return flows.LineNotInUse
	case !bool(g.line.GiftCapable) || !bool(g.line.GiftEnabled): // GFT-13, GFT-29
		return flows.GiftDisabled
	case s.GiftBlackout(now): // GFT-30
		return flows.Blackout
	case mb < s.GiftMinMB: // GFT-06
		return flows.BelowMinimum
	case mb%s.GiftStepMB != 0:
		return flows.NotStep
	case g.today >= s.GiftMaxPerDay: // GFT-26
		return flows.DailyLimit
	case g.waiting >= s.GiftMaxPending: // GFT-25
		return flows.TooManyPending
	case int64(mb) > g.base: // GFT-05, GFT-20
		return flows.OverGiftable
	case int64(mb) > g.line.QuotaMB-g.given-g.pending: // GFT-07
		return flows.OverMonthCap
	}
	return ""
}

const (
	giverQuery = `SELECT l.*, c.mnp, c.switch_completed_at, c.shipping_mail_at, a.bytes
FROM ledger_lines l JOIN ledger_contracts c ON c.id = l.contract_id JOIN ledger_accounts a ON a.id = l.id || '/base' WHERE l.id = ?`
	lineInUseQuery = `SELECT l.*, c.mnp, c.switch_completed_at, c.shipping_mail_at
FROM ledger_lines l JOIN ledger_contracts c ON c.id = l.contract_id WHERE l.id = ?`
)

// openedLine is a line with its contract's dates.
type openedLine struct {
	Line              lineRow `gorm:"embedded"`
	MNP               flag    `gorm:"column:mnp"`
	SwitchCompletedAt moment
	ShippingMailAt    moment
	Bytes             int64
}

// opens is nil, or a *flows.NotYetError.
func (o openedLine) opens(now time.Time) error {
	return contractRow{MNP: o.MNP, SwitchCompletedAt: o.SwitchCompletedAt, ShippingMailAt: o.ShippingMailAt}.opens(now)
}

// giver reads what decides about a line's gifts: flows.ErrNoLine.
func (l *Ledger) giver(tx *gorm.DB, lineID string, now time.Time) (giver, error) {
	var lines []openedLine
	if err := tx.Raw(giverQuery, lineID).Scan(&lines).Error; err != nil {
		return giver{}, err
	}
	if len(lines) == 0 || lines[0].Line.gone(now) {
		return giver{}, flows.ErrNoLine
	}
	g := giver{line: lines[0].Line, opened: lines[0].opens(now) == nil, base: lines[0].Bytes / bytesPerMB}
	var gifts []giftRow
	if err := tx.Find(&gifts, "from_line = ? AND made_at >= ?", lineID, at(monthStart(now, 0))).Error; err != nil {
		return giver{}, err
	}
	year, month, day := now.In(flows.JST).Date()
	midnight := at(time.Date(year, month, day, 0, 0, 0, 0, flows.JST))
	for _, r := range gifts {
		switch flows.GiftState(r.State) {
		case flows.GiftPending:
			g.pending += r.MB
			g.waiting++
		case flows.GiftClaimed:
			g.given += r.MB
		}
		if r.MadeAt >= midnight {
			g.today++
		}
	}
	return g, nil
}

// Gifts tells what a line can give, and has given and received: flows.ErrNoLine.
func (l *Ledger) Gifts(ctx context.Context, lineID string) (flows.Gifts, error) {
	out, err := l.gifts(ctx, lineID)
	if err != nil && !errors.Is(err, flows.ErrNoLine) {
		err = fmt.Errorf("read gifts: %w", err)
	}
	return out, err
}

func (l *Ledger) gifts(ctx context.Context, lineID string) (flows.Gifts, error) {
	if !storable(lineID) {
		return flows.Gifts{}, flows.ErrNoLine
	}
	now := l.now()
	if err := l.turnIfDue(ctx, now, lineID); err != nil {
		return flows.Gifts{}, err
	}
	db := l.db.WithContext(ctx)
	g, err := l.giver(db, lineID, now)
	if err != nil {
		return flows.Gifts{}, err
	}
	out := flows.Gifts{Line: lineID}
	switch why := l.refusal(g, l.settings.GiftMinMB, now); why {
	case "":
		step := int64(l.settings.GiftStepMB)
		out.CanGiveMB = int(min(g.base, g.line.QuotaMB-g.given-g.pending) / step * step)
	case flows.OverGiftable: // simply nothing to give
	default:
		out.Why = why
	}
	var pending, past, received []giftRow
	if err := db.Order("made_at, id").Find(&pending, "from_line = ? AND state = ?", lineID, flows.GiftPending).Error; err != nil {
		return flows.Gifts{}, err
	}
	latest := db.Order("settled_at DESC, id").Limit(flows.PastGifts)
	if err := latest.Session(&gorm.Session{}).Find(&past, "from_line = ? AND state <> ?", lineID, flows.GiftPending).Error; err != nil {
		return flows.Gifts{}, err
	}
	if err := latest.Session(&gorm.Session{}).Find(&received, "to_line = ?", lineID).Error; err != nil {
		return flows.Gifts{}, err
	}
	past = append(past, received...)
	slices.SortStableFunc(past, func(a, b giftRow) int { return int(b.SettledAt - a.SettledAt) })
	for _, r := range pending {
		out.Pending = append(out.Pending, l.gift(r, now))
	}
	for _, r := range past[:min(len(past), flows.PastGifts)] {
		out.Past = append(out.Past, l.gift(r, now))
	}
	return out, nil
}

// Gift returns a gift by its ID: *flows.RefusedError with NoSuchGift.
func (l *Ledger) Gift(ctx context.Context, id string) (flows.DataGift, error) {
	if !storable(id) {
		return flows.DataGift{}, refused(flows.NoSuchGift)
	}
	return l.giftBy(ctx, "id = ?", id)
}

// GiftByToken returns a gift by its claim token: *flows.RefusedError with NoSuchGift.
func (l *Ledger) GiftByToken(ctx context.Context, token string) (flows.DataGift, error) {
	return l.giftBy(ctx, "token IN ?", l.tokenHashes(token))
}

func (l *Ledger) giftBy(ctx context.Context, where string, key any) (flows.DataGift, error) {
	var rows []giftRow
	if err := l.db.WithContext(ctx).Find(&rows, where, key).Error; err != nil {
		return flows.DataGift{}, fmt.Errorf("read a gift: %w", err)
	}
	if len(rows) == 0 {
		return flows.DataGift{}, refused(flows.NoSuchGift)
	}
	return l.gift(rows[0], l.now()), nil
}

// CreateGift reserves mb of a line's 基本データ量 (GFT-21) under a new gift, whose ID the caller chose. It fails with a
// *flows.RefusedError, and with flows.ErrNoLine. giver is kept for the caller.
func (l *Ledger) CreateGift(ctx context.Context, id, lineID string, mb int, giver string) (flows.DataGift, error) {
	return l.changeGift(ctx, "create a gift", func(tx *gorm.DB, now time.Time) (giftRow, error) {
		var accounts []accountRow
		if err := tx.Clauses(forTransfer).Order("id").Find(&accounts, "line_id = ?", lineID).Error; err != nil {
			return giftRow{}, err
		}
		var made []giftRow
		if err := tx.Find(&made, "id = ?", id).Error; err != nil {
			return giftRow{}, err
		}
		if len(made) > 0 {
			return made[0], nil
		}
		g, err := l.giver(tx, lineID, now)
		if err != nil {
			return giftRow{}, err
		}
		if why := l.refusal(g, mb, now); why != "" {
			return giftRow{}, refused(why)
		}
		r := giftRow{
			ID: id, Token: l.tokenHashes(l.tokens(id)[0])[0], State: string(flows.GiftPending), MB: int64(mb),
			FromLine: lineID, Giver: giver, MadeAt: at(now), ClaimBy: at(l.settings.GiftDeadline(now)),
		}
		if err := tx.Create(&r).Error; err != nil {
			return giftRow{}, err
		}
		return r, post(tx, transferRow{ID: "gift/" + id + "/reserve", Kind: "gift reserved", At: r.MadeAt},
			[]move{{accountID(lineID, string(flows.Base)), accountID(lineID, held), r.MB * bytesPerMB}})
	}, lineID)
}

// ClaimGift moves a pending gift to a line's データプレゼント, once (GFT-34): *flows.RefusedError. taker is kept for the
// caller.
func (l *Ledger) ClaimGift(ctx context.Context, command, id, lineID, taker string) (flows.DataGift, error) {
	return l.changeGift(ctx, "claim a gift", func(tx *gorm.DB, now time.Time) (giftRow, error) {
		r, err := pendingGift(tx, command, id)
		if err != nil || r.State != string(flows.GiftPending) {
			return r, err
		}
		if why, err := l.claimRefusal(tx, r, lineID, now); why != "" || err != nil {
			return r, errors.Join(err, refused(why))
		}
		r.State, r.ToLine, r.Taker = string(flows.GiftClaimed), &lineID, taker
		return l.settle(tx, r, command, now, accountID(lineID, string(flows.Gift)))
	}, lineID)
}

// claimRefusal is why a line cannot claim a pending gift, "" when it can.
func (l *Ledger) claimRefusal(tx *gorm.DB, r giftRow, lineID string, now time.Time) (flows.Refusal, error) {
	switch {
	case at(now) >= r.ClaimBy:
		return flows.TooLate, nil
	case l.settings.GiftBlackout(now):
		return flows.Blackout, nil
	case lineID == r.FromLine: // GFT-27, GFT-33
		return flows.SameLine, nil
	}
	for _, id := range []string{r.FromLine, lineID} { // GFT-28
		var lines []openedLine
		if err := tx.Raw(lineInUseQuery, id).Scan(&lines).Error; err != nil {
			return "", err
		}
		if len(lines) == 0 || lines[0].Line.Status != string(flows.LineActive) || lines[0].opens(now) != nil {
			return flows.LineNotInUse, nil
		}
		if !bool(lines[0].Line.GiftCapable) { // GFT-13; one that may not give may receive all the same (GFT-29)
			return flows.GiftDisabled, nil
		}
	}
	return "", nil
}

// CancelGift returns a pending gift of giver's to the line's 基本データ量 (GFT-24): *flows.RefusedError.
func (l *Ledger) CancelGift(ctx context.Context, command, id, giver string) (flows.DataGift, error) {
	return l.changeGift(ctx, "cancel a gift", func(tx *gorm.DB, now time.Time) (giftRow, error) {
		r, err := pendingGift(tx, command, id)
		switch {
		case r.Giver != giver && (err == nil || r.ID != ""):
			return r, refused(flows.NoSuchGift)
		case err != nil || r.State != string(flows.GiftPending):
			return r, err
		case at(now) >= r.ClaimBy:
			return r, refused(flows.TooLate)
		case l.settings.GiftBlackout(now):
			return r, refused(flows.Blackout)
		}
		r.State = string(flows.GiftCancelled)
		return l.settle(tx, r, command, now, accountID(r.FromLine, string(flows.Base)))
	})
}

// ExpireGift returns a gift whose time is over to the line's 基本データ量, and leaves any other as it is (GFT-23, GFT-24):
// *flows.RefusedError with NoSuchGift.
func (l *Ledger) ExpireGift(ctx context.Context, id string) (flows.DataGift, error) {
	return l.changeGift(ctx, "expire a gift", func(tx *gorm.DB, now time.Time) (giftRow, error) {
		return l.expire(tx, id, now)
	})
}

func (l *Ledger) expire(tx *gorm.DB, id string, now time.Time) (giftRow, error) {
	r, err := lockGift(tx, id)
	if err != nil || r.State != string(flows.GiftPending) || at(now) < r.ClaimBy {
		return r, err
	}
	r.State = string(flows.GiftExpired)
	return l.settle(tx, r, "", now, accountID(r.FromLine, string(flows.Base)))
}

// sweptGifts is how many gifts ExpireGifts looks for at once.
const sweptGifts = 100

// ExpireGifts does what ExpireGift does with every gift whose time is over, and tells how many there were. Who gave them
// is told by a timer of their own; this keeps the books right where that is late.
func (l *Ledger) ExpireGifts(ctx context.Context) (n int, err error) {
	for {
		var ids []string
		err := l.db.WithContext(ctx).Model(&giftRow{}).Where("state = 'pending' AND claim_by <= ?", at(l.now())).
			Order("claim_by").Limit(sweptGifts).Pluck("id", &ids).Error
		if err != nil || len(ids) == 0 {
			return n, err
		}
		for _, id := range ids {
			if _, err := l.ExpireGift(ctx, id); err != nil {
				return n, err
			}
			n++
		}
	}
}

// lockGift reads a gift and keeps others from it until the transaction ends.
func lockGift(tx *gorm.DB, id string) (giftRow, error) {
	if !storable(id) {
		return giftRow{}, refused(flows.NoSuchGift)
	}
	var rows []giftRow
	if err := tx.Clauses(forTransfer).Find(&rows, "id = ?", id).Error; err != nil {
		return giftRow{}, err
	}
	if len(rows) == 0 {
		return giftRow{}, refused(flows.NoSuchGift)
	}
	return rows[0], nil
}

// pendingGift locks a gift for a command. One that this command settled before is returned as it is; one that another
// command settled is refused.
func pendingGift(tx *gorm.DB, command, id string) (giftRow, error) {
	r, err := lockGift(tx, id)
	if err != nil || r.SettledAt == 0 || r.SettledBy == command {
		return r, err
	}
	switch flows.GiftState(r.State) {
	case flows.GiftClaimed:
		return r, refused(flows.AlreadyClaimed)
	case flows.GiftCancelled:
		return r, refused(flows.AlreadyReturned)
	}
	return r, refused(flows.TooLate)
}

// settle ends a pending gift, its data going from held to an account.
func (l *Ledger) settle(tx *gorm.DB, r giftRow, command string, now time.Time, to string) (giftRow, error) {
	r.SettledAt, r.SettledBy = at(now), command
	if err := tx.Save(&r).Error; err != nil {
		return r, err
	}
	return r, post(tx, transferRow{ID: "gift/" + r.ID + "/settle", Kind: "gift " + r.State, At: r.SettledAt},
		[]move{{accountID(r.FromLine, held), to, r.MB * bytesPerMB}})
}

// changeGift runs a command in a transaction, with the lines it is about in the month of now.
func (l *Ledger) changeGift(ctx context.Context, what string, change func(*gorm.DB, time.Time) (giftRow, error), lineIDs ...string) (flows.DataGift, error) {
	now := l.now()
	for _, id := range lineIDs {
		if !storable(id) {
			return flows.DataGift{}, flows.ErrNoLine
		}
	}
	if err := l.turnIfDue(ctx, now, lineIDs...); err != nil {
		return flows.DataGift{}, fmt.Errorf("%s: %w", what, err)
	}
	var r giftRow
	err := l.db.WithContext(ctx).Transaction(func(tx *gorm.DB) (err error) {
		r, err = change(tx, now)
		return err
	})
	var no *flows.RefusedError
	switch {
	case errors.As(err, &no), errors.Is(err, flows.ErrNoLine):
		return flows.DataGift{}, err
	case err != nil:
		return flows.DataGift{}, fmt.Errorf("%s: %w", what, err)
	}
	return l.gift(r, now), nil
}
