package main

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestS3HeadersThatNeedMore: what a header gives, and what it would give by
// the storage's own rules if the root key asks for it, needs the right for it.
func TestS3HeadersThatNeedMore(t *testing.T) {
	g := startS3(t, s3Setup{})
	some := g.presenters(john, `[{"permissions":["storage.read","storage.write","storage.delete"],"resources":["bucket"]}]`)
	all := g.presenters(john, "")
	unknown, lacks := denied(403, "AccessDenied", "unknown_operation"), denied(403, "AccessDenied", "permission")
	erase := func(path string) s3Call {
		return s3Call{method: http.MethodDelete, host: hostOne, path: path, query: "versionId=1"}
	}
	bucket := func(string) s3Call { return s3Call{method: http.MethodPut, host: hostOne, path: "/bucket"} }
	write := func(path string) s3Call { return put(path, uploaded) }
	for _, row := range []struct {
		name        string
		call        func(path string) s3Call
		header      string
		value       string
		some, whole s3Verdict
	}{
		{"DeleteOfAReplica", erase, "X-Amz-Replication-Status", "REPLICA", unknown, unknown},
		{"PutOfAReplica", write, "X-Amz-Replication-Status", "REPLICA", unknown, unknown},
		{"NobodyKnowsIt", write, "X-Amz-Yet-To-Come", "1", unknown, unknown},
		{"OfOneStorage", write, "X-Vgw-Owner", "me", unknown, unknown},
		{"Metadata", write, "X-Amz-Meta-Any", "1", passed, passed},
		{"Lock", write, "X-Amz-Object-Lock-Mode", "COMPLIANCE", lacks, passed},
		{"PublicAcl", write, "X-Amz-Acl", "public-read", lacks, passed},
		{"LockOfABucket", bucket, "X-Amz-Bucket-Object-Lock-Enabled", "true", lacks, passed},
		{"OwnershipOfABucket", bucket, "X-Amz-Object-Ownership", "ObjectWriter", lacks, passed},
	} {
		for i := range some {
			t.Run(row.name+"/"+some[i].name, func(t *testing.T) {
				g.judgeAs(t, some[i], row.call(g.path()).with(row.header, row.value), row.some)
				g.judgeAs(t, all[i], row.call(g.path()).with(row.header, row.value), row.whole)
			})
		}
	}
}

// TestS3FormsThatNeedMore: fields and arguments beside a form are judged as
// headers would be.
func TestS3FormsThatNeedMore(t *testing.T) {
	g := startS3(t, s3Setup{})
	some := g.pair(john, hostOne, "X-User-Token-Grants-Meta", `[{"permissions":["storage.write"]}]`)
	all := g.pair(john, hostOne)
	for _, row := range []struct {
		name, field, value, query string
		some, whole               s3Verdict
	}{
		{"PrivateAcl", "acl", "private", "", passed, passed},
		{"PublicAcl", "acl", "public-read", "", denied(403, "AccessDenied", "permission"), passed},
		{"PublicAclByItsOtherName", "x-amz-acl", "public-read", "", denied(403, "AccessDenied", "permission"), passed},
		{"Lock", "x-amz-object-lock-mode", "COMPLIANCE", "", denied(403, "AccessDenied", "permission"), passed},
		{"LockInTheQuery", "", "", "x-amz-object-lock-mode=COMPLIANCE", denied(403, "AccessDenied", "unknown_operation"), denied(403, "AccessDenied", "unknown_operation")},
		{"MetadataInTheQuery", "", "", "x-amz-meta-a=b", denied(403, "AccessDenied", "unknown_operation"), denied(403, "AccessDenied", "unknown_operation")},
	} {
		t.Run(row.name, func(t *testing.T) {
			for pair, want := range map[s3Pair]s3Verdict{some: row.some, all: row.whole} {
				f := newForm(g)
				if row.field != "" {
					f.fields, f.conditions = [][2]string{{row.field, row.value}}, []any{map[string]string{row.field: row.value}}
				}
				c := f.call(pair)
				c.query = row.query
				g.judge(t, c, want)
			}
		})
	}
}

// TestS3ListOfBucketsHasNoPages: a page would tell of buckets in between.
func TestS3ListOfBucketsHasNoPages(t *testing.T) {
	g := startS3(t, s3Setup{})
	g.storage.answers(func(w http.ResponseWriter, a *s3Arrival) bool {
		w.Header().Set("Content-Type", "application/xml")
		_, _ = io.WriteString(w, strings.Replace(allBuckets, "</Buckets>", "</Buckets><ContinuationToken>secret-bucket</ContinuationToken>", 1))
		return a.Path == "/"
	})
	narrow := g.pair(john, hostOne, "X-User-Token-Grants-Meta", `[{"permissions":["storage.list"],"resources":["bucket"]}]`)
	got := g.send(t, narrow.signed(get("/")))
	if got.status != 200 || strings.Contains(got.body, "secret") || !strings.Contains(got.body, "<Name>bucket</Name>") {
		t.Errorf("%d %s", got.status, got.body)
	}
	for _, query := range []string{"max-buckets=1", "continuation-token=a", "prefix=hidden&max-buckets=1"} {
		if got := g.send(t, narrow.signed(get("/").argument(query))); got.status != 403 {
			t.Errorf("%s: %d %s", query, got.status, got.body)
		}
		if got := g.send(t, g.pair(john, hostOne).signed(get("/").argument(query))); got.status != 200 {
			t.Errorf("%s, not narrowed: %d %s", query, got.status, got.body)
		}
	}
}

// TestS3PreflightHasNoBody: nobody is there who could wait for one.
func TestS3PreflightHasNoBody(t *testing.T) {
	g := startS3(t, s3Setup{})
	c := preflight("/bucket/a", "PUT").with("Content-Length", "3")
	began := time.Now()
	if got := g.send(t, c); got.status != 403 || time.Since(began) > 20*time.Second {
		t.Errorf("%d after %v", got.status, time.Since(began))
	}
	if arrived := g.storage.take(""); len(arrived) > 0 {
		t.Errorf("the storage got %s", faults(arrived))
	}
}

// TestS3HostOfABucketIsNoPathOfAPlainRoute: a route for /app does not open
// what lies elsewhere for a host called app.
func TestS3HostOfABucketIsNoPathOfAPlainRoute(t *testing.T) {
	plain := startBackend(t)
	g := startS3(t, s3Setup{signing: "base_domains: [" + hostOneB + "]"})
	g.write(strings.Replace(g.setup.configuration(), "upstreams:\n", "upstreams:\n  - {name: plain, urls: ["+plain.URL+"]}\n", 1) +
		"routes:\n  - {path_prefix: /app, upstream: plain}\n  - {upstream: storage}\n")
	g.end()
	g.start()
	pair := g.pair(john, hostOneB)
	c := get("/admin/secret")
	c.host = "app." + hostOneB
	if got := g.send(t, pair.signed(c)); got.status != 200 || len(g.storage.take("/app/admin/secret")) != 1 {
		t.Errorf("%d %s", got.status, got.body)
	}
	if n := len(plain.take()); n != 0 {
		t.Errorf("the plain upstream got %d requests", n)
	}
}

// TestS3KeyOfTheStorageStaysHidden: in what is no XML, and in answers to HEAD.
func TestS3KeyOfTheStorageStaysHidden(t *testing.T) {
	g := startS3(t, s3Setup{})
	g.storage.answers(func(w http.ResponseWriter, a *s3Arrival) bool {
		switch {
		case a.Method == http.MethodHead:
			w.Header().Set("X-Minio-Error-Code", "SignatureDoesNotMatch")
			w.WriteHeader(http.StatusForbidden)
		case strings.Contains(a.Query, "policy"):
			_, _ = io.WriteString(w, `{"Statement":[{"Principal":{"AWS":["`+storageKey+`"]}}]}`)
		default:
			w.Header().Set("Content-Type", "application/xml")
			_, _ = io.WriteString(w, "<L><Owner><ID>"+storageKey+"</ID></Owner></L>")
		}
		return true
	})
	pair := g.pair(john, hostOne)
	for _, c := range []s3Call{get("/bucket/").argument("policy"), get("/bucket/").argument("acl"), get("/bucket/").argument("list-type=2")} {
		if got := g.send(t, pair.signed(c)); got.status != 200 || strings.Contains(got.body, storageKey) || !strings.Contains(got.body, "***") {
			t.Errorf("%s: %d %s", c.query, got.status, got.body)
		}
	}
	c := get("/bucket/key")
	c.method = http.MethodHead
	if got := g.send(t, pair.signed(c)); got.status != http.StatusBadGateway || got.header.Get("X-Minio-Error-Code") != "" {
		t.Errorf("HEAD: %d %v", got.status, got.header)
	}
}

// TestPlacesHoldOnPlainUpstreams: resources decide on paths, so what can name
// objects in another way does not pass.
func TestPlacesHoldOnPlainUpstreams(t *testing.T) {
	plain := startBackend(t)
	g := startGateway(t, setup{upstream: plain.URL})
	narrow := g.issue(john, hostOne, headers("X-User-Token-Grants-Meta", `[{"permissions":["storage.*"],"resources":["a/"]}]`)).value
	rights := g.issue(john, hostOne, headers("X-User-Token-Grants-Meta", `[{"permissions":["storage.*"]}]`)).value
	for _, row := range []struct {
		name, method, target string
		header               []string
		narrow, rights       int
	}{
		{"Inside", "GET", "/a/x", nil, 200, 200},
		{"Outside", "GET", "/b/x", nil, 403, 200},
		{"Neighbour", "GET", "/ab", nil, 403, 200},
		{"TheFolderItself", "GET", "/a", nil, 403, 200},
		{"EncodedSlash", "GET", "/a%2Fx", nil, 400, 200},
		{"DotDot", "GET", "/a/../b", nil, 400, 200},
		{"DoubleSlash", "GET", "/a//x", nil, 400, 200},
		{"CopyWithin", "COPY", "/a/x", []string{"Destination", "/a/y"}, 200, 200},
		{"CopyOut", "COPY", "/a/x", []string{"Destination", "/b/y"}, 403, 200},
		{"CopyOutOfSight", "COPY", "/a/x", []string{"Destination", "/a/../b/y"}, 400, 200},
		{"DestinationWithAQuery", "COPY", "/a/x", []string{"Destination", "/a/x?/../../b"}, 400, 400},
		{"CopyFromHeader", "PUT", "/a/x", []string{"X-Copy-From", "/b/y"}, 403, 200},
		{"ManifestHeader", "PUT", "/a/x", []string{"X-Object-Manifest", "b/"}, 403, 200},
		{"Search", "SEARCH", "/a/", nil, 403, 200},
		{"UnknownMethod", "BIND", "/a/", nil, 403, 200},
	} {
		t.Run(row.name, func(t *testing.T) {
			for token, want := range map[string]int{narrow: row.narrow, rights: row.rights} {
				got := g.do(ask{method: row.method, target: row.target, header: headers(append(row.header, "Authorization", "Bearer "+token)...)})
				if n := len(plain.take()); got.status != want || (n == 1) != (want == 200) {
					t.Errorf("%d, want %d; %d arrived: %s", got.status, want, n, got.body)
				}
			}
		})
	}
}
