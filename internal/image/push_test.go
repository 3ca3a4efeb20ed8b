package image

import (
	"bytes"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

// startRegistry starts a registry that asks for a login and returns its host,
// and a keychain that has it.
func startRegistry(t *testing.T) (host string, keys authn.Keychain) {
	t.Helper()
	inner := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "AWS" || password != "secret" {
			w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		inner.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://"), fixed{&authn.Basic{Username: "AWS", Password: "secret"}}
}

// fixed is a keychain with one login for all.
type fixed struct{ authn.Authenticator }

func (f fixed) Resolve(authn.Resource) (authn.Authenticator, error) { return f.Authenticator, nil }

func made(t *testing.T, repository, tag, program string) *Image {
	t.Helper()
	img, err := Producer(t.Context(), Options{Arch: "arm64", Version: "v1", Repository: repository, Tag: tag}, given([]byte(program)))
	if err != nil {
		t.Fatal(err)
	}
	return img
}

func TestWhatIsPushedIsTheImage(t *testing.T) {
	host, keys := startRegistry(t)
	img := made(t, host+"/team/producer", "v1.2.3", "program")
	if there, err := img.Push(t.Context(), keys); err != nil || there {
		t.Fatal(there, err)
	}
	ref, err := name.ParseReference(host + "/team/producer:v1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	pulled, err := remote.Image(ref, remote.WithContext(t.Context()), remote.WithAuthFromKeychain(keys))
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Image(pulled); err != nil {
		t.Error(err)
	}
	if digest, err := pulled.Digest(); err != nil || digest.String() != img.Digest() {
		t.Errorf("digest %v, want %s (%v)", digest, img.Digest(), err)
	}
	// The file has the same image under the same name.
	var b bytes.Buffer
	if err := img.Save(&b); err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(b.Bytes(), []byte(host+"/team/producer:v1.2.3")) || !bytes.Contains(b.Bytes(), []byte(img.Digest())) {
		t.Error("the file names another image")
	}
}

func TestTagsAreNotMoved(t *testing.T) {
	host, keys := startRegistry(t)
	first := made(t, host+"/producer", "v1", "program")
	if _, err := first.Push(t.Context(), keys); err != nil {
		t.Fatal(err)
	}
	if there, err := made(t, host+"/producer", "v1", "program").Push(t.Context(), keys); err != nil || !there {
		t.Errorf("the same image again: there %v, %v", there, err)
	}
	other := made(t, host+"/producer", "v1", "another program")
	_, err := other.Push(t.Context(), keys)
	if want := "image: " + host + "/producer:v1 is there already, as another image (" + first.Digest() + "); choose another tag"; err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
	ref, _ := name.ParseReference(host + "/producer:v1")
	if d, err := remote.Head(ref, remote.WithAuthFromKeychain(keys)); err != nil || d.Digest.String() != first.Digest() {
		t.Errorf("the tag was moved: %v, %v", d, err)
	}
	// Without a tag every image has its own.
	for range 2 {
		img := made(t, host+"/producer", "", "another program")
		if want := host + "/producer:sha-" + strings.TrimPrefix(img.Digest(), "sha256:")[:12]; img.Tag() != want {
			t.Errorf("tag %s, want %s", img.Tag(), want)
		}
		if _, err := img.Push(t.Context(), keys); err != nil {
			t.Error(err)
		}
	}
}

func TestRefusedPushesSayWhatToDo(t *testing.T) {
	host, _ := startRegistry(t)
	_, err := made(t, host+"/producer", "v1", "p").Push(t.Context(), fixed{authn.Anonymous})
	if err == nil || !strings.Contains(err.Error(), "log in (docker login)") || !strings.Contains(err.Error(), host+"/producer:v1") {
		t.Errorf("error %v", err)
	}
	// A registry like ECR, which makes no repository by itself.
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v2/" {
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, `{"errors":[{"code":"NAME_UNKNOWN","message":"The repository with name 'producer' does not exist"}]}`)
		}
	}))
	defer server.Close()
	_, err = made(t, strings.TrimPrefix(server.URL, "http://")+"/producer", "v1", "p").Push(t.Context(), fixed{authn.Anonymous})
	if err == nil || !strings.Contains(err.Error(), "NAME_UNKNOWN") || !strings.Contains(err.Error(), "the registry has no repository producer: create it first") {
		t.Errorf("error %v", err)
	}
	for _, tt := range []struct{ repository, tag, want string }{
		{"host.example/producer:v1", "v2", "without a tag"},
		{"host.example/Producer", "", "without a tag"},
		{"host.example/producer", "a/b:c", `image: tag "a/b:c" is none of a repository`},
		{"host.example/producer", "no tag", `image: tag "no tag" is none of a repository`},
	} {
		_, err := Producer(t.Context(), Options{Arch: "arm64", Version: "v1", Repository: tt.repository, Tag: tt.tag}, given(nil))
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s %s: error %v, want %s", tt.repository, tt.tag, err, tt.want)
		}
	}
}
