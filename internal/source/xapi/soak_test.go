package xapi

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"coldstream/internal/source/xapi/xapitest"
)

// TestThreeDays runs 72 hours of simulated time (12 with -short) over a random schedule of all
// faults, with a restart every few hours. No post is lost where recent search is
// asked; otherwise each lost one lies in a gap that was reported. Connections
// and requests stay under X's limits, and nothing grows.
func TestThreeDays(t *testing.T) {
	for _, c := range []struct {
		name    string
		catchUp bool
		sample  bool
	}{{"catch-up", true, false}, {"no catch-up", false, false}, {"sample", false, true}} {
		t.Run(c.name, func(t *testing.T) {
			seed := rand.Uint64()
			t.Logf("seed %d", seed)
			inWorld(t, func(w *world) { soak(w, rand.New(rand.NewPCG(seed, 0)), c.catchUp, c.sample) })
		})
	}
}

// streamFaults draws what goes wrong next with the stream. A refusal needs an
// end before it.
func streamFaults(r *rand.Rand) []xapitest.Fault {
	delay := time.Duration(r.ExpFloat64() * float64(8*time.Minute))
	on := func(do xapitest.Action) []xapitest.Fault { return []xapitest.Fault{{Do: do, Delay: delay}} }
	end := func(refusal xapitest.Fault) []xapitest.Fault { return append(on(xapitest.End), refusal) }
	switch r.IntN(20) {
	case 0:
		return end(xapitest.Unavailable())
	case 1:
		return end(xapitest.RateLimited(time.Duration(1+r.IntN(900)) * time.Second))
	case 2:
		return end(xapitest.RateLimitedOld())
	case 3:
		return end(xapitest.TooManyConnections())
	case 4:
		return end(xapitest.Problem(http.StatusBadGateway, "Bad Gateway", ""))
	case 5:
		return end(xapitest.Fault{Status: http.StatusOK, Body: "<html>"})
	case 6, 7, 8:
		return on(xapitest.Cut)
	case 9, 10:
		return on(xapitest.Stall)
	case 11:
		return on(xapitest.InStreamError)
	case 12:
		f := on(xapitest.Late)
		f[0].For = time.Duration(20+r.IntN(20)) * time.Second
		return f
	case 13:
		return on(xapitest.LongLine)
	case 14:
		return on(xapitest.Garbage)
	case 15:
		return on(xapitest.Unknown)
	case 16:
		return on(xapitest.Repeat)
	case 17:
		return on(xapitest.Split)
	case 18:
		return end(xapitest.Fault{Do: xapitest.End}) // at once
	}
	return on(xapitest.End)
}

// flaky is a network on which some connections cannot be made.
type flaky struct {
	http.RoundTripper
	rand *rand.Rand
}

func (f *flaky) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Path != xapitest.RulesPath && f.rand.IntN(10) == 0 {
		return nil, errors.New("connection reset by peer")
	}
	return f.RoundTripper.RoundTrip(r)
}

func soak(w *world, r *rand.Rand, catchUp, sample bool) {
	hours := 72
	if testing.Short() {
		hours = 12
	}
	w.HoldSlots, w.Lag = !sample, 10*time.Second
	path := xapitest.StreamPath
	if sample {
		path = xapitest.SamplePath
	}
	o := w.options()
	// The stream's goroutine and the catch-up's may ask at the same time.
	o.Client = &http.Client{Transport: &flaky{w.client.Transport, rand.New(&locked{src: rand.NewPCG(r.Uint64(), 1)})}}
	if o.CatchUp = catchUp; sample {
		o.Queries = nil
	}
	published := make(map[string]time.Time)
	feeder := make(chan struct{})
	end := time.Now().Add(time.Duration(hours) * time.Hour)
	pace := rand.New(rand.NewPCG(r.Uint64(), 2))
	go func() {
		defer close(feeder)
		defer w.Heal()
		for i := 0; time.Now().Before(end); i++ {
			time.Sleep(time.Duration(pace.ExpFloat64() * float64(15*time.Second)))
			at := time.Now()
			published[w.Publish(xapitest.Post{Text: fmt.Sprintf("a cat, number %d", i)})] = at
			// More than can happen: the stream always has a next one before it.
			if i%6 == 0 {
				w.Fail(path, streamFaults(pace)...)
			}
			if i%50 == 0 {
				w.Fail(xapitest.SearchPath, []xapitest.Fault{xapitest.Unavailable(), xapitest.RateLimited(time.Minute), {}}[pace.IntN(3)])
			}
		}
	}()

	got := make(map[string]int)
	bad, before, most := 0, runtime.NumGoroutine(), 0
	var heap uint64 // after a sixth of the time
	totals := make(map[string]int64)
	for run := 0; time.Now().Before(end.Add(2 * time.Hour)); run++ {
		until := time.Now().Add(time.Duration(4+r.IntN(10)) * time.Hour)
		if until.After(end) {
			until = end.Add(3 * time.Hour)
		}
		s := w.stream(o)
		stop := time.AfterFunc(time.Until(until), s.stop)
		for {
			p, err := s.Next(w.Context())
			if isBad(err) {
				bad++
				continue
			}
			if err != nil {
				break
			}
			got[p.ID]++
			// Goroutines of a connection that was closed just now may still end.
			synctest.Wait()
			most = max(most, runtime.NumGoroutine())
			if heap == 0 && time.Until(end) < time.Duration(hours)*time.Hour*5/6 {
				heap = heapInUse()
			}
		}
		stop.Stop()
		o.Cursor = s.Cursor()
		for name, n := range s.Counters() {
			totals[name] += n
		}
		if err := s.Close(); err != nil {
			w.Error(err)
		}
		time.Sleep(time.Duration(r.IntN(600)) * time.Second)
	}
	<-feeder

	w.connects()
	lost, unexplained, again, gaps := 0, 0, 0, w.gaps()
	for id, at := range published {
		if got[id] > 1 {
			again += got[id] - 1
		}
		if got[id] > 0 {
			continue
		}
		explained := slices.ContainsFunc(gaps, func(g [2]time.Time) bool { return !at.Before(g[0]) && !at.After(g[1]) })
		if lost++; catchUp || !explained {
			unexplained++
		}
	}
	w.Logf("%d posts published, %d lost in reported gaps, %d came again, %d bad records; %d requests, at most %d goroutines, heap %d KiB then %d KiB; %v",
		len(published), lost, again, bad, len(w.Requests()), most, heap>>10, heapInUse()>>10, totals)
	if unexplained > 0 {
		w.Errorf("%d posts are missing without a word", unexplained)
	}
	if len(published) < 150*hours || totals["connects"] < int64(3*hours) {
		w.Errorf("little happened")
	}
	if n := len(w.Requests()); n > hours*4*2*xapitest.Connects {
		w.Errorf("%d requests", n)
	}
	// A connection has four goroutines in net/http on both sides, and there are
	// at most one stream and one search at a time, beside one idle connection.
	if most > before+25 {
		w.Errorf("%d goroutines, %d before", most, before)
	}
	// The fake X and this test keep what was published, some hundred bytes each.
	if grown := int64(heapInUse()) - int64(heap); grown > int64(len(published))*1500 {
		w.Errorf("the heap grew by %d KiB", grown>>10)
	}
}

// heapInUse is the heap without garbage.
func heapInUse() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// gaps returns the times for which gaps were reported.
func (w *world) gaps() (gaps [][2]time.Time) {
	for _, n := range w.said() {
		if n.Kind != "gap" {
			continue
		}
		var from, to string
		if _, err := fmt.Sscanf(n.Text[strings.Index(n.Text, "posts from"):], "posts from %s to %s", &from, &to); err != nil {
			w.Fatalf("%q: %v", n.Text, err)
		}
		a, errA := time.Parse(time.RFC3339, from)
		b, errB := time.Parse(time.RFC3339, to)
		if errA != nil || errB != nil {
			w.Fatalf("%q: %v, %v", n.Text, errA, errB)
		}
		gaps = append(gaps, [2]time.Time{a, b.Add(time.Second)}) // whole seconds
	}
	return gaps
}

// locked is a source of random numbers for several goroutines.
type locked struct {
	mu  sync.Mutex
	src rand.Source
}

func (l *locked) Uint64() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.src.Uint64()
}
