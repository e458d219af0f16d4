package bot

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"tsunagu/flows"
)

// nameTime is how long LINE is waited for when a name would be nice to have.
const nameTime = 2 * time.Second

// askGift answers the questions about gifts.
func (b *Bot) askGift(ctx context.Context, q flows.Question) flows.Input {
	switch q := q.(type) {
	case flows.ReadGifts:
		gifts, err := asking(ctx, b, "gifts", func(ctx context.Context) (flows.Gifts, error) { return b.Carrier.Gifts(ctx, q.Line) })
		if err != nil {
			return flows.AskFailed{}
		}
		return flows.GiftsRead{Gifts: gifts, Then: q.Then}
	case flows.FindGift:
		found, err := asking(ctx, b, "gift", func(ctx context.Context) (flows.DataGift, error) {
			if q.Token != "" {
				return b.Carrier.GiftByToken(ctx, q.Token)
			}
			return b.Carrier.Gift(ctx, q.ID)
		})
		var no *flows.RefusedError
		switch {
		case errors.As(err, &no):
			return flows.GiftRefused{Reason: no.Reason}
		case err != nil:
			return flows.AskFailed{}
		}
		return flows.GiftFound{Gift: found, Giver: b.nameOf(ctx, found.Giver)}
	case flows.SettleGift:
		found, err := asking(ctx, b, "gift", func(ctx context.Context) (flows.DataGift, error) { return b.Carrier.Gift(ctx, q.ID) })
		var no *flows.RefusedError
		switch {
		case errors.As(err, &no):
			return flows.GiftRefused{Reason: no.Reason, Doing: q.Doing}
		case err != nil:
			return flows.GiftUnknown(q)
		}
		b.balances.drop(found.From, found.To)
		return flows.GiftFound{Gift: found, Giver: b.nameOf(ctx, found.Giver), Doing: q.Doing}
	}
	return flows.AskFailed{}
}

// command gives the carrier a command. It is named by the arrival, so that a turn that is made again gives the same one
// and not another (GFT-35).
func (b *Bot) command(ctx context.Context, a flows.Arrival, c flows.Command) flows.Input {
	give := func(doing flows.GiftDoing, id string, call func(context.Context) (flows.DataGift, error), done func(flows.DataGift) flows.Input) flows.Input {
		g, err := asking(ctx, b, string(doing)+" gift", call)
		b.balances.drop(g.From, g.To)
		var no *flows.RefusedError
		switch {
		case errors.As(err, &no):
			return flows.GiftRefused{Reason: no.Reason, Doing: doing}
		case errors.Is(err, flows.ErrNoLine):
			return flows.GiftRefused{Reason: flows.LineNotInUse, Doing: doing}
		case err != nil:
			return flows.GiftUnknown{ID: id, Doing: doing}
		}
		return done(g)
	}
	switch c := c.(type) {
	case flows.CreateGift:
		id := giftID(a)
		return give(flows.GiftMaking, id, func(ctx context.Context) (flows.DataGift, error) {
			return b.Carrier.CreateGift(ctx, id, c.Line, c.MB, a.Lane)
		}, func(g flows.DataGift) flows.Input { return flows.GiftMade{Gift: g} })
	case flows.ClaimGift:
		return give(flows.GiftClaiming, c.ID, func(ctx context.Context) (flows.DataGift, error) {
			return b.Carrier.ClaimGift(ctx, a.ID, c.ID, c.Line, a.Lane)
		}, func(g flows.DataGift) flows.Input { return flows.GiftTaken{Gift: g, Taker: b.nameOf(ctx, a.Lane)} })
	case flows.CancelGift:
		return give(flows.GiftCancelling, c.ID, func(ctx context.Context) (flows.DataGift, error) {
			return b.Carrier.CancelGift(ctx, a.ID, c.ID, a.Lane)
		}, func(g flows.DataGift) flows.Input { return flows.GiftReturned{Gift: g} })
	case flows.ExpireGift:
		return give(flows.GiftExpiring, c.ID, func(ctx context.Context) (flows.DataGift, error) {
			return b.Carrier.ExpireGift(ctx, c.ID)
		}, func(g flows.DataGift) flows.Input { return flows.GiftOver{Gift: g} })
	}
	return flows.AskFailed{}
}

// giftID names the gift that an arrival makes. LINE's event IDs have 80 random bits, and are known to nobody else.
func giftID(a flows.Arrival) string {
	sum := sha256.Sum256([]byte("gift\x00" + a.ID))
	return strings.ToLower(base32.StdEncoding.EncodeToString(sum[:16])[:26])
}

// nameOf is a person's name on LINE, "" when LINE does not tell: who blocked the account has none for us.
func (b *Bot) nameOf(ctx context.Context, user string) string {
	if !userID.MatchString(user) {
		return ""
	}
	ctx, cancel := context.WithTimeout(ctx, nameTime)
	defer cancel()
	name, err := b.line.name(ctx, user)
	if err != nil {
		b.Log.Debug("LINE did not tell a name", "err", err)
	}
	return name
}

// shareURL opens LINE's share screen with a text that ends in a link to this chat, where types stands written for whoever
// opens it (line-platform.md, LINE URL scheme).
func (b *Bot) shareURL(ctx context.Context, words, types string) (string, error) {
	basic, err := b.basicID(ctx)
	if err != nil {
		return "", err
	}
	link := b.WebURL + "/R/oaMessage/" + percent(basic) + "/?" + percent(types)
	address := b.WebURL + "/R/share?text=" + percent(words+"\n"+link)
	if len(address) > maxURI {
		return "", fmt.Errorf("a share link of %d characters: LINE takes %d", len(address), maxURI)
	}
	return address, nil
}

// percent encodes a text so that no reader takes a plus sign for it.
func percent(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }
