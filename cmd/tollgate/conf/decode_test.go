package conf_test

import (
	"math"
	"net/netip"
	"reflect"
	"slices"
	"testing"
	"time"

	"tollgate/cmd/tollgate/conf"
)

func TestNothingWrittenLeavesTheDefaults(t *testing.T) {
	t.Parallel()
	for name, file := range map[string]string{
		"empty": "", "blank": "\n\n", "a comment": "# listen: x\n", "only a document mark": "---\n",
		"null": "null\n", "an empty mapping": "{}\n", "byte order mark": "\uFEFF", "ended": "---\n...\n",
		"nulls for scalars": "listen:\nfast_lane: ~\nworkers: null\ntimeout:\nmode:\ntokens:\n  format:\n  cookie:\nstore:\n",
	} {
		if got := load(t, from(file)); !reflect.DeepEqual(got, defaults()) {
			t.Errorf("%s: got %+v, want the defaults", name, got)
		}
	}
}

func TestValuesAreSetAsWritten(t *testing.T) {
	t.Parallel()
	hour := time.Hour
	rows := []struct {
		name, file string
		want       func(*gateway)
	}{
		{"text", "listen: :80\n", func(g *gateway) { g.Listen = ":80" }},
		{"quoted text", "listen: \"a\\tb\"\n", func(g *gateway) { g.Listen = "a\tb" }},
		{"empty text", "listen: ''\n", func(g *gateway) { g.Listen = "" }},
		{"text over lines", "listen: |\n  a\n  b\n", func(g *gateway) { g.Listen = "a\nb\n" }},
		{"digits as text", "listen: 0123\n", func(g *gateway) { g.Listen = "0123" }},
		{"a number as text stays as written", "listen: 1e3\n", func(g *gateway) { g.Listen = "1e3" }},
		{"hexadecimal as text", "listen: 0x1F\n", func(g *gateway) { g.Listen = "0x1F" }},
		{"a truth as text", "tokens: {cookie: {secure: true}}\n", func(g *gateway) { g.Tokens.Cookie.Secure = "true" }},
		{"no is text", "listen: no\n", func(g *gateway) { g.Listen = "no" }},
		{"a date as text", "listen: 2024-01-02\n", func(g *gateway) { g.Listen = "2024-01-02" }},
		{"text by tag", "listen: !!str 5\n", func(g *gateway) { g.Listen = "5" }},
		{"quoted null is text", "listen: 'null'\n", func(g *gateway) { g.Listen = "null" }},
		{"false", "fast_lane: false\n", func(g *gateway) { g.FastLane = false }},
		{"the least and the largest", "workers: -128\nlimit: 65535\noffset: -9223372036854775808\n",
			func(g *gateway) { g.Workers, g.Limit, g.Offset = -128, 65535, math.MinInt64 }},
		{"a plus sign and zero", "workers: +7\noffset: 0\n", func(g *gateway) { g.Workers = 7 }},
		{"fractions", "ratio: 2.5e-1\n", func(g *gateway) { g.Ratio = 0.25 }},
		{"a whole number as fraction", "ratio: 2\n", func(g *gateway) { g.Ratio = 2 }},
		{"durations", "timeout: 1h30m\ntokens: {max_ttl: 7d, default_ttl: 0}\n", func(g *gateway) {
			g.Timeout, g.Tokens.MaxTTL, g.Tokens.DefaultTTL = 90*time.Minute, 7*24*time.Hour, 0
		}},
		{"types with text of their own", "network: 10.0.0.0/8\nmode: deny\nproxies: [\"::/0\"]\n", func(g *gateway) {
			g.Network, g.Mode = netip.MustParsePrefix("10.0.0.0/8"), "deny"
			g.Proxies = []netip.Prefix{netip.MustParsePrefix("::/0")}
		}},
		{"a list replaces the default", "methods: [PUT]\n", func(g *gateway) { g.Methods = []string{"PUT"} }},
		{"a null empties a list", "methods:\n", func(g *gateway) { g.Methods = []string{} }},
		{"an empty list", "methods: []\n", func(g *gateway) { g.Methods = []string{} }},
		{"a map replaces the default", "labels: {a: 1}\n", func(g *gateway) { g.Labels = map[string]string{"a": "1"} }},
		{"a null empties a map", "labels:\n", func(g *gateway) { g.Labels = map[string]string{} }},
		{"a struct keeps what is not written", "tokens: {cookie: {name: t}}\n", func(g *gateway) { g.Tokens.Cookie.Name = "t" }},
		{"inline keys", "data_dir: /x\nmaster: m\n", func(g *gateway) { g.DataDir, g.Master = "/x", "m" }},
		{"an ordinary key that ends in _file", "keys_file: /k\n", func(g *gateway) { g.KeysFile = "/k" }},
		{"a field without a tag", "bare: b\n", func(g *gateway) { g.Bare = "b" }},
		{"a pointer to a scalar", "pause: 1h\n", func(g *gateway) { g.Pause = &hour }},
		{"a nil pointer stays nil", "store: {etcd: }\n", func(*gateway) {}},
		{"aliases", "listen: &l here\nbare: *l\nmethods: &m [A]\nusers: [{tenants: *m}]\n", func(g *gateway) {
			g.Listen, g.Bare, g.Methods = "here", "here", []string{"A"}
			g.Users = []user{{Tenants: []string{"A"}}}
		}},
		{"line ends of Windows", "listen: a\r\nbare: b\r\n", func(g *gateway) { g.Listen, g.Bare = "a", "b" }},
		{"flow over lines", "{listen: a,\n bare: b}\n", func(g *gateway) { g.Listen, g.Bare = "a", "b" }},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			want := defaults()
			row.want(&want)
			if got := load(t, from(row.file)); !reflect.DeepEqual(got, want) {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
		})
	}
}

func TestNewValuesBeginWithTheirOwnDefaults(t *testing.T) {
	t.Parallel()
	got := load(t, from(`
upstreams:
  - name: a
  - {name: b, region: eu, health: {every: 1s}}
  - {s3: {access_key: k}}
zones:
  slow: {rate: 1}
  usual: {}
store:
  etcd: {endpoints: [e], deep: {}}
`))
	first := upstream{Name: "a", Region: "us-east-1", Health: probe{"/up", 5 * time.Second}}
	second := upstream{Name: "b", Region: "eu", Health: probe{"/up", time.Second}}
	third := upstream{Region: "us-east-1", Health: probe{"/up", 5 * time.Second}, S3: &signature{AccessKey: "k"}}
	if want := []*upstream{&first, &second, &third}; !reflect.DeepEqual(got.Upstreams, want) {
		t.Errorf("upstreams: got %+v, want %+v", got.Upstreams, want)
	}
	if want := map[string]zone{"slow": {Rate: 1}, "usual": {Rate: 10}}; !reflect.DeepEqual(got.Zones, want) {
		t.Errorf("zones: got %+v, want %+v", got.Zones, want)
	}
	want := &etcd{Endpoints: []string{"e"}, Prefix: "/tollgate/", Deep: &probe{"/", 5 * time.Second}}
	if !reflect.DeepEqual(got.Store.Etcd, want) {
		t.Errorf("etcd: got %+v, want %+v", got.Store.Etcd, want)
	}
}

func TestEntriesOfAListOfStructsBeginWithTheirDefaults(t *testing.T) {
	t.Parallel()
	var cfg struct {
		Probes []probe            `yaml:"probes"`
		Nested [][]probe          `yaml:"nested"`
		ByName map[string]*probe  `yaml:"by_name"`
		Groups map[string][]probe `yaml:"groups"`
	}
	file := "probes: [{}, {path: /x}]\nnested: [[{every: 1s}], []]\nby_name: {a: {}}\ngroups: {g: [{path: /y}]}\n"
	if _, faults := conf.Decode(&cfg, conf.Source{Data: []byte(file)}); faults != nil {
		t.Fatal(faults)
	}
	const every = 5 * time.Second
	if want := []probe{{"/", every}, {"/x", every}}; !slices.Equal(cfg.Probes, want) {
		t.Errorf("a list: got %v, want %v", cfg.Probes, want)
	}
	if want := [][]probe{{{"/", time.Second}}, {}}; !reflect.DeepEqual(cfg.Nested, want) {
		t.Errorf("lists in a list: got %v, want %v", cfg.Nested, want)
	}
	if want := map[string]*probe{"a": {"/", every}}; !reflect.DeepEqual(cfg.ByName, want) {
		t.Errorf("pointers in a map: got %v, want %v", cfg.ByName, want)
	}
	if want := map[string][]probe{"g": {{"/y", every}}}; !reflect.DeepEqual(cfg.Groups, want) {
		t.Errorf("lists in a map: got %v, want %v", cfg.Groups, want)
	}
}

func TestWhatIsThereAlreadyIsNotGivenDefaultsAgain(t *testing.T) {
	t.Parallel()
	cfg := defaults()
	cfg.Store.Etcd = &etcd{Prefix: "/mine/"}
	if _, faults := conf.Decode(&cfg, from("store: {etcd: {endpoints: [e]}}\n")); faults != nil {
		t.Fatal(faults)
	}
	if cfg.Store.Etcd.Prefix != "/mine/" || !slices.Equal(cfg.Store.Etcd.Endpoints, []string{"e"}) {
		t.Errorf("got %+v, want the prefix kept and the endpoints set", cfg.Store.Etcd)
	}
	if _, faults := conf.Decode(&cfg, from("store: {etcd: null}\n")); faults != nil || cfg.Store.Etcd != nil {
		t.Errorf("null: got %+v and faults %v, want nil", cfg.Store.Etcd, faults)
	}
}

func TestOnlyAStructCanBeDecodedInto(t *testing.T) {
	t.Parallel()
	var nothing *gateway
	for _, into := range []any{nil, gateway{}, new(int), nothing} {
		if origins, faults := conf.Decode(into, from("listen: x\n")); len(faults) != 1 || origins == nil {
			t.Errorf("%T: got %v and %v, want one fault", into, origins, faults)
		}
	}
}

func TestTypesThatCannotBeConfiguredAreFaults(t *testing.T) {
	t.Parallel()
	cfg := struct {
		Any     any            `yaml:"any"`
		Channel chan int       `yaml:"channel"`
		Numbers map[int]string `yaml:"numbers"`
		Funcs   []func()       `yaml:"funcs"`
	}{}
	_, faults := conf.Decode(&cfg, conf.Source{File: "f", Data: []byte("any: 1\nchannel: [secret]\nnumbers: {1: a}\nfuncs: [x]\n")})
	want := "f:1: any: keys of type interface {} cannot be configured\n" +
		"f:2: channel: keys of type chan int cannot be configured\n" +
		"f:3: numbers: keys of type map[int]string cannot be configured\n" +
		"f:4: funcs[0]: keys of type func() cannot be configured"
	if faults.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", faults, want)
	}
}

func TestPlaceIsWhereAKeyWasWritten(t *testing.T) {
	t.Parallel()
	cfg := defaults()
	src := from("listen: x\ntokens:\n  cookie:\n    name: a\nusers:\n  - name: a\n    tenants:\n      - x\n  - name: b\nlabels:\n  a: b\n",
		"TOLLGATE_TOKENS_MAX_TTL=1h", "TOLLGATE_TOKENS={format: hex}", "TOLLGATE_UPSTREAMS=\n- name: a\n- name: b\n")
	origins, faults := conf.Decode(&cfg, src)
	if faults != nil {
		t.Fatal(faults)
	}
	rows := []struct {
		path, file string
		line       int
	}{
		{"listen", "config.yaml", 1},
		{"tokens", "config.yaml", 2},
		{"tokens.cookie.name", "config.yaml", 4},
		{"tokens.cookie.secure", "config.yaml", 3},
		{"tokens.default_ttl", "config.yaml", 2},
		{"tokens.max_ttl", "environment TOLLGATE_TOKENS_MAX_TTL", 0},
		{"tokens.format", "environment TOLLGATE_TOKENS", 0},
		{"users[0].tenants[0]", "config.yaml", 8},
		{"users[0].tenants[7]", "config.yaml", 7},
		{"users[1].password_hash", "config.yaml", 9},
		{"users[9]", "config.yaml", 5},
		{"labels.a", "config.yaml", 11},
		{"upstreams[1].name", "environment TOLLGATE_UPSTREAMS", 3},
		{"timeout", "config.yaml", 0},
		{"", "config.yaml", 0},
	}
	for _, row := range rows {
		if file, line := origins.Place(row.path); file != row.file || line != row.line {
			t.Errorf("%s: got %s:%d, want %s:%d", row.path, file, line, row.file, row.line)
		}
	}
	if file, line := new(conf.Origins).Place("a.b[1]"); file != "" || line != 0 {
		t.Errorf("zero Origins: got %s:%d, want nothing", file, line)
	}
}

func TestPlacesInsideAReplacedListAreForgotten(t *testing.T) {
	t.Parallel()
	cfg := defaults()
	origins, faults := conf.Decode(&cfg, from("users:\n  - name: a\n  - name: b\n", "TOLLGATE_USERS=[{name: c}]"))
	if faults != nil {
		t.Fatal(faults)
	}
	for _, path := range []string{"users", "users[0].name", "users[1].name"} {
		if file, _ := origins.Place(path); file != "environment TOLLGATE_USERS" {
			t.Errorf("%s: placed in %s, want the variable", path, file)
		}
	}
}

func TestReportPlacesFaultsAndSkipsWhatWasNotUnderstood(t *testing.T) {
	t.Parallel()
	cfg := defaults()
	origins, faults := conf.Decode(&cfg, from("timeout: soon\nusers:\n  - 7\n  - name: b\nlisten: x\n"))
	report := origins.Report(&faults)
	report("timeout", "must not be 0")
	report("users[0].name", "must be given")
	report("users[1].name", "is taken")
	report("tokens.max_ttl", "is too short")
	faults.Sort()
	want := "config.yaml: tokens.max_ttl: is too short\n" +
		"config.yaml:1: timeout: expected a duration like 30s, got \"soon\"\n" +
		"config.yaml:3: users[0]: expected a mapping, got a number\n" +
		"config.yaml:4: users[1].name: is taken"
	if faults.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", faults, want)
	}
}
