package jetstream

import (
	"context"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"github.com/coder/websocket"

	"coldstream/internal/source"
	"coldstream/internal/source/jetstream/jetstreamtest"
)

// simulated is for how long the tests below run, by the bubble's clock.
func simulated() time.Duration {
	if testing.Short() {
		return 8 * time.Hour
	}
	return 72 * time.Hour
}

// heap is what is in use after a collection.
func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestDaysOfFaults runs for 72 hours over a random schedule of all faults: every
// post comes, nothing grows, and there are as many connections as faults.
func TestDaysOfFaults(t *testing.T) {
	bubble(t, func(t *testing.T) {
		const rate = 0.2
		count := int(simulated().Seconds() * rate)
		start := time.Now().Add(time.Second)
		o := jetstreamtest.Options{Start: start, Rate: rate, Count: count}
		skewed := o
		skewed.Skew = 3 * time.Second
		n := newNetwork(t, o, skewed, o)
		outage := start.Add(simulated() / 3)
		for i, s := range n.servers {
			random := rand.New(rand.NewPCG(1, uint64(i)))
			s.Inject(func(jetstreamtest.Request) jetstreamtest.Fault {
				if since := time.Since(outage); since > 0 && since < 2*time.Hour {
					return jetstreamtest.Fault{Status: 503}
				}
				f := jetstreamtest.Fault{After: random.IntN(400)}
				switch random.IntN(9) {
				case 0:
					f.Garbage = true
				case 1:
					f.Oversized = maxFrame + 1
				case 2:
					f.Close = websocket.StatusGoingAway
				case 3:
					f.Close = websocket.StatusInternalError
				case 4:
					f.Reset = true
				case 5:
					f.Stall = true
				case 6:
					f = jetstreamtest.Fault{Status: 503}
				case 7:
					f.Delay, f.Reset = 100*time.Millisecond, true
				case 8:
					f = jetstreamtest.Fault{Reset: true}
				}
				// No connection goes on for ever.
				if f.Garbage || f.Oversized > 0 {
					f.Close = websocket.StatusGoingAway
				}
				return f
			})
		}
		missing := make(map[string]bool)
		for i := range count {
			if e := n.servers[0].Event(i); e.Post() {
				missing[e.ID] = true
			}
		}
		opt := n.options()
		opt.Notify = nil
		s := n.open(t, opt)
		ctx, cancel := context.WithTimeout(t.Context(), simulated()+time.Hour)
		defer cancel()
		var early uint64
		goroutines := 0
		for i := 0; len(missing) > 0; i++ {
			p, err := s.Next(ctx)
			if err != nil {
				t.Fatalf("%d posts are missing: %v; %v", len(missing), err, s.(source.Counter).Counters())
			}
			delete(missing, p.ID)
			if i == count/8 {
				early = heap()
			}
			if i%100 == 0 {
				goroutines = max(goroutines, runtime.NumGoroutine())
			}
		}
		if late := heap(); early != 0 && late > early+4<<20 {
			t.Errorf("%d bytes in use, %d early on", late, early)
		}
		if goroutines > 40 {
			t.Errorf("%d goroutines", goroutines)
		}
		c := s.(source.Counter).Counters()
		lost := c["reconnects_closed"] + c["reconnects_broken"] + c["reconnects_stall"] + c["reconnects_garbage"] + c["reconnects_no_history"]
		if c["connections"] != lost+1 && c["connections"] != lost {
			t.Errorf("%d connections, %d were lost", c["connections"], lost)
		}
		asked := 0
		for _, server := range n.servers {
			asked += server.Connections()
		}
		if int64(asked) != c["connections"]+c["reconnects_refused"] {
			t.Errorf("%d handshakes, %v", asked, c)
		}
		if c["gaps"] != 0 || c["cursors_ignored"] != 0 {
			t.Errorf("got %v", c)
		}
		for _, name := range []string{"oversized_frames", "garbage_frames", "reconnects_closed", "reconnects_broken", "reconnects_stall", "reconnects_refused"} {
			if c[name] == 0 {
				t.Errorf("%s never happened", name)
			}
		}
		t.Logf("%v of simulated time, %d events: %v", simulated(), count, c)
	})
}

// TestLongOutage: the back-off bounds the attempts, which never end.
func TestLongOutage(t *testing.T) {
	for name, fault := range map[string]jetstreamtest.Fault{
		"refused":                {Status: 503},
		"dropped at once":        {Reset: true},
		"dropped after an event": {After: 1, Reset: true},
		"nothing but garbage":    {Garbage: true, Stall: true},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				n := newNetwork(t, soon(0), soon(0))
				for i, s := range n.servers {
					s.Inject(func(r jetstreamtest.Request) jetstreamtest.Fault {
						if i == 0 && r.Number == 0 {
							return jetstreamtest.Fault{After: 2000, Reset: true}
						}
						return fault
					})
				}
				opt := n.options()
				opt.Notify = nil
				s := n.open(t, opt)
				go func() {
					for {
						if _, err := s.Next(t.Context()); err != nil {
							return
						}
					}
				}()
				outage := simulated() / 3
				time.Sleep(outage)
				attempts := n.servers[0].Connections() + n.servers[1].Connections()
				// Full jitter waits for half of the bound on average.
				mean := maxDelay / 2
				if most := int(outage*115/100/mean) + 10; attempts > most || attempts < most/4 {
					t.Errorf("%d attempts, want %d at most and a quarter of that at least", attempts, most)
				}
				t.Logf("%d attempts in %v: %v", attempts, outage, s.(source.Counter).Counters())
			})
		})
	}
}
