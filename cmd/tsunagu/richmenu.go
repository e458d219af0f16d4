package main

import (
	"context"
	"errors"
	"fmt"
	"image/color"
	"iter"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/line/line-bot-sdk-go/v8/linebot/messaging_api"

	"tsunagu/richmenu"
	"tsunagu/store"
)

type menusCmd struct {
	Preview menusPreviewCmd `cmd:"" help:"Paint the menus into a folder."`
	Diff    menusDiffCmd    `cmd:"" help:"Show what differs from LINE; exit code 0 either way."`
	Apply   menusApplyCmd   `cmd:"" help:"Make LINE match. Safe to run twice; a run that was cut off is finished by the next."`
}

type menusPreviewCmd struct {
	Dir   string `arg:"" type:"path" help:"Folder for the PNG files."`
	Font  string `required:"" type:"existingfile" help:"Font with Japanese letters (.ttf, .otf, .ttc)." placeholder:"FILE"`
	Index int    `help:"Which font of a collection (.ttc)."`
	Color string `default:"#06C755" help:"Brand colour."`
	Brand string `help:"Brand name in the picture [BRAND]." placeholder:"NAME"`
}

func (c menusPreviewCmd) Run(p *program) error {
	cfg, err := p.settings(needDatabase)
	if err != nil {
		return err
	}
	var colour color.RGBA
	if n, err := fmt.Sscanf(c.Color, "#%02x%02x%02x", &colour.R, &colour.G, &colour.B); n != 3 || err != nil || len(c.Color) != 7 {
		return usageError("--color must look like #06C755")
	}
	colour.A = 0xFF
	if c.Brand == "" {
		c.Brand = cfg.Flows.Brand
	}
	return richmenu.Preview(c.Dir, richmenu.Options{Font: c.Font, FontIndex: c.Index, Color: colour, Brand: c.Brand})
}

type menusDiffCmd struct{}

func (menusDiffCmd) Run(p *program) error {
	cfg, err := p.settings(needLINE)
	if err != nil {
		return err
	}
	installer, err := p.installer(cfg)
	if err != nil {
		return err
	}
	changes, err := installer.Diff(p.ctx)
	if err != nil {
		return err
	}
	if len(changes) == 0 {
		fmt.Fprintln(p.out, "LINE has the menus of this program.")
	}
	for _, c := range changes {
		fmt.Fprintln(p.out, c)
	}
	return nil
}

type menusApplyCmd struct{}

func (menusApplyCmd) Run(p *program) error {
	cfg, err := p.settings(needLINE)
	if err != nil {
		return err
	}
	installer, err := p.installer(cfg)
	if err != nil {
		return err
	}
	installer.Progress = func(done, total int, what string) {
		if total == 0 {
			fmt.Fprintf(p.out, "%s: %d so far\n", what, done)
			return
		}
		fmt.Fprintf(p.out, "%d/%d %s\n", done, total, what)
	}
	ctx, cancel := context.WithCancelCause(p.ctx)
	defer cancel(nil)
	if path, isFile := strings.CutPrefix(string(cfg.Database), "sqlite:"); isFile && !exists(path) {
		fmt.Fprintf(p.out, "There is no database %s yet, so nobody is linked to a menu.\n", path)
	} else {
		s, err := openStore(ctx, cfg, p.logger(cfg), newClock(cfg.ClockAt).now)
		if err != nil {
			return err
		}
		defer s.Close()
		if err := s.Ping(ctx); err != nil {
			return fmt.Errorf("people are linked to the new menus before the old ones go, and for that the database is needed (DATABASE_URL): %w", err)
		}
		installer.People = peopleOf(ctx, s, cancel)
	}
	result, err := installer.Apply(ctx)
	fmt.Fprintln(p.out, result)
	if cause := context.Cause(ctx); cause != nil && err != nil {
		err = cause
	}
	return err
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// peopleAtOnce is how many people one look into the database brings.
const peopleAtOnce = 1000

// peopleOf are all people with the menu that their link state asks for. When the database fails it cancels with its
// error.
func peopleOf(ctx context.Context, s *store.Store, cancel context.CancelCauseFunc) iter.Seq2[string, string] {
	return func(yield func(user, alias string) bool) {
		for after := ""; ; {
			people, err := s.People(ctx, after, peopleAtOnce)
			if err != nil {
				cancel(err)
				return
			}
			for _, p := range people {
				if !yield(p.Lane, richmenu.For(p.Holder, p.User)) {
					return
				}
			}
			if len(people) < peopleAtOnce {
				return
			}
			after = people[len(people)-1].Lane
		}
	}
}

func (p *program) installer(cfg *config) (*richmenu.Installer, error) {
	installer, err := newInstaller(cfg)
	if err == nil {
		installer.Log = p.logger(cfg)
	}
	return installer, err
}

func installMenus(ctx context.Context, cfg *config) error {
	installer, err := newInstaller(cfg)
	if err != nil {
		return err
	}
	_, err = installer.Apply(ctx)
	return err
}

// tokenBy stands where the SDK wants a token: the transport sets the real one.
const tokenBy = "set by the transport"

func newInstaller(cfg *config) (*richmenu.Installer, error) {
	token, err := channelToken(cfg, newClock(cfg.ClockAt).now)
	if err != nil {
		return nil, err
	}
	client := &http.Client{Timeout: 30 * time.Second, Transport: token.Transport(http.DefaultTransport)}
	api, err := messaging_api.NewMessagingApiAPI(tokenBy,
		messaging_api.WithHTTPClient(client), messaging_api.WithEndpoint(cfg.LineAPI))
	blob, blobErr := messaging_api.NewMessagingApiBlobAPI(tokenBy,
		messaging_api.WithBlobHTTPClient(client), messaging_api.WithBlobEndpoint(cfg.LineAPIData))
	return &richmenu.Installer{API: api, Blob: blob}, errors.Join(err, blobErr)
}
