package xapi

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"coldstream/internal/source/xapi/xapitest"
)

func TestCatchUpFindsWhatWasMissed(t *testing.T) {
	inWorld(t, func(w *world) {
		w.Lag = 10 * time.Second
		w.Fail(xapitest.StreamPath, xapitest.Fault{Do: xapitest.End, Delay: 5 * time.Minute}, xapitest.Unavailable(), xapitest.Unavailable(), xapitest.Unavailable())
		o := w.options()
		o.CatchUp, o.Queries = true, []string{"cat lang:en", "bird"}
		s := w.stream(o)
		settle()
		want := w.publish(5)
		time.Sleep(5*time.Minute + time.Second) // X has hung up and is overloaded
		want = append(want, w.publish(150)...)
		w.Publish(xapitest.Post{Text: "a dog"})
		time.Sleep(2 * time.Minute)
		want = append(want, w.publish(5)...)
		time.Sleep(time.Minute)
		got := map[string]int{}
		for range len(want) {
			got[w.next(s).ID]++
		}
		for _, id := range want {
			if got[id] != 1 {
				w.Errorf("%s came %d times", id, got[id])
			}
		}
		w.counter(s, "catch_up_posts", 150)
		w.counter(s, "searches", 2)
		w.counter(s, "gaps", 0)
		if w.count("catch_up", "recent search is asked") != 1 {
			w.Errorf("notices %q", w.said())
		}
		settle()
		var c cursor
		if err := json.Unmarshal([]byte(s.Cursor()), &c); err != nil || c.Read != w.Read() || c.Read != len(want) {
			w.Errorf("cursor %s, X counts %d", s.Cursor(), w.Read())
		}
		s.Close()
	})
}

// TestCatchUpOfAFormerRun: the time between two runs, and what an earlier one
// had not finished.
func TestCatchUpOfAFormerRun(t *testing.T) {
	inWorld(t, func(w *world) {
		o := w.options()
		o.CatchUp = true
		s := w.stream(o)
		settle()
		want := w.publish(2)
		got := []string{w.next(s).ID, w.next(s).ID}
		o.Cursor = s.Cursor()
		s.Close()
		time.Sleep(time.Hour)
		want = append(want, w.publish(250)...)
		time.Sleep(time.Minute)
		// The second run is killed while it catches up: some posts were handed out.
		s = w.stream(o)
		time.Sleep(time.Minute)
		for range 130 {
			got = append(got, w.next(s).ID)
		}
		o.Cursor = s.Cursor()
		s.Close()
		if !strings.Contains(o.Cursor, `"gaps":[`) {
			w.Errorf("cursor %s", o.Cursor)
		}
		time.Sleep(time.Minute)
		want = append(want, w.publish(3)...)
		s = w.stream(o)
		time.Sleep(5 * time.Minute)
		for {
			ctx, cancel := context.WithTimeout(w.Context(), time.Second)
			p, err := s.Next(ctx)
			cancel()
			if err != nil {
				break
			}
			got = append(got, p.ID)
		}
		slices.Sort(got)
		all := len(got)
		if got = slices.Compact(got); !slices.Equal(got, want) {
			w.Errorf("got %d posts, want %d", len(got), len(want))
		}
		// The first gap begins some seconds early, with two posts that were seen
		// before; when it is taken up again only its rest is asked for.
		if all-len(got) > 2 {
			w.Errorf("%d posts came twice", all-len(got))
		}
		if strings.Contains(s.Cursor(), "gaps") {
			w.Errorf("cursor %s", s.Cursor())
		}
		s.Close()
	})
}

func TestGapsThatSearchCannotFill(t *testing.T) {
	gap := xapitest.Fault{Do: xapitest.End, Delay: 5 * time.Minute}
	for want, set := range map[string]func(w *world, o *Options){
		"recent search is not asked":           func(w *world, o *Options) { o.CatchUp = false },
		"does not replay the sample":           func(w *world, o *Options) { o.Queries = nil },
		"longer than recent search":            func(w *world, o *Options) { o.Queries = append(o.Queries, strings.Repeat("x", 513)) },
		"X answered 403 to GET /2/tweets/sear": func(w *world, o *Options) { w.Fail(xapitest.SearchPath, xapitest.Problem(403, "Forbidden", "")) },
		"no answer for 15m0s": func(w *world, o *Options) {
			w.Fail(xapitest.SearchPath, slices.Repeat([]xapitest.Fault{xapitest.Unavailable()}, 20)...)
		},
	} {
		inWorld(t, func(w *world) {
			w.Fail(xapitest.StreamPath, gap)
			w.Fail(xapitest.SamplePath, gap)
			o := w.options()
			o.CatchUp = true
			set(w, &o)
			s := w.stream(o)
			time.Sleep(time.Hour)
			if w.count("gap", want) != 1 || s.Counters()["gaps"] != 1 {
				w.Errorf("want %q in %q", want, w.said())
			}
			s.Close()
		})
	}
	t.Run("after more than seven days", func(t *testing.T) {
		inWorld(t, func(w *world) {
			o := w.options()
			o.CatchUp = true
			s := w.stream(o)
			settle()
			w.publish(1)
			w.next(s)
			o.Cursor = s.Cursor()
			s.Close()
			w.publish(1)
			time.Sleep(3 * 24 * time.Hour)
			late := w.publish(1)[0]
			time.Sleep(5 * 24 * time.Hour)
			s = w.stream(o)
			if p := w.next(s); p.ID != late {
				w.Errorf("got %+v", p)
			}
			if w.count("gap", "recent search reaches back seven days") != 1 {
				w.Errorf("notices %q", w.said())
			}
			s.Close()
		})
	})
}

func TestCatchUpKeepsToTheBudget(t *testing.T) {
	inWorld(t, func(w *world) {
		o := w.options()
		o.CatchUp, o.MaxPosts = true, 60
		s := w.stream(o)
		settle()
		w.publish(5)
		for range 5 {
			w.next(s)
		}
		o.Cursor = s.Cursor()
		s.Close()
		w.publish(200)
		time.Sleep(time.Minute)
		w.ShortBy = 8 // pages that leave odd rests
		s = w.stream(o)
		time.Sleep(time.Hour)
		w.publish(100)
		w.ids(s)
		w.counter(s, "posts_read", 55)
		if !strings.Contains(s.Cursor(), `"gaps":[`) || w.count("catch_up", "a later run with a higher one goes on") != 1 {
			w.Errorf("cursor %s, notices %q", s.Cursor(), w.said())
		}
		s.Close()
	})
}

func TestRulesBecomeFewSearches(t *testing.T) {
	long := strings.Repeat("é", 300)
	for _, c := range []struct {
		rules   []string
		want    []string
		tooLong int
	}{
		{[]string{"cat lang:en"}, []string{"cat lang:en"}, 0},
		{[]string{"cat", " dog lang:en "}, []string{"(cat) OR (dog lang:en)"}, 0},
		{[]string{long, "cat", long, "dog"}, []string{"(" + long + ") OR (cat)", "(" + long + ") OR (dog)"}, 0},
		{[]string{strings.Repeat("x", 511), "cat", "dog"}, []string{strings.Repeat("x", 511), "(cat) OR (dog)"}, 0},
		{[]string{"cat", strings.Repeat("x", 512)}, []string{"(cat)", strings.Repeat("x", 512)}, 0},
		{[]string{"cat", strings.Repeat("x", 513)}, []string{"(cat)"}, 1},
		{nil, nil, 0},
	} {
		got, tooLong := searchQueries(c.rules)
		if !slices.Equal(got, c.want) || tooLong != c.tooLong {
			t.Errorf("%.40q: got %.80q, %d", c.rules, got, tooLong)
		}
	}
}
