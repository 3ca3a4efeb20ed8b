package spool

import (
	"errors"
	"hash/crc32"
	"io"
	"strings"
	"testing"
)

// FuzzOpen wants, of whatever stands in the newest segment: no panic, bounded
// memory, and a CorruptError, or a spool that gives its posts and takes more.
// With seal, the checksums of all frames are made right first.
func FuzzOpen(f *testing.F) {
	s := mustOpen(f, "spool", Options{FS: newMemFS()})
	mustAppend(f, s, entries(1, 4), "a")
	mustAppend(f, s, nil, "b")
	base := s.fs.(*memFS).kill() // these two are committed
	name := base.named(segmentSuffix)[0]
	committed := len(base.files[name].data)
	f.Add(base.files[name].data, false)
	mustAppend(f, s, entries(4, 6), "c")
	whole := s.fs.(*memFS).kill().files[name].data
	f.Add(whole, true)
	f.Add(whole[:len(whole)-3], true)
	f.Add(whole[:committed], true)
	f.Add(append(whole, make([]byte, 5000)...), false)
	f.Add([]byte{}, false)

	f.Fuzz(func(t *testing.T, data []byte, seal bool) {
		if len(data) > 1<<20 {
			return
		}
		data = append([]byte{}, data...)
		if seal {
			sealAll(data, s.id)
		}
		fs := base.kill()
		fs.add(name, data)
		sp, err := Open("spool", Options{FS: fs, MaxBytes: 1 << 30})
		if err != nil {
			var damage *CorruptError
			if !errors.As(err, &damage) || strings.Contains(err.Error(), "\n") {
				t.Fatalf("%q", err)
			}
			return
		}
		read := func() (n int) {
			size := int64(0)
			for {
				e, err := sp.Next()
				if err == io.EOF {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				size += int64(len(e.Data))
				n++
			}
			pending, bytes := sp.Pending()
			if n < Window && n != pending || bytes < size || bytes > int64(len(data)) {
				t.Fatalf("%d posts with %d bytes of %d with %d in a file of %d", n, size, pending, bytes, len(data))
			}
			return n
		}
		before := read()
		if int(sp.Healed()) > len(data)-committed {
			t.Fatalf("healed %d of %d bytes, %d are committed", sp.Healed(), len(data), committed)
		}
		mustAppend(t, sp, []Entry{{ID: "more"}}, "more")
		mustClose(t, sp)
		sp = mustOpen(t, "spool", Options{FS: fs})
		if n := read(); n != min(before+1, Window) || string(sp.State()) != "more" || sp.Healed() != 0 {
			t.Fatalf("%d posts, then %d, state %q, healed %d", before, n, sp.State(), sp.Healed())
		}
	})
}

// sealAll makes all checksums of a segment right that lengths lead to.
func sealAll(b []byte, id uint32) {
	if len(b) < headerBytes {
		return
	}
	sum := seed(id, 1)
	seal(b[:headerBytes], sum)
	for b = b[headerBytes:]; len(b) >= headerBytes; {
		end := headerBytes + uint64(littleEndian.Uint32(b[20:]))
		if end > uint64(len(b)) {
			return
		}
		littleEndian.PutUint32(b[24:], crc32.Update(sum, castagnoli, b[headerBytes:end]))
		seal(b[:headerBytes], sum)
		b = b[end:]
	}
}
