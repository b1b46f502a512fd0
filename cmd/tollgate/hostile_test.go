package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// raw sends bytes to the gateway and returns all the statuses that come back
// before it closes the connection or falls silent.
func (g *gateway) raw(request string) []int {
	g.t.Helper()
	conn, err := (&net.Dialer{}).DialContext(g.t.Context(), "tcp", strings.TrimPrefix(g.url, "http://"))
	if err != nil {
		g.t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	_, _ = io.WriteString(conn, request) // it may be refused before all of it is sent
	var statuses []int
	for r := bufio.NewReader(conn); ; {
		response, err := http.ReadResponse(r, nil)
		if err != nil {
			return statuses
		}
		_, _ = io.Copy(io.Discard, response.Body)
		response.Body.Close()
		statuses = append(statuses, response.StatusCode)
		if response.Close {
			return statuses
		}
	}
}

// TestCredentialsAreTakenOff sends every credential at once and looks at what
// the upstream sees.
func TestCredentialsAreTakenOff(t *testing.T) { inBothLanes(t, testCredentialsAreTakenOff) }

func testCredentialsAreTakenOff(t *testing.T, lane string) {
	b := startBackend(t)
	g := startGateway(t, setup{upstream: b.URL, more: lane})
	good := g.issue(john, hostOne, nil)
	const canary = "canarycanarycanarycanarycanary00"
	got := g.do(ask{
		target: "/a%2Fb//c;d?x=%41&_token=" + canary + "&y=1;2&&%5ftoken2=z&=&z",
		header: headers(
			"Authorization", "Bearer "+good.value,
			"Gateway-Token", canary, "Gateway_Token", canary, "gateway.token", canary,
			"X-Auth-Token", canary, "X_Auth_Token", canary, "Token", canary,
			"Proxy-Authorization", canary, "X-Amz-Security-Token", canary,
			"Cookie", `a="1"; token=`+canary+`;b=2;  c=3`, "Cookie", "token="+canary, "Cookie", "d=4",
			"Referer", "http://one.example.com/x?_token="+canary+"&q=1",
			"X-Custom", "stays", "Accept-Language", "de",
		),
	})
	forwarded := b.take()
	if got.status != 200 || len(forwarded) != 1 {
		t.Fatalf("got %d, forwarded %d times", got.status, len(forwarded))
	}
	f := forwarded[0]
	if dump := fmt.Sprint(f); strings.Contains(dump, canary) || strings.Contains(dump, good.value) {
		t.Errorf("a credential reached the upstream: %v", f)
	}
	if want := "/a%2Fb//c;d?x=%41&y=1;2&&%5ftoken2=z&=&z"; f.Target != want {
		t.Errorf("target %q, want %q", f.Target, want)
	}
	if want := []string{`a="1";b=2;  c=3`, "d=4"}; !slices.Equal(f.Header["Cookie"], want) {
		t.Errorf("cookies %q, want %q", f.Header["Cookie"], want)
	}
	for name, want := range map[string]string{
		"X-Gateway-User": john, "X-Gateway-Tenant": "one", "X-Gateway-Token-Id": good.id,
		"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Host": hostOne, "X-Forwarded-Proto": "http",
		"X-Custom": "stays", "Accept-Language": "de", "Referer": "http://one.example.com/x?q=1",
	} {
		if values := f.Header[name]; len(values) != 1 || values[0] != want {
			t.Errorf("%s is %q, want %q", name, values, want)
		}
	}
	if f.Host != hostOne {
		t.Errorf("host %q", f.Host)
	}
}

// TestClientCannotSayWhoItIs holds that nothing of what a client says about
// itself survives, in any spelling.
func TestClientCannotSayWhoItIs(t *testing.T) {
	b := startBackend(t)
	g := startGateway(t, setup{upstream: b.URL, more: "public:\n  - {path_prefix: /public/}\n"})
	good := g.issue(john, hostOne, nil)
	forged := []string{
		"X-Gateway-User", "X_Gateway_User", "x.gateway.user", "X-Gateway_User", "X_GATEWAY.USER", "X-Gateway-Tenant", "X_Gateway_Tenant",
		"X-Gateway-Token-Id", "X_Gateway-Token.Id", "X-Gateway-Anything", "X-Forwarded-For", "X_Forwarded_For", "X-Forwarded-Host",
		"X-Forwarded-Proto", "X-Forwarded-Prefix", "X-Forwarded-Port", "X-Forwarded-User", "X.Forwarded.Server", "Forwarded", "X-Real-Ip", "X_Real_Ip",
		"X-Original-Url", "X-Original-Uri", "X-Rewrite-Url", "X_Rewrite_Url", "X-Http-Method-Override", "X-Http-Method", "X-Method-Override", "X_HTTP_Method_Override",
	}
	for _, name := range forged {
		for _, how := range []struct {
			name, target, authorization string
		}{{"Known", "/", "Bearer " + good.value}, {"Anonymous", "/public/x", ""}} {
			t.Run(name+"/"+how.name, func(t *testing.T) {
				h := http.Header{name: {"forged"}}
				if how.authorization != "" {
					h.Set("Authorization", how.authorization)
				}
				if got := g.do(ask{target: how.target, header: h}); got.status != 200 {
					t.Fatalf("got %d", got.status)
				}
				for _, f := range b.take() {
					if strings.Contains(fmt.Sprint(f.Header), "forged") {
						t.Errorf("the upstream got %v", f.Header)
					}
				}
			})
		}
	}
}

// TestClientCannotStripIdentity lists our headers as hop-by-hop, the way that
// made other proxies lose them.
func TestClientCannotStripIdentity(t *testing.T) {
	b := startBackend(t)
	g := startGateway(t, setup{upstream: b.URL})
	good := g.issue(john, hostOne, nil)
	for _, connection := range [][]string{
		{"X-Gateway-User, X-Gateway-Tenant, X-Gateway-Token-Id, X-Forwarded-For, Host, Authorization"},
		{"", "x-gateway-user"},
		{"close, X-Gateway-User"},
		{"x-secret-hop"},
	} {
		got := g.do(ask{header: http.Header{
			"Connection": connection, "Authorization": {"Bearer " + good.value}, "X-Secret-Hop": {"1"}, "Keep-Alive": {"x"}, "Te": {"gzip"}, "Proxy-Connection": {"x"},
		}})
		forwarded := b.take()
		if got.status != 200 || len(forwarded) != 1 {
			t.Fatalf("%q: got %d", connection, got.status)
		}
		h := forwarded[0].Header
		if h.Get("X-Gateway-User") != john || h.Get("X-Gateway-Tenant") != "one" || h.Get("X-Gateway-Token-Id") != good.id || h.Get("X-Forwarded-For") == "" {
			t.Errorf("%q stripped identity: %v", connection, h)
		}
		for _, hop := range []string{"Keep-Alive", "Te", "Proxy-Connection"} {
			if h.Get(hop) != "" {
				t.Errorf("%s was forwarded", hop)
			}
		}
		if listed := slices.Contains(connection, "x-secret-hop"); listed == (h.Get("X-Secret-Hop") != "") {
			t.Errorf("%q: X-Secret-Hop is %q", connection, h.Get("X-Secret-Hop"))
		}
	}
}

// TestTargetReachesTheUpstreamByteForByte sends odd targets with a token: what
// is allowed is never cleaned.
func TestTargetReachesTheUpstreamByteForByte(t *testing.T) {
	b := startBackend(t)
	g := startGateway(t, setup{upstream: b.URL})
	good := g.issue(john, hostOne, nil)
	for _, target := range []string{
		"/", "//", "//a//b", "/a//b/", "/./a", "/a/../b", "/a/%2e%2e/b", "/a%2Fb", "/a%2fb", "/a%5Cb", "/a%00b", "/%C3%A4", "/a;b=c;d", "/a/..;/b",
		"/a?", "/a??", "/a?b=c&b=d", "/a?b;c&d", "/a?%zz&x", "/a?x=%2B+&y", "/a:b@c", "/[x]", "/~a!$&'()*+,=", "/a?/../b", "/a?#", "/%7E", "/+", "/a%20b",
		"/.TOKEN", "/.token/", "/%2ETOKEN/", "//.TOKEN/", "/x/.TOKEN/", "/a\xc3\xa4", `/a"b|c^d`, "//x\"y", "/{a}", "/_admin", "/auth/tokens",
	} {
		t.Run(target, func(t *testing.T) {
			statuses := g.raw("GET " + target + " HTTP/1.1\r\nHost: one.example.com\r\nAuthorization: Bearer " + good.value + "\r\nConnection: close\r\n\r\n")
			forwarded := b.take()
			if target == "/.TOKEN" { // without the slash it is the token API too
				if len(forwarded) != 0 {
					t.Errorf("forwarded")
				}
				return
			}
			if !slices.Equal(statuses, []int{200}) || len(forwarded) != 1 {
				t.Fatalf("got %v, forwarded %d times", statuses, len(forwarded))
			}
			got := strings.TrimPrefix(forwarded[0].Target, "http://one.example.com")
			if got != target {
				t.Errorf("the upstream got %q", forwarded[0].Target)
			}
		})
	}
}

// TestPathRulesDoNotDecideOnAmbiguousPaths attacks a public prefix and a
// route: where the rule would let a request through, a path that somebody
// behind could read differently is 400.
func TestPathRulesDoNotDecideOnAmbiguousPaths(t *testing.T) {
	b, special := startBackend(t), startBackend(t)
	g := startGateway(t, setup{more: fmt.Sprintf(`
upstreams:
  - {name: storage, urls: [%q]}
  - {name: special, urls: [%q]}
routes:
  - {path_prefix: /special/, upstream: special}
  - {upstream: storage}
public:
  - {path_prefix: /public/}
  - {path_prefix: /open, methods: [GET, PUT, COPY]}
`, b.URL, special.URL)})
	good := g.issue(john, hostOne, nil)
	for _, row := range []struct {
		target            string
		anonymous, bearer int
	}{
		{"/public/", 200, 200}, {"/public/x", 200, 200}, {"/public/x%20y/z", 200, 200}, {"/public/a.b/..c", 200, 200}, {"/public/x?/../../y", 200, 200},
		{"/public", 401, 200}, {"/publicity", 401, 200}, {"/PUBLIC/x", 401, 200}, {"/%70ublic/x", 401, 200}, {"//public/x", 401, 200}, {"/x/public/y", 401, 200},
		{"/private?/public/", 401, 200}, {"/private;/public/", 401, 200}, {"/private#/public/", 401, 200}, {"/./public/x", 401, 200},
		{"/public/../private", 400, 200}, {"/public/..", 400, 200}, {"/public/.", 400, 200}, {"/public/./x", 400, 200}, {"/public/%2e%2e/private", 400, 200},
		{"/public/.%2E/private", 400, 200}, {"/public/..%2fprivate", 400, 200}, {"/public/x%2Fy", 400, 200}, {"/public/x%5c..%5cy", 400, 200}, {`/public/..\private`, 400, 200},
		{"/public/..;/private", 400, 200}, {"/public/..;x=y/private", 400, 200}, {"/public/x%00", 400, 200}, {"/public/x%0d%0ay", 400, 200}, {"/public/%7f", 400, 200}, {"/public/#/../private", 400, 200},
		{"/open", 200, 200}, {"/open/x", 200, 200}, {"/openx", 401, 200}, {"/open/../private", 400, 200},
		{"/special/x", 401, 200}, {"/special/../x", 400, 400}, {"/special/x%2fy", 400, 400}, {"/special/%2e%2e/x", 400, 400}, {"/specialx/../y", 401, 200},
	} {
		for form, want := range map[string]int{"Anonymous": row.anonymous, "Bearer": row.bearer} {
			t.Run(form+row.target, func(t *testing.T) {
				authorization := ""
				if form == "Bearer" {
					authorization = "Authorization: Bearer " + good.value + "\r\n"
				}
				statuses := g.raw("GET " + row.target + " HTTP/1.1\r\nHost: one.example.com\r\n" + authorization + "Connection: close\r\n\r\n")
				n := len(b.take()) + len(special.take())
				if !slices.Equal(statuses, []int{want}) || (n == 1) != (want == 200) {
					t.Errorf("got %v, forwarded %d times, want %d", statuses, n, want)
				}
			})
		}
	}
	for _, row := range []struct {
		name   string
		ask    ask
		status int
	}{
		{"OtherMethodIsNotPublic", ask{method: "PUT", target: "/public/x"}, 401},
		{"OtherTenantsHostIsPublicToo", ask{target: "/public/x", host: hostTwo}, 200},
		{"UnknownHostIsNot", ask{target: "/public/x", host: hostNoOne}, 404},
		{"SecondObjectIsNotPublic", ask{method: "COPY", target: "/open/x", header: headers("Destination", "/private")}, 401},
		{"UpgradeIsNotPublic", ask{target: "/public/x", header: headers("Connection", "Upgrade", "Upgrade", "websocket")}, 401},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := g.do(row.ask); got.status != row.status || (len(b.take()) == 1) != (row.status == 200) {
				t.Errorf("got %d, want %d", got.status, row.status)
			}
		})
	}
}

// TestSmuggling sends what two readers could cut into requests differently. A
// second request must never be seen behind.
func TestSmuggling(t *testing.T) { inBothLanes(t, testSmuggling) }

func testSmuggling(t *testing.T, lane string) {
	b := startBackend(t)
	g := startGateway(t, setup{upstream: b.URL, more: lane})
	good := g.issue(john, hostOne, nil)
	auth := "Authorization: Bearer " + good.value + "\r\n"
	const inner = "GET /smuggled HTTP/1.1\r\nHost: one.example.com\r\n\r\n"
	for name, request := range map[string]string{
		"CLAndTE":            "POST / HTTP/1.1\r\nHost: one.example.com\r\n" + auth + "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + inner,
		"TwoCL":              "POST / HTTP/1.1\r\nHost: one.example.com\r\n" + auth + "Content-Length: 0\r\nContent-Length: 52\r\n\r\n" + inner,
		"CLList":             "POST / HTTP/1.1\r\nHost: one.example.com\r\n" + auth + "Content-Length: 0, 52\r\n\r\n" + inner,
		"CLPlus":             "POST / HTTP/1.1\r\nHost: one.example.com\r\n" + auth + "Content-Length: +0\r\n\r\n" + inner,
		"CLHex":              "POST / HTTP/1.1\r\nHost: one.example.com\r\n" + auth + "Content-Length: 0x0\r\n\r\n" + inner,
		"TEUnknown":          "POST / HTTP/1.1\r\nHost: one.example.com\r\n" + auth + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + inner,
		"TETwice":            "POST / HTTP/1.1\r\nHost: one.example.com\r\n" + auth + "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n" + inner,
		"TESpaceBeforeColon": "POST / HTTP/1.1\r\nHost: one.example.com\r\n" + auth + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + inner,
		"ObsFold":            "POST / HTTP/1.1\r\nHost: one.example.com\r\n" + auth + "X: a\r\n Transfer-Encoding: chunked\r\nContent-Length: x\r\n\r\n" + inner,
		"ChunkSizeLF":        "POST / HTTP/1.1\r\nHost: one.example.com\r\n" + auth + "Transfer-Encoding: chunked\r\n\r\n2;\nxx\r\n0\r\n\r\n" + inner,
		"ChunkSizeNegative":  "POST / HTTP/1.1\r\nHost: one.example.com\r\n" + auth + "Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n0\r\n\r\n" + inner,
		"NUL":                "POST / HTTP/1.1\r\nHost: one.example.com\r\n" + auth + "X: a\x00b\r\nContent-Length: 0\r\n\r\n" + inner,
		"TwoHosts":           "GET / HTTP/1.1\r\nHost: one.example.com\r\nHost: two.example.com\r\n" + auth + "\r\n" + inner,
		"NoHost":             "GET / HTTP/1.1\r\n" + auth + "\r\n" + inner,
		"BadHost":            "GET / HTTP/1.1\r\nHost: one.example.com/x\r\n" + auth + "\r\n" + inner,
		"Connect":            "CONNECT one.example.com:80 HTTP/1.1\r\nHost: one.example.com\r\n" + auth + "Connection: close\r\n\r\n" + inner,
		"Asterisk":           "OPTIONS * HTTP/1.1\r\nHost: one.example.com\r\n" + auth + "Connection: close\r\n\r\n",
		"ConnectionList":     "GET / HTTP/1.1\r\nHost: one.example.com\r\n" + auth + "Connection: " + strings.Repeat("x,", 40) + "close\r\n\r\n" + inner,
		"NoSlash":            "GET x HTTP/1.1\r\nHost: one.example.com\r\n" + auth + "\r\n" + inner,
	} {
		t.Run(name, func(t *testing.T) {
			statuses := g.raw(request)
			if len(statuses) == 0 || statuses[0] < 400 || statuses[0] > 599 {
				t.Errorf("got %v, want a refusal", statuses)
			}
			for _, f := range b.take() {
				if strings.Contains(f.Target, "smuggled") && f.Header.Get("X-Gateway-User") != "" {
					t.Errorf("the second request was taken for the first one's caller's: %v", f)
				}
				if f.Target == "/smuggled" {
					t.Error("a second request reached the upstream")
				}
			}
		})
	}
}

// TestAbsoluteFormIsForwardedInOriginForm: the authority counts, the Host
// header does not (RFC 9112, 3.2.2).
func TestAbsoluteFormIsForwardedInOriginForm(t *testing.T) {
	b := startBackend(t)
	g := startGateway(t, setup{upstream: b.URL})
	good := g.issue(john, hostOne, nil)
	for target, want := range map[string]string{
		"http://one.example.com/a%2Fb?c": "/a%2Fb?c", "http://one.example.com": "/", "http://one.example.com?x=1": "/?x=1", "http://one.example.com//a": "//a",
	} {
		statuses := g.raw("GET " + target + " HTTP/1.1\r\nHost: two.example.com\r\nAuthorization: Bearer " + good.value + "\r\nConnection: close\r\n\r\n")
		forwarded := b.take()
		if !slices.Equal(statuses, []int{200}) || len(forwarded) != 1 || forwarded[0].Target != want || forwarded[0].Host != hostOne {
			t.Errorf("%s: got %v, forwarded %v", target, statuses, forwarded)
		}
	}
	if statuses := g.raw("GET http://two.example.com/ HTTP/1.1\r\nHost: one.example.com\r\nAuthorization: Bearer " + good.value + "\r\nConnection: close\r\n\r\n"); !slices.Equal(statuses, []int{403}) {
		t.Errorf("absolute-form of another tenant: %v", statuses)
	}
}

// TestLargeHeadIsRefused: 64 KiB are enough for every client.
func TestLargeHeadIsRefused(t *testing.T) {
	b := startBackend(t)
	g := startGateway(t, setup{upstream: b.URL})
	for size, want := range map[int]int{40 << 10: 401, 66 << 10: 431} {
		if got := g.raw("GET / HTTP/1.1\r\nHost: one.example.com\r\nConnection: close\r\nX: " + strings.Repeat("x", size) + "\r\n\r\n"); !slices.Equal(got, []int{want}) {
			t.Errorf("%d bytes: %v, want %d", size, got, want)
		}
	}
}

// TestUpstreamCannotSpeakForTheGateway: what an upstream answers under our
// names does not reach the client.
func TestUpstreamCannotSpeakForTheGateway(t *testing.T) {
	inBothLanes(t, testUpstreamCannotSpeakForTheGateway)
}

func testUpstreamCannotSpeakForTheGateway(t *testing.T, lane string) {
	b := startBackend(t)
	b.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		h := w.Header()
		h.Set("Gateway-Token", "forged")
		h.Set("Gateway-Token-Id", "forged")
		h.Set("Gateway-Request-Id", "forged")
		h.Add("Set-Cookie", "token=forged; path=/")
		h.Add("Set-Cookie", " token =forged")
		h.Add("Set-Cookie", "mine=stays")
	})
	g := startGateway(t, setup{upstream: b.URL, more: lane})
	got := g.do(ask{user: john})
	if got.status != 200 || strings.Contains(fmt.Sprint(got.header), "forged") {
		t.Errorf("got %d %v", got.status, got.header)
	}
	if id := got.header.Values("Gateway-Request-Id"); len(id) != 1 || len(id[0]) != 16 {
		t.Errorf("request id %q", id)
	}
	if want := []string{"mine=stays"}; !slices.Equal(got.header["Set-Cookie"], want) {
		t.Errorf("cookies %q", got.header["Set-Cookie"])
	}
}

// TestDestinationMustNameThisHost judges the second object of COPY and MOVE.
func TestDestinationMustNameThisHost(t *testing.T) {
	b := startBackend(t)
	g := startGateway(t, setup{upstream: b.URL})
	for destination, want := range map[string]int{
		"/b": 200, "http://one.example.com/b": 200, "https://ONE.example.com/b": 200,
		"http://two.example.com/b": 400, "//two.example.com/b": 400, "http://u@one.example.com/b": 400, "b": 400, "file:/b": 400, "http://one.example.com:1/b": 400, "%zz": 400,
	} {
		got := g.do(ask{method: "COPY", target: "/a", user: john, header: headers("Destination", destination)})
		if forwarded := b.take(); got.status != want || (len(forwarded) == 1) != (want == 200) {
			t.Errorf("Destination %q: got %d, forwarded %d times, want %d", destination, got.status, len(forwarded), want)
		}
	}
	if got := g.do(ask{method: "MOVE", target: "/a", user: john, header: headers("Destination", "/b", "Destination", "/c")}); got.status != 400 || len(b.take()) != 0 {
		t.Errorf("two destinations: %d", got.status)
	}
}
