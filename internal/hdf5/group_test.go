package hdf5

import (
	"errors"
	"slices"
	"testing"
)

func openRoot(t testing.TB, name string) *Group {
	t.Helper()
	f, err := Open(load(t, name))
	if err != nil {
		t.Fatal(err)
	}
	g, err := f.Root()
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// TestLookups: paths are relative or absolute, follow soft links, and fail with
// the kind of error the documentation promises.
func TestLookups(t *testing.T) {
	root := openRoot(t, "corner/groups_compact.h5")
	layer, err := root.Group("слой")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"ядро:0", "./ядро:0", "soft", "absolute", "up/слой/soft", "/слой//ядро:0", "/again/absolute"} {
		d, err := layer.Dataset(path)
		if err != nil {
			t.Errorf("%q: %v", path, err)
			continue
		}
		if !slices.Equal(d.Shape(), []int{2, 3}) {
			t.Errorf("%q has shape %v", path, d.Shape())
		}
	}
	for _, c := range []struct {
		path string
		kind error
		text string
	}{
		{"none", ErrNotExist, `hdf5: "/слой/none": there is no "none" here`},
		{"dangling", ErrNotExist, `hdf5: "/слой/dangling": there is no "nothing" here`},
		{"loop", ErrNotExist, `hdf5: "/слой/loop": more than 16 soft links, one pointing to the next`},
		{"up", ErrType, `hdf5: "/слой/up": this is a group, not a dataset`},
		{"soft/more", ErrType, `hdf5: "/слой/soft/more": a dataset has no member "more"`},
	} {
		_, err := layer.Dataset(c.path)
		if !errors.Is(err, c.kind) || err.Error() != c.text {
			t.Errorf("%q: error %q, want %q", c.path, err, c.text)
		}
	}
	if _, err := root.Group("слой/timed"); !errors.Is(err, ErrType) {
		t.Errorf("a dataset opened as a group: error %v", err)
	}
	if k, err := root.Kind("слой/soft"); k != KindDataset || err != nil {
		t.Errorf("kind %v, error %v", k, err)
	}
	if _, err := root.Attr("none"); !errors.Is(err, ErrNotExist) || err.Error() != `hdf5: "/@none": there is no such attribute` {
		t.Errorf("error %v", err)
	}
}

// TestNamesAreSorted: whatever order the file keeps.
func TestNamesAreSorted(t *testing.T) {
	for _, name := range []string{"keras/36_track_order_group.h5", "corner/links_dense_deep.h5.gz", "corner/symbol_tree_deep.h5"} {
		if names := openRoot(t, name).Names(); !slices.IsSorted(names) {
			t.Errorf("%s: %q", name, names)
		}
	}
}

// TestWalkEndsInCycles: every object is visited once, by its first name.
func TestWalkEndsInCycles(t *testing.T) {
	var paths []string
	if err := openRoot(t, "keras/31_cycle.h5").Walk(func(path string, _ Kind) error {
		paths = append(paths, path)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(paths, []string{"g", "g/x"}) {
		t.Errorf("visited %q", paths)
	}
	stop := errors.New("stop")
	if err := openRoot(t, "keras/31_cycle.h5").Walk(func(string, Kind) error { return stop }); err != stop {
		t.Errorf("the visitor's error came back as %v", err)
	}
}

// TestBigGroupsAreListedOnce: looking up the members of a group one by one does
// not read its listing again each time.
func TestBigGroupsAreListedOnce(t *testing.T) {
	root := openRoot(t, "corner/many_layers.h5.gz")
	g, err := root.Group("model_weights")
	if err != nil {
		t.Fatal(err)
	}
	names := g.Names()
	if len(names) != 1500 {
		t.Fatalf("%d names", len(names))
	}
	before := g.object.f.work
	for _, n := range names {
		if _, err := root.Group("model_weights/" + n); err != nil {
			t.Fatal(err)
		}
	}
	// One look at a layer costs its header and its own listing: some ten steps.
	if spent := before - g.object.f.work; spent > 1500*40*stepCost {
		t.Errorf("1,500 lookups cost %d", spent)
	}
}
