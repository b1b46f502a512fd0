package upstream

import (
	"fmt"
	"net/url"
	"strings"
	"time"
)

// Config is one entry of the list of upstreams. The zero Config is not valid:
// start from Default and set Name and URLs.
type Config struct {
	// Name is what routes, logs and metrics call it: lower-case letters,
	// digits, - and _.
	Name string `yaml:"name"`
	// URLs are the servers, each http(s)://host:port and nothing more, or
	// exactly one dir:PATH, an embedded folder. With a folder the settings
	// below do nothing.
	URLs     []string `yaml:"urls"`
	Timeouts Timeouts `yaml:"timeouts"`
	Health   Health   `yaml:"health"`
	// MaxIdleConnections is how many idle connections are kept per server.
	MaxIdleConnections int `yaml:"max_idle_connections"`
	TLS                TLS `yaml:"tls"`
}

// Timeouts of exchanges with a server.
type Timeouts struct {
	// Dial bounds connecting, and the TLS handshake once more.
	Dial time.Duration `yaml:"dial"`
	// FirstByte bounds the wait from the request's end to the answer's head.
	FirstByte time.Duration `yaml:"first_byte"`
	// Idle ends an exchange in whose bodies no byte moved for that long; it
	// may take a quarter longer to notice. 0 = never. It does not hold for
	// upgraded connections.
	Idle time.Duration `yaml:"idle"`
	// KeepAlive is how long an unused connection is kept.
	KeepAlive time.Duration `yaml:"keep_alive"`
}

// Health says how servers are watched and when they are passed over.
type Health struct {
	// Path is asked with GET and must answer 200 to 399. Empty = it is
	// enough that the server can be connected to.
	Path     string        `yaml:"path"`
	Interval time.Duration `yaml:"interval"`
	Timeout  time.Duration `yaml:"timeout"`
	// HealthyAfter and UnhealthyAfter are the checks in a row that turn the
	// verdict.
	HealthyAfter   int `yaml:"healthy_after"`
	UnhealthyAfter int `yaml:"unhealthy_after"`
	// EjectAfter is how many requests in a row that found no answer pass
	// the server over for EjectFor. 0 = never.
	EjectAfter int           `yaml:"eject_after"`
	EjectFor   time.Duration `yaml:"eject_for"`
}

// TLS of connections to https servers. Certificates are always checked.
type TLS struct {
	// CAFile holds the PEM certificates to trust instead of the system's.
	CAFile string `yaml:"ca_file"`
	// ServerName is the name expected in the certificate and sent as SNI.
	// Empty = the host of the URL.
	ServerName string `yaml:"server_name"`
}

// Default returns an entry with every setting at its default, without Name
// and URLs.
func Default() Config {
	return Config{
		Timeouts: Timeouts{
			Dial:      5 * time.Second,
			FirstByte: time.Minute,
			Idle:      time.Minute,
			KeepAlive: 90 * time.Second,
		},
		Health: Health{
			Interval:       10 * time.Second,
			Timeout:        2 * time.Second,
			HealthyAfter:   1,
			UnhealthyAfter: 2,
			EjectAfter:     3,
			EjectFor:       10 * time.Second,
		},
		MaxIdleConnections: 256,
	}
}

const (
	folderScheme = "dir:"
	maxServers   = 64 // sets of servers are bits of a uint64
)

// Validate reports every fault with the path of its key, seen from the entry.
// It touches neither disk nor network.
func (c Config) Validate(report func(path, message string)) {
	if !isName(c.Name) {
		report("name", fmt.Sprintf("%q is not a name; use lower-case letters, digits, - and _, at most 63", c.Name))
	}
	if len(c.URLs) == 0 {
		report("urls", "empty; give http://host:port, https://host:port or one dir:PATH")
	}
	if len(c.URLs) > maxServers {
		report("urls", fmt.Sprintf("%d servers are too many; at most %d", len(c.URLs), maxServers))
	}
	seen := make(map[string]bool, len(c.URLs))
	secure := false
	for i, raw := range c.URLs {
		path := fmt.Sprintf("urls[%d]", i)
		if seen[raw] {
			report(path, fmt.Sprintf("%q is given twice", raw))
		}
		seen[raw] = true
		secure = secure || strings.HasPrefix(raw, "https:")
		if fault := c.faultOfURL(raw); fault != "" {
			report(path, fault)
		}
	}
	c.Timeouts.validate(report)
	c.Health.validate(report)
	if c.MaxIdleConnections < 1 {
		report("max_idle_connections", fmt.Sprintf("%d is too few; at least 1", c.MaxIdleConnections))
	}
	if (c.TLS != TLS{}) && !secure {
		report("tls", "set, but none of the urls is https")
	}
}

func (c Config) faultOfURL(raw string) string {
	if dir, ok := strings.CutPrefix(raw, folderScheme); ok {
		if dir == "" {
			return "dir: without a path; write dir:PATH"
		}
		if len(c.URLs) > 1 {
			return "dir:PATH must be the only url"
		}
		return ""
	}
	_, err := serverURL(raw)
	if err != nil {
		return err.Error()
	}
	return ""
}

// serverURL parses the URL of a server, which is scheme and host and nothing
// more. The error does not repeat what could be a password.
func serverURL(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return nil, fmt.Errorf("not a URL; give http://host:port, https://host:port or dir:PATH")
	case u.User != nil:
		return nil, fmt.Errorf("a user in the URL is not supported; credentials have settings of their own")
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, fmt.Errorf("scheme %q is not supported; give http://host:port, https://host:port or dir:PATH", u.Scheme)
	case u.Hostname() == "" || u.Opaque != "":
		return nil, fmt.Errorf("%q has no host; give http://host:port or https://host:port", raw)
	case raw != u.Scheme+"://"+u.Host:
		return nil, fmt.Errorf("%q has more than scheme, host and port; the request's own path is sent", raw)
	}
	return u, nil
}

func (t Timeouts) validate(report func(path, message string)) {
	positive(report, "timeouts.dial", t.Dial)
	positive(report, "timeouts.first_byte", t.FirstByte)
	positive(report, "timeouts.keep_alive", t.KeepAlive)
	if t.Idle < 0 {
		report("timeouts.idle", fmt.Sprintf("%s is negative; 0 turns it off", t.Idle))
	}
}

func (h Health) validate(report func(path, message string)) {
	if h.Path != "" && (h.Path[0] != '/' || checkTarget(h.Path) != nil) {
		report("health.path", fmt.Sprintf("%q is not a path; start it with / or leave it empty to connect only", h.Path))
	}
	positive(report, "health.interval", h.Interval)
	positive(report, "health.timeout", h.Timeout)
	if h.HealthyAfter < 1 {
		report("health.healthy_after", fmt.Sprintf("%d is too few; at least 1", h.HealthyAfter))
	}
	if h.UnhealthyAfter < 1 {
		report("health.unhealthy_after", fmt.Sprintf("%d is too few; at least 1", h.UnhealthyAfter))
	}
	if h.EjectAfter < 0 {
		report("health.eject_after", fmt.Sprintf("%d is negative; 0 turns it off", h.EjectAfter))
	}
	if h.EjectAfter > 0 {
		positive(report, "health.eject_for", h.EjectFor)
	}
}

func positive(report func(path, message string), path string, d time.Duration) {
	if d <= 0 {
		report(path, fmt.Sprintf("%s is not more than 0s", d))
	}
}

func isName(s string) bool {
	if s == "" || len(s) > 63 {
		return false
	}
	return strings.IndexFunc(s, func(r rune) bool { return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyz0123456789-_", r) }) < 0
}
