package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
)

// narrowPair makes an S3 key pair that is restricted.
func (g *s3Gateway) narrowPair(user, body string) s3Pair {
	g.t.Helper()
	a := g.do(ask{
		method: http.MethodPost, target: ownAPI, user: user, header: headers("Content-Type", "application/json"),
		body: `{"tenant":"one","secret_key":` + fmt.Sprintf("%q", clientSecret) + `,` + body + `}`,
	})
	var made struct {
		ID        string `json:"id"`
		AccessKey string `json:"access_key"`
	}
	if err := json.Unmarshal([]byte(a.body), &made); err != nil || a.status != http.StatusCreated {
		g.t.Fatalf("make %s: %d %s", body, a.status, a.body)
	}
	return s3Pair{access: made.AccessKey, secret: clientSecret, id: made.ID}
}

// TestS3SizeLimit: the limit counts the bytes of the object, in whatever form
// they come.
func TestS3SizeLimit(t *testing.T) {
	g := startS3(t, s3Setup{})
	pair := g.narrowPair(john, `"restrictions":{"max_size":1000}`)
	tooLarge := denied(400, "EntityTooLarge", "size")
	for _, row := range []struct {
		name string
		size int
		want s3Verdict
	}{{"Below", 999, passed}, {"AtLimit", 1000, passed}, {"Above", 1001, tooLarge}} {
		body := strings.Repeat("x", row.size)
		for _, mode := range s3Modes {
			for _, place := range []string{"header", "presigned"} {
				if mode.refused.code != "" || mode.value == "" && place == "header" {
					continue
				}
				t.Run(row.name+"/"+mode.name+"/"+place, func(t *testing.T) {
					g.judge(t, pair.upload(place, mode.value, g.path(), body), row.want)
				})
			}
		}
		t.Run(row.name+"/Part", func(t *testing.T) {
			g.judge(t, pair.signed(put(g.path(), body).argument("partNumber=1").argument("uploadId=u")), row.want)
		})
		t.Run(row.name+"/Form", func(t *testing.T) {
			form := newForm(g)
			form.file, form.atMost = body, 1<<20
			want := row.want
			if want.code != "" {
				want = broken(400, "EntityTooLarge", "size") // it is counted while it flows
			}
			g.judge(t, form.call(pair), want)
		})
	}
	t.Run("CopyIsNotLookedInto", func(t *testing.T) {
		g.judge(t, pair.signed(put(g.path(), "").with("X-Amz-Copy-Source", "/bucket/large")), tooLarge)
	})
	t.Run("PartCopyIsNotLookedInto", func(t *testing.T) {
		c := put(g.path(), "").with("X-Amz-Copy-Source", "/bucket/large").argument("partNumber=1").argument("uploadId=u")
		g.judge(t, pair.signed(c), tooLarge)
	})
}

// listOfParts answers ListParts with parts of these sizes, a page of two at a
// time.
func listOfParts(sizes ...int) func(w http.ResponseWriter, a *s3Arrival) bool {
	return func(w http.ResponseWriter, a *s3Arrival) bool {
		if a.Method != http.MethodGet || !strings.Contains(a.Query, "uploadId=") {
			return false
		}
		query, _ := url.ParseQuery(a.Query)
		from, _ := strconv.Atoi(query.Get("part-number-marker"))
		to := min(from+2, len(sizes))
		fmt.Fprintf(w, `<?xml version="1.0" encoding="UTF-8"?><ListPartsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><IsTruncated>%t</IsTruncated><NextPartNumberMarker>%d</NextPartNumberMarker>`, to < len(sizes), to)
		for i := from; i < to; i++ {
			fmt.Fprintf(w, "<Part><PartNumber>%d</PartNumber><Size>%d</Size><ETag>&quot;e%d&quot;</ETag></Part>", i+1, sizes[i], i+1)
		}
		_, _ = io.WriteString(w, "</ListPartsResult>")
		return true
	}
}

// TestS3SizeOfAllParts: parts that are each small enough do not make an object
// that is too large.
func TestS3SizeOfAllParts(t *testing.T) {
	g := startS3(t, s3Setup{})
	pair := g.narrowPair(john, `"restrictions":{"max_size":1000}`)
	complete := func(path string, parts ...int) s3Call {
		var b strings.Builder
		b.WriteString("<CompleteMultipartUpload>")
		for _, n := range parts {
			fmt.Fprintf(&b, "<Part><PartNumber>%d</PartNumber><ETag>\"e%d\"</ETag></Part>", n, n)
		}
		b.WriteString("</CompleteMultipartUpload>")
		c := put(path, b.String()).argument("uploadId=a%2Bb")
		c.method = http.MethodPost
		return pair.signed(c)
	}
	for _, row := range []struct {
		name    string
		sizes   []int
		parts   []int
		passes  bool
		garbled bool
	}{
		{"Below", []int{500, 499}, []int{1, 2}, true, false},
		{"AtLimit", []int{500, 500}, []int{1, 2}, true, false},
		{"Above", []int{500, 501}, []int{1, 2}, false, false},
		{"AboveOnLaterPage", []int{300, 300, 300, 101}, []int{1, 2, 3, 4}, false, false},
		{"LeftOutPart", []int{500, 400, 501}, []int{1, 2}, true, false},
		{"OtherPart", []int{500}, []int{2}, false, false},
		{"NoList", nil, []int{1}, false, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			g.storage.answers(listOfParts(row.sizes...))
			if row.garbled {
				g.storage.answers(func(w http.ResponseWriter, a *s3Arrival) bool {
					if a.Method == http.MethodGet {
						_, _ = io.WriteString(w, "<html>")
					}
					return a.Method == http.MethodGet
				})
			}
			path := g.path()
			got := g.send(t, complete(path, row.parts...))
			completed := 0
			for _, a := range g.storage.take(path) {
				if a.Method == http.MethodPost {
					completed++
				}
				if !a.complete() {
					t.Errorf("not whole or not signed: %v in %s", a.Fault, a.head())
				}
			}
			want := 200
			switch {
			case row.garbled:
				want = 502
			case !row.passes:
				want = 400
			}
			if got.status != want || (completed == 1) != row.passes {
				t.Errorf("%d %s, completed %d times", got.status, got.body, completed)
			}
		})
	}
}

// TestS3TypesAndTags: what a request declares is held to what the token allows.
func TestS3TypesAndTags(t *testing.T) {
	g := startS3(t, s3Setup{})
	typed := g.narrowPair(john, `"restrictions":{"mime_types":["image/png"]}`)
	tagged := g.narrowPair(john, `"restrictions":{"tags":["team=red","stage"]}`)
	badType, badTag := denied(403, "AccessDenied", "media_type"), denied(403, "AccessDenied", "tag")
	created := func(pair s3Pair, kind string) func() s3Call {
		return func() s3Call {
			c := put(g.path(), "").argument("uploads=").with("Content-Type", kind)
			c.method = http.MethodPost
			return pair.signed(c)
		}
	}
	form := func(pair s3Pair, fields ...[2]string) func() s3Call {
		return func() s3Call {
			f := newForm(g)
			for _, field := range fields {
				f.fields, f.conditions = append(f.fields, field), append(f.conditions, map[string]string{field[0]: field[1]})
			}
			return f.call(pair)
		}
	}
	tagging := func(pair s3Pair, key, value string) func() s3Call {
		return func() s3Call {
			return pair.signed(put(g.path(), "<Tagging><TagSet><Tag><Key>"+key+"</Key><Value>"+value+"</Value></Tag></TagSet></Tagging>").argument("tagging="))
		}
	}
	for _, row := range []struct {
		name string
		call func() s3Call
		want s3Verdict
	}{
		{"Type", func() s3Call { return typed.signed(put(g.path(), "x").with("Content-Type", "image/png")) }, passed},
		{"TypePresigned", func() s3Call { return typed.presigned(put(g.path(), "x").with("Content-Type", "image/png")) }, passed},
		{"OtherType", func() s3Call { return typed.signed(put(g.path(), "x").with("Content-Type", "text/html")) }, badType},
		{"OtherTypePresigned", func() s3Call { return typed.presigned(put(g.path(), "x").with("Content-Type", "text/html")) }, badType},
		{"NoType", func() s3Call { return typed.signed(put(g.path(), "x")) }, badType},
		{"UploadInParts", created(typed, "image/png"), passed},
		{"UploadInPartsOtherType", created(typed, "text/html"), badType},
		{"PartHasNoType", func() s3Call {
			return typed.signed(put(g.path(), "x").argument("partNumber=1").argument("uploadId=u"))
		}, passed},
		{"CopyCouldChangeTheType", func() s3Call {
			return typed.signed(put(g.path(), "").with("X-Amz-Copy-Source", "/bucket/a").with("X-Amz-Metadata-Directive", "REPLACE").with("Content-Type", "image/png"))
		}, badType},
		{"FormTypeOfFile", form(typed), badType}, // text/plain
		{"FormType", form(typed, [2]string{"Content-Type", "image/png"}), passed},
		{"FormOtherType", form(typed, [2]string{"Content-Type", "text/html"}), badType},
		{"Read", func() s3Call { return typed.signed(get(g.path())) }, passed},

		{"Tag", func() s3Call { return tagged.signed(put(g.path(), "x").with("X-Amz-Tagging", "team=red&stage=any")) }, passed},
		{"OtherTag", func() s3Call { return tagged.signed(put(g.path(), "x").with("X-Amz-Tagging", "team=blue")) }, badTag},
		{"EscapedTag", func() s3Call { return tagged.signed(put(g.path(), "x").with("X-Amz-Tagging", "te%61m=bl%75e")) }, badTag},
		{"TagDocument", tagging(tagged, "team", "red"), passed},
		{"OtherTagDocument", tagging(tagged, "team", "blue"), badTag},
		{"FormTag", form(tagged, [2]string{"tagging", "<Tagging><TagSet><Tag><Key>stage</Key><Value>x</Value></Tag></TagSet></Tagging>"}), passed},
		{"FormOtherTagAsHeader", form(tagged, [2]string{"x-amz-tagging", "x=y"}), badTag},
		{"CopyWithTags", func() s3Call {
			return tagged.signed(put(g.path(), "").with("X-Amz-Copy-Source", "/bucket/a"))
		}, badTag},
		{"CopyWithNewTags", func() s3Call {
			return tagged.signed(put(g.path(), "").with("X-Amz-Copy-Source", "/bucket/a").with("X-Amz-Tagging-Directive", "REPLACE").with("X-Amz-Tagging", "stage=x"))
		}, passed},
		{"FormOtherTag", form(tagged, [2]string{"tagging", "<Tagging><TagSet><Tag><Key>x</Key><Value>x</Value></Tag></TagSet></Tagging>"}), badTag},
	} {
		t.Run(row.name, func(t *testing.T) { g.judge(t, row.call(), row.want) })
	}
}

// TestS3Append: only new objects, whole or in parts.
func TestS3Append(t *testing.T) {
	g := startS3(t, s3Setup{})
	pair := g.pair(drop, hostOne)
	refused := denied(403, "AccessDenied", "permission")
	g.storage.answers(func(w http.ResponseWriter, a *s3Arrival) bool {
		if a.Method == http.MethodHead && !strings.Contains(a.Path, "old") {
			w.WriteHeader(http.StatusNotFound)
			return true
		}
		return a.Method == http.MethodHead
	})
	writes := func(path string) (all []*s3Arrival) {
		for _, a := range g.storage.take(path) {
			if a.Method != http.MethodHead {
				all = append(all, a)
			}
		}
		return all
	}
	for _, row := range []struct {
		name, path, argument string
		method               string
		want                 int
		condition            string
	}{
		{"New", "/bucket/new1", "", "PUT", 200, "*"},
		{"Old", "/bucket/old1", "", "PUT", 412, ""},
		{"Begin", "/bucket/new2", "uploads=", "POST", 200, ""},
		{"Part", "/bucket/new2", "partNumber=1&uploadId=u", "PUT", 200, ""},
		{"Complete", "/bucket/new2", "uploadId=u", "POST", 200, "*"},
		{"CompleteOld", "/bucket/old2", "uploadId=u", "POST", 412, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			body := "x"
			switch {
			case strings.HasPrefix(row.name, "Complete"):
				body = "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>e</ETag></Part></CompleteMultipartUpload>"
			case row.method == "POST":
				body = ""
			}
			c := put(row.path, body)
			c.method = row.method
			if row.argument != "" {
				c = c.argument(row.argument)
			}
			got := g.send(t, pair.signed(c))
			arrived := writes(row.path)
			if got.status != row.want || (len(arrived) == 1) != (row.want == 200) {
				t.Fatalf("%d %s, the storage got %d", got.status, got.body, len(arrived))
			}
			if row.want == 200 && arrived[0].Header.Get("If-None-Match") != row.condition {
				t.Errorf("If-None-Match is %q, want %q", arrived[0].Header.Get("If-None-Match"), row.condition)
			}
		})
	}
	for name, c := range map[string]s3Call{
		"Delete": {method: "DELETE", host: hostOne, path: "/bucket/old1"},
		"Read":   get("/bucket/old1"),
		"Copy":   put("/bucket/new3", "").with("X-Amz-Copy-Source", "/bucket/old1"),
		"Tag":    put("/bucket/old1", "<Tagging><TagSet></TagSet></Tagging>").argument("tagging="),
		"Acl":    put("/bucket/new4", "x").with("X-Amz-Acl", "public-read"),
	} {
		t.Run(name, func(t *testing.T) { g.judge(t, pair.signed(c), refused) })
	}
}
