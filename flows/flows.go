// Package flows is the conversation: what is said, and when.
//
// Everything that happens to one person is an [Input] in that person's lane. [Turn] takes the person's
// [Conversation] and one input and gives back the new conversation and the effects that follow from it. It decides
// and never does: no clock (an input carries its time), no I/O, nothing but the standard library.
//
//	conversation + input ──▶ conversation + effects
//
// Effects come in three sorts. A question asks the outside and changes nothing there (a balance, a code); its
// answer is the next input of the same turn. A message or menu is performed after the turn was saved. A record
// (a timer, an audit entry, a letter to another lane) is saved with the turn.
//
// Read words.go for the voice, link.go and balance.go for two flows, lane.go for what the other packages exchange
// about a lane, and carrier.go for what a carrier knows. A flow is one file; every open question is one State.
package flows
