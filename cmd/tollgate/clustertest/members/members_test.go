package members

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// within is the context of calls that must come to an end.
func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// again does something until it succeeds. An attempt has a time of its own: what
// is sent to a stopped member is never answered.
func again(t *testing.T, do func(ctx context.Context) error) {
	t.Helper()
	for all := within(t); ; {
		ctx, cancel := context.WithTimeout(all, 5*time.Second)
		err := do(ctx)
		cancel()
		if err == nil {
			return
		}
		if all.Err() != nil {
			t.Fatal(err)
		}
	}
}

func put(t *testing.T, c *clientv3.Client, value string) (revision int64) {
	t.Helper()
	again(t, func(ctx context.Context) error {
		r, err := c.Put(ctx, "k", value)
		if err == nil {
			revision = r.Header.Revision
		}
		return err
	})
	return revision
}

func valueOf(t *testing.T, c *clientv3.Client) (r *clientv3.GetResponse, value string) {
	t.Helper()
	again(t, func(ctx context.Context) (err error) {
		r, err = c.Get(ctx, "k")
		return err
	})
	if len(r.Kvs) != 1 {
		t.Fatalf("got %v", r.Kvs)
	}
	return r, string(r.Kvs[0].Value)
}

func wantValue(t *testing.T, c *clientv3.Client, want string) *clientv3.GetResponse {
	t.Helper()
	r, got := valueOf(t, c)
	if got != want {
		t.Fatalf("got %q, want %q", got, want)
	}
	return r
}

func TestSinglePutsAndGets(t *testing.T) {
	c := Single(t)
	put(t, c.Client(t), "v")
	wantValue(t, c.Client(t), "v")
	if c.Leader(t) != c.Member(0) || len(c.Members()) != 1 || c.Member(0).Name() != "m0" {
		t.Fatal("not one member that leads")
	}
	if got := c.Endpoints(); len(got) != 1 || got[0] != c.Member(0).Endpoint() {
		t.Fatal(got)
	}
}

func TestSingleKeepsItsDataWhenRestarted(t *testing.T) {
	c := Single(t)
	cl := c.Client(t)
	put(t, cl, "v")
	c.Member(0).Kill()
	c.Member(0).Kill() // one that does not run stays so
	if c.Member(0).Leader() {
		t.Fatal("a dead member leads")
	}
	c.Member(0).Restart()
	wantValue(t, cl, "v")
	c.Member(0).Restart()
	wantValue(t, cl, "v")
}

func TestSnapshotsAreRestored(t *testing.T) {
	for name, row := range map[string]struct {
		options     []RestoreOption
		sameCluster bool
		bump        int64
	}{
		"with the same cluster id": {nil, true, 0},
		"with another cluster id":  {[]RestoreOption{AnotherCluster()}, false, 0},
		"with a bump of revisions": {[]RestoreOption{Bump(1000)}, true, 1000},
		"another, and with a bump": {[]RestoreOption{AnotherCluster(), Bump(1000)}, false, 1000},
	} {
		t.Run(name, func(t *testing.T) {
			c := Single(t)
			cl := c.Client(t)
			at := put(t, cl, "old")
			file := c.Snapshot(t)
			put(t, cl, "new")
			before := wantValue(t, cl, "new").Header
			c.Restore(t, file, row.options...)
			after := wantValue(t, c.Client(t), "old").Header
			if same := before.ClusterId == after.ClusterId; same != row.sameCluster {
				t.Errorf("cluster %x before, %x after", before.ClusterId, after.ClusterId)
			}
			if after.Revision != at+row.bump {
				t.Errorf("revision %d, want %d", after.Revision, at+row.bump)
			}
			put(t, c.Client(t), "and it goes on")
		})
	}
}

func TestCompactForgets(t *testing.T) {
	c := Single(t)
	cl := c.Client(t)
	first := put(t, cl, "1")
	put(t, cl, "2")
	at := c.Compact(t)
	if _, err := cl.Get(within(t), "k", clientv3.WithRev(first)); !errors.Is(err, rpctypes.ErrCompacted) {
		t.Fatalf("revision %d after compaction at %d: %v", first, at, err)
	}
	wantValue(t, cl, "2")
}

func TestCompactionByTimeForgets(t *testing.T) {
	c := Single(t, Compaction(100*time.Millisecond))
	cl := c.Client(t)
	first := put(t, cl, "1")
	until(t, "compaction", func() bool {
		put(t, cl, "2")
		_, err := cl.Get(within(t), "k", clientv3.WithRev(first))
		return errors.Is(err, rpctypes.ErrCompacted)
	})
}

func TestFullQuotaRefusesWrites(t *testing.T) {
	c := Single(t, QuotaBytes(2<<20))
	cl := c.Client(t)
	large := make([]byte, 256<<10)
	var err error
	for i := 0; err == nil && i < 100; i++ {
		_, err = cl.Put(within(t), fmt.Sprint(i), string(large))
	}
	if !errors.Is(err, rpctypes.ErrNoSpace) {
		t.Fatal(err)
	}
}

func TestMembersInsideCannotBeStopped(t *testing.T) {
	if err := (inside{}).stop(); !errors.Is(err, errInside) {
		t.Error(err)
	}
	if err := (inside{}).resume(); !errors.Is(err, errInside) {
		t.Error(err)
	}
}

func TestThreeGoOn(t *testing.T) {
	c := Three(t)
	cl := c.Client(t)
	put(t, cl, "1")

	t.Log("without a killed leader")
	dead := c.Leader(t)
	dead.Kill()
	put(t, cl, "2")
	if c.Leader(t) == dead {
		t.Fatal("the dead member leads")
	}
	dead.Restart()
	wantValue(t, dead.Client(t), "2")

	t.Log("without a stopped leader")
	frozen := c.Leader(t)
	frozen.Stop()
	put(t, c.Client(t), "3")
	if c.Leader(t) == frozen {
		t.Fatal("the stopped member leads")
	}
	frozen.Continue()
	wantValue(t, frozen.Client(t), "3")

	t.Log("not without two")
	c.Leader(t).Kill()
	c.Member(2).Kill()
	c.Member(1).Kill()
	short, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if _, err := c.Client(t).Put(short, "k", "no"); err == nil {
		t.Fatal("a put without a quorum")
	}
	c.Restart(t)
	if _, got := valueOf(t, c.Client(t)); got != "3" && got != "no" {
		t.Fatal(got)
	}
}

func TestThreeAreRestored(t *testing.T) {
	c := Three(t)
	put(t, c.Client(t), "old")
	file := c.Snapshot(t)
	put(t, c.Client(t), "new")
	if c.Follower(t) == c.Leader(t) {
		t.Fatal("a follower leads")
	}
	c.Follower(t).Stop() // a stopped member is restored too
	c.Restore(t, file)
	for _, m := range c.Members() {
		wantValue(t, m.Client(t), "old")
	}
}

func TestMainIsForMembersAlone(t *testing.T) {
	Main() // returns: the variable is not set
	if err := runMember("{"); err == nil {
		t.Error("a spec that is none runs")
	}
	if _, ok := os.LookupEnv(variable); ok {
		t.Error("a test runs as a member")
	}
}
