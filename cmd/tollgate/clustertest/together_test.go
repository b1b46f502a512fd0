package clustertest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tollgate/cmd/tollgate/clustertest/model"
)

// TestGatewaysAreOne is about what several gateways promise beyond that they
// agree before long.
func TestGatewaysAreOne(t *testing.T) {
	t.Parallel()
	s := newScene(t, 3)
	t.Run("a revoke that waits holds everywhere at once", func(t *testing.T) { revokeEverywhere(t, s) })
	t.Run("a token that revokes itself waits", func(t *testing.T) { revokeItself(t, s) })
	t.Run("a revocation is not outrun", func(t *testing.T) { notOutrun(t, s) })
	t.Run("a revision that a client knows is waited for", func(t *testing.T) { knownRevision(t, s) })
	t.Run("uses are counted together", func(t *testing.T) { countedTogether(t, s) })
	t.Run("a user's tokens are counted together", func(t *testing.T) { limitedTogether(t, s) })
	t.Run("a revoke gets everywhere", func(t *testing.T) { revokeGetsEverywhere(t, s) })
	s.finish()
}

func revokeEverywhere(t *testing.T, s *scene) {
	for i := range 10 * given.rounds {
		first := s.gateways[i%len(s.gateways)]
		k := first.mustCreate()
		for _, g := range s.gateways {
			until(t, "the token is known", func() bool { return g.use(t.Context(), k) == model.Accepted })
		}
		o := s.history.Begin(model.Revoke, k.id, first.name)
		status, header, body, err := first.ask(t.Context(), http.MethodDelete, tokensPath+"/"+k.id+"?wait=true", "", asUser)
		outcome, detail := first.outcome(status, err)
		o.End(outcome, detail+" "+body)
		if outcome != model.Accepted {
			continue // the history says whether there was a reason
		}
		if n := header.Get("Gateway-Applied-By"); n != "3" {
			t.Errorf("it holds on %q gateways, want 3", n)
		}
		for _, g := range s.gateways {
			if g.use(t.Context(), k) == model.Accepted {
				t.Errorf("after a revoke that waited a use on %s is accepted", g.name)
			}
		}
	}
}

// revokeItself has a token revoke itself everywhere: who asks is no more when the
// others are asked.
func revokeItself(t *testing.T, s *scene) {
	for i := range 3 * given.rounds {
		g := s.gateways[i%len(s.gateways)]
		k := g.mustCreate()
		o := s.history.Begin(model.Revoke, k.id, g.name)
		status, header, body, err := g.ask(t.Context(), http.MethodDelete, tokensPath+"/"+k.id+"?wait=true", "", with(k.value))
		outcome, detail := g.outcome(status, err)
		o.End(outcome, detail+" "+body)
		if n := header.Get("Gateway-Applied-By"); outcome != model.Accepted || n != "3" {
			t.Errorf("status %d %s: it holds on %q gateways, want 3", status, body, n)
		}
	}
}

// notOutrun has somebody make one token with the other at one gateway while all
// of his are revoked at another.
func notOutrun(t *testing.T, s *scene) {
	revoker, used := s.gateways[0], s.gateways[1]
	ask := func(g *gateway, method, path, body string, who func(*http.Request)) (status int, answer string) {
		status, _, answer, err := g.ask(t.Context(), method, path, body, func(r *http.Request) {
			who(r)
			r.Header.Set("Content-Type", "application/json")
		})
		if err != nil {
			t.Error(err)
		}
		return status, answer
	}
	thief := fmt.Sprintf(`{"name":"thief","password":%q,"roles":["admin"]}`, password)
	if status, answer := ask(revoker, http.MethodPost, "/_admin/api/v1/users?wait=true", thief, asRoot); status != http.StatusCreated {
		t.Fatalf("%d %s", status, answer)
	}
	made := func(who func(*http.Request)) string {
		var got struct{ Token string }
		status, answer := ask(used, http.MethodPost, tokensPath, `{"expires_at":null}`, who)
		if status != http.StatusCreated || json.Unmarshal([]byte(answer), &got) != nil {
			return ""
		}
		return got.Token
	}
	value := made(func(r *http.Request) { r.SetBasicAuth("thief", password) })
	var n atomic.Int64
	var over atomic.Bool
	var thieves sync.WaitGroup
	thieves.Go(func() {
		for value != "" && !over.Load() {
			value = made(with(value))
			n.Add(1)
		}
	})
	until(t, "some are made", func() bool { return n.Load() > 4 })
	if status, answer := ask(revoker, http.MethodPost, tokensPath+"/revoke", `{"owner":"thief"}`, asRoot); status != http.StatusOK {
		t.Errorf("%d %s", status, answer)
	}
	over.Store(true)
	thieves.Wait()
	status, answer := ask(used, http.MethodGet, tokensPath+"?owner=thief&limit=1000", "", asRoot)
	if live := strings.Count(answer, `"id":`); status != http.StatusOK || live > 0 {
		t.Errorf("%d: %d of %d are live after all were revoked", status, live, n.Load())
	}
}

// knownRevision uses a token at once on another gateway than the one that made
// it.
func knownRevision(t *testing.T, s *scene) {
	for i := range 20 * given.rounds {
		first, second := s.gateways[i%3], s.gateways[(i+1)%3]
		o := s.history.Begin(model.Create, "", first.name)
		status, header, body, err := first.ask(t.Context(), http.MethodPost, tokensPath, "{}", asUser)
		outcome, detail := first.outcome(status, err)
		var made struct{ ID, Token string }
		if outcome != model.Accepted || json.Unmarshal([]byte(body), &made) != nil {
			o.End(outcome, detail+" "+body)
			continue
		}
		o.Created(made.ID)
		revision := header.Get("Gateway-Store-Revision")
		if revision == "" {
			t.Fatal("the answer has no revision")
		}
		use := s.history.Begin(model.Use, made.ID, second.name)
		status, _, body, err = second.ask(t.Context(), http.MethodGet, s.upstream.expect(use), "", func(r *http.Request) {
			with(made.Token)(r)
			r.Header.Set("Gateway-Min-Revision", revision)
		})
		outcome, detail = second.outcome(status, err)
		use.End(outcome, detail)
		if outcome == model.Refused {
			t.Errorf("a use that asks for revision %s is refused: %s", revision, body)
		}
	}
}

// together asks the gateways in turn, n times at once, and returns how often
// there was which status.
func together(s *scene, n int, ask func(g *gateway, i int) (status int)) map[int]int {
	var mu sync.Mutex
	statuses := map[int]int{}
	var clients sync.WaitGroup
	for i := range n {
		clients.Go(func() {
			status := ask(s.gateways[i%len(s.gateways)], i)
			mu.Lock()
			defer mu.Unlock()
			statuses[status]++
		})
	}
	clients.Wait()
	return statuses
}

// atMost wants that n of those that asked together got something, and the
// others another answer. What a gateway does not decide may count or not.
func atMost(t *testing.T, statuses map[int]int, n, others int) {
	t.Helper()
	undecided := 0
	for status, times := range statuses {
		if status == 0 || isClosed(status) {
			undecided += times
		} else if status != http.StatusOK && status != others {
			t.Errorf("status %d", status)
		}
	}
	if got := statuses[http.StatusOK]; got > n || got < n-undecided {
		t.Errorf("got %v, want %d of 200", statuses, n)
	}
}

// countedTogether uses a token for so many uses on all gateways at once.
func countedTogether(t *testing.T, s *scene) {
	const uses = 10
	var made struct{ ID, Token string }
	until(t, "a token for some uses", func() bool {
		status, _, body, err := s.gateways[0].ask(t.Context(), http.MethodPost, tokensPath, fmt.Sprintf(`{"restrictions":{"max_uses":%d}}`, uses), asUser)
		return err == nil && status == http.StatusCreated && json.Unmarshal([]byte(body), &made) == nil
	})
	s.pass(bounds.Healthy) // until all know it
	atMost(t, together(s, 3*uses, func(g *gateway, _ int) int {
		status, _, _, _ := g.ask(t.Context(), http.MethodGet, "/", "", with(made.Token))
		return status
	}), uses, http.StatusUnauthorized)
}

// limitedTogether makes tokens that a user may have three of.
func limitedTogether(t *testing.T, s *scene) {
	atMost(t, together(s, 9, func(g *gateway, i int) int {
		body := fmt.Sprintf(`{"name":"n%d","permissions":["storage.read"],"tenants":["default"],"expiresAt":null}`, i)
		status, _, _, _ := g.ask(t.Context(), http.MethodPost, "/auth/users/tokens", body, func(r *http.Request) {
			asUser(r)
			r.Header.Set("Content-Type", "application/json")
		})
		return status
	}), 3, http.StatusConflict)
}

// revokeGetsEverywhere measures how long after its acknowledgement a revoke is
// refused on the other gateways: until the begin of the first use that is.
func revokeGetsEverywhere(t *testing.T, s *scene) {
	var mu sync.Mutex
	var took []time.Duration
	for i := range 20 * given.rounds {
		first := s.gateways[i%3]
		k := first.mustCreate()
		for _, g := range s.gateways {
			until(t, "the token is known", func() bool { return g.use(t.Context(), k) == model.Accepted })
		}
		until(t, "a revoke", func() bool { return first.revoke(t.Context(), k) })
		at := s.history.Now()
		var clients sync.WaitGroup
		for _, g := range s.others(first) {
			clients.Go(func() {
				begin := s.history.Now()
				for g.use(t.Context(), k) == model.Accepted {
					begin = s.history.Now()
				}
				mu.Lock()
				defer mu.Unlock()
				took = append(took, begin-at)
			})
		}
		clients.Wait()
	}
	slices.Sort(took)
	t.Logf("from the answer to a revoke to the first use that is refused on another gateway, of %d: p50 %v, p99 %v, max %v",
		len(took), took[len(took)/2], took[len(took)*99/100], took[len(took)-1])
}
