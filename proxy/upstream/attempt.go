package upstream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"net/url"
	"sync/atomic"
	"time"
)

// maxInformational bounds the informational answers (1xx) before the final
// one.
const maxInformational = 16

var errTooManyInformational = fmt.Errorf("more than %d informational answers", maxInformational)

// errNotWanted is what a server's connection reads from a body that is no
// longer, or not yet, meant for it.
var errNotWanted = errors.New("request body is not wanted")

// errLate is why a context ends whose answer's head is late.
var errLate = errors.New("answer is late")

// attempt is one try to send a request. It is the request's Body for net/http,
// which may go on reading after the answer came or the attempt failed.
type attempt struct {
	ex       *exchange
	url      url.URL
	trace    httptrace.ClientTrace
	began    atomic.Bool     // the first byte of an answer came
	wrote    atomic.Int64    // when the request was sent, since the exchange began; 0 = not yet
	ctx      context.Context // of the round trip and of the answer's body
	cancel   context.CancelCauseFunc
	timedOut bool        // the head was late; guarded by ex.mu
	stale    atomic.Bool // the connection had been idle before
	armed    reset

	proceed chan struct{} // closed when it is clear what the server says to Expect
	said    bool          // proceed is closed; guarded by ex.mu
	over    bool          // the round trip is over; guarded by ex.mu
	infos   int           // guarded by ex.mu
}

// roundTrip sends the request to s and returns the head of its answer.
func (a *attempt) roundTrip(s *server) (*http.Response, error) {
	ex := a.ex
	ctx, cancel := context.WithCancelCause(ex.client)
	a.ctx, a.cancel = ctx, cancel
	ex.useTransport(a)
	if err := ex.out.Cut.bind(cancel); err != nil {
		return nil, err
	}
	ex.sign(s)
	in := ex.out.Request
	if err := setTarget(&a.url, s.url, ex.out.Target, in.Host); err != nil {
		return nil, err
	}
	a.trace.GotConn = a.gotConn
	a.trace.WroteRequest = a.wroteRequest
	a.trace.GotFirstResponseByte = a.firstByte
	a.trace.Got1xxResponse = a.informational
	req := in.WithContext(httptrace.WithClientTrace(ctx, &a.trace))
	req.URL = &a.url
	// The Transport may go on reading it when the exchange is over and whoever
	// made it uses its memory for another.
	req.Header = in.Header.Clone()
	// What a request that was received still carries would change what is sent.
	req.Proto, req.ProtoMajor, req.ProtoMinor = "HTTP/1.1", 1, 1
	req.Close, req.TransferEncoding, req.GetBody = false, nil, nil
	req.Body, req.ContentLength = nil, 0
	if ex.body != nil {
		ex.body.give(a)
		req.Body, req.ContentLength = a, ex.body.length
		if ex.body.expected {
			a.proceed = make(chan struct{})
		}
		if ex.body.length < 0 {
			// Else net/http would read ahead to see whether there is a body,
			// before the server has approved of it.
			req.TransferEncoding = []string{"chunked"}
		}
	}
	resp, err := s.transport.RoundTrip(req)
	ex.mu.Lock()
	a.over = true
	a.settle()
	ex.mu.Unlock()
	return resp, err
}

func (a *attempt) firstByte() { a.began.Store(true) }

func (a *attempt) wroteRequest(info httptrace.WroteRequestInfo) {
	a.wrote.Store(int64(max(time.Since(a.ex.start), 1)))
	if info.Err == nil {
		a.armed.disarm()
	}
}

// timeOut ends an attempt whose answer's head is late. The caller holds ex.mu.
func (a *attempt) timeOut() {
	a.timedOut = true
	a.cancel(errLate)
}

// late reports whether the attempt was ended by timeOut.
func (ex *exchange) late(a *attempt) bool {
	ex.mu.Lock()
	defer ex.mu.Unlock()
	return a.timedOut
}

func (a *attempt) gotConn(info httptrace.GotConnInfo) {
	a.stale.Store(info.Reused)
	if a.ex.body != nil {
		a.armed.arm(info.Conn)
	}
}

// settle lets a waiting body go. The caller holds ex.mu.
func (a *attempt) settle() {
	if a.proceed != nil && !a.said {
		a.said = true
		close(a.proceed)
	}
}

// informational takes an informational answer and passes it on, but for 100,
// which the client is sent as soon as its body is read.
func (a *attempt) informational(code int, header textproto.MIMEHeader) error {
	ex := a.ex
	ex.mu.Lock()
	defer ex.mu.Unlock()
	a.settle()
	if a.infos++; a.infos > maxInformational {
		return errTooManyInformational
	}
	if a.over {
		return nil
	}
	h := http.Header(header)
	removeHopByHop(h)
	ex.inform(code, h)
	return nil
}

// Read implements io.Reader for net/http.
func (a *attempt) Read(p []byte) (int, error) {
	b := a.ex.body
	if a.proceed != nil && a.began.Load() && b.untouchedYet() {
		// Something came before the body was asked for. If it is the final
		// answer the client must not be told to go on.
		<-a.proceed
		a.ex.mu.Lock()
		over := a.over
		a.ex.mu.Unlock()
		if over {
			return 0, errNotWanted
		}
	}
	n, err := b.read(a, p)
	if n > 0 || errors.Is(err, io.EOF) {
		a.ex.moved.Add(1)
	}
	return n, err
}

// Close implements io.Closer for net/http. The body stays open for another
// attempt; its owner closes it.
func (a *attempt) Close() error { return nil }
