package management

import (
	"maps"
	"slices"
	"strings"

	"tollgate/admin/api"
	"tollgate/tokens"
)

// The bounds of metadata, in bytes, as the content gateway has them.
const (
	maxMetaValue = 16 << 10
	maxMetaTotal = 32 << 10
	maxMetaName  = 255
)

// descriptionName is the piece of metadata that is a token's description in
// every API.
const descriptionName = "source"

// meta returns the description and the metadata, sorted by name.
func (b *creation) meta() ([]tokens.Meta, error) {
	var all []tokens.Meta
	if b.Description != "" {
		all = append(all, tokens.Meta{Name: descriptionName, Value: b.Description})
	}
	seen := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(b.Metadata)) {
		// Other APIs list a - as a _.
		listed := strings.ReplaceAll(name, "-", "_")
		switch {
		case !isMetaName(name):
			return nil, api.Invalid("metadata: %s is no name, accepted are up to %d lower-case letters, digits, - and _", quoted(name), maxMetaName)
		case name == descriptionName:
			return nil, api.Invalid("metadata: %s is the description of the token, accepted is the member description", descriptionName)
		case seen[listed]:
			return nil, api.Invalid("metadata: %s is there with - and with _, accepted is one of them", quoted(name))
		}
		seen[listed] = true
		all = append(all, tokens.Meta{Name: name, Value: b.Metadata[name]})
	}
	slices.SortFunc(all, func(x, y tokens.Meta) int { return strings.Compare(x.Name, y.Name) })
	return all, checkMeta(all)
}

func checkMeta(all []tokens.Meta) error {
	total := 0
	for _, m := range all {
		member := "metadata." + m.Name
		if m.Name == descriptionName {
			member = "description"
		}
		if err := checkLine(member, m.Value, maxMetaValue); err != nil {
			return err
		}
		total += len(m.Value)
	}
	if total > maxMetaTotal {
		return api.Invalid("description and metadata have %d bytes together, accepted are at most %d", total, maxMetaTotal)
	}
	return nil
}

func isMetaName(name string) bool {
	return name != "" && len(name) <= maxMetaName && !strings.ContainsFunc(name, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '_'
	})
}
