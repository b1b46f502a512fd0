package postpolicy_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"

	"tollgate/proxy/sigv4/postpolicy"
)

const storageCredential = "STORAGE/20261122/us-east-1/s3/aws4_request"

// storageSign signs as the gateway does towards the storage.
func storageSign(policy string) (credential, date, signature string) {
	return storageCredential, date20, hexSum(signingKey("storage secret", day, "us-east-1"), policy)
}

const date20 = "20261122T120001Z"

func resign(length int) postpolicy.Resign {
	return postpolicy.Resign{Bucket: "real-bucket", BodyLength: int64(length), Now: now, Sign: storageSign}
}

// rewritten is what the storage gets.
func rewritten(t testing.TB, made form) (contentType, body string) {
	t.Helper()
	text := made.String()
	contentType, length, out, err := judged(t, made).Rewrite(resign(len(text)))
	if err != nil {
		t.Fatal(err)
	}
	body, err = read(out)
	if err != nil || int64(len(body)) != length {
		t.Fatalf("%d bytes of %d, %v", len(body), length, err)
	}
	return contentType, body
}

// parsed reads a form with the standard library.
func parsed(t testing.TB, contentType, body string) (fields []pair, file *multipart.Part, content string) {
	t.Helper()
	_, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		t.Fatal(err)
	}
	r := multipart.NewReader(strings.NewReader(body), params["boundary"])
	for {
		p, err := r.NextRawPart()
		if errors.Is(err, io.EOF) {
			return fields, file, content
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := read(p)
		if err != nil {
			t.Fatal(err)
		}
		if p.FormName() == "file" {
			file, content = p, text
			continue
		}
		if file != nil {
			t.Errorf("the field %s comes behind the file", p.FormName())
		}
		fields = append(fields, pair{p.FormName(), text})
	}
}

func TestRewrite(t *testing.T) {
	made := signed(`["starts-with","$key","user/"],["content-length-range",1,"64"],["starts-with","$x-amz-meta-note",""],["starts-with","$cache-control",""],["starts-with","$filename",""],["starts-with","$success_action_status",""]`,
		pair{"KEY", "user/${filename}"}, pair{"X-Amz-Meta-Note", `a "q" <b> \ é`}, pair{"CACHE-CONTROL", "no-store"}, pair{"Filename", "flash"},
		pair{"x-ignore-a", "b"}, pair{"bucket", bucket}, pair{"success_action_status", "201"})
	made.tail = "\r\n" + part("submit", "Upload") + part("acl", "public-read") + "--" + boundary + "--"
	contentType, body := rewritten(t, made)
	fields, file, content := parsed(t, contentType, body)
	if content != "content" || file.FileName() != "photo.jpg" || file.Header.Get("Content-Type") != "image/jpeg" {
		t.Errorf("file %q, %v", content, file.Header)
	}
	kept := []pair{{"key", "user/photo.jpg"}, {"x-amz-meta-note", `a "q" <b> \ é`}, {"Cache-Control", "no-store"}, {"success_action_status", "201"},
		{"x-amz-algorithm", "AWS4-HMAC-SHA256"}, {"x-amz-credential", storageCredential}, {"x-amz-date", date20}}
	if n := len(fields) - 2; n != len(kept) || !reflect.DeepEqual(fields[:n], kept) {
		t.Fatalf("fields %q", fields)
	}
	policy, signature := fields[len(kept)], fields[len(kept)+1]
	if _, _, want := storageSign(policy.value); policy.name != "policy" || signature != (pair{"x-amz-signature", want}) {
		t.Errorf("signature %q", signature)
	}
	text, err := base64.StdEncoding.DecodeString(policy.value)
	if err != nil {
		t.Fatal(err)
	}
	var got, want any
	expected := `{"expiration":"2026-11-22T13:00:00.000Z","conditions":[{"bucket":"real-bucket"},["eq","$key","user/photo.jpg"],["eq","$x-amz-meta-note","a \"q\" <b> \\ é"],
		["eq","$Cache-Control","no-store"],["eq","$success_action_status","201"],["eq","$x-amz-algorithm","AWS4-HMAC-SHA256"],
		["eq","$x-amz-credential","` + storageCredential + `"],["eq","$x-amz-date","` + date20 + `"],["content-length-range",1,64]]}`
	if err := errors.Join(json.Unmarshal(text, &got), json.Unmarshal([]byte(expected), &want)); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("policy %s, %v", text, err)
	}
	for _, client := range []string{accessKey, "public-read", "Upload", "flash", "x-ignore", bucket} {
		if strings.Contains(body, client) {
			t.Errorf("%q of the client reaches the storage", client)
		}
	}
}

// TestRewriteIsAForm: what is written for the storage passes this package's own
// judgement with the storage's key.
func TestRewriteIsAForm(t *testing.T) {
	made := signed(`["starts-with","$key",""],["starts-with","$tagging",""],["content-length-range",0,100]`, pair{"key", "${filename}"}, pair{"tagging", "<a>\r\n</a>"})
	contentType, body := rewritten(t, made)
	f, err := postpolicy.Open(contentType, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Check(now, "us-east-1"), f.Verify(signingKey("storage secret", day, "us-east-1")), f.Conditions("real-bucket")); err != nil {
		t.Fatal(err)
	}
	if text, err := read(f.File()); text != "content" || err != nil {
		t.Errorf("%q, %v", text, err)
	}
}

func TestRewriteVersion2(t *testing.T) {
	made := signedV2(`{"expiration":"`+expires+`","conditions":[{"bucket":"`+bucket+`"},`+anyKey+`]}`, pair{"key", "k"})
	f := open(t, made)
	if err := errors.Join(f.Check(now, ""), f.VerifyV2(secret), f.Conditions(bucket)); err != nil {
		t.Fatal(err)
	}
	contentType, _, out, err := f.Rewrite(resign(len(made.String())))
	if err != nil {
		t.Fatal(err)
	}
	body, err := read(out)
	if err != nil {
		t.Fatal(err)
	}
	fields, _, content := parsed(t, contentType, body)
	if content != "content" || len(fields) != 6 || strings.Contains(body, "AWSAccessKeyId") {
		t.Errorf("%q in %q", content, fields)
	}
}

func TestRewriteSizes(t *testing.T) {
	for _, n := range []int{0, 1, 2, 75, 32 << 10, 1 << 20} {
		made := signed(anyKey+`,["content-length-range",0,1048576]`, pair{"key", "k"})
		made.file = strings.Repeat("\n-\r", n/3+1)[:n]
		for _, tail := range []string{"", "\r\n--" + boundary + "--", closing + "x", closing + "\r\n", "\r\n" + part("submit", strings.Repeat("y", 999)) + "--" + boundary + "--\r\n"} {
			made.tail = tail
			_, _, content := parsed(t, contentType, second(rewritten(t, made)))
			if content != made.file {
				t.Errorf("%d bytes came out as %d", n, len(content))
			}
		}
	}
}

func second(_, b string) string { return b }

// TestRewriteEpilogue reads in pieces of every size: the end is the closing
// boundary and empty lines.
func TestRewriteEpilogue(t *testing.T) {
	for extra := range 9 {
		made := signed(anyKey, pair{"key", "k"})
		made.tail = "\r\n--" + boundary + "--"
		if extra > 1 {
			made.tail += "\r\n" + strings.Repeat("x", extra-2)
		}
		if extra == 1 {
			continue
		}
		want := made.tail[:len(boundary)+6] + strings.Repeat("\r\n", extra/2) + strings.Repeat(" ", extra%2)
		for size := 1; size < 7; size++ {
			text := made.String()
			_, length, out, err := judged(t, made).Rewrite(resign(len(text)))
			if err != nil {
				t.Fatal(err)
			}
			var body strings.Builder
			buf := make([]byte, size)
			for err == nil {
				var n int
				n, err = out.Read(buf)
				body.Write(buf[:n])
			}
			if !errors.Is(err, io.EOF) || int64(body.Len()) != length || !strings.HasSuffix(body.String(), "content"+want) {
				t.Fatalf("extra %d, size %d: %v, %q", extra, size, err, body.String()[body.Len()-40:])
			}
		}
	}
}

func TestRewriteHead(t *testing.T) {
	for _, row := range []struct {
		name, head, filename, contentType string
		fields                            []pair
	}{
		{"Kept", fileHead, "photo.jpg", "image/jpeg", nil},
		{"DirectoriesOff", "Content-Disposition: form-data; name=file; filename=\"C:\\dir\\a b;c.jpg\"\r\n", "a b;c.jpg", "", nil},
		{"NoName", "Content-Disposition: form-data; name=file\r\nContent-Type: a/b\r\n", "file", "a/b", nil},
		{"FieldSaysType", fileHead, "photo.jpg", "", []pair{{"Content-Type", "text/plain"}}},
		{"OtherHeadersOff", fileHead + "X-Amz-Meta-A: b\r\nContent-Length: 7\r\n", "photo.jpg", "image/jpeg", nil},
	} {
		conditions := anyKey
		if row.fields != nil {
			conditions += `,["starts-with","$content-type",""]`
		}
		made := signed(conditions, append(row.fields, pair{"key", "k"})...)
		made.head = row.head
		contentType, body := rewritten(t, made)
		_, file, _ := parsed(t, contentType, body)
		if file.FileName() != row.filename || file.Header.Get("Content-Type") != row.contentType || len(file.Header) > 2 || strings.Contains(body, "X-Amz-Meta-A") {
			t.Errorf("%s: %v", row.name, file.Header)
		}
	}
}

func TestRewriteBoundary(t *testing.T) {
	text := strings.ReplaceAll(signed(anyKey, pair{"key", "k"}).String(), boundary, "a (b)")
	f, err := postpolicy.Open(`multipart/form-data; boundary="a (b)"`, strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if err := judge(f); err != nil {
		t.Fatal(err)
	}
	contentType, _, out, err := f.Rewrite(resign(len(text)))
	if err != nil {
		t.Fatal(err)
	}
	body, err := read(out)
	if err != nil {
		t.Fatal(err)
	}
	if fields, _, content := parsed(t, contentType, body); content != "content" || len(fields) != 6 {
		t.Errorf("%q, %q", content, fields)
	}
}

// TestBadUploadsAreNeverWhole: in what a bad upload gave out the closing
// boundary does not occur.
func TestBadUploadsAreNeverWhole(t *testing.T) {
	full := signed(anyKey+`,["content-length-range",5,100000]`, pair{"key", "k"})
	with := func(file, tail string) form {
		f := full
		f.file, f.tail = file, tail
		return f
	}
	for _, row := range []struct {
		name string
		form form
		cut  int // bytes of the body that do not come
		want error
	}{
		{"TooLarge", with(strings.Repeat("x", 100001), ""), 0, postpolicy.ErrTooLarge},
		{"TooSmall", with("1234", ""), 0, postpolicy.ErrTooSmall},
		{"TooSmallBehind", with("1234", "\r\n"+part("a", "b")+"--"+boundary+"--\r\n"), 0, postpolicy.ErrTooSmall},
		{"CutInFile", with("0123456789abcdefghij", ""), len(closing) + 3, postpolicy.ErrIncomplete},
		{"CutBeforeClosing", with("0123456789abcdefghij", ""), len(closing), postpolicy.ErrIncomplete},
		{"CutInClosing", with("content", ""), 3, postpolicy.ErrIncomplete},
		{"CutBehindClosing", with("content", ""), 1, postpolicy.ErrMalformed},
		{"CutInTail", with("content", "\r\n"+part("a", "b")+"--"+boundary+"--\r\n"), 9, postpolicy.ErrIncomplete},
		{"LongTail", with("content", closing+strings.Repeat("x", 70000)), 0, postpolicy.ErrMalformed},
		{"GarbageBehindBoundary", with("content", "\r\n--"+boundary+"?\r\n"+closing), 0, postpolicy.ErrMalformed},
		{"LineFeedBoundary", with("content\n--"+boundary+"--\r\n", ""), 0, postpolicy.ErrMalformed},
	} {
		text := row.form.String()
		for _, feed := range []func(io.Reader) io.Reader{func(r io.Reader) io.Reader { return r }, iotest.OneByteReader} {
			f := judgedFrom(t, feed(strings.NewReader(text[:len(text)-row.cut])))
			_, length, out, err := f.Rewrite(resign(len(text)))
			body := ""
			if err == nil {
				body, err = read(out)
			}
			if !errors.Is(err, row.want) {
				t.Errorf("%s: got %v, want %v", row.name, err, row.want)
			}
			if strings.Contains(body, "--"+boundary+"--") || length > 0 && int64(len(body)) >= length {
				t.Errorf("%s: a whole form came out", row.name)
			}
		}
	}
}

func TestRewriteRefuses(t *testing.T) {
	made := signed(anyKey+`,["content-length-range",5,100]`, pair{"key", "k"})
	length := len(made.String())
	prefix := length - len("content") - len(closing)
	moving := func() func(string) (string, string, string) {
		calls := 0
		return func(policy string) (string, string, string) {
			calls++
			credential, _, signature := storageSign(policy)
			return credential, strings.Repeat("x", calls), signature
		}
	}
	for _, row := range []struct {
		name   string
		change func(*postpolicy.Resign)
		want   error
	}{
		{"Accepted", func(*postpolicy.Resign) {}, nil},
		{"NoBucket", func(r *postpolicy.Resign) { r.Bucket = "" }, postpolicy.ErrMisuse},
		{"NoSign", func(r *postpolicy.Resign) { r.Sign = nil }, postpolicy.ErrMisuse},
		{"SignMoves", func(r *postpolicy.Resign) { r.Sign = moving() }, postpolicy.ErrMisuse},
		{"NoLength", func(r *postpolicy.Resign) { r.BodyLength = 0 }, postpolicy.ErrMissingLength},
		{"UnknownLength", func(r *postpolicy.Resign) { r.BodyLength = -1 }, postpolicy.ErrMissingLength},
		{"LengthOfNoFile", func(r *postpolicy.Resign) { r.BodyLength = int64(prefix) }, postpolicy.ErrIncomplete},
		{"LengthShowsTooSmall", func(r *postpolicy.Resign) { r.BodyLength = int64(prefix + len(closing) + 2) }, postpolicy.ErrTooSmall},
		{"LengthShowsTooLarge", func(r *postpolicy.Resign) { r.BodyLength = int64(prefix + 100 + 64<<10 + len(closing)) }, postpolicy.ErrTooLarge},
	} {
		r := resign(length)
		row.change(&r)
		if _, _, _, err := judged(t, made).Rewrite(r); !errors.Is(err, row.want) {
			t.Errorf("%s: got %v, want %v", row.name, err, row.want)
		}
	}
	made.file = strings.Repeat("x", 100)
	for _, less := range []int{1, 10, 19} { // up to two bytes less are the line end behind the closing boundary
		_, _, out, err := judged(t, made).Rewrite(resign(len(made.String()) - 2 - less))
		if err == nil {
			_, err = read(out)
		}
		if !errors.Is(err, postpolicy.ErrMalformed) {
			t.Errorf("a body %d bytes longer than its length: %v", less, err)
		}
	}
	wide := signed(anyKey+`,["starts-with","$tagging",""]`, pair{"key", "k"}, pair{"tagging", strings.Repeat("t", 15<<10)})
	if _, _, _, err := judged(t, wide).Rewrite(resign(len(wide.String()))); !errors.Is(err, postpolicy.ErrTooLong) {
		t.Errorf("more than 20 KiB for the storage: %v", err)
	}
}
