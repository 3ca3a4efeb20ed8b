package jetstream

import (
	"testing"
)

func TestPosition(t *testing.T) {
	const start = int64(1_700_000_000_000_000)
	times := func(from, n int64) []int64 {
		var ts []int64
		for i := range n {
			ts = append(ts, start+from+i)
		}
		return ts
	}
	for _, c := range []struct {
		name  string
		times []int64
		want  int64
	}{
		{"nothing", nil, 0},
		{"few events: the least", []int64{start + 5, start + 3, start + 9}, start + 3},
		{"the window", times(0, 100), start + 100 - windowLen},
		{"a far future time", append(append(times(0, 50), start*2), times(50, 50)...), start + 100 - windowLen},
		{"the last time is of the far future", append(times(0, 100), start*2), start + 101 - windowLen},
		{"an old time does not take it back", append(times(0, 100), start-1e9), start + 100 - windowLen},
		{"a replay does not take it back", append(times(0, 100), times(40, 30)...), start + 100 - windowLen},
		{"live events before the end of a replay", append(times(1e6, windowLen-1), times(0, 10)...), start + 0},
	} {
		var p position
		for _, ts := range c.times {
			p.add(ts)
		}
		if got := p.at(); got != c.want {
			t.Errorf("%s: got start%+d, want start%+d", c.name, got-start, c.want-start)
		}
	}
}
