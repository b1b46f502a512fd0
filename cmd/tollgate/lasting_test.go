package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// slowBackend sends a byte, and then one for every tick until the client goes
// away; it upgrades when asked to and echoes.
func slowBackend(t *testing.T) (url string, gone chan error) {
	t.Helper()
	gone = make(chan error, 16)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") != "" {
			conn, rw, err := w.(http.Hijacker).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			_, _ = rw.WriteString("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
			_ = rw.Flush()
			_, err = io.Copy(conn, rw)
			gone <- err
			return
		}
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			if _, err := io.WriteString(w, "x"); err != nil {
				gone <- err
				return
			}
			_ = http.NewResponseController(w).Flush()
			select {
			case <-r.Context().Done():
				gone <- r.Context().Err()
				return
			case <-tick.C:
			}
		}
	}))
	t.Cleanup(s.Close)
	return s.URL, gone
}

// TestRevocationCutsWhatLasts revokes a token while a download and an upgraded
// connection of it are under way: both end within a second.
func TestRevocationCutsWhatLasts(t *testing.T) { inBothLanes(t, testRevocationCutsWhatLasts) }

func testRevocationCutsWhatLasts(t *testing.T, lane string) {
	url, gone := slowBackend(t)
	g := startGateway(t, setup{upstream: url, more: lane})
	for _, kind := range []string{"Download", "Upgrade"} {
		t.Run(kind, func(t *testing.T) {
			token := g.issue(john, hostOne, nil)
			read := g.open(t, kind, token.value)
			buf := make([]byte, 1)
			if _, err := read(buf); err != nil {
				t.Fatal(err)
			}
			g.revoke(john, token.id)
			revoked := time.Now()
			var err error
			for err == nil {
				_, err = read(buf)
			}
			if took := time.Since(revoked); took > 20*time.Second { // 1 s and what a busy machine takes
				t.Errorf("cut after %v", took)
			}
			if kind == "Download" && (errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF)) {
				t.Errorf("the download ended cleanly: %v", err)
			}
			<-gone // the upstream's side ends too
			waitFor(t, func() bool { return strings.Contains(g.scrape(), `tollgate_transfers_cut_total{reason="revoked"}`) })
			waitFor(t, func() bool {
				return strings.Contains(g.err.String(), `"reason":"cut"`) && strings.Contains(g.err.String(), token.id)
			})
		})
	}
}

// open begins an exchange that lasts and returns how to read from it. For an
// upgrade each read writes first, so that there is something to read.
func (g *gateway) open(t *testing.T, kind, token string) func([]byte) (int, error) {
	t.Helper()
	if kind == "Download" {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, g.url+"/", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = hostOne
		r.Header.Set("Authorization", "Bearer "+token)
		response, err := plainClient().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { response.Body.Close() })
		return response.Body.Read
	}
	conn, r := g.upgrade(t, "Authorization: Bearer "+token+"\r\n", http.StatusSwitchingProtocols)
	return func(p []byte) (int, error) {
		if _, err := conn.Write([]byte("e")); err != nil {
			return 0, err
		}
		return r.Read(p)
	}
}

// upgrade asks for an upgrade and expects a status.
func (g *gateway) upgrade(t *testing.T, header string, status int) (net.Conn, *bufio.Reader) {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(g.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	fmt.Fprintf(conn, "GET /ws HTTP/1.1\r\nHost: one.example.com\r\nConnection: Upgrade\r\nUpgrade: echo\r\n%s\r\n", header)
	r := bufio.NewReader(conn)
	response, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	if response.StatusCode != status {
		t.Fatalf("upgrade: got %d, want %d", response.StatusCode, status)
	}
	return conn, r
}

// TestCrossSiteIsRefused holds the table of browsers' credentials for other
// sites; the upgrade is one although it is a GET.
func TestCrossSiteIsRefused(t *testing.T) {
	b := startBackend(t)
	g := startGateway(t, setup{upstream: b.URL, more: "trusted_origins: [https://console.example.com]\n"})
	token := g.issue(john, hostOne, nil).value
	cookie := headers("Cookie", "token="+token)
	for _, site := range []struct {
		name, header, value string
		refused             bool
	}{
		{"SameOrigin", "Sec-Fetch-Site", "same-origin", false}, {"Typed", "Sec-Fetch-Site", "none", false},
		{"SameSite", "Sec-Fetch-Site", "same-site", true}, {"CrossSite", "Sec-Fetch-Site", "cross-site", true},
		{"OriginSame", "Origin", "http://one.example.com", false}, {"OriginOther", "Origin", "http://evil.example.com", true}, {"OriginNull", "Origin", "null", true},
		{"OriginTrusted", "Origin", "https://console.example.com", false}, {"NoBrowser", "X-Nothing", "x", false},
	} {
		for _, row := range []struct {
			name, method string
			header       http.Header
			guarded      bool
		}{
			{"CookiePut", "PUT", cookie, true}, {"CookiePropfind", "PROPFIND", cookie, true}, {"CookieGet", "GET", cookie, false},
			{"BearerPut", "PUT", headers("Authorization", "Bearer "+token), false}, {"GatewayTokenDelete", "DELETE", headers("Gateway-Token", token), false},
		} {
			t.Run(site.name+"/"+row.name, func(t *testing.T) {
				h := row.header.Clone()
				h.Set(site.header, site.value)
				want := 200
				if row.guarded && site.refused {
					want = 403
				}
				got := g.do(ask{method: row.method, header: h})
				if forwarded := b.take(); got.status != want || (len(forwarded) == 1) != (want == 200) {
					t.Errorf("got %d, forwarded %d times, want %d", got.status, len(forwarded), want)
				}
			})
		}
		t.Run(site.name+"/BasicPost", func(t *testing.T) {
			want := 200
			if site.refused {
				want = 403
			}
			if got := g.do(ask{method: "POST", user: john, header: headers(site.header, site.value)}); got.status != want || (len(b.take()) == 1) != (want == 200) {
				t.Errorf("got %d, want %d", got.status, want)
			}
		})
	}
	t.Run("UpgradeByCookie", func(t *testing.T) {
		url, _ := slowBackend(t)
		g := startGateway(t, setup{upstream: url})
		token := g.issue(john, hostOne, nil).value
		g.upgrade(t, "Cookie: token="+token+"\r\nOrigin: http://evil.example.com\r\n", http.StatusForbidden)
		g.upgrade(t, "Cookie: token="+token+"\r\nSec-Fetch-Site: cross-site\r\n", http.StatusForbidden)
		g.upgrade(t, "Origin: http://evil.example.com\r\n", http.StatusUnauthorized)
		g.upgrade(t, "Cookie: token="+token+"\r\nOrigin: http://one.example.com\r\n", http.StatusSwitchingProtocols)
		g.upgrade(t, "Authorization: Bearer "+token+"\r\nOrigin: http://evil.example.com\r\n", http.StatusSwitchingProtocols)
	})
}

// TestExpectIsDecidedBeforeTheBody: a client that asks first is refused
// without sending its body, and told to go on only when it may.
func TestExpectIsDecidedBeforeTheBody(t *testing.T) {
	b := startBackend(t)
	g := startGateway(t, setup{upstream: b.URL})
	token := g.issue(john, hostOne, nil).value
	for authorization, want := range map[string]string{"Authorization: Bearer wrong\r\n": "HTTP/1.1 401 Unauthorized\r\n", "Authorization: Bearer " + token + "\r\n": "HTTP/1.1 100 Continue\r\n"} {
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(g.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprintf(conn, "PUT /x HTTP/1.1\r\nHost: one.example.com\r\nContent-Length: 5\r\nExpect: 100-continue\r\nConnection: close\r\n%s\r\n", authorization)
		r := bufio.NewReader(conn)
		line, err := r.ReadString('\n')
		if err != nil || line != want {
			t.Fatalf("got %q %v, want %q", line, err, want)
		}
		if !strings.Contains(want, "100") {
			continue
		}
		_, _ = r.ReadString('\n')
		_, _ = io.WriteString(conn, "hello")
		response, err := http.ReadResponse(r, nil)
		if err != nil || response.StatusCode != 200 {
			t.Fatalf("after the body: %v %v", response, err)
		}
		response.Body.Close()
		if f := b.take(); len(f) != 1 || f[0].Body != "hello" {
			t.Errorf("the upstream got %v", f)
		}
	}
}

// TestClientDisconnectEndsTheUpstreamRequest: nobody works for a client that
// is gone.
func TestClientDisconnectEndsTheUpstreamRequest(t *testing.T) {
	inBothLanes(t, testClientDisconnectEndsTheUpstreamRequest)
}

func testClientDisconnectEndsTheUpstreamRequest(t *testing.T, lane string) {
	url, gone := slowBackend(t)
	g := startGateway(t, setup{upstream: url, more: lane})
	ctx, leave := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, g.url+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = hostOne
	r.SetBasicAuth(john, passwordOf(john))
	response, err := plainClient().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	leave()
	select {
	case <-gone:
	case <-time.After(30 * time.Second):
		t.Error("the upstream request goes on")
	}
	waitFor(t, func() bool { return strings.Contains(g.err.String(), `"reason":"client_gone"`) })
}

// TestBrokenUpstreamIsNeverACleanAnswer: what breaks off in the middle is
// seen to be broken, what cannot be had is said.
func TestBrokenUpstreamIsNeverACleanAnswer(t *testing.T) {
	inBothLanes(t, testBrokenUpstreamIsNeverACleanAnswer)
}

func testBrokenUpstreamIsNeverACleanAnswer(t *testing.T, lane string) {
	for name, row := range map[string]struct {
		answer string
		status int
		broken bool
		reason string
	}{
		"ShortBody":       {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", 200, true, "upstream_"},
		"ShortChunks":     {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", 200, true, "upstream_"},
		"BadChunk":        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n", 200, true, "upstream_"},
		"NoHTTP":          {"garbage\r\n\r\n", 502, false, "upstream_bad_answer"},
		"NoAnswer":        {"", 502, false, "upstream_unreachable"},
		"BadHeader":       {"HTTP/1.1 200 OK\r\nbad header\r\n\r\n", 502, false, "upstream_bad_answer"},
		"HugeHeader":      {"HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 1<<20) + "\r\n\r\n", 502, false, "upstream_bad_answer"},
		"TwoLengths":      {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", 502, false, "upstream_bad_answer"},
		"ToTheEndOfInput": {"HTTP/1.1 200 OK\r\n\r\nhello", 200, false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			go answerOnce(l, row.answer)
			g := startGateway(t, setup{upstream: "http://" + l.Addr().String(), more: lane})
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, g.url+"/", nil) // POST: no second try
			if err != nil {
				t.Fatal(err)
			}
			r.Host = hostOne
			r.SetBasicAuth(john, passwordOf(john))
			if status, err := readAll(r); (err != nil) != row.broken || !row.broken && status != row.status {
				t.Errorf("got %d %v, want %d, broken %v", status, err, row.status, row.broken)
			}
			if row.reason != "" {
				waitFor(t, func() bool { return strings.Contains(g.err.String(), `"reason":"`+row.reason) })
			}
		})
	}
}

// readAll returns the status, and an error if no whole answer came.
func readAll(r *http.Request) (int, error) {
	response, err := plainClient().Do(r)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	_, err = io.ReadAll(response.Body)
	return response.StatusCode, err
}

// answerOnce answers every connection with the same bytes.
func answerOnce(l net.Listener, answer string) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		r := bufio.NewReader(conn)
		if _, err := http.ReadRequest(r); err == nil {
			_, _ = io.WriteString(conn, answer)
		}
		_ = conn.Close()
	}
}

// TestRevocationCutsAFolderDownload: the embedded folder knows no context, so
// that the connection itself must end.
func TestRevocationCutsAFolderDownload(t *testing.T) {
	inBothLanes(t, testRevocationCutsAFolderDownload)
}

func testRevocationCutsAFolderDownload(t *testing.T, lane string) {
	g := startGateway(t, setup{more: lane})
	const size = 1 << 30 // more than any socket holds
	file, err := os.Create(filepath.Join(g.dir, "files", "large"))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(file.Truncate(size), file.Close()); err != nil {
		t.Fatal(err)
	}
	token := g.issue(john, hostOne, nil)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, g.url+"/large", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = hostOne
	r.Header.Set("Authorization", "Bearer "+token.value)
	response, err := plainClient().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.ContentLength != size {
		t.Fatalf("%s, %d bytes", response.Status, response.ContentLength)
	}
	g.revoke(john, token.id)
	waitFor(t, func() bool { return strings.Contains(g.scrape(), `tollgate_transfers_cut_total{reason="revoked"} 1`) })
	if n, err := io.Copy(io.Discard, response.Body); err == nil || n == size {
		t.Errorf("the download went on: %d bytes, %v", n, err)
	}
}
