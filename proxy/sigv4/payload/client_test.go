package payload

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
)

// client writes aws-chunked bodies as clients do, apart from the code under
// test, so that both have to agree.
type client struct {
	chain    *Chain // nil = unsigned
	previous string
	out      bytes.Buffer
}

func newClient(c *Chain) *client {
	w := &client{chain: c}
	if c != nil {
		w.previous = c.Seed
	}
	return w
}

// forms are the two forms of chunks.
func forms() map[string]*Chain {
	return map[string]*Chain{"signed": exampleChain(chunkedSeed), "unsigned": nil}
}

func (w *client) sign(parts ...string) string {
	for i, p := range parts[1:] {
		sum := sha256.Sum256([]byte(p))
		parts[i+1] = hex.EncodeToString(sum[:])
	}
	text := append([]string{parts[0], w.chain.Date, w.chain.Scope, w.previous}, parts[1:]...)
	mac := w.chain.MAC([]byte(strings.Join(text, "\n")))
	w.previous = hex.EncodeToString(mac[:])
	return w.previous
}

// line writes the line before a chunk with a size that may be a lie.
func (w *client) line(size, data string) *client {
	w.out.WriteString(size)
	if w.chain != nil {
		w.out.WriteString(";chunk-signature=" + w.sign("AWS4-HMAC-SHA256-PAYLOAD", "", data))
	}
	return w.raw("\r\n")
}

func (w *client) chunk(data string) *client {
	return w.line(fmt.Sprintf("%x", len(data)), data).raw(data + "\r\n")
}

func (w *client) last() *client { return w.line("0", "") }

func (w *client) raw(text string) *client {
	w.out.WriteString(text)
	return w
}

// trailerSignature writes the signature over canonical lines, if signed.
func (w *client) trailerSignature(canonical string) *client {
	if w.chain == nil {
		return w
	}
	return w.raw("x-amz-trailer-signature:" + w.sign("AWS4-HMAC-SHA256-TRAILER", canonical) + "\r\n")
}

func (w *client) String() string { return w.out.String() }

// fieldOf returns "name:value" of the checksum of a body.
func fieldOf(a Algorithm, body string) string {
	return string(checksumOf(a, []byte(body)).appendLine(nil))
}

// upload returns a whole right body of the given chunks with a trailer.
func upload(c *Chain, a Algorithm, chunks ...string) string {
	w := newClient(c)
	for _, data := range chunks {
		w.chunk(data)
	}
	field := fieldOf(a, strings.Join(chunks, ""))
	return w.last().raw(field + "\r\n").trailerSignature(field + "\n").raw("\r\n").String()
}
