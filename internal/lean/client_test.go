package lean

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// scripted answers the requests of one client with the given responses, byte
// for byte; "" closes the connection without one.
func scripted(t *testing.T, responses ...string) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for len(responses) > 0 {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			in := bufio.NewReader(conn)
			for len(responses) > 0 {
				r, err := http.ReadRequest(in)
				if err != nil {
					break
				}
				_, _ = io.Copy(io.Discard, r.Body)
				answer := responses[0]
				responses = responses[1:]
				_, _ = io.WriteString(conn, answer)
				if answer == "" || strings.Contains(answer, "Connection: close") || strings.HasPrefix(answer, "HTTP/1.0") {
					break
				}
			}
			_ = conn.Close()
		}
	}()
	return l.Addr().String()
}

func TestBodiesOfEveryForm(t *testing.T) {
	for name, c := range map[string]struct{ response, body string }{
		"length":           {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", "abc"},
		"no reason":        {"HTTP/1.1 200\r\ncontent-length:3\r\n\r\nabc", "abc"},
		"bare line ends":   {"HTTP/1.1 200 OK\nContent-Length: 3\n\nabc", "abc"},
		"same length":      {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc", "abc"},
		"chunks":           {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n2;x=y\r\nbc\r\n0\r\n\r\n", "abc"},
		"trailers":         {"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n03\r\nabc\r\n0\r\nA: b\r\nC: d\r\n\r\n", "abc"},
		"interim response": {"HTTP/1.1 100 Continue\r\nA: b\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", "abc"},
		"no content":       {"HTTP/1.1 204 No Content\r\n\r\n", ""},
		"up to the end":    {"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabc", "abc"},
		"old version":      {"HTTP/1.0 200 OK\r\n\r\nabc", "abc"},
	} {
		t.Run(name, func(t *testing.T) {
			c2 := client{address: scripted(t, c.response, "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")}
			defer c2.close()
			r, err := c2.do("GET", "/", "", nil)
			if err != nil {
				t.Fatal(err)
			}
			if string(r.body) != c.body {
				t.Errorf("body %q, want %q", r.body, c.body)
			}
			if err := c2.post("/", "", []byte("next")); err != nil {
				t.Errorf("next request: %v", err)
			}
		})
	}
}

func TestBrokenResponsesAreErrors(t *testing.T) {
	for name, sent := range map[string]string{
		"not HTTP":            "SSH-2.0-x\r\n\r\n",
		"no status":           "HTTP/1.1 abc OK\r\n\r\n",
		"short status line":   "HTTP/1.1 20\r\n\r\n",
		"no colon":            "HTTP/1.1 200 OK\r\nabc\r\n\r\n",
		"folded header":       "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n",
		"negative length":     "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
		"two lengths":         "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
		"huge length":         "HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775807\r\n\r\n",
		"length over bounds":  "HTTP/1.1 200 OK\r\nContent-Length: 16777217\r\n\r\n",
		"huge chunk":          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7fffffffffffffff\r\n",
		"broken chunk":        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
		"chunk without end":   "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n0\r\n\r\n",
		"unknown encoding":    "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
		"long header":         "HTTP/1.1 200 OK\r\nA: " + strings.Repeat("b", maxLine) + "\r\n\r\n",
		"many headers":        "HTTP/1.1 200 OK\r\n" + strings.Repeat("A: b\r\n", maxHeaders/6) + "\r\n",
		"many interim ones":   strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", maxHeaders/20),
		"cut in status line":  "HTTP/1.1 2",
		"cut in headers":      "HTTP/1.1 200 OK\r\nContent-Le",
		"cut in body":         "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc",
		"cut in chunk":        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nabc",
		"cut in chunk's size": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9",
	} {
		c := client{in: bufio.NewReaderSize(strings.NewReader(sent), maxLine)}
		var r response
		if err := c.read(&r); err == nil {
			t.Errorf("%s: taken as status %d, body %q", name, r.status, r.body)
		} else if err == io.EOF {
			t.Errorf("%s: plain EOF", name)
		}
		if cap(c.body) > 1<<20 {
			t.Errorf("%s: %d bytes allocated", name, cap(c.body))
		}
	}
}

func TestClosedConnectionIsOpenedAgain(t *testing.T) {
	ok := "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"
	c := client{address: scripted(t, ok, "", ok, "HTTP/1.1 202 Accepted\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", ok)}
	defer c.close()
	for i := range 4 {
		if err := c.post("/", "", []byte("x")); err != nil {
			t.Fatalf("request %d: %v", i, err)
		}
	}
}

func TestNewConnectionThatSaysNothingIsAnError(t *testing.T) {
	c := client{address: scripted(t, "", "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")}
	defer c.close()
	if err := c.post("/", "", nil); err == nil {
		t.Error("no error")
	}
}

// FuzzRead wants bounded memory and a clean error whatever the server sends,
// and net/http's reading where that takes the same bytes.
func FuzzRead(f *testing.F) {
	f.Add([]byte("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nLambda-Runtime-Aws-Request-Id: a\r\n\r\nabc"))
	f.Add([]byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n2;x=y\r\nbc\r\n0\r\nA: b\r\n\r\n"))
	f.Add([]byte("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 200 OK\r\n\r\nabc"))
	f.Fuzz(func(t *testing.T, b []byte) {
		c := client{in: bufio.NewReaderSize(bytes.NewReader(b), maxLine)}
		var r response
		err := c.read(&r)
		if cap(c.body) > 4*len(b)+4*maxHeaders {
			t.Fatalf("%d bytes allocated for %d", cap(c.body), len(b))
		}
		if err != nil {
			return
		}
		want, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(b)), nil)
		if err != nil || want.StatusCode < 200 {
			return
		}
		body, err := io.ReadAll(want.Body)
		if err == nil && want.ProtoAtLeast(1, 1) && want.StatusCode == r.status && (r.length >= 0 || r.chunked) && !bytes.Equal(body, r.body) {
			t.Fatalf("body %q, want %q", r.body, body)
		}
	})
}

func TestAnInvocationAllocatesLittle(t *testing.T) {
	ok := "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"
	stream := strings.NewReader(strings.Repeat(ok, 200))
	c := client{socket: pipe{stream}, in: bufio.NewReaderSize(stream, maxLine)}
	if n := testing.AllocsPerRun(100, func() {
		if _, err := c.do("GET", "/", "", nil); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("%v allocations for a request", n)
	}
}

// pipe takes requests and leaves the responses to the client's reader.
type pipe struct{ io.Reader }

func (pipe) Write(p []byte) (int, error) { return len(p), nil }
func (pipe) Close() error                { return nil }
