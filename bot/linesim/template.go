package linesim

import (
	"slices"
	"time"
)

// template checks a template object.
func (n node) template() {
	switch n.choice("type", true, "buttons", "confirm", "carousel", "image_carousel") {
	case "buttons":
		n.look()
		n.column(160, 4)
	case "confirm":
		n.need("text", chars(240))
		n.actions(2, 2)
	case "carousel":
		n.look()
		var counts []int
		for i, v := range n.list("columns", 1, 10) {
			if col, ok := n.node(index(n.at("columns"), i), v); ok {
				counts = append(counts, col.column(120, 3))
			}
		}
		if len(slices.Compact(counts)) > 1 {
			n.wrong("columns", "All columns must have the same number of actions")
		}
	case "image_carousel":
		for i, v := range n.list("columns", 1, 10) {
			if col, ok := n.node(index(n.at("columns"), i), v); ok {
				col.https("imageUrl", true)
				col.action("action", inImageCarousel)
			}
		}
	}
}

func (n node) look() {
	n.choice("imageAspectRatio", false, "rectangle", "square")
	n.choice("imageSize", false, "cover", "contain")
}

// column checks what a buttons template and a carousel's column share and returns the number of actions. Text may be
// longer where neither image nor title stands above it.
func (n node) column(alone, actions int) int {
	n.https("thumbnailImageUrl", false)
	n.may("title", chars(40))
	if n.has("thumbnailImageUrl") || n.has("title") {
		alone = 60
	}
	n.need("text", chars(alone))
	n.color("imageBackgroundColor")
	if n.has("defaultAction") {
		n.action("defaultAction", inFlex) // its label is not shown
	}
	return n.actions(1, actions)
}

func (n node) actions(least, most int) int {
	all := n.list("actions", least, most)
	for i, v := range all {
		if a, ok := n.node(index(n.at("actions"), i), v); ok {
			a.anAction(inTemplate)
		}
	}
	return len(all)
}

// A place is where an action stands; the rules for its label and its kinds differ.
type place int

const (
	inTemplate place = iota
	inImageCarousel
	inQuickReply
	inRichMenu
	inFlexButton
	inFlex
)

// labels gives each place the longest label and whether one is needed.
var labels = map[place]struct {
	most   int
	needed bool
}{
	inTemplate:      {20, true},
	inImageCarousel: {12, false},
	inQuickReply:    {20, true},
	inRichMenu:      {20, false},
	inFlexButton:    {40, true},
	inFlex:          {40, false},
}

func (n node) action(name string, in place) {
	if a, ok := n.child(name, true); ok {
		a.anAction(in)
	}
}

// anAction checks an action object.
func (n node) anAction(in place) {
	kinds := []string{"postback", "message", "uri", "datetimepicker", "clipboard"}
	switch in {
	case inQuickReply:
		kinds = append(kinds, "camera", "cameraRoll", "location")
	case inRichMenu:
		kinds = append(kinds, "richmenuswitch")
	}
	kind := n.choice("type", true, kinds...)
	if label := labels[in]; label.needed {
		n.need("label", chars(label.most))
	} else {
		n.may("label", chars(label.most))
	}
	switch kind {
	case "postback":
		n.data()
		n.may("displayText", chars(300))
		n.may("text", chars(300))
		if n.has("displayText") && n.has("text") {
			n.wrong("text", "Cannot be used together with displayText")
		}
		option := n.choice("inputOption", false, "closeRichMenu", "openRichMenu", "openKeyboard", "openVoice")
		if n.may("fillInText", chars(300)) != "" && option != "openKeyboard" {
			n.wrong("fillInText", "Can only be used when inputOption is openKeyboard")
		}
	case "message":
		n.need("text", chars(300))
	case "uri":
		n.uri("uri")
		if alt, ok := n.child("altUri", false); ok && alt.has("desktop") {
			alt.uri("desktop")
		}
	case "datetimepicker":
		n.data()
		n.times(n.choice("mode", true, "date", "time", "datetime"))
	case "richmenuswitch":
		if id := n.need("richMenuAliasId", units(32)); id != "" && !aliasIDForm.MatchString(id) {
			n.wrong("richMenuAliasId", "Invalid rich menu alias id")
		}
		n.may("data", units(300))
	case "clipboard":
		n.need("clipboardText", units(1000))
	}
}

// data checks a postback's data, which must be there and is not in the list of what grapheme clusters measure.
func (n node) data() {
	if !n.has("data") {
		n.wrong("data", "May not be null")
	}
	n.may("data", units(300))
}

// uri checks an address a person can open.
func (n node) uri(name string) {
	switch text := n.need(name, units(1000)); scheme(text) {
	case "http", "https", "line", "tel":
	default:
		if text != "" {
			n.wrong(name, "invalid uri scheme")
		}
	}
}

var pickerForms = map[string][]string{
	"date":     {"2006-01-02"},
	"time":     {"15:04"},
	"datetime": {"2006-01-02T15:04", "2006-01-02t15:04"},
}

// times checks a picker's first, lowest and highest value.
func (n node) times(mode string) {
	for _, name := range []string{"initial", "min", "max"} {
		text := n.may(name, units(20))
		if text == "" {
			continue
		}
		if !slices.ContainsFunc(pickerForms[mode], func(form string) bool {
			t, err := time.Parse(form, text)
			return err == nil && (mode == "time" || t.Year() >= 1900 && t.Year() <= 2100)
		}) {
			n.wrong(name, "Invalid date or time")
		}
	}
}
