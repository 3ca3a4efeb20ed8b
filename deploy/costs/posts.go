package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"coldstream/internal/cost"
	"coldstream/internal/measure"
)

// The load: a million posts, evenly over a day.
const (
	million   = 1e6
	postBytes = 300
	rate      = million / (24 * 3600)
)

// Memory of the functions in MB, as the stacks set it.
const (
	scorerMB = 512
	thinMB   = 128
)

// times returns the times of a variant that cost.Option has, from medians: an
// event's own part and that of a record, by the smallest and the largest event.
func times(r *measure.Run, variant string) (o cost.Option, err error) {
	const few, many = 1, 500
	median := func(name, unit string) float64 {
		xs := r.ByRound(name, unit)
		if len(xs) == 0 {
			if err == nil {
				err = fmt.Errorf("the run has no %s with %s", name, unit)
			}
			return 0
		}
		return measure.Summarize(xs).P50
	}
	warm := func(records int, unit string) float64 {
		return median(fmt.Sprintf("Warm/variant=%s/records=%d/cpus=1", variant, records), unit)
	}
	one, most := warm(few, measure.Time), warm(many, measure.Time)
	perRecord := (most - one) / (many - few)
	init, invoke := median("Cold/variant="+variant, measure.Init), median("Cold/variant="+variant, measure.Invoke)
	o.Init = time.Duration(init)
	o.FirstExtra = time.Duration(max(0, invoke-one))
	o.PerRecord = time.Duration(max(0, perRecord))
	o.PerEvent = time.Duration(max(0, one-perRecord))
	return o, err
}

// writePosts writes the table of what a million posts cost on top.
func writePosts(w io.Writer, p cost.Prices, r *measure.Run) error {
	zip, err := times(r, "lean")
	if err != nil {
		return err
	}
	zip.Name, zip.Kind, zip.Arch, zip.MemoryMB = "lean", cost.Zip, "arm64", scorerMB
	thin, err := times(r, "serve")
	if err != nil {
		return err
	}
	thin.Arch = zip.Arch
	thin.Name, thin.Kind, thin.MemoryMB, thin.Instance, thin.Instances, thin.LoadBalancer = "thin", cost.EC2, thinMB, instanceType, 1, true
	load := cost.Load{PostsPerSecond: rate, PostBytes: postBytes}
	scored, err := perMillion(load, zip, p)
	if err != nil {
		return err
	}
	asked, err := perMillion(load, thin, p)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "| a million posts of %d bytes in a day, on top | Firehose | function | S3 requests, log, balancer | together |\n|---|---:|---:|---:|---:|\n", postBytes)
	for _, row := range []struct {
		name string
		m    marginal
	}{
		{"`stream`", scored},
		{"`raw`", marginal{firehose: scored.firehose, rest: scored.s3}},
		{"`endpoint`", asked},
	} {
		fmt.Fprintf(w, "| %s | %s | %s | %s | %s |\n", row.name, dollars(row.m.firehose), dollars(row.m.function), dollars(row.m.rest), dollars(row.m.firehose+row.m.function+row.m.rest))
	}
	fmt.Fprintf(w, "\nFirehose counts each record as 5 KB at least: `producer --aggregate` puts as many posts as fit into one, which divides its part by %d\nhere. The balancer's part in `endpoint` is a connection for each post, which a function that keeps its connections does not\nneed. Label partitions: %s per GB delivered; Parquet in `raw`: %s per GB taken in, in the same steps of 5 KB. The function's times are those\nof `lean` and `serve` in %s, measured on one x86 core (%s) and taken for arm64 with %d and %d MB.\n",
		int(5<<10/(postBytes+1)), exact(p.Deployment["firehose_partitioning_gb"]), exact(p.Deployment["firehose_conversion_gb"]),
		"[bench/results](../bench/results/local.txt)", r.Date.Format(time.DateOnly), scorerMB, thinMB)
	return nil
}

// marginal is what posts cost beside what stands there anyway, in dollars.
type marginal struct {
	firehose, function, rest, s3 float64
}

// perMillion asks the cost model for a month and returns the part of a million
// posts.
func perMillion(l cost.Load, o cost.Option, p cost.Prices) (marginal, error) {
	e, err := cost.Model(l, o, p)
	if err != nil {
		return marginal{}, err
	}
	share := million / (l.PostsPerSecond * cost.HoursPerMonth * 3600)
	var m marginal
	for _, part := range e.Parts {
		d := part.Dollars * share
		switch {
		case part.Name == "Firehose":
			m.firehose += d
		case part.Name == "S3: requests":
			m.s3 += d
			m.rest += d
		case part.Name == "ALB": // its hours stand in the other table
			m.rest += d - cost.HoursPerMonth*p.ALBHour*share
		case part.Name == "CloudWatch Logs":
			m.rest += d
		case strings.HasPrefix(part.Name, "Lambda: "):
			m.function += d
		case part.Name == "EC2: instances", part.Name == "EBS: volumes":
		default:
			return marginal{}, fmt.Errorf("the cost model has a part %q that no column has", part.Name)
		}
	}
	return m, nil
}

// dollars writes an amount with two digits that count.
func dollars(x float64) string {
	switch {
	case x < 0:
		return "-" + dollars(-x)
	case x == 0:
		return "$0"
	case x < 0.0001:
		return "under $0.0001"
	case x < 0.01:
		return fmt.Sprintf("$%.4f", x)
	case x < 0.1:
		return fmt.Sprintf("$%.3f", x)
	}
	return fmt.Sprintf("$%.2f", x)
}

// exact writes all digits of a price.
func exact(x float64) string { return "$" + strconv.FormatFloat(x, 'f', -1, 64) }
