package xapi

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"coldstream/internal/source"
	"coldstream/internal/source/xapi/xapitest"
)

func (w *world) search(o Options) source.Source {
	w.Helper()
	s, err := OpenSearch(w.Context(), o)
	if err != nil {
		w.Fatal(err)
	}
	return s
}

// newest returns the last n ids, newest first.
func newest(ids []string, n int) []string {
	out := slices.Clone(ids[len(ids)-n:])
	slices.Reverse(out)
	return out
}

// TestSearchGivesExactlySoMany posts, and pays for as few more as possible.
func TestSearchGivesExactlySoMany(t *testing.T) {
	for _, c := range []struct {
		count, there, short int
		want, paid, pages   int
		why                 string
	}{
		{count: 3, there: 50, want: 3, paid: 10, pages: 1},
		{count: 9, there: 4, want: 4, paid: 4, pages: 1, why: "4 of 9 posts were handed out: recent search has no more"},
		{count: 10, there: 50, want: 10, paid: 10, pages: 1},
		{count: 100, there: 300, want: 100, paid: 100, pages: 1},
		{count: 101, there: 300, want: 101, paid: 101, pages: 2},
		{count: 105, there: 300, want: 105, paid: 105, pages: 2},
		{count: 250, there: 300, want: 250, paid: 250, pages: 3},
		{count: 300, there: 300, want: 300, paid: 300, pages: 3},
		{count: 301, there: 300, want: 300, paid: 300, pages: 4, why: "300 of 301 posts were handed out"},
		{count: 5, there: 0, want: 0, paid: 0, pages: 1, why: "0 of 5 posts were handed out"},
		{count: 0, there: 230, want: 230, paid: 230, pages: 3},
		{count: 50, there: 300, short: 7, want: 50, paid: 52, pages: 4},
	} {
		t.Run(strconv.Itoa(c.count)+"of"+strconv.Itoa(c.there), func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.ShortBy = c.short
				o := w.options()
				o.Count = c.count
				ids := w.publish(c.there)
				s := w.search(o)
				if got := w.ids(s); !slices.Equal(got, newest(ids, c.want)) {
					w.Errorf("got %d posts, want %d", len(got), c.want)
				}
				if pages := len(w.Requests()); w.Read() != c.paid || pages != c.pages {
					w.Errorf("paid for %d posts on %d pages, want %d on %d", w.Read(), pages, c.paid, c.pages)
				}
				w.counter(s, "posts_read", int64(w.Read()))
				if c.why != "" && w.count("count", c.why) != 1 {
					w.Errorf("notices %q, want %q", w.said(), c.why)
				}
				s.Close()
			})
		})
	}
}

func TestPageSizesNeverLeaveATinyRest(t *testing.T) {
	for left := minPage; left < 350; left++ {
		for want := range 350 {
			n := pageSize(want, left)
			if n < minPage || n > maxPage || n > left || want >= minPage && n > want {
				t.Fatalf("%d of %d: a page of %d", want, left, n)
			}
			if rest := min(want, left) - n; want >= minPage && rest > 0 && rest < minPage {
				t.Fatalf("%d of %d: a page of %d leaves %d", want, left, n, rest)
			}
		}
	}
}

// TestSearchGoesOnAtItsCursor kills the source after every number of posts.
func TestSearchGoesOnAtItsCursor(t *testing.T) {
	for after := range 26 {
		inWorld(t, func(w *world) {
			ids := w.publish(40)
			o := w.options()
			o.Count = 25
			s := w.search(o)
			var got []string
			for range after {
				got = append(got, w.next(s).ID)
			}
			o.Cursor = s.Cursor()
			s.Close()
			w.publish(5) // newer ones do not shift what is left
			s = w.search(o)
			got = append(got, w.ids(s)...)
			if !slices.Equal(got, newest(ids, 25)) && after > 0 {
				w.Errorf("after %d: got %v", after, got)
			}
			var c cursor
			if err := json.Unmarshal([]byte(s.Cursor()), &c); err != nil || c.Read != w.Read() || c.Given != 25 {
				w.Errorf("cursor %s, X counts %d", s.Cursor(), w.Read())
			}
			s.Close()
		})
	}
}

// TestNextSearchFindsWhatIsNewer: since_id of the search before.
func TestNextSearchFindsWhatIsNewer(t *testing.T) {
	inWorld(t, func(w *world) {
		w.publish(120)
		o := w.options()
		s := w.search(o)
		if got := w.ids(s); len(got) != 120 {
			w.Errorf("got %d", len(got))
		}
		for _, n := range []int{0, 130, 1} {
			o.Cursor = s.Cursor()
			s.Close()
			time.Sleep(time.Hour)
			ids := w.publish(n)
			s = w.search(o)
			if got := w.ids(s); !slices.Equal(got, newest(ids, n)) {
				w.Errorf("got %d, want %d", len(got), n)
			}
		}
		// What is older than seven days is not asked for, and that is said.
		o.Cursor = s.Cursor()
		s.Close()
		w.publish(3)
		time.Sleep(8 * 24 * time.Hour)
		ids := w.publish(2)
		s = w.search(o)
		if got := w.ids(s); !slices.Equal(got, newest(ids, 2)) || w.count("gap", "reaches back seven days") != 1 {
			w.Errorf("got %v, notices %q", got, w.said())
		}
		// Another query is another search, the money is the same.
		o.Cursor, o.Queries = s.Cursor(), []string{"cat lang:en"}
		s.Close()
		s = w.search(o)
		if got := w.ids(s); !slices.Equal(got, newest(ids, 2)) || w.count("cursor", "another one") != 1 {
			w.Errorf("got %v, notices %q", got, w.said())
		}
		var c cursor
		if err := json.Unmarshal([]byte(s.Cursor()), &c); err != nil || c.Read != w.Read() {
			w.Errorf("cursor %s, X counts %d", s.Cursor(), w.Read())
		}
		s.Close()
	})
}

func TestUnfinishedSearchOlderThanSevenDays(t *testing.T) {
	inWorld(t, func(w *world) {
		w.publish(40)
		o := w.options()
		s := w.search(o)
		w.next(s)
		o.Cursor = s.Cursor()
		s.Close()
		time.Sleep(8 * 24 * time.Hour)
		ids := w.publish(3)
		s = w.search(o)
		if got := w.ids(s); !slices.Equal(got, newest(ids, 3)) || w.count("gap", "were not handed out") != 1 {
			w.Errorf("got %v, notices %q", got, w.said())
		}
		s.Close()
	})
}

func TestSearchKeepsToTheBudget(t *testing.T) {
	inWorld(t, func(w *world) {
		w.publish(500)
		o := w.options()
		o.MaxPosts = 215
		s := w.search(o)
		if got := w.ids(s); len(got) != 215 || w.Read() != 215 || w.count("budget", "215 posts were read, which is 1.07 dollars") != 1 {
			w.Errorf("got %d, paid %d, notices %q", len(got), w.Read(), w.said())
		}
		o.Cursor = s.Cursor()
		s.Close()
		s = w.search(o)
		if got := w.ids(s); len(got) != 0 || w.Read() != 215 {
			w.Errorf("got %d more, paid %d", len(got), w.Read())
		}
		s.Close()
	})
	inWorld(t, func(w *world) {
		w.publish(500)
		w.ShortBy = 5
		o := w.options()
		o.MaxPosts, o.Count = 60, 60
		s := w.search(o)
		// Pages came short; the last one could have cost more than is left.
		if got := w.ids(s); len(got) != w.Read() || w.Read() > 60 || w.Read() <= 50 || w.count("budget", "the limit is 60") != 1 {
			w.Errorf("got %d, paid %d, notices %q", len(got), w.Read(), w.said())
		}
		s.Close()
	})
}

func TestSearchMeetsFaults(t *testing.T) {
	inWorld(t, func(w *world) {
		ids := w.publish(150)
		w.Fail(xapitest.SearchPath, xapitest.Unavailable(), xapitest.RateLimited(10*time.Minute), xapitest.Fault{Status: 200, Body: "<html>"},
			xapitest.Fault{}, xapitest.RateLimitedOld(), xapitest.Problem(504, "Gateway Timeout", ""))
		s := w.search(w.options())
		start := time.Now()
		if got := w.ids(s); !slices.Equal(got, newest(ids, 150)) {
			w.Errorf("got %d", len(got))
		}
		if d := time.Since(start); d < 11*time.Minute || d > 12*time.Minute {
			w.Errorf("it took %v", d)
		}
		w.counter(s, "rate_limits", 2)
		w.counter(s, "retries", 3)
		s.Close()
	})
	for want, fault := range map[string]xapitest.Fault{
		"X answered 401 to GET /2/tweets/search/recent: Unauthorized; the bearer token is wrong": xapitest.Unauthorized(),
		"X answered 402": xapitest.Problem(402, "", ""),
		"X answered 403": xapitest.Problem(403, "", ""), "correct the query": xapitest.Problem(400, "Invalid Request", "no"),
		"cap on posts is reached": xapitest.UsageCapped(),
	} {
		inWorld(t, func(w *world) {
			w.Fail(xapitest.SearchPath, fault)
			w.finally(w.search(w.options()), want)
			if n := len(w.Requests()); n != 1 {
				w.Errorf("%d requests", n)
			}
		})
	}
	inWorld(t, func(w *world) {
		w.Fail(xapitest.SearchPath, slices.Repeat([]xapitest.Fault{xapitest.Unavailable()}, 1000)...)
		start := time.Now()
		w.finally(w.search(w.options()), "no answer for 15m0s: X answered 503")
		if d := time.Since(start); d > 16*time.Minute {
			w.Errorf("given up after %v", d)
		}
	})
}

// TestSearchesStayUnderTheRateLimit of 450 requests in 15 minutes.
func TestSearchesStayUnderTheRateLimit(t *testing.T) {
	inWorld(t, func(w *world) {
		w.publish(1000)
		w.ShortBy = 99 // one post a page
		s := w.search(w.options())
		if got := w.ids(s); len(got) != 1000 {
			w.Errorf("got %d", len(got))
		}
		at := w.Requests()
		for i := range at {
			if j := i + 450; j < len(at) && at[j].Time.Sub(at[i].Time) < window {
				w.Fatalf("451 requests within %v", at[j].Time.Sub(at[i].Time))
			}
		}
		w.counter(s, "rate_limits", 0)
		s.Close()
	})
}

func TestCancellingASearch(t *testing.T) {
	stopped := errors.New("stopped")
	for _, whose := range []string{"Next's context", "the source's context", "Close"} {
		inWorld(t, func(w *world) {
			w.Fail(xapitest.SearchPath, xapitest.RateLimited(10*time.Minute))
			ctx, cancel := context.WithCancelCause(w.Context())
			defer cancel(nil)
			life := w.Context()
			if whose == "the source's context" {
				life = ctx
			}
			s, err := OpenSearch(life, w.options())
			if err != nil {
				w.Fatal(err)
			}
			time.AfterFunc(time.Minute, func() {
				if whose == "Close" {
					s.Close()
				}
				cancel(stopped)
			})
			start := time.Now()
			if whose == "Next's context" {
				_, err = s.Next(ctx)
			} else {
				_, err = s.Next(w.Context())
			}
			if want := map[bool]error{true: context.Canceled, false: stopped}[whose == "Close"]; !errors.Is(err, want) || time.Since(start) != time.Minute {
				w.Errorf("%s: %v after %v", whose, err, time.Since(start))
			}
			s.Close()
		})
	}
}

// TestRequestsOnTheWire: parameters in both spellings, the headers, and pages
// whose posts are no posts.
func TestRequestsOnTheWire(t *testing.T) {
	for param, fields := range map[string]string{
		"": "created_at,lang,note_tweet,referenced_tweets,edit_history_tweet_ids", "post.fields": "created_at,lang,note_post,referenced_posts,edit_history_post_ids",
	} {
		w := &world{T: t}
		o := w.options()
		o.FieldsParam, o.UserAgent, o.BaseURL = param, "coldstream/9", "https://api.example/x/"
		var asked []url.Values
		o.Client = &http.Client{Timeout: 1, Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			if r.Header.Get("Authorization") != "Bearer "+token || r.Header.Get("User-Agent") != "coldstream/9" || r.URL.Host != "api.example" || r.URL.Path != "/x"+searchPath {
				t.Errorf("%s %v", r.URL, r.Header)
			}
			asked = append(asked, r.URL.Query())
			body := `{"data":[{"id":"5","text":"a"},{"text":"no id"},{"id":"7","text":"b"}],"meta":{"result_count":3,"next_token":"abc"}}`
			if len(asked) > 1 {
				body = `{"meta":{"result_count":0}}`
			}
			return response(body), nil
		})}
		s := w.search(o)
		var got []string
		for {
			p, err := s.Next(t.Context())
			if err == io.EOF {
				break
			}
			if isBad(err) {
				got = append(got, err.Error())
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, p.ID)
		}
		if want := []string{"7", "5", `x-search, line 2: not a post: no field "id"`}; !slices.Equal(got, want) {
			t.Errorf("got %q", got)
		}
		if param == "" {
			param = "tweet.fields"
		}
		if len(asked) != 2 || asked[0].Get(param) != fields || asked[0].Get("max_results") != "100" || asked[0].Get("query") != "cat" || asked[0].Has("next_token") ||
			asked[0].Has("since_id") || asked[0].Has("until_id") || asked[1].Get("next_token") != "abc" {
			t.Errorf("asked %v", asked)
		}
		s.Close()
	}
}

// response is a 200 with a body.
func response(body string) *http.Response {
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}
}
