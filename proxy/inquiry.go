package proxy

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strconv"

	"tollgate/proxy/s3"
	"tollgate/proxy/sigv4"
	"tollgate/proxy/upstream"
	"tollgate/tokens"
)

// errOtherPart: an upload is completed with parts that are not those that the
// storage has.
var errOtherPart = errors.New("part is not there or another one")

// errExists: only a new object may be made, and there is one.
var errExists = errors.New("object exists already")

// answer keeps what a storage answers to the gateway itself.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// Header implements http.ResponseWriter.
func (a *answer) Header() http.Header { return a.header }

// WriteHeader implements http.ResponseWriter.
func (a *answer) WriteHeader(status int) {
	if status >= http.StatusOK {
		a.status = status
	}
}

// Write implements http.ResponseWriter. It fails beyond s3.MaxAnswer.
func (a *answer) Write(p []byte) (int, error) {
	if a.body.Len()+len(p) > s3.MaxAnswer {
		return 0, errUneditable
	}
	return a.body.Write(p)
}

// inquire asks the storage something about the object of the request that the
// gateway itself wants to know.
func (x *exchange) inquire(method, query string) (*answer, error) {
	signer, now := x.route.storage.signer, x.now
	request := &http.Request{Method: method, Header: http.Header{"User-Agent": {"tollgate"}}, Body: http.NoBody, URL: &url.URL{}}
	target := x.path
	if query != "" {
		target += "?" + query
	}
	out := &upstream.Outgoing{
		Request: request.WithContext(x.in.Context()), Target: target,
		Sign: func(host string, h http.Header) {
			signer.Sign(now(), &sigv4.View{Method: method, Host: host, Path: x.path, Query: query, Header: h}, sigv4.EmptyDigest)
		},
	}
	a := &answer{header: make(http.Header)}
	x.waited = true
	_, err := x.route.upstream.Forward(a, out)
	return a, err
}

// checkWhole refuses an upload in parts whose parts, each small enough, are
// together larger than the token allows. The storage knows their sizes,
// whichever gateway they came through.
func (x *exchange) checkWhole(document []byte) error {
	only := x.only()
	if only == nil || only.SizeBelow == 0 {
		return nil
	}
	named, err := s3.CompletedParts(document)
	if err != nil {
		return err
	}
	kept, err := x.parts()
	if err != nil {
		return err
	}
	var total int64
	for _, p := range named {
		// A part that is not there, or is sent anew meanwhile, is for the
		// storage to refuse: it compares the ETags too.
		if kept[p.Number].ETag != p.ETag {
			return sigv4.Faultf(errOtherPart, "One or more of the specified parts could not be found. The part might not have been uploaded, or the specified entity tag might not have matched the part's entity tag.")
		}
		if total += kept[p.Number].Size; !only.AcceptsSize(total) {
			return tooLarge()
		}
	}
	return nil
}

// parts asks the storage for the parts of the upload that the request is
// about.
func (x *exchange) parts() (map[int]s3.Part, error) {
	asked, err := url.ParseQuery(x.onward)
	if err != nil {
		return nil, fmt.Errorf("%w: a query that cannot be read", ErrBadTarget)
	}
	all := make(map[int]s3.Part)
	for marker := 0; ; {
		page, err := x.partPage(asked["uploadId"], marker)
		if err != nil {
			return nil, err
		}
		maps.Copy(all, page.Parts)
		switch {
		case page.Next == 0:
			return all, nil
		case page.Next <= marker:
			return nil, fmt.Errorf("%w: the list of parts goes back", s3.ErrMalformedAnswer)
		}
		marker = page.Next
	}
}

// partPage asks for the parts behind a number.
func (x *exchange) partPage(upload []string, marker int) (s3.PartPage, error) {
	query := url.Values{"uploadId": upload, "max-parts": {strconv.Itoa(s3.MaxListedParts)}}
	if marker > 0 {
		query.Set("part-number-marker", strconv.Itoa(marker))
	}
	a, err := x.inquire(http.MethodGet, query.Encode())
	if err != nil {
		return s3.PartPage{}, err
	}
	if a.status != http.StatusOK {
		return s3.PartPage{}, fmt.Errorf("%w: list of parts: status %d", s3.ErrMalformedAnswer, a.status)
	}
	return s3.ParseParts(a.body.Bytes())
}

// checkNew refuses what would replace an object, where only new ones may be
// made. The storage is asked to refuse it too, which holds against others that
// write at the same time; not every storage does.
func (x *exchange) checkNew(grant tokens.Grant) error {
	if !grant.NewOnly() || x.route.storage == nil {
		return nil
	}
	switch x.operation.Name {
	case "PutObject", "CompleteMultipartUpload":
	default:
		return nil
	}
	a, err := x.inquire(http.MethodHead, "")
	switch {
	case err != nil:
		return err
	case a.status == http.StatusNotFound:
		return nil
	case a.status < http.StatusMultipleChoices:
		return errExists
	}
	return fmt.Errorf("%w: HEAD: status %d", s3.ErrMalformedAnswer, a.status)
}
