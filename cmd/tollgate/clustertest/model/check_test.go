package model

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// clock is moved by hand.
type clock struct{ at time.Duration }

func (c *clock) now() time.Duration { return c.at }

// play writes a history, one step a line; the time is in milliseconds.
type play struct {
	clock *clock
	*History
}

func newPlay() play {
	c := &clock{}
	return play{c, New(c.now)}
}

func (p play) at(ms int) play {
	p.clock.at = time.Duration(ms) * time.Millisecond
	return p
}

// created has a token made from one time to another.
func (p play) created(token, gateway string, from, to int) {
	o := p.at(from).Begin(Create, "", gateway)
	p.at(to)
	o.Created(token)
}

func (p play) revoked(token, gateway string, from, to int, outcome Outcome) {
	o := p.at(from).Begin(Revoke, token, gateway)
	p.at(to)
	o.End(outcome, "")
}

func (p play) used(token, gateway string, from, to int, outcome Outcome) {
	o := p.at(from).Begin(Use, token, gateway)
	p.at((from + to) / 2)
	if outcome == Accepted {
		o.Forwarded()
	}
	p.at(to)
	o.End(outcome, "")
}

// from and to open a window and end it.
func (p play) during(open func() *Window, from, to int) {
	p.at(from)
	w := open()
	p.at(to)
	w.End()
}

// The bounds of all rows: 1,000 ms, 6,000 ms with a fault, which counts for
// 5,000 ms more.
var bounds = Bounds{Healthy: time.Second, Faulty: 6 * time.Second, Settling: 5 * time.Second}

// row is a history and what it breaks.
type row struct {
	play func(p play)
	want []Rule
}

func judge(t *testing.T, rows map[string]row) {
	t.Helper()
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			p := newPlay()
			row.play(p)
			var got []Rule
			for _, v := range p.Check(bounds) {
				got = append(got, v.Rule)
				if text := v.String(); !strings.HasPrefix(text, string(v.Rule)) || (v.About != nil) != strings.Contains(text, ", after ") {
					t.Errorf("it is printed as %q", text)
				}
			}
			if !slices.Equal(got, row.want) {
				t.Errorf("got %q, want %q", got, row.want)
			}
		})
	}
}

func TestCheck(t *testing.T) {
	judge(t, map[string]row{
		"nothing: fine": {func(play) {}, nil},
		"a life: fine": {func(p play) {
			p.created("t", "a", 0, 10)
			p.used("t", "a", 11, 12, Accepted)
			p.used("t", "b", 500, 501, Refused)
			p.used("t", "b", 1011, 1012, Accepted)
			p.revoked("t", "b", 2000, 2010, Accepted)
			p.used("t", "b", 2011, 2012, Refused)
			p.used("t", "a", 3009, 3012, Accepted)
			p.used("t", "a", 3011, 3012, Refused)
		}, nil},

		"accepted after a revoke and the bound, on another gateway": {func(p play) {
			p.created("t", "a", 0, 10)
			p.revoked("t", "a", 2000, 2010, Accepted)
			p.used("t", "b", 3011, 3012, Accepted)
		}, []Rule{RevokedAccepted}},
		"accepted after a revoke on the same gateway": {func(p play) {
			p.created("t", "a", 0, 10)
			p.revoked("t", "a", 2000, 2010, Accepted)
			p.used("t", "a", 2011, 2012, Accepted)
		}, []Rule{RevokedAccepted}},
		"begun before the acknowledgement, on the same gateway: fine": {func(p play) {
			p.created("t", "a", 0, 10)
			p.revoked("t", "a", 2000, 2010, Accepted)
			p.used("t", "a", 2010, 9000, Accepted)
		}, nil},
		"given up by the client and forwarded after a revoke": {func(p play) {
			p.created("t", "a", 0, 10)
			p.revoked("t", "a", 2000, 2010, Accepted)
			w := p.at(4000).Away("b")
			o := p.Begin(Use, "t", "b")
			p.at(5000)
			o.End(NoAnswer, "")
			p.at(6000)
			o.Forwarded()
			w.End()
		}, []Rule{RevokedAccepted}},
		"a revoke without an answer binds nobody": {func(p play) {
			p.created("t", "a", 0, 10)
			p.during(p.Fault, 1900, 2000)
			p.revoked("t", "a", 2000, 2010, Closed)
			p.used("t", "a", 9000, 9001, Accepted)
			p.used("t", "a", 9002, 9003, Refused)
		}, nil},
		"two revokes, the first without an answer: the second binds": {func(p play) {
			p.created("t", "a", 0, 10)
			p.during(p.Fault, 1900, 2000)
			p.revoked("t", "a", 2000, 2010, NoAnswer)
			p.revoked("t", "a", 3000, 3010, Accepted)
			p.used("t", "a", 3011, 3012, Accepted)
		}, []Rule{RevokedAccepted}},
		"accepted within the longer bound with a fault: fine": {func(p play) {
			p.created("t", "a", 0, 10)
			p.during(p.Fault, 1500, 1600)
			p.revoked("t", "a", 2000, 2010, Accepted)
			p.used("t", "b", 8009, 8010, Accepted)
		}, nil},
		"accepted beyond the longer bound": {func(p play) {
			p.created("t", "a", 0, 10)
			p.during(p.Fault, 1500, 1600)
			p.revoked("t", "a", 2000, 2010, Accepted)
			p.used("t", "b", 8011, 8012, Accepted)
		}, []Rule{RevokedAccepted}},
		"a fault within the bound of a revoke counts for it": {func(p play) {
			p.created("t", "a", 0, 10)
			p.revoked("t", "a", 2000, 2010, Accepted)
			p.during(p.Fault, 3009, 3010)
			p.used("t", "b", 8009, 8010, Accepted)
		}, nil},
		"a fault later than the bound of a revoke does not": {func(p play) {
			p.created("t", "a", 0, 10)
			p.revoked("t", "a", 2000, 2010, Accepted)
			p.during(p.Fault, 3011, 3012)
			p.used("t", "b", 4000, 4001, Accepted)
		}, []Rule{RevokedAccepted}},
		"a fault that has settled does not": {func(p play) {
			p.created("t", "a", 0, 10)
			p.during(p.Fault, 1500, 1600)
			p.revoked("t", "a", 6601, 6602, Accepted)
			p.used("t", "b", 7700, 7701, Accepted)
		}, []Rule{RevokedAccepted}},
		"accepted late by a gateway that was away: fine": {func(p play) {
			p.created("t", "a", 0, 10)
			p.during(func() *Window { return p.Away("b") }, 1500, 1600)
			p.revoked("t", "a", 2000, 2010, Accepted)
			p.used("t", "b", 8009, 8010, Accepted)
		}, nil},
		"accepted late by another than the one that was away": {func(p play) {
			p.created("t", "a", 0, 10)
			p.during(func() *Window { return p.Away("c") }, 1500, 1600)
			p.revoked("t", "a", 2000, 2010, Accepted)
			p.used("t", "b", 3011, 3012, Accepted)
		}, []Rule{RevokedAccepted}},
		"a fault does not help the gateway that acknowledged": {func(p play) {
			p.created("t", "a", 0, 10)
			p.during(p.Fault, 1500, 9000)
			p.revoked("t", "a", 2000, 2010, Accepted)
			p.used("t", "a", 2011, 2012, Accepted)
		}, []Rule{RevokedAccepted}},

		"refused after the create on the same gateway": {func(p play) {
			p.created("t", "a", 0, 10)
			p.used("t", "a", 11, 12, Refused)
		}, []Rule{CreatedUnknown}},
		"refused after the create and the bound": {func(p play) {
			p.created("t", "a", 0, 10)
			p.used("t", "b", 1011, 1012, Refused)
		}, []Rule{CreatedUnknown}},
		"refused though the revoke begins later": {func(p play) {
			p.created("t", "a", 0, 10)
			p.used("t", "b", 1500, 1600, Refused)
			p.revoked("t", "a", 1601, 1700, Accepted)
		}, []Rule{CreatedUnknown}},
		"refused while the revoke is under way: fine": {func(p play) {
			p.created("t", "a", 0, 10)
			p.revoked("t", "a", 1599, 1700, Accepted)
			p.used("t", "b", 1500, 1600, Refused)
		}, nil},
		"refused for ever after a revoke without an answer: fine": {func(p play) {
			p.created("t", "a", 0, 10)
			p.during(p.Fault, 1000, 1001)
			p.revoked("t", "a", 1500, 1600, NoAnswer)
			p.used("t", "a", 90000, 90001, Refused)
		}, nil},
		"a token that nobody made": {func(p play) { p.used("t", "a", 0, 1, Refused) }, []Rule{Strange}},

		"accepted by a gateway that cannot be fresh": {func(p play) {
			p.created("t", "a", 0, 10)
			p.during(func() *Window { return p.Mute("a") }, 1000, 2000)
			p.used("t", "a", 1001, 1999, Accepted)
		}, []Rule{StaleAccepted}},
		"given up by the client and forwarded by one that cannot be fresh": {func(p play) {
			p.created("t", "a", 0, 10)
			away, mute := p.at(1000).Away("a"), p.Mute("a")
			o := p.Begin(Use, "t", "a")
			p.at(1100)
			o.End(NoAnswer, "")
			p.at(1200)
			o.Forwarded()
			p.at(2000)
			away.End()
			mute.End()
		}, []Rule{StaleAccepted}},
		"made by a gateway that cannot be fresh": {func(p play) {
			p.during(func() *Window { return p.Mute("a") }, 1000, 2000)
			p.created("t", "a", 1001, 1999)
		}, []Rule{StaleAccepted}},
		"revoked by a gateway that cannot be fresh": {func(p play) {
			p.created("t", "a", 0, 10)
			p.during(func() *Window { return p.Mute("a") }, 1000, 2000)
			p.revoked("t", "a", 1001, 1999, Accepted)
		}, []Rule{StaleAccepted}},
		"accepted by another than the one that cannot be fresh: fine": {func(p play) {
			p.created("t", "b", 0, 10)
			p.during(func() *Window { return p.Mute("a") }, 1000, 2000)
			p.used("t", "b", 1001, 1999, Accepted)
		}, nil},
		"accepted partly before and partly after: fine": {func(p play) {
			p.created("t", "a", 0, 10)
			p.during(func() *Window { return p.Mute("a") }, 1000, 2000)
			p.used("t", "a", 999, 1500, Accepted)
			p.used("t", "a", 1500, 2001, Accepted)
		}, nil},

		"refused and forwarded all the same": {func(p play) {
			p.created("t", "b", 0, 10)
			p.revoked("t", "b", 11, 12, Accepted)
			o := p.at(12).Begin(Use, "t", "a")
			o.Forwarded()
			o.End(Refused, "")
		}, []Rule{RefusedForwarded}},
		"closed and forwarded all the same": {func(p play) {
			p.created("t", "a", 0, 10)
			w := p.at(100).Away("a")
			o := p.Begin(Use, "t", "a")
			o.Forwarded()
			o.End(Closed, "")
			w.End()
		}, []Rule{RefusedForwarded}},
		"accepted and not forwarded": {func(p play) {
			p.created("t", "a", 0, 10)
			o := p.at(100).Begin(Use, "t", "a")
			o.End(Accepted, "")
		}, []Rule{RefusedForwarded}},

		"closed without a reason": {func(p play) {
			p.created("t", "a", 0, 10)
			p.used("t", "a", 11, 12, Closed)
		}, []Rule{Unavailable}},
		"not answered without a reason": {func(p play) {
			p.created("t", "a", 0, 10)
			p.used("t", "a", 11, 12, NoAnswer)
		}, []Rule{Unavailable}},
		"closed while another gateway may be": {func(p play) {
			p.created("t", "a", 0, 10)
			p.during(func() *Window { return p.Away("b") }, 0, 100)
			p.used("t", "a", 11, 12, Closed)
		}, []Rule{Unavailable}},
		"closed while it may be: fine": {func(p play) {
			p.created("t", "a", 0, 10)
			p.during(func() *Window { return p.Away("a") }, 12, 100)
			p.used("t", "a", 11, 12, Closed)
			p.used("t", "a", 100, 101, NoAnswer)
		}, nil},
		"closed after it may be": {func(p play) {
			p.created("t", "a", 0, 10)
			p.during(func() *Window { return p.Away("a") }, 12, 100)
			p.used("t", "a", 101, 102, Closed)
		}, []Rule{Unavailable}},
		"a use is closed by a fault of writes": {func(p play) {
			p.created("t", "a", 0, 10)
			p.during(p.Fault, 50, 200)
			p.used("t", "a", 101, 102, Closed)
		}, []Rule{Unavailable}},
		"a write is closed by a fault: fine": {func(p play) {
			p.created("t", "a", 0, 10)
			p.during(p.Fault, 50, 200)
			p.revoked("t", "a", 101, 102, Closed)
			p.revoked("t", "a", 5200, 5300, NoAnswer)
		}, nil},
		"a write is closed without a reason": {func(p play) {
			p.created("t", "a", 0, 10)
			p.revoked("t", "a", 101, 102, Closed)
		}, []Rule{Unavailable}},

		"closed by a machine without time: fine": {func(p play) {
			p.created("t", "a", 0, 10)
			p.at(2000).Starved(time.Second)
			p.used("t", "a", 900, 1000, Closed)
			p.used("t", "a", 7000, 7001, NoAnswer)
			p.used("t", "b", 2000, 2001, Refused)
		}, nil},
		"closed before and long after the machine was without time": {func(p play) {
			p.created("t", "a", 0, 10)
			p.at(2000).Starved(time.Second)
			p.used("t", "a", 900, 999, Closed)
			p.used("t", "a", 7001, 7002, NoAnswer)
		}, []Rule{Unavailable, Unavailable}},
		"a machine without time does not help after the longer bound": {func(p play) {
			p.created("t", "a", 0, 10)
			p.at(90000).Starved(0)
			p.revoked("t", "a", 2000, 2010, Accepted)
			p.used("t", "b", 8010, 8011, Accepted)
			p.used("t", "b", 8011, 8012, Accepted)
		}, []Rule{RevokedAccepted}},

		"an answer that nobody expects": {func(p play) {
			p.created("t", "a", 0, 10)
			p.used("t", "a", 11, 12, Unexpected)
		}, []Rule{Strange}},
		"a create that is refused": {func(p play) {
			o := p.Begin(Create, "", "a")
			o.End(Refused, "")
		}, []Rule{Strange}},
		"revoked by a gateway that must know it, and says it does not": {func(p play) {
			p.created("t", "a", 0, 10)
			p.revoked("t", "a", 11, 12, Refused)
		}, []Rule{CreatedUnknown}},
		"revoked by a gateway that need not know it yet: fine": {func(p play) {
			p.created("t", "a", 0, 10)
			p.revoked("t", "b", 11, 12, Refused)
			p.used("t", "a", 13, 14, Accepted)
			p.used("t", "a", 9000, 9001, Accepted)
		}, nil},
		"a revoke that is refused revokes nothing": {func(p play) {
			p.created("t", "a", 0, 10)
			p.revoked("t", "b", 11, 12, Refused)
			p.used("t", "a", 13, 14, Refused)
		}, []Rule{CreatedUnknown}},
		"revoked twice, the second time refused: fine": {func(p play) {
			p.created("t", "a", 0, 10)
			p.revoked("t", "a", 11, 12, Accepted)
			p.revoked("t", "a", 13, 14, Refused)
		}, nil},
		"an operation of no kind": {func(p play) {
			o := p.Begin(0, "t", "a")
			o.End(Accepted, "")
		}, []Rule{Strange}},
	})
}

func TestStarvedForIsASum(t *testing.T) {
	p := newPlay()
	p.at(2000).Starved(time.Second)
	p.at(9000).Starved(8500 * time.Millisecond)
	if got := p.StarvedFor(); got != 1500*time.Millisecond {
		t.Error(got)
	}
}

func TestNamesOfWhatIsNone(t *testing.T) {
	if got := Kind(9).String() + " " + Outcome(9).String(); got != "kind 9 outcome 9" {
		t.Error(got)
	}
	o := Operation{Kind: Use, Token: "t", Gateway: "g", Outcome: NoAnswer, Forwarded: true, Detail: "EOF"}
	if got := o.String(); got != "use of t on g from 0s to 0s: not answered, forwarded (EOF)" {
		t.Error(got)
	}
}
