package caller

import (
	"net/url"
	"strings"
)

// queryToken is the query argument that holds a token.
const queryToken = "_token"

// queryCredentials is what the query of a request presents.
type queryCredentials struct {
	count  int    // of _token arguments
	value  string // of the last of them, decoded
	signed bool   // an S3 signature, V4 or V2
}

// queryCredentialsOf reads the raw query to its end.
func queryCredentialsOf(raw string) queryCredentials {
	var q queryCredentials
	for raw != "" {
		var pair string
		pair, raw, _ = strings.Cut(raw, "&")
		key, value, _ := strings.Cut(pair, "=")
		switch key = unescape(key); {
		case key == queryToken:
			q.count++
			q.value = unescape(value)
		case isSignatureArgument(key):
			q.signed = true
		}
	}
	return q
}

// isSignatureArgument recognises presigned requests: V4 by the names that
// every one has, V2 by its signature beside the access key.
func isSignatureArgument(key string) bool {
	switch key {
	case "X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Signature", "AWSAccessKeyId":
		return true
	}
	return false
}

// unescape decodes a key or value of a query; what cannot be decoded stays as
// it is and is therefore none of the names that we know.
func unescape(s string) string {
	if !strings.ContainsAny(s, "%+") {
		return s
	}
	plain, err := url.QueryUnescape(s)
	if err != nil {
		return s
	}
	return plain
}

// StripQuery returns the raw query without the _token arguments; the rest
// stays byte for byte.
func StripQuery(raw string) string {
	if !mayHoldToken(raw) {
		return raw
	}
	kept := make([]string, 0, strings.Count(raw, "&")+1)
	for pair := range strings.SplitSeq(raw, "&") {
		key, _, _ := strings.Cut(pair, "=")
		if unescape(key) != queryToken {
			kept = append(kept, pair)
		}
	}
	return strings.Join(kept, "&")
}

// mayHoldToken is quick to say no. The last letters of _token can be escaped,
// so every escape makes it say maybe.
func mayHoldToken(raw string) bool {
	return strings.Contains(raw, queryToken) || strings.Contains(raw, "%")
}
