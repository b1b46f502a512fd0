package conf_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"tollgate/cmd/tollgate/conf"
	"tollgate/tokens"
)

// whole is a file as an operator would write it, one key on each line, so that
// the tests below can do something to every line in turn.
const whole = `# The gateway of the example company.
listen: 0.0.0.0:8443            # behind a load balancer
fast_lane: false
workers: 16
limit: 4096
offset: -1
ratio: 0.75
timeout: 45s
network: 192.0.2.0/24
mode: allow

methods:
  - GET
  - PUT
ports: [80, 443]
proxies: [10.0.0.0/8, "2001:db8::/32"]

tokens:
  default_ttl: 12h
  max_ttl: 30d
  format: prefixed
  cookie:
    name: session
    secure: true
    http_only: true

users:
  - name: john
    tenants:
      - north
    identity:
      secure: auto
  - name: jane
    tenants: [north, south]

upstreams:
  - name: storage
    urls:
      - http://192.0.2.1:9000
      - http://192.0.2.2:9000
    region: eu-west-1
    health:
      path: /minio/health/live
      every: 2s
    s3:
      access_key: AKEXAMPLE

labels:
  site: north
  rack: "12"

zones:
  north:
    rate: 100
  south:
    rate: 50

store:
  etcd:
    endpoints: [192.0.2.10:2379]
    prefix: /gateways/
    deep:
      every: 1s
  max_staleness: 10s

keys_file: /etc/keys
pause: 1m
data_dir: /var/lib/gateway
bare: words
`

// keyLine finds the key of a line of whole, if it is one of a struct.
var keyLine = regexp.MustCompile(`^([ -]*)([a-z0-9_]+):( |$)`)

// mapKeys are names in whole that are free to choose.
var mapKeys = []string{"site", "rack", "north", "south"}

// eachKey calls check with every line of whole that has a key of a struct.
func eachKey(t *testing.T, check func(number int, indent, key string)) {
	t.Helper()
	count := 0
	for i, line := range strings.Split(whole, "\n") {
		m := keyLine.FindStringSubmatch(line)
		if m == nil || slices.Contains(mapKeys, m[2]) {
			continue
		}
		count++
		check(i+1, m[1], m[2])
	}
	if count < 40 {
		t.Errorf("only %d keys were checked", count)
	}
}

// replaced is whole with another line in the place of one.
func replaced(number int, line string) string {
	all := strings.Split(whole, "\n")
	all[number-1] = line
	return strings.Join(all, "\n")
}

func TestWholeFileIsReadPrintedAndReadAgain(t *testing.T) {
	t.Parallel()
	first := load(t, from(whole))
	if first.Users[1].Tenants[1] != "south" || first.Upstreams[0].S3.AccessKey != "AKEXAMPLE" || first.Zones["south"].Rate != 50 {
		t.Errorf("read as %+v", first)
	}
	var b bytes.Buffer
	if err := conf.Print(&b, &first); err != nil {
		t.Fatal(err)
	}
	second := load(t, from(b.String()))
	first.Codes = map[string]tokens.Secret{} // a map that is nil is printed as an empty one
	if !reflect.DeepEqual(first, second) {
		t.Errorf("first  %+v\nsecond %+v", first, second)
	}
}

func TestSlipInAnyKeyIsReportedInItsLineAndMended(t *testing.T) {
	t.Parallel()
	eachKey(t, func(number int, indent, key string) {
		slip := key[:1] + "x" + key[1:]
		got := decodeFaults(replaced(number, indent+slip+":"))
		i := slices.IndexFunc(got, func(f conf.Fault) bool { return f.Message == "unknown key" && f.Line == number })
		if i < 0 {
			t.Errorf("line %d: %s for %s: got %v, want an unknown key in that line", number, slip, key, got)
			return
		}
		if !strings.HasSuffix(got[i].Path, slip) || got[i].Suggestion != key {
			t.Errorf("line %d: got %v, want the path to end in %s and the suggestion %s", number, got[i], slip, key)
		}
	})
}

func decodeFaults(file string) conf.Faults {
	cfg := defaults()
	_, faults := conf.Decode(&cfg, from(file))
	return faults
}

func TestAnyKeyGivenTwiceIsReportedInItsSecondLine(t *testing.T) {
	t.Parallel()
	eachKey(t, func(number int, indent, key string) {
		before := strings.Join(strings.Split(whole, "\n")[:number], "\n")
		second := strings.Repeat(" ", len(indent)) + key + ":"
		if !strings.Contains(before[strings.LastIndex(before, "\n")+1:], key+": ") {
			return // the value is below; a repeated key would take it over
		}
		got := decodeFaults(before + "\n" + second + "\n")
		if len(got) != 1 || got[0].Line != number+1 || got[0].Message != fmt.Sprintf("given twice, first in line %d", number) {
			t.Errorf("line %d: %s twice: got %v", number, key, got)
		}
	})
}

func TestTabBeforeAnyIndentedLineIsReportedInThatLine(t *testing.T) {
	t.Parallel()
	for i, line := range strings.Split(whole, "\n") {
		if !strings.HasPrefix(line, " ") {
			continue
		}
		got := decodeFaults(replaced(i+1, "\t"+strings.TrimLeft(line, " ")))
		if len(got) != 1 || got[0].Line != i+1 || !strings.HasPrefix(got[0].Message, "not valid YAML: ") {
			t.Errorf("line %d: got %v, want one syntax error in that line", i+1, got)
		}
	}
}

func TestEveryKeyOfTheFileHasItsPlace(t *testing.T) {
	t.Parallel()
	cfg := defaults()
	origins, faults := conf.Decode(&cfg, from(whole))
	if faults != nil {
		t.Fatal(faults)
	}
	text := strings.Split(whole, "\n")
	for _, key := range conf.Keys(cfg) {
		path := strings.NewReplacer("[]", "[0]", ".*", ".north").Replace(key)
		file, line := origins.Place(path)
		if line == 0 || path == "users[0].password_hash" {
			continue // not in the file, or only the entry it would be in
		}
		names := strings.FieldsFunc(path, func(r rune) bool { return r == '.' || r == '[' || r == ']' })
		written := slices.ContainsFunc(names, func(name string) bool { return strings.Contains(text[line-1], name+":") })
		if file != "config.yaml" || !written {
			t.Errorf("%s is placed in %s:%d, which says %q", path, file, line, text[line-1])
		}
	}
}

func TestEveryKeyOutsideListsIsAVariable(t *testing.T) {
	t.Parallel()
	for _, key := range conf.Keys(gateway{}) {
		if strings.ContainsAny(key, "[*") {
			continue
		}
		name := "TOLLGATE_" + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
		// Nothing but text takes this; text is what it is for, all else must name the variable.
		cfg := defaults()
		origins, faults := conf.Decode(&cfg, from(whole, name+"=not: [what], it: takes"))
		for _, f := range faults {
			if f.File != "environment "+name || f.Path != key {
				t.Errorf("%s: got %v, want a fault of the variable and the key", key, f)
			}
		}
		if file, _ := origins.Place(key); faults == nil && file != "environment "+name {
			t.Errorf("%s: placed in %s, want the variable", key, file)
		}
	}
}

func TestSameInputHasTheSameFaultsInTheSameOrder(t *testing.T) {
	t.Parallel()
	file := "a: 1\nb: 2\ntokens: {x: 1, y: 2, z: 3, format: [], cookie: 5}\nzones: {a: 1, b: 2, c: {d: 1, e: 2}}\nusers: [{q: 1, r: 2, s: 3}]\n"
	environ := []string{"TOLLGATE_A=1", "TOLLGATE_B=2", "TOLLGATE_WORKERS=x", "TOLLGATE_STORE={a: 1, b: 2}"}
	want := faultsOf(from(file, environ...))
	if len(want) != 19 {
		t.Errorf("got %d faults, want 19:\n%s", len(want), strings.Join(want, "\n"))
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		random.Shuffle(len(environ), func(i, j int) { environ[i], environ[j] = environ[j], environ[i] })
		wantLines(t, faultsOf(from(file, environ...)), want)
	}
}

func TestFaultsInsideAnAnchorAreInTheLineOfTheText(t *testing.T) {
	t.Parallel()
	got := faultsOf(from("zones:\n  a: &z\n    rat: 1\n  b: *z\n"))
	wantLines(t, got, []string{
		`config.yaml:3: zones.a.rat: unknown key (did you mean "rate"?)`,
		`config.yaml:3: zones.b.rat: unknown key (did you mean "rate"?)`,
	})
	got = faultsOf(from("listen: &l [a]\nbare: *l\n"))
	wantLines(t, got, []string{
		`config.yaml:1: listen: expected text, got a list`,
		`config.yaml:2: bare: expected text, got a list`,
	})
}
