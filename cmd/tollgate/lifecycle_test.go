package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestShutdownLetsUploadsEnd stops the gateway with fifty uploads in flight:
// all complete, new connections are refused, the exit code is 0.
func TestShutdownLetsUploadsEnd(t *testing.T) { inBothLanes(t, testShutdownLetsUploadsEnd) }

func testShutdownLetsUploadsEnd(t *testing.T, lane string) {
	var arrived sync.WaitGroup
	var bytes atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		arrived.Done()
		n, _ := io.Copy(io.Discard, r.Body)
		bytes.Add(n)
	}))
	defer s.Close()
	g := startGateway(t, setup{upstream: s.URL, more: lane})
	token := g.issue(john, hostOne, nil).value

	const uploads = 50
	arrived.Add(uploads)
	writers := make([]*io.PipeWriter, uploads)
	results := make(chan error, uploads)
	for i := range uploads {
		body, w := io.Pipe()
		writers[i] = w
		go func() { results <- g.upload(t.Context(), token, body) }()
		go func() { _, _ = io.WriteString(w, "first ") }()
	}
	arrived.Wait()
	g.stop()
	waitFor(t, func() bool { return strings.Contains(g.err.String(), `"stopping"`) })
	waitFor(t, func() bool {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, g.url, nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := plainClient().Do(r)
		if err == nil {
			response.Body.Close()
		}
		return err != nil
	})
	for _, w := range writers {
		go func() {
			_, _ = io.WriteString(w, "last")
			_ = w.Close()
		}()
	}
	for range uploads {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
	if code := g.end(); code != exitOK {
		t.Errorf("exit code %d", code)
	}
	if n := bytes.Load(); n != uploads*int64(len("first last")) {
		t.Errorf("%d bytes arrived", n)
	}
}

func (g *gateway) upload(ctx context.Context, token string, body io.Reader) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPut, g.url+"/x", body)
	if err != nil {
		return err
	}
	r.Host = hostOne
	r.Header.Set("Authorization", "Bearer "+token)
	response, err := plainClient().Do(r)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("upload: %s", response.Status)
	}
	return nil
}

// TestShutdownHasALimit: what does not end in time is cut.
func TestShutdownHasALimit(t *testing.T) { inBothLanes(t, testShutdownHasALimit) }

func testShutdownHasALimit(t *testing.T, lane string) {
	url, gone := slowBackend(t)
	g := startGateway(t, setup{upstream: url, more: lane + "shutdown_timeout: 300ms\n"})
	read := g.open(t, "Download", g.issue(john, hostOne, nil).value)
	buf := make([]byte, 1)
	if _, err := read(buf); err != nil {
		t.Fatal(err)
	}
	if code := g.end(); code != exitOK {
		t.Errorf("exit code %d", code)
	}
	<-gone
}

// TestReloadUnderLoad changes the configuration again and again while
// requests run: none fails, a faulty file changes nothing, users that go lose
// their tokens.
func TestReloadUnderLoad(t *testing.T) {
	b := startBackend(t)
	s := setup{upstream: b.URL, dir: t.TempDir()}
	g := startGateway(t, s)
	token := g.issue(john, hostOne, nil).value
	goes := g.issue(jane, hostOne, nil)

	ctx, stop := context.WithCancel(t.Context())
	var load sync.WaitGroup
	var requests, failures atomic.Int64
	for range 4 {
		load.Go(func() {
			client := &http.Client{Transport: &http.Transport{}}
			defer client.CloseIdleConnections()
			for ctx.Err() == nil {
				if err := g.get(ctx, client, token); err != nil && ctx.Err() == nil {
					failures.Add(1)
					t.Error(err)
				}
				requests.Add(1)
			}
		})
	}
	count := func(text string) int { return strings.Count(g.err.String(), text) }
	for i := range 10 {
		before := count("configuration reloaded")
		next := s
		next.more = fmt.Sprintf("public:\n  - {path_prefix: /public%d/}\n", i)
		g.write(next.configuration())
		waitFor(t, func() bool { return count("configuration reloaded") > before })
		if a := g.do(ask{target: fmt.Sprintf("/public%d/x", i)}); a.status != 200 {
			t.Errorf("reload %d is not in force: %d", i, a.status)
		}
	}
	before := count("has faults")
	g.write(s.configuration() + "nonsense: 1\n")
	waitFor(t, func() bool { return count("has faults") > before })
	if a := g.do(ask{target: "/public9/x"}); a.status != 200 {
		t.Errorf("after a faulty file: %d", a.status)
	}
	if m := g.scrape(); !strings.Contains(m, "tollgate_config_last_reload_successful 0") {
		t.Error("the metric does not tell of the faulty file")
	}

	without := strings.Replace(s.configuration(), "name: jane", "name: june", 1)
	g.write(without)
	g.hangUp <- os.Interrupt // any signal on this channel means SIGHUP
	bearer := headers("Authorization", "Bearer "+goes.value)
	waitFor(t, func() bool { return g.do(ask{header: bearer}).status == 401 })
	stop()
	load.Wait()
	if requests.Load() < 100 || failures.Load() > 0 {
		t.Errorf("%d of %d requests failed", failures.Load(), requests.Load())
	}
	if m := g.scrape(); !strings.Contains(m, "tollgate_config_last_reload_successful 1") {
		t.Error("the metric does not tell of the reload")
	}
}

func (g *gateway) get(ctx context.Context, client *http.Client, token string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, g.url+"/x", nil)
	if err != nil {
		return err
	}
	r.Host = hostOne
	r.Header.Set("Authorization", "Bearer "+token)
	response, err := client.Do(r)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("under load: %s", response.Status)
	}
	return nil
}

// TestInternalListenerIsApart: metrics, health and profiles are there and not
// on the public listener.
func TestInternalListenerIsApart(t *testing.T) {
	b := startBackend(t)
	g := startGateway(t, setup{upstream: b.URL})
	g.do(ask{user: john})
	g.do(ask{})
	for path, want := range map[string]string{
		"/healthz": "alive", "/readyz": "ready", "/debug/pprof/": "goroutine", "/debug/pprof/cmdline": "",
		"/metrics": "tollgate_build_info", "/nothing": "",
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, g.internal+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := plainClient().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(response.Body)
		response.Body.Close()
		if status := response.StatusCode; (status != 200) != (path == "/nothing") || !strings.Contains(string(body), want) {
			t.Errorf("%s: %d", path, status)
		}
		if a := g.do(ask{target: path}); a.status != 401 {
			t.Errorf("public %s: %d", path, a.status)
		}
	}
	m := g.scrape()
	for _, want := range []string{
		`tollgate_decisions_total{decision="refuse",form="none",reason="no_credential"}`,
		`tollgate_decisions_total{decision="allow",form="basic",reason=""}`,
		`tollgate_http_requests_total{code="200",listener="public",method="GET"}`,
		"tollgate_upstream_healthy", "tollgate_store_size_bytes", "go_goroutines", "process_open_fds",
	} {
		if !strings.Contains(m, want) {
			t.Errorf("no %s in the metrics", want)
		}
	}
}

// TestTLSSpeaksHTTP2AndReloadsItsCertificate serves with a certificate file.
func TestTLSSpeaksHTTP2AndReloadsItsCertificate(t *testing.T) {
	b := startBackend(t)
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	first := writeCertificate(t, cert, key)
	g := startGateway(t, setup{upstream: b.URL, more: fmt.Sprintf("tls: {cert_file: %s, key_file: %s}\n", cert, key)})
	g.url = strings.Replace(g.url, "http:", "https:", 1)

	get := func(roots *x509.CertPool) (*http.Response, error) {
		client := &http.Client{Transport: &http.Transport{
			ForceAttemptHTTP2: true, DisableKeepAlives: true,
			TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: hostOne},
		}}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, g.url+"/.TOKEN/", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = hostOne
		r.SetBasicAuth(john, passwordOf(john))
		return client.Do(r)
	}
	response, err := get(first)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.ProtoMajor != 2 || response.StatusCode != http.StatusCreated {
		t.Errorf("got %s %s", response.Proto, response.Status)
	}
	if c := response.Header.Get("Set-Cookie"); !strings.Contains(c, "; Secure") {
		t.Errorf("the cookie is not secure: %s", c)
	}
	second := writeCertificate(t, cert, key)
	g.hangUp <- os.Interrupt
	waitFor(t, func() bool {
		response, err := get(second)
		if err != nil {
			return false
		}
		response.Body.Close()
		return true
	})
}

// writeCertificate makes a certificate for hostOne and returns who trusts it.
func writeCertificate(t *testing.T, certFile, keyFile string) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: hostOne}, DNSNames: []string{hostOne},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{keyFile: {Type: "PRIVATE KEY", Bytes: secret}, certFile: {Type: "CERTIFICATE", Bytes: der}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pool := x509.NewCertPool()
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool.AddCert(parsed)
	return pool
}
