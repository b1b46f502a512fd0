package tokens

import "context"

// Turn waits until nobody else, on no gateway, has the turn of that name, and
// until everything that was written before is seen by reads. Writes with the
// context that comes back happen only while the turn is still held: if it was
// lost, they fail. done gives it up. Whoever shares the store with nobody
// needs none.
type Turn func(ctx context.Context, name string) (_ context.Context, done func(), err error)

// Fence is the name of a turn of its own. While anybody has it, or waits for it,
// no write happens on any gateway that rests on somebody, see Basis: it waits.
const Fence = "fence"

// turnOf waits for the turn of an owner, in which his tokens are counted or
// made once.
func (s *Service) turnOf(ctx context.Context, owner string) (_ context.Context, done func(), err error) {
	release := s.byOwner.hold(owner)
	if s.turn == nil {
		return ctx, release, nil
	}
	ctx, end, err := s.turn(ctx, "owner/"+owner)
	if err != nil {
		release()
		return nil, nil, err
	}
	return ctx, func() { end(); release() }, nil
}

// catchUp waits until everything that was acknowledged on any gateway before is
// seen here, so that a list leaves none of it out.
func (s *Service) catchUp(ctx context.Context) error {
	if s.turn == nil {
		return nil
	}
	_, done, err := s.turn(ctx, "list")
	if err == nil {
		done()
	}
	return err
}
