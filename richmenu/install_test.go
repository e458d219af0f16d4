package richmenu

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io/fs"
	"iter"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/line/line-bot-sdk-go/v8/linebot/messaging_api"
)

var blank = sync.OnceValue(func() []byte {
	var buf bytes.Buffer
	if err := png.Encode(&buf, image.NewPaletted(image.Rect(0, 0, width, height), color.Palette{color.White})); err != nil {
		panic(err)
	}
	return buf.Bytes()
})

// plainPictures are pictures of the right size that differ from version to version.
func plainPictures(t *testing.T, version string) fs.FS {
	t.Helper()
	files := fstest.MapFS{}
	for _, m := range All() {
		files[m.Name+".png"] = &fstest.MapFile{Data: slices.Concat(blank(), []byte(m.Name+version))}
	}
	return files
}

// people are n people, taking turns in the three linked states.
func people(n int) iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for i := range n {
			if !yield(fmt.Sprintf("U%032x", i), []string{AliasUser, AliasHolder, AliasBoth}[i%3]) {
				return
			}
		}
	}
}

func apply(t *testing.T, i *Installer) Result {
	t.Helper()
	result, err := i.Apply(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return result
}

func TestFirstRunCreatesAndSecondChangesNothing(t *testing.T) {
	line := newFakeLINE(t)
	foreign := line.addForeign()
	i := line.installer(t, "v1")
	changes, err := i.Diff(context.Background())
	if err != nil || line.writes != 0 {
		t.Fatalf("Diff made %d changing calls, error %v", line.writes, err)
	}
	var told []string
	i.Progress = func(done, total int, what string) { told = append(told, fmt.Sprint(done, "/", total, " ", what)) }
	if got, want := apply(t, i), (Result{Created: 7, Uploaded: 7, Aliases: 7, Default: true}); got != want {
		t.Errorf("first run %+v, want %+v", got, want)
	}
	if len(told) != len(changes) || told[len(told)-1] != fmt.Sprintf("%d/%d set default none", len(changes), len(changes)) {
		t.Errorf("%d changes, progress %q", len(changes), told)
	}
	line.installed(t, i)
	line.unchanged(t, i)
	line.terse = true
	line.unchanged(t, i)
	foreign(t)
}

// The committed pictures go to LINE as they are.
func TestInstallsTheCommittedPictures(t *testing.T) {
	line := newFakeLINE(t)
	i := line.installer(t, "")
	i.Pictures = nil
	apply(t, i)
	for _, m := range All() {
		if _, file := readPicture(t, m); line.pictures[line.aliases[m.Alias]] != string(file) {
			t.Errorf("%s has another picture", m.Name)
		}
	}
}

func TestNewPictureReplacesOnlyItsMenu(t *testing.T) {
	line := newFakeLINE(t)
	apply(t, line.installer(t, "v1"))
	before := maps.Clone(line.aliases)
	i := line.installer(t, "v1")
	i.Pictures.(fstest.MapFS)["user-data.png"].Data = append(blank(), "v2"...)
	if got, want := apply(t, i), (Result{Created: 1, Uploaded: 1, Aliases: 1, Deleted: 1}); got != want {
		t.Errorf("second version %+v, want %+v", got, want)
	}
	line.installed(t, i)
	for alias, id := range before {
		if (line.aliases[alias] == id) == (alias == AliasUser) {
			t.Errorf("alias %s went from %s to %s", alias, id, line.aliases[alias])
		}
	}
}

// What somebody deletes or edits at LINE is repaired, and nothing else is done.
func TestRepairs(t *testing.T) {
	for what, c := range map[string]struct {
		harm func(*testing.T, *fakeLINE)
		want Result
	}{
		"a menu deleted": {func(t *testing.T, f *fakeLINE) { f.remove(f.aliases[AliasBoth]) },
			Result{Created: 1, Uploaded: 1, Aliases: 1}},
		"the default menu deleted": {func(t *testing.T, f *fakeLINE) { f.remove(f.aliases[AliasNone]) },
			Result{Created: 1, Uploaded: 1, Aliases: 1, Default: true}},
		"a tap edited": {func(t *testing.T, f *fakeLINE) {
			f.menu(t, AliasUser).Areas[1].Action = messaging_api.UriAction{Action: messaging_api.Action{Type: "uri"}, Label: "残容量確認", Uri: "https://example.jp"}
		}, Result{Created: 1, Uploaded: 1, Aliases: 1, Deleted: 1}},
		"a label edited": {func(t *testing.T, f *fakeLINE) {
			area := &f.menu(t, AliasUser).Areas[1]
			tap := area.Action.(messaging_api.PostbackAction)
			tap.Label = "押す"
			area.Action = tap
		}, Result{Created: 1, Uploaded: 1, Aliases: 1, Deleted: 1}},
		"an area moved": {func(t *testing.T, f *fakeLINE) { f.menu(t, AliasUser).Areas[0].Bounds.X++ },
			Result{Created: 1, Uploaded: 1, Aliases: 1, Deleted: 1}},
		"the bar's text edited": {func(t *testing.T, f *fakeLINE) { f.menu(t, AliasUser).ChatBarText = "MENU" },
			Result{Created: 1, Uploaded: 1, Aliases: 1, Deleted: 1}},
		"closed at first": {func(t *testing.T, f *fakeLINE) { f.menu(t, AliasUser).Selected = false },
			Result{Created: 1, Uploaded: 1, Aliases: 1, Deleted: 1}},
		"an alias deleted":         {func(t *testing.T, f *fakeLINE) { delete(f.aliases, AliasHolder) }, Result{Aliases: 1}},
		"an alias at another menu": {func(t *testing.T, f *fakeLINE) { f.aliases[AliasHolder] = "richmenu-of-the-shop" }, Result{Aliases: 1}},
		"no default menu":          {func(t *testing.T, f *fakeLINE) { f.normal = "" }, Result{Default: true}},
		"another default menu":     {func(t *testing.T, f *fakeLINE) { f.normal = "richmenu-of-the-shop" }, Result{Default: true}},
		"a picture gone":           {func(t *testing.T, f *fakeLINE) { delete(f.pictures, f.aliases[AliasBoth]) }, Result{Uploaded: 1}},
		"a menu there twice": {func(t *testing.T, f *fakeLINE) {
			twin := *f.menu(t, AliasBoth)
			twin.RichMenuId = "richmenu-0000"
			f.menus = slices.Insert(f.menus, 0, twin)
		}, Result{Deleted: 1}},
		"a menu of an earlier version": {func(t *testing.T, f *fakeLINE) {
			f.menus = append(f.menus, messaging_api.RichMenuResponse{RichMenuId: "richmenu-old", Name: prefix + "gone:00"})
			f.aliases["tsunagu-gone"] = "richmenu-old"
		}, Result{Deleted: 1, Aliases: 1}},
	} {
		t.Run(what, func(t *testing.T) {
			line := newFakeLINE(t)
			foreign := line.addForeign()
			i := line.installer(t, "v1")
			apply(t, i)
			c.harm(t, line)
			if got := apply(t, i); got != c.want {
				t.Errorf("repair %+v, want %+v", got, c.want)
			}
			line.installed(t, i)
			line.unchanged(t, i)
			foreign(t)
		})
	}
}

// A default menu set in the Manager is not told to the API (403); ours goes over it.
func TestDefaultMenuOfTheManager(t *testing.T) {
	line := newFakeLINE(t)
	i := line.installer(t, "v1")
	line.before = func(_ int, r *http.Request) int {
		if line.normal == "" && r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/user/all/richmenu") {
			return http.StatusForbidden
		}
		return 0
	}
	apply(t, i)
	line.installed(t, i)
}

// A run may end at any call, before or after LINE did it; the next run finishes, and the one after has nothing to do.
func TestCutOffAtEveryCall(t *testing.T) {
	t.Parallel()
	for how, arm := range map[string]func(f *fakeLINE, at int, cancel func()){
		"refused": func(f *fakeLINE, at int, _ func()) {
			f.before = func(n int, _ *http.Request) int {
				if n == at {
					return http.StatusInternalServerError
				}
				return 0
			}
		},
		"answer lost": func(f *fakeLINE, at int, _ func()) { f.after = func(n int) bool { return n == at } },
		"killed": func(f *fakeLINE, at int, cancel func()) {
			f.after = func(n int) bool {
				if n == at {
					cancel()
				}
				return n == at
			}
		},
	} {
		t.Run(how, func(t *testing.T) {
			for cut := 1; ; cut++ {
				line := newFakeLINE(t)
				foreign := line.addForeign()
				old := line.installer(t, "v1")
				old.People = people(7)
				apply(t, old)

				i := line.installer(t, "v2")
				i.People = people(7)
				ctx, cancel := context.WithCancel(context.Background())
				reached := line.calls + cut
				arm(line, reached, cancel)
				_, err := i.Apply(ctx)
				cancel()
				if line.disarm() < reached {
					// 3 questions, 7 menus, 7 pictures, 7 aliases, the default, the mark set and taken away, 3 batches, 7 deletions.
					if cut-1 != 37 {
						t.Errorf("a whole run took %d calls, want 37", cut-1)
					}
					return
				}
				if err == nil && how == "refused" {
					t.Errorf("call %d was refused and Apply did not tell", cut)
				}
				apply(t, i)
				line.installed(t, i)
				line.unchanged(t, i)
				foreign(t)
				line.Close()
				if t.Failed() {
					t.Fatalf("after a cut at call %d", cut)
				}
			}
		})
	}
}

// 10,000 people are relinked in under 30 calls, with progress.
func TestRelinksInBatches(t *testing.T) {
	line := newFakeLINE(t)
	i := line.installer(t, "v1")
	i.People = func(yield func(string, string) bool) {
		for user, alias := range people(10_000) {
			if !yield(user, alias) {
				return
			}
		}
		yield("U-nobody", AliasUser)
	}
	var counts []int
	i.Progress = func(done, total int, what string) {
		if what == relinkPeople && total == 0 {
			counts = append(counts, done)
		}
	}
	got := apply(t, i)
	if got.Relinked != 10_000 || got.Skipped != 1 || len(line.links) != 10_000 {
		t.Errorf("%+v, %d linked at LINE, want 10,000 and one skipped", got, len(line.links))
	}
	if line.bulk >= 30 {
		t.Errorf("%d calls for 10,000 people, want under 30", line.bulk)
	}
	if !slices.IsSorted(counts) || len(counts) != line.bulk || counts[len(counts)-1] != 10_000 {
		t.Errorf("progress %v", counts)
	}
	line.installed(t, i)
	line.unchanged(t, i)
}

func TestRelinkRefusesAnUnknownAlias(t *testing.T) {
	line := newFakeLINE(t)
	i := line.installer(t, "v1")
	i.People = func(yield func(string, string) bool) { yield("U00000000000000000000000000000001", "tsunagu-nobody") }
	if _, err := i.Apply(context.Background()); err == nil || !strings.Contains(err.Error(), `"tsunagu-nobody"`) {
		t.Errorf("error %v does not name the alias", err)
	}
}

func TestStaysInsideLINEsLimits(t *testing.T) {
	many := func(n int) []Menu {
		var menus []Menu
		for k := range n {
			m := All()[0]
			m.Alias = fmt.Sprint("tsunagu-", k)
			m.Parts = slices.Clone(m.Parts)
			m.Parts[1].Label = fmt.Sprint("利用者連携", k)
			menus = append(menus, m)
		}
		return menus
	}
	t.Run("creations", func(t *testing.T) {
		line := newFakeLINE(t)
		i := line.installer(t, "v1")
		i.menus = many(91)
		if _, err := i.Apply(context.Background()); !errors.Is(err, ErrHourlyLimit) || line.writes > 0 {
			t.Errorf("91 menus: error %v after %d changing calls", err, line.writes)
		}
		i.menus = many(90)
		if got := apply(t, i); got.Created != 90 {
			t.Errorf("created %d of 90", got.Created)
		}
	})
	t.Run("deletions", func(t *testing.T) {
		line := newFakeLINE(t)
		for k := range 100 {
			line.menus = append(line.menus, messaging_api.RichMenuResponse{RichMenuId: fmt.Sprint("old-", k), Name: prefix + "gone:00"})
		}
		i := line.installer(t, "v1")
		if got, err := i.Apply(context.Background()); !errors.Is(err, ErrHourlyLimit) || got.Deleted != 90 {
			t.Errorf("%d of 100 deleted, error %v", got.Deleted, err)
		}
		if got := apply(t, i); got.Deleted != 10 {
			t.Errorf("%d deleted in the second run, want 10", got.Deleted)
		}
		line.installed(t, i)
	})
	t.Run("menus of the account", func(t *testing.T) {
		line := newFakeLINE(t)
		for k := range 994 {
			line.menus = append(line.menus, messaging_api.RichMenuResponse{RichMenuId: fmt.Sprint("shop-", k), Name: "shop"})
		}
		i := line.installer(t, "v1")
		if _, err := i.Apply(context.Background()); !errors.Is(err, ErrTooMany) || line.writes > 0 {
			t.Errorf("994 menus there: error %v after %d changing calls", err, line.writes)
		}
		line.menus = line.menus[1:]
		apply(t, i)
	})
}

// LINE's 429 for a creation is told apart from other failures, and logged with LINE's request ID.
func TestHourlyLimitOfLINE(t *testing.T) {
	line := newFakeLINE(t)
	line.before = func(_ int, r *http.Request) int {
		if r.Method == http.MethodPost && r.URL.Path == "/v2/bot/richmenu" {
			return http.StatusTooManyRequests
		}
		return 0
	}
	i := line.installer(t, "v1")
	var log bytes.Buffer
	i.Log = slog.New(slog.NewTextHandler(&log, nil))
	if _, err := i.Apply(context.Background()); !errors.Is(err, ErrHourlyLimit) {
		t.Errorf("error %v", err)
	}
	if got := log.String(); !strings.Contains(got, "status=429") || !strings.Contains(got, "request=request-") {
		t.Errorf("log %q", got)
	}
}

// The SDK's WithContext writes to the client it is called on; ours must stay usable after a run that was cancelled.
func TestClientsAreNotTiedToARun(t *testing.T) {
	line := newFakeLINE(t)
	i := line.installer(t, "v1")
	apply(t, i)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := i.Apply(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v of a cancelled run", err)
	}
	if _, err := i.API.GetRichMenuList(); err != nil {
		t.Errorf("the client is cancelled too: %v", err)
	}
	if _, err := i.Blob.GetRichMenuImage(line.aliases[AliasNone]); err != nil {
		t.Errorf("the blob client is cancelled too: %v", err)
	}
}

func TestPictureThatIsMissingOrWrong(t *testing.T) {
	line := newFakeLINE(t)
	i := line.installer(t, "v1")
	delete(i.Pictures.(fstest.MapFS), "none.png")
	if _, err := i.Diff(context.Background()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without a picture: %v", err)
	}
	i.Pictures = fstest.MapFS{"none.png": {Data: []byte("not a picture")}}
	if _, err := i.Apply(context.Background()); !errors.Is(err, ErrPicture) || line.calls > 0 {
		t.Errorf("with a wrong picture: %v after %d calls", err, line.calls)
	}
}
