package caller

import (
	"errors"
	"fmt"
	"net/http"
)

// ErrCrossSite says: another site had a browser send this with the credentials
// that the browser holds.
var ErrCrossSite = errors.New("cross-site request")

// Sites decides whether a request that a browser sent by itself comes from
// this site or from a trusted one.
type Sites struct {
	protection *http.CrossOriginProtection
}

// NewSites returns the decision for the given trusted origins, each of the
// form scheme://host[:port].
func NewSites(trusted []string) (*Sites, error) {
	p := http.NewCrossOriginProtection()
	for _, origin := range trusted {
		if err := p.AddTrustedOrigin(origin); err != nil {
			return nil, fmt.Errorf("trusted origin %q: %w", origin, err)
		}
	}
	return &Sites{protection: p}, nil
}

// Check refuses with ErrCrossSite what a browser sends for another site with
// credentials that it adds by itself: a cookie, a remembered password or our
// login form. Safe methods pass, but for upgrades: a WebSocket opens with GET
// and is no read.
func (s *Sites) Check(r *http.Request, form Form, upgrade string) error {
	if form != Cookie && form != Basic && form != LoginForm {
		return nil
	}
	judged := r
	if upgrade != "" {
		judged = &http.Request{Method: http.MethodPost, Header: r.Header, Host: r.Host, URL: r.URL}
	}
	if err := s.protection.Check(judged); err != nil {
		return fmt.Errorf("%w: %w", ErrCrossSite, err)
	}
	return nil
}
