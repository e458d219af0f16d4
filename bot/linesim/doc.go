// Package linesim is a small LINE: one http.Handler that behaves towards a bot server as LINE's platform does, with
// simulated people and a phone page to look at. Tests hang it on httptest.NewServer, a demo serves it beside the bot.
//
//	bot  ──▶ /v2/… /oauth2/…            api.go, send.go, richmenu.go, token.go   what a bot asks LINE
//	bot  ◀── signed webhook bodies      webhook.go                               what LINE tells a bot
//	     ◀─▶ trouble                    faults.go                                LINE's bad days, drawn from a seed
//	people ─▶ /dialog/… /R/…            link.go                                  pages LINE itself shows
//	people ─▶ /phone /phone/api/…       phone.go, events.go                      the phone
//
// It refuses what LINE refuses, with LINE's status codes and error bodies: wrong bearer, used or late reply tokens,
// messages over a limit (validate.go, flexcheck.go), menus without an image. All of that goes by [Sim.Now], a clock
// that can be set; only the wait between redeliveries of a webhook is real time.
//
// A test reads like the story it tells:
//
//	line := linesim.New(linesim.Config{Webhook: bot.URL + "/line/webhook"})
//	server := httptest.NewServer(line)              // the bot's LINE address
//	taro := line.AddPerson("たろう")                 // the bot hears of a follow
//	taro.Say("残容量")                               // the bot hears of a message
//	err := line.Await(ctx, func() bool { return len(taro.Chat()) == 4 })
//
// One lock guards all state. Everything under it is short; calls to the bot and answers to it happen outside.
package linesim
