package lstm

import (
	"fmt"
	"math"
	"slices"
)

var attentionOperations = []operation{
	{
		op:        OpAttention,
		minInputs: 3, maxInputs: 3, masks: true, maxParams: 2, fields: "score causal",
		build: newAttention,
	},
	{
		op:        OpMultiHeadAttention,
		minInputs: 3, maxInputs: 3, masks: true, minParams: 4, maxParams: 8, fields: "units heads causal masked_scores",
		build: newMultiHead,
	},
}

// attention weighs the steps of a value by how their keys score with each
// query.
type attention struct {
	score  Score
	causal bool
	scale  []float32 // of ScoreAdditive [D]; nil = 1
	weight float32   // of the sum; 1 without
	inner  float32   // of ScoreConcat: factor inside tanh
}

func newAttention(s *spec) (layer, error) {
	l := &attention{score: s.Score, causal: s.Causal, weight: 1, inner: 1}
	if err := checkAttention(s); err != nil {
		return nil, err
	}
	if n := s.Masks; n != nil && (n[0] != "" || n[2] != "") {
		return nil, fmt.Errorf("a mask of the query or the key has no meaning in this operation")
	}
	query, key := s.in[0][1], s.in[2][1]
	if query != key {
		return nil, fmt.Errorf("queries of %d and keys of %d features", query, key)
	}
	scalars := map[Score][]*float32{ScoreDot: {&l.weight}, ScoreConcat: {&l.weight, &l.inner}}
	switch l.score {
	case ScoreDot, ScoreConcat:
		into := scalars[l.score]
		if len(s.params) > len(into) || l.score == ScoreConcat && len(s.params) == 0 {
			return nil, fmt.Errorf("%d weight tensors with score %q", len(s.params), l.score)
		}
		for i := range s.params {
			x, err := s.param(i, "factor")
			if err != nil {
				return nil, err
			}
			*into[i] = x[0]
		}
	case ScoreAdditive:
		if len(s.params) > 1 {
			return nil, fmt.Errorf("%d weight tensors with score %q", len(s.params), l.score)
		}
		if len(s.params) == 1 {
			var err error
			if l.scale, err = s.param(0, "scale", query); err != nil {
				return nil, err
			}
		}
	default:
		return nil, fmt.Errorf("score %q is not known", l.score)
	}
	return l, nil
}

// checkAttention compares the shapes of query, value and key.
func checkAttention(s *spec) error {
	for i, in := range s.in {
		if len(in) != 2 || in[1] < 1 {
			return fmt.Errorf("input %q has shape %s, expected steps with a known number of features", s.Inputs[i], shapeString(in))
		}
	}
	return attentionSteps(s.in)
}

func attentionSteps(in [][]int) error {
	if !sameDim(in[1][0], in[2][0]) {
		return fmt.Errorf("a value of %d and a key of %d steps", in[1][0], in[2][0])
	}
	return nil
}

func (l *attention) shape(dst []int, in [][]int) ([]int, error) {
	return append(dst, in[0][0], in[1][1]), attentionSteps(in)
}

func (l *attention) bind() runner { return &attentionRunner{attention: l} }

// stepMasks has the masks of a layer's inputs.
type stepMasks struct{ masks []*value }

func (m *stepMasks) setMasks(masks []*value) { m.masks = masks }

// hides reports whether a mask hides the step at an index of an input's rows.
func (m *stepMasks) hides(input, at int) bool {
	return len(m.masks) > 0 && m.masks[input] != nil && !m.masks[input].mask[at]
}

type attentionRunner struct {
	*attention
	stepMasks
	scores []float32 // [S]
	sum    []float64 // [E]
}

func (r *attentionRunner) run(out *value, in []*value, _ *value) {
	y := out.makeFloats()
	T, S := in[0].shape[0], in[1].shape[0]
	D, E := in[0].shape[1], in[1].shape[1]
	r.scores, r.sum = grow(r.scores, S), grow(r.sum, E)
	for row := range out.rows {
		query, value, key := in[0].f[row*T*D:][:T*D], in[1].f[row*S*E:][:S*E], in[2].f[row*S*D:][:S*D]
		for t := range T {
			for s := range S {
				r.scores[s] = r.of(query[t*D:][:D], key[s*D:][:D])
				if r.causal && s > t || r.hides(1, row*S+s) {
					r.scores[s] -= 1e9
				}
			}
			softmax(r.scores, S, 1)
			weigh(y[(row*T+t)*E:][:E], r.scores, value, E, r.sum)
		}
	}
}

// of returns the score of a query and a key.
func (r *attentionRunner) of(q, k []float32) float32 {
	sum := 0.0
	switch r.score {
	case ScoreDot:
		sum = dot(q, k)
	case ScoreConcat:
		for i, x := range q {
			sum += float64(tanh(r.inner * (x + k[i])))
		}
	default:
		for i, x := range q {
			v := float64(tanh(x + k[i]))
			if r.scale != nil {
				v = float64(float32(v * float64(r.scale[i])))
			}
			sum += v
		}
	}
	return float32(r.weight * float32(sum))
}

// dot returns the sum of the products of two vectors; those of float32 are
// exact in float64.
func dot(a, b []float32) float64 {
	sum := 0.0
	for i, x := range a {
		sum += float64(x) * float64(b[i])
	}
	return sum
}

// weigh sets y to the sum of the rows of x [len(weights)][n], each times its
// weight. sum is [n].
func weigh(y, weights, x []float32, n int, sum []float64) {
	clear(sum)
	for s, w := range weights {
		for i, v := range x[s*n:][:n] {
			sum[i] += float64(w) * float64(v)
		}
	}
	for i, v := range sum {
		y[i] = float32(v)
	}
}

// multiHead is attention in several heads, each with projections of its own.
type multiHead struct {
	projections [4]matrix    // of query, key and value [features][heads*k or v], and of the heads together [heads*v][units]
	biases      [4][]float32 // [width]
	features    [3]int       // of query, value and key
	heads       int
	key, value  int // features of a head
	units       int
	causal      bool
	masked      Masked
	scale       float32 // 1/sqrt(key)
}

func newMultiHead(s *spec) (layer, error) {
	if err := checkAttention(s); err != nil {
		return nil, err
	}
	l := &multiHead{heads: s.Heads, units: s.Units, causal: s.Causal, masked: s.MaskedScores}
	switch {
	case l.heads < 1 || l.units < 1:
		return nil, fmt.Errorf("%d heads and %d units, expected at least 1", l.heads, l.units)
	case len(s.params) != 4 && len(s.params) != 8:
		return nil, fmt.Errorf("%d weight tensors, expected 4 or, with biases, 8", len(s.params))
	case !slices.Contains([]Masked{MaskedAdd, MaskedReplace, MaskedZero}, l.masked):
		return nil, fmt.Errorf("masked scores %q is not known", l.masked)
	}
	for i, in := range s.in {
		l.features[i] = in[1]
	}
	each := len(s.params) / 4
	// Query and key decide the width of a key, value and output that of a value.
	width := func(i, axis int) (int, error) {
		t := s.params[i*each]
		if len(t.Shape) != 2 || t.Shape[axis] < 1 || t.Shape[axis]%l.heads != 0 {
			return 0, fmt.Errorf("projection %q has shape %s, which does not fit %d heads", s.Params[i*each], shapeString(t.Shape), l.heads)
		}
		return t.Shape[axis], nil
	}
	keys, err := width(0, 1)
	if err != nil {
		return nil, err
	}
	values, err := width(3, 0)
	if err != nil {
		return nil, err
	}
	l.key, l.value = keys/l.heads, values/l.heads
	l.scale = float32(1 / math.Sqrt(float64(l.key)))
	for i, shape := range [4][2]int{{l.features[0], keys}, {l.features[2], keys}, {l.features[1], values}, {values, l.units}} {
		m, err := s.matrix(i*each, "projection", shape[0], shape[1])
		if err != nil {
			return nil, err
		}
		l.projections[i] = m[0]
		var bias []float32
		if each == 2 {
			if bias, err = s.param(2*i+1, "bias", shape[1]); err != nil {
				return nil, err
			}
		}
		l.biases[i] = padded(bias, m[0].width())
	}
	return l, nil
}

func (l *multiHead) shape(dst []int, in [][]int) ([]int, error) {
	return append(dst, in[0][0], l.units), attentionSteps(in)
}

func (l *multiHead) bind() runner { return &multiHeadRunner{multiHead: l} }

type multiHeadRunner struct {
	*multiHead
	stepMasks
	q, k, v []float32 // projections of the tile
	joined  []float32 // [rows][T][heads*value]
	z       []float32 // [rows][T][width of units]
	scores  []float32 // [S]
	hidden  []bool    // [S]
	values  []float32 // [S][value]: of one head
	sum     []float64 // [value]
}

// project returns x [n][features] times projection i plus bias, as rows of the
// projection's width, in the memory of z.
func (r *multiHeadRunner) project(i int, z, x []float32, features, n int) []float32 {
	w := r.projections[i].width()
	z = grow(z, n*w)
	r.projections[i].product(z, w, x, features, n, r.biases[i], nil)
	return z
}

func (r *multiHeadRunner) run(out *value, in []*value, _ *value) {
	y := out.makeFloats()
	T, S, rows := in[0].shape[0], in[1].shape[0], out.rows
	r.q = r.project(0, r.q, in[0].f, r.features[0], rows*T)
	r.k = r.project(1, r.k, in[2].f, r.features[2], rows*S)
	r.v = r.project(2, r.v, in[1].f, r.features[1], rows*S)
	keys, values := r.projections[0].width(), r.projections[2].width()
	together := r.heads * r.value
	r.joined = grow(r.joined, rows*T*together)
	r.scores, r.hidden = grow(r.scores, S), grow(r.hidden, S)
	r.values, r.sum = grow(r.values, S*r.value), grow(r.sum, r.value)
	for i := range r.q {
		r.q[i] = float32(r.q[i] * r.scale)
	}
	for row := range rows {
		for head := range r.heads {
			for s := range S {
				copy(r.values[s*r.value:][:r.value], r.v[(row*S+s)*values+head*r.value:])
			}
			for t := range T {
				q := r.q[(row*T+t)*keys+head*r.key:][:r.key]
				for s := range S {
					r.scores[s] = float32(dot(q, r.k[(row*S+s)*keys+head*r.key:][:r.key]))
				}
				r.hide(row, t, T, S)
				weigh(r.joined[(row*T+t)*together+head*r.value:][:r.value], r.scores, r.values, r.value, r.sum)
			}
		}
	}
	width := r.projections[3].width()
	r.z = r.project(3, r.z, r.joined, together, rows*T)
	for i := range rows * T {
		copy(y[i*r.units:][:r.units], r.z[i*width:])
	}
}

// hide masks the scores of step t and makes weights of them.
func (r *multiHeadRunner) hide(row, t, T, S int) {
	all := r.hides(0, row*T+t)
	for s := range S {
		r.hidden[s] = all || r.causal && s > t || r.hides(1, row*S+s) || r.hides(2, row*S+s)
		switch {
		case !r.hidden[s]:
		case r.masked == MaskedAdd:
			r.scores[s] -= 1e9
		default:
			r.scores[s] = -1e9
		}
	}
	softmax(r.scores, S, 1)
	if r.masked == MaskedZero {
		for s, h := range r.hidden {
			if h {
				r.scores[s] = 0
			}
		}
	}
}
