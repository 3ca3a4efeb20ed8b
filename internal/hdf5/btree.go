package hdf5

// Node types of version 1 B-trees.
const (
	btreeGroup = 0 // symbol nodes of a group
	btreeChunk = 1 // chunks of a dataset
)

// btree1 calls leaf for every child of a version 1 B-tree's lowest level, in key
// order, with a cursor on its key of keySize bytes.
func (f *File) btree1(addr uint64, typ, keySize int, leaf func(key *cursor, child uint64)) {
	f.btree1Node(addr, typ, keySize, -1, leaf)
}

// btree1Node reads one node; level is what the node above it expects, -1 for the
// root.
func (f *File) btree1Node(addr uint64, typ, keySize, level int, leaf func(key *cursor, child uint64)) {
	f.spend(stepCost)
	head := uint64(8 + 2*f.offsetSize)
	c := f.signed(addr, head, "TREE")
	if t := c.u8(); t != typ {
		damaged("the B-tree node at %#x has type %d instead of %d", addr, t, typ)
	}
	nodeLevel, n := c.u8(), c.u16()
	if level >= 0 && nodeLevel != level {
		damaged("the B-tree node at %#x is on level %d instead of %d", addr, nodeLevel, level)
	}
	// One key more than children: the last closes the range.
	c = f.cursor(addr+head, uint64(n*(keySize+f.offsetSize)+keySize))
	for range n {
		key := c.take(keySize)
		child := c.addr()
		if nodeLevel > 0 {
			f.btree1Node(child, typ, keySize, nodeLevel-1, leaf)
			continue
		}
		f.spend(stepCost)
		leaf(&cursor{f: f, b: key}, child)
	}
}

// btree2 is a version 2 B-tree.
type btree2 struct {
	f          *File
	typ        int
	nodeSize   uint64
	recordSize int
	visit      func(record *cursor)
	visited    uint64
	// Of a node whose subtree has as many levels below it as the index says:
	maxRecords []uint64 // how many records the node can hold
	maxTotal   []uint64 // how many records its subtree can hold
}

// btree2 calls visit for every record of a version 2 B-tree, in key order.
func (f *File) btree2(addr uint64, typ int, visit func(record *cursor)) {
	size := uint64(18 + f.offsetSize + f.lengthSize)
	c := f.signed(addr, size, "BTHD")
	f.verify(addr, size)
	t := btree2{f: f, typ: typ, visit: visit}
	t.checkType(addr, c)
	t.nodeSize = uint64(c.u32())
	t.recordSize = c.u16()
	depth := c.u16()
	c.take(2) // split and merge percentages
	root, rootRecords, total := c.addr(), c.u16(), c.length()
	t.plan(addr, depth)
	if root != undefined {
		t.node(root, rootRecords, depth)
	}
	if t.visited != total {
		damaged("the B-tree at %#x announces %d records and holds %d", addr, total, t.visited)
	}
}

func (t *btree2) checkType(addr uint64, c *cursor) {
	if v := c.u8(); v != 0 {
		unsupported("version 2 B-tree of revision %d at %#x is not supported; %s", v, addr, repack)
	}
	if typ := c.u8(); typ != t.typ {
		damaged("the B-tree at %#x has records of type %d instead of %d", addr, typ, t.typ)
	}
}

// nodeOverhead is a node's signature, version, type and checksum.
const nodeOverhead = 10

// plan works out the capacities of the nodes on every level. They decide how wide
// the counters are that stand beside the pointers to children.
func (t *btree2) plan(addr uint64, depth int) {
	if t.recordSize == 0 || t.nodeSize < nodeOverhead+uint64(t.recordSize) || depth > 16 {
		damaged("the B-tree at %#x has nodes of %d bytes, records of %d and depth %d", addr, t.nodeSize, t.recordSize, depth)
	}
	room := t.nodeSize - nodeOverhead
	leaf := room / uint64(t.recordSize)
	t.maxRecords, t.maxTotal = []uint64{leaf}, []uint64{leaf}
	for d := 1; d <= depth; d++ {
		pointer := uint64(t.pointerSize(d))
		if room < pointer {
			damaged("the B-tree at %#x has nodes too small for a pointer", addr)
		}
		n := (room - pointer) / (uint64(t.recordSize) + pointer)
		below := t.maxTotal[d-1]
		if below > 1<<48 || n == 0 {
			damaged("the B-tree at %#x is impossibly deep", addr)
		}
		t.maxRecords = append(t.maxRecords, n)
		t.maxTotal = append(t.maxTotal, (n+1)*below+n)
	}
}

// pointerSize is the size of a pointer in a node of depth d > 0: the child's
// address, the number of its records and, above the lowest two levels, the number
// of records in its subtree.
func (t *btree2) pointerSize(d int) int {
	n := t.f.offsetSize + byteWidth(t.maxRecords[0])
	if d > 1 {
		n += byteWidth(t.maxTotal[d-1])
	}
	return n
}

// node visits a node of n records with depth levels below it.
func (t *btree2) node(addr uint64, n, depth int) {
	f := t.f
	if uint64(n) > t.maxRecords[depth] {
		damaged("the B-tree node at %#x claims %d records, at most %d fit", addr, n, t.maxRecords[depth])
	}
	f.spend(stepCost * uint64(n+1))
	signature, pointers := "BTLF", 0
	if depth > 0 {
		signature, pointers = "BTIN", (n+1)*t.pointerSize(depth)
	}
	used := uint64(6 + n*t.recordSize + pointers)
	c := f.signed(addr, used, signature)
	t.checkType(addr, c)
	f.verify(addr, used)
	records := &cursor{f: f, b: c.take(n * t.recordSize)}
	for i := range n + 1 {
		if depth > 0 {
			child := c.addr()
			childRecords := int(c.uint(byteWidth(t.maxRecords[0])))
			if depth > 1 {
				c.take(byteWidth(t.maxTotal[depth-1]))
			}
			t.node(child, childRecords, depth-1)
		}
		if i < n {
			t.visited++
			t.visit(&cursor{f: f, b: records.take(t.recordSize)})
		}
	}
}

// byteWidth is the number of bytes that hold n.
func byteWidth(n uint64) int {
	w := 1
	for n >>= 8; n > 0; n >>= 8 {
		w++
	}
	return w
}
