package engine

import (
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"tollgate/tokens"
)

// Config says where the engine is and who this gateway is in it. The zero
// Config is refused.
type Config struct {
	// Endpoints of the etcd members: host:port, http://host:port or
	// https://host:port. All are reached in the same way, with TLS or without.
	Endpoints []string
	Prefix    string // of every key; empty = DefaultPrefix. It ends with a slash
	// TLS is how members are reached over TLS. Nil = without TLS, or for
	// https:// with the certificate authorities of the system. A member must
	// have a certificate for the host of its endpoint: ServerName is not taken.
	TLS *tls.Config
	// Username and Password are those of an etcd user, both or neither. It
	// needs to read and write below Prefix and nothing else.
	Username string
	Password tokens.Secret

	// Gateway is the name of this gateway among the others, 1 to 128 printable
	// bytes without a slash. It is shown to people; what counts is told apart by
	// a random mark beside it.
	Gateway string
	// Presence is how long this gateway counts as live after it was heard of
	// last, in whole seconds, at least MinPresence. It must be longer than a
	// gateway answers requests without a proof that it is fresh.
	Presence time.Duration

	// Observe is told of each operation how long it took and how it ended; nil =
	// nobody is.
	Observe func(op string, took time.Duration, err error)
	Log     func(line string) // nil = nobody reads it
	Random  io.Reader         // nil = crypto/rand
}

// What a Config may leave out, and its bounds.
const (
	DefaultPrefix = "/tollgate/"
	MinPresence   = 10 * time.Second

	maxPresence    = time.Hour
	maxGatewayName = 128
	maxPrefix      = 256
)

// completed returns the configuration with all that was left out, or every
// fault that it has. Endpoints say by their scheme how they are reached.
func (c Config) completed() (Config, error) {
	if c.Prefix == "" {
		c.Prefix = DefaultPrefix
	}
	if c.Random == nil {
		c.Random = rand.Reader
	}
	if c.Log == nil {
		c.Log = func(string) {}
	}
	if c.Observe == nil {
		c.Observe = func(string, time.Duration, error) {}
	}
	endpoints, err := completedEndpoints(c.Endpoints, c.TLS != nil)
	c.Endpoints = endpoints
	return c, errors.Join(append(c.faults(), err)...)
}

// faults returns those of all but the endpoints.
func (c Config) faults() []error {
	var all []error
	fault := func(format string, args ...any) { all = append(all, fmt.Errorf(format, args...)) }
	if !strings.HasSuffix(c.Prefix, "/") || len(c.Prefix) > maxPrefix {
		fault("prefix: it does not end with a slash or has more than %d bytes", maxPrefix)
	}
	if !isGatewayName(c.Gateway) {
		fault("gateway: a name has 1 to %d printable bytes and no slash", maxGatewayName)
	}
	if c.Presence < MinPresence || c.Presence > maxPresence || c.Presence%time.Second != 0 {
		fault("presence: %s is not in whole seconds between %s and %s", c.Presence, MinPresence, maxPresence)
	}
	if c.TLS != nil && c.TLS.ServerName != "" {
		fault("tls: another name than the host of the endpoint cannot be asked for")
	}
	if (c.Username == "") != (c.Password == "") {
		fault("username and password: one is given without the other")
	}
	return all
}

func isGatewayName(s string) bool {
	if s == "" || len(s) > maxGatewayName || !utf8.ValidString(s) || strings.Contains(s, "/") {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}

func completedEndpoints(all []string, secure bool) ([]string, error) {
	var faults []error
	if len(all) == 0 {
		faults = append(faults, errors.New("endpoints: there is none"))
	}
	known := make(map[string]bool, len(all))
	schemes := make(map[string]bool, 2)
	var complete []string
	for _, text := range all {
		scheme, host, err := endpointOf(text, secure)
		if err == nil && known[host] {
			err = errors.New("it is given twice")
		}
		if err != nil {
			faults = append(faults, fmt.Errorf("endpoints: %q: %w", text, err))
			continue
		}
		known[host], schemes[scheme] = true, true
		complete = append(complete, scheme+"://"+host)
	}
	if len(schemes) > 1 {
		faults = append(faults, errors.New("endpoints: some are reached over TLS and some are not"))
	}
	return complete, errors.Join(faults...)
}

// endpointOf takes the text of an endpoint apart. A member is never reached
// without TLS when TLS was configured: whoever listens would see all.
func endpointOf(text string, secure bool) (scheme, host string, err error) {
	scheme, host = "http", text
	if secure {
		scheme = "https"
	}
	if strings.Contains(text, "://") {
		if scheme, host, err = splitURL(text); err != nil {
			return "", "", err
		}
	}
	switch {
	case scheme != "http" && scheme != "https":
		return "", "", errors.New("its scheme is neither http nor https")
	case scheme == "http" && secure:
		return "", "", errors.New("it is without TLS, and TLS is configured")
	case !isHostAndPort(host):
		return "", "", errors.New("it is not a host and a port")
	}
	return scheme, host, nil
}

// splitURL returns the two parts that a URL may have.
func splitURL(text string) (scheme, host string, err error) {
	u, err := url.Parse(text)
	if err != nil {
		return "", "", errors.New("it is no URL")
	}
	scheme, host = u.Scheme, u.Host
	u.Scheme, u.Host = "", ""
	if rest := u.String(); rest != "" && rest != "/" {
		return "", "", errors.New("it has more than a scheme, a host and a port")
	}
	return scheme, host, nil
}

// isHostAndPort takes names as DNS has them, addresses without a zone, and a
// port in digits.
func isHostAndPort(s string) bool {
	name, port, err := net.SplitHostPort(s)
	if err != nil || s != net.JoinHostPort(name, port) {
		return false
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return false
	}
	if address, err := netip.ParseAddr(name); err == nil {
		return address.Zone() == ""
	}
	return name != "" && !strings.ContainsFunc(name, isNotOfHost)
}

const hostLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._"

func isNotOfHost(r rune) bool { return !strings.ContainsRune(hostLetters, r) }
