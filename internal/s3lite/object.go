package s3lite

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// partBytes is the size of an upload's parts: with 10,000 of them, the most that
// S3 takes, an object may have 78 GiB, more than one invocation could write.
const partBytes = 8 << 20

// maxParts is what S3 takes.
const maxParts = 10_000

// abortTimeout bounds the attempt to remove what an upload has stored.
const abortTimeout = 5 * time.Second

// Open streams an object; version may be empty. The caller closes it. Errors of
// the reader are *Error too; an object that ends early is one.
func (c *Client) Open(ctx context.Context, bucket, key, version string) (io.ReadCloser, error) {
	r := &request{op: "read", method: http.MethodGet, bucket: bucket, key: key}
	if version != "" {
		r.query = url.Values{"versionId": {version}}
	}
	res, err := c.do(ctx, r)
	if err != nil {
		return nil, err
	}
	return &body{r: r, ReadCloser: res.Body}, nil
}

// body is an object on its way.
type body struct {
	io.ReadCloser
	r *request
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		err = &Error{Op: b.r.op, Bucket: b.r.bucket, Key: b.r.key, Err: err, lost: true}
	}
	return n, err
}

// Upload is an object that is being written. Nothing of it can be seen before
// Commit. It holds one part, 8 MiB, in memory.
type Upload struct {
	ctx         context.Context
	c           *Client
	bucket, key string
	contentType string
	buf         []byte
	id          string   // of the multipart upload, once there is one
	tags        []string // ETags of the parts stored
	err         error    // the first; all later calls return it
}

var errDone = errors.New("s3lite: the upload has ended")

// Create begins an object. No request is made before there is a part to store.
// Every Upload ends with Commit or Abort.
func (c *Client) Create(ctx context.Context, bucket, key, contentType string) *Upload {
	return &Upload{ctx: ctx, c: c, bucket: bucket, key: key, contentType: contentType}
}

// Write adds p to the object.
func (u *Upload) Write(p []byte) (int, error) {
	if u.err != nil {
		return 0, u.err
	}
	for rest := p; len(rest) > 0; {
		n := min(len(rest), partBytes-len(u.buf))
		u.buf = append(u.buf, rest[:n]...)
		if rest = rest[n:]; len(u.buf) == partBytes {
			if u.err = u.part(); u.err != nil {
				return len(p) - len(rest), u.err
			}
		}
	}
	return len(p), nil
}

// Commit makes the object visible, in place of one that had its key. After an
// error nothing of it is left, as far as S3 can be told.
func (u *Upload) Commit() error {
	if u.err != nil {
		return u.err
	}
	err := u.finish()
	if err != nil {
		u.Abort()
	}
	u.err = errDone
	return err
}

func (u *Upload) finish() error {
	if u.id == "" {
		_, err := u.do(http.MethodPut, nil, u.contentType, u.buf)
		return err
	}
	if len(u.buf) > 0 {
		if err := u.part(); err != nil {
			return err
		}
	}
	var doc strings.Builder
	doc.WriteString(`<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">`)
	for i, tag := range u.tags {
		fmt.Fprintf(&doc, "<Part><PartNumber>%d</PartNumber><ETag>%s</ETag></Part>", i+1, escapeXML.Replace(tag))
	}
	doc.WriteString(`</CompleteMultipartUpload>`)
	answer, err := u.do(http.MethodPost, url.Values{"uploadId": {u.id}}, "application/xml", []byte(doc.String()))
	if err != nil {
		return err
	}
	// S3 begins to answer before it knows whether it succeeds.
	if strings.Contains(string(answer.text), "<Error>") {
		return newError(&request{op: "store", bucket: u.bucket, key: u.key}, http.StatusInternalServerError, answer.text)
	}
	return nil
}

var escapeXML = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;")

// Abort drops the object. It does nothing after Commit.
func (u *Upload) Abort() {
	if u.err == errDone {
		return
	}
	if u.id != "" {
		// The context may be what ended the upload.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(u.ctx), abortTimeout)
		defer cancel()
		r := &request{op: "drop the parts of", method: http.MethodDelete, bucket: u.bucket, key: u.key, query: url.Values{"uploadId": {u.id}}}
		if res, err := u.c.do(ctx, r); err == nil { // else the bucket's lifecycle rule has to remove them
			res.Body.Close()
		}
	}
	u.err, u.buf = errDone, nil
}

// part stores the buffer as the next part.
func (u *Upload) part() error {
	if len(u.tags) == maxParts {
		return &Error{Op: "store", Bucket: u.bucket, Key: u.key, Err: fmt.Errorf("more than %d parts of %d bytes", maxParts, partBytes)}
	}
	if u.id == "" {
		answer, err := u.do(http.MethodPost, url.Values{"uploads": {""}}, u.contentType, nil)
		if err != nil {
			return err
		}
		if u.id = element(answer.text, "UploadId"); u.id == "" {
			return &Error{Op: "store", Bucket: u.bucket, Key: u.key, Err: errors.New("the answer has no upload id")}
		}
	}
	answer, err := u.do(http.MethodPut, url.Values{"partNumber": {strconv.Itoa(len(u.tags) + 1)}, "uploadId": {u.id}}, "", u.buf)
	if err != nil {
		return err
	}
	u.tags = append(u.tags, answer.tag)
	u.buf = u.buf[:0]
	return nil
}

// stored is S3's answer to a part of an upload.
type stored struct {
	tag  string
	text []byte
}

func (u *Upload) do(method string, query url.Values, contentType string, b []byte) (stored, error) {
	r := &request{op: "store", method: method, bucket: u.bucket, key: u.key, query: query, contentType: contentType, body: b}
	res, err := u.c.do(u.ctx, r)
	if err != nil {
		return stored{}, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, maxErrorBytes))
	if err != nil {
		return stored{}, &Error{Op: r.op, Bucket: u.bucket, Key: u.key, Err: err, lost: true}
	}
	return stored{res.Header.Get("ETag"), text}, nil
}
