package main

import (
	"context"
	"fmt"
	"io"
	"math"

	"github.com/spf13/cobra"

	"coldstream/internal/cli"
	"coldstream/internal/evaluate"
	"coldstream/internal/report"
	"coldstream/internal/source"
)

func newEvaluate() *cobra.Command {
	var csv, predictions string
	var o evaluate.Options
	cmd := &cobra.Command{
		Use:   "evaluate MODEL --csv FILE --text-column C --label-column L",
		Short: "Measure a model on texts whose labels are known",
		Long: `Label the texts in a CSV file and compare with its labels: accuracy, macro-F1,
recall, precision and F1 by label, and the confusion matrix. MODEL is a model
file, or "default" for the built-in model. Macro figures are means over the
labels that occur.

--predictions writes a CSV table with one row per text, in the order of the
input: row, id (with --id-column), label, predicted, score and the probabilities.`,
		Example: `  coldstream evaluate origin.safetensors.zst --csv test.csv --text-column text --label-column sentiment
  coldstream evaluate default --csv test.csv --text-column text --label-column sentiment --id-column id --predictions predictions.csv`,
		Args:              cli.Args("MODEL"),
		ValidArgsFunction: cobra.FixedCompletions([]cobra.Completion{"zst", "safetensors"}, cobra.ShellCompDirectiveFilterFileExt),
		RunE: func(cmd *cobra.Command, args []string) error {
			if args[0] == "default" {
				args[0] = ""
			}
			progress := cli.NewProgress(cmd.ErrOrStderr(), "evaluating", -1)
			defer progress.Done()
			o.Progress = progress.Set
			r, err := runEvaluate(cmd.Context(), args[0], csv, predictions, o)
			if err != nil {
				return err
			}
			progress.Done()
			return writeEvaluation(cmd.OutOrStdout(), r)
		},
	}
	fs := cmd.Flags()
	fs.StringVar(&csv, "csv", "", "CSV `FILE` with a header line")
	fs.StringVar(&o.TextColumn, "text-column", "text", "`COLUMN` with the texts")
	fs.StringVar(&o.LabelColumn, "label-column", "label", "`COLUMN` with the labels, as the model calls them")
	fs.StringVar(&o.IDColumn, "id-column", "", "`COLUMN` to repeat in --predictions")
	fs.StringVar(&predictions, "predictions", "", "CSV `FILE` to write, one row per text")
	cli.Required(cmd, "csv")
	return cmd
}

func runEvaluate(ctx context.Context, model, csv, predictions string, o evaluate.Options) (*evaluate.Result, error) {
	if err := cli.KeepInputs(predictions, model, csv); err != nil {
		return nil, err
	}
	c, err := loadClassifier(model)
	if err != nil {
		return nil, err
	}
	f, err := source.Open(ctx, csv)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var r *evaluate.Result
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
		return r, measure()
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
	return r, err
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
func writeEvaluation(w io.Writer, r *evaluate.Result) error {
	if _, err := fmt.Fprintf(w, "texts         %s\naccuracy      %.4f\nmacro-F1      %.4f\nmacro recall  %.4f\n\n",
		report.Thousands(r.Rows), r.Accuracy(), r.MacroF1(), r.MacroRecall()); err != nil {
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
