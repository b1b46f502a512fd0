package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const madeToken = `{"id":"1000000000000000000001","owner":"john","tenant":"one","state":"active","token":"0123456789abcdef0123456789abcdef"}`

// TestCLICreateSends is every flag of token create, and what becomes of it.
func TestCLICreateSends(t *testing.T) {
	f := startFake(t, 201, madeToken)
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte(" a secret key \r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name string
		args []string
		body string
	}{
		{"TheDomainOfTheServer", nil, `{"domain":"127.0.0.1"}`},
		{"ATenant", []string{"--tenant=one"}, `{"tenant":"one"}`},
		{"ADomain", []string{"--domain=a.test"}, `{"domain":"a.test"}`},
		{"ADomainOfATenant", []string{"--tenant=one", "--domain=a.test"}, `{"domain":"a.test","tenant":"one"}`},
		{"SeveralTenants", []string{"--tenant=one", "--tenant=two,three"}, `{"tenants":["one","two","three"]}`},
		{"AllTenants", []string{"--all-tenants"}, `{}`},
		{"Texts", []string{"--all-tenants", "--name=backup", "--description=a, b", "--owner=jane"}, `{"description":"a, b","name":"backup","owner":"jane"}`},
		{"Metadata", []string{"--all-tenants", "--metadata=ticket=A-1,2=3", "--metadata=note="}, `{"metadata":{"note":"","ticket":"A-1,2=3"}}`},
		{"Format", []string{"--all-tenants", "--format=prefixed"}, `{"format":"prefixed"}`},

		{"ExpiresInDays", []string{"--all-tenants", "--expires=+7"}, `{"lifetime":"168h0m0s"}`},
		{"ExpiresInDaysOfAnotherForm", []string{"--all-tenants", "--expires=7d"}, `{"lifetime":"168h0m0s"}`},
		{"ExpiresInWeeks", []string{"--all-tenants", "--expires=2w"}, `{"lifetime":"336h0m0s"}`},
		{"ExpiresInHours", []string{"--all-tenants", "--expires=1h30m"}, `{"lifetime":"1h30m0s"}`},
		{"ExpiresNever", []string{"--all-tenants", "--expires=never"}, `{"expires_at":null}`},
		{"ExpiresOnADay", []string{"--all-tenants", "--expires=2031-05-17"}, `{"expires_at":"2031-05-17T00:00:00Z"}`},
		{"ExpiresOnACompactDay", []string{"--all-tenants", "--expires=20310517"}, `{"expires_at":"2031-05-17T00:00:00Z"}`},
		{"ExpiresInAYear", []string{"--all-tenants", "--expires=2031"}, `{"expires_at":"2031-01-01T00:00:00Z"}`},
		{"ExpiresAtSeconds", []string{"--all-tenants", "--expires=1936773000"}, `{"expires_at":"2031-05-17T08:30:00Z"}`},
		{"ExpiresAtMilliseconds", []string{"--all-tenants", "--expires=2031-05-17T08:30:00.250Z"}, `{"expires_at":"2031-05-17T08:30:00.25Z"}`},
		{"ExpiresWithAZone", []string{"--all-tenants", "--expires=2031-05-17T08:30:00+02:00"}, `{"expires_at":"2031-05-17T06:30:00Z"}`},
		{"NotBefore", []string{"--all-tenants", "--not-before=2030-01-02"}, `{"not_before":"2030-01-02T00:00:00Z"}`},

		{"Role", []string{"--all-tenants", "--role=read-only", "--role=append"}, `{"roles":["read-only","append"]}`},
		{"OneGrant", []string{"--all-tenants", "--permission=storage.read,storage.list", "--resource=a/", "--resource=b"}, `{"permissions":["storage.read","storage.list"],"resources":["a/","b"]}`},
		{"SeveralGrants", []string{"--all-tenants", `--grant=storage.read,storage.list@bucket/a/,bucket/b\,c`, "--grant=storage.write"}, `{"grants":[{"permissions":["storage.read","storage.list"],"resources":["bucket/a/","bucket/b,c"]},{"permissions":["storage.write"]}]}`},
		{"AnAtInAPlace", []string{"--all-tenants", "--grant=storage.read@a@b"}, `{"grants":[{"permissions":["storage.read"],"resources":["a@b"]}]}`},

		{"Addresses", []string{"--all-tenants", "--address=10.0.0.0/8,::1", "--address=192.0.2.1"}, `{"restrictions":{"addresses":["10.0.0.0/8","::1","192.0.2.1"]}}`},
		{"UserAgents", []string{"--all-tenants", "--user-agent=A (x, y)", "--user-agent-pattern=curl/*,*"}, `{"restrictions":{"user_agent_patterns":["curl/*,*"],"user_agents":["A (x, y)"]}}`},
		{"Types", []string{"--all-tenants", "--mime-type=image/*,text/plain"}, `{"restrictions":{"mime_types":["image/*","text/plain"]}}`},
		{"Tags", []string{"--all-tenants", "--tag=k=a,b", "--tag=l"}, `{"restrictions":{"tags":["k=a,b","l"]}}`},
		{"MaxSize", []string{"--all-tenants", "--max-size=10MiB"}, `{"restrictions":{"max_size":10485760}}`},
		{"MaxSizeOfNothing", []string{"--all-tenants", "--max-size=0"}, `{"restrictions":{"max_size":0}}`},
		{"MaxUses", []string{"--all-tenants", "--max-uses=1"}, `{"restrictions":{"max_uses":1}}`},

		{"S3", []string{"--all-tenants", "--s3"}, `{"s3":true}`},
		{"S3WithASecretKey", []string{"--all-tenants", "--secret-key-file=" + secret}, `{"secret_key":" a secret key "}`},
	} {
		t.Run(row.name, func(t *testing.T) {
			f.run(append([]string{"token", "create"}, row.args...)...).well(t)
			a := f.one()
			if a.method != "POST" || a.target != "/_admin/api/v1/tokens" || a.body != row.body || a.header.Get("Content-Type") != "application/json" || len(a.header.Values("Idempotency-Key")) != 0 {
				t.Errorf("%s %s\n%s\nwant\n%s", a.method, a.target, a.body, row.body)
			}
		})
	}
	t.Run("IdempotencyKey", func(t *testing.T) {
		f.run("token", "create", "--idempotency-key", "once").well(t)
		if a := f.one(); a.header.Get("Idempotency-Key") != "once" {
			t.Errorf("%v", a.header)
		}
	})
}

// TestCLICreateRefuses is what is not sent at all.
func TestCLICreateRefuses(t *testing.T) {
	f := startFake(t, 201, madeToken)
	several := filepath.Join(t.TempDir(), "several")
	if err := os.WriteFile(several, []byte("one\ntwo\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name, args string
		code       int
		says       string
	}{
		{"ExpirySoon", "--expires=soon", 2, `--expires was read as "soon", accepted are +N days, a length of time`},
		{"ExpiryEmpty", "--expires=", 2, "--expires is empty"},
		{"ExpiryOfNothing", "--expires=+0", 2, `--expires was read as "+0"`},
		{"ExpiryTooFar", "--expires=+106752", 2, `--expires was read as "+106752"`},
		{"ExpiryBack", "--expires=-1h", 2, "--expires"},
		{"ExpiryNoSuchDay", "--expires=2031-02-30", 2, `--expires was read as "2031-02-30"`},
		{"NotBeforeDays", "--not-before=+1", 2, `--not-before was read as "+1", accepted are YYYY-MM-DD`},
		{"PlaceTwice", "--all-tenants --tenant=one", 2, "--all-tenants was given beside"},
		{"PlaceTwiceByDomain", "--all-tenants --domain=a.test", 2, "--all-tenants was given beside"},
		{"DomainOfTwo", "--tenant=one,two --domain=a.test", 2, "--domain was given with several tenants"},
		{"TenantEmpty", "--tenant=", 2, "--tenant is empty"},
		{"RightEmpty", "--permission=", 2, "--permission is empty"},
		{"TagEmpty", "--tag=x --tag=", 2, "--tag is empty"},
		{"OwnerEmpty", "--owner=", 2, "--owner is empty"},
		{"ResourceAlone", "--resource=bucket", 2, "--resource needs a --permission"},
		{"GrantBesides", "--grant=storage.read --permission=storage.read", 2, "--grant was given beside"},
		{"GrantNowhere", "--grant=storage.read@", 2, `--grant was read as "storage.read@"`},
		{"GrantOfNothing", "--grant=@bucket", 2, `--grant was read as "@bucket"`},
		{"GrantWithAHole", "--grant=storage.read,,storage.list", 2, "--grant was read as"},
		{"SizeOfNoUnit", "--max-size=10X", 2, `--max-size was read as "10X", accepted is a number of bytes`},
		{"SizeNegative", "--max-size=-1", 2, "--max-size was read as"},
		{"UsesNone", "--max-uses=0", 2, "--max-uses was read as 0, accepted is a number from 1 on"},
		{"UsesNegative", "--max-uses=-1", 2, "--max-uses was read as -1"},
		{"UsesWords", "--max-uses=once", 2, "--max-uses"},
		{"Format", "--format=base64", 2, "--format"},
		{"MetadataOfNoForm", "--metadata=x", 2, `--metadata was read as "x", accepted is NAME=VALUE`},
		{"MetadataTwice", "--metadata=x=1 --metadata=x=2", 2, `--metadata has "x" twice`},
		{"SecretKeyOfSeveralLines", "--secret-key-file=" + several, 1, "has several lines"},
		{"SecretKeyNowhere", "--secret-key-file=/nonexistent", 1, "/nonexistent"},
		{"AnArgument", "more", 2, "more"},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := f.run(append([]string{"token", "create"}, strings.Fields(row.args)...)...)
			if r.code != row.code || r.out != "" || !strings.Contains(r.err, row.says) {
				t.Errorf("exit %d, want %d\n%s%s", r.code, row.code, r.out, r.err)
			}
			if sent := f.take(); len(sent) != 0 {
				t.Errorf("sent %v", sent)
			}
		})
	}
}

// TestCLICreateNarrow makes a token with every restriction by a real gateway,
// and shows it.
func TestCLICreateNarrow(t *testing.T) {
	g := startWith(t, local(setup{dir: "DIR"}))
	made := g.as(john, "create", "--name", "narrow", "--description", "nightly", "--metadata", "ticket=A-1", "--tenant", "one", "--expires", "90d",
		"--grant", "storage.read,storage.list@bucket/a/,bucket/b", "--grant", "storage.write@drop", "--address", "10.0.0.0/8", "--address", "::1",
		"--user-agent", "backup, 1.0", "--user-agent-pattern", "curl/*", "--mime-type", "image/*", "--tag", "team=red", "--max-size", "10MiB", "--max-uses", "5").well(t)
	const narrowed = "storage.read,storage.list@bucket/a/,bucket/b; storage.write@drop; addresses 10.0.0.0/8 ::1; user agents backup, 1.0 | curl/*; types image/*; tags team=red; max size 10485760 bytes; uses 5 of 5 left"
	if got := made.field(t, "narrowed"); got != narrowed {
		t.Errorf("%s\nwant\n%s", got, narrowed)
	}
	shown := g.as(john, "show", made.field(t, "id")).well(t)
	for _, line := range []string{
		"name        narrow", "description nightly", "scope       +one", "state       active", "grant       storage.read,storage.list@bucket/a/,bucket/b", "grant       storage.write@drop",
		"addresses   10.0.0.0/8 ::1", "user agents backup, 1.0 | curl/*", "types       image/*", "tags        team=red", "max size    10485760 bytes", "uses        5 of 5 left", "metadata    ticket=A-1",
	} {
		if !strings.Contains(shown.out, line+"\n") {
			t.Errorf("no line %q in\n%s", line, shown.out)
		}
	}
	if r := g.as(john, "create", "--name", "narrow"); r.code != exitFailed || !strings.Contains(r.err, "409 Conflict") {
		t.Errorf("the name again: exit %d %s", r.code, r.err)
	}
	t.Run("Format", func(t *testing.T) {
		if value := g.as(john, "create", "--format", "prefixed").well(t).field(t, "token"); !strings.HasPrefix(value, "tgt_") {
			t.Errorf("%q", value)
		}
	})
	t.Run("AllTenants", func(t *testing.T) {
		if r := g.as(john, "create", "--all-tenants").well(t); r.field(t, "scope") != "any" || strings.Contains(r.out, "narrowed") {
			t.Errorf("%s", r.out)
		}
	})
	t.Run("Never", func(t *testing.T) {
		if r := g.as(john, "create", "--expires", "never").well(t); r.field(t, "expiration") != "never" {
			t.Errorf("%s", r.out)
		}
	})
	t.Run("TheSameKeyMakesTheSame", func(t *testing.T) {
		first := g.as(john, "create", "--s3", "--expires=2099-01-01", "--idempotency-key", "k").well(t)
		if again := g.as(john, "create", "--s3", "--expires=2099-01-01", "--idempotency-key", "k").well(t); again.out != first.out {
			t.Errorf("%s\n%s", first.out, again.out)
		}
		if other := g.as(john, "create", "--s3", "--expires=2098-01-01", "--idempotency-key", "k"); other.code != exitFailed || !strings.Contains(other.err, "422") {
			t.Errorf("exit %d %s", other.code, other.err)
		}
	})
	t.Run("NotMoreThanOneHas", func(t *testing.T) {
		for _, args := range [][]string{{"--permission=tokens.read"}, {"--role=admin"}, {"--tenant=two"}} {
			if r := g.as(john, append([]string{"create"}, args...)...); r.code != exitFailed || !strings.Contains(r.err, "403") {
				t.Errorf("%v: exit %d %s%s", args, r.code, r.out, r.err)
			}
		}
	})
	t.Run("JSONIsTheWholeObject", func(t *testing.T) {
		var m map[string]any
		r := g.as(john, "create", "-o", "json", "--description", "a <b> & c").well(t)
		if err := json.Unmarshal([]byte(r.out), &m); err != nil || m["token"] == nil || m["restrictions"] == nil || m["revision"] == nil || m["description"] != "a <b> & c" {
			t.Errorf("%v\n%s", err, r.out)
		}
		if !regexp.MustCompile(`(?m)^  "id": "\d+",$`).MatchString(r.out) {
			t.Errorf("%s", r.out)
		}
	})
}
