// Package v11 reads archived streams of the Twitter API v1.1: statuses, deletes
// and other notices as JSON objects, one per line, in a file or in a tar of such
// files, plain or compressed (gzip, zstd, bzip2). The API itself is gone.
//
// Start with Open, then call Next until io.EOF. Messages have the types of
// github.com/dghubble/go-twitter and go through its SwitchDemux; its client is
// not used.
package v11

import (
	"bytes"
	"context"
	"errors"
	"strconv"
	"time"

	//lint:ignore SA1019 it is not developed any more, and neither is the API whose archives it describes
	"github.com/dghubble/go-twitter/twitter"

	"coldstream/internal/source"
)

// file is a Source over an archive.
type file struct {
	archive *archive
	demux   twitter.SwitchDemux

	// What the demux made of the last message.
	post  source.Post
	found bool
	edits string // the first version's id, if the message is an edited status
	err   error  // the reason for a bad record

	// Tally has what was met apart from statuses: deletes, location_deletes,
	// limits, withheld, disconnects, warnings, unknown (other messages) and
	// entries_skipped (of a tar: directories, links, hidden files). What stood in
	// front of the cursor is not among it.
	source.Tally
}

// Open opens an archived stream. Posts have id_str for their ID, the full text
// of a long status, and the retweeted status's text if they are retweets; texts
// keep the entities &amp;, &lt; and &gt; of the API. Notices and unknown
// messages are counted: see source.Counter.
//
// The fields are fixed: of the options only the cursor may be given. It is the
// number of lines read, or for a tar the number of entries in front of the file
// and of lines read from it (12/345). Reading ends with ctx.
func Open(ctx context.Context, path string, o source.Options) (source.Source, error) {
	cursor := o.Cursor
	if o.Cursor = ""; o != (source.Options{}) {
		return nil, errors.New("the format and the fields of a v1.1 stream are fixed; leave their options out")
	}
	s := &file{}
	s.demux = s.newDemux()
	a, err := openArchive(ctx, path, cursor, s.Count)
	if err != nil {
		return nil, err
	}
	s.archive = a
	return s, nil
}

// newDemux returns a demux that turns statuses into posts and counts the rest.
func (s *file) newDemux() twitter.SwitchDemux {
	d := twitter.NewSwitchDemux()
	d.Tweet = s.tweet
	d.StatusDeletion = func(*twitter.StatusDeletion) { s.Count("deletes") }
	d.LocationDeletion = func(*twitter.LocationDeletion) { s.Count("location_deletes") }
	d.StreamLimit = func(*twitter.StreamLimit) { s.Count("limits") }
	d.StatusWithheld = func(*twitter.StatusWithheld) { s.Count("withheld") }
	d.UserWithheld = func(*twitter.UserWithheld) { s.Count("withheld") }
	d.StreamDisconnect = func(*twitter.StreamDisconnect) { s.Count("disconnects") }
	d.Warning = func(*twitter.StallWarning) { s.Count("warnings") }
	d.Other = func(any) { s.Count("unknown") }
	return d
}

// Next returns the next status of the stream.
func (s *file) Next(ctx context.Context) (source.Post, error) {
	for {
		line, err := s.archive.next(ctx)
		if err != nil {
			return source.Post{}, err
		}
		s.found, s.edits, s.err = false, "", nil
		message, err := decode(line, &s.edits)
		if err == nil {
			s.demux.Handle(message)
			err = s.err
		}
		if err != nil {
			return source.Post{}, s.archive.bad(err.Error(), bytes.Clone(line))
		}
		if s.found {
			return s.post, nil
		}
	}
}

// tweet makes a post of a status.
func (s *file) tweet(t *twitter.Tweet) {
	id := t.IDStr
	if id == "" && t.ID != 0 {
		id = strconv.FormatInt(t.ID, 10)
	}
	if id == "" {
		s.err = errors.New("a status without an id")
		return
	}
	s.found = true
	s.post = source.Post{
		ID: id, Text: text(t), Lang: t.Lang, CreatedAt: t.CreatedAt, Source: "v11-file",
		Retweet: t.RetweetedStatus != nil,
	}
	if s.edits != id {
		s.post.Key = s.edits
	}
	if t.Lang == "und" { // the API did not know either
		s.post.Lang = ""
	}
	if at, err := t.CreatedAtTime(); err == nil {
		s.post.CreatedAt = at.UTC().Format(time.RFC3339)
	}
}

// text returns the longest form of a status's text. A retweet's own is cut off
// and begins with RT.
func text(t *twitter.Tweet) string {
	if t.RetweetedStatus != nil {
		if full := text(t.RetweetedStatus); full != "" {
			return full
		}
	}
	switch {
	case t.ExtendedTweet != nil && t.ExtendedTweet.FullText != "":
		return t.ExtendedTweet.FullText
	case t.FullText != "":
		return t.FullText
	}
	return t.Text
}

func (s *file) Cursor() string { return s.archive.cursor() }

func (s *file) Close() error { return s.archive.Close() }
