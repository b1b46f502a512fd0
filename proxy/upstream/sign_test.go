package upstream_test

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"tollgate/proxy/upstream"
)

// TestRequestIsSignedForTheServerThatGetsIt: what is signed names the Host, so
// each server that is tried gets a signature of its own, and nothing of the
// one before.
func TestRequestIsSignedForTheServerThatGetsIt(t *testing.T) {
	for _, c := range []struct {
		name, method, body string
	}{
		{"on a connection of our own", http.MethodGet, ""},
		{"through net/http", http.MethodPut, "content"},
	} {
		t.Run(c.name, func(t *testing.T) {
			type seen struct {
				host, body string
				signature  []string
			}
			got := make(chan seen, 1)
			server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				got <- seen{r.Host, string(body), r.Header["X-Signature"]}
			}))
			defer server.Close()
			g := newGateway(t, []string{"http://" + deadAddress(t), server.URL}, func(c *upstream.Config) { c.Health.EjectAfter = 0 })
			g.dress = func(r *http.Request, out *upstream.Outgoing) {
				r.Host = ""
				out.Sign = func(host string, h http.Header) { h["X-Signature"] = append(h["X-Signature"][:0:0], "for "+host) }
			}
			for range 2 { // the round robin begins with the dead one once
				response, _, err := g.request(t, c.method, "/b/k", strings.NewReader(c.body))
				if err != nil || response.StatusCode != http.StatusOK {
					t.Fatalf("%v, %v", response, err)
				}
				host := strings.TrimPrefix(server.URL, "http://")
				if s := <-got; s.host != host || s.body != c.body || len(s.signature) != 1 || s.signature[0] != "for "+host {
					t.Errorf("the server saw %+v, want a signature for %s", s, host)
				}
			}
		})
	}
}

// deadAddress returns an address that nobody listens on.
func deadAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
