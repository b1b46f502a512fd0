package proxy

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"

	"tollgate/tokens"
)

func zeroGrant() tokens.Grant { return tokens.Grant{} }

// framingServer answers every request with how CheckFraming judged it.
func framingServer(t *testing.T) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{
		ConnContext: ConnContext, ConnState: ConnState,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if err := CheckFraming(w, r); errors.Is(err, ErrFraming) {
				w.WriteHeader(http.StatusBadRequest)
				return
			}
			n, _ := io.Copy(io.Discard, r.Body)
			_, _ = fmt.Fprint(w, n)
		}),
	}
	go func() { _ = s.Serve(WatchFraming(l)) }()
	t.Cleanup(func() { _ = s.Close() })
	return l.Addr().String()
}

// answered among the pieces of a request waits for an answer.
const answered = "(answered)"

// statusOf reads one answer; 0 says that the connection ended instead.
func statusOf(t *testing.T, r *bufio.Reader) int {
	t.Helper()
	response, err := http.ReadResponse(r, nil)
	if err != nil {
		return 0
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		t.Error(err)
	}
	return response.StatusCode
}

func TestFraming(t *testing.T) {
	const head = "POST / HTTP/1.1\r\nHost: x\r\n"
	for _, row := range []struct {
		name     string
		pieces   []string // each in a write of its own
		statuses []int
	}{
		{"Chunked", []string{head + "Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n", answered, head + "Content-Length: 1\r\n\r\na", answered}, []int{200, 200}},
		{"Both", []string{head + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", answered}, []int{400}},
		{"BothInOtherOrder", []string{head + "transfer-encoding: chunked\r\ncontent-length: 1\r\n\r\n0\r\n\r\n", answered}, []int{400}},
		{"BothWithBareLineFeeds", []string{"POST / HTTP/1.1\nHost: x\nContent-Length: 1\nTransfer-Encoding: chunked\n\n0\r\n\r\n", answered}, []int{400}},
		{"BothAfterAnother", []string{head + "Content-Length: 1\r\n\r\na", answered, head + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", answered}, []int{200, 400}},
		{"BothByteByByte", append(strings.Split(head+"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", ""), answered), []int{400}},
		// net/http skips line ends in front of a request.
		{"BothAfterLineEnds", []string{head + "Content-Length: 1\r\n\r\na", answered, "\r\n\r\n" + head + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", answered}, []int{200, 400}},
		// Half of the head came with the request before: nobody can say what
		// was in it.
		{"BothInHalves", []string{head + "Content-Length: 1\r\n\r\na" + head + "Content-Length: 1\r\n", answered, "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + head + "Content-Length: 0\r\n\r\n", answered, answered}, []int{200, 200, 0}},
		// The head came with the end of the request before, so that it was
		// not seen; the connection ends after it.
		{"BothPipelined", []string{head + "Content-Length: 1\r\n\r\na" + head + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + head + "Content-Length: 0\r\n\r\n", answered, answered, answered}, []int{200, 200, 0}},
	} {
		t.Run(row.name, func(t *testing.T) {
			conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", framingServer(t))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			r := bufio.NewReader(conn)
			var statuses []int
			for _, piece := range row.pieces {
				if piece == answered {
					statuses = append(statuses, statusOf(t, r))
					continue
				}
				if _, err := io.WriteString(conn, piece); err != nil {
					t.Fatal(err)
				}
			}
			// net/http may have begun to read a request before it said that the
			// one before was over. Then its head was not seen as a whole.
			last := len(statuses) - 1
			if strings.Contains(row.name, "After") && statuses[last] == 200 && statusOf(t, r) == 0 {
				statuses[last] = 400 // the connection ended, which is as good
			}
			if !slices.Equal(statuses, row.statuses) {
				t.Errorf("got %v, want %v", statuses, row.statuses)
			}
		})
	}
}
