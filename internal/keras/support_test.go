package keras

import (
	"archive/zip"
	"flag"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

//go:generate go test -run TestSupportTable -update .

var update = flag.Bool("update", false, "rewrite docs/keras-support.md")

const supportFile = "../../docs/keras-support.md"

// triedArchives are what real Keras saved, named after its version.
var triedArchives = []string{"testdata/goldens/keras-*.zip", "../convert/testdata/texts/keras-*.zip"}

const supportHead = `# Keras layers

What ` + "`coldstream convert`" + ` takes, from the tables that it works with. Made by
` + "`go generate ./internal/keras`" + `; a test compares.

Models are Sequential or Functional, nested as deep as you like, saved as .h5, .keras,
or as weights with the JSON of ` + "`model.to_json()`" + `, by Keras 1 to 3. An option that is not
named here is refused with the layer's name, and so are a custom class or function and a
Lambda layer. ` + "`coldstream inspect FILE`" + `
lists everything that a file would be refused for.

- **Options** change the result and are supported.
- **Refused**: options of which other values than those in brackets are refused, and what else is.
- **No effect** lists options that only matter in training, or while weights are made; *weights* stands
  for all initializers, regularizers and constraints. Every layer may have these too: FREE.
- **Mask**: *kept* for the layer behind, *own* if the layer makes or combines masks, *ends*
  if what follows sees none, as in Keras.
- **Tried** are the versions whose saved models, with their outputs, are part of the tests.

| layer | options | refused | no effect | mask | tried |
|---|---|---|---|---|---|
`

// supportNotes is what a table of options cannot say.
var supportNotes = []struct{ class, text string }{
	{"TextVectorization", "becomes the model file's tokenizer, so texts go in as in Keras. It must be what the model's only input goes " +
		"into, and its vocabulary must be in the file: in the config, or among the assets of a .keras file (an .h5 file by Keras 3 has " +
		"lost it). Widths of n-grams go up to 16. Without output_sequence_length Keras pads to the longest text of a batch; here " +
		"`--maxlen` says one length for all, which gives Keras' answers where the Embedding masks zeros and no text is longer. With " +
		"split=\"character\" 66 code points that Unicode keeps from use (U+FDD0 to U+FDEF, U+FFFE, U+FFFF, ...) count as U+FFFD in " +
		"TensorFlow 2.15, and as themselves in newer ones and here."},
	{"StringLookup", "takes words, and how a text becomes words is not in the model. The converted model takes the ids that the layer " +
		"gives: `coldstream predict --input ids`, or a `--tokenizer` that gives the same ids."},
}

func TestSupportTable(t *testing.T) {
	tried := triedVersions(t)
	var b strings.Builder
	b.WriteString(strings.Replace(supportHead, "FREE", optionList(freeOptions), 1))
	for _, class := range sortedKeys(layerTypes) {
		k := layerTypes[class]
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", class, cell(k.supported()), cell(k.refused()), cell(optionList(k.ignores)), maskNames[k.mask], cell(strings.Join(tried[class], ", ")))
	}
	b.WriteString("\n")
	for _, n := range supportNotes {
		if layerTypes[n.class] == nil {
			t.Errorf("a note on %s, which is not in the table", n.class)
		}
		fmt.Fprintf(&b, "**%s** %s\n\n", n.class, n.text)
	}
	fmt.Fprintf(&b, "Operations of Keras 3 that may stand between the layers, where masks are computed: %s.\n", strings.Join(sortedKeys(operations), ", "))
	if *update {
		if err := os.WriteFile(supportFile, []byte(b.String()), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(supportFile)
	if err != nil {
		t.Fatal(err)
	}
	if string(have) != b.String() {
		t.Errorf("%s is not what the tables say; run go generate ./internal/keras", supportFile)
	}
}

var maskNames = map[maskRule]string{dropMask: "ends", keepMask: "kept", ownMask: "own"}

// supported lists the options that matter.
func (k *layerType) supported() string {
	var all []string
	for o := range strings.FieldsSeq(k.reads) {
		if !k.isFixed(o) {
			all = append(all, "`"+o+"`")
		}
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

// refused lists the options that may have some values only, then what else is
// refused.
func (k *layerType) refused() string {
	var all []string
	for _, f := range k.fixed {
		all = append(all, "`"+f.key+"` but "+f.values)
	}
	slices.Sort(all)
	if k.refuses != "" {
		all = append(all, k.refuses)
	}
	return strings.Join(all, ", ")
}

func optionList(words string) string {
	var all []string
	rest, weights := strings.CutPrefix(words, weightOptions)
	names := slices.Sorted(strings.FieldsSeq(rest))
	if weights {
		all = append(all, "*weights*")
	}
	for _, o := range slices.Compact(names) {
		all = append(all, "`"+o+"`")
	}
	return strings.Join(all, ", ")
}

func cell(s string) string {
	if s == "" {
		return "-"
	}
	return strings.ReplaceAll(s, "|", "\\|")
}

// triedVersions returns the versions that each class was saved by in a model
// that is converted.
func triedVersions(t *testing.T) map[string][]string {
	tried := map[string][]string{}
	for _, pattern := range triedArchives {
		archives, err := filepath.Glob(pattern)
		if err != nil || len(archives) == 0 {
			t.Fatalf("%s: %v, %v", pattern, archives, err)
		}
		slices.Sort(archives)
		for _, a := range archives {
			version := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(a), "keras-"), ".zip")
			z, err := zip.OpenReader(a)
			if err != nil {
				t.Fatal(err)
			}
			defer z.Close()
			for _, f := range z.File {
				if ext := path.Ext(f.Name); ext != ".h5" && ext != ".keras" || strings.HasSuffix(f.Name, "weights.h5") {
					continue
				}
				r, err := f.Open()
				if err != nil {
					t.Fatal(err)
				}
				content, err := io.ReadAll(r)
				if err != nil {
					t.Fatal(err)
				}
				m, err := Parse(content, Options{})
				if err != nil {
					continue // what is refused is not tried
				}
				for _, l := range m.Layers {
					if !slices.Contains(tried[l.Class], version) {
						tried[l.Class] = append(tried[l.Class], version)
					}
				}
			}
		}
	}
	for _, v := range tried {
		slices.Sort(v)
	}
	return tried
}
