package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// valueHere stands for the value of a token in the streams of FuzzLanes.
const valueHere = "VALUE"

// endOfStream is the last request of every stream: whoever reads the answers
// knows by the closed connection that there are no more.
const endOfStream = "GET /end HTTP/1.1\r\nHost: one.example.com\r\nConnection: close\r\n\r\n"

// laneUnderTest is a gateway with or without the fast lane.
type laneUnderTest struct {
	gateway *gateway
	backend *backend
	token   issued
}

func startLane(t testing.TB, yaml string) laneUnderTest {
	t.Helper()
	b := startBackend(t)
	g := startGateway(t, setup{upstream: b.URL, more: yaml + "log: {access: false}\npublic:\n  - {path_prefix: /public/}\n"})
	return laneUnderTest{gateway: g, backend: b, token: g.issue(john, hostOne, nil)}
}

// observation is all that can be seen of what became of a stream.
type observation struct {
	answers  string // with what is different each time left out
	arrivals string
	open     bool // the gateway waits for more
}

// different is what two gateways never say alike.
var different = regexp.MustCompile(`(?m)^(Date|Gateway-Request-Id|X-Amz-Request-Id): .*\n|"request_id":"[0-9A-F]{16}"|<RequestId>[0-9A-F]{16}`)

// observe sends a stream, cut into pieces at the given offsets.
func (l laneUnderTest) observe(t testing.TB, stream []byte, cuts []int, patience time.Duration) observation {
	t.Helper()
	l.backend.take()
	stream = bytes.ReplaceAll(stream, []byte(valueHere), []byte(l.token.value))
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(l.gateway.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	received := make(chan []byte, 1)
	go func() {
		_ = conn.SetReadDeadline(time.Now().Add(patience))
		all, err := io.ReadAll(conn)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			all = append(all, "(open)"...)
		}
		received <- all
	}()
	from := 0
	for _, cut := range append(cuts, len(stream)) {
		if cut = min(cut, len(stream)); cut > from {
			if _, err := conn.Write(stream[from:cut]); err != nil {
				break // refused before all of it was sent
			}
			from = cut
		}
	}
	all := <-received
	text, open := bytes.CutSuffix(all, []byte("(open)"))
	return observation{answers: l.normal(text), arrivals: l.arrived(), open: open}
}

// normal brings answers into one form: header lines in order, without those
// that differ by chance, and bodies as they are. Which bytes are a body only
// who knows the request could tell, and it does not matter here.
func (l laneUnderTest) normal(text []byte) string {
	var b strings.Builder
	for i, part := range strings.Split(string(text), "HTTP/1.1 ") {
		if i > 0 {
			b.WriteString("HTTP/1.1 ")
		}
		head, body, _ := strings.Cut(part, "\r\n\r\n")
		status, fields, _ := strings.Cut(head, "\r\n")
		lines := strings.Split(fields, "\r\n")
		slices.Sort(lines)
		fmt.Fprintf(&b, "%s\n%s\n\n%s", status, strings.Join(lines, "\n"), body)
	}
	return l.neutral(b.String())
}

func (l laneUnderTest) arrived() string {
	var b strings.Builder
	for _, a := range l.backend.take() {
		fmt.Fprintf(&b, "%s %s %s %q\n", a.Method, a.Target, a.Host, a.Body)
		_ = a.Header.Write(&b)
	}
	return l.neutral(b.String())
}

// neutral takes out what names the gateway itself.
func (l laneUnderTest) neutral(s string) string {
	s = strings.NewReplacer(l.token.value, valueHere, l.token.id, "ID", strings.TrimPrefix(l.backend.URL, "http://"), "BACKEND",
		strings.TrimPrefix(l.gateway.url, "http://"), "GATEWAY", "\r\n", "\n").Replace(s)
	return different.ReplaceAllString(s, "")
}

// laneSeeds are streams that are good, odd and hostile.
func laneSeeds() []string {
	const host, auth = "Host: one.example.com\r\n", "Authorization: Bearer " + valueHere + "\r\n"
	good := "GET /a HTTP/1.1\r\n" + host + auth + "\r\n"
	return []string{
		good,
		good + good + good,
		"HEAD /a HTTP/1.1\r\n" + host + "Cookie: a=b; token=" + valueHere + "\r\n\r\n" + good,
		"PUT /a?x=1&_token=" + valueHere + " HTTP/1.1\r\n" + host + "Content-Length: 5\r\n\r\nhello" + good,
		"POST /a HTTP/1.1\r\n" + host + "Gateway-Token: " + valueHere + "\r\nContent-Length: 0\r\n\r\n",
		"DELETE /a%2Fb HTTP/1.1\r\n" + host + "X-Auth-Token: " + valueHere + "\r\nX-Gateway-User: root\r\n\r\n",
		"GET /public/x HTTP/1.1\r\n" + host + "\r\n" + "GET /private HTTP/1.1\r\n" + host + "\r\n" + good,
		"GET /.TOKEN/ HTTP/1.1\r\n" + host + auth + "\r\n" + good,
		"GET /%2eTOKEN/x HTTP/1.1\r\n" + host + auth + "\r\n" + good,
		"PUT /a HTTP/1.1\r\n" + host + auth + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n" + good,
		"PUT /a HTTP/1.1\r\n" + host + auth + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + good,
		"PUT /a HTTP/1.1\r\n" + host + auth + "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd" + good,
		"PUT /a HTTP/1.1\r\n" + host + "Content-Length: 6\r\n\r\nrefuse" + good,
		"GET /a HTTP/1.1\r\nHost: one.example.com\r\nHost: two.example.com\r\n\r\n",
		"GET /a HTTP/1.1\nHost: one.example.com\n\n" + good,
		"GET /a HTTP/1.1\r\n" + host + "X: a\r\n b\r\n\r\n" + good,
		"GET /a HTTP/1.1\r\n" + host + "X : a\r\n\r\n" + good,
		"GET /a HTTP/1.1\r\n" + host + auth + "Connection: X-Forwarded-For, keep-alive\r\n\r\n" + good,
		"GET /a HTTP/1.1\r\n" + host + auth + "Range: bytes=0-1\r\nExpect: 100-continue\r\n\r\n" + good,
		"GET http://one.example.com/a HTTP/1.1\r\n" + host + auth + "\r\n" + good,
		"\r\n\r\n" + good,
		"GET /a HTTP/1.0\r\n" + host + auth + "\r\n",
		"OPTIONS * HTTP/1.1\r\n" + host + "\r\n",
		"GET /\" HTTP/1.1\r\n" + host + auth + "\r\n" + good,
		"GET /a HTTP/1.1\r\n" + host + auth + "Upgrade: x\r\nConnection: upgrade\r\n\r\n",
		"GET /a?X-Amz-Signature=1 HTTP/1.1\r\n" + host + "\r\n" + good,
		"GET /a HTTP/1.1\r\n" + host + "Authorization: AWS4-HMAC-SHA256 Credential=AK\r\n\r\n" + good,
		"GET /a HTTP/1.1\r\nHost: nobody.example.net\r\n" + auth + "\r\n" + good,
	}
}

// FuzzLanes sends the same bytes through both lanes: verdict, answer and what
// reaches the upstream are the same, wherever the stream is cut.
func FuzzLanes(f *testing.F) {
	fast, slow := startLane(f, "fast_lane: true\n"), startLane(f, "fast_lane: false\n")
	for _, stream := range laneSeeds() {
		f.Add([]byte(stream), uint16(0), uint16(0))
		f.Add([]byte(stream), uint16(len(stream)/2), uint16(len(stream)-1)) // #nosec G115 -- short ones
	}
	f.Fuzz(func(t *testing.T, stream []byte, one, two uint16) {
		if len(stream) > 16<<10 || bytes.Contains(stream, []byte("/.TOKEN")) && !bytes.HasPrefix(stream, []byte("GET /.TOKEN/ ")) {
			return // it could end the token, or make others
		}
		stream = append(slices.Clone(stream), endOfStream...)
		cuts := []int{int(min(one, two)), int(max(one, two))}
		var first, second observation
		for _, patience := range []time.Duration{300 * time.Millisecond, 3 * time.Second, 20 * time.Second} {
			first, second = fast.observe(t, stream, cuts, patience), slow.observe(t, stream, cuts, patience)
			if first == second {
				return
			}
		}
		t.Errorf("%q cut at %d\nfast lane %+v\nnet/http  %+v", stream, cuts, first, second)
	})
}
