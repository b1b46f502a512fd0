// Package proxy is the road that every proxied request takes:
//
//	request -> credential -> caller -> authorise -> forward
//
// Each step gives a value or an error, and every error leaves through deny.
package proxy

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"tollgate/metrics"
	"tollgate/metrics/accesslog"
	"tollgate/proxy/caller"
	"tollgate/tokens"
)

// Gateway checks requests and forwards those that are allowed. Make one with
// New. It is an http.Handler, safe for concurrent use.
type Gateway struct {
	callers *caller.Callers
	metrics *metrics.Metrics
	public  *metrics.Listener
	log     *accesslog.Logger
	rules   atomic.Pointer[Rules]
	now     func() time.Time
	guard   guard
}

// New returns a gateway that follows the given rules.
func New(callers *caller.Callers, rules *Rules, m *metrics.Metrics, log *accesslog.Logger, now func() time.Time) *Gateway {
	g := &Gateway{callers: callers, metrics: m, public: m.Listener(listener), log: log, now: now}
	g.Follow(rules)
	return g
}

// Follow puts other rules in force for the requests that come after. Those
// under way go on by the old ones.
func (g *Gateway) Follow(rules *Rules) { g.rules.Store(rules) }

// ServeHTTP carries one request along the road.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := g.begin(w, r)
	g.carry(x)
	x.recycle()
}

// carry carries an exchange to its end, which is always told.
func (g *Gateway) carry(x *exchange) {
	defer g.end(x)
	if err := g.travel(x); err != nil {
		g.deny(x, err)
	}
}

// travel is the road itself. Whatever goes wrong on it is the error.
func (g *Gateway) travel(x *exchange) error {
	if err := x.enter(); err != nil {
		return err
	}
	if err := g.callers.Await(x.in); err != nil {
		return err
	}
	cred, err := x.credential()
	if err != nil {
		return err
	}
	x.caller, err = g.callers.Identify(x.in.Context(), cred)
	if err != nil {
		return err
	}
	grant, err := x.authorise()
	if err != nil {
		return err
	}
	return g.forward(x, grant)
}

// authorise decides about the request of an identified caller.
func (x *exchange) authorise() (tokens.Grant, error) {
	x.onward = x.outgoingQuery()
	if !x.caller.Anonymous() {
		if err := x.rules.sites.Check(x.in, x.caller.Form, x.upgrade); err != nil {
			return tokens.Grant{}, err
		}
	}
	var err error
	if x.action, err = actionOf(x); err != nil {
		return tokens.Grant{}, err
	}
	if err := x.checkNarrowed(); err != nil {
		return tokens.Grant{}, err
	}
	grant, refusal := tokens.Authorise(x.caller.Subject, x.action)
	if refusal == nil {
		return grant, nil
	}
	if x.operation.Name != "" {
		refusal = fmt.Errorf("%w: %s of %q", refusal, x.operation.Name, x.action.Resource)
	}
	if x.action.Public, err = x.rules.isPublic(x); err != nil {
		return tokens.Grant{}, err
	}
	if x.action.Public { // for anybody: it is not as this caller that he may
		x.action.Stores = nil
		return tokens.Authorise(tokens.Subject{}, x.action)
	}
	if x.caller.Degraded != nil && x.caller.Anonymous() {
		return tokens.Grant{}, &degradedError{refusal: refusal, cause: x.caller.Degraded}
	}
	return tokens.Grant{}, refusal
}

// degradedError is a refusal of an anonymous caller who did send a
// credential, one that does not count.
type degradedError struct{ refusal, cause error }

func (e *degradedError) Error() string { return e.refusal.Error() + ": " + e.cause.Error() }

// Unwrap gives the cause alone: it is the reason that an operator looks for.
func (e *degradedError) Unwrap() error { return e.cause }
