package lstm

import (
	"math"
	"slices"
)

// batchPlan says which rows of a batch to compute, in which order, and which
// to copy.
type batchPlan struct {
	order []int32 // rows to compute
	same  []int32 // [rows]: the row whose result a row takes, itself if it is computed

	steps        []int32 // [rows]: an estimate of the steps to compute
	table        []int32 // open addressing: row + 1, 0 = free
	sorted, more []int32
}

// make plans a batch.
func (p *batchPlan) make(o *Options, rows int, in []Input) {
	p.order, p.same = grow(p.order, rows)[:0], grow(p.same, rows)
	if o.NoDedupe || rows == 1 {
		for row := range rows {
			p.same[row] = int32(row)
			p.order = append(p.order, int32(row))
		}
	} else {
		p.findEqual(rows, in)
	}
	if !o.NoSort && len(p.order) > 1 {
		p.sort(rows, in)
	}
}

// findEqual fills order with the first of each group of rows that are equal
// in all inputs, bit for bit.
func (p *batchPlan) findEqual(rows int, in []Input) {
	size := 2
	for size < 2*rows {
		size *= 2
	}
	p.table = grow(p.table, size)
	clear(p.table)
	for row := range rows {
		at := int(hashRow(in, row, rows) & uint64(size-1))
		for {
			other := int(p.table[at]) - 1
			if other < 0 {
				p.table[at] = int32(row) + 1
				p.same[row] = int32(row)
				p.order = append(p.order, int32(row))
				break
			}
			if equalRows(in, row, other, rows) {
				p.same[row] = int32(other)
				break
			}
			at = (at + 1) & (size - 1)
		}
	}
}

// copyEqual copies results to the rows that were not computed.
func (p *batchPlan) copyEqual(out [][]float32, rows int) {
	if len(p.order) == rows {
		return
	}
	for _, o := range out {
		n := len(o) / rows
		for row, same := range p.same {
			if int(same) != row {
				copy(o[row*n:][:n], o[int(same)*n:])
			}
		}
	}
}

// sort puts rows with as many steps to compute together, most first. What
// counts is ids that are not 0, an estimate: masks and layers differ in what
// they skip, and each recurrent layer puts the rows of its tile in its own
// order.
func (p *batchPlan) sort(rows int, in []Input) {
	p.steps = grow(p.steps, rows)
	clear(p.steps)
	most := int32(0)
	for i := range in {
		n := len(in[i].IDs) / rows
		for row := range p.steps {
			for _, id := range in[i].IDs[row*n:][:n] {
				if id != 0 {
					p.steps[row]++
				}
			}
			most = max(most, p.steps[row])
		}
	}
	p.more = grow(p.more, int(most)+1)
	p.sorted = grow(p.sorted, len(p.order))
	sortByCount(p.sorted, p.order, p.steps, p.more)
	p.order, p.sorted = p.sorted, p.order
}

// sortByCount sets dst to rows in the order of count[row], largest first,
// equal ones as they stand, and more[c] to the number of rows with a count
// above c. No count is above len(more) - 1.
func sortByCount(dst, rows, count, more []int32) {
	clear(more)
	for _, row := range rows {
		more[count[row]]++
	}
	sum := int32(0)
	for c := len(more) - 1; c >= 0; c-- {
		more[c], sum = sum, sum+more[c]
	}
	// more[c] is where the rows with count c begin; placing them moves it to
	// where those with count c-1 begin.
	for _, row := range rows {
		at := &more[count[row]]
		dst[*at] = row
		*at++
	}
	copy(more, more[1:])
	more[len(more)-1] = 0
}

// hashRow hashes one row of all inputs.
func hashRow(in []Input, row, rows int) uint64 {
	h := uint64(0x9e3779b97f4a7c15) // any odd number
	mix := func(x uint32) {
		h = (h ^ uint64(x)) * 0xff51afd7ed558ccd // a multiplier of MurmurHash3
		h ^= h >> 32
	}
	for i := range in {
		ids, values := rowOf(in[i].IDs, row, rows), rowOf(in[i].Values, row, rows)
		for _, id := range ids {
			mix(uint32(id))
		}
		for _, v := range values {
			mix(math.Float32bits(v))
		}
	}
	return h
}

func equalRows(in []Input, a, b, rows int) bool {
	for i := range in {
		if !slices.Equal(rowOf(in[i].IDs, a, rows), rowOf(in[i].IDs, b, rows)) {
			return false
		}
		x, y := rowOf(in[i].Values, a, rows), rowOf(in[i].Values, b, rows)
		for k := range x {
			if math.Float32bits(x[k]) != math.Float32bits(y[k]) {
				return false
			}
		}
	}
	return true
}

func rowOf[E any](batch []E, row, rows int) []E {
	n := len(batch) / rows
	return batch[row*n:][:n]
}
