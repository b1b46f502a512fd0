package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tollgate/proxy/sigv4"
	"tollgate/proxy/sigv4/payload"
	"tollgate/proxy/sigv4/postpolicy"
	"tollgate/tokens"
)

// s3Arrival is a request as the storage got it.
type s3Arrival struct {
	Method, Path, Query, Host string
	Header                    http.Header
	Length                    int64  // Content-Length
	Body                      []byte // as it came
	Data                      []byte // without chunks, the file of a form
	Trailer                   string // the checksum behind the chunks
	Fields                    *postpolicy.Form
	Signed                    bool
	Fault                     error // the body broke off, or the request does not prove itself
}

// complete reports whether a storage would do what was asked: the request is
// whole, and signed with the storage's key.
func (a *s3Arrival) complete() bool { return a.Fault == nil && a.Signed }

// head is everything but the body.
func (a *s3Arrival) head() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s?%s Host: %s\n", a.Method, a.Path, a.Query, a.Host)
	_ = a.Header.Write(&b) // a Builder takes everything
	return b.String()
}

// fakeStorage is an S3 storage that verifies as storages do, keeps nothing and
// remembers what came.
type fakeStorage struct {
	*httptest.Server
	keys *sigv4.Keys

	mu       sync.Mutex
	idle     *sync.Cond // no request is under way
	running  int
	arrivals []*s3Arrival
	refused  map[string]string // path -> the row that must not be complete there
	respond  func(w http.ResponseWriter, a *s3Arrival) bool
}

// startStorage runs a storage until the test ends. Then it holds that nothing
// that was refused became complete later on.
func startStorage(t *testing.T) *fakeStorage {
	t.Helper()
	s := &fakeStorage{keys: sigv4.NewKeys(4), refused: map[string]string{}}
	s.idle = sync.NewCond(&s.mu)
	s.Server = httptest.NewServer(s)
	t.Cleanup(func() {
		s.Close()
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, a := range s.arrivals {
			if row := s.refused[a.Path]; row != "" && a.complete() {
				t.Errorf("%s was refused, and later it was complete at the storage", row)
			}
		}
	})
	return s
}

// ServeHTTP implements http.Handler.
func (s *fakeStorage) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.running++
	s.mu.Unlock()
	a := s.receive(r)
	s.mu.Lock()
	s.arrivals = append(s.arrivals, a)
	respond := s.respond
	if s.running--; s.running == 0 {
		s.idle.Broadcast()
	}
	s.mu.Unlock()
	if respond != nil && respond(w, a) {
		return
	}
	if a.Fault != nil {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	w.Header().Set("ETag", `"0"`)
	_, _ = io.WriteString(w, "stored")
}

// receive reads a request to its end, and judges it.
func (s *fakeStorage) receive(r *http.Request) *s3Arrival {
	a := &s3Arrival{Method: r.Method, Host: r.Host, Header: r.Header.Clone(), Length: r.ContentLength}
	a.Path, a.Query, _ = strings.Cut(r.RequestURI, "?")
	if a.Body, a.Fault = io.ReadAll(r.Body); a.Fault != nil {
		return a
	}
	a.Data = a.Body
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch {
	case len(r.Header["Authorization"]) > 0:
		a.Fault = s.verify(a)
	case kind == "multipart/form-data":
		a.Fault = s.verifyForm(a)
	}
	return a
}

func (s *fakeStorage) verify(a *s3Arrival) error {
	signature, err := sigv4.Parse(sigv4.View{
		Method: a.Method, Host: a.Host, Path: a.Path, Query: a.Query, Header: a.Header, ContentLength: a.Length,
	})
	if err != nil {
		return err
	}
	if signature.AccessKey != storageKey {
		return fmt.Errorf("signed with the access key %q", signature.AccessKey)
	}
	if err := signature.Check(time.Now(), storageRegion); err != nil {
		return err
	}
	seed, err := signature.Verify(storageSecret, s.keys)
	if err != nil {
		return err
	}
	a.Signed = true
	switch {
	case signature.Payload == sigv4.Digest && sha256.Sum256(a.Body) != signature.Digest:
		return errors.New("the body has another digest")
	case !signature.Payload.Streams():
		return nil
	}
	decode := payload.Decode{Length: signature.DecodedLength, Trailers: signature.Trailers}
	if signature.Payload != sigv4.UnsignedChunksTrailer {
		decode.Chain = &payload.Chain{MAC: seed.MAC, Date: seed.Date, Scope: seed.Scope, Seed: seed.Value}
	}
	d := payload.NewDecoder(bytes.NewReader(a.Body), decode)
	a.Data, err = io.ReadAll(d)
	for _, sum := range d.Trailer() {
		a.Trailer += sum.Algorithm.Header() + "=" + hex.EncodeToString(sum.Value)
	}
	return err
}

func (s *fakeStorage) verifyForm(a *s3Arrival) error {
	f, err := postpolicy.Open(a.Header.Get("Content-Type"), bytes.NewReader(a.Body))
	if err != nil {
		return err
	}
	if err := f.Check(time.Now(), storageRegion); err != nil {
		return err
	}
	if err := f.Verify(s.keys.MAC(tokens.Secret(storageSecret), f.Date(), f.Region())); err != nil || f.AccessKey() != storageKey {
		return fmt.Errorf("key %q: %w", f.AccessKey(), err)
	}
	if err := f.Conditions(strings.Trim(a.Path, "/")); err != nil {
		return err
	}
	a.Signed, a.Fields = true, f
	a.Data, err = io.ReadAll(f.File())
	return err
}

// answers makes the storage answer in another way; false leaves it as it is.
func (s *fakeStorage) answers(respond func(w http.ResponseWriter, a *s3Arrival) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.respond = respond
}

// take returns what arrived since the last call, once nothing is under way.
// What was refused for another path and came too late to be seen then is left
// out, if it is not whole.
func (s *fakeStorage) take(path string) []*s3Arrival {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.running > 0 {
		s.idle.Wait()
	}
	taken := slices.DeleteFunc(s.arrivals, func(a *s3Arrival) bool {
		return s.refused[a.Path] != "" && a.Path != path && !a.complete()
	})
	s.arrivals = nil
	return taken
}

// underWay returns how many requests are.
func (s *fakeStorage) underWay() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.running
}

// mustNot notes that nothing complete may ever arrive for a path.
func (s *fakeStorage) mustNot(path, row string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refused[path] = row
}
