package badgerstore

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/dgraph-io/badger/v4"

	"tollgate/tokens"
)

// gate holds every commit until the test lets it go.
type gate struct{ arrived chan heldCommit }

type heldCommit struct {
	txn  *badger.Txn
	done func(error)
}

func (h heldCommit) pass() { h.txn.CommitWith(h.done) }

func (h heldCommit) fail(err error) {
	h.txn.Discard()
	h.done(err)
}

// open lets everything pass until the store is closed.
func (g gate) open(s *Store) {
	for {
		select {
		case held := <-g.arrived:
			held.pass()
		case <-s.written:
			return
		}
	}
}

// gated opens a store whose commits wait at a gate.
func gated(t *testing.T, dir string) (*Store, gate) {
	t.Helper()
	cfg, err := Config{Dir: dir}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	s, err := open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	g := gate{arrived: make(chan heldCommit, 1)}
	s.commit = func(txn *badger.Txn, done func(error)) { g.arrived <- heldCommit{txn, done} }
	s.start()
	return s, g
}

func closed(t *testing.T, s *Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Errorf("Close = %v", err)
	}
}

// write is one call of submit: how often its plan was called, and its result.
type write struct {
	planned chan error
	ended   chan result
}

// begin submits a plan and returns once it has been called.
func begin(ctx context.Context, s *Store, p plan) write {
	w := write{planned: make(chan error, 8), ended: make(chan result, 1)}
	go func() {
		sequence, err := s.submit(ctx, 0, func(on state, sequence uint64) (*change, error) {
			c, err := p(on, sequence)
			w.planned <- err
			return c, err
		})
		w.ended <- result{sequence, err}
	}()
	return w
}

func creates(tok *tokens.Token) plan {
	return func(on state, sequence uint64) (*change, error) { return planCreate(on, tok, sequence) }
}

func updates(tok *tokens.Token) plan {
	return func(on state, sequence uint64) (*change, error) { return planUpdate(on, tok, sequence) }
}

// expect says what a plan made of what it saw.
func (w write) expect(t *testing.T, what string, want error) {
	t.Helper()
	if err := <-w.planned; !errors.Is(err, want) {
		t.Errorf("%s is planned as %v, want %v", what, err, want)
	}
}

func (w write) end(t *testing.T, what string, want error) uint64 {
	t.Helper()
	r := <-w.ended
	if !errors.Is(r.err, want) {
		t.Errorf("%s = %v, want %v", what, r.err, want)
	}
	return r.sequence
}

func revoked(tok *tokens.Token, revision uint64) *tokens.Token {
	c := tok.Clone()
	c.Revoked = tokens.Mark{At: c.Created.Add(time.Minute), By: "grace"}
	c.Revision = revision
	return c
}

func TestACommitThatFailsTakesBackWhatWasPlannedOnIt(t *testing.T) {
	t.Parallel()
	s, g := gated(t, t.TempDir())
	defer closed(t, s)
	one, two := benchToken(1), benchToken(2)
	first := begin(t.Context(), s, creates(one))
	first.expect(t, "create", nil)
	(<-g.arrived).pass()
	revision := first.end(t, "create", nil)

	revoke := begin(t.Context(), s, updates(revoked(one, revision)))
	revoke.expect(t, "revoke", nil)
	underWay := <-g.arrived
	// What the commit under way changes is seen by the writes behind it.
	again := begin(t.Context(), s, updates(revoked(one, revision)))
	again.expect(t, "revoke of the old revision", tokens.ErrConflict)
	onTop := begin(t.Context(), s, updates(revoked(one, revision+1)))
	onTop.expect(t, "revoke of the revision under way", nil)
	other := begin(t.Context(), s, creates(two))
	other.expect(t, "create of another", nil)

	broken := errors.New("disk is gone")
	underWay.fail(broken)
	revoke.end(t, "revoke", broken)
	again.expect(t, "revoke of the old revision, once more", nil)
	onTop.expect(t, "revoke of a revision that never was", tokens.ErrConflict)
	other.expect(t, "create of another, once more", nil)
	if err := s.Healthy(); !errors.Is(err, broken) {
		t.Errorf("Healthy after a commit that failed = %v", err)
	}
	if tok, err := s.ByHash(t.Context(), one.Hash); err != nil || !tok.Revoked.At.IsZero() || tok.Revision != revision {
		t.Errorf("token after a commit that failed: %+v, %v", tok, err)
	}
	go g.open(s)
	last := again.end(t, "revoke of the old revision", nil)
	onTop.end(t, "revoke of a revision that never was", tokens.ErrConflict)
	other.end(t, "create of another", nil)
	if last <= revision+1 {
		t.Errorf("the revoke is commit %d, but the one that failed was %d", last, revision+1)
	}
	if tok, err := s.ByHash(t.Context(), one.Hash); err != nil || tok.Revoked.At.IsZero() || tok.Revision != last {
		t.Errorf("token after the revoke: %+v, %v, want revision %d", tok, err, last)
	}
	if err := s.Healthy(); err != nil {
		t.Errorf("Healthy after a commit that went well = %v", err)
	}
	if active, _, ended := s.Counts(one.Created); active != 1 || ended != 1 {
		t.Errorf("counts are %d active and %d revoked, want 1 and 1", active, ended)
	}
}

func TestReadsSeeACommitOnceItIsAcknowledgedAndDoNotWaitForIt(t *testing.T) {
	t.Parallel()
	s, g := gated(t, t.TempDir())
	defer closed(t, s)
	tok := benchToken(1)
	create := begin(t.Context(), s, creates(tok))
	underWay := <-g.arrived
	if _, err := s.ByHash(t.Context(), tok.Hash); !errors.Is(err, tokens.ErrUnknown) {
		t.Errorf("ByHash of what is under way = %v, want ErrUnknown", err)
	}
	underWay.pass()
	create.end(t, "create", nil)
	if _, err := s.ByHash(t.Context(), tok.Hash); err != nil {
		t.Errorf("ByHash of what was acknowledged = %v", err)
	}
	revoke := begin(t.Context(), s, updates(revoked(tok, 1)))
	underWay = <-g.arrived
	if got, err := s.ByID(t.Context(), tok.ID); err != nil || !got.Revoked.At.IsZero() {
		t.Errorf("ByID while its revocation is under way = %+v, %v", got, err)
	}
	underWay.pass()
	revoke.end(t, "revoke", nil)
	if got, err := s.ByID(t.Context(), tok.ID); err != nil || got.Revoked.At.IsZero() {
		t.Errorf("ByID after its revocation = %+v, %v", got, err)
	}
}

func TestWritesSeeThoseInTheSameCommitAndInTheOneUnderWay(t *testing.T) {
	t.Parallel()
	s, g := gated(t, t.TempDir())
	defer closed(t, s)
	named := func(n int, name string) *tokens.Token {
		tok := benchToken(n)
		tok.Owner, tok.Name = "ada", name
		return tok
	}
	rows := []struct {
		what string
		plan plan
		want error
	}{
		{"the id and hash under way", creates(named(1, "")), tokens.ErrExists},
		{"the name under way", creates(named(2, "deploy")), tokens.ErrName},
		{"a free name", creates(named(3, "build")), nil},
		{"the name in the same commit", creates(named(4, "build")), tokens.ErrName},
		{"the id and hash in the same commit", creates(named(3, "")), tokens.ErrExists},
		{"a removal of what is under way", func(on state, _ uint64) (*change, error) {
			tok, err := recordByID(on, named(1, "").ID)
			if err != nil {
				return nil, err
			}
			c := &change{}
			c.remove(recordKey(tok.Hash))
			c.remove(idKey(tok.ID))
			c.unindex(tok)
			return c, c.releaseName(on, tok)
		}, nil},
		{"the name that was just removed", creates(named(5, "deploy")), nil},
		{"the id and hash that were just removed", creates(named(1, "")), nil},
	}
	first := begin(t.Context(), s, creates(named(1, "deploy")))
	underWay := <-g.arrived
	writes := make([]write, len(rows))
	for i, row := range rows {
		writes[i] = begin(t.Context(), s, row.plan)
		writes[i].expect(t, row.what, row.want)
	}
	underWay.pass()
	sequence := first.end(t, "the first", nil)
	(<-g.arrived).pass()
	for i, row := range rows {
		if n := writes[i].end(t, row.what, row.want); row.want == nil && n != sequence+1 {
			t.Errorf("%s is in commit %d, want %d: they share one", row.what, n, sequence+1)
		}
	}
	for n, want := range map[int]error{1: nil, 2: tokens.ErrUnknown, 3: nil, 4: tokens.ErrUnknown, 5: nil} {
		if _, err := s.ByHash(t.Context(), benchToken(n).Hash); !errors.Is(err, want) {
			t.Errorf("token %d: %v, want %v", n, err, want)
		}
	}
}

func TestOneWriteOfARevisionWins(t *testing.T) {
	t.Parallel()
	s, err := Open(Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer closed(t, s)
	const rounds, callers = 40, 16
	tok := benchToken(1)
	for round := range rounds {
		lost := tokens.ErrConflict
		if round == 0 {
			lost = tokens.ErrExists
		}
		revisions := make([]uint64, callers)
		var wait sync.WaitGroup
		for i := range callers {
			wait.Go(func() {
				mine := tok.Clone()
				mine.Creator = fmt.Sprint(round, i)
				n, err := s.Put(t.Context(), mine)
				if err != nil && !errors.Is(err, lost) {
					t.Errorf("Put = %v, want none or %v", err, lost)
				}
				revisions[i] = n
			})
		}
		wait.Wait()
		winner := -1
		for i, n := range revisions {
			if n == 0 {
				continue
			}
			if winner >= 0 {
				t.Fatalf("round %d: %d and %d have both written revision %d", round, winner, i, tok.Revision)
			}
			winner = i
		}
		got, err := s.ByID(t.Context(), tok.ID)
		if err != nil || winner < 0 || got.Revision != revisions[winner] || got.Creator != fmt.Sprint(round, winner) {
			t.Fatalf("round %d: winner %d of %v, stored is %+v, %v", round, winner, revisions, got, err)
		}
		tok.Revision = got.Revision
	}
}

func TestCloseEndsTheCommitUnderWayAndRefusesWhatWaits(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, g := gated(t, dir)
	first := begin(t.Context(), s, creates(benchToken(1)))
	underWay := <-g.arrived
	waits := begin(t.Context(), s, creates(benchToken(2)))
	waits.expect(t, "what waits", nil)
	ended := make(chan error)
	go func() { ended <- s.Close() }()
	<-s.stopping
	if _, err := s.Put(t.Context(), benchToken(3)); !errors.Is(err, tokens.ErrStoreClosed) {
		t.Errorf("Put while it is closed = %v, want ErrStoreClosed", err)
	}
	underWay.pass()
	first.end(t, "the write under way", nil)
	waits.end(t, "the write that waits", tokens.ErrStoreClosed)
	if err := <-ended; err != nil {
		t.Errorf("Close = %v", err)
	}
	s, err := Open(Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer closed(t, s)
	for n, want := range map[int]error{1: nil, 2: tokens.ErrUnknown, 3: tokens.ErrUnknown} {
		if _, err := s.ByHash(t.Context(), benchToken(n).Hash); !errors.Is(err, want) {
			t.Errorf("token %d after opening again: %v, want %v", n, err, want)
		}
	}
}

// TestAnAnswerThatNobodyWaitsForReachesNobodyElse: a request is used again
// only by a caller that has had its answer.
func TestAnAnswerThatNobodyWaitsForReachesNobodyElse(t *testing.T) {
	t.Parallel()
	s, g := gated(t, t.TempDir())
	defer closed(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	left := begin(ctx, s, creates(benchToken(1)))
	underWay := <-g.arrived
	cancel()
	left.end(t, "the write of who left", context.Canceled)
	second := begin(t.Context(), s, creates(benchToken(2)))
	second.expect(t, "the second", nil)
	underWay.pass()
	underWay = <-g.arrived
	select {
	case r := <-second.ended:
		t.Errorf("the second write ended with the first: %+v", r)
	default:
	}
	underWay.pass()
	if n := second.end(t, "the second", nil); n != 2 {
		t.Errorf("the second write is in commit %d, want 2", n)
	}
}

// TestWritesThatWaitShareCommits: whoever is alone waits for nobody, the
// others go half by half.
func TestWritesThatWaitShareCommits(t *testing.T) {
	t.Parallel()
	s, g := gated(t, t.TempDir())
	defer closed(t, s)
	const waiting = 20
	first := begin(t.Context(), s, creates(benchToken(0)))
	underWay := <-g.arrived
	writes := make([]write, waiting)
	for i := range writes {
		writes[i] = begin(t.Context(), s, creates(benchToken(i+1)))
		writes[i].expect(t, "a write that waits", nil)
	}
	underWay.pass()
	if n := first.end(t, "the first", nil); n != 1 {
		t.Errorf("the first is commit %d", n)
	}
	(<-g.arrived).pass()
	for _, w := range writes {
		if n := w.end(t, "a write that waited", nil); n != 2 {
			t.Errorf("a write that waited is in commit %d, want 2", n)
		}
	}
}

func TestASnapshotIsDiscardedByTheLastToLeaveIt(t *testing.T) {
	t.Parallel()
	s, err := Open(Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer closed(t, s)
	old, err := s.enter(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	tok := benchToken(1)
	if _, err := s.Put(t.Context(), tok); err != nil {
		t.Fatal(err)
	}
	if _, err := recordByHash(old, tok.Hash); !errors.Is(err, tokens.ErrUnknown) {
		t.Errorf("a snapshot from before sees the token: %v", err)
	}
	s.leave(old)
	if old.enter() {
		t.Error("a snapshot that everybody has left can be entered")
	}
	if err := old.read(recordKey(tok.Hash), nil); !errors.Is(err, badger.ErrDiscardedTxn) {
		t.Errorf("read of a snapshot that everybody has left = %v", err)
	}
}
