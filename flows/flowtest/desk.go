package flowtest

import (
	"fmt"
	"strings"

	"tsunagu/flows"
)

// playDesk does what operators do: "takes as NAME", "says WORDS", "transfers to NAME", "returns", "closes". The account of
// an operator is called like the name that people see.
func (p *Pure) playDesk(args string) ([]Shown, error) {
	verb, rest, _ := strings.Cut(args, " ")
	session := p.Conversation.Help.ID
	switch verb {
	case "takes", "transfers":
		_, p.taken, _ = strings.Cut(rest, " ")
		return p.Turn(flows.DeskTook{Session: session, Operator: p.taken, Name: p.taken})
	case "says":
		p.serial++
		return p.Turn(flows.DeskSaid{Session: session, Operator: p.taken, Name: p.taken, ID: fmt.Sprint("said-", p.serial), Kind: "text", Text: rest})
	case "returns":
		return p.Turn(flows.DeskReturned{Session: session, Operator: p.taken})
	case "closes":
		return p.Turn(flows.DeskClosed{Session: session, Operator: p.taken})
	}
	return nil, fmt.Errorf("operators do not know how to %q", verb)
}
