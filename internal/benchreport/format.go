package benchreport

import (
	"math"
	"strconv"
	"strings"

	"github.com/rivo/uniseg"

	"coldstream/internal/measure"
	"coldstream/internal/report"
)

// missing stands where there is no figure.
const missing = "-"

// scale is a unit for people and its size.
type scale struct {
	size float64
	name string
}

var (
	times  = []scale{{1, "ns"}, {1e3, "µs"}, {1e6, "ms"}, {1e9, "s"}}
	sizes  = []scale{{1, "B"}, {1e3, "kB"}, {1e6, "MB"}, {1e9, "GB"}, {1e12, "TB"}}
	plain  = []scale{{1, ""}}
	rates  = []scale{{1, "/s"}}
	titles = map[string]string{ // of the figures, as they are called everywhere
		measure.First: "first answer", measure.Init: "init", measure.Invoke: "first invocation", measure.Time: "time",
		measure.Peak: "peak memory", measure.Billed: "billed", measure.Client: "seen by the client", measure.Remote: "waiting for the endpoint",
		measure.Score: "scoring in the endpoint", measure.Net: "network and queue", measure.Rate: "records/s", measure.ModelInit: "model resident after init", measure.ModelFirst: "model resident after the first answer",
	}
)

// known reports whether the report has tables for figures of a unit.
func known(unit string) bool { return titles[unit] != "" }

func knownUnits() []string {
	return []string{measure.First, measure.Init, measure.Invoke, measure.Time, measure.Peak}
}

// figureTitle names a figure; one that is not known is called by its unit.
func figureTitle(unit string) string {
	if t := titles[unit]; t != "" {
		return t
	}
	return label(unit)
}

// scalesOf returns how figures of a unit are written.
func scalesOf(unit string) []scale {
	switch {
	case unit == "ns/op" || strings.HasSuffix(unit, "-ns/op") || unit == "ns":
		return times
	case strings.HasSuffix(unit, "-B") || unit == "B/op":
		return sizes
	case strings.HasSuffix(unit, "/s"):
		return rates
	}
	return plain
}

// human writes x with three significant digits in the largest of the units that
// it has at least one of.
func human(x float64, in []scale) string {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return missing
	}
	x = round(x)
	u := unitOf(x, in)
	return u.after(digits(x / u.size))
}

// dollar is a unit that stands before the number.
const dollar = "$"

// after puts the unit behind a number.
func (u scale) after(number string) string {
	if u.name == dollar {
		return dollar + number
	}
	return strings.TrimSpace(number + " " + u.name)
}

func unitOf(x float64, in []scale) scale {
	u := in[0]
	for _, s := range in {
		if math.Abs(x) >= s.size {
			u = s
		}
	}
	return u
}

// round rounds to three significant digits.
func round(x float64) float64 {
	y, err := strconv.ParseFloat(strconv.FormatFloat(x, 'e', 2, 64), 64)
	if err != nil {
		return x // close to the largest float64
	}
	return y
}

// digits writes x with three significant digits, and all those before the
// decimal point up to a million.
func digits(x float64) string {
	switch a := math.Abs(x); {
	case a == 0:
		return "0"
	case a >= 1e6 || a < 1e-3:
		return strconv.FormatFloat(x, 'g', 3, 64)
	case a >= 999.5:
		return report.Thousands(int(math.Round(x)))
	case a >= 99.95:
		return strconv.FormatFloat(x, 'f', 0, 64)
	case a >= 9.995:
		return strconv.FormatFloat(x, 'f', 1, 64)
	case a >= .9995:
		return strconv.FormatFloat(x, 'f', 2, 64)
	}
	return strconv.FormatFloat(x, 'g', 3, 64)
}

// leastForInterval is the number of rounds below which even the least and the
// largest enclose the median with less than 95 % confidence: 1 - 2*0.5^n.
const leastForInterval = 6

// interval writes a confidence interval: "3.21 to 3.60 ms".
func interval(s summary, in []scale) string {
	if len(s.rounds) < leastForInterval {
		return missing
	}
	low, high := human(s.Low, in), human(s.High, in)
	a, unitA, _ := strings.Cut(low, " ")
	_, unitB, _ := strings.Cut(high, " ")
	if unitA == unitB {
		low = a
	}
	return low + " to " + high
}

// factor writes a ratio: "1.25x".
func factor(x float64) string {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return missing
	}
	return digits(round(x)) + "x"
}

// bytesOf writes a size that is known, else a dash.
func bytesOf(n int64) string {
	if n <= 0 {
		return missing
	}
	return human(float64(n), sizes)
}

// count writes a number of things: "1 record", "2,000 records".
func count(n int, thing string) string { return report.Count(n, thing) }

// labelWidth is the width of the longest name that a table or a chart shows.
const labelWidth = 28

// label makes a name from a file fit to be shown anywhere: one line, nothing
// that steers a terminal, not longer than a column is wide.
func label(s string) string { return clip(printable(s), labelWidth) }

func labels(names []string) []string {
	var all []string
	for _, n := range names {
		all = append(all, label(n))
	}
	return all
}

// printable makes s one line without anything that steers a terminal.
func printable(s string) string { return report.Printable(strings.Join(strings.Fields(s), " ")) }

// clip cuts s to a number of columns.
func clip(s string, columns int) string {
	if uniseg.StringWidth(s) <= columns {
		return s
	}
	var b strings.Builder
	width := 0
	for g := uniseg.NewGraphemes(s); g.Next(); {
		if width += g.Width(); width >= columns {
			break
		}
		b.WriteString(g.Str())
	}
	return b.String() + "…"
}
