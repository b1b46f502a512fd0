package tokens_test

import (
	"encoding/hex"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"tollgate/tokens"
)

func TestIsID(t *testing.T) {
	digits := strings.Repeat("1234567890", 3)
	for _, c := range []struct {
		name, text string
		want       bool
	}{
		{"empty", "", false},
		{"19 digits are too few", digits[:19], false},
		{"20 digits", digits[:20], true},
		{"22 digits, as they are made", digits[:22], true},
		{"24 digits", digits[:24], true},
		{"25 digits are too many", digits[:25], false},
		{"zeros", strings.Repeat("0", 22), true},
		{"a hex digit", digits[:21] + "a", false},
		{"a sign", "+" + digits[:21], false},
		{"a blank in front", " " + digits[:21], false},
		{"a line end behind", digits[:21] + "\n", false},
		{"other scripts' digits", strings.Repeat("٣", 11), false},
		{"a value of 32 hex digits", strings.Repeat("12345678", 4), false},
		{"a byte below the digits", digits[:21] + "/", false},
		{"a byte above the digits", digits[:21] + ":", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := tokens.IsID(c.text); got != c.want {
				t.Errorf("IsID(%q) = %v", c.text, got)
			}
		})
	}
}

func TestHashOfIsSHA256(t *testing.T) {
	// FIPS 180-2, appendix B.1, and the empty message
	for text, want := range map[string]string{
		"abc": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
		"":    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
	} {
		h := tokens.HashOf(text)
		if got := hex.EncodeToString(h[:]); got != want {
			t.Errorf("HashOf(%q) = %s, want %s", text, got, want)
		}
	}
}

func TestScopePrintsAsTheContentGatewayDoes(t *testing.T) {
	for _, c := range []struct {
		scope tokens.Scope
		want  string
	}{
		{tokens.Scope{Tenant: "tenant256"}, "+tenant256"},
		{tokens.Scope{Tenant: "tenant256", Domain: "mydomain.example.com"}, "mydomain.example.com"},
		{tokens.Scope{}, "+"},
	} {
		if got := c.scope.String(); got != c.want {
			t.Errorf("%#v prints as %q, want %q", c.scope, got, c.want)
		}
	}
}

func TestStateAtAndEnds(t *testing.T) {
	now := stamped()
	before, later := now.Add(-time.Hour), now.Add(time.Hour)
	for _, c := range []struct {
		name             string
		expires, revoked time.Time
		want             tokens.State
		ends             time.Time
	}{
		{"without an end", time.Time{}, time.Time{}, tokens.Active, time.Time{}},
		{"expires later", later, time.Time{}, tokens.Active, later},
		{"expires in a nanosecond", now.Add(1), time.Time{}, tokens.Active, now.Add(1)},
		{"expires now", now, time.Time{}, tokens.Expired, now},
		{"expired a nanosecond ago", now.Add(-1), time.Time{}, tokens.Expired, now.Add(-1)},
		{"revoked, without an expiry", time.Time{}, before, tokens.Revoked, before},
		{"revoked before it would have expired", later, before, tokens.Revoked, before},
		{"revoked and expired since", before, before.Add(-time.Minute), tokens.Revoked, before.Add(-time.Minute)},
		{"revoked after it had expired", before, now, tokens.Revoked, before},
		{"revoked as it expired", before, before, tokens.Revoked, before},
		{"revoked by a clock ahead of ours", later, now.Add(time.Minute), tokens.Revoked, now.Add(time.Minute)},
	} {
		t.Run(c.name, func(t *testing.T) {
			tok := &tokens.Token{Expires: c.expires, Revoked: tokens.Mark{At: c.revoked}}
			if got := tok.StateAt(now); got != c.want {
				t.Errorf("it is %s, want %s", got, c.want)
			}
			if got := tok.Ends(); !got.Equal(c.ends) {
				t.Errorf("it ends %v, want %v", got, c.ends)
			}
		})
	}
}

func TestStatesComeInOrder(t *testing.T) {
	now := stamped()
	before, later := now.Add(-time.Hour), now.Add(time.Hour)
	type change = func(*tokens.Token)
	revoked, expired, spent, pending := revokedBy("root", before), expiring(now), usedUp(before), beginning(later)
	for _, c := range []struct {
		name    string
		changes []change
		want    tokens.State
		ended   bool
		ends    time.Time
	}{
		{"nothing", nil, tokens.Active, false, time.Time{}},
		{"pending", []change{pending}, tokens.Pending, false, time.Time{}},
		{"begins now", []change{beginning(now)}, tokens.Active, false, time.Time{}},
		{"disabled", []change{disabled}, tokens.Disabled, false, time.Time{}},
		{"disabled before it begins", []change{disabled, pending}, tokens.Disabled, false, time.Time{}},
		{"used up", []change{spent}, tokens.UsedUp, true, before},
		{"used up and disabled", []change{spent, disabled}, tokens.UsedUp, true, before},
		{"used up, and its time is over since", []change{spent, expired}, tokens.UsedUp, true, before},
		{"expired", []change{expired}, tokens.Expired, true, now},
		{"expired and disabled", []change{expired, disabled}, tokens.Expired, true, now},
		{"expired before it begins", []change{expired, pending}, tokens.Expired, true, now},
		{"revoked", []change{revoked}, tokens.Revoked, true, before},
		{"revoked, and all the rest", []change{revoked, spent, expired, disabled, pending}, tokens.Revoked, true, before},
		{"used up before it was revoked", []change{revokedBy("root", later), spent}, tokens.Revoked, true, before},
	} {
		t.Run(c.name, func(t *testing.T) {
			var tok tokens.Token
			for _, change := range c.changes {
				change(&tok)
			}
			if got := tok.StateAt(now); got != c.want || tok.EndedAt(now) != c.ended {
				t.Errorf("it is %s, ended: %v", got, tok.EndedAt(now))
			}
			if got := tok.Ends(); !got.Equal(c.ends) {
				t.Errorf("it ends %v, want %v", got, c.ends)
			}
		})
	}
}

func TestNarrowedIsWhatWasGivenLess(t *testing.T) {
	for _, c := range []struct {
		name string
		tok  tokens.Token
		want bool
	}{
		{"all", tokens.Token{}, false},
		{"tenants", tokens.Token{Scope: tokens.Scope{Tenant: tokens.AnyTenant}, Tenants: []string{"red"}}, false},
		{"a domain", tokens.Token{Scope: redA()}, false},
		{"a ceiling", tokens.Token{Ceiling: tokens.StorageRead}, false},
		{"everything by name", tokens.Token{Allowed: tokens.Allowances{on(tokens.Everything)}}, true},
		{"roles", tokens.Token{Roles: []string{"collections.view"}}, true},
		{"uses", tokens.Token{Only: tokens.Restrictions{Uses: 1}}, true},
		{"a size", tokens.Token{Only: tokens.Restrictions{SizeBelow: 1}}, true},
		{"a tag", tokens.Token{Only: tokens.Restrictions{Tags: []string{"a"}}}, true},
	} {
		if got := c.tok.Narrowed(); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

func TestSigningOnlyIsWhatHasASecret(t *testing.T) {
	for _, c := range []struct {
		secret tokens.Sealed
		want   bool
	}{{nil, false}, {tokens.Sealed{}, false}, {tokens.Sealed{0}, true}} {
		if got := (&tokens.Token{Secret: c.secret}).SigningOnly(); got != c.want {
			t.Errorf("with a secret of %d bytes: %v", len(c.secret), got)
		}
	}
}

func TestCloneSharesNothing(t *testing.T) {
	full := &tokens.Token{
		ID: "7", Hash: tokens.HashOf("v"), API: tokens.UserTokens, Name: "laptop", Owner: "ann", Creator: "root",
		Tenants: []string{"red"}, NotBefore: stamped(), Roles: []string{"reader"}, Ceiling: tokens.StorageRead, Used: 1, Spent: stamped(),
		Only: everyRestriction(), Request: tokens.HashOf("r"), Disabled: tokens.Mark{At: stamped(), By: "root"},
		Scope: tokens.Scope{Tenant: "red", Domain: "a.red"}, AccessKey: "key", Secret: tokens.Sealed("sealed"),
		Created: stamped(), Expires: stamped().Add(1), Meta: []tokens.Meta{{Name: "source", Value: "x"}},
		Allowed: tokens.Allowances{{Permissions: tokens.StorageRead, Resources: []tokens.Resource{"a"}}},
		Revoked: tokens.Mark{At: stamped(), By: "root"}, Revision: 9,
	}
	fields := reflect.ValueOf(*full)
	for i := range fields.NumField() {
		if fields.Field(i).IsZero() {
			t.Fatalf("%s is not filled in, so that this test would not miss it", fields.Type().Field(i).Name)
		}
	}
	c := full.Clone()
	if !reflect.DeepEqual(c, full) {
		t.Fatalf("the clone is %+v, want %+v", c, full)
	}
	c.Secret[0], c.Meta[0].Value, c.Allowed[0].Resources[0], c.Tenants[0], c.Roles[0] = 'X', "changed", "b", "blue", "writer"
	c.Only.Addresses[0], c.Only.Agents[0].Text, c.Only.Types[0], c.Only.Tags[0] = netip.Prefix{}, "b", "c/d", "e"
	if again := full.Clone(); string(full.Secret) != "sealed" || full.Meta[0].Value != "x" || full.Allowed[0].Resources[0] != "a" ||
		full.Tenants[0] != "red" || full.Roles[0] != "reader" || !reflect.DeepEqual(again.Only, everyRestriction()) {
		t.Error("a change of the clone changed the original")
	}
	if empty := (&tokens.Token{}).Clone(); empty.Secret != nil || empty.Meta != nil {
		t.Error("the clone of an empty token is not empty")
	}
}

func TestQueryPageSize(t *testing.T) {
	for limit, want := range map[int]int{-1: 100, 0: 100, 1: 1, 99: 99, 1000: 1000, 1001: 1000, 1 << 40: 1000} {
		if got := (tokens.Query{Limit: limit}).PageSize(); got != want {
			t.Errorf("a limit of %d gives %d, want %d", limit, got, want)
		}
	}
}

func TestQueryMatches(t *testing.T) {
	now := stamped()
	tok := &tokens.Token{Owner: "ann", API: tokens.UserTokens, Name: "laptop", Scope: tokens.Scope{Tenant: "red", Domain: "a.red"}, Expires: now}
	for _, c := range []struct {
		name string
		q    tokens.Query
		want bool
	}{
		{"owner", tokens.Query{Owner: "ann"}, true},
		{"another owner", tokens.Query{Owner: "bob"}, false},
		{"owner in other case", tokens.Query{Owner: "Ann"}, false},
		{"tenant", tokens.Query{Tenant: "red"}, true},
		{"another tenant", tokens.Query{Tenant: "blue"}, false},
		{"tenant and domain", tokens.Query{Tenant: "red", Domain: "a.red"}, true},
		{"another domain", tokens.Query{Tenant: "red", Domain: "b.red"}, false},
		{"API", tokens.Query{API: tokens.UserTokens}, true},
		{"another API", tokens.Query{API: tokens.AccessTokens}, false},
		{"name", tokens.Query{Owner: "ann", Name: "laptop"}, true},
		{"another name", tokens.Query{Owner: "ann", Name: "Laptop"}, false},
		{"nothing asked for", tokens.Query{}, true},
		{"all must match", tokens.Query{Owner: "ann", Tenant: "blue"}, false},
		{"live at the time", tokens.Query{Owner: "ann", LiveAt: now.Add(-1)}, true},
		{"ended by the time", tokens.Query{Owner: "ann", LiveAt: now}, false},
		{"ended ones too", tokens.Query{Owner: "ann", LiveAt: time.Time{}}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.q.Matches(tok); got != c.want {
				t.Errorf("%+v matches: %v", c.q, got)
			}
		})
	}
}
