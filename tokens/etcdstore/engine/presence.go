package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// presence is from when and until when this gateway is known to be listed.
type presence struct{ from, until time.Time }

// Present returns the time in which this gateway is listed as live for certain,
// by the monotonic clock. Two zero times: it is not. Who waits until every live
// gateway has applied something relies on it that the others do not answer: a
// gateway may do so only between the two, and only by proofs that began after
// from.
func (e *Engine) Present() (from, until time.Time) {
	if p := e.present.Load(); p != nil {
		return p.from, p.until
	}
	return time.Time{}, time.Time{}
}

// noticeEvery is how often a gateway says anew what its clock shows.
const noticeEvery = time.Minute

// NoticeAge is how old at most is what a gateway says of itself that is listed,
// dead or alive, given how long it stays so.
func NoticeAge(presence time.Duration) time.Duration { return noticeEvery + 2*presence }

// notice is what is said of a gateway, to people and of its clock to others.
type notice struct {
	Name  string    `json:"name"`
	Since time.Time `json:"since"`
	Clock time.Time `json:"clock"`
}

// Relist has the presence begin anew, for an engine that may know nothing of
// it. Until then there is none.
func (e *Engine) Relist() {
	e.present.Store(nil)
	select {
	case e.again <- struct{}{}:
	default:
	}
}

// Announce lists this gateway among the live ones until the context ends or the
// engine is closed, and tries again for ever when it fails. Then it gives the
// presence up.
func (e *Engine) Announce(ctx context.Context) {
	ended, ok := e.begin()
	if !ok {
		return
	}
	defer ended()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(e.life, cancel)()
	since, silent := time.Now().UTC().Truncate(time.Second), false
	for ctx.Err() == nil {
		err := e.announce(ctx, since)
		e.present.Store(nil)
		if errors.Is(err, errAnew) {
			continue
		}
		lost := errors.Is(err, errLeaseLost)
		if ctx.Err() == nil && err != nil && (lost || !silent) {
			silent = !lost // of several failures in a row the first is told
			e.cfg.Log(fmt.Sprintf("etcd: this gateway is not listed as live: %v", err))
		}
		sleep(ctx, time.Second)
	}
}

// announce is one presence, from its beginning until it is lost, or errAnew.
func (e *Engine) announce(ctx context.Context, since time.Time) (err error) {
	observed := e.observe("presence")
	select {
	case <-e.again: // it is anew already
	default:
	}
	sent := time.Now()
	lease, err := e.list(ctx, since)
	observed(&err)
	if err != nil {
		return err
	}
	defer e.revoke(ctx, lease)
	kept, end := context.WithCancelCause(ctx)
	defer end(nil)
	go func() {
		select {
		case <-e.again:
			end(errAnew)
		case <-kept.Done():
		}
	}()
	now := &presence{from: time.Now(), until: sent.Add(e.cfg.Presence)}
	e.present.Store(now)
	noticed := sent
	e.keep(kept, lease, e.cfg.Presence, func(at time.Time) {
		next := &presence{from: now.from, until: at.Add(e.cfg.Presence)}
		if !e.present.CompareAndSwap(now, next) {
			return // it is to begin anew
		}
		now = next
		if at.Sub(noticed) >= noticeEvery && e.notice(kept, since, lease) == nil {
			noticed = at
		}
	})
	e.present.Store(nil) // before the list, and others, can know
	if cause := context.Cause(kept); cause != nil {
		return cause
	}
	return errLeaseLost
}

// list puts this gateway on the list, bound to a lease of its own.
func (e *Engine) list(ctx context.Context, since time.Time) (clientv3.LeaseID, error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	lease, err := e.grant(ctx, e.cfg.Presence)
	if err != nil {
		return 0, err
	}
	if err = e.notice(ctx, since, lease); err != nil {
		e.revoke(ctx, lease)
	}
	return lease, err
}

// notice writes what this gateway says of itself.
func (e *Engine) notice(ctx context.Context, since time.Time, lease clientv3.LeaseID) error {
	said, err := json.Marshal(notice{Name: e.cfg.Gateway, Since: since, Clock: time.Now().UTC()})
	if err != nil {
		return err
	}
	ctx, cancel := bounded(ctx)
	defer cancel()
	return e.ask(ctx, func(ctx context.Context, c *clientv3.Client) error {
		_, err := c.Put(ctx, e.keys.gateway(e.instance), string(said), clientv3.WithLease(lease))
		return err
	})
}

// Gateway is a live one.
type Gateway struct {
	Name  string
	Since time.Time // zero = not known
	// Clock is what its clock showed at most noticeEvery and a fifth of its
	// presence ago; zero = not known.
	Clock time.Time
	Own   bool // this one
}

// Gateways returns the live ones, by name. The errors wrap tokens.ErrEngine.
func (e *Engine) Gateways(ctx context.Context) (all []Gateway, err error) {
	defer e.observe("gateways")(&err)
	ctx, cancel := bounded(ctx)
	defer cancel()
	var kvs []*mvccpb.KeyValue
	err = e.ask(ctx, func(ctx context.Context, c *clientv3.Client) error {
		resp, err := c.Get(ctx, e.keys.gateways(), clientv3.WithPrefix())
		if err == nil {
			kvs = resp.Kvs
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list gateways: %w", err)
	}
	for _, kv := range kvs {
		g := gatewayOf(strings.TrimPrefix(string(kv.Key), e.keys.gateways()), kv.Value)
		g.Own = string(kv.Key) == e.keys.gateway(e.instance)
		all = append(all, g)
	}
	return all, nil
}

// gatewayOf reads what a gateway says of itself. Its name is that in the key.
func gatewayOf(instance string, value []byte) Gateway {
	var said notice
	if json.Unmarshal(value, &said) != nil {
		said = notice{}
	}
	name, _, _ := strings.Cut(instance, "/")
	return Gateway{Name: name, Since: said.Since, Clock: said.Clock}
}
