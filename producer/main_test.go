package main

import (
	"context"
	"fmt"
	"io"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"coldstream/internal/cli"
	"coldstream/internal/firehose"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"producer": func() { os.Exit(cli.Main(run)) }})
}

// TestScripts runs the sessions in testdata/script.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:  "testdata/script",
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){"oneline": oneLine},
		Condition: func(name string) (bool, error) {
			if name == "devfull" {
				_, err := os.Stat("/dev/full")
				return err == nil, nil
			}
			return false, fmt.Errorf("unknown condition %s", name)
		},
	})
}

// oneLine: "oneline TEXT" demands that the last command said exactly one line
// on standard error, beginning with "producer" and containing TEXT.
func oneLine(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: oneline text")
	}
	stderr := ts.ReadFile("stderr")
	if strings.Count(stderr, "\n") != 1 || !strings.HasPrefix(stderr, "producer") || !strings.Contains(stderr, args[0]) {
		ts.Fatalf("want one line with %q on standard error, got %q", args[0], stderr)
	}
}

// serve starts a local delivery stream called posts whose requests fail as
// choose says, and returns its environment and the folder of its objects.
func serve(t *testing.T, choose func(firehose.Request) firehose.Fault) (env []string, objects string, stream *firehose.Stream) {
	t.Helper()
	objects = t.TempDir()
	sink, err := firehose.OpenDirectory(objects)
	if err != nil {
		t.Fatal(err)
	}
	stream, err = firehose.NewStream(firehose.Config{Name: "posts", Sink: sink})
	if err != nil {
		t.Fatal(err)
	}
	handler := firehose.NewServer(stream)
	handler.Inject(choose)
	server := httptest.NewServer(handler)
	t.Cleanup(func() {
		server.Close()
		_ = sink.Close()
	})
	return awsEnv(server.URL), objects, stream
}

// awsEnv is the environment of clients of a delivery stream at url.
func awsEnv(url string) []string {
	return append(os.Environ(), "AWS_ENDPOINT_URL_FIREHOSE="+url, "AWS_REGION=us-east-1", "AWS_ACCESS_KEY_ID=a", "AWS_SECRET_ACCESS_KEY=b", "AWS_CONFIG_FILE="+os.DevNull)
}

// lines counts the lines of all files below dir that contain text.
func lines(t *testing.T, dir, text string) int {
	t.Helper()
	n := 0
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		for line := range strings.Lines(string(b)) {
			if strings.Contains(line, text) {
				n++
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestEveryPostGetsThroughAFaultyStream: records fail one by one under a 200,
// and requests as a whole.
func TestEveryPostGetsThroughAFaultyStream(t *testing.T) {
	env, objects, stream := serve(t, firehose.RandomFaults(1, firehose.FaultRates{Record: .2, Unavailable: .2}))
	sent := filepath.Join(t.TempDir(), "sent.jsonl")
	cmd := exec.CommandContext(t.Context(), "producer", "--to", "firehose", "--stream", "posts", "--count", "3000", "--sent", sent)
	cmd.Env = env
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.HasPrefix(string(out), "3000 received = 3000 delivered in ") {
		t.Errorf("%v: %s", err, out)
	}
	if err := stream.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := lines(t, objects, `"id":"sample-`); got != 3000 {
		t.Errorf("%d records arrived", got)
	}
	if got := lines(t, filepath.Dir(sent), `{"id":"sample-`); got != 3000 {
		t.Errorf("%d ids are listed", got)
	}
}

// TestUnknownStreamEndsTheRun at once, with the service's words and the account.
func TestUnknownStreamEndsTheRun(t *testing.T) {
	env, _, _ := serve(t, nil)
	cmd := exec.CommandContext(t.Context(), "producer", "--to", "firehose", "--stream", "tweets", "--count", "10")
	cmd.Env = env
	out, err := cmd.CombinedOutput()
	if err == nil || strings.Count(string(out), "\n") != 1 || !strings.HasPrefix(string(out), "producer: stream tweets: ResourceNotFoundException: ") || !strings.HasSuffix(string(out), "(10 received = 0 delivered + 10 not sent)\n") {
		t.Errorf("%v: %s", err, out)
	}
}

// TestUnreachableEndpointIsGivenUp after --max-retry-time.
func TestUnreachableEndpointIsGivenUp(t *testing.T) {
	env, _, _ := serve(t, nil)
	cmd := exec.CommandContext(t.Context(), "producer", "--to", "firehose", "--stream", "posts", "--count", "10", "--max-retry-time", "10ms")
	cmd.Env = append(env, "AWS_ENDPOINT_URL_FIREHOSE=http://127.0.0.1:1")
	out, err := cmd.CombinedOutput()
	if err == nil || strings.Count(string(out), "\n") != 1 || !strings.Contains(string(out), "nothing was accepted for 10ms: stream posts: http://127.0.0.1:1/: dial tcp 127.0.0.1:1: connect: connection refused (10 received = 0 delivered + 10 not sent)") {
		t.Errorf("%v: %s", err, out)
	}
}

// TestPostsOfAnOpenPipeAreSent while more may come; Ctrl-C ends the wait and
// gives the account.
func TestPostsOfAnOpenPipeAreSent(t *testing.T) {
	env, objects, stream := serve(t, nil)
	cmd := exec.CommandContext(t.Context(), "producer", "--source", "stdin", "--format", "lines", "--to", "firehose", "--stream", "posts")
	cmd.Env = env
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	var stderr strings.Builder
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(stdin, "one\ntwo\n"); err != nil {
		t.Fatal(err)
	}
	for stream.Stats().Accepted < 2 {
		time.Sleep(time.Millisecond)
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // the exit code is checked
	if cmd.ProcessState.ExitCode() != 130 || stderr.String() != "producer: interrupted (2 received = 2 delivered)\n" {
		t.Errorf("exit code %d: %s", cmd.ProcessState.ExitCode(), stderr.String())
	}
	if err := stream.Close(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}
	if got := lines(t, objects, `"source":"stdin"`); got != 2 {
		t.Errorf("%d records arrived", got)
	}
}
