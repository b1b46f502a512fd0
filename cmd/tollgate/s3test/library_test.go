package s3test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
)

// access is what a library is opened with.
type access struct {
	endpoint, accessKey, secretKey string
	client                         *http.Client
	v2                             bool // sign with version 2, where the library can
}

// object is what goes with an object's bytes.
type object struct{ contentType, note string }

// listing is a wish for a list.
type listing struct {
	v1                bool
	prefix, delimiter string
}

// library is what the checks ask of a Go library, of one bucket or of all.
type library struct {
	makeBucket   func(ctx context.Context, bucket string) error
	findBucket   func(ctx context.Context, bucket string) error // nil = it is there
	deleteBucket func(ctx context.Context, bucket string) error
	buckets      func(ctx context.Context) ([]string, error)

	// upload sends a file in the library's own way for large ones.
	upload func(ctx context.Context, key string, file *os.File) error
	put    func(ctx context.Context, key string, body []byte, o object) error
	// get takes a value of Range and an ETag to be different from; empty = none.
	get    func(ctx context.Context, key, byteRange, noneMatch string) (body []byte, o object, etag string, err error)
	copy   func(ctx context.Context, from, to string) error
	list   func(ctx context.Context, l listing) (keys, prefixes []string, err error) // in pages of pageSize
	remove func(ctx context.Context, keys []string) error

	multipart func(ctx context.Context, key string, parts [][]byte) error
	abort     func(ctx context.Context, key string, part []byte) (left int, err error) // uploads that are left
	presign   func(ctx context.Context, method, key string) (string, error)
	policy    func(ctx context.Context, key string) (url string, fields map[string]string, err error)
}

// opener opens a library for a bucket.
type opener func(a access, bucket string) (*library, error)

// suite is the checks of one Go library.
type suite struct {
	*session
	*library
	open  opener
	plain *http.Client // for presigned URLs
}

func libraryChecks(s *session, open opener) {
	plain := &http.Client{Transport: http.DefaultTransport.(*http.Transport).Clone()}
	s.t.Cleanup(plain.CloseIdleConnections)
	lib, err := open(access{endpoint: s.relay.url, accessKey: s.accessKey, secretKey: s.secretKey, client: plain}, s.bucket)
	if err != nil {
		s.t.Fatal(err)
	}
	l := &suite{session: s, library: lib, open: open, plain: plain}
	s.check(checkBuckets, l.checkBuckets)
	for _, size := range sizes {
		s.check(checkSize(size.name), func(ctx context.Context) error { return l.roundTrip(ctx, "size/"+size.name) })
	}
	for _, key := range oddKeys {
		s.check(checkKey(key), func(ctx context.Context) error { return l.checkKey(ctx, "odd/"+key) })
	}
	s.check(checkMultipart, l.checkMultipart)
	s.check(checkAbort, l.checkAbort)
	s.check(checkRange, l.checkRange)
	s.check(checkCopy, l.checkCopy)
	for _, key := range pageKeys {
		if err := l.put(s.ctx, key, []byte(key), object{}); err != nil {
			s.t.Fatal(err)
		}
	}
	s.check(checkListV1, func(ctx context.Context) error { return l.checkList(ctx, true) })
	s.check(checkListV2, func(ctx context.Context) error { return l.checkList(ctx, false) })
	s.check(checkDelimiter, l.checkDelimiter)
	s.check(checkBatchDelete, l.checkBatchDelete)
	s.check(checkMetadata, l.checkMetadata)
	s.check(checkConditional, l.checkConditional)
	s.check(checkMissing, l.checkMissing)
	s.check(checkPresignedGet, func(ctx context.Context) error { return l.checkPresignedGet(ctx, l.library) })
	s.check(checkPresignedPut, l.checkPresignedPut)
	s.check(checkPost, l.checkPost)
	s.check(checkTLS, l.checkTLS)
	if lacksOf(s.client)[checkV2] == "" {
		s.check(checkV2, l.checkV2)
	}
	s.check(checkSecret, func(ctx context.Context) error {
		return l.refused(ctx, s.accessKey, s.secretKey+"x", "SignatureDoesNotMatch")
	})
	s.check(checkAccessKey, func(ctx context.Context) error {
		return l.refused(ctx, "0123456789abcdef0123456789abcdef", s.secretKey, "InvalidAccessKeyId")
	})
}

// lacksOf returns the row of a client.
func lacksOf(name string) map[check]string {
	all := clients()
	return all[slices.IndexFunc(all, func(c client) bool { return c.name == name })].lacks
}

func (l *suite) checkBuckets(ctx context.Context) error {
	for _, bucket := range []string{l.bucket, l.spare} {
		if err := l.makeBucket(ctx, bucket); err != nil {
			return fmt.Errorf("make: %w", err)
		}
		if err := l.findBucket(ctx, bucket); err != nil {
			return fmt.Errorf("find: %w", err)
		}
	}
	before, err := l.buckets(ctx)
	if err != nil || !slices.Contains(before, l.bucket) || !slices.Contains(before, l.spare) {
		return fmt.Errorf("the buckets are %q, %v", before, err)
	}
	if err := l.deleteBucket(ctx, l.spare); err != nil {
		return fmt.Errorf("delete: %w", err)
	}
	if l.findBucket(ctx, l.spare) == nil {
		return errors.New("a deleted bucket is found")
	}
	after, err := l.buckets(ctx)
	if err != nil || !slices.Contains(after, l.bucket) || slices.Contains(after, l.spare) {
		return fmt.Errorf("the buckets are %q, %v", after, err)
	}
	return nil
}

// roundTrip uploads a file of the material and compares what comes back.
func (l *suite) roundTrip(ctx context.Context, key string) error {
	return uploadAndCompare(ctx, l.library, l.material, key)
}

func uploadAndCompare(ctx context.Context, lib *library, m *material, key string) error {
	file, err := os.Open(m.path(key))
	if err != nil {
		return err
	}
	defer file.Close()
	if err := lib.upload(ctx, key, file); err != nil {
		return fmt.Errorf("put: %w", err)
	}
	return compareWith(ctx, lib, m, key, key)
}

// compareWith wants the object at one key to be what another was given.
func compareWith(ctx context.Context, lib *library, m *material, at, given string) error {
	body, _, _, err := lib.get(ctx, at, "", "")
	if err != nil {
		return fmt.Errorf("get: %w", err)
	}
	return m.compare(given, body)
}

func (l *suite) checkKey(ctx context.Context, key string) error {
	if err := l.put(ctx, key, []byte(strings.TrimPrefix(key, "odd/")), object{}); err != nil {
		return fmt.Errorf("put: %w", err)
	}
	if err := compareWith(ctx, l.library, l.material, key, key); err != nil {
		return err
	}
	keys, _, err := l.list(ctx, listing{prefix: key})
	if err != nil || !slices.Contains(keys, key) {
		return fmt.Errorf("the list below the key has %q, %v", keys, err)
	}
	return nil
}

func (l *suite) checkMultipart(ctx context.Context) error {
	whole, err := l.material.read("size/5MiB+1")
	if err != nil {
		return err
	}
	if err := l.multipart(ctx, "multi part+", [][]byte{whole[:partSize], whole[partSize:]}); err != nil {
		return err
	}
	return compareWith(ctx, l.library, l.material, "multi part+", "size/5MiB+1")
}

func (l *suite) checkAbort(ctx context.Context) error {
	left, err := l.abort(ctx, "given up", []byte("part"))
	if err != nil || left != 0 {
		return fmt.Errorf("%d uploads are left, %v", left, err)
	}
	if _, _, _, err := l.get(ctx, "given up", "", ""); err == nil {
		return errors.New("there is an object")
	}
	return nil
}

func (l *suite) checkRange(ctx context.Context) error {
	if err := l.put(ctx, "range", []byte("0123456789"), object{}); err != nil {
		return err
	}
	for byteRange, want := range map[string]string{"bytes=2-5": "2345", "bytes=7-": "789", "bytes=-3": "789", "bytes=0-0": "0"} {
		body, _, _, err := l.get(ctx, "range", byteRange, "")
		if err != nil || string(body) != want {
			return fmt.Errorf("%s is %q, %v; want %q", byteRange, body, err, want)
		}
	}
	if body, _, _, err := l.get(ctx, "range", "bytes=20-30", ""); err == nil || !strings.Contains(err.Error(), "InvalidRange") {
		return fmt.Errorf("beyond the end: %q, %v", body, err)
	}
	return nil
}

func (l *suite) checkCopy(ctx context.Context) error {
	const from, to = "copy/from é a+b%2F c", "copy/to é a+b%2F d"
	if err := l.put(ctx, from, []byte("odd"), object{}); err != nil {
		return err
	}
	if err := l.copy(ctx, from, to); err != nil {
		return err
	}
	body, _, _, err := l.get(ctx, to, "", "")
	if err != nil || string(body) != "odd" {
		return fmt.Errorf("the copy has %q, %v", body, err)
	}
	if err := l.copy(ctx, "size/5MiB", "copy/5MiB"); err != nil {
		return err
	}
	return compareWith(ctx, l.library, l.material, "copy/5MiB", "size/5MiB")
}

func (l *suite) checkList(ctx context.Context, v1 bool) error {
	keys, prefixes, err := l.list(ctx, listing{v1: v1, prefix: "page/"})
	if err != nil || len(prefixes) != 0 {
		return fmt.Errorf("common prefixes %q, %v", prefixes, err)
	}
	return sameSet(keys, pageKeys)
}

func (l *suite) checkDelimiter(ctx context.Context) error {
	for _, v1 := range []bool{true, false} {
		keys, prefixes, err := l.list(ctx, listing{v1: v1, prefix: "page/", delimiter: "/"})
		if err != nil {
			return err
		}
		if err := errors.Join(sameSet(keys, pageKeys[:11]), sameSet(prefixes, []string{"page/sub/", "page/sub two/"})); err != nil {
			return err
		}
	}
	return nil
}

// sameSet wants the same strings, each once, in any order.
func sameSet(got, want []string) error {
	got, want = slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))
	if !slices.Equal(got, want) {
		return fmt.Errorf("got %q, want %q", got, want)
	}
	return nil
}

func (l *suite) checkBatchDelete(ctx context.Context) error {
	goes := []string{"batch/a&b<c>", "batch/plain", `batch/"q" 'q'`, "batch/é+%2F"}
	for _, key := range append([]string{"batch/stays"}, goes...) {
		if err := l.put(ctx, key, []byte(key), object{}); err != nil {
			return err
		}
	}
	if err := l.remove(ctx, goes); err != nil {
		return err
	}
	left, _, err := l.list(ctx, listing{prefix: "batch/"})
	return errors.Join(err, sameSet(left, []string{"batch/stays"}))
}

func (l *suite) checkMetadata(ctx context.Context) error {
	// Several spaces are one in the canonical request, which the server must not
	// hold against the client.
	sent := object{contentType: "text/x-odd; charset=utf-8", note: "two  spaces, a comma; a=b"}
	if err := l.put(ctx, "metadata", []byte("x"), sent); err != nil {
		return err
	}
	body, got, _, err := l.get(ctx, "metadata", "", "")
	if err != nil || string(body) != "x" || got != sent {
		return fmt.Errorf("got %q with %+v, %v; want %+v", body, got, err, sent)
	}
	return nil
}

func (l *suite) checkConditional(ctx context.Context) error {
	if err := l.put(ctx, "condition", []byte("x"), object{}); err != nil {
		return err
	}
	_, _, etag, err := l.get(ctx, "condition", "", "")
	if err != nil || etag == "" {
		return fmt.Errorf("ETag %q, %v", etag, err)
	}
	if body, _, _, err := l.get(ctx, "condition", "", `"0123456789abcdef0123456789abcdef"`); err != nil || string(body) != "x" {
		return fmt.Errorf("with another ETag: %q, %v", body, err)
	}
	if body, _, _, err := l.get(ctx, "condition", "", etag); err == nil || !strings.Contains(err.Error(), "304") && !strings.Contains(err.Error(), "NotModified") {
		return fmt.Errorf("with its ETag: %q, %v; want 304", body, err)
	}
	return nil
}

func (l *suite) checkMissing(ctx context.Context) error {
	_, _, _, err := l.get(ctx, "missing", "", "")
	return wantCode(err, "NoSuchKey")
}

func wantCode(err error, code string) error {
	if err == nil || !strings.Contains(err.Error(), code) {
		return fmt.Errorf("got the error %v, want %s", err, code)
	}
	return nil
}

func (l *suite) checkTLS(ctx context.Context) error {
	over := l.relay.client()
	defer over.CloseIdleConnections()
	lib, err := l.open(access{endpoint: l.relay.secure, accessKey: l.accessKey, secretKey: l.secretKey, client: over}, l.bucket)
	if err != nil {
		return err
	}
	for _, key := range []string{"size/0B", "size/1B", "size/5MiB+1", "size/64MiB"} {
		if err := uploadAndCompare(ctx, lib, l.material, key); err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
	}
	if err := lib.put(ctx, "over TLS", bytes.Repeat([]byte("x"), partSize), object{}); err != nil {
		return err
	}
	body, _, _, err := lib.get(ctx, "over TLS", "", "")
	if err != nil || len(body) != partSize {
		return fmt.Errorf("got %d bytes, %v", len(body), err)
	}
	return nil
}

func (l *suite) checkV2(ctx context.Context) error {
	lib, err := l.open(access{endpoint: l.relay.url, accessKey: l.accessKey, secretKey: l.secretKey, client: l.plain, v2: true}, l.bucket)
	if err != nil {
		return err
	}
	if err := lib.put(ctx, "version 2+", []byte("x"), object{note: "signed"}); err != nil {
		return err
	}
	body, _, _, err := lib.get(ctx, "version 2+", "", "")
	if err != nil || string(body) != "x" {
		return fmt.Errorf("got %q, %v", body, err)
	}
	return l.checkPresignedGet(ctx, lib)
}

// refused wants other keys to be refused with a code, in reads and in writes.
func (l *suite) refused(ctx context.Context, accessKey, secretKey, code string) error {
	lib, err := l.open(access{endpoint: l.relay.url, accessKey: accessKey, secretKey: secretKey, client: l.plain}, l.bucket)
	if err != nil {
		return err
	}
	_, _, readError := lib.list(ctx, listing{prefix: "x"})
	writeError := lib.put(ctx, "refused", []byte("x"), object{})
	if err := errors.Join(wantCode(readError, code), wantCode(writeError, code)); err != nil {
		return err
	}
	if _, _, _, err := l.get(ctx, "refused", "", ""); err == nil {
		return errors.New("what was refused is stored")
	}
	return nil
}
