package benchreport

import (
	"fmt"
	"math"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"coldstream/internal/cost"
	"coldstream/internal/report"
)

// Cost says what the cost model is asked. The times come from the run.
type Cost struct {
	Prices         cost.Prices
	PricesNote     string // what to know of them, "" if nothing
	PostsPerSecond []float64
	MemoryMB       []int
	Load           cost.Load // but for the rate

	// The instances of the ec2 variants.
	Instance     string
	Instances    int
	Workers      int
	LoadBalancer bool
	VolumeGB     float64
}

// maxEstimates bounds what one report computes.
const maxEstimates = 1000

// costs are the answers of the cost model.
type costs struct {
	in     *Cost
	source string // name of the run
	basis  []string
	left   []string // why variants are left out
	served []served
	all    []estimated
}

// estimated is an answer, or why there is none.
type estimated struct {
	rate   float64
	option cost.Option
	cost.Estimate
	err error
}

// estimate asks the cost model about every variant of the run, memory size,
// architecture and rate.
func estimate(d *dataset, in *Cost) (*costs, error) {
	c := &costs{in: in, source: d.name, basis: d.basis()}
	if in.PricesNote != "" {
		c.basis = append(c.basis, printable(in.PricesNote))
	}
	c.served, c.left = d.serve()
	c.basis = append(c.basis, caveats(c.served)...)
	for i := range c.served {
		s := &c.served[i]
		if s.option.Kind == cost.EC2 {
			s.option.Instance, s.option.Instances, s.option.Workers = in.Instance, in.Instances, in.Workers
			s.option.LoadBalancer, s.option.StorageGB = in.LoadBalancer, in.VolumeGB
		}
		memories := s.memories(in.MemoryMB)
		if len(memories) == 0 {
			c.left = append(c.left, fmt.Sprintf("%s (needs %s, more than every memory size asked for)", s.option.Name, human(s.fits[0].peak, sizes)))
		}
		for _, rate := range in.PostsPerSecond {
			for _, mb := range memories {
				o := s.at(mb)
				o.Arch = s.arches[0]
				c.all = append(c.all, estimated{rate: rate, option: o})
			}
		}
	}
	if len(c.all) > maxEstimates {
		return nil, fmt.Errorf("the cost model is asked for %s, at most %d fit a report; name fewer rates or memory sizes", count(len(c.all), "estimate"), maxEstimates)
	}
	c.compute(0)
	if slices.ContainsFunc(c.all, func(e estimated) bool { return e.err == nil }) {
		c.otherArchitectures()
		return c, nil
	}
	if len(c.all) > 0 {
		return nil, fmt.Errorf("cost of %s at %v posts/s: %w", c.all[0].option.Name, c.all[0].rate, c.all[0].err)
	}
	return c, nil
}

// otherArchitectures adds estimates of the options chosen so far for their other
// architectures: those differ in price alone, so that the choice would be the
// same.
func (c *costs) otherArchitectures() {
	done := len(c.all)
	for _, rate := range c.in.PostsPerSecond {
		for _, e := range c.best(rate) {
			i := slices.IndexFunc(c.served, func(s served) bool { return s.option.Name == e.option.Name })
			for _, arch := range c.served[i].arches[1:] {
				e.option.Arch = arch
				c.all = append(c.all, estimated{rate: rate, option: e.option})
			}
		}
	}
	c.compute(done)
}

// compute fills in the estimates from one on, on all processors.
func (c *costs) compute(from int) {
	next := make(chan int)
	var wait sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wait.Go(func() {
			for i := range next {
				e := &c.all[i]
				load := c.in.Load
				load.PostsPerSecond = e.rate
				e.Estimate, e.err = cost.Model(load, e.option, c.in.Prices)
			}
		})
	}
	for i := from; i < len(c.all); i++ {
		next <- i
	}
	close(next)
	wait.Wait()
}

// best returns, for one rate, each option with the memory size and architecture
// that cost least of those that keep up with the load, or else of all.
func (c *costs) best(rate float64) (all []estimated) {
	at := map[string]int{}
	for _, e := range c.all {
		if e.rate != rate || e.err != nil {
			continue
		}
		i, seen := at[e.option.Name]
		switch {
		case !seen:
			at[e.option.Name] = len(all)
			all = append(all, e)
		case e.keepsUp() != all[i].keepsUp():
			if e.keepsUp() {
				all[i] = e
			}
		case e.DollarsPerMonth < all[i].DollarsPerMonth:
			all[i] = e
		}
	}
	return all
}

// dollars is what an option costs on an architecture, NaN if that was not asked.
func (c *costs) dollars(e *estimated, arch string) float64 {
	for _, other := range c.all {
		if o := other.option; other.rate == e.rate && other.err == nil && o.Name == e.option.Name && o.MemoryMB == e.option.MemoryMB && o.Arch == arch {
			return other.DollarsPerMonth
		}
	}
	return math.NaN()
}

// keepsUp reports whether no call is later than Firehose waits and no work is
// left over.
func (e *estimated) keepsUp() bool { return e.Late == 0 && e.Utilisation <= 1 }

// name of an option in a table.
func (e *estimated) name() string { return e.option.Name + " " + e.option.Arch }

// tables returns the compact tables, one for each rate.
func (c *costs) tables() (all []table) {
	for _, rate := range c.in.PostsPerSecond {
		if best := c.best(rate); len(best) > 0 {
			all = append(all, c.table(rateTitle(rate), best))
		}
	}
	return all
}

// rateTitle names a rate.
func rateTitle(rate float64) string {
	s := strconv.FormatFloat(rate, 'g', -1, 64)
	if rate == math.Trunc(rate) && rate < 1e12 {
		s = report.Thousands(int(rate))
	}
	if s == "1" {
		return "1 post/s"
	}
	return s + " posts/s"
}

// table has a row for each estimate. How the stream is cut into calls is the
// same for all options.
func (c *costs) table(title string, all []estimated) table {
	t := table{Title: title, Note: fmt.Sprintf("%s calls/s of %s records", human(all[0].CallsPerSecond, plain), human(all[0].RecordsPerCall, plain)),
		Head: []string{"option", "MB", "busy", "cold", "p50", "p99", "late", "$ arm64", "$ amd64"}}
	for _, e := range all {
		t.Rows = append(t.Rows, append(e.row(e.option.Name), e.money(c.dollars(&e, "arm64")), e.money(c.dollars(&e, "amd64"))))
	}
	t.dropEmpty()
	return t
}

// full has every estimate at one rate.
func (c *costs) full(rate float64) table {
	t := table{Title: rateTitle(rate) + ", every memory size", Head: []string{"option", "MB", "busy", "cold", "p50", "p99", "late", "$ a month"}}
	for _, e := range c.all {
		if e.rate != rate || e.err != nil {
			continue
		}
		t.Rows = append(t.Rows, append(e.row(e.name()), e.money(e.DollarsPerMonth)))
	}
	return t
}

// row has what the tables say of an estimate but for its price.
func (e *estimated) row(name string) []string {
	return []string{name, strconv.Itoa(e.option.MemoryMB), strconv.FormatFloat(math.Ceil(e.Environments), 'f', 0, 64), percent(e.ColdShare),
		human(float64(e.P50), times), human(float64(e.P99), times), percent(e.Late)}
}

// money writes dollars, marked if the option does not keep up for them.
func (e *estimated) money(dollars float64) string {
	s := money(dollars)
	if !e.keepsUp() && s != missing {
		s += "!"
	}
	return s
}

// warnings lists what the model warns of, each once, with whom it is about.
func (c *costs) warnings() (all []entry) {
	at := map[string]int{}
	for _, rate := range c.in.PostsPerSecond {
		for _, e := range c.best(rate) {
			for _, w := range e.Warnings {
				who := fmt.Sprintf("%s, %s", e.name(), rateTitle(rate))
				i, seen := at[w]
				if !seen {
					at[w] = len(all)
					all = append(all, entry{who, []string{printable(w)}})
				} else if strings.Count(all[i].Name, ";") < 3 {
					all[i].Name += "; " + who
				}
			}
		}
	}
	for _, e := range c.all {
		if e.err != nil {
			all = append(all, entry{e.name() + ", " + rateTitle(e.rate), []string{printable(e.err.Error())}})
		}
	}
	return all[:min(len(all), maxWarnings)]
}

// maxWarnings bounds the warnings that are listed.
const maxWarnings = 30

// measured has what the model was fed with.
func (c *costs) measured() table {
	t := table{Title: "Times that the model starts from", Note: "an event of n records takes per event + n x per record, fitted through the medians of the warm events",
		Head: []string{"option", "measured on", "kind", "init", "first call more", "per event", "per record", "of it waiting", "fit off by", "most memory"}}
	for _, s := range c.served {
		for _, f := range s.fits {
			o, on, waiting := f.times, missing, missing
			switch {
			case f.cpus > 0:
				on = count(f.cpus, "processor")
			case f.memory > 0:
				on = digits(f.memory) + " MB"
			}
			if s.option.Kind == cost.EC2 && !f.blind {
				waiting = human(float64(o.PerRecord), times)
			}
			t.Rows = append(t.Rows, []string{s.option.Name, on, s.option.Kind, human(float64(o.Init), times), human(float64(o.FirstExtra+o.FirstWait), times),
				human(float64(o.PerEvent+o.EventWait), times), human(float64(o.PerRecord+o.OwnPerRecord), times), waiting, percent(f.deviation), bytesOf(int64(f.peak))})
		}
	}
	t.dropEmpty()
	return t
}

// inputs lists what the model was asked, and the prices.
func (c *costs) inputs() []entry {
	l, p := c.in.Load, c.in.Prices
	load := []string{fmt.Sprintf("burst %v (peak by mean rate)", l.Burst), fmt.Sprintf("posts of %d bytes", l.PostBytes),
		fmt.Sprintf("buffer of %s or %s", human(float64(l.BufferBytes), sizes), span(l.BufferInterval)), count(l.Shards, "shard"),
		fmt.Sprintf("idle environments live for %s, any for %s (assumptions: AWS does not publish them)", span(l.IdleLifetime), span(l.Lifetime))}
	if l.Burst > 1 {
		load[0] += " of " + span(l.BurstLength)
	}
	all := []entry{{"load", load}, {"prices", []string{fmt.Sprintf("%s, %s, %s", printable(p.Region), printable(p.Date), printable(p.Source)), "free tier and taxes left out", fmt.Sprintf("a month has %d hours", cost.HoursPerMonth)}}}
	if slices.ContainsFunc(c.served, func(s served) bool { return s.option.Kind == cost.EC2 }) {
		all = append(all, entry{"ec2", []string{fmt.Sprintf("%d x %s around the clock", max(1, c.in.Instances), printable(c.in.Instance)), fmt.Sprintf("%v GB volume each", c.in.VolumeGB), count(max(1, c.in.Workers), "worker") + " each"}})
	}
	if len(c.left) > 0 {
		all = append(all, entry{"left out", c.left})
	}
	return all
}

// estimatesNote explains the tables.
const estimatesNote = "Dollars a month, each option with the memory size that costs least while it keeps up with the stream. p50 and p99 are what Firehose waits for a call, cold ones included; busy is the largest number of environments at once, cold the share of calls that wait for a new one, late those over Firehose's five minutes; ! does not keep up."

// span writes a duration without what is zero.
func span(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// money writes dollars a month.
func money(x float64) string {
	switch {
	case math.IsNaN(x) || math.IsInf(x, 0):
		return missing
	case x < 99.995:
		return strconv.FormatFloat(x, 'f', 2, 64)
	}
	return digits(math.Round(x))
}

// percent writes a share.
func percent(x float64) string {
	switch {
	case math.IsNaN(x) || math.IsInf(x, 0):
		return missing
	case x == 0:
		return "0 %"
	case x < .0001:
		return "<0.01 %"
	case x >= .0995:
		return strconv.FormatFloat(100*x, 'f', 0, 64) + " %"
	}
	return strconv.FormatFloat(100*x, 'g', 2, 64) + " %"
}

// cost writes the cost model's answers.
func (t *textWriter) cost(c *costs) {
	t.heading("Cost and latency behind Firehose, from the times of " + c.source)
	for _, b := range c.basis {
		t.wrapped("", b)
	}
	for _, e := range c.inputs() {
		t.wrapped(fmt.Sprintf("%-8s  ", e.Name), strings.Join(e.Lines, "; "))
	}
	if len(c.all) == 0 {
		return
	}
	t.table(c.measured())
	t.line("")
	t.wrapped("", estimatesNote)
	for _, tb := range c.tables() {
		t.table(tb)
	}
	if warnings := c.warnings(); len(warnings) > 0 {
		t.line("")
		t.line("Warnings")
		t.entries(warnings)
	}
}
