package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// unwanted are packages that the function must not link: each costs start-up
// time or bytes, and none is needed to answer an event.
var unwanted = []string{
	"github.com/aws/aws-sdk-go-v2",
	"github.com/klauspost/compress",
	"encoding/xml",
	"coldstream/internal/hdf5",
	"coldstream/internal/keras",
	"coldstream/internal/report",
	"coldstream/internal/serve",
	"coldstream/weights/zst",
	"text/template",
	"html/template",
	"net/http/pprof",
	"net/rpc",
	"os/exec",
	"archive/zip",
}

// unwantedLean are packages that the function does without when it runs on
// internal/lean.
var unwantedLean = []string{"net", "net/http", "crypto/tls", "github.com/aws/aws-lambda-go", "log", "coldstream/internal/remote", "coldstream/internal/s3lite", "coldstream/internal/backfill", "compress/gzip"}

func TestLinkedPackages(t *testing.T) {
	for tags, unwanted := range map[string][]string{
		"lambda.norpc": unwanted,
		"":             append(unwantedLean, unwanted...),
	} {
		for _, arch := range []string{"amd64", "arm64"} {
			cmd := exec.Command("go", "list", "-deps", "-tags", tags, ".")
			cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch)
			out, err := cmd.Output()
			if err != nil {
				t.Fatalf("go list: %v", err)
			}
			for linked := range strings.Lines(string(out)) {
				linked = strings.TrimSpace(linked)
				for _, u := range unwanted {
					if linked == u || strings.HasPrefix(linked, u+"/") && strings.Contains(u, ".") {
						t.Errorf("tags %q, %s: links %s", tags, arch, linked)
					}
				}
			}
		}
	}
}
