package v11

import (
	"errors"
	"fmt"
	"strconv"
	"unicode/utf8"

	//lint:ignore SA1019 it is not developed any more, and neither is the API whose archives it describes
	"github.com/dghubble/go-twitter/twitter"

	"coldstream/internal/jsonscan"
)

// notices are the messages of the stream that are no statuses, by the member
// that tells them, in the order in which go-twitter looks for them. They are
// only counted, so their content is not read: an odd one must not end a run.
var notices = [...]struct {
	member  string
	message any
}{
	{"direct_message", new(twitter.DirectMessage)},
	{"delete", new(twitter.StatusDeletion)},
	{"scrub_geo", new(twitter.LocationDeletion)},
	{"limit", new(twitter.StreamLimit)},
	{"status_withheld", new(twitter.StatusWithheld)},
	{"user_withheld", new(twitter.UserWithheld)},
	{"disconnect", new(twitter.StreamDisconnect)},
	{"warning", new(twitter.StallWarning)},
	{"friends", new(twitter.FriendsList)},
	{"event", new(twitter.Event)},
}

var errV2 = errors.New("an object of the API v2, not v1.1: read it with --source file --text-column data.text --id-column data.id, or live with --source x-stream")

// decode returns the message in line as one of go-twitter's types, or line
// itself if it is of no known kind, and sets edits to the id of an edited
// status's first version.
//
// go-twitter tells a status by its retweet_count, which the first archives do
// not have; here it is an object with a text and an id.
func decode(line []byte, edits *string) (any, error) {
	sc := jsonscan.New(line)
	var isText, isID, isV2 bool
	notice := len(notices)
	sc.Object()
	for key, ok := sc.Member(); ok; key, ok = sc.Member() {
		v := sc.Value()
		switch {
		case key.Is("text"), key.Is("full_text"):
			isText = true
		case key.Is("id"), key.Is("id_str"):
			isID = true
		case key.Is("data"):
			isV2 = v.Kind == jsonscan.Object || v.Kind == jsonscan.Array
		default:
			for i := range notices[:notice] {
				if key.Is(notices[i].member) {
					notice = i
					break
				}
			}
		}
	}
	if !sc.End() {
		if !utf8.Valid(line) {
			return nil, errors.New("not valid UTF-8")
		}
		return nil, fmt.Errorf("not a JSON object: %w", sc.Err())
	}
	switch {
	case isText && isID:
		return status(line, edits)
	case notice < len(notices):
		return notices[notice].message, nil
	case isV2:
		return nil, errV2
	}
	return line, nil
}

// status reads the members of a status that a post needs. They are read one by
// one, not by encoding/json into the whole Tweet, because a type that does not
// fit in a member that nobody asks for must not cost the post, and because a
// status has some kilobytes of which a post has some hundred bytes. With nil for
// edits the status is one inside a retweet, which holds no further one.
func status(object []byte, edits *string) (*twitter.Tweet, error) {
	t := new(twitter.Tweet)
	var err error
	sc := jsonscan.New(object)
	sc.Object()
	for key, ok := sc.Member(); ok && err == nil; key, ok = sc.Member() {
		v := sc.Value()
		switch {
		case v.Kind == jsonscan.Null:
		case key.Is("id"):
			err = identify(v, t)
		case key.Is("id_str"):
			t.IDStr, err = str(key, v)
		case key.Is("text"):
			t.Text, err = str(key, v)
		case key.Is("full_text"):
			t.FullText, err = str(key, v)
		case key.Is("lang"):
			t.Lang, err = str(key, v)
		case key.Is("created_at"):
			t.CreatedAt, err = str(key, v)
		case v.Kind != jsonscan.Object:
		case key.Is("extended_tweet"):
			t.ExtendedTweet = &twitter.ExtendedTweet{FullText: member(v, "full_text")}
		case edits == nil:
		case key.Is("retweeted_status"):
			t.RetweetedStatus, err = status(v.Raw, nil)
		case key.Is("edit_history"):
			*edits = member(v, "initial_tweet_id")
		}
	}
	return t, err
}

// identify sets the id of t. A number that is no int64, as a table calculation
// leaves it, is of no use; id_str may still be right.
func identify(v jsonscan.Value, t *twitter.Tweet) error {
	switch v.Kind {
	case jsonscan.Number:
		t.ID, _ = strconv.ParseInt(string(v.Raw), 10, 64) // 0 on an error
	case jsonscan.String:
		if t.IDStr == "" {
			t.IDStr = string(jsonscan.AppendString(nil, v))
		}
	default:
		return errors.New("the id is neither a string nor a number")
	}
	return nil
}

// str returns the text of the string v.
func str(key, v jsonscan.Value) (string, error) {
	if v.Kind != jsonscan.String {
		return "", fmt.Errorf("%s is not a string", key.Raw)
	}
	return string(jsonscan.AppendString(nil, v)), nil
}

// member returns the string called name in object, "" if there is none.
func member(object jsonscan.Value, name string) (text string) {
	sc := jsonscan.New(object.Raw)
	sc.Object()
	for key, ok := sc.Member(); ok; key, ok = sc.Member() {
		if v := sc.Value(); key.Is(name) && v.Kind == jsonscan.String {
			text = string(jsonscan.AppendString(nil, v))
		}
	}
	return text
}
