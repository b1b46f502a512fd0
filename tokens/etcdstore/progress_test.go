package etcdstore

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"tollgate/tokens"
	"tollgate/tokens/etcdstore/engine"
	"tollgate/tokens/feed"
)

// hand is a clock that stands still until it is moved.
type hand struct{ now time.Duration }

func (h *hand) elapsed() time.Duration { return h.now }

func always() (from, until time.Duration) { return 1, time.Hour }

func testBounds(allow time.Duration) bounds {
	return bounds{strict: 5 * time.Second, allow: allow, grace: 2 * time.Second}
}

// at returns the position of a revision in the history that the tests play in.
func at(revision uint64) feed.Position {
	return feed.Position{Cluster: 1, Revision: revision, Mark: fmt.Sprint("mark ", revision)}
}

func same(head uint64) engine.Proof {
	return engine.Proof{Head: at(head), History: engine.Same, Revision: head + 5}
}

// started returns the progress of a replica that has everything up to revision
// 100, of a store that was opened ten seconds ago.
func started() (*progress, *hand) {
	h := &hand{now: 10 * time.Second}
	p := newProgress(h.elapsed, always, testBounds(0))
	p.open(at(100))
	return p, h
}

func TestProofMakesFresh(t *testing.T) {
	t.Parallel()
	rows := map[string]struct {
		play func(p *progress, h *hand)
		// until is for how long the store is fresh after ten seconds, when
		// all of it begins; zero = it is not.
		until time.Duration
	}{
		"no proof": {func(*progress, *hand) {}, 0},
		"a proof counts from its beginning": {func(p *progress, h *hand) {
			proof := p.begin()
			h.now += 700 * time.Millisecond
			p.finish(proof, same(100))
		}, 5 * time.Second},
		"a proof that is ahead does not count": {func(p *progress, _ *hand) {
			p.finish(p.begin(), same(101))
		}, 0},
		"it counts from its beginning once the replica is there": {func(p *progress, h *hand) {
			p.finish(p.begin(), same(101))
			h.now += 2 * time.Second
			p.apply(at(101))
		}, 5 * time.Second},
		"it counts when the replica is past it": {func(p *progress, h *hand) {
			p.finish(p.begin(), same(103))
			h.now += 2 * time.Second
			p.apply(at(102))
			p.apply(at(105))
		}, 5 * time.Second},
		"what came does not count by itself": {func(p *progress, h *hand) {
			p.finish(p.begin(), same(100))
			h.now += 4 * time.Second
			p.apply(at(101))
			p.apply(at(102))
		}, 5 * time.Second},
		"each proof that waits counts for itself": {func(p *progress, h *hand) {
			p.finish(p.begin(), same(101))
			h.now += time.Second
			p.finish(p.begin(), same(102))
			h.now += time.Second
			p.finish(p.begin(), same(103))
			p.apply(at(102))
		}, 6 * time.Second},
		"a slow proof does not take away what a later one gave": {func(p *progress, h *hand) {
			slow := p.begin()
			h.now += time.Second
			p.finish(p.begin(), same(100))
			p.finish(slow, same(100))
		}, 6 * time.Second},
		"a failed proof changes nothing": {func(p *progress, h *hand) {
			p.finish(p.begin(), same(100))
			h.now += time.Second
			p.fail()
		}, 5 * time.Second},
		"a history that is not known proves nothing": {func(p *progress, _ *hand) {
			p.finish(p.begin(), engine.Proof{Head: at(100), History: engine.Unknown})
		}, 0},
		"nor does one that there is no such thing as": {func(p *progress, _ *hand) {
			p.finish(p.begin(), engine.Proof{Head: at(100), History: 17})
		}, 0},
		"another history ends it": {func(p *progress, _ *hand) {
			p.finish(p.begin(), same(100))
			p.finish(p.begin(), engine.Proof{Head: at(100), History: engine.Foreign})
		}, 0},
		"another cluster ends it, whatever else is said": {func(p *progress, _ *hand) {
			p.finish(p.begin(), same(100))
			p.finish(p.begin(), engine.Proof{Head: feed.Position{Cluster: 2, Revision: 100, Mark: "mark 100"}, History: engine.Same})
		}, 0},
		"so does an older head": {func(p *progress, _ *hand) {
			p.finish(p.begin(), same(100))
			p.finish(p.begin(), same(99))
		}, 0},
		"and another mark": {func(p *progress, _ *hand) {
			p.finish(p.begin(), same(100))
			p.finish(p.begin(), engine.Proof{Head: feed.Position{Cluster: 1, Revision: 100, Mark: "another"}, History: engine.Same})
		}, 0},
		"and another mark that the replica comes to": {func(p *progress, _ *hand) {
			p.finish(p.begin(), same(100))
			p.finish(p.begin(), same(101))
			p.apply(feed.Position{Cluster: 1, Revision: 101, Mark: "another"})
		}, 0},
		"and an engine with nothing in it": {func(p *progress, _ *hand) {
			p.finish(p.begin(), same(100))
			p.finish(p.begin(), engine.Proof{Head: feed.Position{Cluster: 1}, History: engine.Same, Revision: 200})
		}, 0},
		"after another history no proof of the replica counts": {func(p *progress, _ *hand) {
			early := p.begin()
			p.finish(p.begin(), engine.Proof{Head: at(100), History: engine.Foreign})
			p.finish(early, same(100))
			p.finish(p.begin(), same(100))
		}, 0},
		"nor one that began before another was loaded": {func(p *progress, _ *hand) {
			early := p.begin()
			p.load(at(100))
			p.finish(early, same(100))
		}, 0},
		"one that began after it does": {func(p *progress, h *hand) {
			p.finish(p.begin(), engine.Proof{Head: at(100), History: engine.Foreign})
			p.load(at(50))
			h.now += time.Second
			p.finish(p.begin(), same(50))
		}, 6 * time.Second},
		"a load alone takes nothing away": {func(p *progress, _ *hand) {
			p.finish(p.begin(), same(100))
			p.load(at(200))
		}, 5 * time.Second},
		"and gives nothing": {func(p *progress, _ *hand) {
			p.finish(p.begin(), same(150))
			p.load(at(200))
		}, 0},
		"a doubt ends it until a later proof": {func(p *progress, h *hand) {
			early := p.begin()
			p.finish(p.begin(), same(100))
			p.doubt()
			p.finish(early, same(100))
			if p.fresh() {
				panic("an earlier proof counts")
			}
			h.now += time.Second
			p.finish(p.begin(), same(100))
		}, 6 * time.Second},
		"a doubt ends what waits": {func(p *progress, _ *hand) {
			p.finish(p.begin(), same(101))
			p.doubt()
			p.apply(at(101))
		}, 0},
		"a load ends what waits": {func(p *progress, _ *hand) {
			p.finish(p.begin(), same(201))
			p.load(at(200))
			p.apply(at(201))
		}, 0},
		"a closed store is never fresh": {func(p *progress, _ *hand) {
			proof := p.begin()
			p.finish(p.begin(), same(100))
			p.close()
			p.finish(proof, same(100))
		}, 0},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, h := started()
			row.play(p, h)
			freshUntil(t, p, h, 10*time.Second+row.until, row.until > 0)
		})
	}
}

// freshUntil fails the test unless the store is fresh until then and not
// longer.
func freshUntil(t *testing.T, p *progress, h *hand, until time.Duration, ever bool) {
	t.Helper()
	if ever {
		h.now = until - 1
		if !p.fresh() {
			t.Errorf("not fresh right before %s", until)
		}
	}
	h.now = max(h.now, until)
	if p.fresh() {
		t.Errorf("fresh at %s", h.now)
	}
}

func TestEngineBeforeItsFirstWrite(t *testing.T) {
	t.Parallel()
	h := &hand{now: 10 * time.Second}
	p := newProgress(h.elapsed, always, testBounds(0))
	p.finish(p.begin(), engine.Proof{Head: feed.Position{Cluster: 1}, History: engine.Same, Revision: 9})
	if p.fresh() {
		t.Error("fresh with nothing loaded")
	}
	p.load(feed.Position{Cluster: 1, Revision: 9})
	p.finish(p.begin(), engine.Proof{Head: feed.Position{Cluster: 1}, History: engine.Same, Revision: 12})
	if !p.fresh() {
		t.Error("an empty replica of an empty engine is not fresh")
	}
	h.now = 20 * time.Second
	if got := p.finish(p.begin(), same(11)); got != lagging || p.fresh() {
		t.Errorf("the first write: %v, fresh %t", got, p.fresh())
	}
	p.apply(at(11))
	if !p.fresh() {
		t.Error("not fresh with the first write")
	}
}

func TestPresenceBoundsFreshness(t *testing.T) {
	t.Parallel()
	rows := map[string]struct {
		from, until time.Duration
		want        time.Duration // until when the store is fresh, zero = never
	}{
		"listed for long":           {1, time.Hour, 15 * time.Second},
		"not listed":                {0, 0, 0},
		"listed since the proof":    {10*time.Second + 1, time.Hour, 0},
		"listed for a shorter time": {1, 12 * time.Second, 12 * time.Second},
		"listed no longer":          {1, 10 * time.Second, 0},
		"listed as the proof began": {10 * time.Second, time.Hour, 15 * time.Second},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := &hand{now: 10 * time.Second}
			p := newProgress(h.elapsed, func() (time.Duration, time.Duration) { return row.from, row.until }, testBounds(0))
			p.open(at(100))
			listed := row.from > 0 && row.from <= h.now
			if got := p.finish(p.begin(), same(100)); (got == good) != listed || (got == unlisted) == listed {
				t.Errorf("a proof is %v", got)
			}
			freshUntil(t, p, h, max(row.want, h.now), row.want > 0)
		})
	}
}

// TestPresenceIsJudgedWhenAProofComesToHold: a gateway that was off the list in
// between may have been taken for one that decides nothing.
func TestPresenceIsJudgedWhenAProofComesToHold(t *testing.T) {
	t.Parallel()
	h := &hand{now: 10 * time.Second}
	from := time.Second
	p := newProgress(h.elapsed, func() (time.Duration, time.Duration) { return from, time.Hour }, testBounds(0))
	p.open(at(100))
	p.finish(p.begin(), same(101))
	from = 11 * time.Second
	h.now = 12 * time.Second
	p.apply(at(101))
	if p.fresh() {
		t.Error("a proof from before the gateway was listed again counts")
	}
	p.finish(p.begin(), same(101))
	if !p.fresh() {
		t.Error("one from after does not")
	}
}

func TestStateAndWrites(t *testing.T) {
	t.Parallel()
	h := &hand{now: 10 * time.Second}
	p := newProgress(h.elapsed, always, testBounds(60*time.Second))
	p.open(at(100))
	p.finish(p.begin(), same(100))
	for _, row := range []struct {
		when  time.Duration
		state State
		fresh bool
		lasts time.Duration
		write error
	}{
		{10 * time.Second, Fresh, true, 5 * time.Second, nil},
		{15*time.Second - 1, Fresh, true, 1, nil},
		{15 * time.Second, Late, true, 60 * time.Second, tokens.ErrStale},
		{75*time.Second - 1, Late, true, 1, tokens.ErrStale},
		{75 * time.Second, Stale, false, 0, tokens.ErrStale},
	} {
		h.now = row.when
		state, lasts := p.state()
		_, err := p.writable()
		if state != row.state || lasts != row.lasts || p.fresh() != row.fresh || !errors.Is(err, row.write) {
			t.Errorf("after %s: %v for %s, fresh %t, writes %v; want %+v", row.when, state, lasts, p.fresh(), err, row)
		}
	}
}

func TestWritesEndTwoSecondsAfterTheEngine(t *testing.T) {
	t.Parallel()
	p, h := started()
	p.finish(p.begin(), same(100))
	for _, row := range []struct {
		when time.Duration
		fail bool
		want error
	}{
		{11 * time.Second, true, nil},
		{12*time.Second - 1, false, nil},
		{12 * time.Second, false, tokens.ErrStale},
		{14 * time.Second, true, tokens.ErrStale},
	} {
		h.now = row.when
		if row.fail {
			p.fail()
		}
		if _, err := p.writable(); !errors.Is(err, row.want) {
			t.Errorf("after %s: %v, want %v", row.when, err, row.want)
		}
	}
	if p.finish(p.begin(), same(100)); p.failed {
		t.Error("an answer does not end it")
	}
	if before, err := p.writable(); before != 100 || err != nil {
		t.Errorf("writable = %d, %v", before, err)
	}
}

func TestSilenceIsNoticed(t *testing.T) {
	t.Parallel()
	p, h := started()
	for i, row := range []struct {
		after time.Duration
		head  uint64
		apply uint64 // before the proof; zero = nothing
		want  verdict
	}{
		{0, 100, 0, good},
		{time.Second, 101, 0, lagging},
		{time.Second, 102, 0, lagging},
		{1, 103, 0, silent},
		{time.Second, 104, 0, lagging}, // the next member is given as long
		{500 * time.Millisecond, 105, 102, lagging},
		{time.Second, 105, 0, lagging},
		{time.Second, 105, 105, good},
		{5 * time.Second, 106, 0, lagging},
		{5 * time.Second, 106, 0, silent},
	} {
		h.now += row.after
		if row.apply > 0 {
			p.apply(at(row.apply))
		}
		if got := p.finish(p.begin(), same(row.head)); got != row.want {
			t.Errorf("step %d: %v, want %v", i, got, row.want)
		}
	}
}

func TestClaimsAreBounded(t *testing.T) {
	t.Parallel()
	p, h := started()
	for n := range uint64(10 * maxClaims) {
		h.now += time.Second
		p.finish(p.begin(), same(101+n))
	}
	if len(p.pending) != maxClaims {
		t.Errorf("%d proofs wait", len(p.pending))
	}
	p.apply(at(1000))
	if !p.fresh() || len(p.pending) != 0 {
		t.Errorf("fresh %t, %d wait still", p.fresh(), len(p.pending))
	}
}
