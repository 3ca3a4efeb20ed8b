// Package metrics shows a program's counters and gauges to monitoring: Serve
// (or Handler) in the text form of Prometheus, WriteEMF as a line of
// CloudWatch's Embedded Metric Format. A program hands both its Samples; Since
// makes of counters what they grew by, which is what CloudWatch adds up.
package metrics

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/net/netutil"
)

// Types of a Sample.
const (
	Counter = "counter" // only grows while the program runs
	Gauge   = "gauge"   // goes up and down
)

// Sample is one value at one time.
type Sample struct {
	Name   string // letters, digits and "_", with the unit last: posts_total, lag_seconds
	Help   string // one sentence, the same for all samples of a Name
	Type   string // Counter or Gauge
	Labels map[string]string
	Value  float64
}

// Bounds of the server. A scrape takes milliseconds; whoever wants more than
// this is not a scraper.
const (
	maxScrapes  = 4
	maxConns    = 32
	maxHeader   = 16 << 10
	scrapeTime  = 10 * time.Second
	idleTime    = 2 * time.Minute
	closingTime = time.Second
)

// Handler answers GET /metrics with what collect returns, and GET /healthz with
// 200. collect is called once for each scrape, at the same time for several.
// Samples that contradict each other (one Name with two types, one set of
// labels twice) are an answer with status 500 that says so.
func Handler(collect func() []Sample) http.Handler {
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(collector(collect))
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{MaxRequestsInFlight: maxScrapes, Timeout: scrapeTime}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = io.WriteString(w, "ok\n") // the peer may be gone
	})
	return mux
}

// collector is a prometheus.Collector whose metrics are not known beforehand.
type collector func() []Sample

// Describe sends nothing, which tells the registry just that.
func (collector) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (c collector) Collect(out chan<- prometheus.Metric) {
	for _, s := range c() {
		desc := prometheus.NewDesc(s.Name, s.Help, nil, s.Labels)
		m, err := s.metric(desc)
		if err != nil {
			m = prometheus.NewInvalidMetric(desc, err)
		}
		out <- m
	}
}

func (s *Sample) metric(desc *prometheus.Desc) (prometheus.Metric, error) {
	switch s.Type {
	case Counter:
		return prometheus.NewConstMetric(desc, prometheus.CounterValue, s.Value)
	case Gauge:
		return prometheus.NewConstMetric(desc, prometheus.GaugeValue, s.Value)
	}
	return nil, fmt.Errorf("metric %s has type %q, want %s or %s", s.Name, s.Type, Counter, Gauge)
}

// Serve serves Handler at addr, such as 127.0.0.1:9090, until ctx ends.
// listening is the address with the port that was chosen for port 0. wait
// returns when the server has ended: nil after ctx's end, else why.
func Serve(ctx context.Context, addr string, collect func() []Sample) (listening string, wait func() error, err error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		return "", nil, fmt.Errorf("metrics: %w; choose another address", err)
	}
	server := &http.Server{
		Handler:           Handler(collect),
		ReadHeaderTimeout: scrapeTime,
		ReadTimeout:       scrapeTime,
		WriteTimeout:      2 * scrapeTime,
		IdleTimeout:       idleTime,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          log.New(io.Discard, "", 0), // scanners that speak no HTTP are no news
	}
	served, ended := make(chan error, 1), make(chan error, 1)
	go func() { served <- server.Serve(netutil.LimitListener(l, maxConns)) }()
	go func() { ended <- end(ctx, server, served) }()
	return l.Addr().String(), sync.OnceValue(func() error { return <-ended }), nil
}

// end waits for the server's end, or ends it when ctx does.
func end(ctx context.Context, server *http.Server, served <-chan error) error {
	select {
	case err := <-served:
		return fmt.Errorf("metrics: %w", err)
	case <-ctx.Done():
	}
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), closingTime)
	defer cancel()
	err := server.Shutdown(closing)
	if errors.Is(err, context.DeadlineExceeded) {
		err = server.Close() // a scrape that takes so long is not waited for
	}
	<-served
	return err
}
