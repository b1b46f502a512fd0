package main

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"tollgate/proxy/sigv4/postpolicy"
)

// s3Form is an upload by a form with a policy. What is empty or zero is as a
// good form has it.
// https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-HTTPPOSTForms.html
type s3Form struct {
	bucket, key string
	policyFor   string        // the bucket of the policy
	lasts       time.Duration // of the policy
	atMost      int           // bytes of the file
	file        string
	fields      [][2]string // before the file, beyond those of the signature and the key
	conditions  []any       // beyond those for bucket, key and signature
	behind      [][2]string // after the file
	version2    bool
	unsigned    bool
}

// newForm returns a good form for a new bucket: its path tells it from others.
func newForm(g *s3Gateway) s3Form {
	g.next++
	return s3Form{bucket: "forms" + strconv.Itoa(g.next), key: "folder/object", lasts: time.Hour, atMost: 1 << 10, file: uploaded}
}

// call writes the form and signs its policy.
func (f s3Form) call(p s3Pair) s3Call {
	now := time.Now().Add(p.shift)
	k := p.chain(now)
	if f.policyFor == "" {
		f.policyFor = f.bucket
	}
	fields := [][2]string{{"key", f.key}}
	conditions := []any{
		map[string]string{"bucket": f.policyFor}, []any{"eq", "$key", f.key}, []any{"content-length-range", 0, f.atMost},
	}
	if !f.version2 {
		for _, field := range [][2]string{
			{"x-amz-algorithm", "AWS4-HMAC-SHA256"}, {"x-amz-credential", p.access + "/" + k.scope}, {"x-amz-date", k.date},
		} {
			fields, conditions = append(fields, field), append(conditions, map[string]string{field[0]: field[1]})
		}
	}
	text, _ := json.Marshal(map[string]any{ // of strings and numbers: never fails
		"expiration": now.Add(f.lasts).UTC().Format("2006-01-02T15:04:05.000Z"), "conditions": append(conditions, f.conditions...),
	})
	policy := base64.StdEncoding.EncodeToString(text)
	fields = append(fields, [2]string{"policy", policy})
	switch {
	case f.unsigned:
		fields = [][2]string{{"key", f.key}}
	case f.version2:
		h := hmac.New(sha1.New, []byte(p.secret))
		h.Write([]byte(policy))
		signature := base64.StdEncoding.EncodeToString(h.Sum(nil))
		if p.signature != "" {
			signature = base64.StdEncoding.EncodeToString(make([]byte, sha1.Size))
		}
		fields = append(fields, [2]string{"AWSAccessKeyId", p.access}, [2]string{"signature", signature})
	default:
		signature := hex.EncodeToString(hmac256(k.key, policy))
		if p.signature != "" {
			signature = p.signature
		}
		fields = append(fields, [2]string{"x-amz-signature", signature})
	}
	c := s3Call{
		method: http.MethodPost, host: hostOne, path: "/" + f.bucket, secrets: []string{p.access},
		body: formBody(append(fields, f.fields...), f.file, f.behind),
	}
	return c.with("Content-Type", "multipart/form-data; boundary=boundary0123456789")
}

// formBody writes a form.
func formBody(fields [][2]string, file string, behind [][2]string) []byte {
	var b bytes.Buffer
	part := func(name, value string) {
		fmt.Fprintf(&b, "--boundary0123456789\r\nContent-Disposition: form-data; name=\"%s\"\r\n\r\n%s\r\n", name, value)
	}
	for _, field := range fields {
		part(field[0], field[1])
	}
	fmt.Fprintf(&b, "--boundary0123456789\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\nContent-Type: text/plain\r\n\r\n%s\r\n", file)
	for _, field := range behind {
		part(field[0], field[1])
	}
	b.WriteString("--boundary0123456789--\r\n")
	return b.Bytes()
}

// TestS3Forms is the table of uploads by forms. A form that is refused while
// its file flows is never whole at the storage.
func TestS3Forms(t *testing.T) {
	g := startS3(t, s3Setup{})
	pair := g.pair(john, hostOne)
	bearer := g.issue(john, hostOne, nil).value
	narrowed := g.pair(john, hostOne, "X-User-Token-Grants-Meta", `[{"permissions":["storage.write"],"resources":["bucket/incoming/"]}]`)
	policy := denied(403, "AccessDenied", "form_policy")
	form := func(change func(*s3Form)) func() s3Call {
		return func() s3Call {
			f := newForm(g)
			change(&f)
			return f.call(pair)
		}
	}
	narrow := func(key string) func() s3Call {
		return func() s3Call {
			f := newForm(g)
			f.bucket, f.key = "bucket", key
			return f.call(narrowed)
		}
	}
	plus := func(change func(s3Call) s3Call) func() s3Call {
		return func() s3Call { return change(newForm(g).call(pair)) }
	}
	rows := []struct {
		name string
		call func() s3Call
		want s3Verdict
	}{
		{"Good", form(func(*s3Form) {}), passed},
		{"GoodWithMetadata", form(func(f *s3Form) {
			f.fields = [][2]string{{"x-amz-meta-colour", "green"}, {"Content-Type", "text/plain"}}
			f.conditions = []any{[]any{"starts-with", "$x-amz-meta-colour", ""}, map[string]string{"Content-Type": "text/plain"}}
		}), passed},
		{"FileOfTheLongestLength", form(func(f *s3Form) { f.file = strings.Repeat("x", f.atMost) }), passed},
		{"FileTooLongByOneByte", form(func(f *s3Form) { f.file = strings.Repeat("x", f.atMost+1) }), broken(400, "EntityTooLarge", "body_too_large")},
		{"FileTooLongByFar", form(func(f *s3Form) { f.file = strings.Repeat("x", f.atMost+100_000) }), broken(400, "EntityTooLarge", "body_too_large")},
		{"PolicyForAnotherBucket", form(func(f *s3Form) { f.policyFor = "bucket-b" }), policy},
		{"PolicyAndFieldForAnotherBucket", form(func(f *s3Form) { f.policyFor, f.fields = "bucket-b", [][2]string{{"bucket", "bucket-b"}} }), policy},
		{"FieldOfAnotherBucket", form(func(f *s3Form) { f.fields = [][2]string{{"bucket", "bucket-b"}} }), policy},
		{"ExtraField", form(func(f *s3Form) { f.fields = [][2]string{{"x-amz-meta-extra", "1"}} }), policy},
		{"ExtraCopySource", form(func(f *s3Form) { f.fields = [][2]string{{"x-amz-copy-source", "/bucket/other"}} }), policy},
		{"FieldTwice", form(func(f *s3Form) { f.fields = [][2]string{{"key", "bucket/other"}} }), denied(400, "MalformedPOSTRequest", "malformed_form")},
		{"Expired", form(func(f *s3Form) { f.lasts = -time.Second }), policy},
		{"SessionToken", form(func(f *s3Form) { f.fields = [][2]string{{"x-amz-security-token", "t"}} }), denied(400, "InvalidToken", "session_token")},
		{"FieldBehindTheFile", form(func(f *s3Form) { f.behind = [][2]string{{"x-amz-meta-late", "1"}} }), passed},
		{"NoPolicy", form(func(f *s3Form) { f.unsigned = true }), denied(403, "-", "unknown_operation")},
		{"BearerBeside", plus(func(c s3Call) s3Call { return c.with("Authorization", "Bearer "+bearer) }), denied(400, "-", "")},
		{"CookieBeside", plus(func(c s3Call) s3Call { return c.with("Cookie", "token="+bearer) }), passed},
		{"OfAnotherSite", plus(func(c s3Call) s3Call { return c.with("Origin", "https://other.example") }), passed},
		{"CutInTheFile", plus(func(c s3Call) s3Call {
			c.announced, c.body = strconv.Itoa(len(c.body)), c.body[:len(c.body)-40]
			return c
		}), broken(400, "IncompleteBody", "broken_body")},
		{"WithoutItsEnd", plus(func(c s3Call) s3Call {
			c.body = c.body[:len(c.body)-len("\r\n--boundary0123456789--\r\n")]
			return c
		}), broken(400, "MalformedPOSTRequest", "malformed_form")},
		{"InsideOfTheGrant", narrow("incoming/a.txt"), passed},
		{"OutsideOfTheGrant", narrow("private/a.txt"), denied(403, "AccessDenied", "resource")},
		{"BesideTheGrant", narrow("incomingx/a.txt"), denied(403, "AccessDenied", "resource")},
		{"FileNameLeavesTheGrant", narrow("incoming/../a.txt"), denied(400, "InvalidURI", "")},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			g.judge(t, row.call(), row.want)
		})
	}
}

// TestS3FormIsWrittenAnew holds what the storage gets of a form: the fields
// that the policy let pass, under a policy of the gateway's own.
func TestS3FormIsWrittenAnew(t *testing.T) {
	g := startS3(t, s3Setup{})
	f := newForm(g)
	f.fields = [][2]string{{"x-amz-meta-colour", "green"}, {"x-ignore-me", "1"}, {"bucket", f.bucket}}
	f.conditions = []any{map[string]string{"x-amz-meta-colour": "green"}}
	f.behind = [][2]string{{"x-amz-meta-late", "1"}, {"x-amz-acl", "public-read"}}
	_, a := g.judge(t, f.call(g.pair(john, hostOne)), passed)
	if a == nil {
		t.FailNow()
	}
	if string(a.Data) != uploaded || a.Fields.Version() != postpolicy.V4 {
		t.Errorf("the file is %q", a.Data)
	}
	for name, want := range map[string]string{"key": f.key, "x-amz-meta-colour": "green"} {
		if got, _ := a.Fields.Get(name); got != want {
			t.Errorf("the field %s is %q", name, got)
		}
	}
	for _, name := range []string{"x-ignore-me", "bucket", "x-amz-meta-late", "x-amz-acl"} {
		if _, there := a.Fields.Get(name); there {
			t.Errorf("the storage got the field %s", name)
		}
	}
	if bytes.Contains(a.Body, []byte("late")) {
		t.Error("what followed the file went on")
	}
}
