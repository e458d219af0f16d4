package console

import (
	"errors"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"tsunagu/flows"
)

// operatorName is the form of an account's name.
var operatorName = regexp.MustCompile(`^[\p{L}\p{N}._@-]{1,64}$`)

// auditLength is how many lines of the audit a page shows.
const auditLength = 200

func (c *Console) takeOver(v *visit) error { return c.hand(v, v.me.Name) }

func (c *Console) assign(v *visit) error {
	in, err := body[struct{ To string }](v)
	if err != nil {
		return err
	}
	return c.hand(v, in.To)
}

// hand gives a session to an operator, whoever has it.
func (c *Console) hand(v *visit, to string) error {
	row, err := c.seen(v)
	if err != nil {
		return err
	}
	if row.Operator == "" {
		err = c.Desk.Take(v.ctx(), row.ID, to)
	} else {
		err = c.Desk.Transfer(v.ctx(), row.ID, row.Operator, to)
	}
	if err != nil {
		return err
	}
	return c.done(v, "assign", row.ID, to)
}

func (c *Console) keepCanned(v *visit) error {
	in, err := body[flows.CannedReply](v)
	if err != nil {
		return err
	}
	in.Title, in.Text = strings.TrimSpace(in.Title), strings.TrimSpace(in.Text)
	if in.Title == "" || len([]rune(in.Title)) > 40 || len([]rune(in.Text)) > 2000 {
		return badRequest("cannedForm")
	}
	if err := c.Desk.KeepCannedReply(v.ctx(), in); err != nil {
		return err
	}
	all, err := c.Desk.CannedReplies(v.ctx())
	if err != nil {
		return err
	}
	replies := []map[string]string{}
	for _, r := range all {
		replies = append(replies, map[string]string{"id": r.ID, "title": r.Title, "text": r.Text})
	}
	return errors.Join(c.audit(v, "canned", in.ID, in.Title), v.JSON(http.StatusOK, map[string]any{"canned": replies}))
}

func (c *Console) auto(v *visit) error {
	in, err := body[struct{ On bool }](v)
	if err != nil {
		return err
	}
	if err := c.Desk.SetAuto(v.ctx(), in.On); err != nil {
		return err
	}
	return c.done(v, "auto", "", strconv.FormatBool(in.On))
}

// hours sets until when the desk is open today: "close" now, "usual", or an end as 20:30.
func (c *Console) hours(v *visit) error {
	in, err := body[struct{ Until string }](v)
	if err != nil {
		return err
	}
	now := c.Now().In(flows.JST)
	midnight := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, flows.JST)
	e := flows.DeskException{Date: now.Format(time.DateOnly), Open: min(c.Settings.HelpOpen, now.Sub(midnight))}
	switch in.Until {
	case "usual":
		e = flows.DeskException{}
	case "close":
		e.Close = now.Sub(midnight).Truncate(time.Second)
	default:
		end, err := time.Parse("15:04", in.Until)
		if err != nil {
			return badRequest("badHours")
		}
		e.Close = time.Duration(end.Hour())*time.Hour + time.Duration(end.Minute())*time.Minute
		if e.Close <= now.Sub(midnight) {
			return badRequest("badHours")
		}
	}
	if err := c.Desk.SetHours(v.ctx(), e); err != nil {
		return err
	}
	return c.done(v, "hours", "", in.Until)
}

// An auditLine is one line of the audit page.
type auditLine struct{ At, Actor, Kind, Ref, Reason string }

func (c *Console) showAudit(v *visit) error {
	var before time.Time
	if us, err := strconv.ParseInt(v.QueryParam("before"), 10, 64); err == nil {
		before = time.UnixMicro(us)
	}
	all, err := c.Desk.DeskAudit(v.ctx(), before, auditLength)
	if err != nil {
		return err
	}
	page := struct {
		Lines []auditLine
		Next  string
	}{}
	for _, a := range all {
		page.Lines = append(page.Lines, auditLine{a.At.In(flows.JST).Format("2006-01-02 15:04:05"), a.Actor, a.Kind, a.Ref, a.Reason})
	}
	if len(all) == auditLength {
		page.Next = strconv.FormatInt(all[len(all)-1].At.UnixMicro(), 10)
	}
	return c.show(v, http.StatusOK, "audit", page)
}

// An operatorsPage is what operators.html is given.
type operatorsPage struct {
	Operators []flows.Operator
	Sessions  []deskSession
	Roles     []flows.Role
	Done      string
}

type deskSession struct {
	ID, Operator, Address, Agent, Began, Seen string
	Own                                       bool
}

func (c *Console) showOperators(v *visit) error {
	all, err := c.Desk.Operators(v.ctx())
	if err != nil {
		return err
	}
	sessions, err := c.Desk.DeskSessions(v.ctx())
	if err != nil {
		return err
	}
	page := operatorsPage{Operators: all, Roles: flows.Roles[:], Done: v.say(v.QueryParam("done"))}
	clock := func(t time.Time) string { return t.In(flows.JST).Format("01-02 15:04") }
	for _, s := range sessions {
		page.Sessions = append(page.Sessions, deskSession{s.ID, s.Operator, s.Address, s.Agent, clock(s.Began), clock(s.Seen), s.Operator == v.me.Name})
	}
	return c.show(v, http.StatusOK, "operators", page)
}

// changeOperator adds, changes, disables or enables an account.
func (c *Console) changeOperator(v *visit) error {
	name, display, role := strings.TrimSpace(v.FormValue("name")), strings.TrimSpace(v.FormValue("display")), flows.Role(v.FormValue("role"))
	what, password := v.FormValue("do"), v.FormValue("password")
	var err error
	switch {
	case !operatorName.MatchString(name):
		return badRequest("badName")
	case (what == "add" || what == "role") && (!role.May(flows.RoleOperator) || display == "" || len([]rune(display)) > 20):
		return badRequest("badDisplay")
	case (what == "add" || what == "password") && len([]rune(password)) < leastPassword:
		return badRequest("shortPassword")
	case name == v.me.Name && (what == "disable" || what == "role"):
		return badRequest("notYourself")
	}
	switch what {
	case "add":
		err = c.Desk.AddOperator(v.ctx(), name, display, role, password)
		if errors.Is(err, flows.ErrNameTaken) {
			return badRequest("nameTaken")
		}
	case "role":
		err = c.Desk.SetOperatorRole(v.ctx(), name, display, role)
	case "password":
		err = c.Desk.SetOperatorPassword(v.ctx(), name, password)
	case "disable":
		err = c.Desk.DisableOperator(v.ctx(), name)
	case "enable":
		err = c.Desk.EnableOperator(v.ctx(), name)
	default:
		return badRequest("badRequest")
	}
	if err != nil {
		return err
	}
	return errors.Join(c.audit(v, "operator-"+what, name, string(role)), v.Redirect(http.StatusSeeOther, "/console/operators?done=done"))
}

func (c *Console) endSession(v *visit) error {
	if err := c.Desk.EndDeskByID(v.ctx(), v.FormValue("id")); err != nil {
		return err
	}
	return errors.Join(c.audit(v, "session-end", v.FormValue("id"), ""), v.Redirect(http.StatusSeeOther, "/console/operators?done=done"))
}
