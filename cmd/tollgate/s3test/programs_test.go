package s3test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
)

// plainClient returns an HTTP client for presigned URLs that ends with the
// session.
func (s *session) plainClient() *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	s.t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// folder makes a directory in the session's.
func (s *session) folder(name string) string {
	s.t.Helper()
	path := filepath.Join(s.home, name)
	if err := os.MkdirAll(path, 0o700); err != nil {
		s.t.Fatal(err)
	}
	return path
}

// pageFolder writes files with the keys of the lists as names.
func (s *session) pageFolder() string {
	s.t.Helper()
	dir := s.folder("pages")
	for _, key := range pageKeys {
		path := filepath.Join(dir, key)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			s.t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(key), 0o600); err != nil {
			s.t.Fatal(err)
		}
	}
	return dir
}

// folders reports the checks of sizes and keys of a program that sends a folder
// and fetches it again: send and fetch get the names size and odd, which are
// folders of the material and prefixes of keys, and fetch one to fill. single
// does the same for a key that is no file's name.
func (s *session) folders(send func(ctx context.Context, name string) error, fetch func(ctx context.Context, name, dir string) error) {
	for _, name := range []string{"size", "odd"} {
		dir := s.folder("fetched-" + name)
		err := send(s.ctx, name) // of all files
		if err == nil {
			err = fetch(s.ctx, name, dir)
		}
		for key := range s.material.sums {
			rest, below := strings.CutPrefix(key, name+"/")
			if _, noFile := os.Stat(s.material.path(key)); !below || noFile != nil || strings.Contains(rest, "//") {
				continue
			}
			c := checkKey(rest)
			if name == "size" {
				c = checkSize(rest)
			}
			s.check(c, func(context.Context) error {
				if err != nil {
					told := err // once
					err = fmt.Errorf("the folder %s failed, as another check says", name)
					return told
				}
				return s.material.compareFile(key, filepath.Join(dir, rest))
			})
		}
	}
}

// slashes is the key that no file has as its name.
const slashes = "a//b"

// noFile is the reason why a program that sends files has no such key.
const noFile = "it sends files, and none has that name"

// hasAll wants a text to contain others.
func hasAll(text string, all ...string) error {
	var missing []error
	for _, one := range all {
		if !strings.Contains(text, one) {
			missing = append(missing, fmt.Errorf("%q is not in %q", one, text))
		}
	}
	return errors.Join(missing...)
}
