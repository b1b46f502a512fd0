package main

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// http2Statuses sends requests as raw frames over one HTTP/2 connection, each
// a list of header fields with the end of the stream, and returns the statuses
// by stream.
func (g *gateway) http2Statuses(t *testing.T, requests ...[]string) []string {
	t.Helper()
	dialer := &tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}}} // #nosec G402 -- the test's own server
	conn, err := dialer.DialContext(t.Context(), "tcp", strings.TrimPrefix(g.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(conn, http2.ClientPreface); err != nil {
		t.Fatal(err)
	}
	framer := http2.NewFramer(conn, conn)
	framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	_ = framer.WriteSettings()
	statuses := make([]string, len(requests))
	for i, fields := range requests {
		var block strings.Builder
		encoder := hpack.NewEncoder(&block)
		for j := 0; j+1 < len(fields); j += 2 {
			_ = encoder.WriteField(hpack.HeaderField{Name: fields[j], Value: fields[j+1]})
		}
		_ = framer.WriteHeaders(http2.HeadersFrameParam{StreamID: uint32(2*i + 1), BlockFragment: []byte(block.String()), EndStream: true, EndHeaders: true})
		for statuses[i] == "" {
			frame, err := framer.ReadFrame()
			if err != nil {
				t.Fatal(err)
			}
			switch frame := frame.(type) {
			case *http2.MetaHeadersFrame:
				statuses[i] = frame.PseudoValue("status")
			case *http2.RSTStreamFrame:
				statuses[i] = frame.ErrCode.String()
			}
		}
	}
	return statuses
}

// TestHTTP2CannotSmuggle: a stream that ends with its head and announces a
// body, and a Host beside the authority, reach nobody.
func TestHTTP2CannotSmuggle(t *testing.T) {
	b := startBackend(t)
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	writeCertificate(t, cert, key)
	g := startGateway(t, setup{upstream: b.URL, more: fmt.Sprintf("tls: {cert_file: %s, key_file: %s}\n", cert, key)})
	request := func(more ...string) []string {
		return append([]string{
			":method", "GET", ":scheme", "https", ":authority", hostOne, ":path", "/first",
			"authorization", basicOf(john),
		}, more...)
	}
	if got := g.http2Statuses(t, request()); !slices.Equal(got, []string{"200"}) || len(b.take()) != 1 {
		t.Fatalf("a plain request: %v", got)
	}
	if got := g.http2Statuses(t, request("content-length", "48")); slices.Equal(got, []string{"200"}) {
		t.Errorf("a length without a body: %v", got)
	}
	if n := len(b.take()); n != 0 {
		t.Errorf("forwarded %d times", n)
	}
	g.http2Statuses(t, request("host", hostTwo))
	for _, f := range b.take() {
		if f.Host != hostOne {
			t.Errorf("the upstream got host %q", f.Host)
		}
	}
}

func basicOf(user string) string {
	r := http.Request{Header: http.Header{}}
	r.SetBasicAuth(user, passwordOf(user))
	return r.Header.Get("Authorization")
}

// TestWhatHostileClientsTried holds single holes shut, one row each.
func TestWhatHostileClientsTried(t *testing.T) {
	b := startBackend(t)
	g := startGateway(t, setup{upstream: b.URL, more: "public:\n  - {path_prefix: /public/}\n"})
	token := g.issue(john, hostOne, nil).value
	foreign := g.issue(other, hostTwo, nil).value
	for _, row := range []struct {
		name    string
		ask     ask
		status  int
		reaches bool
	}{
		{"UpgradeToH2C", ask{user: john, header: headers("Connection", "Upgrade, HTTP2-Settings", "Upgrade", "h2c", "HTTP2-Settings", "AAMA")}, 400, false},
		{"UpgradeToHTTPBesideAnother", ask{user: john, header: headers("Connection", "Upgrade", "Upgrade", "websocket, HTTP/2.0")}, 400, false},
		{"UpgradeToTLS", ask{user: john, header: headers("Connection", "Upgrade", "Upgrade", "TLS/1.2")}, 400, false},
		{"QueryTokenLogsABrowserIn", ask{method: "POST", target: "/.TOKEN/?_token=" + token, header: headers("Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site")}, 403, false},
		{"QueryTokenWithoutABrowser", ask{method: "POST", target: "/.TOKEN/?_token=" + token}, 201, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := g.do(row.ask); got.status != row.status || (len(b.take()) > 0) != row.reaches {
				t.Errorf("got %d %s", got.status, got.body)
			}
		})
	}
	t.Run("StrangerOnPublicPathIsNobody", func(t *testing.T) {
		g.do(ask{target: "/public/x", header: headers("Authorization", "Bearer "+foreign)})
		if f := b.take(); len(f) != 1 || f[0].Header.Get("X-Gateway-User") != "" || f[0].Header.Get("X-Gateway-Token-Id") != "" {
			t.Errorf("the upstream was told %v", f)
		}
	})
	t.Run("LinkRepeatsNoCredential", func(t *testing.T) {
		g.issue(john, hostOne, nil)
		got := g.do(ask{target: "/.TOKEN/?limit=1&_token=" + token})
		if link := got.header.Get("Link"); link == "" || strings.Contains(link, token) {
			t.Errorf("Link %q", link)
		}
	})
	t.Run("TrailerCarriesNoCredential", func(t *testing.T) {
		g.raw("PUT /x HTTP/1.1\r\nHost: one.example.com\r\nAuthorization: Bearer " + token + "\r\nTransfer-Encoding: chunked\r\nTrailer: Cookie, Authorization, X-Fine\r\nConnection: close\r\n\r\n1\r\na\r\n0\r\nCookie: token=" + token + "\r\nAuthorization: Bearer " + token + "\r\nX-Fine: yes\r\n\r\n")
		if f := b.take(); len(f) != 1 || strings.Contains(fmt.Sprint(f), token) {
			t.Errorf("the upstream got %v", f)
		}
	})
}

// TestDomainTokenManagesNobodyElseInTheTenant: an admin's token for one domain
// shows and ends what is its owner's, and nothing of others beyond the domain.
func TestDomainTokenManagesNobodyElseInTheTenant(t *testing.T) {
	b := startBackend(t)
	g := startGateway(t, setup{upstream: b.URL})
	narrow := headers("Authorization", "Bearer "+g.issue(boss, hostOneB, nil).value)
	victim := g.issue(john, hostOne, nil)
	const tenant = "/_admin/manage/tenants/one/tokens/"
	for _, row := range []struct {
		name   string
		ask    ask
		status int
	}{
		{"EndsAnother's", ask{method: "DELETE", target: tenant + victim.id, header: narrow}, 403},
		{"ShowsAnother's", ask{target: tenant + victim.id, header: narrow}, 403},
		{"ListsAnother's", ask{target: tenant + "?x-owner-meta=john", header: narrow}, 403},
		{"FromAHostOfNobody", ask{target: "/.TOKEN/?x-owner-meta=john", host: "10.9.9.9", header: narrow}, 403},
		{"OnAnotherDomain", ask{target: "/.TOKEN/?x-owner-meta=john", header: narrow}, 403},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := g.do(row.ask); got.status != row.status {
				t.Errorf("got %d %s", got.status, got.body)
			}
		})
	}
	if got := g.do(ask{target: tenant, header: narrow}); got.status != 200 || strings.Contains(got.body, victim.id) {
		t.Errorf("its own list: %d %s", got.status, got.body)
	}
	if got := g.do(ask{header: headers("Authorization", "Bearer "+victim.value)}); got.status != 200 {
		t.Errorf("the victim's token: %d", got.status)
	}
}

// TestFolderHoles: what the embedded folder must not do for who may only
// write, or to who only looks.
func TestFolderHoles(t *testing.T) {
	s := setup{dir: t.TempDir()}
	config := strings.Replace(s.configuration(), "users:\n", "users:\n  - {name: writer, password_hash: \""+hashes()[john]+"\", tenants: [one], permissions: [storage.read, storage.write]}\n", 1)
	g := startGateway(t, s)
	g.write(config)
	waitFor(t, func() bool { return strings.Contains(g.err.String(), "configuration reloaded") })
	writer := func() http.Header {
		r := http.Request{Header: http.Header{}}
		r.SetBasicAuth("writer", passwordOf(john))
		return r.Header
	}
	with := func(pairs ...string) http.Header {
		h := writer()
		for i := 0; i+1 < len(pairs); i += 2 {
			h.Set(pairs[i], pairs[i+1])
		}
		return h
	}
	for _, row := range []struct {
		name   string
		ask    ask
		status int
	}{
		{"MakeFile", ask{method: "PUT", target: "/dir/file", body: "x", header: writer()}, 201},
		{"MakeSmall", ask{method: "PUT", target: "/small", body: "x", header: writer()}, 201},
		{"ListFolder", ask{target: "/dir/", header: writer()}, 403},
		{"ListFolderEncoded", ask{target: "/dir%2F", header: writer()}, 403},
		{"CopyOverFolder", ask{method: "COPY", target: "/small", header: with("Destination", "/dir")}, 409},
		{"DeleteFolder", ask{method: "DELETE", target: "/dir/", header: writer()}, 403},
		{"FileIsStillThere", ask{target: "/dir/file", header: writer()}, 200},
		{"DeepPath", ask{method: "PUT", target: strings.Repeat("/a", 400), body: "x", header: writer()}, 400},
		{"LargeLock", ask{method: "LOCK", target: "/small", body: "<lockinfo xmlns='DAV:'><lockscope><exclusive/></lockscope><locktype><write/></locktype><owner>" + strings.Repeat("x", 1<<20) + "</owner></lockinfo>", header: writer()}, 400},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := g.do(row.ask); got.status != row.status {
				t.Errorf("got %d %s, want %d", got.status, got.body, row.status)
			}
		})
	}
	t.Run("SandboxWhateverTheCredential", func(t *testing.T) {
		token := g.issue(john, hostOne, nil).value
		for form, present := range presentations {
			a := ask{target: "/dir/file", header: http.Header{}}
			present(&a, token)
			if got := g.do(a); got.status != 200 || !slices.Contains(got.header["Content-Security-Policy"], "sandbox") {
				t.Errorf("%s: %d %v", form, got.status, got.header)
			}
		}
	})
}

// TestFolderOverTheStoreIsAFault: serving the data directory would serve the
// sealing keys.
func TestFolderOverTheStoreIsAFault(t *testing.T) {
	for dir, faults := range map[string]int{"/srv/gate": 1, "/srv": 1, "/": 1, "/srv/gate/data": 1, "/srv/gate/data/keys": 1, "/srv/gate/data/files": 0, "/srv/gate/data/files/x": 0, "/srv/other": 0, "/srv/gate/database": 0} {
		c := Default()
		c.DataDir = "/srv/gate/data"
		c.Upstreams = []Upstream{{}}
		c.Upstreams[0].SetDefaults()
		c.Upstreams[0].Name, c.Upstreams[0].URLs = "x", []string{"dir:" + dir}
		var got []string
		c.validate(func(path, message string) { got = append(got, path+": "+message) })
		if len(got) != faults {
			t.Errorf("dir:%s: %q", dir, got)
		}
	}
}

// TestRefusedClientMayNotHoldItsConnection: a body that never comes holds
// neither the answer nor the connection.
func TestRefusedClientMayNotHoldItsConnection(t *testing.T) {
	b := startBackend(t)
	g := startGateway(t, setup{upstream: b.URL})
	for _, head := range []string{
		"PUT /x HTTP/1.1\r\nHost: one.example.com\r\nContent-Length: 100\r\n\r\nabc",
		"PUT /x HTTP/1.1\r\nHost: nobody.example.net\r\nTransfer-Encoding: chunked\r\n\r\n",
		"DELETE /.TOKEN/x HTTP/1.1\r\nHost: one.example.com\r\nContent-Length: 100\r\n\r\n",
	} {
		started := time.Now()
		statuses := g.raw(head)
		if len(statuses) != 1 || statuses[0] < 400 || time.Since(started) > 9*time.Second {
			t.Errorf("%.30q: %v after %v", head, statuses, time.Since(started))
		}
	}
}
