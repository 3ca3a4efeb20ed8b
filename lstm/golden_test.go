package lstm

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
)

// goldenPath returns the path of a file of reference outputs, or skips the
// test where the data are not there.
func goldenPath(t *testing.T, elements ...string) string {
	t.Helper()
	root := os.Getenv("COLDSTREAM_DATA")
	if root == "" {
		root = filepath.Join("..", "..", "shared", "data")
	}
	path := filepath.Join(append([]string{root, "keras", "golden"}, elements...)...)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("no reference outputs here (set COLDSTREAM_DATA to the data directory): %v", err)
	}
	return path
}

func readJSON(t *testing.T, path string, v any) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, v); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// kerasJSFile is a file of layer tests of keras-js, computed by Keras 2.0 with
// inputs and weights rounded to 6 digits.
type kerasJSFile struct {
	Cases []struct {
		ID    string
		Layer string
		Attrs struct {
			Units               int
			Activation          string
			RecurrentActivation string `json:"recurrent_activation"`
			ReturnSequences     bool   `json:"return_sequences"`
			GoBackwards         bool   `json:"go_backwards"`
			Stateful            bool
			Filters             int
			KernelSize          int `json:"kernel_size"`
			PoolSize            int `json:"pool_size"`
			Strides             int
			Padding             string
			DilationRate        int `json:"dilation_rate"`
			Epsilon             float32
			Axis                int
			Center, Scale       bool
			Layer               struct {
				ClassName string `json:"class_name"`
				Config    struct{ Units int }
			}
		}
		Input    kerasJSTensor
		Weights  []kerasJSTensor
		Expected kerasJSTensor
	}
}

type kerasJSTensor struct {
	Data  []float32
	Shape []int
}

// keras2Activation translates the names of Keras before version 3.
func keras2Activation(t *testing.T, name string) Activation {
	t.Helper()
	switch f := Activation(name); {
	case name == "linear":
		return Linear
	case name == "hard_sigmoid":
		return HardSigmoidKeras2
	case f == Softmax || elementFunction(f) != nil:
		return f
	}
	t.Fatalf("activation %q", name)
	return ""
}

var kerasPadding = map[string]Padding{"valid": Valid, "same": Same}

// TestAgreesWithKerasJS runs the layer tests of keras-js. The expected value
// of a stateful case is that of the second call, which starts from the state
// of the first: the test feeds the sequence twice over. Going backwards that
// is the same, as each call is reversed by itself.
func TestAgreesWithKerasJS(t *testing.T) {
	for _, name := range []string{"LSTM", "GRU", "SimpleRNN", "Dense", "Embedding", "GlobalMaxPooling1D", "GlobalAveragePooling1D", "MaxPooling1D", "Conv1D", "BatchNormalization", "TimeDistributed"} {
		var file kerasJSFile
		readJSON(t, goldenPath(t, "keras-js", name+".json"), &file)
		for _, c := range file.Cases {
			t.Run(c.ID, func(t *testing.T) {
				if c.Attrs.Layer.ClassName == "Conv2D" {
					return // two dimensions are no text
				}
				node := Node{
					Name: "layer", Inputs: []string{"in"},
					Units: c.Attrs.Units, Activation: keras2Activation(t, c.Attrs.Activation), RecurrentActivation: keras2Activation(t, c.Attrs.RecurrentActivation),
					ReturnSequences: c.Attrs.ReturnSequences, GoBackwards: c.Attrs.GoBackwards,
				}
				node.Op = map[string]Op{
					"LSTM": OpLSTM, "GRU": OpGRU, "Dense": OpDense, "Embedding": OpEmbedding,
					"GlobalMaxPooling1D": OpGlobalMaxPool, "GlobalAveragePooling1D": OpGlobalAveragePool,
					"SimpleRNN": OpSimpleRNN, "MaxPooling1D": OpMaxPool, "Conv1D": OpConv1D, "BatchNormalization": OpBatchNorm, "TimeDistributed": OpDense,
				}[name]
				switch a := c.Attrs; name {
				case "TimeDistributed":
					node.Units = a.Layer.Config.Units
				case "Conv1D":
					node.Units, node.Size, node.Stride, node.Dilation, node.Padding = a.Filters, a.KernelSize, a.Strides, a.DilationRate, kerasPadding[a.Padding]
					c.Weights[0].Shape = []int{a.KernelSize * c.Input.Shape[1], a.Filters}
				case "MaxPooling1D":
					node.Size, node.Stride, node.Padding = a.PoolSize, a.Strides, kerasPadding[a.Padding]
					if a.Strides == 0 {
						node.Stride = a.PoolSize
					}
				case "BatchNormalization":
					node.Epsilon, node.Center, node.Scale = a.Epsilon, a.Center, a.Scale
					if node.Axis = a.Axis; a.Axis > 0 {
						node.Axis-- // Keras counts the batch
					}
				}
				in := Input{Shape: c.Input.Shape, Values: c.Input.Data}
				want := c.Expected.Data
				if c.Attrs.Stateful {
					in.Shape = []int{2 * in.Shape[0], in.Shape[1]}
					in.Values = append(slices.Clone(in.Values), in.Values...)
				}
				if node.Op == OpEmbedding {
					for _, x := range in.Values {
						in.IDs = append(in.IDs, int32(x))
					}
					in.Values = nil
				}
				params := map[string]Tensor{}
				for i, w := range c.Weights {
					key := fmt.Sprint(i)
					node.Params = append(node.Params, key)
					params[key] = Tensor{Shape: w.Shape, Data: w.Data}
				}
				g := Graph{
					Nodes:  []Node{{Name: "in", Op: OpInput, Shape: in.Shape}, node},
					Inputs: []string{"in"}, Outputs: []string{"layer"},
				}
				for _, kernels := range Kernels() {
					got := predict(t, mustNew(t, g, params, Options{Kernels: kernels}), nil, 1, []Input{in})[0]
					if c.Attrs.Stateful && c.Attrs.ReturnSequences {
						got = got[len(got)/2:]
					}
					requireClose(t, got, want, 3e-6) // six digits of inputs and weights
				}
			})
		}
	}
}

// TestAgreesWithRTNeural runs the models of RTNeural, trained and computed by
// Keras, on its sine wave of 100 samples.
func TestAgreesWithRTNeural(t *testing.T) {
	for _, name := range []string{"lstm", "lstm_1d", "dense"} {
		t.Run(name, func(t *testing.T) {
			var file struct {
				Layers []struct {
					Type       string
					Activation string
					Shape      []any
					Weights    []json.RawMessage
				}
			}
			readJSON(t, goldenPath(t, "rtneural", name+".json"), &file)
			x := readNumbers(t, goldenPath(t, "rtneural", name+"_x_python.csv"))
			want := readNumbers(t, goldenPath(t, "rtneural", name+"_y_python.csv"))

			// Every sample is a step of one feature; a dense layer works step by
			// step.
			g := Graph{Nodes: []Node{{Name: "in", Op: OpInput, Shape: []int{-1, 1}}}, Inputs: []string{"in"}}
			params := map[string]Tensor{}
			last := "in"
			for i, l := range file.Layers {
				units, _ := l.Shape[len(l.Shape)-1].(float64)
				n := Node{Name: fmt.Sprint("layer", i), Inputs: []string{last}, Units: int(units), Activation: keras2Activation(t, l.Activation)}
				switch l.Type {
				case "lstm":
					n.Op, n.ReturnSequences, n.RecurrentActivation = OpLSTM, true, Sigmoid
				case "dense", "time-distributed-dense":
					n.Op = OpDense
				case "activation":
					n.Op, n.Units, n.Axis = OpActivation, 0, -1
				default:
					t.Fatalf("layer type %q", l.Type)
				}
				for k, raw := range l.Weights {
					key := fmt.Sprint(i, ".", k)
					params[key] = parseWeight(t, raw)
					n.Params = append(n.Params, key)
				}
				g.Nodes = append(g.Nodes, n)
				last = n.Name
			}
			g.Outputs = []string{last}
			in := []Input{{Shape: []int{len(x), 1}, Values: x}}
			for _, kernels := range Kernels() {
				requireClose(t, predict(t, mustNew(t, g, params, Options{Kernels: kernels}), nil, 1, in)[0], want, 1e-6)
			}
		})
	}
}

func parseWeight(t *testing.T, raw json.RawMessage) Tensor {
	t.Helper()
	var vector []float32
	if json.Unmarshal(raw, &vector) == nil {
		return Tensor{Shape: []int{len(vector)}, Data: vector}
	}
	var matrix [][]float32
	if err := json.Unmarshal(raw, &matrix); err != nil {
		t.Fatal(err)
	}
	return Tensor{Shape: []int{len(matrix), len(matrix[0])}, Data: slices.Concat(matrix...)}
}

func readNumbers(t *testing.T, path string) []float32 {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var x []float32
	for s := bufio.NewScanner(f); s.Scan(); {
		v, err := strconv.ParseFloat(s.Text(), 64)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		x = append(x, float32(v))
	}
	return x
}

func requireClose(t *testing.T, got, want []float32, tolerance float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d numbers, want %d", len(got), len(want))
	}
	for i := range want {
		diff := math.Abs(float64(got[i]) - float64(want[i]))
		if !(diff <= tolerance) {
			t.Fatalf("element %d: got %v, want %v", i, got[i], want[i])
		}
	}
}
