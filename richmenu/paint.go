package richmenu

import (
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"math"
	"os"
	"path/filepath"
)

// Options say how the pictures are painted.
type Options struct {
	// Font is the file of the letters, .ttf, .otf or .ttc, with Japanese in it; bold weights read best.
	Font string
	// FontIndex is the font's number in a .ttc collection.
	FontIndex int
	// Color is the brand's; nil is DefaultColor. Darker and lighter tones are derived from it.
	Color color.Color
	// Brand is the name on the pictures; "" is DefaultBrand.
	Brand string
}

// What the committed pictures are painted with.
var DefaultColor color.Color = color.RGBA{0x06, 0xC7, 0x55, 0xFF}

const DefaultBrand = "つなぐモバイル"

// Preview paints every menu and writes the pictures into dir, as NAME.png, making the folder if need be. It stops at
// a glyph the font lacks, at words that do not fit, and at a picture LINE would refuse.
func Preview(dir string, opts Options) error {
	p, err := newPainter(opts)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make the folder for the pictures: %w", err)
	}
	for _, m := range All() {
		data, err := p.picture(m)
		if err != nil {
			return fmt.Errorf("paint %s: %w", m.Name, err)
		}
		if err := os.WriteFile(filepath.Join(dir, m.Name+".png"), data, 0o644); err != nil {
			return fmt.Errorf("write the picture of %s: %w", m.Name, err)
		}
	}
	return nil
}

// A painter paints menus in one brand's colours and letters.
type painter struct {
	brand  string
	letter *typeface
	scheme
}

func newPainter(opts Options) (*painter, error) {
	letter, err := openTypeface(opts.Font, opts.FontIndex)
	if err != nil {
		return nil, err
	}
	if opts.Brand == "" {
		opts.Brand = DefaultBrand
	}
	if opts.Color == nil {
		opts.Color = DefaultColor
	}
	return &painter{brand: opts.Brand, letter: letter, scheme: schemeOf(opts.Color)}, nil
}

// picture is the menu as a PNG file that LINE takes.
func (p *painter) picture(m Menu) ([]byte, error) {
	img, err := p.paint(m)
	if err != nil {
		return nil, err
	}
	data, err := encode(img, layout(m))
	if err != nil {
		return nil, err
	}
	return data, m.checkPicture(data)
}

func (p *painter) paint(m Menu) (*image.RGBA, error) {
	v := canvas{image.NewRGBA(image.Rectangle{Max: m.Size})}
	draw.Draw(v, v.Bounds(), image.NewUniform(p.back), image.Point{}, draw.Src)
	for _, part := range m.Parts {
		if err := p.part(v, part); err != nil {
			return nil, err
		}
	}
	return v.RGBA, nil
}

func (p *painter) part(v canvas, part Part) error {
	switch part.Look {
	case Header:
		return p.header(v, part)
	case Tab, Open:
		return p.tab(v, part)
	case Hero, Card:
		return p.upright(v, part)
	case Row:
		return p.flat(v, part)
	case Done:
		return p.done(v, part)
	}
	return fmt.Errorf("part 「%s」 has no look", part.Label)
}

const corner = 44.0 // radius of the buttons' corners

// header is the band. With a label the brand stands in front of it, else in the corner beside the tabs.
func (p *painter) header(v canvas, part Part) error {
	draw.Draw(v, part.Bounds, image.NewUniform(p.deep), image.Point{}, draw.Src)
	v.disc(part.Bounds, point{2360, -70}, 420, p.shade, 0.5)
	v.disc(part.Bounds, point{2560, 330}, 330, p.shade, 1)
	middle := float64(part.Bounds.Min.Y+part.Bounds.Max.Y) / 2
	if part.Label == "" {
		const left = margin + 2*tabWidth + gap
		brand, err := p.letter.set(p.brand, 60, float64(part.Bounds.Max.X-left-2*margin))
		if err != nil {
			return err
		}
		v.writeMiddle(brand, float64(left+part.Bounds.Max.X)/2, middle+12, p.white)
		return nil
	}
	brand, err := p.letter.set(p.brand, 84, 900)
	if err != nil {
		return err
	}
	label, err := p.letter.set(part.Label, 72, 1300)
	if err != nil {
		return err
	}
	v.write(brand, margin+40, middle, p.white)
	v.write(label, float64(part.Bounds.Max.X)-margin-40-label.wide, middle, p.white)
	return nil
}

// tab is a tongue that grows out of the ground when it is open.
func (p *painter) tab(v canvas, part Part) error {
	label, err := p.letter.set(part.Label, 92, float64(part.Bounds.Dx()-80))
	if err != nil {
		return err
	}
	ground, ink := p.shade, p.white
	tongue := part.Bounds
	if part.Look == Open {
		ground, ink = p.back, p.deep
	}
	tongue.Max.Y += corner // the lower corners fall outside
	clipped := canvas{v.SubImage(part.Bounds).(*image.RGBA)}
	clipped.box(tongue, corner, ground)
	x, y := middleOf(part.Bounds)
	v.writeMiddle(label, x, y+2, ink)
	return nil
}

// ground is a button's own ground with its shadow; it gives the colours of what stands on it.
func (p *painter) ground(v canvas, part Part) (look tones) {
	if part.Strong {
		v.shadow(part.Bounds, corner, p.deep, 0.26)
		v.box(part.Bounds, corner, p.deep)
		hill := point{float64(part.Bounds.Max.X) - 120, float64(part.Bounds.Min.Y) + 10}
		v.cover(part.Bounds, p.shade, func(at point) float64 {
			return 0.6 * min(1, 0.5+300-math.Hypot(at.x-hill.x, at.y-hill.y), 0.5-fromBox(at, part.Bounds, corner))
		})
		return tones{label: p.white, hint: p.white, pen: p.deep, plate: p.white, tone: p.soft}
	}
	v.shadow(part.Bounds, corner, mix(p.ink, p.deep, 0.3), 0.11)
	v.box(part.Bounds, corner, p.white)
	if part.Locked {
		return tones{label: p.ink, hint: p.hint, pen: p.mute, plate: p.pale, tone: mix(p.pale, p.mute, 0.16)}
	}
	return tones{label: p.ink, hint: p.hint, pen: p.deep, plate: p.soft, tone: mix(p.soft, p.accent, 0.38)}
}

// tones are the colours on one button.
type tones struct {
	label, hint color.RGBA
	pen, tone   color.RGBA // of the icon
	plate       color.RGBA // behind the icon
}

// emblem paints the icon on its plate, and the lock on a function that waits for a link.
func (p *painter) emblem(v canvas, part Part, c tones, at point, radius float64) {
	v.disc(v.Bounds(), at, radius, c.plate, 1)
	v.paintIcon(part.Icon, at, radius*1.24, 1.5, c.pen, c.tone)
	if part.Locked {
		badge := point{at.x + radius*0.76, at.y + radius*0.70}
		v.disc(v.Bounds(), badge, radius*0.36, p.white, 1)
		v.disc(v.Bounds(), badge, radius*0.30, p.hint, 1)
		v.paintIcon(lock, badge, radius*0.36, 2.4, p.white, p.white)
	}
}

// upright has the icon above the label and the hint.
func (p *painter) upright(v canvas, part Part) error {
	labelSize, hintSize := 108.0, 62.0
	if part.Look == Card {
		labelSize, hintSize = 84, 58
	}
	first, second := 0.36*labelSize, 0.34*labelSize // the air under the icon and under the label
	// The icon takes what height the words leave, within reason.
	radius := min((float64(part.Bounds.Dy())*0.83-first-labelSize-second-hintSize)/2, 128)
	room := float64(part.Bounds.Dx() - 60)
	label, err := p.letter.set(part.Label, labelSize, room)
	if err != nil {
		return err
	}
	hint, err := p.letter.set(part.Hint, hintSize, room)
	if err != nil {
		return err
	}
	c := p.ground(v, part)
	x, y := middleOf(part.Bounds)
	top := y - (2*radius+first+labelSize+second+hintSize)/2
	p.emblem(v, part, c, point{x, top + radius}, radius)
	top += 2*radius + first
	v.writeMiddle(label, x, top+labelSize/2, c.label)
	top += labelSize + second
	v.writeMiddle(hint, x, top+hintSize/2, c.hint)
	return nil
}

// flat has the icon on the left and an arrow on the right.
func (p *painter) flat(v canvas, part Part) error {
	high := float64(part.Bounds.Dy())
	radius := high * 0.32
	labelSize, hintSize := min(high*0.33, 96), min(high*0.235, 60)
	left := float64(part.Bounds.Min.X) + 52 + 2*radius + 40
	room := float64(part.Bounds.Max.X) - left - 130
	label, err := p.letter.set(part.Label, labelSize, room)
	if err != nil {
		return err
	}
	hint, err := p.letter.set(part.Hint, hintSize, room)
	if err != nil {
		return err
	}
	c := p.ground(v, part)
	_, y := middleOf(part.Bounds)
	p.emblem(v, part, c, point{float64(part.Bounds.Min.X) + 52 + radius, y}, radius)
	air := 0.24 * labelSize
	top := y - (labelSize+air+hintSize)/2
	v.write(label, left, top+labelSize/2, c.label)
	v.write(hint, left, top+labelSize+air+hintSize/2, c.hint)
	v.paintIcon(chevron, point{float64(part.Bounds.Max.X) - 78, y}, 64, 3, c.label, c.label)
	return nil
}

// done is no button and looks like none: it lies flat on the ground.
func (p *painter) done(v canvas, part Part) error {
	_, y := middleOf(part.Bounds)
	radius := float64(part.Bounds.Dy()) * 0.32
	left := float64(part.Bounds.Min.X) + 52 + 2*radius + 40
	const chip, size = 400.0, 62.0
	label, err := p.letter.set(part.Label, 78, float64(part.Bounds.Max.X)-left-chip-110)
	if err != nil {
		return err
	}
	hint, err := p.letter.set(part.Hint, size, chip-140)
	if err != nil {
		return err
	}
	v.box(part.Bounds, corner, p.tint)
	c := tones{pen: p.deep, plate: p.white, tone: p.soft}
	p.emblem(v, part, c, point{float64(part.Bounds.Min.X) + 52 + radius, y}, radius)
	v.write(label, left, y, p.ink)
	pill := image.Rect(part.Bounds.Max.X-56-chip, int(y)-58, part.Bounds.Max.X-56, int(y)+58)
	v.box(pill, 58, p.white)
	v.paintIcon(check, point{float64(pill.Min.X) + 74, y}, 54, 3.4, p.deep, p.deep)
	v.write(hint, float64(pill.Min.X)+120, y, p.deep)
	return nil
}

func middleOf(r image.Rectangle) (x, y float64) {
	return float64(r.Min.X+r.Max.X) / 2, float64(r.Min.Y+r.Max.Y) / 2
}
