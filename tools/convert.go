package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"coldstream/internal/cli"
	"coldstream/internal/convert"
	"coldstream/internal/csvfile"
	"coldstream/internal/keras"
	"coldstream/internal/report"
	"coldstream/internal/source"
	"coldstream/internal/text"
	"coldstream/weights"
	"coldstream/weights/zst"
)

// convertFlags are the flags of convert.
type convertFlags struct {
	out, tokenizer, fitCSV, textColumn string
	numWords, maxLen                   int
	padding, truncating, clean         string
	labels                             []string
	config, dtype, check, checkCSV     string
}

func newConvert() *cobra.Command {
	var f convertFlags
	cmd := &cobra.Command{
		Use:   "convert MODEL -o OUT.safetensors.zst",
		Short: "Convert a Keras model and its tokenizer into one model file",
		Long: `Convert a model that Keras saved (.h5, .hdf5, .keras, or weights alone with
--config) and the tokenizer of its training into one small file. Content decides
what a file is, not its name. What cannot be converted faithfully is refused with
the layer's name and the option at fault.

The check vectors that go into the file are run before it is written: random
inputs, some texts and, with --check, inputs with Keras' own outputs.

--check-csv compares with predictions that you saved from Keras, before anything
is written. The header names one column of inputs, "text" or "ids" (for other
models "values" or "inputs", JSON arrays as coldstream predict reads them); all
other columns are the numbers of the output in their order. In Python:

  pandas.DataFrame(model.predict(ids)).assign(text=texts).to_csv("check.csv", index=False)
  pandas.DataFrame(model.predict(ids)).assign(ids=ids.tolist()).to_csv("check.csv", index=False)

A row that differs by more than 1e-6*max(1,|y|) ends the conversion with its
number, counted from 1 without the header, and both values.

--dtype f16 rounds the weights to float16, for half the size; the arithmetic
stays float32. --dtype int8 makes bytes of the weight matrices, for a quarter of
the size, and multiplies the states of recurrent layers in integers, which is
faster. How far the outputs move is measured on the check vectors, printed and
kept in the file; measure it on your own texts with coldstream evaluate --against.`,
		Example: `  coldstream convert origin.h5 --tokenizer tokenizer.json --clean origin --labels Negative,Neutral,Positive -o origin.safetensors.zst
  coldstream convert model.keras --tokenizer tokenizer.pickle --maxlen 28 -o model.safetensors.zst
  coldstream convert model.h5 --fit-csv train.csv --text-column text --num-words 2000 -o model.safetensors.zst
  coldstream convert model.weights.h5 --config architecture.json -o model.safetensors.zst
  coldstream convert model.keras --tokenizer tokenizer.json --check-csv predictions.csv -o model.safetensors.zst
  coldstream convert model.keras --tokenizer tokenizer.json --dtype int8 -o small.safetensors.zst`,
		Args:              cli.Args("MODEL"),
		ValidArgsFunction: cobra.FixedCompletions([]cobra.Completion{"h5", "hdf5", "keras"}, cobra.ShellCompDirectiveFilterFileExt),
		RunE: func(cmd *cobra.Command, args []string) error {
			for _, c := range []struct {
				flag string
				n    int
			}{{"num-words", f.numWords}, {"maxlen", f.maxLen}} {
				if cmd.Flags().Changed(c.flag) && c.n < 1 {
					return cli.Usagef("--%s is %d, want at least 1", c.flag, c.n)
				}
			}
			if cmd.Flags().Changed("labels") && len(f.labels) == 0 {
				return cli.Usagef("--labels names no label")
			}
			for i := range f.labels {
				f.labels[i] = strings.TrimSpace(f.labels[i])
			}
			return runConvert(cmd.Context(), args[0], &f, cmd.OutOrStdout())
		},
	}
	fs := cmd.Flags()
	fs.StringVarP(&f.out, "output", "o", "", "model `FILE` to write")
	fs.StringVar(&f.tokenizer, "tokenizer", "", "`FILE` with the tokenizer of the training: Tokenizer.to_json(), a pickle, word_index as JSON, or the vocabulary of a TextVectorization (vocabulary.txt, or get_vocabulary() as JSON)")
	fs.StringVar(&f.fitCSV, "fit-csv", "", "fit the vocabulary on this CSV `FILE`, if it is what the training used")
	fs.StringVar(&f.textColumn, "text-column", "text", "`COLUMN` of --fit-csv with the texts")
	fs.IntVar(&f.numWords, "num-words", 0, "give only ids below `N` (default: as the tokenizer says)")
	fs.IntVar(&f.maxLen, "maxlen", 0, "cut and pad to `N` ids (default: as the model's input says)")
	cli.Choice(cmd, &f.padding, "padding", "", "side that is padded (default: as the tokenizer says, else pre)", text.Pre, text.Post)
	cli.Choice(cmd, &f.truncating, "truncating", "", "side that is cut (default: as the tokenizer says, else pre)", text.Pre, text.Post)
	fs.StringVar(&f.clean, "clean", "", "cleaning before the tokenizer: none or origin (default: as the tokenizer says)")
	fs.StringSliceVar(&f.labels, "labels", nil, "`LABELS` in the order of the outputs, with commas (default: 0,1,...)")
	fs.StringVar(&f.config, "config", "", "architecture `FILE` (model.to_json()) for a file with weights only")
	cli.Choice(cmd, &f.dtype, "dtype", weights.F32, "number format of the weights", weights.F32, weights.F16, weights.Int8)
	fs.StringVar(&f.checkCSV, "check-csv", "", "CSV `FILE` with inputs and Keras' predictions, which the model must reproduce")
	fs.StringVar(&f.check, "check", "", "JSON `FILE` with inputs and Keras' outputs, which the file must reproduce")
	cli.Required(cmd, "output")
	cmd.MarkFlagsMutuallyExclusive("tokenizer", "fit-csv")
	return cmd
}

func runConvert(ctx context.Context, path string, f *convertFlags, stdout io.Writer) error {
	if err := cli.KeepInputs(f.out, path, f.tokenizer, f.fitCSV, f.config, f.check, f.checkCSV); err != nil {
		return err
	}
	var ko keras.Options
	var err error
	if f.config != "" {
		if ko.Config, err = cli.ReadFile(f.config); err != nil {
			return err
		}
	}
	m, err := keras.Open(path, ko)
	if err != nil {
		return err
	}
	o := convert.Options{
		Path:       path,
		Name:       modelName(path),
		Converter:  "coldstream " + cli.Version(),
		Cleaning:   f.clean,
		NumWords:   f.numWords,
		MaxLen:     f.maxLen,
		Padding:    f.padding,
		Truncating: f.truncating,
		Labels:     f.labels,
		DType:      f.dtype,
	}
	if o.Tokenizer, err = input(f.tokenizer); err != nil {
		return err
	}
	if f.fitCSV != "" {
		o.Texts, o.TextsPath = csvTexts(ctx, f.fitCSV, f.textColumn), f.fitCSV
	}
	if o.Check, err = input(f.check); err != nil {
		return err
	}
	if f.checkCSV != "" {
		in, err := input(f.checkCSV)
		if err != nil {
			return err
		}
		o.Compare = &convert.CheckCSV{Input: *in}
	}
	file, err := cli.Abandonable(ctx, func() (*weights.File, error) { return convert.Build(m, o) })
	if err != nil {
		return err
	}
	size := int64(0)
	err = cli.WriteFile(ctx, f.out, func(w io.Writer) (err error) {
		size, err = writeModel(ctx, w, file)
		return err
	})
	if err != nil {
		return err
	}
	params := 0
	for _, t := range file.Params {
		params += t.Size()
	}
	_, err = fmt.Fprintf(stdout, "%s: %d layers, %s parameters, %s bytes\n", f.out, len(m.Layers), report.Thousands(params), report.Thousands(int(size)))
	if c := o.Compare; c != nil {
		_, e := fmt.Fprintf(stdout, "%s: %s rows are as Keras predicted, differences up to %.2g (row %d, column %q)\n", c.Path, report.Thousands(c.Rows), c.Worst, c.Row, c.Column)
		err = errors.Join(err, e)
	}
	if file.Loss != nil {
		_, e := fmt.Fprintf(stdout, "%s: %s\n", file.DType, lossText(file.Loss))
		err = errors.Join(err, e)
	}
	notes := m.Notes
	if m.Tokenizer == nil {
		notes = slices.Concat(notes, convert.Doubts(file))
	}
	for _, note := range notes {
		_, e := fmt.Fprintf(stdout, "note: %s\n", note)
		err = errors.Join(err, e)
	}
	return err
}

// lossText says what a number format costs.
func lossText(l *weights.Loss) string {
	s := fmt.Sprintf("outputs for %d check inputs differ from those of float32 by %.2g at most, by %.2g on average", l.Rows, l.Worst, l.Mean)
	if l.Of > 0 {
		s += fmt.Sprintf("; %d of %d labels changed", l.Changed, l.Of)
	}
	return s
}

// writeModel writes a model file to w and returns its size. When ctx ends, it
// ends at once, and what compresses the file finds nobody to give it to.
func writeModel(ctx context.Context, w io.Writer, file *weights.File) (int64, error) {
	r, compressed := io.Pipe()
	stop := context.AfterFunc(ctx, func() { r.CloseWithError(context.Cause(ctx)) })
	defer stop()
	go func() { compressed.CloseWithError(zst.Write(compressed, file)) }()
	n, err := io.Copy(w, r)
	r.CloseWithError(err)
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return n, err
}

// input reads the file that a flag names; nil if it names none.
func input(path string) (*convert.Input, error) {
	if path == "" {
		return nil, nil
	}
	b, err := cli.ReadFile(path)
	return &convert.Input{Path: path, Content: b}, err
}

// modelName is a file's name without folder and extensions.
func modelName(path string) string {
	name := filepath.Base(path)
	for _, ext := range []string{".h5", ".hdf5", ".keras", ".weights"} {
		name = strings.TrimSuffix(name, ext)
	}
	return name
}

// csvTexts gives the texts in a column of a CSV file.
func csvTexts(ctx context.Context, path, column string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		err := func() error {
			f, err := source.Open(ctx, path)
			if err != nil {
				return err
			}
			defer f.Close()
			r, err := csvfile.NewReader(f)
			if err != nil {
				return fmt.Errorf("%s: %w", path, err)
			}
			at, err := r.Column(column)
			if err != nil {
				return fmt.Errorf("%s: %w", path, err)
			}
			for {
				if err := ctx.Err(); err != nil {
					return err
				}
				rec, err := r.Read()
				if err == io.EOF {
					return nil
				}
				if err != nil {
					return fmt.Errorf("%s: %w", path, err)
				}
				if !yield(rec[at], nil) {
					return nil
				}
			}
		}()
		if err != nil {
			yield("", err)
		}
	}
}
