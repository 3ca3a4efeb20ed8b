package secret

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

// value is a secret that must stand in no error.
const value = "AAAAverysecretZZZZ"

const (
	secretARN    = "arn:aws:secretsmanager:eu-west-3:123456789012:secret:x-token-AbCdEf"
	parameterARN = "arn:aws:ssm:eu-west-3:123456789012:parameter/coldstream/token"
)

// service speaks the wire of both services; stored are the values by ARN, a
// value with a leading ! is an error's type.
func service(t *testing.T, stored map[string]string) func(context.Context) (aws.Config, error) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var in struct {
			SecretId, Name string
			WithDecryption bool
		}
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			t.Error(err)
		}
		if !strings.Contains(r.Header.Get("Authorization"), "/eu-west-3/") {
			t.Errorf("not signed for the region of the ARN: %s", r.Header.Get("Authorization"))
		}
		var v string
		var out any
		switch target := r.Header.Get("X-Amz-Target"); target {
		case "secretsmanager.GetSecretValue":
			v = stored[in.SecretId]
			out = map[string]string{"ARN": in.SecretId, "Name": "x-token", "SecretString": v}
			if v == "binary" {
				out = map[string]any{"ARN": in.SecretId, "SecretBinary": []byte(v)}
			}
		case "AmazonSSM.GetParameter":
			if !in.WithDecryption {
				t.Error("the parameter is asked for without decryption")
			}
			v = stored[in.Name]
			out = map[string]any{"Parameter": map[string]string{"ARN": in.Name, "Type": "SecureString", "Value": v}}
		default:
			t.Errorf("target %q", target)
		}
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		if kind, refused := strings.CutPrefix(v, "!"); refused {
			w.WriteHeader(http.StatusBadRequest)
			io.WriteString(w, `{"__type":"`+kind+`","message":"It is not there."}`)
			return
		}
		if err := json.NewEncoder(w).Encode(out); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(server.Close)
	return func(context.Context) (aws.Config, error) {
		return aws.Config{Region: "us-east-1", BaseEndpoint: &server.URL, Credentials: credentials.NewStaticCredentialsProvider("a", "b", "")}, nil
	}
}

func write(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestReferences(t *testing.T) {
	t.Setenv("COLDSTREAM_TEST_TOKEN", value+"\n")
	load := service(t, map[string]string{secretARN: value, secretARN + "2": `{"token":"` + value + `\r\n","other":1}`, parameterARN: value + "\n"})
	for _, ref := range []string{
		"env:COLDSTREAM_TEST_TOKEN", "file:" + write(t, value+"\r\n"), secretARN, secretARN + "2#token", parameterARN,
	} {
		got, err := Read(t.Context(), ref, load)
		if err != nil || got != value {
			t.Errorf("%s: got %q, %v", ref, got, err)
		}
	}
}

func TestErrorsNameTheReferenceAndNeverTheSecret(t *testing.T) {
	t.Setenv("COLDSTREAM_TEST_EMPTY", " \n")
	missing := filepath.Join(t.TempDir(), "none")
	empty := write(t, "\n")
	long := write(t, strings.Repeat(value, maxSize/len(value)+1))
	load := service(t, map[string]string{
		secretARN: `{"n":"` + value + `",` + value, secretARN + "b": "binary", secretARN + "e": "", secretARN + "f": `{"n":{"k":"` + value + `"},"z":null}`,
		secretARN + "g": "!ResourceNotFoundException", parameterARN: "!ParameterNotFound",
	})
	failing := func(context.Context) (aws.Config, error) { return aws.Config{}, errors.New("no configuration") }
	for _, c := range []struct {
		ref  string
		load func(context.Context) (aws.Config, error)
		want string
	}{
		{value, load, "never given on the command line"},
		{"", load, "never given on the command line"},
		{"Bearer: " + value, load, "never given on the command line"},
		{"arn:" + value, load, "never given on the command line"},
		{"env:" + value, load, "the environment variable of the secret is not set"},
		{"env:COLDSTREAM_TEST_NONE", load, "environment variable COLDSTREAM_TEST_NONE is not set"},
		{"env:COLDSTREAM_TEST_EMPTY", load, "environment variable COLDSTREAM_TEST_EMPTY is empty"},
		{"file:" + missing, load, missing},
		{"file:" + empty, load, "file " + empty + " is empty"},
		{"file:" + long, load, "more than 64 KiB"},
		{"file:" + t.TempDir(), load, "is a directory"},
		{secretARN + "#n", load, "no JSON object"},
		{secretARN + "f#n", load, `no field "n" that is a string`},
		{secretARN + "f#z", load, `no field "z" that is a string`},
		{secretARN + "f#x", load, `no field "x" that is a string`},
		{secretARN + "b", load, "binary"},
		{secretARN + "e", load, "is empty"},
		{secretARN + "g", load, secretARN + "g: ResourceNotFoundException: It is not there."},
		{parameterARN, load, parameterARN + ": ParameterNotFound: It is not there."},
		{"arn:aws:s3:::bucket/key", load, "neither a secret"},
		{secretARN, failing, "no configuration"},
	} {
		got, err := Read(t.Context(), c.ref, c.load)
		if err == nil || got != "" || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), value) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: got %q, error %v; want %q", c.ref, got, err, c.want)
		}
	}
}

func TestWithoutAnARNNoConfigurationIsLoaded(t *testing.T) {
	load := func(context.Context) (aws.Config, error) {
		t.Error("loaded")
		return aws.Config{}, nil
	}
	if got, err := Read(t.Context(), "file:"+write(t, value), load); err != nil || got != value {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestAskingEndsWithTheContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Read(ctx, secretARN, service(t, nil)); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestFirstVersion(t *testing.T) {
	got, err := FirstVersion(write(t, `{"region_name":"us-east-1","stream_name":" posts ","bearer_token":"`+value+`\n","twitter_access_token_secret":"c",
		"aws_secret_access_key":"b","aws_access_key_id":"a","twitter_consumer_key":"k","more":[1]}`))
	want := Settings{Region: "us-east-1", Stream: "posts", BearerToken: value,
		Ignored: []string{"twitter_consumer_key", "twitter_access_token_secret", "aws_access_key_id", "aws_secret_access_key"}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v", got, err)
	}
	if got, err := FirstVersion(write(t, "{}")); err != nil || !reflect.DeepEqual(got, Settings{}) {
		t.Errorf("got %+v, %v", got, err)
	}
	for content, want := range map[string]string{
		`{"bearer_token":"` + value + `"`: "no JSON object", value: "no JSON object", "": "no JSON object",
		`{"bearer_token":{"x":"` + value + `"}}`: `field "bearer_token" is no string`,
	} {
		_, err := FirstVersion(write(t, content))
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), value) {
			t.Errorf("%s: got %v", content, err)
		}
	}
	if _, err := FirstVersion(filepath.Join(t.TempDir(), "config.json")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}
