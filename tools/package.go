package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"

	"github.com/spf13/cobra"

	"coldstream/internal/bundle"
	"coldstream/internal/cli"
	"coldstream/internal/report"
)

func newPackage() *cobra.Command {
	var model, out string
	var remote bool
	var t bundle.Target
	cmd := &cobra.Command{
		Use:   "package --arch arm64|amd64 -o function.zip",
		Short: "Make function.zip for AWS Lambda",
		Long: `Make the zip of a Lambda function for provided.al2023: the program "bootstrap"
and the model, laid out so that the function maps it without decoding. The same
model and source make the same bytes. The program is built with the local Go.

Runtime aws is aws-lambda-go; lean is a client of the Runtime API without
net/http, which starts sooner.

--remote makes a zip of the program alone. Such a function has its posts scored
by the endpoint that its environment names (ENDPOINT_URL, see coldstream serve).`,
		Example: `  coldstream package --arch arm64 -o function.zip
  coldstream package --model origin.safetensors.zst --arch amd64 --runtime lean -o function.zip
  coldstream package --remote --arch arm64 -o thin.zip`,
		Args: cli.Args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			if err := cli.KeepInputs(out, model); err != nil {
				return err
			}
			write := func(w io.Writer) error { return bundle.Thin(ctx, w, t, fromSource()) }
			switch {
			case remote && model != "":
				return cli.Usagef("--remote makes a zip without a model; leave out --model")
			case remote && t.Runtime != "aws":
				return cli.Usagef("--remote needs --runtime aws; lean has no HTTP client")
			case !remote:
				f, err := loadModel(model)
				if err != nil {
					return err
				}
				write = func(w io.Writer) error { return bundle.Zip(ctx, w, t, f, fromSource()) }
			}
			progress := cli.NewProgress(cmd.ErrOrStderr(), "building "+t.String(), 0)
			defer progress.Done()
			if err := cli.WriteFile(ctx, out, write); err != nil {
				return err
			}
			progress.Done()
			return printSize(cmd.OutOrStdout(), out)
		},
	}
	modelFlag(cmd, &model)
	cli.Choice(cmd, &t.Arch, "arch", "", "processor of the function; Lambda calls amd64 x86_64", bundle.Arches...)
	cli.Choice(cmd, &t.Runtime, "runtime", "aws", "Runtime API client of the function", bundle.Runtimes...)
	cmd.Flags().BoolVar(&remote, "remote", false, "leave the model out: an endpoint scores")
	cmd.Flags().StringVarP(&out, "output", "o", "", "zip `FILE` to write")
	cli.Required(cmd, "arch", "output")
	return cmd
}

func printSize(w io.Writer, path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%s: %s bytes\n", path, report.Thousands(int(info.Size())))
	return err
}

// fromSource builds the function from the source.
func fromSource() bundle.Builder { return bundle.FromSource(sourceDir()) }

// sourceDir is a folder of the clone that this program was built from or, where
// that is gone, of the one around the working directory.
func sourceDir() string {
	_, file, _, _ := runtime.Caller(0)
	dir := filepath.Dir(file)
	if _, err := os.Stat(dir); err != nil || !filepath.IsAbs(dir) {
		dir = "."
	}
	return dir
}
