package main

import (
	"context"
	"errors"
	"time"

	"tollgate/metrics"
	"tollgate/proxy/upstream"
	"tollgate/tokens"
	"tollgate/tokens/accounts"
)

// observeStore counts the operations of the token store. What callers ask for
// wrongly is no failure of the store.
func (g *gatewayProcess) observeStore(op string, took time.Duration, err error) {
	g.metrics.StoreOperation(op, took)
	switch {
	case err == nil, errors.Is(err, tokens.ErrUnknown), errors.Is(err, tokens.ErrConflict),
		errors.Is(err, tokens.ErrExists), errors.Is(err, tokens.ErrBadCursor), errors.Is(err, tokens.ErrBasis),
		errors.Is(err, context.Canceled):
	case errors.Is(err, tokens.ErrStoreFull):
		g.metrics.StoreFailed(op, metrics.StoreFull)
	default:
		g.metrics.StoreFailed(op, "error")
	}
}

// observePassword counts the checks of passwords.
func (g *gatewayProcess) observePassword(err error) {
	switch {
	case err == nil:
		g.metrics.PasswordChecked(metrics.PasswordRight)
	case errors.Is(err, accounts.ErrBusy):
		g.metrics.PasswordChecked(metrics.PasswordBusy)
	case errors.Is(err, accounts.ErrBadPassword):
		g.metrics.PasswordChecked(metrics.PasswordWrong)
	}
}

// newUpstream makes an upstream whose events are counted.
func newUpstream(c upstream.Config, m *metrics.Metrics) (*upstream.Upstream, error) {
	return upstream.New(c, upstream.Observer{
		Health: func(name, server string, healthy bool) {
			if healthy {
				m.ServerHealthy(name, server)
			} else {
				m.ServerUnhealthy(name, server)
			}
		},
	})
}
