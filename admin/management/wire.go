package management

import (
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"tollgate/tokens"
)

// timeForm is how times are printed: UTC, RFC 3339 with milliseconds.
const timeForm = "2006-01-02T15:04:05.000Z"

// shownToken is a token as it is shown.
type shownToken struct {
	ID           tokens.ID         `json:"id"`
	API          tokens.API        `json:"api"`
	Name         string            `json:"name"`
	Description  string            `json:"description"`
	Metadata     map[string]string `json:"metadata"`
	Owner        string            `json:"owner"`
	Creator      string            `json:"creator"`
	Tenant       string            `json:"tenant"`
	Tenants      []string          `json:"tenants"`
	Domain       string            `json:"domain"`
	CreatedAt    *string           `json:"created_at"`
	NotBefore    *string           `json:"not_before"`
	ExpiresAt    *string           `json:"expires_at"`
	State        tokens.State      `json:"state"`
	Enabled      bool              `json:"enabled"`
	Disabled     *mark             `json:"disabled"`
	Revoked      *mark             `json:"revoked"`
	UsedUpAt     *string           `json:"used_up_at"`
	Roles        []string          `json:"roles"`
	Grants       []grant           `json:"grants"`
	Restrictions shownRestrictions `json:"restrictions"`
	S3           bool              `json:"s3"`
	AccessKey    *string           `json:"access_key"`
	LastUsed     *lastUsed         `json:"last_used"`
	Revision     string            `json:"revision"`
	// These two are in the answer that makes the token alone.
	Token     string `json:"token,omitempty"`
	SecretKey string `json:"secret_key,omitempty"`
}

// shownRestrictions has what is left of the uses, too.
type shownRestrictions struct {
	restrictions
	UsesLeft *uint32 `json:"uses_left,omitempty"`
}

type mark struct {
	At *string `json:"at"`
	By string  `json:"by"`
}

type lastUsed struct {
	At      *string `json:"at"`
	Address *string `json:"address"`
	Agent   string  `json:"user_agent"`
	Count   uint64  `json:"count"`
}

// shown returns tokens as they are shown, with when they were used last.
func (a *API) shown(c echo.Context, all ...*tokens.Token) ([]shownToken, error) {
	used, err := a.Tokens.UsesOf(c.Request().Context(), all)
	if err != nil {
		return nil, err
	}
	now := a.Tokens.Now()
	list := make([]shownToken, 0, len(all))
	for i, t := range all {
		list = append(list, shownOf(t, used[i], now))
	}
	return list, nil
}

func shownOf(t *tokens.Token, used tokens.Usage, now time.Time) shownToken {
	s := shownToken{
		ID: t.ID, API: t.API, Name: t.Name, Metadata: make(map[string]string, len(t.Meta)),
		Owner: t.Owner, Creator: t.Creator,
		Tenant: t.Scope.Tenant, Tenants: append([]string{}, t.Tenants...), Domain: t.Scope.Domain,
		CreatedAt: timeText(t.Created), NotBefore: timeText(t.NotBefore), ExpiresAt: timeText(t.Expires),
		State: t.StateAt(now), Enabled: t.Disabled.At.IsZero(), Disabled: markOf(t.Disabled), Revoked: markOf(t.Revoked),
		UsedUpAt: timeText(t.Spent), Roles: append([]string{}, t.Roles...), Grants: shownGrants(t.Allowed),
		Restrictions: restrictionsOf(t), S3: t.SigningOnly(), LastUsed: lastUsedOf(used),
		Revision: strconv.FormatUint(t.Revision, 10),
	}
	for _, m := range t.Meta {
		if m.Name == descriptionName {
			s.Description = m.Value
			continue
		}
		s.Metadata[m.Name] = m.Value
	}
	if t.SigningOnly() {
		s.AccessKey = &t.AccessKey
	}
	return s
}

func shownGrants(allowed tokens.Allowances) []grant {
	all := make([]grant, 0, len(allowed))
	for _, a := range allowed {
		g := grant{Permissions: a.Permissions.Names()}
		for _, r := range a.Resources {
			g.Resources = append(g.Resources, string(r))
		}
		all = append(all, g)
	}
	return all
}

func restrictionsOf(t *tokens.Token) shownRestrictions {
	only := t.Only
	r := restrictions{MIMETypes: only.Types, Tags: only.Tags}
	for _, p := range only.Addresses {
		text := p.String()
		if p.IsSingleIP() {
			text = p.Addr().String()
		}
		r.Addresses = append(r.Addresses, text)
	}
	for _, agent := range only.Agents {
		if agent.Pattern {
			r.UserAgentPatterns = append(r.UserAgentPatterns, agent.Text)
			continue
		}
		r.UserAgents = append(r.UserAgents, agent.Text)
	}
	if only.SizeBelow > 0 {
		largest := only.SizeBelow - 1
		r.MaxSize = &largest
	}
	if only.Uses == 0 {
		return shownRestrictions{restrictions: r}
	}
	most, left := int64(only.Uses), only.Uses-min(t.Used, only.Uses)
	r.MaxUses = &most
	return shownRestrictions{r, &left}
}

func markOf(m tokens.Mark) *mark {
	if m.At.IsZero() {
		return nil
	}
	return &mark{At: timeText(m.At), By: m.By}
}

func lastUsedOf(u tokens.Usage) *lastUsed {
	if u.Count == 0 {
		return nil
	}
	last := &lastUsed{At: timeText(u.At), Agent: u.Agent, Count: u.Count}
	if u.Address.IsValid() {
		text := u.Address.String()
		last.Address = &text
	}
	return last
}

// timeText returns a time as it is printed; nil, which is null, for none.
func timeText(at time.Time) *string {
	if at.IsZero() {
		return nil
	}
	text := at.UTC().Format(timeForm)
	return &text
}

// etag is the revision of a token's record, as RFC 9110 section 8.8.3 writes it.
func etag(t *tokens.Token) string { return `"` + strconv.FormatUint(t.Revision, 10) + `"` }
