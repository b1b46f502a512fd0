package s3

import (
	"bytes"
	"encoding/xml"
	"strings"

	"tollgate/proxy/sigv4"
)

// MaxAnswer is the greatest length in bytes of an answer that is read: a list
// of 10,000 buckets has less.
const MaxAnswer = 8 << 20

// FilterBuckets takes the buckets that are not allowed off the answer to
// ListBuckets, and once it takes any off, also what says how the list goes on:
// the token of the next page can hold the name of a bucket that is hidden. All
// else stays byte for byte. An answer that cannot be read, a bucket without a
// name or anywhere else in the document: ErrMalformedAnswer, and nothing may be
// shown.
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListBuckets.html
func FilterBuckets(xml []byte, allowed func(bucket string) bool) ([]byte, error) {
	if len(xml) > MaxAnswer {
		return nil, sigv4.Faultf(ErrMalformedAnswer, "The list of buckets is too long.")
	}
	f := bucketFilter{allowed: allowed}
	if err := read(xml, f.see); err != nil || !f.rooted {
		return nil, sigv4.Faultf(ErrMalformedAnswer, "The list of buckets cannot be read.")
	}
	return f.apply(xml), nil
}

// bucketFilter finds what is cut out of a document.
type bucketFilter struct {
	allowed func(bucket string) bool
	cuts    []cut // in the order of the document, none within another
	hides   bool  // a bucket is among the cuts
	name    string
	names   int
	rooted  bool
}

// cut is where an element stands in a document.
type cut struct{ from, to int64 }

func (f *bucketFilter) see(e *element) error {
	switch {
	case e.is("ListAllMyBucketsResult"):
		f.rooted = true
	case e.is("ListAllMyBucketsResult/Buckets/Bucket/Name") && e.leaf:
		f.name = e.text
		f.names++
	case e.is("ListAllMyBucketsResult/Buckets/Bucket"):
		return f.bucket(e)
	case e.name() == "Bucket" || e.is("ListAllMyBucketsResult/Buckets") && e.leaf && !isSpace([]byte(e.text)):
		return errXML
	case isPaging(e.name()):
		return f.paging(e)
	}
	return nil
}

// paging cuts out what lies outside of the list itself.
func (f *bucketFilter) paging(e *element) error {
	switch {
	case e.depth > 1 && e.path[1] == "Buckets":
		return nil
	case !e.leaf:
		return errXML
	}
	f.cuts = append(f.cuts, cut{e.from, e.to})
	return nil
}

// isPaging reports whether an element says where or whether a list goes on.
func isPaging(name string) bool {
	for _, known := range [...]string{"ContinuationToken", "NextContinuationToken", "NextMarker", "Marker", "IsTruncated"} {
		if strings.EqualFold(name, known) {
			return true
		}
	}
	return false
}

func (f *bucketFilter) bucket(e *element) error {
	if f.names != 1 || f.name == "" {
		return errXML
	}
	if !f.allowed(f.name) {
		f.cuts = append(f.cuts, cut{e.from, e.to})
		f.hides = true
	}
	f.names = 0
	return nil
}

// apply copies a document but for what is cut out of it.
func (f *bucketFilter) apply(document []byte) []byte {
	if !f.hides {
		return bytes.Clone(document)
	}
	kept, done := make([]byte, 0, len(document)), int64(0)
	for _, c := range f.cuts {
		kept = append(kept, document[done:c.from]...)
		done = c.to
	}
	return append(kept, document[done:]...)
}

// shownOfErrors is what a client gets to see of a storage's error. Everything
// else may be the storage's credential or what was signed with it:
// AWSAccessKeyId, StringToSign, CanonicalRequest and their bytes,
// SignatureProvided, the endpoint.
const shownOfErrors = "Code Message Resource Key Bucket BucketName VersionId UploadId PartNumber ArgumentName ArgumentValue Condition " +
	"ETag MinSizeAllowed MaxSizeAllowed ProposedSize ActualObjectSize RangeRequested Method ResourceType RequestId HostId Region"

// ScrubError takes off an error of the storage what is not for clients, and
// returns its code besides. What cannot be read as an error becomes
// InternalError. For a code of which IsSignatureFault says yes not even the
// message should be passed on.
// https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
func ScrubError(xml []byte) (scrubbed []byte, code string) {
	const internal = "InternalError"
	generic := ErrorDocument(internal, "The storage answered with an error that cannot be read.", "", "")
	if len(xml) > MaxDocument {
		return generic, internal
	}
	var b bytes.Buffer
	b.WriteString(errorHead)
	seen, rooted := "", false
	err := read(xml, func(e *element) error {
		switch {
		case e.is("Error"):
			rooted = true
		case e.depth == 2 && e.path[0] == "Error" && e.leaf && hasWord(shownOfErrors, e.name()):
			if hasWord(seen, e.name()) {
				return errXML
			}
			seen += " " + e.name()
			writeElement(&b, e.name(), e.text)
			if e.name() == "Code" {
				code = strings.TrimSpace(e.text)
			}
		}
		return nil
	})
	if err != nil || !rooted || code == "" {
		return generic, internal
	}
	b.WriteString(errorTail)
	return b.Bytes(), code
}

const (
	errorHead = xml.Header + "<Error>"
	errorTail = "</Error>"
)

// ErrorDocument returns an error as AWS writes it. The message, resource and
// request id may be any text; an empty resource or request id is left out.
func ErrorDocument(code, message, resource, requestID string) []byte {
	var b bytes.Buffer
	b.WriteString(errorHead)
	writeElement(&b, "Code", code)
	writeElement(&b, "Message", message)
	if resource != "" {
		writeElement(&b, "Resource", resource)
	}
	if requestID != "" {
		writeElement(&b, "RequestId", requestID)
	}
	b.WriteString(errorTail)
	return b.Bytes()
}

func writeElement(b *bytes.Buffer, name, text string) {
	b.WriteString("<" + name + ">")
	_ = xml.EscapeText(b, []byte(text)) // a Buffer takes everything
	b.WriteString("</" + name + ">")
}

// IsSignatureFault reports whether a code of an error means that the storage
// did not accept the gateway's own signature: a fault of the configuration,
// of a clock or of the way between, and not of the client.
func IsSignatureFault(code string) bool {
	switch code {
	case "SignatureDoesNotMatch", "InvalidAccessKeyId", "RequestTimeTooSkewed", "RequestExpired", "AuthorizationHeaderMalformed",
		"AuthorizationQueryParametersError", "XAmzContentSHA256Mismatch", "MissingAuthenticationToken", "MissingSecurityHeader",
		"MissingSecurityElement", "IncompleteSignature", "InvalidSecurity", "InvalidToken", "ExpiredToken", "TokenRefreshRequired",
		"CredentialsNotSupported", "NotSignedUp":
		return true
	default:
		return false
	}
}
