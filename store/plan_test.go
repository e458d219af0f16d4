package store

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gorm.io/gorm"

	"tsunagu/flows"
	"tsunagu/store/storetest"
)

// The cost of an event does not grow with the number of people: no statement of an event's way reads a whole table. The
// databases themselves are asked.

var hot = []string{"lanes", "inputs", "deeds", "conversations", "timers", "links", "erased", "wrong_codes", "link_tokens", "nonces", "sign_ins", "menus"}

func openWith(t *testing.T, url string) *Store {
	t.Helper()
	s, err := Open(t.Context(), Config{URL: url, Keys: [][]byte{make([]byte, 32)}, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

// everything goes every way of the store a few times.
func everything(t *testing.T, s *Store, round int) {
	t.Helper()
	ctx := t.Context()
	ok := fatal(t)
	var as []flows.Arrival
	for i := range 40 {
		as = append(as, flows.Arrival{
			ID: fmt.Sprintf("e%d-%d", round, i), Lane: fmt.Sprintf("U%d", i), Sort: flows.FromLINE,
			At: s.now(), MessageID: fmt.Sprintf("m%d-%d", round, i), Body: []byte("words"),
		})
	}
	ok(s.Accept(ctx, as))
	claims, err := s.Claim(ctx, 100, 16)
	ok(err)
	for i, c := range claims {
		for _, a := range c.Arrivals {
			turn := &flows.Turned{Seq: a.Seq, Before: c.Conversation, After: c.Conversation}
			turn.After.About = a.ID
			deed := flows.Deed{ID: a.ID + "/0", Seq: a.Seq, State: flows.Sending, Body: a.Body}
			turn.Deeds = []flows.Deed{deed}
			turn.Records = []flows.Record{flows.SetTimer{Name: "t", At: s.now().Add(time.Millisecond)}, flows.StopTimer{Name: "u"}, flows.WrongCode{At: s.now()}}
			switch i % 8 {
			case 0:
				turn.After.Links = append(turn.After.Links, flows.Link{Kind: flows.UserLink, Ref: a.ID})
			case 1:
				turn.After.Links = nil
				turn.Records = append(turn.Records, flows.Letter{To: "U0", Input: flows.LinkFailed{}})
			case 2:
				turn.Records = append(turn.Records, flows.Erase{MessageID: a.MessageID})
			}
			ok(s.Save(ctx, flows.Save{Lane: c.Lane, Fence: c.Fence, Turn: turn}))
			deed.State = flows.Done
			ok(s.Save(ctx, flows.Save{Lane: c.Lane, Fence: c.Fence, Outcomes: []flows.Deed{deed}}))
			c.Conversation = turn.After
		}
		ok(s.Save(ctx, flows.Save{Lane: c.Lane, Fence: c.Fence, Release: true}))
	}
	ok(s.LettersFor(ctx, nil, flows.UserLink, []string{fmt.Sprintf("e%d-0", round), "x"}, "reissue"))
	ok(s.KeepLinkToken(ctx, fmt.Sprint("token", round), "U1", s.now().Add(time.Minute)))
	_, _, err = s.LinkTokenLane(ctx, "token0")
	ok(err)
	nonce, err := s.MakeNonce(ctx, "U1", flows.Contract{ID: "C"}, time.Minute)
	ok(err)
	_, _, _, err = s.RedeemNonce(ctx, nonce, "e")
	ok(err)
	keys := []string{fmt.Sprint("login", round), "lane"}
	_, _, err = s.TrySignIn(ctx, keys, 5, time.Hour, time.Hour)
	ok(err)
	_, err = s.SignInsLeft(ctx, keys, 5, time.Hour)
	ok(err)
	ok(s.UndoSignIn(ctx, keys))
	ok(s.SignedIn(ctx, keys))
	_, _, err = s.Linked(ctx, flows.UserLink, "x")
	ok(err)
	_, err = s.WrongCodes(ctx, s.now(), 100)
	ok(err)
	_, _, err = s.NextDue(ctx)
	ok(err)
	_, _, err = s.Counts(ctx)
	ok(err)
	_, err = s.Event(ctx, as[0].ID)
	ok(err)
	ok(s.KeepMenus(ctx, "none", []string{"U1", "U2", fmt.Sprint("V", round)}))
	_, err = s.People(ctx, "U2", 2)
	ok(err)
	_, err = s.Sweep(ctx, LeastKept)
	ok(err)
	everythingAtTheDesk(t, s, round)
}

// everythingAtTheDesk goes every way of the desk.
func everythingAtTheDesk(t *testing.T, s *Store, round int) {
	t.Helper()
	ctx := t.Context()
	ok := fatal(t)
	name, lane, id := fmt.Sprint("op", round), fmt.Sprint("H", round), fmt.Sprint("h", round)
	ok(s.AddOperator(ctx, name, name, flows.RoleOperator, ""))
	ok(s.SetPresence(ctx, name, flows.PresenceOn, 3))
	ok(s.Accept(ctx, []flows.Arrival{{ID: id, Lane: lane, Sort: flows.FromLINE, At: s.now(), Body: []byte("words")}}))
	claims, err := s.Claim(ctx, 100, 16)
	ok(err)
	for _, c := range claims {
		for i, a := range c.Arrivals {
			turn := &flows.Turned{Seq: a.Seq, Before: c.Conversation, After: c.Conversation}
			if c.Lane == lane && i == 0 {
				turn.Records = []flows.Record{
					flows.KeepSession{Session: flows.Session{ID: id, Lane: lane, Phase: flows.HelpQueued, At: s.now(), Since: s.now()}},
					flows.KeepEntry{Entry: flows.Entry{Session: id, At: s.now(), By: flows.ByCustomer, Kind: "text", Text: "二文字の言葉", Message: "m" + id}},
					flows.KeepScore{Session: id, Score: 5}, flows.Erase{MessageID: "x"},
				}
			}
			ok(s.Save(ctx, flows.Save{Lane: c.Lane, Fence: c.Fence, Turn: turn}))
		}
		ok(s.Save(ctx, flows.Save{Lane: c.Lane, Fence: c.Fence, Release: true, Delivered: []flows.Delivery{{Entry: "none", State: flows.Done}}}))
	}
	_, err = s.ReadDesk(ctx, id)
	ok(err)
	ok(s.SetAuto(ctx, true))
	ok(s.SetAuto(ctx, false))
	ok(s.SetHours(ctx, flows.DeskException{}))
	ok(s.Checked(ctx, id, s.holder(t, id), true))
	ok(s.Note(ctx, flows.Entry{ID: "note" + id, Session: id, By: flows.ByNote, Kind: "text", Text: "メモ"}))
	ok(s.NameSessions(ctx, lane, "花子", ""))
	ok(s.Finish(ctx, id, s.holder(t, id), nil))
	for _, err := range []error{
		second(s.OpenSessions(ctx)), second(s.ChangedSessions(ctx, 3)), second(s.ClosedSessions(ctx, time.Time{}, "", 5)),
		second(s.ClosedSessions(ctx, s.now(), id, 5)), second(s.SessionsOf(ctx, lane, 5)), second(s.Transcript(ctx, id, 0)),
		second(s.LinksOf(ctx, lane)), second(s.Notes(ctx, 3)), second(s.Search(ctx, "言葉の", 5)), second(s.DeskState(ctx)), second(s.Report(ctx, s.now().Add(-time.Hour), s.now())),
		second(s.Operators(ctx)), second(s.SweepChats(ctx, s.now().Add(-time.Hour))), s.Seen(ctx, []string{name}),
	} {
		ok(err)
	}
	_, _, err = s.Recent(ctx, lane, s.now(), 5)
	ok(err)
	_, _, err = s.Arrival(ctx, lane, 1)
	ok(err)
}

// holder is who has a session.
func (s *Store) holder(t *testing.T, id string) string {
	t.Helper()
	row, err := s.Session(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return row.Operator
}

// fatal ends the test on an error.
func fatal(t *testing.T) func(error) {
	return func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// A tableReads is how PostgreSQL read a table.
type tableReads struct {
	Relname string
	SeqScan int64
	IdxScan int64
	Rows    int64 // found by index
}

// readsOf closes the store, since connections hand in their counts when they end, and opens it again.
func readsOf(t *testing.T, s *Store, url string) (*Store, map[string]tableReads) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openWith(t, url)
	for others := 1; others > 0; { // a server's process ends some time after its connection
		if err := s.db.Raw(`SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'`).Scan(&others).Error; err != nil {
			t.Fatal(err)
		}
	}
	var rows []tableReads
	if err := s.db.Raw(`SELECT relname, seq_scan, idx_scan, (SELECT sum(idx_tup_read) FROM pg_stat_user_indexes i WHERE i.relid = s.relid) AS rows FROM pg_stat_user_tables s WHERE relname IN ?`, hot).Scan(&rows).Error; err != nil {
		t.Fatal(err)
	}
	if len(rows) != len(hot) {
		t.Errorf("counts of %d tables, want %d", len(rows), len(hot))
	}
	reads := make(map[string]tableReads)
	for _, r := range rows {
		reads[r.Relname] = r
	}
	return s, reads
}

func TestPostgresReadsNoWholeTable(t *testing.T) {
	url := storetest.Postgres(t)
	s, before := readsOf(t, openWith(t, url), url)
	for round := range 8 { // more than the runs after which PostgreSQL keeps a plan
		if round == 2 { // a plan kept from now on was made when the tables were smallest
			if err := s.db.Exec(`ANALYZE`).Error; err != nil {
				t.Fatal(err)
			}
		}
		everything(t, s, round)
	}
	s, after := readsOf(t, s, url)
	defer s.Close()
	for _, table := range hot {
		whole, by := after[table].SeqScan-before[table].SeqScan, after[table].IdxScan-before[table].IdxScan
		rows := after[table].Rows - before[table].Rows
		if whole > 0 || by == 0 || rows > 4*by {
			t.Errorf("%s was read whole %d times; by index %d times, %d rows", table, whole, by, rows)
		}
	}
}

func TestSQLiteReadsNoWholeTable(t *testing.T) {
	s := openWith(t, "sqlite:"+filepath.Join(t.TempDir(), "tsunagu.db"))
	defer s.Close()
	var mu sync.Mutex
	seen := map[string][]any{}
	note := func(db *gorm.DB) {
		mu.Lock()
		defer mu.Unlock()
		seen[db.Statement.SQL.String()] = db.Statement.Vars
	}
	for _, db := range []*gorm.DB{s.db, s.reads} {
		for _, err := range []error{
			db.Callback().Raw().After("gorm:raw").Register("note", note),
			db.Callback().Query().After("gorm:query").Register("note", note),
			db.Callback().Row().After("gorm:row").Register("note", note),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	everything(t, s, 0)
	everything(t, s, 1)
	conns, err := s.db.DB()
	if err != nil {
		t.Fatal(err)
	}
	explained := 0
	for sql, vars := range seen {
		if strings.HasPrefix(sql, "PRAGMA") {
			continue
		}
		rows, err := conns.Query("EXPLAIN QUERY PLAN "+sql, vars...)
		if err != nil {
			t.Fatalf("%v in %s", err, sql)
		}
		for rows.Next() {
			var id, parent, unused int
			var detail string
			if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
				t.Fatal(err)
			}
			// "SCAN l" reads all of l; one of a table of ours by its name or its letter
			name, scan := strings.CutPrefix(detail, "SCAN ")
			name, _, _ = strings.Cut(name, " ")
			if strings.HasPrefix(name, "help_") && scan && !slices.ContainsFunc([]string{"help_waiting", "help_going", "help_busy", "help_closed", "help_entries_notes"},
				func(short string) bool { return strings.Contains(detail, short) }) { // these hold what the list is of
				t.Errorf("%s in\n%s", detail, sql)
			}
			if scan && !strings.Contains(detail, "lanes_due") && (isHot(name) || len(name) == 1 && strings.Contains("lideme", name)) {
				t.Errorf("%s in\n%s", detail, sql)
			}
			explained++
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		rows.Close()
	}
	if explained < 40 {
		t.Errorf("only %d steps were looked at", explained)
	}
}

func isHot(table string) bool {
	for _, h := range hot {
		if h == table {
			return true
		}
	}
	return false
}
