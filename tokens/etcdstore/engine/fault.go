package engine

import (
	"context"
	"errors"
	"fmt"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"tollgate/tokens"
)

// ErrCompacted says that the engine has given up what changed after a position,
// or the state at a revision. Whoever asked loads everything anew.
var ErrCompacted = errors.New("the engine has given up the changes after that position")

var (
	errUnknownOutcome = errors.New("the write may or may not have happened")
	errNotListed      = errors.New("this gateway is not listed as live itself")
	errLeaseLost      = errors.New("lease has run out")
	errAnew           = errors.New("presence is to begin anew")
	errFenced         = errors.New("tokens are being revoked, and nothing is given until that is done")
	errTurnLost       = errors.New("turn has run out")
	errContended      = errors.New("what was to be written was changed by others again and again")
)

// engineError says what an error of etcd means to others. Errors that say it
// already, and those that are no fault of etcd's, stay as they are.
func engineError(err error) error {
	switch {
	case err == nil:
		return nil
	case isOwn(err):
		return err
	case errors.Is(err, rpctypes.ErrNoSpace):
		return fmt.Errorf("%w: %w", tokens.ErrStoreFull, err)
	case errors.Is(err, rpctypes.ErrCompacted):
		return ErrCompacted
	}
	return fmt.Errorf("%w: %w", tokens.ErrEngine, err)
}

func isOwn(err error) bool {
	for _, own := range [...]error{
		tokens.ErrEngine, tokens.ErrStoreFull, tokens.ErrStoreClosed, ErrCompacted,
	} {
		if errors.Is(err, own) {
			return true
		}
	}
	return false
}

// isFinal reports whether no other member would say anything else. Whatever
// was to be written was not.
func isFinal(err error) bool {
	if errors.Is(err, tokens.ErrStoreClosed) {
		return true
	}
	switch codeOf(err) {
	case codes.InvalidArgument, codes.PermissionDenied, codes.Unauthenticated, codes.OutOfRange, codes.NotFound:
		return true
	default:
		return false
	}
}

func codeOf(err error) codes.Code {
	var known rpctypes.EtcdError
	switch {
	case errors.As(err, &known):
		return known.Code()
	case errors.Is(err, context.DeadlineExceeded):
		return codes.DeadlineExceeded
	case errors.Is(err, context.Canceled):
		return codes.Canceled
	}
	return status.Code(err)
}
