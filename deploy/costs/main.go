// Command costs writes the tables of deploy/README.md about what the stacks
// cost: `go generate ./deploy`. Prices are those of internal/cost, quantities
// are those of the stacks with their defaults, times those of a benchmark's run.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"coldstream/internal/cli"
	"coldstream/internal/cost"
	"coldstream/internal/measure"
)

// Between these lines of the README the tables stand.
const (
	begin = "<!-- go generate ./deploy -->\n"
	end   = "<!-- end -->\n"
)

// region is the one whose prices are complete.
const region = "us-east-1"

func main() { os.Exit(cli.Main(run)) }

func run(ctx context.Context, args []string, _ io.Reader, _, stderr io.Writer) error {
	fs := flag.NewFlagSet("costs", flag.ContinueOnError)
	fs.SetOutput(stderr)
	readme := fs.String("readme", "", "`FILE` that has the tables")
	results := fs.String("run", "", "`FILE` of a benchmark's run, for the function's times")
	if err := fs.Parse(args); err != nil {
		return err
	}
	before, err := cli.ReadFile(*readme)
	if err != nil {
		return err
	}
	f, err := os.Open(*results)
	if err != nil {
		return err
	}
	defer f.Close()
	measured, err := measure.Read(f, *results)
	if err != nil {
		return err
	}
	after, err := replace(string(before), measured)
	if err != nil {
		return fmt.Errorf("%s: %w", *readme, err)
	}
	return cli.WriteFile(ctx, *readme, func(w io.Writer) error {
		_, err := io.WriteString(w, after)
		return err
	})
}

// replace returns the README with the tables as they have to be.
func replace(readme string, measured *measure.Run) (string, error) {
	head, rest, ok := strings.Cut(readme, begin)
	_, tail, closed := strings.Cut(rest, end)
	if !ok || !closed {
		return "", errors.New("there is no place for the tables, between " + strings.TrimSpace(begin) + " and " + strings.TrimSpace(end))
	}
	prices, err := cost.ForRegion(region)
	if err != nil {
		return "", err
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "US dollars without tax, list prices of %s for %s (%s).\nFree tiers and discounts are left out.\n\n", prices.Region, prices.Date, prices.Source)
	if err := writeStanding(&b, prices); err != nil {
		return "", err
	}
	b.WriteByte('\n')
	if err := writePosts(&b, prices, measured); err != nil {
		return "", err
	}
	return head + begin + b.String() + end + tail, nil
}
