package caller

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
)

// Addresses finds out from where a request comes. The zero Addresses trusts
// no proxy.
type Addresses struct {
	trusted []netip.Prefix
}

// NewAddresses trusts the proxies in the given networks, CIDRs or single
// addresses.
func NewAddresses(trusted []string) (*Addresses, error) {
	a := &Addresses{}
	for _, text := range trusted {
		prefix, err := parseNetwork(text)
		if err != nil {
			return nil, err
		}
		a.trusted = append(a.trusted, prefix)
	}
	return a, nil
}

func parseNetwork(text string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(text); err == nil {
		addr = addr.Unmap()
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	prefix, err := netip.ParsePrefix(text)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("%q is no network, accepted is a CIDR like 10.0.0.0/8 or a single address", text)
	}
	// Addresses are compared as IPv4 where they are that inside IPv6.
	if v4 := prefix.Addr().Unmap(); v4 != prefix.Addr() && prefix.Bits() >= 96 {
		prefix = netip.PrefixFrom(v4, prefix.Bits()-96)
	}
	return prefix.Masked(), nil
}

// Origin is from where and how a request came.
type Origin struct {
	Client netip.Addr // invalid = unknown, as on a Unix socket
	Peer   netip.Addr // the other end of the connection
	HTTPS  bool       // between the client and the first trusted hop
}

// Of returns the origin of a request. X-Forwarded-For counts only as far as
// trusted proxies vouch for it: the client is the right-most address that is
// no trusted proxy.
func (a *Addresses) Of(r *http.Request) Origin {
	peer := addrOf(r.RemoteAddr)
	o := Origin{Client: peer, Peer: peer, HTTPS: r.TLS != nil}
	if !a.Trusts(peer) {
		return o
	}
	if proto := lastOf(r.Header["X-Forwarded-Proto"]); proto != "" {
		o.HTTPS = strings.EqualFold(proto, "https")
	}
	chain := strings.Join(r.Header["X-Forwarded-For"], ",")
	for chain != "" && a.Trusts(o.Client) {
		var hop string
		chain, hop = cutLast(chain)
		addr := addrOf(hop)
		if !addr.IsValid() {
			break
		}
		o.Client = addr
	}
	return o
}

// Trusts reports whether an address is that of a trusted proxy.
func (a *Addresses) Trusts(addr netip.Addr) bool {
	for _, p := range a.trusted {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// addrOf reads an address with or without a port. Zones are left out: they
// mean something on one machine alone, and no network contains them.
func addrOf(s string) netip.Addr {
	s = strings.Trim(s, " \t")
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return ap.Addr().Unmap().WithZone("")
	}
	addr, err := netip.ParseAddr(strings.Trim(s, "[]"))
	if err != nil {
		return netip.Addr{}
	}
	return addr.Unmap().WithZone("")
}

func lastOf(values []string) string {
	if len(values) == 0 {
		return ""
	}
	_, last := cutLast(values[len(values)-1])
	return strings.Trim(last, " \t")
}

// cutLast cuts a list at its last comma.
func cutLast(list string) (before, last string) {
	i := strings.LastIndexByte(list, ',')
	if i < 0 {
		return "", list
	}
	return list[:i], list[i+1:]
}
