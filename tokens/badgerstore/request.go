package badgerstore

import (
	"context"

	"tollgate/tokens"
)

// plan says what a write does to what it sees, or why it is refused. sequence
// is the number of the commit. It is called again if a commit fails that it
// was planned on top of.
type plan func(on state, sequence uint64) (*change, error)

// request is one write on its way through the writer.
type request struct {
	ctx    context.Context
	room   uint64 // free bytes below which it is refused
	plan   plan
	result chan result // has room for one
}

type result struct {
	sequence uint64
	err      error
}

// answer is the last that the writer does with r.
func (r *request) answer(sequence uint64, err error) {
	r.result <- result{sequence: sequence, err: err}
}

// submit hands a write to the writer and waits until it is durable. It
// returns the number of the commit.
func (s *Store) submit(ctx context.Context, room uint64, p plan) (uint64, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	if isClosed(s.stopping) {
		return 0, tokens.ErrStoreClosed
	}
	r, _ := s.requests.Get().(*request)
	if r == nil {
		r = &request{result: make(chan result, 1)}
	}
	r.ctx, r.room, r.plan = ctx, room, p
	select {
	case s.queue <- r:
	case <-ctx.Done():
		return 0, ctx.Err()
	case <-s.stopping:
		return 0, tokens.ErrStoreClosed
	}
	select {
	case got := <-r.result:
		return s.done(r, got)
	case <-ctx.Done():
		return 0, ctx.Err()
	case <-s.written:
	}
	select {
	case got := <-r.result:
		return s.done(r, got)
	default:
		return 0, tokens.ErrStoreClosed
	}
}

// done keeps a request that was answered for another write. One that nobody
// waited for is the writer's until it answers, and is not kept.
func (s *Store) done(r *request, got result) (uint64, error) {
	r.ctx, r.plan = nil, nil
	s.requests.Put(r)
	return got.sequence, got.err
}
