package postpolicy_test

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"tollgate/proxy/sigv4"
	"tollgate/proxy/sigv4/postpolicy"
)

const (
	boundary    = "9431149156168"
	contentType = "multipart/form-data; boundary=" + boundary
	closing     = "\r\n--" + boundary + "--\r\n"

	accessKey = "AKIAIOSFODNN7EXAMPLE"
	secret    = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
	region    = "eu-west-1"
	bucket    = "upload-bucket"
	day       = "20261122"
	date      = day + "T120000Z"
	expires   = "2026-11-22T13:00:00.000Z"
)

var now = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// signingKey derives the key of version 4 in this test's own way.
func signingKey(secret, day, region string) sigv4.MAC {
	key := []byte("AWS4" + secret)
	for _, part := range []string{day, region, "s3", "aws4_request"} {
		h := hmac.New(sha256.New, key)
		h.Write([]byte(part))
		key = h.Sum(nil)
	}
	return func(message []byte) (sum [sha256.Size]byte) {
		h := hmac.New(sha256.New, key)
		h.Write(message)
		copy(sum[:], h.Sum(nil))
		return sum
	}
}

func hexSum(mac sigv4.MAC, text string) string {
	sum := mac([]byte(text))
	return hex.EncodeToString(sum[:])
}

type pair struct{ name, value string }

// form is a form as a client would write it.
type form struct {
	fields []pair
	file   string // content
	head   string // of the file's part; "" is the usual one
	tail   string // from the delimiter behind the file; "" is the closing one
}

func part(name, value string) string {
	return "--" + boundary + "\r\nContent-Disposition: form-data; name=\"" + name + "\"\r\n\r\n" + value + "\r\n"
}

const fileHead = "Content-Disposition: form-data; name=\"file\"; filename=\"photo.jpg\"\r\nContent-Type: image/jpeg\r\n"

func (f form) String() string {
	text := ""
	for _, p := range f.fields {
		text += part(p.name, p.value)
	}
	head, tail := f.head, f.tail
	if head == "" {
		head = fileHead
	}
	if tail == "" {
		tail = closing
	}
	return text + "--" + boundary + "\r\n" + head + "\r\n" + f.file + tail
}

// with returns a copy of the form with fields added in front.
func (f form) with(more ...pair) form {
	f.fields = append(slices.Clone(more), f.fields...)
	return f
}

// signed is a form with these fields and a signed policy of these conditions,
// to which those on bucket and signature are added.
func signed(conditions string, fields ...pair) form {
	credential := accessKey + "/" + day + "/" + region + "/s3/aws4_request"
	if conditions != "" {
		conditions += ","
	}
	conditions += fmt.Sprintf(`{"bucket":%q},{"x-amz-algorithm":"AWS4-HMAC-SHA256"},{"x-amz-credential":%q},{"x-amz-date":%q}`, bucket, credential, date)
	return signedPolicy(`{"expiration":"`+expires+`","conditions":[`+conditions+`]}`, fields...)
}

// signedPolicy is a form with a policy of this text.
func signedPolicy(policy string, fields ...pair) form {
	encoded := base64.StdEncoding.EncodeToString([]byte(policy))
	return form{file: "content", fields: append(slices.Clone(fields),
		pair{"x-amz-algorithm", "AWS4-HMAC-SHA256"}, pair{"x-amz-credential", accessKey + "/" + day + "/" + region + "/s3/aws4_request"},
		pair{"x-amz-date", date}, pair{"policy", encoded}, pair{"x-amz-signature", hexSum(signingKey(secret, day, region), encoded)})}
}

// signedV2 is a form of version 2.
func signedV2(policy string, fields ...pair) form {
	encoded := base64.StdEncoding.EncodeToString([]byte(policy))
	h := hmac.New(sha1.New, []byte(secret))
	h.Write([]byte(encoded))
	return form{file: "content", fields: append(slices.Clone(fields),
		pair{"AWSAccessKeyId", accessKey}, pair{"policy", encoded}, pair{"signature", base64.StdEncoding.EncodeToString(h.Sum(nil))})}
}

const anyKey = `["starts-with","$key",""]`

func open(t testing.TB, f form) *postpolicy.Form {
	t.Helper()
	opened, err := postpolicy.Open(contentType, strings.NewReader(f.String()))
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	return opened
}

// judge takes the road up to the conditions.
func judge(f *postpolicy.Form) error {
	if err := f.Check(now, region); err != nil {
		return err
	}
	if err := f.Verify(signingKey(secret, f.Date(), f.Region())); err != nil {
		return err
	}
	return f.Conditions(bucket)
}

// judged is a form that passed.
func judged(t testing.TB, f form) *postpolicy.Form {
	t.Helper()
	opened := open(t, f)
	if err := judge(opened); err != nil {
		t.Fatal(err)
	}
	return opened
}

// message is the sentence for the client.
func message(err error) string {
	var fault *sigv4.Fault
	if errors.As(err, &fault) {
		return fault.Message
	}
	return ""
}

func TestOpen(t *testing.T) {
	key := part("key", "k")
	file := "--" + boundary + "\r\n" + fileHead + "\r\nx" + closing
	other := func(head string) string {
		return "--" + boundary + "\r\n" + head + "\r\n\r\nv\r\n" + key + file
	}
	for _, row := range []struct {
		name string
		body string
		want error // nil: accepted
	}{
		{"Accepted", key + file, nil},
		{"AcceptedWithoutFileName", key + strings.Replace(file, `; filename="photo.jpg"`, "", 1), nil},
		{"AcceptedNameAsToken", strings.Replace(key, `"key"`, `key`, 1) + file, nil},
		{"AcceptedOtherCase", strings.ReplaceAll(strings.ReplaceAll(key+file, "Content-Disposition: form-data", "CONTENT-DISPOSITION:Form-Data"), `name="file"`, `NAME="FILE"`), nil},
		{"AcceptedFieldWithFileName", strings.Replace(key, `"key"`, `"key"; filename="key"`, 1) + file, nil},
		{"AcceptedFieldWithContentType", other("Content-Disposition: form-data; name=a\r\nContent-Type: text/plain; charset=utf-8"), nil},
		{"AcceptedFieldWithLength", other("Content-Disposition: form-data; name=a\r\nContent-Length: 1"), nil},
		{"AcceptedBinaryEncoding", other("Content-Disposition: form-data; name=a\r\nContent-Transfer-Encoding: binary"), nil},
		{"AcceptedEmptyValue", part("a", "") + key + file, nil},
		{"AcceptedDashesInValue", part("a", "\r\n--\r\n--"+boundary[1:]) + key + file, postpolicy.ErrMalformed}, // a line end in a plain field
		{"AcceptedBoundaryInsideLine", part("a", "x--"+boundary+"y") + key + file, nil},
		{"AcceptedLinesInPolicy", part("policy", "YQ\r\n==") + part("x-amz-signature", "a") + key + file, postpolicy.ErrMissingField},
		{"AcceptedLinesInTagging", part("tagging", "<a>\r\n</a>") + key + file, nil},
		{"AcceptedLinesInIgnored", part("X-Ignore-a", "1\r\n2") + key + file, nil},

		{"Empty", "", postpolicy.ErrIncomplete},
		{"Preamble", "\r\n" + key + file, postpolicy.ErrMalformed},
		{"PreambleText", "hello\r\n" + key + file, postpolicy.ErrMalformed},
		{"OtherBoundary", "--other\r\n" + key + file, postpolicy.ErrMalformed},
		{"PaddedBoundary", "--" + boundary + " \r\n" + (key + file)[len(boundary)+4:], postpolicy.ErrMalformed},
		{"BareLineFeeds", strings.ReplaceAll(key+file, "\r\n", "\n"), postpolicy.ErrIncomplete},
		{"BareLineFeedInHead", strings.Replace(key, "\r\n\r\n", "\n\r\n\r\n", 1) + file, postpolicy.ErrMalformed},
		{"BareReturnInHead", strings.Replace(key, "\r\n\r\n", "\rX: y\r\n\r\n", 1) + file, postpolicy.ErrMalformed},
		{"FoldedHeader", strings.Replace(key, "form-data; ", "form-data;\r\n ", 1) + file, postpolicy.ErrMalformed},
		{"HeaderWithoutColon", other("Content-Disposition"), postpolicy.ErrMalformed},
		{"SpaceBeforeColon", other("Content-Disposition : form-data; name=a"), postpolicy.ErrMalformed},
		{"NoHead", "--" + boundary + "\r\n\r\nv\r\n" + key + file, postpolicy.ErrMalformed},
		{"NoName", other("Content-Disposition: form-data"), postpolicy.ErrMalformed},
		{"EmptyName", other(`Content-Disposition: form-data; name=""`), postpolicy.ErrMalformed},
		{"TwoDispositions", other("Content-Disposition: form-data; name=a\r\nContent-disposition: form-data; name=b"), postpolicy.ErrMalformed},
		{"TwoTypes", other("Content-Disposition: form-data; name=a\r\nContent-Type: a/b\r\ncontent-type: a/b"), postpolicy.ErrMalformed},
		{"TwoNames", other("Content-Disposition: form-data; name=a; name=b"), postpolicy.ErrMalformed},
		{"TwoNamesOtherCase", other("Content-Disposition: form-data; name=a; Name=b"), postpolicy.ErrMalformed},
		{"ExtendedName", other("Content-Disposition: form-data; name*=utf-8''a"), postpolicy.ErrMalformed},
		{"ExtendedNameBeside", other("Content-Disposition: form-data; name=a; name*=utf-8''acl"), postpolicy.ErrMalformed},
		{"ExtendedFileName", key + strings.Replace(file, `filename=`, `filename*=utf-8''a; filename=`, 1), postpolicy.ErrMalformed},
		{"QuoteInName", other(`Content-Disposition: form-data; name="a\"; name=\"acl"`), postpolicy.ErrMalformed},
		{"QuoteInFileName", key + strings.Replace(file, `photo.jpg`, `a\"b.jpg`, 1), postpolicy.ErrMalformed},
		{"BackslashBeforeQuote", key + strings.Replace(file, `photo.jpg`, `C:\dir\`, 1), postpolicy.ErrMalformed},
		{"OpenQuote", other(`Content-Disposition: form-data; name="a`), postpolicy.ErrMalformed},
		{"TextBehindQuote", other(`Content-Disposition: form-data; name="a"b`), postpolicy.ErrMalformed},
		{"TrailingSemicolon", other(`Content-Disposition: form-data; name="a";`), postpolicy.ErrMalformed},
		{"SpaceAroundEquals", other(`Content-Disposition: form-data; name = "a"`), postpolicy.ErrMalformed},
		{"BackslashInName", other(`Content-Disposition: form-data; name="a\b"`), postpolicy.ErrMalformed},
		{"NulInName", other("Content-Disposition: form-data; name=\"key\x00\""), postpolicy.ErrMalformed},
		{"SpaceInName", other(`Content-Disposition: form-data; name=" key"`), postpolicy.ErrMalformed},
		{"NonASCIIName", other(`Content-Disposition: form-data; name="é"`), postpolicy.ErrMalformed},
		{"LongName", other(`Content-Disposition: form-data; name="` + strings.Repeat("n", 257) + `"`), postpolicy.ErrMalformed},
		{"LongestName", other(`Content-Disposition: form-data; name="` + strings.Repeat("n", 256) + `"`), nil},
		{"NulInFileName", key + strings.Replace(file, `photo.jpg`, "a\x00.jpg", 1), postpolicy.ErrMalformed},
		{"FileNameNotUTF8", key + strings.Replace(file, `photo.jpg`, "a\xff.jpg", 1), postpolicy.ErrMalformed},
		{"OtherDisposition", key + strings.Replace(file, "form-data", "file", 1), postpolicy.ErrMalformed},
		{"Attachment", other("Content-Disposition: attachment; name=a"), postpolicy.ErrMalformed},
		{"QuotedPrintable", other("Content-Disposition: form-data; name=a\r\nContent-Transfer-Encoding: quoted-printable"), postpolicy.ErrMalformed},
		{"Base64File", key + strings.Replace(file, "\r\n\r\nx", "\r\nContent-Transfer-Encoding: base64\r\n\r\nx", 1), postpolicy.ErrMalformed},

		{"NulInValue", part("key", "a\x00b") + file, postpolicy.ErrMalformed},
		{"LineEndInKey", part("key", "a\r\nb") + file, postpolicy.ErrMalformed},
		{"LineEndInMetadata", part("x-amz-meta-a", "a\r\nSet-Cookie: b") + key + file, postpolicy.ErrMalformed},
		{"DeleteInValue", part("key", "a\x7f") + file, postpolicy.ErrMalformed},
		{"ValueNotUTF8", part("key", "a\xff") + file, postpolicy.ErrMalformed},
		{"DuplicateField", key + key + file, postpolicy.ErrMalformed},
		{"DuplicateFieldOtherCase", key + part("KEY", "k") + file, postpolicy.ErrMalformed},
		{"DuplicateIgnored", part("x-ignore-a", "") + part("x-ignore-a", "") + key + file, postpolicy.ErrMalformed},
		{"BoundaryAfterLineFeed", part("tagging", "a\n--"+boundary+"\r\nContent-Disposition: form-data; name=\"acl\"\r\n\r\npublic-read") + key + file, postpolicy.ErrMalformed},
		{"BoundaryAtOnce", strings.Replace(part("x-ignore-a", "")+key+file, "\r\n\r\n\r\n", "\r\n\r\n", 1), postpolicy.ErrMalformed},
		{"BoundaryAtOnceInFile", key + strings.Replace(file, "\r\n\r\nx\r\n", "\r\n\r\n", 1), postpolicy.ErrMalformed},
		{"BoundaryWithMore", strings.Replace(key+file, "\r\n--"+boundary, "\r\n--"+boundary+"x", 1), postpolicy.ErrMalformed},
		{"BoundaryPadded", strings.Replace(key+file, "\r\n--"+boundary, "\r\n--"+boundary+" ", 1), postpolicy.ErrMalformed},

		{"CopySource", part("x-amz-copy-source", "/b/k") + key + file, postpolicy.ErrPolicy},
		{"BypassGovernance", part("X-Amz-Bypass-Governance-Retention", "true") + key + file, postpolicy.ErrPolicy},
		{"UnknownAmazonField", part("x-amz-anything", "1") + key + file, postpolicy.ErrPolicy},
		{"EmptyMetadataName", part("x-amz-meta-", "1") + key + file, postpolicy.ErrPolicy},
		{"MetadataNameNoHeader", part("x-amz-meta-a:b", "1") + key + file, postpolicy.ErrPolicy},

		{"NoFields", "--" + boundary + closing, postpolicy.ErrMalformed},
		{"NoFile", key + "--" + boundary + "--\r\n", postpolicy.ErrFileCount},
		{"NoKey", file, postpolicy.ErrMissingField},
		{"KeyBehindFile", strings.Replace(file, closing, "\r\n"+key+closing[2:], 1), postpolicy.ErrMissingField},
		{"TruncatedInHead", key + "--" + boundary + "\r\nContent-Dis", postpolicy.ErrIncomplete},
		{"TruncatedInValue", "--" + boundary + "\r\nContent-Disposition: form-data; name=key\r\n\r\nva", postpolicy.ErrIncomplete},
		{"TruncatedBehindDelimiter", key[:len(key)-2] + "\r\n--" + boundary, postpolicy.ErrIncomplete},
		{"TruncatedBeforeFile", key + file[:len(file)-len(closing)-1], postpolicy.ErrIncomplete},
	} {
		for _, feed := range []func(io.Reader) io.Reader{func(r io.Reader) io.Reader { return r }, iotest.OneByteReader, iotest.DataErrReader} {
			f, err := postpolicy.Open(contentType, feed(strings.NewReader(row.body)))
			if !errors.Is(err, row.want) || (f == nil) != (row.want != nil) {
				t.Errorf("%s: got %v, want %v", row.name, err, row.want)
			}
			if err != nil && message(err) == "" {
				t.Errorf("%s: %v has no sentence", row.name, err)
			}
		}
	}
}

func TestFileName(t *testing.T) {
	for _, row := range []struct {
		name, key, disposition string
		want                   string
		refused                error
	}{
		{"NoVariable", "a/b.txt", `filename="x"`, "a/b.txt", nil},
		{"Variable", "user/${filename}", `filename="photo.jpg"`, "user/photo.jpg", nil},
		{"Twice", "${filename}/${filename}", `filename="a"`, "a/a", nil},
		{"Token", "${filename}", `filename=a`, "a", nil},
		{"Slashes", "up/${filename}", `filename="/etc/../passwd"`, "up/passwd", nil},
		{"Backslashes", "up/${filename}", `filename="C:\Program Files\directory1\file.txt"`, "up/file.txt", nil},
		{"MixedSlashes", "up/${filename}", `filename="a\b/c\d"`, "up/d", nil},
		{"EscapedBackslashes", "up/${filename}", `filename="a\\b"`, "up/b", nil},
		{"UTF8", "${filename}", `filename="présent.txt"`, "présent.txt", nil},
		{"PercentStays", "${filename}", `filename="a%22%2F.txt"`, "a%22%2F.txt", nil},
		{"EmptyName", "up/${filename}", `filename=""`, "up/", nil},
		{"None", "up/${filename}", `x=y`, "up/", nil},
		{"OtherCaseStays", "${FILENAME}", `filename="a"`, "${FILENAME}", nil},
		{"NothingLeft", "${filename}", `filename=""`, "", postpolicy.ErrMissingField},
		{"EmptyKey", "", `filename="a"`, "", postpolicy.ErrMissingField},
		{"NamedAsVariable", "up/${filename}", `filename="${filename}"`, "", postpolicy.ErrMalformed},
		{"VariableComesOut", "${file${filename}", `filename="name}"`, "", postpolicy.ErrMalformed},
		{"GrowsTooLong", strings.Repeat("${filename}", 500), `filename="` + strings.Repeat("a", 100) + `"`, "", postpolicy.ErrTooLong},
	} {
		f, err := postpolicy.Open(contentType, strings.NewReader(form{fields: []pair{{"key", row.key}, {"x-amz-meta-n", "n ${filename}"}},
			head: "Content-Disposition: form-data; name=file; " + row.disposition + "\r\n"}.String()))
		key := ""
		if err == nil {
			key, err = f.Key()
		}
		if !errors.Is(err, row.refused) || key != row.want {
			t.Errorf("%s: got %q and %v, want %q and %v", row.name, key, err, row.want, row.refused)
		}
		if row.refused == nil {
			if got, _ := f.Get("X-Amz-Meta-N"); got != "n "+f.FileName() {
				t.Errorf("%s: metadata %q", row.name, got)
			}
		}
	}
}

func TestNames(t *testing.T) {
	f := open(t, form{fields: []pair{{"KEY", "k"}, {"Content-Type", "a/b"}}})
	if got := f.Names(); !slices.Equal(got, []string{"key", "content-type"}) {
		t.Errorf("Names: %q", got)
	}
	if _, ok := f.Get("acl"); ok {
		t.Error("a field that is not there was found")
	}
}

func TestZeroFormRefuses(t *testing.T) {
	var f postpolicy.Form
	_, readErr := f.File().Read(make([]byte, 1))
	_, _, _, rewriteErr := f.Rewrite(postpolicy.Resign{Bucket: bucket, BodyLength: 1, Sign: storageSign})
	_, keyErr := f.Key()
	for name, err := range map[string]error{
		"Check": f.Check(now, region), "Verify": f.Verify(signingKey(secret, "", "")), "VerifyV2": f.VerifyV2(secret),
		"Conditions": f.Conditions(bucket), "File": readErr, "Rewrite": rewriteErr, "Key": keyErr,
	} {
		if err == nil {
			t.Errorf("%s passes", name)
		}
	}
	if f.Version() != postpolicy.Unsigned || f.AccessKey() != "" {
		t.Error("the zero form is signed")
	}
}
