package postpolicy_test

import (
	"errors"
	"io"
	"math/rand/v2"
	"mime/multipart"
	"slices"
	"strings"
	"testing"

	"tollgate/proxy/sigv4/postpolicy"
)

// TestFieldsForTheStorage goes through every field that the storage is told of,
// in the spelling that it gets.
func TestFieldsForTheStorage(t *testing.T) {
	for _, name := range []string{
		"acl",
		"Cache-Control",
		"Content-Disposition",
		"Content-Encoding",
		"Content-Language",
		"Content-Md5",
		"Content-Type",
		"Expires",
		"redirect",
		"success_action_redirect",
		"success_action_status",
		"tagging",
		"x-amz-acl",
		"x-amz-checksum-algorithm",
		"x-amz-checksum-crc32",
		"x-amz-checksum-crc32c",
		"x-amz-checksum-crc64nvme",
		"x-amz-checksum-sha1",
		"x-amz-checksum-sha256",
		"x-amz-checksum-type",
		"x-amz-expected-bucket-owner",
		"x-amz-grant-full-control",
		"x-amz-grant-read",
		"x-amz-grant-read-acp",
		"x-amz-grant-write-acp",
		"x-amz-meta-a",
		"x-amz-meta-a_b.c-d",
		"x-amz-object-lock-legal-hold",
		"x-amz-object-lock-mode",
		"x-amz-object-lock-retain-until-date",
		"x-amz-request-payer",
		"x-amz-sdk-checksum-algorithm",
		"x-amz-server-side-encryption",
		"x-amz-server-side-encryption-aws-kms-key-id",
		"x-amz-server-side-encryption-bucket-key-enabled",
		"x-amz-server-side-encryption-context",
		"x-amz-server-side-encryption-customer-algorithm",
		"x-amz-server-side-encryption-customer-key",
		"x-amz-server-side-encryption-customer-key-md5",
		"x-amz-storage-class",
		"x-amz-tagging",
		"x-amz-website-redirect-location",
	} {
		for _, spelling := range []string{name, strings.ToLower(name), strings.ToUpper(name)} {
			made := signed(anyKey+`,["eq","$`+name+`","value"]`, pair{"key", "k"}, pair{spelling, "value"})
			contentType, body := rewritten(t, made)
			if fields, _, _ := parsed(t, contentType, body); len(fields) != 7 || fields[1] != (pair{name, "value"}) {
				t.Errorf("%s: %q", spelling, fields)
			}
		}
	}
}

// TestFieldsOfNobody: what S3 takes no notice of must be covered like all else,
// and does not reach the storage.
func TestFieldsOfNobody(t *testing.T) {
	for _, name := range []string{
		"Filename",
		"submit",
		"utf8",
		"authenticity_token",
		"user[avatar]",
		"x-minio-extract",
		"x-goog-acl",
		"x-rgw-quota",
		"authorization",
		"cookie",
		"host",
		"content-length",
		"transfer-encoding",
		"x-forwarded-for",
		"x_amz_copy_source",
		"amz-copy-source",
	} {
		if err := judge(open(t, signed(anyKey, pair{"key", "k"}, pair{name, "value"}))); !errors.Is(err, postpolicy.ErrPolicy) {
			t.Errorf("%s passes uncovered: %v", name, err)
		}
		contentType, body := rewritten(t, signed(anyKey+`,["eq","$`+name+`","value"]`, pair{"key", "k"}, pair{name, "value"}))
		if fields, _, _ := parsed(t, contentType, body); len(fields) != 6 || strings.Contains(body, "value") {
			t.Errorf("%s: %q", name, fields)
		}
	}
}

// TestFieldsRefused: with these a storage would act beyond the upload.
func TestFieldsRefused(t *testing.T) {
	for _, name := range []string{
		"x-amz-copy-source",
		"x-amz-copy-source-range",
		"x-amz-rename-source",
		"x-amz-metadata-directive",
		"x-amz-bypass-governance-retention",
		"x-amz-write-offset-bytes",
		"x-amz-content-sha256",
		"x-amz-decoded-content-length",
		"x-amz-trailer",
		"x-amz-user-agent",
		"x-amz-expires",
		"x-amz-signedheaders",
		"x-amz-meta-é",
		"X-AMZ-COPY-SOURCE",
	} {
		made := signed(anyKey+`,["eq","$`+name+`","value"]`, pair{"key", "k"}, pair{name, "value"})
		if _, err := postpolicy.Open(contentType, strings.NewReader(made.String())); !errors.Is(err, postpolicy.ErrPolicy) && !errors.Is(err, postpolicy.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestCutAnywhere: a body that ends early at any place is refused, and what was
// given out of it is not whole.
func TestCutAnywhere(t *testing.T) {
	made := signed(anyKey, pair{"key", "k"})
	made.tail = "\r\n" + part("submit", "Upload") + "--" + boundary + "--"
	text := made.String()
	for cut := range len(text) {
		f, err := postpolicy.Open(contentType, strings.NewReader(text[:cut]))
		if err != nil {
			if !errors.Is(err, postpolicy.ErrIncomplete) {
				t.Fatalf("cut at %d: %v", cut, err)
			}
			continue
		}
		if err := judge(f); err != nil {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		_, length, out, err := f.Rewrite(resign(len(text)))
		if err != nil {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		body, err := read(out)
		if !errors.Is(err, postpolicy.ErrIncomplete) || strings.Contains(body, "--"+boundary+"--") || int64(len(body)) >= length {
			t.Fatalf("cut at %d: %v, %d of %d bytes", cut, err, len(body), length)
		}
	}
}

// TestChangedAnywhere: whatever byte of the form is changed, it is refused, or
// the fields for the storage are those that were signed for.
func TestChangedAnywhere(t *testing.T) {
	made := signed(`{"key":"user/a"},{"acl":"private"}`, pair{"key", "user/a"}, pair{"acl", "private"})
	text := made.String()
	end := strings.Index(text, fileHead)
	for i := range end {
		for _, bit := range []byte{0x01, 0x20, 0x80} {
			changed := []byte(text)
			changed[i] ^= bit
			f, err := postpolicy.Open(contentType, strings.NewReader(string(changed)))
			if err != nil || judge(f) != nil {
				continue
			}
			key, _ := f.Key()
			acl, _ := f.Get("acl")
			if key != "user/a" || acl != "private" {
				t.Fatalf("byte %d, bit %#x: key %q, acl %q", i, bit, key, acl)
			}
		}
	}
}

// TestOneReading: mime/multipart reads what Open accepts as Open does.
func TestOneReading(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	pieces := []string{"\r\n", "\n", "\r", "--", "-", boundary, "--" + boundary, "\r\n--" + boundary, " ", "x", `"`, `\`, ";", "name=", "é", "\t"}
	some := func() string {
		var s strings.Builder
		for range random.IntN(6) {
			s.WriteString(pieces[random.IntN(len(pieces))])
		}
		return s.String()
	}
	accepted := 0
	for range 6000 {
		made := form{fields: []pair{{"x-ignore-a", some()}, {"key", "k"}, {"tagging", some()}}, file: some()}
		f, err := postpolicy.Open(contentType, strings.NewReader(made.String()))
		if err != nil {
			continue
		}
		accepted++
		r := multipart.NewReader(strings.NewReader(made.String()), boundary)
		for _, name := range f.Names() {
			p, err := r.NextRawPart()
			if err != nil {
				t.Fatalf("%v in %q", err, made.String())
			}
			text, err := read(p)
			if got, _ := f.Get(name); err != nil || p.FormName() != name || text != got {
				t.Fatalf("%s is %q here and %q there: %q", name, got, text, made.String())
			}
		}
		if p, err := r.NextRawPart(); err != nil || p.FormName() != "file" {
			t.Fatalf("no file there: %v", err)
		}
	}
	if accepted < 600 {
		t.Errorf("only %d forms were accepted, which proves little", accepted)
	}
}

// TestOneReadingOfTheFile: if the content is accepted, mime/multipart reads the
// same.
func TestOneReadingOfTheFile(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	pieces := []string{"\r\n", "\n", "\r", "--", "-", boundary, "--" + boundary, "x", strings.Repeat("y", 1000)}
	accepted := 0
	for range 1000 {
		made := signed(anyKey, pair{"key", "k"})
		for range random.IntN(12) {
			made.file += pieces[random.IntN(len(pieces))]
		}
		f, err := postpolicy.Open(contentType, strings.NewReader(made.String()))
		if err != nil {
			continue
		}
		if err := judge(f); err != nil {
			t.Fatal(err)
		}
		content, err := read(f.File())
		if err != nil {
			continue
		}
		accepted++
		r := multipart.NewReader(strings.NewReader(made.String()), boundary)
		p, err := r.NextRawPart()
		for err == nil && p.FormName() != "file" {
			p, err = r.NextRawPart()
		}
		if err != nil {
			t.Fatal(err)
		}
		if there, err := read(p); err != nil || content != there {
			t.Fatalf("%q here and %q there, %v", content, there, err)
		}
	}
	if accepted < 200 {
		t.Errorf("only %d forms were accepted, which proves little", accepted)
	}
}

// greedy notes the largest read that was asked of it.
type greedy struct {
	io.Reader
	largest int
}

func (g *greedy) Read(p []byte) (int, error) {
	g.largest = max(g.largest, len(p))
	return g.Reader.Read(p)
}

// zeroes has no end.
type zeroes struct{}

func (zeroes) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// TestLittleIsHeld: a large file goes through one small buffer.
func TestLittleIsHeld(t *testing.T) {
	text := signed(anyKey, pair{"key", "k"}).String()
	text = text[:len(text)-len("content")-len(closing)]
	const size = 64 << 20
	body := &greedy{Reader: io.MultiReader(strings.NewReader(text), io.LimitReader(zeroes{}, size), strings.NewReader(closing))}
	var written int64
	allocations := testing.AllocsPerRun(1, func() {
		if written > 0 { // AllocsPerRun runs once more
			return
		}
		_, length, out, err := judgedFrom(t, body).Rewrite(resign(len(text) + size + len(closing)))
		if err == nil {
			written, err = io.Copy(struct{ io.Writer }{io.Discard}, out)
		}
		if err != nil || written != length {
			t.Error(written, length, err)
		}
	})
	if body.largest > 32<<10 || allocations > 1000 {
		t.Errorf("reads of %d bytes, %v allocations", body.largest, allocations)
	}
}

// TestRefusalsHoldNoSecret looks through what clients are told.
func TestRefusalsHoldNoSecret(t *testing.T) {
	hidden := []string{secret, "storage secret", hexSum(signingKey(secret, day, region), "")[:16], "c2VjcmV0LWtleQ"}
	made := signed(anyKey+`,{"x-amz-server-side-encryption-customer-key":"c2VjcmV0LWtleQ=="}`, pair{"key", "k"})
	var told []string
	note := func(err error) {
		if err == nil {
			t.Error("nothing was refused")
			return
		}
		told = append(told, err.Error())
	}
	f := open(t, made)
	note(f.Check(now, "other"))
	note(f.Check(now.AddDate(1, 0, 0), region))
	note(f.Verify(signingKey("storage secret", day, region)))
	note(f.VerifyV2(secret))
	if err := f.Check(now, region); err != nil {
		t.Fatal(err)
	}
	note(f.Conditions(bucket))
	_, _, _, err := f.Rewrite(resign(1))
	note(err)
	good := made.fields[len(made.fields)-1].value
	for _, text := range told {
		if strings.Contains(text, good) || slices.ContainsFunc(hidden, func(s string) bool { return strings.Contains(text, s) }) {
			t.Errorf("a client is told %q", text)
		}
	}
}
