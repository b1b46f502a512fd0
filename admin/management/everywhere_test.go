package management

import (
	"context"
	"errors"
	"strings"
	"testing"
)

// gateways is how many there are besides, and whether they answer.
type gateways struct {
	asked int
	err   error
}

func (g *gateways) everywhere(context.Context) (int, error) {
	g.asked++
	return 3, g.err
}

// TestWaitForAllGateways: it is done in any case, and the answer says whether
// all have it.
func TestWaitForAllGateways(t *testing.T) {
	down := errors.New("one does not answer")
	for _, c := range []struct {
		name, method, path, body, query string
		err                             error
		status                          int
		part, header                    string
		asked                           int
	}{
		{"revoke without it", "DELETE", "tokens/{id}", "", "", nil, 204, "", "", 0},
		{"revoke and do not wait", "DELETE", "tokens/{id}", "", "?wait=false", nil, 204, "", "", 0},
		{"revoke and wait", "DELETE", "tokens/{id}", "", "?wait=true", nil, 204, "", "3", 1},
		{"revoke while one is away", "DELETE", "tokens/{id}", "", "?wait=true", down, 503, "not_everywhere", "", 1},
		{"revoke and wait for a word", "DELETE", "tokens/{id}", "", "?wait=maybe", nil, 400, "wait is neither", "", 0},
		{"revoke many and wait", "POST", "tokens/revoke", `{"owner":"ann"}`, "?wait=true", nil, 200, `"revoked":1`, "3", 1},
		{"disable and wait", "PATCH", "tokens/{id}", `{"enabled":false}`, "?wait=true", nil, 200, `"state":"disabled"`, "3", 1},
		{"make a user and wait", "POST", "users", `{"name":"new"}`, "?wait=true", nil, 201, `"name":"new"`, "3", 1},
		{"disable a user and wait", "PATCH", "users/kept", `{"enabled":false}`, "?wait=true", nil, 200, `"enabled":false`, "3", 1},
		{"remove a user and wait", "DELETE", "users/kept", "", "?wait=true", nil, 204, "", "3", 1},
		{"remove credentials and wait", "DELETE", "users/kept/credentials", "", "?wait=true", nil, 204, "", "3", 1},
		{"a list does not wait", "GET", "tokens", "", "?wait=true", nil, 400, "wait", "", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, others := newWorld(t), &gateways{err: c.err}
			token := w.make("ann", `{}`)
			w.call("root", "POST", "users", `{"name":"kept","password":"correct horse"}`).is(t, 201, "")
			w.api.Everywhere = others.everywhere
			a := w.call("root", c.method, strings.ReplaceAll(c.path, "{id}", token.id)+c.query, c.body).is(t, c.status, c.part)
			if got := a.header.Get("Gateway-Applied-By"); got != c.header {
				t.Errorf("Gateway-Applied-By is %q, want %q", got, c.header)
			}
			if others.asked != c.asked {
				t.Errorf("the others were asked %d times, want %d", others.asked, c.asked)
			}
			if c.err != nil {
				w.call("root", "GET", "tokens/"+token.id, "").is(t, 200, `"state":"revoked"`)
			}
		})
	}
}

// TestGatewayAloneWaitsForNobody: what it did holds everywhere there is.
func TestGatewayAloneWaitsForNobody(t *testing.T) {
	w := newWorld(t)
	token := w.make("ann", `{}`)
	a := w.call("root", "DELETE", "tokens/"+token.id+"?wait=true", "").is(t, 204, "")
	if got := a.header.Get("Gateway-Applied-By"); got != "1" {
		t.Errorf("Gateway-Applied-By is %q, want 1", got)
	}
}
