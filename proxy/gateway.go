// Package proxy is the road that every proxied request takes:
//
//	request -> credential -> caller -> authorise -> forward
//
// Each step gives a value or an error, and every error leaves through deny.
package proxy

import (
	"context"
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
	cred, err := x.rules.parser.Of(x.in, x.route.accept)
	x.caller.Form = cred.Form
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
	if !x.caller.Anonymous() {
		if err := x.rules.sites.Check(x.in, x.caller.Form, x.upgrade); err != nil {
			return tokens.Grant{}, err
		}
	}
	var err error
	if x.action, err = actionOf(x); err != nil {
		return tokens.Grant{}, err
	}
	grant, refusal := tokens.Authorise(x.caller.Subject, x.action)
	if refusal == nil {
		return grant, nil
	}
	if x.action.Public, err = x.rules.isPublic(x); err != nil {
		return tokens.Grant{}, err
	}
	if x.action.Public {
		return tokens.Authorise(x.caller.Subject, x.action)
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

// recheck is how often an exchange that lasts is judged again. With the time
// that it takes to cut one it stays below one second.
const recheck = 400 * time.Millisecond

// guard cuts an exchange as soon as its grant no longer holds. The returned
// function ends the guard.
func (g *Gateway) guard(x *exchange, cut context.CancelCauseFunc) (done func()) {
	ctx := x.in.Context()
	var timer *time.Timer
	ready := make(chan struct{})
	timer = time.AfterFunc(recheck, func() {
		<-ready
		if ctx.Err() != nil || x.over.Load() {
			return
		}
		if err := g.stillAllowed(ctx, x); err != nil && isVerdict(err) {
			cut(&cutError{cause: err})
			return
		}
		timer.Reset(recheck)
	})
	close(ready)
	return func() {
		x.over.Store(true)
		timer.Stop()
	}
}

// stillAllowed asks again, with what holds now. The rules are those that the
// request came under.
func (g *Gateway) stillAllowed(ctx context.Context, x *exchange) error {
	if x.action.Public {
		return nil
	}
	subject, err := g.callers.Tokens.Again(ctx, x.caller.Subject)
	if err != nil {
		return err
	}
	_, err = tokens.Authorise(subject, x.action)
	return err
}

// cutError ends an exchange under way whose token holds no longer.
type cutError struct{ cause error }

func (e *cutError) Error() string { return "cut: " + e.cause.Error() }

// Unwrap gives why the token holds no longer.
func (e *cutError) Unwrap() error { return e.cause }
