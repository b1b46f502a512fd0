package s3

import (
	"strings"

	"tollgate/proxy/sigv4"
)

// effect is what an x-amz- header does to the decision. The zero effect
// refuses the request.
type effect uint8

const (
	unlisted   effect = iota // not known here, so that the storage may do anything
	headerOnly               // none, and not possible in a query
	anywhere                 // none; software for presigning moves it into the query
	raising                  // needs every right, also in the query
	access                   // raises by its value, also in the query
	copying                  // x-amz-copy-source
	copyDetail               // belongs to x-amz-copy-source
	extracting               // an archive becomes objects
)

const (
	amzPrefix  = "x-amz-"
	metaPrefix = "x-amz-meta-"
)

// effectOf is the closed list of x-amz- headers, by their names in lower case
// with hyphens. A header that is not in it may let a storage do, with the key
// that the gateway signs with, what nobody was asked for: to MinIO
// x-amz-replication-status on a deletion is its own replication, which no lock
// holds up.
// https://docs.aws.amazon.com/AmazonS3/latest/API/RESTCommonRequestHeaders.html
// and the headers of each operation beside it.
func effectOf(name []byte) effect {
	switch string(name) {
	case "x-amz-date", "x-amz-content-sha256", "x-amz-decoded-content-length", "x-amz-trailer", "x-amz-security-token",
		"x-amz-api-version", "x-amz-source-expected-bucket-owner", "x-amz-tagging-directive", "x-amz-metadata-directive",
		"x-amz-mp-object-size", "x-amz-if-match-last-modified-time", "x-amz-if-match-size",
		"x-amz-transition-default-minimum-object-size", "x-amz-confirm-remove-self-bucket-access", "x-amz-te":
		return headerOnly
	case "x-amz-expected-bucket-owner", "x-amz-max-parts", "x-amz-object-attributes", "x-amz-optional-object-attributes",
		"x-amz-part-number-marker", "x-amz-request-payer", "x-amz-sdk-checksum-algorithm", "x-amz-storage-class", "x-amz-tagging",
		"x-amz-user-agent", "x-amz-website-redirect-location",
		"x-amz-server-side-encryption", "x-amz-server-side-encryption-customer-algorithm",
		"x-amz-server-side-encryption-customer-key", "x-amz-server-side-encryption-customer-key-md5",
		"x-amz-server-side-encryption-aws-kms-key-id", "x-amz-server-side-encryption-context",
		"x-amz-server-side-encryption-bucket-key-enabled":
		return anywhere
	case "x-amz-bypass-governance-retention", "x-amz-bucket-object-lock-enabled", "x-amz-object-ownership", "x-amz-mfa":
		return raising
	case "x-amz-acl":
		return access
	case "x-amz-copy-source":
		return copying
	case "x-amz-copy-source-if-match", "x-amz-copy-source-if-none-match", "x-amz-copy-source-if-modified-since",
		"x-amz-copy-source-if-unmodified-since", "x-amz-copy-source-range",
		"x-amz-copy-source-server-side-encryption-customer-algorithm", "x-amz-copy-source-server-side-encryption-customer-key",
		"x-amz-copy-source-server-side-encryption-customer-key-md5":
		return copyDetail
	case "x-amz-meta-snowball-auto-extract":
		// Snowball, MinIO and RustFS unpack an archive that is uploaded.
		// https://docs.aws.amazon.com/snowball/latest/developer-guide/batching-small-files.html
		return extracting
	default:
		return effectOfFamily(name)
	}
}

// effectOfFamily is the part of the list that goes by the beginning of a name.
// Locks and grants do, beside an upload, what needs every right as an operation
// of its own: PutObjectRetention, PutObjectLegalHold, PutObjectAcl.
func effectOfFamily(name []byte) effect {
	switch {
	case hasPrefix(name, metaPrefix), hasPrefix(name, "x-amz-checksum-"):
		return anywhere
	case hasPrefix(name, "x-amz-object-lock-"), hasPrefix(name, "x-amz-grant-"):
		return raising
	default:
		return unlisted
	}
}

// readAmz takes an x-amz- header.
func (m *marks) readAmz(name string, folded []byte, values []string) error {
	switch effectOf(folded) {
	case headerOnly, anywhere:
	case raising:
		m.raises = true
	case access:
		m.raises = m.raises || opens(values...)
	case copying:
		m.copies = true
		if len(values) != 1 {
			return sigv4.Faultf(ErrCopySource, "There are %d x-amz-copy-source headers, one is possible.", len(values))
		}
		m.copySource = values[0]
	case copyDetail:
		m.copyDetails = true
	case extracting:
		m.extracts = true
	case unlisted:
		fallthrough
	default:
		return sigv4.Faultf(ErrUnknownOperation, "The header %q is none of the x-amz- headers that are accepted.", quoted(name))
	}
	if isMisspelt(name, folded) {
		return misspelt(name)
	}
	return nil
}

// opens reports whether one of the values of x-amz-acl is none of the canned
// lists that leave the object to the owners of bucket and object.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/acl-overview.html#canned-acl
func opens(values ...string) bool {
	for _, v := range values {
		switch v {
		case "private", "bucket-owner-read", "bucket-owner-full-control":
		default:
			return true
		}
	}
	return false
}

// RaisesRights reports whether an x-amz- header with that value, or the field
// of a form by the same name, gives what needs every right on the object.
func RaisesRights(name, value string) bool {
	var buffer [foldedLength]byte
	switch effectOf(fold(name, &buffer)) {
	case raising:
		return true
	case access:
		return opens(value)
	case unlisted, headerOnly, anywhere, copying, copyDetail, extracting:
	}
	return false
}

// isMisspelt reports whether a header has underscores or dots for hyphens.
// What follows x-amz-meta- is the client's own.
func isMisspelt(name string, folded []byte) bool {
	if hasPrefix(folded, metaPrefix) && effectOf(folded) == anywhere {
		name = name[:len(metaPrefix)]
	}
	return strings.ContainsAny(name, "_.")
}

func misspelt(name string) error {
	return sigv4.Faultf(ErrInvalidArgument, "The header %q must be spelt with hyphens.", quoted(name))
}

// hoist looks at headers that a presigned URL carries in its query: those of
// effectOf that software for presigning moves there and that name nothing else.
func (a *arguments) hoist(name, value string) error {
	var buffer [foldedLength]byte
	folded := fold(name, &buffer)
	if !hasPrefix(folded, amzPrefix) {
		return nil
	}
	switch effectOf(folded) {
	case anywhere:
	case raising:
		a.raises = true
	case access:
		a.raises = a.raises || opens(value)
	case unlisted, headerOnly, copying, copyDetail, extracting:
		fallthrough
	default:
		return sigv4.Faultf(ErrUnknownOperation, "The argument %q is not possible in a query.", quoted(name))
	}
	return nil
}

// isHoisted reports whether an argument is a header that hoist lets pass, or
// x-id, by which SDKs say the operation to themselves.
func isHoisted(name string) bool {
	if strings.EqualFold(name, "x-id") {
		return true
	}
	var buffer [foldedLength]byte
	folded := fold(name, &buffer)
	if !hasPrefix(folded, amzPrefix) || isMisspelt(name, folded) {
		return false
	}
	switch effectOf(folded) {
	case anywhere, raising, access:
		return true
	default:
		return false
	}
}
