package proxy

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"tollgate/metrics"
	"tollgate/proxy/caller"
	"tollgate/proxy/upstream"
	"tollgate/tokens/accounts"
)

// Config is what the road reads of the configuration. The zero Config has no
// public paths, trusts nobody and sends everything to the first upstream.
type Config struct {
	TrustedProxies []string       `yaml:"trusted_proxies"` // CIDRs whose X-Forwarded-For and -Proto are believed
	TrustedOrigins []string       `yaml:"trusted_origins"` // other origins that may write with a browser's credentials
	Routes         []RouteConfig  `yaml:"routes"`          // first match wins; none = everything to the first upstream
	Public         []PublicConfig `yaml:"public"`          // what needs no token
}

// RouteConfig sends requests to an upstream.
type RouteConfig struct {
	Hosts          []string `yaml:"hosts"`           // Host names, *.x and *; none = *
	PathPrefix     string   `yaml:"path_prefix"`     // at a / boundary; empty = /
	Upstream       string   `yaml:"upstream"`        // its name
	Credentials    []string `yaml:"credentials"`     // forms that count here, the others pass on untouched; none = all count
	TrustedContent bool     `yaml:"trusted_content"` // answers to browsers are not sandboxed
}

// PublicConfig lets requests through that nobody answers for.
type PublicConfig struct {
	Hosts      []string `yaml:"hosts"`       // as in RouteConfig
	Methods    []string `yaml:"methods"`     // none = GET and HEAD
	PathPrefix string   `yaml:"path_prefix"` // at a / boundary; must be given
}

// Validate reports every fault of c, given the names of the upstreams.
func (c Config) Validate(upstreams []string, report func(path, message string)) {
	if _, err := caller.NewAddresses(c.TrustedProxies); err != nil {
		report("trusted_proxies", err.Error())
	}
	if _, err := caller.NewSites(c.TrustedOrigins); err != nil {
		report("trusted_origins", err.Error())
	}
	for i, r := range c.Routes {
		r.validate(upstreams, func(key, message string) { report(fmt.Sprintf("routes[%d]%s", i, key), message) })
	}
	for i, p := range c.Public {
		p.validate(func(key, message string) { report(fmt.Sprintf("public[%d]%s", i, key), message) })
	}
}

func (r RouteConfig) validate(upstreams []string, report func(key, message string)) {
	validateHosts(r.Hosts, report)
	if r.PathPrefix != "" {
		validatePrefix(r.PathPrefix, report)
	}
	if !slices.Contains(upstreams, r.Upstream) {
		report(".upstream", fmt.Sprintf("%q is no upstream, there are: %s", r.Upstream, strings.Join(upstreams, ", ")))
	}
	if _, err := caller.ParseForms(r.Credentials); err != nil {
		report(".credentials", err.Error())
	}
}

func (p PublicConfig) validate(report func(key, message string)) {
	validateHosts(p.Hosts, report)
	if p.PathPrefix == "" {
		report(".path_prefix", "missing; give / if everything shall be public")
	} else {
		validatePrefix(p.PathPrefix, report)
	}
	for _, m := range p.Methods {
		if m == "" || m != strings.ToUpper(m) {
			report(".methods", fmt.Sprintf("%q is no method, methods are written in capitals", m))
		}
	}
}

func validateHosts(hosts []string, report func(key, message string)) {
	for _, h := range hosts {
		bare := strings.TrimPrefix(h, "*.")
		if h != "*" && (bare == "" || strings.ContainsAny(bare, "*/:@ ") || bare != strings.ToLower(bare)) {
			report(".hosts", fmt.Sprintf("%q is no host, accepted are a lower-case name without a port, *.name and *", h))
		}
	}
}

func validatePrefix(prefix string, report func(key, message string)) {
	if !strings.HasPrefix(prefix, "/") || strings.ContainsAny(prefix, "?#") || isAmbiguous(prefix) {
		report(".path_prefix", fmt.Sprintf("%q is no path, accepted is one that begins with / and holds no dot segments, encoded slashes or backslashes", prefix))
	}
}

// Rules is a Config made ready, with what belongs to it. It never changes.
type Rules struct {
	parser    caller.Parser
	cookie    caller.CookieConfig
	addresses *caller.Addresses
	sites     *caller.Sites
	directory func() *accounts.Directory
	login     func(host string) string
	signing   SigningConfig
	sniffs    bool
	routes    []*route
	public    []public
}

type route struct {
	hosts    hosts
	prefix   prefix
	upstream *upstream.Upstream
	counts   *metrics.Upstream
	storage  *storage // nil = the upstream does not speak S3
	accept   caller.Forms
	trusted  bool
}

type public struct {
	hosts   hosts
	prefix  prefix
	methods []string
}

// Surroundings is what rules need from elsewhere.
type Surroundings struct {
	Cookie    caller.CookieConfig
	Upstreams []*upstream.Upstream // in the order of the configuration, at least one
	// Storages says which upstreams, by name, are S3 storages.
	Storages map[string]*StorageConfig
	Signing  SigningConfig
	Metrics  *metrics.Metrics
	// SniffTypes: uploads with a token that is restricted to media types are
	// looked into.
	SniffTypes bool
	Directory  func() *accounts.Directory
	// Login returns the path of the login page on a host, or "" where there
	// is none.
	Login func(host string) string
}

// NewRules makes a valid Config ready.
func NewRules(c Config, s Surroundings) (*Rules, error) {
	addresses, err := caller.NewAddresses(c.TrustedProxies)
	if err != nil {
		return nil, err
	}
	sites, err := caller.NewSites(c.TrustedOrigins)
	if err != nil {
		return nil, err
	}
	rules := &Rules{
		parser: caller.Parser{Cookie: s.Cookie.Name}, cookie: s.Cookie,
		addresses: addresses, sites: sites, directory: s.Directory, login: s.Login,
		signing: s.Signing, sniffs: s.SniffTypes,
	}
	routes := c.Routes
	if len(routes) == 0 {
		routes = []RouteConfig{{Upstream: s.Upstreams[0].Name()}}
	}
	for _, r := range routes {
		made, err := newRoute(r, s)
		if err != nil {
			return nil, err
		}
		rules.routes = append(rules.routes, made)
	}
	for _, p := range c.Public {
		methods := p.Methods
		if len(methods) == 0 {
			methods = []string{http.MethodGet, http.MethodHead}
		}
		rules.public = append(rules.public, public{hosts: p.Hosts, prefix: prefix(p.PathPrefix), methods: methods})
	}
	return rules, nil
}

func newRoute(r RouteConfig, s Surroundings) (*route, error) {
	i := slices.IndexFunc(s.Upstreams, func(u *upstream.Upstream) bool { return u.Name() == r.Upstream })
	if i < 0 {
		return nil, fmt.Errorf("route to %q: no such upstream", r.Upstream)
	}
	accept, err := caller.ParseForms(r.Credentials)
	if err != nil {
		return nil, fmt.Errorf("route to %q: %w", r.Upstream, err)
	}
	return &route{
		hosts: r.Hosts, prefix: prefix(r.PathPrefix), upstream: s.Upstreams[i], counts: s.Metrics.Upstream(r.Upstream), storage: newStorage(s.Storages[r.Upstream]),
		accept: accept, trusted: r.TrustedContent,
	}, nil
}

// routeOf returns the first route that takes the request.
func (r *Rules) routeOf(x *exchange) (*route, error) {
	for _, candidate := range r.routes {
		if !candidate.hosts.have(x.place.Scope.Domain) {
			continue
		}
		path := x.pathFor(candidate)
		if !candidate.prefix.covers(path) {
			if candidate.prefix.covers(plainPath(path)) { // to somebody else it is under the prefix
				return nil, ErrAmbiguousPath
			}
			continue
		}
		if !candidate.prefix.isRoot() && isAmbiguous(path) {
			return nil, ErrAmbiguousPath
		}
		return candidate, nil
	}
	return nil, ErrNoRoute
}

// isPublic reports whether a rule lets the request through without anybody
// who answers for it. A request that names a second object never is.
func (r *Rules) isPublic(x *exchange) (bool, error) {
	if len(x.in.Header["Destination"]) > 0 || x.upgrade != "" || !x.mayBePublic() {
		return false, nil
	}
	for _, p := range r.public {
		if !p.prefix.covers(x.path) || !p.hosts.have(x.place.Scope.Domain) || !slices.Contains(p.methods, x.in.Method) {
			continue
		}
		if isAmbiguous(x.path) {
			return false, ErrAmbiguousPath
		}
		return true, nil
	}
	return false, nil
}
