package management

import (
	"errors"
	"net/http"
	"net/netip"
	"strings"

	"github.com/labstack/echo/v4"

	"tollgate/admin/api"
	"tollgate/tokens"
)

// Described is a request that was not sent, so far as somebody described it.
type Described struct {
	Method      string
	Host        string
	Path        string // as in a request line, with the query
	UserAgent   string
	ContentType string
	Address     netip.Addr // of the client; invalid = unknown
	Size        int64      // of what is uploaded, in bytes; -1 = unknown
	Tags        []string   // as key=value or key
	Header      http.Header
}

// Verdict is what would become of a request. The zero Verdict refuses.
type Verdict struct {
	Allowed bool
	Rule    string // the first rule that refuses, from a closed list; of one that is allowed, the rule that allows
	Detail  string // a sentence for people
}

// description is the body that describes a request.
type description struct {
	Method      string            `json:"method"`
	Path        string            `json:"path"`
	Host        *string           `json:"host"`
	Query       *string           `json:"query"`
	Address     *string           `json:"address"`
	UserAgent   string            `json:"user_agent"`
	Size        *int64            `json:"size"`
	ContentType string            `json:"content_type"`
	Tags        []string          `json:"tags"`
	Headers     map[string]string `json:"headers"`
}

// check answers whether a token would let a request pass. It changes nothing.
func (a *API) check(c echo.Context) error {
	who, _, err := a.identify(c)
	if err != nil {
		return err
	}
	var b description
	if _, err := body(c, &b); err != nil {
		return err
	}
	d, err := b.described(c.Request().Host)
	if err != nil {
		return err
	}
	t, err := a.Tokens.Find(c.Request().Context(), a.manager(who), tokens.Secret(api.Param(c, "id")))
	if err != nil {
		return err
	}
	verdict, err := a.verdict(c, t, d)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, struct {
		Allowed bool   `json:"allowed"`
		Rule    string `json:"rule"`
		Detail  string `json:"detail"`
	}{verdict.Allowed, verdict.Rule, verdict.Detail})
}

// verdict decides about the token's state, and then about the request.
func (a *API) verdict(c echo.Context, t *tokens.Token, d Described) (Verdict, error) {
	subject, err := a.Tokens.SubjectOf(t)
	if err == nil {
		return a.Check(c.Request().Context(), subject, d), nil
	}
	for _, state := range [...]struct {
		err  error
		rule string
	}{
		{tokens.ErrNotYet, string(tokens.Pending)}, {tokens.ErrDisabled, string(tokens.Disabled)}, {tokens.ErrUsedUp, string(tokens.UsedUp)},
		{tokens.ErrExpired, string(tokens.Expired)}, {tokens.ErrRevoked, string(tokens.Revoked)}, {tokens.ErrOwnerGone, "owner_gone"},
	} {
		if errors.Is(err, state.err) {
			return Verdict{Rule: state.rule, Detail: state.err.Error()}, nil
		}
	}
	return Verdict{}, err
}

// described reads the body; a request goes to the host of this one if it does
// not say otherwise.
func (b *description) described(host string) (Described, error) {
	d := Described{Method: b.Method, Host: host, Path: b.Path, UserAgent: b.UserAgent, ContentType: b.ContentType, Size: -1, Tags: b.Tags}
	if !isToken(b.Method) {
		return d, api.Invalid("method was read as %s, accepted is a method of HTTP like GET", quoted(b.Method))
	}
	if err := b.target(&d); err != nil {
		return d, err
	}
	for name, text := range map[string]string{"user_agent": b.UserAgent, "content_type": b.ContentType} {
		if err := checkLine(name, text, maxLine); err != nil {
			return d, err
		}
	}
	if b.Address != nil {
		addr, err := netip.ParseAddr(*b.Address)
		if err != nil || addr.Zone() != "" {
			return d, api.Invalid("address was read as %s, accepted is an IP address", quoted(*b.Address))
		}
		d.Address = addr.Unmap()
	}
	if b.Size != nil {
		if d.Size = *b.Size; d.Size < 0 {
			return d, api.Invalid("size was read as %d, accepted is a number of bytes from 0 on; leave it out if it is unknown", d.Size)
		}
	}
	for _, tag := range b.Tags {
		if err := checkLine("tags", tag, maxLine); err != nil {
			return d, err
		}
	}
	var err error
	d.Header, err = headerOf(b.Headers)
	return d, err
}

// maxLine bounds a text of a described request, in bytes.
const maxLine = 8 << 10

// target sets where the request goes.
func (b *description) target(d *Described) error {
	host, named, err := required("host", b.Host)
	if err != nil {
		return err
	}
	if named {
		d.Host = host
	}
	if b.Query != nil {
		if strings.Contains(b.Path, "?") {
			return api.Invalid("path has a query and query was given too, accepted is one of them")
		}
		d.Path += "?" + *b.Query
	}
	plain := !strings.ContainsFunc(d.Path, func(r rune) bool { return r <= ' ' || r > '~' || r == '#' })
	if !strings.HasPrefix(d.Path, "/") || !plain || len(d.Path) > maxLine {
		return api.Invalid("path was read as %s, accepted is what a request line has: it begins with / and has %%XX for what is not printable ASCII", quoted(d.Path))
	}
	return nil
}

// headerOf reads other headers. Those that have a member of their own are
// refused, so that each is said once.
func headerOf(headers map[string]string) (http.Header, error) {
	h := make(http.Header, len(headers))
	for name, value := range headers {
		if !isToken(name) {
			return nil, api.Invalid("headers: %s is no name of a header", quoted(name))
		}
		if err := checkLine("headers", value, maxLine); err != nil {
			return nil, err
		}
		switch canonical := http.CanonicalHeaderKey(name); canonical {
		case "Host", "User-Agent", "Content-Type", "Content-Length":
			return nil, api.Invalid("headers: %s is said by a member of its own, accepted are host, user_agent, content_type and size", canonical)
		default:
			h.Set(canonical, value)
		}
	}
	return h, nil
}

// isToken reports whether s is a token of RFC 9110, section 5.6.2, of a length
// that methods and names of headers have.
func isToken(s string) bool {
	return s != "" && len(s) <= 128 && !strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || r > '~' || strings.ContainsRune("\"(),/:;<=>?@[\\]{}", r)
	})
}
