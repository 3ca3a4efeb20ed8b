package deploy

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdkfirehose "github.com/aws/aws-sdk-go-v2/service/firehose"
	"github.com/aws/aws-sdk-go-v2/service/firehose/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"coldstream/internal/bundle"
	"coldstream/internal/firehose"
	"coldstream/internal/firehose/s3sink"
	"coldstream/internal/report"
	"coldstream/internal/runtimeapi"
)

// programs are what the stacks run, built from this repository.
type programs struct {
	coldstream, producer string // paths
	zip                  string // of the function, for this machine
}

// buildPrograms builds them, and has coldstream package the function.
func buildPrograms(t *testing.T) programs {
	t.Helper()
	dir := t.TempDir()
	p := programs{filepath.Join(dir, "coldstream"), filepath.Join(dir, "producer"), filepath.Join(dir, "function.zip")}
	for path, pkg := range map[string]string{p.coldstream: "../tools", p.producer: "../producer"} {
		cmd := exec.CommandContext(t.Context(), "go", "build", "-o", path, pkg)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("build %s: %v\n%s", pkg, err, out)
		}
	}
	p.run(t, nil, p.coldstream, "package", "--arch", "amd64", "--runtime", "aws", "-o", p.zip)
	return p
}

// run runs a program, which has to succeed, and returns what it printed.
func (p programs) run(t *testing.T, env []string, path string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", filepath.Base(path), args, err, out)
	}
	return string(out)
}

// A plane is the data plane of an applied stack, as far as Moto has none.
type plane struct {
	*site
	t       *testing.T
	aws     aws.Config
	s3      *s3.Client
	bucket  string
	policy  string // of the bucket, while it is taken away
	prefix  string // of delivered objects
	config  firehose.Config
	stream  *firehose.Stream
	address string   // of the stream
	env     []string // for programs
}

// newPlane starts the function that was uploaded, and a stream that is configured
// as the created one, into the created bucket. The bucket's policy, for which Moto
// would deny everything, is taken away until close.
func newPlane(t *testing.T, s *site) *plane {
	t.Helper()
	p := &plane{site: s, t: t}
	p.aws = aws.Config{Region: "us-east-1", BaseEndpoint: &s.m.url, Credentials: credentials.NewStaticCredentialsProvider("test", "test", "")}
	p.s3 = s3.NewFromConfig(p.aws, func(o *s3.Options) { o.UsePathStyle = true })
	p.bucket, p.prefix, _ = strings.Cut(strings.TrimPrefix(s.outputs["objects"].(string), "s3://"), "/")
	name := s.outputs["stream"].(string)

	described, err := sdkfirehose.NewFromConfig(p.aws).DescribeDeliveryStream(t.Context(), &sdkfirehose.DescribeDeliveryStreamInput{DeliveryStreamName: &name})
	if err != nil {
		t.Fatal(err)
	}
	answer, err := json.Marshal(described)
	if err != nil {
		t.Fatal(err)
	}
	if p.config, err = firehose.ParseDescription(answer); err != nil {
		t.Fatal(err)
	}
	if p.config.Transform == nil || p.config.Transform.ARN != s.outputs["function"] || p.config.Bucket != p.bucket {
		t.Fatalf("the stream is described as %+v", p.config)
	}
	p.config.Sink = s3sink.New(p.s3, p.bucket)
	p.config.Transform.Invoke = p.startFunction().Invoke

	policy, err := p.s3.GetBucketPolicy(t.Context(), &s3.GetBucketPolicyInput{Bucket: &p.bucket})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.s3.DeleteBucketPolicy(t.Context(), &s3.DeleteBucketPolicyInput{Bucket: &p.bucket}); err != nil {
		t.Fatal(err)
	}
	p.policy = aws.ToString(policy.Policy)
	t.Logf("MOTO: the policy of bucket %s, which denies plain HTTP, is taken away while posts are delivered", p.bucket)

	if p.stream, err = firehose.NewStream(p.config); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(firehose.NewServer(p.stream))
	t.Cleanup(server.Close)
	p.address = server.URL
	p.env = []string{"AWS_ENDPOINT_URL=" + s.m.url, "AWS_ENDPOINT_URL_FIREHOSE=" + p.address, "AWS_REGION=us-east-1",
		"AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "AWS_EC2_METADATA_DISABLED=true"}
	return p
}

// close gives the bucket its policy back, which the next plan would miss.
func (p *plane) close() {
	p.t.Helper()
	if _, err := p.s3.PutBucketPolicy(p.t.Context(), &s3.PutBucketPolicyInput{Bucket: &p.bucket, Policy: &p.policy}); err != nil {
		p.t.Error(err)
	}
}

// startFunction starts the zip that was uploaded to the stream's function, with the
// configuration of the version that the stream calls.
func (p *plane) startFunction() *runtimeapi.Function {
	p.t.Helper()
	arn := p.config.Transform.ARN
	f, err := lambda.NewFromConfig(p.aws).GetFunction(p.t.Context(), &lambda.GetFunctionInput{FunctionName: &arn})
	if err != nil {
		p.t.Fatal(err)
	}
	// Moto's Code.Location is an address of AWS: what was uploaded is known by its sum.
	b, err := os.ReadFile(p.zip)
	if err != nil {
		p.t.Fatal(err)
	}
	c := f.Configuration
	if sum := sha256.Sum256(b); aws.ToString(c.CodeSha256) != base64.StdEncoding.EncodeToString(sum[:]) || c.CodeSize != int64(len(b)) {
		p.t.Fatalf("function %s has code of %d bytes with sum %s: not %s", arn, c.CodeSize, aws.ToString(c.CodeSha256), p.zip)
	}
	dir := p.t.TempDir()
	if err := bundle.Unzip(b, dir); err != nil {
		p.t.Fatal(err)
	}
	env := []string{"AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test"} // those of its role
	if c.Environment != nil {
		for name, value := range c.Environment.Variables {
			env = append(env, name+"="+value)
		}
	}
	function, err := runtimeapi.Start(p.t.Context(), runtimeapi.Options{
		Bootstrap: filepath.Join(dir, "bootstrap"), Name: aws.ToString(c.FunctionName), Version: aws.ToString(c.Version), Handler: aws.ToString(c.Handler),
		Region: p.config.Region, MemoryMB: int(aws.ToInt32(c.MemorySize)), Timeout: time.Duration(aws.ToInt32(c.Timeout)) * time.Second, Env: env,
	})
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _ = function.Close() }) // killed; its end is no news
	return function
}

// put sends records through the SDK as they are.
func (p *plane) put(records ...string) {
	p.t.Helper()
	in := &sdkfirehose.PutRecordBatchInput{DeliveryStreamName: &p.config.Name}
	for _, r := range records {
		in.Records = append(in.Records, types.Record{Data: []byte(r)})
	}
	to := p.aws.Copy()
	to.BaseEndpoint = &p.address
	out, err := sdkfirehose.NewFromConfig(to).PutRecordBatch(p.t.Context(), in)
	if err != nil || *out.FailedPutCount > 0 {
		p.t.Fatalf("%+v, %v", out, err)
	}
}

// drain has everything delivered that the buffers hold.
func (p *plane) drain() {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), 2*time.Minute)
	defer cancel()
	if err := p.stream.Drain(ctx); err != nil {
		p.t.Fatal(err)
	}
}

// objects returns the objects in the bucket by their keys.
func (p *plane) objects() map[string][]byte {
	p.t.Helper()
	all := make(map[string][]byte)
	pages := s3.NewListObjectsV2Paginator(p.s3, &s3.ListObjectsV2Input{Bucket: &p.bucket})
	for pages.HasMorePages() {
		page, err := pages.NextPage(p.t.Context())
		if err != nil {
			p.t.Fatal(err)
		}
		for _, o := range page.Contents {
			got, err := p.s3.GetObject(p.t.Context(), &s3.GetObjectInput{Bucket: &p.bucket, Key: o.Key})
			if err != nil {
				p.t.Fatal(err)
			}
			b, err := io.ReadAll(got.Body)
			if err != nil {
				p.t.Fatal(err)
			}
			all[*o.Key] = b
		}
	}
	return all
}

// checkKeys demands that the delivered objects are compressed and named by label
// ("" = not by label) and day, and failed records by their reason and day. It
// returns how many of the first and the second there are.
func (p *plane) checkKeys(labels string) (delivered, failed int) {
	p.t.Helper()
	good := regexp.MustCompile(`^` + p.prefix + labels + `dt=\d{4}-\d\d-\d\d/` + p.config.Name + `-1-[0-9-]+[0-9a-f-]+\.gz$`)
	bad := regexp.MustCompile(`^processing-failed/processing-failed/dt=\d{4}-\d\d-\d\d/` + p.config.Name + `-1-`)
	for key, body := range p.objects() {
		switch {
		case good.MatchString(key):
			delivered++
		case bad.MatchString(key):
			failed++
		default:
			p.t.Errorf("an object has the key %s", key)
		}
		if !bytes.HasPrefix(body, []byte("\x1f\x8b")) {
			p.t.Errorf("object %s is not compressed: %.40q", key, body)
		}
	}
	return delivered, failed
}

// checkData sends the posts of the task's own command through the stream, and has
// verify, report, download and the saved queries agree on what came out.
func checkData(t *testing.T, s *site, command []string) {
	p := newPlane(t, s)
	defer p.close()
	if p.config.Buffer != (firehose.Buffer{Bytes: 64 << 20, Interval: time.Minute}) || !p.config.GZIP {
		t.Errorf("the stream is configured with %+v", p.config)
	}
	sent := filepath.Join(t.TempDir(), "sent.jsonl")
	spool := t.TempDir()
	args := []string{"--sent", sent}
	for _, arg := range command {
		if arg == "/spool" { // the task's volume
			arg = spool
		}
		args = append(args, arg)
	}
	s.program.run(t, p.env, s.program.producer, args...)
	p.drain()
	if delivered, failed := p.checkKeys(""); delivered == 0 || failed != 0 {
		t.Errorf("%d objects and %d of failed records", delivered, failed)
	}

	where := s.outputs["objects"].(string)
	if out := s.program.run(t, p.env, s.program.coldstream, "verify", "--sent", sent, "--received", where); !strings.Contains(out, "300 sent, 300 received: nothing lost, nothing doubled, nothing failed") {
		t.Errorf("verify says %s", out)
	}

	// Posts that come twice, and a record that cannot be scored.
	first := fmt.Sprintf(`{"id":"twice","text":%q}`, "good news")
	p.put(first+"\n", first+"\n", `{"id":"broken","text":`)
	p.drain()
	if _, failed := p.checkKeys(""); failed != 1 {
		t.Errorf("%d objects of failed records, want 1", failed)
	}
	r := p.results(where)
	if r.Scored != 302 || r.Bad != 0 || len(r.ids) != 301 {
		t.Errorf("%s: %d posts with %d ids, %d lines unreadable", where, r.Scored, len(r.ids), r.Bad)
	}
	out := s.program.run(t, p.env, s.program.coldstream, "report", where)
	for _, l := range r.Labels {
		if !regexp.MustCompile(`(?m)^\s*` + l.Label + `\s+` + fmt.Sprint(l.Count) + `\b`).MatchString(out) {
			t.Errorf("report does not say %d for %s: %s", l.Count, l.Label, out)
		}
	}
	p.checkQueries(r)
}

// checkLabelData demands that every post lies in the folder of its label, and that
// the table has the labels as partitions.
func checkLabelData(t *testing.T, s *site) {
	p := newPlane(t, s)
	defer p.close()
	sent := filepath.Join(t.TempDir(), "sent.jsonl")
	s.program.run(t, p.env, s.program.producer, "--source", "sample", "--count", "300", "--to", "firehose", "--stream", p.config.Name, "--spool", "memory", "--sent", sent)
	p.drain()
	p.checkKeys("label=(Negative|Neutral|Positive)/")
	where := s.outputs["objects"].(string)
	s.program.run(t, p.env, s.program.coldstream, "verify", "--sent", sent, "--received", where)
	all := p.results(where)
	if len(all.Labels) < 2 {
		t.Errorf("labels are %+v: folders cannot be told apart", all.Labels)
	}
	for _, l := range all.Labels {
		if l.Count == 0 {
			continue
		}
		of := p.results(where + "label=" + l.Label + "/")
		if of.Scored != l.Count || slices.ContainsFunc(of.Labels, func(o report.LabelCount) bool { return o.Label != l.Label && o.Count > 0 }) {
			t.Errorf("the folder of %s holds %+v, want %d", l.Label, of.Labels, l.Count)
		}
	}
	p.checkQueries(all)
}
