package folder_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tollgate/proxy/upstream/folder"
)

func TestOptionsNameWebDAV(t *testing.T) {
	s := newSite(t)
	h, _ := s.want(200, "OPTIONS", "/", "")
	if h.Get("DAV") != "1, 2" || !strings.Contains(h.Get("Allow"), "PROPFIND") {
		t.Errorf("%v", h)
	}
}

func TestPropfind(t *testing.T) {
	s := newSite(t)
	h, _ := s.want(201, "PUT", "/d/f.txt", "hello")
	for _, depth := range []string{"", "1"} {
		header := []string{"Depth", depth}
		if depth == "" {
			header = nil
		}
		_, body := s.want(207, "PROPFIND", "/d/", "", header...)
		for _, want := range []string{"/d/f.txt<", "getcontentlength>5<", "text/plain", strings.ReplaceAll(h.Get("ETag"), `"`, "&#34;")} {
			if !strings.Contains(body, want) && !strings.Contains(body, strings.ReplaceAll(want, "&#34;", `"`)) {
				t.Errorf("Depth %q: lacks %s: %s", depth, want, body)
			}
		}
	}
	if _, body := s.want(207, "PROPFIND", "/d/", "", "Depth", "0"); strings.Contains(body, "f.txt") {
		t.Errorf("Depth 0: %s", body)
	}
	s.want(403, "PROPFIND", "/", "", "Depth", "infinity")
	s.want(404, "PROPFIND", "/none", "", "Depth", "0")
}

func TestMakeCopyMove(t *testing.T) {
	s := newSite(t)
	s.want(201, "MKCOL", "/a", "")
	s.want(405, "MKCOL", "/a", "")
	s.want(409, "MKCOL", "/none/b", "")
	s.want(201, "PUT", "/a/f", "1")
	s.want(201, "COPY", "/a/f", "", "Destination", s.url+"/a/g")
	s.want(201, "COPY", "/a", "", "Destination", "/b/")
	s.want(412, "COPY", "/a/f", "", "Destination", "/b/f", "Overwrite", "F")
	s.want(412, "MOVE", "/a/f", "", "Destination", "/b/f", "Overwrite", "F")
	s.want(204, "MOVE", "/a/f", "", "Destination", "/b/f")
	s.want(201, "MOVE", "/b", "", "Destination", "/c%20d")
	s.want(404, "MOVE", "/none", "", "Destination", "/x")
	s.want(404, "COPY", "/none", "", "Destination", "/x")
	if got := s.files(); got != "a a/g c d c d/f c d/g" {
		t.Errorf("folder holds %s", got)
	}
}

func TestDestinationsThatWouldLoseDataAreRefused(t *testing.T) {
	s := newSite(t)
	s.write("a/b/f", "x")
	s.write("g", "x")
	if err := os.Symlink("a", filepath.Join(s.dir, "link")); err != nil {
		t.Fatal(err)
	}
	before := s.files()
	for _, row := range [][2]string{
		{"/a", "/a"}, {"/a", "/a/"}, {"/a/", "/a"}, {"/a", "/a/b/c"}, {"/a/b/f", "/a"}, {"/a/b", "/a/"}, {"/a", "/"},
		{"/g", "/g"}, {"/link/b/f", "/a/b/f"}, {"/a/b/f", "/link/b"}, {"/a", "/link/x"}, {"/g", "/%2e%2e/g"},
		{"/g", "/x/../y"}, {"/g", "http://elsewhere.test/x"}, {"/g", "%zz"}, {"/g", ""},
	} {
		for _, method := range []string{"MOVE", "COPY"} {
			if status, _, body := s.do(method, row[0], "", "Destination", row[1], "Overwrite", "T"); status < 400 {
				t.Errorf("%s %s to %s: %d %s", method, row[0], row[1], status, body)
			}
		}
	}
	s.want(403, "MOVE", "/", "", "Destination", "/x")
	if after := s.files(); after != before {
		t.Errorf("folder holds %s, held %s", after, before)
	}
}

const lockBody = `<?xml version="1.0"?><D:lockinfo xmlns:D="DAV:"><D:lockscope><D:exclusive/></D:lockscope>` +
	`<D:locktype><D:write/></D:locktype><D:owner>me</D:owner></D:lockinfo>`

func TestLockKeepsOthersOut(t *testing.T) {
	s := newSite(t)
	s.write("f", "old")
	s.write("d/g", "old")
	h, body := s.want(200, "LOCK", "/f", lockBody, "Timeout", "Infinite")
	token := h.Get("Lock-Token")
	if token == "" || !strings.Contains(body, "Second-3600") {
		t.Fatalf("token %q, %s", token, body)
	}
	s.want(423, "PUT", "/f", "new")
	s.want(423, "DELETE", "/f", "")
	s.want(423, "MOVE", "/f", "", "Destination", "/x")
	s.want(412, "PUT", "/f", "new", "If", "(<opaquelocktoken:wrong>)")
	s.want(400, "PUT", "/f", "new", "If", "nonsense")
	if _, body := s.want(200, "GET", "/f", ""); body != "old" {
		t.Errorf("file holds %q", body)
	}
	s.want(204, "PUT", "/f", "new", "If", "("+token+")")
	s.want(204, "PUT", "/d/g", "new")
	s.want(201, "PUT", "/d/new", "new")
	s.want(404, "DELETE", "/none", "")
	s.want(204, "UNLOCK", "/f", "", "Lock-Token", token)
	s.want(204, "DELETE", "/f", "")
}

func TestPropertiesCannotBeSet(t *testing.T) {
	s := newSite(t)
	s.write("f", "x")
	_, body := s.want(207, "PROPPATCH", "/f", `<?xml version="1.0"?><D:propertyupdate xmlns:D="DAV:"><D:set><D:prop><x xmlns="y">1</x></D:prop></D:set></D:propertyupdate>`)
	if !strings.Contains(body, "403") {
		t.Errorf("%s", body)
	}
}

func TestClosedFolderRefusesAndRequestsUnderWayFinish(t *testing.T) {
	dir := t.TempDir()
	h, err := folder.New(dir)
	if err != nil {
		t.Fatal(err)
	}
	// The body closes the folder while the upload is under way.
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPut, "/f", &closing{h: h, rest: strings.NewReader("hello")})
	r.ContentLength = -1
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if got, err := os.ReadFile(filepath.Join(dir, "f")); w.Code != 201 || err != nil || string(got) != "hello" {
		t.Errorf("%d, file holds %q, %v", w.Code, got, err)
	}
	w = httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/f", nil))
	if w.Code != http.StatusServiceUnavailable {
		t.Errorf("after Close: %d", w.Code)
	}
	if err := h.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
}

type closing struct {
	h    *folder.Handler
	rest *strings.Reader
}

func (c *closing) Read(p []byte) (int, error) {
	_ = c.h.Close()
	return c.rest.Read(p)
}
