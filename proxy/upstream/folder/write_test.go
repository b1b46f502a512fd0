package folder_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"tollgate/proxy/upstream/folder"
)

func TestUploadThatBreaksOffLeavesNothing(t *testing.T) {
	for _, row := range []struct{ name, framing string }{
		{"short", "Content-Length: 100\r\n\r\npartial"},
		{"chunked", "Transfer-Encoding: chunked\r\n\r\n7\r\npartial\r\n"},
		{"bad chunk", "Transfer-Encoding: chunked\r\n\r\n7\r\npartial\r\nzz\r\n"},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := newSite(t)
			s.write("f", "old")
			for _, target := range []string{"/f", "/new/folder/f"} {
				var d net.Dialer
				c, err := d.DialContext(t.Context(), "tcp", strings.TrimPrefix(s.url, "http://"))
				if err != nil {
					t.Fatal(err)
				}
				_, _ = fmt.Fprintf(c, "PUT %s HTTP/1.1\r\nHost: x\r\n%s", target, row.framing)
				_ = c.(*net.TCPConn).CloseWrite()
				resp, err := http.ReadResponse(bufio.NewReader(c), nil)
				if err == nil {
					_ = resp.Body.Close()
					if resp.StatusCode < 400 {
						t.Errorf("%s: %d", target, resp.StatusCode)
					}
				}
				_ = c.Close()
			}
			if got := s.files(); got != "f" {
				t.Errorf("folder holds %s", got)
			}
			if _, body := s.want(200, "GET", "/f", ""); body != "old" {
				t.Errorf("file holds %q", body)
			}
		})
	}
}

func TestReaderOfTheOldFileIsNotDisturbed(t *testing.T) {
	s := newSite(t)
	s.write("f", strings.Repeat("a", 1000))
	f, err := os.Open(filepath.Join(s.dir, "f"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	s.want(204, "PUT", "/f", strings.Repeat("b", 1000))
	if got, err := io.ReadAll(f); err != nil || string(got) != strings.Repeat("a", 1000) {
		t.Errorf("reader saw %.10q, %v", got, err)
	}
}

func TestWritesWhereSomethingIsInTheWay(t *testing.T) {
	s := newSite(t)
	s.write("d/f", "x")
	s.want(409, "PUT", "/d", "y")
	s.want(409, "PUT", "/d/", "y")
	s.want(409, "PUT", "/", "y")
	s.want(409, "PUT", "/d/f/g", "y")
	s.want(409, "PUT", "/d/f/g/h", "y")
	s.want(400, "PUT", "/g", "y", "Content-Range", "bytes 0-0/2")
	if got := s.files(); got != "d d/f" {
		t.Errorf("folder holds %s", got)
	}
}

func TestConditionalWrites(t *testing.T) {
	s := newSite(t)
	s.want(412, "PUT", "/f", "0", "If-Match", "*")
	h, _ := s.want(201, "PUT", "/f", "1", "If-None-Match", "*")
	s.want(412, "PUT", "/f", "2", "If-None-Match", "*")
	s.want(412, "PUT", "/f", "2", "If-Match", `"x"`)
	s.want(400, "PUT", "/f", "2", "If-None-Match", `"x"`)
	s.want(412, "DELETE", "/f", "", "If-Match", `"x"`)
	if _, body := s.want(200, "GET", "/f", ""); body != "1" {
		t.Errorf("file holds %q", body)
	}
	h, _ = s.want(204, "PUT", "/f", "2", "If-Match", `"x", `+h.Get("ETag"))
	s.want(204, "PUT", "/f", "3", "If-Match", "*")
	s.want(412, "DELETE", "/f", "", "If-Match", h.Get("ETag"))
	s.want(204, "DELETE", "/f", "", "If-Match", "*")
	if got := s.files(); got != "" {
		t.Errorf("folder holds %s", got)
	}
}

// race runs f from many goroutines at once.
func race(n int, f func(i int)) {
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { f(i) })
	}
	all.Wait()
}

func TestOfRacingCreationsOneWins(t *testing.T) {
	s := newSite(t)
	for round := range 10 {
		var won atomic.Int32
		target := fmt.Sprintf("/d%d/f", round)
		race(8, func(i int) {
			switch status, _, body := s.do("PUT", target, fmt.Sprint(i), "If-None-Match", "*"); status {
			case 201:
				won.Add(1)
			case 412:
			default:
				t.Errorf("%d %s", status, body)
			}
		})
		if won.Load() != 1 {
			t.Errorf("%d won", won.Load())
		}
	}
}

// gate is a body that ends for all its readers at the same moment.
type gate struct {
	waiting *sync.WaitGroup
	told    bool
}

func (g *gate) Read([]byte) (int, error) {
	if !g.told {
		g.told = true
		g.waiting.Done()
	}
	g.waiting.Wait()
	return 0, io.EOF
}

func TestOfRacingReplacementsOneWins(t *testing.T) {
	h, err := folder.New(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = h.Close() }()
	put := func(body io.Reader, tag string) (int, string) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPut, "/f", body)
		r.ContentLength = -1
		r.Header.Set("If-Match", tag)
		if tag == "" {
			r.Header.Del("If-Match")
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Code, w.Header().Get("ETag")
	}
	const racers = 16
	for range 100 {
		_, tag := put(strings.NewReader("start"), "")
		var (
			won     atomic.Int32
			waiting sync.WaitGroup
		)
		waiting.Add(racers)
		race(racers, func(int) {
			switch status, _ := put(&gate{waiting: &waiting}, tag); status {
			case 204:
				won.Add(1)
			case 412:
			default:
				t.Errorf("%d", status)
			}
		})
		if won.Load() != 1 {
			t.Fatalf("%d won", won.Load())
		}
	}
}

func TestWritersAndDeletersLeaveNoTrace(t *testing.T) {
	s := newSite(t)
	race(8, func(i int) {
		for range 10 {
			if i%2 == 0 {
				if status, _, body := s.do("PUT", "/d/e/f", strings.Repeat("x", 10000)); status >= 500 {
					t.Errorf("PUT: %d %s", status, body)
				}
			} else if status, _, body := s.do("DELETE", "/d", ""); status >= 500 {
				t.Errorf("DELETE: %d %s", status, body)
			}
		}
	})
	s.do("DELETE", "/d", "")
	if got := s.files(); got != "" {
		t.Errorf("folder holds %s", got)
	}
}

func TestDelete(t *testing.T) {
	s := newSite(t)
	s.write("d/e/f", "x")
	s.write("g", "x")
	if err := os.Symlink("g", filepath.Join(s.dir, "link")); err != nil {
		t.Fatal(err)
	}
	s.want(403, "DELETE", "/", "")
	s.want(404, "DELETE", "/none", "")
	s.want(404, "DELETE", "/g/", "")
	s.want(404, "DELETE", "/g/x", "")
	s.want(204, "DELETE", "/link", "")
	if got := s.files(); got != "d d/e d/e/f g" {
		t.Errorf("folder holds %s", got)
	}
	s.want(204, "DELETE", "/d/", "")
	s.want(204, "DELETE", "/g", "")
	if got := s.files(); got != "" {
		t.Errorf("folder holds %s", got)
	}
}
