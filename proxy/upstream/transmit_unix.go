//go:build unix

package upstream

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// makePush sends what can be sent without waiting, and reports whether that was
// all there is to do: else it is called again when there is room.
func (c *plainConn) makePush(fd uintptr) bool {
	for len(c.out.left) > 0 {
		n, err := unix.Write(int(fd), c.out.left) // #nosec G115 -- a descriptor
		switch {
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EAGAIN):
			return false
		case err != nil:
			c.out.err = os.NewSyscallError("write", err)
			return true
		default:
			c.out.left = c.out.left[n:]
			c.out.moved.Add(1)
		}
	}
	return true
}

// takesMore reports whether the server would take more at once, as far as that
// can be told.
func (c *plainConn) takesMore() bool {
	if c.raw == nil {
		return true
	}
	takes := false
	err := c.raw.Control(func(fd uintptr) {
		sockets := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}} // #nosec G115 -- a descriptor
		n, err := unix.Poll(sockets, 0)
		takes = err != nil || n > 0 && sockets[0].Revents&unix.POLLOUT != 0
	})
	return err != nil || takes
}
