package main

import (
	"bytes"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"tsunagu/bot/linesim"
	"tsunagu/richmenu"
	"tsunagu/store/ledger"
	"tsunagu/store/storetest"
)

// api calls the simulated LINE as this account.
func (w *world) api(method, path string) {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), method, w.env["LINE_API_URL"]+path, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+w.env["LINE_CHANNEL_ACCESS_TOKEN"])
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		w.t.Fatalf("%s %s: %s", method, path, resp.Status)
	}
}

// menuOf is the alias of the menu that LINE shows a person, the ID of one without.
func (w *world) menuOf(p *linesim.Person) string {
	w.t.Helper()
	for _, m := range richmenu.All() {
		if id := w.sim.MenuOfAlias(m.Alias); id != "" && id == p.Menu() {
			return m.Alias
		}
	}
	return p.Menu()
}

func (w *world) command(args ...string) string {
	w.t.Helper()
	var out, errs syncBuffer
	if code := run(w.t.Context(), args, func(name string) (string, bool) { v, ok := w.env[name]; return v, ok }, &out, &errs); code != 0 {
		w.t.Fatalf("%v ended with %d: %s%s", args, code, out.String(), errs.String())
	}
	return out.String()
}

// MNU-03: `richmenu apply` makes LINE match, does nothing the second time, and after somebody deleted a menu at LINE it
// brings that back with everybody who was shown it.
func TestRichMenuApply(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		w := newWorld(t, url)
		if _, err := importCarrier(t.Context(), w.store, w.ledger, bytes.NewReader(ledger.Demo)); err != nil {
			t.Fatal(err)
		}
		if got := w.command("richmenu", "apply"); !strings.Contains(got, "7 created") {
			t.Errorf("the first run: %s", got)
		}
		if got := w.command("richmenu", "apply"); !strings.Contains(got, "nothing to do") {
			t.Errorf("the second run: %s", got)
		}
		user, none := w.person("花子"), w.person("健")
		w.say(user, "利用者連携")
		w.say(user, "0123456789012345")
		if got := [2]string{w.menuOf(user), w.menuOf(none)}; got != [2]string{richmenu.AliasUser, richmenu.AliasNone} {
			t.Fatalf("shown are %v", got)
		}
		for _, gone := range []string{richmenu.AliasUser, richmenu.AliasNone} {
			w.api(http.MethodDelete, "/v2/bot/richmenu/"+w.sim.MenuOfAlias(gone))
		}
		if got := w.command("richmenu", "diff"); !strings.Contains(got, "create menu") {
			t.Errorf("diff: %s", got)
		}
		if got := w.command("richmenu", "apply"); !strings.Contains(got, "2 created") || !strings.Contains(got, "2 relinked") {
			t.Errorf("after somebody deleted two: %s", got)
		}
		if got := [2]string{w.menuOf(user), w.menuOf(none)}; got != [2]string{richmenu.AliasUser, richmenu.AliasNone} {
			t.Errorf("then shown are %v", got)
		}
	})
}

// Without a database there is nobody to relink, and with one that is behind the old menus stay.
func TestRichMenuApplyWithoutADatabase(t *testing.T) {
	w := newWorld(t, "sqlite:"+filepath.Join(t.TempDir(), "tsunagu.db"))
	w.env["DATABASE_URL"] = "sqlite:" + filepath.Join(t.TempDir(), "none.db")
	if got := w.command("richmenu", "apply"); !strings.Contains(got, "no database") || !strings.Contains(got, "7 created") {
		t.Errorf("without a file: %s", got)
	}
	w.env["DATABASE_URL"] = "postgres://nobody@" + strings.TrimPrefix(freeAddress(t), "http://") + "/x"
	var out, errs syncBuffer
	if code := run(t.Context(), []string{"richmenu", "apply"}, func(name string) (string, bool) { v, ok := w.env[name]; return v, ok }, &out, &errs); code != exitFailed {
		t.Errorf("a database that cannot be reached: exit code %d, %s", code, errs.String())
	}
}

// MNU-03, the daily sweep: who was linked to another menu than the links ask for is linked anew, and so is whom LINE
// shows another one than we linked; who turned a page of the menu is left alone.
func TestRepairMenus(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		w := newWorld(t, url)
		if _, err := importCarrier(t.Context(), w.store, w.ledger, bytes.NewReader(ledger.Demo)); err != nil {
			t.Fatal(err)
		}
		early := w.person("さくら") // linked before there were menus
		w.say(early, "利用者連携")
		w.say(early, "2718281828459045")
		if err := installMenus(t.Context(), w.cfg); err != nil {
			t.Fatal(err)
		}
		user, none := w.person("花子"), w.person("健")
		w.say(user, "利用者連携")
		w.say(user, "0123456789012345")
		done, err := w.bot.RepairMenus(t.Context())
		if err != nil || done.Stale != 1 || done.Wrong != 0 {
			t.Errorf("repaired %+v, %v; want the one linked early", done, err)
		}
		if got := w.menuOf(early); got != richmenu.AliasUser {
			t.Errorf("who was linked early is shown %s", got)
		}
		if done, err := w.bot.RepairMenus(t.Context()); err != nil || done.Stale+done.Wrong+done.None != 0 || done.People != 3 || done.Asked != 3 {
			t.Errorf("repaired once more: %+v, %v", done, err)
		}

		w.api(http.MethodPost, "/v2/bot/user/"+none.ID+"/richmenu/"+w.sim.MenuOfAlias(richmenu.AliasBoth)) // by another hand
		w.ask(user, func() { user.SwitchMenu(richmenu.AliasUser+"-contract", "1:tab:"+richmenu.AliasUser+"-contract") })
		if done, err := w.bot.RepairMenus(t.Context()); err != nil || done.Stale != 0 || done.Wrong != 1 {
			t.Errorf("after another hand: %+v, %v", done, err)
		}
		if got := [2]string{w.menuOf(user), w.menuOf(none)}; got != [2]string{richmenu.AliasUser + "-contract", richmenu.AliasNone} {
			t.Errorf("then shown are %v", got)
		}

		// A link that ends while LINE refuses: the menu is known to be stale.
		w.api(http.MethodDelete, "/v2/bot/richmenu/"+w.sim.MenuOfAlias(richmenu.AliasNone))
		w.api(http.MethodDelete, "/v2/bot/richmenu/alias/"+richmenu.AliasNone)
		w.say(user, "連携を解除")
		w.say(user, "090-****-5678")
		w.say(user, "解除する")
		if err := installMenus(t.Context(), w.cfg); err != nil {
			t.Fatal(err)
		}
		if done, err := w.bot.RepairMenus(t.Context()); err != nil || done.Stale != 1 {
			t.Errorf("after a refused menu: %+v, %v", done, err)
		}
		if got := w.menuOf(user); got != richmenu.AliasNone {
			t.Errorf("who has no link any more is shown %s", got)
		}
	})
}

// 「メニューが表示されない」 is answered by linking the menu anew, on the spot.
func TestMenuThatIsMissed(t *testing.T) {
	w := newWorld(t, "sqlite:"+filepath.Join(t.TempDir(), "tsunagu.db"))
	if err := installMenus(t.Context(), w.cfg); err != nil {
		t.Fatal(err)
	}
	p := w.person("花子")
	w.api(http.MethodDelete, "/v2/bot/user/"+p.ID+"/richmenu")
	if got := w.say(p, "メニューが表示されない"); !strings.Contains(got, "表示し直しました") {
		t.Errorf("said %q", got)
	}
	if got := w.menuOf(p); got != richmenu.AliasNone {
		t.Errorf("shown is %s", got)
	}
}

// Many people are listed page by page, each once, whether they have links, a menu or both.
func TestPeopleOfApply(t *testing.T) {
	w := newWorld(t, "sqlite:"+filepath.Join(t.TempDir(), "tsunagu.db"))
	var lanes []string
	for i := range 2*peopleAtOnce + 1 {
		lanes = append(lanes, fmt.Sprintf("U%032x", i))
	}
	if err := w.store.KeepMenus(t.Context(), richmenu.AliasNone, lanes); err != nil {
		t.Fatal(err)
	}
	n := 0
	for user, alias := range peopleOf(t.Context(), w.store, func(err error) { t.Error(err) }) {
		if user != lanes[n] || alias != richmenu.AliasNone {
			t.Fatalf("number %d is %s with %s", n, user, alias)
		}
		n++
	}
	if n != len(lanes) {
		t.Errorf("%d people", n)
	}
}
