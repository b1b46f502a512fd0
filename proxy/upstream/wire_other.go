//go:build !unix

package upstream

// bindTurn leaves it at the connection's own Read and Write.
func (c *plainConn) bindTurn() {}
