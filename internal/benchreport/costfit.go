package benchreport

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"coldstream/internal/cost"
	"coldstream/internal/measure"
)

// served is a variant as the cost model sees it.
type served struct {
	option cost.Option // without times
	title  string      // in a chart
	arches []string
	fits   []fitted // by memory
}

// fitted is the times of a variant, measured at one memory size.
type fitted struct {
	memory    float64     // MB, 0 if that is not known
	times     cost.Option // its times alone
	peak      float64     // bytes, the largest of all samples; the function's memory is not smaller
	deviation float64     // of the warm samples from the fit, at most; 0.1 is 10 %; NaN of two sizes, through which a line always goes
	cpus      int         // processors that it was measured on, 0 if that is not known
	blind     bool        // waits for an endpoint, nobody knows how long
}

// fullCPU is the memory in MB from which a function has one whole vCPU.
const fullCPU = 1769

// oneCPU are the settings of samples on one processor, as a function of up to
// 1769 MB has.
const oneCPU = "cpus=1"

// serve returns the variants that the cost model can be asked about, and why
// others are left out.
func (d *dataset) serve() (all []served, left []string) {
	var names []string
	for _, name := range d.variants {
		v := d.variant(name)
		switch {
		case v.Kind == "floor":
			continue
		case v.Kind == "":
			left = append(left, label(name)+" (its kind is not known)")
			continue
		case v.Kind != cost.Zip && v.Kind != cost.Container && v.Kind != cost.EC2:
			left = append(left, fmt.Sprintf("%s (of kind %s)", label(name), label(v.Kind)))
			continue
		}
		fits, why := d.fits(v)
		if why != "" {
			left = append(left, fmt.Sprintf("%s (%s)", label(name), why))
			continue
		}
		s := served{option: cost.Option{Name: label(name), Kind: v.Kind}, arches: []string{d.arch(v)}, fits: fits}
		if v.Kind == cost.Zip && d.run.Platform != measure.AWS {
			s.arches = []string{"arm64", "amd64"}
		}
		if v.Kind == cost.Container {
			s.option.StorageGB = float64(v.UploadBytes) / 1e9
		}
		all, names = append(all, s), append(names, name)
	}
	for i, name := range names {
		all[i].title = d.named(name, names)
	}
	return all, left
}

// fits returns a variant's times at each memory size it was measured at; on this
// machine those on one processor, if there are any. If there are none it says
// why.
func (d *dataset) fits(v measure.Variant) (all []fitted, why string) {
	var sizes []string
	for _, g := range d.groups {
		switch {
		case g.Case != measure.Cold:
		case g.Settings == oneCPU:
			if f, why := d.fit(v, g, d.events(oneCPU)); why == "" {
				f.cpus = 1
				return []fitted{f}, ""
			}
		case g.Settings == fmt.Sprintf("memory=%v", memoryOf(g.Settings)):
			sizes = append(sizes, g.Settings)
		}
	}
	for _, settings := range sizes { // ascending
		if f, why := d.fit(v, group{Case: measure.Cold, Settings: settings}, d.events(settings)); why == "" {
			all = append(all, f)
		}
	}
	if len(all) > 0 {
		return all, ""
	}
	f, why := d.fit(v, d.cold(), d.warm())
	f.cpus, _ = strconv.Atoi(d.run.Config["cores"])
	return []fitted{f}, why
}

// fit fits a variant's times to the samples of some groups, or says what is
// missing. Only the function's own work depends on its share of a vCPU: waiting
// for an endpoint does not, and of times whose parts are not known nothing is
// scaled.
func (d *dataset) fit(v measure.Variant, cold group, warm []group) (fitted, string) {
	f := fitted{memory: d.memory(v, cold), deviation: math.NaN(), blind: v.Kind == cost.EC2}
	var n, t, own, remote []float64
	f.peak = d.largest(cold, v.Name, measure.Peak)
	for _, g := range warm {
		s, r := d.summary(g, v.Name, measure.Time), d.summary(g, v.Name, measure.Remote)
		if s.N == 0 || !(s.P50 > 0) || g.Records == 0 {
			continue
		}
		f.peak = max(f.peak, d.largest(g, v.Name, measure.Peak))
		n, t = append(n, float64(g.Records)), append(t, s.P50)
		if r.N > 0 && r.P50 > 0 {
			own, remote = append(own, max(s.P50-r.P50, 1)), append(remote, r.P50)
		}
	}
	init := d.summary(cold, v.Name, measure.Init).P50
	switch {
	case math.IsNaN(init):
		return f, "no cold starts"
	case len(n) < 2:
		return f, "warm events of one size only"
	}
	if d.run.Platform == measure.AWS {
		init = min(init, initLimit) // what takes longer is broken off, and done again in the first invocation
	}
	f.blind = f.blind && len(remote) < len(n)
	share := d.cpuShare(v, cold)
	first := d.summary(cold, v.Name, measure.Invoke).P50
	o := &f.times
	o.Init = duration(init)
	var a, b, c, e float64 // t = a + b*n of its own, c + e*n of waiting
	switch {
	case v.Kind != cost.EC2:
		a, b = fitLine(n, t)
		o.PerEvent, o.PerRecord, o.FirstExtra = duration(a*share), duration(b*share), extra((first-a-b)*share)
	case f.blind:
		c, e = fitLine(n, t)
		o.EventWait, o.PerRecord, o.FirstWait = duration(c), duration(e), extra(first-c-e)
	default:
		a, b = fitLine(n, own)
		c, e = fitLine(n, remote)
		o.PerEvent, o.OwnPerRecord = duration(a*share), duration(b*share)
		o.EventWait, o.PerRecord = duration(c), duration(e)
		if waited := d.summary(cold, v.Name, measure.Remote).P50; waited > 0 {
			o.FirstExtra, o.FirstWait = extra((first-waited-a-b)*share), extra(waited-c-e)
		} else {
			o.FirstWait = extra(first - a - b - c - e)
		}
	}
	if len(n) > 2 {
		f.deviation = 0
		for i := range n {
			f.deviation = max(f.deviation, math.Abs((a+c+(b+e)*n[i])/t[i]-1))
		}
	}
	return f, ""
}

// initLimit is the time in ns after which Lambda breaks an init off.
const initLimit = 10e9

// extra is the time in ns that a first invocation takes more, if it does.
func extra(ns float64) time.Duration {
	if !(ns > 0) {
		return 0
	}
	return duration(ns)
}

// largest returns the largest of all samples, 0 if there are none.
func (d *dataset) largest(g group, variant, unit string) float64 {
	most := 0.
	for _, x := range d.values[cell{g, variant, unit}] {
		most = max(most, x)
	}
	return most
}

// fit returns the times measured at the memory size that is nearest by factor,
// of two the larger.
func (s *served) fit(mb int) *fitted {
	best, least := &s.fits[0], math.Inf(1)
	for i := range s.fits {
		if far := math.Abs(math.Log(float64(mb) / s.fits[i].memory)); far <= least {
			best, least = &s.fits[i], far
		}
	}
	return best
}

// at returns the option with a memory size.
func (s *served) at(mb int) cost.Option {
	o, t := s.option, s.fit(mb).times
	o.MemoryMB = mb
	o.Init, o.FirstExtra, o.PerEvent, o.PerRecord = t.Init, t.FirstExtra, t.PerEvent, t.PerRecord
	o.OwnPerRecord, o.EventWait, o.FirstWait = t.OwnPerRecord, t.EventWait, t.FirstWait
	return o
}

// arch is the architecture that a variant was measured on.
func (d *dataset) arch(v measure.Variant) string { return cmp.Or(d.knownArch(v), "amd64") }

// knownArch is it, "" if the run does not tell.
func (d *dataset) knownArch(v measure.Variant) string {
	for _, a := range []string{v.Arch, d.run.Config["goarch"], d.run.Config["arch"]} {
		switch a {
		case "arm64":
			return a
		case "amd64", "x86_64":
			return "amd64"
		}
	}
	return ""
}

// cpuShare is the part of a vCPU that a variant's handler had: 1 on this machine.
func (d *dataset) cpuShare(v measure.Variant, g group) float64 {
	if d.run.Platform != measure.AWS {
		return 1
	}
	if mb := d.memory(v, g); mb > 0 {
		return min(1, mb/fullCPU)
	}
	return 1
}

// memory is the function's memory in MB in a group, 0 if it is not known.
func (d *dataset) memory(v measure.Variant, g group) float64 {
	if mb := memoryOf(g.Settings); mb > 0 || d.run.Platform != measure.AWS {
		return mb
	}
	return megabytes(cmp.Or(v.Versions["memory"], d.run.Config["memory"]))
}

// duration is ns as a time.Duration; what is too long is the longest.
func duration(ns float64) time.Duration {
	if ns >= math.MaxInt64/2 {
		return math.MaxInt64 / 2
	}
	return time.Duration(ns)
}

// fitLine fits t = a + b*n with a, b >= 0 to times of events of n records. It
// minimises the sum of squared relative errors, since the times differ by orders
// of magnitude.
func fitLine(n, t []float64) (a, b float64) {
	// With u = 1/t and v = n/t: minimise the sum of (a*u + b*v - 1)^2.
	var uu, uv, vv, u1, v1 float64
	for i := range n {
		u, v := 1/t[i], n[i]/t[i]
		uu, uv, vv, u1, v1 = uu+u*u, uv+u*v, vv+v*v, u1+u, v1+v
	}
	det := uu*vv - uv*uv
	a, b = (u1*vv-v1*uv)/det, (v1*uu-u1*uv)/det
	switch {
	case !(a >= 0):
		a, b = 0, v1/vv
	case !(b >= 0):
		a, b = u1/uu, 0
	}
	return a, b
}

// basis says what the model's times rest on.
func (d *dataset) basis() []string {
	var all []string
	if d.run.Platform == measure.AWS {
		all = append(all, "Times were measured on AWS; handler times below one vCPU are scaled by memory/1769 MB, but for the time that a function waits for its endpoint. A memory size that was not measured has the times of the nearest that was.")
	} else {
		all = append(all, "Extrapolation: the times were measured on this machine, not on AWS, and are scaled to Lambda's share of a vCPU (memory/1769 MB in the handler, a whole one in init). Start of the sandbox, fetching of code or image and network are not in them.")
	}
	measured := map[string]bool{}
	for _, name := range d.variants {
		if v := d.variant(name); v.Kind == cost.Zip {
			measured[d.arch(v)] = true
		}
	}
	for _, arch := range []string{"arm64", "amd64"} {
		if d.run.Platform != measure.AWS && len(measured) > 0 && !measured[arch] {
			all = append(all, arch+" is taken to need the same time: it was not measured, only its price differs.")
		}
	}
	return all
}

// caveats says which options' times are not what the model takes them for.
func caveats(all []served) (notes []string) {
	var blind, several []string
	for _, s := range all {
		if s.fits[0].blind {
			blind = append(blind, s.option.Name)
		}
		if cpus := s.fits[0].cpus; cpus > 1 {
			several = append(several, fmt.Sprintf("%s (on %d processors)", s.option.Name, cpus))
		}
	}
	if len(several) > 0 {
		notes = append(notes, "Times measured on several processors are taken as those of one vCPU, which is too fast for programs that use more than one: "+strings.Join(several, ", ")+". bench local --one-cpu measures on one.")
	}
	if len(blind) > 0 {
		notes = append(notes, "How long it waits for its endpoint is not known, so nothing is scaled: "+strings.Join(blind, ", ")+".")
	}
	return notes
}

// memories returns the sizes at which a variant fits into the function's memory.
func (s *served) memories(sizes []int) []int {
	fitting := slices.Clone(sizes)
	slices.Sort(fitting)
	fitting = slices.Compact(fitting)
	fitting = slices.DeleteFunc(fitting, func(mb int) bool { return float64(mb)*(1<<20) < s.fit(mb).peak })
	if s.option.Kind == cost.EC2 && len(fitting) > 1 {
		return fitting[:1] // the function only waits: more memory costs more and does nothing
	}
	return fitting
}
