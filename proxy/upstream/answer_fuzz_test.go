package upstream

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http/httpguts"
)

// script is a connection over which a fixed text comes, so many bytes at a
// time, and then the end.
type script struct {
	net.Conn
	text string
	step int
}

func (s *script) Read(p []byte) (int, error) {
	if s.text == "" {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), s.step)], s.text)
	s.text = s.text[n:]
	return n, nil
}

func (s *script) Write(p []byte) (int, error)      { return len(p), nil }
func (s *script) Close() error                     { return nil }
func (s *script) SetDeadline(time.Time) error      { return nil }
func (s *script) SetReadDeadline(time.Time) error  { return nil }
func (s *script) SetWriteDeadline(time.Time) error { return nil }

// taker is a client that keeps what it gets.
type taker struct {
	header, head http.Header // as it is, and as it was with the head
	status       int
	body         bytes.Buffer
}

func (t *taker) Header() http.Header         { return t.header }
func (t *taker) Write(p []byte) (int, error) { return t.body.Write(p) }
func (t *taker) Flush()                      {}
func (t *taker) WriteHeader(status int) {
	if status >= 200 {
		t.status, t.head = status, t.header.Clone()
	}
}

// taken is what came of an answer.
type taken struct {
	client taker
	err    error
	kept   bool // the connection
	unread int  // bytes
}

// scripted is an upstream whose one server is conn.
func scripted(tb testing.TB, conn net.Conn) *Upstream {
	tb.Helper()
	cfg := Default()
	cfg.Name, cfg.URLs = "u", []string{"http://a:80"}
	u, err := newUpstream(cfg, Observer{}, func(context.Context, string, string) (net.Conn, error) { return conn, nil })
	if err != nil {
		tb.Fatal(err)
	}
	return u
}

// take lets a text be the answer to a request.
func take(tb testing.TB, method, text string, step int) taken {
	tb.Helper()
	conn := &script{text: text, step: step}
	u := scripted(tb, conn)
	defer u.Close()
	result := taken{client: taker{header: http.Header{}}}
	r := &http.Request{Method: method, Host: "x", Header: http.Header{}, ProtoMajor: 1, ProtoMinor: 1}
	_, result.err = u.Forward(&result.client, &Outgoing{Request: r, Target: "/"})
	result.kept, result.unread = len(u.servers[0].plain.idle) > 0, len(conn.text)
	return result
}

var answers = []string{
	"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
	"HTTP/1.1 200 OK\r\ncontent-LENGTH: 2\r\nX-a: 1\r\nx-A: 2\r\nEmpty:\r\n\r\nokmore",
	"HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n2;a=b\r\nok\r\n0003 \r\nmor\r\n0\r\nX-Sum: 1\r\n\r\n",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\nA\r\n0123456789\r\n0\r\n\r\nrest",
	"HTTP/1.0 200 OK\r\nPragma: no-cache\r\n\r\nuntil the end",
	"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
	"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\nEtag: \"x\"\r\n\r\n",
	"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\nConnection: close, x-hop\r\nX-Hop: 1\r\n\r\nok",
	"HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
	"HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 0\r\n\r\n",
}

// FuzzAnswer compares with net/http: what is taken here net/http takes too,
// and understands in the same way.
func FuzzAnswer(f *testing.F) {
	for _, a := range answers {
		f.Add(a, false, uint8(0))
		f.Add(a, true, uint8(3))
	}
	f.Fuzz(func(t *testing.T, text string, head bool, step uint8) {
		method := http.MethodGet
		if head {
			method = http.MethodHead
		}
		got := take(t, method, text, int(step)+1)
		if got.err != nil {
			if got.kept {
				t.Error("the connection of a broken answer was kept")
			}
			return
		}
		compare(t, method, text, got)
	})
}

func compare(t *testing.T, method, text string, got taken) {
	t.Helper()
	rest := strings.NewReader(text)
	r := bufio.NewReaderSize(rest, 128<<10)
	var want *http.Response
	for want == nil || want.StatusCode < 200 {
		var err error
		if want, err = http.ReadResponse(r, &http.Request{Method: method}); err != nil {
			t.Fatalf("net/http refuses what was taken: %v", err)
		}
	}
	body, err := io.ReadAll(want.Body)
	if err != nil {
		t.Fatalf("net/http refuses the body that was taken: %v", err)
	}
	if got.client.status != want.StatusCode || got.client.body.String() != string(body) {
		t.Errorf("took %d %q, net/http %d %q", got.client.status, got.client.body.String(), want.StatusCode, body)
	}
	removeHopByHop(want.Header)
	for name := range want.Header { // net/http forgets what Connection names beside close
		lower := strings.ToLower(text)
		if _, ok := got.client.head[name]; !ok && want.Close && strings.Count(lower, strings.ToLower(name)) > 1 {
			delete(want.Header, name)
		}
	}
	if want.StatusCode == http.StatusNoContent {
		want.Header.Del("Content-Length")
	}
	if _, ok := want.Header["Content-Type"]; !ok {
		want.Header["Content-Type"] = nil
	}
	head := got.client.head
	delete(head, "Trailer")
	if !reflect.DeepEqual(head, want.Header) {
		t.Errorf("took %q, net/http %q", head, want.Header)
	}
	compareTrailer(t, got.client.header, want)
	if left := rest.Len() + r.Buffered(); got.kept && got.unread != left || want.Close && got.kept {
		t.Errorf("kept with %d bytes unread, net/http has %d, close %t", got.unread, left, want.Close)
	}
}

func compareTrailer(t *testing.T, header http.Header, want *http.Response) {
	t.Helper()
	for name, values := range want.Trailer {
		if !httpguts.ValidTrailerHeader(name) || name == "Set-Cookie" || len(values) == 0 {
			continue
		}
		switch name {
		case "Keep-Alive", "Proxy-Authenticate", "Proxy-Connection", "Te", "Upgrade", "Connection":
			continue
		}
		if got := header[name]; !reflect.DeepEqual(got, values) && !reflect.DeepEqual(header[http.TrailerPrefix+name], values) {
			t.Errorf("trailer %s: took %q, net/http %q", name, got, values)
		}
	}
}

// TestAnswersAreUnderstoodWhereverTheyAreCut goes through the seeds at every
// size of piece.
func TestAnswersAreUnderstoodWhereverTheyAreCut(t *testing.T) {
	for _, text := range answers {
		whole := take(t, http.MethodGet, text, len(text))
		for step := 1; step <= len(text); step++ {
			got := take(t, http.MethodGet, text, step)
			if (got.err == nil) != (whole.err == nil) || got.client.body.String() != whole.client.body.String() {
				t.Errorf("%q by %d: %v, %q", text, step, got.err, got.client.body.String())
			}
			if got.err == nil {
				compare(t, http.MethodGet, text, got)
			}
		}
	}
}

// TestHeadIsReadMoreStrictlyThanByNetHTTP: each row is taken by net/http, or
// was by others, and leaves a doubt.
func TestHeadIsReadMoreStrictlyThanByNetHTTP(t *testing.T) {
	const ok = "HTTP/1.1 200 OK\r\n"
	for _, row := range []struct{ name, answer string }{
		{"BareLineFeeds", "HTTP/1.1 200 OK\nContent-Length: 0\n\n"},
		{"OneBareLineFeed", ok + "A: b\nContent-Length: 0\r\n\r\n"},
		{"BareLineFeedAtTheEnd", ok + "Content-Length: 0\r\n\nx\r\n\r\n"},
		{"CarriageReturnInAValue", ok + "A: b\rc\r\nContent-Length: 0\r\n\r\n"},
		{"NulInAValue", ok + "A: b\x00c\r\nContent-Length: 0\r\n\r\n"},
		{"ControlInAValue", ok + "A: b\x1d\r\nContent-Length: 0\r\n\r\n"},
		{"DeleteInAValue", ok + "A: 01234\x7f56789\r\nContent-Length: 0\r\n\r\n"},
		{"NulInTheStatusLine", "HTTP/1.1 200 O\x00K\r\nContent-Length: 0\r\n\r\n"},
		{"FoldedLine", ok + "A: b\r\n c\r\nContent-Length: 0\r\n\r\n"},
		{"FoldedFirstLine", ok + " A: b\r\nContent-Length: 0\r\n\r\n"},
		{"BlankBeforeColon", ok + "Content-Length : 0\r\n\r\n"},
		{"BlankInName", ok + "A b: c\r\nContent-Length: 0\r\n\r\n"},
		{"NoName", ok + ": c\r\nContent-Length: 0\r\n\r\n"},
		{"NoColon", ok + "Foo\r\nA: b\r\nContent-Length: 0\r\n\r\n"},
		{"NameOfOtherLetters", ok + "\xc3\xa9: b\r\nContent-Length: 0\r\n\r\n"},
		{"DifferentLengths", ok + "Content-Length: 0\r\nContent-Length: 1\r\n\r\nx"},
		{"DifferentLengthsInTwoSpellings", ok + "Content-Length: 0\r\nCONTENT-LENGTH: 1\r\n\r\nx"},
		{"ListOfLengths", ok + "Content-Length: 1, 1\r\n\r\nx"},
		{"SignedLength", ok + "Content-Length: +1\r\n\r\nx"},
		{"NegativeLength", ok + "Content-Length: -1\r\n\r\nx"},
		{"HexadecimalLength", ok + "Content-Length: 0x1\r\n\r\nx"},
		{"EmptyLength", ok + "Content-Length:\r\n\r\n"},
		{"HugeLength", ok + "Content-Length: 1000000000000000000\r\n\r\nx"},
		{"OtherEncoding", ok + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"},
		{"EncodingTwice", ok + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
		{"Identity", ok + "Transfer-Encoding: identity\r\nContent-Length: 0\r\n\r\n"},
		{"ChunksInAnOldAnswer", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
		{"TrailerThatFrames", ok + "Transfer-Encoding: chunked\r\nTrailer: Content-Length\r\n\r\n0\r\n\r\n"},
		{"OtherVersion", "HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n"},
		{"VersionInLowerCase", "http/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"},
		{"BlankBeforeTheStatus", "HTTP/1.1  200 OK\r\nContent-Length: 0\r\n\r\n"},
		{"FourDigits", "HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n"},
		{"EmptyLineFirst", "\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"},
		{"DoubtfulHint", "HTTP/1.1 103 Hints\r\nA : b\r\n\r\n" + ok + "Content-Length: 0\r\n\r\n"},
	} {
		t.Run(row.name, func(t *testing.T) {
			for _, step := range []int{1, 1 << 20} {
				if got := take(t, http.MethodGet, row.answer, step); !errors.Is(got.err, ErrBadAnswer) || got.client.status != 0 || got.kept {
					t.Errorf("took %d, %v, kept %t", got.client.status, got.err, got.kept)
				}
			}
		})
	}
}

// TestChunksAreReadStrictly: the client never takes the answer for whole.
func TestChunksAreReadStrictly(t *testing.T) {
	for _, row := range []struct{ name, body string }{
		{"BareLineFeed", "2\nok\r\n0\r\n\r\n"},
		{"BareLineFeedAfterData", "2\r\nok\n0\r\n\r\n"},
		{"NoLineEndAfterData", "2\r\nok0\r\n\r\n"},
		{"BareLineFeedAfterTheLast", "2\r\nok\r\n0\n\n"},
		{"BareLineFeedInTheTrailer", "2\r\nok\r\n0\r\nA: b\n\r\n"},
		{"BadTrailer", "2\r\nok\r\n0\r\nA b: c\r\n\r\n"},
		{"HugeTrailer", "2\r\nok\r\n0\r\nA: " + strings.Repeat("x", 5000) + "\r\n\r\n"},
		{"NoSize", "\r\nok\r\n0\r\n\r\n"},
		{"OnlyAnExtension", ";a\r\nok\r\n0\r\n\r\n"},
		{"SignedSize", "+2\r\nok\r\n0\r\n\r\n"},
		{"PrefixedSize", "0x2\r\nok\r\n0\r\n\r\n"},
		{"BlankFirst", " 2\r\nok\r\n0\r\n\r\n"},
		{"BlankInTheSize", "0 2\r\nok\r\n0\r\n\r\n"},
		{"ControlInTheSize", "\x122\r\nok\r\n0\r\n\r\n"},
		{"SixteenDigits", "0000000000000002\r\nok\r\n0\r\n\r\n"},
		{"HugeSize", "fffffffffffffff\r\nok\r\n0\r\n\r\n"},
		{"CarriageReturnInTheExtension", "2;a\rb\r\nok\r\n0\r\n\r\n"},
		{"LineFeedInTheExtension", "2;a\nb\r\nok\r\n0\r\n\r\n"},
		{"LongExtension", "2;" + strings.Repeat("x", 2000) + "\r\nok\r\n0\r\n\r\n"},
		{"NothingButOverhead", strings.Repeat("1;"+strings.Repeat("x", 900)+"\r\nx\r\n", 100) + "0\r\n\r\n"},
		{"BrokenOff", "2\r\nok\r\n0\r\n"},
	} {
		t.Run(row.name, func(t *testing.T) {
			text := "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + row.body
			for _, step := range []int{1, 1 << 20} {
				if got := take(t, http.MethodGet, text, step); !errors.Is(got.err, ErrBrokenAnswer) || got.kept {
					t.Errorf("took %q, %v, kept %t", got.client.body.String(), got.err, got.kept)
				}
			}
		})
	}
}

// TestDoubtfulAnswerIsTakenButItsConnectionIsNotKept.
func TestDoubtfulAnswerIsTakenButItsConnectionIsNotKept(t *testing.T) {
	for _, row := range []struct {
		name, method, answer, body string
		kept                       bool
	}{
		{"Exact", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "ok", true},
		{"EqualLengths", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok", "ok", true},
		{"HeadWithLength", "HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", "", true},
		{"HeadWithChunks", "HEAD", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "", true},
		{"LengthAndChunks", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", "ok", false},
		{"HeadWithBoth", "HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n", "", false},
		{"NoContentWithLength", "GET", "HTTP/1.1 204 No\r\nContent-Length: 2\r\n\r\n", "", false},
		{"NoContentWithChunks", "GET", "HTTP/1.1 204 No\r\nTransfer-Encoding: chunked\r\n\r\n", "", false},
		{"HintWithLength", "GET", "HTTP/1.1 103 Hints\r\nContent-Length: 2\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "ok", false},
		{"HintThatCloses", "GET", "HTTP/1.1 103 Hints\r\nConnection: close\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "ok", false},
		{"ClosesAmongOthers", "GET", "HTTP/1.1 200 OK\r\nConnection: keep-alive, Close\r\nContent-Length: 2\r\n\r\nok", "ok", false},
		{"ClosesInCapitals", "GET", "HTTP/1.1 200 OK\r\nCONNECTION: CLOSE\r\nContent-Length: 2\r\n\r\nok", "ok", false},
		{"LengthInCapitals", "GET", "HTTP/1.1 200 OK\r\nCONTENT-LENGTH: 2\r\n\r\nok", "ok", true},
		{"LengthsInTwoSpellings", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\ncontent-length: 2\r\n\r\nok", "ok", true},
		{"OldThatKeeps", "GET", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok", "ok", false},
		{"MoreThanAnnounced", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n\r\n", "ok", false},
		{"MoreThanNothing", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", "", false},
		{"MoreThanChunks", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", "", false},
		{"UntilClose", "GET", "HTTP/1.1 200 OK\r\n\r\nok", "ok", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := take(t, row.method, row.answer, 1<<20)
			if got.err != nil || got.client.body.String() != row.body || got.kept != row.kept {
				t.Errorf("took %q, %v, kept %t", got.client.body.String(), got.err, got.kept)
			}
		})
	}
}
