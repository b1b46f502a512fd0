package main

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

const allBuckets = `<?xml version="1.0" encoding="UTF-8"?>
<ListAllMyBucketsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Owner><ID>1</ID></Owner><Buckets>` +
	`<Bucket><Name>bucket</Name></Bucket><Bucket><Name>bucket2</Name></Bucket><Bucket><Name>secret-bucket</Name></Bucket></Buckets></ListAllMyBucketsResult>`

// listBuckets makes the storage list its buckets.
func listBuckets(w http.ResponseWriter, a *s3Arrival) bool {
	if a.Path != "/" || a.Method != http.MethodGet {
		return false
	}
	w.Header().Set("Content-Type", "application/xml")
	_, _ = io.WriteString(w, allBuckets)
	return true
}

// presents shows a token in one of the forms in which it counts.
type presents struct {
	name string
	sign func(c s3Call) s3Call
}

// presenters returns an S3 key pair, a token in a Bearer header and one in a
// cookie, all of which were given the same.
func (g *s3Gateway) presenters(user, grants string) []presents {
	g.t.Helper()
	header := []string{"X-User-Token-Grants-Meta", grants}
	if grants == "" {
		header = nil
	}
	pair, plain := g.pair(user, hostOne, header...), g.issue(user, hostOne, headers(header...)).value
	return []presents{
		{"Header", pair.signed},
		{"Presigned", pair.presigned},
		{"Bearer", func(c s3Call) s3Call {
			c.secrets = append(c.secrets, plain)
			return c.with("Authorization", "Bearer "+plain)
		}},
		{"Cookie", func(c s3Call) s3Call {
			c.secrets = append(c.secrets, plain)
			return c.with("Cookie", "a=b; token="+plain)
		}},
	}
}

// judgeAs is judge for whoever presents a token: to those that did not sign a
// refusal is no XML.
func (g *s3Gateway) judgeAs(t *testing.T, who presents, c s3Call, want s3Verdict) (s3Reply, *s3Arrival) {
	t.Helper()
	c = who.sign(c)
	if want.code != "" && !strings.Contains(c.get("Authorization")+c.query, "AWS4-") {
		want.code = "-"
	}
	return g.judge(t, c, want)
}

func deleteList(keys ...string) []byte {
	return []byte("<Delete><Object><Key>" + strings.Join(keys, "</Key></Object><Object><Key>") + "</Key></Object></Delete>")
}

const completeList = "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>a</ETag></Part></CompleteMultipartUpload>"

// TestS3NarrowedTokens: what a token was given holds for every object that a
// request names, at / boundaries, and whichever way the token is presented.
func TestS3NarrowedTokens(t *testing.T) {
	g := startS3(t, s3Setup{})
	g.storage.answers(listBuckets)
	full := g.presenters(john, `[{"permissions":["storage.read","storage.list","storage.write","storage.delete"],"resources":["bucket/prefix/"]}]`)
	reading := g.presenters(john, `[{"permissions":["storage.read","storage.list"],"resources":["bucket/prefix/"]}]`)
	split := g.presenters(john, `[{"permissions":["storage.read"],"resources":["bucket/from/"]},{"permissions":["storage.write"],"resources":["bucket/to/"]}]`)
	outside, lacks := denied(403, "AccessDenied", "resource"), denied(403, "AccessDenied", "permission")
	type request struct {
		method, path, query, copySource string
		body                            []byte
	}
	rows := []struct {
		name string
		who  []presents
		request
		want s3Verdict
	}{
		{"Get", full, request{method: "GET", path: "/bucket/prefix/a"}, passed},
		{"GetBoundary", full, request{method: "GET", path: "/bucket/prefixx/a"}, outside},
		{"GetPrefixItself", full, request{method: "GET", path: "/bucket/prefix"}, outside},
		{"GetOtherBucket", full, request{method: "GET", path: "/bucket2/prefix/a"}, outside},
		{"GetDecoded", full, request{method: "GET", path: "/bucket/pre%66ix/a"}, passed},
		{"GetTags", full, request{method: "GET", path: "/bucket/prefix/a", query: "tagging"}, passed},
		{"GetTagsOutside", full, request{method: "GET", path: "/bucket/a", query: "tagging"}, outside},
		{"Put", full, request{method: "PUT", path: "/bucket/prefix/a", body: []byte(uploaded)}, passed},
		{"PutOutside", full, request{method: "PUT", path: "/bucket/other/a", body: []byte(uploaded)}, outside},
		{"PutOfAReader", reading, request{method: "PUT", path: "/bucket/prefix/a", body: []byte(uploaded)}, lacks},
		{"Delete", full, request{method: "DELETE", path: "/bucket/prefix/a"}, passed},
		{"DeleteOutside", full, request{method: "DELETE", path: "/bucket/prefixx"}, outside},
		{"DeleteOfAReader", reading, request{method: "DELETE", path: "/bucket/prefix/a"}, lacks},
		{"Copy", full, request{method: "PUT", path: "/bucket/prefix/b", copySource: "/bucket/prefix/a"}, passed},
		{"CopyWithoutSlash", full, request{method: "PUT", path: "/bucket/prefix/b", copySource: "bucket/prefix/a?versionId=1"}, passed},
		{"CopyFromOutside", full, request{method: "PUT", path: "/bucket/prefix/b", copySource: "/bucket/prefixx/a"}, outside},
		{"CopyFromAnotherBucket", full, request{method: "PUT", path: "/bucket/prefix/b", copySource: "secret-bucket%2Fprefix/a"}, outside},
		{"CopyFromClimbing", full, request{method: "PUT", path: "/bucket/prefix/b", copySource: "/bucket/prefix/../a"}, denied(400, "InvalidURI", "")},
		{"CopyToOutside", full, request{method: "PUT", path: "/bucket/b", copySource: "/bucket/prefix/a"}, outside},
		{"CopyAcrossGrants", split, request{method: "PUT", path: "/bucket/to/b", copySource: "/bucket/from/a"}, passed},
		{"CopyAgainstGrants", split, request{method: "PUT", path: "/bucket/from/b", copySource: "/bucket/to/a"}, denied(403, "AccessDenied", "resource")},
		{"GetWhereOnlyWriting", split, request{method: "GET", path: "/bucket/to/a"}, outside},
		{"PartCopy", full, request{method: "PUT", path: "/bucket/prefix/b", query: "partNumber=1&uploadId=u", copySource: "/bucket/prefix/a"}, passed},
		{"PartCopyFromOutside", full, request{method: "PUT", path: "/bucket/prefix/b", query: "partNumber=1&uploadId=u", copySource: "/bucket/a"}, outside},
		{"DeleteObjects", full, request{method: "POST", path: "/bucket", query: "delete", body: deleteList("prefix/a", "prefix/b")}, passed},
		{"DeleteObjectsOneOutside", full, request{method: "POST", path: "/bucket", query: "delete", body: deleteList("prefix/a", "prefixx/b")}, outside},
		{"DeleteObjectsOfAReader", reading, request{method: "POST", path: "/bucket", query: "delete", body: deleteList("prefix/a")}, lacks},
		{"DeleteObjectsOutsideAlone", full, request{method: "POST", path: "/bucket2", query: "delete", body: deleteList("prefix/a")}, outside},
		{"CreateMultipart", full, request{method: "POST", path: "/bucket/prefix/a", query: "uploads"}, passed},
		{"CreateMultipartOutside", full, request{method: "POST", path: "/bucket/a", query: "uploads"}, outside},
		{"UploadPart", full, request{method: "PUT", path: "/bucket/prefix/a", query: "partNumber=1&uploadId=u", body: []byte(uploaded)}, passed},
		{"UploadPartOutside", full, request{method: "PUT", path: "/bucket/a", query: "partNumber=1&uploadId=u", body: []byte(uploaded)}, outside},
		{"Complete", full, request{method: "POST", path: "/bucket/prefix/a", query: "uploadId=u", body: []byte(completeList)}, passed},
		{"CompleteOutside", full, request{method: "POST", path: "/bucket/a", query: "uploadId=u", body: []byte(completeList)}, outside},
		{"Abort", full, request{method: "DELETE", path: "/bucket/prefix/a", query: "uploadId=u"}, passed},
		{"AbortOutside", full, request{method: "DELETE", path: "/bucket/a", query: "uploadId=u"}, outside},
		{"ListPartsOutside", full, request{method: "GET", path: "/bucket/a", query: "uploadId=u"}, outside},
		{"List", full, request{method: "GET", path: "/bucket", query: "list-type=2&prefix=prefix/"}, passed},
		{"ListBelow", full, request{method: "GET", path: "/bucket/", query: "list-type=2&prefix=prefix%2Fsub&delimiter=%2F"}, passed},
		{"ListFirstVersion", full, request{method: "GET", path: "/bucket", query: "prefix=prefix/"}, passed},
		{"ListWithoutSlash", full, request{method: "GET", path: "/bucket", query: "list-type=2&prefix=prefix"}, outside},
		{"ListBoundary", full, request{method: "GET", path: "/bucket", query: "list-type=2&prefix=prefixx/"}, outside},
		{"ListAll", full, request{method: "GET", path: "/bucket", query: "list-type=2"}, outside},
		{"ListTwoPrefixes", full, request{method: "GET", path: "/bucket", query: "list-type=2&prefix=prefix/&prefix="}, denied(400, "InvalidArgument", "bad_argument")},
		{"ListVersions", full, request{method: "GET", path: "/bucket", query: "versions&prefix=prefix/"}, passed},
		{"ListVersionsAll", full, request{method: "GET", path: "/bucket", query: "versions"}, outside},
		{"ListUploads", full, request{method: "GET", path: "/bucket", query: "uploads&prefix=prefix/"}, passed},
		{"ListUploadsAll", full, request{method: "GET", path: "/bucket", query: "uploads"}, outside},
		{"Location", full, request{method: "GET", path: "/bucket", query: "location"}, passed},
		{"LocationOutside", full, request{method: "GET", path: "/bucket2", query: "location"}, outside},
		{"HeadBucket", full, request{method: "HEAD", path: "/bucket"}, passed},
		{"HeadBucketOutside", full, request{method: "HEAD", path: "/bucket2"}, outside},
		{"HeadObjectOutside", full, request{method: "HEAD", path: "/bucket/a"}, outside},
		{"CreateBucket", full, request{method: "PUT", path: "/bucket"}, outside},
		{"DeleteBucket", full, request{method: "DELETE", path: "/bucket"}, outside},
		{"BucketPolicy", full, request{method: "GET", path: "/bucket", query: "policy"}, outside},
		{"PutBucketPolicy", full, request{method: "PUT", path: "/bucket", query: "policy", body: []byte("{}")}, s3Verdict{403, "AccessDenied", "", nowhere}},
		{"ListBuckets", full, request{method: "GET", path: "/"}, passed},
		{"ListBucketsWithoutTheRight", split, request{method: "GET", path: "/"}, lacks},
	}
	for _, row := range rows {
		for _, who := range row.who {
			t.Run(row.name+"/"+who.name, func(t *testing.T) {
				c := s3Call{method: row.method, host: hostOne, path: row.path, query: row.query, body: row.body}
				if row.copySource != "" {
					c = c.with("X-Amz-Copy-Source", row.copySource)
				}
				_, a := g.judgeAs(t, who, c, row.want)
				if a != nil && (a.Path != row.path || a.Query != row.query || string(a.Body) != string(row.body) || a.Header.Get("X-Amz-Copy-Source") != row.copySource) {
					t.Errorf("the storage got %s%s", a.head(), a.Body)
				}
			})
		}
	}
}

// TestS3ListsOfBucketsAreFiltered: who may see something in one bucket sees
// that bucket.
func TestS3ListsOfBucketsAreFiltered(t *testing.T) {
	g := startS3(t, s3Setup{})
	g.storage.answers(listBuckets)
	for _, row := range []struct{ name, user, grants, sees string }{
		{"Everything", john, "", "bucket bucket2 secret-bucket"},
		{"OnePrefix", john, `[{"permissions":["storage.read","storage.list"],"resources":["bucket/prefix/"]}]`, "bucket"},
		{"Two", john, `[{"permissions":["storage.list"],"resources":["bucket2","secret-bucket/a"]}]`, "bucket2 secret-bucket"},
		{"None", john, `[{"permissions":["storage.list"],"resources":["elsewhere"]}]`, ""},
		{"Reader", jane, "", "bucket bucket2 secret-bucket"},
	} {
		for _, who := range g.presenters(row.user, row.grants) {
			t.Run(row.name+"/"+who.name, func(t *testing.T) {
				got, a := g.judgeAs(t, who, get("/").with("Accept-Encoding", "gzip"), passed)
				var seen []string
				for _, bucket := range []string{"bucket", "bucket2", "secret-bucket"} {
					if strings.Contains(got.body, "<Name>"+bucket+"</Name>") {
						seen = append(seen, bucket)
					}
				}
				if strings.Join(seen, " ") != row.sees || !strings.HasSuffix(got.body, "</ListAllMyBucketsResult>") {
					t.Errorf("%v in %s", seen, got.body)
				}
				if a != nil && a.Header.Get("Accept-Encoding") != "" && a.Header.Get("Accept-Encoding") != "identity" {
					t.Errorf("the storage may answer in %q", a.Header.Get("Accept-Encoding"))
				}
			})
		}
	}
	for name, list := range map[string]string{
		"NoXML": "not a list", "Truncated": allBuckets[:len(allBuckets)-30], "Empty": "", "NameElsewhere": strings.Replace(allBuckets, "<Owner>", "<Bucket><Name>x</Name></Bucket><Owner>", 1),
	} {
		t.Run("Unreadable/"+name, func(t *testing.T) {
			g.storage.answers(func(w http.ResponseWriter, _ *s3Arrival) bool {
				_, _ = io.WriteString(w, list)
				return true
			})
			pair := g.pair(john, hostOne)
			got := g.send(t, pair.signed(get("/")))
			g.storage.take("")
			if got.status != 502 || strings.Contains(got.body, "secret-bucket") {
				t.Errorf("got %d %s", got.status, got.body)
			}
		})
	}
}
