// Command tsunagu is the LINE official account of a mobile carrier: one program with its database.
//
// This package puts the parts together. main.go reads the command line, config.go the settings, app.go builds the
// program out of package store, the carrier, package bot and the pages, serve.go and demo.go run it, and every other
// command has a file of its own. Nothing here knows how a conversation goes or what a table looks like.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
	"github.com/mattn/go-isatty"
)

// Exit codes.
const (
	exitFailed = 1
	exitUsage  = 2
)

// A cli is the command line.
type cli struct {
	Config string `help:"Settings from a YAML file: the names below in lower case. The environment wins." placeholder:"FILE" type:"path"`

	Demo     demoCmd     `cmd:"" help:"Run the whole product with a simulated LINE: no account, no server, no settings."`
	Serve    serveCmd    `cmd:"" help:"Run the server."`
	Migrate  migrateCmd  `cmd:"" help:"Bring the database's schema up to date, or show where it stands."`
	Carrier  carrierCmd  `cmd:"" help:"The built-in carrier."`
	Operator operatorCmd `cmd:"" help:"Accounts of the operators' desk."`
	Events   eventsCmd   `cmd:"" help:"Events that were given up on."`
	Menus    menusCmd    `cmd:"" name:"richmenu" help:"The rich menus: paint them, compare them with LINE, install them."`
	FAQ      faqCmd      `cmd:"" name:"faq" help:"The questions that are answered by themselves."`
	Sim      simCmd      `cmd:"" help:"Run the simulated LINE alone, to test any bot against."`
	Load     loadCmd     `cmd:"" help:"Load a running serve with a simulated LINE, and count from outside what became of each event."`
	Doctor   doctorCmd   `cmd:"" help:"Check settings, database, token, clock, webhook, quota and menus; say what to do about each fault."`
	Version  versionCmd  `cmd:"" help:"Print version, commit and Go version."`
	Healthz  healthzCmd  `cmd:"" hidden:"" help:"Ask a running server on this machine whether it is alive (for containers)."`
}

// A program is what every command gets: the world outside.
type program struct {
	ctx    context.Context
	getenv func(string) (string, bool)
	config string
	in     io.Reader
	out    io.Writer
	errs   io.Writer
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.LookupEnv, os.Stdout, os.Stderr))
}

// run is main with everything handed in. It returns the exit code.
func run(ctx context.Context, args []string, getenv func(string) (string, bool), out, errs io.Writer) int {
	var c cli
	exited := -1
	parser := kong.Must(&c, kong.Name("tsunagu"), kong.Writers(out, errs), kong.Exit(func(code int) { exited = code }),
		kong.Description("The LINE official account of a mobile carrier (つなぐ: to link, to put a caller through).\n\n"+
			"Settings come from the environment:\n\n"+settingsHelp()),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}), kong.UsageOnError())
	kctx, err := parser.Parse(args)
	switch {
	case exited >= 0: // --help
		return exited
	case err != nil:
		parser.Errorf("%s", err)
		fmt.Fprintln(errs, "Try: tsunagu --help")
		return exitUsage
	}
	err = kctx.Run(&program{ctx: ctx, getenv: getenv, config: c.Config, in: os.Stdin, out: out, errs: errs})
	var bad settingsError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &bad):
		fmt.Fprintf(errs, "tsunagu: these settings need attention:\n%s\n", bad)
		return exitUsage
	case errors.As(err, new(usageError)):
		fmt.Fprintln(errs, "tsunagu:", err)
		return exitUsage
	default:
		fmt.Fprintln(errs, "tsunagu:", err)
		return exitFailed
	}
}

// A usageError is a command that was called wrongly.
type usageError string

func (e usageError) Error() string { return string(e) }

// settingsHelp is the table of settings for --help.
func settingsHelp() string {
	var text string
	for _, s := range settingsTable() {
		note := ""
		switch {
		case s.Required:
			note = " (required for serve)"
		case s.Default != "":
			note = " [" + s.Default + "]"
		}
		text += fmt.Sprintf("  %s%s\n      %s\n", s.Name, note, s.Meaning)
	}
	return text
}

// settings reads the settings a command needs.
func (p *program) settings(needs need) (*config, error) { return loadConfig(p.getenv, p.config, needs) }

// logger writes to standard error: text for people, JSON for machines.
func (p *program) logger(cfg *config) *slog.Logger {
	options := &slog.HandlerOptions{Level: cfg.LogLevel}
	if cfg.LogFormat == "json" || cfg.LogFormat == "" && !terminal(p.errs) {
		return slog.New(slog.NewJSONHandler(p.errs, options))
	}
	return slog.New(slog.NewTextHandler(p.errs, options))
}

func terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && isatty.IsTerminal(f.Fd())
}
