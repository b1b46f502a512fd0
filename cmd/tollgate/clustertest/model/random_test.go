package model

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// TestCheckOfManyHistories plays gateways that are as late as they may be, and
// breaks one answer.
func TestCheckOfManyHistories(t *testing.T) {
	for seed := range uint64(40) {
		random := rand.New(rand.NewPCG(seed, 1))
		p := newPlay()
		broken := random.IntN(40)
		for i := range 40 {
			token, own := fmt.Sprint("t", i), fmt.Sprint("g", random.IntN(3))
			made := 100 * i
			ended := made + 3000 + random.IntN(1000)
			p.created(token, own, made, made+5)
			p.revoked(token, own, ended, ended+5, Accepted)
			for at := made + 6; at < ended+4000; at += 1 + random.IntN(300) {
				gateway := fmt.Sprint("g", random.IntN(3))
				late := 0
				if gateway != own {
					late = random.IntN(900)
				}
				outcome := Refused
				if at > made+5+late && at <= ended+5+late {
					outcome = Accepted
				}
				p.used(token, gateway, at, at+1, outcome)
			}
			if i == broken {
				p.used(token, own, ended+6, ended+7, Accepted)
			}
		}
		if got := p.Check(bounds); len(got) != 1 || got[0].Rule != RevokedAccepted || got[0].By.Token != fmt.Sprint("t", broken) {
			t.Fatalf("seed %d: got %v, want the use of t%d alone", seed, got, broken)
		}
	}
}
