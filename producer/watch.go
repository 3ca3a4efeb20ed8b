package main

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/spf13/pflag"

	"coldstream/internal/deliver"
	"coldstream/internal/metrics"
	"coldstream/internal/source"
)

// emfEvery is the shortest period of a CloudWatch metric of standard resolution.
const emfEvery = time.Minute

// watch tells monitoring systems how the delivery goes.
type watch struct {
	addr string
	emf  bool
}

func (w *watch) addTo(fs *pflag.FlagSet) {
	fs.StringVar(&w.addr, "metrics", "", "serve the account as Prometheus metrics on `ADDRESS`, such as :9090")
	fs.BoolVar(&w.emf, "emf", false, "write the account to standard output once a minute and at the end, in CloudWatch's embedded metric format")
}

// start begins to tell. The returned function ends that, with the last figures.
func (w *watch) start(ctx context.Context, d *deliver.Delivery, src source.Source, stdout io.Writer) (stop func() error, err error) {
	collect := func() []metrics.Sample { return samples(d.Counts(), src, time.Now()) }
	ctx, cancel := context.WithCancel(ctx)
	wait := func() error { return nil }
	if w.addr != "" {
		if _, wait, err = metrics.Serve(ctx, w.addr, collect); err != nil {
			cancel()
			return nil, err
		}
	}
	if !w.emf {
		return func() error { cancel(); return wait() }, nil
	}
	var before []metrics.Sample
	write := func() error {
		now := collect()
		since := metrics.Since(before, now) // CloudWatch adds up what it is told
		before = now
		return metrics.WriteEMF(stdout, "coldstream", map[string]string{"service": "producer"}, time.Now(), since)
	}
	var emfErr error
	var emf sync.WaitGroup
	emf.Go(func() {
		ticker := time.NewTicker(emfEvery)
		defer ticker.Stop()
		for emfErr == nil {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				emfErr = write()
			}
		}
	})
	return func() error {
		cancel()
		emf.Wait()
		return errors.Join(wait(), emfErr, write())
	}, nil
}

// samples are the account as metrics.
func samples(c deliver.Counts, src source.Source, now time.Time) []metrics.Sample {
	counter := func(name, help string, n int) metrics.Sample {
		return metrics.Sample{Name: "coldstream_producer_" + name, Help: help, Type: "counter", Value: float64(n)}
	}
	all := []metrics.Sample{
		counter("received_total", "Posts and bad records read from the source.", c.Received),
		counter("delivered_total", "Posts accepted by the target.", c.Delivered),
		counter("dead_lettered_total", "Posts that cannot be sent.", c.DeadLettered),
		counter("duplicates_total", "Posts left out because their id was seen before.", c.Duplicates),
		counter("maybe_doubled_total", "Posts sent again although the target may have had them.", c.MaybeDoubled),
		counter("requests_total", "Requests to the target by this run.", c.Requests),
		counter("retried_total", "Posts sent again by this run.", c.Retried),
		counter("delivered_bytes_total", "Bytes accepted by the target.", c.Bytes),
		{Name: "coldstream_producer_unsent", Help: "Posts received and not accepted yet.", Type: "gauge", Value: float64(c.Unsent)},
	}
	for _, reason := range []string{"empty", "language", "retweet"} {
		s := counter("filtered_total", "Posts left out.", c.FilteredBy[reason])
		s.Labels = map[string]string{"reason": reason}
		all = append(all, s)
	}
	if lag, ok := c.Lag(now); ok {
		all = append(all, metrics.Sample{Name: "coldstream_producer_lag_seconds", Help: "Age of the newest post received.", Type: "gauge", Value: lag.Seconds()})
	}
	if counts, ok := src.(source.Counter); ok {
		for name, n := range counts.Counters() {
			all = append(all, metrics.Sample{Name: "coldstream_producer_source_events_total", Help: "What the source met apart from posts.", Type: "counter",
				Labels: map[string]string{"event": name}, Value: float64(n)})
		}
	}
	return all
}
