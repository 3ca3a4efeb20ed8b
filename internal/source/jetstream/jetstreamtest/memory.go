package jetstreamtest

import (
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"

	"coldstream/internal/memnet"
)

// Client returns an HTTP client for which the given hosts, by their names, are
// all there is: connections are made in memory, so that it works in a
// testing/synctest bubble. Any other host does not exist. close ends all of it.
//
// A bubble's clock begins in 2000, when times in microseconds were still shorter
// than cursors are: sleep until this decade first.
func Client(hosts map[string]http.Handler) (client *http.Client, close func()) {
	l := memnet.Listen()
	server := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			name, _, _ := strings.Cut(r.Host, ":")
			hosts[name].ServeHTTP(w, r)
		}),
		ErrorLog: log.New(io.Discard, "", 0),
	}
	var running sync.WaitGroup
	running.Go(func() { _ = server.Serve(l) })
	transport := &http.Transport{DialContext: func(ctx context.Context, _, addr string) (net.Conn, error) {
		name, _, err := net.SplitHostPort(addr)
		if err != nil {
			return nil, err
		}
		if hosts[name] == nil {
			return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
		}
		return l.Dial(ctx)
	}}
	return &http.Client{Transport: transport}, func() {
		transport.CloseIdleConnections()
		_ = server.Close()
		running.Wait()
	}
}
