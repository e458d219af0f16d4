package linesim

import (
	"encoding/json"
	"slices"
	"time"
)

// A Person is somebody with a phone. What a person does reaches the bot as a webhook event, in order; the methods
// return before it is delivered. While the account is blocked a person can do nothing but unblock it.
type Person struct {
	ID   string // "U" and 32 hex digits
	Name string

	sim     *Sim
	color   string
	friend  bool
	blocked bool
	wrote   time.Time // last, in the chat
	menu    string    // id of the menu linked to this person
	chat    []Entry
	seq     int64
	unread  int
	lane    lane
}

// Who an entry of a chat is from.
const (
	FromPerson = "person"
	FromBot    = "bot"
	FromFriend = "friend" // another person, over the share screen
	FromSystem = "system" // LINE's own notes
)

// An Entry is one bubble or note of a chat.
type Entry struct {
	Seq     int64           `json:"seq"` // counts up in each chat, from 1
	At      time.Time       `json:"at"`
	From    string          `json:"from"`
	ID      string          `json:"id"`      // message id; "" where there is none
	Message json.RawMessage `json:"message"` // LINE's message object as the bot sent it; a person's as the phone shows it
	Read    bool            `json:"read"`    // the bot marked it so
	Unsent  bool            `json:"unsent"`
	Sender  *Sender         `json:"sender,omitempty"`
	Via     string          `json:"via"` // "reply" or "push" for the bot's
}

// A Sender is the name and picture a message is shown under instead of the account's.
type Sender struct {
	Name    string `json:"name,omitempty"`
	IconURL string `json:"iconUrl,omitempty"`
}

// Text is what the entry says in words: a text message's text, else the alternative text, else "".
func (e Entry) Text() string {
	var m struct{ Text, AltText string }
	json.Unmarshal(e.Message, &m) // a message without either says nothing
	if m.Text != "" {
		return m.Text
	}
	return m.AltText
}

var colors = []string{"#5b8def", "#e07a5f", "#3d9970", "#b565a7", "#d4a017", "#2a9d9d", "#8a6d3b", "#c0506f"}

// AddPerson makes a person who adds the account as a friend: the bot hears of a follow.
func (s *Sim) AddPerson(name string) *Person {
	p := s.AddStranger(name)
	p.Follow()
	return p
}

// AddStranger makes a person who has not added the account.
func (s *Sim) AddStranger(name string) *Person { return s.AddStrangerAs("U"+randomHex(16), name) }

// AddStrangerAs is AddStranger for somebody with this user ID, "U" and 32 hex digits, which nobody here has yet: the
// person whom a bot knows from a LINE before this one.
func (s *Sim) AddStrangerAs(id, name string) *Person {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := &Person{ID: id, Name: name, sim: s, color: colors[len(s.order)%len(colors)]}
	s.people[p.ID] = p
	s.order = append(s.order, p)
	s.changedPerson(p)
	return p
}

// Follow adds the account as a friend.
func (p *Person) Follow() { p.becomes(true, false) }

// Block blocks the account: the bot hears of an unfollow and reaches the person no more. A menu linked to the person
// is forgotten; LINE does not say whether it would come back.
func (p *Person) Block() { p.becomes(true, true) }

// Unblock takes the block back: the bot hears of a follow.
func (p *Person) Unblock() { p.becomes(true, false) }

func (p *Person) becomes(friend, blocked bool) {
	s := p.sim
	s.mu.Lock()
	defer s.mu.Unlock()
	was := *p
	if was.friend == friend && was.blocked == blocked || !was.friend && blocked {
		return
	}
	p.friend, p.blocked = friend, blocked
	switch {
	case blocked:
		p.menu = ""
		p.note("ブロックしました")
		p.happens(&event{Type: "unfollow"})
	case was.blocked:
		p.note("ブロックを解除しました")
		p.happens(&event{Type: "follow", Follow: &follow{IsUnblocked: true}})
	default:
		p.note("友だちに追加しました")
		p.happens(&event{Type: "follow", Follow: &follow{}})
	}
	s.changedPerson(p)
}

// reachable reports whether LINE delivers to the person: friends, and for a while others who wrote. The caller holds mu.
func (p *Person) reachable() bool {
	return !p.blocked && (p.friend || !p.wrote.IsZero() && p.sim.now().Sub(p.wrote) <= afterWriting)
}

// changedPerson tells the phones of the person's new state. The caller holds mu.
func (s *Sim) changedPerson(p *Person) {
	s.feed.publish("person", s.personView(p))
	s.touched()
}

// add appends an entry to the chat. The caller holds mu.
func (p *Person) add(e Entry) Entry {
	s := p.sim
	p.seq++
	e.Seq, e.At = p.seq, s.now()
	if limit := s.cfg.ChatLimit; len(p.chat) >= 2*limit {
		n := copy(p.chat, p.chat[len(p.chat)-limit:])
		clear(p.chat[n:])
		p.chat = p.chat[:n]
	}
	p.chat = append(p.chat, e)
	switch e.From {
	case FromPerson:
		p.unread = 0
	case FromBot, FromFriend:
		p.unread++
	}
	s.feed.publish("entry", entryNews{p.ID, e})
	s.touched()
	return e
}

func (p *Person) note(text string) {
	p.add(Entry{From: FromSystem, Message: compact(textMessage{"system", text})})
}

// Chat returns the chat, oldest first: at least the last Config.ChatLimit entries.
func (p *Person) Chat() []Entry {
	p.sim.mu.Lock()
	defer p.sim.mu.Unlock()
	return slices.Clone(p.chat)
}

// Menu returns the id of the menu the person is shown: their own, else the default, else "".
func (p *Person) Menu() (richMenuID string) {
	p.sim.mu.Lock()
	defer p.sim.mu.Unlock()
	return p.sim.menuOf(p)
}

// menuOf is Menu for callers that hold mu.
func (s *Sim) menuOf(p *Person) string {
	if p.menu != "" {
		return p.menu
	}
	return s.menus.standard
}

type textMessage struct {
	Type string `json:"type"`
	Text string `json:"text"`
}

// received is what all messages carry in their event.
type received struct {
	Type            string `json:"type"`
	ID              string `json:"id"`
	QuoteToken      string `json:"quoteToken,omitempty"`
	MarkAsReadToken string `json:"markAsReadToken"`
}

// write puts what the person wrote into the chat and lets the bot hear of it as the object that make returns.
func (p *Person) write(kind string, shown func(id string) any, told func(received) any) (Entry, bool) {
	s := p.sim
	s.mu.Lock()
	defer s.mu.Unlock()
	if p.blocked {
		return Entry{}, false
	}
	id := s.newMessageID()
	p.wrote = s.now()
	e := p.add(Entry{From: FromPerson, ID: id, Message: compact(shown(id))})
	head := received{Type: kind, ID: id, MarkAsReadToken: s.seal(marking, p.ID, id)}
	if kind != "location" {
		head.QuoteToken = s.seal(quoting, p.ID, id)
	}
	p.happens(&event{Type: "message", Message: told(head)})
	return e, true
}

// Say sends a text message and returns its id, or "" while the account is blocked.
func (p *Person) Say(text string) string {
	e, _ := p.say(text)
	return e.ID
}

func (p *Person) say(text string) (Entry, bool) {
	return p.write("text",
		func(string) any { return textMessage{"text", text} },
		func(head received) any {
			return struct {
				received
				Text string `json:"text"`
			}{head, text}
		})
}

// Sticker sends a sticker.
func (p *Person) Sticker(packageID, stickerID string) { p.sticker(packageID, stickerID) }

func (p *Person) sticker(packageID, stickerID string) (Entry, bool) {
	type sticker struct {
		PackageID string `json:"packageId"`
		StickerID string `json:"stickerId"`
	}
	return p.write("sticker",
		func(string) any {
			return struct {
				Type string `json:"type"`
				sticker
			}{"sticker", sticker{packageID, stickerID}}
		},
		func(head received) any {
			return struct {
				received
				sticker
				ResourceType string `json:"stickerResourceType"`
			}{head, sticker{packageID, stickerID}, "STATIC"}
		})
}

// A Location is a place a person sends.
type Location struct {
	Title     string  `json:"title,omitempty"`
	Address   string  `json:"address,omitempty"`
	Latitude  float64 `json:"latitude"`
	Longitude float64 `json:"longitude"`
}

// Locate sends a location.
func (p *Person) Locate(at Location) { p.locate(at) }

func (p *Person) locate(at Location) (Entry, bool) {
	return p.write("location",
		func(string) any {
			return struct {
				Type string `json:"type"`
				Location
			}{"location", at}
		},
		func(head received) any {
			return struct {
				received
				Location
			}{head, at}
		})
}

// Postback is a tap on a postback action. A displayText is shown as the person's words; the bot hears only the data,
// and params where a picker was used.
func (p *Person) Postback(data, displayText string, params map[string]string) {
	p.postback(data, displayText, params)
}

func (p *Person) postback(data, displayText string, params map[string]string) bool {
	s := p.sim
	s.mu.Lock()
	defer s.mu.Unlock()
	if p.blocked {
		return false
	}
	p.wrote = s.now()
	if displayText != "" {
		p.add(Entry{From: FromPerson, Message: compact(textMessage{"text", displayText})})
	}
	p.happens(&event{Type: "postback", Postback: &postback{data, params}})
	s.touched()
	return true
}

// Unsend takes a message of the person back: the bot hears of it and can get its content no more.
func (p *Person) Unsend(messageID string) { p.unsend(messageID) }

func (p *Person) unsend(messageID string) bool {
	s := p.sim
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(p.chat, func(e Entry) bool { return e.ID == messageID && e.From == FromPerson && !e.Unsent })
	if messageID == "" || i < 0 || p.blocked {
		return false
	}
	e := &p.chat[i]
	e.Unsent, e.Message = true, compact(textMessage{"system", "メッセージの送信を取り消しました"})
	if c, ok := s.contents.get(messageID, s.now()); ok {
		c.gone, c.data, c.preview = true, nil, nil
	}
	s.feed.publish("update", entryNews{p.ID, *e})
	p.happens(&event{Type: "unsend", Unsend: &unsend{messageID}})
	s.touched()
	return true
}

// markRead marks the message and all the person sent before it. The caller holds mu.
func (p *Person) markRead(messageID string) {
	i := slices.IndexFunc(p.chat, func(e Entry) bool { return e.ID == messageID })
	for ; i >= 0; i-- {
		if e := &p.chat[i]; e.From == FromPerson && !e.Read {
			e.Read = true
			p.sim.feed.publish("update", entryNews{p.ID, *e})
		}
	}
}

// Share sends text to a friend outside the bot's chat, as LINE's share screen does: the bot hears nothing. It appears
// in the friend's chat here, so that a link in it can be opened.
func (p *Person) Share(to *Person, text string) { p.sim.share(p.Name, to, text) }

func (s *Sim) share(from string, to *Person, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	to.add(Entry{From: FromFriend, Message: compact(textMessage{"text", text}), Sender: &Sender{Name: from}})
}
