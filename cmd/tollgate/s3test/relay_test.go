package s3test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// relay stands in front of a server and passes every byte on as it is, Host
// too; it listens in the clear, and with TLS as a load balancer would: over TLS
// SDKs send other requests, with checksums in trailers and bodies unsigned. It
// notes how the bodies are signed.
type relay struct {
	url      string         // http://127.0.0.1:port
	secure   string         // https://127.0.0.1:port
	rootFile string         // the certificate, in PEM
	roots    *x509.CertPool // the same
	modes    *modes
}

// startRelay runs a relay until the test ends.
func startRelay(t *testing.T, server string) *relay {
	t.Helper()
	lent := httptest.NewUnstartedServer(nil) // its certificate is for 127.0.0.1
	lent.StartTLS()
	certificate, root := lent.TLS.Certificates[0], lent.Certificate()
	lent.Close()
	r := &relay{rootFile: filepath.Join(t.TempDir(), "root.pem"), roots: x509.NewCertPool(), modes: &modes{seen: map[string]int{}}}
	r.roots.AddCert(root)
	if err := os.WriteFile(r.rootFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root.Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	r.url = "http://" + r.listen(t, server, func(l net.Listener) net.Listener { return l })
	r.secure = "https://" + r.listen(t, server, func(l net.Listener) net.Listener {
		return tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12})
	})
	return r
}

// listen takes connections until the test ends and returns the address.
func (r *relay) listen(t *testing.T, server string, wrap func(net.Listener) net.Listener) string {
	t.Helper()
	plain, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := wrap(plain)
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return // closed
			}
			running.Go(func() { r.join(ctx, c, server) })
		}
	})
	t.Cleanup(func() {
		stop()
		_ = l.Close() // only accepts
		running.Wait()
	})
	return l.Addr().String()
}

// join copies both ways until one side or the context ends.
func (r *relay) join(ctx context.Context, client net.Conn, address string) {
	defer client.Close()
	defer context.AfterFunc(ctx, func() { _ = client.Close() })()
	server, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return // the client sees that the connection is closed
	}
	defer server.Close()
	var back sync.WaitGroup
	back.Go(func() {
		_, _ = io.Copy(client, server) // an error ends the connection, which the client sees
		_ = client.Close()
	})
	_, _ = io.Copy(io.MultiWriter(server, &tap{modes: r.modes}), client)
	_ = server.(*net.TCPConn).CloseWrite() // a server that is gone is seen by the other way
	back.Wait()
}

// client returns an HTTP client that trusts the relay.
func (r *relay) client() *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{RootCAs: r.roots, MinVersion: tls.VersionTLS12}
	return &http.Client{Transport: transport}
}

// modes counts the values of X-Amz-Content-Sha256, digests as one.
type modes struct {
	mu   sync.Mutex
	seen map[string]int // guarded by mu
}

func (m *modes) add(value string) {
	if len(value) == 64 {
		value = "digest"
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.seen[value]++
}

// count returns what was seen so far.
func (m *modes) count() map[string]int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.seen)
}

// The longest header field that a tap finds.
const longestField = 120

// tap finds X-Amz-Content-Sha256 in what a client sends on one connection.
type tap struct {
	modes *modes
	carry []byte // the end of what was written before: a field may be in two pieces
}

func (t *tap) Write(p []byte) (int, error) {
	text := p
	if len(t.carry) > 0 {
		text = slices.Concat(t.carry, p)
	}
	at := 0
	for {
		next := bytes.Index(text[at:], []byte("ha256: "))
		if next < 0 {
			break
		}
		name, value := at+next, at+next+len("ha256: ")
		end := bytes.Index(text[value:], []byte("\r\n"))
		if end < 0 && len(text)-name < longestField {
			break // the rest comes
		}
		at = value
		const before = "\r\nx-amz-content-s"
		if end >= 0 && end < longestField && name >= len(before) && strings.EqualFold(string(text[name-len(before):name]), before) {
			t.modes.add(string(text[value : value+end]))
		}
	}
	t.carry = bytes.Clone(text[max(at, len(text)-longestField):])
	return len(p), nil
}

func TestTapFindsTheFieldInAnyPieces(t *testing.T) {
	const sent = "PUT / HTTP/1.1\r\nHost: x\r\nX-Amz-Content-Sha256: UNSIGNED-PAYLOAD\r\n\r\nbody sha256: no\r\n" +
		"GET / HTTP/1.1\r\nx-amz-content-sha256: 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\r\n\r\n"
	for pieces := 1; pieces <= len(sent); pieces++ {
		m := &modes{seen: map[string]int{}}
		w := &tap{modes: m}
		for piece := range slices.Chunk([]byte(sent), pieces) {
			if n, err := w.Write(piece); n != len(piece) || err != nil {
				t.Fatal(n, err)
			}
		}
		if got := m.count(); !maps.Equal(got, map[string]int{"UNSIGNED-PAYLOAD": 1, "digest": 1}) {
			t.Fatalf("in pieces of %d: %v", pieces, got)
		}
	}
}
