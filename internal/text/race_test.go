//go:build race

package text

// raceEnabled: the race detector makes sync.Pool drop buffers at random.
const raceEnabled = true
