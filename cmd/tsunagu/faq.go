package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"tsunagu/bot/answer"
)

type faqCmd struct {
	Check faqCheckCmd `cmd:"" help:"Check the FAQ file (FAQ_FILE, or another); name every mistake by its line."`
	Eval  faqEvalCmd  `cmd:"" help:"Answer every row of a file and print how many were right."`
}

type faqCheckCmd struct {
	File string `arg:"" optional:"" type:"existingfile" help:"FAQ file [FAQ_FILE, or the built-in corpus]."`
}

func (c faqCheckCmd) Run(p *program) error {
	cfg, err := p.settings(needDatabase)
	if err != nil {
		return err
	}
	if c.File != "" {
		cfg.FAQFile = c.File
	}
	corpus, err := faqCorpus(cfg)
	if err != nil {
		return err
	}
	variants := 0
	for _, e := range corpus.Entries {
		variants += len(e.Variants)
	}
	fmt.Fprintf(p.out, "%d topics with %d more ways to ask: no mistakes.\n", len(corpus.Entries), variants)
	return nil
}

type faqEvalCmd struct {
	File string `arg:"" type:"existingfile" help:"Rows question<TAB>topic below a header; the topic none must not be answered."`
	JSON bool   `help:"Print one JSON object."`
}

func (c faqEvalCmd) Run(p *program) error {
	cfg, err := p.settings(needDatabase)
	if err != nil {
		return err
	}
	corpus, err := faqCorpus(cfg)
	if err != nil {
		return err
	}
	f, err := os.Open(c.File)
	if err != nil {
		return err
	}
	defer f.Close()
	questions, err := answer.ReadQuestions(f)
	if err != nil {
		return fmt.Errorf("%s: %w", c.File, err)
	}
	result := answer.New(corpus).Evaluate(questions)
	if c.JSON {
		return json.NewEncoder(p.out).Encode(result)
	}
	share := func(n, of int) string {
		if of == 0 {
			return "–"
		}
		return fmt.Sprintf("%d of %d, %.1f %%", n, of, 100*float64(n)/float64(of))
	}
	fmt.Fprintf(p.out, "right topic first    %s\nright topic offered  %s\nnone refused         %s\nanswers alone right  %s\n",
		share(result.RightFirst, result.Answerable), share(result.RightOffered, result.Answerable),
		share(result.Refused, result.None), share(result.AnsweredRight, result.Answered))
	for _, w := range result.Wrong {
		fmt.Fprintf(p.out, "wrong: %s\t%s\tgot %v\n", w.Question, w.Topic, w.Got)
	}
	return nil
}

// faqCorpus is the corpus that the settings name.
func faqCorpus(cfg *config) (*answer.Corpus, error) {
	data := answer.Demo
	if cfg.FAQFile != "" {
		var err error
		if data, err = os.ReadFile(cfg.FAQFile); err != nil {
			return nil, err
		}
	}
	corpus, err := answer.ReadCorpus(bytes.NewReader(data))
	if err != nil && cfg.FAQFile != "" {
		err = fmt.Errorf("%s: %w", cfg.FAQFile, err)
	}
	return corpus, err
}

// A faqWatch notices that the FAQ file was changed.
type faqWatch struct {
	responder *answer.Responder
	changed   time.Time
}

// lookAtFAQ uses the file anew when it was changed; a bad one is reported once and the old corpus stays.
func (a *app) lookAtFAQ() {
	if a.cfg.FAQFile == "" {
		return
	}
	info, err := os.Stat(a.cfg.FAQFile)
	if err != nil || info.ModTime().Equal(a.faq.changed) {
		return // a file that is being replaced is there again at the next look
	}
	a.faq.changed = info.ModTime()
	corpus, err := faqCorpus(a.cfg)
	if err != nil {
		a.log.Error("the FAQ file was changed and has mistakes; the old one stays in use", "err", err)
		return
	}
	a.faq.responder.Use(corpus)
	a.log.Info("FAQ file in use", "file", a.cfg.FAQFile, "topics", len(corpus.Entries))
}
