package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"coldstream/internal/cli"
	"coldstream/internal/report"
	"coldstream/internal/s3objects"
)

func newDownload() *cobra.Command {
	return &cobra.Command{
		Use:   "download s3://BUCKET/PREFIX DIR",
		Short: "Copy objects from S3 into a directory",
		Long: `Copy the objects under a prefix into a directory, which is made if it is not
there. Files are named by their keys behind the prefix's last slash and have the
objects' times. An object whose file is there with the same size and time is not
fetched again, so that a download that was ended goes on where it was. A file
appears under its name when it is complete and on disk.

Nothing is written outside DIR. A part of a key that cannot be a file's name, such
as "..", becomes "%=" and its bytes in percent-encoding ("%=%2E%2E").

` + aboutS3,
		Example: `  coldstream download s3://posts/posts/dt=2026-11-22/ objects
  coldstream report objects`,
		Args: cli.Args("s3://BUCKET/PREFIX", "DIR"),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			r, place, err := openPlace(ctx, args[0])
			if err != nil {
				return err
			}
			progress := cli.NewProgress(cmd.ErrOrStderr(), "downloading "+args[0], -1)
			defer progress.Done()
			sum, err := r.Download(ctx, args[1], func(s s3objects.Summary) { progress.Set(s.Stored + s.Present) })
			if err != nil {
				return err
			}
			progress.Done()
			if sum.Listed == 0 {
				return noObjectsAt(place)
			}
			if _, err := fmt.Fprintln(cmd.OutOrStdout(), downloaded(args[1], sum)); err != nil {
				return err
			}
			if sum.Refused > 0 {
				return fmt.Errorf("%s not stored: %w", report.Count(sum.Refused, "object"), sum.First)
			}
			return nil
		},
	}
}

// downloaded is the account of a download.
func downloaded(dir string, s s3objects.Summary) string {
	text := fmt.Sprintf("%s: %s, %s bytes", dir, report.Count(s.Stored, "object"), report.Thousands(int(s.Bytes)))
	if s.Present > 0 {
		text += fmt.Sprintf("; %s there already", report.Thousands(s.Present))
	}
	if s.Markers > 0 {
		text += fmt.Sprintf("; %s of folders left out", report.Count(s.Markers, "marker"))
	}
	return text
}
