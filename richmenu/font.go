package richmenu

import (
	"fmt"
	"image"
	"image/color"
	"os"
	"path/filepath"

	"golang.org/x/image/font"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/font/sfnt"
	"golang.org/x/image/math/fixed"
)

// A typeface sets words in one font file. It knows no fallback: a glyph the font lacks is an error, so that no empty
// box gets into a picture.
type typeface struct {
	file  string
	font  *sfnt.Font
	faces map[float64]font.Face
}

// openTypeface reads a .ttf, .otf or .ttc file; index chooses among the fonts of a collection.
func openTypeface(file string, index int) (*typeface, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read the font: %w", err)
	}
	fonts, err := opentype.ParseCollection(data)
	if err != nil {
		return nil, fmt.Errorf("read the font %s: %w", file, err)
	}
	if index < 0 || index >= fonts.NumFonts() {
		return nil, fmt.Errorf("font %s has no font number %d, it holds %d", file, index, fonts.NumFonts())
	}
	chosen, err := fonts.Font(index)
	if err != nil {
		return nil, fmt.Errorf("read font %d of %s: %w", index, file, err)
	}
	return &typeface{file: filepath.Base(file), font: chosen, faces: map[float64]font.Face{}}, nil
}

// check reports the first character of words that the font lacks.
func (t *typeface) check(words string) error {
	var buf sfnt.Buffer
	for _, r := range words {
		glyph, err := t.font.GlyphIndex(&buf, r)
		if err != nil {
			return fmt.Errorf("look up %q in font %s: %w", r, t.file, err)
		}
		if glyph == 0 {
			return fmt.Errorf("font %s has no glyph for %q (%U) of 「%s」", t.file, r, r, words)
		}
	}
	return nil
}

// face is the font at a size in pixels.
func (t *typeface) face(size float64) (font.Face, error) {
	if f, ok := t.faces[size]; ok {
		return f, nil
	}
	f, err := opentype.NewFace(t.font, &opentype.FaceOptions{Size: size, DPI: 72})
	if err != nil {
		return nil, fmt.Errorf("font %s at %g pixels: %w", t.file, size, err)
	}
	t.faces[size] = f
	return f, nil
}

// words is a line of words made ready to be painted.
type words struct {
	text string
	face font.Face
	size float64
	wide float64
}

// set makes a line ready at size, or up to a quarter smaller if it would be wider than room. A line that does not fit
// then is an error: cut words are worse than none.
func (t *typeface) set(text string, size, room float64) (words, error) {
	if err := t.check(text); err != nil {
		return words{}, err
	}
	for s := size; s >= size*0.75; s -= 2 {
		face, err := t.face(s)
		if err != nil {
			return words{}, err
		}
		wide := float64(font.MeasureString(face, text)) / 64
		if wide <= room {
			return words{text, face, s, wide}, nil
		}
	}
	return words{}, fmt.Errorf("「%s」 does not fit into %.0f pixels", text, room)
}

// write paints a line with its left end at x and its middle at y.
func (v canvas) write(w words, x, y float64, c color.RGBA) {
	// The square a Japanese letter fills reaches from 0.12 of its size below the base line to 0.88 above.
	base := y + 0.38*w.size
	d := font.Drawer{Dst: v, Src: image.NewUniform(c), Face: w.face,
		Dot: fixed.Point26_6{X: fixed.Int26_6(x * 64), Y: fixed.Int26_6(base * 64)}}
	d.DrawString(w.text)
}

// writeMiddle paints a line with its middle at (x, y).
func (v canvas) writeMiddle(w words, x, y float64, c color.RGBA) { v.write(w, x-w.wide/2, y, c) }
