package upstream

import (
	"context"
	"errors"
	"fmt"
	"net"
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

	client context.Context // of the request as it came
	body   *requestBody    // nil if the request has no body

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
	ended    bool
}

// run carries the request over and the answer back.
func (ex *exchange) run() error {
	ex.prepare()
	defer ex.finish()
	resp, err := ex.obtain()
	if err != nil {
		return err
	}
	ex.report.FirstByte = time.Since(ex.start)
	if resp.StatusCode == http.StatusSwitchingProtocols {
		return ex.switchProtocols(resp)
	}
	return ex.relay(resp)
}

// prepare makes what all attempts share.
func (ex *exchange) prepare() {
	r := ex.out.Request
	ex.client = r.Context()
	if r.Header == nil {
		r.Header = make(http.Header)
	}
	tidy(r.Header, ex.out.Upgrade)
	if r.Body != nil && r.Body != http.NoBody && r.ContentLength != 0 {
		ex.body = &requestBody{src: r.Body, length: r.ContentLength}
		ex.body.expected = httpguts.HeaderValuesContainsToken(r.Header["Expect"], "100-continue")
	}
	ex.startWatch()
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
	ex.endWatch()
	if ex.attempt != nil {
		ex.attempt.cancel(nil)
	}
	if ex.body != nil {
		ex.body.retire(ex.w, ex.client.Err())
	}
}

// obtain asks servers in turn until one begins an answer.
func (ex *exchange) obtain() (*http.Response, error) {
	var tried uint64
	for {
		i := ex.up.pick(tried)
		tried |= 1 << (i & 63)
		s := ex.up.servers[i]
		ex.report.Server = s.name
		ex.report.Attempts++
		a := &attempt{ex: ex}
		resp, err := a.roundTrip(s)
		if err == nil {
			s.answered()
			return resp, nil
		}
		a.cancel(nil)
		cause := ex.cause(a, err)
		if ex.client.Err() != nil || !errors.Is(cause, ErrUnreachable) && !errors.Is(cause, ErrTimeout) {
			return nil, cause // not for want of a server
		}
		if !a.began.Load() {
			s.failed()
		}
		if ex.report.Attempts >= min(maxAttempts, len(ex.up.servers)+a.extra()) || !ex.mayRepeat(a, err, cause) {
			return nil, cause
		}
		if a.extra() > 0 {
			tried &^= 1 << (i & 63)
		}
	}
}

// cause says why an attempt failed.
func (ex *exchange) cause(a *attempt, err error) error {
	if gone := ex.client.Err(); gone != nil {
		return clientError(gone)
	}
	if ex.body != nil {
		if bad := ex.body.fault(); bad != nil {
			return bad
		}
	}
	if stalled := ex.stall(); stalled != nil {
		return stalled
	}
	if ex.late(a) {
		return fmt.Errorf("%w: no answer within %s", ErrTimeout, ex.up.cfg.Timeouts.FirstByte)
	}
	var timeout net.Error
	switch {
	case errors.Is(err, ErrBadRequest):
		return err
	case errors.As(err, &timeout) && timeout.Timeout():
		return fmt.Errorf("%w: %w", ErrTimeout, err)
	case a.began.Load():
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
func (ex *exchange) mayRepeat(a *attempt, err, cause error) bool {
	if a.began.Load() || ex.body != nil && !ex.body.untouched(a) {
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
