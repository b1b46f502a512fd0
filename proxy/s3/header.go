package s3

import (
	"bytes"
	"net/http"
	"strings"

	"tollgate/proxy/sigv4"
)

// marks is what the headers of a request say about its operation.
type marks struct {
	copySource  string // the value of x-amz-copy-source
	copies      bool   // there is one
	copyDetails bool   // there are x-amz-copy-source- headers
	raises      bool   // a header asks for what only all rights give
	forced      bool   // x-minio-force-delete: what lies below goes too
	extracts    bool   // x-amz-meta-snowball-auto-extract: an archive becomes objects
	form        bool   // POST of a form
}

// foldedLength is how long a header name can be that is compared; no name
// with a meaning here is longer.
const foldedLength = 72

// read looks at every header once.
func (m *marks) read(r *Request) error {
	for name, values := range r.Header {
		if isHarmless(name) {
			continue
		}
		if err := m.readOne(name, values); err != nil {
			return err
		}
	}
	if r.Method == http.MethodPost {
		m.form = isForm(r.Header["Content-Type"])
	}
	return nil
}

// isHarmless recognises at a glance most of the headers that mean nothing
// here: readOne would find the same.
func isHarmless(name string) bool {
	if len(name) < len("rgwx-") {
		return true
	}
	switch name[0] | 0x20 {
	case 'x':
		return name == "X-Amz-Content-Sha256" || name == "X-Amz-Date" || name == "X-Forwarded-For"
	case 'r':
		return name[1]|0x20 != 'g'
	default:
		return true
	}
}

// readOne takes one header. A name that means something here must be spelt
// with hyphens: storages behind CGI-like front ends read x_amz_copy_source as
// x-amz-copy-source.
func (m *marks) readOne(name string, values []string) error {
	var buffer [foldedLength]byte
	folded := fold(name, &buffer)
	switch {
	case string(folded) == "x-amz-copy-source":
		m.copies = true
		if len(values) != 1 {
			return sigv4.Faultf(ErrCopySource, "There are %d x-amz-copy-source headers, one is possible.", len(values))
		}
		m.copySource = values[0]
	case hasPrefix(folded, "x-amz-copy-source-"):
		m.copyDetails = true
	case isForce(folded):
		m.forced = true
	case isExtract(folded):
		m.extracts = true
	case isForeign(folded):
		return sigv4.Faultf(ErrUnknownOperation, "The header %q makes the request another operation.", quoted(name))
	case raisesRights(folded, values):
		m.raises = true
	default:
		return nil
	}
	if strings.ContainsAny(name, "_.") {
		return sigv4.Faultf(ErrInvalidArgument, "The header %q must be spelt with hyphens.", quoted(name))
	}
	return nil
}

// fold writes a header name in lower case with hyphens. Of a name that is too
// long to mean anything it takes the beginning.
func fold(name string, buffer *[foldedLength]byte) []byte {
	n := min(len(name), len(buffer))
	for i := range n {
		c := name[i]
		switch {
		case 'A' <= c && c <= 'Z':
			c |= 0x20
		case c == '_' || c == '.':
			c = '-'
		}
		buffer[i] = c
	}
	return buffer[:n]
}

func hasPrefix(name []byte, prefix string) bool {
	return len(name) >= len(prefix) && string(name[:len(prefix)]) == prefix
}

// isForce reports the header by which MinIO and RustFS delete a bucket or key
// with all that lies below it.
func isForce(name []byte) bool {
	return string(name) == "x-minio-force-delete" || string(name) == "x-rustfs-force-delete"
}

// isExtract reports the header by which Snowball, MinIO and RustFS unpack an
// uploaded archive into objects.
// https://docs.aws.amazon.com/snowball/latest/developer-guide/batching-small-files.html
func isExtract(name []byte) bool { return string(name) == "x-amz-meta-snowball-auto-extract" }

// isForeign reports headers by which a storage reads a request as another
// operation, as its own replication or administration, or finds the data in an
// object that is named there.
func isForeign(name []byte) bool {
	for _, prefix := range [...]string{
		"rgwx-", "x-rgw-", "x-minio-", "x-rustfs-", "x-scal-",
		"x-object-manifest", "x-symlink-target", "x-amz-target", "x-amz-rename-source",
	} {
		if hasPrefix(name, prefix) {
			return true
		}
	}
	return hasPrefix(name, "x-") && (bytes.HasSuffix(name, []byte("-copy-source")) || bytes.HasSuffix(name, []byte("-copy-from")))
}

// raisesRights reports headers and arguments that do, beside an upload or a
// deletion, what needs every right as an operation of its own: PutObjectAcl,
// PutObjectRetention, PutObjectLegalHold, or the bypass of a retention.
func raisesRights(name []byte, values []string) bool {
	if hasPrefix(name, "x-amz-object-lock-") || hasPrefix(name, "x-amz-grant-") ||
		string(name) == "x-amz-bypass-governance-retention" {
		return true
	}
	if string(name) != "x-amz-acl" {
		return false
	}
	for _, v := range values {
		switch v {
		case "private", "bucket-owner-read", "bucket-owner-full-control":
		default:
			return true
		}
	}
	return false
}

// isForm reports whether a POST can be read as a form with a file: storages
// look for the media type anywhere in the header.
func isForm(contentTypes []string) bool {
	for _, v := range contentTypes {
		if strings.Contains(strings.ToLower(v), "multipart/") {
			return true
		}
	}
	return false
}
