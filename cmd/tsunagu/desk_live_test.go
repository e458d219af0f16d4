package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"tsunagu/bot/linesim"
	"tsunagu/flows"
)

// An operatorClient is an operator without a browser.
type operatorClient struct {
	t    testing.TB
	base string
	http *http.Client
}

func clientOf(t testing.TB, base, name string) *operatorClient {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	o := &operatorClient{t, base, &http.Client{Jar: jar}}
	resp, err := o.http.PostForm(base+"/console/login", url.Values{"name": {name}, "password": {demoPassword}})
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK || resp.Request.URL.Path != "/console" {
		t.Fatalf("%s: sign-in ended with %d at %s", name, resp.StatusCode, resp.Request.URL.Path)
	}
	return o
}

// posts calls the desk's API and returns the status with what it says.
func (o *operatorClient) posts(path string, body any) (int, string) {
	data, err := json.Marshal(body)
	if err != nil {
		o.t.Error(err)
	}
	resp, err := o.http.Post(o.base+"/console/api/"+path, "application/json", bytes.NewReader(data))
	if err != nil {
		o.t.Error(err)
		return 0, ""
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text)
}

// must is a call that has to succeed.
func (o *operatorClient) must(path string, body any) {
	o.t.Helper()
	if status, text := o.posts(path, body); status >= 300 {
		o.t.Fatalf("%s: %d %s", path, status, text)
	}
}

func (o *operatorClient) on(seats int) {
	o.t.Helper()
	o.must("presence", map[string]any{"Presence": "on", "Seats": seats})
}

// sessionOf waits for a person's newest session to be in a phase.
func sessionOf(t testing.TB, a *app, person string, phase flows.HelpPhase) flows.DeskRow {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); {
		rows, err := a.store.SessionsOf(t.Context(), person, 1)
		if err != nil {
			t.Fatal(err)
		}
		if len(rows) == 1 && rows[0].Phase == phase {
			return rows[0]
		}
		select { // the desk says when something changed; nobody else listens in these tests
		case <-a.store.DeskChanged():
		case <-time.After(50 * time.Millisecond):
		}
	}
	t.Fatalf("no session of %s is %s", person, phase)
	return flows.DeskRow{}
}

// heard waits until the desk has a person's words as the last of the chat.
func heard(t testing.TB, a *app, p *linesim.Person, words string) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); {
		if sessionOf(t, a, p.ID, flows.HelpConnected).Preview == words {
			return
		}
		select {
		case <-a.store.DeskChanged():
		case <-time.After(50 * time.Millisecond):
		}
	}
	t.Fatalf("the desk never heard %q", words)
}

// Two operators press 「対応する」 at the same moment, 200 times: one wins, the other is told who.
func TestTwoPressTakeAtTheSameMoment(t *testing.T) {
	a, sim, base := demo(t)
	noon(sim)
	hanako := linked(t, sim, "花子", "0123456789012345")
	sato, suzuki := clientOf(t, base, demoOperator), clientOf(t, base, demoSecond)
	sato.on(3)
	suzuki.on(3)
	names := []string{demoOperator, demoSecond}
	wins := map[string]int{}
	for n := range 200 {
		hanako.Say("オペレーター")
		id := sessionOf(t, a, hanako.ID, flows.HelpQueued).ID
		var status [2]int
		var said [2]string
		var both sync.WaitGroup
		start := make(chan struct{})
		for i, o := range []*operatorClient{sato, suzuki} {
			both.Go(func() { <-start; status[i], said[i] = o.posts("sessions/"+id+"/take", struct{}{}) })
		}
		close(start)
		both.Wait()
		winner, loser := 0, 1
		if status[0] != http.StatusOK {
			winner, loser = 1, 0
		}
		if status[winner] != http.StatusOK || status[loser] != http.StatusConflict || !strings.Contains(said[loser], names[winner]) {
			t.Fatalf("%d: %v %q", n, status, said)
		}
		row := sessionOf(t, a, hanako.ID, flows.HelpConnected)
		if row.Operator != names[winner] {
			t.Fatalf("%d: %s won, %s has the chat", n, names[winner], row.Operator)
		}
		wins[row.Operator]++
		[]*operatorClient{sato, suzuki}[winner].must("sessions/"+id+"/close", struct{}{})
		sessionOf(t, a, hanako.ID, flows.HelpClosed)
	}
	t.Logf("won: %v", wins)
}

// HLP-29: at 18:59:50 six wait. At 19:00 each is told and may leave a message; the chat that goes on may do so until 19:30.
func TestHLP29ClosingTime(t *testing.T) {
	a, sim, base := demo(t)
	at := noon(sim)
	connected := linked(t, sim, "花子", "0123456789012345")
	line := linked(t, sim, "さくら", "0123456789012346")
	takeru := linked(t, sim, "健", "2718281828459045")
	people := []*linesim.Person{line, takeru}
	for n := range 4 { // holders of no line can wait as well: the same people would not do
		p := sim.AddPerson(fmt.Sprint("契約者", n))
		err := a.store.DB().Exec(`INSERT INTO links (kind, ref, lane, label, nickname, at) VALUES ('holder', ?, ?, 'ab***', '', 0)`, fmt.Sprint("c", n), p.ID).Error
		if err != nil {
			t.Fatal(err)
		}
		people = append(people, p)
	}
	o := clientOf(t, base, demoOperator)
	o.on(1)
	sim.SetNow(at.Add(6*time.Hour + 59*time.Minute))
	connected.Say("オペレーター")
	id := sessionOf(t, a, connected.ID, flows.HelpQueued).ID
	o.must("sessions/"+id+"/take", struct{}{})
	sessionOf(t, a, connected.ID, flows.HelpConnected)
	sim.SetNow(at.Add(6*time.Hour + 59*time.Minute + 50*time.Second))
	for i, p := range people {
		p.Say("オペレーター")
		said(t, sim, p, fmt.Sprintf("現在%d番目です", i+1))
	}
	sim.SetNow(at.Add(7*time.Hour + time.Second))
	for _, p := range people {
		said(t, sim, p, "オペレーターの受付が終了しました")
		if row := sessionOf(t, a, p.ID, flows.HelpClosed); row.Ended != flows.EndedByHours {
			t.Errorf("ended by %q", row.Ended)
		}
	}
	line.Say("メッセージを残す")
	said(t, sim, line, "オペレーターへのメッセージをお送りください")
	line.Say("明日電話をください")
	said(t, sim, line, "お預かりしました。続けて")
	line.Say("送り終えた")
	said(t, sim, line, "10:00以降に、オペレーターがこのトークでお返事します。")
	sessionOf(t, a, line.ID, flows.HelpLeft)

	sessionOf(t, a, connected.ID, flows.HelpConnected)
	o.must("sessions/"+id+"/say", map[string]string{"ID": "after-seven", "Kind": "text", "Text": "続けて伺います"})
	said(t, sim, connected, "続けて伺います")
	sim.SetNow(at.Add(7*time.Hour + 9*time.Minute))
	connected.Say("はい")
	heard(t, a, connected, "はい")
	o.must("sessions/"+id+"/say", map[string]string{"ID": "half-seven-1", "Kind": "text", "Text": "承知しました"})
	said(t, sim, connected, "承知しました")
	for _, minutes := range []time.Duration{18, 27} {
		sim.SetNow(at.Add(7*time.Hour + minutes*time.Minute))
		connected.Say(fmt.Sprint("まだあります", int(minutes)))
		heard(t, a, connected, fmt.Sprint("まだあります", int(minutes)))
		o.must("sessions/"+id+"/say", map[string]string{"ID": fmt.Sprint("half-seven-", int(minutes)), "Kind": "text", "Text": fmt.Sprint("どうぞ", int(minutes))})
		said(t, sim, connected, fmt.Sprint("どうぞ", int(minutes)))
	}
	sim.SetNow(at.Add(7*time.Hour + 30*time.Minute + time.Second))
	said(t, sim, connected, "受付時間が過ぎたため")
	if row := sessionOf(t, a, connected.ID, flows.HelpClosed); row.Ended != flows.EndedByHours {
		t.Errorf("the chat ended by %q", row.Ended)
	}
	// HLP-32: the message is the first thing of the next morning.
	sim.SetNow(at.Add(22 * time.Hour))
	o.on(1)
	o.must("next", struct{}{})
	said(t, sim, line, "お預かりしたメッセージにお返事します。")
}

// A wire stands between a browser and the server, and can be cut.
type wire struct {
	net.Listener
	to string

	mu    sync.Mutex
	down  bool
	conns map[net.Conn]bool
}

func newWire(t *testing.T, to string) *wire {
	t.Helper()
	w := &wire{Listener: freeListener(t), to: to, conns: map[net.Conn]bool{}}
	t.Cleanup(func() { _ = w.Close() })
	go func() {
		for {
			in, err := w.Accept()
			if err != nil {
				return
			}
			go w.carry(in)
		}
	}()
	return w
}

func (w *wire) carry(in net.Conn) {
	defer in.Close()
	w.mu.Lock()
	if w.down {
		w.mu.Unlock()
		return
	}
	w.conns[in] = true
	w.mu.Unlock()
	out, err := net.Dial("tcp", w.to)
	if err != nil {
		return
	}
	defer out.Close()
	go func() { _, _ = io.Copy(out, in); _ = out.Close() }()
	_, _ = io.Copy(in, out)
	w.mu.Lock()
	delete(w.conns, in)
	w.mu.Unlock()
}

func (w *wire) cut(down bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.down = down
	for c := range w.conns {
		_ = c.Close()
	}
	clear(w.conns)
}

// The event stream is cut in the middle of a chat and comes back: what was missed is there, nothing twice; what was being
// written and what could not be sent is not lost.
func TestDeskCatchesUp(t *testing.T) {
	a, sim, base := demo(t)
	noon(sim)
	hanako := linked(t, sim, "花子", "0123456789012345")
	line := newWire(t, strings.TrimPrefix(base, "http://"))
	sato := atDesk(t, "http://"+localAddress(line), demoOperator)
	sato.on()
	hanako.Say("オペレーター")
	sato.shows("#lists", "花子")
	sato.clicks("button.next")
	sato.reads("さんが対応を始めました")
	sato.shows("#connection", "接続中")

	line.cut(true)
	sato.shows("#connection", "再接続")
	screenshot(t, sato.ctx, "desk-cut")
	hanako.Say("切れている間の一つ目")
	hanako.Say("切れている間の二つ目")
	heard(t, a, hanako, "切れている間の二つ目")
	sato.writes("届かないはずの言葉")
	sato.waits(`!!document.querySelector(".delivery.failed")`)
	sato.do(chromedp.SendKeys("#draft", "書きかけ"))
	line.cut(false)
	sato.shows("#connection", "接続中")
	sato.reads("切れている間の二つ目")
	sato.waits(`[...document.querySelectorAll(".bubble.customer")].filter(e => e.innerText.includes("切れている間の")).length === 2`)
	sato.waits(`document.querySelector("#draft").value === "書きかけ"`)
	sato.waits(`!document.querySelector("#warning").hidden`)
	screenshot(t, sato.ctx, "desk-back")
	sato.evaluates(`document.querySelector(".bubble .link").click()`)
	said(t, sim, hanako, "届かないはずの言葉")
	sato.waits(`[...document.querySelectorAll(".bubble.operator")].filter(e => e.innerText.includes("届かないはずの言葉")).length === 1`)
	sato.waits(`!document.querySelector(".delivery.failed")`)
	// A page that is loaded anew still has the draft.
	sato.do(chromedp.Reload())
	sato.arrives(deskReady)
	sato.clicks(`[data-list=mine]`)
	sato.clicks(`#lists .row`)
	sato.waits(`document.querySelector("#draft")?.value === "書きかけ"`)

	// A message that the customer takes back vanishes at once and leaves a tombstone.
	hanako.Say("取り消す言葉")
	sato.reads("取り消す言葉")
	chat := hanako.Chat()
	hanako.Unsend(chat[len(chat)-1].ID)
	sato.reads("お客様が送信を取り消しました")
	sato.waits(`!document.querySelector("#talk").innerText.includes("取り消す言葉")`)
}

// A stream is an operator's desk as an event-stream client.
func (o *operatorClient) stream(ctx context.Context, heard func(data []byte)) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, o.base+"/console/events?since=0", nil)
	if err != nil {
		o.t.Error(err)
		return
	}
	resp, err := o.http.Do(req)
	if err != nil {
		o.t.Error(err)
		return
	}
	go func() {
		defer resp.Body.Close()
		in := bufio.NewScanner(resp.Body)
		in.Buffer(nil, 8<<20)
		for in.Scan() {
			if data, ok := bytes.CutPrefix(in.Bytes(), []byte("data: ")); ok {
				heard(data)
			}
		}
	}()
}

// BenchmarkDesk is a message's way from a customer's phone to the screens of 50 operators with open desks, while 500 people
// wait: to the event that names its session, and on to the words as the browser fetches them then.
func BenchmarkDesk(b *testing.B) {
	const operators, waiting, messages = 50, 500, 400
	a, sim, base := demo(b)
	noon(sim)
	ctx, stop := context.WithCancel(b.Context())
	defer stop()
	hanako := linked(b, sim, "花子", "0123456789012345")
	var clients []*operatorClient
	for n := range operators {
		name := fmt.Sprintf("op%02d", n)
		if err := a.store.AddOperator(ctx, name, name, flows.RoleOperator, demoPassword); err != nil {
			b.Fatal(err)
		}
		clients = append(clients, clientOf(b, base, name))
	}
	clients[0].on(3)
	hanako.Say("オペレーター")
	id := sessionOf(b, a, hanako.ID, flows.HelpQueued).ID
	clients[0].must("sessions/"+id+"/take", struct{}{})
	sessionOf(b, a, hanako.ID, flows.HelpConnected)
	for n := range waiting {
		p := sim.AddPerson(fmt.Sprint("待つ人", n))
		if err := a.store.DB().Exec(`INSERT INTO links (kind, ref, lane, label, nickname, at) VALUES ('holder', ?, ?, 'ab***', '', 0)`, fmt.Sprint("c", n), p.ID).Error; err != nil {
			b.Fatal(err)
		}
		p.Say("このまま待つ")
		sessionOf(b, a, p.ID, flows.HelpQueued)
	}
	changed := make(chan struct{}, 1)
	for n, o := range clients {
		o.stream(ctx, func(data []byte) {
			if n > 0 || !bytes.Contains(data, []byte(id)) {
				return // the others draw their lists and no more
			}
			select {
			case changed <- struct{}{}:
			default:
			}
		})
	}
	onScreen := func(text string) bool {
		resp, err := clients[0].http.Get(base + "/console/api/sessions/" + id + "/entries?after=0")
		if err != nil {
			b.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			b.Fatal(err)
		}
		return bytes.Contains(body, []byte(`"`+text+`"`))
	}
	var toWords []time.Duration
	for b.Loop() {
		for range messages {
			text := fmt.Sprint("message ", len(toWords))
			start := time.Now()
			hanako.Say(text)
			for shown := false; !shown; shown = onScreen(text) {
				select {
				case <-changed:
				case <-time.After(10 * time.Second):
					b.Fatal("a message never came to the screen")
				}
			}
			toWords = append(toWords, time.Since(start))
		}
	}
	quantile := func(ds []time.Duration, q float64) float64 {
		slices.SortFunc(ds, cmp.Compare)
		return float64(ds[int(q*float64(len(ds)-1))].Microseconds()) / 1000
	}
	b.ReportMetric(quantile(toWords, 0.5), "p50-ms")
	b.ReportMetric(quantile(toWords, 0.99), "p99-ms")
}
