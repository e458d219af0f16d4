package answer

import (
	"bytes"
	_ "embed" // Demo
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"tsunagu/flows"
)

// Demo is the built-in corpus: 46 topics of a made-up carrier.
//
//go:embed faq.ja.yaml
var Demo []byte

const (
	maxCorpus = 4 << 20 // bytes
	maxAnswer = 2000    // characters: one LINE text message with its heading, and quickly read
)

// An Entry is one topic of a corpus.
type Entry struct {
	ID       string
	Category string
	Question string
	Answer   string // {brand} stands for the brand
	Variants []string
	Action   string // one of flows.TopicActions, or ""
	Handoff  bool   // an operator is to be offered; the chat offers one under every answer
}

// A Corpus is what can be answered, in the file's order.
type Corpus struct{ Entries []Entry }

// A CorpusError names every mistake of a file by its line.
type CorpusError struct{ Problems []string }

func (e *CorpusError) Error() string {
	return fmt.Sprintf("%d mistakes in the FAQ file:\n%s", len(e.Problems), strings.Join(e.Problems, "\n"))
}

// ReadCorpus reads a file of the format that faq.ja.yaml describes at its top: all of it, or a *CorpusError that names
// every mistake.
func ReadCorpus(r io.Reader) (*Corpus, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxCorpus+1))
	if err != nil {
		return nil, fmt.Errorf("read the FAQ file: %w", err)
	}
	if len(data) > maxCorpus {
		return nil, &CorpusError{[]string{fmt.Sprintf("the file has more than %d bytes", maxCorpus)}}
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return nil, &CorpusError{[]string{strings.TrimPrefix(err.Error(), "yaml: ")}}
	}
	c := &corpusReader{ids: map[string]int{}}
	if len(doc.Content) == 0 {
		c.add(1, "the file is empty")
	} else {
		c.file(doc.Content[0])
	}
	if len(c.problems) > 0 {
		return nil, &CorpusError{c.problems}
	}
	return &Corpus{c.entries}, nil
}

type corpusReader struct {
	entries  []Entry
	ids      map[string]int // line of the entry with it
	problems []string
}

func (c *corpusReader) add(line int, format string, args ...any) {
	c.problems = append(c.problems, fmt.Sprintf("line %d: ", line)+fmt.Sprintf(format, args...))
}

// fields reads a mapping whose keys are known.
func (c *corpusReader) fields(n *yaml.Node, what string, known ...string) map[string]*yaml.Node {
	out := map[string]*yaml.Node{}
	if n.Kind != yaml.MappingNode {
		c.add(n.Line, "%s must have fields: %s", what, strings.Join(known, ", "))
		return out
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		switch {
		case !slices.Contains(known, key.Value):
			c.add(key.Line, "%s has no field %q; it has: %s", what, key.Value, strings.Join(known, ", "))
		case out[key.Value] != nil:
			c.add(key.Line, "%s is there twice", key.Value)
		default:
			out[key.Value] = n.Content[i+1]
		}
	}
	return out
}

func (c *corpusReader) file(n *yaml.Node) {
	f := c.fields(n, "the file", "version", "locale", "entries")
	if v := f["version"]; v == nil || v.Value != "1" {
		c.add(n.Line, "version must be 1")
	}
	entries := f["entries"]
	if entries == nil || entries.Kind != yaml.SequenceNode || len(entries.Content) == 0 {
		c.add(n.Line, "entries must be a list with at least one entry")
		return
	}
	for _, e := range entries.Content {
		c.entry(e)
	}
}

var topicID = regexp.MustCompile(`^[a-z_]{1,40}$`)

func (c *corpusReader) entry(n *yaml.Node) {
	f := c.fields(n, "an entry", "id", "category", "question", "answer", "variants", "action", "handoff")
	e := Entry{
		ID: c.text(n, f, "id", true), Category: c.text(n, f, "category", true), Question: c.text(n, f, "question", true),
		Answer: c.text(n, f, "answer", true), Action: c.text(n, f, "action", false),
	}
	if e.ID != "" && !topicID.MatchString(e.ID) {
		c.add(f["id"].Line, "id %q must be 1 to 40 of a-z and _", e.ID)
	}
	if first, twice := c.ids[e.ID]; twice && e.ID != "" {
		c.add(f["id"].Line, "id %q is that of the entry on line %d", e.ID, first)
	}
	c.ids[e.ID] = n.Line
	if e.Action != "" && !slices.Contains(flows.TopicActions(), e.Action) {
		c.add(f["action"].Line, "action must be one of: %s", strings.Join(flows.TopicActions(), ", "))
	}
	if n := len([]rune(e.Answer)); n > maxAnswer {
		c.add(f["answer"].Line, "answer has %d characters; %d at most", n, maxAnswer)
	}
	if v := f["variants"]; v != nil {
		if v.Kind != yaml.SequenceNode {
			c.add(v.Line, "variants must be a list of other ways to ask")
		} else {
			for _, variant := range v.Content {
				if text := strings.TrimSpace(variant.Value); variant.Kind == yaml.ScalarNode && text != "" {
					e.Variants = append(e.Variants, text)
				} else {
					c.add(variant.Line, "a variant must be a text")
				}
			}
		}
	}
	if h := f["handoff"]; h != nil {
		if h.Decode(&e.Handoff) != nil {
			c.add(h.Line, "handoff must be true or false")
		}
	}
	c.entries = append(c.entries, e)
}

func (c *corpusReader) text(entry *yaml.Node, f map[string]*yaml.Node, field string, needed bool) string {
	n := f[field]
	if n == nil {
		if needed {
			c.add(entry.Line, "%s is missing", field)
		}
		return ""
	}
	text := strings.TrimSpace(n.Value)
	if n.Kind != yaml.ScalarNode || text == "" {
		c.add(n.Line, "%s must be a text", field)
		return ""
	}
	return text
}

// mustRead is for the corpus that is built in.
func mustRead(data []byte) *Corpus {
	c, err := ReadCorpus(bytes.NewReader(data))
	var bad *CorpusError
	if errors.As(err, &bad) {
		panic(bad)
	}
	return c
}
