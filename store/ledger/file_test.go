package ledger

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"tsunagu/flows"
)

// wantProblems checks an ImportError line by line.
func wantProblems(t *testing.T, err error, want ...string) {
	t.Helper()
	var bad *ImportError
	if !errors.As(err, &bad) {
		t.Fatalf("got %v, want an ImportError", err)
	}
	got := strings.Split(err.Error(), "\n")[1:]
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("problems:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestDemo(t *testing.T) {
	file, err := Check(bytes.NewReader(Demo))
	if err != nil {
		t.Fatal(err)
	}
	if file.Contracts != 3 || file.Lines != 5 {
		t.Errorf("%v", file)
	}
	if shown := fmt.Sprintf("%v %+v %#v %s", file, file, file, *file); strings.Contains(shown, "hanako-demo-2026") {
		t.Error("a printed file shows passwords")
	}
	for _, c := range file.contracts {
		for _, line := range c.lines {
			if !slices.Contains([]int64{500, 3000, 6000, 12000}, line.row.QuotaMB) { // BKT-07
				t.Errorf("a plan of %dMB", line.row.QuotaMB)
			}
			if topup := line.figures[slices.Index(stated[:], string(flows.Topup))]; topup%500 != 0 { // BKT-06: bought by 0.5GB
				t.Errorf("%dMB were bought", topup)
			}
		}
	}
	bill := file.contracts[0].bills[1]
	if bill.UniversalFeeSen != 660 || bill.RelayFeeSen != 220 || bill.BaseFeeSen != 363000 {
		t.Errorf("a bill is %+v", bill)
	}
}

// Each mistake is named with its line and what to do about it.
func TestCheck(t *testing.T) {
	six := ""
	for i := range 6 {
		six += testLine{n: i}.yaml()
	}
	for _, tt := range []struct {
		name string
		file string
		want []string
	}{
		{"empty", "", []string{"line 1: the file is empty"}},
		{"only a comment", "# nothing\n", []string{"line 1: the file is empty"}},
		{"null", "---\n", []string{"line 2: the file must be a list of fields (name: value): version, contracts"}},
		{"not YAML", "version: 1\ncontracts: [\n", []string{"line 2: this is not YAML: did not find expected node content"}},
		{"not UTF-8", "version: 1\n# \xff\ncontracts: []\n# \xfe\n", []string{
			"line 2: this is not UTF-8 text: save the file as UTF-8", "line 4: this is not UTF-8 text: save the file as UTF-8"}},
		{"another version", in("version: 1", "version: 2"), []string{"line 2: version must be 1: this program knows no other"}},
		{"no version", in("version: 1", ""), []string{"line 3: version is missing"}},
		{"no contracts", "version: 1\n", []string{"line 1: contracts is missing"}},
		{"contracts not a list", "version: 1\ncontracts: {login_id: x}\n",
			[]string{"line 2: contracts must be a list, each item after a dash (-)"}},
		{"a contract that is text", "version: 1\ncontracts: [hanako]\n", []string{"line 2: a contract must be a list of fields (name: value): " +
			"login_id, password, holder, mnp, switch_completed_at, shipping_mail_at, line_points, lines, bills"}},
		{"two documents", string(Demo) + "---\nversion: 1\n", []string{"line 79: a second document begins here: put all contracts into one"}},
		{"unknown field", in("line_points: 1200", "line_point: 1200"), []string{"line 11: a contract has an unknown field line_point: the fields are " +
			"login_id, password, holder, mnp, switch_completed_at, shipping_mail_at, line_points, lines, bills"}},
		{"an unknown field that may be a secret", in("line_points: 1200", "hanako-demo-2026: 1200"), []string{"line 11: a contract has an unknown field: the fields are " +
			"login_id, password, holder, mnp, switch_completed_at, shipping_mail_at, line_points, lines, bills"}},
		{"a field twice", in("line_points: 1200", "mnp: false"), []string{"line 11: mnp is given twice, first on line 8: remove one"}},
		{"missing fields", swap(swap(in("    password: hanako-demo-2026\n", ""), "kana: ヤマダ タロウ, ", ""), "base_mb: 1840, ", ""), []string{
			"line 5: password is missing", "line 13: user.kana is missing", "line 18: buckets.base_mb is missing"}},
		{"null for a field", in("password: hanako-demo-2026", "password: ~"), []string{"line 6: password is missing"}},
		{"a whole part missing", in("        plan: {name: 3GB, quota_mb: 3000, base_fee_yen: 1210}\n", ""), []string{"line 13: plan is missing"}},
		{"bad dates", swap(swap(in("1985-04-02", "1985-02-29"), "2026-11-01T10:00:00+09:00", "2026-11-01"), "2012-08-10", "2999-01-01"), []string{
			"line 7: holder.birthdate must be a day that has been, such as 1985-04-02",
			"line 9: switch_completed_at must be a time with its offset, such as 2026-11-01T10:00:00+09:00, or null",
			"line 14: user.birthdate must be a day that has been, such as 1985-04-02"}},
		{"ACC-06 too young", in("1985-04-02", "2020-04-02"),
			[]string{"line 7: the holder is younger than 18: only an adult can hold a contract; a child can be the user of a line"}},
		{"ACC-01 no line", testContract("one", "      []\n"), []string{"line 9: a contract has 1 to 5 lines, this one 0"}},
		{"ACC-01 six lines", testContract("one", six), []string{"line 9: a contract has 1 to 5 lines, this one 6"}},
		{"bad number", in(`"09012345678"`, `"06012345678"`),
			[]string{"line 13: msisdn must be a mobile number of 11 digits that begins with 050, 070, 080 or 090, in quotes"}},
		{"number with hyphens", in(`"09012345678"`, `"090-1234-5678"`),
			[]string{"line 13: msisdn must be a mobile number of 11 digits that begins with 050, 070, 080 or 090, in quotes"}},
		{"LNK-20 short code", in(taro, "123456789012345"), []string{"line 15: usage_code must be 16 digits in quotes; leading zeros count"}},
		{"LNK-20 full-width code", in(taro, "０１２３４５６７８９０１２３４５"), []string{"line 15: usage_code must be 16 digits in quotes; leading zeros count"}},
		{"the same twice", swap(swap(in("login_id: takeru", "login_id: hanako"), "08023456789", "09012345678"), hanako, taro), []string{
			"line 21: msisdn is the same as on line 13: each line has its own", "line 23: usage_code is the same as on line 15: each line has its own",
			"line 34: login_id is the same as on line 5: each contract has its own"}},
		{"negative", swap(in("carryover_mb: 200", "carryover_mb: -1"), "calls_yen: 88", "calls_yen: -88"), []string{
			"line 19: buckets.carryover_mb must be a whole number from 0 to 1000000, without separators",
			"line 30: calls_yen must be yen of 0 or more with at most two decimals, such as 3.3"}},
		{"too much", in("quota_mb: 3000", "quota_mb: 1000001"), []string{"line 16: plan.quota_mb must be a whole number from 0 to 1000000, without separators"}},
		{"numbers of other notations", swap(swap(in("used_mb: 1150", "used_mb: 0x10"), "used_mb: 2925", "used_mb: 2_925"), "universal_fee_yen: 6.6", "universal_fee_yen: 6.6e0"), []string{
			"line 20: used_mb must be a whole number from 0 to 1000000, without separators",
			"line 28: used_mb must be a whole number from 0 to 1000000, without separators",
			"line 30: universal_fee_yen must be yen of 0 or more with at most two decimals, such as 3.3"}},
		{"unknown states", swap(in("status: suspended", "status: paused"), "status: settled", "status: paid"), []string{
			"line 30: status must be new, onHold, validated, sent, partiallyPaid, settled: one of these",
			"line 54: status must be active, suspended, ended: one of these"}},
		{"a month twice", in("month: 2026-09", "month: 2026-10"), []string{"line 31: month is the same as on line 30: a contract has one bill a month"}},
		{"bad month", in("month: 2026-09", "month: 2026-13"), []string{"line 30: month must be a month such as 2026-10"}},
		{"mnp is not a word", in("mnp: true", "mnp: yes"), []string{"line 8: mnp must be true (the number came from another carrier) or false"}},
		{"switched, but not ported in", in("mnp: true", "mnp: false"),
			[]string{"line 9: only a number that came from another carrier is switched: set mnp to true, or this to null"}},
		{"aliases", "version: 1\ncontracts: &a\n  - *a\n", []string{"line 3: a contract is an alias (*): write the value itself"}},
		{"an alias without anchor", "version: 1\ncontracts: *hanako-demo-2026\n", []string{"line 1: this is not YAML: an alias (*) without its anchor (&)"}},
		{"a merge", in("holder: {name: 山田 花子,", "holder: {<<: {name: x}, name: 山田 花子,"),
			[]string{"line 7: holder has an unknown field: the fields are name, kana, birthdate"}},
		{"a tag", in("password: hanako", "password: !!binary hanako"), []string{"line 6: password has a type tag (!): write the value alone"}},
		{"control characters", in("login_id: hanako", `login_id: "hana\0ko"`), []string{"line 5: login_id must be text on one line, at most 200 characters"}},
		{"deep", "version: 1\ncontracts: " + strings.Repeat("[", 20000), []string{"line 2: this is not YAML: exceeded max depth of 10000"}},
		{"large", "#" + strings.Repeat(" ", maxFile), []string{"line 1: the file is larger than 64 MiB: split it"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Check(strings.NewReader(tt.file))
			wantProblems(t, err, tt.want...)
		})
	}
}

// ACC-06: on the 18th birthday in Japan.
func TestAdult(t *testing.T) {
	for _, tt := range []struct {
		now  time.Time
		want bool
	}{
		{time.Date(2026, 11, 23, 23, 59, 59, 0, flows.JST), false},
		{time.Date(2026, 11, 24, 0, 0, 0, 0, flows.JST), true},
	} {
		_, problems, err := read(strings.NewReader(in("1985-04-02", "2008-11-24")), tt.now.UTC(), 16)
		if err != nil || (len(problems.found) == 0) != tt.want {
			t.Errorf("at %v: %v, %v", tt.now, problems.found, err)
		}
	}
	if !adult("2008-02-29", "2026-03-01") || adult("2008-02-29", "2026-02-28") {
		t.Error("born on 29 February: an adult on 1 March")
	}
}

// TMF-05 and BIL-08: yen are never binary floats.
func TestParseYen(t *testing.T) {
	for text, want := range map[string]int64{"0": 0, "3.3": 330, "1.1": 110, "2.20": 220, "1210": 121000, "0.07": 7, "999999999.99": 99999999999} {
		if got, ok := parseYen(text); !ok || got != want {
			t.Errorf("parseYen(%q) = %d, %v; want %d", text, got, ok, want)
		}
	}
	for _, text := range []string{"", ".5", "5.", "3.333", "-1", "+1", "1e3", "1,210", "１", "NaN", ".inf", "99999999999", "1000000001"} {
		if got, ok := parseYen(text); ok {
			t.Errorf("parseYen(%q) = %d", text, got)
		}
	}
}

// FuzzImport reads anything: it ends, names lines that are there, quotes no number of the file, and lets through only
// what the tables take.
func FuzzImport(f *testing.F) {
	f.Add(string(Demo))
	f.Add(testContract("one", testLine{n: 1}.yaml()))
	f.Add("version: 1\ncontracts: [{login_id: a, lines: [{msisdn: *x}]}]")
	f.Add("version: 1\ncontracts:\n- &a {<<: *a, holder: !t {}, lines: [[], null, {buckets: 1}]}\n")
	f.Add("a: &a [*a, *a]\nb: &b [*a, *a]\n---\n? {}\n: |\n  x\n")
	f.Add("\ufeffversion: 1\r\ncontracts: []\r\n\x00")
	digits := regexp.MustCompile(`[0-9]{8}`)
	f.Fuzz(func(t *testing.T, text string) {
		file, err := Check(strings.NewReader(text))
		var bad *ImportError
		switch {
		case errors.As(err, &bad):
			for _, p := range bad.Problems {
				if p.Line < 1 || p.Line > strings.Count(text, "\n")+strings.Count(text, "\r")+strings.Count(text, "\u0085")+
					strings.Count(text, "\u2028")+strings.Count(text, "\u2029")+2 || p.Message == "" || digits.MatchString(strings.ReplaceAll(p.Message, "1000000000", "")) { // the limit is no number of the file
					t.Errorf("problem %+v", p)
				}
			}
		case err != nil:
			t.Errorf("%v", err)
		default:
			for _, c := range file.contracts {
				if c.row.LoginID == "" || c.password == "" || len(c.lines) < 1 || len(c.lines) > maxLines || !storable(c.row.HolderName) {
					t.Errorf("a contract %+v", c.row)
				}
				for _, l := range c.lines {
					if !isCode(l.code, 16) || !mobile.MatchString(l.row.MSISDN) || l.row.Status == "" || l.figures[0] < 0 {
						t.Errorf("a line %+v", l.row)
					}
				}
			}
		}
	})
}
