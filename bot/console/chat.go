package console

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"

	"tsunagu/flows"
)

const (
	// pageLength is how many closed sessions a list shows at once.
	pageLength = 50
	// searchLength is how many entries a search shows.
	searchLength = 50
	// earlierSessions is how many of a person's other sessions are listed.
	earlierSessions = 10
	// maxWords is how long an operator's message may be, in UTF-16 code units: LINE's limit for a text.
	maxWords = 5000
	// lately is how far back people who talk to the bot are listed.
	lately = 15 * time.Minute
)

// A rowView is a session in a list. Times are milliseconds.
type rowView struct {
	ID       string   `json:"id"`
	Lane     string   `json:"lane"`
	Phase    string   `json:"phase"`
	Operator string   `json:"operator"`
	Front    bool     `json:"front"`
	Since    int64    `json:"since"`
	Began    int64    `json:"began"`
	Taken    int64    `json:"taken"`
	Last     int64    `json:"last"`
	LastBy   string   `json:"lastBy"`
	Preview  string   `json:"preview"`
	EndedAt  int64    `json:"endedAt"`
	Ended    string   `json:"ended"`
	Tags     []string `json:"tags"`
	Score    int      `json:"score"`
	Comment  string   `json:"comment"`
	Checks   int      `json:"checks"`
	Checked  bool     `json:"checked"`
	Name     string   `json:"name"`
	Picture  string   `json:"picture"`
	Version  int64    `json:"version"`
}

func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// viewOf is a row as a browser gets it, with or without words.
func viewOf(r flows.DeskRow, words bool) rowView {
	v := rowView{
		ID: r.ID, Lane: r.Lane, Phase: string(r.Phase), Operator: r.Operator, Front: r.Front, Since: millis(r.Since), Began: millis(r.Began),
		Taken: millis(r.Taken), Last: millis(r.Last), LastBy: r.LastBy, EndedAt: millis(r.EndedAt), Ended: r.Ended, Tags: r.Tags,
		Score: r.Score, Checks: r.Checks, Checked: r.Checked, Name: r.Name, Picture: r.Picture, Version: r.Version,
	}
	if r.Phase == flows.HelpClosed {
		v.Operator = r.HandledBy
	}
	if words {
		v.Preview, v.Comment = r.Preview, r.Comment
	}
	return v
}

// An entryView is one line of a transcript.
type entryView struct {
	ID         string           `json:"id"`
	Pos        int64            `json:"pos"`
	At         int64            `json:"at"`
	By         string           `json:"by"`
	Name       string           `json:"name"`
	Kind       string           `json:"kind"`
	Text       string           `json:"text"`
	Message    string           `json:"message"`
	Attachment flows.Attachment `json:"attachment"`
	Delivery   string           `json:"delivery"`
	Error      string           `json:"error"`
	Erased     bool             `json:"erased"`
	Version    int64            `json:"version"`
}

func entryOf(e flows.Entry) entryView {
	return entryView{
		ID: e.ID, At: e.At.UnixMilli(), By: e.By, Name: e.Name, Kind: e.Kind, Text: e.Text, Message: e.Message,
		Attachment: e.Attachment, Delivery: e.Delivery,
	}
}

func entriesOf(kept []flows.DeskEntry) []entryView {
	views := make([]entryView, len(kept))
	for i, e := range kept {
		views[i] = entryOf(e.Entry)
		views[i].Pos, views[i].Error, views[i].Erased, views[i].Version = e.Pos, e.Error, e.Erased, e.Version
	}
	return views
}

// start is all a browser needs to draw the desk.
func (c *Console) start(v *visit) error {
	state, err := c.Desk.DeskState(v.ctx())
	if err != nil {
		return err
	}
	n, err := c.news(v.ctx(), 0, state)
	if err != nil {
		return err
	}
	canned, err := c.Desk.CannedReplies(v.ctx())
	if err != nil {
		return err
	}
	rows := make([]rowView, len(n.rows))
	for i, r := range n.rows {
		rows[i] = viewOf(r, shown(r, v.me))
		if r.Name == "" {
			c.hub.mu.Lock()
			c.hub.name(r)
			c.hub.mu.Unlock()
		}
	}
	replies := []map[string]string{}
	for _, r := range canned {
		replies = append(replies, map[string]string{"id": r.ID, "title": r.Title, "text": r.Text})
	}
	n.common.Rows = rows
	return v.JSON(http.StatusOK, map[string]any{
		"me":    map[string]string{"name": v.me.Name, "display": v.me.Display, "role": string(v.me.Role)},
		"brand": c.Settings.Brand, "desk": n.common, "canned": replies, "words": v.all(), "language": v.language,
		"limits": map[string]int64{"reply": int64(replyLife / time.Millisecond), "words": maxWords},
	})
}

// replyLife is how long after a customer's message an answer is a free reply: a little less than package bot allows, so that
// what the desk promises is kept.
const replyLife = 45 * time.Second

func (c *Console) closed(v *visit) error {
	var before time.Time
	if ms, err := strconv.ParseInt(v.QueryParam("before"), 10, 64); err == nil && ms > 0 {
		before = time.UnixMicro(ms)
	}
	rows, err := c.Desk.ClosedSessions(v.ctx(), before, v.QueryParam("id"), pageLength)
	if err != nil {
		return err
	}
	views := make([]rowView, len(rows))
	for i, r := range rows {
		views[i] = viewOf(r, true)
	}
	next := map[string]string{}
	if len(rows) == pageLength {
		last := rows[len(rows)-1]
		next["before"], next["id"] = strconv.FormatInt(last.EndedAt.UnixMicro(), 10), last.ID
	}
	return v.JSON(http.StatusOK, map[string]any{"rows": views, "next": next})
}

// talking lists who talks to the automatic side now, for supervisors.
func (c *Console) talking(v *visit) error {
	lanes, at, err := c.Desk.Talking(v.ctx(), c.Now().Add(-lately), pageLength)
	if err != nil {
		return err
	}
	people := []map[string]any{}
	for i, lane := range lanes {
		name, picture, err := c.LINE.Profile(v.ctx(), lane)
		if err != nil {
			c.Log.Debug("desk: a name was not told", "err", err)
		}
		said, err := c.LINE.History(v.ctx(), lane, c.Now().Add(time.Minute))
		if err != nil {
			return err
		}
		people = append(people, map[string]any{"lane": lane, "name": name, "picture": picture, "last": at[i].UnixMilli(), "entries": history(said)})
	}
	return v.JSON(http.StatusOK, map[string]any{"people": people})
}

func history(said []flows.Entry) []entryView {
	views := make([]entryView, len(said))
	for i, e := range said {
		views[i] = entryOf(e)
	}
	return views
}

func (c *Console) search(v *visit) error {
	text := strings.TrimSpace(v.QueryParam("q"))
	if len([]rune(text)) < 2 {
		return badRequest("searchShort")
	}
	hits, err := c.Desk.Search(v.ctx(), text, searchLength)
	if err != nil {
		return err
	}
	views := []map[string]any{}
	for _, h := range hits {
		row, err := c.Desk.Session(v.ctx(), h.Session)
		if err != nil || !shown(row, v.me) {
			continue
		}
		views = append(views, map[string]any{"session": h.Session, "name": h.Name, "text": h.Text, "by": h.By, "at": h.At.UnixMilli()})
	}
	return v.JSON(http.StatusOK, map[string]any{"hits": views})
}

func (c *Console) presence(v *visit) error {
	in, err := body[struct {
		Presence flows.Presence `json:"presence"`
		Seats    int            `json:"seats"`
	}](v)
	if err != nil {
		return err
	}
	switch in.Presence {
	case flows.PresenceOn, flows.PresenceAway, flows.PresenceOff:
	default:
		return badRequest("badRequest")
	}
	if in.Seats < 1 || in.Seats > 20 {
		return badRequest("badSeats")
	}
	if err := c.Desk.SetPresence(v.ctx(), v.me.Name, in.Presence, in.Seats); err != nil {
		return err
	}
	return c.done(v, "presence", "", string(in.Presence)+" "+strconv.Itoa(in.Seats))
}

// done writes an action down and answers.
func (c *Console) done(v *visit, kind, ref, reason string) error {
	if err := c.audit(v, kind, ref, reason); err != nil {
		return err
	}
	return v.JSON(http.StatusOK, map[string]string{"session": ref})
}

func (c *Console) next(v *visit) error {
	session, err := c.Desk.TakeNext(v.ctx(), v.me.Name)
	if err != nil {
		return err
	}
	return c.done(v, "take", session, "next")
}

func (c *Console) take(v *visit) error {
	if err := c.Desk.Take(v.ctx(), v.Param("id"), v.me.Name); err != nil {
		return err
	}
	return c.done(v, "take", v.Param("id"), "")
}

// seen is a session that the operator may read.
func (c *Console) seen(v *visit) (flows.DeskRow, error) {
	row, err := c.Desk.Session(v.ctx(), v.Param("id"))
	if err == nil && !shown(row, v.me) {
		err = errNotShown
	}
	return row, err
}

// session is one session with its person and what was said before it.
func (c *Console) session(v *visit) error {
	row, err := c.seen(v)
	if err != nil {
		return err
	}
	kept, err := c.Desk.Transcript(v.ctx(), row.ID, 0)
	if err != nil {
		return err
	}
	said, err := c.LINE.History(v.ctx(), row.Lane, row.Began)
	if err != nil {
		return err
	}
	links, err := c.links(v.ctx(), row.Lane)
	if err != nil {
		return err
	}
	all, err := c.Desk.SessionsOf(v.ctx(), row.Lane, earlierSessions+1)
	if err != nil {
		return err
	}
	earlier := []rowView{}
	for _, r := range all {
		if r.ID != row.ID {
			earlier = append(earlier, viewOf(r, shown(r, v.me)))
		}
	}
	quota := map[string]int64{}
	if limit, used, err := c.LINE.Quota(v.ctx()); err == nil {
		quota["limit"], quota["used"] = limit, used
	}
	return v.JSON(http.StatusOK, map[string]any{
		"row": viewOf(row, true), "entries": entriesOf(kept), "history": history(said), "links": links, "earlier": earlier, "quota": quota,
	})
}

// A linkView is one link of a person; the number is masked (HLP-33).
type linkView struct {
	Kind     string `json:"kind"`
	Ref      string `json:"ref"`
	Label    string `json:"label"`
	Nickname string `json:"nickname"`
	Plan     string `json:"plan"`
	Status   string `json:"status"`
}

func (c *Console) links(ctx context.Context, lane string) ([]linkView, error) {
	links, err := c.Desk.LinksOf(ctx, lane)
	if err != nil {
		return nil, err
	}
	views := []linkView{}
	for _, l := range links {
		view := linkView{Kind: string(l.Kind), Ref: l.Ref, Label: l.Label, Nickname: l.Nickname}
		if l.Kind == flows.UserLink {
			line, err := c.Carrier.Line(ctx, l.Ref)
			if err == nil {
				view.Plan, view.Status = line.PlanName, string(line.Status)
			}
		}
		views = append(views, view)
	}
	return views, nil
}

func (c *Console) entries(v *visit) error {
	row, err := c.seen(v)
	if err != nil {
		return err
	}
	after, _ := strconv.ParseInt(v.QueryParam("after"), 10, 64)
	kept, err := c.Desk.Transcript(v.ctx(), row.ID, after)
	if err != nil {
		return err
	}
	return v.JSON(http.StatusOK, map[string]any{"entries": entriesOf(kept)})
}

// balance reads what is left on a line of the person, on demand.
func (c *Console) balance(v *visit) error {
	row, err := c.seen(v)
	if err != nil {
		return err
	}
	links, err := c.Desk.LinksOf(v.ctx(), row.Lane)
	if err != nil {
		return err
	}
	for _, l := range links {
		if l.Kind != flows.UserLink || l.Ref != v.QueryParam("line") {
			continue
		}
		ctx, cancel := context.WithTimeout(v.ctx(), c.Settings.BalanceTimeout)
		defer cancel()
		b, err := c.Carrier.Balance(ctx, l.Ref)
		if err != nil {
			c.Log.Warn("desk: the carrier told no balance", "err", err)
			return badRequest("carrierDown")
		}
		if err := c.audit(v, "balance", row.ID, l.Ref); err != nil {
			return err
		}
		left := 0
		rows := []map[string]string{}
		for _, bucket := range b.Buckets {
			left += bucket.LeftMB
			rows = append(rows, map[string]string{"bucket": v.say("bucket." + string(bucket.Bucket)), "left": flows.Amount(bucket.LeftMB)})
		}
		return v.JSON(http.StatusOK, map[string]any{
			"line": b.Number.String(), "left": flows.Amount(left - b.ReservedMB), "used": flows.Amount(b.UsedMB), "quota": flows.Amount(b.QuotaMB),
			"rows": rows, "at": b.At.UnixMilli(), "status": string(b.Status),
		})
	}
	return flows.ErrNoSession
}

// say sends an operator's words or sticker.
func (c *Console) say(v *visit) error {
	in, err := body[struct {
		ID, Kind, Text, Package, Sticker string
	}](v)
	if err != nil {
		return err
	}
	said := flows.DeskSaid{Session: v.Param("id"), Operator: v.me.Name, Name: v.me.Display, ID: in.ID, Kind: in.Kind, Text: strings.TrimSpace(in.Text)}
	switch {
	case !idForm.MatchString(in.ID):
		return badRequest("badRequest")
	case in.Kind == "text" && said.Text == "":
		return badRequest("emptyMessage")
	case in.Kind == "text" && len(utf16.Encode([]rune(said.Text))) > maxWords:
		return badRequest("longMessage")
	case in.Kind == "text":
	case in.Kind == "sticker" && digits.MatchString(in.Package) && digits.MatchString(in.Sticker):
		said.Text, said.Attachment = "", flows.Attachment{Package: in.Package, Sticker: in.Sticker}
	default:
		return badRequest("badRequest")
	}
	if err := c.Desk.SayAs(v.ctx(), said); err != nil {
		return err
	}
	return c.done(v, "say", said.Session, in.Kind)
}

func (c *Console) note(v *visit) error {
	in, err := body[struct{ ID, Text string }](v)
	if err != nil {
		return err
	}
	row, err := c.seen(v)
	if err != nil {
		return err
	}
	text := strings.TrimSpace(in.Text)
	switch {
	case !idForm.MatchString(in.ID):
		return badRequest("badRequest")
	case text == "":
		return badRequest("emptyMessage")
	case len(utf16.Encode([]rune(text))) > maxWords:
		return badRequest("longMessage")
	}
	if err := c.Desk.Note(v.ctx(), flows.Entry{ID: "note/" + in.ID, Session: row.ID, By: flows.ByNote, Name: v.me.Name, Kind: "text", Text: text}); err != nil {
		return err
	}
	return c.done(v, "note", row.ID, "")
}

// mine is a session that the operator has.
func (c *Console) mine(v *visit) (flows.DeskRow, error) {
	row, err := c.seen(v)
	switch {
	case err != nil:
	case row.Phase == flows.HelpClosed:
		err = flows.ErrSessionOver
	case row.Operator != v.me.Name:
		err = flows.ErrNotYours
	}
	return row, err
}

// typing and read are for show: when LINE does not take them nobody is told.
func (c *Console) typing(v *visit) error {
	row, err := c.mine(v)
	if err != nil {
		return err
	}
	if err := c.LINE.Typing(v.ctx(), row.Lane); err != nil {
		c.Log.Debug("desk: no loading sign", "err", err)
	}
	return v.NoContent(http.StatusNoContent)
}

func (c *Console) read(v *visit) error {
	in, err := body[struct{ Message string }](v)
	if err != nil {
		return err
	}
	row, err := c.mine(v)
	if err != nil {
		return err
	}
	if err := c.LINE.MarkRead(v.ctx(), row.Lane, in.Message); err != nil {
		c.Log.Debug("desk: not marked as read", "err", err)
	}
	return v.NoContent(http.StatusNoContent)
}

// check compares what the customer said with what the carrier knows (HLP-34). What was typed is kept nowhere.
func (c *Console) check(v *visit) error {
	in, err := body[struct{ Kana, Birthdate, Last4 string }](v)
	if err != nil {
		return err
	}
	row, err := c.mine(v)
	if err != nil {
		return err
	}
	if row.Checks >= flows.MaxChecks {
		return flows.ErrChecksSpent
	}
	said := flows.Identity{Kana: in.Kana, Birthdate: in.Birthdate, Last4: in.Last4}
	if strings.TrimSpace(in.Kana) == "" || !last4.MatchString(in.Last4) || !birthdate.MatchString(in.Birthdate) {
		return badRequest("identityForm")
	}
	links, err := c.Desk.LinksOf(v.ctx(), row.Lane)
	if err != nil {
		return err
	}
	ok := false
	for _, l := range links {
		ctx, cancel := context.WithTimeout(v.ctx(), c.Settings.BalanceTimeout)
		same, err := c.Carrier.CheckIdentity(ctx, l.Kind, l.Ref, said)
		cancel()
		if err != nil {
			c.Log.Warn("desk: the carrier did not check an identity", "err", err)
			return badRequest("carrierDown")
		}
		ok = ok || same
	}
	if err := c.Desk.Checked(v.ctx(), row.ID, v.me.Name, ok); err != nil {
		return err
	}
	outcome := "failed"
	if ok {
		outcome = "passed"
	}
	if err := c.audit(v, "check", row.ID, outcome); err != nil {
		return err
	}
	left := flows.MaxChecks - row.Checks
	if !ok {
		left--
	}
	return v.JSON(http.StatusOK, map[string]any{"ok": ok, "left": left})
}

func (c *Console) transfer(v *visit) error {
	in, err := body[struct{ To string }](v)
	if err != nil {
		return err
	}
	if err := c.Desk.Transfer(v.ctx(), v.Param("id"), v.me.Name, in.To); err != nil {
		return err
	}
	return c.done(v, "transfer", v.Param("id"), in.To)
}

func (c *Console) giveBack(v *visit) error {
	if err := c.Desk.Return(v.ctx(), v.Param("id"), v.me.Name); err != nil {
		return err
	}
	return c.done(v, "return", v.Param("id"), "")
}

func (c *Console) finish(v *visit) error {
	in, err := body[struct{ Tags []string }](v)
	if err != nil {
		return err
	}
	var tags []string
	for _, t := range in.Tags {
		if t = strings.TrimSpace(strings.ReplaceAll(t, ",", " ")); t != "" && len([]rune(t)) <= 30 && len(tags) < 10 {
			tags = append(tags, t)
		}
	}
	if err := c.Desk.Finish(v.ctx(), v.Param("id"), v.me.Name, tags); err != nil {
		return err
	}
	return c.done(v, "close", v.Param("id"), strings.Join(tags, " "))
}
