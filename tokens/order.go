package tokens

import (
	"errors"
	"slices"
	"time"
)

// Lifetime is what a request wishes. The zero Lifetime wishes nothing and
// gets the default.
type Lifetime struct {
	Until  time.Time // not zero = until then
	Never  bool      // without an end, as far as max_ttl allows
	Yields bool      // Until is cut to what is allowed instead of refused
	Past   bool      // Until may lie in the past: the token is dead when it is born
}

// Order is what is wanted of a new token.
type Order struct {
	API   API
	At    time.Time // when it was asked for: the token begins then; zero = now
	By    Subject   // who asks
	Owner *User     // for whom; nil = for oneself. Naming oneself counts as naming another
	Scope Scope     // where it shall hold; with AnyTenant it names no domain
	// AnyDomain: the tenant has no domains of its own, so that a domain's
	// token mints for every host.
	AnyDomain bool
	Tenants   []string // with AnyTenant as the scope, and only then: these alone; none = all that the owner has
	Lifetime  Lifetime
	NotBefore time.Time // it does not authenticate earlier; zero = at once
	Name      string    // unique among the owner's tokens that have not ended; empty = none
	SecretKey *Secret   // not nil = make an S3 key pair with this secret key
	Form      Form      // of the value; empty = the configured one
	Meta      []Meta
	Roles     []string // kept as they are; what they grant belongs into Allowed
	// Allowed narrows the token; none = all that its owner has, or what the
	// narrowed token allows that By came by. With Roles none is nothing at all.
	Allowed Allowances
	Only    Restrictions // what requests must be like
	Most    int          // how many tokens that have not ended the owner may have of this API; 0 = any number
	// Again makes the order one that can be given again: the same key of the
	// same user, coming by the same token or by password, gives the same
	// token and the same value. Empty = it is not.
	Again string
	// Request is a hash of all that was asked for, with Again: the key with
	// another request, or with none, is ErrOtherRequest.
	Request Hash
}

// Why an order cannot be met. Test with errors.Is.
var (
	// ErrTooMany: the owner has as many tokens of the API as Most allows.
	ErrTooMany = errors.New("too many tokens of this user")
	// ErrOtherRequest: the key was used for another request, or for a token
	// that has ended since.
	ErrOtherRequest = errors.New("key was used for another request")
)

// token returns what an order makes, but for its id and its value.
func (o *Order) token(c *Config, now time.Time) (*Token, error) {
	owner := o.owner()
	t := &Token{
		API: o.API, Name: o.Name, Owner: owner.Name, Creator: o.By.User.Name, Created: now,
		Meta: slices.Clone(o.Meta), Roles: slices.Clone(o.Roles), Request: o.Request,
	}
	if err := checkName(o.Name); err != nil {
		return nil, err
	}
	var err error
	if t.NotBefore, err = o.begin(); err != nil {
		return nil, err
	}
	if t.Allowed, err = o.allowances(); err != nil {
		return nil, err
	}
	if t.Only, err = o.restrictions(); err != nil {
		return nil, err
	}
	if t.Scope, t.Tenants, err = o.scope(); err != nil {
		return nil, err
	}
	if t.Expires, err = c.expiry(o.Lifetime, now); err != nil {
		return nil, err
	}
	if t.Expires, err = o.capped(t.Expires); err != nil {
		return nil, err
	}
	if err := t.checkSpan(); err != nil {
		return nil, err
	}
	return t, o.cap(t, owner)
}

// maxName bounds the name of a token, in bytes.
const maxName = 255

func checkName(name string) error {
	if len(name) > maxName {
		return Invalid("the name has %d bytes, accepted are at most %d", len(name), maxName)
	}
	if name == "" {
		return nil
	}
	return checkText("name", name)
}

// begin returns the time before which the token does not authenticate.
func (o *Order) begin() (time.Time, error) {
	if o.NotBefore.IsZero() {
		return time.Time{}, nil
	}
	return recordable("the begin", o.NotBefore)
}

// checkSpan refuses a token that begins when it has ended. One that was born
// dead on purpose begins at once.
func (t *Token) checkSpan() error {
	if t.Expires.IsZero() || t.NotBefore.IsZero() || t.NotBefore.Before(t.Expires) {
		return nil
	}
	return Invalid("the token begins at %s, which is not before its end at %s", t.NotBefore.Format(timeForm), t.Expires.Format(timeForm))
}

// cap bounds what the rights of the owner count for in a token that somebody
// else makes, or a token that is bounded itself: those that he gets later do
// not.
func (o *Order) cap(t *Token, owner *User) error {
	mine := o.By.Token
	capped := mine != nil && mine.Ceiling != 0
	if !capped && owner.Name == o.By.User.Name {
		return nil
	}
	if t.Ceiling = owner.AllRights(); capped {
		t.Ceiling &= mine.Ceiling
	}
	if t.Ceiling == 0 {
		return ErrPermission // zero would bound nothing
	}
	return nil
}

func (o *Order) owner() *User {
	if o.Owner != nil {
		return o.Owner
	}
	return o.By.User
}

// mayIssue holds the rules for making tokens: where the subject is, and for
// another owner the right to make tokens with every right and tenant that the
// owner has.
func mayIssue(o *Order) error {
	if o.By.Anonymous() {
		return ErrAnonymous
	}
	if o.Scope.Tenant != AnyTenant {
		if err := o.By.in(o.Scope, o.AnyDomain); err != nil {
			return err
		}
	}
	m := Manager{Subject: o.By, Via: o.API}
	self := o.owner().Name == o.By.User.Name
	if self && !m.managesOwn(deedWrite, m.others(deedWrite)) {
		return ErrPermission
	}
	if o.Owner == nil || self && o.API != ContentGateway {
		return nil
	}
	return m.mayIssueFor(o.Owner, o.Scope)
}

// mayIssueFor says whether the manager may make tokens for a user in a place.
func (m Manager) mayIssueFor(owner *User, place Scope) error {
	me := m.effective()
	switch {
	case !m.commands(owner, m.others(deedWrite)):
		return ErrPermission
	case !me.AllRights().Covers(owner.AllRights()):
		return ErrPermission
	case place.Tenant != AnyTenant && !owner.Tenants.Has(place.Tenant):
		return Invalid("user %q does not belong to tenant %q", owner.Name, place.Tenant)
	case owner.Tenants.empty():
		return Invalid("user %q belongs to no tenant", owner.Name)
	}
	return nil
}

// maxTenants bounds the tenants that a token can name.
const maxTenants = 256

// checkScope refuses a place that nothing can lie in.
func (o *Order) checkScope() error {
	every, n := o.Scope.Tenant == AnyTenant, len(o.Tenants)
	switch {
	case !every && n > 0:
		return Invalid("%d tenants are listed beside the tenant %q, accepted is one or the other", n, o.Scope.Tenant)
	case every && o.Scope.Domain != "":
		return Invalid("the domain %q was read without its tenant, accepted are both", clipped(o.Scope.Domain))
	case n > maxTenants:
		return Invalid("%d tenants were read, accepted are at most %d", n, maxTenants)
	}
	return nil
}

// scope returns where the new token holds: where it was asked to, which its
// owner and the token that asks must.
func (o *Order) scope() (Scope, []string, error) {
	if err := o.checkScope(); err != nil {
		return Scope{}, nil, err
	}
	if o.Scope.Tenant != AnyTenant {
		return o.Scope, nil, nil
	}
	owner, me, mine := o.owner(), o.By.effective(), o.By.Token
	for _, name := range o.Tenants {
		if name == AnyTenant || !owner.Tenants.Has(name) || !me.Tenants.Has(name) {
			return Scope{}, nil, ErrOtherTenant
		}
	}
	if mine != nil && me.Tenants.empty() {
		return Scope{}, nil, ErrOtherTenant
	}
	if mine != nil && mine.Scope.Tenant != AnyTenant {
		return mine.Scope, nil, nil
	}
	return Scope{Tenant: AnyTenant}, distinct(o.tenants()), nil
}

// tenants returns those that the new token is narrowed to. A token that
// somebody else makes is not for those that its owner gets later.
func (o *Order) tenants() []string {
	owner := o.owner()
	switch {
	case len(o.Tenants) > 0:
		return o.Tenants
	case owner.Name != o.By.User.Name && !owner.Tenants.Any:
		return owner.Tenants.Names
	case o.By.Token != nil:
		return o.By.Token.Tenants
	}
	return nil
}

// distinct returns the names, each once.
func distinct(names []string) []string {
	var once []string
	for _, name := range names {
		if !slices.Contains(once, name) {
			once = append(once, name)
		}
	}
	return once
}

// allowances returns what the new token is given: what was asked for, which
// neither the maker nor the owner may have less of, or with nothing asked for
// what the maker's own narrowed token has.
func (o *Order) allowances() (Allowances, error) {
	if err := o.Allowed.Validate(); err != nil {
		return nil, err
	}
	var mine Allowances
	if t := o.By.Token; t != nil {
		mine = t.Allowed
	}
	switch {
	case len(o.Allowed) > 0:
	case len(o.Roles) > 0: // roles that give nothing
		return nil, nil
	default:
		return mine.Clone(), nil
	}
	me, asked := o.By.effective(), o.Allowed.permissions()
	if !o.owner().AllRights().Covers(asked) || !me.AllRights().Covers(asked) || !o.Allowed.within(mine) {
		return nil, ErrPermission
	}
	return o.Allowed.Clone(), nil
}

// restrictions returns those of the new token: what was asked for, and what
// the token that asks is restricted to itself.
func (o *Order) restrictions() (Restrictions, error) {
	if err := o.Only.Validate(); err != nil {
		return Restrictions{}, err
	}
	if o.By.Token == nil {
		return o.Only.Clone(), nil
	}
	mine := o.By.Token
	only, ok := o.Only.within(&mine.Only)
	if mine.Only.Uses > 0 {
		// Its uses become those of the new one: no more are there in all.
		left := mine.left()
		if left == 0 {
			return only, ErrUsedUp
		}
		if only.Uses == 0 {
			only.Uses = left
		}
		ok = ok && only.Uses <= left
	}
	if !ok {
		return only, ErrPermission
	}
	return only, nil
}

// capped returns when the new token ends: one that a narrowed token makes
// never after that one.
func (o *Order) capped(expires time.Time) (time.Time, error) {
	t := o.By.Token
	if t == nil || !t.Narrowed() || t.Expires.IsZero() || !expires.IsZero() && !expires.After(t.Expires) {
		return expires, nil
	}
	if o.Lifetime.Until.IsZero() || o.Lifetime.Yields {
		return t.Expires, nil
	}
	return time.Time{}, Invalid("the expiry was read as %s, which is after the end of the token that asks, accepted is up to %s", expires.Format(timeForm), t.Expires.Format(timeForm))
}
