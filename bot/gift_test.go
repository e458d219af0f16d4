package bot

import (
	"bytes"
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"

	"tsunagu/flows"
)

// The share link holds the words, and in them a link that types the claim into this account's chat; LINE takes 1,000
// characters.
func TestShareURL(t *testing.T) {
	b, _, _ := newAsking(t, &asked{}, new(bytes.Buffer))
	b.WebURL, b.self.basic = "https://line.me", "@tsunagu"
	const words, types = "1.50GBのデータを贈ります。11月24日 23:59までに、次のリンクから受け取ってください。", flows.ClaimPrefix + "abcdefghijklmnopqrstuvwxyz234567"
	address, err := b.shareURL(t.Context(), words, types)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(address)
	if err != nil || u.Host != "line.me" || u.Path != "/R/share" || len(address) > maxURI {
		t.Fatalf("%s (%d characters), %v", address, len(address), err)
	}
	said, link, _ := strings.Cut(u.Query().Get("text"), "\n")
	head, typed, _ := strings.Cut(link, "/?")
	typed, err = url.PathUnescape(typed)
	if said != words || head != "https://line.me/R/oaMessage/%40tsunagu" || typed != types || err != nil || strings.Contains(link, "+") {
		t.Errorf("says %q, links to %q which types %q, %v", said, link, typed, err)
	}
	if _, err := b.shareURL(t.Context(), strings.Repeat("あ", 200), types); err == nil {
		t.Error("an address that LINE refuses was made")
	}
}

// GFT-35: the same arrival makes the same gift, another one another.
func TestGiftIDs(t *testing.T) {
	a, b := giftID(flows.Arrival{ID: "01A"}), giftID(flows.Arrival{ID: "01B"})
	if a == b || a != giftID(flows.Arrival{ID: "01A"}) || len(a) != 26 {
		t.Errorf("%s, %s", a, b)
	}
}

// failing is a carrier whose commands end as they are told.
type failing struct {
	Carrier
	err error
}

func (f failing) CancelGift(ctx context.Context, command, id, giver string) (flows.DataGift, error) {
	return flows.DataGift{ID: id, From: "l1"}, f.err
}

// GFT-36: a refusal is one, anything else is not known; either way a balance read before is not shown any more.
func TestCommandOutcomes(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want flows.Input
	}{
		{nil, flows.GiftReturned{Gift: flows.DataGift{ID: "g", From: "l1"}}},
		{&flows.RefusedError{Reason: flows.AlreadyClaimed}, flows.GiftRefused{Reason: flows.AlreadyClaimed, Doing: flows.GiftCancelling}},
		{flows.ErrNoLine, flows.GiftRefused{Reason: flows.LineNotInUse, Doing: flows.GiftCancelling}},
		{errors.New("no answer"), flows.GiftUnknown{ID: "g", Doing: flows.GiftCancelling}},
	} {
		b, clock, _ := newAsking(t, &asked{}, new(bytes.Buffer))
		b.Carrier = failing{err: tt.err}
		b.balances.put(flows.Balance{LineID: "l1"}, *clock)
		if got := b.command(t.Context(), flows.Arrival{ID: "a", Lane: person}, flows.CancelGift{ID: "g"}); got != tt.want {
			t.Errorf("%v: %+v, want %+v", tt.err, got, tt.want)
		}
		if _, kept := b.balances.get("l1", *clock, b.Settings.BalanceCache); kept {
			t.Errorf("%v: the old balance is still there", tt.err)
		}
	}
}
