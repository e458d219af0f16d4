package linesim

import (
	"strings"
	"testing"
)

func TestObserver(t *testing.T) {
	w := newWorld(t, Config{})
	var events []Event
	delivered := make(chan int, 2)
	var sent []Sent
	w.Observe(Observer{
		Event:     func(e Event) { events = append(events, e) },
		Delivered: func(_ string, status int, _ error) { delivered <- status },
		Sent:      func(s Sent) { sent = append(sent, s) },
	})
	p, token := w.friend("たろう")
	w.call("POST", "/v2/bot/message/reply", replyBody(token, "a"))
	p.Block()
	if first, second := <-delivered, <-delivered; first != 200 || second != 200 {
		t.Errorf("delivered with %d and %d", first, second)
	}
	w.call("POST", "/v2/bot/message/push", pushBody(p.ID, "b"), "X-Line-Retry-Key", "6d2f0c1e-3f0b-5a57-9a50-2b1d7f4be6a1")
	if len(events) != 2 || events[0].ReplyToken != token || events[0].Person != p.ID || events[1].Type != "unfollow" || events[1].ReplyToken != "" {
		t.Errorf("events %+v", events)
	}
	if len(sent) != 2 || sent[0].ReplyToken != token || sent[1].Person != p.ID || sent[1].RetryKey == "" || !strings.Contains(string(sent[1].Messages[0]), `"b"`) {
		t.Errorf("sent %+v", sent)
	}
}
