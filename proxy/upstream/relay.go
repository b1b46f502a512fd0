package upstream

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// relay sends an answer to the client.
func (ex *exchange) relay(resp *http.Response) error {
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode < 200 {
		return fmt.Errorf("%w: status %03d", ErrBadAnswer, resp.StatusCode)
	}
	announced := len(resp.Trailer)
	ex.sendHead(resp)
	if resp.Body == http.NoBody || resp.ContentLength == 0 {
		return nil
	}
	ex.watchAnswer(resp)
	if err := ex.copyBody(resp); err != nil {
		return err
	}
	if len(resp.Trailer) > 0 {
		ex.sendTrailer(resp.Trailer, announced)
	}
	ex.endWatch()
	return ex.stall()
}

// sendHead writes the answer's head, as far as w does not hold it back.
func (ex *exchange) sendHead(resp *http.Response) {
	h := resp.Header
	removeHopByHop(h)
	if ex.out.Response != nil {
		ex.out.Response(resp.StatusCode, h)
	}
	dst := ex.w.Header()
	maps.Copy(dst, h)
	if _, ok := h["Content-Type"]; !ok {
		dst["Content-Type"] = nil // or the server would guess one
	}
	if len(resp.Trailer) > 0 {
		dst["Trailer"] = slices.Sorted(maps.Keys(resp.Trailer))
	}
	if ex.body != nil && !ex.body.done() {
		ex.answerEarly(dst)
	}
	ex.report.Status = resp.StatusCode
	ex.w.WriteHeader(resp.StatusCode)
}

// answerEarly prepares for an answer that comes before the request was read.
// An HTTP/1 server would read the rest of the body first, and ask for it if
// the client waits for 100 Continue.
func (ex *exchange) answerEarly(dst http.Header) {
	// A server that cannot do without the rest reads it; that is only slower.
	_ = http.NewResponseController(ex.w).EnableFullDuplex()
	if ex.out.Request.ProtoMajor < 2 {
		dst["Connection"] = []string{"close"}
	}
}

// copyBody copies the answer's body. Where the end is not known beforehand it
// passes on at once whatever comes.
func (ex *exchange) copyBody(resp *http.Response) error {
	flush := resp.ContentLength < 0 || isEventStream(resp.Header["Content-Type"])
	control := http.NewResponseController(ex.w)
	buf := headBuffers.Get().(*[pieceSize]byte)
	defer headBuffers.Put(buf)
	for first := true; ; first = false {
		n, err := resp.Body.Read(buf[:])
		if first {
			ex.releaseHead()
		}
		if n > 0 {
			if werr := ex.write(control, buf[:n], flush && err == nil); werr != nil {
				return werr
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return ex.broken(err)
		}
	}
}

// write sends a piece of the answer's body to the client.
func (ex *exchange) write(control *http.ResponseController, p []byte, flush bool) error {
	ex.moved.Add(1)
	ex.toClient.Store(true)
	n, err := ex.w.Write(p)
	if err == nil && flush {
		err = control.Flush()
	}
	ex.toClient.Store(false)
	ex.moved.Add(1)
	ex.report.Bytes += int64(n)
	if err != nil {
		if stalled := ex.stall(); stalled != nil {
			return stalled
		}
		return fmt.Errorf("%w: %w", ErrClientGone, err)
	}
	return nil
}

// broken says why reading the answer's body failed.
func (ex *exchange) broken(err error) error {
	if stalled := ex.stall(); stalled != nil {
		return stalled
	}
	if ended := ex.ended(); ended != nil {
		return ended
	}
	if ex.body != nil {
		if bad := ex.body.fault(); bad != nil {
			return bad
		}
	}
	return fmt.Errorf("%w: %w", ErrBrokenAnswer, err)
}

// isEventStream takes the values of Content-Type.
func isEventStream(v []string) bool {
	const kind = "text/event-stream"
	return len(v) > 0 && len(v[0]) >= len(kind) && strings.EqualFold(v[0][:len(kind)], kind)
}

// sendTrailer passes the trailer on. Fields that were not announced need
// net/http's prefix.
func (ex *exchange) sendTrailer(trailer http.Header, announced int) {
	dst := ex.w.Header()
	for k, vv := range trailer {
		if !httpguts.ValidTrailerHeader(k) || k == "Set-Cookie" {
			continue
		}
		if len(trailer) != announced {
			k = http.TrailerPrefix + k
		}
		dst[k] = vv
	}
	// A short body may still be whole in the server's buffers, which would
	// then send it with a length and drop the trailer.
	_ = http.NewResponseController(ex.w).Flush()
}

// removeHopByHop removes the fields that hold for the connection only
// (RFC 9110, 7.6.1), and those that Connection names.
func removeHopByHop(h http.Header) {
	for _, field := range h["Connection"] {
		for name := range strings.SplitSeq(field, ",") {
			h.Del(strings.TrimSpace(name))
		}
	}
	for _, name := range [...]string{
		"Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Connection",
		"Te", "Trailer", "Transfer-Encoding", "Upgrade",
	} {
		delete(h, name)
	}
}
