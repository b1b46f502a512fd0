package proxy

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

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
	a.Needs = needs
	// A new file can be told from an old one only where If-None-Match is
	// known to be honoured.
	a.OrAppend = method == http.MethodPut && x.route.upstream.IsFolder()
	return a, x.checkDestination()
}

// checkDestination holds that a request names objects of this host alone.
func (x *exchange) checkDestination() error {
	values := x.in.Header["Destination"]
	if len(values) == 0 {
		return nil
	}
	if len(values) > 1 {
		return fmt.Errorf("%w: %d of them", ErrBadDestination, len(values))
	}
	u, err := url.Parse(values[0])
	if err != nil || u.User != nil || !strings.HasPrefix(u.EscapedPath(), "/") {
		return fmt.Errorf("%w: neither an absolute URL nor an absolute path", ErrBadDestination)
	}
	if u.Host == "" && u.Scheme != "" || u.Host != "" && !strings.EqualFold(u.Host, x.in.Host) {
		return fmt.Errorf("%w: it names another host", ErrBadDestination)
	}
	return nil
}
