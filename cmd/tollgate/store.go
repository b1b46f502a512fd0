package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"tollgate/cmd/tollgate/conf"
	"tollgate/tokens"
	"tollgate/tokens/etcdstore"
)

// Store says where tokens are kept: in the data directory alone, or in etcd.
type Store struct {
	Etcd         Etcd          `yaml:"etcd"`
	MaxStaleness time.Duration `yaml:"max_staleness"`
	StaleReads   StaleReads    `yaml:"stale_reads"`
	MinFree      int64         `yaml:"min_free"`
}

// Etcd is the cluster that several gateways share. Without endpoints there is
// none, and the gateway is alone.
type Etcd struct {
	Endpoints []string      `yaml:"endpoints"`
	Prefix    string        `yaml:"prefix"`
	TLS       EtcdTLS       `yaml:"tls"`
	Username  string        `yaml:"username"` // empty = none: a client certificate, or nothing
	Password  tokens.Secret `yaml:"password"`
	// Name tells this gateway from the others, to people; empty = the name of
	// the machine and the public address.
	Name string `yaml:"gateway_name"`
}

// EtcdTLS is the client's side of TLS to etcd.
type EtcdTLS struct {
	CAFile   string `yaml:"ca_file"` // empty = the system's
	CertFile string `yaml:"cert_file"`
	KeyFile  string `yaml:"key_file"`
}

// DefaultStore returns the section that holds when nothing is configured.
func DefaultStore() Store {
	return Store{Etcd: Etcd{Prefix: "/tollgate/"}, MaxStaleness: 5 * time.Second, MinFree: 256 << 20}
}

// StaleReads is what a gateway does that cannot prove that its tokens are fresh.
// The zero StaleReads refuses.
type StaleReads struct {
	// AllowFor is how long it goes on, after max_staleness; 0 = it does not.
	AllowFor time.Duration
}

// allowFor begins the text of a StaleReads that does not refuse.
const allowFor = "allow_for:"

func errStaleReads(text []byte) error {
	return fmt.Errorf("accepted are deny and %q, read %.20q", allowFor+" 60s", text)
}

// UnmarshalText reads deny, or allow_for: and a duration.
func (s *StaleReads) UnmarshalText(text []byte) error {
	span, allowed := strings.CutPrefix(strings.TrimSpace(string(text)), allowFor)
	if !allowed {
		if span != "deny" {
			return errStaleReads(text)
		}
		*s = StaleReads{}
		return nil
	}
	d, err := conf.ParseDuration(strings.TrimSpace(span))
	if err != nil || d <= 0 {
		return errStaleReads(text)
	}
	s.AllowFor = d
	return nil
}

// MarshalText writes what UnmarshalText reads.
func (s StaleReads) MarshalText() ([]byte, error) { //nolint:unparam // of encoding.TextMarshaler
	if s.AllowFor <= 0 {
		return []byte("deny"), nil
	}
	return []byte(allowFor + " " + s.AllowFor.String()), nil
}

// shared reports whether several gateways share the tokens.
func (s *Store) shared() bool { return len(s.Etcd.Endpoints) > 0 }

func (s *Store) validate(report func(path, message string)) {
	s.Etcd.validate(under("etcd", report))
	switch {
	case s.MaxStaleness < time.Second || s.MaxStaleness > etcdstore.MaxBound:
		report("max_staleness", fmt.Sprintf("accepted is 1s to %v; a proof is made each second", etcdstore.MaxBound))
	case s.MaxStaleness+s.StaleReads.AllowFor > etcdstore.MaxBound:
		report("stale_reads", fmt.Sprintf("max_staleness and allow_for are %v together, accepted are at most %v", s.MaxStaleness+s.StaleReads.AllowFor, etcdstore.MaxBound))
	}
	if s.MinFree < 1<<20 {
		report("min_free", "accepted are 1048576 bytes or more")
	}
}

func (e *Etcd) validate(report func(path, message string)) {
	e.validateEndpoints(report)
	if !strings.HasSuffix(e.Prefix, "/") || e.Prefix == "/" {
		report("prefix", fmt.Sprintf("%q is no prefix, accepted is a text that ends with / and is more than that", e.Prefix))
	}
	if (e.TLS.CertFile == "") != (e.TLS.KeyFile == "") {
		report("tls", "cert_file and key_file belong together")
	}
	if (e.Username == "") != (e.Password == "") {
		report("username", "username and password belong together")
	}
}

func (e *Etcd) validateEndpoints(report func(path, message string)) {
	secure := 0
	for i, endpoint := range e.Endpoints {
		path := fmt.Sprintf("endpoints[%d]", i)
		u, err := url.Parse(withScheme(endpoint))
		switch {
		case strings.Contains(endpoint, "@"): // it may hold a password, and is not quoted
			report(path, "names a user, accepted is host:port, http://host:port or https://host:port; the user goes to username and password")
		case slices.Contains(e.Endpoints[:i], endpoint):
			report(path, fmt.Sprintf("%q is there already", endpoint))
		case err != nil || !isEndpoint(u):
			report(path, fmt.Sprintf("%q is no endpoint, accepted is host:port, http://host:port or https://host:port", endpoint))
		case u.Scheme == "https":
			secure++
		}
	}
	if secure > 0 && secure < len(e.Endpoints) {
		report("endpoints", "some are https and some http, accepted is one of them for all")
	}
	if secure == 0 && len(e.Endpoints) > 0 && e.TLS != (EtcdTLS{}) {
		report("tls", "the endpoints are http, which has none; accepted are endpoints of https")
	}
}

// withScheme returns an endpoint as a URL; without a scheme it is http.
func withScheme(endpoint string) string {
	if strings.Contains(endpoint, "://") {
		return endpoint
	}
	return "http://" + endpoint
}

func isEndpoint(u *url.URL) bool {
	return u.Port() != "" && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && strings.Trim(u.Path, "/") == "" && u.RawQuery == ""
}

// clientTLS returns how to speak to https endpoints; nil = they are plain.
func (e *Etcd) clientTLS() (*tls.Config, error) {
	if len(e.Endpoints) == 0 || !strings.HasPrefix(strings.ToLower(e.Endpoints[0]), "https:") {
		return nil, nil //nolint:nilnil // no TLS is no fault
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if e.TLS.CAFile != "" {
		pem, err := os.ReadFile(e.TLS.CAFile)
		if err != nil {
			return nil, fmt.Errorf("store.etcd.tls.ca_file: %w", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("store.etcd.tls.ca_file: %s holds no certificate in PEM form", e.TLS.CAFile) //nolint:err113 // for people alone
		}
	}
	if e.TLS.CertFile == "" {
		return c, nil
	}
	if _, err := tls.LoadX509KeyPair(e.TLS.CertFile, e.TLS.KeyFile); err != nil {
		return nil, fmt.Errorf("store.etcd.tls: %w", err)
	}
	c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		pair, err := tls.LoadX509KeyPair(e.TLS.CertFile, e.TLS.KeyFile) // it may have been renewed
		return &pair, err
	}
	return c, nil
}
