package main

import (
	"fmt"
	"io"
	"strings"

	"coldstream/internal/cost"
)

// daysPerMonth is that of internal/cost: 730 hours.
const daysPerMonth = cost.HoursPerMonth / 24.0

// Quantities of the stacks with their defaults. Those that stand in the Terraform
// are compared with it by a test.
const (
	taskVCPU     = 0.25
	taskGB       = 0.5
	imageGB      = 0.006 // docs/design/image.md
	instanceType = "t4g.small"
	volumeGB     = 8
	zones        = 2
	baseRPU      = 8

	// taskMetrics are those that a producer of one live source writes with
	// --emf: producer/watch.go.
	taskMetrics = 13
	// instanceMetrics is what CloudWatch charges for an instance that it
	// watches each minute.
	instanceMetrics = 7

	// Alarms of module observe, by what is watched.
	alarmsOfStream   = 3
	alarmsOfFunction = 5
	alarmsOfProducer = 3
)

// item is a resource that costs something while nothing happens.
type item struct {
	what string
	day  float64 // dollars
}

// stack is what a stack, or an option of one, has of those.
type stack struct {
	name  string
	items []item
}

// ledger makes items from prices and remembers the first that is not there.
type ledger struct {
	prices  cost.Prices
	missing string
}

func (l *ledger) price(name string) float64 {
	p, ok := l.prices.Deployment[name]
	if !ok && l.missing == "" {
		l.missing = name
	}
	return p
}

func (l *ledger) hours(what string, n float64, name string) item {
	return item{what, 24 * n * l.price(name)}
}

func (l *ledger) months(what string, n float64, name string) item {
	return item{what, n * l.price(name) / daysPerMonth}
}

// watched are the key, the alarms and the dashboard, which all streams have.
func (l *ledger) watched(alarms float64) []item {
	return []item{
		l.months("key", 1, "kms_key_month"),
		l.months(fmt.Sprintf("%.0f alarms", alarms), alarms, "alarm_month"),
		l.months("dashboard", 1, "dashboard_month"),
	}
}

// endpoint is one instance behind its load balancer.
func (l *ledger) endpoint() []item {
	return []item{
		{"load balancer", 24 * l.prices.ALBHour},
		{instanceType, 24 * l.prices.EC2Hour[instanceType]},
		{fmt.Sprintf("%d GB volume", volumeGB), volumeGB * l.prices.EBSGBMonth / daysPerMonth},
		l.months(fmt.Sprintf("its %d metrics", instanceMetrics), instanceMetrics, "metric_month"),
	}
}

func join(lists ...[]item) (all []item) {
	for _, l := range lists {
		all = append(all, l...)
	}
	return all
}

// stacks returns what stands there while nothing happens: stacks, and their
// options.
func stacks(p cost.Prices) (all, options []stack, err error) {
	l := &ledger{prices: p}
	task := item{"Fargate task", 24 * (taskVCPU*l.price("fargate_arm64_vcpu_hour") + taskGB*l.price("fargate_arm64_gb_hour"))}
	all = []stack{
		{"`stream`, no producer here", l.watched(alarmsOfStream + alarmsOfFunction)},
		{"`stream` with its producer", join([]item{
			task,
			l.hours("its public address", 1, "public_ipv4_hour"),
			l.months(fmt.Sprintf("its %d metrics", taskMetrics), taskMetrics, "metric_month"),
			{"image", imageGB * p.ECRGBMonth / daysPerMonth},
		}, l.watched(alarmsOfStream+alarmsOfFunction+alarmsOfProducer))},
		{"`raw`", l.watched(alarmsOfStream)},
		{"`endpoint`", join(l.endpoint(), []item{l.hours(fmt.Sprintf("Firehose's interface endpoint, %d zones", zones), zones, "interface_endpoint_hour")}, l.watched(alarmsOfStream+alarmsOfFunction))},
		{"`bench`, zips only", nil},
		{"`bench` with the endpoint", l.endpoint()},
	}
	options = []stack{
		{"`token_version` (a token)", []item{l.months("secret", 1, "secret_month")}},
		{"`kinesis_source`", []item{l.hours("data stream on demand", 1, "kinesis_on_demand_hour"), l.months("alarm", 1, "alarm_month")}},
		{"`private` (no public address)", []item{
			l.hours(fmt.Sprintf("5 interface endpoints, %d zones", zones), 5*zones, "interface_endpoint_hour"),
			l.hours("no address", -1, "public_ipv4_hour"),
		}},
		{"`redshift`, while nothing runs", []item{l.months("the administrator's secret", 1, "secret_month")}},
		{fmt.Sprintf("its `schedule = \"rate(1 hour)\"`, `base_rpu` %d", baseRPU), []item{{"24 loads of a minute, the least that is charged", 24 * baseRPU * l.price("redshift_rpu_hour") / 60}}},
	}
	if l.missing != "" {
		return nil, nil, fmt.Errorf("no price %s of region %s", l.missing, p.Region)
	}
	return all, options, nil
}

// day returns what s costs a day.
func (s *stack) day() (sum float64) {
	for _, i := range s.items {
		sum += i.day
	}
	return sum
}

// writeStanding writes the table of what the stacks cost while nothing happens.
func writeStanding(w io.Writer, p cost.Prices) error {
	all, options, err := stacks(p)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "| idle | a day | of which |\n|---|---:|---|\n")
	row := func(name string, s *stack, sign string) {
		var parts []string
		for _, i := range s.items {
			if len(s.items) == 1 {
				parts = append(parts, i.what)
				continue
			}
			parts = append(parts, i.what+" "+dollars(i.day))
		}
		if len(parts) == 0 {
			parts = []string{"functions and roles cost nothing"}
		}
		fmt.Fprintf(w, "| %s | %s%s | %s |\n", name, sign, dollars(s.day()), strings.Join(parts, ", "))
	}
	for i := range all {
		row(all[i].name, &all[i], "")
	}
	for i := range options {
		row("more with "+options[i].name, &options[i], "+ ")
	}
	fmt.Fprintf(w, "\nNot in it: Container Insights of the producer's cluster (metrics at %s a month each, as many as ECS writes), what is stored (S3 %s\na GB and month), Athena (%s per TB read). Redshift Serverless while it works: %s an hour for each RPU of its base, %s at %d, by the\nsecond, a minute at least; its storage %s a GB and month.\n",
		dollars(p.Deployment["metric_month"]), exact(p.Deployment["s3_gb_month"]), dollars(p.Deployment["athena_tb"]),
		exact(p.Deployment["redshift_rpu_hour"]), dollars(baseRPU*p.Deployment["redshift_rpu_hour"]), baseRPU, exact(p.Deployment["redshift_gb_month"]))
	return nil
}
