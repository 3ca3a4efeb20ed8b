package mastodon

import (
	"cmp"
	"encoding/json"
	"strings"

	"golang.org/x/net/html"

	"coldstream/internal/source"
)

// status is what is read of a post.
type status struct {
	ID, URI, Content, Language string
	CreatedAt                  string `json:"created_at"`
	Reblog                     *status
}

// post counts an event and returns its post.
func (s *stream) post(kind string, data []byte) (source.Post, bool) {
	var st status
	names := map[string]string{"update": "posts", "delete": "deletes", "status.update": "updates"}
	name := cmp.Or(names[kind], "other_kinds")
	if name == "posts" && (json.Unmarshal(data, &st) != nil || st.ID == "") {
		name = "malformed_events"
	}
	s.Count(name)
	text := &st
	if st.Reblog != nil {
		text = st.Reblog
	}
	return source.Post{
		ID: cmp.Or(st.URI, st.ID), Text: plain(text.Content), Lang: text.Language,
		CreatedAt: st.CreatedAt, Source: "mastodon", Retweet: st.Reblog != nil,
	}, name == "posts"
}

// plain returns the text of HTML: a line break for <br>, an empty line between
// paragraphs, nothing for other tags.
func plain(content string) string {
	var b strings.Builder
	for z := html.NewTokenizer(strings.NewReader(content)); ; {
		switch z.Next() {
		case html.ErrorToken:
			return strings.TrimSpace(b.String())
		case html.TextToken:
			b.Write(z.Text())
		case html.StartTagToken, html.SelfClosingTagToken:
			switch name, _ := z.TagName(); string(name) {
			case "br", "li", "blockquote", "pre":
				b.WriteByte('\n')
			case "p":
				b.WriteString("\n\n")
			}
		}
	}
}
