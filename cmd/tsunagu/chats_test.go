package main

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"tsunagu/bot/answer"
	"tsunagu/bot/linesim"
	"tsunagu/flows"
	"tsunagu/flows/flowtest"
	"tsunagu/store/storetest"
)

// The chats of flows/testdata the long way round: through signed webhooks, both databases, the sign-in page and a
// small LINE. Word for word they are the same as through flows.Turn alone.
func TestChatsTheLongWayRound(t *testing.T) {
	files, _ := filepath.Glob("../../flows/testdata/*.txtar")
	if len(files) == 0 {
		t.Fatal("no chats")
	}
	storetest.Each(t, func(t *testing.T, database string) {
		for i, file := range files {
			if strings.HasPrefix(database, "postgres") != (i%2 == 0) {
				continue // half of the chats on each: what differs between them is the store's own suite
			}
			t.Run(filepath.Base(file), func(t *testing.T) {
				want, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				chat, err := flowtest.Read(want)
				if err != nil {
					t.Fatal(err)
				}
				address := "sqlite:" + filepath.Join(t.TempDir(), "tsunagu.db") // a fresh one for each chat
				if strings.HasPrefix(database, "postgres") {
					address = storetest.Postgres(t)
				}
				got, err := chat.Play(newStage(t, newWorld(t, address), chat.World))
				if err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(got, want) {
					t.Errorf("the long way round it reads:\n%s", got)
				}
			})
		}
	})
}

// A stage plays a chat with the whole product.
type stage struct {
	*world
	chat   flowtest.World
	me     *linesim.Person
	other  *linesim.Person
	signIn string // the address of the sign-in page, as last sent

	offered flows.DataGift // by the other person
	taken   string         // the operator who has the person
}

func newStage(t *testing.T, w *world, chat flowtest.World) *stage {
	s := &stage{world: w, chat: chat}
	w.setClock(chat.Clock)
	w.carrier(carrierFile(chat))
	var faq answer.Corpus
	for _, topic := range chat.FAQ {
		faq.Entries = append(faq.Entries, answer.Entry{ID: topic.ID, Question: topic.Question, Answer: topic.Answer, Action: topic.Action})
	}
	w.faq.responder.Use(&faq)
	for _, k := range chat.Contracts {
		for _, l := range k.Lines {
			if l.Taken {
				s.linkByOther(l.Code)
			}
		}
	}
	return s
}

func (s *stage) SetClock(t time.Time) { s.setClock(t) }

func (s *stage) linkByOther(code string) {
	if s.other == nil {
		s.other = s.person("よその人")
	}
	s.say(s.other, "利用者連携")
	s.say(s.other, code)
}

// otherLine is the line of the other person.
func (s *stage) otherLine() (flows.Line, error) {
	for _, k := range s.chat.Contracts {
		for _, l := range k.Lines {
			if l.Taken {
				return s.ledger.VerifyCode(s.t.Context(), l.Code)
			}
		}
	}
	return flows.Line{}, errors.New("no line is taken by another")
}

func (s *stage) giftFromOther(args string) error {
	amount, _, _ := strings.Cut(args, " ")
	mb, err := strconv.Atoi(amount)
	if err != nil {
		return err
	}
	line, err := s.otherLine()
	if err != nil {
		return err
	}
	s.offered, err = s.ledger.CreateGift(s.t.Context(), rand.Text(), line.ID, mb, s.other.ID)
	return err
}

// myGift is the gift that the person made last.
func (s *stage) myGift() (flows.DataGift, error) {
	var id string
	if err := s.store.DB().Raw("SELECT id FROM ledger_gifts WHERE giver = ? ORDER BY made_at DESC LIMIT 1", s.me.ID).Scan(&id).Error; err != nil {
		return flows.DataGift{}, err
	}
	return s.ledger.Gift(s.t.Context(), id)
}

// otherDoes claims the person's newest gift on the other person's line, in the other person's chat, or cancels the gift
// offered.
func (s *stage) otherDoes(what string) error {
	if what == "cancels" {
		_, err := s.ledger.CancelGift(s.t.Context(), rand.Text(), s.offered.ID, s.other.ID)
		return err
	}
	g, err := s.myGift()
	if err != nil {
		return err
	}
	s.say(s.other, flows.ClaimPrefix+g.Token)
	chat := s.other.Chat()
	for _, a := range actionsOf(s.t, chat[len(chat)-1]) {
		if strings.HasSuffix(a.Label, "を受け取る") {
			s.ask(s.other, func() { s.other.Postback(a.Data, a.DisplayText, nil) })
			return nil
		}
	}
	return nil
}

func (s *stage) Play(step flowtest.Step) ([]flowtest.Shown, error) {
	if s.me == nil {
		s.me = s.sim.AddStranger("太郎")
		greeting := s.do(s.me.Follow)
		if step.Verb == "follow" {
			return greeting, nil
		}
	}
	switch step.Verb {
	case "user":
		return s.do(func() { s.me.Say(step.Args) }), nil
	case "tap":
		return s.tap(step.Args)
	case "follow":
		return s.do(s.me.Unblock), nil
	case "block":
		return s.do(s.me.Block), nil
	case "sticker":
		return s.do(func() { s.me.Sticker("446", "1988") }), nil
	case "image":
		return s.do(func() { s.me.Locate(linesim.Location{Title: "駅", Address: "東京", Latitude: 35, Longitude: 139}) }), nil
	case "unsend":
		var last string
		for _, e := range s.me.Chat() {
			if e.From == linesim.FromPerson {
				last = e.ID
			}
		}
		return s.do(func() { s.me.Unsend(last) }), nil
	case "signs":
		return s.signsIn(strings.TrimPrefix(step.Args, "in as "))
	case "carrier":
		s.down.set(step.Args)
		return nil, nil
	case "gift": // gift AMOUNT from another
		return nil, s.giftFromOther(step.Args)
	case "opens": // opens the gift, opens my gift
		g := s.offered
		if step.Args == "my gift" {
			var err error
			if g, err = s.myGift(); err != nil {
				return nil, err
			}
		}
		return s.do(func() { s.me.Say(flows.ClaimPrefix + g.Token) }), nil
	case "desk":
		return s.letters(func() error { return s.desk(step.Args) })
	case "other": // other claims, other cancels
		return s.letters(func() error { return s.otherDoes(step.Args) })
	case "reissue":
		return s.letters(func() error {
			line, err := s.lineID(strings.TrimPrefix(step.Args, "of "))
			if err != nil {
				return err
			}
			return s.store.LettersFor(s.t.Context(), nil, flows.UserLink, []string{line}, "reissue")
		})
	case "tried":
		return s.letters(func() error {
			for _, k := range s.chat.Contracts {
				for _, l := range k.Lines {
					if l.Number == strings.TrimPrefix(step.Args, "to link ") {
						s.linkByOther(l.Code)
					}
				}
			}
			return nil
		})
	case "wait", "at":
		return s.letters(func() error { return nil })
	}
	return nil, fmt.Errorf("nobody knows how to %q", step.Verb)
}

// desk does what operators do, in the name of accounts that are made as they are needed.
func (s *stage) desk(args string) error {
	verb, rest, _ := strings.Cut(args, " ")
	ctx := s.t.Context()
	sessions, err := s.store.SessionsOf(ctx, s.me.ID, 1)
	if err != nil || len(sessions) == 0 {
		return errors.Join(err, errors.New("the person has no session"))
	}
	id := sessions[0].ID
	ready := func(name string) error {
		if _, err := s.store.Operator(ctx, name); errors.Is(err, flows.ErrNoOperator) {
			if err := s.store.AddOperator(ctx, name, name, flows.RoleOperator, ""); err != nil {
				return err
			}
		}
		return s.store.SetPresence(ctx, name, flows.PresenceOn, 3)
	}
	switch verb {
	case "takes", "transfers":
		from := s.taken
		_, s.taken, _ = strings.Cut(rest, " ")
		if err := ready(s.taken); err != nil {
			return err
		}
		if verb == "takes" {
			return s.store.Take(ctx, id, s.taken)
		}
		return s.store.Transfer(ctx, id, from, s.taken)
	case "says":
		err := s.store.SayAs(ctx, flows.DeskSaid{Session: id, Operator: s.taken, Name: s.taken, ID: rand.Text(), Kind: "text", Text: rest})
		if errors.Is(err, flows.ErrNotYours) || errors.Is(err, flows.ErrSessionOver) {
			return nil // the desk refuses what the lane would not send
		}
		return err
	case "returns":
		return s.store.Return(ctx, id, s.taken)
	case "closes":
		return s.store.Finish(ctx, id, s.taken, nil)
	}
	return fmt.Errorf("operators do not know how to %q", verb)
}

func (s *stage) do(what func()) (shown []flowtest.Shown) {
	for _, e := range s.ask(s.me, what) {
		shown = append(shown, shownOf(s.t, e))
	}
	return shown
}

// letters does what reaches the person by a letter or a timer, if at all: all lanes are waited for.
func (s *stage) letters(what func() error) (shown []flowtest.Shown, err error) {
	before := int64(0)
	for _, e := range s.me.Chat() {
		before = e.Seq
	}
	if err := what(); err != nil {
		return nil, err
	}
	s.settle()
	for _, e := range s.me.Chat() {
		if e.Seq > before && e.From == linesim.FromBot {
			shown = append(shown, shownOf(s.t, e))
		}
	}
	return shown, nil
}

// settle waits until no lane is due, claimed or in the middle of something.
func (s *stage) settle() {
	s.t.Helper()
	deadline := time.Now().Add(time.Minute)
	for {
		changed := s.lanes.next()
		var busy int64
		err := s.store.DB().Raw(`SELECT count(*) FROM lanes WHERE due_at <= ? OR owner OR tail > done`, s.clock().UnixMicro()).Scan(&busy).Error
		if err != nil {
			s.t.Fatal(err)
		}
		if busy == 0 {
			return
		}
		select {
		case <-changed:
		case <-time.After(time.Until(deadline)):
			s.t.Fatal("lanes do not come to rest")
		}
	}
}

func (s *stage) lineID(number string) (id string, err error) {
	for _, k := range s.chat.Contracts {
		for _, l := range k.Lines {
			if l.Number == number {
				line, err := s.ledger.VerifyCode(s.t.Context(), l.Code)
				return line.ID, err
			}
		}
	}
	return "", fmt.Errorf("no line %s", number)
}

// tap presses the newest button with a label that the chat still offers.
func (s *stage) tap(label string) ([]flowtest.Shown, error) {
	chat := s.me.Chat()
	for i := len(chat) - 1; i >= 0; i-- {
		if chat[i].From != linesim.FromBot {
			continue
		}
		for _, a := range actionsOf(s.t, chat[i]) {
			if a.Label != label {
				continue
			}
			switch a.Type {
			case "message":
				return s.do(func() { s.me.Say(a.Text) }), nil
			case "postback":
				return s.do(func() { s.me.Postback(a.Data, a.DisplayText, nil) }), nil
			}
			return nil, fmt.Errorf("%s action", a.Type)
		}
	}
	return nil, fmt.Errorf("no such button")
}

// signsIn signs in on the page that the chat last linked to, in a browser of the person's, and goes on to LINE.
func (s *stage) signsIn(login string) ([]flowtest.Shown, error) {
	for _, e := range s.me.Chat() {
		for _, a := range actionsOf(s.t, e) {
			if a.Type == "uri" {
				s.signIn = a.URI
			}
		}
	}
	password := ""
	for _, k := range s.chat.Contracts {
		if k.LoginID == login {
			password = k.Password
		}
	}
	if password == "" { // somebody made up a nonce
		return s.do(func() {
			event := fmt.Sprintf(`{"type":"accountLink","mode":"active","timestamp":%d,"webhookEventId":%q,"deliveryContext":{"isRedelivery":false},`+
				`"source":{"type":"user","userId":%q},"replyToken":"made up","link":{"result":"ok","nonce":"made up too"}}`,
				s.clock().UnixMilli(), s.sim.NewEventID(), s.me.ID)
			if status, err := s.sim.Deliver(s.t.Context(), json.RawMessage(event)); status != 200 {
				s.t.Errorf("webhook answered %d, %v", status, err)
			}
		}), nil
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	browser := &http.Client{Jar: jar}
	return s.do(func() {
		resp, err := browser.PostForm(s.signIn, url.Values{"login_id": {login}, "password": {password}})
		if err != nil {
			s.t.Error(err)
			return
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK || resp.Request.URL.Path != "/dialog/bot/accountLink" {
			s.t.Errorf("sign-in ended with %d at %s", resp.StatusCode, resp.Request.URL.Path)
		}
	}), nil
}

type lineAction struct{ Type, Label, Text, Data, DisplayText, URI string }

// actionsOf are the actions in a message, in the order in which they are shown.
func actionsOf(t *testing.T, e linesim.Entry) (out []lineAction) {
	var m struct {
		Contents   json.RawMessage
		QuickReply struct {
			Items []struct{ Action lineAction }
		}
	}
	if err := json.Unmarshal(e.Message, &m); err != nil {
		t.Fatal(err)
	}
	var walk func(raw json.RawMessage)
	walk = func(raw json.RawMessage) {
		var n struct {
			Action                     *lineAction
			Contents                   []json.RawMessage
			Header, Hero, Body, Footer json.RawMessage
		}
		if json.Unmarshal(raw, &n) != nil {
			return
		}
		if n.Action != nil {
			out = append(out, *n.Action)
		}
		for _, c := range append(n.Contents, n.Header, n.Hero, n.Body, n.Footer) {
			walk(c)
		}
	}
	walk(m.Contents)
	for _, item := range m.QuickReply.Items {
		out = append(out, item.Action)
	}
	return out
}

func shownOf(t *testing.T, e linesim.Entry) flowtest.Shown {
	s := flowtest.Shown{Text: e.Text()}
	for _, a := range actionsOf(t, e) {
		s.Labels = append(s.Labels, a.Label)
	}
	return s
}

// carrierFile writes a world as a carrier file.
func carrierFile(w flowtest.World) string {
	var b strings.Builder
	b.WriteString("version: 1\ncontracts:\n")
	for i, k := range w.Contracts {
		mnp, switched, shipped := "false", "null", "null"
		at := "null"
		if !k.From.IsZero() {
			at = k.From.Format(time.RFC3339)
		}
		if k.MNP {
			mnp, switched = "true", at
		} else {
			shipped = at
		}
		fmt.Fprintf(&b, `  - login_id: %s
    password: %s
    holder: {name: 山田 花子, kana: ヤマダ ハナコ, birthdate: 1985-04-02}
    mnp: %s
    switch_completed_at: %s
    shipping_mail_at: %s
    line_points: 0
    lines:
`, k.LoginID, k.Password, mnp, switched, shipped)
		lines := k.Lines
		if len(lines) == 0 {
			lines = []flowtest.Line{{Number: fmt.Sprintf("0900000%04d", i), Code: fmt.Sprintf("%016d", 9000+i), Quota: 3000, Status: flows.LineActive}}
		}
		for _, l := range lines {
			fmt.Fprintf(&b, `      - msisdn: %q
        user: {name: 山田 太郎, kana: ヤマダ タロウ, birthdate: 2012-08-10}
        usage_code: %q
        plan: {name: 3GB, quota_mb: %d, base_fee_yen: 1210}
        status: %s
        gift_enabled: true
        buckets: {carryover_mb: %d, gift_mb: %d, base_mb: %d, topup_mb: %d}
        used_mb: %d
`, l.Number, l.Code, l.Quota, l.Status, l.Carryover, l.Gift, l.Base, l.Topup, l.Used)
		}
		b.WriteString("    bills: []\n")
	}
	return b.String()
}
