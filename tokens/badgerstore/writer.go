package badgerstore

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"tollgate/tokens"
)

// Bounds of one commit. The first also is the number of writes that may wait
// in the queue before callers wait for a place in it.
const (
	maxBatch     = 512
	maxBatchSize = memTableSize / 16
)

// writer is the only goroutine that writes to the database. All writes that
// wait share one commit and thereby one fsync, and while one commit is under
// way the next is planned on top of it. Badger is given one commit at a time,
// so that none is ever stored without those that it was planned on.
type writer struct {
	store    *Store
	underWay *flight // nil = none
	next     *flight
	spare    *flight
	landed   chan error // how the one under way ended
	started  time.Time  // when that left, by the store's clock
	on       planning   // what the write that is being planned sees

	// again are writes that go before those in the queue: the commit that
	// they were planned for was full, or the one before it failed.
	again []*request

	// changed is in which commit users were changed, forgotten up to which one
	// nobody knows any more who was.
	changed   map[string]uint64
	forgotten uint64

	// share is how many writes the next commit may wait for: half of those
	// that were there when the last one ended. The other half is planned
	// while it is under way. Nobody waits for a write that is not there.
	share int
}

func newWriter(s *Store) *writer {
	w := &writer{store: s, next: &flight{}, spare: &flight{}, landed: make(chan error, 1), changed: make(map[string]uint64), share: 1}
	w.next.reset(s.db, s.committed.Load()+1)
	return w
}

// run writes until the store is closed. What is under way then is ended, what
// has not begun is not.
func (w *writer) run() {
	defer close(w.store.written)
	for {
		w.fill()
		if w.underWay == nil && len(w.next.requests) > 0 {
			w.launch()
			continue
		}
		queue := w.store.queue
		if w.next.isFull() || len(w.again) > 0 {
			queue = nil
		}
		select {
		case r := <-queue:
			w.take(r)
		case err := <-w.landed:
			w.land(err)
		case <-w.store.stopping:
			w.stop()
			return
		}
	}
}

func (w *writer) stop() {
	if w.underWay != nil {
		w.land(<-w.landed)
	}
	w.next.txn.Discard()
}

// fill takes the writes that wait. If the disk is idle it stops at the share
// of the next commit, and looks twice before that leaves with less.
func (w *writer) fill() {
	most := maxBatch
	if w.underWay == nil {
		most = w.share
	}
	for len(w.next.requests) < most && !w.next.isFull() {
		r := w.waiting()
		if r == nil && w.underWay == nil && len(w.next.requests) > 0 {
			yield()
			r = w.waiting()
		}
		if r == nil || !w.take(r) {
			return
		}
	}
}

// waiting returns a write that waits, nil if there is none.
func (w *writer) waiting() *request {
	if len(w.again) > 0 {
		r := w.again[0]
		w.again = w.again[1:]
		return r
	}
	select {
	case r := <-w.store.queue:
		return r
	default:
		return nil
	}
}

// take plans one write for the next commit. It returns false if the write has
// to wait for the one after that.
func (w *writer) take(r *request) bool {
	if err := w.admit(r); err != nil {
		r.answer(0, err)
		return true
	}
	w.on = planning{committed: w.store.newest.Load(), layers: [2]pending{w.next.left}}
	if w.underWay != nil {
		w.on.layers[1] = w.underWay.left
	}
	c, err := w.planned(r)
	if err != nil {
		w.next.refuse(r, err)
		return true
	}
	if w.next.stage(r, c) {
		return true
	}
	w.again = append([]*request{r}, w.again...)
	return false
}

// planned returns what a write does, if those on whom it rests are as they were.
func (w *writer) planned(r *request) (*change, error) {
	if err := w.holds(tokens.BasisOf(r.ctx)); err != nil {
		return nil, err
	}
	return r.plan(&w.on, w.next.sequence)
}

// admit says why a write is not even planned: there is no room for it, or
// nobody waits for it any more.
func (w *writer) admit(r *request) error {
	if err := r.ctx.Err(); err != nil {
		return err
	}
	if len(w.next.requests) == 0 {
		cfg := &w.store.cfg
		if w.next.free, w.next.freeErr = cfg.FreeSpace(cfg.dbDir()); w.next.freeErr != nil {
			w.store.failed(w.next.freeErr)
		}
	}
	switch {
	case w.next.freeErr != nil:
		return w.next.freeErr
	case w.next.free < r.room:
		return fmt.Errorf("%w: %d bytes are free, %d are needed", tokens.ErrStoreFull, w.next.free, r.room)
	}
	return nil
}

// launch hands the next commit to Badger, none being under way.
func (w *writer) launch() {
	f := w.next
	if len(f.changes) == 0 {
		f.answer(nil)
		f.reset(w.store.db, f.sequence)
		return
	}
	// Also a number of a commit that fails is used up: it may be stored.
	w.spare.reset(w.store.db, f.sequence+1)
	w.underWay, w.next, w.spare = f, w.spare, nil
	w.started = w.store.cfg.Now()
	if err := f.seal(); err != nil {
		w.land(err)
		return
	}
	txn := f.txn
	f.txn = nil // it is discarded by the commit
	w.store.commit(txn, func(err error) { w.landed <- err })
}

// land ends the commit under way. Reads see it before anybody is told of it.
// If it has failed, what was planned on top of it is planned again.
func (w *writer) land(err error) {
	f, s := w.underWay, w.store
	s.renew()
	if err != nil {
		err = fmt.Errorf("commit: %w", err)
		s.failed(err)
		w.again = append(append([]*request(nil), w.next.requests...), w.again...)
		w.next.reset(s.db, w.next.sequence)
	} else {
		w.note(f)
		s.succeeded(f.sequence, f.changes)
	}
	if s.cfg.Observe != nil {
		s.cfg.Observe("commit", s.cfg.Now().Sub(w.started), err)
	}
	there := len(f.requests) + len(w.next.requests) + len(w.again) + len(s.queue)
	w.share = min(max(there/2, 1), maxBatch)
	f.answer(err)
	f.release()
	w.underWay, w.spare = nil, f
}

func (s *Store) failed(err error) { s.failure.Store(&err) }

func (s *Store) succeeded(sequence uint64, changes []*change) {
	s.failure.Store(nil)
	s.committed.Store(sequence)
	s.counts.apply(changes)
}

// probe commits nothing but a sequence number, to learn whether writing works
// again.
func (s *Store) probe(ctx context.Context) error {
	_, err := s.submit(ctx, s.cfg.roomToChange(), func(state, uint64) (*change, error) {
		return &change{}, nil
	})
	return err
}

// storedSequence returns the number of the last commit, zero for a new store.
func storedSequence(db state) (uint64, error) {
	var n uint64
	err := db.read([]byte{kindSequence}, func(data []byte) error {
		if len(data) != 8 {
			return fmt.Errorf("%w: a commit number of %d bytes", errIndex, len(data))
		}
		n = binary.BigEndian.Uint64(data)
		return nil
	})
	if isAbsent(err) {
		return 0, nil
	}
	return n, err
}
