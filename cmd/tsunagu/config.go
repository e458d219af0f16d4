package main

import (
	"cmp"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"tsunagu/flows"
	"tsunagu/store"
)

// A config is everything that can be set from outside, read and checked. [config.settings] says under which name each
// field is set and what it means to an operator; the comments here say what the program may count on. Addresses are
// absolute and end without a slash (only OIDCIssuer stays as written, it is compared); what was not given is the zero
// value.
type config struct {
	Listen         string         // public listener, host:port
	OpsListen      string         // listener of metrics and profiles; never the public one
	PublicURL      string         // the address people reach
	Database       secret         // sqlite:PATH, postgres://… or postgresql://…; may hold a password
	SecretKey      secret         // 32 bytes or more, decoded; every other key is derived from it
	SecretKeyOld   secret         // the key before the last change, decoded
	TrustedProxies []netip.Prefix // whose X-Forwarded-* headers are believed

	LineSecrets      []secret  // channel secrets, the current one first
	LineToken        secret    // long-lived access token; "" when LineAssertionKey signs for short-lived ones
	LineChannelID    string    // digits
	LineAssertionKey secret    // private key as JWK JSON with its kid
	LineAPI          string    // Messaging API
	LineAPIData      string    // Messaging API, content
	LineAccess       string    // account link and LINE Login
	LineWeb          string    // links that open the LINE app
	LineLoginID      string    // LINE Login channel; "" when My Page does not open by LINE Login
	LineLoginSecret  secret    // its secret
	ClockAt          time.Time // where the clock starts; only with a LINE on this machine

	Carrier      string // ledger or tmf
	TMFURL       string // TM Forum APIs of the carrier
	TMFToken     secret
	LinkingURL   string // the carrier's check of passwords and usage codes
	LinkingToken secret
	MyPageURL    string // the carrier's own My Page; "" for the built-in one
	MyPageKey    secret // signs the way in; content of the file

	FAQFile          string // "" for the built-in corpus
	LLMURL           string // OpenAI-compatible endpoint; "" when no model is used
	LLMModel         string
	LLMKey           secret
	OIDCIssuer       string // identity provider of the operators; "" for names and passwords
	OIDCClientID     string
	OIDCClientSecret secret
	LogLevel         slog.Level
	LogFormat        string // text, json, or "": text on a terminal, else json
	OTLPEndpoint     string // "" when traces are off

	Connections int           // to PostgreSQL
	InFlight    int           // lanes in hand at once
	RateShare   float64       // of LINE's rate limits; 0 is off
	KeepEvents  time.Duration // inputs and deeds
	KeepChats   time.Duration // support sessions, after their end

	// Flows holds the brand and what conversations, pages and the carrier follow.
	Flows flows.Settings

	PointsCutoffDay           int // day of month, like the two below; none before the one ahead of it
	BillFixDay, BillChargeDay int
	MyPageSSOTTL              time.Duration

	shown []slog.Attr // what was given, secrets left out
}

// A need is something that a command cannot work without. Needs are joined with |.
type need uint

const (
	// needKeys: reads or writes what is sealed or hashed.
	needKeys need = 1 << iota
	// needLINE: calls LINE.
	needLINE
	// needCarrier: asks the carrier.
	needCarrier
	// needPublic: receives webhooks and visitors.
	needPublic

	// needDatabase: only the database, whose address has a default.
	needDatabase need = 0
	needServe         = needKeys | needLINE | needCarrier | needPublic
)

// A setting is one name with its way into a field.
type setting struct {
	name  string
	usual string // the default, as it would be written
	about string
	set   func(string) error
	need  need
	// secret settings may also be given as NAME_FILE and are never shown.
	secret bool
	// otherwise says in the table what holds without a value, where usual cannot.
	otherwise string
}

// opt is a setting that may be left out.
func opt(name, usual string, set func(string) error, about string) setting {
	return setting{name: name, usual: usual, set: set, about: about}
}

func (s setting) neededFor(n need) setting   { s.need = n; return s }
func (s setting) secretly() setting          { s.secret = true; return s }
func (s setting) orElse(what string) setting { s.otherwise = what; return s }

// settings is the one list of all settings: the loader, --help and the README's table are made from it.
func (c *config) settings() []setting {
	f := &c.Flows
	return []setting{
		opt("LISTEN", ":8080", parsed(&c.Listen, listener), "public listener"),
		opt("OPS_LISTEN", "127.0.0.1:9090", parsed(&c.OpsListen, listener), "listener of /metrics and /debug/pprof, never the public one"),
		opt("PUBLIC_URL", "", parsed(&c.PublicURL, address), "the address people reach, e.g. https://bot.example.jp").neededFor(needPublic),
		opt("DATABASE_URL", "sqlite:tsunagu.db", parsed(&c.Database, database), "sqlite:PATH or postgres://…").secretly(),
		opt("DATABASE_CONNECTIONS", "16", parsed(&c.Connections, number(2, 1000)), "connections to PostgreSQL of one process, at most"),
		opt("SECRET_KEY", "", parsed(&c.SecretKey, key), "32 bytes or more in base64; the keys for hashing and sealing are derived from it").secretly().neededFor(needKeys),
		opt("SECRET_KEY_OLD", "", parsed(&c.SecretKeyOld, key), "the key before the last change, still accepted for reading").secretly(),
		opt("TRUSTED_PROXIES", "127.0.0.0/8,::1", parsed(&c.TrustedProxies, list(prefix)), "address ranges whose X-Forwarded-For and X-Forwarded-Proto are believed"),
		opt("LINE_CHANNEL_SECRET", "", parsed(&c.LineSecrets, list(hidden)), "channel secret; several with commas while rotating").secretly().neededFor(needPublic),
		opt("LINE_CHANNEL_ACCESS_TOKEN", "", parsed(&c.LineToken, hidden), "long-lived access token; or the next two; or LINE_CHANNEL_ID alone for stateless tokens by the channel secret").secretly().orElse("one of the three ways is required for serve"),
		opt("LINE_CHANNEL_ID", "", parsed(&c.LineChannelID, digits), "channel ID, for tokens that are renewed by themselves"),
		opt("LINE_ASSERTION_KEY_FILE", "", parsed(&c.LineAssertionKey, jwkFile), "the channel's private key as JWK JSON with the kid of the Console"),
		opt("CLOCK_AT", "", parsed(&c.ClockAt, moment), "where the clock starts, e.g. 2026-11-30T22:59:50+09:00; only with LINE_API_URL on this machine").orElse("now"),
		opt("LINE_API_URL", "https://api.line.me", parsed(&c.LineAPI, lineAddress), "Messaging API, or a simulator"),
		opt("LINE_API_DATA_URL", "https://api-data.line.me", parsed(&c.LineAPIData, lineAddress), "Messaging API for pictures and files"),
		opt("LINE_ACCESS_URL", "https://access.line.me", parsed(&c.LineAccess, lineAddress), "account link and LINE Login"),
		opt("LINE_WEB_URL", "https://line.me", parsed(&c.LineWeb, lineAddress), "links that open the LINE app"),
		opt("LINE_IN_FLIGHT", "256", parsed(&c.InFlight, number(1, 10_000)), "people served, and so calls to LINE under way, at once in one process"),
		opt("LINE_RATE_SHARE", "90%", parsed(&c.RateShare, percent), "part of LINE's rate limits that one process may use: divide it among several; off only with a simulator"),
		opt("LINE_LOGIN_CHANNEL_ID", "", parsed(&c.LineLoginID, digits), "when set with its secret, My Page opens by LINE Login").orElse("off"),
		opt("LINE_LOGIN_CHANNEL_SECRET", "", parsed(&c.LineLoginSecret, hidden), "secret of the LINE Login channel").secretly(),
		opt("CARRIER", "ledger", parsed(&c.Carrier, oneOf("ledger", "tmf")), "ledger (built in) or tmf (TM Forum APIs, with the four below)"),
		opt("TMF_URL", "", parsed(&c.TMFURL, address), "TM Forum APIs of the carrier"),
		opt("TMF_TOKEN", "", parsed(&c.TMFToken, hidden), "token for TMF_URL").secretly(),
		opt("LINKING_URL", "", parsed(&c.LinkingURL, address), "the carrier's check of passwords and usage codes"),
		opt("LINKING_TOKEN", "", parsed(&c.LinkingToken, hidden), "token for LINKING_URL").secretly(),
		opt("MYPAGE_URL", "", parsed(&c.MyPageURL, address), "the carrier's own My Page").orElse("the built-in one"),
		opt("MYPAGE_KEY_FILE", "", parsed(&c.MyPageKey, secretFile), "private key that signs the way into MYPAGE_URL"),
		opt("BRAND", "つなぐモバイル", parsed(&f.Brand, label), "the carrier's name, wherever it is said"),
		opt("FAQ_FILE", "", parsed(&c.FAQFile, file), "questions and answers (YAML)").orElse("the built-in demo corpus"),
		opt("LLM_URL", "", parsed(&c.LLMURL, address), "OpenAI-compatible chat endpoint that may reword an answer").orElse("off"),
		opt("LLM_MODEL", "", parsed(&c.LLMModel, text), "model at LLM_URL"),
		opt("LLM_API_KEY", "", parsed(&c.LLMKey, hidden), "key for LLM_URL, where one is asked for").secretly(),
		opt("OIDC_ISSUER", "", parsed(&c.OIDCIssuer, issuer), "operators sign in by this identity provider").orElse("off"),
		opt("OIDC_CLIENT_ID", "", parsed(&c.OIDCClientID, text), "client at OIDC_ISSUER"),
		opt("OIDC_CLIENT_SECRET", "", parsed(&c.OIDCClientSecret, hidden), "secret of that client").secretly(),
		opt("LOG_LEVEL", "info", parsed(&c.LogLevel, level), "debug, info, warn or error"),
		opt("LOG_FORMAT", "", parsed(&c.LogFormat, oneOf("text", "json")), "text or json").orElse("text on a terminal, else json"),
		opt("OTEL_EXPORTER_OTLP_ENDPOINT", "", parsed(&c.OTLPEndpoint, address), "where traces go").orElse("off"),

		opt("RETENTION_EVENTS", "30d", parsed(&c.KeepEvents, duration), "how long events and what was answered are kept; 7 days at least, for LINE may deliver an event again"),
		opt("RETENTION_CHATS", "365d", parsed(&c.KeepChats, duration), "how long chats with operators are kept after their end"),

		opt("LINK_CODE_DIGITS", "16", parsed(&f.CodeDigits, number(8, 32)), "digits of a usage code (LNK-20)"),
		opt("LINK_MAX_WRONG", "5", parsed(&f.MaxWrong, number(1, 100)), "wrong attempts that lock (LNK-15, LNK-23)"),
		opt("LINK_WRONG_WINDOW", "60m", parsed(&f.WrongWindow, duration), "within which they are counted"),
		opt("LINK_LOCK", "60m", parsed(&f.Lock, duration), "how long the lock holds"),
		opt("LINK_DIALOG_TIMEOUT", "10m", parsed(&f.DialogWait, duration), "how long the chat waits for a code (LNK-32)"),
		opt("LINK_NONCE_TTL", "10m", parsed(&f.NonceTTL, duration), "life of an account-link nonce (LNK-12)"),
		opt("LINK_MAX_LINES_PER_ACCOUNT", "5", parsed(&f.MaxLines, number(1, 100)), "lines linked to one LINE account (ACC-03)"),
		opt("LINK_MAX_CONTRACTS_PER_ACCOUNT", "5", parsed(&f.MaxContracts, number(1, 100)), "contracts linked to one LINE account (ACC-02)"),
		opt("LINK_BLOCKED_RETENTION", "90d", parsed(&f.BlockedKeep, duration), "how long links of a blocked account are kept (LNK-45)"),
		opt("BALANCE_CACHE", "60s", parsed(&f.BalanceCache, duration), "how long figures are reused (BAL-06)"),
		opt("BALANCE_STALE_AFTER", "60m", parsed(&f.BalanceStale, duration), "age from which figures carry a warning (BAL-06)"),
		opt("BALANCE_TIMEOUT", "3s", parsed(&f.BalanceTimeout, duration), "how long the carrier is waited for (BAL-12)"),
		opt("BALANCE_THROTTLE_LABEL", "最大200kbps", parsed(&f.ThrottleLabel, label), "speed of a line without data (BAL-07)"),
		opt("GIFT_STEP_MB", "500", parsed(&f.GiftStepMB, number(1, 1_000_000)), "steps of a gift (GFT-06)"),
		opt("GIFT_MIN_MB", "500", parsed(&f.GiftMinMB, number(1, 1_000_000)), "smallest gift, whole steps (GFT-06)"),
		opt("GIFT_MAX_PENDING", "3", parsed(&f.GiftMaxPending, number(1, 100)), "pending gifts of a line (GFT-25)"),
		opt("GIFT_MAX_PER_DAY", "10", parsed(&f.GiftMaxPerDay, number(1, 1000)), "gifts of a line and day (GFT-26)"),
		opt("GIFT_CLAIM_DAYS", "2", parsed(&f.GiftClaimDays, number(0, 31)), "days after its own in which a gift can be claimed (GFT-23)"),
		opt("GIFT_BLACKOUT_FROM", "last 23:00", parsed(&f.GiftBlackoutFrom, dayAndTime), "no gifts from this day of the month and time (GFT-30)"),
		opt("GIFT_BLACKOUT_TO", "1 09:00", parsed(&f.GiftBlackoutTo, dayAndTime), "to this one"),
		opt("HELP_OPEN", "10:00", parsed(&f.HelpOpen, timeOfDay), "operators answer from (HLP-20)"),
		opt("HELP_CLOSE", "19:00", parsed(&f.HelpClose, timeOfDay), "to (HLP-20)"),
		opt("HELP_HARD_END", "19:30", parsed(&f.HelpHardEnd, timeOfDay), "when connected chats end (HLP-29)"),
		opt("HELP_CLOSED_DATES", "", parsed(&f.HelpClosedDates, dates), "days without operators, e.g. 2026-12-31,2027-01-01 (HLP-20)").orElse("none"),
		opt("HELP_BUSY_QUEUE", "10", parsed(&f.BusyQueue, number(1, 100_000)), "people waiting that mean busy (HLP-25)"),
		opt("HELP_BUSY_WAIT", "10m", parsed(&f.BusyWait, duration), "estimated wait that means busy (HLP-25)"),
		opt("HELP_CUSTOMER_REMIND", "10m", parsed(&f.CustomerRemind, duration), "silence of the customer before a reminder (HLP-30)"),
		opt("HELP_CUSTOMER_END", "15m", parsed(&f.CustomerEnd, duration), "silence of the customer that ends the chat (HLP-30)"),
		opt("HELP_OPERATOR_TIMEOUT", "5m", parsed(&f.OperatorWait, duration), "silence of the operator that gives the chat back (HLP-31)"),
		opt("HELP_SURVEY_TTL", "24h", parsed(&f.SurveyTTL, duration), "how long the survey is open (HLP-35)"),
		opt("HELP_SURVEY_INTERVAL", "7d", parsed(&f.SurveyEvery, duration), "time between two surveys of one person (HLP-35)"),
		opt("HELP_LINE", flows.Defaults().HelpLine, parsed(&f.HelpLine, text), "said to somebody who speaks of hurting themselves (HLP-37)"),
		opt("POINTS_CUTOFF_DAY", "2", parsed(&c.PointsCutoffDay, number(1, 28)), "last day for points settings of the month (PTS-08)"),
		opt("BILL_FIX_DAY", "3", parsed(&c.BillFixDay, number(1, 28)), "day the bill is fixed (BIL-02)"),
		opt("BILL_CHARGE_DAY", "5", parsed(&c.BillChargeDay, number(1, 28)), "day the bill is charged (BIL-02)"),
		opt("MYPAGE_SSO_TTL", "60s", parsed(&c.MyPageSSOTTL, duration), "life of the one-time way into My Page (MYP-02)"),
	}
}

// settingDoc is one row of the table of settings that --help prints and the README holds.
type settingDoc struct {
	Name     string
	Default  string // as it would be written, or in words
	Meaning  string
	Required bool // for serve
	Secret   bool // also as Name_FILE
}

// settingsTable lists every setting in the order in which people read about them.
func settingsTable() []settingDoc {
	var docs []settingDoc
	for _, s := range new(config).settings() {
		docs = append(docs, settingDoc{
			Name: s.name, Default: cmp.Or(s.usual, s.otherwise), Meaning: s.about,
			Required: s.need != 0, Secret: s.secret,
		})
	}
	return docs
}

// loadConfig reads the settings: from the environment, where that is silent from configFile (YAML, "" for none), else
// the default. A variable that is set but empty counts as not given. The error is a settingsError and names all that
// is wrong, and all that is missing for needs, at once.
func loadConfig(getenv func(string) (string, bool), configFile string, needs need) (*config, error) {
	c := new(config)
	l := loader{getenv: getenv, given: map[string]bool{}, bad: map[string]bool{}}
	settings := c.settings()
	if configFile != "" {
		l.readFile(configFile, settings)
	}
	for _, s := range settings {
		l.load(s, needs)
	}
	l.checkTogether(c, needs)
	if len(l.problems) > 0 {
		return nil, l.problems
	}
	c.shown = l.shown
	return c, nil
}

// String shows what was given, without secrets.
func (c config) String() string {
	var b strings.Builder
	for i, a := range c.shown {
		if i > 0 {
			b.WriteByte(' ')
		}
		fmt.Fprintf(&b, "%s=%s", a.Key, a.Value)
	}
	return b.String()
}

// GoString is String, so that no way of printing shows more.
func (c config) GoString() string { return c.String() }

// LogValue is a group of what was given, without secrets.
func (c config) LogValue() slog.Value { return slog.GroupValue(c.shown...) }

// A settingsError is every fault of the settings, one a line: "NAME: what is wrong and what to do".
type settingsError []string

func (e settingsError) Error() string { return strings.Join(e, "\n") }

// A loader gathers values, and faults until there is nothing left to find.
type loader struct {
	getenv   func(string) (string, bool)
	file     map[string]fileValue // by name in capitals
	given    map[string]bool      // names with a value that is not the default
	bad      map[string]bool      // names with a fault
	shown    []slog.Attr
	problems settingsError
}

type fileValue struct{ text, where string }

// fault keeps one line of the error.
func (l *loader) fault(name, format string, args ...any) {
	l.bad[name] = true
	l.problems = append(l.problems, name+": "+fmt.Sprintf(format, args...))
}

// readFile takes the values of a YAML file as they are written there, so that 10:00 stays 10:00.
func (l *loader) readFile(path string, settings []setting) {
	data, err := os.ReadFile(path)
	if err != nil {
		l.fault("--config", "%v", err)
		return
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		l.fault("--config", "%s: %v", path, err)
		return
	}
	if len(doc.Content) == 0 { // an empty file
		return
	}
	root := doc.Content[0]
	if root.Kind != yaml.MappingNode {
		l.fault("--config", "%s must hold lines of the form name: value", path)
		return
	}
	known := map[string]bool{}
	for _, s := range settings {
		known[s.name] = true
		known[s.name+"_FILE"] = known[s.name+"_FILE"] || s.secret
	}
	l.file = map[string]fileValue{}
	for i := 0; i+1 < len(root.Content); i += 2 {
		key, value := root.Content[i], root.Content[i+1]
		where := fmt.Sprintf("line %d of %s", key.Line, path)
		name := strings.ToUpper(strings.ReplaceAll(key.Value, ".", "_"))
		written, ok := scalar(value)
		switch {
		case !known[name]:
			l.fault(key.Value, "is not a setting (%s); take it out or correct the name", where)
		case key.Value != strings.ToLower(name):
			l.fault(key.Value, "must be written %s (%s)", strings.ToLower(name), where)
		case !ok:
			l.fault(name, "must be one value or a list of values (%s)", where)
		case l.file[name].where != "":
			l.fault(name, "is given twice, %s and %s; keep one", l.file[name].where, where)
		default:
			l.file[name] = fileValue{written, where}
		}
	}
}

// scalar is a YAML value as one text: a list becomes the comma-separated form.
func scalar(n *yaml.Node) (string, bool) {
	switch {
	case n.Kind == yaml.ScalarNode && n.Tag == "!!null":
		return "", true
	case n.Kind == yaml.ScalarNode:
		return n.Value, true
	case n.Kind == yaml.SequenceNode:
		var parts []string
		for _, item := range n.Content {
			if item.Kind != yaml.ScalarNode {
				return "", false
			}
			parts = append(parts, item.Value)
		}
		return strings.Join(parts, ","), true
	}
	return "", false
}

// load finds the value of one setting and sets it.
func (l *loader) load(s setting, needs need) {
	if l.bad[s.name] {
		return
	}
	value, where, ok := l.lookup(s)
	switch {
	case l.bad[s.name]:
		return
	case ok:
		l.given[s.name] = true
		shown := value
		if s.secret {
			shown = "(set)"
		}
		l.shown = append(l.shown, slog.String(s.name, shown))
	case s.need&needs != 0:
		l.missing(s)
		return
	case s.usual == "":
		return
	default:
		value = s.usual
	}
	if err := s.set(value); err != nil {
		if where != "" {
			err = fmt.Errorf("%w (%s)", err, where)
		}
		l.fault(s.name, "%v", err)
	}
}

func (l *loader) missing(s setting) {
	or := ""
	if s.secret {
		or = " (or " + s.name + "_FILE)"
	}
	l.fault(s.name, "is missing; set it%s: %s", or, s.about)
}

// lookup finds a value and where in the file it stood; the environment goes before the file.
func (l *loader) lookup(s setting) (value, where string, ok bool) {
	fromEnvironment := func(name string) fileValue {
		v, _ := l.getenv(name)
		return fileValue{text: v}
	}
	fromFile := func(name string) fileValue { return l.file[name] }
	for _, from := range []func(string) fileValue{fromEnvironment, fromFile} {
		direct, path := from(s.name), fileValue{}
		if s.secret {
			path = from(s.name + "_FILE")
		}
		direct.text, path.text = strings.TrimSpace(direct.text), strings.TrimSpace(path.text)
		switch {
		case direct.text != "" && path.text != "":
			l.fault(s.name, "is given twice, as %s and as %s_FILE; keep one", s.name, s.name)
			return "", "", false
		case direct.text != "":
			return direct.text, direct.where, true
		case path.text != "":
			data, err := secretFile(path.text)
			if err != nil {
				l.bad[s.name] = true
				l.fault(s.name+"_FILE", "%v", err)
				return "", "", false
			}
			return string(data), path.where, true
		}
	}
	return "", "", false
}

// checkTogether finds faults between settings; one that is wrong by itself is not blamed a second time.
func (l *loader) checkTogether(c *config, needs need) {
	rule := func(holds bool, name, format string, others ...string) {
		for _, n := range append(others, name) {
			if l.bad[n] {
				return
			}
		}
		if !holds {
			l.fault(name, "%s", format)
		}
	}
	allOrNone := func(names ...string) {
		if !slices.ContainsFunc(names, func(n string) bool { return l.given[n] || l.bad[n] }) {
			return
		}
		for _, n := range names {
			rule(l.given[n], n, "is missing; "+strings.Join(names, ", ")+" go together")
		}
	}

	rule(!sameListener(c.Listen, c.OpsListen), "OPS_LISTEN", "must not be the public listener; give it another port", "LISTEN")
	rule(c.ClockAt.IsZero() || loopback(c.LineAPI), "CLOCK_AT",
		"is only for a simulated LINE; leave it out or point LINE_API_URL at this machine", "LINE_API_URL")

	rule(c.RateShare > 0 || loopback(c.LineAPI), "LINE_RATE_SHARE",
		"can only be off with a simulated LINE; give a part like 45%", "LINE_API_URL")
	token, id, signer, channel := "LINE_CHANNEL_ACCESS_TOKEN", "LINE_CHANNEL_ID", "LINE_ASSERTION_KEY_FILE", "LINE_CHANNEL_SECRET"
	rule(!l.given[token] || !l.given[signer], token, "is given beside "+signer+"; keep one way", signer)
	rule(!l.given[signer] || l.given[id], id, "is missing; "+id+", "+signer+" go together", signer)
	if needs&needLINE != 0 && !l.given[signer] {
		rule(l.given[token] || l.given[id], token, "is missing; set it (or "+token+"_FILE), or "+id+" with "+signer+" or "+channel, id, signer)
		rule(l.given[token] || !l.given[id] || l.given[channel], channel, "is missing; "+id+" needs it, or "+signer, token, id, signer)
	}
	allOrNone("LINE_LOGIN_CHANNEL_ID", "LINE_LOGIN_CHANNEL_SECRET")
	allOrNone("LLM_URL", "LLM_MODEL")
	allOrNone("OIDC_ISSUER", "OIDC_CLIENT_ID", "OIDC_CLIENT_SECRET")
	allOrNone("MYPAGE_URL", "MYPAGE_KEY_FILE")
	if c.Carrier == "tmf" && needs&needCarrier != 0 {
		for _, n := range []string{"TMF_URL", "TMF_TOKEN", "LINKING_URL", "LINKING_TOKEN"} {
			rule(l.given[n], n, "is missing; CARRIER=tmf needs it")
		}
	}

	rule(c.KeepEvents >= store.LeastKept, "RETENTION_EVENTS", "must be 7d or more; LINE may deliver an event again, and it has to be known")
	rule(c.Flows.GiftMinMB%max(c.Flows.GiftStepMB, 1) == 0, "GIFT_MIN_MB", "must be whole steps of GIFT_STEP_MB", "GIFT_STEP_MB")
	rule(c.Flows.HelpOpen < c.Flows.HelpClose, "HELP_CLOSE", "must be later than HELP_OPEN", "HELP_OPEN")
	rule(c.Flows.HelpClose <= c.Flows.HelpHardEnd, "HELP_HARD_END", "must not be before HELP_CLOSE", "HELP_CLOSE")
	rule(c.Flows.CustomerRemind < c.Flows.CustomerEnd, "HELP_CUSTOMER_END", "must be longer than HELP_CUSTOMER_REMIND", "HELP_CUSTOMER_REMIND")
	rule(c.PointsCutoffDay <= c.BillFixDay, "BILL_FIX_DAY", "must not be before POINTS_CUTOFF_DAY", "POINTS_CUTOFF_DAY")
	rule(c.BillFixDay <= c.BillChargeDay, "BILL_CHARGE_DAY", "must not be before BILL_FIX_DAY", "BILL_FIX_DAY")
}
