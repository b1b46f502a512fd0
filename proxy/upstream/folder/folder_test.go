package folder_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tollgate/proxy/upstream/folder"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// site is a folder behind a listener, with the client for it.
type site struct {
	tb     testing.TB
	dir    string
	url    string
	client *http.Client
}

// newSite serves a folder "root" beside a folder "outside" with a secret.
func newSite(tb testing.TB) *site {
	tb.Helper()
	base := tb.TempDir()
	s := &site{tb: tb, dir: filepath.Join(base, "root")}
	for _, d := range []string{"root", "outside"} {
		if err := os.Mkdir(filepath.Join(base, d), 0o755); err != nil {
			tb.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(base, "outside", "secret"), []byte("secret"), 0o600); err != nil {
		tb.Fatal(err)
	}
	h, err := folder.New(s.dir)
	if err != nil {
		tb.Fatal(err)
	}
	server := httptest.NewServer(h)
	s.url = server.URL
	transport := &http.Transport{}
	s.client = &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
	tb.Cleanup(func() {
		transport.CloseIdleConnections()
		server.Close()
		if err := h.Close(); err != nil {
			tb.Errorf("close: %v", err)
		}
	})
	return s
}

// do sends a request with a raw target and returns status, header and body.
func (s *site) do(method, target, body string, header ...string) (int, http.Header, string) {
	s.tb.Helper()
	req, err := http.NewRequestWithContext(s.tb.Context(), method, s.url, strings.NewReader(body))
	if err != nil {
		s.tb.Fatal(err)
	}
	req.URL.Opaque = target
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := s.client.Do(req)
	if err != nil {
		s.tb.Fatalf("%s %s: %v", method, target, err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		s.tb.Fatalf("%s %s: %v", method, target, err)
	}
	return resp.StatusCode, resp.Header, string(text)
}

// want sends a request and fails unless it is answered with the status.
func (s *site) want(status int, method, target, body string, header ...string) (http.Header, string) {
	s.tb.Helper()
	got, h, text := s.do(method, target, body, header...)
	if got != status {
		s.tb.Errorf("%s %s %v: %d %s, want %d", method, target, header, got, text, status)
	}
	return h, text
}

// files returns the paths of all that is in the folder, hidden names too.
func (s *site) files() string {
	s.tb.Helper()
	var all []string
	err := filepath.WalkDir(s.dir, func(p string, _ os.DirEntry, err error) error {
		if rel, _ := filepath.Rel(s.dir, p); rel != "." {
			all = append(all, rel)
		}
		return err
	})
	if err != nil {
		s.tb.Fatal(err)
	}
	return strings.Join(all, " ")
}

func (s *site) write(name, content string) {
	s.tb.Helper()
	p := filepath.Join(s.dir, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(p), 0o755), os.WriteFile(p, []byte(content), 0o600)); err != nil {
		s.tb.Fatal(err)
	}
}

func TestNewRefusesWhatIsNoFolder(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{file, file + "/none"} {
		if h, err := folder.New(dir); err == nil {
			_ = h.Close()
			t.Errorf("New(%q) took it", dir)
		}
	}
}

func TestFileComesBackAsItWasPut(t *testing.T) {
	s := newSite(t)
	created, _ := s.want(201, "PUT", "/a/b/c.txt", "hello")
	h, body := s.want(200, "GET", "/a/b/c.txt", "")
	if body != "hello" || h.Get("Content-Type") != "text/plain; charset=utf-8" || h.Get("ETag") == "" || h.Get("ETag") != created.Get("ETag") {
		t.Errorf("got %q, %v, created %v", body, h, created)
	}
	replaced, _ := s.want(204, "PUT", "/a/b/c.txt", "other")
	if replaced.Get("ETag") == created.Get("ETag") {
		t.Error("ETag did not change")
	}
	if h, body := s.want(200, "HEAD", "/a/b/c.txt", ""); body != "" || h.Get("Content-Length") != "5" {
		t.Errorf("HEAD: %q, %v", body, h)
	}
	if got := s.files(); got != "a a/b a/b/c.txt" {
		t.Errorf("folder holds %s", got)
	}
}

func TestNamesAreDecodedExactlyOnce(t *testing.T) {
	s := newSite(t)
	for target, name := range map[string]string{
		"/a%20b": "a b", "/100%2525": "100%25", "/%c3%a9": "é", "/a+b": "a+b", "/q%3fx": "q?x", "/%23": "#",
		"/a;b=c": "a;b=c", "/back%5cslash": `back\slash`, "/...": "...", "/.hidden": ".hidden", "/x%2fy": "x/y",
	} {
		s.want(201, "PUT", target, name)
		if got, err := os.ReadFile(filepath.Join(s.dir, name)); err != nil || string(got) != name {
			t.Errorf("%s: file holds %q, %v", target, got, err)
		}
		s.want(200, "GET", target, "")
	}
}

func TestPathsThatAreNoneAreRefused(t *testing.T) {
	s := newSite(t)
	s.write("a/f", "x")
	for _, target := range []string{
		"/..", "/../outside/secret", "/a/../a/f", "/a/./f", "/.", "/%2e%2e/outside/secret", "/..%2foutside%2fsecret",
		"/a%2f..%2f..%2foutside%2fsecret", "/a%2f%2ff", "/a/f%00", "/a//f", "/a/f//", "/" + strings.Repeat("x", 300),
	} {
		for _, method := range []string{"GET", "PUT", "DELETE", "PROPFIND", "MKCOL", "MOVE", "COPY", "LOCK"} {
			if status, _, body := s.do(method, target, "", "Destination", s.url+"/b"); status != 400 && status != 404 && status != 403 && (method != "MKCOL" || status != 405) {
				t.Errorf("%s %s: %d %s", method, target, status, body)
			}
		}
	}
	if got := s.files(); got != "a a/f" {
		t.Errorf("folder holds %s", got)
	}
}

func TestLinksCannotLeadOutside(t *testing.T) {
	s := newSite(t)
	s.write("in/f", "inside")
	for link, to := range map[string]string{
		"out": "../outside", "abs": filepath.Join(filepath.Dir(s.dir), "outside"), "file": "../outside/secret",
		"loop": "loop", "in/up": "../../outside", "ok": "in",
	} {
		if err := os.Symlink(to, filepath.Join(s.dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	for _, target := range []string{"/out/secret", "/abs/secret", "/file", "/in/up/secret", "/ok/up/secret", "/out/", "/loop"} {
		if status, _, body := s.do("GET", target, ""); status != 403 && status != 404 || strings.Contains(body, "secret") && target != "/file" {
			t.Errorf("GET %s: %d %q", target, status, body)
		}
	}
	for _, target := range []string{"/out/new", "/abs/new", "/in/up/new"} {
		for _, method := range []string{"PUT", "MKCOL", "LOCK"} {
			if status, _, _ := s.do(method, target, ""); status < 400 {
				t.Errorf("%s %s: %d", method, target, status)
			}
		}
		s.do("COPY", "/in/f", "", "Destination", s.url+target)
		s.do("MOVE", "/in/f", "", "Destination", s.url+target)
	}
	s.do("DELETE", "/out/secret", "")
	s.do("MOVE", "/out/secret", "", "Destination", s.url+"/stolen")
	s.do("COPY", "/out/secret", "", "Destination", s.url+"/stolen")
	if entries, err := os.ReadDir(filepath.Join(filepath.Dir(s.dir), "outside")); err != nil || len(entries) != 1 {
		t.Errorf("outside holds %v, %v", entries, err)
	}
	if _, err := os.Stat(filepath.Join(s.dir, "stolen")); err == nil {
		t.Error("the secret was taken")
	}
	if _, body := s.want(200, "GET", "/ok/f", ""); body != "inside" {
		t.Errorf("link inside: %q", body)
	}
	if _, body := s.want(200, "GET", "/", "", "Accept", "application/json"); strings.Contains(body, `"out"`) || !strings.Contains(body, `"ok"`) {
		t.Errorf("listing %s", body)
	}
}

func TestRangesAndConditionsOfReads(t *testing.T) {
	s := newSite(t)
	h, _ := s.want(201, "PUT", "/f", "0123456789")
	tag := h.Get("ETag")
	if h, body := s.want(206, "GET", "/f", "", "Range", "bytes=2-4"); body != "234" || h.Get("Content-Range") != "bytes 2-4/10" {
		t.Errorf("range %q, %v", body, h)
	}
	s.want(416, "GET", "/f", "", "Range", "bytes=20-")
	s.want(304, "GET", "/f", "", "If-None-Match", tag)
	s.want(200, "GET", "/f", "", "If-None-Match", `"x"`)
	s.want(412, "GET", "/f", "", "If-Match", `"x"`)
	s.want(206, "GET", "/f", "", "If-Range", tag, "Range", "bytes=0-0")
	s.want(200, "GET", "/f", "", "If-Range", `"x"`, "Range", "bytes=0-0")
}

func TestReadsOfWhatIsNotThere(t *testing.T) {
	s := newSite(t)
	s.write("f", "x")
	if err := syscall.Mkfifo(filepath.Join(s.dir, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.want(404, "GET", "/none", "")
	s.want(404, "GET", "/f/", "")
	s.want(404, "GET", "/f/x", "")
	s.want(403, "GET", "/pipe", "")
	h, _ := s.want(405, "POST", "/f", "")
	if !strings.Contains(h.Get("Allow"), "PUT") {
		t.Errorf("Allow %q", h.Get("Allow"))
	}
}

func TestFolderIsListed(t *testing.T) {
	s := newSite(t)
	s.write("d/sub/x", "")
	s.write("d/<b>&\"'.txt", "12345")
	s.write("d/a b#?%.txt", "1")
	s.write("d/x:y", "1")
	s.write("d/.tollgate-tmp-1", "unfinished")
	h, _ := s.want(301, "GET", "/d?q=1", "")
	if h.Get("Location") != "./d/?q=1" {
		t.Errorf("Location %q", h.Get("Location"))
	}
	if h, _ := s.want(301, "GET", "/d%2Fsub", ""); h.Get("Location") != "./d%2Fsub/" {
		t.Errorf("Location %q", h.Get("Location"))
	}
	h, page := s.want(200, "GET", "/d/", "")
	for _, want := range []string{
		`<a href="./%3Cb%3E&amp;%22%27.txt">&lt;b&gt;&amp;&#34;&#39;.txt</a>`, `<a href="./a%20b%23%3F%25.txt">a b#?%.txt</a>`,
		`<a href="./sub/">sub/</a>`, `<a href="./x:y">x:y</a>`, `<a href="../">`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("page lacks %s:\n%s", want, page)
		}
	}
	if strings.Contains(page, "tollgate") || h.Get("Content-Type") != "text/html; charset=utf-8" {
		t.Errorf("%v\n%s", h, page)
	}
	_, list := s.want(200, "GET", "/d/", "", "Accept", "application/json")
	var entries []struct {
		Name     string
		Folder   bool
		Size     int64
		Modified time.Time
	}
	if err := json.Unmarshal([]byte(list), &entries); err != nil || len(entries) != 4 {
		t.Fatalf("%s, %v", list, err)
	}
	if e := entries[0]; e.Name != "<b>&\"'.txt" || e.Size != 5 || e.Folder || e.Modified.IsZero() {
		t.Errorf("first entry %+v", e)
	}
	if _, body := s.want(200, "HEAD", "/d/", ""); body != "" {
		t.Errorf("HEAD has a body %q", body)
	}
}

func TestUnfinishedUploadsAreNotThere(t *testing.T) {
	s := newSite(t)
	s.write(".tollgate-tmp-1", "unfinished")
	for _, method := range []string{"GET", "PUT", "DELETE", "PROPFIND"} {
		s.want(404, method, "/.tollgate-tmp-1", "")
		s.want(404, method, "/x/.tollgate-tmp-1/y", "")
	}
	s.do("COPY", "/.tollgate-tmp-1", "", "Destination", s.url+"/x")
	s.write("f", "x")
	s.do("MOVE", "/f", "", "Destination", s.url+"/.tollgate-tmp-2")
	if _, body := s.want(207, "PROPFIND", "/", "", "Depth", "1"); strings.Contains(body, "tollgate") {
		t.Errorf("listed: %s", body)
	}
	if got := s.files(); got != ".tollgate-tmp-1 f" {
		t.Errorf("folder holds %s", got)
	}
}
