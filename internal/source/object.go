package source

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"coldstream/internal/jsonscan"
)

// The members of a JSON object that make a post.
const (
	memberText = iota
	memberID
	memberLang
	memberCreatedAt
	memberCount
)

// objectReader makes posts of JSON objects.
type objectReader struct {
	names  [memberCount]string
	outer  [memberCount]string // what stands in front of a dot in the name, "" = no dot
	needed [memberCount]bool
	buf    []byte
}

func newObjectReader(o Options) *objectReader {
	var r objectReader
	for i, f := range [memberCount]struct{ given, usual string }{
		memberText:      {o.TextField, "text"},
		memberID:        {o.IDField, "id"},
		memberLang:      {o.LangField, "lang"},
		memberCreatedAt: {o.CreatedAtField, "created_at"},
	} {
		r.names[i], r.needed[i] = field(f.given, f.usual)
		if outer, _, dotted := strings.Cut(r.names[i], "."); dotted {
			r.outer[i] = outer
		}
	}
	r.needed[memberText] = true
	return &r
}

// post reads a post from a JSON object. Of members that stand twice the last
// counts. Numbers keep their digits: ids above 2^53 must not pass through a
// float. The post's strings share one piece of memory.
func (r *objectReader) post(line []byte) (Post, error) {
	var values, outer [memberCount]jsonscan.Value
	sc := jsonscan.New(line)
	sc.Object()
	for key, ok := sc.Member(); ok; key, ok = sc.Member() {
		v := sc.Value()
		for i, name := range r.names {
			if key.Is(name) {
				values[i] = v
			} else if r.outer[i] != "" && key.Is(r.outer[i]) {
				outer[i] = v
			}
		}
	}
	if !sc.End() {
		if !utf8.Valid(line) {
			return Post{}, errNotUTF8
		}
		return Post{}, fmt.Errorf("not a JSON object: %w", sc.Err())
	}
	var ends [memberCount]int
	r.buf = r.buf[:0]
	for i, v := range values {
		name := r.names[i]
		if v.Kind == jsonscan.None && outer[i].Kind == jsonscan.Object {
			v = member(outer[i], name[len(r.outer[i])+1:])
		}
		switch v.Kind {
		case jsonscan.None, jsonscan.Null:
			if r.needed[i] {
				return Post{}, fmt.Errorf("no field %q", name)
			}
		case jsonscan.String:
			r.buf = jsonscan.AppendString(r.buf, v)
		case jsonscan.Number:
			if i == memberText {
				return Post{}, fmt.Errorf("field %q is not a string", name)
			}
			r.buf = append(r.buf, v.Raw...)
		default:
			return Post{}, fmt.Errorf("field %q: %w", name, errNotScalar)
		}
		ends[i] = len(r.buf)
	}
	all := string(r.buf)
	return Post{
		Text:      all[:ends[memberText]],
		ID:        all[ends[memberText]:ends[memberID]],
		Lang:      all[ends[memberID]:ends[memberLang]],
		CreatedAt: all[ends[memberLang]:ends[memberCreatedAt]],
	}, nil
}

var errNotScalar = errors.New("neither a string nor a number")

// member returns the member of object that path names, or nothing. A dot in
// the path leads into an object, unless a member has the whole path for its
// name.
func member(object jsonscan.Value, path string) jsonscan.Value {
	name, rest, dotted := strings.Cut(path, ".")
	var found, outer jsonscan.Value
	sc := jsonscan.New(object.Raw)
	sc.Object()
	for key, ok := sc.Member(); ok; key, ok = sc.Member() {
		v := sc.Value()
		if key.Is(path) {
			found = v
		} else if dotted && key.Is(name) {
			outer = v
		}
	}
	if found.Kind == jsonscan.None && outer.Kind == jsonscan.Object {
		return member(outer, rest)
	}
	return found
}
