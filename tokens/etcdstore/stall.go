package etcdstore

import (
	"context"
	"errors"
	"time"
)

// errStalled: nothing comes any more.
var errStalled = errors.New("nothing comes any more")

// stall ends the context of something that goes on in steps when one of them
// takes too long to come.
type stall struct {
	timer  *time.Timer
	most   time.Duration
	cancel context.CancelCauseFunc
}

// newStall returns a context that ends with the given one, or when there is no
// step for so long. Whoever calls it ends the stall.
func newStall(ctx context.Context, most time.Duration) (context.Context, *stall) {
	ctx, cancel := context.WithCancelCause(ctx)
	return ctx, &stall{
		timer: time.AfterFunc(most, func() { cancel(errStalled) }), most: most, cancel: cancel,
	}
}

// step says that one has come. What is done with it is not counted: the time
// begins again when the returned function is called.
func (s *stall) step() (done func()) {
	s.timer.Stop()
	return func() { s.timer.Reset(s.most) }
}

func (s *stall) end() {
	s.timer.Stop()
	s.cancel(nil)
}

// causeOf returns err, or why the context ended by which it came.
func causeOf(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); err != nil && cause != nil {
		return cause
	}
	return err
}
