package measure

import (
	"math"
	"math/rand/v2"
	"slices"

	"golang.org/x/perf/benchmath"
)

// leastForP99 is the number of samples below which a 99th percentile would be
// the largest one or a guess.
const leastForP99 = 100

// A Summary describes samples of one figure.
type Summary struct {
	N             int
	Min, P50, P90 float64
	P99           float64 // NaN with fewer than 100 samples
	Low, High     float64 // 95 % confidence interval of P50, by bootstrap; of fewer than 6 samples it means little
}

// SummarizeRounds is Summarize of xs with the interval of P50 from the medians
// of its rounds: events of one process are alike and count as one there.
func SummarizeRounds(xs, byRound []float64) Summary {
	s := Summarize(xs)
	if len(byRound) < len(xs) && len(byRound) > 0 {
		s.Low, s.High = bootstrap(slices.Sorted(slices.Values(byRound)))
	}
	return s
}

// Summarize returns the summary of xs; all of it is NaN if there are none.
func Summarize(xs []float64) Summary {
	nan := math.NaN()
	if len(xs) == 0 {
		return Summary{Min: nan, P50: nan, P90: nan, P99: nan, Low: nan, High: nan}
	}
	xs = slices.Sorted(slices.Values(xs))
	s := Summary{N: len(xs), Min: xs[0], P50: Quantile(xs, .5), P90: Quantile(xs, .9), P99: nan}
	if len(xs) >= leastForP99 {
		s.P99 = Quantile(xs, .99)
	}
	s.Low, s.High = bootstrap(xs)
	return s
}

// Quantile returns the q-quantile of sorted xs, interpolated between
// neighbours (Hyndman and Fan's type 7).
func Quantile(xs []float64, q float64) float64 {
	at := q * float64(len(xs)-1)
	i := int(at)
	if i+1 >= len(xs) {
		return xs[len(xs)-1]
	}
	return xs[i] + (at-float64(i))*(xs[i+1]-xs[i])
}

// resamples are enough for the second digit of an interval's ends. Of many
// samples, whose intervals are narrow, fewer are drawn: at most drawn in all.
const (
	resamples, leastResamples = 2000, 100
	drawn                     = 2_000_000
)

// bootstrap returns the 2.5th and the 97.5th percentile of the medians of
// samples drawn from xs, the same for the same xs.
func bootstrap(xs []float64) (low, high float64) {
	rng := rand.New(rand.NewPCG(1, uint64(len(xs))))
	medians := make([]float64, min(max(drawn/len(xs), leastResamples), resamples))
	sample := make([]float64, len(xs))
	for i := range medians {
		for k := range sample {
			sample[k] = xs[rng.IntN(len(xs))]
		}
		slices.Sort(sample)
		medians[i] = Quantile(sample, .5)
	}
	slices.Sort(medians)
	return Quantile(medians, .025), Quantile(medians, .975)
}

// A Difference compares two sets of samples of one figure.
type Difference struct {
	Ratio float64 // median of the second by the median of the first
	P     float64 // of the Mann-Whitney U-test: how likely chance alone differs as much
	Alpha float64 // P below it is called significant
}

// Significant reports whether chance is an unlikely cause.
func (d Difference) Significant() bool { return d.P < d.Alpha }

// Compare compares two sets of samples, neither of them empty.
func Compare(before, after []float64) Difference {
	t := benchmath.DefaultThresholds
	a, b := benchmath.NewSample(slices.Clone(before), &t), benchmath.NewSample(slices.Clone(after), &t)
	c := benchmath.AssumeNothing.Compare(a, b)
	return Difference{
		Ratio: Quantile(slices.Sorted(slices.Values(after)), .5) / Quantile(slices.Sorted(slices.Values(before)), .5),
		P:     c.P, Alpha: c.Alpha,
	}
}
