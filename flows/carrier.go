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
