package proxy

import (
	"errors"
	"net/http"
	"strings"

	"tollgate/proxy/caller"
	"tollgate/proxy/upstream"
	"tollgate/tokens"
)

// errNoGrant: forward was reached without a decision. It refuses like every
// error that nobody foresaw.
var errNoGrant = errors.New("forward without a grant")

// The headers that tell the upstream who asks.
const (
	headerUser    = "X-Gateway-User"
	headerTenant  = "X-Gateway-Tenant"
	headerTokenID = "X-Gateway-Token-Id" // #nosec G101 -- the name of a header
)

// forward sends an allowed request on: credential off, identity on.
func (g *Gateway) forward(x *exchange, grant tokens.Grant) error {
	if !grant.Given() {
		return errNoGrant
	}
	x.grant = grant
	out, err := x.outgoing(grant)
	defer x.letGo()
	if err != nil {
		return err
	}
	if err := x.checkNew(grant); err != nil {
		return err
	}
	if x.waited {
		if err := g.stillAllowed(x.in.Context(), x); err != nil {
			return err
		}
	}
	if _, err := g.callers.Tokens.Use(x.in.Context(), grant.Subject(), x.action.From); err != nil {
		return err
	}
	e := &x.guarded
	e.x, out.Cut = x, &e.cut
	defer g.watch(e).leave(e)

	err = x.send(out)
	x.count(err)
	if cause := e.cut.Cause(); err != nil && errors.Is(cause, errCutShort) {
		g.metrics.TransferCut(denialOf(errors.Unwrap(cause)).reason)
		return cause
	}
	return err
}

// send sends the request and the answer, which of a storage may have to be
// changed.
func (x *exchange) send(out *upstream.Outgoing) error {
	var err error
	if x.route.storage == nil {
		x.report, err = x.route.upstream.Forward(x.out, out)
		return err
	}
	e := &x.editor
	e.ResponseWriter, e.choose = x.out, x.chooses
	if !x.answersData() {
		masker := x.route.storage.masker
		e.masker = &masker
	}
	x.report, err = x.route.upstream.Forward(e, out)
	if err == nil {
		err = e.finish()
	}
	if err != nil && e.held() { // the client has seen nothing of that answer
		x.report.Status = 0
		h := x.out.Header()
		id := h[RequestID]
		clear(h)
		h[RequestID] = id
	}
	return err
}

// count tells how the upstream did.
func (x *exchange) count(err error) {
	if x.report.Status != 0 {
		x.route.counts.Answered(x.report.Status, x.report.FirstByte)
		return
	}
	x.route.counts.Failed(denialOf(err).reason)
}

// outgoingQuery is the query for the upstream: as it came, but for what is a
// credential.
func (x *exchange) outgoingQuery() string {
	query := x.query
	if x.route.accept.Has(caller.QueryToken) {
		query = caller.StripQuery(query)
	}
	if x.signature != nil {
		query = x.signature.Strip(query)
	}
	return query
}

// target is the request-target for the upstream: as it came, but for the
// credentials in the query.
func (x *exchange) target() string {
	query := x.onward
	if query == "" && (!x.asked || x.query != "") {
		return x.path
	}
	return x.path + "?" + query
}

// dress returns the header for the upstream. Identity is set after everything
// that the client could have asked to be removed is gone.
func (x *exchange) dress(grant tokens.Grant) http.Header {
	in := x.in.Header
	h := x.header
	listed := in["Connection"]
	for name, values := range in {
		if len(listed) == 0 && isOrdinary(name) || x.passes(name, values) {
			h[name] = values
		}
	}
	if hasListed(in["Te"], "trailers") {
		h["Te"] = []string{"trailers"}
	}
	x.dressCookie(h)
	x.dressReferer(h)

	x.identify(h, grant)
	return h
}

// identify tells the upstream who asks, from where and for what.
func (x *exchange) identify(h http.Header, grant tokens.Grant) {
	subject := grant.Subject()
	if !subject.Anonymous() {
		h[headerUser] = x.value(subject.User.Name)
	}
	if subject.Token != nil {
		h[headerTokenID] = x.value(string(subject.Token.ID))
	}
	h[headerTenant] = x.value(grant.Tenant())
	if grant.NewOnly() {
		delete(h, "If-Match")
		if op := x.operation.Name; op == "" || op == "PutObject" || op == "CompleteMultipartUpload" {
			h["If-None-Match"] = x.value("*")
		}
	}
	if x.origin.Client.IsValid() {
		h["X-Forwarded-For"] = x.value(x.clientText())
	}
	h["X-Forwarded-Host"] = x.value(x.in.Host)
	h["X-Forwarded-Proto"] = x.value(x.scheme())
}

// clientText is the client's address. Nearly always it is that of the other
// end of the connection, which is there as a text.
func (x *exchange) clientText() string {
	client := x.origin.Client
	if client == x.origin.Peer && client.Is4() {
		var room [len("255.255.255.255")]byte
		if host, _, _ := strings.Cut(x.in.RemoteAddr, ":"); host == string(client.AppendTo(room[:0])) {
			return host
		}
	}
	return client.String()
}

func (x *exchange) scheme() string {
	if x.origin.HTTPS {
		return "https"
	}
	return "http"
}

// passes reports whether a header of the client goes on to the upstream.
func (x *exchange) passes(name string, values []string) bool {
	switch fateOf(name) {
	case stops:
		return false
	case credential:
		return !x.consumes(name, values)
	case goesOn:
	}
	// What was judged nobody can have taken off again by naming it in
	// Connection, nor say in another spelling.
	if isMisspelt(name) && (x.route.storage != nil || x.only() != nil) {
		return false
	}
	return x.route.storage != nil || isJudged(name) || !hasListed(x.in.Header["Connection"], name)
}

// consumes reports whether a header is a credential in a form that counts on
// this route. Where it does not it belongs to the service behind.
func (x *exchange) consumes(name string, values []string) bool {
	accept := x.route.accept
	switch plainName(name) {
	case "authorization":
		return len(values) != 1 || accept.Has(caller.AuthorizationForm(values[0])) || accept == caller.AllForms
	case "token":
		return accept.Has(caller.TokenHeader)
	case "x-auth-token":
		return accept.Has(caller.XAuthToken)
	}
	return accept.Has(caller.GatewayToken)
}

func (x *exchange) dressCookie(h http.Header) {
	cookies := h["Cookie"]
	if len(cookies) == 0 || !x.route.accept.Has(caller.Cookie) {
		return
	}
	if len(cookies) == 1 {
		if c := caller.StripCookie(cookies[0], x.rules.cookie.Name); c == "" {
			delete(h, "Cookie")
		} else {
			h["Cookie"] = x.value(c)
		}
		return
	}
	kept := make([]string, 0, len(cookies))
	for _, c := range cookies {
		if c = caller.StripCookie(c, x.rules.cookie.Name); c != "" {
			kept = append(kept, c)
		}
	}
	if len(kept) == 0 {
		delete(h, "Cookie")
		return
	}
	h["Cookie"] = kept
}

// dressReferer keeps a token that stood in the address of a page from
// following in the next request.
func (x *exchange) dressReferer(h http.Header) {
	if len(h["Referer"]) == 0 || !x.route.accept.Has(caller.QueryToken) {
		return
	}
	referer, query, found := strings.Cut(h["Referer"][0], "?")
	if query = caller.StripQuery(query); found && query != "" {
		referer += "?" + query
	}
	h["Referer"] = []string{referer}
}

// undress makes the upstream's answer fit for the client: nothing in it is
// taken for ours, and stored content cannot act as this site.
func (x *exchange) undress(h http.Header) {
	delete(h, "Gateway-Token")
	delete(h, "Gateway-Token-Id")
	id := x.out.Header()[RequestID]
	delete(h, RequestID)
	x.out.Header()[RequestID] = id // h may be this very header
	if x.route.storage != nil {
		x.route.storage.hideKey(h)
		x.relocate(h)
		lowerMetadata(h)
	}
	x.undressCookies(h)
	x.clearCookie(h)
	if x.caller.Form == caller.QueryToken {
		h["Referrer-Policy"] = []string{"no-referrer"}
	}
	if !x.caller.Anonymous() && !x.action.Public && len(h["Cache-Control"]) == 0 {
		h["Cache-Control"] = x.value("private")
	}
	if x.sandboxes() {
		if len(h["Content-Security-Policy"]) == 0 {
			h["Content-Security-Policy"] = x.value("sandbox")
		} else {
			h.Add("Content-Security-Policy", "sandbox")
		}
		h["X-Content-Type-Options"] = x.value("nosniff")
	}
}

// lowerMetadata writes the names of metadata as S3 does: in lower case, which
// clients show as they get it. net/http has made capitals of them.
func lowerMetadata(h http.Header) {
	for name, values := range h {
		if strings.HasPrefix(name, "X-Amz-Meta-") {
			delete(h, name)
			h[strings.ToLower(name)] = values
		}
	}
}

// sandboxes reports whether the answer comes from a store that anybody may
// have written to. How the caller came does not matter: a browser adds its
// cookie to whatever else a link holds.
func (x *exchange) sandboxes() bool {
	return !x.route.trusted && (x.route.upstream.IsFolder() || x.route.storage != nil)
}

// undressCookies drops cookies of our name: whoever set one could log a
// browser in as somebody else.
func (x *exchange) undressCookies(h http.Header) {
	cookies := h["Set-Cookie"]
	if len(cookies) == 0 {
		return
	}
	kept := cookies[:0]
	for _, c := range cookies {
		if !x.rules.cookie.Names(c) {
			kept = append(kept, c)
		}
	}
	if len(kept) == 0 {
		delete(h, "Set-Cookie")
		return
	}
	h["Set-Cookie"] = kept
}
