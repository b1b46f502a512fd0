package sigv4

import "crypto/sha256"

// MAC returns the HMAC-SHA256 of a message under a signing key. It is how the
// packages below sign and check without holding the key.
type MAC func(message []byte) [sha256.Size]byte
