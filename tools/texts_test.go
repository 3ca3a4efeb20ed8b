package main

import (
	"archive/zip"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// fromArchive writes a member of a zip archive into dir and returns its path.
func fromArchive(t *testing.T, dir, archive, member string) string {
	t.Helper()
	z, err := zip.OpenReader(archive)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	f, err := z.Open(member)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, strings.ReplaceAll(member, "/", "-"))
	if err := os.WriteFile(path, b, 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

// command runs a command and returns what it prints and its error.
func command(t *testing.T, stdin string, args ...string) (string, error) {
	t.Helper()
	var out, errs strings.Builder
	err := run(t.Context(), args, strings.NewReader(stdin), &out, &errs)
	return out.String(), err
}

const textArchive = "../internal/convert/testdata/texts/keras-3.15.1.zip"

// TestModelOfTextsEndToEnd: a Keras model with a TextVectorization goes through
// every command as it is, and its predictions are Keras'.
func TestModelOfTextsEndToEnd(t *testing.T) {
	dir := t.TempDir()
	model := fromArchive(t, dir, textArchive, "adapted/model.keras")
	info, err := os.ReadFile(fromArchive(t, dir, textArchive, "adapted/case.json"))
	if err != nil {
		t.Fatal(err)
	}
	var c struct {
		Texts   []string
		Outputs [][]float64
	}
	if err := json.Unmarshal(info, &c); err != nil {
		t.Fatal(err)
	}
	csv := "text,0,1,2\n"
	labelled := "text,label\n"
	for i, text := range c.Texts {
		quoted := `"` + strings.ReplaceAll(text, `"`, `""`) + `"`
		csv += quoted + "," + strings.Trim(strings.ReplaceAll(fmt.Sprint(c.Outputs[i]), " ", ","), "[]") + "\n"
		labelled += quoted + ",a\n"
	}
	write := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
		return path
	}
	out := filepath.Join(dir, "m.safetensors.zst")
	for _, step := range []struct {
		args  []string
		stdin string
		want  string
	}{
		{[]string{"inspect", model}, "", `"kind":"textvectorization"`},
		{[]string{"inspect", model}, "", "convertible yes"},
		{[]string{"convert", model, "--labels", "a,b,c", "--check-csv", write("check.csv", csv), "-o", out}, "", "12 rows are as Keras predicted, differences up to "},
		{[]string{"inspect", out, "--verify"}, "", "tokenizer   "},
		{[]string{"predict", "--model", out, "--format", "jsonl"}, "the cat\n", `"message":"the cat","sentiment":"`},
		{[]string{"evaluate", out, "--csv", write("labelled.csv", labelled)}, "", "texts         12\n"},
	} {
		got, err := command(t, step.stdin, step.args...)
		if err != nil || !strings.Contains(got, step.want) {
			t.Fatalf("%q: %v, got %s, want %q", step.args, err, got, step.want)
		}
	}
	missing := filepath.Join(dir, "not.zst")
	wrong := strings.Replace(csv, "0.", "1.", 1)
	_, err = command(t, "", "convert", model, "--check-csv", write("wrong.csv", wrong), "-o", missing)
	if err == nil || !strings.Contains(err.Error(), "wrong.csv: 1 of 12 rows are not what Keras predicted; the worst is row 1, column ") {
		t.Errorf("wrong predictions: %v", err)
	}
	if _, err := os.Stat(missing); !os.IsNotExist(err) {
		t.Errorf("a model with wrong predictions was written: %v", err)
	}
}

// TestRefusedModelsAreInspected: every layer that is refused is named with its
// reason, and the layers are listed.
func TestRefusedModelsAreInspected(t *testing.T) {
	dir := t.TempDir()
	architecture := filepath.Join(dir, "a.json")
	content := `{"class_name":"Sequential","keras_version":"2.15.0","config":{"name":"m","layers":[
		{"class_name":"InputLayer","config":{"name":"in","batch_input_shape":[null,5]}},
		{"class_name":"Embedding","config":{"name":"e","input_dim":7,"output_dim":2}},
		{"class_name":"LSTM","config":{"name":"l","units":3,"stateful":true,"time_major":true,"return_sequences":true}},
		{"class_name":"mine>Layer","config":{"name":"own"}},
		{"class_name":"Lambda","config":{"name":"code"}},
		{"class_name":"Bidirectional","config":{"name":"b","layer":{"class_name":"LSTM","config":{"name":"x","units":3,"stateful":true}}}},
		{"class_name":"Dense","config":{"name":"d","units":2}}]}}`
	if err := os.WriteFile(architecture, []byte(content), 0o666); err != nil {
		t.Fatal(err)
	}
	weights := fromArchive(t, dir, "../internal/keras/testdata/goldens/keras-2.15.0.zip", "lstm_with_mask/weights.h5")
	got, err := command(t, "", "inspect", weights, "--config", architecture, "--json")
	if err != nil {
		t.Fatal(err)
	}
	var d description
	if err := json.Unmarshal([]byte(got), &d); err != nil {
		t.Fatal(err)
	}
	var refused []string
	for _, r := range d.Refused {
		refused = append(refused, r.Layer+": "+r.Reason)
	}
	want := []string{
		"l: stateful=true is not supported", "l: time_major=true is not supported",
		"own: a custom class", "code: holds Python code", "b/x: stateful=true",
	}
	if d.Convertible == nil || *d.Convertible || len(refused) != len(want) || len(d.Layers) != 9 {
		t.Fatalf("convertible %v, %d layers, refused %q", d.Convertible, len(d.Layers), refused)
	}
	for _, w := range want {
		found := false
		for _, r := range refused {
			found = found || strings.HasPrefix(r, w)
		}
		if !found {
			t.Errorf("%q is not among %q", w, refused)
		}
	}
	if e := d.Layers[1]; fmt.Sprint(e.Shape) != "[5 2]" || e.Params != -1 {
		t.Errorf("the Embedding is shown as %+v", e)
	}
	text, err := command(t, "", "inspect", weights, "--config", architecture)
	if err != nil || strings.Count(text, "\nrefused ") != len(want) {
		t.Errorf("%v, %s", err, text)
	}
	if strings.Contains(text, "convertible yes") {
		t.Error("a refused model is called convertible")
	}
}
