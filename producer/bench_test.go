package main

import (
	"encoding/json"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"coldstream/internal/deliver"
	"coldstream/internal/firehose"
)

// pythonVariable names a Python with boto3, for the comparison with the program
// that one would write by hand.
const pythonVariable = "PRODUCER_PYTHON"

// BenchmarkProducer sends a file of posts to a local delivery stream that keeps
// nothing. The producer has one processor; the stream has the others.
func BenchmarkProducer(b *testing.B) {
	const posts = 200_000
	dir := b.TempDir()
	input := filepath.Join(dir, "posts.jsonl")
	writeSmallPosts(b, input, posts)
	env, stop := discard(b)
	defer stop()
	for _, c := range []struct {
		name string
		args []string
	}{
		{"spool=disk", []string{"--spool", "SPOOL"}},
		{"spool=memory", nil},
		{"spool=disk/aggregate", []string{"--spool", "SPOOL", "--aggregate"}},
	} {
		b.Run(c.name, func(b *testing.B) {
			memory := int64(0)
			i := 0
			for b.Loop() {
				i++
				args := []string{"--file", input, "--to", "firehose", "--stream", "posts", "--summary", filepath.Join(dir, "summary.json")}
				for _, a := range c.args {
					if a == "SPOOL" {
						a = filepath.Join(b.TempDir(), strconv.Itoa(i))
					}
					args = append(args, a)
				}
				cmd := exec.CommandContext(b.Context(), "producer", args...)
				cmd.Env = append(env, "GOMAXPROCS=1")
				if out, err := cmd.CombinedOutput(); err != nil {
					b.Fatalf("%v: %s", err, out)
				}
				memory = max(memory, cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss<<10)
				text, err := os.ReadFile(filepath.Join(dir, "summary.json"))
				if err != nil {
					b.Fatal(err)
				}
				var counts deliver.Counts
				if err := json.Unmarshal(text, &counts); err != nil || counts.Delivered != posts {
					b.Fatalf("%s: %v", text, err)
				}
			}
			b.ReportMetric(float64(posts*b.N)/b.Elapsed().Seconds(), "posts/s")
			b.ReportMetric(float64(memory)/1e6, "peak-MB")
		})
	}
	b.Run("peer=boto3", func(b *testing.B) {
		python := os.Getenv(pythonVariable)
		if python == "" {
			b.Skipf("%s does not name a Python with boto3", pythonVariable)
		}
		memory := int64(0)
		for b.Loop() {
			cmd := exec.CommandContext(b.Context(), python, "testdata/boto3_producer.py", input, "posts")
			cmd.Env = append(env, "AWS_DEFAULT_REGION=us-east-1") // boto3 has its own name for it
			if out, err := cmd.CombinedOutput(); err != nil {
				b.Fatalf("%v: %s", err, out)
			}
			memory = max(memory, cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss<<10)
		}
		b.ReportMetric(float64(posts*b.N)/b.Elapsed().Seconds(), "posts/s")
		b.ReportMetric(float64(memory)/1e6, "peak-MB")
	})
}

// discard starts a local delivery stream that keeps nothing, and returns the
// environment of its clients.
func discard(tb testing.TB) (env []string, stop func()) {
	tb.Helper()
	stream, err := firehose.NewStream(firehose.Config{Name: "posts", Sink: nothing{}})
	if err != nil {
		tb.Fatal(err)
	}
	server := httptest.NewServer(firehose.NewServer(stream))
	return awsEnv(server.URL), server.Close
}
