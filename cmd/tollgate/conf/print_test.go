package conf_test

import (
	"bytes"
	"errors"
	"math"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"tollgate/cmd/tollgate/conf"
	"tollgate/tokens"
)

func printed(t *testing.T, cfg any) string {
	t.Helper()
	var b bytes.Buffer
	if err := conf.Print(&b, cfg); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestPrintWritesYAMLInTheOrderOfTheStruct(t *testing.T) {
	t.Parallel()
	cfg := defaults()
	cfg.Users = []user{{Name: "john", PasswordHash: canary, Tenants: []string{"a", "b"}}}
	cfg.Zones = map[string]zone{"south": {Rate: 1}, "north": {Rate: 2, Key: canary}}
	cfg.Proxies = []netip.Prefix{netip.MustParsePrefix("::1/128")}
	cfg.Master = canary
	want := `listen: 127.0.0.1:8080
fast_lane: true
workers: 4
limit: 0
offset: 0
ratio: 0
timeout: 30s
network: ""
mode: ""
methods: [GET, HEAD]
ports: []
proxies: ['::1/128']
tokens:
  default_ttl: 24h
  max_ttl: 0s
  format: hex
  cookie:
    name: token
    secure: auto
    http_only: true
users:
  - name: john
    password_hash: '***'
    tenants: [a, b]
    identity:
      name: ""
      secure: ""
      http_only: false
upstreams: []
labels:
  site: home
zones:
  north:
    rate: 2
    key: '***'
  south:
    rate: 1
    key: ""
codes: {}
store:
  etcd: null
  max_staleness: 5s
keys_file: ""
pause: null
data_dir: ./data
master: '***'
bare: ""
`
	got := printed(t, &cfg)
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if printed(t, cfg) != got {
		t.Error("a struct is printed otherwise than a pointer to it")
	}
}

func TestPrintLeavesOutOnlyNilPointersMarkedSo(t *testing.T) {
	t.Parallel()
	type inner struct {
		Kept    *probe `yaml:"kept"`
		Left    *probe `yaml:"left,omitempty"`
		Numbers []int  `yaml:"numbers,omitempty"`
		Zero    int    `yaml:"zero,omitempty"`
	}
	if got, want := printed(t, inner{}), "kept: null\nnumbers: []\nzero: 0\n"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	got := printed(t, inner{Left: &probe{}})
	if want := "kept: null\nleft:\n  path: \"\"\n  every: 0s\nnumbers: []\nzero: 0\n"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := printed(t, struct{}{}); got != "{}\n" {
		t.Errorf("no keys: got %q, want {}", got)
	}
}

// rich is a configuration in which everything is set, secrets apart.
func rich() gateway {
	hour := time.Hour
	cfg := defaults()
	cfg.Listen, cfg.FastLane, cfg.Workers, cfg.Limit = "true", false, -128, math.MaxUint16
	cfg.Offset, cfg.Ratio, cfg.Timeout = math.MinInt64, 1e-300, 36*time.Hour+1500*time.Millisecond
	cfg.Network, cfg.Mode = netip.MustParsePrefix("10.0.0.0/8"), "allow"
	cfg.Methods = []string{"", " ", "null", "~", "- a", "a: b", "#c", "123", "0x1", "é", "\U0001F600", "a\nb\n", "\t", "'", `"`, "***", "<<", "=", "@", "%", "no", "2024-01-01"}
	cfg.Ports = []int{0, -1, math.MaxInt}
	cfg.Tokens = issuing{DefaultTTL: time.Nanosecond, MaxTTL: 720 * time.Hour, Format: "x\u2028y", Cookie: cookie{Name: "\x00"}}
	cfg.Users = []user{{Name: "a", Tenants: []string{}}, {Tenants: []string{"any"}, Identity: cookie{HTTPOnly: true}}}
	cfg.Upstreams = []*upstream{{Name: "u", URLs: []string{"http://x"}, S3: &signature{AccessKey: "k"}}}
	cfg.Labels = map[string]string{"1": "2", "a b": "", "": "x", "#": "\n"}
	cfg.Zones = map[string]zone{"z": {Rate: 3}}
	cfg.Codes = map[string]tokens.Secret{}
	cfg.Store.Etcd = &etcd{Endpoints: []string{"e"}, Deep: &probe{Every: -time.Second}}
	cfg.Pause = &hour
	cfg.Proxies = []netip.Prefix{}
	return cfg
}

func TestWhatIsPrintedIsReadBack(t *testing.T) {
	t.Parallel()
	empty := defaults()
	empty.Methods, empty.Labels = []string{}, map[string]string{}
	for name, cfg := range map[string]gateway{"defaults": defaults(), "rich": rich(), "empty": empty} {
		text := printed(t, cfg)
		got := load(t, from(text))
		if second := printed(t, got); second != text {
			t.Errorf("%s: printed first\n%s\nand read back\n%s", name, text, second)
		}
	}
	want := rich()
	want.Upstreams[0].URLs = []string{"http://x"}
	if got := load(t, from(printed(t, want))); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestPrintShowsNoSecret(t *testing.T) {
	t.Parallel()
	cfg := rich()
	cfg.Methods = nil
	cfg.Master, cfg.Users[0].PasswordHash = canary, canary
	cfg.Upstreams[0].S3.SecretKey, cfg.Store.Etcd.Password = canary, canary
	cfg.Codes["x"], cfg.Zones["y"] = canary, zone{Key: canary}
	text := printed(t, &cfg)
	if strings.Contains(text, canary) {
		t.Errorf("a secret is shown:\n%s", text)
	}
	if n := strings.Count(text, "'***'"); n != 6 {
		t.Errorf("%d secrets are marked, want 6:\n%s", n, text)
	}
	load(t, from(text))
}

func TestWhatNoConfigurationCanSayIsNotPrinted(t *testing.T) {
	t.Parallel()
	loop := &tree{Name: "a"}
	loop.Left = loop
	rows := map[string]any{
		"nothing":                nil,
		"no struct":              5,
		"a nil pointer":          (*gateway)(nil),
		"not a number":           struct{ F float64 }{math.NaN()},
		"infinite":               &struct{ F float64 }{math.Inf(-1)},
		"text not UTF-8":         struct{ S string }{"\xff"},
		"a key not UTF-8":        struct{ M map[string]string }{map[string]string{"\xff": ""}},
		"a value not UTF-8":      struct{ M map[string]string }{map[string]string{"a": "\xff"}},
		"an entry not UTF-8":     struct{ L []string }{[]string{"\xff"}},
		"an interface":           struct{ A any }{1},
		"a map by number":        struct{ M map[int]int }{},
		"a type that only reads": struct{ R reader }{},
		"a struct in itself":     loop,
	}
	for name, cfg := range rows {
		var b bytes.Buffer
		if err := conf.Print(&b, cfg); !errors.Is(err, conf.ErrPrint) || b.Len() > 0 {
			t.Errorf("%s: got error %v and output %q, want ErrPrint alone", name, err, b.String())
		}
	}
	if err := conf.Print(&bytes.Buffer{}, struct{ R refusing }{}); err == nil || errors.Is(err, conf.ErrPrint) {
		t.Errorf("a type that refuses: got %v, want its error", err)
	}
}

// reader can be read and not written.
type reader struct{}

func (*reader) UnmarshalText([]byte) error { return nil }

// refusing cannot be written at the moment.
type refusing struct{ reader }

func (refusing) MarshalText() ([]byte, error) { return nil, badMode("not now") }

func TestPrintReportsWhatTheWriterReports(t *testing.T) {
	t.Parallel()
	if err := conf.Print(broken{}, defaults()); err == nil || !strings.Contains(err.Error(), "disk full") {
		t.Errorf("got %v, want the writer's error", err)
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, badMode("disk full") }

func FuzzPrintedTextIsReadBack(f *testing.F) {
	for _, s := range rich().Methods {
		f.Add(s)
	}
	f.Add(strings.Repeat("a b ", 100))
	f.Fuzz(func(t *testing.T, s string) {
		cfg := defaults()
		cfg.Listen, cfg.Methods, cfg.Labels = s, []string{s, s}, map[string]string{s: s}
		var b bytes.Buffer
		err := conf.Print(&b, &cfg)
		if errors.Is(err, conf.ErrPrint) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		got := load(t, from(b.String()))
		if got.Listen != s || got.Methods[1] != s || got.Labels[s] != s {
			t.Errorf("%q came back as %q, %q and %q from\n%s", s, got.Listen, got.Methods, got.Labels, b.String())
		}
	})
}
