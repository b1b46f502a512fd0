package proxy

import (
	"path"
	"strings"
)

// hosts is a list of Host names, *.x and *. The empty list has every host.
type hosts []string

// have reports whether a normalised host is in the list.
func (hs hosts) have(host string) bool {
	if len(hs) == 0 {
		return true
	}
	for _, h := range hs {
		suffix, wild := strings.CutPrefix(h, "*")
		if h == host || wild && strings.HasSuffix(host, suffix) && len(host) > len(suffix) {
			return true
		}
	}
	return false
}

// prefix is the beginning of paths, at a / boundary. The empty prefix is /.
type prefix string

func (p prefix) isRoot() bool { return p == "" || p == "/" }

// covers reports whether a path, as it came over the wire, lies under p:
// /a covers /a and /a/b and not /ab; /a/ does not cover /a.
func (p prefix) covers(path string) bool {
	if p.isRoot() {
		return true
	}
	rest, ok := strings.CutPrefix(path, string(p))
	return ok && (rest == "" || p[len(p)-1] == '/' || rest[0] == '/')
}

// isAmbiguous reports whether somebody behind could read a path differently:
// dot segments, also encoded and with the path parameters that some servers
// cut off first (/..;x/), encoded slashes, backslashes, control characters
// and what begins a fragment.
func isAmbiguous(path string) bool {
	if !strings.ContainsAny(path, `.%\#`) && !hasControl(path) {
		return false
	}
	plain := decode(path)
	if strings.Count(plain, "/") != strings.Count(path, "/") || strings.ContainsAny(plain, `\#`) || hasControl(plain) {
		return true
	}
	for segment := range strings.SplitSeq(plain, "/") {
		segment, _, _ = strings.Cut(segment, ";")
		if segment == "." || segment == ".." {
			return true
		}
	}
	return false
}

func hasControl(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] == 0x7f {
			return true
		}
	}
	return false
}

// decode decodes the percent escapes of a path once. What is no escape stays.
func decode(path string) string {
	if !strings.Contains(path, "%") {
		return path
	}
	plain := make([]byte, 0, len(path))
	for i := 0; i < len(path); i++ {
		if path[i] == '%' && i+2 < len(path) {
			high, low := unhex(path[i+1]), unhex(path[i+2])
			if high < 16 && low < 16 {
				plain = append(plain, high<<4|low)
				i += 2
				continue
			}
		}
		plain = append(plain, path[i])
	}
	return string(plain)
}

// unhex returns the value of a hex digit, or 16 for what is none.
func unhex(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return (c | 0x20 - 'a') + 10
	}
	return 16
}

// plainPath returns the path as the most lenient reader has it: decoded and
// cleaned.
func plainPath(p string) string {
	if !strings.Contains(p, "%") && !strings.Contains(p, "//") && !strings.Contains(p, "/.") {
		return p
	}
	plain := path.Clean(decode(p))
	if strings.HasSuffix(p, "/") && plain != "/" {
		plain += "/"
	}
	return plain
}
