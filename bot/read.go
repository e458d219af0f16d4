package bot

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/line/line-bot-sdk-go/v8/linebot/webhook"
	"golang.org/x/text/unicode/norm"

	"tsunagu/flows"
)

// A reading is an arrival understood: an input with the token to answer it, or the fate of one that gets no turn.
type reading struct {
	input      flows.Input
	kind       string // the event's type, for the metrics
	replyToken string
	fate       string // set when there is no input
	reason     string
}

func recorded(kind, why string) reading {
	return reading{kind: kind, fate: flows.Recorded, reason: why}
}
func ignored(kind, why string) reading { return reading{kind: kind, fate: flows.Ignored, reason: why} }

// read understands an arrival. It decides the fate of every event type of the Messaging API.
func read(a flows.Arrival) (reading, error) {
	switch a.Sort {
	case flows.FromTimer:
		return reading{input: flows.Due{Name: string(a.Body)}, kind: "timer"}, nil
	case flows.FromLetter:
		in, err := flows.DecodeInput(a.Body)
		return reading{input: in, kind: "letter"}, err
	case elsewhere:
		return recorded("elsewhere", "for another destination"), nil
	}
	if len(a.Body) == 0 {
		return recorded("message", "taken back before it was read"), nil
	}
	var e envelope
	if err := json.Unmarshal(a.Body, &e); err != nil || e.Type == "" {
		return reading{kind: "unknown", fate: flows.Unread, reason: "not an event"}, nil
	}
	if e.Mode == "standby" { // HLP-51
		return recorded(e.Type, "standby"), nil
	}
	if a.Sort == flows.Withheld {
		if a.Lane == noLane || e.Source.Type != "user" {
			return ignored(e.Type, "group or room"), nil
		}
		return reading{input: flows.SaidSecret{}, kind: e.Type, replyToken: e.ReplyToken}, nil
	}
	r, often := readOften(e)
	if !often {
		event, err := webhook.UnmarshalEvent(a.Body)
		if err != nil { // its text holds the body
			return reading{kind: "unknown", fate: flows.Unread, reason: "not an event of LINE's shape"}, nil
		}
		r = readEvent(event, e)
	}
	r.kind, r.replyToken = e.Type, e.ReplyToken
	if e.Source != nil && e.Source.Type != "user" && r.input != nil {
		switch r.input.(type) {
		case flows.Joined, flows.Unsent:
		default:
			return ignored(r.kind, "group or room"), nil
		}
	}
	if a.Lane == noLane && r.input != nil {
		if _, failed := r.input.(flows.AccountLinkFailed); !failed {
			return reading{kind: r.kind, fate: flows.Unread, reason: "no source, or an ID that is not LINE's"}, nil
		}
	}
	return r, nil
}

// readOften reads what nearly all events are, words and taps, from the envelope: all that is asked of them stands
// there, and to decode every property of them would cost a tenth of an event's whole way.
func readOften(e envelope) (r reading, ok bool) {
	switch {
	case e.Type == "message" && e.Message != nil && e.Message.Type == "text":
		text := clean(e.Message.Text)
		return reading{input: flows.Said{Text: text, Plain: norm.NFKC.String(text)}}, true
	case e.Type == "postback" && e.Postback != nil:
		return reading{input: flows.Tapped{Data: clean(e.Postback.Data)}}, true
	}
	return r, false
}

func readEvent(event webhook.EventInterface, e envelope) reading {
	switch event := event.(type) {
	case webhook.MessageEvent:
		return readMessage(event.Message)
	case webhook.PostbackEvent:
		return reading{fate: flows.Unread, reason: "postback without data"}
	case webhook.FollowEvent:
		return reading{input: flows.Followed{}}
	case webhook.UnfollowEvent:
		return reading{input: flows.Unfollowed{}}
	case webhook.UnsendEvent:
		if event.Unsend == nil || !otherID.MatchString(event.Unsend.MessageId) {
			return reading{fate: flows.Unread, reason: "unsend without a message"}
		}
		return reading{input: flows.Unsent{MessageID: event.Unsend.MessageId}}
	case webhook.JoinEvent:
		return reading{input: flows.Joined{}}
	case webhook.AccountLinkEvent:
		switch {
		case event.Link == nil || event.Link.Nonce == "":
			return reading{fate: flows.Unread, reason: "account link without a nonce"}
		case event.Link.Result == webhook.LinkContentRESULT_OK:
			return reading{input: flows.AccountLinked{Nonce: event.Link.Nonce}}
		default:
			return reading{input: flows.AccountLinkFailed{Nonce: event.Link.Nonce}}
		}
	case webhook.MessageEditedEvent:
		return ignored("", "only groups edit, and groups are not answered")
	case webhook.LeaveEvent, webhook.MemberJoinedEvent, webhook.MemberLeftEvent:
		return recorded("", "groups and rooms are not served")
	case webhook.VideoPlayCompleteEvent:
		return ignored("", "no video of ours asks for it")
	case webhook.BeaconEvent:
		return ignored("", "no beacons are in use")
	case webhook.MembershipEvent:
		return recorded("", "memberships are not in use")
	case webhook.ModuleEvent, webhook.ActivatedEvent, webhook.DeactivatedEvent, webhook.BotSuspendedEvent, webhook.BotResumedEvent:
		return recorded("", "module channels are not in use")
	case webhook.PnpDeliveryCompletionEvent:
		return recorded("", "delivery of a notification message")
	}
	return ignored("", fmt.Sprintf("unknown type %.40q", e.Type))
}

func readMessage(content webhook.MessageContentInterface) reading {
	if content == nil {
		return reading{fate: flows.Unread, reason: "message without content"}
	}
	sent := flows.Sent{Kind: content.GetType()} // whatever comes to be
	switch m := content.(type) {
	case webhook.StickerMessageContent:
		sent.Text = clean(strings.Join(m.Keywords, " "))
		sent.Attachment = flows.Attachment{Package: clean(m.PackageId), Sticker: clean(m.StickerId)}
	case webhook.LocationMessageContent:
		sent.Text = clean(strings.TrimSpace(m.Title + " " + m.Address))
		sent.Attachment = flows.Attachment{Latitude: m.Latitude, Longitude: m.Longitude}
	case webhook.FileMessageContent:
		sent.Attachment = flows.Attachment{Name: clean(m.FileName), Bytes: int64(m.FileSize)}
	case webhook.VideoMessageContent:
		sent.Attachment = flows.Attachment{Millis: m.Duration}
	case webhook.AudioMessageContent:
		sent.Attachment = flows.Attachment{Millis: m.Duration}
	}
	return reading{input: sent}
}

// clean drops what no database or log should meet: NUL, and bytes that are not UTF-8.
func clean(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "")
}
