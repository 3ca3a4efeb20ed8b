package ecrlogin

import (
	"context"
	"encoding/base64"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"coldstream/internal/bundle"
	"coldstream/internal/image"
)

func TestRegistriesOfECR(t *testing.T) {
	for host, want := range map[string]string{
		"123456789012.dkr.ecr.eu-central-1.amazonaws.com":         "eu-central-1",
		"123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com":   "us-gov-west-1",
		"123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn":        "cn-north-1",
		"123456789012.dkr-ecr.us-east-1.on.aws":                   "us-east-1",
		"public.ecr.aws":                                          "",
		"registry.example":                                        "",
		"123456789012.dkr.ecr.eu-central-1.amazonaws.com.example": "",
		"12345678901.dkr.ecr.eu-central-1.amazonaws.com":          "",
	} {
		if got, ok := region(host); got != want || ok != (want != "") {
			t.Errorf("%s: region %q, want %q", host, got, want)
		}
	}
}

// fakeECR answers GetAuthorizationToken with body and counts its requests.
func fakeECR(t *testing.T, status int, body string) (load func(context.Context) (aws.Config, error), asked *[]string) {
	asked = new([]string)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*asked = append(*asked, r.Header.Get("X-Amz-Target")+" "+r.Header.Get("Authorization"))
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(server.Close)
	return func(context.Context) (aws.Config, error) {
		return aws.Config{Region: "us-east-1", BaseEndpoint: aws.String(server.URL),
			Credentials: credentials.NewStaticCredentialsProvider("AKID", "secret", ""), RetryMaxAttempts: 1}, nil
	}, asked
}

func token(text string) string {
	return `{"authorizationData":[{"authorizationToken":"` + base64.StdEncoding.EncodeToString([]byte(text)) + `","proxyEndpoint":"https://x"}]}`
}

const ecrHost = "123456789012.dkr.ecr.eu-central-1.amazonaws.com"

// toServer sends everything to one server.
type toServer struct{ url *url.URL }

func (s toServer) RoundTrip(r *http.Request) (*http.Response, error) {
	there := r.Clone(r.Context())
	there.URL.Scheme, there.URL.Host = s.url.Scheme, s.url.Host
	res, err := http.DefaultTransport.RoundTrip(there)
	if res != nil {
		res.Request = r // relative addresses are the registry's
	}
	return res, err
}

// TestAPushToECRLogsIn pushes an image to a registry that wants the login which
// the API hands out.
func TestAPushToECRLogsIn(t *testing.T) {
	load, asked := fakeECR(t, 200, token("AWS:pass:word"))
	inner := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "AWS" || password != "pass:word" {
			w.Header().Set("WWW-Authenticate", `Basic realm="`+ecrHost+`",service="ecr.amazonaws.com"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		inner.ServeHTTP(w, r)
	}))
	defer server.Close()
	u, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	img, err := image.Producer(t.Context(), image.Options{Arch: "arm64", Version: "v1", Repository: ecrHost + "/producer", Tag: "v1"},
		func(context.Context, bundle.Target) ([]byte, error) { return []byte("program"), nil })
	if err != nil {
		t.Fatal(err)
	}
	keys := authn.NewMultiKeychain(New(load), authn.NewMultiKeychain())
	if there, err := img.Push(t.Context(), keys, remote.WithTransport(toServer{u})); err != nil || there {
		t.Fatal(there, err)
	}
	if len(*asked) == 0 {
		t.Fatal("no login was asked for")
	}
	for _, a := range *asked {
		if !strings.HasPrefix(a, "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken AWS4-HMAC-SHA256 Credential=AKID/") || !strings.Contains(a, "/eu-central-1/ecr/aws4_request") {
			t.Errorf("asked %s", a)
		}
	}
}

func TestLoginsThatFail(t *testing.T) {
	ecrRegistry, err := name.NewRegistry(ecrHost)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		status     int
		body, want string
	}{
		{400, `{"__type":"AccessDeniedException","message":"no"}`, "ecr:GetAuthorizationToken"},
		{200, `{"authorizationData":[]}`, "no token"},
		{200, token("secretwithoutcolon"), "cannot be read"},
		{200, token("AWS:"), "cannot be read"},
		{200, `{"authorizationData":[{"authorizationToken":"secret!"}]}`, "cannot be read"},
	} {
		load, _ := fakeECR(t, tt.status, tt.body)
		_, err := New(load).ResolveContext(t.Context(), ecrRegistry)
		if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), ecrHost) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: error %v, want %s", tt.body, err, tt.want)
		}
	}
	broken := errors.New("no configuration")
	k := New(func(context.Context) (aws.Config, error) { return aws.Config{}, broken })
	if _, err := k.Resolve(ecrRegistry); !errors.Is(err, broken) {
		t.Errorf("error %v", err)
	}
	// Nothing is loaded for other registries.
	other, err := name.NewRegistry("registry.example")
	if err != nil {
		t.Fatal(err)
	}
	if a, err := k.Resolve(other); err != nil || a != authn.Anonymous {
		t.Errorf("%v, %v", a, err)
	}
}
