package flows

import (
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// JST is the zone of every rule that names a day or an hour (CAL-01). Japan has no daylight saving.
var JST = time.FixedZone("JST", 9*60*60)

// An MSISDN is a phone number in national form, "09012345678". It masks itself wherever it is printed or logged.
type MSISDN string

// String is the masked form of LNK-41, "090-****-5678".
func (n MSISDN) String() string {
	if len(n) < 7 {
		return "***-****-****"
	}
	return fmt.Sprintf("%s-****-%s", string(n[:3]), string(n[len(n)-4:]))
}

// LogValue masks the number in logs.
func (n MSISDN) LogValue() slog.Value { return slog.StringValue(n.String()) }

// LineStatus says whether a line is in use.
type LineStatus string

const (
	LineActive    LineStatus = "active"
	LineSuspended LineStatus = "suspended"
	LineEnded     LineStatus = "ended"
)

// A Line is one SIM with one number, one plan and one user, as the carrier knows it. IDs are the carrier's, opaque
// and stable: at most 64 characters of [A-Za-z0-9_-].
type Line struct {
	ID         string
	ContractID string
	Number     MSISDN
	Status     LineStatus
	PlanName   string
}

// A Contract is what one login ID stands for. Its ID is the carrier's, opaque and stable like a line's.
type Contract struct {
	ID      string
	LoginID string
}

// A Bucket is one of the four kinds of data of domain.md §3.
type Bucket string

const (
	Carryover Bucket = "carryover" // 前月繰越
	Gift      Bucket = "gift"      // データプレゼント
	Base      Bucket = "base"      // 基本データ量
	Topup     Bucket = "topup"     // データ量の追加
)

// Buckets is the order of consumption (BKT-02), which is also the order of display.
var Buckets = [...]Bucket{Carryover, Gift, Base, Topup}

// A Balance is what is left on a line. Amounts are whole MB, 1GB = 1,000MB (BKT-08), before reservations.
type Balance struct {
	LineID  string
	Number  MSISDN
	Status  LineStatus
	Buckets []BucketLeft // the four of Buckets, in that order
	// ReservedMB is held for pending gifts; it is part of the base bucket's LeftMB (BAL-03).
	ReservedMB int
	UsedMB     int
	QuotaMB    int // the plan's monthly quota
	// At is the back end's own time of the figures (BAL-05).
	At time.Time
}

// BucketLeft is one row of a balance. Until is the last moment of use, exclusive: 00:00 JST of the day after the last
// day (CAL-02); zero when nothing is left.
type BucketLeft struct {
	Bucket Bucket
	LeftMB int
	Until  time.Time
}

// A DataGift is data on its way from one line to another (domain.md §5).
type DataGift struct {
	// ID is what every step of the gift is known by: at most 64 characters, not to be guessed.
	ID string
	// Token is what whoever may claim it has to show: 128 random bits or more (GFT-22). Only the giver is told.
	Token string
	State GiftState
	MB    int
	// From is the giving line, To the one that claimed it, "" before.
	From, To string
	// Giver and Taker are the LINE accounts behind them, for the carrier no more than references.
	Giver, Taker string
	At           time.Time
	// ClaimBy is until when it can be claimed, exclusive (GFT-23).
	ClaimBy time.Time
	// Settled is when it was claimed, cancelled or expired.
	Settled time.Time
	// Until is the last moment of use of what was or would be received now, exclusive (GFT-08).
	Until time.Time
}

// A GiftState is where a gift stands; all but GiftPending are final.
type GiftState string

const (
	GiftPending   GiftState = "pending"
	GiftClaimed   GiftState = "claimed"
	GiftCancelled GiftState = "cancelled"
	GiftExpired   GiftState = "expired"
)

// Gifts is what a line can give, and has given and received.
type Gifts struct {
	Line string
	// CanGiveMB is what can be given now (GFT-20): whole steps, 0 when Why says why nothing can.
	CanGiveMB int
	Why       Refusal
	// Pending gifts of the line, oldest first, with their tokens.
	Pending []DataGift
	// Past gifts, given and received, the latest first; at most PastGifts.
	Past []DataGift
}

// PastGifts is how many past gifts of a line are told.
const PastGifts = 10

// A Refusal is why the carrier does not do something with a gift: the stable codes of domain.md §5.
type Refusal string

const (
	LineNotInUse    Refusal = "line_suspended" // either line is suspended or ended (GFT-28)
	GiftDisabled    Refusal = "gift_disabled"  // switched off by the holder, or not possible on this line (GFT-13, GFT-29)
	BelowMinimum    Refusal = "below_minimum"
	NotStep         Refusal = "not_step"
	OverGiftable    Refusal = "over_giftable"
	OverMonthCap    Refusal = "over_month_cap"
	TooManyPending  Refusal = "too_many_pending"
	DailyLimit      Refusal = "daily_limit"
	Blackout        Refusal = "blackout"
	SameLine        Refusal = "same_line"
	AlreadyClaimed  Refusal = "already_claimed"
	AlreadyReturned Refusal = "cancelled"
	TooLate         Refusal = "expired"
	NoSuchGift      Refusal = "not_found"
)

// RefusedError says that a gift command was understood and not done; nothing has changed.
type RefusedError struct{ Reason Refusal }

func (e *RefusedError) Error() string { return "gift refused: " + string(e.Reason) }

// What a carrier may answer instead of what was asked for. Anything else is a failure of the carrier (BAL-12).
var (
	// ErrWrongCredentials: login ID and password do not go together, or there is no such login ID.
	ErrWrongCredentials = errors.New("login ID and password do not match")
	// ErrWrongCode: no line in use has this usage code (never issued, reissued since, or of an ended line).
	ErrWrongCode = errors.New("no line has this usage code")
	// ErrNoLine: the line is gone at the carrier.
	ErrNoLine = errors.New("no such line")
)

// NotYetError says that linking is not possible yet (LNK-01, LNK-02).
type NotYetError struct {
	// MNP is true while the switch of a number ported in is not complete.
	MNP bool
	// From is the moment linking opens, when it is known; zero when it is not.
	From time.Time
}

func (e *NotYetError) Error() string { return "linking is not possible yet" }
