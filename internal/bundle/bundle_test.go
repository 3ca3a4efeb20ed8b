package bundle

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/rand"
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"coldstream/internal/function"
	"coldstream/internal/sentiment"
	"coldstream/internal/text"
	"coldstream/lstm"
	"coldstream/weights"
	"coldstream/weights/pretrained"
)

func defaultModel(t *testing.T) *weights.File {
	t.Helper()
	f, err := pretrained.Default()
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// given is a Builder that returns ready programs.
func given(program []byte) Builder {
	return func(context.Context, Target) ([]byte, error) { return program, nil }
}

// smallModel tells two labels apart by the words of a text.
func smallModel(t *testing.T) *weights.File {
	t.Helper()
	f := &weights.File{
		Name: "small", Labels: []string{"no", "yes"},
		Graph: lstm.Graph{
			Inputs: []string{"ids"}, Outputs: []string{"out"},
			Nodes: []lstm.Node{
				{Name: "ids", Op: lstm.OpInput, Shape: []int{4}},
				{Name: "embedding", Op: lstm.OpEmbedding, Inputs: []string{"ids"}, Params: []string{"e"}},
				{Name: "mean", Op: lstm.OpGlobalAveragePool, Inputs: []string{"embedding"}},
				{Name: "out", Op: lstm.OpDense, Inputs: []string{"mean"}, Units: 2, Activation: lstm.Softmax, Params: []string{"k"}},
			},
		},
		Params: map[string]lstm.Tensor{
			"e": {Shape: []int{4, 2}, Data: []float32{0, 0, 1, -1, 2, 0, -1, 3}},
			"k": {Shape: []int{2, 2}, Data: []float32{1, -1, -2, 2}},
		},
	}
	v, err := text.NewVocab([]string{"", "good", "bad", "day"})
	if err != nil {
		t.Fatal(err)
	}
	cfg := text.KerasConfig()
	cfg.MaxLen = 4
	if err := sentiment.SetTokenizer(f, cfg, v); err != nil {
		t.Fatal(err)
	}
	return f
}

var target = Target{Arch: "arm64", Runtime: "aws"}

// makeZip returns the zip with the given program and the small model.
func makeZip(t *testing.T, build Builder) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Zip(t.Context(), &b, target, smallModel(t), build); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestTheZipIsWhatLambdaWants(t *testing.T) {
	noise := make([]byte, 1000) // does not compress
	if _, err := rand.Read(noise); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		program []byte
		method  uint16
	}{
		"deflated": {bytes.Repeat([]byte("program "), 1000), zip.Deflate},
		"stored":   {noise, zip.Store},
		"empty":    {nil, zip.Store},
	} {
		b := makeZip(t, given(c.program))
		z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if len(z.File) != 2 || z.File[0].Name != "bootstrap" || z.File[1].Name != function.ModelFile {
			t.Fatalf("%s: files %v", name, z.File)
		}
		if m := z.File[0].Mode(); m != 0o755 {
			t.Errorf("%s: bootstrap has mode %v", name, m)
		}
		if m := z.File[1].Mode(); m != 0o644 {
			t.Errorf("%s: model has mode %v", name, m)
		}
		if z.File[0].Method != c.method {
			t.Errorf("%s: method %d, want %d", name, z.File[0].Method, c.method)
		}
		for _, f := range z.File {
			if f.Modified.UTC().Format(time.DateTime) != "1980-01-01 00:00:00" || f.Flags&0x8 != 0 {
				t.Errorf("%s: %s has time %v, flags %#x", name, f.Name, f.Modified, f.Flags)
			}
		}
		dir := t.TempDir()
		if err := Unzip(b, dir); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got, err := os.ReadFile(filepath.Join(dir, "bootstrap"))
		if err != nil || !bytes.Equal(got, c.program) {
			t.Errorf("%s: bootstrap of %d bytes, %v, want %d", name, len(got), err, len(c.program))
		}
		if st, err := os.Stat(filepath.Join(dir, "bootstrap")); err != nil || st.Mode().Perm()&0o100 == 0 {
			t.Errorf("%s: bootstrap cannot be executed: %v %v", name, st.Mode(), err)
		}
		if _, err := function.Load(dir, 1); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTheThinZipHoldsTheProgramAlone(t *testing.T) {
	var b, again bytes.Buffer
	for _, w := range []*bytes.Buffer{&b, &again} {
		if err := Thin(t.Context(), w, target, given([]byte("program"))); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(b.Bytes(), again.Bytes()) {
		t.Error("two thin zips differ")
	}
	z, err := zip.NewReader(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	if len(z.File) != 1 || z.File[0].Name != "bootstrap" || z.File[0].Mode() != 0o755 {
		t.Errorf("files %v", z.File)
	}
	for want, target := range map[string]Target{
		"bundle: runtime lean cannot reach an endpoint": {Arch: "arm64", Runtime: "lean"},
		`bundle: architecture "x" is not known`:         {Arch: "x", Runtime: "aws"},
	} {
		if err := Thin(t.Context(), nil, target, nil); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%v: error %v, want %s", target, err, want)
		}
	}
	broken := errors.New("no compiler today")
	if err := Thin(t.Context(), nil, target, func(context.Context, Target) ([]byte, error) { return nil, broken }); !errors.Is(err, broken) {
		t.Errorf("error %v", err)
	}
}

func TestTheSameBytesEveryTime(t *testing.T) {
	if !bytes.Equal(makeZip(t, given([]byte("program"))), makeZip(t, given([]byte("program")))) {
		t.Error("two zips of the same content differ")
	}
}

func TestThePackagedModelGivesTheSameAnswers(t *testing.T) {
	dir := t.TempDir()
	if err := Unzip(makeZip(t, given(nil)), dir); err != nil {
		t.Fatal(err)
	}
	mapped, err := function.Load(dir, 1)
	if err != nil {
		t.Fatal(err)
	}
	read, err := sentiment.New(smallModel(t), 1)
	if err != nil {
		t.Fatal(err)
	}
	texts := []string{"good day", "a bad, bad day", "Day", "", "\U0001F600 #good"}
	got, err := mapped.Classify(nil, texts)
	if err != nil {
		t.Fatal(err)
	}
	want, err := read.Classify(nil, texts)
	if err != nil {
		t.Fatal(err)
	}
	for i := range texts {
		if fmt.Sprint(got[i]) != fmt.Sprint(want[i]) {
			t.Errorf("%q: %v, want %v", texts[i], got[i], want[i])
		}
	}
}

func TestTheProgramIsStaticAndAnonymous(t *testing.T) {
	root, err := findRoot(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		target  Target
		machine elf.Machine
	}{{Target{"arm64", "lean"}, elf.EM_AARCH64}, {Target{"amd64", "aws"}, elf.EM_X86_64}} {
		program, err := FromSource(".")(t.Context(), tt.target)
		if err != nil {
			t.Fatal(err)
		}
		f, err := elf.NewFile(bytes.NewReader(program))
		if err != nil {
			t.Fatal(err)
		}
		if f.Machine != tt.machine {
			t.Errorf("%v: built for %v", tt.target, f.Machine)
		}
		if libs, err := f.ImportedLibraries(); err == nil && len(libs) > 0 {
			t.Errorf("%v: needs %v", tt.target, libs)
		}
		if s := f.Section(".symtab"); s != nil {
			t.Errorf("%v: has a symbol table", tt.target)
		}
		if bytes.Contains(program, []byte(root)) {
			t.Errorf("%v: names the folder it was built in", tt.target)
		}
	}
}

// TestSizeBudgets holds what an upload may weigh, with the default model in
// float32: 4.8 MB for arm64, of which its weights are 1.75 MB.
func TestSizeBudgets(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the function four times")
	}
	for target, most := range map[Target]int{
		{"arm64", "aws"}: 4_800_000, {"amd64", "aws"}: 5_200_000,
		{"arm64", "lean"}: 3_200_000, {"amd64", "lean"}: 3_400_000,
	} {
		var b bytes.Buffer
		if err := Zip(t.Context(), &b, target, defaultModel(t), FromSource(".")); err != nil {
			t.Fatal(err)
		}
		t.Logf("%v: %d bytes", target, b.Len())
		if b.Len() > most {
			t.Errorf("%v: %d bytes, budget %d", target, b.Len(), most)
		}
	}
}

func TestUnknownTargetsAreRefused(t *testing.T) {
	for _, tt := range []struct {
		target Target
		want   string
	}{
		{Target{"x86_64", "aws"}, `bundle: architecture "x86_64" is not known; want arm64 or amd64`},
		{Target{"", "aws"}, `bundle: architecture "" is not known; want arm64 or amd64`},
		{Target{"arm64", "go1.x"}, `bundle: runtime "go1.x" is not known; want aws or lean`},
	} {
		if err := Zip(t.Context(), nil, tt.target, smallModel(t), nil); err == nil || err.Error() != tt.want {
			t.Errorf("%v: error %v, want %s", tt.target, err, tt.want)
		}
		if _, err := FromSource(".")(t.Context(), tt.target); err == nil || err.Error() != tt.want {
			t.Errorf("%v: error %v, want %s", tt.target, err, tt.want)
		}
	}
}

func TestAModelWithoutTokenizerIsRefused(t *testing.T) {
	f := smallModel(t)
	f.Tokenizer, f.Vocab = "", weights.Vocab{}
	err := Zip(t.Context(), nil, target, f, given(nil))
	if err == nil || !strings.Contains(err.Error(), "could not serve this model") || !strings.Contains(err.Error(), "no tokenizer") {
		t.Errorf("error %v", err)
	}
}

func TestBuilderErrorsComeThroughAndNothingIsWritten(t *testing.T) {
	broken := errors.New("no compiler today")
	var b bytes.Buffer
	err := Zip(t.Context(), &b, target, smallModel(t), func(context.Context, Target) ([]byte, error) { return nil, broken })
	if !errors.Is(err, broken) || b.Len() > 0 {
		t.Errorf("error %v after %d bytes", err, b.Len())
	}
}

func TestOutsideACloneTheErrorSaysSo(t *testing.T) {
	for name, gomod := range map[string]string{"no module": "", "another module": "module example.com/coldstream\n", "another name": "module coldstreams\n"} {
		dir := t.TempDir()
		if gomod != "" {
			if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte(gomod), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		_, err := FromSource(dir)(t.Context(), target)
		if err == nil || !strings.Contains(err.Error(), dir+" is not inside a clone of coldstream") {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func TestACloneIsFoundFromItsFolders(t *testing.T) {
	root := t.TempDir()
	if err := os.WriteFile(filepath.Join(root, "go.mod"), []byte("// a comment\nmodule coldstream\n\ngo 1.26\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	deep := filepath.Join(root, "a", "b")
	if err := os.MkdirAll(deep, 0o755); err != nil {
		t.Fatal(err)
	}
	if got, err := findRoot(deep); err != nil || got != root {
		t.Errorf("root %s, %v, want %s", got, err, root)
	}
}

func TestCompilerErrorsAreOneLine(t *testing.T) {
	root := t.TempDir()
	for name, body := range map[string]string{"go.mod": "module coldstream\n\ngo 1.26\n", "lambda/main.go": "package main\n\nfunc main() { undefined() }\n"} {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(body), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	_, err := FromSource(root)(t.Context(), target)
	if err == nil || !strings.Contains(err.Error(), "undefined: undefined") || strings.Contains(err.Error(), "\n") {
		t.Errorf("error %v", err)
	}
}

func TestCancelledBuildsEnd(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := FromSource(".")(ctx, target); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestUnzipTakesPlainFilesOnly(t *testing.T) {
	for _, name := range []string{"../bootstrap", "/bootstrap", "a/b", "a/"} {
		var b bytes.Buffer
		z := zip.NewWriter(&b)
		if _, err := z.Create(name); err != nil {
			t.Fatal(err)
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		if err := Unzip(b.Bytes(), t.TempDir()); err == nil {
			t.Errorf("%s: unpacked", name)
		}
	}
	if err := Unzip([]byte("no zip"), t.TempDir()); err == nil {
		t.Error("no zip: unpacked")
	}
	dir := t.TempDir()
	b := makeZip(t, given([]byte("program")))
	if err := Unzip(b, dir); err != nil {
		t.Fatal(err)
	}
	if err := Unzip(b, dir); !errors.Is(err, fs.ErrExist) {
		t.Errorf("over existing files: %v", err)
	}
}
