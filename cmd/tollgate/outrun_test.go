package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// TestARevocationIsNotOutrun: whoever has a token, or a password, makes others by
// it as fast as he can, one by the other and many at once, while all of them are
// ended. When that was answered he has none, and makes none any more.
func TestARevocationIsNotOutrun(t *testing.T) {
	g := startGateway(t, setup{})
	const users = "/_admin/api/v1/users"
	call := func(method, target, body string) {
		t.Helper()
		a := g.do(ask{method: method, target: target, user: root, body: body, header: headers("Content-Type", "application/json")})
		if a.status/100 != 2 {
			t.Fatalf("%s %s: %d %s", method, target, a.status, a.body)
		}
	}
	thieve := func(a ask) (value string) { // "" = none was made
		a.method, a.target, a.body = http.MethodPost, ownAPI, `{"expires_at":null}`
		a.header.Set("Content-Type", "application/json")
		answer := g.do(a)
		var made struct{ Token string }
		if answer.status != http.StatusCreated || json.Unmarshal([]byte(answer.body), &made) != nil {
			return ""
		}
		return made.Token
	}
	byPassword := func() string { return thieve(ask{header: headers(), user: "thief"}) }
	byToken := func(value string, more ...string) string {
		return thieve(ask{header: headers(append(more, "Authorization", "Bearer "+value)...)})
	}
	many := func(n int, do func(i int)) {
		var all sync.WaitGroup
		for i := range n {
			all.Go(func() { do(i) })
		}
		all.Wait()
	}
	// Each gets a token, and goes on until went says that one try was in vain or
	// that all is over.
	chain := func(value string, went func(value string) bool) {
		for value = byToken(value); went(value); value = byToken(value) {
		}
	}
	inTurn := func(value string, went func(value string) bool) {
		many(32, func(i int) {
			for n := 0; went(byToken(value, "Idempotency-Key", fmt.Sprint(i, "/", n))); n++ {
			}
		})
	}
	password := func(_ string, went func(value string) bool) {
		many(4, func(int) {
			for went(byPassword()) {
			}
		})
	}
	all := [3]string{"POST", ownAPI + "/revoke", `{"owner":"thief"}`}
	credentials := [3]string{"DELETE", users + "/thief/credentials"}
	for name, row := range map[string]struct {
		end   [3]string
		thief func(value string, went func(value string) bool)
	}{
		"one by the other":                      {all, chain},
		"one by the other, credentials removed": {credentials, chain},
		"many at once, in the owner's turn":     {all, inTurn},
		"many at once, by password":             {credentials, password},
	} {
		t.Run(name, func(t *testing.T) {
			call("POST", users, `{"name":"thief","password":"`+passwordOf("thief")+`","roles":["admin"]}`)
			defer call("DELETE", users+"/thief", "")
			first := byPassword()
			if first == "" {
				t.Fatal("no first token")
			}
			var made atomic.Int64
			var over atomic.Bool
			var thief sync.WaitGroup
			thief.Go(func() {
				row.thief(first, func(value string) bool {
					if value != "" {
						made.Add(1)
					}
					return value != "" && !over.Load()
				})
			})
			waitFor(t, func() bool { return made.Load() >= 8 })
			call(row.end[0], row.end[1], row.end[2])
			over.Store(true)
			thief.Wait()
			a := g.do(ask{target: ownAPI + "?owner=thief&limit=1000", user: root})
			if n := strings.Count(a.body, `"id":`); a.status != http.StatusOK || n > 0 {
				t.Errorf("status %d: of %d tokens %d live after all were ended", a.status, made.Load(), n)
			}
		})
	}
}
