package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.uber.org/zap"

	"tollgate/proxy"
	"tollgate/proxy/lane"
	"tollgate/tokens"
)

// The bounds of connections, against clients that are slow on purpose.
const (
	readHeaderTimeout = 10 * time.Second
	idleTimeout       = 2 * time.Minute
	maxHeader         = 60 << 10 // net/http adds 4 KiB of its own: 431 above 64 KiB
	maxStreams        = 250      // of one HTTP/2 connection
)

// publicServer serves the public listener. Bodies have no deadline: large
// ones take their time, and one that stands still is the upstream's idle
// timeout's matter.
func (g *gatewayProcess) publicServer(h http.Handler) *http.Server {
	base, cut := context.WithCancel(context.Background())
	g.cutAll = cut
	s := g.server(h)
	s.BaseContext = func(net.Listener) context.Context { return base }
	s.HTTP2 = &http.HTTP2Config{MaxConcurrentStreams: maxStreams}
	s.DisableGeneralOptionsHandler = true
	s.ConnContext = proxy.ConnContext
	s.ConnState = func(conn net.Conn, state http.ConnState) {
		proxy.ConnState(conn, state)
		if below, ok := conn.(interface{ NetConn() net.Conn }); ok && g.lane != nil {
			g.lane.ConnState(below.NetConn(), state)
		}
	}
	return s
}

// withLane puts the fast lane below the public server, if it is wanted. Inside
// TLS there is none.
func (g *gatewayProcess) withLane(c Config, l net.Listener) net.Listener {
	if !c.FastLane || c.TLS.CertFile != "" {
		return l
	}
	f := fast{process: g}
	g.lane = lane.New(lane.Config{
		Handler: f, Takes: f.takes, IdleTimeout: idleTimeout, HeaderTimeout: readHeaderTimeout, ErrorLog: g.public.ErrorLog,
	})
	return g.lane.Listen(l)
}

func (g *gatewayProcess) server(h http.Handler) *http.Server {
	errorLog, err := zap.NewStdLogAt(g.log.Named("http"), zap.DebugLevel)
	if err != nil {
		errorLog = zap.NewStdLog(g.log)
	}
	return &http.Server{
		Handler: h, ReadHeaderTimeout: readHeaderTimeout, IdleTimeout: idleTimeout,
		MaxHeaderBytes: maxHeader, ErrorLog: errorLog,
	}
}

// internalServer serves metrics, health and profiles.
func (g *gatewayProcess) internalServer() *http.Server {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(g.registry, promhttp.HandlerOpts{Registry: g.registry}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { answerText(w, http.StatusOK, "alive") })
	mux.HandleFunc("GET /readyz", g.answerReady)
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return g.server(mux)
}

// answerReady says whether requests should be sent here.
func (g *gatewayProcess) answerReady(w http.ResponseWriter, _ *http.Request) {
	if !g.ready.Load() {
		answerText(w, http.StatusServiceUnavailable, "starting or stopping")
		return
	}
	switch err := g.shelf.healthy(); {
	case err == nil:
		answerText(w, http.StatusOK, "ready")
	case errors.Is(err, tokens.ErrStale):
		answerText(w, http.StatusServiceUnavailable, "not fresh: "+err.Error())
	default:
		answerText(w, http.StatusServiceUnavailable, "the token store does not answer")
	}
}

func answerText(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = fmt.Fprintln(w, text) // the client may be gone
}

// withTLS puts TLS on the public listener if a certificate is configured.
func (g *gatewayProcess) withTLS(c Config, l net.Listener) net.Listener {
	if c.TLS.CertFile == "" {
		return proxy.WatchFraming(l)
	}
	return tls.NewListener(l, &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"h2", "http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			return g.cert.Load(), nil
		},
	})
}

// loadCertificate reads the certificate that the public listener shows from
// now on.
func (g *gatewayProcess) loadCertificate(c Config) error {
	if c.TLS.CertFile == "" {
		return nil
	}
	cert, err := tls.LoadX509KeyPair(c.TLS.CertFile, c.TLS.KeyFile)
	if err != nil {
		return fmt.Errorf("certificate: %w", err)
	}
	leaf, err := x509.ParseCertificate(cert.Certificate[0])
	if err != nil {
		return fmt.Errorf("certificate %s: %w", c.TLS.CertFile, err)
	}
	g.cert.Store(&cert)
	g.metrics.CertificateLoaded(leaf.NotAfter)
	return nil
}

func ignoreClosed(closing func() error) func() error {
	return func() error {
		if err := closing(); !errors.Is(err, net.ErrClosed) {
			return err
		}
		return nil
	}
}
