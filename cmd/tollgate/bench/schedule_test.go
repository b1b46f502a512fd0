package main

import (
	"slices"
	"testing"
	"time"
)

func TestSchedule(t *testing.T) {
	t.Parallel()
	start := time.Unix(1000, 0)
	const second = time.Second
	rows := []struct {
		name string
		plan schedule
		asks []time.Duration // after the start
		want []time.Duration // when the request was due; -1 = none was
		ends bool            // that there will be no other
	}{
		{"as fast as can be", schedule{}, []time.Duration{0, 0, second}, []time.Duration{0, 0, second}, false},
		{"as fast as can be, at the end", schedule{}, []time.Duration{10 * second, 10*second + 1}, []time.Duration{10 * second, -1}, false},
		{"at a rate, looked at early", schedule{rate: 2}, []time.Duration{0, 1, second / 2}, []time.Duration{0, -1, second / 2}, false},
		{"at a rate, looked at late", schedule{rate: 2}, []time.Duration{2 * second, 2 * second, 2 * second}, []time.Duration{0, second / 2, second}, false},
		{"at a rate, after the end", schedule{rate: 0.1}, []time.Duration{25 * second, 25 * second, 25 * second}, []time.Duration{0, 10 * second, -1}, false},
		{"so many", schedule{most: 2}, []time.Duration{0, 0, 0}, []time.Duration{0, 0, -1}, true},
		{"so many at a rate", schedule{rate: 1, most: 1}, []time.Duration{5 * second, 5 * second}, []time.Duration{0, -1}, true},
	}
	for _, row := range rows {
		p := row.plan
		p.begin(start, start.Add(10*second))
		var got []time.Duration
		for _, at := range row.asks {
			due, is := p.next(start.Add(at))
			after := due.Sub(start)
			if !is {
				after = -1
			}
			got = append(got, after)
		}
		if !slices.Equal(got, row.want) {
			t.Errorf("%s: %v, want %v", row.name, got, row.want)
		}
		if p.goesOn(start.Add(second)) == row.ends {
			t.Errorf("%s: ends %v", row.name, !row.ends)
		}
	}
}

func TestScheduleEndsWithItsTime(t *testing.T) {
	t.Parallel()
	var p schedule
	p.begin(time.Unix(0, 0), time.Unix(10, 0))
	if !p.goesOn(time.Unix(10, 0)) || p.goesOn(time.Unix(10, 1)) {
		t.Error("it does not end when it should")
	}
}

func TestScheduleIsNotLookedAtTooOften(t *testing.T) {
	t.Parallel()
	for rate, want := range map[float64]time.Duration{1: time.Second, 1000: time.Millisecond, 20_000: finest, 1e9: finest} {
		p := schedule{rate: rate}
		if got := p.resolution(); got != want {
			t.Errorf("%v: %s, want %s", rate, got, want)
		}
	}
}

func TestQueueGivesBackInOrder(t *testing.T) {
	t.Parallel()
	all := make([]*client, 100)
	for i := range all {
		all[i] = &client{}
	}
	var q queue
	next := 0 // to be taken
	for i, c := range all {
		q.put(c)
		if i%3 == 2 {
			if got := q.take(); got != all[next] {
				t.Fatalf("%d is not next", next)
			}
			next++
		}
	}
	q.remove(all[50])
	q.remove(&client{}) // one that is not there
	for ; !q.empty(); next++ {
		if next == 50 {
			next++
		}
		if got := q.take(); got != all[next] {
			t.Fatalf("%d is not next", next)
		}
	}
	if next != len(all) {
		t.Errorf("%d came back", next)
	}
}
