package etcdstore

import (
	"context"
	"fmt"
	"time"

	"tollgate/tokens"
)

// maxAhead is how far the clock of this gateway may be ahead of that of another
// one.
const maxAhead = 15 * time.Minute

// clocks compares the clock of this gateway with those of the others.
type clocks struct {
	list list
	now  func() time.Time
	late time.Duration // how old can be what another one said
	tell streak
}

// check returns an error if this gateway's clock is ahead of that of another
// one that is listed. Whatever its clock says has ended may then be alive.
func (c *clocks) check(ctx context.Context) error {
	all, err := c.list.Gateways(ctx)
	if err != nil {
		return fmt.Errorf("compare clocks: %w", err)
	}
	now := c.now()
	for _, g := range all {
		if ahead := now.Sub(g.Clock); !g.Own && !g.Clock.IsZero() && ahead > maxAhead+c.late {
			why := fmt.Sprintf("the clock of this gateway is %s ahead of that of gateway %q", ahead.Round(time.Second), g.Name)
			c.tell.badly("CLOCK: " + why + ": no token that has ended is removed until they agree")
			return fmt.Errorf("%w: %s", tokens.ErrEngine, why)
		}
	}
	c.tell.well()
	return nil
}
