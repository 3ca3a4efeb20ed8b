package spool

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// copyFiles returns a file layer with the same files.
func copyFiles(m *memFS) *memFS { return m.kill() }

// content returns the bytes of all files by name.
func (m *memFS) content() map[string]string {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := make(map[string]string)
	for name, f := range m.files {
		all[name] = string(f.data)
	}
	return all
}

// named returns the names with a suffix, in order.
func (m *memFS) named(suffix string) (names []string) {
	for name := range m.content() {
		if strings.HasSuffix(name, suffix) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// checkCorrupt fails the test unless err names file and nothing in m changed.
func checkCorrupt(t *testing.T, m *memFS, before map[string]string, err error, file, what string) {
	t.Helper()
	var damage *CorruptError
	if !errors.As(err, &damage) || file != "" && damage.File != file {
		t.Errorf("%s: %v", what, err)
		return
	}
	if strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), damage.File) {
		t.Errorf("%s: %q", what, err)
	}
	if !maps.Equal(before, m.content()) {
		t.Errorf("%s: files changed", what)
	}
}

// TestCutAtEveryByte: a committed segment that is too short is damage; what a
// commit that did not finish left is cut off.
func TestCutAtEveryByte(t *testing.T) {
	for _, first := range []bool{false, true} { // the unfinished commit is the first of its segment
		o := Options{FS: newMemFS()}
		if first {
			o.SegmentBytes = 1
		}
		s := mustOpen(t, "spool", o)
		mustAppend(t, s, entries(1, 3), "a")
		mustAppend(t, s, entries(3, 6), "b")
		before := copyFiles(s.fs.(*memFS))
		mustAppend(t, s, entries(6, 9), "c")
		after := copyFiles(s.fs.(*memFS))
		names := after.named(segmentSuffix)
		newest := names[len(names)-1]
		committed := len(before.content()[newest])
		full := after.content()[newest]

		for _, name := range names {
			size := len(after.content()[name])
			for cut := range size {
				// All three commits had returned.
				fs := copyFiles(after)
				fs.files[name].data = fs.files[name].data[:cut]
				content := fs.content()
				_, err := Open("spool", Options{FS: fs})
				checkCorrupt(t, fs, content, err, name, fmt.Sprintf("%s cut at %d of %d", name, cut, size))
			}
		}
		for cut := 0; cut <= len(full); cut++ {
			// The third was under way; zeros stand for sectors that were not written.
			for _, tail := range []string{"", strings.Repeat("\x00", len(full)-cut)} {
				if cut < committed && tail == "" {
					continue
				}
				fs := copyFiles(before)
				fs.add(newest, []byte(full[:max(cut, committed)]+tail))
				if cut < committed {
					continue
				}
				s, err := Open("spool", Options{FS: fs})
				if err != nil {
					t.Errorf("cut at %d: %v", cut, err)
					continue
				}
				whole := cut == len(full)
				if whole {
					if string(s.State()) != "c" || s.Healed() != 0 {
						t.Errorf("nothing cut: state %q, healed %d", s.State(), s.Healed())
					}
					wantRest(t, s, span(1, 9)...)
					continue
				}
				// Data may end in zeros of its own, which makes it whole.
				if want := int64(cut - committed + len(tail)); string(s.State()) != "b" || s.Healed() != want {
					t.Errorf("cut at %d and %d zeros: state %q, healed %d, want %d", cut, len(tail), s.State(), s.Healed(), want)
				}
				wantRest(t, s, span(1, 6)...)
				mustAppend(t, s, entries(6, 8), "d")
				s = mustOpen(t, "spool", Options{FS: fs.kill()})
				if s.Healed() != 0 || string(s.State()) != "d" {
					t.Errorf("cut at %d, after another run: healed %d, state %q", cut, s.Healed(), s.State())
				}
				wantRest(t, s, span(1, 8)...)
			}
		}
	}
}

// TestDamageBeforeLaterCommitsIsLoud: without the mark of what was committed,
// later commits prove that the damaged one was.
func TestDamageBeforeLaterCommitsIsLoud(t *testing.T) {
	s := mustOpen(t, "spool", Options{FS: newMemFS()})
	mustAppend(t, s, entries(1, 3), "a")
	old := s.fs.(*memFS).content()["spool/ack"]
	mustAppend(t, s, entries(3, 6), "b")
	second := s.total
	mustAppend(t, s, entries(6, 9), "c")
	mustAppend(t, s, entries(9, 12), "d")
	fs := copyFiles(s.fs.(*memFS))
	fs.add("spool/ack", []byte(old))
	name := fs.named(segmentSuffix)[0]
	for off := range int(second) {
		fs := copyFiles(fs)
		fs.files[name].data[off] ^= 0x10
		content := fs.content()
		_, err := Open("spool", Options{FS: fs})
		checkCorrupt(t, fs, content, err, name, fmt.Sprintf("bit at %d", off))
	}
	// The undamaged commits count although they were not marked.
	s = mustOpen(t, "spool", Options{FS: fs})
	if string(s.State()) != "d" || s.Healed() != 0 {
		t.Errorf("state %q, healed %d", s.State(), s.Healed())
	}
	wantRest(t, s, span(1, 12)...)
}

// small returns the files of a spool after a kill, in which post 1 is pending,
// 2 acknowledged, segments were removed, and there are two files of keys.
func small(t *testing.T) (fs *memFS, o Options, pending []uint64, total uint64) {
	o = Options{SegmentBytes: 150, Keys: 4, FS: newMemFS()}
	s := mustOpen(t, "spool", o)
	for n := 1; n < 16; n += 2 {
		mustAppend(t, s, entries(n, n+2), fmt.Sprint(n))
	}
	rest(t, s)
	mustAck(t, s, "x", span(1, 10)...)
	mustAck(t, s, "y", 11, 13)
	fs = copyFiles(o.FS.(*memFS))
	if n := len(fs.named(keysSuffix)); n != 2 {
		t.Fatalf("%d files of keys", n)
	}
	return fs, o, []uint64{10, 12, 14, 15, 16}, 16
}

// TestEveryFlippedBitIsLoudOrHarmless: every pending post comes, or Open says
// what is damaged and changes nothing.
func TestEveryFlippedBitIsLoudOrHarmless(t *testing.T) {
	fs, o, pending, total := small(t)
	base := fs.content()
	for name, data := range base {
		loud, harmless := 0, 0
		for bit := range len(data) * 8 {
			if strings.HasSuffix(name, marksName) && bit/8%slotBytes > 150 {
				continue // behind the slots' content: the same for all
			}
			fs := copyFiles(fs)
			fs.files[name].data[bit/8] ^= 1 << (bit % 8)
			flipped := string(fs.files[name].data)
			o.FS = fs
			s, err := Open("spool", o)
			if err != nil {
				content := maps.Clone(base)
				content[name] = flipped
				checkCorrupt(t, fs, content, err, name, fmt.Sprintf("%s, bit %d", name, bit))
				loud++
				continue
			}
			harmless++
			got := rest(t, s)
			for _, n := range pending {
				if !slices.Contains(got, n) {
					t.Errorf("%s, bit %d: post %d is lost, there are %v", name, bit, n, got)
				}
			}
			for n := uint64(1); n <= total+5; n++ {
				if s.Has(n) != (n <= total) && n > total-4 {
					t.Errorf("%s, bit %d: Has(%d) is %v", name, bit, n, s.Has(n))
				}
			}
			if string(s.State()) != "15" || s.Healed() != 0 {
				t.Errorf("%s, bit %d: state %q, healed %d", name, bit, s.State(), s.Healed())
			}
		}
		t.Logf("%s: %d flipped bits are loud, %d harmless", name, loud, harmless)
		if onlyLoud := strings.HasSuffix(name, segmentSuffix) || strings.HasSuffix(name, keysSuffix); onlyLoud != (harmless == 0) {
			t.Errorf("%s: %d flipped bits are harmless", name, harmless)
		}
	}
}

// TestFlippedBitInTheMarksOfAClosedSpool costs nothing:
// another slot has what is needed.
func TestFlippedBitInTheMarksOfAClosedSpool(t *testing.T) {
	fs, o, pending, total := small(t)
	o.FS = fs
	s := mustOpen(t, "spool", o)
	want := s.marks.keys
	mustClose(t, s)
	for off := range slots * slotBytes {
		if off%slotBytes > 150 {
			continue
		}
		o.FS = copyFiles(fs)
		o.FS.(*memFS).files["spool/"+marksName].data[off] ^= 4
		s, err := Open("spool", o)
		if err != nil {
			t.Errorf("byte %d: %v", off, err)
			continue
		}
		if s.marks.keys != want || string(s.AckState()) != "y" || s.MaybeSent() != len(pending) || s.next != total+1 {
			t.Errorf("byte %d: keys %+v, want %+v, state %q, %d maybe sent", off, s.marks.keys, want, s.AckState(), s.MaybeSent())
		}
		wantPending(t, s, pending...)
		wantRest(t, s, pending...)
	}
}

// TestMissingFilesAreLoud removes each file.
func TestMissingFilesAreLoud(t *testing.T) {
	fs, o, _, _ := small(t)
	for name := range fs.content() {
		fs := copyFiles(fs)
		delete(fs.files, name)
		content := fs.content()
		o.FS = fs
		_, err := Open("spool", o)
		checkCorrupt(t, fs, content, err, "", "without "+name)
	}
	// Marks alone are not a new spool if there were posts.
	for name := range fs.content() {
		if !strings.HasSuffix(name, marksName) {
			delete(fs.files, name)
		}
	}
	o.FS = fs
	if _, err := Open("spool", o); err == nil {
		t.Error("marks without segments were taken for a new spool")
	}
}

// TestForeignFilesAreLoud: a segment of another spool, or under another name, is
// not this one's.
func TestForeignFilesAreLoud(t *testing.T) {
	files := func() *memFS {
		s := mustOpen(t, "spool", Options{FS: newMemFS(), SegmentBytes: 1})
		mustAppend(t, s, entries(1, 3), "a")
		mustAppend(t, s, entries(3, 5), "b")
		return copyFiles(s.fs.(*memFS))
	}
	fs, other := files(), files()
	names := fs.named(segmentSuffix)
	for _, c := range []struct {
		what string
		with func(*memFS)
	}{
		{"a foreign first segment", func(m *memFS) { m.add(names[0], other.files[names[0]].data) }},
		{"a foreign newest segment", func(m *memFS) { m.add(names[1], other.files[names[1]].data) }},
		{"the newest twice", func(m *memFS) { m.add("spool/"+segmentName(3), m.files[names[1]].data) }},
		{"the first as the newest", func(m *memFS) { m.add(names[1], m.files[names[0]].data) }},
		{"another version", func(m *memFS) {
			data := m.files[names[1]].data
			data[7] = 2
			seal(data[:headerBytes], seed(littleEndian.Uint32(data[24:]), 2))
		}},
	} {
		m := copyFiles(fs)
		c.with(m)
		content := m.content()
		_, err := Open("spool", Options{FS: m})
		checkCorrupt(t, m, content, err, "", c.what)
	}
}

// TestDamageUnderNextIsLoud: what was good at Open.
func TestDamageUnderNextIsLoud(t *testing.T) {
	fs := newMemFS()
	s := mustOpen(t, "spool", Options{FS: fs})
	mustAppend(t, s, entries(1, 3), "a")
	fs.files[fs.named(segmentSuffix)[0]].data[headerBytes+headerBytes+20] ^= 1
	var damage *CorruptError
	for range 2 {
		if _, err := s.Next(); !errors.As(err, &damage) || damage.Offset != headerBytes {
			t.Errorf("got %v", err)
		}
	}
}
