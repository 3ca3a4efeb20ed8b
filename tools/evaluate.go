package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"coldstream/internal/cli"
	"coldstream/internal/evaluate"
	"coldstream/internal/report"
	"coldstream/internal/source"
)

func newEvaluate() *cobra.Command {
	var csv, predictions, against string
	var o evaluate.Options
	cmd := &cobra.Command{
		Use:   "evaluate MODEL --csv FILE --text-column C --label-column L",
		Short: "Measure a model on texts whose labels are known",
		Long: `Label the texts in a CSV file and compare with its labels: accuracy, macro-F1,
recall, precision and F1 by label, and the confusion matrix. MODEL is a model
file, or "default" for the built-in model. Macro figures are means over the
labels that occur.

--against compares the answers with those of another model file, such as the same
model with float32 weights: how many labels are others, and how far apart the
probabilities are at most.

--predictions writes a CSV table with one row per text, in the order of the
input: row, id (with --id-column), label, predicted, score and the probabilities.`,
		Example: `  coldstream evaluate origin.safetensors.zst --csv test.csv --text-column text --label-column sentiment
  coldstream evaluate default --csv test.csv --text-column text --label-column sentiment --id-column id --predictions predictions.csv
  coldstream evaluate small.safetensors.zst --against model.safetensors.zst --csv test.csv --text-column text --label-column sentiment`,
		Args:              cli.Args("MODEL"),
		ValidArgsFunction: cobra.FixedCompletions([]cobra.Completion{"zst", "safetensors"}, cobra.ShellCompDirectiveFilterFileExt),
		RunE: func(cmd *cobra.Command, args []string) error {
			progress := cli.NewProgress(cmd.ErrOrStderr(), "evaluating", -1)
			defer progress.Done()
			o.Progress = progress.Set
			r, dtype, err := runEvaluate(cmd.Context(), args[0], against, csv, predictions, o)
			if err != nil {
				return err
			}
			progress.Done()
			return writeEvaluation(cmd.OutOrStdout(), r, dtype)
		},
	}
	fs := cmd.Flags()
	fs.StringVar(&csv, "csv", "", "CSV `FILE` with a header line")
	fs.StringVar(&o.TextColumn, "text-column", "text", "`COLUMN` with the texts")
	fs.StringVar(&o.LabelColumn, "label-column", "label", "`COLUMN` with the labels, as the model calls them")
	fs.StringVar(&o.IDColumn, "id-column", "", "`COLUMN` to repeat in --predictions")
	fs.StringVar(&predictions, "predictions", "", "CSV `FILE` to write, one row per text")
	fs.StringVar(&against, "against", "", "model `FILE` to compare the answers with, or default")
	cli.Required(cmd, "csv")
	return cmd
}

// builtIn returns the path of a model file, "" for default.
func builtIn(name string) string {
	if name == "default" {
		return ""
	}
	return name
}

// runEvaluate returns the figures of a model and the number format of its
// weights. against is a model to compare with, "" for none.
func runEvaluate(ctx context.Context, model, against, csv, predictions string, o evaluate.Options) (r *evaluate.Result, dtype string, err error) {
	if err := cli.KeepInputs(predictions, builtIn(model), builtIn(against), csv); err != nil {
		return nil, "", err
	}
	c, dtype, err := loadClassifierOf(builtIn(model))
	if err != nil {
		return nil, "", err
	}
	if against != "" {
		other, err := loadClassifier(builtIn(against))
		if err != nil {
			return nil, "", err
		}
		if !slices.Equal(other.Labels(), c.Labels()) {
			return nil, "", fmt.Errorf("the labels of %s are %s, those of %s are %s", model, strings.Join(c.Labels(), ", "), against, strings.Join(other.Labels(), ", "))
		}
		o.Against = other
	}
	f, err := source.Open(ctx, csv)
	if err != nil {
		return nil, "", err
	}
	defer f.Close()
	measure := func() error {
		var err error
		if r, err = evaluate.Run(ctx, c, f, o); ctx.Err() != nil {
			return context.Cause(ctx)
		} else if err != nil {
			return fmt.Errorf("%s: %w", csv, err)
		}
		return nil
	}
	if predictions == "" {
		err = measure()
		return r, dtype, err
	}
	err = cli.WriteFile(ctx, predictions, func(w io.Writer) error {
		table := &watched{w: w}
		o.Predictions = table
		err := measure()
		if table.err != nil {
			return table.err // which is not about the CSV file
		}
		return err
	})
	return r, dtype, err
}

// watched keeps the error of a writer.
type watched struct {
	w   io.Writer
	err error
}

func (w *watched) Write(p []byte) (int, error) {
	n, err := w.w.Write(p)
	w.err = err
	return n, err
}

// writeEvaluation prints the figures.
func writeEvaluation(w io.Writer, r *evaluate.Result, dtype string) error {
	if _, err := fmt.Fprintf(w, "dtype         %s\ntexts         %s\naccuracy      %.4f\nmacro-F1      %.4f\nmacro recall  %.4f\n",
		dtype, report.Thousands(r.Rows), r.Accuracy(), r.MacroF1(), r.MacroRecall()); err != nil {
		return err
	}
	if d := r.Difference; d != nil {
		if _, err := fmt.Fprintf(w, "against       %s of %s labels changed, probabilities differ by %.2g at most\n",
			report.Thousands(d.Changed), report.Thousands(r.Rows), d.Worst); err != nil {
			return err
		}
	}
	if _, err := fmt.Fprintln(w); err != nil {
		return err
	}
	figures := [][]string{{"label", "texts", "recall", "precision", "F1"}}
	confusion := [][]string{append([]string{"true \\ predicted"}, printable(r.Labels)...)}
	for i, l := range printable(r.Labels) {
		figures = append(figures, []string{l, report.Thousands(r.Support(i)), figure(r.Recall(i)), figure(r.Precision(i)), figure(r.F1(i))})
		row := []string{l}
		for _, n := range r.Confusion[i] {
			row = append(row, report.Thousands(n))
		}
		confusion = append(confusion, row)
	}
	if err := report.WriteColumns(w, figures); err != nil {
		return err
	}
	if _, err := fmt.Fprintln(w); err != nil {
		return err
	}
	return report.WriteColumns(w, confusion)
}

// figure writes v, or a dash where it does not exist.
func figure(v float64) string {
	if math.IsNaN(v) {
		return "-"
	}
	return fmt.Sprintf("%.4f", v)
}

func printable(names []string) []string {
	var all []string
	for _, n := range names {
		all = append(all, report.Printable(n))
	}
	return all
}
