package upstream

import (
	"net"
	"sync/atomic"
)

// reset makes the end of a connection over which a request's body goes a reset
// (RFC 9293, 3.5.2) as long as the body is not whole. There are servers that
// take a body which ends early, with an orderly close, for all of it and store
// what they have. The zero reset is not armed.
type reset struct {
	conn atomic.Pointer[net.TCPConn]
}

// arm is for the connection that the request is about to be written to.
func (r *reset) arm(conn net.Conn) {
	if c := tcpOf(conn); c != nil && c.SetLinger(0) == nil {
		r.conn.Store(c)
	}
}

// disarm is for when all of the request was written. The connection ends in
// order again.
func (r *reset) disarm() {
	if c := r.conn.Swap(nil); c != nil {
		_ = c.SetLinger(-1) // a connection that is gone needs none
	}
}

// tcpOf returns the TCP connection below, nil if there is none.
func tcpOf(conn net.Conn) *net.TCPConn {
	for {
		switch c := conn.(type) {
		case *net.TCPConn:
			return c
		case interface{ NetConn() net.Conn }:
			conn = c.NetConn()
		default:
			return nil
		}
	}
}
