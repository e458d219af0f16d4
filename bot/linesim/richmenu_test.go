package linesim

import (
	"bytes"
	"fmt"
	"image"
	"image/jpeg"
	"image/png"
	"strings"
	"testing"

	"github.com/line/line-bot-sdk-go/v8/linebot/messaging_api"
)

const menuJSON = `{"size":{"width":2500,"height":843},"selected":true,"name":"未連携","chatBarText":"メニュー",
	"areas":[{"bounds":{"x":0,"y":0,"width":2500,"height":843},"action":{"type":"postback","data":"link","displayText":"連携する"}}]}`

func pngOf(t *testing.T, width, height int) string {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, width, height))); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// createdMenu makes a menu, with an image if asked, and returns its id.
func (w *world) createdMenu(withImage bool) string {
	w.t.Helper()
	id := w.call("POST", "/v2/bot/richmenu", menuJSON).json(w.t)["richMenuId"].(string)
	if withImage {
		w.want(w.call("POST", "/v2/bot/richmenu/"+id+"/content", pngOf(w.t, 800, 270), "Content-Type", "image/png"), 200, "{}")
	}
	return id
}

// §8 object: name ≤ 300, chatBarText ≤ 14, areas ≤ 20, the sizes.
func TestMenuObjectIsChecked(t *testing.T) {
	w := newWorld(t, Config{})
	area := menuJSON[strings.Index(menuJSON, `{"bounds"`) : len(menuJSON)-2]
	for _, c := range []struct{ old, new, wrong string }{
		{"メニュー", of(14), ""},
		{"メニュー", apples(14), ""},
		{"メニュー", of(15), "chatBarText"},
		{"未連携", of(301), "name"},
		{`"width":2500,"height":843}`, `"width":2501,"height":843}`, "size"},
		{`"width":2500,"height":843}`, `"width":800,"height":249}`, "size"},
		{`"width":2500,"height":843}`, `"width":2500,"height":1725}`, "size"},
		{`"width":2500,"height":843}`, `"width":2500,"height":1686}`, ""},
		{`"selected":true,`, ``, "selected"},
		{area, times(20, area), ""},
		{area, times(21, area), "areas"},
		{`"postback"`, `"camera"`, "areas[0].action.type"},
		{`"displayText"`, `"inputOption":"openKeyboard","displayText"`, ""},
		{area, `{"bounds":{"x":0,"y":0,"width":0,"height":843},"action":` + yes + `}`, "areas[0].bounds.width"},
		{`{"type":"postback","data":"link","displayText":"連携する"}`, `{"type":"richmenuswitch","richMenuAliasId":"holder","data":"a"}`, ""},
	} {
		got := w.call("POST", "/v2/bot/richmenu/validate", strings.Replace(menuJSON, c.old, c.new, 1))
		if c.wrong == "" {
			w.want(got, 200, "{}")
		} else {
			w.want(got, 400, `"property":"`+c.wrong+`"`)
		}
	}
}

// §8 image: "JPEG or PNG, width 800–2500 px, height ≥ 250, width/height ≥ 1.45, ≤ 1 MB", "cannot be replaced".
func TestMenuImageRules(t *testing.T) {
	w := newWorld(t, Config{})
	id := w.createdMenu(false)
	path := "/v2/bot/richmenu/" + id + "/content"
	w.want(w.call("GET", path, ""), 404, "")
	for _, c := range []struct {
		body, kind string
		status     int
		part       string
	}{
		{pngOf(t, 799, 270), "image/png", 400, "The image size is not allowed for richmenu"},
		{pngOf(t, 2501, 843), "image/png", 400, "The image size is not allowed for richmenu"},
		{pngOf(t, 800, 249), "image/png", 400, "The image size is not allowed for richmenu"},
		{pngOf(t, 800, 552), "image/png", 400, "The image size is not allowed for richmenu"},
		{pngOf(t, 800, 270), "image/jpeg", 400, "not a JPEG or PNG"},
		{pngOf(t, 800, 270) + strings.Repeat("\x00", maxMenuImage), "image/png", 400, "larger than 1 MB"},
		{pngOf(t, 800, 270), "image/gif", 415, ""},
		{pngOf(t, 800, 270), "image/png", 200, "{}"},
		{pngOf(t, 800, 270), "image/png", 400, "An image has already been uploaded to the richmenu"},
	} {
		w.want(w.call("POST", path, c.body, "Content-Type", c.kind), c.status, c.part)
	}
	if got := w.call("GET", path, ""); got.text != pngOf(t, 800, 270) || got.header.Get("Content-Type") != "image/png" {
		t.Errorf("downloaded %d bytes of %s", len(got.text), got.header.Get("Content-Type"))
	}
	w.want(w.call("POST", "/v2/bot/richmenu/nosuch/content", pngOf(t, 800, 270), "Content-Type", "image/png"), 404, "")
}

// §8: "linking or defaulting a menu without image → 400", "per-user (API) > default (API)", 200 for people it has no
// effect on, 404 "the user has no richmenu".
func TestMenuPriority(t *testing.T) {
	w := newWorld(t, Config{})
	p, _ := w.friend("たろう")
	bare, standard, own := w.createdMenu(false), w.createdMenu(true), w.createdMenu(true)
	user := "/v2/bot/user/" + p.ID + "/richmenu"
	w.want(w.call("POST", user+"/"+bare, ""), 400, "must upload richmenu image before applying it to user")
	w.want(w.call("POST", "/v2/bot/user/all/richmenu/"+bare, ""), 400, "must upload richmenu image before applying it to user")
	w.want(w.call("POST", user+"/nosuch", ""), 404, "")
	w.want(w.call("GET", "/v2/bot/user/all/richmenu", ""), 404, "")
	w.want(w.call("GET", user, ""), 404, "the user has no richmenu")

	menu := func(want string) {
		t.Helper()
		if got := p.Menu(); got != want {
			t.Errorf("menu %q, want %q", got, want)
		}
	}
	menu("")
	w.want(w.call("POST", "/v2/bot/user/all/richmenu/"+standard, ""), 200, "{}")
	w.want(w.call("GET", "/v2/bot/user/all/richmenu", ""), 200, standard)
	menu(standard)
	w.want(w.call("GET", user, ""), 404, "")
	w.want(w.call("POST", user+"/"+own, ""), 200, "{}")
	w.want(w.call("GET", user, ""), 200, own)
	menu(own)
	w.want(w.call("DELETE", user, ""), 200, "{}")
	menu(standard)
	nobody := "/v2/bot/user/U" + strings.Repeat("0", 32) + "/richmenu"
	w.want(w.call("POST", nobody+"/"+own, ""), 200, "{}")
	w.want(w.call("GET", nobody, ""), 404, "")

	w.want(w.call("POST", "/v2/bot/richmenu/bulk/link", `{"richMenuId":"`+own+`","userIds":["`+p.ID+`"]}`), 202, "{}")
	menu(own)
	w.want(w.call("POST", "/v2/bot/richmenu/bulk/unlink", `{"userIds":["`+p.ID+`"]}`), 202, "{}")
	menu(standard)
	w.want(w.call("POST", "/v2/bot/richmenu/bulk/link", `{"richMenuId":"`+own+`","userIds":[]}`), 400, "Size must be between 1 and 500")

	w.call("POST", user+"/"+own, "")
	w.want(w.call("DELETE", "/v2/bot/richmenu/"+own, ""), 200, "{}")
	menu(standard)
	w.want(w.call("GET", "/v2/bot/richmenu/"+own, ""), 404, "")
	w.want(w.call("DELETE", "/v2/bot/user/all/richmenu", ""), 200, "{}")
	menu("")
}

// §8 alias: ids `[a-z0-9_-]{1,32}`, 400 "conflict richmenu alias id"; §2.3: the statuses of a richmenuswitch.
func TestAliasesAndSwitching(t *testing.T) {
	w := newWorld(t, Config{})
	p, _ := w.friend("たろう")
	a, b := w.createdMenu(true), w.createdMenu(true)
	alias := func(id, menu string) string { return `{"richMenuAliasId":"` + id + `","richMenuId":"` + menu + `"}` }
	const path = "/v2/bot/richmenu/alias"
	w.want(w.call("POST", path, alias("tab-a", a)), 200, "{}")
	w.want(w.call("POST", path, alias("tab-a", b)), 400, "conflict richmenu alias id")
	w.want(w.call("POST", path, alias("Tab", b)), 400, "richMenuAliasId")
	w.want(w.call("POST", path, alias("tab-b", "nosuch")), 400, "richmenu not found")
	w.want(w.call("POST", path+"/tab-a", `{"richMenuId":"`+b+`"}`), 200, "{}")
	w.want(w.call("POST", path+"/nosuch", `{"richMenuId":"`+b+`"}`), 404, "")
	w.want(w.call("GET", path+"/tab-a", ""), 200, alias("tab-a", b))
	w.want(w.call("GET", path+"/list", ""), 200, `{"aliases":[`+alias("tab-a", b)+`]}`)

	p.SwitchMenu("tab-a", "to b")
	p.SwitchMenu("nosuch", "to nothing")
	if p.Menu() != b {
		t.Errorf("menu %q, want %q", p.Menu(), b)
	}
	w.call("DELETE", "/v2/bot/richmenu/"+b, "")
	p.SwitchMenu("tab-a", "to what was b")
	events := w.await(4)
	for i, want := range []string{`map[newRichMenuAliasId:tab-a status:SUCCESS]`, `map[status:RICHMENU_ALIAS_ID_NOTFOUND]`, `map[status:RICHMENU_NOTFOUND]`} {
		if got := fmt.Sprint(events[i+1]["postback"].(map[string]any)["params"]); got != want {
			t.Errorf("params %s, want %s", got, want)
		}
	}
	w.want(w.call("DELETE", path+"/tab-a", ""), 200, "{}")
	w.want(w.call("DELETE", path+"/tab-a", ""), 404, "")
}

// §8: "≤ 1000 menus".
func TestThousandMenus(t *testing.T) {
	w := newWorld(t, Config{NoRateLimits: true})
	for range maxMenus {
		w.createdMenu(false)
	}
	w.want(w.call("POST", "/v2/bot/richmenu", menuJSON), 400, "limit")
}

// §16.2: "Blob calls are a second client".
func TestTheSDKInstallsAMenu(t *testing.T) {
	w := newWorld(t, Config{})
	api, err := messaging_api.NewMessagingApiAPI(w.Config().AccessToken, messaging_api.WithEndpoint(w.url))
	if err != nil {
		t.Fatal(err)
	}
	blob, err := messaging_api.NewMessagingApiBlobAPI(w.Config().AccessToken, messaging_api.WithBlobEndpoint(w.url))
	if err != nil {
		t.Fatal(err)
	}
	made, err := api.CreateRichMenu(&messaging_api.RichMenuRequest{
		Size: &messaging_api.RichMenuSize{Width: 2500, Height: 1686}, Name: "a", ChatBarText: "b",
		Areas: []messaging_api.RichMenuArea{{
			Bounds: &messaging_api.RichMenuBounds{Width: 100, Height: 100},
			Action: &messaging_api.UriAction{Uri: "https://example.jp/"},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	var picture bytes.Buffer
	jpeg.Encode(&picture, image.NewGray(image.Rect(0, 0, 2500, 1686)), nil)
	if _, err := blob.SetRichMenuImage(made.RichMenuId, "image/jpeg", &picture); err != nil {
		t.Fatal(err)
	}
	if _, err := api.SetDefaultRichMenu(made.RichMenuId); err != nil {
		t.Error(err)
	}
	list, err := api.GetRichMenuList()
	if err != nil || len(list.Richmenus) != 1 || list.Richmenus[0].RichMenuId != made.RichMenuId || list.Richmenus[0].ChatBarText != "b" {
		t.Errorf("list %+v, %v", list, err)
	}
}
