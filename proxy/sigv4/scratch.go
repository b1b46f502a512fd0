package sigv4

import "sync"

// scratch is the memory for one computation. The zero scratch is ready.
type scratch struct {
	buf   []byte // the canonical request, then the string to sign
	args  []byte // encoded arguments in order of arrival
	spans []span
	// pathSame: the path last made canonical was so as it came.
	pathSame bool
	hasher   hasher
}

// scratches are lent to one computation at a time, and hold nothing of it
// that another one reads.
var scratches = sync.Pool{New: func() any { return &scratch{buf: make([]byte, 0, 1<<10)} }}

// borrow lends the memory for one computation; giveBack ends that.
func borrow() *scratch {
	if c, ok := scratches.Get().(*scratch); ok {
		return c
	}
	return &scratch{}
}

// giveBack takes memory back, unless an odd request made it large.
func (c *scratch) giveBack() {
	const most = 64 << 10
	c.hasher.forget()
	if cap(c.buf) <= most && cap(c.args) <= most && cap(c.spans) <= most/64 {
		scratches.Put(c)
	}
}
