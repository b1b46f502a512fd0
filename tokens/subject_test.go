package tokens_test

import (
	"testing"

	"tollgate/tokens"
)

func TestTenantsHas(t *testing.T) {
	every := tokens.Tenants{Any: true}
	for _, c := range []struct {
		name   string
		set    tokens.Tenants
		tenant string
		want   bool
	}{
		{"a member", tenants("red", "blue"), "blue", true},
		{"no member", tenants("red"), "blue", false},
		{"other case", tenants("red"), "Red", false},
		{"a part of a name", tenants("red"), "re", false},
		{"none has nothing", tokens.Tenants{}, "red", false},
		{"any has everything", every, "red", true},
		{"the empty name is no tenant", every, "", false},
		{"nor where somebody wrote it down", tenants(""), "", false},
		{"any is no name", tenants("any"), "red", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.set.Has(c.tenant); got != c.want {
				t.Errorf("%+v has %q: %v", c.set, c.tenant, got)
			}
		})
	}
}

func TestTenantsCovers(t *testing.T) {
	every := tokens.Tenants{Any: true}
	for _, c := range []struct {
		name       string
		set, other tokens.Tenants
		want       bool
	}{
		{"the same", tenants("red"), tenants("red"), true},
		{"fewer", tenants("red", "blue"), tenants("blue"), true},
		{"in another order", tenants("red", "blue"), tenants("blue", "red"), true},
		{"more", tenants("red"), tenants("red", "blue"), false},
		{"others", tenants("red"), tenants("blue"), false},
		{"nothing of somebody", tenants("red"), tokens.Tenants{}, true},
		{"nothing of nobody", tokens.Tenants{}, tokens.Tenants{}, true},
		{"something of nobody", tokens.Tenants{}, tenants("red"), false},
		{"any covers some", every, tenants("red"), true},
		{"any covers any", every, every, true},
		{"some do not cover any", tenants("red", "blue"), every, false},
		{"an empty name is covered by none", tenants("red", ""), tenants(""), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.set.Covers(c.other); got != c.want {
				t.Errorf("%+v covers %+v: %v", c.set, c.other, got)
			}
		})
	}
}

func TestUserHas(t *testing.T) {
	who := people()
	for _, c := range []struct {
		user, tenant string
		need         tokens.Permissions
		want         bool
	}{
		{"ann", "red", tokens.StorageRead, true},
		{"ann", "blue", tokens.StorageRead, false},
		{"ann", "red", tokens.TokensRead, false},
		{"ann", "red", 0, false},
		{"reader", "red", tokens.StorageRead | tokens.StorageList, false},
		{"redadmin", "red", tokens.TokensAll, true},
		{"redadmin", "red", tokens.UsersRead, false},
		{"redadmin", "blue", tokens.TokensRead, false},
		{"nowhere", "red", tokens.StorageRead, false},
		{"root", "tomorrow's", tokens.Everything, true},
	} {
		if got := who[c.user].Has(c.tenant, c.need); got != c.want {
			t.Errorf("%s has %b in %s: %v", c.user, c.need, c.tenant, got)
		}
	}
}

// redA is where most requests of the tests go.
func redA() tokens.Scope { return tokens.Scope{Tenant: "red", Domain: "a.red"} }

func TestAuthorise(t *testing.T) {
	w := usualWorld()
	red, redB, blue := tokens.Scope{Tenant: "red"}, tokens.Scope{Tenant: "red", Domain: "b.red"}, tokens.Scope{Tenant: "blue"}
	read := tokens.Action{Place: redA(), Needs: tokens.StorageRead}
	everyHost := tokens.Action{Place: redA(), Needs: tokens.StorageRead, AnyDomain: true}
	copying := tokens.Action{Place: redA(), Needs: tokens.StorageRead | tokens.StorageWrite}
	options := tokens.Action{Place: redA(), AnyRight: true}
	put := tokens.Action{Place: redA(), Needs: tokens.StorageWrite, OrAppend: true}
	public := tokens.Action{Place: redA(), Needs: tokens.StorageRead, Public: true}
	w.users["appender"] = &tokens.User{Name: "appender", Tenants: tenants("red"), Rights: tokens.StorageAppend}
	w.users["idle"] = &tokens.User{Name: "idle", Tenants: tenants("red")}
	w.users["idleadmin"] = &tokens.User{Name: "idleadmin", Tenants: tenants("red"), TokenAdmin: true}
	for _, c := range []struct {
		name    string
		subject tokens.Subject
		action  tokens.Action
		want    error
		newOnly bool
	}{
		{"anonymous", tokens.Subject{}, read, tokens.ErrAnonymous, false},
		{"a token without its owner is anonymous", tokens.Subject{Token: &tokens.Token{Scope: red}}, read, tokens.ErrAnonymous, false},
		{"by password", w.as("ann"), read, nil, false},
		{"by a token of the tenant", w.by("ann", red), read, nil, false},
		{"by a token of the domain", w.by("ann", redA()), read, nil, false},
		{"by a token of another domain", w.by("ann", redB), read, tokens.ErrOutOfScope, false},
		{"by a token of another domain where there are none", w.by("ann", redB), everyHost, nil, false},
		{"by a token of another tenant where there are none", w.by("bob", blue), everyHost, tokens.ErrOutOfScope, false},
		{"by a token of another tenant that he has", w.by("bob", blue), read, tokens.ErrOutOfScope, false},
		{"by a token of another tenant's domain of that name", w.by("bob", tokens.Scope{Tenant: "blue", Domain: "a.red"}), read, tokens.ErrOutOfScope, false},
		{"by a token that holds nowhere", w.by("ann", tokens.Scope{}), read, tokens.ErrOutOfScope, false},
		{"in a tenant that he does not have", w.as("ann"), tokens.Action{Place: blue, Needs: tokens.StorageRead}, tokens.ErrOtherTenant, false},
		{"a tenant that he lost, by a token of it", w.by("nowhere", red), read, tokens.ErrOtherTenant, false},
		{"the tenant comes before the scope", w.by("ann", red), tokens.Action{Place: blue, Needs: tokens.StorageRead}, tokens.ErrOtherTenant, false},
		{"the scope comes before the right", w.by("auditor", redB), tokens.Action{Place: redA(), Needs: tokens.StorageDelete}, tokens.ErrOutOfScope, false},
		{"without the right", w.as("auditor"), tokens.Action{Place: redA(), Needs: tokens.StorageDelete}, tokens.ErrPermission, false},
		{"with one right of two", w.as("reader"), copying, tokens.ErrPermission, false},
		{"with both rights", w.as("ann"), copying, nil, false},
		{"tokens.admins gives nothing on the storage", w.as("idleadmin"), read, tokens.ErrPermission, false},
		{"any right for OPTIONS", w.as("reader"), options, nil, false},
		{"any right, of whatever kind", w.as("idleadmin"), options, nil, false},
		{"no right at all for OPTIONS", w.as("idle"), options, tokens.ErrPermission, false},
		{"OPTIONS of anonymous", tokens.Subject{}, options, tokens.ErrAnonymous, false},
		{"OPTIONS elsewhere", w.by("ann", redB), options, tokens.ErrOutOfScope, false},
		{"append writes what is new", w.as("appender"), put, nil, true},
		{"write writes what there is", w.as("ann"), put, nil, false},
		{"append where new cannot be told", w.as("appender"), tokens.Action{Place: redA(), Needs: tokens.StorageWrite}, tokens.ErrPermission, false},
		{"append does not read", w.as("appender"), read, tokens.ErrPermission, false},
		{"append elsewhere", w.by("appender", redB), put, tokens.ErrOutOfScope, false},
		{"read does not append", w.as("reader"), put, tokens.ErrPermission, false},
		{"public, anonymous", tokens.Subject{}, public, nil, false},
		{"public, of another tenant", w.by("bob", blue), public, nil, false},
		{"the zero action, anonymous", tokens.Subject{}, tokens.Action{}, tokens.ErrAnonymous, false},
		{"the zero action, by somebody who may everything", w.as("root"), tokens.Action{}, tokens.ErrOtherTenant, false},
		{"an action that needs nothing", w.as("root"), tokens.Action{Place: redA()}, tokens.ErrPermission, false},
		{"a place without a tenant", w.as("root"), tokens.Action{Place: tokens.Scope{Domain: "a.red"}, Needs: tokens.StorageRead}, tokens.ErrOtherTenant, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			grant, err := tokens.Authorise(c.subject, c.action)
			isVerdict(t, err, c.want)
			if grant.Given() != (c.want == nil) || grant.NewOnly() != c.newOnly {
				t.Fatalf("the grant is %+v", grant)
			}
			if c.want != nil {
				if grant != (tokens.Grant{}) {
					t.Fatalf("a refusal gives %+v", grant)
				}
				return
			}
			if grant.Subject() != c.subject || grant.Tenant() != c.action.Place.Tenant {
				t.Errorf("granted to %+v in %q", grant.Subject(), grant.Tenant())
			}
		})
	}
}

func TestTheZeroGrantDoesNotHold(t *testing.T) {
	var g tokens.Grant
	if g.Given() || g.NewOnly() || g.Tenant() != "" || !g.Subject().Anonymous() {
		t.Errorf("the zero grant is %+v", g)
	}
}

func TestEveryActionOfEverySubject(t *testing.T) {
	// What is granted to a token is never more than what its owner has.
	w := usualWorld()
	places := []tokens.Scope{{}, {Tenant: "red"}, redA(), {Tenant: "red", Domain: "b.red"}, {Tenant: "blue"}, {Tenant: "blue", Domain: "b.blue"}}
	needs := []tokens.Permissions{0, tokens.StorageRead, tokens.StorageWrite, tokens.StorageDelete, tokens.StorageAll, tokens.Everything}
	granted := 0
	for name := range w.users {
		for _, scope := range places {
			for _, place := range places {
				for _, need := range needs {
					a := tokens.Action{Place: place, Needs: need}
					_, owner := tokens.Authorise(w.as(name), a)
					_, token := tokens.Authorise(w.by(name, scope), a)
					if token == nil {
						granted++
					}
					if token == nil && owner != nil {
						t.Fatalf("%s may not do %+v (%v), his token of %s may", name, a, owner, scope)
					}
					if token == nil && (scope.Tenant != place.Tenant || scope.Domain != "" && scope.Domain != place.Domain) {
						t.Fatalf("a token of %s does %+v", scope, a)
					}
				}
			}
		}
	}
	if granted == 0 {
		t.Fatal("nothing is granted at all")
	}
}
