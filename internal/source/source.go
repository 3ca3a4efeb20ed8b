// Package source reads posts: from a file (JSON lines, CSV or plain lines,
// plain or compressed), from any reader, or from the built-in sample.
//
// Start with OpenFile, NewReader or NewSample, then call Next until io.EOF;
// Paced and Looped replay any source at a rate, and again and again. A record
// that cannot be a post comes back as a BadRecordError, after which Next may be
// called again: the caller decides whether to stop and accounts for it.
package source

import (
	"context"
	"fmt"
)

// Post is one post. Fields that a source does not know are empty; ID never is.
type Post struct {
	ID        string // as the source gives it, else made of the source's name and the record's number
	Text      string // valid UTF-8, not changed in any way
	Lang      string // as declared: a language tag such as "en" or "en-US", several with commas between
	CreatedAt string // as declared
	Source    string // the source's kind: "file", "jetstream", ...

	Key     string // what a duplicate shares, where that is not ID: the first version of an edited post
	Retweet bool   // the post repeats another one
}

// Source gives posts one by one.
type Source interface {
	// Next returns the next post, io.EOF after the last one, a BadRecordError
	// for a record that is no post, or ctx's error.
	Next(ctx context.Context) (Post, error)
	// Cursor is the position behind the last record that Next returned. Given
	// as Options.Cursor to a new Source over the same input, Next goes on there.
	Cursor() string
	// Close releases the input.
	Close() error
}

// Notice says what happened to a live source apart from posts.
type Notice struct {
	Kind string // what to count it as: "reconnect", "gap", "rate_limit", ...
	Text string // one line for the operator
}

// Counter is implemented by sources that meet more than posts.
type Counter interface {
	// Counters returns how often each thing was met, by names such as
	// "deletes", "keep_alives" or "reconnects_stall".
	Counters() map[string]int64
}

// BadRecordError reports a record that cannot be a post. The records behind it
// can still be read.
type BadRecordError struct {
	Name   string // the input's name
	Line   int    // the line in the input on which the record starts, from 1
	Reason string
	Data   []byte // the record as it stands in the input, where it is known
}

// Error names input, line and reason.
func (e *BadRecordError) Error() string {
	return fmt.Sprintf("%s, line %d: %s", e.Name, e.Line, e.Reason)
}

// Format says how an input is divided into posts.
type Format string

// Formats. FormatAuto takes JSON lines if the first character that is no space
// is a brace, and CSV otherwise.
const (
	FormatAuto  Format = ""
	FormatJSONL Format = "jsonl" // one JSON object per line
	FormatCSV   Format = "csv"   // a header line, comma or tab separated, quoted line breaks
	FormatLines Format = "lines" // each line is a text

	// FormatSentiment140 is the CSV of the Sentiment140 data set: no header, the
	// columns target, id, date, flag, user and text. A text that is not UTF-8 is
	// taken for Latin-1.
	FormatSentiment140 Format = "sentiment140"
)

// Options says what the fields of the input are called. Names are JSON fields
// or CSV columns; "data.text" is also the field text of the JSON object data.
type Options struct {
	Format Format

	TextField      string // "" = "text"
	IDField        string // "" = "id", or ids made of name and record number where there is none
	LangField      string // "" = "lang" where there is one
	CreatedAtField string // "" = "created_at" where there is one

	Cursor string // where to go on, "" = from the start
	Before int    // records of former inputs, behind which made ids and the cursor count on: of a pipe, which starts anew each time
}

// field returns the name to look for and whether it must be there.
func field(given, usual string) (name string, required bool) {
	if given != "" {
		return given, true
	}
	return usual, false
}
