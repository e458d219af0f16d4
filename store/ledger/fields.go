package ledger

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// An ImportError lists everything that is wrong with a carrier file, in the order of its lines.
type ImportError struct {
	Problems []Problem
}

// A Problem is one mistake. Its message says what to do and never quotes a value of the file.
type Problem struct {
	Line    int
	Message string
}

func (e *ImportError) Error() string {
	var b strings.Builder
	if len(e.Problems) == 1 {
		b.WriteString("the carrier file has 1 problem:")
	} else {
		fmt.Fprintf(&b, "the carrier file has %d problems:", len(e.Problems))
	}
	for _, p := range e.Problems {
		fmt.Fprintf(&b, "\nline %d: %s", p.Line, p.Message)
	}
	return b.String()
}

// A problemList collects what is wrong.
type problemList struct {
	found []Problem
}

func (l *problemList) add(line int, format string, args ...any) {
	l.found = append(l.found, Problem{max(line, 1), fmt.Sprintf(format, args...)})
}

// err is nil or an *ImportError.
func (l *problemList) err() error {
	if len(l.found) == 0 {
		return nil
	}
	slices.SortStableFunc(l.found, func(a, b Problem) int { return a.Line - b.Line })
	return &ImportError{Problems: l.found}
}

// maxFile bounds a carrier file; its tree in memory takes some twenty times as much.
const maxFile = 64 << 20

var yamlLine = regexp.MustCompile(`^yaml: line (\d+): `)

// document reads the one YAML document of r. What cannot be read as YAML is a problem and the node nil; err is r's.
// Nodes are not decoded further, so that values stay as they were typed (leading zeros, decimals) and aliases are
// never followed.
func (l *problemList) document(r io.Reader) (*yaml.Node, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("read the carrier file: %w", err)
	}
	if len(text) > maxFile {
		l.add(1, "the file is larger than %d MiB: split it", maxFile>>20)
		return nil, nil
	}
	for n, line := range bytes.Split(text, []byte("\n")) {
		if !utf8.Valid(line) {
			l.add(n+1, "this is not UTF-8 text: save the file as UTF-8")
		}
	}
	if len(l.found) > 0 {
		return nil, nil
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var doc, second yaml.Node
	switch err := decoder.Decode(&doc); {
	case errors.Is(err, io.EOF):
		l.add(1, "the file is empty")
		return nil, nil
	case err != nil:
		l.unreadable(err)
		return nil, nil
	}
	if len(doc.Content) == 0 {
		l.add(1, "the file is empty")
		return nil, nil
	}
	switch err := decoder.Decode(&second); {
	case err == nil:
		l.add(second.Line, "a second document begins here: put all contracts into one")
	case !errors.Is(err, io.EOF):
		l.unreadable(err)
	}
	return doc.Content[0], nil
}

func (l *problemList) unreadable(err error) {
	message, line := err.Error(), 1
	if m := yamlLine.FindStringSubmatch(message); m != nil {
		line, _ = strconv.Atoi(m[1])
		message = message[len(m[0]):]
	}
	message = strings.TrimPrefix(message, "yaml: ")
	if strings.HasPrefix(message, "unknown anchor") { // the one message that quotes the file
		message = "an alias (*) without its anchor (&)"
	}
	l.add(line, "this is not YAML: %s", message)
}

// fields is one mapping of the file. Its getters note what is wrong and return a zero value then, so that one reading
// finds every mistake.
type fields struct {
	problems *problemList
	prefix   string // of field names in messages, such as "holder."
	line     int
	values   map[string]*yaml.Node // nil: this is no mapping, which is noted
	lines    map[string]int
}

// mapping reads a node as a mapping with the known fields.
func (l *problemList) mapping(n *yaml.Node, what, prefix string, known ...string) fields {
	f := fields{problems: l, prefix: prefix}
	if n == nil {
		return f
	}
	f.line = n.Line
	if !l.plain(n, what) {
		return f
	}
	if n.Kind != yaml.MappingNode {
		l.add(n.Line, "%s must be a list of fields (name: value): %s", what, strings.Join(known, ", "))
		return f
	}
	f.values, f.lines = make(map[string]*yaml.Node), make(map[string]int)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		_, twice := f.lines[key.Value]
		switch {
		case key.Kind != yaml.ScalarNode || !slices.Contains(known, key.Value):
			l.add(key.Line, "%s has an unknown field%s: the fields are %s", what, quoted(key), strings.Join(known, ", "))
		case twice:
			l.add(key.Line, "%s is given twice, first on line %d: remove one", f.name(key.Value), f.lines[key.Value])
		default:
			f.values[key.Value], f.lines[key.Value] = value, key.Line
		}
	}
	return f
}

var fieldName = regexp.MustCompile(`^[a-z_]{1,24}$`)

// quoted shows a field's name when it looks like one, and not when a value has slipped into its place.
func quoted(key *yaml.Node) string {
	if key.Kind == yaml.ScalarNode && fieldName.MatchString(key.Value) {
		return " " + key.Value
	}
	return ""
}

// plain reports whether a node is without what carrier files do not use.
func (l *problemList) plain(n *yaml.Node, what string) bool {
	switch {
	case n.Kind == yaml.AliasNode:
		l.add(n.Line, "%s is an alias (*): write the value itself", what)
	case n.Style&yaml.TaggedStyle != 0:
		l.add(n.Line, "%s has a type tag (!): write the value alone", what)
	default:
		return true
	}
	return false
}

func (f fields) name(field string) string { return f.prefix + field }

// at is the line of a field, or of the mapping when the field is not there.
func (f fields) at(field string) int {
	if n := f.values[field]; n != nil {
		return n.Line
	}
	return f.line
}

// has reports whether the field is there and not null.
func (f fields) has(field string) bool {
	n := f.values[field]
	return n != nil && (n.Kind != yaml.ScalarNode || n.ShortTag() != "!!null")
}

// node returns a field that must be there.
func (f fields) node(field string) *yaml.Node {
	switch {
	case f.values == nil:
		return nil
	case !f.has(field):
		line := f.line
		if of, ok := f.lines[field]; ok {
			line = of
		}
		f.problems.add(line, "%s is missing", f.name(field))
		return nil
	}
	return f.values[field]
}

// rows returns the items of a field that must be a list.
func (f fields) rows(field string) []*yaml.Node {
	n := f.node(field)
	if n == nil || !f.problems.plain(n, f.name(field)) {
		return nil
	}
	if n.Kind != yaml.SequenceNode {
		f.problems.add(n.Line, "%s must be a list, each item after a dash (-)", f.name(field))
		return nil
	}
	return n.Content
}

// value reads a field that must be there as parse does; must says what it has to be.
func value[T any](f fields, field, must string, parse func(string) (T, bool)) (v T) {
	n := f.node(field)
	if n == nil || !f.problems.plain(n, f.name(field)) {
		return v
	}
	if n.Kind == yaml.ScalarNode {
		if got, ok := parse(n.Value); ok {
			return got
		}
	}
	f.problems.add(n.Line, "%s must be %s", f.name(field), must)
	return v
}

// optional is value for a field that may be left out or null, and then is otherwise.
func optional[T any](f fields, field, must string, otherwise T, parse func(string) (T, bool)) T {
	if !f.has(field) {
		return otherwise
	}
	return value(f, field, must, parse)
}

// text reads a field that must be one line of text.
func (f fields) text(field string) string {
	const longest = 200
	return value(f, field, fmt.Sprintf("text on one line, at most %d characters", longest), func(s string) (string, bool) {
		s = strings.TrimSpace(s)
		return s, s != "" && utf8.RuneCountInString(s) <= longest && !strings.ContainsFunc(s, unicode.IsControl)
	})
}
