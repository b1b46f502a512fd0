package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// keepAlive is one connection on which request follows request.
type keepAlive struct {
	conn net.Conn
	r    *bufio.Reader
}

func (g *gateway) connect(t testing.TB) *keepAlive {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(g.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &keepAlive{conn: conn, r: bufio.NewReader(conn)}
}

// get sends header lines and returns the status and the body.
func (k *keepAlive) get(target, lines string) (int, string, error) {
	if _, err := fmt.Fprintf(k.conn, "GET %s HTTP/1.1\r\nHost: %s\r\n%s\r\n", target, hostOne, lines); err != nil {
		return 0, "", err
	}
	response, err := http.ReadResponse(k.r, nil)
	if err != nil {
		return 0, "", err
	}
	body, err := io.ReadAll(response.Body)
	return response.StatusCode, string(body), err
}

// TestRequestsOfOneConnectionAreNotAnothers sends requests of many tokens at
// the same time, allowed and refused ones by turns, and holds that what arrives
// is each one's own: the gateway uses its memory again and again.
func TestRequestsOfOneConnectionAreNotAnothers(t *testing.T) {
	inBothLanes(t, testRequestsOfOneConnectionAreNotAnothers)
}

func testRequestsOfOneConnectionAreNotAnothers(t *testing.T, lane string) {
	echo := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = json.NewEncoder(w).Encode([]string{r.RequestURI, r.Header.Get("X-Gateway-Token-Id"), r.Header.Get("X-Mine"), r.Header.Get("Cookie"), fmt.Sprint(len(r.Header))})
	}))
	defer echo.Close()
	g := startGateway(t, setup{upstream: echo.URL, more: lane})
	const connections, requests = 16, 60
	own := make([]issued, connections)
	for i := range own {
		own[i] = g.issue(john, hostOne, nil)
	}
	var all sync.WaitGroup
	for i := range connections {
		k, token := g.connect(t), own[i]
		all.Go(func() {
			for n := range requests {
				mine := fmt.Sprintf("%d-%d", i, n)
				line, cookie := "Authorization: Bearer "+token.value, ""
				switch n % 4 {
				case 1:
					line, cookie = "Cookie: c="+mine+"; token="+token.value, "c="+mine
				case 2:
					line = "Gateway-Token: " + token.value + "\r\nX-More-" + mine + ": 1"
				case 3:
					if status, _, err := k.get("/"+mine, "X-Mine: "+mine+"\r\n"); err != nil || status != 401 {
						t.Errorf("without a credential: %d, %v", status, err)
						return
					}
				}
				status, body, err := k.get("/"+mine, line+"\r\nX-Mine: "+mine+"\r\n")
				if err != nil || status != 200 {
					t.Errorf("%s: %d, %v", mine, status, err)
					return
				}
				var got []string
				if err := json.Unmarshal([]byte(body), &got); err != nil || got[0] != "/"+mine || got[1] != token.id || got[2] != mine || got[3] != cookie {
					t.Errorf("%s with %s: the upstream got %s", mine, token.id, body)
				}
			}
		})
	}
	all.Wait()
}

// TestRevokedOnAnOpenConnection: the next request on a connection that was good
// is refused, and so is one that follows a change of the token otherwise.
func TestRevokedOnAnOpenConnection(t *testing.T) { inBothLanes(t, testRevokedOnAnOpenConnection) }

func testRevokedOnAnOpenConnection(t *testing.T, lane string) {
	b := startBackend(t)
	g := startGateway(t, setup{upstream: b.URL, more: lane})
	own := func(method, what, body string) {
		t.Helper()
		a := g.do(ask{method: method, target: "/_admin/api/v1/" + what, user: root, body: body, header: headers("Content-Type", "application/json")})
		if a.status/100 != 2 {
			t.Fatalf("%s %s: %d %s", method, what, a.status, a.body)
		}
	}
	for _, row := range []struct {
		name      string
		end, undo func(id string) // nil = nothing brings it back
	}{
		{"Revoked", func(id string) { g.revoke(john, id) }, nil},
		{"RevokedByTheOwnAPI", func(id string) { own(http.MethodDelete, "tokens/"+id, "") }, nil},
		{"Disabled", func(id string) { own(http.MethodPatch, "tokens/"+id, `{"enabled":false}`) },
			func(id string) { own(http.MethodPatch, "tokens/"+id, `{"enabled":true}`) }},
		{"OwnerDisabled", func(string) { own(http.MethodPatch, "users/john", `{"enabled":false}`) },
			func(string) { own(http.MethodPatch, "users/john", `{"enabled":true}`) }},
	} {
		t.Run(row.name, func(t *testing.T) {
			for range 5 {
				token, k := g.issue(john, hostOne, nil), g.connect(t)
				expect := func(want int) {
					t.Helper()
					status, _, err := k.get("/x", "Authorization: Bearer "+token.value+"\r\n")
					if n := len(b.take()); err != nil || status != want || (n == 1) != (want == 200) {
						t.Fatalf("got %d, %v, forwarded %d times, want %d", status, err, n, want)
					}
				}
				expect(200)
				expect(200)
				row.end(token.id)
				expect(401)
				expect(401)
				if row.undo != nil {
					row.undo(token.id)
					expect(200)
				}
			}
		})
	}
}
