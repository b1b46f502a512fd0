package badgerstore

import (
	"encoding/binary"
	"runtime"

	"github.com/dgraph-io/badger/v4"
)

// flight is one commit: a transaction and the writes in it, that is being
// filled, then under way.
type flight struct {
	txn      *badger.Txn // nil = under way
	sequence uint64
	free     uint64 // bytes on the disk when the first write was taken
	freeErr  error  // they could not be read
	size     int64
	requests []*request
	refusals []error // one for each of requests, nil if it was staged
	changes  []*change
	left     pending
	err      error // the transaction cannot be committed
}

// reset makes f empty and gives it a transaction, which must not be made
// while a commit is under way: it would wait for that.
func (f *flight) reset(db *badger.DB, sequence uint64) {
	f.release()
	f.txn, f.sequence = db.NewTransaction(true), sequence
}

// release lets go of everything that f refers to.
func (f *flight) release() {
	if f.txn != nil {
		f.txn.Discard()
	}
	clear(f.requests)
	clear(f.refusals)
	clear(f.changes)
	if f.left == nil || len(f.left) > maxBatch*usualEntries { // a map never shrinks
		f.left = make(pending)
	}
	clear(f.left)
	*f = flight{left: f.left, requests: f.requests[:0], refusals: f.refusals[:0], changes: f.changes[:0]}
}

// isFull reports whether f takes no more writes.
func (f *flight) isFull() bool { return len(f.requests) >= maxBatch || f.err != nil }

// refuse takes a write that does nothing. It is answered with the others: it
// may have been refused because of one of them, or of one under way.
func (f *flight) refuse(r *request, err error) {
	f.requests = append(f.requests, r)
	f.refusals = append(f.refusals, err)
}

// stage takes a write that does c. It returns false, having done nothing, if
// there is no room for c.
func (f *flight) stage(r *request, c *change) bool {
	if len(f.changes) > 0 && f.size+c.size > maxBatchSize {
		return false
	}
	f.requests = append(f.requests, r)
	f.refusals = append(f.refusals, nil)
	f.changes = append(f.changes, c)
	f.size += c.size
	f.left.add(c)
	f.err = c.stage(f.txn)
	return true
}

// seal ends the filling of f.
func (f *flight) seal() error {
	if f.err != nil {
		return f.err
	}
	number := binary.BigEndian.AppendUint64(nil, f.sequence)
	return f.txn.Set([]byte{kindSequence}, number)
}

// answer tells everybody how the commit ended.
func (f *flight) answer(err error) {
	for i, r := range f.requests {
		switch {
		case err != nil:
			r.answer(0, err)
		case f.refusals[i] != nil:
			r.answer(0, f.refusals[i])
		default:
			r.answer(f.sequence, nil)
		}
	}
}

// yield lets those run that have just been answered, to hear of their next
// write before the commit that they could share leaves. Alone in the process
// it returns at once.
func yield() { runtime.Gosched() }
