package linesim

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// A Request is one API call as received.
type Request struct {
	Time      time.Time // on this LINE's clock
	Method    string
	Path      string
	Header    http.Header // without Authorization
	Body      []byte      // of JSON and form calls; nil for images
	Status    int         // as answered, or would have been but for a fault that cut the connection; 0: nothing was carried out
	RequestID string      // the answer's x-line-request-id
}

const maxBody = 2 << 20

// ServeHTTP answers a bot under /v2 and /oauth2, people's browsers elsewhere.
func (s *Sim) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if isAPI(r.URL.Path) {
		s.serveAPI(w, r)
		return
	}
	s.browser.ServeHTTP(w, r)
}

func isAPI(path string) bool {
	return strings.HasPrefix(path, "/v2/") || strings.HasPrefix(path, "/oauth2/")
}

// serveAPI is the one entrance for calls of the bot.
func (s *Sim) serveAPI(w http.ResponseWriter, r *http.Request) {
	c := &call{Request: r, id: newUUID()}
	a, cut := s.troubled(c)
	s.tell(c.delivered)
	s.says(c.sent)

	s.mu.Lock()
	s.requests.add(Request{s.now(), r.Method, r.URL.Path, r.Header, c.kept, a.status, c.id})
	s.touched()
	s.mu.Unlock()
	s.debug(r.Context(), "line api", slog.String("request", c.id), slog.String("method", r.Method),
		slog.String("path", r.URL.Path), slog.Int("status", a.status))

	if cut {
		panic(http.ErrAbortHandler) // the server cuts the connection
	}
	for name, value := range a.header {
		w.Header().Set(name, value)
	}
	w.Header().Set("X-Line-Request-Id", c.id)
	w.Header().Set("Content-Type", a.mediaType)
	w.WriteHeader(a.status)
	w.Write(a.body)
}

// A call is one API call on its way through.
type call struct {
	*http.Request
	id     string
	params []string // what the placeholders of the path stand for, in order
	body   []byte
	wrong  error  // in reading the body
	taken  bool   // the body was read
	kept   []byte // the body, if it is text

	delivered []delivered
	sent      *Sent
}

// read takes in the body once: at most a byte more than LINE takes.
func (c *call) read() ([]byte, error) {
	if !c.taken {
		c.body, c.wrong = io.ReadAll(io.LimitReader(c.Body, maxBody+1))
		c.taken = true
	}
	return c.body, c.wrong
}

// An answer is what the bot will read.
type answer struct {
	status    int
	mediaType string
	header    map[string]string
	body      []byte
}

// A detail says what is wrong with one property of a request.
type detail struct {
	Message  string `json:"message"`
	Property string `json:"property"`
}

type sentMessage struct {
	ID         string `json:"id"`
	QuoteToken string `json:"quoteToken,omitempty"`
}

type errorBody struct {
	Message      string        `json:"message"`
	Details      []detail      `json:"details,omitempty"`
	SentMessages []sentMessage `json:"sentMessages,omitempty"`
}

func answerJSON(status int, v any) answer {
	return answer{status: status, mediaType: "application/json", body: compact(v)}
}

func fine() answer { return answerJSON(http.StatusOK, struct{}{}) }

func refuse(status int, message string) answer {
	return answerJSON(status, errorBody{Message: message})
}

func refuseDetails(details []detail) answer {
	slices.SortStableFunc(details, func(a, b detail) int { return cmp.Compare(a.Property, b.Property) })
	return answerJSON(http.StatusBadRequest, errorBody{
		Message: fmt.Sprintf("The request body has %d error(s)", len(details)),
		Details: details,
	})
}

func invalidProperty(name string) answer {
	return refuse(http.StatusBadRequest, fmt.Sprintf("The property, '%s', in the request body is invalid (line: -, column: -)", name))
}

func invalidParameter(name string) answer {
	return refuse(http.StatusBadRequest, fmt.Sprintf("The value for the '%s' parameter is invalid", name))
}

var notFound = refuse(http.StatusNotFound, "Not found")

// compact is v as JSON without spaces and with "<", ">" and "&" as they are.
func compact(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err) // only own types come here
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// answer checks what LINE checks of every call, in its order, and hands it to its endpoint.
func (s *Sim) answer(c *call) answer {
	e, params := endpointOf(c.Method, c.URL.EscapedPath())
	if e == nil {
		return notFound
	}
	c.params = params
	if !e.open && !s.admits(c) {
		return notAdmitted
	}
	if !s.cfg.NoRateLimits && !s.takeToken(e) {
		return tooManyCalls
	}
	key := c.Header.Get("X-Line-Retry-Key") // empty as the SDK sends it: none
	if key != "" && !e.retryable {
		return refuse(http.StatusBadRequest, "The retry key is not supported by this endpoint")
	}
	if key != "" && !uuidForm.MatchString(key) {
		return refuse(http.StatusBadRequest, "The retry key is invalid")
	}
	body, err := c.read()
	if err != nil {
		return refuse(http.StatusBadRequest, "The request body could not be read")
	}
	if len(body) > maxBody {
		return refuse(http.StatusRequestEntityTooLarge, "Request Entity Too Large")
	}
	if len(body) > 0 {
		kind, _, _ := mime.ParseMediaType(c.Header.Get("Content-Type"))
		if e.takes != "" && kind != e.takes {
			return refuse(http.StatusUnsupportedMediaType, "Unsupported Media Type")
		}
		if e.takes != "" {
			c.kept = body
		}
	}
	return e.answer(s, c)
}

// admits reports whether the call carries a channel access token that is valid now.
func (s *Sim) admits(c *call) bool {
	token, ok := strings.CutPrefix(c.Header.Get("Authorization"), "Bearer ")
	return ok && (token == s.cfg.AccessToken || s.isIssued(token))
}

const (
	takesJSON = "application/json"
	takesForm = "application/x-www-form-urlencoded"
)

// An endpoint is one method and path of the API.
type endpoint struct {
	method, path string // "{}" stands for one segment
	answer       func(*Sim, *call) answer
	limit        int // calls per period
	per          time.Duration
	takes        string // media type of the body
	retryable    bool   // takes X-Line-Retry-Key
	open         bool   // needs no bearer token
	segments     []string
}

func (e endpoint) atMost(limit int, per time.Duration) endpoint {
	e.limit, e.per = limit, per
	return e
}

// retried marks an endpoint that takes a retry key; others refuse one.
func (e endpoint) retried() endpoint { e.retryable = true; return e }

func get(path string, answer func(*Sim, *call) answer) endpoint {
	return endpoint{method: http.MethodGet, path: path, answer: answer}.atMost(2000, time.Second)
}

func post(path string, answer func(*Sim, *call) answer) endpoint {
	e := get(path, answer)
	e.method, e.takes = http.MethodPost, takesJSON
	return e
}

func put(path string, answer func(*Sim, *call) answer) endpoint {
	e := post(path, answer)
	e.method = http.MethodPut
	return e
}

func del(path string, answer func(*Sim, *call) answer) endpoint {
	e := get(path, answer)
	e.method = http.MethodDelete
	return e
}

// upload takes a body of any type; form takes a form and needs no bearer.
func upload(path string, answer func(*Sim, *call) answer) endpoint {
	e := post(path, answer)
	e.takes = ""
	return e
}

func form(path string, answer func(*Sim, *call) answer) endpoint {
	e := post(path, answer)
	e.takes, e.open = takesForm, true
	return e
}

// endpoints is the API with the limits of the reference's "Rate limits". Where two paths fit, the earlier one answers.
var endpoints = []endpoint{
	post("/v2/bot/message/reply", (*Sim).reply),
	post("/v2/bot/message/push", (*Sim).push).retried(),
	post("/v2/bot/message/multicast", (*Sim).multicast).retried().atMost(200, time.Second),
	post("/v2/bot/message/validate/reply", (*Sim).validateMessages),
	post("/v2/bot/message/validate/push", (*Sim).validateMessages),
	post("/v2/bot/message/validate/multicast", (*Sim).validateMessages),
	post("/v2/bot/message/validate/narrowcast", (*Sim).validateMessages),
	post("/v2/bot/message/validate/broadcast", (*Sim).validateMessages),
	get("/v2/bot/message/quota", (*Sim).getQuota),
	get("/v2/bot/message/quota/consumption", (*Sim).getConsumption),
	post("/v2/bot/chat/loading/start", (*Sim).startLoading).atMost(100, time.Second),
	post("/v2/bot/chat/markAsRead", (*Sim).markAsRead),
	get("/v2/bot/message/{}/content", (*Sim).getContent),
	get("/v2/bot/message/{}/content/preview", (*Sim).getContentPreview),
	get("/v2/bot/message/{}/content/transcoding", (*Sim).getTranscoding),

	get("/v2/bot/info", (*Sim).getBotInfo),
	get("/v2/bot/followers/ids", (*Sim).getFollowers),
	get("/v2/bot/profile/{}", (*Sim).getProfile),
	post("/v2/bot/user/{}/linkToken", (*Sim).issueLinkToken),

	post("/v2/bot/richmenu", (*Sim).createMenu).atMost(100, time.Hour),
	post("/v2/bot/richmenu/validate", (*Sim).validateMenu),
	get("/v2/bot/richmenu/list", (*Sim).listMenus).atMost(10, time.Second),
	post("/v2/bot/richmenu/alias", (*Sim).createAlias),
	get("/v2/bot/richmenu/alias/list", (*Sim).listAliases),
	get("/v2/bot/richmenu/alias/{}", (*Sim).getAlias),
	post("/v2/bot/richmenu/alias/{}", (*Sim).updateAlias),
	del("/v2/bot/richmenu/alias/{}", (*Sim).deleteAlias).atMost(100, time.Hour),
	post("/v2/bot/richmenu/bulk/link", (*Sim).linkMenus),
	post("/v2/bot/richmenu/bulk/unlink", (*Sim).unlinkMenus),
	get("/v2/bot/richmenu/{}", (*Sim).getMenu),
	del("/v2/bot/richmenu/{}", (*Sim).deleteMenu).atMost(100, time.Hour),
	upload("/v2/bot/richmenu/{}/content", (*Sim).uploadMenuImage),
	get("/v2/bot/richmenu/{}/content", (*Sim).getMenuImage),
	get("/v2/bot/user/all/richmenu", (*Sim).getDefaultMenu),
	del("/v2/bot/user/all/richmenu", (*Sim).clearDefaultMenu),
	post("/v2/bot/user/all/richmenu/{}", (*Sim).setDefaultMenu),
	get("/v2/bot/user/{}/richmenu", (*Sim).getMenuOfUser),
	del("/v2/bot/user/{}/richmenu", (*Sim).unlinkMenu),
	post("/v2/bot/user/{}/richmenu/{}", (*Sim).linkMenu),

	get("/v2/bot/channel/webhook/endpoint", (*Sim).getWebhookEndpoint).atMost(1000, time.Minute),
	put("/v2/bot/channel/webhook/endpoint", (*Sim).setWebhookEndpoint).atMost(1000, time.Minute),
	post("/v2/bot/channel/webhook/test", (*Sim).testWebhookEndpoint).atMost(60, time.Hour),

	form("/oauth2/v2.1/token", (*Sim).issueToken),
	form("/oauth2/v3/token", (*Sim).issueStatelessToken),
	{method: http.MethodGet, path: "/oauth2/v2.1/verify", answer: (*Sim).verifyToken, limit: 2000, per: time.Second, open: true},
}

// byShape finds the endpoints with a method and a number of segments.
var byShape = func() map[string][]*endpoint {
	shapes := map[string][]*endpoint{}
	for i := range endpoints {
		e := &endpoints[i]
		e.segments = strings.Split(e.path, "/")
		shape := shapeOf(e.method, len(e.segments))
		shapes[shape] = append(shapes[shape], e)
	}
	return shapes
}()

func shapeOf(method string, segments int) string { return method + string(rune('0'+segments)) }

// endpointOf finds the endpoint of a path exactly as documented; one slash more is another path.
func endpointOf(method, path string) (*endpoint, []string) {
	segments := strings.Split(path, "/")
next:
	for _, e := range byShape[shapeOf(method, len(segments))] {
		var params []string
		for i, want := range e.segments {
			switch {
			case want == "{}" && segments[i] != "":
				param, err := url.PathUnescape(segments[i])
				if err != nil {
					continue next
				}
				params = append(params, param)
			case want != segments[i]:
				continue next
			}
		}
		return e, params
	}
	return nil, nil
}

// A bucket holds what is left of an endpoint's rate limit.
type bucket struct {
	tokens float64
	at     time.Time
}

// takeToken takes one call from the endpoint's bucket, which fills at the limit's rate up to the limit.
func (s *Sim) takeToken(e *endpoint) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	now, limit := s.now(), float64(e.limit)
	key := e.method + e.path
	b := s.buckets[key]
	if b == nil {
		b = &bucket{tokens: limit, at: now}
		s.buckets[key] = b
	}
	if passed := now.Sub(b.at); passed > 0 {
		b.tokens = min(limit, b.tokens+limit*float64(passed)/float64(e.per))
	}
	b.at = now
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}
