package linesim

import (
	"math"
	"regexp"
	"slices"
)

const (
	maxBubble   = 30 << 10
	maxCarousel = 50 << 10
)

// flex checks a Flex Message's contents, written in size bytes. LINE does not say whether its 30 and 50 KB are
// measured before or after decoding; here it is what came over the wire.
func (n node) flex(size int) {
	box, ok := n.child("contents", true)
	if !ok {
		return
	}
	switch box.choice("type", true, "bubble", "carousel") {
	case "bubble":
		if size > maxBubble {
			n.wrong("contents", "The size of a bubble must be at most 30 KB")
		}
		box.bubble(false)
	case "carousel":
		if size > maxCarousel {
			n.wrong("contents", "The size of a carousel must be at most 50 KB")
		}
		box.only("contents")
		var sizes []any
		for i, v := range box.list("contents", 1, 12) {
			if b, ok := box.node(index(box.at("contents"), i), v); ok {
				b.choice("type", true, "bubble")
				b.bubble(true)
				sizes = append(sizes, b.of["size"])
			}
		}
		if len(slices.Compact(sizes)) > 1 {
			box.wrong("contents", "All bubbles must have the same size")
		}
	}
	if n.animated > 10 {
		n.wrong("contents", "At most 10 animated images")
	}
}

func (n node) bubble(inCarousel bool) {
	n.only("direction", "styles", "header", "hero", "body", "footer", "size", "action")
	n.choice("direction", false, "ltr", "rtl")
	size := n.choice("size", false, "nano", "micro", "deca", "hecto", "kilo", "mega", "giga")
	for _, block := range []string{"header", "body", "footer"} {
		if b, ok := n.child(block, false); ok {
			b.component("box")
		}
	}
	if hero, ok := n.child("hero", false); ok {
		hero.component("box", "image", "video")
		if hero.of["type"] == "video" && (inCarousel || !slices.Contains([]string{"", "kilo", "mega", "giga"}, size)) {
			n.wrong("hero", "A video needs a bubble of its own, of size kilo, mega or giga")
		}
	}
	if n.has("action") {
		n.action("action", inFlex)
	}
	styles, _ := n.child("styles", false)
	for _, block := range []string{"header", "hero", "body", "footer"} {
		if s, ok := styles.child(block, false); ok {
			s.color("backgroundColor")
			s.color("separatorColor")
			s.boolean("separator")
		}
	}
}

// only refuses properties a Flex object does not have.
func (n node) only(names ...string) {
	for name := range n.of {
		if name != "type" && !slices.Contains(names, name) {
			n.wrong(name, "unknown field")
		}
	}
}

// A property checks one property of a component that is present.
type property func(n node, name string)

var (
	flexColor   = regexp.MustCompile(`^#([0-9A-Fa-f]{6}|[0-9A-Fa-f]{8})$`)
	flexPixels  = regexp.MustCompile(`^([0-9]+(\.[0-9]+)?|-?[0-9]+)px$`)
	flexLength  = regexp.MustCompile(`^(-?[0-9]+(\.[0-9]+)?px|[0-9]+(\.[0-9]+)?%)$`)
	flexRatio   = regexp.MustCompile(`^[0-9]{1,6}(\.[0-9]+)?:[0-9]{1,6}(\.[0-9]+)?$`)
	flexSpaces  = []string{"none", "xs", "sm", "md", "lg", "xl", "xxl"}
	flexBorders = []string{"none", "light", "normal", "medium", "semi-bold", "bold"}
	flexSizes   = []string{"xxs", "xs", "sm", "md", "lg", "xl", "xxl", "3xl", "4xl", "5xl"}
)

func (n node) color(name string) { matches(flexColor)(n, name) }

// matches wants a text of a form, or one of the words.
func matches(form *regexp.Regexp, words ...string) property {
	return func(n node, name string) {
		v, ok := n.of[name].(string)
		if n.has(name) && (!ok || !form.MatchString(v) && !slices.Contains(words, v)) {
			n.wrong(name, "invalid property")
		}
	}
}

func words(values ...string) property {
	return func(n node, name string) { n.choice(name, false, values...) }
}

func yesOrNo(n node, name string) { n.boolean(name) }

func count(n node, name string) { n.whole(name, false, 0, math.MaxInt32) }

func flexAction(n node, name string) { n.action(name, inFlex) }

func address(n node, name string) { n.https(name, true) }

func flexText(n node, name string) {
	if v, ok := n.of[name].(string); !ok || v == "" {
		n.wrong(name, "must be non-empty text")
	}
}

// gradient is the only background a box can have.
func gradient(n node, name string) {
	b, ok := n.child(name, true)
	if !ok {
		return
	}
	b.choice("type", true, "linearGradient")
	b.only("angle", "startColor", "endColor", "centerColor", "centerPosition")
	matches(flexAngle)(b, "angle")
	b.color("startColor")
	b.color("endColor")
	b.color("centerColor")
	matches(flexLength)(b, "centerPosition")
	for _, needed := range []string{"angle", "startColor", "endColor"} {
		if !b.has(needed) {
			b.wrong(needed, "must be specified")
		}
	}
}

var flexAngle = regexp.MustCompile(`^[0-9]+(\.[0-9]+)?deg$`)

// placed is what every component that takes room has.
var placed = map[string]property{
	"flex":      count,
	"margin":    matches(flexPixels, flexSpaces...),
	"position":  words("relative", "absolute"),
	"offsetTop": matches(flexLength, flexSpaces...), "offsetBottom": matches(flexLength, flexSpaces...),
	"offsetStart": matches(flexLength, flexSpaces...), "offsetEnd": matches(flexLength, flexSpaces...),
}

var written = map[string]property{
	"text":       flexText,
	"size":       matches(flexPixels, flexSizes...),
	"color":      matches(flexColor),
	"weight":     words("regular", "bold"),
	"style":      words("normal", "italic"),
	"decoration": words("none", "underline", "line-through"),
}

// A kind is one Flex component: its properties and those it cannot do without. What it contains is checked in
// component.
type kind struct {
	has   []map[string]property
	needs []string
}

var flexKinds = map[string]kind{
	"box": {[]map[string]property{placed, {
		"layout": words("horizontal", "vertical", "baseline"), "contents": nil,
		"spacing": matches(flexPixels, flexSpaces...), "backgroundColor": matches(flexColor), "borderColor": matches(flexColor),
		"borderWidth": matches(flexPixels, flexBorders...), "cornerRadius": matches(flexPixels, flexSpaces...),
		"width": matches(flexLength), "maxWidth": matches(flexLength), "height": matches(flexLength), "maxHeight": matches(flexLength),
		"paddingAll": matches(flexLength, flexSpaces...), "paddingTop": matches(flexLength, flexSpaces...),
		"paddingBottom": matches(flexLength, flexSpaces...), "paddingStart": matches(flexLength, flexSpaces...),
		"paddingEnd": matches(flexLength, flexSpaces...), "action": flexAction, "background": gradient,
		"justifyContent": words("center", "flex-start", "flex-end", "space-between", "space-around", "space-evenly"),
		"alignItems":     words("center", "flex-start", "flex-end"),
	}}, []string{"layout", "contents"}},
	"button": {[]map[string]property{placed, {
		"action": func(n node, name string) { n.action(name, inFlexButton) },
		"height": words("sm", "md"), "style": words("primary", "secondary", "link"), "color": matches(flexColor),
		"gravity": words("top", "bottom", "center"), "adjustMode": words("shrink-to-fit"), "scaling": yesOrNo,
	}}, []string{"action"}},
	"image": {[]map[string]property{placed, {
		"url": address, "align": words("start", "end", "center"), "gravity": words("top", "bottom", "center"),
		"size": matches(flexLength, append(slices.Clone(flexSizes), "full")...), "aspectRatio": matches(flexRatio),
		"aspectMode": words("fit", "cover"), "backgroundColor": matches(flexColor), "action": flexAction, "animated": yesOrNo,
	}}, []string{"url"}},
	"video": {[]map[string]property{{
		"url": address, "previewUrl": address, "altContent": nil, "aspectRatio": matches(flexRatio), "action": flexAction,
	}}, []string{"url", "previewUrl", "altContent"}},
	"icon": {[]map[string]property{placed, {
		"url": address, "size": matches(flexLength, flexSizes...), "aspectRatio": matches(flexRatio), "scaling": yesOrNo,
	}}, []string{"url"}},
	"text": {[]map[string]property{placed, written, {
		"contents": nil, "align": words("start", "end", "center"), "gravity": words("top", "bottom", "center"), "wrap": yesOrNo,
		"lineSpacing": matches(flexPixels), "maxLines": count, "action": flexAction, "adjustMode": words("shrink-to-fit"), "scaling": yesOrNo,
	}}, nil},
	"span":      {[]map[string]property{written}, nil},
	"separator": {[]map[string]property{{"margin": matches(flexPixels, flexSpaces...), "color": matches(flexColor)}}, nil},
	"filler":    {[]map[string]property{{"flex": count}}, nil},
}

// flexContents says what may stand in a box of each layout.
var flexContents = map[string][]string{
	"horizontal": {"box", "button", "image", "text", "separator", "filler"},
	"vertical":   {"box", "button", "image", "text", "separator", "filler"},
	"baseline":   {"icon", "text", "filler"},
}

// component checks one component, which must be of one of the types.
func (n node) component(types ...string) {
	name := n.choice("type", true, types...)
	kind, ok := flexKinds[name]
	if !ok {
		return
	}
	for property := range n.of {
		if property == "type" || !n.has(property) {
			continue
		}
		known := false
		for _, group := range kind.has {
			if check, ok := group[property]; ok {
				if known = true; check != nil {
					check(n, property)
				}
			}
		}
		if !known {
			n.wrong(property, "unknown field")
		}
	}
	for _, needed := range kind.needs {
		if !n.has(needed) {
			n.wrong(needed, "must be specified")
		}
	}
	switch name {
	case "box":
		layout, _ := n.of["layout"].(string)
		n.components("contents", flexContents[layout]...)
	case "text":
		if n.components("contents", "span") == 0 && !n.has("text") {
			n.wrong("text", "must be specified")
		}
	case "video":
		if alt, ok := n.child("altContent", false); ok {
			alt.component("box", "image")
		}
	case "image":
		if n.of["animated"] == true {
			n.animated++
		}
	}
}

// components checks a list of components and returns its length.
func (n node) components(name string, types ...string) int {
	all := n.list(name, 0, math.MaxInt32)
	for i, v := range all {
		if c, ok := n.node(index(n.at(name), i), v); ok {
			c.component(types...)
		}
	}
	return len(all)
}
