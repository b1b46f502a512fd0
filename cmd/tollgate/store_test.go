package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"tollgate/cmd/tollgate/conf"
)

func TestStaleReads(t *testing.T) {
	for _, c := range []struct {
		name, yaml string
		want       time.Duration
		refused    bool
	}{
		{"deny", "stale_reads: deny", 0, false},
		{"a text in quotes", `stale_reads: "allow_for: 60s"`, time.Minute, false},
		{"a mapping, as the text is without its quotes", "stale_reads: {allow_for: 60s}", time.Minute, false},
		{"a mapping of its own lines", "stale_reads:\n    allow_for: 1h30m", 90 * time.Minute, false},
		{"a day", `stale_reads: "allow_for:1d"`, 24 * time.Hour, false},
		{"no time", "stale_reads: {allow_for: 0s}", 0, true},
		{"less than no time", "stale_reads: {allow_for: -1s}", 0, true},
		{"a number without a unit", "stale_reads: {allow_for: 60}", 0, true},
		{"nothing", `stale_reads: ""`, 0, true},
		{"something else", "stale_reads: allow", 0, true},
		{"another key", "stale_reads: {deny_for: 60s}", 0, true},
		{"two keys", "stale_reads: {allow_for: 60s, more: 1}", 0, true},
		{"a list", "stale_reads: [deny]", 0, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := Default()
			got.Store.StaleReads.AllowFor = 0
			_, faults := conf.Decode(&got, conf.Source{File: "f", Data: []byte("store:\n  " + c.yaml + "\n")})
			if (faults != nil) != c.refused {
				t.Fatalf("faults: %v", faults)
			}
			if c.refused {
				if !strings.HasPrefix(faults.Error(), "f:2: store.stale_reads") {
					t.Errorf("the fault does not name the key: %v", faults)
				}
				return
			}
			if got.Store.StaleReads.AllowFor != c.want {
				t.Errorf("got %v, want %v", got.Store.StaleReads.AllowFor, c.want)
			}
			var printed bytes.Buffer
			if err := conf.Print(&printed, &got); err != nil {
				t.Fatal(err)
			}
			again := Default()
			if _, faults := conf.Decode(&again, conf.Source{File: "f", Data: printed.Bytes()}); faults != nil || again.Store.StaleReads != got.Store.StaleReads {
				t.Errorf("what was printed is read as %v, %v", again.Store.StaleReads, faults)
			}
		})
	}
}

func TestSharedStoreIsChecked(t *testing.T) {
	const keyed = "keys: AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE=\n"
	for _, c := range []struct{ name, yaml, says string }{
		{"nothing is fine", "", ""},
		{"members and keys are fine", keyed + "store: {etcd: {endpoints: [http://a:2379, http://b:2379]}}", ""},
		{"certificates are fine", keyed + "store: {etcd: {endpoints: [https://a:2379], tls: {ca_file: a, cert_file: b, key_file: c}}}", ""},
		{"no keys", "store: {etcd: {endpoints: [http://a:2379]}}", "keys_file: several gateways"},
		{"a host and a port is fine", keyed + "store: {etcd: {endpoints: [a:2379, '[::1]:2379']}}", ""},
		{"another scheme", keyed + "store: {etcd: {endpoints: [unix://a:2379]}}", `store.etcd.endpoints[0]: "unix://a:2379" is no endpoint`},
		{"no port", keyed + "store: {etcd: {endpoints: [http://a]}}", `store.etcd.endpoints[0]: "http://a" is no endpoint`},
		{"a path", keyed + "store: {etcd: {endpoints: [http://a:2379/x]}}", "store.etcd.endpoints[0]"},
		{"a password in it", keyed + "store: {etcd: {endpoints: [http://u:p@a:2379]}}", "store.etcd.endpoints[0]"},
		{"some with TLS", keyed + "store: {etcd: {endpoints: [http://a:2379, https://b:2379]}}", "store.etcd.endpoints: some are https"},
		{"certificates without TLS", keyed + "store: {etcd: {endpoints: [http://a:2379], tls: {ca_file: a}}}", "store.etcd.tls: the endpoints are http"},
		{"half a certificate", keyed + "store: {etcd: {endpoints: [https://a:2379], tls: {cert_file: a}}}", "store.etcd.tls: cert_file and key_file"},
		{"a prefix that ends in a name", "store: {etcd: {prefix: /tollgate}}", `store.etcd.prefix: "/tollgate" is no prefix`},
		{"the whole of etcd", "store: {etcd: {prefix: /}}", "store.etcd.prefix"},
		{"a user without a password", "store: {etcd: {username: u}}", "store.etcd.username: username and password"},
		{"no staleness at all", "store: {max_staleness: 0s}", "store.max_staleness: accepted is 1s"},
		{"staleness of a day", "store: {max_staleness: 24h}", "store.max_staleness"},
		{"more than a gateway may go on together", "store: {max_staleness: 10m, stale_reads: {allow_for: 25m}}", "store.stale_reads: max_staleness and allow_for are 35m0s together"},
		{"the same member twice", keyed + "store: {etcd: {endpoints: [http://a:2379, http://a:2379]}}", `store.etcd.endpoints[1]: "http://a:2379" is there already`},
		{"no room", "store: {min_free: 1}", "store.min_free"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := Default()
			origins, faults := conf.Decode(&got, conf.Source{File: "f", Data: []byte(c.yaml + "\n")})
			got.validate(origins.Report(&faults))
			if c.says == "" {
				if faults != nil {
					t.Errorf("faults: %v", faults)
				}
				return
			}
			if faults == nil || !strings.Contains(faults.Error(), c.says) {
				t.Errorf("the faults do not say %q: %v", c.says, faults)
			}
			if faults != nil && strings.Contains(faults.Error(), "u:p") {
				t.Errorf("the faults show a password: %v", faults)
			}
		})
	}
}
