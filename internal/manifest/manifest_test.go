package manifest

import (
	"encoding/csv"
	"errors"
	"fmt"
	"iter"
	"net/url"
	"strings"
	"testing"
	"time"

	"coldstream/internal/s3objects"
)

// listing yields objects and then err, unless that is nil.
func listing(err error, objects ...s3objects.Info) iter.Seq2[s3objects.Info, error] {
	return func(yield func(s3objects.Info, error) bool) {
		for _, o := range objects {
			if !yield(o, nil) {
				return
			}
		}
		if err != nil {
			yield(s3objects.Info{}, err)
		}
	}
}

var day = time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)

func TestTheManifestNamesEveryObject(t *testing.T) {
	keys := []string{"a b+c.gz", "a,\"b\"\n.gz", "x/%41/\u00e9.gz", "y/*~!'().gz", "z"}
	objects := []s3objects.Info{{Key: "folder/"}}
	for _, k := range keys {
		objects = append(objects, s3objects.Info{Key: k, Size: 10, Modified: day})
	}
	var w strings.Builder
	var told []int
	sum, err := Write(&w, "posts", listing(nil, objects...), Options{}, func(s Summary) { told = append(told, s.Listed) })
	if err != nil || sum != (Summary{Listed: 6, Objects: 5, Bytes: 50, Empty: 1}) || fmt.Sprint(told) != "[1 2 3 4 5 6]" {
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
	if !strings.Contains(w.String(), "posts,x/%2541/%C3%A9.gz\n") {
		t.Errorf("%s", w.String())
	}
}

func TestFilters(t *testing.T) {
	objects := listing(nil, s3objects.Info{Key: "a.gz", Size: 1, Modified: day.Add(-time.Second)}, s3objects.Info{Key: "b.gz", Size: 2, Modified: day},
		s3objects.Info{Key: "c.json", Size: 4, Modified: day}, s3objects.Info{Key: "d.gz", Modified: day}, s3objects.Info{Key: "e.gz", Size: 8, Modified: day.Add(time.Hour)})
	var w strings.Builder
	sum, err := Write(&w, "posts", objects, Options{Suffix: ".gz", Since: day}, nil)
	if err != nil || w.String() != "posts,b.gz\nposts,e.gz\n" || sum != (Summary{Listed: 5, Objects: 2, Bytes: 10, Empty: 1, Other: 2}) {
		t.Errorf("%q %+v %v", w.String(), sum, err)
	}
}

func TestListingsThatFail(t *testing.T) {
	broken := errors.New("no such bucket")
	sum, err := Write(new(strings.Builder), "posts", listing(broken, s3objects.Info{Key: "a", Size: 1}), Options{}, nil)
	if err != broken || sum.Listed != 1 {
		t.Errorf("%+v, error %v", sum, err)
	}
}
