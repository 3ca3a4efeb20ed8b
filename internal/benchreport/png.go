package benchreport

import (
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"io"
	"math"

	"golang.org/x/image/font"
	"golang.org/x/image/math/fixed"
	"golang.org/x/image/vector"
)

// pictureScale is how many pixels of a picture make a length of one, so that it
// is sharp on a dense display.
const pictureScale = 2

// picture draws a scene on light paper.
func (f *fonts) picture(s *scene) (*image.RGBA, error) {
	img := image.NewRGBA(image.Rect(0, 0, int(math.Ceil(s.width*pictureScale)), int(math.Ceil(s.height*pictureScale))))
	draw.Draw(img, img.Bounds(), image.NewUniform(rgba(paper, 1)), image.Point{}, draw.Src)
	for _, sh := range s.shapes {
		if err := f.draw(img, sh); err != nil {
			return nil, err
		}
	}
	return img, nil
}

// writePNG writes a scene as a picture.
func (f *fonts) writePNG(w io.Writer, s *scene) error {
	img, err := f.picture(s)
	if err != nil {
		return err
	}
	return png.Encode(w, img)
}

// rgba is a paint on light paper.
func rgba(p paint, opaque float64) color.NRGBA {
	c := color.NRGBA{A: uint8(math.Round(255 * opaque))}
	if _, err := fmt.Sscanf(palette[p].light, "#%02x%02x%02x", &c.R, &c.G, &c.B); err != nil {
		panic("benchreport: palette: " + err.Error())
	}
	return c
}

func (f *fonts) draw(img *image.RGBA, sh shape) error {
	src := image.NewUniform(rgba(sh.paint, sh.opaque))
	at := make([]point, len(sh.at))
	for i, p := range sh.at {
		at[i] = point{p.x * pictureScale, p.y * pictureScale}
	}
	size := sh.size * pictureScale
	switch sh.kind {
	case rectShape:
		p, q := at[0], at[1]
		fill(img, src, []point{p, {q.x, p.y}, q, {p.x, q.y}})
	case lineShape:
		for i := 1; i < len(at); i++ {
			if sh.dashed {
				dash(img, src, at[i-1], at[i], size)
			} else {
				stroke(img, src, at[i-1], at[i], size)
			}
		}
	case dotsShape:
		for _, p := range at {
			disc(img, src, p, size)
		}
	case textShape:
		return f.text(img, src, sh, at[0], size)
	}
	return nil
}

// fill draws a polygon.
func fill(img *image.RGBA, src image.Image, at []point) {
	box := image.Rectangle{Min: image.Pt(math.MaxInt32, math.MaxInt32), Max: image.Pt(math.MinInt32, math.MinInt32)}
	for _, p := range at {
		box.Min.X, box.Min.Y = min(box.Min.X, int(math.Floor(p.x))), min(box.Min.Y, int(math.Floor(p.y)))
		box.Max.X, box.Max.Y = max(box.Max.X, int(math.Ceil(p.x))), max(box.Max.Y, int(math.Ceil(p.y)))
	}
	if !box.In(img.Bounds()) || box.Empty() {
		return // scenes draw nothing outside; a line of no length has no area
	}
	r := vector.NewRasterizer(box.Dx(), box.Dy())
	for i, p := range at {
		x, y := float32(p.x-float64(box.Min.X)), float32(p.y-float64(box.Min.Y))
		if i == 0 {
			r.MoveTo(x, y)
		} else {
			r.LineTo(x, y)
		}
	}
	r.ClosePath()
	r.Draw(img, box, src, image.Point{})
}

// stroke draws a line of a width.
func stroke(img *image.RGBA, src image.Image, p, q point, width float64) {
	length := math.Hypot(q.x-p.x, q.y-p.y)
	if length == 0 {
		return
	}
	dx, dy := (q.y-p.y)/length*width/2, (p.x-q.x)/length*width/2
	fill(img, src, []point{{p.x + dx, p.y + dy}, {q.x + dx, q.y + dy}, {q.x - dx, q.y - dy}, {p.x - dx, p.y - dy}})
}

// dash draws a line with gaps, as stroke-dasharray="5 4" does.
func dash(img *image.RGBA, src image.Image, p, q point, width float64) {
	const on, period = 5 * pictureScale, 9 * pictureScale
	length := math.Hypot(q.x-p.x, q.y-p.y)
	at := func(d float64) point {
		d = min(d, length) / length
		return point{p.x + d*(q.x-p.x), p.y + d*(q.y-p.y)}
	}
	for d := 0.; d < length; d += period {
		stroke(img, src, at(d), at(d+on), width)
	}
}

// disc draws a circle as a polygon, whose corners are less than a tenth of a
// pixel off for the radii of dots.
func disc(img *image.RGBA, src image.Image, c point, radius float64) {
	const corners = 24
	at := make([]point, corners)
	for i := range at {
		sin, cos := math.Sincos(2 * math.Pi * float64(i) / corners)
		at[i] = point{c.x + radius*cos, c.y + radius*sin}
	}
	fill(img, src, at)
}

func (f *fonts) text(img *image.RGBA, src image.Image, sh shape, at point, size float64) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	face, err := f.face(faceKey{size, sh.bold})
	if err != nil {
		return err
	}
	d := font.Drawer{Dst: img, Src: src, Face: face}
	x := at.x - [...]float64{0, .5, 1}[sh.anchor]*float64(d.MeasureString(sh.text))/float64(fixed.I(1))
	d.Dot = fixed.Point26_6{X: fixed.Int26_6(x * float64(fixed.I(1))), Y: fixed.Int26_6(at.y * float64(fixed.I(1)))}
	d.DrawString(sh.text)
	return nil
}
