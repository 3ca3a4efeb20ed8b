package firehose

import (
	"math/rand/v2"
	"sync"
	"time"
)

// Request is what a fault can be chosen by.
type Request struct {
	Operation string // "PutRecord" or "PutRecordBatch"
	Stream    string
	Records   int
}

// Fault is what goes wrong with one put request. The zero value is nothing.
type Fault struct {
	Delay time.Duration // before anything else
	// Code refuses the whole request with this error, for example
	// "ServiceUnavailableException" (503); nothing is accepted.
	Code  string
	Break Break
	// FailRecord chooses records that are answered with
	// ServiceUnavailableException and not accepted.
	FailRecord func(i int) bool
}

// Break is how a connection fails the client.
type Break uint8

const (
	Unbroken    Break = iota
	ResetBefore       // the connection is reset, nothing is accepted
	ResetAfter        // the records are accepted, then the connection is reset
	HangAfter         // the records are accepted, an answer never comes
)

// Inject has choose decide what goes wrong with each put request from now on;
// nil ends it. choose is called by several goroutines at a time.
func (s *Server) Inject(choose func(Request) Fault) {
	if choose == nil {
		s.faults.Store(nil)
		return
	}
	s.faults.Store(&choose)
}

func (s *Server) fault(r Request) Fault {
	if choose := s.faults.Load(); choose != nil {
		return (*choose)(r)
	}
	return Fault{}
}

// put has the stream take the records that the fault leaves.
func (f *Fault) put(stream *Stream, data [][]byte) []putResult {
	results := make([]putResult, 0, len(data))
	if f.FailRecord == nil {
		return stream.put(data, time.Now(), results)
	}
	var kept [][]byte
	failed := make([]bool, len(data))
	for i := range data {
		if failed[i] = f.FailRecord(i); !failed[i] {
			kept = append(kept, data[i])
		}
	}
	taken := stream.put(kept, time.Now(), nil)
	for i := range data {
		if failed[i] {
			results = append(results, putResult{code: codeUnavailable, message: slowDown})
			continue
		}
		results = append(results, taken[0])
		taken = taken[1:]
	}
	return results
}

// FaultRates are probabilities, 0 to 1, of what RandomFaults does to a request;
// Record is per record. At most one of the others happens to a request.
type FaultRates struct {
	Record      float64
	Unavailable float64 // the whole request, 503
	ResetBefore float64
	ResetAfter  float64
	HangAfter   float64
	Delay       float64 // up to MaxDelay, with any of the above
	MaxDelay    time.Duration
}

// RandomFaults returns a choice for Server.Inject. The same seed gives the same
// sequence to requests that come one after the other.
func RandomFaults(seed uint64, rates FaultRates) func(Request) Fault {
	var mu sync.Mutex
	random := rand.New(rand.NewPCG(seed, 0))
	return func(r Request) Fault {
		mu.Lock()
		defer mu.Unlock()
		var f Fault
		p := random.Float64()
		happens := func(rate float64) bool {
			p -= rate
			return p < 0 && p >= -rate
		}
		switch {
		case happens(rates.Unavailable):
			f.Code = codeUnavailable
		case happens(rates.ResetBefore):
			f.Break = ResetBefore
		case happens(rates.ResetAfter):
			f.Break = ResetAfter
		case happens(rates.HangAfter):
			f.Break = HangAfter
		}
		if random.Float64() < rates.Delay {
			f.Delay = time.Duration(random.Float64() * float64(rates.MaxDelay))
		}
		if rates.Record > 0 {
			fail := make([]bool, r.Records)
			for i := range fail {
				fail[i] = random.Float64() < rates.Record
			}
			f.FailRecord = func(i int) bool { return fail[i] }
		}
		return f
	}
}
