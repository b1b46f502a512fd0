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

func (t Tenants) empty() bool { return !t.Any && len(t.Names) == 0 }

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

// and returns the tenants that both sets have.
func (t Tenants) and(other Tenants) Tenants {
	switch {
	case t.Any:
		return other
	case other.Any:
		return t
	}
	var both []string
	for _, n := range t.Names {
		if slices.Contains(other.Names, n) {
			both = append(both, n)
		}
	}
	return Tenants{Names: both}
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
	return u.Tenants.Has(tenant) && u.AllRights().Has(need)
}

// AllRights returns all rights of the user, those of a token admin among them.
func (u *User) AllRights() Permissions {
	if u.TokenAdmin {
		return u.Rights | TokensAll
	}
	return u.Rights
}

// Subject is who asks. The zero Subject is anonymous.
type Subject struct {
	User  *User  // nil = anonymous
	Token *Token // the live token he came by; nil = by password or anonymous
}

// Anonymous reports whether nobody is known to ask.
func (s Subject) Anonymous() bool { return s.User == nil }

// Powers returns the user with what the token he came by leaves of him: what
// he can do to tokens and users, and where. Of his rights on the storage a
// token may hold for some resources alone, which Authorise knows. It is the
// zero User for the anonymous subject.
func (s Subject) Powers() User {
	if s.Anonymous() {
		return User{}
	}
	me := s.effective()
	me.Rights = me.AllRights()
	return me
}

// effective returns the user with what the token he came by leaves of him: its
// tenants alone, the rights that its maker could give and of a narrowed one
// those that it was given.
func (s Subject) effective() User {
	me := *s.User
	if s.Token == nil {
		return me
	}
	me.Rights, me.TokenAdmin = me.AllRights()&s.Token.ceiling()&s.Token.given(), false
	me.Tenants = me.Tenants.and(s.Token.tenants())
	return me
}

// in says whether the subject may act in a place at all.
func (s Subject) in(place Scope, anyDomain bool) error {
	if s.Anonymous() {
		return ErrAnonymous
	}
	if !s.User.Tenants.Has(place.Tenant) {
		return ErrOtherTenant
	}
	if s.Token != nil && !s.Token.holdsIn(place, anyDomain) {
		return ErrOutOfScope
	}
	return nil
}

// Admit says whether the subject's token lets it come so. The error is
// ErrAddress or ErrAgent.
func (s Subject) Admit(c Circumstances) error {
	if s.Token == nil {
		return nil
	}
	return s.Token.Only.Admit(c)
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
	From     Circumstances
	Stores   *Upload // what is uploaded; nil = nothing is
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

// Only returns the restrictions under which it was given.
func (g Grant) Only() *Restrictions {
	if g.subject.Token == nil {
		return &Restrictions{}
	}
	return &g.subject.Token.Only
}

// NewOnly reports whether it covers new objects only.
func (g Grant) NewOnly() bool { return g.newOnly }

// MayAct reports whether the subject may act in the place of an action at all,
// whatever that needs. The error is ErrAnonymous, ErrOtherTenant or
// ErrOutOfScope.
func MayAct(s Subject, a Action) error { return s.in(a.Place, a.AnyDomain) }

// Authorise decides whether the subject may do what is asked. What a token
// grants is what it was given and its owner still has. The error is the first
// rule that refuses, in this order: ErrAnonymous, ErrOtherTenant,
// ErrOutOfScope, ErrAddress, ErrAgent, ErrPermission or ErrResource, ErrType,
// ErrSize, ErrTag. How a token stands in its life is Service.Verify's matter.
func Authorise(s Subject, a Action) (Grant, error) {
	granted := Grant{subject: s, place: a.Place, given: true}
	if a.Public {
		return granted, nil
	}
	if err := s.in(a.Place, a.AnyDomain); err != nil {
		return Grant{}, err
	}
	if err := s.Admit(a.From); err != nil {
		return Grant{}, err
	}
	newOnly, err := s.mayDo(a)
	if err != nil {
		return Grant{}, err
	}
	granted.newOnly = newOnly
	if s.Token != nil && a.Stores != nil {
		if err := s.Token.Only.Accept(*a.Stores); err != nil {
			return Grant{}, err
		}
	}
	return granted, nil
}

// mayDo says whether the subject has the rights that an action needs.
func (s Subject) mayDo(a Action) (newOnly bool, err error) {
	if a.AnyRight {
		if me := s.effective(); me.AllRights() == 0 {
			return false, ErrPermission
		}
		return false, nil
	}
	err = s.allows(Name{a.Resource, a.Needs, a.Reach})
	if err != nil && a.OrAppend {
		err = s.allows(Name{a.Resource, StorageAppend, a.Reach})
		newOnly = err == nil
	}
	if err != nil {
		return false, err
	}
	for _, n := range a.Also {
		if err := s.allows(n); err != nil {
			return false, err
		}
	}
	return newOnly, nil
}

// allows says whether the subject has what a name needs: the user now, and
// the token from its beginning.
func (s Subject) allows(n Name) error {
	rights := s.User.Rights
	if s.Token != nil {
		rights &= s.Token.ceiling()
	}
	if n.Reach == Within {
		if rights&StorageAll == 0 {
			return ErrPermission
		}
	} else if !rights.Has(n.Needs) {
		return ErrPermission
	}
	if s.Token == nil {
		return nil
	}
	return s.Token.check(n)
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
