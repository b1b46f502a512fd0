package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// tokenRecord is a token as the gateway shows it. What is null there is empty.
type tokenRecord struct {
	ID           string            `json:"id"`
	API          string            `json:"api"`
	Name         string            `json:"name"`
	Description  string            `json:"description"`
	Metadata     map[string]string `json:"metadata"`
	Owner        string            `json:"owner"`
	Creator      string            `json:"creator"`
	Tenant       string            `json:"tenant"`
	Tenants      []string          `json:"tenants"`
	Domain       string            `json:"domain"`
	CreatedAt    string            `json:"created_at"`
	NotBefore    string            `json:"not_before"`
	ExpiresAt    string            `json:"expires_at"`
	State        string            `json:"state"`
	Disabled     markRecord        `json:"disabled"`
	Revoked      markRecord        `json:"revoked"`
	UsedUpAt     string            `json:"used_up_at"`
	Roles        []string          `json:"roles"`
	Grants       []grantRecord     `json:"grants"`
	Restrictions restrictionRecord `json:"restrictions"`
	S3           bool              `json:"s3"`
	AccessKey    string            `json:"access_key"`
	LastUsed     useRecord         `json:"last_used"`
	// These two are in the answer that makes the token alone.
	Token     string `json:"token"`
	SecretKey string `json:"secret_key"`
}

// markRecord is who did something, and when.
type markRecord struct {
	At string `json:"at"`
	By string `json:"by"`
}

func (m markRecord) String() string {
	if m.At == "" {
		return ""
	}
	return m.At + " by " + m.By
}

// useRecord is when a token was used last.
type useRecord struct {
	At      string `json:"at"`
	Address string `json:"address"`
	Agent   string `json:"user_agent"`
	Count   uint64 `json:"count"`
}

func (u useRecord) String() string {
	if u.At == "" {
		return ""
	}
	text := u.At
	if u.Address != "" {
		text += " from " + u.Address
	}
	if u.Agent != "" {
		text += " by " + u.Agent
	}
	return fmt.Sprintf("%s, %d times in all", text, u.Count)
}

// grantRecord is something that a token was given.
type grantRecord struct {
	Permissions []string `json:"permissions"`
	Resources   []string `json:"resources,omitempty"`
}

func (g grantRecord) String() string {
	text := strings.Join(g.Permissions, ",")
	if len(g.Resources) > 0 {
		text += "@" + strings.Join(g.Resources, ",")
	}
	return text
}

// restrictionRecord is what the requests with a token must be like.
type restrictionRecord struct {
	Addresses         []string `json:"addresses"`
	UserAgents        []string `json:"user_agents"`
	UserAgentPatterns []string `json:"user_agent_patterns"`
	MIMETypes         []string `json:"mime_types"`
	Tags              []string `json:"tags"`
	MaxSize           *int64   `json:"max_size"`
	MaxUses           *int64   `json:"max_uses"`
	UsesLeft          *int64   `json:"uses_left"`
}

// fields returns each restriction that there is.
func (r restrictionRecord) fields() []field {
	fields := []field{
		{"addresses", strings.Join(r.Addresses, " ")},
		{"user agents", strings.Join(append(slices.Clone(r.UserAgents), r.UserAgentPatterns...), " | ")},
		{"types", strings.Join(r.MIMETypes, " ")},
		{"tags", strings.Join(r.Tags, " ")},
	}
	if r.MaxSize != nil {
		fields = append(fields, field{"max size", fmt.Sprintf("%d bytes", *r.MaxSize)})
	}
	if r.MaxUses != nil {
		text := fmt.Sprint(*r.MaxUses)
		if r.UsesLeft != nil {
			text = fmt.Sprintf("%d of %s left", *r.UsesLeft, text)
		}
		fields = append(fields, field{"uses", text})
	}
	return slices.DeleteFunc(fields, func(f field) bool { return f.value == "" })
}

// scope says where the token holds, as the content gateway prints it: a
// domain, or a tenant with a plus sign. The own API has tokens for every
// tenant beside these.
func (t *tokenRecord) scope() string {
	switch {
	case t.Domain != "":
		return t.Domain
	case len(t.Tenants) > 0:
		return "+" + strings.Join(t.Tenants, "+")
	case t.Tenant == "any":
		return "any"
	}
	return "+" + t.Tenant
}

// narrowing sums up what narrows the token; "" = nothing does.
func (t *tokenRecord) narrowing() string {
	var parts []string
	if len(t.Roles) > 0 {
		parts = append(parts, "roles "+strings.Join(t.Roles, ","))
	}
	for _, g := range t.Grants {
		parts = append(parts, g.String())
	}
	for _, f := range t.Restrictions.fields() {
		parts = append(parts, f.name+" "+f.value)
	}
	return strings.Join(parts, "; ")
}

// made returns what is said about a new token. The value comes first: it is
// not seen again.
func (t *tokenRecord) made() []field {
	fields := []field{{"token", t.Token}}
	if t.S3 {
		fields = []field{{"access key", t.Token}, {"secret key", t.SecretKey}}
	}
	fields = append(fields, field{"id", t.ID}, field{"owner", t.Owner}, field{"scope", t.scope()}, field{"expiration", orNever(t.ExpiresAt)})
	for _, f := range []field{{"name", t.Name}, {"not before", t.NotBefore}, {"narrowed", t.narrowing()}} {
		if f.value != "" {
			fields = append(fields, f)
		}
	}
	return fields
}

// details returns everything about the token.
func (t *tokenRecord) details() []field {
	fields := []field{
		{"id", t.ID}, {"name", t.Name}, {"description", t.Description}, {"owner", t.Owner}, {"creator", t.Creator}, {"api", t.API},
		{"scope", t.scope()}, {"state", t.State}, {"created", t.CreatedAt}, {"not before", t.NotBefore}, {"expiration", orNever(t.ExpiresAt)},
		{"disabled", t.Disabled.String()}, {"used up", t.UsedUpAt}, {"revoked", t.Revoked.String()}, {"last used", t.LastUsed.String()},
		{"access key", t.AccessKey}, {"roles", strings.Join(t.Roles, " ")},
	}
	for _, g := range t.Grants {
		fields = append(fields, field{"grant", g.String()})
	}
	fields = append(fields, t.Restrictions.fields()...)
	for _, name := range slices.Sorted(maps.Keys(t.Metadata)) {
		fields = append(fields, field{"metadata", name + "=" + t.Metadata[name]})
	}
	return slices.DeleteFunc(fields, func(f field) bool { return f.value == "" })
}

// tokenRows returns the table of a list of tokens.
func tokenRows(all []json.RawMessage) ([][]string, error) {
	rows := [][]string{{"ID", "NAME", "OWNER", "SCOPE", "STATE", "EXPIRES", "LAST USED", "DESCRIPTION", "NARROWED"}}
	for _, raw := range all {
		var t tokenRecord
		if err := json.Unmarshal(raw, &t); err != nil {
			return nil, fmt.Errorf("read the answer: %w", err)
		}
		rows = append(rows, []string{t.ID, t.Name, t.Owner, t.scope(), t.State, orNever(t.ExpiresAt), orNever(t.LastUsed.At), t.Description, t.narrowing()})
	}
	return rows, nil
}

// orNever returns a time, or never where there is none.
func orNever(at string) string {
	if at == "" {
		return "never"
	}
	return at
}
