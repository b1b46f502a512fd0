package upstream_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"tollgate/proxy/upstream"
)

// requestLines is a raw server that answers 204 and hands out the request
// lines and Host fields that it reads.
func requestLines(tb testing.TB) (url string, lines <-chan [2]string) {
	tb.Helper()
	seen := make(chan [2]string, 16)
	url = rawServer(tb, func(_ int, c net.Conn, r *bufio.Reader) {
		for {
			head, err := readHead(r)
			if err != nil {
				return
			}
			line, rest, _ := strings.Cut(head, "\n")
			host, _, _ := strings.Cut(rest, "\n")
			seen <- [2]string{line, host}
			_, _ = io.WriteString(c, "HTTP/1.1 204 No Content\r\n\r\n")
		}
	})
	return url, seen
}

func forwardTarget(tb testing.TB, up *upstream.Upstream, method, target, host string) error {
	tb.Helper()
	r := httptest.NewRequestWithContext(tb.Context(), method, "/", nil)
	r.Host = host
	_, err := up.Forward(httptest.NewRecorder(), &upstream.Outgoing{Request: r, Target: target})
	return err
}

func TestTargetArrivesByteForByte(t *testing.T) {
	url, lines := requestLines(t)
	up := newUpstream(t, upstream.Observer{}, []string{url})
	for _, target := range []string{
		"/", "*", "/a", "/a/", "/a%2Fb", "/a%2fb", "/..%2f", "/../x", "/./x", "/;x", "/a;b=c", "/?", "/a?", "/??",
		"/?a=1;b=2&c=%zz", "/%zz", "/%", "/%00", "/a\"b|^{}`<>\\", "/\xc3\xa9\xff", "/#x", "/a+b", "/:80", "/@x",
		"//", "//a//b", "//a//b?", "//a//b?x=//y", "//a%2Fb", "///", "//user@host/x", "//[::1", "//a?b?c",
	} {
		t.Run(target, func(t *testing.T) {
			if err := forwardTarget(t, up, http.MethodGet, target, "client.test"); err != nil {
				t.Fatalf("Forward: %v", err)
			}
			got := <-lines
			if got[0] != "GET "+target+" HTTP/1.1" || got[1] != "Host: client.test" {
				t.Errorf("server read %q, %q", got[0], got[1])
			}
		})
	}
}

func TestTargetThatNetURLWouldChangeGoesInAbsoluteForm(t *testing.T) {
	url, lines := requestLines(t)
	up := newUpstream(t, upstream.Observer{}, []string{url})
	server := strings.TrimPrefix(url, "http://")
	for _, row := range []struct{ target, host, authority string }{
		{"//a\"b|", "client.test:81", "client.test:81"},
		{"//%zz?q", "client.test", "client.test"},
		{"//\xff", "", server},
	} {
		t.Run(row.target, func(t *testing.T) {
			// What expects something goes through net/http.
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", nil)
			r.Host, r.Header["Expect"] = row.host, []string{"100-continue"}
			if _, err := up.Forward(httptest.NewRecorder(), &upstream.Outgoing{Request: r, Target: row.target}); err != nil {
				t.Fatalf("Forward: %v", err)
			}
			got := <-lines
			if got[0] != "POST http://"+row.authority+row.target+" HTTP/1.1" || got[1] != "Host: "+row.authority {
				t.Errorf("server read %q, %q", got[0], got[1])
			}
		})
	}
}

func TestTargetThatIsNoneIsRefusedAndNothingIsSent(t *testing.T) {
	url, lines := requestLines(t)
	up := newUpstream(t, upstream.Observer{}, []string{url})
	for _, row := range [][2]string{
		{"", "h"}, {"a", "h"}, {"http://other/x", "h"}, {"other:80", "h"}, {"?x", "h"}, {"**", "h"},
		{"/a b", "h"}, {"/a HTTP/1.1\r\nX: y", "h"}, {"/a\tb", "h"}, {"/\x00", "h"}, {"/\x7f", "h"}, {"//a\"b", "bad host"},
	} {
		t.Run(row[0], func(t *testing.T) {
			if err := forwardTarget(t, up, http.MethodGet, row[0], row[1]); !errors.Is(err, upstream.ErrBadRequest) {
				t.Errorf("Forward: %v, want ErrBadRequest", err)
			}
			select {
			case got := <-lines:
				t.Errorf("server read %q", got)
			default:
			}
		})
	}
}

// FuzzTarget sends targets as a client would, over a socket: net/http refuses
// one, or the server gets the same bytes.
func FuzzTarget(f *testing.F) {
	for _, seed := range []string{"/", "//a//b", "/a%2Fb", "/a\"b|^{}", "/..%2f", "/;x", "/?", "/?a=1;b=2&c=%zz", "//%zz", "/#", "*", "//\xff?", "/\u00e9"} {
		f.Add(seed)
	}
	url, lines := requestLines(f)
	g := newGateway(f, []string{url})
	f.Fuzz(func(t *testing.T, target string) {
		if strings.ContainsAny(target, "\r\n") {
			t.Skip("more than one line")
		}
		_, r := dialRaw(t, g.URL, "GET "+target+" HTTP/1.1\r\nHost: client.test\r\nConnection: close\r\n\r\n")
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatalf("no answer: %v", err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusNoContent {
			select {
			case got := <-lines:
				t.Fatalf("refused with %d, but the server read %q", resp.StatusCode, got)
			default:
			}
			if resp.StatusCode == http.StatusBadGateway {
				t.Fatalf("net/http took %q and the forwarder did not", target)
			}
			drain(g.results)
			return
		}
		drain(g.results)
		got := <-lines
		if got[0] != "GET "+target+" HTTP/1.1" && got[0] != "GET http://client.test"+target+" HTTP/1.1" {
			t.Fatalf("sent %q, server read %q", target, got[0])
		}
	})
}

func drain(results chan result) {
	for {
		select {
		case <-results:
		default:
			return
		}
	}
}
