package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// ownAPI is where the gateway's own API has its tokens.
const ownAPI = "/_admin/api/v1/tokens"

// narrow makes a token by the gateway's own API, for which body is the request.
func (g *gateway) narrow(user, body string) issued {
	g.t.Helper()
	a := g.do(ask{method: http.MethodPost, target: ownAPI, user: user, body: body, header: headers("Content-Type", "application/json")})
	if a.status != http.StatusCreated {
		g.t.Fatalf("make %s for %s: %d %s", body, user, a.status, a.body)
	}
	var made struct{ ID, Token string }
	if err := json.Unmarshal([]byte(a.body), &made); err != nil {
		g.t.Fatal(err)
	}
	return issued{made.Token, made.ID}
}

// loggedReason returns the reason that the log has for a request.
func (g *gateway) loggedReason(t *testing.T, a answer) string {
	t.Helper()
	id, reason := a.header.Get("Gateway-Request-Id"), ""
	waitFor(t, func() bool {
		for line := range strings.SplitSeq(g.err.String(), "\n") {
			var entry map[string]any
			if strings.Contains(line, id) && json.Unmarshal([]byte(line), &entry) == nil && entry["msg"] == "request" {
				reason = fmt.Sprint(entry["reason"])
				return true
			}
		}
		return false
	})
	return reason
}

// forwardedFor is a setup whose tests choose the client's address.
const forwardedFor = "trusted_proxies: [127.0.0.0/8]\n"

// TestRestrictionsOnProxiedRequests: each restriction at its edge, on a plain
// upstream.
func TestRestrictionsOnProxiedRequests(t *testing.T) {
	b := startBackend(t)
	g := startGateway(t, setup{upstream: b.URL, more: forwardedFor})
	for _, row := range []struct {
		name, restrictions string
		method, target     string
		header             []string
		body               string
		reason             string // empty = passes
	}{
		{"AddressInside", `"addresses":["10.1.0.0/16"]`, "GET", "/a", []string{"X-Forwarded-For", "10.1.255.255"}, "", ""},
		{"AddressFirst", `"addresses":["10.1.0.0/16"]`, "GET", "/a", []string{"X-Forwarded-For", "10.1.0.0"}, "", ""},
		{"AddressJustBelow", `"addresses":["10.1.0.0/16"]`, "GET", "/a", []string{"X-Forwarded-For", "10.0.255.255"}, "", "address"},
		{"AddressJustAbove", `"addresses":["10.1.0.0/16"]`, "GET", "/a", []string{"X-Forwarded-For", "10.2.0.0"}, "", "address"},
		{"AddressMapped", `"addresses":["10.1.0.0/16"]`, "GET", "/a", []string{"X-Forwarded-For", "::ffff:10.1.2.3"}, "", ""},
		{"AddressMappedRule", `"addresses":["::ffff:192.168.1.10"]`, "GET", "/a", []string{"X-Forwarded-For", "192.168.1.10"}, "", ""},
		{"AddressForged", `"addresses":["10.1.0.0/16"]`, "GET", "/a", []string{"X-Forwarded-For", "10.1.2.3, 8.8.8.8"}, "", "address"},
		{"AddressPeerAlone", `"addresses":["10.1.0.0/16"]`, "GET", "/a", nil, "", "address"},
		{"AddressV6", `"addresses":["2001:db8::/32"]`, "GET", "/a", []string{"X-Forwarded-For", "2001:db8:ffff::1"}, "", ""},
		{"AddressV6Outside", `"addresses":["2001:db8::/32"]`, "GET", "/a", []string{"X-Forwarded-For", "2001:db9::1"}, "", "address"},

		{"AgentExact", `"user_agents":["curl/8.5"]`, "GET", "/a", []string{"User-Agent", "curl/8.5"}, "", ""},
		{"AgentLonger", `"user_agents":["curl/8.5"]`, "GET", "/a", []string{"User-Agent", "curl/8.5.1"}, "", "user_agent"},
		{"AgentOtherCase", `"user_agents":["curl/8.5"]`, "GET", "/a", []string{"User-Agent", "Curl/8.5"}, "", "user_agent"},
		{"AgentAbsent", `"user_agents":["curl/8.5"]`, "GET", "/a", []string{"User-Agent", ""}, "", "user_agent"},
		{"AgentStarIsExact", `"user_agents":["curl/*"]`, "GET", "/a", []string{"User-Agent", "curl/8.5"}, "", "user_agent"},
		{"AgentPattern", `"user_agent_patterns":["curl/8.*"]`, "GET", "/a", []string{"User-Agent", "curl/8.11.1"}, "", ""},
		{"AgentPatternOther", `"user_agent_patterns":["curl/8.*"]`, "GET", "/a", []string{"User-Agent", "curl/9.0"}, "", "user_agent"},

		{"TypeAllowed", `"mime_types":["image/png"]`, "PUT", "/a", []string{"Content-Type", "image/png"}, "x", ""},
		{"TypeWithParameter", `"mime_types":["text/plain"]`, "PUT", "/a", []string{"Content-Type", "Text/Plain; charset=utf-8"}, "x", ""},
		{"TypeFamily", `"mime_types":["image/*"]`, "PUT", "/a", []string{"Content-Type", "image/webp"}, "x", ""},
		{"TypeOther", `"mime_types":["image/png"]`, "PUT", "/a", []string{"Content-Type", "image/jpeg"}, "x", "media_type"},
		{"TypeLonger", `"mime_types":["image/png"]`, "PUT", "/a", []string{"Content-Type", "image/pngx"}, "x", "media_type"},
		{"TypeAbsent", `"mime_types":["image/png"]`, "PUT", "/a", nil, "x", "media_type"},
		{"TypeList", `"mime_types":["image/png"]`, "PUT", "/a", []string{"Content-Type", "image/png, text/html"}, "x", "media_type"},
		{"TypeOfPost", `"mime_types":["image/png"]`, "POST", "/a", []string{"Content-Type", "text/html"}, "x", "media_type"},
		{"TypeNotOfReading", `"mime_types":["image/png"]`, "GET", "/a", nil, "", ""},
		{"TypeCopy", `"mime_types":["image/png"]`, "COPY", "/a", []string{"Destination", "/b"}, "", "media_type"},

		{"TypeMove", `"mime_types":["image/png"]`, "MOVE", "/a", []string{"Destination", "/b"}, "", "media_type"},
		{"TypeTakenOff", `"mime_types":["image/png"]`, "PUT", "/a", []string{"Content-Type", "image/png", "Connection", "Content-Type"}, "x", ""},
		{"TypeInAnotherSpelling", `"mime_types":["image/png"]`, "PUT", "/a", []string{"Content-Type", "image/png", "Content_Type", "text/html"}, "x", ""},
		{"TypeCopyInAHeader", `"mime_types":["image/png"]`, "PUT", "/a", []string{"Content-Type", "image/png", "X-Amz-Copy-Source", "/b/c"}, "", ""},
		{"SizeCopyInAHeader", `"max_size":10`, "PUT", "/a", []string{"X-Amz-Copy-Source", "/b/c"}, "", "size"},
		{"SizePart", `"max_size":10`, "PUT", "/a", []string{"Content-Range", "bytes 100-104/200"}, "12345", "size"},
		{"SizePatch", `"max_size":10`, "PATCH", "/a", []string{"Upload-Offset", "100"}, "12345", "size"},
		{"SizeUpgrade", `"max_size":10`, "GET", "/a", []string{"Connection", "Upgrade", "Upgrade", "websocket"}, "", "size"},
		{"TypeUpgrade", `"mime_types":["image/png"]`, "GET", "/a", []string{"Connection", "Upgrade", "Upgrade", "websocket"}, "", "media_type"},
		{"SizeBelow", `"max_size":10`, "PUT", "/a", nil, strings.Repeat("x", 9), ""},
		{"SizeAtLimit", `"max_size":10`, "PUT", "/a", nil, strings.Repeat("x", 10), ""},
		{"SizeAbove", `"max_size":10`, "PUT", "/a", nil, strings.Repeat("x", 11), "size"},
		{"SizeOfPost", `"max_size":10`, "POST", "/a", nil, strings.Repeat("x", 11), "size"},
		{"SizeCopy", `"max_size":10`, "COPY", "/a", []string{"Destination", "/b"}, "", "size"},

		{"TagKey", `"tags":["team"]`, "PUT", "/a", []string{"X-Amz-Tagging", "team=red"}, "x", ""},
		{"TagPair", `"tags":["team=red"]`, "PUT", "/a", []string{"X-Amz-Tagging", "team=red"}, "x", ""},
		{"TagOtherValue", `"tags":["team=red"]`, "PUT", "/a", []string{"X-Amz-Tagging", "team=blue"}, "x", "tag"},
		{"TagOneOfTwo", `"tags":["team"]`, "PUT", "/a", []string{"X-Amz-Tagging", "team=red&x=y"}, "x", "tag"},
		{"TagNone", `"tags":["team"]`, "PUT", "/a", nil, "x", ""},
		{"TagInQuery", `"tags":["team"]`, "PUT", "/a?tags[]=team&tags[]=other", nil, "x", "tag"},
		{"TagInQueryWithAnIndex", `"tags":["team"]`, "PUT", "/a?tags[0]=other", nil, "x", "tag"},
		{"TagInQueryWithASpace", `"tags":["team"]`, "PUT", "/a?%20TAGS%5Bx%5D=other", nil, "x", "tag"},
		{"TagInForm", `"tags":["team"]`, "POST", "/a", []string{"Content-Type", "application/x-www-form-urlencoded"}, "tags[]=other", "tag"},
		{"OddQueryWithoutTags", `"addresses":["127.0.0.0/8"]`, "GET", "/a?x;y&q=100%", nil, "", ""},
		{"TagInQueryAllowed", `"tags":["team"]`, "GET", "/a?tag=team", nil, "", ""},
		{"TagInQueryOfReading", `"tags":["team"]`, "GET", "/a?tag=other", nil, "", "tag"},
	} {
		t.Run(row.name, func(t *testing.T) {
			token := g.narrow(john, `{"tenant":"one","restrictions":{`+row.restrictions+`}}`)
			h := headers(append([]string{"Authorization", "Bearer " + token.value}, row.header...)...)
			got := g.do(ask{method: row.method, target: row.target, header: h, body: row.body})
			arrived := b.take()
			if row.reason == "" {
				if got.status != 200 || len(arrived) != 1 || arrived[0].Body != row.body {
					t.Fatalf("%d %s, upstream got %v", got.status, got.body, arrived)
				}
				if h := arrived[0].Header; strings.HasPrefix(row.name, "TypeIn") && strings.Contains(fmt.Sprint(h), "Content_Type") || row.name == "TypeTakenOff" && h.Get("Content-Type") == "" {
					t.Errorf("upstream got %v", h)
				}
				return
			}
			want := http.StatusForbidden
			if row.reason == "size" {
				want = http.StatusRequestEntityTooLarge
			}
			if got.status != want || len(arrived) != 0 {
				t.Fatalf("%d %s, upstream got %d requests", got.status, got.body, len(arrived))
			}
			if reason := g.loggedReason(t, got); reason != row.reason {
				t.Errorf("reason %q, want %q", reason, row.reason)
			}
		})
	}
}

// TestSizeOfChunkedBodies: a body that does not say its length is counted, and
// what is too large never is a whole request upstream.
func TestSizeOfChunkedBodies(t *testing.T) {
	b := startBackend(t)
	g := startGateway(t, setup{upstream: b.URL})
	token := g.narrow(john, `{"tenant":"one","restrictions":{"max_size":100000}}`)
	for _, row := range []struct {
		name string
		size int
		want int
	}{{"AtLimit", 100_000, 200}, {"OneMore", 100_001, 413}, {"MuchMore", 5_000_000, 413}} {
		t.Run(row.name, func(t *testing.T) {
			body := struct{ io.Reader }{strings.NewReader(strings.Repeat("x", row.size))} // of unknown length
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, g.url+"/a", body)
			if err != nil {
				t.Fatal(err)
			}
			r.Host = hostOne
			r.Header.Set("Authorization", "Bearer "+token.value)
			status := 0
			if response, err := plainClient().Do(r); err == nil {
				status = response.StatusCode
				response.Body.Close()
			}
			lost := row.want == 413 && status == 0 // with the connection
			if status != row.want && !lost {
				t.Errorf("status %d, want %d", status, row.want)
			}
			if row.want == 200 {
				if arrived := b.take(); len(arrived) != 1 || len(arrived[0].Body) != row.size {
					t.Errorf("upstream got %d requests", len(arrived))
				}
				return
			}
			for _, a := range b.take() {
				if len(a.Body) >= row.size {
					t.Errorf("upstream got all %d bytes", len(a.Body))
				}
			}
		})
	}
}

// TestRefusedBeforeTheBody: who waits to be told to send a body that is too
// large is not told to.
func TestRefusedBeforeTheBody(t *testing.T) {
	b := startBackend(t)
	g := startGateway(t, setup{upstream: b.URL})
	token := g.narrow(john, `{"tenant":"one","restrictions":{"max_size":10,"mime_types":["image/png"]}}`)
	for name, head := range map[string]string{
		"Size": "Content-Length: 11\r\nContent-Type: image/png\r\n",
		"Type": "Content-Length: 5\r\nContent-Type: text/html\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			statuses := g.raw("PUT /a HTTP/1.1\r\nHost: " + hostOne + "\r\nAuthorization: Bearer " + token.value + "\r\nExpect: 100-continue\r\n" + head + "\r\n")
			if len(statuses) != 1 || statuses[0] < 400 {
				t.Errorf("got %v", statuses)
			}
			if n := len(b.take()); n != 0 {
				t.Errorf("upstream got %d requests", n)
			}
		})
	}
}

// TestRestrictionsOnManagement: address, agent and uses hold there too.
func TestRestrictionsOnManagement(t *testing.T) {
	g := startGateway(t, setup{more: forwardedFor})
	const rights = `"permissions":["storage.*","tokens.*"],"tenant":"one"`
	for _, row := range []struct {
		name, restrictions string
		header             []string
		want               int
	}{
		{"Address", `"addresses":["10.1.0.0/16"]`, []string{"X-Forwarded-For", "10.1.2.3"}, 200},
		{"AddressOutside", `"addresses":["10.1.0.0/16"]`, []string{"X-Forwarded-For", "10.2.2.3"}, 403},
		{"Agent", `"user_agents":["x"]`, []string{"User-Agent", "x"}, 200},
		{"AgentOther", `"user_agents":["x"]`, []string{"User-Agent", "y"}, 403},
	} {
		t.Run(row.name, func(t *testing.T) {
			token := g.narrow(boss, `{`+rights+`,"restrictions":{`+row.restrictions+`}}`)
			for _, target := range []string{tokenPath, tenantPath, ownAPI, "/auth/users/tokens", "/v1/auth/access-tokens/", "/auth/roles"} {
				h := headers(append([]string{"Authorization", "Bearer " + token.value}, row.header...)...)
				if got := g.do(ask{target: target, header: h}); got.status != row.want {
					t.Errorf("%s: %d %s, want %d", target, got.status, got.body, row.want)
				}
			}
		})
	}
	t.Run("Uses", func(t *testing.T) {
		token := g.narrow(boss, `{`+rights+`,"restrictions":{"max_uses":2}}`)
		for i, want := range []int{200, 200, 401, 401} {
			if got := g.do(ask{target: ownAPI, header: headers("Authorization", "Bearer "+token.value)}); got.status != want {
				t.Errorf("use %d: %d %s, want %d", i+1, got.status, got.body, want)
			}
		}
	})
}

// TestUsesAreCountedExactly: once is once, however many ask at the same time,
// and a gateway that starts again goes on counting.
func TestUsesAreCountedExactly(t *testing.T) { inBothLanes(t, testUsesAreCountedExactly) }

func testUsesAreCountedExactly(t *testing.T, lane string) {
	b := startBackend(t)
	g := startGateway(t, setup{upstream: b.URL, more: lane})
	for _, limit := range []int64{1, 3} {
		t.Run(fmt.Sprint(limit), func(t *testing.T) {
			token := g.narrow(john, fmt.Sprintf(`{"tenant":"one","restrictions":{"max_uses":%d}}`, limit))
			client := &http.Client{Transport: &http.Transport{MaxConnsPerHost: 64}}
			defer client.CloseIdleConnections()
			var passed, refused atomic.Int64
			var group sync.WaitGroup
			slots := make(chan struct{}, 64)
			for range 1000 {
				slots <- struct{}{}
				group.Go(func() {
					defer func() { <-slots }()
					r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, g.url+"/a", nil)
					if err != nil {
						t.Error(err)
						return
					}
					r.Host = hostOne
					r.Header.Set("Authorization", "Bearer "+token.value)
					response, err := client.Do(r)
					if err != nil {
						t.Error(err)
						return
					}
					_, _ = io.Copy(io.Discard, response.Body)
					response.Body.Close()
					switch response.StatusCode {
					case 200:
						passed.Add(1)
					case 401:
						refused.Add(1)
					default:
						t.Errorf("status %d", response.StatusCode)
					}
				})
			}
			group.Wait()
			if n := int64(len(b.take())); passed.Load() != limit || n != limit || refused.Load() != 1000-limit {
				t.Errorf("%d passed, %d arrived, %d refused, want %d", passed.Load(), n, refused.Load(), limit)
			}
		})
	}
}

// TestRefusedRequestsUseNothing: only what goes on counts.
func TestRefusedRequestsUseNothing(t *testing.T) {
	b := startBackend(t)
	g := startGateway(t, setup{upstream: b.URL})
	token := g.narrow(john, `{"tenant":"one","permissions":["storage.read"],"restrictions":{"max_uses":1}}`)
	bearer := headers("Authorization", "Bearer "+token.value)
	for range 3 {
		if got := g.do(ask{method: "PUT", target: "/a", header: bearer}); got.status != 403 {
			t.Fatalf("PUT: %d", got.status)
		}
	}
	for i, want := range []int{200, 401} {
		if got := g.do(ask{target: "/a", header: bearer}); got.status != want {
			t.Errorf("GET %d: %d, want %d", i+1, got.status, want)
		}
	}
}

// TestTokenStatesOnProxiedRequests: what is disabled or not yet valid does not
// authenticate, and does again when that is over.
func TestTokenStatesOnProxiedRequests(t *testing.T) { inBothLanes(t, testTokenStatesOnProxiedRequests) }

func testTokenStatesOnProxiedRequests(t *testing.T, lane string) {
	b := startBackend(t)
	g := startGateway(t, setup{upstream: b.URL, more: lane})
	change := func(id, body string) {
		t.Helper()
		if a := g.do(ask{method: "PATCH", target: ownAPI + "/" + id, user: john, body: body, header: headers("Content-Type", "application/json")}); a.status != 200 {
			t.Fatalf("%s: %d %s", body, a.status, a.body)
		}
	}
	token := g.narrow(john, `{"tenant":"one"}`)
	late := g.narrow(john, `{"tenant":"one","not_before":"`+time.Now().Add(time.Hour).UTC().Format(time.RFC3339)+`"}`)
	for _, row := range []struct {
		name   string
		before func()
		value  string
		want   int
		reason string
	}{
		{"Live", func() {}, token.value, 200, ""},
		{"Disabled", func() { change(token.id, `{"enabled":false}`) }, token.value, 401, "disabled"},
		{"Enabled", func() { change(token.id, `{"enabled":true}`) }, token.value, 200, ""},
		{"NotYet", func() {}, late.value, 401, "not_yet_valid"},
		{"WrongChecksum", func() {}, "tgt_000000000000000000000000000000000", 401, "token_checksum"},
	} {
		t.Run(row.name, func(t *testing.T) {
			row.before()
			got := g.do(ask{target: "/a", header: headers("Authorization", "Bearer "+row.value)})
			if n := len(b.take()); got.status != row.want || (n == 1) != (row.want == 200) {
				t.Fatalf("%d, upstream got %d", got.status, n)
			}
			if row.reason != "" {
				if reason := g.loggedReason(t, got); reason != row.reason {
					t.Errorf("reason %q", reason)
				}
			}
		})
	}
	t.Run("DisabledCookieStays", func(t *testing.T) {
		change(token.id, `{"enabled":false}`)
		got := g.do(ask{target: "/a", header: cookie(token.value)})
		if got.status != 401 || len(got.header["Set-Cookie"]) > 0 {
			t.Errorf("%d %v", got.status, got.header)
		}
	})
}

// TestContentsAreLookedInto: what a client declares is not always what it
// sends.
func TestContentsAreLookedInto(t *testing.T) {
	png := "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x02\x00\x00\x00"
	html := "<!DOCTYPE html><html><body>" + strings.Repeat("hello ", 2000)
	for _, row := range []struct {
		name, sniff, allowed, declared, coding, body string
		want                                         int
	}{
		{"Honest", "true", "image/png", "image/png", "", png, 200},
		{"Page", "true", "image/png", "image/png", "", html, 403},
		{"PageUnlooked", "false", "image/png", "image/png", "", html, 200},
		{"NothingInParticular", "true", "image/png", "image/png", "", "just some words", 200},
		{"AlsoAllowed", "true", `image/png","text/html`, "image/png", "", html, 200},
		{"Coded", "true", "image/png", "image/png", "gzip", png, 403},
	} {
		t.Run(row.name, func(t *testing.T) {
			b := startBackend(t) // of its own: what was broken off can arrive late
			g := startGateway(t, setup{upstream: b.URL, tokens: "  sniff_types: " + row.sniff + "\n"})
			token := g.narrow(john, `{"tenant":"one","restrictions":{"mime_types":["`+row.allowed+`"]}}`)
			h := headers("Authorization", "Bearer "+token.value, "Content-Type", row.declared)
			if row.coding != "" {
				h.Set("Content-Encoding", row.coding)
			}
			got := g.do(ask{method: "PUT", target: "/a", header: h, body: row.body})
			arrived := b.take()
			if got.status != row.want {
				t.Errorf("%d %s, want %d", got.status, got.body, row.want)
			}
			for _, a := range arrived {
				if row.want != 200 && a.Body == row.body {
					t.Errorf("refused, and the upstream got it all")
				}
			}
			if row.want == 200 && (len(arrived) != 1 || arrived[0].Body != row.body) {
				t.Errorf("upstream got %v", arrived)
			}
		})
	}
}

// TestProxyProtocol: the address that the header gives is the client's.
func TestProxyProtocol(t *testing.T) {
	b := startBackend(t)
	for _, row := range []struct {
		name, more, head string
		want             int // 0 = the connection is closed
		client           string
	}{
		{"Version1", "", "PROXY TCP4 10.1.2.3 127.0.0.1 4711 80\r\n", 200, "10.1.2.3"},
		{"Version1V6", "", "PROXY TCP6 2001:db8::7 ::1 4711 80\r\n", 403, ""},
		{"Version2", "", "\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c\x0a\x01\x02\x03\x7f\x00\x00\x01\x12\x67\x00\x50", 200, "10.1.2.3"},
		{"Outside", "", "PROXY TCP4 10.2.2.3 127.0.0.1 4711 80\r\n", 403, ""},
		{"NoHeader", "", "", 0, ""},
		{"ForwardedForIsNotBelieved", forwardedFor, "PROXY TCP4 10.2.2.3 127.0.0.1 4711 80\r\n", 403, ""},
		{"TrustedPeer", forwardedFor, "PROXY TCP4 10.1.2.3 127.0.0.1 4711 80\r\n", 200, "10.1.2.3"},
		{"OtherPeer", "trusted_proxies: [192.0.2.0/24]\n", "PROXY TCP4 10.1.2.3 127.0.0.1 4711 80\r\n", 0, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			plain := startGateway(t, setup{upstream: b.URL})
			dir := plain.dir
			token := plain.narrow(john, `{"tenant":"one","restrictions":{"addresses":["10.1.0.0/16"]}}`)
			plain.end()
			g := startGateway(t, setup{dir: dir, upstream: b.URL, more: "proxy_protocol: true\n" + row.more})
			conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(g.url, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
			_, _ = io.WriteString(conn, row.head+"GET /a HTTP/1.1\r\nHost: "+hostOne+"\r\nX-Forwarded-For: 10.1.2.3\r\nAuthorization: Bearer "+token.value+"\r\nConnection: close\r\n\r\n")
			status := 0
			if response, err := http.ReadResponse(bufio.NewReader(conn), nil); err == nil {
				status = response.StatusCode
				response.Body.Close()
			}
			arrived := b.take()
			refused := row.want == 0 && status == http.StatusBadRequest
			if status != row.want && !refused || (len(arrived) == 1) != (row.want == 200) {
				t.Fatalf("status %d, want %d; upstream got %d", status, row.want, len(arrived))
			}
			if row.client != "" && arrived[0].Header.Get("X-Forwarded-For") != row.client {
				t.Errorf("client is %q", arrived[0].Header.Get("X-Forwarded-For"))
			}
		})
	}
}

// TestTypesInAFolder: what is served by its name is held to the type of that.
func TestTypesInAFolder(t *testing.T) {
	g := startGateway(t, setup{})
	token := g.narrow(john, `{"tenant":"one","restrictions":{"mime_types":["image/png"]}}`)
	for _, row := range []struct {
		name, method, target string
		header               []string
		want                 int
	}{
		{"Fits", "PUT", "/a.png", nil, 201},
		{"NoExtension", "PUT", "/a", nil, 201},
		{"Page", "PUT", "/evil.html", nil, 403},
		{"EscapedPage", "PUT", "/evil.ht%6Dl", nil, 403},
		{"MovedToAPage", "MOVE", "/a.png", []string{"Destination", "/moved.html"}, 403},
	} {
		t.Run(row.name, func(t *testing.T) {
			h := headers(append([]string{"Authorization", "Bearer " + token.value, "Content-Type", "image/png"}, row.header...)...)
			if got := g.do(ask{method: row.method, target: row.target, header: h, body: "x"}); got.status != row.want {
				t.Errorf("%d %s, want %d", got.status, got.body, row.want)
			}
		})
	}
}
