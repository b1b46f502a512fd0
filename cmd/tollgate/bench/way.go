package main

import (
	"fmt"
	"net/http"
	"time"
)

// way is a way to the backend.
type way struct {
	name     string
	address  string
	gateway  *process // nil = there is none
	internal string   // where it shows its metrics; empty = nowhere
	carry    string   // the header line of the credential
	wrong    string   // one that must be refused; empty = none is
}

// at is the same check at another place.
func (w way) at(name, address string, gateway *process) way {
	w.name, w.address, w.gateway = name, address, gateway
	return w
}

// row is a kind of request on a way to the backend.
type row struct {
	name     string
	address  string
	request  []byte
	body     int64 // bytes of filler after the request
	size     int64 // of the body of the answer
	conns    int
	rate     float64 // requests per second; 0 = as many as are answered
	values   string  // file of tokens; empty = the one in the request
	gateway  *process
	internal string
	refuses  []byte // a request that must be refused; nil = none is
	refusal  int    // the status of that; 0 = 401

	// sign makes the request anew, which is good for some minutes only; nil =
	// it stays good.
	sign func(now time.Time) ([]byte, error)
}

// get is a row of requests for so many bytes.
func (w way) get(size int) row {
	return w.row(http.MethodGet, fmt.Sprintf("/bucket/%d", size), "", size)
}

// put is a row of requests that send so many bytes. They are answered with
// none.
func (w way) put(size int) row {
	r := w.row(http.MethodPut, "/bucket/0", fmt.Sprintf("Content-Length: %d\r\n", size), 0)
	r.body = int64(size)
	// What must be refused is refused at its head: without a body.
	r.refuses = nil
	return r
}

func (w way) row(method, path, more string, size int) row {
	r := row{
		name: w.name, address: w.address, gateway: w.gateway, internal: w.internal, size: int64(size), conns: 1,
		request: requestBytes(method, path, w.address, more+w.carry),
	}
	if w.wrong != "" {
		r.refuses = requestBytes(method, path, w.address, more+w.wrong)
	}
	return r
}

// requestBytes is a request as the load sends it, with more header lines.
func requestBytes(method, path, address, more string) []byte {
	return []byte(method + " " + path + " HTTP/1.1\r\nHost: " + address + "\r\nUser-Agent: bench\r\nAccept: */*\r\n" + more + "\r\n")
}

// The names of the ways.
const (
	rowBackend         = "backend alone"
	rowNginx           = "nginx"
	rowNginxBig        = "nginx, 16 x 64k buffers"
	rowNginxUnbuffered = "nginx, unbuffered"
	rowAuthRequest     = "nginx, auth_request to a map"
	rowHaproxy         = "haproxy, map"
	rowProxy           = "httputil.ReverseProxy"
	rowCookie          = "tollgate, cookie"
	rowBearer          = "tollgate, bearer"
	rowSlow            = "tollgate, bearer, no fast lane"
	rowSigned          = "tollgate, S3 signed" // and signed anew for the backend
)

// wrongToken has the form of a token.
const wrongToken = "00000000000000000000000000000000" // #nosec G101 -- nobody has it
