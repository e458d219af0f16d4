package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"tsunagu/flows"
)

var testKey = base64.StdEncoding.EncodeToString([]byte("0123456789abcdef0123456789abcdef"))

// serving is the least that serve needs, with changes; an empty value takes one away.
func serving(changes map[string]string) map[string]string {
	env := map[string]string{
		"PUBLIC_URL":                "https://bot.example.jp/",
		"SECRET_KEY":                testKey,
		"LINE_CHANNEL_SECRET":       "channel-secret",
		"LINE_CHANNEL_ACCESS_TOKEN": "access-token",
	}
	maps.Copy(env, changes)
	return env
}

func lookup(env map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) { v, ok := env[name]; return v, ok }
}

func write(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func mustLoad(t *testing.T, env map[string]string, file string) *config {
	t.Helper()
	c, err := loadConfig(lookup(env), file, needServe)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestConfigDefaults(t *testing.T) {
	c := mustLoad(t, serving(nil), "")
	if want := flows.Defaults(); !reflect.DeepEqual(c.Flows, want) {
		t.Errorf("Flows = %+v\nwant the defaults of domain.md §12: %+v", c.Flows, want)
	}
	want := map[string][2]any{
		"PublicURL, without its slash": {c.PublicURL, "https://bot.example.jp"},
		"Listen":                       {c.Listen, ":8080"},
		"OpsListen":                    {c.OpsListen, "127.0.0.1:9090"},
		"Database":                     {string(c.Database), "sqlite:tsunagu.db"},
		"SecretKey, decoded":           {string(c.SecretKey), "0123456789abcdef0123456789abcdef"},
		"TrustedProxies":               {c.TrustedProxies, []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}},
		"LineSecrets":                  {c.LineSecrets, []secret{"channel-secret"}},
		"LineAPI":                      {c.LineAPI, "https://api.line.me"},
		"LineAPIData":                  {c.LineAPIData, "https://api-data.line.me"},
		"LineAccess":                   {c.LineAccess, "https://access.line.me"},
		"LineWeb":                      {c.LineWeb, "https://line.me"},
		"Carrier":                      {c.Carrier, "ledger"},
		"LogLevel":                     {c.LogLevel, slog.LevelInfo},
		"LogFormat, by the terminal":   {c.LogFormat, ""},
		"GiftBlackoutFrom (GFT-30)":    {c.Flows.GiftBlackoutFrom, flows.MonthMoment{Day: 0, At: 23 * time.Hour}},
		"GiftBlackoutTo (GFT-30)":      {c.Flows.GiftBlackoutTo, flows.MonthMoment{Day: 1, At: 9 * time.Hour}},
		"GiftStepMB (GFT-06)":          {c.Flows.GiftStepMB, 500},
		"GiftMaxPending (GFT-25)":      {c.Flows.GiftMaxPending, 3},
		"HelpOpen (HLP-20)":            {c.Flows.HelpOpen, 10 * time.Hour},
		"HelpClose (HLP-20)":           {c.Flows.HelpClose, 19 * time.Hour},
		"HelpHardEnd (HLP-29)":         {c.Flows.HelpHardEnd, 19*time.Hour + 30*time.Minute},
		"SurveyInterval (HLP-35)":      {c.Flows.SurveyEvery, 7 * 24 * time.Hour},
		"BillChargeDay (BIL-02)":       {c.BillChargeDay, 5},
		"MyPageSSOTTL (MYP-02)":        {c.MyPageSSOTTL, time.Minute},
		"Connections":                  {c.Connections, 16},
		"InFlight":                     {c.InFlight, 256},
		"RateShare":                    {c.RateShare, 0.9},
		"KeepEvents":                   {c.KeepEvents, 30 * 24 * time.Hour},
		"KeepChats":                    {c.KeepChats, 365 * 24 * time.Hour},
	}
	for name, pair := range want {
		if !reflect.DeepEqual(pair[0], pair[1]) {
			t.Errorf("%s = %v, want %v", name, pair[0], pair[1])
		}
	}
}

// The names are promises of interface.md and domain.md §12.
func TestSettingsTableHoldsEveryPromisedName(t *testing.T) {
	promised := strings.Fields(`LISTEN OPS_LISTEN PUBLIC_URL DATABASE_URL DATABASE_CONNECTIONS SECRET_KEY SECRET_KEY_OLD TRUSTED_PROXIES
		LINE_CHANNEL_SECRET LINE_CHANNEL_ACCESS_TOKEN LINE_CHANNEL_ID LINE_ASSERTION_KEY_FILE CLOCK_AT
		LINE_API_URL LINE_API_DATA_URL LINE_ACCESS_URL LINE_WEB_URL LINE_IN_FLIGHT LINE_RATE_SHARE LINE_LOGIN_CHANNEL_ID LINE_LOGIN_CHANNEL_SECRET
		CARRIER TMF_URL TMF_TOKEN LINKING_URL LINKING_TOKEN MYPAGE_URL MYPAGE_KEY_FILE BRAND FAQ_FILE
		LLM_URL LLM_MODEL LLM_API_KEY OIDC_ISSUER OIDC_CLIENT_ID OIDC_CLIENT_SECRET LOG_LEVEL LOG_FORMAT
		OTEL_EXPORTER_OTLP_ENDPOINT RETENTION_EVENTS RETENTION_CHATS
		LINK_CODE_DIGITS LINK_MAX_WRONG LINK_WRONG_WINDOW LINK_LOCK LINK_DIALOG_TIMEOUT LINK_NONCE_TTL
		LINK_MAX_LINES_PER_ACCOUNT LINK_MAX_CONTRACTS_PER_ACCOUNT LINK_BLOCKED_RETENTION
		BALANCE_CACHE BALANCE_STALE_AFTER BALANCE_TIMEOUT BALANCE_THROTTLE_LABEL
		GIFT_STEP_MB GIFT_MIN_MB GIFT_MAX_PENDING GIFT_MAX_PER_DAY GIFT_CLAIM_DAYS GIFT_BLACKOUT_FROM GIFT_BLACKOUT_TO
		HELP_OPEN HELP_CLOSE HELP_HARD_END HELP_CLOSED_DATES HELP_BUSY_QUEUE HELP_BUSY_WAIT HELP_CUSTOMER_REMIND
		HELP_CUSTOMER_END HELP_OPERATOR_TIMEOUT HELP_SURVEY_TTL HELP_SURVEY_INTERVAL HELP_LINE
		POINTS_CUTOFF_DAY BILL_FIX_DAY BILL_CHARGE_DAY MYPAGE_SSO_TTL`)
	var names, required []string
	for _, doc := range settingsTable() {
		names = append(names, doc.Name)
		if doc.Required {
			required = append(required, doc.Name)
		}
		if doc.Meaning == "" {
			t.Errorf("%s has no meaning in the table", doc.Name)
		}
	}
	if !slices.Equal(names, promised) {
		t.Errorf("names = %v\nwant %v", names, promised)
	}
	if want := []string{"PUBLIC_URL", "SECRET_KEY", "LINE_CHANNEL_SECRET"}; !slices.Equal(required, want) {
		t.Errorf("required = %v, want %v", required, want)
	}
}

// Every setting must reach its own field: two that share one, or one that reaches none, would go unnoticed otherwise.
func TestConfigEverySettingReachesAFieldOfItsOwn(t *testing.T) {
	samples := map[string]string{
		"LISTEN": ":1", "OPS_LISTEN": ":2", "DATABASE_URL": "postgres://h/d", "SECRET_KEY": testKey, "SECRET_KEY_OLD": testKey,
		"TRUSTED_PROXIES": "10.0.0.0/8", "LINE_ASSERTION_KEY_FILE": write(t, `{"kty":"RSA","kid":"k","d":"d"}`),
		"CLOCK_AT": "2026-11-30T22:59:50+09:00", "CARRIER": "tmf", "MYPAGE_KEY_FILE": write(t, "pem"), "FAQ_FILE": write(t, "faq"),
		"LOG_LEVEL": "warn", "LOG_FORMAT": "json", "GIFT_BLACKOUT_FROM": "27 22:00", "GIFT_BLACKOUT_TO": "2 08:00",
		"HELP_OPEN": "01:00", "HELP_CLOSE": "02:00", "HELP_HARD_END": "03:00", "HELP_CLOSED_DATES": "2026-12-31",
		"LINE_CHANNEL_ID": "1", "LINE_LOGIN_CHANNEL_ID": "2", "BRAND": "B", "BALANCE_THROTTLE_LABEL": "L",
		"LINE_CHANNEL_SECRET": "s", "LINE_CHANNEL_ACCESS_TOKEN": "t",
	}
	seen := map[string]string{}
	c := new(config)
	for _, s := range c.settings() {
		value := samples[s.name]
		for _, try := range []string{"17", "17m", "17%", "https://example.jp", "word"} {
			if value == "" && s.set(try) == nil {
				value = try
			}
		}
		*c = config{}
		if err := s.set(value); err != nil {
			t.Errorf("%s: %v", s.name, err)
			continue
		}
		for _, path := range changed(reflect.ValueOf(*c), "") {
			if other := seen[path]; other != "" {
				t.Errorf("%s and %s both set %s", s.name, other, path)
			}
			seen[path] = s.name
		}
		if reflect.DeepEqual(*c, config{}) {
			t.Errorf("%s sets nothing", s.name)
		}
	}
	for _, path := range allFields(reflect.TypeFor[config](), "") {
		if seen[path] == "" && path != "shown" {
			t.Errorf("no setting sets %s", path)
		}
	}
}

func changed(v reflect.Value, prefix string) (paths []string) {
	for i := range v.NumField() {
		name := prefix + v.Type().Field(i).Name
		if v.Field(i).Type() == reflect.TypeFor[flows.Settings]() {
			paths = append(paths, changed(v.Field(i), name+".")...)
		} else if !v.Field(i).IsZero() {
			paths = append(paths, name)
		}
	}
	return paths
}

func allFields(t reflect.Type, prefix string) (paths []string) {
	for f := range t.Fields() {
		if f.Type == reflect.TypeFor[flows.Settings]() {
			paths = append(paths, allFields(f.Type, prefix+f.Name+".")...)
		} else {
			paths = append(paths, prefix+f.Name)
		}
	}
	return paths
}

func TestConfigGoodValues(t *testing.T) {
	jwk := write(t, `{"kty":"RSA","kid":"kid-1","n":"n","e":"AQAB","d":"d"}`)
	local := "http://127.0.0.1:9000"
	tests := []struct {
		name string
		env  map[string]string
		got  func(*config) any
		want any
	}{
		{"seconds", map[string]string{"MYPAGE_SSO_TTL": "90s"}, func(c *config) any { return c.MyPageSSOTTL }, 90 * time.Second},
		{"minutes", map[string]string{"LINK_LOCK": "60m"}, func(c *config) any { return c.Flows.Lock }, time.Hour},
		{"hours", map[string]string{"HELP_SURVEY_TTL": "24h"}, func(c *config) any { return c.Flows.SurveyTTL }, 24 * time.Hour},
		{"days", map[string]string{"LINK_BLOCKED_RETENTION": "30d"}, func(c *config) any { return c.Flows.BlockedKeep }, 720 * time.Hour},
		{"end of day", map[string]string{"HELP_OPEN": "00:00", "HELP_CLOSE": "24:00", "HELP_HARD_END": "24:00"},
			func(c *config) any { return c.Flows.HelpClose }, 24 * time.Hour},
		{"day of month", map[string]string{"GIFT_BLACKOUT_FROM": "28  22:30"}, func(c *config) any { return c.Flows.GiftBlackoutFrom },
			flows.MonthMoment{Day: 28, At: 22*time.Hour + 30*time.Minute}},
		{"dates, in order and once", map[string]string{"HELP_CLOSED_DATES": "2027-01-01, 2026-12-31,2027-01-01"},
			func(c *config) any { return c.Flows.HelpClosedDates },
			[]time.Time{time.Date(2026, 12, 31, 0, 0, 0, 0, flows.JST), time.Date(2027, 1, 1, 0, 0, 0, 0, flows.JST)}},
		{"secrets while rotating", map[string]string{"LINE_CHANNEL_SECRET": "new, old"}, func(c *config) any { return c.LineSecrets },
			[]secret{"new", "old"}},
		{"URL-safe key without padding", map[string]string{"SECRET_KEY": base64.RawURLEncoding.EncodeToString(bytes.Repeat([]byte{0xff}, 33))},
			func(c *config) any { return []byte(c.SecretKey) }, bytes.Repeat([]byte{0xff}, 33)},
		{"proxies", map[string]string{"TRUSTED_PROXIES": "10.1.2.3/8, 2001:db8::1"}, func(c *config) any { return c.TrustedProxies },
			[]netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8::1/128")}},
		{"simulator on this machine", map[string]string{"LINE_API_URL": "http://localhost:9000/"}, func(c *config) any { return c.LineAPI }, "http://localhost:9000"},
		{"simulator on IPv6", map[string]string{"LINE_API_URL": "http://[::1]:9000"}, func(c *config) any { return c.LineAPI }, "http://[::1]:9000"},
		{"clock with a simulator", map[string]string{"CLOCK_AT": "2026-11-30T22:59:50+09:00", "LINE_API_URL": local},
			func(c *config) any { return c.ClockAt.Unix() }, time.Date(2026, 11, 30, 13, 59, 50, 0, time.UTC).Unix()},
		{"signed channel tokens", map[string]string{"LINE_CHANNEL_ACCESS_TOKEN": "", "LINE_CHANNEL_ID": "1234567890", "LINE_ASSERTION_KEY_FILE": jwk},
			func(c *config) any { return c.LineChannelID }, "1234567890"},
		{"stateless channel tokens", map[string]string{"LINE_CHANNEL_ACCESS_TOKEN": "", "LINE_CHANNEL_ID": "1234567890"}, func(c *config) any { return c.LineChannelID }, "1234567890"},
		{"channel ID beside a token", map[string]string{"LINE_CHANNEL_ID": "1234567890"}, func(c *config) any { return c.LineToken }, secret("access-token")},
		{"issuer as written", map[string]string{"OIDC_ISSUER": "https://id.example.jp/", "OIDC_CLIENT_ID": "desk", "OIDC_CLIENT_SECRET": "s"},
			func(c *config) any { return c.OIDCIssuer }, "https://id.example.jp/"},
		{"model without a key", map[string]string{"LLM_URL": "http://llm.internal:8000/v1", "LLM_MODEL": "m"}, func(c *config) any { return c.LLMURL }, "http://llm.internal:8000/v1"},
		{"carrier behind TM Forum APIs", map[string]string{"CARRIER": "tmf", "TMF_URL": "https://tmf.example.jp", "TMF_TOKEN": "t",
			"LINKING_URL": "https://link.example.jp", "LINKING_TOKEN": "t"}, func(c *config) any { return c.Carrier }, "tmf"},
		{"debug", map[string]string{"LOG_LEVEL": "DEBUG"}, func(c *config) any { return c.LogLevel }, slog.LevelDebug},
		{"empty is not given", map[string]string{"HELP_OPEN": " ", "BRAND": ""}, func(c *config) any { return c.Flows.Brand }, "つなぐモバイル"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.got(mustLoad(t, serving(tt.env), "")); !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

// Each case is one fault: exactly one line, under its name, saying what to do.
func TestConfigBadValues(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing")
	jwk := write(t, `{"kty":"RSA","kid":"kid-1","d":"d"}`)
	noKid := write(t, `{"kty":"RSA","d":"d"}`)
	short := base64.StdEncoding.EncodeToString([]byte("too short"))
	tests := []struct {
		env  map[string]string
		want string
	}{
		{map[string]string{"PUBLIC_URL": ""}, "PUBLIC_URL: is missing; set it: the address people reach"},
		{map[string]string{"SECRET_KEY": ""}, "SECRET_KEY: is missing; set it (or SECRET_KEY_FILE)"},
		{map[string]string{"LINE_CHANNEL_SECRET": ""}, "LINE_CHANNEL_SECRET: is missing; set it (or LINE_CHANNEL_SECRET_FILE)"},
		{map[string]string{"LINE_CHANNEL_ACCESS_TOKEN": ""}, "LINE_CHANNEL_ACCESS_TOKEN: is missing; set it (or LINE_CHANNEL_ACCESS_TOKEN_FILE), or LINE_CHANNEL_ID with LINE_ASSERTION_KEY_FILE or LINE_CHANNEL_SECRET"},
		{map[string]string{"LINE_CHANNEL_ACCESS_TOKEN": "", "LINE_CHANNEL_ID": "1", "LINE_CHANNEL_SECRET": ""}, "LINE_CHANNEL_SECRET: is missing; "},
		{map[string]string{"LINE_CHANNEL_ACCESS_TOKEN": "", "LINE_ASSERTION_KEY_FILE": jwk}, "LINE_CHANNEL_ID: is missing; "},
		{map[string]string{"LINE_CHANNEL_ID": "1", "LINE_ASSERTION_KEY_FILE": jwk}, "LINE_CHANNEL_ACCESS_TOKEN: is given beside LINE_ASSERTION_KEY_FILE"},
		{map[string]string{"LINE_CHANNEL_ACCESS_TOKEN": "", "LINE_CHANNEL_ID": "1", "LINE_ASSERTION_KEY_FILE": noKid}, "LINE_ASSERTION_KEY_FILE: " + noKid + " must be a private RSA key"},
		{map[string]string{"LINE_CHANNEL_ACCESS_TOKEN": "", "LINE_CHANNEL_ID": "1", "LINE_ASSERTION_KEY_FILE": missing}, "LINE_ASSERTION_KEY_FILE: open " + missing},
		{map[string]string{"LINE_CHANNEL_ID": "abc"}, "LINE_CHANNEL_ID: must be digits only"},
		{map[string]string{"LISTEN": "8080"}, `LISTEN: "8080" must be host:port`},
		{map[string]string{"LISTEN": ":80800"}, `LISTEN: ":80800" must be host:port`},
		{map[string]string{"OPS_LISTEN": "127.0.0.1:8080"}, "OPS_LISTEN: must not be the public listener"},
		{map[string]string{"PUBLIC_URL": "bot.example.jp"}, "PUBLIC_URL: must be a full address"},
		{map[string]string{"PUBLIC_URL": "ftp://bot.example.jp"}, "PUBLIC_URL: must be a full address"},
		{map[string]string{"PUBLIC_URL": "https://bot.example.jp/?a=1"}, "PUBLIC_URL: must be an address without"},
		{map[string]string{"DATABASE_URL": "mysql://db"}, "DATABASE_URL: must be sqlite:PATH or postgres://"},
		{map[string]string{"DATABASE_URL": "sqlite:"}, "DATABASE_URL: must be sqlite:PATH"},
		{map[string]string{"SECRET_KEY": "not base64!"}, "SECRET_KEY: must be base64; make one with: openssl rand -base64 32"},
		{map[string]string{"SECRET_KEY": short}, "SECRET_KEY: holds 9 bytes, 32 or more are needed"},
		{map[string]string{"SECRET_KEY_OLD": short}, "SECRET_KEY_OLD: holds 9 bytes"},
		{map[string]string{"TRUSTED_PROXIES": "10.0.0.0/8,proxy"}, `TRUSTED_PROXIES: "proxy" must be an address or a range`},
		{map[string]string{"LINE_CHANNEL_SECRET": "new,"}, "LINE_CHANNEL_SECRET: must be printable ASCII"},
		{map[string]string{"LINE_CHANNEL_ACCESS_TOKEN": "two words"}, "LINE_CHANNEL_ACCESS_TOKEN: must be printable ASCII without spaces"},
		{map[string]string{"CLOCK_AT": "2026-11-30T22:59:50+09:00"}, "CLOCK_AT: is only for a simulated LINE"},
		{map[string]string{"CLOCK_AT": "tomorrow"}, `CLOCK_AT: "tomorrow" must be a moment like`},
		{map[string]string{"LINE_RATE_SHARE": "45"}, `LINE_RATE_SHARE: "45" must be a part like 45%, or off`},
		{map[string]string{"LINE_RATE_SHARE": "101%"}, `LINE_RATE_SHARE: "101%" must be a part`},
		{map[string]string{"LINE_RATE_SHARE": "off"}, "LINE_RATE_SHARE: can only be off with a simulated LINE"},
		{map[string]string{"DATABASE_CONNECTIONS": "1"}, `DATABASE_CONNECTIONS: "1" must be a whole number from 2`},
		{map[string]string{"RETENTION_EVENTS": "6d"}, "RETENTION_EVENTS: must be 7d or more"},
		{map[string]string{"LINE_API_URL": "http://line.example.jp"}, "LINE_API_URL: must begin with https://"},
		{map[string]string{"LINE_ACCESS_URL": "http://127.0.0.1.example.jp"}, "LINE_ACCESS_URL: must begin with https://"},
		{map[string]string{"LINE_WEB_URL": "http://localhost@example.jp"}, "LINE_WEB_URL: must be an address without user name"},
		{map[string]string{"LINE_LOGIN_CHANNEL_ID": "1"}, "LINE_LOGIN_CHANNEL_SECRET: is missing; LINE_LOGIN_CHANNEL_ID, LINE_LOGIN_CHANNEL_SECRET go together"},
		{map[string]string{"CARRIER": "sim"}, `CARRIER: "sim" must be ledger or tmf`},
		{map[string]string{"CARRIER": "tmf", "TMF_URL": "https://t.example", "TMF_TOKEN": "t", "LINKING_URL": "https://l.example"}, "LINKING_TOKEN: is missing; CARRIER=tmf needs it"},
		{map[string]string{"MYPAGE_URL": "https://my.example.jp"}, "MYPAGE_KEY_FILE: is missing"},
		{map[string]string{"MYPAGE_URL": "https://my.example.jp", "MYPAGE_KEY_FILE": write(t, "\n")}, "MYPAGE_KEY_FILE: "},
		{map[string]string{"BRAND": strings.Repeat("つ", 41)}, "BRAND: must have at most 40 characters"},
		{map[string]string{"BRAND": "a\x00b"}, "BRAND: must be one line of UTF-8 text"},
		{map[string]string{"FAQ_FILE": missing}, "FAQ_FILE: stat " + missing},
		{map[string]string{"FAQ_FILE": t.TempDir()}, "FAQ_FILE: "},
		{map[string]string{"LLM_URL": "https://llm.example"}, "LLM_MODEL: is missing"},
		{map[string]string{"OIDC_ISSUER": "https://id.example", "OIDC_CLIENT_ID": "desk"}, "OIDC_CLIENT_SECRET: is missing"},
		{map[string]string{"LOG_LEVEL": "loud"}, `LOG_LEVEL: "loud" must be debug, info, warn or error`},
		{map[string]string{"LOG_FORMAT": "xml"}, `LOG_FORMAT: "xml" must be text or json`},
		{map[string]string{"LINK_MAX_WRONG": "0"}, `LINK_MAX_WRONG: "0" must be a whole number from 1 to 100`},
		{map[string]string{"LINK_MAX_WRONG": "five"}, `LINK_MAX_WRONG: "five" must be a whole number`},
		{map[string]string{"LINK_LOCK": "60"}, `LINK_LOCK: "60" must be a duration above zero like 90s, 60m, 24h or 90d`},
		{map[string]string{"LINK_LOCK": "-1h"}, `LINK_LOCK: "-1h" must be a duration above zero`},
		{map[string]string{"LINK_BLOCKED_RETENTION": "1.5d"}, `LINK_BLOCKED_RETENTION: "1.5d" must be a duration`},
		{map[string]string{"GIFT_BLACKOUT_FROM": "31 23:00"}, `GIFT_BLACKOUT_FROM: "31 23:00" must be a day (1 to 28, or last) and a time`},
		{map[string]string{"GIFT_BLACKOUT_TO": "1"}, `GIFT_BLACKOUT_TO: "1" must be a day`},
		{map[string]string{"GIFT_MIN_MB": "700"}, "GIFT_MIN_MB: must be whole steps of GIFT_STEP_MB"},
		{map[string]string{"HELP_OPEN": "10"}, `HELP_OPEN: "10" must be a time of day like 09:30`},
		{map[string]string{"HELP_HARD_END": "24:01"}, `HELP_HARD_END: "24:01" must be a time of day`},
		{map[string]string{"HELP_CLOSE": "25:00"}, `HELP_CLOSE: "25:00" must be a time of day`},
		{map[string]string{"HELP_OPEN": "19:00"}, "HELP_CLOSE: must be later than HELP_OPEN"},
		{map[string]string{"HELP_HARD_END": "18:59"}, "HELP_HARD_END: must not be before HELP_CLOSE"},
		{map[string]string{"HELP_CLOSED_DATES": "2026-02-30"}, `HELP_CLOSED_DATES: "2026-02-30" must be a date like 2026-12-31`},
		{map[string]string{"HELP_CUSTOMER_END": "10m"}, "HELP_CUSTOMER_END: must be longer than HELP_CUSTOMER_REMIND"},
		{map[string]string{"POINTS_CUTOFF_DAY": "4"}, "BILL_FIX_DAY: must not be before POINTS_CUTOFF_DAY"},
		{map[string]string{"BILL_CHARGE_DAY": "2"}, "BILL_CHARGE_DAY: must not be before BILL_FIX_DAY"},
		{map[string]string{"SECRET_KEY_FILE": write(t, testKey)}, "SECRET_KEY: is given twice, as SECRET_KEY and as SECRET_KEY_FILE; keep one"},
		{map[string]string{"SECRET_KEY": "", "SECRET_KEY_FILE": missing}, "SECRET_KEY_FILE: open " + missing},
		{map[string]string{"SECRET_KEY": "", "SECRET_KEY_FILE": write(t, "")}, "SECRET_KEY_FILE: "},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.env), func(t *testing.T) {
			_, err := loadConfig(lookup(serving(tt.env)), "", needServe)
			faults, ok := errors.AsType[settingsError](err)
			if !ok || len(faults) != 1 || !strings.HasPrefix(faults[0], tt.want) {
				t.Errorf("faults = %q\nwant one that begins with %q", faults, tt.want)
			}
		})
	}
}

func TestConfigNamesAllFaultsAtOnce(t *testing.T) {
	file := write(t, "help_opne: 10:00\nhelp_close: late\nSECRET_KEY: abc\nlink.lock: 5m\nbrand: {name: x}\nlink_max_wrong: 3\nlink_max_wrong: 4\n")
	_, err := loadConfig(lookup(map[string]string{"LINK_LOCK": "soon", "OIDC_CLIENT_ID": "desk"}), file, needServe)
	want := []string{
		"help_opne: is not a setting (line 1 of " + file + "); take it out or correct the name",
		"SECRET_KEY: must be written secret_key (line 3 of " + file + ")",
		"link.lock: must be written link_lock (line 4 of " + file + ")",
		"BRAND: must be one value or a list of values (line 5 of " + file + ")",
		"LINK_MAX_WRONG: is given twice, line 6 of " + file + " and line 7 of " + file + "; keep one",
		"PUBLIC_URL: is missing; set it: the address people reach, e.g. https://bot.example.jp",
		"LINE_CHANNEL_SECRET: is missing; set it (or LINE_CHANNEL_SECRET_FILE): channel secret; several with commas while rotating",
		`LINK_LOCK: "soon" must be a duration above zero like 90s, 60m, 24h or 90d`,
		`HELP_CLOSE: "late" must be a time of day like 09:30 (line 2 of ` + file + ")",
		"LINE_CHANNEL_ACCESS_TOKEN: is missing; set it (or LINE_CHANNEL_ACCESS_TOKEN_FILE), or LINE_CHANNEL_ID with LINE_ASSERTION_KEY_FILE or LINE_CHANNEL_SECRET",
		"OIDC_ISSUER: is missing; OIDC_ISSUER, OIDC_CLIENT_ID, OIDC_CLIENT_SECRET go together",
		"OIDC_CLIENT_SECRET: is missing; OIDC_ISSUER, OIDC_CLIENT_ID, OIDC_CLIENT_SECRET go together",
	}
	if err == nil || err.Error() != strings.Join(want, "\n") {
		t.Errorf("got:\n%v\n\nwant:\n%s", err, strings.Join(want, "\n"))
	}
}

func TestConfigFileThatCannotBeRead(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing.yaml")
	for path, want := range map[string]string{
		missing:                 "--config: open " + missing,
		write(t, "a: b: c"):     "--config: ",
		write(t, "- listen"):    "--config: ",
		write(t, "just a word"): "--config: ",
	} {
		_, err := loadConfig(lookup(serving(nil)), path, needServe)
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: err = %v, want %q", path, err, want)
		}
	}
	if _, err := loadConfig(lookup(serving(nil)), write(t, "# nothing yet\n"), needServe); err != nil {
		t.Errorf("an empty file: %v", err)
	}
}

func TestConfigEnvironmentWinsOverFile(t *testing.T) {
	file := write(t, `
brand: ファイル
help_open: 9:30          # stays text, not 570 as in YAML 1.1
help_close: 18:00
help_closed_dates: [2026-12-31, 2027-01-01]
link_max_wrong: 7
faq_file:
secret_key_file: `+write(t, testKey+"\n")+`
line_channel_secret: [one, two]
`)
	_, err := loadConfig(lookup(serving(map[string]string{"SECRET_KEY": "", "LINE_CHANNEL_SECRET": ""})), file, needServe)
	if want := `HELP_OPEN: "9:30" must be a time of day like 09:30 (line 3 of ` + file + ")"; err == nil || err.Error() != want {
		t.Errorf("err = %v, want %s", err, want)
	}

	c := mustLoad(t, serving(map[string]string{"SECRET_KEY": "", "LINE_CHANNEL_SECRET": "", "BRAND": "環境", "HELP_OPEN": "08:00"}), file)
	got := []any{c.Flows.Brand, c.Flows.HelpOpen, c.Flows.HelpClose, len(c.Flows.HelpClosedDates), c.Flows.MaxWrong, len(c.SecretKey), c.LineSecrets, c.FAQFile}
	want := []any{"環境", 8 * time.Hour, 18 * time.Hour, 2, 7, 32, []secret{"one", "two"}, ""}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	// A value in the environment goes before a _FILE name in the file, and the other way round: they are one setting.
	c = mustLoad(t, serving(map[string]string{"LINE_CHANNEL_SECRET": "", "HELP_OPEN": "08:00", "LINE_CHANNEL_SECRET_FILE": write(t, "three")}), file)
	if !reflect.DeepEqual(c.LineSecrets, []secret{"three"}) || len(c.SecretKey) != 32 {
		t.Errorf("channel secrets from the environment's file: %d", len(c.LineSecrets))
	}
}

func TestConfigNeeds(t *testing.T) {
	tests := []struct {
		needs need
		env   map[string]string
		want  []string // names that are missing
	}{
		{needDatabase, nil, nil},
		{needDatabase, map[string]string{"CARRIER": "tmf"}, nil},
		{needDatabase | needKeys, nil, []string{"SECRET_KEY"}},
		{needLINE, nil, []string{"LINE_CHANNEL_ACCESS_TOKEN"}},
		{needLINE, map[string]string{"LINE_CHANNEL_ACCESS_TOKEN": "t"}, nil},
		{needCarrier, map[string]string{"CARRIER": "tmf"}, []string{"TMF_URL", "TMF_TOKEN", "LINKING_URL", "LINKING_TOKEN"}},
		{needServe, nil, []string{"PUBLIC_URL", "SECRET_KEY", "LINE_CHANNEL_SECRET", "LINE_CHANNEL_ACCESS_TOKEN"}},
		{needDatabase, map[string]string{"HELP_OPEN": "x"}, []string{"HELP_OPEN"}}, // what is given is always checked
	}
	for _, tt := range tests {
		_, err := loadConfig(lookup(tt.env), "", tt.needs)
		var names []string
		faults, _ := errors.AsType[settingsError](err)
		for _, f := range faults {
			name, _, _ := strings.Cut(f, ":")
			names = append(names, name)
		}
		if !slices.Equal(names, tt.want) {
			t.Errorf("needs %b with %v: faults of %v, want %v", tt.needs, tt.env, names, tt.want)
		}
	}
}

// Secrets stay out of every way of printing a config, and out of faults.
func TestConfigSecretsAreNeverShown(t *testing.T) {
	hush := "hush-hush-hush-hush-hush-hush-hush-hush"
	longKey := base64.RawURLEncoding.EncodeToString([]byte(hush))
	env := serving(map[string]string{
		"DATABASE_URL": "postgres://u:" + hush + "@db/tsunagu", "SECRET_KEY": longKey, "SECRET_KEY_OLD": longKey,
		"LINE_CHANNEL_SECRET": hush + "," + hush, "LINE_CHANNEL_ACCESS_TOKEN": hush,
		"LINE_LOGIN_CHANNEL_ID": "77", "LINE_LOGIN_CHANNEL_SECRET": hush, "TMF_TOKEN": hush, "LINKING_TOKEN": hush,
		"MYPAGE_URL": "https://my.example.jp", "MYPAGE_KEY_FILE": write(t, hush), "LLM_URL": "https://llm.example", "LLM_MODEL": "m",
		"LLM_API_KEY": hush, "OIDC_ISSUER": "https://id.example", "OIDC_CLIENT_ID": "desk", "OIDC_CLIENT_SECRET": hush,
	})
	c := mustLoad(t, env, "")
	var logged bytes.Buffer
	slog.New(slog.NewJSONHandler(&logged, nil)).Info("settings", "config", c, "token", c.LineToken)
	slog.New(slog.NewTextHandler(&logged, nil)).Info("settings", "config", *c)
	asJSON, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	shown := map[string]string{
		"String": c.String(), "%v": fmt.Sprintf("%v", c), "%+v": fmt.Sprintf("%+v", *c), "%#v": fmt.Sprintf("%#v", *c),
		"a field": fmt.Sprintf("%v %+v %#v %q %x", c.LineSecrets, c.SecretKey, c.LineToken, c.TMFToken, c.LLMKey),
		"slog":    logged.String(), "JSON": string(asJSON),
	}
	for how, s := range shown {
		if strings.Contains(s, hush) || strings.Contains(s, longKey) || strings.Contains(s, fmt.Sprintf("%x", hush)) {
			t.Errorf("%s shows a secret: %s", how, s)
		}
	}
	if s := c.String(); !strings.Contains(s, "OIDC_CLIENT_SECRET=(set)") || !strings.Contains(s, "PUBLIC_URL=https://bot.example.jp") {
		t.Errorf("String() = %s: should say what was given", s)
	}

	faulty := maps.Clone(env)
	for _, s := range new(config).settings() {
		if s.secret {
			faulty[s.name] = hush + " \x01"
		}
	}
	faulty["PUBLIC_URL"] = "https://u:" + hush + "@bot.example.jp"
	faulty["MYPAGE_URL"] = "https://u:" + hush + "@%zz"
	faulty["LINE_ASSERTION_KEY_FILE"] = write(t, hush)
	_, err = loadConfig(lookup(faulty), "", needServe)
	faults, _ := errors.AsType[settingsError](err)
	if len(faults) < 12 || strings.Contains(err.Error(), hush) {
		t.Errorf("%d faults, or a secret in them:\n%v", len(faults), err)
	}
}
