// Package sigv4 verifies the signatures of S3 requests, AWS Signature Version
// 4 and the older Version 2, on the request as it came over the wire, and
// signs outgoing requests. It is pure: time and secrets come in as values,
// nothing is read or written.
//
// The way of a request is Parse, Check, look up the secret, Verify. Parse
// reads everything that says how the request was signed, once, and its result
// drives all the rest.
//
// Rules come from AWS's Amazon S3 API Reference, "Authenticating Requests (AWS
// Signature Version 4)":
// https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-authenticating-requests.html
package sigv4

import (
	"net/http"
	"strings"
)

// View is a request as it came over the wire, or as it will go over it. What
// it refers to must not change between Parse and the last use of the result.
type View struct {
	Method string
	Host   string // as the client sent it, with its port
	Path   string // the raw path of the request target; empty is /
	Query  string // the raw query of the request target, without the ?
	// Header is what net/http's server gives: canonical names, without Host
	// and Transfer-Encoding.
	Header http.Header
	// ContentLength is the length of the body as it is sent, -1 when it is
	// not known and the body is chunked.
	ContentLength int64
	// Bucket is the bucket that Host names, empty for path style. Only
	// Signature Version 2 needs it.
	Bucket string
}

// Presented reports whether a request carries an AWS signature of any kind,
// known or not, in the Authorization header or in the query. It says nothing
// of its worth. Names of arguments are compared exactly, after decoding.
func Presented(v View) bool {
	for _, value := range v.Header["Authorization"] {
		if isAWS(value) {
			return true
		}
	}
	for rest := v.Query; rest != ""; {
		var pair string
		pair, rest, _ = cut(rest, '&')
		name, _, _ := cut(pair, '=')
		switch decodeQuery(name) {
		case argAlgorithm, argCredential, argSignature, argAccessKey2:
			return true
		default:
		}
	}
	return false
}

// isAWS recognises the schemes AWS, AWS4-HMAC-SHA256, AWS4-ECDSA-P256-SHA256
// and whatever else begins like them.
func isAWS(authorization string) bool {
	return len(authorization) >= 3 && strings.EqualFold(authorization[:3], "AWS")
}

// header returns the only value of a header, and whether there is one. The
// name is in canonical form. Parse has refused second values of the headers
// that it reads.
func (v *View) header(name string) (string, bool) {
	values := v.Header[name]
	if len(values) == 0 {
		return "", false
	}
	return values[0], true
}
