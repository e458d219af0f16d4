package store

import (
	"context"
	"fmt"
	"slices"

	"tsunagu/flows"
)

// putMenus notes the menus of lanes.
const putMenus = `INSERT INTO menus (lane, alias, at) SELECT t.lane, t.alias, t.now FROM ? WHERE true
ON CONFLICT (lane) DO UPDATE SET alias = excluded.alias, at = excluded.at`

// People lists who has a link or was shown a menu, in the order of their lanes: at most limit of those after a lane, ""
// for the first. Fewer are the last.
func (s *Store) People(ctx context.Context, after string, limit int) ([]flows.MenuOf, error) {
	people, err := s.people(ctx, after, limit)
	if err != nil {
		return nil, fmt.Errorf("list people: %w", err)
	}
	return people, nil
}

func (s *Store) people(ctx context.Context, after string, limit int) ([]flows.MenuOf, error) {
	db := s.reads.WithContext(ctx)
	var shown []struct{ Lane, Alias string }
	if err := db.Raw(`SELECT lane, alias FROM menus WHERE lane > ? ORDER BY lane LIMIT ?`, after, limit).Scan(&shown).Error; err != nil {
		return nil, err
	}
	var lanes []string
	if err := db.Raw(`SELECT DISTINCT lane FROM links WHERE lane > ? ORDER BY lane LIMIT ?`, after, limit).Scan(&lanes).Error; err != nil {
		return nil, err
	}
	aliases := make(map[string]string, len(shown))
	for _, r := range shown {
		aliases[r.Lane] = r.Alias
		lanes = append(lanes, r.Lane)
	}
	slices.Sort(lanes)
	lanes = slices.Compact(lanes)
	lanes = lanes[:min(len(lanes), limit)]
	if len(lanes) == 0 {
		return nil, nil
	}
	var links []struct{ Lane, Kind string }
	if err := db.Raw(`SELECT lane, kind FROM links WHERE lane IN ?`, lanes).Scan(&links).Error; err != nil {
		return nil, err
	}
	holders, users := map[string]bool{}, map[string]bool{}
	for _, l := range links {
		switch flows.LinkKind(l.Kind) {
		case flows.HolderLink:
			holders[l.Lane] = true
		case flows.UserLink:
			users[l.Lane] = true
		}
	}
	people := make([]flows.MenuOf, len(lanes))
	for i, lane := range lanes {
		people[i] = flows.MenuOf{Lane: lane, Holder: holders[lane], User: users[lane], Alias: aliases[lane]}
	}
	return people, nil
}

// KeepMenus notes that lanes were linked to the menu of an alias.
func (s *Store) KeepMenus(ctx context.Context, alias string, lanes []string) error {
	if len(lanes) == 0 {
		return nil
	}
	now := micros(s.now())
	err := s.db.WithContext(ctx).Exec(putMenus, s.table(
		texts("lane", lanes, func(lane string) string { return lane }),
		texts("alias", lanes, func(string) string { return clean(alias) }),
		numbers("now", lanes, func(string) int64 { return now }),
	)).Error
	if err != nil {
		return fmt.Errorf("keep menus: %w", err)
	}
	return nil
}
