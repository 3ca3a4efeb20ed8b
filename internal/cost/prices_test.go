package cost

import (
	"bytes"
	"encoding/json"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestForRegion(t *testing.T) {
	p := prices(t)
	if p.LambdaGBSecond["amd64"] != .0000166667 || p.LambdaGBSecond["arm64"] != .0000133334 || p.FirehoseGB != .029 {
		t.Errorf("us-east-1: %+v", p)
	}
	_, err := ForRegion("mars-1")
	if err == nil {
		t.Fatal("mars-1 has prices")
	}
	for _, want := range []string{`"mars-1"`, "us-east-1", "us-east-2", "us-west-2"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not name %s", err, want)
		}
	}
}

// TestBuiltInPricesAreATable: each region's are what Read takes, and complete.
func TestBuiltInPricesAreATable(t *testing.T) {
	var all []json.RawMessage
	if err := json.Unmarshal(builtIn, &all); err != nil {
		t.Fatal(err)
	}
	for _, text := range all {
		p, err := Read(bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		q, err := ForRegion(p.Region)
		if err != nil || !reflect.DeepEqual(p, q) {
			t.Errorf("%s: %+v, %v", p.Region, q, err)
		}
		if len(p.LambdaGBSecond) != 2 || !strings.Contains(p.Source, "check before") {
			t.Errorf("%s: %+v", p.Region, p)
		}
		for instance := range p.EC2Baseline {
			if p.EC2Hour[instance] == 0 || p.EC2CreditHour[family(instance)] == 0 {
				t.Errorf("%s: %s has a baseline but no price", p.Region, instance)
			}
		}
	}
}

func TestInvocation(t *testing.T) {
	p := prices(t)
	for _, c := range []struct {
		arch   string
		memory int
		billed time.Duration
		want   float64
	}{
		{"arm64", 1024, time.Second, .0000133334 + 2e-7},
		{"amd64", 512, time.Millisecond, .0000166667/2000 + 2e-7},
		{"amd64", 512, time.Millisecond + 1, .0000166667/1000 + 2e-7},
		{"amd64", 512, 0, 2e-7},
		{"amd64", 128, 7 * time.Millisecond, .0000166667*.007/8 + 2e-7}, // 7 ms are not 8, whatever 0.007*1000 is
		{"s390x", 128, 1, math.NaN()},
	} {
		if got := p.Invocation(c.arch, c.memory, c.billed); !near(got, c.want, 1e-12) && !(math.IsNaN(got) && math.IsNaN(c.want)) {
			t.Errorf("%s, %d MB, %v: %v, expected %v", c.arch, c.memory, c.billed, got, c.want)
		}
	}
}

func table(t testing.TB) string {
	t.Helper()
	text, err := json.Marshal(prices(t))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestReadRefuses(t *testing.T) {
	good := table(t)
	if _, err := Read(strings.NewReader(good)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ from, to, want string }{
		{good, "", "prices: EOF"},
		{good, "[]", "prices: json: cannot unmarshal array"},
		{good, "{}", "region and source"},
		{good, strings.Repeat(" ", maxTable) + "{}", "over 1048576 bytes"},
		{`"logs_gb":0.5,`, "", "prices of us-east-1: logs_gb is missing"},
		{`"logs_gb":0.5`, `"logs_gb":-0.5`, "logs_gb is -0.5"},
		{`"logs_gb":0.5`, `"logs_gb":1e300`, "logs_gb is 1e+300"},
		{`"logs_gb":0.5`, `"logs_gb":null`, "logs_gb is missing"},
		{`"logs_gb"`, `"log_gb"`, `unknown field "log_gb"`},
		{`"arm64":0.0000133334`, `"arm64":-1`, `lambda_gb_second of "arm64" is -1`},
		{`"alarm_month":0.1`, `"alarm_month":-0.1`, `deployment of "alarm_month" is -0.1`},
		{`"date":"2026-11-22"`, `"date":"yesterday"`, `date "yesterday"`},
		{`"region":"us-east-1"`, `"region":""`, "region and source"},
		{good, good + "1", "something follows"},
	} {
		text := strings.Replace(good, c.from, c.to, 1)
		if text == good {
			t.Fatalf("%q is not in %s", c.from, good)
		}
		if p, err := Read(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q for %q: error %v, expected %q (%+v)", c.to, c.from, err, c.want, p)
		}
	}
	if p, err := Read(strings.NewReader(strings.Replace(good, `"logs_gb":0.5`, `"logs_gb":0`, 1))); err != nil || p.LogsGB != 0 {
		t.Errorf("a price of 0: %v, %v", p.LogsGB, err)
	}
}

// FuzzRead: what is read gives an estimate and comes back as it was.
func FuzzRead(f *testing.F) {
	f.Add(table(f))
	f.Add(`{"region":"x","date":"2026-01-01","source":"y","lambda_gb_second":{"arm64":1}}`)
	f.Add("null")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := Read(strings.NewReader(text))
		if err != nil {
			return
		}
		again, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		if q, err := Read(bytes.NewReader(again)); err != nil || !reflect.DeepEqual(p, q) {
			t.Errorf("%+v came back as %+v, %v", p, q, err)
		}
	})
}
