package s3

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"tollgate/proxy/sigv4"
)

func TestAddressIsReadOnce(t *testing.T) {
	for _, row := range []struct{ path, bucket, key string }{
		{"/", "", ""},
		{"/bucket", "bucket", ""},
		{"/bucket/", "bucket", ""},
		{"/bucket/a", "bucket", "a"},
		{"/bucket/a/b", "bucket", "a/b"},
		{"/bucket/a%2Fb", "bucket", "a/b"},
		{"/bucket/a%2fb", "bucket", "a/b"},
		{"/bucket/a%252Fb", "bucket", "a%2Fb"},
		{"/bucket/%252e%252e/b", "bucket", "%2e%2e/b"},
		{"/bucket/a//b", "bucket", "a//b"},
		{"/bucket//k", "bucket", "/k"},
		{"/bucket///", "bucket", "//"},
		{"/bucket/%2F", "bucket", "/"},
		{"/bucket/a/", "bucket", "a/"},
		{"/bucket/;x", "bucket", ";x"},
		{"/bucket/a;b=c/d", "bucket", "a;b=c/d"},
		{"/bucket/a+b", "bucket", "a+b"},
		{"/bucket/a%2Bb", "bucket", "a+b"},
		{"/bucket/a%20b", "bucket", "a b"},
		{"/bucket/a b", "bucket", "a b"},
		{"/bucket/%3Fx", "bucket", "?x"},
		{"/bucket/a%3Fversion", "bucket", "a?version"},
		{"/bucket/%23x", "bucket", "#x"},
		{"/bucket/%25", "bucket", "%"},
		{"/bucket/%C3%A4", "bucket", "ä"},
		{"/bucket/ä", "bucket", "ä"},
		{"/bucket/%E6%97%A5%E6%9C%AC", "bucket", "日本"},
		{"/bucket/%F0%9F%98%80", "bucket", "😀"},
		{"/bucket/~'!*()", "bucket", "~'!*()"},
		{"/bucket/%7E%27", "bucket", "~'"},
		{"/bucket/a&b=c", "bucket", "a&b=c"},
		{"/bucket/.hidden", "bucket", ".hidden"},
		{"/bucket/..a", "bucket", "..a"},
		{"/bucket/a..", "bucket", "a.."},
		{"/bucket/...", "bucket", "..."},
		{"/bucket/a.b/c.d", "bucket", "a.b/c.d"},
		{"/bucket/..;/x", "bucket", "..;/x"},
		{`/bucket/a\b`, "bucket", `a\b`},
		{"/bucket/a%5Cb", "bucket", `a\b`},
		{"/b.u-c_k/x", "b.u-c_k", "x"},
		{"/Old_Bucket/x", "Old_Bucket", "x"},
		{"/%62ucket/x", "bucket", "x"},
		{"/123/x", "123", "x"},
		{"/xn--abc/x", "xn--abc", "x"},
		{"/" + strings.Repeat("b", 63) + "/x", strings.Repeat("b", 63), "x"},
		{"/bucket/" + strings.Repeat("k", 1023), "bucket", strings.Repeat("k", 1023)},
		{"/bucket/" + strings.Repeat("k", 1024), "bucket", strings.Repeat("k", 1024)},
		{"/bucket/" + strings.Repeat("%6B", 1024), "bucket", strings.Repeat("k", 1024)},
		{"/minio1/admin", "minio1", "admin"},
		{"/bucket/minio/admin/v3", "bucket", "minio/admin/v3"},
		{"/administration", "administration", ""},
		{"/auth/x", "auth", "x"},
	} {
		got, err := AddressOf(row.path)
		if err != nil || got != (Address{row.bucket, row.key}) {
			t.Errorf("%q: %+v, %v", row.path, got, err)
		}
	}
}

func TestAddressIsRefused(t *testing.T) {
	for _, row := range []struct {
		path string
		kind error
	}{
		{"", ErrInvalidURI},
		{"*", ErrInvalidURI},
		{"bucket/k", ErrInvalidURI},
		{"http://host/bucket/k", ErrInvalidURI},
		{"//", ErrInvalidURI},
		{"//k", ErrInvalidURI},
		{"//bucket/k", ErrInvalidURI},
		{"/bucket/a#b", ErrInvalidURI},
		{"/bucket/a?b", ErrInvalidURI},
		{"/bucket?acl", ErrInvalidURI},
		{"/bucket/.", ErrInvalidURI},
		{"/bucket/..", ErrInvalidURI},
		{"/bucket/./b", ErrInvalidURI},
		{"/bucket/a/./b", ErrInvalidURI},
		{"/bucket/a/../b", ErrInvalidURI},
		{"/bucket/../other/b", ErrInvalidURI},
		{"/bucket/a/..", ErrInvalidURI},
		{"/bucket/a/.", ErrInvalidURI},
		{"/bucket/a/../", ErrInvalidURI},
		{"/bucket/%2e%2e%2f", ErrInvalidURI},
		{"/bucket/%2e%2e/other", ErrInvalidURI},
		{"/bucket/.%2E/other", ErrInvalidURI},
		{"/bucket/a%2f..%2fb", ErrInvalidURI},
		{"/bucket//../b", ErrInvalidURI},
		{`/bucket/a\..\b`, ErrInvalidURI},
		{"/bucket/a%5c..%5Cb", ErrInvalidURI},
		{`/bucket/..\b`, ErrInvalidURI},
		{"/bucket/%00", ErrInvalidURI},
		{"/bucket/a%00b", ErrInvalidURI},
		{"/bucket/a%0Ab", ErrInvalidURI},
		{"/bucket/a%0d%0ab", ErrInvalidURI},
		{"/bucket/a%09b", ErrInvalidURI},
		{"/bucket/a%1Fb", ErrInvalidURI},
		{"/bucket/a%7fb", ErrInvalidURI},
		{"/bucket/a\x00b", ErrInvalidURI},
		{"/bucket/a\nb", ErrInvalidURI},
		{"/bucket/%", ErrInvalidURI},
		{"/bucket/%4", ErrInvalidURI},
		{"/bucket/%zz", ErrInvalidURI},
		{"/bucket/%4g", ErrInvalidURI},
		{"/bucket/%%41", ErrInvalidURI},
		{"/bucket/%u0041", ErrInvalidURI},
		{"/buck%/x", ErrInvalidURI},
		{"/bucket/%ff", ErrInvalidURI},
		{"/bucket/%C3", ErrInvalidURI},
		{"/bucket/%c0%ae%c0%ae/x", ErrInvalidURI},
		{"/bucket/%ED%A0%80", ErrInvalidURI},
		{"/bucket/\xff", ErrInvalidURI},
		{"/bucket/" + strings.Repeat("k", 1025), ErrKeyTooLong},
		{"/bucket/" + strings.Repeat("ä", 513), ErrKeyTooLong},
		{"/b", ErrInvalidBucketName},
		{"/bb/x", ErrInvalidBucketName},
		{"/" + strings.Repeat("b", 64), ErrInvalidBucketName},
		{"/./x", ErrInvalidBucketName},
		{"/../x", ErrInvalidBucketName},
		{"/.../x", ErrInvalidBucketName},
		{"/%2e%2e%2e/x", ErrInvalidBucketName},
		{"/.minio.sys/x", ErrInvalidBucketName},
		{"/_localstack/health", ErrInvalidBucketName},
		{"/_/backbeat/api", ErrInvalidBucketName},
		{"/-bucket/x", ErrInvalidBucketName},
		{"/a..b/x", ErrInvalidBucketName},
		{"/buc%2Fket/x", ErrInvalidBucketName},
		{"/bucket%2Fx", ErrInvalidBucketName},
		{"/buc ket/x", ErrInvalidBucketName},
		{"/buc+ket/x", ErrInvalidBucketName},
		{"/buc:ket/x", ErrInvalidBucketName},
		{"/buc%00ket/x", ErrInvalidBucketName},
		{"/bückét/x", ErrInvalidBucketName},
		{"/arn:aws:s3:::b/x", ErrInvalidBucketName},
		{"/minio", ErrReserved},
		{"/minio/", ErrReserved},
		{"/minio/admin/v3/add-user", ErrReserved},
		{"/MinIO/admin", ErrReserved},
		{"/%6dinio/admin/v3", ErrReserved},
		{"/%4Dinio/admin/v3", ErrReserved},
		{"/minio%2Fadmin", ErrInvalidBucketName},
		{"/rustfs/admin/v3/info", ErrReserved},
		{"/rustfs/rpc/x", ErrReserved},
		{"/iceberg/v1/buckets/x", ErrReserved},
		{"/admin/user", ErrReserved},
		{"/ADMIN/user", ErrReserved},
		{"/swift/v1/c/o", ErrReserved},
		{"/riak-cs/user", ErrReserved},
	} {
		got, err := AddressOf(row.path)
		if !errors.Is(err, row.kind) || got != (Address{}) {
			t.Errorf("%q: %+v, %v", row.path, got, err)
		}
	}
}

func TestReservedNames(t *testing.T) {
	names := Reserved()
	if len(names) < 6 || !slices.IsSorted(names) {
		t.Errorf("reserved are %q", names)
	}
	for _, name := range names {
		for _, path := range []string{"/" + name, "/" + strings.ToUpper(name) + "/x"} {
			if _, err := AddressOf(path); !errors.Is(err, ErrReserved) {
				t.Errorf("%q: %v", path, err)
			}
		}
	}
	names[0] = "changed"
	if Reserved()[0] == "changed" {
		t.Error("a caller can change the list")
	}
}

func TestResource(t *testing.T) {
	for _, row := range []struct {
		address Address
		want    string
	}{
		{Address{}, ""},
		{Address{Bucket: "bucket"}, "bucket"},
		{Address{"bucket", "k"}, "bucket/k"},
		{Address{"bucket", "/k"}, "bucket//k"},
	} {
		if got := row.address.Resource(); got != row.want {
			t.Errorf("%+v: %q", row.address, got)
		}
	}
}

// A message says what was read, in bounds, and is a sentence.
func TestFaultsAreSentences(t *testing.T) {
	for _, path := range []string{"x", "/bucket/" + strings.Repeat("..", 2000) + "/../x", "/" + strings.Repeat("b", 4000), "/minio", "/bucket/%", "//x", "/bucket/#"} {
		_, err := AddressOf(path)
		var fault *sigv4.Fault
		if !errors.As(err, &fault) || !strings.HasSuffix(fault.Message, ".") || len(fault.Message) > 300 {
			t.Errorf("%.20q: %v", path, err)
		}
	}
}

// FuzzAddressOf: what is accepted has no dot segment however it is decoded
// once more or cut, and reads the same when it is encoded again.
func FuzzAddressOf(f *testing.F) {
	for _, path := range []string{"/", "/bucket", "/bucket/a%2Fb", "/bucket/a%252Fb", "/bucket//k", "/bucket/%2e%2e%2f", `/bucket/a\..`, "/bucket/%00", "/minio/x", "/bucket/ä+;"} {
		f.Add(path)
	}
	f.Fuzz(func(t *testing.T, path string) {
		a, err := AddressOf(path)
		if err != nil {
			if a != (Address{}) {
				t.Fatalf("refused with %+v", a)
			}
			return
		}
		for s := range strings.FieldsFuncSeq(a.Key, func(r rune) bool { return r == '/' || r == '\\' }) {
			if s == "." || s == ".." {
				t.Fatalf("%q has a dot segment", a.Key)
			}
		}
		if a.Bucket == "" && path != "/" || len(a.Key) > MaxKey || strings.ContainsAny(a.Key, "\x00\r\n") {
			t.Fatalf("%q reads %+v", path, a)
		}
		again := "/"
		if a.Bucket != "" {
			again += a.Bucket + "/" + encode(a.Key)
		}
		if b, err := AddressOf(again); err != nil || a != b {
			t.Fatalf("%q reads %+v, and %+v again (%v)", path, a, b, err)
		}
	})
}

// encode escapes every byte that is not a letter, digit or slash.
func encode(s string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		if isAlphanumeric(s[i]) || s[i] == '/' {
			b.WriteByte(s[i])
			continue
		}
		b.WriteByte('%')
		b.WriteByte(hex[s[i]>>4])
		b.WriteByte(hex[s[i]&15])
	}
	return b.String()
}
