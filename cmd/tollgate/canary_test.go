package main

import (
	"encoding/base64"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestNoCredentialIsFoundAnywhere puts credentials into every place where one
// can be, good ones and bad ones, and then looks for them in the logs at debug
// level, the metrics, what the upstream got, the answers and every file below
// the data directory.
func TestNoCredentialIsFoundAnywhere(t *testing.T) {
	b := startBackend(t)
	g := startGateway(t, setup{upstream: b.URL, more: "log: {level: debug}\n"})
	const secretKey = "canary-S3-secret-key-0123456789"
	const stranger = "c0ffee00c0ffee00c0ffee00c0ffee00"
	cookie := g.do(ask{method: "POST", target: "/.TOKEN/", user: john})
	byCookie := regexp.MustCompile(`token=([0-9a-f]{32})`).FindStringSubmatch(cookie.header.Get("Set-Cookie"))
	if byCookie == nil {
		t.Fatalf("no cookie: %v", cookie.header)
	}
	canaries := map[string]string{
		"value given as a cookie":  byCookie[1],
		"value given as a header":  g.issue(john, hostOne, nil).value,
		"value of an ended token":  "",
		"secret key":               secretKey,
		"password":                 passwordOf(john),
		"password in base64":       base64.StdEncoding.EncodeToString([]byte(john + ":" + passwordOf(john))),
		"password of the form":     "canary form password",
		"value that nobody issued": stranger,
	}
	ended := g.issue(john, hostOne, nil)
	g.revoke(john, ended.id)
	canaries["value of an ended token"] = ended.value
	g.issue(john, hostOne, headers("X-User-Secret-Key-Meta", secretKey))

	var answers strings.Builder
	for _, value := range []string{byCookie[1], canaries["value given as a header"], ended.value, stranger} {
		for _, present := range presentations {
			for _, target := range []string{"/file?a=b", "/.TOKEN/?format=json", "/_admin/manage/tenants/one/tokens/", "/.TOKEN/login", "/_admin/none"} {
				a := ask{target: target, header: http.Header{}}
				present(&a, value)
				got := g.do(a)
				answers.WriteString(got.body)
				for _, v := range got.header {
					answers.WriteString(strings.Join(v, "\n"))
				}
			}
		}
		// As a path: a slip that happens to people.
		for _, target := range []string{"/.TOKEN/" + value + "/x", "/files/" + value, "/%2ETOKEN/" + value} {
			g.do(ask{target: target, user: john})
		}
		b.take() // the path is the client's own; what counts are log and metrics
		g.do(ask{target: "/x", header: headers("Referer", "http://one.example.com/?_token="+value, "User-Agent", "agent "+value, "Cookie", "token="+value)})
	}
	g.do(ask{method: "POST", target: "/.TOKEN/", header: headers("Content-Type", "application/x-www-form-urlencoded"), body: "username=john&password=canary+form+password&next=/"})
	g.do(ask{user: john})
	arrivals := b.take()
	g.stop()
	g.end()

	places := map[string]string{"log": g.err.String(), "standard output": g.out.String(), "answers": answers.String(), "upstream": ""}
	for _, f := range arrivals {
		f.Header.Del("User-Agent") // the client's own words
		places["upstream"] += f.Target + "\n" + f.Body + "\n"
		for name, v := range f.Header {
			places["upstream"] += name + strings.Join(v, "\n")
		}
	}
	err := filepath.WalkDir(g.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		places[strings.TrimPrefix(path, g.dir)] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(places) < 8 {
		t.Errorf("only %d places were searched", len(places))
	}
	for place, text := range places {
		for what, canary := range canaries {
			if place == "answers" && (what == "value of an ended token" || what == "value that nobody issued") {
				continue // a look-up by value answers with what it was asked
			}
			if strings.Contains(text, canary) {
				t.Errorf("found the %s in %s", what, place)
			}
		}
	}
}
