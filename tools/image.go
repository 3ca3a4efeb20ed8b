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
	"coldstream/internal/image"
	"coldstream/internal/report"
)

func newImage() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "image",
		Short:   "Make container images without a container engine",
		Long:    `Make container images of this project's programs without a container engine.`,
		Example: `  coldstream image producer --arch arm64 -o producer.tar`,
	}
	cli.Group(cmd)
	cmd.AddCommand(newImageProducer())
	return cmd
}

func newImageProducer() *cobra.Command {
	var out string
	o := image.Options{Version: cli.Version()}
	cmd := &cobra.Command{
		Use:   "producer -o producer.tar",
		Short: "Make the producer's container image",
		Long: `Make an OCI image of the producer: the static program, CA certificates and
nothing else. It runs as a user without rights (65532) and on a read-only root;
the spool is to be mounted at /spool, which is the working directory. The program
is built with the local Go, for this machine's architecture unless --arch names
another. The same source makes the same bytes.

The file is what docker load, podman load, skopeo copy and crane push take.`,
		Example: `  coldstream image producer -o producer.tar
  docker load -i producer.tar
  docker run --read-only -v spool:/spool coldstream-producer --source jetstream --to stdout`,
		Args: cli.Args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			progress := cli.NewProgress(cmd.ErrOrStderr(), "building the producer for "+o.Arch, 0)
			defer progress.Done()
			var digest string
			err := cli.WriteFile(ctx, out, func(w io.Writer) (err error) {
				digest, err = image.Producer(ctx, w, o, producerFromSource())
				return err
			})
			if err != nil {
				return err
			}
			progress.Done()
			info, err := os.Stat(out)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: %s bytes, %s\n", out, report.Thousands(int(info.Size())), digest)
			return err
		},
	}
	cli.Choice(cmd, &o.Arch, "arch", runtime.GOARCH, "processor that runs the image", bundle.Arches...)
	cmd.Flags().StringVar(&o.Tag, "tag", "coldstream-producer:latest", "`NAME` under which the image is loaded")
	cmd.Flags().StringVarP(&out, "output", "o", "", "tar `FILE` to write")
	cli.Required(cmd, "output")
	return cmd
}

// producerFromSource builds the producer as fromSource builds the function.
func producerFromSource() bundle.Builder {
	_, file, _, _ := runtime.Caller(0)
	dir := filepath.Dir(file)
	if _, err := os.Stat(dir); err != nil || !filepath.IsAbs(dir) {
		dir = "."
	}
	return bundle.FromPackage(dir, "./producer")
}
