package proxy

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"tollgate/proxy/caller"
	"tollgate/proxy/upstream"
	"tollgate/tokens"
	"tollgate/tokens/accounts"
)

// RequestID is the header of every answer that names it in the log.
const RequestID = "Gateway-Request-Id"

// A denial is how a request ends that is not served. The reason is for log
// and metric; the client learns the status and what its code says, which
// does not tell an unknown credential from an ended one.
type denial struct {
	err    error
	reason string
	status int
	code   string // stable, for programs
	s3     string // code of S3's error answers
}

const (
	codeUnauthenticated = "unauthenticated"
	codeForbidden       = "forbidden"
	codeBadRequest      = "bad_request"
	codeNotFound        = "not_found"
	codeUnavailable     = "unavailable"
	codeUpstream        = "upstream_failed"
)

// statusClientGone is what log and metric say of a request that ended without
// an answer, since the client did not wait or was cut. No answer carries it.
const statusClientGone = 499

// denials is the closed list of reasons, the more specific errors first.
var denials = [...]denial{
	{errCutShort, "cut", 0, "", ""},
	{ErrFraming, "conflicting_lengths", http.StatusBadRequest, codeBadRequest, "InvalidRequest"},
	{ErrAmbiguousPath, "ambiguous_path", http.StatusBadRequest, codeBadRequest, "InvalidURI"},
	{ErrBadDestination, "bad_destination", http.StatusBadRequest, codeBadRequest, "InvalidArgument"},
	{ErrBadTarget, "bad_target", http.StatusBadRequest, codeBadRequest, "InvalidURI"},
	{caller.ErrAmbiguous, "ambiguous_credentials", http.StatusBadRequest, codeBadRequest, "InvalidRequest"},
	{ErrNoTenant, "no_tenant", http.StatusNotFound, codeNotFound, "NoSuchBucket"},
	{ErrNoRoute, "no_route", http.StatusNotFound, codeNotFound, "NoSuchBucket"},
	{tokens.ErrExpired, "expired", http.StatusUnauthorized, codeUnauthenticated, "ExpiredToken"},
	{tokens.ErrRevoked, "revoked", http.StatusUnauthorized, codeUnauthenticated, "InvalidAccessKeyId"},
	{tokens.ErrOwnerGone, "owner_gone", http.StatusUnauthorized, codeUnauthenticated, "InvalidAccessKeyId"},
	{tokens.ErrUnknown, "unknown_token", http.StatusUnauthorized, codeUnauthenticated, "InvalidAccessKeyId"},
	{tokens.ErrSigningOnly, "signing_only", http.StatusUnauthorized, codeUnauthenticated, "AccessDenied"},
	{caller.ErrConflictingCookies, "conflicting_cookies", http.StatusUnauthorized, codeUnauthenticated, "AccessDenied"},
	{caller.ErrMalformed, "malformed_credential", http.StatusUnauthorized, codeUnauthenticated, "AccessDenied"},
	{accounts.ErrBadPassword, "bad_password", http.StatusUnauthorized, codeUnauthenticated, "AccessDenied"},
	{accounts.ErrBusy, "password_check_busy", http.StatusTooManyRequests, codeUnavailable, "SlowDown"},
	{tokens.ErrAnonymous, "no_credential", http.StatusUnauthorized, codeUnauthenticated, "AccessDenied"},
	{caller.ErrSignature, "signature_unsupported", http.StatusForbidden, codeForbidden, "AccessDenied"},
	{caller.ErrCrossSite, "cross_site", http.StatusForbidden, codeForbidden, "AccessDenied"},
	{tokens.ErrOtherTenant, "other_tenant", http.StatusForbidden, codeForbidden, "AccessDenied"},
	{tokens.ErrOutOfScope, "out_of_scope", http.StatusForbidden, codeForbidden, "AccessDenied"},
	{tokens.ErrPermission, "permission", http.StatusForbidden, codeForbidden, "AccessDenied"},
	{ErrBrokenBody, "broken_body", http.StatusBadRequest, codeBadRequest, "IncompleteBody"},
	{upstream.ErrBadRequest, "bad_request", http.StatusBadRequest, codeBadRequest, "InvalidRequest"},
	{upstream.ErrClientGone, "client_gone", statusClientGone, "", ""},
	{upstream.ErrBrokenAnswer, "upstream_broken_answer", http.StatusBadGateway, codeUpstream, "ServiceUnavailable"},
	{upstream.ErrTimeout, "upstream_timeout", http.StatusGatewayTimeout, codeUpstream, "ServiceUnavailable"},
	{upstream.ErrBadAnswer, "upstream_bad_answer", http.StatusBadGateway, codeUpstream, "ServiceUnavailable"},
	{upstream.ErrUnreachable, "upstream_unreachable", http.StatusBadGateway, codeUpstream, "ServiceUnavailable"},
	{tokens.ErrStoreClosed, "store_unavailable", http.StatusServiceUnavailable, codeUnavailable, "ServiceUnavailable"},
	{context.Canceled, "client_gone", statusClientGone, "", ""},
}

// unknownDenial is for an error that nobody foresaw, a store that fails among
// them: refused, never passed.
var unknownDenial = denial{reason: "internal", status: http.StatusServiceUnavailable, code: codeUnavailable, s3: "ServiceUnavailable"}

// errCutShort marks the end of an exchange whose token no longer holds.
var errCutShort = errors.New("cut short")

// Is makes a cutError the denial of its own.
func (e *cutError) Is(target error) bool { return target == errCutShort }

func denialOf(err error) denial {
	for _, d := range denials {
		if errors.Is(err, d.err) {
			return d
		}
	}
	return unknownDenial
}

// isVerdict reports whether the error is a decision, and not a failure to
// decide.
func isVerdict(err error) bool { return denialOf(err).err != nil }

// Reasons returns every reason of a refusal that the road can log.
func Reasons() []string {
	reasons := make([]string, 0, len(denials)+1)
	for _, d := range denials {
		reasons = append(reasons, d.reason)
	}
	slices.Sort(reasons)
	return append(slices.Compact(reasons), unknownDenial.reason)
}

// deny ends an exchange that is not served. An answer that has begun is broken
// off, so that it cannot be taken for a whole one.
func (g *Gateway) deny(x *exchange, err error) {
	d := denialOf(err)
	x.reason, x.failure = d.reason, err
	if x.report.Status != 0 || d.status == 0 || d.status == statusClientGone {
		panic(http.ErrAbortHandler)
	}
	x.answerHeaders(x.out.Header())
	caller.Linger(x.out, x.in)
	switch {
	case x.caller.Form == caller.Signature || caller.Signed(x.in):
		x.answerXML(d)
	case d.status == http.StatusUnauthorized && x.wantsLoginPage():
		x.answerLogin()
	default:
		x.answerProblem(d)
	}
}

// wantsLoginPage reports whether a person is waiting for a page.
func (x *exchange) wantsLoginPage() bool {
	if x.in.Method != http.MethodGet || x.rules.login(x.in.Host) == "" {
		return false
	}
	if mode := x.in.Header.Get("Sec-Fetch-Mode"); mode != "" {
		return mode == "navigate"
	}
	return len(x.in.Header["Authorization"]) == 0 && strings.Contains(x.in.Header.Get("Accept"), "text/html")
}

// answerLogin sends a person to the login page and from there back.
func (x *exchange) answerLogin() {
	next := x.path
	if query := caller.StripQuery(x.query); query != "" {
		next += "?" + query
	}
	h := x.out.Header()
	h.Set("Location", x.rules.login(x.in.Host)+"?next="+url.QueryEscape(next))
	x.out.WriteHeader(http.StatusSeeOther)
}

// answerProblem answers with the problem details of RFC 9457.
func (x *exchange) answerProblem(d denial) {
	h := x.out.Header()
	h.Set("Content-Type", "application/problem+json")
	if d.status == http.StatusUnauthorized {
		h["Www-Authenticate"] = caller.Challenges(x.in.Header)
	}
	if d.code == codeUnavailable {
		h.Set("Retry-After", "1")
	}
	x.out.WriteHeader(d.status)
	body, err := json.Marshal(struct {
		Type   string `json:"type"`
		Title  string `json:"title"`
		Status int    `json:"status"`
		Code   string `json:"code"`
		ID     string `json:"request_id"`
	}{"about:blank", http.StatusText(d.status), d.status, d.code, h.Get(RequestID)})
	if err == nil && x.in.Method != http.MethodHead {
		_, _ = x.out.Write(body) // the client may be gone
	}
}

// answerXML answers as S3 does:
// https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
func (x *exchange) answerXML(d denial) {
	h := x.out.Header()
	h.Set("Content-Type", "application/xml")
	id := h.Get(RequestID)
	h.Set("X-Amz-Request-Id", id)
	x.out.WriteHeader(d.status)
	body, err := xml.Marshal(struct {
		XMLName   xml.Name `xml:"Error"`
		Code      string
		Message   string
		RequestID string `xml:"RequestId"`
	}{Code: d.s3, Message: http.StatusText(d.status), RequestID: id})
	if err == nil && x.in.Method != http.MethodHead {
		_, _ = x.out.Write(append([]byte(xml.Header), body...)) // the client may be gone
	}
}

// answerHeaders sets what every answer of our own carries.
func (x *exchange) answerHeaders(h http.Header) {
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	x.clearCookie(h)
}

// clearCookie takes a dead cookie from the browser that sent it.
func (x *exchange) clearCookie(h http.Header) {
	if x.caller.Clear {
		h.Add("Set-Cookie", x.rules.cookie.Clear(x.origin.HTTPS))
	}
}
