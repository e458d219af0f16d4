package flows

import "strings"

// Questions in people's own words (HLP-22, HLP-24, HLP-36, HLP-37, HLP-40 to HLP-43).
//
//	anything else ─▶ FindAnswer ─▶ answer   ─▶ 解決した | 解決しない ─┐
//	                          └──▶ choices? ─▶ FindTopic ─▶ answer   │
//	                          └──▶ fallback ─────────────────────────┴─▶ twice in a row: an operator is offered

// A Topic is something the responder can answer.
type Topic struct {
	ID       string
	Question string // the heading of the answer
	Answer   string // {brand} stands for the brand
	Action   string // one of TopicActions, or ""
}

// TopicActions are the functions that can stand below an answer.
func TopicActions() []string {
	return []string{"link_contractor", "link_user", "balance", "gift", "mypage", "help"}
}

var topicButtons = map[string]Choice{
	"link_contractor": holderLinkButton, "link_user": userLinkButton, "balance": choice("残容量確認", wordBalance),
	"gift": choice("データプレゼント", wordGift), "mypage": choice("マイページ", wordMyPage), "help": choice("いつでもヘルプ", wordHelp),
}

// A Manner is what a sentence is when it is no question to the corpus.
type Manner string

const (
	Greeting  Manner = "greeting"
	Thanks    Manner = "thanks"
	IsHuman   Manner = "human"     // asks whether a person answers (HLP-36)
	Emergency Manner = "emergency" // life in danger, fire, crime (HLP-37)
	SelfHarm  Manner = "self-harm"
	Insult    Manner = "insult"
)

// Found is what the responder makes of a sentence: a manner, an answer, two or three choices, or nothing at all.
type Found struct {
	Manner  Manner
	Answer  *Topic
	Choices []Topic
}

type (
	// FindAnswer asks the responder: AnswerFound.
	FindAnswer struct{ Text string }
	// FindTopic asks it for a topic by its ID: AnswerFound or TopicGone.
	FindTopic struct{ ID string }
	// AnswerFound is what the responder found.
	AnswerFound struct{ Found Found }
	// TopicGone: the corpus has it no more.
	TopicGone struct{}
)

func (FindAnswer) effect()   {}
func (FindTopic) effect()    {}
func (FindAnswer) question() {}
func (FindTopic) question()  {}
func (AnswerFound) input()   {}
func (TopicGone) input()     {}

// misses is how many answers in a row may be without success before an operator is offered (HLP-24).
const misses = 2

var operatorButton = choice("オペレーターに相談", wordOperator)

func (t *turn) answerFound(f Found) {
	switch {
	case f.Manner != "":
		t.manner(f.Manner)
	case f.Answer != nil:
		t.answer(*f.Answer)
	case len(f.Choices) > 0:
		t.c.Open = false
		cs := make([]Choice, 0, len(f.Choices)+1)
		for _, topic := range f.Choices {
			cs = append(cs, Choice{Label: short(topic.Question, maxLabel), Data: "1:faq:" + topic.ID})
		}
		cs = append(cs, choice("どれでもない", wordUnsolved))
		text := []string{whichTopic}
		for _, topic := range f.Choices {
			text = append(text, "・"+topic.Question)
		}
		t.say(Text{Text: strings.Join(text, "\n"), Choices: cs})
	default:
		t.missed(t.brand(fallback))
	}
}

// maxLabel is how many characters a button's label may have.
const maxLabel = 20

func (t *turn) answer(topic Topic) {
	t.c.Open = true
	var cs []Choice
	if b, ok := topicButtons[topic.Action]; ok {
		cs = append(cs, b)
	}
	cs = append(cs, choice("解決した", wordSolved), choice("解決しない", wordUnsolved), operatorButton)
	t.say(Text{Text: topic.Question + "\n\n" + t.brand(topic.Answer), Choices: cs})
}

// manner answers what is no question.
func (t *turn) manner(m Manner) {
	switch m {
	case Greeting:
		t.say(Text{Text: t.brand(greetingText), Choices: t.menu()})
	case Thanks:
		t.c.Misses = 0
		t.say(Text{Text: thanksText, Choices: t.menu()})
	case IsHuman:
		t.say(Text{Text: isAutomatic, Choices: append([]Choice{operatorButton}, t.menu()...)})
	case Emergency:
		t.say(Text{Text: emergencyText})
	case SelfHarm:
		t.say(Text{Text: t.Settings.HelpLine})
	default: // HLP-41: nobody is cut off
		t.missed(t.brand(fallback))
	}
}

// missed counts an answer without success, and offers an operator when it was not the first in a row (HLP-24).
func (t *turn) missed(text string) {
	t.c.Misses++
	if t.c.Open { // an answer that nobody called unhelpful lies between
		t.c.Misses = 1
	}
	t.c.Open = false
	choices := t.menu()
	if t.c.Misses >= misses {
		t.c.Misses = 0
		text += "\n" + offerOperator
		choices = append([]Choice{operatorButton}, choices...)
	}
	t.say(Text{Text: text, Choices: choices})
}

// solved and unsolved take what people say of an answer.
func (t *turn) solved() {
	t.c.Misses, t.c.Open = 0, false
	t.say(Text{Text: solvedText, Choices: t.menu()})
}

func (t *turn) unsolved() {
	t.c.Open = false
	t.missed(unsolvedText)
}
