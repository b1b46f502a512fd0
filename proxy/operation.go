package proxy

import (
	"errors"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"

	"tollgate/proxy/caller"
	"tollgate/proxy/s3"
	"tollgate/proxy/sigv4"
	"tollgate/proxy/sigv4/postpolicy"
	"tollgate/tokens"
)

// What is wrong with a signed request beside what sigv4 says of it. Test with
// errors.Is.
var (
	// ErrUnsignedPayload: the signature does not cover the body, and that is
	// not accepted here.
	ErrUnsignedPayload = errors.New("body is not signed")
	// ErrEncodedBody: a body in chunks as signers send it, without a
	// signature that says so.
	ErrEncodedBody = errors.New("aws-chunked body without a signature of Version 4 for it")
	// ErrLengthRequired: the storage must know the length of a body, and the
	// request does not say it.
	ErrLengthRequired = errors.New("length of the body is missing")
)

// formTimeout bounds the wait for what must be read before anything can be
// decided or sent: the fields of a form, a document.
const formTimeout = 30 * time.Second

// defaultRegion is what clients sign for where no S3 storage is behind.
const defaultRegion = "us-east-1"

// region is what clients sign for on this route.
func (x *exchange) region() string {
	if x.route.storage != nil {
		return x.route.storage.signer.Region
	}
	return defaultRegion
}

// credential reads the one credential of the request that counts here.
func (x *exchange) credential() (caller.Credential, error) {
	cred, err := x.rules.parser.Of(x.in, x.route.accept)
	x.caller.Form = cred.Form
	if err != nil {
		return cred, err
	}
	if x.carriesForm() {
		if cred, err = x.signedForm(cred); err != nil || x.form != nil {
			return cred, err
		}
	}
	if cred.Form == caller.Signature {
		return x.signedRequest(cred)
	}
	return cred, nil
}

// signedRequest reads the signature in the header or in the query.
func (x *exchange) signedRequest(cred caller.Credential) (caller.Credential, error) {
	if err := x.read.Read(x.view()); err != nil {
		return cred, err
	}
	if err := x.rules.accepts(&x.read); err != nil {
		return cred, err
	}
	x.signature, cred.Region = &x.read, x.region()
	x.proof = caller.SignedRequest{Signature: x.signature, Hints: x.hints}
	cred.Proof = &x.proof
	return cred, nil
}

// hintsAt tells what the request could have been when it was signed.
func (x *exchange) hintsAt() sigv4.Hints {
	return sigv4.Hints{
		Hosts:    x.in.Header["X-Forwarded-Host"],
		Prefixes: x.in.Header["X-Forwarded-Prefix"],
		Region:   x.region(),
	}
}

// view is the request as it came over the wire.
func (x *exchange) view() sigv4.View {
	return sigv4.View{
		Method: x.in.Method, Host: x.in.Host, Path: x.wire, Query: x.query,
		Header: x.in.Header, ContentLength: x.in.ContentLength, Bucket: x.place.Bucket,
	}
}

// accepts refuses kinds of signatures that the configuration leaves out.
func (r *Rules) accepts(s *sigv4.Signature) error {
	if s.Version == sigv4.V2 && !r.signing.SigV2 {
		return sigv4.Version2Refused()
	}
	covered := s.Payload == sigv4.Digest || s.Payload == sigv4.SignedChunks || s.Payload == sigv4.SignedChunksTrailer
	if s.Place == sigv4.InHeader && !covered && !r.signing.AllowUnsignedPayload {
		return sigv4.Faultf(ErrUnsignedPayload, "The signature does not cover the body. Sign the payload: in boto3 and the AWS CLI with payload_signing_enabled = true.")
	}
	return nil
}

// carriesForm reports whether the credential may be in the body: a form for an
// S3 storage. A cookie beside it, which browsers send by themselves, does not
// count then.
func (x *exchange) carriesForm() bool {
	if x.route.storage == nil || x.in.Method != http.MethodPost || !x.route.accept.Has(caller.Signature) {
		return false
	}
	kind, _, _ := mime.ParseMediaType(x.in.Header.Get("Content-Type"))
	return strings.EqualFold(kind, "multipart/form-data")
}

// signedForm reads the fields of a form. One without a policy is no
// credential, and another one counts.
func (x *exchange) signedForm(cred caller.Credential) (caller.Credential, error) {
	stop := x.hurry()
	form, err := postpolicy.Open(x.in.Header.Get("Content-Type"), newClientBody(x.in))
	stop()
	if err != nil {
		x.caller.Form = caller.Signature
		return caller.Credential{Form: caller.Signature}, err
	}
	if form.Version() == postpolicy.Unsigned {
		return cred, nil
	}
	if cred.Form == caller.Signature || len(x.in.Header["Authorization"]) > 0 {
		return cred, fmt.Errorf("%w: a form that is signed and another credential", caller.ErrAmbiguous)
	}
	x.form, x.caller.Form = form, caller.Signature
	for name := range x.in.Header { // the policy covers fields and no header
		if strings.HasPrefix(plainName(name), "x-amz-") {
			return cred, sigv4.Faultf(sigv4.ErrHeadersNotSigned, "There were headers present in the request which were not signed: %s.", name)
		}
	}
	cred = caller.Credential{Form: caller.Signature, Proof: caller.SignedForm{Form: form}, Region: x.region()}
	if form.Version() == postpolicy.V2 && !x.rules.signing.SigV2 {
		return cred, sigv4.Version2Refused()
	}
	return cred, nil
}

// hurry bounds the time in which the client must send what is read next. The
// returned function ends that.
func (x *exchange) hurry() (stop func()) {
	control := http.NewResponseController(x.out)
	if control.SetReadDeadline(time.Now().Add(formTimeout)) != nil {
		return func() {} // not every writer can
	}
	return func() { _ = control.SetReadDeadline(time.Time{}) }
}

// operate says what a request asks of an S3 storage.
func (x *exchange) operate() (tokens.Action, error) {
	a := tokens.Action{Place: x.place.Scope, AnyDomain: x.place.AnyDomain}
	address, err := s3.AddressOf(x.path)
	if err != nil {
		return a, err
	}
	x.operation, err = s3.OperationOf(s3.Request{
		Method: x.in.Method, Address: address, Query: x.onward, Header: x.in.Header,
	})
	if err != nil {
		return a, err
	}
	x.bucket = address.Bucket
	if t := x.caller.Token; x.operation.Paged && t != nil && t.Allowed.Placed() {
		return a, tokens.ErrResource // pages tell of what is between them
	}
	names := x.operation.Names
	switch {
	case x.operation.Name == s3.Preflight:
		return x.preflight(a)
	case x.operation.Body == s3.Form:
		if names, err = x.formNames(names); err != nil {
			return a, err
		}
	}
	if len(names) == 0 {
		return a, fmt.Errorf("%w: it names nothing", s3.ErrUnknownOperation)
	}
	a.Needs, a.Resource, a.Reach, a.Also = names[0].Needs, names[0].Resource, names[0].Reach, names[1:]
	a.OrAppend = a.Needs == tokens.StorageWrite && x.makesNew()
	return a, nil
}

// makesNew reports whether the operation makes an object, or a part of one,
// and can be held to make no other than a new one.
func (x *exchange) makesNew() bool {
	switch x.operation.Name {
	case "PutObject", "CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload":
		return true
	}
	return false
}

// preflight lets a browser ask whether it may ask (Fetch standard, CORS
// preflight): the storage answers by the rules of its bucket. Nobody's rights
// are used, since what goes on is not signed and holds no credential.
func (x *exchange) preflight(a tokens.Action) (tokens.Action, error) {
	h := x.in.Header
	if len(h["Origin"]) != 1 || len(h["Access-Control-Request-Method"]) != 1 || x.in.ContentLength != 0 {
		return a, sigv4.Faultf(s3.ErrUnknownOperation, "OPTIONS is accepted as a CORS preflight alone: with Origin and Access-Control-Request-Method, and without a body.")
	}
	a.Public = true
	return a, nil
}

// formNames returns the object that a signed form makes. The policy is judged
// here, against the bucket of the address.
func (x *exchange) formNames(names []tokens.Name) ([]tokens.Name, error) {
	if x.form == nil {
		return nil, sigv4.Faultf(s3.ErrUnknownOperation, "A form needs a policy that is signed with an access key.")
	}
	if err := x.form.Conditions(x.bucket); err != nil {
		return nil, err
	}
	key, err := x.form.Key()
	if err != nil {
		return nil, err
	}
	address, err := s3.AddressOf("/" + x.bucket + "/" + escapeKey(key))
	if err != nil {
		return nil, err
	}
	needs := tokens.StorageWrite
	if x.formRaises() {
		needs = tokens.StorageAll
	}
	return append([]tokens.Name{{Resource: address.Resource(), Needs: needs}}, names[min(1, len(names)):]...), nil
}

// formRaises reports whether a form gives access to others or locks what it
// makes, by the rules for headers: the field acl is x-amz-acl there.
func (x *exchange) formRaises() bool {
	return slices.ContainsFunc(x.form.Names(), func(name string) bool {
		value, _ := x.form.Get(name)
		if name == "acl" {
			name = "x-amz-acl"
		}
		return s3.RaisesRights(name, value)
	})
}

// escapeKey makes a key fit for a path: decoded once it is the key.
func escapeKey(key string) string {
	const digits = "0123456789ABCDEF"
	escaped := make([]byte, 0, 3*len(key))
	for i := range len(key) {
		c := key[i]
		escaped = append(escaped, '%', digits[c>>4], digits[c&15])
	}
	return string(escaped)
}

// mayBePublic reports whether a rule for the public may let the request
// through: on an S3 storage only plain reading, listing and writing.
func (x *exchange) mayBePublic() bool {
	return x.route.storage == nil || x.operation.Public
}
