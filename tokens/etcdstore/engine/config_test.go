package engine

import (
	"crypto/tls"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"tollgate/tokens"
)

func valid() Config {
	return Config{Endpoints: []string{"127.0.0.1:1"}, Gateway: "g1", Presence: 30 * time.Second}
}

func TestConfigsAreRefused(t *testing.T) {
	t.Parallel()
	secure := &tls.Config{MinVersion: tls.VersionTLS13}
	rows := map[string]struct {
		spoil func(*Config)
		says  string
	}{
		"nothing":                  {func(c *Config) { *c = Config{} }, "endpoints: there is none"},
		"no endpoint":              {func(c *Config) { c.Endpoints = nil }, "there is none"},
		"an endpoint twice":        {func(c *Config) { c.Endpoints = []string{"a:1", "http://a:1"} }, "given twice"},
		"an endpoint without port": {func(c *Config) { c.Endpoints = []string{"etcd"} }, "not a host and a port"},
		"an endpoint without host": {func(c *Config) { c.Endpoints = []string{":2379"} }, "not a host and a port"},
		"a port of letters":        {func(c *Config) { c.Endpoints = []string{"etcd:http"} }, "not a host and a port"},
		"a port of zero":           {func(c *Config) { c.Endpoints = []string{"etcd:0"} }, "not a host and a port"},
		"a port too high":          {func(c *Config) { c.Endpoints = []string{"etcd:65536"} }, "not a host and a port"},
		"a host with a blank":      {func(c *Config) { c.Endpoints = []string{"etc d:1"} }, "not a host and a port"},
		"an address with a zone":   {func(c *Config) { c.Endpoints = []string{"[fe80::1%eth0]:1"} }, "not a host and a port"},
		"another scheme":           {func(c *Config) { c.Endpoints = []string{"unix://a:1"} }, "neither http nor https"},
		"an endpoint with a path":  {func(c *Config) { c.Endpoints = []string{"http://a:1/v3"} }, "more than a scheme"},
		"an endpoint with a query": {func(c *Config) { c.Endpoints = []string{"http://a:1?x"} }, "more than a scheme"},
		"a user in an endpoint":    {func(c *Config) { c.Endpoints = []string{"http://u:p@a:1"} }, "more than a scheme"},
		"a URL that is none":       {func(c *Config) { c.Endpoints = []string{"http://a:1%zz"} }, "no URL"},
		"another name by TLS":      {func(c *Config) { c.TLS = &tls.Config{ServerName: "other", MinVersion: tls.VersionTLS13} }, "another name"},
		"http beside TLS":          {func(c *Config) { c.Endpoints, c.TLS = []string{"http://a:1"}, secure }, "TLS is configured"},
		"http and https":           {func(c *Config) { c.Endpoints = []string{"http://a:1", "https://b:1"} }, "some are reached over TLS"},
		"plain and https":          {func(c *Config) { c.Endpoints = []string{"a:1", "https://b:1"} }, "some are reached over TLS"},
		"prefix without a slash":   {func(c *Config) { c.Prefix = "/tollgate" }, "prefix"},
		"a prefix too long":        {func(c *Config) { c.Prefix = strings.Repeat("a", 256) + "/" }, "prefix"},
		"no gateway":               {func(c *Config) { c.Gateway = "" }, "gateway"},
		"a gateway with a slash":   {func(c *Config) { c.Gateway = "a/b" }, "gateway"},
		"a gateway with a line":    {func(c *Config) { c.Gateway = "a\n" }, "gateway"},
		"a gateway not in UTF-8":   {func(c *Config) { c.Gateway = "\xff" }, "gateway"},
		"a gateway too long":       {func(c *Config) { c.Gateway = strings.Repeat("g", 129) }, "gateway"},
		"no presence":              {func(c *Config) { c.Presence = 0 }, "presence"},
		"a short presence":         {func(c *Config) { c.Presence = 9 * time.Second }, "presence"},
		"an endless presence":      {func(c *Config) { c.Presence = 2 * time.Hour }, "presence"},
		"parts of a second":        {func(c *Config) { c.Presence = 10*time.Second + time.Millisecond }, "presence"},
		"a user without password":  {func(c *Config) { c.Username = "u" }, "one is given without the other"},
		"a password without user":  {func(c *Config) { c.Password = "canary" }, "one is given without the other"},
	}
	for name, row := range rows {
		c := valid()
		row.spoil(&c)
		e, err := Open(c)
		if e != nil || err == nil || !strings.Contains(err.Error(), row.says) {
			t.Errorf("%s: %v, want a fault that says %q", name, err, row.says)
		}
		if err != nil && strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: the fault shows a secret: %v", name, err)
		}
	}
	_, err := Open(Config{Endpoints: []string{"x"}, Prefix: "a"})
	for _, part := range []string{"prefix", "gateway", "presence", "endpoints"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("faults are %v, want that of %s among them", err, part)
		}
	}
}

func TestEndpointsSayHowTheyAreReached(t *testing.T) {
	t.Parallel()
	secure := &tls.Config{MinVersion: tls.VersionTLS13}
	rows := map[string]struct {
		given []string
		tls   *tls.Config
		want  []string
		isTLS bool
	}{
		"plain":                  {[]string{"a:1", "http://b_2.example-x:2/"}, nil, []string{"http://a:1", "http://b_2.example-x:2"}, false},
		"with TLS":               {[]string{"a:1", "https://b:2"}, secure, []string{"https://a:1", "https://b:2"}, true},
		"with system's roots":    {[]string{"https://a:1"}, nil, []string{"https://a:1"}, true},
		"an address in brackets": {[]string{"[::1]:2379"}, nil, []string{"http://[::1]:2379"}, false},
	}
	for name, row := range rows {
		c := valid()
		c.Endpoints, c.TLS = row.given, row.tls
		got, err := c.completed()
		if err != nil || !reflect.DeepEqual(got.Endpoints, row.want) {
			t.Errorf("%s: %v, %v, want %v", name, got.Endpoints, err, row.want)
			continue
		}
		for _, endpoint := range got.Endpoints {
			m := newMember(got, endpoint)
			if (m.cfg.TLS != nil) != row.isTLS {
				t.Errorf("%s: %s is reached over TLS: %v", name, endpoint, m.cfg.TLS != nil)
			}
			if row.tls != nil && m.cfg.TLS.MinVersion != row.tls.MinVersion {
				t.Errorf("%s: %s is not reached as it was configured", name, endpoint)
			}
		}
	}
	if c, err := valid().completed(); err != nil || c.Prefix != DefaultPrefix || c.Random == nil || c.Log == nil || c.Observe == nil {
		t.Errorf("what is left out is %+v, %v", c, err)
	}
}

// FuzzEndpoint: whatever is taken is a scheme that is asked for, and comes back
// the same.
func FuzzEndpoint(f *testing.F) {
	for _, text := range []string{"a:1", "http://a:1", "https://[::1]:2379/", "://", "http://a:1/%2f", "a:1/b", "http://u@a:1"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, secure := range []bool{false, true} {
			scheme, host, err := endpointOf(text, secure)
			if err != nil {
				continue
			}
			if secure && scheme != "https" {
				t.Errorf("%q is reached without TLS", text)
			}
			if s, h, err := endpointOf(scheme+"://"+host, secure); err != nil || s != scheme || h != host {
				t.Errorf("%q is %s, %s and that is %s, %s, %v", text, scheme, host, s, h, err)
			}
		}
	})
}

// TestEngineWithoutEtcd: it opens, refuses in bounded time and closes.
func TestEngineWithoutEtcd(t *testing.T) {
	t.Parallel()
	for name, user := range map[string]string{"plain": "", "with a user": "gate"} {
		c := valid()
		c.Username, c.Password = user, tokens.Secret(user)
		e, err := Open(c)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		s := e.Session()
		if _, err := s.Proof(t.Context(), valid0()); !errors.Is(err, tokens.ErrEngine) {
			t.Errorf("%s: Proof = %v, want ErrEngine", name, err)
		}
		if err := e.Close(); err != nil {
			t.Error(err)
		}
		if err := e.Close(); err != nil {
			t.Errorf("%s: closing again: %v", name, err)
		}
		if _, err := s.Proof(t.Context(), valid0()); !errors.Is(err, tokens.ErrStoreClosed) {
			t.Errorf("%s: Proof after Close = %v, want ErrStoreClosed", name, err)
		}
		if _, err := e.Turn(t.Context(), "x"); !errors.Is(err, tokens.ErrStoreClosed) {
			t.Errorf("%s: Turn after Close = %v, want ErrStoreClosed", name, err)
		}
		e.Announce(t.Context()) // returns
	}
}
