package proxy

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"tollgate/proxy/caller"
	"tollgate/proxy/s3"
	"tollgate/proxy/sigv4"
	"tollgate/tokens"
)

// RequestID is the header of every answer that names it in the log.
const RequestID = "Gateway-Request-Id"

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
func isVerdict(err error) bool {
	return denialOf(err).err != nil && !errors.Is(err, tokens.ErrStale) && !errors.Is(err, tokens.ErrEngine)
}

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
	if x.expectsNothing() { // see proceed
		x.out.Header()["Connection"] = []string{"close"}
	}
	switch {
	case x.caller.Form == caller.Signature || caller.Signed(x.in):
		x.answerXML(d, err)
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

// answerXML answers as S3 does, which knows no 401:
// https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
func (x *exchange) answerXML(d denial, err error) {
	h := x.out.Header()
	h.Set("Content-Type", "application/xml")
	id := h.Get(RequestID)
	h.Set("X-Amz-Request-Id", id)
	status, code := d.status, d.s3
	switch status {
	case http.StatusUnauthorized:
		status = http.StatusForbidden
	case http.StatusRequestEntityTooLarge:
		status = http.StatusBadRequest // as S3 has it for EntityTooLarge
	}
	if errors.Is(err, sigv4.ErrRegion) && x.signature != nil && x.signature.Place == sigv4.InQuery {
		code = "AuthorizationQueryParametersError"
	}
	message := messages[code]
	var fault *sigv4.Fault
	if errors.As(err, &fault) {
		message = fault.Message
	}
	if message == "" {
		message = http.StatusText(status)
	}
	body := s3.ErrorDocument(code, message, x.path, id)
	if errors.Is(err, sigv4.ErrRegion) { // some clients learn it from here
		region := "<Region>" + x.region() + "</Region></Error>"
		body = append(bytes.TrimSuffix(body, []byte("</Error>")), region...)
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	x.out.WriteHeader(status)
	if x.in.Method != http.MethodHead {
		_, _ = x.out.Write(body) // the client may be gone
	}
}

// messages are the sentences that S3 has for codes, where the error has none
// of its own.
var messages = map[string]string{
	"AccessDenied":         "Access Denied",
	"InvalidAccessKeyId":   "The AWS Access Key Id you provided does not exist in our records.",
	"IncompleteBody":       "You did not provide the number of bytes specified by the Content-Length HTTP header.",
	"MissingContentLength": "You must provide the Content-Length HTTP header.",
	"ServiceUnavailable":   "The gateway, or the storage behind it, cannot answer now. Please try again later.",
	"InternalError":        "We encountered an internal error. Please try again.",
	"NoSuchBucket":         "The specified bucket does not exist",
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
