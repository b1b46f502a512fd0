package proxy

import (
	"errors"
	"fmt"
	"io"
	"net/http"
)

// ErrBrokenBody says: the body of the request broke off or is malformed.
var ErrBrokenBody = errors.New("request body broke off")

// dressBody gives out a body whose errors are known to be the client's, and
// lets the announced trailer fields of in through to out that would pass as
// headers. What is not announced is not forwarded.
func dressBody(out, in *http.Request) {
	if in.Body == nil || in.Body == http.NoBody {
		return
	}
	out.Trailer = nil
	for name := range in.Trailer {
		if fateOf(name) != goesOn || plainName(name) == "cookie" || isJudged(http.CanonicalHeaderKey(plainName(name))) {
			continue
		}
		if out.Trailer == nil {
			out.Trailer = make(http.Header, len(in.Trailer))
		}
		out.Trailer[name] = nil
	}
	out.Body = &clientBody{ReadCloser: in.Body, from: in, trailer: out.Trailer}
}

// newClientBody gives out the body of a request without its trailer.
func newClientBody(in *http.Request) io.Reader { return &clientBody{ReadCloser: in.Body, from: in} }

// clientBody fills the trailer of the outgoing request when the body of the
// incoming one has ended: net/http knows the values only then.
type clientBody struct {
	io.ReadCloser
	from    *http.Request
	trailer http.Header // has the names that may pass
}

// Read implements io.Reader. Every error but io.EOF is an ErrBrokenBody.
func (b *clientBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	switch {
	case err == nil:
	case errors.Is(err, io.EOF):
		for name := range b.trailer {
			b.trailer[name] = b.from.Trailer[name]
		}
	default:
		err = fmt.Errorf("%w: %w", ErrBrokenBody, err)
	}
	return n, err
}
