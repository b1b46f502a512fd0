package management

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"tollgate/tokens"
)

// TestNobodyWidensAtRandom lets random tokens make random tokens and users:
// nothing that comes of it may do what its maker could not, whatever was asked
// for.
func TestNobodyWidensAtRandom(t *testing.T) {
	const seed, rounds = 7, 600
	w, r := newWorld(t), rand.New(rand.NewPCG(seed, seed))
	makers := []made{}
	for _, name := range []string{"ann", "bob", "minter", "redadmin", "helpdesk", "root"} {
		makers = append(makers, w.make(name, `{"lifetime":"100h"}`))
	}
	widths := 0
	for round := range rounds {
		m := makers[r.IntN(len(makers))]
		maker, err := w.svc.Verify(t.Context(), tokens.Secret(m.value))
		if err != nil {
			continue // its uses went to tokens that it made
		}
		if r.IntN(4) == 0 {
			widensNoUser(t, w, m, maker, randomUser(r, round), round)
			continue
		}
		body := randomToken(r)
		a := w.call("token "+m.value, "POST", "tokens", body)
		if a.status != http.StatusCreated {
			if a.status >= 500 {
				t.Fatalf("seed %d, round %d: %s: %d %s", seed, round, body, a.status, a.body)
			}
			continue
		}
		o := a.object(t)
		child := made{o["id"].(string), o["token"].(string), ""}
		if widensNoToken(t, w, maker, child, body, round); !o["s3"].(bool) && o["state"] == "active" {
			makers = append(makers, child)
			widths++
		}
	}
	if widths < rounds/10 {
		t.Errorf("only %d tokens were made, which proves little", widths)
	}
}

// some returns a few of all, at least one.
func some(r *rand.Rand, all ...string) []string {
	n := 1 + r.IntN(len(all))
	picked := make([]string, 0, n)
	for _, i := range r.Perm(len(all))[:n] {
		picked = append(picked, all[i])
	}
	return picked
}

// randomToken is a body that asks for a token, a sensible one more often than
// not.
func randomToken(r *rand.Rand) string {
	b := map[string]any{}
	may := func(one int, name string, value func() any) {
		if r.IntN(one) == 0 {
			b[name] = value()
		}
	}
	rights := func() any {
		return some(r, "storage.read", "storage.write", "storage.*", "tokens.create", "tokens.*", "users.write", "*.*")
	}
	may(2, "permissions", rights)
	if b["permissions"] != nil {
		may(3, "resources", func() any { return some(r, "a", "a/b", "a/b/", "c") })
	}
	may(8, "roles", func() any { return some(r, "read-only", "append", "upload.images", "lister") })
	may(6, "tenant", func() any { return some(r, "red", "blue", "any")[0] })
	may(8, "tenants", func() any { return some(r, "red", "blue") })
	may(8, "owner", func() any { return some(r, "ann", "bob", "reader", "redadmin")[0] })
	may(3, "lifetime", func() any { return fmt.Sprintf("%dh", 1+r.IntN(200)) })
	may(9, "expires_at", func() any { return nil })
	may(9, "s3", func() any { return true })
	may(3, "restrictions", func() any {
		only := map[string]any{}
		if r.IntN(2) == 0 {
			only["addresses"] = some(r, "10.0.0.0/8", "10.1.0.0/16", "0.0.0.0/0")
		}
		if r.IntN(3) == 0 {
			only["max_size"] = r.IntN(20)
		}
		if r.IntN(4) == 0 {
			only["max_uses"] = 1 + r.IntN(9)
		}
		if r.IntN(3) == 0 {
			only["mime_types"] = some(r, "image/*", "image/png", "text/plain")
		}
		return only
	})
	text, _ := json.Marshal(b)
	return string(text)
}

func randomUser(r *rand.Rand, round int) string {
	text, _ := json.Marshal(map[string]any{
		"name": fmt.Sprintf("user%d", round), "tenants": some(r, "red", "blue"),
		"permissions": some(r, "storage.read", "storage.*", "users.write", "tokens.create", "*.*"),
	})
	return string(text)
}

// widensNoToken fails the test if the child may do anything that its maker may
// not.
func widensNoToken(t *testing.T, w *world, maker tokens.Subject, child made, body string, round int) {
	t.Helper()
	record := mustFind(t, w, child.id)
	made, err := w.svc.SubjectOf(record)
	if err != nil {
		t.Fatal(err)
	}
	fail := func(what string) {
		t.Errorf("round %d: %s of %s made by %s (%+v) is wider: %s", round, body, record.Owner, maker.User.Name, maker.Token, what)
	}
	mine, its := maker.Powers(), made.Powers()
	if !mine.Tenants.Covers(its.Tenants) {
		fail("tenants")
	}
	if !mine.Rights.Covers(its.Rights) {
		fail("rights")
	}
	if maker.Token.Narrowed() && !maker.Token.Expires.IsZero() && (record.Expires.IsZero() || record.Expires.After(maker.Token.Expires)) {
		fail("life")
	}
	if uses := maker.Token.Only.Uses; uses > 0 && (record.Only.Uses == 0 || record.Only.Uses > uses) {
		fail("uses")
	}
	for _, a := range everyAction() {
		_, here := tokens.Authorise(made, a)
		_, before := tokens.Authorise(maker, a)
		if here == nil && before != nil {
			fail(fmt.Sprintf("%+v was %v", a, before))
		}
	}
}

// everyAction is a sample of what can be asked of the storage.
func everyAction() []tokens.Action {
	var all []tokens.Action
	for _, tenant := range []string{"red", "blue"} {
		for _, name := range []string{"a", "ab", "a/b", "a/b/c", "c/d", "x"} {
			for _, needs := range []tokens.Permissions{tokens.StorageRead, tokens.StorageList, tokens.StorageWrite, tokens.StorageDelete} {
				a := tokens.Action{Place: tokens.Scope{Tenant: tenant, Domain: tenant + ".example.com"}, Needs: needs, Resource: name}
				a.From = tokens.Circumstances{Client: addressOf(len(all))}
				if needs == tokens.StorageWrite {
					a.Stores = &tokens.Upload{Type: []string{"image/png", "image/gif", "text/plain"}[len(all)%3], Size: int64(len(all) % 25)}
				}
				all = append(all, a)
			}
		}
	}
	return all
}

// widensNoUser fails the test if somebody made a user who has more than he.
func widensNoUser(t *testing.T, w *world, m made, maker tokens.Subject, body string, round int) {
	t.Helper()
	if a := w.call("token "+m.value, "POST", "users", body); a.status != http.StatusCreated {
		return
	}
	u, ok := w.users.User(fmt.Sprintf("user%d", round))
	if me := maker.Powers(); !ok || !me.Rights.Covers(u.Rights) || !me.Tenants.Covers(u.Tenants) || !maker.Token.Only.IsZero() || maker.Token.Allowed.Placed() {
		t.Errorf("round %d: %s by %s (%+v) is wider", round, body, maker.User.Name, maker.Token)
	}
}

// TestSameKeyInParallelMakesOneToken: who is asked by several at once makes one
// token, and whoever is answered well gets the same.
func TestSameKeyInParallelMakesOneToken(t *testing.T) {
	w := newWorld(t)
	var wait sync.WaitGroup
	answers := make([]answer, 32)
	for i := range answers {
		wait.Go(func() { answers[i] = w.createWith("ann", `{"s3":true}`, "key") })
	}
	wait.Wait()
	first, created := "", 0
	for _, a := range answers {
		switch a.status {
		case http.StatusCreated:
			created++
		case http.StatusOK:
		default:
			t.Fatalf("%d %s", a.status, a.body)
		}
		o := a.object(t)
		if value := fmt.Sprint(o["id"], o["token"], o["secret_key"]); first == "" {
			first = value
		} else if value != first {
			t.Errorf("got %s and %s", first, value)
		}
	}
	if created != 1 || w.counts() != [3]int{1, 0, 0} {
		t.Errorf("made %d, told of %v", created, w.counts())
	}
}

// TestIfMatchInParallelLetsOneThrough: of changes that hold to the same
// revision, one is done.
func TestIfMatchInParallelLetsOneThrough(t *testing.T) {
	w := newWorld(t)
	m := w.make("ann", `{}`)
	var wait sync.WaitGroup
	statuses := make([]int, 16)
	for i := range statuses {
		wait.Go(func() {
			statuses[i] = w.send(request{
				caller: "ann", method: "PATCH", path: "tokens/" + m.id, body: fmt.Sprintf(`{"lifetime":"%dh"}`, i+1), header: http.Header{"If-Match": {m.etag}},
			}).status
		})
	}
	wait.Wait()
	slices.Sort(statuses)
	if statuses[0] != 200 || statuses[1] != 412 || statuses[15] != 412 {
		t.Errorf("got %v", statuses)
	}
}

// TestPagesHoldWhileOthersWrite: a token that is there all the time is listed
// once, whatever is made and ended meanwhile.
func TestPagesHoldWhileOthersWrite(t *testing.T) {
	w := newWorld(t)
	for i := range 20 {
		w.make("ann", fmt.Sprintf(`{"name":"stays%02d","lifetime":"%dh"}`, i, 10+i))
	}
	seen, path := map[string]int{}, tokensPath+"?limit=3"
	for n := 0; path != ""; n++ {
		a := w.call("ann", "GET", path, "").is(t, 200)
		for _, item := range a.object(t)["tokens"].([]any) {
			seen[item.(map[string]any)["name"].(string)]++
		}
		passing := w.make("ann", fmt.Sprintf(`{"name":"passes%d","lifetime":"%dh"}`, n, 5+n*3))
		if n%2 == 0 {
			w.call("ann", "DELETE", "tokens/"+passing.id, "").is(t, 204)
		}
		w.later(time.Second)
		path = ""
		if next, more := a.object(t)["next"].(string); more {
			path = tokensPath + "?limit=3&after=" + next
		}
	}
	for i := range 20 {
		if name := fmt.Sprintf("stays%02d", i); seen[name] != 1 {
			t.Errorf("%s was listed %d times", name, seen[name])
		}
	}
}
