package main

import (
	"fmt"
	"os"
	"runtime"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/spf13/cobra"

	"coldstream/internal/bundle"
	"coldstream/internal/cli"
	"coldstream/internal/image"
	"coldstream/internal/image/ecrlogin"
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
		Use:   "producer -o producer.tar | --push REPOSITORY",
		Short: "Make the producer's container image",
		Long: `Make an OCI image of the producer: the static program, CA certificates and
nothing else. It runs as a user without rights (65532) and on a read-only root;
the spool is to be mounted at /spool, which is the working directory. The program
is built with the local Go, for this machine's architecture unless --arch names
another. The same source makes the same bytes.

The file is what docker load, podman load, skopeo copy and crane push take.

--push puts the image into a registry. A private repository of ECR is logged in to
with the AWS credentials at hand, others with what docker login left, or not at
all. A tag that is there already is never moved: if it is the same image there is
nothing to do, if it is another the command fails.`,
		Example: `  coldstream image producer -o producer.tar
  docker load -i producer.tar
  docker run --read-only -v spool:/spool coldstream-producer --source jetstream --to stdout
  coldstream image producer --arch arm64 --push 123456789012.dkr.ecr.eu-central-1.amazonaws.com/coldstream-producer --tag v1.2.3`,
		Args: cli.Args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			if o.Repository == "" && o.Tag == "" {
				o.Tag = "coldstream-producer:latest"
			}
			progress := cli.NewProgress(cmd.ErrOrStderr(), "building the producer for "+o.Arch, 0)
			defer progress.Done()
			img, err := image.Producer(ctx, o, bundle.FromPackage(sourceDir(), "./producer"))
			if err != nil {
				return err
			}
			progress.Done()
			if out != "" {
				if err := saveImage(cmd, img, out); err != nil {
					return err
				}
			}
			if o.Repository != "" {
				return pushImage(cmd, img)
			}
			return nil
		},
	}
	cli.Choice(cmd, &o.Arch, "arch", runtime.GOARCH, "processor that runs the image", bundle.Arches...)
	cmd.Flags().StringVar(&o.Tag, "tag", "", "`NAME` under which the image is loaded (default coldstream-producer:latest);\nwith --push, the tag in the repository (default sha- and 12 digits of the digest)")
	cmd.Flags().StringVarP(&out, "output", "o", "", "tar `FILE` to write")
	cmd.Flags().StringVar(&o.Repository, "push", "", "`REPOSITORY` to put the image into")
	cmd.MarkFlagsOneRequired("output", "push")
	return cmd
}

// saveImage writes the image's file and says so.
func saveImage(cmd *cobra.Command, img *image.Image, out string) error {
	if err := cli.WriteFile(cmd.Context(), out, img.Save); err != nil {
		return err
	}
	info, err := os.Stat(out)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: %s bytes, %s\n", out, report.Thousands(int(info.Size())), img.Digest())
	return err
}

// pushImage puts the image into its repository and says so.
func pushImage(cmd *cobra.Command, img *image.Image) error {
	progress := cli.NewProgress(cmd.ErrOrStderr(), "pushing "+img.Tag(), 0)
	defer progress.Done()
	keys := authn.NewMultiKeychain(ecrlogin.New(cli.LoadAWS), authn.DefaultKeychain)
	there, err := img.Push(cmd.Context(), keys, remote.WithUserAgent("coldstream/"+cli.Version()))
	if err != nil {
		return err
	}
	progress.Done()
	what := "pushed"
	if there {
		what = "already there"
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: %s, %s\n", img.Tag(), what, img.Digest())
	return err
}
