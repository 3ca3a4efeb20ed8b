package manifest

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

type object struct {
	key  string
	size int64
	at   time.Time
}

// bucket lists its objects in pages of two.
type bucket struct {
	objects []object
	plain   bool // does not know encoding-type
	stuck   bool // gives the same token for ever
	err     error
	asked   []string
}

func (b *bucket) ListObjectsV2(_ context.Context, in *s3.ListObjectsV2Input, _ ...func(*s3.Options)) (*s3.ListObjectsV2Output, error) {
	b.asked = append(b.asked, aws.ToString(in.Bucket)+"/"+aws.ToString(in.Prefix))
	if b.err != nil {
		return nil, b.err
	}
	from := 0
	if in.ContinuationToken != nil && !b.stuck {
		fmt.Sscan(*in.ContinuationToken, &from)
	}
	out := &s3.ListObjectsV2Output{EncodingType: in.EncodingType}
	if b.plain {
		out.EncodingType = ""
	}
	for _, o := range b.objects[from:min(from+2, len(b.objects))] {
		key := o.key
		if !b.plain {
			key = url.QueryEscape(key)
		}
		out.Contents = append(out.Contents, types.Object{Key: &key, Size: aws.Int64(o.size), LastModified: &o.at})
	}
	if from+2 < len(b.objects) {
		out.IsTruncated, out.NextContinuationToken = aws.Bool(true), aws.String(fmt.Sprint(from+2))
	}
	return out, nil
}

var day = time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)

func TestTheManifestNamesEveryObject(t *testing.T) {
	keys := []string{"a b+c.gz", "a,\"b\"\n.gz", "x/%41/\u00e9.gz", "y/*~!'().gz", "z"}
	for _, plain := range []bool{false, true} {
		b := &bucket{plain: plain}
		for _, k := range keys {
			b.objects = append(b.objects, object{k, 10, day})
		}
		b.objects = append(b.objects, object{"folder/", 0, day})
		var w strings.Builder
		var told []int
		sum, err := Write(t.Context(), &w, b, Options{Bucket: "posts", Prefix: "p/"}, func(s Summary) { told = append(told, s.Listed) })
		if err != nil || sum != (Summary{Listed: 6, Objects: 5, Bytes: 50, Empty: 1}) || fmt.Sprint(told) != "[2 4 6]" {
			t.Fatalf("%+v %v %v", sum, told, err)
		}
		rows, err := csv.NewReader(strings.NewReader(w.String())).ReadAll()
		if err != nil || len(rows) != len(keys) {
			t.Fatalf("%q: %v", w.String(), err)
		}
		for i, row := range rows {
			// Read as those do that take a plus for a space, and those that do not.
			one, err1 := url.QueryUnescape(row[1])
			two, err2 := url.PathUnescape(row[1])
			if len(row) != 2 || row[0] != "posts" || one != keys[i] || two != keys[i] || err1 != nil || err2 != nil {
				t.Errorf("row %q, want key %q", row, keys[i])
			}
		}
		if !strings.Contains(w.String(), "posts,x/%2541/%C3%A9.gz\n") || b.asked[0] != "posts/p/" {
			t.Errorf("%s of %q", w.String(), b.asked)
		}
	}
}

func TestFilters(t *testing.T) {
	b := &bucket{objects: []object{{"a.gz", 1, day.Add(-time.Second)}, {"b.gz", 2, day}, {"c.json", 4, day}, {"d.gz", 0, day}, {"e.gz", 8, day.Add(time.Hour)}}}
	var w strings.Builder
	sum, err := Write(t.Context(), &w, b, Options{Bucket: "posts", Suffix: ".gz", Since: day}, nil)
	if err != nil || w.String() != "posts,b.gz\nposts,e.gz\n" || sum != (Summary{Listed: 5, Objects: 2, Bytes: 10, Empty: 1, Other: 2}) {
		t.Errorf("%q %+v %v", w.String(), sum, err)
	}
}

func TestListingsThatFail(t *testing.T) {
	broken := errors.New("no such bucket")
	for want, b := range map[string]*bucket{
		"manifest: list s3://posts/p: no such bucket": {err: broken},
		"does not go on after 4 objects":              {stuck: true, objects: make([]object, 5)},
	} {
		if _, err := Write(t.Context(), new(strings.Builder), b, Options{Bucket: "posts", Prefix: "p"}, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %s", err, want)
		}
	}
}
