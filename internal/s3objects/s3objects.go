// Package s3objects reads the objects under a prefix of an S3 bucket: in the
// order of the listing, several at once, in bounded memory.
//
// ParsePlace reads s3://BUCKET/PREFIX, New makes a Reader of a client of the
// AWS SDK. Reader.Objects gives one object after the other, Reader.Download
// stores them in a directory. Errors are one line that says what to do.
package s3objects

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// Client has the operations of *s3.Client that a Reader needs.
type Client interface {
	ListObjectsV2(ctx context.Context, in *s3.ListObjectsV2Input, options ...func(*s3.Options)) (*s3.ListObjectsV2Output, error)
	GetObject(ctx context.Context, in *s3.GetObjectInput, options ...func(*s3.Options)) (*s3.GetObjectOutput, error)
}

// Place is where objects lie. Prefix is the beginning of their keys, which need
// not end at a slash; it may be empty.
type Place struct{ Bucket, Prefix string }

// String returns the place as it is given on a command line.
func (p Place) String() string { return "s3://" + p.Bucket + "/" + p.Prefix }

// IsPlace reports whether text means a place in S3, well-formed or not, and not
// a directory.
func IsPlace(text string) bool { return len(text) >= 3 && strings.EqualFold(text[:3], "s3:") }

// ParsePlace reads s3://BUCKET/PREFIX. The prefix is taken as it stands: nothing
// in it is decoded.
func ParsePlace(text string) (Place, error) {
	rest, ok := strings.CutPrefix(text, "s3://")
	bucket, prefix, _ := strings.Cut(rest, "/")
	if !ok || bucket == "" {
		return Place{}, fmt.Errorf("%s is no place in S3; want s3://BUCKET/PREFIX", quoted(text))
	}
	if !isBucket(bucket) {
		return Place{}, fmt.Errorf("%s is no place in S3: a bucket's name has 3 to 63 lower case letters, digits, '-' and '.'", quoted(text))
	}
	if len(prefix) > maxKey {
		return Place{}, fmt.Errorf("the prefix in s3://%s/ has %d bytes; a key has %d at most", bucket, len(prefix), maxKey)
	}
	return Place{bucket, prefix}, nil
}

// maxKey is the longest key that S3 takes, in bytes.
const maxKey = 1024

// isBucket tells whether s is a bucket's name: it becomes part of a host's.
func isBucket(s string) bool {
	for _, c := range []byte(s) {
		if ('a' > c || c > 'z') && ('0' > c || c > '9') && c != '-' && c != '.' {
			return false
		}
	}
	return 3 <= len(s) && len(s) <= 63 && !strings.ContainsAny(s[:1]+s[len(s)-1:], "-.") && !strings.Contains(s, "..")
}

// quoted is text for an error, in quotes if something in it would not show.
func quoted(text string) string {
	if q := strconv.Quote(text); q[1:len(q)-1] != text {
		return q
	}
	return text
}

// Info is what a listing says about an object.
type Info struct {
	Key      string
	Size     int64 // bytes as stored
	Modified time.Time
	ETag     string // of this content; "" if the service gives none
}

// Marker reports whether the object stands for a folder, as consoles make them.
func (i *Info) Marker() bool { return i.Size == 0 && strings.HasSuffix(i.Key, "/") }

// Hidden reports whether a part of the key behind the place's last slash begins
// with a dot, as those of unfinished files do. "." and ".." are odd, not hidden.
func (p Place) Hidden(key string) bool {
	for part := range strings.SplitSeq(p.relative(key), "/") {
		if strings.HasPrefix(part, ".") && part != "." && part != ".." {
			return true
		}
	}
	return false
}

// relative is the key behind the last slash of the prefix.
func (p Place) relative(key string) string {
	return strings.TrimPrefix(key, p.Prefix[:strings.LastIndexByte(p.Prefix, '/')+1])
}

// Reader reads the objects of one place. It is safe for concurrent use.
type Reader struct {
	client Client
	place  Place
	stall  time.Duration // without a byte, after which an attempt is given up
}

// stallTimeout is longer than any pause of a service that still works.
const stallTimeout = time.Minute

// New makes a Reader. Endpoint, region, credentials and retries are the
// client's.
func New(client Client, place Place) *Reader {
	return &Reader{client: client, place: place, stall: stallTimeout}
}

// List lists the objects in the order of the bytes of their keys, page by page.
// An error ends it.
func (r *Reader) List(ctx context.Context) iter.Seq2[Info, error] {
	return func(yield func(Info, error) bool) {
		// Without this encoding XML could not carry all keys.
		in := &s3.ListObjectsV2Input{Bucket: &r.place.Bucket, EncodingType: types.EncodingTypeUrl}
		if r.place.Prefix != "" {
			in.Prefix = &r.place.Prefix
		}
		for n := 0; ; {
			page, err := r.page(ctx, in)
			if err != nil {
				yield(Info{}, r.explain(ctx, "list "+quoted(r.place.String()), err))
				return
			}
			for i := range page.Contents {
				info, err := newInfo(&page.Contents[i], page.EncodingType == types.EncodingTypeUrl)
				if err != nil {
					yield(Info{}, fmt.Errorf("list %s: %w", quoted(r.place.String()), err))
					return
				}
				n++
				if !yield(info, nil) {
					return
				}
			}
			if !aws.ToBool(page.IsTruncated) {
				return
			}
			if next := aws.ToString(page.NextContinuationToken); next == "" || next == aws.ToString(in.ContinuationToken) {
				yield(Info{}, fmt.Errorf("list %s: the listing does not go on after %d objects", quoted(r.place.String()), n))
				return
			}
			in.ContinuationToken = page.NextContinuationToken
		}
	}
}

// page lists once. All attempts of the client together have the time of a stall.
func (r *Reader) page(ctx context.Context, in *s3.ListObjectsV2Input) (*s3.ListObjectsV2Output, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, r.stall, errStalled)
	defer cancel()
	page, err := r.client.ListObjectsV2(ctx, in)
	switch {
	case err != nil && context.Cause(ctx) == errStalled:
		return nil, fmt.Errorf("%w for %v", errStalled, r.stall)
	case err == nil && page.Name == nil && len(page.Contents) == 0:
		// The client takes any text, such as that of a proxy, for an empty listing.
		return nil, errors.New("the answer is no listing of a bucket; does AWS_ENDPOINT_URL name a service with S3's interface?")
	}
	return page, err
}

var errStalled = errors.New("the service did not answer")

func newInfo(o *types.Object, encoded bool) (Info, error) {
	i := Info{Key: aws.ToString(o.Key), Size: aws.ToInt64(o.Size), Modified: aws.ToTime(o.LastModified), ETag: aws.ToString(o.ETag)}
	if encoded {
		key, err := url.QueryUnescape(i.Key)
		if err != nil {
			return Info{}, fmt.Errorf("key %q: %w", i.Key, err)
		}
		i.Key = key
	}
	if i.Key == "" || i.Size < 0 {
		return Info{}, fmt.Errorf("the listing has an object with key %q and %d bytes", i.Key, i.Size)
	}
	return i, nil
}
