// Command coldstream converts Keras text models into small files, packages them
// as Lambda functions and runs the whole system on one machine. `coldstream
// --help` lists its commands; each has a file here with its flags, and its work
// is done in a package of its own.
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
		Use:   "coldstream",
		Short: "Keras text models in, a few-megabyte zip Lambda out",
		Long: `coldstream converts a Keras model that labels short texts into one small
file, packages it as a Lambda function of a few megabytes, and runs the whole
system (producer, delivery stream, function, objects) on one machine.`,
		Example: `  coldstream convert model.h5 --tokenizer tokenizer.json --labels Negative,Neutral,Positive -o model.safetensors.zst
  echo "what a wonderful day" | coldstream predict --model model.safetensors.zst
  coldstream pipeline`,
		Version: cli.Version(),
	}
	cli.Group(root)
	root.AddCommand(newConvert(), newDownload(), newEvaluate(), newImage(), newInspect(), newManifest(), newPredict(), newPackage(), newPipeline(), newReport(), newServe(), newVerify())
	return root
}
