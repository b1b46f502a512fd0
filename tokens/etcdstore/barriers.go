package etcdstore

import (
	"context"
	"fmt"
	"time"
)

// How barriers are answered. One that cannot be is missed by whoever asks for
// it, who then says so.
const (
	maxBarriers = 256 // that wait for an answer
	ackTries    = 5
	ackTimeout  = 2 * time.Second
)

// barriers answers those that the replica has passed, apart from it: an answer
// takes a write to the engine.
type barriers struct {
	group  group
	queue  chan string
	missed streak
}

func newBarriers(g group, tell *teller) *barriers {
	return &barriers{
		group: g, queue: make(chan string, maxBarriers),
		missed: tell.streak("other gateways are answered again"),
	}
}

// passed says that the replica has everything up to these barriers. It does
// not block.
func (b *barriers) passed(nonces []string) {
	for _, nonce := range nonces {
		select {
		case b.queue <- nonce:
		default:
			b.missed.badly(fmt.Sprintf("more than %d questions of other gateways wait, some stay without an answer", maxBarriers))
		}
	}
}

// run ends with the context.
func (b *barriers) run(ctx context.Context) {
	for {
		select {
		case nonce := <-b.queue:
			b.answer(ctx, nonce)
		case <-ctx.Done():
			return
		}
	}
}

func (b *barriers) answer(ctx context.Context, nonce string) {
	var err error
	for range ackTries {
		if err = b.ack(ctx, nonce); err == nil {
			b.missed.well()
			return
		}
		if !pause(ctx, retryInterval) {
			return
		}
	}
	b.missed.badly(fmt.Sprintf("a question of another gateway stays without an answer: %v", err))
}

func (b *barriers) ack(ctx context.Context, nonce string) error {
	ctx, cancel := context.WithTimeout(ctx, ackTimeout)
	defer cancel()
	return b.group.Ack(ctx, nonce)
}
