//go:build !unix

package upstream

// takesMore cannot be told.
func (c *plainConn) takesMore() bool { return true }
