package tokens_test

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"tollgate/tokens"
)

func TestParseResource(t *testing.T) {
	for text, want := range map[string]tokens.Resource{
		"bucket": "bucket", "/bucket": "bucket", "bucket/": "bucket/", "bucket/a b/ü": "bucket/a b/ü", "b//k": "b//k", "...": "...",
		"": "", "/": "", "//b": "", "a/../b": "", ".": "", "a/.": "", `a\b`: "", "s3://bucket/": "", "arn:aws:s3:::b": "", "bucket/*": "", "b*c": "b*c", "a\x00": "", "a\n": "", "a\x7f": "",
		strings.Repeat("a", 1088): tokens.Resource(strings.Repeat("a", 1088)), strings.Repeat("a", 1089): "",
	} {
		got, err := tokens.ParseResource(text)
		var invalid *tokens.InvalidError
		if got != want || (err == nil) != (want != "") || err != nil && !errors.As(err, &invalid) {
			t.Errorf("%q is read as %q, %v, want %q", text, got, err, want)
		}
	}
}

func TestResourceCovers(t *testing.T) {
	for _, c := range []struct {
		resource tokens.Resource
		name     string
		want     bool
	}{
		{"b", "b", true},
		{"b", "b/k", true},
		{"b", "bb", false},
		{"b", "bb/k", false},
		{"b/", "b", false},
		{"b/", "b/k", true},
		{"b/a", "b/a", true},
		{"b/a", "b/a/x", true},
		{"b/a", "b/ab", false},
		{"b/a", "b", false},
		{"b/a/", "b/a", false},
		{"b/a/", "b/a/", true},
		{"b//a", "b/a", false},
		{"b", "", false},
		{"", "b", false},
		{"", "", false},
		{"B", "b", false},
	} {
		if got := c.resource.Covers(c.name); got != c.want {
			t.Errorf("%q covers %q: %v", c.resource, c.name, got)
		}
	}
}

// narrowed returns ann by a token that was given these allowances.
func (w *world) narrowed(name string, all ...tokens.Allowance) tokens.Subject {
	s := w.by(name, tokens.Scope{Tenant: "red"})
	s.Token.Allowed = all
	return s
}

func on(p tokens.Permissions, resources ...tokens.Resource) tokens.Allowance {
	return tokens.Allowance{Permissions: p, Resources: resources}
}

func TestAuthoriseNarrowed(t *testing.T) {
	w := usualWorld()
	const r, l, wr = tokens.StorageRead, tokens.StorageList, tokens.StorageWrite
	at := func(resource string, needs tokens.Permissions, reach tokens.Reach, also ...tokens.Name) tokens.Action {
		return tokens.Action{Place: redA(), Resource: resource, Needs: needs, Reach: reach, Also: also}
	}
	name := func(resource string, needs tokens.Permissions) tokens.Name {
		return tokens.Name{Resource: resource, Needs: needs}
	}
	readA, writeB := on(r|l, "a"), on(wr, "b/x/")
	w.users["appender"] = &tokens.User{Name: "appender", Tenants: tenants("red"), Rights: tokens.StorageAppend}
	for _, c := range []struct {
		name    string
		subject tokens.Subject
		action  tokens.Action
		want    error
	}{
		{"right and resource", w.narrowed("ann", readA), at("a/k", r, tokens.Exact), nil},
		{"right elsewhere", w.narrowed("ann", readA), at("b/k", r, tokens.Exact), tokens.ErrResource},
		{"resource without the right", w.narrowed("ann", readA), at("a/k", wr, tokens.Exact), tokens.ErrPermission},
		{"a right of which the owner has none", w.narrowed("reader", on(tokens.Everything)), at("a/k", wr, tokens.Exact), tokens.ErrPermission},
		{"rights of two allowances do not add up on a name", w.narrowed("ann", on(r, "a"), on(wr, "b")), at("a/k", r|wr, tokens.Exact), tokens.ErrPermission},
		{"read on a, write on b: reads a", w.narrowed("ann", readA, writeB), at("a/k", r, tokens.Exact), nil},
		{"read on a, write on b: writes b", w.narrowed("ann", readA, writeB), at("b/x/k", wr, tokens.Exact), nil},
		{"read on a, write on b: does not read b", w.narrowed("ann", readA, writeB), at("b/x/k", r, tokens.Exact), tokens.ErrResource},
		{"read on a, write on b: does not write a", w.narrowed("ann", readA, writeB), at("a/k", wr, tokens.Exact), tokens.ErrResource},
		{"copies from a to b", w.narrowed("ann", readA, writeB), at("b/x/k", wr, tokens.Exact, name("a/k", r)), nil},
		{"copies from elsewhere", w.narrowed("ann", readA, writeB), at("b/x/k", wr, tokens.Exact, name("c/k", r)), tokens.ErrResource},
		{"copies to elsewhere", w.narrowed("ann", readA, writeB), at("c/k", wr, tokens.Exact, name("a/k", r)), tokens.ErrResource},
		{"the second further name counts too", w.narrowed("ann", readA), at("a/k", r, tokens.Exact, name("a/l", r), name("b/l", r)), tokens.ErrResource},
		{"no resources are everywhere", w.narrowed("ann", on(r)), at("z/k", r, tokens.Exact), nil},
		{"lists its bucket", w.narrowed("ann", readA), at("a/", l, tokens.Under), nil},
		{"lists under a prefix of its bucket", w.narrowed("ann", readA), at("a/p", l, tokens.Under), nil},
		{"lists under its prefix", w.narrowed("ann", on(l, "b/x")), at("b/x/", l, tokens.Under), nil},
		{"a listing that would show its neighbour", w.narrowed("ann", on(l, "b/x")), at("b/x", l, tokens.Under), tokens.ErrResource},
		{"a listing of more than its prefix", w.narrowed("ann", on(l, "b/x")), at("b/", l, tokens.Under), tokens.ErrResource},
		{"a listing of everything", w.narrowed("ann", on(l, "b/x")), at("", l, tokens.Under), tokens.ErrResource},
		{"the bucket as a whole", w.narrowed("ann", on(wr, "b")), at("b", wr, tokens.Whole), nil},
		{"the bucket as a whole, written with a slash", w.narrowed("ann", on(wr, "b/")), at("b", wr, tokens.Whole), nil},
		{"a part is not the whole", w.narrowed("ann", on(wr, "b/x")), at("b", wr, tokens.Whole), tokens.ErrResource},
		{"within the bucket", w.narrowed("ann", on(wr, "b/x")), at("b", 0, tokens.Within), nil},
		{"within another bucket", w.narrowed("ann", on(wr, "b/x")), at("bb", 0, tokens.Within), tokens.ErrResource},
		{"within, with no right on the storage", w.narrowed("ann", on(tokens.TokensAll)), at("b", 0, tokens.Within), tokens.ErrPermission},
		{"within, by an owner without a right on the storage", w.narrowed("remover", on(wr, "b")), at("b", 0, tokens.Within), tokens.ErrPermission},
		{"everywhere", w.narrowed("ann", on(l, "b/x")), at("", l, tokens.Everywhere), nil},
		{"everywhere without the right", w.narrowed("ann", on(r, "b/x")), at("", l, tokens.Everywhere), tokens.ErrPermission},
		{"an unknown reach", w.narrowed("ann", on(r, "b")), at("b", r, tokens.Reach(99)), tokens.ErrResource},
		{"OPTIONS", w.narrowed("ann", on(r, "b")), tokens.Action{Place: redA(), AnyRight: true}, nil},
		{"OPTIONS by what grants nothing", w.narrowed("reader", on(tokens.UsersRead)), tokens.Action{Place: redA(), AnyRight: true}, tokens.ErrPermission},
		{"the tenant comes first", w.narrowed("ann", on(r)), tokens.Action{Place: tokens.Scope{Tenant: "blue"}, Needs: r}, tokens.ErrOtherTenant},
	} {
		t.Run(c.name, func(t *testing.T) {
			grant, err := tokens.Authorise(c.subject, c.action)
			isVerdict(t, err, c.want)
			if grant.Given() != (c.want == nil) {
				t.Errorf("the grant is %+v", grant)
			}
		})
	}
}

func TestGrantAllows(t *testing.T) {
	w := usualWorld()
	name := tokens.Name{Resource: "a/k", Needs: tokens.StorageRead}
	read := tokens.Action{Place: redA(), Needs: tokens.StorageRead, Resource: "a"}
	grant, err := tokens.Authorise(w.narrowed("ann", on(tokens.StorageRead, "a")), read)
	if err != nil {
		t.Fatal(err)
	}
	isVerdict(t, grant.Allows(name), nil)
	isVerdict(t, grant.Allows(tokens.Name{Resource: "b/k", Needs: tokens.StorageRead}), tokens.ErrResource)
	isVerdict(t, (tokens.Grant{}).Allows(name), tokens.ErrPermission)
	read.Public = true
	if grant, err = tokens.Authorise(tokens.Subject{}, read); err != nil {
		t.Fatal(err)
	}
	isVerdict(t, grant.Allows(name), tokens.ErrPermission)
}

func TestNarrowedTokenManages(t *testing.T) {
	red := tokens.Scope{Tenant: "red"}
	for _, c := range []struct {
		name                  string
		given                 tokens.Allowances
		make, show, list, end error
	}{
		{"not narrowed", nil, nil, nil, nil, nil},
		{"narrowed to the storage", tokens.Allowances{on(tokens.StorageAll)}, tokens.ErrPermission, tokens.ErrNotOwner, tokens.ErrPermission, tokens.ErrNotOwner},
		{"given tokens.create", tokens.Allowances{on(tokens.TokensCreate)}, nil, tokens.ErrNotOwner, tokens.ErrPermission, tokens.ErrNotOwner},
		{"given tokens.read", tokens.Allowances{on(tokens.TokensRead)}, tokens.ErrPermission, nil, nil, tokens.ErrNotOwner},
		{"given tokens.delete", tokens.Allowances{on(tokens.TokensDelete)}, tokens.ErrPermission, tokens.ErrNotOwner, tokens.ErrPermission, nil},
		{"given all of them in two", tokens.Allowances{on(tokens.StorageRead, "a"), on(tokens.TokensAll)}, nil, nil, nil, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := usualWorld()
			by := w.narrowed("ann", c.given...)
			_, err := w.Issue(t.Context(), tokens.Order{API: tokens.ContentGateway, By: by, Scope: red})
			isVerdict(t, err, c.make)
			mine, _ := w.put(t, "ann", red)
			_, err = w.Show(t.Context(), via(by), tokens.Secret(mine.ID))
			isVerdict(t, err, c.show)
			_, err = w.List(t.Context(), via(by), tokens.Filter{Owner: "ann"})
			isVerdict(t, err, c.list)
			_, err = w.Revoke(t.Context(), via(by), tokens.Secret(mine.ID), nil)
			isVerdict(t, err, c.end)
		})
	}
}

func TestIssueNarrowed(t *testing.T) {
	const r, wr = tokens.StorageRead, tokens.StorageWrite
	ends := stamped().Add(time.Hour)
	for _, c := range []struct {
		name  string
		by    string
		given tokens.Allowances // of the token that asks; nil = by password
		asked tokens.Allowances
		until time.Time
		want  tokens.Allowances // nil = refused
	}{
		{"less than the owner has", "ann", nil, tokens.Allowances{on(r, "a")}, time.Time{}, tokens.Allowances{on(r, "a")}},
		{"more than the owner has", "reader", nil, tokens.Allowances{on(r|wr, "a")}, time.Time{}, nil},
		{"what is no allowance", "ann", nil, tokens.Allowances{on(0, "a")}, time.Time{}, nil},
		{"what is no resource", "ann", nil, tokens.Allowances{on(r, "/a")}, time.Time{}, nil},
		{"nothing, by a narrowed one: the same", "ann", tokens.Allowances{on(r|tokens.TokensCreate, "a")}, nil, time.Time{}, tokens.Allowances{on(r|tokens.TokensCreate, "a")}},
		{"a part, by a narrowed one", "ann", tokens.Allowances{on(tokens.TokensCreate), on(r|wr, "a")}, tokens.Allowances{on(r, "a/b")}, time.Time{}, tokens.Allowances{on(r, "a/b")}},
		{"more rights, by a narrowed one", "ann", tokens.Allowances{on(tokens.TokensCreate), on(r, "a")}, tokens.Allowances{on(r|wr, "a")}, time.Time{}, nil},
		{"more places, by a narrowed one", "ann", tokens.Allowances{on(tokens.TokensCreate), on(r, "a")}, tokens.Allowances{on(r, "a"), on(r, "ab")}, time.Time{}, nil},
		{"every place, by a narrowed one", "ann", tokens.Allowances{on(tokens.TokensCreate), on(r, "a")}, tokens.Allowances{on(r)}, time.Time{}, nil},
		{"rights of two allowances in one, by a narrowed one", "ann", tokens.Allowances{on(tokens.TokensCreate), on(r, "a"), on(wr, "a")}, tokens.Allowances{on(r|wr, "a")}, time.Time{}, nil},
		{"up to the end of the narrowed one", "ann", tokens.Allowances{on(tokens.TokensCreate)}, nil, ends, tokens.Allowances{on(tokens.TokensCreate)}},
		{"longer than the narrowed one", "ann", tokens.Allowances{on(tokens.TokensCreate)}, nil, ends.Add(time.Millisecond), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := usualWorld()
			w.users["ann"].Rights |= tokens.TokensAll
			by := w.as(c.by)
			if c.given != nil {
				by = w.narrowed(c.by, c.given...)
				by.Token.Expires = ends
			}
			made, err := w.Issue(t.Context(), tokens.Order{API: tokens.ContentGateway, By: by, Scope: tokens.Scope{Tenant: "red"}, Allowed: c.asked, Lifetime: tokens.Lifetime{Until: c.until}})
			if c.want == nil {
				if err == nil {
					t.Fatalf("it was made: %+v", made.Token)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := made.Token.Allowed.String(); got != c.want.String() {
				t.Errorf("it allows %s, want %s", got, c.want)
			}
			if c.given != nil && made.Token.Expires.After(ends) {
				t.Errorf("it ends %v, after the token that made it", made.Token.Expires)
			}
		})
	}
}

// TestNarrowingNeverWidens: what a token may that a narrowed one made, that
// one may too.
func TestNarrowingNeverWidens(t *testing.T) {
	w := usualWorld()
	random := rand.New(rand.NewPCG(1, 2))
	resources := []tokens.Resource{"a", "a/", "a/b", "a/b/c", "ab", "b/x/"}
	some := func() tokens.Allowances {
		var all tokens.Allowances
		for range 1 + random.IntN(2) {
			one := on(tokens.TokensCreate | tokens.Permissions(1+random.IntN(15)))
			for range random.IntN(3) {
				one.Resources = append(one.Resources, resources[random.IntN(len(resources))])
			}
			all = append(all, one)
		}
		return all
	}
	names := []string{"a", "a/", "a/b", "a/bc", "a/b/c", "a/b/c/d", "ab", "ab/c", "b", "b/x", "b/x/y"}
	w.users["ann"].Rights |= tokens.TokensAll
	made := 0
	for range 3000 {
		parent := w.narrowed("ann", some()...)
		child, err := w.Issue(t.Context(), tokens.Order{API: tokens.ContentGateway, By: parent, Scope: tokens.Scope{Tenant: "red"}, Allowed: some()})
		if err != nil {
			continue
		}
		made++
		holder := tokens.Subject{User: w.users["ann"], Token: child.Token}
		for _, n := range names {
			for reach := tokens.Exact; reach <= tokens.Everywhere; reach++ {
				a := tokens.Action{Place: redA(), Resource: n, Reach: reach, Needs: tokens.Permissions(1 << random.IntN(4))}
				_, mine := tokens.Authorise(holder, a)
				_, theirs := tokens.Authorise(parent, a)
				if mine == nil && theirs != nil {
					t.Fatalf("%s may %b on %q (%d), its maker with %s may not", child.Token.Allowed, a.Needs, n, reach, parent.Token.Allowed)
				}
			}
		}
	}
	if made < 100 {
		t.Fatalf("only %d of them were made", made)
	}
}

func TestSigner(t *testing.T) {
	past := stamped().Add(-time.Hour)
	for _, c := range []struct {
		name   string
		owner  string
		change func(*tokens.Token)
		want   error
	}{
		{"live", "ann", signing, nil},
		{"no key pair", "ann", func(*tokens.Token) {}, tokens.ErrUnknown},
		{"revoked", "ann", func(k *tokens.Token) { signing(k); revokedBy("root", past)(k) }, tokens.ErrRevoked},
		{"expired", "ann", func(k *tokens.Token) { signing(k); expiring(past)(k) }, tokens.ErrExpired},
		{"disabled", "ann", func(k *tokens.Token) { signing(k); disabled(k) }, tokens.ErrDisabled},
		{"pending", "ann", func(k *tokens.Token) { signing(k); beginning(stamped().Add(time.Minute))(k) }, tokens.ErrNotYet},
		{"used up", "ann", func(k *tokens.Token) { signing(k); usedUp(past)(k) }, tokens.ErrUsedUp},
		{"of somebody who is gone", "gone", signing, tokens.ErrOwnerGone},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := usualWorld()
			tok, value := w.put(t, c.owner, redA(), c.change)
			if c.want == nil {
				sealed, err := vault{}.Seal("the secret key", string(tok.ID))
				if err != nil {
					t.Fatal(err)
				}
				tok.Secret = sealed
				if _, err := w.store.Put(t.Context(), tok); err != nil {
					t.Fatal(err)
				}
			}
			subject, secret, err := w.Signer(t.Context(), value.Reveal())
			isVerdict(t, err, c.want)
			if subject.Token == nil || subject.Token.ID != tok.ID || subject.Anonymous() != (c.want != nil) {
				t.Errorf("the subject is %+v", subject)
			}
			if c.want == nil && secret.Reveal() != "the secret key" || c.want != nil && secret != "" {
				t.Errorf("the secret is %q", secret.Reveal())
			}
		})
	}
	if _, _, err := usualWorld().Signer(t.Context(), "nobody's"); !errors.Is(err, tokens.ErrUnknown) {
		t.Errorf("an unknown access key: %v", err)
	}
}
