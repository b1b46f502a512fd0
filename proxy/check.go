package proxy

import (
	"net/http"
	"net/netip"
	"net/url"

	"tollgate/proxy/caller"
	"tollgate/tokens"
)

// Described is a request that somebody asks about.
type Described struct {
	Method  string
	Host    string
	Target  string // request-target: the path as it would come over the wire, with its query
	Header  http.Header
	Address netip.Addr // of the client; invalid = unknown
	Size    int64      // of the body in bytes; -1 = not said
}

// Verdict is how a request would be decided.
type Verdict struct {
	Allowed bool
	Rule    string // the reason for which it would be refused, as in the log; empty = it would not
	Detail  string // the same for people
}

// Check says how a request of a subject would be decided that comes as
// described, and does nothing. What only a body shows, the names in a document
// among it, is not judged.
func (g *Gateway) Check(s tokens.Subject, d Described) Verdict {
	in := &http.Request{
		Method: d.Method, Host: d.Host, RequestURI: d.Target, Header: d.Header, ContentLength: d.Size,
		URL: &url.URL{}, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Body: http.NoBody,
	}
	if in.Header == nil {
		in.Header = make(http.Header)
	}
	x := newExchange(&answer{header: make(http.Header)}, in, g.rules.Load(), g.now)
	x.origin = caller.Origin{Client: d.Address, Peer: d.Address}
	err := x.enter()
	if err == nil {
		x.caller = caller.Caller{Subject: s, Form: caller.Bearer}
		_, err = x.authorise()
	}
	if err == nil {
		return Verdict{Allowed: true}
	}
	return Verdict{Rule: denialOf(err).reason, Detail: err.Error()}
}
