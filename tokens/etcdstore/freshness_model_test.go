package etcdstore

import (
	"math/rand/v2"
	"testing"
	"time"

	"tollgate/tokens/etcdstore/engine"
)

// TestFreshMeansKnown plays at random what an engine, a watch and a prover do,
// and looks each time whether a store that says that it is fresh has everything
// that was acknowledged longer ago than its bound.
func TestFreshMeansKnown(t *testing.T) {
	t.Parallel()
	for seed := range uint64(100) {
		random := rand.New(rand.NewPCG(seed, 1))
		p, h := started()
		head := uint64(100)
		written := map[uint64]time.Duration{} // when each revision was acknowledged
		type sent struct {
			proof ticket
			said  *engine.Proof // nil = it has not been answered
		}
		var under []sent
		wasFresh := 0
		for range 400 {
			h.now += time.Duration(random.Int64N(int64(600 * time.Millisecond)))
			switch random.IntN(6) {
			case 0:
				head++
				written[head] = h.now
			case 1:
				if have := p.position(); have.Revision < head {
					p.apply(at(have.Revision + 1 + random.Uint64N(head-have.Revision)))
				}
			case 2:
				under = append(under, sent{proof: p.begin()})
			case 3:
				if len(under) > 0 {
					said := same(head)
					under[random.IntN(len(under))].said = &said
				}
			default:
				if len(under) == 0 {
					break
				}
				i := random.IntN(len(under))
				if under[i].said != nil {
					p.finish(under[i].proof, *under[i].said)
				} else {
					p.fail()
				}
				under = append(under[:i], under[i+1:]...)
			}
			if !p.fresh() {
				continue
			}
			wasFresh++
			have := p.position()
			for revision, when := range written {
				if revision > have.Revision && when <= h.now-5*time.Second {
					t.Fatalf("seed %d: fresh at %s with revision %d, but %d was acknowledged at %s", seed, h.now, have.Revision, revision, when)
				}
			}
		}
		if wasFresh == 0 {
			t.Errorf("seed %d: never fresh", seed)
		}
	}
}
