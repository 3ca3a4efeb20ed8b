package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"coldstream/internal/cli"
	"coldstream/internal/report"
)

// listed bounds how many failures, lines or ids are listed; all are counted.
const listed = 20

func newReport() *cobra.Command {
	return &cobra.Command{
		Use:   "report SRC",
		Short: "Count the delivered posts by label",
		Long: `Read the delivered objects in a directory or under s3://BUCKET/PREFIX, plain or
gzip, and print the counts by label as a table and a bar chart. Records that the
stream stored as failed are counted by reason. A line that cannot be read makes
the command fail. What is hidden (a name that begins with a dot) is left out.

` + aboutS3,
		Example: `  coldstream report out/objects
  coldstream report s3://posts/posts/dt=2026-11-22/`,
		Args: cli.Args("SRC"),
		RunE: func(cmd *cobra.Command, args []string) error {
			objects, err := openObjects(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			progress := cli.NewProgress(cmd.ErrOrStderr(), "reading "+args[0], -1)
			defer progress.Done()
			n := 0
			r, err := report.ReadObjects(objects, func(report.Line) error {
				n++
				progress.Set(n)
				return cmd.Context().Err()
			})
			if err != nil {
				return err
			}
			progress.Done()
			if r.Objects == 0 {
				return fmt.Errorf("%s holds no objects", args[0])
			}
			if err := writeResults(cmd.OutOrStdout(), r); err != nil {
				return err
			}
			if r.Bad > 0 {
				return fmt.Errorf("%s cannot be read, the first is %s", report.Count(r.Bad, "line"), report.Printable(r.BadList[0].String()))
			}
			return nil
		},
	}
}

// writeResults prints the table, the bars and the failures.
func writeResults(w io.Writer, r *report.Results) error {
	err := r.WriteTable(w)
	if r.Scored > 0 {
		_, newline := fmt.Fprintln(w)
		err = errors.Join(err, newline, r.WriteBars(w, cli.Width(w), cli.Unicode(os.Getenv)))
	}
	if r.Failed > 0 {
		_, e := fmt.Fprintf(w, "\n%s failed:\n", report.Count(r.Failed, "record"))
		err = errors.Join(err, e)
		for _, f := range r.Failures[:min(len(r.Failures), listed)] {
			_, e := fmt.Fprintf(w, "  %s  %s\n", report.Thousands(f.Count), report.Printable(f.Reason))
			err = errors.Join(err, e)
		}
	}
	return err
}
