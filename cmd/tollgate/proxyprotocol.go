package main

import (
	"fmt"
	"net"

	"github.com/pires/go-proxyproto"

	"tollgate/proxy/caller"
)

// withProxyProtocol makes a listener take clients' addresses from the PROXY
// protocol, versions 1 and 2, if that is configured. Every connection must
// begin with its header then, and with trusted_proxies given it must come from
// one of them; any other is closed.
// https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt
func withProxyProtocol(c Config, l net.Listener) (net.Listener, error) {
	if !c.ProxyProtocol {
		return l, nil
	}
	trusted, err := caller.NewAddresses(c.Road.TrustedProxies)
	if err != nil {
		return nil, err
	}
	everybody := len(c.Road.TrustedProxies) == 0
	return &proxyproto.Listener{
		Listener: l, ReadHeaderTimeout: readHeaderTimeout,
		ConnPolicy: func(o proxyproto.ConnPolicyOptions) (proxyproto.Policy, error) {
			if peer, ok := o.Upstream.(*net.TCPAddr); everybody || ok && trusted.Trusts(peer.AddrPort().Addr().Unmap()) {
				return proxyproto.REQUIRE, nil
			}
			return proxyproto.REJECT, fmt.Errorf("%w: %s is none of trusted_proxies", proxyproto.ErrInvalidUpstream, o.Upstream)
		},
	}, nil
}
