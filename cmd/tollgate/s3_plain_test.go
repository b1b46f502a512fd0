package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// TestS3PlainTokens: a token without a secret key reads and writes by plain
// HTTP; the gateway signs for it.
func TestS3PlainTokens(t *testing.T) {
	g := startS3(t, s3Setup{})
	for _, who := range g.presenters(john, "") {
		for _, row := range []struct {
			name, method, path, query string
			body                      string
			want                      s3Verdict
		}{
			{"GetObject", "GET", "/bucket/a%20b", "versionId=1", "", passed},
			{"HeadObject", "HEAD", "/bucket/a", "", "", passed},
			{"PutObject", "PUT", "/bucket/a", "", uploaded, passed},
			{"PutEmptyObject", "PUT", "/bucket/a", "", "", passed},
			{"DeleteObject", "DELETE", "/bucket/a", "", "", passed},
			{"List", "GET", "/bucket", "list-type=2", "", passed},
			{"UnknownSubResource", "GET", "/bucket/b", "usage", "", denied(403, "AccessDenied", "unknown_operation")},
			{"UnknownMethod", "PROPFIND", "/bucket/b", "", "", denied(403, "AccessDenied", "unknown_operation")},
			{"Admin", "GET", "/minio/admin/v3/info", "", "", denied(403, "AccessDenied", "reserved_bucket")},
			{"DotDot", "GET", "/bucket/../b", "", "", denied(400, "InvalidURI", "")},
		} {
			t.Run(who.name+"/"+row.name, func(t *testing.T) {
				c := s3Call{method: row.method, host: hostOne, path: row.path, query: row.query, body: []byte(row.body)}
				c = c.with("X-Gateway-User", "root").with("Cookie", "c=d")
				if who.name != "Cookie" { // which it would come before
					c = c.with("Gateway-Token", "x").with("X-Auth-Token", "x")
				}
				got, a := g.judgeAs(t, who, c, row.want)
				if a == nil {
					return
				}
				if string(a.Data) != row.body || a.Path != row.path || a.Query != row.query {
					t.Errorf("arrived: %s%s", a.head(), a.Body)
				}
				for _, name := range []string{"Gateway-Token", "Token", "X-Auth-Token"} {
					if a.Header.Get(name) != "" {
						t.Errorf("the storage got %s", name)
					}
				}
				if a.Header.Get("X-Gateway-User") != john || !strings.HasPrefix(a.Header.Get("Authorization"), "AWS4-HMAC-SHA256 Credential="+storageKey+"/") {
					t.Errorf("arrived: %s", a.head())
				}
				if got.header.Get("Content-Security-Policy") != "sandbox" || got.header.Get("X-Content-Type-Options") != "nosniff" {
					t.Errorf("the answer can act as this site: %v", got.header)
				}
			})
		}
	}
}

// TestS3PlainUploads: what a plain upload must not do is no signature's
// privilege either.
func TestS3PlainUploads(t *testing.T) {
	g := startS3(t, s3Setup{})
	token := g.issue(john, hostOne, nil).value
	pair := g.pair(john, hostOne)
	bearing := func(c s3Call) s3Call { return c.with("Authorization", "Bearer "+token) }
	for _, row := range []struct {
		name string
		call s3Call
		want s3Verdict
	}{
		{"Chunks", bearing(put(g.path(), "5\r\nhello\r\n0\r\n\r\n").with("Content-Encoding", "aws-chunked")), denied(400, "-", "malformed_chunk")},
		{"NoLength", func() s3Call {
			c := bearing(put(g.path(), "5\r\nhello\r\n0\r\n\r\n").with("Transfer-Encoding", "chunked"))
			c.announced = "-"
			return c
		}(), denied(411, "-", "length_required")},
		{"Checksum", bearing(put(g.path(), uploaded).with("X-Amz-Checksum-Crc32", crc32Of(uploaded))), passed},
		{"WrongChecksum", bearing(put(g.path(), uploaded).with("X-Amz-Checksum-Crc32", crc32Of("x"))), broken(400, "-", "checksum_mismatch")},
		{"Metadata", bearing(put(g.path(), uploaded).with("X-Amz-Meta-A", "1")), passed},
		{"AskForADigest", bearing(put(g.path(), uploaded).with("X-Amz-Content-Sha256", sha256Hex(nil)).with("X-Amz-Date", "20200101T000000Z")), passed},
		{"SecurityToken", bearing(put(g.path(), uploaded).with("X-Amz-Security-Token", "t")), passed},
		{"MisspeltHeader", bearing(put(g.path(), uploaded).with("X_Amz_Meta_A", "1")), s3Verdict{400, "-", "bad_argument", nowhere}},
		{"KeyPairAsToken", put(g.path(), uploaded).with("Authorization", "Bearer "+pair.access), denied(401, "-", "signing_only")},
		{"Anonymous", put(g.path(), uploaded), denied(401, "-", "no_credential")},
		{"AnonymousRead", get(g.path()), denied(401, "-", "no_credential")},
		{"PostWithoutPolicy", bearing(s3Call{method: "POST", host: hostOne, path: "/bucket", body: formBody([][2]string{{"key", "a"}}, uploaded, nil)}.
			with("Content-Type", "multipart/form-data; boundary=boundary0123456789")), s3Verdict{403, "-", "", nowhere}},
	} {
		t.Run(row.name, func(t *testing.T) {
			row.call.secrets = append(row.call.secrets, token, pair.access)
			_, a := g.judge(t, row.call, row.want)
			if a == nil {
				return
			}
			if a.Header.Get("X-Amz-Security-Token") != "" || a.Header.Get("X_amz_meta_a") != "" || string(a.Data) != uploaded {
				t.Errorf("arrived: %s", a.head())
			}
		})
	}
	t.Run("RefusalIsAProblem", func(t *testing.T) {
		got := g.send(t, bearing(get("/bucket/a").argument("usage")))
		var problem struct{ Code string }
		if err := json.Unmarshal([]byte(got.body), &problem); err != nil || problem.Code != "forbidden" || got.header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("got %d %v %s", got.status, err, got.body)
		}
	})
}

// TestS3PublicRules: what is for everybody is plain reading and writing, and no
// more; it too is signed with the storage's key.
func TestS3PublicRules(t *testing.T) {
	g := startS3(t, s3Setup{more: "public:\n  - {path_prefix: /open/, methods: [GET, HEAD, PUT, DELETE, POST]}\n"})
	g.storage.answers(func(w http.ResponseWriter, _ *s3Arrival) bool {
		w.Header().Set("Content-Type", "text/html")
		return false
	})
	for _, row := range []struct {
		name string
		call s3Call
		want s3Verdict
	}{
		{"Get", get("/open/a"), passed},
		{"Put", put("/open/a", uploaded), passed},
		{"List", get("/open/").argument("list-type=2"), passed},
		{"Version", get("/open/b").argument("versionId=1"), denied(401, "-", "no_credential")},
		{"OtherHeaders", get("/open/b").argument("response-content-type=text/html"), denied(401, "-", "no_credential")},
		{"ACL", get("/open/b").argument("acl"), denied(401, "-", "no_credential")},
		{"Copy", put("/open/b", "").with("X-Amz-Copy-Source", "/secret-bucket/a"), denied(401, "-", "no_credential")},
		{"PublicACL", put("/open/b", uploaded).with("X-Amz-Acl", "public-read"), denied(401, "-", "no_credential")},
		{"Delete", s3Call{method: "DELETE", host: hostOne, path: "/open/b"}, denied(401, "-", "no_credential")},
		{"DeleteObjects", s3Call{method: "POST", host: hostOne, path: "/open/", query: "delete", body: deleteList("a")}, denied(401, "-", "no_credential")},
		{"Neighbour", get("/openx/a"), denied(401, "-", "no_credential")},
		{"EncodedSlash", get("/open/..%2fb"), denied(400, "-", "")},
		{"BucketItself", get("/open"), denied(401, "-", "no_credential")},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, _ := g.judge(t, row.call, row.want)
			if row.want.code == "" && got.header.Get("Content-Security-Policy") != "sandbox" {
				t.Errorf("the answer can act as this site: %v", got.header)
			}
		})
	}
}
