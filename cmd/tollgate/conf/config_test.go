package conf_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"tollgate/cmd/tollgate/conf"
	"tollgate/tokens"
)

// gateway has every kind of key that a configuration may have.
type gateway struct {
	Listen    string                   `yaml:"listen"`
	FastLane  bool                     `yaml:"fast_lane"`
	Workers   int8                     `yaml:"workers"`
	Limit     uint16                   `yaml:"limit"`
	Offset    int64                    `yaml:"offset"`
	Ratio     float64                  `yaml:"ratio"`
	Timeout   time.Duration            `yaml:"timeout"`
	Network   netip.Prefix             `yaml:"network"`
	Mode      mode                     `yaml:"mode"`
	Methods   []string                 `yaml:"methods"`
	Ports     []int                    `yaml:"ports,omitempty"`
	Proxies   []netip.Prefix           `yaml:"proxies"`
	Tokens    issuing                  `yaml:"tokens"`
	Users     []user                   `yaml:"users"`
	Upstreams []*upstream              `yaml:"upstreams"`
	Labels    map[string]string        `yaml:"labels"`
	Zones     map[string]zone          `yaml:"zones"`
	Codes     map[string]tokens.Secret `yaml:"codes"`
	Store     store                    `yaml:"store"`
	KeysFile  string                   `yaml:"keys_file"`
	Pause     *time.Duration           `yaml:"pause"`
	Shared    `yaml:",inline"`

	hidden string
	Skip   string `yaml:"-"`
	Bare   string
}

// Shared is an inline struct.
type Shared struct {
	DataDir string        `yaml:"data_dir"`
	Master  tokens.Secret `yaml:"master"`
}

type issuing struct {
	DefaultTTL time.Duration `yaml:"default_ttl"`
	MaxTTL     time.Duration `yaml:"max_ttl"`
	Format     string        `yaml:"format"`
	Cookie     cookie        `yaml:"cookie"`
}

type cookie struct {
	Name     string `yaml:"name"`
	Secure   string `yaml:"secure"`
	HTTPOnly bool   `yaml:"http_only"`
}

type user struct {
	Name         string        `yaml:"name"`
	PasswordHash tokens.Secret `yaml:"password_hash"`
	Tenants      []string      `yaml:"tenants"`
	Identity     cookie        `yaml:"identity"`
}

// upstream has defaults of its own, and so has a struct inside it.
type upstream struct {
	Name   string     `yaml:"name"`
	URLs   []string   `yaml:"urls"`
	Region string     `yaml:"region"`
	Health probe      `yaml:"health"`
	S3     *signature `yaml:"s3,omitempty"`
}

// SetDefaults implements conf.Defaulter.
func (u *upstream) SetDefaults() {
	u.Region = "us-east-1"
	u.Health.Path = "/up"
}

type probe struct {
	Path  string        `yaml:"path"`
	Every time.Duration `yaml:"every"`
}

// SetDefaults implements conf.Defaulter.
func (p *probe) SetDefaults() { p.Path, p.Every = "/", 5*time.Second }

type signature struct {
	AccessKey string        `yaml:"access_key"`
	SecretKey tokens.Secret `yaml:"secret_key"`
}

type zone struct {
	Rate int           `yaml:"rate"`
	Key  tokens.Secret `yaml:"key"`
}

// SetDefaults implements conf.Defaulter.
func (z *zone) SetDefaults() { z.Rate = 10 }

type store struct {
	Etcd *etcd         `yaml:"etcd"`
	Max  time.Duration `yaml:"max_staleness"`
}

type etcd struct {
	Endpoints []string      `yaml:"endpoints"`
	Prefix    string        `yaml:"prefix"`
	Password  tokens.Secret `yaml:"password"`
	Deep      *probe        `yaml:"deep"`
}

// SetDefaults implements conf.Defaulter.
func (e *etcd) SetDefaults() { e.Prefix = "/tollgate/" }

// mode is a closed list of words.
type mode string

// UnmarshalText implements encoding.TextUnmarshaler.
func (m *mode) UnmarshalText(b []byte) error {
	if s := string(b); s != "" && s != "deny" && s != "allow" {
		*m = "half done"
		return badMode("mode is deny or allow, not " + s)
	}
	*m = mode(b)
	return nil
}

// MarshalText implements encoding.TextMarshaler.
func (m mode) MarshalText() ([]byte, error) { return []byte(m), nil }

type badMode string

func (b badMode) Error() string { return string(b) }

func defaults() gateway {
	return gateway{
		Listen:   "127.0.0.1:8080",
		FastLane: true,
		Workers:  4,
		Timeout:  30 * time.Second,
		Methods:  []string{"GET", "HEAD"},
		Labels:   map[string]string{"site": "home"},
		Tokens: issuing{
			DefaultTTL: 24 * time.Hour,
			Format:     "hex",
			Cookie:     cookie{Name: "token", Secure: "auto", HTTPOnly: true},
		},
		Store:  store{Max: 5 * time.Second},
		Shared: Shared{DataDir: "./data"},
		hidden: "untouched",
		Skip:   "untouched",
	}
}

// from is a source with one file and the variables given.
func from(text string, environ ...string) conf.Source {
	return conf.Source{
		File:    "config.yaml",
		Data:    []byte(text),
		Environ: environ,
		Prefix:  "TOLLGATE_",
		Ignore:  []string{"TOLLGATE_TOKEN", "TOLLGATE_TEST_*"},
		ReadFile: func(name string) ([]byte, error) {
			return nil, badMode("no file " + name + " in this test")
		},
	}
}

// load decodes what must be without fault.
func load(t *testing.T, src conf.Source) gateway {
	t.Helper()
	cfg := defaults()
	if _, faults := conf.Decode(&cfg, src); faults != nil {
		t.Fatalf("unexpected faults:\n%v", faults)
	}
	return cfg
}

// faultsOf decodes and returns the faults as lines.
func faultsOf(src conf.Source) []string {
	cfg := defaults()
	_, faults := conf.Decode(&cfg, src)
	var lines []string
	for _, f := range faults {
		lines = append(lines, f.String())
	}
	return lines
}

func wantLines(t *testing.T, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got faults\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}
