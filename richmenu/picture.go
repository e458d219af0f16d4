package richmenu

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"embed"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/png"
	"io/fs"
	"maps"
	"slices"
)

//go:embed images/*.png
var committed embed.FS

// Pictures are the committed pictures, NAME.png of every menu, painted with the default colour and brand.
func Pictures() fs.FS {
	sub, err := fs.Sub(committed, "images")
	if err != nil {
		panic(err) // the folder is embedded above
	}
	return sub
}

// ErrPicture says that LINE would refuse the picture of a menu.
var ErrPicture = errors.New("the picture does not keep LINE's rules")

// checkPicture reports what LINE's documentation forbids (line-platform.md §8): width 800 to 2500, height 250 or more,
// width to height 1.45 or more, at most 1 MB; and a picture of another size than the menu, whose tap areas would be off.
func (m Menu) checkPicture(data []byte) error {
	config, err := png.DecodeConfig(bytes.NewReader(data))
	if err != nil {
		return fmt.Errorf("%w: not a PNG: %w", ErrPicture, err)
	}
	w, h := config.Width, config.Height
	switch {
	case len(data) > 1<<20:
		return fmt.Errorf("%w: %d bytes, at most %d", ErrPicture, len(data), 1<<20)
	case w < 800 || w > 2500 || h < 250 || float64(w)/float64(h) < 1.45:
		return fmt.Errorf("%w: %d by %d pixels", ErrPicture, w, h)
	case image.Pt(w, h) != m.Size:
		return fmt.Errorf("%w: %d by %d pixels for a menu of %d by %d", ErrPicture, w, h, m.Size.X, m.Size.Y)
	}
	return nil
}

// layout is a short hash of everything the menu says about its picture.
func layout(m Menu) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%v %+v", m.Size, m.Parts))
	return hex.EncodeToString(sum[:8])
}

// keyword is the PNG text field that tells which layout a picture shows.
const keyword = "Layout"

// encode writes img as a PNG with at most 256 colours, which is a third of the size and cannot be told apart: the
// pictures are flat colours and the edges between them. layout is put into the file.
func encode(img *image.RGBA, layout string) ([]byte, error) {
	var buf bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&buf, fewColors(img)); err != nil {
		return nil, fmt.Errorf("encode the picture: %w", err)
	}
	const header = 8 + 25 // the signature and the first chunk
	file := buf.Bytes()
	return slices.Concat(file[:header], textChunk(keyword, layout), file[header:]), nil
}

// textChunk is a tEXt chunk of a PNG file: length, type, keyword, NUL, text, checksum.
func textChunk(key, text string) []byte {
	body := []byte("tEXt" + key + "\x00" + text)
	chunk := binary.BigEndian.AppendUint32(nil, uint32(len(body)-4))
	chunk = append(chunk, body...)
	return binary.BigEndian.AppendUint32(chunk, crc32.ChecksumIEEE(body))
}

// fewColors keeps the 256 commonest colours and moves the others to the nearest of them.
func fewColors(img *image.RGBA) *image.Paletted {
	count := map[color.RGBA]int{}
	for y := range img.Rect.Dy() {
		for x := range img.Rect.Dx() {
			count[img.RGBAAt(x, y)]++
		}
	}
	commonest := slices.SortedFunc(maps.Keys(count), func(a, b color.RGBA) int {
		return cmp.Or(count[b]-count[a], int(a.R)-int(b.R), int(a.G)-int(b.G), int(a.B)-int(b.B))
	})
	var palette color.Palette
	for _, c := range commonest[:min(256, len(commonest))] {
		palette = append(palette, c)
	}
	place := map[color.RGBA]uint8{}
	for _, c := range commonest {
		place[c] = uint8(palette.Index(c))
	}
	out := image.NewPaletted(img.Rect, palette)
	for y := range img.Rect.Dy() {
		for x := range img.Rect.Dx() {
			out.Pix[y*out.Stride+x] = place[img.RGBAAt(x, y)]
		}
	}
	return out
}
