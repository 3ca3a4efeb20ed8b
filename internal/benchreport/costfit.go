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
	variant   measure.Variant
	option    cost.Option
	arches    []string
	peak      float64 // bytes; the function's memory is not smaller
	deviation float64 // of the warm samples from the fit, at most; 0.1 is 10 %
}

// fullCPU is the memory in MB from which a function has one whole vCPU.
const fullCPU = 1769

// serve returns the variants that the cost model can be asked about, and why
// others are left out.
func (d *dataset) serve() (all []served, left []string) {
	cold, warm := d.cold(), d.warm()
	for _, name := range d.variants {
		v := d.variant(name)
		var n, t []float64
		for _, g := range warm {
			if s := d.summary(g, name, measure.Time); s.N > 0 && s.P50 > 0 && g.Records > 0 {
				n, t = append(n, float64(g.Records)), append(t, s.P50*d.cpuShare(v, g))
			}
		}
		init := d.summary(cold, name, measure.Init)
		switch {
		case v.Kind == "floor":
			continue
		case v.Kind == "":
			left = append(left, label(name)+" (its kind is not known)")
			continue
		case v.Kind != cost.Zip && v.Kind != cost.Container && v.Kind != cost.EC2:
			left = append(left, fmt.Sprintf("%s (of kind %s)", label(name), label(v.Kind)))
			continue
		case init.N == 0:
			left = append(left, label(name)+" (no cold starts)")
			continue
		case len(n) < 2:
			left = append(left, label(name)+" (warm events of one size only)")
			continue
		}
		s := served{variant: v}
		perEvent, perRecord, deviation := fitLine(n, t)
		s.deviation = deviation
		if peak := d.summary(cold, name, measure.Peak); peak.N > 0 {
			s.peak = peak.P50
		}
		extra := 0.
		if invoke := d.summary(cold, name, measure.Invoke); invoke.N > 0 {
			extra = max(0, invoke.P50*d.cpuShare(v, cold)-perEvent-perRecord)
		}
		s.arches = []string{d.arch(v)}
		if v.Kind == cost.Zip && d.run.Platform != measure.AWS {
			s.arches = []string{"arm64", "amd64"}
		}
		s.option = cost.Option{Name: label(name), Kind: v.Kind, Init: duration(init.P50), FirstExtra: duration(extra),
			PerEvent: duration(perEvent), PerRecord: duration(perRecord)}
		if v.Kind == cost.Container {
			s.option.StorageGB = float64(v.UploadBytes) / 1e9
		}
		all = append(all, s)
	}
	return all, left
}

// arch is the architecture that a variant was measured on.
func (d *dataset) arch(v measure.Variant) string {
	for _, a := range []string{v.Arch, d.run.Config["goarch"], d.run.Config["arch"]} {
		switch a {
		case "arm64":
			return a
		case "amd64", "x86_64":
			return "amd64"
		}
	}
	return "amd64"
}

// cpuShare is the part of a vCPU that a variant's handler had: 1 on this machine.
func (d *dataset) cpuShare(v measure.Variant, g group) float64 {
	if d.run.Platform != measure.AWS {
		return 1
	}
	memory := cmp.Or(v.Versions["memory"], d.run.Config["memory"])
	for _, s := range strings.Fields(g.Settings) {
		if value, ok := strings.CutPrefix(s, "memory="); ok {
			memory = value
		}
	}
	digits, _, _ := strings.Cut(memory, " ")
	mb, err := strconv.ParseFloat(digits, 64)
	if err != nil || !(mb > 0) {
		return 1
	}
	return min(1, mb/fullCPU)
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
// of magnitude, and returns the largest of these errors too.
func fitLine(n, t []float64) (a, b, deviation float64) {
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
	for i := range n {
		deviation = max(deviation, math.Abs((a+b*n[i])/t[i]-1))
	}
	return a, b, deviation
}

// basis says what the model's times rest on.
func (d *dataset) basis() []string {
	var all []string
	if d.run.Platform == measure.AWS {
		all = append(all, "Times were measured on AWS; handler times below one vCPU are scaled by memory/1769 MB.")
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

// memories returns the sizes at which a variant fits into the function's memory.
func (s *served) memories(sizes []int) []int {
	fitting := slices.Clone(sizes)
	slices.Sort(fitting)
	fitting = slices.Compact(fitting)
	fitting = slices.DeleteFunc(fitting, func(mb int) bool { return float64(mb)*(1<<20) < s.peak })
	if s.option.Kind == cost.EC2 && len(fitting) > 1 {
		return fitting[:1] // the function only waits: more memory costs more and does nothing
	}
	return fitting
}
