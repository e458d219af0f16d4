package richmenu

import (
	"image"
	"image/color"
	"image/draw"
	"math"

	"golang.org/x/image/vector"
)

// A canvas is a picture being painted. Edges are smooth because a shape says how far a pixel's centre is from its
// outline: half a pixel inside is full colour, half a pixel outside is none.
type canvas struct{ *image.RGBA }

// A point is a place on a canvas or in an icon.
type point struct{ x, y float64 }

// cover paints c over the pixels of r, each as much as amount says, from 0 to 1.
func (v canvas) cover(r image.Rectangle, c color.RGBA, amount func(point) float64) {
	r = r.Intersect(v.Bounds())
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			if a := amount(point{float64(x) + 0.5, float64(y) + 0.5}); a > 0 {
				v.SetRGBA(x, y, mix(v.RGBAAt(x, y), c, min(a, 1)))
			}
		}
	}
}

// box paints a rectangle with corners of radius.
func (v canvas) box(r image.Rectangle, radius float64, c color.RGBA) {
	v.cover(r, c, func(p point) float64 { return 0.5 - fromBox(p, r, radius) })
}

// disc paints a circle, clipped to r.
func (v canvas) disc(r image.Rectangle, centre point, radius float64, c color.RGBA, strength float64) {
	around := image.Rect(int(centre.x-radius)-1, int(centre.y-radius)-1, int(centre.x+radius)+2, int(centre.y+radius)+2)
	v.cover(around.Intersect(r), c, func(p point) float64 {
		return strength * min(1, 0.5+radius-math.Hypot(p.x-centre.x, p.y-centre.y))
	})
}

// shadow paints the soft shadow of a box that lies a little above the ground.
func (v canvas) shadow(r image.Rectangle, radius float64, c color.RGBA, strength float64) {
	const drop, blur = 8, 26
	r = r.Add(image.Pt(0, drop))
	v.cover(r.Inset(-blur), c, func(p point) float64 {
		t := min(max((fromBox(p, r, radius)+blur)/(2*blur), 0), 1)
		return strength * (1 - t*t*(3-2*t))
	})
}

// fromBox is the distance from p to the outline of the rounded box, negative inside.
func fromBox(p point, r image.Rectangle, radius float64) float64 {
	x := math.Abs(p.x-float64(r.Min.X+r.Max.X)/2) - float64(r.Dx())/2 + radius
	y := math.Abs(p.y-float64(r.Min.Y+r.Max.Y)/2) - float64(r.Dy())/2 + radius
	return math.Hypot(max(x, 0), max(y, 0)) + min(max(x, y), 0) - radius
}

// stroke paints lines of the given width with round ends and corners. All lines are one shape, so that places where
// they meet are no darker.
func (v canvas) stroke(lines [][]point, wide float64, c color.RGBA) {
	v.cover(around(lines, wide), c, func(p point) float64 {
		near := math.Inf(1)
		for _, line := range lines {
			for i := range len(line) - 1 {
				near = min(near, fromSegment(p, line[i], line[i+1]))
			}
		}
		return 0.5 + wide/2 - near
	})
}

// fill paints the inside of closed lines.
func (v canvas) fill(lines [][]point, c color.RGBA) {
	tile := around(lines, 0)
	left, top := float64(tile.Min.X), float64(tile.Min.Y)
	raster := vector.NewRasterizer(tile.Dx(), tile.Dy())
	for _, line := range lines {
		raster.MoveTo(float32(line[0].x-left), float32(line[0].y-top))
		for _, p := range line[1:] {
			raster.LineTo(float32(p.x-left), float32(p.y-top))
		}
		raster.ClosePath()
	}
	raster.DrawOp = draw.Over
	raster.Draw(v, tile, image.NewUniform(c), image.Point{})
}

// around is the smallest rectangle that holds lines of that width.
func around(lines [][]point, wide float64) image.Rectangle {
	low, high := point{math.Inf(1), math.Inf(1)}, point{math.Inf(-1), math.Inf(-1)}
	for _, line := range lines {
		for _, p := range line {
			low = point{min(low.x, p.x), min(low.y, p.y)}
			high = point{max(high.x, p.x), max(high.y, p.y)}
		}
	}
	edge := wide/2 + 1
	return image.Rect(int(math.Floor(low.x-edge)), int(math.Floor(low.y-edge)),
		int(math.Ceil(high.x+edge)), int(math.Ceil(high.y+edge)))
}

// fromSegment is the distance from p to the nearest point between a and b.
func fromSegment(p, a, b point) float64 {
	dx, dy := b.x-a.x, b.y-a.y
	t := 0.0
	if long := dx*dx + dy*dy; long > 0 {
		t = min(max(((p.x-a.x)*dx+(p.y-a.y)*dy)/long, 0), 1)
	}
	return math.Hypot(p.x-a.x-t*dx, p.y-a.y-t*dy)
}
