package proxy

import (
	"fmt"
	"io"
	"math"
	"mime"
	"net/http"
	"net/url"
	"path"
	"strings"

	"tollgate/proxy/s3"
	"tollgate/proxy/sigv4"
	"tollgate/tokens"
)

// circumstances are from where and with what the request comes. An agent that
// is named twice is none that a token can allow.
func (x *exchange) circumstances() tokens.Circumstances {
	return tokens.Circumstances{Client: x.origin.Client, Agent: strings.Join(x.in.Header["User-Agent"], ", ")}
}

// only returns the restrictions of the caller's token; nil = there are none.
func (x *exchange) only() *tokens.Restrictions {
	if t := x.caller.Token; t != nil && !t.Only.IsZero() {
		return &t.Only
	}
	return nil
}

// restrict adds to an action what the restrictions of a token need to know.
func (x *exchange) restrict(a *tokens.Action) error {
	a.From = x.circumstances()
	if x.only() == nil {
		return nil
	}
	stores, err := x.upload()
	if err != nil {
		return err
	}
	a.Stores = stores
	if len(x.only().Tags) > 0 {
		stores.Tags, err = x.tags(stores.Tags)
	}
	return err
}

// upload says what the request stores, as far as its head tells.
func (x *exchange) upload() (*tokens.Upload, error) {
	declared := tokens.Upload{Type: declaredType(x.in.Header["Content-Type"]), Size: x.bodySize()}
	switch {
	case x.upgrade != "":
		return unseen(), nil // what follows is no request, and nobody reads it
	case x.route.storage != nil:
		return x.storedUpload(declared)
	case x.writesParts():
		declared.Size = math.MaxInt64 // as large as many of them make it
	}
	switch x.in.Method {
	case http.MethodPut, http.MethodPost, http.MethodPatch:
		return &declared, x.checkExtension()
	case "COPY", "MOVE":
		return unseen(), nil
	}
	if _, known := verbs[x.in.Method]; !known && x.in.Method != http.MethodOptions {
		return &declared, nil
	}
	return &tokens.Upload{Untyped: true}, nil
}

// writesParts reports whether a plain request can write a part of something, or
// has something copied, so that its body says nothing of what is there then.
func (x *exchange) writesParts() bool {
	if x.in.Method == http.MethodPatch || len(x.in.Header["Content-Range"]) > 0 {
		return true
	}
	for name := range x.in.Header {
		if s3.IsForeignHeader(name) {
			return true
		}
	}
	return false
}

// checkExtension holds the extension of a file to the types of the token where
// a folder is served: that is by what it tells the type.
func (x *exchange) checkExtension() error {
	only := x.only()
	if !x.route.upstream.IsFolder() || len(only.Types) == 0 {
		return nil
	}
	served := mime.TypeByExtension(path.Ext(decode(x.path)))
	if served == "" || only.AcceptsType(declaredType([]string{served})) {
		return nil
	}
	return tokens.ErrType
}

// unseen is an object whose type and size nobody looks at, such as the source
// of a copy: a token that restricts either does not allow it.
func unseen() *tokens.Upload { return &tokens.Upload{Size: math.MaxInt64} }

// storedUpload says what a request to an S3 storage stores.
func (x *exchange) storedUpload(declared tokens.Upload) (*tokens.Upload, error) {
	switch x.operation.Name {
	case "PutObject":
		return &declared, nil
	case "CreateMultipartUpload":
		declared.Size = 0 // parts are counted when they come, and all of them in the end
		return &declared, nil
	case "UploadPart":
		return &tokens.Upload{Untyped: true, Size: declared.Size}, nil
	case "CopyObject", "UploadPartCopy", "RestoreObject":
		if only := x.only(); len(only.Tags) > 0 && x.in.Header.Get("X-Amz-Tagging-Directive") != "REPLACE" {
			return nil, tokens.ErrTag // those of the source would come along
		}
		return unseen(), nil
	case "PostObject":
		return x.formUpload()
	}
	return &tokens.Upload{Untyped: true}, nil
}

// formUpload says what a form stores. Its file is counted while it streams.
func (x *exchange) formUpload() (*tokens.Upload, error) {
	u := &tokens.Upload{Size: -1}
	if x.form == nil {
		return u, nil
	}
	kind, given := x.form.Get("content-type")
	if !given {
		kind = x.form.FileType()
	}
	u.Type = declaredType([]string{kind})
	if document, given := x.form.Get("tagging"); given {
		var err error
		if u.Tags, err = s3.DocumentTags([]byte(document)); err != nil {
			return nil, err
		}
	}
	if text, given := x.form.Get("x-amz-tagging"); given {
		more, err := s3.HeaderTags(text)
		if err != nil {
			return nil, err
		}
		u.Tags = append(u.Tags, more...)
	}
	return u, nil
}

// bodySize is how many bytes are stored of the body; -1 = it is not said.
func (x *exchange) bodySize() int64 {
	if s := x.signature; s != nil && s.Payload.Streams() {
		return s.DecodedLength
	}
	return x.in.ContentLength
}

// declaredType returns the media type that a request declares, without its
// parameters; empty = none that has one reading.
func declaredType(values []string) string {
	if len(values) != 1 {
		return ""
	}
	kind, _, err := mime.ParseMediaType(values[0])
	if err != nil {
		return ""
	}
	return kind
}

// tags returns the tags that the request carries, beside those that are known
// already: in the header of S3, for a storage also where a presigned URL has
// it, and for a plain service in its query.
func (x *exchange) tags(known []string) ([]string, error) {
	query, err := url.ParseQuery(x.query)
	if err != nil {
		return nil, fmt.Errorf("%w: a query that cannot be read", ErrBadTarget)
	}
	if x.route.storage == nil && x.sendsForm() {
		return nil, tokens.ErrTag // nobody here reads it
	}
	var written []string
	for name, values := range x.in.Header {
		if plainName(name) == "x-amz-tagging" {
			written = append(written, values...)
		}
	}
	for name, values := range query {
		switch lower := strings.ToLower(name); {
		case lower == "x-amz-tagging":
			written = append(written, values...)
		case x.route.storage == nil && isTagArgument(lower):
			known = append(known, splitTags(values)...)
		}
	}
	for _, text := range written {
		more, err := s3.HeaderTags(text)
		if err != nil {
			return nil, err
		}
		known = append(known, more...)
	}
	return known, nil
}

// isTagArgument reports whether plain services take tags under a name in lower
// case. Some cut spaces off, and what is in brackets.
func isTagArgument(name string) bool {
	name, _, _ = strings.Cut(strings.TrimSpace(name), "[")
	return name == "tag" || name == "tags"
}

// sendsForm reports whether the body is a form, which can hold tags.
func (x *exchange) sendsForm() bool {
	switch declaredType(x.in.Header["Content-Type"]) {
	case "application/x-www-form-urlencoded", "multipart/form-data":
		return true
	}
	return false
}

// splitTags reads lists of tags with commas.
func splitTags(values []string) []string {
	var tags []string
	for _, value := range values {
		for tag := range strings.SplitSeq(value, ",") {
			tags = append(tags, strings.TrimSpace(tag))
		}
	}
	return tags
}

// stored wraps the body of an upload so that what can only be judged while it
// flows is: its size, and its type where the contents are looked at.
func (x *exchange) stored(body io.Reader) io.Reader {
	only := x.only()
	if only == nil || x.action.Stores == nil {
		return body
	}
	if len(only.Types) > 0 && x.rules.sniffs && x.isSniffable() {
		body = &sniffedBody{source: body, only: only, coded: x.isCoded()}
	}
	if only.SizeBelow > 0 {
		body = &boundedBody{source: body, left: only.SizeBelow - 1}
	}
	return body
}

// isSniffable reports whether the body is an object, or a part of one: any can
// become the first.
func (x *exchange) isSniffable() bool {
	return x.operation.Name == "UploadPart" || !x.action.Stores.Untyped
}

// isCoded reports whether a body is coded, so that its type cannot be seen.
func (x *exchange) isCoded() bool {
	values := x.in.Header["Content-Encoding"]
	if x.form != nil {
		field, _ := x.form.Get("content-encoding")
		values = []string{field}
	}
	for _, v := range values {
		for coding := range strings.SplitSeq(v, ",") {
			coding = strings.ToLower(strings.Trim(coding, " \t"))
			decoded := coding == "aws-chunked" && x.signature != nil && x.signature.Payload.Streams()
			if coding != "" && coding != "identity" && !decoded {
				return true
			}
		}
	}
	return false
}

// boundedBody ends with tokens.ErrSize where it becomes larger than it may.
type boundedBody struct {
	source io.Reader
	left   int64
}

// Read implements io.Reader.
func (b *boundedBody) Read(p []byte) (int, error) {
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1] // one more shows that there is one
	}
	n, err := b.source.Read(p)
	if int64(n) > b.left {
		return 0, tooLarge()
	}
	b.left -= int64(n)
	return n, err
}

// tooLarge is ErrSize with a sentence for the client.
func tooLarge() error {
	return sigv4.Faultf(tokens.ErrSize, "Your proposed upload exceeds the maximum size that the token allows.")
}
