package metrics

import (
	"slices"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// answers finds the series of an answer by its method and its status, without
// a hash of either.
type answers struct {
	methods  []string // that are counted by their names
	rows     []byCode // of each of them, and of all others
	requests children[request, prometheus.Counter]
	latency  children[class, prometheus.Observer]
}

// answer is what is counted of one method with one status.
type answer struct {
	requests prometheus.Counter
	latency  prometheus.Observer
}

// byCode is empty until its method is seen.
type byCode struct {
	slots atomic.Pointer[[statuses]slot[answer]]
}

// The statuses that have a slot each; all that cannot be one share the first.
const (
	minStatus = 100
	maxStatus = 599
	statuses  = maxStatus - minStatus + 2
)

func newAnswers() *answers {
	names := methodNames()
	return &answers{methods: names, rows: make([]byCode, len(names)+1)}
}

// of returns the series of an answer.
func (a *answers) of(method string, status int) answer {
	row := slices.Index(a.methods, method)
	if row < 0 {
		row, method = len(a.methods), other
	}
	slots := a.rows[row].slots.Load()
	if slots == nil {
		a.rows[row].slots.CompareAndSwap(nil, &[statuses]slot[answer]{})
		slots = a.rows[row].slots.Load()
	}
	place := 0
	if status >= minStatus && status <= maxStatus {
		place = status - minStatus + 1
	}
	if found := slots[place].child.Load(); found != nil {
		return *found
	}
	return slots[place].fill(answer{
		requests: a.requests.of(request{method: method, code: codeOf(status)}),
		latency:  a.latency.of(classOf(status)),
	})
}
