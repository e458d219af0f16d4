package ledger

import (
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"tsunagu/flows"
)

// The carrier file: what the people of a carrier write, checked as a whole.

// A File is a carrier file that was read. It holds passwords and codes as written and shows none of it.
type File struct {
	Contracts int
	Lines     int

	contracts []contract
}

// String counts and shows nothing.
func (f File) String() string { return fmt.Sprintf("%d contracts, %d lines", f.Contracts, f.Lines) }

// GoString is String, so that no verb of fmt shows more.
func (f File) GoString() string { return f.String() }

type contract struct {
	row      contractRow // without ID and Password
	password string
	lines    []line
	bills    []billRow // without ContractID

	at      int // lines of the file
	loginAt int
}

type line struct {
	row  lineRow // without ID, ContractID, UsageCode and EndedAt
	code string
	// figures are the stated MB of the accounts in this order.
	figures [len(stated)]int64

	at       int
	msisdnAt int
	codeAt   int
	statedAt [len(stated)]int
}

// stated are the accounts a carrier file has figures for.
var stated = [...]string{
	string(flows.Carryover), string(flows.Gift), string(flows.Base), string(flows.Topup), used,
}

// Check reads a carrier file without changing anything. The error is an *ImportError with every mistake, or r's.
func Check(r io.Reader) (*File, error) {
	file, problems, err := read(r, time.Now(), flows.Defaults().CodeDigits)
	if err != nil {
		return nil, err
	}
	if err := problems.err(); err != nil {
		return nil, err
	}
	return file, nil
}

// read reads a carrier file and what is wrong with it. A row with a mistake is in the file without the wrong values.
func read(r io.Reader, now time.Time, codeDigits int) (*File, *problemList, error) {
	problems := &problemList{}
	doc, err := problems.document(r)
	if err != nil {
		return nil, nil, err
	}
	p := fileReader{
		problemList: problems, today: now.In(flows.JST).Format(time.DateOnly), codeDigits: codeDigits,
		logins: map[string]int{}, numbers: map[string]int{}, codes: map[string]int{},
	}
	file := p.file(doc)
	return file, problems, nil
}

type fileReader struct {
	*problemList
	today      string // in Japan, YYYY-MM-DD, which compares as text
	codeDigits int
	// the line on which a login ID, number or code came first
	logins, numbers, codes map[string]int
}

func (p *fileReader) file(n *yaml.Node) *File {
	f := p.mapping(n, "the file", "", "version", "contracts")
	value(f, "version", "1: this program knows no other", func(s string) (int, bool) { return 1, s == "1" })
	file := &File{}
	for _, row := range f.rows("contracts") {
		c := p.contract(row)
		file.contracts = append(file.contracts, c)
		file.Contracts++
		file.Lines += len(c.lines)
	}
	return file
}

func (p *fileReader) contract(n *yaml.Node) contract {
	f := p.mapping(n, "a contract", "", "login_id", "password", "holder", "mnp", "switch_completed_at", "shipping_mail_at",
		"line_points", "lines", "bills")
	c := contract{at: f.line, loginAt: f.at("login_id")}
	c.row.LoginID = f.text("login_id")
	p.unique(p.logins, c.row.LoginID, c.loginAt, "login_id", "each contract has its own")
	c.password = value(f, "password", "text of at most 256 bytes", func(s string) (string, bool) { return s, s != "" && len(s) <= 256 })

	c.row.HolderName, c.row.HolderKana, c.row.HolderBirthdate = p.person(f, "holder")
	if d := c.row.HolderBirthdate; d != "" && !adult(d, p.today) {
		p.add(f.at("holder"), "the holder is younger than 18: only an adult can hold a contract; a child can be the user of a line")
	}

	c.row.MNP = flag(value(f, "mnp", "true (the number came from another carrier) or false", parseBool))
	const moments = "a time with its offset, such as 2026-11-01T10:00:00+09:00, or null"
	c.row.SwitchCompletedAt = optional(f, "switch_completed_at", moments, 0, parseMoment)
	c.row.ShippingMailAt = optional(f, "shipping_mail_at", moments, 0, parseMoment)
	if f.has("mnp") && f.values["mnp"].Value == "false" && c.row.SwitchCompletedAt != 0 {
		p.add(f.at("switch_completed_at"), "only a number that came from another carrier is switched: set mnp to true, or this to null")
	}
	c.row.LinePoints = optional(f, "line_points", units.must(), 0, units.parse)

	rows := f.rows("lines")
	if f.has("lines") && f.values["lines"].Kind == yaml.SequenceNode && (len(rows) == 0 || len(rows) > maxLines) {
		p.add(f.at("lines"), "a contract has 1 to %d lines, this one %d", maxLines, len(rows))
	}
	for _, row := range rows {
		c.lines = append(c.lines, p.line(row))
	}
	if f.has("bills") {
		months := map[string]int{}
		for _, row := range f.rows("bills") {
			c.bills = append(c.bills, p.bill(row, months))
		}
	}
	return c
}

// maxLines is ACC-01.
const maxLines = 5

func (p *fileReader) line(n *yaml.Node) line {
	f := p.mapping(n, "a line", "", "msisdn", "user", "usage_code", "plan", "status", "gift_enabled", "gift_capable", "buckets", "used_mb")
	l := line{at: f.line, msisdnAt: f.at("msisdn"), codeAt: f.at("usage_code")}
	l.row.MSISDN = value(f, "msisdn", "a mobile number of 11 digits that begins with 050, 070, 080 or 090, in quotes",
		func(s string) (string, bool) { return s, mobile.MatchString(s) })
	p.unique(p.numbers, l.row.MSISDN, l.msisdnAt, "msisdn", "each line has its own")
	l.row.UserName, l.row.UserKana, l.row.UserBirthdate = p.person(f, "user")
	l.code = value(f, "usage_code", fmt.Sprintf("%d digits in quotes; leading zeros count", p.codeDigits),
		func(s string) (string, bool) { return s, isCode(s, p.codeDigits) })
	p.unique(p.codes, l.code, l.codeAt, "usage_code", "each line has its own")

	plan := p.mapping(f.node("plan"), "plan", "plan.", "name", "quota_mb", "base_fee_yen")
	l.row.PlanName = plan.text("name")
	l.row.QuotaMB = plan.count("quota_mb", megabytes)
	l.row.BaseFeeYen = plan.count("base_fee_yen", units)

	states := []string{string(flows.LineActive), string(flows.LineSuspended), string(flows.LineEnded)}
	l.row.Status = value(f, "status", strings.Join(states, ", ")+": one of these",
		func(s string) (string, bool) { return s, slices.Contains(states, s) })
	l.row.GiftEnabled = flag(optional(f, "gift_enabled", "true or false", true, parseBool))
	l.row.GiftCapable = flag(optional(f, "gift_capable", "true or false", true, parseBool))

	buckets := p.mapping(f.node("buckets"), "buckets", "buckets.", "carryover_mb", "gift_mb", "base_mb", "topup_mb")
	for i, name := range stated {
		of := buckets
		if name == used {
			of = f
		}
		l.figures[i] = of.count(name+"_mb", megabytes)
		l.statedAt[i] = of.at(name + "_mb")
	}
	return l
}

func (p *fileReader) person(f fields, field string) (name, kana, birthdate string) {
	who := p.mapping(f.node(field), field, field+".", "name", "kana", "birthdate")
	name, kana = who.text("name"), who.text("kana")
	birthdate = value(who, "birthdate", "a day that has been, such as 1985-04-02", func(s string) (string, bool) {
		_, err := time.Parse(time.DateOnly, s)
		return s, err == nil && s >= "1900" && s <= p.today
	})
	return name, kana, birthdate
}

// billStates are those of TMF678.
var billStates = []string{"new", "onHold", "validated", "sent", "partiallyPaid", "settled"}

func (p *fileReader) bill(n *yaml.Node, months map[string]int) billRow {
	f := p.mapping(n, "a bill", "", "month", "base_fee_yen", "options_yen", "calls_yen", "universal_fee_yen", "relay_fee_yen",
		"points_used", "status")
	const money = "yen of 0 or more with at most two decimals, such as 3.3"
	b := billRow{
		Month: value(f, "month", "a month such as 2026-10", func(s string) (string, bool) {
			_, err := time.Parse("2006-01", s)
			return s, err == nil
		}),
		BaseFeeSen:      value(f, "base_fee_yen", money, parseYen),
		OptionsSen:      value(f, "options_yen", money, parseYen),
		CallsSen:        value(f, "calls_yen", money, parseYen),
		UniversalFeeSen: value(f, "universal_fee_yen", money, parseYen),
		RelayFeeSen:     value(f, "relay_fee_yen", money, parseYen),
		PointsUsed:      f.count("points_used", units),
		Status: value(f, "status", strings.Join(billStates, ", ")+": one of these",
			func(s string) (string, bool) { return s, slices.Contains(billStates, s) }),
	}
	p.unique(months, b.Month, f.at("month"), "month", "a contract has one bill a month")
	return b
}

// unique notes a value that came before.
func (p *fileReader) unique(first map[string]int, v string, line int, field, why string) {
	if v == "" {
		return
	}
	if before, ok := first[v]; ok {
		p.add(line, "%s is the same as on line %d: %s", field, before, why)
		return
	}
	first[v] = line
}

// mobile are the numbers of lines in Japan.
var mobile = regexp.MustCompile(`^0[5789]0[0-9]{8}$`)

// adult reports whether who was born on a day is 18 today (ACC-06); both are YYYY-MM-DD.
func adult(born, today string) bool {
	year, _ := strconv.Atoi(born[:4])
	return fmt.Sprintf("%04d%s", year+18, born[4:]) <= today
}

func parseBool(s string) (v, ok bool) { return s == "true", s == "true" || s == "false" }

func parseMoment(s string) (moment, bool) {
	t, err := time.Parse(time.RFC3339, s)
	return at(t), err == nil && t.Year() >= 2000 && t.Year() < 2200
}

// A count is a field of whole numbers from 0 to most.
type count struct {
	most int64
}

var (
	megabytes = count{1_000_000} // as many in every field of the largest file still add up in 64 bits
	units     = count{1_000_000_000}
)

func (c count) must() string {
	return fmt.Sprintf("a whole number from 0 to %d, without separators", c.most)
}

func (c count) parse(s string) (int64, bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil && allDigits(s) && n <= c.most
}

func (f fields) count(field string, c count) int64 { return value(f, field, c.must(), c.parse) }

var yen = regexp.MustCompile(`^([0-9]{1,10})(?:\.([0-9]{1,2}))?$`)

// parseYen reads decimal yen as sen, digit by digit: binary floats have no 3.3.
func parseYen(s string) (sen int64, ok bool) {
	m := yen.FindStringSubmatch(s)
	if m == nil {
		return 0, false
	}
	sen, err := strconv.ParseInt(m[1]+(m[2] + "00")[:2], 10, 64)
	return sen, err == nil && sen <= 100*units.most
}
