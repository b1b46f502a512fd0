package upstream

import (
	"fmt"
	"net/url"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// checkTarget refuses a request-target that could not be one word of a
// request line, or that is neither origin-form nor the asterisk.
func checkTarget(target string) error {
	if target != "*" && (target == "" || target[0] != '/') {
		return fmt.Errorf("%w: request-target is not in origin-form", ErrBadRequest)
	}
	for i := range len(target) {
		if target[i] <= ' ' || target[i] == 0x7f {
			return fmt.Errorf("%w: byte %#02x in the request-target", ErrBadRequest, target[i])
		}
	}
	return nil
}

// setTarget makes u send a checked target byte for byte to the server.
//
// URL.Opaque is written to the request line as it is, unless it begins with
// //: then net/url puts the scheme before it. Such a target goes by Path and
// RawPath if net/url leaves it alone, and otherwise in absolute-form, which
// every HTTP/1.1 server must accept (RFC 9112, 3.2.2).
func setTarget(u *url.URL, server *url.URL, target, host string) error {
	u.Scheme, u.Host = server.Scheme, server.Host
	if !strings.HasPrefix(target, "//") {
		u.Opaque = target
		return nil
	}
	u.RawPath, u.RawQuery, u.ForceQuery = target, "", false
	if path, query, ok := strings.Cut(target, "?"); ok {
		u.RawPath, u.RawQuery, u.ForceQuery = path, query, true
	}
	var err error
	if u.Path, err = url.PathUnescape(u.RawPath); err == nil && u.RequestURI() == target {
		return nil
	}
	u.Path, u.RawPath, u.RawQuery, u.ForceQuery = "", "", "", false
	if host == "" {
		host = server.Host
	}
	if !httpguts.ValidHostHeader(host) {
		return fmt.Errorf("%w: host %q cannot be sent", ErrBadRequest, host)
	}
	u.Opaque = "//" + host + target
	return nil
}
