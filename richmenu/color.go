package richmenu

import (
	"image/color"
	"math"
)

// A scheme is every colour of the pictures, derived from the brand's one.
type scheme struct {
	accent color.RGBA // the brand itself: it may be too light for words
	deep   color.RGBA // the brand dark enough for white words on it and for words in it
	shade  color.RGBA // on deep, for depth
	soft   color.RGBA // behind icons
	tint   color.RGBA // behind 「連携済み」
	back   color.RGBA // behind everything
	ink    color.RGBA // labels
	hint   color.RGBA
	mute   color.RGBA // the icon of what is locked
	pale   color.RGBA // behind it
	white  color.RGBA
}

// readable is the least contrast of words to their ground (WCAG 2, level AA).
const readable = 4.5

func schemeOf(brand color.Color) scheme {
	r, g, b, _ := brand.RGBA()
	c := color.RGBA{uint8(r >> 8), uint8(g >> 8), uint8(b >> 8), 255}
	white, black := color.RGBA{255, 255, 255, 255}, color.RGBA{0, 0, 0, 255}
	back := mix(color.RGBA{243, 245, 246, 255}, c, 0.025)
	deep := c
	for contrast(deep, back) < readable {
		deep = mix(deep, black, 0.02)
	}
	return scheme{
		accent: c, deep: deep, white: white, back: back,
		shade: mix(deep, black, 0.13),
		soft:  mix(white, c, 0.13),
		tint:  mix(white, c, 0.10),
		ink:   mix(color.RGBA{28, 33, 38, 255}, deep, 0.06),
		hint:  mix(color.RGBA{88, 97, 105, 255}, deep, 0.08),
		mute:  color.RGBA{122, 132, 140, 255},
		pale:  color.RGBA{236, 239, 241, 255},
	}
}

// mix is a with the share of b in it.
func mix(a, b color.RGBA, share float64) color.RGBA {
	one := func(x, y uint8) uint8 { return uint8(math.Round(float64(x) + (float64(y)-float64(x))*share)) }
	return color.RGBA{one(a.R, b.R), one(a.G, b.G), one(a.B, b.B), 255}
}

// contrast is WCAG's contrast ratio, from 1 to 21.
func contrast(a, b color.RGBA) float64 {
	x, y := luminance(a), luminance(b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

func luminance(c color.RGBA) float64 {
	linear := func(v uint8) float64 {
		f := float64(v) / 255
		if f <= 0.04045 {
			return f / 12.92
		}
		return math.Pow((f+0.055)/1.055, 2.4)
	}
	return 0.2126*linear(c.R) + 0.7152*linear(c.G) + 0.0722*linear(c.B)
}
