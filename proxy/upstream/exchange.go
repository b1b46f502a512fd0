package upstream

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/http/httpguts"
)

const maxAttempts = 3

// exchange is one request and its answer.
type exchange struct {
	up     *Upstream
	w      http.ResponseWriter
	out    *Outgoing
	start  time.Time
	report Report

	client  context.Context // of the request as it came
	body    *requestBody    // nil if the request has no body; else content
	content requestBody
	upload  *upload     // of the body over the line; kept for the next exchange
	line    line        // to a server, for plain requests
	writes  *writeWatch // over the client; nil = nothing that could wait was written yet
	stride  int         // in which its bytes are written
	slow    bool        // the client let the last write wait

	// shared says that net/http.Transport was used, which may hold on to the
	// exchange for longer than it lasts. All below is for that.
	shared bool

	// moved counts reads and writes of the bodies; the idle watch compares.
	moved atomic.Uint32
	// toClient says that the answer waits for the client to take it.
	toClient atomic.Bool

	// mu guards the fields below, and w while others than the goroutine of
	// Forward may use it: before the answer's head is there (informational
	// answers) and until its first body byte is (headHeld).
	mu       sync.Mutex
	timer    *time.Timer
	seen     uint32
	since    time.Time // of the last move
	attempt  *attempt  // the one under way, or the one that brought the answer
	answer   *http.Response
	headHeld bool
	stalled  error
	over     bool
}

// try is what came of an attempt.
type try struct {
	began   bool     // the first byte of an answer came
	stale   bool     // the connection had been idle before
	late    bool     // the head of the answer did not come in time
	attempt *attempt // of the Transport; nil = it was not used
	verdict *verdict // on its failure, if that was found before; nil = not yet
}

// run carries the request over and the answer back.
func (ex *exchange) run() error {
	defer ex.finish()
	ex.prepare()
	answer, err := ex.obtain()
	if err != nil {
		return err
	}
	if answer == nil {
		return ex.conclude()
	}
	ex.report.FirstByte = time.Since(ex.start)
	if answer.StatusCode == http.StatusSwitchingProtocols {
		return ex.switchProtocols(answer)
	}
	return ex.relay(answer)
}

// prepare makes what all attempts share.
func (ex *exchange) prepare() {
	r := ex.out.Request
	ex.client, ex.stride = r.Context(), firstStride
	if hasBody(r) {
		ex.body = &ex.content
		ex.body.src, ex.body.length = r.Body, r.ContentLength
		ex.body.expected = httpguts.HeaderValuesContainsToken(r.Header["Expect"], "100-continue")
	}
}

// useTransport prepares for an attempt that net/http makes.
func (ex *exchange) useTransport(a *attempt) {
	if !ex.shared {
		ex.shared = true
		if ex.out.Request.Header == nil {
			ex.out.Request.Header = make(http.Header)
		}
		tidy(ex.out.Request.Header, ex.out.Upgrade)
		ex.startWatch()
	}
	ex.mu.Lock()
	ex.attempt = a
	ex.mu.Unlock()
}

// sign lets the request be signed for a server. What an earlier attempt was
// given is left alone, since net/http may still be reading it.
func (ex *exchange) sign(s *server) {
	if ex.out.Sign == nil {
		return
	}
	if ex.report.Attempts > 1 {
		again := ex.out.Request.WithContext(ex.client)
		again.Header = again.Header.Clone()
		ex.mu.Lock()
		ex.out.Request = again
		ex.mu.Unlock()
	}
	ex.out.Sign(s.url.Host, ex.out.Request.Header)
}

// tidy keeps net/http from adding to the header and from reading meaning
// into it.
func tidy(h http.Header, upgrade string) {
	if _, ok := h["User-Agent"]; !ok {
		h["User-Agent"] = nil
	}
	// With these names net/http would send any request twice. Their lower-case
	// spelling, which is the same to the server, it does not know.
	for _, name := range [...][2]string{{"Idempotency-Key", "idempotency-key"}, {"X-Idempotency-Key", "x-idempotency-key"}} {
		if v, ok := h[name[0]]; ok {
			delete(h, name[0])
			h[name[1]] = v
		}
	}
	if upgrade != "" {
		h["Connection"] = []string{"Upgrade"}
		h["Upgrade"] = []string{upgrade}
	}
}

// finish ends the watch, and the reading of the request body, which must not
// outlive Forward.
func (ex *exchange) finish() {
	ex.hangUp()
	if ex.line.unbind != nil {
		ex.line.unbind()
	}
	_ = ex.writes.end()
	if ex.shared {
		ex.endWatch()
		ex.attempt.cancel(nil)
	}
	if ex.shared || ex.line.unbind != nil {
		_ = ex.out.Cut.letGo()
	}
	if ex.body != nil {
		ex.body.retire(ex.w, ex.ended())
	}
}

// forget lets go of all that belongs to an exchange, which was not shared.
// That is much less than clearing all of it.
func (ex *exchange) forget() {
	ex.w, ex.out, ex.client, ex.body = nil, nil, nil, nil
	ex.start, ex.writes, ex.stride, ex.slow, ex.report = time.Time{}, nil, 0, false, Report{}
	ex.line.forget()
	ex.content = requestBody{}
	if ex.upload != nil {
		ex.forgetUpload()
	}
}

// ended returns why the exchange was ended from outside, nil if it was not.
func (ex *exchange) ended() error {
	if cut := ex.out.cut(); cut != nil {
		return cut
	}
	if gone := ex.client.Err(); gone != nil {
		return clientError(gone)
	}
	return nil
}

// obtain asks servers in turn until one begins an answer, which is nil if it
// came over a line of our own.
func (ex *exchange) obtain() (*http.Response, error) {
	var tried uint64
	for {
		i := ex.up.pick(tried)
		tried |= 1 << (i & 63)
		s := ex.up.servers[i]
		ex.report.Server = s.name
		ex.report.Attempts++
		answer, t, err := ex.try(s)
		if err == nil {
			s.answered()
			return answer, nil
		}
		v := ex.judge(&t, err)
		cause := v.cause
		if v.ended || !errors.Is(cause, ErrUnreachable) && !errors.Is(cause, ErrTimeout) {
			return nil, cause // not for want of a server
		}
		if !t.began {
			s.failed()
		}
		extra := 0
		if t.stale && ex.report.Attempts == 1 {
			// The server may have closed the connection just then, as every
			// server does with idle ones.
			extra = 1
			tried &^= 1 << (i & 63)
		}
		if ex.report.Attempts >= min(maxAttempts, len(ex.up.servers)+extra) || !ex.mayRepeat(&t, err, cause) {
			return nil, cause
		}
	}
}

// try sends the request to s and waits for the head of the answer.
func (ex *exchange) try(s *server) (*http.Response, try, error) {
	if ex.isPlain(s) {
		t, err := ex.converse(s)
		if err == nil && ex.report.FirstByte == 0 {
			ex.noteHead()
		}
		return nil, t, err
	}
	a := &attempt{ex: ex}
	answer, err := a.roundTrip(s)
	if err != nil {
		a.cancel(nil)
	}
	return answer, try{a.began.Load(), a.stale.Load(), ex.late(a), a, nil}, err
}

// noteHead notes when the head of the answer was there.
func (ex *exchange) noteHead() {
	ex.report.FirstByte = time.Since(ex.start)
	ex.line.now = ex.start.Add(ex.report.FirstByte)
}

// inform passes an informational answer on, but for 100, which the client is
// sent as soon as its body is read. The header is without hop-by-hop fields.
func (ex *exchange) inform(status int, h http.Header) {
	if status == http.StatusContinue || !ex.out.Request.ProtoAtLeast(1, 1) {
		return
	}
	if ex.out.Response != nil {
		ex.out.Response(status, h)
	}
	dst := ex.w.Header()
	kept := maps.Clone(dst)
	maps.Copy(dst, h)
	ex.w.WriteHeader(status)
	clear(dst)
	maps.Copy(dst, kept)
}

// verdict says why an attempt failed, and whether the exchange was ended from
// outside.
type verdict struct {
	cause error
	ended bool
}

// judge gives the verdict on an attempt that failed.
func (ex *exchange) judge(t *try, err error) verdict {
	if t.verdict != nil {
		return *t.verdict
	}
	return verdict{ex.cause(t, err), ex.ended() != nil}
}

// cause says why an attempt failed.
func (ex *exchange) cause(t *try, err error) error {
	if ended := ex.ended(); ended != nil {
		return ended
	}
	if stalled := ex.stall(); stalled != nil {
		return stalled // which may have ended the body
	}
	if ex.body != nil {
		if bad := ex.body.fault(); bad != nil {
			return bad
		}
	}
	switch {
	case t.late:
		return fmt.Errorf("%w: no answer within %s", ErrTimeout, ex.up.cfg.Timeouts.FirstByte)
	case errors.Is(err, ErrBadRequest):
		return err
	case isTimeout(err):
		return fmt.Errorf("%w: %w", ErrTimeout, err)
	case t.began:
		return fmt.Errorf("%w: %w", ErrBadAnswer, err)
	case !sendable(ex.out.Request):
		return fmt.Errorf("%w: %w", ErrBadRequest, err)
	}
	return fmt.Errorf("%w: %w", ErrUnreachable, err)
}

func clientError(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%w: %w", ErrTimeout, err)
	}
	return fmt.Errorf("%w: %w", ErrClientGone, err)
}

// sendable repeats the checks by which net/http refuses a request without a
// word to the server, as its errors have no types.
func sendable(r *http.Request) bool {
	if r.Method != "" && !httpguts.ValidHeaderFieldName(r.Method) {
		return false
	}
	_, err := httpguts.PunycodeHostPort(r.Host)
	return err == nil && validFields(r.Header) && validFields(r.Trailer)
}

func validFields(h http.Header) bool {
	for k, vv := range h {
		if !httpguts.ValidHeaderFieldName(k) || slices.ContainsFunc(vv, func(v string) bool { return !httpguts.ValidHeaderFieldValue(v) }) {
			return false
		}
	}
	return true
}

// mayRepeat reports whether another server may get the request: no byte of an
// answer came, none of the body was taken, and the method allows it
// (RFC 9110, 9.2.2). What timed out may be repeated only if it is safe or never
// reached the server, which may else be at it yet.
func (ex *exchange) mayRepeat(t *try, err, cause error) bool {
	if t.began || ex.body != nil && !ex.body.untouched(t.attempt) {
		return false
	}
	switch ex.out.Request.Method {
	case "", http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace, "PROPFIND":
		return true
	case http.MethodPut, http.MethodDelete:
		var unsent *dialError
		return errors.As(err, &unsent) || !errors.Is(cause, ErrTimeout)
	}
	return false
}
