package proxy

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"tollgate/metrics"
	"tollgate/metrics/accesslog"
	"tollgate/proxy/caller"
	"tollgate/proxy/s3"
	"tollgate/proxy/sigv4"
	"tollgate/proxy/sigv4/payload"
	"tollgate/proxy/sigv4/postpolicy"
	"tollgate/proxy/upstream"
	"tollgate/tokens"
	"tollgate/tokens/accounts"
)

// What can be wrong with a request before its credentials count. Test with
// errors.Is.
var (
	// ErrBadTarget: the request-target or the host cannot be used.
	ErrBadTarget = errors.New("bad request target")
	// ErrNoTenant: no tenant has the host of the request.
	ErrNoTenant = errors.New("host of no tenant")
	// ErrNoRoute: no route takes the request.
	ErrNoRoute = errors.New("no route")
	// ErrAmbiguousPath: a rule for paths would decide on a path that
	// somebody behind could read differently.
	ErrAmbiguousPath = errors.New("ambiguous path")
	// ErrConnection: Connection names more fields than anybody needs; each
	// would be looked for among all others.
	ErrConnection = errors.New("too many fields in Connection")
)

// listener is the name of the public listener in log and metrics.
const listener = "public"

// exchange is one request on its way: what came in, read once, and what is
// known of it so far.
type exchange struct {
	in      *http.Request
	out     *accesslog.Recorder
	rules   *Rules
	started time.Time
	now     func() time.Time

	origin  caller.Origin
	wire    string // the path of the request-target, as it came
	path    string // the same, with the bucket of the host in front
	query   string // raw, without the question mark
	onward  string // what of it goes on to the upstream; known once the credential is
	asked   bool   // there was a question mark
	upgrade string // protocol that the client asks to switch to
	place   accounts.Place
	route   *route
	caller  caller.Caller
	action  tokens.Action

	// Of a signed request, and of one to an S3 storage.
	signature *sigv4.Signature // in the header or in the query; nil = none
	form      *postpolicy.Form // that is signed; nil = none
	operation s3.Operation
	bucket    string
	trailing  []payload.Checksum // of a document that was read
	waited    bool               // for the client, or for the storage, since it was authorised

	reason  string // why it was refused; empty = it was not
	failure error  // for the log
	report  upstream.Report

	workspace
}

// begin opens the exchange of a request.
func (g *Gateway) begin(w http.ResponseWriter, r *http.Request) *exchange {
	g.public.RequestStarted()
	x := newExchange(w, r, g.rules.Load(), g.now)
	x.origin = x.rules.addresses.Of(r)
	return x
}

// enter reads where the request wants to go.
func (x *exchange) enter() error {
	if err := CheckFraming(x.out, x.in); err != nil {
		return err
	}
	if err := checkConnection(x.in.Header["Connection"]); err != nil {
		return err
	}
	if err := x.readTarget(); err != nil {
		return err
	}
	x.upgrade = upgradeOf(x.in.Header)
	if isHTTP(x.upgrade) {
		return fmt.Errorf("%w: upgrade to %q", ErrBadTarget, x.upgrade)
	}
	var ok bool
	if x.place, ok = x.rules.directory().Place(x.in.Host); !ok {
		return ErrNoTenant
	}
	var err error
	if x.route, err = x.rules.routeOf(x); err == nil {
		x.path = x.pathFor(x.route)
	}
	return err
}

// maxListed bounds the fields that Connection may name.
const maxListed = 32

func checkConnection(values []string) error {
	listed := 0
	for _, v := range values {
		if listed += 1 + strings.Count(v, ","); listed > maxListed {
			return fmt.Errorf("%w: accepted are at most %d", ErrConnection, maxListed)
		}
	}
	return nil
}

// pathFor is the path by which a route knows the request: for a storage it has
// the bucket in front that the host names, and for anybody else it is as it
// came.
func (x *exchange) pathFor(r *route) string {
	if r.storage == nil || x.place.Bucket == "" {
		return x.wire
	}
	return "/" + x.place.Bucket + x.wire
}

// readTarget splits the request-target as it came over the wire. The
// absolute-form of RFC 9112 section 3.2.2 loses its scheme and authority,
// which net/http has put into Host.
func (x *exchange) readTarget() error {
	target := x.in.RequestURI
	if x.in.Method == http.MethodConnect {
		return fmt.Errorf("%w: CONNECT", ErrBadTarget)
	}
	if !strings.HasPrefix(target, "/") {
		_, rest, absolute := strings.Cut(target, "://")
		i := strings.IndexAny(rest, "/?")
		switch {
		case !absolute:
			return fmt.Errorf("%w: only an absolute path is forwarded", ErrBadTarget)
		case i < 0:
			target = "/"
		case rest[i] == '?':
			target = "/" + rest[i:]
		default:
			target = rest[i:]
		}
	}
	if x.in.Host == "" {
		return fmt.Errorf("%w: no host", ErrBadTarget)
	}
	x.path, x.query, x.asked = strings.Cut(target, "?")
	x.wire = x.path
	return nil
}

// upgradeOf returns the protocol that a request asks to switch to, or "".
func upgradeOf(h http.Header) string {
	if len(h["Upgrade"]) != 1 || !hasListed(h["Connection"], "upgrade") {
		return ""
	}
	return h["Upgrade"][0]
}

// isHTTP reports whether a protocol carries requests of its own, which nobody
// would check: h2c, another HTTP, or TLS with either inside.
func isHTTP(protocol string) bool {
	for offered := range strings.SplitSeq(protocol, ",") {
		name, _, _ := strings.Cut(strings.Trim(offered, " \t"), "/")
		switch strings.ToLower(name) {
		case "h2c", "h2", "http", "tls":
			return true
		}
	}
	return false
}

// hasListed reports whether a comma-separated header lists a name.
func hasListed(values []string, name string) bool {
	for _, v := range values {
		for item := range strings.SplitSeq(v, ",") {
			if strings.EqualFold(strings.Trim(item, " \t"), name) {
				return true
			}
		}
	}
	return false
}

// first returns the first of the values of a header, or "".
func first(values []string) string {
	if len(values) == 0 {
		return ""
	}
	return values[0]
}

// end counts the exchange and writes its line.
func (g *Gateway) end(x *exchange) {
	took := g.now().Sub(x.started)
	status := x.out.Status()
	if !x.out.Answered() && x.reason != "" {
		status = statusClientGone
	}
	in, out := max(x.in.ContentLength, 0), x.out.Bytes()
	if g.log.Enabled(status) {
		g.record(x, status, took)
	}
	g.metrics.Decided(x.caller.Form.String(), x.reason)
	g.public.RequestFinished(metrics.Request{Method: x.in.Method, Status: status, Duration: took, BytesIn: in, BytesOut: out})
}

// record writes the line of an exchange.
func (g *Gateway) record(x *exchange, status int, took time.Duration) {
	e := accesslog.Entry{
		Time: x.started, Listener: listener, ClientIP: x.origin.Client, RequestID: first(x.out.Header()[RequestID]),
		Proto: x.in.Proto, Method: x.in.Method, Host: x.in.Host, Path: x.path,
		Status: status, Reason: x.reason, Form: x.caller.Form.String(),
		Tenant: x.place.Scope.Tenant, BytesIn: max(x.in.ContentLength, 0), BytesOut: x.out.Bytes(),
		Duration: took, UpstreamDuration: x.report.Total, UpstreamFirstByte: x.report.FirstByte,
		Server: x.report.Server, Attempts: x.report.Attempts, UserAgent: first(x.in.Header["User-Agent"]),
	}
	if x.origin.Peer != x.origin.Client {
		e.PeerIP = x.origin.Peer
	}
	if x.route != nil {
		e.Upstream = x.route.upstream.Name()
	}
	if x.caller.User != nil {
		e.User = x.caller.User.Name
	}
	if x.caller.Token != nil {
		e.TokenID = string(x.caller.Token.ID)
	}
	if x.failure != nil {
		e.Error = x.failure.Error()
	}
	g.log.Log(&e)
}
