package members

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/etcdutl/v3/snapshot"
	"go.uber.org/zap"
)

// Compact has etcd forget all history before its current revision, which it
// returns.
func (c *Cluster) Compact(t testing.TB) int64 {
	t.Helper()
	cl := c.Client(t)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	now, err := cl.Get(ctx, "-")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cl.Compact(ctx, now.Header.Revision, clientv3.WithCompactPhysical()); err != nil {
		t.Fatal(err)
	}
	return now.Header.Revision
}

// Snapshot saves all that the cluster holds, as `etcdctl snapshot save` does,
// and returns the file.
func (c *Cluster) Snapshot(t testing.TB) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	data, err := c.Leader(t).Client(t).Snapshot(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = data.Close() }() // all of it was read
	name := filepath.Join(t.TempDir(), "snapshot.db")
	f, err := os.Create(name) //nolint:gosec // in a directory of the test's
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(f, data); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return name
}

// RestoreOption changes how a snapshot is restored.
type RestoreOption func(*restoring)

type restoring struct {
	token string
	bump  uint64
}

// AnotherCluster gives the restored cluster another cluster id. Without it the
// id stays the same, since the members and their token do: nothing but the data
// tells then that it went back.
func AnotherCluster() RestoreOption { return func(r *restoring) { r.token += "x" } }

// Bump adds n to the revision and marks all before as compacted, as
// `etcdutl snapshot restore --bump-revision --mark-compacted` does.
func Bump(n uint64) RestoreOption { return func(r *restoring) { r.bump = n } }

// Restore ends all members, gives each the data of a snapshot in place of its
// own, as `etcdutl snapshot restore` does, and starts them again at their
// addresses.
func (c *Cluster) Restore(t testing.TB, file string, options ...RestoreOption) {
	t.Helper()
	c.kill()
	r := restoring{token: c.members[0].spec.Token}
	for _, o := range options {
		o(&r)
	}
	for _, m := range c.members {
		m.spec.Token = r.token
		if err := m.restore(file, r); err != nil {
			t.Fatal(err)
		}
	}
	c.Restart(t)
}

func (m *Member) restore(file string, r restoring) error {
	if err := os.RemoveAll(m.spec.Dir); err != nil {
		return err
	}
	peer := urlOf(m.spec.Peer)
	err := snapshot.NewV3(zap.NewNop()).Restore(snapshot.RestoreConfig{
		SnapshotPath: file, Name: m.spec.Name, OutputDataDir: m.spec.Dir, PeerURLs: []string{peer.String()},
		InitialCluster: m.spec.Cluster, InitialClusterToken: r.token, RevisionBump: r.bump, MarkCompacted: r.bump > 0,
	})
	if err != nil {
		return fmt.Errorf("restore %s: %w", m.spec.Name, err)
	}
	return nil
}
