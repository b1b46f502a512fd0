package engine

import (
	"strings"
	"testing"

	clientv3 "go.etcd.io/etcd/client/v3"

	"tollgate/tokens"
)

func TestKeysLookAsTheyAreDocumented(t *testing.T) {
	t.Parallel()
	k := keys{prefix: "/tollgate/"}
	hash := tokens.HashOf("value")
	rows := map[string]string{
		k.data():                "/tollgate/d/",
		k.head():                "/tollgate/d/h",
		k.token("7"):            "/tollgate/d/t/7",
		k.user("a/b"):           "/tollgate/d/u/a/b",
		k.usage("7"):            "/tollgate/d/l/7",
		k.barrier("ff"):         "/tollgate/d/b/ff",
		k.hash(hash):            "/tollgate/i/h/" + string(hash[:]),
		k.name("ada", "deploy"): "/tollgate/i/n/\x03adadeploy",
		k.gateways():            "/tollgate/g/",
		k.gateway("g1/ff"):      "/tollgate/g/g1/ff",
		k.ack("ff", "g1/00"):    "/tollgate/a/ff/g1/00",
		k.lock("users", 0x2a):   "/tollgate/k/\x05users/2a",
		clientv3.GetPrefixRangeEnd("/tollgate/d/t/"): "/tollgate/d/t0",
	}
	for got, want := range rows {
		if got != want {
			t.Errorf("key %q, want %q", got, want)
		}
	}
}

// TestNamesDoNotMeet: no two owners and names share a key, and no queue is below
// another.
func TestNamesDoNotMeet(t *testing.T) {
	t.Parallel()
	k := keys{prefix: "/p/"}
	parts := []string{"", "a", "aa", "a/", "/", "a/b", "\x00", "\x01a", "\x02", strings.Repeat("a", 127), strings.Repeat("a", 128)}
	known := map[string]string{}
	for _, owner := range parts {
		for _, name := range parts {
			key, what := k.name(owner, name), owner+" | "+name
			if other, taken := known[key]; taken {
				t.Errorf("%q has the key of %q", what, other)
			}
			known[key] = what
		}
	}
	for _, one := range parts {
		for _, other := range parts {
			if one != other && strings.HasPrefix(k.lock(one, 1), k.locks(other)) {
				t.Errorf("the queue of %q is below that of %q", one, other)
			}
		}
	}
}

func TestKeysThatAreNotToldAreOther(t *testing.T) {
	t.Parallel()
	k := keys{prefix: "/p/"}
	for _, key := range []string{
		"", "/p/", "/p/d/", "/p/d/hh", "/p/d/t/", "/p/d/u/", "/p/d/l/", "/p/d/b/", "/p/d/x/1", "/q/d/t/1", "d/t/1", "/p/i/h/1", "/p/g/1", "/p/p/d/t/1",
	} {
		if kind, name := k.parse(key); kind != otherKind || name != "" {
			t.Errorf("%q is of kind %d and for %q", key, kind, name)
		}
	}
}

// FuzzKeys: what is read out of a key is what it was made from, and no other
// key says the same.
func FuzzKeys(f *testing.F) {
	f.Add("/tollgate/", "0000000000000000000042", "/tollgate/d/t/1")
	f.Add("/", "a/b\x00\xff", "/d/h")
	f.Add("", "", "d/u/")
	f.Fuzz(func(t *testing.T, prefix, name, key string) {
		k := keys{prefix: prefix}
		if name != "" {
			made := map[kind]string{
				tokenKind: k.token(tokens.ID(name)), userKind: k.user(name), usageKind: k.usage(tokens.ID(name)), barrierKind: k.barrier(name),
			}
			for kind, key := range made {
				if gotKind, got := k.parse(key); gotKind != kind || got != name {
					t.Errorf("%q of kind %d reads as %q of kind %d", name, kind, got, gotKind)
				}
			}
		}
		var again string
		switch kind, name := k.parse(key); kind {
		case headKind:
			again = k.head()
		case tokenKind:
			again = k.token(tokens.ID(name))
		case userKind:
			again = k.user(name)
		case usageKind:
			again = k.usage(tokens.ID(name))
		case barrierKind:
			again = k.barrier(name)
		default:
			return
		}
		if again != key {
			t.Errorf("%q reads as what makes %q", key, again)
		}
	})
}
