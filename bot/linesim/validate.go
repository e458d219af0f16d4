package linesim

import (
	"encoding/json"
	"fmt"
	"math"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// A checker collects what is wrong with a request. Limits are those of LINE's reference, "Message objects"; lengths
// are UTF-16 code units except where "Character counting in a text" lists grapheme clusters.
type checker struct {
	details  []detail
	animated int // Flex images that play in the message being checked
}

func (c *checker) fail(property, message string) {
	c.details = append(c.details, detail{message, property})
}

func index(list string, i int) string { return list + "[" + strconv.Itoa(i) + "]" }

// A node is one JSON object under check. A property that is null counts as absent.
type node struct {
	*checker
	path string
	of   map[string]any
}

func (c *checker) node(path string, v any) (node, bool) {
	of, ok := v.(map[string]any)
	if !ok {
		c.fail(path, "Must be an object")
	}
	return node{c, path, of}, ok
}

// at is the path of a property; the whole request's is "".
func (n node) at(name string) string {
	if n.path == "" {
		return name
	}
	return n.path + "." + name
}

func (n node) wrong(name, message string) { n.fail(n.at(name), message) }

func (n node) has(name string) bool { return n.of[name] != nil }

// child returns an object property; false when it is absent, which is wrong if it is needed, or no object.
func (n node) child(name string, needed bool) (node, bool) {
	if !n.has(name) {
		if needed {
			n.wrong(name, "May not be null")
		}
		return node{}, false
	}
	return n.node(n.at(name), n.of[name])
}

// list returns the elements of an array property whose size is from least to most.
func (n node) list(name string, least, most int) []any {
	v, ok := n.of[name].([]any)
	switch {
	case !n.has(name) && least == 0:
		return nil
	case n.has(name) && !ok:
		n.wrong(name, "Must be an array")
	case len(v) < least || len(v) > most:
		n.wrong(name, fmt.Sprintf("Size must be between %d and %d", least, most))
	}
	return v
}

// measured is text with a limit in one of LINE's two measures.
type measured struct {
	most   int
	length func(string) int
}

func units(most int) measured { return measured{most, utf16Length} }
func chars(most int) measured { return measured{most, graphemes} }

// need reads a text that must be there; may reads one that can be missing. Both return "" after a complaint of theirs.
func (n node) need(name string, limit measured) string {
	if v := n.of[name]; v == nil || v == "" {
		n.wrong(name, "May not be empty")
		return ""
	}
	return n.may(name, limit)
}

func (n node) may(name string, limit measured) string {
	if !n.has(name) {
		return ""
	}
	text, ok := n.of[name].(string)
	switch {
	case !ok:
		n.wrong(name, "Must be a string")
	case len(text) > limit.most && limit.length(text) > limit.most:
		n.wrong(name, fmt.Sprintf("Length must be between 0 and %d", limit.most))
		return ""
	}
	return text
}

// choice reads a text that must be one of values.
func (n node) choice(name string, needed bool, values ...string) string {
	v, _ := n.of[name].(string)
	if (n.has(name) || needed) && !slices.Contains(values, v) {
		n.wrong(name, "Must be one of the following values: ["+strings.Join(values, ", ")+"]")
	}
	return v
}

// whole reads a whole number from least to most, or least-1 when it is absent.
func (n node) whole(name string, needed bool, least, most int) int {
	v, ok := n.of[name].(float64)
	switch {
	case !n.has(name) && !needed:
		return least - 1
	case !ok || v != math.Trunc(v) || v < float64(least) || v > float64(most):
		n.wrong(name, fmt.Sprintf("Must be a number between %d and %d", least, most))
		return least - 1
	}
	return int(v)
}

func (n node) boolean(name string) bool {
	v, ok := n.of[name].(bool)
	if n.has(name) && !ok {
		n.wrong(name, "Must be a boolean")
	}
	return v
}

// https reads an address of something LINE fetches: at most 2000, https, percent-encoded. Plain http on this machine is taken,
// too: a bot that is tried out has no certificate.
func (n node) https(name string, needed bool) {
	if !n.has(name) && !needed {
		return
	}
	if text := n.need(name, units(2000)); text != "" && scheme(text) != "https" && !loopback(text) {
		n.wrong(name, "Must be a valid HTTPS URL")
	}
}

// loopback reports whether an address is plain http on this machine.
func loopback(address string) bool {
	u, err := url.Parse(address)
	if err != nil || scheme(address) != "http" {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}

// scheme returns a well-formed address's scheme, or "".
func scheme(address string) string {
	for i := range len(address) {
		if address[i] <= ' ' || address[i] >= 0x7f {
			return ""
		}
	}
	u, err := url.Parse(address)
	if err != nil || (u.Scheme == "http" || u.Scheme == "https") && u.Host == "" {
		return ""
	}
	return u.Scheme
}

// message checks one message object and returns it ready to deliver.
func (c *checker) message(raw json.RawMessage, path string) outgoing {
	var v any
	json.Unmarshal(raw, &v) // raw comes out of a document that was parsed
	n, ok := c.node(path, v)
	if !ok {
		return outgoing{}
	}
	n.animated = 0
	kind := n.choice("type", true, "text", "textV2", "sticker", "image", "video", "audio", "location", "imagemap", "template", "flex", "coupon")
	switch kind {
	case "text":
		n.emojis(n.need("text", units(5000)))
	case "textV2":
		n.substitutions(n.need("text", units(5000)))
	case "sticker":
		n.need("packageId", units(100))
		n.need("stickerId", units(100))
	case "image":
		n.https("originalContentUrl", true)
		n.https("previewImageUrl", true)
	case "video":
		n.https("originalContentUrl", true)
		n.https("previewImageUrl", true)
		n.may("trackingId", units(100))
	case "audio":
		n.https("originalContentUrl", true)
		n.whole("duration", true, 1, math.MaxInt32)
	case "location":
		n.need("title", units(100))
		n.need("address", units(100))
		n.degrees("latitude", 90)
		n.degrees("longitude", 180)
	case "imagemap":
		n.imagemap()
	case "template":
		n.need("altText", units(1500))
		if t, ok := n.child("template", true); ok {
			t.template()
		}
	case "flex":
		n.need("altText", units(1500))
		var sized struct{ Contents json.RawMessage }
		json.Unmarshal(raw, &sized)
		n.flex(len(sized.Contents))
	case "coupon":
		n.need("couponId", units(100))
		n.may("deliveryTag", units(30))
	}
	n.quickReply()
	return outgoing{
		raw: squeezed(raw), kind: kind, sender: n.sender(),
		quoteToken: n.may("quoteToken", units(1000)),
	}
}

func (n node) degrees(name string, most float64) {
	if v, ok := n.of[name].(float64); !ok || v < -most || v > most {
		n.wrong(name, fmt.Sprintf("Must be a number between -%g and %g", most, most))
	}
}

// emojis checks that each emoji stands at a "$" of the text.
func (n node) emojis(text string) {
	elements := n.list("emojis", 0, 20)
	if len(elements) == 0 {
		return
	}
	dollars := map[int]bool{}
	at := 0
	for _, r := range text {
		dollars[at] = r == '$'
		at += utf16Length(string(r))
	}
	for i, v := range elements {
		e, ok := n.node(index(n.at("emojis"), i), v)
		if !ok {
			continue
		}
		if at := e.whole("index", true, 0, 5000); at >= 0 && !dollars[at] {
			e.wrong("index", "Must be the index of a $")
		}
		e.need("productId", units(100))
		e.need("emojiId", units(100))
	}
}

// substitutions checks a textV2's placeholders against what is to stand there.
func (n node) substitutions(text string) {
	with, _ := n.child("substitution", false)
	if len(with.of) > 100 {
		n.wrong("substitution", "Size must be between 0 and 100")
	}
	emojis := 0
	for key := range with.of {
		if len(key) > 20 || strings.Trim(key, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_") != "" || key == "" {
			with.wrong(key, "Invalid key")
			continue
		}
		s, ok := with.child(key, true)
		if !ok {
			continue
		}
		switch s.choice("type", true, "emoji", "mention") {
		case "emoji":
			emojis++
			s.need("productId", units(100))
			s.need("emojiId", units(100))
		case "mention":
			s.wrong("type", "Mentions can only be sent to groups and rooms")
		}
	}
	if emojis > 20 {
		n.wrong("substitution", "At most 20 emojis")
	}
	rest := strings.NewReplacer("{{", "", "}}", "").Replace(text)
	for {
		open := strings.IndexAny(rest, "{}")
		if open < 0 {
			return
		}
		key, after, closed := strings.Cut(rest[open+1:], "}")
		if rest[open] == '}' || !closed || with.of[key] == nil {
			n.wrong("text", "Invalid placeholder")
			return
		}
		rest = after
	}
}

func (n node) quickReply() {
	q, ok := n.child("quickReply", false)
	if !ok {
		return
	}
	for i, v := range q.list("items", 1, 13) {
		item, ok := q.node(index(q.at("items"), i), v)
		if !ok {
			continue
		}
		item.choice("type", false, "action")
		item.https("imageUrl", false)
		item.action("action", inQuickReply)
	}
}

func (n node) sender() *Sender {
	s, ok := n.child("sender", false)
	if !ok {
		return nil
	}
	name := s.may("name", units(20))
	if strings.Contains(name, "LINE") {
		s.wrong("name", "Contains a word that may not be used")
	}
	s.https("iconUrl", false)
	icon, _ := s.of["iconUrl"].(string)
	return &Sender{Name: name, IconURL: icon}
}

func (n node) imagemap() {
	n.https("baseUrl", true)
	n.need("altText", units(1500))
	if size, ok := n.child("baseSize", true); ok {
		size.whole("width", true, 1040, 1040)
		size.whole("height", true, 1, math.MaxInt32)
	}
	for i, v := range n.list("actions", 0, 50) {
		a, ok := n.node(index(n.at("actions"), i), v)
		if !ok {
			continue
		}
		a.may("label", units(100))
		switch a.choice("type", true, "message", "uri", "clipboard") {
		case "message":
			a.need("text", units(400))
		case "uri":
			a.uri("linkUri")
		case "clipboard":
			a.need("clipboardText", units(1000))
		}
		if area, ok := a.child("area", true); ok {
			area.bounds()
		}
	}
}

// bounds checks a tappable area.
func (n node) bounds() {
	n.whole("x", true, 0, math.MaxInt32)
	n.whole("y", true, 0, math.MaxInt32)
	n.whole("width", true, 1, math.MaxInt32)
	n.whole("height", true, 1, math.MaxInt32)
}
