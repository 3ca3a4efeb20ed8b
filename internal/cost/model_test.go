package cost

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

const ms = time.Millisecond

func prices(t testing.TB) Prices {
	t.Helper()
	p, err := ForRegion("us-east-1")
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func zipOption() Option {
	return Option{Name: "zip", Kind: Zip, Arch: "arm64", MemoryMB: 512, Init: 50 * ms, PerEvent: ms, PerRecord: 20 * time.Microsecond}
}

func containerOption() Option {
	return Option{Name: "container", Kind: Container, Arch: "amd64", MemoryMB: 1769, Init: 5 * time.Second, FirstExtra: 300 * ms,
		PerEvent: 60 * ms, PerRecord: 95 * ms, StorageGB: 1.3}
}

func ec2Option() Option {
	return Option{Name: "ec2", Kind: EC2, Arch: "arm64", MemoryMB: 128, Init: 130 * ms, PerEvent: 5 * ms, PerRecord: 95 * ms,
		Instance: "t3.medium", StorageGB: 20}
}

func model(t testing.TB, l Load, o Option) Estimate {
	t.Helper()
	e, err := Model(l, o, prices(t))
	if err != nil {
		t.Fatal(err)
	}
	checkEstimate(t, l, o, e)
	return e
}

// checkEstimate holds what is true of every estimate.
func checkEstimate(t testing.TB, l Load, o Option, e Estimate) {
	t.Helper()
	sum := 0.0
	for _, p := range e.Parts {
		if !(p.Dollars >= 0) || math.IsInf(p.Dollars, 0) || p.Name == "" || p.Formula == "" {
			t.Errorf("%+v %+v: part %+v", l, o, p)
		}
		sum += p.Dollars
	}
	if !(math.Abs(sum-e.DollarsPerMonth) <= 1e-12*sum) {
		t.Errorf("%+v: parts add up to %v, total %v", l, sum, e.DollarsPerMonth)
	}
	if got := e.CallsPerSecond * e.RecordsPerCall; !near(got, l.PostsPerSecond, 1e-9) {
		t.Errorf("%+v: calls by records are %v posts/s", l, got)
	}
	if e.P99 < e.P50 || e.P50 < 0 {
		t.Errorf("%+v: p50 %v, p99 %v", l, e.P50, e.P99)
	}
	for _, x := range []float64{e.ColdShare, e.Late} {
		if !(x >= 0 && x <= 1) {
			t.Errorf("%+v: shares %v, %v", l, e.ColdShare, e.Late)
		}
	}
	if !(e.RecordsPerCall >= 1 && e.Environments >= 1 && e.Concurrency >= 0) || math.IsInf(e.Concurrency, 0) {
		t.Errorf("%+v: %+v", l, e)
	}
	if e.Late > 0 && len(e.Warnings) == 0 {
		t.Errorf("%+v: late calls without a warning", l)
	}
}

func near(got, want, relative float64) bool { return math.Abs(got-want) <= relative*math.Abs(want) }

func (e Estimate) part(name string) float64 {
	for _, p := range e.Parts {
		if p.Name == name {
			return p.Dollars
		}
	}
	return 0
}

func (e Estimate) warned(text string) bool {
	return slices.ContainsFunc(e.Warnings, func(w string) bool { return strings.Contains(w, text) })
}

func TestMoreLoadCostsMoreAndIsWarmer(t *testing.T) {
	for _, o := range []Option{zipOption(), containerOption(), ec2Option()} {
		for _, burst := range []float64{1, 3, 20} {
			last := Estimate{ColdShare: 1}
			for i, rate := range []float64{1e-4, 1e-2, 1} {
				e := model(t, Load{PostsPerSecond: rate, Burst: burst}, o)
				if e.DollarsPerMonth <= last.DollarsPerMonth {
					t.Errorf("%s, burst %v, %v posts/s: $%v after $%v", o.Name, burst, rate, e.DollarsPerMonth, last.DollarsPerMonth)
				}
				// In bursts slow calls overlap: there more load is no warmer.
				if (burst == 1 || o.Kind == Zip) && (e.ColdShare > last.ColdShare || i > 1 && e.ColdShare == last.ColdShare) {
					t.Errorf("%s, burst %v, %v posts/s: %v cold after %v", o.Name, burst, rate, e.ColdShare, last.ColdShare)
				}
				last = e
			}
		}
	}
}

func TestBurstsMakeColdCalls(t *testing.T) {
	steady := model(t, Load{PostsPerSecond: 10}, containerOption())
	bursty := model(t, Load{PostsPerSecond: 10, Burst: 10}, containerOption())
	if bursty.ColdShare <= 2*steady.ColdShare || bursty.Environments <= steady.Environments {
		t.Errorf("steady %v of %v environments, bursty %v of %v", steady.ColdShare, steady.Environments, bursty.ColdShare, bursty.Environments)
	}
}

func TestMemory(t *testing.T) {
	var last Estimate
	for i, mb := range []int{128, 512, 1769, 3538, 10240} {
		o := zipOption()
		o.MemoryMB = mb
		e := model(t, Load{PostsPerSecond: 100}, o)
		if i > 0 && mb <= 1769 && e.P50 >= last.P50 {
			t.Errorf("%d MB: p50 %v after %v: more CPU has to help", mb, e.P50, last.P50)
		}
		if mb > 1769 && (e.P50 != last.P50 || e.DollarsPerMonth <= last.DollarsPerMonth) {
			t.Errorf("%d MB: p50 %v, $%v after %v, $%v: one vCPU is all that is used", mb, e.P50, e.DollarsPerMonth, last.P50, last.DollarsPerMonth)
		}
		last = e
	}
}

// TestBillIsInvocations: calls of one post each that all take the same are as
// many times Invocation.
func TestBillIsInvocations(t *testing.T) {
	o := Option{Name: "x", Kind: Zip, Arch: "amd64", MemoryMB: 1769, Init: 100*ms + 1, FirstExtra: 7 * ms, PerEvent: 2500 * time.Microsecond}
	week := 7 * 24 * time.Hour
	for _, c := range []struct {
		load   Load
		billed time.Duration // of nearly every call
	}{
		{Load{PostsPerSecond: 5, PostBytes: maxRecord, Lifetime: week}, 2500 * time.Microsecond},
		{Load{PostsPerSecond: 1e-6, PostBytes: maxRecord, IdleLifetime: time.Second}, 109500*time.Microsecond + 1},
	} {
		e := model(t, c.load, o)
		got := e.part("Lambda: handler") + e.part("Lambda: init") + e.part("Lambda: requests")
		want := c.load.PostsPerSecond * 730 * 3600 * prices(t).Invocation("amd64", 1769, c.billed)
		if !near(got, want, 1e-3) {
			t.Errorf("%v: $%v, %v calls x Invocation = $%v", c.billed, got, c.load.PostsPerSecond*730*3600, want)
		}
	}
}

func TestEC2Bill(t *testing.T) {
	o := ec2Option()
	o.Instances, o.Workers, o.MemoryMB = 2, 2, 1769
	e := model(t, Load{PostsPerSecond: 20}, o)
	used := 20 * .095 / 4 * 2 // vCPUs of each
	for name, want := range map[string]float64{
		"EC2: instances":   2 * 730 * .0416,
		"EC2: CPU credits": 2 * 730 * (used - .4) * .05,
		"EBS: volumes":     2 * 20 * .08,
		"ALB":              730 * (.0225 + .8*.008),
		"Firehose":         20 * 730 * 3600 * 5120 / float64(1<<30) * .029,
		"ECR: image":       0,
	} {
		if got := e.part(name); !near(got, want, 1e-9) {
			t.Errorf("%s is $%v, expected $%v", name, got, want)
		}
	}
	// The function waits as long as the instance works, and is billed for it.
	wait := 20 * .095 * 730 * 3600 * 1769 / 1024 * .0000133334
	if got := e.part("Lambda: handler"); !near(got, wait, .02) {
		t.Errorf("waiting costs $%v, expected about $%v", got, wait)
	}
	if !near(e.Utilisation, 20*.095/4, 1e-12) {
		t.Errorf("utilisation %v", e.Utilisation)
	}
}

// TestWaitingIsNotScaled: a small function's own work takes longer, its waiting
// does not.
func TestWaitingIsNotScaled(t *testing.T) {
	o := ec2Option()
	o.MemoryMB, o.Init, o.PerEvent, o.PerRecord = 128, 0, 5*ms, 20*ms
	o.OwnPerRecord, o.EventWait, o.FirstExtra, o.FirstWait = ms, 40*ms, 10*ms, 300*ms
	s := newService(Load{PostsPerSecond: 1}, o)
	share := 128. / 1769
	for what, c := range map[string][2]float64{
		"event": {s.event, .005/share + .04}, "record": {s.record, .001 / share}, "remote": {s.remote, .02}, "extra": {s.extra, .01/share + .3},
	} {
		if !near(c[0], c[1], 1e-12) {
			t.Errorf("%s takes %v s, expected %v", what, c[0], c[1])
		}
	}
	// Calls of one post, each of them cold: nothing but these times.
	e := model(t, Load{PostsPerSecond: 1e-4, BufferInterval: time.Second}, o)
	if want := s.event + s.record + s.remote + s.extra; !near(e.P50.Seconds(), want, .01) {
		t.Errorf("p50 is %v, expected %v s", e.P50, want)
	}
}

func TestImageStorage(t *testing.T) {
	o := containerOption()
	e := model(t, Load{PostsPerSecond: 1}, o)
	for _, p := range e.Parts {
		if p.Name == "ECR: image" && !strings.Contains(p.Formula, "GB of layers above the base image x $0.1") {
			t.Errorf("formula of the image: %q", p.Formula)
		}
	}
	const unknown = "image size not known: its storage is left out"
	if e.part("ECR: image") == 0 || e.warned(unknown) {
		t.Errorf("with a size: %+v", e)
	}
	o.StorageGB = 0
	if e = model(t, Load{PostsPerSecond: 1}, o); e.part("ECR: image") != 0 || !e.warned(unknown) {
		t.Errorf("without: %q", e.Warnings)
	}
}

func TestSaturation(t *testing.T) {
	o := ec2Option()
	e := model(t, Load{PostsPerSecond: 100}, o)
	if !e.warned("take 10 instances") || e.Late != 1 || e.P99 != 5*time.Minute || e.Utilisation < 9 {
		t.Errorf("9.5 times too much: %+v", e)
	}
	o.Instances = 10
	e = model(t, Load{PostsPerSecond: 100, BufferBytes: 1 << 18, Shards: 10}, o)
	if e.warned("cannot keep up") || e.Late == 1 {
		t.Errorf("10 instances: %+v", e)
	}
	e = model(t, Load{PostsPerSecond: 40, Burst: 3}, o)
	if !e.warned("at the peak of 120 posts/s the queue before 10 x t3.medium grows: take 12 instances") {
		t.Errorf("peak: %q", e.Warnings)
	}
}

func TestLateCallsAreTriedAgain(t *testing.T) {
	l := Load{PostsPerSecond: 100, Lifetime: 7 * 24 * time.Hour}
	e := model(t, l, containerOption())
	if e.Late != 1 || !e.warned("a call of 3,495 records takes 33") || !e.warned("take a buffer of 0.8 MB") {
		t.Errorf("late %v: %q", e.Late, e.Warnings)
	}
	calls := e.CallsPerSecond * 730 * 3600
	if got, want := e.part("Lambda: requests"), 4*calls*2e-7; !near(got, want, 1e-9) {
		t.Errorf("requests cost $%v, expected four each: $%v", got, want)
	}
	if got, want := e.part("Lambda: handler"), 4*calls*300*1769/1024*.0000166667; !near(got, want, 1e-9) {
		t.Errorf("handler costs $%v, expected 4 x 300 s each: $%v", got, want)
	}
	l.BufferBytes = 8 << 20 / 10
	if e = model(t, l, containerOption()); e.Late != 0 {
		t.Errorf("with the buffer that the warning names %v are late: %q", e.Late, e.Warnings)
	}

	// Warm calls are in time, cold ones are not: one more attempt each.
	o := Option{Name: "x", Kind: Zip, Arch: "arm64", MemoryMB: 1769, Init: 5 * time.Second, PerEvent: 298 * time.Second}
	e = model(t, Load{PostsPerSecond: 1e-5, PostBytes: maxRecord}, o)
	if !near(e.Late, e.ColdShare, 1e-9) || e.Late < .9 {
		t.Errorf("late %v, cold %v", e.Late, e.ColdShare)
	}
	if got, want := e.part("Lambda: requests"), (1+e.Late)*1e-5*730*3600*2e-7; !near(got, want, 1e-9) {
		t.Errorf("requests cost $%v, expected $%v", got, want)
	}
}

func TestWarnings(t *testing.T) {
	slow := zipOption()
	slow.Init = 12 * time.Second
	late := containerOption()
	for _, c := range []struct {
		load Load
		o    Option
		want string
	}{
		{Load{PostsPerSecond: 1}, slow, "init takes 12 s: Lambda ends it after 10 s"},
		{Load{PostsPerSecond: 1}, late, "a full buffer of 3,495 records would take 332 s: over Firehose's 5-minute limit; none was that full under this load; take a buffer of 0.8 MB"},
		{Load{PostsPerSecond: 1, BufferBytes: 3 << 20}, zipOption(), "take a buffer of 2.5 MB at most"},
		{Load{PostsPerSecond: 20, PostBytes: 600_000}, zipOption(), "the peak of 11.4 MiB/s is over the 5 MiB/s that a stream takes in us-east-1"},
		{Load{PostsPerSecond: 30, PostBytes: maxRecord}, Option{Kind: Zip, Arch: "arm64", MemoryMB: 1769, PerEvent: time.Minute}, "over the 1000 that an account has"},
		{Load{PostsPerSecond: 3, Burst: 5, PostBytes: maxRecord, BurstLength: 30 * time.Minute}, zipOption(), "bursts were simulated"},
	} {
		if e := model(t, c.load, c.o); !e.warned(c.want) {
			t.Errorf("%+v: %q does not hold %q", c.load, e.Warnings, c.want)
		}
	}
	if e := model(t, Load{PostsPerSecond: 10}, zipOption()); len(e.Warnings) > 0 {
		t.Errorf("a good option: %q", e.Warnings)
	}
}

func TestSameAgain(t *testing.T) {
	for _, o := range []Option{zipOption(), ec2Option()} {
		l := Load{PostsPerSecond: 8, Burst: 4, Shards: 3}
		if a, b := model(t, l, o), model(t, l, o); !reflect.DeepEqual(a, b) {
			t.Errorf("%+v\nthen %+v", a, b)
		}
	}
}

func TestHostileInput(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	good := Load{PostsPerSecond: 1}
	for _, c := range []struct {
		load Load
		edit func(*Option)
		want string
	}{
		{Load{}, nil, "load: 0 posts per second"},
		{Load{PostsPerSecond: nan}, nil, "load: NaN posts"},
		{Load{PostsPerSecond: -1}, nil, "load: -1 posts"},
		{Load{PostsPerSecond: inf}, nil, "load: +Inf posts"},
		{Load{PostsPerSecond: 1e12}, nil, "load: 286,123,033 calls per second are more than the model follows"},
		{Load{PostsPerSecond: 1, Burst: nan}, nil, "load: peak by mean rate is NaN"},
		{Load{PostsPerSecond: 1, Burst: .5}, nil, "expected 1 to 1000"},
		{Load{PostsPerSecond: 1, PostBytes: -1}, nil, "load: bytes of a post is -1"},
		{Load{PostsPerSecond: 1, PostBytes: 1 << 20}, nil, "expected 1 to 1024000"},
		{Load{PostsPerSecond: 1, BufferBytes: math.MaxInt}, nil, "load: bytes of the buffer"},
		{Load{PostsPerSecond: 1, BufferInterval: -time.Second}, nil, "load: interval of the buffer is -1s"},
		{Load{PostsPerSecond: 1, Shards: 1 << 40}, nil, "load: shards"},
		{Load{PostsPerSecond: 1, IdleLifetime: -1}, nil, "load: idle lifetime"},
		{Load{PostsPerSecond: 1, Lifetime: math.MaxInt64}, nil, "load: lifetime"},
		{Load{PostsPerSecond: 4, Burst: 2, PostBytes: maxRecord, BurstLength: 24 * time.Hour}, nil, "take shorter ones"},
		{good, func(o *Option) { o.Kind = "vm" }, `option "zip": kind "vm", expected zip, container or ec2`},
		{good, func(o *Option) { o.Arch = "x86_64" }, `no GB-second of architecture "x86_64"`},
		{good, func(o *Option) { o.MemoryMB = 0 }, "memory in MB is 0, expected 128 to 10240"},
		{good, func(o *Option) { o.Init = -1 }, "init is -1ns"},
		{good, func(o *Option) { o.PerRecord = math.MaxInt64 }, "time per record"},
		{good, func(o *Option) { o.EventWait = -1 }, "waiting per event is -1ns"},
		{good, func(o *Option) { o.StorageGB = nan }, "storage in GB is NaN"},
		{good, func(o *Option) { o.Instances = -2 }, "instances is -2"},
		{good, func(o *Option) { o.Kind = EC2; o.Instance = "z9.huge" }, `no hour of instance type "z9.huge"`},
	} {
		o := zipOption()
		if c.edit != nil {
			c.edit(&o)
		}
		if e, err := Model(c.load, o, prices(t)); err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%+v %+v: error %v, expected %q (%+v)", c.load, o, err, c.want, e)
		}
	}
	if _, err := Model(good, zipOption(), Prices{}); err == nil {
		t.Error("no prices were taken")
	}
	p := prices(t)
	p.EC2CreditHour = nil
	if _, err := Model(good, ec2Option(), p); err == nil || !strings.Contains(err.Error(), `no CPU credits of "t3"`) {
		t.Errorf("without a price of credits: %v", err)
	}
}

// FuzzModel takes loads and options all over their ranges.
func FuzzModel(f *testing.F) {
	p := prices(f)
	f.Add(1.0, 1.0, 60.0, 300, 60.0, 1, uint8(0), 0.02, 600.0)
	f.Add(1e-6, 1000.0, 86400.0, 1, 900.0, 1000, uint8(2), 60.0, 86400.0)
	f.Add(3.0, 10.0, 1.0, 1024000, 1.0, 7, uint8(1), 0.0, 1.0)
	f.Add(500.0, 1.5, 3600.0, 140, 900.0, 1, uint8(2), 1e-6, 60.0)
	f.Fuzz(func(t *testing.T, rate, burst, burstLength float64, bytes int, interval float64, shards int, kind uint8, perRecord, idle float64) {
		seconds := func(s float64) time.Duration { return time.Duration(s * 1e9) }
		l := Load{PostsPerSecond: rate, Burst: burst, BurstLength: seconds(burstLength), PostBytes: bytes,
			BufferInterval: seconds(interval), Shards: shards, IdleLifetime: seconds(idle)}
		o := []Option{zipOption(), containerOption(), ec2Option()}[kind%3]
		o.PerRecord = seconds(perRecord)
		e, err := Model(l, o, p)
		if err != nil {
			return
		}
		checkEstimate(t, l, o, e)
		if s := fmt.Sprint(e); strings.Contains(s, "NaN") || strings.Contains(s, "Inf") {
			t.Errorf("%+v %+v: %s", l, o, s)
		}
	})
}
