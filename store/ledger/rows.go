package ledger

import (
	"database/sql/driver"
	"fmt"
	"time"

	"tsunagu/flows"
)

// Rows are comparable on purpose: an import writes a row only when it differs from the stored one.

type contractRow struct {
	ID                string
	LoginID           string
	Password          string
	HolderName        string
	HolderKana        string
	HolderBirthdate   string
	MNP               flag `gorm:"column:mnp"`
	SwitchCompletedAt moment
	ShippingMailAt    moment
	LinePoints        int64
}

func (contractRow) TableName() string { return "ledger_contracts" }

// opens tells when the contract and its lines can be linked (LNK-01, LNK-02). It is nil or a *flows.NotYetError.
func (c contractRow) opens(now time.Time) error {
	var from time.Time
	switch {
	case bool(c.MNP):
		from = c.SwitchCompletedAt.time()
	case c.ShippingMailAt != 0:
		y, m, d := c.ShippingMailAt.time().In(flows.JST).Date()
		from = time.Date(y, m, d+1, 0, 0, 0, 0, flows.JST)
	}
	if from.IsZero() || now.Before(from) {
		return &flows.NotYetError{MNP: bool(c.MNP), From: from}
	}
	return nil
}

// lineRow keeps the number as a plain string: drivers would store what MSISDN.String makes of it.
type lineRow struct {
	ID            string
	ContractID    string
	MSISDN        string `gorm:"column:msisdn"`
	UserName      string
	UserKana      string
	UserBirthdate string
	UsageCode     string
	PlanName      string
	QuotaMB       int64 `gorm:"column:quota_mb"`
	BaseFeeYen    int64
	Status        string
	GiftEnabled   flag
	GiftCapable   flag
	EndedAt       moment
}

func (lineRow) TableName() string { return "ledger_lines" }

func (r lineRow) line() flows.Line {
	return flows.Line{
		ID: r.ID, ContractID: r.ContractID, Number: flows.MSISDN(r.MSISDN),
		Status: flows.LineStatus(r.Status), PlanName: r.PlanName,
	}
}

// gone reports whether the line ended in a month before now's, and its links with it (LNK-46).
func (r lineRow) gone(now time.Time) bool {
	return r.EndedAt != 0 && r.EndedAt < at(monthStart(now, 0))
}

// billRow holds money in sen, a hundredth of a yen, because fees have fractions of a yen (BIL-06, BIL-08).
type billRow struct {
	ContractID      string `gorm:"primaryKey"`
	Month           string `gorm:"primaryKey"`
	BaseFeeSen      int64
	OptionsSen      int64
	CallsSen        int64
	UniversalFeeSen int64
	RelayFeeSen     int64
	PointsUsed      int64
	Status          string
}

func (billRow) TableName() string { return "ledger_bills" }

// flag is a bool in an INTEGER column.
type flag bool

func (f flag) Value() (driver.Value, error) {
	if f {
		return int64(1), nil
	}
	return int64(0), nil
}

func (f *flag) Scan(v any) error {
	n, ok := v.(int64)
	if !ok {
		return fmt.Errorf("a flag is stored as %T", v)
	}
	*f = n != 0
	return nil
}

// moment is a time in microseconds since 1970 UTC; 0 is no time, and NULL in the database.
type moment int64

func at(t time.Time) moment { return moment(t.UnixMicro()) }

func (m moment) time() time.Time {
	if m == 0 {
		return time.Time{}
	}
	return time.UnixMicro(int64(m)).In(flows.JST)
}

func (m moment) Value() (driver.Value, error) {
	if m == 0 {
		return nil, nil
	}
	return int64(m), nil
}

func (m *moment) Scan(v any) error {
	switch v := v.(type) {
	case nil:
		*m = 0
	case int64:
		*m = moment(v)
	default:
		return fmt.Errorf("a time is stored as %T", v)
	}
	return nil
}

// monthStart is 00:00 JST on the 1st, months after t's month.
func monthStart(t time.Time, months int) time.Time {
	y, m, _ := t.In(flows.JST).Date()
	return time.Date(y, m+time.Month(months), 1, 0, 0, 0, 0, flows.JST)
}
