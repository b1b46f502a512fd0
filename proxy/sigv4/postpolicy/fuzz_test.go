package postpolicy

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"errors"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
	"time"
)

func FuzzOpen(f *testing.F) {
	const plain = "--b\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\na/${filename}\r\n--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"C:\\x.txt\"\r\nContent-Type: text/plain\r\n\r\ncontent\r\n--b--\r\n"
	f.Add("multipart/form-data; boundary=b", []byte(plain))
	f.Add(`multipart/form-data; boundary="b"; charset=utf-8`, []byte(strings.Replace(plain, "\r\n--b--", "\r\n--b\r\nContent-Disposition: form-data; name=submit\r\n\r\n\r\n--b--", 1)))
	f.Add("multipart/form-data; boundary=b", []byte(strings.Replace(plain, "content", "\r\n--\r\n-\n--\r", 1)))
	f.Add("multipart/form-data; boundary=b", []byte(strings.Replace(plain, "content", "a\n--b--\r\n", 1)))
	f.Add("multipart/form-data; boundary=b", []byte(strings.Replace(plain, "key", "Content-Type\"\r\n\r\na/b\r\n--b\r\nContent-Disposition: form-data; name=\"key", 1)))
	f.Add("multipart/form-data; boundary=b", []byte(strings.Replace(plain, "key", "x-amz-meta-a\"\r\n\r\n\"\\<>\r\n--b\r\nContent-Disposition: form-data; name=\"key", 1)))
	f.Fuzz(func(t *testing.T, contentType string, body []byte) {
		form, err := Open(contentType, bytes.NewReader(body))
		if err != nil {
			return
		}
		key, keyErr := form.Key()
		kept := storageFields(form)
		form.policy, form.verified, form.bucket = &policy{size: size{0, math.MaxInt64}}, true, "bucket"
		newType, length, out, err := form.Rewrite(Resign{Bucket: "bucket", BodyLength: int64(len(body)), Now: time.Unix(0, 0), Sign: func(string) (string, string, string) { return "A/b/c/s3/aws4_request", "d", "e" }})
		if err != nil {
			return
		}
		text, err := io.ReadAll(out)
		if err != nil {
			if bytes.Contains(text, []byte("\r\n--"+form.boundary+"--")) || int64(len(text)) >= length {
				t.Fatalf("a bad form came out whole: %v", err)
			}
			return
		}
		if int64(len(text)) != length {
			t.Fatalf("%d bytes, announced are %d", len(text), length)
		}
		again, err := Open(newType, bytes.NewReader(text))
		if err != nil {
			t.Fatalf("%v in %q", err, text)
		}
		if got, gotErr := again.Key(); got != key || (gotErr == nil) != (keyErr == nil) {
			t.Fatalf("key %q became %q", key, got)
		}
		if got := storageFields(again); !slices.Equal(got, kept) {
			t.Fatalf("fields %q became %q", kept, got)
		}
		if name := cmp.Or(form.file.filename, "file"); again.file.filename != name || again.AccessKey() != "A" {
			t.Fatalf("file %q became %q", form.file.filename, again.file.filename)
		}
		again.policy, again.verified, again.bucket = &policy{size: size{0, math.MaxInt64}}, true, "bucket"
		content, err := io.ReadAll(again.File())
		if err != nil || !bytes.Contains(body, content) {
			t.Fatalf("the file became %q, %v", content, err)
		}
	})
}

// storageFields are the fields that the storage is told of.
func storageFields(f *Form) []string {
	var all []string
	for _, field := range f.fields {
		if field.forStorage() {
			all = append(all, field.lower+"="+field.value)
		}
	}
	return all
}

func FuzzPolicy(f *testing.F) {
	for _, seed := range []string{
		`{"expiration":"2026-11-22T13:00:00.000Z","conditions":[{"bucket":"b"},["starts-with","$key",""],["content-length-range",0,"9"]]}`,
		`{"conditions":[["eq","key","a"]],"expiration":"2026-11-22T13:00:00Z"}`,
		`{"expiration":null,"conditions":[[[]]]}`, `{"a":1}`, `[`, ``, `{"conditions":[{}]}`,
	} {
		f.Add(seed, "a/b")
	}
	f.Fuzz(func(t *testing.T, text, value string) {
		p, err := parsePolicy(base64.StdEncoding.EncodeToString([]byte(text)))
		if err != nil {
			if p != nil || !errors.Is(err, ErrPolicyDocument) && !errors.Is(err, ErrTooLong) {
				t.Fatalf("%v with %v", p, err)
			}
			return
		}
		if p.expiration.IsZero() || p.size.min < 0 || p.size.max < 0 {
			t.Fatalf("%+v", p)
		}
		form := &Form{policy: p, fields: []field{{name: "key", lower: "key", value: value}}}
		if form.Conditions("bucket") != nil {
			return
		}
		bucket, key := false, false
		for _, c := range p.conditions {
			bucket = bucket || strings.EqualFold(c.field, "bucket") && c.op == equals && c.value == "bucket"
			key = key || strings.EqualFold(c.field, "key") && strings.HasPrefix(value, c.value)
		}
		if !bucket || !key {
			t.Fatalf("%q lets a form pass that it does not speak of", text)
		}
	})
}
