package members

import (
	"fmt"
	"net/url"
	"time"

	"go.etcd.io/etcd/server/v3/embed"
)

// Option changes how members are run. Without options they run as etcd's own
// defaults say: heartbeats every 100 ms, elections after 1 s, a quota of 2 GiB,
// no compaction.
type Option func(*settings)

// settings are what options change; the same for each member. A member that is
// a process of its own gets them as JSON.
type settings struct {
	Quota      int64         // bytes; zero is etcd's default
	Compaction time.Duration // zero is none
	NoSync     bool          // faster; what is written does not survive a power cut
}

// QuotaBytes bounds a member's database: with more in it etcd takes no writes
// (the alarm NOSPACE). etcd needs about 1 MiB for itself.
func QuotaBytes(n int64) Option { return func(s *settings) { s.Quota = n } }

// Compaction has the members forget what is older than d, once every d.
func Compaction(d time.Duration) Option { return func(s *settings) { s.Compaction = d } }

// spec is all that a member needs to know about itself.
type spec struct {
	Name     string
	Dir      string // its data
	Client   string // host:port for clients
	Peer     string // host:port for the other members
	Cluster  string // name=URL of the peers, joined by commas
	Token    string // two clusters of the same members and token have one cluster id
	Settings settings
}

func urlOf(address string) url.URL { return url.URL{Scheme: "http", Host: address} }

// config is the spec in etcd's words.
func (s spec) config() *embed.Config {
	c := embed.NewConfig()
	c.Name, c.Dir = s.Name, s.Dir
	c.ListenClientUrls, c.AdvertiseClientUrls = []url.URL{urlOf(s.Client)}, []url.URL{urlOf(s.Client)}
	c.ListenPeerUrls, c.AdvertisePeerUrls = []url.URL{urlOf(s.Peer)}, []url.URL{urlOf(s.Peer)}
	c.InitialCluster, c.InitialClusterToken = s.Cluster, s.Token
	c.LogLevel, c.LogOutputs = "warn", []string{"stderr"}
	c.UnsafeNoFsync = s.Settings.NoSync
	c.QuotaBackendBytes = s.Settings.Quota
	if s.Settings.Compaction > 0 {
		c.AutoCompactionMode = embed.CompactorModePeriodic
		c.AutoCompactionRetention = s.Settings.Compaction.String()
	}
	return c
}

// specs lays out a cluster of n members in a directory, at addresses that are
// free now.
func specs(dir string, n int, set settings) ([]spec, error) {
	addresses, err := freeAddresses(2 * n)
	if err != nil {
		return nil, err
	}
	all := make([]spec, n)
	cluster := ""
	for i := range all {
		name := fmt.Sprintf("m%d", i)
		all[i] = spec{
			Name: name, Dir: fmt.Sprintf("%s/%s", dir, name), Client: addresses[2*i], Peer: addresses[2*i+1],
			Token: "tollgate", Settings: set,
		}
		if i > 0 {
			cluster += ","
		}
		peer := urlOf(all[i].Peer)
		cluster += name + "=" + peer.String()
	}
	for i := range all {
		all[i].Cluster = cluster
	}
	return all, nil
}
