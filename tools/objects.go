package main

import (
	"context"
	"fmt"
	"os"

	"coldstream/internal/cli"
	"coldstream/internal/deliver/awstarget"
	"coldstream/internal/report"
	"coldstream/internal/s3objects"
)

// aboutS3 is what the help of each command that reads S3 says about it.
const aboutS3 = `A prefix is the beginning of a key: end it with a slash to mean a folder. Region
and credentials are those of the AWS SDK (AWS_REGION, AWS_PROFILE, ...); they need
s3:ListBucket, s3:GetObject and kms:Decrypt. AWS_ENDPOINT_URL_S3 names another
service.`

// openObjects opens the delivered objects in a directory or under s3://.
func openObjects(ctx context.Context, src string) (report.Objects, error) {
	if s3objects.IsPlace(src) {
		r, place, err := openPlace(ctx, src)
		if err != nil {
			return nil, err
		}
		return inBucket(ctx, r, place), nil
	}
	info, err := os.Stat(src)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("%s is not a directory", src)
	}
	return report.Files(os.DirFS(src)), nil
}

// openPlace makes ready to read the objects at s3://BUCKET/PREFIX.
func openPlace(ctx context.Context, text string) (*s3objects.Reader, s3objects.Place, error) {
	place, err := s3objects.ParsePlace(text)
	if err != nil {
		return nil, place, cli.Usagef("%w", err)
	}
	cfg, err := cli.LoadAWS(ctx)
	if err != nil {
		return nil, place, err
	}
	if err := awstarget.CheckConfig(ctx, cfg); err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, place, err
	}
	return s3objects.New(s3objects.NewClient(cfg), place), place, nil
}

// inBucket gives the objects of a bucket as those of a directory are: without
// folders and what is hidden. That there are none is an error, which a mistyped
// prefix would otherwise hide.
func inBucket(ctx context.Context, r *s3objects.Reader, place s3objects.Place) report.Objects {
	return func(yield func(report.Object, error) bool) {
		n := 0
		for o, err := range r.Objects(ctx, func(i s3objects.Info) bool { return !i.Marker() && !place.Hidden(i.Key) }) {
			n++
			if !yield(report.Object{Name: o.Key, Size: o.Size, Body: o.Body}, err) {
				return
			}
		}
		if n == 0 {
			yield(report.Object{}, noObjectsAt(place))
		}
	}
}

func noObjectsAt(place s3objects.Place) error {
	return fmt.Errorf("%s holds no objects; a prefix is the beginning of their keys", report.Printable(place.String()))
}
