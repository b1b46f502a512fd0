package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
	"time"
)

// announcement stands before the address in the line that tells that a
// process listens.
const announcement = "listening "

// serveAnnounced listens on loopback, tells the address and serves until ctx
// ends.
func serveAnnounced(ctx context.Context, out io.Writer, serve func(net.Listener) error) error {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { _ = l.Close() })()
	if _, err := fmt.Fprintf(out, "%s%s\n", announcement, l.Addr()); err != nil {
		_ = l.Close()
		return err
	}
	if err := serve(l); err != nil && ctx.Err() == nil {
		return err
	}
	return nil
}

// runReverseProxy is the gateway to compare with: what the standard library
// has, without any check, and tuned as its documentation suggests.
func runReverseProxy(ctx context.Context, args []string, out io.Writer) error {
	f := flag.NewFlagSet(roleProxy, flag.ContinueOnError)
	target := f.String("target", "", "URL of the backend")
	if err := f.Parse(args); err != nil {
		return err
	}
	u, err := url.Parse(*target)
	if err != nil {
		return err
	}
	const idle = 10_000 // as many as the load can have connections, or they would be made anew
	transport := &http.Transport{
		MaxIdleConns: idle, MaxIdleConnsPerHost: idle, DisableCompression: true,
		DialContext: (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
	}
	server := &http.Server{
		Handler: &httputil.ReverseProxy{
			Rewrite:    func(r *httputil.ProxyRequest) { r.SetURL(u) },
			BufferPool: &bufferPool{},
			Transport:  transport,
			ErrorLog:   log.New(io.Discard, "", 0),
		},
		ReadHeaderTimeout: 10 * time.Second,
	}
	defer transport.CloseIdleConnections()
	return serveAnnounced(ctx, out, func(l net.Listener) error {
		err := server.Serve(l)
		return errors.Join(err, server.Close())
	})
}

// bufferPool keeps the copy buffers of a reverse proxy.
type bufferPool struct{ free sync.Pool }

// Get returns 32 KiB.
func (p *bufferPool) Get() []byte {
	if b, ok := p.free.Get().(*[]byte); ok {
		return *b
	}
	return make([]byte, 32<<10)
}

// Put takes a buffer back.
func (p *bufferPool) Put(b []byte) { p.free.Put(&b) }
