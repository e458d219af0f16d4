package bot

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"slices"

	"github.com/line/line-bot-sdk-go/v8/linebot/messaging_api"

	"tsunagu/flows"
)

const (
	// relinkedAtOnce is LINE's limit for one bulk call.
	relinkedAtOnce = 500
	// menusAsked is how many people's menus LINE is asked for in one repair: it tells them one by one only.
	menusAsked = 200
)

// Repaired counts what RepairMenus did.
type Repaired struct {
	People int // looked at
	Stale  int // linked again, because the last menu linked was another than their link state asks for
	Asked  int // whose menu LINE was asked for
	Wrong  int // of those linked again, because LINE shows another
	None   int // of those linked again, because LINE shows none; who blocked the account has none
}

// RepairMenus links everybody anew whose rich menu is not what their link state asks for (MNU-03). Whom we linked to
// what is known and compared for all. What LINE really shows is asked for only some people, others each time; what
// somebody changed there at large is repaired by `tsunagu richmenu apply`.
func (b *Bot) RepairMenus(ctx context.Context) (done Repaired, err error) {
	r := repair{Bot: b, wrong: map[string][]string{}}
	for after := ""; ; {
		people, err := b.Lanes.People(ctx, after, relinkedAtOnce)
		if err != nil {
			return r.done, err
		}
		for _, p := range people {
			r.done.People++
			if wanted := b.MenuAlias(p.Holder, p.User); p.Alias != wanted {
				r.done.Stale++
				r.note(wanted, p.Lane)
			}
		}
		if err := r.link(ctx, len(people) < relinkedAtOnce); err != nil {
			return r.done, err
		}
		if len(people) < relinkedAtOnce {
			break
		}
		after = people[len(people)-1].Lane
	}
	if err := r.ask(ctx); err != nil {
		return r.done, err
	}
	return r.done, r.link(ctx, true)
}

// A repair is one run of RepairMenus.
type repair struct {
	*Bot
	done  Repaired
	wrong map[string][]string // lanes to link, by alias
}

func (r *repair) note(alias, lane string) {
	if userID.MatchString(lane) && !slices.Contains(r.wrong[alias], lane) {
		r.wrong[alias] = append(r.wrong[alias], lane)
	}
}

// link links those whose batch is full, or all.
func (r *repair) link(ctx context.Context, all bool) error {
	for alias, lanes := range r.wrong {
		for len(lanes) >= relinkedAtOnce || all && len(lanes) > 0 {
			batch := lanes[:min(len(lanes), relinkedAtOnce)]
			id, got := r.line.menuID(ctx, alias, true)
			if got.outcome == accepted {
				got = r.line.linkMenus(ctx, id, batch)
			}
			if got.outcome != accepted {
				return fmt.Errorf("link people to the menu %s: %w", alias, got)
			}
			if err := r.Lanes.KeepMenus(ctx, alias, batch); err != nil {
				return err
			}
			lanes = lanes[len(batch):]
		}
		r.wrong[alias] = lanes
	}
	return nil
}

// ask asks LINE for the menus of some people, from a random place on.
func (r *repair) ask(ctx context.Context) error {
	var random [16]byte
	rand.Read(random[:])
	start := "U" + hex.EncodeToString(random[:])
	people, err := r.Lanes.People(ctx, start, menusAsked)
	if err == nil && len(people) < menusAsked { // and on from the beginning
		var more []flows.MenuOf
		more, err = r.Lanes.People(ctx, "", menusAsked-len(people))
		people = append(people, slices.DeleteFunc(more, func(p flows.MenuOf) bool { return p.Lane > start })...)
	}
	if err != nil {
		return err
	}
	for _, p := range people {
		if !userID.MatchString(p.Lane) {
			continue
		}
		id, got := r.line.menuOf(ctx, p.Lane)
		if got.outcome != accepted && got.status != 404 {
			return fmt.Errorf("ask for a person's menu: %w", got)
		}
		r.done.Asked++
		right := false
		for _, alias := range r.MenuTabs(p.Holder, p.User) {
			of, got := r.line.menuID(ctx, alias, false)
			if got.outcome != accepted {
				return fmt.Errorf("look up the menu %s: %w", alias, got)
			}
			right = right || of == id
		}
		if !right {
			if id == "" {
				r.done.None++
			} else {
				r.done.Wrong++
			}
			r.note(r.MenuAlias(p.Holder, p.User), p.Lane)
		}
	}
	return nil
}

// linkMenus links up to 500 people to one menu; LINE does so within seconds.
func (l *line) linkMenus(ctx context.Context, menuID string, users []string) called {
	resp, _, err := l.with(ctx).LinkRichMenuIdToUsersWithHttpInfo(&messaging_api.RichMenuBulkLinkRequest{RichMenuId: menuID, UserIds: users})
	return calledWith(resp, err)
}

// menuOf tells which menu a person is linked to: 404 for none, or for nobody we know.
func (l *line) menuOf(ctx context.Context, user string) (string, called) {
	resp, body, err := l.with(ctx).GetRichMenuIdOfUserWithHttpInfo(user)
	got := calledWith(resp, err)
	if got.outcome != accepted || body == nil {
		return "", got
	}
	return body.RichMenuId, got
}
