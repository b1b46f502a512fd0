package main

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"tollgate/tokens"
	"tollgate/tokens/badgerstore"
	"tollgate/tokens/keyring"
)

// result is how a command ended.
type result struct {
	code     int
	out, err string
}

// cli runs a command line with an environment and a standard input.
func cli(t testing.TB, environ []string, stdin string, args ...string) result {
	t.Helper()
	var out, errors lockedBuffer
	code := run(t.Context(), args, Process{Stdin: strings.NewReader(stdin), Stdout: &out, Stderr: &errors, Environ: environ})
	return result{code, out.String(), errors.String()}
}

// local is a setup whose tenant one has the address that the gateway listens
// on, and a user who may make tokens for others and not see them.
func local(s setup) string {
	config := strings.Replace(s.configuration(), "domains: ["+hostOne, "domains: [127.0.0.1, "+hostOne, 1)
	return strings.Replace(config, "users:\n", "users:\n  - {name: minter, password_hash: \""+hashes()[john]+
		"\", tenants: [one], permissions: [tokens.create, storage.read, storage.list]}\n", 1)
}

// as runs a token command as a user with his password in the environment.
func (g *gateway) as(user string, args ...string) result {
	g.t.Helper()
	password := "TOLLGATE_PASSWORD=" + passwordOf(user)
	if user == "minter" {
		password = "TOLLGATE_PASSWORD=" + passwordOf(john)
	}
	return cli(g.t, []string{password}, "", append([]string{"token", args[0], "--server", g.url, "--user", user}, args[1:]...)...)
}

// well fails unless the command ended well and said nothing on standard error.
func (r result) well(t *testing.T) result {
	t.Helper()
	if r.code != exitOK || r.err != "" {
		t.Fatalf("exit %d\n%s%s", r.code, r.out, r.err)
	}
	return r
}

// field returns the value behind a name in the plain output.
func (r result) field(t *testing.T, name string) string {
	t.Helper()
	m := regexp.MustCompile(`(?m)^` + name + ` +(.*)$`).FindStringSubmatch(r.out)
	if m == nil {
		t.Fatalf("no %s in %q", name, r.out)
	}
	return m[1]
}

func TestCLITokenCreate(t *testing.T) {
	b := startBackend(t)
	g := startWith(t, local(setup{dir: "DIR", upstream: b.URL}))
	soon := time.Now().UTC().AddDate(0, 0, 9).Format("2006-01-02")
	for _, row := range []struct {
		name, user, args string
		owner, scope     string
		ends             string // its beginning
	}{
		{"Plain", john, "", john, "127.0.0.1", ""},
		{"Domain", john, "--domain " + hostOneB, john, hostOneB, ""},
		{"Tenant", john, "--tenant one", john, "+one", ""},
		{"TenantDomain", john, "--tenant one --domain " + hostOneB, john, hostOneB, ""},
		{"Owner", boss, "--owner john", john, "127.0.0.1", ""},
		{"OwnerTenant", boss, "--owner jane --tenant one", jane, "+one", ""},
		{"Expires", john, "--expires " + soon, john, "127.0.0.1", soon + "T00:00:00.000Z"},
		{"ExpiresTenant", john, "--tenant one --expires " + soon, john, "+one", soon + "T00:00:00.000Z"},
	} {
		t.Run(row.name, func(t *testing.T) {
			args := append([]string{"create"}, strings.Fields(row.args)...)
			r := g.as(row.user, args...).well(t)
			value, id := r.field(t, "token"), r.field(t, "id")
			if !valueForm.MatchString(value) || !idForm.MatchString(id) || r.field(t, "owner") != row.owner || r.field(t, "scope") != row.scope ||
				!strings.HasPrefix(r.field(t, "expiration"), row.ends) || strings.Count(r.out, "\n") != 5 {
				t.Errorf("%s", r.out)
			}
			if d := describe(t, g.do(ask{target: tokenPath + value, user: boss})); d.ID != id || d.Owner != row.owner || d.Scope != row.scope {
				t.Errorf("the gateway has %+v", d)
			}
			j := g.as(row.user, append(args, "-o", "json")...).well(t)
			var m tokenRecord
			if err := json.Unmarshal([]byte(j.out), &m); err != nil || !valueForm.MatchString(m.Token) || m.Token == value || m.Owner != row.owner || m.scope() != row.scope || m.CreatedAt == "" || m.State != "active" {
				t.Errorf("%v\n%s", err, j.out)
			}
		})
	}
	t.Run("S3", func(t *testing.T) {
		for _, place := range []string{"--domain=" + hostOneB, "--tenant=one"} {
			r := g.as(john, "create", "--s3", place).well(t)
			if !valueForm.MatchString(r.field(t, "access key")) || !regexp.MustCompile(`^[A-Za-z0-9]{40}$`).MatchString(r.field(t, "secret key")) || strings.Contains(r.out, "\ntoken") {
				t.Errorf("%s", r.out)
			}
			var m tokenRecord
			j := g.as(john, "create", "--s3", place, "--output", "json").well(t)
			if err := json.Unmarshal([]byte(j.out), &m); err != nil || len(m.SecretKey) != 40 || m.SecretKey == r.field(t, "secret key") || m.AccessKey != m.Token {
				t.Errorf("%v\n%s", err, j.out)
			}
			if got := g.do(ask{header: bearer(m.Token)}); got.status != 401 {
				t.Errorf("the access key authenticates by itself: %d", got.status)
			}
		}
	})
	t.Run("WhoMayNotSeeItGetsItPrinted", func(t *testing.T) {
		r := g.as("minter", "create", "--owner", jane).well(t)
		if !valueForm.MatchString(r.field(t, "token")) || !idForm.MatchString(r.field(t, "id")) || r.field(t, "owner") != jane {
			t.Errorf("%s", r.out)
		}
		if shown := g.as("minter", "show", r.field(t, "id")); shown.code != exitFailed || !strings.Contains(shown.err, "403") {
			t.Errorf("exit %d\n%s%s", shown.code, shown.out, shown.err)
		}
	})
	t.Run("Description", func(t *testing.T) {
		id := g.as(drop, "create", "--description", "nightly \u202e backup").well(t).field(t, "id")
		list := g.as(drop, "list").well(t)
		if !strings.Contains(list.out, id) || !strings.Contains(list.out, `"nightly \u202e backup"`) {
			t.Errorf("%s", list.out)
		}
	})
}

func TestCLITokenRefused(t *testing.T) {
	g := startWith(t, local(setup{dir: "DIR"}))
	id := g.as(boss, "create").well(t).field(t, "id")
	wrong := []string{"TOLLGATE_PASSWORD=wrong-" + unknownValue}
	server := "--server=" + g.url
	for _, row := range []struct {
		name    string
		environ []string
		args    []string
		code    int
		says    string
	}{
		{"WrongPassword", wrong, []string{"token", "list", server, "--user=john"}, 1, "401 Unauthorized: the credential is missing or not accepted (request "},
		{"UnknownUser", wrong, []string{"token", "create", server, "--user=nobody"}, 1, "401 Unauthorized"},
		{"DeadToken", []string{"TOLLGATE_TOKEN=" + unknownValue}, []string{"token", "list", server}, 1, "401 Unauthorized"},
		{"BadExpiry", []string{"TOLLGATE_PASSWORD=" + passwordOf(john)}, []string{"token", "create", server, "--user=john", "--expires=soon"}, 2, `--expires was read as "soon", accepted are +N days`},
		{"PastExpiry", []string{"TOLLGATE_PASSWORD=" + passwordOf(john)}, []string{"token", "create", server, "--user=john", "--expires=2001-02-03"}, 1, "400 Bad Request: "},
		{"OwnerByPlainUser", []string{"TOLLGATE_PASSWORD=" + passwordOf(john)}, []string{"token", "create", server, "--user=john", "--owner=jane"}, 1, "403 Forbidden: not allowed"},
		{"ListOfAnother", []string{"TOLLGATE_PASSWORD=" + passwordOf(john)}, []string{"token", "list", server, "--user=john", "--owner=jane"}, 1, "403 Forbidden"},
		{"UnknownTenant", []string{"TOLLGATE_PASSWORD=" + passwordOf(john)}, []string{"token", "list", server, "--user=john", "--tenant=three"}, 1, "403 Forbidden: not allowed"},
		{"CreateInUnknownTenant", []string{"TOLLGATE_PASSWORD=" + passwordOf(john)}, []string{"token", "create", server, "--user=john", "--tenant=three"}, 1, "400 Bad Request: tenant: "},
		{"CreateInOtherTenant", []string{"TOLLGATE_PASSWORD=" + passwordOf(john)}, []string{"token", "create", server, "--user=john", "--tenant=two"}, 1, "403 Forbidden: not allowed"},
		{"CreateOnUnknownDomain", []string{"TOLLGATE_PASSWORD=" + passwordOf(john)}, []string{"token", "create", "--server=" + strings.Replace(g.url, "127.0.0.1", "localhost", 1), "--user=john"}, 1, "say where the token is to hold with --tenant, --domain or --all-tenants"},
		{"ShowUnknown", []string{"TOLLGATE_PASSWORD=" + passwordOf(john)}, []string{"token", "show", server, "--user=john", unknownID}, 1, "404 Not Found: no such token"},
		{"ShowStrangers", []string{"TOLLGATE_PASSWORD=" + passwordOf(john)}, []string{"token", "show", server, "--user=john", id}, 1, "403 Forbidden"},
		{"RevokeStrangers", []string{"TOLLGATE_PASSWORD=" + passwordOf(john)}, []string{"token", "revoke", server, "--user=john", id}, 1, "revoke " + id + ": the gateway answers 403"},
		{"NobodyListens", wrong, []string{"token", "list", "--server=http://127.0.0.1:1", "--user=john"}, 1, "connection refused"},

		{"WhoAreYou", nil, []string{"token", "list", server}, 2, "who are you?"},
		{"ServerIsNoURL", wrong, []string{"token", "list", "--server=127.0.0.1:8080", "--user=john"}, 2, "--server was read as"},
		{"ServerOtherScheme", wrong, []string{"token", "list", "--server=ftp://127.0.0.1", "--user=john"}, 2, "--server was read as"},
		{"OutputForm", wrong, []string{"token", "list", server, "--user=john", "-o", "xml"}, 2, "xml"},
		{"ShowWhat", wrong, []string{"token", "show", server, "--user=john"}, 2, "<id>"},
		{"ShowEmpty", wrong, []string{"token", "show", server, "--user=john", ""}, 2, "empty"},
		{"RevokeWhat", wrong, []string{"token", "revoke", server, "--user=john"}, 2, "<id>"},
		{"RevokeAllOfNobody", wrong, []string{"token", "revoke", server, "--user=john", "--yes", "--tenant=one", "--owner="}, 2, "--owner is empty"},
		{"RevokeUnasked", wrong, []string{"token", "revoke", server, "--user=john", "--tenant=one"}, 2, "--yes"},
		{"DomainEmpty", wrong, []string{"token", "list", server, "--user=john", "--domain="}, 2, "--domain is empty"},
		{"RevokeEmpty", wrong, []string{"token", "revoke", server, "--user=john", ""}, 2, "empty"},
		{"UnknownFlag", nil, []string{"token", "list", "--sever=x"}, 2, "--sever"},
		{"UnknownCommand", nil, []string{"token", "destroy"}, 2, "destroy"},
		{"UnknownGroup", nil, []string{"tokens"}, 2, "tokens"},
		{"NoCommand", nil, nil, 2, "expected"},
		{"TooMany", nil, []string{"version", "x"}, 2, "x"},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := cli(t, row.environ, "", row.args...)
			if r.code != row.code || !strings.Contains(r.err, row.says) {
				t.Errorf("exit %d, want %d; says\n%s\nwant %q", r.code, row.code, r.err, row.says)
			}
			for _, secret := range []string{unknownValue, passwordOf(john)} {
				if strings.Contains(r.out+r.err, secret) {
					t.Error("the output holds a secret")
				}
			}
		})
	}
}

func TestCLITokenShowAndRevoke(t *testing.T) {
	b := startBackend(t)
	g := startWith(t, local(setup{dir: "DIR", upstream: b.URL}))
	create := func() (value, id string) {
		r := g.as(john, "create").well(t)
		return r.field(t, "token"), r.field(t, "id")
	}
	value, id := create()
	shown := g.as(john, "show", id).well(t)
	for name, want := range map[string]string{"id": id, "owner": john, "creator": john, "scope": "127.0.0.1", "state": "active", "api": "management"} {
		if got := shown.field(t, name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if byValue := g.as(john, "show", value).well(t); !strings.Contains(byValue.out, id) || strings.Contains(byValue.out, value) {
		t.Errorf("by value:\n%s", byValue.out)
	}
	var record tokenRecord
	if err := json.Unmarshal([]byte(g.as(john, "show", "-o", "json", "--tenant", "one", id).well(t).out), &record); err != nil || record.ID != id || record.Owner != john || record.ExpiresAt == "" {
		t.Errorf("%v %+v", err, record)
	}
	for _, place := range []string{"--tenant=two", "--domain=" + hostOneB} {
		if r := g.as(john, "show", place, id); r.code != exitFailed || r.out != "" || !strings.Contains(r.err, id+" is not of ") {
			t.Errorf("%s: exit %d\n%s%s", place, r.code, r.out, r.err)
		}
		if r := g.as(john, "revoke", place, id); r.code != exitFailed || r.out != "" || !strings.Contains(r.err, id+" is not of ") {
			t.Errorf("%s: exit %d\n%s%s", place, r.code, r.out, r.err)
		}
	}
	if strings.Contains(shown.out, value) {
		t.Error("shows the value")
	}

	_, second := create()
	if r := g.as(john, "revoke", id, second).well(t); r.out != "revoked "+id+"\nrevoked "+second+"\n" {
		t.Errorf("%q", r.out)
	}
	if got := g.do(ask{host: "127.0.0.1", header: bearer(value)}); got.status != 401 {
		t.Errorf("the revoked token: %d", got.status)
	}
	third, thirdID := create()
	if r := g.as(john, "revoke", third); r.code != exitOK || strings.Contains(r.out, third) {
		t.Errorf("by value: exit %d\n%s%s", r.code, r.out, r.err)
	}
	if r := g.as(john, "show", thirdID).well(t); r.field(t, "state") != "revoked" || !strings.HasSuffix(r.field(t, "revoked"), " by "+john) {
		t.Errorf("%s", r.out)
	}
	if r := g.as(john, "revoke", thirdID); r.code != exitFailed || !strings.Contains(r.err, "404") {
		t.Errorf("a second time: exit %d\n%s", r.code, r.err)
	}
	t.Run("TokenInTheEnvironment", func(t *testing.T) {
		value, id := create()
		environ := []string{"TOLLGATE_TOKEN=" + value}
		if r := cli(t, environ, "", "token", "list", "--server", g.url).well(t); !strings.Contains(r.out, id) {
			t.Errorf("%s", r.out)
		}
		made := cli(t, environ, "", "token", "create", "--server", g.url).well(t).field(t, "id")
		cli(t, environ, "", "token", "revoke", "--server", g.url, made, id).well(t)
		if r := cli(t, environ, "", "token", "list", "--server", g.url); r.code != exitFailed {
			t.Errorf("after it was revoked: exit %d\n%s", r.code, r.out)
		}
	})
	t.Run("PasswordFromStandardInput", func(t *testing.T) {
		r := cli(t, nil, passwordOf(john)+"\n", "token", "list", "--server", g.url, "--user", john)
		if r.code != exitOK || !strings.HasPrefix(r.out, "ID") {
			t.Errorf("exit %d\n%s%s", r.code, r.out, r.err)
		}
	})
	t.Run("ServerAndUserInTheEnvironment", func(t *testing.T) {
		t.Setenv("TOLLGATE_SERVER", g.url)
		t.Setenv("TOLLGATE_USER", john)
		cli(t, []string{"TOLLGATE_PASSWORD=" + passwordOf(john)}, "", "token", "list").well(t)
	})
}

// TestCLITokenListHasAllPages lists more tokens than one page can hold.
func TestCLITokenListHasAllPages(t *testing.T) {
	const count = tokens.MaxLimit + 7
	s := setup{dir: t.TempDir()}
	fill(t, s.dir, count)
	g := startWith(t, local(s))
	for _, place := range []string{"--tenant=one", "--owner=john"} {
		table := g.as(john, "list", place).well(t)
		if n := strings.Count(table.out, "\n"); n != count+1 {
			t.Errorf("%s: %d lines, want %d", place, n, count+1)
		}
		var all []map[string]any
		if err := json.Unmarshal([]byte(g.as(john, "list", "-o", "json", place).well(t).out), &all); err != nil || len(all) != count {
			t.Errorf("%s: %d tokens, %v", place, len(all), err)
		}
	}
	if r := g.as(jane, "list", "-o", "json").well(t); r.out != "[]\n" {
		t.Errorf("no tokens are %q", r.out)
	}
	for _, limit := range []int{1, 5, tokens.MaxLimit, tokens.MaxLimit + 3, count + 1} {
		r := g.as(john, "list", "--limit", fmt.Sprint(limit), "-o", "json").well(t)
		if n := strings.Count(r.out, `"revision"`); n != min(limit, count) {
			t.Errorf("--limit %d: %d tokens", limit, n)
		}
	}
	if r := g.as(boss, "list", "--owner", john, "-o", "json").well(t); strings.Count(r.out, `"revision"`) != count {
		t.Errorf("of another owner: %d", strings.Count(r.out, `"revision"`))
	}
}

// fill puts tokens of john into the store of a stopped gateway.
func fill(t *testing.T, dir string, count int) {
	t.Helper()
	if _, err := keyring.Create(dir, rand.Reader); err != nil {
		t.Fatal(err)
	}
	store, err := badgerstore.Open(badgerstore.Config{Dir: filepath.Join(dir, "tokens"), MinFree: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now().UTC().Truncate(time.Millisecond)
	var putting sync.WaitGroup
	slots := make(chan struct{}, 128)
	for i := range count {
		slots <- struct{}{}
		putting.Go(func() {
			defer func() { <-slots }()
			_, err := store.Put(t.Context(), &tokens.Token{
				ID: tokens.ID(fmt.Sprintf("1%021d", i)), Hash: tokens.HashOf(fmt.Sprint(i)), API: tokens.ContentGateway,
				Owner: john, Creator: john, Scope: tokens.Scope{Tenant: "one", Domain: hostOne}, Created: now, Expires: now.Add(time.Hour),
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	putting.Wait()
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
}
