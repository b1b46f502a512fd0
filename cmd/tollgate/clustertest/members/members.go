// Package members runs real etcd members for tests: one in the test's own
// process, or three that are processes of their own and can be killed and
// stopped.
package members

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
)

// patience bounds a single wait. Nothing reaches it unless it hangs.
const patience = 60 * time.Second

// Cluster is one member or three, until the test ends.
type Cluster struct {
	t       testing.TB
	members []*Member
}

// Single runs one member in the test's own process. It does not wait for the
// disk; Stop and Continue fail the test.
func Single(t testing.TB, options ...Option) *Cluster {
	t.Helper()
	return start(t, 1, startInside, append(options, func(s *settings) { s.NoSync = true }))
}

// Three runs three members, each a process of its own: the test binary itself,
// whose TestMain has to call Main first.
func Three(t testing.TB, options ...Option) *Cluster {
	t.Helper()
	return start(t, 3, startSeparate, options)
}

func start(t testing.TB, n int, run func(spec) (runner, error), options []Option) *Cluster {
	t.Helper()
	var set settings
	for _, o := range options {
		o(&set)
	}
	c := &Cluster{t: t}
	dir := t.TempDir()
	t.Cleanup(c.end)
	for range 5 {
		all, err := specs(dir, n, set)
		if err != nil {
			t.Fatal(err)
		}
		c.members = c.members[:0]
		for _, s := range all {
			c.members = append(c.members, &Member{t: t, spec: s, run: run})
		}
		if err = c.begin(); err == nil {
			return c
		}
		c.kill()
		if !inUse(err) {
			t.Fatal(err)
		}
		for _, s := range all {
			if err := os.RemoveAll(s.Dir); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Fatal("other processes take each port before a member does")
	return nil
}

// begin starts the members that do not run and waits until all are ready.
func (c *Cluster) begin() error {
	for _, m := range c.members {
		if err := m.begin(); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for _, m := range c.members {
		if err := m.running.ready(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (c *Cluster) kill() {
	for _, m := range c.members {
		m.Kill()
	}
}

// end ends all members and shows what they logged if the test failed.
func (c *Cluster) end() {
	c.kill()
	if !c.t.Failed() {
		return
	}
	for _, m := range c.members {
		if m.log != "" {
			c.t.Logf("%s logged:\n%s", m.spec.Name, m.log)
		}
	}
}

// Endpoints are the addresses of all members for clients, host:port.
func (c *Cluster) Endpoints() []string {
	all := make([]string, len(c.members))
	for i, m := range c.members {
		all[i] = m.Endpoint()
	}
	return all
}

// Client returns a client of all members, which is closed when the test ends.
func (c *Cluster) Client(t testing.TB) *clientv3.Client {
	t.Helper()
	return client(t, c.Endpoints())
}

func client(t testing.TB, endpoints []string) *clientv3.Client {
	t.Helper()
	cl, err := clientv3.New(clientv3.Config{Endpoints: endpoints, DialTimeout: patience, Logger: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cl.Close(); err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	return cl
}

// Members are all members, running or not.
func (c *Cluster) Members() []*Member { return c.members }

// Member returns the member with a number, from zero.
func (c *Cluster) Member(i int) *Member { return c.members[i] }

// Leader waits until a member leads and returns it.
func (c *Cluster) Leader(t testing.TB) *Member {
	t.Helper()
	var leader *Member
	until(t, "a leader", func() bool {
		for _, m := range c.members {
			if m.Leader() {
				leader = m
				return true
			}
		}
		return false
	})
	return leader
}

// Follower waits until a member leads and returns one that does not.
func (c *Cluster) Follower(t testing.TB) *Member {
	t.Helper()
	leader := c.Leader(t)
	for _, m := range c.members {
		if m != leader {
			return m
		}
	}
	t.Fatal("a cluster of one has no follower")
	return nil
}

// Restart starts the members that do not run, waits until they are ready, and
// fails the test if they do not get so.
func (c *Cluster) Restart(t testing.TB) {
	t.Helper()
	if err := c.begin(); err != nil {
		t.Fatal(err)
	}
}

// until asks until it is so. There is nothing to wait for in a server that is
// asked from outside.
func until(t testing.TB, what string, so func() bool) {
	t.Helper()
	tries := time.NewTicker(20 * time.Millisecond)
	defer tries.Stop()
	limit := time.After(patience)
	for !so() {
		select {
		case <-tries.C:
		case <-limit:
			t.Fatalf("no %s", what)
		}
	}
}
