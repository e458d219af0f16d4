package richmenu

import (
	"image/color"
	"math"
)

// An Icon is one of the drawings of this file.
type Icon int

const (
	NoIcon Icon = iota
	Gauge
	GiftBox
	Person
	Headset
	Gear
	Receipt
	Coin
	Contract
	Phone
	lock
	check
	chevron
)

// A drawing is an icon on a square of 24 by 24: areas in a soft tone under lines of one width.
type drawing struct {
	areas [][]point
	lines [][]point
}

var drawings = map[Icon]drawing{
	Gauge: {
		areas: [][]point{join(line(12, 14), arc(12, 14, 9.8, 150, 318))},
		lines: [][]point{
			arc(12, 14, 9.8, 150, 390), line(12, 14, 17, 9.4), circle(12, 14, 0.7),
			line(8.6, 20.4, 15.4, 20.4),
		},
	},
	GiftBox: {
		areas: [][]point{roundBox(4.2, 11.4, 15.6, 9.6, 1.6)},
		lines: [][]point{
			roundBox(2.8, 7.4, 18.4, 4.2, 1.3), bent(1.8, 4.4, 11.6, 4.4, 21, 19.6, 21, 19.6, 11.6),
			line(12, 7.4, 12, 21),
			join(line(12, 7.2), curve(12, 7.2, 10.8, 2.6, 7.8, 2.6), curve(7.8, 2.6, 5.4, 2.8, 5.6, 5), curve(5.6, 5, 5.9, 7.2, 8.2, 7.2), line(12, 7.2)),
			join(line(12, 7.2), curve(12, 7.2, 13.2, 2.6, 16.2, 2.6), curve(16.2, 2.6, 18.6, 2.8, 18.4, 5), curve(18.4, 5, 18.1, 7.2, 15.8, 7.2), line(12, 7.2)),
		},
	},
	Person: {
		areas: [][]point{closed(join(line(3.8, 21), curve(3.8, 21, 4, 14.2, 12, 14.2), curve(12, 14.2, 20, 14.2, 20.2, 21)))},
		lines: [][]point{
			circle(12, 7.4, 4.5),
			closed(join(line(3.6, 21.2), curve(3.6, 21.2, 3.8, 14.6, 12, 14.6), curve(12, 14.6, 20.2, 14.6, 20.4, 21.2))),
		},
	},
	Headset: {
		areas: [][]point{roundBox(3, 12.2, 4.4, 7, 2), roundBox(16.6, 12.2, 4.4, 7, 2)},
		lines: [][]point{
			join(line(3, 13.6), arc(12, 11.6, 9, 180, 360), line(21, 13.6)),
			roundBox(3, 12.2, 4.4, 7, 2), roundBox(16.6, 12.2, 4.4, 7, 2),
			join(line(19.6, 19.2), curve(19.6, 19.2, 18.8, 22, 14.6, 22)), line(12.2, 22, 14.6, 22),
		},
	},
	Gear: {
		areas: [][]point{gear(12, 12, 9.7, 7.4)},
		lines: [][]point{gear(12, 12, 9.7, 7.4), circle(12, 12, 3.1)},
	},
	Receipt: {
		areas: [][]point{{{4.6, 2.6}, {19.4, 2.6}, {19.4, 21.4}, {16.9, 19.6}, {14.5, 21.4}, {12, 19.6}, {9.5, 21.4}, {7.1, 19.6}, {4.6, 21.4}}},
		lines: [][]point{
			{{4.6, 2.6}, {19.4, 2.6}, {19.4, 21.4}, {16.9, 19.6}, {14.5, 21.4}, {12, 19.6}, {9.5, 21.4}, {7.1, 19.6}, {4.6, 21.4}, {4.6, 2.6}},
			line(9, 6, 12, 10, 15, 6), line(12, 10, 12, 16), line(9.2, 10.8, 14.8, 10.8), line(9.2, 13.4, 14.8, 13.4),
		},
	},
	Coin: {
		areas: [][]point{circle(12, 12, 9.6)},
		lines: [][]point{
			circle(12, 12, 9.6),
			join(line(9.6, 17, 9.6, 7.2, 12.4, 7.2), arc(12.6, 10.1, 2.9, 270, 450), line(9.6, 13)),
		},
	},
	Contract: {
		areas: [][]point{bent(1, 3.6, 21, 3.6, 2.4, 12.8, 2.4, 18, 7.6, 18, 12, 11, 21)},
		lines: [][]point{
			bent(1.6, 10.6, 21, 3.6, 21, 3.6, 2.4, 12.8, 2.4, 18, 7.6, 18, 11.4),
			bent(0.8, 12.6, 2.6, 12.6, 7.8, 17.8, 7.8), line(7.2, 11.6, 12, 11.6), line(7.2, 15.4, 9.8, 15.4),
			ring(15.5, 19.3), ring(18.9, 15.9),
		},
	},
	Phone: {
		areas: [][]point{bent(2.4, 10.4, 22, 4.4, 22, 4.4, 1.8, 16.6, 1.8, 16.6, 12.4)},
		lines: [][]point{
			bent(2.4, 10.4, 22, 4.4, 22, 4.4, 1.8, 16.6, 1.8, 16.6, 11.2),
			line(9.2, 5, 11.8, 5), ring(15.5, 19.3), ring(18.9, 15.9),
		},
	},
	lock: {
		areas: [][]point{roundBox(4.5, 10.5, 15, 10.5, 2.4)},
		lines: [][]point{roundBox(4.5, 10.5, 15, 10.5, 2.4), join(line(7.6, 10.5), arc(12, 7.4, 4.4, 180, 360), line(16.4, 10.5))},
	},
	check:   {lines: [][]point{line(4.5, 12.6, 9.8, 18, 19.5, 6.8)}},
	chevron: {lines: [][]point{line(8.5, 4, 16.5, 12, 8.5, 20)}},
}

// paintIcon paints an icon into the square around centre; size is its side, wide the width of its lines in the
// drawing's units.
func (v canvas) paintIcon(i Icon, centre point, size, wide float64, pen, tone color.RGBA) {
	at := func(lines [][]point) [][]point {
		placed := make([][]point, len(lines))
		for n, l := range lines {
			for _, p := range l {
				placed[n] = append(placed[n], point{centre.x + (p.x-12)*size/24, centre.y + (p.y-12)*size/24})
			}
		}
		return placed
	}
	d := drawings[i]
	if len(d.areas) > 0 {
		v.fill(at(d.areas), tone)
	}
	v.stroke(at(d.lines), wide*size/24, pen)
}

func line(xy ...float64) []point {
	var l []point
	for i := 0; i < len(xy); i += 2 {
		l = append(l, point{xy[i], xy[i+1]})
	}
	return l
}

func join(parts ...[]point) []point {
	var l []point
	for _, p := range parts {
		l = append(l, p...)
	}
	return l
}

func closed(l []point) []point { return append(l, l[0]) }

// arc goes round (x, y) from one angle to another, in degrees, clockwise from three o'clock.
func arc(x, y, radius, from, to float64) []point {
	const steps = 40
	var l []point
	for i := range steps + 1 {
		sin, cos := math.Sincos((from + (to-from)*float64(i)/steps) * math.Pi / 180)
		l = append(l, point{x + radius*cos, y + radius*sin})
	}
	return l
}

func circle(x, y, radius float64) []point { return arc(x, y, radius, 0, 360) }

// curve bends from (x0, y0) to (x1, y1), pulled towards (cx, cy).
func curve(x0, y0, cx, cy, x1, y1 float64) []point {
	const steps = 20
	var l []point
	for i := range steps + 1 {
		t := float64(i) / steps
		a, b, c := (1-t)*(1-t), 2*t*(1-t), t*t
		l = append(l, point{a*x0 + b*cx + c*x1, a*y0 + b*cy + c*y1})
	}
	return l
}

// bent is a line whose inner corners are rounded.
func bent(radius float64, xy ...float64) []point {
	corners := line(xy...)
	l := corners[:1:1]
	for i := 1; i < len(corners)-1; i++ {
		before, here, after := corners[i-1], corners[i], corners[i+1]
		in, out := towards(here, before, radius), towards(here, after, radius)
		l = append(l, curve(in.x, in.y, here.x, here.y, out.x, out.y)...)
	}
	return append(l, corners[len(corners)-1])
}

// towards is the point at a distance from a on the way to b.
func towards(a, b point, far float64) point {
	share := far / math.Hypot(b.x-a.x, b.y-a.y)
	return point{a.x + (b.x-a.x)*share, a.y + (b.y-a.y)*share}
}

// roundBox is a closed box with round corners.
func roundBox(x, y, wide, high, radius float64) []point {
	r, b := x+wide, y+high
	return closed(join(
		arc(r-radius, b-radius, radius, 0, 90), arc(x+radius, b-radius, radius, 90, 180),
		arc(x+radius, y+radius, radius, 180, 270), arc(r-radius, y+radius, radius, 270, 360)))
}

// gear is a wheel of eight teeth.
func gear(x, y, outer, inner float64) []point {
	var l []point
	at := func(radius, degrees float64) {
		sin, cos := math.Sincos(degrees * math.Pi / 180)
		l = append(l, point{x + radius*cos, y + radius*sin})
	}
	for tooth := range 8 {
		middle := float64(tooth) * 45
		at(inner, middle-14)
		at(outer, middle-9)
		at(outer, middle+9)
		at(inner, middle+14)
	}
	return closed(l)
}

// ring is one ring of a chain that runs from lower left to upper right.
func ring(x, y float64) []point {
	const half, radius = 1.5, 2.1 // of the straight part, of the ends
	capsule := closed(join(arc(half, 0, radius, -90, 90), arc(-half, 0, radius, 90, 270)))
	for i, p := range capsule {
		capsule[i] = point{x + (p.x+p.y)*math.Sqrt2/2, y + (p.y-p.x)*math.Sqrt2/2}
	}
	return capsule
}
