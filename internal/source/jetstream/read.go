package jetstream

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/coder/websocket"
)

const (
	// maxFrame is the longest event that is read. A record has some hundred
	// bytes; hosts are asked not to send longer ones, and skip them.
	maxFrame = 1 << 20
	// tolerance is how much later than the position a replay may begin before
	// something is missing: hosts differ by seconds.
	tolerance = 10 * time.Second
)

var (
	errStall  = errors.New("no event came")
	errBinary = errors.New("it is binary")
)

// frameBuffer reads messages into memory that is used again.
type frameBuffer struct{ buf bytes.Buffer }

// next returns the next message, valid until the following call; nil if it was
// too long, which has been skipped.
func (f *frameBuffer) next(ctx context.Context, conn *websocket.Conn) (data []byte, kind websocket.MessageType, err error) {
	kind, r, err := conn.Reader(ctx)
	if err != nil {
		return nil, 0, err
	}
	f.buf.Reset()
	n, err := f.buf.ReadFrom(io.LimitReader(r, maxFrame+1))
	if err != nil {
		return nil, 0, err
	}
	if n > maxFrame {
		_, err := io.Copy(io.Discard, r)
		return nil, kind, err
	}
	return f.buf.Bytes(), kind, nil
}

// read hands out the connection's posts until it ends.
func (s *stream) read(ctx context.Context, conn *websocket.Conn) lost {
	// A context that is cancelled ends the connection, so it has one for itself.
	connCtx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	// Only events count as life: a host that has gone silent may still ping, and
	// one that sends nothing but garbage is of no use.
	stall := time.AfterFunc(s.stall, func() { cancel(errStall) })
	defer stall.Stop()
	var begun time.Time
	defer func() {
		if !begun.IsZero() && time.Since(begun) >= healthy {
			s.failures = 0
		}
	}()
	dated := false // an event with a time has come
	for {
		data, kind, err := s.frame.next(connCtx, conn)
		if err != nil {
			return s.whyLost(connCtx, err)
		}
		if data == nil && kind == websocket.MessageText {
			s.count(oversizedFrames)
			continue
		}
		var e event
		if err = errBinary; kind == websocket.MessageText {
			e, err = parse(data, s.wanted)
		}
		if err != nil {
			s.count(garbageFrames)
			if at := s.position.at(); at > s.garbageAt {
				s.garbageAt = at
				return lost{lostGarbage, fmt.Errorf("sent a frame that is no event: %w", err)}
			}
			// It stands in the host's history: to reconnect again would bring it
			// again.
			continue
		}
		stall.Stop() // not while the caller lets us wait
		if begun.IsZero() {
			begun = time.Now()
		}
		if e.time != 0 {
			if !dated {
				dated = true
				if err := s.begins(e.time); err != nil {
					return lost{lostHistory, err}
				}
			}
			s.position.add(e.time)
		}
		s.count(events)
		s.count(e.what)
		if e.what == posts {
			select {
			case s.items <- item{e.post, s.position.at()}:
			case <-ctx.Done():
				return lost{}
			}
		}
		stall.Reset(s.stall)
	}
}

// whyLost classifies the error that ended a connection.
func (s *stream) whyLost(ctx context.Context, err error) lost {
	var closed websocket.CloseError
	switch {
	case errors.Is(context.Cause(ctx), errStall):
		return lost{lostStalled, fmt.Errorf("%w for %v", errStall, s.stall)}
	case errors.As(err, &closed):
		return lost{lostClosed, fmt.Errorf("closed the connection with status %d %q", closed.Code, closed.Reason)}
	}
	return lost{lostBroken, fmt.Errorf("the connection broke: %w", err)}
}

// begins looks at the first time that a connection sends. An error means that
// another host may have more of what was asked for.
func (s *stream) begins(first int64) error {
	mark := s.position.mark
	switch {
	case s.asked == 0 || mark == 0:
		// Nothing before is known, so nothing can be missing.
	case first < s.asked-time.Second.Microseconds():
		// A replay begins with what was asked for; now is earlier than that.
		s.count(cursorsIgnored)
		s.tell("cursor", "%s takes the position %v for one of the future and goes on from %v; posts since the last connection may be missing",
			s.hosts[s.host].name, clock(mark), clock(first))
		s.position = position{}
	case first > mark+tolerance.Microseconds():
		// The event at the position should have come again: the host does not have
		// it any more and, without a word, begins where its history does.
		if !s.search.found(s.host, len(s.hosts), first) {
			return fmt.Errorf("its history begins at %v, %v after the position", clock(first), span(mark, first))
		}
		s.count(gaps)
		s.tell("gap", "the posts of %v, from %v to %v, are missing: no host keeps them any more", span(mark, first), clock(mark), clock(first))
		s.position = position{mark: first}
	}
	s.search = search{}
	return nil
}

func clock(us int64) string { return time.UnixMicro(us).UTC().Format(time.RFC3339) }

func span(from, to int64) time.Duration {
	return (time.Duration(to-from) * time.Microsecond).Round(time.Second)
}
