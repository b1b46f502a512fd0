package caller_test

import (
	"crypto/tls"
	"net/http"
	"strings"
	"testing"

	"tollgate/proxy/caller"
)

// from is a request from a peer with header lines.
func from(t *testing.T, peer string, lines ...string) *http.Request {
	t.Helper()
	r := wire(t, "/", lines...)
	r.RemoteAddr = peer
	return r
}

func TestWhereARequestComesFrom(t *testing.T) {
	trusted := []string{"10.0.0.0/8", "192.168.1.7", "2001:db8::/32", "fe80::/10", "::1"}
	const peer, stranger = "10.0.0.1:4000", "203.0.113.9:4000"
	xff := func(v string) []string { return []string{"X-Forwarded-For: " + v} }
	for _, c := range []struct {
		name, peer string
		lines      []string
		want       string // the client
	}{
		{"directly", stranger, nil, "203.0.113.9"},
		{"directly over IPv6", "[2a00::1]:4000", nil, "2a00::1"},
		{"directly from an IPv4 address inside IPv6", "[::ffff:203.0.113.9]:4000", nil, "203.0.113.9"},
		{"a stranger who names another", stranger, xff("198.51.100.1"), "203.0.113.9"},
		{"a stranger who names a proxy", stranger, xff("10.0.0.1"), "203.0.113.9"},
		{"a stranger who uses other headers", stranger, []string{"X-Real-IP: 10.0.0.1", "Forwarded: for=10.0.0.1", "Client-IP: 10.0.0.1"}, "203.0.113.9"},
		{"through a proxy", peer, xff("198.51.100.1"), "198.51.100.1"},
		{"through a single trusted address", "192.168.1.7:1", xff("198.51.100.1"), "198.51.100.1"},
		{"through its neighbour", "192.168.1.8:1", xff("198.51.100.1"), "192.168.1.8"},
		{"through a proxy that says nothing", peer, nil, "10.0.0.1"},
		{"through a proxy over IPv6", "[2001:db8::5]:443", xff("2a00::7"), "2a00::7"},
		{"through a proxy as IPv4 inside IPv6", "[::ffff:10.0.0.1]:4000", xff("198.51.100.1"), "198.51.100.1"},
		{"through a proxy on the same link", "[fe80::1%eth0]:4000", xff("198.51.100.1"), "198.51.100.1"},
		{"through two proxies", peer, xff("198.51.100.1, 10.1.2.3"), "198.51.100.1"},
		{"through two proxies in two headers", peer, []string{"X-Forwarded-For: 198.51.100.1", "X-Forwarded-For: 10.1.2.3"}, "198.51.100.1"},
		{"a client who put others in front", peer, xff("1.1.1.1, 10.0.0.9, 198.51.100.1"), "198.51.100.1"},
		{"a client who put a proxy in front", peer, xff("10.0.0.9, 198.51.100.1, 10.1.2.3"), "198.51.100.1"},
		{"a client who put others in front in a header of its own", peer, []string{"X-Forwarded-For: 1.1.1.1", "X-Forwarded-For: 198.51.100.1"}, "198.51.100.1"},
		{"proxies alone", peer, xff("10.3.3.3, 10.2.2.2"), "10.3.3.3"},
		{"with a port", peer, xff("198.51.100.1:5555"), "198.51.100.1"},
		{"IPv6 with a port", peer, xff("[2a00::7]:5555"), "2a00::7"},
		{"IPv6 in brackets", peer, xff("[2a00::7]"), "2a00::7"},
		{"IPv4 inside IPv6", peer, xff("::ffff:198.51.100.1"), "198.51.100.1"},
		{"with a zone", peer, xff("fe90::7%eth0, fe80::1%2"), "fe90::7"},
		{"between blanks", peer, xff("  198.51.100.1 ,\t10.1.2.3  "), "198.51.100.1"},
		{"what is no address ends the search", peer, xff("198.51.100.1, unknown, 10.1.2.3"), "10.1.2.3"},
		{"an empty element ends the search", peer, xff("198.51.100.1,, 10.1.2.3"), "10.1.2.3"},
		{"nothing but commas", peer, xff(",,,"), "10.0.0.1"},
		{"an obfuscated name", peer, xff("_hidden"), "10.0.0.1"},
		{"an address with too much", peer, xff("198.51.100.1.5"), "10.0.0.1"},
		{"a name", peer, xff("localhost"), "10.0.0.1"},
		{"octal is no address", peer, xff("0198.051.0100.01"), "10.0.0.1"},
		{"on a Unix socket", "@", xff("198.51.100.1"), "invalid IP"},
		{"without a peer", "", xff("198.51.100.1"), "invalid IP"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, err := caller.NewAddresses(trusted)
			if err != nil {
				t.Fatal(err)
			}
			r := from(t, c.peer, c.lines...)
			got := a.Of(r)
			if got.Client.String() != c.want {
				t.Errorf("the client is %s, want %s", got.Client, c.want)
			}
			if c.peer == peer && got.Peer.String() != "10.0.0.1" {
				t.Errorf("the peer is %s", got.Peer)
			}
			if direct := (&caller.Addresses{}).Of(r); direct.Client != direct.Peer || direct.HTTPS {
				t.Errorf("who trusts nobody believes %+v", direct)
			}
		})
	}
}

func TestHTTPS(t *testing.T) {
	a, err := caller.NewAddresses([]string{"10.0.0.0/8"})
	if err != nil {
		t.Fatal(err)
	}
	const proxy, stranger = "10.0.0.1:1", "203.0.113.9:1"
	proto := func(v ...string) []string {
		for i := range v {
			v[i] = "X-Forwarded-Proto: " + v[i]
		}
		return v
	}
	for _, c := range []struct {
		name, peer string
		tls        bool
		lines      []string
		want       bool
	}{
		{"plain", stranger, false, nil, false},
		{"TLS", stranger, true, nil, true},
		{"a stranger who says so", stranger, false, proto("https"), false},
		{"a stranger who denies it", stranger, true, proto("http"), true},
		{"a proxy that says so", proxy, false, proto("https"), true},
		{"a proxy that says so in capitals", proxy, false, proto("HTTPS"), true},
		{"a proxy that denies it", proxy, true, proto("http"), false},
		{"a proxy that says nothing", proxy, true, nil, true},
		{"a proxy that says the empty word", proxy, true, proto(""), true},
		{"a client in front of the proxy", proxy, false, proto("https, http"), false},
		{"a client's own header in front of the proxy's", proxy, false, proto("https", "http"), false},
		{"the last word counts", proxy, false, proto("http", "http, https"), true},
		{"a word that nobody knows", proxy, true, proto("ftp"), false},
		{"another header", proxy, false, []string{"X-Forwarded-Ssl: on", "Front-End-Https: on", "Forwarded: proto=https"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := from(t, c.peer, c.lines...)
			if c.tls {
				r.TLS = &tls.ConnectionState{}
			}
			if got := a.Of(r).HTTPS; got != c.want {
				t.Errorf("HTTPS: %v", got)
			}
		})
	}
}

func TestNewAddresses(t *testing.T) {
	for _, bad := range []string{"", "10.0.0.0/33", "10.0.0", "example.com", "10.0.0.0/8 ", "10.0.0.1:80", "::/129", "*", "10.0.0.0-10.0.0.9"} {
		if _, err := caller.NewAddresses([]string{"::1", bad}); err == nil || !strings.Contains(err.Error(), "accepted is a CIDR") {
			t.Errorf("%q: %v", bad, err)
		}
	}
	for _, c := range []struct {
		network, peer string
		trusted       bool
	}{
		{"10.1.2.3/8", "10.200.0.1:1", true}, // bits beyond the length do not count
		{"0.0.0.0/0", "203.0.113.9:1", true},
		{"0.0.0.0/0", "[2a00::1]:1", false},
		{"::/0", "203.0.113.9:1", false},
		{"::ffff:10.0.0.0/104", "10.0.0.1:1", true}, // IPv4 inside IPv6 is IPv4
		{"::ffff:10.0.0.0/104", "11.0.0.1:1", false},
		{"::ffff:10.0.0.1", "10.0.0.1:1", true},
		{"10.0.0.1", "[::ffff:10.0.0.1]:1", true},
		{"fe80::1", "[fe80::1%eth0]:1", true},
		{"10.0.0.1/32", "10.0.0.2:1", false},
	} {
		a, err := caller.NewAddresses([]string{c.network})
		if err != nil {
			t.Errorf("%s: %v", c.network, err)
			continue
		}
		client := a.Of(from(t, c.peer, "X-Forwarded-For: 198.51.100.1")).Client
		if trusted := client.String() == "198.51.100.1"; trusted != c.trusted {
			t.Errorf("%s trusts %s: %v", c.network, c.peer, trusted)
		}
	}
}
