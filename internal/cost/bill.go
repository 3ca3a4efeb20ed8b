package cost

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

const (
	secondsPerMonth = HoursPerMonth * 3600
	gib             = 1 << 30

	// logBytes is what Lambda logs of an invocation: the lines START, END and
	// REPORT and 26 bytes that CloudWatch counts for each.
	logBytes = 400

	// Of a stream that delivers to S3 with the default hints.
	objectBytes    = 5 << 20
	objectInterval = 300.0 // s

	// A load balancer's capacity unit: new connections per second, or GB an
	// hour. The thin function opens one for each post.
	unitConnections = 25
	unitGBHour      = 1
)

// bill returns the parts of a month.
func bill(l Load, o Option, p Prices, est Estimate, s *simulation) []Part {
	var parts []Part
	add := func(name string, dollars float64, formula string, args ...any) {
		parts = append(parts, Part{name, dollars, fmt.Sprintf(formula, args...)})
	}
	calls := est.CallsPerSecond * secondsPerMonth
	perSecond := p.LambdaGBSecond[o.Arch]
	gb := float64(o.MemoryMB) / 1024

	mean := s.handlerMS / s.calls
	add("Lambda: handler", calls*gbSeconds(mean, o.MemoryMB)*perSecond,
		"%s calls x %s s billed x %s GB x %s/GB-s", num(calls), num(mean/1e3), num(gb), price(perSecond))
	init := s.initMS / s.calls
	if s.colds > 0 {
		add("Lambda: init", calls*gbSeconds(init, o.MemoryMB)*perSecond,
			"%s cold calls x %s s billed x %s GB x %s/GB-s",
			num(calls*est.ColdShare), num(init/est.ColdShare/1e3), num(gb), price(perSecond))
	}
	requests := calls * s.attempts / s.calls
	add("Lambda: requests", requests*p.LambdaRequest, "%s requests x %s", num(requests), price(p.LambdaRequest))
	add("CloudWatch Logs", requests*logBytes/gib*p.LogsGB,
		"%s requests x %d bytes x %s/GB", num(requests), logBytes, price(p.LogsGB))

	if o.Kind == Container && o.StorageGB > 0 {
		add("ECR: image", o.StorageGB*p.ECRGBMonth, "%s GB of layers above the base image x %s", num(o.StorageGB), price(p.ECRGBMonth))
	}
	if o.Kind == EC2 {
		parts = append(parts, instances(l, o, p, est)...)
	}
	return append(parts, delivery(l, p, est)...)
}

// instances returns the parts of the endpoint, which is there around the clock.
func instances(l Load, o Option, p Prices, est Estimate) []Part {
	n := float64(o.Instances)
	hour := p.EC2Hour[o.Instance]
	parts := []Part{{"EC2: instances", n * HoursPerMonth * hour,
		fmt.Sprintf("%d x %s x %d h x %s", o.Instances, o.Instance, HoursPerMonth, price(hour))}}
	if baseline, ok := p.EC2Baseline[o.Instance]; ok {
		used := min(1, est.Utilisation) * float64(o.Workers)
		if beyond := used - baseline; beyond > 0 {
			credit := p.EC2CreditHour[family(o.Instance)]
			parts = append(parts, Part{"EC2: CPU credits", n * beyond * HoursPerMonth * credit,
				fmt.Sprintf("%d x (%s vCPUs used - %s included) x %d h x %s", o.Instances, num(used), num(baseline), HoursPerMonth, price(credit))})
		}
	}
	if o.StorageGB > 0 {
		parts = append(parts, Part{"EBS: volumes", n * o.StorageGB * p.EBSGBMonth,
			fmt.Sprintf("%d x %s GB x %s", o.Instances, num(o.StorageGB), price(p.EBSGBMonth))})
	}
	if o.LoadBalancer || o.Instances > 1 {
		// The text goes in and comes back.
		gbHour := l.PostsPerSecond * 3600 * 2 * float64(l.PostBytes) / gib
		units := max(l.PostsPerSecond/unitConnections, gbHour/unitGBHour)
		parts = append(parts, Part{"ALB", HoursPerMonth * (p.ALBHour + units*p.LCUHour),
			fmt.Sprintf("%d h x (%s + %s units x %s)", HoursPerMonth, price(p.ALBHour), num(units), price(p.LCUHour))})
	}
	return parts
}

// delivery returns what all options pay alike.
func delivery(l Load, p Prices, est Estimate) []Part {
	posts := l.PostsPerSecond * secondsPerMonth
	rounded := float64((l.PostBytes + roundRecord - 1) / roundRecord * roundRecord)
	objects := max(1/objectInterval, l.PostsPerSecond*float64(l.scoredBytes())/objectBytes)
	objects = min(objects, est.CallsPerSecond) * secondsPerMonth
	return []Part{
		{"Firehose", posts * rounded / gib * p.FirehoseGB,
			fmt.Sprintf("%s posts x %s bytes (steps of 5 KB) x %s/GB", num(posts), num(rounded), price(p.FirehoseGB))},
		{"S3: requests", objects * p.S3PutRequest, fmt.Sprintf("%s objects x %s", num(objects), price(p.S3PutRequest))},
	}
}

// family is the first half of an instance type: t3 of t3.medium.
func family(instance string) string {
	f, _, _ := strings.Cut(instance, ".")
	return f
}

// num writes whole numbers with commas from 1,000 on, others with three digits.
func num(x float64) string {
	if math.Abs(x) < 999.5 {
		return strconv.FormatFloat(x, 'g', 3, 64)
	}
	s := strconv.FormatFloat(x, 'f', 0, 64)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// price writes all digits of a price.
func price(x float64) string { return "$" + strconv.FormatFloat(x, 'f', -1, 64) }
