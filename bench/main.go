// Command bench measures cold starts and warm calls of the function and of what
// it replaces: `bench local` on this machine with the real programs, `bench aws`
// on a deployed stack, `bench report` shows and compares what they wrote. The
// same figures of the zips come from `go test -bench . ./bench`.
package main

import (
	"context"
	"io"
	"os"

	"github.com/spf13/cobra"

	"coldstream/internal/cli"
)

func main() { os.Exit(cli.Main(run)) }

func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	return cli.Execute(ctx, newRoot(), args, stdin, stdout, stderr)
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "bench",
		Short: "Measure cold and warm: the zip, the container, the EC2 endpoint",
		Long: `bench measures cold starts and warm calls of the function and of the programs
it replaces, on this machine or on AWS, and reports them.`,
		Example: `  bench local --quick
  bench report out/bench/local.jsonl --html report.html`,
	}
	cli.Group(root)
	root.AddCommand(newLocal(), newAWS(), newReport())
	return root
}
