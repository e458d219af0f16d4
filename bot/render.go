package bot

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"tsunagu/flows"
)

// A textMessage and a flexMessage are LINE's message objects with the properties used here.
type textMessage struct {
	Type       string      `json:"type"`
	Text       string      `json:"text"`
	QuickReply *quickReply `json:"quickReply,omitempty"`
	Sender     *sender     `json:"sender,omitempty"`
}

// A sender is who a bubble is from, when not from the account itself.
type sender struct {
	Name string `json:"name"`
}

type stickerMessage struct {
	Type      string  `json:"type"`
	PackageID string  `json:"packageId"`
	StickerID string  `json:"stickerId"`
	Sender    *sender `json:"sender,omitempty"`
}

type imageMessage struct {
	Type     string  `json:"type"`
	Original string  `json:"originalContentUrl"`
	Preview  string  `json:"previewImageUrl"`
	Sender   *sender `json:"sender,omitempty"`
}

type flexMessage struct {
	Type       string      `json:"type"`
	AltText    string      `json:"altText"`
	Contents   any         `json:"contents"` // a bubble or a carousel
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

// render writes a message in LINE's JSON, held to LINE's limits. A text that is too long becomes several messages. as is
// who speaks, "" for the account.
func (b *Bot) render(ctx context.Context, m flows.Message, as string) (out []json.RawMessage, err error) {
	var messages []any
	var from *sender
	if as != "" {
		from = &sender{Name: cutUnits(as, maxSender)}
	}
	switch m := m.(type) {
	case flows.Text:
		pieces := splitText(m.Text, maxText)
		for i, piece := range pieces {
			text := textMessage{Type: "text", Text: piece, Sender: from}
			if i == len(pieces)-1 {
				text.QuickReply = quick(m.Choices)
			}
			messages = append(messages, text)
		}
	case flows.Sticker:
		messages = append(messages, stickerMessage{Type: "sticker", PackageID: m.Package, StickerID: m.Sticker, Sender: from})
	case flows.Image:
		messages = append(messages, imageMessage{Type: "image", Original: m.URL, Preview: m.Preview, Sender: from})
	case flows.Buttons:
		messages = append(messages, flex(buttonsAlt(m), buttonsBubble(m), m.Choices))
	case flows.BalanceCard:
		messages = append(messages, flex(m.Alt, balanceBubble(m), m.Choices))
	case flows.GiftCard:
		card, err := b.shareable(ctx, m)
		if err != nil {
			return nil, err
		}
		messages = append(messages, flex(m.Alt(), giftBubble(card), m.Choices))
	case flows.GiftCards:
		all := carousel{Type: "carousel"}
		for _, card := range m.Cards {
			if card, err = b.shareable(ctx, card); err != nil {
				return nil, err
			}
			all.Contents = append(all.Contents, giftBubble(card))
		}
		messages = append(messages, flex(m.Alt, all, m.Choices))
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

// shareable gives the buttons that share their addresses.
func (b *Bot) shareable(ctx context.Context, card flows.GiftCard) (flows.GiftCard, error) {
	card.Buttons = slices.Clone(card.Buttons)
	for i, c := range card.Buttons {
		if c.Share == "" {
			continue
		}
		address, err := b.shareURL(ctx, c.Share, c.Types)
		if err != nil {
			return card, err
		}
		card.Buttons[i].URL = address
	}
	return card, nil
}

func flex(alt string, contents any, choices []flows.Choice) flexMessage {
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
