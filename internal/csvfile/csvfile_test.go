package csvfile

import (
	"encoding/csv"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
)

// readAll returns the header and all records of s.
func readAll(s string) ([][]string, error) {
	r, err := NewReader(strings.NewReader(s))
	if err != nil {
		return nil, err
	}
	all := [][]string{append([]string(nil), r.Header()...)}
	for {
		rec, err := r.Read()
		if err == io.EOF {
			return all, nil
		}
		if err != nil {
			return all, err
		}
		all = append(all, append([]string(nil), rec...))
	}
}

func TestReadsAsPythonDoes(t *testing.T) {
	for _, c := range []struct {
		name, in string
		want     [][]string
	}{
		{"plain", "a,b\n1,2\n", [][]string{{"a", "b"}, {"1", "2"}}},
		{"no final newline", "a,b\n1,2", [][]string{{"a", "b"}, {"1", "2"}}},
		{"CRLF", "a,b\r\n1,2\r\n", [][]string{{"a", "b"}, {"1", "2"}}},
		{"CR", "a,b\r1,2\r", [][]string{{"a", "b"}, {"1", "2"}}},
		{"byte order mark", "\xef\xbb\xbfa,b\n1,2\n", [][]string{{"a", "b"}, {"1", "2"}}},
		{"quoted newline", "a,b\n1,\"x\ny\"\n", [][]string{{"a", "b"}, {"1", "x\ny"}}},
		{"quoted CRLF is kept", "a,b\r\n1,\"x\r\ny\"\r\n", [][]string{{"a", "b"}, {"1", "x\r\ny"}}},
		{"doubled quote", "a,b\n1,\"he said \"\"no\"\"\"\n", [][]string{{"a", "b"}, {"1", `he said "no"`}}},
		{"quote inside a bare field", "a,b\n1,5\" disk\n", [][]string{{"a", "b"}, {"1", `5" disk`}}},
		{"text after the closing quote", "a,b\n1,\"x\"y\n", [][]string{{"a", "b"}, {"1", "xy"}}},
		{"empty fields", "a,b\n,\n\"\",\"\"\n", [][]string{{"a", "b"}, {"", ""}, {"", ""}}},
		{"one empty quoted column", "a\n\"\"\n", [][]string{{"a"}, {""}}},
		{"blank lines", "\n\na,b\n\n1,2\n\r\n3,4\n\n", [][]string{{"a", "b"}, {"1", "2"}, {"3", "4"}}},
		{"tabs", "a\tb\n1\tx, y\n", [][]string{{"a", "b"}, {"1", "x, y"}}},
	} {
		got, err := readAll(c.in)
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: got %q, %v; want %q", c.name, got, err, c.want)
		}
	}
}

func TestErrorsNameTheLine(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"empty", "", "the file is empty"},
		{"UTF-16", "\xff\xfea\x00", "UTF-16"},
		{"open quote", "a,b\n1,2\n3,\"x\n\n\n", "line 3: the quote opened here is never closed"},
		{"too few fields", "a,b\n\n\"1\n\",2\n5\n", "line 5: 1 fields, the header has 2"},
		{"too many fields", "a,b\n1,2,3\n", "line 2: 3 fields, the header has 2"},
	} {
		if _, err := readAll(c.in); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got error %v, want %q", c.name, err, c.want)
		}
	}
}

func TestReadingGoesOnAfterAShortRecord(t *testing.T) {
	r, err := NewReader(strings.NewReader("a,b\n1\n2,3\n"))
	if err != nil {
		t.Fatal(err)
	}
	var short *FieldCountError
	if _, err := r.Read(); !errors.As(err, &short) {
		t.Fatalf("got %v, want a FieldCountError", err)
	}
	if rec, err := r.Read(); err != nil || rec[1] != "3" {
		t.Fatalf("got %q, %v", rec, err)
	}
}

func TestMissingColumnListsTheColumns(t *testing.T) {
	r, err := NewReader(strings.NewReader("id,\"text, long\"\n"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Column("tweet"); err == nil || err.Error() != `no column "tweet"; the columns are "id", "text, long"` {
		t.Fatalf("got %v", err)
	}
}

// FuzzAgreesWithEncodingCSV compares the records with encoding/csv wherever
// that package accepts the input; it rewrites \r\n inside quotes, so inputs
// with a carriage return are only tried for crashes.
func FuzzAgreesWithEncodingCSV(f *testing.F) {
	for _, s := range []string{"a,b\n1,2\n", "a\n\"x\ny\"\n", "a\tb\n1\t2\n", "\"a\"\"b\",c\n,\n", "\xef\xbb\xbfa\n\n1", "a,b\r\n\"\r\n\",\r"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := readAll(s)
		// Where the two are meant to differ: tabs and byte order marks.
		header, _, _ := strings.Cut(strings.TrimLeft(s, "\n"), "\n")
		if strings.Contains(s, "\r") || strings.Contains(header, "\t") || strings.IndexByte("\xef\xfe\xff", (s + " ")[0]) >= 0 {
			return
		}
		want, wantErr := csv.NewReader(strings.NewReader(s)).ReadAll()
		if wantErr != nil || len(want) == 0 {
			return
		}
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("input %q: got %q, %v; encoding/csv reads %q", s, got, err, want)
		}
	})
}
