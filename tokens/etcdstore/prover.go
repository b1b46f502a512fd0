package etcdstore

import (
	"context"
	"fmt"
	"time"
)

// The rhythm of proofs.
const (
	proofInterval = time.Second            // at most a quarter of MaxStaleness
	retryInterval = 200 * time.Millisecond // after a proof that failed
	behindAgain   = 250 * time.Millisecond // while the replica has to catch up
	leastInterval = 20 * time.Millisecond  // between two, however many wait for one
	maxSilence    = time.Second            // how long the engine may be ahead with no event
)

// prover asks the engine again and again for proofs that the replica has
// everything.
type prover struct {
	members    members
	progress   *progress
	replicator *replicator
	interval   time.Duration
	timeout    time.Duration
	pokes      chan struct{} // has room for one
	tell       *teller
}

// poke asks for a proof now rather than in a second.
func (p *prover) poke() {
	select {
	case p.pokes <- struct{}{}:
	default:
	}
}

// pace is when the next proof may be asked for, and when it is if nobody is in
// a hurry, counted from the beginning of the last.
type pace struct{ least, most time.Duration }

// run ends with the context.
func (p *prover) run(ctx context.Context) {
	for ctx.Err() == nil {
		began := p.progress.elapsed()
		pace := p.prove(ctx)
		took := p.progress.elapsed() - began
		if !pause(ctx, pace.least-took) {
			return
		}
		p.rest(ctx, pace.most-max(took, pace.least))
	}
}

// rest waits until it is time or somebody pokes.
func (p *prover) rest(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-p.pokes:
	case <-ctx.Done():
	}
}

// prove asks once.
func (p *prover) prove(ctx context.Context) pace {
	member := p.members.Current()
	t := p.progress.begin()
	within, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	said, err := member.Proof(within, t.have)
	if err != nil {
		p.fail(ctx, member, err)
		return pace{least: retryInterval, most: retryInterval}
	}
	p.tell.proofs.well()
	if p.replicator.replica.Healthy() != nil {
		// What is damaged can hide the newest of what it held.
		p.progress.revoke(t)
		p.replicator.interrupt()
	}
	switch p.progress.finish(t, said) {
	case good:
		p.tell.feed.well()
		return pace{least: leastInterval, most: p.interval}
	case lagging, unlisted:
		return pace{least: leastInterval, most: min(behindAgain, p.interval)}
	case silent:
		if p.replicator.isLoading() {
			break // what it loads is not what a watch brings
		}
		p.tell.line(fmt.Sprintf("nothing comes from %s although there is something: moving to the next member", p.members.Endpoint(member)))
		p.move(member)
		return pace{least: retryInterval, most: retryInterval}
	case foreign:
		p.replicator.interrupt()
	case worthless:
	}
	return pace{least: leastInterval, most: retryInterval}
}

func (p *prover) fail(ctx context.Context, member session, err error) {
	if ctx.Err() != nil {
		return
	}
	p.progress.fail()
	p.tell.proofs.badly(fmt.Sprintf("no proof from %s: %v", p.members.Endpoint(member), err))
	p.move(member)
}

// move goes on with the next member, and the watch with it.
func (p *prover) move(from session) {
	p.members.Leave(from)
	p.replicator.interrupt()
}

// pause waits. It reports false if the context ended.
func pause(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
