package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"tollgate/proxy/sigv4"
	"tollgate/proxy/sigv4/payload"
	"tollgate/tokens"
)

// The key pair of the storage of these tests, and their client's secret.
const (
	memoryStorageKey = "MEMORYSTORAGE0000001"
	memorySecret     = "a+secret/of=forty characters, as it were"
)

const signedChunks = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"

// discarding is a storage that keeps nothing.
type discarding struct {
	*httptest.Server
	ended  chan int64    // how long a body was
	passed chan struct{} // a body reached passAt bytes
}

// passAt is how much of a body a stalled client sends at least.
const passAt = 64 << 10

func startDiscarding(t *testing.T) *discarding {
	t.Helper()
	d := &discarding{ended: make(chan int64, 1024), passed: make(chan struct{}, 1024)}
	d.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		buf := make([]byte, 4<<10) // the same for every upload that is compared
		var n int64
		for {
			m, err := r.Body.Read(buf)
			if n < passAt && n+int64(m) >= passAt {
				d.passed <- struct{}{}
			}
			n += int64(m)
			if err != nil {
				break
			}
		}
		w.Header().Set("ETag", `"0"`)
		d.ended <- n
	}))
	t.Cleanup(d.Close)
	return d
}

// startStorageGateway runs a gateway in front of an S3 storage that gets bodies
// in the given mode, and returns who signs for it.
func startStorageGateway(t *testing.T, storage, mode string) (*gateway, *sigv4.Signer) {
	t.Helper()
	g := startGateway(t, setup{more: fmt.Sprintf(
		"upstreams:\n  - {name: storage, urls: [%q], s3: {access_key: %s, secret_key: of the storage, payload: %s}}\n", storage, memoryStorageKey, mode)})
	pair := g.issue(john, hostOne, headers("X-User-Secret-Key-Meta", memorySecret))
	return g, &sigv4.Signer{AccessKey: pair.value, Secret: tokens.Secret(memorySecret), Region: "us-east-1"}
}

// streamingRequest returns the head of a signed upload in chunks, and how its
// body is encoded.
func streamingRequest(s *sigv4.Signer, length int64) (http.Header, payload.Encode) {
	h := http.Header{"Content-Encoding": {"aws-chunked"}, "X-Amz-Decoded-Content-Length": {strconv.FormatInt(length, 10)}}
	seed := s.Sign(time.Now(), &sigv4.View{
		Method: http.MethodPut, Host: hostOne, Path: "/bucket/key", Header: h,
		ContentLength: payload.EncodedLength(payload.Encode{Length: length, Chain: &payload.Chain{}}),
	}, signedChunks)
	return h, payload.Encode{
		Length: length, Chain: &payload.Chain{MAC: seed.MAC, Date: seed.Date, Scope: seed.Scope, Seed: seed.Value},
	}
}

// zeros gives as many zeros as it holds, and calls back every step of them.
type zeros struct {
	left, step, until int64
	call              func()
}

func (z *zeros) Read(p []byte) (int, error) {
	n := min(int64(len(p)), z.left)
	if n == 0 {
		return 0, io.EOF
	}
	clear(p[:n])
	z.left -= n
	if z.until -= n; z.until <= 0 {
		z.until = z.step
		z.call()
	}
	return int(n), nil
}

// uploadSigned sends a signed upload and calls back during it.
func (g *gateway) uploadSigned(s *sigv4.Signer, length int64, during func()) {
	g.t.Helper()
	h, encode := streamingRequest(s, length)
	const samples = 16
	body := payload.NewEncoder(&zeros{left: length, step: length / samples, until: length / samples, call: during}, encode)
	defer body.Close()
	r, err := http.NewRequestWithContext(g.t.Context(), http.MethodPut, g.url+"/bucket/key", body)
	if err != nil {
		g.t.Fatal(err)
	}
	r.Host, r.Header, r.ContentLength = hostOne, h, payload.EncodedLength(encode)
	response, err := plainClient().Do(r)
	if err != nil {
		g.t.Fatal(err)
	}
	defer response.Body.Close()
	if text, err := io.ReadAll(response.Body); err != nil || response.StatusCode != http.StatusOK {
		g.t.Fatalf("upload: %d %s, %v", response.StatusCode, text, err)
	}
}

// live is the memory that is in use after a collection: the heap, and the
// stacks that the goroutines have.
func live() int64 {
	// What a pool still holds goes with the second collection.
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}

// TestUploadsAreNotHeldInMemory sends a large signed upload: however long it is,
// client, gateway and storage together, which all run here, need no more than
// some buffers.
func TestUploadsAreNotHeldInMemory(t *testing.T) {
	length := int64(256 << 20)
	if os.Getenv("TOLLGATE_TEST_LONG") == "1" {
		length = 1 << 30
	}
	for _, mode := range []string{"auto", "signed"} {
		t.Run(mode, func(t *testing.T) {
			storage := startDiscarding(t)
			g, signer := startStorageGateway(t, storage.URL, mode)
			g.uploadSigned(signer, 1<<20, func() {}) // whatever is made once
			<-storage.ended
			before, peak, samples := live(), int64(0), 0
			g.uploadSigned(signer, length, func() { peak, samples = max(peak, live()), samples+1 })
			if got := <-storage.ended; mode == "auto" && got != length || got < length {
				t.Errorf("the storage got %d bytes of %d", got, length)
			}
			grown := peak - before
			t.Logf("%d MiB: at most %d KiB more in %d samples", length>>20, grown>>10, samples)
			if samples < 10 {
				t.Errorf("%d samples do not tell", samples)
			}
			if most := int64(2 << 20); grown > most {
				t.Errorf("memory grew by %d bytes during an upload of %d, at most %d is flat", grown, length, most)
			}
		})
	}
}

// stall sends the same bytes on many connections and leaves the requests there,
// not at their ends. It returns the memory for each, once all is as before.
func stall(t *testing.T, g *gateway, storage *discarding, conns int, request []byte) int64 {
	t.Helper()
	goroutines, before := runtime.NumGoroutine(), live()
	var open []net.Conn
	for range conns {
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(g.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		if _, err := conn.Write(request); err != nil {
			t.Fatal(err)
		}
		open = append(open, conn)
	}
	for range conns {
		select {
		case <-storage.passed:
		case <-time.After(30 * time.Second):
			t.Fatalf("a body did not reach the storage:\n%s", g.err)
		}
	}
	each := (live() - before) / int64(conns)
	for _, conn := range open {
		conn.Close()
	}
	for range conns {
		if n := <-storage.ended; n < passAt {
			t.Errorf("the storage got %d bytes", n)
		}
	}
	waitFor(t, func() bool { return runtime.NumGoroutine() <= goroutines })
	return each
}

// TestStalledUploadsHoldOneBufferEach compares uploads that stand still: what a
// signed one takes beyond one with a token in plain HTTP.
func TestStalledUploadsHoldOneBufferEach(t *testing.T) {
	const (
		conns  = 64
		length = 1 << 20
		sent   = passAt + passAt/2 // of the data
	)
	storage := startDiscarding(t)
	plain := startGateway(t, setup{upstream: storage.URL})
	head := fmt.Sprintf("PUT /bucket/key HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n\r\n",
		hostOne, plain.issue(john, hostOne, nil).value, length)
	upload := append([]byte(head), make([]byte, sent)...)
	stall(t, plain, storage, conns/8, upload) // whatever is made once
	base := stall(t, plain, storage, conns, upload)
	for mode, most := range map[string]int64{"auto": 32 << 10, "unsigned": 32 << 10, "signed": 96 << 10} {
		t.Run(mode, func(t *testing.T) {
			g, signer := startStorageGateway(t, storage.URL, mode)
			h, encode := streamingRequest(signer, length)
			request := bytes.NewBufferString("PUT /bucket/key HTTP/1.1\r\nHost: " + hostOne + "\r\n")
			fmt.Fprintf(request, "Content-Length: %d\r\n", payload.EncodedLength(encode))
			if err := h.Write(request); err != nil {
				t.Fatal(err)
			}
			request.WriteString("\r\n")
			body := payload.NewEncoder(&zeros{left: length, step: length, until: length, call: func() {}}, encode)
			defer body.Close()
			if _, err := io.CopyN(request, body, sent); err != nil {
				t.Fatal(err)
			}
			stall(t, g, storage, conns/8, request.Bytes())
			each := stall(t, g, storage, conns, request.Bytes())
			t.Logf("a stalled upload takes %d bytes, a plain one %d", each, base)
			if each-base > most {
				t.Errorf("a stalled signed upload takes %d bytes more than a plain one, at most %d are accepted", each-base, most)
			}
		})
	}
}
