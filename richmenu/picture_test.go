package richmenu

import (
	"bytes"
	"errors"
	"flag"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/image/font/gofont/gobold"
)

// readPicture is a committed picture and its file.
func readPicture(t *testing.T, m Menu) (*image.RGBA, []byte) {
	t.Helper()
	data, err := fs.ReadFile(Pictures(), m.Name+".png")
	if err != nil {
		t.Fatal(err)
	}
	img, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	plain := image.NewRGBA(img.Bounds())
	draw.Draw(plain, plain.Rect, img, image.Point{}, draw.Src)
	return plain, data
}

func TestCommittedPicturesAreOfTheseMenus(t *testing.T) {
	for _, m := range All() {
		_, data := readPicture(t, m)
		if err := m.checkPicture(data); err != nil {
			t.Errorf("%s: %v", m.Name, err)
		}
		if len(data) > 150_000 {
			t.Errorf("%s: %d bytes, want 150,000 or fewer in the repository", m.Name, len(data))
		}
		if !bytes.Contains(data, textChunk(keyword, layout(m))) {
			t.Errorf("%s: the picture shows another layout, paint it again with richmenu preview", m.Name)
		}
	}
}

// The tap areas cover the painted buttons: everything a button shows is inside its area and away from the edge, every
// area shows something, and outside of all parts there is nothing but ground and shadow. With -artifacts the test
// leaves pictures with the areas painted over them.
func TestAreasCoverThePaintedButtons(t *testing.T) {
	t.Parallel()
	const corner, edge = 46, 12
	for _, m := range All() {
		img, _ := readPicture(t, m)
		areas := m.tapAreas()
		for _, p := range m.Parts {
			if p.action() == nil {
				continue
			}
			area := areas[0]
			areas = areas[1:]
			ground := commonest(img, area)
			shows := differs(ground)
			for side, at := range sides(area) {
				in, out := img.RGBAAt(at[0].X, at[0].Y), img.RGBAAt(at[1].X, at[1].Y)
				// Strong buttons have a darker part; nothing else varies.
				if inside := in == ground || p.Strong && !shows(in); !inside || out == in {
					t.Errorf("%s: the %s edge of 「%s」 is not where its area ends", m.Name, side, p.Label)
				}
			}
			ink, seen := image.Rectangle{}, 0
			for y := area.Min.Y; y < area.Max.Y; y++ {
				for x := area.Min.X; x < area.Max.X; x++ {
					if !inCorner(image.Pt(x, y), area, corner) && shows(img.RGBAAt(x, y)) {
						ink, seen = ink.Union(image.Rect(x, y, x+1, y+1)), seen+1
					}
				}
			}
			if share := float64(seen) / float64(area.Dx()*area.Dy()); share < 0.02 {
				t.Errorf("%s: nothing to see on 「%s」 (%.4f of it)", m.Name, p.Label, share)
			}
			if !ink.In(area.Inset(edge)) {
				t.Errorf("%s: 「%s」 shows something at %v, its area is %v", m.Name, p.Label, ink, area)
			}
		}
		shows := differs(img.RGBAAt(10, m.Size.Y-10))
		covered := func(at image.Point) bool {
			for _, p := range m.Parts {
				if at.In(p.Bounds) {
					return true
				}
			}
			return false
		}
		for y := range m.Size.Y {
			for x := range m.Size.X {
				if c := img.RGBAAt(x, y); shows(c) && !covered(image.Pt(x, y)) {
					t.Fatalf("%s: something is painted outside of all parts at %d,%d: %v", m.Name, x, y, c)
				}
			}
		}
		overlay(t, m, img)
	}
}

// sides are, for each edge of a button, a place just inside and one just outside.
func sides(r image.Rectangle) map[string][2]image.Point {
	const near = 3
	middle := r.Min.Add(r.Size().Div(2))
	return map[string][2]image.Point{
		"left":  {image.Pt(r.Min.X+near, middle.Y), image.Pt(r.Min.X-near, middle.Y)},
		"right": {image.Pt(r.Max.X-near, middle.Y), image.Pt(r.Max.X+near, middle.Y)},
		"upper": {image.Pt(middle.X, r.Min.Y+near), image.Pt(middle.X, r.Min.Y-near)},
		"lower": {image.Pt(middle.X, r.Max.Y-near), image.Pt(middle.X, r.Max.Y+near)},
	}
}

// differs tells colours the eye sees on that ground from shadows.
func differs(ground color.RGBA) func(color.RGBA) bool {
	known := map[color.RGBA]bool{}
	return func(c color.RGBA) bool {
		seen, ok := known[c]
		if !ok {
			seen = contrast(c, ground) > 1.4
			known[c] = seen
		}
		return seen
	}
}

// commonest is the colour most of the rectangle has.
func commonest(img *image.RGBA, r image.Rectangle) color.RGBA {
	count := map[color.RGBA]int{}
	var most color.RGBA
	for y := r.Min.Y; y < r.Max.Y; y += 3 {
		for x := r.Min.X; x < r.Max.X; x += 3 {
			c := img.RGBAAt(x, y)
			if count[c]++; count[c] > count[most] {
				most = c
			}
		}
	}
	return most
}

func inCorner(at image.Point, r image.Rectangle, size int) bool {
	in := r.Inset(size)
	return (at.X < in.Min.X || at.X >= in.Max.X) && (at.Y < in.Min.Y || at.Y >= in.Max.Y)
}

// overlay leaves the picture with its tap areas in red among the test's artifacts.
func overlay(t *testing.T, m Menu, img *image.RGBA) {
	if keep := flag.Lookup("test.artifacts"); keep == nil || keep.Value.String() != "true" {
		return
	}
	for _, a := range m.tapAreas() {
		draw.DrawMask(img, a, image.NewUniform(color.RGBA{255, 0, 0, 255}), image.Point{}, image.NewUniform(color.Alpha{90}), image.Point{}, draw.Over)
	}
	var buf bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestSpeed}).Encode(&buf, img); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(t.ArtifactDir(), m.Name+".png"), buf.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestPicturesLINEWouldRefuse(t *testing.T) {
	file := func(w, h int) []byte {
		var buf bytes.Buffer
		if err := png.Encode(&buf, image.NewPaletted(image.Rect(0, 0, w, h), color.Palette{color.White})); err != nil {
			t.Fatal(err)
		}
		return buf.Bytes()
	}
	for what, c := range map[string]struct {
		size image.Point
		data []byte
		ok   bool
	}{
		"smallest":      {image.Pt(800, 250), file(800, 250), true},
		"largest":       {image.Pt(2500, 1686), file(2500, 1686), true},
		"narrow":        {image.Pt(799, 250), file(799, 250), false},
		"wide":          {image.Pt(2501, 1686), file(2501, 1686), false},
		"low":           {image.Pt(800, 249), file(800, 249), false},
		"too high":      {image.Pt(1449, 1000), file(1449, 1000), false},
		"of other size": {image.Pt(2500, 843), file(2500, 1686), false},
		"over 1 MB":     {image.Pt(800, 250), append(file(800, 250), make([]byte, 1<<20)...), false},
		"no PNG":        {image.Pt(800, 250), []byte("GIF89a"), false},
	} {
		err := Menu{Size: c.size}.checkPicture(c.data)
		if (err == nil) != c.ok || (err != nil && !errors.Is(err, ErrPicture)) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestPaintingStopsAtAGlyphTheFontLacks(t *testing.T) {
	latin := filepath.Join(t.TempDir(), "bold.ttf")
	if err := os.WriteFile(latin, gobold.TTF, 0o644); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "pictures")
	err := Preview(dir, Options{Font: latin, Brand: "Tsunagu"})
	if err == nil || !strings.Contains(err.Error(), "bold.ttf has no glyph for '連' (U+9023) of 「連携すると、もっと便利に」") {
		t.Errorf("error %v does not name the glyph and the font", err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) > 0 {
		t.Errorf("it left %q", left)
	}
	if err := Preview(dir, Options{Font: latin, FontIndex: 1}); err == nil {
		t.Error("a font number that is not in the file was taken")
	}
	if err := Preview(dir, Options{Font: filepath.Join(dir, "none.ttf")}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing font file: %v", err)
	}
}

// japaneseFont is a font of Debian's packages fonts-noto-cjk, fonts-mplus or fonts-morisawa-bizud-gothic.
func japaneseFont(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"NotoSansCJK-Bold.ttc", "Mplus1-Bold.otf", "BIZUDPGothic-Bold.ttf"} {
		if found, _ := filepath.Glob("/usr/share/fonts/*/*/" + name); len(found) > 0 {
			return found[0]
		}
	}
	if os.Getenv("CI") != "" {
		t.Fatal("no Japanese font: install fonts-noto-cjk")
	}
	t.Skip("no Japanese font: install fonts-noto-cjk")
	return ""
}

func TestPaintingInAnotherBrand(t *testing.T) {
	t.Parallel()
	font := japaneseFont(t)
	p, err := newPainter(Options{Font: font, Color: color.RGBA{0, 80, 200, 255}, Brand: "ためしモバイル"})
	if err != nil {
		t.Fatal(err)
	}
	m := data(links{user: true})
	file, err := p.picture(m)
	if err != nil {
		t.Fatal(err)
	}
	img, err := png.Decode(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	if got := color.RGBAModel.Convert(img.At(4, 4)); got != p.deep {
		t.Errorf("the band is %v, want %v of the brand's colour", got, p.deep)
	}
	committed, _ := readPicture(t, m)
	if committed.RGBAAt(4, 4) == p.deep {
		t.Error("the committed picture has that colour too")
	}

	for brand, want := range map[string]string{
		"つなぐ😀":                  "'😀' (U+1F600)",
		strings.Repeat("長", 20): "does not fit",
	} {
		p.brand = brand
		if _, err := p.picture(m); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("brand %q: error %v, want one with %s", brand, err, want)
		}
	}
}
