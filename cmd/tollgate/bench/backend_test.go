package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// announced runs one of our servers until the test ends, and returns its
// address.
func announced(t *testing.T, serve func(ctx context.Context, out io.Writer) error) string {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	out, in := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := serve(ctx, in)
		_ = in.CloseWithError(errors.Join(io.EOF, err))
		ended <- err
	}()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("the server failed: %v", err)
		}
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	address, ok := strings.CutPrefix(strings.TrimSpace(line), announcement)
	if !ok {
		t.Fatalf("announced %q", line)
	}
	return address
}

func startBackend(t *testing.T, size string) string {
	t.Helper()
	return announced(t, func(ctx context.Context, out io.Writer) error {
		return runBackend(ctx, []string{"-size", size}, out)
	})
}

func startReverseProxy(t *testing.T, backend string) string {
	t.Helper()
	return announced(t, func(ctx context.Context, out io.Writer) error {
		return runReverseProxy(ctx, []string{"-target", "http://" + backend}, out)
	})
}

func httpClient(t *testing.T) *http.Client {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 10 * time.Second}
}

func exchange(t *testing.T, c *http.Client, method, url string, body io.Reader) (status int, text string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	response, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	got, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(got)
}

func TestBackendAnswersOverAndOver(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1, 1024, 1 << 20} {
		address := startBackend(t, itoa(size))
		c := httpClient(t)
		rows := []struct {
			method, body string
			want         int // bytes
		}{
			{http.MethodGet, "", size},
			{http.MethodPut, "short", size},
			{http.MethodHead, "", 0},
			{http.MethodPost, strings.Repeat("long", 100_000), size},
			{http.MethodGet, "", size},
		}
		for _, row := range rows {
			status, got := exchange(t, c, row.method, "http://"+address+"/x", strings.NewReader(row.body))
			if status != http.StatusOK || len(got) != row.want {
				t.Errorf("%s with %d bytes: %d with %d bytes, want %d", row.method, len(row.body), status, len(got), row.want)
			}
		}
	}
}

func TestBackendAnswersWithTheSizeInThePath(t *testing.T) {
	t.Parallel()
	address := startBackend(t, "5")
	c := httpClient(t)
	for path, want := range map[string]int{
		"/": 5, "/x": 5, "/bucket/x7": 5, "/7/": 5, "/9999999999": 5, "/7?x": 5,
		"/0": 0, "/bucket/7": 7, "/bucket/262143": 262143, "/bucket/262145": 262145, "/3000000": 3000000,
	} {
		if status, got := exchange(t, c, http.MethodGet, "http://"+address+path, nil); status != http.StatusOK || len(got) != want {
			t.Errorf("%s: %d with %d bytes, want %d", path, status, len(got), want)
		}
	}
}

func TestBackendServesOthersWhileOneDoesNotRead(t *testing.T) {
	t.Parallel()
	address := startBackend(t, "5")
	slow := dial(t, address)
	const size = 50_000_000 // more than fits into the system's buffers
	if _, err := io.WriteString(slow, "GET /"+itoa(size)+" HTTP/1.1\r\n\r\nGET /3 HTTP/1.1\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	c := httpClient(t)
	if status, got := exchange(t, c, http.MethodGet, "http://"+address+"/4", nil); status != http.StatusOK || len(got) != 4 {
		t.Fatalf("another gets %d with %d bytes", status, len(got))
	}
	in := bufio.NewReader(slow)
	for _, want := range []int64{size, 3} {
		response, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		n, err := io.Copy(io.Discard, response.Body)
		_ = response.Body.Close()
		if err != nil || n != want {
			t.Errorf("%d bytes and %v, want %d", n, err, want)
		}
	}
}

func TestBackendAnswersRequestsThatComeTogether(t *testing.T) {
	t.Parallel()
	conn := dial(t, startBackend(t, "5"))
	const three = "PUT / HTTP/1.1\r\nContent-Length: 4\r\n\r\nGET " + "HEAD / HTTP/1.1\r\n\r\n" + "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
	if _, err := io.WriteString(conn, three); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(conn)
	for _, method := range []string{http.MethodPut, http.MethodHead, http.MethodGet} {
		response, err := http.ReadResponse(in, &http.Request{Method: method})
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if want := map[bool]int{true: 0, false: 5}[method == http.MethodHead]; err != nil || len(body) != want {
			t.Errorf("%s: %d bytes and error %v, want %d", method, len(body), err, want)
		}
	}
}

func TestBackendHangsUpOnWhatItDoesNotTake(t *testing.T) {
	t.Parallel()
	address := startBackend(t, "5")
	for name, text := range map[string]string{
		"a body without a length": "PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
		"a length in words":       "PUT / HTTP/1.1\r\nContent-Length: many\r\n\r\n",
		"another version":         "GET / HTTP/1.0\r\n\r\n",
		"an endless head":         strings.Repeat("x", maxHead),
	} {
		conn := dial(t, address)
		if _, err := io.WriteString(conn, text); err != nil {
			t.Fatal(err)
		}
		if got, _ := io.ReadAll(conn); len(got) > 0 {
			t.Errorf("%s is answered with %q", name, got)
		}
	}
}

// dial connects with a deadline, so that a test that waits in vain ends.
func dial(t *testing.T, address string) net.Conn {
	t.Helper()
	var d net.Dialer
	conn, err := d.DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return conn
}

func TestReverseProxyPassesRequestsOn(t *testing.T) {
	t.Parallel()
	address := startReverseProxy(t, startBackend(t, "1024"))
	c := httpClient(t)
	for range 3 {
		if status, got := exchange(t, c, http.MethodGet, "http://"+address+"/x?y", nil); status != http.StatusOK || len(got) != 1024 {
			t.Fatalf("got %d with %d bytes", status, len(got))
		}
	}
	c.CloseIdleConnections()
}

func TestBufferPoolGivesBackWhatItGot(t *testing.T) {
	t.Parallel()
	var p bufferPool
	b := p.Get()
	if len(b) != 32<<10 {
		t.Fatalf("a buffer of %d bytes", len(b))
	}
	p.Put(b)
	if again := p.Get(); len(again) != len(b) {
		t.Fatalf("then one of %d bytes", len(again))
	}
}
