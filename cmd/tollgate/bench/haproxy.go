package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
)

// startHaproxy starts haproxy with a map of tokens.
func (l *launcher) startHaproxy(ctx context.Context, at peerAddresses) (*process, error) {
	known, file := filepath.Join(l.dir, "haproxy.map"), filepath.Join(l.dir, "haproxy.cfg")
	if err := os.WriteFile(known, haproxyMap(), 0o600); err != nil {
		return nil, err
	}
	if err := os.WriteFile(file, haproxyConfiguration(known, at), 0o600); err != nil {
		return nil, err
	}
	return l.startPeer(ctx, "haproxy", "-db", "-f", file)
}

// haproxyMap has a line for each token: the token, and what is done.
func haproxyMap() []byte {
	b := &bytes.Buffer{}
	for n := range peerTokens {
		fmt.Fprintf(b, "%s allow\n", peerToken(n))
	}
	return b.Bytes()
}

// haproxyConfiguration is haproxy with one thread, keep-alive both ways and no
// log.
func haproxyConfiguration(known string, at peerAddresses) []byte {
	return fmt.Appendf(nil, `global
  nbthread 1
  maxconn 4000
defaults
  mode http
  timeout connect 5s
  timeout client 1h
  timeout server 1m
  timeout http-keep-alive 1h
frontend public
  bind %s
  acl bearer req.hdr(authorization) -m beg "Bearer "
  acl known req.hdr(authorization),word(2,' '),map(%s,deny) -m str allow
  http-request deny deny_status 401 unless bearer known
  default_backend storage
backend storage
  http-reuse always
  server one %s
`, at.haproxy, known, at.backend)
}
