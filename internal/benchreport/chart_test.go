package benchreport

import (
	"bytes"
	"fmt"
	"image/png"
	"math"
	"strings"
	"testing"

	"coldstream/internal/measure"
)

func TestPicture(t *testing.T) {
	r := newReport(t, Options{}, exampleRun(24, 1))
	var b bytes.Buffer
	if err := r.WritePNG(&b); err != nil {
		t.Fatal(err)
	}
	s, err := r.mainScene()
	if err != nil {
		t.Fatal(err)
	}
	img, err := png.Decode(&b)
	if err != nil {
		t.Fatal(err)
	}
	if size := img.Bounds().Size(); size.X != pictureScale*(wide+32) || size.Y != int(math.Ceil(s.height*pictureScale)) || size.Y < 800 {
		t.Errorf("the picture has %v", size)
	}
	colours, dark := map[[3]uint32]bool{}, 0
	for y := img.Bounds().Min.Y; y < img.Bounds().Max.Y; y += 2 {
		for x := img.Bounds().Min.X; x < img.Bounds().Max.X; x += 2 {
			r, g, b, _ := img.At(x, y).RGBA()
			colours[[3]uint32{r, g, b}] = true
			if r+g+b < 3*0x4000 {
				dark++
			}
		}
	}
	if len(colours) < 50 || dark < 2000 {
		t.Errorf("%d colours and %d dark pixels: there is no text", len(colours), dark)
	}
}

// TestNothingIsDrawnOutside: no shape leaves its scene and no text is cut off.
func TestNothingIsDrawnOutside(t *testing.T) {
	many := exampleRun(3, 1)
	for i := range 50 {
		name := fmt.Sprintf("variant with a long name %d", i)
		many.Variants = append(many.Variants, measure.Variant{Name: name, Kind: "zip", UploadBytes: int64(i) << 30})
		for k := range 3 {
			x := math.Pow(10, float64(i)/4) * (1 + float64(k))
			many.Samples = append(many.Samples, measure.Sample{Variant: name, Case: measure.Cold, Values: map[string]float64{measure.First: 2 * x, measure.Init: x, measure.Invoke: x, measure.Peak: x}})
		}
	}
	for name, run := range map[string]*measure.Run{"example": exampleRun(24, 1), "hostile": hostile(), "many": many} {
		r := newReport(t, Options{Cost: oneCost(t)}, run)
		main, err := r.mainScene()
		if err != nil {
			t.Fatal(err)
		}
		scenes := []*scene{main}
		sets := append(r.charts(r.runs[0]), r.cost.charts(r.fonts)...)
		for _, c := range sets {
			scenes = append(scenes, c.Wide, c.Narrow)
		}
		for _, s := range scenes {
			for _, sh := range s.shapes {
				r.inside(t, name, s, sh)
			}
		}
		wellFormed(t, htmlOf(t, r))
	}
}

// inside checks one shape.
func (r *Report) inside(t *testing.T, name string, s *scene, sh shape) {
	t.Helper()
	for _, p := range sh.at {
		from, to := p.x, p.x
		if sh.kind == textShape {
			// Browsers' fonts are up to a fifth wider, which width allows for; the
			// text may take a few pixels of the margin.
			w := r.fonts.width(sh.text, sh.size, sh.bold)
			from -= [...]float64{0, .5, 1}[sh.anchor] * w
			to = from + w
		}
		if !(from >= -2 && to <= s.width+2 && p.y >= 0 && p.y <= s.height) {
			t.Errorf("%s, %q at width %v: %q from %.0f to %.0f, y %.0f of %.0f", name, s.title, s.width, sh.text, from, to, p.y, s.height)
		}
	}
}

func TestTicks(t *testing.T) {
	f, err := newFonts()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		a    axis
		in   []scale
		want string
	}{
		{logAxis(1.6e6, 5.2e9, 0, 800), times, "1 ms 2 ms 5 ms 10 ms 20 ms 50 ms 100 ms 200 ms 500 ms 1 s 2 s 5 s 10 s"},
		{logAxis(1.6e6, 5.2e9, 0, 240), times, "1 ms 10 ms 100 ms 1 s 10 s"},
		{logAxis(3e6, 3e6, 0, 300), times, "2 ms 5 ms"},
		{logAxis(0, 0, 0, 300), times, "1 ns 2 ns 5 ns 10 ns"},
		{axis{low: 0, high: linearEnd(4.2e9), from: 0, to: 500}, times, "0 1 s 2 s 3 s 4 s 5 s"},
	} {
		var got []string
		for _, t := range c.a.ticks(f, tickSize, c.in) {
			got = append(got, t.text)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}
