package proxy

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"tollgate/proxy/s3"
	"tollgate/tokens"
)

// ErrBadDestination says: the Destination of a COPY or MOVE does not name this
// host, or cannot be read.
var ErrBadDestination = fmt.Errorf("%w: bad Destination", ErrBadTarget)

// verbs says which rights a method needs, RFC 9110 and RFC 4918. A method that
// is not in it needs every right on the storage.
var verbs = map[string]tokens.Permissions{
	http.MethodGet:    tokens.StorageRead,
	http.MethodHead:   tokens.StorageRead,
	"PROPFIND":        tokens.StorageList,
	"REPORT":          tokens.StorageList,
	"SEARCH":          tokens.StorageList,
	http.MethodPut:    tokens.StorageWrite,
	http.MethodPost:   tokens.StorageWrite,
	http.MethodPatch:  tokens.StorageWrite,
	"MKCOL":           tokens.StorageWrite,
	"PROPPATCH":       tokens.StorageWrite,
	"LOCK":            tokens.StorageWrite,
	"UNLOCK":          tokens.StorageWrite,
	http.MethodDelete: tokens.StorageDelete,
	"COPY":            tokens.StorageRead | tokens.StorageWrite,
	"MOVE":            tokens.StorageRead | tokens.StorageWrite | tokens.StorageDelete,
}

// actionOf says what a request asks of the storage.
func actionOf(x *exchange) (tokens.Action, error) {
	a, err := x.requested()
	if err == nil {
		err = x.restrict(&a)
	}
	return a, err
}

// requested says what the request asks of what is behind.
func (x *exchange) requested() (tokens.Action, error) {
	if x.route.storage != nil {
		return x.operate()
	}
	a := tokens.Action{Place: x.place.Scope, AnyDomain: x.place.AnyDomain}
	method := x.in.Method
	needs, known := verbs[method]
	switch {
	case method == http.MethodOptions:
		a.AnyRight = true
	case !known:
		needs = tokens.StorageAll
	case needs == tokens.StorageRead && x.route.upstream.IsFolder() && strings.HasSuffix(decode(x.path), "/"):
		needs = tokens.StorageList
	}
	a.Needs, a.Resource = needs, resourceOf(x.path)
	if needs == tokens.StorageList {
		a.Reach, a.Resource = tokens.Under, strings.TrimSuffix(a.Resource, "/")+"/"
	}
	// A new file can be told from an old one only where If-None-Match is
	// known to be honoured.
	a.OrAppend = method == http.MethodPut && x.route.upstream.IsFolder()
	err := x.addDestination(&a)
	return a, err
}

// addDestination adds the second object that a request names, if it does.
func (x *exchange) addDestination(a *tokens.Action) error {
	destination, err := x.destination()
	if destination == "" || err != nil {
		return err
	}
	target := tokens.Name{Resource: resourceOf(destination), Needs: tokens.StorageWrite}
	if x.in.Method == "COPY" || x.in.Method == "MOVE" {
		a.Needs &^= tokens.StorageWrite // it is the target that is written
	} else {
		target.Needs = tokens.StorageAll // who knows what this method does with it
	}
	a.Also = []tokens.Name{target}
	return nil
}

// resourceOf is the name by which resources know a path: decoded once, without
// the / in front.
func resourceOf(path string) string { return strings.TrimPrefix(decode(path), "/") }

// destination returns the path of the second object that a request names, as
// it came, and holds that it is on this host. Empty = there is none.
func (x *exchange) destination() (string, error) {
	values := x.in.Header["Destination"]
	if len(values) == 0 {
		return "", nil
	}
	if len(values) > 1 {
		return "", fmt.Errorf("%w: %d of them", ErrBadDestination, len(values))
	}
	u, err := url.Parse(values[0])
	if err != nil || u.User != nil || !strings.HasPrefix(u.EscapedPath(), "/") {
		return "", fmt.Errorf("%w: neither an absolute URL nor an absolute path", ErrBadDestination)
	}
	if strings.ContainsAny(values[0], "?#") {
		return "", fmt.Errorf("%w: a path has neither a query nor a fragment", ErrBadDestination)
	}
	if u.Host == "" && u.Scheme != "" || u.Host != "" && !strings.EqualFold(u.Host, x.in.Host) {
		return "", fmt.Errorf("%w: it names another host", ErrBadDestination)
	}
	return u.EscapedPath(), nil
}

// checkNarrowed refuses what somebody behind could read differently where the
// resources of a token decide on it. On S3 storages they decide on the key,
// which has one reading.
func (x *exchange) checkNarrowed() error {
	t := x.caller.Token
	if t == nil || !t.Allowed.Placed() || x.route.storage != nil {
		return nil
	}
	if x.namesElsewhere() {
		return tokens.ErrResource
	}
	destination, err := x.destination()
	if err != nil {
		return err
	}
	for _, path := range [...]string{x.path, destination} {
		if isAmbiguous(path) || strings.Contains(decode(path), "//") {
			return ErrAmbiguousPath
		}
	}
	return nil
}

// namesElsewhere reports whether a plain request can name objects that nobody
// here reads: in its body, or in headers that some storages know.
func (x *exchange) namesElsewhere() bool {
	method := x.in.Method
	if _, known := verbs[method]; method == "SEARCH" || method == "REPORT" || !known && method != http.MethodOptions {
		return true
	}
	for name := range x.in.Header {
		if s3.IsForeignHeader(name) {
			return true
		}
	}
	return false
}
