package etcdstore

import (
	"context"

	"tollgate/tokens"
)

// waiter is somebody who waits until something holds of the progress.
type waiter struct {
	ready func() bool // called with the progress's mu held
	done  chan struct{}
}

// await waits until ready says so, which is called with mu held, first at once
// and then after every change. tokens.ErrStoreClosed, or the context's error.
func (p *progress) await(ctx context.Context, ready func() bool) error {
	w := &waiter{ready: ready, done: make(chan struct{})}
	if p.waits(w) {
		select {
		case <-w.done:
		case <-ctx.Done():
			p.leave(w)
			return ctx.Err()
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return tokens.ErrStoreClosed
	}
	return nil
}

// waits reports whether there is something to wait for.
func (p *progress) waits(w *waiter) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || w.ready() {
		return false
	}
	p.waiting[w] = struct{}{}
	return true
}

func (p *progress) leave(w *waiter) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.waiting, w)
}

// wake lets go whose wish came true. It is called with mu held.
func (p *progress) wake() {
	for w := range p.waiting {
		if p.closed || w.ready() {
			delete(p.waiting, w)
			close(w.done)
		}
	}
}

// awaitRevision waits until the replica has everything up to a revision of the
// engine.
func (p *progress) awaitRevision(ctx context.Context, revision uint64) error {
	return p.await(ctx, func() bool { return p.covered >= revision })
}

// awaitFresh waits until everything may be decided, writes too.
func (p *progress) awaitFresh(ctx context.Context) error {
	return p.await(ctx, func() bool { return int64(p.elapsed()) < p.until.Load()-int64(p.allow) })
}
