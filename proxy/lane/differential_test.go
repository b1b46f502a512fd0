package lane_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// answersIn makes a comparable text of a stream of answers: header lines are
// sorted, and the Date is left out.
func answersIn(stream string, methods []string) []string {
	var all []string
	r := bufio.NewReader(strings.NewReader(stream))
	for i := 0; ; {
		method := "GET"
		if i < len(methods) {
			method = methods[i]
		}
		answer, err := http.ReadResponse(r, &http.Request{Method: method})
		if err != nil {
			rest, _ := io.ReadAll(r)
			return append(all, fmt.Sprintf("end %q", plainLines(string(rest))))
		}
		if answer.StatusCode >= 200 {
			i++
		}
		body, err := io.ReadAll(answer.Body)
		var lines []string
		for name, values := range answer.Header {
			if name != "Date" {
				lines = append(lines, fmt.Sprintf("%s %q", name, values))
			}
		}
		slices.Sort(lines)
		broken := err != nil
		if broken {
			body = nil // how much of it came is a matter of buffers
		}
		all = append(all, fmt.Sprintf("%d %s %v length %d te %v close %v body %q broken %v trailer %v", answer.StatusCode, answer.Status, lines,
			answer.ContentLength, answer.TransferEncoding, answer.Close, body, broken, answer.Trailer))
	}
}

// plainLines sorts what is no answer, without the Date.
func plainLines(s string) []string {
	lines := strings.Split(s, "\r\n")
	lines = slices.DeleteFunc(lines, func(l string) bool { return strings.HasPrefix(l, "Date: ") })
	slices.Sort(lines)
	return lines
}

func methodsOf(seen []string) []string {
	var methods []string
	for _, s := range seen {
		if method, _, ok := strings.Cut(s, " \"/"); ok && !strings.Contains(method, " ") {
			methods = append(methods, method)
		}
	}
	return methods
}

// compare sends the same pieces to a server with the lane and to one without.
// It returns how many requests went through the lane.
func compare(t *testing.T, with, without *site, pieces ...string) int {
	t.Helper()
	for _, s := range []*site{with, without} {
		s.mu.Lock()
		s.seen, s.fast = nil, 0
		s.mu.Unlock()
	}
	got, want := with.say(t, pieces...), without.say(t, pieces...)
	sawGot, fast := with.sawAll()
	sawWant, _ := without.sawAll()
	if !slices.Equal(sawGot, sawWant) {
		t.Errorf("%q\nthe handler saw %q\n           want %q", pieces, sawGot, sawWant)
	}
	methods := methodsOf(sawWant)
	if got, want := answersIn(got, methods), answersIn(want, methods); !slices.Equal(got, want) {
		t.Errorf("%q\n got %q\nwant %q", pieces, got, want)
	}
	return fast
}

const host = "Host: x\r\n"

// get is a request that fits.
func get(path string) string { return "GET " + path + " HTTP/1.1\r\n" + host + "\r\n" }

func post(path, body string) string {
	return fmt.Sprintf("POST %s HTTP/1.1\r\n%sContent-Length: %d\r\n\r\n%s", path, host, len(body), body)
}

func TestGrammar(t *testing.T) {
	with, without := open(t, setup{}), open(t, setup{without: true})
	for _, row := range []struct {
		name, request string
		fast          int
	}{
		{"Fits", get("/"), 1},
		{"FitsWithQuery", get("/a/b?c=d&e=/?;"), 1},
		{"FitsWithEmptyQuery", get("/a?"), 1},
		{"FitsWithTwoQuestionMarks", get("/a??"), 1},
		{"FitsWithEscapes", get("/a%2Fb%20c?x=%zz"), 1},
		{"FitsWithOddPath", get("/a!'()*[]|\\^`{}\"<>"), 1},
		{"FitsWithTwoSlashes", get("//a//b/../c"), 1},
		{"FitsWithColon", get("/a:b@c"), 1},
		{"FitsHead", "HEAD /long HTTP/1.1\r\n" + host + "\r\n", 1},
		{"FitsDelete", "DELETE /a HTTP/1.1\r\n" + host + "\r\n", 1},
		{"FitsPut", "PUT /echo HTTP/1.1\r\n" + host + "Content-Length: 3\r\n\r\nabc", 1},
		{"FitsPost", post("/echo", "hello"), 1},
		{"FitsGetWithBody", "GET /echo HTTP/1.1\r\n" + host + "Content-Length: 3\r\n\r\nabc", 1},
		{"FitsWithEmptyBody", post("/echo", ""), 1},
		{"FitsKeepAlive", "GET / HTTP/1.1\r\n" + host + "Connection: keep-alive\r\n\r\n", 1},
		{"FitsLowerCaseNames", "GET / HTTP/1.1\r\nhost: x\r\nuser-agent: y\r\nx-some-name: z\r\nX-ODD-NAME: u\r\nx_under_-score: v\r\n\r\n", 1},
		{"FitsOddNames", "GET / HTTP/1.1\r\nHost: x\r\n-a: 1\r\na--b: 2\r\n!#$%&'*+.^_`|~9: 3\r\nETag: 4\r\nwww-authenticate: 5\r\n\r\n", 1},
		{"FitsRepeatedFields", "GET / HTTP/1.1\r\nHost: x\r\nCookie: a=1\r\ncookie: b=2\r\nCookie: c=3\r\nAccept: d\r\n\r\n", 1},
		{"FitsSpacesRoundValues", "GET / HTTP/1.1\r\nHost:x\r\nA: \t b\tc \t\r\nD:\r\nE: \r\n\r\n", 1},
		{"FitsHighBytesInValue", "GET / HTTP/1.1\r\nHost: x\r\nA: \x80\xff\xc3\xa4 and more of it\r\n\r\n", 1},
		{"FitsTe", "GET / HTTP/1.1\r\nHost: x\r\nTE: trailers\r\n\r\n", 1},
		{"FitsHostWithPort", "GET / HTTP/1.1\r\nHost: x.example:80\r\n\r\n", 1},
		{"FitsTwice", get("/a") + get("/b"), 2},

		{"HandedOverOtherMethod", "OPTIONS /a HTTP/1.1\r\n" + host + "\r\n" + get("/b"), 1},
		{"HandedOverStarTarget", "OPTIONS * HTTP/1.1\r\n" + host + "\r\n" + get("/b"), 0},
		{"HandedOverConnect", "CONNECT x:1 HTTP/1.1\r\n" + host + "\r\n", 0},
		{"HandedOverLowerCaseMethod", "get / HTTP/1.1\r\n" + host + "\r\n", 0},
		{"HandedOverOldProtocol", "GET / HTTP/1.0\r\n" + host + "\r\n", 0},
		{"HandedOverOldProtocolKept", "GET / HTTP/1.0\r\n" + host + "Connection: keep-alive\r\n\r\n" + get("/"), 0},
		{"HandedOverNewProtocol", "GET / HTTP/1.2\r\n" + host + "\r\n", 0},
		{"HandedOverHTTP2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 0},
		{"HandedOverNoProtocol", "GET /\r\n" + host + "\r\n", 0},
		{"HandedOverAbsoluteForm", "GET http://y/a HTTP/1.1\r\n" + host + "\r\n", 0},
		{"HandedOverFragment", get("/a#b"), 0},
		{"HandedOverFragmentInQuery", get("/a?b#c"), 0},
		{"HandedOverSpaceInTarget", get("/a b"), 0},
		{"HandedOverHighByteInTarget", get("/a\xc3\xa4"), 0},
		{"HandedOverControlInTarget", get("/a\x01"), 0},
		{"HandedOverControlInQuery", get("/a?\x7f"), 0},
		{"HandedOverBadEscape", get("/a%zz"), 0},
		{"HandedOverTwoSpaces", "GET  / HTTP/1.1\r\n" + host + "\r\n", 0},
		{"HandedOverNoMethod", " / HTTP/1.1\r\n" + host + "\r\n", 0},
		{"HandedOverSpaceAtEnd", "GET / HTTP/1.1 \r\n" + host + "\r\n", 0},
		{"HandedOverNoHost", "GET / HTTP/1.1\r\n\r\n", 0},
		{"HandedOverTwoHosts", "GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n", 0},
		{"HandedOverEmptyHost", "GET / HTTP/1.1\r\nHost:\r\n\r\n", 0},
		{"HandedOverEmptyHostThenHost", "GET / HTTP/1.1\r\nHost:\r\nHost: x\r\n\r\n", 0},
		{"HandedOverBadHost", "GET / HTTP/1.1\r\nHost: x y\r\n\r\n", 0},
		{"HandedOverClose", "GET / HTTP/1.1\r\n" + host + "Connection: close\r\n\r\n" + get("/"), 0},
		{"HandedOverOtherKeepAlive", "GET / HTTP/1.1\r\n" + host + "Connection: Keep-Alive\r\n\r\n" + get("/"), 1},
		{"HandedOverListInConnection", "GET / HTTP/1.1\r\n" + host + "Connection: keep-alive, x\r\n\r\n", 0},
		{"HandedOverPragma", "GET / HTTP/1.1\r\n" + host + "Pragma: no-cache\r\n\r\n" + get("/"), 1},
		{"HandedOverExpect", "POST /echo HTTP/1.1\r\n" + host + "Expect: 100-continue\r\nContent-Length: 3\r\n\r\nabc" + get("/"), 1},
		{"HandedOverOtherExpect", "POST /echo HTTP/1.1\r\n" + host + "Expect: x\r\nContent-Length: 3\r\n\r\nabc" + get("/"), 0},
		{"HandedOverUpgrade", "GET / HTTP/1.1\r\n" + host + "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n", 0},
		{"HandedOverH2c", "GET / HTTP/1.1\r\n" + host + "HTTP2-Settings: AAA\r\n\r\n", 0},
		{"HandedOverProxyConnection", "GET / HTTP/1.1\r\n" + host + "Proxy-Connection: close\r\n\r\n" + get("/"), 1},
		{"HandedOverTrailer", "POST /echo HTTP/1.1\r\n" + host + "Trailer: X\r\nContent-Length: 1\r\n\r\na" + get("/"), 1},
		{"HandedOverChunked", "POST /echo HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n" + get("/"), 0},
		{"HandedOverLineEndInFront", "\r\n" + get("/"), 0},
		{"HandedOverLongHead", "GET / HTTP/1.1\r\n" + host + "A: " + strings.Repeat("a", 9000) + "\r\n\r\n" + get("/"), 0},

		{"SmuggledContentLengthTransferEncoding", "POST /echo HTTP/1.1\r\n" + host + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + get("/"), 0},
		{"SmuggledTransferEncodingContentLength", "POST /echo HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n" + get("/"), 0},
		{"SmuggledTransferEncodingWithTab", "POST /echo HTTP/1.1\r\n" + host + "Transfer-Encoding:\tchunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n" + get("/"), 0},
		{"SmuggledTransferEncodingIdentity", "POST /echo HTTP/1.1\r\n" + host + "Transfer-Encoding: identity\r\nContent-Length: 4\r\n\r\nabcd" + get("/"), 0},
		{"SmuggledTransferEncodingSpace", "POST /echo HTTP/1.1\r\n" + host + "Transfer-Encoding : chunked\r\nContent-Length: 4\r\n\r\nabcd" + get("/"), 0},
		{"SmuggledTwoLengths", "POST /echo HTTP/1.1\r\n" + host + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab" + get("/"), 0},
		{"SmuggledTwoEqualLengths", "POST /echo HTTP/1.1\r\n" + host + "Content-Length: 1\r\nContent-Length: 1\r\n\r\na" + get("/"), 0},
		{"SmuggledListOfLengths", "POST /echo HTTP/1.1\r\n" + host + "Content-Length: 1, 1\r\n\r\na" + get("/"), 0},
		{"SmuggledPlusLength", "POST /echo HTTP/1.1\r\n" + host + "Content-Length: +1\r\n\r\na" + get("/"), 0},
		{"SmuggledMinusLength", "POST /echo HTTP/1.1\r\n" + host + "Content-Length: -1\r\n\r\na" + get("/"), 0},
		{"SmuggledSpaceInLength", "POST /echo HTTP/1.1\r\n" + host + "Content-Length: 1 1\r\n\r\na" + get("/"), 0},
		{"SmuggledLeadingZero", "POST /echo HTTP/1.1\r\n" + host + "Content-Length: 01\r\n\r\na" + get("/"), 0},
		{"SmuggledHexLength", "POST /echo HTTP/1.1\r\n" + host + "Content-Length: 0x1\r\n\r\na" + get("/"), 0},
		{"SmuggledHugeLength", "POST /echo HTTP/1.1\r\n" + host + "Content-Length: 99999999999999999999\r\n\r\na" + get("/"), 0},
		{"SmuggledEmptyLength", "POST /echo HTTP/1.1\r\n" + host + "Content-Length:\r\n\r\na" + get("/"), 0},
		{"SmuggledLowerCaseLength", "POST /echo HTTP/1.1\r\n" + host + "content-length: 1\r\nCONTENT-LENGTH: 2\r\n\r\nab" + get("/"), 0},
		{"SmuggledBareLineFeed", "GET / HTTP/1.1\n" + host + "\r\n" + get("/"), 0},
		{"SmuggledBareLineFeedInField", "GET / HTTP/1.1\r\n" + host + "A: b\nContent-Length: 5\r\n\r\nabcde" + get("/"), 0},
		{"SmuggledBareLineFeedAtEnd", "GET / HTTP/1.1\r\n" + host + "\n" + get("/"), 0},
		{"SmuggledBareCarriageReturn", "GET / HTTP/1.1\r\n" + host + "A: b\rContent-Length: 5\r\n\r\nabcde" + get("/"), 0},
		{"SmuggledCarriageReturnAtEnd", "GET / HTTP/1.1\r\n" + host + "A: b\r\r\n\r\n", 0},
		{"SmuggledFold", "GET / HTTP/1.1\r\n" + host + "A: b\r\n c\r\n\r\n", 0},
		{"SmuggledFoldWithTab", "GET / HTTP/1.1\r\n" + host + "A: b\r\n\tContent-Length: 4\r\n\r\n", 0},
		{"SmuggledFoldFirst", "GET / HTTP/1.1\r\n A: b\r\n" + host + "\r\n", 0},
		{"SmuggledSpaceBeforeColon", "GET / HTTP/1.1\r\n" + host + "A : b\r\n\r\n", 0},
		{"SmuggledNoName", "GET / HTTP/1.1\r\n" + host + ": b\r\n\r\n", 0},
		{"SmuggledNoColon", "GET / HTTP/1.1\r\n" + host + "A\r\n\r\n", 0},
		{"SmuggledNulInValue", "GET / HTTP/1.1\r\n" + host + "A: b\x00c\r\n\r\n", 0},
		{"SmuggledNulInName", "GET / HTTP/1.1\r\n" + host + "A\x00: b\r\n\r\n", 0},
		{"SmuggledControlInValue", "GET / HTTP/1.1\r\n" + host + "A: long enough to be read in words\x7f\r\n\r\n", 0},
		{"SmuggledTabInName", "GET / HTTP/1.1\r\n" + host + "A\t: b\r\n\r\n", 0},
		{"SmuggledHighByteInName", "GET / HTTP/1.1\r\n" + host + "A\xff: b\r\n\r\n", 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			if fast := compare(t, with, without, row.request); fast/times(row.name) != row.fast {
				t.Errorf("%d requests went through the lane, want %d", fast, row.fast)
			}
		})
	}
}

// times is how often a row's handler takes a note: twice where it reads a body.
func times(name string) int {
	switch name {
	case "FitsPut", "FitsPost", "FitsGetWithBody", "FitsWithEmptyBody":
		return 2
	}
	return 1
}

func TestAnswers(t *testing.T) {
	with, without := open(t, setup{}), open(t, setup{without: true})
	big := strings.Repeat("b", 100_000)
	for _, row := range []string{
		get("/nothing"), get("/long"), get("/sized/0"), get("/sized/1000"), get("/sized/4000"), get("/sized/5000"), get("/sized/100000"),
		get("/unsized/1"), get("/unsized/2047"), get("/unsized/2048"), get("/unsized/2049"), get("/unsized/9000"), get("/unsized/100000"),
		get("/sniff"), get("/mixed"), get("/notype"), get("/encoded"), get("/trailers"), get("/late"), get("/hints"),
		get("/status/200"), get("/status/204"), get("/status/304"), get("/status/404"), get("/status/299"), get("/status/777"),
		get("/bare/200"), get("/bare/204"), get("/bare/304"), get("/bare/500"),
		get("/close"), get("/connection/close"), get("/connection/Close"), get("/connection/close,y"), get("/connection/keep-alive"), get("/abort"), get("/flushabort"), get("/flush"),
		get("/short"), get("/much"), get("/badlength/1"), get("/badlength/-"), get("/split?a=b"), get("/many"),
		get("/transfer/identity"), get("/transfer/chunked"), get("/transfer/gzip"), get("/transfer/"),
		get("/readfrom/10"), get("/readfrom/511"), get("/readfrom/512"), get("/readfrom/600"), get("/readfrom/90000"),
		post("/echo", "hello"), post("/echo", big), post("/nothing", "left"), post("/nothing", big), post("/long", big), post("/stream", "some"), post("/stream", big),
		post("/early", "hello"), post("/early", big), post("/closebody", "hello"), post("/closebody", big), post("/duplex", "hello"), post("/duplex", big), post("/sized/10", big),
		post("/close", "hello"), post("/short", "hello"), post("/hints", "hello"), post("/trailers", "hello"), post("/flush", "hello"),
		post("/early", strings.Repeat("b", 300_000)), post("/sized/10", strings.Repeat("b", 256<<10)), post("/sized/10", strings.Repeat("b", 256<<10-1)),
		"POST /echo HTTP/1.1\r\n" + host + "Content-Length: 10\r\n\r\nshort",
		"POST /nothing HTTP/1.1\r\n" + host + "Content-Length: 10\r\n\r\nshort",
	} {
		for _, request := range []string{row, strings.Replace(row, "GET ", "HEAD ", 1)} {
			name, _, _ := strings.Cut(request, " HTTP")
			t.Run(fmt.Sprintf("%s/%d", name, len(row)), func(t *testing.T) {
				compare(t, with, without, request, get("/after"))
				if _, fast := with.sawAll(); fast == 0 {
					t.Error("not through the lane")
				}
			})
		}
	}
}

// TestSplitAnywhere sends a stream of requests in two pieces, cut at every
// place.
func TestSplitAnywhere(t *testing.T) {
	with, without := open(t, setup{}), open(t, setup{without: true})
	stream := get("/a?b") + post("/echo", "hello") + "OPTIONS /o HTTP/1.1\r\n" + host + "\r\n" +
		"POST /echo HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n" + get("/end")
	for i := range len(stream) {
		compare(t, with, without, stream[:i], stream[i:])
	}
}

// TestMixesOnOneConnection checks that a connection comes back to the lane when
// it is known where a request ended.
func TestMixesOnOneConnection(t *testing.T) {
	other := "OPTIONS /o HTTP/1.1\r\n" + host + "Content-Length: 5\r\n\r\nhello"
	chunked := "POST /nothing HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
	refused := func(r *http.Request) bool { return !strings.HasPrefix(r.URL.Path, "/slow") }
	with, without := open(t, setup{takes: refused}), open(t, setup{without: true})
	for _, row := range []struct {
		name   string
		stream string
		fast   int
	}{
		{"OtherThenFast", other + get("/a"), 1},
		{"FastThenOtherThenFast", get("/a") + other + get("/b"), 2},
		{"ManyInTurn", strings.Repeat(get("/a")+other, 20) + get("/a"), 21},
		{"NotTaken", get("/a") + get("/slow") + get("/b") + post("/slow/", "body") + get("/c"), 3},
		{"ChunkedIsTheEnd", get("/a") + chunked + get("/b") + get("/c"), 1},
		{"LineEndsAfterPost", post("/nothing", "a") + "\r\n" + get("/b") + post("/slow", "a") + "\r\n\r\n" + get("/c"), 3},
		{"TooManyLineEndsAfterPost", post("/nothing", "a") + "\r\n\r\n\r\n" + get("/b"), 1},
		{"LineEndsAfterGetAfterSlowPost", post("/slow", "a") + get("/b") + "\r\n" + get("/c"), 1},
		{"LineEndsAfterGet", get("/b") + "\r\n" + get("/c"), 1},
		{"LineEndsAtTheEnd", get("/a") + "\r\n", 1},
		{"ThreeBytesAtTheEnd", get("/a") + "GET", 1},
		{"FourBytesAtTheEnd", get("/a") + "GET ", 1},
		{"BodyLeft", post("/nothing", strings.Repeat("b", 20_000)) + get("/c"), 2},
		{"BodyLeftByOther", post("/slow", strings.Repeat("b", 20_000)) + get("/c"), 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			if fast := compare(t, with, without, row.stream); fast != row.fast {
				t.Errorf("%d requests went through the lane, want %d", fast, row.fast)
			}
			compare(t, with, without, strings.SplitAfter(row.stream, "\r")...)
		})
	}
}

// FuzzLane sends the same bytes, cut in the same places, with the lane and
// without.
func FuzzLane(f *testing.F) {
	for _, seed := range []string{
		get("/") + get("/long"), post("/echo", "hello") + get("/trailers"), post("/stream", "abc") + "HEAD /sized/9 HTTP/1.1\r\n" + host + "\r\n",
		get("/hints") + get("/status/204") + get("/close") + get("/"), get("/abort"), post("/early", "abc") + "\r\n" + get("/"),
		"OPTIONS /echo HTTP/1.1\r\nhost: x\r\nContent-Length: 2\r\n\r\nab" + get("/flush"),
		"POST /duplex HTTP/1.1\r\nHost: y\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n" + get("/"),
		"GET /split?a HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\nA:\tb\t\r\nPragma: no-cache\r\n\r\n" + get("/transfer/identity"),
		"POST /closebody HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\na", get("/a%2f%41?") + get("/sniff"),
		"POST /echo HTTP/1.1\r\nHost:x\r\nContent-Length:5\r\n\r\n", "POST /closebody HTTP/1.1\r\nHost:x\r\nContent-Length:5\r\n\r\nab",
	} {
		f.Add([]byte(seed), []byte{10, 40})
	}
	with, without := open(f, setup{}), open(f, setup{without: true})
	f.Fuzz(func(t *testing.T, stream, cuts []byte) {
		var pieces []string
		rest := string(stream)
		for _, c := range cuts[:min(len(cuts), 8)] {
			n := min(int(c), len(rest))
			pieces, rest = append(pieces, rest[:n]), rest[n:]
		}
		compare(t, with, without, append(pieces, rest)...)
	})
}
