// Package measure is what a benchmark recorded: a Run with its Variants and
// Samples. Read reads a run from JSON lines or from the text of `go test
// -bench`, Write writes JSON lines, WriteGo the benchmark format that benchstat
// reads; Summarize and Compare are its statistics.
package measure

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Platforms of a run.
const (
	Local = "local" // processes on one machine: no figures of AWS
	AWS   = "aws"
)

// Cases: what a sample measured.
const (
	Cold   = "cold"   // a start with the first event
	Warm   = "warm"   // a later event
	Server = "server" // the start of an endpoint
)

// Units of the values, as in the Go benchmark format. Times are nanoseconds.
const (
	Time   = "ns/op"        // warm: one event, from its hand-over to its answer; aws: Duration
	Init   = "init-ns/op"   // local: from exec to the first request for an event; aws: Init Duration
	First  = "first-ns/op"  // from exec to the first answer: init and first invocation; aws: their sum
	Invoke = "invoke-ns/op" // the first invocation alone
	Peak   = "peak-B"       // largest resident set so far; aws: Max Memory Used
	Billed = "billed-ns/op" // aws: Billed Duration
	Client = "client-ns/op" // aws: wall time of the call
	Remote = "remote-ns/op" // waiting for an endpoint, within the event
	Score  = "score-ns/op"  // the endpoint's scoring, within Remote
	Net    = "net-ns/op"    // Remote without Score, where requests go one after the other: network, HTTP, waiting in a queue
	Rate   = "records/s"    // records of the event by its time

	ModelInit  = "model-init-B"  // of the mapped model resident at the end of init
	ModelFirst = "model-first-B" // and after the first answer
)

// A Run is one run of a benchmark.
type Run struct {
	Platform string            `json:"platform"`
	Date     time.Time         `json:"date"`
	Command  string            `json:"command"`          // that repeats it
	Config   map[string]string `json:"config,omitempty"` // goos, goarch, cpu, cores, region, ...
	Notes    []string          `json:"notes,omitempty"`  // what to know of the figures: "interrupted", ...

	Variants []Variant `json:"-"`
	Samples  []Sample  `json:"-"`
}

// A Variant is one program that was measured, or the reason why it was not.
type Variant struct {
	Name        string            `json:"name"`
	Title       string            `json:"title,omitempty"`
	Kind        string            `json:"kind,omitempty"`  // zip, container, ec2, floor (a function without a model)
	Model       string            `json:"model,omitempty"` // default or origin
	Arch        string            `json:"arch,omitempty"`
	UploadBytes int64             `json:"upload_bytes,omitempty"`
	UploadNote  string            `json:"upload_note,omitempty"`
	DiskBytes   int64             `json:"disk_bytes,omitempty"` // unpacked
	Versions    map[string]string `json:"versions,omitempty"`
	Skipped     string            `json:"skipped,omitempty"` // why it was not run, and the command that enables it
}

// A Sample is one measurement, or one that failed.
type Sample struct {
	Variant  string             `json:"variant"`
	Case     string             `json:"case"`
	Records  int                `json:"records,omitempty"`  // in the event
	Settings map[string]string  `json:"settings,omitempty"` // what differs from the usual: cache=dropped, cpu=0.29, memory=512
	Round    int                `json:"round,omitempty"`    // from 1; samples of one round belong together
	Values   map[string]float64 `json:"values,omitempty"`   // by unit

	Error  string `json:"error,omitempty"`  // why there are no values
	Output string `json:"output,omitempty"` // what the program printed last
}

// Name is the name of the sample's benchmark: Cold/variant=zip,
// Warm/variant=zip/records=500, Cold/variant=zip/cache=dropped.
func (s *Sample) Name() string {
	var b strings.Builder
	first, n := utf8.DecodeRuneInString(s.Case)
	b.WriteRune(unicode.ToUpper(first))
	b.WriteString(s.Case[n:])
	b.WriteString("/variant=" + s.Variant)
	if s.Case == Warm {
		b.WriteString("/records=" + strconv.Itoa(s.Records))
	}
	for _, k := range slices.Sorted(maps.Keys(s.Settings)) {
		b.WriteString("/" + k + "=" + s.Settings[k])
	}
	return b.String()
}

// Variant returns the variant of a name, or nil.
func (r *Run) Variant(name string) *Variant {
	for i := range r.Variants {
		if r.Variants[i].Name == name {
			return &r.Variants[i]
		}
	}
	return nil
}

// Values returns what the samples of a benchmark, called name, have for a unit,
// in the order they were taken.
func (r *Run) Values(name, unit string) []float64 {
	var xs []float64
	for i := range r.Samples {
		if x, ok := r.Samples[i].Values[unit]; ok && r.Samples[i].Name() == name {
			xs = append(xs, x)
		}
	}
	return xs
}

// ByRound returns the median of each round of what Values returns: the events of
// one process are alike, so rounds are what comparisons have to count.
func (r *Run) ByRound(name, unit string) []float64 {
	var medians []float64
	var xs []float64
	last := 0
	flush := func() {
		if len(xs) > 0 {
			slices.Sort(xs)
			medians = append(medians, Quantile(xs, .5))
			xs = xs[:0]
		}
	}
	for i := range r.Samples {
		s := &r.Samples[i]
		x, ok := s.Values[unit]
		if !ok || s.Name() != name {
			continue
		}
		if s.Round != last || s.Round == 0 {
			flush()
		}
		last, xs = s.Round, append(xs, x)
	}
	flush()
	return medians
}

// Names returns the names of all benchmarks in the order of their first sample.
func (r *Run) Names() []string {
	var names []string
	seen := map[string]bool{}
	for i := range r.Samples {
		if n := r.Samples[i].Name(); !seen[n] {
			seen[n] = true
			names = append(names, n)
		}
	}
	return names
}

// Failures returns the samples that failed.
func (r *Run) Failures() []Sample {
	var f []Sample
	for _, s := range r.Samples {
		if s.Error != "" {
			f = append(f, s)
		}
	}
	return f
}
