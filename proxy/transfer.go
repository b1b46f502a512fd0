package proxy

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"tollgate/proxy/caller"
	"tollgate/proxy/s3"
	"tollgate/proxy/sigv4"
	"tollgate/proxy/sigv4/payload"
)

// errNotSigned: a body was read before its request was signed.
var errNotSigned = errors.New("body of a request that is not signed")

// transfer is how a body goes to an S3 storage: verified while it streams, and
// encoded anew where the storage shall verify it too.
type transfer struct {
	body    io.Reader
	length  int64  // of body, decoded
	digest  string // the x-amz-content-sha256 that is sent
	decoder *payload.Decoder
	trailer []payload.Algorithm // that body ends with; only with a decoder

	encoded bool // it goes on in chunks
	chained bool // whose signatures hang on seed
	seed    *sigv4.Seed
	encoder *payload.Encoder // once it is read
}

// transfer plans how the body of the request goes on.
func (x *exchange) transfer() (*transfer, error) {
	t := &x.transferred
	*t = transfer{length: x.in.ContentLength, digest: sigv4.ValueUnsigned}
	if x.isBodyless() {
		t.digest, t.body = sigv4.EmptyDigest, http.NoBody
		return t, nil
	}
	if err := x.open(t); err != nil {
		return nil, err
	}
	var err error
	switch x.operation.Body {
	case s3.NoBody, s3.Object, s3.Form:
	case s3.DeleteList, s3.CompleteList, s3.Document, s3.Policy:
		return t, x.readDocument(t)
	default:
		return nil, fmt.Errorf("%w: a body of kind %d", s3.ErrUnknownOperation, x.operation.Body)
	}
	t.body = x.stored(t.body)
	if t.length == 0 {
		err = t.drain()
	}
	t.choose(x.mode())
	return t, err
}

// isBodyless reports whether there is no body and the signature says nothing
// else, as with nearly all reading.
func (x *exchange) isBodyless() bool {
	if x.in.ContentLength != 0 || x.operation.Body != s3.NoBody {
		return false
	}
	if x.signature == nil || x.signature.Payload == sigv4.Unsigned {
		return x.checkShape(false) == nil
	}
	return x.signature.SignsNoBody()
}

func (x *exchange) mode() payloadMode {
	if x.route.storage == nil {
		return payloadDecoded
	}
	return x.route.storage.payload
}

// open makes the reader that verifies what the request says of its body.
func (x *exchange) open(t *transfer) error {
	sums, err := x.checksums()
	if err != nil {
		return err
	}
	body := newClientBody(x.in)
	s := x.signature
	if s != nil && s.Payload.Streams() {
		return x.decode(t, body, sums)
	}
	proven := s != nil && s.Payload == sigv4.Digest
	if err := x.checkShape(proven); err != nil {
		return err
	}
	t.body = body
	switch {
	case proven:
		t.body = payload.NewVerified(body, payload.Expect{Length: t.length, SHA256: &s.Digest, Checksums: sums})
		t.digest = hex.EncodeToString(s.Digest[:])
	case len(sums) > 0 && t.length >= 0:
		t.body = payload.NewVerified(body, payload.Expect{Length: t.length, Checksums: sums})
	}
	return nil
}

// checkShape refuses a body in a form that cannot be passed on: in chunks that
// its signature does not speak of, or without a length that a storage, or a proof, needs.
func (x *exchange) checkShape(proven bool) error {
	encoded := hasListed(x.in.Header["Content-Encoding"], "aws-chunked") ||
		strings.HasPrefix(x.in.Header.Get("X-Amz-Content-Sha256"), "STREAMING-")
	if encoded && x.route.storage != nil {
		return ErrEncodedBody
	}
	if x.in.ContentLength < 0 && (proven || x.route.storage != nil) {
		return ErrLengthRequired
	}
	return nil
}

// decode reads the chunks in which a client sends a body.
func (x *exchange) decode(t *transfer, body io.Reader, sums []payload.Checksum) error {
	s := x.signature
	d := payload.Decode{Length: s.DecodedLength, Trailers: s.Trailers, Checksums: sums}
	switch s.Payload {
	case sigv4.SignedChunks, sigv4.SignedChunksTrailer:
		if x.caller.Seed == nil {
			return caller.ErrSignature
		}
		d.Chain = chainOf(x.caller.Seed)
	case sigv4.UnsignedChunksTrailer:
		if len(s.Trailers) == 0 && len(sums) == 0 {
			return sigv4.Faultf(payload.ErrTrailer, "x-amz-trailer is missing: neither a signature nor a checksum would prove the body.")
		}
	case sigv4.NoPayloadMode, sigv4.Digest, sigv4.Unsigned:
		return fmt.Errorf("%w: a payload of kind %d", s3.ErrUnknownOperation, s.Payload)
	default:
		return fmt.Errorf("%w: a payload of kind %d", s3.ErrUnknownOperation, s.Payload)
	}
	for _, name := range s.Trailers {
		a, known := payload.ByHeader(name)
		if !known {
			return sigv4.Faultf(payload.ErrTrailer, "x-amz-trailer has %q, accepted are names of checksums like x-amz-checksum-crc32.", name)
		}
		t.trailer = append(t.trailer, a)
	}
	t.length = s.DecodedLength
	t.decoder = payload.NewDecoder(body, d)
	t.body = t.decoder
	return nil
}

func chainOf(seed *sigv4.Seed) *payload.Chain {
	return &payload.Chain{MAC: seed.MAC, Date: seed.Date, Scope: seed.Scope, Seed: seed.Value}
}

// checksums returns those of the body that the header holds.
// CompleteMultipartUpload's are of the object, which no one sees here.
func (x *exchange) checksums() ([]payload.Checksum, error) {
	if x.operation.Body == s3.CompleteList || x.operation.Body == s3.NoBody {
		return nil, nil
	}
	var sums []payload.Checksum
	for name, values := range x.in.Header {
		if _, known := payload.ByHeader(name); !known {
			continue
		}
		if len(values) != 1 {
			return nil, sigv4.Faultf(sigv4.ErrInvalidArgument, "The header %s is there %d times; once is accepted.", name, len(values))
		}
		sum, err := payload.ParseChecksum(name, values[0])
		if err != nil {
			return nil, err
		}
		sums = append(sums, sum)
	}
	return sums, nil
}

// drain reads an empty body to its end. There is no last byte that could be
// held back, so that it must be verified before anything is sent.
func (t *transfer) drain() error {
	if t.body == nil {
		return nil
	}
	if err := payload.CheckEmpty(t.body); err != nil {
		return err
	}
	t.body = http.NoBody
	return nil
}

// choose decides in which form the body is sent.
func (t *transfer) choose(mode payloadMode) {
	switch {
	case len(t.trailer) > 0 && mode == payloadSigned:
		t.digest, t.encoded, t.chained = sigv4.ValueSignedChunksTrailer, true, true
	case len(t.trailer) > 0 && mode != payloadDecoded:
		t.digest, t.encoded = sigv4.ValueUnsignedChunksTrailer, true
	case t.length == 0:
		t.digest = sigv4.EmptyDigest
	case mode == payloadSigned && t.digest == sigv4.ValueUnsigned:
		t.digest, t.encoded, t.chained = sigv4.ValueSignedChunks, true, true
	case mode == payloadUnsigned:
		t.digest = sigv4.ValueUnsigned
	}
}

// dress puts the body on the outgoing request.
func (t *transfer) dress(out *http.Request, trailing []payload.Checksum) {
	h := out.Header
	for _, name := range [...]string{"X-Amz-Content-Sha256", "X-Amz-Date", "X-Amz-Decoded-Content-Length", "X-Amz-Trailer", "Date"} {
		delete(h, name)
	}
	dropCoding(h)
	for _, sum := range trailing {
		h[http.CanonicalHeaderKey(sum.Algorithm.Header())] = []string{base64.StdEncoding.EncodeToString(sum.Value)}
	}
	out.ContentLength, out.Trailer = t.length, nil
	if t.length == 0 && !t.encoded {
		out.Body = http.NoBody
		delete(h, "Expect")
		return
	}
	out.Body = io.NopCloser(t.body)
	if whole, ok := t.body.(*clientBody); ok { // nothing looks at it
		out.Body = whole
	}
	if !t.encoded {
		return
	}
	h["Content-Encoding"] = append([]string{"aws-chunked"}, h["Content-Encoding"]...)
	h["X-Amz-Decoded-Content-Length"] = []string{strconv.FormatInt(t.length, 10)}
	if len(t.trailer) > 0 {
		names := make([]string, 0, len(t.trailer))
		for _, a := range t.trailer {
			names = append(names, a.Header())
		}
		h["X-Amz-Trailer"] = []string{strings.Join(names, ",")}
	}
	out.ContentLength = payload.EncodedLength(t.encoding())
	out.Body = t
}

// dropCoding takes aws-chunked off the content codings, and leaves the others.
func dropCoding(h http.Header) {
	values := h["Content-Encoding"]
	if !hasListed(values, "aws-chunked") {
		return
	}
	var kept []string
	for _, v := range values {
		for coding := range strings.SplitSeq(v, ",") {
			if coding = strings.Trim(coding, " \t"); coding != "" && !strings.EqualFold(coding, "aws-chunked") {
				kept = append(kept, coding)
			}
		}
	}
	delete(h, "Content-Encoding")
	if len(kept) > 0 {
		h["Content-Encoding"] = []string{strings.Join(kept, ",")}
	}
}

// encoding says how the body is encoded. The chain is there only once the
// request is signed, which does not change the length.
func (t *transfer) encoding() payload.Encode {
	e := payload.Encode{Length: t.length, TrailerAlgorithms: t.trailer}
	if len(t.trailer) > 0 {
		e.Trailer = t.decoder.Trailer
	}
	switch {
	case !t.chained:
	case t.seed == nil:
		e.Chain = &payload.Chain{}
	default:
		e.Chain = chainOf(t.seed)
	}
	return e
}

// sign makes an encoded body ready, whose signatures hang on that of the
// request. Nothing was read of it before.
func (t *transfer) sign(seed *sigv4.Seed) {
	if !t.encoded {
		return
	}
	_ = t.Close()
	t.seed = seed
	t.encoder = payload.NewEncoder(t.body, t.encoding())
}

// Read implements io.Reader: the encoded body.
func (t *transfer) Read(p []byte) (int, error) {
	if t.encoder == nil {
		return 0, errNotSigned
	}
	return t.encoder.Read(p)
}

// Close implements io.Closer. It may be called more than once.
func (t *transfer) Close() error {
	if t.encoder == nil {
		return nil
	}
	return t.encoder.Close()
}
