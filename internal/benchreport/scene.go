package benchreport

import (
	"math"
	"strconv"
	"sync"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"

	"coldstream/internal/report"
)

// A paint is a colour by its meaning; palette has them.
type paint int

const (
	ink paint = iota
	muted
	grid
	paper
	floorColor // functions without a model
	zipColor
	containerColor
	ec2Color
	extraColor // the second part of a bar
)

// colour is a paint on light and on dark paper.
type colour struct{ name, light, dark string }

// palette is by paint. The colours of data are those of Okabe and Ito (2008),
// which people with colour vision deficiencies can tell apart, darker or
// lighter where the paper asks for it.
var palette = []colour{
	{"ink", "#1a1f24", "#e8eaed"},
	{"muted", "#57606a", "#a4acb6"},
	{"grid", "#d8dde3", "#3a4149"},
	{"paper", "#ffffff", "#14181d"},
	{"floor", "#6e7781", "#9aa3ad"},
	{"zip", "#0072b2", "#56b4e9"},
	{"container", "#d55e00", "#f0894a"},
	{"ec2", "#a8508a", "#d98cb8"},
	{"extra", "#e69f00", "#e6b84d"},
}

// paintOf is the colour of a kind of variant.
func paintOf(kind string) paint {
	switch kind {
	case "container":
		return containerColor
	case "ec2":
		return ec2Color
	case "floor":
		return floorColor
	}
	return zipColor
}

type point struct{ x, y float64 }

// A shape is one thing that is drawn. Its fields mean what its kind says.
type shape struct {
	kind   shapeKind
	at     []point // rect: two corners; line: its points; dots: centres; text: where
	size   float64 // line: width; dots: radius; text: height of the font
	paint  paint
	opaque float64 // 0 to 1
	dashed bool
	text   string
	anchor anchor
	bold   bool
}

type shapeKind int

const (
	rectShape shapeKind = iota
	lineShape
	dotsShape
	textShape
)

type anchor int

const (
	left anchor = iota
	middle
	right
)

// A scene is a drawing that can become SVG or a picture. The origin is at the
// top left, lengths are CSS pixels.
type scene struct {
	width, height float64
	title, desc   string // for those who cannot see it
	shapes        []shape
}

func (s *scene) rect(x, y, w, h float64, p paint, opaque float64) {
	s.shapes = append(s.shapes, shape{kind: rectShape, at: []point{{x, y}, {x + w, y + h}}, paint: p, opaque: opaque})
}

func (s *scene) line(width float64, p paint, dashed bool, at ...point) {
	s.shapes = append(s.shapes, shape{kind: lineShape, at: at, size: width, paint: p, opaque: 1, dashed: dashed})
}

func (s *scene) dots(radius float64, p paint, opaque float64, at []point) {
	s.shapes = append(s.shapes, shape{kind: dotsShape, at: at, size: radius, paint: p, opaque: opaque})
}

// write puts text with its base line at y.
func (s *scene) write(x, y, size float64, p paint, a anchor, bold bool, text string) {
	s.shapes = append(s.shapes, shape{kind: textShape, at: []point{{x, y}}, size: size, paint: p, opaque: 1, anchor: a, bold: bold, text: text})
}

// below draws another scene under this one.
func (s *scene) below(other *scene, gap float64) {
	dy := s.height + gap
	for _, sh := range other.shapes {
		moved := make([]point, len(sh.at))
		for i, p := range sh.at {
			moved[i] = point{p.x, p.y + dy}
		}
		sh.at = moved
		s.shapes = append(s.shapes, sh)
	}
	s.height = dy + other.height
	s.width = max(s.width, other.width)
}

// fonts measure and draw texts; they are safe for concurrent use.
type fonts struct {
	mu    sync.Mutex
	plain *opentype.Font
	bold  *opentype.Font
	faces map[faceKey]font.Face
}

type faceKey struct {
	size float64
	bold bool
}

func newFonts() (*fonts, error) {
	plain, err := opentype.Parse(goregular.TTF)
	if err != nil {
		return nil, err
	}
	bold, err := opentype.Parse(gobold.TTF)
	if err != nil {
		return nil, err
	}
	return &fonts{plain: plain, bold: bold, faces: map[faceKey]font.Face{}}, nil
}

// face returns a font of a size in pixels. The caller holds the lock.
func (f *fonts) face(k faceKey) (font.Face, error) {
	if face := f.faces[k]; face != nil {
		return face, nil
	}
	of := f.plain
	if k.bold {
		of = f.bold
	}
	face, err := opentype.NewFace(of, &opentype.FaceOptions{Size: k.size, DPI: 72})
	if err == nil {
		f.faces[k] = face
	}
	return face, err
}

// width returns how wide text is in pixels. Browsers take other fonts, which
// are up to a fifth wider.
func (f *fonts) width(text string, size float64, bold bool) float64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	face, err := f.face(faceKey{size, bold})
	if err != nil {
		return .6 * size * float64(len(text))
	}
	return float64(font.MeasureString(face, text)) / float64(fixed.I(1)) * 1.2
}

// An axis maps figures to pixels.
type axis struct {
	low, high float64 // of the figures; with log both are above 0
	log       bool
	from, to  float64 // pixels
}

// at returns the pixel of x; what lies outside is at the nearest end.
func (a axis) at(x float64) float64 {
	low, high := a.low, a.high
	x = min(max(x, low), high)
	if a.log {
		x, low, high = math.Log10(x), math.Log10(low), math.Log10(high)
	}
	if !(high > low) {
		return a.from
	}
	return a.from + (x-low)/(high-low)*(a.to-a.from)
}

// logAxis returns an axis around positive figures that ends on ticks of 1, 2
// and 5; zeros, which have no logarithm, come to lie on its lower end.
func logAxis(low, high, from, to float64) axis {
	if !(low > 0) {
		low = high / 1e6
	}
	if !(high > 0) {
		low, high = 1, 10
	}
	a := axis{low: nice(low*1.000001, false), high: nice(high*.999999, true), log: true, from: from, to: to}
	if a.low >= a.high {
		a.low, a.high = a.low/2, a.high*2
	}
	return a
}

// nice returns the nearest 1, 2 or 5 by a power of ten below x, or above.
func nice(x float64, above bool) float64 {
	x = min(max(x, math.SmallestNonzeroFloat64), math.MaxFloat64/100)
	e := math.Pow(10, math.Floor(math.Log10(x)))
	best := e
	for _, m := range []float64{1, 2, 5, 10} {
		switch {
		case above && m*e >= x:
			return m * e
		case !above && m*e <= x:
			best = m * e
		}
	}
	if above {
		return 10 * e
	}
	return best
}

// A tick is a place on an axis and what stands there.
type tick struct {
	value float64
	text  string
}

// ticks returns as many ticks as have room, with labels in the given units.
func (a axis) ticks(f *fonts, size float64, in []scale) []tick {
	for _, values := range a.candidates() {
		var ts []tick
		end, fits := math.Inf(-1), true
		for _, v := range values {
			t := tick{v, tickLabel(v, in)}
			half := f.width(t.text, size, false) / 2
			if fits = fits && a.at(v)-half > end+size/2; !fits {
				break
			}
			end = a.at(v) + half
			ts = append(ts, t)
		}
		if fits && len(ts) > 0 {
			return ts
		}
	}
	return nil
}

// candidates returns sets of ticks, the closest first.
func (a axis) candidates() (sets [][]float64) {
	if !a.log {
		for _, n := range []float64{8, 5, 4, 2, 1} {
			step := nice((a.high-a.low)/n, true)
			var set []float64
			for i := 0.; a.low+i*step <= a.high*1.0001 && len(set) < 20; i++ {
				set = append(set, a.low+i*step)
			}
			sets = append(sets, set)
		}
		return sets
	}
	first, last := int(math.Floor(math.Log10(a.low)+1e-9)), int(math.Floor(math.Log10(a.high)+1e-9))
	in := func(v float64) bool { return v >= a.low*.9999 && v <= a.high*1.0001 }
	for _, mantissas := range [][]float64{{1, 2, 5}, {1, 3}} {
		var set []float64
		for e := first; e <= last; e++ {
			for _, m := range mantissas {
				if v := m * math.Pow(10, float64(e)); in(v) {
					set = append(set, v)
				}
			}
		}
		sets = append(sets, set)
	}
	for step := 1; step <= last-first+1; step *= 2 {
		var set []float64
		for e := first; e <= last; e++ {
			if v := math.Pow(10, float64(e)); e%step == 0 && in(v) {
				set = append(set, v)
			}
		}
		sets = append(sets, set)
	}
	return append(sets, []float64{a.low, a.high}, []float64{a.high})
}

// tickLabel writes the figure of a tick without digits that say nothing.
func tickLabel(x float64, in []scale) string {
	if x == 0 {
		return "0"
	}
	u := unitOf(x*1.000001, in)
	v := x / u.size
	s := strconv.FormatFloat(v, 'g', 6, 64)
	switch a := math.Abs(v); {
	case a >= 1e7:
		s = strconv.FormatFloat(v, 'g', 3, 64)
	case a >= 1e3:
		s = report.Thousands(int(math.Round(v)))
	}
	return u.after(s)
}
