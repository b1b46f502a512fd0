package model

import (
	"fmt"
	"slices"
	"time"
)

// Rule is what a history can break.
type Rule string

// The rules.
const (
	// RevokedAccepted: a use passed that began later than the acknowledgement
	// of a revoke and the bound.
	RevokedAccepted Rule = "a revoked token is accepted"
	// CreatedUnknown: a use or a revoke was refused that began later than the
	// acknowledgement of the create and the bound, and nobody else had begun
	// to revoke the token.
	CreatedUnknown Rule = "a token that was made is refused"
	// StaleAccepted: a use passed, or a write was acknowledged, that began and
	// ended while the gateway could not be fresh.
	StaleAccepted Rule = "a gateway accepts while it cannot be fresh"
	// RefusedForwarded: the server behind the gateway saw a use that the
	// gateway says it refused, or did not see one that was accepted.
	RefusedForwarded Rule = "what a gateway says is not what it did"
	// Unavailable: an operation was not decided though nothing was broken that
	// it needs.
	Unavailable Rule = "no decision without a reason"
	// Strange: an operation had an outcome that none can have.
	Strange Rule = "an answer that nobody expects"
)

// Violation is an operation that breaks a rule.
type Violation struct {
	Rule Rule
	By   Operation
	// About is what the operation contradicts, if that is another operation.
	About *Operation
}

func (v Violation) String() string {
	if v.About == nil {
		return fmt.Sprintf("%s: %s", v.Rule, v.By)
	}
	return fmt.Sprintf("%s: %s, after %s", v.Rule, v.By, v.About)
}

// Bounds are the times within which an acknowledged write holds on the other
// gateways. On the gateway that acknowledged it, it holds at once.
type Bounds struct {
	Healthy time.Duration // with nothing broken
	Faulty  time.Duration // with a fault
	// Settling is how long after its end a fault counts.
	Settling time.Duration
}

// Check returns all that broke a rule. The operations must have ended.
func (h *History) Check(b Bounds) []Violation {
	all := h.Operations()
	h.mu.Lock()
	defer h.mu.Unlock()
	c := &check{History: h, bounds: b, created: map[string]Operation{}, revokes: map[string][]Operation{}}
	for _, o := range all {
		switch {
		case o.Kind == Create && o.Outcome == Accepted:
			c.created[o.Token] = o
		case o.Kind == Revoke:
			c.revokes[o.Token] = append(c.revokes[o.Token], o)
		}
	}
	for _, o := range all {
		c.judge(o)
	}
	return c.found
}

type check struct {
	*History
	bounds  Bounds
	created map[string]Operation
	revokes map[string][]Operation
	found   []Violation
}

func (c *check) report(r Rule, by Operation, about *Operation) {
	c.found = append(c.found, Violation{r, by, about})
}

func (c *check) judge(o Operation) {
	switch o.Outcome {
	case Accepted, Refused:
	case Closed, NoAnswer:
		c.judgeAvailability(o)
	default:
		c.report(Strange, o, nil)
	}
	switch o.Kind {
	case Use:
		c.judgeUse(o)
	case Create, Revoke:
		c.judgeWrite(o)
	default:
		c.report(Strange, o, nil)
	}
}

func (c *check) judgeAvailability(o Operation) {
	if c.during(c.away, o) || c.anyOf(c.starved, o.Start, o.End) {
		return
	}
	if o.Kind != Use && c.faulty(o.Start, o.End) {
		return
	}
	c.report(Unavailable, o, nil)
}

// during says whether an operation was under way in a window of its gateway.
func (c *check) during(windows []*Window, o Operation) bool {
	return slices.ContainsFunc(windows, func(w *Window) bool {
		return w.gateway == o.Gateway && w.overlaps(o.Start, o.End, 0)
	})
}

func (c *check) faulty(from, to time.Duration) bool { return c.anyOf(c.faults, from, to) }

// anyOf says whether some of a time is in a window or in the time that it takes
// to settle afterwards.
func (c *check) anyOf(windows []*Window, from, to time.Duration) bool {
	return slices.ContainsFunc(windows, func(w *Window) bool { return w.overlaps(from, to, c.bounds.Settling) })
}

// slow says whether news may come late to a gateway: something is broken for
// all, or the gateway itself was away.
func (c *check) slow(gateway string, from, to time.Duration) bool {
	return c.faulty(from, to) || c.anyOf(c.starved, from, to) || slices.ContainsFunc(c.away, func(w *Window) bool {
		return w.gateway == gateway && w.overlaps(from, to, c.bounds.Settling)
	})
}

func (c *check) judgeUse(o Operation) {
	if o.Forwarded && (o.Outcome == Refused || o.Outcome == Closed) || !o.Forwarded && o.Outcome == Accepted {
		c.report(RefusedForwarded, o, nil)
	}
	if o.passed() {
		c.judgePassed(o)
	}
	if o.Outcome == Refused {
		c.judgeRefused(o)
	}
}

func (c *check) judgeWrite(o Operation) {
	switch {
	case o.Outcome == Accepted:
		c.judgeMute(o)
	case o.Outcome == Refused && o.Kind == Revoke:
		c.judgeRefused(o)
	case o.Outcome == Refused:
		c.report(Strange, o, nil)
	}
}

func (c *check) judgePassed(use Operation) {
	for _, r := range c.revokes[use.Token] {
		if r.Outcome == Accepted && c.holds(r, use) {
			c.report(RevokedAccepted, use, &r)
			break
		}
	}
	c.judgeMute(use)
}

func (c *check) judgeMute(passed Operation) {
	for _, w := range c.mute {
		if w.gateway == passed.Gateway && passed.Start >= w.from && passed.End <= w.to {
			c.report(StaleAccepted, passed, nil)
		}
	}
}

func (c *check) judgeRefused(o Operation) {
	created, ok := c.created[o.Token]
	if !ok {
		c.report(Strange, o, nil) // how can the client know it?
		return
	}
	for _, r := range c.revokes[o.Token] {
		if r != o && r.Outcome != Refused && r.Start <= o.End {
			return // it may have happened
		}
	}
	if c.holds(created, o) {
		c.report(CreatedUnknown, o, &created)
	}
}

// holds says whether an acknowledged write must be known to the gateway of a
// use.
func (c *check) holds(write, use Operation) bool {
	for _, w := range c.rollbacks {
		if write.End >= w.from && write.Start <= w.to && use.End >= w.to {
			return false // written after the snapshot, judged after its return
		}
	}
	bound := time.Duration(0)
	if write.Gateway != use.Gateway {
		if bound = c.bounds.Healthy; c.slow(use.Gateway, write.End, write.End+bound) {
			bound = c.bounds.Faulty
		}
	}
	return use.Start > write.End+bound
}
