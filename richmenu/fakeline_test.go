package richmenu

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/line/line-bot-sdk-go/v8/linebot/messaging_api"
)

// fakeLINE keeps rich menus the way LINE's reference says, as far as an Installer can tell.
type fakeLINE struct {
	*httptest.Server
	mu       sync.Mutex
	menus    []messaging_api.RichMenuResponse
	pictures map[string]string
	aliases  map[string]string
	normal   string
	links    map[string]string // by user ID: the menu's ID

	calls, writes, made, bulk int
	// before looks at the n-th call and may refuse it with a status; after, when true, loses the answer.
	before func(n int, r *http.Request) int
	after  func(n int) bool
	terse  bool // lists say nothing of labels
}

func newFakeLINE(t *testing.T) *fakeLINE {
	f := &fakeLINE{pictures: map[string]string{}, aliases: map[string]string{}, links: map[string]string{}}
	f.Server = httptest.NewServer(f)
	t.Cleanup(f.Close)
	return f
}

// installer is an Installer of All with plain pictures at version.
func (f *fakeLINE) installer(t *testing.T, version string) *Installer {
	t.Helper()
	api, err := messaging_api.NewMessagingApiAPI("token", messaging_api.WithEndpoint(f.URL), messaging_api.WithHTTPClient(f.Client()))
	if err != nil {
		t.Fatal(err)
	}
	blob, err := messaging_api.NewMessagingApiBlobAPI("token", messaging_api.WithBlobEndpoint(f.URL), messaging_api.WithBlobHTTPClient(f.Client()))
	if err != nil {
		t.Fatal(err)
	}
	return &Installer{API: api, Blob: blob, Pictures: plainPictures(t, version)}
}

// A refusal is how the fake says no.
type refusal struct {
	status  int
	message string
}

func (f *fakeLINE) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls++
	n := f.calls
	w.Header().Set("x-line-request-id", fmt.Sprint("request-", n))
	if f.before != nil {
		if status := f.before(n, r); status != 0 {
			http.Error(w, `{"message":"refused"}`, status)
			return
		}
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	if r.Method != http.MethodGet {
		f.writes++
	}
	answer, no := f.answer(r.Method, strings.TrimPrefix(r.URL.Path, "/v2/bot"), body)
	if f.after != nil && f.after(n) {
		panic(http.ErrAbortHandler)
	}
	if no != nil {
		w.WriteHeader(no.status)
		answer = map[string]string{"message": no.message}
	}
	_ = json.NewEncoder(w).Encode(answer)
}

// disarm ends refusing and losing, and tells how many calls there were. It waits for a call that lost its answer.
func (f *fakeLINE) disarm() (calls int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.before, f.after = nil, nil
	return f.calls
}

func (f *fakeLINE) answer(method, path string, body []byte) (any, *refusal) {
	nothing := struct{}{}
	read := func(v any) { _ = json.Unmarshal(body, v) }
	id := path[strings.LastIndex(path, "/")+1:]
	switch call := method + " " + path; {
	case call == "GET /richmenu/list":
		return messaging_api.RichMenuListResponse{Richmenus: f.listed()}, nil
	case call == "POST /richmenu":
		var menu messaging_api.RichMenuResponse
		read(&menu)
		if len(f.menus) == 1000 {
			return nil, &refusal{400, "too many rich menus"}
		}
		f.made++
		menu.RichMenuId = fmt.Sprintf("richmenu-%04d", f.made)
		f.menus = append(f.menus, menu)
		return map[string]string{"richMenuId": menu.RichMenuId}, nil
	case strings.HasSuffix(path, "/content"):
		id = strings.Split(path, "/")[2]
		switch _, has := f.pictures[id]; {
		case !f.exists(id) || method == "GET" && !has:
			return nil, &refusal{404, "not found"}
		case method == "GET":
			return nothing, nil
		case has:
			return nil, &refusal{400, "An image has already been uploaded to the richmenu"}
		}
		f.pictures[id] = string(body)
		return nothing, nil
	case call == "GET /richmenu/alias/list":
		var all messaging_api.RichMenuAliasListResponse
		for alias, id := range f.aliases {
			all.Aliases = append(all.Aliases, messaging_api.RichMenuAliasResponse{RichMenuAliasId: alias, RichMenuId: id})
		}
		return all, nil
	case call == "POST /richmenu/alias":
		var a messaging_api.CreateRichMenuAliasRequest
		read(&a)
		if _, taken := f.aliases[a.RichMenuAliasId]; taken {
			return nil, &refusal{400, "conflict richmenu alias id"}
		}
		return nothing, f.point(a.RichMenuAliasId, a.RichMenuId)
	case strings.HasPrefix(path, "/richmenu/alias/"):
		if _, there := f.aliases[id]; !there {
			return nil, &refusal{404, "richmenu alias not found"}
		}
		if method == "DELETE" {
			delete(f.aliases, id)
			return nothing, nil
		}
		var a messaging_api.UpdateRichMenuAliasRequest
		read(&a)
		return nothing, f.point(id, a.RichMenuId)
	case strings.HasPrefix(call, "DELETE /richmenu/"):
		if !f.exists(id) {
			return nil, &refusal{404, "richmenu not found"}
		}
		f.remove(id)
		return nothing, nil
	case call == "GET /user/all/richmenu":
		if f.normal == "" {
			return nil, &refusal{404, "no default richmenu"}
		}
		return map[string]string{"richMenuId": f.normal}, nil
	case strings.HasPrefix(call, "POST /user/all/richmenu/"):
		no := f.applicable(id)
		if no == nil {
			f.normal = id
		}
		return nothing, no
	case call == "POST /richmenu/bulk/link":
		var l messaging_api.RichMenuBulkLinkRequest
		read(&l)
		f.bulk++
		if n := len(l.UserIds); n == 0 || n > 500 || slices.ContainsFunc(l.UserIds, func(u string) bool { return !userID.MatchString(u) }) {
			return nil, &refusal{400, "invalid user ids"}
		}
		if no := f.applicable(l.RichMenuId); no != nil {
			return nil, no
		}
		for _, user := range l.UserIds {
			f.links[user] = l.RichMenuId
		}
		return nothing, nil
	}
	return nil, &refusal{404, "no such call"}
}

func (f *fakeLINE) exists(id string) bool {
	return slices.ContainsFunc(f.menus, func(m messaging_api.RichMenuResponse) bool { return m.RichMenuId == id })
}

func (f *fakeLINE) remove(id string) {
	f.menus = slices.DeleteFunc(f.menus, func(m messaging_api.RichMenuResponse) bool { return m.RichMenuId == id })
	delete(f.pictures, id)
	if f.normal == id {
		f.normal = ""
	}
}

// applicable says whether people can be given the menu.
func (f *fakeLINE) applicable(id string) *refusal {
	if !f.exists(id) {
		return &refusal{404, "richmenu not found"}
	}
	if f.pictures[id] == "" {
		return &refusal{400, "must upload richmenu image before applying it to user"}
	}
	return nil
}

func (f *fakeLINE) point(alias, id string) *refusal {
	if !f.exists(id) {
		return &refusal{400, "richmenu not found"}
	}
	f.aliases[alias] = id
	return nil
}

func (f *fakeLINE) listed() []messaging_api.RichMenuResponse {
	if !f.terse {
		return f.menus
	}
	list := slices.Clone(f.menus)
	for i := range list {
		list[i].Areas = slices.Clone(list[i].Areas)
		for n, area := range list[i].Areas {
			if tap, ok := area.Action.(messaging_api.PostbackAction); ok {
				tap.Label, tap.DisplayText = "", ""
				list[i].Areas[n].Action = tap
			}
		}
	}
	return list
}

// menu is the one the alias points at.
func (f *fakeLINE) menu(t *testing.T, alias string) *messaging_api.RichMenuResponse {
	t.Helper()
	for i := range f.menus {
		if f.menus[i].RichMenuId == f.aliases[alias] {
			return &f.menus[i]
		}
	}
	t.Fatalf("no menu behind %s", alias)
	return nil
}

// addForeign puts somebody else's menu and alias there.
func (f *fakeLINE) addForeign() (check func(*testing.T)) {
	const id = "richmenu-of-the-shop"
	menu := messaging_api.RichMenuResponse{RichMenuId: id, Name: "summer sale", Size: &messaging_api.RichMenuSize{Width: 2500, Height: 843}}
	f.menus = append(f.menus, menu)
	f.pictures[id], f.aliases["summer"] = "a picture", id
	f.aliases["tsunagu-summer"] = id // it looks like ours, but its menu is not
	return func(t *testing.T) {
		t.Helper()
		if !f.exists(id) || f.pictures[id] != "a picture" || f.aliases["summer"] != id || f.aliases["tsunagu-summer"] != id {
			t.Error("a menu, picture or alias that is not ours was touched")
		}
	}
}

// installed checks that LINE holds the installer's menus and nothing more of ours, and people the right ones.
func (f *fakeLINE) installed(t *testing.T, i *Installer) {
	t.Helper()
	all, err := i.wantedMenus()
	if err != nil {
		t.Fatal(err)
	}
	ours := 0
	for _, m := range f.menus {
		if strings.HasPrefix(m.Name, prefix) {
			ours++
		}
	}
	if ours != len(all) {
		t.Errorf("%d menus of ours, want %d", ours, len(all))
	}
	for _, w := range all {
		menu := f.menu(t, w.Alias)
		if !same(w.request, *menu) {
			t.Errorf("%s is %+v", w.Alias, menu)
		}
		if f.pictures[menu.RichMenuId] != string(w.picture) {
			t.Errorf("%s has another picture or none", w.Alias)
		}
	}
	for alias := range f.aliases {
		if strings.HasPrefix(alias, aliasPrefix) && alias != "tsunagu-summer" && !slices.ContainsFunc(all, func(w *wanted) bool { return w.Alias == alias }) {
			t.Errorf("alias %s is left", alias)
		}
	}
	if f.normal != f.aliases[AliasNone] {
		t.Errorf("the default menu is %q, want the one of %s", f.normal, AliasNone)
	}
	if i.People != nil {
		for user, alias := range i.People {
			if userID.MatchString(user) && f.links[user] != f.aliases[alias] {
				t.Errorf("%s sees %s, want the menu of %s", user, f.links[user], alias)
			}
		}
	}
}

// unchanged checks that another run has nothing to do.
func (f *fakeLINE) unchanged(t *testing.T, i *Installer) {
	t.Helper()
	links, writes := maps.Clone(f.links), f.writes
	changes, err := i.Diff(context.Background())
	if err != nil || len(changes) > 0 {
		t.Errorf("differences left: %v, %v", changes, err)
	}
	result, err := i.Apply(context.Background())
	if err != nil || result != (Result{}) || f.writes != writes || !maps.Equal(links, f.links) {
		t.Errorf("a second run did %+v with %d calls that change something, error %v", result, f.writes-writes, err)
	}
}
