package management

import (
	"math"
	"slices"
	"strings"
	"time"

	"tollgate/admin/api"
	"tollgate/proxy/caller"
	"tollgate/tokens"
	"tollgate/tokens/accounts"
)

// creation is the body that asks for a token.
type creation struct {
	Owner       *string           `json:"owner"` // none = oneself
	Name        string            `json:"name"`
	Description string            `json:"description"`
	Metadata    map[string]string `json:"metadata"`
	Tenant      *string           `json:"tenant"`  // this one
	Tenants     []string          `json:"tenants"` // these; neither = every tenant of the owner
	Domain      *string           `json:"domain"`  // of the tenant; alone it names that too
	life
	NotBefore    *string       `json:"not_before"`
	Roles        []string      `json:"roles"`
	Permissions  []string      `json:"permissions"`
	Resources    []string      `json:"resources"`
	Grants       []grant       `json:"grants"` // instead of the three above
	Restrictions *restrictions `json:"restrictions"`
	S3           *bool         `json:"s3"` // a key pair, with a secret key made here
	SecretKey    *string       `json:"secret_key"`
	Format       *string       `json:"format"`
}

// grant is one member of grants.
type grant struct {
	Permissions []string `json:"permissions"`
	Resources   []string `json:"resources,omitempty"`
}

// restrictions are what a request must be like.
type restrictions struct {
	Addresses         []string `json:"addresses,omitempty"`
	UserAgents        []string `json:"user_agents,omitempty"`
	UserAgentPatterns []string `json:"user_agent_patterns,omitempty"`
	MIMETypes         []string `json:"mime_types,omitempty"`
	Tags              []string `json:"tags,omitempty"`
	MaxSize           *int64   `json:"max_size,omitempty"` // bytes of the largest upload that is accepted
	MaxUses           *int64   `json:"max_uses,omitempty"`
}

// order translates a body into what the token service makes. What is left to
// do is the secret key and the key of the request.
func (a *API) order(who caller.Caller, b *creation) (tokens.Order, error) {
	now := a.Tokens.Now()
	o := tokens.Order{API: tokens.Management, At: now, By: who.Subject, Name: b.Name, Roles: slices.Clone(b.Roles)}
	if err := checkName(b.Name); err != nil {
		return o, err
	}
	var err error
	if o.Owner, err = a.owner(who, b.Owner); err != nil {
		return o, err
	}
	if err := a.place(b, &o); err != nil {
		return o, err
	}
	if o.Lifetime, err = b.wish(now); err != nil {
		return o, err
	}
	if o.NotBefore, err = b.begin(); err != nil {
		return o, err
	}
	if o.Meta, err = b.meta(); err != nil {
		return o, err
	}
	if o.Form, err = b.form(); err != nil {
		return o, err
	}
	return o, a.rights(b, &o)
}

// maxName bounds a token's name, in bytes.
const maxName = 255

// checkName accepts no name, and one that cannot be taken for a public id.
func checkName(name string) error {
	if err := checkLine("name", name, maxName); err != nil {
		return err
	}
	if tokens.IsID(name) || strings.TrimSpace(name) != name {
		return api.Invalid("name was read as %s, accepted is a text without blanks around it that is no public id", quoted(name))
	}
	return nil
}

// owner returns for whom the token is; nil = for who asks. Who may not make
// tokens for others does not learn who exists.
func (a *API) owner(who caller.Caller, named *string) (*tokens.User, error) {
	name, given, err := required("owner", named)
	if err != nil || !given || name == who.User.Name {
		return nil, err
	}
	if !a.manager(who).MayWrite() {
		return nil, tokens.ErrPermission
	}
	account, ok := a.Directory().Lookup(name)
	if !ok {
		return nil, api.Invalid("owner was read as %s, which is no user", quoted(name))
	}
	return &account.User, nil
}

// place sets where the token holds.
func (a *API) place(b *creation, o *tokens.Order) error {
	tenant, err := a.named(b)
	switch {
	case err != nil:
		return err
	case tenant != "" && b.Tenants != nil:
		return api.Invalid("tenants was given beside tenant or domain, accepted is one of them")
	case tenant != "" && tenant != tokens.AnyTenant:
		if o.Scope.Tenant, err = a.tenant(tenant); err != nil {
			return api.Invalid("tenant: %v", err)
		}
		return a.domain(b, o)
	case b.Domain != nil:
		return api.Invalid("domain was given with every tenant, accepted is a domain alone or with the tenant that it belongs to")
	}
	o.Scope.Tenant = tokens.AnyTenant
	o.Tenants, err = parseEach("tenants", b.Tenants, a.tenant)
	return err
}

// named returns the one tenant that the body names, itself or by a domain of
// it; "" = none.
func (a *API) named(b *creation) (string, error) {
	tenant, given, err := required("tenant", b.Tenant)
	if err != nil || given {
		return tenant, err
	}
	domain, given, err := required("domain", b.Domain)
	if err != nil || !given {
		return "", err
	}
	place, ok := a.Directory().Place(domain)
	if !ok {
		return "", api.Invalid("domain was read as %s, which is no domain of any tenant", quoted(domain))
	}
	return place.Scope.Tenant, nil
}

// domain narrows the place to a domain of its tenant, if one was named.
func (a *API) domain(b *creation, o *tokens.Order) error {
	domain, given, err := required("domain", b.Domain)
	if err != nil || !given {
		return err
	}
	place, ok := a.Directory().Place(domain)
	if !ok || place.Scope.Tenant != o.Scope.Tenant || place.Scope.Domain == "" || place.Bucket != "" {
		return api.Invalid("domain was read as %s, which is no domain of tenant %s", quoted(domain), quoted(o.Scope.Tenant))
	}
	o.Scope, o.AnyDomain = place.Scope, place.AnyDomain
	return nil
}

func (a *API) tenant(name string) (string, error) {
	if !a.Directory().Tenant(name) {
		return "", api.Invalid("%s is no tenant", quoted(name))
	}
	return name, nil
}

func (b *creation) begin() (time.Time, error) {
	if b.NotBefore == nil {
		return time.Time{}, nil
	}
	return parseTime("not_before", *b.NotBefore)
}

func (b *creation) form() (tokens.Form, error) {
	if b.Format == nil {
		return "", nil
	}
	switch form := tokens.Form(*b.Format); form {
	case tokens.Hex, tokens.Prefixed:
		return form, nil
	default:
		return "", api.Invalid("format was read as %s, accepted are %s and %s", quoted(*b.Format), tokens.Hex, tokens.Prefixed)
	}
}

// rights sets what the token is given and what its requests must be like.
func (a *API) rights(b *creation, o *tokens.Order) error {
	var err error
	if b.Restrictions != nil {
		if o.Only, err = b.Restrictions.domain(); err != nil {
			return err
		}
	}
	single := b.Roles != nil || b.Permissions != nil || b.Resources != nil
	switch {
	case b.Grants != nil && single:
		return api.Invalid("grants was given beside roles, permissions or resources, accepted is either grants or the others")
	case b.Grants != nil:
		o.Allowed, err = grantsOf(b.Grants)
		return err
	case single:
		return a.singleGrant(b, o)
	}
	return nil
}

// singleGrant makes one grant of roles, permissions and resources.
func (a *API) singleGrant(b *creation, o *tokens.Order) error {
	if b.Roles == nil && b.Permissions == nil {
		return api.Invalid("resources was given without permissions, accepted are both, or permissions alone for everywhere")
	}
	roles, err := parseEach("roles", b.Roles, asIs)
	if err != nil {
		return err
	}
	var given accounts.FileGrant
	if roles != nil {
		if given, err = roleGrant(a.Directory(), roles); err != nil {
			return err
		}
	}
	one := tokens.Allowance{Permissions: given.Permissions}
	if b.Permissions != nil || b.Resources != nil {
		named, err := allowanceOf(grant{b.Permissions, b.Resources})
		if err != nil {
			return err
		}
		one.Permissions |= named.Permissions
		one.Resources = named.Resources
	}
	o.Allowed = tokens.Allowances{one}
	return restrict(&o.Only, given)
}

func grantsOf(grants []grant) (tokens.Allowances, error) {
	if len(grants) == 0 {
		return nil, api.Invalid("grants is an empty list, accepted is a list with members; leave it out to set no limit")
	}
	all := make(tokens.Allowances, 0, len(grants))
	for _, g := range grants {
		one, err := allowanceOf(g)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, nil
}

func allowanceOf(g grant) (tokens.Allowance, error) {
	var one tokens.Allowance
	rights, err := parseEach("permissions", g.Permissions, tokens.ParsePermission)
	if err != nil {
		return one, err
	}
	for _, p := range rights {
		one.Permissions |= p
	}
	one.Resources, err = parseEach("resources", g.Resources, tokens.ParseResource)
	return one, err
}

// domain returns the restrictions as the token service has them.
func (r *restrictions) domain() (tokens.Restrictions, error) {
	var only tokens.Restrictions
	var err error
	if only.Addresses, err = parseEach("addresses", r.Addresses, tokens.ParseNetwork); err != nil {
		return only, err
	}
	exact, err := parseEach("user_agents", r.UserAgents, func(s string) (tokens.Agent, error) { return tokens.Agent{Text: s}, nil })
	if err != nil {
		return only, err
	}
	patterns, err := parseEach("user_agent_patterns", r.UserAgentPatterns, func(s string) (tokens.Agent, error) { return tokens.Agent{Text: s, Pattern: true}, nil })
	if err != nil {
		return only, err
	}
	only.Agents = append(exact, patterns...)
	if only.Types, err = parseEach("mime_types", r.MIMETypes, tokens.ParseType); err != nil {
		return only, err
	}
	if only.Tags, err = parseEach("tags", r.Tags, asIs); err != nil {
		return only, err
	}
	return only, r.numbers(&only)
}

// numbers sets those restrictions that are numbers.
func (r *restrictions) numbers(only *tokens.Restrictions) error {
	if r.MaxSize != nil {
		if *r.MaxSize < 0 || *r.MaxSize == math.MaxInt64 {
			return api.Invalid("max_size was read as %d, accepted is a number of bytes from 0 to %d", *r.MaxSize, int64(math.MaxInt64-1))
		}
		only.SizeBelow = *r.MaxSize + 1
	}
	if r.MaxUses != nil {
		if *r.MaxUses < 1 || *r.MaxUses > math.MaxUint32 {
			return api.Invalid("max_uses was read as %d, accepted is a number from 1 to %d", *r.MaxUses, uint32(math.MaxUint32))
		}
		only.Uses = uint32(*r.MaxUses)
	}
	return nil
}
