package upstream_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"tollgate/proxy/upstream"
)

// encrypted is a gateway over TLS, with HTTP/2 or without.
func encrypted(t *testing.T, url string, h2 bool, idle time.Duration) *gateway {
	t.Helper()
	up := newUpstream(t, upstream.Observer{}, []string{url}, func(c *upstream.Config) { c.Timeouts.Idle = idle })
	g := &gateway{up: up, results: make(chan result, 8)}
	g.Server = httptest.NewUnstartedServer(g)
	g.EnableHTTP2 = h2
	g.StartTLS()
	t.Cleanup(g.Close)
	return g
}

// TestStreamThatPausesGoesOn: a stream that speaks within every idle time is
// whole, also where a deadline of the client's connection would reset it.
func TestStreamThatPausesGoesOn(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		tick := time.NewTicker(200 * time.Millisecond)
		defer tick.Stop()
		for range 6 {
			_, _ = io.WriteString(w, "data: x\n\n")
			_ = http.NewResponseController(w).Flush()
			<-tick.C
		}
	}))
	defer server.Close()
	for _, h2 := range []bool{false, true} {
		t.Run(fmt.Sprintf("HTTP2=%v", h2), func(t *testing.T) {
			g := encrypted(t, server.URL, h2, 600*time.Millisecond)
			response, err := g.Client().Get(g.URL)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			body, err := io.ReadAll(response.Body)
			if err != nil || len(body) != 6*len("data: x\n\n") || (response.ProtoMajor == 2) != h2 {
				t.Errorf("%s: %d bytes, %v", response.Proto, len(body), err)
			}
		})
	}
}

// TestFirstPieceHasALimit: a client without a window for the first bytes of a
// stream holds the exchange for the idle time and no longer.
func TestFirstPieceHasALimit(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "hello")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}))
	defer server.Close()
	g := encrypted(t, server.URL, true, 300*time.Millisecond)
	conn, err := (&tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}}}).DialContext(t.Context(), "tcp", g.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, http2.ClientPreface)
	f := http2.NewFramer(conn, conn)
	_ = f.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0})
	var block bytes.Buffer
	e := hpack.NewEncoder(&block)
	for _, h := range [][2]string{{":method", "GET"}, {":scheme", "https"}, {":authority", "x"}, {":path", "/"}} {
		_ = e.WriteField(hpack.HeaderField{Name: h[0], Value: h[1]})
	}
	_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block.Bytes(), EndStream: true, EndHeaders: true})
	if r := g.result(t); !errors.Is(r.err, upstream.ErrClientGone) {
		t.Errorf("got %v", r.err)
	}
}

// TestCutAfterMixedAttempts: a cut holds for whatever attempt is under way.
func TestCutAfterMixedAttempts(t *testing.T) {
	asked := make(chan struct{}, 4)
	deaf := rawServer(t, func(_ int, c net.Conn, r *bufio.Reader) {
		if _, err := readHead(r); err == nil {
			asked <- struct{}{}
			_, _ = io.Copy(io.Discard, r)
		}
	})
	dead := closedPort(t)
	deadTLS := strings.Replace(closedPort(t), "http:", "https:", 1)
	up := newUpstream(t, upstream.Observer{}, []string{dead, deadTLS, deaf})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var cut upstream.Cut
	out := outgoing(http.MethodGet, "", &cut)
	out.Request = out.Request.WithContext(ctx)
	over := make(chan error, 1)
	go func() {
		_, err := up.Forward(httptest.NewRecorder(), out)
		over <- err
	}()
	<-asked
	cut.Now(errRevoked)
	select {
	case err := <-over:
		if !errors.Is(err, errRevoked) {
			t.Errorf("got %v", err)
		}
	case <-time.After(20 * time.Second):
		t.Error("the cut was lost")
	}
}

// large is a body that the kernel moves.
func large() []byte {
	b := make([]byte, 5<<20)
	for i := range b {
		b[i] = byte(i ^ i>>8 ^ i>>16) // #nosec G115 -- the low bits are wanted
	}
	return b
}

// TestLargeBodies: they arrive as they are, and one that breaks off is never
// whole.
func TestLargeBodies(t *testing.T) {
	body := large()
	for _, row := range []struct {
		name string
		sent int
		want error
	}{
		{"Whole", len(body), nil},
		{"BreaksOffLate", len(body) - 1, upstream.ErrBrokenAnswer},
		{"BreaksOffEarly", 1 << 20, upstream.ErrBrokenAnswer},
	} {
		t.Run(row.name, func(t *testing.T) {
			url := rawServer(t, func(_ int, c net.Conn, r *bufio.Reader) {
				if _, err := readHead(r); err == nil {
					fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", len(body))
					_, _ = c.Write(body[:row.sent])
				}
			})
			g := newGateway(t, []string{url})
			response, err := client(t).Get(g.URL)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			got, err := io.ReadAll(response.Body)
			if (err == nil) != (row.want == nil) || row.want == nil && sha256.Sum256(got) != sha256.Sum256(body) {
				t.Errorf("%d bytes arrived, %v", len(got), err)
			}
			if r := g.result(t); !errors.Is(r.err, row.want) || row.want == nil && r.report.Bytes != int64(len(body)) {
				t.Errorf("got %v, %d bytes", r.err, r.report.Bytes)
			}
		})
	}
}
