package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"tsunagu/flows"
)

// How the values of settings are written. A parser's error follows the setting's name and a colon; it repeats the
// value only where that cannot be a secret.

// A secret is a value that shows itself to nobody; string(s) is the value.
type secret string

func (secret) String() string               { return "(secret)" }
func (secret) GoString() string             { return "(secret)" }
func (secret) LogValue() slog.Value         { return slog.StringValue("(secret)") }
func (secret) MarshalText() ([]byte, error) { return []byte("(secret)"), nil }

// parsed makes a parser the setter of a field.
func parsed[T any](field *T, parse func(string) (T, error)) func(string) error {
	return func(s string) error {
		v, err := parse(s)
		if err == nil {
			*field = v
		}
		return err
	}
}

func list[T any](parse func(string) (T, error)) func(string) ([]T, error) {
	return func(s string) ([]T, error) {
		var all []T
		for part := range strings.SplitSeq(s, ",") {
			v, err := parse(strings.TrimSpace(part))
			if err != nil {
				return nil, err
			}
			all = append(all, v)
		}
		return all, nil
	}
}

func text(s string) (string, error) {
	if !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) {
		return "", errors.New("must be one line of UTF-8 text")
	}
	return s, nil
}

// label is a short text that people see.
func label(s string) (string, error) {
	if utf8.RuneCountInString(s) > 40 {
		return "", errors.New("must have at most 40 characters")
	}
	return text(s)
}

func oneOf(words ...string) func(string) (string, error) {
	return func(s string) (string, error) {
		if !slices.Contains(words, s) {
			return "", fmt.Errorf("%q must be %s", s, strings.Join(words, " or "))
		}
		return s, nil
	}
}

func digits(s string) (string, error) {
	if strings.Trim(s, "0123456789") != "" {
		return "", errors.New("must be digits only")
	}
	return s, nil
}

func number(least, most int) func(string) (int, error) {
	return func(s string) (int, error) {
		n, err := strconv.Atoi(s)
		if err != nil || n < least || n > most {
			return 0, fmt.Errorf("%q must be a whole number from %d to %d", s, least, most)
		}
		return n, nil
	}
}

func duration(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if n, ok := strings.CutSuffix(s, "d"); ok {
		var days uint64
		days, err = strconv.ParseUint(n, 10, 16)
		d = time.Duration(days) * 24 * time.Hour
	}
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("%q must be a duration above zero like 90s, 60m, 24h or 90d", s)
	}
	return d, nil
}

// percent is a part of a whole; 0 is off.
func percent(s string) (float64, error) {
	if s == "off" {
		return 0, nil
	}
	number, ok := strings.CutSuffix(s, "%")
	n, err := strconv.ParseFloat(number, 64)
	if !ok || err != nil || !(n > 0 && n <= 100) {
		return 0, fmt.Errorf("%q must be a part like 45%%, or off", s)
	}
	return n / 100, nil
}

// timeOfDay is the time since midnight; 24:00 is the end of the day.
func timeOfDay(s string) (time.Duration, error) {
	if s == "24:00" {
		return 24 * time.Hour, nil
	}
	t, err := time.Parse("15:04", s)
	if err != nil || len(s) != len("15:04") {
		return 0, fmt.Errorf("%q must be a time of day like 09:30", s)
	}
	return time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute, nil
}

func dayAndTime(s string) (flows.MonthMoment, error) {
	day, clock, _ := strings.Cut(s, " ")
	at, err := timeOfDay(strings.TrimSpace(clock))
	if err == nil && day == "last" {
		return flows.MonthMoment{At: at}, nil
	}
	n, notDay := number(1, 28)(day)
	if err != nil || notDay != nil {
		return flows.MonthMoment{}, fmt.Errorf("%q must be a day (1 to 28, or last) and a time, like last 23:00 or 1 09:00", s)
	}
	return flows.MonthMoment{Day: n, At: at}, nil
}

func dates(s string) ([]time.Time, error) {
	all, err := list(func(s string) (time.Time, error) {
		t, err := time.ParseInLocation(time.DateOnly, s, flows.JST)
		if err != nil {
			return t, fmt.Errorf("%q must be a date like 2026-12-31; several are separated by commas", s)
		}
		return t, nil
	})(s)
	slices.SortFunc(all, time.Time.Compare)
	return slices.Compact(all), err
}

func moment(s string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return t, fmt.Errorf("%q must be a moment like 2026-11-30T22:59:50+09:00", s)
	}
	return t, nil
}

func level(s string) (slog.Level, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(s)); err != nil {
		return l, fmt.Errorf("%q must be debug, info, warn or error", s)
	}
	return l, nil
}

func listener(s string) (string, error) {
	_, port, err := net.SplitHostPort(s)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return "", fmt.Errorf("%q must be host:port or :port, like :8080", s)
	}
	return s, nil
}

func prefix(s string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(s); err == nil {
		return addr.Prefix(addr.BitLen())
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return p, fmt.Errorf("%q must be an address or a range like 10.0.0.0/8; several are separated by commas", s)
	}
	return p.Masked(), nil
}

// issuer is an address as it is written. Its faults do not repeat it: it may hold a password.
func issuer(s string) (string, error) {
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "":
		return "", errors.New("must be a full address like https://bot.example.jp")
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return "", errors.New("must be an address without user name, password, ? and #")
	}
	return s, nil
}

func address(s string) (string, error) {
	s, err := issuer(s)
	return strings.TrimRight(s, "/"), err
}

func lineAddress(s string) (string, error) {
	s, err := address(s)
	if err == nil && strings.HasPrefix(s, "http:") && !loopback(s) {
		err = errors.New("must begin with https://; plain http is only for a simulator on this machine")
	}
	return s, err
}

// sameListener reports whether two listeners would ask for the same port of one address.
func sameListener(a, b string) bool {
	hostA, portA, _ := net.SplitHostPort(a)
	hostB, portB, _ := net.SplitHostPort(b)
	everywhere := func(host string) bool { return host == "" || host == "0.0.0.0" || host == "::" }
	return portA == portB && portA != "0" && (hostA == hostB || everywhere(hostA) || everywhere(hostB))
}

// loopback reports whether an address stays on this machine.
func loopback(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(u.Hostname())
	return u.Hostname() == "localhost" || err == nil && ip.IsLoopback()
}

func database(s string) (secret, error) {
	path, isSQLite := strings.CutPrefix(s, "sqlite:")
	u, err := url.Parse(s)
	isPostgres := err == nil && (u.Scheme == "postgres" || u.Scheme == "postgresql")
	if isSQLite && path == "" || !isSQLite && !isPostgres {
		return "", errors.New("must be sqlite:PATH or postgres://USER:PASSWORD@HOST/NAME")
	}
	return secret(s), nil
}

// key decodes base64 in either alphabet, padded or not.
func key(s string) (secret, error) {
	const makeOne = "make one with: openssl rand -base64 32"
	plain := strings.NewReplacer("-", "+", "_", "/", "=", "").Replace(s)
	raw, err := base64.RawStdEncoding.DecodeString(plain)
	if err != nil {
		return "", errors.New("must be base64; " + makeOne)
	}
	if len(raw) < 32 {
		return "", fmt.Errorf("holds %d bytes, 32 or more are needed; %s", len(raw), makeOne)
	}
	return secret(raw), nil
}

func hidden(s string) (secret, error) {
	if s == "" || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", errors.New("must be printable ASCII without spaces; check that nothing else was copied with it")
	}
	return secret(s), nil
}

func file(path string) (string, error) {
	info, err := os.Stat(path)
	if err == nil && info.IsDir() {
		err = fmt.Errorf("%s is a folder, not a file", path)
	}
	return path, err
}

// secretFile is what a file holds, without the white space around it.
func secretFile(path string) (secret, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	data = bytes.TrimSpace(data)
	if len(data) == 0 {
		return "", fmt.Errorf("%s is empty", path)
	}
	return secret(data), nil
}

// jwkFile is a private RSA key as JWK JSON.
func jwkFile(path string) (secret, error) {
	data, err := secretFile(path)
	if err != nil {
		return "", err
	}
	var jwk struct{ Kty, Kid, D string }
	if json.Unmarshal([]byte(data), &jwk) != nil || jwk.Kty != "RSA" || jwk.Kid == "" || jwk.D == "" {
		return "", fmt.Errorf("%s must be a private RSA key as JWK JSON with the kid that the LINE Developers Console shows", path)
	}
	return data, nil
}
