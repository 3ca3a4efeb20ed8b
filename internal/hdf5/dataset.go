package hdf5

import "bytes"

// Dataset is an HDF5 dataset: an array stored on its own.
type Dataset struct {
	node
	array
}

// newDataset parses the type and shape of a dataset.
func newDataset(n node) *Dataset {
	o := n.object
	if k := o.kind(); k != KindDataset {
		fail(ErrType, "this is a %s, not a dataset", k)
	}
	typ, ok := o.find(msgDatatype)
	space, ok2 := o.find(msgDataspace)
	if !ok || !ok2 {
		damaged("the dataset has no type or no shape")
	}
	d := &Dataset{node: n}
	d.f = o.f
	d.typ = o.f.parseDatatype(typ)
	d.size = o.f.parseExtent(space)
	d.byteLen() // must fit a memory
	if d.typ.opaque && d.typ.size == 2 && d.saysBFloat16() {
		d.typ.kind, d.typ.name = elementBFloat16, "bfloat16"
	}
	return d
}

// AssumeBFloat16 makes bfloat16 of elements that are two bytes of which the
// file does not say more. Keras 3 saves models with that policy so as .h5 files.
func (d *Dataset) AssumeBFloat16() {
	if d.typ.opaque && d.typ.size == 2 {
		d.typ.kind, d.typ.name = elementBFloat16, "bfloat16"
	}
}

// saysBFloat16: HDF5 has had no bfloat16 for long, so Keras 3 stores its bytes as
// an opaque type and the name as an attribute.
func (d *Dataset) saysBFloat16() bool {
	a, ok := d.object.attribute("dtype")
	return ok && a.size.count == 1 && (a.typ.kind == elementFixedString || a.typ.kind == elementVarString) && a.text(a.raw) == "bfloat16"
}

// Float32s returns the elements of a dataset of numbers in row-major order,
// rounded to float32 where they have more digits. Little-endian float32 stored in
// one piece are returned as a part of the file, without a copy, when they lie at
// a multiple of 4 in memory: the slice must not be changed. What was never
// written has the dataset's fill value.
func (d *Dataset) Float32s() (v []float32, err error) {
	defer catch(&err, d.path)
	return d.float32s(d.read()), nil
}

// Int64s returns the elements of a dataset of integers in row-major order.
func (d *Dataset) Int64s() (v []int64, err error) {
	defer catch(&err, d.path)
	return d.int64s(d.read()), nil
}

// Strings returns the elements of a dataset of strings in row-major order.
func (d *Dataset) Strings() (s []string, err error) {
	defer catch(&err, d.path)
	return d.strings(d.read()), nil
}

// Classes of data layouts.
const (
	layoutCompact    = 0
	layoutContiguous = 1
	layoutChunked    = 2
	layoutVirtual    = 3
)

// read returns the elements as they are stored, filters undone.
func (d *Dataset) read() []byte {
	if d.object.has(msgExternalFiles) {
		unsupported("data in external files is not supported; %s", writeAgain)
	}
	body, _ := d.object.find(msgLayout)
	c := &cursor{f: d.f, b: body}
	version := c.u8()
	switch version {
	case 1, 2:
		unsupported("data layout version %d (HDF5 1.6 and older) is not supported; %s", version, repack)
	case 3, 4, 5:
	default:
		unsupported("data layout version %d is not supported; %s", version, repack)
	}
	total := d.byteLen()
	switch class := c.u8(); class {
	case layoutCompact:
		b := c.take(c.u16())
		if uint64(len(b)) < total {
			damaged("%d bytes of data instead of %d", len(b), total)
		}
		return b[:total]
	case layoutContiguous:
		addr, stored := c.addr(), c.length()
		switch {
		case total == 0:
			return nil
		case addr == undefined:
			return d.unwritten(total)
		case stored < total:
			damaged("%d bytes of data instead of %d", stored, total)
		}
		return d.f.at(addr, total)
	case layoutChunked:
		return d.readChunks(parseChunking(c, version), total)
	case layoutVirtual:
		unsupported("a virtual dataset is not supported; %s", repackContiguous)
	default:
		damaged("data layout class %d", class)
	}
	return nil
}

// unwritten returns n bytes of fill value.
func (d *Dataset) unwritten(n uint64) []byte {
	value, ok := d.fillValue()
	if !ok {
		unsupported("the data was never written, and the file gives no value to put in its place")
	}
	b := d.f.allocate(n)
	fill(b, value)
	return b
}

// fill repeats value over b; no value is zero bytes.
func fill(b, value []byte) {
	if bytes.Count(value, []byte{0}) == len(value) {
		return
	}
	for n := copy(b, value); n < len(b); n *= 2 {
		copy(b[n:], b[:n])
	}
}

// fillValue returns the element that stands for data never written, empty for
// zero. ok is false when such data is left undefined.
func (d *Dataset) fillValue() (value []byte, ok bool) {
	const neverFill = 1 // the time at which the value is written
	var size int
	if body, has := d.object.find(msgFill); has {
		c := &cursor{f: d.f, b: body}
		switch version := c.u8(); version {
		case 1, 2:
			c.take(1) // when space is allocated
			time, defined := c.u8(), c.u8() != 0
			if time == neverFill || !defined {
				return nil, false
			}
		case 3:
			flags := c.u8()
			if flags>>2&3 == neverFill || flags&0x10 != 0 {
				return nil, false
			}
			if flags&0x20 == 0 {
				return nil, true
			}
		default:
			unsupported("fill value message version %d is not supported; %s", version, repack)
		}
		size = int(c.u32())
		value = c.take(size)
	} else if body, has := d.object.find(msgOldFill); has {
		c := &cursor{f: d.f, b: body}
		size = int(c.u32())
		value = c.take(size)
	}
	if size != 0 && size != d.typ.size {
		damaged("a fill value of %d bytes for elements of %d", size, d.typ.size)
	}
	if d.typ.kind == elementVarString && bytes.Count(value, []byte{0}) != len(value) {
		unsupported("a fill value for variable-length strings is not supported; %s", writeAgain)
	}
	return value, true
}
