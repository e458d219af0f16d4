package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"tsunagu/flows"
	"tsunagu/store"
	"tsunagu/store/storetest"
)

// An arrival whose turn cannot be made is tried five times, further and further apart; then it is parked with its
// reason, the person hears one apology, and the lane goes on.
func TestParkedAfterFiveTries(t *testing.T) {
	storetest.Each(t, func(t *testing.T, database string) {
		w := newWorld(t, database)
		hanako := w.person("花子")
		w.lanes.breakTokens(errors.New("the table is gone"))
		w.lanes.expect(hanako.ID)
		hanako.Say("契約者連携")
		for try := 1; try < 5; try++ {
			w.lanes.await(t, fmt.Sprintf("try %d", try), func() bool { return w.lanes.retries[hanako.ID] == try })
			w.setClock(w.clock().Add(2 * time.Minute))
		}
		w.lanes.quiet(t, hanako.ID)
		chat := hanako.Chat()
		if last := chat[len(chat)-1]; !strings.Contains(last.Text(), "処理できませんでした") || last.Via != "push" {
			t.Errorf("the last word is %q by %s", last.Text(), last.Via)
		}
		w.lanes.breakTokens(nil)
		if got := w.say(hanako, "メニュー"); !strings.Contains(got, "機能をお選びください") {
			t.Errorf("the lane does not go on: %q", got)
		}
		var parked []struct{ Fate, Reason string }
		err := w.store.DB().Raw(`SELECT fate, reason FROM inputs WHERE fate = 'parked'`).Scan(&parked).Error
		if err != nil || len(parked) != 1 || !strings.Contains(parked[0].Reason, "the table is gone") {
			t.Errorf("parked: %+v, %v", parked, err)
		}

		// The desk of the engine: list it, take it up again, see its fate.
		failed, err := w.store.FailedEvents(t.Context(), 10)
		if err != nil || len(failed) != 1 || failed[0].Fate != flows.Parked {
			t.Fatalf("failed: %+v, %v", failed, err)
		}
		shown := w.ask(hanako, func() {
			if err := w.store.RetryEvent(t.Context(), failed[0].ID); err != nil {
				t.Error(err)
			}
		})
		if len(shown) != 1 || !strings.Contains(shown[0].Text(), "IDとパスワードを入力") {
			t.Errorf("taken up again it says %+v", shown)
		}
		if err := w.store.RetryEvent(t.Context(), failed[0].ID); !errors.Is(err, store.ErrNothingToRetry) {
			t.Errorf("a second time: %v", err)
		}
		again, err := w.store.Event(t.Context(), fmt.Sprintf("%s/again/%d", failed[0].ID, failed[0].Seq))
		if err != nil || again.Fate != flows.Answered || len(again.Deeds) != 1 || again.Deeds[0].State != flows.Done || again.Deeds[0].RequestID == "" {
			t.Errorf("its fate: %+v, %v", again, err)
		}
		if left, err := w.store.FailedEvents(t.Context(), 10); err != nil || len(left) != 0 {
			t.Errorf("still failed: %+v, %v", left, err)
		}
		if _, err := w.store.Event(t.Context(), "nobody's"); !errors.Is(err, store.ErrNoEvent) {
			t.Errorf("an unknown event: %v", err)
		}
	})
}

// Two people type the code of one line at the same moment: one is linked, the other told, whoever was first (ACC-04).
func TestTwoPeopleLinkOneLine(t *testing.T) {
	storetest.Each(t, func(t *testing.T, database string) {
		w := newWorld(t, database)
		w.carrier(strings.Replace(sampleCarrier, "CODE", "0123456789012345", 1))
		hanako, taro := w.person("花子"), w.person("太郎")
		w.say(hanako, "利用者連携")
		w.say(taro, "利用者連携")
		w.lanes.holdTurns(2) // both have asked whether it is free before one of them is saved
		w.lanes.expect(hanako.ID)
		w.lanes.expect(taro.ID)
		hanako.Say("0123456789012345")
		taro.Say("0123456789012345")
		w.lanes.quiet(t, hanako.ID)
		w.lanes.quiet(t, taro.ID)
		said := func(text string) (n int) {
			for _, p := range w.sim.People() {
				for _, e := range p.Chat() {
					if e.From == "bot" && strings.Contains(e.Text(), text) {
						n++
					}
				}
			}
			return n
		}
		if linked, told := said("連携が完了しました"), said("別のLINEアカウントと連携済みです"); linked != 1 || told != 1 {
			t.Errorf("%d linked, %d told", linked, told)
		}
	})
}

// LNK-46: the link of a line whose contract ended goes at 00:00 of the 1st after, not before.
func TestLNK46EndsOnTheFirst(t *testing.T) {
	w := newWorld(t, storetest.Postgres(t))
	file := strings.Replace(sampleCarrier, "CODE", "0123456789012345", 1)
	w.carrier(file)
	hanako := w.person("花子")
	w.say(hanako, "利用者連携")
	w.say(hanako, "0123456789012345")
	w.carrier(strings.Replace(file, "status: active", "status: ended", 1))
	if err := w.endLinks(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := w.say(hanako, "設定"); !strings.Contains(got, "利用者連携：090-****-5678") {
		t.Errorf("the link ended within the month: %q", got)
	}
	w.setClock(time.Date(2026, 12, 1, 0, 0, 0, 0, flows.JST))
	w.lanes.expect(hanako.ID)
	if err := w.endLinks(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.lanes.quiet(t, hanako.ID)
	chat := hanako.Chat()
	if last := chat[len(chat)-1].Text(); !strings.Contains(last, "ご契約が終了したため") {
		t.Errorf("the last word is %q", last)
	}
}

// A changed code in the carrier file is a reissue (LNK-29): the link ends and the old code is worth nothing.
func TestLNK29ImportReissues(t *testing.T) {
	w := newWorld(t, storetest.Postgres(t))
	w.carrier(strings.Replace(sampleCarrier, "CODE", "0123456789012345", 1))
	hanako := w.person("花子")
	w.say(hanako, "利用者連携")
	w.say(hanako, "0123456789012345")
	w.lanes.expect(hanako.ID)
	w.carrier(strings.Replace(sampleCarrier, "CODE", "5432109876543210", 1))
	w.lanes.quiet(t, hanako.ID)
	w.say(hanako, "利用者連携")
	if got := w.say(hanako, "0123456789012345"); !strings.Contains(got, "あと4回") {
		t.Errorf("the old code: %q", got)
	}
	if got := w.say(hanako, "5432109876543210"); !strings.Contains(got, "連携が完了しました") {
		t.Errorf("the new code: %q", got)
	}
}

// A group hears one polite sentence when the account joins, and nothing else.
func TestGroup(t *testing.T) {
	w := newWorld(t, storetest.Postgres(t))
	const group = "C0123456789abcdef0123456789abcdef"
	deliver := func(kind, more string) {
		t.Helper()
		w.lanes.expect(group)
		event := fmt.Sprintf(`{"type":%q,"mode":"active","timestamp":1,"webhookEventId":%q,"deliveryContext":{"isRedelivery":false},`+
			`"source":{"type":"group","groupId":%q},"replyToken":"t"%s}`, kind, w.sim.NewEventID(), group, more)
		if status, err := w.sim.Deliver(t.Context(), json.RawMessage(event)); status != 200 {
			t.Fatalf("%d, %v", status, err)
		}
		w.lanes.quiet(t, group)
	}
	deliver("join", "")
	deliver("message", `,"message":{"type":"text","id":"1","quoteToken":"q","text":"残量"}`)
	deliver("memberJoined", `,"joined":{"members":[]}`)
	deliver("leave", "")
	var said []string
	for _, req := range w.sim.Requests() {
		if strings.HasSuffix(req.Path, "/message/reply") {
			said = append(said, string(req.Body))
		}
	}
	if len(said) != 1 || !strings.Contains(said[0], "1対1のトーク") {
		t.Errorf("said %q", said)
	}
}

// The methods that break or hold what a test wants broken or held.

func (l *watchedLanes) breakTokens(err error) { l.change(func() { l.tokens = err }) }

func (l *watchedLanes) KeepLinkToken(ctx context.Context, token, lane string, expires time.Time) error {
	l.mu.Lock()
	err := l.tokens
	l.mu.Unlock()
	if err != nil {
		return err
	}
	return l.Lanes.KeepLinkToken(ctx, token, lane, expires)
}

// holdTurns lets the next n turns that link wait for each other before the first of them is saved.
func (l *watchedLanes) holdTurns(n int) {
	l.change(func() { l.together = new(sync.WaitGroup); l.together.Add(n) })
}

// await waits until cond is true, which is asked with the lock held.
func (l *watchedLanes) await(t *testing.T, what string, cond func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		l.mu.Lock()
		done, changed := cond(), l.changed
		l.mu.Unlock()
		if done {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			t.Fatalf("%s: not after a minute", what)
		}
	}
}
