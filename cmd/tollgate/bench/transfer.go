package main

import (
	"bytes"
	"errors"
)

// errAgain: the socket has nothing, or no room, for now.
var errAgain = errors.New("not now")

// pieceSize is how much is written or dropped at once.
const pieceSize = 256 << 10

// newFiller returns the bytes that long bodies are made of, which stay in the
// processor's cache.
func newFiller() []byte { return bytes.Repeat([]byte("x"), pieceSize) }

// sending is what is still to be written: bytes, and then filler.
type sending struct {
	bytes []byte
	rest  int64 // bytes of filler
}

// flush writes as much as there is room for and reports whether that was all.
func (s *sending) flush(to socket, filler []byte) (bool, error) {
	for {
		if len(s.bytes) == 0 {
			if s.rest == 0 {
				return true, nil
			}
			s.bytes = filler[:min(s.rest, int64(len(filler)))]
			s.rest -= int64(len(s.bytes))
		}
		n, err := to.write(s.bytes)
		if errors.Is(err, errAgain) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		s.bytes = s.bytes[n:]
	}
}

// message tells the messages on a connection apart.
type message interface {
	space() []byte // where the next bytes go
	rest() int64   // bytes of a body that may be dropped unread
}

// receiving reads from a socket.
type receiving struct {
	scratch []byte // nobody reads what is in it
	drained bool   // there is nothing before the socket is told of again
}

// receive reads into the message's space or drops what the message does not
// want to see; 0 bytes are those that have to be waited for. The end of the
// connection is errHungUp.
func (r *receiving) receive(from socket, m message) (n int, dropped bool, err error) {
	if r.drained {
		return 0, false, nil
	}
	wanted := 0
	if rest := m.rest(); rest > 0 {
		p := r.scratch[:min(rest, int64(len(r.scratch)))]
		n, err = from.drop(p)
		wanted, dropped = len(p), true
	} else {
		p := m.space()
		n, err = from.read(p)
		wanted = len(p)
	}
	r.drained = n < wanted // what comes later is told of again, epoll(7)
	switch {
	case errors.Is(err, errAgain):
		return 0, false, nil
	case err != nil:
		return 0, false, err
	case n == 0:
		return 0, false, errHungUp
	}
	return n, dropped, nil
}

var errHungUp = errors.New("the connection was closed")
