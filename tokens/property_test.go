package tokens_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"tollgate/tokens"
)

// chance draws what the property test needs.
type chance struct{ *rand.Rand }

func pick[E any](c chance, all []E) E { return all[c.IntN(len(all))] }

// some returns up to most of all, or none.
func some[E any](c chance, all []E, most int) []E {
	var out []E
	for range c.IntN(most + 1) {
		out = append(out, pick(c, all))
	}
	return out
}

// often is true in n of 10 cases.
func (c chance) often(n int) bool { return c.IntN(10) < n }

func (c chance) rights() tokens.Permissions {
	return pick(c, []tokens.Permissions{
		tokens.Everything, tokens.StorageAll, tokens.StorageAll | tokens.TokensAll, tokens.StorageRead | tokens.TokensCreate,
		tokens.StorageAppend | tokens.TokensCreate, tokens.StorageAll | tokens.UsersAll, tokens.StorageRead | tokens.AccessTokensAll,
		tokens.Permissions(c.Uint32()) & tokens.Everything,
	})
}

func (c chance) user(name string) *tokens.User {
	return &tokens.User{
		Name: name, Rights: c.rights(), TokenAdmin: c.often(2),
		Tenants: pick(c, []tokens.Tenants{{Any: true}, tenants("red", "blue"), tenants("red"), tenants("red"), tenants("blue"), {}}),
	}
}

func (c chance) scope() tokens.Scope {
	return pick(c, []tokens.Scope{
		everyTenant(), everyTenant(), {Tenant: "red"}, {Tenant: "red"}, {Tenant: "blue"}, redA(), {Tenant: "red", Domain: "b.red"}, {Tenant: "blue", Domain: "a.blue"},
	})
}

func (c chance) allowed() tokens.Allowances {
	var all tokens.Allowances
	if c.often(5) {
		return nil
	}
	for range 1 + c.IntN(2) {
		p := c.rights()
		if p == 0 {
			p = tokens.StorageRead
		}
		if c.often(6) {
			p |= tokens.TokensAll
		}
		all = append(all, tokens.Allowance{Permissions: p, Resources: some(c, []tokens.Resource{"a", "a/", "a/b", "b"}, 2)})
	}
	return all
}

func (c chance) only() tokens.Restrictions {
	var r tokens.Restrictions
	if c.often(5) {
		return r
	}
	r.Addresses = some(c, []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("2001:db8::/32")}, 1)
	r.Agents = some(c, []tokens.Agent{{Text: "curl/*", Pattern: true}, {Text: "curl/8"}, {Text: "*", Pattern: true}}, 1)
	r.Types = some(c, []string{"image/*", "image/png", "text/plain"}, 1)
	r.Tags = some(c, []string{"team", "team=red", "stage"}, 1)
	r.SizeBelow, r.Uses = int64(max(0, c.IntN(8)-4)*10), uint32(max(0, c.IntN(8)-4))
	return r
}

func (c chance) lifetime(now time.Time) tokens.Lifetime {
	return tokens.Lifetime{
		Until: pick(c, []time.Time{{}, {}, now.Add(time.Minute), now.Add(time.Hour), now.Add(100 * time.Hour)}), Never: c.often(3), Yields: c.often(4),
	}
}

func (c chance) api() tokens.API {
	return pick(c, []tokens.API{tokens.ContentGateway, tokens.FileRepository, tokens.UserTokens, tokens.AccessTokens, tokens.Management})
}

func (c chance) action(anyDomain bool) tokens.Action {
	names := []string{"a", "a/", "a/b", "a/b/c", "ab", "b", "b/x", "c"}
	single := func() tokens.Permissions { return tokens.StorageRead << c.IntN(4) }
	a := tokens.Action{
		Place: pick(c, []tokens.Scope{redA(), {Tenant: "red", Domain: "b.red"}, {Tenant: "blue", Domain: "a.blue"}, {Tenant: "green"}}), AnyDomain: anyDomain,
		Needs: single(), Resource: pick(c, names), Reach: tokens.Reach(c.IntN(5)), AnyRight: c.often(1), OrAppend: c.often(3),
		From: tokens.Circumstances{
			Client: pick(c, []netip.Addr{{}, netip.MustParseAddr("10.1.2.3"), netip.MustParseAddr("::ffff:10.2.3.4"), netip.MustParseAddr("2001:db8::1")}),
			Agent:  pick(c, []string{"", "curl/8", "curl/9", "other"}),
		},
	}
	if c.often(3) {
		a.Also = []tokens.Name{{Resource: pick(c, names), Needs: single(), Reach: tokens.Reach(c.IntN(5))}}
	}
	if c.often(4) {
		a.Stores = &tokens.Upload{
			Type: pick(c, []string{"", "image/png", "image/jpeg", "text/plain"}), Size: int64(c.IntN(35) - 1),
			Tags: some(c, []string{"team=red", "team=blue", "stage", "else=1"}, 2),
		}
	}
	return a
}

// play is a world in which people make, change and use tokens at random.
type play struct {
	*world
	chance
	t         *testing.T
	names     []string
	values    []tokens.Secret // of every token that was made
	anyDomain bool
	// How often something happened that the test is about.
	made, narrowed, changed, allowed int
}

// maker returns somebody by password or by one of the tokens.
func (p *play) maker() (tokens.Subject, bool) {
	if len(p.values) == 0 || p.often(3) {
		return p.as(pick(p.chance, p.names)), true
	}
	who, err := p.Verify(p.t.Context(), pick(p.chance, p.values))
	if err != nil {
		return who, false
	}
	if p.often(3) {
		who, err = p.Use(p.t.Context(), who, tokens.Circumstances{})
	}
	return who, err == nil
}

// issue lets somebody make a token for himself or for another.
func (p *play) issue() {
	maker, ok := p.maker()
	if !ok {
		return
	}
	o := tokens.Order{
		API: p.api(), By: maker, Scope: p.scope(), AnyDomain: p.anyDomain, Allowed: p.chance.allowed(), Only: p.only(), Lifetime: p.lifetime(p.time),
		Form: pick(p.chance, []tokens.Form{tokens.Hex, tokens.Prefixed, tokens.UUID, tokens.AccessV1}),
	}
	if o.Scope.Tenant == tokens.AnyTenant {
		o.Tenants = some(p.chance, []string{"red", "blue", "green"}, 2)
	}
	if p.often(4) {
		o.Owner = p.users[pick(p.chance, p.names)]
	}
	if maker.Token != nil && p.often(5) { // asked for less often, it is made more often
		o.Allowed, o.Scope, o.Tenants, o.Owner = nil, everyTenant(), nil, nil
	}
	if p.often(1) {
		o.Roles = []string{"role"}
	}
	if p.often(2) { // a few keys, so that many are used again
		o.Again, o.Request = fmt.Sprint(p.IntN(3)), tokens.HashOf(fmt.Sprint(p.IntN(2)))
	}
	got, err := p.Issue(p.t.Context(), o)
	if err != nil {
		return
	}
	p.made++
	p.values = append(p.values, got.Value)
	if maker.Token != nil && maker.Token.Narrowed() {
		p.narrowed++
	}
	p.bounded("issued", maker, got.Token)
	if maker.Token != nil && maker.Token.Only.Uses > 0 && !got.Repeated {
		p.sharesUses(maker.Token, got.Token)
	}
}

// change lets somebody change one of the tokens.
func (p *play) change() {
	maker, ok := p.maker()
	if !ok || len(p.values) == 0 {
		return
	}
	value := pick(p.chance, p.values)
	before, err := p.memory.ByHash(p.t.Context(), tokens.HashOf(value.Reveal()))
	if err != nil {
		p.t.Fatal(err)
	}
	c := tokens.Change{Revive: p.often(5)}
	if p.often(6) {
		yes := p.often(6)
		c.Enabled = &yes
	}
	if p.often(5) {
		wish := p.lifetime(p.time)
		c.Lifetime = &wish
	}
	m := tokens.Manager{Subject: maker, Via: p.api(), AnyDomain: p.anyDomain}
	after, err := p.Change(p.t.Context(), m, value, c)
	if err != nil {
		return
	}
	enables := before.StateAt(p.time) == tokens.Disabled && after.StateAt(p.time) != tokens.Disabled
	longer := !before.Expires.IsZero() && (after.Expires.IsZero() || after.Expires.After(before.Expires))
	if !enables && !longer {
		return
	}
	p.changed++
	p.bounded("changed", maker, after)
	if maker.Token != nil && maker.Token.Only.Uses > 0 {
		p.t.Fatalf("a token with a number of uses makes %+v live", after)
	}
}

// bounded holds that a token allows nothing that its maker may not do himself
// at this moment, and lives no longer than a narrowed one.
func (p *play) bounded(what string, maker tokens.Subject, k *tokens.Token) {
	p.t.Helper()
	holder := tokens.Subject{User: p.users[k.Owner], Token: k}
	for range 40 {
		a := p.action(p.anyDomain)
		grant, err := tokens.Authorise(holder, a)
		if err != nil {
			continue
		}
		p.allowed++
		mine, err := tokens.Authorise(maker, a)
		if err != nil || mine.NewOnly() && !grant.NewOnly() {
			p.t.Fatalf("%s: allows %+v, its maker not (%v)\ntoken %+v\nof %+v\nby %+v\nhe %+v", what, a, err, *k, *holder.User, maker.Token, *maker.User)
		}
	}
	his, mine := holder.Powers(), maker.Powers()
	managing := tokens.TokensAll | tokens.UsersAll | tokens.AccessTokensAll
	if his.Rights&managing != 0 && !his.Tenants.Any && len(his.Tenants.Names) == 0 {
		his.Rights &^= managing // there is nobody to manage
	}
	if mine.TokenAdmin {
		mine.Rights |= tokens.TokensAll
	}
	if extra := his.Rights & managing &^ mine.Rights; extra != 0 || !mine.Tenants.Covers(his.Tenants) {
		p.t.Fatalf("%s: manages with %v in %+v, its maker with %v in %+v\ntoken %+v\nby %+v", what, his.Rights.Names(), his.Tenants, mine.Rights.Names(), mine.Tenants, *k, maker.Token)
	}
	if by := maker.Token; by != nil && by.Narrowed() && !by.Expires.IsZero() && (k.Expires.IsZero() || k.Expires.After(by.Expires)) {
		p.t.Fatalf("%s: ends %v, its narrowed maker %v", what, k.Expires, by.Expires)
	}
}

// sharesUses holds that a token and what it made have no more uses together
// than it had before.
func (p *play) sharesUses(maker, k *tokens.Token) {
	p.t.Helper()
	now, err := p.memory.ByID(p.t.Context(), maker.ID)
	if err != nil {
		p.t.Fatal(err)
	}
	had, has := maker.Only.Uses-maker.Used, now.Only.Uses-now.Used
	if k.Only.Uses == 0 || has+k.Only.Uses > had {
		p.t.Fatalf("of %d uses %d are left, and the new token has %d", had, has, k.Only.Uses)
	}
}

// TestNobodyGivesMoreThanHeHas: whatever is made or made live, through any API,
// by whomever, allows nothing that its maker could not do himself.
func TestNobodyGivesMoreThanHeHas(t *testing.T) {
	const worlds, rounds = 100, 100
	var made, narrowed, changed, allowed int
	for seed := range uint64(worlds) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			p := &play{world: usualWorld(), chance: chance{rand.New(rand.NewPCG(seed, 4))}, t: t, names: []string{"u0", "u1", "u2", "u3"}, anyDomain: seed%4 == 0}
			defer func() {
				made, narrowed, changed, allowed = made+p.made, narrowed+p.narrowed, changed+p.changed, allowed+p.allowed
			}()
			for _, name := range p.names {
				p.users[name] = p.user(name)
			}
			p.users["u0"].Tenants, p.users["u0"].Rights = tokens.Tenants{Any: true}, tokens.Everything // so that something can be made
			for range rounds {
				switch p.IntN(10) {
				case 0: // rights and tenants come and go
					name := pick(p.chance, p.names[1:])
					p.users[name] = p.user(name)
				case 1:
					p.time = p.time.Add(time.Duration(p.IntN(30)) * time.Minute)
				case 2, 3, 4:
					p.change()
				default:
					p.issue()
				}
			}
		})
	}
	t.Logf("%d made, %d of them by narrowed tokens, %d made live, %d actions allowed", made, narrowed, changed, allowed)
	if made < 1000 || narrowed < 100 || changed < 100 || allowed < 2000 {
		t.Error("that is too few to say anything")
	}
}
