package tokens_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"tollgate/tokens"
)

func TestRevokeAll(t *testing.T) {
	red, blue := tokens.Scope{Tenant: "red"}, tokens.Scope{Tenant: "blue"}
	for _, c := range []struct {
		name string
		by   string
		f    tokens.Filter
		want []string
		err  error
	}{
		{"all of an owner", "ann", tokens.Filter{Owner: "ann"}, []string{"ann 1", "ann 2", "ann disabled", "ann pending"}, nil},
		{"all of an owner, as admin", "redadmin", tokens.Filter{Owner: "ann"}, []string{"ann 1", "ann 2", "ann disabled", "ann pending"}, nil},
		{"all of a tenant, as far as its admin reaches", "redadmin", tokens.Filter{Tenant: "red"}, []string{"ann 1", "ann 2", "ann disabled", "ann pending", "reader"}, nil},
		{"all of a tenant", "root", tokens.Filter{Tenant: "blue"}, []string{"bob blue", "bob every"}, nil},
		{"all of a state", "root", tokens.Filter{States: []tokens.State{tokens.Disabled}}, []string{"ann disabled"}, nil},
		{"what has ended already", "root", tokens.Filter{States: []tokens.State{tokens.Expired, tokens.Revoked}}, nil, nil},
		{"a text", "root", tokens.Filter{Text: "bob"}, []string{"bob blue", "bob every"}, nil},
		{"a name", "root", tokens.Filter{Owner: "ann", Name: "ann 1"}, []string{"ann 1"}, nil},
		{"a cursor does not matter", "ann", tokens.Filter{Owner: "ann", After: "nonsense", Limit: 1}, []string{"ann 1", "ann 2", "ann disabled", "ann pending"}, nil},
		{"of others without the right", "ann", tokens.Filter{Owner: "bob"}, nil, tokens.ErrPermission},
		{"everybody's without the right", "auditor", tokens.Filter{}, nil, tokens.ErrPermission},
		{"of another tenant", "redadmin", tokens.Filter{Tenant: "blue"}, nil, tokens.ErrOtherTenant},
		{"by nobody", nobody, tokens.Filter{Owner: "ann"}, nil, tokens.ErrAnonymous},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := usualWorld()
			for _, k := range []struct {
				owner, name string
				scope       tokens.Scope
				change      func(*tokens.Token)
			}{
				{"ann", "ann 1", red, named("")}, {"ann", "ann 2", red, named("")}, {"ann", "ann disabled", red, disabled},
				{"ann", "ann pending", red, beginning(stamped().Add(time.Minute))}, {"ann", "ann expired", red, expiring(stamped())},
				{"ann", "ann revoked", red, revokedBy("root", stamped())}, {"reader", "reader", red, named("")},
				{"bob", "bob blue", blue, named("")}, {"bob", "bob every", everyTenant(), named("")},
			} {
				w.put(t, k.owner, k.scope, k.change, named(k.name))
			}
			var told []string
			n, err := w.plain().RevokeAll(t.Context(), via(w.as(c.by)), c.f, func(k *tokens.Token) {
				if k.Revoked != (tokens.Mark{At: stamped(), By: c.by}) {
					t.Errorf("told of %+v", k)
				}
				told = append(told, k.Name)
			})
			isVerdict(t, err, c.err)
			slices.Sort(told)
			if n != len(c.want) || !slices.Equal(told, c.want) {
				t.Errorf("%d ended: %q, want %q", n, told, c.want)
			}
			again, err := w.plain().RevokeAll(t.Context(), via(w.as(c.by)), c.f, nil)
			isVerdict(t, err, c.err)
			if again != 0 {
				t.Errorf("%d ended once more", again)
			}
		})
	}
}

func TestRevokeAllOfMany(t *testing.T) {
	w := usualWorld()
	const many = 2*tokens.MaxLimit + 345
	for i := range many {
		w.put(t, "ann", redA(), expiring(stamped().Add(time.Duration(i%7+1)*time.Minute)))
	}
	w.put(t, "bob", redA(), named("stays"))
	service, told := w.plain(), 0
	n, err := service.RevokeAll(t.Context(), via(w.as("redadmin")), tokens.Filter{Owner: "ann"}, func(*tokens.Token) { told++ })
	if n != many || told != many || err != nil {
		t.Errorf("%d ended, %d told, %v", n, told, err)
	}
	if got := w.shown(t, via(w.as("root")), tokens.Filter{}); !slices.Equal(got, []string{"stays"}) {
		t.Errorf("%q are left", got)
	}
}

func TestRevokeAllGoesOnWhereItFailed(t *testing.T) {
	w := usualWorld()
	for i := range 20 {
		w.put(t, "ann", redA(), named(fmt.Sprint(i)))
	}
	failing := &failingPuts{Store: w.memory, name: "7"}
	d := w.deps
	d.Store = failing
	service := tokens.NewService(d, tokens.Default())
	n, err := service.RevokeAll(t.Context(), via(w.as("ann")), tokens.Filter{Owner: "ann"}, nil)
	isVerdict(t, err, tokens.ErrStoreFull)
	if n != 19 {
		t.Errorf("%d ended", n)
	}
	failing.name = ""
	if n, err := service.RevokeAll(t.Context(), via(w.as("ann")), tokens.Filter{Owner: "ann"}, nil); n != 1 || err != nil {
		t.Errorf("%d ended, %v", n, err)
	}
}
