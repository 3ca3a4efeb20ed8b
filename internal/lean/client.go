package lean

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
)

// Bounds on what the server may send. Lambda's payloads have at most 6 MB, and
// the longest header (the client context) a few KB.
const (
	maxLine    = 16 << 10
	maxHeaders = 64 << 10
	maxBody    = 16 << 20
)

// client holds a connection to the Runtime API open from request to request.
type client struct {
	address string
	socket  io.ReadWriteCloser // nil: not connected
	in      *bufio.Reader
	used    bool   // the connection has carried a request before
	out     []byte // request head, used again
	body    []byte // response body, used again

	waiting func() // called once, when the next request is on its way; nil = nothing to do
}

// response is what the server sent. Its body is valid until the next request.
type response struct {
	status                       int
	requestID, deadline, traceID string
	body                         []byte

	started bool  // a byte of it has arrived
	length  int64 // of the body, -1 = up to the end of the connection
	chunked bool
	shut    bool // the server closes the connection behind it
}

// post sends a POST request and wants 202 Accepted.
func (c *client) post(path, headers string, body []byte) error {
	r, err := c.do("POST", path, headers, body)
	if err != nil {
		return err
	}
	if r.status != 202 {
		return fmt.Errorf("POST %s: status %d", path, r.status)
	}
	return nil
}

// do sends one request and reads its response. headers are complete lines. A
// connection that has been used may have been closed by the server in the mean
// time; if it ends before the first byte of a response, the request is sent
// once more over a new one. A server that has taken it before says so.
func (c *client) do(method, path, headers string, body []byte) (response, error) {
	for {
		again := c.used
		r, err := c.try(method, path, headers, body)
		if err == nil {
			return r, nil
		}
		c.close()
		if !again || r.started {
			return response{}, fmt.Errorf("%s %s: %w", method, path, err)
		}
	}
}

func (c *client) try(method, path, headers string, body []byte) (response, error) {
	if c.socket == nil {
		if err := c.connect(); err != nil {
			return response{}, err
		}
	}
	c.used = true
	c.out = append(c.out[:0], method...)
	c.out = append(append(c.out, ' '), path...)
	c.out = append(append(c.out, " HTTP/1.1\r\nHost: "...), c.address...)
	c.out = append(c.out, "\r\nUser-Agent: coldstream-lean\r\n"...)
	c.out = append(c.out, headers...)
	if method == "POST" {
		c.out = append(c.out, "Content-Length: "...)
		c.out = strconv.AppendInt(c.out, int64(len(body)), 10)
		c.out = append(c.out, "\r\n"...)
	}
	c.out = append(c.out, "\r\n"...)
	// One packet for a small answer; no copy of a large one.
	if len(body) <= maxLine {
		c.out = append(c.out, body...)
		body = nil
	}
	if _, err := c.socket.Write(c.out); err != nil {
		return response{}, err
	}
	if len(body) > 0 {
		if _, err := c.socket.Write(body); err != nil {
			return response{}, err
		}
	}
	if do := c.waiting; do != nil {
		c.waiting = nil
		do()
	}
	var r response
	err := c.read(&r)
	if err == nil && r.shut {
		c.close()
	}
	return r, err
}

func (c *client) connect() error {
	socket, err := dial(c.address)
	if err != nil {
		return err
	}
	c.socket, c.used = socket, false
	c.in = bufio.NewReaderSize(socket, maxLine)
	return nil
}

func (c *client) close() {
	if c.socket != nil {
		_ = c.socket.Close() // nothing is lost: the request is over
	}
	c.socket, c.used = nil, false
}

// read reads one response, after any number of interim (1xx) ones.
func (c *client) read(r *response) error {
	if _, err := c.in.Peek(1); err != nil {
		return noEOF(err)
	}
	budget := maxHeaders
	for {
		*r = response{started: true, length: -1}
		if err := c.readHead(r, &budget); err != nil {
			return err
		}
		if r.status >= 200 {
			break
		}
	}
	c.body = c.body[:0]
	var err error
	switch {
	case r.status == 204 || r.status == 304:
	case r.chunked:
		err = c.readChunks(&budget)
	case r.length >= 0:
		err = c.readBody(r.length)
	default:
		r.shut = true
		err = c.readRest()
	}
	r.body = c.body
	return err
}

// line reads a line without its end.
func (c *client) line(budget *int) ([]byte, error) {
	l, err := c.in.ReadSlice('\n')
	if *budget -= len(l); *budget < 0 || errors.Is(err, bufio.ErrBufferFull) {
		return nil, errors.New("response has too long headers")
	}
	if err != nil {
		return nil, noEOF(err)
	}
	return bytes.TrimSuffix(l[:len(l)-1], []byte{'\r'}), nil
}

// noEOF makes an end in the middle of a response an error of its own.
func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// readHead reads the status line and the headers.
func (c *client) readHead(r *response, budget *int) error {
	l, err := c.line(budget)
	if err != nil {
		return err
	}
	// HTTP/1.x NNN REASON
	if len(l) < 12 || string(l[:7]) != "HTTP/1." || l[8] != ' ' || len(l) > 12 && l[12] != ' ' {
		return errors.New("response is not HTTP/1")
	}
	if r.status, err = strconv.Atoi(string(l[9:12])); err != nil || r.status < 100 {
		return errors.New("response has no status")
	}
	r.shut = l[7] == '0'
	for {
		l, err := c.line(budget)
		if err != nil || len(l) == 0 {
			return err
		}
		name, value, ok := bytes.Cut(l, []byte{':'})
		if !ok || len(name) == 0 || name[0] == ' ' || name[0] == '\t' {
			return errors.New("response has a broken header")
		}
		if err := r.header(name, bytes.Trim(value, " \t")); err != nil {
			return err
		}
	}
}

// header notes one header of the response.
func (r *response) header(name, value []byte) error {
	is := func(want string) bool { return bytes.EqualFold(name, []byte(want)) }
	switch {
	case is("Lambda-Runtime-Aws-Request-Id"):
		for _, b := range value { // it becomes part of a path
			if b <= ' ' || b >= 0x7f || b == '/' || b == '?' || b == '#' {
				return errors.New("response has a broken request id")
			}
		}
		r.requestID = string(value)
	case is("Lambda-Runtime-Deadline-Ms"):
		r.deadline = string(value)
	case is("Lambda-Runtime-Trace-Id"):
		r.traceID = string(value)
	case is("Content-Length"):
		n, err := strconv.ParseUint(string(value), 10, 63)
		if err != nil || r.length >= 0 && r.length != int64(n) {
			return errors.New("response has a broken content length")
		}
		r.length = int64(n)
	case is("Transfer-Encoding"):
		if !bytes.EqualFold(value, []byte("chunked")) {
			return fmt.Errorf("response has transfer encoding %q, want chunked", value)
		}
		r.chunked = true
	case is("Connection"):
		if bytes.EqualFold(value, []byte("close")) {
			r.shut = true
		}
	}
	return nil
}

// readBody appends n bytes to the body. It never allocates more than twice what
// has arrived, whatever n claims.
func (c *client) readBody(n int64) error {
	if n > maxBody-int64(len(c.body)) {
		return fmt.Errorf("response has more than %d bytes", maxBody)
	}
	for n > 0 {
		from := len(c.body)
		part := int(min(n, int64(max(from, maxHeaders))))
		c.body = slices.Grow(c.body, part)[:from+part]
		if _, err := io.ReadFull(c.in, c.body[from:]); err != nil {
			return noEOF(err)
		}
		n -= int64(part)
	}
	return nil
}

// readChunks reads a chunked body and drops its trailers.
func (c *client) readChunks(budget *int) error {
	for {
		*budget = maxHeaders
		l, err := c.line(budget)
		if err != nil {
			return err
		}
		size, _, _ := bytes.Cut(l, []byte{';'})
		n, err := strconv.ParseUint(string(bytes.Trim(size, " \t")), 16, 63)
		if err != nil {
			return errors.New("response has a broken chunk")
		}
		if n == 0 {
			break
		}
		if err := c.readBody(int64(n)); err != nil {
			return err
		}
		if l, err = c.line(budget); err != nil || len(l) > 0 {
			return errors.New("response has a broken chunk")
		}
	}
	for {
		if l, err := c.line(budget); err != nil || len(l) == 0 {
			return err
		}
	}
}

// readRest reads a body that ends with the connection.
func (c *client) readRest() error {
	for {
		c.body = slices.Grow(c.body, maxLine)
		n, err := c.in.Read(c.body[len(c.body):cap(c.body)])
		if c.body = c.body[:len(c.body)+n]; len(c.body) > maxBody {
			return fmt.Errorf("response has more than %d bytes", maxBody)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
