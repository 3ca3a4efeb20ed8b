package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"coldstream/internal/mototest"
)

// useEndpoint makes the SDK, and commands that are started, ask url.
func useEndpoint(t *testing.T, url string) {
	t.Helper()
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": url, "AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "s",
		"AWS_CONFIG_FILE": "none", "AWS_SHARED_CREDENTIALS_FILE": "none", "AWS_PROFILE": "", "AWS_ENDPOINT_URL_S3": "", "AWS_SESSION_TOKEN": "",
	} {
		t.Setenv(name, value)
		if value == "" {
			os.Unsetenv(name) // Setenv has noted what it was
		}
	}
}

// coldstream runs a command in this process.
func coldstream(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out strings.Builder
	err := run(t.Context(), args, nil, &out, io.Discard)
	return out.String(), err
}

func delivered(id int, label string) string {
	return fmt.Sprintf(`{"message":"x","sentiment":%q,"score":0.5,"probabilities":{"Negative":0.5,"Positive":0.5},"model":"m","id":"%d"}`+"\n", label, id)
}

// TestObjectsOnMoto: report, verify and download on objects that the SDK stored
// in a service that is not ours.
func TestObjectsOnMoto(t *testing.T) {
	url := mototest.Start(t)
	useEndpoint(t, url)
	sdk := s3.New(s3.Options{Region: "us-east-1", BaseEndpoint: &url, UsePathStyle: true, Credentials: credentials.NewStaticCredentialsProvider("a", "s", "")})
	if _, err := sdk.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String("delivered")}); err != nil {
		t.Fatal(err)
	}
	put := func(key, body string) {
		t.Helper()
		if _, err := sdk.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String("delivered"), Key: &key, Body: strings.NewReader(body)}); err != nil {
			t.Fatal(err)
		}
	}
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	large := strings.Repeat(" ", 5<<20) + "\n" // so that the object is read in parts, below
	if _, err := io.WriteString(z, delivered(1, "Positive")+delivered(2, "Negative")); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	put("posts/dt=2026-11-22/a b+c%.gz", zipped.String())
	put("posts/dt=2026-11-22/large", delivered(3, "Positive")+large+delivered(4, "Positive"))
	put("posts//../ü", delivered(5, "Negative"))
	put("posts/", "")
	put("posts/.unfinished", "{")
	put("processing-failed/x", `{"errorCode":"C","errorMessage":"m","rawData":"eyJpZCI6IjYifQ=="}`+"\n")
	dir := t.TempDir()
	sent := filepath.Join(dir, "sent.jsonl")
	for id := range 6 {
		line := fmt.Sprintf("{\"id\":\"%d\"}\n", id+1)
		f, err := os.OpenFile(sent, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteString(line); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}

	out, err := coldstream(t, "report", "s3://delivered/posts/")
	if err != nil || !strings.Contains(out, "Positive      3   60.0 %") || !strings.Contains(out, "total         5  100.0 %") {
		t.Errorf("report: %s, %v", out, err)
	}
	out, err = coldstream(t, "verify", "--sent", sent, "--received", "s3://delivered/")
	if err == nil || !strings.Contains(out, "6 sent, 5 received: nothing lost, nothing doubled, 1 failed") {
		t.Errorf("verify: %s, %v", out, err)
	}
	out, err = coldstream(t, "verify", "--sent", sent, "--received", "s3://delivered/posts/dt=2026-11-22/")
	if err == nil || !strings.Contains(out, "missing: 5\nmissing: 6\n") {
		t.Errorf("verify: %s, %v", out, err)
	}
	target := filepath.Join(dir, "objects")
	out, err = coldstream(t, "download", "s3://delivered/posts/", target)
	if err != nil || !strings.HasPrefix(out, target+": 4 objects, 5,243,") || !strings.HasSuffix(out, "; 1 marker of folders left out\n") {
		t.Errorf("download: %s, %v", out, err)
	}
	for name, want := range map[string]string{"dt=2026-11-22/a b+c%.gz": zipped.String(), "%=/%=%2E%2E/ü": delivered(5, "Negative")} {
		if got, err := os.ReadFile(filepath.Join(target, name)); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	if here, err := coldstream(t, "report", target); err != nil || !strings.Contains(here, "total         5  100.0 %") {
		t.Errorf("report of the downloaded objects: %s, %v", here, err)
	}
	out, err = coldstream(t, "download", "s3://delivered/posts/", target)
	if err != nil || out != target+": 0 objects, 0 bytes; 4 there already; 1 marker of folders left out\n" {
		t.Errorf("download: %s, %v", out, err)
	}
	for place, want := range map[string]string{
		"s3://delivered/none":  "s3://delivered/none holds no objects",
		"s3://delivered2/none": "list s3://delivered2/none: there is no bucket delivered2",
	} {
		for _, args := range [][]string{{"report", place}, {"verify", "--sent", sent, "--received", place}, {"download", place, filepath.Join(dir, "none")}} {
			if _, err := coldstream(t, args...); err == nil || !strings.HasPrefix(err.Error(), "coldstream "+args[0]+": "+want) {
				t.Errorf("%q: %v", args, err)
			}
		}
	}
}

// hanging is a service that lists one object and never gives it.
func hanging(t *testing.T) (asked <-chan struct{}) {
	t.Helper()
	gets := make(chan struct{}, 100)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Has("list-type") {
			io.WriteString(w, `<?xml version="1.0"?><ListBucketResult><Name>posts</Name><Contents><Key>a</Key><Size>7</Size></Contents></ListBucketResult>`)
			return
		}
		gets <- struct{}{}
		<-r.Context().Done()
	}))
	t.Cleanup(server.Close)
	useEndpoint(t, server.URL)
	return gets
}

func TestInterruptEndsReadingS3(t *testing.T) {
	asked := hanging(t)
	sent := filepath.Join(t.TempDir(), "sent.jsonl")
	if err := os.WriteFile(sent, []byte(`{"id":"1"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"report", "s3://posts/"}, {"verify", "--sent", sent, "--received", "s3://posts/"}, {"download", "s3://posts/", "objects"}} {
		p := start(t, args...)
		<-asked
		if out := p.interrupt(); out != "" {
			t.Errorf("%s printed %q", args[0], out)
		}
		p.ends(130, "coldstream "+args[0]+": interrupted")
		if left, _ := filepath.Glob(filepath.Join(p.Dir, "objects", "*")); len(left) > 0 {
			t.Errorf("left behind: %q", left)
		}
		if left, _ := filepath.Glob(filepath.Join(p.Dir, "objects", ".*")); len(left) > 0 {
			t.Errorf("left behind: %q", left)
		}
	}
}

// TestFullDisk downloads into a file system of 64 KB, in a name space of its own.
func TestFullDisk(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("NOT TESTED: a full disk; the test mounts a small one as only Linux can")
	}
	probe := exec.Command("unshare", "--map-root-user", "--mount", "mount", "-t", "tmpfs", "-o", "size=64k", "none", t.TempDir())
	if out, err := probe.CombinedOutput(); err != nil {
		t.Skipf("NOT TESTED: a full disk; unshare and mount have to be there and allowed to this user: %v %s", err, out)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Has("list-type") {
			io.WriteString(w, `<?xml version="1.0"?><ListBucketResult><Name>posts</Name><Contents><Key>a</Key><Size>1000</Size></Contents><Contents><Key>b</Key><Size>100000</Size></Contents></ListBucketResult>`)
			return
		}
		size := 1000
		if strings.HasSuffix(r.URL.Path, "b") {
			size = 100000
		}
		w.Write(make([]byte, size))
	}))
	defer server.Close()
	useEndpoint(t, server.URL)
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "unshare", "--map-root-user", "--mount", "sh", "-c",
		`mount -t tmpfs -o size=64k none "$1" && cd "$1" && { coldstream download s3://posts/ objects; echo "exit $?"; ls -A objects; }`, "sh", dir)
	var out, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v: %s", err, stderr.String())
	}
	want := "coldstream download: write objects/b: no space left on device; make room and run the command again: it goes on behind what is complete\n"
	if out.String() != "exit 1\na\n" || stderr.String() != want {
		t.Errorf("printed %q, said %q", out.String(), stderr.String())
	}
}
