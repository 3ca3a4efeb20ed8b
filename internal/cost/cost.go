// Package cost estimates what it costs to score a stream of posts behind
// Firehose, and how long Firehose waits for the function. ForRegion and Read
// give Prices; Model turns a Load, an Option with its measured times and Prices
// into an Estimate. docs/design/cost.md has the model and its assumptions.
package cost

import "time"

// HoursPerMonth is the length of a month in all estimates: a twelfth of 365
// days.
const HoursPerMonth = 730

// A Load is the stream of posts and how Firehose cuts it into calls. Fields that
// are zero have the defaults named beside them.
type Load struct {
	// PostsPerSecond is the mean rate, from 1e-6. It has no default.
	PostsPerSecond float64

	// Burst is the peak rate by the mean rate, 1 to 1000; 1 (default) is steady.
	Burst float64

	// BurstLength is the mean time that a peak lasts, 1 s to 24 h; default one
	// minute.
	BurstLength time.Duration

	// PostBytes is the mean size of a record as the producer sends it, before
	// base64: 1 to 1,024,000; default 300.
	PostBytes int

	// BufferBytes and BufferInterval are the buffering hints of the
	// transformation: BufferSizeInMBs, 0.2 to 3 MB, default 1 MB = 1<<20 bytes;
	// BufferIntervalInSeconds, 1 to 900 s, default 60 s.
	BufferBytes    int
	BufferInterval time.Duration

	// Shards is the number of buffers that Firehose fills at the same time, 1
	// (default) to 1000. AWS does not publish it.
	Shards int

	// IdleLifetime is how long Lambda keeps an environment that no call uses,
	// 1 s to 24 h, default ten minutes; Lifetime is how long it keeps any, up to
	// a week, default two hours. AWS publishes neither: the defaults are
	// assumptions.
	IdleLifetime, Lifetime time.Duration
}

// Kinds of options.
const (
	Zip       = "zip"       // a function from a zip, model inside
	Container = "container" // a function from an image, model inside
	EC2       = "ec2"       // a thin function that asks instances, post by post
)

// An Option is one way to serve the stream, with the times that were measured.
type Option struct {
	Name string
	Kind string // Zip, Container or EC2
	Arch string // of the function: arm64 or amd64

	// MemoryMB is the function's memory, 128 to 10240. Its handler has
	// MemoryMB/1769 of one vCPU, at most one; its init always has a whole one.
	MemoryMB int

	// Init is the time of a cold environment until it asks for its first event,
	// FirstExtra what the first invocation takes more than a later one.
	Init, FirstExtra time.Duration

	// An event of n records takes PerEvent + n*PerRecord once warm, on one whole
	// vCPU. Of an EC2 option PerEvent is the function's own part and PerRecord
	// the instance's: the function sends a post, waits and sends the next.
	PerEvent, PerRecord time.Duration

	// Of an EC2 option: what the function itself does for a record, on one whole
	// vCPU, and how long it waits in each event, and in the first one more,
	// beside PerRecord. No memory size makes waiting shorter.
	OwnPerRecord         time.Duration
	EventWait, FirstWait time.Duration

	// StorageGB is the image in the registry (Container), as far as it lies above
	// the base image, 0 if that is not known; or the volume of each instance
	// (EC2). The code of a zip function is stored free of charge.
	StorageGB float64

	// Of an EC2 option: Instances of the type Instance, each of which predicts
	// Workers posts at the same time; both are 1 where zero. Two instances and
	// more have an application load balancer before them, one has it with
	// LoadBalancer.
	Instance     string
	Instances    int
	Workers      int
	LoadBalancer bool
}

// An Estimate is what an option does and costs under a load.
type Estimate struct {
	CallsPerSecond float64 // buffers that Firehose hands over; retries not counted
	RecordsPerCall float64 // mean; by CallsPerSecond it gives PostsPerSecond
	Concurrency    float64 // mean number of environments at work
	Environments   float64 // largest number at work at once in the simulated time
	ColdShare      float64 // calls that waited for a new environment, of all calls
	Utilisation    float64 // of an EC2 option: posts that come in by posts that the instances can do

	// P50 and P99 are how long a call takes from Firehose's request to the
	// answer, cold ones included, as if Firehose waited for ever. Instances with
	// a Utilisation of 1 and more never catch up: both are Firehose's limit then.
	P50, P99 time.Duration

	Late float64 // share of calls that take longer than Firehose waits, five minutes

	DollarsPerMonth float64
	Parts           []Part   // they add up to DollarsPerMonth
	Warnings        []string // what keeps the option from working under this load, or the estimate from being right
}

// A Part is one line of the bill.
type Part struct {
	Name    string
	Dollars float64 // per month
	Formula string  // 43,800 requests x $0.0000002
}
