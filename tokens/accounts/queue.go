package accounts

import (
	"context"
	"fmt"
	"time"
)

// once makes the check, or waits for the same one if that is being made. A
// check that was given up by the one who made it is made again.
func (g *Gate) once(ctx context.Context, a attempt) (bool, error) {
	latest := g.now().Add(g.limits.Wait)
	for {
		c, mine := g.join(a.key)
		if mine {
			g.run(ctx, c, a, latest)
			return c.ok, c.err
		}
		select {
		case <-c.done:
		case <-ctx.Done():
			return false, waitError(ctx)
		}
		if c.err == nil {
			g.shared.Add(1)
			return c.ok, nil
		}
		if !g.now().Before(latest) {
			return false, ErrBusy
		}
	}
}

// join returns the running check for key, or a new one that the caller has to
// run.
func (g *Gate) join(key digest) (c *check, mine bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if c, ok := g.running[key]; ok {
		return c, false
	}
	c = &check{done: make(chan struct{})}
	g.running[key] = c
	return c, true
}

// run makes the check and tells those who wait for it, also when it panics:
// then it is no success.
func (g *Gate) run(ctx context.Context, c *check, a attempt, latest time.Time) {
	defer func() {
		g.mu.Lock()
		delete(g.running, a.key)
		g.mu.Unlock()
		close(c.done)
	}()
	if c.err = g.acquire(ctx, latest); c.err != nil {
		return
	}
	defer func() { <-g.slots }()
	if g.recalls(a) { // it succeeded while this one was on its way here
		c.ok = true
		return
	}
	g.hashed.Add(1)
	if c.ok = g.compute(a.hash, a.password) && a.known; c.ok {
		g.memory.add(a.key, g.now(), g.limits.Remember)
	}
}

// acquire takes a slot, waiting for one until latest if the queue has room.
func (g *Gate) acquire(ctx context.Context, latest time.Time) error {
	select {
	case g.slots <- struct{}{}:
		return nil
	default:
	}
	defer g.waiting.Add(-1)
	if g.waiting.Add(1) > int64(g.limits.Queue) {
		return ErrBusy
	}
	timer := time.NewTimer(latest.Sub(g.now()))
	defer timer.Stop()
	select {
	case g.slots <- struct{}{}:
		return nil
	case <-timer.C:
		return ErrBusy
	case <-ctx.Done():
		return waitError(ctx)
	}
}

func waitError(ctx context.Context) error {
	return fmt.Errorf("wait for a password check: %w", ctx.Err())
}
