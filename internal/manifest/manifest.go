// Package manifest writes the manifest of an S3 Batch Operations job: Write
// lists the objects under a prefix and writes a line for each.
package manifest

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// Client is the one operation of *s3.Client that a listing needs.
type Client interface {
	ListObjectsV2(ctx context.Context, in *s3.ListObjectsV2Input, options ...func(*s3.Options)) (*s3.ListObjectsV2Output, error)
}

// Options say which objects are named. Only Bucket is required.
type Options struct {
	Bucket, Prefix string
	Suffix         string    // of the keys; "" = any
	Since          time.Time // of the last change, this moment included; zero = any
}

// Summary is the account of a listing: Listed = Objects + Empty + Other.
type Summary struct {
	Listed  int
	Objects int   // named in the manifest
	Bytes   int64 // of those, as stored
	Empty   int   // left out: nothing is in them, as in the folders of a console
	Other   int   // left out by Suffix and Since
}

// Write lists the objects and writes lines "bucket,key" to w, keys URL-encoded
// and in the order of the listing, which is that of their bytes. The listing is
// read page by page; progress, which may be nil, is told of every page.
func Write(ctx context.Context, w io.Writer, c Client, o Options, progress func(Summary)) (Summary, error) {
	var sum Summary
	in := &s3.ListObjectsV2Input{Bucket: &o.Bucket, EncodingType: types.EncodingTypeUrl}
	if o.Prefix != "" {
		in.Prefix = &o.Prefix
	}
	for {
		page, err := c.ListObjectsV2(ctx, in)
		if err != nil {
			return sum, fmt.Errorf("manifest: list s3://%s/%s: %w", o.Bucket, o.Prefix, err)
		}
		for i := range page.Contents {
			if err := sum.add(w, &o, &page.Contents[i], page.EncodingType == types.EncodingTypeUrl); err != nil {
				return sum, err
			}
		}
		if progress != nil {
			progress(sum)
		}
		if !aws.ToBool(page.IsTruncated) {
			return sum, nil
		}
		if aws.ToString(page.NextContinuationToken) == "" || aws.ToString(page.NextContinuationToken) == aws.ToString(in.ContinuationToken) {
			return sum, fmt.Errorf("manifest: list s3://%s/%s: the listing does not go on after %d objects", o.Bucket, o.Prefix, sum.Listed)
		}
		in.ContinuationToken = page.NextContinuationToken
	}
}

// add counts an object and writes its line if it belongs into the manifest.
func (s *Summary) add(w io.Writer, o *Options, object *types.Object, encoded bool) error {
	key := aws.ToString(object.Key)
	if encoded {
		plain, err := url.QueryUnescape(key)
		if err != nil {
			return fmt.Errorf("manifest: list s3://%s/%s: key %q: %w", o.Bucket, o.Prefix, key, err)
		}
		key = plain
	}
	s.Listed++
	size := aws.ToInt64(object.Size)
	switch {
	case !strings.HasSuffix(key, o.Suffix), !o.Since.IsZero() && aws.ToTime(object.LastModified).Before(o.Since):
		s.Other++
		return nil
	case size == 0:
		s.Empty++
		return nil
	}
	s.Objects++
	s.Bytes += size
	_, err := fmt.Fprintf(w, "%s,%s\n", o.Bucket, escape(key))
	return err
}

// escape URL-encodes a key but for its slashes, a space as %20: what reads it
// may take a plus for either. No encoded key holds a comma, a quote or a line
// end, so that no field of the CSV file needs quotes.
func escape(key string) string {
	return strings.ReplaceAll(strings.ReplaceAll(url.QueryEscape(key), "+", "%20"), "%2F", "/")
}
