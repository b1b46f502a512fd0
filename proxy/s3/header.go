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
	case hasPrefix(folded, amzPrefix):
		return m.readAmz(name, folded, values)
	case isForce(folded):
		m.forced = true
	case isForeign(folded):
		return sigv4.Faultf(ErrUnknownOperation, "The header %q makes the request another operation.", quoted(name))
	default:
		return nil
	}
	if isMisspelt(name, folded) {
		return misspelt(name)
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

// isForeign reports headers, other than x-amz-, by which a storage reads a
// request as another operation, as its own replication or administration, or
// finds the data in an object that is named there.
func isForeign(name []byte) bool {
	for _, prefix := range [...]string{
		"rgwx-", "x-rgw-", "x-minio-", "x-rustfs-", "x-scal-", "x-vgw-", "x-object-manifest", "x-http-method", "x-method-override",
	} {
		if hasPrefix(name, prefix) {
			return true
		}
	}
	if !hasPrefix(name, "x-") {
		return false
	}
	for _, part := range [...]string{"-copy-source", "-copy-from", "-move-source", "-rename-source", "-symlink-target"} {
		if bytes.Contains(name, []byte(part)) {
			return true
		}
	}
	return false
}

// IsForeignHeader reports whether a header can make some storage read or write
// a second object, give rights away, or do something else than the method and
// the path say: the copy sources, links and manifests of all vendors, what
// MinIO, RustFS, Ceph, Versity and Scality send to themselves, and every x-amz-
// header but those that OperationOf lets pass at the rights of the operation
// itself. Of x-amz-acl it says yes whatever the value. The name may be spelt in
// any case and with underscores or dots for hyphens; the empty name is not
// foreign. Destination, which says nothing without its method, is not either.
func IsForeignHeader(name string) bool {
	var buffer [foldedLength]byte
	folded := fold(name, &buffer)
	if !hasPrefix(folded, amzPrefix) {
		return isForeign(folded)
	}
	switch effectOf(folded) {
	case headerOnly, anywhere:
		return false
	default:
		return true
	}
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
