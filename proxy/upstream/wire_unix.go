//go:build unix

package upstream

import (
	"io"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// bindTurn finds out whether the connection is a socket.
func (c *plainConn) bindTurn() {
	socket, ok := c.Conn.(syscall.Conn)
	if !ok {
		return
	}
	if raw, err := socket.SyscallConn(); err == nil {
		c.raw, c.turn, c.push = raw, c.makeTurn, c.makePush
	}
}

// makeTurn does what can be done without waiting, and reports whether that was
// all there is to do: else it is called again when there is something to read.
//
// Whoever calls it, which is RawConn.Read, has begun to watch for that before
// the first turn: what comes after a look that found nothing is not missed.
func (c *plainConn) makeTurn(fd uintptr) bool {
	socket := int(fd) // #nosec G115 -- a descriptor
	if c.stage == wireListen {
		if !c.isQuiet(socket) {
			c.err = errSpoke
			return true
		}
		c.stage = wireSend
	}
	if c.stage == wireSend && c.letter == nil {
		return true
	}
	if c.stage == wireSend {
		c.stage = wireReceive
		return c.send(socket)
	}
	room := c.in.room()
	if len(room) == 0 {
		c.err = errHeadTooLarge
		return true
	}
	return c.take(socket, room)
}

// take receives what is there. It reports false if that is nothing, and more
// may come.
func (c *plainConn) take(socket int, room []byte) bool {
	n, err := unix.Read(socket, room)
	for err == unix.EINTR {
		n, err = unix.Read(socket, room)
	}
	c.in.came(max(n, 0))
	switch {
	case err == unix.EAGAIN && c.stage == wireTry:
		c.err = errNothingYet
	case err == unix.EAGAIN:
		return false
	case err != nil:
		c.err = os.NewSyscallError("read", err)
	case n == 0:
		c.err = io.EOF
	}
	return true
}

// send sends the letter. It reports whether that did not go: then there is an
// error, or a part is left.
func (c *plainConn) send(socket int) bool {
	l := c.letter
	n, err := unix.Write(socket, l.left)
	for err == unix.EINTR {
		n, err = unix.Write(socket, l.left)
	}
	l.left = l.left[max(n, 0):]
	switch {
	case err != nil && err != unix.EAGAIN:
		c.err = os.NewSyscallError("write", err)
		return true
	case len(l.left) > 0:
		return true
	}
	l.giveBack()
	return false
}

// isQuiet reports whether a socket has nothing to read: neither an end, nor
// bytes that would be taken for the answer to the next request. If it has, the
// connection is of no use any more, so that nothing is lost by reading it.
func (c *plainConn) isQuiet(socket int) bool {
	_, err := unix.Read(socket, c.look[:])
	for err == unix.EINTR {
		_, err = unix.Read(socket, c.look[:])
	}
	return err == unix.EAGAIN
}
