package upstream_test

import (
	"bufio"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tollgate/proxy/upstream"
)

func TestFolderUpstreamAnswersItself(t *testing.T) {
	g := newGateway(t, []string{"dir:" + t.TempDir()})
	if !g.up.IsFolder() {
		t.Error("not a folder")
	}
	g.dress = func(_ *http.Request, out *upstream.Outgoing) {
		out.Response = func(status int, h http.Header) { h.Set("X-Seen", http.StatusText(status)) }
	}
	for _, row := range []struct {
		method, target, body string
		status               int
		answer               string
	}{
		{"PUT", "/a%20b/c?x", "hello", 201, ""},
		{"GET", "/a%20b/c", "", 200, "hello"},
		{"HEAD", "/a%20b/c", "", 200, ""},
		{"OPTIONS", "/", "", 200, ""},
		{"DELETE", "/a%20b", "", 204, ""},
	} {
		resp, body, err := g.request(t, row.method, row.target, strings.NewReader(row.body))
		if err != nil || resp.StatusCode != row.status || body != row.answer || resp.Header.Get("X-Seen") != http.StatusText(row.status) {
			t.Errorf("%s %s: %v %q, %v", row.method, row.target, resp, body, err)
		}
		r := g.result(t)
		if r.err != nil || r.report.Status != row.status || r.report.Bytes != int64(len(row.answer)) ||
			!strings.HasPrefix(r.report.Server, "dir:") || r.report.Attempts != 1 || r.report.FirstByte <= 0 {
			t.Errorf("%s %s: report %+v, error %v", row.method, row.target, r.report, r.err)
		}
	}
}

func TestFolderUpstreamLeavesBodyLimitsToTheCaller(t *testing.T) {
	dir := t.TempDir()
	g := newGateway(t, []string{"dir:" + dir})
	g.dress = func(r *http.Request, _ *upstream.Outgoing) { r.Body = http.MaxBytesReader(nil, r.Body, 3) }
	resp, _, err := g.request(t, http.MethodPut, "/f", strings.NewReader("hello"))
	if err != nil || resp.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("client got %v, %v", resp, err)
	}
	if r := g.result(t); r.report.Status != 0 {
		t.Errorf("report %+v", r.report)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("folder holds %v, %v", left, err)
	}
}

func TestFolderUpstreamNoticesClientThatLeaves(t *testing.T) {
	dir := t.TempDir()
	f, err := os.Create(filepath.Join(dir, "big"))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Truncate(1<<30), f.Close()); err != nil {
		t.Fatal(err)
	}
	g := newGateway(t, []string{"dir:" + dir})
	c, r := dialRaw(t, g.URL, "GET /big HTTP/1.1\r\nHost: x\r\n\r\n")
	if _, err := readHead(r); err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
	if r := g.result(t); !errors.Is(r.err, upstream.ErrClientGone) || r.report.Status != 200 {
		t.Errorf("report %+v, error %v", r.report, r.err)
	}
}

func TestServerWithTLSIsCheckedAgainstTheCAFile(t *testing.T) {
	backend := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.Proto)
	}))
	backend.EnableHTTP2 = true
	backend.Config.ErrorLog = log.New(io.Discard, "", 0)
	backend.StartTLS()
	t.Cleanup(backend.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: backend.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name   string
		tls    upstream.TLS
		status int
	}{
		{"trusted", upstream.TLS{CAFile: ca}, 200},
		{"trusted under another name", upstream.TLS{CAFile: ca, ServerName: "example.com"}, 200},
		{"wrong name", upstream.TLS{CAFile: ca, ServerName: "elsewhere.test"}, 502},
		{"unknown authority", upstream.TLS{}, 502},
	} {
		t.Run(row.name, func(t *testing.T) {
			g := newGateway(t, []string{backend.URL}, func(c *upstream.Config) { c.TLS = row.tls })
			resp, body, err := g.request(t, http.MethodGet, "/", nil)
			if err != nil || resp.StatusCode != row.status || row.status == 200 && body != "HTTP/1.1" {
				t.Errorf("client got %v %q, %v", resp, body, err)
			}
		})
	}
}

func TestCloseLetsExchangesInFlightFinish(t *testing.T) {
	half, closed := make(chan struct{}), make(chan struct{})
	ended := make(chan error, 1)
	url := rawServer(t, func(_ int, c net.Conn, r *bufio.Reader) {
		if _, err := readHead(r); err != nil {
			return // a health check, which only connects
		}
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")
		close(half)
		<-closed
		_, _ = io.WriteString(c, "world")
		_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
		_, err := r.ReadByte()
		ended <- err
	})
	g := newGateway(t, []string{url})
	g.up.Start(t.Context())
	go func() {
		<-half
		g.up.Close()
		close(closed)
	}()
	if _, body, err := g.request(t, http.MethodGet, "/", nil); err != nil || body != "helloworld" {
		t.Errorf("client got %q, %v", body, err)
	}
	if err := <-ended; !errors.Is(err, io.EOF) {
		t.Errorf("connection was kept: %v", err)
	}
	g.up.Close()
	g.up.Start(t.Context())
}
