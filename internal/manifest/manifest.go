// Package manifest writes the manifest of an S3 Batch Operations job: Write
// writes a line for each object of a listing.
package manifest

import (
	"fmt"
	"io"
	"iter"
	"net/url"
	"strings"
	"time"

	"coldstream/internal/s3objects"
)

// Options say which objects are named: zero, all but empty ones.
type Options struct {
	Suffix string    // of the keys; "" = any
	Since  time.Time // of the last change, this moment included; zero = any
}

// Summary is the account of a listing: Listed = Objects + Empty + Other.
type Summary struct {
	Listed  int
	Objects int   // named in the manifest
	Bytes   int64 // of those, as stored
	Empty   int   // left out: nothing is in them, as in the folders of a console
	Other   int   // left out by Suffix and Since
}

// Write writes a line "bucket,key" to w for each of the objects that a listing
// of the bucket has, keys URL-encoded and in the listing's order. progress, which
// may be nil, is told after every object. The listing's error ends it.
func Write(w io.Writer, bucket string, objects iter.Seq2[s3objects.Info, error], o Options, progress func(Summary)) (Summary, error) {
	var sum Summary
	for object, err := range objects {
		if err != nil {
			return sum, err
		}
		if err := sum.add(w, bucket, &o, &object); err != nil {
			return sum, err
		}
		if progress != nil {
			progress(sum)
		}
	}
	return sum, nil
}

// add counts an object and writes its line if it belongs into the manifest.
func (s *Summary) add(w io.Writer, bucket string, o *Options, object *s3objects.Info) error {
	s.Listed++
	switch {
	case !strings.HasSuffix(object.Key, o.Suffix), !o.Since.IsZero() && object.Modified.Before(o.Since):
		s.Other++
		return nil
	case object.Size == 0:
		s.Empty++
		return nil
	}
	s.Objects++
	s.Bytes += object.Size
	_, err := fmt.Fprintf(w, "%s,%s\n", bucket, escape(object.Key))
	return err
}

// escape URL-encodes a key but for its slashes, a space as %20: what reads it
// may take a plus for either. No encoded key holds a comma, a quote or a line
// end, so that no field of the CSV file needs quotes.
func escape(key string) string {
	return strings.ReplaceAll(strings.ReplaceAll(url.QueryEscape(key), "+", "%20"), "%2F", "/")
}
