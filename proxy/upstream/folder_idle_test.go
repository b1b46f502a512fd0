package upstream_test

import (
	"bufio"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestFolderGivesUpClientsThatStandStill: neither an upload nor a download
// holds its connection for ever.
func TestFolderGivesUpClientsThatStandStill(t *testing.T) {
	dir := t.TempDir()
	file, err := os.Create(filepath.Join(dir, "large"))
	if err != nil {
		t.Fatal(err)
	}
	if err := file.Truncate(1 << 30); err != nil {
		t.Fatal(err)
	}
	_ = file.Close()
	for name, head := range map[string]string{
		"Upload":   "PUT /new HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhello",
		"Download": "GET /large HTTP/1.1\r\nHost: x\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			g := newGateway(t, []string{"dir:" + dir}, idle(200*time.Millisecond))
			dialRaw(t, g.URL, head) // and nothing more is sent or taken
			if r := g.result(t); r.err == nil {
				t.Errorf("report %+v", r.report)
			}
		})
	}
	if _, err := os.Stat(filepath.Join(dir, "new")); err == nil {
		t.Error("a part of an upload is there")
	}
}

// TestFolderServesALargeFileWhole: in pieces, with what comes after it on the
// connection.
func TestFolderServesALargeFileWhole(t *testing.T) {
	dir := t.TempDir()
	content := strings.Repeat("0123456789abcdef", 100_000)
	if err := os.WriteFile(filepath.Join(dir, "file"), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	g := newGateway(t, []string{"dir:" + dir})
	conn, r := dialRaw(t, g.URL, "")
	for _, row := range []struct{ ranges, want string }{{"", content}, {"Range: bytes=5-300005\r\n", content[5:300006]}, {"", content}} {
		if _, err := io.WriteString(conn, "GET /file HTTP/1.1\r\nHost: x\r\n"+row.ranges+"\r\n"); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(bufio.NewReader(r), nil)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil || string(body) != row.want {
			t.Errorf("%s%q: %d of %d bytes, %v", row.ranges, resp.Status, len(body), len(row.want), err)
		}
		resp.Body.Close()
	}
}
