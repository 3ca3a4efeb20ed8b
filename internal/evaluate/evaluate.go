// Package evaluate measures how well a model labels texts whose labels are
// known: accuracy, recall, precision and F1 by label, their means, and the
// confusion matrix. Start with Run.
package evaluate

import (
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"coldstream/internal/csvfile"
	"coldstream/internal/sentiment"
)

// batch is how many texts are labelled in one call.
const batch = 512

// Classifier labels texts; *sentiment.Classifier is one.
type Classifier interface {
	Classify(dst []sentiment.Result, texts []string) ([]sentiment.Result, error)
	Labels() []string
}

// Options says where in the CSV file things stand.
type Options struct {
	TextColumn  string
	LabelColumn string
	IDColumn    string // "" = none

	// Predictions, when set, gets a CSV table with one row per text: row
	// (from 1), id if there is a column for it, label, predicted, score and one
	// probability per label. Texts are not repeated.
	Predictions io.Writer

	// Against, when set, labels the texts too: Result.Difference compares the
	// two. Its labels are those of the model, in the same order.
	Against Classifier

	Progress func(rows int) // called now and then; nil = not
}

// Difference is how far the answers of two models lie apart.
type Difference struct {
	Changed int     // texts whose label is another
	Worst   float64 // |difference| of a probability, the largest
}

// Result holds the counts of an evaluation. Its figures follow from them.
type Result struct {
	Labels    []string
	Confusion [][]int // [true label][predicted label]
	Rows      int

	Difference *Difference // of the model and Options.Against; nil without it
}

// row is one text on its way through the classifier.
type row struct {
	id    string
	label int
	line  int
}

// Run labels the texts in the CSV file r with c and compares.
func Run(ctx context.Context, c Classifier, r io.Reader, o Options) (*Result, error) {
	in, err := csvfile.NewReader(r)
	if err != nil {
		return nil, err
	}
	textAt, err := in.Column(o.TextColumn)
	if err != nil {
		return nil, err
	}
	labelAt, err := in.Column(o.LabelColumn)
	if err != nil {
		return nil, err
	}
	idAt := -1
	if o.IDColumn != "" {
		if idAt, err = in.Column(o.IDColumn); err != nil {
			return nil, err
		}
	}
	e := newRun(c, o)
	if o.Against != nil {
		e.Difference = new(Difference)
	}
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		fields, err := in.Read()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		t := fields[textAt]
		if !utf8.ValidString(t) {
			return nil, fmt.Errorf("line %d: the text is not valid UTF-8; convert the file to UTF-8", in.Line())
		}
		label, err := e.label(fields[labelAt])
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", in.Line(), err)
		}
		p := row{label: label, line: in.Line()}
		if idAt >= 0 {
			p.id = fields[idAt]
		}
		if err := e.add(t, p); err != nil {
			return nil, err
		}
	}
	if err := e.flush(); err != nil {
		return nil, err
	}
	if e.Rows == 0 {
		return nil, fmt.Errorf("no rows behind the header")
	}
	if e.table != nil {
		e.table.Flush()
		return &e.Result, e.table.Error()
	}
	return &e.Result, nil
}

// run is an evaluation under way.
type run struct {
	Result
	c       Classifier
	o       Options
	byName  map[string]int // labels, and their lower case where that is no other's
	texts   []string
	rows    []row
	results []sentiment.Result
	other   []sentiment.Result // of Options.Against
	table   *csv.Writer        // nil = no predictions are wanted
}

func newRun(c Classifier, o Options) *run {
	e := &run{c: c, o: o, byName: make(map[string]int)}
	e.Labels = c.Labels()
	for i, l := range e.Labels {
		e.Confusion = append(e.Confusion, make([]int, len(e.Labels)))
		lower := strings.ToLower(l)
		if _, taken := e.byName[lower]; !taken {
			e.byName[lower] = i
		}
	}
	for i, l := range e.Labels {
		e.byName[l] = i
	}
	if o.Predictions != nil {
		e.table = csv.NewWriter(o.Predictions)
		header := []string{"row"}
		if o.IDColumn != "" {
			header = append(header, "id")
		}
		header = append(header, "label", "predicted", "score")
		for _, l := range e.Labels {
			header = append(header, "p_"+l)
		}
		_ = e.table.Write(header) // Error reports it at the end
	}
	return e
}

// label returns the index of a label as the file writes it: as the model has
// it, or in other case.
func (e *run) label(name string) (int, error) {
	if i, ok := e.byName[name]; ok {
		return i, nil
	}
	if i, ok := e.byName[strings.ToLower(name)]; ok {
		return i, nil
	}
	return 0, fmt.Errorf("label %q is none of the model's: %s", name, strings.Join(e.Labels, ", "))
}

func (e *run) add(t string, p row) error {
	e.texts = append(e.texts, t)
	e.rows = append(e.rows, p)
	if len(e.texts) < batch {
		return nil
	}
	return e.flush()
}

// flush labels the gathered texts and counts.
func (e *run) flush() error {
	var err error
	e.results, err = e.c.Classify(e.results[:0], e.texts)
	if err != nil {
		return err
	}
	if err := e.compare(); err != nil {
		return err
	}
	for i := range e.results {
		r, p := &e.results[i], &e.rows[i]
		if r.Score != r.Score {
			return fmt.Errorf("line %d: the model answers NaN", p.line)
		}
		e.Rows++
		e.Confusion[p.label][r.Label]++
		e.write(p, r)
	}
	e.texts, e.rows = e.texts[:0], e.rows[:0]
	if e.o.Progress != nil {
		e.o.Progress(e.Rows)
	}
	if e.table != nil {
		return e.table.Error()
	}
	return nil
}

// compare counts where the other model answers otherwise. A NaN differs by
// infinity; of the model itself it is an error later.
func (e *run) compare() error {
	if e.Difference == nil {
		return nil
	}
	var err error
	if e.other, err = e.o.Against.Classify(e.other[:0], e.texts); err != nil {
		return err
	}
	for i := range e.results {
		mine, theirs := &e.results[i], &e.other[i]
		if mine.Label != theirs.Label {
			e.Difference.Changed++
		}
		for k, p := range mine.Probabilities {
			d := math.Abs(float64(p) - float64(theirs.Probabilities[k]))
			if d != d {
				d = math.Inf(1)
			}
			e.Difference.Worst = max(e.Difference.Worst, d)
		}
	}
	return nil
}

func (e *run) write(p *row, r *sentiment.Result) {
	if e.table == nil {
		return
	}
	fields := []string{strconv.Itoa(e.Rows)}
	if e.o.IDColumn != "" {
		fields = append(fields, p.id)
	}
	fields = append(fields, e.Labels[p.label], e.Labels[r.Label], shortest(r.Score))
	for _, v := range r.Probabilities {
		fields = append(fields, shortest(v))
	}
	_ = e.table.Write(fields) // Error reports it at the next flush
}

// shortest writes v with the fewest digits that give it back.
func shortest(v float32) string { return strconv.FormatFloat(float64(v), 'g', -1, 32) }

// Accuracy is the part of all texts that got their label.
func (r *Result) Accuracy() float64 {
	right := 0
	for i := range r.Confusion {
		right += r.Confusion[i][i]
	}
	return float64(right) / float64(r.Rows)
}

// Support is how many texts have label i.
func (r *Result) Support(i int) int {
	n := 0
	for _, v := range r.Confusion[i] {
		n += v
	}
	return n
}

// predicted is how many texts got label i.
func (r *Result) predicted(i int) int {
	n := 0
	for _, row := range r.Confusion {
		n += row[i]
	}
	return n
}

// Recall is the part of the texts with label i that got it; NaN if there are
// none.
func (r *Result) Recall(i int) float64 {
	return float64(r.Confusion[i][i]) / float64(r.Support(i))
}

// Precision is the part of the texts that got label i which have it; NaN if
// none got it.
func (r *Result) Precision(i int) float64 {
	return float64(r.Confusion[i][i]) / float64(r.predicted(i))
}

// F1 is 2 tp / (2 tp + fp + fn) of label i; NaN if no text has or got it.
func (r *Result) F1(i int) float64 {
	return 2 * float64(r.Confusion[i][i]) / float64(r.Support(i)+r.predicted(i))
}

// MacroF1 is the mean of F1 over the labels that a text has or got, as
// scikit-learn's f1_score(average="macro") takes it.
func (r *Result) MacroF1() float64 { return r.mean(r.F1) }

// MacroRecall is the mean of Recall over the labels that a text has.
func (r *Result) MacroRecall() float64 { return r.mean(r.Recall) }

// mean is the mean of the figures that exist.
func (r *Result) mean(figure func(int) float64) float64 {
	sum, n := 0.0, 0
	for i := range r.Labels {
		if v := figure(i); !math.IsNaN(v) {
			sum += v
			n++
		}
	}
	return sum / float64(n)
}
