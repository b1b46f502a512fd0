package engine

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"tollgate/tokens"
)

// write is one transaction. Its compares make it harmless to send again: it
// changes something that they look at, so it happens once at most.
type write struct {
	compares []clientv3.Cmp
	ops      []clientv3.Op
	looks    []clientv3.Op // gets of one key each, done if a compare fails
	witness  string        // a key that ops put; empty = they put none
}

// outcome is how a write ended.
type outcome struct {
	done     bool
	revision uint64             // of the write; if it was not done, of the head that it met
	seen     []*mvccpb.KeyValue // what looks found
}

// How long a write waits for others to give up the fence: longer and longer
// between two tries, which load etcd, and in all well within the time of a write.
const (
	fenceTime = 3 * time.Second
	fenceWait = 20 * time.Millisecond
	fenceMost = 250 * time.Millisecond
)

// commit does a write, and puts the head with it. It waits while there is a
// fence before it. An error says that it was not done, but for one that wraps
// errUnknownOutcome.
func (e *Engine) commit(ctx context.Context, w write) (out outcome, err error) {
	end := time.Now().Add(fenceTime)
	for wait := fenceWait; ; wait = min(2*wait, fenceMost) {
		out, err = e.commitOnce(ctx, w)
		jitter := rand.N(wait / 2) //nolint:gosec // spreads writers over time, protects nothing
		if !errors.Is(err, errFenced) || time.Now().After(end) || !sleep(ctx, wait-jitter) {
			return out, err
		}
	}
}

// commitOnce does not wait for a fence: that is errFenced. When an answer was
// lost, the random mark in the head says afterwards whether it was this write
// that left what is found, and not another one of the same bytes.
func (e *Engine) commitOnce(ctx context.Context, w write) (outcome, error) {
	mark, err := e.mark()
	if err != nil {
		return outcome{}, err
	}
	tx := e.complete(ctx, w, mark)
	lost := false // an answer
	for i := range e.attempts() {
		var resp *clientv3.TxnResponse
		resp, err = e.send(ctx, tx)
		if isAnswer(resp, err, lost) {
			return e.answered(ctx, resp, err)
		}
		if errors.Is(err, errOtherCluster) {
			break // where it happened, if it did, it is of no use
		}
		out, lookErr := e.landed(ctx, w.witness, mark)
		if out.done {
			return out, nil
		}
		if !lost && lookErr == nil && errors.Is(err, rpctypes.ErrNoSpace) {
			return outcome{}, engineError(err) // etcd may say so of what it has done nevertheless
		}
		lost = true
		if err == nil || !e.pause(ctx, i) {
			break // with nil: others wrote since
		}
	}
	return outcome{}, unknownOutcome(err)
}

func unknownOutcome(err error) error {
	if err == nil {
		return fmt.Errorf("%w: %w", tokens.ErrEngine, errUnknownOutcome)
	}
	return fmt.Errorf("%w: %w: %w", tokens.ErrEngine, errUnknownOutcome, err)
}

// transaction is a write as it is sent.
type transaction struct {
	compares        []clientv3.Cmp
	then, otherwise []clientv3.Op
}

func (e *Engine) send(ctx context.Context, tx transaction) (resp *clientv3.TxnResponse, err error) {
	err = e.once(ctx, func(ctx context.Context, c *clientv3.Client) (err error) {
		resp, err = c.Txn(ctx).If(tx.compares...).Then(tx.then...).Else(tx.otherwise...).Commit()
		if err == nil {
			err = e.isOurs(resp.Header)
		}
		return err
	})
	return resp, err
}

// complete adds what every write has: the head, and from the context that those
// on whom the write rests are as they were, and that the turn is still had.
func (e *Engine) complete(ctx context.Context, w write, mark string) transaction {
	head := e.keys.head()
	tx := transaction{
		compares:  w.compares[:len(w.compares):len(w.compares)],
		then:      append(w.ops[:len(w.ops):len(w.ops)], clientv3.OpPut(head, mark)),
		otherwise: w.looks[:len(w.looks):len(w.looks)],
	}
	basis := tokens.BasisOf(ctx)
	for i, key := range e.keys.under(basis) {
		tx.compares = append(tx.compares, noNewer(key, basis.Revision))
		if i >= len(basis.Users) {
			tx.compares = append(tx.compares, present(key)) // a token may be purged, while what is told of users stays
		}
		tx.otherwise = append(tx.otherwise, clientv3.OpGet(key, clientv3.WithKeysOnly()))
	}
	if basis.RestsOnSomebody() {
		fence := e.keys.locks(tokens.Fence)
		tx.compares = append(tx.compares, absent(fence).WithPrefix())
		tx.otherwise = append(tx.otherwise, clientv3.OpGet(fence, clientv3.WithPrefix(), clientv3.WithLimit(1), clientv3.WithKeysOnly()))
	}
	if t := turnIn(ctx); t != nil {
		tx.compares = append(tx.compares, t.isHad())
		tx.otherwise = append(tx.otherwise, clientv3.OpGet(t.key, clientv3.WithKeysOnly()))
	}
	tx.otherwise = append(tx.otherwise, clientv3.OpGet(head, clientv3.WithKeysOnly()))
	return tx
}

// isAnswer reports whether what an attempt came to says what became of the
// write. Once an answer was lost, only success does.
func isAnswer(resp *clientv3.TxnResponse, err error, lost bool) bool {
	if err != nil {
		return !lost && isFinal(err)
	}
	return resp.Succeeded || !lost
}

// answered returns what etcd said of a write.
func (e *Engine) answered(ctx context.Context, resp *clientv3.TxnResponse, err error) (outcome, error) {
	if err != nil {
		return outcome{}, engineError(err)
	}
	if resp.Succeeded {
		return outcome{done: true, revision: unsigned(resp.Header.Revision)}, nil
	}
	s := sightOf(resp)
	if t := turnIn(ctx); t != nil {
		last := len(s.held) - 1
		if !t.isAt(s.held[last]) {
			return outcome{}, fmt.Errorf("%w: %w", tokens.ErrEngine, errTurnLost)
		}
		s.held = s.held[:last]
	}
	basis := tokens.BasisOf(ctx)
	if basis.RestsOnSomebody() {
		last := len(s.held) - 1
		if s.held[last] != nil {
			return outcome{}, fmt.Errorf("%w: %w", tokens.ErrStale, errFenced)
		}
		s.held = s.held[:last]
	}
	own := len(s.held) - len(e.keys.under(basis))
	for i, kv := range s.held[own:] {
		if revisionOf(kv) > basis.Revision || kv == nil && i >= len(basis.Users) {
			return outcome{revision: s.head}, fmt.Errorf("%w: %w", tokens.ErrStale, tokens.ErrBasis)
		}
	}
	return outcome{revision: s.head, seen: s.held[:own]}, nil
}

// landed looks for a write whose answer was lost. If it happened, the head was
// put at the revision of its witness and has its mark there; without a witness
// the head as it is must have it. That it is not found says nothing of what is
// still under way.
func (e *Engine) landed(ctx context.Context, witness, mark string) (outcome, error) {
	head := e.keys.head()
	if witness == "" {
		witness = head
	}
	s, err := e.look(ctx, clientv3.OpGet(witness))
	if err != nil || s.held[0] == nil {
		return outcome{}, err
	}
	out := outcome{revision: revisionOf(s.held[0])}
	if witness == head {
		out.done = string(s.held[0].Value) == mark
		return out, nil
	}
	err = e.ask(ctx, func(ctx context.Context, c *clientv3.Client) error {
		resp, err := c.Get(ctx, head, clientv3.WithRev(signed(out.revision)))
		out.done = err == nil && len(resp.Kvs) > 0 && revisionOf(resp.Kvs[0]) == out.revision && string(resp.Kvs[0].Value) == mark
		return err
	})
	return out, err
}
