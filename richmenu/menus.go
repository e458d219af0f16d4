package richmenu

import (
	"image"

	"github.com/line/line-bot-sdk-go/v8/linebot/messaging_api"

	"tsunagu/flows"
)

// Aliases of the menu a person starts with, by link state. See For.
const (
	AliasNone   = "tsunagu-none"
	AliasUser   = "tsunagu-user"
	AliasHolder = "tsunagu-holder"
	AliasBoth   = "tsunagu-both"
)

// For is the alias of the menu for a link state: holder says that the person has a 契約者連携, user a 利用者連携 (MNU-03).
func For(holder, user bool) string { return links{holder, user}.alias() }

// Tabs are the aliases of all menus of a link state: the one of For, and those its tabs switch to.
func Tabs(holder, user bool) []string {
	tabs := []string{For(holder, user)}
	for _, m := range All() {
		if m.Alias != tabs[0] {
			continue
		}
		for _, p := range m.Parts {
			if p.Action.Switch != "" {
				tabs = append(tabs, p.Action.Switch)
			}
		}
	}
	return tabs
}

// A Menu is one rich menu: one picture and what its buttons do.
type Menu struct {
	// Name is short and unique, such as "user-data". The picture is images/NAME.png.
	Name string
	// Alias is the rich menu alias that points at it.
	Alias string
	// ChatBarText stands on the bar that opens and closes the menu, at most 14 characters.
	ChatBarText string
	// Size is in pixels, as are the bounds of the parts.
	Size  image.Point
	Parts []Part
}

// A Part is something painted on a menu. It is a button when it has an action.
type Part struct {
	Look   Look
	Bounds image.Rectangle
	Icon   Icon
	Label  string
	// Hint is one line under the label, or "".
	Hint string
	// Strong marks the one or two buttons the picture leads the eye to.
	Strong bool
	// Locked says that the function needs a link the person does not have. The button stays usable (MNU-05).
	Locked bool
	Action Action
}

// An Action is what a tap does: say a word as if it were typed, or switch to another menu. The zero Action is none.
type Action struct {
	// Say is a word of MNU-04.
	Say string
	// Switch is the alias of a menu.
	Switch string
}

// A Look is how a part is painted.
type Look int

const (
	Header Look = iota // the band on top, with the brand
	Tab                // a tab one can switch to
	Open               // the tab that is open
	Hero               // a large button: icon above the words
	Card               // a button of a third of the width: icon above the words
	Row                // a flat button: icon beside the words
	Done               // a link that exists, 「連携済み」; no button
)

// All are the menus in the order they are installed and painted.
func All() []Menu {
	menus := []Menu{welcome()}
	for _, l := range []links{{user: true}, {holder: true}, {holder: true, user: true}} {
		menus = append(menus, data(l), contract(l))
	}
	return menus
}

// Areas are LINE's tap areas: the bounds of every button, with its action.
func (m Menu) Areas() []messaging_api.RichMenuArea {
	var areas []messaging_api.RichMenuArea
	for _, p := range m.Parts {
		if action := p.action(); action != nil {
			areas = append(areas, messaging_api.RichMenuArea{
				Bounds: &messaging_api.RichMenuBounds{
					X: int64(p.Bounds.Min.X), Y: int64(p.Bounds.Min.Y),
					Width: int64(p.Bounds.Dx()), Height: int64(p.Bounds.Dy()),
				},
				Action: action,
			})
		}
	}
	return areas
}

// action is the part's action in LINE's words, nil for a part that is no button. The label is read aloud to people
// who cannot see the picture; what a tap said shows in the chat as the person's words.
func (p Part) action() messaging_api.ActionInterface {
	switch {
	case p.Action.Say != "":
		return &messaging_api.PostbackAction{Label: p.Label, Data: flows.SayData(p.Action.Say), DisplayText: p.Label}
	case p.Action.Switch != "":
		return &messaging_api.RichMenuSwitchAction{
			Label: p.Label + "を表示", RichMenuAliasId: p.Action.Switch, Data: "1:tab:" + p.Action.Switch,
		}
	}
	return nil
}

// links is a link state.
type links struct{ holder, user bool }

func (l links) name() string {
	switch l {
	case links{holder: true, user: true}:
		return "both"
	case links{holder: true}:
		return "holder"
	case links{user: true}:
		return "user"
	}
	return "none"
}

func (l links) alias() string { return "tsunagu-" + l.name() }

// A function is what a button stands for.
type function struct {
	icon  Icon
	label string
	word  string
	hint  string
	// needs is the link without which the function only explains itself (domain.md §1, "Who may do what").
	needs links
}

var (
	balance  = function{Gauge, "残容量確認", "残量", "今月の残りがわかる", links{user: true}}
	gift     = function{GiftBox, "データプレゼント", "プレゼント", "データを贈る・受け取る", links{user: true}}
	myPage   = function{Person, "マイページ", "マイページ", "パスワードなしで開く", links{holder: true}}
	bill     = function{Receipt, "請求・料金", "料金", "料金明細を確認", links{holder: true}}
	points   = function{Coin, "LINEポイント", "ポイント", "お支払いに使う", links{holder: true}}
	help     = function{Headset, "いつでもヘルプ", "ヘルプ", "困ったときはこちら", links{}}
	settings = function{Gear, "設定", "設定", "連携の確認・解除", links{}}

	linkHolder = function{Contract, "契約者連携", "契約者連携", "マイページや料金明細に", links{}}
	linkUser   = function{Phone, "利用者連携", "利用者連携", "データ残量とプレゼントに", links{}}
)

// part places the function's button for people with the links l.
func (f function) part(l links, look Look, at image.Rectangle) Part {
	p := Part{Look: look, Bounds: at, Icon: f.icon, Label: f.label, Hint: f.hint, Action: Action{Say: f.word}}
	switch {
	case f.needs.user && !l.user:
		p.Locked, p.Hint = true, "利用者連携が必要"
	case f.needs.holder && !l.holder:
		p.Locked, p.Hint = true, "契約者連携が必要"
	}
	return p
}

// strong is part, with the eye led to it unless it is locked.
func (f function) strong(l links, look Look, at image.Rectangle) Part {
	p := f.part(l, look, at)
	p.Strong = !p.Locked
	return p
}

// The grid all menus share, in pixels of LINE's large size. On a phone of 390 points a point is 6.4 of these.
const (
	width, height = 2500, 1686
	band          = 232 // height of the header and the tabs
	margin, gap   = 48, 32
	tabWidth      = 900
)

// row cuts n equal cells out of the width, from top and high pixels high.
func row(top, high, n int) []image.Rectangle {
	cells := make([]image.Rectangle, n)
	wide := (width - 2*margin - (n-1)*gap) / n
	for i := range cells {
		left := margin + i*(wide+gap)
		cells[i] = image.Rect(left, top, left+wide, top+high)
	}
	return cells
}

// welcome is the menu of people without a link: it leads to linking.
func welcome() Menu {
	const first, second, third = 520, 450, 324
	none := links{}
	top := band + 40
	a, b := row(top, first, 2), row(top+first+gap, second, 3)
	c := row(top+first+second+2*gap, third, 2)
	return menu("none", none.alias(),
		Part{Look: Header, Bounds: image.Rect(0, 0, width, band), Label: "連携すると、もっと便利に"},
		linkUser.strong(none, Hero, a[0]), linkHolder.strong(none, Hero, a[1]),
		balance.part(none, Card, b[0]), gift.part(none, Card, b[1]), myPage.part(none, Card, b[2]),
		help.part(none, Row, c[0]), settings.part(none, Row, c[1]),
	)
}

// data is the tab 「マイデータ」, which people with a link see first. It holds every function of MNU-03.
func data(l links) Menu {
	a, b, c := rows()
	parts := append(tabs(l, true),
		balance.strong(l, Hero, a[0]), gift.part(l, Hero, a[1]),
		myPage.part(l, Card, b[0]), help.part(l, Card, b[1]), settings.part(l, Card, b[2]))
	return menu(l.name()+"-data", l.alias(), append(parts, linking(l, links{user: true}, c)...)...)
}

// contract is the tab 「契約・お支払い」.
func contract(l links) Menu {
	a, b, c := rows()
	parts := append(tabs(l, false),
		myPage.strong(l, Hero, a[0]), bill.part(l, Hero, a[1]),
		points.part(l, Card, b[0]), help.part(l, Card, b[1]), settings.part(l, Card, b[2]))
	return menu(l.name()+"-contract", contractAlias(l), append(parts, linking(l, links{holder: true}, c)...)...)
}

func contractAlias(l links) string { return l.alias() + "-contract" }

// rows are the three rows under the tabs.
func rows() (two, three, flat []image.Rectangle) {
	const first, second, third = 598, 464, 236
	top := band + 40
	return row(top, first, 2), row(top+first+gap, second, 3), row(top+first+second+2*gap, third, 2)
}

// tabs are the two tabs; dataOpen says which of them is open.
func tabs(l links, dataOpen bool) []Part {
	left := image.Rect(margin, 24, margin+tabWidth, band)
	right := left.Add(image.Pt(tabWidth+gap, 0))
	mine := Part{Look: Open, Bounds: left, Label: "マイデータ"}
	pay := Part{Look: Tab, Bounds: right, Label: "契約・お支払い", Action: Action{Switch: contractAlias(l)}}
	if !dataOpen {
		mine.Look, mine.Action = Tab, Action{Switch: l.alias()}
		pay.Look, pay.Action = Open, Action{}
	}
	return []Part{{Look: Header, Bounds: image.Rect(0, 0, width, band)}, mine, pay}
}

// linking is the last row: each link is either offered or shown as 「連携済み」 (MNU-03). The eye is led to an offer
// that the tab's functions wait for.
func linking(l, wanted links, at []image.Rectangle) []Part {
	one := func(f function, done, wanted bool, at image.Rectangle) Part {
		if done {
			return Part{Look: Done, Bounds: at, Icon: f.icon, Label: f.label, Hint: "連携済み"}
		}
		p := f.part(l, Row, at)
		p.Strong = wanted
		return p
	}
	return []Part{one(linkUser, l.user, wanted.user, at[0]), one(linkHolder, l.holder, wanted.holder, at[1])}
}

func menu(name, alias string, parts ...Part) Menu {
	return Menu{Name: name, Alias: alias, ChatBarText: "メニュー", Size: image.Pt(width, height), Parts: parts}
}
