package caller

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"tollgate/tokens"
)

// MinRevision is the header by which a client says how new the tokens must be
// that its request is judged by: a number that a Gateway-Store-Revision of
// another answer had.
const MinRevision = "Gateway-Min-Revision"

// Why a request is not judged that asks for a revision. Test with errors.Is.
var (
	// ErrRevision: the header is no number.
	ErrRevision = errors.New("bad " + MinRevision)
	// ErrNotHereYet: this gateway does not have the revision yet.
	ErrNotHereYet = errors.New("the revision asked for has not come here yet")
)

// patience is how long a request waits for the revision that it asks for.
const patience = 2 * time.Second

// maxAwaiting bounds how many requests wait for a revision at a time: nobody has
// said yet who he is.
const maxAwaiting = 256

// Await waits until this gateway has the revision of the tokens that a request
// asks for, for two seconds at most. Where nobody shares the tokens it does
// nothing. The errors are ErrRevision, ErrNotHereYet, tokens.ErrStale and the
// context's.
func (c *Callers) Await(r *http.Request) error {
	if c.Revision == nil {
		return nil
	}
	values := r.Header[MinRevision]
	if len(values) == 0 {
		return nil
	}
	revision, err := strconv.ParseUint(values[0], 10, 63)
	if err != nil || len(values) > 1 {
		return fmt.Errorf("%w: read %.40q, accepted is one decimal number", ErrRevision, values)
	}
	if c.awaiting.Add(1) > maxAwaiting {
		c.awaiting.Add(-1)
		return fmt.Errorf("%w: %d requests wait for one already", ErrNotHereYet, maxAwaiting)
	}
	defer c.awaiting.Add(-1)
	ctx, cancel := context.WithTimeout(r.Context(), patience)
	defer cancel()
	err = c.Revision(ctx, revision)
	if err != nil && r.Context().Err() == nil && !errors.Is(err, tokens.ErrStale) {
		return fmt.Errorf("%w: %w", ErrNotHereYet, err)
	}
	return err
}
