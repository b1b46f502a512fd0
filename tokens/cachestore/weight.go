package cachestore

import (
	"reflect"

	"tollgate/tokens"
)

// beside is what an entry takes beside itself and the texts: its place in the
// ring, which grows in steps, and what its texts were cut out of.
const beside = 192

// weightOf estimates the memory that a token takes when it is kept, in bytes.
func weightOf(t *tokens.Token) int64 {
	n := beside + sizeOf[entry]() + len(t.ID) + len(t.API) + len(t.Name) + len(t.Owner) + len(t.Creator) +
		len(t.Scope.Tenant) + len(t.Scope.Domain) + len(t.AccessKey) + cap(t.Secret) +
		len(t.Disabled.By) + len(t.Revoked.By)
	n += texts(t.Tenants) + texts(t.Roles) + texts(t.Only.Types) + texts(t.Only.Tags)
	n += cap(t.Meta) * sizeOf[tokens.Meta]()
	for _, m := range t.Meta {
		n += len(m.Name) + len(m.Value)
	}
	n += cap(t.Allowed) * sizeOf[tokens.Allowance]()
	for _, a := range t.Allowed {
		n += texts(a.Resources)
	}
	n += cap(t.Only.Agents) * sizeOf[tokens.Agent]()
	for _, a := range t.Only.Agents {
		n += len(a.Text)
	}
	return int64(n + cap(t.Only.Addresses)*addressSize)
}

// addressSize is more than a netip.Prefix takes.
const addressSize = 40

func texts[S ~string](all []S) int {
	n := cap(all) * sizeOf[string]()
	for _, text := range all {
		n += len(text)
	}
	return n
}

// sizeOf returns what a value takes by itself, in bytes.
func sizeOf[T any]() int { return int(reflect.TypeFor[T]().Size()) }
