package lane_test

import (
	"strings"
	"testing"
)

// parts are what FuzzMixes puts streams together of.
var parts = []string{
	get("/"), get("/nothing"), get("/long"), get("/sized/10"), get("/sized/5000"), get("/unsized/3000"), get("/trailers"), get("/late"),
	get("/hints"), get("/status/204"), get("/status/304"), get("/bare/404"), get("/flush"), get("/split?a"), get("/readfrom/3000"), get("/transfer/chunked"),
	get("/much"), get("/notype"), get("/sniff"), get("/many"), get("/mixed"), get("/connection/keep-alive"), get("/badlength/"), get("/encoded"),
	"HEAD /sized/10 HTTP/1.1\r\nhost: x\r\n\r\n", "HEAD /long HTTP/1.1\r\nhost: x\r\n\r\n", "HEAD /nothing HTTP/1.1\r\nhost: x\r\n\r\n",
	post("/echo", "hello"), post("/echo", ""), post("/stream", strings.Repeat("s", 9000)), post("/nothing", "left"), post("/nothing", strings.Repeat("l", 20_000)),
	post("/early", "hello"), post("/closebody", "hello"), post("/duplex", strings.Repeat("d", 3000)), post("/flush", "hello"), post("/hints", "hello"),
	"OPTIONS /echo HTTP/1.1\r\n" + host + "Content-Length: 5\r\n\r\nhello", "PATCH /nothing HTTP/1.1\r\n" + host + "Content-Length: 5\r\n\r\nhello",
	"POST /echo HTTP/1.1\r\n" + host + "Expect: 100-continue\r\nContent-Length: 5\r\n\r\nhello", "GET /a HTTP/1.1\r\n" + host + "Pragma: no-cache\r\n\r\n",
	"POST /echo HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", "GET / HTTP/1.1\n" + host + "\n", "\r\n", "\n", "\r",
	"GET / HTTP/1.1\r\n" + host, "Connection: keep-alive\r\n\r\n", "\r\n\r\n", "Content-Length: 4\r\n", "POST / HTTP/1.1\r\n", "A: b\r\n c\r\n",
	get("/close"), get("/short"), get("/abort"), get("/flushabort"), "GET / HTTP/1.0\r\n\r\n",
}

// FuzzMixes sends streams of requests that each mean something, in pieces.
func FuzzMixes(f *testing.F) {
	f.Add([]byte{0, 27, 2, 31, 38, 5}, []byte{100, 3, 200})
	f.Add([]byte{27, 43, 0, 40, 44, 6, 41, 9}, []byte{9, 9, 9, 9, 9})
	f.Add([]byte{46, 47, 50, 49, 48, 0}, []byte{1, 2, 250})
	with, without := open(f, setup{}), open(f, setup{without: true})
	f.Fuzz(func(t *testing.T, chosen, cuts []byte) {
		var stream strings.Builder
		for _, c := range chosen[:min(len(chosen), 12)] {
			stream.WriteString(parts[int(c)%len(parts)])
		}
		var pieces []string
		rest := stream.String()
		for _, c := range cuts[:min(len(cuts), 8)] {
			n := min(int(c), len(rest))
			pieces, rest = append(pieces, rest[:n]), rest[n:]
		}
		compare(t, with, without, append(pieces, rest)...)
	})
}
