package cost

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
	"time"
)

// Prices are the list prices of a region on a date, in dollars without tax: the
// first tier of each, without free tiers and discounts.
type Prices struct {
	Region string `json:"region"`
	Date   string `json:"date"`   // the day they are meant to hold on: 2026-11-22
	Source string `json:"source"` // where they come from

	LambdaGBSecond map[string]float64 `json:"lambda_gb_second"` // by architecture: arm64, amd64
	LambdaRequest  float64            `json:"lambda_request"`
	LogsGB         float64            `json:"logs_gb"`         // CloudWatch Logs, taken in
	FirehoseGB     float64            `json:"firehose_gb"`     // taken in, each record rounded up to 5 KB
	S3PutRequest   float64            `json:"s3_put_request"`  // standard storage
	ECRGBMonth     float64            `json:"ecr_gb_month"`    // private registry
	EC2Hour        map[string]float64 `json:"ec2_hour"`        // by instance type, on demand, Linux
	EC2Baseline    map[string]float64 `json:"ec2_baseline"`    // vCPUs that the hour includes, of types with CPU credits
	EC2CreditHour  map[string]float64 `json:"ec2_credit_hour"` // a vCPU hour beyond the baseline, by family: t3
	EBSGBMonth     float64            `json:"ebs_gb_month"`    // gp3
	ALBHour        float64            `json:"alb_hour"`
	LCUHour        float64            `json:"lcu_hour"` // capacity unit of a load balancer

	// Deployment is what a deployment has beside that, by name and unit:
	// kms_key_month, public_ipv4_hour, ... The cost model does not use it, and a
	// table may lack it.
	Deployment map[string]float64 `json:"deployment"`
}

//go:embed prices.json
var builtIn []byte

// ForRegion returns the built-in prices of a region. The error for one that is
// not built in lists those that are.
func ForRegion(region string) (Prices, error) {
	var all []Prices
	if err := json.Unmarshal(builtIn, &all); err != nil {
		return Prices{}, fmt.Errorf("built-in prices: %w", err)
	}
	var known []string
	for _, p := range all {
		if p.Region == region {
			return p, nil
		}
		known = append(known, p.Region)
	}
	return Prices{}, fmt.Errorf("no built-in prices of region %q: there are %s; for others give a table of your own", region, strings.Join(known, ", "))
}

// maxTable bounds a table of prices: all instance types there are take less.
const maxTable = 1 << 20

// Read reads the prices of one region: a JSON object as prices.json has them.
// Every single price has to be there; 0 is a price. Maps may lack what is not
// asked for.
func Read(r io.Reader) (Prices, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxTable+1))
	if err != nil {
		return Prices{}, fmt.Errorf("read prices: %w", err)
	}
	if len(text) > maxTable {
		return Prices{}, fmt.Errorf("prices of over %d bytes: expected the JSON object of one region", maxTable)
	}
	var p Prices
	for _, f := range p.single() {
		*f.price = math.NaN() // tells a price that is not there from one of 0
	}
	d := json.NewDecoder(strings.NewReader(string(text)))
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil {
		return Prices{}, fmt.Errorf("prices: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return Prices{}, errors.New("prices: something follows the JSON object of the region")
	}
	if err := p.check(); err != nil {
		return Prices{}, err
	}
	return p, nil
}

type namedPrice struct {
	name  string
	price *float64
}

// single returns the prices that are single numbers.
func (p *Prices) single() []namedPrice {
	return []namedPrice{
		{"lambda_request", &p.LambdaRequest}, {"logs_gb", &p.LogsGB}, {"firehose_gb", &p.FirehoseGB},
		{"s3_put_request", &p.S3PutRequest}, {"ecr_gb_month", &p.ECRGBMonth}, {"ebs_gb_month", &p.EBSGBMonth},
		{"alb_hour", &p.ALBHour}, {"lcu_hour", &p.LCUHour},
	}
}

// maxPrice is beyond every price there is, so that sums stay finite.
const maxPrice = 1e6

func (p *Prices) check() error {
	if p.Region == "" || p.Source == "" {
		return errors.New("prices: region and source have to be there")
	}
	if _, err := time.Parse(time.DateOnly, p.Date); err != nil {
		return fmt.Errorf("prices of %s: date %q is not of the form 2026-11-22", p.Region, p.Date)
	}
	for _, f := range p.single() {
		if math.IsNaN(*f.price) {
			return fmt.Errorf("prices of %s: %s is missing", p.Region, f.name)
		}
		if !(*f.price >= 0 && *f.price <= maxPrice) {
			return fmt.Errorf("prices of %s: %s is %v, expected 0 to %v dollars", p.Region, f.name, *f.price, maxPrice)
		}
	}
	if len(p.LambdaGBSecond) == 0 {
		return fmt.Errorf("prices of %s: lambda_gb_second is missing", p.Region)
	}
	for _, m := range []struct {
		name   string
		prices map[string]float64
	}{
		{"lambda_gb_second", p.LambdaGBSecond}, {"ec2_hour", p.EC2Hour},
		{"ec2_baseline", p.EC2Baseline}, {"ec2_credit_hour", p.EC2CreditHour},
		{"deployment", p.Deployment},
	} {
		for _, k := range slices.Sorted(maps.Keys(m.prices)) {
			if x := m.prices[k]; !(x >= 0 && x <= maxPrice) {
				return fmt.Errorf("prices of %s: %s of %q is %v, expected 0 to %v", p.Region, m.name, k, x, maxPrice)
			}
		}
	}
	return nil
}

// Invocation returns the price of one invocation of a function in dollars: the
// billed time rounded up to 1 ms, by the memory in GB (1024 MB), and the
// request. An architecture without a price gives NaN.
func (p Prices) Invocation(arch string, memoryMB int, billed time.Duration) float64 {
	perSecond, ok := p.LambdaGBSecond[arch]
	if !ok {
		return math.NaN()
	}
	return gbSeconds(billedMS(billed.Seconds()), memoryMB)*perSecond + p.LambdaRequest
}

// billedMS rounds up to whole milliseconds. A billionth of one is what binary
// fractions are off by, not time.
func billedMS(seconds float64) float64 { return math.Ceil(seconds*1e3 - 1e-9) }

func gbSeconds(ms float64, memoryMB int) float64 { return ms / 1e3 * float64(memoryMB) / 1024 }
