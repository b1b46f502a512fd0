package contentgateway

import (
	"encoding/json"
	"errors"
	"io"
	"strings"

	"tollgate/tokens"
)

// grant is one member of X-User-Token-Grants-Meta, and of the grants of a
// token that was narrowed by it.
type grant struct {
	Permissions []string `json:"permissions"`
	Resources   []string `json:"resources,omitempty"`
}

// grantsOf reads the JSON array of an X-User-Token-Grants-Meta header. Errors
// are *tokens.InvalidError.
func grantsOf(value string) (tokens.Allowances, error) {
	var all []grant
	d := json.NewDecoder(strings.NewReader(value))
	d.DisallowUnknownFields()
	if err := d.Decode(&all); err != nil || len(all) == 0 {
		return nil, tokens.Invalid(`%s was read as %s, accepted is a JSON array like [{"permissions":["storage.read","storage.list"],"resources":["bucket/prefix/"]}]`, headerGrants, bounded(value))
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, tokens.Invalid("%s has something behind its JSON array, accepted is the array alone", headerGrants)
	}
	allowed := make(tokens.Allowances, 0, len(all))
	for _, g := range all {
		a, err := g.allowance()
		if err != nil {
			return nil, err
		}
		allowed = append(allowed, a)
	}
	return allowed, allowed.Validate()
}

func (g grant) allowance() (tokens.Allowance, error) {
	var a tokens.Allowance
	for _, name := range g.Permissions {
		p, err := tokens.ParsePermission(name)
		if err != nil {
			return a, tokens.Invalid("%s: %v", headerGrants, err)
		}
		a.Permissions |= p
	}
	if g.Resources != nil && len(g.Resources) == 0 {
		return a, tokens.Invalid("%s has an empty list of resources, accepted is a list of buckets and path prefixes, or none at all for everywhere", headerGrants)
	}
	for _, text := range g.Resources {
		r, err := tokens.ParseResource(text)
		if err != nil {
			return a, err
		}
		a.Resources = append(a.Resources, r)
	}
	return a, nil
}

// grantsFields returns what a narrowed token was given.
func grantsFields(t *tokens.Token) object {
	if !t.Narrowed() {
		return nil
	}
	all := make([]grant, 0, len(t.Allowed))
	for _, a := range t.Allowed {
		g := grant{Permissions: a.Permissions.Names()}
		for _, r := range a.Resources {
			g.Resources = append(g.Resources, string(r))
		}
		all = append(all, g)
	}
	return object{{"grants", all}}
}
