package proxy

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"

	"tollgate/proxy/s3"
	"tollgate/proxy/sigv4"
	"tollgate/tokens"
)

// readDocument holds a document, judges what it names and sends it as it is.
func (x *exchange) readDocument(t *transfer) error {
	if t.length > s3.MaxDocument {
		return sigv4.Faultf(s3.ErrDocumentTooLarge, "The document has %d bytes, at most %d are possible.", t.length, s3.MaxDocument)
	}
	x.waited = true
	stop := x.hurry()
	text, err := io.ReadAll(io.LimitReader(t.body, s3.MaxDocument+1))
	stop()
	if err != nil {
		return err
	}
	if err := x.judgeDocument(text); err != nil {
		return err
	}
	if t.decoder != nil {
		x.trailing = append(x.trailing, t.decoder.Trailer()...)
	}
	digest := sha256.Sum256(text)
	*t = transfer{body: bytes.NewReader(text), length: int64(len(text)), digest: hex.EncodeToString(digest[:])}
	return nil
}

// checkTagging holds the tags of a document to those of the token.
func (x *exchange) checkTagging(text []byte) error {
	only := x.only()
	if only == nil || len(only.Tags) == 0 {
		return nil
	}
	tags, err := s3.DocumentTags(text)
	if err != nil {
		return err
	}
	return only.AcceptTags(tags)
}

// judgeDocument authorises the request again with all that its document names.
func (x *exchange) judgeDocument(text []byte) error {
	var names []tokens.Name
	var err error
	switch x.operation.Body {
	case s3.DeleteList:
		names, err = s3.DeleteNames(x.bucket, text)
	case s3.CompleteList:
		if err = s3.CheckComplete(text); err == nil {
			err = x.checkWhole(text)
		}
	case s3.Document:
		if names, err = s3.DocumentNames(text); err == nil {
			err = x.checkTagging(text)
		}
	case s3.Policy:
		if len(text) > s3.MaxPolicy {
			err = sigv4.Faultf(s3.ErrDocumentTooLarge, "The policy has %d bytes, at most %d are possible.", len(text), s3.MaxPolicy)
		}
	case s3.NoBody, s3.Object, s3.Form:
	default:
		err = s3.ErrUnknownOperation
	}
	if err != nil || len(names) == 0 {
		return err
	}
	x.action.Also = append(x.action.Also[:len(x.action.Also):len(x.action.Also)], names...)
	_, err = tokens.Authorise(x.caller.Subject, x.action)
	return err
}
