package flows

import (
	"encoding/json"
	"fmt"
)

// An Input is something that happened to a person.
type Input interface{ input() }

// Letters: inputs that come from elsewhere in the program and not from LINE. They are stored encoded.
type (
	// LinkTried tells the owner of a link that another LINE account tried to link the same line (LNK-27).
	LinkTried struct {
		Ref string
	}
	// LinkEnded ends a link from outside the chat.
	LinkEnded struct {
		Kind LinkKind
		Ref  string
		// Reason is reissue (LNK-29), user_changed (LNK-43) or contract_ended (LNK-46).
		Reason string
	}
	// LinkFailed tells who asked for a holder link that LINE could not confirm it.
	LinkFailed struct{}
)

func (LinkTried) input()  {}
func (LinkEnded) input()  {}
func (LinkFailed) input() {}

// EncodeInput is the stored form of a letter.
func EncodeInput(in Input) ([]byte, error) {
	body, err := json.Marshal(in)
	if err != nil {
		return nil, err
	}
	return json.Marshal(letter{Type: fmt.Sprintf("%T", in), Body: body})
}

// DecodeInput reads what EncodeInput wrote.
func DecodeInput(data []byte) (Input, error) {
	var l letter
	if err := json.Unmarshal(data, &l); err != nil {
		return nil, err
	}
	switch l.Type {
	case "flows.LinkTried":
		return decode[LinkTried](l.Body)
	case "flows.LinkEnded":
		return decode[LinkEnded](l.Body)
	case "flows.LinkFailed":
		return decode[LinkFailed](l.Body)
	}
	return nil, fmt.Errorf("unknown letter %q", l.Type)
}

type letter struct {
	Type string
	Body json.RawMessage
}

func decode[T Input](data []byte) (Input, error) {
	var v T
	err := json.Unmarshal(data, &v)
	return v, err
}
