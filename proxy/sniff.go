package proxy

import (
	"bytes"
	"errors"
	"io"

	"github.com/gabriel-vasile/mimetype"

	"tollgate/proxy/sigv4"
	"tollgate/tokens"
)

// sniffLength is how much of a body is looked at to tell its type.
const sniffLength = 3072

// sniffedBody ends with tokens.ErrType where its beginning shows a type that
// the token does not allow. Nothing of it is given out before.
type sniffedBody struct {
	source io.Reader
	only   *tokens.Restrictions
	coded  bool // the contents are not what they look like
	ready  bool
	head   *bytes.Reader
	err    error // of the source, for when head is read
}

// Read implements io.Reader.
func (b *sniffedBody) Read(p []byte) (int, error) {
	if !b.ready {
		b.ready = true
		if err := b.look(); err != nil {
			b.head, b.err = bytes.NewReader(nil), err
			return 0, err
		}
	}
	if b.head.Len() > 0 {
		return b.head.Read(p)
	}
	if b.err != nil {
		return 0, b.err
	}
	return b.source.Read(p)
}

func (b *sniffedBody) look() error {
	head := make([]byte, sniffLength)
	n, err := io.ReadFull(b.source, head)
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		err = io.EOF
	case err != nil && n == 0:
		return err
	}
	head = head[:n]
	b.head, b.err = bytes.NewReader(head), err
	if b.coded || !allowsContents(b.only, head) {
		return sigv4.Faultf(tokens.ErrType, "The contents are of a type that the token does not allow.")
	}
	return nil
}

// allowsContents reports whether what a body begins with may be. What looks
// like nothing in particular does not contradict what was declared.
func allowsContents(only *tokens.Restrictions, head []byte) bool {
	found := mimetype.Detect(head)
	if found.Is("application/octet-stream") || found.Is("text/plain") {
		return true
	}
	for kind := found; kind != nil; kind = kind.Parent() {
		if name := declaredType([]string{kind.String()}); name != "" && only.AcceptsType(name) {
			return true
		}
	}
	return false
}
