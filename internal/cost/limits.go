package cost

// Limits of Firehose and Lambda, from their documentation.
const (
	maxRecord    = 1024000     // bytes of a record before base64
	maxPayload   = 6291556     // bytes of a request to a function, and of its answer
	firehoseWait = 300.0       // s that Firehose waits for a call
	retries      = 3           // of a call that failed
	initLimit    = 10.0        // s; an init that takes longer begins again within the first invocation
	fullCPU      = 1769.0      // MB of memory that come with one vCPU
	concurrency  = 1000        // environments of an account in a region at once, unless raised
	roundRecord  = 5 << 10     // Firehose bills records in steps of this
	lowQuota     = 1 << 20     // bytes/s of a stream
	highQuota    = 5 * 1 << 20 // bytes/s of a stream in us-east-1, us-west-2 and eu-west-1
)

// full is the number of posts that fill a buffer: those that reach its bytes, or
// those whose base64 fills the event.
func (l Load) full() int {
	return max(1, min(l.BufferBytes/l.PostBytes, (maxPayload-1<<10)/l.eventBytes()))
}

// eventBytes is what a post takes in the event: base64, its id, names and
// punctuation. 135 makes the 1.89 MB that were measured for 1 MB of posts of 247
// bytes.
func (l Load) eventBytes() int { return (l.PostBytes+2)/3*4 + 135 }

// scoredBytes is a scored post as a line: the label, three probabilities and the
// names beside the text are about 160 bytes.
func (l Load) scoredBytes() int { return l.PostBytes + 160 }

// answerBytes is what a scored post takes in the function's answer: base64, the
// id, names and punctuation.
func (l Load) answerBytes() int { return (l.scoredBytes()+2)/3*4 + 100 }

// quota is what a stream takes in a region unless it is raised.
func quota(region string) float64 {
	switch region {
	case "us-east-1", "us-west-2", "eu-west-1":
		return highQuota
	}
	return lowQuota
}
