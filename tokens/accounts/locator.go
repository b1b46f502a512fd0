package accounts

import (
	"crypto/sha1" //nolint:gosec // RFC 9562 builds version 5 UUIDs on SHA-1; no secrecy hangs on it
	"encoding/hex"
)

// locatorNamespace is 6b1ff0a4-52c7-4d0b-9d3e-7f0c2a1c8e55, a random UUID that
// was drawn once for the names of users and must never change: it decides the
// locators of all users who were given none.
const locatorNamespace = "\x6b\x1f\xf0\xa4\x52\xc7\x4d\x0b\x9d\x3e\x7f\x0c\x2a\x1c\x8e\x55"

// LocatorOf returns the locator of a user who was given none: the version 5
// UUID (RFC 9562, section 5.5) of his name in the namespace
// 6b1ff0a4-52c7-4d0b-9d3e-7f0c2a1c8e55. Lower case.
func LocatorOf(name string) string {
	sum := sha1.Sum([]byte(locatorNamespace + name)) //nolint:gosec // see the import
	u := sum[:16]
	u[6] = u[6]&0x0f | 0x50
	u[8] = u[8]&0x3f | 0x80
	h := hex.EncodeToString(u)
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// IsLocator reports whether s has the form of a UUID, in either case.
func IsLocator(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		switch i {
		case 8, 13, 18, 23:
			if s[i] != '-' {
				return false
			}
		default:
			if !isHex(s[i]) {
				return false
			}
		}
	}
	return true
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}
