package bot

import (
	"fmt"

	"tsunagu/flows"
)

// Flex Messages are written with structs of our own: the SDK's always send flex:0, which changes the layout.

type bubble struct {
	Type   string `json:"type"`
	Size   string `json:"size,omitempty"`
	Header *node  `json:"header,omitempty"`
	Body   *node  `json:"body,omitempty"`
	Footer *node  `json:"footer,omitempty"`
}

// A carousel is bubbles side by side.
type carousel struct {
	Type     string   `json:"type"`
	Contents []bubble `json:"contents"`
}

// A node is a box, text, button, separator or filler.
type node struct {
	Type            string  `json:"type"`
	Layout          string  `json:"layout,omitempty"`
	Contents        []*node `json:"contents,omitempty"`
	Text            string  `json:"text,omitempty"`
	Size            string  `json:"size,omitempty"`
	Weight          string  `json:"weight,omitempty"`
	Color           string  `json:"color,omitempty"`
	Align           string  `json:"align,omitempty"`
	Wrap            bool    `json:"wrap,omitempty"`
	Flex            *int    `json:"flex,omitempty"`
	Margin          string  `json:"margin,omitempty"`
	Spacing         string  `json:"spacing,omitempty"`
	PaddingAll      string  `json:"paddingAll,omitempty"`
	Width           string  `json:"width,omitempty"`
	Height          string  `json:"height,omitempty"`
	CornerRadius    string  `json:"cornerRadius,omitempty"`
	BackgroundColor string  `json:"backgroundColor,omitempty"`
	Style           string  `json:"style,omitempty"`
	Action          *action `json:"action,omitempty"`
}

// Colours: the ink and two accents, each with enough contrast on white (WCAG AA).
const (
	ink    = "#1B1F23"
	faint  = "#5F6B76"
	green  = "#067A3A"
	amber  = "#B54708"
	track  = "#E6EAED"
	softly = "#F4F7F6"
)

func text(s, size, color string) *node {
	return &node{Type: "text", Text: orDash(s), Size: size, Color: color, Wrap: true}
}

// orDash keeps a text LINE would refuse: an empty one.
func orDash(s string) string {
	if s == "" {
		return "–"
	}
	return s
}

func bold(n *node) *node              { n.Weight = "bold"; return n }
func right(n *node) *node             { n.Align = "end"; return n }
func below(gap string, n *node) *node { n.Margin = gap; return n }
func share(f int, n *node) *node      { n.Flex = &f; return n }

func vertical(contents ...*node) *node {
	return &node{Type: "box", Layout: "vertical", Contents: contents}
}

func horizontal(contents ...*node) *node {
	return &node{Type: "box", Layout: "horizontal", Contents: contents}
}

func button(c flows.Choice, style string) *node {
	a := actionOf(c)
	n := &node{Type: "button", Style: style, Height: "sm", Action: &a}
	if style == "primary" {
		n.Color = green
	}
	return n
}

// buttonsBubble is a question with its buttons below, the first one stressed.
func buttonsBubble(m flows.Buttons) bubble {
	body := vertical()
	if m.Title != "" {
		body.Contents = append(body.Contents, bold(text(m.Title, "lg", ink)))
	}
	body.Contents = append(body.Contents, below("md", text(m.Text, "sm", ink)))
	return bubble{Type: "bubble", Size: "kilo", Body: body, Footer: footer(m.Buttons)}
}

// footer is the buttons of a card, the first one stressed.
func footer(buttons []flows.Choice) *node {
	foot := vertical()
	foot.Spacing = "sm"
	for i, c := range buttons {
		style := "secondary"
		if i == 0 {
			style = "primary"
		}
		foot.Contents = append(foot.Contents, button(c, style))
	}
	return foot
}

func buttonsAlt(m flows.Buttons) string {
	if m.Title == "" {
		return m.Text
	}
	return m.Title + "\n" + m.Text
}

// balanceBubble draws what is left: the total, a bar a bucket, and the state of the line.
func balanceBubble(c flows.BalanceCard) bubble {
	accent := green
	if c.Slow {
		accent = amber
	}
	head := vertical(
		horizontal(text("データ残量", "xs", faint), right(text(c.Line, "xs", faint))),
		below("sm", &node{Type: "box", Layout: "baseline", Spacing: "sm", Contents: []*node{
			share(0, text("残り", "sm", ink)), bold(text(c.Total, "3xl", accent)),
		}}),
	)
	head.PaddingAll, head.BackgroundColor = "16px", softly

	body := vertical()
	body.Spacing, body.PaddingAll = "md", "16px"
	for _, r := range c.Rows {
		amount := r.Amount
		row := vertical(horizontal(share(3, text(r.Label, "sm", ink)), share(2, bold(right(text(amount, "sm", ink))))))
		row.Contents = append(row.Contents, below("sm", bar(r.Part, accent)))
		if r.Until != "" {
			row.Contents = append(row.Contents, below("xs", right(text(r.Until, "xxs", faint))))
		}
		body.Contents = append(body.Contents, row)
	}
	body.Contents = append(body.Contents,
		&node{Type: "separator"},
		horizontal(text("今月の利用", "sm", faint), right(text(c.Used, "sm", ink))),
		horizontal(share(2, text("通信速度", "sm", faint)), share(3, right(bold(text(c.Speed, "sm", accent))))),
	)
	for _, note := range c.Notes {
		body.Contents = append(body.Contents, text(note, "xs", amber))
	}
	body.Contents = append(body.Contents, right(text(c.At, "xxs", faint)))
	return bubble{Type: "bubble", Size: "mega", Header: head, Body: body}
}

// giftBubble draws a gift: what it is, how much, until when, and what can be done with it.
func giftBubble(c flows.GiftCard) bubble {
	head := vertical(bold(text(c.Title, "md", ink)))
	if c.Caption != "" {
		head.Contents = append(head.Contents, below("md", text(c.Caption, "xs", faint)))
	}
	if c.Amount != "" {
		head.Contents = append(head.Contents, below("xs", bold(text(c.Amount, "3xl", green))))
	}
	head.PaddingAll, head.BackgroundColor = "16px", softly

	b := bubble{Type: "bubble", Size: "kilo", Header: head}
	body := vertical()
	body.Spacing, body.PaddingAll = "sm", "16px"
	for _, r := range c.Rows {
		body.Contents = append(body.Contents, horizontal(share(2, text(r.Label, "sm", faint)), share(3, right(text(r.Text, "sm", ink)))))
	}
	for _, note := range c.Notes {
		body.Contents = append(body.Contents, below("md", text(note, "xs", faint)))
	}
	if len(body.Contents) > 0 {
		b.Body = body
	}
	if len(c.Buttons) > 0 {
		b.Footer = footer(c.Buttons)
	}
	return b
}

// bar shows a share as a filled track.
func bar(part float64, color string) *node {
	track := &node{Type: "box", Layout: "vertical", Height: "6px", CornerRadius: "3px", BackgroundColor: track, Contents: []*node{}}
	if part > 0 {
		fill := &node{Type: "box", Layout: "vertical", Height: "6px", CornerRadius: "3px", BackgroundColor: color,
			Width: fmt.Sprintf("%d%%", max(2, int(part*100)))}
		fill.Contents = []*node{{Type: "filler"}}
		track.Contents = append(track.Contents, fill)
	} else {
		track.Contents = append(track.Contents, &node{Type: "filler"})
	}
	return track
}
