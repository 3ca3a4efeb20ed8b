package text

import (
	"slices"
	"testing"
)

func TestEncodeCutsAndPadsAsKeras(t *testing.T) {
	c := KerasConfig()
	v, err := Fit(c, slices.Values([]string{"The quick fox, the lazy dog", "the dog!"}))
	if err != nil {
		t.Fatal(err)
	}
	tok, err := New(c, v)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := tok.Encode(nil, "A dog; THE fox"), []int32{2, 1, 4}; !slices.Equal(got, want) {
		t.Fatalf("ids %v, want %v", got, want)
	}
}
