package xapitest

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// object is a post as X writes it.
func (s *Server) object(p Post) map[string]any {
	edits, references, note := "edit_history_tweet_ids", "referenced_tweets", "note_tweet"
	if s.PostNames {
		edits, references, note = "edit_history_post_ids", "referenced_posts", "note_post"
	}
	history := p.Edits
	if len(history) == 0 {
		history = []string{p.ID}
	}
	o := map[string]any{"id": p.ID, "text": p.Text, "lang": p.Lang, edits: history, "created_at": p.at.UTC().Format("2006-01-02T15:04:05.000Z")}
	if p.Long != "" {
		o[note] = map[string]any{"text": p.Long}
	}
	if p.Retweet {
		o[references] = []map[string]any{{"type": "retweeted", "id": "1"}}
	}
	return o
}

// wire is the line of a post for a stream, nil if no rule matches.
func (s *Server) wire(p Post, st *stream) []byte {
	out := map[string]any{"data": s.object(p)}
	if st.endpoint == "filtered_stream" {
		var matching []map[string]string
		for _, r := range s.rules {
			if matches(r.Value, p) {
				matching = append(matching, map[string]string{"id": r.ID, "tag": r.Tag})
			}
		}
		if matching == nil {
			return nil
		}
		out["matching_rules"] = matching
	}
	b, err := json.Marshal(out)
	if err != nil {
		return nil
	}
	return b
}

// matches knows words, OR, parentheses around its sides, lang: and -is:retweet.
func matches(query string, p Post) bool {
	text := strings.ToLower(p.Text + " " + p.Long)
	for _, side := range strings.Split(query, " OR ") {
		all := true
		for _, word := range strings.Fields(strings.ToLower(strings.Trim(side, "() "))) {
			switch {
			case word == "-is:retweet":
				all = all && !p.Retweet
			case strings.HasPrefix(word, "lang:"):
				all = all && word == "lang:"+p.Lang
			default:
				all = all && strings.Contains(text, word)
			}
		}
		if all {
			return true
		}
	}
	return false
}

// serveSearch answers recent search: newest first, no retweets, seven days.
func (s *Server) serveSearch(w http.ResponseWriter, r *http.Request) {
	in := r.URL.Query()
	invalid := func(parameter, message string) {
		b, _ := json.Marshal(map[string]any{
			"errors": []map[string]any{{"parameters": map[string][]string{parameter: {in.Get(parameter)}}, "message": message}},
			"title":  "Invalid Request", "detail": "One or more parameters to your request was invalid.", "type": "https://api.x.com/2/problems/invalid-request"})
		s.refuse(w, r, Fault{Status: http.StatusBadRequest, Body: string(b)})
	}
	now := time.Now()
	oldest := uint64(max(0, now.Add(-7*24*time.Hour).UnixMilli()-idEpoch)) << 22
	query := in.Get("query")
	if query == "" || len([]rune(query)) > 512 {
		invalid("query", "The `query` query parameter has to have 1 to 512 characters")
		return
	}
	size := 10
	ids := make(map[string]uint64)
	for name, base := range map[string]int{"since_id": 10, "until_id": 10, "next_token": 36} {
		if v := in.Get(name); v != "" {
			n, err := strconv.ParseUint(v, base, 64)
			if err != nil {
				invalid(name, "not a valid value")
				return
			}
			ids[name] = n
		}
	}
	if v := in.Get("max_results"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil || n < 10 || n > 100 {
			invalid("max_results", "The `max_results` query parameter value is not between 10 and 100")
			return
		}
		size = n
	}
	if since := ids["since_id"]; since > 0 && since < oldest {
		invalid("since_id", "'since_id' must be a tweet id created after "+now.Add(-7*24*time.Hour).UTC().Format(time.RFC3339)+". Please use a 'since_id' that is larger than "+strconv.FormatUint(oldest, 10))
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	size = max(1, size-s.ShortBy)
	var data []map[string]any
	var first, last, next string
	for i := len(s.posts) - 1; i >= 0; i-- {
		p := s.posts[i]
		id, err := strconv.ParseUint(p.ID, 10, 64)
		if err != nil || id <= ids["since_id"] || ids["until_id"] > 0 && id >= ids["until_id"] || ids["next_token"] > 0 && id >= ids["next_token"] ||
			p.Retweet || now.Sub(p.at) < s.Lag || !matches(query, p) {
			continue
		}
		if len(data) == size {
			lastID, _ := strconv.ParseUint(last, 10, 64)
			next = strconv.FormatUint(lastID, 36)
			break
		}
		if first == "" {
			first = p.ID
		}
		last = p.ID
		data = append(data, s.object(p))
	}
	meta := map[string]any{"result_count": len(data)}
	out := map[string]any{"meta": meta}
	if len(data) > 0 {
		out["data"] = data
		meta["newest_id"], meta["oldest_id"] = first, last
	}
	if next != "" {
		meta["next_token"] = next
	}
	s.read += len(data)
	answer(w, http.StatusOK, out)
}
