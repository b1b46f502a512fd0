package tokens

import (
	"errors"
	"slices"
)

// Why a subject may not do what was asked. Test with errors.Is.
var (
	// ErrAnonymous: nobody said who he is, and the action needs somebody.
	ErrAnonymous = errors.New("no credential")
	// ErrOtherTenant: the user does not belong to the tenant of the request.
	ErrOtherTenant = errors.New("user is not of this tenant")
	// ErrOutOfScope: the token holds for another tenant or domain.
	ErrOutOfScope = errors.New("token does not hold here")
	// ErrPermission: a right is missing.
	ErrPermission = errors.New("permission is missing")
	// ErrNotOwner: the token is somebody else's.
	ErrNotOwner = errors.New("token is somebody else's")
)

// Tenants is the set of tenants that a user belongs to. The zero value is
// none.
type Tenants struct {
	Any   bool // every tenant, also those that are yet to come
	Names []string
}

// Has reports whether the tenant belongs to the set.
func (t Tenants) Has(tenant string) bool {
	return tenant != "" && (t.Any || slices.Contains(t.Names, tenant))
}

// Covers reports whether every tenant of other belongs to the set.
func (t Tenants) Covers(other Tenants) bool {
	if t.Any {
		return true
	}
	if other.Any {
		return false
	}
	return !slices.ContainsFunc(other.Names, func(n string) bool { return !t.Has(n) })
}

// User is what a user may do now, as the directory of accounts says it.
type User struct {
	Name    string
	Tenants Tenants
	Rights  Permissions // everywhere in his tenants
	// TokenAdmin gives tokens.* in the user's own tenants.
	TokenAdmin bool
}

// Has reports whether the user has all the given rights in a tenant.
func (u *User) Has(tenant string, need Permissions) bool {
	return u.Tenants.Has(tenant) && u.rights().Has(need)
}

func (u *User) rights() Permissions {
	if u.TokenAdmin {
		return u.Rights | TokensAll
	}
	return u.Rights
}

// Commands reports whether the user has the right over another: he belongs to
// every tenant of the other.
func (u *User) Commands(other *User, need Permissions) bool {
	return u.rights().Has(need) && u.Tenants.Covers(other.Tenants)
}

// Subject is who asks. The zero Subject is anonymous.
type Subject struct {
	User  *User  // nil = anonymous
	Token *Token // the live token he came by; nil = by password or anonymous
}

// Anonymous reports whether nobody is known to ask.
func (s Subject) Anonymous() bool { return s.User == nil }

// effective returns the user with what the token he came by leaves of him: its
// tenant alone, and of a narrowed one the rights that it was given.
func (s Subject) effective() User {
	me := *s.User
	if s.Token == nil {
		return me
	}
	if s.Token.Narrowed() {
		me.Rights, me.TokenAdmin = me.rights()&s.Token.Allowed.permissions(), false
	}
	if me.Tenants.Has(s.Token.Scope.Tenant) {
		me.Tenants = Tenants{Names: []string{s.Token.Scope.Tenant}}
	} else {
		me.Tenants = Tenants{}
	}
	return me
}

// managesOwn reports whether the subject may do to tokens of his own what
// needs that right with others': a narrowed token must have been given it.
func (s Subject) managesOwn(need Permissions) bool {
	return s.Token == nil || !s.Token.Narrowed() || s.Token.Allowed.permissions().Has(need)
}

// in says whether the subject may act in a place at all.
func (s Subject) in(place Scope, anyDomain bool) error {
	if s.Anonymous() {
		return ErrAnonymous
	}
	if !s.User.Tenants.Has(place.Tenant) {
		return ErrOtherTenant
	}
	t := s.Token
	if t == nil {
		return nil
	}
	if t.Scope.Tenant != place.Tenant {
		return ErrOutOfScope
	}
	if t.Scope.Domain != "" && !anyDomain && t.Scope.Domain != place.Domain {
		return ErrOutOfScope
	}
	return nil
}

// Action is what is asked of the storage. The zero Action is never permitted.
type Action struct {
	Place Scope // the tenant and the domain of the request's host
	// AnyDomain: the tenant has no domains of its own, so that a domain's
	// token holds on every host.
	AnyDomain bool
	Needs     Permissions // all of them, on the resource
	// Resource is the name that Needs are needed on, and Also are those that
	// the request names besides.
	Resource string
	Reach    Reach
	Also     []Name
	// AnyRight: one right, whichever, is enough instead.
	AnyRight bool
	// OrAppend: StorageAppend is enough if the object is new, and the grant
	// says so.
	OrAppend bool
	Public   bool // needs nobody
}

// Grant is a permission that was given. Only Authorise makes one that holds;
// the zero Grant does not.
type Grant struct {
	subject Subject
	place   Scope
	newOnly bool
	given   bool
}

// Given reports whether the grant holds.
func (g Grant) Given() bool { return g.given }

// Subject returns who it was given to.
func (g Grant) Subject() Subject { return g.subject }

// Tenant returns the tenant in which it was given.
func (g Grant) Tenant() string { return g.place.Tenant }

// NewOnly reports whether it covers new objects only.
func (g Grant) NewOnly() bool { return g.newOnly }

// MayAct reports whether the subject may act in the place of an action at all,
// whatever that needs. The error is ErrAnonymous, ErrOtherTenant or
// ErrOutOfScope.
func MayAct(s Subject, a Action) error { return s.in(a.Place, a.AnyDomain) }

// Authorise decides whether the subject may do what is asked. What a token
// grants is what it was given and its owner still has. The error is the first
// rule that refuses: ErrAnonymous, ErrOtherTenant, ErrOutOfScope,
// ErrPermission or ErrResource.
func Authorise(s Subject, a Action) (Grant, error) {
	granted := Grant{subject: s, place: a.Place, given: true}
	if a.Public {
		return granted, nil
	}
	if err := s.in(a.Place, a.AnyDomain); err != nil {
		return Grant{}, err
	}
	if a.AnyRight {
		if me := s.effective(); me.rights() != 0 {
			return granted, nil
		}
		return Grant{}, ErrPermission
	}
	err := s.allows(Name{a.Resource, a.Needs, a.Reach})
	if err != nil && a.OrAppend {
		err = s.allows(Name{a.Resource, StorageAppend, a.Reach})
		granted.newOnly = err == nil
	}
	if err != nil {
		return Grant{}, err
	}
	for _, n := range a.Also {
		if err := s.allows(n); err != nil {
			return Grant{}, err
		}
	}
	return granted, nil
}

// allows says whether the subject has what a name needs: the user now, and
// the token from its beginning.
func (s Subject) allows(n Name) error {
	if n.Reach == Within {
		if s.User.Rights&StorageAll == 0 {
			return ErrPermission
		}
	} else if !s.User.Rights.Has(n.Needs) {
		return ErrPermission
	}
	if s.Token == nil {
		return nil
	}
	return s.Token.Allowed.check(n)
}

// Allows says whether the holder of the grant has what a further name needs,
// one that was found after the decision: in the body of the request or of the
// answer. A grant that does not hold allows nothing, one for everybody nothing
// more.
func (g Grant) Allows(n Name) error {
	if !g.given || g.subject.Anonymous() {
		return ErrPermission
	}
	return g.subject.allows(n)
}
