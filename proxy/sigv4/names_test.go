package sigv4

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"tollgate/tokens"
)

// The names that are written out are those of net/http.
func TestKnownNames(t *testing.T) {
	known := 0
	for _, name := range []string{
		"accept-encoding", "amz-sdk-invocation-id", "amz-sdk-request", "content-length", "content-md5", "content-type",
		"host", "range", "user-agent", "x-amz-content-sha256", "x-amz-date", "x-amz-meta-a", "",
	} {
		canonical := http.CanonicalHeaderKey(name)
		if got := canonicalName(name); got != "" {
			known++
			if got != canonical {
				t.Errorf("%s is %s", name, got)
			}
		}
		signs := slices.Contains([]string{"content-md5", "content-type", "range", "x-amz-content-sha256", "x-amz-date", "x-amz-meta-a"}, name)
		if got := plainName(canonical); signs && got != name || !signs && got != "" {
			t.Errorf("%s is signed as %q", canonical, got)
		}
		// Found under the name of net/http, whether it is written out or not.
		m := message{header: http.Header{canonical: {"v"}}}
		if _, found := m.values(name); found != (name != "host") {
			t.Errorf("%s: %v", name, found)
		}
		m = message{header: http.Header{name: {"v"}}}
		if _, found := m.values(name); found && name != "" {
			t.Errorf("%s is found where net/http puts nothing", name)
		}
	}
	if known != 9 {
		t.Errorf("%d names are written out", known)
	}
}

// present and appendHeader find the same.
func TestPresent(t *testing.T) {
	for _, m := range []message{
		{}, {host: "h"}, {length: -1}, {length: 7, header: http.Header{"Range": {"r"}, "Content-Length": {}}},
		{length: -1, header: http.Header{"Content-Length": {"1"}, "Transfer-Encoding": {"gzip"}, "Host": {"h"}, "X-Amz-Meta-A": {"", "b"}}},
	} {
		for _, name := range []string{"host", "content-length", "transfer-encoding", "range", "x-amz-meta-a", "x-amz-date", ""} {
			if _, want := m.appendHeader(nil, name); m.present(name) != want {
				t.Errorf("%s in %+v: %v", name, m, !want)
			}
		}
	}
}

// The classes of bytes, each against its definition.
func TestByteClasses(t *testing.T) {
	const letters, upper, digits = "abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789"
	for i := range 256 {
		c := byte(i)
		for in, want := range map[class]bool{
			unreserved: strings.IndexByte(letters+upper+digits+"-._~", c) >= 0,
			plainPath:  strings.IndexByte(letters+upper+digits+"-._~/", c) >= 0,
			tokenChar:  strings.IndexByte(letters+digits+"!#$%&'*+-.^_`|~", c) >= 0,
			keyChar:    c > ' ' && c < 0x7f && c != ',' && c != '/',
		} {
			text := "a" + string([]byte{c})
			if got := lengthOf(text, in); (got == len(text)) != want {
				t.Errorf("%q in class %d: %v", c, in, !want)
			}
		}
		eight := "0123abcd"
		if want := 'A' <= c && c <= 'F'; unhex(c) < 16 && hasUpperCase(eight[:3]+string([]byte{c})+eight[4:]+eight) != want {
			t.Errorf("%q among digits: %v", c, !want)
		}
	}
	for s, want := range map[string]string{"": "", " ": "", "\t a b\t ": "a b", "a": "a", "\n a\n": "\n a\n"} {
		if got := trim(s); got != want {
			t.Errorf("%q becomes %q", s, got)
		}
	}
}

// Many that ask at once for few keys each get their own, with a room so small
// that generations end all the time.
func TestKeysAtOnce(t *testing.T) {
	keys := NewKeys(1)
	var group sync.WaitGroup
	for i := range 4 {
		group.Go(func() {
			for j := range 200 {
				name := keyName{tokens.Secret("secret"), "20130524", string(rune('a' + (i+j)%3)), service}
				if keys.key(name).sum(nil) != deriveKey(name).sum(nil) {
					t.Errorf("another key for region %s", name.region)
					return
				}
			}
		})
	}
	group.Wait()
	for i := range keys.shards {
		shard := &keys.shards[i]
		if recent := shard.recent.Load(); recent != nil && shard.fresh[recent.name] != recent {
			t.Error("the recent key is none of the fresh ones")
		}
	}
}

// Secrets of any length spread over all shards.
func TestShards(t *testing.T) {
	for _, length := range []int{3, 8, 40, 43} {
		var seen [keyShards]int
		for i := range 1600 {
			seen[shardOf(tokens.Secret(strings.Repeat("x", length-3)+string([]byte{byte('a' + i%26), byte('A' + i/26%26), byte('0' + i/676)})))]++
		}
		if slices.Min(seen[:]) < 25 {
			t.Errorf("%d bytes: %v", length, seen)
		}
	}
}
