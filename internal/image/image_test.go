package image

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/x509"
	"debug/elf"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"coldstream/internal/bundle"
)

// maxImage bounds the archive: a program that grows beyond it has linked
// something that it should not.
const maxImage = 16 << 20

var options = Options{Arch: "arm64", Tag: "coldstream-producer:latest", Version: "v1.2.3"}

// given is a bundle.Builder that returns a ready program.
func given(program []byte) bundle.Builder {
	return func(context.Context, bundle.Target) ([]byte, error) { return program, nil }
}

// save makes an image and writes it to w.
func save(ctx context.Context, w io.Writer, o Options, build bundle.Builder) (digest string, err error) {
	img, err := Producer(ctx, o, build)
	if err != nil {
		return "", err
	}
	return img.Digest(), img.Save(w)
}

// archive makes an image of a program that is none.
func archive(t *testing.T) (b []byte, digest string) {
	t.Helper()
	var w bytes.Buffer
	digest, err := save(t.Context(), &w, options, given([]byte("program")))
	if err != nil {
		t.Fatal(err)
	}
	return w.Bytes(), digest
}

// open reads an archive as docker load does.
func open(t *testing.T, b []byte) v1.Image {
	t.Helper()
	tag, err := name.NewTag(options.Tag)
	if err != nil {
		t.Fatal(err)
	}
	img, err := tarball.Image(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil }, &tag)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// untar unpacks a tar into dir. Owners are kept if the test may.
func untar(t *testing.T, r io.Reader, dir string) {
	t.Helper()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	for tr := tar.NewReader(r); ; {
		h, err := tr.Next()
		if err == io.EOF {
			return
		}
		if err == nil && h.Typeflag == tar.TypeDir {
			err = root.MkdirAll(strings.TrimSuffix(h.Name, "/"), 0o755)
		} else if err == nil {
			var body []byte
			if body, err = io.ReadAll(tr); err == nil {
				err = root.WriteFile(h.Name, body, 0o644)
			}
		}
		if err == nil && os.Geteuid() == 0 {
			err = root.Lchown(strings.TrimSuffix(h.Name, "/"), h.Uid, h.Gid)
		}
		if err == nil {
			err = root.Chmod(strings.TrimSuffix(h.Name, "/"), h.FileInfo().Mode())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestTheSameBytesEveryTime(t *testing.T) {
	one, digest := archive(t)
	two, again := archive(t)
	if !bytes.Equal(one, two) || digest != again {
		t.Error("two images of one program differ")
	}
}

// TestBothWaysLeadToOneImage: what docker load reads and what the OCI layout
// holds are the same valid image.
func TestBothWaysLeadToOneImage(t *testing.T) {
	b, digest := archive(t)
	loaded := open(t, b)
	if err := validate.Image(loaded); err != nil {
		t.Error(err)
	}
	dir := t.TempDir()
	untar(t, bytes.NewReader(b), dir)
	index, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(index); err != nil {
		t.Error(err)
	}
	m, err := index.IndexManifest()
	if err != nil || len(m.Manifests) != 1 {
		t.Fatalf("%+v, %v", m, err)
	}
	d := m.Manifests[0]
	want := map[string]string{"io.containerd.image.name": "docker.io/library/coldstream-producer:latest", "org.opencontainers.image.ref.name": "latest"}
	if d.Digest.String() != digest || d.Platform.String() != "linux/arm64" || !reflect.DeepEqual(d.Annotations, want) {
		t.Errorf("index lists %+v, want %s", d, digest)
	}
	img, err := index.Image(d.Digest)
	if err != nil {
		t.Fatal(err)
	}
	one, oneErr := loaded.ConfigName()
	two, twoErr := img.ConfigName()
	if one != two || oneErr != nil || twoErr != nil {
		t.Errorf("configurations %v and %v, %v, %v", one, two, oneErr, twoErr)
	}
	// Nothing but what the layout and manifest.json name lies in the archive.
	blobs, err := filepath.Glob(filepath.Join(dir, "*", "*", "*"))
	if err != nil || len(blobs) != 4 {
		t.Errorf("blobs %q, %v", blobs, err)
	}
}

func TestTheConfiguration(t *testing.T) {
	b, _ := archive(t)
	c, err := open(t, b).ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if c.Architecture != "arm64" || c.OS != "linux" || !c.Created.Equal(epoch) || len(c.History) != 2 || len(c.RootFS.DiffIDs) != 2 {
		t.Errorf("got %+v", c)
	}
	want := v1.Config{
		User: "65532:65532", Entrypoint: []string{"/producer"}, WorkingDir: "/spool", Volumes: map[string]struct{}{"/spool": {}}, StopSignal: "SIGTERM",
		Labels: map[string]string{
			"org.opencontainers.image.title": "coldstream producer", "org.opencontainers.image.version": "v1.2.3", "org.opencontainers.image.licenses": "Apache-2.0",
			"org.opencontainers.image.description": c.Config.Labels["org.opencontainers.image.description"],
		},
	}
	if !reflect.DeepEqual(c.Config, want) || c.Config.Labels["org.opencontainers.image.description"] == "" {
		t.Errorf("got %+v", c.Config)
	}
}

// TestTheFiles lists everything in the image: no shell, no library, nothing
// that is set-uid, and nothing that the user may write to but the spool and /tmp.
func TestTheFiles(t *testing.T) {
	b, _ := archive(t)
	files := mutate.Extract(open(t, b))
	defer files.Close()
	got := make(map[string]string)
	for tr := tar.NewReader(files); ; {
		h, err := tr.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if !h.ModTime.Equal(epoch) {
			t.Errorf("%s is dated %v", h.Name, h.ModTime)
		}
		got[h.Name] = fmt.Sprintf("%o %d:%d", h.Mode, h.Uid, h.Gid)
	}
	want := map[string]string{
		"etc": "755 0:0", "etc/group": "644 0:0", "etc/passwd": "644 0:0", "etc/ssl": "755 0:0", "etc/ssl/certs": "755 0:0",
		"etc/ssl/certs/ca-certificates.crt": "644 0:0", "spool": "755 65532:65532", "tmp": "1777 0:0", "producer": "755 0:0",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("files %v, want %v", got, want)
	}
}

// TestTheCertificates: the roots of the services that the producer talks to are
// there, and each one can be read.
func TestTheCertificates(t *testing.T) {
	b, err := certificates()
	if err != nil {
		t.Fatal(err)
	}
	names := make(map[string]bool)
	n := 0
	for block, rest := pem.Decode(b); block != nil; block, rest = pem.Decode(rest) {
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil || !c.IsCA {
			t.Errorf("certificate %d: %v", n, err)
			continue
		}
		n++
		names[c.Subject.CommonName] = true
	}
	if n < 80 || n != bytes.Count(b, []byte("BEGIN CERTIFICATE")) {
		t.Errorf("%d certificates", n)
	}
	for _, name := range []string{"Amazon Root CA 1", "Starfield Services Root Certificate Authority - G2", "ISRG Root X1", "DigiCert Global Root G2", "GTS Root R1"} {
		if !names[name] {
			t.Errorf("%s is missing", name)
		}
	}
}

func TestWhatCannotBeMade(t *testing.T) {
	broken := errors.New("no compiler today")
	failing := func(context.Context, bundle.Target) ([]byte, error) { return nil, broken }
	for want, o := range map[string]Options{
		`image: architecture "mips" is not known; want arm64 or amd64`: {Arch: "mips", Tag: "a"},
		`image: tag "No": `: {Arch: "arm64", Tag: "No"},
		broken.Error():      {Arch: "arm64", Tag: "a"},
	} {
		var w bytes.Buffer
		if _, err := save(t.Context(), &w, o, failing); err == nil || !strings.HasPrefix(err.Error(), want) || w.Len() > 0 {
			t.Errorf("%+v: %v, %d bytes", o, err, w.Len())
		}
	}
	full := errors.New("no space left")
	if _, err := save(t.Context(), failingWriter{full}, options, given(nil)); !errors.Is(err, full) {
		t.Errorf("got %v", err)
	}
}

type failingWriter struct{ err error }

func (w failingWriter) Write([]byte) (int, error) { return 0, w.err }

// built is the real image for this machine, made once for all tests.
var built = sync.OnceValues(func() ([]byte, error) {
	var w bytes.Buffer
	o := options
	o.Arch = runtime.GOARCH
	_, err := save(context.Background(), &w, o, bundle.FromPackage(".", "./producer"))
	return w.Bytes(), err
})

// unpacked unpacks the real image into a folder.
func unpacked(t *testing.T) (dir string) {
	t.Helper()
	if testing.Short() {
		t.Skip("builds the producer: not in -short mode")
	}
	if runtime.GOOS != "linux" {
		t.Skip("the image is one for Linux")
	}
	b, err := built()
	if err != nil {
		t.Fatal(err)
	}
	if len(b) > maxImage {
		t.Errorf("image of %d bytes, want at most %d", len(b), maxImage)
	}
	dir = t.TempDir()
	files := mutate.Extract(open(t, b))
	defer files.Close()
	untar(t, files, dir)
	return dir
}

func TestTheProgramInside(t *testing.T) {
	dir := unpacked(t)
	path := filepath.Join(dir, program)
	f, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if libs, err := f.ImportedLibraries(); err != nil || len(libs) != 0 || f.Section(".interp") != nil {
		t.Errorf("not static: %v, %v", libs, err)
	}
	cmd := exec.CommandContext(t.Context(), path, "--help")
	cmd.Env = []string{}
	if out, err := cmd.CombinedOutput(); err != nil || !bytes.Contains(out, []byte("producer --source")) {
		t.Errorf("%v: %s", err, out)
	}
}

// inside runs the program as the image says: its own root, read-only, as user
// 65532 without an environment, with a folder mounted as the spool.
const inside = `set -e
mount --bind "$ROOT" "$ROOT"
mount --bind "$SPOOL" "$ROOT/spool"
mount -o remount,ro,bind "$ROOT"
exec env -i /usr/sbin/chroot --userspec=65532:65532 --groups= "$ROOT" /producer "$@"`

func TestTheImageRunsOnAReadOnlyRoot(t *testing.T) {
	dir := unpacked(t)
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: chroot, and with it the test of the read-only root, needs root")
	}
	if out, err := exec.Command("unshare", "--mount", "mount", "-t", "tmpfs", "tmpfs", dir).CombinedOutput(); err != nil {
		t.Skipf("SKIPPED: the test of the read-only root needs a mount namespace: %v: %s", err, out)
	}
	spooled := t.TempDir()
	// The folder above belongs to the test's own user and is closed to others.
	if err := errors.Join(os.Chown(spooled, user, user), os.Chmod(dir, 0o755)); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) (string, error) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, "unshare", append([]string{"--mount", "sh", "-c", inside, "sh"}, args...)...)
		cmd.Env = append(os.Environ(), "ROOT="+dir, "SPOOL="+spooled)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if out, err := run("--help"); err != nil || !strings.Contains(out, "producer --source") {
		t.Errorf("%v: %s", err, out)
	}
	if out, err := run("--source", "sample", "--count", "7", "--to", "file", "--out", "/spool/posts.jsonl"); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	posts, err := os.ReadFile(filepath.Join(spooled, "posts.jsonl"))
	if err != nil || bytes.Count(posts, []byte("\n")) != 7 {
		t.Errorf("%d bytes of posts, %v", len(posts), err)
	}
	info, err := os.Stat(filepath.Join(spooled, "posts.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	if owner := info.Sys().(*syscall.Stat_t); owner.Uid != user || owner.Gid != user {
		t.Errorf("posts belong to %d:%d", owner.Uid, owner.Gid)
	}
	for _, path := range []string{"/posts.jsonl", "/tmp/posts.jsonl", "/etc/passwd"} {
		if out, err := run("--source", "sample", "--count", "7", "--to", "file", "--out", path); err == nil || !strings.Contains(out, "read-only file system") && !strings.Contains(out, "permission denied") {
			t.Errorf("wrote to %s: %v: %s", path, err, out)
		}
	}
}
