package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"tollgate/proxy/sigv4"
	"tollgate/tokens"
)

// checks is what a site of these tests looks at.
type checks struct{ signature, body, denies bool }

// siteThat serves objects, with the given checks.
func siteThat(t *testing.T, c checks) site {
	t.Helper()
	const secret = tokens.Secret("right")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s, err := sigv4.Parse(sigv4.View{Method: r.Method, Host: r.Host, Path: r.URL.Path, Header: r.Header, ContentLength: r.ContentLength})
		if err != nil {
			t.Error(err)
			return
		}
		seed, err := s.Verify(secret, nil)
		if err != nil && c.signature || c.denies {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		if err == nil && c.body {
			if _, err = io.Copy(io.Discard, decoded(r, s, seed)); err != nil {
				status := http.StatusBadRequest
				if s.Payload == sigv4.SignedChunks || s.Payload == sigv4.SignedChunksTrailer {
					status = http.StatusForbidden
				}
				w.WriteHeader(status)
				return
			}
		}
		if r.Method == http.MethodGet {
			size := 3000
			if strings.HasSuffix(r.URL.Path, "/small") {
				size = 100
			}
			w.Header().Set("Content-Length", itoa(size))
			_, _ = w.Write(content(size))
		}
	}))
	t.Cleanup(server.Close)
	return site{name: "test", address: server.Listener.Addr().String(), signer: signerOf("KEY", secret)}
}

func TestOnlyAGatewayThatChecksSignaturesIsMeasured(t *testing.T) {
	t.Parallel()
	kinds := objectKinds(settings{size: 100, object: 3000})
	rows := []struct {
		name string
		does checks
		want string // part of the error; empty = verified
	}{
		{"one that checks", checks{signature: true, body: true}, ""},
		{"one that takes any signature", checks{body: true}, "a wrong signature"},
		{"one that takes any body", checks{signature: true}, "another body"},
		{"one that denies all", checks{denies: true}, "status 403"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			err := siteThat(t, row.does).verify(t.Context(), kinds)
			if row.want == "" && err != nil || row.want != "" && (err == nil || !strings.Contains(err.Error(), row.want)) {
				t.Errorf("got error %v, want %q", err, row.want)
			}
		})
	}
}

func TestEveryKindButTheUnsignedIsTamperedWith(t *testing.T) {
	t.Parallel()
	var covered []string
	for _, o := range objectKinds(settings{size: 100, object: 3000}) {
		status, is := o.tampered()
		if is {
			covered = append(covered, o.payload)
		}
		if is != (status != 0) {
			t.Errorf("%s: %d, %v", o.name, status, is)
		}
	}
	if want := []string{digestPayload, sigv4.ValueSignedChunks, sigv4.ValueSignedChunksTrailer, sigv4.ValueUnsignedChunksTrailer}; !slices.Equal(covered, want) {
		t.Errorf("covered are %q, want %q", covered, want)
	}
}

func TestObjectRoundMeasuresEveryKindBothWays(t *testing.T) {
	t.Parallel()
	l := newLauncher(t, corePlan{})
	kinds := objectKinds(settings{size: 100, object: 3000})[:3]
	alone, through := siteThat(t, checks{}), siteThat(t, checks{})
	alone.name, through.name = rowStorage, rowGateway
	c := newObjectReport(kinds)
	s := settings{conns: 1, duration: oneRound}
	if err := l.objectRound(t.Context(), s, 1, []site{alone, through}, c); err != nil {
		t.Fatal(err)
	}
	for _, o := range kinds {
		for _, way := range []string{rowStorage, rowGateway} {
			if got := c.cells[o.name][way]; len(got) != 1 || got[0].Rate <= 0 || got[0].Errors != 0 {
				t.Errorf("%s, %s: %+v", o.name, way, got)
			}
		}
	}
	alone.address = "127.0.0.1:1"
	if err := l.objectRound(t.Context(), s, 0, []site{alone}, c); err == nil || !strings.Contains(err.Error(), kinds[0].name) {
		t.Errorf("a site that is not there: %v", err)
	}
}

func TestLargeObjectsHaveFewConnections(t *testing.T) {
	t.Parallel()
	rows := []struct {
		name        string
		conns, want int
		o           object
	}{
		{"small", 64, 64, object{method: http.MethodGet, size: 1<<20 - 1}},
		{"large", 64, largeConns, object{method: http.MethodGet, size: 1 << 20}},
		{"large, fewer wanted", 1, 1, object{method: http.MethodGet, size: 1 << 20}},
		{"written", 64, largeConns, object{method: http.MethodPut, size: 1 << 20}},
	}
	for _, row := range rows {
		if got := (settings{conns: row.conns}).connsForObject(row.o); got != row.want {
			t.Errorf("%s: %d connections, want %d", row.name, got, row.want)
		}
	}
}

func TestStorageIsWaitedFor(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if asked.Add(1) < 3 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer server.Close()
	s := site{name: "test", address: server.Listener.Addr().String(), signer: signerOf("KEY", "s")}
	if err := s.await(t.Context()); err != nil || asked.Load() != 3 {
		t.Errorf("asked %d times, got %v", asked.Load(), err)
	}
}

func TestStorageIsNotInstalledTwice(t *testing.T) {
	cache := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", cache)
	t.Setenv("HOME", cache)
	binary, err := storageBinary()
	if err != nil || !strings.HasPrefix(binary, cache) || !strings.Contains(binary, storageVersion) {
		t.Fatalf("it is %q, %v", binary, err)
	}
	if err := os.MkdirAll(filepath.Dir(binary), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(binary, []byte("x"), 0o700); err != nil {
		t.Fatal(err)
	}
	l := newLauncher(t, corePlan{})
	if got, err := l.installStorage(t.Context()); err != nil || got != binary {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestProgramsAreCopiedExecutable(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	from, to := filepath.Join(dir, "from"), filepath.Join(dir, "to")
	if err := copyProgram(to, from); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("nothing to copy: %v", err)
	}
	if err := os.WriteFile(from, []byte("program"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := copyProgram(to, from); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(to)
	if err != nil || info.Mode().Perm() != 0o700 || info.Size() != int64(len("program")) {
		t.Errorf("got %v, %v", info, err)
	}
}

// The whole S3 part, as short as it can be, where the storage is installed: the
// tests with S3 clients do that.
func TestBenchmarkMeasuresObjects(t *testing.T) {
	binary, err := storageBinary()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(binary); err != nil || testing.Short() {
		t.Skipf("needs %s: %v", binary, err)
	}
	var out, progress bytes.Buffer
	args := []string{"-rounds=1", "-duration=200ms", "-conns=2", "-part=s3", "-object=1048576", "-json"}
	if err := run(t.Context(), args, nil, &out, &progress); err != nil {
		t.Fatal(err)
	}
	var got struct{ S3 []objects }
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatalf("%v in %s", err, out.Bytes())
	}
	kinds := objectKinds(settings{size: 1024, object: 1 << 20})
	if len(got.S3) != 2*len(kinds) {
		t.Fatalf("got %d rows: %s", len(got.S3), out.Bytes())
	}
	for i, r := range got.S3 {
		way := []string{rowStorage, rowGateway}[i%2]
		if r.Request != kinds[i/2].name || r.Way != way || r.Rate <= 0 || r.Errors != 0 || r.Failure != "" {
			t.Errorf("row %d is %+v", i, r)
		}
	}
	if progress.String() != "S3 round 1 of 1\n" {
		t.Errorf("progress is %q", progress.String())
	}
}
