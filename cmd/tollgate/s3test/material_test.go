package s3test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// size is a length at which clients or servers change their ways: 5 MiB is the
// least that a part of a multipart upload has, 64 MiB is multipart everywhere.
type size struct {
	name  string // the file's, and the key's below size/
	bytes int
}

const partSize = 5 << 20

var sizes = []size{
	{"0B", 0}, {"1B", 1}, {"5MiB-1", partSize - 1}, {"5MiB", partSize}, {"5MiB+1", partSize + 1}, {"64MiB", 64 << 20},
}

// oddKeys are keys that are written differently in a request line, a
// canonical request, a header of copies, XML and a file system. Each is stored
// below odd/, with itself as content.
var oddKeys = []string{
	"a b", "a+b", "a%2Fb", "a%2fb", "a~b", "a'b", "é/日本語/🚀.txt", "a//b", "a&b", "a;b", "a=b", // what must work, by name
	"a?b", "a#b", "a:b@c,d$e", "!(a)*", `a"b<c>d\e^f` + "`{g}|h[i]", "100%", "%2E%2E", "a%252Fb", "a b+c%20d", " leading", "trailing ",
	"a..b", "..a", "-dash", "cafe\u0301", "A_b-c.d",
}

// material is what clients send.
type material struct {
	dir  string            // size/NAME and odd/KEY as files
	sums map[string]string // SHA-256 in hex by the key below dir
}

// makeMaterial writes the files. Keys that no file can have are in sums alone.
func makeMaterial(t *testing.T) *material {
	t.Helper()
	m := &material{dir: t.TempDir(), sums: map[string]string{}}
	noise := rand.NewChaCha8([32]byte([]byte("the same noise in every test run")))
	for _, s := range sizes {
		data := make([]byte, s.bytes)
		_, _ = noise.Read(data) // never fails
		m.add(t, "size/"+s.name, data)
	}
	for _, key := range oddKeys {
		m.add(t, "odd/"+key, []byte(key))
	}
	return m
}

func (m *material) add(t *testing.T, key string, data []byte) {
	t.Helper()
	m.sums[key] = sum(data)
	path := filepath.Join(m.dir, key)
	if isFile := path == m.dir+"/"+key; !isFile {
		return
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// path returns the file of a key.
func (m *material) path(key string) string { return filepath.Join(m.dir, key) }

func (m *material) read(key string) ([]byte, error) { return os.ReadFile(m.path(key)) }

// compare wants data to be what the key was given.
func (m *material) compare(key string, data []byte) error {
	if want := m.sums[key]; sum(data) != want {
		return fmt.Errorf("%s has %d bytes with the SHA-256 %s, want %s; they begin with %q", key, len(data), sum(data), want, data[:min(len(data), 100)])
	}
	return nil
}

// compareFile wants a file to be what the key was given.
func (m *material) compareFile(key, path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return m.compare(key, data)
}

func sum(data []byte) string {
	digest := sha256.Sum256(data)
	return hex.EncodeToString(digest[:])
}

// pageKeys are those of the lists: in pages of pageSize the third is not full.
// With / as the delimiter below page/ there are two common prefixes.
var pageKeys = []string{
	"page/00", "page/01", "page/02", "page/03", "page/04", "page/05 and a space", "page/06+", "page/07&", "page/08", "page/09",
	"page/é", "page/sub/x", "page/sub/y", "page/sub two/z",
}

const pageSize = 5

func TestMaterialTellsADifference(t *testing.T) {
	m := &material{dir: t.TempDir(), sums: map[string]string{}}
	m.add(t, "odd/a", []byte("a"))
	if err := m.compare("odd/a", []byte("a")); err != nil {
		t.Error(err)
	}
	if err := m.compareFile("odd/a", m.path("odd/a")); err != nil {
		t.Error(err)
	}
	for name, data := range map[string][]byte{"nothing": nil, "framing": []byte("1;chunk-signature=0\r\na\r\n"), "one byte more": []byte("aa")} {
		if m.compare("odd/a", data) == nil {
			t.Errorf("%s is taken for the object", name)
		}
	}
	if m.compare("odd/unknown", nil) == nil {
		t.Error("a key that nobody sent has its bytes")
	}
	if _, err := os.Stat(m.path("odd/a")); err != nil || bytes.Contains([]byte(strings.Join(oddKeys, "")), []byte{0}) {
		t.Errorf("the file of a key: %v", err)
	}
}
