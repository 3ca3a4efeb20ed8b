package main

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"coldstream/internal/cli"
	"coldstream/internal/manifest"
	"coldstream/internal/report"
)

func newManifest() *cobra.Command {
	var o manifest.Options
	var out, since string
	cmd := &cobra.Command{
		Use:   "manifest s3://BUCKET/PREFIX -o manifest.csv",
		Short: "List the objects that S3 Batch Operations is to score",
		Long: `List the objects under a prefix as the manifest of an S3 Batch Operations job,
which has the packaged function score them: a CSV file with bucket and URL-encoded
key. Empty objects are left out.

A prefix is the beginning of a key: end it with a slash to mean a folder. Region
and credentials are those of the AWS SDK (AWS_REGION, AWS_PROFILE, ...); they need
s3:ListBucket. AWS_ENDPOINT_URL_S3 names another service.`,
		Example: `  coldstream manifest s3://posts/raw/2026/ --suffix .gz -o manifest.csv
  coldstream manifest s3://posts/raw/ --since 2026-11-01 -o manifest.csv`,
		Args: cli.Args("s3://BUCKET/PREFIX"),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			ctx := cmd.Context()
			if o.Since, err = parseSince(since); err != nil {
				return err
			}
			bucket, place, err := openPlace(ctx, args[0])
			if err != nil {
				return err
			}
			progress := cli.NewProgress(cmd.ErrOrStderr(), "listing "+args[0], -1)
			defer progress.Done()
			var sum manifest.Summary
			err = cli.WriteFile(ctx, out, func(w io.Writer) (err error) {
				sum, err = manifest.Write(w, place.Bucket, bucket.List(ctx), o, func(s manifest.Summary) { progress.Set(s.Listed) })
				if err == nil && sum.Objects == 0 {
					err = noObjects(args[0], sum)
				}
				return err
			})
			if err != nil {
				return err
			}
			progress.Done()
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: %s, %s bytes; %s left out\n", out, report.Count(sum.Objects, "object"),
				report.Thousands(int(sum.Bytes)), report.Thousands(sum.Empty+sum.Other))
			return err
		},
	}
	cmd.Flags().StringVar(&o.Suffix, "suffix", "", "only keys that end in `TEXT`")
	cmd.Flags().StringVar(&since, "since", "", "only objects changed at `TIME` or later: 2026-11-01 (UTC) or 2026-11-01T12:00:00Z")
	cmd.Flags().StringVarP(&out, "output", "o", "", "CSV `FILE` to write")
	cli.Required(cmd, "output")
	return cmd
}

// parseSince reads a day or a time; "" is none.
func parseSince(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	return time.Time{}, cli.Usagef("--since %q is no time; want 2026-11-01 or 2026-11-01T12:00:00Z", text)
}

// noObjects says that a manifest would be empty, which S3 refuses, and why.
func noObjects(place string, sum manifest.Summary) error {
	if sum.Listed == 0 {
		return errors.New(place + " holds no objects")
	}
	return fmt.Errorf("%s holds %s, of which %s empty and %s left out by --suffix and --since; nothing is left for a manifest",
		place, report.Count(sum.Listed, "object"), report.Thousands(sum.Empty), report.Thousands(sum.Other))
}
