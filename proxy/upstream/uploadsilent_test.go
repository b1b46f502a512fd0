package upstream_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"tollgate/proxy/upstream"
)

// deadlined is a body, and the writer whose read deadline ends its reads.
type deadlined struct {
	*httptest.ResponseRecorder
	first   io.Reader
	reading chan struct{} // a read waits
	past    chan struct{} // the deadline is over
	closed  atomic.Bool
}

func newDeadlined(first string) *deadlined {
	return &deadlined{httptest.NewRecorder(), strings.NewReader(first), make(chan struct{}, 8), make(chan struct{}), atomic.Bool{}}
}

func (d *deadlined) Read(p []byte) (int, error) {
	if n, _ := d.first.Read(p); n > 0 {
		return n, nil
	}
	d.reading <- struct{}{}
	<-d.past
	return 0, context.DeadlineExceeded
}

func (d *deadlined) SetReadDeadline(at time.Time) error {
	if time.Until(at) <= 0 && d.closed.CompareAndSwap(false, true) {
		close(d.past)
	}
	return nil
}

func (d *deadlined) EnableFullDuplex() error { return nil }

// TestCutWhileTheClientIsSilent ends the wait for it, before the head and
// after.
func TestCutWhileTheClientIsSilent(t *testing.T) {
	for _, first := range []string{"", "hello"} {
		for _, by := range []string{"cut", "context"} {
			t.Run(first+" "+by, func(t *testing.T) {
				url := rawServer(t, func(_ int, _ net.Conn, r *bufio.Reader) { _, _ = io.Copy(io.Discard, r) })
				up := newUpstream(t, upstream.Observer{}, []string{url})
				d := newDeadlined(first)
				out := put(t, d, 100)
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				out.Request, out.Cut = out.Request.WithContext(ctx), new(upstream.Cut)
				go func() {
					<-d.reading
					if by == "cut" {
						out.Cut.Now(errRevoked)
					} else {
						cancel(nil)
					}
				}()
				report, err := up.Forward(d, out)
				if want := map[string]error{"cut": errRevoked, "context": upstream.ErrClientGone}[by]; !errors.Is(err, want) || report.Status != 0 {
					t.Errorf("report %+v, error %v", report, err)
				}
			})
		}
	}
}

// TestClientThatStandsStillIsBlamed where nothing ends its context.
func TestClientThatStandsStillIsBlamed(t *testing.T) {
	for _, first := range []string{"", "hello"} {
		url, ended := serveOne(t, func(c net.Conn) error {
			_, err := io.Copy(io.Discard, c)
			return err
		})
		up := newUpstream(t, upstream.Observer{}, []string{url}, idle(80*time.Millisecond))
		d := newDeadlined(first)
		if report, err := up.Forward(d, put(t, d, 100)); !errors.Is(err, upstream.ErrClientGone) || report.Status != 0 {
			t.Errorf("after %q: report %+v, error %v", first, report, err)
		}
		if err := <-ended; !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("after %q: the server saw %v, want a reset", first, err)
		}
	}
}

// TestAnswerOfAServerThatClosesAtOnce arrives, although the body cannot be
// sent on.
func TestAnswerOfAServerThatClosesAtOnce(t *testing.T) {
	url := rawServer(t, func(_ int, c net.Conn, r *bufio.Reader) {
		_, _ = readHead(r)
		_, _ = io.WriteString(c, "HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig")
		// The rest is not read, so that the end is a reset.
	})
	up := newUpstream(t, upstream.Observer{}, []string{url})
	for range 20 {
		w := httptest.NewRecorder()
		report, err := up.Forward(w, put(t, noise(big), big))
		if err != nil || w.Code != 413 || w.Body.String() != "big" || w.Header().Get("Connection") != "close" || report.Attempts != 1 {
			t.Fatalf("%d %q, %+v, %v", w.Code, w.Body, report, err)
		}
	}
}

// TestConnectionAfterALargeBodyEndsInOrder: only one of which something is
// missing ends in a reset.
func TestConnectionAfterALargeBodyEndsInOrder(t *testing.T) {
	url, ended := serveOne(t, func(c net.Conn) error {
		r := bufio.NewReader(c)
		for {
			if err := whole(c, r); err != nil {
				return err
			}
		}
	})
	up := newUpstream(t, upstream.Observer{}, []string{url})
	if _, err := up.Forward(httptest.NewRecorder(), put(t, noise(1<<20), 1<<20)); err != nil {
		t.Fatal(err)
	}
	up.Close()
	if err := <-ended; !errors.Is(err, io.EOF) {
		t.Errorf("the connection ended with %v", err)
	}
}
