package jetstream

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"coldstream/internal/source"
	"coldstream/internal/source/jetstream/jetstreamtest"
)

// TestGarbageInTheHistory: what comes again after every reconnect does not keep
// the client from going on.
func TestGarbageInTheHistory(t *testing.T) {
	for name, garbage := range map[string]string{"no JSON": "{", "no kind": "{}", "oversized": `"` + strings.Repeat("x", maxFrame) + `"`} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				o := soon(1600)
				o.Edit = func(i int, frame []byte) []byte {
					if i%16 == 3 && i%160 < 50 { // a delete: no post is lost
						return []byte(garbage)
					}
					return frame
				}
				n := newNetwork(t, o)
				s := n.open(t, n.options())
				receive(t, s, n.want(0, 1600))
				if c := s.(source.Counter).Counters(); c["connections"] > 35 || c["garbage_frames"]+c["oversized_frames"] < 30 {
					t.Errorf("got %v", c)
				}
			})
		})
	}
}

// TestRestart stops after some posts and goes on with the cursor, at another
// host whose clock differs.
func TestRestart(t *testing.T) {
	for _, skew := range []time.Duration{-5 * time.Second, 0, 5 * time.Second} {
		bubble(t, func(t *testing.T) {
			a, b := soon(2000), soon(2000)
			b.Skew = skew
			n := newNetwork(t, a, b)
			want := n.want(0, 2000)
			o := n.options()
			seen, came := make(map[string]bool), 0
			for stop := 1; len(seen) < len(want); stop = stop*2 + 1 {
				s := n.open(t, o)
				for range stop {
					p, err := s.Next(t.Context())
					if err != nil {
						t.Fatal(err)
					}
					seen[p.ID] = true
					if came++; len(seen) == len(want) {
						break
					}
				}
				o.Cursor = s.Cursor()
				o.Hosts = []string{o.Hosts[1], o.Hosts[0]}
				s.Close()
				time.Sleep(3 * time.Second)
			}
			for id := range want {
				if !seen[id] {
					t.Fatalf("skew %v: %s is missing", skew, id)
				}
			}
			if n.told("gap") != nil || n.told("cursor") != nil {
				t.Errorf("skew %v: told %v", skew, n.notices)
			}
			// At most 20 s of posts come again at each of 11 starts.
			if came > len(want)+11*20*20*11/16 {
				t.Errorf("skew %v: %d posts came, %d are different", skew, came, len(want))
			}
		})
	}
}

func TestOldCursorIsAGap(t *testing.T) {
	bubble(t, func(t *testing.T) {
		start := time.Now()
		o := jetstreamtest.Options{Start: start, Rate: 1, LookBack: time.Hour}
		n := newNetwork(t, o, o)
		time.Sleep(5 * time.Hour)
		opt := n.options()
		opt.Cursor = strconv.FormatInt(start.Add(10*time.Minute).UnixMicro(), 10)
		s := n.open(t, opt)
		p, err := s.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		at, err := time.Parse(time.RFC3339, p.CreatedAt)
		if err != nil || at.Sub(start.Add(4*time.Hour)).Abs() > 20*time.Second {
			t.Errorf("began with %+v, %v", p, err)
		}
		gaps := n.told("gap")
		if len(gaps) != 1 || !strings.Contains(gaps[0], "posts of 3h50m") || !strings.Contains(gaps[0], "from 2026-01-01T00:10:00Z to 2026-01-01T04:00:0") {
			t.Errorf("told %q", gaps)
		}
		// Both hosts were asked before that was accepted.
		if c := s.(source.Counter).Counters(); c["gaps"] != 1 || n.servers[1].Connections() == 0 {
			t.Errorf("got %v", c)
		}
	})
}

func TestAnotherHostHasMoreHistory(t *testing.T) {
	for _, down := range []bool{false, true} {
		bubble(t, func(t *testing.T) {
			start := time.Now()
			o := jetstreamtest.Options{Start: start, Rate: 1, LookBack: time.Hour}
			o2, o3 := o, o
			o2.LookBack, o3.LookBack = 3*time.Hour, 6*time.Hour
			n := newNetwork(t, o, o2, o3)
			if down {
				n.servers[2].Inject(func(jetstreamtest.Request) jetstreamtest.Fault { return jetstreamtest.Fault{Status: 503} })
			}
			time.Sleep(5 * time.Hour)
			opt := n.options()
			opt.Cursor = strconv.FormatInt(start.Add(10*time.Minute).UnixMicro(), 10)
			s := n.open(t, opt)
			p, err := s.Next(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			at, err := time.Parse(time.RFC3339, p.CreatedAt)
			want, gaps := 10*time.Minute, 0
			if down {
				want, gaps = 2*time.Hour, 1
			}
			if err != nil || at.Sub(start.Add(want)).Abs() > time.Minute || len(n.told("gap")) != gaps {
				t.Errorf("down %v: began with %+v, %v; told %v", down, p, err, n.notices)
			}
			if c := n.servers[0].Connections(); c != 1 {
				t.Errorf("down %v: the worst host was asked %d times", down, c)
			}
		})
	}
}

func TestFutureCursorIsNoticed(t *testing.T) {
	bubble(t, func(t *testing.T) {
		n := newNetwork(t, soon(300), soon(300))
		n.servers[0].Inject(func(r jetstreamtest.Request) jetstreamtest.Fault {
			return jetstreamtest.Fault{After: 100, Reset: r.Number == 0}
		})
		o := n.options()
		o.Cursor = strconv.FormatInt(time.Now().Add(time.Hour).UnixMicro(), 10)
		s := n.open(t, o)
		receive(t, s, n.want(0, 300))
		if told := n.told("cursor"); len(told) != 1 || !strings.Contains(told[0], "a takes the position 2026-01-01T01:00:00Z for one of the future") {
			t.Errorf("told %q", told)
		}
	})
}
