package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"coldstream/internal/cli"
	"coldstream/internal/report"
	"coldstream/internal/source"
)

func newVerify() *cobra.Command {
	var sent, received string
	cmd := &cobra.Command{
		Use:   "verify --sent FILE --received SRC",
		Short: "Check that every sent post arrived, once",
		Long: `Compare the ids that a producer wrote with --sent with the delivered objects in
a directory or under s3://BUCKET/PREFIX. An id that was sent twice has to arrive
twice. Posts that the stream stored as failed are told apart from those that are
missing, if they lie under the same prefix. The command fails when a post is
missing, doubled or failed, or when a line cannot be read. Posts that were not sent
by this producer are counted and pass.

` + aboutS3,
		Example: `  producer --source sample --to firehose --stream posts --sent sent.jsonl
  coldstream verify --sent sent.jsonl --received out/objects
  coldstream verify --sent sent.jsonl --received s3://posts/posts/`,
		Args: cli.Args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			objects, err := openObjects(cmd.Context(), received)
			if err != nil {
				return err
			}
			f, err := source.Open(cmd.Context(), sent)
			if err != nil {
				return err
			}
			defer f.Close()
			progress := cli.NewProgress(cmd.ErrOrStderr(), "verifying", -1)
			defer progress.Done()
			var broken error // of the objects; the others are about the sent ids
			v, err := report.VerifyObjects(cmd.Context(), f, func(yield func(report.Object, error) bool) {
				n := 0
				for o, err := range objects {
					n++
					progress.Set(n)
					if broken = err; !yield(o, err) {
						return
					}
				}
			})
			switch {
			case cmd.Context().Err() != nil:
				return context.Cause(cmd.Context())
			case broken != nil:
				return broken
			case err != nil:
				return fmt.Errorf("%s: %w", sent, err)
			}
			progress.Done()
			if err := writeVerification(cmd.OutOrStdout(), v); err != nil {
				return err
			}
			return verdict(v)
		},
	}
	cmd.Flags().StringVar(&sent, "sent", "", "`FILE` with the sent ids, one JSON object per line")
	cmd.Flags().StringVar(&received, "received", "", "`SRC` of the delivered objects: a directory or s3://BUCKET/PREFIX")
	cli.Required(cmd, "sent", "received")
	return cmd
}

// writeVerification prints the account and the ids that are not in order.
func writeVerification(w io.Writer, v *report.Verification) error {
	_, err := fmt.Fprintf(w, "%s sent, %s received: %s, %s, %s\n", report.Thousands(v.Sent), report.Thousands(v.Received),
		amount(report.Total(v.Missing), "lost"), amount(report.Total(v.Doubled), "doubled"), amount(report.Total(v.Failed), "failed"))
	if v.Unknown > 0 {
		_, e := fmt.Fprintf(w, "%s of others\n", report.Count(v.Unknown, "post"))
		err = errors.Join(err, e)
	}
	if v.Anonymous > 0 {
		_, e := fmt.Fprintf(w, "%s without an id\n", report.Count(v.Anonymous, "post"))
		err = errors.Join(err, e)
	}
	for _, l := range []struct {
		name string
		ids  []report.IDCount
	}{{"missing", v.Missing}, {"doubled", v.Doubled}, {"failed", v.Failed}} {
		err = errors.Join(err, writeIDs(w, l.name, l.ids))
	}
	if v.Results.Failed > 0 {
		for _, f := range v.Results.Failures[:min(len(v.Results.Failures), listed)] {
			_, e := fmt.Fprintf(w, "reason of %s: %s\n", report.Count(f.Count, "failure"), report.Printable(f.Reason))
			err = errors.Join(err, e)
		}
	}
	for _, b := range v.Results.BadList[:min(len(v.Results.BadList), listed)] {
		_, e := fmt.Fprintf(w, "unreadable: %s\n", report.Printable(b.String()))
		err = errors.Join(err, e)
	}
	return err
}

// amount writes how many, and nothing for none.
func amount(n int, what string) string {
	if n == 0 {
		return "nothing " + what
	}
	return report.Thousands(n) + " " + what
}

func writeIDs(w io.Writer, name string, ids []report.IDCount) error {
	var err error
	for i, id := range ids {
		if i == listed {
			_, e := fmt.Fprintf(w, "%s: and %s more\n", name, report.Count(len(ids)-listed, "id"))
			return errors.Join(err, e)
		}
		times := ""
		if id.Count > 1 {
			times = fmt.Sprintf(" (%d times)", id.Count)
		}
		_, e := fmt.Fprintf(w, "%s: %s%s\n", name, report.Printable(id.ID), times)
		err = errors.Join(err, e)
	}
	return err
}

// verdict is the error that a verification ends with, nil if all is well.
func verdict(v *report.Verification) error {
	if v.OK() {
		return nil
	}
	return fmt.Errorf("of %s sent, %d missing, %d doubled and %d failed; %s could not be read", report.Count(v.Sent, "post"),
		report.Total(v.Missing), report.Total(v.Doubled), report.Total(v.Failed), report.Count(v.Results.Bad, "line"))
}
