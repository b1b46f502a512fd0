package tokens_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tollgate/tokens"
)

func everyTenant() tokens.Scope { return tokens.Scope{Tenant: tokens.AnyTenant} }

func TestNames(t *testing.T) {
	w := usualWorld()
	issue := func(owner, name string) (tokens.Issued, error) {
		return w.Issue(t.Context(), tokens.Order{By: w.as(owner), Scope: tokens.Scope{Tenant: "red"}, Name: name})
	}
	for name, invalid := range map[string]string{
		strings.Repeat("n", 255): "", strings.Repeat("n", 256): "256 bytes", "a\nb": "control character", "a\x7f": "control character", "\xff": "not UTF-8", "größe 1/2": "",
	} {
		got, err := issue("ann", name)
		if invalid != "" {
			isInvalid(t, err, invalid)
			continue
		}
		isVerdict(t, err, nil)
		if got.Token.Name != name {
			t.Errorf("got %q, want %q", got.Token.Name, name)
		}
	}
	first, err := issue("ann", "laptop")
	isVerdict(t, err, nil)
	_, err = issue("ann", "laptop")
	isVerdict(t, err, tokens.ErrName)
	_, err = issue("bob", "laptop")
	isVerdict(t, err, nil)
	_, err = w.Change(t.Context(), via(w.as("ann")), first.Value, tokens.Change{Enabled: enabled(false)})
	isVerdict(t, err, nil)
	_, err = issue("ann", "laptop") // one that is disabled has it still
	isVerdict(t, err, tokens.ErrName)
	_, err = w.Revoke(t.Context(), via(w.as("ann")), first.Value, nil)
	isVerdict(t, err, nil)
	_, err = issue("ann", "laptop")
	isVerdict(t, err, nil)
	w.time = start().Add(25 * time.Hour) // that one has expired
	_, err = issue("ann", "laptop")
	isVerdict(t, err, nil)
}

func TestNoMoreThanMostUnderParallelOrders(t *testing.T) {
	for _, most := range []int{1, 2, 3} {
		w := usualWorld()
		service := w.plain()
		w.put(t, "ann", redA(), func(k *tokens.Token) { k.API = tokens.ContentGateway }) // does not count
		w.put(t, "bob", redA(), func(k *tokens.Token) { k.API = tokens.UserTokens })     // nor does this
		w.put(t, "ann", redA(), func(k *tokens.Token) { k.API = tokens.UserTokens; disabled(k) })
		var made, refused atomic.Int32
		var group sync.WaitGroup
		for range 50 {
			group.Go(func() {
				_, err := service.Issue(t.Context(), tokens.Order{API: tokens.UserTokens, By: w.as("ann"), Scope: redA(), Most: most})
				switch {
				case err == nil:
					made.Add(1)
				case errors.Is(err, tokens.ErrTooMany):
					refused.Add(1)
				default:
					t.Errorf("got %v", err)
				}
			})
		}
		group.Wait()
		if made.Load() != int32(most)-1 || refused.Load() != 51-int32(most) {
			t.Errorf("at most %d: %d made beside the one there was, %d refused", most, made.Load(), refused.Load())
		}
	}
}

// TestLocksDoNotMeet: counting tokens and taking uses off hold locks at the
// same time, of which there are fewer than of tokens.
func TestLocksDoNotMeet(t *testing.T) {
	w := usualWorld()
	service := w.plain()
	var group sync.WaitGroup
	for i := range 400 {
		owner := fmt.Sprint("user", i)
		w.users[owner] = &tokens.User{Name: owner, Tenants: tenants("red"), Rights: tokens.Everything}
		parent, _ := w.put(t, owner, tokens.Scope{Tenant: "red"}, uses(9), func(k *tokens.Token) { k.Allowed = tokens.Allowances{on(tokens.TokensCreate)} })
		by := tokens.Subject{User: w.users[owner], Token: parent}
		group.Go(func() {
			for range 3 {
				if _, err := service.Issue(t.Context(), tokens.Order{By: by, Scope: redA(), Most: 99, Only: tokens.Restrictions{Uses: 3}}); err != nil {
					t.Errorf("%s: %v", owner, err)
				}
			}
		})
	}
	group.Wait()
}

func again(w *world, key string, change ...func(*tokens.Order)) tokens.Order {
	o := tokens.Order{API: tokens.Management, By: w.as("ann"), Scope: tokens.Scope{Tenant: "red"}, Again: key, Request: tokens.HashOf("what was asked for")}
	for _, c := range change {
		c(&o)
	}
	return o
}

func TestTheSameOrderAgain(t *testing.T) {
	w := usualWorld()
	first, err := w.Issue(t.Context(), again(w, "k"))
	isVerdict(t, err, nil)
	other := w.by("ann", tokens.Scope{Tenant: "red"})
	other.Token.ID = "2222222222222222222222"
	for _, c := range []struct {
		name  string
		order tokens.Order
		same  bool
		want  error
	}{
		{"the same", again(w, "k"), true, nil},
		{"much later", again(w, "k", func(o *tokens.Order) { o.At = start().Add(time.Hour) }), true, nil},
		{"another key", again(w, "l"), false, nil},
		{"no key", again(w, ""), false, nil},
		{"another request", again(w, "k", func(o *tokens.Order) { o.Request = tokens.HashOf("else") }), false, tokens.ErrOtherRequest},
		{"without a request", again(w, "k", func(o *tokens.Order) { o.Request = tokens.Hash{} }), false, tokens.ErrOtherRequest},
		{"another form", again(w, "k", func(o *tokens.Order) { o.Form = tokens.Prefixed }), false, tokens.ErrOtherRequest},
		{"by somebody else", again(w, "k", func(o *tokens.Order) { o.By = w.as("bob") }), false, nil},
		{"by a token", again(w, "k", func(o *tokens.Order) { o.By = other }), false, nil},
		{"by a narrowed token: it does not get what its owner made", again(w, "k", func(o *tokens.Order) { o.By = w.narrowed("ann", on(tokens.TokensCreate)) }), false, nil},
		{"by who may not any more", again(w, "k", func(o *tokens.Order) { o.By = w.narrowed("ann", on(tokens.StorageRead)) }), false, tokens.ErrPermission},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := len(w.store.puts)
			got, err := w.Issue(t.Context(), c.order)
			isVerdict(t, err, c.want)
			if err != nil {
				return
			}
			same := got.Token.ID == first.Token.ID && got.Value == first.Value
			if same != c.same || got.Repeated != c.same || (len(w.store.puts) == before) != c.same {
				t.Errorf("the same: %v, repeated: %v, %d writes", same, got.Repeated, len(w.store.puts)-before)
			}
			if _, err := w.Verify(t.Context(), got.Value); err != nil {
				t.Errorf("it does not hold: %v", err)
			}
		})
	}
}

func TestAKeyWithoutARequestIsGoodOnce(t *testing.T) {
	w := usualWorld()
	order := again(w, "k", func(o *tokens.Order) { o.Request = tokens.Hash{} })
	_, err := w.Issue(t.Context(), order)
	isVerdict(t, err, nil)
	_, err = w.Issue(t.Context(), order)
	isVerdict(t, err, tokens.ErrOtherRequest)
}

func TestTheSameKeyPairAgain(t *testing.T) {
	w := usualWorld()
	key := tokens.Secret("a secret key")
	order := again(w, "k", func(o *tokens.Order) { o.SecretKey, o.Form = &key, tokens.Prefixed })
	one, err := w.Issue(t.Context(), order)
	isVerdict(t, err, nil)
	two, err := w.Issue(t.Context(), order)
	isVerdict(t, err, nil)
	if two.Value != one.Value || two.Token.AccessKey != one.Value.Reveal() || !two.Repeated {
		t.Errorf("got %+v", two.Token)
	}
}

func TestAnEndedTokenIsNotMadeAgain(t *testing.T) {
	w := usualWorld()
	first, err := w.Issue(t.Context(), again(w, "k"))
	isVerdict(t, err, nil)
	_, err = w.Revoke(t.Context(), via(w.as("ann")), first.Value, nil)
	isVerdict(t, err, nil)
	_, err = w.Issue(t.Context(), again(w, "k"))
	isVerdict(t, err, tokens.ErrOtherRequest)
	// When nobody remembers it, its value does not come back to life.
	w.time = start().Add(tokens.Default().KeepEnded + time.Hour)
	if n, err := w.Clean(t.Context()); n != 1 || err != nil {
		t.Fatalf("removed %d, %v", n, err)
	}
	second, err := w.Issue(t.Context(), again(w, "k"))
	isVerdict(t, err, nil)
	if second.Value == first.Value || second.Repeated {
		t.Error("the value of a revoked token was given again")
	}
	_, err = w.Verify(t.Context(), first.Value)
	isVerdict(t, err, tokens.ErrUnknown)
}

func TestTheSameOrderTwiceAtOnce(t *testing.T) {
	for _, c := range []struct{ most, gateways int }{{0, 1}, {1, 1}, {0, 2}} { // how many there are is each gateway's own count
		w := usualWorld()
		var services []*tokens.Service
		for range c.gateways {
			services = append(services, w.plain())
		}
		parent, _ := w.put(t, "ann", tokens.Scope{Tenant: "red"}, uses(50), func(k *tokens.Token) { k.Allowed = tokens.Allowances{on(tokens.TokensCreate)} })
		by := tokens.Subject{User: w.users["ann"], Token: parent}
		made := make(chan tokens.Issued, 20)
		var group sync.WaitGroup
		for i := range cap(made) {
			group.Go(func() {
				got, err := services[i%len(services)].Issue(t.Context(), again(w, "k", func(o *tokens.Order) { o.By, o.Most, o.Name, o.Only.Uses = by, c.most, "one", 1 }))
				if err != nil {
					t.Errorf("got %v", err)
				}
				made <- got
			})
		}
		group.Wait()
		close(made)
		values, first := map[tokens.Secret]bool{}, 0
		for got := range made {
			values[got.Value] = true
			if !got.Repeated {
				first++
			}
		}
		if len(values) != 1 || first != 1 {
			t.Errorf("%d values, %d of them first", len(values), first)
		}
		if k, err := w.memory.ByID(t.Context(), parent.ID); err != nil || c.gateways == 1 && k.Used != 1 {
			t.Errorf("the one that asked is %+v, %v", k, err)
		}
	}
}

func TestWhatTheOwnerGetsLaterATokenOfOthersDoesNot(t *testing.T) {
	w := usualWorld()
	write := tokens.Action{Place: redA(), Needs: tokens.StorageWrite, Resource: "b/k"}
	read := tokens.Action{Place: redA(), Needs: tokens.StorageRead, Resource: "b/k"}
	verdict := func(value tokens.Secret, a tokens.Action) error {
		t.Helper()
		who, err := w.Verify(t.Context(), value)
		isVerdict(t, err, nil)
		_, err = tokens.Authorise(who, a)
		return err
	}
	own, err := w.Issue(t.Context(), tokens.Order{By: w.as("reader"), Scope: everyTenant()})
	isVerdict(t, err, nil)
	given, err := w.Issue(t.Context(), tokens.Order{By: w.as("boss"), Owner: w.users["reader"], Scope: everyTenant()})
	isVerdict(t, err, nil)
	who, err := w.Verify(t.Context(), given.Value)
	isVerdict(t, err, nil)
	child, err := w.Issue(t.Context(), tokens.Order{By: who, Scope: everyTenant()})
	isVerdict(t, err, nil)

	w.users["reader"] = &tokens.User{Name: "reader", Tenants: tenants("red", "blue"), Rights: tokens.Everything}
	blue := read
	blue.Place = tokens.Scope{Tenant: "blue"}
	for name, c := range map[string]struct {
		value tokens.Secret
		later error
		there error
	}{"his own": {own.Value, nil, nil}, "one that was given": {given.Value, tokens.ErrPermission, tokens.ErrOutOfScope}, "its child": {child.Value, tokens.ErrPermission, tokens.ErrOutOfScope}} {
		isVerdict(t, verdict(c.value, read), nil)
		if err := verdict(c.value, write); !errors.Is(err, c.later) || (err == nil) != (c.later == nil) {
			t.Errorf("%s writes: %v", name, err)
		}
		if err := verdict(c.value, blue); !errors.Is(err, c.there) || (err == nil) != (c.there == nil) {
			t.Errorf("%s reads in a tenant of later: %v", name, err)
		}
	}
	who, err = w.Verify(t.Context(), given.Value)
	isVerdict(t, err, nil)
	if m := (tokens.Manager{Subject: who, Via: tokens.Management}); m.MayRead() || m.MayWrite() || m.MayEnd() {
		t.Error("it manages with rights of later")
	}
	_, err = w.Issue(t.Context(), tokens.Order{By: who, Scope: everyTenant(), Tenants: []string{"blue"}})
	isVerdict(t, err, tokens.ErrOtherTenant)
	_, err = w.Issue(t.Context(), tokens.Order{By: who, Scope: everyTenant(), Allowed: tokens.Allowances{on(tokens.StorageWrite)}})
	isVerdict(t, err, tokens.ErrPermission)

	w.users["idle"] = &tokens.User{Name: "idle", Tenants: tenants("red")}
	_, err = w.Issue(t.Context(), tokens.Order{By: w.as("boss"), Owner: w.users["idle"], Scope: everyTenant()})
	isVerdict(t, err, tokens.ErrPermission) // a ceiling of nothing
}

func TestTenantsOfATokenForEvery(t *testing.T) {
	w := usualWorld()
	token := func(name string, scope tokens.Scope, names ...string) tokens.Subject {
		s := w.by(name, scope)
		s.Token.Tenants = names
		return s
	}
	many := make([]string, 257)
	for i := range many {
		many[i] = fmt.Sprint("t", i)
	}
	for _, c := range []struct {
		name    string
		by      tokens.Subject
		owner   string
		scope   tokens.Scope
		asked   []string
		holds   tokens.Scope
		tenants []string
		want    error
		invalid string
	}{
		{"all that one has", w.as("bob"), "", everyTenant(), nil, everyTenant(), nil, nil, ""},
		{"one of them", w.as("bob"), "", everyTenant(), []string{"blue"}, everyTenant(), []string{"blue"}, nil, ""},
		{"each once", w.as("bob"), "", everyTenant(), []string{"blue", "red", "blue"}, everyTenant(), []string{"blue", "red"}, nil, ""},
		{"one that one has not", w.as("ann"), "", everyTenant(), []string{"red", "blue"}, tokens.Scope{}, nil, tokens.ErrOtherTenant, ""},
		{"no name", w.as("root"), "", everyTenant(), []string{""}, tokens.Scope{}, nil, tokens.ErrOtherTenant, ""},
		{"the word for all", w.as("root"), "", everyTenant(), []string{tokens.AnyTenant}, tokens.Scope{}, nil, tokens.ErrOtherTenant, ""},
		{"too many", w.as("root"), "", everyTenant(), many, tokens.Scope{}, nil, nil, "257 tenants"},
		{"as many as may be", w.as("root"), "", everyTenant(), many[:256], everyTenant(), many[:256], nil, ""},
		{"listed beside another scope", w.as("bob"), "", tokens.Scope{Tenant: "red"}, []string{"red"}, tokens.Scope{}, nil, nil, "accepted is one or the other"},
		{"a domain of no tenant", w.as("bob"), "", tokens.Scope{Tenant: tokens.AnyTenant, Domain: "a.red"}, nil, tokens.Scope{}, nil, nil, "without its tenant"},
		{"by a token of a tenant", token("bob", tokens.Scope{Tenant: "red"}), "", everyTenant(), nil, tokens.Scope{Tenant: "red"}, nil, nil, ""},
		{"by a token of a tenant, for it", token("bob", tokens.Scope{Tenant: "red"}), "", everyTenant(), []string{"red"}, tokens.Scope{Tenant: "red"}, nil, nil, ""},
		{"by a token of a tenant, for another", token("bob", tokens.Scope{Tenant: "red"}), "", everyTenant(), []string{"blue"}, tokens.Scope{}, nil, tokens.ErrOtherTenant, ""},
		{"by a domain's token", token("bob", redA()), "", everyTenant(), nil, redA(), nil, nil, ""},
		{"by a token of some tenants", token("root", everyTenant(), "red", "blue"), "", everyTenant(), nil, everyTenant(), []string{"red", "blue"}, nil, ""},
		{"by a token of some tenants, for fewer", token("root", everyTenant(), "red", "blue"), "", everyTenant(), []string{"red"}, everyTenant(), []string{"red"}, nil, ""},
		{"by a token of some tenants, for more", token("root", everyTenant(), "red"), "", everyTenant(), []string{"red", "blue"}, tokens.Scope{}, nil, tokens.ErrOtherTenant, ""},
		{"by a token of some tenants, for one of them alone", token("root", everyTenant(), "red"), "", redA(), nil, redA(), nil, nil, ""},
		{"by a token of some tenants, for another alone", token("root", everyTenant(), "red"), "", tokens.Scope{Tenant: "blue"}, nil, tokens.Scope{}, nil, tokens.ErrOutOfScope, ""},
		{"by a token of a tenant that one lost", token("ann", tokens.Scope{Tenant: "blue"}), "", everyTenant(), nil, tokens.Scope{}, nil, tokens.ErrOtherTenant, ""},
		{"for another: those that he has now", w.as("root"), "bob", everyTenant(), nil, everyTenant(), []string{"red", "blue"}, nil, ""},
		{"for another who has every", w.as("root"), "admin", everyTenant(), nil, everyTenant(), nil, nil, ""},
		{"for another who has none", w.as("root"), "homeless", everyTenant(), nil, tokens.Scope{}, nil, nil, "belongs to no tenant"},
		{"for another, where he is not", w.as("root"), "ann", everyTenant(), []string{"blue"}, tokens.Scope{}, nil, tokens.ErrOtherTenant, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			w.users["admin"] = &tokens.User{Name: "admin", Tenants: tokens.Tenants{Any: true}, Rights: tokens.StorageRead}
			w.users["homeless"] = &tokens.User{Name: "homeless", Rights: tokens.StorageRead}
			got, err := w.Issue(t.Context(), tokens.Order{API: tokens.UserTokens, By: c.by, Owner: w.users[c.owner], Scope: c.scope, Tenants: c.asked})
			if c.invalid != "" {
				isInvalid(t, err, c.invalid)
				return
			}
			isVerdict(t, err, c.want)
			if err == nil && (got.Token.Scope != c.holds || !slices.Equal(got.Token.Tenants, c.tenants)) {
				t.Errorf("it holds in %+v %q", got.Token.Scope, got.Token.Tenants)
			}
		})
	}
}
