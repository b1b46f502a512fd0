package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"tollgate/admin"
	"tollgate/cmd/tollgate/conf"
	"tollgate/proxy"
	"tollgate/proxy/caller"
	"tollgate/proxy/upstream"
	"tollgate/tokens"
	"tollgate/tokens/accounts"
	"tollgate/tokens/keyring"
)

// Config is the whole configuration: each package's own, put together.
// config.yaml says what every key means.
type Config struct {
	Listen        string `yaml:"listen"`
	TLS           TLS    `yaml:"tls"`
	ProxyProtocol bool   `yaml:"proxy_protocol"`

	admin.Config `yaml:",inline"`

	Internal        Internal      `yaml:"internal"`
	DataDir         string        `yaml:"data_dir"`
	Keys            tokens.Secret `yaml:"keys"`
	KeysFile        string        `yaml:"keys_file"`
	ShutdownTimeout time.Duration `yaml:"shutdown_timeout"`
	FastLane        bool          `yaml:"fast_lane"`
	Log             Log           `yaml:"log"`
	Tokens          Tokens        `yaml:"tokens"`

	Accounts  accounts.Config     `yaml:",inline"`
	Upstreams []Upstream          `yaml:"upstreams"`
	S3        proxy.SigningConfig `yaml:"s3"`
	Road      proxy.Config        `yaml:",inline"`
	Store     Store               `yaml:"store"`
}

// TLS names the certificate of the public listener; empty = plain HTTP.
type TLS struct {
	CertFile string `yaml:"cert_file"`
	KeyFile  string `yaml:"key_file"`
}

// Internal is the listener for metrics, health and profiles.
type Internal struct {
	Listen string `yaml:"listen"`
}

// Log says what is logged.
type Log struct {
	Level  string `yaml:"level"`  // debug, info, warn, error
	Access bool   `yaml:"access"` // one line per request
}

// Tokens is the section on tokens: the domain's part and that of the cookie.
type Tokens struct {
	tokens.Config `yaml:",inline"`

	Path       string              `yaml:"path"`
	SniffTypes bool                `yaml:"sniff_types"`
	Cookie     caller.CookieConfig `yaml:"cookie"`
	Admins     []string            `yaml:"admins"`
	MaxPerUser int                 `yaml:"max_per_user"`
}

// Upstream is one entry of the list of upstreams.
type Upstream struct {
	upstream.Config `yaml:",inline"`

	S3 *proxy.StorageConfig `yaml:"s3,omitempty"`
}

// SetDefaults gives an entry the defaults of an upstream.
func (u *Upstream) SetDefaults() { u.Config = upstream.Default() }

// Default returns the configuration of a first run.
func Default() Config {
	return Config{
		Listen:          "127.0.0.1:8080",
		Config:          admin.Default(),
		Internal:        Internal{Listen: "127.0.0.1:8081"},
		DataDir:         "./data",
		ShutdownTimeout: 30 * time.Second,
		FastLane:        true,
		Log:             Log{Level: "info", Access: true},
		Tokens: Tokens{
			Config: tokens.Default(), Path: "/.TOKEN/", Cookie: caller.DefaultCookie(),
			Admins: []string{"admin"}, MaxPerUser: 3,
		},
		S3:    proxy.DefaultSigning(),
		Store: DefaultStore(),
	}
}

// folderName is the upstream that is there when none is configured.
const folderName = "files"

// upstreams returns the configured upstreams, or the embedded folder.
func (c *Config) upstreams() []upstream.Config {
	if len(c.Upstreams) == 0 {
		u := upstream.Default()
		u.Name, u.URLs = folderName, []string{"dir:" + filepath.Join(c.DataDir, folderName)}
		return []upstream.Config{u}
	}
	all := make([]upstream.Config, 0, len(c.Upstreams))
	for _, u := range c.Upstreams {
		all = append(all, u.Config)
	}
	return all
}

// storages returns which upstreams are S3 storages, by name.
func (c *Config) storages() map[string]*proxy.StorageConfig {
	all := make(map[string]*proxy.StorageConfig)
	for _, u := range c.Upstreams {
		if u.S3 != nil {
			all[u.Name] = u.S3
		}
	}
	return all
}

// defaultFile is read from the working directory if it is there and no other
// is named.
const defaultFile = "config.yaml"

// loadConfig reads the file, or the default one if file is empty, and the
// environment. The error is a conf.Faults, or that the named file cannot be
// read. The name of the file that was read comes back, "" for none.
func loadConfig(file string, environ []string) (Config, string, error) {
	c := Default()
	name := file
	if name == "" {
		name = defaultFile
	}
	data, err := os.ReadFile(name) // #nosec G304 -- the operator names his own file
	if errors.Is(err, fs.ErrNotExist) && file == "" {
		name, err = "", nil
	}
	if err != nil {
		return c, name, conf.Faults{{File: name, Message: "cannot be read: " + err.Error()}}
	}
	origins, faults := conf.Decode(&c, conf.Source{
		File: name, Data: data, Environ: environ, Prefix: envPrefix, Ignore: clientVariables,
	})
	c.validate(origins.Report(&faults))
	faults.Sort()
	return c, name, faults.Err()
}

const envPrefix = "TOLLGATE_"

// clientVariables are read by the client commands and are no configuration.
var clientVariables = []string{"TOLLGATE_TOKEN", "TOLLGATE_USER", "TOLLGATE_PASSWORD", "TOLLGATE_SERVER", "TOLLGATE_CONFIG", "TOLLGATE_TEST_*"}

// under puts a section in front of the paths that it reports.
func under(section string, report func(path, message string)) func(path, message string) {
	return func(path, message string) { report(section+"."+path, message) }
}

// validate reports every fault of the values.
func (c *Config) validate(report func(path, message string)) {
	c.validateListeners(report)
	c.Validate(report)
	c.Tokens.validate(under("tokens", report))
	c.Accounts.Validate(report)
	c.Accounts.BaseDomains = c.S3.BaseDomains
	c.Accounts.ValidateBases(func(path, message string) { report("s3.base_domains"+path, message) })
	names := c.validateUpstreams(report)
	c.Road.Validate(names, report)
	c.Store.validate(under("store", report))
	if c.DataDir == "" {
		report("data_dir", "empty; accepted is a directory")
	}
	if c.ShutdownTimeout <= 0 {
		report("shutdown_timeout", "accepted is more than 0s")
	}
	if c.Keys != "" && c.KeysFile != "" {
		report("keys", "keys and keys_file are both given; accepted is one of them")
	}
	if c.Store.shared() && c.Keys == "" && c.KeysFile == "" {
		report("keys_file", "several gateways share the tokens, so all need the same sealing keys; accepted is keys_file or keys")
	}
	if c.Keys != "" {
		if _, err := keyring.Parse(c.Keys.Reveal()); err != nil {
			report("keys", err.Error())
		}
	}
	if _, err := logLevel(c.Log.Level); err != nil {
		report("log.level", err.Error())
	}
}

func (c *Config) validateListeners(report func(path, message string)) {
	for path, address := range map[string]string{"listen": c.Listen, "internal.listen": c.Internal.Listen} {
		if _, _, err := net.SplitHostPort(address); err != nil {
			report(path, fmt.Sprintf("%q is no address, accepted is host:port or :port", address))
		}
	}
	if c.Listen == c.Internal.Listen && !strings.HasSuffix(c.Listen, ":0") {
		report("internal.listen", "the same as listen; the internal listener must not be public")
	}
	if (c.TLS.CertFile == "") != (c.TLS.KeyFile == "") {
		report("tls", "cert_file and key_file belong together")
	}
}

func (t *Tokens) validate(report func(path, message string)) {
	t.Validate(report)
	t.Cookie.Validate(under("cookie", report))
	inner := strings.Trim(t.Path, "/")
	if t.Path != "/"+inner+"/" || inner == "" || strings.ContainsAny(inner, ":*?#%\\ ") {
		report("path", fmt.Sprintf("%q is no token path, accepted is one that begins and ends with / and has none of :*?#%%\\ and spaces", t.Path))
	}
	if t.MaxPerUser < 1 {
		report("max_per_user", "accepted is 1 or more")
	}
}

// validateUpstreams returns the names that routes can use.
func (c *Config) validateUpstreams(report func(path, message string)) []string {
	var names []string
	for i, u := range c.Upstreams {
		section := fmt.Sprintf("upstreams[%d]", i)
		u.Validate(under(section, report))
		for _, other := range names {
			if other == u.Name {
				report(section+".name", fmt.Sprintf("%q is there already", u.Name))
			}
		}
		names = append(names, u.Name)
		for j, url := range u.URLs {
			if dir, ok := strings.CutPrefix(url, "dir:"); ok && c.exposes(dir) {
				report(fmt.Sprintf("%s.urls[%d]", section, j), fmt.Sprintf("%q would serve the token store and the sealing keys, which are in %q; accepted is a folder apart from data_dir, or below %s in it", url, c.DataDir, folderName))
			}
		}
		if u.S3 != nil {
			u.S3.Validate(under(section+".s3", report))
			if strings.HasPrefix(strings.Join(u.URLs, ""), "dir:") {
				report(section+".s3", "an embedded folder does not speak S3; give the url of a storage, or leave s3 out")
			}
		}
	}
	if names == nil {
		names = []string{folderName}
	}
	return names
}

// exposes reports whether a served folder and the data directory lie in one
// another, but for the folder that is meant to be served.
func (c *Config) exposes(dir string) bool {
	served, err := filepath.Abs(dir)
	if err != nil {
		return true
	}
	data, err := filepath.Abs(c.DataDir)
	if err != nil {
		return true
	}
	return isBelow(data, served) || isBelow(served, data) && !isBelow(served, filepath.Join(data, folderName))
}

// isBelow reports whether a clean path is dir or lies below it.
func isBelow(path, dir string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}
