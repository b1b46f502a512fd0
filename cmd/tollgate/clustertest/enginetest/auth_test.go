package enginetest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"
	"go.uber.org/zap"

	"tollgate/tokens"
	"tollgate/tokens/etcdstore/engine"
	"tollgate/tokens/feed"
)

const canary = "canary-password"

// guarded is a member that asks for users and checks their passwords quickly.
type guarded struct {
	t      *testing.T
	dir    string
	listen string // host:port once it runs
	etcd   *embed.Etcd
}

func (g *guarded) start() {
	g.t.Helper()
	c := embed.NewConfig()
	c.Dir, c.LogLevel, c.LogOutputs = g.dir, "fatal", []string{"stderr"}
	c.UnsafeNoFsync, c.BcryptCost = true, 4
	local := url.URL{Scheme: "http", Host: "127.0.0.1:0"}
	c.ListenPeerUrls, c.AdvertisePeerUrls = []url.URL{local}, []url.URL{local}
	client := url.URL{Scheme: "http", Host: g.listen}
	c.ListenClientUrls, c.AdvertiseClientUrls = []url.URL{client}, []url.URL{client}
	c.InitialCluster = c.InitialClusterFromName(c.Name)
	etcd, err := embed.StartEtcd(c)
	if err != nil {
		g.t.Fatal(err)
	}
	<-etcd.Server.ReadyNotify()
	g.etcd, g.listen = etcd, etcd.Clients[0].Addr().String()
}

func (g *guarded) end() { g.etcd.Close() }

// newGuarded has a user who may read and write below the prefix and nothing
// else.
func newGuarded(t *testing.T, prefix string) *guarded {
	t.Helper()
	g := &guarded{t: t, dir: t.TempDir(), listen: "127.0.0.1:0"}
	g.start()
	t.Cleanup(func() { g.end() })
	c, err := clientv3.New(clientv3.Config{Endpoints: []string{g.listen}, Logger: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	end := clientv3.GetPrefixRangeEnd(prefix)
	steps := []func() error{
		func() error { _, err := c.UserAdd(t.Context(), "root", "root"); return err },
		func() error { _, err := c.UserGrantRole(t.Context(), "root", "root"); return err },
		func() error { _, err := c.RoleAdd(t.Context(), "tollgate"); return err },
		func() error {
			_, err := c.RoleGrantPermission(t.Context(), "tollgate", prefix, end, clientv3.PermissionType(clientv3.PermReadWrite))
			return err
		},
		func() error { _, err := c.UserAdd(t.Context(), "gate", canary); return err },
		func() error { _, err := c.UserGrantRole(t.Context(), "gate", "tollgate"); return err },
		func() error { _, err := c.AuthEnable(t.Context()); return err },
	}
	for i, step := range steps {
		if err := step(); err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
	}
	return g
}

// TestTheLeastPrivilegesAreEnough for all that a gateway does.
func TestTheLeastPrivilegesAreEnough(t *testing.T) {
	prefix := newPrefix()
	member := newGuarded(t, prefix)
	cfg := configFor(prefix, member.listen)
	cfg.Username, cfg.Password = "gate", canary
	g := newGateway(t, cfg)
	g.acks(t)
	tok := put(t, g.Engine, named(1, "deploy"))
	gone := put(t, g.Engine, revoked(put(t, g.Engine, token(2))))
	mine := turn(t, g.Engine, "x")
	if _, err := g.PutUser(mine.Context(t.Context()), feed.User{Name: "ada", Account: []byte("x")}); err != nil {
		t.Error(err)
	}
	mine.End()
	if _, err := g.AddUsages(t.Context(), []tokens.Usage{{ID: tok.ID, Count: 1}}); err != nil {
		t.Error(err)
	}
	if n, _, err := g.Remove(t.Context(), []*tokens.Token{gone}); n != 1 || err != nil {
		t.Errorf("Remove = %d, %v", n, err)
	}
	if n, err := g.Everywhere(t.Context()); n != 1 || err != nil {
		t.Errorf("Everywhere = %d, %v", n, err)
	}
	agrees(t, g.Engine, g.replica)
	if live, err := g.Gateways(t.Context()); len(live) != 1 || err != nil {
		t.Errorf("Gateways = %v, %v", live, err)
	}
	turn(t, g.Engine, "x").End()

	// The tokens of etcd's users are lost with the member: new ones are asked for.
	member.end()
	member.start()
	until(t, "proof after a restart", func() bool {
		_, err := g.Session().Proof(t.Context(), g.replica.position())
		return err == nil
	})
	last := put(t, g.Engine, token(3))
	g.replica.has(t, last.Revision)
	agrees(t, g.Engine, g.replica)
}

// TestStrangersAreRefused and nothing shows a password.
func TestStrangersAreRefused(t *testing.T) {
	prefix := newPrefix()
	member := newGuarded(t, prefix)
	rows := map[string]func(*engine.Config){
		"nobody":           func(*engine.Config) {},
		"a wrong password": func(c *engine.Config) { c.Username, c.Password = "gate", canary+"2" },
		"an unknown user":  func(c *engine.Config) { c.Username, c.Password = "eve", canary },
		"another prefix":   func(c *engine.Config) { c.Username, c.Password, c.Prefix = "gate", canary, "/other/" },
	}
	for name, spoil := range rows {
		cfg := configFor(prefix, member.listen)
		spoil(&cfg)
		e := open(t, cfg)
		s := e.Session()
		for what, ask := range map[string]func() error{
			"proof":    func() error { _, err := s.Proof(t.Context(), feed.Position{}); return err },
			"put":      func() error { _, err := e.Put(t.Context(), token(1)); return err },
			"snapshot": func() error { _, err := s.Snapshot(t.Context(), func([]feed.Change) error { return nil }); return err },
			"watch": func() error {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				return s.Watch(ctx, feed.Position{}, func(engine.Batch) error { return nil })
			},
			"turn": func() error { _, err := e.Turn(t.Context(), "x"); return err },
		} {
			err := ask()
			if !errors.Is(err, tokens.ErrEngine) {
				t.Errorf("%s, %s: %v, want ErrEngine", name, what, err)
			}
			if err != nil && strings.Contains(err.Error(), canary) {
				t.Errorf("%s, %s: it shows the password: %v", name, what, err)
			}
		}
	}
}

// TestMembersOverTLS: with the right authority all works, and with any other
// nothing is sent.
func TestMembersOverTLS(t *testing.T) {
	c := embed.NewConfig()
	c.Dir, c.LogLevel, c.LogOutputs, c.UnsafeNoFsync = t.TempDir(), "fatal", []string{"stderr"}, true
	local := url.URL{Scheme: "http", Host: "127.0.0.1:0"}
	secure := url.URL{Scheme: "https", Host: "127.0.0.1:0"}
	c.ListenPeerUrls, c.AdvertisePeerUrls = []url.URL{local}, []url.URL{local}
	c.ListenClientUrls, c.AdvertiseClientUrls = []url.URL{secure}, []url.URL{secure}
	c.InitialCluster, c.ClientAutoTLS = c.InitialClusterFromName(c.Name), true
	etcd, err := embed.StartEtcd(c)
	if err != nil {
		t.Fatal(err)
	}
	defer etcd.Close()
	<-etcd.Server.ReadyNotify()
	pem, err := os.ReadFile(filepath.Join(c.Dir, "fixtures", "client", "cert.pem"))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		t.Fatal("etcd's certificate cannot be read")
	}
	endpoint := etcd.Clients[0].Addr().String()
	rows := map[string]struct {
		endpoint string
		tls      *tls.Config
		works    bool
	}{
		"its authority":               {endpoint, &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}, true},
		"its authority, by URL":       {"https://" + endpoint, &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}, true},
		"the authorities of a system": {"https://" + endpoint, nil, false},
		"another authority":           {endpoint, &tls.Config{RootCAs: x509.NewCertPool(), MinVersion: tls.VersionTLS12}, false},
		"without TLS":                 {endpoint, nil, false},
	}
	n := 0
	for name, row := range rows {
		cfg := configFor(newPrefix(), row.endpoint)
		cfg.TLS = row.tls
		e := open(t, cfg)
		n++
		_, err := e.Put(t.Context(), token(n))
		if row.works && err != nil || !row.works && !errors.Is(err, tokens.ErrEngine) {
			t.Errorf("%s: Put = %v", name, err)
		}
	}
}
