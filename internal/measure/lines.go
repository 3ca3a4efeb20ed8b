package measure

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/perf/benchfmt"
)

// maxLine bounds a line of a file that is read.
const maxLine = 1 << 20

// line is one line of a run's file: exactly one of its members is there.
type line struct {
	Run     *Run     `json:"run,omitempty"`
	Variant *Variant `json:"variant,omitempty"`
	Sample  *Sample  `json:"sample,omitempty"`
}

// A Writer writes a run as it goes on, so that one that is broken off is worth
// something.
type Writer struct{ w io.Writer }

// NewWriter writes what is known of the run before it begins.
func NewWriter(w io.Writer, r *Run) (*Writer, error) {
	out := &Writer{w}
	return out, out.write(line{Run: r})
}

// Variant writes what is known of a variant; written again it replaces what was
// said before.
func (w *Writer) Variant(v Variant) error { return w.write(line{Variant: &v}) }

// Sample writes a sample.
func (w *Writer) Sample(s Sample) error { return w.write(line{Sample: &s}) }

func (w *Writer) write(l line) error {
	b, err := json.Marshal(l)
	if err != nil {
		return err
	}
	_, err = w.w.Write(append(b, '\n'))
	return err
}

// Write writes a whole run as JSON lines.
func Write(w io.Writer, r *Run) error {
	out, err := NewWriter(w, r)
	for i := 0; i < len(r.Variants) && err == nil; i++ {
		err = out.Variant(r.Variants[i])
	}
	for i := 0; i < len(r.Samples) && err == nil; i++ {
		err = out.Sample(r.Samples[i])
	}
	return err
}

// WriteGo writes the run in the Go benchmark format, one line for each sample
// that did not fail.
func WriteGo(w io.Writer, r *Run) error {
	b := bufio.NewWriter(w)
	if r.Command != "" {
		fmt.Fprintf(b, "# %s\n", oneLine(r.Command))
	}
	fmt.Fprintf(b, "platform: %s\n", r.Platform)
	for _, k := range slices.Sorted(maps.Keys(r.Config)) {
		fmt.Fprintf(b, "%s: %s\n", k, oneLine(r.Config[k]))
	}
	for i := range r.Samples {
		s := &r.Samples[i]
		if len(s.Values) == 0 {
			continue
		}
		fmt.Fprintf(b, "Benchmark%s%s 1", s.Name(), r.procs())
		for _, unit := range slices.Sorted(maps.Keys(s.Values)) {
			fmt.Fprintf(b, " %s %s", strconv.FormatFloat(s.Values[unit], 'f', -1, 64), unit)
		}
		b.WriteByte('\n')
	}
	return b.Flush()
}

// procs is the suffix that go test gives the names of benchmarks. Without one the
// end of a name such as zip-512 would be taken for it.
func (r *Run) procs() string { return "-" + cmp.Or(r.Config["gomaxprocs"], "1") }

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// Read reads a run from JSON lines or from the Go benchmark format; name is for
// error messages.
func Read(in io.Reader, name string) (*Run, error) {
	b := bufio.NewReader(in)
	for {
		c, err := b.Peek(1)
		if errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("%s is empty: expected the results of a benchmark", name)
		}
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		if c[0] != '\n' && c[0] != ' ' && c[0] != '\r' {
			if c[0] == '{' {
				return readLines(b, name)
			}
			return readGo(b, name)
		}
		b.Discard(1)
	}
}

func readLines(in io.Reader, name string) (*Run, error) {
	var run *Run
	s := bufio.NewScanner(in)
	s.Buffer(nil, maxLine)
	n := 0
	for s.Scan() {
		n++
		text := bytes.TrimSpace(s.Bytes())
		if len(text) == 0 {
			continue
		}
		var l line
		if err := json.Unmarshal(text, &l); err != nil {
			if run != nil && !s.Scan() && s.Err() == nil { // the writer was killed in the middle of it
				run.Notes = append(run.Notes, "the file's last line is cut off")
				return run, nil
			}
			return nil, fmt.Errorf("%s, line %d: %w", name, n, err)
		}
		switch {
		case l.Run != nil && run == nil:
			run = l.Run
		case l.Run != nil:
			return nil, fmt.Errorf("%s, line %d: a second run begins; give each run a file of its own", name, n)
		case run == nil:
			return nil, fmt.Errorf("%s, line %d: not the first line of a benchmark's results", name, n)
		case l.Variant != nil:
			if v := run.Variant(l.Variant.Name); v != nil {
				*v = *l.Variant
			} else {
				run.Variants = append(run.Variants, *l.Variant)
			}
		case l.Sample != nil:
			if err := l.Sample.check(); err != nil {
				return nil, fmt.Errorf("%s, line %d: %w", name, n, err)
			}
			run.Samples = append(run.Samples, *l.Sample)
		default:
			return nil, fmt.Errorf("%s, line %d: neither a run nor a variant nor a sample", name, n)
		}
	}
	if err := s.Err(); err != nil {
		return nil, fmt.Errorf("%s, line %d: %w", name, n+1, err)
	}
	if run == nil {
		return nil, fmt.Errorf("%s holds no benchmark results", name)
	}
	return run, nil
}

func (s *Sample) check() error {
	if s.Variant == "" || s.Case == "" {
		return errors.New("a sample without a variant or a case")
	}
	for unit, x := range s.Values {
		if math.IsInf(x, 0) || math.IsNaN(x) || x < 0 {
			return fmt.Errorf("%s is %v", unit, x)
		}
	}
	return nil
}

// readGo reads benchmarks whose names have a variant; others are passed over.
func readGo(in io.Reader, name string) (*Run, error) {
	run := &Run{Platform: Local, Config: map[string]string{}}
	r := benchfmt.NewReader(in, name)
	for r.Scan() {
		res, ok := r.Result().(*benchfmt.Result)
		if !ok {
			continue // units, and lines of other programs
		}
		s, procs := sampleOf(res)
		if s == nil {
			continue
		}
		for _, c := range res.Config {
			switch {
			case c.Key == "platform":
				run.Platform = string(c.Value)
			case c.File:
				run.Config[c.Key] = string(c.Value)
			}
		}
		if procs != "" && procs != "1" {
			run.Config["gomaxprocs"] = procs
		}
		if err := s.check(); err != nil {
			return nil, fmt.Errorf("%s: Benchmark%s: %w", name, s.Name(), err)
		}
		if run.Variant(s.Variant) == nil {
			run.Variants = append(run.Variants, Variant{Name: s.Variant})
		}
		run.Samples = append(run.Samples, *s)
	}
	if err := r.Err(); err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if len(run.Samples) == 0 {
		return nil, fmt.Errorf("%s holds no benchmark of a variant: expected the JSON lines of bench, or lines like BenchmarkCold/variant=zip", name)
	}
	return run, nil
}

// sampleOf returns the sample that a line of the Go format stands for, nil if
// its name has no variant, and the number of processors in the name.
func sampleOf(res *benchfmt.Result) (*Sample, string) {
	base, parts := res.Name.Parts()
	first, n := utf8.DecodeRune(base)
	s := &Sample{Case: string(unicode.ToLower(first)) + string(base[n:]), Values: map[string]float64{}}
	procs := ""
	for _, p := range parts {
		text := string(p)
		if rest, ok := strings.CutPrefix(text, "-"); ok {
			procs = rest
			continue
		}
		key, value, _ := strings.Cut(strings.TrimPrefix(text, "/"), "=")
		switch n, err := strconv.Atoi(value); {
		case key == "variant":
			s.Variant = value
		case key == "records" && err == nil && n >= 0:
			s.Records = n
		default:
			if s.Settings == nil {
				s.Settings = map[string]string{}
			}
			s.Settings[key] = value
		}
	}
	if s.Variant == "" {
		return nil, ""
	}
	for _, v := range res.Values {
		value, unit := v.Value, v.Unit
		if v.OrigUnit != "" { // benchfmt turned ns into sec
			value, unit = v.OrigValue, v.OrigUnit
		}
		s.Values[unit] = value
	}
	return s, procs
}
