package clustertest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"tollgate/cmd/tollgate/clustertest/model"
)

// The pace of the clients: each gateway has one that writes and one that uses.
const (
	writePace = 50 * time.Millisecond
	usePace   = 8 * time.Millisecond
)

// The tokens that clients use: some that are never revoked, some that are
// before long, and those that were revoked last.
const (
	keptTokens  = 10
	liveTokens  = 40
	endedTokens = 40
)

// traffic is clients that make, use and revoke tokens on all gateways until it
// is ended.
type traffic struct {
	end     context.CancelFunc
	running sync.WaitGroup

	mu    sync.Mutex
	live  []token // guarded by mu; the oldest first
	ended []token // guarded by mu; somebody has begun to revoke them
	all   []token // guarded by mu
}

func startTraffic(ctx context.Context, gateways []*gateway) *traffic {
	ctx, end := context.WithCancel(ctx)
	f := &traffic{end: end}
	for _, g := range gateways {
		f.running.Go(func() { every(ctx, writePace, func() { f.write(ctx, g) }) })
		f.running.Go(func() { every(ctx, usePace, func() { f.use(ctx, g) }) })
	}
	return f
}

// stop ends the clients and returns all tokens that they know.
func (f *traffic) stop() []token {
	f.end()
	f.running.Wait()
	return f.all
}

// every does something at a pace, or slower if it takes longer.
func every(ctx context.Context, pace time.Duration, do func()) {
	tick := time.NewTicker(pace)
	defer tick.Stop()
	for {
		do()
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// write makes a token or revokes one, which holds at once on the same gateway.
// What has begun comes to its end when the traffic ends.
func (f *traffic) write(ctx context.Context, g *gateway) {
	ctx = context.WithoutCancel(ctx)
	if k, ok := f.oldest(); ok {
		g.revoke(ctx, k)
		g.use(ctx, k)
		return
	}
	if k, ok := g.create(ctx); ok {
		f.add(k)
		g.use(ctx, k)
	}
}

func (f *traffic) use(ctx context.Context, g *gateway) {
	if k, ok := f.any(); ok {
		g.use(context.WithoutCancel(ctx), k)
	}
}

func (f *traffic) add(k token) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.live, f.all = append(f.live, k), append(f.all, k)
}

// oldest takes the oldest live token if there are enough, now and then.
func (f *traffic) oldest() (token, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.live) < liveTokens/2 || len(f.live) < liveTokens && rand.IntN(2) == 0 {
		return token{}, false
	}
	k := f.live[keptTokens]
	f.live, f.ended = slices.Delete(f.live, keptTokens, keptTokens+1), append(f.ended, k)
	if len(f.ended) > endedTokens {
		f.ended = f.ended[1:]
	}
	return k, true
}

// any picks a token: one that is never revoked, a live one, one that was revoked
// not long ago, or whichever, so that also a gateway that has heard nothing for
// a while is asked about tokens that it knows.
func (f *traffic) any() (token, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	pools := [...][]token{f.live[:min(keptTokens, len(f.live))], f.live, f.ended, f.all}
	from := pools[rand.IntN(len(pools))]
	if len(from) == 0 {
		return token{}, false
	}
	return from[max(rand.IntN(len(from)), rand.IntN(len(from)))], true
}

// sweep uses every token on every gateway. It returns how many tokens all accept
// and all refuse, and those about which they do not agree.
func sweep(gateways []*gateway, all []token) (live, ended int, split []string) {
	for _, k := range all {
		said := make([]model.Outcome, len(gateways))
		for i, g := range gateways {
			said[i] = g.decided(k)
		}
		switch same := slices.Compact(slices.Clone(said)); {
		case len(same) > 1:
			split = append(split, fmt.Sprintf("%s: %s", k.id, said))
		case same[0] == model.Accepted:
			live++
		default:
			ended++
		}
	}
	return live, ended, split
}
