package upstream_test

import (
	"bufio"
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"tollgate/proxy/upstream"
)

// sluggish is a client that takes long for the first piece that is moved to
// it, and hashes all.
type sluggish struct {
	sink
	sum   hash.Hash
	moves int
}

func (s *sluggish) Write(p []byte) (int, error) { return s.sum.Write(p) }

func (s *sluggish) ReadFrom(r io.Reader) (int64, error) {
	if s.moves++; s.moves == 1 {
		<-time.After(150 * time.Millisecond) // longer than the write of a piece takes to a client that is not slow
	}
	return io.Copy(s.sum, r)
}

// TestClientThatBecomesSlowGetsAll: what is left when moving is given up is
// read, and no more than that.
func TestClientThatBecomesSlowGetsAll(t *testing.T) {
	const size = 3 << 20
	url := rawServer(t, func(_ int, c net.Conn, r *bufio.Reader) {
		if _, err := readHead(r); err == nil {
			_, _ = fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", size)
			_, _ = io.Copy(c, noise(size))
		}
	})
	up := newUpstream(t, upstream.Observer{}, []string{url})
	w := &sluggish{sink: sink{header: make(http.Header)}, sum: sha256.New()}
	report, err := up.Forward(w, &upstream.Outgoing{Request: browserRequest(), Target: "/"})
	if err != nil || report.Bytes != size || sum(w.sum) != noiseSum(size) || w.moves == 0 {
		t.Errorf("%+v, %d moves, %v", report, w.moves, err)
	}
}
