package richmenu

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"log/slog"
	"reflect"
	"slices"
	"strings"

	"github.com/line/line-bot-sdk-go/v8/linebot/messaging_api"
)

// An Installer makes LINE have the menus of this program.
//
// A menu at LINE cannot be changed, only replaced, so each carries a hash of its content and picture in its name:
// "tsunagu:both-data:3f9c…". What has the right name and content stays; what is missing is created; what has our
// prefix and is not needed is deleted; everything else is somebody else's and is not touched. All there is to know is
// read from LINE, so a run that was cut off anywhere is finished by the next one.
type Installer struct {
	API  *messaging_api.MessagingApiAPI
	Blob *messaging_api.MessagingApiBlobAPI
	// Log gets one entry for each call that changes something; nil logs nothing.
	Log *slog.Logger
	// Progress is told after every step; nil tells nobody. While people are relinked done counts people and total is 0:
	// how many there are is not known.
	Progress func(done, total int, what string)
	// Pictures holds NAME.png of every menu; nil takes the committed ones.
	Pictures fs.FS
	// People are those with a link and the alias each should see, see For. When menus changed they are linked to the new
	// ones, before the old are deleted. A source that fails cancels the context, so that the next run begins again. Nil
	// leaves people as they are.
	People iter.Seq2[string, string]

	menus []Menu // nil is All; tests have their own
}

// What an Installer may stop at. Nothing is lost: the next run goes on from there.
var (
	// ErrHourlyLimit: LINE allows 100 menus to be created and 100 to be deleted in an hour. Run again in an hour.
	ErrHourlyLimit = errors.New("LINE's hourly limit for rich menus is reached, run again in an hour")
	// ErrTooMany: LINE keeps at most 1000 menus of an account.
	ErrTooMany = errors.New("LINE would hold more than 1000 rich menus, delete some first")
)

const (
	prefix      = "tsunagu:" // of the names of menus we made
	aliasPrefix = "tsunagu-"
	perHour     = 90 // creations or deletions of a run, under LINE's 100 to leave room for a second run
	maxMenus    = 1000
	batch       = 500 // people LINE links in one call

	// relinkMark is an alias that exists while people wait to be relinked, so that a run cut off in between is noticed.
	relinkMark = aliasPrefix + "relink"
)

// A Change is one thing that differs at LINE.
type Change struct {
	// Do is what Apply would do, such as "create menu".
	Do string
	// What is the name of the menu or alias it would be done to; of a menu to delete it is LINE's ID.
	What string
}

// What a change may be.
const (
	createMenu    = "create menu"
	uploadPicture = "upload picture"
	createAlias   = "create alias"
	repointAlias  = "repoint alias"
	setDefault    = "set default"
	beginRelink   = "begin relinking"
	relinkPeople  = "relink people"
	endRelink     = "end relinking"
	deleteAlias   = "delete alias"
	deleteMenu    = "delete menu"
)

func (c Change) String() string { return strings.TrimSpace(c.Do + " " + c.What) }

// A Result counts what a run did; the zero Result says that LINE was as it should be.
type Result struct {
	// Menus created and deleted, pictures uploaded, aliases created, repointed or deleted.
	Created, Uploaded, Aliases, Deleted int
	// Default says that the menu of people without a link was set.
	Default bool
	// Relinked people were handed to LINE, which links them within seconds. Skipped ones have no LINE user ID.
	Relinked, Skipped int
}

func (r Result) String() string {
	if r == (Result{}) {
		return "nothing to do"
	}
	def := ""
	if r.Default {
		def = ", default menu set"
	}
	return fmt.Sprintf("menus: %d created, %d deleted; pictures: %d uploaded; aliases: %d set or removed%s; people: %d relinked, %d skipped",
		r.Created, r.Deleted, r.Uploaded, r.Aliases, def, r.Relinked, r.Skipped)
}

func (r *Result) count(do string) {
	switch do {
	case createMenu:
		r.Created++
	case uploadPicture:
		r.Uploaded++
	case createAlias, repointAlias, deleteAlias:
		r.Aliases++
	case setDefault:
		r.Default = true
	case deleteMenu:
		r.Deleted++
	}
}

// Diff reports what Apply would do, in that order, and changes nothing.
func (i *Installer) Diff(ctx context.Context) ([]Change, error) {
	p, err := i.plan(ctx)
	if err != nil {
		return nil, err
	}
	var changes []Change
	for _, s := range p.steps(i, new(Result)) {
		changes = append(changes, s.Change)
	}
	return changes, nil
}

// Apply makes LINE match: it creates missing menus with their pictures, points the aliases at them, sets the default
// menu, relinks people, and deletes our menus nobody needs any more. The Result holds what was done even beside an
// error; running again goes on from there. Errors include ErrHourlyLimit and ErrTooMany.
func (i *Installer) Apply(ctx context.Context) (Result, error) {
	var done Result
	p, err := i.plan(ctx)
	if err != nil {
		return done, err
	}
	if p.creates() > perHour {
		return done, fmt.Errorf("%d menus to create, %d at most in one run: %w", p.creates(), perHour, ErrHourlyLimit)
	}
	if p.creates()+p.listed > maxMenus {
		return done, fmt.Errorf("%d menus there and %d to create: %w", p.listed, p.creates(), ErrTooMany)
	}
	steps := p.steps(i, &done)
	for n, s := range steps {
		if s.Do == deleteMenu && done.Deleted == perHour {
			return done, fmt.Errorf("%d old menus are left: %w", len(steps)-n, ErrHourlyLimit)
		}
		if err := s.run(ctx); err != nil {
			return done, fmt.Errorf("%s: %w", s.Change, err)
		}
		done.count(s.Do)
		i.progress(n+1, len(steps), s.String())
	}
	return done, nil
}

func (i *Installer) progress(done, total int, what string) {
	if i.Progress != nil {
		i.Progress(done, total, what)
	}
}

// A wanted menu is one LINE should have.
type wanted struct {
	Menu
	request *messaging_api.RichMenuRequest
	picture []byte
	id      string // at LINE; "" until it exists
	bare    bool   // it exists without a picture
}

// wantedMenus are the menus with their pictures and names.
func (i *Installer) wantedMenus() ([]*wanted, error) {
	menus, pictures := i.menus, i.Pictures
	if menus == nil {
		menus = All()
	}
	if pictures == nil {
		pictures = Pictures()
	}
	var all []*wanted
	for _, m := range menus {
		picture, err := fs.ReadFile(pictures, m.Name+".png")
		if err != nil {
			return nil, fmt.Errorf("picture of menu %s: %w", m.Name, err)
		}
		if err := m.checkPicture(picture); err != nil {
			return nil, fmt.Errorf("picture of menu %s: %w", m.Name, err)
		}
		request := &messaging_api.RichMenuRequest{
			Size:     &messaging_api.RichMenuSize{Width: int64(m.Size.X), Height: int64(m.Size.Y)},
			Selected: true, ChatBarText: m.ChatBarText, Areas: m.Areas(),
		}
		content, err := json.Marshal(request)
		if err != nil {
			return nil, fmt.Errorf("menu %s: %w", m.Name, err)
		}
		sum := sha256.Sum256(append(content, picture...))
		request.Name = prefix + m.Name + ":" + hex.EncodeToString(sum[:8])
		all = append(all, &wanted{Menu: m, request: request, picture: picture})
	}
	return all, nil
}

// A plan is what LINE has against what it should have.
type plan struct {
	menus   []*wanted
	listed  int               // menus at LINE, of whomever
	aliases map[string]string // at LINE, by alias: the menu's ID
	normal  string            // ID of the default menu, "" for none of ours
	stale   []string          // IDs of our menus that are not needed
	ours    map[string]bool   // IDs of all our menus
}

func (i *Installer) plan(ctx context.Context) (*plan, error) {
	menus, err := i.wantedMenus()
	if err != nil {
		return nil, err
	}
	there, err := i.list(ctx)
	if err != nil {
		return nil, err
	}
	p := &plan{menus: menus, listed: len(there), ours: map[string]bool{}}
	if p.aliases, err = i.listAliases(ctx); err != nil {
		return nil, err
	}
	if p.normal, err = i.defaultMenu(ctx); err != nil {
		return nil, err
	}
	for _, w := range menus {
		for _, have := range there {
			// After a lost answer there may be two of a kind: the one in use is kept.
			if same(w.request, have) && (w.id == "" || have.RichMenuId == p.aliases[w.Alias]) {
				w.id = have.RichMenuId
			}
		}
		if w.id != "" {
			if w.bare, err = i.bare(ctx, w.id); err != nil {
				return nil, err
			}
		}
	}
	for _, have := range there {
		if strings.HasPrefix(have.Name, prefix) {
			p.ours[have.RichMenuId] = true
			if !slices.ContainsFunc(menus, func(w *wanted) bool { return w.id == have.RichMenuId }) {
				p.stale = append(p.stale, have.RichMenuId)
			}
		}
	}
	return p, nil
}

// creates is the number of menus to create.
func (p *plan) creates() int {
	n := 0
	for _, w := range p.menus {
		if w.id == "" {
			n++
		}
	}
	return n
}

// A step is a change with the call that makes it.
type step struct {
	Change
	run func(context.Context) error
}

// A stage is steps whose order among each other does not matter.
type stage []step

func (s *stage) add(do, what string, run func(context.Context) error) {
	*s = append(*s, step{Change{do, what}, run})
}

// steps are the plan's changes in an order in which nobody ever sees a menu that is not complete: pictures before
// aliases, aliases and default before people, people before the old menus go.
func (p *plan) steps(i *Installer, done *Result) []step {
	var create, mark, point, relink, remove stage
	first := p.menus[0] // the menu of people without a link
	for _, w := range p.menus {
		if w.id == "" {
			create.add(createMenu, w.Name, func(ctx context.Context) error { return i.create(ctx, w) })
		}
		if w.id == "" || w.bare {
			create.add(uploadPicture, w.Name, func(ctx context.Context) error { return i.upload(ctx, w) })
		}
		if at, exists := p.aliases[w.Alias]; !exists {
			point.add(createAlias, w.Alias, func(ctx context.Context) error { return i.createAlias(ctx, w.Alias, w.id) })
		} else if w.id == "" || at != w.id {
			point.add(repointAlias, w.Alias, func(ctx context.Context) error { return i.repoint(ctx, w.Alias, w.id) })
		}
	}
	_, marked := p.aliases[relinkMark]
	if i.People != nil && (marked || len(point) > 0) {
		if !marked {
			mark.add(beginRelink, relinkMark, func(ctx context.Context) error { return i.createAlias(ctx, relinkMark, first.id) })
		}
		relink.add(relinkPeople, "", func(ctx context.Context) error { return i.relink(ctx, p.menus, done) })
		relink.add(endRelink, relinkMark, func(ctx context.Context) error { return i.deleteAlias(ctx, relinkMark) })
	}
	if first.id == "" || p.normal != first.id {
		point.add(setDefault, first.Name, func(ctx context.Context) error { return i.setDefault(ctx, first.id) })
	}
	for _, alias := range p.leftAliases() {
		remove.add(deleteAlias, alias, func(ctx context.Context) error { return i.deleteAlias(ctx, alias) })
	}
	for _, id := range p.stale {
		remove.add(deleteMenu, id, func(ctx context.Context) error { return i.delete(ctx, id) })
	}
	return slices.Concat(create, mark, point, relink, remove)
}

// leftAliases are aliases of earlier versions: ours by name, at a menu of ours, and not wanted any more.
func (p *plan) leftAliases() []string {
	var left []string
	for alias, id := range p.aliases {
		wanted := slices.ContainsFunc(p.menus, func(w *wanted) bool { return w.Alias == alias })
		if strings.HasPrefix(alias, aliasPrefix) && alias != relinkMark && p.ours[id] && !wanted {
			left = append(left, alias)
		}
	}
	slices.Sort(left)
	return left
}

// relink links people to the menu of their alias, batch by batch.
func (i *Installer) relink(ctx context.Context, menus []*wanted, done *Result) error {
	ids, waiting := map[string]string{}, map[string][]string{}
	for _, w := range menus {
		ids[w.Alias] = w.id
	}
	link := func(alias string) error {
		if err := i.linkAll(ctx, ids[alias], waiting[alias]); err != nil {
			return err
		}
		done.Relinked += len(waiting[alias])
		waiting[alias] = waiting[alias][:0]
		i.progress(done.Relinked, 0, "relink people")
		return nil
	}
	for user, alias := range i.People {
		if ids[alias] == "" {
			return fmt.Errorf("no menu has the alias %q", alias)
		}
		if !userID.MatchString(user) {
			done.Skipped++ // one wrong ID would make LINE refuse the whole batch
			continue
		}
		if waiting[alias] = append(waiting[alias], user); len(waiting[alias]) == batch {
			if err := link(alias); err != nil {
				return err
			}
		}
	}
	for _, w := range menus {
		if len(waiting[w.Alias]) > 0 {
			if err := link(w.Alias); err != nil {
				return err
			}
		}
	}
	return nil
}

// same reports whether LINE holds the menu as it was asked for. LINE may leave out of its answer what is only read
// aloud or shown in the chat; what it does tell must be equal.
func same(want *messaging_api.RichMenuRequest, have messaging_api.RichMenuResponse) bool {
	type area struct {
		Bounds messaging_api.RichMenuBounds `json:"bounds"`
		Action map[string]any               `json:"action"`
	}
	areas := func(from []messaging_api.RichMenuArea) (list []area) {
		data, err := json.Marshal(from)
		if err != nil || json.Unmarshal(data, &list) != nil {
			return nil
		}
		return list
	}
	if have.Name != want.Name || have.Size == nil || *have.Size != *want.Size ||
		have.Selected != want.Selected || have.ChatBarText != want.ChatBarText || len(have.Areas) != len(want.Areas) {
		return false
	}
	asked, told := areas(want.Areas), areas(have.Areas)
	return slices.EqualFunc(asked, told, func(a, b area) bool {
		for _, key := range []string{"label", "displayText"} {
			if _, ok := b.Action[key]; !ok {
				delete(a.Action, key)
			}
		}
		return a.Bounds == b.Bounds && reflect.DeepEqual(a.Action, b.Action)
	})
}
