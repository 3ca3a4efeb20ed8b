package cost

import (
	"fmt"
	"time"
)

// withDefaults returns the load with the defaults of what is zero, or says
// which field is out of its range.
func (l Load) withDefaults() (Load, error) {
	if !(l.PostsPerSecond >= 1e-6 && l.PostsPerSecond <= 1e12) {
		return l, fmt.Errorf("load: %v posts per second, expected 0.000001 (one in eleven days) or more", l.PostsPerSecond)
	}
	l.Burst = orDefault(l.Burst, 1)
	l.BurstLength = orDefault(l.BurstLength, time.Minute)
	l.PostBytes = orDefault(l.PostBytes, 300)
	l.BufferBytes = orDefault(l.BufferBytes, 1<<20)
	l.BufferInterval = orDefault(l.BufferInterval, time.Minute)
	l.Shards = orDefault(l.Shards, 1)
	l.IdleLifetime = orDefault(l.IdleLifetime, 10*time.Minute)
	l.Lifetime = orDefault(l.Lifetime, 2*time.Hour)
	const mb = 1 << 20
	for _, err := range []error{
		inRange("load: peak by mean rate", l.Burst, 1, 1000),
		inRange("load: length of a burst", l.BurstLength, time.Second, 24*time.Hour),
		inRange("load: bytes of a post", l.PostBytes, 1, maxRecord),
		inRange("load: bytes of the buffer", l.BufferBytes, mb/5, 3*mb),
		inRange("load: interval of the buffer", l.BufferInterval, time.Second, 15*time.Minute),
		inRange("load: shards", l.Shards, 1, 1000),
		inRange("load: idle lifetime of an environment", l.IdleLifetime, time.Second, 24*time.Hour),
		inRange("load: lifetime of an environment", l.Lifetime, time.Second, 7*24*time.Hour),
	} {
		if err != nil {
			return l, err
		}
	}
	return l, nil
}

// withDefaults returns the option with the defaults of what is zero, or says
// what is wrong with it, the prices it needs included.
func (o Option) withDefaults(p Prices) (Option, error) {
	if o.Kind != Zip && o.Kind != Container && o.Kind != EC2 {
		return o, fmt.Errorf("option %q: kind %q, expected %s, %s or %s", o.Name, o.Kind, Zip, Container, EC2)
	}
	if _, ok := p.LambdaGBSecond[o.Arch]; !ok {
		return o, fmt.Errorf("option %q: prices of %s have no GB-second of architecture %q", o.Name, p.Region, o.Arch)
	}
	o.Instances = orDefault(o.Instances, 1)
	o.Workers = orDefault(o.Workers, 1)
	name := func(field string) string { return fmt.Sprintf("option %q: %s", o.Name, field) }
	checks := []error{
		inRange(name("memory in MB"), o.MemoryMB, 128, 10240),
		inRange(name("init"), o.Init, 0, 15*time.Minute),
		inRange(name("first invocation's extra time"), o.FirstExtra, 0, 15*time.Minute),
		inRange(name("time per event"), o.PerEvent, 0, 15*time.Minute),
		inRange(name("time per record"), o.PerRecord, 0, time.Minute),
		inRange(name("function's own time per record"), o.OwnPerRecord, 0, time.Minute),
		inRange(name("waiting per event"), o.EventWait, 0, 15*time.Minute),
		inRange(name("first invocation's extra waiting"), o.FirstWait, 0, 15*time.Minute),
		inRange(name("storage in GB"), o.StorageGB, 0, 1e5),
		inRange(name("instances"), o.Instances, 1, 10000),
		inRange(name("workers of an instance"), o.Workers, 1, 1000),
	}
	if o.Kind == EC2 {
		if _, ok := p.EC2Hour[o.Instance]; !ok {
			checks = append(checks, fmt.Errorf("option %q: prices of %s have no hour of instance type %q", o.Name, p.Region, o.Instance))
		}
		_, burstable := p.EC2Baseline[o.Instance]
		if _, ok := p.EC2CreditHour[family(o.Instance)]; burstable && !ok {
			checks = append(checks, fmt.Errorf("option %q: prices of %s have no CPU credits of %q", o.Name, p.Region, family(o.Instance)))
		}
	}
	for _, err := range checks {
		if err != nil {
			return o, err
		}
	}
	return o, nil
}

type number interface{ ~int | ~int64 | ~float64 }

func orDefault[T number](x, otherwise T) T {
	if x == 0 {
		return otherwise
	}
	return x
}

// inRange is false for NaN.
func inRange[T number](what string, x, low, high T) error {
	if x >= low && x <= high {
		return nil
	}
	return fmt.Errorf("%s is %v, expected %v to %v", what, x, low, high)
}
