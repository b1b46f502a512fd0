package tokens

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ErrResource says: the token has the right, but not on that object.
var ErrResource = errors.New("resource is outside of what the token holds for")

// Resource is the beginning of names, at a / boundary: a bucket, a bucket with
// the beginning of its keys, or the beginning of paths. It has no / in front.
// bucket/a covers bucket/a and bucket/a/b and not bucket/ab; bucket/a/ covers
// what lies below alone.
type Resource string

// maxResource bounds a resource, in bytes: a bucket and the longest key of S3.
const maxResource = 64 + 1024

// ParseResource reads a resource. A / in front is taken off.
func ParseResource(s string) (Resource, error) {
	name := strings.TrimPrefix(s, "/")
	switch {
	case isForeign(name):
		return "", Invalid("the resource %q is a URL, an ARN or a pattern, accepted is a bucket or a path prefix; bucket/prefix/ is everything below", s)
	case name == "" || strings.HasPrefix(name, "/"):
		return "", Invalid("the resource %q is empty, accepted is a bucket or a path prefix; leave the resources out to mean everywhere", s)
	case len(name) > maxResource:
		return "", Invalid("the resource has %d bytes, accepted are at most %d", len(name), maxResource)
	}
	for segment := range strings.SplitSeq(name, "/") {
		if segment == "." || segment == ".." {
			return "", Invalid("the resource %q has a dot segment, accepted is a bucket or a path prefix", s)
		}
	}
	if strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\\' }) {
		return "", Invalid("the resource %q has a backslash or a control character, accepted is a bucket or a path prefix", s)
	}
	return Resource(name), nil
}

// isForeign recognises how resources are written elsewhere. Taken as a prefix
// each would cover nothing.
func isForeign(name string) bool {
	return strings.HasPrefix(name, "s3://") || strings.HasPrefix(name, "arn:") || strings.HasSuffix(name, "*")
}

// Covers reports whether the name is r or lies below it. The empty Resource
// covers nothing.
func (r Resource) Covers(name string) bool {
	rest, ok := strings.CutPrefix(name, string(r))
	return ok && r != "" && (rest == "" || r[len(r)-1] == '/' || rest[0] == '/')
}

// coversUnder reports whether everything that begins with a prefix lies below
// r, wherever the prefix ends.
func (r Resource) coversUnder(prefix string) bool {
	return r != "" && strings.HasPrefix(prefix, strings.TrimSuffix(string(r), "/")+"/")
}

// touches reports whether r lies in the bucket or is it.
func (r Resource) touches(bucket string) bool {
	return r.Covers(bucket) || Resource(strings.TrimSuffix(bucket, "/")).Covers(string(r))
}

// Reach says how much of what bears a name an action concerns.
type Reach uint8

// The reaches. The zero Reach is Exact.
const (
	// Exact: the object of that name, and what lies below it where a name
	// can be a folder.
	Exact Reach = iota
	// Under: everything whose name begins with it.
	Under
	// Whole: the bucket as such, with all that is or will be in it.
	Whole
	// Within: the bucket's being there. Any right on anything in it is enough.
	Within
	// Everywhere: what is there at all. The answer is filtered.
	Everywhere
)

// Name is something that an action names beside its own target, with what is
// needed there.
type Name struct {
	Resource string // without a / in front, decoded once
	Needs    Permissions
	Reach    Reach
}

// Allowance is what a narrowed token was given: rights, and where they hold.
type Allowance struct {
	Permissions Permissions
	Resources   []Resource // none = everywhere
}

// covers reports whether the allowance holds for what a name stands for.
func (a Allowance) covers(n Name) bool {
	if len(a.Resources) == 0 {
		return true
	}
	return slices.ContainsFunc(a.Resources, func(r Resource) bool {
		switch n.Reach {
		case Exact:
			return r.Covers(n.Resource)
		case Under:
			return r.coversUnder(n.Resource)
		case Whole:
			return r.Covers(n.Resource) || r == Resource(n.Resource+"/")
		case Within:
			return r.touches(n.Resource)
		case Everywhere:
			return true
		}
		return false
	})
}

// within reports whether all that a allows is allowed by other too.
func (a Allowance) within(other Allowance) bool {
	if !other.Permissions.Covers(a.Permissions) {
		return false
	}
	if len(other.Resources) == 0 {
		return true
	}
	return len(a.Resources) > 0 && !slices.ContainsFunc(a.Resources, func(mine Resource) bool {
		return !slices.ContainsFunc(other.Resources, func(r Resource) bool { return r.Covers(string(mine)) })
	})
}

// Allowances is what a token was given. None = all that its owner has; a
// token that has some is narrowed, and a request needs one that covers both
// the right and the name.
type Allowances []Allowance

// permissions returns all rights that are given anywhere.
func (as Allowances) permissions() Permissions {
	if len(as) == 0 {
		return Everything
	}
	var all Permissions
	for _, a := range as {
		all |= a.Permissions
	}
	return all
}

// Placed reports whether places were given: resources decide, so that it
// matters how a path is read.
func (as Allowances) Placed() bool {
	return slices.ContainsFunc(as, func(a Allowance) bool { return len(a.Resources) > 0 })
}

// check says whether a single allowance gives what a name needs.
func (as Allowances) check(n Name) error {
	if len(as) == 0 {
		return nil
	}
	err := ErrPermission
	for _, a := range as {
		if n.Reach != Within && !a.Permissions.Has(n.Needs) || n.Reach == Within && a.Permissions&StorageAll == 0 {
			continue
		}
		if a.covers(n) {
			return nil
		}
		err = ErrResource
	}
	return err
}

// within reports whether all that as allow is allowed by others too.
func (as Allowances) within(others Allowances) bool {
	if len(others) == 0 {
		return true
	}
	return len(as) > 0 && !slices.ContainsFunc(as, func(a Allowance) bool {
		return !slices.ContainsFunc(others, a.within)
	})
}

// Bounds of what a token can be given.
const (
	maxAllowances = 32
	maxResources  = 64
)

// Validate returns an *InvalidError for allowances that no token can have.
func (as Allowances) Validate() error {
	if len(as) > maxAllowances {
		return Invalid("%d grants were read, accepted are at most %d", len(as), maxAllowances)
	}
	total := 0
	for i, a := range as {
		for _, r := range a.Resources {
			total += len(r)
		}
		if total > maxNarrowing {
			return Invalid("the resources have more than %d bytes together, which are accepted", maxNarrowing)
		}
		if a.Permissions == 0 {
			return Invalid("grant %d has no permissions, accepted are %s", i+1, strings.Join(PermissionNames(), ", "))
		}
		if len(a.Resources) > maxResources {
			return Invalid("grant %d has %d resources, accepted are at most %d", i+1, len(a.Resources), maxResources)
		}
		for _, r := range a.Resources {
			if parsed, err := ParseResource(string(r)); err != nil || parsed != r {
				return Invalid("grant %d: %q is no resource, accepted is a bucket or a path prefix without a / in front", i+1, string(r))
			}
		}
	}
	return nil
}

// Clone returns a copy that shares nothing with as.
func (as Allowances) Clone() Allowances {
	c := slices.Clone(as)
	for i := range c {
		c[i].Resources = slices.Clone(c[i].Resources)
	}
	return c
}

// String returns the allowances for people: permissions and where they hold.
func (as Allowances) String() string {
	parts := make([]string, 0, len(as))
	for _, a := range as {
		part := strings.Join(a.Permissions.Names(), " ")
		if len(a.Resources) > 0 {
			part += fmt.Sprintf(" on %s", a.Resources)
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, "; ")
}
