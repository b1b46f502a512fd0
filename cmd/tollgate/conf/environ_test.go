package conf_test

import (
	"net/netip"
	"reflect"
	"testing"
	"time"

	"tollgate/cmd/tollgate/conf"
)

func TestVariablesBeatTheFile(t *testing.T) {
	t.Parallel()
	week := 7 * 24 * time.Hour
	rows := []struct {
		name, file string
		environ    []string
		want       func(*gateway)
	}{
		{"text as it is", "listen: a\n", []string{"TOLLGATE_LISTEN= {a: [b} "}, func(g *gateway) { g.Listen = " {a: [b} " }},
		{"text with an equals sign", "", []string{"TOLLGATE_LISTEN=a=b"}, func(g *gateway) { g.Listen = "a=b" }},
		{"empty text", "listen: a\n", []string{"TOLLGATE_LISTEN="}, func(g *gateway) { g.Listen = "" }},
		{"a truth", "", []string{"TOLLGATE_FAST_LANE=false"}, func(g *gateway) { g.FastLane = false }},
		{"numbers", "", []string{"TOLLGATE_WORKERS= 7 ", "TOLLGATE_RATIO=.5"}, func(g *gateway) { g.Workers, g.Ratio = 7, 0.5 }},
		{"a duration", "timeout: 1s\n", []string{"TOLLGATE_TIMEOUT=7d"}, func(g *gateway) { g.Timeout = week }},
		{"a type with text of its own", "", []string{"TOLLGATE_NETWORK=10.0.0.0/8"}, func(g *gateway) { g.Network = netip.MustParsePrefix("10.0.0.0/8") }},
		{"empty for what takes no text", "workers: 9\n",
			[]string{"TOLLGATE_WORKERS=", "TOLLGATE_TIMEOUT= ", "TOLLGATE_FAST_LANE=", "TOLLGATE_TOKENS=", "TOLLGATE_MODE="},
			func(g *gateway) { g.Workers = 9 }},
		{"underscores in the key", "", []string{"TOLLGATE_TOKENS_DEFAULT_TTL=1h"}, func(g *gateway) { g.Tokens.DefaultTTL = time.Hour }},
		{"three levels", "", []string{"TOLLGATE_TOKENS_COOKIE_HTTP_ONLY=false"}, func(g *gateway) { g.Tokens.Cookie.HTTPOnly = false }},
		{"an inline key", "", []string{"TOLLGATE_DATA_DIR=/d"}, func(g *gateway) { g.DataDir = "/d" }},
		{"a list in flow", "methods: [A, B]\n", []string{"TOLLGATE_METHODS=[C]"}, func(g *gateway) { g.Methods = []string{"C"} }},
		{"a list in block", "", []string{"TOLLGATE_METHODS=- C\n- D\n"}, func(g *gateway) { g.Methods = []string{"C", "D"} }},
		{"an empty list", "", []string{"TOLLGATE_METHODS="}, func(g *gateway) { g.Methods = []string{} }},
		{"a map", "labels: {a: b}\n", []string{"TOLLGATE_LABELS={c: d}"}, func(g *gateway) { g.Labels = map[string]string{"c": "d"} }},
		{"a list of structs", "", []string{"TOLLGATE_UPSTREAMS=[{name: a}]"},
			func(g *gateway) {
				g.Upstreams = []*upstream{{Name: "a", Region: "us-east-1", Health: probe{"/up", 5 * time.Second}}}
			}},
		{"a struct adds to the file", "tokens: {format: x, max_ttl: 1s}\n", []string{"TOLLGATE_TOKENS={format: y}"},
			func(g *gateway) { g.Tokens.Format, g.Tokens.MaxTTL = "y", time.Second }},
		{"the longer path wins", "", []string{"TOLLGATE_TOKENS_DEFAULT_TTL=2h", "TOLLGATE_TOKENS={default_ttl: 1h, format: y}", "TOLLGATE_TOKENS_COOKIE={name: c}"},
			func(g *gateway) { g.Tokens.DefaultTTL, g.Tokens.Format, g.Tokens.Cookie.Name = 2*time.Hour, "y", "c" }},
		{"a pointer comes into being", "", []string{"TOLLGATE_STORE_ETCD_ENDPOINTS=[a]"},
			func(g *gateway) { g.Store.Etcd = &etcd{Endpoints: []string{"a"}, Prefix: "/tollgate/"} }},
		{"two pointers on the way", "", []string{"TOLLGATE_STORE_ETCD_DEEP_EVERY=1s"},
			func(g *gateway) { g.Store.Etcd = &etcd{Prefix: "/tollgate/", Deep: &probe{"/", time.Second}} }},
		{"an empty variable makes no pointer", "", []string{"TOLLGATE_STORE_ETCD_PREFIX=", "TOLLGATE_STORE_ETCD_PASSWORD_FILE=", "TOLLGATE_PAUSE="},
			func(*gateway) {}},
		{"an empty variable takes a pointer away", "store: {etcd: {prefix: x}}\npause: 1s\n", []string{"TOLLGATE_STORE_ETCD=", "TOLLGATE_PAUSE="},
			func(*gateway) {}},
		{"a struct behind a pointer", "store: {etcd: {prefix: x}}\n", []string{"TOLLGATE_STORE_ETCD={endpoints: [a]}"},
			func(g *gateway) { g.Store.Etcd = &etcd{Endpoints: []string{"a"}, Prefix: "x"} }},
		{"a pointer to a scalar", "", []string{"TOLLGATE_PAUSE=7d"}, func(g *gateway) { g.Pause = &week }},
		{"the first of two counts", "", []string{"TOLLGATE_LISTEN=a", "TOLLGATE_LISTEN=b"}, func(g *gateway) { g.Listen = "a" }},
		{"an ordinary key that ends in _file", "", []string{"TOLLGATE_KEYS_FILE=/k"}, func(g *gateway) { g.KeysFile = "/k" }},
		{"other prefixes are no concern", "", []string{"LISTEN=a", "TOLLGATE=b", "tollgate_listen=c", "XTOLLGATE_LISTEN=d"}, func(*gateway) {}},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			want := defaults()
			row.want(&want)
			if got := load(t, from(row.file, row.environ...)); !reflect.DeepEqual(got, want) {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
		})
	}
}

func TestFaultsInVariables(t *testing.T) {
	t.Parallel()
	rows := []struct {
		name    string
		environ []string
		want    []string
	}{
		{"a name misspelt", []string{"TOLLGATE_TOKENS_DEFAULT_TLL=1h"},
			[]string{`environment TOLLGATE_TOKENS_DEFAULT_TLL: unknown variable (did you mean "TOLLGATE_TOKENS_DEFAULT_TTL"?)`}},
		{"a name like no other", []string{"TOLLGATE_SOMETHING_ELSE=1h"},
			[]string{`environment TOLLGATE_SOMETHING_ELSE: unknown variable`}},
		{"the prefix alone", []string{"TOLLGATE_=1h"},
			[]string{`environment TOLLGATE_: unknown variable`}},
		{"a key in lower case", []string{"TOLLGATE_listen=a"},
			[]string{`environment TOLLGATE_listen: unknown variable (did you mean "TOLLGATE_LISTEN"?)`}},
		{"a list entry cannot be named", []string{"TOLLGATE_METHODS_0=a"},
			[]string{`environment TOLLGATE_METHODS_0: unknown variable (did you mean "TOLLGATE_METHODS"?)`}},
		{"a wrong type", []string{"TOLLGATE_TIMEOUT=soon"},
			[]string{`environment TOLLGATE_TIMEOUT: timeout: expected a duration like 30s, got "soon"`}},
		{"one for true", []string{"TOLLGATE_FAST_LANE=1"},
			[]string{`environment TOLLGATE_FAST_LANE: fast_lane: expected true or false, got "1"`}},
		{"not UTF-8", []string{"TOLLGATE_LISTEN=\xff"},
			[]string{`environment TOLLGATE_LISTEN: listen: not UTF-8 text`}},
		{"broken YAML", []string{"TOLLGATE_METHODS=[a"},
			[]string{`environment TOLLGATE_METHODS: methods: not valid YAML: a list in [ ] lacks a comma or its end`}},
		{"commas without brackets", []string{"TOLLGATE_METHODS=a,b"},
			[]string{`environment TOLLGATE_METHODS: methods: expected a list, got text; a list is written [a, b]`}},
		{"an unknown key inside", []string{"TOLLGATE_TOKENS={formt: x}"},
			[]string{`environment TOLLGATE_TOKENS: tokens.formt: unknown key (did you mean "format"?)`}},
		{"a key twice inside", []string{"TOLLGATE_TOKENS={format: x, format: y}"},
			[]string{`environment TOLLGATE_TOKENS: tokens.format: given twice`}},
		{"lines count in values of several", []string{"TOLLGATE_USERS=- name: a\n- nam: b\n- name: [\n"},
			[]string{`environment TOLLGATE_USERS:3: users: not valid YAML: a value is missing`}},
		{"a key in the second line", []string{"TOLLGATE_USERS=- name: a\n- nam: b\n"},
			[]string{`environment TOLLGATE_USERS:2: users[1].nam: unknown key (did you mean "name"?)`}},
		{"two documents", []string{"TOLLGATE_METHODS=[a]\n---\n[b]"},
			[]string{`environment TOLLGATE_METHODS:2: methods: a second YAML document begins here; there may be only one`}},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			wantLines(t, faultsOf(from("", row.environ...)), row.want)
		})
	}
}

func TestIgnoredVariablesAreNoFaults(t *testing.T) {
	t.Parallel()
	src := from("",
		"TOLLGATE_TOKEN=x", "TOLLGATE_TEST_ANYTHING=x", "TOLLGATE_TEST_=x",
		// What Kubernetes sets for Services called tollgate and tollgate-internal.
		"TOLLGATE_SERVICE_HOST=10.0.0.11", "TOLLGATE_SERVICE_PORT=8080", "TOLLGATE_SERVICE_PORT_HTTP=8080",
		"TOLLGATE_PORT=tcp://10.0.0.11:8080", "TOLLGATE_PORT_8080_TCP=tcp://10.0.0.11:8080",
		"TOLLGATE_PORT_8080_TCP_PROTO=tcp", "TOLLGATE_PORT_8080_TCP_PORT=8080", "TOLLGATE_PORT_8080_TCP_ADDR=10.0.0.11",
		"TOLLGATE_INTERNAL_SERVICE_HOST=10.0.0.11", "TOLLGATE_INTERNAL_PORT=udp://10.0.0.11:1", "TOLLGATE_INTERNAL_PORT_1_UDP=x")
	load(t, src)
	wantLines(t, faultsOf(from("", "TOLLGATE_PORT=8080", "TOLLGATE_TOKENX=1", "TOLLGATE_TES=1")), []string{
		`environment TOLLGATE_PORT: unknown variable (did you mean "TOLLGATE_PORTS"?)`,
		`environment TOLLGATE_TES: unknown variable`,
		`environment TOLLGATE_TOKENX: unknown variable (did you mean "TOLLGATE_TOKENS"?)`,
	})
}

func TestIgnoreDoesNotHideAKey(t *testing.T) {
	t.Parallel()
	src := from("", "TOLLGATE_LISTEN=a")
	src.Ignore = []string{"TOLLGATE_*"}
	if got := load(t, src); got.Listen != "a" {
		t.Errorf("listen = %q, want what the variable says", got.Listen)
	}
}

func TestWithoutAPrefixTheEnvironmentIsNotRead(t *testing.T) {
	t.Parallel()
	src := from("", "LISTEN=a", "TOLLGATE_LISTEN=b", "X=1")
	src.Prefix = ""
	if got := load(t, src); !reflect.DeepEqual(got, defaults()) {
		t.Errorf("got %+v, want the defaults", got)
	}
}

func TestVariableThatCouldMeanTwoKeysIsAFault(t *testing.T) {
	t.Parallel()
	type inner struct {
		BC string `yaml:"b_c"`
	}
	type other struct {
		C string `yaml:"c"`
	}
	var cfg struct {
		A  inner `yaml:"a"`
		AB other `yaml:"a_b"`
	}
	src := conf.Source{File: "f", Data: []byte("a: {b_c: x}\na_b: {c: y}\n"), Prefix: "P_", Environ: []string{"P_A_B_C=z"}}
	_, faults := conf.Decode(&cfg, src)
	if want := "environment P_A_B_C: stands for both a.b_c and a_b.c; set the key in the file"; faults.Error() != want {
		t.Errorf("got %v, want %s", faults, want)
	}
	if cfg.A.BC != "x" || cfg.AB.C != "y" {
		t.Errorf("got %+v, want what the file says", cfg)
	}
}

func TestTypeInsideItselfDoesNotEndlesslyNameVariables(t *testing.T) {
	t.Parallel()
	var cfg tree
	src := conf.Source{
		File: "f", Data: []byte("name: a\nleft: {name: b, leaves: [{name: c}]}\n"),
		Prefix: "P_", Environ: []string{"P_NAME=d", "P_LEFT={right: {name: e}}"},
	}
	if _, faults := conf.Decode(&cfg, src); faults != nil {
		t.Fatal(faults)
	}
	want := tree{Name: "d", Left: &tree{Name: "b", Leaves: []tree{{Name: "c"}}, Right: &tree{Name: "e"}}}
	if !reflect.DeepEqual(cfg, want) {
		t.Errorf("got %+v, want %+v", cfg, want)
	}
}

// tree is a type that contains itself.
type tree struct {
	Name   string `yaml:"name"`
	Left   *tree  `yaml:"left"`
	Right  *tree  `yaml:"right"`
	Leaves []tree `yaml:"leaves"`
}
