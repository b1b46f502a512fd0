package main

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestTokenAPIValuesAreSeenOnce makes tokens in every way, uses them in every
// way and then looks for their values everywhere.
func TestTokenAPIValuesAreSeenOnce(t *testing.T) {
	b := startBackend(t)
	g := startGateway(t, setup{upstream: b.URL})
	const secretKey = "once-seen-secret-key-of-32-bytes"
	byPath := g.issue(john, hostOne, nil)
	byTenant := g.manage(john, tenantPath, nil)
	pair := g.manage(john, tenantPath, headers("X-User-Secret-Key-Meta", secretKey))
	set := g.logIn(john, passwordOf(john), "/", nil).header.Get("Set-Cookie")
	byLogin := strings.TrimPrefix(set[:strings.Index(set, ";")], "token=")
	revoked := g.issue(john, hostOne, nil)

	values := map[string]string{
		"of the token path": byPath.value, "of the tenant path": byTenant.Token, "of the login": byLogin,
		"of the revoked token": revoked.value, "of the password": passwordOf(john), "of the secret key": secretKey,
	}
	var later []answer
	for _, value := range []string{byPath.value, byTenant.Token, byLogin, revoked.value} {
		for _, present := range presentations {
			for _, target := range []string{"/bucket/key", tokenPath + "?format=json", tenantPath, tokenPath + unknownID} {
				a := ask{target: target, header: http.Header{}}
				present(&a, value)
				later = append(later, g.do(a))
			}
		}
		later = append(later,
			g.do(ask{target: "/" + value + "?x=" + value, host: hostNoOne, header: headers("Referer", "http://x/?_token="+value)}),
			g.do(ask{target: "/x?_token=" + value + "x", header: headers("User-Agent", value)}),
			g.do(ask{target: tokenPath + value + "/x", user: john}),
			g.do(ask{method: "POST", target: tokenPath + "?setcookie=" + value[:8], user: john}),
		)
	}
	for _, user := range []string{john, boss, root} {
		for _, target := range []string{tokenPath, tokenPath + "?format=json", tokenPath + "?x-owner-meta=john", tenantPath, domainPath, tokenPath + byPath.id, tenantPath + byTenant.ID, tenantPath + pair.ID} {
			later = append(later, g.do(ask{target: target, user: user}))
		}
	}
	later = append(later, g.do(ask{method: "DELETE", target: tokenPath + revoked.value, user: john}))
	asked := g.do(ask{target: tokenPath + byPath.value, user: john}) // the exception: what was asked
	if asked.status != 200 || describe(t, asked).Token != byPath.value {
		t.Errorf("by value: %d %s", asked.status, asked.body)
	}

	for what, value := range values {
		for _, got := range later {
			if strings.Contains(got.body, value) {
				t.Errorf("the value %s is in a later answer: %d %s", what, got.status, got.body)
			}
			for name, lines := range got.header {
				if strings.Contains(strings.Join(lines, " "), value) {
					t.Errorf("the value %s is in the header %s of a later answer", what, name)
				}
			}
		}
		if strings.Contains(g.scrape(), value) {
			t.Errorf("the value %s is in the metrics", what)
		}
	}
	for _, arrived := range b.take() {
		for what, value := range values {
			if strings.Contains(arrived.Target+headerText(arrived.Header), value) {
				t.Errorf("the value %s reached the upstream: %+v", what, arrived)
			}
		}
	}
	running := filesBelow(t, g.dir)
	if code := g.end(); code != exitOK {
		t.Errorf("serve ended with %d", code)
	}
	stopped := filesBelow(t, g.dir)
	log := []byte(g.err.String() + g.out.String())
	if !bytes.Contains(log, []byte(byPath.id)) {
		t.Error("the log does not even hold the public id")
	}
	found := false
	for name, content := range merge(running, stopped, map[string][]byte{"the log": log}) {
		found = found || bytes.Contains(content, []byte(byPath.id))
		for what, value := range values {
			for _, form := range formsOf(value) {
				if bytes.Contains(content, form) {
					t.Errorf("the value %s is in %s", what, name)
				}
			}
		}
	}
	if !found || len(running) == 0 {
		t.Error("the store does not even hold the public id: the scan finds nothing")
	}
}

func headerText(h http.Header) string {
	var b strings.Builder
	for name, values := range h {
		b.WriteString(name + ": " + strings.Join(values, ", ") + "\n")
	}
	return b.String()
}

// formsOf returns how a value could stand in a file.
func formsOf(value string) [][]byte {
	forms := [][]byte{
		[]byte(value), []byte(base64.StdEncoding.EncodeToString([]byte(value))),
		[]byte(hex.EncodeToString([]byte(value))), []byte(strings.ToUpper(value)),
	}
	if raw, err := hex.DecodeString(value); err == nil {
		forms = append(forms, raw)
	}
	return forms
}

// filesBelow reads every file below a directory.
func filesBelow(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil // a store that runs removes files
		}
		all[path] = written(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// written leaves out the blocks that hold nothing: the store makes its files
// longer than they are.
func written(content []byte) []byte {
	const block = 4096
	kept := make([]byte, 0, block)
	for chunk := range slices.Chunk(content, block) {
		if !bytes.Equal(chunk, make([]byte, len(chunk))) {
			kept = append(kept, chunk...)
		}
	}
	return kept
}

func merge(all ...map[string][]byte) map[string][]byte {
	one := map[string][]byte{}
	for i, m := range all {
		for name, content := range m {
			one[strings.Repeat("again ", i)+name] = content
		}
	}
	return one
}
