package folder_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"tollgate/proxy/upstream/folder"
)

const big = 64 << 20

func noise(size int64) io.Reader {
	return io.LimitReader(rand.NewChaCha8([32]byte{1}), size)
}

func digest(tb testing.TB, r io.Reader) string {
	tb.Helper()
	h := sha256.New()
	if _, err := io.Copy(h, r); err != nil {
		tb.Fatal(err)
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}

func TestBigFilesStreamInBoundedMemory(t *testing.T) {
	s := newSite(t)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, s.url+"/big", noise(big))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := s.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusCreated {
		t.Fatalf("PUT: %d", resp.StatusCode)
	}
	get, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/big", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err = s.client.Do(get)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if got, want := digest(t, resp.Body), digest(t, noise(big)); got != want || resp.ContentLength != big {
		t.Errorf("file of %d bytes differs", resp.ContentLength)
	}
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 16<<20 {
		t.Errorf("allocated %d MiB", grown>>20)
	}
}

func TestUploadWithoutRoomLeavesTheOldFile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "small")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("NOT TESTED, a file system of 1 MiB cannot be mounted: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
	h, err := folder.New(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = h.Close() }()
	do := func(method, target string, body io.Reader, header ...string) int {
		r := httptest.NewRequestWithContext(t.Context(), method, target, body)
		for i := 0; i+1 < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Code
	}
	if status := do("PUT", "/f", strings.NewReader(strings.Repeat("x", 600<<10))); status != 201 {
		t.Fatalf("first upload: %d", status)
	}
	if status := do("PUT", "/f", noise(2<<20)); status != http.StatusInsufficientStorage {
		t.Errorf("upload without room: %d", status)
	}
	if status := do("COPY", "/f", nil, "Destination", "/g"); status < 400 {
		t.Errorf("copy without room: %d", status)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("folder holds %v, %v", entries, err)
	}
	if got, err := os.ReadFile(filepath.Join(dir, "f")); err != nil || string(got) != strings.Repeat("x", 600<<10) {
		t.Errorf("file of %d bytes, %v", len(got), err)
	}
	if status := do("DELETE", "/f", nil); status != 204 {
		t.Errorf("delete: %d", status)
	}
	if status := do("PUT", "/f", strings.NewReader("fits")); status != 201 {
		t.Errorf("upload after that: %d", status)
	}
}

// TestFolderMayBeMovedMeanwhile: the folder is the one that was opened, not
// whatever has its name later.
func TestFolderMayBeMovedMeanwhile(t *testing.T) {
	s := newSite(t)
	s.write("f", "right")
	moved := s.dir + "-moved"
	if err := errors.Join(os.Rename(s.dir, moved), os.Symlink("outside", s.dir)); err != nil {
		t.Fatal(err)
	}
	if _, body := s.want(200, "GET", "/f", ""); body != "right" {
		t.Errorf("file holds %q", body)
	}
	s.want(404, "GET", "/secret", "")
	s.want(201, "PUT", "/g", "new")
	if got, err := os.ReadFile(filepath.Join(moved, "g")); err != nil || string(got) != "new" {
		t.Errorf("file holds %q, %v", got, err)
	}
}

func TestRangesOfAFileThatIsReplacedNeverMix(t *testing.T) {
	s := newSite(t)
	a, b := strings.Repeat("a", 100_000), strings.Repeat("b", 100_000)
	s.write("f", a)
	race(4, func(i int) {
		for range 20 {
			if i == 0 {
				s.do("PUT", "/f", b)
				s.do("PUT", "/f", a)
				continue
			}
			if status, _, body := s.do("GET", "/f", "", "Range", "bytes=10-99999"); status != 206 || body != a[10:] && body != b[10:] {
				t.Errorf("%d, %d bytes", status, len(body))
			}
		}
	})
}
