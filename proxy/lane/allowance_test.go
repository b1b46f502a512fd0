package lane

import (
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestClientThatTakesLittle checks the limit for clients that take nothing, and
// that slow ones are not cut.
func TestClientThatTakesLittle(t *testing.T) {
	const size = 32 << 20 // more than the buffers of both sides
	failed := make(chan error, 1)
	l := New(Config{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "33554432")
		w.Header().Set("Content-Type", "a/b")
		_, err := w.Write(make([]byte, size))
		failed <- err
	})})
	l.allowance = time.Second
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{ConnState: l.ConnState}
	go func() { _ = server.Serve(l.Listen(inner)) }()
	defer server.Close()
	defer l.Close()
	dial := func() *net.TCPConn {
		conn, err := net.Dial("tcp", inner.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(60 * time.Second))
		_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		return conn.(*net.TCPConn)
	}
	nothing := dial()
	defer nothing.Close()
	if err := <-failed; !isTimeout(err) {
		t.Errorf("got %v, want a timeout", err)
	}
	slow := dial()
	defer slow.Close()
	taken := int64(0)
	for range 15 { // longer than the allowance
		<-time.After(100 * time.Millisecond)
		n, err := io.CopyN(io.Discard, slow, size/128)
		if taken += n; err != nil {
			t.Fatal(taken, err)
		}
	}
	if n, err := io.CopyN(io.Discard, slow, size-taken); err != nil {
		t.Error(taken+n, err)
	}
	if err := <-failed; err != nil {
		t.Error(err)
	}
}

// TestLimitThatWasTakenBack: a handler that sets a write deadline and takes it
// back leaves the lane's own in force, for what is written after it as well.
func TestLimitThatWasTakenBack(t *testing.T) {
	l := New(Config{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "3000")
		w.Header().Set("Content-Type", "a/b")
		control := http.NewResponseController(w)
		_ = control.SetWriteDeadline(time.Now().Add(time.Minute))
		_, _ = w.Write(make([]byte, 3000))
		_ = control.SetWriteDeadline(time.Time{})
	})})
	l.allowance = 150 * time.Millisecond
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{ConnState: l.ConnState, WriteTimeout: 150 * time.Millisecond} // for a head that was cut in two
	go func() { _ = server.Serve(l.Listen(inner)) }()
	defer server.Close()
	defer l.Close()
	conn, err := net.Dial("tcp", inner.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	request := "GET / HTTP/1.1\r\nHost: x\r\nPad: \r\n\r\n"
	request = strings.Replace(request, "Pad: ", "Pad: "+strings.Repeat("p", 1024-len(request)), 1) // heads end where reads end
	for err == nil {                                                                               // and takes none of the answers
		_, err = io.WriteString(conn, request)
	}
	if isTimeout(err) {
		t.Error("a client that takes nothing keeps its connection")
	}
}
