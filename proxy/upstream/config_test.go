package upstream_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"tollgate/proxy/upstream"
)

func valid(change func(*upstream.Config)) upstream.Config {
	c := upstream.Default()
	c.Name = "files"
	c.URLs = []string{"http://127.0.0.1:9000"}
	change(&c)
	return c
}

func faults(c upstream.Config) (paths []string) {
	c.Validate(func(path, message string) {
		if message != "" {
			paths = append(paths, path)
		}
	})
	return paths
}

func TestValidateReportsEveryFaultWithItsKey(t *testing.T) {
	for _, row := range []struct {
		name   string
		change func(*upstream.Config)
		want   []string
	}{
		{"defaults", func(*upstream.Config) {}, nil},
		{"several servers", func(c *upstream.Config) { c.URLs = []string{"http://a", "https://b:443", "http://[::1]:80"} }, nil},
		{"a folder", func(c *upstream.Config) { c.URLs = []string{"dir:/srv"} }, nil},
		{"no idle timeout", func(c *upstream.Config) { c.Timeouts.Idle = 0 }, nil},
		{"no ejection", func(c *upstream.Config) { c.Health.EjectAfter, c.Health.EjectFor = 0, 0 }, nil},
		{"nothing", func(c *upstream.Config) { *c = upstream.Config{} }, []string{
			"name", "urls", "timeouts.dial", "timeouts.first_byte", "timeouts.keep_alive", "health.interval",
			"health.timeout", "health.healthy_after", "health.unhealthy_after", "max_idle_connections"}},
		{"bad name", func(c *upstream.Config) { c.Name = "A b" }, []string{"name"}},
		{"long name", func(c *upstream.Config) { c.Name = strings.Repeat("x", 64) }, []string{"name"}},
		{"folder and server", func(c *upstream.Config) { c.URLs = []string{"dir:/srv", "http://a"} }, []string{"urls[0]"}},
		{"folder without path", func(c *upstream.Config) { c.URLs = []string{"dir:"} }, []string{"urls[0]"}},
		{"path", func(c *upstream.Config) { c.URLs = []string{"http://a/", "http://a/x"} }, []string{"urls[0]", "urls[1]"}},
		{"query", func(c *upstream.Config) { c.URLs = []string{"http://a?", "http://a?x"} }, []string{"urls[0]", "urls[1]"}},
		{"fragment", func(c *upstream.Config) { c.URLs = []string{"http://a#x"} }, []string{"urls[0]"}},
		{"user", func(c *upstream.Config) { c.URLs = []string{"http://u:p@a"} }, []string{"urls[0]"}},
		{"scheme", func(c *upstream.Config) { c.URLs = []string{"ftp://a", "a:80", "unix:/x", ""} }, []string{"urls[0]", "urls[1]", "urls[2]", "urls[3]"}},
		{"no host", func(c *upstream.Config) { c.URLs = []string{"http://", "http://:80", "http:a"} }, []string{"urls[0]", "urls[1]", "urls[2]"}},
		{"no URL", func(c *upstream.Config) { c.URLs = []string{"http://a:b", "http://%zz"} }, []string{"urls[0]", "urls[1]"}},
		{"twice", func(c *upstream.Config) { c.URLs = []string{"http://a", "http://a"} }, []string{"urls[1]"}},
		{"negative", func(c *upstream.Config) { c.Timeouts.Idle, c.Health.EjectAfter = -1, -1 }, []string{"timeouts.idle", "health.eject_after"}},
		{"ejection without time", func(c *upstream.Config) { c.Health.EjectFor = 0 }, []string{"health.eject_for"}},
		{"health path", func(c *upstream.Config) { c.Health.Path = "live" }, []string{"health.path"}},
		{"health path with space", func(c *upstream.Config) { c.Health.Path = "/a b" }, []string{"health.path"}},
		{"tls without https", func(c *upstream.Config) { c.TLS.ServerName = "x" }, []string{"tls"}},
		{"too many servers", func(c *upstream.Config) {
			c.URLs = nil
			for i := range 65 {
				c.URLs = append(c.URLs, "http://h"+strings.Repeat("x", i))
			}
		}, []string{"urls"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := faults(valid(row.change)); !slices.Equal(got, row.want) {
				t.Errorf("faults at %v, want %v", got, row.want)
			}
		})
	}
}

func TestMessagesDoNotRepeatPasswords(t *testing.T) {
	valid(func(c *upstream.Config) { c.URLs = []string{"http://u:hunter2@a", "http://u:hunter2@a:b"} }).
		Validate(func(path, message string) {
			if strings.Contains(message, "hunter2") {
				t.Errorf("%s: %s", path, message)
			}
		})
}

func TestConfigIsReadFromYAML(t *testing.T) {
	c := upstream.Default()
	err := yaml.Unmarshal([]byte(`
name: s3
urls: [https://a:9000, https://b:9000]
timeouts: {dial: 1s, first_byte: 2m, idle: 0s, keep_alive: 30s}
health: {path: /live, interval: 5s, timeout: 1s, healthy_after: 2, unhealthy_after: 3, eject_after: 4, eject_for: 6s}
max_idle_connections: 7
tls: {ca_file: /etc/ca.pem, server_name: s3.test}
`), &c)
	if err != nil {
		t.Fatal(err)
	}
	want := upstream.Config{
		Name: "s3", URLs: []string{"https://a:9000", "https://b:9000"},
		Timeouts: upstream.Timeouts{Dial: time.Second, FirstByte: 2 * time.Minute, KeepAlive: 30 * time.Second},
		Health: upstream.Health{Path: "/live", Interval: 5 * time.Second, Timeout: time.Second, HealthyAfter: 2,
			UnhealthyAfter: 3, EjectAfter: 4, EjectFor: 6 * time.Second},
		MaxIdleConnections: 7,
		TLS:                upstream.TLS{CAFile: "/etc/ca.pem", ServerName: "s3.test"},
	}
	if !slices.Equal(c.URLs, want.URLs) || c.Timeouts != want.Timeouts || c.Health != want.Health || c.TLS != want.TLS ||
		c.MaxIdleConnections != 7 || c.Name != "s3" {
		t.Errorf("read %+v", c)
	}
}

func TestNewNamesWhatItCannotUse(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(empty, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		change func(*upstream.Config)
		want   string
	}{
		{func(c *upstream.Config) { c.URLs = nil }, "urls"},
		{func(c *upstream.Config) { c.URLs = []string{"http://a/b"} }, "urls[0]"},
		{func(c *upstream.Config) { c.URLs = []string{"dir:" + empty} }, "folder"},
		{func(c *upstream.Config) { c.TLS.CAFile = empty }, "tls.ca_file"},
		{func(c *upstream.Config) { c.TLS.CAFile = empty + ".none" }, "tls.ca_file"},
	} {
		if _, err := upstream.New(valid(row.change), upstream.Observer{}); err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("error %v, want one about %s", err, row.want)
		}
	}
}
