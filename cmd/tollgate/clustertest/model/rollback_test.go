package model

import "testing"

// TestCheckOfAnEngineThatWentBack is about what was written after a snapshot
// that was restored.
func TestCheckOfAnEngineThatWentBack(t *testing.T) {
	judge(t, map[string]row{
		"unknown after the engine went back: fine": {func(p play) {
			w := p.at(1000).RollBack()
			p.created("t", "a", 1001, 1010)
			p.used("t", "a", 1011, 1012, Accepted)
			p.at(2000)
			w.End()
			p.used("t", "a", 3001, 3002, Refused)
		}, nil},
		"unknown before the engine went back": {func(p play) {
			w := p.at(1000).RollBack()
			p.created("t", "a", 1001, 1010)
			p.used("t", "a", 1011, 1012, Refused)
			p.at(2000)
			w.End()
		}, []Rule{CreatedUnknown}},
		"unknown though it is in the snapshot": {func(p play) {
			p.created("t", "a", 0, 999)
			p.during(p.RollBack, 1000, 2000)
			p.used("t", "a", 3001, 3002, Refused)
		}, []Rule{CreatedUnknown}},
		"accepted again after the engine went back: fine": {func(p play) {
			p.created("t", "a", 0, 10)
			w := p.at(1000).RollBack()
			p.revoked("t", "a", 1001, 1010, Accepted)
			p.at(2000)
			w.End()
			p.used("t", "a", 3001, 3002, Accepted)
		}, nil},
		"accepted though the revoke is in the snapshot": {func(p play) {
			p.created("t", "a", 0, 10)
			p.revoked("t", "a", 900, 999, Accepted)
			p.during(p.RollBack, 1000, 2000)
			p.used("t", "a", 3001, 3002, Accepted)
		}, []Rule{RevokedAccepted}},
		"revoked after the engine went back": {func(p play) {
			p.created("t", "a", 0, 10)
			p.during(p.RollBack, 1000, 2000)
			p.revoked("t", "a", 2001, 2002, Accepted)
			p.used("t", "a", 3001, 3002, Accepted)
		}, []Rule{RevokedAccepted}},
	})
}
