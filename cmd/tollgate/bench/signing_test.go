package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash/crc32"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"tollgate/proxy/sigv4"
	"tollgate/proxy/sigv4/payload"
)

// signedAt is when the requests of these tests are signed.
var signedAt = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

const testAddress = "127.0.0.1:8080"

// received reads a request as a server does, and how it says it was signed.
func received(t *testing.T, wire []byte) (*http.Request, *sigv4.Signature) {
	t.Helper()
	r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(wire)))
	if err != nil {
		t.Fatal(err)
	}
	s, err := sigv4.Parse(sigv4.View{
		Method: r.Method, Host: r.Host, Path: r.URL.Path, Header: r.Header, ContentLength: r.ContentLength,
	})
	if err != nil {
		t.Fatal(err)
	}
	return r, s
}

func TestRequestsAreSignedAndWhole(t *testing.T) {
	t.Parallel()
	const size = 150_000 // more than two chunks
	want := content(size)
	for _, o := range objectKinds(settings{size: 1024, object: size}) {
		t.Run(o.name, func(t *testing.T) {
			t.Parallel()
			wire, err := o.request(signerOf("KEY", "secret"), testAddress, signedAt)
			if err != nil {
				t.Fatal(err)
			}
			r, s := received(t, wire)
			seed, err := s.Verify("secret", nil)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.Verify("other", nil); !errors.Is(err, sigv4.ErrMismatch) {
				t.Errorf("another secret: %v", err)
			}
			if s.AccessKey != "KEY" || s.Region != region || r.URL.Path != "/"+bucket+"/"+o.key {
				t.Errorf("signed by %s in %s for %s", s.AccessKey, s.Region, r.URL.Path)
			}
			body, err := io.ReadAll(decoded(r, s, seed))
			if err != nil {
				t.Fatal(err)
			}
			if o.method == http.MethodGet && (len(body) > 0 || o.answers() != o.size) {
				t.Errorf("a GET sends %d bytes and expects %d", len(body), o.answers())
			}
			if o.method == http.MethodPut && (!bytes.Equal(body, want) || o.answers() != 0) {
				t.Errorf("a PUT sends %d bytes and expects %d", len(body), o.answers())
			}
		})
	}
}

// decoded reads the body by what the request says of it, and checks that.
func decoded(r *http.Request, s *sigv4.Signature, seed *sigv4.Seed) io.Reader {
	if !s.Payload.Streams() {
		e := payload.Expect{Length: r.ContentLength}
		if s.Payload == sigv4.Digest {
			e.SHA256 = &s.Digest
		}
		return payload.NewVerified(r.Body, e)
	}
	d := payload.Decode{Length: s.DecodedLength, Trailers: s.Trailers}
	if s.Payload != sigv4.UnsignedChunksTrailer {
		d.Chain = &payload.Chain{MAC: seed.MAC, Date: seed.Date, Scope: seed.Scope, Seed: seed.Value}
	}
	return payload.NewDecoder(r.Body, d)
}

func TestHeadsSayHowTheBodyIsSent(t *testing.T) {
	t.Parallel()
	const size = 100
	sum := sha256.Sum256(content(size))
	rows := []struct {
		payload, value string
		trailer        string
		encoded        bool
	}{
		{digestPayload, hex.EncodeToString(sum[:]), "", false},
		{sigv4.ValueUnsigned, sigv4.ValueUnsigned, "", false},
		{sigv4.ValueSignedChunks, sigv4.ValueSignedChunks, "", true},
		{sigv4.ValueSignedChunksTrailer, sigv4.ValueSignedChunksTrailer, "x-amz-checksum-crc32", true},
		{sigv4.ValueUnsignedChunksTrailer, sigv4.ValueUnsignedChunksTrailer, "x-amz-checksum-crc32", true},
	}
	for _, row := range rows {
		wire, err := object{method: http.MethodPut, key: "k", size: size, payload: row.payload}.request(signerOf("KEY", "s"), testAddress, signedAt)
		if err != nil {
			t.Fatal(err)
		}
		head, body, _ := strings.Cut(string(wire), "\r\n\r\n")
		r, _ := received(t, wire)
		h := r.Header
		if h.Get("X-Amz-Content-Sha256") != row.value || h.Get("X-Amz-Trailer") != row.trailer || r.ContentLength != int64(len(body)) {
			t.Errorf("%s: got\n%s\nand %d bytes", row.value, head, len(body))
		}
		if row.encoded != (h.Get("Content-Encoding") == "aws-chunked") || row.encoded != (h.Get("X-Amz-Decoded-Content-Length") == strconv.Itoa(size)) {
			t.Errorf("%s: got\n%s", row.value, head)
		}
	}
}

func TestTrailerHasTheChecksumOfTheBody(t *testing.T) {
	t.Parallel()
	wire, err := object{method: http.MethodPut, key: "k", size: 9, payload: sigv4.ValueUnsignedChunksTrailer}.request(signerOf("KEY", "s"), testAddress, signedAt)
	if err != nil {
		t.Fatal(err)
	}
	r, s := received(t, wire)
	d := payload.NewDecoder(r.Body, payload.Decode{Length: 9, Trailers: s.Trailers})
	if _, err := io.ReadAll(d); err != nil {
		t.Fatal(err)
	}
	sum := crc32.ChecksumIEEE(content(9))
	if got := d.Trailer(); len(got) != 1 || !bytes.Equal(got[0].Value, []byte{byte(sum >> 24), byte(sum >> 16), byte(sum >> 8), byte(sum)}) {
		t.Errorf("got %v, want %x", got, sum)
	}
}

func TestSizesAreNamedInTheirLargestUnit(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]string{
		0: "0 B", 1: "1 B", 1000: "1000 B", 1023: "1023 B", 1024: "1 KiB", 1025: "1025 B", 1536: "1536 B",
		64 << 20: "64 MiB", 1 << 30: "1 GiB", 1 << 40: "1024 GiB",
	} {
		if got := inBytes(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}

func TestContentDiffersFromPlaceToPlace(t *testing.T) {
	t.Parallel()
	b := content(3 * 64 << 10)
	if len(b) != 3*64<<10 || bytes.Equal(b[:64<<10], b[64<<10:2*64<<10]) || bytes.Equal(b[:256], b[256:512]) {
		t.Error("chunks of the content are alike")
	}
}

func BenchmarkRequest(b *testing.B) {
	o, signer := objectKinds(settings{size: 1024, object: 64 << 20})[0], signerOf("KEY", "secret")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := o.request(signer, testAddress, signedAt); err != nil {
			b.Fatal(err)
		}
	}
}
