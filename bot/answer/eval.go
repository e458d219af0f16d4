package answer

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"
)

// A Question is one row of an evaluation set: what somebody asks, and the topic that answers it, or None.
type Question struct{ Text, Topic string }

// None is the topic of a question that must not be answered from the corpus.
const None = "none"

// ReadQuestions reads rows `question<TAB>topic` below a header. The error names the line.
func ReadQuestions(r io.Reader) (all []Question, err error) {
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimRight(lines.Text(), "\r")
		if n == 1 || line == "" {
			continue
		}
		text, topic, ok := strings.Cut(line, "\t")
		if !ok || strings.TrimSpace(text) == "" || strings.TrimSpace(topic) == "" {
			return nil, fmt.Errorf("line %d: a row is a question, a tab and a topic, or %s", n, None)
		}
		all = append(all, Question{text, strings.TrimSpace(topic)})
	}
	return all, lines.Err()
}

// A Result tells how an evaluation went. The field names in JSON are those of interface.md.
type Result struct {
	Answerable    int     `json:"answerable"`     // rows with a topic
	RightFirst    int     `json:"right_first"`    // the right one answered alone, or offered first
	RightOffered  int     `json:"right_offered"`  // answered alone, or among the choices
	None          int     `json:"none"`           // rows without a topic
	Refused       int     `json:"refused"`        // of those: no answer and no choice
	Answered      int     `json:"answered"`       // one answer given alone, of all rows
	AnsweredRight int     `json:"answered_right"` // of those: the right one
	Wrong         []Wrong `json:"wrong"`
}

// A Wrong is a row that went wrong: the right topic not among what was given, or something given for none.
type Wrong struct {
	Question string   `json:"question"`
	Topic    string   `json:"topic"`
	Got      []string `json:"got"`
}

// Evaluate asks every question.
func (r *Responder) Evaluate(questions []Question) Result {
	e := Result{Wrong: []Wrong{}}
	for _, q := range questions {
		found := r.Find(q.Text)
		got := []string{}
		if found.Answer != nil {
			got = append(got, found.Answer.ID)
			e.Answered++
			if found.Answer.ID == q.Topic {
				e.AnsweredRight++
			}
		}
		for _, c := range found.Choices {
			got = append(got, c.ID)
		}
		right := slices.Contains(got, q.Topic)
		if q.Topic == None {
			e.None++
			if right = len(got) == 0; right {
				e.Refused++
			}
		} else {
			e.Answerable++
			if right {
				e.RightOffered++
			}
			if len(got) > 0 && got[0] == q.Topic {
				e.RightFirst++
			}
		}
		if !right {
			e.Wrong = append(e.Wrong, Wrong{q.Text, q.Topic, got})
		}
	}
	return e
}
