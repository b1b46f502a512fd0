package management

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"tollgate/admin/api"
	"tollgate/proxy/caller"
	"tollgate/tokens"
)

// listAnswer is a page of tokens.
type listAnswer struct {
	Tokens []shownToken `json:"tokens"`
	Next   *string      `json:"next"` // for after; null = this is the last page
}

// list answers with a page of tokens: everybody's to who may read them, else
// one's own.
func (a *API) list(c echo.Context) error {
	who, args, err := a.identify(c, "owner", "tenant", "domain", "api", "name", "state", "q", "unused_since", "stale_for", "limit", "after")
	if err != nil {
		return err
	}
	f, err := a.filter(who, args)
	if err != nil {
		return err
	}
	if f.Owner == "" && !a.manager(who).MayRead() {
		f.Owner = who.User.Name
	}
	page, err := a.Tokens.List(c.Request().Context(), a.manager(who), f)
	if err != nil {
		return err
	}
	shown, err := a.shown(c, page.Tokens...)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, listAnswer{Tokens: shown, Next: nextPage(c, string(page.Next))})
}

// nextPage returns what the next page comes after, and links it as RFC 8288 has
// it; nil = there is none.
func nextPage(c echo.Context, next string) *string {
	if next == "" {
		return nil
	}
	query := c.Request().URL.Query()
	query.Del("_token") // a credential is not repeated
	query.Set("after", next)
	link := url.URL{Path: c.Request().URL.Path, RawQuery: query.Encode()}
	c.Response().Header().Set("Link", "<"+link.String()+`>; rel="next"`)
	return &next
}

// filter reads the query of a list. A domain alone says which tenant it is of,
// and a tenant that is not there selects nothing that anybody can have meant; who
// has not every tenant does not learn that it is not.
func (a *API) filter(who caller.Caller, q arguments) (tokens.Filter, error) {
	if domain := q.get("domain"); domain != "" && q.get("tenant") == "" {
		if place, ok := a.Directory().Place(domain); ok && place.Bucket == "" {
			q["tenant"] = []string{place.Scope.Tenant}
		}
	}
	f, err := filterOf(q, a.Tokens.Now())
	if err == nil && f.Tenant != "" && who.Powers().Tenants.Has(f.Tenant) && !a.Directory().Tenant(f.Tenant) {
		return f, api.Invalid("tenant was read as %s, which is no tenant", quoted(f.Tenant))
	}
	return f, err
}

// filterOf reads the query of a list.
func filterOf(q arguments, now time.Time) (tokens.Filter, error) {
	f := tokens.Filter{
		Owner: q.get("owner"), Tenant: q.get("tenant"), Domain: q.get("domain"), Name: q.get("name"),
		Text: q.get("q"), After: tokens.Cursor(q.get("after")),
	}
	switch {
	case f.Domain != "" && f.Tenant == "":
		return f, api.Invalid("domain was given without a tenant, accepted is a domain with the tenant that it belongs to")
	case f.Name != "" && f.Owner == "":
		return f, api.Invalid("name was given without an owner, accepted is a name with the owner of the token")
	}
	var err error
	if f.API, err = apiOf(q.get("api")); err != nil {
		return f, err
	}
	if f.States, err = statesOf(q["state"]); err != nil {
		return f, err
	}
	if f.UnusedSince, err = unusedSince(q.get("unused_since"), q.get("stale_for"), now); err != nil {
		return f, err
	}
	f.Limit, err = limitOf(q.get("limit"))
	return f, err
}

// apis are those that make tokens.
func apis() []string {
	return []string{string(tokens.ContentGateway), string(tokens.FileRepository), string(tokens.UserTokens), string(tokens.AccessTokens), string(tokens.Management)}
}

func apiOf(name string) (tokens.API, error) {
	if name != "" && !slices.Contains(apis(), name) {
		return "", api.Invalid("api was read as %s, accepted are %s", quoted(name), listed(apis()))
	}
	return tokens.API(name), nil
}

// states are those that a token can be in.
func states() []tokens.State {
	return []tokens.State{tokens.Active, tokens.Pending, tokens.Disabled, tokens.UsedUp, tokens.Expired, tokens.Revoked}
}

// allStates stands for every state.
const allStates = "all"

// statesOf reads the states, each argument one or several with commas between.
func statesOf(values []string) ([]tokens.State, error) {
	var wanted []tokens.State
	for _, value := range values {
		for name := range strings.SplitSeq(value, ",") {
			state := tokens.State(name)
			switch {
			case name == allStates:
				wanted = append(wanted, states()...)
			case slices.Contains(states(), state):
				wanted = append(wanted, state)
			default:
				return nil, api.Invalid("state was read as %s, accepted are active, pending, disabled, used_up, expired, revoked and all", quoted(name))
			}
		}
	}
	slices.Sort(wanted)
	return slices.Compact(wanted), nil
}

// unusedSince reads since when a token must not have been used; zero = it does
// not matter.
func unusedSince(since, staleFor string, now time.Time) (time.Time, error) {
	switch {
	case since != "" && staleFor != "":
		return time.Time{}, api.Invalid("unused_since and stale_for were both given, accepted is one of them")
	case since != "":
		return parseTime("unused_since", since)
	case staleFor != "":
		span, err := parseSpan("stale_for", staleFor)
		return now.Add(-span), err
	}
	return time.Time{}, nil
}

func limitOf(text string) (int, error) {
	if text == "" {
		return tokens.DefaultLimit, nil
	}
	limit, err := strconv.Atoi(text)
	if err != nil || limit < 1 || limit > tokens.MaxLimit {
		return 0, api.Invalid("limit was read as %s, accepted is a number from 1 to %d", quoted(text), tokens.MaxLimit)
	}
	return limit, nil
}
