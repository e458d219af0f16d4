package flows_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"tsunagu/flows"
	"tsunagu/flows/flowtest"
)

func jst(month time.Month, day, hour, minute, second int) time.Time {
	return time.Date(2026, month, day, hour, minute, second, 0, flows.JST)
}

// GFT-23: the end of the second day after, or the beginning of the rest; domain.md §12: of the 28th, 29th and 30th of a
// month of 30 days it is the 30th at 23:00.
func TestGFT23Deadline(t *testing.T) {
	none := flows.Defaults()
	none.GiftBlackoutFrom = none.GiftBlackoutTo
	for _, tt := range []struct {
		name     string
		settings flows.Settings
		made     time.Time
		want     time.Time
	}{
		{"an ordinary day", flows.Defaults(), jst(11, 22, 16, 5, 0), jst(11, 25, 0, 0, 0)},
		{"the first second of a day", flows.Defaults(), jst(11, 22, 0, 0, 0), jst(11, 25, 0, 0, 0)},
		{"the 27th", flows.Defaults(), jst(11, 27, 23, 59, 59), jst(11, 30, 0, 0, 0)},
		{"the 28th", flows.Defaults(), jst(11, 28, 9, 0, 0), jst(11, 30, 23, 0, 0)},
		{"the 29th", flows.Defaults(), jst(11, 29, 9, 0, 0), jst(11, 30, 23, 0, 0)},
		{"the 30th", flows.Defaults(), jst(11, 30, 22, 59, 59), jst(11, 30, 23, 0, 0)},
		{"31 December", flows.Defaults(), jst(12, 30, 12, 0, 0), jst(12, 31, 23, 0, 0)},
		{"by Japan's calendar", flows.Defaults(), time.Date(2026, 11, 21, 15, 0, 0, 0, time.UTC), jst(11, 25, 0, 0, 0)},
		{"without a rest: within the month", none, jst(11, 29, 9, 0, 0), jst(12, 1, 0, 0, 0)},
	} {
		if got := tt.settings.GiftDeadline(tt.made); !got.Equal(tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
	leap := time.Date(2028, 2, 28, 12, 0, 0, 0, flows.JST)
	if got := flows.Defaults().GiftDeadline(leap); !got.Equal(time.Date(2028, 2, 29, 23, 0, 0, 0, flows.JST)) {
		t.Errorf("in a leap year: %v", got)
	}
}

// GFT-12, GFT-30, CAL-01, CAL-02: gifts rest from the last day at 23:00 to the 1st at 9:00, whatever the month's length.
func TestGFT30Blackout(t *testing.T) {
	always, narrow := flows.Defaults(), flows.Defaults()
	always.GiftBlackoutFrom = always.GiftBlackoutTo
	narrow.GiftBlackoutFrom, narrow.GiftBlackoutTo = flows.MonthMoment{Day: 10, At: time.Hour}, flows.MonthMoment{Day: 10, At: 2 * time.Hour}
	for _, tt := range []struct {
		settings flows.Settings
		at       time.Time
		want     bool
	}{
		{flows.Defaults(), jst(11, 30, 22, 59, 59), false}, {flows.Defaults(), jst(11, 30, 23, 0, 0), true},
		{flows.Defaults(), jst(12, 1, 0, 0, 0), true}, {flows.Defaults(), jst(12, 1, 8, 59, 59), true}, {flows.Defaults(), jst(12, 1, 9, 0, 0), false},
		{flows.Defaults(), jst(12, 30, 23, 0, 0), false}, {flows.Defaults(), jst(12, 31, 23, 0, 0), true},
		{flows.Defaults(), time.Date(2027, 1, 1, 3, 0, 0, 0, flows.JST), true},
		{flows.Defaults(), time.Date(2027, 2, 28, 23, 30, 0, 0, flows.JST), true},
		{flows.Defaults(), time.Date(2028, 2, 28, 23, 30, 0, 0, flows.JST), false}, {flows.Defaults(), time.Date(2028, 2, 29, 23, 30, 0, 0, flows.JST), true},
		{flows.Defaults(), time.Date(2026, 11, 30, 14, 0, 0, 0, time.UTC), true},
		{always, jst(12, 1, 3, 0, 0), false},
		{narrow, jst(11, 10, 0, 59, 59), false}, {narrow, jst(11, 10, 1, 30, 0), true}, {narrow, jst(11, 10, 2, 0, 0), false},
	} {
		if got := tt.settings.GiftBlackout(tt.at); got != tt.want {
			t.Errorf("at %v: %v", tt.at, got)
		}
	}
}

// giver is a person with one line of so many MB, and somebody else with another.
func giver(base int) *flowtest.Pure {
	p := flowtest.NewPure(flowtest.World{Clock: now, Contracts: []flowtest.Contract{{LoginID: "hanako", From: now.AddDate(0, -1, 0), Lines: []flowtest.Line{
		{Number: "09012345678", Code: "0123456789012345", Base: base, Quota: 12000, Status: flows.LineActive},
		{Number: "08099990000", Code: "5555666677778888", Base: 3000, Quota: 3000, Status: flows.LineActive, Taken: true},
	}}}})
	p.SetClock(now)
	p.Conversation.Links = []flows.Link{{Kind: flows.UserLink, Ref: "09012345678", Label: "090-****-5678"}}
	return p
}

// tapNewest taps the newest button with a label, and returns what was shown.
func tapNewest(t *testing.T, p *flowtest.Pure, label string) []flowtest.Shown {
	t.Helper()
	shown, err := p.Play(flowtest.Step{Verb: "tap", Args: label})
	if err != nil {
		t.Fatalf("tap %s: %v", label, err)
	}
	return shown
}

// GFT-01, ACC-07: nobody without 利用者連携 gives; who has only 契約者連携 neither.
func TestGFT01NeedsUserLink(t *testing.T) {
	for contracts := range 2 {
		p := story(0, contracts)
		has(t, said(t, p, "データプレゼント"), "利用者連携が必要です")
		if len(effects[flows.ReadGifts](p)) != 0 {
			t.Error("gifts were read")
		}
	}
}

// GFT-11, GFT-22: to be shown a gift moves nothing; the tap does.
func TestGFT11ReceivingIsAStep(t *testing.T) {
	p := giver(1000)
	for _, step := range []flowtest.Step{{Verb: "gift", Args: "500 from another"}, {Verb: "opens", Args: "the gift"}} {
		if _, err := p.Play(step); err != nil {
			t.Fatal(err)
		}
	}
	if len(effects[flows.ClaimGift](p)) != 0 {
		t.Error("claimed before the tap")
	}
	tapNewest(t, p, "500MBを受け取る")
	if len(effects[flows.ClaimGift](p)) != 1 {
		t.Error("not claimed by the tap")
	}
}

// In the chat, step 2: every amount that can be given, or twelve of them with the smallest and the largest.
func TestAmountsOffered(t *testing.T) {
	for base, want := range map[int][]string{
		500: {"500MB", "やめる"}, 1999: {"500MB", "1.00GB", "1.50GB", "やめる"},
		12000: {"500MB", "1.50GB", "2.50GB", "3.50GB", "4.50GB", "5.50GB", "6.50GB", "7.50GB", "8.50GB", "9.50GB", "10.50GB", "12.00GB", "やめる"},
	} {
		p := giver(base)
		said(t, p, "プレゼント")
		if got := tapNewest(t, p, "贈る")[0].Labels; !slices.Equal(got, want) {
			t.Errorf("with %d: %q, want %q", base, got, want)
		}
	}
}

// An amount is read as people type it.
func TestTypedAmounts(t *testing.T) {
	for text, want := range map[string]string{
		"500": "500MBを贈ります", "500MB": "500MBを贈ります", "５００ＭＢ": "500MBを贈ります", "1.5 GB": "1.50GBを贈ります", "1ギガ": "1.00GBを贈ります",
		"2g": "2.00GBを贈ります", "1.3GB": "500MB単位", "0": "500MBから", "100MB": "500MBから", "-500": "贈る量をお選び", "たくさん": "贈る量をお選び",
		"NaN": "贈る量をお選び", "1e3": "贈る量をお選び", "": "贈る量をお選び", "GB": "贈る量をお選び", "99999g": "99999.00GBを贈ります",
	} {
		p := giver(12000)
		said(t, p, "プレゼント")
		tapNewest(t, p, "贈る")
		shown, err := p.Play(flowtest.Step{Verb: "user", Args: text})
		if err != nil {
			t.Fatal(err)
		}
		has(t, shown[0].Text, want)
	}
}

// GFT-35: two taps on one button make one gift, and a button of an earlier question makes none.
func TestGFT35OneQuestionOneGift(t *testing.T) {
	p := giver(3000)
	said(t, p, "プレゼント")
	tapNewest(t, p, "贈る")
	tapNewest(t, p, "500MB")
	tapNewest(t, p, "作成する")
	has(t, tapNewest(t, p, "作成する")[0].Text, "手続きは終わっています")
	if made := effects[flows.CreateGift](p); !slices.Equal(made, []flows.CreateGift{{Line: "09012345678", MB: 500}}) {
		t.Errorf("made %+v", made)
	}
	tapNewest(t, p, "贈る")
	tapNewest(t, p, "1.00GB")
	for name, data := range map[string]string{
		"another line's": "1:make:08099990000:1000:x", "another amount": "1:make:09012345678:2000:x", "an earlier one": "1:make:09012345678:500:x",
	} {
		turn(t, p, flows.Tapped{Data: data})
		if made := effects[flows.CreateGift](p); len(made) != 1 {
			t.Errorf("%s button made %+v", name, made)
		}
	}
}

// GFT-31: a gift that waits for the link is offered when a line is linked, once, and not after a contract was.
func TestGFT31ClaimAfterLinking(t *testing.T) {
	p := giver(1000)
	p.Conversation.Links = nil
	for _, step := range []flowtest.Step{{Verb: "gift", Args: "500 from another"}, {Verb: "opens", Args: "the gift"}} {
		if _, err := p.Play(step); err != nil {
			t.Fatal(err)
		}
	}
	if got := turn(t, p, flows.AccountLinked{Nonce: "hanako"}); strings.Contains(got, "500MB") {
		t.Errorf("after 契約者連携: %q", got)
	}
	said(t, p, "利用者連携")
	has(t, said(t, p, "0123456789012345"), flowtest.OtherName+"さんからのプレゼント")
	if p.Conversation.Claim != "" {
		t.Error("it still waits")
	}
}

// GFT-38: the giver's timer is set to the deadline, and stopped when there is nothing more to tell.
func TestGFT38TimerOfTheGiver(t *testing.T) {
	p := giver(3000)
	said(t, p, "プレゼント")
	tapNewest(t, p, "贈る")
	tapNewest(t, p, "500MB")
	tapNewest(t, p, "作成する")
	set := effects[flows.SetTimer](p)
	if len(set) != 1 || !set[0].At.Equal(jst(11, 25, 0, 0, 0)) {
		t.Fatalf("timers %+v", set)
	}
	has(t, turn(t, p, flows.GiftGone{ID: "g1", MB: 500}), "お相手が受け取りました")
	if stopped := effects[flows.StopTimer](p); !slices.Contains(stopped, flows.StopTimer{Name: set[0].Name}) {
		t.Errorf("stopped %+v", stopped)
	}
	if got := turn(t, p, flows.GiftOver{Gift: flows.DataGift{State: flows.GiftClaimed}}); got != "" {
		t.Errorf("a gift that was claimed is over: %q", got)
	}
}

// GFT-39: neither side is told a number or a line of the other's.
func TestGFT39OnlyNames(t *testing.T) {
	p := giver(3000)
	p.Conversation.Links[0].Nickname = "太郎のスマホ"
	var all strings.Builder
	for _, step := range []flowtest.Step{
		{Verb: "gift", Args: "500 from another"}, {Verb: "opens", Args: "the gift"}, {Verb: "tap", Args: "500MBを受け取る"},
		{Verb: "user", Args: "プレゼント"}, {Verb: "tap", Args: "贈る"}, {Verb: "tap", Args: "500MB"}, {Verb: "tap", Args: "作成する"},
		{Verb: "other", Args: "claims"}, {Verb: "user", Args: "プレゼント"}, {Verb: "tap", Args: "履歴"},
	} {
		shown, err := p.Play(step)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range shown {
			all.WriteString(s.Text)
		}
	}
	for _, of := range []string{"0000", "080", "08099990000"} {
		if strings.Contains(all.String(), of) {
			t.Errorf("%q was told: %s", of, all.String())
		}
	}
	letters := effects[flows.Letter](p)
	if len(letters) != 1 || letters[0].To != flowtest.SomeoneElse || letters[0].Input != (flows.GiftGone{ID: "g1", MB: 500, Taker: "太郎"}) {
		t.Errorf("the giver is told %+v", letters)
	}
}

// A letter survives being stored.
func TestGiftGoneIsStored(t *testing.T) {
	in := flows.GiftGone{ID: "g", MB: 500, Taker: "花子"}
	data, err := flows.EncodeInput(in)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := flows.DecodeInput(data); got != in || err != nil {
		t.Errorf("%+v, %v", got, err)
	}
}

// LNK-14: a claim is no secret, is heard in every state, and is not kept.
func TestClaimText(t *testing.T) {
	const token = "abcdefgh234567abcdefgh234567abcd"
	for text, want := range map[string]bool{
		flows.ClaimPrefix + token: true, "データを受け取る　" + token: true, " " + flows.ClaimPrefix + token + "\n": true,
		"データを受け取る": false, "データを受け取るには": false, "データを受け取る 方法": false, "データ": false,
	} {
		if got := (flows.Said{Text: text, Plain: strings.ReplaceAll(text, "　", " ")}).HoldsClaim(); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
	if flows.LooksSecret(flows.ClaimPrefix + token) {
		t.Error("a claim is taken for a password")
	}
	p := story(0, 0)
	said(t, p, "利用者連携")
	said(t, p, flows.ClaimPrefix+token)
	if found := effects[flows.FindGift](p); !slices.Equal(found, []flows.FindGift{{Token: token}}) {
		t.Errorf("looked for %+v", found)
	}
}
