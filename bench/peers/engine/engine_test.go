package main

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"coldstream/lstm"
)

// writeNetwork makes the files of a small network as nets.py does. Its weights
// are small multiples of 1/64, so that the test needs no generator.
func writeNetwork(t *testing.T, folder string, units []int, both bool) {
	t.Helper()
	const vocab, dim, steps, rows, classes = 11, 4, 6, 10, 3
	type tensor struct {
		Name   string `json:"name"`
		Shape  []int  `json:"shape"`
		Offset int    `json:"offset"`
	}
	var tensors []tensor
	var weights []float32
	add := func(name string, shape ...int) {
		tensors = append(tensors, tensor{name, shape, len(weights)})
		size := 1
		for _, d := range shape {
			size *= d
		}
		for i := range size {
			weights = append(weights, float32((i*37+len(tensors)*11)%41-20)/64)
		}
	}
	add("embeddings", vocab, dim)
	width := dim
	for i, u := range units {
		for _, suffix := range []string{"", "b"}[:1+btoi(both)] {
			name := fmt.Sprintf("lstm%d%s", i, suffix)
			add(name+".kernel", width, 4*u)
			add(name+".recurrent", u, 4*u)
			add(name+".bias", 4*u)
		}
		width = u * (1 + btoi(both))
	}
	add("dense.kernel", width, classes)
	add("dense.bias", classes)

	ids := make([]int32, rows*steps)
	for i := range ids {
		row, step := i/steps, i%steps
		if both && step <= row%steps || !both && step >= row%steps {
			ids[i] = int32(1 + i*7%(vocab-1))
		}
	}
	raw, err := json.Marshal(map[string]any{
		"name": "small", "vocab": vocab, "dim": dim, "steps": steps, "rows": rows, "classes": classes,
		"units": units, "bidirectional": both, "masked": both, "tensors": tensors,
	})
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(folder, "index.json"), raw)
	var binaries [2][]byte
	binaries[0], _ = binary.Append(nil, binary.LittleEndian, weights)
	binaries[1], _ = binary.Append(nil, binary.LittleEndian, ids)
	write(t, filepath.Join(folder, "weights.bin"), binaries[0])
	write(t, filepath.Join(folder, "ids.bin"), binaries[1])
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// talk gives the worker lines and returns its answers.
func talk(t *testing.T, args []string, lines ...string) []string {
	t.Helper()
	var out, errs strings.Builder
	if err := run(t.Context(), args, strings.NewReader(strings.Join(lines, "\n")+"\n"), &out, &errs); err != nil {
		t.Fatalf("run: %v\n%s", err, errs.String())
	}
	return strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
}

func TestProtocol(t *testing.T) {
	data := t.TempDir()
	writeNetwork(t, filepath.Join(data, "one"), []int{5}, false)
	writeNetwork(t, filepath.Join(data, "two"), []int{9, 4}, false)
	writeNetwork(t, filepath.Join(data, "both"), []int{6}, true)
	for _, kernels := range lstm.Kernels() {
		for _, net := range []string{"one", "two", "both"} {
			t.Run(kernels+"/"+net, func(t *testing.T) {
				var right []float32
				for _, padSkip := range []string{"true", "false"} {
					for _, batch := range []int{1, 3, 10} {
						out := filepath.Join(t.TempDir(), "out")
						answers := talk(t, []string{"-kernels", kernels, "-padskip=" + padSkip, data},
							"load "+net, fmt.Sprintf("check %s %d %s", net, batch, out),
							fmt.Sprintf("run %s %d", net, batch), fmt.Sprintf("run %s %d 2", net, batch))
						checkAnswers(t, answers, (10+batch-1)/batch)
						got := readOutputs(t, out)
						if right == nil {
							right = got
						}
						compare(t, got, right)
					}
				}
			})
		}
	}
}

// checkAnswers expects those to load, check, run and run of two calls, where all
// rows take the given number of calls.
func checkAnswers(t *testing.T, answers []string, calls int) {
	t.Helper()
	if len(answers) != 5 || !strings.HasPrefix(answers[0], "ready ") || answers[1] != "ok" || answers[2] != "ok" {
		t.Fatalf("answers %q, expected ready, ok, ok and two times", answers)
	}
	for i, expected := range []int{calls, min(2, calls)} {
		var ns, n int
		if _, err := fmt.Sscanf(answers[3+i], "ns %d %d", &ns, &n); err != nil || ns <= 0 || n != expected {
			t.Errorf("answer %q, expected a time of %d calls", answers[3+i], expected)
		}
	}
}

// readOutputs expects probabilities of 10 rows.
func readOutputs(t *testing.T, path string) []float32 {
	t.Helper()
	words, err := readWords(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(words) != 30 {
		t.Fatalf("%d outputs, expected 30", len(words))
	}
	out := make([]float32, len(words))
	for i, w := range words {
		out[i] = math.Float32frombits(w)
	}
	for row := range 10 {
		if sum := out[3*row] + out[3*row+1] + out[3*row+2]; !(math.Abs(float64(sum)-1) <= 1e-6) {
			t.Errorf("row %d adds up to %g", row, sum)
		}
	}
	return out
}

func compare(t *testing.T, got, right []float32) {
	t.Helper()
	for i := range right {
		if !(math.Abs(float64(got[i]-right[i])) <= 1e-6) {
			t.Fatalf("output %d is %g, in another batch %g", i, got[i], right[i])
		}
	}
}

func TestErrors(t *testing.T) {
	data := t.TempDir()
	writeNetwork(t, filepath.Join(data, "one"), []int{5}, false)
	writeNetwork(t, filepath.Join(data, "short"), []int{5}, false)
	write(t, filepath.Join(data, "short", "weights.bin"), make([]byte, 16))
	for _, c := range []struct{ line, expected string }{
		{"load none", "error open "},
		{"load short", "error tensor embeddings is not within weights.bin"},
		{"run two 1", "error two is not loaded"},
		{"run one 0", "error batch 0 of 10 rows"},
		{"run one 11", "error batch 11 of 10 rows"},
		{"run one 2 -1", `error limit "-1" is no number of calls`},
		{"check one 2", "error check takes a network, a batch and a file"},
		{"sing", `error "sing" is no command`},
		{"", `error "" is no command`},
	} {
		answers := talk(t, []string{data}, "load one", c.line, "run one 5", "quit", "run one 5")
		if len(answers) != 4 || !strings.HasPrefix(answers[2], c.expected) || !strings.HasPrefix(answers[3], "ns ") {
			t.Errorf("%q: answers %q, expected %q and a time behind it", c.line, answers, c.expected)
		}
	}
}

func TestList(t *testing.T) {
	if got, expected := talk(t, []string{"-list"})[0], strings.Join(lstm.Kernels(), " "); got != expected {
		t.Errorf("list %q, expected %q", got, expected)
	}
}
