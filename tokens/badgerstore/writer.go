package badgerstore

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/dgraph-io/badger/v4"

	"tollgate/tokens"
)

// Bounds of one commit. The first also is the number of writes that may wait
// in the queue before callers wait for a place in it.
const (
	maxBatch     = 512
	maxBatchSize = memTableSize / 16
)

// request is one write on its way through the writer.
type request struct {
	ctx  context.Context
	room uint64 // free bytes below which it is refused
	// plan says what the write does, seeing what was staged before it, or
	// why it is refused. sequence is the number of the commit.
	plan   func(txn *badger.Txn, sequence uint64) (*change, error)
	result chan<- result // has room for one
}

type result struct {
	sequence uint64
	err      error
}

// submit hands a write to the writer and waits until it is durable. It
// returns the number of the commit.
func (s *Store) submit(
	ctx context.Context, room uint64, plan func(*badger.Txn, uint64) (*change, error),
) (uint64, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	done := make(chan result, 1)
	select {
	case <-s.stopping:
		return 0, tokens.ErrStoreClosed
	default:
	}
	select {
	case s.queue <- &request{ctx: ctx, room: room, plan: plan, result: done}:
	case <-ctx.Done():
		return 0, ctx.Err()
	case <-s.stopping:
		return 0, tokens.ErrStoreClosed
	}
	select {
	case r := <-done:
		return r.sequence, r.err
	case <-ctx.Done():
		return 0, ctx.Err()
	case <-s.written:
	}
	select {
	case r := <-done:
		return r.sequence, r.err
	default:
		return 0, tokens.ErrStoreClosed
	}
}

// write is the only goroutine that writes to the database. All writes that
// wait share one commit and thereby one fsync.
func (s *Store) write() {
	defer close(s.written)
	batch := make([]*request, 0, maxBatch)
	for {
		select {
		case first := <-s.queue:
			batch = s.gather(append(batch[:0], first))
		case <-s.stopping:
			return
		}
		batch = s.admit(batch)
		for rest := batch; len(rest) > 0; {
			rest = rest[s.commit(rest):]
		}
		clear(batch)
	}
}

// gather adds what waits already.
func (s *Store) gather(batch []*request) []*request {
	for len(batch) < maxBatch {
		select {
		case next := <-s.queue:
			batch = append(batch, next)
		default:
			return batch
		}
	}
	return batch
}

// admit answers the writes that there is no room for, and those that nobody
// waits for any more, and returns the others.
func (s *Store) admit(batch []*request) []*request {
	free, err := s.cfg.FreeSpace(s.cfg.dbDir())
	if err != nil {
		s.failed(err)
	}
	admitted := batch[:0]
	for _, r := range batch {
		switch {
		case r.ctx.Err() != nil:
			r.result <- result{err: r.ctx.Err()}
		case err != nil:
			r.result <- result{err: err}
		case free < r.room:
			r.result <- result{err: fmt.Errorf("%w: %d bytes are free, %d are needed", tokens.ErrStoreFull, free, r.room)}
		default:
			admitted = append(admitted, r)
		}
	}
	return admitted
}

// commit does as many of the writes as go into one transaction and returns
// their number, at least one. They are answered once all are durable: a write
// may have been refused because of another that is in the same commit.
func (s *Store) commit(batch []*request) int {
	start := s.cfg.Now()
	txn := s.db.NewTransaction(true)
	defer txn.Discard()
	sequence := s.sequence + 1
	b := stagedBatch{txn: txn, sequence: sequence}
	done := 0
	for done < len(batch) && b.take(batch[done]) {
		done++
	}
	if len(b.changes) == 0 && b.err == nil {
		answer(batch[:done], b.refusals, 0, nil)
		return done
	}
	// Also a number of a commit that failed is used up: it may be stored.
	s.sequence = sequence
	err := b.finish()
	if err != nil {
		err = fmt.Errorf("commit: %w", err)
		s.failed(err)
	} else {
		s.succeeded(sequence, b.changes)
	}
	if s.cfg.Observe != nil {
		s.cfg.Observe("commit", s.cfg.Now().Sub(start), err)
	}
	answer(batch[:done], b.refusals, sequence, err)
	return done
}

func answer(batch []*request, refusals []error, sequence uint64, err error) {
	for i, r := range batch {
		switch {
		case err != nil:
			r.result <- result{err: err}
		case refusals[i] != nil:
			r.result <- result{err: refusals[i]}
		default:
			r.result <- result{sequence: sequence}
		}
	}
}

// stagedBatch is a transaction that is being filled.
type stagedBatch struct {
	txn      *badger.Txn
	sequence uint64
	size     int64
	changes  []*change
	refusals []error // one for each write that was taken, nil if it was staged
	err      error   // the transaction cannot be committed
}

// take stages one write. It returns false, having done nothing, if the write
// has to go into another transaction.
func (b *stagedBatch) take(r *request) bool {
	if b.err != nil {
		return false
	}
	c, err := r.plan(b.txn, b.sequence)
	if err != nil {
		b.refusals = append(b.refusals, err)
		return true
	}
	if len(b.refusals) > 0 && b.size+c.size > maxBatchSize {
		return false
	}
	b.size += c.size
	b.refusals = append(b.refusals, nil)
	b.changes = append(b.changes, c)
	b.err = c.stage(b.txn)
	return true
}

func (b *stagedBatch) finish() error {
	if b.err != nil {
		return b.err
	}
	number := binary.BigEndian.AppendUint64(nil, b.sequence)
	if err := b.txn.Set([]byte{kindSequence}, number); err != nil {
		return err
	}
	return b.txn.Commit()
}

// probe commits nothing but a sequence number, to learn whether writing works
// again.
func (s *Store) probe(ctx context.Context) error {
	_, err := s.submit(ctx, s.cfg.roomToChange(), func(*badger.Txn, uint64) (*change, error) {
		return &change{}, nil
	})
	return err
}

func (s *Store) failed(err error) { s.failure.Store(&err) }

func (s *Store) succeeded(sequence uint64, changes []*change) {
	s.failure.Store(nil)
	s.committed.Store(sequence)
	for _, c := range changes {
		s.counts.apply(c)
	}
}

// storedSequence returns the number of the last commit, zero for a new store.
func storedSequence(txn *badger.Txn) (uint64, error) {
	item, err := txn.Get([]byte{kindSequence})
	if errors.Is(err, badger.ErrKeyNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	var n uint64
	err = item.Value(func(data []byte) error {
		if len(data) != 8 {
			return fmt.Errorf("%w: a commit number of %d bytes", errIndex, len(data))
		}
		n = binary.BigEndian.Uint64(data)
		return nil
	})
	return n, err
}
