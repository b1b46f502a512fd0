package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"
)

// presentation is one way to show a value; it changes the request.
var presentations = map[string]func(a *ask, value string){
	"Cookie":       func(a *ask, v string) { a.header.Add("Cookie", "token="+v) },
	"Bearer":       func(a *ask, v string) { a.header.Add("Authorization", "Bearer "+v) },
	"GatewayToken": func(a *ask, v string) { a.header.Add("Gateway-Token", v) },
	"XAuthToken":   func(a *ask, v string) { a.header.Add("X-Auth-Token", v) },
	"TokenHeader":  func(a *ask, v string) { a.header.Add("token", v) },
	"QueryToken": func(a *ask, v string) {
		if strings.Contains(a.target, "?") {
			a.target += "&_token=" + v
		} else {
			a.target += "?_token=" + v
		}
	},
}

// TestVerdicts is the table of form x state x method: which status, and did
// the request reach the upstream.
func TestVerdicts(t *testing.T) { inBothLanes(t, testVerdicts) }

func testVerdicts(t *testing.T, lane string) {
	b := startBackend(t)
	g := startGateway(t, setup{upstream: b.URL, more: lane + "public:\n  - {path_prefix: /public/}\n"})

	live := g.issue(john, hostOne, nil)
	reader := g.issue(jane, hostOne, nil)
	revoked := g.issue(john, hostOne, nil)
	g.revoke(john, revoked.id)
	signing := g.issue(john, hostOne, headers("X-User-Secret-Key-Meta", "a secret of twenty+ chars"))
	foreign := g.issue(other, hostTwo, nil)
	elsewhere := g.issue(john, hostOneB, nil)
	const unknown = "0123456789abcdef0123456789abcdef"

	states := []struct {
		name, value    string
		status         int // of an explicit form
		anonymousClear bool
	}{
		{"Live", live.value, 200, false},
		{"LiveOfReader", reader.value, 200, false},
		{"Unknown", unknown, 401, true},
		{"Revoked", revoked.value, 401, true},
		{"SigningOnly", signing.value, 401, false},
		{"OtherTenant", foreign.value, 403, false},
		{"OtherDomain", elsewhere.value, 403, false},
		{"PublicID", live.id, 401, true},
		{"UpperCase", strings.ToUpper(live.value), 401, true},
		{"Padded", live.value + "0", 401, true},
	}
	for _, s := range states {
		for form, present := range presentations {
			for _, method := range []string{"GET", "PUT"} {
				want := s.status
				if s.name == "LiveOfReader" && method == "PUT" {
					want = 403
				}
				t.Run(s.name+"/"+form+"/"+method, func(t *testing.T) {
					a := ask{method: method, target: "/bucket/key?x=1", header: http.Header{}}
					present(&a, s.value)
					got := g.do(a)
					forwarded := b.take()
					if got.status != want || (len(forwarded) == 1) != (want == 200) {
						t.Errorf("got %d, forwarded %d times, want %d", got.status, len(forwarded), want)
					}
					for _, f := range forwarded {
						if f.Target != "/bucket/key?x=1" {
							t.Errorf("the upstream got %q", f.Target)
						}
					}
					cleared := strings.HasPrefix(got.header.Get("Set-Cookie"), "token=; path=/")
					if wantClear := form == "Cookie" && s.anonymousClear; cleared != wantClear {
						t.Errorf("cleared the cookie: %v, want %v", cleared, wantClear)
					}
				})
			}
			t.Run(s.name+"/"+form+"/Public", func(t *testing.T) {
				a := ask{target: "/public/x", header: http.Header{}}
				present(&a, s.value)
				// A dead cookie is no credential; every other form is refused
				// although nobody would have asked for one. Who is known and
				// not allowed may still see what everybody may.
				want := s.status
				if form == "Cookie" || want == 403 {
					want = 200
				}
				got := g.do(a)
				if forwarded := b.take(); got.status != want || (len(forwarded) == 1) != (want == 200) {
					t.Errorf("got %d, forwarded %d times, want %d", got.status, len(forwarded), want)
				}
			})
		}
	}
}

func TestExpiredTokenIsRefusedFromItsLastInstant(t *testing.T) {
	inBothLanes(t, testExpiredTokenIsRefusedFromItsLastInstant)
}

func testExpiredTokenIsRefusedFromItsLastInstant(t *testing.T, lane string) {
	b := startBackend(t)
	g := startGateway(t, setup{upstream: b.URL, tokens: "  default_ttl: 1s\n", more: lane})
	var short issued
	var bearer ask
	waitFor(t, func() bool { // a busy machine can take longer than a token lives
		short = g.issue(john, hostOne, nil)
		bearer = ask{header: headers("Authorization", "Bearer "+short.value)}
		return g.do(bearer).status == 200
	})
	waitFor(t, func() bool { return g.do(bearer).status == 401 })
	cookie := g.do(ask{header: headers("Cookie", "token="+short.value)})
	if cookie.status != 401 || !strings.HasPrefix(cookie.header.Get("Set-Cookie"), "token=; path=/") {
		t.Errorf("expired cookie: %d %v", cookie.status, cookie.header)
	}
	waitFor(t, func() bool { return strings.Contains(g.err.String(), `"reason":"expired"`) })
}

// waitFor polls until the condition holds; it fails after half a minute.
func waitFor(t testing.TB, holds func() bool) {
	t.Helper()
	ctx, done := context.WithTimeout(t.Context(), 30*time.Second)
	defer done()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-ctx.Done():
			t.Fatal("waited for half a minute in vain")
		case <-tick.C:
		}
	}
}

func TestPasswordVerdicts(t *testing.T) {
	b := startBackend(t)
	g := startGateway(t, setup{upstream: b.URL})
	basic := func(s string) http.Header {
		return headers("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(s)))
	}
	for _, row := range []struct {
		name   string
		ask    ask
		status int
	}{
		{"Right", ask{user: john}, 200},
		{"RightWrite", ask{method: "PUT", user: john}, 200},
		{"ReaderReads", ask{user: jane}, 200},
		{"ReaderWrites", ask{method: "PUT", user: jane}, 403},
		{"ReaderDeletes", ask{method: "DELETE", user: jane}, 403},
		{"OtherTenant", ask{user: other}, 403},
		{"NoTenant", ask{user: none}, 403},
		{"AnyTenant", ask{host: hostTwo, user: root}, 200},
		{"Wrong", ask{header: basic("john:wrong")}, 401},
		{"Empty", ask{header: basic("john:")}, 401},
		{"Unknown", ask{header: basic("nobody:x")}, 401},
		{"NoColon", ask{header: basic("john")}, 401},
		{"NotBase64", ask{header: headers("Authorization", "Basic !")}, 401},
		{"OtherScheme", ask{header: headers("Authorization", "Digest x")}, 401},
		{"BearerEmpty", ask{header: headers("Authorization", "Bearer ")}, 401},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := g.do(row.ask)
			if forwarded := b.take(); got.status != row.status || (len(forwarded) == 1) != (row.status == 200) {
				t.Errorf("got %d, forwarded %d times, want %d", got.status, len(forwarded), row.status)
			}
		})
	}
}

// TestMethodsNeedRights holds the table of plain HTTP methods.
func TestMethodsNeedRights(t *testing.T) {
	b := startBackend(t)
	users := ""
	for _, right := range []string{"read", "list", "write", "delete"} {
		users += "  - {name: only-" + right + ", password_hash: \"" + hashes()[john] + "\", tenants: [one], permissions: [storage." + right + "]}\n"
	}
	s := setup{upstream: b.URL, dir: t.TempDir()}
	config := strings.Replace(s.configuration(), "users:\n", "users:\n"+users, 1)
	g := startGateway(t, s)
	g.write(config)
	waitFor(t, func() bool { return strings.Contains(g.err.String(), "configuration reloaded") })

	for method, rights := range map[string]string{
		"GET": "read", "HEAD": "read", "PROPFIND": "list", "REPORT": "list", "SEARCH": "list",
		"PUT": "write", "POST": "write", "PATCH": "write", "MKCOL": "write", "PROPPATCH": "write", "LOCK": "write", "UNLOCK": "write",
		"DELETE": "delete", "OPTIONS": "read list write delete", "COPY": "", "MOVE": "", "PURGE": "", "QUERY": "", "TRACE": "", "get": "",
	} {
		for _, has := range []string{"read", "list", "write", "delete"} {
			t.Run(method+"/"+has, func(t *testing.T) {
				h := headers("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte("only-"+has+":"+passwordOf(john))))
				got := g.do(ask{method: method, target: "/a/b", header: h})
				want := 403
				if strings.Contains(rights, has) {
					want = 200
				}
				if forwarded := b.take(); got.status != want || (len(forwarded) == 1) != (want == 200) {
					t.Errorf("got %d, forwarded %d times, want %d", got.status, len(forwarded), want)
				}
			})
		}
		t.Run(method+"/all", func(t *testing.T) {
			if got := g.do(ask{method: method, target: "/a/b", user: john}); got.status != 200 || len(b.take()) != 1 {
				t.Errorf("got %d", got.status)
			}
		})
	}
}

// TestRefusalsLookRight holds the shape of refusals: challenges, problem
// details, the way to the login page, S3's XML.
func TestRefusalsLookRight(t *testing.T) {
	b := startBackend(t)
	g := startGateway(t, setup{upstream: b.URL})
	login := "/.TOKEN/login?next=%2Fa%2520b%2Fc%3Fx%3D1%26y%3D2"
	for _, row := range []struct {
		name       string
		ask        ask
		status     int
		kind       string // content type
		location   string
		challenges int
	}{
		{"Program", ask{}, 401, "application/problem+json", "", 2},
		{"BrowserFetch", ask{header: headers("Sec-Fetch-Mode", "cors", "Accept", "text/html")}, 401, "application/problem+json", "", 1},
		{"Navigation", ask{target: "/a%20b/c?x=1&y=2", header: headers("Sec-Fetch-Mode", "navigate")}, 303, "", login, 0},
		{"NavigationWithToken", ask{target: "/a%20b/c?x=1&_token=0123&y=2", header: headers("Sec-Fetch-Mode", "navigate")}, 303, "", login, 0},
		{"OldBrowser", ask{target: "/a%20b/c?x=1&y=2", header: headers("Accept", "text/html,*/*")}, 303, "", login, 0},
		{"AcceptsHTMLWithAuthorization", ask{header: headers("Accept", "text/html", "Authorization", "Bearer x")}, 401, "application/problem+json", "", 2},
		{"NavigationByPost", ask{method: "POST", header: headers("Sec-Fetch-Mode", "navigate")}, 401, "application/problem+json", "", 1},
		{"KnownNotAllowed", ask{method: "PUT", user: jane}, 403, "application/problem+json", "", 0},
		{"SignatureV4", ask{header: headers("Authorization", "AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0")}, 403, "application/xml", "", 0},
		{"SignatureV2", ask{header: headers("Authorization", "AWS x:y")}, 403, "application/xml", "", 0},
		{"Presigned", ask{target: "/b/k?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=0", header: headers("Accept", "text/html")}, 400, "application/xml", "", 0},
		{"PresignedEncodedName", ask{target: "/b/k?X%2DAmz-Signature=0"}, 400, "application/xml", "", 0},
		{"SignatureOnManagementPath", ask{method: "POST", target: "/.TOKEN/", header: headers("Authorization", "AWS4-HMAC-SHA256 x")}, 400, "application/xml", "", 0},
		{"SignatureAndOther", ask{target: "/b/k?X-Amz-Signature=0", user: john}, 400, "application/xml", "", 0},
		{"NoTenant", ask{host: hostNoOne, user: root}, 404, "application/problem+json", "", 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := g.do(row.ask)
			if got.status != row.status || got.header.Get("Content-Type") != row.kind || got.header.Get("Location") != row.location {
				t.Errorf("got %d %v", got.status, got.header)
			}
			if n := len(got.header["Www-Authenticate"]); n != row.challenges {
				t.Errorf("%d challenges, want %d: %q", n, row.challenges, got.header["Www-Authenticate"])
			}
			if n := len(b.take()); n != 0 {
				t.Errorf("forwarded %d times", n)
			}
			id := got.header.Get("Gateway-Request-Id")
			if len(id) != 16 || strings.Trim(id, "0123456789ABCDEF") != "" {
				t.Errorf("request id %q", id)
			}
			checkProblem(t, got, id)
		})
	}
}

// checkProblem holds that the body says what the header says.
func checkProblem(t *testing.T, a answer, id string) {
	t.Helper()
	switch a.header.Get("Content-Type") {
	case "application/problem+json":
		var p struct {
			Status int    `json:"status"`
			Code   string `json:"code"`
			ID     string `json:"request_id"`
		}
		if err := json.Unmarshal([]byte(a.body), &p); err != nil || p.Status != a.status || p.Code == "" || p.ID != id {
			t.Errorf("problem %s: %v", a.body, err)
		}
	case "application/xml":
		if !strings.Contains(a.body, "<RequestId>"+id+"</RequestId>") || !strings.Contains(a.body, "<Code>") || a.header.Get("X-Amz-Request-Id") != id {
			t.Errorf("S3 error %s", a.body)
		}
	}
}

// TestCredentialsPresentedTogether holds the order of the forms.
func TestCredentialsPresentedTogether(t *testing.T) { inBothLanes(t, testCredentialsPresentedTogether) }

func testCredentialsPresentedTogether(t *testing.T, lane string) {
	b := startBackend(t)
	g := startGateway(t, setup{upstream: b.URL, more: lane})
	good := g.issue(john, hostOne, nil).value
	also := g.issue(jane, hostOne, nil).value
	const bad = "ffffffffffffffffffffffffffffffff"
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte(john+":"+passwordOf(john)))
	for _, row := range []struct {
		name   string
		target string
		header http.Header
		status int
		user   string
	}{
		{"AuthorizationBeforeAll", "/?_token=" + bad, headers("Authorization", "Bearer "+good, "token", bad, "X-Auth-Token", bad, "Gateway-Token", bad, "Cookie", "token="+bad), 200, john},
		{"QueryBeforeHeaders", "/?_token=" + good, headers("token", bad, "X-Auth-Token", bad, "Gateway-Token", bad, "Cookie", "token="+bad), 200, john},
		{"TokenBeforeXAuthToken", "/", headers("token", good, "X-Auth-Token", bad, "Gateway-Token", bad, "Cookie", "token="+bad), 200, john},
		{"XAuthTokenBeforeGatewayToken", "/", headers("X-Auth-Token", good, "Gateway-Token", bad, "Cookie", "token="+bad), 200, john},
		{"GatewayTokenBeforeCookie", "/", headers("Gateway-Token", good, "Cookie", "token="+also), 200, john},
		{"BadBearerIsNotSkipped", "/", headers("Authorization", "Bearer "+bad, "Cookie", "token="+good), 401, ""},
		{"BadQueryIsNotSkipped", "/?_token=" + bad, headers("Cookie", "token="+good), 401, ""},
		{"EmptyQueryIsNotSkipped", "/?_token=", headers("Cookie", "token="+good), 401, ""},
		{"EmptyHeaderIsNotSkipped", "/", headers("Gateway-Token", "", "Cookie", "token="+good), 401, ""},
		{"TwoAuthorizations", "/", headers("Authorization", "Bearer "+good, "Authorization", basic), 400, ""},
		{"TwoEqualAuthorizations", "/", headers("Authorization", basic, "Authorization", basic), 400, ""},
		{"TwoQueryTokens", "/?_token=" + good + "&_token=" + good, nil, 400, ""},
		{"TwoQueryTokensOneEncoded", "/?_token=" + good + "&%5Ftoken=" + good, nil, 400, ""},
		{"TwoGatewayTokens", "/", headers("Gateway-Token", good, "Gateway-Token", good), 400, ""},
		{"TwoCookiesOneValue", "/", headers("Cookie", "token="+good+"; a=b; token="+good), 200, john},
		{"TwoCookiesTwoValues", "/", headers("Cookie", "token="+good+"; token="+also), 401, ""},
		{"TwoCookieHeadersTwoValues", "/", headers("Cookie", "token="+good, "Cookie", "token="+bad), 401, ""},
		{"EncodedQueryName", "/?%5ftoken=" + good, nil, 200, john},
		{"CookieNameInOtherCase", "/", headers("Cookie", "Token="+good), 401, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := g.do(ask{target: row.target, header: row.header})
			forwarded := b.take()
			if got.status != row.status || (len(forwarded) == 1) != (row.status == 200) {
				t.Fatalf("got %d, forwarded %d times, want %d", got.status, len(forwarded), row.status)
			}
			if len(forwarded) == 1 && forwarded[0].Header.Get("X-Gateway-User") != row.user {
				t.Errorf("the upstream was told %v", forwarded[0].Header)
			}
		})
	}
}
