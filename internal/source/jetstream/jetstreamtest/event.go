package jetstreamtest

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"coldstream/internal/source"
)

// Event is one event of the invented network.
type Event struct {
	Collection string // "" for account and identity events
	Operation  string // "create", "update", "delete", or "" likewise
	Frame      []byte // as it goes over the wire

	// Of a new post only.
	ID    string // at://did/collection/rkey
	Text  string
	Langs []string
}

// Post reports whether e is a new post.
func (e Event) Post() bool {
	return e.Operation == "create" && e.Collection == postCollection
}

const (
	postCollection = "app.bsky.feed.post"
	likeCollection = "app.bsky.feed.like"
)

// languages of the posts in turn: most have one, some have two or none.
var languages = [][]string{{"en"}, {"en-US"}, nil, {"pt", "en"}, {"en"}, {"ja"}, {"en-GB"}, {}}

// foreign are the texts of posts that are not in English.
var foreign = map[string]string{"pt": "O comboio da noite chegou a horas", "ja": "夜行列車が定刻に着きました"}

// Event returns event i of the network, from 0. It is the same on every host but
// for the host's clock.
func (s *Server) Event(i int) Event {
	did := "did:plc:" + key(i%997, 24)
	commit := map[string]any{"rev": "3m" + key(i, 11), "rkey": "3k" + key(i, 11)}
	wire := map[string]any{"did": did, "time_us": s.timeUS(i), "kind": "commit", "commit": commit}
	at := s.at(i).UTC().Format("2006-01-02T15:04:05.000Z")

	e := Event{Collection: postCollection, Operation: "create"}
	switch i % 16 {
	case 3:
		e.Operation = "delete"
	case 6:
		e.Operation = "update"
		commit["record"] = map[string]any{"$type": postCollection, "text": "changed", "createdAt": at}
	case 9:
		e.Collection, e.Operation = "", ""
		wire["kind"] = "identity"
		wire["identity"] = map[string]any{"did": did, "handle": fmt.Sprintf("user%d.example", i%997), "seq": i, "time": at}
	case 12:
		e.Collection, e.Operation = "", ""
		wire["kind"] = "account"
		wire["account"] = map[string]any{"active": i%32 != 12, "did": did, "seq": i, "time": at}
	case 15:
		e.Collection = likeCollection
		commit["record"] = map[string]any{"$type": likeCollection, "createdAt": at}
	default:
		e.ID = "at://" + did + "/" + postCollection + "/" + commit["rkey"].(string)
		e.Text, e.Langs = source.SampleText(i), languages[i/16%len(languages)]
		if i%100 == 50 {
			e.Text = ""
		}
		record := map[string]any{"$type": postCollection, "text": e.Text, "createdAt": at}
		if e.Langs != nil {
			record["langs"] = e.Langs
			if len(e.Langs) > 0 && foreign[e.Langs[0]] != "" {
				e.Text = foreign[e.Langs[0]]
				record["text"] = e.Text
			}
		}
		if i%5 == 0 {
			record["embed"] = map[string]any{"$type": "app.bsky.embed.external", "external": map[string]any{"uri": "https://example.com/", "title": "A \"title\"", "description": ""}}
		}
		commit["record"] = record
		commit["cid"] = "bafyrei" + key(i, 52)
	}
	if e.Collection == "" {
		delete(wire, "commit")
	} else {
		commit["operation"], commit["collection"] = e.Operation, e.Collection
	}
	e.Frame, _ = json.Marshal(wire) // of strings, numbers and maps: it cannot fail
	if s.o.Edit != nil {
		e.Frame = s.o.Edit(i, e.Frame)
	}
	return e
}

// key writes n with width digits of those that record keys have.
func key(n, width int) string {
	digits := strconv.FormatInt(int64(n), 26)
	digits = strings.Map(func(r rune) rune {
		if '0' <= r && r <= '9' {
			return r - '0' + 'q'
		}
		return r
	}, digits)
	return strings.Repeat("q", max(0, width-len(digits))) + digits
}

// at is when event i comes about, by a true clock.
func (s *Server) at(i int) time.Time { return s.o.Start.Add(time.Duration(i) * s.interval) }

// timeUS is the event's time on the wire: neighbours are out of order, as they
// are in recordings of the real stream.
func (s *Server) timeUS(i int) int64 {
	shift := time.Duration(i*7%5-2) * min(s.interval*3/2, time.Second)
	return s.at(i).Add(s.o.Skew + shift).UnixMicro()
}
