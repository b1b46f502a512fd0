package accounts

import (
	"fmt"
	"strings"
)

// ValidateBases reports what is wrong with the base domains, by their index: a
// name below one is a bucket of the tenant that has the base domain, so that
// nothing else may be there.
func (c Config) ValidateBases(report func(path, message string)) {
	p, seen := newPlaces(c.Tenants, nil), make(map[string]bool, len(c.BaseDomains))
	for i, base := range c.BaseDomains {
		path := fmt.Sprintf("[%d]", i)
		host, ok := normalHost(base)
		switch {
		case !ok || hasPort(base) || isAddress(host):
			report(path, fmt.Sprintf("%q is no host name without a port; buckets are the names below it", base))
			continue
		case seen[host]:
			report(path, fmt.Sprintf("%q is given twice", base))
			continue
		}
		seen[host] = true
		tenant, ok := p.tenantOf(host)
		if !ok {
			report(path, fmt.Sprintf("no tenant has %q; add it to the domains of one", base))
			continue
		}
		c.reportBelow(tenant, host, path, report)
	}
}

// reportBelow reports the domains below a base domain: a name in full could be
// a bucket too, and a pattern of another tenant would never count.
func (c Config) reportBelow(tenant, base, path string, report func(path, message string)) {
	for _, t := range c.Tenants {
		for _, d := range t.Domains {
			pattern, fault := normalPattern(d)
			if fault != "" || pattern == "*" {
				continue
			}
			name, wild := strings.CutPrefix(pattern, "*.")
			if below := strings.HasSuffix(name, "."+base) || wild && name == base; !below || wild && t.Name == tenant {
				continue
			}
			report(path, fmt.Sprintf("domains overlap: %q of tenant %q is below the base domain %q", d, t.Name, base))
		}
	}
}
