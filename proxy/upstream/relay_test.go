package upstream_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/textproto"
	"slices"
	"strings"
	"testing"
	"time"

	"tollgate/proxy/upstream"
)

func TestRequestReachesServerAsItIs(t *testing.T) {
	heads := make(chan string, 1)
	url := rawServer(t, func(_ int, c net.Conn, r *bufio.Reader) {
		head, _ := readHead(r)
		heads <- head
		_, _ = io.WriteString(c, "HTTP/1.1 204 No Content\r\n\r\n")
	})
	g := newGateway(t, []string{url})
	_, r := dialRaw(t, g.URL, "DELETE /x HTTP/1.1\r\nHost: shop.test\r\nAccept-Encoding: br\r\nX-A: 1\r\nX-A: 2\r\nConnection: close\r\n\r\n")
	if _, err := readHead(r); err != nil {
		t.Fatal(err)
	}
	want := "DELETE /x HTTP/1.1\nHost: shop.test\nAccept-Encoding: br\nX-A: 1\nX-A: 2\n"
	if got := <-heads; got != want {
		t.Errorf("server read\n%s\nwant\n%s", got, want)
	}
}

func TestAnswerReachesClientAsItIs(t *testing.T) {
	g := newGateway(t, []string{answering(t, "HTTP/1.1 418 Teapot\r\nContent-Length: 6\r\nX-A: 1\r\nX-A: 2\r\nSet-Cookie: a=b\r\n"+
		"Date: yesterday\r\nConnection: keep-alive, x-hop\r\nX-Hop: 1\r\nKeep-Alive: 5\r\nProxy-Authenticate: Basic\r\nUpgrade: h2c\r\n\r\n<html>")})
	g.dress = func(_ *http.Request, out *upstream.Outgoing) {
		out.Response = func(status int, h http.Header) { h.Set("X-Seen", fmt.Sprint(status)) }
	}
	resp, body, err := g.request(t, http.MethodGet, "/", nil)
	if err != nil {
		t.Fatal(err)
	}
	want := http.Header{
		"Content-Length": {"6"}, "X-A": {"1", "2"}, "Set-Cookie": {"a=b"},
		"Date": {"yesterday"}, "X-Seen": {"418"},
	}
	if resp.StatusCode != 418 || body != "<html>" || fmt.Sprint(resp.Header) != fmt.Sprint(want) {
		t.Errorf("client got %d %q\n%v\nwant\n%v", resp.StatusCode, body, resp.Header, want)
	}
	got := g.result(t)
	if got.err != nil || got.report.Status != 418 || got.report.Bytes != 6 || got.report.Attempts != 1 ||
		got.report.FirstByte <= 0 || got.report.Total < got.report.FirstByte || !strings.HasPrefix(got.report.Server, "http://127.0.0.1:") {
		t.Errorf("report %+v, error %v", got.report, got.err)
	}
}

func TestCompressedAnswerIsLeftCompressed(t *testing.T) {
	g := newGateway(t, []string{answering(t, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Type: text/plain\r\nContent-Length: 6\r\n\r\n\x1f\x8bxxxx")})
	resp, body, err := g.request(t, http.MethodGet, "/", nil, "Accept-Encoding", "gzip")
	if err != nil || body != "\x1f\x8bxxxx" || resp.Header.Get("Content-Encoding") != "gzip" {
		t.Errorf("client got %q, %v, %v", body, resp, err)
	}
}

func TestAnswersWithoutBodyKeepTheirHeader(t *testing.T) {
	for _, row := range []struct{ name, method, answer, length string }{
		{"HEAD", "HEAD", "200 OK\r\nContent-Length: 12345\r\n", "12345"},
		{"HEAD without length", "HEAD", "200 OK\r\nConnection: close\r\n", ""},
		{"204", "GET", "204 No Content\r\n", ""},
		{"304", "GET", "304 Not Modified\r\nEtag: \"x\"\r\n", ""},
		{"empty", "GET", "200 OK\r\nContent-Length: 0\r\n", "0"},
	} {
		t.Run(row.name, func(t *testing.T) {
			g := newGateway(t, []string{answering(t, "HTTP/1.1 "+row.answer+"\r\n")})
			resp, body, err := g.request(t, row.method, "/", nil)
			if err != nil || body != "" || !strings.HasPrefix(row.answer, fmt.Sprint(resp.StatusCode)) {
				t.Fatalf("client got %v %q, %v", resp, body, err)
			}
			if got := resp.Header.Get("Content-Length"); got != row.length {
				t.Errorf("Content-Length %q, want %q", got, row.length)
			}
			if r := g.result(t); r.err != nil {
				t.Errorf("error %v", r.err)
			}
		})
	}
}

func TestBrokenAnswerIsNeverCleanForTheClient(t *testing.T) {
	for _, row := range []struct{ name, answer string }{
		{"shorter than announced", "Content-Length: 100\r\n\r\n0123456789"},
		{"nothing after the head", "Content-Length: 100\r\n\r\n"},
		{"much shorter", "Content-Length: 1000000\r\n\r\n" + strings.Repeat("x", 100000)},
		{"chunk cut off", "Transfer-Encoding: chunked\r\n\r\n100\r\n0123456789"},
		{"no last chunk", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"},
		{"bad chunk size", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n"},
	} {
		t.Run(row.name, func(t *testing.T) {
			g := newGateway(t, []string{answering(t, "HTTP/1.1 200 OK\r\n"+row.answer)})
			resp, body, err := g.request(t, http.MethodGet, "/", nil)
			if err == nil {
				t.Errorf("client took %d with %d bytes for a whole answer", resp.StatusCode, len(body))
			}
			if r := g.result(t); !errors.Is(r.err, upstream.ErrBrokenAnswer) || r.report.Status != 200 {
				t.Errorf("error %v, status %d", r.err, r.report.Status)
			}
		})
	}
}

func TestAnswerLongerThanAnnouncedIsCut(t *testing.T) {
	g := newGateway(t, []string{answering(t, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.1 200 OK\r\n\r\n")})
	resp, body, err := g.request(t, http.MethodGet, "/", nil)
	if err != nil || body != "hello" || resp.StatusCode != 200 {
		t.Errorf("client got %q, %v", body, err)
	}
}

func TestBadHeadIsRefusedBeforeTheClientSeesIt(t *testing.T) {
	const empty = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
	for _, row := range []struct {
		name, answer string
		want         error
	}{
		{"garbage", "SSH-2.0-OpenSSH\r\n\r\n", upstream.ErrBadAnswer},
		{"status with two digits", "HTTP/1.1 20 OK\r\n\r\n", upstream.ErrBadAnswer},
		{"status 099", "HTTP/1.1 099 Odd\r\nContent-Length: 0\r\n\r\n", upstream.ErrBadAnswer},
		{"field without colon", "HTTP/1.1 200 OK\r\nfoo\r\n\r\n", upstream.ErrBadAnswer},
		{"two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx", upstream.ErrBadAnswer},
		{"head of 1 MiB", "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 1<<20) + "\r\n\r\n", upstream.ErrBadAnswer},
		{"many fields", "HTTP/1.1 200 OK\r\n" + strings.Repeat("X: 12345678\r\n", 10000) + "\r\n", upstream.ErrBadAnswer},
		{"half a head", "HTTP/1.1 200 OK\r\nX: y\r\n", upstream.ErrBadAnswer},
		{"switch that nobody asked for", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n", upstream.ErrBadAnswer},
		{"too many 100", strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 17) + empty, upstream.ErrBadAnswer},
		{"too many 103", strings.Repeat("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n", 17) + empty, upstream.ErrBadAnswer},
		{"nothing", "", upstream.ErrUnreachable},
	} {
		t.Run(row.name, func(t *testing.T) {
			g := newGateway(t, []string{answering(t, row.answer)})
			resp, _, err := g.request(t, http.MethodPost, "/", nil)
			if err != nil || resp.StatusCode != http.StatusBadGateway {
				t.Errorf("client got %v, %v", resp, err)
			}
			if r := g.result(t); !errors.Is(r.err, row.want) || r.report.Status != 0 {
				t.Errorf("error %v, status %d, want %v", r.err, r.report.Status, row.want)
			}
		})
	}
}

func TestEarlyHintsArriveBeforeTheAnswer(t *testing.T) {
	release := make(chan struct{})
	url := rawServer(t, func(_ int, c net.Conn, r *bufio.Reader) {
		_, _ = readHead(r)
		_, _ = io.WriteString(c, "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\nConnection: x-hop\r\nX-Hop: 1\r\n\r\n")
		<-release
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
	})
	g := newGateway(t, []string{url})
	g.dress = func(_ *http.Request, out *upstream.Outgoing) {
		out.Response = func(status int, h http.Header) { h.Set("X-Seen", fmt.Sprint(status)) }
	}
	var hints http.Header
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
		hints = http.Header(h)
		hints.Set("Code", fmt.Sprint(code))
		close(release)
		return nil
	}})
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, g.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client(t).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	want := http.Header{"Link": {"</a.css>"}, "X-Seen": {"103"}, "Code": {"103"}}
	if fmt.Sprint(hints) != fmt.Sprint(want) {
		t.Errorf("hints %v, want %v", hints, want)
	}
	if resp.StatusCode != 200 || resp.Header.Get("Link") != "" || resp.Header.Get("X-Seen") != "200" {
		t.Errorf("answer %d %v", resp.StatusCode, resp.Header)
	}
}

func TestTrailersPassBothWays(t *testing.T) {
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Trailer", "X-Sum")
		body, _ := io.ReadAll(r.Body)
		_, _ = w.Write(body)
		w.Header().Set("X-Sum", r.Trailer.Get("X-Client-Sum"))
		if r.URL.Path == "/unannounced" {
			w.Header().Set(http.TrailerPrefix+"X-More", "more")
			w.Header().Set(http.TrailerPrefix+"Set-Cookie", "a=b")
		}
	}))
	t.Cleanup(backend.Close)
	for _, row := range []struct {
		path string
		want http.Header
	}{
		{"/announced", http.Header{"X-Sum": {"12"}}},
		{"/unannounced", http.Header{"X-Sum": {"12"}, "X-More": {"more"}}},
	} {
		t.Run(row.path, func(t *testing.T) {
			g := newGateway(t, []string{backend.URL})
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, g.URL+row.path, io.MultiReader(strings.NewReader("hello")))
			if err != nil {
				t.Fatal(err)
			}
			req.Trailer = http.Header{"X-Client-Sum": {"12"}}
			resp, err := client(t).Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = resp.Body.Close() }()
			if body, err := io.ReadAll(resp.Body); string(body) != "hello" || err != nil {
				t.Fatalf("body %q, %v", body, err)
			}
			if fmt.Sprint(resp.Trailer) != fmt.Sprint(row.want) {
				t.Errorf("trailer %v, want %v", resp.Trailer, row.want)
			}
		})
	}
}

func TestStreamedPiecesArriveAtOnce(t *testing.T) {
	for _, row := range []struct{ name, head string }{
		{"chunked", "Transfer-Encoding: chunked\r\n\r\n"},
		{"until the end", "\r\n"},
		{"events with a length", "Content-Type: Text/Event-Stream; charset=utf-8\r\nContent-Length: 8\r\n\r\n"},
	} {
		t.Run(row.name, func(t *testing.T) {
			next := make(chan struct{}, 1)
			chunked := strings.HasPrefix(row.head, "Transfer")
			url := rawServer(t, func(_ int, c net.Conn, r *bufio.Reader) {
				_, _ = readHead(r)
				_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n"+row.head)
				for range next {
					if chunked {
						_, _ = io.WriteString(c, "4\r\ntick\r\n")
					} else {
						_, _ = io.WriteString(c, "tick")
					}
				}
				if chunked {
					_, _ = io.WriteString(c, "0\r\n\r\n")
				}
			})
			g := newGateway(t, []string{url})
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, g.URL, nil)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := client(t).Do(req) // the head comes although no byte of the body has
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = resp.Body.Close() }()
			for range 2 {
				next <- struct{}{}
				buf := make([]byte, 4)
				if _, err := io.ReadFull(resp.Body, buf); err != nil || string(buf) != "tick" {
					t.Fatalf("read %q, %v", buf, err)
				}
			}
			close(next)
			if rest, err := io.ReadAll(resp.Body); err != nil || len(rest) != 0 {
				t.Errorf("rest %q, %v", rest, err)
			}
		})
	}
}

func TestRedirectIsPassedOnNotFollowed(t *testing.T) {
	g := newGateway(t, []string{answering(t, "HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n")})
	resp, _, err := g.request(t, http.MethodGet, "/", nil)
	if err != nil || resp.StatusCode != 302 || resp.Header.Get("Location") != "/elsewhere" {
		t.Errorf("client got %v, %v", resp, err)
	}
}

func TestConnectionsAreReused(t *testing.T) {
	numbers := make(chan int, 8)
	url := rawServer(t, func(n int, c net.Conn, r *bufio.Reader) {
		for {
			if _, err := readHead(r); err != nil {
				return
			}
			numbers <- n
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
		}
	})
	g := newGateway(t, []string{url})
	var got []int
	for range 5 {
		if _, _, err := g.request(t, http.MethodGet, "/", nil); err != nil {
			t.Fatal(err)
		}
		got = append(got, <-numbers)
	}
	if slices.Max(got) != 0 {
		t.Errorf("connections %v, want one", got)
	}
}

func TestClientThatLeavesEndsTheExchange(t *testing.T) {
	begun, gone := make(chan struct{}), make(chan struct{})
	url := rawServer(t, func(_ int, c net.Conn, r *bufio.Reader) {
		_, _ = readHead(r)
		close(begun)
		_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
		if _, err := r.ReadByte(); errors.Is(err, io.EOF) {
			close(gone)
		}
	})
	g := newGateway(t, []string{url})
	c, _ := dialRaw(t, g.URL, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	<-begun
	_ = c.Close()
	<-gone
	if r := g.result(t); !errors.Is(r.err, upstream.ErrClientGone) || r.report.Status != 0 {
		t.Errorf("error %v, status %d", r.err, r.report.Status)
	}
}
