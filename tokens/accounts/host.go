package accounts

import (
	"net/netip"
	"strings"
)

// maxHost is the longest name DNS can carry, and more than any address.
const maxHost = 253

// normalHost brings the value of a Host header to the one form in which hosts
// are compared: port and one trailing dot off, lower case, an IPv6 address in
// brackets and in the form of RFC 5952. It reports false for what is no host
// at all. A host that is in this form already comes back as it is, without an
// allocation.
func normalHost(host string) (string, bool) {
	if strings.HasPrefix(host, "[") {
		return normalIPv6(host)
	}
	if name, port, ok := strings.Cut(host, ":"); ok {
		if !isPort(port) {
			return "", false
		}
		host = name
	}
	host = strings.TrimSuffix(host, ".")
	if !isName(host) {
		return "", false
	}
	return strings.ToLower(host), true
}

func normalIPv6(host string) (string, bool) {
	end := strings.IndexByte(host, ']')
	if end < 0 {
		return "", false
	}
	rest := host[end+1:]
	if rest != "" && (rest[0] != ':' || !isPort(rest[1:])) {
		return "", false
	}
	addr, err := netip.ParseAddr(host[1:end])
	if err != nil || !addr.Is6() || addr.Zone() != "" {
		return "", false
	}
	var buf [64]byte
	if string(addr.AppendTo(buf[:0])) == host[1:end] {
		return host[:end+1], true
	}
	return "[" + addr.String() + "]", true
}

// isPort accepts the empty port too: RFC 3986, section 3.2.3, allows it.
func isPort(s string) bool {
	if len(s) > 5 {
		return false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// isName accepts letters, digits, hyphens and underscores in labels that are
// not empty. Underscores are no host names by RFC 952, but buckets and
// container names have them.
func isName(s string) bool {
	if s == "" || len(s) > maxHost {
		return false
	}
	label := 0
	for i := range len(s) {
		switch c := s[i]; {
		case c == '.' && label > 0:
			label = 0
		case isNameByte(c):
			label++
		default:
			return false
		}
	}
	return label > 0
}

func isNameByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_'
}

// normalPattern brings a configured domain to the form in which it is looked
// up: a host, *.host or *. The message says what is wrong with it and is
// empty if nothing is.
func normalPattern(s string) (pattern, message string) {
	const accepted = "accepted are a host name, *.name and *"
	switch {
	case s == "":
		return "", "is empty; " + accepted
	case strings.Contains(s, "/"):
		return "", "is a URL or a path; " + accepted
	case s == "*":
		return s, ""
	}
	name, wild := strings.CutPrefix(s, "*.")
	host, ok := normalHost(name)
	switch {
	case strings.Contains(name, "*"):
		return "", "has a * elsewhere than in front; " + accepted
	case !ok:
		return "", "is no host name; " + accepted
	case hasPort(name):
		return "", "has a port; a domain holds on every port, leave it out"
	case wild && isAddress(host):
		return "", "is an address behind *., which has no names below it; " + accepted
	case wild:
		return "*." + host, ""
	default:
		return host, ""
	}
}

func hasPort(s string) bool {
	return strings.Contains(s[strings.LastIndexByte(s, ']')+1:], ":")
}

func isAddress(host string) bool {
	if strings.HasPrefix(host, "[") {
		return true
	}
	_, err := netip.ParseAddr(host)
	return err == nil
}
