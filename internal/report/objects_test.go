package report

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/fstest"
	"testing/iotest"
)

// TestErrorsOfASequenceEndIt, whereas an object that breaks off is a bad line.
func TestErrorsOfASequenceEndIt(t *testing.T) {
	broken := errors.New("the bucket is gone")
	var end error
	objects := func(yield func(Object, error) bool) {
		half := io.MultiReader(strings.NewReader(scored("1", "Positive")+`{"id":`), iotest.ErrReader(io.ErrUnexpectedEOF))
		if !yield(Object{Name: "half", Size: 9, Body: half}, nil) || !yield(Object{Name: "whole", Size: 1, Body: strings.NewReader(scored("2", "Negative"))}, nil) {
			t.Error("an object that breaks off ended it")
		}
		if end != nil && yield(Object{}, end) {
			t.Error("more is asked for behind an error")
		}
	}
	r, err := ReadObjects(objects, nil)
	if err != nil || r.Objects != 2 || r.Bytes != 10 || r.Scored != 2 || r.Bad != 1 || r.BadList[0].String() != "half, line 2: unexpected EOF" {
		t.Errorf("got %+v, %v", r, err)
	}
	end = broken
	if _, err := ReadObjects(objects, nil); err != broken {
		t.Errorf("got %v", err)
	}
	if _, err := VerifyObjects(t.Context(), strings.NewReader(`{"id":"1"}`), objects); err != broken {
		t.Errorf("got %v", err)
	}
}

func TestFilesEndWhenAsked(t *testing.T) {
	n := 0
	for range Files(fstest.MapFS{"a": {}, "b": {}, "c/d": {}}) {
		if n++; n == 2 {
			break
		}
	}
	if n != 2 {
		t.Errorf("got %d files", n)
	}
}
