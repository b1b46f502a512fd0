package upstream_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"tollgate/proxy/upstream"
)

// socketBody is a body that comes over a connection, and can be moved.
type socketBody struct {
	*httptest.ResponseRecorder
	c       *net.TCPConn
	left    int64
	moves   atomic.Int32
	began   func() // is called at the first of them; nil = nothing is
	refuses error  // of MoveTo, instead of moving
	bad     error  // likewise
}

func (b *socketBody) Read(p []byte) (int, error) {
	if b.left == 0 {
		return 0, io.EOF
	}
	n, err := b.c.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

func (b *socketBody) Movable() int64 { return b.left }

func (b *socketBody) MoveTo(to *net.TCPConn, n int64) (moved int64, bad, refused error) {
	if b.moves.Add(1) == 1 && b.began != nil {
		b.began()
	}
	if b.refuses != nil || b.bad != nil {
		return 0, b.bad, b.refuses
	}
	moved, err := to.ReadFrom(&io.LimitedReader{R: b.c, N: n})
	b.left -= moved
	if err == nil && moved < n {
		return moved, io.ErrUnexpectedEOF, nil
	}
	return moved, nil, err
}

func (b *socketBody) SetReadDeadline(at time.Time) error { return b.c.SetReadDeadline(at) }
func (b *socketBody) EnableFullDuplex() error            { return nil }

// clientOf is a client that sends so much and then closes, or waits for the
// end of the test.
func clientOf(t *testing.T, sends, announced int64, closes bool) *socketBody {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	near, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	far, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		_, _ = io.Copy(far, noise(sends))
		if closes {
			_ = far.Close()
		}
	}()
	t.Cleanup(func() {
		_ = far.Close()
		_ = near.Close()
		<-sent
	})
	return &socketBody{ResponseRecorder: httptest.NewRecorder(), c: near.(*net.TCPConn), left: announced}
}

func (b *socketBody) request(t *testing.T) *upstream.Outgoing {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPut, "/k", nil)
	r.ContentLength = b.left
	r.Body = struct {
		movable
		io.Closer
	}{b, io.NopCloser(nil)}
	return &upstream.Outgoing{Request: r, Target: "/k", Cut: new(upstream.Cut)}
}

type movable interface {
	io.Reader
	Movable() int64
	MoveTo(to *net.TCPConn, n int64) (moved int64, bad, refused error)
}

// TestLargeBodyIsMoved, arrives as it is, and the connection is used again. One
// that is not large is read.
func TestLargeBodyIsMoved(t *testing.T) {
	var connections atomic.Int32
	url := rawServer(t, func(_ int, c net.Conn, r *bufio.Reader) {
		connections.Add(1)
		for whole(c, r) == nil {
		}
	})
	up := newUpstream(t, upstream.Observer{}, []string{url})
	for _, row := range []struct {
		size  int64
		moved bool
	}{{1 << 10, false}, {512 << 10, false}, {768 << 10, true}, {5<<20 + 1, true}} {
		b := clientOf(t, row.size, row.size, false)
		report, err := up.Forward(b, b.request(t))
		if err != nil || b.Body.String() != noiseSum(row.size) || report.Status != 200 || (b.moves.Load() > 0) != row.moved {
			t.Errorf("%d bytes: %q, %d moves, %+v, %v", row.size, b.Body, b.moves.Load(), report, err)
		}
	}
	if n := connections.Load(); n != 1 {
		t.Errorf("%d connections", n)
	}
}

// TestMovingIsLeftWhereItCouldOutlastTheIdleTime.
func TestMovingIsLeftWhereItCouldOutlastTheIdleTime(t *testing.T) {
	url := rawServer(t, func(_ int, c net.Conn, r *bufio.Reader) { _ = whole(c, r) })
	up := newUpstream(t, upstream.Observer{}, []string{url}, idle(10*time.Second))
	b := clientOf(t, 2<<20, 2<<20, false)
	if _, err := up.Forward(b, b.request(t)); err != nil || b.Body.String() != noiseSum(2<<20) || b.moves.Load() != 0 {
		t.Errorf("%q, %d moves, %v", b.Body, b.moves.Load(), err)
	}
}

// TestMovedBodyThatBreaksOffIsNeverWhole, and the reason is the right one.
func TestMovedBodyThatBreaksOffIsNeverWhole(t *testing.T) {
	errBad := errors.New("bad")
	for _, row := range []struct {
		name string
		body func(t *testing.T) *socketBody
		cut  bool
		want error
	}{
		{"client leaves", func(t *testing.T) *socketBody { return clientOf(t, 3<<20, 5<<20, true) }, false, io.ErrUnexpectedEOF},
		{"reader refuses", func(t *testing.T) *socketBody {
			b := clientOf(t, 5<<20, 5<<20, false)
			b.bad = errBad
			return b
		}, false, errBad},
		{"server takes no more", func(t *testing.T) *socketBody {
			b := clientOf(t, 5<<20, 5<<20, false)
			b.refuses = syscall.EPIPE
			return b
		}, false, upstream.ErrUnreachable},
		{"cut", func(t *testing.T) *socketBody { return clientOf(t, 3<<20, 5<<20, false) }, true, errRevoked},
	} {
		t.Run(row.name, func(t *testing.T) {
			url, ended := serveOne(t, func(c net.Conn) error {
				r := bufio.NewReader(c)
				if row.want == upstream.ErrUnreachable { //nolint:errorlint // the row's own
					_, _ = readHead(r)
					return io.ErrUnexpectedEOF
				}
				return whole(c, r)
			})
			up := newUpstream(t, upstream.Observer{}, []string{url})
			b := row.body(t)
			out := b.request(t)
			if row.cut {
				b.began = func() { go out.Cut.Now(errRevoked) }
			}
			if report, err := up.Forward(b, out); !errors.Is(err, row.want) || report.Status != 0 || report.Attempts != 1 {
				t.Errorf("report %+v, error %v", report, err)
			}
			if err := <-ended; err == nil {
				t.Error("the server took the body for whole")
			}
		})
	}
}

// TestEarlyAnswerWhileTheBodyIsMoved reaches the client, also if that is silent.
func TestEarlyAnswerWhileTheBodyIsMoved(t *testing.T) {
	url := rawServer(t, func(_ int, c net.Conn, r *bufio.Reader) {
		_, _ = readHead(r)
		_, _ = io.CopyN(io.Discard, r, 2<<20)
		_, _ = io.WriteString(c, "HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig")
		_, _ = io.Copy(io.Discard, r)
	})
	up := newUpstream(t, upstream.Observer{}, []string{url})
	b := clientOf(t, 2<<20, 5<<20, false)
	report, err := up.Forward(b, b.request(t))
	if err != nil || report.Status != 413 || b.Body.String() != "big" || b.Header().Get("Connection") != "close" || b.moves.Load() == 0 {
		t.Errorf("%q, %v, %d moves, %+v, %v", b.Body, b.Header(), b.moves.Load(), report, err)
	}
}
