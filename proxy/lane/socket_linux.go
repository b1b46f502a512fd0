package lane

import (
	"errors"
	"io"
	"syscall"

	"golang.org/x/sys/unix"
)

// native says that sockets can be read in this way here.
const native = true

// tryReceive reads what is there, behind what was. It reports false when there
// is nothing.
func (c *conn) tryReceive(fd uintptr) bool {
	buffer := c.in
	if buffer == nil {
		buffer, _ = headBuffers.Get().(*[inSize]byte)
	}
	room := buffer[c.to:]
	n, err := syscall.Read(int(fd), room)
	for err == syscall.EINTR {
		n, err = syscall.Read(int(fd), room)
	}
	if err == nil && n > 0 {
		c.in = buffer
		c.to += n
		c.drained = n < len(room)
		return true
	}
	if c.in == nil {
		headBuffers.Put(buffer)
	}
	switch err {
	case syscall.EAGAIN:
		return false
	case nil:
		err = io.EOF
	}
	c.readErr = err
	return true
}

// tryPeek reports true when the client has gone. Bytes stay where they are,
// and nothing is seen behind them.
func (c *conn) tryPeek(fd uintptr) bool {
	if c.to > c.from {
		return false
	}
	err := look(fd)
	if err == nil || errors.Is(err, syscall.EAGAIN) {
		return false
	}
	c.readErr = err
	return true
}

// look returns nil when the socket has bytes, EAGAIN when it has none, io.EOF
// when the client has ended its stream, or the socket's error.
func look(fd uintptr) error {
	var b [1]byte
	for {
		n, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		switch {
		case err == syscall.EINTR:
			continue
		case err != nil:
			return err
		case n == 0:
			return io.EOF
		}
		return nil
	}
}

// gone reports whether the client has closed the connection or reset it, also
// behind bytes that wait.
func (c *conn) gone() bool {
	const ends = unix.POLLRDHUP | unix.POLLHUP | unix.POLLERR
	gone := false
	err := c.raw.Control(func(fd uintptr) {
		sockets := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLRDHUP}} // #nosec G115 -- a descriptor
		n, err := unix.Poll(sockets, 0)
		gone = n > 0 && sockets[0].Revents&ends != 0 || err != nil && !errors.Is(err, unix.EINTR)
	})
	return gone || err != nil
}
