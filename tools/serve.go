package main

import (
	"errors"
	"fmt"
	"net"

	"github.com/spf13/cobra"

	"coldstream/internal/cli"
	"coldstream/internal/sentiment"
	"coldstream/internal/serve"
)

func newServe() *cobra.Command {
	var model, addr string
	var quiet bool
	o := serve.Defaults()
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Answer HTTP requests with a model, until Ctrl-C",
		Long: `Answer HTTP requests with a model, as the function does:

POST /predict  {"text": "..."}           one object: message, sentiment, score, ...
POST /predict  {"texts": ["...", ...]}   {"results": [...]}, one object for each
GET  /                                   whether the server is up, and its model

What is wrong with a request is answered with its status and {"error": "..."}.
The header Server-Timing says how many milliseconds the scoring took. Standard
error has one line of JSON for each request, without texts. A function whose
environment has ENDPOINT_URL=http://HOST:8000 is scored by this server.

There is no encryption and no password: --addr with another address than the
loopback one belongs into a private network, or behind a proxy.`,
		Example: `  coldstream serve
  coldstream serve --model model.safetensors.zst --addr 0.0.0.0:8000
  curl -d '{"text":"what a wonderful day"}' http://127.0.0.1:8000/predict`,
		Args: cli.Args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			f, err := loadModel(model)
			if err != nil {
				return err
			}
			c, err := sentiment.New(f, 1) // the server shares out the processors
			if err != nil {
				return err
			}
			if !quiet {
				o.Logs = cmd.ErrOrStderr()
			}
			s, err := serve.New(c, o)
			if err != nil {
				return err
			}
			l, err := net.Listen("tcp", addr)
			if err != nil {
				return fmt.Errorf("%w; --addr chooses another address", err)
			}
			if _, err := fmt.Fprintf(cmd.OutOrStdout(), "%s answers at http://%s/predict until Ctrl-C\n", c.Name(), l.Addr()); err != nil {
				return errors.Join(err, l.Close())
			}
			return s.Serve(cmd.Context(), l)
		},
	}
	modelFlag(cmd, &model)
	fs := cmd.Flags()
	fs.StringVar(&addr, "addr", "127.0.0.1:8000", "`ADDRESS` to listen at; port 0 is any free one")
	fs.IntVar(&o.MaxBody, "max-body", o.MaxBody, "largest body of a request, in `BYTES`")
	fs.IntVar(&o.Concurrent, "concurrent", o.Concurrent, "requests scored at the same time, at most `N`")
	fs.IntVar(&o.Queue, "queue", o.Queue, "requests that wait for that, at most `N`; more are told to come back")
	fs.DurationVar(&o.Grace, "grace", o.Grace, "`TIME` for requests under way to end after Ctrl-C")
	fs.BoolVar(&quiet, "quiet", false, "print nothing about requests")
	return cmd
}
