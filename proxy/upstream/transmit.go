package upstream

import "sync/atomic"

// outbox is what a connection is about to send.
type outbox struct {
	left  []byte
	moved *atomic.Uint32 // counts the writes that took something
	err   error
}

// transmit sends all of p, and counts whenever the server takes some. It may be
// used while another goroutine receives. It returns how much was sent.
func (c *plainConn) transmit(p []byte, moved *atomic.Uint32) (int, error) {
	if c.raw == nil {
		return c.transmitPieces(p, moved)
	}
	c.out = outbox{left: p, moved: moved}
	err := c.raw.Write(c.push)
	if err == nil {
		err = c.out.err
	}
	n := len(p) - len(c.out.left)
	c.out = outbox{}
	return n, err
}

// transmitPieces is transmit for what is no socket.
func (c *plainConn) transmitPieces(p []byte, moved *atomic.Uint32) (int, error) {
	sent := 0
	for sent < len(p) {
		n, err := c.Write(p[sent:min(len(p), sent+slowStride)])
		sent += n
		if err != nil {
			return sent, err
		}
		moved.Add(1)
	}
	return sent, nil
}
