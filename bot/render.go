package bot

import (
	"encoding/json"
	"fmt"

	"tsunagu/flows"
)

// A textMessage and a flexMessage are LINE's message objects with the properties used here.
type textMessage struct {
	Type       string      `json:"type"`
	Text       string      `json:"text"`
	QuickReply *quickReply `json:"quickReply,omitempty"`
}

type flexMessage struct {
	Type       string      `json:"type"`
	AltText    string      `json:"altText"`
	Contents   bubble      `json:"contents"`
	QuickReply *quickReply `json:"quickReply,omitempty"`
}

type quickReply struct {
	Items []quickReplyItem `json:"items"`
}

type quickReplyItem struct {
	Type   string `json:"type"`
	Action action `json:"action"`
}

// An action is a message, postback or uri action.
type action struct {
	Type        string `json:"type"`
	Label       string `json:"label,omitempty"`
	Text        string `json:"text,omitempty"`
	Data        string `json:"data,omitempty"`
	DisplayText string `json:"displayText,omitempty"`
	URI         string `json:"uri,omitempty"`
}

// render writes a message in LINE's JSON, held to LINE's limits. A text that is too long becomes several messages.
func (b *Bot) render(m flows.Message) (out []json.RawMessage, err error) {
	var messages []any
	switch m := m.(type) {
	case flows.Text:
		pieces := splitText(m.Text, maxText)
		for i, piece := range pieces {
			text := textMessage{Type: "text", Text: piece}
			if i == len(pieces)-1 {
				text.QuickReply = quick(m.Choices)
			}
			messages = append(messages, text)
		}
	case flows.Buttons:
		messages = append(messages, flex(buttonsAlt(m), buttonsBubble(m), m.Choices))
	case flows.BalanceCard:
		messages = append(messages, flex(m.Alt, balanceBubble(m), m.Choices))
	default:
		return nil, fmt.Errorf("no rendering for %T", m)
	}
	for _, m := range messages {
		raw, err := json.Marshal(m)
		if err != nil {
			return nil, fmt.Errorf("render: %w", err)
		}
		if len(raw) > maxFlexBytes {
			return nil, fmt.Errorf("message of %d bytes: LINE takes %d", len(raw), maxFlexBytes)
		}
		out = append(out, raw)
	}
	return out, nil
}

func flex(alt string, contents bubble, choices []flows.Choice) flexMessage {
	return flexMessage{Type: "flex", AltText: cutUnits(alt, maxAltText), Contents: contents, QuickReply: quick(choices)}
}

// quick makes quick replies: LINE shows 13 at most.
func quick(choices []flows.Choice) *quickReply {
	if len(choices) == 0 {
		return nil
	}
	var q quickReply
	for _, c := range choices[:min(len(choices), maxQuickReplies)] {
		q.Items = append(q.Items, quickReplyItem{Type: "action", Action: actionOf(c)})
	}
	return &q
}

func actionOf(c flows.Choice) action {
	label := cutLabel(c.Label)
	switch {
	case c.URL != "":
		return action{Type: "uri", Label: label, URI: c.URL}
	case c.Data != "":
		return action{Type: "postback", Label: label, Data: c.Data, DisplayText: c.Label}
	default:
		return action{Type: "message", Label: label, Text: c.Say}
	}
}
