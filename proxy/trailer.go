package proxy

import (
	"io"
	"net/http"
)

// dressTrailer lets the announced trailer fields of in through to out that
// would pass as headers. What is not announced is not forwarded.
func dressTrailer(out, in *http.Request) {
	out.Trailer = nil
	for name := range in.Trailer {
		if fateOf(name) != goesOn {
			continue
		}
		if out.Trailer == nil {
			out.Trailer = make(http.Header, len(in.Trailer))
		}
		out.Trailer[name] = nil
	}
	if out.Trailer != nil {
		out.Body = &trailerBody{ReadCloser: in.Body, from: in, to: out.Trailer}
	}
}

// trailerBody fills the trailer of the outgoing request when the body of the
// incoming one has ended: net/http knows the values only then.
type trailerBody struct {
	io.ReadCloser
	from *http.Request
	to   http.Header // has the names that may pass
}

// Read implements io.Reader.
func (b *trailerBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err == io.EOF { //nolint:errorlint // a Reader must return io.EOF itself
		for name := range b.to {
			b.to[name] = b.from.Trailer[name]
		}
	}
	return n, err
}
