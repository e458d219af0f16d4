// Package bot is the way from LINE's webhook to the reply, and back to LINE.
//
//	webhook ─▶ accept ─▶ [store] ─▶ claim ─▶ read ─▶ turn ─▶ [store] ─▶ perform ─▶ LINE
//
// [Bot.Register] hangs the webhook under Echo: it checks the signature over the raw bytes, splits the body into its
// events, stores them as arrivals and answers 200 (webhook.go, envelope.go). [Bot.Run] claims lanes that are due and
// works each one's arrivals in order (engine.go): an arrival is read into an input (read.go), turned by package flows
// with the answers to its questions (ask.go), saved, and what follows is performed (perform.go).
//
// All calls to LINE go one way out (line.go, calls.go): inside the rate limits, past endpoints that rest because they
// kept failing, with a token that is renewed in time (token.go), logged and counted. quota.go watches the month's
// pushes, trace.go makes one trace of all that is done for an event.
//
// LINE's JSON begins and ends here: what comes in is read with the SDK's types in read.go, what goes out is written in
// render.go and flex.go and held to LINE's limits in limits.go. The tables are somebody else's: [Lanes] lists what
// this package wants of them, [Carrier] what it asks the mobile carrier.
//
// bot/pages has the pages that people open in a browser, bot/linesim a small LINE to run against, bot/load many people
// on it.
package bot
