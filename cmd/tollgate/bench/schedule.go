package main

import (
	"slices"
	"time"
)

// schedule says when requests are sent. The zero value, begun, sends one as
// soon as a connection is free.
type schedule struct {
	rate float64 // requests per second; 0 = as many as are answered
	most uint64  // how many at all; 0 = any number

	start, end time.Time
	sent       uint64
}

func (p *schedule) begin(start, end time.Time) { p.start, p.end, p.sent = start, end, 0 }

// next returns when the next request is due, if it is. Time counts from there:
// a request that had to wait for a connection took longer, which a schedule
// that waits for answers would not see.
func (p *schedule) next(now time.Time) (time.Time, bool) {
	if p.most > 0 && p.sent >= p.most {
		return time.Time{}, false
	}
	due := now
	if p.rate > 0 {
		due = p.start.Add(time.Duration(float64(p.sent) / p.rate * float64(time.Second)))
	}
	if due.After(now) || due.After(p.end) {
		return time.Time{}, false
	}
	p.sent++
	return due, true
}

// goesOn reports whether there will be another request.
func (p *schedule) goesOn(now time.Time) bool {
	return !now.After(p.end) && (p.most == 0 || p.sent < p.most)
}

// finest is the shortest time between two looks at the schedule: more of them
// would take the core from the backend.
const finest = 50 * time.Microsecond

// resolution is how often a schedule with a rate has to be looked at.
func (p *schedule) resolution() time.Duration {
	return max(time.Duration(float64(time.Second)/p.rate), finest)
}

// queue holds clients in the order in which they came, so that all are used
// alike. The zero value is empty.
type queue struct {
	clients []*client // a ring
	first   int
	count   int
}

func (q *queue) empty() bool { return q.count == 0 }

func (q *queue) put(c *client) {
	if q.count == len(q.clients) {
		q.clients = append(slices.Concat(q.clients[q.first:], q.clients[:q.first]), make([]*client, max(q.count, 16))...)
		q.first = 0
	}
	q.clients[(q.first+q.count)%len(q.clients)] = c
	q.count++
}

// take returns the client that came first; there must be one.
func (q *queue) take() *client {
	c := q.clients[q.first]
	q.first = (q.first + 1) % len(q.clients)
	q.count--
	return c
}

// remove takes out one client.
func (q *queue) remove(gone *client) {
	for range q.count {
		if c := q.take(); c != gone {
			q.put(c)
		}
	}
}
