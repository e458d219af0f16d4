package answer

import (
	"math"
	"slices"
	"strings"
)

// The index: BM25 over the terms of each topic's question, variants and answer, and beside it how near the question
// comes to one way of asking. Both are shares of what a perfect match would have, so that a threshold means the same for
// short and long questions.

const (
	k1 = 1.2
	b  = 0.5

	// What a term counts in each field.
	inQuestion, inVariants, inAnswer = 3.0, 2.0, 0.5
	// conceptWeight is how much more a concept tells than a pair of characters.
	conceptWeight = 3.0
)

type index struct {
	docs   []document
	idf    map[string]float64
	length float64 // of a document, on average
	unseen float64 // idf of a term that no topic has
}

type document struct {
	weights map[string]float64 // of each term, over all fields
	length  float64
	ways    []map[string]float64 // the question and each variant: unit vectors
}

func newIndex(c *Corpus) *index {
	x := &index{idf: map[string]float64{}}
	for _, e := range c.Entries {
		d := document{weights: map[string]float64{}}
		add := func(text string, weight float64) {
			for _, t := range terms(text) {
				d.weights[t] += weight
				d.length += weight
			}
		}
		add(e.Question, inQuestion)
		for _, v := range e.Variants {
			add(v, inVariants)
		}
		add(e.Answer, inAnswer)
		for t := range d.weights {
			x.idf[t]++
		}
		x.length += d.length / float64(len(c.Entries))
		x.docs = append(x.docs, d)
	}
	n := float64(len(c.Entries))
	for t, df := range x.idf {
		x.idf[t] = math.Log(1 + (n-df+0.5)/(df+0.5))
	}
	x.unseen = math.Log(1 + (n+0.5)/0.5)
	for i, e := range c.Entries {
		for _, way := range append([]string{e.Question}, e.Variants...) {
			x.docs[i].ways = append(x.docs[i].ways, x.vector(terms(way)))
		}
	}
	return x
}

func (x *index) weight(term string) float64 {
	idf, seen := x.idf[term]
	if !seen {
		idf = x.unseen
	}
	if strings.HasPrefix(term, conceptTerm) {
		return idf * conceptWeight
	}
	return idf
}

// vector is the terms' weights with a length of 1; empty for no terms.
func (x *index) vector(terms []string) map[string]float64 {
	v := make(map[string]float64, len(terms))
	for _, t := range terms {
		v[t] = x.weight(t)
	}
	var sum float64
	for _, w := range v {
		sum += w * w
	}
	for t := range v {
		v[t] /= math.Sqrt(sum)
	}
	return v
}

// A match is how well a topic answers a question, 0 to 1.
type match struct {
	doc   int
	score float64
}

// find ranks the topics for a question, the best first; those without anything in common are left out.
func (x *index) find(question string) []match {
	asked := terms(question)
	slices.Sort(asked)
	asked = slices.Compact(asked)
	if len(asked) == 0 {
		return nil
	}
	vector := x.vector(asked)
	var whole float64
	for _, t := range asked {
		whole += x.weight(t) * (k1 + 1)
	}
	var all []match
	for i, d := range x.docs {
		var covered float64
		for _, t := range asked {
			if tf := d.weights[t]; tf > 0 {
				covered += x.weight(t) * tf * (k1 + 1) / (tf + k1*(1-b+b*d.length/x.length))
			}
		}
		if covered == 0 {
			continue
		}
		var near float64
		for _, way := range d.ways {
			var cosine float64
			for t, w := range vector {
				cosine += w * way[t]
			}
			near = max(near, cosine)
		}
		all = append(all, match{i, (covered/whole + near) / 2})
	}
	slices.SortStableFunc(all, func(a, b match) int {
		switch {
		case a.score > b.score:
			return -1
		case a.score < b.score:
			return 1
		}
		return 0
	})
	return all
}
