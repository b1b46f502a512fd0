package members

import (
	"context"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
)

// Member is one member of a cluster. Its methods are for one goroutine at a
// time.
type Member struct {
	t       testing.TB
	spec    spec
	run     func(spec) (runner, error)
	running runner // nil while it does not run
	stopped bool
	log     string // of the runs that have ended
}

// Endpoint is its address for clients, host:port. It stays the same.
func (m *Member) Endpoint() string { return m.spec.Client }

// Name is its name in the cluster.
func (m *Member) Name() string { return m.spec.Name }

// Kill ends it at once, with SIGKILL where it is a process. One that does not
// run stays so.
func (m *Member) Kill() {
	if m.running == nil {
		return
	}
	m.running.kill()
	m.log += m.running.output()
	m.running, m.stopped = nil, false
}

// Stop halts its process with SIGSTOP: connections stay open, and nobody
// answers, but for what is on the way at this moment.
func (m *Member) Stop() { m.must((runner).stop); m.stopped = true }

// Continue lets it go on after Stop.
func (m *Member) Continue() { m.must((runner).resume); m.stopped = false }

func (m *Member) must(do func(runner) error) {
	m.t.Helper()
	if m.running == nil {
		m.t.Fatalf("%s does not run", m.spec.Name)
	}
	if err := do(m.running); err != nil {
		m.t.Fatal(err)
	}
}

// Restart ends it if it runs and starts it with the data and the address it
// had. It waits until the member is ready, for which most members have to run.
func (m *Member) Restart() {
	m.t.Helper()
	m.Kill()
	m.Start()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := m.running.ready(ctx); err != nil {
		m.t.Fatal(err)
	}
}

// Start starts it unless it runs, and does not wait.
func (m *Member) Start() {
	m.t.Helper()
	if err := m.begin(); err != nil {
		m.t.Fatal(err)
	}
}

func (m *Member) begin() error {
	if m.running != nil {
		return nil
	}
	r, err := m.run(m.spec)
	if err != nil {
		return err
	}
	m.running = r
	return nil
}

// Leader says whether it leads the cluster, by its own account. One that does
// not run or is stopped does not, nor one that says nothing for a second.
func (m *Member) Leader() bool {
	if m.running == nil || m.stopped {
		return false
	}
	c, err := clientv3.New(clientv3.Config{Endpoints: []string{m.Endpoint()}, Logger: zap.NewNop()})
	if err != nil {
		return false
	}
	defer func() { _ = c.Close() }() // its one answer is here
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	status, err := c.Status(ctx, m.Endpoint())
	return err == nil && status.Leader == status.Header.MemberId
}

// Client returns a client of this member alone, which is closed when the test
// ends.
func (m *Member) Client(t testing.TB) *clientv3.Client {
	t.Helper()
	return client(t, []string{m.Endpoint()})
}
