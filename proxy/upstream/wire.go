package upstream

import (
	"errors"
	"io"
	"net"
	"sync"
	"syscall"
	"time"
)

const (
	// pieceSize holds the largest head, and with a common one a body of
	// 64 KiB.
	pieceSize = maxAnswerHead + 4<<10
	// largeSize is for what follows of a body that is larger.
	largeSize = 256 << 10
)

// headBuffers lends the buffers for heads and what comes with them, and
// copyBuffers those for the rest of large bodies.
var (
	headBuffers = sync.Pool{New: func() any { return new([pieceSize]byte) }}
	copyBuffers = sync.Pool{New: func() any { return new([largeSize]byte) }}
)

var (
	// errSpoke: an idle connection had something to say, or had ended.
	errSpoke = errors.New("server spoke without being asked")
	// errNotAllSent: the server does not take all at once.
	errNotAllSent = errors.New("not all was sent")
	// errNothingYet: nothing came so far.
	errNothingYet = errors.New("nothing came")
)

// inbox holds what came from a server and is not used yet. It has a buffer
// only as long as there is something in it, so that a long wait holds none.
type inbox struct {
	small      *[pieceSize]byte
	large      *[largeSize]byte
	start, end int
	wantsLarge bool
	bound      int // of what may come, in bytes; negative = none
	everything int // bytes that ever came
}

func (b *inbox) buffer() []byte {
	if b.large != nil {
		return b.large[:]
	}
	if b.small != nil {
		return b.small[:]
	}
	return nil
}

// bytes returns what is there.
func (b *inbox) bytes() []byte { return b.buffer()[b.start:b.end] }

func (b *inbox) len() int { return b.end - b.start }

// use takes n bytes out. The buffer goes back when it is empty: nobody may
// hold on to it.
func (b *inbox) use(n int) {
	if b.start += n; b.start == b.end {
		b.release()
	}
}

// release gives the buffer back, and what is in it up.
func (b *inbox) release() {
	b.start, b.end = 0, 0
	if b.small != nil {
		headBuffers.Put(b.small)
		b.small = nil
	}
	if b.large != nil {
		copyBuffers.Put(b.large)
		b.large = nil
	}
}

// room returns where the next bytes go; empty = there is no room.
func (b *inbox) room() []byte {
	if b.buffer() == nil {
		if b.wantsLarge {
			b.large = copyBuffers.Get().(*[largeSize]byte)
		} else {
			b.small = headBuffers.Get().(*[pieceSize]byte)
		}
	}
	buffer := b.buffer()
	if b.end == len(buffer) && b.start > 0 {
		b.end = copy(buffer, buffer[b.start:b.end])
		b.start = 0
	}
	free := buffer[b.end:]
	if b.bound > 0 && len(free) > b.bound {
		free = free[:b.bound]
	}
	return free
}

// came notes that n bytes were put where room said.
func (b *inbox) came(n int) {
	b.end += n
	b.everything += n
	if b.start == b.end {
		b.release()
	}
}

// plainConn is a connection for plain requests.
type plainConn struct {
	net.Conn
	raw       syscall.RawConn       // nil = not a socket, like a pipe of a test
	turn      func(fd uintptr) bool // a method of this connection, bound once
	push      func(fd uintptr) bool // likewise
	out       outbox                // of the body that is being sent
	stage     wireStage
	letter    *letter // what is to be sent; nil = nothing
	in        *inbox  // of the exchange that has the connection
	err       error   // of the turn
	look      [1]byte // for what an idle server says
	readBy    time.Time
	idleSince time.Time
}

// letter is what is to be sent, and the buffer it is in.
type letter struct {
	lent *[pieceSize]byte // nil = given back
	left []byte
}

// giveBack gives the buffer back.
func (l *letter) giveBack() {
	if l.lent != nil {
		headBuffers.Put(l.lent)
	}
	*l = letter{}
}

// wireStage is what a turn does first.
type wireStage uint8

const (
	wireListen  wireStage = iota // make sure that nothing came yet
	wireSend                     // send the letter
	wireReceive                  // wait until something comes
	wireTry                      // receive without waiting
)

func newPlainConn(conn net.Conn) *plainConn {
	c := &plainConn{Conn: conn}
	c.bindTurn()
	return c
}

// ask sends a letter and waits for the first bytes of the answer, in one go.
// Before, a connection that was idle must be quiet: else the error is errSpoke
// and nothing was sent. With errNotAllSent a part of the letter is left.
func (c *plainConn) ask(l *letter, from wireStage) error {
	if c.raw == nil {
		return errNotAllSent
	}
	c.letter = l
	err := c.run(from)
	c.letter = nil
	if err == nil && l.lent != nil {
		return errNotAllSent
	}
	return err
}

// receive waits until something came and puts it into the inbox. The error is
// io.EOF at the end of the connection.
func (c *plainConn) receive() error {
	if c.raw != nil {
		return c.run(wireReceive)
	}
	room := c.in.room()
	if len(room) == 0 {
		return errHeadTooLarge
	}
	n, err := c.Read(room)
	c.in.came(n)
	if n > 0 {
		return nil
	}
	if err == nil {
		return io.ErrNoProgress
	}
	return err
}

// try is receive without waiting: the error is errNothingYet instead.
func (c *plainConn) try() error {
	if c.raw == nil {
		return errNothingYet
	}
	return c.run(wireTry)
}

// run makes turns until one has come to an end.
func (c *plainConn) run(from wireStage) error {
	c.stage, c.err = from, nil
	if err := c.raw.Read(c.turn); err != nil {
		return err
	}
	return c.err
}

// isTimeout reports whether a deadline ended something.
func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}
