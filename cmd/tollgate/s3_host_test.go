package main

import (
	"net/http"
	"testing"
)

// preflight is the question of a browser whether it may ask.
func preflight(path, method string) s3Call {
	return s3Call{method: http.MethodOptions, host: hostOne, path: path}.
		with("Origin", "https://app.example").with("Access-Control-Request-Method", method)
}

// TestS3Preflight: a CORS preflight goes to the storage unsigned and without
// any credential, and is the only request that does.
func TestS3Preflight(t *testing.T) {
	g := startS3(t, s3Setup{})
	g.storage.answers(func(w http.ResponseWriter, a *s3Arrival) bool {
		w.Header().Set("Access-Control-Allow-Origin", "https://app.example")
		return false
	})
	token := g.issue(john, hostOne, nil).value
	pair := g.pair(john, hostOne)
	for _, row := range []struct {
		name    string
		call    s3Call
		status  int
		reaches bool
	}{
		{"Question", preflight("/bucket/a", "PUT").with("Access-Control-Request-Headers", "authorization,x-amz-date"), 200, true},
		{"QuestionWithACookie", preflight("/bucket/a", "PUT").with("Cookie", "token="+token+"; a=b"), 200, true},
		{"QuestionWithABearer", preflight("/bucket/a", "PUT").with("Authorization", "Bearer "+token), 200, true},
		{"QuestionWithMore", preflight("/bucket/a", "PUT").with("X-Amz-Copy-Source", "/bucket/b").with("X-Amz-Acl", "public-read").with("X-Custom", "1"), 200, true},
		{"PresignedQuestion", preflight("/bucket/a", "PUT").argument(pair.presigned(put("/bucket/a", "")).query), 0, false},
		{"NoOrigin", preflight("/bucket/a", "PUT").without("Origin"), 403, false},
		{"NoMethod", preflight("/bucket/a", "PUT").without("Access-Control-Request-Method"), 403, false},
		{"TwoOrigins", preflight("/bucket/a", "PUT").with("Origin", "https://b"), 403, false},
		{"Bare", s3Call{method: http.MethodOptions, host: hostOne, path: "/bucket/a"}, 403, false},
		{"BareWithATokenOfAll", s3Call{method: http.MethodOptions, host: hostOne, path: "/bucket/a"}.with("Authorization", "Bearer "+token), 403, false},
		{"Get", get("/bucket/a").with("Origin", "https://app.example").with("Access-Control-Request-Method", "GET"), 401, false},
		{"Put", put("/bucket/a", uploaded).with("Origin", "https://app.example").with("Access-Control-Request-Method", "PUT"), 401, false},
		{"Delete", s3Call{method: "DELETE", host: hostOne, path: "/bucket/a"}.with("Origin", "https://app.example").with("Access-Control-Request-Method", "DELETE"), 401, false},
		{"Overridden", preflight("/bucket/a", "PUT").with("X-Http-Method-Override", "DELETE"), 200, true},
		{"DotDot", preflight("/bucket/../a", "PUT"), 400, false},
		{"Admin", preflight("/minio/admin/v3/info", "PUT"), 403, false},
		{"NoTenant", func() s3Call { c := preflight("/bucket/a", "PUT"); c.host = hostNoOne; return c }(), 404, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			row.call.secrets = append(row.call.secrets, token, pair.access)
			got := g.send(t, row.call)
			arrivals := g.storage.take("")
			g.checkSecrets(t, row.call, got, arrivals)
			if row.status == 0 { // how is not settled, but nothing of the credential goes on
				return
			}
			if got.status != row.status || (len(arrivals) == 1) != row.reaches {
				t.Fatalf("got %d, %d arrived: %s", got.status, len(arrivals), got.body)
			}
			if !row.reaches {
				return
			}
			a := arrivals[0]
			if a.Method != http.MethodOptions || a.Signed || len(a.Body) > 0 || got.header.Get("Access-Control-Allow-Origin") != "https://app.example" {
				t.Errorf("arrived: %s", a.head())
			}
			for _, name := range []string{"Authorization", "Cookie", "X-Amz-Date", "X-Amz-Copy-Source", "X-Amz-Acl", "X-Custom", "X-Http-Method-Override", "X-Gateway-User"} {
				if a.Header.Get(name) != "" {
					t.Errorf("the storage got %s", name)
				}
			}
		})
	}
}

// TestS3VirtualHosts: a name below a base domain is a bucket, of the tenant
// that has the base domain. What is signed is the host and path as they came.
func TestS3VirtualHosts(t *testing.T) {
	const publicRule = "public:\n  - {path_prefix: /open/}\n"
	g := startS3(t, s3Setup{signing: "base_domains: [" + hostOneB + ", " + hostTwo + "], sigv2: true", more: publicRule})
	pair, foreign := g.pair(john, hostOneB), g.pair(other, hostTwo)
	narrow := g.pair(john, hostOneB, "X-User-Token-Grants-Meta", `[{"permissions":["storage.read"],"resources":["photos/a/"]}]`)
	bearer := g.issue(john, hostOneB, nil).value
	at := func(host, path string) s3Call { c := get(path); c.host = host; return c }
	for _, row := range []struct {
		name   string
		call   s3Call
		status int
		path   string // at the storage
	}{
		{"PathStyle", pair.signed(at(hostOneB, "/photos/a/b")), 200, "/photos/a/b"},
		{"VirtualHost", pair.signed(at("photos."+hostOneB, "/a/b")), 200, "/photos/a/b"},
		{"VirtualHostPresigned", pair.presigned(at("photos."+hostOneB, "/a/b")), 200, "/photos/a/b"},
		{"VirtualHostWithPort", pair.signed(at("photos."+hostOneB+":8080", "/a/b")), 200, "/photos/a/b"},
		{"VirtualHostRoot", pair.signed(at("photos."+hostOneB, "/").argument("list-type=2")), 200, "/photos/"},
		{"VirtualHostVersion2", pair.signV2(bucketInFront(at("photos."+hostOneB, "/a/b"), "/photos"), "header"), 200, "/photos/a/b"},
		{"Dots", pair.signed(at("my.photos."+hostOneB, "/a")), 200, "/my.photos/a"},
		{"Bearer", at("photos."+hostOneB, "/a/b").with("Authorization", "Bearer "+bearer), 200, "/photos/a/b"},
		{"BucketInThePathToo", pair.signed(at("photos."+hostOneB, "/photos/a")), 200, "/photos/photos/a"},
		{"SignedForAnotherHost", func() s3Call {
			c := pair.signed(at("photos."+hostOneB, "/a/b"))
			c.host = "secrets." + hostOneB
			return c
		}(), 403, ""},
		{"SignedForPathStyle", func() s3Call {
			c := pair.signed(at(hostOneB, "/photos/a"))
			c.host, c.path = "photos."+hostOneB, "/a"
			return c
		}(), 403, ""},
		{"NarrowedInside", narrow.signed(at("photos."+hostOneB, "/a/b")), 200, "/photos/a/b"},
		{"NarrowedOutside", narrow.signed(at("photos."+hostOneB, "/b")), 403, ""},
		{"NarrowedOtherBucket", narrow.signed(at("secrets."+hostOneB, "/a/b")), 403, ""},
		{"NarrowedBucketInThePath", narrow.signed(at("secrets."+hostOneB, "/photos/a/b")), 403, ""},
		{"TenantTwo", foreign.signed(at("photos."+hostTwo, "/a/b")), 200, "/photos/a/b"},
		{"TenantTwoAtOne", foreign.signed(at("photos."+hostOneB, "/a/b")), 403, ""},
		{"TenantOneAtTwo", pair.signed(at("photos."+hostTwo, "/a/b")), 403, ""},
		{"DotDot", pair.signed(at("photos."+hostOneB, "/../secrets/a")), 400, ""},
		{"ReservedBucket", pair.signed(at("minio."+hostOneB, "/admin/v3/info")), 403, ""},
		{"NobodysHost", pair.signed(at("photos."+hostNoOne, "/a")), 404, ""},
		{"PublicPathStyle", at(hostOneB, "/open/a"), 200, "/open/a"},
		{"PublicVirtualHost", at("open."+hostOneB, "/a"), 200, "/open/a"},
		{"NotPublicVirtualHost", at("photos."+hostOneB, "/open/a"), 401, ""},
		{"NotPublicBelow", at("photos.open."+hostOneB, "/a"), 401, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := g.send(t, row.call)
			arrivals := g.storage.take("")
			g.checkSecrets(t, row.call, got, arrivals)
			if got.status != row.status || (len(arrivals) == 1) != (row.path != "") {
				t.Fatalf("got %d, %d arrived: %s", got.status, len(arrivals), got.body)
			}
			if row.path != "" && (arrivals[0].Path != row.path || !arrivals[0].complete()) {
				t.Errorf("arrived: %s, %v", arrivals[0].head(), arrivals[0].Fault)
			}
		})
	}
	t.Run("FormAtAVirtualHost", func(t *testing.T) {
		f := s3Form{bucket: "photos", key: "a/b", lasts: 1 << 40, atMost: 100, file: uploaded}
		c := f.call(pair)
		c.host, c.path = "photos."+hostOneB, "/"
		got := g.send(t, c)
		if a := g.storage.take(""); got.status != 200 || len(a) != 1 || !a[0].complete() || a[0].Path != "/photos/" {
			t.Errorf("got %d: %s %s", got.status, got.body, faults(a))
		}
		c.host = "secrets." + hostOneB
		got = g.send(t, c)
		if a := g.storage.take(""); got.status != 403 || len(a) > 0 {
			t.Errorf("at another bucket: got %d: %s", got.status, got.body)
		}
	})
}

// bucketInFront is for signV2, whose clients sign the bucket of the host as
// the beginning of the path.
func bucketInFront(c s3Call, bucket string) s3Call {
	c.signedPath = bucket + c.path
	return c
}
