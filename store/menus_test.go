package store_test

import (
	"slices"
	"testing"

	"tsunagu/flows"
)

// Everybody with a link or a menu is listed once, in order and page by page, with what they have.
func TestPeople(t *testing.T) {
	each(t, func(b *bench) {
		for _, lane := range []string{"U3", "U1", "U2"} {
			b.accept(arrival(lane, "e-"+lane))
		}
		for _, c := range b.claim() {
			b.save(release(turn(c, 0, func(t *flows.Turned) {
				switch c.Lane {
				case "U1":
					t.After.Links = []flows.Link{{Kind: flows.UserLink, Ref: "l1"}, {Kind: flows.UserLink, Ref: "l2"}, {Kind: flows.HolderLink, Ref: "c1"}}
				case "U3":
					t.After.Links = []flows.Link{{Kind: flows.HolderLink, Ref: "c3"}}
				}
			})))
		}
		b.accept(arrival("U1", "again"))
		c := b.one()
		s := release(turn(c, 0, nil))
		s.Menu = "both"
		b.save(s)
		b.ok(b.KeepMenus(t.Context(), "none", []string{"U4", "U5"}))
		b.ok(b.KeepMenus(t.Context(), flows.MenuUnknown, []string{"U5"}))
		b.ok(b.KeepMenus(t.Context(), "none", nil))
		want := []flows.MenuOf{
			{Lane: "U1", Holder: true, User: true, Alias: "both"}, {Lane: "U3", Holder: true},
			{Lane: "U4", Alias: "none"}, {Lane: "U5", Alias: flows.MenuUnknown},
		}
		for size := 1; size <= 5; size++ {
			var all []flows.MenuOf
			for after := ""; ; {
				page, err := b.People(t.Context(), after, size)
				b.ok(err)
				all = append(all, page...)
				if len(page) < size {
					break
				}
				after = page[len(page)-1].Lane
			}
			if !slices.Equal(all, want) {
				t.Errorf("in pages of %d: %+v", size, all)
			}
		}
	})
}
