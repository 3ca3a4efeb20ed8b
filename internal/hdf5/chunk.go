package hdf5

// Kinds of chunk indexes.
const (
	indexBTree1          = 0 // the only one before layout version 4
	indexSingle          = 1
	indexImplicit        = 2
	indexFixedArray      = 3
	indexExtensibleArray = 4
	indexBTree2          = 5
)

// chunking describes how a dataset is cut into chunks and where they are listed.
type chunking struct {
	dims     []uint64 // of a chunk, in elements; the last is the element's size in bytes
	index    int
	addr     uint64 // of the index, or of the data itself for indexSingle and indexImplicit
	rawEdges bool   // chunks that reach over the dataset's edge are not filtered

	// For a filtered indexSingle:
	singleFiltered bool
	singleSize     uint64
	singleMask     uint32
}

// parseChunking reads the part of a layout message behind its class.
func parseChunking(c *cursor, version int) chunking {
	if version == 3 {
		rank := c.u8()
		k := chunking{index: indexBTree1, addr: c.addr()}
		for range rank {
			k.dims = append(k.dims, uint64(c.u32()))
		}
		return k
	}
	const (
		rawEdges       = 1
		singleFiltered = 2
	)
	flags, rank, width := c.u8(), c.u8(), c.u8()
	k := chunking{rawEdges: flags&rawEdges != 0, singleFiltered: flags&singleFiltered != 0}
	for range rank {
		k.dims = append(k.dims, c.uint(width))
	}
	k.index = c.u8()
	switch k.index {
	case indexSingle:
		if k.singleFiltered {
			k.singleSize, k.singleMask = c.length(), c.u32()
		}
	case indexImplicit:
	case indexFixedArray:
		c.take(1) // log2 of the page size, repeated in the index
	case indexExtensibleArray:
		unsupported("chunk index type 4 (extensible array) is not supported; %s", repackContiguous)
	case indexBTree2:
		unsupported("chunk index type 5 (version 2 B-tree) is not supported; %s", repackContiguous)
	default:
		unsupported("chunk index type %d is not supported; %s", k.index, repackContiguous)
	}
	k.addr = c.addr()
	return k
}

// chunk is a stored chunk.
type chunk struct {
	at   []uint64 // of its first element in the dataset; valid until the next chunk
	addr uint64
	size uint64 // bytes as stored
	mask uint32 // bit i: filter i was not applied
}

// chunkReader puts a dataset together from its chunks.
type chunkReader struct {
	d        *Dataset
	k        chunking
	dims     []uint64 // of the dataset
	grid     []uint64 // chunks along each dimension
	count    uint64   // product of grid
	size     uint64   // bytes of a whole chunk
	placed   []bool   // by position in the grid, row-major
	missing  uint64
	pipeline *pipeline
	out      []byte

	at, inside, row []uint64 // scratch, one number per dimension
}

// readChunks returns the total bytes of a dataset stored in chunks.
func (d *Dataset) readChunks(k chunking, total uint64) []byte {
	if total == 0 {
		return nil
	}
	if k.addr == undefined {
		return d.unwritten(total)
	}
	r := &chunkReader{d: d, k: k, pipeline: d.parseFilters()}
	r.measure()
	value, hasFill := d.fillValue()
	r.out = d.f.allocate(total)
	fill(r.out, value)
	d.f.reserve(r.count)
	r.placed, r.missing = make([]bool, r.count), r.count
	switch k.index {
	case indexBTree1:
		r.readBTree()
	case indexSingle:
		c := chunk{at: r.position(0), addr: k.addr, size: r.size}
		if k.singleFiltered {
			c.size, c.mask = k.singleSize, k.singleMask
		}
		r.place(c)
	case indexImplicit:
		for i := range r.count {
			r.place(chunk{at: r.position(i), addr: k.addr + i*r.size, size: r.size})
		}
	case indexFixedArray:
		r.readFixedArray()
	}
	if r.missing > 0 && !hasFill {
		unsupported("%d of %d chunks were never written, and the file gives no value to put in their place", r.missing, r.count)
	}
	return r.out
}

// measure checks the chunk's shape and works out the grid.
func (r *chunkReader) measure() {
	rank := len(r.d.size.shape)
	if rank == 0 || len(r.k.dims) != rank+1 || r.k.dims[rank] != uint64(r.d.typ.size) {
		damaged("chunks of shape %v for a dataset of shape %v", r.k.dims, r.d.size.shape)
	}
	r.count, r.size = 1, r.k.dims[rank]
	r.k.dims = r.k.dims[:rank]
	limit := uint64(r.d.f.memory)
	for i, c := range r.k.dims {
		n := uint64(r.d.size.shape[i])
		if c == 0 || c > 1<<32 {
			damaged("chunks of shape %v", r.k.dims)
		}
		across := (n-1)/c + 1
		if c > limit/r.size || across > limit/r.count {
			fail(ErrLimit, "chunks of shape %v in a dataset of shape %v take more memory than a file of %d bytes is allowed", r.k.dims, r.d.size.shape, len(r.d.f.b))
		}
		r.size *= c
		r.count *= across
		r.dims, r.grid = append(r.dims, n), append(r.grid, across)
	}
	r.at, r.inside, r.row = make([]uint64, rank), make([]uint64, rank), make([]uint64, rank)
}

// position returns where chunk number i, in row-major order, begins.
func (r *chunkReader) position(i uint64) []uint64 {
	for d := len(r.at) - 1; d >= 0; d-- {
		r.at[d] = i % r.grid[d] * r.k.dims[d]
		i /= r.grid[d]
	}
	return r.at
}

// number is the inverse of position.
func (r *chunkReader) number(at []uint64) uint64 {
	n := uint64(0)
	for d, x := range at {
		if x >= r.dims[d] || x%r.k.dims[d] != 0 {
			damaged("a chunk at %v of a dataset of shape %v", at, r.d.size.shape)
		}
		n = n*r.grid[d] + x/r.k.dims[d]
	}
	return n
}

func (r *chunkReader) readBTree() {
	rank := len(r.dims)
	keySize := 8 + 8*(rank+1) // size, mask, position in the dataset and in the element
	r.d.f.btree1(r.k.addr, btreeChunk, keySize, func(key *cursor, child uint64) {
		c := chunk{at: r.at, addr: child, size: uint64(key.u32()), mask: key.u32()}
		for d := range c.at {
			c.at[d] = key.uint(8)
		}
		r.place(c)
	})
}

// readFixedArray places the chunks of an index that lists one entry per chunk.
func (r *chunkReader) readFixedArray() {
	f := r.d.f
	size := uint64(8 + f.lengthSize + f.offsetSize)
	c := f.signed(r.k.addr, size, "FAHD")
	f.verify(r.k.addr, size)
	filtered := checkFixedArray(c)
	entrySize, pageBits := c.u8(), c.u8()
	entries, data := c.length(), c.addr()
	if entries != r.count {
		damaged("a fixed array of %d chunks, %d expected", entries, r.count)
	}
	if pageBits >= 64 || entries > 1<<pageBits {
		unsupported("a paged fixed array (more than %d chunks) is not supported; %s", uint64(1)<<min(pageBits, 63), repackContiguous)
	}
	if data == undefined {
		return
	}
	sizeBytes := 0
	if filtered {
		sizeBytes = entrySize - f.offsetSize - 4
	}
	if sizeBytes < 0 || !filtered && entrySize != f.offsetSize {
		damaged("a fixed array with entries of %d bytes", entrySize)
	}
	size = uint64(6+f.offsetSize) + entries*uint64(entrySize)
	c = f.signed(data, size, "FADB")
	f.verify(data, size)
	if checkFixedArray(c) != filtered || c.addr() != r.k.addr {
		damaged("the fixed array block at %#x belongs to another array", data)
	}
	for i := range entries {
		k := chunk{at: r.position(i), addr: c.addr(), size: r.size}
		if filtered {
			k.size, k.mask = c.uint(sizeBytes), c.u32()
		}
		if k.addr != undefined {
			r.place(k)
		}
	}
}

// checkFixedArray reads the version and says whether entries are of filtered
// chunks.
func checkFixedArray(c *cursor) (filtered bool) {
	if v := c.u8(); v != 0 {
		unsupported("fixed array version %d is not supported; %s", v, repackContiguous)
	}
	client := c.u8()
	if client > 1 {
		damaged("a fixed array of entries of type %d", client)
	}
	return client == 1
}

// place decodes a chunk and copies the part of it that is inside the dataset.
func (r *chunkReader) place(c chunk) {
	f := r.d.f
	f.spend(stepCost * uint64(1+len(r.dims)))
	i := r.number(c.at)
	if r.placed[i] {
		damaged("two chunks at %v", c.at)
	}
	r.placed[i] = true
	r.missing--
	b := f.at(c.addr, c.size)
	if !r.k.rawEdges || !r.overEdge(c.at) {
		b = r.pipeline.undo(f, b, c.mask, r.size)
	}
	if uint64(len(b)) != r.size {
		damaged("the chunk at %v has %d bytes instead of %d", c.at, len(b), r.size)
	}
	r.copyInside(b, c.at)
}

// overEdge reports whether a chunk reaches beyond the dataset.
func (r *chunkReader) overEdge(at []uint64) bool {
	for d, x := range at {
		if x+r.k.dims[d] > r.dims[d] {
			return true
		}
	}
	return false
}

// copyInside copies a chunk's rows into the output, leaving out what is beyond
// the dataset's edge.
func (r *chunkReader) copyInside(b []byte, at []uint64) {
	last := len(r.dims) - 1
	element := uint64(r.d.typ.size)
	inside, row := r.inside, r.row // the extent of the part inside the dataset, a position in it
	rows := uint64(1)
	for d := range at {
		inside[d] = min(r.k.dims[d], r.dims[d]-at[d])
		if d < last {
			rows *= inside[d]
		}
	}
	run := inside[last] * element
	r.d.f.spend(rows * (run + 8*uint64(len(at))))
	clear(row)
	for range rows {
		var src, dst uint64
		for d := range at {
			src = src*r.k.dims[d] + row[d]
			dst = dst*r.dims[d] + at[d] + row[d]
		}
		copy(r.out[dst*element:][:run], b[src*element:][:run])
		for d := last - 1; d >= 0; d-- {
			if row[d]++; row[d] < inside[d] {
				break
			}
			row[d] = 0
		}
	}
}
