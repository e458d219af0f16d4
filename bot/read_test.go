package bot

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"tsunagu/flows"
)

const person = "U0123456789abcdef0123456789abcdef"

// event makes an event of a type from a person in 1:1, with more properties after it.
func event(kind, more string) string {
	return fmt.Sprintf(`{"type":%q,"mode":"active","timestamp":1764000000000,"webhookEventId":"01HZX0000000000000000000%02d",`+
		`"deliveryContext":{"isRedelivery":false},"source":{"type":"user","userId":%q},"replyToken":"token"%s}`, kind, len(kind), person, more)
}

// Every event type of line-platform §2 has a deliberate fate, unknown ones too.
func TestFateOfEveryEventType(t *testing.T) {
	inGroup := func(kind, more string) string {
		return strings.Replace(event(kind, more), `{"type":"user","userId":"`+person+`"}`, `{"type":"group","groupId":"C1","userId":"`+person+`"}`, 1)
	}
	noSource := func(kind, more string) string {
		return strings.Replace(event(kind, more), `"source":{"type":"user","userId":"`+person+`"},"replyToken":"token"`, `"x":1`, 1)
	}
	text := func(s string) string { return `,"message":{"type":"text","id":"1","text":"` + s + `"}` }
	tests := []struct {
		name, event string
		input       flows.Input
		fate        string
	}{
		{"text", event("message", text("残量")), flows.Said{Text: "残量", Plain: "残量"}, ""},
		{"text in other widths", event("message", text("ﾃﾞｰﾀ １２")), flows.Said{Text: "ﾃﾞｰﾀ １２", Plain: "データ 12"}, ""},
		{"text with NUL", event("message", text(`a\u0000b`)), flows.Said{Text: "ab", Plain: "ab"}, ""},
		{"text with half an emoji", event("message", text(`\ud83c`)), flows.Said{Text: "\uFFFD", Plain: "\uFFFD"}, ""},
		{"password (LNK-14)", event("message", text("hanako1234")), flows.SaidSecret{}, ""},
		{"sticker", event("message", `,"message":{"type":"sticker","id":"1","packageId":"1","stickerId":"2","stickerResourceType":"STATIC"}`), flows.Sent{Kind: "sticker", Attachment: flows.Attachment{Package: "1", Sticker: "2"}}, ""},
		{"image", event("message", `,"message":{"type":"image","id":"1","contentProvider":{"type":"line"}}`), flows.Sent{Kind: "image"}, ""},
		{"message of a kind to come", event("message", `,"message":{"type":"hologram","id":"1"}`), flows.Sent{Kind: "hologram"}, ""},
		{"text in a group", inGroup("message", text("残量")), nil, flows.Ignored},
		{"password in a group", inGroup("message", text("hanako1234")), nil, flows.Ignored},
		{"edited", inGroup("messageEdited", text("残量")), nil, flows.Ignored},
		{"unsend", event("unsend", `,"unsend":{"messageId":"77"}`), flows.Unsent{MessageID: "77"}, ""},
		{"unsend in a group", inGroup("unsend", `,"unsend":{"messageId":"77"}`), flows.Unsent{MessageID: "77"}, ""},
		{"follow", event("follow", `,"follow":{"isUnblocked":false}`), flows.Followed{}, ""},
		{"unfollow", event("unfollow", ""), flows.Unfollowed{}, ""},
		{"join", inGroup("join", ""), flows.Joined{}, ""},
		{"leave", inGroup("leave", ""), nil, flows.Recorded},
		{"memberJoined", inGroup("memberJoined", `,"joined":{"members":[]}`), nil, flows.Recorded},
		{"memberLeft", inGroup("memberLeft", `,"left":{"members":[]}`), nil, flows.Recorded},
		{"postback", event("postback", `,"postback":{"data":"1:say:残量"}`), flows.Tapped{Data: "1:say:残量"}, ""},
		{"videoPlayComplete", event("videoPlayComplete", `,"videoPlayComplete":{"trackingId":"t"}`), nil, flows.Ignored},
		{"beacon", event("beacon", `,"beacon":{"hwid":"d41d8cd98f","type":"enter"}`), nil, flows.Ignored},
		{"accountLink ok", event("accountLink", `,"link":{"result":"ok","nonce":"n"}`), flows.AccountLinked{Nonce: "n"}, ""},
		{"accountLink failed", noSource("accountLink", `,"link":{"result":"failed","nonce":"n"}`), flows.AccountLinkFailed{Nonce: "n"}, ""},
		{"membership", event("membership", `,"membership":{"type":"joined","membershipId":1}`), nil, flows.Recorded},
		{"module", noSource("module", `,"module":{"type":"attached","botId":"U1","scopes":[]}`), nil, flows.Recorded},
		{"activated", event("activated", `,"chatControl":{"expireAt":1}`), nil, flows.Recorded},
		{"deactivated", event("deactivated", ""), nil, flows.Recorded},
		{"botSuspended", noSource("botSuspended", ""), nil, flows.Recorded},
		{"botResumed", noSource("botResumed", ""), nil, flows.Recorded},
		{"delivery", noSource("delivery", `,"delivery":{"data":"15034552939884E28681A7D668CEA94C147C716C0EC9DFE8B80B44EF3B57F6BD0602366BC3menu01"}`), nil, flows.Recorded},
		{"things", event("things", `,"things":{"type":"link","deviceId":"t"}`), nil, flows.Ignored},
		{"a type to come", event("teleported", `,"where":"there"`), nil, flows.Ignored},
		{"standby (HLP-51)", strings.Replace(event("message", text("残量")), "active", "standby", 1), nil, flows.Recorded},
		{"no source", noSource("message", text("残量")), nil, flows.Unread},
		{"an ID that is not LINE's", strings.ReplaceAll(event("message", text("残量")), person, "U1/../x"), nil, flows.Unread},
		{"number", `1`, nil, flows.Unread},
		{"null", `null`, nil, flows.Unread},
		{"empty object", `{}`, nil, flows.Unread},
		{"string", `"event"`, nil, flows.Unread},
		{"wrong shape", event("message", `,"message":"残量"`), nil, flows.Unread},
		{"message without a type", event("message", `,"message":{"id":"1"}`), nil, flows.Unread},
		{"message missing", event("message", ""), nil, flows.Unread},
		{"postback missing", event("postback", ""), nil, flows.Unread},
		{"unsend without a message", event("unsend", ""), nil, flows.Unread},
		{"accountLink without a nonce", event("accountLink", `,"link":{"result":"ok"}`), nil, flows.Unread},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r, err := read(arrive(json.RawMessage(test.event), time.Unix(1, 0)))
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(r.input, test.input) || r.fate != test.fate {
				t.Errorf("read as %#v, fate %q (%s); want %#v, fate %q", r.input, r.fate, r.reason, test.input, test.fate)
			}
			if r.fate != "" && r.reason == "" {
				t.Error("a fate without a reason")
			}
		})
	}
}

// LNK-14: the text of what looks like a password is gone before anything is stored, and the reply can still be sent.
func TestPasswordIsNotKept(t *testing.T) {
	raw := event("message", `,"message":{"type":"text","id":"9","text":"ID:hanako ｐａｓｓ1234","quoteToken":"q"}`)
	a := arrive(json.RawMessage(raw), time.Unix(1, 0))
	if strings.Contains(string(a.Body), "hanako") || a.Sort != flows.Withheld {
		t.Errorf("kept as %s %s", a.Sort, a.Body)
	}
	r, err := read(a)
	if err != nil || r.replyToken != "token" || a.Lane != person {
		t.Errorf("read as %+v in lane %s, %v", r, a.Lane, err)
	}
}

func TestArrivalIDs(t *testing.T) {
	odd := json.RawMessage(`{"type":"follow","webhookEventId":"with spaces and <tags>"}`)
	a, again := arrive(odd, time.Unix(1, 0)), arrive(odd, time.Unix(2, 0))
	if !otherID.MatchString(a.ID) || a.ID != again.ID {
		t.Errorf("the same bytes got the IDs %q and %q", a.ID, again.ID)
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(event("message", `,"message":{"type":"text","id":"1","text":"残量"}`)))
	f.Add([]byte(event("postback", `,"postback":{"data":"1:say:残量","params":{"status":{}}}`)))
	f.Add([]byte(`{"type":"message","source":{"type":"user","userId":null},"message":{"type":1}}`))
	f.Add([]byte(strings.Repeat(`{"source":`, 5000)))
	f.Fuzz(func(t *testing.T, raw []byte) {
		a := arrive(raw, time.Unix(1, 0))
		if a.ID == "" || a.Lane == "" || len(a.ID) > 80 || len(a.Lane) > 64 {
			t.Fatalf("arrival %q in lane %q", a.ID, a.Lane)
		}
		r, err := read(a)
		if err != nil {
			t.Fatal(err)
		}
		if (r.input == nil) == (r.fate == "") {
			t.Fatalf("neither turned nor settled: %+v", r)
		}
	})
}
