package xapi

import (
	"errors"
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"coldstream/internal/source/xapi/xapitest"
)

// starts returns when the stream was asked for, in seconds from the first time.
func (w *world) starts() []float64 {
	var at []float64
	var first time.Time
	for _, r := range w.Requests() {
		if r.Path == xapitest.StreamPath {
			if first.IsZero() {
				first = r.Time
			}
			at = append(at, r.Time.Sub(first).Seconds())
		}
	}
	return at
}

// TestBackOffFamilies wants the waits that X asks for, up to a quarter more.
func TestBackOffFamilies(t *testing.T) {
	inWorld(t, func(w *world) {
		w.Fail(xapitest.StreamPath, slices.Repeat([]xapitest.Fault{xapitest.Unavailable()}, 9)...)
		s := w.stream(w.options())
		time.Sleep(time.Hour)
		at := w.starts()
		if len(at) != 10 {
			w.Fatalf("%d requests", len(at))
		}
		for i, want := range []float64{5, 10, 20, 40, 80, 160, 320, 320, 320} {
			if wait := at[i+1] - at[i]; wait < want-0.1 || wait > 1.25*want+0.1 {
				w.Errorf("wait %d is %v s, want %v", i, wait, want)
			}
		}
		w.counter(s, "reconnects_overload", 9)
		s.Close()
	})
	inWorld(t, func(w *world) {
		w.Fail(xapitest.StreamPath, xapitest.RateLimited(10*time.Minute), xapitest.RateLimited(10*time.Second), xapitest.RateLimitedOld(), xapitest.RateLimitedOld())
		s := w.stream(w.options())
		time.Sleep(time.Hour)
		at := w.starts()
		if len(at) != 5 {
			w.Fatalf("%d requests", len(at))
		}
		for i, want := range []float64{600, 60, 240, 480} {
			if wait := at[i+1] - at[i]; wait < want-1 || wait > want+11 {
				w.Errorf("wait %d after a 429 is %v s, want %v", i, wait, want)
			}
		}
		w.counter(s, "reconnects_rate_limit", 4)
		if w.count("rate_limit", "connecting again in") != 4 {
			w.Errorf("notices %q", w.said())
		}
		s.Close()
	})
	inWorld(t, func(w *world) {
		o := w.options()
		var refused atomic.Int64
		o.Client = &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			if r.URL.Path != xapitest.StreamPath {
				return w.client.Transport.RoundTrip(r)
			}
			refused.Add(1)
			return nil, errors.New("connection refused")
		})}
		s := w.stream(o)
		// 250 ms more each time: the sum up to the 64th wait, at 16 s, is 520 s.
		time.Sleep(520 * time.Second)
		if n := refused.Swap(0); n < 50 || n > 64 {
			w.Errorf("%d attempts in 520 s", n)
		}
		time.Sleep(20 * time.Minute)
		if n := refused.Load(); n < 1200/20-1 || n > 1200/16+1 {
			w.Errorf("then %d attempts in 20 min", n)
		}
		s.Close()
	})
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestFailuresAreForgottenAfterAHealthySpellOnly(t *testing.T) {
	inWorld(t, func(w *world) {
		end := func(after time.Duration) xapitest.Fault { return xapitest.Fault{Do: xapitest.End, Delay: after} }
		w.Fail(xapitest.StreamPath, xapitest.Unavailable(), xapitest.Unavailable(), end(time.Second), xapitest.Unavailable(), end(2*time.Minute), xapitest.Unavailable())
		s := w.stream(w.options())
		time.Sleep(time.Hour)
		at := w.starts()
		for i, want := range []struct{ from, to float64 }{{5, 6.3}, {10, 12.6}, {1.2, 1.4}, {20, 25.1}, {119.9, 120.1}, {5, 6.3}} {
			if wait := at[i+1] - at[i]; wait < want.from || wait > want.to {
				w.Errorf("wait %d is %v s, want %v", i, wait, want)
			}
		}
		s.Close()
	})
}

// TestServerThatHangsUpAtOnce: no more connections than X allows.
func TestServerThatHangsUpAtOnce(t *testing.T) {
	inWorld(t, func(w *world) {
		w.Fail(xapitest.StreamPath, slices.Repeat([]xapitest.Fault{{Do: xapitest.End}}, 10_000)...)
		s := w.stream(w.options())
		go func() {
			if p, err := s.Next(w.Context()); err == nil {
				w.Errorf("got %+v", p)
			}
		}()
		time.Sleep(24 * time.Hour)
		w.connects()
		if n := len(w.starts()); n < 24*4*40 {
			w.Errorf("%d connections in a day", n)
		}
		w.counter(s, "reconnects_rate_limit", 0)
		s.Close()
	})
}

// connects wants no more connections than X allows in any window.
func (w *world) connects() {
	w.Helper()
	at := w.starts()
	for i := range at {
		if j := i + xapitest.Connects; j < len(at) && at[j]-at[i] < xapitest.Window.Seconds() {
			w.Fatalf("%d connections within %v s", xapitest.Connects+1, at[j]-at[i])
		}
	}
}
