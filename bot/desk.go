package bot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/line/line-bot-sdk-go/v8/linebot/messaging_api"

	"tsunagu/flows"
)

// What the operators' desk asks of LINE, and of what was said before a session. None of it changes a conversation.

const (
	// maxContent is the largest picture or file that is fetched for the desk.
	maxContent = 20 << 20
	// loadingSeconds is how long the loading sign shows at most, unless a message comes (line-platform: 5 to 60 in steps of 5).
	loadingSeconds = 10
)

// ErrNoContent: LINE does not have it, or not any more.
var ErrNoContent = errors.New("LINE does not have this content any more")

// Profile is a person's name on LINE and the address of their picture, "" where LINE does not tell.
func (b *Bot) Profile(ctx context.Context, user string) (name, picture string, err error) {
	if !userID.MatchString(user) {
		return "", "", nil
	}
	ctx, cancel := context.WithTimeout(ctx, nameTime)
	defer cancel()
	resp, body, err := b.line.with(ctx).GetProfileWithHttpInfo(user)
	if got := calledWith(resp, err); got.outcome != accepted || body == nil {
		return "", "", got
	}
	return body.DisplayName, body.PictureUrl, nil
}

// Typing shows the loading sign in a person's chat for a few seconds.
func (b *Bot) Typing(ctx context.Context, user string) error {
	if !userID.MatchString(user) {
		return errors.New("not a LINE user ID")
	}
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	resp, _, err := b.line.with(ctx).ShowLoadingAnimationWithHttpInfo(&messaging_api.ShowLoadingAnimationRequest{ChatId: user, LoadingSeconds: loadingSeconds})
	if got := calledWith(resp, err); got.outcome != accepted {
		return got
	}
	return nil
}

// MarkRead marks what a person wrote up to an arrival as read.
func (b *Bot) MarkRead(ctx context.Context, user, messageID string) error {
	arrivals, _, err := b.Lanes.Recent(ctx, user, b.Now().Add(time.Hour), historyLength)
	if err != nil {
		return fmt.Errorf("mark as read: %w", err)
	}
	for i := len(arrivals) - 1; i >= 0; i-- {
		var e struct {
			Message struct {
				ID    string `json:"id"`
				Token string `json:"markAsReadToken"`
			} `json:"message"`
		}
		if arrivals[i].MessageID != messageID || json.Unmarshal(arrivals[i].Body, &e) != nil || e.Message.Token == "" {
			continue
		}
		ctx, cancel := context.WithTimeout(ctx, callTime)
		defer cancel()
		resp, _, err := b.line.with(ctx).MarkMessagesAsReadByTokenWithHttpInfo(&messaging_api.MarkMessagesAsReadByTokenRequest{MarkAsReadToken: e.Message.Token})
		if got := calledWith(resp, err); got.outcome != accepted {
			return got
		}
		return nil
	}
	return nil
}

// Quota is how many messages may be pushed this month, -1 for any number, and how many were.
func (b *Bot) Quota(ctx context.Context) (limit, used int64, err error) { return b.line.quota(ctx) }

// Content fetches what a person sent: ErrNoContent when LINE has it no more.
func (b *Bot) Content(ctx context.Context, messageID string, preview bool) (kind string, data []byte, err error) {
	if _, err := strconv.ParseUint(messageID, 10, 64); err != nil {
		return "", nil, ErrNoContent
	}
	address := strings.TrimSuffix(b.DataURL, "/") + "/v2/bot/message/" + messageID + "/content"
	if preview {
		address += "/preview"
	}
	ctx, cancel := context.WithTimeout(ctx, 2*callTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return "", nil, err
	}
	resp, err := b.line.client.Do(req)
	if err != nil {
		return "", nil, fmt.Errorf("fetch content: %w", withoutURL(err))
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound, http.StatusGone:
		return "", nil, ErrNoContent
	default: // 202: LINE is still preparing it
		return "", nil, fmt.Errorf("fetch content: LINE answered %d", resp.StatusCode)
	}
	data, err = io.ReadAll(io.LimitReader(resp.Body, maxContent+1))
	if err != nil {
		return "", nil, fmt.Errorf("fetch content: %w", err)
	}
	if len(data) > maxContent {
		return "", nil, fmt.Errorf("fetch content: more than %d MB", maxContent>>20)
	}
	return resp.Header.Get("Content-Type"), data, nil
}

// historyLength is how many events of a person are looked back at.
const historyLength = 40

// History is what a person and the automatic side said to each other before a moment, oldest first, as entries of no
// session. Usage codes and what looked like a password are not in it.
func (b *Bot) History(ctx context.Context, user string, before time.Time) ([]flows.Entry, error) {
	arrivals, deeds, err := b.Lanes.Recent(ctx, user, before, historyLength)
	if err != nil {
		return nil, fmt.Errorf("history: %w", err)
	}
	var entries []flows.Entry
	for _, a := range arrivals {
		if e, ok := b.entryOf(a); ok {
			entries = append(entries, e)
		}
		for len(deeds) > 0 && deeds[0].Seq <= a.Seq {
			if deeds[0].Seq == a.Seq {
				entries = append(entries, saidIn(deeds[0])...)
			}
			deeds = deeds[1:]
		}
	}
	return entries, nil
}

// entryOf is what a person did, as an entry; ok is false for what is not worth one.
func (b *Bot) entryOf(a flows.Arrival) (e flows.Entry, ok bool) {
	e = flows.Entry{ID: a.ID, At: a.At, By: flows.ByCustomer, Kind: "text", Message: a.MessageID}
	r, err := read(a)
	if err != nil {
		return e, false
	}
	switch in := r.input.(type) {
	case flows.Said:
		if e.Text = in.Text; in.HoldsCode(b.Settings.CodeDigits) || in.HoldsClaim() {
			e.By, e.Kind, e.Text = flows.BySystem, "event", flows.EventWithheld
		}
	case flows.SaidSecret:
		e.By, e.Kind, e.Text = flows.BySystem, "event", flows.EventWithheld
	case flows.Sent:
		e.Kind, e.Text, e.Attachment = in.Kind, in.Text, in.Attachment
	case flows.Tapped:
		e.Kind, e.Text = "event", flows.EventTapped+":"+in.Label()
	default:
		return e, false
	}
	return e, true
}

// saidIn are the words that a deed sent.
func saidIn(d flows.Deed) (entries []flows.Entry) {
	c, err := decodeCall(d.Body)
	if err != nil || c.Entry != "" {
		return nil
	}
	for i, raw := range c.Messages {
		var m struct{ Text, AltText string }
		if json.Unmarshal(raw, &m) != nil {
			continue
		}
		text := m.Text
		if text == "" {
			text = m.AltText
		}
		entries = append(entries, flows.Entry{ID: d.ID + "/" + strconv.Itoa(i), At: d.At, By: flows.ByBot, Kind: "text", Text: text, Delivery: d.State})
	}
	return entries
}
