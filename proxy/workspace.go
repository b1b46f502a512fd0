package proxy

import (
	"net/http"
	"sync"
	"time"

	"tollgate/metrics/accesslog"
	"tollgate/proxy/caller"
	"tollgate/proxy/sigv4"
	"tollgate/proxy/upstream"
	"tollgate/tokens"
)

// workspace is the memory that an exchange needs, so that it need not be asked
// for piece by piece.
type workspace struct {
	recorder accesslog.Recorder
	request  http.Request      // that goes on
	header   http.Header       // of that
	sent     upstream.Outgoing // with both
	grant    tokens.Grant      // under which it goes
	values   [16]string        // of header fields that are made here
	made     int               // how many of them
	guarded  guarded

	// Of a request that is signed, and of one that goes to an S3 storage.
	read        sigv4.Signature
	proof       caller.SignedRequest
	transferred transfer
	moving      *transfer // nil = there is nothing to let go of
	signed      sigv4.View
	editor      editor

	methods
}

// methods are those of the exchange that it gives away, each made once.
type methods struct {
	respond func(status int, h http.Header)
	signs   func(host string, h http.Header)
	chooses func(status int, h http.Header) edit
	hints   func() sigv4.Hints
}

// exchanges are those that are over and may be used again.
var exchanges = sync.Pool{New: func() any {
	x := &exchange{}
	x.header = make(http.Header)
	x.methods = methods{
		respond: func(_ int, h http.Header) { x.undress(h) },
		signs:   x.sign, chooses: x.chooseEdit, hints: x.hintsAt,
	}
	return x
}}

// newExchange returns one of which nothing is known but the request.
func newExchange(w http.ResponseWriter, r *http.Request, rules *Rules, now func() time.Time) *exchange {
	x, _ := exchanges.Get().(*exchange)
	x.in, x.out, x.rules, x.now, x.started = r, &x.recorder, rules, now, now()
	x.out.Reset(w)
	return x
}

// recycle gives an exchange back that came to its end in order. One that
// somebody may still look at is left to the garbage collector: the guard that
// has begun to judge it, or whoever reads a body for a server that answered
// before it had all of it.
func (x *exchange) recycle() {
	if x.guarded.old || x.in.Body != nil && x.in.Body != http.NoBody {
		return
	}
	header, methods := x.header, x.methods
	clear(header)
	*x = exchange{}
	x.header, x.methods = header, methods
	exchanges.Put(x)
}

// value makes the value of a header field. It is good until the exchange is
// over; whoever appends to it gets another.
func (x *exchange) value(text string) []string {
	if x.made == len(x.values) {
		return []string{text}
	}
	x.values[x.made] = text
	x.made++
	return x.values[x.made-1 : x.made : x.made]
}
