package benchreport

import (
	"errors"
	"io"
	"math"
	"slices"

	"github.com/rivo/uniseg"

	"coldstream/internal/measure"
)

// A figureSet is a chart in both of its layouts, with what is said below it.
type figureSet struct {
	Wide, Narrow *scene
	Caption      string
}

// chart lays a chart out for a desktop and for a phone.
func chart(caption string, draw func(width float64) *scene) figureSet {
	return figureSet{draw(wide), draw(narrow), caption}
}

// charts returns the pictures of a run.
func (r *Report) charts(d *dataset) (all []figureSet) {
	if rows := d.strips(d.cold(), measure.First); len(rows) > 0 {
		all = append(all, chart("Every dot is a start, the upright line the median, the box its 95 % interval. The axis is logarithmic: each step to the right multiplies.", func(width float64) *scene {
			return distribution(r.fonts, d.coldTitle(), rows, width)
		}))
	}
	if rows := d.coldParts(); len(rows) > 0 {
		all = append(all, chart("Medians of both parts: their sum need not be the median of the first answer. What the first axis leaves too short to see is drawn again below it.", func(width float64) *scene {
			return bars(r.fonts, "Init and first invocation", rows, coldLegend, width, times)
		}))
	}
	for _, g := range d.warm() {
		if rows := d.strips(g, measure.Time); len(rows) > 0 && len(all) < maxCharts {
			all = append(all, chart("Every dot is an event.", func(width float64) *scene {
				return distribution(r.fonts, g.title(), rows, width)
			}))
		}
	}
	if rows := d.uploads(); len(rows) > 0 {
		all = append(all, chart("Compressed, as it is uploaded.", func(width float64) *scene {
			return bars(r.fonts, "Upload", rows, nil, width, sizes)
		}))
	}
	if rows := d.peaks(); len(rows) > 0 {
		all = append(all, chart("Median of the largest resident set after the first answer; of an endpoint at the end of the run.", func(width float64) *scene {
			return bars(r.fonts, "Peak memory", rows, nil, width, sizes)
		}))
	}
	return all
}

// maxCharts bounds the charts of events of different sizes.
const maxCharts = 6

// coldTitle names the main chart: it stands alone in a picture.
func (d *dataset) coldTitle() string {
	t := "Cold start to first answer"
	if g := d.cold(); g.Settings != "" {
		t += ", " + g.condition()
	}
	return t + " (" + d.platform() + ")"
}

// strips returns the rows of a chart of distributions.
func (d *dataset) strips(g group, unit string) (rows []strip) {
	names := d.with(g, unit)
	for _, v := range names {
		rows = append(rows, strip{d.named(v, names), paintOf(d.variant(v).Kind), d.values[cell{g, v, unit}], d.summary(g, v, unit)})
	}
	return rows
}

// named is a variant's name in a chart, with its model where those in the chart
// score with different ones.
func (d *dataset) named(variant string, among []string) string {
	model, differ := d.variant(variant).Model, false
	for _, v := range among {
		m := d.variant(v).Model
		differ = differ || m != "" && m != model
	}
	if model == "" || !differ {
		return label(variant)
	}
	model = clip(printable(model), labelWidth/2)
	return clip(printable(variant), labelWidth-uniseg.StringWidth(model)) + " (" + model + ")"
}

var coldLegend = legend{{zipColor, "init"}, {extraColor, "first invocation"}}

// coldParts returns the bars of cold starts in two parts.
func (d *dataset) coldParts() (rows []bar) {
	g := d.cold()
	names := d.with(g, measure.Init)
	for _, v := range names {
		init, invoke := d.summary(g, v, measure.Init).P50, d.summary(g, v, measure.Invoke).P50
		if math.IsNaN(invoke) {
			continue
		}
		rows = append(rows, bar{d.named(v, names), human(init, times) + " + " + human(invoke, times), []part{{init, zipColor}, {invoke, extraColor}}})
	}
	return rows
}

func (d *dataset) uploads() (rows []bar) {
	for _, name := range d.variants {
		if v := d.variant(name); v.UploadBytes > 0 {
			rows = append(rows, bar{d.named(name, d.variants), bytesOf(v.UploadBytes), []part{{float64(v.UploadBytes), paintOf(v.Kind)}}})
		}
	}
	return rows
}

func (d *dataset) peaks() (rows []bar) {
	names := d.with(d.cold(), measure.Peak)
	for _, v := range names {
		x, paint := d.summary(d.cold(), v, measure.Peak).P50, paintOf(d.variant(v).Kind)
		rows = append(rows, bar{d.named(v, names), human(x, sizes), []part{{x, paint}}})
		if s := d.endpoint(v); s.N > 0 {
			rows = append(rows, bar{label(v) + ": endpoint", human(s.P50, sizes), []part{{s.P50, paint}}})
		}
	}
	return rows
}

// mainScene is what a picture shows of the first run that has it: the cold
// starts, or else the warm events.
func (r *Report) mainScene() (*scene, error) {
	for _, d := range r.runs {
		var all []*scene
		if rows := d.strips(d.cold(), measure.First); len(rows) > 0 {
			all = append(all, distribution(r.fonts, d.coldTitle(), rows, wide))
		}
		if rows := d.coldParts(); len(rows) > 0 {
			all = append(all, bars(r.fonts, "Init and first invocation, medians", rows, coldLegend, wide, times))
		}
		for _, g := range d.warm() {
			if rows := d.strips(g, measure.Time); len(rows) > 0 && len(all) == 0 {
				all = append(all, distribution(r.fonts, g.title()+" ("+d.platform()+")", rows, wide))
			}
		}
		if len(all) > 0 {
			return stack(all), nil
		}
	}
	return nil, errors.New("nothing to draw: the results have neither cold starts nor warm events")
}

// stack puts scenes below each other with a margin around them.
func stack(all []*scene) *scene {
	const margin = 16
	s := &scene{title: all[0].title, desc: all[0].desc}
	for i, other := range all {
		gap := 18.
		if i == 0 {
			gap = margin
		}
		s.below(other, gap)
	}
	for i := range s.shapes {
		at := slices.Clone(s.shapes[i].at)
		for k := range at {
			at[k].x += margin
		}
		s.shapes[i].at = at
	}
	s.width += 2 * margin
	s.height += margin
	return s
}

// WritePNG writes the main chart as a picture of 1984 pixels width.
func (r *Report) WritePNG(w io.Writer) error {
	s, err := r.mainScene()
	if err != nil {
		return err
	}
	return r.fonts.writePNG(w, s)
}
