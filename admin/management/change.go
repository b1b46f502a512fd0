package management

import (
	"net/http"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"tollgate/admin/api"
	"tollgate/proxy/caller"
	"tollgate/tokens"
)

// show answers with one token, in whatever state. A look-up by value never
// repeats the value.
func (a *API) show(c echo.Context) error {
	who, _, err := a.identify(c)
	if err != nil {
		return err
	}
	t, err := a.Tokens.Find(c.Request().Context(), a.manager(who), tokens.Secret(api.Param(c, "id")))
	if err != nil {
		return err
	}
	return a.answer(c, t)
}

// answer shows a token with its ETag.
func (a *API) answer(c echo.Context, t *tokens.Token) error {
	shown, err := a.shown(c, t)
	if err != nil {
		return err
	}
	c.Response().Header().Set("ETag", etag(t))
	return c.JSON(http.StatusOK, shown[0])
}

// alteration is the body that changes a token.
type alteration struct {
	Enabled *bool `json:"enabled"`
	life
}

// change enables or disables a token or gives it another end. An expired one
// comes back with an end that lies ahead.
func (a *API) change(c echo.Context) error {
	who, _, err := a.identify(c, argWait)
	if err != nil {
		return err
	}
	holds, err := precondition(c.Request().Header)
	if err != nil {
		return err
	}
	var b alteration
	if _, err := body(c, &b); err != nil {
		return err
	}
	change := tokens.Change{Accept: holds, Enabled: b.Enabled}
	switch {
	case b.given():
		wish, err := b.wish(a.Tokens.Now())
		if err != nil {
			return err
		}
		change.Lifetime, change.Revive = &wish, true
	case b.Enabled == nil:
		return api.Invalid("the body changes nothing, accepted are enabled and one of expires_at and lifetime")
	}
	t, err := a.Tokens.Change(c.Request().Context(), a.manager(who), tokens.Secret(api.Param(c, "id")), change)
	if err != nil {
		return err
	}
	a.Changed(c, t)
	if err := a.everywhere(c); err != nil {
		return err
	}
	return a.answer(c, t)
}

// end revokes a token.
func (a *API) end(c echo.Context) error {
	who, _, err := a.identify(c, argWait)
	if err != nil {
		return err
	}
	holds, err := precondition(c.Request().Header)
	if err != nil {
		return err
	}
	t, err := a.Tokens.Revoke(c.Request().Context(), a.manager(who), tokens.Secret(api.Param(c, "id")), holds)
	if err != nil {
		return err
	}
	a.Ended(c, t)
	if err := a.everywhere(c); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

// precondition reads If-Match, by RFC 9110, section 13.1.1. It is asked with
// the record that is about to be replaced, so that no change slips in between.
func precondition(h http.Header) (func(*tokens.Token) error, error) {
	lines := h.Values("If-Match")
	if len(lines) == 0 || len(lines) == 1 && strings.TrimSpace(lines[0]) == "*" {
		return func(*tokens.Token) error { return nil }, nil
	}
	var tags []string
	for tag := range strings.SplitSeq(strings.Join(lines, ","), ",") {
		tag = strings.TrimSpace(tag)
		if !isETag(tag) {
			return nil, api.Invalid("If-Match was read as %s, accepted are * and what an ETag said, in its quotation marks", quoted(strings.Join(lines, ",")))
		}
		tags = append(tags, tag)
	}
	return func(t *tokens.Token) error {
		if slices.Contains(tags, etag(t)) {
			return nil
		}
		return &api.Error{Status: http.StatusPreconditionFailed, Reason: api.ReasonChanged, Detail: "the token was changed: If-Match does not hold"}
	}, nil
}

// isETag accepts weak ones too, which never match.
func isETag(tag string) bool {
	opaque, ok := strings.CutPrefix(strings.TrimPrefix(tag, "W/"), `"`)
	opaque, closed := strings.CutSuffix(opaque, `"`)
	return ok && closed && !strings.ContainsFunc(opaque, func(r rune) bool { return r <= ' ' || r == '"' || r == 0x7f })
}

// selection is the body that says which tokens to revoke.
type selection struct {
	Owner       *string `json:"owner"`
	Tenant      *string `json:"tenant"`
	Domain      *string `json:"domain"`
	API         *string `json:"api"`
	Text        *string `json:"q"`
	UnusedSince *string `json:"unused_since"`
	StaleFor    *string `json:"stale_for"`
	All         *bool   `json:"all"` // all that one may revoke
}

// filter returns what is selected, as the query of a list would say it.
func (s *selection) filter(a *API, who caller.Caller) (tokens.Filter, error) {
	args := arguments{}
	for name, text := range map[string]*string{
		"owner": s.Owner, "tenant": s.Tenant, "domain": s.Domain, "api": s.API, "q": s.Text,
		"unused_since": s.UnusedSince, "stale_for": s.StaleFor,
	} {
		value, given, err := required(name, text)
		if err != nil {
			return tokens.Filter{}, err
		}
		if given {
			args[name] = []string{value}
		}
	}
	all := s.All != nil && *s.All
	switch {
	case len(args) == 0 && !all:
		return tokens.Filter{}, api.Invalid("nothing selects the tokens to revoke, accepted are owner, tenant, api, q, unused_since and stale_for; or all, which is true")
	case len(args) > 0 && all:
		return tokens.Filter{}, api.Invalid("all was given beside what selects, accepted is one of them")
	}
	return a.filter(who, args)
}

// endAll revokes what a filter selects: without an owner everybody's to who may
// revoke them, else one's own.
func (a *API) endAll(c echo.Context) error {
	who, _, err := a.identify(c, argWait)
	if err != nil {
		return err
	}
	var b selection
	if _, err := body(c, &b); err != nil {
		return err
	}
	f, err := b.filter(a, who)
	if err != nil {
		return err
	}
	if f.Owner == "" && !a.manager(who).MayEnd() {
		f.Owner = who.User.Name
	}
	n, err := a.Tokens.RevokeAll(c.Request().Context(), a.manager(who), f, func(t *tokens.Token) { a.Ended(c, t) })
	if err != nil {
		return err
	}
	if err := a.everywhere(c); err != nil {
		return err
	}
	return c.JSON(http.StatusOK, struct {
		Revoked int `json:"revoked"`
	}{n})
}
