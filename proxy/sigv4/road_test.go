package sigv4_test

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tollgate/proxy/sigv4"
)

// arriving are GETs of a small object as common clients send them. Their
// headers are what net/http's server gives.
func arriving(tb testing.TB) map[string]sigv4.View {
	return map[string]sigv4.View{
		"boto3": signed(wire(tb, "GET", "/bucket/photos/2026/puppy.jpg", "gateway.example:8080",
			"Accept-Encoding: identity", "User-Agent: Boto3/1.40.1 md/Botocore#1.40.1 os/linux lang/python#3.13",
			"X-Amz-Checksum-Mode: ENABLED", "Amz-Sdk-Invocation-Id: 3c1ec7a4-bd7c-4d85-a1d8-a2ef28eb3c9d", "Amz-Sdk-Request: attempt=1"), empty),
		"range": signed(wire(tb, "GET", "/bucket/photos/2026/puppy.jpg", "gateway.example:8080",
			"Accept-Encoding: identity", "User-Agent: aws-cli/2.27", "Range: bytes=0-1023"), "UNSIGNED-PAYLOAD"),
		"presigned": samples(tb)["presigned"],
	}
}

// BenchmarkRoad is what a signed GET costs on its way: read, checked and
// verified, and signed anew for the storage, in memory that a request before
// had. The copy of the header is part of it.
func BenchmarkRoad(b *testing.B) {
	for name, v := range arriving(b) {
		b.Run(name, func(b *testing.B) {
			keys, own := sigv4.NewKeys(1024), signer()
			own.Keys = sigv4.NewKeys(64)
			out := http.Header{}
			var s sigv4.Signature
			var begin sigv4.Seed
			b.ReportAllocs()
			for b.Loop() {
				if err := s.Read(v); err != nil {
					b.Fatal(err)
				}
				if err := s.Check(day, region); err != nil {
					b.Fatal(err)
				}
				if err := s.VerifyInto(&begin, secret, keys); err != nil {
					b.Fatal(err)
				}
				clear(out)
				maps.Copy(out, v.Header)
				forwarded := sigv4.View{Method: v.Method, Host: "storage.example", Path: v.Path, Query: s.Strip(v.Query), Header: out}
				if seed := own.Sign(day, &forwarded, sigv4.EmptyDigest); seed.Value == "" {
					b.Fatal("not signed")
				}
			}
		})
	}
}

// BenchmarkRead is Parse into memory that is there.
func BenchmarkRead(b *testing.B) {
	for name, v := range arriving(b) {
		b.Run(name, func(b *testing.B) {
			var s sigv4.Signature
			b.ReportAllocs()
			for b.Loop() {
				if err := s.Read(v); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkRefuse compares an access key that is not known with a signature
// that does not match: the two must cost the same.
func BenchmarkRefuse(b *testing.B) {
	v := arriving(b)["boto3"]
	v.Host = "elsewhere.example"
	s, err := sigv4.Parse(v)
	if err != nil {
		b.Fatal(err)
	}
	keys := sigv4.NewKeys(1024)
	b.Run("unknown key", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			s.VerifyDummy(keys)
		}
	})
	b.Run("mismatch", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := s.Verify(secret, keys); err == nil {
				b.Fatal("verified")
			}
		}
	})
}

// Memory in which another request was read gives what new memory gives, and
// after a refusal it says nothing.
func TestReadLeavesNothing(t *testing.T) {
	good := arriving(t)
	good["version2"] = samples(t)["version2"]
	good["streamed"] = signed(wire(t, "PUT", "/b/k", "h", "Content-Length: 90", "X-Amz-Decoded-Content-Length: 5", "X-Amz-Trailer: x-amz-checksum-crc32",
		"X-Amz-Meta-A: a", "X-Amz-Meta-B: b", "X-Amz-Meta-C: c", "X-Amz-Meta-D: d", "X-Amz-Meta-E: e", "X-Amz-Meta-F: f"), "STREAMING-UNSIGNED-PAYLOAD-TRAILER")
	good["not all signed"] = signed(wire(t, "GET", "/b/k", "h"), empty)
	good["not all signed"].Header["X-Amz-Acl"] = []string{"private"}
	for before, one := range good {
		for after, other := range good {
			t.Run(before+", then "+after, func(t *testing.T) {
				var s sigv4.Signature
				wants(t, s.Read(one), nil)
				_, _ = s.Verify(secret, nil)
				wants(t, s.Read(other), nil)
				fresh, err := sigv4.Parse(other)
				wants(t, err, nil)
				if !reflect.DeepEqual(&s, fresh) {
					t.Errorf("%+v, want %+v", &s, fresh)
				}
				bad := other
				bad.Path = "/%"
				wants(t, s.Read(bad), sigv4.ErrURI)
				if !reflect.DeepEqual(&s, &sigv4.Signature{}) {
					t.Errorf("after a refusal: %+v", &s)
				}
				if _, err := s.Verify(secret, nil); !errors.Is(err, sigv4.ErrMismatch) || s.Check(day, region) == nil {
					t.Errorf("after a refusal: %v", err)
				}
			})
		}
	}
}

// A header under a name that net/http does not give could not be found again:
// it is not signed, and one of the same name is signed once.
func TestSignLeavesOtherSpellings(t *testing.T) {
	for name, signs := range map[string]bool{
		"X-Amz-Meta-A": true, "x-amz-meta-a": false, "X-AMZ-Meta-A": false, "X_amz.meta": true, "X_Amz-Meta-A": false, "X-Amz-Checksum-Mode": true,
		"x-amz-date": false, "X-Amz-Meta-": true, "X-Amz-": true,
	} {
		v := sigv4.View{Method: "GET", Host: "h", Path: "/", Header: http.Header{name: {"v"}, "X-Amz-Meta-Empty": {}}}
		signer().Sign(day, &v, empty)
		_, list, _ := strings.Cut(v.Header.Get("Authorization"), "SignedHeaders=")
		list, _, _ = strings.Cut(list, ",")
		got := strings.Split(list, ";")
		want := []string{"host", "x-amz-content-sha256", "x-amz-date"}
		if signs {
			want = append(want, strings.ToLower(name))
		}
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s: signed are %v", name, got)
		}
	}
}

// A Seed that is filled is that of Verify, and an error leaves nothing in it.
func TestVerifyInto(t *testing.T) {
	for name, v := range arriving(t) {
		s, err := sigv4.Parse(v)
		wants(t, err, nil)
		var seed sigv4.Seed
		wants(t, s.VerifyInto(&seed, secret, nil), nil)
		other, err := s.Verify(secret, nil)
		wants(t, err, nil)
		if seed.Value != other.Value || seed.Date != other.Date || seed.Scope != other.Scope || seed.MAC([]byte("x")) != other.MAC([]byte("x")) {
			t.Errorf("%s: %+v, want %+v", name, seed, other)
		}
		for kind, read := range map[error]func(*sigv4.Signature) error{
			sigv4.ErrMismatch: func(s *sigv4.Signature) error { return s.VerifyInto(&seed, secret+"x", nil) },
			sigv4.ErrSignedHeaderAbsent: func(s *sigv4.Signature) error {
				v.Host = ""
				wants(t, s.Read(v), nil)
				return s.VerifyInto(&seed, secret, nil)
			},
		} {
			seed.Value = "of another"
			wants(t, read(s), kind)
			if seed.MAC != nil || seed.Value != "" || seed.Date != "" || seed.Scope != "" {
				t.Errorf("%s: %v leaves %+v", name, kind, seed)
			}
			wants(t, s.Read(arriving(t)[name]), nil)
		}
	}
}

// SignsNoBody is true of the digest of nothing alone.
func TestSignsNoBody(t *testing.T) {
	for payload, want := range map[string]bool{
		empty: true, strings.ToUpper(empty): true, "UNSIGNED-PAYLOAD": false, strings.Repeat("0", 64): false, empty[:63] + "4": false,
	} {
		s, err := sigv4.Parse(signed(wire(t, "GET", "/b/k", "h"), payload))
		wants(t, err, nil)
		if s.SignsNoBody() != want {
			t.Errorf("%s: %v", payload, !want)
		}
	}
	if new(sigv4.Signature).SignsNoBody() {
		t.Error("of no signature")
	}
}

// stripped is Strip, pair by pair.
func stripped(query string, drop ...string) string {
	return strings.Join(slices.DeleteFunc(strings.Split(query, "&"), func(pair string) bool {
		name, _, _ := strings.Cut(pair, "=")
		return slices.Contains(drop, name)
	}), "&")
}

// FuzzStrip: what is left of the query are the other pairs, byte for byte and
// in order, wherever they stand.
func FuzzStrip(f *testing.F) {
	f.Add("", "")
	f.Add("a=1&b=2", "c")
	f.Add("&", "&&")
	f.Add("X-Amz-Algorithms=1&=", "x=%26")
	f.Fuzz(func(t *testing.T, front, back string) {
		query := front + "&" + presigned() + "&" + back
		s, err := sigv4.Parse(sigv4.View{Method: "GET", Host: "h", Path: "/", Query: query})
		if err != nil || strings.Contains(front+back, "%") {
			return // names that are escaped the other way does not know
		}
		for _, query := range []string{query, presigned(), front + "&" + presigned(), presigned() + "&" + back, front, ""} {
			want := stripped(query, "X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-SignedHeaders",
				"X-Amz-Signature", "X-Amz-Content-Sha256", "X-Amz-Security-Token")
			if got := s.Strip(query); got != want {
				t.Errorf("%q becomes %q, want %q", query, got, want)
			}
		}
	})
}

// Reading, checking and verifying a request with a remembered key needs no
// allocation, and none beside the credential where that is escaped in the
// query; signing needs two.
func TestRoadAllocates(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector empties pools at random")
	}
	for name, v := range arriving(t) {
		var s sigv4.Signature
		var begin sigv4.Seed
		keys := sigv4.NewKeys(1024)
		least := 1e9
		for range 5 { // the garbage collector may empty the pools in between
			least = min(least, testing.AllocsPerRun(200, func() {
				if s.Read(v) != nil || s.Check(day, region) != nil {
					t.Error("refused")
				}
				if err := s.VerifyInto(&begin, secret, keys); err != nil {
					t.Error(err)
				}
				_ = s.Strip(v.Query)
			}))
		}
		if want := map[string]float64{"presigned": 1}[name]; least > want {
			t.Errorf("%s: %v allocations, want %v", name, least, want)
		}
	}
}

// An access key that is not known costs what a signature costs that does not
// match, also in memory.
func TestRefusalsAllocateTheSame(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector empties pools at random")
	}
	s, err := sigv4.Parse(arriving(t)["boto3"])
	wants(t, err, nil)
	keys := sigv4.NewKeys(1024)
	unknown, known := 1e9, 1e9
	for range 5 {
		unknown = min(unknown, testing.AllocsPerRun(200, func() { s.VerifyDummy(keys) }))
		known = min(known, testing.AllocsPerRun(200, func() { _, _ = s.Verify("another", keys) }))
	}
	if unknown != known {
		t.Errorf("%v and %v allocations", unknown, known)
	}
}

// Requests that are verified and signed at once, with keys in common, each
// have their own result.
func TestRoadAtOnce(t *testing.T) {
	keys, own := sigv4.NewKeys(32), signer()
	own.Keys = keys
	var group sync.WaitGroup
	for i := range 8 {
		path := fmt.Sprintf("/bucket/%d", i)
		v := signed(wire(t, "GET", path, "h"), empty)
		other := v
		other.Path = "/bucket/other"
		group.Go(func() {
			var s sigv4.Signature
			for j := range 100 {
				seed, err := (*sigv4.Seed)(nil), s.Read(v)
				if err == nil {
					seed, err = s.Verify(secret, keys)
				}
				if err != nil || !strings.HasSuffix(v.Header.Get("Authorization"), seed.Value) {
					t.Errorf("%s: %v", path, err)
				}
				if s.Read(other) != nil {
					t.Error("not read")
				}
				if _, err := s.Verify(secret, keys); err == nil {
					t.Error("verifies for another object")
				}
				now := day.Add(time.Duration(j) * time.Second / 10)
				out := sigv4.View{Method: "GET", Host: "h", Path: path}
				own.Sign(now, &out, empty)
				if _, _, err := verify(out, now, nil); err != nil {
					t.Errorf("%s, signed anew: %v", path, err)
				}
			}
		})
	}
	group.Wait()
}
