package source

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
)

// counted is a Source with counters and a key for each post.
type counted struct {
	Source
	closed *int
}

func (c *counted) Next(ctx context.Context) (Post, error) {
	p, err := c.Source.Next(ctx)
	if p.ID == "a" {
		p.Key = "k"
	}
	return p, err
}

func (c *counted) Counters() map[string]int64 { return map[string]int64{"deletes": 2} }

func (c *counted) Close() error { *c.closed++; return c.Source.Close() }

// threePosts opens an input of two posts and a bad record.
func threePosts(closed *int) func(string) (Source, error) {
	return func(cursor string) (Source, error) {
		s, err := NewReader("in", "file", strings.NewReader("id,text\na,x\nbad\nb,y\n"), Options{Cursor: cursor})
		if err != nil {
			return nil, err
		}
		return &counted{s, closed}, nil
	}
}

func TestLoopedBeginsAgain(t *testing.T) {
	closed := 0
	s, err := Looped(threePosts(&closed), "")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for range 8 {
		p, err := s.Next(t.Context())
		var bad *BadRecordError
		if errors.As(err, &bad) {
			p.ID = "bad"
		} else if err != nil {
			t.Fatal(err)
		}
		got = append(got, p.ID+" "+p.Key+" "+s.Cursor())
	}
	want := []string{"a k 1#1", "bad  1#2", "b  1#3", "a#2 k#2 2#1", "bad  2#2", "b#2  2#3", "a#3 k#3 3#1", "bad  3#2"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	for _, s := range []Source{s, Paced(s, 1)} {
		if c := s.(Counter).Counters(); c["deletes"] != 6 {
			t.Errorf("the counters of %T are %v", s, c)
		}
	}
	if err := s.Close(); err != nil || closed != 3 {
		t.Errorf("%d of 3 rounds were closed, %v", closed, err)
	}
}

func TestLoopedGoesOnAtTheCursor(t *testing.T) {
	closed := 0
	for cursor, want := range map[string]string{"": "a", "2": "b", "1#2": "b", "3": "a#2", "1#3": "a#2", "7#2": "b#7", "7#": "a#7"} {
		s, err := Looped(threePosts(&closed), cursor)
		if err != nil {
			t.Fatal(err)
		}
		if p, err := s.Next(t.Context()); err != nil || p.ID != want {
			t.Errorf("%q: got %q, %v; want %q", cursor, p.ID, err, want)
		}
	}
	for _, cursor := range []string{"0#1", "x#1", "-1#1", "1#4", "#"} {
		if _, err := Looped(threePosts(&closed), cursor); err == nil {
			t.Errorf("cursor %q was accepted", cursor)
		}
	}
}

// TestLoopedEnds when a round has no post: it would go round and round.
func TestLoopedEnds(t *testing.T) {
	for name, in := range map[string]string{"no records": "text\n", "bad records": "text\na,b\n"} {
		s, err := Looped(func(cursor string) (Source, error) {
			return NewReader("in", "file", strings.NewReader(in), Options{Cursor: cursor})
		}, "")
		if err != nil {
			t.Fatal(err)
		}
		var bad *BadRecordError
		for err == nil || errors.As(err, &bad) {
			_, err = s.Next(t.Context())
		}
		if err != io.EOF {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// TestLoopedFileLeavesNothingOpen: goroutines that are left behind fail the
// bubble, however long the run.
func TestLoopedFileLeavesNothingOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "posts.csv")
	if err := os.WriteFile(path, []byte("text\nx\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		ctx := context.Background() // lives longer than the source
		s, err := Looped(func(cursor string) (Source, error) { return OpenFile(ctx, path, Options{Cursor: cursor}) }, "")
		if err != nil {
			t.Fatal(err)
		}
		take(t, s, 20)
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}
