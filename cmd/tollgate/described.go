package main

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"tollgate/admin/management"
	"tollgate/proxy"
	"tollgate/tokens"
)

// check asks the road how it would decide about a described request.
func (g *gatewayProcess) check(_ context.Context, s tokens.Subject, d management.Described) management.Verdict {
	v := g.gateway.Check(s, requestOf(d))
	return management.Verdict{Allowed: v.Allowed, Rule: v.Rule, Detail: v.Detail}
}

// requestOf makes a request of what was described of one.
func requestOf(d management.Described) proxy.Described {
	h := d.Header.Clone()
	if h == nil {
		h = make(http.Header)
	}
	for name, value := range map[string]string{"User-Agent": d.UserAgent, "Content-Type": d.ContentType} {
		if value != "" {
			h.Set(name, value)
		}
	}
	if len(d.Tags) > 0 {
		pairs := make([]string, 0, len(d.Tags))
		for _, tag := range d.Tags {
			key, value, _ := strings.Cut(tag, "=")
			pairs = append(pairs, url.QueryEscape(key)+"="+url.QueryEscape(value))
		}
		h.Set("X-Amz-Tagging", strings.Join(pairs, "&"))
	}
	return proxy.Described{Method: d.Method, Host: d.Host, Target: d.Path, Header: h, Address: d.Address, Size: d.Size}
}
