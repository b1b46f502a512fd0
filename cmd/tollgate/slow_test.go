package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// slowly sends the head and half of the body, does something, sends the rest
// and returns the status of the answer.
func (g *gateway) slowly(t *testing.T, head, body string, meanwhile func()) int {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(g.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	fmt.Fprintf(conn, "%s\r\nHost: %s\r\nContent-Length: %d\r\n\r\n%s", head, hostOne, len(body), body[:len(body)/2])
	// The first half has arrived when the gateway has begun to wait for the
	// second, which its metrics tell.
	waitFor(t, func() bool {
		return strings.Contains(g.scrape(), "tollgate_http_requests_in_flight{listener=\"public\"} 1\n")
	})
	meanwhile()
	_, _ = io.WriteString(conn, body[len(body)/2:]) // it may be closed already
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return 0
	}
	defer response.Body.Close()
	return response.StatusCode
}

// TestSlowBodiesOutlastNothing: whoever loses his token, his password, his
// rights or his place while he sends a body gets nothing by it.
func TestSlowBodiesOutlastNothing(t *testing.T) {
	g := startGateway(t, setup{})
	const users = "/_admin/api/v1/users"
	jsonHeader := headers("Content-Type", "application/json")
	call := func(method, target, body string, want ...int) {
		t.Helper()
		a := g.do(ask{method: method, target: target, user: root, body: body, header: jsonHeader})
		for _, w := range want {
			if a.status == w {
				return
			}
		}
		t.Fatalf("%s %s: %d %s", method, target, a.status, a.body)
	}
	requests := map[string][2]string{
		"Management":     {"POST " + ownAPI, `{"tenant":"one","expires_at":null}`},
		"User":           {"POST " + users, `{"name":"backdoor","roles":["admin"]}`},
		"AccessTokens":   {"POST /v1/auth/access-tokens/", `{"user":{"name":"mgr"}}`},
		"FileRepository": {"POST /auth/token/generate", `{"roles":["view.any_file"]}`},
		"UserTokens":     {"POST /auth/users/tokens", `{"name":"n","expiresAt":null,"permissions":["storage.read"],"tenants":["one"]}`},
	}
	for end, cut := range map[string]func(id string){
		"Revoked":            func(id string) { call("DELETE", ownAPI+"/"+id, "", 204) },
		"Disabled":           func(id string) { call("PATCH", ownAPI+"/"+id, `{"enabled":false}`, 200) },
		"UserDisabled":       func(string) { call("PATCH", users+"/mgr", `{"enabled":false}`, 200) },
		"UserRemoved":        func(string) { call("DELETE", users+"/mgr", "", 204) },
		"CredentialsRemoved": func(string) { call("DELETE", users+"/mgr/credentials", "", 204) },
		"RightsTaken":        func(string) { call("PATCH", users+"/mgr", `{"roles":["read-only"]}`, 200) },
	} {
		for name, request := range requests {
			t.Run(end+"/"+name, func(t *testing.T) {
				call("DELETE", users+"/mgr", "", 204, 404)
				call("POST", users, `{"name":"mgr","password":"`+passwordOf("mgr")+`","roles":["admin"]}`, 201)
				token := g.narrow("mgr", `{}`)
				status := g.slowly(t, request[0]+" HTTP/1.1\r\nAuthorization: Bearer "+token.value+"\r\nContent-Type: application/json", request[1], func() { cut(token.id) })
				if status != 401 && status != 403 {
					t.Errorf("status %d", status)
				}
			})
		}
	}
	t.Run("NothingHappened", func(t *testing.T) {
		call("DELETE", users+"/mgr", "", 204, 404)
		call("POST", users, `{"name":"mgr","password":"`+passwordOf("mgr")+`","roles":["admin"]}`, 201)
		token := g.narrow("mgr", `{"permissions":["storage.*","tokens.*"],"restrictions":{"max_uses":5}}`)
		if status := g.slowly(t, "POST "+ownAPI+" HTTP/1.1\r\nAuthorization: Bearer "+token.value, `{"restrictions":{"max_uses":1}}`, func() {}); status != 201 {
			t.Errorf("status %d", status)
		}
		if a := g.do(ask{target: users + "/backdoor", user: root}); a.status != 404 {
			t.Errorf("the back door: %d", a.status)
		}
	})
}

// TestSlowDocumentOutlastsNothing: a list of what to delete that ends after the
// token has is not sent on.
func TestSlowDocumentOutlastsNothing(t *testing.T) {
	g := startS3(t, s3Setup{})
	for name, end := range map[string]func(id string){
		"Revoked": func(id string) { g.revoke(john, id) },
		"Disabled": func(id string) {
			g.do(ask{method: "PATCH", target: ownAPI + "/" + id, user: john, body: `{"enabled":false}`})
		},
	} {
		t.Run(name, func(t *testing.T) {
			token := g.narrow(john, `{"tenant":"one"}`)
			head := "POST /bucket?delete= HTTP/1.1\r\nAuthorization: Bearer " + token.value
			status := g.slowly(t, head, string(deleteList("a", "b")), func() { end(token.id) })
			if arrived := g.storage.take("/bucket"); status != 401 || len(arrived) != 0 {
				t.Errorf("status %d, the storage got %s", status, faults(arrived))
			}
		})
	}
}
