package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"coldstream/internal/cli"
	"coldstream/internal/jsonrows"
	"coldstream/internal/report"
	"coldstream/internal/sentiment"
	"coldstream/internal/source"
)

// predictBatch is how many lines are answered in one call.
const predictBatch = 512

// maxLine bounds one line of input.
const maxLine = 64 << 20

func newPredict() *cobra.Command {
	var model, format, input string
	cmd := &cobra.Command{
		Use:   "predict",
		Short: "Label the texts on standard input, one per line",
		Long: `Label the texts on standard input, one per line, and print one line for each:
an empty line is a text too. A table shows label, score and probabilities; jsonl
gives {"message","sentiment","score","probabilities"}.

With --input ids each line is a JSON array of token ids, with --input values a
JSON array shaped like the model's input; the answers are JSON arrays shaped like
its output, with null for NaN and the infinities. A model with several inputs
takes [input1,input2] and one with several outputs answers [output1,output2].

A line that does not fit ends the run with its number.`,
		Example: `  echo "what a wonderful day" | coldstream predict
  coldstream predict --model origin.safetensors.zst --format jsonl <posts.txt
  echo "[0,0,17,3]" | coldstream predict --model model.safetensors.zst --input ids`,
		Args: cli.Args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			in := source.Interruptible(cmd.Context(), cmd.InOrStdin())
			p, err := newPredictor(model, format, input, cmd.OutOrStdout())
			if err != nil {
				return err
			}
			progress := cli.NewProgress(cmd.ErrOrStderr(), "predicting", -1)
			defer progress.Done()
			if cli.IsTerminal(cmd.InOrStdin()) || cli.IsTerminal(cmd.OutOrStdout()) {
				progress.Done() // the lines themselves are the progress
			}
			return predictLines(cmd.Context(), in, p, progress)
		},
	}
	modelFlag(cmd, &model)
	cli.Choice(cmd, &format, "format", "table", "form of the answers to texts", "table", "jsonl")
	cli.Choice(cmd, &input, "input", "text", "what a line is", "text", "ids", "values")
	return cmd
}

// predictor answers lines.
type predictor interface {
	// add takes a line, or says why it does not fit.
	add(line []byte) error
	// flush writes the answers to the lines taken so far. If one of them does
	// not fit, those before it are answered and bad is its index.
	flush() (bad int, err error)
}

func newPredictor(model, format, input string, stdout io.Writer) (predictor, error) {
	f, err := loadModel(model)
	if err != nil {
		return nil, err
	}
	if input == "text" {
		c, err := sentiment.New(f, runtime.GOMAXPROCS(0))
		if err != nil {
			return nil, err
		}
		t := &textPredictor{c: c, w: stdout, table: format == "table"}
		if cli.IsTerminal(stdout) {
			t.width = cli.Width(stdout)
		}
		return t, nil
	}
	m, err := jsonrows.New(f, runtime.GOMAXPROCS(0))
	if err != nil {
		return nil, err
	}
	switch {
	case input == "ids" && !m.TakesIDs():
		return nil, errors.New("the model takes values, not token ids; use --input values")
	case input == "values" && !m.TakesValues():
		return nil, errors.New("the model takes token ids, not values; use --input ids")
	}
	return &rowPredictor{m: m, w: stdout}, nil
}

// predictLines answers the lines of r, in batches as long as more lines are at
// hand, so that a person or a program that waits for its answer gets it.
func predictLines(ctx context.Context, r io.Reader, p predictor, progress *cli.Progress) error {
	b := bufio.NewReaderSize(r, 1<<16)
	done, pending := 0, 0 // lines answered, lines taken
	flush := func() error {
		bad, err := p.flush()
		var output *outputError
		if errors.As(err, &output) {
			return output.err
		}
		if err != nil {
			return lineError(done+bad, err)
		}
		done, pending = done+pending, 0
		progress.Set(done)
		return nil
	}
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		line, err := readLine(b)
		if err == io.EOF {
			return flush()
		}
		if err == nil && done+pending == 0 {
			line = bytes.TrimPrefix(line, []byte("\xef\xbb\xbf"))
		}
		if err == nil {
			err = p.add(line)
		}
		if err != nil {
			n := done + pending
			if err := flush(); err != nil {
				return err
			}
			if ctx.Err() != nil {
				return err
			}
			return lineError(n, err)
		}
		pending++
		if pending == predictBatch || !lineAtHand(b) {
			if err := flush(); err != nil {
				return err
			}
		}
	}
}

// outputError is an error about the answers' way out, not about a line.
type outputError struct{ err error }

func (e *outputError) Error() string { return e.err.Error() }

// lineError names the line with the index.
func lineError(index int, err error) error { return fmt.Errorf("line %d: %w", index+1, err) }

// lineAtHand reports whether a whole line can be read without waiting.
func lineAtHand(b *bufio.Reader) bool {
	ready, _ := b.Peek(b.Buffered())
	return bytes.IndexByte(ready, '\n') >= 0
}

// readLine returns the next line without its end, valid until the next call.
func readLine(b *bufio.Reader) ([]byte, error) {
	line, err := b.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		long := bytes.Clone(line)
		for errors.Is(err, bufio.ErrBufferFull) {
			if len(long) > maxLine {
				return nil, fmt.Errorf("longer than %d MiB", maxLine>>20)
			}
			line, err = b.ReadSlice('\n')
			long = append(long, line...)
		}
		line = long
	}
	if err == io.EOF && len(line) > 0 {
		err = nil
	}
	if err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r")), nil
}

// textPredictor labels texts.
type textPredictor struct {
	c       *sentiment.Classifier
	w       io.Writer
	table   bool
	width   int // of the terminal, 0 = none
	header  bool
	texts   []string
	results []sentiment.Result
	out     []byte
}

func (p *textPredictor) add(line []byte) error {
	if !utf8.Valid(line) {
		return errors.New("not valid UTF-8; convert the input to UTF-8")
	}
	p.texts = append(p.texts, string(line))
	return nil
}

func (p *textPredictor) flush() (int, error) {
	var err error
	if p.results, err = p.c.Classify(p.results[:0], p.texts); err != nil {
		return 0, err
	}
	p.out = p.out[:0]
	if p.table && !p.header {
		p.header = true
		p.out = p.appendRow(p.out, "label", "score", p.c.Labels(), "text")
	}
	for i := range p.results {
		r := &p.results[i]
		if p.table {
			cells := make([]string, len(r.Probabilities))
			for j, v := range r.Probabilities {
				cells[j] = fmt.Sprintf("%.3f", v)
			}
			p.out = p.appendRow(p.out, p.c.Labels()[r.Label], fmt.Sprintf("%.3f", r.Score), cells, p.texts[i])
			continue
		}
		p.out = append(p.out, '{')
		p.out = p.c.AppendFields(p.out, p.texts[i], r)
		p.out = append(p.out, "}\n"...)
	}
	p.texts = p.texts[:0]
	if _, err = p.w.Write(p.out); err != nil {
		return 0, &outputError{err}
	}
	return 0, nil
}

// appendRow appends a line of the table: columns are as wide as the labels in
// its header, so that lines fit each other without knowing the next ones.
func (p *textPredictor) appendRow(dst []byte, label, score string, cells []string, t string) []byte {
	widest := len("label")
	for _, l := range p.c.Labels() {
		widest = max(widest, utf8.RuneCountInString(l))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%-*s  %5s", widest, report.Printable(label), score)
	for i, c := range cells {
		fmt.Fprintf(&b, "  %*s", max(5, utf8.RuneCountInString(p.c.Labels()[i])), report.Printable(c))
	}
	b.WriteString("  " + report.Printable(t))
	row := []rune(b.String())
	if p.width > 0 && len(row) > p.width {
		row = append(row[:p.width-3], []rune("...")...)
	}
	dst = append(dst, strings.TrimRight(string(row), " ")...)
	return append(dst, '\n')
}

// rowPredictor runs the network on JSON arrays.
type rowPredictor struct {
	m    *jsonrows.Model
	w    io.Writer
	rows []jsonrows.Row
	out  []byte
}

func (p *rowPredictor) add(line []byte) error {
	r, err := p.m.Parse(line)
	if err != nil {
		return err
	}
	p.rows = append(p.rows, r)
	return nil
}

func (p *rowPredictor) flush() (bad int, err error) {
	p.out, bad, err = p.m.Append(p.out[:0], p.rows)
	p.rows = p.rows[:0]
	if _, writeErr := p.w.Write(p.out); writeErr != nil {
		return bad, &outputError{writeErr}
	}
	return bad, err
}
