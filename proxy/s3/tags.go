package s3

import (
	"net/url"
	"strings"

	"tollgate/proxy/sigv4"
)

// MaxTags is how many tags a request can carry; AWS takes 10 on an object and
// 50 on a bucket.
const MaxTags = 50

// HeaderTags returns the tags of an x-amz-tagging header, as key=value with each
// = in a key as %3D. The error is ErrInvalidArgument.
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html
func HeaderTags(value string) ([]string, error) {
	var tags []string
	for pair := range strings.SplitSeq(value, "&") {
		if pair == "" {
			continue
		}
		key, text, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(key)
		if err != nil {
			return nil, tagFault()
		}
		if text, err = url.QueryUnescape(text); err != nil {
			return nil, tagFault()
		}
		if tags = append(tags, tagText(name, text)); len(tags) > MaxTags {
			return nil, tagFault()
		}
	}
	return tags, nil
}

// tagText writes a tag. An equals sign in the key is escaped, so that the first
// one that is not ends the key.
func tagText(key, value string) string { return strings.ReplaceAll(key, "=", "%3D") + "=" + value }

func tagFault() error {
	return sigv4.Faultf(ErrInvalidArgument, "The header x-amz-tagging cannot be read, accepted are up to %d tags like key=value&key=value.", MaxTags)
}

// DocumentTags returns the tags in a document, as HeaderTags does: in that of
// PutObjectTagging and in the field tagging of a form, and in any other that
// has some. Nothing at all is a document too and has none. The error is
// ErrMalformedXML or ErrDocumentTooLarge.
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObjectTagging.html
func DocumentTags(xml []byte) ([]string, error) {
	if isSpace(xml) {
		return nil, nil
	}
	var r tagReader
	err := readDocument(xml, r.see)
	return r.tags, err
}

// tagReader collects the tags of a document.
type tagReader struct {
	tags       []string
	key, value string
	keys       int
}

func (r *tagReader) see(e *element) error {
	inTag := e.depth > 1 && e.path[e.depth-2] == "Tag"
	switch {
	case inTag && e.name() == "Key" && e.leaf:
		r.key = e.text
		r.keys++
	case inTag && e.name() == "Value" && e.leaf:
		r.value = e.text
	case inTag:
		return strange(e)
	case e.name() == "Tag":
		if r.keys != 1 || len(r.tags) == MaxTags {
			return strange(e)
		}
		r.tags = append(r.tags, tagText(r.key, r.value))
		r.key, r.value, r.keys = "", "", 0
	}
	return nil
}
