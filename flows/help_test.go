package flows_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"tsunagu/flows"
	"tsunagu/flows/flowtest"
)

// linkedAt is somebody with a line, at a moment.
func linkedAt(at time.Time) *flowtest.Pure {
	p := flowtest.NewPure(flowtest.World{})
	p.SetClock(at)
	p.Conversation.Links = []flows.Link{{Kind: flows.UserLink, Ref: "L1", Label: "090-****-5678"}}
	return p
}

var helpNoon = jst(11, 24, 12, 0, 0)

func took(t *testing.T, p *flowtest.Pure, operator string) string {
	t.Helper()
	return turn(t, p, flows.DeskTook{Session: p.Conversation.Help.ID, Operator: operator, Name: operator})
}

func speaks(t *testing.T, p *flowtest.Pure, operator, words string) string {
	t.Helper()
	return turn(t, p, flows.DeskSaid{Session: p.Conversation.Help.ID, Operator: operator, Name: operator, ID: "said-" + words, Kind: "text", Text: words})
}

// talking is somebody whom 佐藤 has, and who was spoken to.
func talking(t *testing.T) *flowtest.Pure {
	t.Helper()
	p := linkedAt(helpNoon)
	said(t, p, "オペレーター")
	took(t, p, "佐藤")
	speaks(t, p, "佐藤", "はい")
	return p
}

// HLP-20: open from 10:00:00 to 18:59:59, every day, but for the dates that are closed; domain.md §12's boundaries. HLP-02:
// Sundays are days like others.
func TestHLP20Hours(t *testing.T) {
	s := flows.Defaults()
	s.HelpClosedDates = []time.Time{jst(12, 31, 0, 0, 0)}
	today := flows.DeskException{Date: "2026-11-24", Open: 10 * time.Hour, Close: 17 * time.Hour}
	for _, tt := range []struct {
		at        time.Time
		exception flows.DeskException
		open      bool
		opens     time.Time
	}{
		{jst(11, 24, 9, 59, 59), flows.DeskException{}, false, jst(11, 24, 10, 0, 0)},
		{jst(11, 24, 10, 0, 0), flows.DeskException{}, true, time.Time{}},
		{jst(11, 24, 18, 59, 59), flows.DeskException{}, true, time.Time{}},
		{jst(11, 24, 19, 0, 0), flows.DeskException{}, false, jst(11, 25, 10, 0, 0)},
		{jst(11, 22, 12, 0, 0), flows.DeskException{}, true, time.Time{}}, // a Sunday
		{jst(12, 31, 12, 0, 0), flows.DeskException{}, false, time.Date(2027, 1, 1, 10, 0, 0, 0, flows.JST)},
		{jst(12, 30, 20, 0, 0), flows.DeskException{}, false, time.Date(2027, 1, 1, 10, 0, 0, 0, flows.JST)},
		{jst(11, 24, 17, 0, 0), today, false, jst(11, 25, 10, 0, 0)},
		{jst(11, 24, 16, 59, 59), today, true, time.Time{}},
		{jst(11, 25, 18, 0, 0), today, true, time.Time{}},
	} {
		if h := s.HelpHours(tt.at, tt.exception); h.Open != tt.open || !h.Opens.Equal(tt.opens) {
			t.Errorf("%v with %+v: %+v", tt.at, tt.exception, h)
		}
		p := linkedAt(tt.at)
		p.Desk.Exception = tt.exception
		want := "現在1番目です"
		if !tt.open && !tt.at.Equal(jst(12, 31, 12, 0, 0)) {
			want = "AI（自動応答）がお答えします。"
		}
		if !tt.at.Equal(jst(12, 31, 12, 0, 0)) { // the pure stage has the default settings
			has(t, said(t, p, "オペレーター"), want)
		}
	}
	if h := s.HelpHours(helpNoon, flows.DeskException{}); !h.Closes.Equal(jst(11, 24, 19, 0, 0)) || !h.HardEnd.Equal(jst(11, 24, 19, 30, 0)) {
		t.Errorf("%+v", h)
	}
	if h := s.HelpHours(helpNoon, today); !h.HardEnd.Equal(jst(11, 24, 17, 30, 0)) {
		t.Errorf("a day that closes at 17:00 ends at %v", h.HardEnd)
	}
}

// HLP-09: the automatic side calls itself that, wherever it speaks of itself.
func TestHLP09Name(t *testing.T) {
	p := linkedAt(jst(11, 24, 20, 0, 0))
	for _, word := range []string{"ヘルプ", "オペレーター", "人間ですか？"} {
		has(t, said(t, p, word), "AI（自動応答）")
	}
}

// HLP-03: without a link there is the automatic side only, at any hour and by any word.
func TestHLP03WithoutALink(t *testing.T) {
	for _, word := range []string{"オペレーター", "人と話したい", "このまま待つ", "メッセージを残す"} {
		p := flowtest.NewPure(flowtest.World{})
		p.SetClock(helpNoon)
		has(t, said(t, p, word), "契約者連携または利用者連携が必要です")
		if p.Conversation.Help.Phase != flows.HelpAI {
			t.Errorf("%s began a session", word)
		}
	}
}

// HLP-25: busy is no free seat, and ten people or a wait of more than ten minutes. Then the person may wait anyway or leave a
// message.
func TestHLP25Busy(t *testing.T) {
	for _, tt := range []struct {
		load flows.DeskLoad
		busy bool
	}{
		{flows.DeskLoad{}, false},
		{flows.DeskLoad{Seats: 3, Free: 1, Waiting: 30, Handling: time.Hour}, false},
		{flows.DeskLoad{Seats: 3, Waiting: 9}, false},
		{flows.DeskLoad{Seats: 3, Waiting: 10}, true},
		{flows.DeskLoad{Seats: 3, Waiting: 6, Handling: 5 * time.Minute}, false}, // ten minutes are not more than ten
		{flows.DeskLoad{Seats: 3, Waiting: 6, Handling: 5*time.Minute + time.Second}, true},
		{flows.DeskLoad{Waiting: 3, Handling: 4 * time.Minute}, true}, // nobody is there yet
	} {
		p := linkedAt(helpNoon)
		p.Desk = tt.load
		p.Desk.Ahead = tt.load.Waiting
		got := said(t, p, "オペレーター")
		if busy := strings.Contains(got, "ただいま混み合っています。AI（自動応答）がお答えします。このままお待ちいただくこともできます。"); busy != tt.busy {
			t.Errorf("%+v: %q", tt.load, got)
		}
		if !tt.busy {
			continue
		}
		if p.Conversation.Help.Phase != flows.HelpAI {
			t.Error("waits without having said so")
		}
		has(t, said(t, p, "このまま待つ"), fmt.Sprintf("現在%d番目です", tt.load.Waiting+1))
	}
}

// HLP-26: the place at once, then when it changed, and at most once in two minutes.
func TestHLP26Place(t *testing.T) {
	p := linkedAt(helpNoon)
	p.Desk = flows.DeskLoad{Waiting: 5, Ahead: 5}
	has(t, said(t, p, "オペレーター"), "オペレーターにおつなぎします。現在6番目です。")
	at := helpNoon
	look := func(after time.Duration, ahead int) string {
		t.Helper()
		at = at.Add(after)
		p.SetClock(at)
		p.Desk.Ahead = ahead
		shown, err := p.Play(flowtest.Step{Verb: "wait"})
		if err != nil {
			t.Fatal(err)
		}
		var texts []string
		for _, s := range shown {
			texts = append(texts, s.Text)
		}
		return strings.Join(texts, "\n")
	}
	if got := look(119*time.Second, 4); got != "" {
		t.Errorf("within two minutes: %q", got)
	}
	p.Desk.Ahead = 3
	if got := turn(t, p, flows.Due{Name: "help/place"}); got != "" { // whoever rings
		t.Errorf("asked within two minutes: %q", got)
	}
	has(t, look(time.Second, 4), "現在5番目です")
	if got := look(2*time.Minute, 4); got != "" {
		t.Errorf("nothing changed: %q", got)
	}
	has(t, look(30*time.Second, 2), "現在3番目です")
	if got := look(30*time.Second, 1); got != "" {
		t.Errorf("half a minute after the last: %q", got)
	}
}

// HLP-27 and HLP-28: what is said while waiting is kept in order and the functions go on; while an operator has the person
// nothing is answered, and all of it reaches the operator. HLP-33: neither a code nor what looks like a password does.
func TestHLP27And28Transcript(t *testing.T) {
	p := linkedAt(helpNoon)
	said(t, p, "オペレーター")
	said(t, p, "一つ目")
	has(t, said(t, p, "メニュー"), "ご利用になる機能")
	turn(t, p, flows.Sent{Kind: "image"})
	took(t, p, "佐藤")
	for _, silent := range []flows.Input{
		flows.Said{Text: "残量", Plain: "残量"}, flows.Said{Text: "やめる", Plain: "やめる"}, flows.Tapped{Data: flows.SayData("ヘルプ")},
		flows.Sent{Kind: "sticker"}, flows.SaidSecret{}, flows.Said{Text: "0123456789012345", Plain: "0123456789012345"}, flows.Tapped{Data: "1:tab:2"},
	} {
		if got := turn(t, p, silent); got != "" {
			t.Errorf("%#v was answered: %q", silent, got)
		}
	}
	var heard []string
	for _, e := range effects[flows.KeepEntry](p) {
		if e.Entry.By == flows.ByCustomer || e.Entry.Text == flows.EventWithheld {
			heard = append(heard, e.Entry.Kind+" "+e.Entry.Text)
		}
		if strings.Contains(e.Entry.Text, "0123456789012345") {
			t.Error("the code is in the transcript")
		}
	}
	want := []string{"text 一つ目", "text メニュー", "image ", "text 残量", "text やめる", "event tapped:ヘルプ", "sticker ", "event withheld", "event withheld"}
	if !slices.Equal(heard, want) {
		t.Errorf("the operator reads %q", heard)
	}
}

// An operator's words go out while they have the person and under their name, as a reply to the last message as long as it
// is unanswered; otherwise they are kept as not sent.
func TestOperatorSpeaks(t *testing.T) {
	p := linkedAt(helpNoon)
	said(t, p, "オペレーター")
	took(t, p, "佐藤")
	said(t, p, "もしもし")
	speaks(t, p, "佐藤", "一")
	speaks(t, p, "佐藤", "二")
	speaks(t, p, "鈴木", "割り込み")
	var says []flows.Say
	for _, s := range effects[flows.Say](p) {
		if s.Entry != "" {
			says = append(says, s)
		}
	}
	if len(says) != 2 || says[0].As != "佐藤" || says[0].ReplyTo == 0 || says[1].ReplyTo != 0 {
		t.Errorf("said %+v", says)
	}
	last := effects[flows.KeepEntry](p)
	if e := last[len(last)-1].Entry; e.Delivery != flows.NotSent || e.Name != "鈴木" {
		t.Errorf("kept %+v", e)
	}
}

// HLP-30 and HLP-31 to the second, counted from whose turn it is.
func TestHLP30And31Silence(t *testing.T) {
	due := func(p *flowtest.Pure, name string, at time.Time) string {
		t.Helper()
		p.SetClock(at)
		return turn(t, p, flows.Due{Name: "help/" + name})
	}
	p := talking(t)
	if got := due(p, "remind", helpNoon.Add(10*time.Minute-time.Second)); got != "" {
		t.Errorf("reminded early: %q", got)
	}
	has(t, due(p, "remind", helpNoon.Add(10*time.Minute)), "お返事をお待ちしています")
	if got := due(p, "idle", helpNoon.Add(15*time.Minute-time.Second)); got != "" {
		t.Errorf("ended early: %q", got)
	}
	has(t, due(p, "idle", helpNoon.Add(15*time.Minute)), "一定時間お返事がなかったため終了します")

	p = talking(t)
	p.SetClock(helpNoon.Add(time.Minute))
	said(t, p, "質問です")
	p.SetClock(helpNoon.Add(3 * time.Minute))
	said(t, p, "まだですか") // the operator's time goes on from the first
	if got := due(p, "operator", helpNoon.Add(6*time.Minute-time.Second)); got != "" {
		t.Errorf("given back early: %q", got)
	}
	p.Desk.Ahead = 0
	has(t, due(p, "operator", helpNoon.Add(6*time.Minute)), "別のオペレーターにおつなぎします。現在1番目です")
	if h := p.Conversation.Help; h.Phase != flows.HelpQueued || !h.Front || h.Operator != "" {
		t.Errorf("%+v", h)
	}
	// After closing time nobody could take it: it stays as a message.
	p = talking(t)
	p.SetClock(jst(11, 24, 19, 10, 0))
	said(t, p, "質問です")
	has(t, due(p, "operator", jst(11, 24, 19, 15, 0)), "お問い合わせはお預かりし")
	if p.Conversation.Help.Phase != flows.HelpLeft {
		t.Errorf("%+v", p.Conversation.Help)
	}
}

// HLP-29: hours that change at 19:10 do not end a chat that may last until 19:30; that moment does.
func TestHLP29HardEnd(t *testing.T) {
	p := talking(t)
	hours := func(at time.Time, in flows.Input) string {
		t.Helper()
		p.SetClock(at)
		return turn(t, p, in)
	}
	if got := hours(jst(11, 24, 19, 29, 59), flows.DeskHoursChanged{}); got != "" {
		t.Errorf("ended before 19:30: %q", got)
	}
	has(t, hours(jst(11, 24, 19, 30, 0), flows.Due{Name: "help/close"}), "受付時間が過ぎたため")
	// A supervisor keeps the desk open until 20:00: the chat may go on until 20:30.
	p = talking(t)
	p.Desk.Exception = flows.DeskException{Date: "2026-11-24", Open: 10 * time.Hour, Close: 20 * time.Hour}
	if got := hours(jst(11, 24, 19, 30, 0), flows.Due{Name: "help/close"}); got != "" {
		t.Errorf("ended before 20:30: %q", got)
	}
	has(t, hours(jst(11, 24, 20, 30, 0), flows.Due{Name: "help/close"}), "受付時間が過ぎたため")
}

// HLP-05 and HLP-35: asked after a chat in which an operator spoke, once in seven days, and open for 24 hours.
func TestHLP35Survey(t *testing.T) {
	silent := linkedAt(helpNoon)
	said(t, silent, "オペレーター")
	took(t, silent, "佐藤")
	if got := turn(t, silent, flows.DeskClosed{Session: silent.Conversation.Help.ID, Operator: "佐藤"}); strings.Contains(got, "いかがでしたか") {
		t.Errorf("asked about a chat in which nobody spoke: %q", got)
	}
	p := talking(t)
	closes := func(at time.Time) string {
		t.Helper()
		p.SetClock(at)
		return turn(t, p, flows.DeskClosed{Session: p.Conversation.Help.ID, Operator: "佐藤"})
	}
	has(t, closes(helpNoon), "今回の対応はいかがでしたか？")
	score := flows.Tapped{Data: "1:rate:" + p.Conversation.Help.ID + ":4"}
	p.SetClock(helpNoon.Add(24*time.Hour - time.Second))
	has(t, turn(t, p, score), "ご回答ありがとうございます")
	p.SetClock(helpNoon.Add(24 * time.Hour))
	has(t, turn(t, p, score), "このアンケートは終了しました")
	again := func(at time.Time) string {
		t.Helper()
		p.SetClock(at)
		said(t, p, "オペレーター")
		took(t, p, "佐藤")
		speaks(t, p, "佐藤", "はい")
		return closes(at)
	}
	if got := again(helpNoon.Add(7*24*time.Hour - time.Second)); strings.Contains(got, "いかがでしたか") {
		t.Errorf("asked within seven days: %q", got)
	}
	has(t, again(helpNoon.Add(7*24*time.Hour)), "今回の対応はいかがでしたか？")
	scores := effects[flows.KeepScore](p)
	if len(scores) != 1 || scores[0].Score != 4 {
		t.Errorf("kept %+v", scores)
	}
}

// HLP-38 and HLP-39: blocking ends the session, whatever it is; asking again never begins a second one.
func TestHLP38And39(t *testing.T) {
	for name, begin := range map[string]func(p *flowtest.Pure){
		"waiting":   func(p *flowtest.Pure) { said(t, p, "オペレーター") },
		"connected": func(p *flowtest.Pure) { said(t, p, "オペレーター"); took(t, p, "佐藤") },
		"writing":   func(p *flowtest.Pure) { said(t, p, "メッセージを残す") },
	} {
		p := linkedAt(helpNoon)
		begin(p)
		turn(t, p, flows.Unfollowed{})
		kept := effects[flows.KeepSession](p)
		if last := kept[len(kept)-1].Session; last.Phase != flows.HelpClosed || last.Ended != flows.EndedByBlock || p.Conversation.Help != (flows.Help{}) {
			t.Errorf("%s: %+v", name, last)
		}
		if got := speaks(t, p, "佐藤", "遅い"); got != "" {
			t.Errorf("%s: said to who blocked: %q", name, got)
		}
	}
	p := linkedAt(helpNoon)
	said(t, p, "オペレーター")
	id := p.Conversation.Help.ID
	has(t, said(t, p, "オペレーター"), "現在1番目です")
	said(t, p, "メッセージを残す")
	said(t, p, "ご連絡ください")
	said(t, p, "送り終えた")
	said(t, p, "オペレーター")
	for _, k := range effects[flows.KeepSession](p) {
		if k.Session.ID != id {
			t.Errorf("a second session: %+v", k.Session)
		}
	}
	if p.Conversation.Help.Phase != flows.HelpQueued {
		t.Errorf("%+v", p.Conversation.Help)
	}
}
