package convert

import (
	"fmt"
	"strings"
	"testing"

	"coldstream/lstm"
)

// TestPredictionsAreCompared: a file of predictions is read as pandas writes it,
// and one wrong number is found.
func TestPredictionsAreCompared(t *testing.T) {
	m := kerasModel(3)
	engine, err := lstm.New(m.Graph, m.Params, lstm.Options{})
	if err != nil {
		t.Fatal(err)
	}
	predict := func(ids ...int32) string {
		out := [][]float32{make([]float32, 3)}
		if err := engine.Predict(engine.NewScratch(1), out, 1, []lstm.Input{{Shape: []int{3}, IDs: ids}}); err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf("%v,%v,%v", out[0][0], out[0][1], out[0][2])
	}
	abc, ab := predict(1, 2, 3), predict(0, 1, 2)
	for _, c := range []struct{ name, content, want string }{
		{"ids", "ids,0,1,2\n\"[1, 2, 3]\"," + abc + "\n\"[0, 1, 2]\"," + ab + "\n", ""},
		{"texts behind, with an index", ",0,1,2,text\n0," + abc + ",\"a, B\nC\"\n1," + ab + ",a b\n", ""},
		{"inputs", "\ufeffinputs,x,y,z\r\n\"[1,2,3]\"," + abc + "\r\n", ""},
		{"a wrong number", "0,1,2,text\n" + abc + ",a b c\n" + abc + ",a b\n", "f: 1 of 2 rows are not what Keras predicted; the worst is row 2, column \""},
		{"no number", "0,1,2,text\n1,x,3,a\n", `f: row 1, column "1": "x" is no number`},
		{"an empty number", "0,1,2,text\n1,,3,a\n", "f: 1 of 1 rows are not"},
		{"a number too few", "0,1,text\n.5,.5,a\n", `f: row 1: the model gives 3 numbers, the file has 2 columns of predictions ("0", "1")`},
		{"a column too many", "label,0,1,2,text\n1,.5,.5,.5,a\n", `the model gives 3 numbers, the file has 4 columns of predictions ("label",`},
		{"no inputs", "0,1,2\n.1,.2,.3\n", `f: the header has no column "text", "ids", "values" or "inputs"`},
		{"two inputs", "text,ids,0\n", `f: the columns "text" and "ids" are both inputs`},
		{"no predictions", "text\na\n", "f: the header has no column of predictions"},
		{"no rows", "text,0,1,2\n", "f: it has no rows"},
		{"an id too high", "ids,0,1,2\n\"[6,0,0]\",1,2,3\n", "f: row 1: "},
		{"a row too short", "ids,0,1,2\n\"[1,2]\",1,2,3\n", "f: row 1: ids: an array of shape [2]; the model takes [3]"},
		{"values", "values,0,1,2\n\"[1,2,3]\",1,2,3\n", "f: the model takes token ids, not values; name the column ids"},
		{"a broken record", "text,0,1,2\na,1\n", "f: line 2: 2 fields, the header has 4"},
		{"nothing", "", "f: "},
	} {
		check := &CheckCSV{Input: *file(c.content)}
		_, err := Build(m, Options{Path: "m.h5", Tokenizer: file(tokenizer), Compare: check})
		if c.want == "" {
			if err != nil || check.Rows != strings.Count(c.content, "]\"")+strings.Count(c.content, ",a b\n")+strings.Count(c.content, "C\"") || check.Worst != 0 {
				t.Errorf("%s: got %v and %+v", c.name, err, check.Rows)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: got error %v, want one line with %q", c.name, err, c.want)
		}
	}
}
