package filerepository

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"time"

	"tollgate/admin/api"
	"tollgate/tokens"
	"tollgate/tokens/accounts"
)

// generation is the body of a generate request. Each member is read by itself,
// so that a complaint can name its field.
type generation struct {
	Roles   json.RawMessage `json:"roles"`
	Data    json.RawMessage `json:"data"`
	Expires json.RawMessage `json:"expires"`
}

// limits is the member data of it.
type limits struct {
	Tags               json.RawMessage `json:"tags"`
	AllowedMimeTypes   json.RawMessage `json:"allowedMimeTypes"`
	MaxAllowedFileSize json.RawMessage `json:"maxAllowedFileSize"`
	AllowedUserAgents  json.RawMessage `json:"allowedUserAgents"`
	AllowedIPAddresses json.RawMessage `json:"allowedIpAddresses"`
}

// maxRoles bounds how many roles a token keeps: more than there are.
const maxRoles = 64

// order translates the request into what the token service makes: a token of
// the manager's own, in every tenant that he has.
func (g *generation) order(m tokens.Manager, now time.Time) (tokens.Order, error) {
	roles, err := texts(fieldRoles, g.Roles)
	if err != nil {
		return tokens.Order{}, err
	}
	if len(roles) > maxRoles {
		return tokens.Order{}, about(fieldRoles, api.Invalid("%d roles were read, accepted are at most %d", len(roles), maxRoles))
	}
	grant, err := accounts.GrantOf(roles)
	if err != nil {
		return tokens.Order{}, about(fieldRoles, err)
	}
	expires, err := text(fieldExpires, g.Expires)
	if err != nil {
		return tokens.Order{}, err
	}
	lifetime, err := ParseExpires(expires, now)
	if err != nil {
		return tokens.Order{}, about(fieldExpires, err)
	}
	only, err := g.restrictions()
	if err != nil {
		return tokens.Order{}, err
	}
	if len(only.Types) == 0 {
		only.Types = grant.Types
	}
	only.Uses = grant.Uses
	return tokens.Order{
		API: tokens.FileRepository, At: now, By: m.Subject, Form: tokens.UUID,
		Scope: tokens.Scope{Tenant: tokens.AnyTenant}, Lifetime: lifetime, Roles: roles,
		Allowed: allowances(grant.Permissions), Only: only,
	}, nil
}

// allowances returns what roles give. Those that give nothing, as those for
// collections, make a token that was given nothing: it has roles, and so no
// allowance does not mean everything.
func allowances(given tokens.Permissions) tokens.Allowances {
	if given == 0 {
		return nil
	}
	return tokens.Allowances{{Permissions: given}}
}

// restrictions reads the member data. Absent and null are none.
func (g *generation) restrictions() (tokens.Restrictions, error) {
	var only tokens.Restrictions
	if absent(g.Data) {
		return only, nil
	}
	var data limits
	if err := api.Decode(g.Data, &data); err != nil {
		return only, about(fieldData, err)
	}
	for _, read := range []func(*tokens.Restrictions) error{data.tags, data.types, data.size, data.agents, data.addresses} {
		if err := read(&only); err != nil {
			return only, err
		}
	}
	return only, nil
}

func (l *limits) tags(only *tokens.Restrictions) (err error) {
	if only.Tags, err = texts(fieldTags, l.Tags); err != nil {
		return err
	}
	return checked(fieldTags, tokens.Restrictions{Tags: only.Tags})
}

func (l *limits) types(only *tokens.Restrictions) error {
	all, err := texts(fieldMimeTypes, l.AllowedMimeTypes)
	if err != nil {
		return err
	}
	for i, name := range all {
		if all[i], err = tokens.ParseType(name); err != nil {
			return about(fieldMimeTypes, err)
		}
	}
	only.Types = all
	return checked(fieldMimeTypes, tokens.Restrictions{Types: all})
}

// size reads the number of bytes that an upload must stay below; 0 = none.
func (l *limits) size(only *tokens.Restrictions) error {
	if absent(l.MaxAllowedFileSize) {
		return nil
	}
	if err := json.Unmarshal(l.MaxAllowedFileSize, &only.SizeBelow); err != nil {
		return about(fieldSize, api.Invalid("the size was read as %s, accepted is a whole number of bytes, 0 for any", bounded(string(l.MaxAllowedFileSize))))
	}
	return checked(fieldSize, tokens.Restrictions{SizeBelow: only.SizeBelow})
}

func (l *limits) agents(only *tokens.Restrictions) error {
	all, err := texts(fieldUserAgents, l.AllowedUserAgents)
	if err != nil {
		return err
	}
	for _, name := range all {
		only.Agents = append(only.Agents, tokens.Agent{Text: name})
	}
	return checked(fieldUserAgents, tokens.Restrictions{Agents: only.Agents})
}

func (l *limits) addresses(only *tokens.Restrictions) error {
	all, err := texts(fieldAddresses, l.AllowedIPAddresses)
	if err != nil {
		return err
	}
	for _, name := range all {
		var network netip.Prefix
		if network, err = tokens.ParseNetwork(name); err != nil {
			return about(fieldAddresses, err)
		}
		only.Addresses = append(only.Addresses, network)
	}
	return checked(fieldAddresses, tokens.Restrictions{Addresses: only.Addresses})
}

// checked complains about a field that no token can be restricted to.
func checked(field string, r tokens.Restrictions) error {
	if err := r.Validate(); err != nil {
		return about(field, err)
	}
	return nil
}

// texts reads an array of texts. Absent and null are an empty one, which is
// nil.
func texts(field string, raw json.RawMessage) ([]string, error) {
	if absent(raw) {
		return nil, nil
	}
	var read []*string
	if err := json.Unmarshal(raw, &read); err != nil {
		return nil, about(field, api.Invalid("it was read as %s, accepted is an array of texts", bounded(string(raw))))
	}
	var all []string
	for i, one := range read {
		if one == nil {
			return nil, about(field, api.Invalid("number %d was read as null, accepted is a text", i+1))
		}
		all = append(all, *one)
	}
	return all, nil
}

// text reads a text. Absent and null are the empty one.
func text(field string, raw json.RawMessage) (string, error) {
	if absent(raw) {
		return "", nil
	}
	var read string
	if err := json.Unmarshal(raw, &read); err != nil {
		return "", about(field, api.Invalid("it was read as %s, accepted is a text; %s", bounded(string(raw)), acceptedTimes))
	}
	return read, nil
}

func absent(raw json.RawMessage) bool {
	raw = bytes.TrimSpace(raw)
	return len(raw) == 0 || string(raw) == "null"
}
