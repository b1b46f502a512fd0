package s3

import (
	"errors"
	"strings"
	"testing"
)

func TestPrefixesThatPass(t *testing.T) {
	for _, row := range []struct{ raw, names string }{
		{"", "list under bucket/"},
		{".", "list under bucket/."},
		{"a/.", "list under bucket/a/."},
		{"a/.git", "list under bucket/a/.git"},
		{"..a", "list under bucket/..a"},
		{"/", "list under bucket//"},
		{"a//b", "list under bucket/a//b"},
		{"%25", "list under bucket/%"},
		{"%C3%A4", "list under bucket/ä"},
		{"a%3Bb", "list under bucket/a;b"},
		{"a%26b%3D", "list under bucket/a&b="},
		{"a=b", "list under bucket/a=b"},
		{"+", "list under bucket/+, list under bucket/ "},
		{"a+%2B", "list under bucket/a++, list under bucket/a +"},
	} {
		for _, query := range []string{"prefix=" + row.raw, "prefix=" + row.raw + "&list-type=2", "&&prefix=" + row.raw + "&", "versions&prefix=" + row.raw, "uploads=&prefix=" + row.raw} {
			o, err := OperationOf(requestOf(t, "GET /bucket?"+query, ""))
			if got := written(o.Names); err != nil || got != row.names {
				t.Errorf("%s: %q, %v", query, got, err)
			}
		}
	}
}

func TestCopySources(t *testing.T) {
	for _, row := range []struct {
		raw, names string
		kind       error
	}{
		{"other/k", "read exact other/k", nil},
		{"/other/k", "read exact other/k", nil},
		{"other%2Fk", "read exact other/k", nil},
		{"/other%2fa%2Fb", "read exact other/a/b", nil},
		{"other/a/b/", "read exact other/a/b/", nil},
		{"other//k", "read exact other//k", nil},
		{"other/a%252Fb", "read exact other/a%2Fb", nil},
		{"other/a b", "read exact other/a b", nil},
		{"other/a%20b", "read exact other/a b", nil},
		{"other/a+b", "read exact other/a+b, read exact other/a b", nil},
		{"other/a%2Bb", "read exact other/a+b", nil},
		{"other/%C3%A4", "read exact other/ä", nil},
		{"other/ä", "read exact other/ä", nil},
		{"other/a%3Fb", "read exact other/a?b", nil},
		{"other/a%23b", "read exact other/a#b", nil},
		{"other/k?versionId=v", "read exact other/k", nil},
		{"/other/k?versionId=null", "read exact other/k", nil},
		{"other/a&b", "read exact other/a&b", nil},
		{"other/a:b", "read exact other/a:b", nil},
		{"", "", ErrCopySource},
		{"/", "", ErrCopySource},
		{"//", "", ErrCopySource},
		{"//k", "", ErrCopySource},
		{"//other/k", "", ErrCopySource},
		{"%2Fother/k", "", ErrCopySource},
		{"other", "", ErrCopySource},
		{"/other", "", ErrCopySource},
		{"other/", "", ErrCopySource},
		{"other%2F", "", ErrCopySource},
		{"other/k?", "", ErrCopySource},
		{"other/k?versionId", "", ErrCopySource},
		{"other/k?versionId=", "", ErrCopySource},
		{"other/k?versionid=v", "", ErrCopySource},
		{"other/k?x=1", "", ErrCopySource},
		{"other/k?versionId=v&x=1", "", ErrCopySource},
		{"other/k?versionId=v;x=1", "", ErrCopySource},
		{"other/k?versionId=v?versionId=w", "", ErrCopySource},
		{"other/k?versionId=..%2Fx", "", ErrCopySource},
		{"other/k?versionId=%zz", "", ErrCopySource},
		{"other/k%3FversionId=v", "", ErrCopySource},
		{"other/k%3FversionId%3Dv", "", ErrCopySource},
		{"other/k%3FversionId=v?versionId=w", "", ErrCopySource},
		{"other/k#x", "", ErrCopySource},
		{"other/%zz", "", ErrCopySource},
		{"other/%", "", ErrCopySource},
		{"arn:aws:s3:us-east-1:1:accesspoint/a/object/k", "", ErrCopySource},
		{"/arn:aws:s3:us-east-1:1:accesspoint/a/object/k", "", ErrCopySource},
		{"arn%3Aaws%3As3/x", "", ErrCopySource},
		{"arn%3aaws%3as3/x", "", ErrCopySource},
		{"ARN:aws:s3/x", "", ErrInvalidBucketName},
		{"http://host/other/k", "", ErrInvalidBucketName},
		{"../other/k", "", ErrInvalidBucketName},
		{"..%2Fother/k", "", ErrInvalidBucketName},
		{"./k", "", ErrInvalidBucketName},
		{".minio.sys/config/iam", "", ErrInvalidBucketName},
		{"minio/admin", "", ErrReserved},
		{"%6dinio/admin", "", ErrReserved},
		{"/Admin/k", "", ErrReserved},
		{"other/../secret/k", "", ErrInvalidURI},
		{"other/a/../b", "", ErrInvalidURI},
		{"other/%2e%2e/secret/k", "", ErrInvalidURI},
		{"other%2F%2e%2e%2Fsecret", "", ErrInvalidURI},
		{`other/a\..\b`, "", ErrInvalidURI},
		{"other/a%00b", "", ErrInvalidURI},
		{"other/a%0d%0ab", "", ErrInvalidURI},
		{"other/%ff", "", ErrInvalidURI},
		{"other/" + strings.Repeat("k", 1025), "", ErrKeyTooLong},
	} {
		for _, line := range []string{"PUT /bucket/k", "PUT /bucket/k?partNumber=1&uploadId=u"} {
			r := requestOf(t, line, "")
			r.Header["X-Amz-Copy-Source"] = []string{row.raw}
			o, err := OperationOf(r)
			want := "write exact bucket/k, " + row.names
			if row.kind != nil {
				want = ""
			}
			if got := written(o.Names); !errors.Is(err, row.kind) || got != want || o.Public {
				t.Errorf("%s from %q: %q, %v", line, row.raw, got, err)
			}
		}
	}
}
