package management

import (
	"context"
	"errors"
	"net/netip"
	"testing"

	"tollgate/tokens"
)

// addressOf is one of a few client addresses.
func addressOf(i int) netip.Addr {
	return []netip.Addr{netip.MustParseAddr("10.1.2.3"), netip.MustParseAddr("10.2.3.4"), netip.MustParseAddr("192.0.2.1"), {}}[i/4%4]
}

var errBroken = errors.New("disk on fire")

// brokenUsage cannot say when a token was used.
type brokenUsage struct{ tokens.UsageStore }

func (brokenUsage) Usages(context.Context, []tokens.ID) ([]tokens.Usage, error) {
	return nil, errBroken
}

// brokenRandom has no randomness.
type brokenRandom struct{}

func (brokenRandom) Read([]byte) (int, error) { return 0, errBroken }

// TestFailuresAreNoVerdicts: what does not work is 503, and nothing that went
// wrong is told as a refusal or a success.
func TestFailuresAreNoVerdicts(t *testing.T) {
	for _, c := range []struct {
		name               string
		method, path, body string // ID stands for a token's
		broken             func(*world)
	}{
		{"no randomness for a secret key", "POST", "tokens", `{"s3":true}`, func(w *world) { w.api.Random = brokenRandom{} }},
		{"no uses for a list", "GET", "tokens", "", breakUsage},
		{"no uses for a token", "GET", "tokens/ID", "", breakUsage},
		{"no hash for a password", "POST", "users", `{"name":"new","password":"long enough"}`, breakHash},
		{"no hash for another password", "PATCH", "users/ann", `{"password":"long enough"}`, breakHash},
		{"no store for users", "POST", "users", `{"name":"new"}`, breakRecords},
		{"no store for a change of a user", "PATCH", "users/ann", `{"enabled":false}`, breakRecords},
		{"no store for a change of a user of the file", "PATCH", "users/bob", `{"enabled":false}`, breakRecords},
		{"no store for the end of a user", "DELETE", "users/ann", "", breakRecords},
		{"no store for the end of a password", "DELETE", "users/ann/credentials", "", breakRecords},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			m := w.make("root", `{}`)
			c.broken(w)
			path := c.path
			if path == "tokens/ID" {
				path = "tokens/" + m.id
			}
			w.call("root", c.method, path, c.body).is(t, 503, "store_unavailable")
			if u, ok := w.users.User("ann"); !ok || u.Name != "ann" {
				t.Error("the user was changed nevertheless")
			}
			if _, ok := w.users.User("new"); ok {
				t.Error("the user was made nevertheless")
			}
		})
	}
}

// breakUsage puts a service that cannot read uses in place of the world's.
func breakUsage(w *world) {
	w.api.Tokens = tokens.NewService(tokens.Deps{
		Store: w.store, Usage: brokenUsage{w.store}, Sealer: vault{}, Users: w.users.User, Now: w.now, Random: brokenRandom{},
	}, tokens.Default())
}

func breakHash(w *world) {
	w.api.HashPassword = func(tokens.Secret) (tokens.Secret, error) { return "", errBroken }
}

func breakRecords(w *world) { w.records.fail(errBroken) }
