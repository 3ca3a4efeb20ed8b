package xapi

import (
	"net/http"
	"testing"
	"time"

	"coldstream/internal/source/xapi/xapitest"
)

func TestRulesAreSetIdempotently(t *testing.T) {
	inWorld(t, func(w *world) {
		w.SetRules(xapitest.Rule{ID: "1", Value: "dog", Tag: "other"}, xapitest.Rule{ID: "2", Value: "old", Tag: "coldstream"}, xapitest.Rule{ID: "3", Value: "cat", Tag: "other"})
		o := w.options()
		o.Queries = []string{"cat", " bird", "bird"}
		s := w.stream(o)
		settle()
		rules := w.Rules()
		if len(rules) != 3 || rules[0].Value != "dog" || rules[1].Value != "cat" || rules[2].Value != "bird" || rules[2].Tag != "coldstream" {
			w.Errorf("got %+v", rules)
		}
		if w.count("rules", "1 rules that are not ours") != 1 {
			w.Errorf("notices %q", w.said())
		}
		// Posts of a foreign rule are paid for and left out.
		for _, text := range []string{"a dog", "a dog and a cat", "a cat", "a bird"} {
			w.Publish(xapitest.Post{Text: text})
		}
		for _, want := range []string{"a dog and a cat", "a cat", "a bird"} {
			if p := w.next(s); p.Text != want {
				w.Errorf("got %q, want %q", p.Text, want)
			}
		}
		w.counter(s, "foreign_posts", 1)
		w.counter(s, "posts_read", 4)
		s.Close()
		before := len(w.Requests())
		s = w.stream(o)
		settle()
		s.Close()
		for _, r := range w.Requests()[before:] {
			if r.Method != http.MethodGet {
				w.Errorf("set again: %s %s", r.Method, r.Path)
			}
		}
	})
}

func TestDeletedRulesAreSetAgain(t *testing.T) {
	inWorld(t, func(w *world) {
		w.Fail(xapitest.StreamPath, xapitest.Fault{Do: xapitest.End, Delay: 5 * time.Minute})
		s := w.stream(w.options())
		settle()
		w.SetRules()
		time.Sleep(6 * time.Minute)
		w.publish(1)
		w.next(s)
		w.counter(s, "reconnects_no_rules", 1)
		s.Close()
	})
}

func TestStuckSlotIsFreedOnce(t *testing.T) {
	deletes := func(w *world) (n int) {
		for _, r := range w.Requests() {
			if r.Method == http.MethodDelete && r.Path == "/2/connections/filtered_stream" {
				n++
			}
		}
		return n
	}
	t.Run("after a stall", func(t *testing.T) {
		inWorld(t, func(w *world) {
			w.HoldSlots = true
			w.Fail(xapitest.StreamPath, xapitest.Fault{Do: xapitest.Stall, Delay: 5 * time.Minute})
			s := w.stream(w.options())
			time.Sleep(10 * time.Minute)
			w.publish(1)
			w.next(s)
			w.counter(s, "slots_freed", 1)
			w.counter(s, "reconnects_too_many_connections", 1)
			if deletes(w) != 1 {
				w.Errorf("%d requests to free the slot", deletes(w))
			}
			s.Close()
		})
	})
	t.Run("of a former run", func(t *testing.T) {
		inWorld(t, func(w *world) {
			w.HoldSlots = true
			s := w.stream(w.options())
			settle()
			w.publish(1)
			w.next(s)
			o := w.options()
			o.Cursor = s.Cursor()
			s.Close()
			settle()
			s = w.stream(o)
			time.Sleep(time.Minute)
			w.publish(1)
			w.next(s)
			w.counter(s, "slots_freed", 1)
			s.Close()
		})
	})
	// Somebody else's connection is not ours to end.
	t.Run("of another program", func(t *testing.T) {
		inWorld(t, func(w *world) {
			other, s := w.stream(w.options()), w.stream(w.options())
			time.Sleep(time.Hour)
			if deletes(w) != 0 || w.Open() != 1 || w.count("too_many_connections", "maximum allowed connection limit") < 4 {
				w.Errorf("%d connections ended, notices %q", deletes(w), w.said())
			}
			other.Close()
			s.Close()
		})
	})
	t.Run("ended by another program", func(t *testing.T) {
		inWorld(t, func(w *world) {
			w.SetTakeover(true)
			s := w.stream(w.options())
			time.Sleep(5 * time.Minute)
			other := w.stream(w.options())
			settle()
			w.SetTakeover(false)
			time.Sleep(time.Hour)
			if deletes(w) != 0 {
				w.Errorf("%d connections ended, notices %q", deletes(w), w.said())
			}
			other.Close()
			s.Close()
		})
	})
}
