package cost

import (
	"fmt"
	"math"
	"time"
)

// warnings says what keeps the option from working under the load, or the
// estimate from being right.
func warnings(l Load, o Option, p Prices, est Estimate, s *simulation, w window) []string {
	var ws []string
	warn := func(format string, args ...any) { ws = append(ws, fmt.Sprintf(format, args...)) }

	full := s.event + float64(l.full())*(s.record+s.remote)
	advice := ""
	if bytes := l.punctualBytes(s); full > firehoseWait && bytes >= 1<<20/5 && l.Burst*est.Utilisation < 1 {
		advice = "; take a buffer of " + megabytes(bytes)
	}
	switch {
	case s.saturated:
		warn("%d x %s cannot keep up: %s posts/s come in, %s can be done; take %d instances, more for bursts; every call is counted as one that fails at Firehose's 5-minute limit",
			o.Instances, o.Instance, num(l.PostsPerSecond), num(l.PostsPerSecond/est.Utilisation), l.instancesFor(o, l.PostsPerSecond))
	case est.Late > 0:
		warn("a call of %s records takes %s: over Firehose's 5-minute limit; %s of the calls are that late: tried and billed up to 4 times, they may end in processing-failed%s",
			num(float64(s.longest.records)), seconds(s.longestWait), percent(est.Late), advice)
	case full > firehoseWait:
		warn("a full buffer of %s records would take %s: over Firehose's 5-minute limit; none was that full under this load%s",
			num(float64(l.full())), seconds(full), advice)
	}
	if peak := l.PostsPerSecond * l.Burst; o.Kind == EC2 && !s.saturated && l.Burst*est.Utilisation >= 1 {
		warn("at the peak of %s posts/s the queue before %d x %s grows: take %d instances",
			num(peak), o.Instances, o.Instance, l.instancesFor(o, peak))
	}
	if o.Init.Seconds() > initLimit {
		warn("init takes %s: Lambda ends it after 10 s and begins again within the first invocation", seconds(o.Init.Seconds()))
	}
	if o.Kind == Container && o.StorageGB == 0 {
		warn("image size not known: its storage is left out")
	}
	if l.full()*l.answerBytes() > maxPayload {
		warn("the answer to %s records of %s bytes would exceed Lambda's 6 MB: take a buffer of %s at most",
			num(float64(l.full())), num(float64(l.PostBytes)), megabytes(float64(maxPayload/l.answerBytes()*l.PostBytes)))
	}
	if est.Environments > concurrency {
		warn("%s environments at once: over the %d that an account has in a region unless it asks for more", num(est.Environments), concurrency)
	}
	if rate := l.PostsPerSecond * l.Burst * float64(l.PostBytes); rate > quota(p.Region) {
		warn("the peak of %s MiB/s is over the %s MiB/s that a stream takes in %s unless it is raised", num(rate/(1<<20)), num(quota(p.Region)/(1<<20)), p.Region)
	}
	if w.bursts > 0 && w.bursts < 8 {
		warn("only %s bursts were simulated: shares and latencies are rough", num(w.bursts))
	}
	return ws
}

// punctualBytes is the buffer whose calls take as long as Firehose waits, cold
// ones included.
func (l Load) punctualBytes(s *simulation) float64 {
	records := (firehoseWait - s.init - s.extra - s.event) / (s.record + s.remote)
	return records * float64(l.PostBytes)
}

// instancesFor is the number of instances that can do more than rate posts per
// second.
func (l Load) instancesFor(o Option, rate float64) int {
	return int(rate*o.PerRecord.Seconds()/float64(o.Workers)) + 1
}

func percent(x float64) string { return num(100*x) + " %" }

// megabytes rounds down to what Firehose takes as a size.
func megabytes(bytes float64) string { return fmt.Sprintf("%.1f MB", math.Floor(bytes/(1<<20)*10)/10) }

func seconds(s float64) string {
	if s < 1 {
		return duration(s).Round(time.Millisecond / 10).String()
	}
	return num(s) + " s"
}
