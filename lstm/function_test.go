package lstm

import (
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"testing"
)

var long = flag.Bool("long", false, "try the activations on all 2^32 float32 values (go test -run Exhaustive ./lstm -args -long)")

// bounded are the functions whose values are within [-1, 1]: their error is
// measured absolutely.
var bounded = []Activation{Sigmoid, Tanh, HardSigmoidKeras2, HardSigmoidKeras3}

// checkFunction returns the error of f at x: absolute up to 1, relative
// beyond. NaN and infinities must be those of float64.
func checkFunction(t *testing.T, f Activation, function func(float32) float32, x float32) float64 {
	got, want := float64(function(x)), refFunction(f, float64(x))
	if math.Abs(want) > math.MaxFloat32 {
		want = math.Inf(int(math.Copysign(1, want)))
	}
	switch {
	case got == want, math.IsNaN(got) && math.IsNaN(want):
		return 0
	case math.IsNaN(got), math.IsNaN(want), math.IsInf(got, 0), math.IsInf(want, 0):
		// The largest float32 and infinity are one rounding apart.
		if math.IsInf(got, 1) && want > math.MaxFloat32*(1-1e-7) {
			return 0
		}
		t.Errorf("%s(%v) = %v, want %v", f, x, got, want)
		return 0
	}
	return math.Abs(got-want) / max(1, math.Abs(want))
}

// activations returns all constants of type Activation.
func activations(t *testing.T) []Activation {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "graph.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var all []Activation
	ast.Inspect(file, func(n ast.Node) bool {
		v, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if kind, ok := v.Type.(*ast.Ident); ok && kind.Name == "Activation" {
			name, err := strconv.Unquote(v.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, Activation(name))
		}
		return true
	})
	return all
}

func TestEveryActivationHasAFunction(t *testing.T) {
	all := activations(t)
	if len(all) < 20 || !slices.Contains(all, GLU) {
		t.Fatalf("found only %q", all)
	}
	for _, f := range all {
		ways := 0
		for _, is := range []bool{f == Softmax, elementFunction(f) != nil, laneFunction(f) != nil} {
			if is {
				ways++
			}
		}
		if ways != 1 {
			t.Errorf("activation %q is computed in %d ways, want one", f, ways)
		}
	}
}

func TestFunctionsAreAccurate(t *testing.T) {
	for _, f := range activations(t) {
		function := elementFunction(f)
		if function == nil {
			continue
		}
		t.Run("function="+string(f), func(t *testing.T) {
			worst, at := 0.0, float32(0)
			try := func(x float32) {
				if e := checkFunction(t, f, function, x); e > worst {
					worst, at = e, x
				}
			}
			for i := 0; i < 1<<32; i += 9973 { // all exponents, signs, NaNs
				try(math.Float32frombits(uint32(i)))
			}
			for x := float32(-20); x < 20; x += 1.0 / 4096 {
				try(x)
			}
			if !(worst <= 1e-7) {
				t.Errorf("error %.3g at %v, want at most 1e-7", worst, at)
			}
		})
	}
}

// TestFunctionsExhaustive tries every float32.
func TestFunctionsExhaustive(t *testing.T) {
	if !*long {
		t.Skip("takes minutes; run it with -args -long")
	}
	for _, f := range bounded {
		t.Run("function="+string(f), func(t *testing.T) {
			function := elementFunction(f)
			var mu sync.Mutex
			var wg sync.WaitGroup
			worst, at := 0.0, float32(0)
			parts := runtime.GOMAXPROCS(0)
			for part := range parts {
				wg.Go(func() {
					high, where := 0.0, float32(0)
					for i := part; i < 1<<32; i += parts {
						x := math.Float32frombits(uint32(i))
						if e := checkFunction(t, f, function, x); e > high {
							high, where = e, x
						}
					}
					mu.Lock()
					defer mu.Unlock()
					if high > worst {
						worst, at = high, where
					}
				})
			}
			wg.Wait()
			t.Logf("largest error %.3g at %v", worst, at)
			if !(worst <= 1e-7) {
				t.Errorf("error %.3g at %v, want at most 1e-7", worst, at)
			}
		})
	}
}

// TestFunctionsAtTheEdges has the values of Keras 2.15 (TensorFlow 2.15 on a
// CPU), from ReLU6 on those of Keras 3.15.
func TestFunctionsAtTheEdges(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	zero := float32(math.Copysign(0, -1))
	for f, want := range map[Activation][4]float32{ // of NaN, +Inf, -Inf, -0
		Linear:            {nan, inf, -inf, zero},
		Sigmoid:           {nan, 1, 0, .5},
		Tanh:              {nan, 1, -1, zero},
		HardSigmoidKeras2: {nan, 1, 0, .5},
		HardSigmoidKeras3: {nan, 1, 0, .5},
		ReLU:              {nan, inf, 0, zero},
		Softplus:          {nan, inf, 0, math.Ln2},
		Softsign:          {nan, nan, nan, zero},
		ELU:               {nan, inf, -1, zero},
		SELU:              {nan, inf, -seluScale * seluAlpha, zero},
		Exponential:       {nan, inf, 0, 1},
		ReLU6:             {nan, 6, 0, zero},
		LeakyReLU:         {nan, inf, -inf, zero},
		SiLU:              {nan, inf, nan, zero},
		HardSiLU:          {nan, inf, nan, zero},
		GELU:              {nan, inf, nan, zero},
		Mish:              {nan, inf, nan, zero},
		HardTanh:          {nan, 1, -1, zero},
		HardShrink:        {0, inf, -inf, 0},
		SoftShrink:        {0, inf, -inf, 0},
		TanhShrink:        {nan, inf, -inf, zero}, // Keras: 0
		SquarePlus:        {nan, inf, 0, 1},       // Keras: NaN for -Inf
		SparsePlus:        {nan, inf, 0, .25},
		SparseSigmoid:     {nan, 1, 0, .5},
		LogSigmoid:        {nan, zero, -inf, -math.Ln2},
	} {
		x := []float32{nan, inf, -inf, zero}
		f.apply(x)
		for i := range want {
			if math.Float32bits(x[i]) != math.Float32bits(want[i]) && !(x[i] != x[i] && want[i] != want[i]) {
				t.Errorf("%s of NaN, +Inf, -Inf, -0: got %v, want %v", f, x, want)
				break
			}
		}
	}
}

func TestSoftmaxAtTheEdges(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for _, c := range []struct{ x, want []float32 }{
		{[]float32{1, nan, 2}, []float32{nan, nan, nan}},
		{[]float32{inf, 1}, []float32{nan, nan}},
		{[]float32{-inf, -inf}, []float32{nan, nan}},
		{[]float32{-inf, 1}, []float32{0, 1}},
		{[]float32{1000, 1000}, []float32{.5, .5}},
	} {
		got := append([]float32(nil), c.x...)
		softmax(got, len(got), 1)
		for i := range got {
			if got[i] != c.want[i] && !(got[i] != got[i] && c.want[i] != c.want[i]) {
				t.Errorf("softmax(%v) = %v, want %v", c.x, got, c.want)
				break
			}
		}
	}
}

// TestTanhKeepsSmallNumbers: an absolute bound alone would allow 0 here.
func TestTanhKeepsSmallNumbers(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for range 100000 {
		x := float32(math.Ldexp(rng.Float64()-.5, -rng.IntN(120)))
		if got, want := float64(tanh(x)), math.Tanh(float64(x)); !(math.Abs(got-want) <= 2e-7*math.Abs(want)) {
			t.Fatalf("tanh(%v) = %v, want %v", x, got, want)
		}
	}
}
