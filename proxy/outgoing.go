package proxy

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"

	"tollgate/proxy/s3"
	"tollgate/proxy/sigv4"
	"tollgate/proxy/sigv4/postpolicy"
	"tollgate/proxy/upstream"
	"tollgate/tokens"
)

// ErrKeyRefused says: the storage did not take the gateway's own signature.
var ErrKeyRefused = errors.New("storage refused the gateway's key")

// outgoing makes the request for the upstream. Whatever it reads of the body
// to decide about it, it reads here. Who calls it calls letGo, whatever the
// error.
func (x *exchange) outgoing(grant tokens.Grant) (*upstream.Outgoing, error) {
	request := &x.request
	*request = *x.in
	request.Header = x.dress(grant)
	out := &x.sent
	*out = upstream.Outgoing{Request: request, Upgrade: x.upgrade, Response: x.respond}
	var err error
	switch {
	case x.route.storage == nil && x.signature == nil:
		dressBody(request, x.in)
		if request.Body != nil && request.Body != http.NoBody {
			if body := x.stored(request.Body); body != request.Body { // something looks at it
				request.Body = readCloser{body, request.Body}
			}
		}
	case x.operation.Name == s3.Preflight && x.route.storage != nil:
		x.dressPreflight(request)
	case x.form != nil:
		err = x.dressForm(request)
	default:
		err = x.dressTransfer(out)
	}
	if x.route.storage != nil {
		request.Host, out.Upgrade = "", "" // its own, and nothing that is not S3
	}
	out.Target = x.target()
	return out, err
}

// letGo lets go of what the request for the upstream holds.
func (x *exchange) letGo() {
	if x.moving != nil {
		_ = x.moving.Close()
	}
}

// readCloser reads from one and closes another.
type readCloser struct {
	io.Reader
	io.Closer
}

// dressTransfer puts the body on the request, and the signature on what is
// for a storage.
func (x *exchange) dressTransfer(out *upstream.Outgoing) error {
	t, err := x.transfer()
	if err != nil {
		return err
	}
	x.proceed()
	x.dropUncovered(out.Request.Header)
	t.dress(out.Request, x.trailing)
	if x.route.storage == nil {
		return nil
	}
	if !x.answersData() {
		delete(out.Request.Header, "Accept-Encoding") // it must be readable
	}
	x.moving, out.Sign = t, x.signs
	return nil
}

// sign signs the request for a server of the storage.
func (x *exchange) sign(host string, h http.Header) {
	x.signed = sigv4.View{
		Method: x.in.Method, Host: host, Path: x.path, Query: x.onward, Header: h, ContentLength: x.request.ContentLength,
	}
	x.moving.sign(x.route.storage.signer.Sign(x.now(), &x.signed, x.moving.digest))
}

// proceed says 100 Continue to a client that asked for it before an empty
// body. net/http sees nothing to continue with and leaves it out, as it may
// (RFC 9110, 10.1.1), but botocore then takes the answer for that of its next
// request on the connection.
func (x *exchange) proceed() {
	if x.expectsNothing() {
		x.out.WriteHeader(http.StatusContinue)
	}
}

// expectsNothing reports whether the client waits to be told to send a body
// that is empty.
func (x *exchange) expectsNothing() bool {
	return x.in.ContentLength == 0 && x.in.ProtoMajor == 1 && hasListed(x.in.Header["Expect"], "100-continue")
}

// dropUncovered takes off the one header that may arrive unsigned beside
// those that are made anew: nobody vouches for it.
func (x *exchange) dropUncovered(h http.Header) {
	const name = "X-Amz-Checksum-Algorithm"
	if x.signature != nil && !x.signature.Covers(name) {
		delete(h, name)
	}
}

// dressForm writes a form anew, with a policy that the storage's key signs.
func (x *exchange) dressForm(out *http.Request) error {
	signer, now := x.route.storage.signer, x.now()
	kind, length, body, err := x.form.Rewrite(postpolicy.Resign{
		Bucket: x.bucket, BodyLength: x.in.ContentLength, Now: now, Watch: x.stored,
		Sign: func(policy string) (credential, date, signature string) {
			return signer.SignString(now, policy)
		},
	})
	if err != nil {
		return err
	}
	out.Header["Content-Type"] = []string{kind}
	delete(out.Header, "Expect")
	out.ContentLength, out.Trailer, out.Body = length, nil, io.NopCloser(body)
	return nil
}

// preflightHeaders are what a CORS preflight consists of.
var preflightHeaders = map[string]bool{
	"Origin": true, "Access-Control-Request-Method": true, "Access-Control-Request-Headers": true,
	"Access-Control-Request-Private-Network": true, "User-Agent": true, "Accept": true,
}

// dressPreflight leaves nothing of a request but the question. It is not
// signed.
func (x *exchange) dressPreflight(out *http.Request) {
	for name := range out.Header {
		if !preflightHeaders[name] {
			delete(out.Header, name)
		}
	}
	out.ContentLength, out.Trailer, out.Body = 0, nil, http.NoBody
}

// answersData reports whether the answer is the data of an object, or none,
// and not a document of the storage.
func (x *exchange) answersData() bool {
	switch x.operation.Name {
	case "GetObject", "GetObjectTorrent", "SelectObjectContent", s3.Preflight:
		return true
	}
	return x.in.Method == http.MethodHead || x.in.Method == http.MethodPut && x.operation.Body == s3.Object
}

// chooseEdit says which answers of a storage are changed: lists of buckets to
// what the caller may see, and errors, which can hold what the gateway signed.
func (x *exchange) chooseEdit(status int, h http.Header) edit {
	switch {
	case x.in.Method == http.MethodHead:
		return x.scrubHead(status, h)
	case x.form != nil && status < http.StatusMultipleChoices && status != http.StatusNoContent:
		return x.relocateForm
	case x.operation.Name == "GetBucketPolicy" && status == http.StatusOK:
		return x.route.storage.maskText
	case status == http.StatusNotModified || status == http.StatusNoContent:
		return nil
	case status >= http.StatusMultipleChoices:
		return x.scrub
	case x.operation.Answer != s3.BucketList:
		return nil
	}
	return x.filterBuckets
}

// filterBuckets leaves of a list of buckets those that the caller may see.
func (x *exchange) filterBuckets(_ int, body []byte) ([]byte, error) {
	return s3.FilterBuckets(body, func(bucket string) bool {
		return x.grant.Allows(tokens.Name{Resource: bucket, Reach: tokens.Within}) == nil
	})
}

// scrub takes off an error of the storage what is not for clients.
func (x *exchange) scrub(_ int, body []byte) ([]byte, error) {
	if !bytes.Contains(body, []byte("<Error")) {
		if x.route.storage.shows(string(body)) && !x.echoesKey() {
			return nil, errUneditable
		}
		return body, nil
	}
	scrubbed, code := s3.ScrubError(body)
	switch {
	case s3.IsSignatureFault(code):
		return nil, &keyRefusedError{code}
	case x.route.storage.shows(string(scrubbed)) && !x.echoesKey():
		return nil, errUneditable
	}
	return scrubbed, nil
}

// scrubHead finds out whether an answer without a body is the storage's refusal
// of the gateway's own signature. Only some storages say so there.
func (x *exchange) scrubHead(status int, h http.Header) edit {
	code := h.Get("X-Minio-Error-Code")
	delete(h, "X-Minio-Error-Code")
	delete(h, "X-Minio-Error-Desc")
	if status < http.StatusBadRequest || !s3.IsSignatureFault(code) {
		return nil
	}
	return func(int, []byte) ([]byte, error) { return nil, &keyRefusedError{code} }
}

// maskText takes the access key out of a document that is no XML.
func (s *storage) maskText(_ int, body []byte) ([]byte, error) {
	return bytes.ReplaceAll(body, []byte(s.signer.AccessKey), bytes.Repeat([]byte("*"), len(s.signer.AccessKey))), nil
}

// keyRefusedError is the storage's refusal of the gateway's own signature,
// with its code for the operator.
type keyRefusedError struct{ code string }

func (e *keyRefusedError) Error() string { return ErrKeyRefused.Error() + ": " + e.code }

// Unwrap makes it an ErrKeyRefused.
func (e *keyRefusedError) Unwrap() error { return ErrKeyRefused }

// shows reports whether a text holds the access key of the storage.
func (s *storage) shows(text string) bool { return strings.Contains(text, s.signer.AccessKey) }

// echoesKey reports whether the client named something that holds the same
// letters as the storage's access key, so that it is no secret in the answer.
func (x *exchange) echoesKey() bool { return x.route.storage.shows(decode(x.path)) }

// hideKey takes off an answer every header that presents the storage's access
// key, such as the Location of a presigned redirect. What the owner of an
// object wrote himself is his.
func (s *storage) hideKey(h http.Header) {
	for name, values := range h {
		if strings.HasPrefix(name, "X-Amz-Meta-") || strings.HasPrefix(name, "Content-") {
			continue
		}
		if slices.ContainsFunc(values, s.presents) {
			delete(h, name)
		}
	}
}

// presents reports whether a text has the access key as credentials have it.
func (s *storage) presents(text string) bool {
	key := s.signer.AccessKey
	if !strings.Contains(text, key) {
		return false
	}
	for _, form := range [...]string{key + "/", key + "%2F", key + "%2f", "AWSAccessKeyId=" + key, "Credential=" + key, "AWS " + key} {
		if strings.Contains(text, form) {
			return true
		}
	}
	return text == key
}

// relocate names the gateway where the storage named itself.
func (x *exchange) relocate(h http.Header) {
	for i, location := range h["Location"] {
		h["Location"][i] = x.relocated(location)
	}
}

func (x *exchange) relocated(location string) string {
	for _, server := range x.route.upstream.Servers() {
		if rest, ok := strings.CutPrefix(location, server); ok && strings.HasPrefix(rest, "/") {
			return x.scheme() + "://" + x.in.Host + rest
		}
	}
	return location
}

// relocateForm does so in the document that answers a form.
func (x *exchange) relocateForm(_ int, body []byte) ([]byte, error) {
	const begins = "<Location>"
	before, rest, found := bytes.Cut(body, []byte(begins))
	if !found {
		return body, nil
	}
	return slices.Concat(before, []byte(begins), []byte(x.relocated(string(rest)))), nil
}
