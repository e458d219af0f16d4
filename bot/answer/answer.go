// Package answer finds the FAQ entry that answers a sentence, or says that there is none. It needs no model and no
// network, and takes well under a millisecond.
//
// A [Responder] judges a sentence in two steps. First its manners (manners.go): greetings, danger, insults, and what is
// none of this carrier's business never reach the corpus. Then the topics are ranked (index.go) by the terms of
// text.go and concepts.go, and the best one is the answer if it is good enough and clearly better than the next; two or
// three that are close are offered as choices; else nothing is, which is better than a wrong answer.
//
// The corpus is a YAML file (corpus.go; Demo describes the format at its top) and can be replaced while it is in use.
// What was asked is neither logged nor kept.
package answer

import (
	"sync/atomic"

	"tsunagu/flows"
)

// Thresholds, set on the first half of testdata/eval.tsv: the least score of an answer given alone, how much better than
// the next one it has to be, and the least score of what is offered as a choice.
const (
	sure     = 0.30
	clearly  = 1.30
	possible = 0.20
	// besides is how near to the best one a choice has to come.
	besides = 0.45
	// choices is how many are offered at most.
	choices = 3
)

// A Responder answers sentences. Its methods may be called at the same time.
type Responder struct{ loaded atomic.Pointer[loaded] }

type loaded struct {
	topics []flows.Topic
	index  *index
}

// New returns a responder for a corpus.
func New(c *Corpus) *Responder {
	r := new(Responder)
	r.Use(c)
	return r
}

// BuiltIn returns a responder for Demo.
func BuiltIn() *Responder { return New(mustRead(Demo)) }

// Use replaces the corpus.
func (r *Responder) Use(c *Corpus) {
	l := &loaded{index: newIndex(c)}
	for _, e := range c.Entries {
		l.topics = append(l.topics, flows.Topic{ID: e.ID, Question: e.Question, Answer: e.Answer, Action: e.Action})
	}
	r.loaded.Store(l)
}

// Topic returns a topic by its ID.
func (r *Responder) Topic(id string) (flows.Topic, bool) {
	for _, t := range r.loaded.Load().topics {
		if t.ID == id {
			return t, true
		}
	}
	return flows.Topic{}, false
}

// Find judges a sentence.
func (r *Responder) Find(text string) flows.Found {
	plain := normal(text)
	manner, ours := mannerOf(plain)
	if manner != "" || !ours {
		return flows.Found{Manner: manner}
	}
	l := r.loaded.Load()
	ranked := l.index.find(text)
	if len(ranked) == 0 || ranked[0].score < possible {
		return flows.Found{}
	}
	best := ranked[0]
	if best.score >= sure && (len(ranked) == 1 || best.score >= clearly*ranked[1].score) {
		topic := l.topics[best.doc]
		return flows.Found{Answer: &topic}
	}
	var found flows.Found
	for _, m := range ranked[:min(len(ranked), choices)] {
		if m.score >= best.score*besides {
			found.Choices = append(found.Choices, l.topics[m.doc])
		}
	}
	if len(found.Choices) == 1 {
		return flows.Found{Answer: &found.Choices[0]}
	}
	return found
}
