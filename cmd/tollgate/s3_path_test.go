package main

import (
	"net/http"
	"testing"
)

// TestS3PathsHaveOneReading: what is judged, what was signed and what the
// storage gets are one key, byte for byte, or the request is refused. rights
// is a token for bucket/a/ alone.
func TestS3PathsHaveOneReading(t *testing.T) {
	g := startS3(t, s3Setup{})
	all := g.pair(john, hostOne)
	narrow := g.pair(john, hostOne, "X-User-Token-Grants-Meta", `[{"permissions":["storage.read","storage.write"],"resources":["bucket/a/"]}]`)
	outside := denied(403, "AccessDenied", "resource")
	refused := denied(400, "InvalidURI", "")
	noBucket := denied(400, "InvalidBucketName", "bad_bucket_name")
	for _, row := range []struct {
		name, path  string
		all, narrow s3Verdict
	}{
		{"Slash", "/bucket/a/b", passed, passed},
		{"EncodedSlash", "/bucket/a%2Fb", passed, passed},
		{"EncodedSlashInLowerCase", "/bucket/a%2fb", passed, passed},
		{"SlashEncodedTwice", "/bucket/a%252Fb", passed, outside},
		{"TwoSlashes", "/bucket/a//b", passed, passed},
		{"TwoSlashesInFront", "/bucket//a/b", passed, outside},
		{"Dot", "/bucket/a/./b", refused, refused},
		{"DotDot", "/bucket/a/../b", refused, refused},
		{"DotDotAtTheEnd", "/bucket/a/..", refused, refused},
		{"EncodedDotDot", "/bucket/a/%2e%2e/b", refused, refused},
		{"EncodedDotDotSlash", "/bucket/a/%2e%2e%2fb", refused, refused},
		{"EncodedDotDotSlashInFront", "/bucket/%2e%2e%2fbucket2/b", refused, refused},
		{"DotDotIntoAnotherBucket", "/bucket/a/../../bucket2/b", refused, refused},
		{"BackslashDotDot", "/bucket/a/..%5Cb", refused, refused},
		{"DotDotEncodedTwice", "/bucket/a/%252e%252e/b", passed, passed},
		{"DotsInAName", "/bucket/a/..b", passed, passed},
		{"Semicolon", "/bucket/a/b;x", passed, passed},
		{"EncodedSemicolon", "/bucket/a/b%3Bx", passed, passed},
		{"Plus", "/bucket/a/b+c", passed, passed},
		{"EncodedPlus", "/bucket/a/b%2Bc", passed, passed},
		{"Space", "/bucket/a/b%20c", passed, passed},
		{"UTF8", "/bucket/a/%C3%A4%E2%82%AC", passed, passed},
		{"RawUTF8", "/bucket/a/äß", passed, passed},
		{"NoUTF8", "/bucket/a/%FF", refused, refused},
		{"Null", "/bucket/a/b%00", refused, refused},
		{"Newline", "/bucket/a/b%0Ac", refused, refused},
		{"Tilde", "/bucket/a/~b", passed, passed},
		{"EncodedTilde", "/bucket/a/%7Eb", passed, passed},
		{"Apostrophe", "/bucket/a/it's", passed, passed},
		{"Delimiters", "/bucket/a/!$&()*,:=@", passed, passed},
		{"QuestionMarkInTheKey", "/bucket/a/b%3Fc", passed, passed},
		{"HashInTheKey", "/bucket/a/b%23c", passed, passed},
		{"PercentInTheKey", "/bucket/a/100%25", passed, passed},
		{"FolderMark", "/bucket/a/b/", passed, passed},
		{"TheFolderItself", "/bucket/a/", passed, passed},
		{"TheFoldersName", "/bucket/a", passed, outside},
		{"Neighbour", "/bucket/ab", passed, outside},
		{"OtherCase", "/bucket/A/b", passed, outside},
		{"EncodedBucket", "/%62ucket/a/b", passed, passed},
		{"EncodedSlashBehindTheBucket", "/bucket%2Fa/b", noBucket, noBucket},
		{"OtherBucket", "/bucket2/a/b", passed, outside},
		{"NoBucket", "//a/b", refused, refused},
		{"BucketOfDots", "/../bucket/a/b", noBucket, noBucket},
		{"BucketOfTheStorage", "/.minio.sys/config", noBucket, noBucket},
	} {
		for _, who := range []struct {
			name string
			pair s3Pair
			want s3Verdict
		}{{"all", all, row.all}, {"narrow", narrow, row.narrow}} {
			for _, method := range []string{http.MethodGet, http.MethodPut} {
				t.Run(row.name+"/"+who.name+"/"+method, func(t *testing.T) {
					c := s3Call{method: method, host: hostOne, path: row.path}
					asSent := who.pair
					asSent.asSent = true
					for _, signed := range []s3Call{who.pair.signed(c), who.pair.presigned(c), asSent.signed(c)} {
						_, a := g.judge(t, signed, who.want)
						if a != nil && (a.Path != row.path || a.Query != "") {
							t.Errorf("the storage got %s?%s", a.Path, a.Query)
						}
					}
				})
			}
		}
	}
}

// TestS3AdministrationIsRefused: the storage's own administration answers on
// the same port, and would obey the key that the gateway signs with.
func TestS3AdministrationIsRefused(t *testing.T) {
	g := startS3(t, s3Setup{more: "public:\n  - {path_prefix: /, methods: [GET, PUT, POST, DELETE]}\n"})
	pair := g.pair(root, hostOne)
	reserved := denied(403, "AccessDenied", "reserved_bucket")
	for _, path := range []string{
		"/minio/admin/v3/info", "/minio/admin/v3/add-user", "/minio/v2/metrics/cluster", "/minio/health/live", "/MinIO/admin/v3/info",
		"/%6dinio/admin/v3/info", "/admin/user", "/swift/v1/x", "/rustfs/admin/v3/info", "/riak-cs/users", "/iceberg/v1/config",
	} {
		for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodPost, http.MethodDelete, http.MethodHead} {
			t.Run(method+path, func(t *testing.T) {
				c := s3Call{method: method, host: hostOne, path: path, query: "accessKey=a"}
				g.judge(t, pair.signed(c), reserved)
				if got := g.send(t, c); got.status != 403 || len(g.storage.take("")) > 0 {
					t.Errorf("without a signature: %d %s", got.status, got.body)
				}
			})
		}
	}
	for _, row := range []struct{ name, method, path, query string }{
		{"UnknownMethod", "PURGE", "/bucket/a", ""},
		{"Patch", "PATCH", "/bucket/a", ""},
		{"RenameObject", "PUT", "/bucket/a", "renameObject"},
		{"CreateSession", "GET", "/bucket", "session"},
		{"UnknownSubResource", "GET", "/bucket", "usage"},
		{"TwoSubResources", "GET", "/bucket", "acl&policy"},
		{"UnknownArgument", "GET", "/bucket/a", "x=1"},
		{"SubResourceOfAnother", "DELETE", "/bucket/a", "acl"},
		{"UploadsWithPut", "PUT", "/bucket/a", "uploads"},
	} {
		t.Run("Unknown/"+row.name, func(t *testing.T) {
			g.judge(t, pair.signed(s3Call{method: row.method, host: hostOne, path: row.path, query: row.query}), denied(403, "AccessDenied", "unknown_operation"))
		})
	}
	for _, header := range []string{"X-Minio-Source-Replication-Request", "X-Rgw-Copy-Source", "Rgwx-Copy-If-Newer", "X-Amz-Target", "X-Goog-Copy-Source"} {
		t.Run("Header/"+header, func(t *testing.T) {
			c := put("/bucket/a", uploaded).with(header, "true")
			g.judge(t, pair.signed(c), denied(403, "AccessDenied", "unknown_operation"))
		})
	}
}
