package accounts_test

import (
	"strings"
	"testing"

	"tollgate/tokens"
	"tollgate/tokens/accounts"
)

func TestPlaceOfBucketHosts(t *testing.T) {
	cfg := accounts.Config{
		Tenants: []accounts.TenantConfig{
			{Name: "red", Domains: []string{"s3.example.com", "*.s3.example.com", "objects.s3.example.com"}},
			{Name: "blue", Domains: []string{"s3.example.org", "*.example.org"}},
		},
		BaseDomains: []string{"S3.example.com", "s3.example.org", "deep.s3.example.org"},
	}
	d := accounts.NewDirectory(cfg, nil, nil)
	for _, c := range []struct{ name, host, tenant, domain, bucket string }{
		{"the base domain itself", "s3.example.com", "red", "s3.example.com", ""},
		{"a bucket", "photos.s3.example.com", "red", "s3.example.com", "photos"},
		{"a bucket, with port and dot and capitals", "Photos.S3.example.com.:9000", "red", "s3.example.com", "photos"},
		{"a bucket with dots", "a.b.s3.example.com", "red", "s3.example.com", "a.b"},
		{"a name that a tenant has in full", "objects.s3.example.com", "red", "objects.s3.example.com", ""},
		{"of the longest base domain", "x.deep.s3.example.org", "blue", "deep.s3.example.org", "x"},
		{"a base domain below another", "deep.s3.example.org", "blue", "deep.s3.example.org", ""},
		{"beside the base domain", "xs3.example.org", "blue", "xs3.example.org", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, ok := d.Place(c.host)
			want := accounts.Place{Scope: tokens.Scope{Tenant: c.tenant, Domain: c.domain}, Bucket: c.bucket}
			if !ok || got != want {
				t.Errorf("%q is at %+v, %v; want %+v", c.host, got, ok, want)
			}
		})
	}
}

func TestValidateBases(t *testing.T) {
	tenants := []accounts.TenantConfig{
		{Name: "red", Domains: []string{"s3.example.com", "*.s3.example.com"}},
		{Name: "blue", Domains: []string{"b.example.org", "*.b.example.org"}},
	}
	for _, c := range []struct {
		name  string
		bases []string
		want  string // part of the message; empty = none
	}{
		{"none", nil, ""},
		{"a domain of a tenant, and a pattern of the same", []string{"s3.example.com"}, ""},
		{"a name below another tenant's", []string{"example.org"}, "no tenant has"},
		{"with a port", []string{"s3.example.com:80"}, "no host name"},
		{"an address", []string{"127.0.0.1"}, "no host name"},
		{"a pattern", []string{"*.s3.example.com"}, "no host name"},
		{"twice", []string{"s3.example.com", "S3.example.com"}, "twice"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			accounts.Config{Tenants: tenants, BaseDomains: c.bases}.ValidateBases(func(path, message string) { got = append(got, path+" "+message) })
			if c.want == "" && len(got) > 0 || c.want != "" && (len(got) != 1 || !strings.Contains(got[0], c.want)) {
				t.Errorf("faults are %q, want %q", got, c.want)
			}
		})
	}
	var got []string
	tenants = append(tenants, accounts.TenantConfig{Name: "rest", Domains: []string{"*", "x.s3.example.com"}})
	accounts.Config{Tenants: tenants, BaseDomains: []string{"s3.example.com", "example.org"}}.ValidateBases(func(path, message string) { got = append(got, path+" "+message) })
	if len(got) != 3 || !strings.Contains(got[0], "x.s3.example.com") || !strings.HasPrefix(got[1], "[1]") {
		t.Errorf("faults are %q, want the name below the first and both below the second", got)
	}
}
