package jetstream

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"coldstream/internal/source"
	"coldstream/internal/source/jetstream/jetstreamtest"
)

func TestPostsAsTheyAre(t *testing.T) {
	bubble(t, func(t *testing.T) {
		n := newNetwork(t, soon(320))
		o := n.options()
		o.Cursor = strconv.FormatInt(time.Now().UnixMicro(), 10)
		s := n.open(t, o)
		want := n.want(0, 320)
		if doubled := receive(t, s, want); doubled != 0 {
			t.Errorf("%d posts came twice", doubled)
		}
		langs := make(map[string]bool)
		for _, p := range want {
			langs[p.Lang] = true
		}
		for _, l := range []string{"en", "en-US", "", "pt,en", "ja"} {
			if !langs[l] {
				t.Errorf("no post with languages %q", l)
			}
		}
		synctest.Wait()
		counts := s.(source.Counter).Counters()
		for name, want := range map[string]int64{"posts": 220, "deletes": 20, "updates": 20, "identity_events": 20, "account_events": 20, "events": 300, "connections": 1, "other_collections": 0, "gaps": 0} {
			if counts[name] != want {
				t.Errorf("%s = %d, want %d", name, counts[name], want)
			}
		}
	})
}

func TestOtherCollections(t *testing.T) {
	bubble(t, func(t *testing.T) {
		n := newNetwork(t, soon(160))
		o := n.options()
		o.Collections = []string{"app.bsky.feed.*"}
		s := n.open(t, o)
		receive(t, s, n.want(0, 160))
		time.Sleep(time.Second)
		// A like is a new record of a wanted collection, and has no text.
		if c := s.(source.Counter).Counters(); c["malformed_events"] != 10 || c["events"] != 160 {
			t.Errorf("got %v", c)
		}
	})
}

// TestFaults has the first connection fail in each way, with two hosts: every
// post comes all the same, and the cause is counted.
func TestFaults(t *testing.T) {
	for _, c := range []struct {
		name    string
		fault   jetstreamtest.Fault
		counter string
		told    string
		wait    time.Duration // how long the client may take to notice
	}{
		{"garbage frame", jetstreamtest.Fault{After: 60, Garbage: true}, "reconnects_garbage", "sent a frame that is no event", 0},
		{"oversized frame", jetstreamtest.Fault{After: 60, Oversized: 3 << 20}, "oversized_frames", "", 0},
		{"largest frame", jetstreamtest.Fault{After: 60, Oversized: maxFrame}, "reconnects_garbage", "no event", 0},
		{"close 1001", jetstreamtest.Fault{After: 60, Close: websocket.StatusGoingAway}, "reconnects_closed", "closed the connection with status 1001", 0},
		{"close 1011", jetstreamtest.Fault{After: 60, Close: websocket.StatusInternalError}, "reconnects_closed", "status 1011", 0},
		{"reset", jetstreamtest.Fault{After: 60, Reset: true}, "reconnects_broken", "the connection broke", 0},
		{"reset at once", jetstreamtest.Fault{Reset: true}, "reconnects_broken", "", 0},
		{"silence", jetstreamtest.Fault{After: 60, Stall: true}, "reconnects_stall", "no event came for 30s", defaultStall},
		{"silence from the start", jetstreamtest.Fault{Stall: true}, "reconnects_stall", "", defaultStall},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				n := newNetwork(t, soon(400), soon(400))
				n.servers[0].Inject(func(r jetstreamtest.Request) jetstreamtest.Fault {
					if r.Number == 0 {
						return c.fault
					}
					return jetstreamtest.Fault{}
				})
				s := n.open(t, n.options())
				begun := time.Now()
				// A rewind of 10 s at 20 events per second, and what is out of order.
				doubled := receive(t, s, n.want(0, 400))
				if doubled > 200 {
					t.Errorf("%d posts came twice", doubled)
				}
				if took := time.Since(begun); took > 21*time.Second+c.wait+minDelay {
					t.Errorf("took %v", took)
				}
				counts := s.(source.Counter).Counters()
				if counts[c.counter] != 1 {
					t.Errorf("%s = %d; all: %v", c.counter, counts[c.counter], counts)
				}
				if told := n.told("reconnect"); c.told != "" && (len(told) != 1 || !strings.Contains(told[0], c.told) || !strings.Contains(told[0], "connecting to b in ")) {
					t.Errorf("told %q, want %q", told, c.told)
				}
				if gaps := n.told("gap"); gaps != nil {
					t.Errorf("told %q", gaps)
				}
			})
		})
	}
}

func TestSlowEventsAreNoStall(t *testing.T) {
	bubble(t, func(t *testing.T) {
		n := newNetwork(t, soon(100))
		n.servers[0].Inject(func(jetstreamtest.Request) jetstreamtest.Fault {
			return jetstreamtest.Fault{Delay: 25 * time.Second}
		})
		s := n.open(t, n.options())
		receive(t, s, n.want(0, 100))
		if c := s.(source.Counter).Counters(); c["connections"] != 1 || c["keep_alives"] < 50 {
			t.Errorf("got %v", c)
		}
	})
}

func TestNoHost(t *testing.T) {
	bubble(t, func(t *testing.T) {
		n := newNetwork(t, soon(1))
		n.servers[0].Inject(func(jetstreamtest.Request) jetstreamtest.Fault { return jetstreamtest.Fault{Status: 429} })
		o := n.options()
		o.Hosts = append(o.Hosts, "wss://nowhere.example/subscribe", "ws://not.example")
		_, err := Open(t.Context(), o)
		if err == nil {
			t.Fatal("no error")
		}
		want := `jetstream: no host can be reached: a: refused with status 429 Too Many Requests "Too Many Requests\n"; nowhere.example, not.example: no such host; without a network use --source sample or --source file`
		if err.Error() != want {
			t.Errorf("got  %v\nwant %v", err, want)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := Open(ctx, o); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: got %v", err)
		}
	})
}

// TestUnansweredDial: a host that takes the connection and says nothing.
func TestUnansweredDial(t *testing.T) {
	bubble(t, func(t *testing.T) {
		release := make(chan struct{})
		client, stop := jetstreamtest.Client(map[string]http.Handler{"a": http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release })})
		defer stop()
		defer close(release)
		_, err := Open(t.Context(), Options{Hosts: []string{"ws://a"}, Client: client})
		if err == nil || !strings.Contains(err.Error(), "a: no answer within 10s") {
			t.Errorf("got %v", err)
		}
	})
}

func TestBadOptions(t *testing.T) {
	for want, o := range map[string]Options{
		`host "https://a" is not a URL like wss://HOST/subscribe`: {Hosts: []string{"https://a"}},
		`cursor "x" is not a time in microseconds`:                {Cursor: "x"},
		`cursor "12" is not a time in microseconds`:               {Cursor: "12"},
		"101 collections, a host takes 100":                       {Collections: make([]string, 101)},
		"the stall time is -1ns, want more than 0":                {Stall: -1},
	} {
		if _, err := Open(t.Context(), o); err == nil || !strings.HasPrefix(err.Error(), "jetstream: "+want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestNextEndsAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		n := newNetwork(t, soon(1000))
		s := n.open(t, n.options())
		want := n.want(0, 1000)
		// A Next that is cancelled loses nothing and costs no connection.
		seen := make(map[string]bool)
		for len(seen) < len(want) {
			ctx, cancel := context.WithTimeout(t.Context(), 70*time.Millisecond)
			begun := time.Now()
			p, err := s.Next(ctx)
			cancel()
			switch {
			case err == nil:
				seen[p.ID] = true
			case !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) != 70*time.Millisecond:
				t.Fatalf("got %v after %v", err, time.Since(begun))
			}
		}
		if c := s.(source.Counter).Counters(); c["connections"] != 1 || c["posts"] != int64(len(want)) {
			t.Errorf("got %v", c)
		}
		time.AfterFunc(time.Second, func() { s.Close() })
		begun := time.Now()
		if _, err := s.Next(t.Context()); err != errClosed || time.Since(begun) != time.Second {
			t.Errorf("closed: got %v after %v", err, time.Since(begun))
		}
		if _, err := s.Next(t.Context()); err != errClosed {
			t.Errorf("after Close: got %v", err)
		}
		if s.Close() != nil || s.Cursor() == "" {
			t.Error("a second Close failed, or the cursor was lost")
		}
	})
}

func TestContextOfOpenEndsTheSource(t *testing.T) {
	bubble(t, func(t *testing.T) {
		n := newNetwork(t, jetstreamtest.Options{})
		ctx, cancel := context.WithCancel(t.Context())
		s, err := Open(ctx, n.options())
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		cancel()
		if _, err := s.Next(t.Context()); err != context.Canceled {
			t.Errorf("got %v", err)
		}
	})
}

// TestSlowCaller: a caller that does nothing for an hour is disconnected by the
// host and gets every post all the same.
func TestSlowCaller(t *testing.T) {
	bubble(t, func(t *testing.T) {
		n := newNetwork(t, soon(10_000), soon(10_000))
		s := n.open(t, n.options())
		time.Sleep(time.Hour)
		if c := s.(source.Counter).Counters(); c["posts"] > queueLen+1 || c["reconnects_stall"] != 0 {
			t.Errorf("before the first Next: %v", c)
		}
		receive(t, s, n.want(0, 10_000))
		if c := s.(source.Counter).Counters(); c["connections"] != 2 || c["reconnects_stall"] != 0 {
			t.Errorf("got %v", c)
		}
	})
}

// TestBackOffAfterHealthySpells: hosts that drop a client only now and then are
// connected to again at once.
func TestBackOffAfterHealthySpells(t *testing.T) {
	bubble(t, func(t *testing.T) {
		n := newNetwork(t, soon(40_000), soon(40_000))
		for _, s := range n.servers {
			s.Inject(func(jetstreamtest.Request) jetstreamtest.Fault {
				return jetstreamtest.Fault{After: 80 * 20, Reset: true} // events of 75 s and a rewind
			})
		}
		s := n.open(t, n.options())
		receive(t, s, n.want(0, 40_000))
		told := n.told("reconnect")
		if len(told) < 20 || len(told) > 40 {
			t.Errorf("%d reconnects", len(told))
		}
		for _, text := range told {
			wait, err := time.ParseDuration(text[strings.LastIndexByte(text, ' ')+1:])
			if err != nil || wait > minDelay {
				t.Errorf("%s; %v", text, err)
			}
		}
	})
}

// TestSocket uses TCP, compression and the source's own client.
func TestSocket(t *testing.T) {
	server := jetstreamtest.New(jetstreamtest.Options{Start: time.Now().Add(-time.Minute), Compress: true})
	defer server.Close()
	ts := httptest.NewServer(server)
	defer ts.Close()
	s, err := Open(t.Context(), Options{Hosts: []string{"ws" + strings.TrimPrefix(ts.URL, "http") + "/subscribe"}, Cursor: strconv.FormatInt(time.Now().Add(-40*time.Second).UnixMicro(), 10)})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 400 {
		p, err := s.Next(t.Context())
		if err != nil || p.Source != "jetstream" || !strings.HasPrefix(p.ID, "at://did:plc:") {
			t.Fatalf("post %d: got %+v, %v", i, p, err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}
