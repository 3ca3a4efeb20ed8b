package jetstream

import (
	"errors"
	"strconv"
	"strings"

	"coldstream/internal/jsonscan"
	"coldstream/internal/source"
)

// minTime is the smallest time_us, in 2001: hosts take a smaller cursor for a
// sequence number of their second protocol.
const minTime = 1e15

// errNoKind reports a JSON value that is no event.
var errNoKind = errors.New("it says no kind of event")

// event is what one frame says.
type event struct {
	time int64       // by the host's clock, in microseconds since 1970; 0 = not said
	what counter     // posts, deletes, ...
	post source.Post // if what is posts
}

// fields are the parts of a frame that matter. They point into it.
type fields struct {
	did, kind, time             jsonscan.Value
	operation, collection, rkey jsonscan.Value
	text, langs, createdAt      jsonscan.Value
}

// parse reads a frame. New records of the wanted collections are posts. What is
// strange inside an event is no error, since anybody can publish any record; an
// error means that the frame is no event.
func parse(frame []byte, wanted []string) (event, error) {
	var f fields
	s := jsonscan.New(frame)
	if !s.Object() {
		return event{}, s.Err()
	}
	f.event(&s)
	if s.End(); s.Err() != nil {
		return event{}, s.Err()
	}
	var e event
	if t, err := strconv.ParseInt(string(f.time.Raw), 10, 64); err == nil && t >= minTime {
		e.time = t
	}
	switch {
	case f.kind.Kind != jsonscan.String:
		return event{}, errNoKind
	case f.kind.Is("identity"):
		e.what = identities
	case f.kind.Is("account"):
		e.what = accounts
	case !f.kind.Is("commit"):
		e.what = otherKinds
	case f.operation.Is("delete"):
		e.what = deletes
	case f.operation.Is("update"):
		e.what = updates
	case !f.operation.Is("create"):
		e.what = malformed
	default:
		e.what = f.create(&e.post, wanted)
	}
	return e, nil
}

// event takes the members of the object that was entered.
func (f *fields) event(s *jsonscan.Scanner) {
	for key, ok := s.Member(); ok; key, ok = s.Member() {
		switch {
		case key.Is("did"):
			f.did = s.Value()
		case key.Is("kind"):
			f.kind = s.Value()
		case key.Is("time_us"):
			f.time = s.Value()
		case key.Is("commit") && s.Next() == jsonscan.Object:
			s.Object()
			f.commit(s)
		default:
			s.Value()
		}
	}
}

func (f *fields) commit(s *jsonscan.Scanner) {
	for key, ok := s.Member(); ok; key, ok = s.Member() {
		switch {
		case key.Is("operation"):
			f.operation = s.Value()
		case key.Is("collection"):
			f.collection = s.Value()
		case key.Is("rkey"):
			f.rkey = s.Value()
		case key.Is("record") && s.Next() == jsonscan.Object:
			s.Object()
			f.record(s)
		default:
			s.Value()
		}
	}
}

func (f *fields) record(s *jsonscan.Scanner) {
	for key, ok := s.Member(); ok; key, ok = s.Member() {
		switch {
		case key.Is("text"):
			f.text = s.Value()
		case key.Is("langs"):
			f.langs = s.Value()
		case key.Is("createdAt"):
			f.createdAt = s.Value()
		default:
			s.Value()
		}
	}
}

// create makes a post of a new record and says what to count it as.
func (f *fields) create(p *source.Post, wanted []string) counter {
	did, collection, rkey := text(f.did), text(f.collection), text(f.rkey)
	switch {
	case did == "" || collection == "" || rkey == "":
		return malformed
	case !matches(collection, wanted):
		return otherCollections
	case f.text.Kind != jsonscan.String:
		return malformed
	}
	*p = source.Post{
		ID:        "at://" + did + "/" + collection + "/" + rkey,
		Text:      text(f.text),
		Lang:      languages(f.langs),
		CreatedAt: text(f.createdAt),
		Source:    "jetstream",
	}
	return posts
}

// matches reports whether a collection is one of the wanted ones.
func matches(collection string, wanted []string) bool {
	for _, w := range wanted {
		if prefix, ok := strings.CutSuffix(w, "*"); ok && strings.HasPrefix(collection, prefix) || collection == w {
			return true
		}
	}
	return false
}

// languages returns the strings of an array with commas between.
func languages(v jsonscan.Value) string {
	if v.Kind != jsonscan.Array {
		return ""
	}
	s := jsonscan.New(v.Raw)
	s.Array()
	var tags []string
	for s.Element() {
		if tag := text(s.Value()); tag != "" {
			tags = append(tags, tag)
		}
	}
	return strings.Join(tags, ",")
}

// text returns a string's value, "" for anything else.
func text(v jsonscan.Value) string {
	if v.Kind != jsonscan.String {
		return ""
	}
	return string(jsonscan.AppendString(nil, v))
}
