package flows

import (
	"testing"
	"time"
)

// BAL-10, BKT-08: 1GB is 1,000MB; cut, not rounded.
func TestAmount(t *testing.T) {
	for mb, want := range map[int]string{0: "0MB", 499: "499MB", 820: "820MB", 999: "999MB", 1000: "1.00GB", 1999: "1.99GB", 2349: "2.34GB", 12000: "12.00GB"} {
		if got := Amount(mb); got != want {
			t.Errorf("Amount(%d) = %s, want %s", mb, got, want)
		}
	}
}

// CAL-02: the last day is the day before an exclusive end; February of leap and common years, and the year's end.
func TestLastDay(t *testing.T) {
	for end, want := range map[string]string{
		"2026-12-01T00:00:00+09:00": "11月30日", "2027-01-01T00:00:00+09:00": "12月31日",
		"2027-03-01T00:00:00+09:00": "2月28日", "2028-03-01T00:00:00+09:00": "2月29日",
		"2026-11-30T15:00:00Z": "11月30日", // CAL-01: whatever zone it comes in
	} {
		at, err := time.Parse(time.RFC3339, end)
		if err != nil {
			t.Fatal(err)
		}
		if got := lastDay(at); got != want {
			t.Errorf("%s: %s, want %s", end, got, want)
		}
	}
}

// The time a lock opens is never earlier than it does, and carries its day when that is another one (LNK-23).
func TestClock(t *testing.T) {
	at := func(day, hour, minute, second int) time.Time {
		return time.Date(2026, 11, day, hour, minute, second, 0, JST)
	}
	for _, test := range []struct {
		now, at time.Time
		want    string
	}{
		{at(22, 12, 0, 0), at(22, 13, 0, 0), "13:00"},
		{at(22, 12, 0, 0), at(22, 13, 0, 1), "13:01"},
		{at(22, 23, 30, 0), at(23, 0, 30, 0), "11月23日 00:30"},
		{at(22, 23, 0, 0), at(22, 23, 59, 30), "11月23日 00:00"},
		{at(22, 8, 0, 0).UTC(), at(22, 9, 5, 0).UTC(), "09:05"},
	} {
		if got := Clock(test.now, test.at); got != test.want {
			t.Errorf("Clock(%v, %v) = %s, want %s", test.now, test.at, got, test.want)
		}
	}
}

// LNK-14 as interface.md reads it.
func TestLooksSecret(t *testing.T) {
	for text, want := range map[string]bool{
		"パスワードはひみつ": true, "パスワードを忘れました": true, "my Password is x": true, "パスワード": false, "パスワード。": false, "password": false,
		"hanako hanako-demo-2026": true, "abc12345": true, "abc1234": false, "ID: hanako1985": true,
		"残量": false, "0123456789012345": false, "abcdefgh": false, "iPhone15 を 使って います": false, "iPhone15x": true,
		"データを受け取る abc123def456": false, "": false, "<b>太郎</b>": false, "'; DROP TABLE links; --": false,
	} {
		if got := LooksSecret(text); got != want {
			t.Errorf("LooksSecret(%q) = %v", text, got)
		}
	}
}

// LNK-20, LNK-21: leading zeros count; separators only between digits.
func TestParseCode(t *testing.T) {
	for text, ok := range map[string]bool{
		"0000000000000001": true, " 0123 4567 8901 2345 ": true, "0123-4567-8901-2345": true, "01234567ー89012345": true, "0123456789\n012345": true,
		"0123‐4567‑8901–2345": true, "012345678901234": false, "01234567890123456": false, "-0123456789012345": false, "0123456789012345-": false,
		"０１２３４５６７８９０１２３４５": false, // NFKC is done before
		"012345678901234x": false, "": false, "٠١٢٣٤٥٦٧٨٩٠١٢٣٤٥": false,
	} {
		if _, got := parseCode(text, 16); got != ok {
			t.Errorf("parseCode(%q) = %v", text, got)
		}
	}
}

func FuzzParseCode(f *testing.F) {
	f.Add("0123-4567-8901-2345")
	f.Add("ー-\xff")
	f.Fuzz(func(t *testing.T, s string) {
		code, ok := parseCode(s, 16)
		if ok && len(code) != 16 {
			t.Errorf("%q became %q", s, code)
		}
		for _, r := range code {
			if ok && (r < '0' || r > '9') {
				t.Errorf("%q became %q", s, code)
			}
		}
	})
}
