package accounts

import (
	"strings"

	"tollgate/tokens"
)

// Place is where a request goes: the tenant that has the host, and the host
// in normal form. The zero Place is nowhere.
type Place struct {
	Scope tokens.Scope
	// AnyDomain: no tenants are configured, so that a token for one domain
	// holds on every host.
	AnyDomain bool
	// Bucket is what stands before the base domain where the host is below
	// one; the scope is that of the base domain then. Empty = it is not.
	Bucket string
}

// places maps hosts to tenants. The zero value knows none.
type places struct {
	tenants map[string]struct{}
	exact   map[string]string // host -> tenant
	below   map[string]string // "example.com" for *.example.com -> tenant
	rest    string            // the tenant of *
	bases   map[string]struct{}
	anyHost bool // no tenants are configured
}

// newPlaces reads a valid configuration. Of two equal patterns the first
// counts; what is no pattern matches nothing.
func newPlaces(configured []TenantConfig, bases []string) places {
	p := places{
		tenants: make(map[string]struct{}, len(configured)+1),
		exact:   make(map[string]string),
		below:   make(map[string]string),
		bases:   make(map[string]struct{}, len(bases)),
	}
	for _, base := range bases {
		if host, ok := normalHost(base); ok {
			p.bases[host] = struct{}{}
		}
	}
	if len(configured) == 0 {
		p.tenants[DefaultTenant] = struct{}{}
		p.rest, p.anyHost = DefaultTenant, true
		return p
	}
	for _, t := range configured {
		p.tenants[t.Name] = struct{}{}
		for _, d := range t.Domains {
			p.add(d, t.Name)
		}
	}
	return p
}

func (p *places) add(domain, tenant string) {
	pattern, fault := normalPattern(domain)
	if fault != "" {
		return
	}
	if pattern == "*" {
		if p.rest == "" {
			p.rest = tenant
		}
		return
	}
	in, key := p.exact, pattern
	if suffix, wild := strings.CutPrefix(pattern, "*."); wild {
		in, key = p.below, suffix
	}
	if _, taken := in[key]; !taken {
		in[key] = tenant
	}
}

// tenantOf returns the tenant with the longest pattern that matches a host in
// normal form.
func (p *places) tenantOf(host string) (string, bool) {
	if t, ok := p.exact[host]; ok {
		return t, true
	}
	if len(p.below) > 0 {
		for _, suffix, more := strings.Cut(host, "."); more; _, suffix, more = strings.Cut(suffix, ".") {
			if t, ok := p.below[suffix]; ok {
				return t, true
			}
		}
	}
	return p.rest, p.rest != ""
}

// splitBucket cuts a host in normal form before the longest base domain that
// it is below. A host that a tenant has by its whole name is below none.
func (p *places) splitBucket(host string) (bucket, base string) {
	_, taken := p.exact[host]
	_, itself := p.bases[host]
	if taken || itself || len(p.bases) == 0 {
		return "", host
	}
	for at := strings.IndexByte(host, '.'); at > 0; {
		if _, ok := p.bases[host[at+1:]]; ok {
			return host[:at], host[at+1:]
		}
		next := strings.IndexByte(host[at+1:], '.')
		if next < 0 {
			break
		}
		at += 1 + next
	}
	return "", host
}

// Place returns where a request with that Host header goes: port and one
// trailing dot off, any case. An exact domain comes before a *.suffix, a longer
// suffix before a shorter one, and * last; *.x is not x itself. A host below a
// base domain is where the base domain is. It reports
// false for a host that no tenant has and for what is no host, such as the
// empty one. For a host in normal form it does not allocate.
func (d *Directory) Place(host string) (Place, bool) {
	// The keys are in normal form, so most requests need no more than this.
	if tenant, ok := d.places.exact[host]; ok {
		return Place{Scope: tokens.Scope{Tenant: tenant, Domain: host}}, true
	}
	normal, ok := normalHost(host)
	if !ok {
		return Place{}, false
	}
	bucket, normal := d.places.splitBucket(normal)
	tenant, ok := d.places.tenantOf(normal)
	if !ok {
		return Place{}, false
	}
	return Place{
		Scope:     tokens.Scope{Tenant: tenant, Domain: normal},
		AnyDomain: d.places.anyHost,
		Bucket:    bucket,
	}, true
}

// AnyDomain reports whether no tenants are configured, so that all hosts are one
// domain; Place says the same of each of them.
func (d *Directory) AnyDomain() bool { return d.places.anyHost }

// Tenant reports whether there is a tenant with that name.
func (d *Directory) Tenant(name string) bool {
	_, ok := d.places.tenants[name]
	return ok
}
