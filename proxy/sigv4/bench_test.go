package sigv4_test

import (
	"net/http"
	"testing"

	"tollgate/proxy/sigv4"
)

// samples are a small GET, signed in both places.
func samples(tb testing.TB) map[string]sigv4.View {
	older := olderView(tb)
	return map[string]sigv4.View{
		"header": signed(wire(tb, "GET", "/bucket/photos/2026/puppy.jpg", "storage.example", "User-Agent: aws-sdk", "Accept-Encoding: identity", "Range: bytes=0-9"), empty),
		"list":   signed(wire(tb, "GET", "/bucket?list-type=2&prefix=photos%2F&delimiter=%2F", "storage.example"), empty),
		"presigned": {Method: "GET", Host: "examplebucket.s3.amazonaws.com", Path: "/test.txt", Header: http.Header{},
			Query: "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request" +
				"&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"},
		"version2": older,
	}
}

func BenchmarkParse(b *testing.B) {
	for name, v := range samples(b) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := sigv4.Parse(v); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkCheck(b *testing.B) {
	s, err := sigv4.Parse(samples(b)["header"])
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := s.Check(day, region); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkVerify(b *testing.B) {
	for name, v := range samples(b) {
		b.Run(name, func(b *testing.B) {
			s, err := sigv4.Parse(v)
			if err != nil {
				b.Fatal(err)
			}
			keys := sigv4.NewKeys(1024)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.Verify(secret, keys); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkVerifyWithoutKeys derives the signing key each time.
func BenchmarkVerifyWithoutKeys(b *testing.B) {
	s, err := sigv4.Parse(samples(b)["header"])
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Verify(secret, nil); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSign(b *testing.B) {
	s := signer()
	s.Keys = sigv4.NewKeys(32)
	v := wire(b, "GET", "/bucket/photos/2026/puppy.jpg", "storage.example", "Range: bytes=0-9")
	b.ReportAllocs()
	for b.Loop() {
		if seed := s.Sign(day, &v, "UNSIGNED-PAYLOAD"); seed.Value == "" {
			b.Fatal("not signed")
		}
	}
}

// A verification with a remembered key needs at most two allocations.
func TestVerifyAllocates(t *testing.T) {
	s, err := sigv4.Parse(samples(t)["header"])
	wants(t, err, nil)
	keys := sigv4.NewKeys(1024)
	least := 1e9
	for range 5 { // the garbage collector may empty the pools in between
		least = min(least, testing.AllocsPerRun(200, func() { _, _ = s.Verify(secret, keys) }))
	}
	if least > 2 && !raceEnabled {
		t.Errorf("%v allocations", least)
	}
}

// Signing with a remembered key needs at most two allocations beside those of
// the header map.
func TestSignAllocates(t *testing.T) {
	s := signer()
	s.Keys = sigv4.NewKeys(32)
	v := wire(t, "GET", "/bucket/photos/2026/puppy.jpg", "storage.example", "Range: bytes=0-9")
	least := 1e9
	for range 5 {
		least = min(least, testing.AllocsPerRun(200, func() { s.Sign(day, &v, "UNSIGNED-PAYLOAD") }))
	}
	if least > 2 && !raceEnabled {
		t.Errorf("%v allocations", least)
	}
}

// What Sign puts into the header does not share room: appending to one value
// leaves the others.
func TestSignedValuesAreApart(t *testing.T) {
	v := wire(t, "GET", "/b/k", "h")
	seed := signer().Sign(day, &v, empty)
	value := v.Header.Get("Authorization")
	v.Header.Add("X-Amz-Date", "more")
	v.Header.Add("X-Amz-Content-Sha256", "more")
	if v.Header.Get("X-Amz-Content-Sha256") != empty || v.Header.Get("Authorization") != value || v.Header.Get("X-Amz-Date") != seed.Date {
		t.Errorf("%v", v.Header)
	}
}
