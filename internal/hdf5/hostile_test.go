package hdf5

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"runtime/metrics"
	"strings"
	"testing"
)

// allocated runs f and returns how many bytes were allocated meanwhile.
func allocated(f func()) uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	before := sample[0].Value.Uint64()
	f()
	metrics.Read(sample)
	return sample[0].Value.Uint64() - before
}

// readEverything opens a file and decodes all of it.
func readEverything(b []byte) error {
	f, err := Open(b)
	if err == nil {
		_, err = readAll(f)
	}
	return err
}

// TestSmallFilesAllocateLittle: what a small file claims to hold never makes the
// reader allocate more than 64 MB, or work without end.
func TestSmallFilesAllocateLittle(t *testing.T) {
	const huge = 1 << 40
	fillOne := msg(msgFill, 0, 3, 0x20|2<<2, 4, 0, 0, 0, 0, 0, 0x80, 0x3f)
	bomb := deflated(make([]byte, 1<<20))
	files := map[string]func() []byte{
		"unwritten data, huge": func() []byte {
			return oneDataset(newBuilder(), dataspace(huge), typeFloat32, contiguous(undefined, 0))
		},
		"unwritten data, just refused": func() []byte {
			return oneDataset(newBuilder(), dataspace(12<<20), typeFloat32, fillOne, contiguous(undefined, 0))
		},
		"unwritten data to be widened": func() []byte {
			return oneDataset(newBuilder(), dataspace(15<<20), typeFloat16, contiguous(undefined, 0))
		},
		"huge chunks": func() []byte {
			w := newBuilder()
			tree := w.put(chunkTree(chunkKey{100, []uint64{0}, 0}))
			return oneDataset(w, dataspace(4), typeFloat32, chunkedV3(tree, 1<<31, 4), filters(filterDeflate))
		},
		"many tiny chunks": func() []byte {
			w := newBuilder()
			tree := w.put(chunkTree(chunkKey{1, []uint64{0}, 0}))
			return oneDataset(w, dataspace(huge), typeByte, chunkedV3(tree, 1, 1))
		},
		"implicit chunks one over the other": func() []byte {
			body := []byte{4, layoutChunked, 0, 33, 1}
			body = append(body, bytes.Repeat([]byte{1}, 33)...)
			body = le64(append(body, indexImplicit), 0)
			shape := bytes.Repeat([]byte{1, 0, 0, 0, 0, 0, 0, 0}, 32)
			shape[2] = 2 // 1<<17 + 1
			space := msg(msgDataspace, 0, append([]byte{2, 32, 0, 1}, shape...)...)
			return oneDataset(newBuilder(), space, typeByte, msg(msgLayout, 0, body...))
		},
		"a chunk that inflates without end": func() []byte {
			w := newBuilder()
			data := w.put(bomb)
			tree := w.put(chunkTree(chunkKey{uint32(len(bomb)), []uint64{0}, data}))
			return oneDataset(w, dataspace(100), typeFloat32, chunkedV3(tree, 100, 4), filters(filterDeflate))
		},
		"a filter many times over": func() []byte {
			w := newBuilder()
			data := w.put(bomb)
			ids := bytes.Repeat([]byte{filterShuffle}, 255)
			ids[254] = filterDeflate
			tree := w.put(chunkTree(chunkKey{uint32(len(bomb)), []uint64{0}, data}))
			return oneDataset(w, dataspace(1<<18), typeFloat32, chunkedV3(tree, 1<<18, 4), filters(ids...))
		},
		"a tree that branches into itself": func() []byte {
			w := newBuilder()
			child := uint64(0)
			for level := range 20 {
				node := append([]byte("TREE"), btreeGroup, byte(level), 8, 0)
				node = le64(node, undefined, undefined)
				for range 8 {
					node = le64(node, 0, child)
				}
				child = w.put(le64(node, 0))
			}
			heap := w.put(le64([]byte("HEAP\x00\x00\x00\x00"), 8, 0, 0))
			return w.finish(w.put(header2(msg(msgSymbolTable, 0, le64(nil, child, heap)...))))
		},
		"a header that continues in itself": func() []byte {
			w := newBuilder()
			addr := uint64(len(w.b))
			h := binary.LittleEndian.AppendUint16([]byte{1, 0}, 60000)
			h = append(h, 1, 0, 0, 0, 24, 0, 0, 0, 0, 0, 0, 0)
			h = append(h, msgContinuation, 0, 16, 0, 0, 0, 0, 0)
			h = le64(h, addr+16, 24)
			return w.finish(w.put(h))
		},
		"soft links in a ring": func() []byte {
			w := newBuilder()
			soft := msg(msgLink, 0, 1, 8, 1, 1, 'x', 1, 0, 'x')
			return w.finish(w.put(header2(soft)))
		},
	}
	for name, build := range files {
		t.Run(name, func(t *testing.T) {
			b := build()
			if len(b) > 4096 {
				t.Fatalf("the file has %d bytes", len(b))
			}
			var err error
			n := allocated(func() { err = readEverything(b) })
			t.Logf("%d bytes, %d allocated: %v", len(b), n, err)
			if n > 64<<20 {
				t.Errorf("a file of %d bytes allocated %d", len(b), n)
			}
			if err == nil && name != "soft links in a ring" {
				t.Error("the file was read without an error")
			}
		})
	}
}

// TestRepeatedReadingHitsTheLimit: the allowance is for the life of a File, and
// generous enough for dozens of rounds.
func TestRepeatedReadingHitsTheLimit(t *testing.T) {
	f, err := Open(load(t, "keras/20_f16.h5"))
	if err != nil {
		t.Fatal(err)
	}
	root, err := f.Root()
	if err != nil {
		t.Fatal(err)
	}
	for i := range 1 << 20 {
		d, err := root.Dataset("x")
		if err == nil {
			_, err = d.Float32s()
		}
		if err != nil {
			if i < 1000 {
				t.Errorf("refused after %d rounds", i)
			}
			wantError(t, err, ErrLimit, "read too often")
			return
		}
	}
	t.Error("no limit in 2^20 rounds")
}

// TestEveryCutIsRefused: no beginning of a file passes for the file.
func TestEveryCutIsRefused(t *testing.T) {
	for _, name := range []string{"keras/19_compact.h5", "keras/29_userblock.h5", "keras/04_libver_latest.h5", "corner/groups_compact.h5"} {
		b := load(t, name)
		for n := range b {
			if err := readEverything(b[:n]); err == nil {
				t.Fatalf("%s cut to %d of %d bytes reads without an error", name, n, len(b))
			}
		}
		wantError(t, readEverything(b[:len(b)-1]), ErrDamaged, "cut short")
	}
}

// TestChecksumsAreVerified: a changed byte in any kind of checksummed block is
// noticed.
func TestChecksumsAreVerified(t *testing.T) {
	tried := map[string]int{}
	for _, name := range []string{
		"corner/links_dense_deep.h5.gz", "corner/links_nested_blocks.h5.gz", "corner/attributes_many_v2.h5",
		"corner/chunks_latest.h5", "corner/chunks_v110.h5", "corner/user_block.h5",
	} {
		b := load(t, name)
		for _, signature := range []string{"OHDR", "OCHK", "FRHP", "FHDB", "FHIB", "BTHD", "BTIN", "BTLF", "FAHD", "FADB"} {
			at := bytes.Index(b, []byte(signature))
			if at < 0 {
				continue
			}
			tried[signature]++
			for _, offset := range []int{13, 15, 20} {
				changed := bytes.Clone(b)
				changed[at+offset] ^= 0x10
				if err := readEverything(changed); err == nil {
					t.Errorf("%s: byte %d of the first %s changed: no error", name, offset, signature)
				}
			}
		}
	}
	if len(tried) != 10 {
		t.Errorf("only %v were found", tried)
	}
	b := load(t, "keras/04_libver_latest.h5")
	b[20] ^= 1
	wantError(t, readEverything(b), ErrDamaged, "")
	b = load(t, "keras/16_fletcher32_earliest.h5")
	b[len(b)-100] ^= 1
	wantError(t, readEverything(b), ErrDamaged, "in a chunk")
}

// TestFlippedBitsNeverPanic: a bit flipped anywhere gives an error or a reading,
// never a panic.
func TestFlippedBitsNeverPanic(t *testing.T) {
	for _, name := range []string{"keras/26_committed_type.h5", "keras/30_links.h5", "corner/groups_compact.h5", "corner/layouts_v0.h5"} {
		b := load(t, name)
		for i := range b {
			for _, bit := range []byte{1, 0x80} {
				b[i] ^= bit
				_ = readEverything(b)
				b[i] ^= bit
			}
		}
	}
}

// TestRefusalsMadeByHand: features that no library at hand writes.
func TestRefusalsMadeByHand(t *testing.T) {
	patch := func(name, find, replace string) []byte {
		b := load(t, name)
		if n := strings.Count(string(b), find); n != 1 {
			t.Fatalf("%s: the place to patch occurs %d times", name, n)
		}
		return []byte(strings.Replace(string(b), find, replace, 1))
	}
	// A layout message of 24 bytes in a version 1 header: type, size, flags, then version 3, class 1.
	const layout = "\x08\x00\x18\x00\x00\x00\x00\x00\x03\x01"
	oldLayout := func(v byte) []byte {
		return patch("keras/22_f32_be.h5", layout, layout[:8]+string(v)+"\x01")
	}
	superblock := func(at int, v ...byte) []byte {
		b := load(t, "keras/22_f32_be.h5")
		copy(b[at:], v)
		return b
	}
	notHDF5 := []byte("\x89PNG\r\n\x1a\nsomething else")
	for _, c := range []struct {
		name  string
		file  []byte
		kind  error
		words string
	}{
		{"empty file", nil, ErrFormat, "not an HDF5 file"},
		{"another format", notHDF5, ErrFormat, "not an HDF5 file"},
		{"layout version 1", oldLayout(1), ErrUnsupported, "data layout version 1 (HDF5 1.6 and older)"},
		{"layout version 2", oldLayout(2), ErrUnsupported, "data layout version 2 (HDF5 1.6 and older)"},
		{"layout version 6", oldLayout(6), ErrUnsupported, "data layout version 6"},
		{"superblock version 4", superblock(8, 4), ErrUnsupported, "superblock version 4"},
		{"addresses of 16 bytes", superblock(13, 16), ErrUnsupported, "addresses or sizes of 16 bytes"},
		{"driver information", superblock(48, 0, 0, 0, 0, 0, 0, 0, 0), ErrUnsupported, "split over several"},
		{"unknown message", oneDataset(newBuilder(), msg(0x99, flagFailIfUnknown)), ErrUnsupported, "header message type 0x99"},
		{"user-defined link", func() []byte {
			w := newBuilder()
			return w.finish(w.put(header2(msg(msgLink, 0, 1, 8, 99, 1, 'x', 0, 0))))
		}(), ErrUnsupported, `"x" is a user-defined link`},
		{"two members of one name", func() []byte {
			w := newBuilder()
			return w.finish(w.put(header2(hardLink("x", 0), hardLink("x", 0))))
		}(), ErrDamaged, `two members named "x"`},
		{"two chunks in one place", func() []byte {
			w := newBuilder()
			k := chunkKey{4, []uint64{0}, 0}
			return oneDataset(w, dataspace(4), typeByte, chunkedV3(w.put(chunkTree(k, k)), 4, 1))
		}(), ErrDamaged, "two chunks at [0]"},
		{"a chunk off the grid", func() []byte {
			w := newBuilder()
			return oneDataset(w, dataspace(4), typeByte, chunkedV3(w.put(chunkTree(chunkKey{2, []uint64{1}, 0})), 2, 1))
		}(), ErrDamaged, "a chunk at [1]"},
		{"unknown filter", func() []byte {
			w := newBuilder()
			return oneDataset(w, dataspace(4), typeByte, chunkedV3(w.put(chunkTree(chunkKey{4, []uint64{0}, 0})), 4, 1), filters(77))
		}(), ErrUnsupported, "filter 77 is not supported; run `h5repack -f NONE"},
	} {
		t.Run(c.name, func(t *testing.T) { wantError(t, readEverything(c.file), c.kind, c.words) })
	}
}

// FuzzOpen reads everything in mutated files, once as they are and once with
// checksums ignored, so that mutations get past them. Nothing may panic, and what
// is allocated stays bounded.
func FuzzOpen(f *testing.F) {
	for _, folder := range []string{"keras", "corner"} {
		files, err := filepath.Glob(filepath.Join("testdata", folder, "*.h5"))
		if err != nil {
			f.Fatal(err)
		}
		for _, name := range files {
			b, err := os.ReadFile(name)
			if err != nil {
				f.Fatal(err)
			}
			if len(b) < 16<<10 { // mutations of larger ones seldom hit a structure
				f.Add(b)
			}
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, trust := range []bool{false, true} {
			n := allocated(func() {
				if file, err := open(b, trust); err == nil {
					_, err = readAll(file)
					_ = fmt.Sprint(err)
				}
			})
			if limit := uint64(64<<20 + 4*memoryPerByte*len(b)); n > limit {
				t.Errorf("%d bytes allocated for a file of %d, at most %d allowed", n, len(b), limit)
			}
		}
	})
}
